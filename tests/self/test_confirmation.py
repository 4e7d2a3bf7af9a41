"""How findings are asked again and counted, with a target that answers by a script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from histories import History, Permission, permissions, query, reader

from contracts.clauses.registry import find
from contracts.core.model import Exchange, Failure, FailureKind, Order, Target
from contracts.core.result import Finding
from contracts.verdicts.confirmation import LONGEST_REPLAY, ROUNDS, Confirming, worth_confirming
from contracts.verdicts.judging import judge
from contracts.verdicts.recurrence import Confirmation, recounted
from contracts.verdicts.tallying import Tally, tally

ALONE, DERIVED, PAGED = "PAG-005", "PAG-009", "PAG-014"
TARGET = Target("http://127.0.0.1/v1", "ft:model:acme:x:1")


class SpentError(Exception):
    """Nothing more may be asked."""


class Scripted:
    """Answers each request that is repeated by the next letter: right, wrong, 5xx (f), no answer (n), or not at all."""

    def __init__(self, history: History, letters: str, *, together: str = "", changing: bool = False) -> None:
        self.history = history
        self.asked: list[tuple[int, int]] = []
        self.fresh: set[bool] = set()
        self._letters = iter(letters)
        self._together = iter(together)
        self._changing = changing

    @property
    def exchanges(self) -> Sequence[Exchange]:
        return self.history.exchanges

    def control_walk(self, *, ascending: bool) -> None:
        order = Order.ASCENDING if ascending else Order.DESCENDING
        if self._changing:
            number = len(self.history.items)
            self.history.items.append(Permission(f"cp_{number:03}", 1_800_000_000 + number, "proj_0"))
        self.history.walk(query(limit=100, order=order), f"look {len(self.exchanges)}", probe="control")

    def repeat(self, number: int, exchange: Exchange, *, fresh: bool) -> Exchange:
        self.fresh.add(fresh)
        return self._answered(number, exchange, next(self._letters, ""))

    def repeat_together(self, number: int, exchanges: Sequence[Exchange]) -> Sequence[Exchange]:
        return [self._answered(number, each, next(self._together, "")) for each in exchanges]

    def _answered(self, number: int, exchange: Exchange, letter: str) -> Exchange:
        if not letter:
            raise SpentError
        self.asked.append((number, exchange.number))
        asked = reader().query(exchange)
        assert asked is not None
        if letter == "r":
            made = self.history.ask(asked, probe="again")
        else:
            assert exchange.answer is not None
            made = self.history.keep(asked, 500 if letter == "f" else 200, exchange.answer.body, probe="again")
        if letter == "n":
            made = replace(made, answer=None, failure=Failure(FailureKind.CUT, "the connection broke"))
        self.history.exchanges[-1] = replace(made, again=(number, exchange.number))
        return self.history.exchanges[-1]


def with_wrong_last_id(history: History) -> Exchange:
    """A page whose `last_id` is that of its first item."""
    asked = query(limit=3)
    status, body = history.page_of(asked)
    body["last_id"] = body["first_id"]
    return history.keep(asked, status, json.dumps(body).encode())


def without_object(history: History) -> Exchange:
    """A page with the same items as a right one."""
    asked = query(limit=3)
    status, body = history.page_of(asked)
    del body["object"]
    return history.keep(asked, status, json.dumps(body).encode())


def least(history: History, clause: str) -> Finding:
    found = tally(find([clause]), history.evidence())[clause].least
    assert found is not None
    return found


def confirming(scripted: Scripted, *names: str, moved: bool = False) -> Confirming:
    return Confirming(find(names), reader(), TARGET, scripted, moved=moved, stops=(SpentError,))


def asked_again(letters: str, clause: str = ALONE) -> tuple[Confirmation, Confirming, Scripted]:
    history = History(permissions(12))
    with_wrong_last_id(history) if clause == ALONE else without_object(history)
    scripted = Scripted(history, letters)
    made = confirming(scripted, clause)
    return made.ask([(clause, least(history, clause))])[clause], made, scripted


@pytest.mark.parametrize("clause", [ALONE, "ENV-002"])
@pytest.mark.parametrize(
    ("letters", "rounds", "seen"),
    [("www", 3, 3), ("rrr", 3, 0), ("wrw", 3, 2), ("rrw", 3, 1), ("fww", 2, 2), ("nrw", 2, 1), ("fnf", 0, 0)],
)
def test_it_is_counted_how_often_a_finding_comes_back(letters: str, rounds: int, seen: int, clause: str) -> None:
    """A round that brings no answer, or the error of a server, says nothing of the finding."""
    again, made, scripted = asked_again(letters, clause)
    assert (again.rounds, again.seen) == (rounds, seen)
    assert (again.sure, again.sure_seen) == (rounds, seen), "the list stands"
    assert scripted.asked == [(number, 0) for number in range(1, ROUNDS + 1)]
    assert scripted.fresh == {False}
    assert made.ended_by is None
    exchanges = {exchange.number: exchange for exchange in scripted.exchanges}
    assert recounted(made.repetitions, find([clause]), reader(), TARGET, exchanges) == {clause: again}


@pytest.mark.parametrize(("letters", "rounds"), [("", 0), ("w", 1), ("ww", 2)])
def test_where_no_more_may_be_asked_what_was_asked_counts(letters: str, rounds: int) -> None:
    again, made, _ = asked_again(letters)
    assert (again.rounds, again.seen) == (rounds, rounds)
    assert isinstance(made.ended_by, SpentError)


def test_an_exception_that_is_no_end_comes_out() -> None:
    history = History(permissions(12))
    with_wrong_last_id(history)
    made = Confirming(find([ALONE]), reader(), TARGET, Scripted(history, "w"), moved=False, stops=(KeyboardInterrupt,))
    with pytest.raises(SpentError):
        made.ask([(ALONE, least(history, ALONE))])


# What follows from another breach


@pytest.mark.parametrize(("letters", "asked"), [("www", 3), ("rwwwww", 6), ("rrrrrr", 6)])
def test_what_follows_is_asked_only_where_its_root_does_not_come_back(letters: str, asked: int) -> None:
    history = History(permissions(12))
    with_wrong_last_id(history)
    history.ask(query(limit=4))
    root = least(history, ALONE)
    follows = replace(root, exchanges=(history.exchanges[1],))
    scripted = Scripted(history, letters)
    made = confirming(scripted, ALONE, DERIVED)
    counted = made.ask([(ALONE, root), (DERIVED, follows)], {DERIVED: ALONE})
    assert len(scripted.asked) == asked
    assert counted[DERIVED].rounds == (0 if asked == ROUNDS else ROUNDS)
    assert counted[ALONE].rounds == ROUNDS


def test_what_two_findings_rest_on_is_asked_once_a_round() -> None:
    history = History(permissions(12))
    with_wrong_last_id(history)
    root = least(history, ALONE)
    scripted = Scripted(history, "wrw")
    counted = confirming(scripted, ALONE, DERIVED).ask([(ALONE, root), (DERIVED, root)], {})
    assert len(scripted.asked) == ROUNDS
    assert counted[ALONE].seen == counted[DERIVED].seen == 2, "of the other clause the same answer is enough"


def test_warnings_and_what_rests_on_many_answers_are_not_asked_again() -> None:
    history = History(permissions(12))
    exchange = with_wrong_last_id(history)
    plain = least(history, ALONE)
    tallies = {
        "follows": Tally(findings=[plain]),
        "plain": Tally(findings=[plain]),
        "warning": Tally(findings=[replace(plain, warning=True)]),
        "long": Tally(findings=[replace(plain, exchanges=(exchange,) * (LONGEST_REPLAY + 1))]),
        "as long as may be": Tally(findings=[replace(plain, exchanges=(exchange,) * LONGEST_REPLAY)]),
        "kept": Tally(),
    }
    assert [name for name, _ in worth_confirming(tallies, {"follows"})] == ["plain", "as long as may be", "follows"]


# Lists that change


def more_on_the_last_page(items: int) -> tuple[History, Finding]:
    """Two pages, the last of which says that more follows, and the empty one after it."""
    history = History(permissions(items))
    history.walk(query(limit=100, order=Order.DESCENDING), "control", probe="control")
    asked = query(limit=items, order=Order.ASCENDING)
    status, body = history.page_of(asked)
    last = str(body["last_id"])
    history.keep(asked, status, json.dumps({**body, "has_more": True}).encode())
    history.ask(query(limit=items, order=Order.ASCENDING, after=last))
    finding = least(history, PAGED)
    assert finding.stable_list
    return history, finding


def test_what_rests_on_a_list_that_stands_is_asked_between_two_looks() -> None:
    history, finding = more_on_the_last_page(6)
    scripted = Scripted(history, "wrwrwr")
    again = confirming(scripted, PAGED, moved=True).ask([(PAGED, finding)])[PAGED]
    assert (again.rounds, again.seen, again.sure, again.sure_seen) == (1, 1, 1, 1), "one sure round is enough"
    assert scripted.fresh == {True}
    probes = [exchange.probe for exchange in history.exchanges[3:]]
    assert probes == ["control", "again", "again", "control"]


def test_a_round_in_which_the_list_changed_is_not_sure() -> None:
    history, finding = more_on_the_last_page(6)
    scripted = Scripted(history, "wrwrwr", changing=True)
    again = confirming(scripted, PAGED, moved=True).ask([(PAGED, finding)])[PAGED]
    assert (again.rounds, again.sure, again.sure_seen) == (ROUNDS, 0, 0)


# Company


def in_company() -> tuple[History, Finding]:
    """A wrong answer to a request beside which another one was under way."""
    history = History(permissions(12))
    wrong = with_wrong_last_id(history)
    other = history.ask(query(limit=5))
    history.exchanges[:] = [replace(wrong, received=other.received + 1), other]
    return history, least(history, ALONE)


def test_what_does_not_come_back_alone_is_asked_with_what_was_under_way_beside_it() -> None:
    history, finding = in_company()
    scripted = Scripted(history, "rrr", together="wr")
    again = confirming(scripted, ALONE).ask([(ALONE, finding)])[ALONE]
    assert (again.rounds, again.seen, again.alone) == (1, 1, ROUNDS)
    assert [place for number, place in scripted.asked if number == ROUNDS + 1] == [0, 1]


def test_what_comes_back_alone_is_asked_without_company() -> None:
    history, finding = in_company()
    scripted = Scripted(history, "www")
    again = confirming(scripted, ALONE).ask([(ALONE, finding)])[ALONE]
    assert (again.rounds, again.seen, again.alone) == (ROUNDS, ROUNDS, 0)


def test_what_comes_back_neither_alone_nor_in_company_is_counted_alone() -> None:
    history, finding = in_company()
    scripted = Scripted(history, "rrr", together="rrrr")
    again = confirming(scripted, ALONE).ask([(ALONE, finding)])[ALONE]
    assert (again.rounds, again.seen, again.alone) == (ROUNDS, 0, 0)


@pytest.mark.parametrize(("others", "counts"), [(1, (1, 1, ROUNDS)), (20, (0, ROUNDS, 0))])
def test_what_is_seldom_wrong_is_not_put_down_to_company(others: int, counts: tuple[int, int, int]) -> None:
    history, finding = in_company()
    for limit in range(2, 2 + others):
        history.ask(query(limit=limit))
    again = confirming(Scripted(history, "rrr", together="wr"), ALONE).ask([(ALONE, finding)])
    evidence = history.evidence()
    (judged,) = judge(find([ALONE]), evidence, tally(find([ALONE]), evidence), again)
    assert (judged.seen, judged.asked, judged.alone) == counts
