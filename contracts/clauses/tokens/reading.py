"""Which requests were sent with a token, and what their clauses have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from contracts.core.model import Capability, Exchange, Query

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.evidence.reader import Given

TOKENS = ("tokens",)
REQUIRES = frozenset({Capability.TOKEN})


def sent_with_a_token(evidence: Evidence) -> Iterator[tuple[Exchange, Query, str, Given | None]]:
    """What was asked with a token, one at a time: its query, the token, and where that was given for such a query."""
    for exchange, query in evidence.allowed:
        written = evidence.reading(exchange).query
        if written is not None and written.after is not None:
            yield exchange, query, written.after, evidence.reader.origin(written, written.after, exchange)
