"""Which lists a document describes, what plays which role there, and who says so."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from commanding import run
from listed import (
    ADDRESSES,
    BOOLEAN,
    FIXED_ORDER,
    ID_CURSOR,
    INTEGER,
    ITEM,
    ONE_PARAMETER,
    TEXT,
    TOKEN,
    TOKENS_BOTH_WAYS,
    answering,
    document,
    parameter,
    vendors_document,
    written,
)

from contracts.core.errors import ConfigurationError
from contracts.core.model import Order
from contracts.openapi.document import Document, load
from contracts.openapi.guesses import _limits
from contracts.openapi.loading import load_operation
from contracts.openapi.profile import Cursor, Limit, Ordering, Profile, Source, Time
from contracts.openapi.survey import Surveyed, find, survey, survey_files

_ITEMS = {"type": "object", "properties": {"data": {"type": "array", "items": {"properties": ITEM}}, "more": BOOLEAN}}


def surveyed(data: dict[str, Any]) -> Surveyed:
    (only,) = survey(Document("things.json", "", data))
    return only


def profile(data: dict[str, Any]) -> Profile:
    found = surveyed(data)
    assert found.profile is not None, found.lacks
    return found.profile


def test_an_id_cursor_both_ways_with_an_order_and_a_filter() -> None:
    found = profile(ID_CURSOR)
    assert found == Profile(
        noun="thing",
        plural="things",
        scope=(),
        items=("data",),
        id=("id",),
        time=Time("created_at", "unix"),
        constants=(),
        envelope_constants=(("object", "list"),),
        next=Cursor("after", "item", ("last_id",)),
        prev=Cursor("before", "item", ("first_id",)),
        nearest=True,
        more=("has_more",),
        limit=Limit("limit", 20, 1, 10_000),
        order=Ordering("order", ((Order.ASCENDING, "asc"), (Order.DESCENDING, "desc")), Order.DESCENDING, by_time=True),
        filters=(("status", "status"),),
        hidden=(),
        admin=False,
        short_pages=False,
        required=(),
    )
    assert found.style == "id cursor, both ways, order"


def test_a_token_of_items_without_an_id() -> None:
    found = profile(TOKEN)
    assert found.next == Cursor("page", "body", ("next_page",))
    assert (found.scope, found.id, found.required) == (("shelf_id",), (), ("start_time",))
    assert found.order is None
    assert found.style == "token, no ids"


def test_two_parents_and_an_order_that_prose_fixes() -> None:
    found = profile(FIXED_ORDER)
    assert found.scope == ("shelf_id", "rack_id")
    assert found.order == Ordering(None, (), Order.DESCENDING, by_time=True)
    assert found.time == Time("created_at", "rfc3339")
    assert found.limit == Limit("limit", None, 1, 1000)


@pytest.mark.parametrize(
    ("said", "order"),
    [
        ("Sorted by creation date, with the most recent things appearing first.", Order.DESCENDING),
        ("The most recent first.", Order.DESCENDING),
        ("A page of things, ordered by `created_at` descending (newest first).", Order.DESCENDING),
        ("Brings the most recent things, 10 on the first page.", None),
    ],
)
def test_an_order_is_read_from_what_describes_the_operation_or_its_answer(said: str, order: Order | None) -> None:
    for holder in ("operation", "answer"):
        data = document("/things", [parameter("after")], {"has_more": BOOLEAN}, ITEM)
        operation = data["paths"]["/things"]["get"]
        (operation if holder == "operation" else operation["responses"]["200"])["description"] = said
        assert {role.value for role in surveyed(data).roles if role.name == "order.fixed"} == (
            {order} if order else set()
        )


def test_the_only_array_of_objects_beside_a_cursor_is_the_list() -> None:
    envelope = {"nextPageToken": TEXT, "unreachable": {"type": "array", "items": TEXT}}
    data = document("/things", [parameter("pageToken")], envelope, ITEM, items="things")
    assert profile(data).items == ("things",)
    envelope["others"] = {"type": "array", "items": {"properties": ITEM}}
    data = document("/things", [parameter("pageToken")], envelope, ITEM, items="things")
    assert not survey(Document("things.json", "", data))


@pytest.mark.parametrize(
    ("path", "array", "noun"),
    [
        ("/things", "data", "thing"),
        ("/logbook", "entries", "entry"),
        ("/logbook", "logEntries", "log entry"),
        ("/log-entries", "results", "log entry"),
    ],
)
def test_an_item_is_called_by_its_array_or_else_by_the_path(path: str, array: str, noun: str) -> None:
    assert profile(document(path, [parameter("after")], {"has_more": BOOLEAN}, ITEM, items=array)).noun == noun


@pytest.mark.parametrize(
    ("required", "time"),
    [((), "created"), (("added_at",), "added_at"), (("created", "added_at"), "created"), (("id",), "created")],
)
def test_the_time_of_an_item_is_one_that_each_item_has(required: tuple[str, ...], time: str) -> None:
    item = {"id": TEXT, "added_at": INTEGER, "created": INTEGER}
    data = document("/things", [parameter("after")], {"has_more": BOOLEAN}, item)
    things = data["components"]["schemas"]["Thing"]
    for schema in (
        {**things, "required": list(required)},
        {"allOf": [things, {"required": list(required)}]},
        {"oneOf": [{**things, "required": ["id", *required]}, {**things, "required": [*required, "id"]}]},
    ):
        data["components"]["schemas"]["Thing"] = schema
        found = profile(data).time
        assert found is not None
        assert found.at == time


@pytest.mark.parametrize(
    ("said", "filters", "hidden"),
    [
        ("Only things with this label.", (("label", "label"),), ()),
        ("Filter results by the label of the container.", (("label", "label"),), ()),
        ("Filter by label; finds any label that contains the text.", (), ("label",)),
        ("Filters by a prefix of the label.", (), ("label",)),
    ],
)
def test_a_search_is_no_filter_by_what_items_show(
    said: str, filters: tuple[tuple[str, str], ...], hidden: tuple[str, ...]
) -> None:
    asked = [parameter("after"), parameter("label", "string", said)]
    found = profile(document("/things", asked, {}, {**ITEM, "label": TEXT}))
    assert (found.filters, found.hidden) == (filters, hidden)


def test_each_role_has_its_source() -> None:
    roles = {role.name: role.source for role in surveyed(ID_CURSOR).roles}
    assert roles["items"] is Source.NAMES
    assert roles["limit.default"] is Source.PROSE
    assert roles["const"] is Source.DOCUMENT


def test_ids_that_must_be_there_on_an_empty_page_are_remarked() -> None:
    assert "first_id and last_id" in surveyed(ID_CURSOR).remarks[0]
    assert not surveyed(FIXED_ORDER).remarks
    either = {"anyOf": [TEXT, {"type": "null"}]}
    ends = {"has_more": BOOLEAN, "last_id": either}
    assert not surveyed(document("/things", [parameter("after")], ends, ITEM, required=("last_id",))).remarks


@pytest.mark.parametrize(
    ("text", "default", "least", "most"),
    [
        ("A limit on the number of objects. Limit can range between\n1 and 100, and the default is 20.", 20, 1, 100),
        ("Limit can range between 1 and 10,000, and the default is 10,000.", 10_000, 1, 10_000),
        ("A limit on the number of objects to be returned. The default is 100.", 100, None, None),
        ("Number of things.\n\nDefaults to `20`. Ranges from `1` to `1000`.", 20, 1, 1000),
        ("Maximum number of vaults to return per page. Defaults to 20, maximum 100.", 20, None, 100),
        ("Maximum results per page. Default 20, maximum 100.", 20, None, 100),
        ("Number of results.\n\nMaximum value is 100. Defaults to 20.", 20, None, 100),
        ("Must be between 1 and 100. Defaults to 20 when omitted.", 20, 1, 100),
        ("Resources per page (max 1000). If omitted, returns all resources.", None, None, 1000),
        ("- `width=1d`: default: 7, max: 31\n- `width=1h`: default: 24, max: 168", None, None, None),
        ("Number of permissions to retrieve.", None, None, None),
    ],
)
def test_page_sizes_in_prose(text: str, default: int | None, least: int | None, most: int | None) -> None:
    found = _limits(text)
    assert (found.get("limit.default"), found.get("limit.least"), found.get("limit.most")) == (default, least, most)


def test_a_schema_is_surer_than_prose() -> None:
    limit = parameter("limit", "integer", "The default is 100.", default=20)
    found = profile(document("/things", [parameter("after"), limit], {"has_more": BOOLEAN}))
    assert found.limit == Limit("limit", 20, None, None)


@pytest.mark.parametrize(
    ("words", "default"),
    [
        ("Defaults to `asc`.", Order.ASCENDING),
        ("Default is desc (newest first).", Order.DESCENDING),
        ("By name.", None),
    ],
)
def test_orders_in_prose(words: str, default: Order | None) -> None:
    order = parameter("order", description=words, enum=["asc", "desc"])
    found = profile(document("/things", [parameter("after"), order], {"has_more": BOOLEAN}, ITEM))
    assert found.order is not None
    assert found.order.default is default
    assert found.order.by_time is ("newest" in words)


def _purpose(purpose: str) -> dict[str, Any]:
    return {"x-stainless-pagination-property": {"purpose": purpose}}


CONVENTIONS = {
    "x-stainless-pagination-property": document(
        "/things",
        [
            parameter("start", **_purpose("next_cursor_id_param")),
            parameter("end", **_purpose("previous_cursor_id_param")),
        ],
        {"going_on": {"type": "boolean", **_purpose("has_next_page")}},
        {"key": {"type": "string", **_purpose("cursor_item_id")}},
        items="rows",
        operation={},
    ),
    "x-speakeasy-pagination": document(
        "/things",
        [parameter("start"), parameter("size", "integer")],
        {},
        {"key": TEXT},
        items="rows",
        operation={
            "x-speakeasy-pagination": {
                "type": "cursor",
                "inputs": [
                    {"name": "start", "in": "parameters", "type": "cursor"},
                    {"name": "size", "in": "parameters", "type": "limit"},
                ],
                "outputs": {"results": "$.rows", "nextCursor": "$.rows[-1].key"},
            }
        },
    ),
    "x-fern-pagination": document(
        "/things",
        [parameter("start")],
        {"meta": {"type": "object", "properties": {"onward": TEXT}}},
        items="rows",
        operation={"x-fern-pagination": True},
        root={
            "x-fern-pagination": {
                "cursor": "$request.start",
                "next_cursor": "$response.meta.onward",
                "results": "$response.rows",
            }
        },
    ),
    "x-scalar-pagination": document(
        "/things",
        [parameter("start")],
        {"going_on": BOOLEAN},
        {"key": TEXT},
        items="rows",
        operation={"x-scalar-pagination": "byId"},
        root={
            "x-scalar-pagination": [
                {
                    "name": "byId",
                    "type": "cursorId",
                    "request": {"start": {"type": "cursorId"}},
                    "response": {
                        "items": {"type": "items", "property": "rows", "itemCursor": ["key"]},
                        "going_on": {"type": "hasMore"},
                    },
                }
            ]
        },
    ),
    "links": document(
        "/things",
        [parameter("start")],
        {"onward": TEXT},
        operation={
            "responses": {
                "200": {
                    "description": "OK",
                    "links": {
                        "next": {"operationId": "listThings", "parameters": {"start": "$response.body#/onward"}},
                    },
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    "data": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                                    "onward": TEXT,
                                },
                            }
                        }
                    },
                }
            }
        },
    ),
}
CONVENTIONS["x-stainless-pagination-property"]["paths"]["/things"]["get"]["responses"]["200"]["content"][
    "application/json"
]["schema"]["properties"]["rows"].update(_purpose("items"))


@pytest.mark.parametrize("name", CONVENTIONS)
def test_conventions(name: str) -> None:
    found = surveyed(CONVENTIONS[name])
    assert found.profile is not None, found.lacks
    assert found.profile.next.param == "start"
    said = {role.at for role in found.roles if role.source is Source.CONVENTION}
    assert said == {name}
    by_id = Cursor("start", "item", None)
    expected = {
        "x-fern-pagination": Cursor("start", "body", ("meta", "onward")),
        "links": Cursor("start", "body", ("onward",)),
    }
    assert found.profile.next == expected.get(name, by_id)
    assert found.profile.items == (("data",) if name == "links" else ("rows",))
    if name not in expected:
        assert found.profile.id == ("key",)


def test_a_next_link_is_no_cursor() -> None:
    azure = document(
        "/things", [], {"nextLink": TEXT}, items="value", operation={"x-ms-pageable": {"nextLinkName": "nextLink"}}
    )
    (only,) = survey(Document("things.json", "", azure))
    assert [lack.role for lack in only.lacks] == ["next.param"]


def _group(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("takes", "envelope", "at", "more"),
    [
        ("cursor", {"pagination": _group(next_cursor=TEXT, has_more=BOOLEAN)}, "pagination.next_cursor", True),
        ("cursor", {"response_metadata": _group(next_cursor=TEXT)}, "response_metadata.next_cursor", False),
        ("after", {"pageInfo": _group(endCursor=TEXT, hasNextPage=BOOLEAN)}, "pageInfo.endCursor", True),
        ("after", {"paging": _group(cursors=_group(after=TEXT), next=TEXT)}, "paging.cursors.after", False),
        ("cursor", {"cursor": {"type": "string", "description": "That of the next page."}}, "cursor", False),
        ("next", {"meta": _group(next=TEXT, total=INTEGER)}, "meta.next", False),
        ("start_cursor", {"next_cursor": TEXT, "has_more": BOOLEAN}, "next_cursor", True),
        ("cursor", {"cursor": TEXT, "next_cursor": TEXT}, "next_cursor", False),
    ],
)
def test_a_token_is_found_wherever_the_answer_has_it(
    takes: str, envelope: dict[str, Any], at: str, *, more: bool
) -> None:
    found = profile(document("/things", [parameter(takes)], envelope))
    assert found.next == Cursor(takes, "body", tuple(at.split(".")))
    assert (found.more is not None) == more


@pytest.mark.parametrize(
    "links",
    [
        {"next": {"type": "string", "format": "uri"}},
        {"next": {"type": "string", "description": "URL of the next page."}},
        {"links": _group(next=TEXT)},
        {"next_url": TEXT},
    ],
)
def test_the_address_of_the_next_page_has_the_token_unless_the_cursor_is_an_id(links: dict[str, Any]) -> None:
    (name, _), *_ = links.items()
    at = ("links", "next") if name == "links" else (name,)
    assert profile(document("/things", [parameter("cursor")], links)).next == Cursor("cursor", "body", at)
    assert profile(document("/things", [parameter("after")], links)).next == Cursor("after", "item", None)


@pytest.mark.parametrize(
    ("given", "token"),
    [
        ("https://api.example/things?limit=9&cursor=a%2Fb%3D#top", "a/b="),
        ("/things?cursor=a+b", "a b"),
        ("?cursor=c", "c"),
        ("https://api.example/things?page=2", None),
        ("https://[", "https://["),
        ("a/b?cursor=c", "a/b?cursor=c"),
        ("eyJrIjoxfQ==", "eyJrIjoxfQ=="),
        ("", None),
        (None, None),
        (12, None),
    ],
)
def test_a_token_is_read_from_an_address(tmp_path: Path, given: object, token: str | None) -> None:
    operation = load_operation(written(tmp_path, ADDRESSES), name="listThings")
    assert operation.as_token(given, operation.profile.next.param) == token


@pytest.mark.parametrize(
    ("path", "item", "identity"),
    [
        ("/cranes", {"craneId": TEXT, "yardId": TEXT}, ("craneId",)),
        ("/yard-cranes", {"yard_crane_id": TEXT, "yard_id": TEXT}, ("yard_crane_id",)),
        ("/cargo", {"uuid": TEXT, "ship_id": TEXT}, ("uuid",)),
        ("/cargo", {"ship_id": TEXT, "port_id": TEXT}, ()),
        ("/moves", {"move": TEXT, "paid": TEXT}, ()),
    ],
)
def test_what_identifies_an_item_is_found_by_what_the_item_is_called(
    path: str, item: dict[str, Any], identity: tuple[str, ...]
) -> None:
    assert profile(document(path, [parameter("page_token")], {"next_page_token": TEXT}, item)).id == identity


def test_a_number_is_a_cursor_where_it_is_the_id_of_items() -> None:
    parameters = [parameter("after", "integer"), parameter("per_page", "integer")]
    numbers, texts = (document("/things", parameters, {"more": BOOLEAN}, {"id": kind}) for kind in (INTEGER, TEXT))
    assert profile(numbers).next.param == "after"
    assert [lack.role for lack in surveyed(texts).lacks] == ["next.param"]


def test_an_overlay_is_surer_than_all(tmp_path: Path) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(
        """\
