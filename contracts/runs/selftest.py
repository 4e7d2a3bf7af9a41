"""The suite against servers whose verdict is known: every fault is caught, and no conforming server is flagged.

What each fault breaks is written down in ``mock/matrix.json``, so that a breach too many is noticed like one
too few. What a conforming server may warn of stands in its own declaration.
"""

from __future__ import annotations

import multiprocessing
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from contracts.clauses.registry import Clause, clauses
from contracts.core import interrupts
from contracts.core.errors import ConfigurationError, ExitCode
from contracts.core.result import Level, Result, Verdict
from contracts.mock.faults import FAULTS, Fault, open_fault
from contracts.mock.matrix import matrix
from contracts.mock.server import Server
from contracts.mock.variants import VARIANTS, Variant, open_variant
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.runs.live import run
from contracts.runs.plan import Plan
from contracts.runs.target import documented_by, embedded_target
from contracts.traffic.limits import DEFAULT_BUDGET, Limits

SEED = 1
"""What the runs of the matrix are drawn from."""
PATIENCE = Limits(read=2.0, answer=6.0)
"""A server of this process that is silent for longer than this hangs."""
ONE_IN, ONE_PLACED_IN = 6, 18
"""The usual selection has one in so many of the faults, and of those that show in one place only."""
OF_EACH_CLAUSE = 1
"""How many faults of a clause the usual selection has at least."""

WARNED_ONLY: Mapping[str, str] = MappingProxyType(
    {"cut-short-sixth": "A network cuts a body now and then as well, so what is whole when asked again only warns."}
)
"""The faults of clauses that fail a run which only warn, and why."""

TRIES = 3
"""How often a server is judged at most on which timing has a say: there is always one more thing that it can do."""


class Kind(StrEnum):
    """What is known of a server."""

    FAULT = "fault"
    VARIANT = "variant"


@dataclass(frozen=True, slots=True)
class Subject:
    """One server whose verdict is known."""

    kind: Kind
    name: str

    def server(self) -> Server:
        """That server, not started yet.

        Raises:
            LookupError: there is none of this name; the message names the closest one.
        """
        return open_fault(self.name) if self.kind is Kind.FAULT else open_variant(self.name)

    @property
    def timed(self) -> bool:
        """Whether timing has a say in what is broken beside the clause that must catch it."""
        return self.kind is Kind.FAULT and FAULTS[self.name].timed


