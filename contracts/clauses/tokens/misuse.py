"""TOK: a token opens nothing else, and one that is no token of the query does no harm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from contracts.clauses.common import (
    ONE,
    TWO,
    denied,
    named,
    odd,
    only,
    shows_nothing,
)
from contracts.clauses.passages import ADMIN_ONLY, CURSOR, SUCCESS
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.clauses.tokens.reading import REQUIRES, TOKENS, sent_with_a_token
from contracts.core.model import Capability, Exchange, Page, Query
from contracts.core.result import HELD, Finding, Inapplicable, Level
from contracts.core.wording import count, names
from contracts.openapi.grammar import Oddity

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence


@clause(
    "TOK-006",
    Level.SECURITY,
    "A token opens neither another list nor the door",
    quote=ADMIN_ONLY,
    why="Whoever gets hold of a token, which stands in addresses and logs, reads a list that is not theirs.",
    good="a token of B on A: 400; a token without a key: 401",
    bad="a token of B on A: items of B",
    probes=TOKENS,
    requires=REQUIRES,
    caused_by=("SCO-001", "SEC-001", "SEC-002", "SEC-005"),
    decided_by="list",
    needs=Needs(items=2, other_scope=True),
)
def token_opens_nothing(evidence: Evidence) -> Iterator[Outcome]:
    if not {Capability.SCOPE, Capability.KEY} & evidence.operation.capabilities:
        yield Inapplicable("there is one list, and everyone may look at it")
        return
    elsewhere = evidence.elsewhere
    for exchange in evidence.exchanges:
        query = evidence.reading(exchange).query
        if query is None or query.after is None or exchange.answer is None:
            continue
        givers = evidence.reader.given(query.after)
        admin = exchange.request.credential == "admin"
        if not givers or exchange.concurrent:
            continue
        page = evidence.page(exchange, query)
        if not admin:
            yield from _keeps_shut(evidence, exchange, page)
        elif all(given.query.scope != query.scope for given in givers):
            forbidden = elsewhere.get(query.scope, frozenset())
            shown = tuple(id_ for id_ in page.ids if id_ in forbidden) if page else ()
            if exchange.refused:
                shown = tuple(sorted(named(exchange.answer, forbidden, unquote(exchange.request.target))))
            if shown:
                exchanges = (givers[0].exchange, exchange)
                yield Finding("nothing of the list that the token was given for", names(shown, 3), exchanges)
            elif page is not None or denied(exchange):
                yield HELD


def _keeps_shut(evidence: Evidence, exchange: Exchange, page: Page | None) -> Iterator[Outcome]:
    """One outcome for a token that is used without the right to it."""
    form = exchange.request.credential
    if form not in {"none", "unknown", "user"} or Capability.KEY not in evidence.operation.capabilities:
        return
    if page is not None and page.items:
        who = {"none": "without a key", "unknown": "with an unknown key", "user": "with a key that may not look"}[form]
        yield Finding("a refusal", f"status {exchange.status} and {count(len(page.items), 'item')}, {who}", (exchange,))
    elif denied(exchange):
        yield HELD


@clause(
    "TOK-007",
    Level.ROBUSTNESS,
    "A token that is tampered with, or of another query, does no harm",
    quote=SUCCESS,
    why="Who changes a token brings down a worker, or sees what the query must not show.",
    good="half a token: 400",
    bad="half a token: 500",
    probes=TOKENS,
    requires=REQUIRES,
    caused_by=("SCO-001", "TOK-006"),
    decided_by="list",
    needs=TWO,
)
def tampered_token_does_no_harm(evidence: Evidence) -> Iterator[Outcome]:
    # A filter that also shows wrong items without a token is another breach.
    leaky = any(_wrong_items(page) for page in evidence.pages if page.query.after is None)
    for exchange, query in _misused(evidence):
        if exchange.answer is None or exchange.postponed:
            continue
        page = evidence.page(exchange, query)
        wrong = _wrong_items(page) if page is not None and not leaky else ()
        foreign = tuple(id_ for id_ in page.ids if id_ in evidence.foreign) if page is not None else ()
        if exchange.failed:
            yield Finding("a 4xx, or a page that goes on", f"status {exchange.status}", (exchange,))
        elif wrong:
            said = f"{names(wrong, 3)}, which {evidence.operation.query(Query('', facet=query.facet))} excludes"
            yield Finding("a 4xx, or items of the query", said, (exchange,))
        elif foreign:
            yield Finding("a 4xx, or items of this list", f"{names(foreign, 3)}, of another list", (exchange,))
        elif page is not None or denied(exchange):
            yield HELD


def _wrong_items(page: Page) -> tuple[str, ...]:
    """The items of a page that its filter excludes."""
    facet = page.query.facet
    return tuple(item.id for item in page.items if facet is not None and item.facet not in {facet, None})


def _misused(evidence: Evidence) -> Iterator[tuple[Exchange, Query]]:
    """The requests with a token that was not given for them: changed, cut, empty, or of another query."""
    for exchange, query, token, given in sent_with_a_token(evidence):
        others = evidence.reader.given(token)
        of_another_list = others and all(each.query.scope != query.scope for each in others)
        if given is None and not of_another_list:
            yield exchange, query
    for exchange, found in odd(evidence):
        if only(found, "after", Oddity.EMPTY) or only(found, "after", Oddity.CONTROL):
            yield exchange, Query(evidence.target.checkpoint)


@clause(
    "TOK-008",
    Level.ADVISORY,
    "A tampered or unknown token does not begin again at the first page",
    quote=CURSOR,
    why="A client whose token was cut or has expired begins again, and loops if that happens each time.",
    good="half a token: 400",
    bad="half a token: [cp_1, …], the first page",
    probes=TOKENS,
    requires=REQUIRES,
    decided_by="list",
    needs=ONE,
)
def tampered_token_does_not_restart(evidence: Evidence) -> Iterator[Outcome]:
    for exchange, query, token, _ in sent_with_a_token(evidence):
        # A changed number may be another valid token.
        if evidence.reader.given(token) or token.isdigit():
            continue
        page = evidence.page(exchange, query)
        head = evidence.listing.sequence(evidence.asked_order(query), query.facet)[:1]
        if page is not None and page.items and head == page.ids[:1]:
            yield Finding("a 4xx, or an empty page", f"the first page again: {names(page.ids, 2)}", (exchange,))
        elif shows_nothing(exchange, page):
            yield HELD
