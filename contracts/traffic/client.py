"""The client of a run: sends GET requests within a budget, and keeps the answers.

It retries a request only if a connection broke or the server asked it to wait. Any other unusual answer is kept as it
came, because it is evidence.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin

from contracts.core.injection import injected
from contracts.core.model import Answer, Exchange, Failure, FailureKind, Request, Step
from contracts.traffic.credentials import CREDENTIALS, Keys, Secret
from contracts.traffic.health import Health
from contracts.traffic.lanes import Job, Lanes, Together, asked_in_turn
from contracts.traffic.limits import Limits
from contracts.traffic.origin import split_base_url, split_url
from contracts.traffic.pacing import (
    TOO_MANY_REQUESTS,
    UNAVAILABLE,
    BudgetSpent,
    OutOfRoom,
    OutOfTime,
    Pace,
    RunStopped,
    TargetGone,
    asked_to_wait,
)
from contracts.traffic.redaction import Redactor
from contracts.traffic.route import STRAIGHT, Route
from contracts.traffic.spool import Spool
from contracts.traffic.wire import AnswerError, FenceError, Raw, Wire

__all__ = [
    "BudgetSpent",
    "Client",
    "FenceError",
    "Limits",
    "OutOfRoom",
    "OutOfTime",
    "RunStopped",
    "TargetGone",
    "user_agent",
]

MOST_TOGETHER: Final = 8
"""Requests that are under way at the same time, at most."""

FAR_SECONDS: Final = 0.02
"""Seconds. With slower answers, sending requests one by one takes noticeable time."""

_ALONE: Final = frozenset({"inputs"})
"""Probes whose requests may bring a target down. They are sent one by one unless the target is far, so that it shows
which request did it."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FOLD = re.compile(rb"(?<![ \t])[ \t]*\r?\n[ \t]+")
_EXCERPT = 200
_VALUE = 30
"""Bytes of memory that one parsed JSON value takes at least."""
_GATE_SECONDS = 10.0
_APART_SECONDS = 0.05
"""Seconds between the retries of requests that were sent together and asked to wait."""
_KNOCK_SECONDS = 0.25
"""Seconds between attempts to connect to a target that went away."""


def user_agent() -> str:
    """The value of the User-Agent header."""
    try:
        return f"contracts/{version('checkpoint-permissions-contracts')}"
    except PackageNotFoundError:
        return "contracts"


