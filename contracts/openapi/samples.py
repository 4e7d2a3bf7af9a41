"""Values that a schema allows, made from its examples, constants and types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.openapi.nodes import mapping, sequence
from contracts.openapi.outline import types
from contracts.openapi.references import References

_FORMATS = {
    "date-time": "2024-09-30T14:00:00Z",
    "date": "2024-09-30",
    "time": "14:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "6f1f9b2e-2f4a-4c55-9d3e-6f1b1a6c9d11",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
_PLAIN = [{"string"}, {"integer"}, {"number"}, {"boolean"}]
_DEEPEST = 12
"""Levels after which a value is left as simple as its type allows."""


def sample(references: References, schema: Any, depth: int = 0) -> Any:
    """A value of a schema: with the properties that must be there, and those that are easily made."""
    if not isinstance(schema, dict):
        return None
    node = _merged(references, schema)
    if "const" in node:
        return node["const"]
    for keyword in ("example", "default"):
        if keyword in node and _fits(node, node[keyword]):
            return node[keyword]
    for keyword in ("enum", "examples"):
        if sequence(node.get(keyword)):
            return node[keyword][0]
    for keyword in ("oneOf", "anyOf"):
        parts = [part for part in sequence(node.get(keyword)) if mapping(part).get("type") != "null"]
        if parts:
            made = sample(references, parts[0], depth + 1)
            rest = {key: value for key, value in node.items() if key != keyword}
            more = sample(references, rest, depth + 1) if "properties" in rest else None
            return {**more, **made} if isinstance(more, dict) and isinstance(made, dict) else made
    return _typed(references, node, depth)


def _fits(node: Mapping[str, Any], value: Any) -> bool:
    """Whether an example is one, as far as types tell; documents hold some that are not."""
    known = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    allowed = types(node)
    return not allowed or known.get(type(value)) in allowed or (type(value) is int and "number" in allowed)


def _typed(references: References, node: Mapping[str, Any], depth: int) -> Any:
    named = node.get("type")
    kinds = [named] if isinstance(named, str) else [kind for kind in sequence(named) if kind != "null"]
    kind = kinds[0] if kinds else "object" if "properties" in node else "string"
    match kind:
        case "object":
            return _object(references, node, depth)
        case "array":
            least = node.get("minItems", 0) if depth < _DEEPEST else 0
            return [sample(references, node.get("items"), depth + 1) for _ in range(least)]
        case "integer" | "number":
            least, most = node.get("minimum", node.get("exclusiveMinimum", 0)), node.get("maximum")
            number = max(1, least + 1) if isinstance(least, int | float) else 1
            return min(number, most) if isinstance(most, int | float) else number
        case "boolean":
            return False
        case "null":
            return None
    return _text(node)


def _text(node: Mapping[str, Any]) -> str:
    text = _FORMATS.get(str(node.get("format")), "text")
    return text.ljust(node["minLength"], "x") if isinstance(node.get("minLength"), int) else text


def _object(references: References, node: Mapping[str, Any], depth: int) -> dict[str, Any]:
    found = {}
    required = sequence(node.get("required"))
    for name, part in mapping(node.get("properties")).items():
        if depth < _DEEPEST and (name in required or _is_plain(references, part)):
            found[name] = sample(references, part, depth + 1)
    return found


def _is_plain(references: References, schema: Any) -> bool:
    """Whether a property is easily made: a text without a pattern, a number, true or false."""
    node = _merged(references, mapping(schema))
    return types(node) in _PLAIN and "pattern" not in node


def _merged(references: References, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with what it refers to and what it must be as well, as one."""
    node = references.resolved(dict(schema), "a schema")
    merged = {key: value for key, value in node.items() if key != "allOf"}
    for part in sequence(node.get("allOf")):
        more = _merged(references, mapping(part))
        properties = {**mapping(more.get("properties")), **mapping(merged.get("properties"))}
        required = [*sequence(more.get("required")), *sequence(merged.get("required"))]
        merged = {**more, **merged}
        if properties:
            merged |= {"properties": properties, "required": required}
    merged.pop("$ref", None)
    return merged
