"""What GitHub Actions shows of a run: annotations from lines of the log, and the summary of the job."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from contracts.reports import markdown
from contracts.reports.safe import inert
from contracts.reports.view import Report
from contracts.run import ExitCode
from contracts.wording import count

MOST_ANNOTATIONS = 10
"""Errors of one step that GitHub shows."""

_UNFINISHED = {ExitCode.INTERRUPTED, ExitCode.INTERNAL, ExitCode.CONFIGURATION}


def commands(report: Report) -> Iterator[str]:
    """The commands that annotate a run: one a failing clause, at most ten, the others counted."""
    unfinished = report.exit_code in _UNFINISHED
    if unfinished:
        yield _command("error", "contracts", "\n".join((report.headline, *report.notes)))
    stale = [entry for entry in report.deviations if entry.fails]
    if stale:
        yield _command("error", "contracts: known deviations", "\n".join(f"{one.clause} {one.text}" for one in stale))
    failures = report.failures
    most = MOST_ANNOTATIONS - unfinished - bool(stale)
    for row in failures[:most]:
        finding = row.finding
        lines = (
            [f"Expected: {finding.expected}", f"Actual: {finding.actual}", f"Repeat: {finding.repeat}"]
            if finding
            else []
        )
        yield _command("error", f"{row.id} {row.title}", "\n".join([*lines, f"Why: {row.why}"]))
    if len(failures) > most:
        more = ", ".join(row.id for row in failures[most:])
        yield _command("notice", "contracts", f"{count(len(failures) - most, 'more clause')} broken: {more}")
    if report.exit_code == ExitCode.INCOMPLETE:
        lacking = [f"{one.ids}: {one.reason}. Provide {one.provide}" for one in report.lacking if one.provide]
        yield _command("warning", "contracts", "\n".join((report.headline, *lacking)))


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(inert(title))}::{_data(inert(message))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def append_summary(report: Report, environ: Mapping[str, str] = os.environ) -> None:
    """Append the Markdown report to the job's summary, within what GitHub takes, if there is one.

    A summary that can't be written is none of the run's concern: it is left out.
    """
    name = environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    path = Path(name)
    try:
        taken = path.stat().st_size if path.exists() else 0
        lead = "\n" if taken else ""
        text = lead + markdown.render(report, max(0, markdown.SUMMARY_LIMIT - taken - len(lead)))
        if text.strip():
            with path.open("a", encoding="utf-8") as stream:
                stream.write(text)
    except OSError:
        return
