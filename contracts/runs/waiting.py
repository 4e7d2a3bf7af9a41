"""Waiting for a target that is starting."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from contracts.core.model import Exchange, FailureKind, Query
from contracts.runs.first_look import FEW
from contracts.runs.recognition import one_line
from contracts.traffic.pacing import RunStopped

if TYPE_CHECKING:
    from contracts.runs.plan import Plan

_NO_ANSWER: Final = frozenset({FailureKind.UNREACHABLE, FailureKind.CUT, FailureKind.TIMEOUT})
_MOST_OUTCOMES: Final = 5
"""How many outcomes of waiting are said."""
_BETWEEN: Final = 0.5
"""Seconds between two attempts to get an answer from a target that is starting."""


def await_answer(
    plan: Plan,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    *,
    say: Callable[[str], None] = lambda _sentence: None,
) -> None:
    """Request the list until the target answers, or for ``seconds``; the first look then reports the last outcome.

    No answer yet are: no connection, one that is cut or silent, a 5xx, and a 404 that is no JSON, as of a proxy that
    does not know the target yet. ``say`` is called with what is waited for, once for each outcome.
    """
    deadline = clock() + seconds
    told: set[str] = set()
    request = plan.operation.request(Query(plan.target.checkpoint))
    while True:
        limits = replace(plan.limits, tries=1, attempts=1, back=0.0, run=None)
        with replace(plan, limits=limits).client(FEW) as client:
            try:
                exchange = client.send(request, probe="first look")
            except RunStopped:
                return
        if not _not_yet(exchange) or clock() >= deadline:
            return
        outcome = exchange.failure.text if exchange.failure is not None else f"it answers {exchange.status}"
        if outcome not in told and len(told) < _MOST_OUTCOMES:
            told.add(outcome)
            outcome = one_line(plan.redactor.text(outcome))
            say(f"waiting {seconds:g} s at the most for {plan.target.base_url}: {outcome}")
        sleep(min(_BETWEEN, max(0.0, deadline - clock())))


def _not_yet(exchange: Exchange) -> bool:
    answer, failure = exchange.answer, exchange.failure
    if failure is not None:
        return failure.kind in _NO_ANSWER and "certificate" not in failure.text
    if answer is not None and answer.status == HTTPStatus.NOT_FOUND:
        return "json" not in (answer.header("content-type") or "").lower()
    return exchange.failed
