"""Servers behind a cache that is wrong for what clients ask, and right for whoever asks it to check what it keeps."""

from __future__ import annotations

from contracts.mock.app import Request
from contracts.mock.faults.declare import fault
from contracts.mock.faults.kinds import Kind
from contracts.mock.fronts import Front


def _query(request: Request, *left_out: str) -> tuple[str, ...]:
    """The parts of a query but for these parameters."""
    return tuple(part for part in request.query.split("&") if part.partition("=")[0] not in left_out)


@fault("ORD-003", kind=Kind.CACHE)
class CacheWithoutOrder(Front):
    """A cache does not compare `order`."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, *_query(request, "order"), *self.keys_sent(request)


@fault("FLT-001", kind=Kind.CACHE)
class CacheWithoutProject(Front):
    """A cache does not compare `project_id`."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, *_query(request, "project_id"), *self.keys_sent(request)


@fault("FLT-001", kind=Kind.CACHE)
class CacheByPathLimitAndAfter(Front):
    """A cache compares the path, `limit` and `after` alone."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, *_query(request, "project_id", "order"), *self.keys_sent(request)


@fault("PAG-001", kind=Kind.CACHE)
class CacheWithoutLimit(Front):
    """A cache does not compare `limit`."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, *_query(request, "limit"), *self.keys_sent(request)


@fault("PAG-010", kind=Kind.CACHE)
class CacheWithoutCursor(Front):
    """A cache does not compare `after`."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, *_query(request, "after"), *self.keys_sent(request)


@fault("PAG-001", kind=Kind.CACHE)
class CacheByPath(Front):
    """A cache compares the path alone."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, *self.keys_sent(request)


@fault("FLT-005", kind=Kind.CACHE)
class CacheInAnyCase(Front):
    """A cache compares URLs without their case."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path.lower(), request.query.lower(), *self.keys_sent(request)


@fault("SEC-010", kind=Kind.CACHE_OF_CALLERS)
class CacheForEverybody(Front):
    """A cache gives everybody what was kept for the same URL, whoever asked for it."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, request.query


@fault("SEC-010", kind=Kind.CACHE_OF_CALLERS)
class CacheForAnyKey(Front):
    """A cache compares the URL and whether there is an Authorization header."""

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, request.query, bool(self.keys_sent(request))
