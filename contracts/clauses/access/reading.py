"""What the clauses of access share: which requests had no right to an answer, and whether nothing else explains it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from contracts.clauses.common import TOO_MANY
from contracts.clauses.registry import Outcome
from contracts.core.model import KEY_REFUSED, REFUSED, Exchange, FailureKind
from contracts.core.result import HELD, Finding

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

CLIENT_ERRORS = frozenset(range(400, 500))
MOST_NAMED = 4
"""The most statuses that a finding names one by one."""
PLAIN_FORMS = ("none", "unknown", "user")
_KIND = re.compile(r"[a-z][a-z_-]{0,23}")


def refusals(evidence: Evidence) -> Iterator[Exchange]:
    """The refused requests of callers other than the admin key."""
    for exchange in evidence.exchanges:
        if exchange.request.credential != "admin" and exchange.refused:
            yield exchange


def by_itself(evidence: Evidence, exchange: Exchange) -> bool:
    """Whether the answer can only be explained by the caller.

    Other spellings of the path are judged by SEC-013, and callers that are let in only beside the admin key by SEC-014.
    """
    if not plainly_spelled(evidence, exchange):
        return False
    if evidence.company(exchange) is None or exchange.status in REFUSED:
        return True
    return exchange.request.credential not in refused_alone(evidence)


def refused_alone(evidence: Evidence) -> frozenset[str]:
    """The forms of credentials that are refused on the usual path when no request of the admin key is beside them."""
    return frozenset(
        exchange.request.credential
        for exchange in refusals(evidence)
        if exchange.status in REFUSED and evidence.company(exchange) is None and plainly_spelled(evidence, exchange)
    )


def plainly_spelled(evidence: Evidence, exchange: Exchange) -> bool:
    """Whether the path is the one of the document; other spellings are judged by SEC-013."""
    return evidence.reading(exchange).scope is not None


def _judgeable(exchange: Exchange) -> bool:
    """Whether the target decided on the request: a redirect to another place decides; 429, 5xx and silence do not."""
    if exchange.answer is None or exchange.failed or exchange.status == TOO_MANY:
        return False
    return exchange.failure is None or exchange.failure.kind is FailureKind.REDIRECT


def would_be_answered(evidence: Evidence, exchange: Exchange) -> bool:
    """Whether the admin key would get a page for this request, so that only the credentials can be the reason."""
    query = evidence.query(exchange)
    if query is None or query.scope != evidence.target.checkpoint:
        return False
    if evidence.above_cap(query) or exchange.request.target in evidence.refused_to_admin:
        return False
    known_facet = query.facet is None or evidence.listing.facet_existed(query.facet, exchange)
    return known_facet and (query.after is None or query.after in evidence.listing.items)


def refused(evidence: Evidence, exchange: Exchange, allowed: frozenset[int]) -> Iterator[Outcome]:
    """Whether one request was refused with one of these statuses, if the target decided on it.

    A request that would be refused to the admin key as well may get any 4xx, which then shows nothing about keys.
    """
    status = exchange.status
    if not _judgeable(exchange):
        return
    alone = would_be_answered(evidence, exchange)
    shows = alone or allowed == CLIENT_ERRORS or status in KEY_REFUSED
    allowed = allowed if alone else CLIENT_ERRORS
    if status in allowed:
        if shows:
            yield HELD
    else:
        wanted = " or ".join(map(str, sorted(allowed))) if len(allowed) <= MOST_NAMED else "a 4xx"
        yield Finding(wanted, f"status {status}", (exchange,))


def private_ids(evidence: Evidence) -> frozenset[str]:
    """What a refusal must not show: the ids of items, and the values by which the list can be filtered.

    A short word in small letters is not included: it names a kind or state, and an error may say which of these a
    filter accepts.
    """
    values = [value for value in evidence.listing.facets if not _KIND.fullmatch(value)]
    if len(evidence.operation.profile.id) > 1:
        parts = (part for id_ in evidence.listing.items for part in json.loads(id_))
        values += [part for part in parts if isinstance(part, str) and not _KIND.fullmatch(part)]
    return frozenset({*evidence.listing.items, *values, *evidence.foreign})


def ids_of_items(evidence: Evidence, body: bytes) -> set[str]:
    """What identifies the objects in a refusal that look like items, however short it is.

    An item that one id does not identify is known by several properties or all of it, wherever it stands.
    """
    operation = evidence.operation
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return set()
    entries = operation.items_in(value) or () if len(operation.profile.id) == 1 else _objects(value)
    ids = (operation.identity(entry) for entry in entries if isinstance(entry, dict))
    return {id_ for id_ in ids if id_ is not None}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """All objects of a JSON value."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            yield current
        if isinstance(current, dict | list):
            waiting += current.values() if isinstance(current, dict) else current