@dataclass(frozen=True, slots=True)
class Shown:
    """What one run made of a server; ``undecided`` are clauses that apply and were neither kept nor broken."""

    broken: frozenset[str]
    warned: frozenset[str]
    undecided: frozenset[str]
    requests: int
    exit_code: int
    retries: int = 0
    """Requests that were sent again: a server of this process that does not answer in time has a busy machine."""
    crashes: tuple[str, ...] = ()
    """What the embedded server raised instead of answering: a mistake of the server, not of the suite."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a fault breaks and warns of each time, and what it ``may`` break or warn of where timing has a say.

    Of the clauses in ``unkept`` no case can arise on such a server, or none that decides: they must not be kept.
    """

    broken: frozenset[str]
    warned: frozenset[str]
    may: frozenset[str]
    unkept: frozenset[str]
    requests: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one server came out; ``wrong`` has a sentence for each way in which it was not as written down."""

    subject: Subject
    shown: Shown
    wrong: tuple[str, ...]

    @property
    def flagged(self) -> bool:
        """Whether a breach was found, or anything that a conforming server did not declare."""
        return bool(self.shown.broken or self.wrong)

    @property
    def caught(self) -> bool:
        """Whether the clause of a fault noticed it."""
        return FAULTS[self.subject.name].clause in self.shown.broken | self.shown.warned


@cache
def _operation() -> Operation:
    return load_operation()


def against(
    server: Server,
    *,
    seed: int = SEED,
    budget: int = DEFAULT_BUDGET,
    concurrency: int = 1,
    selected: Sequence[Clause] = (),
    operation: Operation | None = None,
) -> Result:
    """Start an embedded server, judge it by these clauses or all, and end it; it may serve another operation."""
    with server:
        operation, target, keys = embedded_target(server, operation or _operation())
        return run(
            Plan(
                target=target,
                keys=keys,
                operation=operation,
                seed=seed,
                budget=budget,
                limits=PATIENCE,
                concurrency=concurrency,
                selected=selected,
            )
        )


def show(
    server: Server,
    *,
    seed: int = SEED,
    budget: int = DEFAULT_BUDGET,
    concurrency: int = 1,
    operation: Operation | None = None,
) -> Shown:
    """What a run makes of an embedded server, which may serve another operation than the published one."""
    operation = operation or _operation()
    try:
        result = against(server, seed=seed, budget=budget, concurrency=concurrency, operation=operation)
    except ConfigurationError as error:
        return Shown(frozenset(), frozenset(), frozenset(), 0, error.exit_code)
    having = _having(result)
    undecided = (Verdict.NOT_EXERCISED, Verdict.NOT_APPLICABLE, Verdict.INCONCLUSIVE)
    operation = documented_by(server, operation)
    foreign = frozenset(clause.id for clause in clauses() if clause.lacking(operation))
    return Shown(
        having(Verdict.BROKEN),
        having(Verdict.WARNED),
        frozenset().union(*map(having, undecided)) - foreign,
        result.requests,
        result.exit_code,
        result.retries,
        tuple(repr(crash) for crash in server.crashes),
    )


def _having(result: Result) -> Callable[[Verdict], frozenset[str]]:
    return lambda verdict: frozenset(one.clause for one in result.judgements if one.verdict is verdict)


# What is selected


_SLOW = frozenset({"nul-hangs"})
"""Faults whose runs last as long as the client waits for an answer: only a whole matrix has them."""


def subjects(*, everything: bool) -> tuple[Subject, ...]:
    """All variants, and all faults or a part of them that has some of each clause."""
    faults = FAULTS.values() if everything else _usual()
    return (
        *(Subject(Kind.FAULT, fault.name) for fault in faults),
        *(Subject(Kind.VARIANT, name) for name in VARIANTS),
    )


def _usual() -> Iterator[Fault]:
    chosen: Counter[str] = Counter()
    for fault in FAULTS.values():
        if fault.name in _SLOW:
            continue
        place = fault.where.name if fault.where else ""
        drawn = zlib.crc32(fault.name.encode()) % (ONE_PLACED_IN if place else ONE_IN) == 0
        if drawn or chosen[fault.clause] < OF_EACH_CLAUSE or not chosen[place]:
            chosen.update((fault.clause, place))
            yield fault


# What is expected


@cache
def written() -> Mapping[str, Written]:
    """What each fault must break."""
    return {
        name: Written(
            broken=frozenset(entry["broken"]),
            warned=frozenset(entry["warned"]),
            may=frozenset(entry["may"]),
            unkept=frozenset(entry["unkept"]),
            requests=entry["requests"],
        )
        for name, entry in matrix()["faults"].items()
    }


def warns(fault: Fault) -> bool:
    """Whether the clause of a fault warns of it, and does not fail the run."""
    level = next(clause.level for clause in clauses() if clause.id == fault.clause)
    return level is Level.ADVISORY or fault.name in WARNED_ONLY


def compare(subject: Subject, shown: Shown, *, overlapping: bool = False) -> tuple[str, ...]:
    """How a server came out otherwise than declared and written down: a sentence for each way.

    Where requests were ``overlapping``, a fault of which their order decides what it breaks must break its clause.
    """
    if subject.kind is Kind.VARIANT:
        return tuple(_of_variant(VARIANTS[subject.name], shown))
    fault = FAULTS[subject.name]
    exactly = not (overlapping and (fault.timed or fault.by_order))
    return (*missed(fault, shown), *(_of_fault(subject.name, shown) if exactly else ()))


def missed(fault: Fault, shown: Shown) -> Iterator[str]:
    """Why a fault is not caught: the same on every server that has it."""
    yield from _crashed(shown)
    if warns(fault):
        if fault.clause not in shown.warned | shown.broken:
            yield f"{fault.clause} does not warn"
        return
    if fault.clause not in shown.broken:
        yield f"{fault.clause} is not broken"
    if shown.exit_code != ExitCode.BROKEN:
        yield f"the exit code is {shown.exit_code}"


def _of_fault(name: str, shown: Shown) -> Iterator[str]:
    if name not in written():
        yield "it is not written down what it breaks"
        return
    entry = written()[name]
    for words, mine, other, theirs in (
        ("broken", entry.broken, "breaks", shown.broken),
        ("warned", entry.warned, "warns", shown.warned),
    ):
        if not FAULTS[name].timed and (lost := mine - theirs - {FAULTS[name].clause}):
            yield f"no longer {words}: {' '.join(sorted(lost))}"
        if more := theirs - mine - entry.may - (entry.warned if FAULTS[name].timed else frozenset()):
            yield f"unexpectedly {other}: {' '.join(sorted(more))}"
    kept = entry.unkept - shown.undecided - shown.broken - shown.warned
    if kept and not FAULTS[name].timed:
        yield f"keeps what no case can have shown: {' '.join(sorted(kept))}"


def _of_variant(variant: Variant, shown: Shown) -> Iterator[str]:
    yield from _crashed(shown)
    if shown.broken:
        yield f"breaks {' '.join(sorted(shown.broken))}"
    if more := shown.warned - variant.warns:
        yield f"warns of {' '.join(sorted(more))}"
    if not variant.moving and (more := shown.undecided - variant.unexercised):
        yield f"leaves {' '.join(sorted(more))} undecided"


def _crashed(shown: Shown) -> Iterator[str]:
    if shown.crashes:
        yield f"the embedded server itself failed: {shown.crashes[0]}"


# All of it


def examine(subject: Subject, concurrency: int = 1) -> Outcome:
    """Judge one server, and compare what came out with what is known of it; again where timing has a say."""
    outcome = _examine(subject, concurrency)
    tries = 1
    while outcome.wrong and (subject.timed or outcome.shown.retries) and tries < TRIES:
        outcome, tries = _examine(subject, concurrency), tries + 1
    return outcome


def _examine(subject: Subject, concurrency: int) -> Outcome:
    shown = show(subject.server(), concurrency=concurrency)
    return Outcome(subject, shown, compare(subject, shown, overlapping=concurrency > 1))


def examine_all(wanted: Iterable[Subject], workers: int) -> Iterator[Outcome]:
    """Judge many servers in so many processes; they come in the order in which they are done."""
    if workers == 1:
        for subject in wanted:
            outcome = examine(subject)
            interrupts.check()
            yield outcome
        return
    # A process that was forked from one with threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=interrupts.ignore) as pool:
        try:
            for done in as_completed([pool.submit(examine, subject) for subject in wanted]):
                yield done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
