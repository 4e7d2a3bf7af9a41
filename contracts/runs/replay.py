"""Recordings judged again without a request: one of this suite, or what a browser or a proxy recorded.

A recording of this suite holds all that the verdicts rested on, so it brings the same ones. Another one is judged
for all that it can show: which of its pages belong to one walk is derived from their cursors.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import chain
from math import inf
from pathlib import Path
from typing import Any

from contracts.core.errors import ConfigurationError, ExitCode
from contracts.core.model import Exchange, Page, Query, Request, Step, Target
from contracts.core.result import Judgement, Repetition, Result, Verdict
from contracts.core.wording import count
from contracts.evidence.evidence import Evidence
from contracts.evidence.movement import came_or_went
from contracts.evidence.reader import Reader
from contracts.openapi.body import parse
from contracts.openapi.operation import Operation
from contracts.runs.causes import with_causes
from contracts.runs.deep.walk import DEEP, Deep, Full
from contracts.traffic.har import Recording, read_har
from contracts.traffic.redaction import MARKER
from contracts.traffic.spool import Spool
from contracts.verdicts.conclusion import MOVED, Cost, Terms, conclude
from contracts.verdicts.judging import judge
from contracts.verdicts.recurrence import recounted
from contracts.verdicts.tallying import tally

NOT_IN_IT = "a recording that shows such requests and answers"
QUIET = "a recording of a quiet list, in which a page is asked for twice"
_JUDGED_HEADERS = frozenset({"content-type", "content-length", "content-encoding", "age", "cache-control", "vary"})
"""The headers, in lower case, by which clauses judge an answer, or by which it is read."""
_JUDGED_ROLES = (
    "object",
    "items",
    "has_more",
    "first_id",
    "last_id",
    "item_id",
    "item_created_at",
    "item_project_id",
    "item_object",
)
"""The parts of a page of which clauses speak."""


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
    again = recounted(recording.repetitions, judged.clauses, reader, target, known)
    tallies, notes = tally(judged.clauses, evidence), shown.notes
    through = _walked_through(judged, evidence, shown.deep) if len(recording.spool) else None
    if through is not None:
        evidence = Evidence(reader, target, shown.exchanges, last_items=through.last_items)
        tallies = tally(judged.clauses, evidence)
        through.add_to(tallies)
        notes += through.notes()
    judgements = judge(judged.clauses, evidence, tallies, again)
    if recording.foreign:
        changed = may_have_changed(evidence)
        judgements = tuple(_of_another_tool(judgement, changed) for judgement in judgements)
    elif shown.hidden:
        judgements = tuple(map(_of_a_part, judgements))
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
    deep: _DeepRecorded
    hidden: int
    notes: list[str]


def _shown(path: Path, recording: Recording, target: Target, reader: Reader) -> _Shown:
    operation = reader.operation
    exchanges = tuple(exchange for exchange in recording.exchanges if not _hides(operation, exchange))
    deep = _DeepRecorded(operation, recording.spool, recording.repetitions)
    hidden = len(recording.exchanges) - len(exchanges) + deep.hidden
    if recording.foreign:
        exchanges = _of_checkpoints(operation, exchanges, {target.checkpoint, target.other_checkpoint})
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
    asked = any(operation.read(exchange.request).checkpoint is not None for exchange in recording.exchanges)
    if not asked and not len(recording.spool):
        below = f" below {hints.base_url}" if hints.base_url else ""
        assumed = " ".join(f"--at {name}={value}" for name, value in operation.outer.items())
        where = f" with {assumed}" if assumed else ""
        raise ConfigurationError(f"{path.name} holds no answer to GET {operation.path_template}{below}{where}.")
    return recording


def base_of(operation: Operation, url: str) -> str | None:
    """The base URL in front of the operation's path, ``None`` if the URL is of something else."""
    before, behind = operation.around_checkpoint
    scope = "[^/?#]+" if operation.roles.checkpoint else ""
    path = re.escape(before) + scope + re.escape(behind)
    found = re.match(rf"(https?://[^/?#@\s]++[^?#]*?){path}(?:[?#]|$)", url)
    return found[1] if found else None


