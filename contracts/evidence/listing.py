"""What one checkpoint's list holds, learned from the pages that showed it.

A list may gain and lose items while it is looked at. So each item has an interval in which it is known to
have been there: from its first sighting to its last. A claim about a page speaks only of items whose interval
encloses that page (`Listing.stands`); those must be on it, whatever else came and went. What was *never* seen
can't be known that way: a claim of absence holds only if the list did not change
(`Listing.changed`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from contracts.core.model import Exchange, Item, Order, Page

MOST_NOTED = 1_000_000
"""Pairs of items whose order is noted one by one; of more it is only known where their times tell it.

Their number grows with the square of a page, and how large a page is the server decides.
"""


LAG = 16
"""Ticks, two for each request, in which a change of the list may reach one copy of it and not yet another."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Pages that were asked one after the other, each after the last item of the one before.

    ``ended`` says that the target said itself where the list ends, and ``complete`` that the walk began at
    its head as well; ``control`` that it was asked in order to see whether the list changes.
    """

    name: str
    order: Order
    project_id: str | None
    limit: int | None
    pages: tuple[Page, ...]
    ended: bool
    complete: bool
    control: bool

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all pages, in the order in which they came."""
        return tuple(id_ for page in self.pages for id_ in page.ids)

    @property
    def sent(self) -> int:
        """The tick at which its first page was asked for."""
        return self.pages[0].exchange.sent

    @property
    def received(self) -> int:
        """The tick at which its last page had come."""
        return self.pages[-1].exchange.received


def came_or_went(seen: Sequence[bool]) -> bool:
    """Whether something moved that was seen in some looks and not in others, one after the other.

    What is there, gone, and there again has not moved: some answer was wrong.
    """
    first, last = seen.index(True), len(seen) - 1 - seen[::-1].index(True)
    return not all(seen) and all(seen[first : last + 1])


