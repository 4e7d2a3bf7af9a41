"""Ctrl-C and SIGTERM at any moment: what was judged is written, nothing is left running, and one line says so.

INTERRUPTS=20, which ``tox -e network`` sets, interrupts at so many drawn moments for each way to interrupt, other
ones each time.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from commanding import APART
from interrupting import IMPORTING, ROOT, Ended, Job, Moment, run
from wire_faults import Network

from contracts.clauses.registry import clauses, find
from contracts.cli import main
from contracts.core import files, interrupts
from contracts.core.errors import ExitCode
from contracts.core.result import Result
from contracts.mock.server import Server
from contracts.openapi.loading import load_operation
from contracts.reports.recording import record
from contracts.runs.replay import replay
from contracts.runs.selftest import against
from contracts.traffic.har import read_har
from contracts.verdicts.conclusion import InternalError, Terms

MANY = int(os.environ.get("INTERRUPTS", "0"))
BUDGET = 70
TOGETHER = 8
"""Requests that are under way at the same time where no other number is given: an interrupt may cut them all off."""
REPORTS = {"json": "r.json", "html": "r.html", "markdown": "r.md", "junit": "r.xml"}
FILES = {**REPORTS, "record": "run.har"}
CHECK = (
    "check",
    "SEC",
    "SCO",
    "FLT-002",
    "--requests",
    str(BUDGET),
    *(word for name, file in FILES.items() for word in (f"--{name}", file)),
)
WAYS: tuple[dict[str, Any], ...] = (
    {"number": signal.SIGINT, "group": True},
    {"number": signal.SIGINT, "group": False},
    {"number": signal.SIGTERM, "group": False},
)
"""As a terminal does it, to the process alone, and as whoever ends a job does it."""
GET = "contracts.traffic.pool:Pool.get"
ANSWERED = "contracts.mock.server:Server._logged"


def drawn(number: int, seed: int, ways: Sequence[dict[str, Any]] = WAYS) -> list[Moment]:
    """So many moments of each way: a share of the requests, before one is sent or while it is answered."""
    rng = random.Random(seed)
    return [
        Moment(
            rng.choice([GET, ANSWERED]),
            call=rng.randrange(1, BUDGET - 20),
            after=rng.random() < 0.5,
            late=rng.choice([0.0, 0.0, 1.0, 5.0]),
            **way,
        )
        for way in ways
        for _ in range(number)
    ]


SPECIAL = {
    "imports": Moment(IMPORTING, call=150),
    "the server starts": Moment("contracts.mock.server:Server.start"),
    "cases are drawn": Moment("contracts.probes.generated:Places.positive", call=2, group=False),
    "a clause judges": Moment("contracts.runs.live:tally", call=2, number=signal.SIGTERM),
    "all is judged": Moment("contracts.runs.live:judge", after=True),
    "the run is over": Moment("contracts.runs.job:run", after=True),
    "the server ends": Moment("contracts.mock.server:Server.stop", times=2),
    "a report is written, three times": Moment("contracts.core.files:write", call=2, times=3),
    "a report takes its place": Moment("pathlib:Path.replace", call=1, times=2, number=signal.SIGTERM),
    "the report is shown": Moment("contracts.cli.shell:show"),
}
MORE = {
    "the first imports": Moment(IMPORTING, call=2),
    "late imports": Moment(IMPORTING, call=250, number=signal.SIGTERM),
    "the server has started": Moment("contracts.mock.server:Server.start", after=True, number=signal.SIGTERM),
    "the first request": Moment(GET, call=1),
    "cases are drawn, a little later": Moment("contracts.probes.generated:Places.negative", call=2, late=1),
    "the client closes": Moment("contracts.traffic.client:Client.close"),
    "the recording is written": Moment("contracts.reports.output:record", times=2),
    "a report is in its place": Moment("pathlib:Path.replace", call=3, after=True),
    "the report was shown": Moment("contracts.cli.shell:show", after=True),
}
USUAL = [*SPECIAL.values(), *drawn(2, 7, WAYS[:1]), *drawn(1, 8, WAYS[1:])]
ALL = [*SPECIAL.values(), *MORE.values(), *drawn(MANY, random.SystemRandom().randrange(1 << 30))]
MOMENTS = ALL if MANY else USUAL


def words(moment: Moment) -> tuple[str, ...]:
    """The command for a moment: without the probe that takes the most time, if it is not that one's."""
    return (
        CHECK if "generated" not in moment.place else ("check", "PAG-001", "PAG-024", *CHECK[4:], "--requests", "300")
    )


