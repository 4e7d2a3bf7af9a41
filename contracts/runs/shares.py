"""How the requests and the time of a run are divided among its probes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from contracts.probes import PROBES
from contracts.runs.plan import Plan
from contracts.traffic.client import Client
from contracts.traffic.limits import DEFAULT_BUDGET

SHARE_OF_TIME = 0.8
"""The share of the time of a run that is planned for."""
SLACK = 2.0
"""How much more time than its part of the requests a probe may take."""
SHARE_ALONE = 0.15
"""The share of the requests that are sent one by one, whatever the concurrency."""
_QUICK = 0.001
"""The least seconds that an answer is taken to need."""


class Shares:
    """The shares of one run.

    Args:
        plan: The run.
        client: The client, with the answers so far.
        began: When the run began, by `time.monotonic`.

    Attributes:
        hurried: Whether the time of the run suffices for fewer requests than its budget.
        expected: How many requests the run seems to send.
    """

    def __init__(self, plan: Plan, client: Client, began: float) -> None:
        self._plan = plan
        self._client = client
        self._began = began
        self.hurried = False
        self.expected = plan.most

    def room(self) -> int:
        """The number of further requests for which the time of the run suffices, by the duration of answers so far."""
        limit, client, plan = self._plan.limits.run, self._client, self._plan
        if limit is None:
            return client.remaining
        left = (limit - (time.monotonic() - self._began)) * SHARE_OF_TIME
        each = max(self.seconds, _QUICK) * (SHARE_ALONE + (1 - SHARE_ALONE) / plan.concurrency)
        return max(0, int(left / max(each, 1 / plan.rate if plan.rate else 0.0)))

    @property
    def seconds(self) -> float:
        """The mean seconds of an answer; the first one, which includes connecting, counts only if it is alone."""
        exchanges = self._client.exchanges
        return fmean(exchange.seconds for exchange in exchanges[1:] or exchanges)

    def until(self, probes: Sequence[str], shares: Mapping[str, int]) -> float | None:
        """When the first of these probes is ended, so that each comes to its first questions, however slow answers are.

        That is after `SLACK` times its part of the time that is planned for them all: what one leaves goes to the next.
        A probe that may send nothing needs no end.
        """
        if self._plan.limits.run is None or not shares[probes[0]]:
            return None
        now = time.monotonic()
        planned = max(0.0, self._began + self._plan.limits.run * SHARE_OF_TIME - now)
        part = SLACK * shares[probes[0]] / max(1, sum(shares[name] for name in probes))
        return now + planned * min(1.0, part)

    def hurry(self, room: int) -> bool:
        """Whether the time of the run suffices for fewer requests than its budget."""
        self.hurried = room < self._client.remaining
        self.expected = self._client.requests + room if self.hurried else self._plan.most
        return self.hurried

    def allot(self, probes: Sequence[str], free: int) -> dict[str, int]:
        """The number of requests that each probe may send; with a selection not more than without one."""
        usual = _divided(max(free, DEFAULT_BUDGET), replace(self._plan, selected=()).probes)
        return {name: min(share, usual[name]) for name, share in _divided(free, probes).items()}


def _divided(free: int, names: Iterable[str]) -> dict[str, int]:
    """The shares of these probes of ``free`` requests."""
    needed = {name: PROBES[name] for name in names}
    beyond = max(0, free - sum(probe.least for probe in needed.values()))
    shares = {name: probe.share if free >= probe.begins else 0.0 for name, probe in needed.items()}
    whole = sum(shares.values()) or 1.0
    found = {name: probe.least + int(beyond * shares[name] / whole) for name, probe in needed.items()}
    # The remainder of rounding goes to the last probes, whose requests all differ.
    rounded = free - sum(found.values())
    for name in list(reversed(found))[: max(0, rounded)]:
        found[name] += 1
    return found