class Listing:
    """The list of one checkpoint: its items, their order in both directions, and how long each was there.

    Args:
        pages: the pages that may be learned from, in the order in which they were asked.
        part: whether they are a part of a longer list, whose ends are elsewhere.
        ends: the last item of each order, where another walk came to it.
        by_time: whether the list stands in the order of its items' times.
    """

    def __init__(
        self,
        pages: Sequence[Page],
        *,
        part: bool = False,
        ends: Mapping[Order, str] | None = None,
        by_time: bool = True,
    ) -> None:
        self._part = part
        self._by_time = by_time
        self._ends = ends or {}
        self.items: dict[str, Item] = {}
        self._first: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._shown: dict[str, list[Page]] = defaultdict(list)
        self._sequence: dict[Order, list[str]] = {order: [] for order in Order}
        self._rank: dict[Order, dict[str, int]] = {order: {} for order in Order}
        self._late: dict[Order, set[str]] = {order: set() for order in Order}
        """Items that were fitted in between others later: their place among ties is a guess."""
        self._behind: dict[Order, dict[str, set[str]]] = {order: defaultdict(set) for order in Order}
        """What was shown behind an item, where one of the two is late."""
        self._noted = 0
        for page in pages:
            self._sight(page)
            # Where an item of one project stands among those of the others, its own list does not tell.
            if page.query.order is not None and page.query.project_id is None:
                self._merge(page.query.order, page)
        self._inversions: dict[tuple[int, Order], tuple[tuple[str, str], ...]] = {}
        self.changed = False
        """Whether looks at the whole list show that items came or went."""
        self.complete = False
        """Whether a look at the whole list reached its end."""
        self._ghosts: frozenset[str] = frozenset()
        self._passing: frozenset[str] = frozenset()
        self._looks: tuple[Walk, ...] = ()

    def _sight(self, page: Page) -> None:
        exchange = page.exchange
        for item in page.items:
            self.items.setdefault(item.id, item)
            self._first[item.id] = min(self._first.get(item.id, exchange.received), exchange.received)
            self._last[item.id] = max(self._last.get(item.id, exchange.sent), exchange.sent)
            self._shown[item.id].append(page)

    def _merge(self, order: Order, page: Page) -> None:
        """Put items that are not known yet between the neighbours with which they were shown."""
        rank, late = self._rank[order], self._late[order]
        ids = list(dict.fromkeys(page.ids))
        if late:
            cursor = [page.query.after] if page.query.after is not None and page.query.after in rank else []
            self._note_neighbours(order, [*cursor, *ids])
        if all(id_ in rank for id_ in ids):
            return
        left = page.query.after if page.query.after in rank else None
        run: list[str] = []
        for id_ in [*ids, None]:
            if id_ is not None and id_ not in rank:
                run.append(id_)
                continue
            if run:
                self._insert(order, run, left=left, right=id_)
                run = []
            left = id_

    def _note_neighbours(self, order: Order, ids: Sequence[str]) -> None:
        behind = self._behind[order]
        for place, id_ in enumerate(ids):
            if id_ in self._late[order]:
                self._noted += len(ids)
                if self._noted > MOST_NOTED:
                    return
                behind[id_].update(ids[place + 1 :])
                for before in ids[:place]:
                    behind[before].add(id_)

    def _knows(self, order: Order, left: str, right: str) -> bool:
        """Whether it is sure that one item stands before another, and not only where it was fitted in."""
        rank, late = self._rank[order], self._late[order]
        if rank[left] >= rank[right]:
            return False
        if left not in late and right not in late:
            return True
        times = self.items[left].created_at, self.items[right].created_at
        if self._by_time and times[0] is not None and times[1] is not None and times[0] != times[1]:
            return order.precedes(times[0], times[1])
        return right in self._behind[order].get(left, ())

    def _insert(self, order: Order, run: list[str], *, left: str | None, right: str | None) -> None:
        sequence, rank = self._sequence[order], self._rank[order]
        if right is not None:
            place = rank[right]
        elif left is not None:
            place = rank[left] + 1
        else:
            by_time = self._place_by_time(order, run)
            if by_time is None:
                return
            place = by_time
        beginning = -1 if left is None else rank[left]
        end = len(sequence) if right is None else rank[right]
        if end - beginning > 1:
            self._late[order].update(run)
        sequence[place:place] = run
        for position in range(place, len(sequence)):
            rank[sequence[position]] = position

    def _place_by_time(self, order: Order, run: Sequence[str]) -> int | None:
        """Where items stand that were shown without a known neighbour; ``None`` if their times don't tell."""
        sequence = self._sequence[order]
        if not sequence:
            return 0
        if not self._by_time:
            return None
        sign = 1 if order is Order.ASCENDING else -1
        keys = [self.items[known].created_at for known in sequence]
        times = [self.items[id_].created_at for id_ in run]
        if None in keys or None in times:
            return None
        ranked = [sign * key for key in keys if key is not None]
        ends = [sign * time for time in (times[0], times[-1]) if time is not None]
        place = bisect_left(ranked, ends[0])
        if ranked != sorted(ranked) or place != bisect_right(ranked, ends[-1]):
            return None
        return place

    def look_for_movement(self, walks: Iterable[Walk], foreign: frozenset[str] = frozenset()) -> None:
        """Compare the walks that show the whole list, and note whether it changed between them.

        ``foreign`` are items of another list: where this one shows them, it is wrong, and did not change.

        An item that is there, gone, and there again has not moved: some answer was wrong. One that comes and
        stays, goes and stays away, or was seen only between two looks, has.
        """
        looks = [walk for walk in walks if walk.complete]
        self.complete = bool(looks)
        looks = looks or [walk for walk in walks if walk.pages and walk.pages[0].items]
        self._looks = tuple(looks)
        shown = [frozenset(walk.ids) for walk in looks]
        ghosts = []
        for id_ in self.items:
            seen = [
                id_ in ids for ids, walk in zip(shown, looks, strict=True) if walk.complete or self._covers(walk, id_)
            ]
            if not seen or all(seen):
                continue
            if not any(seen):
                ghosts.append(id_)
                continue
            if came_or_went(seen):
                self.changed = True
        self._ghosts = frozenset(ghosts)
        self._passing = self._ghosts - foreign

    def _covers(self, walk: Walk, id_: str) -> bool:
        """Whether a window reaches beyond this item, so that it had to show it."""
        rank = self._rank[walk.order]
        end = walk.pages[-1].ids[-1:] or walk.ids[-1:]
        return bool(end) and id_ in rank and end[0] in rank and rank[id_] < rank[end[0]]

    @cached_property
    def projects(self) -> tuple[str, ...]:
        """The projects of its items, those with the most items first."""
        count: dict[str, int] = defaultdict(int)
        for item in self.items.values():
            if item.project_id:
                count[item.project_id] += 1
        return tuple(sorted(count, key=lambda project: (-count[project], project)))

    @cached_property
    def has_tie(self) -> bool:
        """Whether two items were created in the same second."""
        times = [item.created_at for item in self.items.values() if item.created_at is not None]
        return len(set(times)) < len(times)

    @property
    def ends(self) -> tuple[int, int] | None:
        """When the newest item and the oldest one were created, as far as the heads of the two orders tell."""
        heads = [self._sequence[order][:1] for order in (Order.DESCENDING, Order.ASCENDING)]
        times = [self.items[id_].created_at for head in heads for id_ in head]
        if len(times) != len(heads) or times[0] is None or times[1] is None:
            return None
        return times[0], times[1]

    def sequence(self, order: Order, project_id: str | None = None) -> tuple[str, ...]:
        """All ids that were ever seen in this order, of one project if it is given."""
        return tuple(id_ for id_ in self._sequence[order] if self.belongs(id_, project_id))

    def rank(self, order: Order, id_: str) -> int | None:
        """The place of an item in this order, ``None`` if it was never seen in it."""
        return self._rank[order].get(id_)

    def belongs(self, id_: str, project_id: str | None) -> bool:
        """Whether an item passes this filter (no filter lets all pass)."""
        return project_id is None or self.items[id_].project_id == project_id

    @property
    def moved(self) -> bool:
        """Whether anything speaks for a change of the list, be it an item that was seen in passing only."""
        return self.changed or bool(self._passing)

    def is_ghost(self, id_: str) -> bool:
        """Whether no look at the whole list showed this item, though it had to.

        On a list that changes, an item that was seen in passing is none; one that was seen before a look and
        after it is.
        """
        if id_ not in self._ghosts:
            return False
        return not self.changed or any(
            self.stands(id_, *(page.exchange for page in look.pages)) for look in self._looks if look.complete
        )

    def watched(self, exchanges: Sequence[Exchange]) -> bool:
        """Whether the whole list was looked at before these exchanges and after them."""
        first = min(exchange.sent for exchange in exchanges)
        last = max(exchange.received for exchange in exchanges)
        return any(look.sent <= first for look in self._looks) and any(look.received >= last for look in self._looks)

    def agree(self, left: Page, right: Page) -> bool:
        """Whether two pages that begin at the same place differ only by what came and went between them."""
        both = left.exchange, right.exchange
        cursor = left.query.after
        if cursor is not None and not self.stands(cursor, *both):
            return True
        stood = [[id_ for id_ in page.ids if self.stands(id_, *both)] for page in (left, right)]
        shared = min(len(ids) for ids in stood)
        return stood[0][:shared] == stood[1][:shared]

    def stands(self, id_: str, *exchanges: Exchange) -> bool:
        """Whether an item was there while all of these were asked: it was seen before them and after.

        Of a list that changes well before and well after: what has just come or gone may not be known everywhere yet.
        """
        margin = LAG if self.changed else 0
        return (
            id_ in self._first
            and self._first[id_] + margin <= min(exchange.sent for exchange in exchanges)
            and self._last[id_] - margin >= max(exchange.received for exchange in exchanges)
        )

    def project_stands(self, project_id: str, *exchanges: Exchange) -> bool:
        """Whether a project surely had a permission while all of these were asked."""
        return any(item.project_id == project_id and self.stands(id_, *exchanges) for id_, item in self.items.items())

    def precedes(self, order: Order, left: str, right: str) -> bool:
        """Whether it is sure that one item stands before another."""
        rank = self._rank[order]
        return left in rank and right in rank and self._knows(order, left, right)

    def shown_in(self, id_: str, near: Exchange, order: Order | None = None) -> Exchange:
        """The answer that shows an item, other than ``near`` and as close to it as there is.

        With ``order`` one of the whole list in that order, if it was ever shown there.
        """

        def distance(page: Page) -> tuple[bool, bool, int, int]:
            number = page.exchange.number
            elsewhere = order is not None and (page.query.order is not order or page.query.project_id is not None)
            return (number == near.number, elsewhere, abs(number - near.number), number)

        return min(self._shown[id_], key=distance).exchange

    def tied(self, left: str, right: str) -> bool:
        """Whether two items were created in the same second."""
        times = self.items[left].created_at, self.items[right].created_at
        return times[0] is not None and times[0] == times[1]

    def _standing(self, page: Page, order: Order, left: str | None, right: str | None) -> Iterator[str]:
        """Items of the page's list, not on it, that stood between two others while it was asked."""
        on_page = set(page.ids)
        sequence, rank = self._sequence[order], self._rank[order]
        low = 0 if left is None else rank[left] + 1
        high = len(sequence) if right is None else rank[right]
        for position in range(low, high):
            id_ = sequence[position]
            if (
                id_ not in on_page
                and self.belongs(id_, page.query.project_id)
                and self.stands(id_, page.exchange)
                and (left is None or self._knows(order, left, id_))
                and (right is None or self._knows(order, id_, right))
            ):
                yield id_

    def start(self, page: Page, order: Order) -> int | None:
        """The place in the order from which a page must go on; ``None`` if its cursor was not surely there."""
        after = page.query.after
        if after is None:
            return 0
        rank = self._rank[order].get(after)
        return rank + 1 if rank is not None and self.stands(after, page.exchange) else None

    def skipped(self, page: Page, order: Order) -> str | None:
        """An item that should have come before the page's first one: between its cursor and its beginning."""
        if self.start(page, order) is None or not page.items or page.ids[0] not in self._rank[order]:
            return None
        return next(self._standing(page, order, page.query.after, page.ids[0]), None)

    def goes_back(self, page: Page, order: Order) -> bool:
        """Whether a page begins before its cursor, or with it."""
        after = page.query.after
        if after is None or not page.items or self.start(page, order) is None or page.ids[0] not in self._rank[order]:
            return False
        return page.ids[0] == after or self._knows(order, page.ids[0], after)

    def gap(self, page: Page, order: Order) -> str | None:
        """An item that should have come between two items of the page."""
        known = [id_ for id_ in page.ids if id_ in self._rank[order]]
        ranks = [self._rank[order][id_] for id_ in known]
        if not ranks or ranks != sorted(ranks):
            return None
        return next(self._standing(page, order, known[0], known[-1]), None)

    def following(self, page: Page, order: Order) -> str | None:
        """An item that comes after the page's last one (after its cursor, if it is empty) and stood there."""
        if self._end(page, order) is None:
            return None
        return next(self._standing(page, order, page.ids[-1] if page.items else page.query.after, None), None)

    def before_cursor(self, page: Page, order: Order) -> str | None:
        """An item between the end of a page that leads backwards, or the head of the list, and its cursor."""
        before, end = page.query.before, page.ids[-1] if page.items else None
        rank = self._rank[order]
        if before not in rank or (end is not None and end not in rank):
            return None
        return next(self._standing(page, order, end, before), None)

    def ends_with(self, page: Page, order: Order) -> bool:
        """Whether it is known where the list ends, and that is the end of this page."""
        low = self._end(page, order)
        if low is None:
            return False
        if not self._all_ranked(order):
            return bool(page.items) and page.ids[-1] == self.last(order, page.query.project_id)
        return not any(self.belongs(id_, page.query.project_id) for id_ in self._sequence[order][low:])

    def last(self, order: Order, project_id: str | None = None) -> str | None:
        """The last item of the list, if it is known which one that is.

        Of a list that was not seen to its end it is the first one of the other order, unless that shares its
        second with another one.
        """
        if self._part:
            return None
        if self._all_ranked(order):
            return next(iter(self.sequence(order, project_id)[-1:]), None)
        head = self._sequence[order.opposite][:2]
        known = self._ends.get(order)
        if project_id is None and known in self.items and head and self.tied(known, head[0]):
            return known
        if project_id is not None or len(head) < 2 or self.tied(*head):  # noqa: PLR2004 - it takes two to tie
            return None
        return head[0]

    def _all_ranked(self, order: Order) -> bool:
        """Whether the whole list is known, and the place of each item in this order."""
        return self.complete and len(self._rank[order]) == len(self.items)

    def _end(self, page: Page, order: Order) -> int | None:
        if not page.items:
            return self.start(page, order)
        rank = self._rank[order].get(page.ids[-1])
        return None if rank is None else rank + 1

    def inversions(self, page: Page, order: Order) -> tuple[tuple[str, str], ...]:
        """Neighbours on the page that stand the other way round in the list."""
        key = page.exchange.number, order
        if key not in self._inversions:
            rank = self._rank[order]
            known = [(id_, rank.get(id_)) for id_ in page.ids]
            self._inversions[key] = tuple(
                (left, right)
                for (left, first), (right, second) in pairwise(known)
                if first is not None and second is not None and first > second and self._knows(order, right, left)
            )
        return self._inversions[key]
