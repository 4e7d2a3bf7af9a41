"""The client of a run: sends GET requests within a budget, also several at the same time, and keeps all exchanges.

How a single request gets its answer is in `contracts.traffic.sending`.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from statistics import median
from types import TracebackType
from typing import Final, Self

from contracts.core.model import Exchange, Failure, FailureKind, Request, Step
from contracts.traffic.concurrency import Chain, Lanes, Together, asked_in_turn
from contracts.traffic.keys import Keys
from contracts.traffic.limits import Limits
from contracts.traffic.pacing import (
    BudgetSpent,
    DiskFull,
    OutOfRoom,
    OutOfTime,
    RunStopped,
    TargetGone,
)
from contracts.traffic.redaction import Redactor
from contracts.traffic.route import STRAIGHT, Route
from contracts.traffic.sending import Sender
from contracts.traffic.spool import Spool
from contracts.traffic.wire import FenceError

__all__ = [
    "BudgetSpent",
    "Client",
    "DiskFull",
    "FenceError",
    "Limits",
    "OutOfRoom",
    "OutOfTime",
    "RunStopped",
    "TargetGone",
]

MOST_TOGETHER: Final = 8
"""Requests that are under way at the same time, at most."""

FAR_SECONDS: Final = 0.02
"""Seconds. With slower answers, sending requests one by one takes noticeable time."""

_ALONE: Final = frozenset({"inputs"})
"""Probes whose requests may bring a target down. They are sent one by one unless the target is far, so that it shows
which request did it."""

_GATE_SECONDS = 10.0
_APART_SECONDS = 0.05
"""Seconds between the retries of requests that were sent together and asked to wait."""


class Client:
    """Sends GET requests to one target and keeps every exchange.

    There is no way to send another method: none of the functions takes one, and the wire below refuses
    whatever is not one GET without a body. Redirects are followed within the origin only, so a key reaches
    no other place. Proxies and certificates are those of ``route``; the environment is not read.

    Args:
        base_url: The base URL of the target; paths of requests are appended to its path.
        keys: The keys. An exchange contains them where the target repeats them, and says so.
        redactor: Finds keys in answers; by default one for these keys.
        budget: The most requests that may be sent; each retry and redirect counts.
        rate: Requests a second, evenly spaced; ``None`` for no limit.
        limits: The deadlines and sizes for one answer, one request and the run.
        seed: The seed of the run, from which the unknown key is made.
        route: The proxies and certificates on the way to the target.
        concurrency: The most independent requests that may be under way at the same time.
        on_exchange: Called with each exchange after it was kept, in the calling thread.
        clock: A monotonic clock in seconds, for the rate and the deadline of the run.
        sleep: Waits for some seconds; by default it ends early when the client is closed.
        now: Unix time in seconds.

    Raises:
        ConfigurationError: The base URL, the rate or the route can't be used.
    """

    def __init__(
        self,
        base_url: str,
        keys: Keys,
        *,
        budget: int,
        seed: int,
        rate: float | None = None,
        limits: Limits | None = None,
        route: Route = STRAIGHT,
        concurrency: int = 1,
        key_header: str = "",
        redactor: Redactor | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sender = Sender(
            base_url,
            keys,
            budget=budget,
            seed=seed,
            rate=rate,
            limits=limits or Limits(),
            route=route,
            lanes=Lanes(concurrency),
            key_header=key_header,
            redactor=redactor or Redactor.of(keys, seed),
            clock=clock,
            sleep=sleep,
            now=now,
        )
        self.exchanges: list[Exchange] = []
        """All exchanges that are kept in memory; concurrent ones in the order in which they were given."""
        self.spool = Spool()
        """The exchanges that are kept on disk."""
        self.retries = 0
        """The number of retries of all exchanges because a connection broke. A request that the end of the budget or of
        the run cut off between two attempts has no exchange, and its retries don't count."""
        self._numbered = 0
        self._on_exchange = on_exchange
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._concurrency = concurrency

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all requests that are under way, and close the connections."""
        self._sender.close()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)

    @property
    def redactor(self) -> Redactor:
        """Takes the keys out of what is written of the exchanges."""
        return self._sender.redactor

    @property
    def waits(self) -> int:
        """The number of answers that asked to wait, and were waited for."""
        return self._sender.waits

    @property
    def waited(self) -> float:
        """Seconds spent in these waits."""
        return self._sender.waited

    @property
    def budget(self) -> int:
        """The most requests that may be sent in all."""
        return self._sender.pace.budget

    @property
    def requests(self) -> int:
        """The number of requests that were sent."""
        return self._sender.pace.requests

    @property
    def remaining(self) -> int:
        """The number of requests that may still be sent."""
        return self._sender.pace.budget - self._sender.pace.requests

    @property
    def requests_by_probe(self) -> Counter[str]:
        """The number of requests that each probe sent."""
        return self._sender.pace.by_probe

    def extend(self, more: int) -> None:
        """Enlarge the budget by ``more`` requests, whose answers are kept on disk."""
        self._sender.pace.budget += more
        self.spool.room += self._sender.limits.stored + more * self._sender.limits.stored_each

    def count(self, probe: str) -> None:
        """Wait until one more request may be sent, and count it: it is sent without this client.

        Raises:
            RunStopped: None may be sent any more.
        """
        self._sender.pace.pass_one(probe)

    def send(
        self,
        request: Request,
        *,
        probe: str,
        step: Step | None = None,
        again: tuple[int, int] | None = None,
        spooled: bool = False,
    ) -> Exchange:
        """Send one request.

        Args:
            request: The request.
            probe: The name of the probe, for the report.
            step: Its place in a walk.
            again: For a repetition: its round, and the number of the exchange that it repeats.
            spooled: Whether the exchange is kept on disk, and not in memory.

        Raises:
            BudgetSpent: Nothing more may be sent.
            OutOfRoom: No more answers can be kept.
            TargetGone: The target can't be connected to any more. The exchange is kept.
            OutOfTime: The time of the run is over.
            ValueError: The credential can't be formed with these keys.
            FenceError: The request can't be put on the wire as it is. A defect of the caller.
        """
        asked, waited = self._sender.ask_patiently(request, probe, kept=not spooled)
        exchange = self._record(replace(asked, step=step, again=again), kept=not spooled)
        self._check_target(exchange, waited=waited)
        return exchange

    def send_chains(
        self,
        chains: Sequence[Chain],
        *,
        probe: str,
        most: int,
        until: float | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[list[Exchange], bool]:
        """Send the requests of several chains, as many at the same time as the concurrency allows.

        The exchanges are kept chain after chain, as they would be without concurrency; their `sent` and `received` show
        which of them overlapped.

        Args:
            chains: The chains.
            probe: The name of the probe, for the report.
            most: The most requests that may be sent; each retry and redirect counts.
            until: When no further request is begun, on the clock of `time.monotonic`.
            meanwhile: Called while answers are awaited; not called if the requests are sent one by one.

        Returns:
            The exchanges, and whether ``most`` and the time sufficed.

        Raises:
            RunStopped: Nothing more can be sent. The answers until then are kept.
            ValueError: A credential can't be formed with these keys.
            FenceError: A request can't be put on the wire as it is.
        """
        if self._sender.lanes.most == 1 or (probe in _ALONE and not self.far):

            def send(chain: Chain, request: Request, step: Step | None) -> Exchange:
                return self.send(request, probe=probe, step=step, again=chain.again)

            found = list(asked_in_turn(chains, send, most, until))
            return [exchange for exchange in found if exchange is not None], None not in found

        def ask(chain: Chain, request: Request, step: Step | None) -> Exchange:
            with self._sender.lanes.one():
                asked, _ = self._sender.ask_patiently(request, probe, beside=True)
            return replace(asked, step=step, again=chain.again)

        together = Together(chains, ask, most, self._pool, self._concurrency, each=self.each, until=until)
        done = []
        gone = False
        try:
            together.begin()
            if meanwhile is not None:
                meanwhile()
            for exchange in together.exchanges():
                done.append(self._record(exchange))
                self._check_target(done[-1], beside=True)
        except TargetGone:
            gone = True
            raise
        finally:
            # After an interrupt too, the answers until then are kept.
            for exchange in together.left(wait=gone):
                self._record(exchange, reported=False)
        return done, together.sufficed

    @property
    def each(self) -> int:
        """How many requests on the wire an exchange may take here: 2 where redirects were seen."""
        return 2 if any(exchange.redirects for exchange in self.exchanges) else 1

    @property
    def far(self) -> bool:
        """Whether answers usually take so long that sending requests one by one takes noticeable time."""
        return bool(self.exchanges) and median(exchange.seconds for exchange in self.exchanges) >= FAR_SECONDS

    @property
    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            most = max(MOST_TOGETHER, self._concurrency)
            self._threads = ThreadPoolExecutor(most, thread_name_prefix="contracts")
        return self._threads

    def send_together(
        self, requests: Sequence[Request], *, probe: str, again: tuple[int, int] | None = None
    ) -> list[Exchange]:
        """Send requests at the same time, at most eight, and return their exchanges in the same order.

        Raises:
            BudgetSpent: The budget does not suffice; then nothing was sent.
            TargetGone: The target can't be connected to any more. The exchanges are kept.
            OutOfTime: The time of the run is over.
            ValueError: A credential can't be formed with these keys.
            FenceError: A request can't be put on the wire as it is.
        """
        if len(requests) > self.remaining:
            msg = f"{len(requests)} requests are wanted and {max(0, self.remaining)} are left"
            raise BudgetSpent(msg)
        done: list[Exchange] = []
        for begin in range(0, len(requests), MOST_TOGETHER):
            done += self._send_batch(requests[begin : begin + MOST_TOGETHER], probe, again)
        return done

    def _send_batch(self, requests: Sequence[Request], probe: str, again: tuple[int, int] | None) -> list[Exchange]:
        gate = threading.Barrier(len(requests), timeout=_GATE_SECONDS)

        def ask(place: int, request: Request) -> Exchange:
            gate.wait()
            return self._sender.ask(request, probe, apart=place * _APART_SECONDS)

        futures: list[Future[Exchange]] = []
        done: list[Exchange] = []
        try:
            futures += [self._pool.submit(ask, place, request) for place, request in enumerate(requests, 1)]
            errors = [future.exception() for future in futures]
        finally:
            # After an interrupt too, no thread may wait at the gate, and the answers until then are kept.
            gate.abort()
            done += [self._record(replace(answered, concurrent=True, again=again)) for answered in _answered(futures)]
        for error in errors:
            if error is not None:
                raise error
        for exchange in done:
            self._check_target(exchange)
        return done

    def _record(self, exchange: Exchange, *, kept: bool = True, reported: bool = True) -> Exchange:
        with self._lock:
            numbered = replace(exchange, number=self._numbered)
            if kept:
                self.exchanges.append(numbered)
            else:
                self.spool.append(numbered)
            self._numbered += 1
            self.retries += numbered.retries
        if reported and self._on_exchange is not None:
            self._on_exchange(numbered)
        return numbered

    def take(self, exchanges: Iterable[Exchange], *, apart: int) -> list[Exchange]:
        """Keep exchanges of other clients, as if they had been sent here now, one after the other.

        They don't count against the budget. ``apart`` is the time before and after them, and around each walk among
        them, in ticks of the run's clock.
        """
        tick = self._sender.next_tick
        taken: list[Exchange] = []
        for each in exchanges:
            if not taken or (each.step is None) is not (taken[-1].step is None):
                self._sender.skip(apart)
            taken.append(self._record(replace(each, sent=tick(), received=tick()), reported=False))
        self._sender.skip(apart)
        return taken

    def _check_target(self, exchange: Exchange, *, waited: bool = False, beside: bool = False) -> None:
        health, failure = self._sender.health, exchange.failure
        if failure is None or not health.unreachable or (not waited and self._sender.comes_back()) or not health.gone:
            return
        alone = not beside and self.exchanges[-1:] == [exchange]
        if failure.kind is FailureKind.CUT and health.refused and alone:
            failure = Failure(FailureKind.FATAL, f"{failure.text}, and refused connections from then on")
            self.exchanges[-1] = replace(exchange, failure=failure)
        raise TargetGone(failure.text)


def _answered(futures: Sequence[Future[Exchange]]) -> list[Exchange]:
    ended = [future for future in futures if future.done() and not future.cancelled()]
    return [future.result() for future in ended if future.exception() is None]
