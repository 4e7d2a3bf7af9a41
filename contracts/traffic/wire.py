"""One GET over one connection: the only module that writes requests to sockets.

HTTP/1.1 is parsed by h11, as in the official Python client, so what is garbled here is garbled there. The sockets are
our own because each answer has one deadline: client libraries only limit the pause between two bytes, so a server that
sends a byte a second holds them for days.
"""

from __future__ import annotations

import re
import selectors
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final, NoReturn

import h11

from contracts.core.model import FailureKind
from contracts.traffic.connecting import (
    UnreachableError,
    printable,
    reason,
    refused_certificate,
)
from contracts.traffic.decoding import Decoder, TooLargeError, UndecodableError
from contracts.traffic.limits import Limits

if TYPE_CHECKING:
    from contracts.traffic.connecting import Stream

_READ = 65536
SPARE: Final = 4096
"""Bytes that are read beyond the kept part of a body, so that a key at its end is found completely."""
_VERSIONS: Final = ("1.0", "1.1")
_GET = re.compile(rb"GET (?:http://[^/ ]+)?/[!-~]* HTTP/1\.1\r\n(?:[!#-'*+.0-9A-Z^-z|~-]+:[^\r\n]*\r\n)+\r\n")


_OF_H11: Final = (
    (re.compile(r".*_SWITCH_UPGRADE.*"), "it switches to another protocol, which was not asked for"),
    (re.compile(r"Receive buffer too long"), "its head is too long"),
    (re.compile(r".*status_code should be in range .* not (\d+)"), r"the status is \1"),
    (re.compile(r"can't handle event type .*"), "its parts come in no order of HTTP"),
    (re.compile(r"malformed chunk footer: (.*) \(expected .*\)"), r"a chunk ends in \1 and not in a line break"),
)
"""What h11 says in words of its own, and what is said in their place."""
_BYTES: Final = re.compile(r"bytearray\(b('[^']*'|\"[^\"]*\")\)|\bb(?=['\"])")


def _garbled(error: Exception) -> str:
    """What is wrong with an answer that is no HTTP."""
    text = _BYTES.sub(lambda match: match[1] or "", str(error))
    for form, instead in _OF_H11:
        text = form.sub(instead, text)
    return printable(text)


class AnswerError(Exception):
    """No usable answer came.

    ``retryable`` says that a retry makes sense, because the connection is to blame; ``stale`` that an idle connection
    was used, on which the server sent nothing; ``refused`` that the target's host refused the connection;
    ``turned_away`` that a proxy took the request, and did not pass it on.
    """

    def __init__(
        self,
        kind: FailureKind,
        text: str,
        *,
        retryable: bool = False,
        stale: bool = False,
        refused: bool = False,
        turned_away: bool = False,
    ) -> None:
        super().__init__(text)
        self.turned_away = turned_away
        self.kind = kind
        self.text = text
        self.retryable = retryable
        self.stale = stale
        self.refused = refused


class FenceError(Exception):
    """Something other than one GET was about to be sent: a defect of this suite."""


@dataclass(frozen=True, slots=True, repr=False)
class Raw:
    """An answer as it came. It may contain keys, so it must not be kept."""

    status: int
    reason: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    flaw: str | None
    cut: bool
    """The connection broke inside the body: a retry makes sense."""
    trimmed: bool = False
    """The body is the beginning of a longer one, with `SPARE` bytes more than are to be kept."""
    late: bool = False
    """The deadline passed before its end."""
    connection: int = 0
    """The number of its connection, counted from 1."""


class _LateError(Exception):
    """The deadline of this answer has passed."""


_ASKED: Final = h11.Request(method="GET", target="/", headers=[("Host", "target")])
_OVER: Final = h11.EndOfMessage()