def _target(path: Path, operation: Operation, recording: Recording, hints: Hints) -> Target:
    about = recording.about

    def known(name: str) -> str | None:
        value = about.get(name)
        return value if isinstance(value, str) and value else None

    checkpoint = hints.checkpoint or known("checkpoint") or _usual_checkpoint(operation, recording.exchanges)
    if checkpoint is None:
        raise ConfigurationError(f"{path.name} holds no answer to GET {operation.path_template}.")
    user = any(exchange.request.credential == "user" for exchange in recording.exchanges)
    return Target(
        base_url=recording.base_url,
        checkpoint=checkpoint,
        other_checkpoint=hints.other_checkpoint or known("other_checkpoint"),
        empty_checkpoint=known("empty_checkpoint"),
        user_key=user or about.get("user_key") is True,
        name=known("name") or "",
        key_header=operation.key_header,
    )


def _usual_checkpoint(operation: Operation, exchanges: Sequence[Exchange]) -> str | None:
    """The checkpoint of most of the answers, those with a 200 first."""
    asked = Counter[str]()
    for exchange in exchanges:
        checkpoint = operation.read(exchange.request).checkpoint
        if checkpoint is not None:
            asked[checkpoint] += len(exchanges) + 1 if exchange.ok else 1
    return next((checkpoint for checkpoint, _ in asked.most_common(1)), None)


def _of_checkpoints(
    operation: Operation, exchanges: Sequence[Exchange], checkpoints: set[str | None]
) -> tuple[Exchange, ...]:
    """Leave out what was asked of others: that they do not exist can't be known."""
    kept = [exchange for exchange in exchanges if operation.read(exchange.request).checkpoint in checkpoints]
    return tuple(replace(exchange, number=number) for number, exchange in enumerate(kept))


# Walks


def with_steps(reader: Reader, exchanges: Sequence[Exchange]) -> tuple[Exchange, ...]:
    """Say of each page to which walk it belongs: it goes on after the last item of an earlier one."""
    if reader.opaque:
        # By which token a page goes on is known once it is known which page gave each.
        reader = reader.fresh()
        reader.learn(exchanges)
    steps: dict[int, Step] = {}
    ends: dict[Query, list[int]] = defaultdict(list)
    """By the query that would go on behind them, the pages of which no other has gone on."""
    for page in _pages(reader, exchanges):
        before = ends[page.query] if page.query.after is not None else []
        if before:
            number = before.pop()
            place = steps.setdefault(number, Step(f"recorded {number}", 0))
            steps[page.exchange.number] = Step(place.walk, place.index + 1)
        elif page.query.after is None and (page.has_more is False or not page.items):
            steps[page.exchange.number] = Step(f"recorded {page.exchange.number}", 0)
        if page.ids:
            ends[replace(page.query, after=page.ids[-1])].append(page.exchange.number)
    return tuple(replace(exchange, step=steps.get(exchange.number)) for exchange in exchanges)


def _pages(reader: Reader, exchanges: Sequence[Exchange]) -> Iterator[Page]:
    for exchange in exchanges:
        query = reader.query(exchange)
        if query is None or exchange.concurrent or exchange.request.credential != "admin":
            continue
        page = reader.page(exchange, query)
        if page is not None:
            yield page


# A walk through the whole list


class _Over(Exception):
    """The recording holds no more of what was read again."""


class _DeepRecorded:
    """The exchanges of a recorded walk through the whole list that can be judged.

    Attributes:
        read_again: Those that read doubtful places again.
        kept: Those that asked a finding again, or that it rests on.
        hidden: How many can't be judged.
    """

    def __init__(self, operation: Operation, spool: Spool, repetitions: Iterable[Repetition]) -> None:
        confirmed = {number for each in repetitions for number in each.of}
        self._spool = spool
        self._numbers: list[int] = []
        self.read_again: list[Exchange] = []
        self.kept: list[Exchange] = []
        self.hidden = 0
        for exchange in spool:
            if _hides(operation, exchange):
                self.hidden += 1
                continue
            if exchange.again is not None or exchange.number in confirmed:
                self.kept.append(exchange)
            if exchange.again is not None:
                continue
            if exchange.step is not None and exchange.step.walk.startswith(DEEP):
                self.read_again.append(exchange)
            elif exchange.step is not None:
                self._numbers.append(exchange.number)

    def __len__(self) -> int:
        return len(self._spool) - self.hidden

    def __getitem__(self, number: int) -> Exchange:
        return self._spool[number]

    def pages(self) -> Iterator[Exchange]:
        """The pages of the walk."""
        return map(self._spool.__getitem__, self._numbers)


