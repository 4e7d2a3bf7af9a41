"""Judges a server of “List checkpoint permissions” by its published contract.

For notebooks and other test runners: `check` judges a server, `replay` a recording, and both give a `Result`; see
docs/api.md. All that is not named here is private and may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contracts.api import (
        Answer,
        ConfigurationError,
        ContractsError,
        Exchange,
        ExitCode,
        Finding,
        InternalError,
        Judgement,
        Level,
        Progress,
        Request,
        Result,
        Target,
        Verdict,
        check,
        replay,
    )

__all__ = [
    "Answer",
    "ConfigurationError",
    "ContractsError",
    "Exchange",
    "ExitCode",
    "Finding",
    "InternalError",
    "Judgement",
    "Level",
    "Progress",
    "Request",
    "Result",
    "Target",
    "Verdict",
    "check",
    "replay",
]


def __getattr__(name: str) -> Any:
    # The plugin of pytest imports this package for everyone who has it installed: it must cost nothing.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from contracts import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return __all__
