"""A walk through a list that is too long for memory, in both orders, judged as its pages come.

Each stretch of pages is judged by the clauses as soon as it came, and let go: the pages are on disk. What stays in
memory of an item is its id, when it was created, its project, and whether the other order showed it. From that it
is noticed what pages far apart show together: an item twice, an item in one of the orders only, another content, a
seam out of order. Then the pages around that place are read back, asked again, and judged together.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, count, zip_longest
from typing import Protocol

from contracts.catalogue import Clause
from contracts.evidence import USUAL_SIZE, Evidence
from contracts.judging import Tally, size, tally
from contracts.model import Exchange, Finding, Item, Level, Order, Page, Query, Request, Step
from contracts.wording import count as counted

DEEP = "deep"
"""The probe that walks through the whole list."""
STRETCH = 20
"""Pages that are judged together as they come."""
MOST_FINDINGS = 20
"""Findings of a clause that are kept, each with its whole answers; all are counted."""
MOST_DOUBTS = 4
"""Places of one kind that are looked at again; the first ones and the last ones of more."""
PIECES = 400
"""Pieces into which a list is cut for a picture of it."""
TOLD = 8
"""Projects of a piece that are told apart."""
LONG_ID = 64
"""Characters that the ids of a list may have on average; a hostile list has longer ones, or pages without an end."""
BESIDE = 1
"""Pages on either side of a doubtful one that are looked at with it, in its own order."""
AROUND = 2
"""The same in the other order, whose pages lie across these."""
_UNKNOWN = -(1 << 63)
"""A time of creation that is none, or none that 64 bits hold."""

ORDERS = (Order.DESCENDING, Order.ASCENDING)
"""The two walks, in the order in which they are made."""


class Full(Exception):  # noqa: N818 - it is no error: the walk ends here
    """The list has more to remember than a list of so many pages can have."""


class Kept(Protocol):
    """Where exchanges are kept that are not in memory."""

    def __getitem__(self, number: int) -> Exchange:
        """The exchange of this number."""


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
    """A place at which pages don't fit together: which walk is in doubt, and pages of each, by their number in it."""

    kind: Kind
    walk: int
    pages: tuple[tuple[int, ...], tuple[int, ...]]


class _Doubts:
    """The doubts of one kind and walk: all are counted, and a few kept, of different pages, from both ends."""

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
    """One of the two walks: the numbers of its exchanges, and the place at which each page begins.

    ``reached`` is the item with which its last page ended; ``ended`` says that the target said that it is the last,
    and ``unread`` that it could not be read. ``anew`` counts the items of the second walk that the first one lacks.
    """

    def __init__(self) -> None:
        self.numbers = array("q")
        self.begins = array("q")
        self.anew = array("q")
        self.items = 0
        self.ended = False
        self.unread = False
        self.reached: Item | None = None


