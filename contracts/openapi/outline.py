"""What a document says about the parameters, page and items of one GET operation, with references resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from contracts.openapi.nodes import mapping, sequence
from contracts.openapi.references import References, composed_references, undescribed

Place = tuple[str, ...]
"""The place of a value in an answer: the property names that lead to it; empty for the body itself."""
Schemas = Mapping[str, dict[str, Any]]
"""The properties of an object, each with its keywords."""

_JSON = "application/json"
_DATED = re.compile(r"\bISO.?8601\b|\bRFC.?3339\b", re.IGNORECASE)
_BOUNDS = (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
_MOST_INTEGER = 2**31 - 1
_MOST_NAMES = 3
"""Names that lead to where an answer says how its list goes on (`paging.cursors.after`)."""
_MOST_LEVELS = 8
"""Levels of composition that are followed; published documents have three."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the operation; ``schema`` holds its keywords with references followed."""

    name: str
    where: str
    required: bool
    description: str
    schema: dict[str, Any]

    @property
    def types(self) -> frozenset[str]:
        """The JSON types that it allows, without null."""
        return types(self.schema)

    @property
    def integers(self) -> range:
        """Integers that its bounds allow: all of them, or those from 1 on that 32 bits hold."""
        low, high = ([each for key in keys if type(each := self.schema.get(key)) is int] for keys in _BOUNDS)
        # A bound that is excluded is a flag in OpenAPI 3.0, and a number in 3.1.
        first = max(low) + ("exclusiveMinimum" in self.schema) if low else 1
        last = min(high) - ("exclusiveMaximum" in self.schema) if high else _MOST_INTEGER
        return range(first, last + 1)


