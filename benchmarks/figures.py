"""Medians, ratios and Markdown tables, and their place in ``docs/benchmarks.md``."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
NOTHING = "–"
"""What a table shows where there is no number."""


def middle(numbers: Iterable[float]) -> float | None:
    """The median, or ``None`` when there are no numbers."""
    known = list(numbers)
    return median(known) if known else None


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """The median of ours/theirs, round by round: what slows a whole round down cancels out.

    ``None`` when there is no round in which theirs is more than zero.

    Raises:
        ValueError: If they do not come from the same rounds.
    """
    return middle(our / their for our, their in zip(ours, theirs, strict=True) if their > 0)


def shown(number: float | None, digits: int = 0) -> str:
    """A number as a table shows it."""
    return NOTHING if number is None else f"{number:.{digits}f}"


def share(part: int, whole: int) -> str:
    """So many of so many, as "3 of 4 (75 %)". The percentage is rounded down: 100 % means all."""
    return f"{part} of {whole} ({part * 100 // whole} %)" if whole else NOTHING


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left and all others to the right.

    Raises:
        ValueError: If a row is longer or shorter than the head.
    """
    lines = [list(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    aligned = [
        " | ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in (lines[0], rule, *lines[1:])
    ]
    return "\n".join(f"| {line} |" for line in aligned)


def put(page: str, name: str, text: str) -> str:
    """The page with this text in its part of that name, between two comments that name it.

    Raises:
        ValueError: If the page has no such part.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        message = f"There is no part {name!r}."
        raise ValueError(message)
    return f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}"


def write(name: str, text: str, page: Path = PAGE) -> None:
    """Replaces one part of a page."""
    page.write_text(put(page.read_text(encoding="utf-8"), name, text), encoding="utf-8")


def versions() -> str:
    """What was measured with what, as half a sentence."""
    names = ("checkpoint-permissions-contracts", "schemathesis", "hypothesis", "pytest")
    known = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{known}, Python {platform.python_version()}, {os.cpu_count()} cores"