def lines(text: str) -> list[str]:
    """What is told beside the progress."""
    return [line for line in text.splitlines() if not re.search(r" \(\d+/\d+\)$", line)]


def closed(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except ConnectionRefusedError:
        return True
    return False


def whole(name: str, path: Path) -> str:
    """A report's text, once it was read to its end by a reader of its format."""
    text = path.read_text(encoding="utf-8")
    match name:
        case "json":
            json.loads(text)
        case "junit":
            ET.fromstring(text)
        case "html":
            HTMLParser().feed(text)
            assert text.rstrip().endswith("</html>")
        case _:
            assert text.endswith("\n")
    return text


def again(path: Path, clauses: Sequence[str]) -> dict[str, str]:
    """The verdicts of a recording."""
    operation = load_operation()
    result = replay(
        path,
        operation,
        lambda target, seed: Terms(target=target, operation=operation, seed=seed, selected=find(clauses)),
    )
    return {one.clause: one.verdict.value for one in result.judgements}


def holds(folder: Path, exchanges: int) -> dict[str, Any]:
    """The JSON report of a folder, where all files are whole, agree, and hold all that the client has kept."""
    texts = {name: whole(name, folder / file) for name, file in REPORTS.items()}
    found: dict[str, Any] = json.loads(texts["json"])
    for name in ("html", "markdown"):
        assert found["headline"].split(":")[0] in texts[name]
    verdicts = {row["id"]: row["verdict"] for row in found["clauses"]}
    if exchanges or (folder / FILES["record"]).exists():
        recorded = read_har(folder / FILES["record"]).exchanges
        assert len(recorded) >= exchanges, "all that was kept"
        assert again(folder / FILES["record"], list(verdicts)) == verdicts
    else:
        assert set(verdicts.values()) <= {"not exercised"}
    assert {path.name for path in folder.iterdir()} - {".hypothesis"} <= set(FILES.values()), "nothing is left lying"
    return found


def test_an_interrupt_at_any_moment(tmp_path: Path, subtests: pytest.Subtests) -> None:
    folders = [tmp_path / str(place) for place in range(len(MOMENTS))]
    jobs = [Job(words(moment), moment, str(folder)) for moment, folder in zip(MOMENTS, folders, strict=True)]
    ended = run(jobs, tmp_path)
    for moment, done, folder in zip(MOMENTS, ended, folders, strict=True):
        with subtests.test(moment=moment):
            left_well(done, folder)
    # Otherwise this could pass with all interrupts before or after the run.
    kinds = Counter(
        "before" if not done.exchanges else "amid" if done.out.endswith("exit 2\n") else "after" for done in ended
    )
    assert kinds["before"] >= 2
    assert kinds["amid"] >= 6
    assert kinds["after"] >= 4


def left_well(done: Ended, folder: Path) -> None:
    """Look at all that a command left that was interrupted."""
    assert done.fired, "the moment never came"
    assert done.code == ExitCode.INTERRUPTED, done.err + done.out
    assert not done.left, "a process is left"
    assert all(closed(port) for port in done.ports)
    assert "Traceback" not in done.err + done.out
    told = lines(done.err)
    if not (folder / "r.json").exists():
        assert (done.out, told) == ("", ["contracts: interrupted before there was anything to report"])
        assert not list(folder.iterdir())
        return
    found = holds(folder, done.exchanges)
    if done.out.endswith("exit 2\n"):
        assert told == []
        assert found["exit_code"] == ExitCode.INTERRUPTED
        assert found["interrupted"]
    elif done.out:
        assert told == ["contracts: interrupted when everything was judged: the reports are complete  exit 2"]
        assert found["exit_code"] == ExitCode.KEPT
    else:
        assert told == ["contracts: interrupted before there was anything to report"]
        assert found["exit_code"] == ExitCode.INTERRUPTED


# Waiting, and other commands


def test_an_interrupt_ends_a_wait_for_the_server_and_other_commands(tmp_path: Path) -> None:
    pytest_ = (*APART, "--pyargs", "contracts.suite", "-k", "SEC or ENV")
    written = [word for name, file in FILES.items() for word in (f"--contract-{name}", file)]
    jobs = [
        (("check", "--variant", "throttled", "--record", "run.har"), Moment("contracts.traffic.sending:Sender._wait")),
        (("doctor",), Moment(ANSWERED, call=4, number=signal.SIGTERM)),
        (("plan", "ENV"), Moment(GET, call=2)),
        (("selftest", "-j", "1", "--fault", "one-too-many"), Moment(GET, call=5)),
        (("serve",), Moment("contracts.mock.server:Server.start", number=signal.SIGTERM)),
        (("pytest", *pytest_, *written), Moment(ANSWERED, call=30, number=signal.SIGTERM)),
    ]
    folders = [tmp_path / str(place) for place in range(len(jobs))]
    done = run(
        [Job(words, moment, str(folder)) for (words, moment), folder in zip(jobs, folders, strict=True)], tmp_path
    )
    for one in done:
        assert (one.fired, one.code, one.left) == (True, ExitCode.INTERRUPTED, False), one
        assert all(closed(port) for port in one.ports)
        assert "Traceback" not in one.out + one.err
    assert done[0].out.endswith("exit 2\n")
    for one in done[1:5]:
        assert (one.out, one.err) == ("", "contracts: interrupted before there was anything to report\n")
    for one, folder in zip(done[5:], folders[5:], strict=True):
        holds(folder, one.exchanges)
        assert one.out.count("KeyboardInterrupt !!") == 1


def test_a_recording_that_is_judged_again_is_interrupted_in_one_line(tmp_path: Path) -> None:
    record(against(Server(), budget=60), tmp_path / "run.har")
    words = ("replay", str(tmp_path / "run.har"), "--json", "r.json")
    places = ["contracts.runs.replay:judge", "contracts.core.files:write"]
    jobs = [Job(words, Moment(place), str(tmp_path / str(number))) for number, place in enumerate(places)]
    for done in run(jobs, tmp_path):
        assert (done.fired, done.code) == (True, ExitCode.INTERRUPTED)
        assert done.err == "contracts: interrupted before there was anything to report\n" or done.out
        assert "Traceback" not in done.err + done.out
    assert json.loads((Path(jobs[1].folder) / "r.json").read_text(encoding="utf-8"))["exit_code"] != 2


# Targets outside, with all that a terminal reaches


def started(words: Sequence[str], folder: Path, server: Server) -> subprocess.Popen[str]:
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTS_", "GITHUB_"))}
    data = server.dataset
    environ = {**keep, "PYTHONPATH": str(ROOT), "OPENAI_ADMIN_KEY": data.admin_key, "OPENAI_USER_KEY": data.user_key}
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


class Signaller:
    """Interrupts the group of a process when the network before its target has seen so many requests."""

    def __init__(self, at: int, number: int = signal.SIGINT) -> None:
        self._at = at
        self._number = number
        self.process: subprocess.Popen[str] | None = None
        self.known = threading.Event()

    def __call__(self, number: int, _target: str) -> None:
        if number + 1 == self._at and self.known.wait(10) and self.process is not None:
            os.killpg(self.process.pid, self._number)

    def ended(self, words: Sequence[str], folder: Path, server: Server) -> tuple[int, str, str]:
        """Start a command and wait for its end; the exit code and what it told."""
        self.process = started(words, folder, server)
        self.known.set()
        with self.process as process:
            out, err = process.communicate(timeout=60)
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
        return process.returncode, out, err


def test_an_outside_target_is_left_in_the_same_way(tmp_path: Path) -> None:
    signaller = Signaller(25)
    with Server() as server, Network(server.base_url, on_request=signaller) as network:
        place = ("--base-url", network.base_url, "--checkpoint", server.dataset.checkpoint)
        code, out, err = signaller.ended(("contracts", *CHECK, *place), tmp_path, server)
    assert code == ExitCode.INTERRUPTED, err
    assert "Traceback" not in out + err
    assert out.endswith("exit 2\n")
    recorded = read_har(tmp_path / FILES["record"]).exchanges
    assert network.seen - TOGETHER <= len(recorded) <= network.seen
    holds(tmp_path, len(recorded))


def test_what_was_judged_of_several_targets_is_kept(tmp_path: Path) -> None:
    signaller = Signaller(20)
    with Server() as server, Network(server.base_url, on_request=signaller) as network:
        urls = {"one": server.base_url, "two": network.base_url, "three": server.base_url}
        tables = "".join(
            f'[[target]]\nname = "{name}"\nbase-url = "{url}"\ncheckpoint = "{server.dataset.checkpoint}"\n'
            for name, url in urls.items()
        )
        (tmp_path / "contracts.toml").write_text(tables, encoding="utf-8")
        words = ("contracts", "check", "SEC", "--requests", "60", "--json", "r.json", "--record", "run.har")
        code, out, err = signaller.ended(words, tmp_path, server)
    assert code == ExitCode.INTERRUPTED, err
    assert "Traceback" not in out + err
    assert lines(err) == ["contracts: interrupted before these were judged: three"]
    codes = {name: json.loads((tmp_path / f"r-{name}.json").read_text())["exit_code"] for name in ("one", "two")}
    assert codes["one"] in {ExitCode.KEPT, ExitCode.INCOMPLETE}
    assert codes["two"] == ExitCode.INTERRUPTED
    assert len(read_har(tmp_path / "run-two.har").exchanges) >= 15
    assert not (tmp_path / "r-three.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_workers_of_pytest_leave_what_they_have_seen(tmp_path: Path, number: int) -> None:
    pytest.importorskip("xdist")
    signaller = Signaller(25, number)
    with Server() as server, Network(server.base_url, on_request=signaller) as network:
        words = ["pytest", *APART, "-n", "2", "--pyargs", "contracts.suite", "-k", "SEC"]
        words += ["--base-url", network.base_url, "--checkpoint", server.dataset.checkpoint]
        words += [word for name, file in FILES.items() for word in (f"--contract-{name}", file)]
        code, out, err = signaller.ended(words, tmp_path, server)
    assert code == ExitCode.INTERRUPTED, out + err
    recorded = read_har(tmp_path / FILES["record"]).exchanges
    assert network.seen - TOGETHER <= len(recorded) <= network.seen
    holds(tmp_path, len(recorded))


# Files


def test_a_file_is_whole_or_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.md"
    files.write(path, "before")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


# The rules themselves


def test_an_interrupt_waits_until_it_is_allowed() -> None:
    with interrupts.held():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert interrupts.came()
        with pytest.raises(KeyboardInterrupt), interrupts.allowed():
            raise AssertionError("not begun")
    with interrupts.held():
        assert not interrupts.came(), "it is over"


def test_after_the_first_one_others_wait() -> None:
    with interrupts.held():
        with pytest.raises(KeyboardInterrupt), interrupts.allowed():
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_second_ctrl_c_ends_at_once_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([10.0, 10.9, 99.0, 11.1])
    monkeypatch.setattr("contracts.core.interrupts.time.monotonic", lambda: next(moments))
    with interrupts.held():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)  # the same one, sent by a terminal and by a parent process
        signal.raise_signal(signal.SIGTERM)
        assert next(moments) == 99.0
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_an_interrupt_ends_the_wait_for_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "p")
    monkeypatch.setattr("contracts.core.files.time.sleep", lambda _: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(files, "_READER_SECONDS", 3600)

    def writes(*_: object, **__: object) -> None:
        with interrupts.held():
            files.write(tmp_path / "p", "text")

    monkeypatch.setattr("click.Group.main", writes)
    done = CliRunner().invoke(main, [])
    assert done.exit_code == ExitCode.INTERRUPTED
    assert done.stderr.endswith("can't be written: nothing has read from it until the interrupt.\n")


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_terminal_that_goes_away_interrupts_unless_that_is_ignored(before: signal.Handlers) -> None:
    usual = signal.signal(signal.SIGHUP, before)
    try:
        with interrupts.held():
            signal.raise_signal(signal.SIGHUP) if before is signal.SIG_IGN else None
            assert not interrupts.came()
            if before is signal.SIG_DFL:
                signal.raise_signal(signal.SIGHUP)
                assert interrupts.came()
        assert signal.getsignal(signal.SIGHUP) is before
    finally:
        signal.signal(signal.SIGHUP, usual)


def test_an_interrupt_that_python_swallowed_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    class Cleaning:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    with interrupts.held(), interrupts.allowed():
        Cleaning()
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    assert capsys.readouterr().err == ""


# When the suite itself fails


def failing(*_: object, **__: object) -> Any:
    raise RuntimeError("a defect")


@pytest.mark.parametrize(
    ("place", "judged", "asked"),
    [
        ("contracts.probes.walks:_after_the_last", 0, 2),
        ("contracts.runs.live:judge", 0, 40),
        ("contracts.evidence.evidence:Evidence.listing", 0, 1),
        ("contracts.verdicts.confirmation:Confirming.ask", 10, 40),
    ],
)
def test_an_internal_error_leaves_what_is_known(
    place: str, judged: int, asked: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module, _, name = place.rpartition(":")
    owner: Any = importlib.import_module(module)
    *path, name = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    monkeypatch.setattr(owner, name, property(failing) if name == "listing" else failing)
    fault = ("--fault", "user-key-let-in") if place.endswith(".ask") else ()
    done = CliRunner().invoke(main, [*CHECK, "--quiet", *fault])
    assert done.exit_code == ExitCode.INTERNAL, done.output
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("contracts: internal error: RuntimeError at test_interrupts.py:")
    assert "please report it" in line
    monkeypatch.undo()
    found = json.loads(whole("json", tmp_path / "r.json"))
    assert found["verdict"] == "internal error"
    assert any("RuntimeError" in note for note in found["notes"])
    known = [row for row in found["clauses"] if row["verdict"] not in {"not exercised", "not applicable"}]
    assert len(known) >= judged
    assert len(read_har(tmp_path / FILES["record"]).exchanges) >= asked
    for name, file in REPORTS.items():
        # The picture shows the list, which is what failed there.
        if name != "html" or not place.endswith(".listing"):
            whole(name, tmp_path / file)


def test_a_clause_that_fails_leaves_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = next(clause for clause in clauses() if clause.id == "SEC-001")
    everything = tuple(
        clause if clause is not broken else _but_failing(clause) for clause in clauses() if clause.id.startswith("SEC")
    )
    monkeypatch.setattr("contracts.verdicts.conclusion.clauses", lambda: everything)
    with pytest.raises(InternalError) as caught:
        against(Server(), budget=60)
    result: Result = caught.value.result
    assert result.exit_code == ExitCode.INTERNAL
    verdicts = {one.clause: one.verdict.value for one in result.judgements}
    assert verdicts.pop("SEC-001") == "not exercised"
    assert "kept" in verdicts.values()
    assert result.exchanges


def _but_failing(clause: Any) -> Any:
    return replace(clause, judge=failing)


def test_the_command_loads_nothing_before_interrupts_are_heeded() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules)\n"
        "import checkpoint_permissions_contracts as it; print(sorted(set(sys.modules) - before - {it.__name__}))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in {"[]", "['__future__']"}
