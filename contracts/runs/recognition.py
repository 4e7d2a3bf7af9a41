"""What an answer is: an attempt at the list, a page for browsers, or JSON of something else; and what it says."""

from __future__ import annotations

import re
from collections.abc import Set
from html import unescape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from contracts.core.model import Answer, Exchange
from contracts.core.wording import excerpt

if TYPE_CHECKING:
    pass

_EMPTY: Final = frozenset({204, 205})
START: Final = 16_384
"""Bytes of an answer that are enough to know a page for browsers, and its title."""


def may_be_the_list(exchange: Exchange, names: Set[str]) -> bool:
    """Whether an answer is an attempt at the list, however wrong, and not that of something else.

    ``names`` are the properties of a page.
    """
    answer = exchange.answer
    if answer is None or exchange.failure is not None or answer.status // 100 != HTTPStatus.OK // 100:
        return False
    if answer.status in _EMPTY or _is_something_else(answer, names):
        return False
    if "json" in (answer.header("content-type") or "").lower() or not answer.body.strip():
        return True
    return not is_html(answer) and bool(re.search(rb"[{\[]", answer.body) or answer.flaw)


def _is_something_else(answer: Answer, names: Set[str]) -> bool:
    """Whether a body is JSON of something else, as of a health check: no list in it, and no property of a page."""
    value = json_of(answer)
    if not names or not value or not isinstance(value, dict):
        return False
    if not names.isdisjoint(name for name, each in value.items() if each is not None):
        return False
    return not any(_holds_a_list(each) for name, each in value.items() if name != "errors")


def _holds_a_list(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_a_list, value.values()))
    return isinstance(value, list)


def is_no_page(answer: Answer) -> bool:
    """Whether all went well, and the answer is neither the list nor a page for browsers."""
    return answer.status // 100 == HTTPStatus.OK // 100 and not is_html(answer)


def is_html(answer: Answer) -> bool:
    """Whether the body of an answer is a page for browsers."""
    start = answer.body[:START].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(b"<!--"):
        start = start.partition(b"-->")[2].lstrip()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def title(answer: Answer) -> str:
    """The title of a page for browsers, an empty text if it has none."""
    page = answer.body[:START]
    at = page.lower().find(b"<title")
    _, _, rest = page[at:].partition(b">") if at >= 0 else (b"", b"", b"")
    return unescape(rest[: max(0, rest.lower().find(b"</title"))].decode("utf-8", "replace"))


def json_of(answer: Answer) -> Any:
    """The body as JSON, where it is an object or a list; else ``None``."""
    from contracts.openapi.body import parse

    value = parse(answer.body).value
    return value if isinstance(value, (dict, list)) else None


def error_of(answer: Answer) -> str | None:
    """What the JSON of an error says; an empty text where it says nothing that is known, ``None`` if it is no JSON."""
    value = json_of(answer)
    if value is None:
        return None
    places = [value, value.get("error")] if isinstance(value, dict) else []
    for place in places[::-1]:
        if isinstance(place, str):
            return place
        for name in ("message", "detail", "title", "error_description"):
            if isinstance(place, dict) and isinstance(place.get(name), str):
                return str(place[name])
    return ""


def one_line(text: str) -> str:
    """A text of a target on one line of a sentence, cut where it is long."""
    return excerpt(" ".join(text.split()))
