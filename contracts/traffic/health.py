"""What the connections to a target have been through in a run, and what is still worth trying."""

from __future__ import annotations

import threading

from contracts.core.model import FailureKind
from contracts.traffic.limits import Limits


class Health:
    """Keeps, from any thread, how connecting to one target went and how long was waited in vain."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self.unreachable = 0
        """Tries in a row that brought no connection."""
        self.reached = False
        """Whether the target was ever connected to."""
        self.refused = False
        """Whether all connections since the last one were refused by the target's host."""
        self.stalled = 0.0
        """Seconds spent on answers that did not come or did not end; those that passed together counted once."""
        self._stalled_until = 0.0
        self._cut_in_a_row = 0
        self._hung = False
        """Whether a request timed out twice: then others need not be waited for twice."""
        self._recovered = False
        """Whether an answer came at another try after a time-out: then others are worth it as well."""

    @property
    def gone(self) -> bool:
        """Whether so many tries in a row brought no connection that the target counts as gone."""
        return self.unreachable >= self._limits.gone

    def tried(self, *, reached: bool, refused: bool, late: bool, begun: float, ended: float) -> None:
        """Note one try of a request.

        Args:
            reached: Whether the target was connected to.
            refused: Whether its host refused the connection.
            late: Whether no answer came, or did not end, in its time.
            begun: When it was sent, in seconds.
            ended: When it was over, on the same clock.
        """
        with self._lock:
            if late:
                self.stalled += max(0.0, ended - max(begun, self._stalled_until))
                self._stalled_until = ended
            self.refused = refused and (self.refused or not self.unreachable)
            self.unreachable = 0 if reached else self.unreachable + 1
            self.reached = self.reached or reached

    def connected(self, *, reached: bool, refused: bool = False) -> None:
        """Record an attempt to connect without a request."""
        with self._lock:
            self.unreachable = 0 if reached else self.unreachable + 1
            self.refused = self.refused and (reached or refused)

    def answered(self, broken: FailureKind | None) -> None:
        """Note that a request was answered whole, and how an earlier try of it had failed."""
        self._cut_in_a_row = 0
        self._recovered |= broken is FailureKind.TIMEOUT

    def gave_up(self) -> None:
        """Note that a request was tried as often as it is worth, and not answered whole."""
        self._cut_in_a_row += 1

    def timed_out(self, tries: int) -> bool:
        """Note that a request timed out after so many other tries; whether one more is worth it."""
        worth = self._recovered or not self._hung
        self._hung = self._hung or tries > 0
        return worth

    @property
    def tries(self) -> int:
        """How often a request is worth being sent."""
        return 1 if self._cut_in_a_row >= self._limits.gone else self._limits.tries