@dataclass(slots=True)
class _Course:
    """The state of one request over its attempts: where it is sent now, and what was counted so far."""

    target: str
    accept: str | None
    fresh: bool
    caller: str = ""
    shared: bool = False
    new: bool = False
    connection: int | None = None
    beside: bool = False
    """Whether other requests are under way: if the server asks this one to wait, they wait too."""
    apart: float = 0.0
    """Seconds that are added to each wait, so that requests that were sent together are not retried together."""
    waits: int = 0
    waited: float = 0.0
    unavailable: bool = False
    retries: int = 0
    redirects: int = 0
    sent: int = 0
    received: int = 0
    at: float = 0.0
    seconds: float = 0.0


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
        self.limits = limits or Limits()
        self.exchanges: list[Exchange] = []
        """All exchanges that are kept in memory; concurrent ones in the order in which they were given."""
        self.spool = Spool()
        """The exchanges that are kept on disk."""
        self._numbered = 0
        self.waits = 0
        """The number of answers that asked to wait, and were waited for."""
        self.waited = 0.0
        """Seconds spent in these waits."""
        self.retries = 0
        """The number of retries because a connection broke."""
        self._origin, self._prefix = split_base_url(base_url)
        self._wire = Wire(self._origin, limits=self.limits, agent=user_agent(), route=route, key_header=key_header)
        self.redactor = redactor or Redactor.of(keys, seed)
        """Takes the keys out of what is written of the exchanges."""
        self._forms: Mapping[str, Secret | None] = {
            name: credential.form(keys, seed) for name, credential in CREDENTIALS.items() if credential.available(keys)
        }
        self._on_exchange = on_exchange
        self._now = now
        self._pace = Pace(budget=budget, rate=rate, run=self.limits.run, clock=clock, sleep=sleep)
        self._lock = threading.Lock()
        self._tick = 0
        self._health = Health(self.limits)
        self._bodies: dict[bytes, bytes] = {}
        self._stored = 0
        """Bytes of all answers; small bodies that are equal count once."""
        self._room = self.limits.stored + budget * self.limits.stored_each
        self._threads: ThreadPoolExecutor | None = None
        self._concurrency = concurrency
        self._lanes = Lanes(concurrency)
        self._returning = threading.Lock()
        self._lost = False
        """Whether the target did not come back in time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all requests that are under way, and close the connections."""
        self._pace.close()
        self._wire.close()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)

    @property
    def budget(self) -> int:
        """The most requests that may be sent in all."""
        return self._pace.budget

    @property
    def requests(self) -> int:
        """The number of requests that were sent."""
        return self._pace.requests

    @property
    def remaining(self) -> int:
        """The number of requests that may still be sent."""
        return self._pace.budget - self._pace.requests

    @property
    def requests_by_probe(self) -> Counter[str]:
        """The number of requests that each probe sent."""
        return self._pace.by_probe

    def extend(self, more: int) -> None:
        """Enlarge the budget by ``more`` requests, whose answers are kept on disk."""
        self._pace.budget += more
        self.spool.room += self.limits.stored + more * self.limits.stored_each

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
        asked, waited = self._ask_patiently(request, probe, kept=not spooled)
        exchange = self._record(replace(asked, step=step, again=again), kept=not spooled)
        self._check_target(exchange, waited=waited)
        return exchange

    def _ask_patiently(
        self, request: Request, probe: str, *, kept: bool = True, beside: bool = False
    ) -> tuple[Exchange, bool]:
        """Send a request, and once more if the target went away and came back; also returns whether it stayed away."""
        asked = self._ask(request, probe, kept=kept, beside=beside)
        if asked.failure is None or asked.failure.kind is not FailureKind.UNREACHABLE:
            return asked, False
        if self._comes_back():
            return self._ask(request, probe, kept=kept, beside=beside), False
        return asked, True

    def send_jobs(
        self, jobs: Sequence[Job], *, probe: str, most: int, meanwhile: Callable[[], None] | None = None
    ) -> tuple[list[Exchange], bool]:
        """Send the requests of several jobs, as many at the same time as the concurrency allows.

        The exchanges are kept job after job, as they would be without concurrency; their `sent` and `received` show
        which of them overlapped.

        Args:
            jobs: The jobs.
            probe: The name of the probe, for the report.
            most: The most requests that may be sent; each retry and redirect counts.
            meanwhile: Called while answers are awaited; not called if the requests are sent one by one.

        Returns:
            The exchanges, and whether ``most`` sufficed.

        Raises:
            RunStopped: Nothing more can be sent. The answers until then are kept.
            ValueError: A credential can't be formed with these keys.
            FenceError: A request can't be put on the wire as it is.
        """
        if self._lanes.most == 1 or (probe in _ALONE and not self.far):

            def send(job: Job, request: Request, step: Step | None) -> Exchange:
                return self.send(request, probe=probe, step=step, again=job.again)

            found = list(asked_in_turn(jobs, send, most))
            return [exchange for exchange in found if exchange is not None], None not in found

        def ask(job: Job, request: Request, step: Step | None) -> Exchange:
            with self._lanes.one():
                asked, _ = self._ask_patiently(request, probe, beside=True)
            return replace(asked, step=step, again=job.again)

        together = Together(jobs, ask, most, self._pool, self._concurrency)
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
                self._record(exchange, told=False)
        return done, together.sufficed

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
            return self._ask(request, probe, apart=place * _APART_SECONDS)

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

    def _record(self, exchange: Exchange, *, kept: bool = True, told: bool = True) -> Exchange:
        with self._lock:
            numbered = replace(exchange, number=self._numbered)
            if kept:
                self.exchanges.append(numbered)
            else:
                self.spool.append(numbered)
            self._numbered += 1
        if told and self._on_exchange is not None:
            self._on_exchange(numbered)
        return numbered

    def take(self, exchanges: Iterable[Exchange], *, apart: int) -> list[Exchange]:
        """Keep exchanges of other clients, as if they had been sent here now, one after the other.

        They don't count against the budget. ``apart`` is the time before and after them, in ticks of the run's clock.
        """
        self._tick += apart
        taken = [
            self._record(replace(exchange, sent=self._next_tick(), received=self._next_tick()), told=False)
            for exchange in exchanges
        ]
        self._tick += apart
        return taken

    def _check_target(self, exchange: Exchange, *, waited: bool = False, beside: bool = False) -> None:
        if exchange.failure is None or not self._health.unreachable or (not waited and self._comes_back()):
            return
        if not self._health.gone:
            return
        failure = exchange.failure
        alone = not beside and self.exchanges[-1:] == [exchange]
        if failure.kind is FailureKind.CUT and self._health.refused and alone:
            failure = Failure(FailureKind.FATAL, f"{failure.text}, and refused connections from then on")
            self.exchanges[-1] = replace(exchange, failure=failure)
        raise TargetGone(failure.text)

    def _comes_back(self) -> bool:
        """Wait for a target that was reached before to accept connections again; whether it does in time."""
        with self._returning:
            if not self._health.unreachable:
                return True  # another thread saw it come back
            until = time.monotonic() + self.limits.back
            while self._health.reached and not self._lost and time.monotonic() < until:
                self._pace.pause(min(_KNOCK_SECONDS, self.limits.back))
                try:
                    self._wire.connect_once()
                except AnswerError as error:
                    self._health.connected(reached=False, refused=error.refused)
                else:
                    self._health.connected(reached=True)
                    return True
            self._lost = self._health.gone
            return False

    def _ask(
        self, request: Request, probe: str, *, kept: bool = True, apart: float = 0.0, beside: bool = False
    ) -> Exchange:
        course = _Course(
            self._prefix + request.target,
            request.accept,
            request.fresh,
            caller="admin" if request.credential == "admin" else "others",
            shared=request.shared,
            new=request.reconnect,
            apart=apart,
            beside=beside,
        )
        authorization = self._credentials(request.credential, course)
        answer: Answer | None = None
        failure: Failure | None = None
        seen = {course.target}
        while True:
            # A request that had to wait while others were under way is retried alone.
            with self._lanes.all() if course.beside and course.waits else nullcontext():
                raw = self._attempt(course, authorization, probe)
            if isinstance(raw, Failure):
                answer, failure = None, raw
                break
            answer = self._kept(raw, kept=kept)
            pause = asked_to_wait(answer, course.waits, self._now())
            if answer.status == TOO_MANY_REQUESTS or (answer.status == UNAVAILABLE and pause is not None):
                self._lanes.narrow()
            if pause is not None and self._may_wait(pause, course):
                self._wait(pause, course, answer.status)
            elif answer.status == TOO_MANY_REQUESTS:
                failure = Failure(FailureKind.THROTTLED, _throttled(course, pause))
                break
            elif answer.status in _REDIRECTS:
                if injected(request.target, answer.headers):
                    reason: str | None = f"{answer.status} with a header that the request put into it"
                else:
                    reason = self._follow(raw, course, seen)
                if reason is not None:
                    failure = Failure(FailureKind.REDIRECT, self._sentence(reason))
                    break
            else:
                break
        return Exchange(
            number=-1,
            request=request,
            answer=answer,
            failure=failure,
            sent=course.sent,
            received=course.received,
            at=course.at,
            seconds=course.seconds,
            probe=probe,
            waits=course.waits,
            unavailable=course.unavailable,
            retries=course.retries,
            redirects=course.redirects,
            connection=course.connection if answer is not None else None,
            landed=self._below(course.target) if course.redirects else None,
        )

    def _below(self, target: str) -> str | None:
        """A path and query without the path of the base URL; ``None`` if it is not below that."""
        return target.removeprefix(self._prefix) if target.startswith(f"{self._prefix}/") else None

    def _credentials(self, name: str, course: _Course) -> Secret | None:
        """The Authorization header; a key that belongs into the query is added to the target of the course."""
        if name not in self._forms:
            msg = f"the credential {name!r} can't be formed with these keys"
            raise ValueError(msg)
        secret = self._forms[name]
        parameter = CREDENTIALS[name].parameter
        if parameter is None or secret is None:
            return secret
        course.target += f"{'&' if '?' in course.target else '?'}{parameter}={secret.reveal()}"
        return None

    def _attempt(self, course: _Course, authorization: Secret | None, probe: str) -> Raw | Failure:
        """Send a request until its answer is complete, or the attempts are used up."""
        renewed = False
        cut: Raw | None = None
        broken: Failure | None = None
        tries = 0
        while True:
            try:
                # A retry is sent alone, so that it shows which request breaks connections.
                with self._lanes.all() if course.beside and tries else nullcontext():
                    raw = self._transmit(course, authorization, probe)
            except AnswerError as error:
                failure = Failure(error.kind, self._sentence(error.text))
                if error.stale and not renewed:
                    # The server had closed the idle connection, or sent something on it without a request.
                    renewed, broken = True, failure
                    self._wire.drop()
                    continue
                if failure.kind is not FailureKind.UNREACHABLE:
                    broken = failure
                elif broken is not None:
                    # The first failure is the one that this request caused.
                    failure = Failure(broken.kind, f"{broken.text}; after that the target could not be connected to")
                outcome: Raw | Failure = failure
                again = error.again
                if failure.kind is FailureKind.TIMEOUT:
                    again = self._health.timed_out(tries) and again
            else:
                if not raw.cut:
                    self._health.answered(broken.kind if broken is not None else None)
                    return raw
                outcome = cut = raw
                again = True
            tries += 1
            if not again or tries >= self._health.tries:
                self._health.gave_up()
                return cut or outcome
            # Only a server that can't be reached needs time; one that cuts its answers is there.
            self._pace.pause(0.0 if cut is outcome else self.limits.pause * tries)
            course.retries += 1
            with self._lock:
                self.retries += 1

    def _transmit(self, course: _Course, authorization: Secret | None, probe: str) -> Raw:
        self._refuse_more(probe)
        reached = True
        course.sent = self._next_tick()
        course.at = self._now()
        late = refused = False
        begun = time.perf_counter()
        ends = time.monotonic() + self._pace.left(self.limits.answer)
        try:
            raw = self._wire.get(
                course.target,
                authorization,
                ends,
                accept=course.accept,
                fresh=course.fresh,
                caller=course.caller,
                shared=course.shared,
                new=course.new,
            )
            course.new = False
            late, course.connection = raw.late, raw.connection
        except AnswerError as error:
            reached = error.kind is not FailureKind.UNREACHABLE
            late = error.kind is FailureKind.TIMEOUT
            refused = error.refused
            # A connection that broke because the run is over says nothing about the target.
            self._pace.pause(0.0)
            raise
        finally:
            ended = time.perf_counter()
            course.seconds = ended - begun
            course.received = self._next_tick()
            self._health.tried(reached=reached, refused=refused, late=late, begun=begun, ended=ended)
        if raw.flaw is not None:
            self._pace.pause(0.0)
        return raw

    def _refuse_more(self, probe: str) -> None:
        """Wait until the next request may be sent.

        Raises:
            OutOfTime: The target has used up the time for answers that don't come or don't end.
            OutOfRoom: The answers so far are too large to be kept.
            BudgetSpent: The budget is used up.
        """
        if self._health.stalled >= self.limits.stalled:
            msg = f"{self._health.stalled:.0f} s went into answers that did not come or did not end"
            raise OutOfTime(msg)
        if self._stored > self._room:
            msg = f"the answers hold more than {self._room >> 20} MiB, which is as much as is kept"
            raise OutOfRoom(msg)
        self._pace.pass_one(probe)

    def _next_tick(self) -> int:
        with self._lock:
            self._tick += 1
            return self._tick

    def _may_wait(self, pause: float, course: _Course) -> bool:
        limits = self.limits
        return course.waits + 1 < limits.attempts and pause <= limits.wait and course.waited + pause <= limits.waits

    def _wait(self, pause: float, course: _Course, status: int) -> None:
        course.waits += 1
        course.waited += pause
        course.unavailable = course.unavailable or status == UNAVAILABLE
        if course.beside:
            self._pace.hold(pause)
        self._pace.pause(pause + course.apart)
        with self._lock:
            self.waits += 1
            self.waited += pause + course.apart

    def _follow(self, raw: Raw, course: _Course, seen: set[str]) -> str | None:
        """Follow a redirect by changing the course, and return ``None``; or return why it can't be followed."""
        locations = {value for name, value in raw.headers if name.lower() == b"location"}
        if len(locations) != 1:
            return f"{raw.status} with {'several Locations' if locations else 'no Location'}"
        location = locations.pop().decode("latin-1")
        try:
            origin, target = split_url(urljoin(f"{self._origin}{course.target}", location))
        except ValueError:
            return f"{raw.status} to a Location that is no http(s) URL: {location!r}"
        if origin != self._origin:
            return f"{raw.status} to another origin: {location!r}"
        if not target.startswith("/"):
            target = f"/{target}"
        if target in seen:
            return f"{raw.status} in a circle, back to {location!r}"
        if course.redirects >= self.limits.redirects:
            return f"more than {self.limits.redirects} redirects, the last to {location!r}"
        seen.add(target)
        course.redirects += 1
        course.target = target
        return None

    def _kept(self, raw: Raw, *, kept: bool) -> Answer:
        """The answer with the keys that it repeats; only with ``kept`` it counts against the room in memory."""
        body = raw.body[: self.limits.kept] if raw.trimmed else raw.body
        if kept:
            size = len(raw.reason) + sum(len(part) for header in raw.headers for part in header)
            with self._lock:
                # A run gets the same page many times, and keeps equal bodies once.
                # A large one counts each time, because the recording repeats it.
                again = len(body) <= self.limits.kept and body in self._bodies
                self._stored += size + (0 if again else _weight(body))
                body = self._bodies.setdefault(body, body)
        answer = Answer(
            status=raw.status,
            reason=raw.reason.decode("latin-1"),
            headers=tuple(
                (name.decode("latin-1"), _FOLD.sub(b" ", value).decode("latin-1")) for name, value in raw.headers
            ),
            body=body,
            flaw=None if raw.flaw is None else self._sentence(raw.flaw),
        )
        return replace(answer, echoes=self.redactor.echoes(answer))

    def _sentence(self, text: str) -> str:
        """A text that may come from a server, made short and printable."""
        clean = "".join(character if character.isprintable() else "?" for character in text)
        return clean if len(clean) <= _EXCERPT else f"{clean[:_EXCERPT]}…"


def _weight(body: bytes) -> int:
    """The bytes that a body takes in memory, parsed values included if it is JSON with many small ones."""
    return max(len(body), _VALUE * sum(body.count(sign) for sign in (b",", b"[", b"{")))


def _answered(futures: Sequence[Future[Exchange]]) -> list[Exchange]:
    ended = [future for future in futures if future.done() and not future.cancelled()]
    return [future.result() for future in ended if future.exception() is None]


def _throttled(course: _Course, pause: float | None) -> str:
    if pause is None or course.waits:
        return f"still 429 after {course.waits} waits of {course.waited:g} s in all"
    return f"429 that asks to wait for {pause:g} s, which is too long"
