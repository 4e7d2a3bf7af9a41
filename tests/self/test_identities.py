"""Lists of other operations: numbers as ids, items that are in two lists, keys that are due, names in findings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from canary import key_like
from listed import BOOLEAN, INTEGER, ITEM, TEXT, TOKEN, TOKEN_ALONE, document, parameter, written
from scenes import Scene

from contracts.clauses.filtering import items_are_of_the_facet
from contracts.clauses.items import content_is_the_same
from contracts.clauses.scoping import _shared, lists_are_apart
from contracts.core.model import Answer, Capability, Exchange, Query, Target
from contracts.core.result import HELD, Finding
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.openapi.profile import Time
from contracts.runs.target import opened
from contracts.settings.choosing import choose

NUMBERED = {**ITEM, "id": INTEGER, "size": INTEGER}
RIGHT = {"id": 7, "created_at": 1721764867, "status": "new", "size": 3}


def as_array(data: dict[str, Any]) -> dict[str, Any]:
    media = data["paths"]["/things"]["get"]["responses"]["200"]["content"]["application/json"]
    media["schema"] = media["schema"]["properties"]["data"]
    return data


def further_down(data: dict[str, Any]) -> dict[str, Any]:
    media = data["paths"]["/things"]["get"]["responses"]["200"]["content"]["application/json"]
    media["schema"] = {"type": "object", "properties": {"result": media["schema"]}}
    return data


LAYOUTS: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], Callable[[list[Any]], Any]]] = {
    "": (as_array, lambda items: items),
    "result.data": (further_down, lambda items: {"result": {"data": items}}),
}


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def things(tmp_path: Path, layout: str) -> Operation:
    x_list = {"items": layout, "next": {"param": "after", "from": "item"}}
    data = document("/things", [parameter("after", "integer"), parameter("limit", "integer")], {}, NUMBERED)
    data["paths"]["/things"]["get"]["x-list"] = x_list
    return load_operation(written(tmp_path, LAYOUTS[layout][0](data)), name="listThings")


def test_a_number_is_an_id_where_the_document_says_so(things: Operation, layout: str) -> None:
    asked, items = Query("", limit=2), [RIGHT, {**RIGHT, "id": 6}]
    answer = Answer(200, "OK", (("Content-Type", "application/json"),), json.dumps(LAYOUTS[layout][1](items)).encode())
    exchange = Exchange(1, things.request(asked), answer, None, 1, 2, 0.0, 0.0, "walks")
    page = Reader(things).page(exchange, asked)
    assert page is not None
    assert page.ids == ("7", "6")
    evidence = Evidence(Reader(things), Target("http://host", ""), (exchange, replace(exchange, number=2)))
    assert list(content_is_the_same(evidence)) == [HELD, HELD]


KEY = {"name": "x-api-key", "in": "header", "schema": TEXT}


@pytest.mark.parametrize(
    ("said", "headers", "judged"),
    [
        ({"description": "This key is required in the header of all API requests."}, (), True),
        ({"required": True}, (), True),
        ({"description": "Your key."}, (), False),
        ({"required": True}, ("x-api-key: one-that-goes-with-each-request",), False),
    ],
)
def test_who_may_not_look_is_judged_where_all_requests_need_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any], headers: tuple[str, ...], *, judged: bool
) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", key_like())
    data = document("/things", [parameter("after")], {"has_more": BOOLEAN}, ITEM)
    data["paths"]["/things"]["get"]["parameters"].append({**KEY, **said})
    chosen = {"spec": str(written(tmp_path, data)), "operation": "listThings", "base_url": "http://127.0.0.1:9"}
    settings = choose({**chosen, "header": headers}, {})
    with opened(settings) as target:
        assert (Capability.KEY in target.operation.capabilities) is judged
        assert target.operation.key_header == "x-api-key"


def test_what_another_operation_says_of_the_key_counts_where_this_one_says_nothing(tmp_path: Path) -> None:
    data = document("/things", [parameter("after")], {"has_more": BOOLEAN}, ITEM)
    data["paths"]["/things"]["get"]["parameters"].append(KEY)
    other = {**KEY, "description": "This key is required in the header of all API requests."}
    data["paths"]["/others"] = {"get": {"parameters": [other], "responses": {"204": {"description": "None"}}}}
    operation = load_operation(written(tmp_path, data), name="listThings")
    assert Capability.KEY in operation.capabilities


def test_a_finding_calls_parameters_and_parents_as_the_operation_does(tmp_path: Path) -> None:
    sizes = parameter("per_page", "integer")
    data = document("/racks/{rack_id}/things", [parameter("starting_after"), sizes], {"has_more": BOOLEAN}, ITEM)
    says = load_operation(written(tmp_path, data), name="listThings").says
    assert says.named("in the walk with limit=3") == "in the walk with per_page=3"
    assert says.named("status 200 for ?limit=3 and no-limit=3") == "status 200 for ?limit=3 and no-limit=3"
    assert says("no permission of the other checkpoint") == "no thing of the other rack"
    assert says('`object` is "checkpoint.permission"') == '`object` is "thing"'
    assert says("`id` and `project_id` are not empty") == "`id` is not empty"


def test_a_date_is_shown_as_a_date() -> None:
    assert Time("created_at", "rfc3339").written(1_721_000_900_000_000_000) == "2024-07-14T23:48:20Z"
    assert Time("created_at", "rfc3339").written(1_721_000_900_120_000_000) == "2024-07-14T23:48:20.12Z"
    assert Time("created_at", "unix").written(1_721_000_900) == "1721000900"


def test_an_item_may_be_in_two_lists_that_have_items_of_their_own(tmp_path: Path) -> None:
    data = document("/groups/{group_id}/users", [parameter("after")], {"has_more": BOOLEAN}, {**ITEM, "name": TEXT})
    memberships = load_operation(written(tmp_path, data), name="listThings")
    one, two, three = ({**RIGHT, "id": id_} for id_ in ("user_1", "user_2", "user_3"))
    ours, theirs = {"user_1": one, "user_2": two}, {"user_2": two, "user_3": three}
    assert _shared(memberships, ours, theirs, one=False) == set()
    assert _shared(memberships, ours, {"user_2": two}, one=True) == {"user_2"}
    assert _shared(memberships, ours, {"user_2": {**two, "status": "old"}}, one=True) == set()
    assert _shared(load_operation(), ours, theirs, one=False) == {"user_2"}


@pytest.mark.parametrize(
    ("other", "empty", "wrong"),
    [
        (range(9), (), True),
        (range(0, 9, 2), (), False),
        (range(5, 9), (), False),
        (range(7, 12), (), False),
        ((), (8,), True),
    ],
    ids=["the same", "some of all", "the newest of all", "some in both", "one in the empty one"],
)
def test_the_same_list_twice_is_told_from_a_part_of_it(
    tmp_path: Path, other: Sequence[int], empty: Sequence[int], *, wrong: bool
) -> None:
    data = document("/groups/{group_id}/users", [parameter("after")], {"has_more": BOOLEAN}, ITEM)
    operation = load_operation(written(tmp_path, data), name="listThings")
    users = [{"id": f"user_{n}", "created_at": 1721764867 + n, "status": "new"} for n in range(12)]
    numbers = {"one": range(9), "two": other, "none": empty}
    lists = {name: [users[n] for n in each] for name, each in numbers.items()}
    scene = Scene(operation, Target("http://h", "one", "two", "none"), lists)
    scene.look("all")
    for name in ("two", "none"):
        scene.walk(name, scene.query(scope=name, limit=4))
    evidence = Evidence(scene.reader, scene.target, [each.exchange for each in scene.asked])
    assert any(isinstance(each, Finding) for each in lists_are_apart(evidence)) == wrong


def test_an_id_names_one_thing_within_a_list(tmp_path: Path) -> None:
    data = document("/groups/{group_id}/users", [parameter("after")], {"has_more": BOOLEAN}, ITEM)
    operation = load_operation(written(tmp_path, data), name="listThings")
    lists = {name: [{"id": "1", "created_at": 1721764867 + n, "status": name}] for n, name in enumerate(("one", "two"))}
    scene = Scene(operation, Target("http://h", "one", "two"), lists)
    for name in ("one", "two", "one"):
        scene.ask(name, scene.query(scope=name, limit=4))
    exchanges = [each.exchange for each in scene.asked]
    assert not any(
        isinstance(each, Finding) for each in content_is_the_same(Evidence(scene.reader, scene.target, exchanges))
    )
    mixed = [exchanges[0], replace(exchanges[2], answer=exchanges[1].answer)]
    assert any(isinstance(each, Finding) for each in content_is_the_same(Evidence(scene.reader, scene.target, mixed)))


def test_an_item_that_names_its_parent_is_in_that_list_alone(tmp_path: Path) -> None:
    data = document("/groups/{group_id}/users", [parameter("after")], {}, {**ITEM, "group_id": TEXT})
    operation = load_operation(written(tmp_path, data), name="listThings")
    one, two, three = ({**RIGHT, "id": id_, "group_id": "g"} for id_ in ("user_1", "user_2", "user_3"))
    ours, theirs = {"user_1": one, "user_2": two}, {"user_2": two, "user_3": three}
    assert _shared(operation, ours, theirs, one=False) == {"user_2"}


def _answers(operation: Operation, *bodies: list[dict[str, Any]]) -> tuple[Exchange, ...]:
    """Answers with these items to the same request, one after the other."""
    made = (
        Answer(200, "OK", (("Content-Type", "application/json"),), json.dumps({"data": b}).encode()) for b in bodies
    )
    request = operation.request(Query("", limit=2))
    return tuple(
        Exchange(number, request, answer, None, 2 * number - 1, 2 * number, 0.0, 0.0, "walks")
        for number, answer in enumerate(made, 1)
    )


def test_the_content_of_an_item_that_several_properties_identify_is_its_own(tmp_path: Path) -> None:
    both = {**ITEM, "version": TEXT}
    data = document("/things", [parameter("after")], {}, both)
    data["paths"]["/things"]["get"]["x-list"] = {"item": {"id": ["id", "version"]}}
    operation = load_operation(written(tmp_path, data), name="listThings")
    first, second = ({"id": "a", "version": each, "created_at": 1721764867 + at} for at, each in enumerate("xy"))
    evidence = Evidence(Reader(operation), Target("http://host", ""), _answers(operation, [first, second]))
    assert list(content_is_the_same(evidence)) == []
    again = _answers(operation, [first, second], [{**second, "created_at": 1721764867}])
    (found,) = content_is_the_same(Evidence(Reader(operation), Target("http://host", ""), again))
    assert isinstance(found, Finding)
    assert found.expected.startswith('created_at of ["a", "y"] is 1721764868')


@pytest.mark.parametrize("overlapping", [False, True])
def test_a_change_comes_to_stay_where_answers_tell_which_value_came_first(tmp_path: Path, *, overlapping: bool) -> None:
    data = document("/things", [parameter("after")], {}, {**ITEM, "size": INTEGER})
    operation = load_operation(written(tmp_path, data), name="listThings")
    states = [[{"id": "a", "created_at": 1721764867, "size": size}] for size in (1, 2, 1)]
    exchanges = _answers(operation, *states)
    if overlapping:  # The third was sent before the second, and answered after it.
        exchanges = (*exchanges[:2], replace(exchanges[2], sent=2))
    found = [
        each
        for each in content_is_the_same(Evidence(Reader(operation), Target("http://host", ""), exchanges))
        if each is not HELD
    ]
    assert len(found) == (0 if overlapping else 1)


@pytest.mark.parametrize(("returns", "changed"), [(False, True), (True, False)])
def test_an_item_may_change_its_status_while_the_list_is_read(tmp_path: Path, *, returns: bool, changed: bool) -> None:
    data = document("/things", [parameter("after"), parameter("status")], {"has_more": BOOLEAN}, ITEM)
    operation = load_operation(written(tmp_path, data), name="listThings")
    states = ["new", "new", "done", "new" if returns else "done"]
    items = [[{"id": "a", "created_at": 1721764867, "status": status}] for status in states]
    exchanges = _answers(operation, *items)
    listing = Evidence(Reader(operation), Target("http://host", ""), exchanges).listing
    assert listing.changed is changed
    assert listing.existed("a", exchanges[1]) is not changed


@pytest.mark.parametrize(("size", "broken"), [(0, False), (1, True)])
def test_a_value_that_items_may_have_and_none_has_brings_none(tmp_path: Path, size: int, *, broken: bool) -> None:
    words = {"type": "string", "enum": ["new", "done", "gone"]}
    status = {"name": "status", "in": "query", "schema": words}
    data = document("/things", [parameter("after"), status], {"has_more": BOOLEAN}, {**ITEM, "status": words})
    operation = load_operation(written(tmp_path, data), name="listThings")
    assert operation.filters.shared_words == ("new", "done", "gone")
    items = [{"id": each, "created_at": 1721764867, "status": each} for each in ("new", "done")]
    seen, filtered = _answers(operation, items, items[:size])
    filtered = replace(filtered, request=operation.request(Query("", facet="gone")))
    evidence = Evidence(Reader(operation), Target("http://host", ""), (seen, filtered))
    assert any(isinstance(each, Finding) for each in items_are_of_the_facet(evidence)) is broken


def test_a_token_alone_is_spoken_of_as_a_token(tmp_path: Path) -> None:
    operation = load_operation(written(tmp_path, TOKEN_ALONE), name="listThings")
    assert operation.says("`has_more` false is followed by nothing") == "No token is followed by nothing"
    assert operation.says("5 items when `has_more` is true") == "5 items when there is a token"
    assert operation.says("Permissions and a checkpoint") == "Things and a shelf"
    with_flag = load_operation(written(tmp_path, TOKEN), name="listThings")
    assert with_flag.says("`has_more` false is followed by nothing").startswith("`has_more` false")
