"""The riskiest cursors: those at which servers are wrong that are wrong at a few cursors only."""

from __future__ import annotations

from itertools import chain, groupby, pairwise, zip_longest

from contracts.core.model import Order
from contracts.evidence.listing import Listing

BORDERS = (100, 10, 50, 20)
"""Page sizes at whose boundaries a server may begin a new batch."""

DEEP = 2
"""The most ties on either side of a cursor that are counted."""


def risky(listing: Listing, order: Order) -> list[str]:
    """The items of the list in one order, the riskiest cursors first, the others left out.

    Those amid many that share their moment; both ends of the list and of each facet; the last but one of the usual
    pages: a cursor that was given out by no page may be another branch of the code than the last item of one.
    """
    sequence = listing.sequence(order)
    amid = _amid_ties(listing, sequence)
    borders = [sequence[at - 2] for size in BORDERS for at in range(size, len(sequence), size)]
    ends = [*sequence[:1], *sequence[-2:]]
    for facet in listing.facets:
        of_facet = listing.sequence(order, facet)
        ends += [*of_facet[:1], *of_facet[-1:]]
    ranked = chain.from_iterable(zip_longest(amid[::2], amid[1::2], ends, borders))
    return list(dict.fromkeys(id_ for id_ in ranked if id_ is not None))


def _amid_ties(listing: Listing, sequence: tuple[str, ...]) -> list[str]:
    """The items that are tied with the next one: first those deep within a group, one of each group at a time."""
    found = []
    for _, group in groupby(sequence, key=lambda id_: listing.items[id_].time):
        ids = tuple(group)
        depths = [min(at, len(ids) - 1 - at, DEEP) for at in range(len(ids) - 1)]
        for nth, at in enumerate(sorted(range(len(depths)), key=lambda at: -depths[at])):
            found.append(((-depths[at], nth, -len(ids)), ids[at]))
    return [id_ for _, id_ in sorted(found, key=lambda each: each[0])]


def of_another_facet(listing: Listing, order: Order, facet: str, begin: int = 0) -> str | None:
    """From a place of the list on, and then from its head: an item of another facet, if one proves something.

    After such an item a target may continue with all of its second. So what must follow it is of another one.
    """
    sequence, items = listing.sequence(order), listing.items
    places = [at for at, id_ in enumerate(sequence) if items[id_].facet == facet]
    following = {at: sequence[after] for before, after in pairwise([-1, *places]) for at in range(before + 1, after)}
    found = (at for at in (*range(begin, len(sequence)), *range(begin)) if at in following)
    return next((sequence[at] for at in found if not listing.tied(sequence[at], following[at])), None)
