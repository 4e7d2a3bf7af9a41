"""What is wrong now and then fails the run, and the report says how often it was seen."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from contracts.core.errors import ExitCode
from contracts.core.result import Verdict
from contracts.mock.app import Behaviour, Request, Response
from contracts.mock.faults import FAULTS, open_fault
from contracts.mock.server import Server
from contracts.mock.store import seeded
from contracts.probes import PROBES, Asking
from contracts.probes.asking import ShareSpent
from contracts.reports.summary import times
from contracts.reports.terminal import Style, report
from contracts.runs import live
from contracts.runs.selftest import WARNED_ONLY, against

NOW_AND_THEN = [
    *(name for name, fault in FAULTS.items() if fault.where is not None and fault.where.name == "sixth"),
    *("gateway-gives-up", "newest-not-on-each-replica", "reversed-now-and-then", "nothing-now-and-then"),
]
FAILING = [name for name in NOW_AND_THEN if name not in WARNED_ONLY]


@pytest.mark.parametrize("name", FAILING)
def test_what_is_wrong_one_time_in_six_is_reported(name: str) -> None:
    result = against(open_fault(name))
    judgement = next(one for one in result.judgements if one.clause == FAULTS[name].clause)
    assert judgement.verdict is Verdict.BROKEN
    assert result.exit_code == ExitCode.BROKEN
    assert 0 < judgement.breaches < judgement.cases, "how often in all"
    # A breach that follows from another one is told there.
    told = next(one for one in result.judgements if one.clause == (judgement.because or judgement.clause))
    assert 0 <= told.seen <= told.asked
    assert told.asked > 0, "it was asked again"
    assert f"{told.seen} of {told.asked}" in times(told)
    assert times(told) in " ".join(report(result, Style()).text().split())


def test_a_probe_that_costs_more_than_its_share_leaves_the_confirmation_its_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def costly(asking: Asking) -> None:
        with suppress(ShareSpent):
            PROBES["filters"].ask(asking)
        asking.begin("filters", 40)
        asking.ask_all(asking.query(limit=3) for _ in range(40))

    probes = {**PROBES, "filters": replace(PROBES["filters"], ask=costly)}
    monkeypatch.setattr(live, "PROBES", probes)
    result = against(open_fault("first-id-of-last-item"))
    found = next(one for one in result.judgements if one.clause == "PAG-004")
    assert dict(result.requests_by_probe)["filters"] > 40, "it took what it was not given"
    assert (found.seen, found.asked) == (3, 3)


def test_some_are_seen_now_and_then_when_asked_again() -> None:
    """The count counts: one that always comes back is told from one that does not."""
    always = against(open_fault("one-too-many"))
    judgement = next(one for one in always.judgements if one.clause == "PAG-001")
    assert judgement.seen == judgement.asked > 0
    assert "intermittent" not in times(judgement)


def test_what_a_network_does_as_well_only_warns() -> None:
    name = "cut-short-sixth"
    assert name in WARNED_ONLY
    result = against(open_fault(name))
    judgement = next(one for one in result.judgements if one.clause == FAULTS[name].clause)
    assert judgement.verdict is Verdict.WARNED
    assert judgement.finding is not None
    assert result.exit_code == ExitCode.KEPT


class _FailingTwice(Behaviour):
    """Answers the first two requests of some odd queries with a 500, and is right from then on."""

    async def serve(self, request: Request, /) -> Response:
        odd = next((text for text in ("limit=2147483647", "after=aaaa") if text in request.query), None)
        self.memory[odd] = self.memory.get(odd, 0) + 1
        return Response(500) if odd and self.memory[odd] <= 2 else await super().serve(request)


def test_a_5xx_that_comes_back_once_and_not_again_is_held_against_no_parameter() -> None:
    result = against(Server(seeded(size=57), _FailingTwice()))
    broken = [one for one in result.judgements if one.verdict is Verdict.BROKEN]
    assert [one.clause for one in broken] == ["HTP-005"]
