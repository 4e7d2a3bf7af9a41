"""``contracts doctor``."""

from __future__ import annotations

import click

from contracts.cli.shell import Grouped, Shell, encoding, options, show
from contracts.core.errors import ContractsError
from contracts.settings.groups import DOCUMENT, TARGET
from contracts.settings.settings import Settings


@click.command(cls=Grouped)
@options(
    "config",
    "target",
    *TARGET,
    *DOCUMENT,
    "rate",
    "timeout",
    "wait",
    "gate",
    "strict",
    "fault",
    "variant",
    "items",
    "projects",
    "verbose",
    "color",
    several=True,
)
@click.pass_obj
def doctor(shell: Shell, targets: tuple[Settings, ...]) -> int:
    """Look at a target before a run.

    Is it reachable, is the key accepted, is the checkpoint there, is there enough data, and which clauses will
    not be exercised? At most 12 requests. Exit codes: 0 ready, 4 not usable, 6 usable, but clauses of the gate
    will go without a verdict; of several targets the worst.
    """
    from contracts.verdicts.conclusion import worst

    codes: list[int] = []
    for settings in targets:
        if len(targets) > 1:
            click.echo(f"{chr(10) if codes else ''}Target {settings.name}")
        try:
            codes.append(_look(shell, settings))
        except ContractsError as error:
            if len(targets) == 1:
                raise
            shell.say(f"contracts: {settings.name}: {error}")
            codes.append(error.exit_code)
    return worst(codes)


def _look(shell: Shell, settings: Settings) -> int:
    from contracts.core.errors import ExitCode
    from contracts.core.wording import count
    from contracts.reports.sheet import Sheet
    from contracts.reports.summary import ranges
    from contracts.runs.doctor import State, examine
    from contracts.runs.target import opened
    from contracts.runs.waiting import await_answer

    signs = {
        State.GOOD: ("✔ ", "green"),
        State.DOUBTFUL: ("! ", "yellow"),
        State.BAD: ("× ", "bold red"),
        State.MISSING: ("– ", "cyan"),
    }
    with opened(settings) as ready:
        shell.keys = ready.keys
        plan = ready.plan()
        if settings.wait:
            await_answer(plan, settings.wait, say=lambda text: shell.say(f"contracts: {text}"))
        found = examine(plan)
    sheet = Sheet(encoding())
    if settings.verbose:
        for name, value, origin in settings.listed():
            sheet.block((f"  {name:<18}", "dim"), value, origin)
        sheet.blank()
    for check in found.checks:
        sign, style = signs[check.state]
        sheet.block((f"{sign}{check.name:<12}", style), check.text)
        if check.remedy:
            label = "To do" if check.state is State.BAD else "Provide"
            sheet.block((f"  {label:<12}", "dim"), check.remedy)
    if found.gaps:
        sheet.heading("Will not be exercised")
    for gap in found.gaps:
        sheet.block(("  – ", "cyan"), f"{gap.reason}:")
        sheet.block("    ", ranges(gap.clauses), style="bold")
        sheet.block(("    Provide   ", "dim"), gap.provide)
    sheet.blank()
    incomplete = any(gap.gating for gap in found.gaps)
    code = ExitCode.CONFIGURATION if not found.usable else ExitCode.INCOMPLETE if incomplete else ExitCode.KEPT
    words = {
        ExitCode.CONFIGURATION: "NOT USABLE",
        ExitCode.INCOMPLETE: "USABLE, but the run will be incomplete",
        ExitCode.KEPT: "READY",
    }[code]
    sheet.line((f"{words}: {count(found.requests, 'request')}  exit {code}", "bold"))
    show(sheet, settings)
    return code
