"""Hostile servers on real sockets: what each sends, and what must be said of it.

`ANSWERS` holds what is wrong as HTTP already, byte by byte and whatever was asked; `ODD_BUT_RIGHT` what only looks
so; `LISTS` what is wrong, or large, or endless, in the list itself. A `Host` serves one of them to each request, from
the middle of the run on, or now and then, and is the right server otherwise.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from random import Random
from typing import Self
from urllib.parse import unquote

from contracts.core.model import FailureKind
from contracts.mock.app import Asked as AskedOfServer
from contracts.mock.app import Behaviour, Headers, Refused, Request
from contracts.mock.store import Dataset, Permission, seeded

Reply = bytes | Callable[[socket.socket], None]
"""What is sent, or what is done with the socket."""


def ok(body: bytes = b"{}", *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def zipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


class ClosedError(Exception):
    """This connection is not used any more."""


class Target:
    """A server that answers the n-th request with the n-th reply, and every further one with the last."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = replies
        self.asked: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def targets(self) -> list[str]:
        return [head.split(b" ")[1].decode() for head in self.asked]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_listening()
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def stop_listening(self) -> None:
        """Whoever connects from now on is refused."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def reply(self, number: int, head: bytes) -> Reply:
        """The reply to the request of this number, from 0."""
        del head
        return self.replies[min(number, len(self.replies) - 1)]

    def _accept(self) -> None:
        threads = []
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                break
            self.connections += 1
            self._open.append(sock)
            threads.append(threading.Thread(target=self._serve, args=(sock,)))
            threads[-1].start()
        for thread in threads:
            thread.join(5)

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError, ClosedError):
            while True:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    data = sock.recv(65536)
                    if not data:
                        return
                    head += data
                with self._lock:
                    number = len(self.asked)
                    self.asked.append(head)
                    reply = self.reply(number, head)
                if isinstance(reply, bytes):
                    sock.sendall(reply)
                else:
                    reply(sock)


def ending(data: bytes = b"") -> Reply:
    """Sends and closes."""

    def reply(sock: socket.socket) -> None:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_RDWR)
        raise ClosedError

    return reply


def resetting(data: bytes = b"") -> Reply:
    """Sends and resets the connection."""

    def reply(sock: socket.socket) -> None:
        sock.sendall(data)
        time.sleep(0.05)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        raise ClosedError

    return reply


def waiting(data: bytes) -> Reply:
    """Sends, and then nothing."""

    def reply(sock: socket.socket) -> None:
        sock.sendall(data)
        sock.recv(1)

    return reply


def dripping(head: bytes, drop: bytes, pause: float = 0.0) -> Reply:
    """Sends the same again and again for as long as anyone reads it."""

    def reply(sock: socket.socket) -> None:
        sock.sendall(head)
        while True:
            sock.sendall(drop)
            if pause:
                time.sleep(pause)

    return reply


def sending(head: bytes, piece: bytes, times: int, tail: bytes = b"") -> Reply:
    """Sends a large answer piece by piece, without ever holding it."""

    def reply(sock: socket.socket) -> None:
        sock.sendall(head)
        for _ in range(times):
            sock.sendall(piece)
        sock.sendall(tail)

    return reply


# Wrong as HTTP

MEBI = 1 << 20
JSON = b"Content-Type: application/json"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BOMB = zipped(bytes(8 << 20))
GZIP = b"Content-Encoding: gzip"
SMALL = zipped(b'{"data": []}')
GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def _deflated_zeros() -> bytes:
    """1 MiB of zeros as a piece of a deflate stream, which may be repeated."""
    coder = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return coder.compress(bytes(MEBI)) + coder.flush(zlib.Z_FULL_FLUSH)


ZEROS = _deflated_zeros()


def large(times: int, piece: bytes, *headers: bytes, lead: bytes = b"", tail: bytes = b"") -> Reply:
    """A 200 of a beginning, so many pieces, and a tail."""
    length = len(lead) + times * len(piece) + len(tail)
    return sending(ok(b"", JSON, *headers).replace(b": 0", b": %d" % length) + lead, piece, times, tail)


ANSWERS: dict[str, tuple[Reply, FailureKind | str]] = {
    "silence": (waiting(b""), FailureKind.TIMEOUT),
    "silence inside the status line": (waiting(b"HTTP/1.1 2"), FailureKind.TIMEOUT),
    "silence inside the headers": (waiting(b"HTTP/1.1 200 OK\r\nX: y"), FailureKind.TIMEOUT),
    "headers a byte at a time": (dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y", 0.02), FailureKind.TIMEOUT),
    "a status line of HTTP/2": (b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "says HTTP/2.0"),
    "endless 100 Continue": (dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001), FailureKind.TIMEOUT),
    "endless 103 Early Hints": (
        dripping(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 99),
        FailureKind.TIMEOUT,
    ),
    "a body a byte at a time": (
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b" ", 0.02),
        "did not end within",
    ),
    "chunks a byte at a time": (dripping(CHUNKED, b"1\r\nx\r\n", 0.02), "did not end within"),
    "an endless body": (dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 9999), "larger than"),
    "endless chunks": (dripping(CHUNKED, b"400\r\n" + b"x" * 1024 + b"\r\n"), "larger than"),
    "endless chunks of one byte": (dripping(CHUNKED, b"1\r\nx\r\n" * 999), "larger than|did not end"),
    "1 GiB": (large(16384, bytes(65536)), "larger than"),
    "a string of 100 MiB": (large(100, b"x" * MEBI, lead=b'{"object": "', tail=b'"}'), "larger than"),
    "an endless chunk extension": (dripping(CHUNKED + b"5;", b"x" * 9999), FailureKind.GARBLED),
    "endless trailers": (dripping(CHUNKED + b"0\r\n", b"X: y\r\n" * 99), FailureKind.GARBLED),
    "a gzip bomb": (ok(BOMB, GZIP), "larger than"),
    "10 GiB from 10 MiB": (large(10_240, ZEROS, GZIP, lead=GZIP_HEAD), "larger than"),
    "a gzip bomb in gzip": (ok(zipped(BOMB), b"Content-Encoding: gzip, gzip"), "larger than"),
    "a deflate bomb": (ok(zlib.compress(bytes(8 << 20)), b"Content-Encoding: deflate"), "larger than"),
    "endless gzip members of nothing": (
        dripping(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", zipped(b"") * 999),
        "larger than|did not end",
    ),
    "an endless gzip header": (
        dripping(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\xff", b"x" * 9999),
        "larger than|did not end",
    ),
    "coded forty times": (ok(SMALL, b"Content-Encoding: " + b"gzip," * 40), "coded 40 times"),
    "gzip cut short": (ok(SMALL[:-9], GZIP), "cut short inside its gzip data"),
    "gzip that is none": (ok(b'{"data": []}', GZIP), "not gzip, as its Content-Encoding says"),
    "gzip with a wrong checksum": (ok(SMALL[:-8] + bytes(8), GZIP), "not gzip, as its Content-Encoding says"),
    "gzip with text after it": (ok(SMALL + b"{}", GZIP), "not gzip, as its Content-Encoding says"),
    "deflate that is none": (ok(b"\xff" * 40, b"Content-Encoding: deflate"), "not deflate"),
    "gzip said to be deflate": (ok(SMALL, b"Content-Encoding: deflate"), "not deflate"),
    "a coding that was not asked for": (ok(b"abc", b"Content-Encoding: br"), "coded as 'br', which was not asked for"),
    "another coding that was not asked for": (
        ok(b"abc", b"Content-Encoding: zstd"),
        "coded as 'zstd', which was not asked",
    ),
    "a coding of a long name": (ok(b"abc", b"Content-Encoding: " + b"x" * 9000), "coded as 'xxx"),
    "Content-Length too long, then closed": (ending(ok().replace(b": 2", b": 100")), "after 2 bytes (Content-Length"),
    "Content-Length too long, then silence": (
        waiting(ok().replace(b": 2", b": 100")),
        "nothing more came for|did not end within",
    ),
    "Content-Length too short": (ok(b"{}").replace(b": 2", b": 1"), "followed by 1 bytes more"),
    "a Content-Length of zettabytes": (
        ending(ok().replace(b": 2", b": 9999999999999999999999")),
        FailureKind.GARBLED,
    ),
    "two answers": (ok() + ok(), "followed by 40 bytes more"),
    "the answer to a request that comes later": (ok() + ok(b'{"data": []}', JSON), "bytes more than its framing"),
    "text after the body": (ok() + b"<html>", "followed by 6 bytes more"),
    "endless text after the body": (dripping(ok() + b"x" * 9999, b"x" * 9999), "bytes more than its framing|unasked"),
    "two Content-Lengths": (ok(b"{}", b"Content-Length: 1"), FailureKind.GARBLED),
    "a negative Content-Length": (ok().replace(b": 2", b": -2"), FailureKind.GARBLED),
    "a Content-Length with a plus sign": (ok().replace(b": 2", b": +2"), FailureKind.GARBLED),
    "a Content-Length in hexadecimal": (ok().replace(b": 2", b": 0x2"), FailureKind.GARBLED),
    "a Content-Length in words": (ok().replace(b": 2", b": two"), FailureKind.GARBLED),
    "a Content-Length of 5000 digits": (ok().replace(b": 2", b": " + b"9" * 5000), FailureKind.GARBLED),
    "an unknown transfer coding": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\n", FailureKind.GARBLED),
    "two transfer codings": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", FailureKind.GARBLED),
    "a chunk size in words": (CHUNKED + b"five\r\nhello\r\n0\r\n\r\n", FailureKind.GARBLED),
    "a negative chunk size": (CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", FailureKind.GARBLED),
    "a huge chunk size": (CHUNKED + b"F" * 40 + b"\r\nhello\r\n0\r\n\r\n", FailureKind.GARBLED),
    "a chunk longer than it says": (CHUNKED + b"3\r\nhello\r\n0\r\n\r\n", FailureKind.GARBLED),
    "chunks cut short": (ending(CHUNKED + b"5\r\nhello\r\n"), "cut short after 5 bytes"),
    "a chunk cut short": (ending(CHUNKED + b"50\r\nhello"), "cut short after 5 bytes"),
    "no status line": (ending(b"Content-Length: 2\r\n\r\n{}"), FailureKind.GARBLED),
    "HTTP/0.9": (ending(b'{"object": "list", "data": []}'), FailureKind.GARBLED),
    "HTML of HTTP/0.9": (ending(b"<html>\n<body>\n\nhello</body>"), FailureKind.GARBLED),
    "another protocol": (ending(b"SSH-2.0-OpenSSH_9.6\r\n"), FailureKind.GARBLED),
    "TLS to one who did not ask": (ending(b"\x15\x03\x03\x00\x02\x02\x28"), FailureKind.GARBLED),
    "noise": (ending(bytes(range(256)) * 9 + b"\r\n\r\n"), FailureKind.GARBLED),
    "endless noise": (dripping(b"", b"x" * 9999), FailureKind.GARBLED),
    "HTTP/2": (ending(b"\0\0\x12\x04\0\0\0\0\0" + bytes(18)), FailureKind.GARBLED),
    "HTTP/3 in words": (ending(b"HTTP/3 200 OK\r\n\r\n{}"), FailureKind.GARBLED),
    "a status of letters": (b"HTTP/1.1 abc OK\r\n\r\n", FailureKind.GARBLED),
    "a status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", FailureKind.GARBLED),
    "a status of zeros": (b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n", FailureKind.GARBLED),
    "switching protocols": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", FailureKind.GARBLED),
    "switching protocols and going on": (
        b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + ok(),
        FailureKind.GARBLED,
    ),
    "a status of four digits": (ok(status=b"1000 OK"), FailureKind.GARBLED),
    "chunked twice": (CHUNKED.replace(b"chunked", b"chunked, chunked") + b"0\r\n\r\n", FailureKind.GARBLED),
    "a chunk size of another language": (CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n", FailureKind.GARBLED),
    "framing in trailers": (CHUNKED + b"2\r\n{}\r\n0\r\nTransfer-Encoding: x\r\n\r\n", FailureKind.GARBLED),
    "chunks of line feeds alone, then silence": (waiting(CHUNKED + b"2\n{}\n0\n\n"), "nothing more came|did not end"),
    "a carriage return in a header": (ok(b"{}", b"X: a\rb"), FailureKind.GARBLED),
    "a coding with a weight": (ok(SMALL, b"Content-Encoding: gzip;q=1"), "coded as 'gzip;q=1', which was not asked"),
    "10,000 headers": (ok(b"{}", *(b"X-%d: value" % n for n in range(10_000))), FailureKind.GARBLED),
    "10,000 short headers": (ok(b"{}", *([b"a: b"] * 10_000)), FailureKind.GARBLED),
    "2,000 cookies": (ok(b"{}", *(b"Set-Cookie: c%d=%d" % (n, n) for n in range(2000))), FailureKind.GARBLED),
    "a header of 1 MiB": (ok(b"{}", b"X: " + b"y" * MEBI), FailureKind.GARBLED),
    "a header name of 1 MiB": (ok(b"{}", b"y" * MEBI + b": X"), FailureKind.GARBLED),
    "a reason of 1 MiB": (ok(status=b"200 " + b"y" * MEBI), FailureKind.GARBLED),
    "a header folded a million times": (ok(b"{}", b"X: a" + b"\r\n b" * MEBI), FailureKind.GARBLED),
    "a header with NUL": (ok(b"{}", b"X: a\0b"), FailureKind.GARBLED),
    "a header name with NUL": (ok(b"{}", b"X\0: b"), FailureKind.GARBLED),
    "a header name with an escape": (ok(b"{}", b"X\x1b[31m: b"), FailureKind.GARBLED),
    "a space before the colon": (ok(b"{}", b"Transfer-Encoding : chunked"), FailureKind.GARBLED),
    "a header without a name": (ok(b"{}", b": value"), FailureKind.GARBLED),
    "a header without a colon": (ok(b"{}", b"nonsense"), FailureKind.GARBLED),
    "carriage returns alone": (ending(ok().replace(b"\r\n", b"\r")), FailureKind.CUT),
    "closed at once": (ending(), FailureKind.CUT),
    "closed inside the status line": (ending(b"HTTP/1.1 20"), FailureKind.CUT),
    "closed inside the headers": (ending(b"HTTP/1.1 200 OK\r\nContent-"), FailureKind.CUT),
    "reset at once": (resetting(), FailureKind.CUT),
    "reset inside the headers": (resetting(b"HTTP/1.1 200 OK\r\nContent-"), FailureKind.CUT),
    "reset inside the body": (resetting(ok(b"12345").replace(b": 5", b": 9")), "cut short after 5 bytes"),
}
"""What is sent, and what the client makes of it: a failure of this kind, or a body with this flaw."""

ODD_BUT_RIGHT: dict[str, tuple[Reply, int, bytes]] = {
    "status 999": (ok(status=b"999 What"), 999, b"{}"),
    "no reason": (ok(status=b"200"), 200, b"{}"),
    "early hints": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok(), 200, b"{}"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 20\r\n\r\n", 304, b""),
    "HTTP/1.0": (ending(b"HTTP/1.0 200 OK\r\n\r\n{}"), 200, b"{}"),
    "no length": (ending(b"HTTP/1.1 200 OK\r\n\r\n{}"), 200, b"{}"),
    "Connection: close": (ending(ok(b"{}", b"Connection: close")), 200, b"{}"),
    "chunks with extensions and trailers": (CHUNKED + b"1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX: y\r\n\r\n", 200, b"{}"),
    "chunk sizes with zeros and capitals": (
        CHUNKED + b"0001\r\n{\r\n0A\r\n         }\r\n000\r\n\r\n",
        200,
        b"{         }",
    ),
    "an escape in a chunk extension": (CHUNKED + b'2;x="\x1b[31m;"\r\n{}\r\n0\r\n\r\n', 200, b"{}"),
    "answers in between of several kinds": (
        b"".join(b"HTTP/1.1 %d Odd\r\n\r\n" % status for status in (100, 102, 103, 199)) + ok(),
        200,
        b"{}",
    ),
    "a Content-Length between tabs, twice": (ok().replace(b": 2", b":\t2, 2\t"), 200, b"{}"),
    "an empty Content-Encoding": (ok(b"{}", b"Content-Encoding:"), 200, b"{}"),
    "another protocol is offered": (ok(b"{}", b"Upgrade: h2c", b"Connection: Upgrade"), 200, b"{}"),
    "another protocol is demanded": (ok(b"{}", b"Upgrade: h2c", status=b"426 Upgrade Required"), 426, b"{}"),
    "Retry-After on a success": (ok(b"{}", b"Retry-After: 86400"), 200, b"{}"),
    "line feeds alone in the headers": (ok().replace(b"\r\n", b"\n"), 200, b"{}"),
    "gzip": (ok(SMALL, GZIP), 200, b'{"data": []}'),
    "identity and gzip": (ok(SMALL, b"Content-Encoding: identity, gzip"), 200, b'{"data": []}'),
    "x-gzip in capitals": (ok(SMALL, b"Content-Encoding: X-GZip"), 200, b'{"data": []}'),
    "gzip in members": (ok(zipped(b"{") + zipped(b"}"), GZIP), 200, b"{}"),
    "gzip with padding": (ok(SMALL + bytes(9), GZIP), 200, b'{"data": []}'),
    "an empty gzip body": (ok(b"", GZIP), 200, b""),
    "zlib": (ok(zlib.compress(b"{}"), b"Content-Encoding: deflate"), 200, b"{}"),
    "raw deflate": (ok(zlib.compress(b"{}", wbits=-15), b"Content-Encoding: deflate"), 200, b"{}"),
    "gzip in deflate": (ok(zlib.compress(SMALL), b"Content-Encoding: gzip, deflate"), 200, b'{"data": []}'),
    "identity": (ok(b"{}", b"Content-Encoding: identity"), 200, b"{}"),
    "a line break after the body": (ok() + b"\r\n", 200, b"{}"),
    "a flood of cookies": (ok(b"{}", *(b"Set-Cookie: c%d=%d" % (n, n) for n in range(900))), 200, b"{}"),
    "the same Content-Length twice": (ok(b"{}", b"Content-Length: 2"), 200, b"{}"),
    "a folded header": (ok(b"{}", b"X: a\r\n  b"), 200, b"{}"),
    "Latin-1 in a header": (ok(b"{}", b"X: \xe9"), 200, b"{}"),
    "another charset": (ok("é".encode("utf-16"), b"Content-Type: text/x; charset=none"), 200, "é".encode("utf-16")),
}


# Wrong as a list


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as a hostile server reads it: its number from 0, its path, its query decoded, its whole head.

    ``right`` makes the right answer to it.
    """

    number: int
    path: str
    query: Mapping[str, str]
    head: bytes
    right: Callable[[], bytes]

    @property
    def key(self) -> str:
        """What stands in Authorization."""
        found = [line[15:] for line in self.head.split(b"\r\n") if line.lower().startswith(b"authorization: ")]
        return found[0].decode("latin-1") if found else ""


