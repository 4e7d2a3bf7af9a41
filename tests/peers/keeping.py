"""Runs a server that is not ours, and restarts it when it ends, as a cluster would."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

START_SECONDS = 600.0
_CHUNK = 1 << 16


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Served:
    """One server process on 127.0.0.1, ended with all that it started.

    Args:
        command: What runs it on a given port.
        log: The file that takes what it says.
        environ: What it needs in its environment beside what is there.
    """

    def __init__(
        self, command: Callable[[int], Sequence[str]], log: Path, environ: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.port = free_port()
        self.starts = 0
        self._command = command(self.port)
        self._log = log
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self._log.open("ab") as log:
            # In a session of its own, so that the end reaches what the launchers of npm start.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | self._environ,
                cwd=self._log.parent,
            )
        self.starts += 1

    def __enter__(self) -> Self:
        self.start()
        try:
            asyncio.run(self.connected())
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def ask_to_end(self, number: signal.Signals) -> None:
        """Send it a signal, and return when it has ended by itself."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_SECONDS)

    async def connected(self) -> None:
        """Returns when it takes connections."""
        async with asyncio.timeout(START_SECONDS):
            while True:
                if not self.alive:
                    raise RuntimeError(f"{self._command[0]} ended: {self._log.read_text(encoding='utf-8')[-2000:]}")
                with suppress(ConnectionRefusedError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)


class Kept:
    """An address in front of a server: connections are held back while the server is started again.

    A death of the server ends the connections that it had; the next ones wait until it is there again.
    """

    def __init__(self, served: Served) -> None:
        self.served = served
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(START_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await self._reach()
            try:
                pumps = [
                    asyncio.create_task(self._pump(reader, inner_writer)),
                    asyncio.create_task(self._pump(inner_reader, writer)),
                ]
                # Whichever side closes first, closes both.
                _, pending = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for task in pending:
                    task.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
            finally:
                inner_writer.close()
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while True:
            with suppress(ConnectionError):
                return await asyncio.open_connection("127.0.0.1", self.served.port)
            if not self.served.alive:
                self.served.start()
            await self.served.connected()

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                writer.write(chunk)
                await writer.drain()
