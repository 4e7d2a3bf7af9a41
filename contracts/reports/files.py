"""The files that reports are written to: looked at before the run, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from contracts.core.errors import ConfigurationError


def refuse_unwritable(paths: Mapping[str, Path]) -> None:
    """Look whether each file can be written, by the name of the option that chose it.

    Raises:
        ConfigurationError: one can't, or two options name the same file.
    """
    named: dict[Path, str] = {}
    for option, path in paths.items():
        where = path.resolve()
        if where in named and not _streams(path):
            raise ConfigurationError(f"{named[where]} and {option} name the same file: give two.")
        named[where] = option
        if path.is_dir():
            raise ConfigurationError(f"{option} {path} is a folder: name a file in it.")
        try:
            _try(path)
        except OSError as error:
            raise ConfigurationError(f"{option} {path} can't be written: {_reason(error)}.") from None


def write(path: Path, text: str) -> None:
    """Write a report; a file that is there stays untouched until the new one is complete.

    Raises:
        ConfigurationError: the file can't be written.
    """
    temporary = _temporary(path)
    try:
        if _streams(path):
            path.write_text(text, encoding="utf-8")
            return
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise ConfigurationError(f"The report {path} can't be written: {_reason(error)}.") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _try(path: Path) -> None:
    if _streams(path):
        return
    temporary = _temporary(path)
    try:
        temporary.touch()
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _streams(path: Path) -> bool:
    """Whether there is a pipe or a device of that name, which can't be replaced."""
    return path.exists() and not path.is_file()


def _reason(error: OSError) -> str:
    return error.strerror or "no reason given"
