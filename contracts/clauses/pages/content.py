"""PAG: which items stand on a page: each once, and none of the list left out between two others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from contracts.clauses.common import (
    PAGED,
    TWO,
    tie_at,
)
from contracts.clauses.passages import ALL_PERMISSIONS, ITEM
from contracts.clauses.registry import Outcome, clause
from contracts.core.model import Capability
from contracts.core.result import HELD, Finding, Level
from contracts.core.wording import names, short
from contracts.openapi.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence


@clause(
    "PAG-008",
    Level.IMPLIED,
    "No id comes twice on one page",
    quote=Quote("The permission identifier", at=f"{ITEM}/properties/id/description"),
    why="A client counts or handles a permission twice.",
    good="[cp_1, cp_2, cp_3]",
    bad="[cp_1, cp_2, cp_2]",
    probes=PAGED,
    requires={Capability.ID},
    decided_by="answer",
    needs=TWO,
)
def no_id_twice_on_a_page(evidence: Evidence) -> Iterator[Outcome]:
    for page in evidence.every_page:
        twice = tuple(id_ for id_, times in Counter(page.ids).items() if times > 1)
        if twice:
            yield Finding("each id once on a page", f"twice: {names(twice)}", (page.exchange,), items=twice)
        elif len(page.items) > 1:
            yield HELD


@clause(
    "PAG-012",
    Level.IMPLIED,
    "A page is a gapless run of the list",
    quote=ALL_PERMISSIONS,
    why="An item inside a page is lost to every client that walks with this size.",
    good="list [cp_1 … cp_9], limit=3: [cp_1, cp_2, cp_3]",
    bad="list [cp_1 … cp_9], limit=3: [cp_1, cp_3, cp_4]",
    probes=PAGED,
    requires={Capability.ID},
    caused_by=("SCO-001",),
    decided_by="list",
    needs=TWO,
)
def page_has_no_gap(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    for page, order in evidence.sound:
        if not page.items:
            continue
        gap = listing.gap(page, order)
        strange = next((id_ for id_ in page.ids if listing.is_phantom(id_)), None)
        if gap is not None and not tie_at(evidence, order, page.ids[0], gap, page.ids[-1]):
            yield Finding(
                f"{short(gap)} between {short(page.ids[0])} and {short(page.ids[-1])}",
                f"the page lacks it: {names(page.ids)}",
                (page.exchange, listing.shown_in(gap, page.exchange)),
                wrong=0,
                items=(gap,),
            )
        elif strange is not None:
            yield Finding(
                "items of the list",
                f"{short(strange)}, which no walk through the whole list shows",
                (page.exchange,),
                stable_list=not listing.changed and not listing.returned(strange),
                items=(strange,),
            )
        elif len(page.items) > 1:
            yield HELD
