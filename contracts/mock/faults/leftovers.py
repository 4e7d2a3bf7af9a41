"""Servers on which an earlier request leaves something behind: on its connection, or for its whole address."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from contracts.mock.app import Behaviour, Refused, Request, Response
from contracts.mock.faults.declare import fault, replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.intermediaries import Cache

_EIGHTH, _THIRD, _START = 8, 3, 130
_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class _Keeping(Behaviour):
    """A request without one parameter gets it from the last one on the connection that had it."""

    name = ""

    async def answer(self, request: Request, /) -> Response:
        """The answer to the request with what is left over."""
        place = "left over", request.connection
        given = next((part for part in request.query.split("&") if part.startswith(f"{self.name}=")), None)
        if given is not None:
            self.memory[place] = given
        elif place in self.memory:
            request = replace(request, query="&".join(filter(None, (request.query, self.memory[place]))))
        return await super().answer(request)


@fault("PAG-002", kind=Kind.LEFT_OVER, timed=True)
class LimitLeftOver(_Keeping):
    """A request without `limit` has the one that was asked for last on its connection."""

    name = "limit"


@fault("PAG-012", kind=Kind.LEFT_OVER, timed=True)
class ProjectLeftOver(_Keeping):
    """A request without `project_id` has the one that was asked for last on its connection."""

    name = "project_id"


@replaces(Behaviour.finish, "ENV-001", kind=Kind.LEFT_OVER, by_order="Left over is a part of the answer before.")
def body_left_over(self: Behaviour, request: Request, response: Response, /) -> Response:
    """The rest of the longer answer before it on the connection follows each third answer: a buffer is used twice."""
    before: bytes = self.memory.get(("body", request.connection), b"")
    self.memory["body", request.connection] = response.body
    wrong = request.number % _THIRD == 0 and response.status == HTTPStatus.OK
    return replace(response, body=response.body + before[len(response.body) :]) if wrong else response


@fault("PAG-010", timed=True, kind=Kind.LEFT_OVER, by_order="The answer that comes is that to the request before.")
class AnswersLateByOne(Behaviour):
    """From the eighth request of a connection on, each answer is the one to the request before it."""

    async def answer(self, request: Request, /) -> Response:
        """The answer, or the one before it."""
        found, place = await super().answer(request), ("late", request.connection)
        number, before = self.memory.get(place, (1, found))
        self.memory[place] = number + 1, found
        sent = found if number < _EIGHTH else before
        return replace(sent, headers=list(sent.headers))


@replaces(Behaviour.finish, "HTP-001", by_order="Given before is what was asked for first.")
def not_modified_unasked(self: Behaviour, request: Request, response: Response, /) -> Response:
    """A page that the same key was given before is a 304 without a body, whether or not the client has it."""
    place = request.path, request.query, *self.keys_sent(request)
    known, self.memory[place] = self.memory.get(place), response.body
    fresh = "no-cache" in request.header("cache-control")
    same = response.status == HTTPStatus.OK and known == response.body and not fresh
    return Response(304, [("ETag", '"1"')]) if same else response


# --- a whole address


class _Counting(Behaviour):
    """After a refusal the ``next`` requests are refused, whoever asks."""

    next = 1

    async def answer(self, request: Request, /) -> Response:
        """The answer, or a refusal."""
        if self.memory.get("locked", 0) > 0:
            self.memory["locked"] -= 1
            return self.refuse(request, Refused(403, "Too many refusals for this address.", code="locked"))
        found = await super().answer(request)
        if found.status in _REFUSALS:
            self.memory["locked"] = self.next
        return found


@fault("SEC-015", kind=Kind.LOCKED_OUT, by_order="Locked out is who asks next.")
class RefusalLocksTheAddressOut(_Counting):
    """After each refusal the next request is refused, whoever asks."""


@fault("SEC-015", kind=Kind.LOCKED_OUT, by_order="Locked out is who asks next.")
class RefusalLocksTheAddressOutForAwhile(_Counting):
    """After each refusal the next three requests are refused, whoever asks."""

    next = 3


# --- a cache whose key is cut


@fault("FLT-001", kind=Kind.CACHE)
class CacheOfCutAddresses(Cache):
    """A cache compares the first 130 characters of an address."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return f"{request.path}?{request.query}"[:_START], *self.keys_sent(request)
