"""Servers behind a cache whose key leaves something out."""

from __future__ import annotations

from dataclasses import replace

from contracts.mock.app import Asked, Behaviour, Request, Response
from contracts.mock.faults.declare import fault
from contracts.mock.faults.kinds import Kind
from contracts.mock.intermediaries import Cache

FOR_EVER = 1 << 30


def remembered(behaviour: Behaviour, asked: Asked, *key: str, requests: int = FOR_EVER) -> Response:
    """The page of an earlier request that agrees in the fields ``key`` of `Asked`, or the right one.

    Args:
        behaviour: Whose memory is used.
        asked: What is asked for now.
        key: What the cache compares.
        requests: For how many requests after the first one its answer is kept.
    """
    place = tuple(getattr(asked, name) for name in key)
    number, response = behaviour.memory.get(place, (-FOR_EVER, None))
    if response is None or asked.request.number - number > requests:
        response = Behaviour.page(behaviour, asked)
        behaviour.memory[place] = (asked.request.number, response)
    kept: Response = response
    return replace(kept, headers=list(kept.headers))


# --- right for whoever asks the cache to check what it keeps


@fault("ORD-003", kind=Kind.CACHE)
class CacheWithoutOrder(Cache):
    """A cache does not compare `order`."""

    ignored = ("order",)


@fault("FLT-001", kind=Kind.CACHE)
class CacheWithoutProject(Cache):
    """A cache does not compare `project_id`."""

    ignored = ("project_id",)


@fault("FLT-001", kind=Kind.CACHE)
class CacheByPathLimitAndAfter(Cache):
    """A cache compares the path, `limit` and `after` alone."""

    ignored = ("project_id", "order")


@fault("PAG-001", kind=Kind.CACHE)
class CacheWithoutLimit(Cache):
    """A cache does not compare `limit`."""

    ignored = ("limit",)


@fault("PAG-010", kind=Kind.CACHE)
class CacheWithoutCursor(Cache):
    """A cache does not compare `after`."""

    ignored = ("after",)


@fault("PAG-001", kind=Kind.CACHE)
class CacheByPath(Cache):
    """A cache compares the path alone."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, *self.keys_sent(request)


@fault("FLT-005", kind=Kind.CACHE)
class CacheInAnyCase(Cache):
    """A cache compares URLs without their case."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path.lower(), request.query.lower(), *self.keys_sent(request)


@fault("SEC-010", kind=Kind.CACHE_OF_CALLERS)
class CacheForEverybody(Cache):
    """A cache gives everybody what was kept for the same URL, whoever asked for it."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, request.query


@fault("SEC-010", kind=Kind.CACHE_OF_CALLERS)
class CacheForAnyKey(Cache):
    """A cache compares the URL and whether there is an Authorization header."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, request.query, bool(self.keys_sent(request))
