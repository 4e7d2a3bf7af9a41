"""Conforming servers behind caches that compare whatever makes a difference."""

from __future__ import annotations

import time
from dataclasses import replace
from http import HTTPStatus

from contracts.mock.app import Asked, Behaviour, Request, Response
from contracts.mock.fronts import Front
from contracts.mock.variants.declare import variant

_SOON = 25
_LIFETIME = 60
"""Seconds for which a cache keeps an answer."""


@variant
class CacheByKeyAndUrl(Front):
    """A cache keeps each page for whoever asks for the same URL with the same key."""


@variant
class CacheOfRefusalsByKey(Front):
    """A cache keeps each answer, a refusal too, for whoever asks for the same URL with the same key."""

    def keeps(self, response: Response, /) -> bool:
        """Whatever is no failure of the server."""
        return response.status < HTTPStatus.INTERNAL_SERVER_ERROR


@variant
class CacheForAWhile(Front):
    """A cache keeps each page for 25 requests."""

    def place(self, request: Request, /) -> object:
        """As ever, and the span of requests in which it is kept."""
        return super().place(request), request.number // _SOON


@variant
class CacheThatTellsItsAge(Behaviour):
    """A cache keeps each answer for a minute, for the same request of the same key, and says how old it is."""

    def page(self, asked: Asked, /) -> Response:
        """The page, or that of an earlier request."""
        now = time.monotonic()
        place = asked.request.path, asked.request.query
        known: tuple[float, Response] | None = self.memory.get(place)
        if known is None or now - known[0] >= _LIFETIME:
            fresh = super().page(asked)
            headers = [field for field in fresh.headers if field[0] != "Cache-Control"]
            fresh = replace(fresh, headers=[*headers, ("Cache-Control", f"private, max-age={_LIFETIME}")])
            self.memory[place] = now, fresh
            return fresh
        made, kept = known
        return replace(kept, headers=[*kept.headers, ("Age", str(int(now - made)))])
