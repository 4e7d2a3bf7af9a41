"""Backwards: pages before items at page boundaries, at both ends, in the middle and among ties."""

from __future__ import annotations

from collections.abc import Iterator
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
    queries = list(filter(None, chain.from_iterable(zip_longest(*columns))))
    first = 3 * len(orders)
    # A small share suffices for the most common defects, and the walk.
    asking.ask_all(queries[:first])
    # Of a list that is too long for one look only the head is looked at again, so that what stood there is known.
    for number, order in enumerate(each for each in orders if asking.short or _looks(asking, each)):
        _walk_back(asking, order, number)
    asking.ask_all([*_between(asking), *queries[first:]])


def _pages(asking: Asking, order: Order) -> Iterator[Query]:
    """Requests for pages before items in one order, the most revealing first."""
    sequence = _watched(asking, order)
    if not sequence:
        return
    default, items = asking.operation.usual_limit, len(sequence)

    def before(at: int, limit: int | None, **others: object) -> Query:
        return asking.query(before=sequence[at], limit=limit, **{"order": order, **others})

    # A server that returns the head of the list, or ignores the cursor, shows in one of these two.
    yield before(min(3, items - 1), min(6, asking.size))
    yield before(items // 2 + items // 4, 3)
    filtered = _filtered(asking, order)
    yield from islice(filtered, 1)
    ties = [id_ for id_ in risky(asking.listing, order) if id_ != sequence[0]][:MOST_RISKY]
    amid = (asking.query(before=id_, limit=limit, order=order) for id_, limit in zip(ties, LIMITS, strict=False))
    yield from islice(amid, 2)
    yield before(0, 5)
    if items > 1:
        yield before(1, 1)
    yield from islice(filtered, 2)
    yield before(items - 1, 2)
    yield from chain(amid, filtered)
    if order is asking.operation.default_order and items > default + 1:
        yield asking.query(before=sequence[default + 1])
        yield asking.query(before=sequence[default + 1], limit=default)
    for at in range(default, items, default):
        yield before(at, default)


def _watched(asking: Asking, order: Order) -> tuple[str, ...]:
    """The list in one order, as far as control walks show it."""
    looks = _looks(asking, order)
    return asking.listing.sequence(order) if asking.short or not looks else looks[-1].ids


def _looks(asking: Asking, order: Order) -> list[Walk]:
    return [walk for walk in asking.evidence.walks if walk.control and walk.order is order]


def _filtered(asking: Asking, order: Order) -> Iterator[Query]:
    """Pages before items of the lists of two projects."""
    for project in asking.listing.projects[:2]:
        sequence = asking.listing.sequence(order, project)
        for at, limit in ((len(sequence) // 2, 2), (0, 3), (len(sequence) - 1, asking.size)):
            yield asking.query(before=sequence[at], limit=limit, order=order, project_id=project)


def _walk_back(asking: Asking, order: Order, number: int) -> None:
    """Walk back from the last known item, until a page is empty or shows nothing new."""
    sequence = _watched(asking, order)
    if len(sequence) < 2:  # noqa: PLR2004 - nothing stands before a single item
        return
    cursor, seen = sequence[-1], {sequence[-1]}
    limit = min(asking.size, max(1, -(-len(sequence) // STEPS)))
    for index in range(min(STEPS, -(-len(sequence) // limit)) + SPARE):
        query = asking.query(before=cursor, limit=limit, order=order)
        page = asking.reader.page(asking.ask(query, step=Step(f"back {number}", index)), query)
        if page is None or not page.items or page.ids[0] in seen:
            return
        seen.update(page.ids)
        cursor = page.ids[0]


def _between(asking: Asking) -> Iterator[Query]:
    """Request the items between two others, with both cursors."""
    sequence = asking.listing.sequence(asking.operation.default_order)
    if len(sequence) > 6:  # noqa: PLR2004 - a few items on either side and between
        yield asking.query(after=sequence[1], before=sequence[5], limit=asking.size)
