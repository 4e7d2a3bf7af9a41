"""Servers whose answer is no proper page object (clauses ENV)."""

from __future__ import annotations

import json
import re
from typing import Any

from contracts.mock.app import Asked, Behaviour
from contracts.mock.faults.declare import changes_body, changes_envelope, replaces
from contracts.mock.faults.places import (
    ASCENDING,
    ASCENDING_FILTERED,
    BEYOND_30,
    EMPTY,
    FILTERED,
    LAST_PAGE,
    LATER,
    LIMIT_1,
    OVERLAPPING,
    SIXTH,
)


@changes_body(
    "ENV-001",
    also=(LAST_PAGE, SIXTH, ASCENDING_FILTERED, OVERLAPPING),
)
def body_without_end(body: bytes) -> bytes:
    """The last brace of the body is missing, and Content-Length agrees."""
    return body[:-1]


@changes_body("ENV-001")
def body_with_trailing_comma(body: bytes) -> bytes:
    """A comma stands after the last member."""
    return body[:-1] + b",}"


@replaces(Behaviour.encode, "ENV-001")
def body_as_python_literal(_self: Behaviour, value: object, _asked: Asked, /) -> bytes:
    """The body is written as a Python literal."""
    return repr(value).encode()


@changes_envelope("ENV-001")
def body_with_nan(envelope: dict[str, Any]) -> object:
    """A further member is NaN, which JSON does not have."""
    return envelope | {"score": float("nan")}


@changes_envelope("ENV-001")
def body_with_infinity(envelope: dict[str, Any]) -> object:
    """A further member is Infinity, which JSON does not have."""
    return envelope | {"expires_in": float("inf")}


@changes_body("ENV-001")
def body_with_byte_order_mark(body: bytes) -> bytes:
    """A byte order mark stands before the body."""
    return b"\xef\xbb\xbf" + body


@changes_body("ENV-001")
def body_followed_by_another(body: bytes) -> bytes:
    """A second object follows the body."""
    return body + b'\n{"took": 3}'


@changes_envelope("ENV-001", also=(LIMIT_1,))
def body_is_array(envelope: dict[str, Any]) -> object:
    """The body is the bare array of items."""
    return envelope["data"]


@changes_body("ENV-001")
def body_in_latin1(body: bytes) -> bytes:
    """The body is written in Latin-1."""
    return body[:-1] + ',"note":"für Prüfzwecke"}'.encode("latin-1")


@changes_body("ENV-001")
def body_in_utf16(body: bytes) -> bytes:
    """The body is written in UTF-16."""
    return body.decode().encode("utf-16")


@changes_body("ENV-001")
def body_with_guard_prefix(body: bytes) -> bytes:
    """A prefix against script inclusion stands before the body."""
    return b")]}',\n" + body


@changes_body("ENV-001")
def body_encoded_twice(body: bytes) -> bytes:
    """The body is a JSON string that holds the JSON."""
    return json.dumps(body.decode()).encode()


@changes_body("ENV-001")
def body_with_comment(body: bytes) -> bytes:
    """A comment stands in the body."""
    return body.replace(b'"data":', b'/* items */"data":', 1)


@changes_body("ENV-001")
def body_with_raw_newline(body: bytes) -> bytes:
    """A string of the body holds an unescaped newline."""
    return body[:-1] + b',"note":"one\ntwo"}'


@changes_body("ENV-001")
def body_with_unquoted_key(body: bytes) -> bytes:
    """A key of the body has no quotes."""
    return body.replace(b'"has_more":', b"has_more:", 1)


@changes_body("ENV-001", also=(EMPTY,))
def body_is_null(_body: bytes) -> bytes:
    """The body is the word null."""
    return b"null"


@changes_body("ENV-001", also=(EMPTY,))
def body_is_nothing(_body: bytes) -> bytes:
    """A 200 has no body."""
    return b""


@changes_envelope(
    "ENV-002",
    also=(EMPTY, LAST_PAGE, SIXTH),
)
def object_missing(envelope: dict[str, Any]) -> object:
    """`object` is missing."""
    del envelope["object"]
    return envelope


@changes_envelope(
    "ENV-002",
    also=(ASCENDING, BEYOND_30),
)
def object_other_word(envelope: dict[str, Any]) -> object:
    """`object` is "page"."""
    return envelope | {"object": "page"}


@changes_envelope("ENV-002")
def object_null(envelope: dict[str, Any]) -> object:
    """`object` is null."""
    return envelope | {"object": None}


@changes_envelope("ENV-002")
def object_capital(envelope: dict[str, Any]) -> object:
    """`object` is "List"."""
    return envelope | {"object": "List"}


