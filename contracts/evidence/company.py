"""Which requests of different callers could be mixed up: on one connection, or at the same moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from contracts.core.model import Exchange


def in_company(exchanges: Sequence[Exchange]) -> Mapping[int, Exchange]:
    """For each exchange, by its number, what a caller of the other kind asked that it could be mixed up with.

    The two kinds are the admin key and everyone else. That is the last request of the other kind on the same connection
    before it, or the same request at the same moment. One that got no complete answer was sent again, alone.
    """
    found: dict[int, Exchange] = {}
    last: dict[tuple[int, bool], Exchange] = {}
    for exchange in exchanges:
        admin = exchange.request.credential == "admin"
        if exchange.connection is None:
            continue
        other = last.get((exchange.connection, not admin))
        if other is not None:
            found[exchange.number] = other
        last[exchange.connection, admin] = exchange
    batches: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        if exchange.concurrent and not exchange.lost:
            batches[exchange.request.target].append(exchange)
    for batch in batches.values():
        for exchange in batch:
            admin = exchange.request.credential == "admin"
            for other in batch:
                overlap = other.sent < exchange.received and exchange.sent < other.received
                if overlap and (other.request.credential == "admin") is not admin:
                    found.setdefault(exchange.number, other)
    return found


def alone(exchanges: Sequence[Exchange]) -> frozenset[int]:
    """The numbers of the exchanges during which no other one was under way."""
    shared: set[int] = set()
    longest: Exchange | None = None
    for exchange in sorted(exchanges, key=lambda exchange: exchange.sent):
        if longest is not None and exchange.sent < longest.received:
            shared |= {exchange.number, longest.number}
        if longest is None or exchange.received > longest.received:
            longest = exchange
    return frozenset(exchange.number for exchange in exchanges) - shared
