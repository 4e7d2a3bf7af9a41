"""What the users of one process share: the client, the judge, and the walks through the whole list in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any, Final, NamedTuple
from uuid import uuid4

from contracts.clauses.registry import clauses
from contracts.core.errors import ConfigurationError
from contracts.core.model import Answer, Exchange, Failure, FailureKind, Page, Request, Step
from contracts.core.wording import short
from contracts.runs.load.judge import MOST_WALKS, Judge
from contracts.runs.load.messages import Begin
from contracts.runs.load.options import agreed, refuse_another
from contracts.runs.load.questions import Question
from contracts.runs.load.route import NoConnection, UserRoute, route
from contracts.runs.target import Opened
from contracts.traffic.origin import redirected
from contracts.traffic.pacing import asked_to_wait
from contracts.traffic.sending import REDIRECTS

_WALK_SECONDS: Final = 5.0
_SUSPICIOUS_SECONDS: Final = 1.0
_SHARE_OF_WALKS: Final = 20.0
"""Walks through the list take at most one part in so many of the time."""
_OK: Final = 200


class Breach(Exception):
    """An answer that breaks clauses, by their ids and titles."""


class NoAnswer(Exception):
    """A request without a complete answer."""


class _Got(NamedTuple):
    """What came of a request: when the last one was sent, its response, and how many redirects led there.

    There is no response where the client can't read what came. ``failure`` says why a redirect was not followed.
    """

    sent: int
    response: Any
    redirects: int = 0
    failure: Failure | None = None


class Users:
    """The users of one process.

    Args:
        begin: What they must know to begin.
        ready: What this process was told of the target.
        strangers: The share of requests from those who may not look.

    Raises:
        ConfigurationError: The settings of this process can't be used.
    """

    def __init__(self, begin: Begin, ready: Opened, strangers: float) -> None:
        plan = ready.plan()
        refuse_another(agreed(plan), begin.learned.agreed)
        if ready.server is not None:
            plan = replace(plan, target=replace(plan.target, base_url=begin.learned.base_url))
        self.plan = plan
        self.route: UserRoute = route(plan)
        self.judge = Judge(plan, begin.learned.exchanges, strangers)
        self.numbers = count()
        self.finished = False
        self._titles = {clause.id: clause.title for clause in clauses()}
        self._headers: dict[tuple[str, bool], dict[str, str]] = {}
        self._walking = False
        self._next_walk = time.monotonic() + _SUSPICIOUS_SECONDS

    def ask(self, session: Any, question: Question) -> bool:
        """Send a request and judge the answer; whether it is a page from which a walk continues.

        Args:
            session: A `contracts.plugins.locust_client.UserSession`.
            question: What is asked.
        """
        got = self._get(session, question.request, question.name)
        if got.response is None:
            return False
        with got.response:
            answer = self._answered(got.response)
            if answer is None:
                return False
            right, pause = self._judged(got, question, answer)
        if pause is not None:
            time.sleep(min(pause, self.plan.limits.wait))
        return right and answer.status == _OK

    def _judged(self, got: _Got, question: Question, answer: Answer) -> tuple[bool, float | None]:
        """Whether an answer keeps all clauses, and the seconds that it asks to wait."""
        pause = asked_to_wait(answer, 0, time.time())
        failure = got.failure or (None if pause is None else Failure(FailureKind.THROTTLED, "it asked to wait"))
        broken = self.judge.judge(
            question, answer, sent=got.sent, seconds=_seconds(got.response), redirects=got.redirects, failure=failure
        )
        if broken:
            got.response.failure(Breach(self._words(broken)))
        else:
            got.response.success()
        return not broken, pause

    def _get(self, session: Any, request: Request, name: str) -> _Got:
        """Send a request, and retry it once if the connection broke: a load balancer may have closed it.

        Redirects are followed as the one client does, within the origin, so that no key leaves it.
        """
        place = request.credential, request.fresh
        headers = self._headers.get(place)
        if headers is None:
            headers = self._headers[place] = self.route.headers(self.plan, request)
        url, redirects = f"{self.route.base_url}{request.target}", 0
        while True:
            sent, response = self._once(session, url, name, headers)
            if response is not None and not response.status_code:
                sent, response = self._once(session, url, name, headers)
            if response is None or response.status_code not in REDIRECTS:
                return _Got(sent, response, redirects)
            try:
                url = self._onward(url, response, redirects)
            except ValueError as error:
                reason = short(f"{response.status_code} {error}")
                return _Got(sent, response, redirects, Failure(FailureKind.REDIRECT, reason))
            redirects += 1
            with response:
                response.success()

    def _onward(self, url: str, response: Any, redirects: int) -> str:
        """The URL to which a redirect leads, after so many others.

        Raises:
            ValueError: It is one too many, or as `redirected`.
        """
        origin = self.route.origin
        if redirects >= self.plan.limits.redirects:
            message = f"after {redirects} redirects"
            raise ValueError(message)
        locations = {value for name, value in response.headers.items() if name.lower() == "location"}
        return f"{origin}{redirected(origin, url.removeprefix(str(origin)), locations)}"

    def _once(self, session: Any, url: str, name: str, headers: dict[str, str]) -> tuple[int, Any]:
        sent = self.judge.tick()
        try:
            return sent, session.request("GET", url, name=name, headers=headers, catch_response=True)
        except Exception as error:  # noqa: BLE001 - Locust would log it, with what the server sent in its text
            self.judge.unanswered()
            failure = _no_answer(error)
            session.request_event.fire(
                request_type="GET", name=name, response_time=0, response_length=0, exception=failure, context={}
            )
            return sent, None

    def _answered(self, response: Any) -> Answer | None:
        """The answer; ``None`` if none came completely, which Locust records without the request."""
        error = getattr(response, "error", None) or response.request_meta["exception"]
        if not response.status_code or (error is not None and response.content is None):
            self.judge.unanswered()
            response.failure(_no_answer(error))
            return None
        headers = tuple(response.headers.items())
        return Answer(
            response.status_code, "", headers, bytes(response.content or b""), getattr(response, "flaw", None)
        )

    def _words(self, broken: tuple[str, ...]) -> str:
        return "; ".join(f"{name} {self._titles[name]}" for name in broken)

    # Control walks

    def compare(self, session: Any) -> None:
        """Check that the list is the one that was learned.

        Raises:
            ConfigurationError: It can't be read from here, or is another one.
        """
        walk = self._walk(session)
        if walk is None:
            raise ConfigurationError(
                f"This worker can't read the list of {self.plan.target.base_url}, as its master can:"
                " `contracts doctor` with the same options says why."
            )
        if not self.judge.resembles(walk):
            raise ConfigurationError(
                f"This worker finds another list at {self.plan.target.base_url} than its master: give both the same"
                " target."
            )

    def walk_now_and_then(self, session: Any, failed: Callable[[str, Exception], None]) -> None:
        """Walk through the whole list, if it is time; see `control_walk`."""
        if self._walking or time.monotonic() < self._next_walk:
            return
        began = time.monotonic()
        self.control_walk(session, failed)
        took = time.monotonic() - began
        pause = _SUSPICIOUS_SECONDS if self.judge.suspicious or not self.judge.steady else _WALK_SECONDS
        self._next_walk = time.monotonic() + max(pause, took * _SHARE_OF_WALKS)

    def control_walk(self, session: Any, failed: Callable[[str, Exception], None]) -> None:
        """Walk through the whole list, several times if it changed, and judge the pages that waited for that.

        Args:
            session: As of `ask`.
            failed: Gets the name of each question with an answer that is found to break clauses, and why.
        """
        self._walking = True
        try:
            walks: list[list[Exchange]] = []
            for _ in range(MOST_WALKS):
                walk = self._walk(session)
                if walk is None:
                    break
                walks.append(walk)
                if self.judge.unchanged(walk):
                    break
            if walks:
                for question, broken in self.judge.settle(walks):
                    failed(question.name, Breach(self._words(broken)))
        finally:
            self._walking = False

    def _walk(self, session: Any) -> list[Exchange] | None:
        """The pages of the whole list; ``None`` if one of them did not come, so that they prove nothing."""
        name = f"control {uuid4().hex}"  # walks of several processes are judged together, and must not be taken for one
        after: str | None = None
        token: str | None = None
        pages: list[Exchange] = []
        for place in range(self.judge.walked + 1):
            request, query = self.judge.walk_request(after, token)
            found = self._page(session, Question("look at the list", request, query), Step(name, place))
            if found is None:
                return None
            exchange, page = found
            pages.append(exchange)
            if not page.items or not page.has_more or page.ids[-1] == after:
                break
            after, token = page.ids[-1], page.token
        return pages

    def _page(self, session: Any, question: Question, step: Step) -> tuple[Exchange, Page] | None:
        """One page of the whole list; ``None`` if none came, however often it was asked for."""
        for _ in range(self.plan.limits.attempts):
            got = self._get(session, question.request, question.name)
            if got.response is None:
                return None
            with got.response:
                answer = self._answered(got.response)
                if answer is None:
                    return None
                exchange, page = self.judge.walk_page(
                    question.request, question.query, answer, sent=got.sent, seconds=_seconds(got.response), step=step
                )
                if page is not None:
                    got.response.success()
                    return exchange, page
                _, pause = self._judged(got, question, answer)
            if pause is None or pause > _WALK_SECONDS:
                return None
            time.sleep(pause)
        return None

    def finish(self, session: Any, failed: Callable[[str, Exception], None]) -> None:
        """Stop the requests, and walk through the list, so that all requests lie between two walks."""
        if not self.finished:
            self.finished = True
            self.control_walk(session, failed)
            self.judge.give_up()


def _no_answer(error: object) -> NoAnswer:
    """Why there is none, without the text of the client's error, which may be the server's."""
    if isinstance(error, NoConnection):
        return NoAnswer(f"no connection: {error}")
    cause = getattr(error, "original", None) or error
    return NoAnswer(f"no complete answer ({type(cause).__name__})")


def _seconds(response: Any) -> float:
    return float(response.request_meta["response_time"]) / 1000
