"""The published document, any other that describes the operation, and the files that are neither."""

from __future__ import annotations

import copy
import hashlib
import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from quoting import published_texts, stands

from contracts.core.errors import ConfigurationError, ContractsError
from contracts.core.model import Capability, Order, Query
from contracts.openapi import document, texts
from contracts.openapi.loading import load_operation
from contracts.openapi.overlay import apply_overlay
from contracts.openapi.quotes import Quote

PUBLISHED = document.published("openapi.yaml")
VENDOR_LIKE = Path(__file__).parent / "documents" / "vendor-like-3.1.yaml"
OPERATION = load_operation()
PERMISSIONS = "/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions"
RESPONSE_SCHEMA = "#/components/schemas/ListFineTuningCheckpointPermissionResponse"

Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a document, given as text, bytes or data, and give its path."""

    def to_file(content: Any) -> Path:
        path = tmp_path / "given.yaml"
        if isinstance(content, dict):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to_file


def published() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    return data


def get(data: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = data["paths"][PERMISSIONS]["get"]
    return node


def sentence(path: Path, overlay: Path | None = None) -> str:
    """The error that a document brings; it must be one clear sentence."""
    with pytest.raises(ConfigurationError) as caught:
        load_operation(path, overlay)
    text = str(caught.value)
    assert re.fullmatch(r"[^\n]{20,400}\.", text)
    assert text.isprintable()
    assert ". " not in text.replace(str(path), "")
    assert caught.value.exit_code == 4
    return text


# The published files


def test_published_files_are_those_of_their_sources() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$",
        document.published("SOURCES.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert {name for name, _ in rows} == {"openapi.yaml", "sdk-page.txt"}
    for name, digest in rows:
        assert hashlib.sha256(document.published(name).read_bytes()).hexdigest() == digest


def test_published_operation() -> None:
    assert OPERATION.name == "openapi.yaml"
    assert OPERATION.path_template == PERMISSIONS
    assert OPERATION.dialect == "3.0"
    assert OPERATION.default_limit == 10
    assert OPERATION.default_order is Order.DESCENDING
    assert OPERATION.order_words == {Order.ASCENDING: "ascending", Order.DESCENDING: "descending"}
    assert OPERATION.roles.scope == "fine_tuned_model_checkpoint"
    assert OPERATION.sha256 == hashlib.sha256(PUBLISHED.read_bytes()).hexdigest()
    assert "4XX" in get(OPERATION.document)["responses"]
    assert "document" not in repr(OPERATION).replace("document=", "")


def test_published_files_are_read_as_pyyaml_reads_them() -> None:
    for name in ("openapi.yaml", "overlay.yaml"):
        text = document.published(name).read_text(encoding="utf-8")
        assert document.load(document.published(name)).data == yaml.safe_load(text)


def test_plain_scalars_are_those_of_the_core_schema(write: Write) -> None:
    text = "{on: yes, n: ~, no: [1_0, 0x10, 012, 1e3, -.5, .inf, 2024-01-01, <<, =, null, FALSE], 200: '1', <<: {a: 1}}"
    expected = {"on": "yes", "n": None, "200": "1", "<<": {"a": 1}}
    parts = ["1_0", "0x10", 12, 1000.0, -0.5, ".inf", "2024-01-01", "<<", "=", None, False]
    assert document.load(write("# no JSON\n" + text)).data == {**expected, "no": parts}


def test_reader_without_the_parser_in_c(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = document.load(PUBLISHED)
    before = dict(vars(texts))
    try:
        with monkeypatch.context() as patch:
            patch.delattr(yaml, "CSafeLoader", raising=False)
            importlib.reload(texts)
            assert not issubclass(texts.LOADER, getattr(yaml, "CParser", ()))
            assert document.load(PUBLISHED) == expected
            with pytest.raises(ConfigurationError, match="nested more than 200 levels"):
                document.load(write("[" * 5000))
    finally:
        # Others have imported these very classes and functions.
        vars(texts).update(before)


# Overlay


def test_each_action_gives_its_reason_and_changes_the_document() -> None:
    overlay = document.load(document.published("overlay.yaml"))
    reduced = published()
    assert overlay.data["actions"]
    for action in overlay.data["actions"]:
        assert len(action["description"].split()) >= 10
        before = copy.deepcopy(reduced)
        apply_overlay(reduced, document.Document("one", "", {"overlay": "1.0.0", "actions": [action]}))
        assert reduced != before


def test_known_defects_name_places_that_exist() -> None:
    data, page = published_texts()
    defects = document.load(document.published("overlay.yaml")).data["x-known-defects"]
    operation = get(data)
    places = {"sdk-page.txt", *operation, *(f"parameters/{entry['name']}" for entry in operation["parameters"])}
    assert places >= {defect["at"] for defect in defects} >= {"sdk-page.txt"}
    with pytest.raises(json.JSONDecodeError):
        json.loads(page[page.rindex('{\n  "object"') :])


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ({"target": "$.paths[*].patch", "update": {}}, "selects nothing"),
        ({"target": "$.paths[", "update": {}}, "no JSONPath"),
        ({"update": {}}, "has no target"),
        ("remove", "has no target"),
        ({"target": "$.info"}, "updates no mapping"),
        ({"target": "$.info.title", "update": {"a": 1}}, "updates no mapping"),
        ({"target": "$.info", "remove": True}, "updates no mapping"),
    ],
)
def test_overlay_action_that_cannot_be_applied(write: Write, action: Any, problem: str) -> None:
    overlay = copy.deepcopy(document.load(document.published("overlay.yaml")).data)
    path = write({**overlay, "actions": [*overlay["actions"], action]})
    with pytest.raises(ConfigurationError, match=problem) as caught:
        load_operation(overlay=path)
    assert "action 3," in str(caught.value)


@pytest.mark.parametrize("overlay", [{"overlay": "1.0.0"}, {"actions": []}, {"overlay": "2.0.0", "actions": []}])
def test_overlay_that_is_none(write: Write, overlay: dict[str, Any]) -> None:
    wanted = {"path": "/fine_tuning/checkpoints/{}/permissions", "operationId": "x"}
    with pytest.raises(ConfigurationError, match="no OpenAPI Overlay"):
        load_operation(overlay=write({**overlay, "x-operation": wanted}))


def test_overlay_merges_appends_and_replaces() -> None:
    data = {"a": {"b": [1], "c": 1, "d": {"e": 1}}, "list": [{"x": 1}, {"x": 2}, {"x": 3}]}
    actions = [
        {"target": "$.a", "update": {"b": [2], "c": 2, "d": {"f": 2}}},
        {"target": "$.a.b", "update": 3},
        {"target": "$.list[?@.x > 1]", "update": {"y": 1}},
    ]
    apply_overlay(data, document.Document("o", "", {"overlay": "1.0.0", "actions": actions}))
    assert data == {
        "a": {"b": [1, 2, 3], "c": 2, "d": {"e": 1, "f": 2}},
        "list": [{"x": 1}, {"x": 2, "y": 1}, {"x": 3, "y": 1}],
    }


# Other documents


def test_document_of_another_version_with_other_names() -> None:
    operation = load_operation(VENDOR_LIKE)
    assert operation.dialect == "3.1"
    assert operation.path_template == "/fine_tuning/checkpoints/{checkpoint}/permissions"
    assert operation.default_limit == 20
    assert operation.default_order is Order.DESCENDING
    assert operation.response_schema == {"$ref": "#/components/schemas/PermissionPage"}
    assert list(operation.document["paths"]) == [operation.path_template]
    assert list(operation.document["paths"][operation.path_template]) == ["get"]
    names = [
        parameter["name"] for parameter in operation.document["paths"][operation.path_template]["get"]["parameters"]
    ]
    assert names == ["checkpoint", "project_id", "after", "limit", "order"]
    components = operation.document["components"]
    assert set(components["schemas"]) == {"Direction", "Cursor", "PermissionPage", "Permission"}
    assert set(components["securitySchemes"]) == {"AdminKey", "OtherKey"}
    assert operation.request(Query("a")).path == "/fine_tuning/checkpoints/a/permissions"


def test_json_is_a_document_too(write: Write) -> None:
    assert load_operation(write(published())).document == OPERATION.document


def test_operation_is_found_below_a_prefix_and_by_its_id(write: Write) -> None:
    data = published()
    data["paths"] = {"/v1" + PERMISSIONS: data["paths"][PERMISSIONS]}
    assert load_operation(write(data)).request(Query("a:b")).path == "/v1/fine_tuning/checkpoints/a:b/permissions"
    data["paths"] = {"/other/{id}": data["paths"].popitem()[1]}
    assert load_operation(write(data)).path_template == "/other/{id}"


def test_unrelated_parts_are_not_looked_at(write: Write) -> None:
    data = published()
    for number in range(2000):
        data["paths"][f"/unrelated/{number}"] = {"get": {"responses": {"200": {"$ref": "#/nowhere"}}}}
        data["components"]["schemas"][f"Unrelated{number}"] = {"$ref": "https://example.test/schema.json"}
    assert load_operation(write(data)).document == OPERATION.document


def test_data_with_a_reference_in_it_is_no_reference(write: Write) -> None:
    data = published()
    get(data)["x-note"] = {"$ref": "#/nowhere"}
    item = data["components"]["schemas"]["FineTuningCheckpointPermission"]
    item["example"] = {"$ref": "elsewhere.yaml"}
    item["properties"]["default"] = {"$ref": "#/components/schemas/More"}
    data["components"]["schemas"]["More"] = {"type": "string"}
    assert "More" in load_operation(write(data)).document["components"]["schemas"]


def change(edit: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    data = published()
    edit(data)
    return data


def schema_of(data: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = get(data)["responses"]["200"]["content"]["application/json"]
    return node


def parameter(data: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in get(data)["parameters"] if entry["name"] == name)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfe\x00", "is not UTF-8 at byte 0"),
        ("", "is empty"),
        ("<!doctype html><title>x</title>", "is a page of HTML"),
        (b"\x1f\x8b\x08\x00", "is compressed"),
        ("- 1", "holds no mapping"),
        ("a: [", r"is neither JSON nor YAML: .* \(line \d\)"),
        ('{"openapi": "3.0.0",', "is neither JSON nor YAML"),
        ("a: \0", "is neither JSON nor YAML"),
        ("a: 1\n---\nb: 1", "more than one YAML document"),
        ("a: 1\nb: 2\na: 3", r"has the key a twice in one mapping \(line 3\)"),
        ('{"a": 1, "\\u0007": 1, "\\u0007": 2}', r"has the key \\x07 twice"),
        ("? [a]\n: 1", r"has a key that is no text \(line 1\)"),
        ("a: &a [1]\n*a : 1", "has a key that is no text"),
        ("a: !!python/object/apply:os.getcwd []", "uses the YAML tag"),
        ("a: !secret x", "uses the YAML tag !secret"),
        ("a: &a [*a]", r"is neither JSON nor YAML: .* \(line 1\)"),
        ("a: *a", r"is neither JSON nor YAML: .* \(line 1\)"),
        ("? !secret a\n: 1", "uses the YAML tag !secret"),
        ("a: !!int x", "uses the YAML tag tag:yaml.org,2002:int for something else"),
        ("a: " + "1" * 5000, "an integer of 5000 digits"),
        ('{"a": ' + "1" * 5000 + "}", "an integer of 5000 digits"),
        ("[" * 200_000, "nest"),
        ('{"a":' * 100_000, "nest"),
        ("- " * 100_000, "nest"),
        ("a: &a0 [x]\n" + "".join(f"b{n}: &a{n} [{f'*a{n - 1},' * 9}]\n" for n in range(1, 30)), "more than 5000000"),
        ({"openapi": "2.0"}, r"is OpenAPI 2\.0; give one in OpenAPI 3\.0 or 3\.1"),
        ({"openapi": "3.2.0"}, "is OpenAPI 3.2.0"),
        ({"swagger": "2.0"}, r"is Swagger 2\.0; give one in OpenAPI 3\.0 or 3\.1"),
        ({"info": {}}, "names no OpenAPI version"),
        ({"openapi": "3.0.0"}, "has no operation GET"),
        ({"openapi": "3.0.0", "paths": []}, "has no operation GET"),
        ({"openapi": "3.0.0", "paths": {"/a": None, PERMISSIONS: {"post": {}}}}, "has no operation GET"),
        ({"openapi": "3.0.0", "paths": {PERMISSIONS: {"get": {}}}}, "describes no 200 answer"),
        ({"openapi": "3.0.0", "paths": {PERMISSIONS: None}}, "has no mapping at paths"),
    ],
)
def test_file_that_is_no_document_of_the_operation(write: Write, content: Any, problem: str) -> None:
    path = write(content)
    text = sentence(path)
    assert text.startswith("given.yaml ")
    assert re.search(problem, text)


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda d: d["paths"].update({"/v2" + PERMISSIONS: d["paths"][PERMISSIONS]}), "describes the operation twice"),
        (lambda d: d["components"]["schemas"].popitem(), "FineTuningCheckpointPermission.* which is not there"),
        (lambda d: d.pop("components"), "which is not there"),
        (lambda d: schema_of(d).update(schema={"$ref": "https://example.test/a.json"}), "never fetched"),
        (lambda d: schema_of(d).update(schema={"$ref": "other.yaml#/a"}), "never fetched"),
        (lambda d: schema_of(d).update(schema={"$ref": "#anchor"}), "refers to an anchor"),
        (lambda d: schema_of(d).update(schema={"$ref": "#/info"}), "move what it refers to into components"),
        (lambda d: schema_of(d).update(schema={"$ref": "#/info/title"}), "move what it refers to into components"),
        (lambda d: schema_of(d).pop("schema"), "describes no 200 answer with a schema for application/json"),
        (lambda d: get(d)["responses"]["200"].update(content={"text/html": {"schema": {}}}), "describes no 200 answer"),
        (lambda d: get(d).update(responses={"201": {"description": "x"}}), "describes no 200 answer"),
        (lambda d: get(d).update(responses={"200": {"$ref": f"#/paths/{_escaped()}/get/responses/200"}}), "back to"),
        (lambda d: d["components"].pop("securitySchemes"), "requires the security scheme ApiKeyAuth"),
        (lambda d: get(d)["parameters"].append({"$ref": "#/components/parameters/X"}), "which is not there"),
        (lambda d: get(d)["parameters"].append(3), "has no mapping at paths/"),
        (lambda d: parameter(d, "after").update(name="cursor"), "describes no query parameter after"),
        (lambda d: parameter(d, "limit").pop("schema"), "describes no query parameter limit"),
        (lambda d: parameter(d, "order")["schema"].update(enum=["asc", "desc"]), "does not allow order=ascending"),
    ],
)
def test_document_with_one_fault(write: Write, edit: Callable[[dict[str, Any]], object], problem: str) -> None:
    assert re.search(problem, sentence(write(change(edit))))


def _escaped() -> str:
    return PERMISSIONS.replace("~", "~0").replace("/", "~1")


@pytest.mark.parametrize(
    "schemas",
    [
        {"A": {"$ref": "#/components/schemas/A"}},
        {"A": {"$ref": "#/components/schemas/B"}, "B": {"allOf": [{"$ref": "#/components/schemas/A"}]}},
        {"A": {"anyOf": [{"not": {"$ref": "#/components/schemas/A"}}]}},
        {"A": {"properties": {"a": {"$ref": "#/components/schemas/B"}}}, "B": {"$ref": "#/components/schemas/B"}},
        {"A": {"$ref": "#/components/schemas/0"}, "3000": {}}
        | {str(n): {"$ref": f"#/components/schemas/{n + 1}"} for n in range(3000)},
    ],
)  # fmt: skip
def test_references_that_never_end(write: Write, schemas: dict[str, Any]) -> None:
    data = change(lambda d: schema_of(d).update(schema={"$ref": "#/components/schemas/A"}))
    data["components"]["schemas"] = schemas
    assert "leads back to itself" in sentence(write(data))


def test_schema_that_holds_itself_further_down_is_right(write: Write) -> None:
    data = published()
    item = data["components"]["schemas"]["FineTuningCheckpointPermission"]
    item["properties"]["parent"] = {"$ref": "#/components/schemas/FineTuningCheckpointPermission"}
    assert load_operation(write(data)).response_schema == {"$ref": RESPONSE_SCHEMA}


@pytest.mark.parametrize("path", [Path("missing.yaml"), Path(__file__).parent])
def test_path_that_is_no_file(path: Path) -> None:
    assert "is no file" in sentence(path)


def test_device_is_no_file() -> None:
    assert "is no file" in sentence(Path("/dev/zero"))


def test_file_that_is_too_large(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(published())
    monkeypatch.setattr(document, "LARGEST_FILE", path.stat().st_size)
    load_operation(path)
    monkeypatch.setattr(document, "LARGEST_FILE", path.stat().st_size - 1)
    assert "is larger than" in sentence(path)


def test_errors_know_their_exit_code() -> None:
    assert ContractsError.exit_code == 3
    assert issubclass(ConfigurationError, ContractsError)


@pytest.mark.parametrize(
    ("edit", "lacking"),
    [
        (lambda d: parameter(d, "limit")["schema"].pop("default"), "DEFAULT_LIMIT"),
        (lambda d: parameter(d, "limit")["schema"].update(default=True), "DEFAULT_LIMIT"),
        (lambda d: parameter(d, "order")["schema"].update(default="asc"), "DEFAULT_ORDER"),
    ],
)
def test_a_default_that_is_not_said_is_not_judged(
    write: Write, edit: Callable[[dict[str, Any]], object], lacking: str
) -> None:
    operation = load_operation(write(change(edit)))
    assert OPERATION.capabilities - operation.capabilities == {Capability[lacking]}


def test_all_path_parameters_but_the_last_need_a_value(write: Write) -> None:
    data = published()
    data["paths"] = {"/{tenant}" + PERMISSIONS: data["paths"][PERMISSIONS]}
    with pytest.raises(ConfigurationError, match=r"needs a value for tenant .*give --at tenant=VALUE"):
        load_operation(write(data), at={})
    operation = load_operation(write(data), at={"tenant": "a b"})
    request = operation.request(Query("ft:1"))
    assert request.path == "/a%20b/fine_tuning/checkpoints/ft:1/permissions"
    assert operation.read(request).query == Query("ft:1")


def test_overlay_must_not_contradict_the_document(write: Write) -> None:
    overlay = copy.deepcopy(document.load(document.published("overlay.yaml")).data)
    overlay["actions"][0]["update"]["x-list"]["next"]["param"] = "cursor"
    with pytest.raises(ConfigurationError, match="describes no query parameter cursor"):
        load_operation(overlay=write(overlay))


# Quotes


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Identifier for the last permission ID from the previous pagination request.", "parameters/after/description"),
        ("10", "parameters/limit/schema/default"),
        ("requires an [admin API key](../admin-api-keys)", "description"),
        ("ApiKeyAuth", "security"),
        ("scheme: bearer", "securitySchemes/ApiKeyAuth"),
        ("description: OK", "responses/200"),
        (
            "#/components/schemas/ListFineTuningCheckpointPermissionResponse",
            "responses/200/content/application~1json/schema",
        ),
        ("- object - data - has_more", "schemas/ListFineTuningCheckpointPermissionResponse/required"),
        ("This endpoint requires an admin API key.", "sdk-page.txt"),
        ("2.3.0", "info/version"),
    ],
)
def test_quote_stands(text: str, at: str) -> None:
    assert stands(Quote(text, at=at))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1", "parameters/limit/schema/default"),
        ("0", "parameters/limit/schema/default"),
        ("10", "parameters/limit/schema/maximum"),
        ("10", "parameters/nothing"),
        ("10", "nowhere"),
        (" ", "description"),
        ("Identifier for the last permission", "parameters/limit/description"),
    ],
)
def test_quote_does_not_stand(text: str, at: str) -> None:
    assert not stands(Quote(text, at=at))
