"""Extensions by which documents say how a list goes on, each read as the statements that it makes.

Each reader takes nothing for granted: what is not of the form that the extension's makers describe is passed over.
Schemes that count (offsets, page numbers) make no statement, because they have no cursor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from contracts.openapi.nodes import mapping, sequence
from contracts.openapi.outline import Outline
from contracts.openapi.profile import Statements
from contracts.openapi.references import steps

_PROPERTY = r"(?:\.[A-Za-z_][\w-]*|\['[^']+'\])"


_PARAMETERS: dict[str, Statements] = {
    "next_cursor_param": {"next.param": "", "next.from": "body"},
    "next_cursor_id_param": {"next.param": "", "next.from": "item"},
    "previous_cursor_param": {"prev.param": ""},
    "previous_cursor_id_param": {"prev.param": ""},
}
"""What a parameter says by its purpose; an empty text stands for its name."""
_PROPERTIES = {
    "items": "items",
    "has_next_page": "more",
    "next_cursor_field": "next.at",
    "previous_cursor_field": "prev.at",
}


def stainless(outline: Outline) -> Statements:
    """``x-stainless-pagination-property`` at parameters, properties of the answer, and the answer itself."""
    found: Statements = {}
    for parameter in outline.query.values():
        said = _PARAMETERS.get(_purpose(parameter.schema), {})
        found |= {role: value or parameter.name for role, value in said.items()}
    if mapping(mapping(outline.body).get("x-stainless-pagination-property")).get("is_top_level_array") is True:
        found["items"] = ""
    for place, schema in outline.places():
        role = _PROPERTIES.get(_purpose(schema))
        if role is not None:
            found[role] = list(place)
    for name, schema in outline.items(tuple(found.get("items", ()))).items():
        if _purpose(schema) == "cursor_item_id":
            found["item.id"] = name
    return found


def _purpose(schema: dict[str, Any]) -> str:
    return str(mapping(schema.get("x-stainless-pagination-property")).get("purpose"))


def speakeasy(outline: Outline) -> Statements:
    """``x-speakeasy-pagination`` of type ``cursor``: inputs by name, outputs by JSONPath."""
    node = mapping(outline.node.get("x-speakeasy-pagination"))
    if node.get("type") != "cursor":
        return {}
    found: Statements = {}
    for given in map(mapping, sequence(node.get("inputs"))):
        role = {"cursor": "next.param", "limit": "limit.param"}.get(str(given.get("type")))
        if role and given.get("in") == "parameters" and given.get("name") in outline.query:
            found[role] = given["name"]
    outputs = mapping(node.get("outputs"))
    results = _path(outputs.get("results"), "$")
    if results is not None:
        found["items"] = results
    cursor = outputs.get("nextCursor")
    token = _path(cursor, "$")
    if token is not None:
        found |= {"next.from": "body", "next.at": token}
    # "$.data[-1].id": the value is read off the last item.
    last = (
        re.fullmatch(rf"(\${_PROPERTY}*)\[(?:-1|\(@\.length-1\))\]\.([\w-]+)", cursor)
        if isinstance(cursor, str)
        else None
    )
    if last is not None:
        found |= {"next.from": "item", "item.id": last[2], "items": _path(last[1], "$")}
    return found


def fern(outline: Outline) -> Statements:
    """``x-fern-pagination`` with a cursor: ``$request.name`` and ``$response.name``, or ``true`` for the document's."""
    node = outline.node.get("x-fern-pagination")
    node = mapping(outline.document.get("x-fern-pagination") if node is True else node)
    cursor, token, results = (
        _path(node.get(key), root)
        for key, root in (("cursor", "$request"), ("next_cursor", "$response"), ("results", "$response"))
    )
    if cursor is None or token is None or len(cursor) != 1 or cursor[0] not in outline.query:
        return {}
    found: Statements = {"next.param": cursor[0], "next.from": "body", "next.at": token}
    return found if results is None else {**found, "items": results}


