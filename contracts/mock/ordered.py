"""A list of the embedded server in one order, prepared so that each page costs the same however long the list is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import overload

from contracts.mock.store import Permission


class Tail(Sequence[Permission]):
    """What follows a cursor, without a copy of it: a page of a list of a million costs as much as one of ten."""

    __slots__ = ("_begin", "_whole")

    def __init__(self, whole: Sequence[Permission], begin: int = 0) -> None:
        self._whole = whole
        self._begin = slice(begin, None).indices(len(whole))[0]

    def __len__(self) -> int:
        return len(self._whole) - self._begin

    @overload
    def __getitem__(self, place: int) -> Permission: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Permission]: ...

    def __getitem__(self, place: int | slice) -> Permission | Sequence[Permission]:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if step > 0:
                return self._whole[self._begin + start : self._begin + stop : step]
            return [self._whole[self._begin + each] for each in range(start, stop, step)]
        return self._whole[self._begin + range(len(self))[place]]


class Sorted:
    """A list in one order, with the places of its items and the lists of its projects, made when they are asked for."""

    def __init__(self, source: Sequence[Permission], ordered: list[Permission]) -> None:
        self.source = source
        self.ordered = ordered
        self._places: dict[str, int] | None = None
        self._projects: dict[str, tuple[list[Permission], list[int]]] | None = None

    def place(self, id_: str) -> int | None:
        """Where an id stands; one that stands twice, where it stands first."""
        return self.index().get(id_)

    def index(self) -> dict[str, int]:
        """The place of each id."""
        if self._places is None:
            self._places = {}
            for place, permission in enumerate(self.ordered):
                self._places.setdefault(permission.id, place)
        return self._places

    def of_project(self, project_id: str, begin: int) -> Tail:
        """The items of one project from an index of the unfiltered list on."""
        if self._projects is None:
            self._projects = {}
            for place, permission in enumerate(self.ordered):
                items, places = self._projects.setdefault(permission.project_id, ([], []))
                items.append(permission)
                places.append(place)
        items, places = self._projects.get(project_id, ([], []))
        return Tail(items, bisect_left(places, begin))
