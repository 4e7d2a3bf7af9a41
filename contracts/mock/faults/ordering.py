"""Servers that order their list wrongly (clauses ORD)."""

from __future__ import annotations

from dataclasses import replace

from contracts.mock.app import Asked, Behaviour, Fields, Response
from contracts.mock.faults.caches import remembered
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import (
    ASCENDING,
    ASCENDING_FILTERED,
    DESCENDING,
    FILTERED,
    LARGE,
    LATER,
    LIMIT_1,
    ONE_PROJECT,
    OVERLAPPING,
    SIXTH,
)
from contracts.mock.store import Permission, Permissions

_PICKED = 41


# --- the default


@replaces(Behaviour.read_order, "ORD-001")
def default_ascending(self: Behaviour, fields: Fields, /) -> str:
    """Without `order` the oldest come first."""
    return Behaviour.read_order(self, {"order": ["ascending"], **fields})


@replaces(Behaviour.read_order, "ORD-001")
def default_ascending_filtered(self: Behaviour, fields: Fields, /) -> str:
    """Without `order` the oldest of a filtered list come first."""
    return Behaviour.read_order(self, {"order": ["ascending"], **fields} if "project_id" in fields else fields)


@replaces(Behaviour.read_order, "ORD-001")
def default_ascending_later(self: Behaviour, fields: Fields, /) -> str:
    """Without `order` the direction turns on the second page."""
    return Behaviour.read_order(self, {"order": ["ascending"], **fields} if "after" in fields else fields)


@replaces(Behaviour.read_order, "ORD-001")
def default_ascending_without_limit(self: Behaviour, fields: Fields, /) -> str:
    """Without `order` and `limit` the oldest come first."""
    return Behaviour.read_order(self, fields if "limit" in fields else {"order": ["ascending"], **fields})


# --- the two directions


