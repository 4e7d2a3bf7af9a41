"""Targets that stop answering in the middle of a run: for maintenance, or because of the wrong keys that were tried."""

from __future__ import annotations

import pytest

from contracts.core.errors import ExitCode
from contracts.core.model import Target
from contracts.core.result import Result, Verdict
from contracts.mock.app import Behaviour, Refused, Request
from contracts.mock.server import Server
from contracts.openapi.loading import load_operation
from contracts.reports import terminal
from contracts.runs.live import run
from contracts.runs.plan import Plan
from contracts.runs.selftest import against
from contracts.traffic.keys import Keys
from contracts.traffic.limits import Limits

MOST_REFUSED = 15
FIRST_OF_MAINTENANCE = 200
FIRST_OF_CHANGE = 25


class LocksOut(Behaviour):
    """After some refusals every request is refused."""

    def authenticate(self, request: Request, /) -> None:
        if self.memory.get("refused", 0) > MOST_REFUSED:
            raise Refused(403, "This address is blocked.")
        try:
            super().authenticate(request)
        except Refused:
            self.memory["refused"] = self.memory.get("refused", 0) + 1
            raise


class Maintained(Behaviour):
    """From some request on the answer is a 503 that says when to come back, which is later than anyone waits."""

    def authenticate(self, request: Request, /) -> None:
        if request.number >= FIRST_OF_MAINTENANCE:
            raise Refused(503, "Come back later.", headers=[("Retry-After", "3600")])
        super().authenticate(request)


def broken(result: Result) -> set[str]:
    return {one.clause for one in result.judgements if one.verdict is Verdict.BROKEN}


def test_a_lock_out_is_reported_as_one() -> None:
    result = against(Server(behaviour=LocksOut()))
    assert [note for note in result.notes if "answered 403, also where it had been answered 200" in note]
    assert "HTP-001" in broken(result)


def test_maintenance_is_no_other_breach_than_a_5xx() -> None:
    result = against(Server(behaviour=Maintained()))
    assert broken(result) == {"HTP-005"}


def test_a_right_server_is_not_said_to_lock_out() -> None:
    result = against(Server())
    assert result.notes == ()


class Changes(Behaviour):
    """From some request on all is answered with one status, which may ask to wait for longer than anyone does."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    def authenticate(self, request: Request, /) -> None:
        super().authenticate(request)
        if request.number >= FIRST_OF_CHANGE:
            raise Refused(self.status, "This is another server now.", headers=[("Retry-After", "90")])


class PutsOff(Behaviour):
    """One request in 25 is to come back later than anyone waits."""

    def authenticate(self, request: Request, /) -> None:
        super().authenticate(request)
        if request.number % 25 == 0:
            raise Refused(429, "Slow down.", headers=[("Retry-After", "90")])


@pytest.mark.parametrize(
    ("status", "clauses"),
    [
        (401, {"HTP-001"}),
        (403, {"HTP-001"}),
        (404, {"HTP-001"}),
        (500, {"HTP-005"}),
        (410, {"HTP-001"}),
        (421, {"HTP-001"}),
        (300, {"HTP-001"}),
    ],
)
def test_a_change_in_mid_run_is_reported_first_and_held_against_no_clause_about_the_list(
    status: int, clauses: set[str]
) -> None:
    result = against(Server(behaviour=Changes(status)))
    assert f"answered {status}, also where it had been answered 200: " in result.notes[0]
    assert result.notes[0].startswith(f"From request {FIRST_OF_CHANGE} on ")
    quiet = terminal.report(result, terminal.Style(quiet=True)).text()
    assert quiet.lstrip().startswith(f"From request {FIRST_OF_CHANGE} on ")
    assert terminal.report(result).text().count(f"From request {FIRST_OF_CHANGE} on ") == 1
    assert broken(result) == clauses


def test_a_rate_limit_that_lasts_ends_the_run_and_asks_for_a_slower_rate() -> None:
    result = against(Server(behaviour=Changes(429)))
    assert broken(result) == set()
    assert result.exit_code == ExitCode.INCOMPLETE
    assert result.requests < FIRST_OF_CHANGE + 9, "nothing is asked for ever"
    assert result.notes[0].startswith(
        "Not everything was asked: 3 requests in a row were answered with 429 that asks to"
    )
    assert result.notes[0].endswith("Provide a slower --rate.")
    undecided = [one for one in result.judgements if one.verdict is Verdict.NOT_EXERCISED]
    assert any(one.provide == "a slower --rate" for one in undecided)
    assert not any("--requests" in one.provide for one in undecided)


def test_what_a_rate_limit_kept_from_being_asked_breaks_nothing_and_is_reported() -> None:
    result = against(Server(behaviour=PutsOff()))
    assert broken(result) == set()
    assert any("got nothing but 429" in note and "--rate" in note for note in result.notes)


def test_a_run_whose_time_is_over_asks_for_more_time() -> None:
    with Server() as server:
        data = server.dataset
        keys, target = Keys.of(data.admin_key, data.user_key), Target(server.base_url, data.checkpoint)
        # The second request would have to wait for longer than the run may take.
        limits = Limits(run=30.0)
        result = run(Plan(target=target, keys=keys, operation=load_operation(), seed=0, rate=1 / 60, limits=limits))
    assert "Not everything was asked: the run may take 30 s. Provide more time (--max-time)." in result.notes
    undecided = [one.provide for one in result.judgements if one.verdict is Verdict.NOT_EXERCISED]
    assert "more time (--max-time)" in undecided
    assert not any("--requests" in provide for provide in undecided)
