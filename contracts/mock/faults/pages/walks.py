"""Servers whose walks repeat items, never end, or depend on the page size (clauses PAG-009, PAG-013, PAG-017)."""

from __future__ import annotations

from dataclasses import replace

from contracts.mock.app import Asked, Behaviour, Response
from contracts.mock.faults.caches import remembered
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import (
    ASCENDING,
    ASCENDING_FILTERED,
    CHOSEN,
    CURSOR_ELSEWHERE,
    FEW,
    FILTERED,
    LIMIT_1,
    MANY,
)
from contracts.mock.store import Permission, Permissions


def moment_of_cursor(ordered: Permissions, asked: Asked) -> int | None:
    """`created_at` of the item that ``after`` names."""
    return next((each.created_at for each in ordered if each.id == asked.after), None)


@replaces(Behaviour.cut, "PAG-009", also=(FILTERED, ASCENDING))
def newest_pinned_to_every_page(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """Every page of two or more begins with the list's first item."""
    page = list(rest[: asked.limit])
    pinned = self.rest(replace(asked, after=None))[:1]
    return page if asked.limit == 1 or not page or page[0] in pinned else [*pinned, *page][: asked.limit]


@replaces(Behaviour.rest, "PAG-009", also=(ASCENDING_FILTERED,), kind=Kind.AFTER_BY_TIME)
def ties_repeated(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """The cursor is a moment: all other items of the moment of X come (again) on the page after X."""
    ordered = self.sort(self.permissions(asked), asked)
    start = self.position(ordered, asked)
    if not start:
        return self.matching(ordered, asked)
    cursor = ordered[start - 1]
    earlier = [each for each in ordered[: start - 1] if each.created_at == cursor.created_at]
    return self.matching(earlier + ordered[start:], asked)


@replaces(Behaviour.position, "PAG-009", kind=Kind.AFTER_ELSEWHERE)
def offset_one_short(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """Beyond the 20th item a page begins two items too early."""
    start = Behaviour.position(self, ordered, asked)
    return start - 2 if start > MANY else start


@replaces(Behaviour.rest, "PAG-015", kind=Kind.of("PAG-013"))
def list_ends_early_on_small_pages(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """With a limit up to 4 the list ends after 20 items."""
    ordered = self.sort(self.permissions(asked), asked)
    shown = ordered[:20] if asked.limit <= FEW else ordered
    return self.matching(shown[self.position(ordered, asked) :], asked)


@replaces(Behaviour.rest, "PAG-013")
def list_ends_early_on_large_pages(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """With a limit above 20 the list ends after 50 items."""
    ordered = self.sort(self.permissions(asked), asked)
    shown = ordered[:50] if asked.limit > MANY else ordered
    return self.matching(shown[self.position(ordered, asked) :], asked)


@replaces(Behaviour.sort, "PAG-013")
def odd_pages_lose_an_item(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """With an odd limit the 33rd item is not in the list."""
    ordered = Behaviour.arrange(self, permissions, asked)
    return ordered[:32] + ordered[33:] if asked.limit % 2 else ordered


@replaces(Behaviour.position, "PAG-017", also=(ASCENDING, FILTERED, (CURSOR_ELSEWHERE, "PAG-024")))
def after_ignored(_self: Behaviour, _ordered: Permissions, _asked: Asked, /) -> int:
    """`after` is ignored: every page is the first one."""
    return 0


@replaces(Behaviour.position, "PAG-017", also=(LIMIT_1,), kind=Kind.AFTER_BY_TIME)
def ties_endless(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The cursor is a moment that is included: a tie as long as a page is given for ever."""
    start = Behaviour.position(self, ordered, asked)
    while start and ordered[start - 1].created_at == moment_of_cursor(ordered, asked):
        start -= 1
    return start


@replaces(Behaviour.position, "PAG-017")
def stuck_at_item_42(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """Beyond the 42nd item all pages are the one that begins with it."""
    return min(Behaviour.position(self, ordered, asked), CHOSEN - 1)


@replaces(Behaviour.rest, "PAG-017")
def list_is_a_ring(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """After the last item the list begins again, and `has_more` stays true."""
    return Behaviour.rest(self, asked) + Behaviour.rest(self, replace(asked, after=None))


@replaces(Behaviour.page, "PAG-017", kind=Kind.CACHE)
def cache_ignores_cursor(self: Behaviour, asked: Asked, /) -> Response:
    """A cache ignores `after`."""
    return remembered(self, asked, "checkpoint", "limit", "order", "project_id")
