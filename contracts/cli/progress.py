"""What is being asked, on standard error while it is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from contracts.probes import CONTROL, PROBES
from contracts.run import AGAIN, Progress

Tell = Callable[[Progress], None]
WORDS = {
    CONTROL: "a look at the whole list",
    AGAIN: "what broke a clause, three times more",
    **{name: entry.words for name, entry in PROBES.items()},
}
"""What each probe asks, in a few words."""


@contextmanager
def progress(*, quiet: bool) -> Iterator[Tell | None]:
    """Show how far a run is: a moving line for a person at a terminal, a plain line a probe for a pipeline."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _moving() as tell:
            yield tell
    else:
        yield _plain()


def _plain() -> Tell:
    told: set[str] = set()

    def tell(now: Progress) -> None:
        if now.probe not in told and now.probe != CONTROL:
            told.add(now.probe)
            words = WORDS.get(now.probe, "")
            click.echo(f"{now.probe}: {words} ({now.requests - 1} of {now.budget} requests used)", err=True)

    return tell


@contextmanager
def _moving() -> Iterator[Tell]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("requests"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def tell(now: Progress) -> None:
            bar.update(task, completed=now.requests, total=now.budget, description=WORDS.get(now.probe, now.probe))

        yield tell