class Outline:
    """One GET operation, read as far as needed to find out how its list is paged.

    Args:
        references: Looks up what the document's references refer to.
        document: The document.
        path: The path of the operation, as the document writes it.
    """

    def __init__(self, references: References, document: Mapping[str, Any], path: str) -> None:
        self.path = path
        self.document = document
        self._references = references
        self._item = references.resolved(document["paths"][path], f"paths/{path}")
        self.node: dict[str, Any] = mapping(self._item.get("get"))

    @property
    def id(self) -> str:
        """The operationId, or an empty string."""
        name = self.node.get("operationId")
        return name if isinstance(name, str) else ""

    @cached_property
    def prose(self) -> str:
        """The summary and the description."""
        return "\n".join(
            text for text in (self.node.get("summary"), self.node.get("description")) if isinstance(text, str)
        )

    @cached_property
    def answer_prose(self) -> str:
        """What describes the 200 answer, its schema, and the arrays on a page."""
        arrays = [schema for schema in self.envelope.values() if "array" in types(schema)]
        holders = (mapping(self.response), self.keywords(self.body), *arrays)
        return "\n".join(text for each in holders if isinstance(text := each.get("description"), str))

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters, in the document's order; those of the operation replace those of its path."""
        found: dict[tuple[str, str], Parameter] = {}
        for holder in (self._item, self.node):
            for number, node in enumerate(sequence(holder.get("parameters"))):
                raw = self._references.resolved(node, f"paths/{self.path}/get/parameters/{number}")
                schema = self.keywords(raw.get("schema"))
                words = raw.get("description") or schema.get("description")
                parameter = Parameter(
                    str(raw.get("name")),
                    str(raw.get("in")),
                    raw.get("required") is True,
                    words if isinstance(words, str) else "",
                    {**schema, **{key: value for key, value in raw.items() if key.startswith("x-")}},
                )
                found[parameter.where, parameter.name] = parameter
        return tuple(found.values())

    @cached_property
    def query(self) -> dict[str, Parameter]:
        """The query parameters by their names."""
        return {each.name: each for each in self.parameters if each.where == "query"}

    @cached_property
    def response(self) -> dict[str, Any] | None:
        """The 200 answer, ``None`` if it is not described as JSON."""
        response = mapping(self.node.get("responses")).get("200")
        if response is None:
            return None
        return self._references.resolved(response, f"paths/{self.path}/get/responses/200")

    @cached_property
    def other_errors(self) -> bool:
        """Whether the document describes its errors, and none of them as an object with an `error`."""
        described = [
            self._error(each, f"paths/{self.path}/get/responses/{status}")
            for status, each in mapping(self.node.get("responses")).items()
            if status == "default" or str(status)[:1] in {"4", "5"}
        ]
        known = [names for names in described if names is not None]
        return bool(known) and not any("error" in names for names in known)

    def _error(self, response: Any, place: str) -> frozenset[str] | None:
        """The properties of an error's body; ``None`` if its body is not described."""
        content = mapping(self._references.resolved(response, place).get("content"))
        schemas = [each["schema"] for each in map(mapping, content.values()) if isinstance(each.get("schema"), dict)]
        if not schemas:
            return None
        return frozenset(name for schema in schemas for name in self.properties(schema))

    @cached_property
    def body(self) -> dict[str, Any] | None:
        """The schema of the 200 answer, ``None`` if there is none for JSON."""
        content = mapping(mapping(self.response).get("content"))
        for media_type, each in content.items():
            schema = mapping(each).get("schema")
            if media_type.partition(";")[0].strip().lower() == _JSON and isinstance(schema, dict):
                return schema
        return None

    def keywords(self, schema: Any) -> dict[str, Any]:
        """The keywords of a schema and of what it refers to or is composed of; the outermost wins."""
        return self._references.keywords(schema) if isinstance(schema, dict) else {}

    @cached_property
    def envelope(self) -> Schemas:
        """The properties of a page."""
        return self.properties(self.body)

    def properties(self, schema: Any, depth: int = 0) -> Schemas:
        """The properties that an object has: of alternatives, those that all of them have."""
        if not isinstance(schema, dict) or depth > _MOST_LEVELS:
            return {}
        node = self._references.resolved(schema, "its answer")
        found: dict[str, dict[str, Any]] = {}
        for part in sequence(node.get("allOf")):
            found.update(self.properties(part, depth + 1))
        for keyword in ("anyOf", "oneOf"):
            objects = [self.properties(part, depth + 1) for part in sequence(node.get(keyword)) if not _is_null(part)]
            if objects:
                for name in set(objects[0]).intersection(*objects[1:]):
                    parts = [each[name] for each in objects]
                    found[name] = parts[0] if all(part == parts[0] for part in parts) else {"anyOf": parts}
        own = mapping(node.get("properties"))
        found.update({name: self.keywords(part) for name, part in own.items() if isinstance(part, dict)})
        return found

    def required(self, schema: Any, depth: int = 0) -> frozenset[str]:
        """The properties that an object must have: of alternatives, those that all of them require."""
        if not isinstance(schema, dict) or depth > _MOST_LEVELS:
            return frozenset()
        node = self._references.resolved(schema, "its answer")
        found = {name for name in sequence(node.get("required")) if isinstance(name, str)}
        for part in sequence(node.get("allOf")):
            found |= self.required(part, depth + 1)
        for keyword in ("anyOf", "oneOf"):
            parts = [self.required(part, depth + 1) for part in sequence(node.get(keyword)) if not _is_null(part)]
            if parts:
                found |= parts[0].intersection(*parts[1:])
        return frozenset(found)

    def at(self, place: Place) -> dict[str, Any] | None:
        """The keywords of a place of the answer; ``None`` if nothing is described there."""
        current: dict[str, Any] | None = self.body
        for name in place:
            current = self.properties(current).get(name)
        return self.keywords(current) if current is not None else None

    def items(self, place: Place) -> Schemas:
        """The properties of the items of the array at a place."""
        return self.properties(self._of_items(place))

    def required_of_items(self, place: Place) -> frozenset[str]:
        """The properties that each item of the array at a place must have."""
        return self.required(self._of_items(place))

    def _of_items(self, place: Place) -> Any:
        return (self.at(place) or {}).get("items")

    def of_absence(self, place: Place, name: str) -> frozenset[str]:
        """The values, as a query writes them, that an item may mean that does not show a boolean or an integer.

        Servers differ in whether a filter by such a value finds these items. There are none of another property, and of
        one that every item of the array at the place must show.
        """
        own = self.items(place).get(name, {})
        usual = {frozenset({"boolean"}): "false", frozenset({"integer"}): "0"}.get(types(own))
        if usual is None or (name in self.required_of_items(place) and not _is_nullable(own)):
            return frozenset()
        return frozenset(filter(None, (usual, in_a_query(own.get("default")))))

    def undescribed(self, place: Place) -> tuple[str, ...]:
        """The names that the items at a place, or some of their alternatives, require and nothing describes."""
        parts = list(self._references.in_place((self.at(place) or {}).get("items")))
        named = {each["$ref"] for each in parts if "$ref" in each} - composed_references(parts)
        found = (undescribed(self._references.target(each, each)) for each in sorted(named))
        return tuple(dict.fromkeys(name for names in found for name in names))

    def places(self) -> Iterator[tuple[Place, dict[str, Any]]]:
        """Every property of a page and of its objects, outer ones first, each with its keywords."""
        level: list[tuple[Place, Schemas]] = [((), self.envelope)]
        for _ in range(_MOST_NAMES):
            inner = []
            for group, properties in level:
                for name, schema in properties.items():
                    yield (*group, name), schema
                    if "array" not in types(schema):
                        inner.append(((*group, name), self.properties(schema)))
            level = inner


