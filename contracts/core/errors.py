"""What ends a run before its verdicts are in: one sentence for the user, one exit code for the caller."""

from __future__ import annotations

from typing import ClassVar


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
    """Something that the user chose cannot be used: a document, an option, a target."""

    exit_code: ClassVar[int] = ExitCode.CONFIGURATION
