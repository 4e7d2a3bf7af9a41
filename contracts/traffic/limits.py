"""The bounds of a run that meets slow, endless and hostile servers."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_BUDGET = 60
"""The fewest requests with which every clause of a small list can still be shown a case."""
DEFAULT_BUDGET = 300
CLOSER = 200
"""Requests beside those of the walk through the whole list, for looking again at what was doubtful in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one answer, one request and one run may take. Seconds and bytes."""

    connect: float = 5.0
    """Seconds to open a connection, with TLS."""
    read: float = 10.0
    """Seconds between two bytes."""
    answer: float = 30.0
    """Seconds for one answer in all."""
    stalled: float = 300.0
    """Seconds that answers which do not come or do not end may take in the whole run."""
    body: int = 4 * 1024 * 1024
    """Bytes of a body, with its content coding undone."""
    kept: int = 64 * 1024
    """Bytes that are kept of a body that is too large or does not end."""
    head: int = 100 * 1024
    """Bytes of a status line with its headers."""
    fields: int = 1000
    """Headers of an answer; most clients take 100."""
    stored: int = 8 * 1024 * 1024
    """Bytes of all answers, with `stored_each` more for each request of the budget."""
    stored_each: int = 32 * 1024
    tries: int = 3
    """How often a request is sent when its connection breaks."""
    pause: float = 0.2
    """Seconds before the second try; each further one waits longer by as much."""
    redirects: int = 5
    attempts: int = 5
    """How often a request is sent while the answer is 429, or 503 with Retry-After."""
    wait: float = 60.0
    """Seconds of the longest single wait that a Retry-After may ask for."""
    waits: float = 120.0
    """Seconds of all such waits for one request."""
    gone: int = 5
    """Tries in a row without a connection after which the target counts as gone."""
    back: float = 10.0
    """Seconds in which a target that answered before, and can't be connected to now, may come back."""
    run: float | None = None
    """Seconds for the whole run."""
