"""Where repeated requests are answered during a run: by the target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from contracts.core.model import Exchange, Order
from contracts.core.result import Finding
from contracts.evidence.evidence import CONTROL, LOAD
from contracts.probes.asking import Asking, ShareSpent
from contracts.probes.walks import control_walk, read_list

AGAIN = "again"
"""The probe that repeats requests of findings."""


class LiveAnswers:
    """Sends repeated requests to the target, and leaves ``reserve`` requests for testing causes; see `Answering`."""

    def __init__(self, asking: Asking, *, reserve: int) -> None:
        self._asking = asking
        self._reserve = reserve
        asking.begin(AGAIN, asking.client.remaining - reserve)

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """All exchanges so far but those of a load: a repetition without load must not be compared with these."""
        return [exchange for exchange in self._asking.client.exchanges if exchange.probe != LOAD]

    def control_walk(self, *, ascending: bool) -> None:
        """Make a control walk, with ``ascending`` in both orders."""
        self._asking.begin(CONTROL, self._asking.client.remaining)
        control_walk(self._asking)
        if ascending:
            read_list(self._asking, Order.ASCENDING, fresh=True)
        self._asking.begin(AGAIN, self._asking.client.remaining - self._reserve)

    def repeat(self, number: int, exchange: Exchange, *, fresh: bool) -> Exchange:
        """Repeat a request, with its whole batch if it was sent in one."""
        tag = (number, exchange.number)
        if exchange.number in self._asking.batches:
            place, batch = self._asking.batches[exchange.number]
            asked = [replace(request, fresh=fresh or request.fresh) for request in batch]
            return self._asking.together(asked, again=tag)[place]
        request = exchange.request
        return self._asking.send(replace(request, fresh=fresh or request.fresh), again=tag)

    def repeat_together(self, number: int, exchanges: Sequence[Exchange]) -> Sequence[Exchange]:
        """Repeat requests at the same time."""
        return self._asking.repeat_all(number, exchanges)


class DeepAnswers:
    """Sends repeated requests of a walk through a long list to the target; see `Answering`."""

    def __init__(self, asking: Asking, found: Iterable[tuple[str, Finding]]) -> None:
        self._asking = asking
        known = {exchange.number: exchange for _, finding in found for exchange in finding.exchanges}
        self._exchanges = [known[number] for number in sorted(known)]

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """The exchanges of the findings, and their repetitions."""
        return self._exchanges

    def control_walk(self, *, ascending: bool) -> None:
        """Do nothing: the list is too long, and findings that require a stable list are not repeated."""

    def repeat(self, number: int, exchange: Exchange, *, fresh: bool) -> Exchange:  # noqa: ARG002 - it is fresh anyway
        """Repeat a request; its exchange is kept on disk as well."""
        copy = self._asking.send(exchange.request, again=(number, exchange.number), spooled=True)
        self._exchanges.append(copy)
        return copy

    def repeat_together(self, *_: object) -> Sequence[Exchange]:
        """Refuse: the pages of a long list are requested one by one.

        Raises:
            ShareSpent: Always.
        """
        raise ShareSpent
