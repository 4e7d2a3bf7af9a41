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
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import count
from typing import TYPE_CHECKING, Final, NoReturn

import h11

from contracts.core.model import FailureKind, Request
from contracts.traffic.connecting import (
    Connector,
    UnreachableError,
    header_lines,
    printable,
    reason,
    refused_certificate,
)
from contracts.traffic.decoding import CODINGS, Decoder, TooLargeError, UndecodableError
from contracts.traffic.keys import Secret
from contracts.traffic.limits import Limits
from contracts.traffic.origin import Origin
from contracts.traffic.route import STRAIGHT, Route

if TYPE_CHECKING:
    from contracts.traffic.connecting import Stream

_READ = 65536
SPARE: Final = 4096
"""Bytes that are read beyond the kept part of a body, so that a key at its end is found completely."""
REVALIDATE: Final = ("Cache-Control", "no-cache")
"""Makes a conforming cache revalidate its stored answer (RFC 9111 §5.2.1.4)."""
_VERSIONS: Final = ("1.0", "1.1")
_TARGET = re.compile(r"/[!-~]*")
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


class _Connection:
    """One connection, used for one GET after another."""

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
        return self.sock.fileno() >= 0

    def interrupt(self) -> None:
        """Ends a read that another thread waits in."""
        with suppress(OSError):
            sock = self.sock
            (sock if isinstance(sock, socket.socket) else sock.socket).shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self.sock.close()


class Wire:
    """Connections to one origin, at most as many at once as are asked for, kept for the next request.

    Args:
        origin: Where to connect to.
        limits: What one answer may take.
        agent: The value of User-Agent.
        route: What stands between.
        key_header: The header that carries the key by itself, where it is not Authorization.

    Raises:
        ConfigurationError: The route can't be used.
    """

    def __init__(
        self, origin: Origin, *, limits: Limits, agent: str, route: Route = STRAIGHT, key_header: str = ""
    ) -> None:
        self.origin = origin
        self.limits = limits
        self._route = route
        self._key_header = key_header
        self._connector = Connector(origin, route)
        self._proxy_head = header_lines(self._connector.headers)
        self._head = (
            f" HTTP/1.1\r\nHost: {origin.authority}\r\nAccept-Encoding: {', '.join(CODINGS)}\r\nUser-Agent: {agent}\r\n"
        ).encode("ascii")
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._closed = False
        self._connections = count(1)

    def get(
        self,
        target: str,
        request: Request,
        authorization: Secret | None,
        deadline: float,
        *,
        new: bool = False,
    ) -> Raw:
        """Sends one GET and reads the answer.

        Args:
            target: Path and query, sent byte for byte.
            request: Says who asks (the admin, or another caller), what of caches, and on whose connection.
            authorization: The value of the Authorization header.
            deadline: When the answer must have come, on the clock of `time.monotonic`.
            new: Whether to ask on a new connection, whichever are kept.

        Raises:
            AnswerError: No usable answer came.
        """
        connection = self._take(deadline, request, new=new)
        try:
            raw = connection.get(self._head_of(target, request, authorization), deadline)
            self._connector.check(raw.status)
            return replace(raw, connection=connection.number)
        except UnreachableError as error:
            connection.close()
            raise self._unreachable(error) from None
        except BaseException as error:  # noqa: BLE001 - raised again, also when it is an interrupt
            connection.close()
            # The frames below hold the bytes that were sent.
            raise error.with_traceback(None) from None
        finally:
            self._give(connection)

    def _head_of(self, target: str, request: Request, authorization: Secret | None) -> bytes:
        if not _TARGET.fullmatch(target):
            msg = f"a target is printable ASCII without spaces and begins with a slash, not {target!r:.80}"
            raise FenceError(msg)
        head = b"GET " + self._connector.prefix + target.encode("ascii") + self._head + self._proxy_head
        for header in self._route.headers:
            head += f"{header.name}: {header.value.reveal()}\r\n".encode("latin-1")
        if request.accept is not None:
            head += b"Accept: " + request.accept.encode("ascii") + b"\r\n"
        if request.fresh:
            head += ": ".join(REVALIDATE).encode("ascii") + b"\r\n"
        if authorization is not None:
            name, value = "Authorization", authorization.reveal()
            if self._key_header:
                name, value = self._key_header, value.removeprefix("Bearer ")
            head += f"{name}: {value}\r\n".encode("latin-1")
        return head + b"\r\n"

    def _take(self, deadline: float, request: Request, *, new: bool) -> _Connection:
        caller = "admin" if request.credential == "admin" else "others"
        while True:
            with self._lock:
                if self._closed:
                    raise AnswerError(FailureKind.CUT, "the client was closed")
                connection = None if new else self._kept_for(caller, shared=request.shared)
                if connection is not None:
                    self._idle.remove(connection)
                    self._busy.add(connection)
            if connection is None:
                break
            if connection.silent():
                connection.callers.add(caller)
                return connection
            connection.close()
            self._give(connection)
        connection = self._open(deadline)
        connection.callers.add(caller)
        with self._lock:
            self._busy.add(connection)
        return connection

    def _kept_for(self, caller: str, *, shared: bool) -> _Connection | None:
        """The connection used last of those on which this caller may ask."""
        return next((each for each in reversed(self._idle) if bool(each.callers - {caller}) is shared), None)

    def _open(self, deadline: float) -> _Connection:
        allowed = max(0.001, min(self.limits.connect, deadline - time.monotonic()))
        try:
            stream = self._connector.open(allowed)
        except UnreachableError as error:
            raise self._unreachable(error) from None
        return _Connection(stream, self.limits, next(self._connections))

    def _unreachable(self, error: UnreachableError) -> AnswerError:
        text = f"{self.origin} is not reachable: {error}"
        return AnswerError(
            FailureKind.UNREACHABLE,
            text,
            retryable=error.retryable,
            refused=error.refused,
            turned_away=error.turned_away,
        )

    def _give(self, connection: _Connection) -> None:
        with self._lock:
            self._busy.discard(connection)
            if connection.open and not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def connect_once(self) -> None:
        """Open a connection for the next request, without sending anything.

        Raises:
            AnswerError: The target can't be connected to.
        """
        connection = self._open(time.monotonic() + self.limits.connect)
        with self._lock:
            self._busy.add(connection)
        self._give(connection)

    def drop(self) -> None:
        """Close all idle connections, so that the next request opens a new one."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Closes everything, also under the hands of other threads."""
        with self._lock:
            self._closed = True
            busy = tuple(self._busy)
        self.drop()
        for connection in busy:
            connection.interrupt()


def _size(count: int) -> str:
    mebi = 1024 * 1024
    return f"{count // mebi} MiB" if count % mebi == 0 else f"{count} bytes"
