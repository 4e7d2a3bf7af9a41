"""Backwards: pages before items at page boundaries, at both ends, in the middle and among ties.

Where cursors are tokens, the items are those before which earlier answers gave a token.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice, zip_longest

from contracts.core.model import Order, Query, Step
from contracts.evidence.movement import Walk
from contracts.probes.asking import Asking
from contracts.probes.cursors import risky

STEPS = 5
"""The approximate number of pages of a walk back."""
SPARE = 2
"""Further pages that a walk back may have: an empty one at its end, and one too many."""
MOST_RISKY = 6
"""Items of each order that are used as ``before``: the riskiest cursors."""
LIMITS = (1, 2, 4, 3, 7, 5)


def backwards(asking: Asking) -> None:
    """Request pages before items, a walk back from the end, and pages between two items."""
    orders = asking.operation.orders
    columns = [list(_pages(asking, order)) for order in orders]
    queries = list(dict.fromkeys(filter(None, chain.from_iterable(zip_longest(*columns)))))
    first = 3 * len(orders)
    # A small share suffices for the most common defects, and the walk.
    asking.ask_all(queries[:first])
    # Of a list that is too long for one look only the head is looked at again, so that what stood there is known.
    for number, order in enumerate(each for each in orders if asking.short or _control_walks(asking, each)):
        _walk_back(asking, order, number)
    asking.ask_all([*_between(asking), *queries[first:]])


def _pages(asking: Asking, order: Order) -> Iterator[Query]:
    """Requests for pages before items in one order, the most revealing first."""
    sequence = _watched(asking, order)
    if not sequence:
        return
    default, items = asking.operation.usual_limit, len(sequence)

    def before(at: int, limit: int | None) -> Query:
        return _before(asking, sequence, at, limit=limit, order=order)

    # A server that returns the head of the list, or ignores the cursor, shows in one of these two.
    nearest = before(min(3, items - 1), None)
    yield replace(nearest, limit=min(sequence.index(nearest.before or "") + 3, asking.size))
    yield before(items // 2 + items // 4, 3)
    filtered = _filtered(asking, order)
    yield from islice(filtered, 1)
    ties = [id_ for id_ in risky(asking.listing, order) if id_ != sequence[0]][:MOST_RISKY]
    amid = (
        _nearest(asking, sequence, asking.query(before=id_, limit=limit, order=order))
        for id_, limit in zip(ties, LIMITS, strict=False)
    )
    yield from islice(amid, 2)
    yield before(0, 5)
    if items > 1:
        yield before(1, 1)
    yield from islice(filtered, 2)
    yield before(items - 1, 2)
    yield from chain(amid, filtered)
    if order is asking.operation.default_order and items > default + 1:
        yield _before(asking, sequence, default + 1)
        yield _before(asking, sequence, default + 1, limit=default)
    for at in range(default, items, default):
        yield before(at, default)


def _before(asking: Asking, sequence: tuple[str, ...], at: int, **others: object) -> Query:
    """The page before the item at this index, as `_nearest` has it."""
    return _nearest(asking, sequence, asking.query(before=sequence[at], **others))


def _nearest(asking: Asking, sequence: tuple[str, ...], wanted: Query) -> Query:
    """A query for what stands before an item; where cursors are tokens, before the nearest item that has got one."""
    if not asking.reader.opaque or wanted.before not in sequence:
        return wanted
    at = sequence.index(wanted.before)
    near = sorted(range(len(sequence)), key=lambda place: abs(place - at))
    queries = (replace(wanted, before=sequence[place]) for place in near)
    return next((query for query in queries if asking.request(query) is not None), wanted)


def _watched(asking: Asking, order: Order) -> tuple[str, ...]:
    """The list in one order, as far as control walks show it."""
    walks = _control_walks(asking, order)
    return asking.listing.sequence(order) if asking.short or not walks else walks[-1].ids


def _control_walks(asking: Asking, order: Order) -> list[Walk]:
    return [walk for walk in asking.evidence.walks if walk.control and walk.order is order]


def _filtered(asking: Asking, order: Order) -> Iterator[Query]:
    """Pages before items of the lists of two facets."""
    for facet in asking.listing.facets[:2]:
        sequence = asking.listing.sequence(order, facet)
        if asking.reader.opaque:
            _reach_in(asking, asking.query(limit=max(1, len(sequence) // 2), order=order, facet=facet))
        for at, limit in ((len(sequence) // 2, 2), (0, 3), (len(sequence) - 1, asking.size)):
            yield _before(asking, sequence, at, limit=limit, order=order, facet=facet)


def _reach_in(asking: Asking, query: Query) -> None:
    """Request two pages of a list, so that there is a token that leads back in it."""
    page = asking.reader.page(asking.ask(query), query)
    if page is not None and page.items:
        asking.ask(replace(query, after=page.ids[-1]))


def _walk_back(asking: Asking, order: Order, number: int) -> None:
    """Walk back from the last known item, until a page is empty or shows nothing new."""
    sequence = _watched(asking, order)
    if len(sequence) <= 1:  # nothing stands before a single item
        return
    limit = min(asking.size, max(1, -(-len(sequence) // STEPS)))
    query = _before(asking, sequence, len(sequence) - 1, limit=limit, order=order)
    seen = {query.before}
    for index in range(min(STEPS, -(-len(sequence) // limit)) + SPARE):
        request = asking.request(query)
        if request is None:
            return
        page = asking.reader.page(asking.send(request, step=Step(f"back {number}", index)), query)
        if page is None or not page.items or page.ids[0] in seen:
            return
        seen.update(page.ids)
        query = replace(query, before=page.ids[0])


def _between(asking: Asking) -> Iterator[Query]:
    """Request the items between two others, with both cursors."""
    sequence = asking.listing.sequence(asking.operation.default_order)
    if len(sequence) > 6:  # noqa: PLR2004 - a few items on either side and between
        yield asking.query(after=sequence[1], before=sequence[5], limit=asking.size)
