"""PAG: `after`, where the page of a cursor begins, and which cursors a target must take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from contracts.clauses.common import (
    ONE,
    PAGED,
    TWO,
    begins_rightly,
    denied,
    goes_on,
    named,
    shows_nothing,
    tie_at,
)
from contracts.clauses.passages import CURSOR
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import Capability, Order, Query
from contracts.core.result import HELD, Finding, Level
from contracts.core.wording import names, short

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence


@clause(
    "PAG-010",
    Level.IMPLIED,
    "The page after X does not hold X",
    quote=CURSOR,
    why="Each page repeats the last item of the one before; with limit=1 a client loops for ever.",
    good="after=cp_5: [cp_6, cp_7]",
    bad="after=cp_5: [cp_5, cp_6]",
    probes=(*PAGED, "walks.cursors"),
    requires={Capability.CURSOR, Capability.ID},
    decided_by="answer",
    needs=TWO,
)
def cursor_is_excluded(evidence: Evidence) -> Iterator[Outcome]:
    for page in evidence.every_page:
        after = page.query.after
        if after is None or not page.items:
            continue
        if after in page.ids:
            yield Finding(
                f"a page without {short(after)}",
                f"{short(after)} is item {page.ids.index(after) + 1} of the page after it",
                (page.exchange,),
                items=(after,),
            )
        elif goes_on(evidence, page, evidence.order(page)):
            yield HELD


@clause(
    "PAG-011",
    Level.IMPLIED,
    "The page after X begins with the item that follows X in the list",
    quote=CURSOR,
    why="A walk loses items at each page boundary, or reads some twice.",
    good="list [cp_1 … cp_9], after=cp_5: [cp_6, …]",
    bad="list [cp_1 … cp_9], after=cp_5: [cp_7, …]",
    probes=(*PAGED, "walks.cursors", "walks.sizes"),
    requires={Capability.CURSOR, Capability.ID},
    caused_by=("SCO-001", "PAG-010"),
    decided_by="list",
    needs=TWO,
)
def page_begins_after_its_cursor(evidence: Evidence) -> Iterator[Outcome]:
    for page, order in evidence.sound:
        if page.query.after is not None:
            yield from begins_rightly(evidence, page, order)


@clause(
    "PAG-018",
    Level.IMPLIED,
    "The page after the last item is empty, and a 200",
    quote=CURSOR,
    why="Some official clients always ask once more after the last item: an error there ends every walk.",
    good="after=cp_9 (the last): 200, []",
    bad="after=cp_9 (the last): 404",
    probes=PAGED,
    requires={Capability.CURSOR},
    caused_by=("SCO-001", "PAG-010", "PAG-011", "ORD-007", "FLT-001"),
    decided_by="list",
    needs=Needs(items=1, end=True),
)
def page_after_the_last_is_empty(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    said = _said_to_be_last(evidence)
    for exchange, query in evidence.allowed:
        order = evidence.asked_order(query)
        if query.after is None or exchange.answer is None or not listing.existed(query.after, exchange):
            continue
        if not _is_last(evidence, query, order, said):
            continue
        page = evidence.page(exchange, query)
        shown = listing.shown_in(query.after, exchange)
        if not exchange.ok:
            if exchange.failure is None and not exchange.failed and not evidence.above_cap(query):
                yield Finding("200 and an empty page", f"{exchange.answer.status}", (shown, exchange))
        elif page is not None and page.items:
            if not listing.changed and listing.last(order, query.facet) is not None:
                yield Finding(
                    f"an empty page: {short(query.after)} is the last item",
                    names(page.ids),
                    (shown, exchange),
                    stable_list=True,
                )
        elif page is not None:
            yield HELD


@clause(
    "PAG-021",
    Level.IMPLIED,
    "`after` at every item of the list is accepted and continues there",
    quote=CURSOR,
    why="A client that stored a cursor, or pages with another size, can't go on.",
    good="after=cp_7: 200, [cp_8, …]",
    bad="after=cp_7: 400",
    probes=PAGED,
    requires={Capability.CURSOR},
    caused_by=("SCO-001", "PAG-010", "PAG-011"),
    decided_by="list",
    needs=TWO,
)
def every_item_is_a_cursor(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    sound = {page.exchange.number: (page, order) for page, order in evidence.sound}
    said = _said_to_be_last(evidence)
    for exchange, query in evidence.allowed:
        order = evidence.asked_order(query)
        after = query.after
        if after is None or after not in listing.items or exchange.answer is None:
            continue
        if not listing.existed(after, exchange) or not listing.belongs(after, query.facet):
            continue
        if exchange.ok:
            if exchange.number in sound:
                yield from begins_rightly(evidence, *sound[exchange.number])
        elif (
            exchange.failure is not None
            or exchange.failed
            or evidence.above_cap(query)
            or _is_last(evidence, query, order, said)
        ):
            continue
        else:
            yield Finding(
                f"200 and what follows {short(after)}",
                f"{exchange.answer.status}",
                (listing.shown_in(after, exchange), exchange),
            )


def _said_to_be_last(evidence: Evidence) -> frozenset[tuple[Order, str | None, str]]:
    """The last items of pages with ``has_more`` false, with their order and facet."""
    return frozenset(
        (order, page.query.facet, page.ids[-1])
        for page, order in evidence.sound
        if page.items and page.has_more is False
    )


def _is_last(evidence: Evidence, query: Query, order: Order, said: frozenset[tuple[Order, str | None, str]]) -> bool:
    """Whether nothing follows a cursor; if the end of the list is not known, the ``has_more`` of the target decides."""
    listing = evidence.listing
    last = listing.last(order, query.facet)
    if last is None:
        return (order, query.facet, query.after) in said
    return last == query.after and not tie_at(evidence, order, *listing.sequence(order, query.facet)[-2:])


@clause(
    "PAG-022",
    Level.SECURITY,
    "`after` from another checkpoint's list shows nothing of that list",
    quote=CURSOR,
    why="A cursor carries its holder into a list that was not asked for.",
    good="after=(a permission of B) on A: 400, an empty page, or items of A",
    bad="after=(a permission of B) on A: items of B",
    probes=("scope.others",),
    reference=("walks.facets", "walks.ends"),
    requires={Capability.CURSOR, Capability.SCOPE},
    decided_by="list",
    needs=Needs(items=1, other_scope=True),
)
def cursor_stays_in_its_list(evidence: Evidence) -> Iterator[Outcome]:
    elsewhere = evidence.elsewhere
    for exchange in evidence.admin:
        query = evidence.query(exchange)
        if query is None or query.after is None or exchange.answer is None:
            continue
        forbidden = elsewhere.get(query.scope, frozenset())
        if query.after not in forbidden:
            continue
        page = evidence.page(exchange, query)
        shown = tuple(id_ for id_ in page.ids if id_ in forbidden) if page else ()
        if exchange.refused:
            shown = tuple(sorted(named(exchange.answer, forbidden, unquote(exchange.request.target))))
        if shown:
            yield Finding(
                evidence.operation.says("no permission of the other checkpoint"), names(shown, 3), (exchange,)
            )
        elif page is not None or (denied(exchange) and _accepted(evidence)):
            yield HELD


@clause(
    "PAG-024",
    Level.ADVISORY,
    "An unknown `after` does not begin again at the first page",
    quote=CURSOR,
    why="A client whose cursor was deleted meanwhile begins again, and loops if that happens each time.",
    good="after=cp_unknown: 400, or an empty page",
    bad="after=cp_unknown: [cp_1, …], the first page",
    probes=("scope.cursors", "scope.others", "generated"),
    reference=("walks.ends",),
    requires={Capability.CURSOR},
    decided_by="list",
    needs=ONE,
)
def unknown_cursor_does_not_restart(evidence: Evidence) -> Iterator[Outcome]:
    if evidence.part:
        # In a part of a list, an unknown cursor may belong to another part.
        return
    listing = evidence.listing
    for exchange, query in evidence.allowed:
        after = query.after
        if after is None or after in evidence.foreign:
            continue
        order = evidence.asked_order(query)
        if after in listing.items and (
            listing.changed or listing.belongs(after, query.facet) or _leads(evidence, after, query)
        ):
            continue
        page = evidence.page(exchange, query)
        if page is not None and page.items:
            if listing.sequence(order, query.facet)[:1] == page.ids[:1]:
                yield Finding(
                    "a 4xx, or an empty page",
                    f"the first page again: {names(page.ids, 2)}",
                    (page.exchange,),
                )
        elif shows_nothing(exchange, page) and _accepted(evidence):
            yield HELD


def _accepted(evidence: Evidence) -> bool:
    """Whether the target accepted some cursor: if it refuses all of them, a refusal proves nothing."""
    return any(page.query.after in evidence.listing.items for page in evidence.pages)


def _leads(evidence: Evidence, after: str, query: Query) -> bool:
    """Whether a cursor may come before all items of the facet, so that its page may begin with the first one."""
    order = evidence.asked_order(query)
    head = evidence.listing.sequence(order, query.facet)[:1]
    return not head or not evidence.listing.precedes(order, head[0], after)
