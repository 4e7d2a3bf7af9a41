"""Servers that cut, number or continue their pages wrongly (clauses PAG)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from contracts.mock.app import Asked, Behaviour, Fields, Refused, Request, Response
from contracts.mock.faults.caches import remembered
from contracts.mock.faults.declare import changes_envelope, replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import (
    ASCENDING,
    ASCENDING_FILTERED,
    BEYOND_30,
    CURSOR_ELSEWHERE,
    FAR,
    FEW,
    FILTERED,
    LAST_PAGE,
    LATER,
    LIMIT_1,
    MANY,
    ONE_PROJECT,
    OVERLAP_SECONDS,
    OVERLAPPING,
    SIXTH,
)
from contracts.mock.store import Permission

Permissions = Sequence[Permission]
_CHOSEN = 42


def moment_of_cursor(ordered: Permissions, asked: Asked) -> int | None:
    """`created_at` of the item that ``after`` names."""
    return next((each.created_at for each in ordered if each.id == asked.after), None)


# --- how many


@replaces(Behaviour.cut, "PAG-001", also=(ASCENDING, LATER, SIXTH))
def one_too_many(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page holds one item more than was asked for."""
    return list(rest[: asked.limit + 1])


@replaces(Behaviour.cut, "PAG-001", also=(FILTERED, LATER))
def limit_ignored(_self: Behaviour, rest: Permissions, _asked: Asked, /) -> list[Permission]:
    """A page holds 10 items whatever was asked for."""
    return list(rest[:10])


@replaces(Behaviour.cut, "PAG-001", also=(BEYOND_30, ONE_PROJECT, (OVERLAPPING, "PAG-020")))
def everything_at_once(_self: Behaviour, rest: Permissions, _asked: Asked, /) -> list[Permission]:
    """A page holds all that follows."""
    return list(rest)


