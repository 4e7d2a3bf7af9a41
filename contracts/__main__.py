"""The command ``contracts``, also as ``python -m contracts``.

An interrupt is one line and exit code 2 from the first moment to the last, so nothing is imported before it is watched.
"""

import gc
import os
import sys


def main() -> None:
    """Run a command and exit."""
    for descriptor in (0, 1, 2):
        _fill(descriptor)
    try:
        from contracts.core import interrupts

        with interrupts.watched():
            _leave_nothing_here()
            from contracts.cli import main as command

            try:
                command()
            finally:
                interrupts.ignore()
                gc.freeze()  # what is still there goes with the process: nothing needs to be looked through for it
    except KeyboardInterrupt:
        _end("interrupted before there was anything to report", 2)
    except (OSError, MemoryError, ImportError) as error:
        # What can't even be loaded is no defect of the suite: files can't be opened, or there is no memory.
        _end(f"can't be loaded on this machine: {getattr(error, 'strerror', None) or str(error) or 'no memory'}", 4)


def _fill(descriptor: int) -> None:
    """Let no file or socket of ours take the number of a standard stream that is closed."""
    try:
        os.fstat(descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest free number


def _end(sentence: str, code: int) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"contracts: {sentence}\n")
    sys.exit(code)


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
