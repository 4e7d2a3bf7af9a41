"""Servers that show an item twice on a page, or leave one out (clauses PAG-008, PAG-012)."""

from __future__ import annotations

from contracts.mock.app import Asked, Behaviour
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import (
    ASCENDING,
    CHOSEN,
    FEW,
    FILTERED,
    LATER,
)
from contracts.mock.store import Permission, Permissions


@replaces(Behaviour.cut, "PAG-008", also=(ASCENDING, FILTERED))
def last_item_twice(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page of more than four ends with the same item twice."""
    page = list(rest[: asked.limit])
    return [*page[:-1], page[-2]] if len(page) > FEW else page


@replaces(Behaviour.sort, "PAG-008")
def item_stored_twice(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """The 42nd item stands in the list twice, one right after the other."""
    ordered = Behaviour.arrange(_self, permissions, asked)
    return ordered[:CHOSEN] + ordered[CHOSEN - 1 :]


@replaces(Behaviour.filter, "PAG-008")
def tie_joined_twice(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Under a filter an item comes once more for a tie with the item before it, as from a careless join."""
    kept = Behaviour.filter(_self, permissions, asked)
    if asked.project_id is None:
        return kept
    doubled: list[Permission] = []
    for each in kept:
        tied = bool(doubled) and doubled[-1].created_at == each.created_at
        doubled += [each, each] if tied else [each]
    return doubled


@replaces(Behaviour.cut, "PAG-012")
def one_per_moment(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """On a page of more than four only one item of each moment is shown."""
    page = list(rest[: asked.limit])
    if asked.limit <= FEW:
        return page
    last = {each.created_at: each for each in page}
    return list(last.values())


@replaces(Behaviour.cut, "PAG-012", also=(FILTERED, LATER))
def gap_on_large_pages(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page of more than four leaves out its third item."""
    page = list(rest[: asked.limit + 1])
    return page[:2] + page[3:] if asked.limit > FEW else page[: asked.limit]


@replaces(Behaviour.cut, "PAG-003", kind=Kind.of("PAG-012"))
def item_42_hidden(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """The 42nd item is left out of every page that it would stand in the middle of."""
    page = list(rest[: asked.limit])
    hidden = self.sort(self.permissions(asked), asked)[CHOSEN - 1 : CHOSEN]
    return [each for each in page if each not in hidden or each in (page[0], page[-1])]