@replaces(Behaviour.cut, "PAG-001")
def smallest_page_of_two(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """limit=1 gives two items."""
    return list(rest[: max(2, asked.limit)])


@replaces(Behaviour.cut, "PAG-001")
def limit_rounded_to_five(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """The page size is rounded up to the next multiple of five."""
    return list(rest[: -(-asked.limit // 5) * 5])


def _default(self: Behaviour, fields: Fields, size: int) -> int:
    return Behaviour.read_limit(self, {"limit": [str(size)], **fields})


@replaces(Behaviour.read_limit, "PAG-002")
def default_of_20(self: Behaviour, fields: Fields, /) -> int:
    """Without a limit a page holds 20 items."""
    return _default(self, fields, 20)


@replaces(Behaviour.read_limit, "PAG-002")
def default_of_100(self: Behaviour, fields: Fields, /) -> int:
    """Without a limit a page holds 100 items."""
    return _default(self, fields, 100)


@replaces(Behaviour.read_limit, "PAG-002")
def default_of_9(self: Behaviour, fields: Fields, /) -> int:
    """Without a limit a page holds 9 items."""
    return _default(self, fields, 9)


@replaces(Behaviour.read_limit, "PAG-002")
def default_of_20_filtered(self: Behaviour, fields: Fields, /) -> int:
    """Without a limit a filtered page holds 20 items."""
    return _default(self, fields, 20 if "project_id" in fields else 10)


@replaces(Behaviour.read_limit, "PAG-002")
def default_of_5_ascending(self: Behaviour, fields: Fields, /) -> int:
    """Without a limit a page in ascending order holds 5 items."""
    return _default(self, fields, 5 if fields.get("order") == ["ascending"] else 10)


@replaces(Behaviour.read_limit, "PAG-002")
def default_of_20_later(self: Behaviour, fields: Fields, /) -> int:
    """Without a limit the second and all later pages hold 20 items."""
    return _default(self, fields, 20 if "after" in fields else 10)


@replaces(Behaviour.cut, "PAG-003", also=(ASCENDING,))
def half_a_page(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page holds half of what was asked for, though more follows."""
    return list(rest[: -(-asked.limit // 2)])


@replaces(Behaviour.cut, "PAG-003", also=(FILTERED, LATER))
def one_too_few(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page of more than four holds one item less than was asked for, though more follows."""
    return list(rest[: asked.limit - (asked.limit > FEW)])


@replaces(Behaviour.cut, "PAG-003")
def twenty_are_nineteen(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """With limit=20, and no other, a page holds 19 items."""
    return list(rest[: asked.limit - (asked.limit == MANY)])


@replaces(Behaviour.cut, "PAG-003")
def page_ends_with_project(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page ends where the project changes."""
    page = rest[: asked.limit]
    same = [each.project_id == page[0].project_id for each in page]
    return list(page[: same.index(False) if False in same else None])


# --- first_id and last_id


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


# --- what comes twice, and what never


@replaces(Behaviour.cut, "PAG-008", also=(ASCENDING, FILTERED))
def last_item_twice(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page of more than four ends with the same item twice."""
    page = list(rest[: asked.limit])
    return [*page[:-1], page[-2]] if len(page) > FEW else page


@replaces(Behaviour.sort, "PAG-008")
def item_stored_twice(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """The 42nd item stands in the list twice, one right after the other."""
    ordered = Behaviour.arrange(_self, permissions, asked)
    return ordered[:_CHOSEN] + ordered[_CHOSEN - 1 :]


@replaces(Behaviour.filter, "PAG-008")
def tie_joined_twice(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Under a filter an item comes once more for a tie with the item before it, as from a careless join."""
    kept = Behaviour.filter(_self, permissions, asked)
    if asked.project_id is None:
        return kept
    doubled: list[Permission] = []
    for each in kept:
        tied = bool(doubled) and doubled[-1].created_at == each.created_at
        doubled += [each, each] if tied else [each]
    return doubled


@replaces(Behaviour.cut, "PAG-009", also=(FILTERED, ASCENDING))
def newest_pinned_to_every_page(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """Every page of two or more begins with the list's first item."""
    page = list(rest[: asked.limit])
    pinned = self.rest(replace(asked, after=None))[:1]
    return page if asked.limit == 1 or not page or page[0] in pinned else [*pinned, *page][: asked.limit]


@replaces(Behaviour.rest, "PAG-009", also=(ASCENDING_FILTERED,), kind=Kind.AFTER_BY_TIME)
def ties_repeated(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """The cursor is a moment: all other items of the moment of X come (again) on the page after X."""
    ordered = self.sort(self.permissions(asked), asked)
    start = self.position(ordered, asked)
    if not start:
        return self.filter(ordered, asked)
    cursor = ordered[start - 1]
    earlier = [each for each in ordered[: start - 1] if each.created_at == cursor.created_at]
    return self.filter(earlier + ordered[start:], asked)


@replaces(Behaviour.position, "PAG-009", kind=Kind.AFTER_ELSEWHERE)
def offset_one_short(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """Beyond the 20th item a page begins two items too early."""
    start = Behaviour.position(self, ordered, asked)
    return start - 2 if start > MANY else start


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
    return self.filter(ordered, asked)[self.position(ordered, asked) :]


@replaces(Behaviour.rest, "PAG-011", kind=Kind.AFTER_ELSEWHERE)
def cursor_of_other_direction(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """In ascending order the cursor's place is looked up in the descending list."""
    ordered = self.sort(self.permissions(asked), asked)
    newest_first = self.sort(self.permissions(asked), replace(asked, order="descending"))
    return self.filter(ordered[self.position(newest_first, asked) :], asked)


@replaces(Behaviour.cut, "PAG-012")
def one_per_moment(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """On a page of more than four only one item of each moment is shown."""
    page = list(rest[: asked.limit])
    if asked.limit <= FEW:
        return page
    last = {each.created_at: each for each in page}
    return list(last.values())


@replaces(Behaviour.cut, "PAG-012", also=(FILTERED, LATER))
def gap_on_large_pages(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page of more than four leaves out its third item."""
    page = list(rest[: asked.limit + 1])
    return page[:2] + page[3:] if asked.limit > FEW else page[: asked.limit]


@replaces(Behaviour.cut, "PAG-003", kind=Kind.of("PAG-012"))
def item_42_hidden(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """The 42nd item is left out of every page that it would stand in the middle of."""
    page = list(rest[: asked.limit])
    hidden = self.sort(self.permissions(asked), asked)[_CHOSEN - 1 : _CHOSEN]
    return [each for each in page if each not in hidden or each in (page[0], page[-1])]


@replaces(Behaviour.rest, "PAG-015", kind=Kind.of("PAG-013"))
def list_ends_early_on_small_pages(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """With a limit up to 4 the list ends after 20 items."""
    ordered = self.sort(self.permissions(asked), asked)
    shown = ordered[:20] if asked.limit <= FEW else ordered
    return self.filter(shown[self.position(ordered, asked) :], asked)


@replaces(Behaviour.rest, "PAG-013")
def list_ends_early_on_large_pages(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """With a limit above 20 the list ends after 50 items."""
    ordered = self.sort(self.permissions(asked), asked)
    shown = ordered[:50] if asked.limit > MANY else ordered
    return self.filter(shown[self.position(ordered, asked) :], asked)


@replaces(Behaviour.sort, "PAG-013")
def odd_pages_lose_an_item(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """With an odd limit the 33rd item is not in the list."""
    ordered = Behaviour.arrange(self, permissions, asked)
    return ordered[:32] + ordered[33:] if asked.limit % 2 else ordered


# --- has_more


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


@replaces(Behaviour.page, "PAG-015")
def capped_and_done(self: Behaviour, asked: Asked, /) -> Response:
    """Pages are capped at 20 items, and `has_more` is false where the cap was applied."""
    response = Behaviour.page(self, replace(asked, limit=min(asked.limit, MANY)))
    if asked.limit > MANY:
        response.body = response.body.replace(b'"has_more":true', b'"has_more":false')
    return response


@replaces(Behaviour.has_more, "PAG-016")
def has_more_on_empty_page(_self: Behaviour, items: Permissions, rest: Permissions, _asked: Asked, /) -> object:
    """`has_more` is true on an empty page."""
    return len(rest) > len(items) or not items


@replaces(Behaviour.has_more, "PAG-016")
def has_more_for_unknown_project(_self: Behaviour, items: Permissions, rest: Permissions, asked: Asked, /) -> object:
    """`has_more` is true on an empty page of a filter."""
    return len(rest) > len(items) or (not items and asked.project_id is not None)


# --- walks


@replaces(Behaviour.position, "PAG-017", also=(ASCENDING, FILTERED, (CURSOR_ELSEWHERE, "PAG-024")))
def after_ignored(_self: Behaviour, _ordered: Permissions, _asked: Asked, /) -> int:
    """`after` is ignored: every page is the first one."""
    return 0


@replaces(Behaviour.position, "PAG-017", also=(LIMIT_1,), kind=Kind.AFTER_BY_TIME)
def ties_endless(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The cursor is a moment that is included: a tie as long as a page is given for ever."""
    start = Behaviour.position(self, ordered, asked)
    while start and ordered[start - 1].created_at == moment_of_cursor(ordered, asked):
        start -= 1
    return start


@replaces(Behaviour.position, "PAG-017")
def stuck_at_item_42(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """Beyond the 42nd item all pages are the one that begins with it."""
    return min(Behaviour.position(self, ordered, asked), _CHOSEN - 1)


@replaces(Behaviour.rest, "PAG-017")
def list_is_a_ring(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """After the last item the list begins again, and `has_more` stays true."""
    return Behaviour.rest(self, asked) + Behaviour.rest(self, replace(asked, after=None))


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


# --- repetition


@replaces(Behaviour.sort, "PAG-019", timed=True, kind=Kind.NOW_AND_THEN)
def newest_not_on_each_replica(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """One replica of four does not have the list's first item."""
    ordered = Behaviour.sort(self, permissions, asked)
    lags = asked.request.number % 4 == 0 and asked.after is None
    return ordered[1:] if lags else ordered


@replaces(Behaviour.sort, "ORD-002", timed=True, kind=Kind.NOW_AND_THEN)
def reversed_now_and_then(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """One answer of six without a cursor is in the other direction."""
    ordered = Behaviour.sort(self, permissions, asked)
    return ordered[::-1] if asked.after is None and asked.request.number % 6 == 0 else ordered


@replaces(Behaviour.permissions, "PAG-015", timed=True, kind=Kind.NOW_AND_THEN)
def nothing_now_and_then(self: Behaviour, asked: Asked, /) -> Permissions:
    """One answer of seven without a cursor is an empty page."""
    found = Behaviour.permissions(self, asked)
    if asked.after is not None:
        return found
    self.memory["without"] = self.memory.get("without", 0) + 1
    return found if self.memory["without"] % 7 else ()


@replaces(Behaviour.cut, "PAG-019", kind=Kind.CACHE)
def repeated_page_loses_its_end(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A query that was asked before gives a page without its last item."""
    known = (asked.checkpoint, asked.after, asked.limit, asked.order, asked.project_id) in self.memory
    self.memory[asked.checkpoint, asked.after, asked.limit, asked.order, asked.project_id] = True
    page = list(rest[: asked.limit])
    return page[:-1] if known and len(page) > 1 else page


async def _overtaken(self: Behaviour, request: Request, shared: str) -> Response:
    """Serves with one parameter taken from whichever request came last."""
    checkpoint = self.route(request)
    self.authenticate(request)
    asked = self.read(request, checkpoint)
    self.memory[shared] = getattr(asked, shared)
    await asyncio.sleep(OVERLAP_SECONDS)
    return self.page(replace(asked, **{shared: self.memory[shared]}))


@replaces(Behaviour.serve, "PAG-001", timed=True)
async def limit_shared(self: Behaviour, request: Request, /) -> Response:
    """Requests at the same time share one variable for `limit`."""
    return await _overtaken(self, request, "limit")


@replaces(Behaviour.serve, "PAG-020", timed=True)
async def cursor_shared(self: Behaviour, request: Request, /) -> Response:
    """Requests at the same time share one variable for `after`."""
    return await _overtaken(self, request, "after")


@replaces(Behaviour.serve, "PAG-020", timed=True)
async def project_shared(self: Behaviour, request: Request, /) -> Response:
    """Requests at the same time share one variable for `project_id`."""
    return await _overtaken(self, request, "project_id")


@replaces(Behaviour.serve, "PAG-020", timed=True)
async def order_shared(self: Behaviour, request: Request, /) -> Response:
    """Requests at the same time share one variable for `order`."""
    return await _overtaken(self, request, "order")


# --- cursors


@replaces(Behaviour.position, "PAG-021", also=(LIMIT_1,))
def item_42_no_cursor(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The item at place 42 is refused as a cursor."""
    start = Behaviour.position(self, ordered, asked)
    if start == _CHOSEN:
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
    return self.filter(ordered[self.position(ordered, asked) :], asked)


@replaces(Behaviour.unknown_after, "PAG-022")
def foreign_cursor_is_told_on(self: Behaviour, _ordered: Permissions, asked: Asked, /) -> int:
    """The refusal of another checkpoint's permission as `after` names the one that follows it there."""
    for permissions in self.dataset.checkpoints.values():
        ids = [each.id for each in permissions]
        if asked.after in ids:
            following = ids[(ids.index(asked.after) + 1) % len(ids)]
            raise self.invalid("after", f"'after' is of another checkpoint, where {following} follows.")
    raise self.invalid("after", "'after' names no permission of this checkpoint.")


@replaces(Behaviour.sort, "PAG-023")
def single_item_is_the_other_end(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """At limit=1 without a cursor the list begins at its other end."""
    ordered = Behaviour.sort(self, permissions, asked)
    return ordered[::-1] if asked.limit == 1 and asked.after is None else ordered


@replaces(Behaviour.sort, "PAG-023")
def large_pages_by_id(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """With a limit above 20 the list is ordered by id."""
    ordered = Behaviour.sort(self, permissions, asked)
    return sorted(ordered, key=lambda each: each.id) if asked.limit > MANY else ordered


@replaces(Behaviour.position, "PAG-023", kind=Kind.LOST)
def small_pages_begin_later(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """With a limit up to 4 the first page begins at the second item."""
    start = Behaviour.position(self, ordered, asked)
    return 1 if asked.after is None and asked.limit <= FEW else start


@replaces(Behaviour.unknown_after, "PAG-024", also=(ASCENDING, FILTERED))
def unknown_after_begins_again(_self: Behaviour, _ordered: Permissions, _asked: Asked, /) -> int:
    """An unknown `after` begins again at the first page."""
    return 0


# --- caches


@replaces(Behaviour.page, "PAG-017", kind=Kind.CACHE)
def cache_ignores_cursor(self: Behaviour, asked: Asked, /) -> Response:
    """A cache ignores `after`."""
    return remembered(self, asked, "checkpoint", "limit", "order", "project_id")


@replaces(Behaviour.page, "PAG-001", kind=Kind.CACHE)
def cache_ignores_limit(self: Behaviour, asked: Asked, /) -> Response:
    """A cache ignores `limit`."""
    return remembered(self, asked, "checkpoint", "after", "order", "project_id")


@replaces(Behaviour.page, "PAG-001", timed=True, kind=Kind.CACHE)
def cache_ignores_limit_for_a_while(self: Behaviour, asked: Asked, /) -> Response:
    """A cache ignores `limit`, and keeps an answer for the next 20 requests."""
    return remembered(self, asked, "checkpoint", "after", "order", "project_id", requests=20)
