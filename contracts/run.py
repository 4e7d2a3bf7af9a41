"""One run: the probes ask, the clauses judge, what they found is asked again, and all of it is one result."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from contracts.catalogue import Clause, clauses
from contracts.deviations import accept, failing, today
from contracts.errors import ConfigurationError
from contracts.evidence import CONTROL, Evidence, Reader
from contracts.judging import Again, judge, tally
from contracts.model import (
    GATING,
    Deviation,
    Exchange,
    FailureKind,
    Finding,
    Judgement,
    Known,
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
from contracts.repeating import Repeating, worth_asking
from contracts.traffic.client import Client, Limits, RunStopped, TargetGone
from contracts.traffic.credentials import Keys, available

LEAST_BUDGET = 60
"""The fewest requests with which every clause of a small list can still be shown a case."""
DEFAULT_BUDGET = 400

AGAIN = "again"
"""The probe that asks again what broke a clause."""
SHARE_OF_AGAIN = 0.1
LAST_RESERVE = 6
"""Requests that are kept for asking again what only the last probe found."""
LOOKS = 1
"""Requests that are kept for the last look at the whole list."""
SMALL_BUDGET = 100
"""Up to so many requests the list is looked at before and after everything else, and not in between."""


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
class Terms:
    """What is judged, and everything that decides how.

    ``gate`` holds the levels whose breach fails the run. ``incomplete`` lets a run pass in which gating clauses
    were not exercised. ``deviations`` are the breaches that are accepted, and ``today`` the day that decides
    which of them are over.
    """

    target: Target
    operation: Operation
    seed: int
    selected: Sequence[Clause] = ()
    gate: frozenset[Level] = GATING
    incomplete: bool = False
    deviations: tuple[Deviation, ...] = ()
    today: date = field(default_factory=today)

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """The clauses to judge: those selected, or all."""
        return tuple(self.selected) or clauses()


@dataclass(frozen=True, kw_only=True)
class Plan(Terms):
    """Everything that decides what a run asks and how it is judged; ``rate`` is in requests a second."""

    keys: Keys = field(repr=False)
    budget: int = DEFAULT_BUDGET
    rate: float | None = None
    limits: Limits = field(default_factory=Limits)
    verify: bool | Path = True

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

    def _last_words(self) -> str:
        """The request with which the target went away, if one broke before nothing could be reached."""
        broken = [each for each in self._client.exchanges if each.failure is not None and each.retries]
        first = next(
            (each for each in broken if each.failure and each.failure.kind is not FailureKind.UNREACHABLE), None
        )
        if first is None:
            return ""
        return f" It was gone after request {first.number + 1} ({first.probe}): GET {first.request.target}"

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
                self._notes.append(f"The target went away during the run: {gone}.{self._last_words()}")
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
                self._look_again()
        advisory = {clause.id for clause in self._plan.clauses if clause.level is Level.ADVISORY}
        if "walks" in plan.probes and all(name in advisory for name, _ in self._found()):
            # Nothing is to be asked again, so what was kept for that can look further.
            asking.begin("walks", self._client.remaining - LAST_RESERVE - LOOKS)
            with suppress(ShareSpent):
                every_cursor(asking)
        self._look_again()
        self._ask_again()

    def _found(self) -> list[tuple[str, Finding]]:
        return worth_asking(self._plan.clauses, self._asking.evidence)

    def _allot(self, free: int) -> dict[str, int]:
        """How many requests each probe may send."""
        needed = {name: PROBES[name] for name in self._plan.probes}
        beyond = max(0, free - sum(entry.least for entry in needed.values()))
        whole = sum(entry.share for entry in needed.values()) or 1.0
        return {name: entry.least + int(beyond * entry.share / whole) for name, entry in needed.items()}

    def _look_again(self) -> None:
        """Look at the whole list once more, so that what was asked in between is enclosed by two looks."""
        self._asking.begin(CONTROL, self._client.remaining)
        try:
            control(self._asking)
        except ShareSpent:
            self._notes.append(
                f"The budget of {self._plan.budget} requests was used up before the list could be looked at once more:"
                " each wait, redirect and repeated try is one of them. --requests N gives more."
            )

    def _check_target(self) -> None:
        """Refuse a target that can't be judged at all: unreachable, the key refused, no such checkpoint."""
        first = self._client.exchanges[0]
        target = self._plan.target
        if first.failure is not None and first.failure.kind is FailureKind.UNREACHABLE:
            reason = first.failure.text.partition(": ")[2] or first.failure.text
            raise ConfigurationError(f"{target.base_url} can't be reached: {reason}")
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
        plan = self._plan
        repeating = Repeating(
            plan.clauses,
            self._reader,
            plan.target,
            self,
            moved=self._asking.evidence.listing.moved,
            ends=(ShareSpent, RunStopped),
        )
        self._again = repeating.ask(found)

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """All that was asked until now; see `contracts.repeating.Answering`."""
        return self._client.exchanges

    def look(self, *, ascending: bool) -> None:
        """Look at the whole list; see `contracts.repeating.Answering`."""
        self._asking.begin(CONTROL, self._client.remaining)
        control(self._asking)
        if ascending:
            look(self._asking, Order.ASCENDING)
        self._asking.begin(AGAIN, self._client.remaining)

    def repeat(self, number: int, exchange: Exchange) -> Exchange:
        """Ask a request once more; see `contracts.repeating.Answering`."""
        tag = (number, exchange.number)
        if exchange.number in self._asking.batches:
            place, batch = self._asking.batches[exchange.number]
            return self._asking.together(batch, again=tag)[place]
        return self._asking.send(exchange.request, again=tag)

    # Reporting

    def _report(self, evidence: Evidence, judgements: tuple[Judgement, ...]) -> Result:
        if evidence.endless:
            self._notes.append("The list does not end: a cursor comes back. What was seen until then is judged.")
        elif evidence.listing.items and not evidence.listing.complete:
            self._notes.append(
                f"The list is longer than the budget of {self._plan.budget} requests reaches, or does not end: it is"
                " judged at both ends. --requests N reaches further."
            )
        client = self._client
        result = conclude(
            self._plan,
            evidence,
            judgements,
            Cost(client.requests, client.requests_by_probe, client.waits, client.waited, client.retries),
            seconds=time.monotonic() - self._began,
            notes=self._notes,
        )
        code = ExitCode.INTERRUPTED if self._interrupted else result.exit_code if self._exit is None else self._exit
        return replace(result, exit_code=code, interrupted=self._interrupted)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took: requests, waits for Retry-After and the seconds spent in them, and what was sent again."""

    requests: int
    requests_by_probe: Mapping[str, int]
    waits: int
    waited: float
    retries: int


def conclude(
    terms: Terms,
    evidence: Evidence,
    judgements: tuple[Judgement, ...],
    cost: Cost,
    *,
    seconds: float,
    notes: Iterable[str],
) -> Result:
    """The result of a run, or of the recording of one: what is accepted marked, with its exit code."""
    listing = evidence.listing
    moved = "The list changed during the run: items that came or went are left out of every claim."
    judgements, known = accept(judgements, terms.deviations, terms.today)
    return Result(
        version=own_version(),
        target=terms.target,
        document=terms.operation.name,
        document_sha256=terms.operation.sha256,
        seed=terms.seed,
        judgements=judgements,
        items=len(listing.items),
        projects=len(listing.projects),
        requests=cost.requests,
        requests_by_probe=tuple(cost.requests_by_probe.items()),
        waits=cost.waits,
        waited=cost.waited,
        retries=cost.retries,
        seconds=seconds,
        exit_code=exit_code(judgements, known, terms.gate, incomplete=terms.incomplete),
        gate=terms.gate,
        notes=(*([moved] if listing.moved else []), *notes),
        deviations=known,
        exchanges=evidence.exchanges,
    )


def exit_code(
    judgements: Sequence[Judgement], known: Iterable[Known], gate: frozenset[Level], *, incomplete: bool
) -> int:
    """What a run that asked everything ends with.

    Args:
        judgements: The verdicts, those that are accepted marked.
        known: What became of the known deviations.
        gate: The levels whose breach fails the run.
        incomplete: Whether clauses of those levels may be without a verdict.
    """
    if failing(judgements, gate) or any(one.fails for one in known):
        return ExitCode.BROKEN
    undecided = {Verdict.NOT_EXERCISED, Verdict.INCONCLUSIVE}
    if not incomplete and any(one.level in gate and one.verdict in undecided for one in judgements):
        return ExitCode.INCOMPLETE
    return ExitCode.KEPT


def worst(codes: Iterable[int]) -> int:
    """The exit code of several runs: the one that most needs to be looked at first."""
    ranked = (
        ExitCode.KEPT,
        ExitCode.INCOMPLETE,
        ExitCode.BROKEN,
        ExitCode.CONFIGURATION,
        ExitCode.INTERNAL,
        ExitCode.INTERRUPTED,
    )
    return max(codes, key=ranked.index, default=ExitCode.KEPT)


__all__ = ["DEFAULT_BUDGET", "LEAST_BUDGET", "ExitCode", "Order", "Plan", "Progress", "exit_code", "run", "worst"]