def read(number: int, head: bytes, right: Right) -> Asked:
    target = head.split(b" ")[1].decode("latin-1")
    path, _, query = target.partition("?")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    decoded = {unquote(name): unquote(value) for name, _, value in pairs}
    return Asked(number, path, decoded, head, lambda: right(number, head))


def item(number: int, **more: object) -> dict[str, object]:
    """A permission; the higher its number, the older it is."""
    usual = {"object": "checkpoint.permission", "id": f"cp_{number:09}", "created_at": 1_700_000_000 - number}
    return {**usual, "project_id": "proj_a", **more}


def page(items: Sequence[object], *, has_more: object = False, **more: object) -> bytes:
    ids = [each.get("id") for each in items if isinstance(each, dict)]
    ends = {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
    return json.dumps({"object": "list", "data": items, "has_more": has_more, **ends, **more}).encode()


def listed(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    return ok(body, *(headers or (JSON,)), status=status)


def always(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> Callable[[Asked], Reply]:
    answer = listed(body, *headers, status=status)
    return lambda _asked: answer


def raw(literal: str, name: str = "created_at") -> Callable[[Asked], Reply]:
    """A page of one permission, one of whose values is written so."""
    return always(page([item(1, **{name: "@"})]).replace(b'"@"', literal.encode("utf-8", "surrogatepass")))


def _number(asked: Asked) -> int:
    """The number of the permission that is the cursor; 0 where there is none, or one that is not ours."""
    after = asked.query.get("after", "")[3:]
    return int(after) if after.isdecimal() else 0


def _following(asked: Asked, size: int) -> list[dict[str, object]]:
    """Permissions after whatever was asked for, without an end."""
    begin = _number(asked) + 1
    return [item(number) for number in range(begin, begin + size)]


def _circle(asked: Asked) -> Reply:
    """Three permissions, each after the one before it, and the first after the last."""
    return listed(page([item((_number(asked) + 1) % 3)], has_more=True))


def _waiting(value: bytes, status: bytes) -> Callable[[Asked], Reply]:
    return always(b"{}", JSON, b"Retry-After: " + value, status=status)


def _to(place: str, status: bytes = b"307 There") -> Callable[[Asked], Reply]:
    return always(b"", b"Location: " + place.encode("latin-1"), status=status)


def _filling(size: int) -> Callable[[Asked], Reply]:
    """Pages without an end that are as large as they may be, and all different."""

    def answer(asked: Asked) -> Reply:
        return listed(page(_following(asked, 10), has_more=True, padding="x" * size + str(asked.number)))

    return answer


def _fresh(size: int) -> Callable[[Asked], Reply]:
    """Pages of so many permissions, none of which was ever shown before."""
    body = page([item(number, id=f"cp_#####{number:05}") for number in range(size)], has_more=True)
    return lambda asked: listed(body.replace(b"#####", b"%05d" % asked.number))


def _dense(asked: Asked) -> Reply:
    """As many empty items as are read, in a body that never came before: the largest in memory for its size."""
    return listed(page([{}] * 49_000, number=asked.number).replace(b", ", b","))


def _headers(asked: Asked) -> Reply:
    """As many headers as a client takes, all different."""
    return listed(page([]), JSON, *(b"X-%d: %s" % (n, b"%d" % (asked.number * 1000 + n)) for n in range(900)))


class Right:
    """The right answer to whatever is asked, as bytes; or that of another behaviour of the embedded server."""

    def __init__(self, dataset: Dataset | None = None, behaviour: Behaviour | None = None) -> None:
        self.dataset = dataset or seeded()
        self._behaviour = behaviour or Behaviour()
        self._behaviour.bind(self.dataset)

    def __call__(self, number: int, head: bytes) -> bytes:
        lines = head.decode("latin-1").split("\r\n")
        path, _, query = lines[0].split(" ")[1].partition("?")
        headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:]))
        answer = asyncio.run(self._behaviour.answer(Request(number + 1, "GET", path, query, headers)))
        named = [f"{name}: {value}".encode("latin-1") for name, value in answer.headers]
        return ok(answer.body, *named, status=b"%d " % answer.status + self.reason(answer.status))

    def reason(self, status: int) -> bytes:
        """The words behind a status."""
        return HTTPStatus(status).phrase.encode("ascii")


