"""What a request holds that would become a header of its own if a server put it into an answer as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

_FIELD = re.compile(r"[\r\n\u560d\u560a][ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\u560d\u560a&/?]+)")
"""A header behind a line break; U+560D and U+560A become one where a character is cut down to its low byte."""


def fields(target: str) -> frozenset[tuple[str, str]]:
    """The headers that a path with its query holds behind line breaks: names in lower case, with their values."""
    once = unquote(target)
    return frozenset(
        (name.lower(), value.strip()) for text in (once, unquote(once)) for name, value in _FIELD.findall(text)
    )


def injected(target: str, headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The headers of an answer that its request holds behind a line break, with the value that they have there."""
    asked = fields(target)
    return tuple(
        name
        for name, value in headers
        for wanted, text in asked
        if name.lower() == wanted and value.strip().startswith(text)
    )
