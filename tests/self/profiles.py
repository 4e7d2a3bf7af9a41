"""Lists made at random: a small document of one list operation, with any of the styles that the suite knows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st
from listed import BOOLEAN, INTEGER, TEXT, answering, document, parameter, written

from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation

PATHS = ("/things", "/shelves/{shelf_id}/things", "/rooms/{room_id}/shelves/{shelf_id}/things", "/things?view=all")
NULLABLE = {"type": ["string", "null"]}
TIMES: dict[str, dict[str, Any]] = {
    "unix": INTEGER,
    "unix-ms": {"type": "integer", "description": "Unix time in milliseconds."},
    "rfc3339": {"type": "string", "format": "date-time"},
    "iso": {"type": "string", "description": "When it was made (ISO 8601)."},
}
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
}


@dataclass(frozen=True)
class Described:
    """A list operation, by the text of its document."""

    text: str

    @cached_property
    def operation(self) -> Operation:
        """The operation, with nothing said beside its document."""
        with TemporaryDirectory() as folder:
            return load_operation(written(Path(folder), json.loads(self.text)), name="listThings", at={"room_id": "r1"})


@st.composite
def lists(draw: st.DrawFn) -> Described:
    """Any list that a document can describe so that nothing is missing."""
    opaque, timed = draw(st.booleans()), draw(st.sampled_from(["", *TIMES]))
    alone = opaque and bool(timed) and draw(st.booleans())
    # Without an id items are distinguished by their times.
    item = {} if alone else {"id": TEXT}
    item |= {"created_at": TIMES[timed]} if timed else {"name": TEXT}
    parameters, envelope, said = draw(_tokens() if opaque else _ids())
    parameters.append(draw(_limits()))
    ordered = draw(st.sampled_from(["none", "chosen", "fixed"]))
    if ordered == "chosen":
        words = draw(st.sampled_from([["asc", "desc"], ["ascending", "descending"]]))
        sorts = "Sorted by `created_at`." if timed else "The order."
        parameters.append(parameter("order", enum=words, description=sorts, **draw(_defaults(words))))
    filters = [] if alone else draw(st.lists(st.sampled_from(["status", "kind", "bounds"]), unique=True))
    for name in filters:
        parameters += _filter(name, item, timed)
    operation: dict[str, Any] = {"x-list": said} if said else {}
    if ordered == "fixed" and timed:
        operation["summary"] = draw(st.sampled_from(["The newest first.", "Things, in chronological order."]))
    root: dict[str, Any] = {}
    secured = draw(st.sampled_from(["", *SECURITY]))
    if secured:
        operation["security"] = [{"Key": []}]
    path = draw(st.sampled_from(PATHS))
    data = document(path, parameters, envelope, item, operation=operation, root=root)
    if secured:
        data["components"]["securitySchemes"] = {"Key": SECURITY[secured]}
    if not opaque and not envelope:
        data = answering(data, {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}})
    return Described(json.dumps(data))


Paging = tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]
"""The parameters that page, the properties of the answer beside the items, and what `x-list` says."""


@st.composite
def _ids(draw: st.DrawFn) -> Paging:
    onward, back = draw(st.sampled_from([("after", "before"), ("after_id", "before_id"), ("starting_after", "")]))
    parameters = [parameter(onward)]
    if back and draw(st.booleans()):
        parameters.append(parameter(back, description=draw(st.sampled_from(["", "Brings the previous page."]))))
    flagged, ended = draw(st.booleans()), draw(st.booleans())
    envelope: dict[str, Any] = {"has_more": BOOLEAN} if flagged else {}
    if flagged and ended:
        envelope |= {"first_id": NULLABLE, "last_id": NULLABLE}
    return parameters, envelope, {}


@st.composite
def _tokens(draw: st.DrawFn) -> Paging:
    parameters = [parameter(draw(st.sampled_from(["page", "cursor", "page_token"])))]
    names = ["next_page"]
    if draw(st.booleans()):
        names.append("previous_page")
        parameters += [parameter("previous_page")] if draw(st.booleans()) else []
    envelope: dict[str, Any] = dict.fromkeys(names, NULLABLE)
    said: dict[str, Any] = {}
    if draw(st.booleans()):
        envelope = {"meta": {"type": "object", "properties": envelope, "required": names}}
        said = {"next": {"param": parameters[0]["name"], "from": "body", "at": "meta.next_page"}}
    if draw(st.booleans()):
        envelope["has_more"] = BOOLEAN
    return parameters, envelope, said


@st.composite
def _limits(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(["limit", "page_size", "per_page"]))
    default, most = draw(st.integers(2, 40)), draw(st.sampled_from([50, 100, 1000]))
    ways = (
        parameter(name, "integer"),
        parameter(name, "integer", default=default, minimum=1, maximum=most),
        parameter(name, "integer", f"Defaults to {default}. Ranges from 1 to {most}."),
    )
    return ways[draw(st.integers(0, 2))]


def _defaults(words: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(["", *words]).map(lambda word: {"default": word} if word else {})


def _filter(name: str, item: dict[str, Any], timed: str) -> list[dict[str, Any]]:
    if name == "status":
        item["status"] = TEXT
        return [parameter("status")]
    if name == "kind":
        item["kind"] = {"type": "string", "enum": ["small", "middle", "large"]}
        return [parameter("kind", enum=["small", "middle", "large"])]
    kind = "integer" if timed in {"unix", "unix-ms"} else "string"
    bounds = [parameter(f"created_at[{bound}]", kind, "Only return things of such a time.") for bound in ("gte", "lt")]
    if kind == "string":
        bounds = [{**each, "schema": {**each["schema"], "format": "date-time"}} for each in bounds]
    return bounds
