"""The requests of users under load: walks, single pages, the first page again, and some without the right to see it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from contracts.core.model import Capability, Exchange, Order, Query, Request
from contracts.evidence.evidence import Evidence
from contracts.runs.plan import Plan

SINGLE_PAGES: Final = 240
"""Single pages to request, drawn from the seed; each is requested often enough to meet caches and coalescing."""
WALKS: Final = 16
"""Walks to make, drawn from the seed."""
_SIZES: Final = (None, 1, 2, 3, 5, 7, 10, 20, 50, 100)
_WALKED: Final = (None, 3, 7, 10, 20, 100)
_CURSORS: Final = 40
_FACETS: Final = 3
_STRANGERS: Final = ("none", "unknown", "user")
_FIRST_PAGE: Final = 0.2
_WALK: Final = 0.4


@dataclass(slots=True, eq=False)
class Question:
    """One request that users send: its name in figures, and the known right answers to it.

    ``page`` holds the ids of the page that must come and whether more follows, ``None`` where that is not known.
    """

    name: str
    request: Request
    query: Query
    page: tuple[tuple[str, ...], bool] | None = None
    kept: dict[bytes, object] = field(default_factory=dict)
    """Bodies that kept all clauses, each with the rest of its answer."""
    broken: dict[bytes, tuple[object, tuple[str, ...]]] = field(default_factory=dict)
    """Bodies that broke clauses, each with the rest of its answer and the ids of the clauses."""
    onward: Question | None = None
    """The next request of a walk, if the predicted page came."""


class Questions:
    """All requests of the users to one list, drawn from one seed.

    Args:
        plan: What is judged.
        evidence: What was learned of the list.
        strangers: The share of requests, from 0 to 1, without a key or with one that may not look.
    """

    def __init__(self, plan: Plan, evidence: Evidence, strangers: float) -> None:
        self._plan = plan
        self._evidence = evidence
        self._strangers = strangers
        self._tokens = dict(_tokens(evidence))
        self._made: dict[tuple[str, Query, str], Question] = {}
        rng = random.Random(plan.seed)
        listing, operation = evidence.listing, plan.operation
        capabilities = operation.capabilities
        orders = [None, *Order] if Capability.ORDER in capabilities else [None]
        facets = [None, *listing.facets[:_FACETS]] if operation.roles.facet else [None]
        largest = max(evidence.largest_accepted, operation.usual_limit)
        sizes = [size for size in _SIZES if size is None or size <= largest]
        wanted = (
            Query(
                plan.target.checkpoint,
                after=rng.choice([None, *self._cursors(rng, order, facet)]),
                limit=rng.choice(sizes),
                order=order,
                facet=facet,
            )
            for order, facet in ((rng.choice(orders), rng.choice(facets)) for _ in range(SINGLE_PAGES))
        )
        self._pages = [each for each in (self._question("page", query) for query in wanted) if each is not None]
        firsts = (Query(plan.target.checkpoint, order=order) for order in orders)
        self._firsts = [each for each in (self._question("first page", query) for query in firsts) if each is not None]
        walked = [size for size in _WALKED if size is None or size <= largest]
        begun = (
            Query(
                plan.target.checkpoint,
                limit=rng.choice(walked),
                order=rng.choice(orders),
                facet=rng.choice([None, *facets]),
            )
            for _ in range(WALKS)
        )
        self._walks = [each for each in (self._walk(query) for query in begun) if each is not None]
        may_not = [form for form in plan.forms if form in _STRANGERS]
        self._refused = [
            Question(f"refused ({form})", replace(each.request, credential=form), each.query)
            for form in may_not
            # What admins ask most: where requests are joined or kept by their URL, both meet.
            for each in (*self._firsts, *self._firsts, *self._firsts, *self._pages[:3])
        ]

    def draw(self, rng: random.Random) -> Question:
        """A request outside walks, or the first request of one."""
        if self._refused and rng.random() < self._strangers:
            return rng.choice(self._refused)
        kind = rng.random()
        if kind < _FIRST_PAGE:
            return rng.choice(self._firsts)
        return rng.choice(self._walks if kind < _WALK else self._pages)

    def _cursors(self, rng: random.Random, order: Order | None, facet: str | None) -> Sequence[str]:
        known = self._evidence.listing.sequence(order or self._plan.operation.default_order, facet)
        return rng.sample(known, min(_CURSORS, len(known)))

    def _walk(self, query: Query) -> Question | None:
        first = question = self._question("walk", query)
        seen = {query.after}
        while question is not None and question.page is not None and question.page[0] and question.page[1]:
            cursor = question.page[0][-1]
            if cursor in seen:
                break
            seen.add(cursor)
            question.onward = self._question("walk", replace(query, after=cursor))
            question = question.onward
        return first

    def _question(self, name: str, query: Query) -> Question | None:
        """The question of a query; ``None`` where it needs a token that no answer gave."""
        key = (name, query, "")
        if key not in self._made:
            asked = query
            if self._evidence.reader.opaque and query.after is not None:
                order = query.order or self._plan.operation.default_order
                token = self._tokens.get((order, query.facet, query.after))
                if token is None:
                    return None
                asked = replace(query, after=token)
            request = self._plan.operation.request(asked, seed=self._plan.seed)
            self._made[key] = Question(name, request, query, self.expected(query))
        return self._made[key]

    def expected(self, query: Query) -> tuple[tuple[str, ...], bool] | None:
        """The predicted ids of the page, and whether more follow; ``None`` if that is not known."""
        listing, operation = self._evidence.listing, self._plan.operation
        if not listing.complete:
            return None
        order = query.order or operation.default_order
        known = listing.sequence(order, query.facet)
        if query.after is not None and query.after not in known:
            return None
        begin = 0 if query.after is None else known.index(query.after) + 1
        end = begin + (query.limit or operation.usual_limit)
        return known[begin:end], end < len(known)

    def renew(self, evidence: Evidence) -> None:
        """Predict pages of the current list, and forget the known right answers."""
        self._evidence = evidence
        for question in (*self._made.values(), *self._refused):
            question.kept.clear()
            question.broken.clear()
            if question.request.credential == "admin":
                question.page = self.expected(question.query)


def _tokens(evidence: Evidence) -> Iterator[tuple[tuple[Order, str | None, str], str]]:
    for page in evidence.pages:
        if page.token is not None and page.items:
            yield (evidence.asked_order(page.query), page.query.facet, page.ids[-1]), page.token


def worth_sending(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """The exchanges of a run that show the list: those of walks with the admin key."""
    return [
        each
        for each in exchanges
        if each.ok and each.probe in {"control", "walks"} and each.request.credential == "admin" and not each.concurrent
    ]
