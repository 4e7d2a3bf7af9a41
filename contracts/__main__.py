"""The command ``contracts``, also as ``python -m contracts``.

An interrupt is one line and exit code 2 from the first moment to the last, so nothing is imported before it is watched.
"""

import os
import sys


def main() -> None:
    """Run a command and exit."""
    try:
        from contracts import interrupts

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
    from contextlib import suppress
    from pathlib import Path

    with suppress(RuntimeError):  # there is no home
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(caches / "contracts" / "hypothesis"))


if __name__ == "__main__":
    main()
