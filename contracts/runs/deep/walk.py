"""A walk through a list that is too long for memory, in both orders, judged while its pages arrive.

The clauses judge a few successive pages at a time, which are then kept on disk only. A `Census` compares pages that are
far apart. Where it finds a doubtful place, the pages around it are read back, requested again, and judged together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain, count, zip_longest
from typing import Protocol

from contracts.clauses.registry import Clause
from contracts.core.model import Exchange, Order, Page, Query, Request, Step
from contracts.core.result import Finding, Level, Result
from contracts.core.wording import count as counted
from contracts.evidence.evidence import USUAL_SIZE, Evidence
from contracts.probes.asking import Asking, ShareSpent
from contracts.probes.walks import walk_to_the_end
from contracts.runs.deep.census import ORDERS, Census, Doubt, Kind
from contracts.traffic.limits import CLOSER
from contracts.verdicts.tallying import Tally, size, tally

DEEP = "deep"
"""The probe that walks through the whole list."""
STRETCH = 20
"""Successive pages that are judged together."""
MOST_FINDINGS = 20
"""Findings of a clause that are kept with their answers; all are counted."""
LONG_ID = 64
"""Characters that the ids of a list may have on average, so that a hostile list can't fill the memory."""
BESIDE = 1
"""Pages on either side of a doubtful one that are requested with it, in the same order."""
AROUND = 2
"""The same for the pages of the other order that show the same part of the list."""


class Full(Exception):
    """The ids take more memory than a list of so many pages may need."""


class Store(Protocol):
    """A store of exchanges that are not in memory."""

    def __getitem__(self, number: int) -> Exchange:
        """The exchange of this number."""


