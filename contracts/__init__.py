"""Judges a server of “List checkpoint permissions” by its published contract.

For notebooks and other test runners: `check` judges a server, `replay` a recording, and both give a `Result`; see
docs/api.md. All that is not named here is private and may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contracts.api import check, replay
    from contracts.core.errors import ConfigurationError, ContractsError, ExitCode
    from contracts.core.model import Answer, Exchange, Request, Target
    from contracts.core.result import Finding, Judgement, Level, Result, Verdict
    from contracts.runs.plan import Progress
    from contracts.verdicts.conclusion import InternalError

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
    # The command imports this package before it watches for interrupts: nothing may be loaded until a name is used.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from contracts import api
    from contracts.core import errors, model, result
    from contracts.runs import plan
    from contracts.verdicts import conclusion

    return next(vars(module)[name] for module in (api, errors, model, result, plan, conclusion) if name in vars(module))


def __dir__() -> list[str]:
    return __all__
