"""Random servers: conforming ones that must not be flagged, and ones with a fault that must be caught.

``python tests/self/hunting.py --minutes 10 --seed 3`` hunts for so long, goes on after what it finds, and says how
much it has tried. `test_hunt` does a bounded part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from profiles import Described, lists
from showing import Probe, answers, probes, yield_at_once
from style_matrix import answers_of, possible

from contracts.core.result import Result, Verdict
from contracts.mock.app import Behaviour
from contracts.mock.faults import EVERY_FAULT, FAULTS
from contracts.mock.server import Server
from contracts.mock.store import NEWEST, Dataset, Permission, seeded
from contracts.mock.variants import VARIANTS, composed
from contracts.mock.variants.data import FORMS
from contracts.mock.variants.moving import Moving, Outliving
from contracts.openapi.operation import Operation
from contracts.runs.selftest import Shown, against, show, warns
from contracts.runs.serving import serving
from contracts.traffic.limits import DEFAULT_BUDGET, LEAST_BUDGET

POLICIES = tuple(
    sorted(name for name, variant in VARIANTS.items() if variant.behaviour is not Behaviour and not variant.moving)
)
"""The variants that are a way to behave and can be combined."""
REFUSES_SLASHES = "odd-addresses-refused-by-front"
"""No checkpoint behind such a server has a slash in its id."""
CHECKPOINTS = (None, "ft-AF1WoRqd3aJAHsqc9NY7iL8F", "ft:org/größe 100%:v2", "ft:gpt-4o:acme::B7R9:ckpt-step-200")


# What is drawn


@dataclass(frozen=True)
class Data:
    """What a server holds. ``tied`` permissions in a row share a moment; 0 leaves it to the seed."""

    size: int = 57
    projects: int = 3
    seed: int = 0
    tied: int = 0
    permission_form: str = ""
    project_form: str = ""
    checkpoint: str | None = None

    def dataset(self) -> Dataset:
        """The permissions themselves."""
        plain: Any = seeded
        forms = {"permission_form": self.permission_form, "project_form": self.project_form}
        made: Dataset = plain(
            size=self.size,
            projects=self.projects,
            seed=self.seed,
            checkpoint=self.checkpoint,
            **{name: FORMS[form][1] for name, form in forms.items() if form},
        )
        return _tied(made, self.tied) if self.tied else made


def _tied(made: Dataset, together: int) -> Dataset:
    newest_first = sorted(made.permissions, key=lambda each: (-each.created_at, each.id))
    moment = {each.id: NEWEST - 3600 * (place // together) for place, each in enumerate(newest_first)}
    listed = tuple(Permission(each.id, moment[each.id], each.project_id) for each in made.permissions)
    return replace(made, checkpoints=MappingProxyType({**made.checkpoints, made.checkpoint: listed}))


@dataclass(frozen=True)
class Change:
    """How a list changes: every so many requests, by how many items, and where it gains them."""

    every: int
    gains: int = 1
    loses: int = 1
    anywhere: bool = False
    outliving: bool = False
    fewest: int = 25

    def of(self, kept: type[Behaviour]) -> type[Behaviour]:
        """A behaviour whose list changes."""
        bases = (Outliving, Moving, kept) if self.outliving else (Moving, kept)
        steps = {name: value for name, value in asdict(self).items() if name != "outliving"}
        return type("moving", bases, steps)


@dataclass(frozen=True)
class Right:
    """A conforming server, perhaps of another list than the published one, and the run that judges it."""

    policies: tuple[str, ...] = ()
    data: Data = field(default_factory=Data)
    change: Change | None = None
    seed: int = 1
    budget: int = DEFAULT_BUDGET
    described: Described | None = None

    @property
    def operation(self) -> Operation | None:
        """The list that it serves; ``None`` for the published one."""
        return self.described.operation if self.described is not None else None

    def dataset(self) -> Dataset:
        """What it holds."""
        data = self.data.dataset()
        return data if self.operation is None else serving(data, self.operation)

    def behaviour(self) -> type[Behaviour]:
        """All its policies as one behaviour."""
        kept = composed(*self.policies)
        return self.change.of(kept) if self.change else kept

    @property
    def warns(self) -> frozenset[str]:
        """What it may warn of."""
        return frozenset().union(*(VARIANTS[name].warns for name in self.policies))


@dataclass(frozen=True)
class Wrong:
    """A conforming server that was given a fault."""

    fault: str
    right: Right = field(default_factory=Right)


def policies() -> st.SearchStrategy[tuple[str, ...]]:
    """Some ways to behave, that one server may well have together."""
    return st.lists(st.sampled_from(POLICIES), unique=True, max_size=6).map(tuple).filter(_fit)


def _fit(kept: tuple[str, ...]) -> bool:
    # A server that refuses a limit of 60 and takes one of 200 is not right.
    return not ("above-cap-default" in kept and any(name.startswith("limit-above-") for name in kept))


def changes() -> st.SearchStrategy[Change]:
    """Lists that change, slowly or all the time, by little or by much."""
    return st.builds(
        Change,
        every=st.integers(1, 80),
        gains=st.sampled_from([0, 1, 1, 1, 2, 5]),
        loses=st.sampled_from([0, 1, 1, 1, 2, 5]),
        anywhere=st.booleans(),
        outliving=st.booleans(),
        fewest=st.sampled_from([0, 5, 25, 25]),
    )


def seeds() -> st.SearchStrategy[int]:
    """What a run or the data are drawn from."""
    return st.integers(0, 1 << 32)


SIZES = st.one_of(st.integers(0, 14), st.integers(15, 130), st.sampled_from([20, 21, 99, 100, 101, 200, 400]))


def rights() -> st.SearchStrategy[Right]:
    """Conforming servers of any kind, judged with any seed and budget."""
    forms = st.sampled_from(["", *sorted(FORMS)])
    data = st.builds(
        Data,
        size=SIZES,
        projects=st.one_of(st.integers(1, 4), st.integers(5, 30)),
        seed=seeds(),
        tied=st.sampled_from([0, 0, 0, 1, 2, 3, 5, 11, 1000]),
        permission_form=forms,
        project_form=forms,
        checkpoint=st.sampled_from(CHECKPOINTS),
    )
    budgets = st.one_of(st.just(DEFAULT_BUDGET), st.integers(LEAST_BUDGET, DEFAULT_BUDGET))
    return st.builds(
        Right,
        policies=policies(),
        data=data,
        change=st.one_of(st.none(), changes()),
        seed=seeds(),
        budget=budgets,
    ).filter(lambda right: not (REFUSES_SLASHES in right.policies and "/" in (right.data.checkpoint or "")))


def of_any_list() -> st.SearchStrategy[Right]:
    """Conforming servers of lists that are made at random."""
    data = st.builds(
        Data, size=SIZES, projects=st.integers(1, 5), seed=seeds(), tied=st.sampled_from([0, 0, 1, 2, 5, 1000])
    )
    few = st.lists(st.sampled_from(POLICIES), unique=True, max_size=3).map(tuple).filter(_fit)
    return st.builds(
        Right,
        policies=few,
        data=data,
        change=st.one_of(st.none(), st.none(), changes()),
        seed=seeds(),
        described=lists(),
    )


def wrongs(changing: st.SearchStrategy[Change] | None = None) -> st.SearchStrategy[Wrong]:
    """Any fault on a conforming server that has the data to show it, and perhaps a list that changes."""
    data = st.builds(Data, size=st.integers(45, 95), projects=st.integers(3, 5), seed=seeds())
    right = st.builds(
        Right, policies=policies(), data=data, change=st.none() if changing is None else changing, seed=seeds()
    )
    return st.builds(Wrong, fault=st.sampled_from(sorted(FAULTS)), right=right)


def wrongs_of_any_list() -> st.SearchStrategy[Wrong]:
    """Any fault on a conforming server of a list that is made at random and has what the fault needs."""
    data = st.builds(Data, size=st.integers(45, 95), projects=st.integers(3, 5), seed=seeds())
    few = st.lists(st.sampled_from(POLICIES), unique=True, max_size=2).map(tuple).filter(_fit)
    right = st.builds(Right, policies=few, data=data, seed=seeds(), described=lists())
    return right.flatmap(
        lambda each: st.builds(Wrong, fault=st.sampled_from(_possible(each.described)), right=st.just(each))
    )


def _possible(described: Described | None) -> list[str]:
    assert described is not None
    return sorted(fault.name for fault in possible(described.operation))


# What is found


def apart(judge: Callable[[Any], tuple[str, ...]], example: object) -> tuple[str, ...]:
    """What is said of an example, in a thread of its own; an error of the suite itself is said too.

    A run draws from Hypothesis itself, and Hypothesis knows by the thread that one test runs within another.
    """
    with ThreadPoolExecutor(1) as pool:
        said = pool.submit(judge, example)
        error = said.exception()
    return said.result() if error is None else ("".join(traceback.format_exception(error)),)


def flagged(right: Right) -> tuple[str, ...]:
    """What a run says against a conforming server: nothing."""
    server = Server(right.dataset(), right.behaviour()())
    shown = show(server, seed=right.seed, budget=right.budget, operation=right.operation)
    said = [f"{clause} broken" for clause in sorted(shown.broken)]
    said += [f"{clause} warned" for clause in sorted(shown.warned - right.warns)]
    said += shown.crashes
    if shown.exit_code not in {0, 6}:
        said.append(f"exit code {shown.exit_code}")
    return tuple(said)


def missed(wrong: Wrong) -> tuple[str, ...]:
    """How a run overlooks a fault; nothing where it is noticed, or where that server does not show it."""
    fault, right = FAULTS[wrong.fault], wrong.right
    server = Server(right.data.dataset(), fault.behaviour(right.behaviour()))
    shown = show(server, seed=right.seed, budget=right.budget)
    if shown.crashes:
        return shown.crashes
    if noticed(wrong, shown) or not differs(wrong):
        return ()
    return (f"{fault.clause} neither broken nor warned, exit code {shown.exit_code}",)


def missed_on_any_list(wrong: Wrong) -> tuple[str, ...]:
    """How a run overlooks a fault of another list; nothing where every answer that it got is the right server's."""
    fault, right = EVERY_FAULT[wrong.fault], wrong.right
    result = _judged(right, fault.behaviour(right.behaviour()))
    verdicts = {each.clause: each.verdict for each in result.judgements}
    if result.exit_code == 1 or verdicts[fault.clause] is Verdict.WARNED:
        return ()
    same = answers_of(result) == answers_of(_judged(right, right.behaviour()()))
    return () if same else (f"{fault.clause} is {verdicts[fault.clause]}, exit code {result.exit_code}",)


