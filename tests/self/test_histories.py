"""No clause claims anything of a right server, however its list changes, and faults are seen all the same."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from histories import History, Permission, permissions, query
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.clauses.registry import clauses
from contracts.core.model import Order, Query, Step
from contracts.core.result import Finding, Level, Verdict
from contracts.evidence.evidence import CONTROL
from contracts.verdicts.judging import judge
from contracts.verdicts.recurrence import Confirmation
from contracts.verdicts.tallying import Tally, numbers, tally

ORDERS = st.sampled_from([None, *Order])


def look(history: History, name: str) -> None:
    history.walk(query(limit=100, order=Order.DESCENDING), name, probe=CONTROL)


def findings(history: History) -> dict[str, list[Finding]]:
    judged = [clause for clause in clauses() if clause.level is not Level.ADVISORY]
    return {name: kept.breaches for name, kept in tally(judged, history.evidence()).items() if kept.breaches}


@st.composite
def histories(draw: st.DrawFn, *, moves: bool) -> History:
    """A right server, asked at random, whose list changes between any two requests if ``moves``."""
    number = draw(st.integers(0, 14))
    tied = draw(st.integers(1, 5))
    history = History(
        permissions(number, projects=draw(st.integers(1, 3)), tied=tied),
        unknown_cursor=draw(st.sampled_from(["refused", "empty", "first"])),
        cap=draw(st.sampled_from([100, 100, 3, 20])),
    )
    fresh = iter(range(1000, 2000))
    known = [item.id for item in history.items]

    def change() -> None:
        for _ in range(draw(st.integers(0, 2))):
            lose = draw(st.booleans())
            if lose and history.items:
                history.items.pop(draw(st.integers(0, len(history.items) - 1)))
            else:
                n = next(fresh)
                born = 1_700_000_000 + draw(st.integers(0, 8))
                item = Permission(f"cp_{draw(st.integers(0, 9))}{n}", born, f"proj_{n % 3}")
                history.items.append(item)
                known.append(item.id)

    look(history, "look 0")
    for turn in range(draw(st.integers(3, 12))):
        if moves:
            change()
        asked = query(
            after=draw(st.sampled_from([None, *known])),
            limit=draw(st.sampled_from([None, 1, 2, 3, 5, 100])),
            order=draw(ORDERS),
            facet=draw(st.sampled_from([None, None, "proj_0", "proj_1"])),
        )
        if draw(st.booleans()):
            history.walk(Query(asked.scope, None, asked.limit, asked.order, asked.facet), f"walk {turn}")
        else:
            history.ask(asked)
        if draw(st.integers(0, 3)) == 0:
            look(history, f"look {turn + 1}")
    look(history, "look last")
    return history


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(history=histories(moves=False))
def test_nothing_is_claimed_of_a_list_that_stands(history: History) -> None:
    assert findings(history) == {}


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(history=histories(moves=True))
def test_nothing_sure_is_claimed_of_a_list_that_moves(history: History) -> None:
    sure = {name: [one for one in found if not one.stable_list] for name, found in findings(history).items()}
    assert {name: found for name, found in sure.items() if found} == {}


def whole(history: History) -> None:
    look(history, "first")
    for order in Order:
        for size in (1, 3, 5):
            history.walk(query(limit=size, order=order), f"{order} {size}")
    look(history, "last")


def tamper(history: History, number: int, **changes: object) -> None:
    """Make one answer say something else."""
    exchange = history.exchanges[number]
    assert exchange.answer is not None
    body = {**json.loads(exchange.answer.body), **changes}
    object.__setattr__(exchange.answer, "body", json.dumps(body).encode())


def place(history: History, walk: str, index: int) -> int:
    return next(one.number for one in history.exchanges if one.step == Step(walk, index))


@pytest.mark.parametrize("moving", [False, True])
def test_a_page_that_lacks_an_item_is_wrong_though_the_list_moves(*, moving: bool) -> None:
    history = History(permissions(12))
    look(history, "first")
    if moving:
        history.items.append(Permission("cp_new", 1_800_000_000, "proj_0"))
    history.rest()
    history.walk(query(limit=5, order=Order.DESCENDING), "walk")
    history.rest()
    number = place(history, "walk", 1)
    answer = history.exchanges[number].answer
    assert answer is not None
    data = json.loads(answer.body)["data"]
    tamper(history, number, data=[data[0], *data[2:]])
    look(history, "last")
    found = findings(history)
    assert {"PAG-012", "PAG-013"} <= set(found)
    assert not any(one.stable_list for one in found["PAG-012"])


def test_what_has_just_come_may_not_be_known_everywhere() -> None:
    history = History(permissions(12))
    look(history, "first")
    history.items.append(Permission("cp_new", 1_800_000_000, "proj_0"))
    history.ask(query(limit=3))
    history.items.pop()
    history.ask(query(limit=5))
    history.items.append(Permission("cp_new", 1_800_000_000, "proj_0"))
    history.ask(query(limit=3))
    look(history, "last")
    assert history.evidence().listing.changed
    assert {name for name, found in findings(history).items() if not all(one.stable_list for one in found)} == set()


def test_has_more_false_before_the_end_is_wrong() -> None:
    history = History(permissions(12))
    whole(history)
    tamper(history, place(history, f"{Order.DESCENDING} 5", 0), has_more=False)
    assert "PAG-015" in findings(history)


def test_has_more_true_at_the_end_needs_a_list_that_stands() -> None:
    history = History(permissions(12))
    whole(history)
    tamper(history, place(history, f"{Order.DESCENDING} 5", 2), has_more=True)
    (finding,) = findings(history)["PAG-014"]
    assert finding.stable_list


def verdict(history: History, clause: str, again: Confirmation, found: Tally | None = None) -> Verdict:
    chosen = [one for one in clauses() if one.id == clause]
    evidence = history.evidence()
    tallies = {clause: found} if found is not None else tally(chosen, evidence)
    least = tallies[clause].least
    assert least is not None
    (judgement,) = judge(chosen, evidence, tallies, {clause: replace(again, of=numbers(least.exchanges))})
    return judgement.verdict


def test_what_needs_a_standing_list_is_settled_by_asking_again() -> None:
    history = History(permissions(12))
    whole(history)
    tamper(history, place(history, f"{Order.DESCENDING} 5", 2), has_more=True)
    assert verdict(history, "PAG-014", Confirmation(rounds=3, seen=3)) is Verdict.BROKEN
    assert verdict(history, "PAG-014", Confirmation(rounds=3, seen=0)) is Verdict.INCONCLUSIVE


def test_on_a_moving_list_only_rounds_between_equal_looks_count() -> None:
    history = History(permissions(12))
    look(history, "first")
    history.items.append(Permission("cp_new", 1_800_000_000, "proj_0"))
    history.walk(query(limit=5, order=Order.DESCENDING), "newest first")
    history.rest()
    history.walk(query(limit=5, order=Order.ASCENDING), "walk")
    last = place(history, "walk", 2)
    history.ask(query(limit=5, order=Order.ASCENDING, after="cp_new"))
    tamper(history, last, has_more=True)
    history.rest()
    look(history, "last")
    assert history.evidence().listing.changed
    assert verdict(history, "PAG-014", Confirmation(rounds=3, seen=3)) is Verdict.INCONCLUSIVE
    assert verdict(history, "PAG-014", Confirmation(rounds=3, seen=3, sure=1, sure_seen=1)) is Verdict.BROKEN
    gone = Confirmation(rounds=3, seen=0, sure=2, sure_seen=0)
    assert verdict(history, "PAG-014", gone) is Verdict.KEPT
    # Without an answer that was right there is no verdict.
    found = tally([one for one in clauses() if one.id == "PAG-014"], history.evidence())["PAG-014"]
    found.cases = found.number
    assert verdict(history, "PAG-014", gone, found) is Verdict.NOT_EXERCISED


def test_nothing_is_kept_without_a_case() -> None:
    history = History([])
    look(history, "first")
    evidence = history.evidence()
    chosen = clauses()
    judged = judge(chosen, evidence, tally(chosen, evidence), {})
    kept = [one for one in judged if one.verdict is Verdict.KEPT]
    assert kept
    assert all(one.cases for one in kept)
    without = [one for one in judged if one.verdict is Verdict.NOT_EXERCISED]
    assert {one.clause for one in without} > {"PAG-014", "ORD-001", "SEC-001"}
    assert all(one.reason for one in without)


def test_a_list_that_cannot_be_read_says_which_clause_is_in_the_way() -> None:
    history = History([])
    history.keep(query(), 200, b'{"object": "list", "data": null, "has_more": false}')
    evidence = history.evidence()
    chosen = clauses()
    judged = {one.clause: one for one in judge(chosen, evidence, tally(chosen, evidence), {})}
    assert judged["ENV-003"].verdict is Verdict.BROKEN
    assert judged["PAG-014"].verdict is Verdict.NOT_EXERCISED
    assert judged["PAG-014"].because == "ENV-003"


def walked(*pages: tuple[str | None, list[int]]) -> History:
    """A walk of which each page was seen once, as in a recording: its cursor, and the numbers of its items."""
    history = History(permissions(40, tied=1))
    rendered = [item.render() for item in history.items]
    for index, (cursor, places) in enumerate(pages):
        data = [rendered[at] for at in places]
        body = {"object": "list", "data": data, "first_id": None, "last_id": None, "has_more": True}
        asked = query(after=cursor, limit=3, order=Order.ASCENDING)
        history.keep(asked, 200, json.dumps(body).encode(), step=Step("walk 1", index))
    return history


def test_an_item_that_comes_twice_in_a_walk_is_seen_though_each_cursor_was_seen_once() -> None:
    history = walked((None, [0, 1, 2]), ("cp_002", [3, 4, 5]), ("cp_005", [6, 1, 7]), ("cp_007", [8, 9, 10]))
    (finding,) = findings(history)["PAG-009"]
    assert [exchange.number for exchange in finding.exchanges] == [0, 2]


def test_a_walk_that_may_have_begun_again_after_a_cursor_that_is_gone_is_none() -> None:
    history = walked((None, [0, 1, 2]), ("cp_002", [3, 4, 5]), ("cp_005", [1, 2, 3]), ("cp_003", [4, 6, 7]))
    assert "PAG-009" not in findings(history)


def test_what_was_not_found_before_it_was_made_is_no_breach() -> None:
    history = History(permissions(12))
    error = b'{"error":{"message":"x","type":"x","param":null,"code":null}}'
    history.keep(query(limit=3), 404, error)
    history.ask(query(limit=3))
    history.keep(query(limit=4), 404, error)
    found = findings(history)
    assert [finding.exchanges[0].number for finding in found["HTP-001"]] == [2], "what was there before is missed"
    assert "PAG-019" not in found
