"""How attempts to connect to a target ended, and what is worth trying after them."""

from __future__ import annotations

import pytest

from contracts.core.model import FailureKind
from contracts.traffic.health import Health
from contracts.traffic.limits import Limits

LIMITS = Limits(gone=3, tries=4)


@pytest.fixture
def health() -> Health:
    return Health(LIMITS)


def tried(
    health: Health,
    *,
    reached: bool = True,
    refused: bool = False,
    late: bool = False,
    times: tuple[float, float] = (0.0, 0.0),
) -> None:
    health.tried(reached=reached, refused=refused, late=late, begun=times[0], ended=times[1])


def test_a_target_is_gone_after_so_many_tries_in_a_row(health: Health) -> None:
    for _ in range(2):
        tried(health, reached=False)
    assert not health.gone
    tried(health, reached=True)
    assert health.reached
    assert health.unreachable == 0
    for _ in range(2):
        tried(health, reached=False)
    assert not health.gone
    health.connected(reached=False)
    assert health.gone
    health.connected(reached=True)
    assert not health.gone


def test_a_target_that_was_never_there_was_not_reached(health: Health) -> None:
    tried(health, reached=False)
    health.connected(reached=False)
    assert not health.reached


def test_a_host_refuses_if_every_try_since_the_last_connection_was_refused(health: Health) -> None:
    tried(health, reached=False, refused=True)
    tried(health, reached=False, refused=True)
    assert health.refused
    health.connected(reached=False, refused=True)
    assert health.refused
    tried(health, reached=False)
    assert not health.refused, "one of them was not refused"
    tried(health, reached=False, refused=True)
    assert not health.refused, "and that one still counts"
    tried(health, reached=True)
    tried(health, reached=False, refused=True)
    assert health.refused, "since the last connection all were"
    health.connected(reached=False)
    assert not health.refused


def test_what_is_waited_for_at_the_same_time_is_counted_once(health: Health) -> None:
    tried(health, times=(0.0, 90.0))
    assert health.stalled == 0.0, "an answer that came was not waited for in vain"
    tried(health, late=True, times=(100.0, 110.0))
    tried(health, late=True, times=(104.0, 112.0))
    assert health.stalled == 12.0
    tried(health, late=True, times=(101.0, 111.0))
    assert health.stalled == 12.0, "all of it lies in what was counted"
    tried(health, late=True, times=(120.0, 125.0))
    assert health.stalled == 17.0


def test_a_target_that_cuts_its_answers_is_asked_once(health: Health) -> None:
    for _ in range(LIMITS.gone - 1):
        health.gave_up()
    assert health.tries == LIMITS.tries
    health.answered(None)
    for _ in range(LIMITS.gone - 1):
        health.gave_up()
    assert health.tries == LIMITS.tries, "only those in a row count"
    health.gave_up()
    assert health.tries == 1
    health.answered(FailureKind.CUT)
    assert health.tries == LIMITS.tries


def test_after_a_request_that_hung_twice_none_is_sent_twice(health: Health) -> None:
    assert health.timed_out(0), "the first time is worth a second"
    assert health.timed_out(1)
    assert not health.timed_out(0), "another one hung twice"


def test_after_an_answer_to_a_second_try_all_are_worth_one(health: Health) -> None:
    assert health.timed_out(0)
    health.answered(FailureKind.TIMEOUT)
    assert health.timed_out(0)
    assert health.timed_out(1)
    assert health.timed_out(0), "a target that is slow now and then does not hang"


def test_an_answer_after_another_failure_says_nothing_of_hanging(health: Health) -> None:
    assert health.timed_out(1)
    health.answered(FailureKind.CUT)
    assert not health.timed_out(0)
