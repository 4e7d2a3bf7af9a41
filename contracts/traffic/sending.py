"""How one request gets its answer: its attempts, waits and redirects, within the limits of the run.

A request is retried only if a connection broke or the server asked to wait. Any other unusual answer is kept as it is:
it is evidence.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from contracts.core.injection import injected
from contracts.core.model import Answer, Exchange, Failure, FailureKind, Request
from contracts.traffic.answers import Answers, readable
from contracts.traffic.concurrency import Lanes
from contracts.traffic.credentials import CREDENTIALS
from contracts.traffic.health import Health
from contracts.traffic.keys import Keys, Secret
from contracts.traffic.limits import Limits
from contracts.traffic.origin import redirected, split_base_url
from contracts.traffic.pacing import TOO_MANY_REQUESTS, UNAVAILABLE, OutOfTime, Pace, asked_to_wait
from contracts.traffic.pool import Pool
from contracts.traffic.redaction import Redactor
from contracts.traffic.route import Route
from contracts.traffic.wire import AnswerError, Raw

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RECONNECT_SECONDS = 0.25
"""Seconds between attempts to connect to a target that went away."""


def user_agent() -> str:
    """The value of the User-Agent header."""
    try:
        return f"contracts/{version('checkpoint-permissions-contracts')}"
    except PackageNotFoundError:
        return "contracts"


@dataclass(slots=True)
class _Course:
    """The state of one request over its attempts: where and how it is sent now, and what was counted so far."""

    request: Request
    target: str
    probe: str
    authorization: Secret | None = None
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


class Sender:
    """Sends single requests, from any thread, and numbers what happens with the ticks of one clock.

    Redirects are followed within the origin only, so a key reaches no other place. The arguments are those of
    `contracts.traffic.client.Client`.
    """

    def __init__(
        self,
        base_url: str,
        keys: Keys,
        *,
        budget: int,
        seed: int,
        rate: float | None,
        limits: Limits,
        route: Route,
        lanes: Lanes,
        key_header: str,
        redactor: Redactor,
        clock: Callable[[], float],
        sleep: Callable[[float], object] | None,
        now: Callable[[], float],
    ) -> None:
        self.limits = limits
        self.lanes = lanes
        self.redactor = redactor
        self.pace = Pace(budget=budget, rate=rate, run=limits.run, clock=clock, sleep=sleep)
        self.health = Health(limits)
        self.waits = 0
        """The number of answers that asked to wait, and were waited for."""
        self.waited = 0.0
        """Seconds spent in these waits."""
        self._origin, self._prefix = split_base_url(base_url)
        self._pool = Pool(self._origin, limits=limits, agent=user_agent(), route=route, key_header=key_header)
        self._forms: Mapping[str, Secret | None] = {
            name: credential.form(keys, seed) for name, credential in CREDENTIALS.items() if credential.available(keys)
        }
        self._now = now
        self._lock = threading.Lock()
        self._tick = 0
        self._answers = Answers(limits, redactor, room=limits.stored + budget * limits.stored_each)
        self._returning = threading.Lock()
        self._lost = False
        """Whether the target did not come back in time."""

    def close(self) -> None:
        """End all requests that are under way, and close the connections."""
        self.pace.close()
        self._pool.close()

    def comes_back(self) -> bool:
        """Wait for a target that was reached before to accept connections again; whether it does in time."""
        with self._returning:
            if not self.health.unreachable:
                return True  # another thread saw it come back
            if self.health.turned_away:
                return False  # the proxy can be connected to all the time
            until = time.monotonic() + self.limits.back
            while self.health.reached and not self._lost and time.monotonic() < until:
                self.pace.pause(min(_RECONNECT_SECONDS, self.limits.back))
                try:
                    self._pool.connect_once()
                except AnswerError as error:
                    self.health.connected(reached=False, refused=error.refused)
                else:
                    self.health.connected(reached=True)
                    return True
            self._lost = self.health.gone
            return False

    def ask_patiently(
        self, request: Request, probe: str, *, kept: bool = True, beside: bool = False
    ) -> tuple[Exchange, bool]:
        """Send a request, and once more if the target went away and came back; also returns whether it stayed away."""
        asked = self.ask(request, probe, kept=kept, beside=beside)
        if asked.failure is None or asked.failure.kind is not FailureKind.UNREACHABLE:
            return asked, False
        if self.comes_back():
            return self.ask(request, probe, kept=kept, beside=beside), False
        return asked, True

    def ask(
        self, request: Request, probe: str, *, kept: bool = True, apart: float = 0.0, beside: bool = False
    ) -> Exchange:
        """Send a request until it has its final answer or failure; the exchange has no number yet.

        Args:
            request: The request.
            probe: The name of the probe, which is charged for it.
            kept: Whether the answer is kept in memory, and counts against the room there.
            apart: Seconds that are added to each wait that the server asks for.
            beside: Whether other requests are under way, which wait too if the server asks this one to wait.

        Raises:
            RunStopped: Nothing more may be sent, or the time of the run is over.
            ValueError: The credential can't be formed with these keys.
            FenceError: The request can't be sent as it is. A defect of the caller.
        """
        course = _Course(
            request,
            self._prefix + request.target,
            probe,
            new=request.reconnect,
            apart=apart,
            beside=beside,
        )
        self._sign(course)
        answer: Answer | None = None
        failure: Failure | None = None
        seen = {course.target}
        while True:
            # A request that had to wait while others were under way is retried alone.
            with self.lanes.all() if course.beside and course.waits else nullcontext():
                raw = self._attempt(course)
            if isinstance(raw, Failure):
                answer, failure = None, raw
                break
            answer = self._answers.take(raw, kept=kept)
            pause = asked_to_wait(answer, course.waits, self._now())
            if answer.status == TOO_MANY_REQUESTS or (answer.status == UNAVAILABLE and pause is not None):
                self.lanes.narrow()
            if pause is not None and self._may_wait(pause, course):
                self._wait(pause, course, answer.status)
            elif answer.status == TOO_MANY_REQUESTS:
                failure = Failure(FailureKind.THROTTLED, _throttled(course, pause))
                break
            elif answer.status in REDIRECTS:
                if injected(request.target, answer.headers):
                    reason: str | None = f"{answer.status} with a header that the request put into it"
                else:
                    reason = self._follow(raw, course, seen)
                if reason is not None:
                    failure = Failure(FailureKind.REDIRECT, readable(reason))
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

    def _sign(self, course: _Course) -> None:
        """Put the credentials of the request into its Authorization header, or into its query."""
        name = course.request.credential
        if name not in self._forms:
            msg = f"the credential {name!r} can't be formed with these keys"
            raise ValueError(msg)
        secret = self._forms[name]
        parameter = CREDENTIALS[name].parameter
        if parameter is None or secret is None:
            course.authorization = secret
        else:
            course.target += f"{'&' if '?' in course.target else '?'}{parameter}={secret.reveal()}"

    def _attempt(self, course: _Course) -> Raw | Failure:
        """Send a request until its answer is complete, or the attempts are used up."""
        renewed = False
        cut: Raw | None = None
        broken: Failure | None = None
        tries = 0
        while True:
            try:
                # A retry is sent alone, so that it shows which request breaks connections.
                with self.lanes.all() if course.beside and tries else nullcontext():
                    raw = self._transmit(course)
            except AnswerError as error:
                failure = Failure(error.kind, readable(error.text))
                if error.stale and not renewed:
                    # The server had closed the idle connection, or sent something on it without a request.
                    renewed, broken = True, failure
                    self._pool.drop()
                    continue
                if failure.kind is not FailureKind.UNREACHABLE:
                    broken = failure
                elif broken is not None:
                    # The first failure is the one that this request caused.
                    failure = Failure(broken.kind, f"{broken.text}; after that the target could not be connected to")
                outcome: Raw | Failure = failure
                retry = error.retryable
                if failure.kind is FailureKind.TIMEOUT:
                    retry = self.health.timed_out(tries) and retry
            else:
                if not raw.cut:
                    self.health.answered(broken.kind if broken is not None else None)
                    return raw
                outcome = cut = raw
                retry = True
            tries += 1
            if not retry or tries >= self.health.tries:
                self.health.gave_up()
                return cut or outcome
            # Only a server that can't be reached needs time; one that cuts its answers is there.
            self.pace.pause(0.0 if cut is outcome else self.limits.pause * tries)
            course.retries += 1

    def _transmit(self, course: _Course) -> Raw:
        self._refuse_more(course.probe)
        reached = True
        course.sent = self.next_tick()
        course.at = self._now()
        late = refused = turned_away = False
        begun = time.perf_counter()
        deadline = time.monotonic() + self.pace.left(self.limits.answer)
        try:
            raw = self._pool.get(course.target, course.request, course.authorization, deadline, new=course.new)
            course.new = False
            late, course.connection = raw.late, raw.connection
        except AnswerError as error:
            reached = error.kind is not FailureKind.UNREACHABLE
            late = error.kind is FailureKind.TIMEOUT
            refused, turned_away = error.refused, error.turned_away
            # A connection that broke because the run is over says nothing about the target.
            self.pace.pause(0.0)
            raise
        finally:
            ended = time.perf_counter()
            course.seconds = ended - begun
            course.received = self.next_tick()
            self.health.tried(
                reached=reached, refused=refused, late=late, begun=begun, ended=ended, turned_away=turned_away
            )
        if raw.flaw is not None:
            self.pace.pause(0.0)
        return raw

    def _refuse_more(self, probe: str) -> None:
        """Wait until the next request may be sent.

        Raises:
            OutOfTime: The target has used up the time for answers that don't come or don't end.
            OutOfRoom: The answers so far are too large to be kept.
            BudgetSpent: The budget is used up.
        """
        if self.health.stalled >= self.limits.stalled:
            msg = f"{self.health.stalled:.0f} s went into answers that did not come or did not end"
            raise OutOfTime(msg)
        self._answers.check_room()
        self.pace.pass_one(probe)

    def skip(self, ticks: int) -> None:
        """Advance the clock."""
        with self._lock:
            self._tick += ticks

    def next_tick(self) -> int:
        """The next tick of the clock."""
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
            self.pace.hold(pause)
        self.pace.pause(pause + course.apart)
        with self._lock:
            self.waits += 1
            self.waited += pause + course.apart

    def _follow(self, raw: Raw, course: _Course, seen: set[str]) -> str | None:
        """Follow a redirect by changing the course, and return ``None``; or return why it can't be followed."""
        locations = {value.decode("latin-1") for name, value in raw.headers if name.lower() == b"location"}
        try:
            target = redirected(self._origin, course.target, locations)
        except ValueError as error:
            return f"{raw.status} {error}"
        (location,) = locations
        if target in seen:
            return f"{raw.status} in a circle, back to {location!r}"
        if course.redirects >= self.limits.redirects:
            return f"more than {self.limits.redirects} redirects, the last to {location!r}"
        seen.add(target)
        course.redirects += 1
        course.target = target
        return None


def _throttled(course: _Course, pause: float | None) -> str:
    if pause is None or course.waits:
        return f"still 429 after {course.waits} waits of {course.waited:g} s in all"
    return f"429 that asks to wait for {pause:g} s, which is too long"
