"""Which properties a response schema describes beside those that make the list go on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.openapi.nodes import mapping, sequence
from contracts.openapi.references import References


@dataclass(frozen=True, slots=True)
class OtherProperties:
    """The properties of an object that are described and have no role.

    ``described`` are those that have a schema or are required; ``patterns`` say which names have one because of how
    they are written; ``any_name`` says that every property without a schema of its own has one; ``with_role`` are
    the names that are no other properties.
    """

    described: frozenset[str]
    patterns: frozenset[str]
    any_name: bool
    with_role: frozenset[str]

    def __bool__(self) -> bool:
        return self.any_name or bool(self.described or self.patterns)

    def among(self, value: Mapping[str, Any]) -> bool:
        """Whether an object has one of them."""
        return any(self._is_other(name) for name in value)

    def _is_other(self, name: str) -> bool:
        if name in self.with_role:
            return False
        # As jsonschema reads a pattern.
        return self.any_name or name in self.described or any(re.search(each, name) for each in self.patterns)


def other_properties(references: References, schemas: Iterable[Any], with_role: Iterable[str]) -> OtherProperties:
    """The other properties of an object to which all the schemas apply."""
    roles = frozenset(with_role)
    described: set[str] = set()
    patterns: set[str] = set()
    any_name = False
    for schema in _in_place(references, schemas):
        described.update(mapping(schema.get("properties")))
        described.update(name for name in sequence(schema.get("required")) if isinstance(name, str))
        patterns.update(mapping(schema.get("patternProperties")))
        any_name |= bool(mapping(schema.get("additionalProperties")))
    return OtherProperties(frozenset(described) - roles, frozenset(patterns), any_name, roles)


def item_schemas(references: References, schema: Any, items: str) -> list[Any]:
    """The schemas of the items, which stand in the property ``items`` of what the schema describes."""
    arrays = [mapping(part.get("properties")).get(items) for part in _in_place(references, [schema])]
    return [part.get("items") for part in _in_place(references, arrays)]


def _in_place(references: References, schemas: Iterable[Any]) -> Iterable[Mapping[str, Any]]:
    return [part for schema in schemas for part in references.in_place(schema)]
