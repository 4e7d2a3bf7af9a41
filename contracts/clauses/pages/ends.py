"""PAG: `first_id` and `last_id`, the ids of the two ends of a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from contracts.clauses.common import (
    EMPTY,
    PAGED,
    TWO,
)
from contracts.clauses.passages import LAST_ID, LIST
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import Capability
from contracts.core.result import HELD, Finding, Inapplicable, Level
from contracts.core.wording import short
from contracts.openapi.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence


@clause(
    "PAG-004",
    Level.IMPLIED,
    "`first_id`, when given, is the id of the page's first item",
    quote=Quote("first_id: type: string nullable: true", at=f"{LIST}/properties"),
    why="Clients that page backwards, or compare pages by their ends, go astray.",
    good="first_id cp_1 on a page [cp_1, cp_2]",
    bad="first_id cp_2 on a page [cp_1, cp_2]",
    probes=PAGED,
    requires={Capability.ENDS},
    decided_by="answer",
    needs=TWO,
)
def first_id_is_first(evidence: Evidence) -> Iterator[Outcome]:
    yield from judge_end_id(evidence, first=True)


@clause(
    "PAG-005",
    Level.IMPLIED,
    "`last_id`, when given, is the id of the page's last item",
    quote=LAST_ID,
    why="The official clients continue from it: a wrong one skips or repeats items, silently.",
    good="last_id cp_2 on a page [cp_1, cp_2]",
    bad="last_id cp_1 on a page [cp_1, cp_2]",
    probes=PAGED,
    requires={Capability.ENDS},
    decided_by="answer",
    needs=TWO,
)
def last_id_is_last(evidence: Evidence) -> Iterator[Outcome]:
    yield from judge_end_id(evidence, first=False)


def judge_end_id(evidence: Evidence, *, first: bool) -> Iterator[Outcome]:
    """Whether `first_id` (or `last_id`) of each page with items names its first (last) one."""
    name = evidence.operation.roles.first_id if first else evidence.operation.roles.last_id
    given = False
    for page in (*evidence.every_page, *evidence.pages_back):
        said = page.first_id if first else page.last_id
        if not page.items or said is None:
            continue
        given = True
        right = page.ids[0] if first else page.ids[-1]
        if said == right:
            # On a page with a single item both ends are the same.
            if page.ids[0] != page.ids[-1]:
                yield HELD
        else:
            end = "first" if first else "last"
            yield Finding(
                f"{name} {short(right)}, the page's {end} item", f"{name} {short(said) or '(empty)'}", (page.exchange,)
            )
    if not given and any(page.items for page in evidence.every_page):
        yield Inapplicable(f"the target never gives {name}, which the document doesn't require")


@clause(
    "PAG-006",
    Level.IMPLIED,
    "On an empty page `first_id` and `last_id` name no permission",
    quote=LAST_ID,
    why="A client would continue from an item that the page doesn't hold.",
    good='"data": [], "first_id": null, "last_id": null',
    bad='"data": [], "first_id": "cp_1", "last_id": "cp_9"',
    probes=EMPTY,
    requires={Capability.ENDS},
    decided_by="answer",
    needs=Needs(empty_page=True),
)
def empty_page_has_no_ends(evidence: Evidence) -> Iterator[Outcome]:
    roles = evidence.operation.roles
    for page in evidence.every_page:
        if page.items:
            continue
        given = [
            (name, said)
            for name, said in ((roles.first_id, page.first_id), (roles.last_id, page.last_id))
            if said is not None
        ]
        for name, said in given:
            yield Finding(
                f"{name} null or absent on an empty page",
                f"{name} {short(said)}" if said else f'{name} is an empty string ("")',
                (page.exchange,),
                warning=not said,
            )
        if not given:
            yield HELD


@clause(
    "PAG-007",
    Level.IMPLIED,
    "`last_id` is given whenever `has_more` is true",
    quote=LAST_ID,
    why="The official clients continue from it; without it they stop early and silently lose the rest.",
    good='"has_more": true, "last_id": "cp_9"',
    bad='"has_more": true, "last_id": null',
    probes=PAGED,
    requires={Capability.CURSOR, Capability.ENDS},
    decided_by="answer",
    needs=TWO,
)
def last_id_is_given(evidence: Evidence) -> Iterator[Outcome]:
    name = evidence.operation.roles.last_id
    for page in evidence.every_page:
        if not page.has_more or not page.items:
            continue
        if page.last_id:
            yield HELD
        else:
            yield Finding(f"{name} {short(page.ids[-1])}", f"no {name}, and has_more true", (page.exchange,))
