"""Measures how often the diagnosis names the right kind of cause: ``python tests/self/diagnosing.py``.

Each fault is diagnosed from what it breaks, as the kill matrix says it, by all other faults: it is left out itself.
Several faults at once break what each of them breaks. With ``--runs N`` so many compositions, of a fault with the
policies and data of the hunt or with another fault, are really run, where what was seen and tested has a say as well.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from unittest import mock

from hunting import POLICIES, Data

from contracts.mock.faults import FAULTS
from contracts.mock.server import Server
from contracts.mock.variants import composed
from contracts.runs.causes import signatures
from contracts.runs.selftest import against
from contracts.verdicts.likelihood import MOST, Signature, likely
from contracts.verdicts.marks import PROOFS


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
    """The faults whose signature must tell.

    Of one that breaks a single clause nothing is said, because the clause's title says it; and some kinds are known by
    what is seen in the answers, whatever breaks.
    """
    return tuple(one for one in signatures() if len(one.broken) > 1 and one.kind not in PROOFS)


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
    rng = random.Random(seed)

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


def in_runs(number: int, *, pairs: bool, seed: int = 1) -> Figure:
    """Real runs against drawn servers: a fault with policies of the hunt, or two faults, none of them known."""
    rng = random.Random(seed)
    drawn: list[tuple[list[str], Server]] = []
    while len(drawn) < number:
        names = [one.name for one in rng.sample(telling(), 2 if pairs else 1)]
        kept = () if pairs else tuple(rng.sample(POLICIES, rng.randint(0, 3)))
        data = Data(size=rng.randint(45, 95), projects=rng.randint(3, 5), seed=rng.randrange(1000))
        base = FAULTS[names[1]].wrong if pairs else composed(*kept)
        drawn.append((names, Server(data.dataset(), FAULTS[names[0]].behaviour(base))))

    def places() -> Iterator[tuple[str, int]]:
        for names, server in drawn:
            others = tuple(one for one in signatures() if one.name not in names)
            with mock.patch("contracts.runs.causes.signatures", lambda others=others: others):
                result = against(server)
            if sum(one.verdict == "broken" for one in result.judgements) > 1:
                named = [cause.kind for cause in result.causes]
                right = [named.index(FAULTS[name].kind.name) for name in names if FAULTS[name].kind.name in named]
                yield " with ".join(names), min(right, default=MOST)

    return _figure(places())


def _figure(places: Iterable[tuple[str, int]]) -> Figure:
    found = list(places)
    within = tuple(sum(place <= most for _, place in found) for most in range(MOST))
    return Figure(len(found), within, tuple(name for name, place in found if place >= MOST))


def main(arguments: Sequence[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Measures how often the diagnosis names the right kind of cause.")
    parser.add_argument("--pairs", type=int, default=600, help="how many pairs of faults")
    parser.add_argument("--runs", type=int, default=0, help="how many compositions of either sort to run")
    parser.add_argument("--missed", action="store_true", help="name the faults whose kind is not named")
    given = parser.parse_args(arguments)
    figures = {
        "one fault, left out itself": alone(),
        "two faults, one of them named": in_pairs(given.pairs),
        "two faults, both named": in_pairs(given.pairs, found=lambda right: right > 1),
    }
    if given.runs:
        figures["runs of one fault with policies of the hunt"] = in_runs(given.runs, pairs=False)
        figures["runs of two faults, one of them named"] = in_runs(given.runs, pairs=True)
    for name, figure in figures.items():
        sys.stdout.write(f"{name}: {figure}\n")
        for fault in figure.missed if given.missed else ():
            sys.stdout.write(f"  {fault}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
