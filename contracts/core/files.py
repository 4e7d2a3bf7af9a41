"""The one writer of whatever the user has written: reports, recordings, entries of a configuration file.

A regular file is replaced when the new one is complete, with its mode, its owner and the links that lead to it kept.
Whatever else has that name (a pipe, a device) is written to as it is. ``-`` is standard output. Missing folders are
made.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import select
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TextIO

from contracts.core import interrupts
from contracts.core.errors import ConfigurationError

_STANDARD_OUTPUT: Final = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
_READER_SECONDS: Final = 1.0
"""How long a pipe may be without a reader."""
_STUCK_SECONDS: Final = 10.0
"""How long a reader may take nothing."""
_LOOK_SECONDS: Final = 0.02
_FIXED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EBUSY, errno.EXDEV})
"""Errors of a folder in which nothing can be made or renamed; a file in it may be writable all the same."""


def is_standard_output(path: Path) -> bool:
    """Whether what is written there goes where this process prints."""
    if str(path) in _STANDARD_OUTPUT:
        return True
    with suppress(OSError):
        there, here = path.stat(), os.fstat(1)
        return stat.S_ISREG(there.st_mode) and os.path.samestat(there, here)
    return False


def refuse_overwriting(paths: Mapping[str, Path], read: Mapping[str, Path]) -> None:
    """Refuse a file to be written that is one that is read, which must stay as it is, or is written twice.

    Args:
        paths: The files, by the name of the option that chose each.
        read: Those that are read, by what names each.

    Raises:
        ConfigurationError: One is.
    """
    named: dict[str, str] = {}
    for option, path in paths.items():
        for source, other in read.items():
            if _same(path, other):
                raise ConfigurationError(f"{option} {path} is the file that {source} reads: name another one.")
        where = "-" if is_standard_output(path) else os.path.realpath(path)
        if where in named and (where == "-" or path.is_file() or not path.exists()):  # a pipe or device takes both
            raise ConfigurationError(f"{named[where]} and {option} name the same file: give two.")
        named[where] = option


def refuse_unwritable(paths: Mapping[str, Path]) -> None:
    """Check that each file can be written, by the name of the option that chose it; make the missing folders.

    Raises:
        ConfigurationError: One can't.
    """
    for option, path in paths.items():
        try:
            if not is_standard_output(path):
                _try(path)
        except OSError as error:
            raise ConfigurationError(f"{option} {path} can't be written: {_reason(error)}.") from None


def refuse_unwritable_folder(option: str, path: Path) -> None:
    """Check that files can be written in a folder, by the name of the option that chose it; make it if it is missing.

    Raises:
        ConfigurationError: None can.
    """
    try:
        with suppress(FileNotFoundError):
            path.stat()  # of a circle of links mkdir only says that something is there
        path.mkdir(parents=True, exist_ok=True)
        _try(path / "tried")
    except FileExistsError:
        raise ConfigurationError(f"{option} {path} is no folder: name one.") from None
    except OSError as error:
        raise ConfigurationError(f"{option} {path} can't be written to: {_reason(error)}.") from None


def write_folder(folder: Path, texts: Mapping[str, str], mark: str = "") -> None:
    """Write files to a folder, each by its name.

    Args:
        folder: It is made if it is missing.
        texts: What to write.
        mark: How files begin that an earlier call has written: those that are not written now are removed. Without it
            all stay.

    Raises:
        ConfigurationError: One can't be written or removed.
    """
    for name, text in texts.items():
        write(folder / name, text)
    try:
        for path in sorted(folder.glob("*.md")) if mark else ():
            if path.name not in texts and path.is_file() and _begins(path, mark):
                path.unlink()
    except OSError as error:
        raise ConfigurationError(f"{folder} can't be written to: {_reason(error)}.") from None


def _begins(path: Path, mark: str) -> bool:
    expected = mark.encode()
    with path.open("rb") as stream:
        return stream.read(len(expected)) == expected


def write(path: Path, text: str) -> None:
    """Write a text; see `writing`.

    Raises:
        ConfigurationError: It can't be written.
    """
    with writing(path) as stream:
        stream.write(text)


@contextmanager
def writing(path: Path) -> Iterator[TextIO]:
    """A stream of UTF-8 text to a file; a regular file changes only if the block ends without an error.

    A pipe has a second to be opened by a reader, and ten to take something.

    Raises:
        ConfigurationError: It can't be written.
    """
    try:
        if is_standard_output(path):
            yield sys.stdout
            sys.stdout.flush()
            return
        before = _status(path)
        real = Path(os.path.realpath(path))
        if before is None:
            real.parent.mkdir(parents=True, exist_ok=True)
        if before is not None and not _replaceable(path, before):
            with _in_place(path) as stream:
                yield stream
            return
        with _replacing(real, before) as stream:
            yield stream
    except OSError as error:
        raise ConfigurationError(f"{path} can't be written: {_reason(error)}.") from None


@contextmanager
def reading(path: Path) -> Iterator[Offered]:
    """What a file offers, or a pipe or device that has something every ten seconds.

    Raises:
        OSError: It can't be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EISDIR, "it is a folder")
        yield Offered(descriptor)
    finally:
        os.close(descriptor)


