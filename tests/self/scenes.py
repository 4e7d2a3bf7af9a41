"""Scenes: the right answers to some requests as evidence, without a server, and changes of one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.core.model import Answer, Exchange, Order, Query, Request, Step, Target
from contracts.evidence.evidence import CONTROL, Evidence
from contracts.evidence.reader import Reader
from contracts.openapi.operation import Operation

JSON = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
Items = Sequence[dict[str, Any]]
Change = Callable[["Scene", "Asked"], Answer]
"""Makes another answer to what was asked."""


@dataclass(frozen=True)
class Asked:
    """A request of a scene: its name, what it asks for as a query, and its exchange."""

    name: str
    query: Query
    further: Mapping[str, str]
    exchange: Exchange


@dataclass
class Scene:
    """Requests to a right server for one operation, and its answers.

    Args:
        operation: What is asked.
        target: The lists that the user named.
        lists: The items of each list, by the value of the last parameter of the path.
    """

    operation: Operation
    target: Target
    lists: Mapping[str, Items]
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reader = Reader(self.operation)

    # What a right server answers

    def page(self, query: Query, further: Mapping[str, str] = {}) -> Answer:
        """The page of a query; ``further`` filters by properties that have the names of the parameters."""
        roles, order = self.operation.roles, query.order or self.operation.default_order
        if query.scope not in self.lists:
            return refusal(404)
        ordered = sorted(
            self.lists[query.scope],
            key=lambda item: (item[roles.item_time], item[roles.item_id]),
            reverse=order is Order.DESCENDING,
        )
        ids = [item[roles.item_id] for item in ordered]
        begin, end = 0, len(ids)
        if query.after is not None:
            after = query.after.removeprefix("to:")
            if after not in ids:
                return refusal(400)
            begin = ids.index(after) + 1
        if query.before is not None:
            end = ids.index(query.before)
        rest = [
            item
            for item in ordered[begin:end]
            if query.facet in {None, item.get(roles.item_facet)}
            and all(item[name] == value for name, value in further.items())
        ]
        size = query.limit or self.operation.usual_limit
        back = query.before is not None and query.after is None
        return self.written(rest[-size:] if back else rest[:size], more=len(rest) > size)

    def written(self, items: Items, *, more: bool) -> Answer:
        """These items as a page."""
        profile, roles = self.operation.profile, self.operation.roles
        ids = [item.get(roles.item_id) for item in items]
        body: dict[str, Any] = {roles.items: list(items)}
        if roles.object:
            body[roles.object] = "list"
        if roles.has_more:
            body[roles.has_more] = more
        if roles.first_id:
            body |= {roles.first_id: ids[0] if ids else None, roles.last_id: ids[-1] if ids else None}
        if profile.next.kind == "body":
            outer, inner = profile.next.at or ("", "")
            body[outer] = {inner: f"to:{ids[-1]}" if more else None}
        return Answer(200, "", JSON, json.dumps(body).encode())

    # What is asked

    def query(self, **parameters: Any) -> Query:
        """A query for the judged list, or for the one that is given as ``scope``."""
        return Query(**{"scope": self.target.checkpoint, **parameters})

    def ask(self, name: str, query: Query, further: Mapping[str, str] = {}, **more: Any) -> Asked:
        """Ask with the admin key, and keep the right answer."""
        request = self.operation.request(query, extra=list(further.items()))
        return self.send(name, request, self.page(query, further), query=query, further=further, **more)

    def send(
        self,
        name: str,
        request: Request,
        answer: Answer,
        *,
        query: Query | None = None,
        further: Mapping[str, str] = {},
        probe: str = "walks",
        **more: Any,
    ) -> Asked:
        """Keep a request with its answer."""
        number = len(self.asked)
        exchange = Exchange(number, request, answer, None, 2 * number, 2 * number + 1, 1.8e9, 0.0, probe, **more)
        self.asked.append(Asked(name, query or self.query(), further, exchange))
        return self.asked[-1]

    def walk(self, name: str, query: Query, **more: Any) -> None:
        """Ask for page after page, as ``name 0``, ``name 1`` and so on."""
        for index in range(20):
            answer = self.ask(f"{name} {index}", query, step=Step(name, index), **more).exchange.answer
            assert answer is not None
            body = json.loads(answer.body)
            ids = [item[self.operation.roles.item_id] for item in body[self.operation.roles.items]]
            outer, inner = self.operation.profile.next.at or ("", "") if self.reader.opaque else ("", "")
            cursor = body[outer][inner] if self.reader.opaque else ids[-1] if body["has_more"] else None
            if cursor is None:
                return
            query = replace(query, after=cursor)

    def look(self, name: str) -> None:
        """Read the whole list, to see whether it changed."""
        self.walk(name, self.query(limit=100, order=self.operation.default_order), probe=CONTROL)

    # As evidence

    def evidence(self, names: Iterable[str] = (), change: Change | None = None) -> tuple[Evidence, set[int]]:
        """The evidence, the answers to requests of these names changed, and the numbers of their exchanges.

        The name of a walk stands for all of its pages.
        """
        wanted, exchanges, changed = tuple(names), [], set()
        for each in self.asked:
            if change is not None and {each.name, each.name.rstrip("0123456789").rstrip()} & set(wanted):
                changed.add(each.exchange.number)
                exchanges.append(replace(each.exchange, answer=change(self, each)))
            else:
                exchanges.append(each.exchange)
        assert bool(changed) is bool(wanted)
        return Evidence(self.reader.fresh(), self.target, exchanges), changed


def refusal(status: int, *headers: tuple[str, str]) -> Answer:
    """A 4xx with an error as the vendor has it."""
    error = {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}
    return Answer(status, "", (*JSON, *headers), json.dumps({"error": error}).encode())


# Changes


def right_answer(asked: Asked) -> Answer:
    assert asked.exchange.answer is not None
    return asked.exchange.answer


def raw(change: Callable[[bytes], bytes], **fields: Any) -> Change:
    """Another body."""
    return lambda _, asked: replace(right_answer(asked), body=change(right_answer(asked).body), **fields)


def body(**properties: Any) -> Change:
    """Other properties of the body."""
    return raw(lambda text: json.dumps({**json.loads(text), **properties}).encode())


def items(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Change:
    """Other items; the properties that follow from the items are right for these."""

    def changed(scene: Scene, asked: Asked) -> Answer:
        value = json.loads(right_answer(asked).body)
        known = {scene.operation.roles.items, scene.operation.roles.first_id, scene.operation.roles.last_id}
        answer = scene.written(change(value[scene.operation.roles.items]), more=False)
        rest = {name: each for name, each in value.items() if name not in known}
        return replace(answer, body=json.dumps({**json.loads(answer.body), **rest}).encode())

    return changed


def item(**properties: Any) -> Change:
    """Other properties of the first item."""
    return items(lambda all_: [{**all_[0], **properties}, *all_[1:]])


def without(id_: str) -> Change:
    """A page from which an item is left out."""
    return items(lambda all_: [each for each in all_ if each["id"] != id_])


def as_for(**parameters: Any) -> Change:
    """The right answer to a query with other parameters."""
    return lambda scene, asked: scene.page(replace(asked.query, **parameters))


def status(number: int) -> Change:
    """A refusal or an error."""
    return lambda _, __: refusal(number)


def answer(**fields: Any) -> Change:
    """Other parts of the answer."""
    return lambda _, asked: replace(right_answer(asked), **fields)


def header(name: str, value: str | None) -> Change:
    """Another value of a header; ``None`` for none."""

    def changed(_: Scene, asked: Asked) -> Answer:
        kept = [each for each in right_answer(asked).headers if each[0] != name]
        return replace(right_answer(asked), headers=(*kept, *([(name, value)] if value is not None else [])))

    return changed
