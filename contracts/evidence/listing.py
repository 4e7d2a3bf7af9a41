"""What the list of one scope holds, learned from its pages.

A list may gain and lose items during a run. So each item has an interval in which it certainly existed: from the first
page that showed it to the last one. A claim about a page is made only for items whose interval encloses that page
(`Listing.existed`); those must be on it, whatever else came and went. That an item is *absent* can't be known this way:
such a claim holds only if the list did not change (`Listing.changed`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise

from contracts.core.model import Exchange, Item, Order, Page
from contracts.evidence.movement import LAG, Movement, Walk, compared, relocated
from contracts.evidence.ranking import Ranking


class Listing:
    """One list: its items, their order in both directions, and how long each was there.

    Args:
        pages: The pages to learn from, in the order in which they were requested.
        part: Whether they show a part of a longer list, without its ends.
        last_items: The last item in each order, where another walk reached it.
        by_time: Whether the list is sorted by the times of its items.
        lasting: Whether an item stays in its facet; a status, which filters compare too, may change.
        selects: Whether a facet surely stands for the items that show it; for others no filter asks.
        by_content: Whether items have no ids of their own, so that several may have the same one.
    """

    def __init__(
        self,
        pages: Sequence[Page],
        *,
        part: bool = False,
        last_items: Mapping[Order, str] | None = None,
        by_time: bool = True,
        lasting: bool = True,
        selects: Callable[[str], bool] = bool,
        by_content: bool = False,
    ) -> None:
        self._part = part
        self._lasting = lasting
        self._selects = selects
        self._by_content = by_content
        self._alike: set[str] = set()
        """Contents that several items without an id share: which of them a page shows is not known."""
        self.by_time = by_time
        self._last_items = last_items or {}
        self.items: dict[str, Item] = {}
        self._first: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._shown: dict[str, list[Page]] = defaultdict(list)
        self._spans: dict[str, dict[str | None, tuple[int, int]]] = defaultdict(dict)
        """For an item that may change its facet when it was certainly of which: the first tick and the last."""
        self._relocated: frozenset[str] = frozenset()
        """Items that went from one facet to another: in which list they were meanwhile is not known."""
        self._rankings = {order: Ranking(order, self.items, by_time=by_time) for order in Order}
        for page in pages:
            self._sight(page)
            # A filtered page does not show where its items stand among those of other facets.
            if page.query.order is not None and page.query.facet is None:
                self._rankings[page.query.order].merge(page)
        self._inversions: dict[tuple[int, Order], tuple[tuple[str, str], ...]] = {}
        self._under_load: frozenset[str] = frozenset()
        self.movement = Movement()
        """What walks through the whole list show of its changes."""

    def _sight(self, page: Page) -> None:
        exchange = page.exchange
        if self._by_content:
            counted = Counter([*page.ids, *([page.query.after] if page.query.after is not None else [])])
            self._alike.update(id_ for id_, times in counted.items() if times > 1)
        for item in page.items:
            self.items.setdefault(item.id, item)
            self._first[item.id] = min(self._first.get(item.id, exchange.received), exchange.received)
            self._last[item.id] = max(self._last.get(item.id, exchange.sent), exchange.sent)
            self._shown[item.id].append(page)
            if not self._lasting:
                spans = self._spans[item.id]
                first, last = spans.get(item.facet, (exchange.received, exchange.sent))
                spans[item.facet] = min(first, exchange.received), max(last, exchange.sent)

    def look_for_movement(
        self, walks: Iterable[Walk], foreign: frozenset[str] = frozenset(), under_load: frozenset[str] = frozenset()
    ) -> None:
        """Compare the walks through the whole list.

        Args:
            walks: The walks, in the order in which they were requested.
            foreign: Items that belong to another list.
            under_load: Items that answers to many users at the same time showed.
        """
        self._under_load = under_load
        spans = {} if self._lasting else self._spans
        self._relocated = frozenset(id_ for id_, each in spans.items() if relocated(each.values()))
        self.movement = compared(
            walks, self.items, self._covers, foreign, relocated=bool(self._relocated), by_content=self._by_content
        )

    def _covers(self, walk: Walk, id_: str) -> bool:
        """Whether an incomplete walk reached beyond this item, so that it had to show it."""
        rank = self._rankings[walk.order].ranks
        end = walk.pages[-1].ids[-1:] or walk.ids[-1:]
        return bool(end) and id_ in rank and end[0] in rank and rank[id_] < rank[end[0]]

    @cached_property
    def facets(self) -> tuple[str, ...]:
        """The facets of its items for which a filter can ask, those with the most items first."""
        count: dict[str, int] = defaultdict(int)
        for item in self.items.values():
            if item.facet:
                count[item.facet] += 1
        return tuple(sorted(filter(self._selects, count), key=lambda facet: (-count[facet], facet)))

    @cached_property
    def groups(self) -> int:
        """How many facets its items have; those that show none count as one."""
        return len({item.facet or None for item in self.items.values()})

    @cached_property
    def has_tie(self) -> bool:
        """Whether two items were created in the same second."""
        times = [item.time for item in self.items.values() if item.time is not None]
        return len(set(times)) < len(times)

    @property
    def span(self) -> tuple[int, int] | None:
        """When the newest and the oldest item were created, by the heads of the two orders; ``None`` if unknown."""
        heads = [self._rankings[order].ids[:1] for order in (Order.DESCENDING, Order.ASCENDING)]
        times = [self.items[id_].time for head in heads for id_ in head]
        if len(times) != len(heads) or times[0] is None or times[1] is None:
            return None
        return times[0], times[1]

    def sequence(self, order: Order, facet: str | None = None) -> tuple[str, ...]:
        """The ids of all items that were seen in this order, or of those of one facet."""
        return tuple(id_ for id_ in self._rankings[order].ids if self.belongs(id_, facet))

    def rank(self, order: Order, id_: str) -> int | None:
        """The zero-based index of an item in this order; ``None`` if it was never seen in it."""
        return self._rankings[order].ranks.get(id_)

    def belongs(self, id_: str, facet: str | None) -> bool:
        """Whether an item is of this facet; ``None`` stands for all facets."""
        return facet is None or self.items[id_].facet == facet

    @property
    def changed(self) -> bool:
        """Whether walks through the whole list show that items were added or removed."""
        return self.movement.changed

    @property
    def complete(self) -> bool:
        """Whether a walk through the whole list reached its end."""
        return self.movement.complete

    @property
    def moved(self) -> bool:
        """Whether the list may have changed: it did, or some item was seen only between two walks."""
        return self.changed or bool(self.passing)

    @property
    def passing(self) -> frozenset[str]:
        """The items that may have come and gone between two walks through the whole list."""
        return frozenset(id_ for id_ in self.movement.passing if not self.returned(id_))

    def is_phantom(self, id_: str) -> bool:
        """Whether no walk through the whole list showed this item, though some walk had to.

        On a list that changes, only an item that was seen both before such a walk and after it counts.
        """
        if id_ not in self.movement.phantoms:
            return False
        return not self.changed or any(
            self.existed(id_, *(page.exchange for page in walk.pages)) for walk in self.movement.walks if walk.complete
        )

    def returned(self, id_: str) -> bool:
        """Whether load showed an item that was seen long before and long after a walk through the whole list lacked it.

        So some answer was wrong, and it is no item that came and went. Without load a repetition between two walks says
        that, and other clauses say whether the walks or the pages are wrong.
        """
        return id_ in self.movement.phantoms & self._under_load and any(
            self._first[id_] + LAG <= walk.sent and self._last[id_] - LAG >= walk.received
            for walk in self.movement.walks
            if walk.complete
        )

    def watched(self, exchanges: Sequence[Exchange]) -> bool:
        """Whether the whole list was read before these exchanges, and after them."""
        return self.movement.encloses(exchanges)

    def agree(self, left: Page, right: Page) -> bool:
        """Whether two pages that begin at the same place differ only by items added or removed between them."""
        both = left.exchange, right.exchange
        cursor = left.query.after
        if cursor is not None and not self.existed(cursor, *both):
            return True
        on_both = set(left.ids) & set(right.ids)
        shown = [[id_ for id_ in dict.fromkeys(page.ids) if id_ in on_both] for page in (left, right)]
        if shown[0] != shown[1]:
            return False  # what stays in the list keeps its place among the others
        stood = [
            [id_ for id_ in page.ids if id_ not in self._alike and self.existed(id_, *both)] for page in (left, right)
        ]
        shared = min(len(ids) for ids in stood)
        return stood[0][:shared] == stood[1][:shared]

    def existed(self, id_: str, *exchanges: Exchange) -> bool:
        """Whether an item certainly existed during all of these exchanges: it was seen before them and after them.

        On a list that changes the sightings must lie `LAG` ticks apart from them, because replicas may be behind. Of
        items that are known by their content nothing is certain then: another one may have been seen.
        """
        if self._by_content and self.changed:
            return False
        margin = LAG if self.changed else 0
        return (
            id_ in self._first
            and id_ not in self._relocated
            and self._first[id_] + margin <= min(exchange.sent for exchange in exchanges)
            and self._last[id_] - margin >= max(exchange.received for exchange in exchanges)
        )

    def facet_existed(self, facet: str, *exchanges: Exchange) -> bool:
        """Whether a facet certainly had an item during all of these exchanges."""
        return any(item.facet == facet and self.existed(id_, *exchanges) for id_, item in self.items.items())

    def precedes(self, order: Order, left: str, right: str) -> bool:
        """Whether one item certainly comes before another."""
        return self._rankings[order].precedes(left, right)

    def shown_in(self, id_: str, near: Exchange, order: Order | None = None) -> Exchange:
        """The exchange nearest to ``near``, and other than it if possible, whose answer shows an item.

        With ``order``, preferably one of the unfiltered list in that order.
        """

        def distance(page: Page) -> tuple[bool, bool, int, int]:
            number = page.exchange.number
            elsewhere = order is not None and (page.query.order is not order or page.query.facet is not None)
            return (number == near.number, elsewhere, abs(number - near.number), number)

        return min(self._shown[id_], key=distance).exchange

    def tied(self, left: str, right: str) -> bool:
        """Whether two items were created in the same second."""
        times = self.items[left].time, self.items[right].time
        return times[0] is not None and times[0] == times[1]

    def _missing(self, page: Page, order: Order, left: str | None, right: str | None) -> Iterator[str]:
        """The items that are missing on a page between two places: they certainly existed, and belong to its list."""
        on_page = set(page.ids)
        ranking = self._rankings[order]
        low = 0 if left is None else ranking.ranks[left] + 1
        high = len(ranking.ids) if right is None else ranking.ranks[right]
        for index in range(low, high):
            id_ = ranking.ids[index]
            if (
                id_ not in on_page
                and self.belongs(id_, page.query.facet)
                and self.existed(id_, page.exchange)
                and (left is None or ranking.precedes(left, id_))
                and (right is None or ranking.precedes(id_, right))
            ):
                yield id_

    def start(self, page: Page, order: Order) -> int | None:
        """The index at which a page must begin; ``None`` if its cursor did not certainly exist at the time."""
        after = page.query.after
        if after is None:
            return 0
        rank = self.rank(order, after)
        return rank + 1 if rank is not None and self.existed(after, page.exchange) else None

    def skipped(self, page: Page, order: Order) -> str | None:
        """An item that the page skips between its cursor and its first item; ``None`` if there is none."""
        if self.start(page, order) is None or not page.items or self.rank(order, page.ids[0]) is None:
            return None
        return next(self._missing(page, order, page.query.after, page.ids[0]), None)

    def goes_back(self, page: Page, order: Order) -> bool:
        """Whether a page begins with its cursor, or with an item that comes before it."""
        after = page.query.after
        if after is None or not page.items or self.start(page, order) is None:
            return False
        first = page.ids[0]
        return self.rank(order, first) is not None and (first == after or self.precedes(order, first, after))

    def gap(self, page: Page, order: Order) -> str | None:
        """An item that is missing between two items of the page; ``None`` if there is none."""
        rank = self._rankings[order].ranks
        known = [id_ for id_ in page.ids if id_ in rank]
        ranks = [rank[id_] for id_ in known]
        if not ranks or ranks != sorted(ranks):
            return None
        return next(self._missing(page, order, known[0], known[-1]), None)

    def following(self, page: Page, order: Order) -> str | None:
        """An item that follows the page (its last item, or its cursor if it is empty); ``None`` if none is known."""
        if self._end(page, order) is None:
            return None
        return next(self._missing(page, order, page.ids[-1] if page.items else page.query.after, None), None)

    def before_cursor(self, page: Page, order: Order) -> str | None:
        """An item that a backward page is missing before its cursor; ``None`` if there is none."""
        before, end = page.query.before, page.ids[-1] if page.items else None
        rank = self._rankings[order].ranks
        if before not in rank or (end is not None and end not in rank):
            return None
        return next(self._missing(page, order, end, before), None)

    def ends_with(self, page: Page, order: Order) -> bool:
        """Whether this page is known to end where the list ends."""
        low = self._end(page, order)
        if low is None:
            return False
        if not self._all_ranked(order):
            return bool(page.items) and page.ids[-1] == self.last(order, page.query.facet)
        return not any(self.belongs(id_, page.query.facet) for id_ in self._rankings[order].ids[low:])

    def last(self, order: Order, facet: str | None = None) -> str | None:
        """The last item of the list; ``None`` if it is not known.

        If no walk reached the end, it is the first item of the other order, unless that one has a tie.
        """
        if self._part:
            return None
        if self._all_ranked(order):
            return next(iter(self.sequence(order, facet)[-1:]), None)
        head = self._rankings[order.opposite].ids[:2]
        known = self._last_items.get(order)
        if facet is None and known in self.items and head and self.tied(known, head[0]):
            return known
        if facet is not None or len(head) <= 1 or self.tied(*head):  # it takes two to tie
            return None
        return head[0]

    def _all_ranked(self, order: Order) -> bool:
        """Whether the whole list is known, with the index of each item in this order."""
        return self.complete and len(self._rankings[order].ranks) == len(self.items)

    def _end(self, page: Page, order: Order) -> int | None:
        if not page.items:
            return self.start(page, order)
        rank = self.rank(order, page.ids[-1])
        return None if rank is None else rank + 1

    def inversions(self, page: Page, order: Order) -> tuple[tuple[str, str], ...]:
        """Neighbours on the page whose order is reversed in the list."""
        key = page.exchange.number, order
        if key not in self._inversions:
            ranking = self._rankings[order]
            known = [(id_, ranking.ranks.get(id_)) for id_ in page.ids]
            self._inversions[key] = tuple(
                (left, right)
                for (left, first), (right, second) in pairwise(known)
                if first is not None and second is not None and first > second and ranking.precedes(right, left)
            )
        return self._inversions[key]

    def swapped(self, page: Page, order: Order) -> tuple[str, str] | None:
        """Neighbours on the page that are not tied, and whose order is reversed in the list; ``None`` if none are."""
        return next((pair for pair in self.inversions(page, order) if not self.tied(*pair)), None)
