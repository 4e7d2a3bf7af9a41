"""Walks: both orders, several page sizes, each facet, and what comes after the last item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice, pairwise, zip_longest
from typing import Final

from contracts.core.model import Order, Query
from contracts.evidence.evidence import CONTROL
from contracts.evidence.listing import Listing
from contracts.probes.asking import Asking, Read
from contracts.probes.cursors import of_another_facet, risky

SIZES = (100, 50, 20, 10)
"""The page sizes to try for control walks, until the target accepts one."""

PART_OF_A_WALK = 16
"""A control walk may take one in so many requests of the budget."""

WINDOW = 4
"""Pages that a control walk reads at the head of a list that is too long for it."""

MOST_FACETS = 5

SURPLUS = 2
"""Pages that a walk may have beyond the expected number."""

FEW = 30
"""With fewer requests only the essential walks are made."""

TIGHT = 55
"""With fewer requests not every facet and size is covered."""

USUAL_SIZES = (20, 50, 25, 5, 30, 15, 40, 4, 6, 8, 12)
"""Page sizes that clients choose, the most common first; a server may be wrong with only one of them."""

SINGLES = 4
"""Pages of one item that are read at the head of a list."""

FEWEST = 3
"""So many items fill more than one page only with pages of one item."""

STRETCH = 4
"""Pages in the middle of a list that are read in one order and then in the other."""

BOTH_ENDS = 6
"""A walk that is too long for the share may use one in so many of the remaining requests, at each end of the list."""


def control_walk(asking: Asking) -> None:
    """Make a control walk: read the current list, newest first."""
    read_list(asking, Order.DESCENDING, fresh=True)
    asking.fresh = asking.listing.moved


def read_list(asking: Asking, order: Order, *, fresh: bool = False) -> None:
    """Read the list, or as much of it as the budget allows, with the largest accepted page size.

    With ``fresh`` caches are asked to revalidate; otherwise requests are those of ordinary clients.
    """
    control = order is Order.DESCENDING
    while True:
        query = asking.query(limit=asking.size, order=order)
        most = max(3, asking.client.budget // PART_OF_A_WALK) if asking.short is not False else WINDOW
        pages = asking.walk(query, most=most, name=CONTROL if control else "walk", fresh=fresh)
        if pages and asking.short is None:
            asking.short = pages[-1].has_more is False or not pages[-1].items
        last = asking.client.exchanges[-1]
        smaller = next((size for size in SIZES if size < asking.size), None)
        final = last.failure is not None or last.status in {401, 403, 404, 405}
        if pages or smaller is None or not last.refused or final:
            return
        asking.size = smaller


@dataclass(frozen=True, slots=True)
class _PlannedWalk:
    """One walk, and the expected number of its pages."""

    query: Query
    pages: int
    most: int
    """The most pages, even if the list goes on."""


@dataclass(frozen=True)
class _Start:
    """The walks of one run, what is known of the list when they begin, and the room for them.

    With ``few`` requests only the essential walks are made; in a ``tight`` share not every facet and size is covered.
    """

    asking: Asking
    listing: Listing
    few: bool
    tight: bool

    @property
    def facets(self) -> tuple[str, ...]:
        return self.listing.facets[: 1 if self.tight else MOST_FACETS]

    @cached_property
    def sizes(self) -> dict[str, int]:
        """How many items the facets with the most items have."""
        facets = self.listing.facets[:MOST_FACETS]
        return {facet: len(self.listing.sequence(Order.DESCENDING, facet)) for facet in facets}

    @property
    def smallest(self) -> str | None:
        """The facet of these with the fewest items."""
        return min(self.sizes, key=lambda facet: (self.sizes[facet], facet), default=None)

    def walk(self, items: int, size: int | None, order: Order | None, facet: str | None = None) -> _PlannedWalk:
        """A walk through so many items."""
        step = size if size is not None else self.asking.operation.usual_limit
        pages = max(1, -(-items // min(step, self.asking.size)))
        return _PlannedWalk(self.asking.query(limit=size, order=order, facet=facet), pages, pages + SURPLUS)


def walks(asking: Asking) -> None:
    """Walk through the list in various ways, those that return the most different pages first."""
    read_list(asking, Order.ASCENDING)
    # On a list that is too long for one walk, each walk adds to what is known.
    with asking.gathered() if asking.short else nullcontext():
        start = _Start(asking, asking.listing, few=asking.left < FEW, tight=FEW <= asking.left < TIGHT)
        for part, made, ask in _PARTS:
            if (not part or asking.wants(part)) and made(start):
                ask(start)


def pages_of(items: int) -> int:
    """The number of pages of `USUAL_SIZE` for so many items."""
    return max(1, -(-items // SIZES[0]))


def walk_to_the_end(asking: Asking, order: Order, most: int, read: Read) -> None:
    """Walk through a list of any length with the largest accepted page size."""
    asking.walk_through(asking.query(limit=asking.size, order=order), most=most, name="whole", read=read)


def after_the_ends(asking: Asking) -> None:
    """Ask for the page after the last item of each order, where a walk came to it; look at that item before and after.

    The last item of one order is among the first of the other.
    """
    for order, last in asking.last_items.items():
        head = asking.query(limit=asking.size, order=order.opposite)
        asking.ask(head)
        asking.ask(asking.query(after=last, order=order))
        asking.ask(head)


def further(asking: Asking) -> None:
    """Request what the walks left out: the middle of a long list, full pages at its end, usual sizes, cursors."""
    with asking.gathered() if asking.short else nullcontext():
        if asking.wants("full"):
            _exact_ends(asking)
        if asking.wants("pages"):
            _onward(asking, asking.left // 2)
        if asking.wants("sizes"):
            _usual_sizes(asking)
    if asking.wants("cursors"):
        _every_cursor(asking)


def _exact_ends(asking: Asking) -> None:
    """Request full pages that are followed by nothing or by one item, and the page after those of a facet."""
    listing = asking.listing
    default = asking.operation.usual_limit
    queries = []
    for order in Order:
        for left in (default, default + 1):
            before = listing.sequence(order)[-left - 1 :]
            if len(before) > left:
                queries.append(asking.query(after=before[0], order=order))
    for facet in listing.facets[:1]:
        foreign = of_another_facet(listing, Order.DESCENDING, facet)
        if foreign is not None:
            queries.append(asking.query(after=foreign, limit=3, order=Order.DESCENDING, facet=facet))
    for facet in listing.facets[:MOST_FACETS]:
        for order in Order:
            items = len(listing.sequence(order, facet))
            if items <= asking.size:
                queries.append(asking.query(limit=items, order=order, facet=facet))
        last = listing.last(Order.ASCENDING, facet)
        if last is not None:
            queries.append(asking.query(after=last, order=Order.ASCENDING, facet=facet))
    asking.ask_all(queries)


def _usual_sizes(asking: Asking) -> None:
    """Request pages of the sizes that clients choose, after the first item, as far as the list fills them."""
    asked = {query.limit for _, query in asking.evidence.allowed if query.after is not None}
    queries = []
    for size in USUAL_SIZES:
        order = asking.rng.choice(list(Order))
        sequence = asking.listing.sequence(order)
        if size not in asked and size <= asking.size and size + 1 < len(sequence):
            query = asking.query(after=sequence[0], limit=size, order=order)
            queries.append(query if asking.request(query) is not None else replace(query, after=None))
    asking.ask_all(queries)


def _every_cursor(asking: Asking) -> None:
    chosen = islice(_unused_cursors(asking), max(0, asking.left))
    asking.ask_all([asking.query(after=id_, order=order, limit=asking.rng.choice([1, 2, 3])) for order, id_ in chosen])


def _unused_cursors(asking: Asking) -> Iterator[tuple[Order, str]]:
    """The items that were not used as cursors yet, in either order: the riskiest first, then the others at random."""
    evidence = asking.evidence
    used = {(query.order, query.after) for _, query in evidence.allowed if query.facet is None}
    by_order = {order: risky(evidence.listing, order) for order in Order}
    of_both = chain.from_iterable(zip_longest(*([(order, id_) for id_ in ids] for order, ids in by_order.items())))
    ranked = [each for each in of_both if each is not None and each not in used]
    rest = [
        (order, id_)
        for order in Order
        for id_ in evidence.listing.sequence(order)
        if (order, id_) not in used and (order, id_) not in ranked
    ]
    asking.rng.shuffle(rest)
    yield from ranked
    yield from rest


def _onward(asking: Asking, most: int) -> None:
    """Walk from the last known item into the middle of a long list, and back in the other order.

    What is lost in one order only shows where the other one was seen.
    """
    if asking.short is not False:
        return
    left = asking.left - most
    seen = next((walk.pages for walk in asking.evidence.walks if walk.control), ())
    pages = [page for page in seen if page.items] if asking.turning_point is None else []
    while asking.left > left:
        if pages:
            asking.turning_point = pages[-1].ids[-1]
            back = asking.query(after=asking.turning_point, limit=asking.size, order=Order.ASCENDING)
            asking.walk(back, most=min(len(pages), asking.left - left))
            if not pages[-1].has_more:
                return
        stretch = max(1, min(STRETCH, (asking.left - left) // 2))
        onward = asking.query(after=asking.turning_point, limit=asking.size, order=Order.DESCENDING)
        pages = [page for page in asking.walk(onward, most=stretch) if page.items]
        if not pages:
            return


def _walk_each(start: _Start, plans: Iterable[_PlannedWalk]) -> None:
    for plan in plans:
        _walk(start.asking, plan)


def _walk(asking: Asking, plan: _PlannedWalk) -> None:
    if asking.short and asking.left >= plan.pages:
        asking.walk_all([(plan.query, plan.pages, plan.most)])
        return
    pages = max(2, asking.left // BOTH_ENDS)
    if asking.left >= 2 * pages:
        asking.walk_all([(plan.query, pages, pages)])
        start = _near_the_end(asking, plan.query, pages)
        if start is not None:
            asking.walk_all([(replace(plan.query, after=start), pages, pages + SURPLUS)])


def _near_the_end(asking: Asking, query: Query, pages: int) -> str | None:
    """A known item that lies so many pages before the end of the list."""
    order = query.order or asking.operation.default_order
    mirrored = order.opposite
    items = pages * min(query.limit or asking.operation.usual_limit, asking.size)
    known = asking.listing.sequence(mirrored)
    if query.facet is None:
        return known[items] if items < len(known) else None
    of_facet = asking.listing.sequence(mirrored, query.facet)
    return of_facet[items] if items < len(of_facet) else None


def _first_page(start: _Start) -> None:
    start.asking.ask_all([start.asking.query()])


def _at_the_ends(start: _Start) -> None:
    start.asking.ask_all(_after_the_last(start.asking, None))


def _at_the_ends_of_facets(start: _Start) -> None:
    start.asking.ask_all(query for each in start.facets for query in _after_the_last(start.asking, each))


def _defaults(start: _Start) -> None:
    """The page of each facet without a limit, and of a word that the filter takes and no item has."""
    asking = start.asking
    unshown = [word for word in asking.operation.filters.shared_words if word not in start.listing.facets][:1]
    after = _tied_within(start.listing, start.facets[0]) if start.tight and start.facets else None
    asking.ask_all(asking.query(after=after, facet=facet) for facet in (*start.facets, *unshown))


def _tied_within(listing: Listing, facet: str) -> str | None:
    """The first item of a facet that shares its time with the one that follows it there."""
    pairs = pairwise(listing.sequence(Order.DESCENDING, facet))
    return next((left for left, right in pairs if listing.tied(left, right)), None)


def _amid(start: _Start) -> None:
    """Continue from an item that was not the last one of a page yet: any item must work as a cursor."""
    asking = start.asking
    if len(asking.sequence(Order.DESCENDING)) > 2:  # noqa: PLR2004 - between the first and the last
        cursor = risky(asking.listing, asking.either(Order.DESCENDING))[0]
        # The size that most clients choose shows as much as a small one.
        limit = USUAL_SIZES[0] if start.tight else 3
        asking.ask_all([asking.query(after=cursor, limit=limit, order=Order.DESCENDING)])


def _one_by_one(start: _Start) -> None:
    """Request single items, and the default size in the other order."""
    asking = start.asking
    sequence = asking.sequence(Order.ASCENDING)
    most = SINGLES if asking.left > len(sequence) else 1
    asking.walk_all([(asking.query(limit=1, order=Order.DESCENDING), min(most, max(1, len(sequence))), most)])
    middle = len(sequence) // 2
    cursors = sequence[-2:-1] + (() if start.tight else sequence[middle : middle + 1])
    asking.ask_all(asking.query(after=cursor, limit=1, order=Order.ASCENDING) for cursor in cursors)
    head = sequence[0] if start.tight and sequence else None  # it may be taken for none, as its index is 0
    asking.ask_all([asking.query(after=head, order=Order.ASCENDING)])


def _after_the_last(asking: Asking, facet: str | None) -> Iterator[Query]:
    for order in Order if facet is None else (Order.DESCENDING,):
        last = asking.listing.last(order, facet)
        if last is None and asking.short and facet is None:
            # On a list that changes, the one that was seen last.
            last = next(iter(asking.listing.sequence(order, facet)[-1:]), None)
        if last is not None:
            yield asking.query(after=last, order=order, limit=asking.rng.choice([1, 2, 5]), facet=facet)


def _odd(items: int, pages: int) -> int:
    """An unusual page size with which so many items make about so many pages, and at least two where that can be."""
    return max(2 if items > FEWEST else 1, -(-items // max(1, pages))) | 1


def _essential(start: _Start) -> Iterator[_PlannedWalk]:
    asking, total, tight = start.asking, len(start.listing.items), start.tight
    if asking.wants("full") and asking.left < FEW and 0 < total <= asking.size:
        # Too few requests for thorough walks: the fullest page shows most about has_more.
        yield start.walk(total, total, Order.DESCENDING)
    if asking.wants("facets"):
        yield from (start.walk(items, asking.size, Order.DESCENDING, each) for each, items in start.sizes.items())
    if asking.wants("pages"):
        yield start.walk(total, _odd(total, min(8, asking.left // (7 if tight else 2))), Order.ASCENDING)
        yield start.walk(total, None, None)
    if asking.wants("within"):
        smallest = start.smallest if tight and len(start.sizes) > 1 else None
        for place, (facet, items) in enumerate(start.sizes.items()):
            if tight and place and facet != smallest:
                continue  # it would show what the first one shows
            if facet == smallest:
                yield replace(start.walk(items, 1, Order.DESCENDING, facet), most=SINGLES - tight)
            else:
                yield start.walk(items, _odd(items, 3 if tight else 4), Order.ASCENDING, facet)


def _thorough(start: _Start) -> Iterator[_PlannedWalk]:
    asking, total, smallest = start.asking, len(start.listing.items), start.smallest
    if asking.wants("full"):
        items = start.sizes[smallest] if start.tight and smallest is not None else 0
        if 0 < items <= asking.size:
            yield start.walk(items, items, Order.ASCENDING, smallest)
        # A page with the entire list, with all but one item, or with room for one more.
        full = ((total, Order.ASCENDING), (total, Order.DESCENDING), (total - 1, Order.ASCENDING), (total + 1, None))
        chosen = (full[2], full[1]) if start.tight else full
        yield from (start.walk(total, size, order) for size, order in chosen if 0 < size <= asking.size)
    if asking.wants("twos"):
        yield start.walk(total, 2, Order.DESCENDING)
    if asking.wants("within"):
        if smallest is not None:
            yield start.walk(start.sizes[smallest], 1, Order.DESCENDING, smallest)
        yield from (start.walk(items, None, None, facet) for facet, items in start.sizes.items())


def _always(_start: _Start) -> bool:
    return True


_PARTS: Final[tuple[tuple[str, Callable[[_Start], bool], Callable[[_Start], None]], ...]] = (
    # In a tight share the default page is left to the walk that begins with it.
    ("", lambda start: not (start.tight and start.asking.wants("pages")), _first_page),
    # It comes late otherwise, because on a list that changes an item may be gone shortly after it was seen.
    ("ends", lambda start: start.few, _at_the_ends),
    ("cursors", lambda start: not start.few, _amid),
    ("pages", lambda start: not start.few, lambda start: _onward(start.asking, start.asking.left // 2)),
    # The walks through a long list would leave no requests for it.
    ("singles", lambda start: not start.few and not start.asking.short, _one_by_one),
    ("", _always, lambda start: _walk_each(start, _essential(start))),
    ("ends", lambda start: not start.few, _at_the_ends),
    ("singles", lambda start: start.few or bool(start.asking.short), _one_by_one),
    ("defaults", _always, _defaults),
    ("ends", _always, _at_the_ends_of_facets),
    ("", _always, lambda start: _walk_each(start, _thorough(start))),
)
"""What the probe asks, in this order: the part of which it is, when it is made, and what asks."""
