"""Servers whose answer is wrong as HTTP (clauses HTP)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

from contracts.mock.app import Asked, Behaviour, Headers, Request, Response
from contracts.mock.faults.declare import changes_answer, replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import (
    ASCENDING,
    ASCENDING_FILTERED,
    BEYOND_30,
    EMPTY,
    FILTERED,
    LAST_PAGE,
    LATER,
    LIMIT_1,
    ONE_PROJECT,
    OVERLAPPING,
    SIXTH,
)

# --- status


@changes_answer("HTP-001", also=(LAST_PAGE,))
def created(response: Response) -> Response:
    """A page is a 201."""
    response.status = 201
    return response


@changes_answer("HTP-001", also=(LATER,))
def partial_content(response: Response) -> Response:
    """A page is a 206."""
    response.status = 206
    return response


def _refusal(status: int) -> Response:
    body = b'{"error":{"message":"Not supported.","type":"invalid_request_error","param":null,"code":null}}'
    return Response(status, [("Content-Type", "application/json")], body)


@changes_answer("HTP-001", everywhere=False, also=(EMPTY,))
def no_content(_response: Response) -> Response:
    """A page is a 204."""
    return Response(204, [], b"", chunks=1)


@changes_answer(
    "HTP-001", everywhere=False, also=(ASCENDING, FILTERED, ASCENDING_FILTERED, LIMIT_1, ONE_PROJECT, LATER)
)
def refused(_response: Response) -> Response:
    """What the document allows is a 400."""
    return _refusal(400)


@changes_answer("HTP-001", everywhere=False, also=(SIXTH, BEYOND_30))
def missing(_response: Response) -> Response:
    """What the document allows is a 404."""
    return _refusal(404)


@replaces(Behaviour.page, "HTP-001", kind=Kind.REDIRECT)
def sent_elsewhere(_self: Behaviour, _asked: Asked, /) -> Response:
    """A page is a redirect to another host."""
    return Response(302, [("Location", "http://login.example.com/"), ("Content-Type", "text/html")], b"")


@replaces(Behaviour.page, "HTP-001", kind=Kind.REDIRECT)
def sent_in_circles(_self: Behaviour, asked: Asked, /) -> Response:
    """A page is a redirect to itself."""
    target = f"{asked.request.path}?{asked.request.query}"
    return Response(307, [("Location", target), ("Content-Type", "text/plain")], b"")


# --- media type


def _typed(media_type: str | None) -> Callable[[Response], Response]:
    def change(response: Response) -> Response:
        kept = [(name, value) for name, value in response.headers if name != "Content-Type"]
        response.headers = kept if media_type is None else [("Content-Type", media_type), *kept]
        return response

    return change


@changes_answer("HTP-002", also=(LAST_PAGE,))
def typed_as_text(response: Response) -> Response:
    """The media type is text/plain."""
    return _typed("text/plain; charset=utf-8")(response)


@changes_answer("HTP-002", also=(EMPTY,))
def typed_as_html(response: Response) -> Response:
    """The media type is text/html."""
    return _typed("text/html")(response)


@changes_answer("HTP-002", also=(ASCENDING_FILTERED, SIXTH))
def typed_as_bytes(response: Response) -> Response:
    """The media type is application/octet-stream."""
    return _typed("application/octet-stream")(response)


@changes_answer("HTP-002", also=(LATER,))
def not_typed(response: Response) -> Response:
    """There is no media type."""
    return _typed(None)(response)


@changes_answer("HTP-002")
def typed_as_problem(response: Response) -> Response:
    """The media type is application/problem+json."""
    return _typed("application/problem+json")(response)


@changes_answer("HTP-002")
def typed_as_old_json(response: Response) -> Response:
    """The media type is text/json."""
    return _typed("text/json")(response)


# --- the body on the wire


@changes_answer(
    "HTP-003",
    also=(LAST_PAGE, SIXTH, BEYOND_30),
    by_order="Which callers meet on a connection before an answer ends it, and so whether that is judged.",
)
def cut_short(response: Response) -> Response:
    """The connection ends before the announced length."""
    response.cut = len(response.body) // 2
    return response


@changes_answer("HTP-003", also=(ASCENDING,))
def cut_by_one(response: Response) -> Response:
    """The announced length is one byte too long, and the connection ends without it."""
    response.headers.append(("Content-Length", str(len(response.body) + 1)))
    response.cut = len(response.body)
    return response


@changes_answer("HTP-003", also=(LIMIT_1,))
def chunks_without_end(response: Response) -> Response:
    """The body comes in chunks, and the last one is missing."""
    response.chunks = 64
    response.cut = len(response.body)
    return response


@changes_answer("HTP-003", also=(FILTERED,))
def gzip_announced(response: Response) -> Response:
    """The body is said to be gzip and is not."""
    response.headers.append(("Content-Encoding", "gzip"))
    return response


@changes_answer("HTP-003")
def gzip_cut(response: Response) -> Response:
    """The body is gzip without its last bytes."""
    response.headers.append(("Content-Encoding", "gzip"))
    response.body = gzip.compress(response.body, mtime=0)[:-12]
    return response


@changes_answer("ENV-001", kind=Kind.FRAMING)
def gzip_not_announced(response: Response) -> Response:
    """The body is gzip and not said to be."""
    response.body = gzip.compress(response.body, mtime=0)
    return response


@changes_answer("HTP-003")
def gzip_with_wrong_checksum(response: Response) -> Response:
    """The body is gzip with a wrong checksum."""
    response.headers.append(("Content-Encoding", "gzip"))
    whole = bytearray(gzip.compress(response.body, mtime=0))
    whole[-8] ^= 0xFF
    response.body = bytes(whole)
    return response


@changes_answer("HTP-003")
def deflate_announced_for_gzip(response: Response) -> Response:
    """The body is gzip and said to be deflate."""
    response.headers.append(("Content-Encoding", "deflate"))
    response.body = gzip.compress(response.body, mtime=0)
    return response


@changes_answer("HTP-003")
def deflate_cut(response: Response) -> Response:
    """The body is deflate without its last half."""
    response.headers.append(("Content-Encoding", "deflate"))
    whole = zlib.compress(response.body)
    response.body = whole[: len(whole) // 2]
    return response


@changes_answer("HTP-003")
def charset_of_another(response: Response) -> Response:
    """The body is UTF-8 and said to be UTF-16."""
    return _typed("application/json; charset=utf-16")(response)


# --- caching


@replaces(Behaviour.headers, "HTP-004")
def cacheable_by_all(_self: Behaviour, _body: bytes, _asked: Asked, /) -> Headers:
    """Shared caches may keep the answer for an hour."""
    return [("Content-Type", "application/json"), ("Cache-Control", "public, max-age=3600")]


@replaces(Behaviour.headers, "HTP-004")
def cacheable_by_shared(_self: Behaviour, _body: bytes, _asked: Asked, /) -> Headers:
    """Shared caches may keep the answer for a minute."""
    return [("Content-Type", "application/json"), ("Cache-Control", "s-maxage=60")]


# --- 5xx


@changes_answer("HTP-005", everywhere=False, also=(ASCENDING_FILTERED, BEYOND_30, SIXTH, LIMIT_1, EMPTY, OVERLAPPING))
def crashes(_response: Response) -> Response:
    """The answer is a 500."""
    return Response(500, [("Content-Type", "text/plain")], b"Internal Server Error")


@changes_answer("HTP-005", everywhere=False, also=(OVERLAPPING, SIXTH))
def unavailable(_response: Response) -> Response:
    """The answer is a 503 that does not say when to come back."""
    return Response(503, [("Content-Type", "text/plain")], b"Service Unavailable")


@replaces(Behaviour.finish, "HTP-005", timed=True, kind=Kind.NOW_AND_THEN)
def fails_by_chance(_self: Behaviour, request: Request, response: Response, /) -> Response:
    """One request of thirty or so is answered 500, whatever it asks."""
    if zlib.crc32(str(request.number).encode()) % 30 == 0:
        return Response(500, [("Content-Type", "text/plain")], b"Internal Server Error")
    return response


@replaces(Behaviour.finish, "HTP-005", timed=True, kind=Kind.NOW_AND_THEN)
def gateway_gives_up(_self: Behaviour, request: Request, response: Response, /) -> Response:
    """One request of seven is answered 502 by a gateway, as HTML."""
    if request.number % 7 == 0:
        return Response(502, [("Content-Type", "text/html")], b"<html><body><h1>502 Bad Gateway</h1></body></html>")
    return response