@changes_envelope("ENV-003", also=(FILTERED,))
def data_missing(envelope: dict[str, Any]) -> object:
    """The items stand under `permissions` instead of `data`."""
    return {("permissions" if name == "data" else name): value for name, value in envelope.items()}


@changes_envelope("ENV-003", also=(EMPTY,))
def data_null(envelope: dict[str, Any]) -> object:
    """`data` is null."""
    return envelope | {"data": None}


@changes_envelope("ENV-003", also=(EMPTY,))
def data_an_object(envelope: dict[str, Any]) -> object:
    """`data` is an object with the items by their ids."""
    return envelope | {"data": {item["id"]: item for item in envelope["data"]}}


@changes_envelope("ENV-003")
def data_asingle_item(envelope: dict[str, Any]) -> object:
    """`data` is the item itself where there is only one."""
    data = envelope["data"]
    return envelope | {"data": data[0] if len(data) == 1 else data}


@changes_envelope(
    "ENV-004",
    also=(LAST_PAGE, LIMIT_1),
)
def has_more_missing(envelope: dict[str, Any]) -> object:
    """`has_more` is missing."""
    del envelope["has_more"]
    return envelope


@changes_envelope("ENV-004", also=(ASCENDING,))
def has_more_astring(envelope: dict[str, Any]) -> object:
    """`has_more` is the string "true" or "false"."""
    return envelope | {"has_more": str(envelope["has_more"]).lower()}


@changes_envelope("ENV-004", also=(FILTERED,))
def has_more_anumber(envelope: dict[str, Any]) -> object:
    """`has_more` is 0 or 1."""
    return envelope | {"has_more": int(envelope["has_more"])}


@changes_envelope(
    "ENV-004",
    also=(LAST_PAGE, EMPTY),
)
def has_more_null(envelope: dict[str, Any]) -> object:
    """`has_more` is null."""
    return envelope | {"has_more": None}


@changes_envelope("ENV-005")
def first_id_anumber(envelope: dict[str, Any]) -> object:
    """`first_id` is a number."""
    return envelope | {"first_id": 0}


@changes_envelope("ENV-005", also=(LATER,))
def first_id_the_item(envelope: dict[str, Any]) -> object:
    """`first_id` is the whole first item."""
    return envelope | {"first_id": envelope["data"][0] if envelope["data"] else None}


@changes_envelope("ENV-005", also=(EMPTY,))
def first_id_false(envelope: dict[str, Any]) -> object:
    """`first_id` is false."""
    return envelope | {"first_id": False}


@changes_envelope("ENV-006")
def last_id_anumber(envelope: dict[str, Any]) -> object:
    """`last_id` is a number."""
    return envelope | {"last_id": len(envelope["data"])}


@changes_envelope("ENV-006", also=(LIMIT_1,))
def last_id_an_array(envelope: dict[str, Any]) -> object:
    """`last_id` is an array."""
    return envelope | {"last_id": [envelope["last_id"]]}


@changes_envelope(
    "ENV-006",
    also=(EMPTY, LAST_PAGE),
)
def last_id_false(envelope: dict[str, Any]) -> object:
    """`last_id` is false."""
    return envelope | {"last_id": False}


@changes_body("ENV-007", also=(ASCENDING,))
def has_more_twice(body: bytes) -> bytes:
    """`has_more` comes twice in the object, with different values."""
    return b'{"has_more":false,' + body[1:]


@changes_body(
    "ENV-007",
    also=(LIMIT_1, BEYOND_30),
)
def item_object_twice(body: bytes) -> bytes:
    """`object` comes twice in each item, with the same value."""
    return re.sub(rb'("object":"checkpoint\.permission"),', rb"\1,\1,", body)


@changes_envelope("ENV-008", also=(LAST_PAGE, ASCENDING_FILTERED), documented={"total": {"type": "integer"}})
def total_as_text(envelope: dict[str, Any]) -> object:
    """The document adds a `total` that is an integer; it is sent as a text."""
    return envelope | {"total": "57"}


@changes_envelope("ENV-008", documented={"state": {"type": "string", "enum": ["complete", "partial"]}})
def state_in_capitals(envelope: dict[str, Any]) -> object:
    """The document adds a `state` with two words; one of them is sent in capitals."""
    return envelope | {"state": "COMPLETE"}


@changes_envelope(
    "ENV-008",
    also=(EMPTY,),
    documented={"usage": {"type": "object", "required": ["cost"], "properties": {"cost": {"type": "integer"}}}},
)
def usage_without_its_cost(envelope: dict[str, Any]) -> object:
    """The document adds an object `usage` that must have a `cost`; it is sent empty."""
    return envelope | {"usage": {}}
