"""The end of a run or a replay: from judgements to a result and its exit code."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, islice
from pathlib import Path

from contracts.clauses.registry import Clause, clauses
from contracts.core.errors import ContractsError, ExitCode
from contracts.core.model import KEY_REFUSED, Exchange, Target
from contracts.core.result import GATING, Deviation, Judgement, Known, Level, Result, Verdict
from contracts.core.wording import count, short
from contracts.evidence.evidence import Evidence
from contracts.openapi.operation import Operation
from contracts.verdicts.deviations import accept, ending, failing, today
from contracts.verdicts.tallying import first_after_change

MOVED = "The list changed during the run: items that came or went are left out of every claim."
_TOO_MANY = 429
UNREAD = "No page of the list was ever read, so nothing was judged: look at what the target answers."
"""The note of a run that saw no page."""
BEFORE = "the run ended before it was judged"
"""Why no clause has a verdict where nothing could be judged."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is judged, and every choice that decides how.

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


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run cost.

    ``waits`` counts what was followed of Retry-After, ``waited`` the seconds spent so. ``retries`` counts the
    retries of all exchanges. ``seconds`` is the time of the whole run.
    """

    requests: int = 0
    requests_by_probe: Mapping[str, int] = field(default_factory=dict)
    waits: int = 0
    waited: float = 0.0
    retries: int = 0
    seconds: float = 0.0


class InternalError(ContractsError):
    """The suite itself failed during a run.

    Attributes:
        result: What was asked and judged all the same.
    """

    exit_code = ExitCode.INTERNAL

    def __init__(self, cause: BaseException, result: Result) -> None:
        super().__init__(failure(cause))
        self.result = result


def failure(error: BaseException) -> str:
    """The sentence on a defect of this suite: its place, and nothing that a target has sent."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"internal error: {type(error).__name__}{where}; please report it"


