"""What a recording no longer shows because keys were replaced in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contracts.core.model import Exchange
from contracts.core.result import Judgement, Verdict
from contracts.openapi.body import parse
from contracts.openapi.operation import Operation
from contracts.traffic.redaction import MARKER

_JUDGED_HEADERS = frozenset({"content-type", "content-length", "content-encoding", "age", "cache-control", "vary"})
"""The headers, in lower case, by which clauses judge an answer, or by which it is read."""
_JUDGED_ROLES = (
    "object",
    "items",
    "has_more",
    "first_id",
    "last_id",
    "item_id",
    "item_time",
    "item_facet",
    "item_object",
)
"""The parts of a page of which clauses speak."""


def hides(operation: Operation, exchange: Exchange) -> bool:
    """Whether a key was replaced in a part of an exchange that clauses judge: then it no longer shows what came."""
    answer = exchange.answer
    if MARKER.search(exchange.request.target):
        return True
    if answer is None or not answer.redacted:
        return False
    headers = {part.removeprefix("header ").lower() for part in answer.redacted if part.startswith("header ")}
    if headers & _JUDGED_HEADERS:
        return True
    return exchange.ok and "body" in answer.redacted and _hides_fields(operation, answer.body)


def _hides_fields(operation: Operation, body: bytes) -> bool:
    known = {getattr(operation.roles, role) for role in _JUDGED_ROLES}
    parsed = parse(body)
    if parsed.defect:
        return True
    rest: list[tuple[bool, Any]] = [(True, parsed.value)]
    while rest:
        judged, value = rest.pop()
        if isinstance(value, dict):
            if any(MARKER.search(name) for name in value):
                return True
            rest += [(name in known, child) for name, child in value.items()]
        elif isinstance(value, list):
            rest += [(judged, child) for child in value]
        elif judged and isinstance(value, str) and MARKER.search(value):
            return True
    return False


def of_a_part(judgement: Judgement) -> Judgement:
    """What rests on answers that are missing is not claimed where the recording hides some."""
    claimed = judgement.verdict in {Verdict.BROKEN, Verdict.WARNED}
    if claimed and judgement.finding is not None and judgement.finding.stable_list:
        reason = "the recording does not show all answers: keys were replaced in some"
        return replace(judgement, verdict=Verdict.NOT_EXERCISED, finding=None, breaches=0, reason=reason, because="")
    return judgement