def _swapped() -> Callable[[Asked], Reply]:
    """Each request gets the answer to the one before it."""
    before: list[bytes] = []

    def answer(asked: Asked) -> Reply:
        before.append(asked.right())
        return before[-1] if asked.number == 0 else before[-2:][0]

    return answer


Seen = tuple[str, str] | str
"""The clause that is broken and a part of what is said of it, or a part of the sentence with which the run ends."""

LISTS: dict[str, tuple[Callable[[Asked], Reply], Seen]] = {
    # JSON
    "100,000 arrays in each other": (always(b"[" * 100_000 + b"]" * 100_000), ("ENV-001", "200 levels deep")),
    "100,000 objects in each other": (
        always(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        ("ENV-001", "200 levels deep"),
    ),
    "100,000 arrays in an item": (
        raw("[" * 100_000 + "]" * 100_000, "extra"),
        ("ENV-001", "200 levels deep|more than 100000 values"),
    ),
    "an array that is never closed": (always(b"[" * 100_000), ("ENV-001", "200 levels deep")),
    "a number of 10,000 digits": (raw("9" * 10_000), ("ENV-001", "too many digits")),
    "a number of 4,000 digits": (raw("9" * 4000), ("ITM-010", "days ahead")),
    "a number of 10,000 places": (raw("0." + "1" * 10_000), ("ITM-003", "0.1111")),
    "1e400": (raw("1e400"), ("ITM-003", "beyond the range of floats")),
    "-1e999999999": (raw("-1e999999999"), ("ITM-003", "beyond the range of floats")),
    "NaN": (raw("NaN"), ("ENV-001", "NaN is no JSON")),
    "Infinity": (raw("-Infinity"), ("ENV-001", "Infinity is no JSON")),
    "a string of 3 MiB": (always(page([], object="x" * 3 * MEBI)), ("ENV-002", "xxxx")),
    "a million empty items": (
        always(b'{"data":[' + b"{}," * 999_999 + b"{}]}"),
        ("ENV-001", "more than 100000 values"),
    ),
    "a million numbers": (always(b'{"data":[' + b"1," * 999_999 + b"1]}"), ("ENV-001", "more than 100000 values")),
    "a million permissions": (lambda _asked: large(1000, page([item(1)] * 1000)), ("HTP-003", "larger than 4 MiB")),
    "a million keys": (
        always(b"{" + b",".join(b'"%d":0' % n for n in range(300_000)) + b"}"),
        ("ENV-001", "more than 100000 values"),
    ),
    "the same key a million times": (
        always(b"{" + b'"a":0,' * 600_000 + b'"a":0}'),
        ("ENV-001", "more than 100000 values"),
    ),
    "the same long key twice": (always(b"{" + (b'"%s":0,' % (b"k" * MEBI)) * 2 + b'"data":0}'), ("ENV-007", "kkkk")),
    "a million escapes": (always(page([], object="@").replace(b"@", b"\\u0000" * 600_000)), ("ENV-002", "\\u0000")),
    "commas in a string": (always(page([], extra="," * 3 * MEBI)), "as much as is kept"),
    "5,000 permissions on a page": (_fresh(5000), ("PAG-001", "5000 items")),
    "49,000 empty items, always others": (_dense, ("ITM-001", "absent")),
    "a page of words like a stack trace": (
        always(b"at a at a" * 400_000, b"Content-Type: text/plain"),
        ("ENV-001", "at a at a"),
    ),
    "data is an object": (
        always(b'{"object":"list","data":{"0":{}},"has_more":false}'),
        ("ENV-003", "an object of 1 property"),
    ),
    "data is null": (always(b'{"object":"list","data":null,"has_more":false}'), ("ENV-003", "null")),
    "items of every kind but objects": (always(page([1, "a", None, True, 1.5, []])), ("ITM-001", "$.data[0] 1")),
    "null": (always(b"null"), ("ENV-001", "$ null")),
    "two documents": (always(page([]) + page([])), ("ENV-001", "extra data at character")),
    "a script": (always(b"callback(" + page([]) + b")"), ("ENV-001", "callback(")),
    "a page of HTML": (
        always(b"<!doctype html><script>alert(1)</script>", b"Content-Type: text/html"),
        "with 200 and an HTML page",
    ),
    "nothing": (always(b""), ("ENV-001", "the body is empty")),
    # Characters
    "a lone surrogate": (raw('"\\ud800"', "id"), ("FLT-004", "\\ud800")),
    "a lone surrogate as bytes": (raw('"\ud800"', "id"), ("ENV-001", "is not UTF-8")),
    "NUL in an id": (raw('"cp_\\u0000"', "id"), ("FLT-004", "cp_\\x00")),
    "NUL as a byte": (raw('"cp_\0"', "id"), ("ENV-001", "control character")),
    "bytes that are no UTF-8": (always(b'{"object":"\xff\xfe\xfd"}'), ("ENV-001", "byte 11 is not UTF-8")),
    "UTF-16": (always(page([item(1)]).decode().encode("utf-16")), ("ENV-001", "byte 0 is not UTF-8")),
    "UTF-16 without a mark": (
        always(page([item(1)]).decode().encode("utf-16-be")),
        ("ENV-001", "expecting value at character 0"),
    ),
    "UTF-32": (always(page([item(1)]).decode().encode("utf-32")), ("ENV-001", "byte 0 is not UTF-8")),
    "a byte order mark": (always(b"\xef\xbb\xbf" + page([item(1)])), ("ENV-001", "begins with a byte order mark")),
    "a charset of another century": (always(page([item(1)]), JSON + b"; charset=utf-7"), ("HTP-003", "charset=utf-7")),
    "a charset of 9,000 letters": (
        always(page([item(1)]), JSON + b"; charset=" + b"x" * 9000),
        ("HTP-003", "charset=xxx"),
    ),
    "a media type of 90,000 letters": (always(page([item(1)]), b"Content-Type: " + b"x" * 90_000), ("HTP-002", "xxx")),
    "ids of 1 MiB": (
        lambda asked: listed(page([item(asked.number, id=f"{asked.number:0{MEBI}}")], has_more=True)),
        "as much as is kept",
    ),
    "projects of 1 MiB": (always(page([item(1, project_id="p" * MEBI), item(2)])), ("PAG-010", "cp_000000002")),
    "ids of nothing": (always(page([item(1, id=""), item(2, id=" ")])), ("ITM-007", "is an empty string")),
    # Numbers that calendars fear
    "the year 300,000,000,000": (
        always(page([item(1, created_at=10**19), item(2, created_at=-(10**19))])),
        ("ITM-009", "-10000000000000000000"),
    ),
    # Walks without an end
    "the same page again and again": (always(page([item(1), item(2)], has_more=True)), ("PAG-010", "cp_000000002")),
    "new permissions for ever": (
        lambda asked: listed(page(_following(asked, 10), has_more=True)),
        ("PAG-001", "10 items"),
    ),
    "one new permission at a time": (
        lambda asked: listed(page(_following(asked, 1), has_more=True)),
        "or does not end",
    ),
    "empty pages and always more": (always(page([], has_more=True)), ("PAG-016", "has_more true")),
    "round in a circle": (_circle, "a cursor comes back"),
    "other permissions each time": (_fresh(10), ("PAG-001", "10 items")),
    "pages of 3 MiB": (_filling(3 * MEBI), "as much as is kept"),
    # Headers and statuses
    "900 headers, always others": (_headers, ("SEC-001", "status 200")),
    "status 999": (always(b"{}", status=b"999 What"), "answers every request for the list with 999"),
    "no content": (always(b"", status=b"204 No Content"), "answers every request for the list with 204"),
    "errors of 3 MiB": (
        always(b"<b>" * MEBI, b"Content-Type: text/html", status=b"500 Oops"),
        "answers every request for the list with 500",
    ),
    "401 with a list": (always(page([item(1)]), status=b"401 No"), "refuses the admin key with 401"),
    "404 with a list": (always(page([item(1)]), status=b"404 No"), "does not know the checkpoint"),
    "Retry-After of a year": (
        _waiting(b"31536000", b"429 Slow"),
        "429 that asks to wait for 3.1536e+07 s, which is too long",
    ),
    "Retry-After of a year, unavailable": (
        _waiting(b"31536000", b"503 Busy"),
        "answers every request for the list with 503",
    ),
    "a negative Retry-After": (_waiting(b"-1", b"429 Slow"), "still 429 after 4 waits of 0 s"),
    "Retry-After in the past": (
        _waiting(b"Sat, 01 Jan 2000 00:00:00 GMT", b"503 Busy"),
        "answers every request for the list with 503",
    ),
    "Retry-After of 5,000 digits": (_waiting(b"9" * 5000, b"503 Busy"), "answers every request for the list with 503"),
    "429 for ever": (always(b"{}", status=b"429 Slow"), "still 429 after|the run may take"),
    "a redirect to itself": (lambda asked: _to(asked.path)(asked), "in a circle"),
    "a redirect to ever new places": (
        lambda asked: _to(f"{asked.path}?{asked.number}")(asked),
        "more than 5 redirects",
    ),
    "a redirect to another port": (_to("http://127.0.0.1:{other}/v1/x"), "to another origin"),
    "a redirect to another name": (_to("http://localhost:{other}/v1/x"), "to another origin"),
    "a redirect with a user": (
        _to("http://me:word@127.0.0.1:{other}/v1/x"),
        "with a user in it: 'http://…@",
    ),
    "a redirect to a file": (_to("file:///etc/passwd"), "no http(s) URL"),
    "a redirect to a script": (_to("javascript:alert(1)"), "no http(s) URL"),
    "a redirect to half an address": (_to("http://[::1"), "no http(s) URL"),
    "a redirect of 90,000 letters": (_to("http://x.invalid/" + "y" * 90_000), "to another origin"),
    # Answers to other questions
    "the answer to the request before": (_swapped(), ("PAG-001", "items")),
}


class Host(Target):
    """A server that is hostile when it wants to be, and right otherwise.

    Args:
        answer: The hostile answer to a request; ``{other}`` in it is the port of `other`.
        when: To which of them it is given.
        right: What answers the others.
    """

    def __init__(
        self, answer: Callable[[Asked], Reply], when: Callable[[Asked], bool], right: Right | None = None
    ) -> None:
        super().__init__()
        self.right = right or Right()
        self.other = Target(ok())
        """Another server, which nothing should lead to."""
        self._answer, self._when = answer, when

    def __enter__(self) -> Self:
        self.other.__enter__()
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.other.__exit__()

    def reply(self, number: int, head: bytes) -> Reply:
        asked = read(number, head, self.right)
        if not self._when(asked):
            return asked.right()
        reply = self._answer(asked)
        return reply.replace(b"{other}", b"%d" % self.other.port) if isinstance(reply, bytes) else reply


WHEN: dict[str, Callable[[Asked], bool]] = {
    "always": lambda _asked: True,
    "in mid-run": lambda asked: asked.number >= 20,
    "now and then": lambda asked: asked.number % 25 == 24,
    "for one project": lambda asked: "project_id" in asked.query,
}
"""To which requests a host is hostile."""


class Doorkeeper(Host):
    """A server that does something as soon as a connection is there, whatever is asked then.

    Args:
        greeting: What it does.
        scheme: How its base URL begins.
    """

    def __init__(self, greeting: Reply, scheme: str = "http", right: Right | None = None) -> None:
        super().__init__(lambda _asked: b"", WHEN["always"], right)
        self._greeting, self._scheme = greeting, scheme

    @property
    def base_url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/v1"

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError, ClosedError):
            if isinstance(self._greeting, bytes):
                sock.sendall(self._greeting)
                sock.recv(1)
            else:
                self._greeting(sock)


