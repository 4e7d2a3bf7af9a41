"""What the answers of a run show of the likely cause, beside which clauses broke."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from contracts.clauses.common import must_be_answered
from contracts.core.model import Exchange, FailureKind, Order, Query
from contracts.evidence.evidence import Evidence

_Mark = Callable[[Exchange, Evidence], bool]


def _html(exchange: Exchange) -> bool:
    return exchange.answer is not None and "html" in (exchange.answer.header("Content-Type") or "").lower()


def _redirected(exchange: Exchange, _evidence: Evidence) -> bool:
    return exchange.redirects > 0 or (exchange.failure is not None and exchange.failure.kind is FailureKind.REDIRECT)


def _lost_on_the_way(exchange: Exchange, _evidence: Evidence) -> bool:
    if exchange.landed is None:
        return False
    landed = exchange.landed.partition("?")[2].split("&")
    return any(part not in landed for part in exchange.request.query.split("&") if part)


def _led_to_a_page(exchange: Exchange, evidence: Evidence) -> bool:
    return exchange.request.credential != "admin" and (_html(exchange) or _redirected(exchange, evidence))


def _error_as_200(exchange: Exchange, evidence: Evidence) -> bool:
    if not exchange.ok or exchange.answer is None:
        return False
    value = evidence.reader.parsed(exchange.answer.body).value
    return isinstance(value, dict) and bool(value.get("error") or value.get("errors"))


def _empty_for_strangers(exchange: Exchange, evidence: Evidence) -> bool:
    if exchange.request.credential == "admin":
        return False
    page = evidence.page_of(exchange)
    return page is not None and not page.items and page.query in _full(evidence)


def _full(evidence: Evidence) -> frozenset[Query]:
    """The queries whose page has items for the admin key."""
    return frozenset(page.query for page in evidence.every_page if page.items)


@dataclass(frozen=True, slots=True)
class _Beginning:
    """Where a page after a cursor begins: by its place in the list, with the cursor's item at 0; 1 is right.

    ``begins`` is ``None`` for an empty page. ``at_tie`` says that a missing or a wrong first item, other than the
    cursor's own, is of the same time as that; ``last`` that just one item follows the cursor.
    """

    begins: int | None
    at_head: bool
    at_tie: bool
    last: bool


def _beginnings(evidence: Evidence) -> Iterator[_Beginning]:
    """Where pages begin after a cursor that is in the list which they show, and which something follows."""
    listing = evidence.listing
    places: dict[tuple[Order, str | None], dict[str, int]] = {}
    for page in evidence.pages:
        after, order, facet = page.query.after, evidence.order(page), page.query.facet
        known = listing.sequence(order, facet)
        place = places.setdefault((order, facet), {id_: at for at, id_ in enumerate(known)})
        if after is None or after not in place or place[after] + 1 == len(known):
            continue
        expected, first = known[place[after] + 1], next(iter(page.ids), None)
        begins = None if first is None else place.get(first, len(known)) - place[after]
        # A cursor that is a moment leaves nothing only where all that follows is of its time.
        suspects = [
            id_ for id_ in ((expected, first) if first else known[-1:]) if id_ in listing.items and id_ != after
        ]
        at_tie = any(listing.tied(after, id_) for id_ in suspects)
        yield _Beginning(begins, place.get(first or "") == 0, at_tie, place[after] + 2 == len(known))


def _where_pages_begin(_bad: Sequence[Exchange], evidence: Evidence) -> Mapping[str, bool]:
    """Which kinds of causes bring all pages that begin wrongly after a cursor, and which of these kinds do not."""
    pages = list(_beginnings(evidence))
    wrong = [page for page in pages if page.begins != 1]
    if not wrong:
        return {}
    ties = [page.at_tie for page in wrong if page.begins != 0]
    found = {
        "AFTER_BY_TIME": any(ties) and all(ties) and len(ties) < len(pages),
        "AFTER_NOT_FOUND": all(page.begins is None for page in wrong),
        "AFTER_BY_ONE": all(page.begins in {0, 2} or (page.begins is None and page.last) for page in wrong),
        "AFTER_IGNORED": all(page.at_head for page in wrong),
    }
    if found["AFTER_BY_TIME"]:
        return dict.fromkeys((*found, "AFTER_ELSEWHERE"), False) | {"AFTER_BY_TIME": True}
    return found | {"AFTER_ELSEWHERE": not any(found.values())}


def _what_is_refused(_bad: Sequence[Exchange], evidence: Evidence) -> Mapping[str, bool]:
    """Whether all that is refused, though the document allows it, has a cursor."""
    refused = [
        query
        for exchange, query in evidence.allowed
        if must_be_answered(evidence, exchange, query) and exchange.refused
    ]
    with_cursor = [query.after is not None for query in refused]
    return {"AFTER_NOT_FOUND": True, "REFUSED": False} if with_cursor and all(with_cursor) else {}


def _who_is_refused(_bad: Sequence[Exchange], evidence: Evidence) -> Mapping[str, bool]:
    """Whether the admin key was refused where no other caller asked for the same, as if the address were locked out."""
    asked = {one.request.target for one in evidence.exchanges if one.request.credential != "admin"}
    answered = {one.request.target for one in evidence.admin if one.ok}
    locked = [one for one in evidence.admin if one.status in _LOCKED and one.request.target in answered]
    if not any(one.request.target not in asked for one in locked):
        return {}
    return {"LOCKED_OUT": True, "CACHE_OF_CALLERS": False, "COALESCED": False}


_LOCKED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})


def _under_a_filter_alone(bad: Sequence[Exchange], evidence: Evidence) -> Mapping[str, bool]:
    """Whether all findings end with a filtered page."""
    queries = [evidence.query(exchange) for exchange in bad]
    return {"FILTER_IN_PART": True} if all(query and query.facet is not None for query in queries) else {}


def _alike_in_both_orders(_bad: Sequence[Exchange], evidence: Evidence) -> Mapping[str, bool]:
    """Whether both orders begin with the same items, although these have different times."""
    heads: dict[Query, tuple[str, ...]] = {}
    for page in evidence.pages:
        if page.query.after is None and page.query.order is not None and page.items:
            heads.setdefault(page.query, page.ids)
    alike = any(
        heads.get(replace(query, order=query.order.opposite)) == ids
        and len({evidence.listing.items[id_].time for id_ in ids if id_ in evidence.listing.items}) > 1
        for query, ids in heads.items()
        if query.order is not None
    )
    return {"ORDER_IGNORED": True} if alike else {}


def _together(exchange: Exchange, _evidence: Evidence) -> bool:
    return exchange.concurrent


def _failed(exchange: Exchange, _evidence: Evidence) -> bool:
    return exchange.failed or exchange.failure is not None


MARKS: Mapping[str, _Mark] = {
    "REDIRECT": _redirected,
    "LOGIN_PAGE": _led_to_a_page,
    "ERROR_AS_200": _error_as_200,
    "EMPTY_REFUSAL": _empty_for_strangers,
    "SHARED_STATE": _together,
    "COALESCED": _together,
    "CRASH": _failed,
}
"""What must be seen in some answer on which a finding rests, where a kind of cause is at work."""
PROOFS: Mapping[str, _Mark] = {
    "REDIRECT": _lost_on_the_way,
    "LOGIN_PAGE": _led_to_a_page,
    "ERROR_AS_200": _error_as_200,
}
"""The marks that say by themselves what is wrong with an answer, whatever else breaks."""
HINTS: tuple[Callable[[Sequence[Exchange], Evidence], Mapping[str, bool]], ...] = (
    _where_pages_begin,
    _what_is_refused,
    _who_is_refused,
    _under_a_filter_alone,
    _alike_in_both_orders,
)
"""What speaks for kinds of causes or against them, by the exchanges with which findings end, and all that was asked."""