@replaces(
    Behaviour.sort,
    "PAG-019",
    kind=Kind.NOW_AND_THEN,
    by_order="Which way round the list stands is what the requests before have made of it.",
)
def turned_in_place(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """The list in memory is turned round for a request in ascending order, and stays so for whoever comes next."""
    known: list[Permission] = self.memory.setdefault(
        asked.checkpoint, Behaviour.arrange(self, permissions, replace(asked, order="descending"))
    )
    if asked.ascending:
        known.reverse()
    return list(known)


@replaces(Behaviour.read_order, "ORD-003", kind=Kind.ORDER_IGNORED)
def order_ignored(self: Behaviour, fields: Fields, /) -> str:
    """`order` is ignored: the newest always come first."""
    Behaviour.read_order(self, fields)
    return "descending"


@replaces(Behaviour.read_order, "ORD-002", kind=Kind.ORDER_IGNORED)
def order_turned_round(self: Behaviour, fields: Fields, /) -> str:
    """`ascending` and `descending` mean the opposite."""
    return {"ascending": "descending", "descending": "ascending"}[Behaviour.read_order(self, fields)]


@replaces(Behaviour.read_order, "ORD-003", kind=Kind.ORDER_IGNORED)
def order_ignored_with_cursor(self: Behaviour, fields: Fields, /) -> str:
    """`order` is ignored where `after` is given."""
    return Behaviour.read_order(self, {} if "after" in fields else fields)


@replaces(Behaviour.read_order, "ORD-003", kind=Kind.ORDER_IGNORED)
def order_ignored_under_filter(self: Behaviour, fields: Fields, /) -> str:
    """`order` is ignored under a filter."""
    return Behaviour.read_order(self, {} if "project_id" in fields else fields)


@replaces(Behaviour.arrange, "ORD-002")
def order_by_id(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """The list is ordered by id."""
    return sorted(permissions, key=lambda each: each.id, reverse=not asked.ascending)


@replaces(Behaviour.arrange, "ORD-003")
def order_as_stored_ascending(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In ascending order the list comes as it is stored."""
    return list(permissions) if asked.ascending else Behaviour.arrange(self, permissions, asked)


@replaces(Behaviour.arrange, "ORD-002")
def order_by_project(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """The list is grouped by project, and by time inside a project."""
    return sorted(Behaviour.arrange(self, permissions, asked), key=lambda each: each.project_id)


@replaces(Behaviour.arrange, "ORD-002")
def oldest_first_of_all(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In descending order the oldest item stands at the head."""
    ordered = Behaviour.arrange(self, permissions, asked)
    return ordered if asked.ascending else ordered[-1:] + ordered[:-1]


@replaces(Behaviour.arrange, "ORD-003")
def newest_first_of_all(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In ascending order the newest item stands at the head."""
    ordered = Behaviour.arrange(self, permissions, asked)
    return ordered[-1:] + ordered[:-1] if asked.ascending else ordered


@replaces(Behaviour.arrange, "ORD-002")
def item_out_of_order(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In descending order the 42nd item stands ten places too early."""
    ordered = Behaviour.arrange(self, permissions, asked)
    if asked.ascending or len(ordered) <= _PICKED:
        return ordered
    moved = ordered.pop(_PICKED)
    ordered.insert(_PICKED - 10, moved)
    return ordered


@replaces(Behaviour.arrange, "ORD-003")
def item_out_of_order_ascending(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In ascending order the 42nd item stands ten places too early."""
    ordered = Behaviour.arrange(self, permissions, asked)
    if not asked.ascending or len(ordered) <= _PICKED:
        return ordered
    moved = ordered.pop(_PICKED)
    ordered.insert(_PICKED - 10, moved)
    return ordered


@replaces(Behaviour.cut, "ORD-002", also=((FILTERED, "ORD-002"), (ASCENDING, "ORD-003"), (SIXTH, "ORD-002")))
def items_of_page_turned(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """The items of a page stand in the opposite order."""
    return list(rest[: asked.limit])[::-1]


# --- from page to page


@replaces(Behaviour.sort, "ORD-004", also=(ASCENDING, DESCENDING, FILTERED))
def pages_sorted_one_by_one(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """The list comes as it is stored, and only the items of a page are sorted."""
    stored = self.matching(permissions, asked)
    starts = range(0, len(stored), asked.limit)
    return [each for start in starts for each in self.arrange(stored[start : start + asked.limit], asked)]


@replaces(Behaviour.arrange, "ORD-004")
def partitions_out_of_order(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """The list is kept in partitions of 20, and the second one comes first."""
    ordered = Behaviour.arrange(self, permissions, asked)
    return ordered[20:40] + ordered[:20] + ordered[40:]


# --- the two directions side by side


@replaces(Behaviour.arrange, "ORD-005")
def ascending_without_newest(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In ascending order the newest item is missing."""
    ordered = Behaviour.arrange(self, permissions, asked)
    return ordered[:-1] if asked.ascending else ordered


@replaces(Behaviour.arrange, "ORD-005")
def descending_without_oldest(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In descending order the oldest item is missing."""
    ordered = Behaviour.arrange(self, permissions, asked)
    return ordered if asked.ascending else ordered[:-1]


@replaces(Behaviour.arrange, "ORD-005")
def ascending_without_item_42(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In ascending order the 42nd item is missing."""
    ordered = Behaviour.arrange(self, permissions, asked)
    return ordered[:_PICKED] + ordered[_PICKED + 1 :] if asked.ascending else ordered


@replaces(Behaviour.arrange, "ORD-005")
def ascending_within_the_newest_50(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In ascending order the list holds the newest 50 items only."""
    ordered = Behaviour.arrange(self, permissions, asked)
    return ordered[-50:] if asked.ascending else ordered


@replaces(Behaviour.arrange, "ORD-005")
def ascending_without_later_ties(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In ascending order only one item of each moment is in the list."""
    ordered = Behaviour.arrange(self, permissions, asked)
    return list({each.created_at: each for each in ordered}.values()) if asked.ascending else ordered


@replaces(Behaviour.arrange, "ORD-006")
def ascending_by_hour(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In ascending order time counts to the hour only, and ids decide the rest."""
    if asked.ascending:
        return sorted(permissions, key=lambda each: (each.created_at // 3600, each.id))
    return Behaviour.arrange(_self, permissions, asked)


@replaces(Behaviour.arrange, "ORD-006")
def descending_by_hour(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In descending order time counts to the hour only, and ids decide the rest."""
    if asked.ascending:
        return Behaviour.arrange(_self, permissions, asked)
    return sorted(permissions, key=lambda each: (-(each.created_at // 3600), each.id))


@replaces(Behaviour.arrange, "ORD-006")
def ascending_with_unindexed_tail(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In ascending order the 20th item stands at the end."""
    ordered = Behaviour.arrange(self, permissions, asked)
    return ordered[:19] + ordered[20:] + ordered[19:20] if asked.ascending else ordered


# --- ties


def _ties_turned(ordered: Permissions, asked: Asked) -> list[Permission]:
    """The same order in time, and the opposite among ties."""
    turned = sorted(ordered, key=lambda each: each.id, reverse=asked.ascending)
    return sorted(turned, key=lambda each: each.created_at, reverse=not asked.ascending)


@replaces(
    Behaviour.sort,
    "ORD-007",
    everywhere=False,
    also=(FILTERED, ASCENDING_FILTERED, ONE_PROJECT, LATER, LIMIT_1, LARGE, SIXTH, (OVERLAPPING, "PAG-020")),
)
def ties_turned(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Ties stand in the opposite order."""
    return _ties_turned(Behaviour.sort(self, permissions, asked), asked)


# --- caches


@replaces(Behaviour.page, "ORD-003", kind=Kind.CACHE)
def cache_ignores_order(self: Behaviour, asked: Asked, /) -> Response:
    """A cache ignores `order`."""
    return remembered(self, asked, "checkpoint", "after", "limit", "project_id")


@replaces(Behaviour.page, "ORD-003", timed=True, kind=Kind.CACHE)
def cache_ignores_order_for_a_while(self: Behaviour, asked: Asked, /) -> Response:
    """A cache ignores `order`, and keeps an answer for the next 20 requests."""
    return remembered(self, asked, "checkpoint", "after", "limit", "project_id", requests=20)