def _apart(exchanges: Iterable[Exchange]) -> Iterator[Exchange]:
    """The exchanges of walks, renamed so that a walk with missing pages becomes several walks."""
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
        evidence: What is known of the target so far.
        clauses: The clauses of the run; those that judge walks are used.
        store: The store that holds the exchanges of these walks.
        pages: The most pages of both walks together.
    """

    def __init__(self, evidence: Evidence, clauses: Iterable[Clause], store: Store, pages: int) -> None:
        self._room = (pages + 1) * USUAL_SIZE * LONG_ID
        self._reader = evidence.reader.fresh()
        self._target = evidence.target
        self._span = evidence.listing.span
        others = evidence.pages_of_others.get(self._target.other_checkpoint or "", ())
        self._beside = tuple(page.exchange for page in others)
        self._clauses = [one for one in clauses if "walks" in one.asked_by and one.level is not Level.OBSERVED]
        self._store = store
        self._stretch: list[Exchange] = []
        self._walks: list[str] = []
        self._direct: set[str] = set()
        """The clauses that successive pages broke by themselves."""
        self._labels = count(1)
        self.census = Census(evidence.foreign)
        self.tallies: dict[str, Tally] = {one.id: Tally() for one in self._clauses}
        self.moved = 0
        """The number of doubtful places where the list changed."""

    def read(self, exchange: Exchange, query: Query) -> Page | None:
        """Take the next exchange of one of the walks, and return its page; ``None`` if it is unreadable.

        Raises:
            Full: The ids take more memory than a list of this many pages may need.
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
        """Judge the pages that have come since the last call, and drop them from memory."""
        evidence = Evidence(self._reader, self._target, self._stretch, part=True)
        found = tally(self._clauses, evidence)
        self._stretch, self._reader = [], self._reader.fresh()
        for name, new in found.items():
            if new.findings:
                self._direct.add(name)
            self.tallies[name].add(new, MOST_FINDINGS)

    def doubts(self) -> list[Doubt]:
        """The places that are to be read again, the first of each kind before the second of any."""
        self.census.compare()
        rows = zip_longest(*self.census.doubts.values())
        return [doubt for doubt in chain.from_iterable(rows) if doubt is not None]

    def read_again(self, doubt: Doubt, ask: Callable[[Request, Step], Exchange]) -> None:
        """Read a place again, twice in both orders, and judge it together with what the walks showed there.

        Args:
            doubt: The place.
            ask: Sends a request as a step of a short walk.
        """
        windows = self._windows(doubt)
        fresh = [
            exchange for walk in (doubt.walk, 1 - doubt.walk) * 2 for exchange in self._walk(walk, windows[walk], ask)
        ]
        self._judge_place(doubt, windows, fresh)

    def _walk(self, walk: int, window: Sequence[int], ask: Callable[[Request, Step], Exchange]) -> Iterator[Exchange]:
        """Request some pages of a walk again, and the page after its last one where that is among them."""
        numbers = self.census.courses[walk].numbers
        label = f"{DEEP} look {next(self._labels)}"
        before: Page | None = None
        for page in (*window, *([len(numbers)] if window and window[-1] == len(numbers) - 1 else [])):
            goes_on = page - 1 in window
            if not goes_on:
                request = self._store[numbers[page]].request
            elif before is None or not before.items or (self._reader.opaque and before.token is None):
                continue
            else:
                # The cursor of the new page, and not that of the walk: the list may have changed.
                cursor = before.token if self._reader.opaque else before.ids[-1]
                onward = self._reader.operation.request(replace(before.query, after=cursor))
                request = replace(onward, fresh=True)
            exchange = ask(request, Step(label, page))
            yield exchange
            before = self._page(exchange)

    def _windows(self, doubt: Doubt) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The pages of both walks that show a place and its surroundings."""
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
        query = self._reader.query(exchange)
        return self._reader.fresh().page(exchange, query) if query is not None else None

    def _judge_place(self, doubt: Doubt, windows: Sequence[Sequence[int]], fresh: Sequence[Exchange]) -> None:
        """Judge a place by the pages of the walks together with those that were requested again."""
        old = [
            self._store[self.census.courses[walk].numbers[page]]
            for walk, window in enumerate(windows)
            for page in window
        ]
        changed = self._changed((*old, *fresh))
        self.moved += changed
        if changed:
            # Where items were added or removed, pages that are far apart no longer make one walk.
            fresh = list(_apart(fresh))
        beside = self._beside if doubt.kind is Kind.FOREIGN else ()
        exchanges = sorted((*beside, *old, *fresh), key=lambda exchange: exchange.number)
        evidence = Evidence(self._reader.fresh(), self._target, exchanges, part=True, changed=changed)
        for name, new in tally(self._clauses, evidence).items():
            if name not in self._direct and new.findings:
                self.tallies[name].add(replace(new, cases=len(new.findings)), MOST_FINDINGS)

    def _changed(self, exchanges: Sequence[Exchange]) -> bool:
        """Whether the same query, however it was written, returned different items."""
        shown: dict[tuple[str, Query | None], frozenset[str]] = {}
        for exchange in exchanges:
            page = self._page(exchange)
            ids = frozenset(page.ids) if page is not None else frozenset[str]()
            if shown.setdefault((exchange.request.path, self._reader.query(exchange)), ids) != ids:
                return True
        return False

    def worth_confirming(self, known: Iterable[tuple[str, Finding]]) -> list[tuple[str, Finding]]:
        """The findings to confirm: for each clause one that would be shown in place of the known one."""
        others = dict(known)
        return [
            (name, least)
            for name, kept in self.tallies.items()
            if (least := kept.least) is not None
            and not least.warning
            and (name not in others or size(least) < size(others[name]))
        ]

    def add_to(self, tallies: Mapping[str, Tally]) -> None:
        """Add what the clauses found in the walks to what they found elsewhere."""
        for name, found in self.tallies.items():
            if name in tallies:
                tallies[name].add(found)

    def with_walks(self, result: Result, spooled: Iterable[Exchange]) -> Result:
        """The result, completed by what the walks showed; ``spooled`` are their exchanges."""
        census = self.census
        seen = replace(result, items=len(census), projects=census.facets, pieces=census.pieces(), spooled=spooled)
        return replace(seen, complete=result.complete or any(course.ended for course in census.courses))

    @property
    def last_items(self) -> Mapping[Order, str]:
        """The last item in each order whose walk reached the end of the list."""
        ended = zip(ORDERS, self.census.courses, strict=True)
        return {order: course.reached.id for order, course in ended if course.ended and course.reached is not None}

    @property
    def pages(self) -> int:
        """The number of pages of both walks."""
        return sum(len(course.numbers) for course in self.census.courses)

    def expected(self, most: int) -> int:
        """An estimate of the pages of both walks, at most ``most``.

        Until the first walk ends, it is made from the times of its items, as if they were evenly distributed.
        """
        first, second = self.census.courses
        if second.numbers or first.ended:
            return min(most, 2 * len(first.numbers) if first.ended else len(first.numbers) + most // 2)
        time = first.reached.time if first.reached else None
        if self._span is None or time is None or not self._span[1] < self._span[0] or time >= self._span[0]:
            return most
        part = (self._span[0] - time) / (self._span[0] - self._span[1])
        return min(most, round(2 * len(first.numbers) / min(1.0, part)))

    def notes(self) -> Iterator[str]:
        """Notes for the reader on how far the walks went."""
        first, second = self.census.courses
        size = counted(len(self.census), self._reader.operation.profile.noun)
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
            noun = self._reader.operation.profile.noun
            yield f"{counted(lost, noun)} came or went while the list was walked through."


def walk_through(asking: Asking, deep: Deep, pages: int) -> None:
    """Walk through the whole list in both orders, and look again at what is doubtful in it.

    Args:
        asking: What asks.
        deep: What judges the pages.
        pages: The most pages of both walks together; `CLOSER` more requests are for what is doubtful.
    """
    asking.begin(DEEP, pages)
    for order in ORDERS:
        with suppress(ShareSpent, Full):
            walk_to_the_end(asking, order, pages // len(ORDERS), deep.read)
    deep.judge()
    # The other half of the requests is for confirmation.
    asking.begin(DEEP, CLOSER // 2)
    with suppress(ShareSpent):
        for doubt in deep.doubts():
            deep.read_again(doubt, lambda request, step: asking.send(request, step=step, spooled=True))
