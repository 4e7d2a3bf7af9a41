"""One run: the probes ask, the clauses judge, what they found is asked again, and all of it is one result."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from contracts.catalogue import Clause, clauses
from contracts.errors import ConfigurationError
from contracts.evidence import CONTROL, Evidence, Reader
from contracts.judging import Again, Tally, judge, tally
from contracts.model import (
    GATING,
    Exchange,
    FailureKind,
    Finding,
    Judgement,
    Level,
    Order,
    Result,
    Target,
    Verdict,
)
from contracts.operation import Operation
from contracts.probes import PROBES
from contracts.probes.asking import Asking, ShareSpent
from contracts.probes.walks import control, every_cursor, look
from contracts.traffic.client import Client, Limits, RunStopped, TargetGone
from contracts.traffic.credentials import Keys, available

LEAST_BUDGET = 60
"""The fewest requests with which every clause of a small list can still be shown a case."""
DEFAULT_BUDGET = 400

ROUNDS = 3
"""How often a finding is asked again."""
AGAIN = "again"
"""The probe that asks again what broke a clause."""
SHARE_OF_AGAIN = 0.1
LAST_RESERVE = 6
"""Requests that are kept for asking again what only the last probe found."""
LOOKS = 1
"""Requests that are kept for the last look at the whole list."""
SMALL_BUDGET = 100
"""Up to so many requests the list is looked at before and after everything else, and not in between."""
LONGEST_REPLAY = 12
"""A finding that rests on more answers than this is not asked again: it speaks by its number."""


class ExitCode:
    """What a run ends with; pytest's codes, and one more."""

    KEPT = 0
    BROKEN = 1
    INTERRUPTED = 2
    INTERNAL = 3
    CONFIGURATION = 4
    NOTHING_SELECTED = 5
    INCOMPLETE = 6


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: what is being asked, and how much of the budget is used."""

    probe: str
    requests: int
    budget: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decides what a run asks and how it is judged.

    ``rate`` is in requests a second. ``gate`` holds the levels whose breach fails the run. ``incomplete``
    lets a run pass in which gating clauses were not exercised.
    """

    target: Target
    keys: Keys = field(repr=False)
    operation: Operation
    seed: int
    budget: int = DEFAULT_BUDGET
    rate: float | None = None
    limits: Limits = field(default_factory=Limits)
    verify: bool | Path = True
    selected: Sequence[Clause] = ()
    gate: frozenset[Level] = GATING
    incomplete: bool = False

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """The clauses to judge: those selected, or all."""
        return tuple(self.selected) or clauses()

    @property
    def probes(self) -> tuple[str, ...]:
        """The probes that these clauses need, in the order in which they ask."""
        needed = {probe for clause in self.clauses for probe in clause.probes}
        return tuple(name for name in PROBES if name in needed)


def own_version() -> str:
    """The version of this suite."""
    try:
        return version("checkpoint-permissions-contracts")
    except PackageNotFoundError:
        return "unreleased"


def run(plan: Plan, on_progress: Callable[[Progress], None] | None = None) -> Result:
    """Ask, judge, ask again, and judge for good.

    An interrupt, a spent budget or a target that goes away ends the asking and not the judging: what was
    recorded until then is judged, and the result says how it ended.

    Raises:
        ConfigurationError: the target can't be reached, refuses the key or does not know the checkpoint.
    """
    if plan.budget < LEAST_BUDGET:
        raise ConfigurationError(f"--requests {plan.budget} is too few for a verdict: give at least {LEAST_BUDGET}.")
    return _Run(plan, on_progress).result()


