"""The one run that all contract items of a pytest session share, and how its verdicts decide the items."""

from __future__ import annotations

import os
import pickle
import re
import sys
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
from contracts.core.errors import ConfigurationError, ContractsError, ExitCode, lack
from contracts.core.result import Judgement, Result, Verdict
from contracts.reports import junit, output
from contracts.reports.github import Annotation
from contracts.reports.safe import inert, plain
from contracts.reports.summary import failing, headline
from contracts.reports.terminal import Style, report
from contracts.reports.view import Report
from contracts.runs.job import Job
from contracts.settings.choosing import choose_all, single
from contracts.settings.groups import FOR_TERMINALS
from contracts.settings.settings import OPTIONS, Settings, apart
from contracts.traffic.keys import Keys
from contracts.traffic.redaction import without_keys
from contracts.verdicts.conclusion import InternalError
from contracts.verdicts.deviations import terms

FACTS: Final = pytest.StashKey[dict[str, Any]]()
"""The data that an item passes to the process that ends the session; with pytest-xdist it gets nothing else."""
INTERRUPTED: Final = pytest.StashKey[dict[str, Any]]()
"""The same of a run that was interrupted: its item has no report."""
_SETTINGS: Final = pytest.StashKey[tuple[str | None, tuple[Settings, ...]]]()
_NAMES: Final = tuple(name for name in OPTIONS if name not in FOR_TERMINALS)
"""The settings that the plugin has options for."""
UNPREFIXED: Final = ("base_url", "checkpoint", "other_checkpoint", "empty_checkpoint")
"""Those whose options also go without the prefix: `SHARED` of the plugin, with which this can share no module."""
_PREFIXED: Final = re.compile(
    rf"(?<![\w-])--(?=(?:{'|'.join(name for name in _NAMES if name not in UNPREFIXED).replace('_', '-')})(?![\w-]))"
)
_LOOK_SECONDS: Final = 0.05
"""How often a worker of pytest-xdist looks whether another one has what it waits for."""
_SILENT_SECONDS: Final = 300.0
"""How long a run may be silent before it counts as dead: longer than the longest wait for one request."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts of a run without its exchanges, and its annotations on GitHub Actions."""

    result: Result
    report: Report
    remarks: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class NoVerdict:
    """Why there is no verdict on any clause, and the exit code of the session."""

    text: str
    exit_code: int
    remarks: tuple[Annotation, ...] = ()


class Session:
    """One run for all items of a target, made by whichever item and process needs it first."""

    def __init__(self, config: pytest.Config, session: pytest.Session, target: str = "") -> None:
        self._config = config
        self._session = session
        self._target = target
        self._found: Judged | NoVerdict | None = None
        self._facts: dict[str, Any] = {}

    def found(self, request: pytest.FixtureRequest) -> Judged | NoVerdict:
        """The outcome of the run; the first item that needs it makes the run, and its fixtures name the target.

        Raises:
            KeyboardInterrupt: the run was interrupted.
        """
        if self._found is None:
            worker = hasattr(self._config, "workerinput")
            self._found = self._shared(request) if worker else self._run(request, lambda: None)
            self._facts = self._summed_up(self._found)
        return self._found

    def hold(self, clause: Clause, request: pytest.FixtureRequest) -> None:
        """Pass, fail or skip an item as the verdict on its clause says."""
        found, item = self.found(request), request.node
        item.stash[FACTS] = self._facts
        if isinstance(found, NoVerdict):
            pytest.fail(found.text, pytrace=False)
        judgement = next(one for one in found.result.judgements if one.clause == clause.id)
        row = next(one for one in found.report.clauses if one.id == clause.id)
        # Unlike ``record_property`` this warns in none of the dialects of pytest's JUnit file.
        item.user_properties += junit.facts(row)
        _end(judgement, found.result)

    def _summed_up(self, found: Judged | NoVerdict) -> dict[str, Any]:
        """The data on how the session ends, the same from each item, because any may be the last one."""
        facts: dict[str, Any] = {"target": self._target, "remarks": [tuple(each) for each in found.remarks]}
        if isinstance(found, Judged):
            return facts | _ending(found.result)
        if not self._target:
            return facts | {"stop": found.text, "exit": found.exit_code}
        # What is wrong with one of several targets does not keep the others from being judged.
        headline = found.text.splitlines()[0]
        replaces = (ExitCode.KEPT, ExitCode.BROKEN)
        return facts | {"summary": "", "headline": headline, "exit": found.exit_code, "replaces": replaces}

    def _run(self, request: pytest.FixtureRequest, alive: Callable[[], None]) -> Judged | NoVerdict:
        with interrupts.held():
            found = self._held(request, alive)
            if isinstance(found, NoVerdict) and interrupts.came() and found.exit_code == ExitCode.CONFIGURATION:
                return replace(found, exit_code=ExitCode.INTERRUPTED)
            if isinstance(found, Judged) and (found.result.interrupted or interrupts.came()):
                summary = _summary(found.result, failures=True)
                self._config.stash[INTERRUPTED] = self._summed_up(found) | {"summary": summary}
                raise KeyboardInterrupt
            return found

    def _held(self, request: pytest.FixtureRequest, alive: Callable[[], None]) -> Judged | NoVerdict:
        """Make the run and write its reports; an interrupt ends only the requests."""
        try:
            settings = settings_of(self._config, _of_a_fixture(request), self._target)
            _refuse_overwritten(self._config, settings)
        except ConfigurationError as error:
            given = given_to(self._config, self._config.getoption("base_url", None))
            remarks = output.write_refused(given, error, without_keys)
            return _no_verdict(error, None, remarks)
        items = [item for item in self._session.items if target_of(item) == self._target]
        selected = {clause.id: clause for item in items if (clause := clause_of(item))}
        job = Job(settings, named(tuple(selected.values())))
        try:
            judged = job.judge(nullcontext(lambda _: alive()))
            job.write(judged)
        except Exception as error:  # noqa: BLE001 - whatever it is, the session says it and ends
            return _no_verdict(error, job.keys, job.remarks)
        return Judged(replace(judged.result, exchanges=(), spooled=()), judged.report, job.remarks)

    def _shared(self, request: pytest.FixtureRequest) -> Judged | NoVerdict:
        """The outcome of the run that the first worker of pytest-xdist makes, for all workers."""
        base: Path = request.getfixturevalue("tmp_path_factory").getbasetemp().parent
        folder = apart(base / "contracts-run", self._target)
        done = folder / "done"
        try:
            folder.mkdir()
        except FileExistsError:
            return _awaited(folder, done)
        found: Judged | NoVerdict = NoVerdict("The run was interrupted.", ExitCode.INTERRUPTED)
        try:
            found = self._run(request, lambda: os.utime(folder))
        finally:
            written = folder / "written"
            written.write_bytes(pickle.dumps(found))
            written.rename(done)
        return found


