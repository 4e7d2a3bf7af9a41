"""FLT: the items of one facet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

from contracts.clauses.common import (
    PAGED,
    anchored,
    cut_facets,
    missing_from,
    resembles,
    shows_nothing,
    unknown_facets,
    within,
)
from contracts.clauses.passages import PROJECT
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import Capability, Item, Order, Page
from contracts.core.result import HELD, Finding, Inapplicable, Level
from contracts.core.wording import names, short

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.evidence.movement import Walk


@clause(
    "FLT-001",
    Level.DOCUMENTED,
    "Every item has the project_id that was asked for",
    quote=PROJECT,
    why="A client that manages one project sees, and revokes, permissions of another.",
    good="project_id=proj_1: items of proj_1",
    bad="project_id=proj_1: an item of proj_2 among them",
    probes=PAGED,
    requires={Capability.FILTER},
    caused_by=("SCO-001", "TOK-007"),
    decided_by="answer",
    needs=Needs(items=1, facets=2),
)
def items_are_of_the_facet(evidence: Evidence) -> Iterator[Outcome]:
    known = {*evidence.listing.facets, *evidence.operation.filters.shared_words}
    for page in (*evidence.pages, *evidence.together):
        facet = page.query.facet
        if facet not in known:
            continue
        wrong = next((item for item in page.items if item.facet != facet), None)
        if wrong is not None:
            yield Finding(
                f"items of {short(facet)}",
                f"{short(wrong.id)} is of {short(wrong.facet or evidence.operation.says('no project'))}",
                (page.exchange,),
                items=(wrong.id,),
            )
        elif page.items:
            yield HELD


def _of_one_facet(walk: Walk) -> bool:
    """Whether a filtered walk shows nothing else: the whole list surely lacks nothing, and proves nothing."""
    return all(item.facet == walk.facet for page in walk.pages for item in page.items)


def _answered(evidence: Evidence) -> bool:
    """Whether a facet of the list was answered with items: where each filter is refused, a refusal shows nothing."""
    known = set(evidence.listing.facets)
    return any(page.items and page.query.facet in known for page in evidence.pages)


def filtered_walks(evidence: Evidence) -> Iterator[Walk]:
    """The walks from the head of the list of one facet, as far as nothing could throw them off."""
    known = set(evidence.listing.facets)
    for walk in evidence.walks:
        if walk.facet not in known or walk.pages[0].query.after is not None:
            continue
        pages = tuple(takewhile(partial(anchored, evidence), walk.pages))
        yield walk if pages == walk.pages else replace(walk, pages=pages, ended=False, complete=False)


@clause(
    "FLT-002",
    Level.IMPLIED,
    "A filtered walk gives every item of that project, in the list's order",
    quote=PROJECT,
    why="An audit of one project misses permissions that the project has.",
    good="project_id=proj_1: all 19 items of proj_1",
    bad="project_id=proj_1: 18 of 19",
    probes=("walks.pages", "walks.facets", "walks.defaults", "walks.within", "walks.twos"),
    requires={Capability.FILTER, Capability.ID},
    caused_by=("SCO-001", "FLT-001", "PAG-011", "PAG-012", "PAG-015", "ORD-002", "ORD-003", "ORD-007", "TOK-002"),
    decided_by="list",
    needs=Needs(items=1, facets=1),
)
def filtered_walk_is_whole(evidence: Evidence) -> Iterator[Outcome]:
    for walk in filtered_walks(evidence):
        order = evidence.order(walk.pages[0])
        swaps = (_swapped(evidence, page, order) for page in walk.pages)
        finding = missing_from(evidence, walk, order) or next(filter(None, swaps), None)
        if finding is not None:
            yield finding
        elif (walk.complete or len(walk.ids) > 1) and _of_one_facet(walk):
            yield HELD


def _swapped(evidence: Evidence, page: Page, order: Order) -> Finding | None:
    """A finding if a page shows two items in the reverse of the list's order; else ``None``."""
    swapped = evidence.listing.swapped(page, order)
    if swapped is None:
        return None
    left, right = swapped
    return Finding(
        f"{short(right)} before {short(left)}, as in the whole list",
        f"{short(left)} comes first",
        (page.exchange, evidence.listing.shown_in(right, page.exchange)),
        wrong=0,
        items=(left,),
    )


