"""The one place through which every text goes before people or pipelines see it."""

from __future__ import annotations

import re
from typing import Final

_ASCII = str.maketrans(
    {
        "…": "...",
        "·": "-",
        "–": "-",
        "—": "-",
        "×": "x",
        "✔": "+",
        "∅": "o",
        "├": "|",
        "│": "|",
        "└": "`",
        "─": "-",
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "→": "->",
    }
)
"""What our own signs become where they can't be printed."""

LONGEST: Final = 4_000
"""Characters that are written of one value."""
_COMMAND_ANYWHERE = re.compile(r"##(?=\w*\[)")
_COMMAND_AT_BEGIN = re.compile(r"^(\s*):(?=:)")


def plain(text: str) -> str:
    r"""The text with everything escaped that a terminal would act on instead of showing it.

    Control characters, escape sequences, line and paragraph separators, marks that turn the direction of
    writing, characters without width, lone surrogates: ``\x1b``, ``\u202e``.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def brief(text: str) -> str:
    """As `plain`, of a text whose length the target decides: what is cut off is said by how long it is."""
    return plain(text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters in all)")


def printable(text: str, encoding: str) -> str:
    """`plain` text that an output of this encoding can show."""
    clean = plain(text)
    try:
        clean.encode(encoding)
    except UnicodeEncodeError:
        return clean.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return clean


def inert(line: str) -> str:
    """A line that no CI service takes for a command: they look for ``::`` at its begin and for ``##[`` anywhere."""
    return _COMMAND_AT_BEGIN.sub(r"\1\\x3a", _COMMAND_ANYWHERE.sub(r"#\\x23", line))