overlay: 1.0.0
info: {title: Mine, version: 1.0.0}
actions:
  - target: $.paths['/things'].get
    update:
      x-list:
        item: {id: [status, id], time: null}
        filters: {}
        limit: {default: 5}
""",
        encoding="utf-8",
    )
    _, (found,) = survey_files(written(tmp_path, ID_CURSOR), overlay)
    assert found.profile is not None
    assert found.profile.id == ("status", "id")
    assert found.profile.time is None
    assert found.profile.filters == ()
    assert found.profile.limit == Limit("limit", 5, 1, 10_000)
    assert {role.source for role in found.roles if role.name == "limit.default"} == {Source.OVERLAY}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"itms": "data"}, "x-list/itms that is no role; perhaps items is meant"),
        ({"limit": {"default": "ten"}}, "x-list/limit/default that is not an integer"),
        ({"next": {"from": "header"}}, "is none of item, body"),
        ({"items": 5}, "x-list/items that is not a text or a list of texts"),
        ("data", "x-list that is no mapping"),
    ],
)
def test_an_x_list_that_says_nothing_is_refused(given: object, problem: str) -> None:
    data = document("/things", [parameter("after")], {"has_more": BOOLEAN}, operation={"x-list": given})
    with pytest.raises(ConfigurationError, match=problem):
        survey(Document("things.json", "", data))


_FLAGGED = {"has_more": BOOLEAN}
LACKING = {
    "no cursor": document("/things", [], {**_FLAGGED, "next_page": TEXT}),
    "no page size": document("/things", [parameter("after"), parameter("year", "integer")], _FLAGGED),
    "an unusual page size": document("/things", [parameter("after"), parameter("top", "integer")], _FLAGGED),
    "neither": answering(document("/things", [], _FLAGGED), {"properties": {"data": {"type": "array"}, **_FLAGGED}}),
    "no token": document("/things", [parameter("page", description="An opaque token.")], _FLAGGED),
    "no identity": document("/things", [parameter("after")], _FLAGGED, {"name": TEXT}),
    "no such parameter": answering(ID_CURSOR, _ITEMS, limit={"param": "size"}, filters={"colour": "id"}),
    "no such words": answering(ID_CURSOR, _ITEMS, order={"param": "order", "ascending": "up", "descending": "down"}),
    "no such array": answering(ID_CURSOR, _ITEMS, items="rows"),
}


@pytest.mark.parametrize("name", LACKING)
def test_what_is_missing_is_said_as_an_overlay_that_can_be_used_as_it_is(tmp_path: Path, name: str) -> None:
    _overlaid(tmp_path, surveyed(LACKING[name]), written(tmp_path, LACKING[name]))


def test_a_page_size_is_proposed_by_its_name() -> None:
    proposed = {name: surveyed(LACKING[name]).lacks[0].proposed for name in ("no page size", "an unusual page size")}
    assert proposed == {"no page size": "limit", "an unusual page size": "top"}


def _overlaid(folder: Path, found: Surveyed, spec: Path) -> None:
    assert found.lacks
    overlay = folder / "overlay.yaml"
    overlay.write_text(found.overlay(), encoding="utf-8")
    _, mended = survey_files(spec, overlay)
    (only,) = (each for each in mended if each.path == found.path)
    assert only.profile is not None, only.lacks
    assert load_operation(spec, overlay, name=found.name).path_template == found.path


def test_alternatives_have_what_all_of_them_have() -> None:
    kinds = [
        {"type": "object", "properties": {"id": TEXT, "type": {"const": name}, name: TEXT}} for name in ("one", "two")
    ]
    data = document("/things", [parameter("after")], {"has_more": BOOLEAN})
    data["components"]["schemas"]["Thing"] = {"oneOf": [*kinds, {"type": "null"}]}
    found = profile(data)
    assert found.id == ("id",)
    assert found.constants == ()


def test_an_operation_is_found_by_its_id_or_its_whole_path() -> None:
    data = {"paths": {**ID_CURSOR["paths"], **FIXED_ORDER["paths"]}}
    both = Document("things.json", "", data)
    assert find(both, "GET /things") == "/things"
    with pytest.raises(ConfigurationError, match="has the operationId listThings twice"):
        find(both, "listThings")
    with pytest.raises(ConfigurationError, match="perhaps GET /things is meant"):
        find(both, "GET /thing")


def test_the_command_shows_each_role_with_its_source(tmp_path: Path) -> None:
    spec = str(written(tmp_path, ID_CURSOR))
    shown = run("operations", "--spec", spec)
    assert shown.exit_code == 0
    assert "listThings  GET /things" in shown.stdout
    assert "Prose      prev.nearest true, limit.default 20" in shown.stdout
    assert "things.json: 1 list operation, 1 with all that a run needs." in shown.stdout
    (only,) = json.loads(run("operations", "listThings", "--json", "--spec", spec).stdout)
    assert only["operation"] == "listThings"
    assert {"role": "items", "value": "data", "source": "guessed from names", "at": ""} in only["roles"]
    refused = run("operations", "listThing", "--spec", spec)
    assert (refused.exit_code, refused.stdout) == (4, "")
    assert refused.stderr == ("contracts: things.json has no list operation listThing; perhaps listThings is meant.\n")


def test_the_command_says_which_properties_identify_an_item_together(tmp_path: Path) -> None:
    data = document("/things", [parameter("after")], {"has_more": BOOLEAN}, {"user_id": TEXT, "role": TEXT})
    data["paths"]["/things"]["get"]["x-list"] = {"item": {"id": ["user_id", "role"]}, "items": "data"}
    shown = run("operations", "--spec", str(written(tmp_path, data))).stdout
    assert "item.id user_id with role" in shown


def test_the_command_prints_what_is_missing_ready_to_paste(tmp_path: Path) -> None:
    spec = written(tmp_path, document("/things", [], {"has_more": BOOLEAN, "next_page": TEXT}))
    shown = run("operations", "--spec", str(spec)).stdout
    assert "Missing    next.param: the document names no query parameter" in shown
    assert '              param: "page_token"  # the query parameter that takes the cursor\n' in shown
    assert "      - name: page_token" in shown


@pytest.mark.parametrize(("name", "lists", "ready"), [("openai.json", 63, 62), ("anthropic.json", 22, 22)])
def test_the_lists_of_vendors_load_without_an_overlay(name: str, lists: int, ready: int) -> None:
    found = survey(load(vendors_document(name)))
    assert (len(found), sum(each.profile is not None for each in found)) == (lists, ready)


@pytest.mark.parametrize("name", ["openai.json", "anthropic.json"])
def test_what_lists_of_vendors_lack_is_said_as_an_overlay_that_can_be_used(tmp_path: Path, name: str) -> None:
    spec = vendors_document(name)
    for each in survey(load(spec)):
        if each.lacks:
            _overlaid(tmp_path, each, spec)


def test_what_vendors_say_in_prose_is_read() -> None:
    found = {each.name: each.profile for each in survey(load(vendors_document("openai.json")))}
    files, alerts = found["listFiles"], found["list-project-spend-alerts"]
    assert files is not None
    assert files.limit == Limit("limit", 10_000, 1, 10_000)
    assert alerts is not None
    assert alerts.limit == Limit("limit", 20, 0, 100)


def test_tokens_of_both_directions_are_read() -> None:
    both = profile(TOKENS_BOTH_WAYS)
    assert (both.next, both.prev) == (
        Cursor("next_token", "body", ("next_token",)),
        Cursor("previous_token", "body", ("previous_token",)),
    )
    assert both.nearest
    one = profile(ONE_PARAMETER)
    assert one.prev == Cursor("cursor", "body", ("paging", "previous"))


def test_a_link_tells_the_list_from_other_arrays() -> None:
    data = copy.deepcopy(CONVENTIONS["links"])
    schema = data["paths"]["/things"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    schema["properties"]["rows"] = schema["properties"].pop("data")
    assert profile(data).items == ("rows",)
