"""Servers that are wrong at one place deep in their list, where nothing but a walk through all of it comes by.

The place is counted from the newest item. Each fault names the clauses that may catch it; one of them must, and of
``four-at-once`` all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

from contracts.mock.app import Asked, Behaviour, Refused
from contracts.mock.store import Dataset, Permission

Permissions = Sequence[Permission]
PAGE = 100
"""The largest page, with which the whole list is walked through."""


class Depth(Behaviour):
    """A right server that knows the item at its place."""

    caught_by: ClassVar[tuple[str, ...]] = ()

    def __init__(self, place: int) -> None:
        self.place = place

    def bind(self, dataset: Dataset, /) -> None:
        """Takes the data to serve, and finds the item at the place."""
        super().bind(dataset)
        self.newest = sorted(dataset.permissions, key=lambda one: (one.created_at, one.id), reverse=True)
        self.chosen = self.newest[self.place]

    def prepare(self) -> None:
        """Sorts the list before the first request."""
        self._sort_all()

    def holds(self, items: Permissions) -> bool:
        """Whether a page holds the item at the place."""
        return any(item is self.chosen for item in items)

    def arranged(self, permissions: Permissions, asked: Asked, /) -> list[Permission]:
        """The right order of a list."""
        return Behaviour.arrange(self, permissions, asked)

    def is_main(self, asked: Asked) -> bool:
        """Whether the main checkpoint is asked for."""
        return asked.checkpoint == self.dataset.checkpoint


def where(ordered: Permissions, wanted: Permission) -> int:
    """The place of an item in a list."""
    return next(place for place, item in enumerate(ordered) if item is wanted)


class _TwiceOnAPage(Depth):
    """An item stands twice, one after the other."""

    caught_by = ("PAG-008",)

    def arrange(self, permissions: Permissions, asked: Asked, /) -> list[Permission]:
        ordered = self.arranged(permissions, asked)
        if self.is_main(asked):
            at = where(ordered, self.chosen)
            ordered[at:at] = [self.chosen]
        return ordered


class _TwiceFarApart(Depth):
    """An item comes again on a page that is far away."""

    caught_by = ("PAG-009",)

    def cut(self, rest: Permissions, asked: Asked, /) -> list[Permission]:
        page = super().cut(rest, asked)
        far = self.newest[self.place // 3]
        return [*page[: asked.limit // 2], far, *page[asked.limit // 2 + 1 :]] if self.holds(page) else page


class _GapDescending(Depth):
    """One item is not in the descending list."""

    caught_by = ("ORD-005",)
    ascending: ClassVar[bool] = False

    def arrange(self, permissions: Permissions, asked: Asked, /) -> list[Permission]:
        ordered = self.arranged(permissions, asked)
        if self.is_main(asked) and asked.ascending is self.ascending:
            del ordered[where(ordered, self.chosen)]
        return ordered


class _GapAscending(_GapDescending):
    """One item is not in the ascending list."""

    ascending = True


class _OutOfOrder(Depth):
    """Items ten places apart have changed places."""

    caught_by = ("ORD-002", "ORD-003")

    def arrange(self, permissions: Permissions, asked: Asked, /) -> list[Permission]:
        ordered = self.arranged(permissions, asked)
        if self.is_main(asked):
            at, other = (where(ordered, self.newest[self.place + more]) for more in (0, 10))
            ordered[at], ordered[other] = ordered[other], ordered[at]
        return ordered


class _PagesSwapped(Depth):
    """Two whole pages of the descending list have changed places, each of them sorted."""

    caught_by = ("ORD-004",)

    def arrange(self, permissions: Permissions, asked: Asked, /) -> list[Permission]:
        ordered = self.arranged(permissions, asked)
        if self.is_main(asked) and not asked.ascending:
            at = self.place // PAGE * PAGE
            one, other = ordered[at : at + PAGE], ordered[at + PAGE : at + 2 * PAGE]
            ordered[at : at + 2 * PAGE] = [*other, *one]
        return ordered


class _OtherProject(Depth):
    """One item has another project in the ascending list."""

    caught_by = ("ITM-008",)

    def render_item(self, permission: Permission, asked: Asked, /) -> object:
        item = super().render_item(permission, asked)
        if permission is self.chosen and asked.ascending and isinstance(item, dict):
            item["project_id"] = "proj_another"
        return item


class _ForeignItem(Depth):
    """An item of another checkpoint stands in the list."""

    caught_by = ("SCO-001",)

    def cut(self, rest: Permissions, asked: Asked, /) -> list[Permission]:
        page = super().cut(rest, asked)
        foreign = self.dataset.checkpoints[self.dataset.other_checkpoint][0]
        return [foreign if item is self.chosen else item for item in page]


class _WrongLastId(Depth):
    """`last_id` of one page names another item of it."""

    caught_by = ("PAG-005",)

    def last_id(self, items: Permissions, asked: Asked, /) -> object:
        wrong = self.holds(items) and len(items) > 1
        return items[-2].id if wrong else super().last_id(items, asked)


class _NoLastId(Depth):
    """`last_id` of one page is null."""

    caught_by = ("PAG-007",)

    def last_id(self, items: Permissions, asked: Asked, /) -> object:
        return None if self.holds(items) else super().last_id(items, asked)


class _EndsEarly(Depth):
    """`has_more` of one page of the descending list is false."""

    caught_by = ("PAG-015",)

    def has_more(self, items: Permissions, rest: Permissions, asked: Asked, /) -> object:
        return False if self.holds(items) and not asked.ascending else super().has_more(items, rest, asked)


class _HasMoreInWords(Depth):
    """`has_more` of one page is a string."""

    caught_by = ("ENV-004",)

    def has_more(self, items: Permissions, rest: Permissions, asked: Asked, /) -> object:
        return "true" if self.holds(items) else super().has_more(items, rest, asked)


class _TimeWithAPoint(Depth):
    """`created_at` of one item is no integer."""

    caught_by = ("ITM-003",)

    def render_item(self, permission: Permission, asked: Asked, /) -> object:
        item = super().render_item(permission, asked)
        if permission is self.chosen and isinstance(item, dict):
            item["created_at"] = float(permission.created_at)
        return item


class _NoProject(Depth):
    """One item has no `project_id`."""

    caught_by = ("ITM-001",)

    def render_item(self, permission: Permission, asked: Asked, /) -> object:
        item = super().render_item(permission, asked)
        if permission is self.chosen and isinstance(item, dict):
            del item["project_id"]
        return item


class _ShortPage(Depth):
    """One page is not full, and loses nothing."""

    caught_by = ("PAG-003",)

    def cut(self, rest: Permissions, asked: Asked, /) -> list[Permission]:
        page = super().cut(rest, asked)
        return page[:-1] if self.holds(page) and len(page) > 1 else page


class _CursorIncluded(Depth):
    """The page after one item begins with that item."""

    caught_by = ("PAG-010",)

    def position(self, ordered: Permissions, asked: Asked, /) -> int:
        position = super().position(ordered, asked)
        known = asked.after is not None and position > 0
        return position - 1 if known and self.holds(ordered[max(0, position - PAGE) : position]) else position


class _CursorRefused(Depth):
    """No item near the place is taken as a cursor."""

    caught_by = ("HTP-001", "PAG-021")

    def position(self, ordered: Permissions, asked: Asked, /) -> int:
        position = super().position(ordered, asked)
        if asked.after is not None and self.holds(ordered[max(0, position - PAGE) : position]):
            raise self.invalid("after", "'after' can't be used.")
        return position


class _Fails(Depth):
    """A page fails."""

    caught_by = ("HTP-005",)

    def cut(self, rest: Permissions, asked: Asked, /) -> list[Permission]:
        page = super().cut(rest, asked)
        if self.holds(page):
            raise Refused(500, "Internal error.")
        return page


class _FailsOnce(Depth):
    """A page fails the first time that it is asked for."""

    caught_by = ("HTP-005",)

    def cut(self, rest: Permissions, asked: Asked, /) -> list[Permission]:
        page = super().cut(rest, asked)
        if self.holds(page) and not self.memory:
            self.memory["failed"] = True
            raise Refused(500, "Internal error.")
        return page


class _CutBody(Depth):
    """A page ends in the middle of its JSON."""

    caught_by = ("ENV-001",)

    def encode(self, value: object, asked: Asked, /) -> bytes:
        body = super().encode(value, asked)
        return body[:-20] if self.chosen.id.encode() in body else body


class _BeginsAgain(Depth):
    """The page after the place is the first page again, so that the walk never ends."""

    caught_by = ("PAG-017", "PAG-009", "PAG-011")

    def position(self, ordered: Permissions, asked: Asked, /) -> int:
        position = super().position(ordered, asked)
        return 0 if self.holds(ordered[max(0, position - PAGE) : position]) else position


class _FourAtOnce(Depth):
    """An item twice at half the list, a gap at seven tenths, a disorder at three, a wrong `last_id` at the place."""

    caught_by = ("PAG-008", "ORD-005", "ORD-002", "PAG-005")

    def arrange(self, permissions: Permissions, asked: Asked, /) -> list[Permission]:
        ordered = self.arranged(permissions, asked)
        if self.is_main(asked) and not asked.ascending:
            size = len(ordered)
            del ordered[where(ordered, self.newest[size * 7 // 10])]
            ordered[size // 2 : size // 2] = [self.newest[size // 2]]
            at = size * 3 // 10
            ordered[at], ordered[at + 10] = ordered[at + 10], ordered[at]
        return ordered

    def last_id(self, items: Permissions, asked: Asked, /) -> object:
        wrong = self.holds(items) and len(items) > 1
        return items[-2].id if wrong else super().last_id(items, asked)


DEPTHS: Mapping[str, type[Depth]] = MappingProxyType(
    {
        "-".join(re.findall("[A-Z][a-z]*", one.__name__)).lower(): one
        for one in (
            *(_TwiceOnAPage, _TwiceFarApart, _GapDescending, _GapAscending, _OutOfOrder, _PagesSwapped, _OtherProject),
            *(
                _ForeignItem,
                _WrongLastId,
                _NoLastId,
                _EndsEarly,
                _HasMoreInWords,
                _TimeWithAPoint,
                _NoProject,
                _ShortPage,
            ),
            *(_ShortPage, _CursorIncluded, _CursorRefused, _Fails, _FailsOnce, _CutBody, _BeginsAgain, _FourAtOnce),
        )
    }
)
"""All of them, by name."""
