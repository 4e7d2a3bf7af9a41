"""How connections to a target went during a run, and how many attempts a request is worth."""

from __future__ import annotations

import threading

from contracts.core.model import FailureKind
from contracts.traffic.limits import Limits


class Health:
    """Counts failed connections, and the time lost in waiting for answers; safe to use from any thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self.unreachable = 0
        """Failed attempts to connect in a row."""
        self.reached = False
        """Whether the target was ever connected to."""
        self.refused = False
        """Whether all connections since the last one were refused by the target's host."""
        self.turned_away = False
        """Whether the last failed attempt ended at a proxy that took the request, and did not pass it on."""
        self.stalled = 0.0
        """Seconds lost with answers that did not come or did not end; overlapping times count once."""
        self._stalled_until = 0.0
        self._cut_in_a_row = 0
        self._hung = False
        """Whether some request timed out twice; then no other one is retried after a time-out."""
        self._recovered = False
        """Whether some retry after a time-out was answered; then others are retried too."""

    @property
    def gone(self) -> bool:
        """Whether the target counts as gone, after `Limits.gone` failed attempts in a row."""
        return self.unreachable >= self._limits.gone

    def tried(
        self, *, reached: bool, refused: bool, late: bool, begun: float, ended: float, turned_away: bool = False
    ) -> None:
        """Record one attempt to send a request.

        Args:
            reached: Whether a connection was made.
            refused: Whether the target's host refused it.
            late: Whether the deadline passed before the answer was complete.
            begun: When it was sent, in seconds.
            ended: When it was over, on the same clock.
            turned_away: Whether a proxy took it, and did not pass it on.
        """
        with self._lock:
            if late:
                self.stalled += max(0.0, ended - max(begun, self._stalled_until))
                self._stalled_until = ended
            self.refused = refused and (self.refused or not self.unreachable)
            self.unreachable = 0 if reached else self.unreachable + 1
            self.reached = self.reached or reached
            self.turned_away = turned_away or (self.turned_away and not reached)

    def connected(self, *, reached: bool, refused: bool = False) -> None:
        """Record an attempt to connect without a request."""
        with self._lock:
            self.unreachable = 0 if reached else self.unreachable + 1
            self.refused = self.refused and (reached or refused)

    def answered(self, broken: FailureKind | None) -> None:
        """Record a complete answer, and how an earlier attempt of the same request failed."""
        self._cut_in_a_row = 0
        self._recovered |= broken is FailureKind.TIMEOUT

    def gave_up(self) -> None:
        """Record that all attempts of a request failed."""
        self._cut_in_a_row += 1

    def timed_out(self, tries: int) -> bool:
        """Record that a request timed out after ``tries`` other attempts; whether it is worth a retry."""
        worth = self._recovered or not self._hung
        self._hung = self._hung or tries > 0
        return worth

    @property
    def tries(self) -> int:
        """The number of attempts that a request is worth."""
        return 1 if self._cut_in_a_row >= self._limits.gone else self._limits.tries
