"""Conforming servers that treat callers alike who share a connection or a moment, and tell them apart."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from contracts.mock.app import Behaviour, Refused, Request, Response
from contracts.mock.variants.declare import variant, varies, varies_answer

_OVERLAP_SECONDS = 0.005
_CLIENT_ERROR = 400


@varies_answer()
def connection_closed_after_refusal(_request: Request, response: Response) -> Response:
    """The connection ends after each refusal."""
    if response.status >= _CLIENT_ERROR:
        response.headers.append(("Connection", "close"))
    return response


@varies(Behaviour.authenticate)
def key_checked_once_per_connection_and_key(self: Behaviour, request: Request, /) -> None:
    """A key that was accepted on a connection is not checked again there, and any other one is."""
    place = request.connection, *self.keys_sent(request)
    if place not in self.memory:
        Behaviour.authenticate(self, request)
        self.memory[place] = True


@varies(Behaviour.unauthorized)
def strangers_locked_out(self: Behaviour, message: str, /) -> Refused:
    """Who has no valid key gets a 429 each third time, and may ask again at once."""
    self.memory["refused"] = self.memory.get("refused", 0) + 1
    if self.memory["refused"] % 3 == 0:
        return Refused(429, "Too many attempts.", headers=[("Retry-After", "0")])
    return Behaviour.unauthorized(self, message)


@variant
class RequestsOfOneKeyJoined(Behaviour):
    """Requests for the same URL with the same key at the same moment get one answer."""

    async def answer(self, request: Request, /) -> Response:
        """The answer that is under way for the same key and URL, or an own one."""
        place = request.path, request.query, *self.keys_sent(request), *request.header("accept")
        if place in self.memory:
            response: Response = await asyncio.shield(self.memory[place])
            return replace(response, headers=list(response.headers))
        self.memory[place] = asyncio.ensure_future(self._later(request))
        try:
            response = await self.memory[place]
        finally:
            del self.memory[place]
        return replace(response, headers=list(response.headers))

    async def _later(self, request: Request) -> Response:
        await asyncio.sleep(_OVERLAP_SECONDS)
        return await super().answer(request)
