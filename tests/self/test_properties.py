"""Which properties of an answer are judged beside those that make the list go on."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.openapi.loading import load_operation
from contracts.openapi.properties import OtherProperties, item_schemas, other_properties
from contracts.openapi.references import References

DOCUMENT = {
    "components": {
        "schemas": {
            "Total": {"properties": {"total": {"type": "integer"}}},
            "Round": {"properties": {"state": {}}, "allOf": [{"$ref": "#/components/schemas/Round"}]},
        }
    }
}
REFERENCES = References("a document", DOCUMENT)


def others(*schemas: Any) -> OtherProperties:
    return other_properties(REFERENCES, schemas, ["data", "has_more"])


@pytest.mark.parametrize(
    ("schema", "among", "not_among"),
    [
        ({"properties": {"data": {}, "has_more": {}}}, [], ["data", "total"]),
        ({"properties": {"data": {}, "total": {}}}, ["total"], ["data", "state"]),
        ({"required": ["data", "total"]}, ["total"], ["data"]),
        ({"$ref": "#/components/schemas/Total"}, ["total"], ["data"]),
        ({"allOf": [{"$ref": "#/components/schemas/Total"}, {"properties": {"b": {}}}]}, ["total", "b"], ["c"]),
        ({"$ref": "#/components/schemas/Round"}, ["state"], ["total"]),
        ({"additionalProperties": {"type": "string"}}, ["anything"], ["data"]),
        ({"additionalProperties": True}, [], ["anything"]),
        ({"additionalProperties": {}}, [], ["anything"]),
        ({"patternProperties": {"^x-": {"type": "string"}}}, ["x-a"], ["a", "data"]),
        ({"patternProperties": {"^": {"type": "array"}}}, ["total"], ["data"]),
        (True, [], ["total"]),
    ],
)
def test_what_is_described_and_has_no_role(schema: Any, among: list[str], not_among: list[str]) -> None:
    found = others(schema)
    assert bool(found) is bool(among)
    assert [name for name in (*among, *not_among) if found.among({name: 1})] == among


def test_items_are_found_wherever_the_array_is_described() -> None:
    item: dict[str, Any] = {"properties": {"id": {}}}
    schema = {"allOf": [{"properties": {"data": {"items": item}}}, {"properties": {"data": {"items": True}}}]}
    assert item_schemas(REFERENCES, schema, "data") == [item, True]
    assert item_schemas(REFERENCES, {"properties": {"data": {"type": "array"}}}, "data") == [None]
    assert item_schemas(REFERENCES, {}, "data") == []


def test_the_published_operation_describes_none() -> None:
    operation = load_operation()
    assert not operation.envelope_others
    assert not operation.item_others
    further = operation.describing(envelope={"total": {"type": "integer"}}, item={"role": {"type": "string"}})
    assert further.envelope_others.described == {"total"}
    assert further.item_others.described == {"role"}
