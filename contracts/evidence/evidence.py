"""All exchanges of a run in order, and what can be read from them without judging them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import pairwise

from contracts.core.model import JSON_MEDIA_TYPE, Capability, Exchange, Order, Page, Query, Request, Target
from contracts.evidence.company import alone, in_company
from contracts.evidence.failures import Failures
from contracts.evidence.listing import Listing
from contracts.evidence.movement import Movement, Walk
from contracts.evidence.reader import Document, Reader
from contracts.openapi.grammar import Reading

USUAL_SIZE = 100
"""The largest page size that the vendor's other lists take."""

NOT_FOUND = 404

LEAST_LIFE = 10.0
"""Seconds for which a token must be accepted: no document says for how long, and clients go on at once."""

ASIDE = "cause"
"""The probe that tests likely causes; no clause is judged by its requests."""

CONTROL = "control"
"""The probe that reads the whole list from time to time, to see whether it changes."""

LOAD = "load"
"""The probe whose requests many users sent at the same time."""


class Evidence:
    """The exchanges of a run, and what follows from them about the list.

    Args:
        reader: what reads the answers.
        target: the target, with the scopes that it was said to hold.
        exchanges: all exchanges, in the order in which they were asked.
        last_items: the last item of each order, where a walk came to it that is not among them.
        part: whether they show a part of a list that is too long to be kept, its ends elsewhere.
        changed: of a part, whether the list is known to have changed there.
    """

    def __init__(
        self,
        reader: Reader,
        target: Target,
        exchanges: Sequence[Exchange],
        *,
        last_items: Mapping[Order, str] | None = None,
        part: bool = False,
        changed: bool = False,
    ) -> None:
        self.reader = reader
        self.operation = reader.operation
        self.target = target
        self.part = part
        self._last_items = last_items or {}
        self._changed = changed
        self._pages: dict[tuple[int, Query], Page | None] = {}
        self.asides = tuple(exchange for exchange in exchanges if exchange.probe == ASIDE)
        """What was asked to test a likely cause."""
        kept = [exchange for exchange in exchanges if exchange.probe != ASIDE] if self.asides else exchanges
        reader.learn(kept)
        self.exchanges = self._dated(reader.dated(kept))

    def _dated(self, exchanges: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
        """The exchanges; one that a cache may have answered gets the sending time of the first one of the same request.

        A cache need not say how old its answer is. That matters only if the list changes, which the control walks show:
        they ask caches to revalidate.
        """
        looks = [exchange for exchange in exchanges if exchange.probe == CONTROL and exchange.request.fresh]
        first: dict[Request, int] = {}
        for exchange in filter(_unchecked, exchanges):
            first.setdefault(exchange.request, exchange.sent)
        repeated = any(first[exchange.request] != exchange.sent for exchange in filter(_unchecked, exchanges))
        if not repeated or not looks or not Evidence(self.reader, self.target, looks).listing.changed:
            return exchanges
        return tuple(replace(each, sent=first[each.request]) if _unchecked(each) else each for each in exchanges)

    # What was asked

    def reading(self, exchange: Exchange) -> Reading:
        """The request of an exchange in the document's terms."""
        return self.operation.read(exchange.request)

    def query(self, exchange: Exchange) -> Query | None:
        """The request of an exchange as a query; ``None`` if the document does not allow it."""
        return self.reader.query(exchange)

    def asked_order(self, query: Query) -> Order:
        """The order that a query asks for; without ``order`` it is the default order."""
        return query.order or self.operation.default_order

    def above_cap(self, query: Query) -> bool:
        """Whether a refusal may be because of the limit: no page with so large a limit was ever given."""
        return (query.limit or 0) > max(self.operation.usual_limit, self.largest_accepted)

    @cached_property
    def stored(self) -> bool:
        """Whether a cache answered some request of the admin key, perhaps with an old page."""
        return any(exchange.age is not None for exchange in self.admin)

    @property
    def unsteady(self) -> bool:
        """Whether the list changed, or may have changed unnoticed."""
        return self.listing.moved or self.stored

    @cached_property
    def admin(self) -> tuple[Exchange, ...]:
        """All that was asked with the admin key."""
        return tuple(exchange for exchange in self.exchanges if exchange.request.credential == "admin")

    @cached_property
    def allowed(self) -> tuple[tuple[Exchange, Query], ...]:
        """All allowed queries of the list, with the admin key, one at a time."""
        return self._queries(self.query)

    @cached_property
    def selects(self) -> tuple[tuple[Exchange, Query, Mapping[str, str]], ...]:
        """The requests that filter by a second or further filter, with the values of those filters."""
        found = []
        for exchange in self.admin:
            selection = self.operation.selection(exchange.request)
            if selection is not None and selection[0].scope == self.target.checkpoint:
                found.append((exchange, selection[0], dict(selection[1])))
        return tuple(found)

    @cached_property
    def selected(self) -> tuple[tuple[Page, Mapping[str, str]], ...]:
        """The pages that the requests of `selects` returned."""
        pages = ((self.page(exchange, query), asked) for exchange, query, asked in self.selects)
        return tuple((page, asked) for page, asked in pages if page is not None)

    @cached_property
    def backward(self) -> tuple[tuple[Exchange, Query], ...]:
        """All allowed queries of the list that page backwards, with the admin key, one at a time."""
        return self._queries(self.reader.backward)

    def _queries(self, read: Callable[[Exchange], Query | None]) -> tuple[tuple[Exchange, Query], ...]:
        """What was asked of the list with the admin key, one at a time, as far as it is read as a query."""
        return tuple(
            (exchange, query)
            for exchange in self.admin
            if not exchange.concurrent
            and (query := read(exchange)) is not None
            and query.scope == self.target.checkpoint
            and exchange.request.accept == JSON_MEDIA_TYPE
        )

    @cached_property
    def _in_company(self) -> Mapping[int, Exchange]:
        return in_company(self.exchanges)

    @cached_property
    def alone(self) -> frozenset[int]:
        """The numbers of the exchanges during which no other one was under way."""
        return alone(self.exchanges)

    def company(self, exchange: Exchange) -> Exchange | None:
        """The request of a caller of the other kind (admin key, or anyone else) that this one could be mixed up with.

        That is the last such request on the same connection before it, or the same request at the same moment.
        """
        return self._in_company.get(exchange.number)

    def strayed(self, page: Page) -> bool:
        """Whether a page was requested with a token that only pages of other lists gave."""
        token = self.reading(page.exchange).values.get("after", ("",))[0]
        givers = self.reader.given(token)
        return bool(givers) and all(given.query.scope != page.query.scope for given in givers)

    def may_have_expired(self, exchange: Exchange) -> bool:
        """Whether a token was older than every one that was accepted, and so old that it may have expired."""
        age = self.token_age(exchange)
        return age is not None and age >= LEAST_LIFE and age > self._oldest_accepted

    @cached_property
    def _oldest_accepted(self) -> float:
        """The age in seconds of the oldest token that brought a page."""
        if not self.reader.opaque:
            return 0.0
        ages = (self.token_age(exchange) for exchange in self.admin if exchange.ok)
        return max((age for age in ages if age is not None), default=0.0)

    def token_age(self, exchange: Exchange) -> float | None:
        """The seconds since a request's token was last given; ``None`` for a request without a known one."""
        query = self.reading(exchange).query
        given = self.reader.latest(query, exchange) if query is not None and self.reader.opaque else None
        return None if given is None else exchange.at - given.exchange.at

    @property
    def named(self) -> frozenset[str]:
        """The scopes that the user named."""
        target = self.target
        further = filter(None, (target.other_checkpoint, target.empty_checkpoint))
        return frozenset((target.checkpoint, *further))

    def unusual(self, exchange: Exchange) -> bool:
        """Whether the document forbids a request of the admin key, or it holds values that the target never gave."""
        query = self.query(exchange)
        if query is None:
            return True
        known_cursor = query.after in self.listing.items or query.after in self.foreign
        strange_cursor = query.after is not None and not known_cursor
        strange_facet = query.facet is not None and query.facet not in self.listing.facets
        strange_size = (query.limit or 0) > max(USUAL_SIZE, self.largest_accepted)
        return strange_cursor or strange_facet or strange_size or query.scope not in self.named

    # What came back

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """All 200 answers of the operation, whatever request they answer."""
        found = []
        for exchange in self.exchanges:
            asked_for_json = exchange.request.accept == JSON_MEDIA_TYPE
            if (
                exchange.ok
                and exchange.answer
                and not exchange.failure
                and asked_for_json
                and self._plain_path(exchange)
            ):
                body = exchange.answer.body
                found.append(Document(exchange, self.reader, body))
        return tuple(found)

    def _plain_path(self, exchange: Exchange) -> bool:
        """Whether the path certainly leads to this operation: proxies may route ``..`` and ``%2F`` elsewhere."""
        reading = self.reading(exchange)
        if reading.scope is None or reading.scope in self.named:
            return reading.scope is not None
        return "scope" not in reading.odd and "/" not in reading.scope

    def page(self, exchange: Exchange, query: Query) -> Page | None:
        """The page that an exchange returned; ``None`` unless it is a 200 whose items all have an identity."""
        key = exchange.number, query
        if key not in self._pages:
            self._pages[key] = self.reader.page(exchange, query)
        return self._pages[key]

    def page_of(self, exchange: Exchange) -> Page | None:
        """The page that an allowed query returned; ``None`` for any other request or answer."""
        query = self.query(exchange)
        return self.page(exchange, query) if query is not None else None

    @cached_property
    def pages(self) -> tuple[Page, ...]:
        """The pages of the list that were requested one at a time."""
        return tuple(page for exchange, query in self.allowed if (page := self.page(exchange, query)) is not None)

    @cached_property
    def pages_back(self) -> tuple[Page, ...]:
        """The pages that were requested by ``before`` alone."""
        return tuple(
            page
            for exchange, query in self.backward
            if query.after is None and (page := self.page(exchange, query)) is not None
        )

    @cached_property
    def together(self) -> tuple[Page, ...]:
        """The pages that were requested at the same time as others."""
        return tuple(
            page
            for exchange in self.admin
            if exchange.concurrent
            and (page := self.page_of(exchange)) is not None
            and page.query.scope == self.target.checkpoint
        )

    @cached_property
    def every_page(self) -> tuple[Page, ...]:
        """The pages of all lists, requested one at a time or together: for what one answer proves by itself."""
        return tuple(
            page
            for exchange in self.admin
            if exchange.request.accept == JSON_MEDIA_TYPE and (page := self.page_of(exchange)) is not None
        )

    @cached_property
    def pages_of_others(self) -> Mapping[str, tuple[Page, ...]]:
        """The pages of lists other than the one that is judged, by scope."""
        found: dict[str, list[Page]] = defaultdict(list)
        for page in self.every_page:
            if page.query.scope != self.target.checkpoint:
                found[page.query.scope].append(page)
        return {scope: tuple(pages) for scope, pages in found.items()}

    @cached_property
    def refused_to_admin(self) -> frozenset[str]:
        """The targets (path and query) that were refused to the admin key as well."""
        return frozenset(exchange.request.target for exchange in self.admin if exchange.refused)

    @cached_property
    def foreign(self) -> frozenset[str]:
        """The ids of items of the other list, without those that the walks of this list show too."""
        other = self.pages_of_others.get(self.target.other_checkpoint or "", ())
        own = {id_ for walk in self.walks if walk.facet is None for id_ in walk.ids}
        return frozenset(id_ for page in other if page.query.after is None for id_ in page.ids) - own

    @property
    def elsewhere(self) -> Mapping[str | None, frozenset[str]]:
        """For each of the two lists, by its scope, the ids that only the other one holds."""
        own = frozenset(id_ for walk in self.walks for id_ in walk.ids)
        other = self.pages_of_others.get(self.target.other_checkpoint or "", ())
        theirs = {id_ for page in other if page.query.after is None for id_ in page.ids}
        return {self.target.checkpoint: self.foreign, self.target.other_checkpoint: own - theirs}

    @cached_property
    def failures(self) -> Failures:
        """What failed by chance, and what a network may have lost."""
        return Failures(self.exchanges)

    # What it shows of the list

    @cached_property
    def _learnable(self) -> tuple[Page, ...]:
        """The pages from which the list is learned: those whose cursor and facet are known from earlier pages."""
        if self.part:
            return self.pages
        known: set[str] = set()
        facets: set[str | None] = {None}
        found = []
        for page in self.pages:
            if (page.query.after is None or page.query.after in known) and page.query.facet in facets:
                found.append(page)
                known.update(page.ids)
                facets.update(item.facet for item in page.items)
        return tuple(found)

    @cached_property
    def listing(self) -> Listing:
        """What the list holds, as far as it was seen."""
        by_time = Capability.CHRONOLOGICAL in self.operation.capabilities
        listing = Listing(
            self._learnable,
            part=self.part,
            last_items=self._last_items,
            by_time=by_time,
            lasting=self.operation.filters.lasting,
            selects=partial(self.operation.filters.selects, self.operation.roles.facet),
            by_content=Capability.ID not in self.operation.capabilities,
        )
        if self.part:
            listing.movement = Movement(changed=self._changed)
            return listing
        unfiltered = [walk for walk in self.walks if walk.facet is None]
        listing.look_for_movement(
            [walk for walk in unfiltered if walk.control]
            or [walk for walk in unfiltered if walk.order is self.operation.default_order],
            self.foreign,
            frozenset(id_ for page in self.pages if page.exchange.probe == LOAD for id_ in page.ids),
        )
        return listing

    def order(self, page: Page) -> Order:
        """The order in which a page is sorted.

        A page that was requested without an order is taken to be in the default order, unless only the other order
        fits it: that breaks ORD-001 alone, and not every clause about pages.
        """
        if page.query.order is not None:
            return page.query.order
        default = self.operation.default_order
        other = default.opposite
        return other if not self.fits(page, default) and self.fits(page, other) else default

    def order_of_part(self, page: Page) -> Order:
        """The order of a page from which a further filter leaves out items; without an order, that of other pages."""
        if page.query.order is not None:
            return page.query.order
        return next((self.order(each) for each in self.pages if each.query.order is None), self.order(page))

    def fits(self, page: Page, order: Order) -> bool:
        """Whether a page may be sorted in this order, as far as is known."""
        sign = 1 if order is Order.ASCENDING else -1
        times = [sign * item.time for item in page.items if item.time is not None]
        times = times if Capability.CHRONOLOGICAL in self.operation.capabilities else []
        if times != sorted(times) or not page.items:
            return times == sorted(times)
        listing, first, after = self.listing, page.ids[0], page.query.after
        if after is not None and listing.goes_back(page, order) and not listing.tied(after, first):
            return False
        skipped = listing.skipped(page, order)
        return skipped is None or listing.tied(skipped, first) or bool(after and listing.tied(skipped, after))

    @cached_property
    def sound(self) -> tuple[tuple[Page, Order], ...]:
        """The pages that can be compared with the list, with their order.

        Pages that break a clause by themselves are left out, because others would follow: pages with items of another
        facet, with an item twice, or sorted otherwise than the list.
        """
        found = []
        for page in self.pages:
            order = self.order(page)
            facet = page.query.facet
            if facet is not None and any(item.facet != facet for item in page.items):
                continue
            if len(set(page.ids)) != len(page.ids):
                continue
            if self.listing.swapped(page, order) is not None:
                continue
            found.append((page, order))
        return tuple(found)

    @cached_property
    def unstable_ties(self) -> frozenset[Order]:
        """The orders in which items of the same second change places, so that their positions prove nothing."""
        found = set()
        for page in self.pages:
            order = self.order(page)
            if order not in found and any(self.listing.tied(*pair) for pair in self.listing.inversions(page, order)):
                found.add(order)
        for walk in self.walks:
            order = self.order(walk.pages[0])
            seams = [
                (before.ids[-1], page.ids[0])
                for before, page in pairwise(walk.pages)
                if before.items and page.items and page.ids[0] not in walk.pages[0].ids
            ]
            if sum(self._tie_reversed(order, *seam) for seam in seams) > 1:
                found.add(order)
        return frozenset(found)

    def differs_by_ties(self, left: Exchange, right: Exchange) -> bool:
        """Whether two pages have the same times at the same places, where items of one second change places."""
        pages = self.page_of(left), self.page_of(right)
        times = [
            [item.time for item in page.items]
            for page in pages
            if page is not None and self.order(page) in self.unstable_ties
        ]
        return len(times) == len(pages) and times[0] == times[1]

    def _tie_reversed(self, order: Order, left: str, right: str) -> bool:
        """Whether two items of the same second came in another order than that of the list."""
        ranks = self.listing.rank(order, left), self.listing.rank(order, right)
        return ranks[0] is not None and ranks[1] is not None and ranks[0] > ranks[1] and self.listing.tied(left, right)

    @cached_property
    def by_cursor(self) -> Mapping[tuple[Order, str | None, str | None], tuple[Page, ...]]:
        """The sound pages by (order, facet, cursor)."""
        found: dict[tuple[Order, str | None, str | None], list[Page]] = defaultdict(list)
        for page, order in self.sound:
            found[order, page.query.facet, page.query.after].append(page)
        return {key: tuple(pages) for key, pages in found.items()}

    @cached_property
    def walks(self) -> tuple[Walk, ...]:
        """The walks through the list, as far as their pages could be read."""
        steps: dict[str, list[Page]] = defaultdict(list)
        for page in self.pages:
            if page.exchange.step is not None and page.exchange.again is None:
                steps[page.exchange.step.walk].append(page)
        default = self.operation.default_order
        return tuple(
            Walk.of(name, pages, default, control=pages[0].exchange.probe == CONTROL) for name, pages in steps.items()
        )

    @cached_property
    def stretches(self) -> tuple[tuple[Page, ...], ...]:
        """The pages of walks, cut where a page does not continue from the last item of the page before."""
        found: list[tuple[Page, ...]] = []
        for walk in self.walks:
            run: list[Page] = []
            for page in walk.pages:
                if run and page.query.after != run[-1].ids[-1]:
                    found.append(tuple(run))
                    run = []
                if page.items:
                    run.append(page)
            found.append(tuple(run))
        return tuple(run for run in found if run)

    @property
    def endless(self) -> bool:
        """Whether a walk returned to a cursor that it had used before."""
        return any(
            any(self.onward(page) == onward for page in walk.pages[:-1])
            for walk in self.walks
            if (onward := self.onward(walk.pages[-1])) is not None
        )

    def onward(self, page: Page) -> str | None:
        """The cursor of the next page: the token that this page gave, or the id of its last item."""
        if self.reader.opaque:
            return page.token
        return page.ids[-1] if page.items else None

    @cached_property
    def cap(self) -> int:
        """The most items that the target returned on a page with a ``limit``."""
        return max((len(page.items) for page in self.pages if page.query.limit), default=0)

    @cached_property
    def default_size(self) -> int | None:
        """How many items a page without a limit holds: as documented, else the most on one that more items follow."""
        if self.operation.default_limit is not None:
            return self.operation.default_limit
        goes_on = (
            page
            for page, order in self.sound
            if page.query.limit is None and (page.has_more or self.listing.following(page, order))
        )
        return max((len(page.items) for page in goes_on), default=None)

    @cached_property
    def largest_accepted(self) -> int:
        """The largest ``limit`` that was answered 200."""
        return max((page.query.limit for page in self.pages if page.query.limit), default=0)

    def signature(self, exchange: Exchange) -> tuple[object, ...]:
        """What must be equal in two right answers to the same request."""
        page = self.page_of(exchange)
        if page is not None:
            return (exchange.status, page.ids, page.has_more, page.first_id, page.last_id)
        if exchange.answer is None:
            return (exchange.failure.kind if exchange.failure else None,)
        complete = exchange.answer.flaw is None
        return (exchange.status, complete, exchange.answer.body if exchange.ok and complete else None)

    def same(self, left: Exchange, right: Exchange) -> bool:
        """Whether two answers to the same request agree, apart from what a change of the list explains."""
        if self.signature(left) == self.signature(right):
            return True
        return self.listing.changed and self.explained(left, right)

    def explained(self, left: Exchange, right: Exchange) -> bool:
        """Whether a change of the list could explain that two answers to the same request differ."""
        query, listing = self.query(left), self.listing
        first, second = self.page_of(left), self.page_of(right)
        if first is not None and second is not None:
            return listing.agree(first, second)
        # A cursor that was deleted between the two may be refused, and a facet without items.
        if query is None:
            return False
        cursor_gone = query.after is not None and not listing.existed(query.after, left, right)
        return cursor_gone or (query.facet is not None and not listing.facet_existed(query.facet, left, right))

    @cached_property
    def _first_shown(self) -> Mapping[str, int]:
        """For each scope the tick at which it was first shown to the admin key."""
        found: dict[str, int] = {}
        for exchange in self.admin:
            scope = self.reading(exchange).scope
            if exchange.ok and scope is not None:
                found.setdefault(scope, exchange.received)
        return found

    def not_there_yet(self, exchange: Exchange) -> bool:
        """Whether this is a 404 for a scope that was found later: it may have been created in between."""
        shown = self._first_shown.get(self.reading(exchange).scope or "")
        return exchange.status == NOT_FOUND and shown is not None and exchange.received < shown

    def comparable(self, exchange: Exchange) -> bool:
        """Whether an answer can be compared with another: complete, no 503 with Retry-After, and as a 200 a page."""
        if exchange.answer is None or exchange.failure or exchange.answer.flaw or exchange.postponed:
            return False
        if self.not_there_yet(exchange) or (exchange.refused and self.may_have_expired(exchange)):
            return False
        return not exchange.ok or self.page_of(exchange) is not None

    def unread(self) -> Iterator[Exchange]:
        """The 200 answers to allowed queries that are not readable as pages."""
        readable = {page.exchange.number for page in self.pages}
        for exchange, _ in self.allowed:
            if exchange.ok and exchange.number not in readable:
                yield exchange


def _unchecked(exchange: Exchange) -> bool:
    """Whether a cache may have answered a request of the admin key without an Age header."""
    request = exchange.request
    return request.credential == "admin" and not request.fresh and exchange.age is None
