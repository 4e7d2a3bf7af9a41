"""Servers that answer the same request differently, later or beside others (clauses PAG-019, PAG-020)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from contracts.mock.app import Asked, Behaviour, Request, Response
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import (
    OVERLAP_SECONDS,
)
from contracts.mock.store import Permission, Permissions


@replaces(Behaviour.sort, "PAG-019", timed=True, kind=Kind.NOW_AND_THEN)
def newest_not_on_each_replica(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """One replica of four does not have the list's first item."""
    ordered = Behaviour.sort(self, permissions, asked)
    lags = asked.request.number % 4 == 0 and asked.after is None
    return ordered[1:] if lags else ordered


@replaces(Behaviour.sort, "ORD-002", timed=True, kind=Kind.NOW_AND_THEN)
def reversed_now_and_then(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """One answer of six without a cursor is in the other direction."""
    ordered = Behaviour.sort(self, permissions, asked)
    return ordered[::-1] if asked.after is None and asked.request.number % 6 == 0 else ordered


@replaces(Behaviour.permissions, "PAG-015", timed=True, kind=Kind.NOW_AND_THEN)
def nothing_now_and_then(self: Behaviour, asked: Asked, /) -> Permissions:
    """One answer of seven without a cursor is an empty page."""
    found = Behaviour.permissions(self, asked)
    if asked.after is not None:
        return found
    self.memory["without"] = self.memory.get("without", 0) + 1
    return found if self.memory["without"] % 7 else ()


@replaces(Behaviour.cut, "PAG-019", kind=Kind.CACHE)
def repeated_page_loses_its_end(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A query that was asked before gives a page without its last item."""
    known = (asked.checkpoint, asked.after, asked.limit, asked.order, asked.project_id) in self.memory
    self.memory[asked.checkpoint, asked.after, asked.limit, asked.order, asked.project_id] = True
    page = list(rest[: asked.limit])
    return page[:-1] if known and len(page) > 1 else page


async def _overtaken(self: Behaviour, request: Request, shared: str) -> Response:
    """Serves with one parameter taken from whichever request came last."""
    checkpoint = self.route(request)
    self.authenticate(request)
    asked = self.read(request, checkpoint)
    self.memory[shared] = getattr(asked, shared)
    await asyncio.sleep(OVERLAP_SECONDS)
    return self.page(replace(asked, **{shared: self.memory[shared]}))


@replaces(Behaviour.serve, "PAG-001", timed=True)
async def limit_shared(self: Behaviour, request: Request, /) -> Response:
    """Requests at the same time share one variable for `limit`."""
    return await _overtaken(self, request, "limit")


@replaces(Behaviour.serve, "PAG-020", timed=True)
async def cursor_shared(self: Behaviour, request: Request, /) -> Response:
    """Requests at the same time share one variable for `after`."""
    return await _overtaken(self, request, "after")


@replaces(Behaviour.serve, "PAG-020", timed=True)
async def project_shared(self: Behaviour, request: Request, /) -> Response:
    """Requests at the same time share one variable for `project_id`."""
    return await _overtaken(self, request, "project_id")


@replaces(Behaviour.serve, "PAG-020", timed=True)
async def order_shared(self: Behaviour, request: Request, /) -> Response:
    """Requests at the same time share one variable for `order`."""
    return await _overtaken(self, request, "order")
