"""What the suite catches and what it flags wrongly, beside ``st run``, on the same faults and the same variants.

One command, in a checkout, with the suite installed::

    python -m benchmarks.versus --sample 90

Without ``--sample`` it takes all faults and variants, which is a matter of hours. Each command gets a server that
has answered nothing yet.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import click

from benchmarks.commands import EXAMPLES, LONGEST, PHASES, Workshop, check, workshop
from benchmarks.figures import README, middle, share, shown, table, versions, write
from benchmarks.serving import Kind, Place, Standing
from contracts.core.errors import ExitCode
from contracts.mock.faults import FAULTS
from contracts.mock.variants import VARIANTS

SUITE = "this suite"
ST = "`st run`"
ST_ALL = "`st run`, all phases"
TOOLS = (SUITE, ST, ST_ALL)

BASELINES = 3
"""How often the conforming server is looked at, with another seed each time, to know what a tool says of it."""
ONE_IN = 4
"""One in so many of a sample is a variant."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One server that the tools are run on; ``group`` is the family of the clause that it breaks, if it is a fault."""

    kind: Kind
    name: str
    group: str = ""


RIGHT = Subject("right", "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one tool said of one server, and the wall and CPU seconds that it took.

    ``exit_code`` is ``None`` when it had to be ended. ``found`` holds the kinds of failures that it named.
    """

    subject: Subject
    exit_code: int | None
    found: frozenset[str]
    requests: int
    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a tool says of the conforming server: whether it always ends with 0, and all that it ever named."""

    green: bool
    found: frozenset[str]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Baseline:
        """The baseline from several runs on the conforming server."""
        return cls(
            all(outcome.exit_code == 0 for outcome in outcomes),
            frozenset(name for outcome in outcomes for name in outcome.found),
        )

    def raised_by(self, outcome: Outcome) -> bool:
        """Whether a tool raised an alarm that it does not raise on the conforming server."""
        if not outcome.exit_code:
            return False
        return self.green or not outcome.found <= self.found


@dataclass(frozen=True, slots=True)
class Score:
    """What one tool did on all servers."""

    caught: int
    faults: int
    false_alarms: int
    variants: int
    without_verdict: int
    requests: float | None
    wall: float | None
    cpu: float | None


def all_subjects() -> list[Subject]:
    """Every variant, and every fault that is one by the published document, which is what all tools read."""
    faults = [
        Subject("fault", fault.name, fault.clause.partition("-")[0])
        for fault in FAULTS.values()
        if not fault.wrong.envelope_schema and not fault.wrong.item_schema
    ]
    return faults + [Subject("variant", name) for name in VARIANTS]


def sample(subjects: Sequence[Subject], size: int, seed: int) -> list[Subject]:
    """So many of them: one in `ONE_IN` a variant, and as many faults of one clause family as of another.

    Each beginning of it is such a sample as well, so that a run that is cut short says something. A family that has
    fewer than its part is taken whole.
    """
    rng = random.Random(seed)
    groups: dict[str, list[Subject]] = defaultdict(list)
    for subject in subjects:
        groups[subject.group].append(subject)
    for group in groups.values():
        rng.shuffle(group)
    variants = groups.pop("", [])
    faults = [subject for turn in zip_longest(*groups.values()) for subject in turn if subject is not None]
    mixed: list[Subject] = []
    while (faults or variants) and len(mixed) < size:
        take = variants if variants and (not faults or len(mixed) % ONE_IN == ONE_IN - 1) else faults
        mixed.append(take.pop(0))
    return mixed


def score(outcomes: Iterable[Outcome], baseline: Baseline, verdicts: frozenset[int]) -> Score:
    """What a tool did; an exit code that is none of ``verdicts`` says neither good nor bad of the server.

    The medians are those of all servers, faults and variants.
    """
    known = list(outcomes)
    faults = [outcome for outcome in known if outcome.subject.kind == "fault"]
    variants = [outcome for outcome in known if outcome.subject.kind == "variant"]

    def alarms(some: Sequence[Outcome]) -> int:
        return sum(outcome.exit_code in verdicts and baseline.raised_by(outcome) for outcome in some)

    return Score(
        caught=alarms(faults),
        faults=len(faults),
        false_alarms=alarms(variants),
        variants=len(variants),
        without_verdict=sum(outcome.exit_code not in verdicts for outcome in known),
        requests=middle(outcome.requests for outcome in known),
        wall=middle(outcome.wall for outcome in known),
        cpu=middle(outcome.cpu for outcome in known),
    )


VERDICTS: Mapping[str, frozenset[int]] = {
    SUITE: frozenset({ExitCode.KEPT, ExitCode.BROKEN}),
    ST: frozenset({0, 1}),
    ST_ALL: frozenset({0, 1}),
}
"""The exit codes with which each tool says something of the server."""


class Bench:
    """The tools, and the server that they are run on."""

    def __init__(self, shop: Workshop, server: Standing) -> None:
        self._shop, self._server = shop, server

    def look(self, tool: str, subject: Subject, seed: int) -> Outcome:
        """Runs one tool on one server, which is new."""
        place = self._server.open(subject.kind, subject.name)
        taken = self._shop.run(self._command(tool, place, seed), place)
        found = frozenset() if tool == SUITE else self._shop.st_found()
        return Outcome(subject, taken.exit_code, found, self._server.counted(), taken.wall, taken.cpu)

    def _command(self, tool: str, place: Place, seed: int) -> list[str]:
        if tool == SUITE:
            return [*check(place), "--seed", str(seed)]
        return self._shop.st(place, seed=seed, everything=tool == ST_ALL, linked=tool == ST_ALL)


@dataclass(frozen=True, slots=True)
class Figures:
    """The outcomes of each tool, on the same servers, and what it says of the conforming one."""

    outcomes: Mapping[str, Sequence[Outcome]]
    baselines: Mapping[str, Baseline]
    left_out: Sequence[str] = ()
    """Servers on which a tool had to be ended: they count for none."""

    @property
    def looked_at(self) -> int:
        """How many servers there were, those left out among them."""
        return len(self.outcomes[SUITE]) + len(self.left_out)

    def raised(self, tool: str, outcome: Outcome) -> bool:
        """Whether that tool raised an alarm in that run."""
        return outcome.exit_code in VERDICTS[tool] and self.baselines[tool].raised_by(outcome)

    def words(self, tool: str, outcome: Outcome) -> str:
        """One outcome in one line."""
        said = "ended" if outcome.exit_code is None else "alarm" if self.raised(tool, outcome) else "silent"
        return f"{tool} {said} (exit {outcome.exit_code}, {outcome.requests} requests, {outcome.wall:.1f} s)"

    def scores(self) -> str:
        """The tools as a table."""
        rows = []
        for tool, outcomes in self.outcomes.items():
            its = score(outcomes, self.baselines[tool], VERDICTS[tool])
            rows.append(
                [
                    tool,
                    share(its.caught, its.faults),
                    share(its.false_alarms, its.variants),
                    str(its.without_verdict),
                    shown(its.requests),
                    shown(its.wall, 1),
                    shown(its.cpu, 1),
                ]
            )
        return table(
            ("", "faults caught", "false alarms on variants", "no verdict", "requests", "wall s", "CPU s"), rows
        )

    def families(self) -> str:
        """The faults that each tool caught, by the family of the clause that they break."""
        groups = dict.fromkeys(
            outcome.subject.group for outcome in self.outcomes[SUITE] if outcome.subject.kind == "fault"
        )
        rows = []
        for group in groups:
            ours = {
                tool: [self.raised(tool, outcome) for outcome in outcomes if outcome.subject.group == group]
                for tool, outcomes in self.outcomes.items()
            }
            rows.append([group, str(len(ours[SUITE])), *(str(sum(raised)) for raised in ours.values())])
        return table(("family", "faults", *self.outcomes), rows)

    def named(self, tool: str, kind: Kind, *, raised: bool) -> list[str]:
        """The servers of that kind on which a tool raised an alarm, or raised none."""
        return [
            outcome.subject.name
            for outcome in self.outcomes[tool]
            if outcome.subject.kind == kind and self.raised(tool, outcome) is raised
        ]


def page(figures: Figures, seed: int) -> str:
    """Everything that was found, for ``docs/benchmarks.md``."""
    command = f"python -m benchmarks.versus --sample {figures.looked_at} --seed {seed}"
    parts = [
        f"{figures.looked_at} of {len(FAULTS) + len(VARIANTS)} faults and variants, with {versions()}. Requests and"
        " seconds are medians of all runs; the seconds are those of one machine.",
        figures.scores(),
        "Faults caught, by the family of the clause that they break:",
        figures.families(),
    ]
    lists = [
        (f"Faults that {SUITE} missed", figures.named(SUITE, "fault", raised=False)),
        *((f"Variants that {tool} flagged", figures.named(tool, "variant", raised=True)) for tool in TOOLS),
        (f"Left out, because a tool took longer than {LONGEST:g} s", figures.left_out),
    ]
    parts += [f"{words}: {', '.join(f'`{name}`' for name in names) or 'none'}." for words, names in lists]
    for tool, baseline in figures.baselines.items():
        if not baseline.green:
            parts.append(f"On the conforming server {tool} reports {', '.join(sorted(baseline.found)) or 'something'}.")
    return "\n\n".join([*parts, f"Confirmation: `{command}`."])


def measured(bench: Bench, subjects: Sequence[Subject], seed: int, tell: Callable[[str], None]) -> Figures:
    """Runs every tool on every server, one after the other. An interrupt ends it with what is known by then."""
    baselines = {
        tool: Baseline.of([bench.look(tool, RIGHT, seed + turn) for turn in range(BASELINES)]) for tool in TOOLS
    }
    outcomes: dict[str, list[Outcome]] = {tool: [] for tool in TOOLS}
    left_out: list[str] = []
    figures = Figures(outcomes, baselines, left_out)
    try:
        for number, subject in enumerate(subjects, 1):
            mine: dict[str, Outcome] = {}
            for tool in TOOLS:
                mine[tool] = bench.look(tool, subject, seed)
                if mine[tool].exit_code is None:
                    break
            words = [figures.words(tool, outcome) for tool, outcome in mine.items()]
            tell(f"{number}/{len(subjects)} {subject.kind} {subject.name}: {'; '.join(words)}")
            if len(mine) < len(TOOLS) or mine[TOOLS[-1]].exit_code is None:
                left_out.append(subject.name)
                continue
            for tool, outcome in mine.items():
                outcomes[tool].append(outcome)
    except KeyboardInterrupt:
        tell("Interrupted: what is known by now counts.")
    return figures


@click.command()
@click.option("--sample", "size", type=click.IntRange(1), help="How many faults and variants; by default all.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the sample and of the tools.")
@click.option("--write", "writes", is_flag=True, help="Put the figures into docs/benchmarks.md and the README as well.")
def main(size: int | None, seed: int, *, writes: bool) -> None:
    """Count what the suite and st run catch, and what they flag wrongly.

    A fault is caught, and a variant flagged, when a tool fails on it and not on the conforming server.
    """
    click.echo(f"{ST_ALL}: --phases {PHASES} -n {EXAMPLES}, with a link from each page to the next.")
    subjects = all_subjects() if size is None else sample(all_subjects(), size, seed)
    with workshop() as shop, Standing() as server:
        figures = measured(Bench(shop, server), subjects, seed, lambda line: click.echo(line, err=True))
    text = page(figures, seed)
    click.echo(f"\n{text}")
    if writes:
        write("versus", text)
        write("scores", figures.scores(), README)


if __name__ == "__main__":
    main()
