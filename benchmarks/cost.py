"""What a run of the suite costs, beside the least that it could cost and beside ``st run``.

One command, in a checkout, with the suite installed::

    python -m benchmarks.cost

All contestants take turns on one server process, round after round, so that whatever else the machine does meets
them all. Time is that of the whole command, from the shell prompt to its end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import click

from benchmarks.commands import EXAMPLES, PHASES, Taken, Workshop, check, check_words, module, workshop
from benchmarks.figures import NOTHING, ratio, shown, table, versions, write
from benchmarks.serving import Place, Standing
from benchmarks.stages import END, STAGES

SUITE = "`contracts check --base-url …`"
FIRST = "the same, the first time with a seed"
EMBEDDED = "`contracts check`, embedded server included"
BARE = "as many plain GETs"
ST = "`st run`"
ST_NAMED = "`st run`, all phases named"
ST_ALL = "`st run`, all phases at work"

MOST_REQUESTS = 300
MOST_CPU = 4.0
MOST_WALL = 5.0
MOST_OF_ST, MOST_OF_ALL = 0.5, 0.15
"""Of the wall and CPU time of ``st run`` as it is, and with all phases."""

_PATH = "/fine_tuning/checkpoints/{}/permissions"
_STAGES_FILE = "stages.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: what it took and the requests that it sent."""

    taken: Taken
    requests: int


@dataclass(frozen=True, slots=True)
class Profile:
    """One run of the suite by stage: wall and CPU seconds; its requests as it counts them itself."""

    stages: Mapping[str, tuple[float, float]]
    requests: int


Rounds = dict[str, list[Measured]]


class Bench:
    """The contestants on one server."""

    def __init__(self, shop: Workshop, server: Standing, place: Place, seed: int) -> None:
        self._shop, self._server, self._place, self._seed = shop, server, place, seed
        self.own_requests = 0
        """What the suite sends to its embedded server; only the suite itself can count that."""
        self.plain = 0
        """How many plain GETs are as many."""

    def warm_up(self) -> None:
        """Runs everything once, so that all bytecode is written; learns how many requests the suite sends."""
        self.own_requests = self.profile(None).requests
        self.plain = self.measure(SUITE).requests
        for name in self.contestants():
            self.measure(name)

    def contestants(self) -> Mapping[str, Callable[[], list[str]]]:
        """The commands, in the order in which they take turns."""
        place, shop, seed = self._place, self._shop, self._seed
        url = place.base_url + _PATH.format(place.checkpoint)
        return {
            SUITE: lambda: check(place),
            # Of a seed that was used before the cases are kept.
            FIRST: lambda: [*check(place), "--seed", "random"],
            EMBEDDED: lambda: check(None),
            BARE: lambda: module("bare", url, str(self.plain)),
            ST: lambda: shop.st(place, seed=seed),
            ST_NAMED: lambda: shop.st(place, seed=seed, everything=True),
            ST_ALL: lambda: shop.st(place, seed=seed, everything=True, linked=True),
        }

    def measure(self, name: str) -> Measured:
        """Runs one contestant.

        Raises:
            click.ClickException: If it does not end with 0: then it did not do its work, and its time says nothing.
        """
        taken = self._run(self.contestants()[name](), name)
        counted = self._server.counted()
        return Measured(taken, self.own_requests if name == EMBEDDED else counted)

    def profile(self, place: Place | None) -> Profile:
        """Runs the suite with a clock in it.

        Raises:
            click.ClickException: If it does not end with 0.
        """
        file = self._shop.folder / _STAGES_FILE
        words = [repr(time.monotonic()), str(file), *check_words(place)]
        taken = self._run(module("stages", *words), "the suite with a clock in it")
        self._server.counted()
        told = json.loads(file.read_text(encoding="utf-8"))
        stages = {name: (wall, cpu) for name, (wall, cpu) in told["stages"].items()}
        wall, cpu = (sum(spent) for spent in zip(*stages.values(), strict=True))
        stages[END] = max(0.0, taken.wall - wall), max(0.0, taken.cpu - cpu)
        return Profile(stages, told["requests"])

    def _run(self, command: Sequence[str], name: str) -> Taken:
        taken = self._shop.run(command, self._place)
        if taken.exit_code != 0:
            ended = "did not end" if taken.exit_code is None else f"ended with {taken.exit_code}"
            message = f"{name} {ended} on the conforming server:\n{self._shop.output()[-2000:]}"
            raise click.ClickException(message)
        return taken


def walls(runs: Sequence[Measured]) -> list[float]:
    """The wall seconds of some runs."""
    return [run.taken.wall for run in runs]


