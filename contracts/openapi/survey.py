"""Every list operation of a document: its profile, who says each part of it, and what is missing."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.core.model import Order
from contracts.core.wording import close, excerpt
from contracts.openapi import document as documents
from contracts.openapi import guesses
from contracts.openapi.conventions import conventional
from contracts.openapi.document import Document, unusable
from contracts.openapi.nodes import mapping, sequence
from contracts.openapi.outline import Outline, Schemas, types, words
from contracts.openapi.overlay import apply_overlay
from contracts.openapi.profile import ROLES, MisstatedError, Profile, Source, Statements, place, profile, statements
from contracts.openapi.references import References

_PAGING = ("next.param", "more", "limit.param")
_PARAMETERS = ("next.param", "prev.param", "limit.param", "order.param")
_LIKELY = {
    "next.param": re.compile("after|cursor|token|marker|next|since|start|from", re.IGNORECASE),
    "limit.param": re.compile("limit|size|count|max|per|top|take", re.IGNORECASE),
}
"""How parameters are called that may play a role that nothing names."""
_REMEDIES = {
    "items": "the property that holds the array of items; an empty text if the answer is the array",
    "next.param": "the query parameter that takes the cursor",
    "next.at": "the property that holds the token of the next page",
    "item.id": "the property that identifies an item, or a list of them",
    "limit.param": "the query parameter that takes the page size",
    "prev.param": "the query parameter that takes the cursor backwards",
    "order.param": "the query parameter that takes the order",
    "order.ascending": "the word that asks for the oldest first",
    "order.descending": "the word that asks for the newest first",
    "filters": "query parameters, each with the property that it compares",
}


@dataclass(frozen=True, slots=True)
class Role:
    """One role of an operation: what plays it, and who says so (``at`` names the convention)."""

    name: str
    value: Any
    source: Source
    at: str = ""


@dataclass(frozen=True, slots=True)
class Lack:
    """A role without which the list can't be judged, and why, in one sentence.

    ``proposed`` is a likely value, to be corrected where it is wrong, and ``parameter`` the query parameter that it
    names, where the document describes no such.
    """

    role: str
    reason: str
    proposed: Any = "NAME"
    parameter: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One list operation of a document.

    ``profile`` is ``None`` where something is lacking. ``remarks`` are what a reader of the document should know:
    defects of it that are not judged.
    """

    id: str
    path: str
    roles: tuple[Role, ...]
    lacks: tuple[Lack, ...]
    remarks: tuple[str, ...]
    profile: Profile | None

    @property
    def name(self) -> str:
        """What ``--operation`` takes."""
        return self.id or f"GET {self.path}"

    def overlay(self) -> str:
        """An overlay that says what is missing, with a likely name for each role: it can be used as it is."""
        import yaml

        nested: dict[str, Any] = {}
        for lack in self.lacks:
            *groups, last = lack.role.split(".")
            node = nested
            for group in groups:
                node = node.setdefault(group, {})
            node[last] = lack.role
        added = [dict(lack.parameter) for lack in self.lacks if lack.parameter is not None]
        update = {"x-list": nested, **({"parameters": added} if added else {})}
        action = {"target": f"$.paths['{self.path}'].get", "update": update}
        head = {"overlay": "1.0.0", "info": {"title": f"What {self.name} lacks", "version": "1.0.0"}}
        text: str = yaml.safe_dump({**head, "actions": [action]}, sort_keys=False, allow_unicode=True, width=10**6)
        for lack in self.lacks:
            value = json.dumps(lack.proposed, ensure_ascii=False)
            text = text.replace(f": {lack.role}\n", f": {value}  # {_REMEDIES[lack.role]}\n")
        return text


def survey_files(spec: Path | None, overlay: Path | None) -> tuple[Document, tuple[Surveyed, ...]]:
    """All list operations of a document, the published one by default, with what an overlay adds.

    Raises:
        ConfigurationError: A file can't be read or applied, or says something that can't be read.
    """
    document = documents.load(spec or documents.published("openapi.yaml"))
    if overlay is None:
        return document, survey(document)
    document, added = amended(document, documents.load(overlay))
    return document, survey(document, added)


def amended(document: Document, overlay: Document) -> tuple[Document, dict[str, Statements]]:
    """A document with an overlay applied, and for each path what the overlay says in ``x-list``.

    Raises:
        ConfigurationError: It can't be applied, or an ``x-list`` can't be read.
    """
    before = copy.deepcopy(_lists(document.data))
    # Nodes that a document's author shared (YAML aliases) become several, so that an overlay changes one place.
    document = Document(document.name, document.sha256, documents.tree(document.data, document.name))
    apply_overlay(document.data, overlay)
    known = {path: stated_by(document.name, path, node) for path, node in before.items()}
    added = {}
    for path, node in _lists(document.data).items():
        said = stated_by(overlay.name, path, node)
        added[path] = {role: value for role, value in said.items() if known.get(path, {}).get(role, ...) != value}
    return document, added


