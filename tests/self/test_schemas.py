"""The quick judgement of a body agrees with the one that says what is wrong, wherever it calls a body right."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from listed import FILTERS, FIXED_ORDER, ID_CURSOR, TEXT, TOKEN_ALONE, document, parameter, vendors_document, written

from contracts.openapi.document import load
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.openapi.references import References
from contracts.openapi.samples import sample
from contracts.openapi.schemas import schema_validator
from contracts.openapi.survey import survey

ODD: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 1.0, 1.5, 10**30, "", "x", "ab", "ab\n", "٣", "\ud800", [], {}, [None], {"x": 1}),
    *("2024-02-30", "2024-02-29", "2024-02-29T23:59:60Z", "a@b", "::1", "300.0.0.1", "small", "http://x y"),
    "12345678-1234-1234-1234-123456789012",
)
ALTERNATIVES = {
    "oneOf": [
        {"type": "object", "properties": {"type": {"enum": [name]}, name: {"type": "integer"}}, "required": ["type"]}
        for name in ("first", "second", "third")
    ],
    "discriminator": {"propertyName": "type"},
}
RICH = document(
    "/things",
    [parameter("after")],
    {"has_more": {"type": "boolean"}},
    {
        "id": TEXT,
        "code": {"type": "string", "pattern": "^[a-z]{2}$"},
        "day": {"type": ["string", "null"], "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "mail": {"type": "string", "format": "email"},
        "link": {"type": "string", "format": "uri"},
        "key": {"type": "string", "format": "uuid"},
        "address": {"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]},
        "until": {"type": ["integer", "null"], "format": "unixtime"},
        "small": {"type": "integer", "format": "int32"},
        "size": {"type": "integer", "minimum": 0, "exclusiveMaximum": 10},
        "part": {"type": "number", "multipleOf": 0.5},
        "kind": {"const": "small"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 2}, "uniqueItems": True, "maxItems": 2},
        "body": ALTERNATIVES,
        "more": {"type": "object", "additionalProperties": {"type": "integer"}, "propertyNames": {"pattern": "^x"}},
    },
    required=("data", "has_more"),
)
OLD = copy.deepcopy({**RICH, "openapi": "3.0.3"})
OLD["components"]["schemas"]["Thing"]["properties"]["size"] = {
    "type": "integer",
    "maximum": 9,
    "exclusiveMaximum": True,
}


def changed(value: Any) -> Iterator[Any]:
    """Copies of a value, each with one part left out or odd."""
    places: list[tuple[Any, ...]] = [()]
    for place in places:
        node = at(value, place)
        keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        places.extend((*place, key) for key in keys)
    for place in places[1:]:
        for odd in (..., *ODD):
            other = copy.deepcopy(value)
            holder = at(other, place[:-1])
            if odd is ...:
                del holder[place[-1]]
            else:
                holder[place[-1]] = odd
            yield other


def at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def full(operation: Operation) -> dict[str, Any]:
    """A page with all that its document describes."""
    references = References(operation.name, operation.document)
    page: dict[str, Any] = sample(references, operation.response_schema)
    return {**page, operation.roles.items: [sample(references, operation.item_schema)]}


def disagreements(operation: Operation, extra: dict[str, Any]) -> list[Any]:
    thorough, quick = schema_validator(operation)
    page = full(operation)
    page[operation.roles.items][0].update(extra)
    assert quick(page) == (not list(thorough.iter_errors(page)))
    return [each for each in changed(page) if quick(each) and list(thorough.iter_errors(each))]


@pytest.mark.parametrize("data", [ID_CURSOR, TOKEN_ALONE, FIXED_ORDER, FILTERS, RICH, OLD])
def test_what_is_quickly_called_right_is_right(tmp_path: Path, data: dict[str, Any]) -> None:
    operation = load_operation(written(tmp_path, data), name="listThings")
    extra = {"code": "ab", "tags": ["a", "b"], "body": {"type": "second", "second": 1}, "more": {"x": 1}}
    assert disagreements(operation, extra if data in (RICH, OLD) else {}) == []


def test_a_right_page_is_quickly_called_right(tmp_path: Path) -> None:
    operation = load_operation(written(tmp_path, ID_CURSOR), name="listThings")
    _, quick = schema_validator(operation)
    assert quick(full(operation))


def test_no_document_is_fetched(tmp_path: Path) -> None:
    data = copy.deepcopy(ID_CURSOR)
    data["components"]["schemas"]["Thing"]["$comment"] = "see https://example.com/schema.json"
    assert schema_validator(load_operation(written(tmp_path, data), name="listThings"))


@pytest.mark.parametrize("name", ["openai.json", "anthropic.json"])
def test_on_vendors_lists_both_agree(name: str) -> None:
    path = vendors_document(name)
    for each in survey(load(path)):
        if each.profile is not None and each.profile.items == ("data",):
            assert disagreements(load_operation(path, name=each.name), {}) == [], each.name


def test_what_is_required_and_not_described_is_a_leftover_unless_another_part_describes_it(tmp_path: Path) -> None:
    data = document("/things", [parameter("after")], {}, {"id": TEXT}, required=())
    shut = {
        "type": "object",
        "properties": {"id": TEXT, "approval_id": TEXT},
        "required": ["id", "approval_id", "request_id"],
    }
    named = {"type": "object", "properties": {"name": TEXT}, "required": ["id"]}
    data["components"]["schemas"] |= {"Shut": shut, "Named": named, "Bare": {"required": ["gone"], "properties": {}}}
    data["components"]["schemas"]["Thing"] = {
        "oneOf": [
            {"$ref": "#/components/schemas/Shut"},
            {"allOf": [{"$ref": "#/components/schemas/Named"}, {"properties": {"id": TEXT}, "required": ["name"]}]},
        ]
    }
    exact, quick = schema_validator(load_operation(written(tmp_path, data), name="listThings"))
    bodies = {
        True: ({"id": "a", "approval_id": "b"}, {"id": "a", "name": "b"}),
        False: ({"approval_id": "b"}, {"name": "b"}),
    }
    for right, items in bodies.items():
        for each in items:
            body = {"data": [each]}
            assert (exact.is_valid(body), quick(body)) == (right, right), each


def test_an_empty_list_of_required_properties_requires_none(tmp_path: Path) -> None:
    data = document("/things", [parameter("after")], {"meta": {"type": "object", "required": []}}, required=())
    data["openapi"] = "3.0.3"
    exact, _ = schema_validator(load_operation(written(tmp_path, data), name="listThings"))
    assert exact.is_valid({"data": [], "meta": {}})