@clause(
    "FLT-003",
    Level.IMPLIED,
    "The projects' lists together are the whole list",
    quote=PROJECT,
    why="What a client sums up over the projects is not what there is.",
    good="57 permissions: 30 + 18 + 9",
    bad="57 permissions: 30 + 18 + 8",
    probes=("walks.facets", "walks.within", "walks.defaults"),
    requires={Capability.FULL_FILTER, Capability.ID},
    caused_by=("SCO-001", "FLT-001", "FLT-002"),
    decided_by="list",
    needs=Needs(items=2, facets=2),
)
def facets_make_the_list(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    by_facet: dict[tuple[str, Order], list[Walk]] = defaultdict(list)
    for walk in filtered_walks(evidence):
        by_facet[walk.facet or "", evidence.order(walk.pages[0])].append(walk)
    for (facet, order), walks in by_facet.items():
        together = {id_ for walk in walks for id_ in walk.ids}
        seen_through = {id_ for walk in walks for id_ in within(evidence, walk, order)}
        pages = [page for walk in walks for page in walk.pages]
        ends = pages[0].exchange, pages[-1].exchange
        lost = next(
            (id_ for id_ in sorted(seen_through) if id_ not in together and listing.existed(id_, *ends)),
            None,
        )
        strange = next((id_ for id_ in sorted(together) if listing.is_phantom(id_)), None)
        if lost is not None:
            yield Finding(
                f"{short(lost)} in the list of {short(facet)}",
                evidence.operation.says("no walk through that project's list shows it"),
                (walks[0].pages[-1].exchange, listing.shown_in(lost, walks[0].pages[-1].exchange)),
                wrong=0,
                items=(lost,),
            )
        elif strange is not None:
            page = next(page for page in pages if strange in page.ids)
            yield Finding(
                f"items of the whole list for {short(facet)}",
                f"{short(strange)}, which the whole list does not show",
                (page.exchange,),
                stable_list=not listing.changed,
            )
        elif seen_through and all(map(_of_one_facet, walks)):
            yield HELD
    yield from _hidden_facets(evidence)


def _hidden_facets(evidence: Evidence) -> Iterator[Outcome]:
    """Findings for facets whose filtered lists have items, none of which the unfiltered list shows.

    By a flag or a number a list may be asked for what it leaves out otherwise: archived items, or former versions.
    """
    if evidence.operation.filters.takes(evidence.operation.roles.facet):
        return
    for exchange, facet, page in unknown_facets(evidence):
        if evidence.listing.changed or page is None or not page.items:
            continue
        if all(item.facet == facet for item in page.items):
            yield Finding(
                f"{names(page.ids, 2)} in the whole list, as in that of {short(facet)}",
                evidence.operation.says("the whole list shows nothing of that project"),
                (exchange,),
                stable_list=True,
            )


@clause(
    "FLT-004",
    Level.IMPLIED,
    "A project that the list does not have gives no items",
    quote=PROJECT,
    why="A client that asks for a project without permissions is told that it has some.",
    good="project_id=proj_unknown: []",
    bad="project_id=proj_unknown: the whole list",
    probes=("filters",),
    requires={Capability.OPEN_FILTER},
    decided_by="list",
    needs=Needs(items=1),
)
def unknown_facet_is_empty(evidence: Evidence) -> Iterator[Outcome]:
    known = set(evidence.listing.facets)
    number = evidence.operation.filters.takes(evidence.operation.roles.facet) == "integer"
    for exchange, facet, page in unknown_facets(evidence):
        if not number and resembles(facet, known):
            continue
        if page is not None and page.items:
            # A facet may have got its first item since the list was read. By a number, such as a version, a list may be
            # asked for what it leaves out otherwise.
            its_own = all(item.facet == facet for item in page.items)
            if not (its_own and (evidence.listing.changed or number)):
                yield Finding("no items, or a 4xx", names(page.ids, 3), (exchange,), stable_list=its_own)
        elif shows_nothing(exchange, page) and (page is not None or _answered(evidence)):
            yield HELD


@clause(
    "FLT-005",
    Level.IMPLIED,
    "project_id is matched whole and exactly",
    quote=PROJECT,
    why="Permissions of one project show up under another that has a similar id.",
    good="project_id=proj_1 with projects proj_1 and proj_10: items of proj_1",
    bad="project_id=proj_1 with projects proj_1 and proj_10: items of both",
    probes=("filters",),
    reference=("walks.defaults",),
    requires={Capability.TEXT_FILTER},
    decided_by="list",
    needs=Needs(items=1, facets=1),
)
def facet_is_matched_exactly(evidence: Evidence) -> Iterator[Outcome]:
    known = set(evidence.listing.facets)
    for exchange, facet, page in (*unknown_facets(evidence), *cut_facets(evidence)):
        if not resembles(facet, known):
            continue
        wrong = next((item for item in page.items if item.facet != facet), None) if page else None
        if wrong is not None:
            yield Finding(
                f"nothing but items of {short(facet)}",
                f"{short(wrong.id)} is of {short(wrong.facet or evidence.operation.says('no project'))}",
                (exchange,),
            )
        elif shows_nothing(exchange, page) and _answered(evidence):
            yield HELD


@clause(
    "FLT-006",
    Level.IMPLIED,
    "Several filters give the items that match all of them",
    quote=PROJECT,
    why="A client that narrows a list by two filters handles items that it did not ask for, or misses some.",
    good="status=done&kind=a: the items that are done and of kind a",
    bad="status=done&kind=a: all items that are done",
    probes=("filters.further",),
    requires={Capability.FILTERS, Capability.ID},
    caused_by=("SCO-001", "FLT-001"),
    decided_by="list",
    needs=Needs(items=1),
)
def filters_hold_together(evidence: Evidence) -> Iterator[Outcome]:
    further = [name for name, _ in evidence.operation.profile.filters[1:]]
    shown = _facets(evidence)
    known = [{values[place] for each in shown.values() for values in each} for place in range(len(further))]
    if shown and not any(value for values in known for value in values):
        yield Inapplicable("no item shows what a second filter compares")
    for page, asked in evidence.selected:
        wanted = [(further.index(name), value) for name, value in asked.items() if name in further]
        if len(wanted) < len(asked) or any(
            value not in known[place] and not _resembles(evidence, further[place], value, known[place])
            for place, value in wanted
        ):
            continue
        facet = page.query.facet
        wrong = next((item for item in page.items if not _matches(item, facet, wanted)), None)
        if wrong is not None:
            yield Finding(f"items that match {_written(asked)}", f"{short(wrong.id)} does not", (page.exchange,))
            continue
        matching = [id_ for id_, item in evidence.listing.items.items() if _matches(item, facet, wanted)]
        # An item may change during the run.
        lost = _left_out(evidence, page, [id_ for id_ in matching if len(shown.get(id_, ())) == 1])
        if lost is not None:
            yield lost
        elif page.items:
            yield HELD


def _resembles(evidence: Evidence, name: str, value: str, known: set[str | None]) -> bool:
    """Whether a value that no item shows is like a shown one, of a filter that takes any text."""
    return not evidence.operation.filters.words_of(name) and resembles(
        value, {each for each in known if each is not None}
    )


def _facets(evidence: Evidence) -> Mapping[str, set[tuple[str | None, ...]]]:
    """For each item the values that further filters compare, as it showed them over time."""
    found: dict[str, set[tuple[str | None, ...]]] = defaultdict(set)
    for page in (*evidence.pages, *(page for page, _ in evidence.selected)):
        for item in page.items:
            found[item.id].add(item.further)
    return found


def _matches(item: Item, facet: str | None, wanted: Sequence[tuple[int, str]]) -> bool:
    return facet in (None, item.facet) and all(item.further[place] == value for place, value in wanted)


def _written(asked: Mapping[str, str]) -> str:
    return " and ".join(f"{name}={short(value)}" for name, value in asked.items())


def _left_out(evidence: Evidence, page: Page, matching: Sequence[str]) -> Finding | None:
    """An item that a page lacks: before its last item, or anywhere if nothing follows; ``None`` if there is none."""
    listing, order = evidence.listing, evidence.order_of_part(page)
    if page.query.after is not None:
        return None
    for id_ in matching:
        if id_ in page.ids or not listing.existed(id_, page.exchange):
            continue
        if page.has_more is False or (page.items and listing.precedes(order, id_, page.ids[-1])):
            seen = listing.shown_in(id_, page.exchange)
            return Finding(f"{short(id_)} on the page", "it is missing", (page.exchange, seen), wrong=0)
    return None


@clause(
    "FLT-007",
    Level.IMPLIED,
    "A filter by what is hidden gives a part of the list, in its order",
    quote=PROJECT,
    why="A client that filters gets items that the list does not have, or can't go on where it stopped.",
    good="list [a … z], start_time=5: [c, d, z]",
    bad="list [a … z], start_time=5: [d, c, z]",
    probes=("filters.further",),
    requires={Capability.HIDDEN_FILTER, Capability.ID},
    caused_by=("SCO-001", "ORD-002", "ORD-003", "ORD-007"),
    decided_by="list",
    needs=Needs(items=2),
)
def hidden_filters_give_a_part(evidence: Evidence) -> Iterator[Outcome]:
    listing, hidden = evidence.listing, evidence.operation.profile.hidden
    pages = [(page, asked) for page, asked in evidence.selected if not asked.keys().isdisjoint(hidden)]
    if not pages and any(not asked.keys().isdisjoint(hidden) for _, _, asked in evidence.selects):
        yield Inapplicable("no such filter was accepted")
    for page, asked in pages:
        order = evidence.order_of_part(page)
        swapped = _swapped(evidence, page, order)
        strange = next((id_ for id_ in page.ids if id_ not in listing.items), None)
        if strange is not None and listing.complete and not listing.changed:
            yield Finding(
                f"items of the whole list for {_written(asked)}",
                f"{short(strange)}, which the whole list does not show",
                (page.exchange,),
                stable_list=True,
            )
        elif swapped is not None:
            yield swapped
        elif strange is None:
            yield _out_of_bounds(evidence, page, asked) or HELD


def _out_of_bounds(evidence: Evidence, page: Page, asked: Mapping[str, str]) -> Finding | None:
    """What is wrong with a page whose items are bounded in time, and perhaps of one facet; ``None`` if nothing is."""
    operation, facet = evidence.operation, page.query.facet
    if not asked.keys() <= operation.filters.ranges.keys():
        return None
    bounds = [(operation.filters.ranges[name], operation.filters.bound(name, value)) for name, value in asked.items()]

    def matches(item: Item) -> bool:
        moment = item.time
        inside = moment is None or all(bound is None or holds(moment, bound) for holds, bound in bounds)
        return inside and facet in (None, item.facet)

    wrong = next((item for item in page.items if not matches(item)), None)
    if wrong is not None:
        beside = f" of {short(facet)}" if facet is not None else ""
        return Finding(
            f"items{beside} with {_written(asked)}", f"{short(wrong.id)} is not such an item", (page.exchange,)
        )
    if any(bound is None for _, bound in bounds):
        return None
    dated = [id_ for id_, item in evidence.listing.items.items() if item.time is not None and matches(item)]
    return _left_out(evidence, page, dated)
