"""What ends a run before its verdicts are in: one sentence for the user, one exit code for the caller."""

from __future__ import annotations

import errno
from typing import ClassVar, Final

_MACHINE: Final = {
    errno.EMFILE: "no more files can be opened (see `ulimit -n`)",
    errno.ENFILE: "no more files can be opened on this machine",
    errno.ENOSPC: "there is no space left on the device",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.ENOMEM: "there is not enough memory",
    errno.EROFS: "the file system is read-only",
    errno.EAGAIN: "no more threads or processes can be started (see `ulimit -u`)",
}
_NO_MEMORY: Final = ("cannot allocate memory", "failed to map segment", "std::bad_alloc")
_OURS: Final = "pytest_checkpoint_permissions"
_ALLOW: Final = (
    "let it allow the network to the contract items (pytest-socket: --allow-hosts=HOST or --force-enable-socket)"
)
_NO_THREAD: Final = "can't start new thread"


class ExitCode:
    """What a run ends with; pytest's codes, and one more."""

    KEPT = 0
    BROKEN = 1
    INTERRUPTED = 2
    INTERNAL = 3
    CONFIGURATION = 4
    NOTHING_SELECTED = 5
    INCOMPLETE = 6


class ContractsError(Exception):
    """A run that cannot go on; its text is one sentence that says what to do about it."""

    exit_code: ClassVar[int] = ExitCode.INTERNAL


class ConfigurationError(ContractsError):
    """Something that the user chose cannot be used: a document, an option, a target.

    Attributes:
        requests: How many requests were sent until that was known.
    """

    exit_code: ClassVar[int] = ExitCode.CONFIGURATION

    def __init__(self, text: str, *, requests: int = 0) -> None:
        super().__init__(text)
        self.requests = requests


def _forbidding(error: BaseException) -> str:
    """The plugin of pytest that raised an error in the place of what was called, such as a socket; "" if none did."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = str(trace.tb_frame.f_globals.get("__name__", "")) if trace is not None else ""
    return module.partition(".")[0] if module.startswith("pytest_") and module != _OURS else ""


def lack(error: BaseException | None) -> str | None:
    """What this machine lacked, where that is what an error or one of its causes says; ``None`` for any other error."""
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            return next(filter(None, map(lack, error.exceptions)), None)
        if isinstance(error, MemoryError | SystemError) or any(each in str(error).lower() for each in _NO_MEMORY):
            # A SystemError is C code that found no memory and did not say so: nothing written in Python raises one.
            return _MACHINE[errno.ENOMEM]
        if _NO_THREAD in str(error):
            return "no further thread can be started (see `ulimit -u` and `ulimit -v`)"
        if isinstance(error, OSError) and error.errno in _MACHINE:
            return _MACHINE[error.errno]
        if plugin := _forbidding(error):
            said = " ".join(str(error).split()).rstrip(".")
            return f"the pytest plugin {plugin} forbids something ({said}); {_ALLOW}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None
