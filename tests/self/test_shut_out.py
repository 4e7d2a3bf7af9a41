"""Targets that stop answering in the middle of a run: for maintenance, or because of the wrong keys that were tried."""

from __future__ import annotations

from contracts.core.model import Result, Verdict
from contracts.mock.app import Behaviour, Refused, Request
from contracts.mock.server import Server
from contracts.runs.selftest import against

MOST_REFUSED = 15
FIRST_OF_MAINTENANCE = 200


class LocksOut(Behaviour):
    """After some refusals nobody is let in any more."""

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


def test_a_lock_out_is_told_as_one() -> None:
    result = against(Server(behaviour=LocksOut()))
    assert [note for note in result.notes if "answered 403, also where it had been answered 200" in note]
    assert "HTP-001" in broken(result)


def test_maintenance_is_no_other_breach_than_a_5xx() -> None:
    result = against(Server(behaviour=Maintained()))
    assert broken(result) == {"HTP-005"}


def test_a_right_server_is_not_said_to_lock_out() -> None:
    result = against(Server())
    assert result.notes == ()
