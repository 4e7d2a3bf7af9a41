"""A network that tests control: it stands before a server, and does what networks do to some of the requests.

Which requests, what is done to them and at which moment is drawn from a seed and the number of the request alone.
Answers are read whole before any of them is passed on, so each stage is met exactly.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit

_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSING = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_LONGEST_HEAD = 1 << 20
_SLICED = 256
"""Bytes at the beginning of an answer that are sent in the smallest slices."""


class Kind(StrEnum):
    """What a network does to a request."""

    LATENCY = "latency"
    JITTER = "jitter"
    BANDWIDTH = "bandwidth"
    SLICING = "slicing"
    RESET = "reset"
    CLOSED = "closed"
    SILENCE = "silence"

    @property
    def loses(self) -> bool:
        """Whether the answer does not arrive whole."""
        return self in {Kind.RESET, Kind.CLOSED, Kind.SILENCE}


class Stage(StrEnum):
    """How far a request comes before the network fails it."""

    CONNECTED = "connected"
    ASKING = "asking"
    ASKED = "asked"
    HEAD = "head"
    BODY = "body"
    ANSWERED = "answered"


Drawn = tuple[Kind, Stage, random.Random]
"""What is done to a request, at which stage, and what all else about it is drawn from."""


@dataclass(frozen=True, slots=True)
class Hurt:
    """One request to which the network did something."""

    number: int
    kind: Kind
    stage: Stage | None
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What a network does, and to which share of the requests.

    ``pace`` is the longest pause in seconds of what only makes an answer slow.
    """

    kinds: tuple[Kind, ...] = tuple(Kind)
    share: float = 0.0
    seed: int = 0
    pace: float = 0.01

    def at(self, number: int) -> Drawn | None:
        """What is done to the request of this number; ``None`` for nothing."""
        rng = random.Random(f"{self.seed}/{number}")
        if rng.random() >= self.share:
            return None
        return rng.choice(self.kinds), rng.choice(tuple(Stage)), rng


STEADY = Weather(kinds=())


