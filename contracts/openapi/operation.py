"""The list operation as data: how requests are written and read back, and what its answers contain.

Everything that is particular to one operation comes from its document and the overlay. The rest of the suite uses roles
(`contracts.core.model.Query`), and never raw names.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote

from contracts.core.model import Capability, Order, Query, Request
from contracts.core.vocabulary import Vocabulary
from contracts.openapi.filters import Filters
from contracts.openapi.grammar import Grammar, Reading
from contracts.openapi.guesses import is_address
from contracts.openapi.nodes import mapping
from contracts.openapi.outline import Outline, types, value_at
from contracts.openapi.profile import Cursor, Profile
from contracts.openapi.properties import OtherProperties, item_schemas, other_properties
from contracts.openapi.references import References

Dialect = Literal["3.0", "3.1"]
PUBLISHED_CONSTANTS = (("object", "checkpoint.permission"),)
_ADDRESS = re.compile(r"(?:https?://|/|\?)[^?\s]*\?|\?", re.IGNORECASE)
"""How the address of a page begins, up to its query."""
_USUAL_LIMIT = 20
"""The assumed number of items on a page without a limit, where the document has no default."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The raw name of each role; an empty string for a role that the operation does not have."""

    object: str
    items: str
    has_more: str
    first_id: str
    last_id: str
    item_id: str
    item_time: str
    item_facet: str
    item_object: str
    scope: str
    after: str
    before: str
    limit: str
    order: str
    facet: str


