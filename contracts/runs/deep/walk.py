"""A walk through a list that is too long for memory, in both orders, judged as its pages come.

Each stretch of pages is judged by the clauses as soon as it came, and let go: the pages are on disk. What pages far
apart show together a `Census` notices. Where it doubts something, the pages around that place are read back, asked
again, and judged together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count, zip_longest
from typing import Protocol

from contracts.clauses.registry import Clause
from contracts.core.model import Exchange, Order, Page, Query, Request, Step
from contracts.core.result import Finding, Level, Result
from contracts.core.wording import count as counted
from contracts.evidence.evidence import USUAL_SIZE, Evidence
from contracts.runs.deep.census import ORDERS, Census, Doubt, Kind
from contracts.verdicts.judging import Tally, size, tally

DEEP = "deep"
"""The probe that walks through the whole list."""
STRETCH = 20
"""Pages that are judged together as they come."""
MOST_FINDINGS = 20
"""Findings of a clause that are kept, each with its whole answers; all are counted."""
LONG_ID = 64
"""Characters that the ids of a list may have on average; a hostile list has longer ones, or pages without an end."""
BESIDE = 1
"""Pages on either side of a doubtful one that are looked at with it, in its own order."""
AROUND = 2
"""The same in the other order, whose pages lie across these."""


class Full(Exception):  # noqa: N818 - it is no error: the walk ends here
    """The list has more to remember than a list of so many pages can have."""


class Kept(Protocol):
    """Where exchanges are kept that are not in memory."""

    def __getitem__(self, number: int) -> Exchange:
        """The exchange of this number."""


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
        self._clauses = [one for one in clauses if "walks" in one.asked_by and one.level is not Level.OBSERVED]
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
            elif before is None or not before.items or (self._reader.opaque and before.token is None):
                continue
            else:
                # From where it is now, and not from where the walk was: the list may have changed.
                cursor = before.token if self._reader.opaque else before.ids[-1]
                onward = self._reader.operation.request(replace(before.query, after=cursor))
                request = replace(onward, fresh=True)
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
        query = self._reader.query(exchange)
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
        """Whether the same query, however it was written, brought other items than before."""
        shown: dict[tuple[str, Query | None], frozenset[str]] = {}
        for exchange in exchanges:
            page = self._page(exchange)
            ids = frozenset(page.ids) if page is not None else frozenset[str]()
            if shown.setdefault((exchange.request.path, self._reader.query(exchange)), ids) != ids:
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

    def told_in(self, result: Result, spooled: Iterable[Exchange]) -> Result:
        """The result with what the walks hold; ``spooled`` are their exchanges."""
        census = self.census
        seen = replace(result, items=len(census), projects=census.projects, pieces=census.pieces(), spooled=spooled)
        return replace(seen, complete=result.complete or any(course.ended for course in census.courses))

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
