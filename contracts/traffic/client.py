"""The client of a run: sends GET requests within a budget, and keeps what came back.

It repeats a request only when a connection broke or when the server asked it to wait. Whatever else is odd stays
as it came: an odd answer is evidence.
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
"""From so long an answer on, asking one by one takes noticeable time."""

_ALONE: Final = frozenset({"inputs"})
"""Probes whose requests may bring a target down: which one did shows only where no other is under way, so of a target
that is not far each is asked alone."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FOLD = re.compile(rb"(?<![ \t])[ \t]*\r?\n[ \t]+")
_EXCERPT = 200
_VALUE = 30
"""Bytes that one value of JSON takes at least once it is read; a usual permission takes as much for each of its own."""
_GATE_SECONDS = 10.0
_APART_SECONDS = 0.05
"""How far apart requests are asked again that were put off while others were under way."""
_KNOCK_SECONDS = 0.25
"""How long to wait before it is tried again whether a target came back."""


def user_agent() -> str:
    """How requests name this suite."""
    try:
        return f"contracts/{version('checkpoint-permissions-contracts')}"
    except PackageNotFoundError:
        return "contracts"


@dataclass(slots=True)
class _Course:
    """How asking one request goes: where it is sent now, and what was counted on the way."""

    target: str
    accept: str | None
    fresh: bool
    caller: str = ""
    shared: bool = False
    new: bool = False
    connection: int | None = None
    beside: bool = False
    """Whether others go on meanwhile: what a server asks to wait for holds for them as well."""
    apart: float = 0.0
    """Seconds by which each wait is longer: requests that were put off together don't come together again."""
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
        base_url: Where the target is; paths of requests are appended to its path.
        keys: The keys. An exchange holds them where the target repeats them, and says so.
        redactor: What finds keys in answers; by default one for these keys.
        budget: How many requests may be put on the wire, each wait, retry and redirect counted.
        rate: Requests a second, evenly spaced; ``None`` for no limit.
        limits: What one answer, one request and the run may take.
        seed: The seed of the run, from which the unknown key is made.
        route: What stands between this machine and the target.
        concurrency: How many requests that do not depend on each other may be under way at the same time.
        on_exchange: Called with each exchange once it is kept, from the thread that asked.
        clock: Seconds that only grow; paces requests and bounds the run.
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
        """All exchanges that are kept in memory; those asked together stand in the order in which they were given."""
        self.spool = Spool()
        """The exchanges that are kept on disk."""
        self._numbered = 0
        self.waits = 0
        """How many answers asked to wait, and were followed."""
        self.waited = 0.0
        """Seconds spent so."""
        self.retries = 0
        """How many requests were sent again because a connection broke."""
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
        """Bytes of what was answered, small bodies that are equal counted once."""
        self._room = self.limits.stored + budget * self.limits.stored_each
        self._threads: ThreadPoolExecutor | None = None
        self._concurrency = concurrency
        self._lanes = Lanes(concurrency)
        self._returning = threading.Lock()
        self._lost = False
        """Whether it was waited in vain for the target to come back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends everything that is under way and closes the connections."""
        self._pace.close()
        self._wire.close()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)

    @property
    def budget(self) -> int:
        """How many requests may be put on the wire in all."""
        return self._pace.budget

    @property
    def requests(self) -> int:
        """How many requests were put on the wire."""
        return self._pace.requests

    @property
    def remaining(self) -> int:
        """How many requests may still be put on the wire."""
        return self._pace.budget - self._pace.requests

    @property
    def requests_by_probe(self) -> Counter[str]:
        """How many requests each probe put on the wire."""
        return self._pace.by_probe

    def extend(self, more: int) -> None:
        """Lets so many more requests be put on the wire, whose answers go to disk."""
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
        """Asks one request.

        Args:
            request: What to ask.
            probe: Who asks, for the report.
            step: Its place in a walk.
            again: The round and the exchange that it repeats.
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
        """An exchange, asked again if the target was away and came back; and whether it did not."""
        asked = self._ask(request, probe, kept=kept, beside=beside)
        if asked.failure is None or asked.failure.kind is not FailureKind.UNREACHABLE:
            return asked, False
        if self._comes_back():
            return self._ask(request, probe, kept=kept, beside=beside), False
        return asked, True

    def send_jobs(
        self, jobs: Sequence[Job], *, probe: str, most: int, meanwhile: Callable[[], None] | None = None
    ) -> tuple[list[Exchange], bool]:
        """Asks what several jobs ask, as many requests at the same time as the concurrency allows.

        The exchanges are kept job after job, as they would be without concurrency; their `sent` and `received` tell
        which were under way together.

        Args:
            jobs: What is asked.
            probe: Who asks, for the report.
            most: How many requests may be put on the wire, each wait, retry and redirect counted.
            meanwhile: What to do while answers are waited for; not called where they are asked one by one.

        Returns:
            The exchanges, and whether ``most`` sufficed.

        Raises:
            RunStopped: Nothing more can be asked. What was answered until then is kept.
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
            # An interrupt comes here too: what was answered by then is kept.
            for exchange in together.left(wait=gone):
                self._record(exchange, told=False)
        return done, together.sufficed

    @property
    def far(self) -> bool:
        """Whether answers usually take so long that asking one by one takes noticeable time."""
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
        """Asks several requests at the same time, eight at most, and answers in their order.

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
            # An interrupt comes here too: nothing may wait at the gate, and what was answered by then is kept.
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
        """Keep what others asked and were answered, as if it had been asked here now, one after the other.

        It costs nothing of the budget. ``apart`` is the time before it and after it, in ticks of the run's clock.
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
        """Whether a target that was there before can be connected to again within the time that it has for that."""
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
            # What was put off because others were under way is not to meet them a second time.
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
        """A path and query without those of the base URL."""
        return target.removeprefix(self._prefix) if target.startswith(f"{self._prefix}/") else None

    def _credentials(self, name: str, course: _Course) -> Secret | None:
        """The Authorization header; a key that belongs into the query is put into the course."""
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
        """Sends until an answer came whole, or as often as a broken connection may be tried."""
        renewed = False
        cut: Raw | None = None
        broken: Failure | None = None
        tries = 0
        while True:
            try:
                # Which of several requests breaks connections shows only where no other is under way.
                with self._lanes.all() if course.beside and tries else nullcontext():
                    raw = self._transmit(course, authorization, probe)
            except AnswerError as error:
                failure = Failure(error.kind, self._sentence(error.text))
                if error.stale and not renewed:
                    # The server had closed the connection that was kept for it, or spoke unasked on it.
                    renewed, broken = True, failure
                    self._wire.drop()
                    continue
                if failure.kind is not FailureKind.UNREACHABLE:
                    broken = failure
                elif broken is not None:
                    # What broke the connection first is what this request brought about.
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
            # A server that cuts its answers was reached: only a connection needs time to come back.
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
            # What broke because the run is over says nothing about the target.
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
        """Waits until the next request may go, unless the target has used up what it may take.

        Raises:
            OutOfTime: Too long was waited for answers that did not come or did not end.
            OutOfRoom: The answers are too large to be kept.
            BudgetSpent: Nothing more may be sent.
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
        """Turns the course to the place that a redirect names, or says why not."""
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
        """The answer as it came, with what it repeats of the keys; what is not kept takes no room."""
        body = raw.body[: self.limits.kept] if raw.trimmed else raw.body
        if kept:
            size = len(raw.reason) + sum(len(part) for header in raw.headers for part in header)
            with self._lock:
                # Runs ask for the same page many times: each body is kept once.
                # A large one is written to the recording each time, though.
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
        """Text that may hold what a server sent, short and printable."""
        clean = "".join(character if character.isprintable() else "?" for character in text)
        return clean if len(clean) <= _EXCERPT else f"{clean[:_EXCERPT]}…"


def _weight(body: bytes) -> int:
    """The bytes that a body takes, or its values where it is JSON of many small ones."""
    return max(len(body), _VALUE * sum(body.count(sign) for sign in (b",", b"[", b"{")))


def _answered(futures: Sequence[Future[Exchange]]) -> list[Exchange]:
    ended = [future for future in futures if future.done() and not future.cancelled()]
    return [future.result() for future in ended if future.exception() is None]


def _throttled(course: _Course, pause: float | None) -> str:
    if pause is None or course.waits:
        return f"still 429 after {course.waits} waits of {course.waited:g} s in all"
    return f"429 that asks to wait for {pause:g} s, which is too long"
