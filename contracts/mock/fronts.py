"""Caches that stand before a server, right ones and the ground for wrong ones."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from contracts.mock.app import Behaviour, Request, Response


class Front(Behaviour):
    """A cache that obeys `Cache-Control: no-cache`: it then neither looks up nor keeps anything.

    It says nothing about the age of what it kept, and keeps it for ever.
    """

    def place(self, request: Request, /) -> object:
        """What the cache compares."""
        return request.path, request.query, *request.header("accept"), *self.keys_sent(request)

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