def _judged(right: Right, behaviour: Behaviour) -> Result:
    server = Server(right.dataset(), behaviour)
    return against(server, seed=right.seed, budget=right.budget, operation=right.operation)


def noticed(wrong: Wrong, shown: Shown) -> bool:
    """Whether a run fails, or warns of a fault whose clause does no more than that."""
    fault = FAULTS[wrong.fault]
    return shown.exit_code == 1 or (warns(fault) and fault.clause in shown.warned)


# Whether there is anything to see


def differs(wrong: Wrong) -> bool:
    """Whether any of many requests is answered otherwise than without the fault.

    A policy, or the data, may leave a fault no place to show: a large page where none is allowed, say.
    """
    dataset = wrong.right.data.dataset()
    # Where everything is redirected first, all first answers are the same.
    kept = tuple(name for name in wrong.right.policies if name not in {"redirected-302", "redirected-308"})
    base = replace(wrong.right, policies=kept, change=None).behaviour()
    asked = probes(dataset)
    with mock.patch.object(asyncio, "sleep", yield_at_once):
        return asyncio.run(_differ(FAULTS[wrong.fault].behaviour(base), base(), dataset, asked))


async def _differ(mine: Behaviour, right: Behaviour, dataset: Dataset, asked: list[Probe]) -> bool:
    others = answers(right, dataset, asked)
    async for one in answers(mine, dataset, asked):
        if one != await anext(others):
            return True
    return False


