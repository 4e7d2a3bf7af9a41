"""Looks up servers by their names, and suggests a close name for an unknown one."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


def look_up(kind: str, name: str, known: Mapping[str, T]) -> T:
    """The entry of that name.

    Raises:
        LookupError: If there is none; the message names the closest one.
    """
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=1, cutoff=0.75)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    message = f"There is no {kind} {name!r}.{hint}"
    raise LookupError(message)
