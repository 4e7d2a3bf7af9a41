"""What the contract items of one pytest session share: one run for all of them, and what its verdicts do to each."""

from __future__ import annotations

import os
import pickle
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from contracts.clauses.registry import FAMILIES, Clause, clauses
from contracts.core import interrupts
from contracts.core.errors import ConfigurationError, ContractsError, ExitCode
from contracts.core.model import Judgement, Result, Verdict
from contracts.plugins.pytest import (
    FACTS,
    INTERRUPTED,
    all_settings,
    clause_of,
    given_to,
    settings_of,
    spelled,
    target_of,
)
from contracts.reports import junit, output
from contracts.reports.github import Annotation
from contracts.reports.safe import inert, plain
from contracts.reports.summary import failing, headline
from contracts.reports.terminal import Style, report
from contracts.reports.view import Report
from contracts.runs.job import Job
from contracts.settings.settings import Settings, apart
from contracts.traffic.credentials import Keys
from contracts.traffic.redaction import without_keys
from contracts.verdicts.conclusion import InternalError
from contracts.verdicts.deviations import terms

_LOOK_SECONDS: Final = 0.05
"""How often a worker of pytest-xdist looks whether another one has what it waits for."""
_SILENT_SECONDS: Final = 300.0
"""How long a run may be silent before it counts as dead: longer than the longest wait for one request."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts of a run, without its exchanges, and what is to be remarked on it in the log of a job on GitHub."""

    result: Result
    report: Report
    remarks: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class NoVerdict:
    """Why there is no verdict on any clause, and what the session ends with."""

    text: str
    exit_code: int
    remarks: tuple[Annotation, ...] = ()


class Session:
    """One run for all items of a target, whichever asks first and in whichever process."""

    def __init__(self, request: pytest.FixtureRequest, target: str = "") -> None:
        self._request = request
        self._target = target
        self._found: Judged | NoVerdict | None = None
        self._facts: dict[str, Any] = {}

    def found(self) -> Judged | NoVerdict:
        """What the run found out; the first item that asks makes it.

        Raises:
            KeyboardInterrupt: the run was interrupted.
        """
        if self._found is None:
            worker = hasattr(self._request.config, "workerinput")
            self._found = self._shared() if worker else self._run(lambda: None)
            self._facts = self._told(self._found)
        return self._found

    def hold(self, clause: Clause, item: pytest.Item) -> None:
        """Pass, fail or skip an item as the verdict on its clause says."""
        found = self.found()
        item.stash[FACTS] = self._facts
        if isinstance(found, NoVerdict):
            pytest.fail(found.text, pytrace=False)
        judgement = next(one for one in found.result.judgements if one.clause == clause.id)
        row = next(one for one in found.report.clauses if one.id == clause.id)
        # Unlike ``record_property`` this warns in none of the dialects of pytest's JUnit file.
        item.user_properties += junit.facts(row)
        _end(judgement, found.result)

    def _told(self, found: Judged | NoVerdict) -> dict[str, Any]:
        """How the session ends: the same from each item, because any may be the last one that is run."""
        facts: dict[str, Any] = {"target": self._target, "remarks": [tuple(each) for each in found.remarks]}
        if isinstance(found, Judged):
            return facts | _ending(found.result)
        if not self._target:
            return facts | {"stop": found.text, "exit": found.exit_code}
        # What is wrong with one of several targets does not keep the others from being judged.
        headline = found.text.splitlines()[0]
        replaces = (ExitCode.KEPT, ExitCode.BROKEN)
        return facts | {"summary": "", "headline": headline, "exit": found.exit_code, "replaces": replaces}

    def _run(self, alive: Callable[[], None]) -> Judged | NoVerdict:
        with interrupts.held():
            found = self._held(alive)
            if isinstance(found, Judged) and (found.result.interrupted or interrupts.came()):
                summary = _summary(found.result, failures=True)
                self._request.config.stash[INTERRUPTED] = self._told(found) | {"summary": summary}
                raise KeyboardInterrupt
            return found

    def _held(self, alive: Callable[[], None]) -> Judged | NoVerdict:
        """Make the run and write its reports; an interrupt ends the asking only."""
        try:
            base_url = self._request.getfixturevalue("base_url")
            settings = settings_of(self._request.config, base_url, self._target)
        except ConfigurationError as error:
            given = given_to(self._request.config, self._request.config.getoption("base_url"))
            remarks = output.write_refused(given, error, without_keys)
            return _no_verdict(error, None, remarks)
        items = [item for item in self._request.session.items if target_of(item) == self._target]
        selected = {clause.id: clause for item in items if (clause := clause_of(item))}
        job = Job(settings, named(tuple(selected.values())))
        try:
            judged = job.judge(nullcontext(lambda _: alive()))
            job.write(judged)
        except Exception as error:  # noqa: BLE001 - whatever it is, the session says it and ends
            return _no_verdict(error, job.keys, job.remarks)
        return Judged(replace(judged.result, exchanges=(), spooled=()), judged.report, job.remarks)

    def _shared(self) -> Judged | NoVerdict:
        """What the first worker of pytest-xdist that asks found out, for all workers."""
        base: Path = self._request.getfixturevalue("tmp_path_factory").getbasetemp().parent
        folder = apart(base / "contracts-run", self._target)
        done = folder / "done"
        try:
            folder.mkdir()
        except FileExistsError:
            return _awaited(folder, done)
        found: Judged | NoVerdict = NoVerdict("The run was interrupted.", ExitCode.INTERRUPTED)
        try:
            found = self._run(lambda: os.utime(folder))
        finally:
            written = folder / "written"
            written.write_bytes(pickle.dumps(found))
            written.rename(done)
        return found


