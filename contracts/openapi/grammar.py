"""How requests are read back from their raw text: the query, and what the document does not allow about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from contracts.core.model import Order, Query

PARAMETERS = ("after", "before", "limit", "order", "facet")
"""The roles of query parameters."""

UNKNOWN_PARAMETERS = "unknown"
"""The key in `Reading.odd` and `Reading.values` for parameters that the document does not name."""

_PLAIN = re.compile("[!-$&-~]*")
"""Printable ASCII without percent signs, which means itself: nearly every parameter of a long recording."""
_INTEGER = re.compile("-?(?:0|[1-9][0-9]*)", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MOST_DIGITS = 18
"""Every integer of so many digits fits into 64 bits."""


class Oddity(StrEnum):
    """What the document does not allow about a parameter, or leaves open (``AMBIGUOUS``)."""

    UNKNOWN = "unknown parameter"
    REPEATED = "repeated"
    EMPTY = "empty"
    NOT_UTF8 = "not UTF-8"
    CONTROL = "control characters"
    OUTSIDE = "outside its values"
    NO_INTEGER = "no integer"
    ZERO = "zero"
    NEGATIVE = "negative"
    HUGE = "huge"
    AMBIGUOUS = "ambiguous"
    """Servers may rightly differ in how they read it (``+5``, ``05``, ``5.0``, a bare ``+``): not judged."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A raw request, read.

    ``query`` is there only if the request is one that the document allows, with a limit of at least 1.
    ``scope`` is there whenever the path is the operation's and could be decoded. ``odd`` holds, under
    the role of a parameter (one of `PARAMETERS`, ``scope`` or `UNKNOWN_PARAMETERS`), what is not allowed
    about it. ``values`` holds the decoded texts that were sent, under the same roles, bytes that are not UTF-8
    replaced by U+FFFD.
    """

    query: Query | None
    scope: str | None
    odd: Mapping[str, frozenset[Oddity]]
    values: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Grammar:
    """How the requests of one operation are written.

    Attributes:
        prefix: The path in front of the list; the whole path where there is none.
        suffix: The path behind it.
        scoped: Whether the path has a scope.
        parameters: Raw names, each with its role.
        orders: The words of the order parameter, each with what it means.
        only_order: The order of a list that has no such parameter.
        fixed: The parameters that every request has.
        others: The other parameters that the document names.
        filter_words: The values that the filter takes; none where it takes any.
        integers: Whether it takes integers only.
        of_absence: The values for which servers may also find items that don't show what it compares.
    """

    prefix: str
    suffix: str
    scoped: bool
    parameters: tuple[tuple[str, str], ...]
    orders: tuple[tuple[str, Order], ...]
    only_order: Order | None = None
    fixed: tuple[tuple[str, str], ...] = ()
    others: frozenset[str] = frozenset()
    filter_words: tuple[str, ...] = ()
    integers: bool = False
    of_absence: frozenset[str] = frozenset()

    def path(self, scope: str) -> str:
        """The path for a percent-encoded scope."""
        return f"{self.prefix}{scope}{self.suffix}" if self.scoped else self.prefix

    def read(self, path: str, query: str) -> Reading:
        """Read a raw path (below the base URL) and a raw query; see `Reading`."""
        return _read(self, path, query)


@lru_cache(maxsize=8192)
def _read(grammar: Grammar, path: str, query: str) -> Reading:
    odd: dict[str, set[Oddity]] = {}
    values: dict[str, list[str]] = {}
    scope = _scope(grammar, path, odd)
    roles = dict(grammar.parameters)
    missing = dict(grammar.fixed)
    for name, value, oddities in _pairs(query):
        if (name, value) in grammar.fixed and name in missing:
            del missing[name]
            continue
        role = roles.get(name, UNKNOWN_PARAMETERS)
        values.setdefault(role, []).append(value)
        found = odd.setdefault(role, set())
        found |= oddities
        if role == UNKNOWN_PARAMETERS:
            # The document allows a parameter without a role, but its meaning is unknown here.
            known = name.partition("[")[0] in grammar.others or name in grammar.others or name in dict(grammar.fixed)
            found.add(Oddity.AMBIGUOUS if known else Oddity.UNKNOWN)
        elif len(values[role]) > 1:
            found.add(Oddity.REPEATED)
        elif not value:
            found.add(Oddity.EMPTY)
        elif not oddities:
            found |= _judge(grammar, role, value)
    if missing:
        odd.setdefault(UNKNOWN_PARAMETERS, set()).add(Oddity.AMBIGUOUS)
    readable = scope is not None and not any(odd.values())
    return Reading(
        query=_query(grammar, scope, values) if scope is not None and readable else None,
        scope=scope,
        odd=MappingProxyType({role: frozenset(found) for role, found in odd.items() if found}),
        values=MappingProxyType({role: tuple(texts) for role, texts in values.items()}),
    )


def _scope(grammar: Grammar, path: str, odd: dict[str, set[Oddity]]) -> str | None:
    if not grammar.scoped:
        return "" if path == grammar.prefix else None
    if not (path.startswith(grammar.prefix) and path.endswith(grammar.suffix)):
        return None
    raw = path[len(grammar.prefix) : len(path) - len(grammar.suffix)]
    if "/" in raw or len(path) < len(grammar.prefix) + len(grammar.suffix):
        return None
    text, oddities = _decode(raw)
    if not raw:
        oddities.add(Oddity.EMPTY)
    if text in (".", ".."):
        # Clients and proxies remove dot segments from a path.
        oddities.add(Oddity.AMBIGUOUS)
    odd["scope"] = oddities
    return None if Oddity.NOT_UTF8 in oddities else text


def _pairs(query: str) -> Iterator[tuple[str, str, set[Oddity]]]:
    for segment in query.split("&"):
        if not segment:
            continue
        raw_name, _, raw_value = segment.partition("=")
        name, _ = _decode(raw_name)
        value, oddities = _decode(raw_value)
        if "+" in raw_value:
            # In forms a plus sign is a space, in RFC 3986 it is itself.
            oddities.add(Oddity.AMBIGUOUS)
        yield name, value, oddities


def _decode(raw: str) -> tuple[str, set[Oddity]]:
    if _PLAIN.fullmatch(raw):
        return raw, set()
    oddities: set[Oddity] = set()
    if re.search("%(?![0-9A-Fa-f]{2})", raw) or " " in raw:
        oddities.add(Oddity.AMBIGUOUS)
    # Recorded text may hold characters that should have been encoded, half surrogate pairs among them.
    data = unquote_to_bytes(raw.encode("utf-8", "surrogatepass"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        oddities.add(Oddity.NOT_UTF8)
        text = data.decode("utf-8", "replace")
    if _CONTROL.search(text):
        oddities.add(Oddity.CONTROL)
    return text, oddities


def _judge(grammar: Grammar, role: str, value: str) -> set[Oddity]:
    if role == "limit":
        oddity = _limit(value)
        return {oddity} if oddity else set()
    if role == "order" and value not in dict(grammar.orders):
        return {Oddity.AMBIGUOUS if value.strip() in dict(grammar.orders) else Oddity.OUTSIDE}
    if role == "facet" and grammar.filter_words and value not in grammar.filter_words:
        return {Oddity.OUTSIDE}
    if role == "facet" and value in grammar.of_absence:
        return {Oddity.AMBIGUOUS}
    if role == "facet" and grammar.integers and _INTEGER.fullmatch(value) is None:
        return {Oddity.OUTSIDE}
    return set()


def _limit(value: str) -> Oddity | None:
    if re.fullmatch("[1-9][0-9]*", value, re.ASCII):
        return Oddity.HUGE if len(value) > _MOST_DIGITS else None
    if value == "0":
        return Oddity.ZERO
    if re.fullmatch("-[1-9][0-9]*", value, re.ASCII):
        return Oddity.NEGATIVE
    if re.fullmatch(r"-?[0-9]+\.(?=0*[1-9])[0-9]+", value, re.ASCII):
        return Oddity.NO_INTEGER
    # Only digits of any script, signs and separators: some parser may read it as an integer.
    if all(character.isspace() or character.isnumeric() or character in "+-−_.,'" for character in value):
        return Oddity.AMBIGUOUS
    return Oddity.NO_INTEGER


def _query(grammar: Grammar, scope: str, values: Mapping[str, list[str]]) -> Query:
    sent = {role: texts[0] for role, texts in values.items()}
    limit, order = sent.get("limit"), sent.get("order")
    return Query(
        scope=scope,
        after=sent.get("after"),
        limit=None if limit is None else int(limit),
        order=grammar.only_order if order is None else dict(grammar.orders)[order],
        facet=sent.get("facet"),
        before=sent.get("before"),
    )
