"""Standard output and standard error of a command, one or both of which may be closed, full or without a reader."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

from contracts.core.errors import ConfigurationError

_LINE: Final = f"{'x' * 120} …\n"


class OutputError(ConfigurationError):
    """Standard output takes nothing."""


class _Guarded:
    """A stream whose failures are one sentence for the user, or are ignored."""

    def __init__(self, stream: TextIO | None, *, loud: bool) -> None:
        self._stream = stream
        self._loud = loud
        self.lost = "it is closed" if stream is None else ""
        """Why nothing can be written any more; an empty text while it can."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def write(self, text: str) -> int:
        self._guard(lambda stream: stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._guard(lambda stream: stream.flush())

    def _guard(self, write: Callable[[TextIO], object]) -> None:
        if self._stream is not None and not self.lost:
            try:
                write(self._stream)
            except OSError as error:
                reason = (error.strerror or "no reason given").lower()
                self.lost = "its reader went away" if error.errno == errno.EPIPE else reason
                _discard(self._stream)
        if self.lost and self._loud:
            raise OutputError(f"Standard output can't be written: {self.lost}.")


def _discard(stream: TextIO) -> None:
    """Discard all further output, including what Python flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _make_writable(stream: TextIO | None) -> None:
    """Let a stream be ASCII whose encoding, of `PYTHONIOENCODING`, can't write a line of text."""
    if not isinstance(stream, io.TextIOWrapper):
        return
    try:
        _LINE.encode(stream.encoding, stream.errors or "strict")
    except UnicodeEncodeError:
        pass  # that is seen to wherever something is written
    except (LookupError, UnicodeError):
        stream.reconfigure(encoding="ascii", errors="backslashreplace")


@contextmanager
def guarded() -> Iterator[None]:
    """Let standard output raise `OutputError` where it can't be written; where standard error can't, it is silent."""
    before = sys.stdout, sys.stderr
    for stream in before:
        _make_writable(stream)
    sys.stdout, sys.stderr = _Guarded(before[0], loud=True), _Guarded(before[1], loud=False)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def tell(line: str) -> None:
    """Within `guarded`, write a line to standard error, or to standard output where that one takes nothing."""
    for stream in (sys.stderr, sys.stdout):
        stream.write(f"{line}\n")
        stream.flush()
        if not getattr(stream, "lost", ""):
            return
