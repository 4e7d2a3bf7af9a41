"""Servers that name the ends of a page wrongly (clauses PAG-004, PAG-005, PAG-006, PAG-007)."""

from __future__ import annotations

from dataclasses import replace

from contracts.mock.app import Asked, Behaviour
from contracts.mock.faults.declare import changes_envelope, replaces
from contracts.mock.faults.places import (
    ASCENDING,
    BEYOND_30,
    FILTERED,
    LAST_PAGE,
    LIMIT_1,
    OVERLAPPING,
    SIXTH,
)
from contracts.mock.store import Permissions


@replaces(Behaviour.first_id, "PAG-004", also=(ASCENDING, FILTERED, LAST_PAGE))
def first_id_of_last_item(_self: Behaviour, items: Permissions, _asked: Asked, /) -> object:
    """`first_id` is the id of the page's last item."""
    return items[-1].id if items else None


@replaces(Behaviour.first_id, "PAG-004")
def first_id_of_list(self: Behaviour, items: Permissions, asked: Asked, /) -> object:
    """`first_id` is the id of the list's first item on every page."""
    return self.rest(replace(asked, after=None))[0].id if items else None


@replaces(Behaviour.first_id, "PAG-004")
def first_id_is_cursor(_self: Behaviour, items: Permissions, asked: Asked, /) -> object:
    """`first_id` is the id that `after` named."""
    return (asked.after or items[0].id) if items else None


@replaces(Behaviour.first_id, "PAG-004")
def first_id_before_filter(self: Behaviour, items: Permissions, asked: Asked, /) -> object:
    """`first_id` is taken before the filter."""
    return self.rest(replace(asked, project_id=None))[0].id if items else None


@replaces(Behaviour.last_id, "PAG-005", also=(ASCENDING, BEYOND_30, SIXTH))
def last_id_of_first_item(_self: Behaviour, items: Permissions, _asked: Asked, /) -> object:
    """`last_id` is the id of the page's first item."""
    return items[0].id if items else None


@replaces(Behaviour.last_id, "PAG-005")
def last_id_of_list(self: Behaviour, items: Permissions, asked: Asked, /) -> object:
    """`last_id` is the id of the list's last item on every page."""
    return self.rest(asked)[-1].id if items else None


@replaces(Behaviour.last_id, "PAG-005", also=(FILTERED, LIMIT_1))
def last_id_of_next_item(self: Behaviour, items: Permissions, asked: Asked, /) -> object:
    """`last_id` is the id of the item that follows the page, where one does."""
    return self.rest(asked)[: len(items) + 1][-1].id if items else None


@replaces(Behaviour.last_id, "PAG-005")
def last_id_before_filter(self: Behaviour, items: Permissions, asked: Asked, /) -> object:
    """`last_id` is taken before the filter."""
    return self.rest(replace(asked, project_id=None))[: asked.limit][-1].id if items else None


@replaces(Behaviour.first_id, "PAG-006")
def first_id_on_empty_page(_self: Behaviour, items: Permissions, asked: Asked, /) -> object:
    """On an empty page `first_id` is the id that `after` named."""
    return items[0].id if items else asked.after


@replaces(Behaviour.last_id, "PAG-006")
def last_id_on_empty_page(_self: Behaviour, items: Permissions, asked: Asked, /) -> object:
    """On an empty page `last_id` is the id that `after` named."""
    return items[-1].id if items else asked.after


@replaces(Behaviour.last_id, "PAG-006")
def last_id_of_whole_list_on_empty_page(self: Behaviour, items: Permissions, asked: Asked, /) -> object:
    """On an empty page `last_id` is the id of the list's last item without a filter."""
    everything = self.sort(self.permissions(asked), asked)
    return items[-1].id if items else everything[-1].id if everything else None


@replaces(Behaviour.last_id, "PAG-007", also=(FILTERED, ASCENDING, LIMIT_1, BEYOND_30))
def last_id_null(_self: Behaviour, _items: Permissions, _asked: Asked, /) -> object:
    """`last_id` is always null."""
    return None


@changes_envelope("PAG-007", also=(FILTERED, OVERLAPPING))
def last_id_missing(envelope: dict[str, object]) -> object:
    """`last_id` is missing."""
    return {name: value for name, value in envelope.items() if name != "last_id"}
