"""Servers that filter wrongly by more than the first filter (clauses FLT): they show on lists that have such."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from contracts.mock.app import Asked, Behaviour
from contracts.mock.faults.declare import fault, replaces
from contracts.mock.shape import HIDDEN, SEVERAL
from contracts.mock.store import Permission

_of_several = partial(replaces, style=SEVERAL)
_of_hidden = partial(replaces, style=HIDDEN)
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