class Offered:
    """A file that is read from its beginning to its end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def read(self, size: int) -> bytes:
        """At most so many bytes, none at the end.

        Raises:
            OSError: It can't be read, or nothing has come for ten seconds.
        """
        while True:
            if not self._poll.poll(1000 * _STUCK_SECONDS):
                raise OSError(errno.EAGAIN, f"nothing has been written to it for {_STUCK_SECONDS:g} s")
            with suppress(BlockingIOError):
                return os.read(self._descriptor, size)


def _same(path: Path, other: Path) -> bool:
    with suppress(OSError):
        return path.is_file() and path.samefile(other)
    return False


def _try(path: Path) -> None:
    """See whether a file, a pipe or a device can be written.

    Raises:
        OSError: It can't be written.
    """
    before = _status(path)
    if before is not None and not _replaceable(path, before):
        if not os.access(path, os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return
    real = Path(os.path.realpath(path))
    if before is None:
        real.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        stream, temporary = _temporary(real, before)
        if stream is not None:
            stream.close()
            temporary.unlink()


def _status(path: Path) -> os.stat_result | None:
    """What is there, links followed; ``None`` if nothing is.

    Raises:
        OSError: It can't be looked at, or is a folder.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISSOCK(found.st_mode):
        raise OSError(errno.ENXIO, "it is a socket: name a file")
    if stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EISDIR, "it is a folder: name a file in it")
    return found


def _replaceable(path: Path, before: os.stat_result) -> bool:
    """Whether another file may take its place: it is a regular one, and not reached through an open descriptor."""
    return stat.S_ISREG(before.st_mode) and not str(path).startswith(("/dev/", "/proc/"))


@contextmanager
def _replacing(real: Path, before: os.stat_result | None) -> Iterator[TextIO]:
    stream, temporary = _temporary(real, before)
    if stream is None:
        with _in_place(real) as stream:
            yield stream
        return
    try:
        with stream:
            yield stream
        try:
            temporary.replace(real)
        except OSError as error:
            if before is None or error.errno not in _FIXED:
                raise
            with temporary.open(encoding="utf-8", newline="") as complete, _in_place(real) as there:
                shutil.copyfileobj(complete, there)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _temporary(real: Path, before: os.stat_result | None) -> tuple[TextIO | None, Path]:
    """A new file beside one, with its mode and owner; no stream where only the file itself can be written.

    Raises:
        OSError: Neither can.
    """
    if before is not None and not os.access(real, os.W_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    temporary = real.with_name(f".{real.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        if before is None or error.errno not in _FIXED:
            raise
        return None, temporary
    stream = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
    if before is not None:
        with suppress(OSError):
            os.fchown(descriptor, before.st_uid, before.st_gid)
        with suppress(OSError):
            os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
    return stream, temporary


@contextmanager
def _in_place(path: Path) -> Iterator[TextIO]:
    raw = _Patient(path)
    try:
        with io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", newline="") as stream:
            yield stream
    except BrokenPipeError:
        raise OSError(errno.EPIPE, "its reader went away") from None


class _Patient(io.RawIOBase):
    """What is there, opened for writing; it waits for a reader, and no longer than it must."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._descriptor = -1
        flags = os.O_WRONLY | os.O_TRUNC | os.O_NONBLOCK | os.O_NOCTTY

        def opened() -> bool:
            try:
                self._descriptor = os.open(path, flags)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
            return self._descriptor >= 0

        _wait(opened, _READER_SECONDS)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: object, /) -> int:
        part = memoryview(data)  # type: ignore[arg-type]  # BufferedWriter gives bytes of some kind
        while True:
            try:
                return os.write(self._descriptor, part)
            except BlockingIOError:
                _wait(lambda: bool(select.select([], [self._descriptor], [], 0)[1]), _STUCK_SECONDS)

    def close(self) -> None:
        if not self.closed:
            super().close()
            if self._descriptor >= 0:
                os.close(self._descriptor)


def _wait(ready: Callable[[], bool], seconds: float) -> None:
    """Wait until a reader of a pipe is ready.

    Raises:
        OSError: It was not within so many seconds, or an interrupt came meanwhile.
    """
    deadline, before = time.monotonic() + seconds, interrupts.came()
    while not ready():
        if interrupts.came() != before:
            raise OSError(errno.EINTR, "nothing has read from it until the interrupt")
        if time.monotonic() >= deadline:
            raise OSError(errno.ETIMEDOUT, f"nothing has read from it for {seconds:g} s")
        time.sleep(_LOOK_SECONDS)


def _reason(error: OSError) -> str:
    reason = error.strerror or "no reason given"
    return f"{reason[:1].lower()}{reason[1:]}"
