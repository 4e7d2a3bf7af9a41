"""Recordings judged again without a request: one of this suite, or what a browser or a proxy recorded.

A recording of this suite holds all that the verdicts rested on, so it brings the same ones. Another one is judged
for all that it can show: which of its pages belong to one walk is derived from their cursors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import chain
from math import inf
from pathlib import Path

from contracts.core.errors import ConfigurationError, ExitCode
from contracts.core.model import Exchange, Target
from contracts.core.result import Result
from contracts.core.wording import count
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.openapi.operation import Operation
from contracts.runs.causes import with_causes
from contracts.runs.deep.recorded import Recorded, walked_through
from contracts.runs.deep.walk import DEEP
from contracts.runs.foreign import may_have_changed, of_another_tool, with_steps
from contracts.runs.replaced import hides, of_a_part
from contracts.traffic.har import Recording, read_har
from contracts.verdicts.conclusion import MOVED, Cost, Terms, conclude
from contracts.verdicts.judging import judge
from contracts.verdicts.recurrence import recounted
from contracts.verdicts.tallying import tally


class Stage(StrEnum):
    """What a replay does with the entries of a recording."""

    READING = "reading"
    JUDGING = "judging"


OnStep = Callable[[Stage, int], None]


@dataclass(frozen=True, slots=True)
class Hints:
    """What the user says about the target of a recording; the rest is in it, or is inferred."""

    base_url: str | None = None
    checkpoint: str | None = None
    other_checkpoint: str | None = None


def replay(
    path: Path,
    operation: Operation,
    terms: Callable[[Target, int], Terms],
    hints: Hints = Hints(),
    on_step: OnStep = lambda _stage, _entries: None,
) -> Result:
    """Judge a recording.

    Args:
        path: A HAR file.
        operation: The operation whose requests are judged.
        terms: For the target and the seed of the recording, how it is judged.
        hints: What is known of its target.
        on_step: Called with the number of entries that were read until now, or are judged.

    Raises:
        ConfigurationError: It is no HAR file, or holds no page of the operation.
    """
    recording = _recording(path, operation, hints, partial(on_step, Stage.READING))
    on_step(Stage.JUDGING, recording.entries)
    target, reader = _target(path, operation, recording, hints), Reader(operation)
    shown = _shown(path, recording, target, reader)
    evidence = Evidence(reader, target, shown.exchanges)
    if recording.foreign and not evidence.documents:
        raise ConfigurationError(
            f"{path.name} holds no page of the checkpoint {target.checkpoint!r}: no answer is a 200."
        )
    seed = recording.about.get("seed")
    judged = terms(target, seed if isinstance(seed, int) else 0)
    known = {exchange.number: exchange for exchange in chain(shown.exchanges, shown.deep.kept)}
    confirmations = recounted(recording.repetitions, judged.clauses, reader, target, known)
    tallies, notes = tally(judged.clauses, evidence), shown.notes
    through = walked_through(judged, evidence, shown.deep) if len(recording.spool) else None
    if through is not None:
        evidence = Evidence(reader, target, shown.exchanges, last_items=through.last_items)
        tallies = tally(judged.clauses, evidence)
        through.add_to(tallies)
        notes += through.notes()
    judgements = judge(judged.clauses, evidence, tallies, confirmations)
    if recording.foreign:
        changed = may_have_changed(evidence)
        judgements = tuple(of_another_tool(judgement, changed) for judgement in judgements)
    elif shown.hidden:
        judgements = tuple(map(of_a_part, judgements))
    result = with_causes(conclude(judged, evidence, judgements, _cost(recording), notes=notes), evidence)
    if through is not None:
        result = through.with_walks(result, recording.spool)
    result = _of_what_is_shown(result, hidden=bool(shown.hidden), rest=recording.rest and not judged.incomplete)
    return result if recording.redactor is None else recording.redactor.result(result)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What of a recording can be judged; ``hidden`` counts the answers in which a key was replaced where clauses look.

    ``notes`` are sentences on what is left out.
    """

    exchanges: tuple[Exchange, ...]
    deep: Recorded
    hidden: int
    notes: list[str]


