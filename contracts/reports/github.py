"""What GitHub Actions shows of a run: annotations from lines of the log, and the summary of the job."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from contracts.core.errors import ExitCode
from contracts.core.wording import count
from contracts.reports import markdown
from contracts.reports.safe import inert
from contracts.reports.view import Report

MOST_ANNOTATIONS: Final = 10
"""Annotations of one kind that GitHub shows of one step."""

_UNFINISHED = {ExitCode.INTERRUPTED, ExitCode.INTERNAL, ExitCode.CONFIGURATION}


_KEPT_FREE: Final = 64 * 1024
"""Bytes of the summary that one report leaves to those of further targets."""
_LEAST: Final = 4096
"""Bytes of a report that is appended when there is no more than that: its verdict, and that the rest is cut."""


class Annotation(NamedTuple):
    """One remark on a run. ``kind`` is error, warning or notice; ``name`` stands for it where it is only counted."""

    kind: str
    title: str
    message: str
    name: str


def remarks(report: Report) -> Iterator[Annotation]:
    """What there is to remark on a run: one a failing clause, after what concerns the whole."""
    name = f"{report.name}: " if report.name else ""
    title = f"{name}contracts"
    if report.exit_code in _UNFINISHED:
        yield Annotation("error", title, "\n".join((report.headline, *report.notes)), title)
    stale = [entry for entry in report.deviations if entry.fails]
    if stale:
        message = "\n".join(f"{one.clause} {one.text}" for one in stale)
        yield Annotation("error", f"{title}: known deviations", message, f"{title}: known deviations")
    if report.causes:
        lines = [
            f"{cause.sentence} {cause.text}{f' Seen: {cause.example}' if cause.example else ''}"
            for cause in report.causes
        ]
        yield Annotation("notice", f"{title}: likely cause", "\n".join(lines), f"{title}: likely cause")
    for row in report.failures:
        finding = row.finding
        lines = (
            [f"Expected: {finding.expected}", f"Actual: {finding.actual}", f"Repeat: {finding.repeat}"]
            if finding
            else []
        )
        yield Annotation("error", f"{name}{row.id} {row.title}", "\n".join([*lines, f"Why: {row.why}"]), name + row.id)
    if report.exit_code == ExitCode.INCOMPLETE:
        lacking = [f"{one.ids}: {one.reason}. Provide {one.provide}" for one in report.lacking if one.provide]
        yield Annotation("warning", title, "\n".join((report.headline, *lacking)), title)


def commands(made: Iterable[Annotation]) -> Iterator[str]:
    """The lines of a log that annotate a step, of one run or of several: at most ten errors, the others counted."""
    errors: list[Annotation] = []
    warnings: list[Annotation] = []
    notices: list[Annotation] = []
    for each in made:
        {"error": errors, "warning": warnings}.get(each.kind, notices).append(each)
    for each in [*notices[:MOST_ANNOTATIONS], *errors[:MOST_ANNOTATIONS], *warnings[:MOST_ANNOTATIONS]]:
        yield _command(each.kind, each.title, each.message)
    rest = errors[MOST_ANNOTATIONS:]
    if rest:
        more = ", ".join(each.name for each in rest)
        yield _command("notice", "contracts", f"{count(len(rest), 'more clause')} broken: {more}")


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(inert(title))}::{_data(inert(message))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def append_summary(report: Report, environ: Mapping[str, str] = os.environ) -> None:
    """Append the Markdown report to the job's summary, within what GitHub takes, if there is one.

    A summary that can't be written is left out: the run ends as without one.
    """
    name = environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    path = Path(name)
    try:
        taken = path.stat().st_size if path.exists() else 0
        lead = "\n" if taken else ""
        room = markdown.SUMMARY_LIMIT - taken - len(lead)
        text = markdown.render(report, room - _KEPT_FREE) or markdown.render(report, min(room, _LEAST))
        if text:
            # At once, because workers of pytest-xdist may append side by side.
            with path.open("ab", buffering=0) as stream:
                stream.write((lead + text).encode())
    except OSError:
        return
