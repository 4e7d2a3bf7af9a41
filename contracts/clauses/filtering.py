"""FLT: the list of one project."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

from contracts.clauses.common import (
    PAGED,
    anchored,
    cut_projects,
    missing_from,
    resembles,
    shows_nothing,
    unknown_projects,
    within,
)
from contracts.clauses.passages import PROJECT
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import HELD, Capability, Finding, Level, Order
from contracts.core.wording import names, short

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.evidence.listing import Walk


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
    caused_by=("SCO-001",),
    decided_by="answer",
    needs=Needs(items=1, projects=2),
)
def items_are_of_the_project(evidence: Evidence) -> Iterator[Outcome]:
    known = set(evidence.listing.projects)
    for page in (*evidence.pages, *evidence.together):
        project = page.query.project_id
        if project not in known:
            continue
        wrong = next((item for item in page.items if item.project_id != project), None)
        if wrong is not None:
            yield Finding(
                f"items of {short(project)}",
                f"{short(wrong.id)} is of {short(wrong.project_id or 'no project')}",
                (page.exchange,),
            )
        elif page.items:
            yield HELD


def filtered_walks(evidence: Evidence) -> Iterator[Walk]:
    """The walks from the head of the list of one project, as far as nothing could throw them off."""
    known = set(evidence.listing.projects)
    for walk in evidence.walks:
        if walk.project_id not in known or walk.pages[0].query.after is not None:
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
    probes=("walks.pages", "walks.projects", "walks.defaults", "walks.within", "walks.twos"),
    requires={Capability.FILTER, Capability.ID},
    caused_by=("SCO-001", "FLT-001", "PAG-011", "PAG-012", "PAG-015", "ORD-002", "ORD-003", "ORD-007"),
    decided_by="list",
    needs=Needs(items=1, projects=1),
)
def filtered_walk_is_whole(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    for walk in filtered_walks(evidence):
        order = evidence.order(walk.pages[0])
        lost = missing_from(evidence, walk, order)
        swapped = next(
            (
                (page, left, right)
                for page in walk.pages
                for left, right in listing.inversions(page, order)
                if not listing.tied(left, right)
            ),
            None,
        )
        if lost is not None:
            yield lost
        elif swapped is not None:
            page, left, right = swapped
            yield Finding(
                f"{short(right)} before {short(left)}, as in the whole list",
                f"{short(left)} comes first",
                (page.exchange, listing.shown_in(right, page.exchange)),
                wrong=0,
            )
        elif walk.complete or len(walk.ids) > 1:
            yield HELD


@clause(
    "FLT-003",
    Level.IMPLIED,
    "The projects' lists together are the whole list",
    quote=PROJECT,
    why="What a client sums up over the projects is not what there is.",
    good="57 permissions: 30 + 18 + 9",
    bad="57 permissions: 30 + 18 + 8",
    probes=("walks.projects", "walks.within", "walks.defaults"),
    requires={Capability.FILTER, Capability.ID},
    caused_by=("SCO-001", "FLT-001", "FLT-002"),
    decided_by="list",
    needs=Needs(items=2, projects=2),
)
def projects_make_the_list(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    by_project: dict[tuple[str, Order], list[Walk]] = defaultdict(list)
    for walk in filtered_walks(evidence):
        by_project[walk.project_id or "", evidence.order(walk.pages[0])].append(walk)
    for (project, order), walks in by_project.items():
        together = {id_ for walk in walks for id_ in walk.ids}
        seen_through = {id_ for walk in walks for id_ in within(evidence, walk, order)}
        pages = [page for walk in walks for page in walk.pages]
        ends = pages[0].exchange, pages[-1].exchange
        lost = next(
            (id_ for id_ in sorted(seen_through) if id_ not in together and listing.stands(id_, *ends)),
            None,
        )
        strange = next((id_ for id_ in sorted(together) if listing.is_ghost(id_)), None)
        if lost is not None:
            yield Finding(
                f"{short(lost)} in the list of {short(project)}",
                "no walk through that project's list shows it",
                (walks[0].pages[-1].exchange, listing.shown_in(lost, walks[0].pages[-1].exchange)),
                wrong=0,
            )
        elif strange is not None:
            page = next(page for page in pages if strange in page.ids)
            yield Finding(
                f"items of the whole list for {short(project)}",
                f"{short(strange)}, which the whole list does not show",
                (page.exchange,),
                still=not listing.changed,
            )
        elif seen_through:
            yield HELD
    yield from _hidden_projects(evidence)


def _hidden_projects(evidence: Evidence) -> Iterator[Outcome]:
    """Projects that have a list of their own here, of which the whole list shows nothing."""
    for exchange, project, page in unknown_projects(evidence):
        if evidence.listing.changed or page is None or not page.items:
            continue
        if all(item.project_id == project for item in page.items):
            yield Finding(
                f"{names(page.ids, 2)} in the whole list, as in that of {short(project)}",
                "the whole list shows nothing of that project",
                (exchange,),
                still=True,
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
def unknown_project_is_empty(evidence: Evidence) -> Iterator[Outcome]:
    known = set(evidence.listing.projects)
    for exchange, project, page in unknown_projects(evidence):
        if resembles(project, known):
            continue
        if page is not None and page.items:
            # A project may have got its first permission since the list was looked at.
            its_own = all(item.project_id == project for item in page.items)
            if not (its_own and evidence.listing.changed):
                yield Finding("no items, or a 4xx", names(page.ids, 3), (exchange,), still=its_own)
        elif shows_nothing(exchange, page):
            yield HELD


@clause(
    "FLT-005",
    Level.IMPLIED,
    "project_id is matched whole and exactly",
    quote=PROJECT,
    why="Permissions of one project show up under another that has a similar id.",
    good="project_id=proj_1 with projects proj_1 and proj_10: items of proj_1",
    bad="project_id=proj_1 with projects proj_1 and proj_10: items of both",
    probes=("walks.defaults", "filters"),
    requires={Capability.OPEN_FILTER},
    decided_by="list",
    needs=Needs(items=1, projects=1),
)
def project_is_matched_exactly(evidence: Evidence) -> Iterator[Outcome]:
    known = set(evidence.listing.projects)
    for exchange, project, page in (*unknown_projects(evidence), *cut_projects(evidence)):
        if not resembles(project, known):
            continue
        wrong = next((item for item in page.items if item.project_id != project), None) if page else None
        if wrong is not None:
            yield Finding(
                f"nothing but items of {short(project)}",
                f"{short(wrong.id)} is of {short(wrong.project_id or 'no project')}",
                (exchange,),
            )
        elif shows_nothing(exchange, page):
            yield HELD
