"""Filters beside the first one: those that items show hold together, those that they don't give a part of the list."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from listed import BOUNDS, FILTERS, written

from contracts.clauses.registry import find
from contracts.core.model import Target
from contracts.core.result import Result, Verdict
from contracts.mock.app import Behaviour, Fields
from contracts.mock.faults import EVERY_FAULT, Fault
from contracts.mock.server import Server
from contracts.mock.shape import HIDDEN, RANGES, SEVERAL
from contracts.mock.store import Permission, seeded
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.runs import live
from contracts.runs.plan import Plan
from contracts.runs.serving import serving
from contracts.traffic.keys import Keys


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    return load_operation(written(tmp_path_factory.mktemp("spec"), FILTERS), name="listThings")


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    return load_operation(written(tmp_path_factory.mktemp("spec"), BOUNDS), name="listThings")


def judged(operation: Operation, behaviour: Behaviour) -> dict[str, Verdict]:
    data = serving(seeded(size=30), operation)
    with Server(data, behaviour) as server:
        keys = Keys.of(data.admin_key)
        plan = Plan(target=Target(server.base_url, ""), keys=keys, operation=operation, seed=0, budget=80)
        result: Result = live.run(replace(plan, selected=find(["FLT"])))
        assert not server.crashes
    return {each.clause: each.verdict for each in result.judgements}


OF_TEXTS = "second-filter-ignores-case"
"""It shows where the second filter takes any text."""


@pytest.mark.parametrize("fault", [each for each in EVERY_FAULT.values() if each.style in {SEVERAL, HIDDEN, RANGES}])
def test_a_wrong_server_is_caught(things: Operation, bounded: Operation, fault: Fault) -> None:
    operation = bounded if fault.style == RANGES or fault.name == OF_TEXTS else things
    verdicts = judged(operation, fault.behaviour())
    assert {clause for clause, verdict in verdicts.items() if verdict is Verdict.BROKEN} == {fault.clause}


class HiddenRefused(Behaviour):
    def read_selected(self, fields: Fields, /) -> tuple[tuple[str, str], ...]:
        found = Behaviour.read_selected(self, fields)
        for name, _ in found:
            if name not in self.shape.filters:
                raise self.invalid(name, f"'{name}' takes no such value.")
        return found


class HiddenIgnored(Behaviour):
    def is_selected(self, permission: Permission, name: str, value: str, /) -> bool:
        return name not in self.shape.filters or Behaviour.is_selected(self, permission, name, value)


class HiddenMatchesNothing(Behaviour):
    def is_selected(self, permission: Permission, name: str, value: str, /) -> bool:
        return name in self.shape.filters and Behaviour.is_selected(self, permission, name, value)


def test_bounds_of_times_are_predicted(bounded: Operation) -> None:
    verdicts = judged(bounded, Behaviour())
    assert Verdict.BROKEN not in verdicts.values()
    assert {verdicts["FLT-006"], verdicts["FLT-007"]} == {Verdict.KEPT}
    assert set(bounded.ranges) == {"created_at[gte]", "created_at[lt]"}
    moment = bounded.bound("created_at[gte]", "2024-07-23T21:44:27+02:00")
    assert moment is not None
    assert bounded.as_bound("created_at[lt]", moment) == "2024-07-23T19:44:27Z"


@pytest.mark.parametrize("right", [Behaviour, HiddenRefused, HiddenIgnored, HiddenMatchesNothing])
def test_a_right_server_breaks_nothing(things: Operation, right: type[Behaviour]) -> None:
    verdicts = judged(things, right())
    assert Verdict.BROKEN not in verdicts.values()
    assert verdicts["FLT-006"] is Verdict.KEPT
    assert verdicts["FLT-007"] is (Verdict.NOT_APPLICABLE if right is HiddenRefused else Verdict.KEPT)


def test_filters_are_read_from_a_document(things: Operation) -> None:
    assert things.profile.filters == (("status", "status"), ("kind", "kind"))
    assert things.profile.hidden == ("start_time", "purpose", "metadata[contracts]")


def test_an_overlay_names_filters_that_items_do_not_show(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    action = (
        "{target: \"$.paths['/things'].get\", update: {x-list: {filters: {status: status, include_archived: null}}}}"
    )
    overlay.write_text(f"overlay: 1.0.0\nactions: [{action}]\n", encoding="utf-8")
    found = load_operation(written(tmp_path, FILTERS), overlay, name="listThings").profile
    assert (found.filters, found.hidden) == ((("status", "status"),), ("include_archived",))