class Census:
    """What two walks through a list hold, as compactly as it can be told.

    The first walk gives each item its place; the second one is laid against it, from its end.
    """

    def __init__(self, foreign: frozenset[str] = frozenset()) -> None:
        self.courses = (_Course(), _Course())
        self.doubts: dict[tuple[Kind, int], _Doubts] = {}
        self.weight = 0
        """Characters of all ids."""
        self._foreign = foreign
        self._places: dict[str, int] = {}
        self._times = array("q")
        self._owners = array("l")
        self._projects: dict[str | None, int] = {}
        self._seen = bytearray()
        self._first = 0
        """How many items the first walk found."""

    def __len__(self) -> int:
        return len(self._places)

    @property
    def projects(self) -> int:
        """How many projects the items belong to."""
        return len(self._projects) - (None in self._projects)

    def pieces(self) -> tuple[tuple[tuple[str | None, int], ...], ...]:
        """The list cut into `PIECES`, newest items first: the projects of each, with how many items they have there.

        Of many projects in a piece those with the most items are told; all others are one without a name.
        """
        names = list(self._projects)
        size = max(1, -(-len(self._owners) // PIECES))
        return tuple(
            _largest(Counter(names[owner] for owner in self._owners[begin : begin + size]))
            for begin in range(0, len(self._owners), size)
        )

    def number(self, kind: Kind) -> int:
        """How many doubts of a kind there were."""
        return sum(doubts.number for (each, _), doubts in self.doubts.items() if each is kind)

    def note(self, walk: int, number: int) -> None:
        """Note an exchange of a walk, before its page is added."""
        course = self.courses[walk]
        course.numbers.append(number)
        # Places of the second walk are counted from its end, below zero, so that they rise from page to page.
        before = course.begins[-1] if course.begins else -self._first
        course.begins.append(before if walk else self._first)
        course.anew.append(len(self._times))
        course.unread = True

    def add(self, walk: int, page: Page) -> None:
        """Add the page of the exchange that was noted last."""
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
        self._owners.append(self._projects.setdefault(item.project_id, len(self._projects)))

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
            earlier = self._page_of(1, place) if place < self._first else bisect_right(second.anew, place) - 1
            if earlier != at:
                self._doubt(Kind.TWICE, 1, (), (earlier, at))
        self._seen[place] = 1
        self._compare(1, at, place, item)

    def _compare(self, walk: int, at: int, place: int, item: Item) -> None:
        owner = self._projects.setdefault(item.project_id, len(self._projects))
        if (self._times[place], self._owners[place]) != (_time(item), owner):
            pages = (self._page_of(0, place),)
            self._doubt(Kind.OTHER, walk, *(((*pages, at), ()) if walk == 0 else (pages, (at,))))

    def _doubt(self, kind: Kind, walk: int, pages: tuple[int, ...], others: tuple[int, ...] | None = None) -> None:
        both = (pages, others) if others is not None else ((), pages) if walk else (pages, ())
        self.doubts.setdefault((kind, walk), _Doubts()).add(Doubt(kind, walk, both))

    def _page_of(self, walk: int, place: int) -> int:
        """The page of a walk that shows the item of a place, or should."""
        key = -place if walk else place
        return max(0, bisect_right(self.courses[walk].begins, key) - 1)

    def compare(self) -> None:
        """Note what the first walk showed and the second did not, once that is over."""
        second = self.courses[1]
        if not second.numbers:
            return
        begin, until = 0, None
        if not second.ended:
            # It came from the oldest item only so far: what is older than that had to be shown.
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
        """The pages of the other walk that lie across these of one walk."""
        here, there = self.courses[walk], 1 - walk
        if not self.courses[there].numbers:
            return ()
        return tuple(dict.fromkeys(self._page_of(there, abs(here.begins[page])) for page in pages))


def _largest(owners: Counter[str | None]) -> tuple[tuple[str | None, int], ...]:
    told = owners.most_common(TOLD)
    others = owners.total() - sum(number for _, number in told)
    return (*told, (None, others)) if others else tuple(told)


def _time(item: Item) -> int:
    time = item.created_at
    return time if time is not None and -(1 << 62) < time < 1 << 62 else _UNKNOWN


def _precedes(order: Order, left: Item, right: Item) -> bool:
    """Whether an item comes before another one in this order, by the times at which they were created."""
    times = _time(left), _time(right)
    if _UNKNOWN in times:
        return False
    return times[0] > times[1] if order is Order.DESCENDING else times[0] < times[1]


def _apart(exchanges: Iterable[Exchange]) -> Iterator[Exchange]:
    """Short walks, each part of one that leaves pages out as a walk of its own."""
    before: Step | None = None
    part = 0
    for exchange in exchanges:
        step = exchange.step
        if step is not None:
            part += before is not None and (before.walk, before.index + 1) != (step.walk, step.index)
            before = step
            yield replace(exchange, step=Step(f"{step.walk}, part {part}", step.index))


class Deep:
    """Judges two walks through the whole list.

    Args:
        evidence: What is known of the target until then.
        clauses: The clauses that are judged; those that judge walks are.
        kept: Where the exchanges of these walks are.
        pages: The most pages that are walked through.
    """

    def __init__(self, evidence: Evidence, clauses: Iterable[Clause], kept: Kept, pages: int) -> None:
        self._room = (pages + 1) * USUAL_SIZE * LONG_ID
        self._reader = evidence.reader.fresh()
        self._target = evidence.target
        self._ends = evidence.listing.ends
        others = evidence.pages_of_others.get(self._target.other_checkpoint or "", ())
        self._beside = tuple(page.exchange for page in others)
        self._clauses = [one for one in clauses if "walks" in one.probes and one.level is not Level.OBSERVED]
        self._kept = kept
        self._stretch: list[Exchange] = []
        self._walks: list[str] = []
        self._direct: set[str] = set()
        """The clauses that single stretches break."""
        self._labels = count(1)
        self.census = Census(evidence.foreign)
        self.tallies: dict[str, Tally] = {one.id: Tally() for one in self._clauses}
        self.moved = 0
        """At how many places the list was seen to change."""

    def read(self, exchange: Exchange, query: Query) -> Page | None:
        """Take one page of one of the walks; ``None`` if it can't be read as one.

        Raises:
            Full: the ids are so many or so long that they take more memory than such a list does.
        """
        name = exchange.step.walk if exchange.step is not None else ""
        if name not in self._walks:
            self.judge()
            self._walks.append(name)
        walk = self._walks.index(name)
        page = self._reader.page(exchange, query)
        self.census.note(walk, exchange.number)
        if page is not None:
            self.census.add(walk, page)
        self._stretch.append(exchange)
        if len(self._stretch) >= STRETCH:
            self.judge()
        if self.census.weight > self._room:
            raise Full
        return page

    def judge(self) -> None:
        """Judge the stretch that has come, and let it go."""
        evidence = Evidence(self._reader, self._target, self._stretch, part=True)
        found = tally(self._clauses, evidence)
        self._stretch, self._reader = [], self._reader.fresh()
        for name, new in found.items():
            if new.findings:
                self._direct.add(name)
            self.tallies[name].add(new, MOST_FINDINGS)

    def doubts(self) -> list[Doubt]:
        """The places that are to be looked at again, the first of each kind before the second of any."""
        self.census.compare()
        rows = zip_longest(*self.census.doubts.values())
        return [doubt for doubt in chain.from_iterable(rows) if doubt is not None]

    def look(self, doubt: Doubt, ask: Callable[[Request, Step], Exchange]) -> None:
        """Look at a place again: in the doubtful order, in the other, and both once more; and judge all of it.

        Args:
            doubt: The place.
            ask: What asks a request that is a step of a short walk.
        """
        windows = self._windows(doubt)
        fresh = [
            exchange for walk in (doubt.walk, 1 - doubt.walk) * 2 for exchange in self._walk(walk, windows[walk], ask)
        ]
        self._judge_place(doubt, windows, fresh)

    def _walk(self, walk: int, window: Sequence[int], ask: Callable[[Request, Step], Exchange]) -> Iterator[Exchange]:
        """Walk through some pages of a walk again, and beyond it where they are its last ones."""
        numbers = self.census.courses[walk].numbers
        label = f"{DEEP} look {next(self._labels)}"
        before: Page | None = None
        for page in (*window, *([len(numbers)] if window and window[-1] == len(numbers) - 1 else [])):
            goes_on = page - 1 in window
            if not goes_on:
                request = self._kept[numbers[page]].request
            elif before is None or not before.items:
                continue
            else:
                # From where it is now, and not from where the walk was: the list may have changed.
                request = self._reader.operation.request(replace(before.query, after=before.ids[-1]))
            exchange = ask(request, Step(label, page))
            yield exchange
            before = self._page(exchange)

    def _windows(self, doubt: Doubt) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The pages of both walks that show a place and what is around it."""
        pages = list(doubt.pages)
        for walk in (0, 1):
            if not pages[walk]:
                pages[walk] = self.census.across(pages[1 - walk], 1 - walk)
        found = []
        for walk in (0, 1):
            margin = BESIDE if walk == doubt.walk else AROUND
            last = len(self.census.courses[walk].numbers) - 1
            around = {near for page in pages[walk] for near in range(page - margin, page + margin + 1)}
            found.append(tuple(sorted(page for page in around if 0 <= page <= last)))
        return found[0], found[1]

    def _page(self, exchange: Exchange) -> Page | None:
        query = self._reader.operation.read(exchange.request.path, exchange.request.query).query
        return self._reader.fresh().page(exchange, query) if query is not None else None

    def _judge_place(self, doubt: Doubt, windows: Sequence[Sequence[int]], fresh: Sequence[Exchange]) -> None:
        """Judge a place by the pages that the walks brought and by those that were asked anew."""
        old = [
            self._kept[self.census.courses[walk].numbers[page]]
            for walk, window in enumerate(windows)
            for page in window
        ]
        changed = self._changed((*old, *fresh))
        self.moved += changed
        if changed:
            # Where items came or went, pages that are far apart are no longer those of one walk.
            fresh = list(_apart(fresh))
        beside = self._beside if doubt.kind is Kind.FOREIGN else ()
        exchanges = sorted((*beside, *old, *fresh), key=lambda exchange: exchange.number)
        evidence = Evidence(self._reader.fresh(), self._target, exchanges, part=True, changed=changed)
        for name, new in tally(self._clauses, evidence).items():
            if name not in self._direct and new.findings:
                self.tallies[name].add(replace(new, cases=len(new.findings)), MOST_FINDINGS)

    def _changed(self, exchanges: Sequence[Exchange]) -> bool:
        """Whether the same request brought other items than before."""
        shown: dict[str, frozenset[str]] = {}
        for exchange in exchanges:
            page = self._page(exchange)
            ids = frozenset(page.ids) if page is not None else frozenset[str]()
            if shown.setdefault(exchange.request.target, ids) != ids:
                return True
        return False

    def worth_asking(self, known: Iterable[tuple[str, Finding]]) -> list[tuple[str, Finding]]:
        """The findings that are worth asking again: of each clause one that is shown in place of what is known."""
        others = dict(known)
        return [
            (name, least)
            for name, kept in self.tallies.items()
            if (least := kept.least) is not None
            and not least.warning
            and (name not in others or size(least) < size(others[name]))
        ]

    def add_to(self, tallies: Mapping[str, Tally]) -> None:
        """Add what the clauses made of the walks to what they made of all else."""
        for name, found in self.tallies.items():
            if name in tallies:
                tallies[name].add(found)

    @property
    def ends(self) -> Mapping[Order, str]:
        """The last item of each order in which the target said itself where the list ends."""
        ended = zip(ORDERS, self.census.courses, strict=True)
        return {order: course.reached.id for order, course in ended if course.ended and course.reached is not None}

    @property
    def pages(self) -> int:
        """How many pages came."""
        return sum(len(course.numbers) for course in self.census.courses)

    def expected(self, most: int) -> int:
        """How many pages there seem to be in both walks, of ``most`` that are asked for.

        As long as the first walk has not come to its end, the times of its items tell how far it is: it takes them to
        be spread evenly.
        """
        first, second = self.census.courses
        if second.numbers or first.ended:
            return min(most, 2 * len(first.numbers) if first.ended else len(first.numbers) + most // 2)
        time = first.reached.created_at if first.reached else None
        if self._ends is None or time is None or not self._ends[1] < self._ends[0] or time >= self._ends[0]:
            return most
        part = (self._ends[0] - time) / (self._ends[0] - self._ends[1])
        return min(most, round(2 * len(first.numbers) / min(1.0, part)))

    def notes(self) -> Iterator[str]:
        """What the reader must know about how far the walks came."""
        first, second = self.census.courses
        size = counted(len(self.census), "permission")
        if first.ended and second.ended:
            pages = len(first.numbers) + len(second.numbers)
            yield f"All {size} were walked through in both orders, on {pages} pages."
        else:
            yield (
                f"The walk through the whole list came to {size}, the {first.items} newest and the {second.items}"
                " oldest: what lies beyond is not judged. --requests N reaches further."
            )
        lost = self.census.number(Kind.LOST)
        if lost and self.moved:
            yield f"{counted(lost, 'permission')} came or went while the list was walked through."
