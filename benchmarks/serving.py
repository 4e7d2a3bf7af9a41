"""A server process of the benchmarks' own: right or wrong as it is told, and it counts what it answers.

It stands in another process than what is measured, so that its time is not theirs. It is told what to do in lines of
JSON on its standard input, answers in such lines, and ends with its input.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from benchmarks.depths import DEPTHS
from benchmarks.figures import ROOT
from contracts.mock.faults import open_fault
from contracts.mock.server import Server
from contracts.mock.store import seeded
from contracts.mock.variants import open_variant

Kind = Literal["right", "fault", "variant", "depth"]
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """What a client must know of a server."""

    base_url: str
    checkpoint: str
    other_checkpoint: str
    empty_checkpoint: str
    admin_key: str = field(repr=False)
    user_key: str = field(repr=False)


class Standing:
    """The server process; use it in a ``with`` statement."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.serving"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._process.communicate(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def open(self, kind: Kind = "right", name: str = "", items: int | None = None) -> Place:
        """Ends what it served before and serves this, as new.

        Args:
            kind: What kind of server.
            name: Its name, where there are several of the kind.
            items: How many permissions it holds; faults and variants bring their own.

        Raises:
            RuntimeError: If there is no such fault or variant; then the process has ended.
        """
        return Place(**self._tell({"open": kind, "name": name, "items": items}))

    def counted(self) -> int:
        """How many requests it has answered since it was asked last, or since `open`."""
        answered: int = self._tell({"count": True})["requests"]
        return answered

    def _tell(self, order: Mapping[str, object]) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("The server process has no pipes.")
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            message = f"The server process ended when it was told {order}."
            raise RuntimeError(message)
        answer: dict[str, Any] = json.loads(line)
        return answer


def made(kind: Kind, name: str, items: int | None = None) -> Server:
    """The server of that kind and name, not started yet.

    Raises:
        LookupError: If there is none.
    """
    match kind:
        case "fault":
            return open_fault(name)
        case "variant":
            return open_variant(name)
        case "right":
            return Server(seeded(size=items) if items is not None else None)
        case "depth":
            dataset = seeded(size=items or 0)
            return Server(dataset, DEPTHS[name](len(dataset.permissions) * 9 // 10))


def place(server: Server) -> Place:
    """What a client of this server must know."""
    data = server.dataset
    return Place(
        server.base_url,
        data.checkpoint,
        data.other_checkpoint,
        data.empty_checkpoint,
        data.admin_key,
        data.user_key,
    )


def main() -> None:
    """Does what each line says until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the benchmark, which then closes the input
    server = Server()
    try:
        for line in sys.stdin:
            order = json.loads(line)
            if "open" in order:
                server.stop()
                server = made(order["open"], order["name"], order["items"]).start()
                answer: dict[str, object] = asdict(place(server))
            else:
                answer = {"requests": len(server.log)}
                server.log.clear()
            print(json.dumps(answer), flush=True)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
