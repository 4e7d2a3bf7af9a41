"""One operation cut out of an API's document, and the overlay laid over it.

The vendor's document describes hundreds of operations. Only the one in question and the components that it
refers to are kept, so that everything after this works on a page of text instead of three megabytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from jsonpath_rfc9535 import JSONPathError, JSONPathNode, find

from contracts.core.errors import ConfigurationError
from contracts.spec.document import DEEPEST, Document, excerpt, unusable

JSON_MEDIA_TYPE = "application/json"

NAMES = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""Below these, keys are names that an author chose, and no keywords."""
LITERAL = frozenset({"example", "examples", "default", "enum", "const"})
"""Below these, a mapping with ``$ref`` is data, and no reference."""
_IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("not", "if", "then", "else")


@dataclass(frozen=True, slots=True)
class Reduced:
    """A document that holds one operation: under which path, and which media type its 200 answer has."""

    data: dict[str, Any]
    path: str
    media_type: str


def reduce(document: Document, *, path: str, operation_id: str) -> Reduced:
    """Cut one GET operation out of a document, with the components that it refers to, directly or not.

    References to a path item, a parameter or a response are replaced by what they refer to; references
    between schemas stay.

    Args:
        document: The document to cut from; it is not changed.
        path: The end of the operation's path, ``{}`` standing for any path parameter.
        operation_id: What the operation is called if no path ends so.

    Raises:
        ConfigurationError: The operation is not there, has no JSON answer, or refers to what is not there.
    """
    return _Reducer(document).reduce(path, operation_id)


