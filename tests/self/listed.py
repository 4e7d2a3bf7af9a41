"""Small documents of list operations, one a style, for the tests of what reads them."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

VENDORS = "VENDOR_DOCUMENTS"
"""The environment variable that names a folder with the documents of vendors, which are not ours to publish."""


def vendors_document(name: str) -> Path:
    """A vendor's document; the test is skipped where it is not there."""
    folder = os.environ.get(VENDORS)
    if not folder or not (Path(folder) / name).is_file():
        pytest.skip(f"{VENDORS} names no folder that holds {name}")
    return Path(folder) / name


def parameter(name: str, kind: str = "string", description: str = "", **schema: Any) -> dict[str, Any]:
    """A query parameter."""
    extensions = {key: schema.pop(key) for key in list(schema) if key == "required"}
    return {"name": name, "in": "query", "description": description, "schema": {"type": kind, **schema}, **extensions}


def document(
    path: str,
    parameters: list[dict[str, Any]],
    envelope: dict[str, Any],
    item: dict[str, Any] | None = None,
    *,
    items: str = "data",
    required: tuple[str, ...] = (),
    operation: dict[str, Any] | None = None,
    root: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A document of one list operation, `listThings`, with a parameter ``limit`` unless it has an integer already."""
    if not any(each["schema"]["type"] == "integer" and not each.get("required") for each in parameters):
        parameters = [*parameters, parameter("limit", "integer")]
    thing = {"type": "object", "properties": item or {"id": {"type": "string"}}}
    page: dict[str, Any] = {
        "type": "object",
        "properties": {items: {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}, **envelope},
        "required": list(required),
    }
    scope = [
        {"name": step[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
        for step in path.split("/")
        if step.startswith("{")
    ]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1"},
        "paths": {
            path: {
                "get": {
                    "operationId": "listThings",
                    "parameters": [*scope, *parameters],
                    "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": page}}}},
                    **(operation or {}),
                }
            }
        },
        "components": {"schemas": {"Thing": thing}},
        **(root or {}),
    }


BOOLEAN, TEXT, INTEGER = {"type": "boolean"}, {"type": "string"}, {"type": "integer"}
ITEM = {"id": TEXT, "created_at": INTEGER, "status": TEXT}

ID_CURSOR = document(
    "/things",
    [
        parameter("after"),
        parameter("before", description="The first id of a page; brings the previous page of the list."),
        parameter("limit", "integer", "Limit can range between 1 and 10,000, and the default is 20."),
        parameter("order", enum=["asc", "desc"], description="Sort order by `created_at`. Defaults to `desc`."),
        parameter("status"),
    ],
    {"first_id": TEXT, "last_id": TEXT, "has_more": BOOLEAN, "object": {"type": "string", "enum": ["list"]}},
    ITEM,
    required=("first_id", "last_id", "has_more"),
)
TOKEN = document(
    "/v1/shelves/{shelf_id}/things",
    [parameter("page"), parameter("limit", "integer", default=7), parameter("start_time", "integer", required=True)],
    {"next_page": {"type": ["string", "null"]}, "has_more": BOOLEAN},
    {"start_time": INTEGER},
)
TOKEN_ALONE = document(
    "/shelves/{shelf_id}/things?view=all",
    [
        parameter("cursor"),
        parameter("page_size", "integer", default=25),
        parameter("order", enum=["asc", "desc"], description="Sorted by `created_at`.", default="asc"),
        parameter("owner_id"),
    ],
    {"meta": {"type": "object", "properties": {"next": {"type": ["string", "null"]}}, "required": ["next"]}},
    {"id": TEXT, "created_at": {"type": "string", "format": "date-time"}, "owner_id": TEXT},
    items="results",
    operation={"x-fern-pagination": {"cursor": "$request.cursor", "next_cursor": "$response.meta.next"}},
)
TOKEN_ALONE |= {"security": [{"Key": []}]}
TOKEN_ALONE["components"]["securitySchemes"] = {"Key": {"type": "http", "scheme": "bearer"}}
TOKENS_BOTH_WAYS = document(
    "/shops/{shop_id}/things",
    [
        parameter("next_token"),
        parameter("previous_token"),
        parameter("limit", "integer", default=9),
        parameter("order", enum=["asc", "desc"], description="Sorted by `created_at`.", default="desc"),
        parameter("status"),
    ],
    {"next_token": {"type": ["string", "null"]}, "previous_token": {"type": ["string", "null"]}, "has_more": BOOLEAN},
    ITEM,
)
ONE_PARAMETER = document(
    "/things",
    [parameter("cursor"), parameter("limit", "integer", default=9)],
    {
        "paging": {
            "type": "object",
            "properties": {name: {"type": ["string", "null"]} for name in ("next", "previous")},
            "required": ["next", "previous"],
        }
    },
    {"id": TEXT, "created_at": {"type": "string", "format": "date-time"}},
    items="results",
    operation={"x-fern-pagination": {"cursor": "$request.cursor", "next_cursor": "$response.paging.next"}},
)
"""Tokens of both directions in one parameter."""
ADDRESSES = document(
    "/shelves/{shelf_id}/things",
    [parameter("cursor"), parameter("limit", "integer", default=9)],
    {
        "links": {
            "type": "object",
            "properties": {"next": {"type": ["string", "null"], "format": "uri"}},
            "required": ["next"],
        }
    },
    {"id": TEXT, "created_at": INTEGER},
    required=("links",),
)
"""A token within the address of the next page."""
NO_ORDER = document(
    "/shelves/{shelf_id}/things",
    [parameter("starting_after"), parameter("limit", "integer", default=10)],
    {"has_more": BOOLEAN, "total": INTEGER},
    {**ITEM, "size": {"type": "string", "enum": ["small", "large"]}},
    required=("data", "has_more", "total"),
)
FIXED_ORDER = document(
    "/shelves/{shelf_id}/racks/{rack_id}/things",
    [parameter("after_id"), parameter("before_id"), parameter("limit", "integer", "Ranges from `1` to `1000`.")],
    {"first_id": {"type": ["string", "null"]}, "last_id": {"type": ["string", "null"]}, "has_more": BOOLEAN},
    {"id": TEXT, "created_at": {"type": "string", "format": "date-time"}},
    operation={"summary": "Most recently made things are returned first."},
)
FIXED_ORDER |= {"security": [{"Key": []}]}
FIXED_ORDER["components"]["securitySchemes"] = {"Key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}}

FILTERS = document(
    "/things",
    [
        parameter("after"),
        parameter("limit", "integer", "Ranges from 1 to 100, and the default is 20."),
        parameter("order", enum=["asc", "desc"], description="Sort order by `created_at`. Defaults to `desc`."),
        parameter("status"),
        parameter("kind", enum=["small", "middle", "large"]),
        parameter("start_time", "integer", "Return only things that were made since then."),
        parameter("purpose", description="Only return things with the given purpose.", enum=["play", "work"]),
        {**parameter("metadata", "object", "Filter by metadata."), "style": "deepObject"},
        parameter("include_archived", description="Whether to return only those that are not archived."),
    ],
    {"first_id": TEXT, "last_id": TEXT, "has_more": BOOLEAN},
    {**ITEM, "kind": {"type": "string", "enum": ["small", "middle", "large"]}},
)
"""Two filters by what items show, and three by what they don't."""

FLAGS = document(
    "/things",
    [
        parameter("after"),
        parameter("order", enum=["asc", "desc"], description="Sort order by `created_at`. Defaults to `desc`."),
        parameter("limit", "integer", "Ranges from 1 to 100, and the default is 20."),
        parameter("locked", "boolean"),
        parameter("floor", "integer"),
    ],
    {"has_more": BOOLEAN},
    {"id": TEXT, "created_at": INTEGER, "locked": BOOLEAN, "floor": {"type": ["integer", "null"]}},
)
"""A filter that is a flag, and one that is a number."""

BOUNDS = document(
    "/things",
    [
        parameter("after"),
        parameter("status"),
        parameter("owner"),
        parameter("created_at[gte]", description="At or after this time (ISO 8601)."),
        parameter("created_at[lt]", "string", format="date-time"),
    ],
    {"has_more": BOOLEAN},
    {"id": TEXT, "created_at": {"type": "string", "format": "date-time"}, "status": TEXT, "owner": TEXT},
)
"""Two filters that take any text, and two that bound the times of the items."""


def answering(data: dict[str, Any], body: dict[str, Any], **stated: Any) -> dict[str, Any]:
    """The same operation with another answer; ``stated`` is what its `x-list` says."""
    changed = copy.deepcopy(data)
    ((_, item),) = changed["paths"].items()
    item["get"]["responses"]["200"]["content"]["application/json"]["schema"] = body
    if stated:
        item["get"]["x-list"] = stated
    return changed


_THINGS = {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}
_BARE = document(
    "/things",
    [parameter("after"), parameter("limit", "integer", "Ranges from 1 to 50, and the default is 5.")],
    {},
    ITEM,
)
ARRAY = answering(_BARE, _THINGS)
NESTED = answering(
    {**_BARE, "paths": {"/things/": _BARE["paths"]["/things"]}},
    {"type": "object", "properties": {"result": {"type": "object", "properties": {"all": _THINGS, "more": BOOLEAN}}}},
    items="result.all",
    more="result.more",
)


def written(folder: Path, data: dict[str, Any], name: str = "things.json") -> Path:
    """A document as a file."""
    path = folder / name
    path.write_text(json.dumps(data), encoding="utf-8")
    return path
