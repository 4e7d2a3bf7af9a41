"""The locustfile of ``contracts load``, at an address that no folder ``contracts`` of a project can hide.

Run as a program it is Locust, with exit codes of ours where that fails: Locust's would say that the target broke the
contract.
"""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

from locust import main
from locust.exception import RPCError

sys.path.insert(0, str(Path(__file__).parents[3]))
try:
    from contracts.core.errors import ExitCode
    from contracts.plugins.locust import ContractUser, let_interrupts_end
finally:
    del sys.path[0]

__all__ = ["ContractUser"]

_FAILED = -1
"""The exit code of a Locust that can't do what it is asked for, such as find its master; it says so itself."""


def _run() -> int:
    """Run Locust. Its own exit codes are 0, 1 and 2; those of a load are set by the users' hooks."""
    let_interrupts_end(None)
    locust: Callable[[], object] = main.main  # which has no types
    try:
        locust()
    except SystemExit as end:
        if end.code != _FAILED:
            raise
        return ExitCode.CONFIGURATION
    except (OSError, RPCError) as error:
        sys.stderr.write(f"contracts: Locust failed: {error}\n")
        return ExitCode.CONFIGURATION
    except Exception:
        logging.exception("contracts: Locust failed")
        return ExitCode.INTERNAL
    return ExitCode.KEPT


if __name__ == "__main__":
    sys.exit(_run())
