"""What the contract items of one pytest session share: one run for all of them, and what its verdicts do to each."""

from __future__ import annotations

import os
import pickle
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from contracts.catalogue import Clause
from contracts.deviations import terms
from contracts.errors import ConfigurationError, ContractsError
from contracts.model import Judgement, Result, Verdict
from contracts.plugin import FACTS, all_settings, clause_of, settings_of, spelled, target_of
from contracts.replay import record
from contracts.reports.safe import plain
from contracts.reports.summary import failing, headline
from contracts.reports.terminal import Style, report
from contracts.run import ExitCode, run
from contracts.settings import Settings, apart
from contracts.target import opened

_LOOK_SECONDS: Final = 0.05
"""How often a worker of pytest-xdist looks whether another one has what it waits for."""
_SILENT_SECONDS: Final = 300.0
"""How long a run may be silent before it counts as dead: longer than the longest wait for one request."""


@dataclass(frozen=True, slots=True)
class NoVerdict:
    """Why there is no verdict on any clause, and what the session ends with."""

    text: str
    exit_code: int


class Session:
    """One run for all items of a target, whichever asks first and in whichever process."""

    def __init__(self, request: pytest.FixtureRequest, target: str = "") -> None:
        self._request = request
        self._target = target
        self._found: Result | NoVerdict | None = None

    def found(self) -> Result | NoVerdict:
        """What the run found out; the first item that asks makes it.

        Raises:
            KeyboardInterrupt: the run was interrupted.
        """
        if self._found is None:
            worker = hasattr(self._request.config, "workerinput")
            self._found = self._shared() if worker else self._run(lambda: None)
        return self._found

    def hold(self, clause: Clause, item: pytest.Item) -> None:
        """Pass, fail or skip an item as the verdict on its clause says."""
        found = self.found()
        if isinstance(found, NoVerdict):
            item.stash[FACTS] = self._without_verdict(found)
            pytest.fail(found.text, pytrace=False)
        judgement = next(one for one in found.judgements if one.clause == clause.id)
        item.stash[FACTS] = {**_facts(found), "target": self._target}
        item.user_properties += _properties(judgement)
        _end(judgement, found)

    def _without_verdict(self, found: NoVerdict) -> dict[str, Any]:
        """What is wrong with one of several targets does not keep the others from being judged."""
        if not self._target:
            return {"stop": found.text, "exit": found.exit_code}
        replaces = (ExitCode.KEPT, ExitCode.BROKEN)
        told = {"summary": "", "headline": found.text.splitlines()[0], "target": self._target}
        return {**told, "exit": found.exit_code, "replaces": replaces}

    def _run(self, alive: Callable[[], None]) -> Result | NoVerdict:
        try:
            settings = settings_of(self._request.config, self._request.getfixturevalue("base_url"), self._target)
            items = [item for item in self._request.session.items if target_of(item) == self._target]
            selected = {clause.id: clause for item in items if (clause := clause_of(item))}
            with opened(settings) as target:
                result = run(target.plan(tuple(selected.values())), on_progress=lambda _: alive())
            if settings.record is not None:
                record(result, apart(settings.record, self._target))
        except ContractsError as error:
            return NoVerdict(spelled(str(error)), error.exit_code)
        except Exception:  # noqa: BLE001 - whatever it is, no item can be judged
            return NoVerdict(f"The suite itself failed; please report it.\n{traceback.format_exc()}", ExitCode.INTERNAL)
        if result.interrupted:
            raise KeyboardInterrupt
        return replace(result, exchanges=())

    def _shared(self) -> Result | NoVerdict:
        """What the first worker of pytest-xdist that asks found out, for all workers."""
        base: Path = self._request.getfixturevalue("tmp_path_factory").getbasetemp().parent
        folder = apart(base / "contracts-run", self._target)
        done = folder / "done"
        try:
            folder.mkdir()
        except FileExistsError:
            return _awaited(folder, done)
        found: Result | NoVerdict = NoVerdict("The run was interrupted.", ExitCode.INTERRUPTED)
        try:
            found = self._run(lambda: os.utime(folder))
        finally:
            partial = folder / "partial"
            partial.write_bytes(pickle.dumps(found))
            partial.rename(done)
        return found


def _awaited(folder: Path, done: Path) -> Result | NoVerdict:
    while not done.exists():
        if time.time() - folder.stat().st_mtime > _SILENT_SECONDS:
            return NoVerdict("The worker of pytest-xdist that made the run is gone.", ExitCode.INTERNAL)
        time.sleep(_LOOK_SECONDS)
    found: Result | NoVerdict = pickle.loads(done.read_bytes())  # noqa: S301 - written by a worker of this session
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
            pytest.xfail(f"accepted: {plain(terms(judgement.accepted))}\n{_finding(alone)}")
        case Verdict.BROKEN:
            pytest.xfail(f"{judgement.level} clauses do not fail this run\n{_finding(alone)}")
        case Verdict.NOT_EXERCISED | Verdict.NOT_APPLICABLE | Verdict.INCONCLUSIVE:
            because = f", because of {judgement.because}" if judgement.because else ""
            provide = f"; provide {judgement.provide}" if judgement.provide else ""
            pytest.skip(plain(spelled(f"{judgement.verdict}: {judgement.reason}{because}{provide}")))


def _finding(result: Result) -> str:
    """What the report says of the one judgement of this result, short of the verdict on the whole."""
    return spelled(_without_last_word(report(result, Style(quiet=True)).text()).strip())


def _without_last_word(text: str) -> str:
    return text.rstrip().rpartition("\n\n")[0]


def _properties(judgement: Judgement) -> list[tuple[str, object]]:
    """What the JUnit file holds of an item; unlike ``record_property`` this warns in none of its dialects."""
    found: list[tuple[str, object]] = [
        ("clause", judgement.clause),
        ("level", judgement.level.value),
        ("verdict", judgement.verdict.value),
    ]
    if judgement.finding is not None:
        found += [("expected", plain(judgement.finding.expected)), ("actual", plain(judgement.finding.actual))]
        found += [("request", exchange.request.target) for exchange in judgement.finding.exchanges]
    if judgement.answer is not None:
        found.append(("answer", plain(judgement.answer.text)))
    return found


def _facts(result: Result) -> dict[str, Any]:
    """How the session ends: the same from each item, because any may be the last one that is run."""
    failed = failing(result)
    # Failures are shown where pytest shows them.
    others = tuple(one for one in result.judgements if one not in failed and one.verdict is not Verdict.BROKEN)
    gone = result.exit_code == ExitCode.CONFIGURATION
    return {
        "summary": spelled(_without_last_word(report(replace(result, judgements=others)).text())),
        "headline": headline(result),
        "exit": result.exit_code,
        "replaces": (ExitCode.KEPT, ExitCode.BROKEN) if gone else (ExitCode.KEPT,),
    }
