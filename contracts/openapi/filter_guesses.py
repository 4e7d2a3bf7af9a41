"""Filters that are guessed: what they compare, what they bound, and which of them compare what items don't show."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from contracts.openapi.nodes import mapping
from contracts.openapi.outline import Parameter, Schemas, time_form, types, words

_LEAST_ALTERNATIVES = 3
"""The least enum values that a parameter and a property must share to be taken for the same thing."""
_FILTERS = re.compile(
    r"\bfilter|\b(?:return|include|list|show)s? only\b|\bonly (?:return|include|list|show)", re.IGNORECASE
)
_INEXACT = re.compile(
    r"\b(?:prefix|contains?\b|containing|substring|partial|search|starts with|case.?insensitive|pattern|wildcard)",
    re.IGNORECASE,
)
_ADDS_OR_BOUNDS = re.compile(
    r"\b(?:includ|also\b|expand|default)"
    r"|\b(?:since|until|up to|from|ranges?)\b|\bat (?:least|most)\b|\bm(?:in|ax)imum\b"
    r"|\b(?:more|less|fewer|greater) than\b|\bor (?:more|less|later|newer|older|above|below)\b"
    r"|time|date|_at$|At$",
    re.IGNORECASE | re.MULTILINE,
)
"""What is said of a flag or a number that does not stand for the items that have it."""
_BOUND = re.compile(r"([A-Za-z_]\w*?)(?:\[(gte|gt|lte|lt)\]|[._]{1,2}(gte|gt|lte|lt))")
"""How a parameter is called that bounds a property."""
_WIDENS = re.compile(r"status|state|archiv|delet|includ|visib|role|expand|field|group|sort|view", re.IGNORECASE)


def bounded(parameter: str) -> tuple[str, str] | None:
    """The property that a parameter bounds by its name, and how (``created_at[gte]``); ``None`` for any other."""
    found = _BOUND.fullmatch(parameter)
    return (found[1], found[2] or found[3]) if found is not None else None


def compared(parameters: Sequence[Parameter], items: Schemas) -> list[tuple[str, str]]:
    """Parameters that filter by a property of the items with the same name, or with the same enum values.

    One with a default is none: a list without it is filtered already. Those that take a text come first: most is asked
    of the first filter, and most can be asked of a text.
    """
    found = []
    for parameter in sorted(parameters, key=lambda each: each.types != {"string"}):
        own, texts = items.get(parameter.name), set(words(parameter.schema))
        if _INEXACT.search(parameter.description) or parameter.schema.get("default") is not None:
            continue
        if "mail" in parameter.name.lower():  # in whatever case it is written, an address is the same
            continue
        if own is not None and _compares(parameter, own):
            if not texts or not words(own) or texts <= set(words(own)):
                found.append((parameter.name, parameter.name))
        elif (one := _one_of(parameter, items)) is not None:
            found.append((parameter.name, one))
        elif len(texts) >= _LEAST_ALTERNATIVES:
            same = [name for name, schema in items.items() if set(words(schema)) == texts]
            found += [(parameter.name, name) for name in same if len(same) == 1]
    return found


def _one_of(parameter: Parameter, items: Schemas) -> str | None:
    """The property that a list of texts filters by: called like the parameter, but for one, as is said of it."""
    each, name = mapping(parameter.schema.get("items")), parameter.name.removesuffix("[]")
    if (
        parameter.types != {"array"}
        or types(each) != {"string"}
        or parameter.schema.get("minItems") not in {None, 0, 1}
    ):
        return None
    known = (own for own in (name, name.removesuffix("s"), name.removesuffix("es")) if own in items)
    # Items that are asked for by their ids are looked up: whether such a list is paged is for the server to say.
    own = next((own for own in known if own != "id"), None)
    if own is None or types(items[own]) != {"string"} or time_form(items[own]) is not None:
        return None
    # What alternatives of an item are told apart by has other properties beside it for each value.
    parts = [mapping(part) for keyword in ("anyOf", "oneOf") for part in items[own].get(keyword, ())]
    apart = any(words(part) for part in parts)
    return own if not apart and _FILTERS.search(parameter.description) else None


def _compares(parameter: Parameter, own: Mapping[str, Any]) -> bool:
    """Whether a parameter and the property of the same name are values of one kind, which can be compared."""
    if parameter.types != types(own) or parameter.types not in ({"string"}, {"boolean"}, {"integer"}):
        return False
    if parameter.types == {"string"}:
        return time_form(own) is None
    if parameter.types == {"boolean"} and _WIDENS.search(parameter.name) and not _FILTERS.search(parameter.description):
        return False  # by `archived` some servers list archived items alone, and others those as well
    # A flag often adds items to the list, and a number often bounds it, a time above all.
    said = f"{parameter.name}\n{parameter.description}\n{own.get('format', '')}"
    return not _ADDS_OR_BOUNDS.search(said)


def hidden(parameters: Sequence[Parameter], tokens: Container[str]) -> Iterator[str]:
    """Parameters that filter according to their descriptions, by something that no property of the items shows."""
    for parameter in parameters:
        # A parameter that adds items, such as deleted ones, is no filter.
        said = bounded(parameter.name) or _FILTERS.search(parameter.description)
        if parameter.required or _WIDENS.search(parameter.name) or not said:
            continue
        if parameter.types in ({"string"}, {"integer"}) and parameter.name not in tokens:
            yield parameter.name
        elif parameter.name == "metadata":
            yield f"{parameter.name}[contracts]"
