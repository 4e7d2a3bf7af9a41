"""How many faults of the matrix are caught with how many requests.

One command, in a checkout, with the suite installed::

    python -m benchmarks.budgets

Each fault is judged once with each budget, in this process: a matter of an hour. ``--sample N`` takes N of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

import click

from benchmarks.figures import share, table, versions, write
from contracts.mock.faults import FAULTS, open_fault
from contracts.runs.selftest import show
from contracts.traffic.limits import DEFAULT_BUDGET

BUDGETS = (60, 100, 150, 200, DEFAULT_BUDGET, 400)
MOST_NAMED = 12
"""Faults that are missed with a budget, if they are to be named one by one."""


def is_caught(name: str, budget: int) -> bool:
    """Whether a run with so many requests notices the fault by the clause that it is declared for."""
    shown = show(open_fault(name), budget=budget)
    return FAULTS[name].clause in shown.broken | shown.warned


def sample(names: Sequence[str], size: int | None) -> Sequence[str]:
    """So many of the names at even distances, or all."""
    return names if size is None or size >= len(names) else [names[at * len(names) // size] for at in range(size)]


def text(caught: Mapping[int, Mapping[str, bool]], command: str) -> str:
    """The figures as a part of the page."""
    number = len(next(iter(caught.values())))
    rows = [(str(budget), share(sum(found.values()), number), _missed(found)) for budget, found in caught.items()]
    return "\n".join(
        (
            f"{number} of {len(FAULTS)} faults, with {versions()}.",
            "",
            table(("`--requests`", "faults caught", "missed"), rows),
            "",
            f"Confirmation: `{command}`.",
        )
    )


def _missed(found: Mapping[str, bool]) -> str:
    names = [name for name, is_so in found.items() if not is_so]
    return ", ".join(names) if len(names) <= MOST_NAMED else str(len(names))


@click.command()
@click.option("--sample", "size", type=click.IntRange(1), help="How many faults; by default all.")
@click.option("--budget", "budgets", type=click.IntRange(60), multiple=True, default=BUDGETS, show_default=True)
@click.option("-j", "workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--write", "writing", is_flag=True, help="Write the figures to docs/benchmarks.md.")
def main(size: int | None, budgets: Iterable[int], workers: int, *, writing: bool) -> None:
    """Judge the faults of the matrix with several budgets."""
    names = sample(list(FAULTS), size)
    caught: dict[int, dict[str, bool]] = {}
    with ProcessPoolExecutor(workers) as pool:
        for budget in budgets:
            found = pool.map(is_caught, names, [budget] * len(names))
            caught[budget] = dict(zip(names, found, strict=True))
            click.echo(f"{budget}: {share(sum(caught[budget].values()), len(names))}")
    words = f"python -m benchmarks.budgets{'' if size is None else f' --sample {size}'} --write"
    page = text(caught, words)
    click.echo(page)
    if writing:
        write("budgets", page)


if __name__ == "__main__":
    main()