def cpus(runs: Sequence[Measured]) -> list[float]:
    """The CPU seconds of some runs."""
    return [run.taken.cpu for run in runs]


def comparison(rounds: Rounds) -> str:
    """The contestants as a table: medians, and what the suite takes of the time of each."""
    rows = []
    for name, runs in rounds.items():
        ratios = [ratio(pick(rounds[SUITE]), pick(runs)) if name != SUITE else None for pick in (walls, cpus)]
        rows.append(
            [
                name,
                shown(median(run.requests for run in runs)),
                shown(median(walls(runs)), 2),
                shown(median(cpus(runs)), 2),
                *(shown(each, 2) for each in ratios),
            ]
        )
    return table(("", "requests", "wall s", "CPU s", "suite's wall / this", "suite's CPU / this"), rows)


def breakdown(profiles: Sequence[Profile]) -> str:
    """Where the suite's time goes, as a table: medians of each stage and their parts of the whole."""
    spent = {
        stage: tuple(median(profile.stages.get(stage, (0.0, 0.0))[kind] for profile in profiles) for kind in (0, 1))
        for stage in STAGES
    }
    whole = [sum(pair[kind] for pair in spent.values()) for kind in (0, 1)]
    rows = [
        [
            stage,
            *(
                cell
                for kind in (0, 1)
                for cell in (
                    shown(pair[kind], 2),
                    f"{pair[kind] / whole[kind]:.0%}" if whole[kind] else NOTHING,
                )
            ),
        ]
        for stage, pair in spent.items()
    ]
    return table(("stage", "wall s", "of it", "CPU s", "of it"), rows)


@dataclass(frozen=True, slots=True)
class Goal:
    """Something that the suite should keep to."""

    words: str
    most: float
    measured: float | None
    digits: int = 2

    @property
    def met(self) -> bool:
        """Whether it does."""
        return self.measured is not None and self.measured <= self.most


def goals(rounds: Rounds) -> list[Goal]:
    """What the default run should keep to, and what it does."""
    own, suite = rounds[EMBEDDED], rounds[SUITE]
    return [
        Goal("requests of the default run", MOST_REQUESTS, median(run.requests for run in own), 0),
        Goal("wall seconds of the default run", MOST_WALL, median(walls(own))),
        Goal("CPU seconds of the default run", MOST_CPU, median(cpus(own))),
        *(
            Goal(f"{kind} time, of that of {name}", most, ratio(pick(suite), pick(rounds[name])))
            for name, most in ((ST, MOST_OF_ST), (ST_ALL, MOST_OF_ALL))
            for kind, pick in (("wall", walls), ("CPU", cpus))
        ),
    ]


def judged(kept: Sequence[Goal]) -> str:
    """The goals as a table."""
    rows = [
        [goal.words, f"{goal.most:g}", shown(goal.measured, goal.digits), "met" if goal.met else "missed"]
        for goal in kept
    ]
    return table(("goal", "at most", "measured", ""), rows)


def page(rounds: Rounds, profiles: Sequence[Profile]) -> str:
    """Everything that was measured, for ``docs/benchmarks.md``."""
    return "\n\n".join(
        (
            f"Medians of {len(profiles)} rounds with {versions()}. Seconds are those of one machine; the ratios and the"
            " parts carry over.",
            comparison(rounds),
            judged(goals(rounds)),
            "Where the time of the suite goes, measured in the same rounds:",
            breakdown(profiles),
        )
    )


@click.command()
@click.option("--rounds", "number", type=click.IntRange(1), default=5, show_default=True, help="How many rounds.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="What `st` draws from.")
@click.option("--write", "writes", is_flag=True, help="Put the figures into docs/benchmarks.md as well.")
def main(number: int, seed: int, *, writes: bool) -> None:
    """Measure what the suite costs, beside plain GETs and beside st run.

    It exits with 1 when a goal is missed.
    """
    click.echo(f"All phases: --phases {PHASES} -n {EXAMPLES}. At work: with a link, or there is no stateful phase.")
    with workshop() as shop, Standing() as server:
        place = server.open()
        bench = Bench(shop, server, place, seed)
        bench.warm_up()
        rounds: Rounds = {name: [] for name in bench.contestants()}
        profiles = []
        for turn in range(1, number + 1):
            click.echo(f"Round {turn} of {number}", err=True)
            for name, runs in rounds.items():
                runs.append(bench.measure(name))
            profiles.append(bench.profile(place))
    text = page(rounds, profiles)
    click.echo(f"\n{text}")
    if writes:
        write("cost", text)
    if not all(goal.met for goal in goals(rounds)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
