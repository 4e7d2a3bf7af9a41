"""How sentences name things: short, and the same everywhere."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable

from contracts.core.model import Page

LONGEST = 48
"""Characters of a foreign text that stand in a sentence; the rest is cut."""
WIDEST = 80
"""Characters of a text from a document that stand in a sentence."""

_ALIKE = 0.75
"""How much of two names must be equal (`difflib`) for one to be a slip of the other."""


def short(text: str) -> str:
    """A text from the target, cut to a length that fits a line."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 12]}…{text[-11:]}"


def written(given: object) -> str:
    """A value of JSON as a sentence names it: text without quotes, any other value as JSON writes it."""
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def excerpt(text: object) -> str:
    """A text of unknown length and content, cut and escaped for use within a sentence."""
    shown = str(text)
    shown = shown if len(shown) <= WIDEST else shown[: WIDEST - 1] + "…"
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in shown)


def count(number: int, noun: str) -> str:
    """``1 page``, ``2 pages``."""
    return f"{number} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Several of what a noun names: ``pages``, ``batches``, ``entries``."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if re.search("[^aeiou]y$", noun) else f"{noun}s"


def names(ids: tuple[str, ...], most: int = 4) -> str:
    """Some ids in a row, and how many more there are."""
    if not ids:
        return "nothing"
    shown = ", ".join(short(id_) for id_ in ids[:most])
    return f"{shown} and {len(ids) - most} more" if len(ids) > most else shown


def close(word: str, known: Iterable[str]) -> str | None:
    """The known word that this one is a slip of; ``None`` if it resembles none enough to be taken for it.

    Letters may be swapped, missing or in the other case, and a word may be a part of one known name alone (``url``
    of ``base-url``), or a number without its zeros (``PAG-1`` of ``PAG-001``).
    """
    spelled = {_plain(name): name for name in known}
    wanted = _plain(word)
    if wanted in spelled:
        return spelled[wanted]
    parts = [name for plain, name in spelled.items() if wanted in plain.split("-")]
    if len(parts) == 1:
        return parts[0]
    found = difflib.get_close_matches(wanted, spelled, n=1, cutoff=_ALIKE)
    return spelled[found[0]] if found else None


def _plain(name: str) -> str:
    words = re.sub(r"[\W_]+", "-", name.strip().lower()).strip("-")
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", words)


def hint(word: str, known: Iterable[str], instead: str, did: str = "Did") -> str:
    """The question whether a close word was meant, beginning with ``did``; without one, another sentence."""
    found = close(word, known)
    return f"{did} you mean {found}?" if found else instead


def place(page: Page) -> str:
    """Where a page was asked to begin."""
    return f"after {short(page.query.after)}" if page.query.after is not None else "at the head of the list"


def yes(value: bool | None) -> str:  # noqa: FBT001 - it words the value itself
    """A boolean as JSON writes it."""
    return {True: "true", False: "false", None: "no boolean"}[value]
