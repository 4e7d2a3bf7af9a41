"""Conforming servers that repeat what a request holds, as text, and that give other types to who asks for them."""

from __future__ import annotations

import html
import json
from urllib.parse import quote, unquote

from contracts.mock.app import KNOWN, Asked, Behaviour, Refused, Request, Response, error_object
from contracts.mock.variants.declare import varies, varies_answer

_REDIRECT = 308
_CLIENT_ERROR = 400


def _asked(request: Request) -> str:
    """What was asked, short of keys in the query."""
    return "&".join(part for part in request.query.split("&") if part.partition("=")[0] in KNOWN)


@varies_answer()
def query_in_header(request: Request, response: Response) -> Response:
    """Every answer repeats the query in a header, encoded as it came."""
    response.headers.append(("X-Query", _asked(request)[:200]))
    return response


@varies_answer()
def query_in_header_without_line_breaks(request: Request, response: Response) -> Response:
    """Every answer repeats the query in a header, decoded, without what can't be printed."""
    text = "".join(each for each in unquote(_asked(request))[:200] if each.isascii() and each.isprintable())
    response.headers.append(("X-Query", text.strip()))
    return response


@varies(Behaviour.serve)
async def slash_redirected_as_it_came(self: Behaviour, request: Request, /) -> Response:
    """A path that ends with a slash is redirected to the one without, with the query as it came."""
    if request.path.endswith("/"):
        query = f"?{request.query}" if request.query else ""
        return Response(_REDIRECT, [("Location", f"{request.path.rstrip('/')}{query}")], b"")
    return await Behaviour.serve(self, request)


def _page(response: Response, text: str, *, escaped: bool = True) -> Response:
    media_type = "text/html; charset=utf-8" if escaped else "text/plain; charset=utf-8"
    response.headers = [("Content-Type", media_type), ("Cache-Control", "no-store")]
    shown = html.escape(text) if escaped else text
    response.body = f"<!DOCTYPE html><p>{shown}</p>".encode("utf-8", "replace") if escaped else shown.encode()
    return response


@varies(Behaviour.refuse, warns=frozenset({"INP-007", "SEC-012"}))
def addresses_in_pages_escaped(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """An error is a page that repeats the address, escaped."""
    address = unquote(f"{request.path}?{_asked(request)}", errors="replace")
    return _page(Behaviour.refuse(self, request, refused), f"Cannot GET {address}")


@varies(Behaviour.refuse, warns=frozenset({"INP-007", "SEC-012"}))
def addresses_in_text(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """An error is plain text that repeats the address as it is."""
    address = unquote(f"{request.path}?{_asked(request)}", errors="replace")
    return _page(Behaviour.refuse(self, request, refused), f"Cannot GET {address}", escaped=False)


@varies(Behaviour.error_body)
def values_in_errors(_self: Behaviour, request: Request, refused: Refused, /) -> bytes:
    """An error is JSON that repeats the query as it is."""
    message = f"{refused.message} You asked for {unquote(_asked(request), errors='replace')}."
    return json.dumps({"error": error_object(refused) | {"message": message}}).encode()


def _accepted(request: Request) -> str:
    return ",".join(request.header("accept"))


@varies(Behaviour.page)
def pages_for_browsers(self: Behaviour, asked: Asked, /) -> Response:
    """Who prefers HTML gets a page for people, and who prefers XML gets that."""
    response = Behaviour.page(self, asked)
    accepted = _accepted(asked.request)
    if accepted.startswith("text/html,"):
        return _page(response, "A list of permissions")
    if accepted == "application/xml":
        response.headers, response.body = [("Content-Type", "application/xml")], b"<list/>"
    return response


@varies(Behaviour.serve)
async def other_types_refused(self: Behaviour, request: Request, /) -> Response:
    """Who accepts nothing that JSON is gets a 406."""
    accepted = _accepted(request)
    if accepted and not any(each in accepted for each in ("json", "*/*", "application/*")):
        raise Refused(406, "Not acceptable.", code="not_acceptable")
    return await Behaviour.serve(self, request)


@varies(Behaviour.serve)
async def location_encoded_anew(self: Behaviour, request: Request, /) -> Response:
    """A path that ends with a slash is redirected, with the query decoded and encoded again."""
    if request.path.endswith("/"):
        query = quote(unquote(request.query, errors="replace"), safe="=&")
        return Response(_REDIRECT, [("Location", f"{request.path.rstrip('/')}?{query}")], b"")
    return await Behaviour.serve(self, request)
