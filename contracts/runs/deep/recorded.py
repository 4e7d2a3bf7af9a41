"""A recorded walk through a list that is too long for memory, judged again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from contracts.core.model import Exchange, Request, Step
from contracts.core.result import Repetition
from contracts.evidence.evidence import Evidence
from contracts.openapi.operation import Operation
from contracts.runs.deep.walk import DEEP, Deep, Full
from contracts.runs.replaced import hides
from contracts.traffic.spool import Spool
from contracts.verdicts.conclusion import Terms


class _Over(Exception):
    """The recording holds no more of what was read again."""


class Recorded:
    """The exchanges of a recorded walk through the whole list that can be judged.

    Attributes:
        read_again: Those that read doubtful places again.
        kept: Those that asked a finding again, or that it rests on.
        hidden: How many can't be judged.
    """

    def __init__(self, operation: Operation, spool: Spool, repetitions: Iterable[Repetition]) -> None:
        confirmed = {number for each in repetitions for number in each.of}
        self._spool = spool
        self._numbers: list[int] = []
        self.read_again: list[Exchange] = []
        self.kept: list[Exchange] = []
        self.hidden = 0
        for exchange in spool:
            if hides(operation, exchange):
                self.hidden += 1
                continue
            if exchange.again is not None or exchange.number in confirmed:
                self.kept.append(exchange)
            if exchange.again is not None:
                continue
            if exchange.step is not None and exchange.step.walk.startswith(DEEP):
                self.read_again.append(exchange)
            elif exchange.step is not None:
                self._numbers.append(exchange.number)

    def __len__(self) -> int:
        return len(self._spool) - self.hidden

    def __getitem__(self, number: int) -> Exchange:
        return self._spool[number]

    def pages(self) -> Iterator[Exchange]:
        """The pages of the walk."""
        return map(self._spool.__getitem__, self._numbers)


def walked_through(terms: Terms, evidence: Evidence, walked: Recorded) -> Deep:
    """Judge a recorded walk through the whole list."""
    deep = Deep(evidence, terms.clauses, walked, len(walked))
    for exchange in walked.pages():
        query = evidence.query(exchange)
        if query is not None:
            with suppress(Full):
                deep.read(exchange, query)
    deep.judge()
    recorded = iter(walked.read_again)

    def ask(request: Request, _: Step) -> Exchange:
        exchange = next(recorded, None)
        if exchange is None or exchange.request != request:
            raise _Over
        return exchange

    with suppress(_Over):
        for doubt in deep.doubts():
            deep.read_again(doubt, ask)
    return deep