class _Reducer:
    def __init__(self, document: Document) -> None:
        self._name = document.name
        self._data = document.data
        self._kept: dict[str, Any] = {}

    def reduce(self, path: str, operation_id: str) -> Reduced:
        template, item = self._find(path, operation_id)
        operation = dict(item["get"])
        place = f"paths/{template}/get"
        parameters = [*_sequence(item.get("parameters")), *_sequence(operation.get("parameters"))]
        operation["parameters"] = [
            self._resolved(parameter, f"{place}/parameters/{index}") for index, parameter in enumerate(parameters)
        ]
        responses = operation.get("responses")
        if not isinstance(responses, dict):
            responses = {}
        operation["responses"] = {
            status: self._resolved(response, f"{place}/responses/{status}") for status, response in responses.items()
        }
        media_type = self._media_type(operation["responses"], place)

        kept = ("openapi", "info", "jsonSchemaDialect", "servers")
        head = {key: self._data[key] for key in kept if key in self._data}
        item = {key: value for key, value in item.items() if key in ("servers", "summary", "description")}
        self._collect(operation, place)
        self._collect_security(operation)
        reduced = {**head, "paths": {template: {**item, "get": operation}}, "components": self._kept}
        if "security" in self._data:
            reduced["security"] = self._data["security"]
        self._refuse_endless_references()
        return Reduced(self._copy(reduced, 0), template, media_type)

    def _error(self, *, problem: str, remedy: str) -> ConfigurationError:
        return unusable(self._name, problem=problem, remedy=remedy)

    def _find(self, path: str, operation_id: str) -> tuple[str, dict[str, Any]]:
        pattern = re.compile(".*" + re.escape(path).replace(r"\{\}", r"\{[^{}/]+\}"))
        paths = self._data.get("paths")
        by_id: list[tuple[str, dict[str, Any]]] = []
        by_path: list[tuple[str, dict[str, Any]]] = []
        for template, item in paths.items() if isinstance(paths, dict) else ():
            matches = pattern.fullmatch(template) is not None
            if not matches and not (isinstance(item, dict) and "get" in item):
                continue
            resolved = self._resolved(item, f"paths/{template}") if matches else item
            operation = resolved.get("get")
            if not isinstance(operation, dict):
                continue
            if matches:
                by_path.append((template, resolved))
            elif operation.get("operationId") == operation_id:
                by_id.append((template, resolved))
        found = by_path or by_id
        if not found:
            raise self._error(
                problem=f"has no operation GET {path.replace('{}', '{…}')}", remedy="give a document that describes it"
            )
        if len(found) > 1:
            places = " and ".join(template for template, _ in found[:2])
            raise self._error(problem=f"describes the operation twice, at {places}", remedy="leave one of them")
        return found[0]

    def _media_type(self, responses: Mapping[str, Any], place: str) -> str:
        response = responses.get("200", {})
        content = response.get("content")
        for media_type, body in content.items() if isinstance(content, dict) else ():
            essence = media_type.partition(";")[0].strip().lower()
            if essence == JSON_MEDIA_TYPE and isinstance(body, dict) and isinstance(body.get("schema"), dict):
                return cast("str", media_type)
        raise self._error(
            problem=f"describes no 200 answer with a schema for {JSON_MEDIA_TYPE} at {place}", remedy="add it"
        )

    def _resolved(self, node: Any, place: str) -> dict[str, Any]:
        """What a node or the reference in its stead says; siblings of the reference win, as in OpenAPI 3.1."""
        siblings: dict[str, Any] = {}
        seen: set[str] = set()
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            reference = node["$ref"]
            if reference in seen:
                raise self._error(
                    problem=f"has a reference that leads back to itself at {place} ({reference})", remedy="mend it"
                )
            seen.add(reference)
            siblings = {**{key: value for key, value in node.items() if key != "$ref"}, **siblings}
            node = self._target(reference, place)
        if not isinstance(node, dict):
            raise self._error(problem=f"has no mapping at {place}", remedy="mend it")
        return {**node, **siblings}

    def _target(self, reference: Any, place: str) -> Any:
        if not isinstance(reference, str):
            raise self._error(problem=f"has a reference that is no text at {place}", remedy="mend it")
        if not reference.startswith("#/"):
            kind = "an anchor" if reference.startswith("#") else "another document, which is never fetched,"
            raise self._error(
                problem=f"refers to {kind} at {place} ({excerpt(reference)})", remedy="bundle it into components"
            )
        node: Any = self._data
        for part in pointer(reference):
            if isinstance(node, dict) and part in node:
                node = node[part]
            elif isinstance(node, list) and re.fullmatch("[0-9]{1,9}", part) and int(part) < len(node):
                node = node[int(part)]
            else:
                raise self._error(
                    problem=f"refers to {excerpt(reference)} at {place}, which is not there",
                    remedy="mend the reference",
                )
        return node

    def _collect(self, node: Any, place: str) -> None:
        """Keep every component that a node refers to, and what those refer to."""
        waiting = [(node, place)]
        while waiting:
            current, where = waiting.pop()
            for reference in _references(current):
                target = self._target(reference, where)
                parts = pointer(reference)
                if parts[:1] != ["components"] or not parts[2:]:
                    raise self._error(
                        problem=f"refers to {excerpt(reference)} at {where}",
                        remedy="move what it refers to into components",
                    )
                component = self._target("/".join(reference.split("/")[:4]), where)
                kind = self._kept.setdefault(parts[1], {})
                if not isinstance(target, dict | bool):
                    raise self._error(
                        problem=f"refers to {excerpt(reference)} at {where}, which is no schema",
                        remedy="mend the reference",
                    )
                if parts[2] not in kind:
                    kind[parts[2]] = component
                    waiting.append((component, "/".join(parts[:3])))

    def _collect_security(self, operation: Mapping[str, Any]) -> None:
        requirements = _sequence(operation.get("security", self._data.get("security")))
        names = {name for requirement in requirements if isinstance(requirement, dict) for name in requirement}
        components = self._data.get("components")
        schemes = components.get("securitySchemes") if isinstance(components, dict) else None
        for name in sorted(names):
            if not isinstance(schemes, dict) or name not in schemes:
                raise self._error(
                    problem=f"requires the security scheme {excerpt(name)}, which is not there", remedy="mend it"
                )
            self._kept.setdefault("securitySchemes", {})[name] = self._resolved(
                schemes[name], f"components/securitySchemes/{name}"
            )

    def _refuse_endless_references(self) -> None:
        """A schema that must be applied to a value before it can be applied to that value has no meaning."""
        done: set[str] = set()

        def visit(reference: str, trail: tuple[str, ...]) -> None:
            if reference in trail or len(trail) > DEEPEST:
                raise self._error(
                    problem=f"has a reference that leads back to itself at {excerpt(reference)}", remedy="mend it"
                )
            if reference in done:
                return
            for further in _in_place_references(self._target(reference, reference)):
                visit(further, (*trail, reference))
            done.add(reference)

        for name in self._kept.get("schemas", {}):
            for reference in _references(self._kept["schemas"][name]):
                visit(reference, ())

    def _copy(self, node: Any, depth: int) -> Any:
        # Shared and self-containing nodes (YAML aliases) become a tree, so that an overlay changes one place.
        if depth > DEEPEST:
            raise self._error(problem=f"is nested more than {DEEPEST} levels deep", remedy="flatten it")
        if isinstance(node, dict):
            return {key: self._copy(value, depth + 1) for key, value in node.items()}
        if isinstance(node, list):
            return [self._copy(value, depth + 1) for value in node]
        return node


