"""``contracts check`` and ``contracts plan``."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import click

from contracts.cli.shell import Shell, encoding, options, show
from contracts.model import Result
from contracts.settings import EMBEDDED, OPTIONS, TARGET, TARGET_MORE, Settings

_UNREPEATED = {
    "key_file",
    "key_command",
    "user_key_file",
    "user_key_command",
    "record",
    "quiet",
    "verbose",
    "color",
    "seed",
}


@click.command()
@click.argument("clauses", nargs=-1, metavar="[CLAUSE]...")
@options(
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
    "quiet",
    "verbose",
    "color",
)
@click.pass_obj
def check(shell: Shell, settings: Settings, clauses: tuple[str, ...]) -> int:
    """Judge a server, clause by clause.

    CLAUSE is an id (PAG-014) or a family (PAG); without any, all clauses are judged. Without --base-url the
    embedded server is started and judged.

    Exit codes: 0 kept, 1 broken, 2 interrupted, 3 internal error, 4 configuration or target unreachable,
    6 incomplete.
    """
    from contracts.catalogue import find
    from contracts.cli.progress import progress
    from contracts.run import run
    from contracts.target import opened

    selected = find(clauses) if clauses else ()
    with opened(settings) as ready:
        shell.keys = ready.keys
        with progress(quiet=settings.quiet) as tell:
            result = run(ready.plan(selected), tell)
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
    show(report(result, style, encoding()), settings)
    if settings.record is not None:
        _record(result, settings.record)
    return result.exit_code


def repeat(settings: Settings, clauses: tuple[str, ...], seed: int) -> str:
    """The command that asks the same again, for a POSIX shell. Keys and where they are from are not part of it."""
    words = ["contracts", "check", *clauses]
    for name in settings.given(*(name for name in OPTIONS if name not in _UNREPEATED)):
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


def _record(result: Result, path: Path) -> None:
    from contracts.traffic.har import write_har

    about: dict[str, object] = {
        "checkpoint": result.target.checkpoint,
        "other_checkpoint": result.target.other_checkpoint,
        "empty_checkpoint": result.target.empty_checkpoint,
        "user_key": result.target.user_key,
        "seed": result.seed,
        "document_sha256": result.document_sha256,
    }
    write_har(path, result.exchanges, base_url=result.target.base_url, version=result.version, about=about)


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
    from contracts.probes import PROBES
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
        words = PROBES[name].words if name in PROBES else "looks at the whole list, and what broke a clause again"
        sheet.block((f"{number:>6}  {name:<12}", "bold"), words)
    sheet.line((f"{result.requests:>6}  of at most {settings.requests} requests", "bold"))
    if settings.rate:
        sheet.line(f"        at {settings.rate:g}/s at least {result.requests / settings.rate:.0f} s")
    show(sheet, settings)
    return 0
