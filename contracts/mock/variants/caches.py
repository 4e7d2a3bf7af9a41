"""Conforming servers behind caches that compare whatever makes a difference."""

from __future__ import annotations

from http import HTTPStatus

from contracts.mock.app import Request, Response
from contracts.mock.intermediaries import Cache
from contracts.mock.variants.declare import variant

_SOON = 25


@variant
class CacheByKeyAndUrl(Cache):
    """A cache keeps each page for whoever asks for the same URL with the same key."""


@variant
class CacheOfRefusalsByKey(Cache):
    """A cache keeps each answer, a refusal too, for whoever asks for the same URL with the same key."""

    def keeps(self, response: Response, /) -> bool:
        """Whatever is no failure of the server."""
        return response.status < HTTPStatus.INTERNAL_SERVER_ERROR


@variant
class CacheForAWhile(Cache):
    """A cache keeps each page for 25 requests."""

    def place(self, request: Request, /) -> object:
        """As ever, and the span of requests in which it is kept."""
        return super().place(request), request.number // _SOON
