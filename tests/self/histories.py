"""Histories of a right server as evidence, without a server: what was asked, and what a right answer was then."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from contracts.core.model import Answer, Exchange, Order, Query, Step, Target
from contracts.evidence.evidence import Evidence
from contracts.evidence.movement import LAG
from contracts.evidence.reader import Reader
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation

CHECKPOINT = "ft:model:acme:x:1"
JSON = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))


@cache
def operation() -> Operation:
    return load_operation()


@cache
def reader() -> Reader:
    return Reader(operation())


@dataclass(frozen=True)
class Permission:
    id: str
    created_at: int
    project_id: str

    def render(self) -> dict[str, object]:
        return {
            "object": "checkpoint.permission",
            "id": self.id,
            "created_at": self.created_at,
            "project_id": self.project_id,
        }


@dataclass
class History:
    """A list that may change between two requests, and everything that was asked of it."""

    items: list[Permission]
    unknown_cursor: str = "refused"
    cap: int = 100
    exchanges: list[Exchange] = field(default_factory=list)
    _tick: int = 0

    def page_of(self, query: Query) -> tuple[int, dict[str, object]]:
        """What a right server answers now."""
        rising = query.order is Order.ASCENDING
        ordered = sorted(self.items, key=lambda item: (item.created_at, item.id), reverse=not rising)
        begin = 0
        if query.after is not None:
            places = [place for place, item in enumerate(ordered) if item.id == query.after]
            if not places and self.unknown_cursor == "refused":
                return 400, {"error": {"message": "No such cursor.", "type": "x", "param": "after", "code": None}}
            begin = places[0] + 1 if places else {"empty": len(ordered), "first": 0}[self.unknown_cursor]
        rest = [item for item in ordered[begin:] if query.facet in {None, item.project_id}]
        shown = rest[: min(query.limit, self.cap) if query.limit else 10]
        return 200, {
            "object": "list",
            "data": [item.render() for item in shown],
            "first_id": shown[0].id if shown else None,
            "last_id": shown[-1].id if shown else None,
            "has_more": len(rest) > len(shown),
        }

    def body(self, number: int = 0) -> bytes:
        """The body of the answer with this number."""
        answer = self.exchanges[number].answer
        assert answer is not None
        return answer.body

    def rest(self) -> None:
        """Let so much time pass that a change of the list is known everywhere."""
        self._tick += LAG

    def ask(self, query: Query, *, probe: str = "walks", step: Step | None = None) -> Exchange:
        status, body = self.page_of(query)
        return self.keep(query, status, json.dumps(body).encode(), probe=probe, step=step)

    def keep(
        self, query: Query, status: int, body: bytes, *, probe: str = "walks", step: Step | None = None
    ) -> Exchange:
        self._tick += 2
        exchange = Exchange(
            number=len(self.exchanges),
            request=operation().request(query),
            answer=Answer(status, "", JSON, body),
            failure=None,
            sent=self._tick,
            received=self._tick + 1,
            at=1_800_000_000.0,
            seconds=0.0,
            probe=probe,
            step=step,
        )
        self.exchanges.append(exchange)
        return exchange

    def walk(self, query: Query, name: str, *, probe: str = "walks", most: int = 40) -> None:
        """Page after page, as the probes do it."""
        cursor, cursors = query.after, {query.after}
        for index in range(most):
            asked = Query(query.scope, cursor, query.limit, query.order, query.facet)
            page = reader().page(self.ask(asked, probe=probe, step=Step(name, index)), asked)
            if page is None or not page.has_more or not page.items or page.ids[-1] in cursors:
                return
            cursor = page.ids[-1]
            cursors.add(cursor)

    def evidence(self) -> Evidence:
        return Evidence(reader(), Target("http://127.0.0.1/v1", CHECKPOINT), self.exchanges)


def query(**parameters: Any) -> Query:
    return Query(CHECKPOINT, **parameters)


def permissions(number: int, *, projects: int = 2, tied: int = 3) -> list[Permission]:
    """So many permissions, as many in a second as ``tied`` says."""
    return [Permission(f"cp_{n:03}", 1_700_000_000 + n // tied, f"proj_{n % projects}") for n in range(number)]