def own_version() -> str:
    """The version of this suite."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("checkpoint-permissions-contracts")
    except PackageNotFoundError:
        return "unreleased"


def changed(evidence: Evidence) -> Iterator[str]:
    """A note that the target answered only with errors from some request on."""
    first = first_after_change(evidence)
    if first is None:
        return
    if first.status in KEY_REFUSED:
        why = (
            "the key has ended, or the target has locked it or this address out, as some do after requests without a"
            " right key"
        )
        what = "the admin key was answered"
    elif first.status == _TOO_MANY:
        why, what = "the target limits how much it is asked; give a slower --rate", "every request was answered"
    else:
        why, what = "the target changed in the middle of the run: look at its log", "every request was answered"
    yield (
        f"From request {first.number + 1} on {what} {first.status}, also where it had been answered 200: {why}."
        " Of the list only what was answered before that is judged."
    )


LEAST_STALLS = 2
"""So many series of requests without an answer in time are no chance."""


def stalled(evidence: Evidence) -> Iterator[str]:
    """A note on what was answered right before requests that were not answered in time."""
    before = evidence.failures.stalls
    if evidence.failures.timeouts < LEAST_STALLS or not before:
        return
    errors = [each for each in before if not each.ok]
    named = (errors or before)[0]
    times = f" ({len(errors)} of {len(before)} times)" if len(before) > 1 else ""
    after = f"right after an error{times}" if errors else f"right after a {named.status}"
    asked = f"…/{named.request.target.partition('?')[0].rpartition('/')[2]}"
    query = f"?{named.request.query}" if named.request.query else ""
    yield (
        f"{count(evidence.failures.timeouts, 'request')} got no answer in time, {after}, such as the {named.status} to"
        f" GET {short(asked + query)}. Look for what it leaves behind: a lock, a busy worker, a transaction."
    )


def conclude(
    terms: Terms, evidence: Evidence, judgements: tuple[Judgement, ...], cost: Cost, *, notes: Iterable[str]
) -> Result:
    """The result of a run: accepted breaches are marked, and the exit code is set."""
    listing = evidence.listing
    judgements, known = accept(judgements, terms.deviations, terms.today)
    code = exit_code(judgements, known, terms.gate, incomplete=terms.incomplete)
    unread = code != ExitCode.BROKEN and not evidence.every_page
    change = tuple(islice(chain(changed(evidence), stalled(evidence)), 1))
    return _result(
        terms,
        cost,
        judgements,
        items=len(listing.items),
        projects=len(listing.facets),
        complete=listing.complete,
        exit_code=ExitCode.CONFIGURATION if unread else code,
        notes=(
            *change,
            *([UNREAD] if unread else []),
            *([MOVED] if listing.moved else []),
            *notes,
            *ending(known, terms.today),
        ),
        changed=bool(change),
        deviations=known,
        exchanges=tuple(sorted((*evidence.exchanges, *evidence.asides), key=lambda exchange: exchange.number)),
    )


def without_verdicts(
    terms: Terms,
    cost: Cost = Cost(),
    *,
    reason: str,
    exit_code: int,
    notes: Iterable[str],
    exchanges: Iterable[Exchange] = (),
) -> Result:
    """The result of a run that judged nothing, with the reason."""
    judgements = tuple(without_verdict(clause, reason) for clause in terms.clauses)
    return _result(terms, cost, judgements, exit_code=exit_code, notes=tuple(notes), exchanges=tuple(exchanges))


def without_verdict(clause: Clause, reason: str) -> Judgement:
    """The judgement on a clause that was not judged."""
    return Judgement(clause.id, clause.level, clause.title, Verdict.NOT_EXERCISED, reason=reason)


def _result(
    terms: Terms,
    cost: Cost,
    judgements: tuple[Judgement, ...],
    *,
    exit_code: int,
    notes: tuple[str, ...],
    exchanges: tuple[Exchange, ...],
    items: int = 0,
    projects: int = 0,
    complete: bool = False,
    deviations: tuple[Known, ...] = (),
    changed: bool = False,
) -> Result:
    return Result(
        version=own_version(),
        target=terms.target,
        document=terms.operation.name,
        document_sha256=terms.operation.sha256,
        seed=terms.seed,
        judgements=judgements,
        items=items,
        projects=projects,
        complete=complete,
        requests=cost.requests,
        requests_by_probe=tuple(cost.requests_by_probe.items()),
        waits=cost.waits,
        waited=cost.waited,
        retries=cost.retries,
        seconds=cost.seconds,
        exit_code=exit_code,
        gate=terms.gate,
        notes=notes,
        changed=changed,
        interrupted=exit_code == ExitCode.INTERRUPTED,
        deviations=deviations,
        operation="" if terms.operation.is_published else f"GET {terms.operation.path_template}",
        noun=terms.operation.profile.noun,
        says=terms.operation.says,
        exchanges=exchanges,
    )


def exit_code(
    judgements: Sequence[Judgement], known: Iterable[Known], gate: frozenset[Level], *, incomplete: bool
) -> int:
    """The exit code of a run that sent all its requests.

    Args:
        judgements: The verdicts, those that are accepted marked.
        known: What became of the known deviations.
        gate: The levels whose breach fails the run.
        incomplete: Whether clauses of those levels may be without a verdict.
    """
    if failing(judgements, gate) or any(one.fails for one in known):
        return ExitCode.BROKEN
    undecided = {Verdict.NOT_EXERCISED, Verdict.INCONCLUSIVE}
    if judgements and all(one.verdict in undecided | {Verdict.NOT_APPLICABLE} for one in judgements):
        return ExitCode.INCOMPLETE  # whatever is allowed: it would be green without a verdict
    if not incomplete and any(one.level in gate and one.verdict in undecided for one in judgements):
        return ExitCode.INCOMPLETE
    return ExitCode.KEPT


def worst(codes: Iterable[int]) -> int:
    """The exit code of several runs: the most urgent one."""
    ranked = (
        ExitCode.KEPT,
        ExitCode.INCOMPLETE,
        ExitCode.BROKEN,
        ExitCode.CONFIGURATION,
        ExitCode.INTERNAL,
        ExitCode.INTERRUPTED,
    )
    return max(codes, key=ranked.index, default=ExitCode.KEPT)
