"""How probes send requests: through the client, within their share of the budget."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count, islice
from typing import Any

from contracts.core.model import Exchange, Order, Page, Query, Request, Step, Target
from contracts.evidence.evidence import Evidence
from contracts.evidence.listing import Listing
from contracts.evidence.reader import Reader
from contracts.traffic.client import Client
from contracts.traffic.concurrency import Chain, Steps

Read = Callable[[Exchange, Query], Page | None]
"""Returns the page of an exchange; ``None`` if it is unreadable."""


TRIES = 3
"""Attempts to get a readable page in a walk through the whole list."""


class ShareSpent(Exception):
    """The probe has used up its share of the budget."""


class Asking:
    """One probe's access to the target, and to what is known of it so far.

    Args:
        reader: Reads the answers; it knows the operation.
        target: The target and its lists.
        client: Sends the requests.
        rng: The source of every random choice of the run.
        forms: The forms of credentials that can be sent.
        parts: The probes, or parts of them such as ``walks.ends``, that are needed; by default all.
    """

    def __init__(
        self,
        reader: Reader,
        target: Target,
        client: Client,
        rng: random.Random,
        forms: Sequence[str],
        *,
        parts: Collection[str] | None = None,
    ) -> None:
        self.reader = reader
        self.operation = reader.operation
        self.target = target
        self.client = client
        self.rng = rng
        self.forms = tuple(forms)
        self._parts = parts
        self.seed = rng.randrange(2**32)
        """A seed for choices that must not depend on the requests so far."""
        self.size = 100
        """The page size for reading the whole list: the largest one that the target is known to accept."""
        self.short: bool | None = None
        """Whether one control walk reaches the end of the list; ``None`` while that is not known."""
        self.turning_point: str | None = None
        """On a list that is too long for one walk: the item at which the walk from the head stopped and turned."""
        self.batches: dict[int, tuple[int, tuple[Request, ...]]] = {}
        """For each exchange of a concurrent batch: its zero-based index in the batch, and the requests of the batch."""
        self.last_items: Mapping[Order, str] = {}
        """The last item in each order, where a `--deep` walk reached it."""
        self.fresh = False
        """Whether admin requests ask caches to revalidate: on a list that changes a stale page is no breach."""
        self.meanwhile: Callable[[], None] | None = None
        """Called once, while the answers of a far target are awaited."""
        self._gathered: list[Chain] | None = None
        self._probe = ""
        self._tokens: dict[Query, str] = {}
        """The tokens by the query of the page that begins at each."""
        self._read = 0
        """The number of exchanges that were searched for tokens."""
        self._ceiling = 0
        self._until: float | None = None
        self.hurried = False
        self._names = count(1)
        self._known: tuple[int, Evidence] | None = None

    def begin(self, probe: str, share: int, *, until: float | None = None, hurried: bool = False) -> None:
        """Begin a probe that may send ``share`` requests, none of them after ``until`` (of `time.monotonic`).

        It is ``hurried`` where the time of the run suffices for fewer requests than its budget.
        """
        self.hurried = hurried
        self._probe = probe
        self._until = until
        self._ceiling = self.client.requests + share

    def count(self) -> None:
        """Wait until this probe may send one more request, and count it: it is sent without the client.

        Raises:
            RunStopped: None may be sent any more.
        """
        self.client.count(self._probe)

    def wants(self, part: str) -> bool:
        """Whether a selected clause needs this part of the current probe."""
        return self._parts is None or bool({self._probe, f"{self._probe}.{part}"} & set(self._parts))

    @property
    def left(self) -> int:
        """The number of requests that this probe may still send, beside those that are gathered."""
        if self.late:
            return 0
        gathered = sum(chain.length for chain in self._gathered or ())
        return min(self._ceiling - self.client.requests, self.client.remaining) - gathered * self.each

    @property
    def late(self) -> bool:
        """Whether this probe has used up its time."""
        return self._until is not None and time.monotonic() >= self._until

    @property
    def each(self) -> int:
        """The number of requests that one may take here: 2 where redirects were seen."""
        return self.client.each

    @property
    def evidence(self) -> Evidence:
        """The evidence so far."""
        number = len(self.client.exchanges)
        if self._known is None or self._known[0] != number:
            self._known = number, Evidence(self.reader, self.target, self.client.exchanges, last_items=self.last_items)
        return self._known[1]

    @property
    def listing(self) -> Listing:
        """What the evidence so far shows of the list."""
        return self.evidence.listing

    def query(self, **parameters: Any) -> Query:
        """A query for the judged list, or for the one that is given as ``scope``."""
        scope = parameters.pop("scope", self.target.checkpoint)
        return self.settled(Query(scope, **parameters))

    def settled(self, query: Query) -> Query:
        """A query that the operation can express: without an order or a filter if it has no such parameter."""
        roles = self.operation.roles
        return replace(
            query,
            order=query.order if roles.order else self.operation.default_order,
            facet=query.facet if roles.facet else None,
        )

    def either(self, order: Order) -> Order:
        """An order, or the list's only one where none can be chosen."""
        return order if self.operation.roles.order else self.operation.default_order

    def sequence(self, order: Order) -> tuple[str, ...]:
        """The list in an order, or in its only one, as far as it is known."""
        return self.listing.sequence(self.either(order))

    def ask(
        self,
        query: Query,
        *,
        credential: str = "admin",
        extra: Sequence[tuple[str, str]] = (),
        encode_colon: bool = False,
        step: Step | None = None,
        spooled: bool = False,
        fresh: bool = False,
    ) -> Exchange:
        """Send a query. One that needs a token that was never given is not sent; then the last exchange is returned.

        Raises:
            ShareSpent: The probe has used up its share of the budget.
        """
        request = self.request(query, extra=extra, credential=credential, encode_colon=encode_colon)
        if request is None:
            return self.client.exchanges[-1]
        return self.send(replace(request, fresh=fresh), step=step, spooled=spooled)

    def request(
        self,
        query: Query,
        *,
        extra: Sequence[tuple[str, str]] = (),
        credential: str = "admin",
        encode_colon: bool = False,
    ) -> Request | None:
        """A query as a request, with its parameters in an order that the seed decides; see `Operation.request`.

        ``None`` if it needs a token that was never given for its order and filter.
        """
        if self.reader.opaque and (query.after, query.before) != (None, None):
            self._flush()
            token = self._token(query)
            if token is None:
                return None
            query = replace(query, after=token) if query.before is None else replace(query, before=token)
        return self.operation.request(
            query, extra=extra, credential=credential, encode_colon=encode_colon, seed=self.seed
        )

    def _token(self, query: Query) -> str | None:
        fresh = self.client.exchanges[self._read :]
        self._read += len(fresh)
        self.reader.learn(fresh)
        for exchange in fresh:
            asked = self.reader.asked(exchange) if exchange.request.credential == "admin" else None
            page = self.reader.page(exchange, asked) if asked is not None else None
            if asked is not None and page is not None:
                self._keep_token(asked, page)
        return self._tokens.get(query) or self._tokens.get(replace(query, limit=None))

    def _keep_token(self, asked: Query, page: Page) -> None:
        """Keep the tokens that a page gave, for its limit and for any other one."""
        for token, end in ((page.token, -1), (page.back, 0)) if page.items else ():
            if token is not None:
                after, before = (page.ids[-1], None) if end else (None, page.ids[0])
                place = replace(asked, after=after, before=before)
                self._tokens[place] = self._tokens[replace(place, limit=None)] = token

    def send(
        self,
        request: Request,
        *,
        step: Step | None = None,
        again: tuple[int, int] | None = None,
        spooled: bool = False,
    ) -> Exchange:
        """Send a request; with ``spooled`` its exchange is kept on disk, and is no part of the evidence.

        Raises:
            ShareSpent: The probe has used up its share of the budget.
        """
        if self.left <= 0:
            raise ShareSpent
        request = self._checked(request)
        return self.client.send(request, probe=self._probe, step=step, again=again, spooled=spooled)

    def ask_all(self, queries: Iterable[Query]) -> None:
        """Send queries that do not depend on each other's answers; see `send_all`.

        Raises:
            ShareSpent: The probe has used up its share of the budget.
        """
        self.send_all(map(self.request, queries))

    def send_all(self, requests: Iterable[Request | None]) -> None:
        """Send requests that do not depend on each other's answers, several at the same time; ``None`` is skipped.

        Raises:
            ShareSpent: The probe has used up its share of the budget.
        """
        # No more are made than can be sent: making one may draw random numbers, which other probes draw as well.
        wanted = islice((request for request in requests if request is not None), max(0, self.left) + 1)
        self._work([Chain.of(self._checked(request)) for request in wanted])

    def send_in_turn(self, requests: Iterable[Request]) -> None:
        """Send requests one after the other; other chains may be under way at the same time.

        Raises:
            ShareSpent: The probe has used up its share of the budget.
        """
        self._work([Chain.of(*map(self._checked, requests))])

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Collect what `ask_all`, `send_all`, `send_in_turn` and `walk_all` would send here, and send it at the end.

        So more of them are under way at the same time. None may depend on an answer to another one; only before a
        request that needs a token, which may just be given, the others are sent.

        Raises:
            ShareSpent: The probe has used up its share of the budget.
        """
        self._gathered = []
        spent = False
        try:
            yield
        except ShareSpent:
            spent = True
        finally:
            chains, self._gathered = self._gathered, None
        self._work(chains)
        if spent:
            raise ShareSpent

    def _flush(self) -> None:
        """Send what is gathered until now."""
        chains, self._gathered = self._gathered, None
        if chains is not None:
            try:
                self._work(chains)
            finally:
                self._gathered = []

    def repeat_all(self, number: int, exchanges: Sequence[Exchange]) -> list[Exchange]:
        """Repeat exchanges in the round of this number, several at the same time.

        Raises:
            ShareSpent: The probe has used up its share of the budget.
        """
        if self.left < len(exchanges):
            raise ShareSpent
        return self._work([Chain.of(self._checked(each.request), again=(number, each.number)) for each in exchanges])

    def walk_all(self, walks: Iterable[tuple[Query, int, int]], *, name: str = "walk") -> None:
        """Walk through the list with several queries at the same time; see `walk`.

        Args:
            walks: For each walk its query, the expected number of pages, and the most pages.
            name: The name of the walks.

        Raises:
            ShareSpent: The probe has used up its share of the budget.
        """
        self._work(
            [
                Chain(self._steps(query, most=most, name=name, read=self.reader.page), pages, most)
                for query, pages, most in walks
            ]
        )

    def _work(self, chains: Sequence[Chain]) -> list[Exchange]:
        if self._gathered is not None:
            spent = sum(chain.length for chain in chains) * self.each > self.left
            self._gathered += chains
            if spent:
                raise ShareSpent
            return []
        meanwhile = self.meanwhile if self.client.far else None
        if meanwhile is not None:
            self.meanwhile = None
        exchanges, sufficed = self.client.send_chains(
            chains, probe=self._probe, most=self.left, until=self._until, meanwhile=meanwhile
        )
        if not sufficed:
            raise ShareSpent
        return exchanges

    def together(self, requests: Sequence[Request], *, again: tuple[int, int] | None = None) -> list[Exchange]:
        """Send several requests at the same time.

        Raises:
            ShareSpent: The probe has used up its share of the budget.
        """
        if self.left < len(requests):
            raise ShareSpent
        requests = [self._checked(request) for request in requests]
        exchanges = self.client.send_together(requests, probe=self._probe, again=again)
        for place, exchange in enumerate(exchanges):
            self.batches[exchange.number] = place, tuple(requests)
        return exchanges

    def _checked(self, request: Request) -> Request:
        return replace(request, fresh=True) if self.fresh and request.credential == "admin" else request

    def walk(self, query: Query, *, most: int, name: str = "walk", fresh: bool = False) -> list[Page]:
        """Request page after page, each after the last item of the one before, until the target marks the last page.

        The walk also ends after ``most`` pages, at an unreadable page, and when a cursor repeats. A ``fresh`` walk asks
        caches to revalidate, so that it shows the current list.
        """
        pages: list[Page] = []

        def read(exchange: Exchange, asked: Query) -> Page | None:
            page = self.reader.page(exchange, asked)
            pages.extend([page] if page is not None else [])
            return page

        self._walk(self._steps(query, most=most, name=name, read=read, fresh=fresh), spooled=False)
        return pages

    def walk_through(self, query: Query, *, most: int, name: str, read: Read) -> None:
        """Walk like `walk` through a list of any length: exchanges are kept on disk, and pages are given to ``read``.

        An unreadable page is requested again before the walk ends there. Caches are asked to revalidate.
        """

        def with_token(exchange: Exchange, asked: Query) -> Page | None:
            page = read(exchange, asked)
            if page is not None:
                self._keep_token(asked, page)
            return page

        self._walk(self._steps(query, most=most, name=name, read=with_token, fresh=True, tries=TRIES), spooled=True)

    def _walk(self, steps: Steps, *, spooled: bool) -> None:
        with suppress(StopIteration):
            request, step = next(steps)
            while True:
                request, step = steps.send(self.send(request, step=step, spooled=spooled))

    def _steps(self, query: Query, *, most: int, name: str, read: Read, fresh: bool = False, tries: int = 1) -> Steps:
        """The requests of a walk; see `walk`. Walks are numbered in the order of these calls."""
        # The token of the first page is looked up here, so that it is the same however many walks are under way.
        first = self.request(query)
        label = f"{name} {next(self._names)}"
        return self._labelled(query, first, label, most=most, read=read, fresh=fresh, tries=tries)

    def _labelled(
        self, query: Query, request: Request | None, label: str, *, most: int, read: Read, fresh: bool, tries: int
    ) -> Steps:
        cursors = {query.after}
        cursor = query.after
        unread = 0
        for index in range(most):
            asked = replace(query, after=cursor, before=None)
            if request is None:
                return
            exchange = yield self._checked(replace(request, fresh=fresh)), Step(label, index)
            page = read(exchange, asked)
            if page is None:
                unread += 1
                if unread == tries:
                    return
                continue
            unread = 0
            if page.has_more is False or not page.items:
                return
            cursor = page.ids[-1]
            place = page.token if self.reader.opaque else cursor
            if place is None or place in cursors:
                return
            cursors.add(place)
            request = self.operation.request(replace(asked, after=place), seed=self.seed)