class Deaf(Doorkeeper):
    """A server that accepts no connection: clients wait for ever."""

    def _accept(self) -> None:
        pass


class Leaving(Host):
    """A server that is right twenty times, and gone then."""

    def __init__(self, right: Right | None = None) -> None:
        super().__init__(self._gone, WHEN["in mid-run"], right)

    def _gone(self, _asked: Asked) -> Reply:
        self.stop_listening()
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        return ending()


EARLY = listed(page([item(1)]))

DOORS: dict[str, tuple[Callable[[Right], Host], Seen]] = {
    "an answer before the request": (lambda right: Doorkeeper(EARLY, right=right), ("PAG-010", "cp_000000001")),
    "answers before the requests": (lambda right: Doorkeeper(EARLY * 50, right=right), ("PAG-010", "cp_000000001")),
    "silence before the request": (
        lambda right: Doorkeeper(waiting(b""), right=right),
        "answers no request: the connection broke before an answer came",
    ),
    "no connection is accepted": (lambda right: Deaf(b"", right=right), "gives no answer: no answer within"),
    "half a TLS handshake": (
        lambda right: Doorkeeper(b"\x16\x03\x03\x00\x50\x02", "https", right),
        "can't be reached: no TLS",
    ),
    "a TLS handshake a byte at a time": (
        lambda right: Doorkeeper(dripping(b"\x16\x03\x03\x40\x00\x02", b"\0", 0.02), "https", right),
        "can't be reached: no TLS handshake within",
    ),
    "no TLS": (lambda right: Doorkeeper(b"HTTP/1.1 400 Bad\r\n\r\n", "https", right), "can't be reached: no TLS"),
    "closed before TLS": (lambda right: Doorkeeper(ending(), "https", right), "can't be reached: no TLS"),
    "gone in mid-run": (Leaving, "went away"),
}
"""What happens to the connection itself, and what is said of it."""


