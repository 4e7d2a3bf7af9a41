"""Which item comes before which: the items of a list in one of its orders, learned page by page.

A page shows its items in their order, so items that are new are inserted between the known neighbours with which the
page shows them. Where an item was inserted late, between items that were neighbours before, its place among ties is a
guess: which of two such items comes first is known only if their times differ, or if some page showed both.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence

from contracts.core.model import Item, Order, Page

MOST_NOTED = 1_000_000
"""Pairs of items whose relative order is stored; of further pairs only their times are compared.

The number of pairs grows with the square of the page size, which the server decides.
"""


class Ranking:
    """The items of a list in one order.

    Args:
        order: The order.
        items: All items of the list that are known, by id: those of a page before it is merged.
        by_time: Whether the list is sorted by the times of its items.

    Attributes:
        ids: The ids in this order.
        ranks: The zero-based index of each id.
    """

    def __init__(self, order: Order, items: Mapping[str, Item], *, by_time: bool) -> None:
        self._order = order
        self._items = items
        self._by_time = by_time
        self.ids: list[str] = []
        self.ranks: dict[str, int] = {}
        self._late: set[str] = set()
        """Items that were inserted between known ones later: their place among ties is a guess."""
        self._behind: dict[str, set[str]] = defaultdict(set)
        """For an item the items that pages showed after it, where one of the two is late."""
        self._noted = 0

    def merge(self, page: Page) -> None:
        """Insert items that are not known yet between the neighbours with which the page shows them."""
        ids = list(dict.fromkeys(page.ids))
        left = page.query.after if page.query.after in self.ranks else None
        if self._late:
            self._note_neighbours([*([left] if left is not None else []), *ids])
        if all(id_ in self.ranks for id_ in ids):
            return
        run: list[str] = []
        for id_ in [*ids, None]:
            if id_ is not None and id_ not in self.ranks:
                run.append(id_)
                continue
            if run:
                self._insert(run, left=left, right=id_)
                run = []
            left = id_

    def precedes(self, left: str, right: str) -> bool:
        """Whether one item certainly comes before another, and not only by where it was inserted."""
        first, second = self.ranks.get(left), self.ranks.get(right)
        if first is None or second is None or first >= second:
            return False
        if left not in self._late and right not in self._late:
            return True
        times = self._items[left].time, self._items[right].time
        if self._by_time and times[0] is not None and times[1] is not None and times[0] != times[1]:
            return self._order.precedes(times[0], times[1])
        return right in self._behind.get(left, ())

    def _note_neighbours(self, ids: Sequence[str]) -> None:
        for place, id_ in enumerate(ids):
            if id_ in self._late:
                self._noted += len(ids)
                if self._noted > MOST_NOTED:
                    return
                self._behind[id_].update(ids[place + 1 :])
                for before in ids[:place]:
                    self._behind[before].add(id_)

    def _insert(self, run: list[str], *, left: str | None, right: str | None) -> None:
        if right is not None:
            place: int | None = self.ranks[right]
        elif left is not None:
            place = self.ranks[left] + 1
        else:
            place = self._place_by_time(run)
        if place is None:
            return
        beginning = -1 if left is None else self.ranks[left]
        end = len(self.ids) if right is None else self.ranks[right]
        if end - beginning > 1:
            self._late.update(run)
        self.ids[place:place] = run
        for index in range(place, len(self.ids)):
            self.ranks[self.ids[index]] = index

    def _place_by_time(self, run: Sequence[str]) -> int | None:
        """The index at which to insert items without a known neighbour; ``None`` if their times don't decide it."""
        if not self.ids:
            return 0
        if not self._by_time:
            return None
        sign = 1 if self._order is Order.ASCENDING else -1
        keys = [self._items[known].time for known in self.ids]
        times = [self._items[id_].time for id_ in run]
        if None in keys or None in times:
            return None
        ranked = [sign * key for key in keys if key is not None]
        ends = [sign * time for time in (times[0], times[-1]) if time is not None]
        place = bisect_left(ranked, ends[0])
        if ranked != sorted(ranked) or place != bisect_right(ranked, ends[-1]):
            return None
        return place
