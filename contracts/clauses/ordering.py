"""ORD: the two orders, each by itself and compared with the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from contracts.clauses.common import PAGED, TIMES, TWO, anchored, as_asked, sure
from contracts.clauses.passages import ORDER, ORDER_WORDS
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import Capability, Order, Page, Query
from contracts.core.result import HELD, Finding, Level
from contracts.core.wording import count, names, place, short
from contracts.openapi.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.evidence.movement import Walk


_LEAST_SEQUENCE = 3
"""Items whose sequence says something of the order."""


def out_of_order(page: Page, order: Order) -> tuple[str, str] | None:
    """The first neighbours on a page whose times contradict the order; ``None`` if there are none."""
    for left, right in pairwise(page.items):
        if left.created_at is None or right.created_at is None:
            continue
        if order.precedes(right.created_at, left.created_at):
            return left.id, right.id
    return None


def _shown(evidence: Evidence, moment: int | None) -> str:
    time = evidence.operation.profile.time
    return time.written(moment) if time is not None else str(moment)


def differ(page: Page) -> bool:
    """Whether the items of a page were not all created in the same second, so that their order shows."""
    return len({item.created_at for item in page.items if item.created_at is not None}) > 1


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
            head = listing.sequence(default, page.query.project_id)[:1]
            yield Finding(
                f"{default}: {names(head)} first",
                f"without order: {names(page.ids, 3)}",
                (page.exchange, *(listing.shown_in(id_, page.exchange) for id_ in head)),
                wrong=0,
            )
        elif differ(page) or not evidence.stands_in(page, default.opposite):
            yield HELD


def judge_page_order(evidence: Evidence, order: Order) -> Iterator[Outcome]:
    """One outcome for each page in this order: whether it is sorted so."""
    for page in evidence.every_page:
        if page.query.order is not order:
            continue
        wrong = out_of_order(page, order)
        if wrong is not None:
            left, right = wrong
            times = {item.id: _shown(evidence, item.created_at) for item in page.items}
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
        if not sure(evidence, walk):
            continue
        for before, page in pairwise(walk.pages):
            order = sound.get(page.exchange.number)
            if order is None or before.exchange.number not in sound or not (before.items and page.items):
                continue
            first = next((item for item in page.items if item.id != page.query.after), None)
            left, right = before.items[-1].created_at, first.created_at if first else None
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


@clause(
    "ORD-005",
    Level.IMPLIED,
    "ascending and descending hold the same items",
    quote=ORDER,
    why="The order decides what is listed, and not only how.",
    good="57 permissions in either order",
    bad="57 descending, 56 ascending",
    probes=("walks",),
    requires={Capability.ID, Capability.ORDER},
    caused_by=("SCO-001",),
    decided_by="list",
    needs=TWO,
)
def both_orders_same_items(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    if not listing.complete:
        yield from _both_orders_same_part(evidence)
    if evidence.part:
        return
    if Capability.CHRONOLOGICAL not in evidence.operation.capabilities:
        yield from _in_another_sequence(evidence)
    for walk in evidence.walks:
        order = evidence.order(walk.pages[0])
        other = listing.sequence(order.opposite)
        if walk.project_id is not None or not walk.ended or not other or not sure(evidence, walk):
            continue
        start = walk.pages[0].query.after
        if start is not None and start not in listing.items:
            continue
        ids = set(walk.ids)
        ends = walk.pages[0].exchange, walk.pages[-1].exchange
        lost = next(
            (
                id_
                for id_ in other
                if id_ not in ids
                and listing.rank(order, id_) is None
                and (start is None or _reaches(order, listing.items[id_].created_at, listing.items[start].created_at))
                and listing.stands(id_, *ends)
            ),
            None,
        )
        if lost is None:
            yield HELD
        else:
            yield Finding(
                f"{short(lost)}, which the {order.opposite} list holds",
                f"the {order} list does not hold it",
                (walk.pages[-1].exchange, listing.shown_in(lost, walk.pages[-1].exchange, order.opposite)),
                wrong=0,
                items=(lost,),
            )


def _in_another_sequence(evidence: Evidence) -> Iterator[Outcome]:
    """A warning where items show no times, and the order that is asked for makes no difference.

    It is no breach, because all items may have the same place in an order, such as the second in which all were made.
    """
    rising, falling = (evidence.listing.sequence(order) for order in (Order.ASCENDING, Order.DESCENDING))
    if rising != falling or len(rising) < _LEAST_SEQUENCE:
        return
    heads = [_head(evidence, order) for order in (Order.DESCENDING, Order.ASCENDING)]
    exchanges = tuple(page.exchange for page in heads if page is not None)
    if len(exchanges) == len(heads):
        said = f"the same {count(len(rising), 'item')} in the same sequence"
        yield Finding("two sequences", said, exchanges, warning=True, stable_list=True)


def _head(evidence: Evidence, order: Order) -> Page | None:
    """The first page in an order that was asked for by its word, the smallest that shows a sequence."""
    heads = [
        page
        for page in evidence.pages
        if page.query == Query(page.query.checkpoint, limit=page.query.limit, order=order) and len(page.items) > 1
    ]
    return min(heads, key=lambda page: (len(page.items), page.exchange.number), default=None)


def _both_orders_same_part(evidence: Evidence) -> Iterator[Outcome]:
    """The same for a part of the list: pages hold what was created between their first and their last item."""
    listing = evidence.listing
    # Most of a long list is seen only once in each order, which suffices if nothing changed.
    may_rest = not evidence.part and not listing.changed
    for run in _joined(evidence):
        order = evidence.order(run[0])
        times = [item.created_at for page in run for item in page.items]
        if None in times or not all(may_rest or anchored(evidence, page) for page in run[1:]):
            continue
        known = [time for time in times if time is not None]
        first, last = min(known, default=0), max(known, default=0)
        ids = {id_ for page in run for id_ in page.ids}
        ends = run[0].exchange, run[-1].exchange
        lost = next(
            (
                id_
                for id_ in listing.sequence(order.opposite)
                if id_ not in ids
                and first < (listing.items[id_].created_at or 0) < last
                and (listing.stands(id_, *ends) or may_rest)
            ),
            None,
        )
        if lost is not None:
            time = listing.items[lost].created_at
            at = next(page for page in run if any(_reaches(order, item.created_at, time) for item in page.items))
            yield Finding(
                f"{short(lost)}, which the {order.opposite} list holds",
                f"the {order} list does not hold it {place(at)}",
                (at.exchange, listing.shown_in(lost, at.exchange, order.opposite)),
                stable_list=not listing.stands(lost, *ends),
                items=(lost,),
                wrong=0,
            )
        elif listing.sequence(order.opposite):
            yield HELD


def _joined(evidence: Evidence) -> list[tuple[Page, ...]]:
    """The runs of pages of the unfiltered list; runs that continue each other are joined."""
    joined: dict[tuple[Order, str], tuple[Page, ...]] = {}
    for run in evidence.runs:
        if run[0].query.project_id is None:
            order = evidence.order(run[0])
            before = joined.pop((order, run[0].query.after or ""), ())
            joined[order, run[-1].ids[-1]] = max(before + run, joined.get((order, run[-1].ids[-1]), ()), key=len)
    return list(joined.values())


def _reaches(order: Order, time: int | None, other: int | None) -> bool:
    """Whether an item of one time comes after an item of another time in this order."""
    if time is None or other is None:
        return False
    return order.precedes(other, time)


@clause(
    "ORD-006",
    Level.IMPLIED,
    "Items of different `created_at` stand in mirrored order in the two",
    quote=ORDER_WORDS,
    why="One of the two orders is not what it says.",
    good="descending: cp_3, cp_2, cp_1; ascending: cp_1, cp_2, cp_3",
    bad="descending: cp_3, cp_2, cp_1; ascending: cp_2, cp_1, cp_3",
    probes=("walks",),
    requires={Capability.ID, Capability.ORDER, Capability.CHRONOLOGICAL},
    caused_by=("SCO-001", "ORD-002", "ORD-003"),
    decided_by="list",
    needs=TIMES,
)
def orders_mirror(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    for page in evidence.pages:
        if page.query.order is not Order.ASCENDING:
            continue
        for left, right in pairwise(page.ids):
            ranks = listing.rank(Order.DESCENDING, left), listing.rank(Order.DESCENDING, right)
            if ranks[0] is None or ranks[1] is None:
                continue
            if left == right or listing.tied(left, right) or not _timed(evidence, left, right):
                continue
            if ranks[0] > ranks[1]:
                yield HELD
            else:
                mirror = _showing(evidence, left, right)
                if mirror is None:
                    continue
                yield Finding(
                    f"ascending: {short(right)} before {short(left)}, as descending has {short(left)} first",
                    f"ascending has {short(left)} first as well",
                    as_asked(mirror, page),
                )


def _timed(evidence: Evidence, *ids: str) -> bool:
    return all(evidence.listing.items[id_].created_at is not None for id_ in ids)


def _showing(evidence: Evidence, left: str, right: str) -> Page | None:
    """The smallest descending page that holds both."""
    holding = [
        page
        for page in evidence.pages
        if page.query.order is Order.DESCENDING
        and left in page.ids
        and right in page.ids
        and page.ids.index(left) < page.ids.index(right)
    ]
    return min(holding, key=lambda page: (len(page.items), page.exchange.number), default=None)


@clause(
    "ORD-007",
    Level.IMPLIED,
    "The order of ties is the same in every answer of the same order",
    quote=ORDER,
    why="Permissions granted in one request share their second: where they change places, pages lose and double them.",
    good="limit=2: cp_4, cp_5; limit=9: …, cp_4, cp_5, …",
    bad="limit=2: cp_4, cp_5; limit=9: …, cp_5, cp_4, …",
    probes=PAGED,
    requires={Capability.ID, Capability.CHRONOLOGICAL},
    caused_by=("SCO-001",),
    decided_by="list",
    needs=Needs(items=2, tie=True),
)
def ties_keep_their_places(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    first: dict[tuple[Order, str, str], Page] = {}
    for page in (*evidence.pages, *evidence.together):
        order = evidence.order(page)
        for left, right in pairwise(page.ids):
            if (
                left == right
                or left not in listing.items
                or right not in listing.items
                or not listing.tied(left, right)
            ):
                continue
            before = first.get((order, right, left))
            if before is not None:
                yield Finding(
                    f"{order}: {short(right)} before {short(left)}, as in an earlier answer",
                    f"{short(left)} comes first",
                    (before.exchange, page.exchange),
                )
                continue
            known = first.setdefault((order, left, right), page)
            if (left, right) in listing.inversions(page, order):
                earlier = _holding(evidence, order, right, left)
                if earlier is not None:
                    yield Finding(
                        f"{order}: {short(right)} before {short(left)}, as in other answers",
                        f"{short(left)} comes first",
                        (earlier.exchange, page.exchange),
                    )
            elif known is not page:
                yield HELD
    for walk in evidence.walks:
        if sure(evidence, walk):
            yield from _over_pages(evidence, walk)


def _over_pages(evidence: Evidence, walk: Walk) -> Iterator[Outcome]:
    """Ties at page boundaries of a walk: the last item of a page and the first one of the next."""
    listing = evidence.listing
    for before, page in pairwise(walk.pages):
        if not before.items or not page.items or page.query.after in page.ids:
            continue
        order, left, right = evidence.order(page), before.ids[-1], page.ids[0]
        ranks = listing.rank(order, left), listing.rank(order, right)
        if ranks[0] is None or ranks[1] is None or not listing.tied(left, right):
            continue
        if ranks[0] < ranks[1]:
            if _holding(evidence, order, left, right) is not None:
                yield HELD
            continue
        earlier = _holding(evidence, order, right, left)
        if earlier is not None and right not in before.ids:
            yield Finding(
                f"{order}: {short(right)} before {short(left)}, as in other answers",
                f"{short(left)} comes first",
                (earlier.exchange, before.exchange, page.exchange),
            )


def _holding(evidence: Evidence, order: Order, left: str, right: str) -> Page | None:
    for page in evidence.pages:
        if evidence.order(page) is not order or left not in page.ids or right not in page.ids:
            continue
        if page.ids.index(left) < page.ids.index(right):
            return page
    return None
