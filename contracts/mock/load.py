"""Servers that are wrong only while many requests are under way at once, and servers that rightly show that they are.

No fault or variant of the other modules is of this kind: these are found under load, and an ordinary run, in which no
more than sixteen requests are under way, sees nothing of them. So they stand in tables of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import NoReturn

from contracts.mock.app import Asked, Behaviour, Refused, Request, Response
from contracts.mock.intermediaries import Joining
from contracts.mock.registry import name_of, sentence_of
from contracts.mock.store import Permission
from contracts.mock.variants.moving import Moving

LEAST = 20
"""Requests that must be under way at once for most of these faults to show: more than an ordinary run has."""
_WORK_SECONDS = 0.004
"""How long such a server is busy with a request, in which others come."""


@dataclass(frozen=True, slots=True)
class LoadFault:
    """A server that is wrong in one way, from so many requests on that are under way at once.

    ``clauses`` are the ids of the clauses of which at least one must catch it; ``concurrency`` is the least number of
    requests at once with which it shows.
    """

    name: str
    clauses: tuple[str, ...]
    sentence: str
    concurrency: int
    behaviour: type[Behaviour] = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoadVariant:
    """A server that keeps the contract under load as well, in its own way."""

    name: str
    sentence: str
    behaviour: type[Behaviour] = field(repr=False)


_FAULTS: dict[str, LoadFault] = {}
_VARIANTS: dict[str, LoadVariant] = {}


async def work(times: float = 1) -> None:
    """Be busy so many times as long as a request takes, while others are served."""
    await asyncio.sleep(_WORK_SECONDS * times)


class Busy(Behaviour):
    """A server that takes some time for each request; it is crowded while `LEAST` requests or more are under way."""

    least = LEAST

    @property
    def crowded(self) -> bool:
        """Whether so many requests are under way that what is wrong shows."""
        return self.in_flight >= self.least

    async def pause(self, _asked: Asked, /) -> None:
        """The time that a request takes."""
        await work()


def _fault(*clauses: str) -> Callable[[type[Busy]], type[Busy]]:
    def register(behaviour: type[Busy]) -> type[Busy]:
        name = name_of(behaviour)
        _FAULTS[name] = LoadFault(name, clauses, sentence_of(behaviour), behaviour.least, behaviour)
        return behaviour

    return register


def _variant(behaviour: type[Behaviour]) -> type[Behaviour]:
    _VARIANTS[name_of(behaviour)] = LoadVariant(name_of(behaviour), sentence_of(behaviour), behaviour)
    return behaviour


# --- state that requests share


@_fault("PAG-011", "PAG-012", "SEC-001")
class SharedBuffers(Busy):
    """Answers are written to one buffer of two: who comes while it is sent gets the page of another."""

    async def serve(self, request: Request, /) -> Response:
        """The page that was written last."""
        response = await super().serve(request)
        crowded = self.crowded
        self.memory["buffer"] = response.body
        await work()
        return replace(response, body=self.memory["buffer"]) if crowded else response


class InGlobal(Busy):
    """A server that keeps one value of each request in a global variable while it waits."""

    kept = ""
    """The name of the value."""

    async def serve(self, request: Request, /) -> Response:
        """The page for the value that was read last."""
        checkpoint = self.route(request)
        self.authenticate(request)
        asked = self.read(request, checkpoint)
        given = getattr(asked, self.kept)
        if given is not None:
            self.memory[self.kept] = given
        await self.pause(asked)
        if given is not None and self.crowded and self.takes(asked):
            asked = replace(asked, **{self.kept: self.memory[self.kept]})
        return self.page(asked)

    def takes(self, _asked: Asked, /) -> bool:
        """Whether such a request is answered by the variable."""
        return True


@_fault("PAG-011")
class CursorInGlobal(InGlobal):
    """The cursor is kept in a global variable, and a request that comes in between sets it."""

    kept = "after"


@_fault("PAG-001", "PAG-002", "PAG-003")
class SizeInGlobal(InGlobal):
    """The page size is kept in a global variable, and a request that comes in between sets it."""

    kept = "limit"


@_fault("FLT-001", "PAG-012")
class FilterOfAnother(InGlobal):
    """The filter of a request that waits for the database is replaced by that of the next one."""

    kept = "project_id"

    def takes(self, asked: Asked, /) -> bool:
        """Whether it is the first page."""
        return asked.after is None


@_fault("HTP-001", "SEC-001", "SEC-002", "SEC-005")
class CallerInGlobal(Busy):
    """Who asks is kept in a global variable between two steps of a request."""

    async def serve(self, request: Request, /) -> Response:
        """The page, if the caller that was read last may look."""
        self.memory["caller"] = request
        checkpoint = self.route(request)
        asked = self.read(request, checkpoint)
        await self.pause(asked)
        self.authenticate(self.memory["caller"] if self.crowded else request)
        return self.page(asked)


# --- requests that are joined, and caches


@_fault("HTP-001", "SEC-001", "SEC-002", "SEC-005")
class CallersJoined(Joining, Busy):
    """Requests for the same URL that wait at the same time are joined, whoever asks."""

    def place(self, request: Request, /) -> object:
        """The URL alone."""
        return request.path, request.query

    @property
    def joins(self) -> bool:
        """While many ask."""
        return self.crowded


@_fault("PAG-011", "PAG-012", "PAG-001", "PAG-002", "FLT-001")
class StampedeKey(Busy):
    """A cache that many fill at once keeps a page under the key of a request that came later."""

    async def serve(self, request: Request, /) -> Response:
        """The page, from a cache while many ask."""
        self.authenticate(request)
        self.memory["key"] = key = request.path, request.query
        cache: dict[object, Response] = self.memory.setdefault("cache", {})
        if not self.crowded:
            cache.clear()
        elif key in cache:
            return replace(cache[key], headers=list(cache[key].headers))
        response = await super().serve(request)
        cache[self.memory["key"]] = response
        return response


# --- numbers and copies


@_fault("PAG-014", "PAG-015")
class CounterLosesUpdates(Busy):
    """What is left of a list is counted by a counter that loses updates, so that has_more flips."""

    def has_more(self, items: Sequence[Permission], rest: Sequence[Permission], asked: Asked, /) -> object:
        """The wrong answer for every third request while many ask."""
        right = len(rest) > len(items)
        return not right if self.crowded and asked.request.number % 3 == 0 and items else right


@_fault("ORD-001", "ORD-002", "ORD-003")
class LateConnectionReversed(Busy):
    """The last connections of a pool have another order."""

    least = 24

    def arrange(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        """By time, the wrong way round on some connections."""
        ordered = super().arrange(permissions, asked)
        return ordered[::-1] if self.crowded and asked.request.number % 2 else ordered

    def sort(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        """The same, each time anew."""
        return self.arrange(permissions, asked)


@_fault("PAG-011", "PAG-012", "PAG-015")
class SnapshotSwapped(Busy):
    """While a snapshot is swapped, which happens under load alone, some items are in neither of the two."""

    def permissions(self, asked: Asked, /) -> Sequence[Permission]:
        """What the checkpoint holds, short of every seventh item while many ask."""
        found = super().permissions(asked)
        if not self.crowded or asked.request.number % 2:
            return found
        return tuple(each for place, each in enumerate(found) if place % 7)


@_fault("PAG-011", "PAG-015", "PAG-019", "PAG-023")
class ReplicaBehind(Busy):
    """Under load reads go to a replica that has stopped, and lacks the newest items for good."""

    least = 24

    def permissions(self, asked: Asked, /) -> Sequence[Permission]:
        """What the checkpoint holds, short of the newest items while many ask."""
        found = super().permissions(asked)
        newest = sorted(found, key=lambda each: each.created_at)[-4:]
        return tuple(each for each in found if each not in newest) if self.crowded else found

    def unknown_after(self, _ordered: Sequence[Permission], _asked: Asked, /) -> int:
        """An item that the replica lacks stood at the head."""
        return 0


@_fault("PAG-008", "ITM-008", "PAG-012")
class RowsTwice(Busy):
    """Under load rows are read again that moved within the database, and come twice on a page."""

    def cut(self, rest: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        """The page, its first item in the place of its last one as well."""
        page = super().cut(rest, asked)
        return [*page[:-1], page[0]] if self.crowded and page[2:] else page


@_fault("ITM-008")
class ProjectsOfNeighbours(Busy):
    """Under load rows and their projects are read by two queries, and put together by their place."""

    def cut(self, rest: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        """The page, each item with the project of the one before it."""
        page = super().cut(rest, asked)
        if not self.crowded or asked.request.number % 3:
            return page
        return [replace(each, project_id=page[place - 1].project_id) for place, each in enumerate(page)]


# --- what a server does that has too much to do


class EachFourth(Busy):
    """A server that gives another answer in place of each fourth page while many ask."""

    async def serve(self, request: Request, /) -> Response:
        """The page, or what it gives instead."""
        response = await super().serve(request)
        return self.instead(request, response) if self.crowded and request.number % 4 == 0 else response

    def instead(self, request: Request, response: Response, /) -> Response:
        """What takes the place of a page."""
        raise NotImplementedError


@_fault("ENV-001", "ENV-002", "ENV-003", "ENV-004", "ENV-005", "ENV-006")
class LimiterSays200(EachFourth):
    """Who asks too much gets an error with the status 200."""

    def instead(self, _request: Request, response: Response, /) -> Response:
        """An error that looks like a page."""
        return replace(response, body=b'{"error":{"message":"Rate limit reached.","code":"rate_limit_exceeded"}}')


@_fault("HTP-001")
class SendsElsewhere(EachFourth):
    """Who asks too much is sent to a page about the state of the service."""

    def instead(self, _request: Request, _response: Response, /) -> Response:
        """A redirect to another host."""
        return Response(302, [("Location", "https://status.invalid/")])


@_fault("HTP-005")
class FailsAboveRate(EachFourth):
    """Above a rate requests are answered 503, and not when to ask again."""

    def instead(self, _request: Request, _response: Response, /) -> NoReturn:
        """A failure."""
        raise Refused(503, "The server is overloaded.", code="overloaded")


@_fault("SEC-001", "SEC-002", "SEC-005")
class CheckTimesOut(Busy):
    """Where the check of a key takes too long, because many wait for it, the caller is let in."""

    async def serve(self, request: Request, /) -> Response:
        """The page; no key is checked while many requests are under way."""
        checkpoint = self.route(request)
        asked = self.read(request, checkpoint)
        await self.pause(asked)
        if not self.crowded:
            self.authenticate(request)
        return self.page(asked)


@_fault("ENV-001")
class BodyCut(Busy):
    """Under load a page is written to a buffer that is too small, and ends in its middle."""

    def encode(self, value: object, asked: Asked, /) -> bytes:
        """The page, or the first half of it."""
        body = super().encode(value, asked)
        return body[: len(body) // 2] if self.crowded and asked.request.number % 3 == 0 else body


@_fault("HTP-001")
class NotModifiedUnasked(EachFourth):
    """A cache that is short of memory says 304 to those who hold no copy of the page."""

    def instead(self, _request: Request, _response: Response, /) -> Response:
        """Nothing."""
        return Response(304, [("ETag", '"page"')])


@_fault("INP-009", "SEC-009")
class KeyInLimiter(EachFourth):
    """Who asks too much is put off rightly, and the message names the whole key."""

    def instead(self, request: Request, _response: Response, /) -> NoReturn:
        """When to ask again, and the key."""
        key = "".join(request.header("authorization")).removeprefix("Bearer ")
        raise Refused(429, f"Rate limit reached for {key}.", headers=[("Retry-After", "0")])


@_fault("SEC-008")
class RefusalShowsPage(Busy):
    """Under load a refusal is sent with the body that is left in a buffer: the page of an administrator."""

    async def answer(self, request: Request, /) -> Response:
        """The right answer; that of a refusal with the page of another."""
        response = await super().answer(request)
        if response.status == HTTPStatus.OK:
            self.memory["page"] = response.body
        elif self.crowded and response.status in {401, 403} and "page" in self.memory:
            return replace(response, body=self.memory["page"])
        return response


# --- what is right under load


@_variant
class PutsOff(Busy):
    """Above a rate requests are answered 429 with Retry-After."""

    status = 429

    async def serve(self, request: Request, /) -> Response:
        """The page, or when to ask again."""
        response = await super().serve(request)
        if self.crowded and request.number % 4 == 0:
            raise Refused(self.status, "Slow down.", code="rate_limit_exceeded", headers=[("Retry-After", "0")])
        return response


@_variant
class ScalesUp(PutsOff):
    """While it scales, requests are answered 503 with Retry-After."""

    status = 503


@_variant
class TwoBuilds(Busy):
    """Two builds stand behind a balancer: one of them writes its answers another way, each with an id of its own."""

    def encode(self, value: object, asked: Asked, /) -> bytes:
        """The page, never twice the same bytes from the one build."""
        if asked.request.number % 2 and isinstance(value, dict):
            value = {"request_id": f"req_{asked.request.number}", **value}
        return super().encode(value, asked)


@_variant
class Slow(Busy):
    """The more requests are under way, the longer each takes."""

    async def pause(self, _asked: Asked, /) -> None:
        """The time that a request takes."""
        await work(1 + self.in_flight / 8)


@_variant
class Changes(Busy, Moving):
    """The list gains an item at its head and loses one anywhere, every 60 requests."""

    every = 60

    def seen(self, number: int) -> int:
        """The list does not change while an ordinary run learns it."""
        return max(0, number - 400)


@_variant
class ClosesConnections(Busy):
    """A balancer closes each connection after some requests, as it says or without a word."""

    def finish(self, request: Request, response: Response, /) -> Response:
        """The answer, sometimes the last one of its connection."""
        if request.number % 5 == 0:
            response.headers.append(("Connection", "close"))
        return super().finish(request, response)


@_variant
class JoinedByCaller(Joining, Busy):
    """Requests of the same key for the same URL that wait at the same time are joined."""


LOAD_FAULTS: Mapping[str, LoadFault] = MappingProxyType(_FAULTS)
LOAD_VARIANTS: Mapping[str, LoadVariant] = MappingProxyType(_VARIANTS)
