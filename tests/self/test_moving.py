"""Lists that change while they are read: never a false verdict, and their faults are caught."""

from __future__ import annotations

import os

import pytest

from contracts.core.errors import ExitCode
from contracts.core.result import Verdict
from contracts.mock.faults import FAULTS
from contracts.mock.server import Server
from contracts.mock.store import seeded
from contracts.mock.variants import VARIANTS, Variant
from contracts.runs.selftest import Shown, against, missed, show

MOVING = [variant for variant in VARIANTS.values() if variant.moving]
EVERYTHING = os.environ.get("MATRIX") == "all"
"""Whether each seed and each pace is taken, as ``tox -e matrix`` does, or one of each."""
SEEDS = (2, 3) if EVERYTHING else (2,)
"""The kill matrix has another one."""
ALL = (40, 10, 3)
USUAL = ALL if EVERYTHING else (10,)
CAUGHT: dict[str, tuple[int, ...]] = {
    "created-at-in-milliseconds": ALL,
    "one-too-many": ALL,
    "default-of-20": ALL,
    "half-a-page": ALL,
    "first-id-of-last-item": ALL,
    "last-id-of-next-item": ALL,
    "last-id-missing": ALL,
    "last-item-twice": ALL,
    "offset-one-short": ALL,
    "cursor-included": ALL,
    "one-skipped": ALL,
    "ties-lost": ALL,
    "item-42-hidden": ALL,
    "has-more-from-full-page": (40, 10),
    "has-more-always": (40,),
    "has-more-never": ALL,
    "has-more-inverted": ALL,
    "has-more-on-empty-page": ALL,
    "after-ignored": ALL,
    "stuck-at-item-42": ALL,
    "cursor-shared": ALL,
    "default-ascending": ALL,
    "order-ignored": ALL,
    "order-by-id": ALL,
    "descending-without-oldest": ALL,
    "ascending-by-hour": ALL,
    "filter-ignored": ALL,
    "filter-after-limit": ALL,
    "smallest-project-not-found": ALL,
    "unknown-project-is-no-filter": ALL,
    "project-by-prefix": ALL,
    "checkpoint-ignored": ALL,
    "user-key-let-in": ALL,
}
"""Faults, and the paces (requests from one change to the next) at which their clause breaks all the same.

Where a pace is missing the clause is inconclusive: what it claims rests on the newest or the oldest item, and that
one changed every time.
"""


def of_pace(every: int, kind: str = "moves") -> Variant:
    return VARIANTS[f"{kind}-every-{every}"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("variant", [pytest.param(variant, id=variant.name) for variant in MOVING])
def test_a_moving_list_is_never_flagged(variant: Variant, seed: int) -> None:
    assert variant.dataset is not None
    result = against(Server(variant.dataset(), variant.behaviour()), seed=seed)
    verdicts = {one.clause: one.verdict for one in result.judgements}
    assert Verdict.BROKEN not in verdicts.values()
    assert Verdict.WARNED not in verdicts.values()
    assert result.exit_code in {ExitCode.KEPT, ExitCode.INCOMPLETE}
    told = any("changed during the run" in note for note in result.notes)
    assert told, "the reader is told that the list moved"


def test_there_are_all_kinds_and_paces() -> None:
    names = {variant.name for variant in MOVING}
    assert {f"{kind}-every-{every}" for kind in ("gains", "loses", "moves") for every in (40, 10, 3)} < names
    assert {"moves-all-the-time", "changes-anywhere", "grows-from-nothing", "dwindles-to-nothing"} < names


@pytest.mark.parametrize(
    ("name", "every"),
    [
        pytest.param(name, every, id=f"{name} {every}")
        for name, paces in CAUGHT.items()
        for every in ([pace for pace in paces if pace in USUAL] or paces)
    ],
)
def test_what_is_wrong_and_moving_is_caught(name: str, every: int) -> None:
    # Where requests at the same time share something, who comes between decides; the matrix runs those as often.
    tries = 8 if FAULTS[name].timed else 1
    assert any(not list(missed(FAULTS[name], wrong_and_moving(name, every))) for _ in range(tries))


def test_what_is_wrong_at_every_pace_is_many_things() -> None:
    families = {FAULTS[name].clause[:3] for name in CAUGHT}
    assert families >= {"ITM", "PAG", "ORD", "FLT", "SCO", "SEC"}


def wrong_and_moving(name: str, every: int) -> Shown:
    return show(Server(seeded(size=90), FAULTS[name].behaviour(of_pace(every).behaviour)))