class _Run:
    def __init__(self, plan: Plan, on_progress: Callable[[Progress], None] | None) -> None:
        self._plan = plan
        self._began = time.monotonic()
        self._on_progress = on_progress
        self._probe = CONTROL
        self._client = Client(
            plan.target.base_url,
            plan.keys,
            budget=plan.budget,
            seed=plan.seed,
            rate=plan.rate,
            limits=plan.limits,
            verify=plan.verify,
            on_exchange=self._tell,
        )
        self._reader = Reader(plan.operation)
        self._asking = Asking(
            self._reader,
            plan.target,
            self._client,
            random.Random(plan.seed),  # noqa: S311 - it chooses what to ask, and hides nothing
            available(plan.keys),
        )
        self._again: dict[str, Again] = {}
        self._notes: list[str] = []
        self._interrupted = False
        self._exit: int | None = None

    def _tell(self, exchange: Exchange) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(exchange.probe, self._client.requests, self._client.budget))

    def result(self) -> Result:
        with self._client:
            try:
                self._ask_all()
            except KeyboardInterrupt:
                self._interrupted = True
                self._notes.append("The run was interrupted: only what was asked until then is judged.")
            except TargetGone as gone:
                self._exit = ExitCode.CONFIGURATION
                self._notes.append(f"The target went away during the run: {gone}")
            except RunStopped as stopped:
                self._notes.append(f"Not everything was asked: {stopped}.")
        evidence = self._asking.evidence
        tallies = tally(self._plan.clauses, evidence)
        return self._report(evidence, judge(self._plan.clauses, evidence, tallies, self._again))

    # Asking

    def _ask_all(self) -> None:
        plan, asking = self._plan, self._asking
        asking.begin(CONTROL, plan.budget)
        control(asking)
        self._check_target()
        reserve = max(3, int((plan.budget - LEAST_BUDGET) * SHARE_OF_AGAIN))
        for name, allowed in self._allot(self._client.remaining - reserve - LOOKS).items():
            asking.begin(name, allowed)
            with suppress(ShareSpent):
                PROBES[name].probe(asking)
            if name in {"walks", "repetition"} and plan.budget > SMALL_BUDGET:
                self._look_again(reserve)
        if not self._found():
            # Nothing is to be asked again, so what was kept for that can look further.
            asking.begin("walks", self._client.remaining - LAST_RESERVE - LOOKS)
            with suppress(ShareSpent):
                every_cursor(asking)
        self._look_again(LAST_RESERVE)
        self._ask_again()

    def _found(self) -> list[tuple[str, Finding]]:
        """The finding of each clause that is worth asking again."""
        tallies = tally(self._plan.clauses, self._asking.evidence)
        return [
            (name, kept.least)
            for name, kept in tallies.items()
            if kept.least is not None and not kept.least.warning and len(kept.least.exchanges) <= LONGEST_REPLAY
        ]

    def _allot(self, free: int) -> dict[str, int]:
        """How many requests each probe may send."""
        needed = {name: PROBES[name] for name in self._plan.probes}
        beyond = max(0, free - sum(entry.least for entry in needed.values()))
        whole = sum(entry.share for entry in needed.values()) or 1.0
        return {name: entry.least + int(beyond * entry.share / whole) for name, entry in needed.items()}

    def _look_again(self, reserve: int) -> None:
        """Look at the whole list once more, so that what was asked in between is enclosed by two looks."""
        self._asking.begin(CONTROL, self._client.remaining - min(2, reserve))
        try:
            control(self._asking)
        except ShareSpent:
            return

    def _check_target(self) -> None:
        """Refuse a target that can't be judged at all: unreachable, the key refused, no such checkpoint."""
        first = self._client.exchanges[0]
        target = self._plan.target
        if first.failure is not None and first.failure.kind is FailureKind.UNREACHABLE:
            raise ConfigurationError(f"{target.base_url} can't be reached: {first.failure.text}")
        if any(exchange.status == 200 for exchange in self._client.exchanges):  # noqa: PLR2004 - the status itself
            return
        plain = self._asking.ask(self._asking.query())
        if plain.status in {401, 403}:
            raise ConfigurationError(
                f"{target.base_url} refuses the admin key with {plain.status}: check OPENAI_ADMIN_KEY, or whether"
                " the key has admin rights."
            )
        if plain.status == 404:  # noqa: PLR2004 - the status itself
            raise ConfigurationError(
                f"{target.base_url} does not know the checkpoint {target.checkpoint!r} (404): check --checkpoint,"
                " and whether the base URL ends where the path of the operation begins."
            )

    # Asking again

    def _ask_again(self) -> None:
        found = self._found()
        if not found:
            return
        self._asking.begin(AGAIN, self._client.remaining)
        moved = self._asking.evidence.listing.moved
        copies: dict[str, list[_Round]] = {name: [] for name, _ in found}
        with suppress(ShareSpent, RunStopped):
            for number in range(1, ROUNDS + 1):
                self._one_round(number, found, copies, moved=moved)
        self._count(found, copies)

    def _one_round(
        self, number: int, found: Iterable[tuple[str, Finding]], copies: dict[str, list[_Round]], *, moved: bool
    ) -> None:
        done: dict[int, Exchange] = {}
        for name, finding in found:
            enclosed = moved and finding.still
            if enclosed and any(one.still for one in copies[name]):
                continue
            began = len(self._client.exchanges)
            before = self._look(finding) if enclosed else ()
            mine = []
            for exchange in finding.exchanges:
                if enclosed or exchange.number not in done:
                    done[exchange.number] = self._repeat(number, exchange)
                mine.append(done[exchange.number])
            after = self._look(finding) if enclosed else ()
            copies[name].append(
                _Round(
                    tuple(mine),
                    still=bool(before) and before == after if enclosed else not moved,
                    alone=tuple(self._client.exchanges[began:]) if enclosed else (),
                )
            )

    def _look(self, finding: Finding) -> tuple[str, ...]:
        """Look at the list in each order that a finding speaks of; returns what was seen."""
        began = len(self._client.exchanges)
        self._asking.begin(CONTROL, self._client.remaining)
        control(self._asking)
        queries = [
            self._plan.operation.read(exchange.request.path, exchange.request.query).query
            for exchange in finding.exchanges
        ]
        if any(query is not None and query.order is Order.ASCENDING for query in queries):
            look(self._asking, Order.ASCENDING)
        self._asking.begin(AGAIN, self._client.remaining)
        ids: list[str] = []
        for exchange in self._client.exchanges[began:]:
            query = self._plan.operation.read(exchange.request.path, exchange.request.query).query
            page = self._reader.page(exchange, query) if query else None
            ids += page.ids if page else ()
        return tuple(ids)

    def _repeat(self, number: int, exchange: Exchange) -> Exchange:
        tag = (number, exchange.number)
        if exchange.number in self._asking.batches:
            place, batch = self._asking.batches[exchange.number]
            return self._asking.together(batch, again=tag)[place]
        return self._asking.send(exchange.request, again=tag)

    def _count(self, found: Sequence[tuple[str, Finding]], copies: dict[str, list[_Round]]) -> None:
        """In how many rounds a finding came back: the clause finds it in the copies, or they say the same."""
        wanted = {name for name, _ in found}
        evidence = self._asking.evidence
        tallies = tally([clause for clause in self._plan.clauses if clause.id in wanted], evidence)
        for name, finding in found:
            again = self._again[name] = Again()
            for one in copies[name]:
                seen = self._alone(name, one) if one.alone else _came_back(evidence, finding, one, tallies[name])
                again.rounds += 1
                again.seen += seen
                again.sure += one.still
                again.sure_seen += seen and one.still

    def _alone(self, name: str, one: _Round) -> bool:
        """Whether a clause finds a breach in nothing but what was asked between two looks."""
        evidence = Evidence(self._reader, self._plan.target, one.alone)
        return bool(tally([clause for clause in self._plan.clauses if clause.id == name], evidence)[name].breaches)

    # Reporting

    def _report(self, evidence: Evidence, judgements: tuple[Judgement, ...]) -> Result:
        plan, listing = self._plan, evidence.listing
        if listing.moved:
            self._notes.append("The list changed during the run: items that came or went are left out of every claim.")
        if listing.items and not listing.complete:
            self._notes.append(
                f"The list is longer than the budget of {plan.budget} requests reaches, or does not end: it is judged"
                " at both ends. --requests N reaches further."
            )
        broken, incomplete = outcome(judgements, plan.gate)
        code = self._exit
        if code is None:
            code = ExitCode.BROKEN if broken else ExitCode.INCOMPLETE if incomplete else ExitCode.KEPT
            if code == ExitCode.INCOMPLETE and plan.incomplete:
                code = ExitCode.KEPT
        if self._interrupted:
            code = ExitCode.INTERRUPTED
        return Result(
            version=own_version(),
            target=plan.target,
            document=plan.operation.name,
            document_sha256=plan.operation.sha256,
            seed=plan.seed,
            judgements=judgements,
            items=len(listing.items),
            projects=len(listing.projects),
            requests=self._client.requests,
            requests_by_probe=tuple(self._client.requests_by_probe.items()),
            waits=self._client.waits,
            waited=self._client.waited,
            retries=self._client.retries,
            seconds=time.monotonic() - self._began,
            exit_code=code,
            gate=plan.gate,
            notes=tuple(self._notes),
            interrupted=self._interrupted,
            exchanges=tuple(self._client.exchanges),
        )


