"""Servers that put what a request holds into their answers as it stands, and that mind what is accepted."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from contracts.mock.app import Asked, Behaviour, Refused, Request, Response, error_object
from contracts.mock.faults.declare import replaces
from contracts.mock.store import Permissions

_REDIRECT = 308
_NAME = re.compile(r"[A-Za-z-]+")


# --- headers (HTP-006)


def _put(response: Response, name: str, text: str, breaks: str = "\r?\n") -> Response:
    """Adds a header as a server does that minds no line breaks: what stands behind one is a header of its own."""
    first, *rest = re.split(breaks, text)
    response.headers.append((name, _plain(first)))
    for line in filter(None, rest):
        further, sign, value = line.partition(":")
        if sign and _NAME.fullmatch(further):
            response.headers.append((further, _plain(value)))
    return response


def _plain(text: str) -> str:
    return "".join(each for each in text if each.isascii() and each.isprintable()).strip()


def _value(self: Behaviour, request: Request, name: str) -> str:
    """A parameter, decoded; empty if it is not there."""
    found = re.search(f"(?:^|&){re.escape(self.shape.names.get(name, name))}=([^&]*)", request.query)
    return unquote(found[1]) if found else ""


@replaces(Behaviour.finish, "HTP-006")
def cursor_in_header(self: Behaviour, request: Request, response: Response, /) -> Response:
    """`after` comes back in a header, line breaks and all."""
    return _put(response, "X-After", _value(self, request, "after"))


@replaces(Behaviour.finish, "HTP-006")
def order_in_header(self: Behaviour, request: Request, response: Response, /) -> Response:
    """`order` comes back in a header, line breaks and all."""
    return _put(response, "X-Order", _value(self, request, "order"))


@replaces(Behaviour.finish, "HTP-006")
def project_in_cookie(self: Behaviour, request: Request, response: Response, /) -> Response:
    """`project_id` is kept in a cookie, with line breaks of one character."""
    return _put(response, "Set-Cookie", _value(self, request, "project_id"), "\n")


@replaces(Behaviour.finish, "HTP-006")
def cursor_cut_to_bytes(self: Behaviour, request: Request, response: Response, /) -> Response:
    """`after` comes back in a header, each character cut down to its low byte."""
    return _put(response, "X-After", _value(self, request, "after").replace("\r\n", ""), "[\u560d\u560a]+")


@replaces(Behaviour.finish, "HTP-006")
def project_decoded_twice_in_header(self: Behaviour, request: Request, response: Response, /) -> Response:
    """`project_id` comes back in a header, checked for line breaks and then decoded once more."""
    return _put(response, "X-Project", unquote(_plain(_value(self, request, "project_id"))))


@replaces(Behaviour.serve, "HTP-006")
async def slash_redirected_with_line_breaks(self: Behaviour, request: Request, /) -> Response:
    """A path that ends with a slash is redirected to the one without, with the query decoded."""
    if request.path.endswith("/"):
        response = Response(_REDIRECT, [], b"")
        return _put(response, "Location", f"{request.path.rstrip('/')}?{unquote(request.query)}")
    return await Behaviour.serve(self, request)


@replaces(Behaviour.unknown_checkpoint, "HTP-006")
def checkpoint_in_header(self: Behaviour, asked: Asked, /) -> Refused:
    """An unknown checkpoint comes back in a header, line breaks and all."""
    refused = Behaviour.unknown_checkpoint(self, asked)
    refused.headers += _put(Response(404), "X-Missing", asked.checkpoint).headers
    return refused


@replaces(Behaviour.refuse, "HTP-006")
def order_in_challenge(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """A 401 repeats `order` in its challenge, line breaks and all."""
    response = Behaviour.refuse(self, request, refused)
    if refused.status == HTTPStatus.UNAUTHORIZED:
        _put(response, "WWW-Authenticate", f"Bearer realm={_value(self, request, 'order')}")
    return response


# --- markup and keys (INP-009)


def _as_page(response: Response, text: str) -> Response:
    response.headers = [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")]
    response.body = f"<!DOCTYPE html><title>{response.status}</title><p>{text}</p>".encode("utf-8", "replace")
    return response


def _accepts_pages(request: Request) -> bool:
    return "text/html" in ",".join(request.header("accept"))


@replaces(Behaviour.refuse, "INP-009")
def limit_in_a_page(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """A wrong `limit` is repeated in a page of HTML, as it was sent."""
    response = Behaviour.refuse(self, request, refused)
    return _as_page(response, f"limit {_value(self, request, 'limit')}") if refused.param == "limit" else response


@replaces(Behaviour.refuse, "INP-009")
def order_in_a_page(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """A wrong `order` is repeated in a page of HTML, as it was sent."""
    response = Behaviour.refuse(self, request, refused)
    return _as_page(response, f"order {_value(self, request, 'order')}") if refused.param == "order" else response


@replaces(Behaviour.refuse, "INP-009")
def errors_as_pages_for_browsers(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """Who accepts pages gets errors as pages, which repeat the address as it was sent."""
    response = Behaviour.refuse(self, request, refused)
    address = unquote(f"{request.path}?{request.query}")
    return _as_page(response, f"Cannot GET {address}") if _accepts_pages(request) else response


@replaces(Behaviour.refuse, "INP-009")
def path_in_a_page(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """What is not found is repeated in a page of HTML, as it was sent."""
    response = Behaviour.refuse(self, request, refused)
    found = refused.status != HTTPStatus.NOT_FOUND
    return response if found else _as_page(response, f"{unquote(request.path)} was not found")


@replaces(Behaviour.refuse, "INP-009")
def refusals_as_pages(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """A 401 is a page that repeats `limit`, as it was sent."""
    response = Behaviour.refuse(self, request, refused)
    let_in = refused.status != HTTPStatus.UNAUTHORIZED
    return response if let_in else _as_page(response, f"Sign in to see {_value(self, request, 'limit')} of them")


@replaces(Behaviour.error_body, "INP-009")
def errors_with_request_headers(_self: Behaviour, request: Request, refused: Refused, /) -> bytes:
    """A 400 repeats the headers of the request, the key among them."""
    error = error_object(refused)
    if refused.status == HTTPStatus.BAD_REQUEST:
        error["headers"] = json.dumps(dict(request.headers))
    return json.dumps({"error": error}).encode()


@replaces(Behaviour.refuse, "INP-009")
def errors_with_key_in_header(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """A 404 names the caller in a header, by his key."""
    response = Behaviour.refuse(self, request, refused)
    if refused.status == HTTPStatus.NOT_FOUND:
        response.headers.append(("X-Caller", " ".join(request.header("authorization")).removeprefix("Bearer ")))
    return response


# --- what is accepted (HTP-007)


def _as_xml(response: Response) -> Response:
    response.headers = [("Content-Type", "application/xml"), ("Cache-Control", "no-store")]
    response.body = b"<list/>"
    return response


def _not_acceptable() -> Refused:
    return Refused(406, "Not acceptable.", code="not_acceptable")


@replaces(Behaviour.page, "HTP-007")
def xml_without_accept(self: Behaviour, asked: Asked, /) -> Response:
    """Who does not say what he accepts gets XML."""
    response = Behaviour.page(self, asked)
    return response if asked.request.header("accept") else _as_xml(response)


@replaces(Behaviour.page, "HTP-007")
def xml_unless_json_is_named(self: Behaviour, asked: Asked, /) -> Response:
    """Who does not name JSON gets XML."""
    response = Behaviour.page(self, asked)
    return response if "application/json" in ",".join(asked.request.header("accept")) else _as_xml(response)


@replaces(Behaviour.page, "HTP-007")
def first_of_the_accepted(self: Behaviour, asked: Asked, /) -> Response:
    """The first type of a list is given, whatever its weight."""
    response = Behaviour.page(self, asked)
    if ",".join(asked.request.header("accept")).startswith(("text/html", "application/xml")):
        return _as_page(response, "A list")
    return response


@replaces(Behaviour.page, "HTP-007")
def lists_of_types_not_read(self: Behaviour, asked: Asked, /) -> Response:
    """A list of types is taken for one type, which is not known: 406."""
    if "," in ",".join(asked.request.header("accept")):
        raise _not_acceptable()
    return Behaviour.page(self, asked)


@replaces(Behaviour.page, "HTP-007")
def accept_required(self: Behaviour, asked: Asked, /) -> Response:
    """Who does not say what he accepts gets a 406."""
    if not asked.request.header("accept"):
        raise _not_acceptable()
    return Behaviour.page(self, asked)


@replaces(Behaviour.render, "HTP-007")
def any_type_gives_another_page(self: Behaviour, items: Permissions, *page: Any) -> object:
    """Who accepts anything gets an older version of the page, without its last item."""
    *_, asked = page
    return Behaviour.render(self, items[:-1] if asked.request.header("accept") == ["*/*"] else items, *page)