def _no_verdict(error: Exception, keys: Keys | None, remarks: tuple[Annotation, ...]) -> NoVerdict:
    code, text = ExitCode.INTERNAL, spelled(str(error))
    if isinstance(error, ContractsError) and not isinstance(error, InternalError):
        code = error.exit_code
    else:
        lines = traceback.format_exception(error.__cause__ or error)
        text = "".join(("The suite itself failed; please report it.\n", *lines))
    return NoVerdict(_safe(without_keys(text, keys)), code, remarks)


def _awaited(folder: Path, done: Path) -> Judged | NoVerdict:
    while not done.exists():
        if time.time() - folder.stat().st_mtime > _SILENT_SECONDS:
            return NoVerdict("The worker of pytest-xdist that made the run is gone.", ExitCode.INTERNAL)
        time.sleep(_LOOK_SECONDS)
    found: Judged | NoVerdict = pickle.loads(done.read_bytes())  # noqa: S301 - written by a worker of this session
    return found


def header(config: pytest.Config) -> list[str]:
    """What is about to be judged, as far as it is known before the first item."""
    try:
        found = all_settings(config, config.getoption("base_url"))
    except ConfigurationError:
        return []  # the first item says what is wrong: a fixture may still bring the target
    return [_headed(settings) for settings in found]


def _headed(settings: Settings) -> str:
    target = f"{settings.name}: " if settings.name else ""
    target += settings.base_url or "the embedded server"
    checkpoint = f" · checkpoint {settings.checkpoint}" if settings.checkpoint else ""
    document = settings.spec.name if settings.spec else "openapi.yaml"
    return plain(f"contracts: {target}{checkpoint} · seed {settings.seed} · document {document}")


def _end(judgement: Judgement, result: Result) -> None:
    alone = replace(result, judgements=(judgement,), deviations=())
    if failing(alone):
        pytest.fail(_finding(alone), pytrace=False)
    match judgement.verdict:
        case _ if judgement.accepted is not None:
            pytest.xfail(f"accepted: {plain(terms(judgement.accepted))}")
        case Verdict.BROKEN:
            pytest.xfail(f"{judgement.level} clauses do not fail this run")
        case Verdict.NOT_EXERCISED | Verdict.NOT_APPLICABLE | Verdict.INCONCLUSIVE:
            because = f", because of {judgement.because}" if judgement.because else ""
            provide = f"; provide {judgement.provide}" if judgement.provide else ""
            pytest.skip(plain(spelled(f"{judgement.verdict}: {judgement.reason}{because}{provide}")))


def _finding(result: Result) -> str:
    """What the report says of the one judgement of this result, short of the verdict on the whole."""
    return spelled(_without_last_word(report(result, Style(quiet=True, causes=False)).text()).strip())


def _without_last_word(text: str) -> str:
    return text.rstrip().rpartition("\n\n")[0]


def _ending(result: Result) -> dict[str, Any]:
    gone = result.exit_code == ExitCode.CONFIGURATION
    return {
        "summary": _summary(result, failures=False),
        "headline": headline(result),
        "exit": result.exit_code,
        "replaces": (ExitCode.KEPT, ExitCode.BROKEN) if gone else (ExitCode.KEPT,),
    }


def _summary(result: Result, *, failures: bool) -> str:
    return spelled(_without_last_word(report(result, Style(failures=failures)).text()))


def _safe(text: str) -> str:
    return "\n".join(inert(plain(line)) for line in text.splitlines())


def named(selected: Sequence[Clause]) -> list[str]:
    """These clauses in few words: none for all, a family by its name."""
    wanted, everything = {clause.id for clause in selected}, clauses()
    if len(wanted) == len(everything):
        return []
    found = []
    for family in FAMILIES:
        members = [clause.id for clause in everything if clause.id.startswith(f"{family}-")]
        chosen = [id_ for id_ in members if id_ in wanted]
        found += [family] if chosen == members else chosen
    return found
