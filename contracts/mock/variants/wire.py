"""Conforming servers that send the same answers in another way."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from dataclasses import replace

from contracts.mock.app import Asked, Behaviour, Headers, Request, Response
from contracts.mock.variants.declare import varies, varies_answer

_WORST = 20
_TOGETHER, _TOGETHER_SECONDS = 2, 0.001
_BUSY_SECONDS = 0.005


# --- coding and framing


def _accepts(request: Request, coding: str) -> bool:
    return coding in " ".join(request.header("accept-encoding"))


@varies_answer()
def gzip_where_accepted(request: Request, response: Response) -> Response:
    """Answers are gzip where the client accepts it."""
    response.headers.append(("Vary", "Accept-Encoding"))
    if _accepts(request, "gzip") and response.body:
        response.headers.append(("Content-Encoding", "gzip"))
        response.body = gzip.compress(response.body, mtime=0)
    return response


@varies_answer()
def deflate_where_accepted(request: Request, response: Response) -> Response:
    """Answers are deflate where the client accepts it."""
    response.headers.append(("Vary", "Accept-Encoding"))
    if _accepts(request, "deflate") and response.body:
        response.headers.append(("Content-Encoding", "deflate"))
        response.body = zlib.compress(response.body)
    return response


@varies_answer()
def chunked(_request: Request, response: Response) -> Response:
    """Bodies come in chunks of 17 bytes."""
    response.chunks = 17
    return response


@varies_answer()
def gzip_in_chunks(request: Request, response: Response) -> Response:
    """Bodies come in chunks, and gzip where the client accepts it."""
    response.chunks = 50
    if _accepts(request, "gzip") and response.body:
        response.headers.append(("Content-Encoding", "gzip"))
        response.body = gzip.compress(response.body, mtime=0)
    return response


@varies_answer()
def connection_closed(_request: Request, response: Response) -> Response:
    """The connection ends after each answer."""
    response.headers.append(("Connection", "close"))
    return response


@varies_answer()
def connection_closed_now_and_then(request: Request, response: Response) -> Response:
    """The connection ends after each seventh answer."""
    if request.number % 7 == 0:
        response.headers.append(("Connection", "close"))
    return response


# --- headers


@varies_answer()
def charset_given(_request: Request, response: Response) -> Response:
    """The media type has a charset."""
    return _typed(response, "application/json; charset=utf-8")


@varies_answer()
def charset_in_quotes(_request: Request, response: Response) -> Response:
    """The charset is a quoted string."""
    return _typed(response, 'application/json; charset="utf-8"')


@varies_answer()
def media_type_in_capitals(_request: Request, response: Response) -> Response:
    """The media type and its charset are written in capitals, without a space."""
    return _typed(response, "Application/JSON;charset=UTF-8")


def _typed(response: Response, media_type: str) -> Response:
    kept = [(name, value) for name, value in response.headers if name.lower() != "content-type"]
    response.headers = [("Content-Type", media_type), *kept]
    return response


@varies_answer()
def header_names_low(_request: Request, response: Response) -> Response:
    """Header names are in lower case."""
    response.headers = [(name.lower(), value) for name, value in response.headers]
    return response


@varies_answer()
def header_names_high(_request: Request, response: Response) -> Response:
    """Header names are in capitals."""
    response.headers = [(name.upper(), value) for name, value in response.headers]
    return response


@varies_answer()
def more_headers(request: Request, response: Response) -> Response:
    """Answers have the headers of a production server, cookies and rate limits among them."""
    response.headers += [
        ("X-Request-Id", f"req_{request.number:032}"),
        ("X-RateLimit-Limit-Requests", "500"),
        ("X-RateLimit-Remaining-Requests", "499"),
        ("OpenAI-Version", "2020-10-01"),
        ("OpenAI-Processing-Ms", "12"),
        ("Strict-Transport-Security", "max-age=31536000"),
        ("Set-Cookie", "__cf_bm=one; Path=/; HttpOnly"),
        ("Set-Cookie", "_cfuvid=two; Path=/; HttpOnly"),
        ("Alt-Svc", 'h3=":443"; ma=86400'),
    ]
    return response


@varies(Behaviour.headers)
def no_cache_control(_self: Behaviour, _body: bytes, _asked: Asked, /) -> Headers:
    """A page says nothing about caching."""
    return [("Content-Type", "application/json")]


@varies(Behaviour.headers)
def cacheable_in_private(_self: Behaviour, body: bytes, _asked: Asked, /) -> Headers:
    """The client may keep a page for a minute, and it has an ETag."""
    etag = f'"{zlib.crc32(body):08x}"'
    return [("Content-Type", "application/json"), ("Cache-Control", "private, max-age=60"), ("ETag", etag)]


# --- redirects


async def _redirected(self: Behaviour, request: Request, status: int, origin: str) -> Response:
    """Sends every request to the same path with a slash at its end, and serves it there."""
    if request.path.endswith("/"):
        return await Behaviour.serve(self, replace(request, path=request.path.removesuffix("/")))
    target = f"{origin}{request.path}/" + (f"?{request.query}" if request.query else "")
    return Response(status, [("Location", target), ("Content-Type", "text/plain")], b"")


@varies(Behaviour.serve)
async def redirected_308(self: Behaviour, request: Request, /) -> Response:
    """Every request is sent on to a canonical URL of the same origin, with 308."""
    return await _redirected(self, request, 308, f"http://{request.header('host')[0]}")


@varies(Behaviour.serve)
async def redirected_302(self: Behaviour, request: Request, /) -> Response:
    """Every request is sent on to a canonical path, with 302."""
    return await _redirected(self, request, 302, "")


@varies(Behaviour.serve)
async def redirected_307_sometimes(self: Behaviour, request: Request, /) -> Response:
    """One request of five is sent on to a canonical path, with 307."""
    if request.number % 5 == 0 or request.path.endswith("/"):
        return await _redirected(self, request, 307, "")
    return await Behaviour.serve(self, request)


# --- time


@varies(Behaviour.pause)
async def latency(_self: Behaviour, asked: Asked, /) -> None:
    """An answer takes two to six milliseconds."""
    await asyncio.sleep(0.002 * (1 + asked.request.number % 3))


@varies(Behaviour.pause)
async def latency_reverses(_self: Behaviour, asked: Asked, /) -> None:
    """Every other answer takes five milliseconds, so that later requests are answered earlier."""
    await asyncio.sleep(0.005 * (asked.request.number % 2))


@varies(Behaviour.pause)
async def slow_now_and_then(_self: Behaviour, asked: Asked, /) -> None:
    """One answer of 50 takes a fifth of a second."""
    await asyncio.sleep(0 if asked.request.number % 50 else 0.2)


@varies(Behaviour.serve)
async def throttled(self: Behaviour, request: Request, /) -> Response:
    """One request of nine gets a 429 that asks to come back at once."""
    return _later(429) if request.number % 9 == 0 else await Behaviour.serve(self, request)


@varies(Behaviour.serve)
async def throttled_in_bursts(self: Behaviour, request: Request, /) -> Response:
    """Two requests in a row of 40 get a 429 that asks to come back at once."""
    return _later(429) if request.number % 40 in {38, 39} else await Behaviour.serve(self, request)


def _later(status: int) -> Response:
    body = b'{"error":{"message":"Come back later.","type":"server_error","param":null,"code":null}}'
    return Response(status, [("Content-Type", "application/json"), ("Retry-After", "0")], body)


@varies(Behaviour.serve)
async def throttled_until_a_date(self: Behaviour, request: Request, /) -> Response:
    """One request of 30 gets a 429 that asks to come back at a moment that is over."""
    if request.number % 30:
        return await Behaviour.serve(self, request)
    response = _later(429)
    response.headers[-1] = ("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")
    return response


@varies(Behaviour.serve)
async def throttled_when_together(self: Behaviour, request: Request, /) -> Response:
    """The third and all further requests at once get a 429 that asks to come back at once."""
    if self.in_flight > _TOGETHER:
        return _later(429)
    await asyncio.sleep(_TOGETHER_SECONDS)
    return await Behaviour.serve(self, request)


@varies(Behaviour.serve, warns=frozenset({"HTP-005"}))
async def unavailable_when_together(self: Behaviour, request: Request, /) -> Response:
    """One request is answered at a time; all others get a 503 that asks to come back at once."""
    if self.in_flight > 1:
        return _later(503)
    await asyncio.sleep(_BUSY_SECONDS)
    return await Behaviour.serve(self, request)


@varies(Behaviour.serve, warns=frozenset({"HTP-005"}))
async def unavailable_once(self: Behaviour, request: Request, /) -> Response:
    """The 20th request gets a 503 that asks to come back at once."""
    return _later(503) if request.number == _WORST else await Behaviour.serve(self, request)
