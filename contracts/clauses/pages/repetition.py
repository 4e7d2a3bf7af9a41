"""PAG: the same question, asked twice, at the same time as others, or with its parameters in another order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import repeat
from typing import TYPE_CHECKING
from urllib.parse import unquote

from contracts.clauses.common import (
    ONE,
    TWO,
    describe,
)
from contracts.clauses.passages import ALL_PERMISSIONS, ORDER
from contracts.clauses.registry import Outcome, clause
from contracts.core.model import Exchange, Query
from contracts.core.result import HELD, Finding, Level
from contracts.openapi.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence


@clause(
    "PAG-019",
    Level.IMPLIED,
    "The same request gives the same page",
    quote=ORDER,
    why="No walk can be trusted, and no failure repeated.",
    good="limit=5 twice: [cp_1 … cp_5] twice",
    bad="limit=5 twice: [cp_1 … cp_5], then [cp_2 … cp_6]",
    probes=("walks.heads", "repetition.accepted", "repetition.together", "repetition.repeated"),
    caused_by=("SEC-015", "ORD-007", "HTP-005", "TOK-004"),
    decided_by="list",
    needs=ONE,
)
def same_request_same_page(evidence: Evidence) -> Iterator[Outcome]:
    before: dict[str, Exchange] = {}
    for exchange, _ in evidence.allowed:
        if exchange.failed or not evidence.comparable(exchange):
            continue
        earlier = before.get(exchange.request.target)
        before[exchange.request.target] = exchange
        if earlier is None:
            continue
        if evidence.same(earlier, exchange):
            yield HELD
        else:
            yield Finding(
                describe(evidence, earlier),
                f"{describe(evidence, exchange)}, asked again",
                (earlier, exchange),
                stable_list=evidence.explained(earlier, exchange),
            )


@clause(
    "PAG-020",
    Level.IMPLIED,
    "Requests at the same time give the pages that they give one by one",
    quote=ALL_PERMISSIONS,
    why="Clients that work side by side get each other's pages, or lose items.",
    good="eight requests at once: eight right pages",
    bad="eight requests at once: two of them bring the same page",
    probes=("repetition.together", "repetition.repeated"),
    reference=("walks.pages", "walks.within", "walks.facets", "walks.defaults"),
    caused_by=("SEC-015", "ORD-007", "PAG-019", "HTP-005", "TOK-004"),
    decided_by="list",
    needs=ONE,
)
def together_as_alone(evidence: Evidence) -> Iterator[Outcome]:
    alone: dict[str, list[Exchange]] = defaultdict(list)
    for exchange, _ in evidence.allowed:
        if evidence.comparable(exchange):
            alone[exchange.request.target].append(exchange)
    agreeing, proven = 0, False
    for exchange in evidence.admin:
        if not exchange.concurrent or exchange.request.target not in alone or not evidence.comparable(exchange):
            continue
        peers = alone[exchange.request.target]
        # Requests outside of batches may overlap too: if only their answers agree, nothing is shown.
        single = [peer for peer in peers if peer.number in evidence.alone]
        peers = single or peers
        if any(evidence.same(peer, exchange) for peer in peers):
            agreeing += 1
            proven |= bool(single)
        else:
            # An exchange of another round would make it another finding.
            peer = min(
                peers, key=lambda other: (_round(other) != _round(exchange), abs(other.number - exchange.number))
            )
            yield Finding(
                f"{describe(evidence, peer)}, as when asked alone",
                f"{describe(evidence, exchange)}, when eight were asked at once",
                (peer, exchange),
                stable_list=any(evidence.explained(other, exchange) for other in peers),
            )
    if proven:
        yield from repeat(HELD, agreeing)


def _round(exchange: Exchange) -> int:
    return exchange.again[0] if exchange.again else 0


@clause(
    "PAG-025",
    Level.DOCUMENTED,
    "The order in which the parameters stand in the query changes nothing",
    quote=Quote("name: limit in: query", at="parameters/limit"),
    why="Each client library writes them in another order, and some change it from call to call.",
    good="?limit=3&order=ascending and ?order=ascending&limit=3: the same page",
    bad="?limit=3&order=ascending: 3 items; ?order=ascending&limit=3: 10 items",
    probes=("repetition.reordered",),
    reference=("walks.pages", "walks.within", "walks.defaults"),
    caused_by=("SEC-015", "PAG-019", "ORD-007", "TOK-004"),
    decided_by="list",
    needs=TWO,
)
def parameters_in_any_order(evidence: Evidence) -> Iterator[Outcome]:
    before: dict[tuple[str, Query | None], list[Exchange]] = defaultdict(list)
    for exchange, _ in evidence.allowed:
        if exchange.failed or not evidence.comparable(exchange):
            continue
        asked = before[exchange.request.path, evidence.reading(exchange).query]
        other = next((each for each in reversed(asked) if each.request.query != exchange.request.query), None)
        asked.append(exchange)
        if other is None:
            continue
        if evidence.same(other, exchange):
            yield HELD
        elif not evidence.differs_by_ties(other, exchange):
            yield Finding(
                f"{describe(evidence, other)}, as with {_written(other)}",
                f"{describe(evidence, exchange)}, with {_written(exchange)}",
                (other, exchange),
                stable_list=evidence.explained(other, exchange),
            )


def _written(exchange: Exchange) -> str:
    """The names of the parameters of a request, in the order in which they were sent."""
    return ", ".join(unquote(part.partition("=")[0]) for part in exchange.request.query.split("&"))
