"""The fields of an HTTP Archive, read strictly: a field of a wrong kind is told, and nothing is guessed."""

from __future__ import annotations

import base64
import binascii
import math
from contextlib import suppress
from typing import Any, TypeVar

from contracts.core.model import Answer

_T = TypeVar("_T")


class MalformedError(Exception):
    """Something in the file is not as the format says; the text completes "… is no HAR recording: "."""


def get(holder: dict[str, Any], name: str, kind: type[_T], where: str) -> _T:
    """A field that must be there and of this type; ``where`` says of what it is.

    Raises:
        MalformedError: It is not.
    """
    value = holder.get(name)
    # JSON's 1 is a fine float, and its true is no integer.
    if kind is float and type(value) is int:
        with suppress(OverflowError):
            value = float(value)
    endless = isinstance(value, float) and not math.isfinite(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool) or endless:
        msg = f"{where} has no {name} of the right kind"
        raise MalformedError(msg)
    return value


def optional(holder: dict[str, Any], name: str, kind: type[_T], where: str) -> _T | None:
    """A field that may be missing or null."""
    return None if holder.get(name) is None else get(holder, name, kind, where)


def mapping(value: object, number: int) -> dict[str, Any]:
    """An entry, which must be an object."""
    if not isinstance(value, dict):
        msg = f"entry {number} is no object"
        raise MalformedError(msg)
    return value


def answer(response: dict[str, Any], flaw: str | None, where: str) -> Answer:
    """The answer that a ``response`` holds; ``flaw`` is what was wrong with it as HTTP."""
    content = get(response, "content", dict, where)
    body = _body(content, where)
    headers = []
    for header in get(response, "headers", list, where):
        if not isinstance(header, dict):
            msg = f"{where} has a malformed header"
            raise MalformedError(msg)
        headers.append((get(header, "name", str, where), get(header, "value", str, where)))
    return Answer(
        status=get(response, "status", int, where),
        reason=get(response, "statusText", str, where),
        headers=tuple(headers),
        body=body,
        flaw=flaw,
    )


def _body(content: dict[str, Any], where: str) -> bytes:
    text = optional(content, "text", str, where) or ""
    if optional(content, "encoding", str, where) != "base64":
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        msg = f"{where} has a body that is not base64"
        raise MalformedError(msg) from None