# Texts that want to be more than texts

PAYLOADS = (
    *(
        "\x1b[31m\x1b[2J",
        "\x1b]8;;https://evil.example\x07x\x1b]8;;\x07",
        "\x1b]52;c;cHduZWQ=\x07",
        "\x9b31m\x9d0;x\x9c",
    ),
    *("\x1bP1;1|17/ab\x1b\\", "\u202egpj.exe\u202c\u2066x\u2069", "\u200b\ufeff\u2028\u2029\x85", "a\x08\x08b\rc"),
    *("::error::owned", "\n::error file=x::owned", "\r\n##[group]x", "##vso[task.setvariable variable=x]y"),
    *("\n::set-output name=x::y", "%0A::error::z", "::add-mask::x", "\n::stop-commands::x", "\n  ::debug::x"),
    *("\x01\x0b\x1f\x7f", "\ufffe\uffff", "]]>", "<!--", "<![CDATA[", "&lt;&#0;&x;"),
    *("<script>alert(1)</script>", "javascript:alert(1)", "<img src=x onerror=alert(1)>", "'\"><svg/onload=alert(1)>"),
    *("[x](javascript:alert(1))", "![x](https://evil.example/x)", "<https://evil.example>", "| a | b |\n|---|---|"),
    *("\n```\n", "\n~~~\n", "\n# h\n- [x] y\n> z\n1. a", "*a* _b_ ~c~ $d$", "@everyone #1 www.evil.example"),
    *(
        "`touch pwned`",
        "$(touch pwned)",
        "'; touch pwned; '",
        '"; touch pwned; "',
        "\\'; touch pwned #",
        "$IFS&&touch$IFS",
    ),
    *(
        "| touch pwned",
        "\ntouch pwned\n",
        "!!",
        "~",
        "*",
        "{a,b}[1-3]",
        "a\\",
        "%",
        "%%s%n{0}",
        "+&=?#/../",
        "{{7*7}}{%x%}",
    ),
)
"""What terminals, pipelines, browsers, shells and readers of Markdown and XML would act on."""

