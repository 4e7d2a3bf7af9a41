"""What is wrong along a walk, page by page, as far as the list that was learned tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from contracts.core.model import Item, Order
from contracts.evidence.evidence import Evidence
from contracts.evidence.listing import Walk

SIGNS: Final = {"gap": "△", "repeat": "↻", "disorder": "⇅", "foreign": "◆"}
"""The sign of each mark, which stands for it where colour does not."""
_NOUNS: Final = {
    "gap": ("missing item", "missing items"),
    "repeat": ("repeat", "repeats"),
    "disorder": ("item out of order", "items out of order"),
    "foreign": ("foreign item", "foreign items"),
}


def counted(kind: str, number: int) -> str:
    """So many of what a mark stands for: ``2 missing items``."""
    return f"{number} {_NOUNS[kind][number != 1]}"


@dataclass
class Noticed:
    """What is wrong on one page of a walk, by kind."""

    ids: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in SIGNS})

    def words(self) -> str:
        """How many of each kind."""
        return ", ".join(counted(kind, len(ids)) for kind, ids in self.ids.items() if ids)


class Watcher:
    """Looks along the walks of a run.

    Args:
        evidence: What the run knows.
        at: The place of each item in the list, newest first.
    """

    def __init__(self, evidence: Evidence, at: Mapping[str, int]) -> None:
        self._evidence = evidence
        self._listing = evidence.listing
        self._at = at

    def noticed(self, walk: Walk) -> list[Noticed]:
        """What is wrong on each page of a walk."""
        sign = -1 if walk.order is Order.ASCENDING else 1
        seen: set[str] = set()
        furthest: Item | None = None
        found = []
        for page in walk.pages:
            here = Noticed()
            for item in page.items:
                if item.id in seen:
                    here.ids["repeat"].append(item.id)
                    continue
                seen.add(item.id)
                if self._foreign(walk, item):
                    here.ids["foreign"].append(item.id)
                    continue
                way = self._way(furthest, item, sign) if furthest is not None else 1
                if way < 0:
                    here.ids["disorder"].append(item.id)
                if way > 0:
                    furthest = item
            found.append(here)
        for number, id_ in self._missing(walk, seen):
            found[number].ids["gap"].append(id_)
        return found

    def _way(self, before: Item, item: Item, sign: int) -> int:
        """Whether an item comes after another one in a walk's order (above 0), before it (below), or beside it.

        Their times tell; where one has none, the places in which they stood elsewhere do.
        """
        if before.created_at is not None and item.created_at is not None:
            return sign * (before.created_at - item.created_at)
        places = self._at.get(before.id), self._at.get(item.id)
        return sign * (places[1] - places[0]) if places[0] is not None and places[1] is not None else 0

    def _foreign(self, walk: Walk, item: Item) -> bool:
        other_project = walk.project_id is not None and item.project_id != walk.project_id
        return other_project or item.id in self._evidence.foreign

    def _missing(self, walk: Walk, seen: set[str]) -> Iterator[tuple[int, str]]:
        """Items that surely stood where the walk went and that it did not bring, each with the page that passed it."""
        listing, order = self._listing, walk.order
        after = walk.pages[0].query.after
        low = listing.rank(order, after) if after is not None else -1
        reached = [rank for id_ in seen if (rank := listing.rank(order, id_)) is not None]
        if low is None or not reached:
            return
        sequence = listing.sequence(order, walk.project_id)
        high = len(self._at) if walk.ended and listing.complete else max(reached)
        moved = listing.moved or not listing.complete
        passed = max(seen, key=lambda id_: listing.rank(order, id_) or 0)
        for id_ in sequence:
            rank = listing.rank(order, id_)
            if rank is None or not low < rank < high or id_ in seen:
                continue
            if self._surely_passed(id_, passed, walk) if moved else not listing.is_ghost(id_):
                yield self._passing(walk, rank), id_

    def _surely_passed(self, id_: str, passed: str, walk: Walk) -> bool:
        """Whether an item was there all the time, before another one that the walk brought."""
        ends = walk.pages[0].exchange, walk.pages[-1].exchange
        return self._listing.precedes(walk.order, id_, passed) and self._listing.stands(id_, *ends)

    def _passing(self, walk: Walk, rank: int) -> int:
        """The page that passes over a place of the list: the first one that goes beyond it, else the last."""
        for number, page in enumerate(walk.pages):
            ranks = (self._listing.rank(walk.order, id_) for id_ in page.ids)
            if any(each is not None and each > rank for each in ranks):
                return number
        return len(walk.pages) - 1
