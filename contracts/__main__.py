"""The command ``contracts``, also as ``python -m contracts``.

An interrupt is one line and exit code 2 from the first moment to the last, so nothing is imported before it is watched.
"""

import os
import sys


def main() -> None:
    """Run a command and exit."""
    try:
        from contracts.core import interrupts

        with interrupts.watched():
            _leave_nothing_here()
            from contracts.cli import main as command

            try:
                command()
            finally:
                interrupts.ignore()
    except KeyboardInterrupt:
        sys.stderr.write("contracts: interrupted before there was anything to report\n")
        sys.exit(2)


def _leave_nothing_here() -> None:
    """Let Hypothesis cache where caches are, and not in a folder of its own wherever the command is typed."""
    from pathlib import Path

    try:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        place = str(caches / "contracts" / "hypothesis")
    except RuntimeError:  # there is no home
        place = os.devnull
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", place)


if __name__ == "__main__":
    main()
