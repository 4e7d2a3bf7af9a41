"""Known deviations: breaches that a team accepts, each with a reason and perhaps a last day.

An accepted breach stays broken and stays in every report; it only does not fail the run. The entry must stay
true: when its clause is kept again, or its last day is over, that fails the run.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from contracts.core import files
from contracts.core.errors import ConfigurationError
from contracts.core.result import Deviation, Judgement, Known, Level, Standing, Verdict

_USUAL_TERM = timedelta(days=90)
"""How long an entry that is proposed is accepted, unless a person writes another day."""
_SOON = 14
"""Days before its last day from which on a run mentions that a deviation expires."""


def today() -> date:
    """The day in UTC, so that an entry ends everywhere at the same moment."""
    return datetime.now(UTC).date()


def failing(judgements: Iterable[Judgement], gate: frozenset[Level]) -> tuple[Judgement, ...]:
    """The judgements that fail a run: breaches of a gating level that are not accepted."""
    return tuple(
        judgement
        for judgement in judgements
        if judgement.level in gate and judgement.accepted is None and _breach(judgement)
    )


def _breach(judgement: Judgement) -> bool:
    if judgement.level is Level.ADVISORY:
        return judgement.verdict is Verdict.WARNED
    return judgement.verdict is Verdict.BROKEN


def accept(
    judgements: Sequence[Judgement], deviations: Iterable[Deviation], day: date
) -> tuple[tuple[Judgement, ...], tuple[Known, ...]]:
    """Mark the accepted breaches, and say the standing of each deviation.

    An entry accepts what follows from the breach of its clause too, unless that has an entry of its own.

    Args:
        judgements: The verdicts of one run.
        deviations: What is accepted of its target; of clauses that were not judged nothing is said.
        day: The day of the run.
    """
    judged = {judgement.clause: judgement for judgement in judgements}
    known = [
        Known(one, _standing(one, judged[one.clause], day))
        for one in sorted(deviations, key=lambda one: one.clause)
        if one.clause in judged
    ]
    accepted = {one.deviation.clause: one.deviation for one in known if one.standing is Standing.ACCEPTED}
    written = {one.deviation.clause for one in known}

    def entry(judgement: Judgement) -> Deviation | None:
        if judgement.clause in written or not _breach(judgement):
            return accepted.get(judgement.clause)
        return accepted.get(judgement.because)

    return tuple(replace(judgement, accepted=entry(judgement)) for judgement in judgements), tuple(known)


def _standing(deviation: Deviation, judgement: Judgement, day: date) -> Standing:
    if judgement.verdict is Verdict.KEPT:
        return Standing.STALE
    if deviation.expires is not None and day > deviation.expires:
        return Standing.EXPIRED
    # A mere warning of a clause that judges is no breach, and no proof either that the breach is gone.
    return Standing.ACCEPTED if _breach(judgement) else Standing.UNUSED


def sentence(known: Known) -> str:
    """The standing of a deviation, and what to do about it, in one sentence."""
    deviation = known.deviation
    match known.standing:
        case Standing.STALE:
            return f"{deviation.clause} is kept now: remove {deviation.origin}."
        case Standing.EXPIRED:
            return f"{deviation.clause} was accepted until {deviation.expires}: fix it, or renew {deviation.origin}."
        case Standing.UNUSED:
            return f"{deviation.clause} was neither kept nor broken in this run, so {deviation.origin} was not needed."
    return f"{deviation.clause} is accepted{_until(deviation)}: {deviation.reason}"


def ending(known: Iterable[Known], day: date) -> Iterator[str]:
    """A sentence for each deviation that is accepted today and will not be in a few days."""
    for one in known:
        last = one.deviation.expires
        if one.standing is Standing.ACCEPTED and last is not None and (left := (last - day).days) <= _SOON:
            when = "today" if not left else "tomorrow" if left == 1 else f"in {left} days"
            remedy = f"fix it, or renew {one.deviation.origin}"
            yield f"{one.deviation.clause} is accepted until {last}, which is {when}: {remedy}."


def terms(deviation: Deviation) -> str:
    """Why a breach is accepted, until when, and a link."""
    link = f" · {deviation.link}" if deviation.link else ""
    return f"{deviation.reason}{_until(deviation)}{link}"


def _until(deviation: Deviation) -> str:
    return f" (until {deviation.expires})" if deviation.expires else ""


def propose(path: Path, judgements: Iterable[Judgement], *, target: str = "", day: date | None = None) -> int:
    """Append an entry for each of these breaches to a configuration file, for a person to give its reason.

    What follows from one of the others needs no entry.

    What stands in the file stays as it is, byte for byte.

    Args:
        path: A ``contracts.toml``, which may be new, or a ``pyproject.toml``.
        judgements: The breaches.
        target: The name of the target of which they are to be accepted; an empty string for any.
        day: The day of the run, from which the last day of each is reckoned; by default today.

    Returns:
        How many entries were written.

    Raises:
        ConfigurationError: The file can't be read or written, or holds its entries in a form that can't be
            appended to.
    """
    table = "tool.contracts.deviation" if path.name == "pyproject.toml" else "deviation"
    try:
        before = path.read_bytes().decode() if path.exists() else ""
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{path.name} can't be read.") from None
    breaches = tuple(judgements)
    roots = {one.clause for one in breaches}
    expires = (day or today()) + _USUAL_TERM
    entries = [
        _entry(table, one, [each.clause for each in breaches if each.because == one.clause], target, expires)
        for one in breaches
        if one.because not in roots
    ]
    if not entries:
        return 0
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    added = gap + "\n".join(entries)
    try:
        tomllib.loads(before + added)
    except ValueError:
        raise ConfigurationError(
            f"{path.name} holds its deviations in a form that can't be appended to: write them as [[{table}]] tables."
        ) from None
    files.write(path, before + added)
    return len(entries)


def _entry(table: str, judgement: Judgement, following: Sequence[str], target: str, expires: date) -> str:
    lines = [
        f"[[{table}]]",
        f'clause = "{judgement.clause}"  # {judgement.title}',
        *([f"# With it is accepted what follows from it: {', '.join(following)}."] if following else []),
        *([f"target = {json.dumps(target)}"] if target else []),
        'reason = ""   # why it is accepted: write it here',
        'link = ""     # where one can read more, or nothing',
        f"expires = {expires}  # the last day on which it is accepted: change it, or take the line out",
    ]
    return "\n".join(lines) + "\n"