# The long hunt

Judge = Callable[[Any], tuple[str, ...]]
KINDS: dict[str, tuple[st.SearchStrategy[Any], Judge]] = {
    "conforming servers flagged": (rights(), flagged),
    "conforming servers of any list flagged": (of_any_list(), flagged),
    "faults missed": (wrongs(), missed),
    "faults missed on any list": (wrongs_of_any_list(), missed_on_any_list),
    "faults missed on lists that change": (wrongs(st.builds(Change, every=st.integers(8, 60))), missed),
}


@dataclass(frozen=True)
class Bag:
    """What a hunt has tried, and what it has found, in words."""

    kind: str
    tried: int
    found: tuple[str, ...]


class TimeIsOver(BaseException):
    """Ends a hunt; Hypothesis takes it for no failure."""


def hunt(kind: str, chance: int, seconds: float) -> Bag:
    """Try as many examples as the time allows, and go on after what is found."""
    strategy, judge = KINDS[kind]
    until = time.monotonic() + seconds
    tried = 0
    found: list[str] = []

    @seed(chance)
    @settings(
        max_examples=1_000_000,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def one(example: object) -> None:
        nonlocal tried
        if time.monotonic() > until:
            raise TimeIsOver
        said = apart(judge, example)
        tried += 1
        if said:
            found.append(f"{example!r}\n    {said}")
            sys.stdout.write(f"{found[-1]}\n")
            sys.stdout.flush()

    with suppress(TimeIsOver):
        one()
    return Bag(kind, tried, tuple(found))


def main(words: Sequence[str]) -> int:
    """Hunt for false alarms and for misses, half of the time each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10.0, help="how long in all")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("-j", type=int, default=os.cpu_count(), help="how many processes")
    parser.add_argument("--only", choices=KINDS)
    told = parser.parse_args(words)
    sys.stdout.write(f"--seed {told.seed} -j {told.j}\n")
    kinds = [kind for kind in KINDS if told.only in {None, kind}]
    bags: list[Bag] = []
    for kind in kinds:
        chances = range(told.seed, told.seed + told.j)
        seconds = 60 * told.minutes / len(kinds)
        with ProcessPoolExecutor(told.j) as pool:
            bags += pool.map(partial(hunt, kind, seconds=seconds), chances)
    for kind in kinds:
        mine = [bag for bag in bags if bag.kind == kind]
        sys.stdout.write(f"{kind}: {sum(len(bag.found) for bag in mine)} of {sum(bag.tried for bag in mine)}\n")
    return 1 if any(bag.found for bag in bags) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
