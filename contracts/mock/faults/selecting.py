"""Servers that filter wrongly by more than the first filter (clauses FLT): they show on lists that have such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from contracts.mock.app import Asked, Behaviour
from contracts.mock.faults.declare import fault, replaces
from contracts.mock.shape import HIDDEN, RANGES, SEVERAL
from contracts.mock.store import Permission

_of_several = partial(replaces, style=SEVERAL)
_of_hidden = partial(replaces, style=HIDDEN)
_of_ranges = partial(replaces, style=RANGES)
_STRANGE = Permission("cp_strange", 1_727_000_000, "proj_strange")


def _hidden(self: Behaviour, asked: Asked) -> bool:
    return any(name in self.shape.hidden for name, _ in asked.selected)


@_of_several(Behaviour.select, "FLT-006")
def second_filter_ignored(self: Behaviour, permissions: list[Permission], asked: Asked, /) -> list[Permission]:
    """The filters behind the first one are ignored."""
    return Behaviour.select(self, permissions, asked) if _hidden(self, asked) else permissions


@_of_several(Behaviour.select, "FLT-006")
def second_filter_ignored_beside_first(
    self: Behaviour, permissions: list[Permission], asked: Asked, /
) -> list[Permission]:
    """Of two filters only the first one counts."""
    return permissions if asked.project_id is not None else Behaviour.select(self, permissions, asked)


@_of_several(Behaviour.filter, "FLT-006")
def first_filter_ignored_beside_second(
    self: Behaviour, permissions: Sequence[Permission], asked: Asked, /
) -> list[Permission]:
    """Of two filters only the second one counts."""
    return list(permissions) if asked.selected else Behaviour.filter(self, permissions, asked)


@fault("FLT-006", style=SEVERAL)
class EitherFilterIsEnough(Behaviour):
    """Of two filters one that matches is enough."""

    def filter(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        """Those that match either."""
        mine = Behaviour.filter(self, permissions, asked)
        if asked.project_id is None or not asked.selected:
            return mine
        chosen = Behaviour.select(self, list(permissions), asked)
        return [each for each in permissions if each in mine or each in chosen]

    def select(self, permissions: list[Permission], asked: Asked, /) -> list[Permission]:
        """What was not chosen before."""
        return permissions if asked.project_id is not None else Behaviour.select(self, permissions, asked)


@_of_several(Behaviour.select, "FLT-006")
def first_match_lost(self: Behaviour, permissions: list[Permission], asked: Asked, /) -> list[Permission]:
    """With a second filter the first item that matches is missing."""
    found = Behaviour.select(self, permissions, asked)
    return found[1:] if asked.selected and not _hidden(self, asked) else found


@_of_hidden(Behaviour.select, "FLT-007")
def hidden_filter_adds_items(self: Behaviour, permissions: list[Permission], asked: Asked, /) -> list[Permission]:
    """A filter by what items don't show brings one that the list does not have."""
    found = Behaviour.select(self, permissions, asked)
    return [*found, _STRANGE] if _hidden(self, asked) else found


@_of_hidden(Behaviour.select, "FLT-007")
def hidden_filter_turns_round(self: Behaviour, permissions: list[Permission], asked: Asked, /) -> list[Permission]:
    """A filter by what items don't show turns the order round."""
    found = Behaviour.select(self, permissions, asked)
    return found[::-1] if _hidden(self, asked) else found


@_of_ranges(Behaviour.is_selected, "FLT-007")
def bounds_ignored(self: Behaviour, permission: Permission, name: str, value: str, /) -> bool:
    """A filter that bounds times is ignored."""
    return name in self.shape.ranges or Behaviour.is_selected(self, permission, name, value)


@_of_ranges(Behaviour.is_selected, "FLT-007")
def bounds_turned_round(self: Behaviour, permission: Permission, name: str, value: str, /) -> bool:
    """A filter that bounds times gives what lies outside."""
    return Behaviour.is_selected(self, permission, name, value) is not (name in self.shape.ranges)


@_of_ranges(Behaviour.is_selected, "FLT-007")
def bound_left_out(self: Behaviour, permission: Permission, name: str, value: str, /) -> bool:
    """A filter that bounds times leaves the items out that lie on the bound."""
    inside = Behaviour.is_selected(self, permission, name, value)
    if name not in self.shape.ranges:
        return inside
    beside = [replace(permission, created_at=permission.created_at + step) for step in (-1, 1)]
    return inside and all(Behaviour.is_selected(self, each, name, value) for each in beside)


@_of_ranges(Behaviour.filter, "FLT-007")
def first_filter_ignored_beside_bounds(
    self: Behaviour, permissions: Sequence[Permission], asked: Asked, /
) -> list[Permission]:
    """Beside a filter that bounds times the first filter is ignored."""
    bounded = any(name in self.shape.ranges for name, _ in asked.selected)
    return list(permissions) if bounded else Behaviour.filter(self, permissions, asked)


@_of_several(Behaviour.is_selected, "FLT-006")
def second_filter_ignores_case(self: Behaviour, permission: Permission, name: str, value: str, /) -> bool:
    """A filter behind the first one ignores case."""
    return any(Behaviour.is_selected(self, permission, name, each) for each in (value, value.lower(), value.upper()))