def _lists(data: Mapping[str, Any]) -> dict[str, Any]:
    """The ``x-list`` of each path that has one."""
    nodes = {path: mapping(mapping(item).get("get")) for path, item in mapping(data.get("paths")).items()}
    return {path: node["x-list"] for path, node in nodes.items() if "x-list" in node}


def survey(document: Document, stated: Mapping[str, Mapping[str, Any]] | None = None) -> tuple[Surveyed, ...]:
    """All list operations of a document, in its order; what answers with no page of a list is passed over.

    Args:
        document: The document, with the user's overlay applied if there is one.
        stated: For each path what an overlay says in ``x-list`` beside the document.

    Raises:
        ConfigurationError: A reference or an ``x-list`` can't be read.
    """
    references = References(document.name, document.data)
    paths = mapping(document.data.get("paths"))
    found = []
    for path, item in paths.items():
        if not isinstance(item, dict) or not ("get" in item or "$ref" in item):
            continue
        outline = Outline(references, document.data, path)
        if not outline.node:
            continue
        each = read(document.name, outline, (stated or {}).get(path, {}))
        if each is not None:
            found.append(each)
    return tuple(found)


def read(name: str, outline: Outline, stated: Mapping[str, Any] = {}) -> Surveyed | None:
    """One operation of a document; ``None`` if it is no list that is read page by page.

    Raises:
        ConfigurationError: Its ``x-list`` can't be read.
    """
    if outline.body is None:
        return None
    roles = _roles(name, outline, stated)
    known = {role: each.value for role, each in roles.items()}
    token = known.get("next.at") is not None
    if known.get("items") is None or not (token or any(known.get(role) is not None for role in _PAGING)):
        return None
    lacks = tuple(_lacks(outline, known))
    scope = tuple(re.findall(r"\{([^{}]+)\}", outline.path))
    taken = {known.get(role) for role in _PARAMETERS}
    required = tuple(each.name for each in outline.query.values() if each.required and each.name not in taken)
    return Surveyed(
        id=outline.id,
        path=outline.path,
        roles=tuple(roles[role] for role in ROLES if role in roles and roles[role].value is not None),
        lacks=lacks,
        remarks=tuple(_remarks(outline, known)),
        profile=None if lacks else profile(known, scope=scope, required=required),
    )


def find(document: Document, wanted: str) -> str:
    """The path of the operation that is called so: by its operationId, or as ``GET /path``.

    Raises:
        ConfigurationError: There is none, or more than one; the sentence names the closest.
    """
    paths = {path: item for path, item in mapping(document.data.get("paths")).items() if "get" in mapping(item)}
    by_path = wanted.removeprefix("GET ").strip()
    if by_path in paths:
        return by_path
    ids = [(str(mapping(item["get"]).get("operationId")), path) for path, item in paths.items()]
    chosen = [path for name, path in ids if name == wanted]
    if len(chosen) > 1:
        problem = f"has the operationId {excerpt(wanted)} twice, at {' and '.join(chosen[:2])}"
        raise unusable(document.name, problem=problem, remedy=f"choose by path: --operation 'GET {chosen[0]}'")
    if not chosen:
        known = [name for name, _ in ids] + [f"GET {path}" for path in paths]
        meant = close(wanted, known)
        remedy = f"perhaps {meant} is meant" if meant else "`contracts operations` shows those that are lists"
        raise unusable(document.name, problem=f"has no operation {excerpt(wanted)}", remedy=remedy)
    return chosen[0]


def _roles(name: str, outline: Outline, stated: Mapping[str, Any]) -> dict[str, Role]:
    roles: dict[str, Role] = {}

    def add(said: Mapping[str, Any], source: Source, at: str = "") -> None:
        for role, value in said.items():
            roles.setdefault(role, Role(role, value, source, at))

    def known() -> dict[str, Any]:
        return {role: each.value for role, each in roles.items()}

    add(stated, Source.OVERLAY, "x-list")
    add(_own(name, outline), Source.DOCUMENT, "x-list")
    for convention, said in conventional(outline):
        add(said, Source.CONVENTION, convention)
    add(guesses.names(outline, known()), Source.NAMES)
    add(guesses.schemas(outline, known()), Source.DOCUMENT)
    add(guesses.prose(outline, known()), Source.PROSE)
    return roles


def _own(name: str, outline: Outline) -> Statements:
    node = outline.node.get("x-list")
    return stated_by(name, outline.path, node) if node is not None else {}


