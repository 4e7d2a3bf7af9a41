"""``contracts selftest``: the suite against servers whose verdict is known."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from contracts.cli.shell import Grouped, encoding, options, show
from contracts.core.errors import ConfigurationError
from contracts.core.wording import count
from contracts.reports.sheet import Sheet
from contracts.settings.settings import Settings

if TYPE_CHECKING:  # the table of faults and variants is imported by the command that needs it
    from contracts.runs.selftest import Outcome, Subject

_TOLD_EVERY = 50


@click.command(cls=Grouped)
@click.option("--all", "everything", is_flag=True, help="Every fault, not only some of each clause.")
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="This fault only; may be repeated.")
@click.option("--variant", "variants", multiple=True, metavar="NAME", help="This variant only; may be repeated.")
@click.option("-j", "workers", metavar="N", default=None, help="Processes at once (default: one a processor).")
@options("quiet", "verbose", "color")
def selftest(
    settings: Settings,
    *,
    everything: bool,
    faults: tuple[str, ...],
    variants: tuple[str, ...],
    workers: str | None,
) -> int:
    """Prove the suite: judge servers that are known to be wrong, or known to be right.

    Each fault must break the clause that it is declared for, and exactly the others that are written down. No
    conforming server may be flagged. Exit codes: 0 all as expected, 1 not.
    """
    from contracts.runs.selftest import examine_all, subjects

    wanted = _named(faults, variants) if faults or variants else subjects(everything=everything)
    processes = min(_workers(workers), len(wanted))
    outcomes = []
    with _progress(len(wanted), quiet=settings.quiet) as tell:
        for outcome in examine_all(wanted, processes):
            outcomes.append(outcome)
            tell(len(outcomes))
    place = {subject: position for position, subject in enumerate(wanted)}
    outcomes.sort(key=lambda outcome: place[outcome.subject])
    sheet = Sheet(encoding())
    _table(sheet, outcomes, settings)
    show(sheet, settings)
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


def _named(faults: Sequence[str], variants: Sequence[str]) -> tuple[Subject, ...]:
    from contracts.mock.faults import FAULTS
    from contracts.mock.registry import look_up
    from contracts.mock.variants import VARIANTS
    from contracts.runs.selftest import Kind, Subject

    try:
        for name in faults:
            look_up("fault", name, FAULTS)
        for name in variants:
            look_up("variant", name, VARIANTS)
    except LookupError as error:
        raise ConfigurationError(f"{error.args[0]} `contracts list --faults` and `--variants` show all.") from None
    named = [Subject(Kind.FAULT, name) for name in faults] + [Subject(Kind.VARIANT, name) for name in variants]
    return tuple(dict.fromkeys(named))


def _workers(word: str | None) -> int:
    if word is None:
        return os.cpu_count() or 1
    if not word.isdecimal() or int(word) == 0:
        raise ConfigurationError(f"-j {word} is no number of processes: give 1 or more.")
    return int(word)


def _table(sheet: Sheet, outcomes: Sequence[Outcome], settings: Settings) -> None:
    from contracts.clauses.registry import FAMILIES
    from contracts.mock.faults import FAULTS
    from contracts.runs.selftest import Kind

    faults = [outcome for outcome in outcomes if outcome.subject.kind is Kind.FAULT]
    servers = [outcome for outcome in outcomes if outcome.subject.kind is Kind.VARIANT]
    caught = [outcome for outcome in faults if outcome.caught]
    flagged = [outcome for outcome in servers if outcome.flagged]
    if not settings.quiet:
        for family, module in FAMILIES.items():
            mine = [outcome for outcome in faults if FAULTS[outcome.subject.name].clause.startswith(family)]
            if mine:
                some = sum(outcome.caught for outcome in mine)
                sheet.line(f"{family}  {module:<12}{count(len(mine), 'fault'):>12}{some:>6} caught")
        if servers:
            sheet.line(f"     {'conforming':<12}{count(len(servers), 'server'):>12}{len(flagged):>6} flagged")
    sheet.blank()
    for outcome in outcomes:
        if outcome.wrong or settings.verbose:
            _row(sheet, outcome)
    sheet.blank()
    sheet.line(
        (
            f"{len(caught)} faults caught of {len(faults)},"
            f" {len(flagged)} conforming servers flagged of {len(servers)}",
            "bold",
        )
    )


def _row(sheet: Sheet, outcome: Outcome) -> None:
    found = [*sorted(outcome.shown.broken), *(f"{clause} (warns)" for clause in sorted(outcome.shown.warned))]
    sign, style = ("×", "red") if outcome.wrong else ("✓", "green")
    sheet.block((f"{sheet.clean(sign)} ", style), f"{outcome.subject.kind} {outcome.subject.name}", " ".join(found))
    for sentence in outcome.wrong:
        sheet.block("    ", sentence)


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    if quiet:
        yield lambda _done: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("servers"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda done: bar.update(task, completed=done)
    else:
        yield lambda done: _tell_now_and_then(done, total)


def _tell_now_and_then(done: int, total: int) -> None:
    if done % _TOLD_EVERY == 0:
        click.echo(f"{done} of {total} servers judged", err=True)
