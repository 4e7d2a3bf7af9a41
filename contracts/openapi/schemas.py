"""The response schema of either OpenAPI dialect as a validator of jsonschema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jsonschema_rs
from jsonschema import Draft4Validator, Draft202012Validator, FormatChecker, SchemaError
from jsonschema.protocols import Validator as SchemaValidator
from jsonschema.validators import extend, validator_for
from referencing import Registry

from contracts.core.wording import excerpt
from contracts.openapi.document import unusable
from contracts.openapi.profile import MOST_SECONDS
from contracts.openapi.references import LITERAL, NAMES, composed_references, undescribed

if TYPE_CHECKING:
    from contracts.openapi.operation import Operation

_NAMES = NAMES | {"schemas"}
_IDENTITY = frozenset({"id", "$id", "$schema", "$anchor", "$dynamicAnchor"})
_CLOSING = frozenset({"additionalProperties", "unevaluatedProperties"})

_FORMATS = FormatChecker(["date", "email", "ipv4", "ipv6", "uuid"])
"""The formats that are checked, because their meaning is unambiguous; all others are annotations."""


_QUICK: Mapping[type[SchemaValidator], type[Any]] = {
    Draft4Validator: jsonschema_rs.Draft4Validator,
    Draft202012Validator: jsonschema_rs.Draft202012Validator,
}
_REMARKS = (
    "duration hostname idn-email idn-hostname iri iri-reference json-pointer regex relative-json-pointer time"
    " uri-reference uri-template"
)
"""The formats that jsonschema_rs would check, and jsonschema takes as a remark."""


_RANGES: Mapping[str, Mapping[str, int]] = {
    "int32": {"minimum": -(2**31), "maximum": 2**31 - 1},
    "int64": {"minimum": -(2**63), "maximum": 2**63 - 1},
    "unixtime": {"maximum": MOST_SECONDS},
}
"""What the formats of integers say, in words that both validators judge by."""


@_FORMATS.checks("date-time")
def _is_date_time(value: object) -> bool:
    """RFC 3339 §5.6, leap seconds included."""
    if not isinstance(value, str):
        return True
    match = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
        value,
        re.ASCII,
    )
    return match is not None and _FORMATS.conforms(match[1], "date")


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    """RFC 3986 §4.3, as far as all parsers agree: it has a scheme, and no space or control character."""
    return not isinstance(value, str) or re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f\x7f]+", value) is not None


Quick = Callable[[Any], bool]
"""Whether a value is surely right; what it is not sure of is for the other validator to judge."""


_QUICK_FORMATS: Mapping[str, Callable[[str], bool]] = {
    **{name: partial(_FORMATS.conforms, format=name) for name in _FORMATS.checkers},
    **dict.fromkeys(_REMARKS.split(), lambda _: True),
}


def schema_validator(operation: Operation) -> tuple[SchemaValidator, Quick]:
    """What judges a body of an operation by its response schema, read as `contracts.openapi.validation.Validator` says.

    The second one is some hundred times faster, and says nothing of what is wrong.

    Raises:
        ConfigurationError: The schema, or one that it may refer to, is no valid schema.
    """
    default = Draft4Validator if operation.dialect == "3.0" else Draft202012Validator
    dialect = operation.document.get("jsonSchemaDialect") if operation.dialect == "3.1" else None
    base = validator_for({"$schema": dialect} if isinstance(dialect, str) else {}, default=default)
    strict: type[SchemaValidator] = extend(  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        base, type_checker=base.TYPE_CHECKER.redefine("integer", _is_integer)
    )
    draft4 = base is Draft4Validator
    components = _translated(operation.document.get("components", {}), draft4=draft4)
    schema = _translated(operation.response_schema, draft4=draft4)
    _leave_out_undescribed(components, operation)
    named = {f"components/schemas/{name}": part for name, part in components.get("schemas", {}).items()}
    for place, part in {"the 200 answer": schema, **named}.items():
        try:
            if not _is_plain(base, part):
                strict.check_schema(part)
        except SchemaError as error:
            problem = f"has no valid schema at {excerpt(place)} ({excerpt(error.message)})"
            raise unusable(operation.name, problem=problem, remedy="fix it") from None
        except RecursionError:
            problem = f"has a schema that is nested too deeply at {excerpt(place)}"
            raise unusable(operation.name, problem=problem, remedy="flatten it") from None
    # An explicit registry, because the default one fetches what it does not know.
    whole = {"allOf": [schema], "components": components}
    return strict(whole, registry=Registry(), format_checker=_FORMATS), _quick(base, whole)


def _leave_out_undescribed(components: dict[str, Any], operation: Operation) -> None:
    """Require nothing that a schema does not describe: a name that is left from before it was changed, as a rule."""
    composed = composed_references(operation.document)
    for name, schema in operation.document.get("components", {}).get("schemas", {}).items():
        names = undescribed(schema) if f"#/components/schemas/{name}" not in composed else ()
        if names:
            part = components["schemas"][name]
            part["required"] = [each for each in part["required"] if each not in names]
            if not part["required"]:
                del part["required"]


def _is_plain(base: type[SchemaValidator], schema: Any) -> bool:
    """Whether a schema is surely valid; what this is not sure of is for jsonschema to judge."""
    dialect = base.META_SCHEMA.get("$schema")
    try:
        for pattern in _patterns(schema):
            re.compile(pattern)
        return isinstance(schema, dict) and jsonschema_rs.meta.is_valid({"$schema": dialect, **schema})
    except (re.error, ValueError, RecursionError, jsonschema_rs.ReferencingError):
        return False


def _patterns(node: Any) -> Iterator[str]:
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            if isinstance(current.get("pattern"), str):
                yield current["pattern"]
            if isinstance(current.get("patternProperties"), dict):
                yield from current["patternProperties"]
            waiting += current.values()
        elif isinstance(current, list):
            waiting += current


def _quick(base: type[SchemaValidator], schema: dict[str, Any]) -> Quick:
    made = _QUICK.get(base)
    if made is None:
        return lambda _: False
    try:
        validator = made(schema, formats=_QUICK_FORMATS, validate_formats=True, offline=True)
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError):
        return lambda _: False

    def is_right(value: Any) -> bool:
        try:
            # There 1.0 is an integer.
            return validator.is_valid(value) and not _holds_whole_floats(value)
        except (ValueError, OverflowError, RecursionError):
            return False

    return is_right


def _holds_whole_floats(value: Any) -> bool:
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            waiting += current.values()
        elif isinstance(current, list):
            waiting += current
        elif isinstance(current, float) and current.is_integer():
            return True
    return False


def _is_integer(_checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _translated(node: Any, *, draft4: bool, names: bool = False) -> Any:
    """A schema of either OpenAPI dialect in plain JSON Schema."""
    if isinstance(node, list):
        return [_translated(part, draft4=draft4) for part in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {name: _translated(part, draft4=draft4) for name, part in node.items()}
    schema = {
        key: part if key in LITERAL else _translated(part, draft4=draft4, names=key in _NAMES)
        for key, part in node.items()
        if not (key in _IDENTITY and isinstance(part, str)) and not (key in _CLOSING and part is False)
    }
    if schema.get("type") in ("integer", ["integer", "null"]):
        schema = {**_RANGES.get(str(schema.get("format")), {}), **schema}
    if isinstance(schema.get("required"), list):
        # Generators write an empty list too, which OpenAPI 3.0 does not allow and everybody understands.
        schema["required"] = _once(schema["required"])
        if not schema["required"]:
            del schema["required"]
    if not draft4:
        _modernize(schema)
    if schema.pop("nullable", None) is True:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema


def _once(values: list[Any]) -> list[Any]:
    """A list without what stands in it before."""
    return [value for place, value in enumerate(values) if value not in values[:place]]


def _modernize(schema: dict[str, Any]) -> None:
    """Read keywords of older drafts, which documents of OpenAPI 3.1 hold now and then, as they were meant."""
    # A reference to whatever schema an evaluation began with: what it would allow is not judged.
    schema.pop("$recursiveAnchor", None)
    schema.pop("$recursiveRef", None)
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(exclusive), bool):
            strict = schema.pop(exclusive)
            if strict and bound in schema:
                schema[exclusive] = schema.pop(bound)
