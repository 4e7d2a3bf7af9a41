"""Servers that mix up callers on one connection, at one moment, or one after the other (clauses SEC-014, 015)."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from contracts.mock.app import Behaviour, Refused, Request, Response
from contracts.mock.faults.access.callers import is_admin
from contracts.mock.faults.declare import fault, replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.intermediaries import Cache

_OVERLAP_SECONDS = 0.02
"""Longer than it takes until a batch of requests has come."""
_REFUSALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


# --- one connection


@replaces(Behaviour.authenticate, "SEC-014", kind=Kind.REMEMBERED_CALLER)
def key_checked_once_per_connection(self: Behaviour, request: Request, /) -> None:
    """A connection on which the admin key was accepted is trusted from then on."""
    if request.connection not in self.memory:
        Behaviour.authenticate(self, request)
        self.memory[request.connection] = True


@replaces(Behaviour.authenticate, "SEC-014", kind=Kind.REMEMBERED_CALLER)
def first_caller_of_a_connection_counts(self: Behaviour, request: Request, /) -> None:
    """Whoever asks on a connection first counts as the caller of all that is asked on it."""
    Behaviour.authenticate(self, self.memory.setdefault(request.connection, request))


@replaces(Behaviour.authenticate, "SEC-014", kind=Kind.REMEMBERED_CALLER)
def last_key_of_a_connection_counts(self: Behaviour, request: Request, /) -> None:
    """A request without a key takes over the one that was sent last on its connection."""
    if request.header("authorization"):
        self.memory[request.connection] = request
    Behaviour.authenticate(self, self.memory.get(request.connection, request))


@replaces(Behaviour.authenticate, "SEC-015", kind=Kind.REMEMBERED_CALLER)
def refusal_sticks_to_connection(self: Behaviour, request: Request, /) -> None:
    """Once refused, a connection is refused whatever key comes on it."""
    if request.connection in self.memory:
        raise self.unauthorized("Incorrect API key provided.")
    try:
        Behaviour.authenticate(self, request)
    except Refused:
        self.memory[request.connection] = True
        raise


# --- one moment


@fault("SEC-014", timed=True)
class PagesUnderWayShared(Behaviour):
    """Who asks for what the admin key is just asking for gets its page, whatever his own key."""

    async def serve(self, request: Request, /) -> Response:
        """The page that is under way for the same URL, or an own one."""
        place = request.path, request.query
        if self.memory.get(place, 0) and not is_admin(self, request):
            return self.page(self.read(request, self.route(request)))
        if not is_admin(self, request):
            return await super().serve(request)
        self.memory[place] = self.memory.get(place, 0) + 1
        try:
            await asyncio.sleep(_OVERLAP_SECONDS)
            return await super().serve(request)
        finally:
            self.memory[place] -= 1


@fault("SEC-014", timed=True, kind=Kind.SHARED_STATE)
class AdminRightsShared(Behaviour):
    """What an admin may do, any other valid key may do as well until no request is under way any more."""

    async def serve(self, request: Request, /) -> Response:
        """As ever, with a variable for the rights that all requests share."""
        if is_admin(self, request):
            self.memory["admin"] = True
        await asyncio.sleep(_OVERLAP_SECONDS)
        try:
            return await super().serve(request)
        finally:
            if self.in_flight == 1:
                self.memory["admin"] = False

    def authenticate(self, request: Request, /) -> None:
        """Lets in a valid key while an admin's rights are set."""
        if self.memory.get("admin") and self.credentials(request) == self.dataset.user_key:
            return
        super().authenticate(request)


@fault("SEC-015", timed=True)
class RefusalsUnderWayShared(Behaviour):
    """While a request is being refused, all others for the same URL are refused with it."""

    async def serve(self, request: Request, /) -> Response:
        """The refusal that is under way for the same URL, or the right answer."""
        place = request.path, request.query
        if self.memory.get(place, 0):
            raise self.unauthorized("Incorrect API key provided.")
        try:
            self.authenticate(request)
        except Refused:
            self.memory[place] = self.memory.get(place, 0) + 1
            await asyncio.sleep(_OVERLAP_SECONDS)
            self.memory[place] -= 1
            raise
        await asyncio.sleep(_OVERLAP_SECONDS / 2 if self.in_flight > 1 else 0)
        if self.memory.get(place, 0):
            raise self.unauthorized("Incorrect API key provided.")
        return await super().serve(request)


# --- one after the other


class _CacheOfRefusals(Cache):
    """A cache that keeps refusals by their URL."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, request.query

    def keeps(self, response: Response, /) -> bool:
        """Refusals alone."""
        return response.status in _REFUSALS


@fault("SEC-015", kind=Kind.CACHE_OF_CALLERS)
class CacheOfRefusals(_CacheOfRefusals):
    """A cache keeps refusals by their URL, and gives them to whoever asks next."""


@fault("SEC-015", kind=Kind.CACHE_OF_CALLERS)
class CacheOfWhatIsNotFound(_CacheOfRefusals):
    """Strangers get a 404, which a cache keeps by its URL and gives to the admin as well."""

    def unauthorized(self, _message: str, /) -> Refused:
        """As if there were no such checkpoint."""
        return Refused(404, "No such checkpoint.", code="not_found")

    def keeps(self, response: Response, /) -> bool:
        """What is not found."""
        return response.status == HTTPStatus.NOT_FOUND