@dataclass(frozen=True, slots=True)
class _Round:
    """The exchanges of a finding asked once more, and whether the list surely stood still meanwhile."""

    exchanges: tuple[Exchange, ...]
    still: bool
    alone: tuple[Exchange, ...] = ()
    """What was asked in this round with the looks around it, where the list is known to change."""


def _came_back(evidence: Evidence, finding: Finding, one: _Round, kept: Tally) -> bool:
    numbers = {exchange.number for exchange in one.exchanges}
    if any(numbers & {exchange.number for exchange in other.exchanges} for other in kept.findings):
        return True
    return all(
        evidence.signature(before) == evidence.signature(after)
        for before, after in zip(finding.exchanges, one.exchanges, strict=True)
    )


def outcome(judgements: Iterable[Judgement], gate: frozenset[Level]) -> tuple[int, int]:
    """How many clauses of the gating levels are broken, and how many are without a verdict."""
    broken = incomplete = 0
    for judgement in judgements:
        if judgement.level not in gate:
            continue
        if judgement.verdict is Verdict.BROKEN or (
            judgement.verdict is Verdict.WARNED and judgement.level is Level.ADVISORY
        ):
            broken += 1
        elif judgement.verdict in {Verdict.NOT_EXERCISED, Verdict.INCONCLUSIVE}:
            incomplete += 1
    return broken, incomplete


__all__ = ["DEFAULT_BUDGET", "LEAST_BUDGET", "ExitCode", "Order", "Plan", "Progress", "outcome", "run"]
