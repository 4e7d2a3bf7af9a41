"""Repetition: the same again, and eight at once."""

from __future__ import annotations

from dataclasses import replace

from contracts.core.model import Order, Request
from contracts.probes.asking import Asking

TOGETHER = 8
MOST_ALONE = 3
"""How many of a batch are asked once more afterwards, one by one."""


def repetition(asking: Asking) -> None:
    """Ask some queries again, and then eight of them at the same time."""
    requests = _different(asking)
    while asking.left >= TOGETHER:
        chosen = _mixed(asking, requests)
        asking.together(chosen)
        for request in chosen[: min(MOST_ALONE, asking.left)]:
            asking.send(request)


def _mixed(asking: Asking, requests: list[Request]) -> list[Request]:
    """As many of one project's list as of the whole one, where there are enough, in any order."""
    name = asking.operation.roles.project_id
    filtered = [request for request in requests if name and f"{name}=" in request.query]
    whole = [request for request in requests if request not in filtered]
    half = min(len(filtered), TOGETHER // 2)
    chosen = asking.rng.sample(filtered, half)
    rest = TOGETHER - half
    chosen += asking.rng.sample(whole, rest) if len(whole) >= rest else asking.rng.choices(requests, k=rest)
    asking.rng.shuffle(chosen)
    return chosen


def _different(asking: Asking) -> list[Request]:
    """Queries that were answered already and whose answers differ from each other."""
    evidence = asking.evidence
    by_answer: dict[object, Request] = {}
    for page in evidence.pages:
        if page.query.after is None or page.query.after in evidence.listing.items:
            by_answer.setdefault(page.ids, replace(page.exchange.request, fresh=False))
    requests = list(by_answer.values())
    return requests or [asking.operation.request(asking.query(order=order, limit=2)) for order in Order]