def stated_by(name: str, path: str, node: Any) -> Statements:
    """What an ``x-list`` says that stands at a path of a file.

    Raises:
        ConfigurationError: It can't be read.
    """
    try:
        return statements(node)
    except MisstatedError as error:
        place_ = f"x-list/{error.place.replace('.', '/')}".removesuffix("/")
        problem = f"has at {excerpt(path)} an {place_} that {error.problem}"
        raise unusable(name, problem=problem, remedy=error.remedy) from None


def _lacks(outline: Outline, known: Mapping[str, Any]) -> Iterator[Lack]:
    token, items = known.get("next.from") == "body", place(known["items"])
    if known.get("next.param") is None:
        usual = "page_token" if token else "after"
        yield _unnamed(outline, known, "next.param", "names no query parameter that takes the cursor", usual)
    if token and known.get("next.at") is None:
        reason = "names no property that holds the token of the next page"
        yield Lack("next.at", reason, _first_of("string", outline.envelope, "next"))
    if not token and known.get("item.id") is None:
        reason = "names no property of the items that identifies them, as the cursor does"
        yield Lack("item.id", reason, _first_of("string", outline.items(items), "id"))
    if known.get("limit.param") is None:
        yield _unnamed(outline, known, "limit.param", "names no query parameter that takes the page size", "limit")
    yield from _undescribed(outline, known)
    yield from _strange_words(outline, known)
    if "array" not in types(outline.at(items) or {}):
        reason = f"describes no array at {excerpt(known['items'] or 'the top of the answer')}"
        yield Lack("items", reason, _first_of("array", outline.envelope, ""))


def _undescribed(outline: Outline, known: Mapping[str, Any]) -> Iterator[Lack]:
    for role in _PARAMETERS:
        if known.get(role) is not None and not (known[role] in outline.query and outline.query[known[role]].schema):
            reason = f"describes no query parameter {excerpt(known[role])} with a schema"
            yield Lack(role, reason, known[role], _described(known[role], _kind(role)))
    for name, at in (known.get("filters") or {}).items():
        if name not in outline.query and name.partition("[")[0] not in outline.query:
            reason = f"describes no query parameter {excerpt(name)}"
            yield Lack("filters", reason, {name: at}, _described(name, "string"))


def _strange_words(outline: Outline, known: Mapping[str, Any]) -> Iterator[Lack]:
    allowed = words(outline.query[known["order.param"]].schema) if known.get("order.param") in outline.query else ()
    for order in Order:
        word = known.get(f"order.{order}")
        if allowed and word is not None and word not in allowed:
            reason = f"does not allow {known['order.param']}={excerpt(word)} ({order})"
            yield Lack(f"order.{order}", reason, allowed[0] if order is Order.ASCENDING else allowed[-1])


def _unnamed(outline: Outline, known: Mapping[str, Any], role: str, reason: str, usual: str) -> Lack:
    """The lack of a parameter: one that is called like such a parameter may be it, else it is to be added."""
    taken, kind = {known.get(each) for each in _PARAMETERS}, _kind(role)
    for each in outline.query.values():
        if each.name not in taken and not each.required and each.types == {kind} and _LIKELY[role].search(each.name):
            return Lack(role, reason, each.name)
    return Lack(role, reason, usual, _described(usual, kind))


def _kind(role: str) -> str:
    return "integer" if role == "limit.param" else "string"


def _described(name: str, kind: str) -> Mapping[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": kind}}


def _first_of(kind: str, properties: Schemas, usual: str) -> str:
    return next((name for name, schema in properties.items() if kind in types(schema)), usual)


def _remarks(outline: Outline, known: Mapping[str, Any]) -> Iterator[str]:
    leftover = outline.undescribed(place(known["items"]))
    if leftover:
        yield (
            f"The document requires {' and '.join(leftover)} of some items, and describes no such property there; "
            "whether they have it is not judged."
        )
    required = outline.keywords(outline.body).get("required") or []
    ends = [known[role] for role in ("prev.at", "next.at") if known.get(role) is not None]
    if known.get("next.from") != "body":
        strict = [
            place(each)[-1]
            for each in ends
            if place(each)[-1] in required and not _nullable(outline.at(place(each)) or {})
        ]
        if strict:
            yield (
                f"The document requires {' and '.join(strict)}, and lets them be no null; "
                "an empty page has no ids to give, so there null is accepted."
            )


def _nullable(schema: Mapping[str, Any]) -> bool:
    named = schema.get("type")
    if schema.get("nullable") is True or named == "null" or (isinstance(named, list) and "null" in named):
        return True
    return any(_nullable(mapping(part)) for word in ("anyOf", "oneOf") for part in sequence(schema.get(word)))
