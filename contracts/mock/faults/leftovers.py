"""Servers on which an earlier request leaves something behind: on its connection, or for its whole address."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from contracts.mock.app import Behaviour, Refused, Request, Response
from contracts.mock.faults.declare import fault, replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.fronts import Front

_LONG, _THIRD, _START = 1000, 3, 130
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


@fault("PAG-002", kind=Kind.LEFT_OVER, by_order="Left over is what was asked for last on the connection.")
class LimitLeftOver(_Keeping):
    """A request without `limit` has the one that was asked for last on its connection."""

    name = "limit"


@fault("PAG-012", kind=Kind.LEFT_OVER, by_order="Left over is what was asked for last on the connection.")
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


@fault("PAG-019", kind=Kind.LEFT_OVER, by_order="The answer that comes is that to the request before.")
class AnswersLateByOne(Behaviour):
    """After a very long address each answer on the connection is the one to the request before it."""

    async def answer(self, request: Request, /) -> Response:
        """The answer, or the one before it."""
        found, place = await super().answer(request), ("late", request.connection)
        if len(request.query) > _LONG:
            self.memory[place] = found
        elif place in self.memory:
            found, self.memory[place] = self.memory[place], found
        return replace(found, headers=list(found.headers))


@replaces(Behaviour.finish, "HTP-001")
def not_modified_unasked(self: Behaviour, request: Request, response: Response, /) -> Response:
    """A page that the same key was given before is a 304 without a body, whether or not the client has it."""
    place = request.path, request.query, *self.keys_sent(request)
    known, self.memory[place] = self.memory.get(place), response.body
    fresh = "no-cache" in request.header("cache-control")
    same = response.status == HTTPStatus.OK and known == response.body and not fresh
    return Response(304, [("ETag", '"1"')]) if same else response


# --- a whole address


class _Counting(Behaviour):
    """After ``most`` refusals in a row the ``next`` requests are refused, whoever asks."""

    most = next = 1

    async def answer(self, request: Request, /) -> Response:
        """The answer, or a refusal."""
        if self.memory.get("locked", 0) > 0:
            self.memory["locked"] -= 1
            return self.refuse(request, Refused(403, "Too many refusals for this address.", code="locked"))
        found = await super().answer(request)
        self.memory["refused"] = self.memory.get("refused", 0) + 1 if found.status in _REFUSALS else 0
        if self.memory["refused"] >= self.most:
            self.memory |= {"refused": 0, "locked": self.next}
        return found


@fault("SEC-015", kind=Kind.LOCKED_OUT, by_order="Locked out is who asks next.")
class RefusalLocksTheAddressOut(_Counting):
    """After each refusal the next request is refused, whoever asks."""


@fault("HTP-001", kind=Kind.LOCKED_OUT, by_order="Locked out is who asks next.")
class ThreeRefusalsLockTheAddressOut(_Counting):
    """After three refusals in a row the next ten requests are refused, whoever asks."""

    most, next = 3, 10


# --- a cache whose key is cut


@fault("FLT-001", kind=Kind.CACHE)
class CacheOfCutAddresses(Front):
    """A cache compares the first 130 characters of an address."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return f"{request.path}?{request.query}"[:_START], *self.keys_sent(request)
