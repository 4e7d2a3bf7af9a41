"""Names servers by what declares them, and looks them up by their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


def name_of(declared: Callable[..., object]) -> str:
    """The name of a server: that of its class or function, in lower case and with hyphens between the words."""
    return re.sub(r"(?<=[A-Za-z0-9])(?=[A-Z])|_", "-", declared.__name__).lower()


def sentence_of(declared: Callable[..., object]) -> str:
    """What a server does, in one line: the docstring of its class or function."""
    return " ".join((declared.__doc__ or "").split())


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
