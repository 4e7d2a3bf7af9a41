"""The commands that are measured, as they are typed at a shell prompt, and what one run of one takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import ROOT
from benchmarks.serving import Place
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation

LONGEST = 90.0
"""Seconds after which a command is ended."""
EXAMPLES = 100
"""Test cases for one operation and phase, as ``st run`` is told; it is its default as well."""
PHASES = "examples,coverage,fuzzing,stateful"
REPORT = "st.json"
"""Where ``st run`` writes what it found, in the folder in which it runs."""
_OUTPUT = "output.txt"
_CHECKPOINT = "BENCHMARK_CHECKPOINT"

ST_CONFIGURATION = f"""\
# As someone who knows both tools would write it; on the conforming server it finds nothing.
rate-limit = "auto"
request-timeout = 3.0

[auth.openapi.ApiKeyAuth]
bearer = "${{OPENAI_ADMIN_KEY}}"

[parameters]
"path.fine_tuned_model_checkpoint" = "${{{_CHECKPOINT}}}"

# The document allows every integer as a limit and every string as a cursor; a server may refuse them all the same.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "4xx"]

# Nothing but GET, as the suite does.
[phases.coverage]
unexpected-methods = []

[generation]
database = "none"
"""


_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""What the operating system counts memory in, in bytes."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one run of a command took: ``wall`` and ``cpu`` in seconds, the latter of the command's processes alone.

    ``exit_code`` is ``None`` when the command was ended because it took longer than allowed. ``peak`` is the most
    memory that one process of it had, in bytes.
    """

    wall: float
    cpu: float
    exit_code: int | None
    peak: int = 0


@dataclass(frozen=True, slots=True)
class Workshop:
    """A folder that everything runs in, with the configuration and the documents for ``st``."""

    folder: Path

    def run(self, command: Sequence[str], place: Place, longest: float = LONGEST) -> Taken:
        """Runs one command to its end; what it prints goes to a file.

        Raises:
            OSError: If it can't be started.
        """
        environment = surroundings(os.environ, place)
        (self.folder / REPORT).unlink(missing_ok=True)
        with (self.folder / _OUTPUT).open("wb") as output:
            began = time.monotonic()
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            late = threading.Event()
            alarm = threading.Timer(longest, _end, (process, late))
            alarm.start()
            try:
                # Only wait4 tells the time of this child; Popen must learn what it would have found out by itself.
                _, status, usage = os.wait4(process.pid, 0)
                wall = time.monotonic() - began
                process.returncode = os.waitstatus_to_exitcode(status)
            finally:
                alarm.cancel()
                if process.returncode is None:  # an interrupt: nothing may be left behind
                    process.kill()
                    process.wait()
        exit_code = None if late.is_set() else process.returncode
        return Taken(wall, usage.ru_utime + usage.ru_stime, exit_code, usage.ru_maxrss * _RSS_UNIT)

    def output(self) -> str:
        """What the last command printed."""
        return (self.folder / _OUTPUT).read_text(encoding="utf-8", errors="replace")

    def st(self, place: Place, *, seed: int, everything: bool = False, linked: bool = False) -> list[str]:
        """``st run`` with its default phases, or with everything that it has.

        Args:
            place: The server.
            seed: What its cases are drawn from; by itself it takes another one each time.
            everything: Whether all phases are named, and the number of examples.
            linked: Whether the document says that the page after a page is asked for with its ``last_id``.
                Without a link ``st`` has nothing to do in its stateful phase and leaves it out.
        """
        more = ["--phases", PHASES, "-n", str(EXAMPLES)] if everything else []
        document = "linked.json" if linked else "openapi.json"
        return [
            *(_installed("st"), "run", document, "--url", place.base_url, "--seed", str(seed), "--no-color"),
            *("--report", "json", "--report-json-path", REPORT, *more),
        ]

    def st_found(self) -> frozenset[str]:
        """The kinds of failures and errors that the last ``st run`` reported; none if it did not get so far."""
        file = self.folder / REPORT
        # It opens the file when it begins, and writes it when it ends.
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return found(json.loads(text)) if text else frozenset()


def _end(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


@contextmanager
def workshop() -> Iterator[Workshop]:
    """A folder that is ready for every command, and removed afterwards."""
    operation = load_operation()
    with TemporaryDirectory(prefix="benchmarks-") as name:
        folder = Path(name)
        (folder / "schemathesis.toml").write_text(ST_CONFIGURATION, encoding="utf-8")
        (folder / "openapi.json").write_text(json.dumps(operation.document), encoding="utf-8")
        (folder / "linked.json").write_text(json.dumps(linked(operation)), encoding="utf-8")
        yield Workshop(folder)


def linked(operation: Operation) -> dict[str, object]:
    """The document with an OpenAPI link from each page to the one after it."""
    document = deepcopy(operation.document)
    node, roles = document["paths"][operation.path_template]["get"], operation.roles
    node["responses"]["200"]["links"] = {
        "NextPage": {
            "operationId": node["operationId"],
            "parameters": {
                f"path.{roles.scope}": f"$request.path.{roles.scope}",
                f"query.{roles.after}": f"$response.body#/{roles.last_id}",
            },
        }
    }
    return document


def found(report: Mapping[str, object]) -> frozenset[str]:
    """The kinds of failures and errors in a JSON report of ``st run``."""
    kinds = set()
    for part in ("failures", "errors"):
        entries = report.get(part)
        for entry in entries if isinstance(entries, list) else ():
            kinds.add(str(entry.get("type") or entry.get("title")))
    return frozenset(kinds)


def surroundings(environment: Mapping[str, str], place: Place) -> dict[str, str]:
    """The environment of a command: the keys in it, and nothing that would change what is measured."""
    kept = {
        name: value
        for name, value in environment.items()
        if name != "PYTHONDONTWRITEBYTECODE"
        and not name.startswith(("CONTRACTS_", "SCHEMATHESIS_"))
        and not name.lower().endswith("_proxy")
    }
    return kept | {
        "OPENAI_ADMIN_KEY": place.admin_key,
        "OPENAI_USER_KEY": place.user_key,
        _CHECKPOINT: place.checkpoint,
        "PYTHONPATH": str(ROOT),
    }


def check(place: Place | None) -> list[str]:
    """``contracts check`` on a server, or on its own embedded one."""
    return [_installed("contracts"), *check_words(place)]


def check_words(place: Place | None) -> list[str]:
    """What follows ``contracts`` in that command."""
    words = ["check"]
    if place is not None:
        words += ["--base-url", place.base_url, "--checkpoint", place.checkpoint]
        words += ["--other-checkpoint", place.other_checkpoint, "--empty-checkpoint", place.empty_checkpoint]
    return words


def module(name: str, *words: str) -> list[str]:
    """A module of the benchmarks in a fresh interpreter."""
    return [sys.executable, "-m", f"benchmarks.{name}", *words]


def _installed(name: str) -> str:
    """A console script of this environment."""
    return str(Path(sys.executable).with_name(name))
