"""When the next request may go: the budget, the rate, the end of the run, and what Retry-After asks for."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from contracts.core.errors import ConfigurationError
from contracts.core.model import Answer

TOO_MANY_REQUESTS: Final = 429
UNAVAILABLE: Final = 503

_SECONDS = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")
_MOST_DIGITS = 9


class RunStopped(BaseException):
    """Nothing more can be asked in this run; what was kept until now can be judged.

    Not an `Exception`, so that a property-based test neither shrinks it nor takes it for a failure.
    """


class BudgetSpent(RunStopped):
    """The next request would be one more than the budget allows; it was not sent."""


class TargetGone(RunStopped):
    """The target could not be connected to, several times in a row."""


class OutOfTime(RunStopped):
    """The time for the whole run is over."""


class OutOfRoom(RunStopped):
    """The answers are larger than what a run keeps of them."""


class DiskFull(OutOfRoom):
    """The disk takes no more of them."""


class Pace:
    """Lets requests pass one by one, from any thread.

    Args:
        budget: How many may pass.
        rate: How many may pass in a second, evenly spaced; ``None`` for no limit.
        run: Seconds after which none may pass; ``None`` for no limit.
        clock: Seconds that only grow.
        sleep: Waits for some seconds; by default it ends early when the pace is closed.

    Raises:
        ConfigurationError: The rate is not above 0.
    """

    def __init__(
        self,
        *,
        budget: int,
        rate: float | None,
        run: float | None,
        clock: Callable[[], float],
        sleep: Callable[[float], object] | None,
    ) -> None:
        if rate is not None and not rate > 0:
            msg = f"The rate must be above 0 requests a second, not {rate:g}."
            raise ConfigurationError(msg)
        self.budget = budget
        self.requests = 0
        self.by_probe: Counter[str] = Counter()
        self._clock = clock
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._spacing = 1.0 / rate if rate else 0.0
        self._slot = clock()
        self._held = False
        self._run = run
        self._end = None if run is None else self._slot + run
        self._lock = threading.Lock()

    def pass_one(self, probe: str) -> None:
        """Waits until a request may be put on the wire, and counts it.

        Raises:
            BudgetSpent: None is left.
            OutOfTime: The run is over, or would be before the request may go.
            RunStopped: The pace was closed.
        """
        self.pause(0.0)
        if self._spacing or self._held:
            with self._lock:
                now = self._clock()
                begin = max(now, self._slot)
                self._slot = begin + self._spacing
            self.pause(begin - now)
        with self._lock:
            if self.requests >= self.budget:
                msg = f"all {self.budget} requests of the budget are spent"
                raise BudgetSpent(msg)
            self.requests += 1
            self.by_probe[probe] += 1

    def hold(self, seconds: float) -> None:
        """Lets no request pass for so many seconds."""
        with self._lock:
            self._held = True
            self._slot = max(self._slot, self._clock() + seconds)

    def pause(self, seconds: float) -> None:
        """Waits.

        Raises:
            OutOfTime: The run would be over before that; raised at once.
            RunStopped: The pace was closed.
        """
        if self._end is not None and self._clock() + seconds >= self._end:
            msg = f"the run may take {self._run:g} s"
            raise OutOfTime(msg)
        if seconds > 0:
            self._sleep(seconds)
        if self._closed.is_set():
            raise RunStopped("the client was closed")

    def left(self, wanted: float) -> float:
        """As many of the wanted seconds as the run still has."""
        return wanted if self._end is None else min(wanted, max(0.001, self._end - self._clock()))

    def close(self) -> None:
        """Ends all waiting."""
        self._closed.set()


def asked_to_wait(answer: Answer, waits: int, now: float) -> float | None:
    """The seconds after which a server wants to be asked again; ``None`` when it does not.

    A 503 asks for it with Retry-After only. A 429 always does; without Retry-After it is taken to mean 1 s the
    first time and twice as long each further time.

    Args:
        answer: What the server sent.
        waits: How often it was already waited for.
        now: The Unix time in seconds, for a Retry-After that is a date.
    """
    if answer.status not in {TOO_MANY_REQUESTS, UNAVAILABLE}:
        return None
    value = answer.header("Retry-After")
    seconds = None if value is None else _retry_after(value.strip(), now)
    if seconds is None and answer.status == TOO_MANY_REQUESTS:
        return float(2**waits)
    return seconds


def _retry_after(value: str, now: float) -> float | None:
    if _SECONDS.fullmatch(value):
        if value.startswith("-"):
            return 0.0
        return float(value) if len(value) <= _MOST_DIGITS else float("inf")
    with suppress(ValueError, OverflowError, IndexError, TypeError):
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())
    return None