def _sequence(node: Any) -> list[Any]:
    return node if isinstance(node, list) else []


def pointer(reference: str) -> list[str]:
    """The steps of a reference within a document (``#/…``, RFC 6901 as a URI fragment)."""
    return [unquote(part).replace("~1", "/").replace("~0", "~") for part in reference[2:].split("/")]


def _references(node: Any) -> Iterator[Any]:
    waiting: list[tuple[Any, bool]] = [(node, False)]
    while waiting:
        current, names = waiting.pop()
        if isinstance(current, list):
            waiting += [(value, False) for value in current]
        elif isinstance(current, dict):
            for key, value in current.items():
                if names:
                    waiting.append((value, False))
                elif key in ("$ref", "$dynamicRef"):
                    yield value
                elif key not in LITERAL and not key.startswith("x-"):
                    waiting.append((value, key in NAMES))


def _in_place_references(schema: Any) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        current = waiting.pop()
        if not isinstance(current, dict):
            continue
        if isinstance(current.get("$ref"), str):
            yield current["$ref"]
        for keyword in _IN_PLACE_LISTS:
            waiting += _sequence(current.get(keyword))
        waiting += [current.get(keyword) for keyword in _IN_PLACE]
        dependent = current.get("dependentSchemas")
        waiting += dependent.values() if isinstance(dependent, dict) else ()


def apply_overlay(document: dict[str, Any], overlay: Document) -> dict[str, Any]:
    """Apply an OpenAPI Overlay 1.0 to a document, in place, and return it.

    ``update`` is merged: mappings key by key, sequences by appending, anything else by replacing.
    ``remove`` deletes the target.

    Raises:
        ConfigurationError: An action is malformed or selects nothing.
    """
    actions = overlay.data.get("actions")
    if not isinstance(actions, list) or not str(overlay.data.get("overlay", "")).startswith("1."):
        raise unusable(overlay.name, problem="is no OpenAPI Overlay 1.0", remedy="give one with a list of actions")
    for number, action in enumerate(actions, 1):
        problem = _apply(document, action)
        if problem:
            name = f"{overlay.name}, action {number},"
            raise unusable(name, problem=problem, remedy="mend the action")
    return document


def _apply(document: dict[str, Any], action: Any) -> str | None:
    """Apply one action; what is wrong with it, if anything."""
    if not isinstance(action, dict) or not isinstance(action.get("target"), str):
        return "has no target"
    try:
        nodes = list(find(action["target"], document))
    except JSONPathError as error:
        return f"has a target that is no JSONPath ({excerpt(error)})"
    if not nodes:
        return f"selects nothing with {excerpt(action['target'])}"
    if action.get("remove") is True:
        return _remove(nodes)
    for node in nodes:
        if "update" not in action or not _merge(node.value, action["update"]):
            return "neither removes a part nor updates a mapping or a sequence"
    return None


def _remove(nodes: list[JSONPathNode]) -> str | None:
    # From the last to the first, so that the places of earlier ones in a sequence stay right.
    for node in reversed(nodes):
        container: Any = node.parent.value if node.parent else None
        if container is None:
            return "removes the whole document"
        del container[node.location[-1]]
    return None


def _merge(target: Any, update: Any) -> bool:
    if isinstance(target, dict) and isinstance(update, dict):
        for key, value in update.items():
            if not (key in target and _merge(target[key], value)):
                target[key] = value
        return True
    if isinstance(target, list):
        target.extend(update if isinstance(update, list) else [update])
        return True
    return False
