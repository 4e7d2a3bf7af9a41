"""The command ``contracts``, at an address that no folder ``contracts`` of a project can hide.

In a project with a package of that name, which `PYTHONPATH` may name, the command is that of this package all the same.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run a command and exit."""
    # Nothing is imported that Python has not loaded by then: an interrupt meanwhile would end in a traceback.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib takes long to load
    try:
        from contracts.__main__ import main as command
    except KeyboardInterrupt:
        sys.stderr.write("contracts: interrupted before there was anything to report\n")
        sys.exit(2)
    finally:
        del sys.path[0]
    command()


if __name__ == "__main__":
    main()