def types(schema: Mapping[str, Any]) -> frozenset[str]:
    """The JSON types that a schema names, without null; alternatives are looked through."""
    named = schema.get("type")
    found = {named} if isinstance(named, str) else {name for name in sequence(named) if isinstance(name, str)}
    if not found:
        for keyword in ("anyOf", "oneOf"):
            found |= {name for part in sequence(schema.get(keyword)) for name in types(mapping(part))}
    return frozenset(found - {"null"})


def words(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts that a schema allows, if it lists them."""
    values = sequence(schema.get("enum")) or [schema[key] for key in ("const",) if key in schema]
    return tuple(value for value in values if isinstance(value, str))


def in_a_query(value: object) -> str | None:
    """A value as a query writes it: a text as it is, a boolean or an integer as in JSON; ``None`` for any other."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None


def choices(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The values that a schema lists, or both of a boolean, as a query writes them; empty if it lists none.

    Of an array they are those of one of its entries: a query has each by itself.
    """
    schema = mapping(schema.get("items")) if types(schema) == {"array"} else schema
    listed = sequence(schema.get("enum")) or [schema[key] for key in ("const",) if key in schema]
    found = tuple(text for value in listed if (text := in_a_query(value)) is not None)
    return found or (("true", "false") if types(schema) == {"boolean"} else ())


def time_form(schema: Mapping[str, Any]) -> str | None:
    """How a property writes a time, as an `x-list` names it; ``None`` if it surely is none."""
    described = str(schema.get("description", ""))
    if "integer" in types(schema):
        return "unix-ms" if re.search(r"\bmilliseconds?\b", described, re.IGNORECASE) else "unix"
    return "rfc3339" if dated(schema, described) and types(schema) <= {"string"} else None


def dated(schema: Mapping[str, Any], described: str) -> bool:
    """Whether a text is a time, by its format or its description."""
    return schema.get("format") == "date-time" or _DATED.search(described) is not None


def value_at(value: object, place: Place) -> Any:
    """The value at a place of an answer; ``None`` where there is none."""
    for name in place:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _is_nullable(schema: Mapping[str, Any]) -> bool:
    named = schema.get("type")
    if schema.get("nullable") is True or named == "null" or "null" in sequence(named):
        return True
    parts = [mapping(part) for key in ("anyOf", "oneOf") for part in sequence(schema.get(key))]
    return None in sequence(schema.get("enum")) or any(map(_is_nullable, parts))


def _is_null(schema: Any) -> bool:
    return mapping(schema).get("type") == "null"