def _walked_through(terms: Terms, evidence: Evidence, walked: _DeepRecorded) -> Deep:
    """Judge a recorded walk through the whole list."""
    deep = Deep(evidence, terms.clauses, walked, len(walked))
    for exchange in walked.pages():
        query = evidence.query(exchange)
        if query is not None:
            with suppress(Full):
                deep.read(exchange, query)
    deep.judge()
    recorded = iter(walked.read_again)

    def ask(request: Request, _: Step) -> Exchange:
        exchange = next(recorded, None)
        if exchange is None or exchange.request != request:
            raise _Over
        return exchange

    with suppress(_Over):
        for doubt in deep.doubts():
            deep.read_again(doubt, ask)
    return deep


# What was replaced


def _hides(operation: Operation, exchange: Exchange) -> bool:
    """Whether a key was replaced in a part of an exchange that clauses judge: then it no longer shows what came."""
    answer = exchange.answer
    if MARKER.search(exchange.request.target):
        return True
    if answer is None or not answer.redacted:
        return False
    headers = {part.removeprefix("header ").lower() for part in answer.redacted if part.startswith("header ")}
    if headers & _JUDGED_HEADERS:
        return True
    return exchange.ok and "body" in answer.redacted and _hides_fields(operation, answer.body)


def _hides_fields(operation: Operation, body: bytes) -> bool:
    known = {getattr(operation.roles, role) for role in _JUDGED_ROLES}
    parsed = parse(body)
    if parsed.defect:
        return True
    rest: list[tuple[bool, Any]] = [(True, parsed.value)]
    while rest:
        judged, value = rest.pop()
        if isinstance(value, dict):
            if any(MARKER.search(name) for name in value):
                return True
            rest += [(name in known, child) for name, child in value.items()]
        elif isinstance(value, list):
            rest += [(judged, child) for child in value]
        elif judged and isinstance(value, str) and MARKER.search(value):
            return True
    return False


def _of_what_is_shown(result: Result, *, hidden: bool, rest: bool) -> Result:
    if hidden:
        # What seems to come and go may be what is not shown.
        result = replace(result, notes=tuple(note for note in result.notes if note != MOVED))
    return replace(result, exit_code=ExitCode.INCOMPLETE) if rest and result.exit_code == ExitCode.KEPT else result


def _of_a_part(judgement: Judgement) -> Judgement:
    """What rests on answers that are missing is not claimed where the recording hides some."""
    claimed = judgement.verdict in {Verdict.BROKEN, Verdict.WARNED}
    if claimed and judgement.finding is not None and judgement.finding.stable_list:
        reason = "the recording does not show all answers: keys were replaced in some"
        return replace(judgement, verdict=Verdict.NOT_EXERCISED, finding=None, breaches=0, reason=reason, because="")
    return judgement


# What is reported


def may_have_changed(evidence: Evidence) -> str:
    """Why items may have come or gone between the answers; empty where the same requests brought the same items.

    A run looks at the whole list again and again to know that; who browses looks at one page again.
    """
    alike: dict[Query, list[frozenset[str]]] = defaultdict(list)
    for page in evidence.pages:
        alike[page.query].append(frozenset(page.ids))
    for pages in alike.values():
        for id_ in frozenset().union(*pages):
            if came_or_went([id_ in page for page in pages]):
                return "the list seems to have changed while it was recorded"
    repeated = any(len(pages) > 1 for pages in alike.values())
    return "" if repeated else "no page was asked for twice, so the list may have changed while it was recorded"


def _of_another_tool(judgement: Judgement, changed: str) -> Judgement:
    """What was not asked again is not claimed where the list may have changed; and options do not help here."""
    if (
        changed
        and judgement.verdict is Verdict.BROKEN
        and judgement.finding is not None
        and judgement.finding.stable_list
    ):
        return replace(judgement, verdict=Verdict.INCONCLUSIVE, reason=changed, provide=QUIET, because="")
    if judgement.verdict is Verdict.NOT_EXERCISED and judgement.provide:
        return replace(judgement, provide=NOT_IN_IT)
    return judgement


def _cost(recording: Recording) -> Cost:
    probes = Counter[str]()
    waits = retries = 0
    begin, end = inf, -inf
    for exchange in chain(recording.exchanges, recording.spool):
        probes[exchange.probe] += 1 + exchange.waits + exchange.retries + exchange.redirects
        waits, retries = waits + exchange.waits, retries + exchange.retries
        begin, end = min(begin, exchange.at), max(end, exchange.at + exchange.seconds)
    return Cost(probes.total(), probes, waits, 0.0, retries, end - begin)
