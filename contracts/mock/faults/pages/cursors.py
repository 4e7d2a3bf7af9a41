"""Servers that go on in the wrong place after a cursor, or refuse it (clauses PAG-010, 011, 018, 021, 022, 024)."""

from __future__ import annotations

from dataclasses import replace

from contracts.mock.app import Asked, Behaviour, Refused, Response
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import (
    ASCENDING,
    BEYOND_30,
    CHOSEN,
    FAR,
    FILTERED,
    LIMIT_1,
    OVERLAPPING,
    SIXTH,
)
from contracts.mock.store import Permission, Permissions


@replaces(
    Behaviour.position,
    "PAG-010",
    also=(ASCENDING, FILTERED, LIMIT_1, BEYOND_30, SIXTH, (OVERLAPPING, "PAG-020")),
    kind=Kind.AFTER_BY_ONE,
)
def cursor_included(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The page after X begins with X."""
    return max(0, Behaviour.position(self, ordered, asked) - 1)


@replaces(Behaviour.position, "PAG-011", also=(ASCENDING, FILTERED, BEYOND_30, SIXTH), kind=Kind.AFTER_BY_ONE)
def one_skipped(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The page after X leaves out the item that follows X."""
    start = Behaviour.position(self, ordered, asked)
    return start + 1 if start else 0


@replaces(Behaviour.position, "PAG-011", also=(ASCENDING, FILTERED), kind=Kind.AFTER_BY_TIME)
def ties_lost(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The cursor is a moment: the later ties of the item that `after` names are left out."""
    start = Behaviour.position(self, ordered, asked)
    while 0 < start < len(ordered) and ordered[start].created_at == ordered[start - 1].created_at:
        start += 1
    return start


@replaces(Behaviour.position, "PAG-011", kind=Kind.AFTER_ELSEWHERE)
def cursor_by_id(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The cursor is compared by id: the page begins at the first later item with a smaller id."""
    start = Behaviour.position(self, ordered, asked)
    if asked.after is None:
        return 0
    smaller = (place for place in range(start, len(ordered)) if ordered[place].id < asked.after)
    return next(smaller, len(ordered))


@replaces(Behaviour.rest, "PAG-011", kind=Kind.AFTER_ELSEWHERE)
def cursor_selects_by_id(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """After the cursor come all items whose id is beyond it, though the list is sorted by time."""
    ordered = self.sort(self.permissions(asked), asked)
    self.position(ordered, asked)  # which refuses an unknown cursor
    shown = self.matching(ordered, asked)
    after = asked.after
    if after is None:
        return shown
    return [each for each in shown if (each.id > after if asked.order == "ascending" else each.id < after)]


@replaces(Behaviour.position, "PAG-011", kind=Kind.AFTER_ELSEWHERE)
def cursor_rounded_down(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The cursor is an offset, rounded down to a whole page."""
    start = Behaviour.position(self, ordered, asked)
    return start // asked.limit * asked.limit


@replaces(Behaviour.position, "PAG-011", kind=Kind.AFTER_ELSEWHERE)
def cursor_rounded_up(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The cursor is an offset, rounded up to a whole page."""
    start = Behaviour.position(self, ordered, asked)
    return -(-start // asked.limit) * asked.limit


@replaces(Behaviour.rest, "PAG-011", kind=Kind.AFTER_ELSEWHERE)
def cursor_is_offset_in_whole_list(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """The cursor's place in the whole list is used as an offset into the filtered one."""
    ordered = self.sort(self.permissions(asked), asked)
    return self.matching(ordered, asked)[self.position(ordered, asked) :]


@replaces(Behaviour.rest, "PAG-011", kind=Kind.AFTER_ELSEWHERE)
def cursor_of_other_direction(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """In ascending order the cursor's place is looked up in the descending list."""
    ordered = self.sort(self.permissions(asked), asked)
    newest_first = self.sort(self.permissions(asked), replace(asked, order="descending"))
    return self.matching(ordered[self.position(newest_first, asked) :], asked)


@replaces(Behaviour.position, "PAG-010", kind=Kind.AFTER_IGNORED)
def first_item_is_no_cursor(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The page after the first item is the first page: its index is 0, which is taken for none."""
    start = Behaviour.position(self, ordered, asked)
    return start if start > 1 else 0


@replaces(Behaviour.rest, "PAG-011", kind=Kind.AFTER_ELSEWHERE)
def cursor_compares_time_and_id(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """What follows must have a lower id as well as no later time, instead of the lower id among ties only."""
    rest = Behaviour.rest(self, asked)
    if asked.after is None:
        return rest
    return [each for each in rest if (each.id > asked.after if asked.ascending else each.id < asked.after)]


@replaces(Behaviour.position, "PAG-018", kind=Kind.AFTER_IGNORED)
def after_last_item_is_first_page(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The page after the last item is the first page."""
    start = Behaviour.position(self, ordered, asked)
    return start if start < len(ordered) else 0


@replaces(Behaviour.rest, "PAG-018", also=(FILTERED, ASCENDING))
def after_last_item_not_found(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """The page after the last item is a 404."""
    rest = Behaviour.rest(self, asked)
    if asked.after is not None and not rest:
        raise Refused(404, "There are no more permissions.", code="not_found")
    return rest


@replaces(Behaviour.rest, "PAG-018")
def after_last_item_refused(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """The page after the last item is a 400."""
    rest = Behaviour.rest(self, asked)
    if asked.after is not None and not rest:
        raise self.invalid("after", "'after' is out of range.")
    return rest


@replaces(Behaviour.position, "PAG-021", also=(LIMIT_1,))
def item_42_no_cursor(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The item at place 42 is refused as a cursor."""
    start = Behaviour.position(self, ordered, asked)
    if start == CHOSEN:
        raise self.invalid("after", "'after' is not a valid cursor.")
    return start


@replaces(Behaviour.page, "PAG-021")
def only_last_items_are_cursors(self: Behaviour, asked: Asked, /) -> Response:
    """Only an item that was the last one of some page is taken as a cursor."""
    given: set[str] = self.memory.setdefault("given", set())
    if asked.after is not None and asked.after not in given:
        raise self.invalid("after", "'after' is not a valid cursor.")
    given.update(each.id for each in self.cut(self.rest(asked), asked)[-1:])
    return Behaviour.page(self, asked)


@replaces(Behaviour.position, "PAG-021")
def no_cursor_beyond_30(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """Items beyond the 30th are not found as cursors."""
    start = Behaviour.position(self, ordered, asked)
    if start > FAR:
        raise Refused(404, "No such permission.", param="after", code="not_found")
    return start


@replaces(Behaviour.position, "PAG-021")
def no_cursor_with_lower_case_end(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """Cursors that end in "a", "b" or "c" are refused."""
    if asked.after is not None and asked.after.endswith(("a", "b", "c")):
        raise self.invalid("after", "'after' is not a valid cursor.")
    return Behaviour.position(self, ordered, asked)


@replaces(Behaviour.permissions, "PAG-022", also=(FILTERED, ASCENDING))
def cursor_chooses_checkpoint(self: Behaviour, asked: Asked, /) -> Permissions:
    """With `after` the list is the one of the checkpoint to which that permission belongs."""
    for permissions in self.dataset.checkpoints.values():
        if any(each.id == asked.after for each in permissions):
            return permissions
    return Behaviour.permissions(self, asked)


@replaces(Behaviour.rest, "PAG-022")
def foreign_cursor_joins_lists(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """After a permission of another checkpoint the lists of all checkpoints are joined."""
    everything = tuple(each for permissions in self.dataset.checkpoints.values() for each in permissions)
    known = {each.id for each in self.permissions(asked)}
    if asked.after is None or asked.after in known or asked.after not in {each.id for each in everything}:
        return Behaviour.rest(self, asked)
    ordered = self.arrange(everything, asked)
    return self.matching(ordered[self.position(ordered, asked) :], asked)


@replaces(Behaviour.unknown_after, "PAG-022")
def foreign_cursor_is_told_on(self: Behaviour, _ordered: Permissions, asked: Asked, /) -> int:
    """The refusal of another checkpoint's permission as `after` names the one that follows it there."""
    for permissions in self.dataset.checkpoints.values():
        ids = [each.id for each in permissions]
        if asked.after in ids:
            following = ids[(ids.index(asked.after) + 1) % len(ids)]
            raise self.invalid("after", f"'after' is of another checkpoint, where {following} follows.")
    raise self.invalid("after", "'after' names no permission of this checkpoint.")


@replaces(Behaviour.unknown_after, "PAG-024", also=(ASCENDING, FILTERED))
def unknown_after_begins_again(_self: Behaviour, _ordered: Permissions, _asked: Asked, /) -> int:
    """An unknown `after` begins again at the first page."""
    return 0
