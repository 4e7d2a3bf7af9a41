"""``contracts check`` and ``contracts plan``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from contracts.cli.shell import Shell, encoding, options, show
from contracts.errors import ContractsError
from contracts.model import Result
from contracts.reports.safe import printable
from contracts.run import ExitCode, worst
from contracts.settings import EMBEDDED, OPTIONS, REPORTS, TARGET, TARGET_MORE, Settings, apart

if TYPE_CHECKING:
    from contracts.operation import Operation
    from contracts.reports.view import Report

_UNREPEATED = {
    "key_file",
    "key_command",
    "key_variable",
    "user_key_file",
    "user_key_command",
    "user_key_variable",
    "record",
    *REPORTS,
    "quiet",
    "verbose",
    "color",
    "seed",
}


@click.command()
@click.argument("clauses", nargs=-1, metavar="[CLAUSE]...")
@click.option("--accept-current", is_flag=True, help="Write an entry for each breach, for a person to fill in.")
@options(
    "config",
    "target",
    *TARGET,
    *TARGET_MORE,
    "spec",
    "requests",
    "rate",
    "seed",
    "gate",
    "strict",
    "allow_incomplete",
    *EMBEDDED,
    "record",
    *REPORTS,
    "quiet",
    "verbose",
    "color",
    several=True,
)
@click.pass_obj
def check(shell: Shell, targets: tuple[Settings, ...], clauses: tuple[str, ...], *, accept_current: bool) -> int:
    """Judge a server, clause by clause.

    CLAUSE is an id (PAG-014) or a family (PAG); without any, all clauses are judged. Without --base-url the
    embedded server is started and judged.

    Exit codes: 0 kept, 1 broken, 2 interrupted, 3 internal error, 4 configuration or target unreachable,
    6 incomplete; of several targets the worst.
    """
    codes: list[int] = []
    alone = len(targets) == 1
    for settings in targets:
        if not alone:
            click.echo(f"{'' if settings is targets[0] else chr(10)}Target {settings.name}")
        one = settings if alone else _apart(settings)
        codes.append(_guarded(shell, one, clauses, accept=accept_current, alone=alone))
        if codes[-1] == ExitCode.INTERRUPTED:
            break
    return worst(codes)


def _apart(settings: Settings) -> Settings:
    """The settings of one of several targets, each of which writes files of its own."""
    paths: dict[str, Any] = {name: getattr(settings, name) for name in settings.given("record", *REPORTS)}
    paths |= {name: apart(path, settings.name) for name, path in paths.items()}
    return replace(settings, **paths)


def _guarded(shell: Shell, settings: Settings, clauses: tuple[str, ...], *, accept: bool, alone: bool) -> int:
    """Judge one target; what is wrong with one of several does not keep the others from being judged."""
    try:
        return _check(shell, settings, clauses, accept=accept)
    except ContractsError as error:
        if alone:
            raise
        shell.say(f"contracts: {settings.name}: {error}")
        return error.exit_code


def _check(shell: Shell, settings: Settings, clauses: tuple[str, ...], *, accept: bool) -> int:
    from contracts.catalogue import find
    from contracts.cli.progress import progress
    from contracts.reports import files
    from contracts.run import run
    from contracts.target import opened

    files.refuse_unwritable(
        {OPTIONS[name].flagged: getattr(settings, name) for name in settings.given("record", *REPORTS)}
    )
    selected = find(clauses) if clauses else ()
    with opened(settings) as ready:
        shell.keys = ready.keys
        asked = ready.plan(selected)
        try:
            with progress(quiet=settings.quiet) as tell:
                result = run(asked, tell)
        except BaseException as error:
            from contracts.reports.unfinished import unfinished

            broken_off = unfinished(asked, error, shell.redacted)
            with suppress(Exception):  # what ended the run is told, and not this
                write(settings, _told(settings, clauses, broken_off), broken_off, ready.operation)
            annotate(_told(settings, clauses, broken_off))
            raise
        hints = _hints(settings, result)
    from contracts.reports.terminal import Style, report

    style = Style(
        quiet=settings.quiet,
        verbose=settings.verbose,
        embedded=_embedded(settings),
        repeat=repeat(settings, clauses, result.seed),
        hints=hints,
        settings=settings.told(),
    )
    try:
        write(settings, _told(settings, clauses, result), result, ready.operation)
    finally:
        show(report(result, style, encoding()), settings)
        annotate(_told(settings, clauses, result))
    if accept:
        _propose(settings, result)
    return result.exit_code


def _propose(settings: Settings, result: Result) -> None:
    """Write an entry for each breach that nobody has accepted."""
    from contracts import deviations
    from contracts.configfile import NAME
    from contracts.wording import count

    path = settings.file or Path(NAME)
    written = {known.deviation.clause for known in result.deviations}
    new = [one for one in deviations.failing(result.judgements, result.gate) if one.clause not in written]
    number = deviations.propose(path, new, target=settings.name)
    if number:
        click.echo(
            f"{count(number, 'deviation')} written to {path.name}: give each a reason, and a last day or none at all."
        )
    else:
        click.echo(f"Nothing was written to {path.name}: there is no breach without an entry.")


def write(settings: Settings, told: Report, result: Result, operation: Operation) -> None:
    """Write the recording and the reports, all that can be written.

    Raises:
        ConfigurationError: one of them can't.
    """
    from contracts.replay import record
    from contracts.reports import as_json, files, html, junit, markdown

    forms: dict[str, Callable[[], str]] = {
        "html": lambda: html.render(told, result, operation),
        "markdown": lambda: markdown.render(told),
        "json": lambda: as_json.render(told),
        "junit": lambda: junit.render(told),
    }
    failed: Exception | None = None
    for name in settings.given("record", *REPORTS):
        path: Path = getattr(settings, name)
        try:
            if name == "record":
                record(result, path)
            else:
                files.write(path, forms[name]())
        except Exception as error:  # noqa: BLE001 - it is raised when the others are written
            failed = failed or error
    if failed is not None:
        raise failed


def annotate(told: Report) -> None:
    """Tell GitHub Actions, where that is what runs this."""
    if not os.environ.get("GITHUB_ACTIONS") and not os.environ.get("GITHUB_STEP_SUMMARY"):
        return
    from contracts.reports import github

    github.append_summary(told)
    if os.environ.get("GITHUB_ACTIONS"):
        for line in github.commands(told):
            click.echo(printable(line, encoding()))


def _told(settings: Settings, words: tuple[str, ...], result: Result) -> Report:
    from contracts.reports.view import Report

    return Report.of(result, repeat=repeat(settings, words, result.seed), embedded=_embedded(settings))


def repeat(settings: Settings, clauses: tuple[str, ...], seed: int) -> str:
    """The command that asks the same again, for a POSIX shell. Keys and where they are from are not part of it."""
    words = ["contracts", "check", *clauses]
    said = [name for name in OPTIONS if name not in _UNREPEATED and not settings.written(name)]
    if settings.name and "target" not in settings.given("target"):
        words += ["--target", settings.name]
    for name in settings.given(*said):
        value, option = getattr(settings, name), OPTIONS[name]
        if option.flag:
            words += [option.flagged] if value else []
        elif isinstance(value, frozenset):
            words += [option.flagged, ",".join(sorted(value))]
        else:
            words += [option.flagged, f"{value:g}/s" if name == "rate" else str(value)]
    return shlex.join([*words, "--seed", str(seed)])


def _embedded(settings: Settings) -> str:
    if settings.base_url is not None:
        return ""
    if settings.fault is not None:
        return f"the embedded server with the fault {settings.fault}"
    return "the embedded server" + (f", variant {settings.variant}" if settings.variant is not None else "")


def _hints(settings: Settings, result: Result) -> tuple[str, ...]:
    if settings.base_url is not None:
        return ()
    port = result.target.base_url.rpartition(":")[2].partition("/")[0]
    words = ["contracts", "serve", "--port", port]
    for name in settings.given(*EMBEDDED):
        words += [OPTIONS[name].flagged, str(getattr(settings, name))]
    return (f"The embedded server has ended; for the Repeat lines start it again: {shlex.join(words)}",)


@click.command()
@click.argument("clauses", nargs=-1, metavar="[CLAUSE]...")
@options("requests", "rate", "seed", "spec", *EMBEDDED, "color")
@click.pass_obj
def plan(shell: Shell, settings: Settings, clauses: tuple[str, ...]) -> int:
    """Say how many requests which probe will send.

    The probes run against the embedded server with as many permissions and projects as --items and --projects
    say (57 and 3), and their requests are counted. Your target is not asked.
    """
    from contracts.catalogue import find
    from contracts.cli.progress import WORDS
    from contracts.reports.sheet import Sheet
    from contracts.run import run
    from contracts.target import opened
    from contracts.wording import count

    selected = find(clauses) if clauses else ()
    with opened(settings) as ready:
        shell.keys = ready.keys
        result = run(replace(ready.plan(selected), rate=None))
    sheet = Sheet(encoding())
    size = f"{count(result.items, 'permission')} of {count(result.projects, 'project')}"
    sheet.block("", f"Counted on the embedded server with {size}; a list of another size takes other numbers.")
    sheet.blank()
    for name, number in result.requests_by_probe:
        sheet.block((f"{number:>6}  {name:<12}", "bold"), WORDS[name])
    sheet.line((f"{result.requests:>6}  of at most {settings.requests} requests", "bold"))
    if settings.rate:
        sheet.line(f"        at {settings.rate:g}/s at least {result.requests / settings.rate:.0f} s")
    show(sheet, settings)
    return 0
