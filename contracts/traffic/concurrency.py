"""Several requests under way at the same time, whose exchanges come in the order in which one would ask one by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue

from contracts.core.model import Exchange, Request, Step

Steps = Generator[tuple[Request, Step | None], Exchange, None]
"""Yields a request and its place in a walk, gets the exchange, and so on."""
Ask = Callable[["Chain", Request, Step | None], Exchange]
"""Asks one request of a chain."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Requests that are asked one after the other, because each may depend on the answers before it.

    ``length`` is how many there seem to be: the longest chains are begun first. There are ``most`` at the most.
    ``again`` is the round and the exchange that they repeat.
    """

    steps: Steps
    length: int = 1
    most: int = 1
    again: tuple[int, int] | None = None

    @classmethod
    def of(cls, *requests: Request, again: tuple[int, int] | None = None) -> Chain:
        """The chain of these requests."""

        def steps() -> Steps:
            for request in requests:
                yield request, None

        return cls(steps(), len(requests), len(requests), again)


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
        """Wait until no other request is under way, and let none begin meanwhile; the caller must have a lane."""
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


def cost(exchange: Exchange) -> int:
    """How many requests were put on the wire for an exchange."""
    return 1 + exchange.waits + exchange.retries + exchange.redirects


@dataclass(slots=True)
class _Course:
    """How a chain is going: what it asks next, what it cost by now, and what came of it."""

    chain: Chain
    next: tuple[Request, Step | None] | None
    """``None`` once it is over."""
    asked: int = 0
    costs: int = 0
    waiting: bool = True
    """Whether it is not under way."""
    results: SimpleQueue[Exchange | BaseException | None] = field(default_factory=SimpleQueue)

    @classmethod
    def of(cls, chain: Chain) -> _Course:
        return cls(chain, next(chain.steps, None))

    @property
    def wanted(self) -> tuple[Request, Step | None]:
        """What it asks next, of a chain that is not over."""
        assert self.next is not None  # noqa: S101 - what is over asks nothing
        return self.next

    def bound(self, each: int) -> int:
        """What it costs at the most, as far as that is known."""
        return self.costs + (each * max(1, self.chain.most - self.asked) if self.next is not None else 0)

    def take(self, exchange: Exchange) -> None:
        """Take an answer, which tells what is asked next."""
        self.costs += cost(exchange)  # first, so that others never see it cost less than it may
        self.asked += 1
        try:
            self.next = self.chain.steps.send(exchange)
        except StopIteration:
            self.next = None


def asked_in_turn(
    chains: Iterable[Chain], ask: Ask, most: int, until: float | None = None
) -> Iterator[Exchange | None]:
    """The exchanges of chains, one chain after the other; ``None`` at last if ``most`` or the time did not suffice."""
    costs = 0
    for course in map(_Course.of, chains):
        while course.next is not None:
            if costs >= most or _past(until):
                yield None
                return
            exchange = ask(course.chain, *course.wanted)
            costs += cost(exchange)
            yield exchange
            course.take(exchange)


def _past(until: float | None) -> bool:
    return until is not None and time.monotonic() >= until


class Together:
    """Chains that several threads advance, with the requests that `asked_in_turn` would ask.

    A request is sent before the chains that stand before its own are over only if they surely leave it enough.

    Args:
        chains: What is asked.
        ask: Asks one request, from any thread.
        most: What the chains may cost.
        threads: Where the threads are from.
        number: How many requests are under way at the same time.
        each: The number of requests on the wire that an exchange may take.
        until: When no further request is begun, on the clock of `time.monotonic`.
    """

    def __init__(
        self,
        chains: Sequence[Chain],
        ask: Ask,
        most: int,
        threads: Executor,
        number: int,
        *,
        each: int = 1,
        until: float | None = None,
    ) -> None:
        self._each = each
        self._until = until
        self._ask = ask
        self._most = most
        self._courses = [_Course.of(chain) for chain in chains]
        self._moved = threading.Condition()
        self._stopped = False
        self._under_way = 0
        self._threads = threads
        self._number = min(number, len(chains))
        self.sufficed = True
        """Whether the chains wanted no more than they may cost, and no more time."""

    def begin(self) -> None:
        """Begin to ask."""
        for course in self._courses:
            if course.next is None:
                course.results.put(None)
        for _ in range(self._number):
            self._threads.submit(self._work)

    def _work(self) -> None:
        while (course := self._next()) is not None:
            try:
                exchange = self._ask(course.chain, *course.wanted)
                course.results.put(exchange)
                course.take(exchange)
            except BaseException as error:  # noqa: BLE001 - raised by who waits for it
                course.results.put(error)
                self._stop()
            with self._moved:
                if course.next is None or self._stopped:
                    course.results.put(None)
                course.waiting = True
                self._under_way -= 1
                self._moved.notify_all()

    def _next(self) -> _Course | None:
        """The chain with most before it of those that may go on, once there is one; ``None`` if none is left."""
        with self._moved:
            while not self._stopped:
                if may := self._may_go_on():
                    chosen = max(may, key=lambda course: course.chain.length - course.asked)
                    chosen.waiting = False
                    self._under_way += 1
                    return chosen
                if all(course.next is None for course in self._courses):
                    return None
                if not self._under_way:
                    self.sufficed = False
                    break
                self._moved.wait()
            self._stop()
            return None

    def _may_go_on(self) -> list[_Course]:
        may: list[_Course] = []
        before = 0
        if _past(self._until):
            return may
        for course in self._courses:
            if course.next is not None and course.waiting and before + course.costs < self._most:
                may.append(course)
            before += course.bound(self._each)
        return may

    def _stop(self) -> None:
        with self._moved:
            if not self._stopped:
                self._stopped = True
                for course in self._courses:
                    if course.waiting:
                        course.results.put(None)
            self._moved.notify_all()

    def exchanges(self) -> Iterator[Exchange]:
        """The exchanges, chain after chain.

        Raises:
            BaseException: What asking raised; what was answered meanwhile is `left`.
        """
        for course in self._courses:
            while (found := course.results.get()) is not None:
                if isinstance(found, BaseException):
                    raise found
                yield found

    def left(self, *, wait: bool = False) -> Iterator[Exchange]:
        """Begin no request any more; what was answered and not yet taken, with ``wait`` also what is under way."""
        self._stop()
        if wait:
            with self._moved:
                self._moved.wait_for(lambda: not self._under_way)
        for course in self._courses:
            while not course.results.empty():
                found = course.results.get()
                if isinstance(found, Exchange):
                    yield found
