"""Whether a list changed, by walks that are made by hand."""

from __future__ import annotations

import pytest
from results import exchange

from contracts.core.model import Item, Order, Page, Query
from contracts.evidence.listing import Listing
from contracts.evidence.movement import Movement, Walk, came_or_went, compared, relocated


def walk(ids: str, *, at: int = 0, complete: bool = True) -> Walk:
    """A walk of one page, which holds an item for each letter."""
    shown = exchange(at, sent=at, received=at + 1)
    page = Page(shown, Query("c"), tuple(Item(letter, 1, "p") for letter in ids), not complete, None, None)
    return Walk("look", Order.DESCENDING, None, 100, (page,), complete, complete, control=True)


def movement(
    walks: list[Walk],
    ids: str,
    *,
    covered: str = "",
    foreign: str = "",
    relocated: bool = False,
    by_content: bool = False,
) -> tuple[bool, bool, str, str]:
    found = compared(
        walks, ids, lambda _, id_: id_ in covered, frozenset(foreign), relocated=relocated, by_content=by_content
    )
    return found.changed, found.complete, "".join(sorted(found.phantoms)), "".join(sorted(found.passing))


@pytest.mark.parametrize(
    ("seen", "moved"),
    [("110", True), ("011", True), ("010", True), ("111", False), ("101", False), ("1", False)],
)
def test_what_disappears_and_returns_was_shown_wrongly(seen: str, moved: bool) -> None:
    assert came_or_went([each == "1" for each in seen]) is moved


@pytest.mark.parametrize(
    ("spans", "moved"),
    [([(1, 3)], False), ([(1, 3), (5, 9)], True), ([(5, 9), (1, 3)], True), ([(1, 9), (3, 5)], False)],
)
def test_an_item_turns_to_another_project_once(spans: list[tuple[int, int]], moved: bool) -> None:
    assert relocated(spans) is moved


@pytest.mark.parametrize(
    ("first", "second", "explained"),
    [("abc", "bc", True), ("abc", "dabc", True), ("abc", "cba", False), ("abc", "xba", False)],
)
def test_a_change_of_the_list_explains_other_items_but_no_other_order_of_the_same(
    first: str,
    second: str,
    explained: bool,
) -> None:
    pages = [page for place, ids in enumerate((first, second)) for page in walk(ids, at=2 * place).pages]
    assert Listing(pages).agree(*pages) is explained


@pytest.mark.parametrize("by_content", [False, True])
def test_one_of_several_items_of_the_same_content_may_have_come(by_content: bool) -> None:
    pages = [page for place, ids in enumerate(("xab", "ab", "xxab", "xab")) for page in walk(ids, at=9 * place).pages]
    assert Listing(pages, by_content=by_content).agree(pages[1], pages[2]) is by_content


@pytest.mark.parametrize(("loaded", "passing"), [("", "x"), ("x", "")])
def test_what_load_shows_before_and_after_a_walk_without_it_did_not_come_and_go(loaded: str, passing: str) -> None:
    walks = [walk(ids, at=at) for ids, at in (("abx", 0), ("ab", 100), ("abx", 200))]
    listing = Listing([page for each in walks for page in each.pages])
    listing.look_for_movement(walks[1:2], under_load=frozenset(loaded))
    assert "".join(listing.passing) == passing
    assert listing.is_phantom("x")


def test_equal_walks_show_no_change() -> None:
    assert movement([walk("ab"), walk("ab")], "ab") == (False, True, "", "")


def test_an_item_that_came_or_went_is_a_change() -> None:
    assert movement([walk("ab"), walk("b")], "ab") == (True, True, "", "")
    assert movement([walk("b"), walk("ab")], "ab") == (True, True, "", "")


def test_an_item_that_no_walk_shows_may_have_passed_unless_it_is_of_another_list() -> None:
    assert movement([walk("ab"), walk("ab")], "abxy", foreign="y") == (False, True, "xy", "x")


def test_incomplete_walks_count_as_far_as_they_reached_and_only_without_a_complete_one() -> None:
    part = walk("a", complete=False)
    assert movement([part, part], "abx", covered="x") == (False, False, "x", "x")
    assert movement([walk("ab"), part], "ab", covered="b") == (False, True, "", "")


def test_incomplete_walks_have_to_show_the_head_of_those_before() -> None:
    first, second = walk("a", complete=False), walk("b", complete=False)
    assert movement([first, second], "ab")[0]
    assert not movement([first, second, first, second], "ab")[0]


def test_items_without_ids_came_or_went_where_a_walk_shows_more_or_fewer_that_are_alike() -> None:
    assert movement([walk("aab"), walk("ab")], "ab", by_content=True)[0]
    assert not movement([walk("aab"), walk("ab"), walk("aab")], "ab", by_content=True)[0]
    assert not movement([walk("aab"), walk("ab")], "ab")[0]


@pytest.mark.parametrize(
    ("by_content", "last", "stands"), [(False, "abc", True), (True, "ab", True), (True, "abc", False)]
)
def test_of_items_known_by_their_content_none_stands_in_a_list_that_changed(
    by_content: bool, last: str, stands: bool
) -> None:
    walks = [walk("ab"), walk(last, at=200)]
    listing = Listing([page for each in walks for page in each.pages], by_content=by_content)
    listing.look_for_movement(walks)
    assert listing.existed("a", exchange(9, sent=100, received=101)) is stands


def test_without_a_walk_nothing_is_known_but_what_turned() -> None:
    assert movement([], "a") == (False, False, "", "")
    assert movement([], "a", relocated=True) == (True, False, "", "")


def test_walks_enclose_what_was_asked_between_them() -> None:
    found = Movement(walks=(walk("a", at=2), walk("a", at=8)))
    between, before, after = (exchange(0, sent=at, received=at + 1) for at in (5, 1, 9))
    assert found.encloses([between])
    assert not found.encloses([before, between])
    assert not found.encloses([between, after])
