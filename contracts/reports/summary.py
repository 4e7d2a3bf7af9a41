"""What all reports have in common: what failed, the families, and the headline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.clauses.registry import FAMILIES
from contracts.core.errors import ExitCode
from contracts.core.result import Cause, Judgement, Level, Result, Standing, Verdict
from contracts.core.wording import count, plural
from contracts.reports.sheet import WIDTH
from contracts.verdicts import deviations
from contracts.verdicts.conclusion import BEFORE, UNREAD

_MOST_NAMED = 6
CLOSELY = 0.85
"""From which fit on, of 0 to 1, a cause is said to fit closely."""
_FITS = ((CLOSELY, "closely"), (0.55, "in the main"), (0.0, "in part"))
"""From which fit on, of 0 to 1, a cause is said to fit how well."""
_ENDED = {
    ExitCode.INTERRUPTED: "INTERRUPTED",
    ExitCode.INTERNAL: "INTERNAL ERROR",
    ExitCode.CONFIGURATION: "TARGET GONE",
}


@dataclass(frozen=True, slots=True)
class Family:
    """The judgements of one family; ``id`` begins the ids of its clauses, ``name`` is for people."""

    id: str
    name: str
    judgements: tuple[Judgement, ...]

    @property
    def title(self) -> str:
        """The name as people write it."""
        return self.name.upper() if self.name == "http" else self.name

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many clauses have each verdict, in the order of `Verdict`."""
        counted = Counter(judgement.verdict for judgement in self.judgements)
        return {verdict: counted[verdict] for verdict in Verdict if counted[verdict]}


def families(result: Result) -> tuple[Family, ...]:
    """The families that were judged."""
    grouped = (
        Family(id_, name, tuple(one for one in result.judgements if one.clause.startswith(f"{id_}-")))
        for id_, name in FAMILIES.items()
    )
    return tuple(family for family in grouped if family.judgements)


def with_verdict(result: Result, *verdicts: Verdict) -> tuple[Judgement, ...]:
    """The judgements with one of these verdicts."""
    return tuple(judgement for judgement in result.judgements if judgement.verdict in verdicts)


def failing(result: Result) -> tuple[Judgement, ...]:
    """The judgements that make the run fail: those that explain others first."""
    found = deviations.failing(result.judgements, result.gate)
    return tuple(sorted(found, key=lambda judgement: bool(judgement.because)))


def accepted(result: Result) -> tuple[Judgement, ...]:
    """The breaches that are accepted as known deviations."""
    return tuple(judgement for judgement in result.judgements if judgement.accepted is not None)


def undecided(result: Result) -> tuple[Judgement, ...]:
    """The judgements of gating levels that are no verdict on the server."""
    return tuple(
        judgement
        for judgement in with_verdict(result, Verdict.NOT_EXERCISED, Verdict.INCONCLUSIVE)
        if judgement.level in result.gate
    )


def size(result: Result) -> str:
    """How large the list is, as far as it was seen."""
    seen = f"{result.items:,} {result.noun if result.items == 1 else plural(result.noun)}"
    if not result.operation:
        seen += f" of {count(result.projects, 'project')}"
    if result.complete:
        return seen
    return f"{seen} seen, not to its end" if result.items else "nothing of it was seen"


def fitting(cause: Cause) -> str:
    """How well a likely cause fits what was found, and what came out when it was tested."""
    how = next(words for least, words in _FITS if cause.fit >= least)
    number = len(cause.explains)
    part = f"all {number}" if number == cause.of else f"{number} of {cause.of}"
    tested = f" {cause.tested[0].upper()}{cause.tested[1:]}." if cause.tested else ""
    return f"Fits {how}: explains {part} findings.{tested}"


def headline(result: Result, width: int = WIDTH) -> str:
    """The last word, in one line: the verdict in capitals, what it rests on, and the exit code."""
    lines = [f"{_verdict(result, most)}  exit {result.exit_code}" for most in range(_MOST_NAMED, 0, -1)]
    return next((line for line in lines if len(line) <= width), lines[-1])


def _verdict(result: Result, most: int) -> str:
    apart = with_verdict(result, Verdict.NOT_APPLICABLE)
    judged = [one for one in result.judgements if one.level is not Level.OBSERVED and one not in apart]
    failed, open_ = failing(result), undecided(result)
    clauses = count(len(judged), "clause")
    broken = f"{len(failed)} of {clauses} ({_named(failed, most)})"
    by_then = f"broken by then: {broken}" if failed else "nothing broken by then"
    before = any(one.reason == BEFORE for one in judged) or not result.requests
    if result.exit_code and before and not result.exchanges:
        return "NOT JUDGED: the run ended before there was a verdict"
    if result.exit_code == ExitCode.CONFIGURATION and UNREAD in result.notes:
        return "NOT JUDGED: no page of the list was ever read"
    if result.exit_code in _ENDED:
        return f"{_ENDED[result.exit_code]}: {by_then}"
    if result.exit_code == ExitCode.BROKEN:
        over = [
            f"{standing.value}: {', '.join(ids)}"
            for standing in (Standing.STALE, Standing.EXPIRED)
            if (ids := [one.deviation.clause for one in result.deviations if one.standing is standing])
        ]
        return f"BROKEN: {'; '.join([*([broken] if failed else []), *over])}"
    if result.exit_code == ExitCode.INCOMPLETE:
        without = f"{len(open_)} of {clauses} without a verdict ({_named(open_, most)})"
        return f"INCOMPLETE: {without if open_ else _why_none(result, judged)}"
    kept = len(with_verdict(result, Verdict.KEPT))
    some = f"{kept} of {clauses}" if kept else f"nothing fails this run of {clauses}"
    parts = [some if judged else "questions only"]
    excused = accepted(result)
    warned = [one for one in with_verdict(result, Verdict.WARNED) if one not in failed and one not in excused]
    outside = [one for one in with_verdict(result, Verdict.BROKEN) if one not in failed and one not in excused]
    if warned:
        parts.append(count(len(warned), "warning"))
    if excused:
        parts.append(f"{len(excused)} accepted ({_named(excused, most)})")
    if outside:
        parts.append(f"{len(outside)} broken outside of the gate ({_named(outside, most)})")
    if open_:
        parts.append(f"{len(open_)} without a verdict (allowed)")
    return f"KEPT: {'; '.join(parts)}"


def _why_none(result: Result, judged: Sequence[Judgement]) -> str:
    """Why a run is incomplete although no clause of the gate is without a verdict."""
    if judged:
        return "not all of the recording is judged"
    applies = len(with_verdict(result, Verdict.NOT_APPLICABLE)) < len(result.judgements)
    return "no question was answered" if applies else "no clause applies"


def _named(judgements: Sequence[Judgement], most: int) -> str:
    """Some ids in a row, and how many more there are."""
    ids = [judgement.clause for judgement in judgements]
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + more
