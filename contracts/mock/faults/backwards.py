"""Servers that lead backwards wrongly (clauses PRV). They show on lists that have a cursor for it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from contracts.mock.app import Asked, Behaviour, Response
from contracts.mock.faults.declare import replaces
from contracts.mock.shape import BACKWARDS
from contracts.mock.store import Permission, Permissions

_going_back = partial(replaces, style=BACKWARDS)
_FEW = 2
_TWENTIETH = 19


@_going_back(Behaviour.page, "PRV-001")
def before_ignored(self: Behaviour, asked: Asked, /) -> Response:
    """`before` is ignored: the page is the first one of the list."""
    return Behaviour.page(self, replace(asked, before=None))


@_going_back(Behaviour.page, "PRV-001")
def before_taken_for_after(self: Behaviour, asked: Asked, /) -> Response:
    """`before` is read as `after`."""
    return Behaviour.page(self, asked if asked.before is None else replace(asked, after=asked.before, before=None))


@_going_back(Behaviour.end, "PRV-001")
def before_included(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The page before an item ends with that item."""
    return Behaviour.end(self, ordered, asked) + 1


@_going_back(Behaviour.preceding, "PRV-001")
def order_ignored_backwards(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """With `before` the list always stands in its default order."""
    return Behaviour.preceding(self, replace(asked, order=self.shape.default_order))


@_going_back(Behaviour.preceding, "PRV-001")
def before_of_the_aligned_page(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """The page before an item is the one that holds what precedes it, of pages counted from the head of the list."""
    ordered = self.matching(self.sort(self.permissions(asked), asked), asked)
    before = len(Behaviour.preceding(self, asked))
    begin = max(0, before - 1) // asked.limit * asked.limit
    return ordered[begin : begin + asked.limit] if before else []


@_going_back(Behaviour.cut_back, "PRV-003")
def before_gives_the_head(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """The page before an item is the head of the list, and not what is nearest to it."""
    return list(rest[: asked.limit])


@_going_back(Behaviour.preceding, "PRV-003")
def ties_lost_backwards(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """The page before an item lacks those of the same second: `created_at` alone is compared."""
    known = self.permissions(asked)
    moment = next((each.created_at for each in known if each.id == asked.before), None)
    return [each for each in Behaviour.preceding(self, asked) if each.created_at != moment]


@_going_back(Behaviour.cut_back, "PRV-003")
def nearest_lost_backwards(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """The page before an item lacks the one right before it."""
    return Behaviour.cut_back(self, rest[:-1], asked)


@_going_back(Behaviour.cut_back, "PRV-002")
def turned_round_backwards(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """The page before an item stands in the opposite order."""
    return Behaviour.cut_back(self, rest, asked)[::-1]


@_going_back(Behaviour.cut_back, "PRV-002")
def gap_backwards(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """The page before an item lacks its second item."""
    page = Behaviour.cut_back(self, rest, replace(asked, limit=asked.limit + 1))
    return page[-asked.limit :] if len(page) <= _FEW else [page[0], *page[2:]]


@_going_back(Behaviour.cut_back, "PRV-002")
def twice_backwards(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """The page before an item has its last item twice."""
    page = Behaviour.cut_back(self, rest, asked)
    return [*page[1:], page[-1]] if len(page) > 1 else page


@_going_back(Behaviour.preceding, "PRV-002")
def empty_backwards(_self: Behaviour, _asked: Asked, /) -> list[Permission]:
    """The page before any item is empty."""
    return []


@_going_back(Behaviour.preceding, "PRV-004")
def first_item_lost_backwards(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """No page before an item holds the first one of the list."""
    return Behaviour.preceding(self, asked)[1:]


@_going_back(Behaviour.preceding, "PRV-004")
def item_lost_backwards(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """No page before an item holds the twentieth one of the list."""
    lost = self.sort(self.permissions(asked), asked)[_TWENTIETH : _TWENTIETH + 1]
    return [each for each in Behaviour.preceding(self, asked) if each not in lost]


@_going_back(Behaviour.preceding, "PRV-005")
def filter_ignored_backwards(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """With `before` the filter is ignored."""
    return Behaviour.preceding(self, replace(asked, project_id=None))


@_going_back(Behaviour.cut_back, "PRV-005")
def limit_ignored_backwards(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """With `before` a page has the default size whatever was asked for."""
    return Behaviour.cut_back(self, rest, replace(asked, limit=self.shape.default_limit))


@_going_back(Behaviour.preceding, "PRV-005")
def wraps_round_backwards(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """The page before the first item is the end of the list."""
    found = Behaviour.preceding(self, asked)
    return found or self.matching(self.sort(self.permissions(asked), asked), asked)
