"""Known deviations: breaches that a team accepts, each with a reason and perhaps a last day.

An accepted breach stays broken and stays in every report; it only does not fail the run. The entry must stay
true: when its clause is kept again, or its last day is over, that fails the run.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from contracts.core import files
from contracts.core.errors import ConfigurationError
from contracts.core.model import Deviation, Judgement, Known, Level, Standing, Verdict


def today() -> date:
    """The day in UTC, so that an entry ends everywhere at the same moment."""
    return datetime.now(UTC).date()


def failing(judgements: Iterable[Judgement], gate: frozenset[Level]) -> tuple[Judgement, ...]:
    """The judgements that fail a run: breaches of a gating level that nobody accepted."""
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
    """Mark the breaches that are accepted, and say what became of each deviation.

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
    marked = (replace(judgement, accepted=accepted.get(judgement.clause)) for judgement in judgements)
    return tuple(marked), tuple(known)


def _standing(deviation: Deviation, judgement: Judgement, day: date) -> Standing:
    if judgement.verdict is Verdict.KEPT:
        return Standing.STALE
    if deviation.expires is not None and day > deviation.expires:
        return Standing.EXPIRED
    # A mere warning of a clause that judges is no breach, and no proof either that the breach is gone.
    return Standing.ACCEPTED if _breach(judgement) else Standing.UNUSED


def sentence(known: Known) -> str:
    """What became of a deviation, and what to do about it."""
    deviation = known.deviation
    match known.standing:
        case Standing.STALE:
            return f"{deviation.clause} is kept now: remove {deviation.origin}."
        case Standing.EXPIRED:
            return f"{deviation.clause} was accepted until {deviation.expires}: mend it, or renew {deviation.origin}."
        case Standing.UNUSED:
            return f"{deviation.clause} was neither kept nor broken in this run, so {deviation.origin} was not needed."
    return f"{deviation.clause} is accepted{_until(deviation)}: {deviation.reason}"


def terms(deviation: Deviation) -> str:
    """Why a breach is accepted, until when, and where one can read more."""
    link = f" · {deviation.link}" if deviation.link else ""
    return f"{deviation.reason}{_until(deviation)}{link}"


def _until(deviation: Deviation) -> str:
    return f" (until {deviation.expires})" if deviation.expires else ""


def propose(path: Path, judgements: Iterable[Judgement], *, target: str = "") -> int:
    """Append an entry for each of these breaches to a configuration file, for a person to fill in.

    What stands in the file stays as it is, byte for byte.

    Args:
        path: A ``contracts.toml``, which may be new, or a ``pyproject.toml``.
        judgements: The breaches.
        target: The name of the target of which they are to be accepted; an empty string for any.

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
    entries = [_entry(table, judgement, target) for judgement in judgements]
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


def _entry(table: str, judgement: Judgement, target: str) -> str:
    lines = [
        f"[[{table}]]",
        f'clause = "{judgement.clause}"  # {judgement.title}',
        *([f"target = {json.dumps(target)}"] if target else []),
        'reason = ""   # why it is accepted',
        'link = ""     # where one can read more, or nothing',
        'expires = ""  # the last day on which it is accepted, as 2027-01-31 without quotes',
    ]
    return "\n".join(lines) + "\n"