def scalar(outline: Outline) -> Statements:
    """``x-scalar-pagination`` of type ``cursor`` or ``cursorId``: a scheme, or the name of one of the document's."""
    node = outline.node.get("x-scalar-pagination")
    if isinstance(node, str):
        named = map(mapping, sequence(outline.document.get("x-scalar-pagination")))
        node = next((each for each in named if each.get("name") == node), None)
    scheme = mapping(node)
    kind = scheme.get("type")
    if kind not in ("cursor", "cursorId"):
        return {}
    found: Statements = {"next.from": "body" if kind == "cursor" else "item"}
    for key, each in mapping(scheme.get("request")).items():
        given = mapping(each)
        name = given.get("param", key)
        role = {"cursor": "next.param", "cursorId": "next.param", "limit": "limit.param", "pageSize": "limit.param"}
        if given.get("type") in role and name in outline.query:
            found[role[given["type"]]] = name
    for key, each in mapping(scheme.get("response")).items():
        given = mapping(each)
        if given.get("location", "body") != "body":
            continue
        path = [*sequence(given.get("path") or [given.get("property", key)]), *sequence(given.get("cursorPath"))]
        if not all(isinstance(name, str) for name in path):
            continue
        match given.get("type"):
            case "items":
                found["items"] = path
                item = sequence(given.get("itemCursor"))
                if len(item) == 1:
                    found["item.id"] = item[0]
            case "hasMore":
                found["more"] = path
            case "cursor":
                found["next.at"] = path
    return found


def azure(outline: Outline) -> Statements:
    """``x-ms-pageable``: where the items stand. Its ``nextLink`` is an address, and no cursor."""
    node = outline.node.get("x-ms-pageable")
    name = mapping(node).get("itemName", "value")
    return {"items": [name]} if isinstance(node, dict) and isinstance(name, str) and name in outline.envelope else {}


def links(outline: Outline) -> Statements:
    """An OpenAPI Link from the 200 answer to the operation itself, with a parameter from the answer's body."""
    found: Statements = {}
    for link in map(mapping, mapping(mapping(outline.response).get("links")).values()):
        own = link.get("operationId") == outline.id if "operationId" in link else _refers_to(outline, link)
        for named, expression in mapping(link.get("parameters")).items():
            name = named.removeprefix("query.")
            if not own or name not in outline.query or not isinstance(expression, str):
                continue
            pointer = re.fullmatch(r"\$response\.body#(/.*)", expression)
            if pointer is not None:
                found |= {"next.param": name, "next.at": steps("#" + pointer[1])}
    return found


def _refers_to(outline: Outline, link: dict[str, Any]) -> bool:
    reference = link.get("operationRef")
    return (
        isinstance(reference, str) and reference.startswith("#/") and steps(reference) == ["paths", outline.path, "get"]
    )


def _path(text: Any, root: str) -> list[str] | None:
    """A path of names below a root; ``None`` if it is anything else."""
    if not isinstance(text, str) or not re.fullmatch(rf"{re.escape(root)}{_PROPERTY}*", text):
        return None
    return [quoted or plain for plain, quoted in re.findall(r"\.([A-Za-z_][\w-]*)|\['([^']+)'\]", text[len(root) :])]


CONVENTIONS: tuple[tuple[str, Callable[[Outline], Statements]], ...] = (
    ("x-stainless-pagination-property", stainless),
    ("x-speakeasy-pagination", speakeasy),
    ("x-fern-pagination", fern),
    ("x-scalar-pagination", scalar),
    ("x-ms-pageable", azure),
    ("links", links),
)
"""Each convention by the name under which a document writes it."""


def conventional(outline: Outline) -> Iterator[tuple[str, Statements]]:
    """What each convention says that a document follows at this operation."""
    for name, read in CONVENTIONS:
        found = read(outline)
        if found:
            yield name, found
