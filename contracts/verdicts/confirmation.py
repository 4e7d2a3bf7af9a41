"""How findings are confirmed: the requests of a finding are repeated, and its recurrences counted ("3 of 3 times").

A breach that follows from another one is confirmed by the confirmation of its cause, unless the cause does not recur
each time. A recording says what was repeated for each finding, so that it is counted again without requests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from contracts.clauses.registry import Clause
from contracts.core.model import Exchange, Order, Target
from contracts.core.result import Finding, Repetition
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.verdicts.cascades import roots
from contracts.verdicts.judging import judge
from contracts.verdicts.recurrence import Confirmation, Repeat, counted, merged
from contracts.verdicts.tallying import Tally, numbers, tally

ROUNDS = 3
"""Repetitions of a finding."""
COMPANY_ROUNDS = 2
"""Further repetitions, with other requests under way, of a finding that did not recur without them."""
FEW = 3
"""Findings that are repeated first: where none recurs alone, it may need other requests at the same time. A finding of
more exchanges than this is repeated after the others."""
MOST_TOGETHER = 8
"""Requests that are sent together in such a repetition, including those of other findings."""
LONGEST_REPLAY = 12
"""A finding that rests on more answers than this is not repeated: so many answers are no coincidence."""


class Answering(Protocol):
    """The source of answers to repeated requests."""

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """All exchanges so far."""

    def control_walk(self, *, ascending: bool) -> None:
        """Read the whole list, with ``ascending`` in both orders."""

    def repeat(self, number: int, exchange: Exchange, *, fresh: bool) -> Exchange:
        """Repeat a request in the round of this number.

        With ``fresh`` caches are asked to revalidate, so that a stale page is not taken for a wrong one.
        """

    def repeat_together(self, number: int, exchanges: Sequence[Exchange]) -> Sequence[Exchange]:
        """Repeat requests at the same time, in the round of this number."""


def worth_confirming(tallies: Mapping[str, Tally], derived: Collection[str] = ()) -> list[tuple[str, Finding]]:
    """The finding of each clause that is to be confirmed; those that follow from others come last."""
    least = {name: found.least for name, found in tallies.items()}
    found = [
        (name, finding)
        for name, finding in least.items()
        if finding is not None and not finding.warning and len(finding.exchanges) <= LONGEST_REPLAY
    ]
    return sorted(found, key=lambda each: each[0] in derived)


class Confirming:
    """Confirms findings.

    Args:
        clauses: The clauses that are judged.
        reader: What reads the answers.
        target: The target that is judged.
        answering: The source of the answers.
        moved: Whether the list is known to change; then findings that require a stable list are repeated between two
            control walks.
        stops: The exceptions that end the requests early; what was repeated until then is counted.
        part: Whether the findings are about a part of a list that is too long for memory.

    Attributes:
        ended_by: The exception that ended the requests early, if one did.
        repetitions: The rounds of each finding, as a recording holds them.
    """

    def __init__(
        self,
        clauses: Sequence[Clause],
        reader: Reader,
        target: Target,
        answering: Answering,
        *,
        moved: bool,
        stops: tuple[type[BaseException], ...],
        part: bool = False,
    ) -> None:
        self._clauses = clauses
        self._reader = reader
        self._target = target
        self._answering = answering
        self._moved = moved
        self._stops = stops
        self._part = part
        self.ended_by: BaseException | None = None
        self.repetitions: list[Repetition] = []
        self._alone: dict[str, list[Repeat]] = {}
        """The rounds of each finding without other requests under way."""
        self._done: dict[int, dict[int, Exchange]] = defaultdict(dict)
        """The exchanges of each round, by the number of the exchange that they repeat."""
        self._together: dict[str, list[Repeat]] = {}
        """The rounds with other requests under way, for findings that did not recur without them."""

    def ask(self, found: Sequence[tuple[str, Finding]], derived: Mapping[str, str] = {}) -> dict[str, Confirmation]:
        """Repeat the findings of these clauses, and count how often each recurs.

        Args:
            found: The clauses in the order in which they are reported, with the finding of each.
            derived: For each clause whose breach follows from that of another clause, the other clause.
        """
        confirmations = self._ask(found, derived)
        if not self._part and self.ended_by is None:
            confirmations |= self._ask(self._late(found), {})
        return confirmations

    def _late(self, found: Sequence[tuple[str, Finding]]) -> list[tuple[str, Finding]]:
        """The findings that repetitions brought, or that are left where a repeated one was an intermittent 5xx."""
        evidence = Evidence(self._reader, self._target, self._answering.exchanges)
        tallies = tally(self._clauses, evidence)
        derived = roots(judge(self._clauses, evidence, tallies, {}))
        sure = {name for name, finding in found if not any(map(evidence.failures.intermittent, finding.exchanges))}
        return [each for each in worth_confirming(tallies) if each[0] not in sure | derived.keys()]

    def _ask(self, found: Sequence[tuple[str, Finding]], because: Mapping[str, str]) -> dict[str, Confirmation]:
        self._alone = {name: [] for name, _ in found}
        self._together = {}
        own = [each for each in found if because.get(each[0]) not in self._alone]
        derived = [each for each in found if because.get(each[0]) in self._alone]
        try:
            self._rounds(own)
            sure = {name for name, one in self._count(own, self._alone).items() if one.rounds == one.seen > 0}
            self._rounds([each for each in derived if because[each[0]] not in sure])
        except self._stops as stop:
            self.ended_by = stop
        self._share(each for each in derived if not self._alone[each[0]])
        self.repetitions += [
            Repetition(
                name,
                numbers(finding.exchanges),
                tuple(one.by_number() for one in self._alone[name]),
                tuple(one.by_number() for one in self._together.get(name, ())),
                known=self._answering.exchanges[-1].number + 1,
                part=self._part,
            )
            for name, finding in found
        ]
        return merged(self._count(found, self._alone), self._count(found, self._together))

    def _rounds(self, found: Sequence[tuple[str, Finding]]) -> None:
        """Repeat each finding once, and then one after the other, so that the first reported are counted completely."""
        # What takes many requests comes last, because the budget may run out.
        small = [each for each in found if not _large(each[1])]
        large = [each for each in found if _large(each[1])]
        for group in (small, large):
            for some in (group[:FEW], group[FEW:]):
                self._round(1, some)
                self._repeat_together(some)
            for each in group:
                for number in range(2, ROUNDS + 1):
                    self._round(number, [each])

    def _share(self, found: Iterable[tuple[str, Finding]]) -> None:
        """Count the repetitions of other findings for a finding that rests on the same exchanges."""
        for name, finding in found:
            for done in () if self._moved and finding.stable_list else self._done.values():
                if all(exchange.number in done for exchange in finding.exchanges):
                    mine = tuple(done[exchange.number] for exchange in finding.exchanges)
                    self._alone[name].append(Repeat(mine, stable=not self._moved))

    def _repeat_together(self, found: Sequence[tuple[str, Finding]]) -> None:
        """Repeat what did not recur together with the requests that were under way with it at first."""
        every = [exchange for exchange in self._answering.exchanges if exchange.again is None]
        beside = {
            exchange.number: overlapping(exchange, every) for _, finding in found for exchange in finding.exchanges
        }
        if self._moved or not any(beside.values()):
            return
        for number in range(ROUNDS + 1, ROUNDS + 1 + COMPANY_ROUNDS):
            alone = self._count(found, self._alone)
            together = self._count(found, self._together)
            gone = [
                (name, finding)
                for name, finding in found
                if not alone[name].seen and not (name in together and together[name].seen)
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
                self._together.setdefault(name, []).append(Repeat(mine, stable=True))

    def _round(self, number: int, found: Iterable[tuple[str, Finding]]) -> None:
        done = self._done[number]
        for name, finding in found:
            enclosed = self._moved and finding.stable_list
            if enclosed and any(one.stable for one in self._alone[name]):
                continue
            began = len(self._answering.exchanges)
            before = self._read_list(finding) if enclosed else ()
            mine = []
            for exchange in finding.exchanges:
                if enclosed or exchange.number not in done:
                    done[exchange.number] = self._answering.repeat(number, exchange, fresh=enclosed)
                mine.append(done[exchange.number])
            after = self._read_list(finding) if enclosed else ()
            self._alone[name].append(
                Repeat(
                    tuple(mine),
                    stable=bool(before) and before == after and not self._kept(began) if enclosed else not self._moved,
                    enclosed=tuple(self._answering.exchanges[began:]) if enclosed else (),
                )
            )

    def _kept(self, began: int) -> bool:
        """Whether a cache answered one of the requests since then, perhaps with an old page."""
        return any(exchange.age is not None for exchange in self._answering.exchanges[began:])

    def _read_list(self, finding: Finding) -> tuple[str, ...]:
        """Read the list in each order that a finding is about, and return the ids of all pages."""
        began = len(self._answering.exchanges)
        queries = [self._reader.query(exchange) for exchange in finding.exchanges]
        self._answering.control_walk(
            ascending=any(query is not None and query.order is Order.ASCENDING for query in queries)
        )
        ids: list[str] = []
        for exchange in self._answering.exchanges[began:]:
            query = self._reader.query(exchange)
            page = self._reader.page(exchange, query) if query else None
            ids += page.ids if page else ()
        return tuple(ids)

    def _count(
        self, found: Sequence[tuple[str, Finding]], rounds: Mapping[str, Sequence[Repeat]]
    ) -> dict[str, Confirmation]:
        """How often each of these findings recurred in its rounds; without those that have none."""
        repeated = {name: (finding.exchanges, rounds[name]) for name, finding in found if name in rounds}
        return counted(self._clauses, self._reader, self._target, self._answering.exchanges, repeated, part=self._part)


def _large(finding: Finding) -> bool:
    """Whether it takes many requests to ask a finding again: a batch is sent as a whole."""
    return len(finding.exchanges) > FEW or any(exchange.concurrent for exchange in finding.exchanges)


def _asks(exchange: Exchange) -> frozenset[str]:
    """The names of the parameters of a request."""
    return frozenset(part.partition("=")[0] for part in exchange.request.query.split("&"))


def overlapping(exchange: Exchange, exchanges: Iterable[Exchange]) -> list[Exchange]:
    """The exchanges that were under way at the same time as this one, without those of concurrent batches."""
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
