"""Servers that are wrong in a long list only: at a few cursors amid ties, at its end, or beyond the thousandth item."""

from __future__ import annotations

from contracts.mock.app import Asked, Behaviour
from contracts.mock.faults.declare import fault, replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.store import Dataset, Permission, Permissions, seeded

_FIVE, _CAP, _LARGEST, _FAR = 5, 50, 100, 1100


def _hundreds() -> Dataset:
    return seeded(size=300)


def _thousands() -> Dataset:
    return seeded(size=1300)


def _amid(ordered: Permissions, asked: Asked) -> tuple[int, int, int] | None:
    """The place of the cursor, and the first and the last place of those that share its moment."""
    at = next((at for at, each in enumerate(ordered) if each.id == asked.after), None)
    if at is None:
        return None
    moment = ordered[at].created_at
    first = last = at
    while first and ordered[first - 1].created_at == moment:
        first -= 1
    while last + 1 < len(ordered) and ordered[last + 1].created_at == moment:
        last += 1
    return at, first, last


@replaces(Behaviour.position, "PAG-011", dataset=_hundreds, kind=Kind.AFTER_BY_TIME)
def cursor_amid_five_ties_skips(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """After an item amid five or more of the same moment the rest of them is skipped."""
    found = _amid(ordered, asked)
    if found is not None and found[0] not in found[1:] and found[2] - found[1] + 1 >= _FIVE:
        return found[2] + 1
    return Behaviour.position(self, ordered, asked)


@replaces(Behaviour.position, "PAG-011", dataset=_hundreds, kind=Kind.AFTER_BY_TIME)
def cursor_amid_just_five_ties_goes_back(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """After the third of just five items of the same moment the page begins with the first of them."""
    found = _amid(ordered, asked)
    if found is not None and found[2] - found[1] + 1 == _FIVE and found[0] == found[1] + 2:
        return found[1]
    return Behaviour.position(self, ordered, asked)


@replaces(Behaviour.position, "PAG-011", dataset=_hundreds, kind=Kind.AFTER_BY_TIME)
def cursor_amid_ties_skips_ascending(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """In ascending order the page after the middle one of many items of the same moment skips the next one."""
    found = _amid(ordered, asked)
    if asked.ascending and found is not None and found[1] < found[0] - 1 and found[0] + 1 < found[2]:
        return found[0] + 2
    return Behaviour.position(self, ordered, asked)


@replaces(Behaviour.has_more, "PAG-015", dataset=_hundreds)
def one_of_hundreds_left_and_done(_self: Behaviour, items: Permissions, rest: Permissions, _asked: Asked, /) -> object:
    """`has_more` is false when exactly one of 300 items follows."""
    return len(rest) > len(items) + 1


@replaces(
    Behaviour.has_more,
    "PAG-015",
    dataset=_hundreds,
    by_order="The list seems to change while it is read, and answers that overlap say less of when.",
)
def look_ahead_cut_by_the_cap(_self: Behaviour, items: Permissions, rest: Permissions, _asked: Asked, /) -> object:
    """`has_more` is false on a page of 100 items: no more are read, not even the one that would tell."""
    return len(items) < min(len(rest), _LARGEST)


@replaces(Behaviour.filter, "ORD-005", dataset=_thousands)
def far_item_lost_ascending(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In ascending order an item beyond the thousandth is lost."""
    kept = Behaviour.filter(self, permissions, asked)
    if not asked.ascending or asked.project_id is not None:
        return kept
    lost = self.sort(self.permissions(asked), asked)[_FAR : _FAR + 1]
    return [each for each in kept if each not in lost]


@fault("ORD-005", dataset=_thousands)
class FarItemLostOnSmallPages(Behaviour):
    """In descending order an item beyond the thousandth is lost; a page holds 50 items at most."""

    def cut(self, rest: Permissions, asked: Asked, /) -> list[Permission]:
        """The page, of at most 50 items."""
        return list(rest[: min(asked.limit, _CAP)])

    def filter(self, permissions: Permissions, asked: Asked, /) -> list[Permission]:
        """All but the one that is lost."""
        kept = super().filter(permissions, asked)
        if asked.ascending or asked.project_id is not None:
            return kept
        lost = self.sort(self.permissions(asked), asked)[_FAR : _FAR + 1]
        return [each for each in kept if each not in lost]
