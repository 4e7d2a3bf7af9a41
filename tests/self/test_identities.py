"""Lists whose ids are numbers, and items that are in two lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from listed import BOOLEAN, INTEGER, ITEM, TEXT, document, parameter, written

from contracts.clauses.scoping import _shared
from contracts.core.model import Answer, Exchange, Query
from contracts.evidence.reader import Reader
from contracts.spec.operation import Operation, load_operation

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


def test_a_finding_calls_parameters_and_parents_as_the_operation_does(tmp_path: Path) -> None:
    sizes = parameter("per_page", "integer")
    data = document("/racks/{rack_id}/things", [parameter("starting_after"), sizes], {"has_more": BOOLEAN}, ITEM)
    says = load_operation(written(tmp_path, data), name="listThings").says
    assert says.named("in the walk with limit=3") == "in the walk with per_page=3"
    assert says.named("status 200 for ?limit=3 and no-limit=3") == "status 200 for ?limit=3 and no-limit=3"
    assert says("no permission of the other checkpoint") == "no thing of the other rack"
    assert says('`object` is "checkpoint.permission"') == '`object` is "thing"'
    assert says("`id` and `project_id` are not empty") == "`id` is not empty"


def test_an_item_may_be_in_two_lists_that_have_items_of_their_own(tmp_path: Path) -> None:
    data = document("/groups/{group_id}/users", [parameter("after")], {"has_more": BOOLEAN}, {**ITEM, "name": TEXT})
    memberships = load_operation(written(tmp_path, data), name="listThings")
    one, two, three = ({**RIGHT, "id": id_} for id_ in ("user_1", "user_2", "user_3"))
    ours, theirs = {"user_1": one, "user_2": two}, {"user_2": two, "user_3": three}
    assert _shared(memberships, ours, theirs) == set()
    assert _shared(memberships, ours, {"user_2": two}) == {"user_2"}
    assert _shared(memberships, ours, {"user_2": {**two, "status": "old"}}) == set()
    assert _shared(load_operation(), ours, theirs) == {"user_2"}
