"""The locustfile of ``contracts load``, at an address that no folder ``contracts`` of a project can hide."""

import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

sys.path.insert(0, str(Path(__file__).parents[3]))
try:
    from contracts.core.errors import ExitCode
    from contracts.plugins.locust import ContractUser
finally:
    del sys.path[0]

__all__ = ["ContractUser"]


def _end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Exit with a code of ours where Locust fails: Python's would say that the target broke the contract."""
    network = isinstance(error, OSError) or kind.__name__ == "RPCError"  # Locust's, for a port that is taken
    if not network:
        traceback.print_exception(kind, error, trace)
    sys.stderr.write(f"contracts: Locust failed: {error}\n")
    sys.stderr.flush()
    os._exit(ExitCode.CONFIGURATION if network else ExitCode.INTERNAL)


sys.excepthook = _end