class Network:
    """A TCP proxy in a thread; use it in a ``with`` statement.

    Args:
        base_url: The server behind it.
        weather: What it does to requests.
        ends_after: After so many requests the target accepts no connections.
        in_flight: Whether the last request is lost with it; otherwise it is answered.
        absent: Seconds after which it accepts them once more; ``None`` for never.
        on_request: Called with the number and the target of each request before it is passed on.
        fatal: A request whose target holds this text ends it, each time that it is asked.
    """

    def __init__(
        self,
        base_url: str,
        weather: Weather = STEADY,
        *,
        ends_after: int | None = None,
        in_flight: bool = False,
        absent: float | None = None,
        on_request: Callable[[int, str], object] | None = None,
        fatal: str | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        self._behind = parts.hostname or "", parts.port or 80
        self._path = parts.path
        self.weather = weather
        self._ends_after = ends_after
        self._in_flight = in_flight
        self._absent = absent
        self._on_request = on_request
        self._fatal = fatal
        self.seen = 0
        """Requests that came."""
        self.connections = 0
        self.hurt: list[Hurt] = []
        self.ended = 0
        """How often it went away."""
        self.port = 0
        self._listening = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="network")

    @property
    def base_url(self) -> str:
        """Where the server is reached through this network."""
        return f"http://127.0.0.1:{self.port}{self._path}"

    @property
    def lost(self) -> Sequence[Hurt]:
        """The requests whose answers did not arrive whole."""
        return [one for one in self.hurt if one.kind.loses and one.stage is not Stage.ANSWERED]

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("The network did not come up.")
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    # The loop

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        await self._listen()
        self._ready.set()
        await self._over.wait()
        self._listening = False
        self._server.close()
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._accepted, sock=listener, limit=_LONGEST_HEAD)
        self._listening = True

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.connections += 1
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A task that is cancelled here would be told of by asyncio's own handling of streams.
        with suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            while self._listening and await self._pass_on(reader, writer):
                pass
        writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Passes one request on; whether the connection can be used for another one."""
        head = await reader.readuntil(_HEAD)
        number = self.seen
        self.seen += 1
        target = head.split(b" ", 2)[1].decode("latin-1")
        if self._on_request is not None:
            self._on_request(number, target)
        last = self._ends_after is not None and self.seen >= self._ends_after and not self.ended
        if (last and self._in_flight) or (self._fatal is not None and self._fatal in target):
            self._go()
            return False
        drawn = self.weather.at(number)
        if drawn is None:
            answer = await self._ask(head)
            writer.write(answer)
            await writer.drain()
            if last:
                self._go()
            return not last and not _ends_connection(answer)
        kind, stage, rng = drawn
        self.hurt.append(Hurt(number, kind, stage if kind.loses else None, target))
        if kind.loses:
            return await self._lose(reader, writer, head, drawn)
        answer = await self._ask(head)
        await self._slowly(writer, answer, kind, rng)
        return not _ends_connection(answer)

    def _go(self) -> None:
        """Nobody listens any more, and what is under way breaks."""
        self.ended += 1
        self._listening = False
        self._server.close()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        if self._absent is not None:
            self._loop.call_later(self._absent, self._come_back)

    def _come_back(self) -> None:
        task = self._loop.create_task(self._listen())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, head: bytes) -> bytes:
        """The whole answer of the server behind, byte for byte."""
        reader, writer = await asyncio.open_connection(*self._behind, limit=_LONGEST_HEAD)
        try:
            writer.write(head)
            answer = await reader.readuntil(_HEAD)
            length = _LENGTH.search(answer)
            if length is not None:
                answer += await reader.readexactly(int(length[1]))
            elif _CHUNKED.search(answer):
                while not answer.endswith(b"\r\n0\r\n\r\n"):
                    answer += await reader.readuntil(b"\r\n")
            else:
                answer += await reader.read()
            return answer
        finally:
            writer.close()

    # What is done

    async def _lose(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, drawn: Drawn
    ) -> bool:
        kind, stage, rng = drawn
        if stage not in {Stage.CONNECTED, Stage.ASKING}:
            answer = await self._ask(head)
            border = answer.index(_HEAD) + len(_HEAD)
            until = {
                Stage.ASKED: 0,
                Stage.HEAD: rng.randrange(1, border),
                Stage.BODY: rng.randrange(border, max(border + 1, len(answer))),
                Stage.ANSWERED: len(answer),
            }[stage]
            writer.write(answer[:until])
            await writer.drain()
        if kind is Kind.SILENCE:
            if stage is Stage.ANSWERED:
                return True
            await reader.read()
        elif kind is Kind.RESET:
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if stage in {Stage.HEAD, Stage.BODY, Stage.ANSWERED}:
                await asyncio.sleep(0.002)  # a reset takes along what was not read yet
        else:
            writer.close()
            await writer.wait_closed()
        return False

    async def _slowly(self, writer: asyncio.StreamWriter, answer: bytes, kind: Kind, rng: random.Random) -> None:
        if kind is Kind.LATENCY:
            await asyncio.sleep(rng.uniform(0, self.weather.pace))
            slices = [answer]
        elif kind is Kind.SLICING:
            step = rng.randrange(1, 4)
            slices = [answer[place : place + step] for place in range(0, min(_SLICED, len(answer)), step)]
            slices += [answer[len(slices) * step :]]
        else:
            step = max(1, len(answer) // 8)
            slices = [answer[place : place + step] for place in range(0, len(answer), step)]
        for one in slices:
            writer.write(one)
            await writer.drain()
            if kind is Kind.BANDWIDTH:
                await asyncio.sleep(self.weather.pace / len(slices))
            elif kind is Kind.JITTER:
                await asyncio.sleep(rng.choice([0, self.weather.pace * rng.random()]) / len(slices))
            else:
                await asyncio.sleep(0)


def _ends_connection(answer: bytes) -> bool:
    head = answer[: answer.index(_HEAD) + len(_HEAD)]
    framed = _LENGTH.search(head) or _CHUNKED.search(head)
    return not framed or _CLOSING.search(head) is not None
