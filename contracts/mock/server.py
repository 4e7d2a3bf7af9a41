"""Serves one behaviour over HTTP on this machine, in a thread of this process."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import uvicorn

from contracts.mock.app import BASE_PATH, Behaviour, Request, Response
from contracts.mock.store import Dataset, seeded

_START_SECONDS = 10.0
_LONGEST_HEAD = 1 << 20
_ROUNDS = 3
"""Of the loop, in which an accepted socket is given its transport and its protocol."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Logged:
    """One request as the server's log has it. It never holds a key, wherever that was sent."""

    number: int
    method: str
    path: str
    query: str
    header_names: tuple[str, ...]
    status: int


class Server:
    """A running server; use it in a ``with`` statement, or call `start` and `stop`.

    Args:
        dataset: What it holds; by default `contracts.mock.store.seeded`.
        behaviour: How it answers; by default right. An instance belongs to one server.
        port: Where it listens on 127.0.0.1; 0 picks a free port.
    """

    def __init__(self, dataset: Dataset | None = None, behaviour: Behaviour | None = None, port: int = 0) -> None:
        self.dataset = dataset or seeded()
        self.behaviour = behaviour or Behaviour()
        self.behaviour.bind(self.dataset)
        self.log: list[Logged] = []
        self.crashes: list[Exception] = []
        """What `behaviour` raised instead of answering: always a mistake of this package."""
        self._port = port
        self._count = 0
        self._loop: _Loop | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """Where the API begins: what a client is configured with."""
        return f"http://127.0.0.1:{self._port}{BASE_PATH}"

    def start(self) -> Self:
        """Begins to listen; returns when requests are answered.

        Raises:
            OSError: If the port is taken.
            RuntimeError: If it runs already, or does not come up.
        """
        if self._thread:
            raise RuntimeError("The server is running already.")
        self.behaviour.prepare()
        # Without IPPROTO_TCP asyncio leaves Nagle's algorithm on, and each kept-alive answer is 40 ms late.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._port))
        except OSError:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        self._loop = _Loop(self._answer)
        self._thread = threading.Thread(target=self._loop.run, args=([listener],), name="contracts-mock", daemon=True)
        self._thread.start()
        if not self._loop.ready.wait(_START_SECONDS):
            raise RuntimeError("The embedded server did not come up.")
        return self

    def stop(self) -> None:
        """Stops at once, without waiting for answers that are under way; has no effect if it does not run."""
        if self._loop and self._thread:
            self._loop.end()
            self._thread.join()
        self._loop = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _answer(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self._count += 1
        request = Request(
            number=self._count,
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
            connection=scope["client"][1],
        )
        try:
            response = await self.behaviour.answer(request)
        except Exception as error:
            self.crashes.append(error)
            raise
        self.log.append(self._logged(request, response.status))
        names = {name.lower() for name, _ in response.headers}
        headers = list(response.headers)
        if response.chunks is None and "content-length" not in names and "transfer-encoding" not in names:
            headers.append(("Content-Length", str(len(response.body))))
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": response.status, "headers": raw})
        for piece in _pieces(response):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if response.cut is None:
            await send({"type": "http.response.body", "body": b""})
        # Without the closing message uvicorn ends the connection: that is how a body is cut.

    def _logged(self, request: Request, status: int) -> Logged:
        path, query = request.path, request.query
        for key in (self.dataset.admin_key, self.dataset.user_key):
            path, query = path.replace(key, "[key]"), query.replace(key, "[key]")
        names = tuple(name for name, _ in request.headers)
        return Logged(request.number, request.method, path, query, names, status)


def _pieces(response: Response) -> Iterator[bytes]:
    body = response.body if response.cut is None else response.body[: response.cut]
    step = response.chunks or len(body) or 1
    for start in range(0, len(body), step):
        yield body[start : start + step]


class _Loop(uvicorn.Server):
    """uvicorn with events for its start and its end, where it polls every 0.1 seconds."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                proxy_headers=False,
                http="h11",
                loop="asyncio",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=logging.CRITICAL + 1,
                access_log=False,
                h11_max_incomplete_event_size=_LONGEST_HEAD,
            )
        )
        self.ready = threading.Event()

    def end(self) -> None:
        """Asks the loop to end, from any thread."""
        with suppress(RuntimeError):  # it ended by itself
            self._running.call_soon_threadsafe(self._ending.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._running = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # What was accepted a moment ago becomes a connection only in the next rounds of the loop, and in
        # Python 3.11 none any more, and is never closed, once its server is.
        for listener in sockets or []:
            self._running.remove_reader(listener)
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for task in list(self.server_state.tasks):
            task.cancel()
        for connection in list(self.server_state.connections):
            connection.shutdown()
