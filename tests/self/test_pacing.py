"""When the next request may go, by a clock that moves only where something waits."""

from __future__ import annotations

import threading

import pytest

from contracts.core.errors import ConfigurationError
from contracts.core.model import Answer
from contracts.traffic.pacing import BudgetSpent, OutOfTime, Pace, RunStopped, asked_to_wait

NOW = 1_800_000_000.0
"""Friday, 15 January 2027, 08:00:00 GMT."""


class Clock:
    """A clock that advances by the seconds that are slept."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def pace(clock: Clock, *, budget: int = 9, rate: float | None = None, run: float | None = None) -> Pace:
    return Pace(budget=budget, rate=rate, run=run, clock=clock, sleep=clock.sleep)


def test_as_many_pass_as_the_budget_allows() -> None:
    clock = Clock()
    made = pace(clock, budget=2)
    made.pass_one("walks")
    made.pass_one("access")
    with pytest.raises(BudgetSpent, match="all 2 requests of the budget are spent"):
        made.pass_one("walks")
    assert made.requests == 2
    assert made.by_probe == {"walks": 1, "access": 1}
    assert clock.slept == []


def test_requests_are_spaced_by_the_rate_and_not_made_up_for() -> None:
    clock = Clock()
    made = pace(clock, rate=4.0)
    for _ in range(3):
        made.pass_one("p")
    assert clock.slept == [0.25, 0.25]
    clock.now += 10
    made.pass_one("p")
    made.pass_one("p")
    assert clock.slept == [0.25, 0.25, 0.25], "what was slow before is not caught up with"


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_rate_that_lets_nothing_pass_is_refused(rate: float) -> None:
    with pytest.raises(ConfigurationError, match="The rate must be above 0 requests a second"):
        pace(Clock(), rate=rate)


def test_what_is_held_passes_later() -> None:
    clock = Clock()
    made = pace(clock)
    made.hold(3.0)
    made.hold(1.0)
    made.pass_one("p")
    assert clock.slept == [3.0], "the longer of two counts"
    made.pass_one("p")
    assert clock.slept == [3.0]


def test_nothing_passes_when_the_run_is_over() -> None:
    clock = Clock()
    made = pace(clock, run=5.0)
    made.pass_one("p")
    clock.now += 5.0
    with pytest.raises(OutOfTime, match="the run may take 5 s"):
        made.pass_one("p")
    assert made.requests == 1


def test_a_wait_beyond_the_end_of_the_run_is_not_begun() -> None:
    clock = Clock()
    made = pace(clock, run=5.0)
    made.pause(4.0)
    with pytest.raises(OutOfTime):
        made.pause(1.0)
    assert clock.slept == [4.0]


def test_a_slot_beyond_the_end_of_the_run_is_not_waited_for() -> None:
    clock = Clock()
    made = pace(clock, rate=0.1, run=5.0)
    made.pass_one("p")
    with pytest.raises(OutOfTime):
        made.pass_one("p")
    assert clock.slept == []


def test_an_answer_has_no_more_time_than_the_run() -> None:
    clock = Clock()
    assert pace(clock).left(30.0) == 30.0
    made = pace(clock, run=5.0)
    assert made.left(3.0) == 3.0
    assert made.left(30.0) == 5.0
    clock.now += 60
    assert made.left(30.0) == 0.001, "no time is none at all for a socket"


def test_a_closed_pace_lets_nothing_pass() -> None:
    made = pace(Clock())
    made.close()
    with pytest.raises(RunStopped):
        made.pass_one("p")
    assert made.requests == 0


def test_closing_ends_a_wait() -> None:
    made = Pace(budget=1, rate=None, run=None, clock=Clock(), sleep=None)
    ended = []

    def wait() -> None:
        try:
            made.pause(3600.0)
        except RunStopped as stopped:
            ended.append(stopped)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    made.close()
    waiting.join(60)
    assert len(ended) == 1


# What a server asks for


@pytest.mark.parametrize(
    ("status", "value", "seconds"),
    [
        (429, "7", 7.0),
        (503, "7", 7.0),
        (429, " 0 ", 0.0),
        (429, "1.5", 1.5),
        (429, "-3", 0.0),
        (503, "Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        (503, "Fri, 15 Jan 2027 08:00:30", 30.0),
        (503, "Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        (503, "9" * 5000, float("inf")),
        (503, "soon", None),
        (503, "Thu, 99 Nov 2025 99:99:99 GMT", None),
        (503, None, None),
        (500, "7", None),
        (200, "7", None),
        (301, "7", None),
    ],
)
def test_what_a_server_asks_for(status: int, value: str | None, seconds: float | None) -> None:
    headers = () if value is None else (("retry-after", value),)
    assert asked_to_wait(Answer(status, "", headers, b""), 0, NOW) == seconds


@pytest.mark.parametrize("value", [None, "soon"])
def test_429_without_a_time_is_waited_for_twice_as_long_each_time(value: str | None) -> None:
    headers = () if value is None else (("Retry-After", value),)
    answer = Answer(429, "", headers, b"")
    assert [asked_to_wait(answer, waits, NOW) for waits in range(4)] == [1.0, 2.0, 4.0, 8.0]
