"""The one place through which every text goes before people or pipelines see it."""

from __future__ import annotations

import re

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
