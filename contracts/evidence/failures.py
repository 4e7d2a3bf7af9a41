"""Which failures are the target's: what fails only now and then, and what the network may have lost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

from contracts.core.model import Exchange, FailureKind, Request

_GONE = 10
"""When at least so many requests in a row, up to the last, got no complete answer, none of them caused that."""


class Failures:
    """The failures among the exchanges of a run."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._exchanges = exchanges

    @cached_property
    def _by_request(self) -> Mapping[tuple[Request, bool], Counter[bool]]:
        """How often each request, alone or with others, was answered with a 5xx (true) and otherwise (false)."""
        found: dict[tuple[Request, bool], Counter[bool]] = defaultdict(Counter)
        for exchange in self._exchanges:
            if exchange.answer is not None and exchange.failure is None and not exchange.postponed:
                found[exchange.request, exchange.concurrent][exchange.failed] += 1
        return found

    @cached_property
    def _fails_now_and_then(self) -> bool:
        """Whether some request was answered both with a 5xx and with something else."""
        return any(answers[True] and answers[False] for answers in self._by_request.values())

    def intermittent(self, exchange: Exchange) -> bool:
        """Whether a 5xx may have nothing to do with its request, because the same request was also answered otherwise.

        Where any request fails now and then, a request that failed once was tried too seldom to tell.
        """
        answers = self._by_request[exchange.request, exchange.concurrent]
        return exchange.failed and (answers[False] > 0 or (self._fails_now_and_then and answers[True] == 1))

    @cached_property
    def lost(self) -> tuple[Exchange, ...]:
        """The exchanges without a complete answer because their connection broke, whoever broke it."""
        return tuple(exchange for exchange in self._exchanges if exchange.lost)

    @cached_property
    def loss(self) -> float:
        """The share of attempts that the network lost, from 0 to 1.

        Only requests that another attempt answered completely are counted: a server that breaks off a request does so
        each time. Where nothing was answered from some request on, it is 1, because no single request is to blame.
        """
        first = next((place for place, exchange in enumerate(self._exchanges) if exchange.lost), 0)
        if first and len(self._exchanges) - first >= _GONE and all(one.lost for one in self._exchanges[first:]):
            return 1.0
        broken: Counter[Request] = Counter()
        complete: Counter[Request] = Counter()
        for exchange in self._exchanges:
            broken[exchange.request] += exchange.retries + exchange.lost
            complete[exchange.request] += exchange.answer is not None and not exchange.lost
        known = [request for request, number in complete.items() if number]
        failed = sum(broken[request] for request in known)
        return failed / (failed + complete.total()) if failed else 0.0

    @cached_property
    def stalls(self) -> tuple[Exchange, ...]:
        """What was answered right before requests were not answered in time: one for each series of such requests.

        Of what was answered while the first of a series was under way, an error comes before a 200.
        """
        found: list[Exchange] = []
        answered: list[Exchange] = []
        within = False
        for exchange in sorted(self._exchanges, key=lambda each: each.received):
            timed_out = exchange.failure is not None and exchange.failure.kind is FailureKind.TIMEOUT
            if timed_out and not within and answered:
                meanwhile = [each for each in answered if each.received > exchange.sent] or answered[-1:]
                found.append(next((each for each in reversed(meanwhile) if not each.ok), meanwhile[-1]))
            within = timed_out
            if exchange.answer is not None and not timed_out:
                answered.append(exchange)
        return tuple(found)

    @cached_property
    def timeouts(self) -> int:
        """The number of requests that were not answered in time."""
        kinds = (exchange.failure.kind for exchange in self._exchanges if exchange.failure is not None)
        return sum(kind is FailureKind.TIMEOUT for kind in kinds)

    def doubtful(self, exchange: Exchange) -> bool:
        """Whether the network may be to blame for a missing or incomplete answer.

        It is not where the target stopped accepting connections after this request and nothing else was lost: only the
        target's own host refuses connections.
        """
        if exchange.failure is not None and exchange.failure.kind is FailureKind.FATAL:
            return any(other.retries or other.lost for other in self._exchanges if other.number != exchange.number)
        return exchange.lost
