"""What all reports have in common: what failed, the families, the headline, and the words for single things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from contracts.clauses.registry import FAMILIES
from contracts.core.errors import ExitCode
from contracts.core.model import Exchange, Target
from contracts.core.result import Cause, Finding, Judgement, Level, Result, Standing, Verdict
from contracts.core.wording import count, plural
from contracts.openapi.quotes import SDK_PAGE, Quote
from contracts.reports.sheet import WIDTH
from contracts.traffic.credentials import CREDENTIALS
from contracts.verdicts import deviations
from contracts.verdicts.conclusion import BEFORE, UNREAD

LONGEST_REQUEST = 210
"""Characters of a request that are shown; the line that repeats it has all."""
LONGEST_EXAMPLE = 90
"""Characters of the request that stands for a breach at the top of the report."""
_MOST_NAMED = 6
_LEAST_RANGE = 3
_FORM = {"schemas", "properties", "description", "schema", "default", "enum", "type"}
"""Steps to a place in the document that say nothing of what stands there."""
GLYPHS = {
    Verdict.KEPT: ("✔", "green"),
    Verdict.BROKEN: ("×", "bold red"),
    Verdict.WARNED: ("!", "yellow"),
    Verdict.NOT_EXERCISED: ("–", "cyan"),
    Verdict.INCONCLUSIVE: ("?", "magenta"),
    Verdict.NOT_APPLICABLE: ("∅", "dim"),
    Verdict.ANSWERED: ("·", "dim"),
}
"""The sign of each verdict, and its style."""
CLOSELY = 0.85
"""From which fit on, of 0 to 1, a cause is said to fit closely."""
_FITS = ((CLOSELY, "closely"), (0.55, "mostly"), (0.0, "in part"))
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


def example(result: Result, finding: Finding) -> str:
    """What was seen of a breach, in a line or two: the request, and the answer beside the right one."""
    asked = requested(result.target, finding.decisive, LONGEST_EXAMPLE)
    return f"{asked}: {finding.actual}; expected {finding.expected}"


def requested(target: Target, exchange: Exchange, longest: int = LONGEST_REQUEST) -> str:
    """A request in one line of at most so many characters, and how it was sent."""
    request = exchange.request
    path = request.path
    for checkpoint in (target.checkpoint, target.other_checkpoint, target.empty_checkpoint):
        segment = f"/{quote(checkpoint or '', safe=':', errors='replace')}/"
        if segment in path:
            path = f"…{'/' if checkpoint == target.checkpoint else segment}{path.partition(segment)[2]}"
            break
    text = f"GET {path}{f'?{request.query}' if request.query else ''}"
    if len(text) > longest:
        text = f"{text[: longest - 40]}…{text[-39:]}"
    if exchange.concurrent:
        text += " · at once with others"
    if request.credential != "admin":
        text += f" · {CREDENTIALS[request.credential].sentence}"
    return text


def place(quote_: Quote) -> str:
    """Where a quote stands, in few words: the file, and the name of the parameter, property or node."""
    if quote_.at == SDK_PAGE:
        return SDK_PAGE
    parts = quote_.at.split("/")
    if parts[0] == "parameters":
        where = parts[1]
    elif parts[0] == "schemas":
        where = [part for part in parts if part not in _FORM][-1]
    else:
        where = quote_.at
    return f"openapi.yaml · {where.replace('~1', '/')}"


def ranges(ids: Iterable[str]) -> str:
    """The ids of clauses, those that follow each other as a range."""
    runs: list[list[str]] = []
    for id_ in ids:
        family, number = id_.split("-")
        if runs and runs[-1][-1] == f"{family}-{int(number) - 1:03}":
            runs[-1].append(id_)
        else:
            runs.append([id_])
    return ", ".join(", ".join(run) if len(run) < _LEAST_RANGE else f"{run[0]} to {run[-1]}" for run in runs)


def times(judgement: Judgement) -> str:
    """How often a finding came back when it was asked again."""
    if not judgement.asked:
        return ""
    if judgement.seen == judgement.asked:
        return f"{judgement.seen} of {judgement.asked} times"
    again = f"{judgement.seen} of {judgement.asked} times when asked again"
    return f"intermittent: {judgement.breaches} of {judgement.cases} cases, {again}"


def outcome(exchange: Exchange) -> str:
    """The status of an answer or why there is none, and what it took to get it."""
    if exchange.answer is not None:
        text = str(exchange.answer.status)
    elif exchange.failure is not None:
        text = f"no answer: {exchange.failure.kind}"
    else:
        text = "no answer"
    if exchange.waits:
        text += f" after {count(exchange.waits, 'wait')} for {'503' if exchange.unavailable else '429'}"
    if exchange.retries:
        text += f", sent {exchange.retries + 1} times"
    return text


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
