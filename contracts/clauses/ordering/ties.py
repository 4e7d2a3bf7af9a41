"""ORD: items of the same second keep their places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from contracts.clauses.common import PAGED, all_anchored
from contracts.clauses.passages import ORDER
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import Capability, Order, Page
from contracts.core.result import HELD, Finding, Level
from contracts.core.wording import short

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.evidence.movement import Walk


@clause(
    "ORD-007",
    Level.IMPLIED,
    "The order of ties is the same in every answer of the same order",
    quote=ORDER,
    why="Permissions granted in one request share their second: where they change places, pages lose and double them.",
    good="limit=2: cp_4, cp_5; limit=9: …, cp_4, cp_5, …",
    bad="limit=2: cp_4, cp_5; limit=9: …, cp_5, cp_4, …",
    probes=PAGED,
    requires={Capability.ID, Capability.CHRONOLOGICAL},
    caused_by=("SCO-001",),
    decided_by="list",
    needs=Needs(items=2, tie=True),
)
def ties_keep_their_places(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    first: dict[tuple[Order, str, str], Page] = {}
    for page in (*evidence.pages, *evidence.together):
        order = evidence.order(page)
        for left, right in pairwise(page.ids):
            if (
                left == right
                or left not in listing.items
                or right not in listing.items
                or not listing.tied(left, right)
            ):
                continue
            before = first.get((order, right, left))
            if before is not None:
                yield Finding(
                    f"{order}: {short(right)} before {short(left)}, as in an earlier answer",
                    f"{short(left)} comes first",
                    (before.exchange, page.exchange),
                )
                continue
            known = first.setdefault((order, left, right), page)
            if (left, right) in listing.inversions(page, order):
                earlier = _holding(evidence, order, right, left)
                if earlier is not None:
                    yield Finding(
                        f"{order}: {short(right)} before {short(left)}, as in other answers",
                        f"{short(left)} comes first",
                        (earlier.exchange, page.exchange),
                    )
            elif known is not page:
                yield HELD
    for walk in evidence.walks:
        if all_anchored(evidence, walk):
            yield from _over_pages(evidence, walk)


def _over_pages(evidence: Evidence, walk: Walk) -> Iterator[Outcome]:
    """Ties at page boundaries of a walk: the last item of a page and the first one of the next."""
    listing = evidence.listing
    for before, page in pairwise(walk.pages):
        if not before.items or not page.items or page.query.after in page.ids:
            continue
        order, left, right = evidence.order(page), before.ids[-1], page.ids[0]
        ranks = listing.rank(order, left), listing.rank(order, right)
        if ranks[0] is None or ranks[1] is None or not listing.tied(left, right):
            continue
        if ranks[0] < ranks[1]:
            if _holding(evidence, order, left, right) is not None:
                yield HELD
            continue
        earlier = _holding(evidence, order, right, left)
        if earlier is not None and right not in before.ids:
            yield Finding(
                f"{order}: {short(right)} before {short(left)}, as in other answers",
                f"{short(left)} comes first",
                (earlier.exchange, before.exchange, page.exchange),
            )


def _holding(evidence: Evidence, order: Order, left: str, right: str) -> Page | None:
    for page in evidence.pages:
        if evidence.order(page) is not order or left not in page.ids or right not in page.ids:
            continue
        if page.ids.index(left) < page.ids.index(right):
            return page
    return None
