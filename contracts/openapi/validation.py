"""The response schema: which parts of it a body violates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from contracts.core.model import Node
from contracts.openapi.body import shown, step
from contracts.openapi.profile import MOST_SECONDS

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from contracts.openapi.operation import Operation

MOST_VIOLATIONS = 1000
"""Breaches of the schema that are looked for in one body; after these the rest of it is not looked at."""
MOST_ITEMS = 1000
"""Items of one page that are laid against the schema: ten times the largest page that is asked for."""

_TYPES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
    "null": "null",
}

_WORDS = {
    'format "date"': "a date (RFC 3339)",
    'format "date-time"': "a time with its zone (RFC 3339)",
    'format "email"': "an email address",
    'format "ipv4"': "an IPv4 address",
    'format "ipv6"': "an IPv6 address",
    'format "uri"': "a URI",
    'format "uuid"': "a UUID",
    f"maximum {MOST_SECONDS}": "a time in seconds since 1970",
}

_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach of the response schema: the part of it, the place (such as ``$.data[3].id``), and what is wrong.

    The texts are printable and short, whatever the target sent.
    """

    node: Node
    path: str
    expected: str
    actual: str


class Validator:
    """The response schema of an operation, ready to judge values.

    Read more kindly than the letter in two points: properties that the schema does not name are always
    allowed, and ``nullable: true`` allows null beside ``enum``, ``allOf`` or ``$ref`` too, in either dialect.
    Read by the letter in one: an integer is a JSON integer, so neither ``1.0`` nor ``true``.

    Raises:
        ConfigurationError: The document's schema is no valid schema.
    """

    def __init__(self, operation: Operation) -> None:
        self._items = operation.profile.items
        self._envelope = {
            operation.roles.object: Node.OBJECT,
            operation.roles.items: Node.ITEMS,
            operation.roles.has_more: Node.HAS_MORE,
            operation.roles.first_id: Node.FIRST_ID,
            operation.roles.last_id: Node.LAST_ID,
        }
        self._item = {
            operation.roles.item_id: Node.ITEM_ID,
            operation.roles.item_time: Node.ITEM_TIME,
            operation.roles.item_facet: Node.ITEM_FACET,
            operation.roles.item_object: Node.ITEM_OBJECT,
        }
        self._ends = frozenset(filter(None, (operation.roles.first_id, operation.roles.last_id)))
        # jsonschema takes longer to import than a small command takes.
        from contracts.openapi.schemas import schema_validator

        self._schema, self._is_right = schema_validator(operation)

    def violations(self, value: Any) -> tuple[Violation, ...]:
        """The breaches of the schema by a parsed body, each once, in the order in which they are found.

        After `MOST_VIOLATIONS` no more are looked for, and only the first `MOST_ITEMS` items are looked at.
        """
        if not isinstance(value, dict if self._items else list):
            return (Violation(Node.BODY, "$", "an object" if self._items else "an array", shown(value)),)
        try:
            return self._violations(value)
        except RecursionError:
            # A schema that contains itself is followed as deep as the server's value goes.
            return (Violation(Node.BODY, "$", "values that can be followed", "values that are nested too deeply"),)

    def _violations(self, value: Any) -> tuple[Violation, ...]:
        found: dict[tuple[Node, str], Violation] = {}
        value, items = _cut(value, self._items)
        if self._is_right(value):
            return ()
        for error in self._schema.iter_errors(value):
            if len(found) >= MOST_VIOLATIONS:
                break
            for place, expected, actual in _leaves(error):
                if not items and len(place) == 1 and place[0] in self._ends and value.get(place[0]) is None:
                    # Documents require ids of every page; one without items has none to give.
                    continue
                path = "$"
                for part in place:
                    path = step(path, part)
                node = self._node(place, missing=actual is _ABSENT)
                # A value of a wrong type is outside its enum too; the enum says more.
                if (node, path) not in found or error.validator in ("enum", "const"):
                    found[node, path] = Violation(node, path, expected, actual)
        return tuple(found.values())

    def _node(self, place: _Path, *, missing: bool) -> Node:
        inside = place[len(self._items) :] if place[: len(self._items)] == self._items else ()
        match inside, place:
            case (int(), str(name)), _ if missing and name in self._item:
                return Node.ITEM
            case (int(), str(name), *_), _:
                return self._item.get(name, Node.ITEM_OTHER)
            case (int(),), _:
                return Node.ITEM
            case ((), (str(), *_)) if place == self._items:
                return Node.ITEMS
            case _, (str(name), *_):
                return self._envelope.get(name, Node.ENVELOPE_OTHER)
            case _:
                return Node.BODY


_ABSENT = "absent"


def _cut(value: Any, place: tuple[str, ...]) -> tuple[Any, Any]:
    """A body with no more than `MOST_ITEMS` items, and what stands where these are."""
    if not place:
        return (value[:MOST_ITEMS], value) if isinstance(value, list) else (value, None)
    if not isinstance(value, dict) or place[0] not in value:
        return value, None
    part, items = _cut(value[place[0]], place[1:])
    return (value, items) if part is value[place[0]] else ({**value, place[0]: part}, items)


def _leaves(error: ValidationError) -> Iterator[tuple[_Path, str, str]]:
    """The plain breaches in an error: place, what was expected, what is there."""
    place = tuple(error.absolute_path)
    if error.validator in ("anyOf", "oneOf") and error.context:
        yield from _best_branch(error, place)
    elif error.validator == "required":
        # One such error comes for each missing property, without its name; each names all of them.
        for name in cast("Iterable[str]", error.validator_value):
            if name not in cast("Mapping[str, Any]", error.instance):
                yield (*place, name), "present", _ABSENT
    else:
        yield place, _expected(error), shown(error.instance)


def _best_branch(error: ValidationError, place: _Path) -> Iterator[tuple[_Path, str, str]]:
    branches: dict[str | int, list[ValidationError]] = {}
    for part in error.context:
        branches.setdefault(part.schema_path[0], []).append(part)
    fitting = [
        branch for branch in branches.values() if not any(part.validator == "type" and not part.path for part in branch)
    ]
    leaves = [[leaf for part in branch for leaf in _leaves(part)] for branch in fitting or branches.values()]
    if all(leaf[0] == place and leaf[2] is not _ABSENT for branch in leaves for leaf in branch):
        expected = dict.fromkeys(leaf[1] for branch in leaves for leaf in branch)
        yield place, " or ".join(expected), shown(error.instance)
    else:
        yield from min(leaves, key=len)


def _expected(error: ValidationError) -> str:
    match error.validator, error.validator_value:
        case "type", str(name):
            return _TYPES.get(name, name)
        case "type", [*names]:
            return " or ".join(_TYPES.get(str(name), str(name)) for name in names)
        case "enum", [*values]:
            return " or ".join(shown(value) for value in values[:3]) + (" or …" if values[3:] else "")
        case "const", value:
            return shown(value)
        case keyword, value:
            rule = f"{keyword} {shown(value)}"
            return _WORDS.get(rule, rule)
