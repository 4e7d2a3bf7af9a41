"""Servers whose query to a database is wrong in one branch: beyond an archive, across a join, at a foreign cursor."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from contracts.mock.app import Asked, Behaviour
from contracts.mock.faults.declare import fault, replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import owner_of_cursor
from contracts.mock.store import Dataset, Permission, Permissions, seeded

_ARCHIVED, _BATCH, _FAN_OUT, _TEN = 3, 50, 4, 10
"""One in so many items is in the archive; the items of one query; each such item is joined twice; ten."""


def _oldest(behaviour: Behaviour, asked: Asked) -> frozenset[str]:
    newest_first = sorted(behaviour.permissions(asked), key=lambda each: (-each.created_at, each.id))
    return frozenset(each.id for each in newest_first[-(len(newest_first) // _ARCHIVED) or None :])


@replaces(Behaviour.position, "PAG-011", kind=Kind.AFTER_ELSEWHERE)
def cursor_of_another_project_skips(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """Under a filter one item is skipped as the cursor itself, also after an item of another project."""
    start = Behaviour.position(self, ordered, asked)
    if asked.project_id is None or owner_of_cursor(self, asked) in {None, asked.project_id}:
        return start
    own = [at for at in range(start, len(ordered)) if ordered[at].project_id == asked.project_id]
    return own[0] + 1 if own else start


@replaces(Behaviour.rest, "PAG-011", kind=Kind.AFTER_NOT_FOUND)
def archived_cursor_is_the_end(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """Nothing follows the oldest items: as cursors they are looked up where they no longer are."""
    return [] if asked.after in _oldest(self, asked) else Behaviour.rest(self, asked)


@replaces(Behaviour.rest, "PAG-021", kind=Kind.AFTER_NOT_FOUND)
def archived_cursor_is_the_end_of_a_project(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """Under a filter nothing follows the oldest items: as cursors they are looked up where they no longer are."""
    lost = asked.project_id is not None and asked.after in _oldest(self, asked)
    return [] if lost else Behaviour.rest(self, asked)


@replaces(Behaviour.rest, "PAG-011", kind=Kind.LOST)
def items_without_a_sort_key_lost(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """The oldest items have no sort key: after any cursor they are lost, as NULL is neither more nor less."""
    rest = Behaviour.rest(self, asked)
    lost = _oldest(self, asked) if asked.after is not None else frozenset()
    return [each for each in rest if each.id not in lost]


@replaces(Behaviour.rest, "PAG-011", kind=Kind.AFTER_ELSEWHERE)
def cursor_against_the_order_of_ties(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """Ties stand by one direction of their ids, and what follows a cursor is found by the other one."""
    rest, whole = Behaviour.rest(self, asked), self.sort(self.permissions(asked), asked)
    cursor = next((each for each in whole if each.id == asked.after), None)
    if cursor is None:
        return rest
    before = whole[: whole.index(cursor)]
    ties = [each for each in before if each.created_at == cursor.created_at]
    return [*self.matching(ties, asked), *(each for each in rest if each.created_at != cursor.created_at)]


@replaces(Behaviour.cut, "PAG-008", kind=Kind.REPEATED)
def batches_overlap(_self: Behaviour, rest: Sequence[Permission], asked: Asked, /) -> list[Permission]:
    """A page of more than 50 items is read in batches, and each begins with the last item of the one before."""
    page = list(rest[: asked.limit])
    return page if len(page) <= _BATCH else (page[:_BATCH] + page[_BATCH - 1 :])[: asked.limit]


@replaces(Behaviour.cut, "PAG-003", kind=Kind.LIMIT)
def limit_counts_joined_rows(self: Behaviour, rest: Sequence[Permission], asked: Asked, /) -> list[Permission]:
    """A join brings some items twice, the page is cut after that, and what came twice is then shown once."""
    number = {each.id: at for at, each in enumerate(self.permissions(asked))}
    rows = [each for each in rest for _ in range(1 + (number[each.id] % _FAN_OUT == 0))]
    return list(dict.fromkeys(rows[: asked.limit]))


@replaces(Behaviour.has_more, "PAG-014", kind=Kind.HAS_MORE)
def total_is_an_estimate(
    self: Behaviour, items: Sequence[Permission], rest: Sequence[Permission], asked: Asked, /
) -> object:
    """`has_more` goes by a total that is an estimate, rounded up to the next ten."""
    total = len(self.matching(self.permissions(asked), asked))
    return -(-total // _TEN) * _TEN > total - len(rest) + len(items)


def _with_percents() -> Dataset:
    return seeded(permission_form=lambda number, _rng: f"cp_{number:03}%41%2Bx")


@fault("PAG-021", kind=Kind.AFTER_NOT_FOUND, dataset=_with_percents)
class CursorDecodedTwice(Behaviour):
    """`after` is decoded twice, so that an id with a percent sign is not found."""

    def read_text(self, name: str, fields: dict[str, list[str]], /) -> str | None:
        """The one value of a parameter, decoded once more for `after`."""
        value = super().read_text(name, fields)
        return unquote(value) if value is not None and name == "after" else value
