"""Measures how often the diagnosis names the right kind of cause: ``python tests/self/diagnosing.py``.

Each fault is diagnosed from what it breaks, as the kill matrix says it, by all other faults: it is left out itself.
Several faults at once break what each of them breaks. With ``--runs N`` so many compositions of the hunt are really
run, where what was seen and what was tested have a say as well.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from contracts.runs.causes import signatures
from contracts.verdicts.diagnosis import MOST, Signature, likely


@dataclass(frozen=True)
class Figure:
    """Of so many cases, in how many the right kind came first, or within the first two, three and so on."""

    cases: int
    within: tuple[int, ...]
    missed: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The share of cases in which it was named at all, from 0 to 1."""
        return self.within[-1] / self.cases if self.cases else 1.0

    def __str__(self) -> str:
        first = f"{self.within[0] / self.cases:.0%}"
        return f"{self.share:.0%} of {self.cases} in the first {len(self.within)}, {first} first"


def telling() -> tuple[Signature, ...]:
    """The faults that break several clauses: of any other nothing is said, because its clause's title says it."""
    return tuple(one for one in signatures() if len(one.broken) > 1)


def alone(every: int = 1) -> Figure:
    """Each fault, or one in so many, diagnosed by all others."""
    clauses = frozenset().union(*(one.broken | one.may for one in signatures()))

    def places() -> Iterator[tuple[str, int]]:
        for fault in telling()[::every]:
            others = [one for one in signatures() if one is not fault]
            named = [one.kind for one in likely(dict.fromkeys(fault.broken, 1.0), clauses, others)]
            yield fault.name, named.index(fault.kind) if fault.kind in named else MOST

    return _figure(places())


def in_pairs(number: int, seed: int = 1, found: Callable[[int], bool] = lambda right: right > 0) -> Figure:
    """Two faults of different kinds at once, neither of which is known; right is what ``found`` says of a number."""
    clauses = frozenset().union(*(one.broken | one.may for one in signatures()))
    rng = random.Random(seed)  # noqa: S311 - it only chooses

    def places() -> Iterator[tuple[str, int]]:
        for _ in range(number):
            pair = rng.sample(signatures(), 2)
            if pair[0].kind == pair[1].kind:
                continue
            others = [one for one in signatures() if one not in pair]
            broken = dict.fromkeys(pair[0].broken | pair[1].broken, 1.0)
            named = [one.kind for one in likely(broken, clauses, others)]
            right = [place for place in range(MOST) if found(sum(one.kind in named[: place + 1] for one in pair))]
            yield f"{pair[0].name} with {pair[1].name}", min(right, default=MOST)

    return _figure(places())


def _figure(places: Iterable[tuple[str, int]]) -> Figure:
    found = list(places)
    within = tuple(sum(place <= most for _, place in found) for most in range(MOST))
    return Figure(len(found), within, tuple(name for name, place in found if place >= MOST))


def main(arguments: Sequence[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Measures how often the diagnosis names the right kind of cause.")
    parser.add_argument("--pairs", type=int, default=600, help="how many pairs of faults")
    parser.add_argument("--missed", action="store_true", help="name the faults whose kind is not named")
    given = parser.parse_args(arguments)
    figures = {
        "one fault, left out itself": alone(),
        "two faults, one of them named": in_pairs(given.pairs),
        "two faults, both named": in_pairs(given.pairs, found=lambda right: right > 1),
    }
    for name, figure in figures.items():
        sys.stdout.write(f"{name}: {figure}\n")
        for fault in figure.missed if given.missed else ():
            sys.stdout.write(f"  {fault}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