@dataclass(frozen=True, eq=False)
class Operation:
    """One list operation of one document.

    ``document`` is reduced to the operation and has the overlay applied: it is what Schemathesis loads.
    ``response_schema`` is the schema of the 200 answer; its references are resolved against ``document``.
    ``sha256`` is the digest of the file as it was read, ``name`` the file's name without folders.
    ``fixed`` are the parameters that every request has, and ``outer`` the values of all path parameters but the last.
    """

    name: str
    sha256: str
    document: dict[str, Any] = field(repr=False)
    path_template: str
    dialect: Dialect
    response_schema: dict[str, Any] = field(repr=False)
    profile: Profile
    roles: Roles
    outer: Mapping[str, str]
    fixed: tuple[tuple[str, str], ...]
    keyed: bool
    """Whether the document names a security scheme."""
    key_header: str
    """The header that carries the key by itself, where that is not Authorization."""
    _grammar: Grammar = field(repr=False)

    @cached_property
    def capabilities(self) -> frozenset[Capability]:
        """The capabilities of this operation."""
        profile, roles = self.profile, self.roles
        order = profile.order
        has = {
            Capability.ORDER: bool(roles.order),
            Capability.DEFAULT_ORDER: bool(roles.order) and order is not None and order.default is not None,
            Capability.CHRONOLOGICAL: order is not None and order.by_time,
            Capability.TIME: profile.time is not None,
            Capability.UNIX_TIME: profile.time is not None and profile.time.form == "unix",
            Capability.FILTER: bool(roles.facet),
            Capability.OPEN_FILTER: bool(roles.facet)
            and not self.filters.accepted
            and self.filters.takes(roles.facet) in {"", "integer", "array"},
            Capability.TEXT_FILTER: bool(roles.facet)
            and not (self.filters.accepted or self.filters.takes(roles.facet)),
            Capability.FULL_FILTER: self.filters.full,
            Capability.FILTERS: len(profile.filters) > 1,
            Capability.HIDDEN_FILTER: bool(profile.hidden),
            Capability.SCOPE: bool(roles.scope),
            Capability.DEFAULT_LIMIT: self.default_limit is not None,
            Capability.FULL_PAGES: not profile.short_pages,
            Capability.HAS_MORE: bool(roles.has_more),
            Capability.MORE: profile.more is not None or profile.next.kind == "body",
            Capability.ENDS: bool(roles.first_id) and bool(roles.last_id),
            Capability.CURSOR: profile.next.kind == "item",
            Capability.TOKEN: profile.next.kind == "body",
            Capability.BEFORE: bool(roles.before),
            Capability.NEAREST: bool(roles.before) and profile.nearest,
            Capability.ID: bool(profile.id),
            Capability.ADMIN: profile.admin,
            Capability.KEY: self.keyed or self.is_published,
            Capability.BEARER: (self.keyed and not self.key_header) or self.is_published,
            Capability.OBJECT: bool(roles.object),
            Capability.ITEM_OBJECT: bool(roles.item_object),
            Capability.ENVELOPE_OTHER: bool(self.envelope_others),
            Capability.ITEM_OTHER: bool(self.item_others),
            Capability.ERROR_OBJECT: self.is_published or not self._outline.other_errors,
        }
        return frozenset(each for each in Capability if has[each])

    @property
    def default_limit(self) -> int | None:
        """The number of items on a page without a limit; ``None`` if the document does not say."""
        return self.profile.limit.default if self.profile.limit is not None else None

    @property
    def usual_limit(self) -> int:
        """The assumed number of items on a page without a limit, for planning requests."""
        return self.default_limit or _USUAL_LIMIT

    @property
    def order_words(self) -> Mapping[Order, str]:
        """The values of the parameter for the order; empty if there is no such parameter."""
        return dict(self.profile.order.words) if self.profile.order is not None else {}

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders in which the list can be requested: both, or the only one."""
        return tuple(Order) if self.roles.order else (self.default_order,)

    @property
    def default_order(self) -> Order:
        """The order without the parameter; if the document does not say which, it counts as descending."""
        order = self.profile.order
        return order.default if order is not None and order.default is not None else Order.DESCENDING

    @cached_property
    def page_properties(self) -> frozenset[str]:
        """The names of the properties of a page; none if the document lets it have any."""
        described = other_properties(self._references, [self.response_schema], ())
        return frozenset() if described.patterns or described.any_name else described.described

    @cached_property
    def envelope_others(self) -> OtherProperties:
        """The described properties of a page that have no role."""
        roles = self.roles
        named = (roles.object, roles.items, roles.has_more, roles.first_id, roles.last_id)
        return other_properties(self._references, [self.response_schema], named)

    @cached_property
    def item_others(self) -> OtherProperties:
        """The described properties of an item that have no role."""
        roles = self.roles
        named = (roles.item_id, roles.item_time, roles.item_facet, roles.item_object)
        schemas = (
            item_schemas(self._references, self.response_schema, roles.items) if roles.items else [self.item_schema]
        )
        return other_properties(self._references, schemas, named)

    @cached_property
    def _references(self) -> References:
        return References(self.name, self.document)

    def describing(self, *, envelope: Mapping[str, Any], item: Mapping[str, Any]) -> Operation:
        """A copy whose document also describes these properties, given with their schemas."""
        described = {"items": {"properties": dict(item)}} if item else {}
        items = {self.roles.items: described} if self.roles.items and item else {}
        further = {"properties": {**items, **envelope}, **({} if self.roles.items else described)}
        return replace(self, response_schema={"allOf": [self.response_schema, further]})

    @property
    def is_published(self) -> bool:
        """Whether it is "List checkpoint permissions", whatever document describes it."""
        return self.profile.noun == "permission" and self.profile.constants == PUBLISHED_CONSTANTS

    @cached_property
    def says(self) -> Vocabulary:
        """Translates sentences about "List checkpoint permissions" into the words of this operation."""
        if self.is_published:
            return Vocabulary()
        from contracts.openapi.speech import vocabulary

        return vocabulary(self.name, self.profile, self._outline, self.key_header)

    @property
    def around_scope(self) -> tuple[str, str]:
        """The path before the scope, and after it."""
        return self._grammar.prefix, self._grammar.suffix

    @cached_property
    def filters(self) -> Filters:
        """Its filters."""
        return Filters(self.profile, self._outline, self._grammar.filter_words)

    @cached_property
    def _outline(self) -> Outline:
        return Outline(References(self.name, self.document), self.document, self.path_template)

    @property
    def item_schema(self) -> dict[str, Any]:
        """The schema of the items."""
        return mapping((self._outline.at(self.profile.items) or {}).get("items"))

    def items_in(self, value: object) -> list[Any] | None:
        """The items of a body; ``None`` where there is no array of them."""
        found = value_at(value, self.profile.items)
        return found if isinstance(found, list) else None

    def as_id(self, value: object) -> str | None:
        """The id of an item as a cursor takes it; ``None`` for any other value."""
        if isinstance(value, int) and not isinstance(value, bool) and self._has_numbers_as_ids:
            return str(value)
        return value if isinstance(value, str) else None

    def as_token(self, value: object, parameter: str | None) -> str | None:
        """The token that a value of an answer is, or that it has for the parameter where it is the address of a page.

        Of an address nothing else is used: requests go to the target's own path. ``None`` for what is no token.
        """
        if not isinstance(value, str) or not _ADDRESS.match(value):
            return value or None if isinstance(value, str) else None
        pairs = parse_qsl(value.partition("?")[2].partition("#")[0])
        return next((token for name, token in pairs if name == parameter), None)

    def gives_address(self, cursor: Cursor) -> bool:
        """Whether an answer gives the address of a page, which has the token in it, and not the token alone."""
        described = None if cursor.at is None else self._outline.at(cursor.at)
        return cursor.at is not None and described is not None and is_address(cursor.at, described)

    def identity(self, entry: Mapping[str, Any]) -> str | None:
        """What tells an item from others: its id, several properties together, or all of it; ``None`` without an id."""
        names = self.profile.id
        if len(names) == 1:
            return self.as_id(entry.get(names[0])) or None
        content = [entry.get(name) for name in names] if names else entry
        written = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return written if names else sha256(written.encode("utf-8", "surrogatepass")).hexdigest()

    @cached_property
    def _has_numbers_as_ids(self) -> bool:
        described = self._outline.items(self.profile.items).get(self.roles.item_id, {})
        return len(self.profile.id) == 1 and types(described) == {"integer"}

    def request(
        self,
        query: Query,
        *,
        extra: Sequence[tuple[str, str]] = (),
        credential: str = "admin",
        encode_colon: bool = False,
        seed: int | None = None,
    ) -> Request:
        """Write a query as a request, percent-encoded as RFC 3986 says (a space is ``%20``).

        Args:
            query: What to ask; its values need not be sensible, only sendable.
            extra: Further parameters, names and values not yet encoded, after those of the query.
            credential: The form in which a key is sent; see `contracts.core.model.Request`.
            encode_colon: Send ``:`` in the path as ``%3A``; the official clients send it raw.
            seed: What the order of the query's parameters is drawn from. It differs from query to query, and
                the same query is always written the same way. Without a seed it is that of `Query`.
        """
        scope = encode(query.scope, safe="") if encode_colon else self.written_scope(query.scope)
        path = self._grammar.path(scope)
        pairs = [
            (self.roles.after, query.after),
            (self.roles.before, query.before),
            (self.roles.limit, None if query.limit is None else str(query.limit)),
            (self.roles.order, None if query.order is None else self.order_words.get(query.order)),
            (self.roles.facet, query.facet),
        ]
        sent = [(name, value) for name, value in pairs if name and value is not None]
        if seed is not None:
            random.Random(f"{seed} {sent}").shuffle(sent)
        return Request(path, _joined([*self.fixed, *sent, *extra]), credential)

    def query(self, query: Query) -> str:
        """The written parameters of a query, without those that every request has."""
        return replace(self, fixed=()).request(query).query

    def below(self, outer: str, value: str, scope: str) -> Request:
        """A list, asked for below another value of a path parameter in front of it."""
        steps = {**self.outer, outer: value, self.roles.scope: scope}
        path = self.path_template.partition("?")[0]
        for name, each in steps.items():
            path = path.replace("{" + name + "}", encode(each, safe=":"))
        return Request(path, _joined(self.fixed))

    def misplaced(self, request: Request, scope: str) -> bool:
        """Whether a request asks for the list of a scope below another parent than the given ones."""
        steps = self.path_template.partition("?")[0].split("/")
        asked = [unquote(step) for step in request.path.split("/")]
        if len(steps) != len(asked):
            return False
        named = {"{" + name + "}": value for name, value in {**self.outer, self.roles.scope: scope}.items()}
        others = {step for step, value in zip(steps, asked, strict=True) if value != named.get(step, step)}
        return bool(others) and others <= self.outer_steps

    @property
    def outer_steps(self) -> frozenset[str]:
        """The steps of the path for the parameters in front of the last one."""
        return frozenset("{" + name + "}" for name in self.outer)

    def written_scope(self, scope: str) -> str:
        """A scope, percent-encoded for the path."""
        return encode(scope, safe=":")

    def odd_request(self, *, scope: str | None = None, query: str = "") -> Request:
        """A request that the document does not allow: a scope and a query that are already encoded.

        The scope is an empty text by default where the path has none.
        """
        return Request(self._grammar.path(scope or ""), "&".join(filter(None, (_joined(self.fixed), query))))

    def selection(self, request: Request) -> tuple[Query, tuple[tuple[str, str], ...]] | None:
        """For a request that uses further filters: its query without them, and their names and values.

        ``None`` for any other request, and for one that the document does not allow.
        """
        names = {*(name for name, _ in self.profile.filters[1:]), *self.profile.hidden}
        parts = request.query.split("&")
        chosen = [part for part in parts if unquote(part.partition("=")[0]) in names]
        rest = "&".join(part for part in parts if part not in chosen)
        query = self._grammar.read(request.path, rest).query if chosen else None
        pairs = tuple((unquote(name), unquote(value)) for name, _, value in (part.partition("=") for part in chosen))
        plain = len(dict(pairs)) == len(pairs) and all(value.isprintable() and value for _, value in pairs)
        plain = plain and all(self.filters.selects(name, value) for name, value in pairs)
        return (query, pairs) if query is not None and plain else None

    def read(self, request: Request) -> Reading:
        """Read a request back: the inverse of `request`, which also reads requests that the document forbids."""
        return self._grammar.read(request.path, request.query)


def _joined(pairs: Sequence[tuple[str, str]]) -> str:
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs)


def encode(text: str, safe: str = "") -> str:
    """A text as it is written in a path or a query (RFC 3986): a space is ``%20``."""
    # An id from an answer may contain half a surrogate pair, and must still be sendable.
    return quote(text, safe=safe, errors="surrogatepass")
