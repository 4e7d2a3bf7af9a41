"""The words for one operation, from its profile and its document; see `contracts.core.vocabulary`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from contracts.core.vocabulary import Vocabulary
from contracts.core.wording import plural
from contracts.openapi.nodes import mapping
from contracts.openapi.outline import Outline, types
from contracts.openapi.profile import Profile

_TIMES: Final = {
    "unix-ms": {"counts seconds": "counts milliseconds"},
    "rfc3339": {
        "`created_at` is an integer": "`created_at` is a time as RFC 3339 writes it",
        "Typed clients refuse 1721764867.0, true and strings.": "Typed clients refuse what is no such time.",
    },
}
"""What is said otherwise of a time that does not count seconds."""
_SENTENCES: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_SORTED: Final = re.compile(
    r"\b(?:newest|oldest|latest|recent(?:ly)?|sort(?:ed|s)?|order(?:ed)?|(?:de|a)scending|chronological(?:ly)?)\b",
    re.IGNORECASE,
)
_OF_SIZES: Final = ("default", "minimum", "maximum")
_OF_SCHEMES: Final = ("type", "scheme", "in", "name")
_ARTICLES: Final = {"boolean": "a", "integer": "an"}
_LONGEST: Final = 200
"""Characters of a description that are quoted; published ones have up to a thousand."""


def vocabulary(document: str, profile: Profile, outline: Outline, key_header: str = "") -> Vocabulary:
    """The words for an operation other than the published one.

    Args:
        document: The name of its file.
        profile: The operation.
        outline: What its document says of it.
        key_header: The header that carries the key by itself, where that is not Authorization.
    """
    order, limit, filters = profile.order, profile.limit, profile.filters
    names = {
        "after": profile.next.param,
        "before": profile.prev.param,
        "limit": limit.param if limit is not None else None,
        "order": order.param if order is not None else None,
        "created_at": profile.time.at if profile.time is not None else None,
        "id": profile.id[0] if len(profile.id) == 1 else None,
        "first_id": profile.prev.at[-1] if profile.next.kind == "item" and profile.prev.at else None,
        "last_id": profile.next.at[-1] if profile.next.kind == "item" and profile.next.at else None,
        "has_more": profile.more[-1] if profile.more else None,
        "project_id": filters[0][1] if filters else None,
        "checkpoint.permission": profile.constants[0][1] if profile.constants else profile.noun,
    }
    phrases: dict[str, str] = {} if profile.time is None or profile.time.form == "unix" else _TIMES[profile.time.form]
    if not (filters and filters[0][1].endswith("id")):
        phrases = {**phrases, "`id` and `project_id` are not empty": "`id` is not empty"}
    kinds = types(outline.items(profile.items).get(filters[0][1], {})) if filters else frozenset[str]()
    if len(kinds) == 1 and kinds <= _ARTICLES.keys():
        (kind,) = kinds
        phrases = {**phrases, "`project_id` is a string": f"`project_id` is {_ARTICLES[kind]} {kind}"}
    token_alone = profile.more is None and profile.next.kind == "body"
    if token_alone:
        phrases = {**phrases, "`has_more` is not worked out": "Whether there is a token is not worked out"}
    if not profile.items:
        phrases = {**phrases, "JSON object": "JSON array"}
    if key_header:
        empty = {"an empty bearer token": "an empty key", "Authorization: Bearer (": f"{key_header}: ("}
        phrases = {**phrases, **empty}
    parent = re.sub(r"_?id$", "", profile.scope[-1]).replace("_", " ") if profile.scope else ""
    nouns = {
        "permission": profile.noun,
        "permissions": profile.plural,
        "checkpoint": parent or "list",
        "checkpoints": plural(parent or "list"),
        "project": names["project_id"] or "value of a filter",
        "projects": f"{names['project_id']} values" if filters else "values of a filter",
    }
    return Vocabulary(
        names={known: name for known, name in names.items() if name},
        nouns=nouns,
        phrases=phrases,
        last=profile.scope[-1] if profile.scope else "",
        passages=dict(_passages(document, profile, outline)),
        token_alone=token_alone,
        other=True,
    )


def _passages(document: str, profile: Profile, outline: Outline) -> Iterator[tuple[str, tuple[str, str]]]:
    described = {(each.where == "path", each.name): each.description for each in outline.parameters}
    order, limit, filters = profile.order, profile.limit, profile.filters
    bounds = outline.query[limit.param].schema if limit is not None and limit.param in outline.query else {}
    kept = " ".join(f"{key}: {bounds[key]}" for key in _OF_SIZES if key in bounds)
    for known, name in (
        ("after", profile.next.param),
        ("before", profile.prev.param),
        ("limit", limit.param if limit is not None else None),
        ("order", order.param if order is not None else None),
        ("project_id", filters[0][0] if filters else None),
    ):
        text = _first(described.get((False, name or ""), "")) or (_first(kept) if known == "limit" else "")
        if name is not None and text:
            yield "before" if known == "before" else f"parameters/{known}", (text, f"{document} · {name}")
    if order is not None and order.param is None and (text := _sentence(outline.prose, _SORTED)):
        yield "parameters/order", (text, f"{document} · description")
    yield from _of_properties(document, profile, outline)
    if scheme := _scheme(outline):
        yield "key", (scheme[1], f"{document} · securitySchemes/{scheme[0]}")
    if profile.scope and (text := _first(described.get((True, profile.scope[-1]), ""))):
        yield "parameters/fine_tuned_model_checkpoint", (text, f"{document} · {profile.scope[-1]}")
    if text := _first(outline.prose):
        yield "description", (text, f"{document} · description")


def _of_properties(document: str, profile: Profile, outline: Outline) -> Iterator[tuple[str, tuple[str, str]]]:
    items = outline.items(profile.items)
    envelope = {"has_more": profile.more, "last_id": profile.next.at if profile.next.kind == "item" else None}
    described = {topic: (place[-1], outline.at(place)) for topic, place in envelope.items() if place}
    described |= {"id": (profile.id[0], items.get(profile.id[0]))} if len(profile.id) == 1 else {}
    described |= {"created_at": (profile.time.at, items.get(profile.time.at))} if profile.time is not None else {}
    for topic, (name, schema) in described.items():
        if isinstance(words := (schema or {}).get("description"), str) and (text := _first(words)):
            yield topic, (text, f"{document} · {name}")


def _scheme(outline: Outline) -> tuple[str, str] | None:
    """The name of the document's only security scheme, and what it is."""
    schemes = mapping(mapping(outline.document.get("components")).get("securitySchemes"))
    if len(schemes) != 1:
        return None
    ((name, scheme),) = schemes.items()
    said = (f"{key}: {value}" for key, value in mapping(scheme).items() if key in _OF_SCHEMES)
    return str(name), " ".join(said)


def _sentence(text: str, about: re.Pattern[str]) -> str:
    """The first sentence of a text that is about something, as much of it as is quoted; empty if none is."""
    return next((_first(each) for each in _SENTENCES.split(text) if about.search(each)), "")


def _first(text: str) -> str:
    """The first sentence of a description, or as much of it as is quoted."""
    text = " ".join(text.split())
    sentence = re.split(r"(?<=[.!?]) (?=[A-Z`])", text, maxsplit=1)[0]
    return sentence if len(sentence) <= _LONGEST else f"{sentence[: _LONGEST - 1]}…"
