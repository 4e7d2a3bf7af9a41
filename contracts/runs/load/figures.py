"""The figures of a load, summed up over all processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from contracts.core.model import Exchange
from contracts.core.result import Figures
from contracts.runs.load.messages import Done, News

STRETCHES: Final = 60
"""The most intervals into which the time of a load is divided for its chart."""
_MOST: Final = 400
"""The most exchanges of all workers that are kept."""


class Tables:
    """Sums up the reports of the processes; its size does not grow with time."""

    def __init__(self) -> None:
        self._stretch = 1.0
        self._series: dict[str, Counter[int]] = {}
        self._evidence: list[Exchange] = []
        self._seen = News()

    def add(self, news: News, at: float) -> None:
        """Add a report that one process sent ``seconds`` after the beginning."""
        while at >= self._stretch * STRETCHES:
            self._stretch *= 2
            for name, series in self._series.items():
                self._series[name] = Counter()
                for place, number in series.items():
                    self._series[name][place // 2] += number
        for name, number in news.clauses.items():
            self._series.setdefault(name, Counter())[int(max(0.0, at) // self._stretch)] += number
        self._evidence += news.evidence[: max(0, _MOST - len(self._evidence))]
        self._seen.judged += news.judged
        self._seen.unanswered += news.unanswered
        self._seen.put_off += news.put_off
        self._seen.unjudged += news.unjudged
        self._seen.moved |= news.moved

    def done(
        self,
        *,
        users: int,
        workers: int,
        lost: int,
        seconds: float,
        requests: int,
        rate: float,
        percentiles: Mapping[str, float],
        interrupted: bool = False,
    ) -> Done:
        """All sums, with the numbers that Locust counted."""
        last = max((place for series in self._series.values() for place in series), default=0)
        last = max(last, int(seconds // self._stretch))
        order = sorted(self._series, key=lambda name: (-self._series[name].total(), name))
        figures = Figures(
            users=users,
            workers=workers,
            seconds=seconds,
            requests=requests,
            rate=rate,
            percentiles=percentiles,
            unanswered=self._seen.unanswered,
            put_off=self._seen.put_off,
            unjudged=self._seen.unjudged,
            lost=lost,
            moved=self._seen.moved,
            breaches={name: self._series[name].total() for name in order},
            stretch=self._stretch,
            series={name: tuple(self._series[name][place] for place in range(last + 1)) for name in order},
        )
        return Done(tuple(self._evidence), figures, self._seen.judged, interrupted)
