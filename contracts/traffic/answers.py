"""What came over the wire as the answers of exchanges, within the memory that there is for them."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import Final

from contracts.core.model import Answer
from contracts.traffic.connecting import printable
from contracts.traffic.limits import Limits
from contracts.traffic.pacing import OutOfRoom
from contracts.traffic.redaction import Redactor
from contracts.traffic.wire import Raw

_FOLD: Final = re.compile(rb"(?<![ \t])[ \t]*\r?\n[ \t]+")
"""A line break within a header, with the spaces around it (RFC 9112 §5.2)."""
_LONGEST: Final = 200
_VALUE: Final = 30
"""Bytes of memory that one parsed JSON value takes at least."""


class Answers:
    """Makes answers, from any thread, and counts the memory that they take; ``room`` is how many bytes it may be."""

    def __init__(self, limits: Limits, redactor: Redactor, *, room: int) -> None:
        self._limits = limits
        self._redactor = redactor
        self._room = room
        self._lock = threading.Lock()
        self._bodies: dict[bytes, bytes] = {}
        self._stored = 0
        """Bytes of all answers; small bodies that are equal count once."""

    def check_room(self) -> None:
        """See whether more answers can be kept.

        Raises:
            OutOfRoom: Those so far are too large.
        """
        if self._stored > self._room:
            msg = f"the answers hold more than {self._room >> 20} MiB, which is as much as is kept"
            raise OutOfRoom(msg)

    def take(self, raw: Raw, *, kept: bool) -> Answer:
        """The answer with the keys that it repeats; only with ``kept`` it counts against the room in memory."""
        body = raw.body[: self._limits.kept] if raw.trimmed else raw.body
        if kept:
            size = len(raw.reason) + sum(len(part) for header in raw.headers for part in header)
            with self._lock:
                # A run gets the same page many times, and keeps equal bodies once.
                # A large one counts each time, because the recording repeats it.
                known = len(body) <= self._limits.kept and body in self._bodies
                self._stored += size + (0 if known else _weight(body))
                body = self._bodies.setdefault(body, body)
        answer = Answer(
            status=raw.status,
            reason=raw.reason.decode("latin-1"),
            headers=tuple(
                (name.decode("latin-1"), _FOLD.sub(b" ", value).decode("latin-1")) for name, value in raw.headers
            ),
            body=body,
            flaw=None if raw.flaw is None else readable(raw.flaw),
        )
        return replace(answer, echoes=self._redactor.echoes(answer))


def readable(text: str) -> str:
    """A text that may come from a server, made short and printable."""
    clean = printable(text)
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}…"


def _weight(body: bytes) -> int:
    """The bytes that a body takes in memory, parsed values included if it is JSON with many small ones."""
    return max(len(body), _VALUE * sum(body.count(sign) for sign in (b",", b"[", b"{")))
