"""ORD: items stand in the order that was asked for, on a page and from page to page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from contracts.clauses.common import PAGED, TIMES, all_anchored
from contracts.clauses.passages import ORDER, ORDER_WORDS
from contracts.clauses.registry import Outcome, clause
from contracts.core.model import Capability, Order, Page
from contracts.core.result import HELD, Finding, Level
from contracts.core.wording import names, place, short
from contracts.openapi.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence


def out_of_order(page: Page, order: Order) -> tuple[str, str] | None:
    """The first neighbours on a page whose times contradict the order; ``None`` if there are none."""
    for left, right in pairwise(page.items):
        if left.time is None or right.time is None:
            continue
        if order.precedes(right.time, left.time):
            return left.id, right.id
    return None


def _shown(evidence: Evidence, moment: int | None) -> str:
    time = evidence.operation.profile.time
    return time.written(moment) if time is not None else str(moment)


def differ(page: Page) -> bool:
    """Whether the items of a page were not all created in the same second, so that their order shows."""
    return len({item.time for item in page.items if item.time is not None}) > 1


@clause(
    "ORD-001",
    Level.DOCUMENTED,
    "Without `order` the list is the one of order=descending",
    quote=Quote("descending", at="parameters/order/schema/default"),
    why="Clients that want the newest permissions get the oldest.",
    good="no order: the newest first",
    bad="no order: the oldest first",
    probes=PAGED,
    requires={Capability.ORDER, Capability.DEFAULT_ORDER},
    caused_by=("SCO-001", "ITM-004", "ITM-008", "ITM-009", "ORD-007"),
    decided_by="list",
    needs=TIMES,
)
def default_order(evidence: Evidence) -> Iterator[Outcome]:
    default = evidence.operation.default_order
    listing = evidence.listing
    for page in evidence.pages:
        if page.query.order is not None or not page.items:
            continue
        wrong = out_of_order(page, default)
        if wrong is not None:
            left, right = wrong
            yield Finding(
                f"{default}: {short(right)} before {short(left)}, which was created earlier"
                if default is Order.DESCENDING
                else f"{default}: {short(left)} after {short(right)}",
                f"without order: {names(page.ids, 3)}",
                (page.exchange,),
                items=(right,),
            )
        elif evidence.order(page) is not default:
            head = listing.sequence(default, page.query.facet)[:1]
            yield Finding(
                f"{default}: {names(head)} first",
                f"without order: {names(page.ids, 3)}",
                (page.exchange, *(listing.shown_in(id_, page.exchange) for id_ in head)),
                wrong=0,
            )
        elif differ(page) or not evidence.fits(page, default.opposite):
            yield HELD


def judge_page_order(evidence: Evidence, order: Order) -> Iterator[Outcome]:
    """One outcome for each page in this order: whether it is sorted so."""
    for page in evidence.every_page:
        if page.query.order is not order:
            continue
        wrong = out_of_order(page, order)
        if wrong is not None:
            left, right = wrong
            times = {item.id: _shown(evidence, item.time) for item in page.items}
            sign = "no later than" if order is Order.DESCENDING else "no earlier than"
            yield Finding(
                f"{short(right)} created {sign} {short(left)} ({times[left]})",
                times[right],
                (page.exchange,),
                items=(right,),
            )
        elif differ(page):
            yield HELD


@clause(
    "ORD-002",
    Level.IMPLIED,
    "descending: `created_at` never rises within a page",
    quote=ORDER_WORDS,
    why="A client that stops at a known time misses newer permissions.",
    good="order=descending: created_at 30, 20, 20, 10",
    bad="order=descending: created_at 30, 10, 20",
    probes=PAGED,
    requires={Capability.CHRONOLOGICAL},
    caused_by=("SCO-001", "ITM-004", "ITM-008", "ITM-009"),
    decided_by="answer",
    needs=TIMES,
)
def descending_falls(evidence: Evidence) -> Iterator[Outcome]:
    yield from judge_page_order(evidence, Order.DESCENDING)


@clause(
    "ORD-003",
    Level.IMPLIED,
    "ascending: `created_at` never falls within a page",
    quote=ORDER_WORDS,
    why="A client that stops at a known time misses older permissions.",
    good="order=ascending: created_at 10, 20, 20, 30",
    bad="order=ascending: created_at 30, 20, 10",
    probes=(*PAGED, "scope.others"),
    requires={Capability.ORDER, Capability.CHRONOLOGICAL},
    caused_by=("SCO-001", "ITM-004", "ITM-008", "ITM-009"),
    decided_by="answer",
    needs=TIMES,
)
def ascending_rises(evidence: Evidence) -> Iterator[Outcome]:
    yield from judge_page_order(evidence, Order.ASCENDING)


@clause(
    "ORD-004",
    Level.IMPLIED,
    "The order holds from page to page of a walk",
    quote=ORDER,
    why="Pages that are sorted each by itself don't make a sorted list.",
    good="[30, 20] [20, 10]",
    bad="[30, 10] [20, 5]",
    probes=("walks.singles", "walks.pages", "walks.within"),
    requires={Capability.CHRONOLOGICAL},
    caused_by=("SCO-001", "PAG-010", "PAG-011", "ORD-002", "ORD-003", "ITM-004", "ITM-008", "ITM-009", "TOK-002"),
    decided_by="list",
    needs=TIMES,
)
def order_holds_over_pages(evidence: Evidence) -> Iterator[Outcome]:
    sound = {page.exchange.number: order for page, order in evidence.sound}
    for walk in evidence.walks:
        if not all_anchored(evidence, walk):
            continue
        for before, page in pairwise(walk.pages):
            order = sound.get(page.exchange.number)
            if order is None or before.exchange.number not in sound or not (before.items and page.items):
                continue
            first = next((item for item in page.items if item.id != page.query.after), None)
            left, right = before.items[-1].time, first.time if first else None
            if first is None or left is None or right is None:
                continue
            if order.precedes(right, left):
                beyond = "newer" if order is Order.DESCENDING else "older"
                yield Finding(
                    f"{order}: nothing {beyond} than {_shown(evidence, left)} {place(page)}",
                    f"the page begins with {short(first.id)}, created at {_shown(evidence, right)}",
                    (before.exchange, page.exchange),
                    items=(first.id,),
                )
            elif left != right:
                yield HELD
