"""Several requests under way at the same time, whose exchanges come in the order in which one would ask one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue

from contracts.core.model import Exchange, Request, Step

Steps = Generator[tuple[Request, Step | None], Exchange, None]
"""Yields a request and its place in a walk, gets the exchange, and so on."""
Ask = Callable[["Job", Request, Step | None], Exchange]
"""Asks one request of a job."""


@dataclass(frozen=True, slots=True)
class Job:
    """Requests that are asked one after the other, because each may depend on the answers before it.

    ``length`` is how many there seem to be: the longest jobs are begun first. ``again`` is the round and the exchange
    that they repeat.
    """

    steps: Steps
    length: int = 1
    again: tuple[int, int] | None = None

    @classmethod
    def of(cls, request: Request, again: tuple[int, int] | None = None) -> Job:
        """The job of a single request."""

        def steps() -> Steps:
            yield request, None

        return cls(steps(), again=again)


class Lanes:
    """So many requests may be under way: fewer once the target said that there are too many."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._busy = 0
        self._wanting_all = 0
        self._free = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a free lane, and take it."""
        with self._free:
            self._free.wait_for(lambda: not self._wanting_all and self._busy < self.most)
            self._busy += 1
        try:
            yield
        finally:
            with self._free:
                self._busy -= 1
                self._free.notify_all()

    @contextmanager
    def all(self) -> Iterator[None]:
        """Wait until nobody else is under way, and keep it so; for who has a lane, which is given back afterwards."""
        with self._free:
            self._wanting_all += 1
            self._busy -= 1
            self._free.notify_all()
            self._free.wait_for(lambda: self._busy == 0)
            self._busy += 1
        try:
            yield
        finally:
            with self._free:
                self._wanting_all -= 1
                self._free.notify_all()

    def narrow(self) -> None:
        """Halve the lanes; one is left at least."""
        with self._free:
            self.most = max(1, self.most // 2)


class Allowance:
    """How many requests some jobs may put on the wire together."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()
        self.refused = False
        """Whether more was wanted than there was."""

    def take(self) -> bool:
        """Whether there is one more, which is taken."""
        with self._lock:
            if self._left <= 0:
                self.refused = True
                return False
            self._left -= 1
            return True

    def charge(self, exchange: Exchange) -> None:
        """Take what an exchange cost beyond its one request."""
        with self._lock:
            self._left -= exchange.waits + exchange.retries + exchange.redirects


def asked_in_turn(job: Job, ask: Ask, allowance: Allowance) -> Iterator[Exchange]:
    """The exchanges of a job, as far as the allowance goes."""
    try:
        request, step = next(job.steps)
        while allowance.take():
            exchange = ask(job, request, step)
            allowance.charge(exchange)
            yield exchange
            request, step = job.steps.send(exchange)
    except StopIteration:
        return


class Together:
    """Jobs that are worked off by several threads.

    Args:
        jobs: What is asked.
        ask: Asks one request, from any thread.
        allowance: What the jobs may cost.
        threads: Where the threads are from.
        number: How many jobs are under way at the same time.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        ask: Ask,
        allowance: Allowance,
        threads: Executor,
        number: int,
    ) -> None:
        self._ask = ask
        self._allowance = allowance
        self._stopped = False
        self._lock = threading.Lock()
        self._results: list[SimpleQueue[Exchange | BaseException | None]] = [SimpleQueue() for _ in jobs]
        self._waiting = iter(sorted(zip(jobs, self._results, strict=True), key=lambda each: -each[0].length))
        self._threads = threads
        self._number = min(number, len(jobs))

    def _work(self) -> None:
        while True:
            with self._lock:
                job, results = next(self._waiting, (None, None))
            if job is None or results is None:
                return
            try:
                for exchange in () if self._stopped else asked_in_turn(job, self._ask, self._allowance):
                    results.put(exchange)
                    if self._stopped:
                        break
                results.put(None)
            except BaseException as error:  # noqa: BLE001 - raised by who waits for it
                self._stopped = True
                results.put(error)

    def exchanges(self) -> Iterator[Exchange]:
        """The exchanges, job after job; the first is begun once it is wanted.

        Raises:
            BaseException: What asking raised; what was answered meanwhile is `left`.
        """
        for _ in range(self._number):
            self._threads.submit(self._work)
        for results in self._results:
            while (found := results.get()) is not None:
                if isinstance(found, BaseException):
                    raise found
                yield found

    def left(self) -> Iterator[Exchange]:
        """Begin no request any more; what was answered and not yet taken."""
        self._stopped = True
        for results in self._results:
            while not results.empty():
                found = results.get()
                if isinstance(found, Exchange):
                    yield found
