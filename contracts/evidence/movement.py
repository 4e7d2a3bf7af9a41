"""Whether a list changed during a run: what the walks that read it from time to time show.

A list may change at any time. The walks through the whole list (control walks) are compared with each other: what is on
an earlier one and on no later one was removed, and what is on later ones alone was added.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from contracts.core.model import Exchange, Order, Page

LAG = 16
"""Ticks (two for each request) after which a change of the list has reached every replica."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Pages that were requested one after the other, each after the last item of the one before.

    ``ended`` says that the walk reached the end of the list, as the target itself marked it; ``complete`` that it also
    began at the head; ``control`` that its purpose was to see whether the list changes.
    """

    name: str
    order: Order
    facet: str | None
    limit: int | None
    pages: tuple[Page, ...]
    ended: bool
    complete: bool
    control: bool

    @classmethod
    def of(cls, name: str, pages: Sequence[Page], default: Order, *, control: bool) -> Walk:
        """The walk of these pages; without an order in their queries it is in the default order."""
        first, last = pages[0], pages[-1]
        gapless = all(
            page.exchange.step is not None and page.exchange.step.index == at for at, page in enumerate(pages)
        )
        ended = gapless and (last.has_more is False or not last.items)
        return cls(
            name=name,
            order=first.query.order or default,
            facet=first.query.facet,
            limit=first.query.limit,
            pages=tuple(pages),
            ended=ended,
            complete=ended and first.query.after is None,
            control=control,
        )

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the items of all pages, in order."""
        return tuple(id_ for page in self.pages for id_ in page.ids)

    @property
    def sent(self) -> int:
        """The tick at which its first request was sent."""
        return self.pages[0].exchange.sent

    @property
    def received(self) -> int:
        """The tick at which its last answer was received."""
        return self.pages[-1].exchange.received


def came_or_went(seen: Sequence[bool]) -> bool:
    """Whether an item was added or removed, given in which of several successive walks it was seen.

    An item that disappears and returns was neither: some answer was wrong.
    """
    first, last = seen.index(True), len(seen) - 1 - seen[::-1].index(True)
    return not all(seen) and all(seen[first : last + 1])


def relocated(spans: Iterable[tuple[int, int]]) -> bool:
    """Whether an item went from one facet to another, by the first and the last tick at which it was of each.

    An item that returns to an earlier facet was shown wrongly.
    """
    ordered = sorted(spans)
    return len(ordered) > 1 and all(last < first for (_, last), (first, _) in pairwise(ordered))


@dataclass(frozen=True, slots=True)
class Movement:
    """What walks through the whole list show of its changes.

    ``changed`` says that items were added or removed, ``complete`` that a walk reached the end of the list. ``walks``
    are the walks that were compared, ``phantoms`` the items that none of them showed, though some had to, and
    ``passing`` those phantoms that may have come and gone between two walks.
    """

    changed: bool = False
    complete: bool = False
    walks: tuple[Walk, ...] = ()
    phantoms: frozenset[str] = frozenset()
    passing: frozenset[str] = frozenset()

    def encloses(self, exchanges: Sequence[Exchange]) -> bool:
        """Whether the whole list was read before these exchanges, and after them."""
        first = min(exchange.sent for exchange in exchanges)
        last = max(exchange.received for exchange in exchanges)
        return any(walk.sent <= first for walk in self.walks) and any(walk.received >= last for walk in self.walks)


def compared(
    walks: Iterable[Walk],
    ids: Collection[str],
    covers: Callable[[Walk, str], bool],
    foreign: frozenset[str],
    *,
    relocated: bool,
    by_content: bool = False,
) -> Movement:
    """Compare walks through the whole list.

    Args:
        walks: The walks, in the order in which they were requested. The incomplete ones count only if none is complete.
        ids: All items that were seen anywhere.
        covers: Whether an incomplete walk reached beyond an item, so that it had to show it.
        foreign: Items that belong to another list, which are no change of this one.
        relocated: Whether an item went from one facet to another, which is a change too.
        by_content: Whether items have no ids of their own, so that several may have the same one.
    """
    every = tuple(walks)
    complete = tuple(walk for walk in every if walk.complete)
    used = complete or tuple(walk for walk in every if walk.pages and walk.pages[0].items)
    shown = [frozenset(walk.ids) for walk in used]
    heads = _heads(used)
    changed, phantoms = relocated or (by_content and _counted_otherwise(complete)), set()
    for id_ in ids:
        seen = [
            id_ in there
            for there, walk in zip(shown, used, strict=True)
            if walk.complete or covers(walk, id_) or id_ in heads.get(_asked_for(walk), ())
        ]
        if seen and not any(seen):
            phantoms.add(id_)
        elif seen and came_or_went(seen):
            changed = True
    return Movement(
        changed=changed,
        complete=bool(complete),
        walks=used,
        phantoms=frozenset(phantoms),
        passing=frozenset(phantoms) - foreign,
    )


def _asked_for(walk: Walk) -> tuple[Order, int | None, str | None]:
    """What walks that ask for the same pages have in common."""
    return walk.order, walk.limit, walk.pages[0].query.after


def _heads(walks: Iterable[Walk]) -> Mapping[tuple[Order, int | None, str | None], Collection[str]]:
    """The items with which walks from the head began: each walk that asks for the same pages has to show them."""
    found = defaultdict(set)
    for walk in walks:
        asked = _asked_for(walk)
        if asked[-1] is None and walk.pages[0].items:
            found[asked].add(walk.pages[0].ids[0])
    return found


def _counted_otherwise(walks: Iterable[Walk]) -> bool:
    """Whether of walks that ask for the same pages the last shows some item more or less often than the first."""
    found = defaultdict(list)
    for walk in walks:
        found[_asked_for(walk)].append(Counter(walk.ids))
    return any(counted[0] != counted[-1] for counted in found.values())
