"""PAG: walks from page to page: they end, repeat nothing, and find the same list whatever the size of the pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from contracts.clauses.common import (
    TWO,
    all_anchored,
    anchored,
    missing_from,
)
from contracts.clauses.passages import CURSOR, SIZE
from contracts.clauses.registry import Outcome, clause
from contracts.core.model import Capability, Order, Page
from contracts.core.result import HELD, Finding, Level
from contracts.core.wording import place, short

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.evidence.movement import Walk


@clause(
    "PAG-009",
    Level.IMPLIED,
    "No id comes twice in one walk",
    quote=CURSOR,
    why="A client counts or handles a permission twice.",
    good="[cp_1, cp_2] [cp_3, cp_4]",
    bad="[cp_1, cp_2] [cp_3, cp_1]",
    probes=("walks",),
    requires={Capability.ID},
    caused_by=("SCO-001", "PAG-010", "PAG-011", "ORD-007", "TOK-002"),
    decided_by="list",
    needs=TWO,
)
def no_id_twice_in_a_walk(evidence: Evidence) -> Iterator[Outcome]:
    for walk in evidence.walks:
        if len(walk.pages) <= 1:  # one page can't repeat another
            continue
        seen: dict[str, Page] = {}
        twice: tuple[str, Page] | None = None
        for page in walk.pages if all_anchored(evidence, walk) else _before_it_may_begin_again(evidence, walk):
            twice = next(((id_, page) for id_ in page.ids if id_ in seen and _passed(evidence, id_, page)), None)
            if twice is not None:
                break
            seen |= {id_: seen.get(id_, page) for id_ in page.ids}
        if twice is None:
            yield HELD
        else:
            id_, page = twice
            yield Finding(
                f"{short(id_)} once in the walk",
                f"it comes {place(seen[id_])}, and again {place(page)}",
                (seen[id_].exchange, page.exchange),
                items=(id_,),
            )


def _before_it_may_begin_again(evidence: Evidence, walk: Walk) -> Iterator[Page]:
    """The pages of a walk before the server may have begun again, because the item of the cursor was deleted."""
    for page in walk.pages:
        cursor = evidence.listing.items.get(page.query.after or "")
        first = page.items[0].time if page.items else None
        moment = cursor.time if cursor is not None else None
        if first is not None and moment is not None and evidence.order(page).precedes(first, moment):
            return
        yield page


def _passed(evidence: Evidence, id_: str, page: Page) -> bool:
    """Whether an item certainly came before the cursor of a page, whatever was added or removed."""
    after = page.query.after
    if after is None or anchored(evidence, page):
        return True
    return after in evidence.listing.items and not evidence.listing.tied(id_, after)


@clause(
    "PAG-013",
    Level.IMPLIED,
    "Walks with any two page sizes give the same list",
    quote=SIZE,
    why="What a client finds depends on the size of its pages.",
    good="limit=1, limit=7 and limit=100 all find 57 permissions",
    bad="limit=100 finds 57 permissions, limit=7 finds 56",
    probes=("walks",),
    requires={Capability.ID},
    caused_by=("SCO-001", "PAG-011", "PAG-012", "PAG-015", "ORD-007", "TOK-001", "TOK-002", "TOK-005"),
    decided_by="list",
    needs=TWO,
)
def any_size_same_list(evidence: Evidence) -> Iterator[Outcome]:
    by_order: dict[Order, list[Walk]] = defaultdict(list)
    for walk in evidence.walks:
        if walk.facet is None and walk.pages[0].query.after is None and all_anchored(evidence, walk):
            by_order[evidence.order(walk.pages[0])].append(walk)
    for order, walks in by_order.items():
        seen = {max(len(page.items) for page in walk.pages) for walk in walks}
        if min(len(seen), len({walk.limit for walk in walks})) <= 1:  # one size can't differ from another
            continue
        moves_on = [len(walk.pages) > 1 and len(set(walk.ids)) == len(walk.ids) for walk in walks]
        for walk, moves in zip(walks, moves_on, strict=True):
            lost = missing_from(evidence, walk, order)
            if lost is not None:
                yield lost
            elif any(moves_on) and (moves or walk.complete):
                yield HELD


@clause(
    "PAG-017",
    Level.IMPLIED,
    "A walk ends: no cursor comes back, no page repeats",
    quote=CURSOR,
    why="The official clients loop for ever.",
    good="[cp_1, cp_2] [cp_3] end",
    bad="[cp_1, cp_2] [cp_1, cp_2] [cp_1, cp_2] …",
    probes=("walks",),
    caused_by=("PAG-010", "PAG-011", "PAG-009", "TOK-003", "TOK-002"),
    decided_by="list",
    needs=TWO,
)
def walk_ends(evidence: Evidence) -> Iterator[Outcome]:
    for walk in evidence.walks:
        if len(walk.pages) <= 1:  # one page can't come back
            continue
        last = walk.pages[-1]
        onward = evidence.onward(last)
        earlier = next((page for page in walk.pages[:-1] if page.items and evidence.onward(page) == onward), None)
        earlier = earlier if last.items and onward is not None else None
        if earlier is not None and all_anchored(evidence, walk):
            yield Finding(
                f"a page that ends behind {short(last.ids[-1])}",
                f"the page {place(last)} ends with it once more: the walk would go on for ever",
                (earlier.exchange, last.exchange),
            )
        elif walk.ended:
            yield HELD
