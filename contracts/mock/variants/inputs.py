"""Conforming servers that take what the document does not allow, or does not speak of, in another way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from contracts.mock.app import LARGEST_LIMIT, Asked, Behaviour, Fields, Refused, Request, Response
from contracts.mock.store import Permission
from contracts.mock.variants.declare import varies

Permissions = Sequence[Permission]
_LONGEST_TARGET = 2048
_ODD_IN_PATHS = ("%2f", "%00", "%25", "%5c", "..")


@varies(Behaviour.fields)
def empty_is_absent(self: Behaviour, query: str, /) -> Fields:
    """A parameter without a value counts as not given."""
    fields = Behaviour.fields(self, query)
    kept = {name: [value for value in values if value] for name, values in fields.items()}
    return {name: values for name, values in kept.items() if values}


@varies(Behaviour.integer)
def integers_as_python_reads_them(self: Behaviour, text: str, /) -> int:
    """A limit may have a sign, spaces around it, an underscore within it, or digits of any script."""
    try:
        return int(text)
    except ValueError:
        raise self.invalid("limit", "'limit' is not an integer.") from None


@varies(Behaviour.integer)
def huge_limit_is_the_largest(self: Behaviour, text: str, /) -> int:
    """A limit may have any number of digits, and above the largest one that is what it means."""
    return min(int(text), LARGEST_LIMIT) if text.isascii() and text.isdigit() else Behaviour.integer(self, text)


@varies(Behaviour.integer)
def limit_as_a_number_of_json(self: Behaviour, text: str, /) -> int:
    """A limit may have a fraction of zero, and zeros before it."""
    return Behaviour.integer(self, re.sub(r"^0+(?=[1-9])|\.0+$", "", text))


@varies(Behaviour.decode)
def bytes_replaced(_self: Behaviour, raw: str, /) -> str:
    """What is not UTF-8 becomes U+FFFD, and NUL is a character like others."""
    return unquote_to_bytes(raw).decode("utf-8", "replace")


@varies(Behaviour.unknown_after)
def unknown_after_422(_self: Behaviour, _ordered: Permissions, _asked: Asked, /) -> int:
    """An unknown `after` is a 422."""
    raise Refused(422, "'after' names no permission of this checkpoint.", param="after", code="unprocessable")


@varies(Behaviour.unknown_after)
def cursor_of_other_list_by_time(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """After another checkpoint's permission comes what of this list follows its moment."""
    for permissions in self.dataset.checkpoints.values():
        for each in permissions:
            if each.id == asked.after:
                moment = each.created_at
                return sum(one.created_at <= moment if asked.ascending else one.created_at >= moment for one in ordered)
    return Behaviour.unknown_after(self, ordered, asked)


@varies(Behaviour.serve, warns=frozenset({"INP-007"}))
async def odd_addresses_refused_by_front(self: Behaviour, request: Request, /) -> Response:
    """A server in front refuses odd paths with a 400 and long ones with a 414, both as HTML, before anything else."""
    path = request.path.lower()
    if any(part in path for part in _ODD_IN_PATHS):
        return _page(400, "Bad Request")
    if len(request.path) + len(request.query) > _LONGEST_TARGET:
        return _page(414, "URI Too Long")
    return await Behaviour.serve(self, request)


def _page(status: int, reason: str) -> Response:
    body = f"<html><head><title>{status} {reason}</title></head><body><h1>{reason}</h1></body></html>\r\n"
    return Response(status, [("Content-Type", "text/html")], body.encode())
