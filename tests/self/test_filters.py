"""Filters beside the first one: those that items show hold together, those that they don't give a part of the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from listed import FILTERS, written

from contracts.clauses.registry import find
from contracts.core.model import Result, Target, Verdict
from contracts.mock.app import Asked, Behaviour, Fields
from contracts.mock.server import Server
from contracts.mock.store import Permission, seeded
from contracts.runs import live
from contracts.runs.plan import Plan
from contracts.runs.serving import serving
from contracts.spec.operation import Operation, load_operation
from contracts.traffic.credentials import Keys

STRANGE = Permission("cp_strange", 1_727_000_000, "proj_strange")


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    return load_operation(written(tmp_path_factory.mktemp("spec"), FILTERS), name="listThings")


def judged(operation: Operation, behaviour: Behaviour) -> dict[str, Verdict]:
    data = serving(seeded(size=30), operation)
    with Server(data, behaviour) as server:
        keys = Keys.of(data.admin_key)
        plan = Plan(target=Target(server.base_url, ""), keys=keys, operation=operation, seed=0, budget=80)
        result: Result = live.run(replace(plan, selected=find(["FLT"])))
        assert not server.crashes
    return {each.clause: each.verdict for each in result.judgements}


def hidden(asked: Asked) -> bool:
    return any(name in {"start_time", "purpose", "metadata[contracts]"} for name, _ in asked.selected)


class SecondIgnored(Behaviour):
    def select(self, permissions: list[Permission], asked: Asked, /) -> list[Permission]:
        return Behaviour.select(self, permissions, asked) if hidden(asked) else permissions


class SecondIgnoredBesideTheFirst(Behaviour):
    def select(self, permissions: list[Permission], asked: Asked, /) -> list[Permission]:
        return permissions if asked.project_id is not None else Behaviour.select(self, permissions, asked)


class FirstIgnoredBesideTheSecond(Behaviour):
    def filter(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        return list(permissions) if asked.selected else Behaviour.filter(self, permissions, asked)


class EitherIsEnough(Behaviour):
    def filter(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        if asked.project_id is None or not asked.selected:
            return Behaviour.filter(self, permissions, asked)
        mine = Behaviour.filter(self, permissions, asked)
        chosen = Behaviour.select(self, list(permissions), asked)
        return [each for each in permissions if each in mine or each in chosen]

    def select(self, permissions: list[Permission], asked: Asked, /) -> list[Permission]:
        return permissions if asked.project_id is not None else Behaviour.select(self, permissions, asked)


class OneOfSeveralLost(Behaviour):
    def select(self, permissions: list[Permission], asked: Asked, /) -> list[Permission]:
        found = Behaviour.select(self, permissions, asked)
        return found[1:] if asked.selected and not hidden(asked) else found


class HiddenAdds(Behaviour):
    def select(self, permissions: list[Permission], asked: Asked, /) -> list[Permission]:
        found = Behaviour.select(self, permissions, asked)
        return [*found, STRANGE] if hidden(asked) else found


class HiddenTurnsRound(Behaviour):
    def select(self, permissions: list[Permission], asked: Asked, /) -> list[Permission]:
        found = Behaviour.select(self, permissions, asked)
        return found[::-1] if hidden(asked) else found


@pytest.mark.parametrize(
    ("wrong", "clause"),
    [
        (SecondIgnored, "FLT-006"),
        (SecondIgnoredBesideTheFirst, "FLT-006"),
        (FirstIgnoredBesideTheSecond, "FLT-006"),
        (EitherIsEnough, "FLT-006"),
        (OneOfSeveralLost, "FLT-006"),
        (HiddenAdds, "FLT-007"),
        (HiddenTurnsRound, "FLT-007"),
    ],
)
def test_a_wrong_server_is_caught(things: Operation, wrong: type[Behaviour], clause: str) -> None:
    assert {each for each, verdict in judged(things, wrong()).items() if verdict is Verdict.BROKEN} == {clause}


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
