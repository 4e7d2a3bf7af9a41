"""PAG: how many items a page holds, and that `limit` changes nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from contracts.clauses.common import (
    PAGED,
    TWO,
    as_asked,
)
from contracts.clauses.passages import SIZE
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import Capability
from contracts.core.result import HELD, Finding, Level
from contracts.core.wording import count, names, place
from contracts.openapi.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

MOST_COMMON_DEFAULT = 20
"""If a longer list comes on one page without a limit, the default is larger, whatever it is."""


@clause(
    "PAG-001",
    Level.DOCUMENTED,
    "A page holds at most `limit` items",
    quote=SIZE,
    why="Clients size buffers and screens by it; a server that ignores it answers with all it has.",
    good="limit=5: 5 items",
    bad="limit=5: 6 items",
    probes=PAGED,
    caused_by=("TOK-005",),
    decided_by="answer",
    needs=TWO,
)
def page_is_not_larger(evidence: Evidence) -> Iterator[Outcome]:
    for page in evidence.every_page:
        limit = page.query.limit
        if limit is None:
            continue
        if len(page.items) > limit:
            yield Finding(f"at most {count(limit, 'item')}", count(len(page.items), "item"), (page.exchange,))
        elif page.has_more or len(page.items) == limit < len(evidence.listing.items):
            yield HELD


@clause(
    "PAG-002",
    Level.DOCUMENTED,
    "Without `limit` a page holds 10 items, or all that remain",
    quote=Quote("10", at="parameters/limit/schema/default"),
    why="Clients that rely on the default get other pages than they were promised.",
    good="57 permissions, no limit: 10 items, has_more true",
    bad="57 permissions, no limit: 20 items",
    probes=PAGED,
    caused_by=("PAG-014", "TOK-005"),
    decided_by="answer",
    requires={Capability.DEFAULT_LIMIT, Capability.FULL_PAGES},
    needs=Needs(items=11),
)
def default_size(evidence: Evidence) -> Iterator[Outcome]:
    default = evidence.operation.usual_limit
    caps = _caps(evidence)
    # A cap below the default holds without a limit as well: then a limit as large as the default shows it.
    capped = {
        (page.query.facet is None, len(page.items))
        for page in evidence.every_page
        if (page.query.limit or 0) >= default and page.has_more
    }
    for page in evidence.every_page:
        if page.query.limit is not None:
            continue
        size = len(page.items)
        if size > default:
            yield Finding(f"at most {default} items without limit", count(size, "item"), (page.exchange,))
        elif size < default and page.has_more and size:
            unfiltered = page.query.facet is None
            if size == caps[unfiltered] and (unfiltered, size) in capped:
                yield HELD
                continue
            yield Finding(
                f"{default} items without limit, or all that remain",
                f"{count(size, 'item')} and has_more true",
                (page.exchange,),
            )
        elif size == default or (size > MOST_COMMON_DEFAULT and not page.has_more):
            yield HELD


def _caps(evidence: Evidence) -> dict[bool, int]:
    """The most items on a page with a limit: of the list (``True``), and under a filter (``False``)."""
    caps: dict[bool, int] = defaultdict(int)
    for page in evidence.pages:
        if page.query.limit:
            unfiltered = page.query.facet is None
            caps[unfiltered] = max(caps[unfiltered], len(page.items))
    return caps


@clause(
    "PAG-003",
    Level.IMPLIED,
    "A page with `has_more` true is full: `limit` items, or the cap",
    quote=SIZE,
    why="Short pages in the middle of a list cost requests, and clients take a short page for the last one.",
    good="limit=5: 5 items, has_more true",
    bad="limit=5: 3 items, has_more true",
    probes=(*PAGED, "walks.sizes", "inputs.limits"),
    requires={Capability.MORE, Capability.FULL_PAGES},
    caused_by=("PAG-014", "TOK-005"),
    decided_by="list",
    needs=TWO,
)
def page_is_full(evidence: Evidence) -> Iterator[Outcome]:
    default = evidence.default_size
    caps = _caps(evidence)
    for page in evidence.pages:
        limit, size = page.query.limit, len(page.items)
        # What a token leads to that was made from another one is the server's to choose, as a page before the place.
        if limit is None or not page.has_more or not size or evidence.reader.unplaced(page.query):
            continue
        # For a limit above its cap, which a filter may change, a server may return the cap or the default size.
        cap = caps[page.query.facet is None]
        if size == limit or (limit > cap and size in {cap, default}):
            yield HELD
        elif size < limit:
            wanted = f"{limit} items" if limit <= cap else f"{cap} items (the most that this target gives)"
            yield Finding(
                f"{wanted} when has_more is true", f"{count(size, 'item')} and has_more true", (page.exchange,)
            )


@clause(
    "PAG-023",
    Level.IMPLIED,
    "A small page is the beginning of a larger page of the same query",
    quote=SIZE,
    why="What a client sees depends on the size of its pages, and not on the list.",
    good="limit=2: [cp_1, cp_2]; limit=5: [cp_1, cp_2, cp_3, …]",
    bad="limit=2: [cp_2, cp_3]; limit=5: [cp_1, cp_2, cp_3, …]",
    probes=PAGED,
    requires={Capability.ID},
    caused_by=("SCO-001", "PAG-011", "PAG-012", "ORD-007", "TOK-002", "TOK-005"),
    decided_by="list",
    needs=TWO,
)
def small_page_begins_large_page(evidence: Evidence) -> Iterator[Outcome]:
    default = evidence.operation.usual_limit
    for pages in evidence.by_cursor.values():
        # A repeated request would make it another finding.
        once = [page for page in pages if page.exchange.again is None]
        ranked = sorted(once, key=lambda page: (page.query.limit or default, page.exchange.number))
        for small, large in pairwise(ranked):
            if (small.query.limit or default) == (large.query.limit or default):
                continue
            shared = min(len(small.items), len(large.items))
            alike = small.ids[:shared] == large.ids[:shared]
            if alike or (evidence.listing.changed and evidence.listing.agree(small, large)):
                # Pages of equal length prove nothing: the limit made no difference.
                if shared and len(small.items) != len(large.items):
                    yield HELD
                continue
            order = evidence.order(small)
            if order in evidence.unstable_ties:
                continue
            yield Finding(
                f"{names(large.ids[: len(small.items)] or large.ids, 3)} {place(small)}, as on the larger page",
                names(small.ids, 3),
                as_asked(small, large),
                stable_list=evidence.listing.agree(small, large),
            )
