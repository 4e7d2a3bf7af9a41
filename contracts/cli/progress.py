"""What is being asked, on standard error while it is asked."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Final

import click

from contracts.evidence.evidence import ASIDE
from contracts.probes import CONTROL, PROBES
from contracts.runs.answering import AGAIN
from contracts.runs.deep.walk import DEEP
from contracts.runs.plan import Progress
from contracts.runs.replay import OnStep, Stage

Tell = Callable[[Progress], None]
WORDS = {
    CONTROL: "a look at the whole list",
    AGAIN: "what broke a clause, three times more",
    ASIDE: "what tells likely causes apart",
    DEEP: "the whole list, in both orders",
    **{name: probe.words for name, probe in PROBES.items()},
}
"""What each probe asks, in words for which a line of 80 columns has room beside the numbers."""


EVERY_SECONDS: Final = 30.0
"""How often a pipeline is shown how far a walk through a long list is."""
_SLOW_SECONDS: Final = 10.0
"""From so many seconds on a pipeline is shown how much longer a run will take."""
_REDRAWN_SECONDS: Final = 0.1
_MANY_ENTRIES: Final = 5_000
"""So many take some seconds to be judged."""
_MINUTE: Final = 60


@contextmanager
def progress(*, quiet: bool) -> Iterator[Tell | None]:
    """Show how far a run is: a moving line for a person at a terminal, a plain line a probe for a pipeline."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _moving() as tell:
            yield tell
    else:
        yield plain()


@contextmanager
def replaying(*, quiet: bool) -> Iterator[OnStep]:
    """Show how far a replay is: one line at a terminal, elsewhere a line now and then."""
    pause = _REDRAWN_SECONDS if sys.stderr.isatty() else EVERY_SECONDS / 3
    shown_at = time.monotonic()

    def tell(stage: Stage, entries: int) -> None:
        nonlocal shown_at
        now = time.monotonic()
        due = now - shown_at >= pause if stage is Stage.READING else entries >= _MANY_ENTRIES
        if not due:
            return
        shown_at = now
        show(f"{stage}: {entries:,} entries")

    if quiet:
        yield lambda _stage, _entries: None
    elif sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status("reading") as status:
            show: Callable[[str], object] = status.update
            yield tell
    else:
        show = partial(click.echo, err=True)
        yield tell


def plain(clock: Callable[[], float] = time.monotonic) -> Tell:
    """A line for each probe, and one now and then in a long walk; ``clock`` counts seconds."""
    announced: set[str] = set()
    began = clock()
    pace: tuple[float, float] | None = None
    """When the walk through the whole list began, and when it was last shown."""

    def deep(now: Progress) -> None:
        nonlocal pace
        moment = clock()
        if pace is None:
            pace = moment, moment
        elif moment - pace[1] >= EVERY_SECONDS and now.pages < now.of:
            left = (moment - pace[0]) / now.pages * (now.of - now.pages)
            pace = pace[0], moment
            click.echo(f"{now.probe}: {now.pages} of about {now.of} pages, about {_span(left)} left", err=True)

    def tell(now: Progress) -> None:
        if now.probe == DEEP and now.pages:
            deep(now)
        if now.probe not in announced and now.probe != CONTROL:
            announced.add(now.probe)
            words = WORDS.get(now.probe, "")
            spent, more = clock() - began, now.budget - now.requests
            seconds = _bounded(spent / max(1, now.requests) * more, now)
            left = f", about {_span(seconds)} left" if spent > _SLOW_SECONDS and more > 0 else ""
            click.echo(f"{now.probe}: {words} ({now.requests}/{now.budget}){left}", err=True)

    return tell


def _bounded(seconds: float, now: Progress) -> float:
    """An estimate, and not more than the run may take."""
    return seconds if now.left is None else min(seconds, now.left)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f} min"


@contextmanager
def _moving() -> Iterator[Tell]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Task, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.table import Column
    from rich.text import Text

    class Left(TimeRemainingColumn):
        def render(self, task: Task) -> Text:
            most: float | None = task.fields["left"]
            seconds = task.time_remaining
            if most is None or seconds is None or task.finished or seconds <= most:
                return super().render(task)
            return Text(str(timedelta(seconds=int(most))), style="progress.remaining")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=7)),
        TextColumn("{task.fields[unit]}", table_column=Column(no_wrap=True, min_width=8)),
        Left(elapsed_when_finished=True, table_column=Column(no_wrap=True, min_width=7)),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None, unit="requests", left=None)
        walk: TaskID | None = None

        def tell(now: Progress) -> None:
            nonlocal walk
            if now.probe != DEEP or not now.pages:
                words = WORDS.get(now.probe, now.probe)
                bar.update(task, completed=now.requests, total=now.budget, description=words, left=now.left)
                return
            if walk is None:
                bar.update(task, visible=False)
                walk = bar.add_task(WORDS[DEEP], total=now.of, unit="pages", left=None)
            bar.update(walk, completed=now.pages, total=max(now.pages, now.of), left=now.left)

        yield tell
