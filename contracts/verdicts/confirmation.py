"""What broke a clause is asked again, and counted: "3 of 3 times".

A breach that follows from another one needs no requests of its own: what confirms its root confirms it. It is asked
only where its root does not come back each time. Who answers is the caller's matter: the target while a run lasts, or
the recording of one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from contracts.clauses.registry import Clause
from contracts.core.model import Exchange, Order, Target
from contracts.core.result import Finding
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.verdicts.judging import Again, Tally, judge, numbers, roots, tally

ROUNDS = 3
"""How often a finding is asked again."""
COMPANY_ROUNDS = 2
"""How often what did not come back alone is asked again with others under way."""
FEW = 3
"""So many findings are asked again first: where none comes back alone, company is what they are missing."""
MOST_TOGETHER = 8
"""Requests of such a round, those that only keep the others company included."""
LONGEST_REPLAY = 12
"""A finding that rests on more answers than this is not asked again: it speaks by its number."""


class Answering(Protocol):
    """Who answers what is asked again."""

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """All that was asked until now."""

    def look(self, *, ascending: bool) -> None:
        """Look at the whole list, in ascending order as well if that is wanted."""

    def repeat(self, number: int, exchange: Exchange, *, fresh: bool) -> Exchange:
        """Ask a request once more, in the round of this number.

        With ``fresh`` caches are asked to check what they keep, so that a stale page is not taken for a wrong one.
        """

    def repeat_together(self, number: int, exchanges: Sequence[Exchange]) -> Sequence[Exchange]:
        """Ask requests once more, several at the same time, in the round of this number."""


@dataclass(frozen=True, slots=True)
class _Round:
    """The exchanges of a finding, repeated once, and whether the list certainly did not change meanwhile."""

    exchanges: tuple[Exchange, ...]
    stable: bool
    alone: tuple[Exchange, ...] = ()
    """What was asked in this round with the looks around it, where the list is known to change."""


def worth_asking(tallies: Mapping[str, Tally], derived: Collection[str] = ()) -> list[tuple[str, Finding]]:
    """The finding of each clause that is worth asking again; those that follow from others come last."""
    found = [
        (name, kept.least)
        for name, kept in tallies.items()
        if kept.least is not None and not kept.least.warning and len(kept.least.exchanges) <= LONGEST_REPLAY
    ]
    return sorted(found, key=lambda each: each[0] in derived)


class Repeating:
    """Asks findings again.

    Args:
        clauses: The clauses that are judged.
        reader: What reads the answers.
        target: The target that is judged.
        answering: Who answers.
        moved: Whether the list is known to change: then what rests on its standing still is asked between two looks.
        ends: The exceptions that end the asking before its time, and not the counting.
        part: Whether the findings are of a part of a list that is too long to be kept.

    Attributes:
        ended_by: The exception that ended the asking before its time, if one did.
    """

    def __init__(
        self,
        clauses: Sequence[Clause],
        reader: Reader,
        target: Target,
        answering: Answering,
        *,
        moved: bool,
        ends: tuple[type[BaseException], ...],
        part: bool = False,
    ) -> None:
        self._clauses = clauses
        self._reader = reader
        self._target = target
        self._answering = answering
        self._moved = moved
        self._ends = ends
        self._part = part
        self.ended_by: BaseException | None = None
        self._copies: dict[str, list[_Round]] = {}
        self._done: dict[int, dict[int, Exchange]] = defaultdict(dict)
        """What was asked in each round, by the number of what it repeats."""
        self._together: dict[str, list[_Round]] = {}
        """What was asked with others under way, where a finding did not come back without them."""

    def ask(self, found: Sequence[tuple[str, Finding]], derived: Mapping[str, str] = {}) -> dict[str, Again]:
        """Ask the finding of each of these clauses again; how each did.

        Args:
            found: The clauses, in the order in which they are reported, and the finding of each.
            derived: For each clause whose breach follows from another one, that one.
        """
        counted = self._ask(found, derived)
        if not self._part and self.ended_by is None:
            late = [each for each in self._now() if each[0] not in counted]
            counted |= self._ask(late, {})
        return counted

    def _now(self) -> list[tuple[str, Finding]]:
        """What is worth asking again by now: some findings come with what was asked again for others."""
        evidence = Evidence(self._reader, self._target, self._answering.exchanges)
        tallies = tally(self._clauses, evidence)
        derived = roots(judge(self._clauses, evidence, tallies, {}))
        return [each for each in worth_asking(tallies) if each[0] not in derived]

    def _ask(self, found: Sequence[tuple[str, Finding]], because: Mapping[str, str]) -> dict[str, Again]:
        self._copies = {name: [] for name, _ in found}
        own = [each for each in found if because.get(each[0]) not in self._copies]
        derived = [each for each in found if because.get(each[0]) in self._copies]
        try:
            self._rounds(own)
            sure = {name for name, again in self._count(own, self._copies).items() if again.rounds == again.seen > 0}
            self._rounds([each for each in derived if because[each[0]] not in sure])
        except self._ends as end:
            self.ended_by = end
        self._share(each for each in derived if not self._copies[each[0]])
        counted = self._count(found, self._copies)
        for name, again in self._count([each for each in found if each[0] in self._together], self._together).items():
            if again.seen and not counted[name].seen:
                counted[name] = replace(again, alone=counted[name].rounds)
        return counted

    def _rounds(self, found: Sequence[tuple[str, Finding]]) -> None:
        """Ask each once, and then one after the other as often as it takes: what is reported first is counted whole."""
        if not found:
            return
        for some in (found[:FEW], found[FEW:]):
            self._round(1, some)
            self._repeat_together(some)
        # A batch takes many requests: where they run out, the others are done.
        for each in sorted(found, key=lambda each: any(exchange.concurrent for exchange in each[1].exchanges)):
            for number in range(2, ROUNDS + 1):
                self._round(number, [each])

    def _share(self, found: Iterable[tuple[str, Finding]]) -> None:
        """Count for a finding what was asked again for others, where that is all that it rests on."""
        for name, finding in found:
            for done in () if self._moved and finding.stable_list else self._done.values():
                if all(exchange.number in done for exchange in finding.exchanges):
                    mine = tuple(done[exchange.number] for exchange in finding.exchanges)
                    self._copies[name].append(_Round(mine, stable=not self._moved))

    def _repeat_together(self, found: Sequence[tuple[str, Finding]]) -> None:
        """Ask what did not come back by itself at the same time as what was under way before: it may need company."""
        every = [exchange for exchange in self._answering.exchanges if exchange.again is None]
        beside = {
            exchange.number: overlapping(exchange, every) for _, finding in found for exchange in finding.exchanges
        }
        if self._moved or not any(beside.values()):
            return
        for number in range(ROUNDS + 1, ROUNDS + 1 + COMPANY_ROUNDS):
            counted = self._count(found, self._copies)
            again = self._count([each for each in found if each[0] in self._together], self._together)
            gone = [
                (name, finding)
                for name, finding in found
                if not counted[name].seen and not (name in again and again[name].seen)
            ]
            wanted = {exchange.number: exchange for _, finding in gone for exchange in finding.exchanges}
            others = {other.number: other for exchange in wanted.values() for other in beside[exchange.number]}
            asked_for = {_asks(exchange) for exchange in wanted.values()}
            # What a request is given of another one shows most where the two ask for different things.
            for other in sorted(others.values(), key=lambda one: _asks(one) in asked_for):
                wanted |= {other.number: other} if len(wanted) < MOST_TOGETHER else {}
            if not gone:
                return
            asked = [wanted[place] for place in sorted(wanted)]
            copies = dict(zip(sorted(wanted), self._answering.repeat_together(number, asked), strict=True))
            for name, finding in gone:
                mine = tuple(copies[exchange.number] for exchange in finding.exchanges)
                self._together.setdefault(name, []).append(_Round(mine, stable=True))

    def _round(self, number: int, found: Iterable[tuple[str, Finding]]) -> None:
        done = self._done[number]
        for name, finding in found:
            enclosed = self._moved and finding.stable_list
            if enclosed and any(one.stable for one in self._copies[name]):
                continue
            began = len(self._answering.exchanges)
            before = self._look(finding) if enclosed else ()
            mine = []
            for exchange in finding.exchanges:
                if enclosed or exchange.number not in done:
                    done[exchange.number] = self._answering.repeat(number, exchange, fresh=enclosed)
                mine.append(done[exchange.number])
            after = self._look(finding) if enclosed else ()
            self._copies[name].append(
                _Round(
                    tuple(mine),
                    stable=bool(before) and before == after and not self._kept(began) if enclosed else not self._moved,
                    alone=tuple(self._answering.exchanges[began:]) if enclosed else (),
                )
            )

    def _kept(self, began: int) -> bool:
        """Whether a cache answered anything of what was asked since then, perhaps with the list as it was."""
        return any(exchange.age is not None for exchange in self._answering.exchanges[began:])

    def _look(self, finding: Finding) -> tuple[str, ...]:
        """Look at the list in each order that a finding speaks of; returns what was seen."""
        began = len(self._answering.exchanges)
        queries = [self._reader.query(exchange) for exchange in finding.exchanges]
        self._answering.look(ascending=any(query is not None and query.order is Order.ASCENDING for query in queries))
        ids: list[str] = []
        for exchange in self._answering.exchanges[began:]:
            query = self._reader.query(exchange)
            page = self._reader.page(exchange, query) if query else None
            ids += page.ids if page else ()
        return tuple(ids)

    def _count(self, found: Sequence[tuple[str, Finding]], copies: Mapping[str, Sequence[_Round]]) -> dict[str, Again]:
        """In how many rounds a finding came back: the clause finds it in the copies, or they say the same."""
        wanted = {name for name, _ in found}
        if not wanted:
            return {}
        evidence = Evidence(self._reader, self._target, self._answering.exchanges, part=self._part)
        tallies = tally([clause for clause in self._clauses if clause.id in wanted], evidence)
        counted = {}
        for name, finding in found:
            again = counted[name] = Again(of=numbers(finding))
            for one in copies[name]:
                if _silent(finding, one):
                    continue
                seen = self._alone(name, one) if one.alone else _came_back(evidence, finding, one, tallies[name])
                again.rounds += 1
                again.seen += seen
                again.sure += one.stable
                again.sure_seen += seen and one.stable
                again.tries += sum(1 + exchange.retries for exchange in one.exchanges if exchange.lost)
        return counted

    def _alone(self, name: str, one: _Round) -> bool:
        """Whether a clause finds a breach in nothing but what was asked between two looks."""
        evidence = Evidence(self._reader, self._target, one.alone)
        return bool(tally([clause for clause in self._clauses if clause.id == name], evidence)[name].breaches)


def _asks(exchange: Exchange) -> frozenset[str]:
    """The names of the parameters of a request."""
    return frozenset(part.partition("=")[0] for part in exchange.request.query.split("&"))


def _silent(finding: Finding, one: _Round) -> bool:
    """Whether a round says nothing: no answer, or a 5xx, came where the finding rests on another answer."""
    return any(
        (after.answer is None or after.failed) and before.answer is not None and not before.failed
        for before, after in zip(finding.exchanges, one.exchanges, strict=True)
    )


def overlapping(exchange: Exchange, exchanges: Iterable[Exchange]) -> list[Exchange]:
    """The exchanges that were under way at the same time as this one, short of batches that were sent at once."""
    if exchange.concurrent:
        return []
    return [
        other
        for other in exchanges
        if other.number != exchange.number
        and not other.concurrent
        and other.sent < exchange.received
        and exchange.sent < other.received
    ]


def _came_back(evidence: Evidence, finding: Finding, one: _Round, kept: Tally) -> bool:
    numbers = {exchange.number for exchange in one.exchanges}
    if any(numbers & {exchange.number for exchange in other.exchanges} for other in kept.findings):
        return True
    return all(
        evidence.signature(before) == evidence.signature(after)
        for before, after in zip(finding.exchanges, one.exchanges, strict=True)
    )
