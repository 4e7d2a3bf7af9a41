"""The process beside Locust, seen from Locust's: see `contracts.runs.load.conductor`."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from contracts.core.errors import ExitCode
from contracts.runs.load.messages import Done, Learned, Outcome, receive, send

COMMAND: Final = Path(__file__).parents[3] / "checkpoint_permissions_contracts.py"
"""The command, whatever else has the name of this package."""


class _Pipe:
    """A pipe that lets users go on while it is read: Locust makes ``select`` wait for one of them only."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, size: int, /) -> bytes:
        """Some bytes, at most so many; none at the end."""
        select.select([self._descriptor], [], [])
        return os.read(self._descriptor, size)


class LoadProcess:
    """The process that sends the requests before and after the load.

    Args:
        host: The base URL of the target, where Locust's own option names it.
    """

    def __init__(self, host: str | None) -> None:
        reading, writing = os.pipe()
        words = [sys.executable, str(COMMAND), "load-conductor", str(writing), *([host] if host else [])]
        # In a session of its own: an interrupt of the load must not end the judgement.
        self._process = subprocess.Popen(  # noqa: S603 - this very suite
            words, stdin=subprocess.PIPE, pass_fds=(writing,), start_new_session=True
        )
        os.close(writing)
        self._pipe = _Pipe(reading)

    def learned(self) -> Learned:
        """What the list holds.

        Raises:
            SystemExit: The list could not be learned; the process has said why.
        """
        try:
            learned = receive(self._pipe, Learned)
        except BaseException:
            self._process.kill()
            raise
        if learned is None:
            sys.exit(self.tell())
        return learned

    def outcome(self, done: Done) -> int:
        """The exit code of the run."""
        if self._process.stdin is None:
            return ExitCode.INTERNAL
        with suppress(BrokenPipeError):
            send(self._process.stdin, done)
        outcome = receive(self._pipe, Outcome)
        return self._process.wait() if outcome is None else outcome.exit_code

    def interrupt(self) -> None:
        """Let the process stop its requests, and report what it has until then."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, with no report."""
        self._process.kill()

    def tell(self) -> int:
        """Let people read the report, and wait until they can; the exit code."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        return self._process.wait()
