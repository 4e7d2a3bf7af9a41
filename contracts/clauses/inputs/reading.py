"""How requests that the document does not allow are read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from contracts.core.model import Exchange, Order, Query

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence


def without_limit(evidence: Evidence, exchange: Exchange) -> Query:
    """The query that a request makes for a server that ignores its `limit`, and an `order` that is no word for one."""
    values = evidence.reading(exchange).values
    words = {word: order for order, word in evidence.operation.order_words.items()}
    first = {role: texts[0] for role, texts in values.items()}
    chosen: Order | None = words.get(first.get("order", ""))
    query = Query(
        evidence.target.checkpoint,
        after=first.get("after"),
        order=chosen if evidence.operation.roles.order else evidence.operation.default_order,
        facet=first.get("facet"),
    )
    if query.after is None or not evidence.reader.opaque:
        return query
    return replace(query, after=evidence.reader.behind(query, query.after, exchange))
