"""``contracts check`` and ``contracts plan``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from contracts.cli.shell import BEFORE, Grouped, Shell, encoding, options, present, printed, show
from contracts.core import interrupts
from contracts.core.errors import ConfigurationError, ContractsError, ExitCode
from contracts.core.result import Result
from contracts.reports.safe import printable
from contracts.settings.groups import DOCUMENT, EMBEDDED, ISSUES, REPORTS, TARGET
from contracts.settings.settings import OPTIONS, Settings

if TYPE_CHECKING:
    from contracts.reports.github import Annotation


_ENDS = {
    ExitCode.KEPT: "kept",
    ExitCode.BROKEN: "broken",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.INTERNAL: "internal error",
    ExitCode.CONFIGURATION: "not judged",
    ExitCode.INCOMPLETE: "incomplete",
}


def annotate(remarks: Sequence[Annotation], stream: TextIO | None = None) -> None:
    """Tell GitHub Actions, where that is what runs this; on standard output unless another stream is named."""
    if not remarks:
        return
    from contracts.reports.github import commands

    for line in commands(remarks):
        click.echo(printable(line, encoding()), file=stream)


def _refused(given: Mapping[str, Any], error: ConfigurationError) -> None:
    """Let the reports say why nothing was judged."""
    from contracts.reports import output

    annotate(output.write_refused(given, error, Shell().redacted))


@click.command(cls=Grouped)
@click.argument("clauses", nargs=-1, metavar="[CLAUSE]...")
@click.option("--accept-current", is_flag=True, help="Write an entry for each breach, for a person to fill in.")
@options(
    "config",
    "target",
    *TARGET,
    *DOCUMENT,
    "requests",
    "deep",
    "rate",
    "concurrency",
    "timeout",
    "max_time",
    "wait",
    "seed",
    "gate",
    "strict",
    "allow_incomplete",
    *EMBEDDED,
    "record",
    *REPORTS,
    *ISSUES,
    "quiet",
    "verbose",
    "color",
    several=True,
    refused=_refused,
)
@click.pass_obj
def check(shell: Shell, targets: tuple[Settings, ...], clauses: tuple[str, ...], *, accept_current: bool) -> int:
    """Judge a server, clause by clause.

    CLAUSE is an id (PAG-014) or a family (PAG); without any, all clauses are judged. Without --base-url the
    embedded server is started and judged.

    Exit codes: 0 kept, 1 broken, 2 interrupted, 3 internal error, 4 configuration or target unreachable,
    6 incomplete; of several targets the worst.
    """
    from contracts.verdicts.conclusion import worst

    codes: list[int] = []
    remarks: list[Annotation] = []
    alone = len(targets) == 1
    with interrupts.held():
        try:
            for settings in targets:
                if not alone:
                    click.echo(f"{'' if settings is targets[0] else chr(10)}Target {settings.name}")
                one = settings if alone else settings.apart()
                codes.append(_guarded(shell, one, clauses, remarks, accept=accept_current, alone=alone))
                if interrupts.came():
                    _tell_of_interrupt(shell, codes, [each.name for each in targets[len(codes) :]])
                    break
        finally:
            annotate(remarks, printed(targets[0]))
        if not alone:
            _tell_of_all([settings.name for settings in targets], codes)
        return worst(codes)


def _tell_of_all(names: Sequence[str], codes: Sequence[int]) -> None:
    """The headline of several targets, after that of each."""
    from contracts.reports.sheet import Sheet
    from contracts.verdicts.conclusion import worst

    words = [_ENDS[code] for code in codes[: len(names)]]
    words += ["not judged"] * (len(names) - len(words))
    listed = ", ".join(f"{name} {word}" for name, word in zip(names, words, strict=True))
    sheet = Sheet(encoding())
    click.echo()
    sheet.block("", f"{len(names)} targets: {listed}  exit {worst(codes)}")
    click.echo(sheet.text(), nl=False)


def _tell_of_interrupt(shell: Shell, codes: list[int], left: Sequence[str]) -> None:
    """Say which targets were not judged because of an interrupt."""
    if codes[-1] != ExitCode.INTERRUPTED:
        codes.append(ExitCode.INTERRUPTED)
        shell.say("contracts: interrupted when everything was judged: the reports are complete  exit 2")
    if left:
        shell.say(f"contracts: interrupted before these were judged: {', '.join(left)}")


def _guarded(
    shell: Shell,
    settings: Settings,
    clauses: tuple[str, ...],
    remarks: list[Annotation],
    *,
    accept: bool,
    alone: bool,
) -> int:
    """Judge one target; an error of one of several targets does not end the others."""
    try:
        return _check(shell, settings, clauses, remarks, accept=accept)
    except ContractsError as error:
        if alone:
            raise
        shell.say(f"contracts: {settings.name}: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        if alone:
            raise
        shell.say(f"contracts: {settings.name}: {BEFORE}")
        return ExitCode.INTERRUPTED


def _check(
    shell: Shell, settings: Settings, clauses: tuple[str, ...], remarks: list[Annotation], *, accept: bool
) -> int:
    from contracts.cli.progress import progress
    from contracts.runs.job import Job

    job = Job(settings, clauses)
    try:
        judged = job.judge(progress(quiet=settings.quiet), lambda text: shell.say(f"contracts: {text}"))
        present(settings, judged, job.write, _hints(settings, judged.result))
    finally:
        shell.keys = job.keys
        remarks += job.remarks
    if accept:
        click.echo(_propose(settings, judged.result), file=printed(settings))
    return judged.result.exit_code


def _propose(settings: Settings, result: Result) -> str:
    """Write an entry for each breach that is not accepted, and say what was written."""
    from contracts.core.wording import count
    from contracts.settings.configfile import NAME
    from contracts.verdicts import deviations

    path = settings.file or Path(NAME)
    written = {known.deviation.clause for known in result.deviations}
    new = [one for one in deviations.failing(result.judgements, result.gate) if one.clause not in written]
    number = deviations.propose(path, new, target=settings.name)
    if number:
        return f"{count(number, 'deviation')} written to {path.name}: write the reason of each, and run again."
    return f"Nothing was written to {path.name}: there is no breach without an entry."


def _hints(settings: Settings, result: Result) -> tuple[str, ...]:
    if settings.base_url is not None:
        return ()
    port = result.target.base_url.rpartition(":")[2].partition("/")[0]
    words = ["contracts", "serve", "--port", port]
    for name in settings.given(*DOCUMENT, *EMBEDDED):
        words += [OPTIONS[name].flagged, str(getattr(settings, name))]
    return (f"The embedded server has ended; for the Repeat lines start it again: {shlex.join(words)}",)


@click.command(cls=Grouped)
@click.argument("clauses", nargs=-1, metavar="[CLAUSE]...")
@options("requests", "deep", "rate", "seed", *DOCUMENT, "at", "query", *EMBEDDED, "color")
@click.pass_obj
def plan(shell: Shell, settings: Settings, clauses: tuple[str, ...]) -> int:
    """Say how many requests each probe will send.

    The probes run against the embedded server with as many permissions and projects as --items and --projects
    say (57 and 3), and their requests are counted. Your target is not asked.
    """
    from contracts.cli.progress import WORDS
    from contracts.core.wording import count
    from contracts.probes.walks import pages_of
    from contracts.reports.sheet import Sheet
    from contracts.runs.deep.census import ORDERS
    from contracts.runs.deep.walk import DEEP
    from contracts.runs.live import run
    from contracts.runs.selection import chosen
    from contracts.runs.target import opened
    from contracts.traffic.limits import CLOSER

    selected = chosen(clauses)
    with opened(settings) as ready:
        shell.keys = ready.keys
        asked = ready.plan(selected)
        result = run(replace(asked, rate=None, deep=0))
        if result.interrupted:
            raise KeyboardInterrupt
        whole = ready.server.dataset.permissions if ready.server is not None else ()
    sheet = Sheet(encoding())
    # What walks through the whole list asks for one page after the other: nothing need be asked to count them.
    deep = min(asked.deep, len(ORDERS) * pages_of(len(whole)))
    requests = result.requests + deep
    size = ready.operation.says(f"{count(len(whole), 'permission')} of {count(result.projects, 'project')}")
    if not ready.operation.roles.facet:
        size = size.partition(" of ")[0]
    sheet.block("", f"Counted on the embedded server with {size}; a list of another size takes other numbers.")
    sheet.blank()
    for name, number in result.requests_by_probe:
        sheet.block((f"{number:>6}  {name:<12}", "bold"), WORDS[name])
    if deep:
        sheet.block(
            (f"{deep:>6}  {DEEP:<12}", "bold"), f"{WORDS[DEEP]}; up to {CLOSER} more for what is doubtful in it"
        )
    sheet.line((f"{requests:>6}  of at most {settings.most} requests", "bold"))
    if settings.rate:
        sheet.line(f"        at {settings.rate:g}/s at least {requests / settings.rate:.0f} s")
    show(sheet, settings)
    return 0
