"""Servers that say wrongly whether items follow (clauses PAG-014, PAG-015, PAG-016)."""

from __future__ import annotations

from dataclasses import replace

from contracts.mock.app import Asked, Behaviour
from contracts.mock.faults.declare import fault, replaces
from contracts.mock.faults.places import (
    ASCENDING,
    ASCENDING_FILTERED,
    BEYOND_30,
    FILTERED,
    LATER,
    LIMIT_1,
    MANY,
    ONE_PROJECT,
    OVERLAPPING,
    SIXTH,
)
from contracts.mock.store import Permission, Permissions


@replaces(Behaviour.has_more, "PAG-014", also=(ASCENDING, FILTERED, ASCENDING_FILTERED, LIMIT_1))
def has_more_from_full_page(_self: Behaviour, items: Permissions, _rest: Permissions, asked: Asked, /) -> object:
    """`has_more` says whether the page is full."""
    return len(items) == asked.limit


@replaces(Behaviour.has_more, "PAG-014", also=(ONE_PROJECT, SIXTH))
def has_more_always(_self: Behaviour, _items: Permissions, _rest: Permissions, _asked: Asked, /) -> object:
    """`has_more` is always true."""
    return True


@replaces(Behaviour.has_more, "PAG-014")
def has_more_from_total(self: Behaviour, _items: Permissions, _rest: Permissions, asked: Asked, /) -> object:
    """`has_more` says whether the whole list is longer than a page."""
    return len(self.permissions(asked)) > asked.limit


@replaces(Behaviour.has_more, "PAG-014")
def has_more_before_filter(self: Behaviour, items: Permissions, _rest: Permissions, asked: Asked, /) -> object:
    """`has_more` is decided before the filter."""
    return len(self.rest(replace(asked, project_id=None))) > len(items)


@replaces(Behaviour.has_more, "PAG-015", also=(FILTERED, ASCENDING))
def has_more_inverted(_self: Behaviour, items: Permissions, rest: Permissions, _asked: Asked, /) -> object:
    """`has_more` says the opposite."""
    return len(rest) <= len(items)


@replaces(Behaviour.has_more, "PAG-015", also=(FILTERED, LATER, LIMIT_1, BEYOND_30, SIXTH, (OVERLAPPING, "PAG-020")))
def has_more_never(_self: Behaviour, _items: Permissions, _rest: Permissions, _asked: Asked, /) -> object:
    """`has_more` is always false."""
    return False


@replaces(Behaviour.has_more, "PAG-015", also=(ASCENDING,))
def has_more_only_for_two(_self: Behaviour, items: Permissions, rest: Permissions, _asked: Asked, /) -> object:
    """`has_more` is false when exactly one more item follows."""
    return len(rest) > len(items) + 1


@replaces(Behaviour.has_more, "PAG-015")
def has_more_not_within_tie(_self: Behaviour, items: Permissions, rest: Permissions, _asked: Asked, /) -> object:
    """`has_more` is false when all that follows is as old as the page's last item."""
    return len(rest) > len(items) and items[-1].created_at != rest[-1].created_at


@fault("PAG-015")
class CappedAndDone(Behaviour):
    """Pages are capped at 20 items, and `has_more` is false where the cap was applied."""

    def cut(self, rest: Permissions, asked: Asked, /) -> list[Permission]:
        """20 items at the most."""
        return super().cut(rest, replace(asked, limit=min(asked.limit, MANY)))

    def has_more(self, items: Permissions, rest: Permissions, asked: Asked, /) -> object:
        """False where the cap was applied."""
        return asked.limit <= MANY and super().has_more(items, rest, asked)


@replaces(Behaviour.has_more, "PAG-016")
def has_more_on_empty_page(_self: Behaviour, items: Permissions, rest: Permissions, _asked: Asked, /) -> object:
    """`has_more` is true on an empty page."""
    return len(rest) > len(items) or not items


@replaces(Behaviour.has_more, "PAG-016")
def has_more_for_unknown_project(_self: Behaviour, items: Permissions, rest: Permissions, asked: Asked, /) -> object:
    """`has_more` is true on an empty page of a filter."""
    return len(rest) > len(items) or (not items and asked.project_id is not None)
