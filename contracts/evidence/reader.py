"""How answers are read by the response schema: as JSON, as pages, and with their violations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from contracts.core.model import Exchange, Item, Page, Query
from contracts.openapi.body import Parsed, parse
from contracts.openapi.operation import Operation
from contracts.openapi.outline import value_at
from contracts.openapi.validation import Validator, Violation

_MOST_HELD = 4 * 1024 * 1024
"""Bytes of bodies whose parsed JSON values are kept in memory at the same time."""

_UNKNOWN: Final = "the unknown token"
"""What stands before a token that stands for no known place, so that it is not read as the id of an item."""
_Content = tuple[tuple[Item, ...], bool | None, str | None, str | None, str | None, str | None]
"""The items of a page, has_more, first_id, last_id, and the tokens of the next page and of the page before."""


@dataclass(frozen=True, slots=True)
class Given:
    """The origin of a token: the exchange that gave it, and the query for the list from there on.

    The query has the last item of that page as ``after``; for a token that leads backwards, its first as ``before``.
    """

    query: Query
    exchange: Exchange


def _list(query: Query) -> tuple[object, ...]:
    """The list that a query is about: all of it but the cursor and the limit."""
    return query.scope, query.order, query.facet


class Reader:
    """Reads answers by the operation's response schema; equal bodies are parsed once, as far as memory allows."""

    def __init__(self, operation: Operation, validator: Validator | None = None) -> None:
        self.operation = operation
        self._validator = validator or Validator(operation)
        self._parsed: dict[bytes, Parsed] = {}
        self._held = 0
        self._flaws: dict[bytes, tuple[str | None, tuple[str, ...]]] = {}
        self._violations: dict[bytes, tuple[Violation, ...]] = {}
        self._contents: dict[bytes, _Content | None] = {}
        self._given: dict[str, list[Given]] = defaultdict(list)
        self._given_back: dict[str, list[Given]] = defaultdict(list)
        self._learned: set[int] = set()
        """The numbers of the exchanges whose tokens are known."""
        self._dated: dict[int, tuple[Exchange, Exchange]] = {}

    def dated(self, exchanges: Sequence[Exchange]) -> tuple[Exchange, ...]:
        """The exchanges; one with an Age header (RFC 9111 §5.1) is dated back to when its answer was made."""
        return tuple(self._date(exchange, exchanges) for exchange in exchanges)

    def _date(self, exchange: Exchange, exchanges: Sequence[Exchange]) -> Exchange:
        known, dated = self._dated.get(exchange.number, (None, exchange))
        if known is not exchange:
            age = exchange.age
            made = exchange.at - (age or 0) - 1
            since = exchange.sent if age is None else min(one.sent for one in exchanges if one.at >= made)
            dated = replace(exchange, sent=min(since, exchange.sent))
            self._dated[exchange.number] = exchange, dated
        return dated

    def fresh(self) -> Reader:
        """A reader of the same operation that has read nothing yet."""
        return Reader(self.operation, self._validator)

    def query(self, exchange: Exchange) -> Query | None:
        """The request of an exchange as a query; ``None`` if the document forbids it, or it pages backwards."""
        query = self.asked(exchange)
        return query if query is not None and query.before is None else None

    def unplaced(self, query: Query) -> bool:
        """Whether a query that was read has a token that no page of the same list, order and filter gave."""
        return self.opaque and (query.after or "").startswith(_UNKNOWN)

    def behind(self, query: Query, token: str, exchange: Exchange) -> str | None:
        """The last item in front of the place for which a request's token stands.

        One that no such page gave stands for no place that is known, also where it reads like the id of an item.
        """
        given = self.origin(query, token, exchange)
        return f"{_UNKNOWN} {token}" if given is None else given.query.after

    def backward(self, exchange: Exchange) -> Query | None:
        """The request of an exchange as a query that pages backwards; ``None`` for any other request."""
        query = self.asked(exchange)
        return query if query is not None and query.before is not None else None

    def asked(self, exchange: Exchange) -> Query | None:
        """The request of an exchange as a query in either direction; ``None`` if the document forbids it.

        A token that was given is replaced by the item at whose position it stands.
        """
        query = self.operation.read(exchange.request).query
        if query is None or not self.opaque:
            return query
        given = self._origin(query, exchange)
        if given is not None:
            return replace(query, after=given.query.after, before=given.query.before)
        after, before = (token and f"{_UNKNOWN} {token}" for token in (query.after, query.before))
        return replace(query, after=after, before=before)

    def giver(self, exchange: Exchange) -> Exchange | None:
        """The exchange whose page gave the token of a request, whichever way that leads; ``None`` without such."""
        query = self.operation.read(exchange.request).query if self.opaque else None
        given = self._origin(query, exchange) if query is not None else None
        return given.exchange if given is not None else None

    def _origin(self, query: Query, exchange: Exchange) -> Given | None:
        for token, leads in ((query.after, (self._given, self._given_back)), (query.before, (self._given_back,))):
            # One parameter may take both kinds of token: where a token was given tells in which direction it leads.
            origins = (_origin(known.get(token, ()), query, exchange) for known in leads) if token is not None else ()
            given = next((each for each in origins if each is not None), None)
            if given is not None:
                return given
        return None

    @property
    def opaque(self) -> bool:
        """Whether the cursors are tokens."""
        return self.operation.profile.next.kind == "body"

    def given(self, token: str) -> Sequence[Given]:
        """The origins of a token that leads onward, in the order in which they were seen."""
        return self._given.get(token, ())

    def origin(self, query: Query, token: str, exchange: Exchange) -> Given | None:
        """The origin of a request's token; ``None`` unless a page of the same list, order and filter gave it.

        Of several origins it is the latest with the same limit before the request: a token may be given again later.
        """
        return _origin(self.given(token), query, exchange)

    def latest(self, query: Query, exchange: Exchange) -> Given | None:
        """The last origin of the token of a request before it, whichever way the token leads."""
        token = query.after if query.after is not None else query.before
        known = [*self._given.get(token or "", ()), *self._given_back.get(token or "", ())]
        return max((each for each in known if each.exchange.at <= exchange.at), key=_moment, default=None)

    def learn(self, exchanges: Sequence[Exchange]) -> None:
        """Record the positions for which the tokens of these exchanges stand."""
        if not self.opaque:
            return
        for exchange in exchanges:
            if exchange.number in self._learned or exchange.request.credential != "admin":
                continue
            self._learned.add(exchange.number)
            query = self.operation.read(exchange.request).query
            page = self.page(exchange, query) if query is not None else None
            if page is None or query is None or not page.items:
                continue
            if page.token is not None:
                self._given[page.token].append(Given(replace(query, after=page.ids[-1], before=None), exchange))
            if page.back is not None:
                self._given_back[page.back].append(Given(replace(query, after=None, before=page.ids[0]), exchange))

    def parsed(self, body: bytes) -> Parsed:
        """The body, parsed as JSON."""
        parsed = self._parsed.get(body)
        if parsed is None:
            parsed = self._parsed[body] = parse(body)
            self._held += len(body)
            self._flaws[body] = parsed.defect, parsed.doubled
            # A parsed body takes up to thirty times its size in memory.
            while self._held > _MOST_HELD and len(self._parsed) > 1:
                oldest = next(iter(self._parsed))
                self._held -= len(oldest)
                del self._parsed[oldest]
        return parsed

    def flaws(self, body: bytes) -> tuple[str | None, tuple[str, ...]]:
        """The defect of a body, and its keys that stand twice; see `contracts.openapi.body.Parsed`."""
        if body not in self._flaws:
            self.parsed(body)
        return self._flaws[body]

    def violations(self, body: bytes) -> tuple[Violation, ...]:
        """The violations of the response schema; none for a body that is not JSON."""
        if body not in self._violations:
            parsed = self.parsed(body)
            self._violations[body] = () if parsed.defect else self._validator.violations(parsed.value)
        return self._violations[body]

    def page(self, exchange: Exchange, query: Query) -> Page | None:
        """The page that an exchange returned; ``None`` unless it is a 200 whose items all have an identity."""
        if not exchange.ok or exchange.answer is None or exchange.failure:
            return None
        body = exchange.answer.body
        if body not in self._contents:
            self._contents[body] = self._content(self.parsed(body).value)
        content = self._contents[body]
        if content is None:
            return None
        return Page(exchange, query, *content)

    def _content(self, value: object) -> _Content | None:
        profile, roles = self.operation.profile, self.operation.roles
        data = self.operation.items_in(value)
        if data is None:
            return None
        items = []
        for entry in data:
            id_ = self.operation.identity(entry) if isinstance(entry, dict) else None
            if id_ is None:
                return None
            facet, *further = self.operation.filters.facets(entry) or (None,)
            items.append(
                Item(
                    id=id_,
                    time=profile.time.read(entry.get(profile.time.at)) if profile.time is not None else None,
                    facet=facet,
                    further=tuple(further),
                )
            )
        has_more = value_at(value, profile.more) if profile.more is not None else None
        token, back = (
            self.operation.as_token(value_at(value, cursor.at), cursor.param)
            if self.opaque and cursor.at is not None
            else None
            for cursor in (profile.next, profile.prev)
        )
        if profile.more is None and self.opaque:
            has_more = token is not None
        first, last = (value.get(name) if isinstance(value, dict) else None for name in (roles.first_id, roles.last_id))
        return (
            tuple(items),
            has_more if isinstance(has_more, bool) else None,
            self.operation.as_id(first),
            self.operation.as_id(last),
            token,
            back if roles.before else None,
        )


def _moment(given: Given) -> float:
    return given.exchange.at


def _origin(known: Sequence[Given], query: Query, exchange: Exchange) -> Given | None:
    mine = [each for each in known if _list(each.query) == _list(query)]
    mine = [each for each in mine if each.query.limit == query.limit] or mine
    earlier = [each for each in mine if each.exchange.received <= exchange.sent]
    return earlier[-1] if earlier else next(iter(mine), None)


@dataclass(frozen=True, slots=True)
class Document:
    """One 200 answer as JSON, with its violations of the response schema."""

    exchange: Exchange
    reader: Reader
    body: bytes

    @property
    def value(self) -> Any:
        """The parsed body; ``None`` if it has a defect."""
        return self.reader.parsed(self.body).value

    @property
    def defect(self) -> str | None:
        """Why the body can't be read as JSON; ``None`` if it can."""
        return self.reader.flaws(self.body)[0]

    @property
    def doubled(self) -> tuple[str, ...]:
        """The keys that appear twice in one object."""
        return self.reader.flaws(self.body)[1]

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The violations of the response schema."""
        return self.reader.violations(self.body)
