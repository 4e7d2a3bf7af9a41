"""Conforming servers that treat callers alike who share a connection or a moment, and tell them apart."""

from __future__ import annotations

import asyncio

from contracts.mock.app import Asked, Behaviour, Refused, Request, Response
from contracts.mock.intermediaries import Joining
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
class RequestsOfOneKeyJoined(Joining):
    """Requests for the same URL with the same key at the same moment get one answer."""

    async def pause(self, _asked: Asked, /) -> None:
        """Long enough for the others to come."""
        await asyncio.sleep(_OVERLAP_SECONDS)
