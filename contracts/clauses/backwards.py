"""PRV: backward pages, compared with the list that forward walks have shown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from contracts.clauses.common import ONE, TWO, tie_at
from contracts.clauses.passages import ALL_PERMISSIONS, BEFORE, ORDER, SIZE
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import Capability, Exchange, Order, Page
from contracts.core.result import HELD, Finding, Inapplicable, Level
from contracts.core.wording import count, names, place, short

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

PROBES = ("walks.heads", "walks.facets", "walks.pages", "backwards")
DIRECTION = "list [cp_1 … cp_9], before=cp_5, limit=2"


def _order(evidence: Evidence, page: Page) -> Order:
    """The order in which a backward page must be sorted: without ``order`` it is that of a first page without it."""
    if page.query.order is not None:
        return page.query.order
    plain = (each for each in evidence.pages if each.query.order is None and each.query.after is None and each.items)
    return next(map(evidence.order, plain), evidence.operation.default_order)


def _anchored(evidence: Evidence) -> Iterator[tuple[Page, str, Order]]:
    """The pages before an item that certainly existed then, with that item and the order."""
    listing = evidence.listing
    for page in evidence.pages_back:
        before, order = page.query.before, _order(evidence, page)
        if (
            before is not None
            and listing.rank(order, before) is not None
            and listing.existed(before, page.exchange)
            and listing.belongs(before, page.query.facet)
        ):
            yield page, before, order


def _finding(
    evidence: Evidence, page: Page, expected: str, actual: str, *shown: Exchange, stable_list: bool = False
) -> Finding:
    """A finding on a backward page, with the page that gave its token, where it was asked for with one."""
    giver = evidence.reader.giver(page.exchange)
    exchanges = tuple(dict.fromkeys(each for each in (giver, page.exchange, *shown) if each is not None))
    wrong = exchanges.index(page.exchange)
    return Finding(expected, actual, exchanges, stable_list=stable_list, wrong=wrong)


def _beyond(evidence: Evidence, page: Page, before: str, order: Order) -> str | None:
    """The first item of a page that certainly does not come before its cursor; ``None`` if there is none."""
    for id_ in page.ids:
        passed = id_ == before or evidence.listing.precedes(order, before, id_)
        if passed and not (id_ != before and tie_at(evidence, order, before, id_)):
            return id_
    return None


@clause(
    "PRV-001",
    Level.DOCUMENTED,
    "The page before X holds neither X nor anything that follows X",
    quote=BEFORE,
    why="A client that pages backwards reads again what it has, or never gets back.",
    good=f"{DIRECTION}: [cp_3, cp_4]",
    bad=f"{DIRECTION}: [cp_4, cp_5]",
    probes=PROBES,
    requires={Capability.BEFORE, Capability.ID},
    caused_by=("SCO-001",),
    decided_by="list",
    needs=TWO,
)
def page_ends_before_its_cursor(evidence: Evidence) -> Iterator[Outcome]:
    for page, before, order in _anchored(evidence):
        beyond = _beyond(evidence, page, before, order)
        if beyond is not None:
            where = f"is item {page.ids.index(beyond) + 1} of the page"
            shown = () if beyond == before else (evidence.listing.shown_in(beyond, page.exchange, order),)
            said = f"{short(before)} itself" if beyond == before else f"{short(beyond)}, which follows it,"
            yield _finding(evidence, page, f"what stands before {short(before)}", f"{said} {where}", *shown)
        elif page.items:
            yield HELD


@clause(
    "PRV-002",
    Level.IMPLIED,
    "A page before X is a gapless run of the list, in its order",
    quote=ORDER,
    why="A client that puts such a page before what it has gets a list that is in disorder, or lacks items.",
    good=f"{DIRECTION}: [cp_3, cp_4]",
    bad=f"{DIRECTION}: [cp_4, cp_3]",
    probes=PROBES,
    requires={Capability.BEFORE, Capability.ID},
    caused_by=("PRV-001", "PRV-003", "SCO-001", "ORD-007"),
    decided_by="list",
    needs=Needs(items=3),
)
def page_before_is_a_run(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    for page, before, order in _anchored(evidence):
        twice = tuple(id_ for id_, times in Counter(page.ids).items() if times > 1)
        swapped = next((pair for pair in listing.inversions(page, order) if not tie_at(evidence, order, *pair)), None)
        gap = listing.gap(page, order)
        lost = listing.before_cursor(page, order) if not page.items else None
        if twice:
            yield _finding(evidence, page, "each item once on a page", f"twice: {names(twice)}")
        elif swapped is not None:
            first, second = swapped
            shown = listing.shown_in(first, page.exchange, order)
            wanted = f"{short(second)} before {short(first)}, as in the list"
            yield _finding(evidence, page, wanted, f"{short(first)} comes first", shown)
        elif gap is not None and not tie_at(evidence, order, page.ids[0], gap, page.ids[-1]):
            wanted = f"{short(gap)} between {short(page.ids[0])} and {short(page.ids[-1])}"
            shown = listing.shown_in(gap, page.exchange, order)
            yield _finding(evidence, page, wanted, f"the page lacks it: {names(page.ids)}", shown)
        elif lost is not None and not tie_at(evidence, order, lost, before):
            wanted = f"items of the list up to {short(before)}, {short(lost)} among them"
            yield _finding(evidence, page, wanted, "an empty page", listing.shown_in(lost, page.exchange, order))
        elif len(page.items) > 1:
            yield HELD


def _missed(evidence: Evidence, page: Page, before: str, order: Order) -> str | None:
    """An item between the end of a page and its cursor; ``None`` if there is none."""
    listing = evidence.listing
    if not page.items or listing.rank(order, page.ids[-1]) is None:
        return None
    missed = listing.before_cursor(page, order)
    return None if missed is None or tie_at(evidence, order, page.ids[-1], missed, before) else missed


@clause(
    "PRV-003",
    Level.DOCUMENTED,
    "The page before X ends right before X",
    quote=BEFORE,
    why="A client that pages backwards leaves a hole behind, or gets the head of the list each time.",
    good=f"{DIRECTION}: [cp_3, cp_4]",
    bad=f"{DIRECTION}: [cp_1, cp_2]",
    probes=PROBES,
    requires={Capability.BEFORE, Capability.ID, Capability.NEAREST},
    caused_by=("PRV-001", "SCO-001", "ORD-007"),
    decided_by="list",
    needs=TWO,
)
def page_is_the_nearest(evidence: Evidence) -> Iterator[Outcome]:
    for page, before, order in _anchored(evidence):
        missed = _missed(evidence, page, before, order)
        if missed is not None:
            wanted = f"{short(missed)} on the page that ends right before {short(before)}"
            shown = evidence.listing.shown_in(missed, page.exchange, order)
            yield _finding(evidence, page, wanted, f"the page ends with {short(page.ids[-1])}", shown)
        elif page.items:
            yield HELD


@clause(
    "PRV-004",
    Level.IMPLIED,
    "Walking back from the end, page by page, gives the list",
    quote=ALL_PERMISSIONS,
    why="What a client finds depends on the direction in which it reads.",
    good="[cp_7 … cp_9], [cp_4 … cp_6], [cp_1 … cp_3]",
    bad="[cp_7 … cp_9], [cp_3 … cp_5], [cp_1, cp_2]",
    probes=PROBES,
    requires={Capability.BEFORE, Capability.ID},
    caused_by=("PRV-001", "PRV-002", "PRV-003", "PRV-005", "SCO-001", "ORD-007"),
    decided_by="list",
    needs=TWO,
)
def walk_back_gives_the_list(evidence: Evidence) -> Iterator[Outcome]:
    pages = tuple(_anchored(evidence))
    if Capability.NEAREST not in evidence.operation.capabilities and not _usually_nearest(evidence, pages):
        yield Inapplicable(
            "a page before an item does not end right before it, and the document does not say that it must"
        )
        return
    yield from _tokens_given(evidence)
    walks: dict[str, list[tuple[Page, str, Order]]] = defaultdict(list)
    for page, before, order in pages:
        if page.exchange.step is not None and page.exchange.again is None:
            walks[page.exchange.step.walk].append((page, before, order))
    for steps in walks.values():
        walk, order = [page for page, _, _ in steps], steps[0][2]
        follows = all(later == page.ids[0] for (page, _, _), (_, later, _) in pairwise(steps) if page.items)
        if follows and (lost := _lost(evidence, walk, steps[0][1], order)) is not None:
            yield lost
        elif follows and len(walk) > 1:
            yield HELD


def _tokens_given(evidence: Evidence) -> Iterator[Outcome]:
    """Where cursors are tokens: a page before which items stand gives the token by which a client gets there."""
    listing = evidence.listing
    for page, order in evidence.sound if evidence.reader.opaque else ():
        earlier = page.query.after
        if not page.items or earlier is None or not listing.precedes(order, earlier, page.ids[0]):
            continue
        if page.back is None and listing.existed(earlier, page.exchange):
            shown = listing.shown_in(earlier, page.exchange, order)
            wanted = f"a token of the page before: {short(earlier)} precedes {short(page.ids[0])}"
            yield Finding(wanted, "no such token", (page.exchange, shown), wrong=0)
        elif page.back is not None:
            yield HELD


def _usually_nearest(evidence: Evidence, pages: Sequence[tuple[Page, str, Order]]) -> bool:
    """Whether most pages end right before their cursor, without those that are also the head of the list."""
    missed = [
        _missed(evidence, page, before, order) is not None
        for page, before, order in pages
        if page.items and (evidence.listing.rank(order, before) or 0) > len(page.items)
    ]
    return sum(missed) * 2 <= len(missed)


def _lost(evidence: Evidence, walk: Sequence[Page], start: str, order: Order) -> Finding | None:
    """The items that a walk back from an item lacks, in the part of the list that it covered."""
    listing = evidence.listing
    ids = {id_ for page in walk for id_ in page.ids}
    ended = not walk[-1].items
    exchanges = walk[0].exchange, walk[-1].exchange
    for id_ in listing.sequence(order, walk[0].query.facet):
        if id_ in ids or not listing.precedes(order, id_, start) or tie_at(evidence, order, id_, start):
            continue
        if not listing.existed(id_, *exchanges):
            continue
        page = next((each for each in walk if each.items and listing.precedes(order, each.ids[0], id_)), None)
        if page is None and not ended:
            continue
        page = page or walk[-1]
        return Finding(
            f"{short(id_)} in the walk back from {short(start)} with limit={page.query.limit}",
            f"it is missing; the page {place(page)} is the one that should hold it",
            (page.exchange, listing.shown_in(id_, page.exchange, order)),
            wrong=0,
        )
    return None


@clause(
    "PRV-005",
    Level.IMPLIED,
    "A page before X keeps its limit and its filter; the first X has none",
    quote=SIZE,
    why="What a page holds depends on the direction in which it was asked for.",
    good="before=cp_5, limit=2, project_id=proj_1: at most 2 items, all of proj_1",
    bad="before=cp_5, limit=2, project_id=proj_1: 10 items, some of proj_2",
    probes=PROBES,
    requires={Capability.BEFORE},
    caused_by=("PAG-001", "PAG-002", "FLT-001", "PRV-001", "SCO-001"),
    decided_by="list",
    needs=ONE,
)
def page_before_keeps_to_its_query(evidence: Evidence) -> Iterator[Outcome]:
    default = evidence.operation.default_limit
    for page in evidence.pages_back:
        limit, facet = page.query.limit or default, page.query.facet
        others = [item for item in page.items if item.facet != facet] if facet is not None else []
        if limit is not None and len(page.items) > limit:
            yield _finding(evidence, page, f"at most {count(limit, 'item')}", count(len(page.items), "item"))
        elif others:
            name = evidence.operation.roles.item_facet
            has = f"{short(others[0].id)} has {short(others[0].facet or 'none')}"
            yield _finding(evidence, page, f"{name} {short(facet or '')} on each item", has)
        elif page.items:
            yield HELD
    yield from _nothing_before_the_first(evidence)


def _nothing_before_the_first(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    for page, before, order in _anchored(evidence):
        if listing.sequence(order, page.query.facet)[:1] != (before,) or listing.moved:
            continue
        if page.items:
            found = f"nothing: {short(before)} is the first item"
            yield _finding(evidence, page, found, names(page.ids, 3), stable_list=True)
        else:
            yield HELD