class Connection:
    """One connection, used for one GET after another. Not safe to use from several threads, but for `interrupt`."""

    def __init__(self, sock: Stream, limits: Limits, number: int = 1) -> None:
        self.sock = sock
        self.number = number
        self.limits = limits
        self.parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=limits.head)
        self.used = False
        self.callers: set[str] = set()
        """The callers that used it."""
        self.arrived = 0
        self.start = b""
        self.ended = False

    def get(self, head: bytes, deadline: float) -> Raw:
        """Send one request head and read its answer.

        Raises:
            AnswerError: No usable answer came.
        """
        self.arrived, self.start = 0, b""
        # The parser is given a GET without credentials: it never sees them.
        self.parser.send(_ASKED)
        self.parser.send(_OVER)
        try:
            self._write(head)
            response = self._head(deadline)
            return self._body(response, deadline)
        except h11.RemoteProtocolError as error:
            if self.ended and self._like_http():
                self._cut("the connection was closed before an answer came")
            text = "what came is not HTTP" if self.ended else _garbled(error)
            raise AnswerError(FailureKind.GARBLED, text) from None
        except _LateError:
            raise AnswerError(FailureKind.TIMEOUT, f"no answer within {self.limits.answer:g} s") from None
        except TimeoutError:
            raise AnswerError(FailureKind.TIMEOUT, f"nothing came for {self.limits.read:g} s", retryable=True) from None
        except OSError as error:
            if isinstance(error, ssl.SSLError) and not self.arrived and (said := refused_certificate(error)):
                raise UnreachableError(said, retryable=False) from None
            self._cut(f"the connection broke before an answer came ({reason(error)})")

    def _cut(self, text: str) -> NoReturn:
        raise AnswerError(FailureKind.CUT, text, retryable=True, stale=self.used and not self.arrived) from None

    def _write(self, head: bytes) -> None:
        if not _GET.fullmatch(head):
            raise FenceError("only a GET without a body is sent")
        self.sock.settimeout(self.limits.read)
        # A server may answer and close before it has read everything: what it said still counts.
        with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            self.sock.sendall(head)

    def _like_http(self) -> bool:
        """Whether what came may be the beginning of an answer."""
        return b"HTTP/".startswith(self.start)

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise _LateError
        self.sock.settimeout(min(self.limits.read, left))
        try:
            data = bytes(self.sock.recv(_READ) or b"")
        except TimeoutError:
            if deadline - time.monotonic() <= 0:
                raise _LateError from None
            raise
        if not data:
            self.ended = True
        else:
            self.start = (self.start + data)[:5]
        self.arrived += len(data)
        self.parser.receive_data(data)

    def _head(self, deadline: float) -> h11.Response:
        while True:
            event = self.parser.next_event()
            if isinstance(event, h11.Response):
                if len(event.headers) > self.limits.fields:
                    msg = f"{len(event.headers)} headers, which is more than {self.limits.fields}"
                    raise AnswerError(FailureKind.GARBLED, msg)
                return event
            if event is h11.NEED_DATA:
                if self.ended:
                    if not self._like_http():
                        raise AnswerError(FailureKind.GARBLED, "what came is not HTTP")
                    self._cut("the connection was closed before an answer came")
                self._receive(deadline)
            elif isinstance(event, h11.ConnectionClosed):
                self._cut("the connection was closed before an answer came")
            elif time.monotonic() > deadline:
                raise _LateError

    def _body(self, response: h11.Response, deadline: float) -> Raw:
        headers = tuple(response.headers.raw_items())
        body = BytesIO()
        flaw: str | None = None
        cut = late = trimmed = False
        try:
            self._read(headers, body, deadline)
        except UndecodableError as error:
            flaw = str(error)
        except TooLargeError:
            flaw, trimmed = f"larger than {_size(self.limits.body)}", True
            body.truncate(self.limits.kept + SPARE)
        except _LateError:
            flaw = f"did not end within {self.limits.answer:g} s"
            late = trimmed = True
            body.truncate(self.limits.kept + SPARE)
        except TimeoutError:
            late = True
            flaw, cut = f"{self._short(headers, body)}: nothing more came for {self.limits.read:g} s", True
        except OSError as error:
            flaw, cut = f"{self._short(headers, body)}: the connection broke ({reason(error)})", True
        except h11.RemoteProtocolError as error:
            if not self.ended:
                raise AnswerError(
                    FailureKind.GARBLED,
                    f"the body of the answer ({response.status_code}) is garbled: {_garbled(error)}",
                ) from None
            flaw, cut = f"{self._short(headers, body)}: the connection was closed", True
        else:
            version = response.http_version.decode("ascii")
            extra = self.parser.trailing_data[0]
            if version not in _VERSIONS:
                flaw = f"the status line says HTTP/{version} on a connection of HTTP/1.1"
            elif extra.strip(b"\r\n"):
                flaw = f"followed by {len(extra)} bytes more than its framing says"
            elif not extra and not self.ended and self.parser.their_state is h11.DONE is self.parser.our_state:
                self.parser.start_next_cycle()
                self.used = True
                return Raw(response.status_code, response.reason, headers, body.getvalue(), None, cut=False)
        self.close()
        return Raw(
            response.status_code, response.reason, headers, body.getvalue(), flaw, cut=cut, trimmed=trimmed, late=late
        )

    def _read(self, headers: tuple[tuple[bytes, bytes], ...], body: BytesIO, deadline: float) -> None:
        coding = b",".join(value for name, value in headers if name.lower() == b"content-encoding")
        decoder = Decoder(coding.decode("latin-1"), self.limits.body) if coding else None
        most = self.limits.body
        received = 0
        while True:
            event = self.parser.next_event()
            if event is h11.NEED_DATA:
                self._receive(deadline)
            elif isinstance(event, h11.Data):
                received += len(event.data)
                if decoder is None:
                    body.write(event.data)
                else:
                    body.writelines(decoder.feed(bytes(event.data)))
                if received > most or body.tell() > most:
                    raise TooLargeError
                if time.monotonic() > deadline:
                    raise _LateError
            else:
                if decoder is not None:
                    decoder.end()
                return

    def _short(self, headers: tuple[tuple[bytes, bytes], ...], body: BytesIO) -> str:
        length = next((value for name, value in headers if name.lower() == b"content-length"), None)
        promised = "" if length is None else f" (Content-Length {printable(length.decode('latin-1'))})"
        return f"cut short after {body.tell()} bytes{promised}"

    def silent(self) -> bool:
        """Whether nothing has come since the last answer; otherwise it is closed, or not in step any more."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, selectors.EVENT_READ)
            return not selector.select(0)

    @property
    def open(self) -> bool:
        """Whether it can be used for another request."""
        return self.sock.fileno() >= 0

    def interrupt(self) -> None:
        """Ends a read that another thread waits in."""
        with suppress(OSError):
            sock = self.sock
            (sock if isinstance(sock, socket.socket) else sock.socket).shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        with suppress(OSError):
            self.sock.close()


def _size(count: int) -> str:
    mebi = 1024 * 1024
    return f"{count // mebi} MiB" if count % mebi == 0 else f"{count} bytes"