_IN_HEADERS = "".join(each for text in PAYLOADS for each in text if each.isprintable() or each in "\x9b\x9d\x9c\x85")
_IN_A_HEADER = _IN_HEADERS.encode("latin-1", "ignore")


class Injecting(Right):
    """A server whose ids, projects, errors, headers and reasons are payloads, and whose `has_more` is wrong."""

    CHECKPOINT = "ft:'; touch pwned; '`touch pwned`$(touch pwned)\\\"<script>a</script>|[x](javascript:a)::error::x"

    def __init__(self, admin_key: str, user_key: str) -> None:
        def permission(number: int, _rng: Random) -> str:
            return f"cp_{number}{PAYLOADS[number % len(PAYLOADS)]}"

        def project(number: int, _rng: Random) -> str:
            return f"proj_{number}{''.join(PAYLOADS[number::3])}"

        data = seeded(permission_form=permission, project_form=project, checkpoint=self.CHECKPOINT)
        super().__init__(replace(data, admin_key=admin_key, user_key=user_key), _Loud())

    def reason(self, status: int) -> bytes:
        return b"%d" % status + _IN_A_HEADER


class _Loud(Behaviour):
    """Payloads wherever the right server has words of its own."""

    def has_more(self, items: Sequence[Permission], rest: Sequence[Permission], asked: AskedOfServer, /) -> object:
        del rest
        return len(items) == asked.limit

    def error_body(self, _request: Request, refused: Refused, /) -> bytes:
        text = "".join(PAYLOADS)
        error = {"message": text, "type": text, "param": refused.param, "code": text, text: text}
        return json.dumps({"error": error}).encode()

    def headers(self, body: bytes, asked: AskedOfServer, /) -> Headers:
        loud = [(f"X-{number}", _IN_HEADERS[number:]) for number in range(3)]
        safe = [(name, value.encode("latin-1", "ignore").decode("latin-1").strip()) for name, value in loud]
        return [*super().headers(body, asked), *safe]


