"""A compact index of two walks through a list, one in each order.

Of each item it keeps the id, the time, the facet, and whether the second walk showed it. That is enough to see what
no two neighbouring pages show: an item twice, an item in only one of the orders, a change of content, or a page that
begins out of order.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.core.model import Item, Order, Page

ORDERS = (Order.DESCENDING, Order.ASCENDING)
"""The two walks, in the order in which they are made."""
MOST_DOUBTS = 4
"""Places of one kind that are read again; if there are more, the first and the last ones."""
PIECES = 400
"""Pieces into which a list is cut for a picture of it."""
MOST_FACETS = 8
"""Projects that are named in one piece; the others count together."""
_UNKNOWN = -(1 << 63)
"""Stands for a missing time, and for one that does not fit into 64 bits."""


class Kind(StrEnum):
    """What is doubtful about a place."""

    TWICE = "twice"
    LOST = "lost"
    OTHER = "other content"
    DISORDER = "out of order"
    FOREIGN = "foreign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A place where pages don't fit together: the walk in doubt, and for both walks the zero-based indices of pages."""

    kind: Kind
    walk: int
    pages: tuple[tuple[int, ...], tuple[int, ...]]


class _Doubts:
    """The doubts of one kind about one walk: all are counted; a few are kept, about different pages."""

    def __init__(self) -> None:
        self.number = 0
        self._first: list[Doubt] = []
        self._last: list[Doubt] = []

    def add(self, doubt: Doubt) -> None:
        self.number += 1
        kept = self._first if len(self._first) < MOST_DOUBTS // 2 else self._last
        if (self._last or self._first) and (self._last or self._first)[-1].pages == doubt.pages:
            return
        kept.append(doubt)
        del self._last[: -MOST_DOUBTS // 2]

    def __iter__(self) -> Iterator[Doubt]:
        return iter((*self._first, *self._last))


class _Course:
    """One of the two walks: the numbers of its exchanges, and the index of the item with which each page begins.

    ``reached`` is the last item of its last page; ``ended`` says that the target marked that page as the last one, and
    ``unread`` that the page could not be read. ``added`` holds, for each page, how many items were known before it.
    """

    def __init__(self) -> None:
        self.numbers = array("q")
        self.begins = array("q")
        self.added = array("q")
        self.items = 0
        self.ended = False
        self.unread = False
        self.reached: Item | None = None


class Census:
    """A compact index of two walks through a list.

    The first walk gives each item its index; the second walk is compared with it from the other end.
    """

    def __init__(self, foreign: frozenset[str] = frozenset()) -> None:
        self.courses = (_Course(), _Course())
        self.doubts: dict[tuple[Kind, int], _Doubts] = {}
        self.weight = 0
        """The number of characters of all ids."""
        self._foreign = foreign
        self._places: dict[str, int] = {}
        self._times = array("q")
        self._owners = array("l")
        self._facets: dict[str | None, int] = {}
        self._seen = bytearray()
        self._first = 0
        """How many items the first walk found."""

    def __len__(self) -> int:
        return len(self._places)

    @property
    def facets(self) -> int:
        """How many facets the items belong to."""
        return len(self._facets) - (None in self._facets)

    def pieces(self) -> tuple[tuple[tuple[str | None, int], ...], ...]:
        """The list in at most `PIECES` pieces, newest items first: for each the facets with their numbers of items.

        Only the `MOST_PROJECTS` largest are named; the others are summed up under ``None``.
        """
        names = list(self._facets)
        size = max(1, -(-len(self._owners) // PIECES))
        return tuple(
            _largest(Counter(names[owner] for owner in self._owners[begin : begin + size]))
            for begin in range(0, len(self._owners), size)
        )

    def number(self, kind: Kind) -> int:
        """How many doubts of a kind there were."""
        return sum(doubts.number for (each, _), doubts in self.doubts.items() if each is kind)

    def note(self, walk: int, number: int) -> None:
        """Record an exchange of a walk, before its page is added."""
        course = self.courses[walk]
        course.numbers.append(number)
        # Indices of the second walk are negative and counted from its end, so that they rise from page to page.
        before = course.begins[-1] if course.begins else -self._first
        course.begins.append(before if walk else self._first)
        course.added.append(len(self._times))
        course.unread = True

    def add(self, walk: int, page: Page) -> None:
        """Add the page of the exchange that was recorded last."""
        course = self.courses[walk]
        at = len(course.numbers) - 1
        before = course.reached
        if before is not None and page.items and _precedes(ORDERS[walk], page.items[0], before):
            self._doubt(Kind.DISORDER, walk, (at - 1, at))
        add = self._add_second if walk else self._add_first
        for item in page.items:
            course.items += 1
            if item.id in self._foreign:
                self._doubt(Kind.FOREIGN, walk, (at,))
            add(at, item)
        if page.items:
            course.reached = page.items[-1]
        course.ended = page.has_more is False or not page.items
        course.unread = False

    def _keep(self, item: Item) -> None:
        self.weight += len(item.id)
        self._places[item.id] = len(self._times)
        self._times.append(_time(item))
        self._owners.append(self._facets.setdefault(item.facet, len(self._facets)))

    def _add_first(self, at: int, item: Item) -> None:
        place = self._places.get(item.id)
        if place is None:
            self._keep(item)
            self._seen.append(0)
            self._first += 1
            return
        earlier = self._page_of(0, place)
        if earlier != at:
            self._doubt(Kind.TWICE, 0, (earlier, at))
        self._compare(0, at, place, item)

    def _add_second(self, at: int, item: Item) -> None:
        first, second = self.courses
        place = self._places.get(item.id)
        if place is None:
            self._keep(item)
            self._seen.append(1)
            if first.ended or (first.reached is not None and _precedes(ORDERS[0], item, first.reached)):
                self._doubt(Kind.LOST, 0, (self._page_of(0, max(0, -second.begins[-1])),), (at,))
            return
        if not self._seen[place]:
            if at == 0 or second.begins[at] == second.begins[at - 1]:
                second.begins[at] = max(second.begins[at], -place)
        else:
            earlier = self._page_of(1, place) if place < self._first else bisect_right(second.added, place) - 1
            if earlier != at:
                self._doubt(Kind.TWICE, 1, (), (earlier, at))
        self._seen[place] = 1
        self._compare(1, at, place, item)

    def _compare(self, walk: int, at: int, place: int, item: Item) -> None:
        owner = self._facets.setdefault(item.facet, len(self._facets))
        if (self._times[place], self._owners[place]) != (_time(item), owner):
            pages = (self._page_of(0, place),)
            self._doubt(Kind.OTHER, walk, *(((*pages, at), ()) if walk == 0 else (pages, (at,))))

    def _doubt(self, kind: Kind, walk: int, pages: tuple[int, ...], others: tuple[int, ...] | None = None) -> None:
        both = (pages, others) if others is not None else ((), pages) if walk else (pages, ())
        self.doubts.setdefault((kind, walk), _Doubts()).add(Doubt(kind, walk, both))

    def _page_of(self, walk: int, place: int) -> int:
        """The zero-based index of the page of a walk that shows, or should show, the item with this index."""
        key = -place if walk else place
        return max(0, bisect_right(self.courses[walk].begins, key) - 1)

    def compare(self) -> None:
        """Record, after the second walk, the items that only the first one showed, and an unreadable last page."""
        second = self.courses[1]
        if not second.numbers:
            return
        begin, until = 0, None
        if not second.ended:
            # It began at the oldest item and stopped early: only what is older than its last item had to be shown.
            begin = self._places[second.reached.id] + 1 if second.reached else self._first
            until = _time(second.reached) if second.reached else None
        place = self._seen.find(0, begin, self._first)
        while place >= 0:
            if until is None or self._times[place] < until:
                self._doubt(Kind.LOST, 1, (self._page_of(0, place),), (self._page_of(1, place),))
            place = self._seen.find(0, place + 1, self._first)
        for walk, course in enumerate(self.courses):
            if course.unread:
                self._doubt(Kind.END, walk, (len(course.numbers) - 1,))

    def across(self, pages: Sequence[int], walk: int) -> tuple[int, ...]:
        """The pages of the other walk that show the same part of the list."""
        here, there = self.courses[walk], 1 - walk
        if not self.courses[there].numbers:
            return ()
        return tuple(dict.fromkeys(self._page_of(there, abs(here.begins[page])) for page in pages))


def _largest(owners: Counter[str | None]) -> tuple[tuple[str | None, int], ...]:
    largest = owners.most_common(MOST_FACETS)
    others = owners.total() - sum(number for _, number in largest)
    return (*largest, (None, others)) if others else tuple(largest)


def _time(item: Item) -> int:
    time = item.time
    return time if time is not None and -(1 << 62) < time < 1 << 62 else _UNKNOWN


def _precedes(order: Order, left: Item, right: Item) -> bool:
    """Whether an item comes before another one in this order, by the times at which they were created."""
    times = _time(left), _time(right)
    if _UNKNOWN in times:
        return False
    return order.precedes(*times)
