"""Filters beside the first one: those that items show hold together, those that they don't give a part of the list."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from commanding import run as command
from listed import BOOLEAN, BOUNDS, FILTERS, FLAGS, INTEGER, TEXT, document, parameter, written

from contracts.clauses.registry import find
from contracts.core.model import Target
from contracts.core.result import Result, Verdict
from contracts.mock.app import Asked, Behaviour, Fields
from contracts.mock.faults import EVERY_FAULT, Fault
from contracts.mock.server import Server
from contracts.mock.shape import HIDDEN, RANGES, SEVERAL
from contracts.mock.store import Permission, seeded
from contracts.openapi.grammar import Oddity
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.runs import live
from contracts.runs.plan import Plan
from contracts.runs.serving import serving
from contracts.runs.target import opened
from contracts.settings.choosing import choose
from contracts.traffic.keys import Keys


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    return load_operation(written(tmp_path_factory.mktemp("spec"), FILTERS), name="listThings")


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    return load_operation(written(tmp_path_factory.mktemp("spec"), BOUNDS), name="listThings")


def judged(operation: Operation, behaviour: Behaviour, *, size: int = 30) -> dict[str, Verdict]:
    data = serving(seeded(size=size), operation)
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
    assert set(bounded.filters.ranges) == {"created_at[gte]", "created_at[lt]"}
    moment = bounded.filters.bound("created_at[gte]", "2024-07-23T21:44:27+02:00")
    assert moment is not None
    assert bounded.filters.as_bound("created_at[lt]", moment) == "2024-07-23T19:44:27Z"


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    return load_operation(written(tmp_path_factory.mktemp("spec"), FLAGS), name="listThings")


class LockedLeftOut(Behaviour):
    """Locked items are shown only to those who ask for them."""

    def filter(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        return Behaviour.filter(self, permissions, asked if asked.project_id else replace(asked, project_id="false"))


class SomeWithout(Behaviour):
    """Some items have no value, and match none."""

    def filter(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        found = Behaviour.filter(self, permissions, asked)
        return found if asked.project_id is None else [each for each in found if int(each.id[-1], 36) % 3]

    def render_item(self, permission: Permission, asked: Asked, /) -> object:
        item = Behaviour.render_item(self, permission, asked)
        assert isinstance(item, dict)
        return item if int(permission.id[-1], 36) % 3 else {**item, "project_id": None}


class StrictFlags(Behaviour):
    """Only what JSON calls a boolean is taken for one."""

    def filter(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        if asked.project_id not in {None, "true", "false"}:
            raise self.invalid("locked", "'locked' takes true or false.")
        return Behaviour.filter(self, permissions, asked)


class FalseIsNotShown(Behaviour):
    """Items whose flag is false do not show it, and are found by it."""

    def render_item(self, permission: Permission, asked: Asked, /) -> object:
        item = Behaviour.render_item(self, permission, asked)
        assert isinstance(item, dict)
        return {name: value for name, value in item.items() if (name, value) != ("project_id", "false")}


class FalseIsNotFound(FalseIsNotShown):
    """They are found by neither value."""

    def filter(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        return [] if asked.project_id == "false" else Behaviour.filter(self, permissions, asked)


class SomeCountAsFalse(SomeWithout):
    """Some items have no value, and are found among those for which it is false."""

    def filter(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        found = SomeWithout.filter(self, permissions, asked)
        without = [each for each in permissions if not int(each.id[-1], 36) % 3]
        return [*found, *without] if asked.project_id == "false" else found


def always_shown(of: dict[str, Any], *names: str) -> dict[str, Any]:
    """The document, which requires these properties of its items."""
    made = copy.deepcopy(of)
    made["components"]["schemas"]["Thing"]["required"] = list(names)
    return made


@pytest.mark.parametrize("right", [FalseIsNotShown, FalseIsNotFound, SomeCountAsFalse])
def test_what_no_item_must_show_may_count_as_false(flags: Operation, right: type[Behaviour]) -> None:
    verdicts = judged(flags, right())
    assert Verdict.BROKEN not in verdicts.values()
    assert {verdicts["FLT-001"], verdicts["FLT-002"], verdicts["FLT-006"]} == {Verdict.KEPT}
    assert verdicts["FLT-003"] is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("fault", "clause"),
    [
        ("filter-ignored", "FLT-001"),
        ("filter-is-the-others", "FLT-001"),
        ("filter-after-limit", "FLT-002"),
        ("filter-keeps-one-per-moment", "FLT-002"),
    ],
)
def test_a_wrong_flag_is_caught_by_the_values_that_are_asked_for(
    tmp_path: Path, fault: str, clause: str, required: bool
) -> None:
    data = always_shown(FLAGS, "locked", "floor") if required else FLAGS
    operation = load_operation(written(tmp_path, data), name="listThings")
    assert judged(operation, EVERY_FAULT[fault].behaviour(), size=57)[clause] is Verdict.BROKEN


@pytest.mark.parametrize(
    ("own", "required", "texts"),
    [
        (BOOLEAN, False, {"false"}),
        (BOOLEAN, True, set()),
        ({"type": ["boolean", "null"]}, True, {"false"}),
        ({"anyOf": [BOOLEAN, {"type": "null"}]}, True, {"false"}),
        ({"type": "boolean", "default": True}, False, {"false", "true"}),
        ({"type": "boolean", "default": True}, True, set()),
        (INTEGER, False, {"0"}),
        ({"type": "integer", "default": 3}, False, {"0", "3"}),
        (TEXT, False, set()),
    ],
)
def test_values_that_absence_may_mean_are_not_asked_for(
    tmp_path: Path, own: dict[str, Any], required: bool, texts: set[str]
) -> None:
    name = "label"
    asked = parameter(name, "boolean" if "boolean" in str(own) else str(own["type"]))
    data = document("/things", [parameter("after"), parameter("limit", "integer"), asked], {}, {"id": TEXT, name: own})
    operation = load_operation(
        written(tmp_path, always_shown(data, "id", name) if required else data), name="listThings"
    )
    assert operation.profile.filters == ((name, name),)
    possible = ("true", "false", "0", "3")
    assert {text for text in possible if not operation.filters.selects(name, text)} == texts
    for text in texts:
        reading = operation.read(operation.odd_request(query=f"{name}={text}"))
        assert reading.query is None
        assert reading.odd["facet"] == {Oddity.AMBIGUOUS}


def test_a_filter_that_takes_texts_comes_first(tmp_path: Path) -> None:
    asked = [parameter("locked", "boolean"), parameter("label"), parameter("floor", "integer"), parameter("kind")]
    item = {"id": TEXT, "locked": BOOLEAN, "floor": INTEGER, "label": TEXT, "kind": TEXT}
    data = document("/things", [parameter("after"), parameter("limit", "integer"), *asked], {}, item)
    found = load_operation(written(tmp_path, data), name="listThings").profile.filters
    assert [name for name, _ in found] == ["label", "kind", "locked", "floor"]


def test_an_overlay_names_a_flag(tmp_path: Path) -> None:
    data = always_shown(FLAGS, "locked")
    get = data["paths"]["/things"]["get"]
    get["parameters"] = [each for each in get["parameters"] if each["name"] not in {"locked", "floor"}]
    get["parameters"].append(parameter("shut", "boolean", "By default, all are shown."))
    path = written(tmp_path, data)
    assert load_operation(path, name="listThings").profile.filters == ()
    overlay = tmp_path / "overlay.yaml"
    action = "{target: \"$.paths['/things'].get\", update: {x-list: {filters: {shut: locked}}}}"
    overlay.write_text(f"overlay: 1.0.0\nactions: [{action}]\n", encoding="utf-8")
    operation = load_operation(path, overlay, name="listThings")
    assert operation.filters.accepted == ("true", "false")
    assert judged(operation, Behaviour())["FLT-001"] is Verdict.KEPT
    assert judged(operation, EVERY_FAULT["filter-is-the-others"].behaviour())["FLT-001"] is Verdict.BROKEN


def test_operations_show_flags_and_numbers_as_guessed(tmp_path: Path) -> None:
    done = command("operations", "listThings", "--spec", str(written(tmp_path, FLAGS)))
    assert done.exit_code == 0
    assert "filters locked=locked floor=floor" in " ".join(done.output.partition("Guessed")[2].split())


def by_number(folder: Path, **bounds: int) -> Operation:
    """An operation whose only filter takes an integer."""
    data = copy.deepcopy(FLAGS)
    get = data["paths"]["/things"]["get"]
    get["parameters"] = [each for each in get["parameters"] if each["name"] != "locked"]
    get["parameters"][-1]["schema"] |= bounds
    return load_operation(written(folder, data), name="listThings")


class ManyRefused(Behaviour):
    """Numbers that nothing has are refused."""

    def filter(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        if asked.project_id not in {None, "1", "2", "3"}:
            raise self.invalid("floor", "'floor' is none of ours.")
        return Behaviour.filter(self, permissions, asked)


class FormerLeftOut(Behaviour):
    """A number may show what the list leaves out otherwise."""

    def filter(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        if asked.project_id in {None, "1", "2", "3"}:
            return Behaviour.filter(self, permissions, asked)
        return [replace(each, id=f"{each.id}_old", project_id=asked.project_id or "") for each in permissions]


@pytest.mark.parametrize("right", [Behaviour, ManyRefused, FormerLeftOut])
def test_a_number_that_no_item_has_is_asked_for(tmp_path: Path, right: type[Behaviour]) -> None:
    verdicts = judged(by_number(tmp_path), right())
    assert Verdict.BROKEN not in verdicts.values()
    assert verdicts["FLT-004"] is (Verdict.NOT_EXERCISED if right is FormerLeftOut else Verdict.KEPT)
    # ` 1` and `1.0` may be read as 1.
    assert verdicts["FLT-005"] is Verdict.NOT_APPLICABLE


def test_a_number_that_no_item_has_and_that_does_not_filter_is_caught(tmp_path: Path) -> None:
    verdicts = judged(by_number(tmp_path), EVERY_FAULT["unknown-project-is-no-filter"].behaviour())
    assert {clause for clause, verdict in verdicts.items() if verdict is Verdict.BROKEN} == {"FLT-004"}


def test_numbers_are_asked_for_within_their_bounds(tmp_path: Path) -> None:
    for bounds, numbers in (
        ({}, range(1, 2**31)),
        ({"minimum": -3, "maximum": 9}, range(-3, 10)),
        ({"exclusiveMinimum": 3, "maximum": 9}, range(4, 10)),
        ({"minimum": 5, "exclusiveMaximum": 7}, range(5, 7)),
        ({"maximum": -1}, range(1, 0)),
    ):
        assert by_number(tmp_path, **bounds).filters.integers("floor") == numbers
    verdicts = judged(by_number(tmp_path, minimum=1, maximum=3), Behaviour())
    assert verdicts["FLT-004"] is Verdict.NOT_EXERCISED


def of_several(
    folder: Path, name: str = "kinds[]", words: Sequence[str] = (), said: str = "Filter by kind."
) -> Operation:
    """An operation whose only filter takes a list of texts."""
    each = {"type": "string", **({"enum": list(words)} if words else {})}
    asked = {**parameter(name, description=said), "schema": {"type": "array", "items": each}}
    own = {"id": TEXT, "created_at": INTEGER, "kind": TEXT, "status": TEXT, "tags": {"type": "array", "items": TEXT}}
    data = document("/things", [parameter("after"), parameter("limit", "integer"), asked], {"has_more": BOOLEAN}, own)
    return load_operation(written(folder, data), name="listThings")


class SplitsAtCommas(Behaviour):
    """A list of values may also be written with commas."""

    def filter(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        if asked.project_id is None:
            return list(permissions)
        return [each for each in permissions if each.project_id in asked.project_id.split(",")]


@pytest.mark.parametrize("words", [(), ("small", "middle", "large")])
@pytest.mark.parametrize("right", [Behaviour, SplitsAtCommas])
def test_a_list_of_texts_filters_by_one_of_them(tmp_path: Path, right: type[Behaviour], words: Sequence[str]) -> None:
    operation = of_several(tmp_path, words=words)
    assert operation.profile.filters == (("kinds[]", "kind"),)
    assert operation.filters.accepted == tuple(words)
    verdicts = judged(operation, right())
    assert Verdict.BROKEN not in verdicts.values()
    assert {verdicts["FLT-001"], verdicts["FLT-002"]} == {Verdict.KEPT}
    assert verdicts["FLT-004"] is (Verdict.NOT_APPLICABLE if words else Verdict.KEPT)
    # Several values in one text are no name that resembles another one.
    assert verdicts["FLT-005"] is Verdict.NOT_APPLICABLE
    assert [operation.filters.selects("kinds[]", text) for text in ("small", "a,b", "a|b")] == [True, False, False]


@pytest.mark.parametrize(
    ("fault", "clause"),
    [("filter-ignored", "FLT-001"), ("filter-after-limit", "FLT-002"), ("unknown-project-is-no-filter", "FLT-004")],
)
def test_a_list_of_texts_that_does_not_filter_is_caught(tmp_path: Path, fault: str, clause: str) -> None:
    assert judged(of_several(tmp_path), EVERY_FAULT[fault].behaviour(), size=57)[clause] is Verdict.BROKEN


def test_a_list_of_texts_is_no_filter_by_what_alternatives_are_told_apart_by(tmp_path: Path) -> None:
    asked = parameter("kinds[]", "array", "Filter by kind.", items=TEXT)
    own = {"id": TEXT, "kind": {"anyOf": [{"type": "string", "const": word} for word in ("box", "shelf")]}}
    data = document("/things", [parameter("after"), parameter("limit", "integer"), asked], {}, own)
    assert load_operation(written(tmp_path, data), name="listThings").profile.filters == ()


@pytest.mark.parametrize(
    ("name", "said", "filters"),
    [
        ("kinds", "Return only things of these kinds.", "kind"),
        ("kind", "Filter by kind.", "kind"),
        ("statuses[]", "Filter by status.", "status"),
        ("kinds[]", "The kinds.", None),
        ("tags", "Filter by tags.", None),
        ("ids[]", "Show only these.", None),
        ("colours", "Filter by colour.", None),
        ("kinds", "Filter by a part of the kind: a search.", None),
    ],
)
def test_a_list_of_texts_filters_where_it_is_said(tmp_path: Path, name: str, said: str, filters: str | None) -> None:
    found = of_several(tmp_path, name, said=said).profile
    assert found.filters == (((name, filters),) if filters else ())
    assert found.hidden == ()


@pytest.mark.parametrize("right", [Behaviour, StrictFlags, LockedLeftOut, SomeWithout])
def test_flags_and_numbers_filter(tmp_path: Path, right: type[Behaviour]) -> None:
    # Of a flag that is false for all items nothing is asked unless every item shows it.
    data = FLAGS if right is SomeWithout else always_shown(FLAGS, "locked")
    verdicts = judged(load_operation(written(tmp_path, data), name="listThings"), right())
    assert Verdict.BROKEN not in verdicts.values()
    assert {verdicts["FLT-002"], verdicts["FLT-006"]} == {Verdict.KEPT}
    assert verdicts["FLT-001"] is (Verdict.NOT_EXERCISED if right is LockedLeftOut else Verdict.KEPT)
    # A flag has no value that no item could have, and what a number is written as is for the server to say.
    assert {verdicts["FLT-004"], verdicts["FLT-005"]} == {Verdict.NOT_APPLICABLE}


@pytest.mark.parametrize(
    ("fault", "clause"),
    [("filter-ignored", "FLT-001"), ("filter-after-limit", "FLT-002"), ("second-filter-ignored", "FLT-006")],
)
def test_a_flag_or_a_number_that_does_not_filter_is_caught(fault: str, clause: str, tmp_path: Path) -> None:
    with opened(
        choose({"spec": str(written(tmp_path, FLAGS)), "operation": "listThings", "fault": fault}, {})
    ) as target:
        result = live.run(replace(target.plan(), selected=find(["FLT"])))
    assert clause in {each.clause for each in result.judgements if each.verdict is Verdict.BROKEN}


def test_items_are_served_with_flags_and_numbers(flags: Operation) -> None:
    data = serving(seeded(size=30), flags)
    with Server(data) as server:
        key = {"Authorization": f"Bearer {data.admin_key}"}
        for query, name, kind in (("locked=true", "locked", True), ("floor=2", "floor", 2)):
            page = requests.get(f"{server.base_url}/things?{query}", headers=key, timeout=60).json()["data"]
            assert page
            assert [each[name] for each in page] == [kind] * len(page)
            assert {type(each["locked"]) for each in page} == {bool}


@pytest.mark.parametrize(
    ("parameter_", "filters"),
    [
        (parameter("locked", "boolean", "Whether the things are locked."), True),
        (parameter("locked", "boolean", "Include locked things."), False),
        (parameter("locked", "boolean", "By default, locked things are left out."), False),
        (parameter("locked", "boolean", default=False), False),
        (parameter("locked", "string", ""), False),
        (parameter("floor", "integer", "The floor on which it stands."), True),
        (parameter("floor", "integer", "On this floor or above."), False),
        (parameter("floor", "integer", "The minimum."), False),
        (parameter("ended_at", "integer", ""), False),
        (parameter("end_time", "integer", ""), False),
        (parameter("label", "string", ""), True),
        (parameter("label", "string", default="new"), False),
        (parameter("archived", "boolean"), False),
        (parameter("archived", "boolean", "Return only archived things."), True),
        (parameter("email", "string", ""), False),
        (parameter("emails", "array", "Filter by mail addresses.", items=TEXT), False),
    ],
)
def test_what_a_parameter_of_a_property_stands_for(parameter_: dict[str, Any], filters: bool, tmp_path: Path) -> None:
    item = {"id": TEXT, "locked": BOOLEAN, "archived": BOOLEAN, "label": TEXT, "email": TEXT}
    item |= dict.fromkeys(("floor", "ended_at", "end_time"), INTEGER)
    data = document("/things", [parameter("after"), parameter("limit", "integer"), parameter_], {}, item)
    name = parameter_["name"]
    found = load_operation(written(tmp_path, data), name="listThings").profile
    assert found.filters == (((name, name),) if filters else ())
    assert found.hidden == ()


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