def _refuse_overwritten(config: pytest.Config, settings: Settings) -> None:
    """Refuse a report in the place of pytest's own, which is written when the session ends.

    Raises:
        ConfigurationError: There would be one.
    """
    own = config.getoption("xmlpath", None)
    if own and settings.junit is not None and os.path.realpath(own) == os.path.realpath(settings.junit):
        raise ConfigurationError("--junitxml and --contract-junit name the same file: give two.")


def _no_verdict(error: Exception, keys: Keys | None, remarks: tuple[Annotation, ...]) -> NoVerdict:
    code, text = ExitCode.INTERNAL, spelled(str(error))
    if (lacked := lack(error)) is not None:
        code, text = ExitCode.CONFIGURATION, f"This machine does not let the run go on: {lacked}."
    elif isinstance(error, ContractsError) and not isinstance(error, InternalError):
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
    """Lines for the header: what will be judged, as far as it is known by then, and options that have no effect."""
    found = configured(config)
    remarks = [f"contracts: {plain(remark)}" for settings in found[:1] for remark in settings.remarks]
    return [*remarks, *map(_headed, found)]


def _headed(settings: Settings) -> str:
    target = f"{settings.name}: " if settings.name else ""
    target += settings.base_url or "the embedded server"
    checkpoint = f" · checkpoint {settings.checkpoint}" if settings.checkpoint else ""
    document = settings.spec.name if settings.spec else "openapi.yaml"
    document += f" · {settings.operation}" if settings.operation else ""
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
    """The report on the one judgement of this result, without the headline of the run."""
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


def clause_of(item: pytest.Item) -> Clause | None:
    """The clause that an item holds the target to; ``None`` for items that are not of this suite."""
    suite = sys.modules.get("contracts.suite")
    if suite is None or not isinstance(item, pytest.Function) or item.obj is not suite.test_clause:
        return None
    clause = item.callspec.params["clause"]
    return clause if isinstance(clause, Clause) else None


def target_of(item: pytest.Item) -> str:
    """The name of the target that an item is of, an empty string where there is only one."""
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return str(parameters.get("contract", ""))


def settings_of(config: pytest.Config, base_url: str | None, target: str = "") -> Settings:
    """The settings of this session for a target; ``None`` or an empty URL: none was named.

    Raises:
        ConfigurationError: a value can't be used.
    """
    found = all_settings(config, base_url)
    one = single(tuple(settings for settings in found if settings.name == target) or found)
    return one if len(found) == 1 else one.apart()


def all_settings(config: pytest.Config, base_url: str | None) -> tuple[Settings, ...]:
    """The settings of this session for each target; see `settings_of`.

    Raises:
        ConfigurationError: a value can't be used.
    """
    given = given_to(config, base_url)
    # The same seed, though it be random, in all that one session says and does.
    if _SETTINGS not in config.stash or config.stash[_SETTINGS][0] != given["base_url"]:
        config.stash[_SETTINGS] = given["base_url"], choose_all(given, names=given)
    return config.stash[_SETTINGS][1]


def configured(config: pytest.Config) -> tuple[Settings, ...]:
    """The settings of each target, as far as they are known before fixtures run; empty if they are wrong."""
    try:
        return all_settings(config, config.getoption("base_url", None))
    except ConfigurationError:
        return ()  # the first item says what is wrong


def given_to(config: pytest.Config, base_url: str | None) -> dict[str, Any]:
    """The options of this session, by the names of the settings.

    ``base_url`` is what a fixture or another plugin says; an option of ours counts for more.
    """
    given = {name: _option(config, name) for name in _NAMES}
    if given["base_url"] is None:
        empty = config.getoption("contracts_empty_base_url", default=False)
        given["base_url"] = base_url or ("" if empty else None)
    return given


def _option(config: pytest.Config, name: str) -> Any:
    """What an option of the plugin says; ``None`` where it was not given."""
    return config.getoption(f"_contracts_{name}", None)


def _of_a_fixture(request: pytest.FixtureRequest) -> str | None:
    """The value of a fixture ``base_url``, whoever defines it; ``None`` if there is none.

    Raises:
        ConfigurationError: It gives no text.
    """
    if _option(request.config, "base_url") is not None:
        return None
    try:
        value: object = request.getfixturevalue("base_url")
    except pytest.FixtureLookupError:
        return None
    if value is not None and not isinstance(value, str):
        raise ConfigurationError("The fixture base_url gives no text: name the target with --contract-base-url.")
    return value


def spelled(text: str) -> str:
    """A sentence with options of the command line, with the names that these have in pytest."""
    return _PREFIXED.sub("--contract-", text)
