"""References within a document (``#/…``): where they stand, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from contracts.core.wording import excerpt
from contracts.openapi.document import unusable
from contracts.openapi.nodes import mapping, sequence

NAMES = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""Below these, keys are names that an author chose, and no keywords."""
LITERAL = frozenset({"example", "examples", "default", "enum", "const"})
"""Below these, a mapping with ``$ref`` is data, and no reference."""
_IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("not", "if", "then", "else")


class References:
    """Looks up what references of one document refer to; no other document is ever fetched."""

    def __init__(self, name: str, data: dict[str, Any]) -> None:
        # The command line is up without it.
        from referencing import Registry, Resource

        self._name = name
        # Opaque: identities of schemas (`$id`) do not count, as in nearly every reader of OpenAPI.
        self._resolver = Registry().with_resource("", Resource.opaque(data)).resolver()

    def target(self, reference: object, place: str) -> Any:
        """What a reference that stands at a place refers to.

        Raises:
            ConfigurationError: It leads out of the document, or to nothing.
        """
        if not isinstance(reference, str):
            raise unusable(self._name, problem=f"has a reference that is no text at {place}", remedy="fix it")
        if not reference.startswith("#/"):
            kind = "an anchor" if reference.startswith("#") else "another document, which is never fetched,"
            problem = f"refers to {kind} at {place} ({excerpt(reference)})"
            raise unusable(self._name, problem=problem, remedy="bundle it into components")
        from referencing.exceptions import Unresolvable

        try:
            return self._resolver.lookup(reference).contents
        except (Unresolvable, ValueError, TypeError):
            problem = f"refers to {excerpt(reference)} at {place}, which is not there"
            raise unusable(self._name, problem=problem, remedy="fix the reference") from None

    def resolved(self, node: Any, place: str) -> dict[str, Any]:
        """What a node or the reference in its stead says; siblings of the reference win, as in OpenAPI 3.1.

        Raises:
            ConfigurationError: That is no mapping, or leads back to itself.
        """
        siblings: dict[str, Any] = {}
        seen: set[str] = set()
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            reference = node["$ref"]
            if reference in seen:
                problem = f"has a reference that leads back to itself at {place} ({excerpt(reference)})"
                raise unusable(self._name, problem=problem, remedy="fix it")
            seen.add(reference)
            siblings = {**{key: value for key, value in node.items() if key != "$ref"}, **siblings}
            node = self.target(reference, place)
        if not isinstance(node, dict):
            raise unusable(self._name, problem=f"has no mapping at {place}", remedy="fix it")
        return {**node, **siblings}

    def keywords(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The keywords of a schema and of what it refers to or is composed of; the outermost wins."""
        merged: dict[str, Any] = {}
        for part in self.in_place(schema):
            for key, value in part.items():
                merged.setdefault(key, value)
        return merged

    def in_place(self, schema: Any) -> Iterator[dict[str, Any]]:
        """A schema, and all that it refers to or is composed of, the outermost first."""
        waiting = [schema]
        seen: set[str] = set()
        while waiting:
            node = waiting.pop(0)
            if not isinstance(node, dict):
                continue
            yield node
            reference = node.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                waiting.append(self.target(reference, reference))
            for keyword in _IN_PLACE_LISTS:
                waiting += sequence(node.get(keyword))


def steps(reference: str) -> list[str]:
    """The names along a reference (``#/…``, RFC 6901 as a URI fragment)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in unquote(reference[2:]).split("/")]


def references(node: Any) -> Iterator[Any]:
    """The references in a part of a document, at any depth."""
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


def composed_references(node: Any) -> frozenset[str]:
    """The references that stand in an ``allOf`` anywhere in a part of a document."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, list):
            waiting += current
        elif isinstance(current, dict):
            named = (mapping(each).get("$ref") for each in sequence(current.get("allOf")))
            found.update(each for each in named if isinstance(each, str))
            waiting += current.values()
    return frozenset(found)


def undescribed(schema: Any) -> tuple[str, ...]:
    """The names that an object requires and does not describe; none where another schema may describe them."""
    if not isinstance(schema, dict) or any(word in schema for word in (*_IN_PLACE_LISTS, "$ref", "patternProperties")):
        return ()
    properties = mapping(schema.get("properties"))
    if not properties or isinstance(schema.get("additionalProperties"), dict):
        return ()
    return tuple(name for name in sequence(schema.get("required")) if isinstance(name, str) and name not in properties)


def references_in_place(schema: Any) -> Iterator[str]:
    """The references of a schema that apply to the very value that the schema applies to."""
    waiting = [schema]
    while waiting:
        current = waiting.pop()
        if not isinstance(current, dict):
            continue
        if isinstance(current.get("$ref"), str):
            yield current["$ref"]
        for keyword in _IN_PLACE_LISTS:
            waiting += sequence(current.get(keyword))
        waiting += [current.get(keyword) for keyword in _IN_PLACE]
        waiting += mapping(current.get("dependentSchemas")).values()
