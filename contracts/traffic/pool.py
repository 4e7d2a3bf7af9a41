"""The connections to a target, kept for the next request; what stands in the head of a request."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from itertools import count
from typing import Final

from contracts.core.model import FailureKind, Request
from contracts.traffic.connecting import (
    Connector,
    UnreachableError,
    header_lines,
)
from contracts.traffic.decoding import CODINGS
from contracts.traffic.keys import Secret
from contracts.traffic.limits import Limits
from contracts.traffic.origin import Origin
from contracts.traffic.route import STRAIGHT, Route
from contracts.traffic.wire import AnswerError, Connection, FenceError, Raw

REVALIDATE: Final = ("Cache-Control", "no-cache")
"""Makes a conforming cache revalidate its stored answer (RFC 9111 §5.2.1.4)."""
_TARGET = re.compile(r"/[!-~]*")


class Pool:
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
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
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

    def _take(self, deadline: float, request: Request, *, new: bool) -> Connection:
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

    def _kept_for(self, caller: str, *, shared: bool) -> Connection | None:
        """The connection used last of those on which this caller may ask."""
        return next((each for each in reversed(self._idle) if bool(each.callers - {caller}) is shared), None)

    def _open(self, deadline: float) -> Connection:
        allowed = max(0.001, min(self.limits.connect, deadline - time.monotonic()))
        try:
            stream = self._connector.open(allowed)
        except UnreachableError as error:
            raise self._unreachable(error) from None
        return Connection(stream, self.limits, next(self._connections))

    def _unreachable(self, error: UnreachableError) -> AnswerError:
        text = f"{self.origin} is not reachable: {error}"
        return AnswerError(
            FailureKind.UNREACHABLE,
            text,
            retryable=error.retryable,
            refused=error.refused,
            turned_away=error.turned_away,
        )

    def _give(self, connection: Connection) -> None:
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
