"""How a document, and an overlay that adds to it, become one `Operation`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from contracts.core.errors import ConfigurationError
from contracts.core.model import Order
from contracts.core.wording import excerpt
from contracts.openapi import document as documents
from contracts.openapi.document import Document, unusable
from contracts.openapi.grammar import PARAMETERS, Grammar
from contracts.openapi.nodes import mapping
from contracts.openapi.operation import Dialect, Operation, Roles, encode
from contracts.openapi.outline import Outline, choices, types
from contracts.openapi.overlay import apply_overlay
from contracts.openapi.profile import Ordering, Profile, Statements
from contracts.openapi.reduction import Reduced, fits, reduce
from contracts.openapi.references import References
from contracts.openapi.survey import Surveyed, amended, find, read, stated_by

_KEY_HEADERS = frozenset({"x-api-key", "api-key"})
_KEY_IS_DUE = re.compile(r"\brequired\b[^.]*\b(?:all|each|every)\b", re.IGNORECASE)
"""How a description says that every request needs the key."""
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
"""The name of a header (RFC 9110 §5.1)."""


def load_operation(
    path: Path | None = None,
    overlay: Path | None = None,
    *,
    name: str | None = None,
    at: Mapping[str, str] | None = None,
    query: Sequence[tuple[str, str]] = (),
) -> Operation:
    """Read an operation from a document.

    Args:
        path: An OpenAPI 3.0 or 3.1 document in JSON or YAML that describes the operation, among others or
            alone; by default the published one.
        overlay: An overlay to apply. One with ``x-operation`` also names the operation, as the suite's own does.
        name: The operation: its operationId, or ``GET /path``; by default "List checkpoint permissions".
        at: The values of all path parameters but the last; by default placeholders, which suffice without a target.
        query: Query parameters that every request has, such as those that the operation requires.

    Raises:
        ConfigurationError: A file cannot be read, does not describe the operation, or says too little of it.
    """
    source = documents.load(path or documents.published("openapi.yaml"))
    dialect = _dialect(source)
    chosen = documents.load(documents.published("overlay.yaml"))
    stated: Mapping[str, Statements] = {}
    if overlay is not None:
        addition = documents.load(overlay)
        if "x-operation" in addition.data:
            chosen = addition
        else:
            source, stated = amended(source, addition)
    reduced, said = _reduced(source, chosen, name)
    outline = Outline(References(source.name, reduced.data), reduced.data, reduced.path)
    surveyed = read(source.name, outline, {**said, **stated.get(reduced.path, {})})
    profile = _usable(source.name, reduced.path, surveyed)
    return _operation(source, reduced, outline, profile, at=at, query=tuple(query), dialect=dialect)


def _reduced(source: Document, chosen: Document, name: str | None) -> tuple[Reduced, Statements]:
    """The document reduced to one operation, and what the overlay that names the operation says about it."""
    wanted = chosen.data.get("x-operation")
    if not isinstance(wanted, dict) or not all(isinstance(wanted.get(key), str) for key in ("path", "operationId")):
        raise unusable(chosen.name, problem="names no operation", remedy="add x-operation with path and operationId")
    path = find(source, name) if name is not None else None
    reduced = reduce(source, path=path or wanted["path"], operation_id=wanted["operationId"], whole=path is not None)
    if path is not None and not fits(wanted["path"], path):
        return reduced, {}
    apply_overlay(reduced.data, chosen)
    node = reduced.data["paths"][reduced.path]["get"].get("x-list")
    return reduced, stated_by(chosen.name, reduced.path, node) if node is not None else {}


def _usable(name: str, path: str, surveyed: Surveyed | None) -> Profile:
    if surveyed is None:
        problem = f"describes no list at GET {excerpt(path)} that is read page by page"
        raise unusable(
            name,
            problem=problem,
            remedy="choose one that `contracts operations` shows, or say in an overlay's x-list how it is read",
        )
    if surveyed.profile is None:
        lack = surveyed.lacks[0]
        remedy = f"add it, or say it in an overlay's x-list ({lack.role.replace('.', '/')})"
        raise unusable(name, problem=lack.reason, remedy=remedy)
    return surveyed.profile


def _operation(
    source: Document,
    reduced: Reduced,
    outline: Outline,
    profile: Profile,
    *,
    dialect: Dialect,
    at: Mapping[str, str] | None,
    query: tuple[tuple[str, str], ...],
) -> Operation:
    node = reduced.data["paths"][reduced.path]["get"]
    schema = node["responses"]["200"]["content"][reduced.media_type]["schema"]
    roles = _roles(profile)
    outer = {name: (at or {}).get(name, "" if at is not None else name) for name in profile.scope[:-1]}
    for name, value in outer.items():
        if not value:
            problem = f"needs a value for {name} in the path {excerpt(reduced.path)}"
            raise unusable(source.name, problem=problem, remedy=f"give --at {name}=VALUE")
    template, _, ending = reduced.path.partition("?")
    # In some documents a query in the path distinguishes operations.
    pairs = [pair.partition("=") for pair in ending.split("&") if pair]
    fixed = (*((unquote(name), unquote(value)) for name, _, value in pairs), *query)
    for name, value in outer.items():
        template = template.replace("{" + name + "}", encode(value))
    prefix, scope, suffix = template.partition("{" + roles.scope + "}") if roles.scope else (template, "", "")
    parameters = {each["name"]: each for each in node["parameters"] if each.get("in") == "query"}
    # Tokens of both directions may have one parameter; then it is known as the one that leads onward.
    one = roles.before == roles.after
    known = [(name, role) for role in PARAMETERS if (name := getattr(roles, role)) and not (one and role == "before")]
    for name, _ in query:
        if name in {each for each, _ in known}:
            raise ConfigurationError(
                f"--query {excerpt(name)} can't be the same in every request: the suite asks with values of its own for"
                f" {excerpt(name)}. Leave it out."
            )
    filtering = mapping(parameters.get(roles.facet, {}).get("schema"))
    allowed = References(source.name, reduced.data).keywords(filtering)
    order = profile.order or Ordering(None, (), None, by_time=False)
    schemes: list[Any] = list(mapping(mapping(reduced.data.get("components")).get("securitySchemes")).values())
    key_header = _key_header(schemes, node["parameters"])
    return Operation(
        name=source.name,
        sha256=source.sha256,
        document=reduced.data,
        path_template=reduced.path,
        dialect=dialect,
        response_schema=schema,
        profile=profile,
        roles=roles,
        outer=outer,
        fixed=fixed,
        keyed=any(mapping(each).get("type") != "apiKey" for each in schemes)
        or bool(key_header and (schemes or _is_due(key_header, node["parameters"]))),
        key_header=key_header,
        _grammar=Grammar(
            prefix=prefix,
            suffix=suffix,
            scoped=bool(scope),
            parameters=tuple(known),
            orders=tuple((word, order_) for order_, word in order.words),
            only_order=None if order.param is not None else order.default or Order.DESCENDING,
            fixed=fixed,
            others=frozenset(parameters) - {name for name, _ in known},
            filter_words=choices(allowed),
            integers=types(allowed) == {"integer"},
            of_absence=outline.of_absence(profile.items, roles.item_facet),
        ),
    )


def _key_header(schemes: Sequence[Any], parameters: Sequence[Any]) -> str:
    """The header that carries the key, from a security scheme or a header parameter; empty if there is none."""
    if any(mapping(each).get("type") != "apiKey" for each in schemes):
        return ""
    named = [str(each.get("name")) for each in map(mapping, schemes) if each.get("in") == "header"]
    named += [str(each.get("name")) for each in map(mapping, parameters) if each.get("in") == "header"]
    known = [name for name in named if schemes or name.lower() in _KEY_HEADERS]
    return next((name for name in known if name.lower() != "authorization" and _TOKEN.fullmatch(name)), "")


def _is_due(key_header: str, parameters: Sequence[Any]) -> bool:
    """Whether the header parameter for the key is required, by its schema or its description."""
    described = [each for each in map(mapping, parameters) if each.get("name") == key_header]
    return any(each.get("required") is True or _KEY_IS_DUE.search(str(each.get("description"))) for each in described)


def _roles(profile: Profile) -> Roles:
    def single(place: tuple[str, ...] | None) -> str:
        return place[0] if place is not None and len(place) == 1 else ""

    def first(pairs: tuple[tuple[str, str], ...], which: int = 0) -> str:
        return pairs[0][which] if pairs else ""

    ends = profile.next.kind == "item"
    return Roles(
        object=first(profile.envelope_constants),
        items=single(profile.items),
        has_more=single(profile.more),
        first_id=single(profile.prev.at) if ends else "",
        last_id=single(profile.next.at) if ends else "",
        item_id=first(tuple((name, "") for name in profile.id)),
        item_time=profile.time.at if profile.time is not None else "",
        item_facet=first(profile.filters, 1),
        item_object=first(profile.constants),
        scope=profile.scope[-1] if profile.scope else "",
        after=profile.next.param or "",
        before=(profile.prev.param or "") if ends or profile.prev.at is not None else "",
        limit=profile.limit.param if profile.limit is not None else "",
        order=(profile.order.param if profile.order is not None else None) or "",
        facet=first(profile.filters),
    )


def _dialect(source: documents.Document) -> Dialect:
    version = source.data.get("openapi")
    # A version without quotes (3.1) is a number in YAML.
    match = re.match(r"3\.[01](?=\.|$)", str(version))
    if match is None:
        older = source.data.get("swagger")
        found = "names no OpenAPI version" if older is None else f"is Swagger {older}"
        found = found if version is None else f"is OpenAPI {version}"
        raise documents.unusable(source.name, problem=excerpt(found), remedy="give one in OpenAPI 3.0 or 3.1")
    return "3.0" if match.group() == "3.0" else "3.1"
