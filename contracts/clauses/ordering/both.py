"""ORD: the two orders show the same list."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from contracts.clauses.common import TIMES, TWO, all_anchored, anchored, as_asked
from contracts.clauses.passages import ORDER, ORDER_WORDS
from contracts.clauses.registry import Outcome, clause
from contracts.core.model import Capability, Order, Page, Query
from contracts.core.result import HELD, Finding, Level
from contracts.core.wording import count, place, short

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

_LEAST_SEQUENCE = 3
"""Items whose sequence says something of the order."""


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
        if walk.facet is not None or not walk.ended or not other or not all_anchored(evidence, walk):
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
                and (start is None or _reaches(order, listing.items[id_].time, listing.items[start].time))
                and listing.existed(id_, *ends)
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
        if page.query == Query(page.query.scope, limit=page.query.limit, order=order) and len(page.items) > 1
    ]
    return min(heads, key=lambda page: (len(page.items), page.exchange.number), default=None)


def _both_orders_same_part(evidence: Evidence) -> Iterator[Outcome]:
    """The same for a part of the list: pages hold what was created between their first and their last item."""
    listing = evidence.listing
    # Most of a long list is seen only once in each order, which suffices if nothing changed.
    may_rest = not evidence.part and not listing.changed
    for run in _joined(evidence):
        order = evidence.order(run[0])
        times = [item.time for page in run for item in page.items]
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
                and first < (listing.items[id_].time or 0) < last
                and (listing.existed(id_, *ends) or may_rest)
            ),
            None,
        )
        if lost is not None:
            time = listing.items[lost].time
            at = next(page for page in run if any(_reaches(order, item.time, time) for item in page.items))
            yield Finding(
                f"{short(lost)}, which the {order.opposite} list holds",
                f"the {order} list does not hold it {place(at)}",
                (at.exchange, listing.shown_in(lost, at.exchange, order.opposite)),
                stable_list=not listing.existed(lost, *ends),
                items=(lost,),
                wrong=0,
            )
        elif listing.sequence(order.opposite):
            yield HELD


def _joined(evidence: Evidence) -> list[tuple[Page, ...]]:
    """The runs of pages of the unfiltered list; runs that continue each other are joined."""
    joined: dict[tuple[Order, str], tuple[Page, ...]] = {}
    for run in evidence.stretches:
        if run[0].query.facet is None:
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
    return all(evidence.listing.items[id_].time is not None for id_ in ids)


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
