"""Runs commands in processes of their own and interrupts each at one exact moment.

The moment is the n-th call of a function, or the n-th import, and not a time, so that it comes again. The commands are
forked from a process that has imported everything; only those that are interrupted while they import begin anew.

``python interrupting.py JOBS.json RESULTS.json`` runs the jobs; `run` does that from a test.
"""

from __future__ import annotations

import importlib
import importlib.abc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
IMPORTING = "import"
"""As the place of a moment: while modules are imported, the n-th of them."""


@dataclass(frozen=True)
class Moment:
    """When an interrupt comes.

    Args:
        place: A function as ``module:qualified.name``, or `IMPORTING`.
        call: At which of its calls, from 1.
        after: Whether when it returns, and not when it is called.
        late: Milliseconds after that, from another thread.
        number: Which signal.
        group: Whether to all processes of the group, as a terminal does it.
        times: How many signals come in a row.
    """

    place: str
    call: int = 1
    after: bool = False
    late: float = 0.0
    number: int = signal.SIGINT
    group: bool = True
    times: int = 1


@dataclass(frozen=True)
class Job:
    """A command line of ``contracts`` (or of pytest, if its first word is that) and the moment of its interrupt."""

    words: tuple[str, ...]
    moment: Moment
    folder: str


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    ``ports`` are those on which an embedded server listened, ``exchanges`` how many the client has kept at least.
    ``fired`` says whether the moment came at all, ``left`` whether a process of its group still runs.
    """

    code: int
    out: str
    err: str
    ports: tuple[int, ...]
    exchanges: int
    fired: bool
    left: bool


def run(jobs: Sequence[Job], folder: Path) -> list[Ended]:
    """Run these jobs, one after the other."""
    asked, told = folder / "jobs.json", folder / "results.json"
    asked.write_text(json.dumps([asdict(job) for job in jobs]), encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTS_", "GITHUB_"))}
    environ |= {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "COLUMNS": "80"}
    command = [sys.executable, __file__, str(asked), str(told)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [Ended(**{**each, "ports": tuple(each["ports"])}) for each in json.loads(told.read_text(encoding="utf-8"))]


# In the process that forks


def main(asked: str, told: str) -> None:
    """Run the jobs of one file, and write another one with how they ended."""
    jobs = [
        Job(tuple(job["words"]), Moment(**job["moment"]), job["folder"])
        for job in json.loads(Path(asked).read_text(encoding="utf-8"))
    ]
    # Those that begin anew come first: what follows imports everything.
    results: dict[int, dict[str, Any]] = {}
    for number in sorted(range(len(jobs)), key=lambda number: jobs[number].moment.place != IMPORTING):
        job = jobs[number]
        if job.moment.place != IMPORTING:
            _import_everything()
        results[number] = _ended(job)
    Path(told).write_text(json.dumps([results[number] for number in range(len(jobs))]), encoding="utf-8")


def _import_everything() -> None:
    packages = (
        "cli",
        "probes",
        "plugins.session",
        "plugins.pytest",
        "suite",
        "mock.server",
        "cli.progress",
        "reports.output",
    )
    for name in packages:
        importlib.import_module(f"contracts.{name}")


def _ended(job: Job) -> dict[str, Any]:
    folder = Path(job.folder)
    folder.mkdir(parents=True)
    child = os.fork()
    if child == 0:
        _child(job, folder)
    _, status = os.waitpid(child, 0)
    out, err, noted = (_taken(folder / name) for name in ("out.txt", "err.txt", "about.txt"))
    # Two threads may note something at once, in any order.
    known = [json.loads(line) for line in noted.splitlines()]
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": out,
        "err": err,
        "ports": max((each["ports"] for each in known), key=len),
        "exchanges": max(each["exchanges"] for each in known),
        "fired": any(each["fired"] for each in known),
        "left": _lives(child),
    }


def _taken(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    path.unlink()
    return text


def _lives(group: int) -> bool:
    """Whether a process of this group still runs, after a moment in which it may end."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.02)
    return True


# In the process that is interrupted


def _child(job: Job, folder: Path) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what is in the background without it
    os.chdir(folder)
    for number, name in ((1, "out.txt"), (2, "err.txt")):
        opened = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(opened, number)
    about = _About(folder / "about.txt")
    from contracts.__main__ import main as command

    if job.moment.place == IMPORTING:
        sys.meta_path.insert(0, _Importing(job.moment, about))
    else:
        _watch("contracts.mock.server:Server.start", about.started, after=True)
        _watch("contracts.traffic.client:Client._record", about.recorded, after=True)
        _at(job.moment, about)
    sys.argv = ["contracts", *job.words]
    if job.words[0] == "pytest":
        import pytest

        code = pytest.main([*job.words[1:]])
        sys.exit(code)
    command()
    os._exit(70)


class _About:
    """What is noted for the test, as soon as it is known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Any] = {"ports": [], "exchanges": 0, "fired": False}
        self._write()

    def started(self, server: Any) -> None:
        port = server.base_url.rpartition(":")[2].partition("/")[0]
        self._known["ports"].append(int(port))
        self._write()

    def recorded(self, client: Any) -> None:
        self._known["exchanges"] = len(client.exchanges)
        self._write()

    def fired(self) -> None:
        self._known["fired"] = True
        self._write()

    def _write(self) -> None:
        # One step for the operating system, as the interrupt may come here too.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(descriptor, json.dumps(self._known).encode() + b"\n")
        os.close(descriptor)


def _fire(moment: Moment, about: _About) -> None:
    about.fired()
    for _ in range(moment.times):
        if moment.group:
            os.killpg(os.getpgrp(), moment.number)
        else:
            os.kill(os.getpid(), moment.number)


def _at(moment: Moment, about: _About) -> None:
    calls = 0

    def now(_: object) -> None:
        nonlocal calls
        calls += 1
        if calls != moment.call:
            return
        if moment.late:
            threading.Timer(moment.late / 1000, _fire, (moment, about)).start()
        else:
            _fire(moment, about)

    _watch(moment.place, now, after=moment.after)


def _watch(place: str, then: Callable[[Any], None], *, after: bool) -> None:
    """Call something with the first argument of each call of a function, wherever it was imported."""
    module, _, qualified = place.partition(":")
    owner: Any = importlib.import_module(module)
    *path, name = qualified.split(".")
    for part in path:
        owner = getattr(owner, part)
    kept = getattr(owner, name)

    @wraps(kept)
    def watching(*values: Any, **named: Any) -> Any:
        first = values[0] if values else None
        if not after:
            then(first)
        done = kept(*values, **named)
        if after:
            then(first)
        return done

    setattr(owner, name, watching)


class _Importing(importlib.abc.MetaPathFinder):
    """Finds nothing, and interrupts when so many modules of anything were looked for."""

    def __init__(self, moment: Moment, about: _About) -> None:
        self._moment = moment
        self._about = about
        self._calls = 0

    def find_spec(self, *_: object) -> None:
        self._calls += 1
        if self._calls == self._moment.call:
            _fire(self._moment, self._about)


if __name__ == "__main__":
    main(*sys.argv[1:])
