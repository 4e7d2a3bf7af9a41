"""The locustfile of ``contracts load``, at an address that no folder ``contracts`` of a project can hide."""

import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

CONFIGURATION, INTERNAL = 4, 3


def fail(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """End with an exit code of ours: that of Python means that the target broke the contract."""
    ours = not isinstance(error, OSError) and kind.__name__ != "RPCError"
    if ours:
        traceback.print_exception(kind, error, trace)
    sys.stderr.write(f"contracts: Locust ended by itself: {error}\n")
    sys.stderr.flush()
    os._exit(INTERNAL if ours else CONFIGURATION)


sys.excepthook = fail
sys.path.insert(0, str(Path(__file__).parents[3]))
try:
    from contracts.plugins.locust import ContractUser
finally:
    del sys.path[0]

__all__ = ["ContractUser"]
