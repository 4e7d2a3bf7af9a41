"""Lines of a fixed width for people: wrapped, aligned, safe to print, with styles that may be left out."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TextIO

from rich.cells import cell_len, set_cell_size

from contracts.reports.safe import inert, printable

WIDTH = 80
"""Columns of a line; more only where a line is there to be copied."""

Segment = tuple[str, str]
"""Some text and its style, in the words of rich."""

_BREAKS = re.compile(r"(?<=[&?/,;])")
_LEAST_PIECE = 24


def wrap(text: str, width: int) -> list[str]:
    """Break a text into lines of so many columns: between words, else after a sign that joins, else anywhere."""
    lines = [""]
    for word in text.split(" "):
        begun = lines[-1] + " " if lines[-1] else ""
        if cell_len(begun + word) <= width:
            lines[-1] = begun + word
        elif cell_len(word) <= width // 2:
            lines.append(word)
        else:
            lines[-1:] = _filled(begun, word, width)
    return [line.rstrip() for line in lines if line] or [""]


def _filled(line: str, word: str, width: int) -> Iterator[str]:
    """The lines that a long word makes, put behind what stands in the first of them."""
    for part in _BREAKS.split(word):
        if line and cell_len(line + part) > width:
            yield line
            line = ""
        line += part
        begin = 0
        while (end := _fitting(line, begin, width)) < len(line):
            yield line[begin:end]
            begin = end
        line = line[begin:]
    yield line


def _fitting(line: str, begin: int, width: int) -> int:
    """Up to which place a line fits: a server decides how long it is, so each character is looked at once."""
    used = 0
    for place in range(begin, len(line)):
        used += cell_len(line[place])
        if used > width:
            return max(place, begin + 1)
    return len(line)


class Sheet:
    """Collects lines. Every text that comes in is made safe here, wherever it is from.

    Args:
        encoding: What the output can show; other characters are escaped.
        width: Columns of a line.
    """

    def __init__(self, encoding: str = "utf-8", width: int = WIDTH) -> None:
        self.encoding = encoding
        self.width = width
        self._lines: list[list[Segment]] = []
        self._headings: set[str] = set()

    def clean(self, text: str) -> str:
        """The text as it will be shown."""
        return printable(text, self.encoding)

    def blank(self) -> None:
        """An empty line, unless one is there."""
        if self._lines and self._lines[-1]:
            self._lines.append([])

    def heading(self, text: str) -> None:
        """A line that begins a section; a second time it does nothing."""
        if text not in self._headings:
            self._headings.add(text)
            self.blank()
            self.line((text, "bold"))

    def line(self, *segments: Segment | str) -> None:
        """One line as it stands, however long."""
        self._lines.append([self._segment(segment) for segment in segments])

    def block(self, lead: str | Segment, text: str, right: str = "", *, style: str = "", hang: str = "") -> None:
        """A text behind a lead, wrapped to hang there, with a word at the right end of its last line, or below.

        ``hang`` is what stands at the begin of each further line.
        """
        first = self._segment(lead)
        text, right = self.clean(text), self.clean(right)
        indent = cell_len(first[0])
        room = self.width - indent
        lines = wrap(text, room)
        below = wrap(right, room) if cell_len(right) > room else []
        right = "" if below else right
        beside = room - cell_len(right) - 2
        if right and cell_len(lines[-1]) > beside:
            last = wrap(lines[-1], beside) if beside >= _LEAST_PIECE else [lines[-1]]
            lines[-1:] = last if cell_len(last[-1]) <= beside else [*last, ""]
        further = (set_cell_size(self.clean(hang), indent), "dim")
        for number, line in enumerate(lines):
            segments = [further if number else first, (line, style)]
            if right and number == len(lines) - 1:
                gap = max(2, room - cell_len(line) - cell_len(right))
                segments += [(" " * gap, ""), (right, "dim")]
            self._lines.append(segments)
        self._lines += [[further, (line, "dim")] for line in below]

    def row(self, left: str, right: str, *, indent: int, left_width: int) -> None:
        """Two texts side by side, each wrapped in its column."""
        lefts = wrap(self.clean(left), left_width)
        rights = wrap(self.clean(right), self.width - indent - left_width - 2)
        for number in range(max(len(lefts), len(rights))):
            one = lefts[number] if number < len(lefts) else ""
            two = rights[number] if number < len(rights) else ""
            self._lines.append([(" " * indent + set_cell_size(one, left_width) + "  ", "dim"), (two, "")])

    def _segment(self, segment: Segment | str) -> Segment:
        text, style = (segment, "") if isinstance(segment, str) else segment
        return self.clean(text), style

    def text(self) -> str:
        """All lines without styles."""
        lines = ("".join(text for text, _ in line).rstrip() for line in self._lines)
        return "".join(f"{inert(line)}\n" for line in lines)

    def write(self, stream: TextIO, *, color: bool) -> None:
        """Print all lines."""
        if not color:
            stream.write(self.text())
            stream.flush()
            return
        # rich takes as long to import as some twenty requests take.
        from rich.console import Console
        from rich.text import Text

        painted = io.StringIO()
        console = Console(
            file=painted,
            force_terminal=True,
            color_system="standard",
            no_color=False,
            width=self.width,
            highlight=False,
            legacy_windows=False,
        )
        for line in self._lines:
            plain = "".join(text for text, _ in line)
            shown = Text.assemble(*line) if inert(plain) == plain else Text(inert(plain))
            shown.rstrip()
            console.print(shown, soft_wrap=True)
        stream.write(painted.getvalue())
        stream.flush()
