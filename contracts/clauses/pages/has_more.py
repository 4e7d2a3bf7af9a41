"""PAG: `has_more`, whether items follow the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from contracts.clauses.common import (
    EMPTY,
    PAGED,
    TWO,
    goes_on,
    tie_at,
)
from contracts.clauses.passages import HAS_MORE
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import Capability
from contracts.core.result import HELD, Finding, Inapplicable, Level
from contracts.core.wording import short

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence


@clause(
    "PAG-014",
    Level.IMPLIED,
    "`has_more` true is followed by at least one more item",
    quote=HAS_MORE,
    why="A client asks for a page that is not there, or waits for items that never come.",
    good="has_more true after cp_5, and after=cp_5 brings [cp_6]",
    bad="has_more true after cp_9, and after=cp_9 brings []",
    probes=PAGED,
    requires={Capability.MORE},
    caused_by=("PAG-011", "TOK-001", "TOK-002"),
    decided_by="list",
    needs=TWO,
)
def has_more_true_is_true(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    for page, order in evidence.sound:
        if not page.has_more or not page.items:
            continue
        last = page.ids[-1]
        nexts = evidence.by_cursor.get((order, page.query.facet, last), ())
        empty = [after for after in nexts if not after.items and listing.existed(last, after.exchange)]
        if listing.changed:
            empty = [after for after in empty if after.exchange.number == page.exchange.number + 1]
        if listing.following(page, order) or any(goes_on(evidence, after, order) for after in nexts):
            yield HELD
        elif empty or (listing.ends_with(page, order) and not listing.changed):
            shown = empty[0].exchange if empty else listing.shown_in(last, page.exchange)
            said = f"the page after {short(last)} is empty" if empty else "no walk shows an item after it"
            # If the list goes on, the next page is wrong: it lacks the following item.
            lost = listing.following(page, order)
            yield Finding(
                f"has_more false: nothing follows {short(last)}"
                if lost is None
                else f"{short(lost)} on the page after {short(last)}, as has_more says",
                f"has_more true; {said}",
                (page.exchange, shown),
                stable_list=True,
                wrong=0,
            )


@clause(
    "PAG-015",
    Level.IMPLIED,
    "`has_more` false is followed by nothing",
    quote=HAS_MORE,
    why="Every client stops here, and silently loses what follows.",
    good="has_more false after cp_9, and after=cp_9 brings []",
    bad="has_more false after cp_5, and after=cp_5 brings [cp_6]",
    probes=PAGED,
    requires={Capability.MORE},
    caused_by=("SCO-001", "PAG-011", "ORD-007", "TOK-001", "TOK-002"),
    decided_by="list",
    needs=TWO,
)
def has_more_false_is_true(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    for page, order in evidence.sound:
        if page.has_more is not False or not (page.items or page.query.after is None):
            continue
        lost = listing.following(page, order)
        last = page.ids[-1] if page.items else None
        if lost is not None and not (last and tie_at(evidence, order, last, lost)):
            yield Finding(
                f"has_more true: {short(lost)} follows{f' {short(last)}' if last else ''}",
                "has_more false",
                (page.exchange, listing.shown_in(lost, page.exchange)),
                wrong=0,
                items=(lost,),
            )
            continue
        nexts = evidence.by_cursor.get((order, page.query.facet, last), ()) if last else ()
        more = [after for after in nexts if last not in after.ids and goes_on(evidence, after, order)]
        if more and last and not listing.changed:
            yield Finding(
                f"has_more true: {short(more[0].ids[0])} follows {short(last)}",
                "has_more false",
                (page.exchange, more[0].exchange),
                stable_list=True,
                wrong=0,
                items=more[0].ids[:1],
            )
        elif (
            any(not after.items for after in nexts)
            or not (last or listing.items)
            # At the end there is no token for one more request: other walks must have ended there too.
            or (evidence.reader.opaque and listing.ends_with(page, order))
        ):
            yield HELD


@clause(
    "PAG-016",
    Level.IMPLIED,
    "An empty page says `has_more` false",
    quote=HAS_MORE,
    why="There is no cursor to go on from: a client loops, or stops and believes that it lost something.",
    good='"data": [], "has_more": false',
    bad='"data": [], "has_more": true',
    probes=EMPTY,
    requires={Capability.MORE, Capability.FULL_PAGES},
    decided_by="answer",
    needs=Needs(empty_page=True),
)
def empty_page_ends(evidence: Evidence) -> Iterator[Outcome]:
    ways = {Capability.CURSOR, Capability.FILTER, Capability.SCOPE}
    if evidence.listing.items and not ways & evidence.operation.capabilities:
        yield Inapplicable("a list that has items shows no empty page: no cursor, filter or path leads to one")
        return
    for page in evidence.every_page:
        if page.items:
            continue
        if page.has_more:
            yield Finding("has_more false on an empty page", "has_more true", (page.exchange,))
        elif page.has_more is False:
            yield HELD