LOUD: tuple[Reply, ...] = (
    *(ending(b"HTTP/1.1 200 " + text.encode() + b"\r\n\r\n") for text in PAYLOADS[:12]),
    *(ending(text.encode() + b"\r\n\r\n") for text in PAYLOADS[:12]),
    *(ok(b"{}", b"X-" + text.encode() + b": x") for text in PAYLOADS[:6]),
    ok(b"x", b"Content-Encoding: " + _IN_A_HEADER),
    ok(b"x", b"Content-Type: " + _IN_A_HEADER),
    ok(b"x", JSON + b"; charset=" + _IN_A_HEADER.replace(b";", b"")),
    ok(b"x", b"Location: " + _IN_A_HEADER, status=b"307 There"),
    ok(b"x", b"Retry-After: " + _IN_A_HEADER, status=b"503 Busy"),
    listed(b"".join(text.encode() for text in PAYLOADS)),
    listed(page([{text: text} for text in PAYLOADS], **dict.fromkeys(PAYLOADS, 1))),
    listed(page([item(1, **dict.fromkeys(PAYLOADS, 1)), item(2, created_at="".join(PAYLOADS))])),
    listed(b'{"' + b"a\\u001b" * 9 + b'": 1, "' + b"a\\u001b" * 9 + b'": 1}'),
)
"""Answers that are wrong, and say so in payloads."""
