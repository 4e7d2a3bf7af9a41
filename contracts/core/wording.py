"""How sentences name things: short, and the same everywhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from contracts.core.model import Page

LONGEST = 48
"""Characters of a foreign text that stand in a sentence; the rest is cut."""
WIDEST = 80
"""Characters of a text from a document that stand in a sentence."""


def short(text: str) -> str:
    """A text from the target, cut to a length that fits a line."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 12]}…{text[-11:]}"


def excerpt(text: object) -> str:
    """A text of unknown length and content, cut and escaped for use within a sentence."""
    shown = str(text)
    shown = shown if len(shown) <= WIDEST else shown[: WIDEST - 1] + "…"
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in shown)


def count(number: int, noun: str) -> str:
    """``1 page``, ``2 pages``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def names(ids: tuple[str, ...], most: int = 4) -> str:
    """Some ids in a row, and how many more there are."""
    if not ids:
        return "nothing"
    shown = ", ".join(short(id_) for id_ in ids[:most])
    return f"{shown} and {len(ids) - most} more" if len(ids) > most else shown


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that is most like this one; there must be one."""
    return difflib.get_close_matches(word, list(known), n=1, cutoff=0.0)[0]


def place(page: Page) -> str:
    """Where a page was asked to begin."""
    return f"after {short(page.query.after)}" if page.query.after is not None else "at the head of the list"


def yes(value: bool | None) -> str:  # noqa: FBT001 - it words the value itself
    """A boolean as JSON writes it."""
    return {True: "true", False: "false", None: "no boolean"}[value]
