"""How a load went, in words."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.core.result import Figures
from contracts.core.wording import count

_BARS = "▁▂▃▄▅▆▇█"


def notes(figures: Figures) -> Iterator[str]:
    """The figures of a load, a sentence each."""
    where = f" on {count(figures.workers, 'worker')}" if figures.workers else ""
    yield (
        f"Under load: {count(figures.users, 'user')}{where} sent {count(figures.requests, 'request')} in"
        f" {figures.seconds:.0f} s, {figures.rate:.0f} a second."
    )
    if figures.percentiles and figures.requests:
        shares = ", ".join(f"{share} % within {took:.0f} ms" for share, took in figures.percentiles.items())
        yield f"Answers came: {shares}."
    for clause, number in figures.breaches.items():
        yield f"{clause} was broken {count(number, 'time')} under load: {picture(figures.series.get(clause, ()))}"
    if figures.put_off:
        yield f"{count(figures.put_off, 'answer')} under load asked to wait (429, 503 with Retry-After); users waited."
    if figures.unanswered:
        yield (
            f"{count(figures.unanswered, 'request')} under load got no complete answer, for which a network or a"
            " balancer may be to blame: they are no breach."
        )
    if figures.unjudged:
        yield (
            f"{count(figures.unjudged, 'answer')} under load could not be judged: pages other than predicted,"
            " too many to be laid against the list."
        )
    if figures.lost:
        yield f"{count(figures.lost, 'worker')} went away during the load: what it had reported by then counts."


def picture(series: tuple[int, ...]) -> str:
    """Numbers over time as bars, one for each interval; a dot for zero."""
    most = max(series, default=0)
    return "".join("·" if not number else _BARS[(number * len(_BARS) - 1) // most] for number in series)
