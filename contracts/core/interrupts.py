"""Ctrl-C, SIGTERM and SIGHUP: when they end the work at once, and when they wait until it is complete.

Python raises `KeyboardInterrupt` between any two of its steps, also while a report is being written. Here an interrupt
ends at once only what may be broken off: the asking, and what computes before it, which has no wait at which it could
look for an interrupt. Everything else is completed first, unless a second Ctrl-C ends that as well.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_SECONDS: Final = 1.0
"""Within this time of the first one, a further Ctrl-C is the same: a terminal and a parent process may both send it."""


class _State:
    """What holds for this process; only its main thread changes it."""

    watched = False
    held = False
    came = False
    at = 0.0
    """When the first one came, by `time.monotonic`."""


def came() -> bool:
    """Whether an interrupt came since they are watched."""
    return _State.came


@contextmanager
def watched() -> Iterator[None]:
    """Let the other signals do what Ctrl-C does, and let `held` and `allowed` decide when.

    A SIGHUP that is ignored, as with ``nohup``, stays ignored. Within another one, or outside of the main thread, which
    alone gets signals, it does nothing.
    """
    if _State.watched or threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[signal.Signals, Any] = {number: signal.getsignal(number) for number in _SIGNALS}
    hook = sys.unraisablehook
    _State.held = _State.came = False
    _State.watched = True
    sys.unraisablehook = _without_interrupts(hook)
    for number in _SIGNALS:
        if number is not signal.SIGHUP or before[number] is not signal.SIG_IGN:
            signal.signal(number, _note)
    try:
        yield
    finally:
        _State.held = True
        for number, handler in before.items():
            if signal.getsignal(number) is _note:
                signal.signal(number, handler)
        sys.unraisablehook = hook
        _State.watched = _State.held = False


@contextmanager
def held() -> Iterator[None]:
    """Delay interrupts until this block is complete; a second Ctrl-C ends it all the same."""
    with watched():
        before = _State.held
        _hold(held=True)
        try:
            yield
        finally:
            _hold(held=before)


class allowed:  # noqa: N801 - used like `held`, and no generator: an interrupt may come while it is left
    """Let an interrupt end this block, also one that came before it and waited.

    Raises:
        KeyboardInterrupt: an interrupt came; until the next `allowed` any further one waits, but for a Ctrl-C that
            comes a second later or more.
    """

    def __enter__(self) -> None:
        self._before = _State.held
        check()
        _hold(held=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _hold(held=self._before)


def check() -> None:
    """Be interrupted now, if an interrupt came: one that comes while Python cleans up is lost otherwise.

    Raises:
        KeyboardInterrupt: it came.
    """
    if _State.came and _main():
        raise KeyboardInterrupt


def ignore() -> None:
    """Let no interrupt do anything any more: everything is done, or another process takes care of it."""
    _State.watched = _State.held = True
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _hold(*, held: bool) -> None:
    if _main():
        _State.held = held


def _note(number: int, _frame: FrameType | None) -> None:
    insisted = _State.came and number == signal.SIGINT and time.monotonic() - _State.at >= _ONE_SECONDS
    if not _State.came:
        _State.came, _State.at = True, time.monotonic()
    if insisted or not _State.held:
        _State.held = True
        raise KeyboardInterrupt


def _without_interrupts(hook: Callable[[Any], object]) -> Callable[[Any], None]:
    """What Python can't raise it prints with a traceback; an interrupt is noted already."""

    def quiet(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            hook(unraisable)

    return quiet
