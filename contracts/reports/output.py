"""Everything that a run writes, the same for the command line and pytest.

That is the recording, the report files, and on GitHub Actions the job's summary and the annotations.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from contracts.core import files
from contracts.core.errors import ConfigurationError, ExitCode
from contracts.core.result import Result
from contracts.openapi.operation import Operation
from contracts.reports import as_json, github, html, issues, junit, markdown
from contracts.reports.github import Annotation
from contracts.reports.recording import record
from contracts.reports.templating import template
from contracts.reports.unfinished import unfinished, unopened
from contracts.reports.view import Report
from contracts.settings.choosing import choose
from contracts.settings.groups import FOR_TERMINALS, ISSUES, KEYS, REPORTS
from contracts.settings.settings import OPTIONS, Settings
from contracts.verdicts.conclusion import Terms

_NOWHERE: Final = Path("/dev/fd/none")
"""A folder without a configuration file."""
FILES: Final = ("record", *REPORTS)
"""The options that have something written to a file."""

_COMPLETE: Final = frozenset({ExitCode.KEPT, ExitCode.BROKEN, ExitCode.INCOMPLETE})
"""The exit codes of runs that sent all their requests."""
_UNREPEATED: Final = {
    *(*KEYS, "secret_header_command"),
    *FILES,
    *ISSUES,
    *FOR_TERMINALS,
    "seed",
}


def refuse_overwriting(settings: Settings, recording: Path | None = None) -> None:
    """Check before anything is written that it replaces nothing that is read; ``recording`` is one that is.

    Raises:
        ConfigurationError: A report or a recording would, or two of them would be the same file.
    """
    read = {
        option.flagged: value
        for name, option in OPTIONS.items()
        if name not in (*FILES, *ISSUES) and isinstance(value := getattr(settings, name), Path)
    }
    read |= {} if settings.file is None else {"the configuration": settings.file}
    read |= {} if recording is None else {"this replay": recording}
    files.refuse_overwriting(_chosen(settings), read)


def refuse_unwritable(settings: Settings) -> None:
    """Check before the run that each file can be written.

    Raises:
        ConfigurationError: One can't.
    """
    files.refuse_unwritable(_chosen(settings))
    if settings.issues is not None:
        files.refuse_unwritable_folder(OPTIONS["issues"].flagged, settings.issues)
    if settings.html is not None:
        template("report.html")  # where memory runs out, it takes too much of it to be compiled then


def _chosen(settings: Settings) -> dict[str, Path]:
    return {OPTIONS[name].flagged: getattr(settings, name) for name in settings.given(*FILES)}


def report_of(settings: Settings, words: Sequence[str], result: Result) -> Report:
    """The report of a run that ``contracts check`` with these words would make as well."""
    return Report.of(result, repeat=repeat(settings, words, result.seed), embedded=embedded(settings))


def write(settings: Settings, report: Report, result: Result, operation: Operation) -> None:
    """Write the recording and the reports that the settings ask for, all that can be written.

    Raises:
        ConfigurationError: one of them can't.
    """
    forms: dict[str, Callable[[], str]] = {
        "html": lambda: html.render(report, result, operation),
        "markdown": lambda: markdown.render(report),
        "json": lambda: as_json.render(report),
        "junit": lambda: junit.render(report),
    }
    failed: Exception | None = None
    for name in settings.given(*FILES, "issues"):
        path = getattr(settings, name)
        try:
            if name == "issues":
                overlay = settings.overlay.name if settings.overlay else ""
                found = issues.render(result, operation, settings.issues_as, overlay, settings.requests)
                mark = issues.mark(operation) if result.exit_code in _COMPLETE else ""
                files.write_folder(path, found, mark)
            elif name in forms:
                files.write(path, forms[name]())
            elif result.exchanges:
                record(result, path)
        except Exception as error:  # noqa: BLE001 - it is raised when the others are written
            failed = failed or error
    if failed is not None:
        raise failed


def announce(report: Report) -> tuple[Annotation, ...]:
    """Append to the summary of the job, and say how the log is to be annotated: nothing but on GitHub Actions."""
    github.append_summary(report)
    return tuple(github.remarks(report)) if os.environ.get("GITHUB_ACTIONS") else ()


def write_unfinished(
    settings: Settings, words: Sequence[str], terms: Terms, error: BaseException, redacted: Callable[[str], str]
) -> tuple[Annotation, ...]:
    """Write and announce that nothing was judged, and why; what can't be written is left out.

    Args:
        settings: What says where to.
        words: The clauses, as the user wrote them.
        terms: What was to be judged; without a target if that could not be opened.
        error: What ended the run.
        redacted: Takes the keys out of a text.
    """
    result = unfinished(terms, error, redacted)
    report = report_of(settings, words, result) if terms.target.base_url else Report.of(result)
    return _left(settings, report, result, terms)


def write_refused(
    given: Mapping[str, str | bool | None], error: ConfigurationError, redacted: Callable[[str], str]
) -> tuple[Annotation, ...]:
    """As `write_unfinished`, where the settings can't be used: written is what they name by themselves.

    Args:
        given: By field name, what the command line says; as for `choose_all`.
        error: What is wrong with the settings.
        redacted: Takes the keys out of a text.
    """
    try:
        settings = _named(given)
        # Any word may be the name of a file that is read.
        words = {
            option.flagged: given.get(name) or os.environ.get(option.variable)
            for name, option in OPTIONS.items()
            if name not in FILES
        }
        read = {flag: Path(word) for flag, word in words.items() if isinstance(word, str)}
        files.refuse_overwriting(_chosen(settings), read)
    except ConfigurationError:
        settings = Settings()
    terms = unopened(settings)
    result = unfinished(terms, error, redacted)
    return _left(settings, Report.of(result), result, terms)


def _named(given: Mapping[str, str | bool | None]) -> Settings:
    """What names the reports: where the configuration file can't be read, the command line and the variables alone.

    Raises:
        ConfigurationError: They can't be used.
    """
    names = ("config", *FILES)
    try:
        return choose({name: given.get(name) for name in names}, names=names)
    except ConfigurationError:
        return choose({name: given.get(name) for name in FILES}, names=FILES, folder=_NOWHERE)


def _left(settings: Settings, report: Report, result: Result, terms: Terms) -> tuple[Annotation, ...]:
    with suppress(Exception):  # what ended the run is reported, and not this
        write(settings, report, result, terms.operation)
    return announce(report)


def repeat(settings: Settings, words: Sequence[str], seed: int) -> str:
    """The command that asks the same again, for a POSIX shell. Keys and where they are from are not part of it."""
    line = ["contracts", "check", *words]
    said = [name for name in OPTIONS if name not in _UNREPEATED and not settings.written(name)]
    if settings.name and "target" not in settings.given("target"):
        line += ["--target", settings.name]
    for name in settings.given(*said):
        value, option = getattr(settings, name), OPTIONS[name]
        if option.is_flag:
            line += [option.flagged] if value else []
        elif isinstance(value, tuple):
            line += [word for each in value for word in (option.flagged, str(each))]
        elif isinstance(value, frozenset):
            line += [option.flagged, ",".join(sorted(value))]
        else:
            line += [option.flagged, f"{value:g}/s" if name == "rate" else str(value)]
    return shlex.join([*line, "--seed", str(seed)])


def embedded(settings: Settings) -> str:
    """What the embedded server is, if it is the target; else an empty text."""
    if settings.base_url is not None:
        return ""
    if settings.fault is not None:
        return f"the embedded server with the fault {settings.fault}"
    return "the embedded server" + (f", variant {settings.variant}" if settings.variant is not None else "")
