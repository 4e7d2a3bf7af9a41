"""Servers whose pages have the wrong size, or depend on it (clauses PAG-001, PAG-002, PAG-003, PAG-023)."""

from __future__ import annotations

from contracts.mock.app import Asked, Behaviour, Fields, Response
from contracts.mock.faults.caches import remembered
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import (
    ASCENDING,
    BEYOND_30,
    FEW,
    FILTERED,
    LATER,
    MANY,
    ONE_PROJECT,
    OVERLAPPING,
    SIXTH,
)
from contracts.mock.store import Permission, Permissions


@replaces(Behaviour.cut, "PAG-001", also=(ASCENDING, LATER, SIXTH))
def one_too_many(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page holds one item more than was asked for."""
    return list(rest[: asked.limit + 1])


@replaces(Behaviour.cut, "PAG-001", also=(FILTERED, LATER))
def limit_ignored(_self: Behaviour, rest: Permissions, _asked: Asked, /) -> list[Permission]:
    """A page holds 10 items whatever was asked for."""
    return list(rest[:10])


@replaces(Behaviour.cut, "PAG-001", also=(BEYOND_30, ONE_PROJECT, (OVERLAPPING, "PAG-020")))
def everything_at_once(_self: Behaviour, rest: Permissions, _asked: Asked, /) -> list[Permission]:
    """A page holds all that follows."""
    return list(rest)


@replaces(Behaviour.cut, "PAG-001")
def limit_compared_as_text(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """The smaller one of `limit` and 100 is found by comparing texts: "20" is not smaller."""
    return list(rest[: int(min(str(asked.limit), "100"))])


@replaces(Behaviour.cut, "PAG-001")
def smallest_page_of_two(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """limit=1 gives two items."""
    return list(rest[: max(2, asked.limit)])


@replaces(Behaviour.cut, "PAG-001")
def limit_rounded_to_five(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """The page size is rounded up to the next multiple of five."""
    return list(rest[: -(-asked.limit // 5) * 5])


def _default(self: Behaviour, fields: Fields, size: int) -> int:
    return Behaviour.read_limit(self, {"limit": [str(size)], **fields})


@replaces(Behaviour.read_limit, "PAG-002")
def default_of_20(self: Behaviour, fields: Fields, /) -> int:
    """Without a limit a page holds 20 items."""
    return _default(self, fields, 20)


@replaces(Behaviour.read_limit, "PAG-002")
def default_of_100(self: Behaviour, fields: Fields, /) -> int:
    """Without a limit a page holds 100 items."""
    return _default(self, fields, 100)


@replaces(Behaviour.read_limit, "PAG-002")
def default_of_9(self: Behaviour, fields: Fields, /) -> int:
    """Without a limit a page holds 9 items."""
    return _default(self, fields, 9)


@replaces(Behaviour.read_limit, "PAG-002")
def default_of_20_filtered(self: Behaviour, fields: Fields, /) -> int:
    """Without a limit a filtered page holds 20 items."""
    return _default(self, fields, 20 if "project_id" in fields else 10)


@replaces(Behaviour.read_limit, "PAG-002")
def default_of_5_ascending(self: Behaviour, fields: Fields, /) -> int:
    """Without a limit a page in ascending order holds 5 items."""
    return _default(self, fields, 5 if fields.get("order") == ["ascending"] else 10)


@replaces(Behaviour.read_limit, "PAG-002")
def default_of_20_later(self: Behaviour, fields: Fields, /) -> int:
    """Without a limit the second and all later pages hold 20 items."""
    return _default(self, fields, 20 if "after" in fields else 10)


@replaces(Behaviour.cut, "PAG-003", also=(ASCENDING,))
def half_a_page(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page holds half of what was asked for, though more follows."""
    return list(rest[: -(-asked.limit // 2)])


@replaces(Behaviour.cut, "PAG-003", also=(FILTERED, LATER))
def one_too_few(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page of more than four holds one item less than was asked for, though more follows."""
    return list(rest[: asked.limit - (asked.limit > FEW)])


@replaces(Behaviour.cut, "PAG-003")
def twenty_are_nineteen(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """With limit=20, and no other, a page holds 19 items."""
    return list(rest[: asked.limit - (asked.limit == MANY)])


@replaces(Behaviour.cut, "PAG-003")
def page_ends_with_project(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page ends where the project changes."""
    page = rest[: asked.limit]
    same = [each.project_id == page[0].project_id for each in page]
    return list(page[: same.index(False) if False in same else None])


@replaces(Behaviour.sort, "PAG-023")
def single_item_is_the_other_end(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """At limit=1 without a cursor the list begins at its other end."""
    ordered = Behaviour.sort(self, permissions, asked)
    return ordered[::-1] if asked.limit == 1 and asked.after is None else ordered


@replaces(Behaviour.sort, "PAG-023")
def large_pages_by_id(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """With a limit above 20 the list is ordered by id."""
    ordered = Behaviour.sort(self, permissions, asked)
    return sorted(ordered, key=lambda each: each.id) if asked.limit > MANY else ordered


@replaces(Behaviour.position, "PAG-023", kind=Kind.LOST)
def small_pages_begin_later(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """With a limit up to 4 the first page begins at the second item."""
    start = Behaviour.position(self, ordered, asked)
    return 1 if asked.after is None and asked.limit <= FEW else start


@replaces(Behaviour.page, "PAG-001", kind=Kind.CACHE)
def cache_ignores_limit(self: Behaviour, asked: Asked, /) -> Response:
    """A cache ignores `limit`."""
    return remembered(self, asked, "checkpoint", "after", "order", "project_id")


@replaces(Behaviour.page, "PAG-001", timed=True, kind=Kind.CACHE)
def cache_ignores_limit_for_a_while(self: Behaviour, asked: Asked, /) -> Response:
    """A cache ignores `limit`, and keeps an answer for the next 20 requests."""
    return remembered(self, asked, "checkpoint", "after", "order", "project_id", requests=20)
