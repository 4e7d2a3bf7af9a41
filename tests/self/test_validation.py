"""Bodies that keep the response schema and bodies that break it, in both dialects of OpenAPI."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from listed import ID_CURSOR, written

from contracts.clauses.registry import owner
from contracts.core.errors import ConfigurationError
from contracts.evidence.reader import Reader
from contracts.openapi.body import DEEPEST, MOST_DOUBLED, MOST_VALUES, WIDEST, parse, shown
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.openapi.validation import MOST_ITEMS, MOST_VIOLATIONS, Validator

PUBLISHED = load_operation()
VENDOR_LIKE = load_operation(Path(__file__).parent / "documents" / "vendor-like-3.1.yaml")
VALIDATORS = {"3.0": Validator(PUBLISHED), "3.1": Validator(VENDOR_LIKE)}
ITEM = {"id": "cp_1", "created_at": 1721764867, "project_id": "proj_1", "object": "checkpoint.permission"}


def page(**changes: Any) -> dict[str, Any]:
    right = {"object": "list", "data": [ITEM], "first_id": "cp_1", "last_id": "cp_1", "has_more": False}
    return {key: value for key, value in (right | changes).items() if value is not ...}


def item(**changes: Any) -> dict[str, Any]:
    return page(data=[ITEM, {key: value for key, value in (ITEM | changes).items() if value is not ...}])


RIGHT = [
    page(),
    page(data=[], first_id=None, last_id=None),
    page(data=[], first_id=..., last_id=...),
    page(extra={"object": 1}, next=None),
    item(extra=None),
    item(id="", created_at=-1, project_id="é\n"),
    item(created_at=10**400),
]

WRONG: list[tuple[Any, set[tuple[str, str]]]] = [
    ([], {("ENV-001", "$")}),
    (None, {("ENV-001", "$")}),
    ("list", {("ENV-001", "$")}),
    (page(object=...), {("ENV-002", "$.object")}),
    (page(object="List"), {("ENV-002", "$.object")}),
    (page(object=1), {("ENV-002", "$.object")}),
    (page(data=...), {("ENV-003", "$.data")}),
    (page(data=None), {("ENV-003", "$.data")}),
    (page(data={"0": ITEM}), {("ENV-003", "$.data")}),
    (page(has_more=...), {("ENV-004", "$.has_more")}),
    (page(has_more=0), {("ENV-004", "$.has_more")}),
    (page(has_more="false"), {("ENV-004", "$.has_more")}),
    (page(has_more=None), {("ENV-004", "$.has_more")}),
    (page(first_id=1), {("ENV-005", "$.first_id")}),
    (page(last_id=["cp_1"]), {("ENV-006", "$.last_id")}),
    (page(data=[ITEM, "cp_1"]), {("ITM-001", "$.data[1]")}),
    (page(data=[None]), {("ITM-001", "$.data[0]")}),
    (item(id=...), {("ITM-001", "$.data[1].id")}),
    (item(created_at=..., object=...), {("ITM-001", "$.data[1].created_at"), ("ITM-001", "$.data[1].object")}),
    (item(id=1), {("ITM-002", "$.data[1].id")}),
    (item(id=None), {("ITM-002", "$.data[1].id")}),
    (item(created_at=1721764867.0), {("ITM-003", "$.data[1].created_at")}),
    (item(created_at=True), {("ITM-003", "$.data[1].created_at")}),
    (item(created_at="1721764867"), {("ITM-003", "$.data[1].created_at")}),
    (item(created_at=None), {("ITM-003", "$.data[1].created_at")}),
    (item(created_at=float("inf")), {("ITM-003", "$.data[1].created_at")}),
    (item(project_id=None), {("ITM-005", "$.data[1].project_id")}),
    (item(object="list"), {("ITM-006", "$.data[1].object")}),
    (item(object=None), {("ITM-006", "$.data[1].object")}),
    (page(object=..., data=..., has_more=...),
     {("ENV-002", "$.object"), ("ENV-003", "$.data"), ("ENV-004", "$.has_more")}),
    (page(has_more=1, data=[{**ITEM, "id": 1, "object": 2}]),
     {("ENV-004", "$.has_more"), ("ITM-002", "$.data[0].id"), ("ITM-006", "$.data[0].object")}),
]  # fmt: skip


@pytest.fixture(params=VALIDATORS)
def validator(request: pytest.FixtureRequest) -> Validator:
    return VALIDATORS[request.param]


@pytest.mark.parametrize("value", RIGHT, ids=range(len(RIGHT)))
def test_right_bodies(validator: Validator, value: Any) -> None:
    assert validator.violations(value) == ()


@pytest.mark.parametrize(("value", "expected"), WRONG, ids=range(len(WRONG)))
def test_wrong_bodies(value: Any, expected: set[tuple[str, str]]) -> None:
    for validator in VALIDATORS.values():
        violations = validator.violations(value)
        assert {(owner(violation.node), violation.path) for violation in violations} == expected
        assert len(violations) == len(expected)


@pytest.mark.parametrize(
    ("value", "expected", "actual"),
    [
        (page(object=...), "present", "absent"),
        (page(object="lst"), '"list"', '"lst"'),
        (item(object=1), '"checkpoint.permission"', "1"),
        (page(first_id=7), "a string or null", "7"),
        (page(has_more="no"), "true or false", '"no"'),
        (page(data={}), "an array", "an object of 0 properties"),
        (item(created_at=1.5), "an integer", "1.5"),
        ([ITEM], "an object", "an array of 1 value"),
    ],
)
def test_violations_say_what_is_wrong(validator: Validator, value: Any, expected: str, actual: str) -> None:
    (violation,) = validator.violations(value)
    assert (violation.expected, violation.actual) == (expected, actual)


# Any body at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def mostly(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(right, right, right, right, right, right, JSON, st.just(...))


def record(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({name: mostly(values) for name, values in fields.items()}).map(
        lambda drawn: {name: value for name, value in drawn.items() if value is not ...}
    )


TEXTS = st.text(max_size=3)
ITEMS = record({
    "id": TEXTS, "created_at": st.integers() | st.sampled_from([1.0, 2.5, True]), "project_id": TEXTS,
    "object": st.just("checkpoint.permission"), "x": JSON,
})  # fmt: skip
DATA = st.lists(mostly(ITEMS).filter(lambda value: value is not ...), max_size=3)
BODIES = mostly(
    record({
        "object": st.just("list"), "data": DATA, "has_more": st.booleans(),
        "first_id": st.none() | TEXTS, "last_id": st.none() | TEXTS,
    })
).filter(lambda value: value is not ...)  # fmt: skip


def reference(operation: Operation) -> jsonschema_rs.Validator:
    """The same schema for an independent validator, which knows neither ``nullable`` nor our leniency."""
    components = copy.deepcopy(operation.document["components"])
    if operation.dialect == "3.0":
        properties = components["schemas"]["ListFineTuningCheckpointPermissionResponse"]["properties"]
        for name in ("first_id", "last_id"):
            assert properties[name] == {"type": "string", "nullable": True}
            properties[name] = {"type": ["string", "null"]}
        return jsonschema_rs.Draft4Validator({**operation.response_schema, "components": components})
    del components["schemas"]["Permission"]["additionalProperties"]
    # JSON Schema takes 1.0 for an integer since draft 6; the document's readers do not.
    components["schemas"]["Permission"]["properties"]["created_at"] = {"$ref": "urn:strict"}
    strict = {"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"}
    registry = jsonschema_rs.Registry([("urn:strict", strict)], draft=jsonschema_rs.Draft202012)
    return jsonschema_rs.Draft202012Validator(
        {**operation.response_schema, "components": components}, registry=registry
    )


REFERENCES = {"3.0": reference(PUBLISHED), "3.1": reference(VENDOR_LIKE)}


@given(BODIES)
def test_every_validator_agrees(value: Any) -> None:
    found = {dialect: validator.violations(value) for dialect, validator in VALIDATORS.items()}
    for dialect, violations in found.items():
        assert bool(violations) is not REFERENCES[dialect].is_valid(value)
    assert {(owner(one.node), one.path) for one in found["3.0"]} == {
        (owner(one.node), one.path) for one in found["3.1"]
    }
    for violation in (*found["3.0"], *found["3.1"]):
        for text in (violation.expected, violation.actual):
            assert text.isprintable()
            assert 0 < len(text) <= WIDEST


# Other documents' schemas


def validator_for(tmp_path: Path, edit: Callable[[dict[str, Any]], object], source: Operation = PUBLISHED) -> Validator:
    data = copy.deepcopy(source.document)
    del data["paths"][source.path_template]["get"]["responses"]["4XX"]
    edit(data["components"]["schemas"])
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return Validator(load_operation(path))


LIST = "ListFineTuningCheckpointPermissionResponse"
PERMISSION = "FineTuningCheckpointPermission"


@pytest.mark.parametrize(
    "cursor",
    [
        {"type": "string", "nullable": True},
        {"type": "string", "enum": ["cp_1"], "nullable": True},
        {"allOf": [{"$ref": "#/components/schemas/Id"}], "nullable": True},
        {"$ref": "#/components/schemas/Id", "nullable": True},
        {"$ref": "#/components/schemas/MaybeId"},
        {"oneOf": [{"type": "string"}, {"type": "boolean", "nullable": True}]},
    ],
)
def test_nullable_allows_null_wherever_it_stands(tmp_path: Path, cursor: dict[str, Any]) -> None:
    def edit(schemas: dict[str, Any]) -> None:
        schemas[LIST]["properties"]["first_id"] = cursor
        schemas["Id"] = {"type": "string"}
        schemas["MaybeId"] = {"type": "string", "nullable": True}

    validator = validator_for(tmp_path, edit)
    assert validator.violations(page(first_id=None)) == ()
    assert validator.violations(page()) == ()
    (violation,) = validator.violations(page(first_id=1))
    assert owner(violation.node) == "ENV-005"
    assert "null" in violation.expected


def test_property_called_nullable_is_a_property(tmp_path: Path) -> None:
    validator = validator_for(
        tmp_path, lambda schemas: schemas[PERMISSION]["properties"].update(nullable={"type": "string"})
    )
    assert validator.violations(item(nullable="x")) == ()
    assert [owner(violation.node) for violation in validator.violations(item(nullable=True))] == ["ITM-011"]


def test_further_constraints_belong_to_their_place(tmp_path: Path) -> None:
    def edit(schemas: dict[str, Any]) -> None:
        schemas[LIST].update(required=[*schemas[LIST]["required"], "total"], maxProperties=6)
        schemas[LIST]["properties"]["total"] = {"type": "integer", "minimum": 0, "exclusiveMinimum": True}
        schemas[LIST]["properties"]["data"]["maxItems"] = 1
        schemas[PERMISSION]["properties"]["id"]["minLength"] = 3
        schemas[PERMISSION]["minProperties"] = 5

    validator = validator_for(tmp_path, edit)

    def found(value: Any) -> set[tuple[str, str]]:
        return {(owner(one.node), one.path) for one in validator.violations(value)}

    assert found(page(total=1, data=[{**ITEM, "x": 1}])) == set()
    assert found(page(data=[])) == {("ENV-008", "$.total")}
    assert found(page(data=[], total=0)) == {("ENV-008", "$.total")}
    assert found(page(data=[], total=1, x=1)) == {("ENV-001", "$")}
    assert found(page(total=1, data=[{**ITEM, "id": "x", "x": 1}])) == {("ITM-002", "$.data[0].id")}
    assert found(item(x=1) | {"total": 1}) == {("ENV-003", "$.data"), ("ITM-001", "$.data[0]")}


def test_presence_is_demanded_by_the_document_alone(tmp_path: Path) -> None:
    def edit(schemas: dict[str, Any]) -> None:
        del schemas[LIST]["required"], schemas[PERMISSION]["required"]

    validator = validator_for(tmp_path, edit)
    assert validator.violations({}) == ()
    assert validator.violations({"data": [{}]}) == ()
    assert [owner(one.node) for one in validator.violations({"data": [{"id": 1}]})] == ["ITM-002"]


def test_branches_are_judged_by_the_one_that_fits_best(tmp_path: Path) -> None:
    def edit(schemas: dict[str, Any]) -> None:
        schemas[LIST]["properties"]["data"]["items"] = {
            "oneOf": [{"type": "null"}, {"$ref": f"#/components/schemas/{PERMISSION}"}, {"type": "string"}]
        }

    validator = validator_for(tmp_path, edit)
    assert validator.violations(page(data=[ITEM, None, "x"])) == ()
    assert [(owner(one.node), one.path) for one in validator.violations(item(id=1))] == [("ITM-002", "$.data[1].id")]
    assert [(owner(one.node), one.path) for one in validator.violations(item(id=...))] == [("ITM-001", "$.data[1].id")]
    (violation,) = validator.violations(page(data=[1]))
    assert (owner(violation.node), violation.expected) == ("ITM-001", "null or an object or a string")


@pytest.mark.parametrize(
    "schema", [{"type": "strng"}, {"type": "string", "pattern": "("}, {"required": True}, {"enum": "list"}]
)
def test_schema_that_is_none(tmp_path: Path, schema: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"^edited\.json has no valid schema at .*; fix it\.$"):
        validator_for(tmp_path, lambda schemas: schemas[PERMISSION]["properties"].update(id=schema))


@pytest.mark.parametrize(("source", "keyword"), [(PUBLISHED, "id"), (VENDOR_LIKE, "$id")], ids=["3.0", "3.1"])
def test_schema_with_an_identity_still_finds_the_components(tmp_path: Path, source: Operation, keyword: str) -> None:
    def edit(schemas: dict[str, Any]) -> None:
        schema = schemas["Permission" if source is VENDOR_LIKE else PERMISSION]
        schema["properties"]["id"] = {
            keyword: "https://example.test/id",
            "allOf": [{"$ref": "#/components/schemas/Id"}],
        }
        schemas["Id"] = {"type": "string"}

    validator = validator_for(tmp_path, edit, source)
    assert validator.violations(page()) == ()
    assert [owner(violation.node) for violation in validator.violations(item(id=1))] == ["ITM-002"]


def test_body_is_an_object_even_if_the_document_forgets_to_say_so(tmp_path: Path) -> None:
    validator = validator_for(tmp_path, lambda schemas: schemas[LIST].pop("type"))
    assert [owner(violation.node) for violation in validator.violations([])] == ["ENV-001"]


# Bodies as text


@pytest.mark.parametrize(
    ("body", "defect"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b"[Infinity]", "Infinity is no JSON"),
        (b"[-Infinity]", "-Infinity is no JSON"),
        (b"{} x", "at character 3, before"),
        (b"{}{}", "at character 2, before"),
        (b")]}'\n{}", "at character 0, before"),
        (b"{'a': 1}", "at character 1, before"),
        (b'{"a": 1', "the end"),
        (b'{"a": "\n"}', "at character 7"),
        (b"[1,]", "at character"),
        (b"[01]", "at character"),
        (b"[.5]", "at character"),
        (b"\x0c{}", "at character 0"),
        (b"<html>" + b"x" * 1000, "at character 0"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "nested more than 200 levels deep"),
        (b'{"a":' * 100_000, "nested more than 200 levels deep"),
        (b"[" + b"1" * 5000 + b"]", "too many digits"),
    ],
)
def test_bodies_that_are_no_json(body: bytes, defect: str) -> None:
    parsed = parse(body)
    assert parsed.value is None
    assert parsed.defect is not None
    assert defect in parsed.defect
    assert parsed.defect.isprintable()
    assert len(parsed.defect) <= 3 * WIDEST


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b' \r\n\t{"a": 1}\n', {"a": 1}),
        (b"[1.0, 1e3, -0, true]", [1.0, 1000.0, 0, True]),
        (b"[1e999]", [float("inf")]),
        ('["é😀"]'.encode(), ["é😀"]),
        (rb'["\ud800", "\u0000"]', ["\ud800", "\0"]),
        (b'"' + b"[" * 1000 + rb"\"" + b'"', "[" * 1000 + '"'),
        (b"[" + b"[]," * 1000 + b"1]", [[]] * 1000 + [1]),
    ],
)
def test_bodies_that_are_json(body: bytes, value: Any) -> None:
    parsed = parse(body)
    assert (parsed.defect, parsed.doubled) == (None, ())
    assert repr(parsed.value) == repr(value)


def test_nesting_is_counted_exactly() -> None:
    body = b"[" * (DEEPEST - 1) + b"[],[]" + b"]" * (DEEPEST - 1)
    assert parse(body).defect is None


def test_values_are_counted_and_what_looks_like_them_in_a_string_is_not() -> None:
    assert parse(b"[" + b"0," * (MOST_VALUES - 2) + b"0]").defect is None
    assert "values" in str(parse(b"[" + b"0," * MOST_VALUES + b"0]").defect)
    text = "[{," * MOST_VALUES + "\\"
    assert parse(json.dumps([text, text]).encode()).value == [text, text]


def test_what_is_named_of_a_body_has_an_end() -> None:
    doubled = b"[" + b",".join(b'{"a": 1, "a": 2}' for _ in range(MOST_DOUBLED * 2)) + b"]"
    assert len(parse(doubled).doubled) == MOST_DOUBLED
    found = VALIDATORS["3.0"].violations({"object": "list", "data": [{}] * 9999, "has_more": False})
    assert MOST_VIOLATIONS <= len(found) <= MOST_VIOLATIONS + 4
    right = {"object": "checkpoint.permission", "id": "a", "created_at": 1, "project_id": "p"}
    beyond = {"object": "list", "data": [*[right] * MOST_ITEMS, {}], "has_more": False}
    assert VALIDATORS["3.0"].violations(beyond) == ()


def test_a_reader_holds_little_of_what_it_has_read() -> None:
    reader = Reader(PUBLISHED)
    bodies = [json.dumps({"object": "list", "data": [], "n": n, "pad": "x" * 10**6}).encode() for n in range(9)]
    first = reader.parsed(bodies[0])
    assert reader.parsed(bodies[0]) is first
    for body in bodies:
        assert reader.parsed(body).value["pad"]
    assert reader.parsed(bodies[0]) is not first
    assert reader.parsed(bodies[0]) == first
    assert all(reader.flaws(body) == (None, ()) for body in bodies)


@pytest.mark.parametrize(
    ("body", "doubled"),
    [
        (b'{"a": 1, "a": 1}', ("$.a",)),
        (b'{"data": [{}, {"id": 1, "id": 2, "x": 1, "x": 2, "x": 3}], "y": 0}', ("$.data[1].id", "$.data[1].x")),
        (b'{"a": 1, "\\u0061": 2}', ("$.a",)),
        (b'{"a b": {"\\n": 1, "\\n": 2}}', (r'$["a b"]["\n"]',)),
        (b'{"a": {"b": 1}, "c": {"b": 1}}', ()),
    ],
)
def test_doubled_keys(body: bytes, doubled: tuple[str, ...]) -> None:
    parsed = parse(body)
    assert parsed.defect is None
    assert parsed.doubled == doubled


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()) | st.text().map(str.encode))
def test_reader_never_fails_and_agrees_with_python_where_it_reads(body: bytes) -> None:
    parsed = parse(body)
    if parsed.defect is None:
        assert json.loads(body) == parsed.value
    else:
        assert parsed.defect.isprintable()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb\x1b[31m\u202e\ud800", r'"a\nb\u001b[31m\u202e\ud800"'),
        ("x" * 1000, '"' + "x" * 58 + "…"),
        (10**4000, "an integer of 13288 bits"),
        (float("-inf"), "a number beyond the range of floats"),
        ({"a": 1}, "an object of 1 property"),
        ([1, 2], "an array of 2 values"),
        (None, "null"),
        (True, "true"),
        (1721764867000, "1721764867000"),
    ],
)
def test_shown(value: Any, text: str) -> None:
    assert shown(value) == text
    assert len(text) <= WIDEST


@pytest.mark.parametrize(
    ("data", "wrong"),
    [([], set()), (None, {"$.data"}), ([{"id": "a"}], {"$.first_id", "$.last_id"})],
    ids=["no items", "no array", "an item"],
)
def test_a_page_without_items_has_no_ids_to_give(tmp_path: Path, data: object, wrong: set[str]) -> None:
    validator = Validator(load_operation(written(tmp_path, ID_CURSOR), name="listThings"))
    body = {"object": "list", "data": data, "first_id": None, "last_id": None, "has_more": False}
    assert {each.path for each in validator.violations(body)} == wrong
