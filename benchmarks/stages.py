"""``contracts check`` with a clock in it: where its time goes.

Run as ``python -m benchmarks.stages BEGAN FILE check …``: BEGAN is the monotonic time at which the command was
started, FILE gets the seconds of each stage as JSON. The suite itself is not changed; its functions are wrapped.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

START = "start: interpreter, imports, settings, document"
SCHEMATHESIS = "importing Schemathesis"
GENERATING = "generating cases"
WAITING = "sending, waiting for answers, reading them"
JUDGING = "judging"
LEARNING = "learning the list, choosing what to ask"
REPORT = "writing the report"
END = "end of the interpreter"
"""What comes after the clock's last look; whoever started the command computes it."""
STAGES = (START, SCHEMATHESIS, GENERATING, WAITING, LEARNING, JUDGING, REPORT, END)


class Clock:
    """Seconds by stage. Every moment belongs to one stage: an inner one stops the outer one meanwhile.

    Args:
        first: The stage that runs already.
        began: When it began, on ``wall``; its CPU time counts from zero.
        wall: Seconds that only grow.
        cpu: Seconds that this process has computed.
    """

    def __init__(
        self,
        first: str,
        began: float,
        wall: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._spent: dict[str, tuple[float, float]] = {}
        self._running = [first]
        self._mark = (began, 0.0)
        self._wall, self._cpu = wall, cpu

    def _charge(self) -> None:
        now = (self._wall(), self._cpu())
        wall, cpu = self._spent.get(self._running[-1], (0.0, 0.0))
        self._spent[self._running[-1]] = (wall + now[0] - self._mark[0], cpu + now[1] - self._mark[1])
        self._mark = now

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts what happens inside to that stage."""
        self._charge()
        self._running.append(name)
        try:
            yield
        finally:
            self._charge()
            self._running.pop()

    def turn(self, name: str) -> None:
        """Ends the stage that runs, and begins another in its place."""
        self._charge()
        self._running[-1] = name

    def spent(self) -> Mapping[str, tuple[float, float]]:
        """Wall and CPU seconds of each stage until now."""
        self._charge()
        return dict(self._spent)

    def timed(self, name: str, function: Callable[P, R]) -> Callable[P, R]:
        """The function, its time counted to that stage."""

        @functools.wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.stage(name):
                return function(*args, **kwargs)

        return wrapped


def hook(clock: Clock, counted: Callable[[int], object], put: Callable[[object, str, object], None] = setattr) -> None:
    """Wraps the functions of the suite whose time is to be told; ``counted`` gets the requests of the run.

    ``put`` replaces an attribute.
    """
    from contracts.core.result import Result
    from contracts.runs import live as running
    from contracts.runs.plan import Plan, Progress
    from contracts.traffic.client import Client
    from contracts.verdicts.judging import judge
    from contracts.verdicts.tallying import tally

    def run(plan: Plan, tell: Callable[[Progress], None] | None = None) -> Result:
        result = original(plan, tell)
        counted(result.requests)
        clock.turn(REPORT)
        return result

    def draw(*arguments: Any) -> Sequence[Any]:
        with clock.stage(SCHEMATHESIS):
            import contracts.probes.drawing  # noqa: F401 - what takes long is to import it
        with clock.stage(GENERATING):
            cases: Sequence[Any] = drawn(*arguments)
            return cases

    generated = importlib.import_module("contracts.probes.generated")
    original, drawn = clock.timed(LEARNING, running.run), generated._draw
    put(running, "run", run)
    put(generated, "_draw", draw)
    put(running, "tally", clock.timed(JUDGING, tally))
    put(running, "judge", clock.timed(JUDGING, judge))
    put(Client, "send", clock.timed(WAITING, Client.send))
    put(Client, "send_chains", clock.timed(WAITING, Client.send_chains))
    put(Client, "send_together", clock.timed(WAITING, Client.send_together))


def main() -> None:
    """Runs the command and writes what each stage took."""
    began, file, *words = sys.argv[1:]
    clock = Clock(START, float(began))
    requests: list[int] = []
    from contracts.cli import main as contracts

    hook(clock, requests.append)
    try:
        contracts(words)
    finally:
        Path(file).write_text(json.dumps({"requests": sum(requests), "stages": clock.spent()}), encoding="utf-8")


if __name__ == "__main__":
    main()