def _shown(path: Path, recording: Recording, target: Target, reader: Reader) -> _Shown:
    operation = reader.operation
    exchanges = tuple(exchange for exchange in recording.exchanges if not hides(operation, exchange))
    deep = Recorded(operation, recording.spool, recording.repetitions)
    hidden = len(recording.exchanges) - len(exchanges) + deep.hidden
    if recording.foreign:
        exchanges = _of_scopes(operation, exchanges, {target.checkpoint, target.other_checkpoint})
        exchanges = with_steps(reader, exchanges)
    skipped = recording.skipped + (len(recording.exchanges) - len(exchanges) if recording.foreign else 0)
    notes = [f"Judged from {path.name}: nothing was asked."]
    if recording.rest:
        notes.insert(0, f"The recording is too large: judged are its first {recording.entries:,} entries.")
    if hidden:
        notes.append(
            f"{count(hidden, 'answer')} can't be judged: a key was replaced in the recording where clauses look."
        )
    if skipped:
        notes.append(f"Left out: {count(skipped, 'request')} of other things, or without an answer of the target.")
    sha256 = recording.about.get("document_sha256")
    if isinstance(sha256, str) and sha256 != operation.sha256:
        notes.append("It was recorded for another version of the document.")
    return _Shown(exchanges, deep, hidden, notes)


def _recording(path: Path, operation: Operation, hints: Hints, on_entry: Callable[[int], None]) -> Recording:
    """What a file holds of the operation, if it holds anything that can be judged."""
    recording = read_har(
        path,
        hints.base_url,
        lambda url: base_of(operation, url),
        spooled=DEEP,
        key_header=operation.key_header,
        on_entry=on_entry,
    )
    if recording.bodiless and not any(exchange.ok for exchange in recording.exchanges):
        raise ConfigurationError(
            f"{path.name} holds {count(recording.bodiless, 'answer')} to GET {operation.path_template}, and the body of"
            " none: let its recorder keep the content, in the same file."
        )
    asked = any(operation.read(exchange.request).scope is not None for exchange in recording.exchanges)
    if not asked and not len(recording.spool):
        below = f" below {hints.base_url}" if hints.base_url else ""
        assumed = " ".join(f"--at {name}={value}" for name, value in operation.outer.items())
        where = f" with {assumed}" if assumed else ""
        raise ConfigurationError(f"{path.name} holds no answer to GET {operation.path_template}{below}{where}.")
    return recording


def base_of(operation: Operation, url: str) -> str | None:
    """The base URL in front of the operation's path, ``None`` if the URL is of something else."""
    before, behind = operation.around_scope
    scope = "[^/?#]+" if operation.roles.scope else ""
    path = re.escape(before) + scope + re.escape(behind)
    found = re.match(rf"(https?://[^/?#@\s]++[^?#]*?){path}(?:[?#]|$)", url)
    return found[1] if found else None


def _target(path: Path, operation: Operation, recording: Recording, hints: Hints) -> Target:
    about = recording.about

    def known(name: str) -> str | None:
        value = about.get(name)
        return value if isinstance(value, str) and value else None

    scope = hints.checkpoint or known("checkpoint") or _usual_scope(operation, recording.exchanges)
    if scope is None:
        raise ConfigurationError(f"{path.name} holds no answer to GET {operation.path_template}.")
    user = any(exchange.request.credential == "user" for exchange in recording.exchanges)
    return Target(
        base_url=recording.base_url,
        checkpoint=scope,
        other_checkpoint=hints.other_checkpoint or known("other_checkpoint"),
        empty_checkpoint=known("empty_checkpoint"),
        user_key=user or about.get("user_key") is True,
        name=known("name") or "",
        key_header=operation.key_header,
    )


def _usual_scope(operation: Operation, exchanges: Sequence[Exchange]) -> str | None:
    """The scope of most of the answers, those with a 200 first."""
    asked = Counter[str]()
    for exchange in exchanges:
        scope = operation.read(exchange.request).scope
        if scope is not None:
            asked[scope] += len(exchanges) + 1 if exchange.ok else 1
    return next((scope for scope, _ in asked.most_common(1)), None)


def _of_scopes(operation: Operation, exchanges: Sequence[Exchange], scopes: set[str | None]) -> tuple[Exchange, ...]:
    """Leave out what was asked of others: that they do not exist can't be known."""
    kept = [exchange for exchange in exchanges if operation.read(exchange.request).scope in scopes]
    return tuple(replace(exchange, number=number) for number, exchange in enumerate(kept))


def _of_what_is_shown(result: Result, *, hidden: bool, rest: bool) -> Result:
    if hidden:
        # What seems to come and go may be what is not shown.
        result = replace(result, notes=tuple(note for note in result.notes if note != MOVED))
    return replace(result, exit_code=ExitCode.INCOMPLETE) if rest and result.exit_code == ExitCode.KEPT else result


def _cost(recording: Recording) -> Cost:
    probes = Counter[str]()
    waits = retries = 0
    begin, end = inf, -inf
    for exchange in chain(recording.exchanges, recording.spool):
        probes[exchange.probe] += 1 + exchange.waits + exchange.retries + exchange.redirects
        waits, retries = waits + exchange.waits, retries + exchange.retries
        begin, end = min(begin, exchange.at), max(end, exchange.at + exchange.seconds)
    return Cost(probes.total(), probes, waits, 0.0, retries, end - begin)
