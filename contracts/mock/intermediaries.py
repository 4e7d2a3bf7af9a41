"""What stands before a server and answers in its place: a cache, and what joins equal requests."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from http import HTTPStatus

from contracts.mock.app import Behaviour, Request, Response


class Cache(Behaviour):
    """A cache that obeys `Cache-Control: no-cache`: it then neither looks up nor keeps anything.

    It says nothing about the age of what it kept, and keeps it for ever. ``ignored`` are the parameters of the query
    that it does not compare.
    """

    ignored: tuple[str, ...] = ()

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        query = tuple(part for part in request.query.split("&") if part.partition("=")[0] not in self.ignored)
        return request.path, query, *request.header("accept"), *self.keys_sent(request)

    def keeps(self, response: Response, /) -> bool:
        """Whether an answer is kept."""
        return response.status == HTTPStatus.OK

    async def answer(self, request: Request, /) -> Response:
        """An earlier answer, or that of the server."""
        place = "kept", self.place(request)
        if "no-cache" in request.header("cache-control"):
            return await super().answer(request)
        kept: Response | None = self.memory.get(place)
        if kept is None:
            kept = await super().answer(request)
            if not self.keeps(kept):
                return kept
            self.memory[place] = kept
        return replace(kept, headers=list(kept.headers))


class Joining(Behaviour):
    """Equal requests of the same caller that are under way together get one answer."""

    def place(self, request: Request, /) -> object:
        """What makes requests equal."""
        return request.path, request.query, *request.header("accept"), *self.keys_sent(request)

    @property
    def joins(self) -> bool:
        """Whether requests are joined now."""
        return True

    async def answer(self, request: Request, /) -> Response:
        """The answer that is under way for an equal request, or an own one."""
        place = "joined", self.place(request)
        if place in self.memory and self.joins:
            self.in_flight += 1
            try:
                made: Response = await asyncio.shield(self.memory[place])
            finally:
                self.in_flight -= 1
            return replace(made, headers=list(made.headers))
        task: asyncio.Task[Response] = asyncio.ensure_future(super().answer(request))
        self.memory[place] = task
        try:
            return await task
        finally:
            self.memory.pop(place, None)
