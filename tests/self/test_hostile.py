"""The whole command against hostile servers: it ends, it stays small, it says what it saw, and nothing gets out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import harmless
import pytest
from canary import ADMIN, USER, leaking
from hostile import ANSWERS, DOORS, LISTS, LOUD, WHEN, Asked, Host, Injecting, Leaving, Reply, Right, Seen

from contracts.core.errors import ExitCode
from contracts.core.model import FailureKind, Target
from contracts.core.result import Verdict
from contracts.mock.app import Asked as AskedOfServer
from contracts.mock.app import Behaviour
from contracts.mock.server import Server
from contracts.mock.store import Dataset, Permission, seeded
from contracts.openapi.loading import load_operation
from contracts.runs.live import run
from contracts.runs.plan import Plan
from contracts.traffic.keys import Keys

ALL = os.environ.get("HOSTILE") == "all"
"""Whether each server is asked, and not only some."""
BUDGET = 60
WORDS = ("--requests", str(BUDGET), "--timeout", "0.5", "--max-time", "20")
MOST_MEMORY = 300 << 20
LARGEST_REPORT = 1 << 20
HANG = 120.0
"""Seconds after which a child is taken to hang. Its own limits are far below."""
DATASET = replace(seeded(), admin_key=ADMIN, user_key=USER)
DECLARED = {ExitCode.KEPT, ExitCode.BROKEN, ExitCode.CONFIGURATION, ExitCode.INCOMPLETE}


@dataclass(frozen=True)
class Ran:
    """What a child process left behind."""

    folder: Path
    code: int
    peak: int
    """Bytes of memory, at the most."""
    seconds: float

    @cached_property
    def told(self) -> str:
        return "".join((self.folder / name).read_text(encoding="utf-8") for name in ("out", "err"))

    @cached_property
    def report(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.folder / "report.json").read_bytes())
        return loaded


def environment(**more: str) -> dict[str, str]:
    ours = ("CONTRACTS_", "OPENAI_", "GITHUB_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error", "PYTHONHASHSEED": "0", **more}


def child(folder: Path, *words: str, **more: str) -> Ran:
    """Run the command in a process of its own and watch it."""
    keys = {"OPENAI_ADMIN_KEY": ADMIN, "OPENAI_USER_KEY": USER}
    begun, peak = time.monotonic(), 0
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "contracts", *words],
            cwd=folder,
            env=environment(**keys, **more),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        while process.poll() is None:
            peak = max(peak, _peak(process.pid))
            if time.monotonic() - begun > HANG:
                process.kill()
            time.sleep(0.01)
    return Ran(folder, process.returncode, peak, time.monotonic() - begun)


def _peak(pid: int) -> int:
    """The most memory that a process ever had; what `wait4` tells holds that of its parent, too."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) << 10 if found else 0


def check(host: Host, folder: Path, *words: str, **more: str) -> Ran:
    """`contracts check` on a host, with every report and a recording."""
    data = host.right.dataset
    files = [f"--{name}=report.{name}" for name in ("json", "html", "markdown", "junit")]
    named = ["--checkpoint", data.checkpoint, "--other-checkpoint", data.other_checkpoint]
    with host:
        return child(
            folder, "check", "--base-url", host.base_url, *named, *WORDS, *files, "--record", "run.har", *words, **more
        )


def assert_sound(ran: Ran, host: Host, *, commands: bool = False) -> None:
    """What holds of each run, whatever it met."""
    assert ran.code in DECLARED, ran.told
    assert "Traceback" not in ran.told
    assert "internal error" not in ran.told
    assert ran.peak < MOST_MEMORY, f"{ran.peak >> 20} MiB"
    assert len(host.asked) <= BUDGET
    assert {head.split(b" ")[0] for head in host.asked} <= {b"GET"}
    assert host.other.connections == 0, "it was led elsewhere"
    sizes = {file.name: file.stat().st_size for file in ran.folder.iterdir() if file.is_file()}
    assert not {name: size for name, size in sizes.items() if size > LARGEST_REPORT and name != "run.har"}
    harmless.lines(ran.told, commands=commands)
    harmless.files(ran.folder)
    assert leaking(ran.folder) == {}


def assert_said(ran: Ran, seen: Seen) -> None:
    """The clause that is broken is named with what was seen, or one sentence tells why there is no verdict."""
    if isinstance(seen, str):
        assert any(each in note for note in ran.report["notes"] for each in seen.split("|")), ran.report["notes"]
        return
    clause, part = seen
    row = next(row for row in ran.report["clauses"] if row["id"] == clause)
    assert row["verdict"] in {"broken", "warned", "inconclusive"}, (row["verdict"], row["reason"])
    assert any(each in row["finding"]["actual"] for each in part.split("|")), row["finding"]["actual"]
    assert ran.code == ExitCode.BROKEN or row["verdict"] == "inconclusive"


def measured(ran: Ran, name: str) -> None:
    """Note the figures of a run where they are collected."""
    if place := os.environ.get("HOSTILE_FIGURES"):
        with Path(place).open("a", encoding="utf-8") as stream:
            stream.write(f"{ran.seconds:.1f} s\t{ran.peak >> 20} MiB\texit {ran.code}\t{name}\n")


NOW_AND_THEN = (
    *("silence", "a body a byte at a time", "1 GiB", "10 GiB from 10 MiB", "gzip cut short", "two answers"),
    *("Content-Length too long, then closed", "a chunk size in words", "HTTP/0.9", "reset inside the body"),
)
"""What is worth to be served now and then, too: a kind each."""


NO_HTTP = frozenset(
    {
        *("no status line", "HTTP/0.9", "HTML of HTTP/0.9", "another protocol", "TLS to one who did not ask", "noise"),
        *("endless noise", "HTTP/2", "closed at once", "reset at once"),
    }
)
"""What is no answer of a server of HTTP, and so no breach of one: the configuration names something else."""
_NO_HTTP = "does not speak HTTP|answers no request|speaks HTTP/2 only"


def served() -> dict[str, tuple[Callable[[Right], Host], Seen]]:
    """Every server of the tables."""
    made: dict[str, tuple[Callable[[Right], Host], Seen]] = dict(DOORS)
    for name, (reply, expected) in ANSWERS.items():
        made[name] = _host(_replying(reply), "always"), _NO_HTTP if name in NO_HTTP else _seen(expected)
    for name, (answer, seen) in LISTS.items():
        made[name] = _host(answer, "always"), seen
    everything = {name: _host(_replying(reply), "in mid-run") for name, (reply, _) in ANSWERS.items()}
    everything |= {name: _host(answer, "in mid-run") for name, (answer, _) in LISTS.items()}
    made |= {f"{name}, in mid-run": (host, "") for name, host in everything.items()}
    for name in NOW_AND_THEN:
        reply = ANSWERS[name][0]
        for when in ("now and then", "for one project"):
            made[f"{name}, {when}"] = _host(_replying(reply), when), ""
    return made


def _replying(reply: Reply) -> Callable[[Asked], Reply]:
    return lambda _asked: reply


def _host(answer: Callable[[Asked], Reply], when: str) -> Callable[[Right], Host]:
    return lambda right: Host(answer, WHEN[when], right)


def _seen(expected: object) -> Seen:
    """What is said of an answer that is wrong as HTTP."""
    if expected is FailureKind.TIMEOUT:
        return "gives no answer: "
    return "HTP-003", "" if isinstance(expected, FailureKind) else str(expected)


SERVED = served()
SOME = ("a gzip bomb", "49,000 empty items, always others", "a redirect to another port, in mid-run")
"""What is asked each time."""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", SERVED if ALL else SOME)
def test_a_run_ends_stays_small_and_says_what_it_saw(name: str, tmp_path: Path) -> None:
    made, seen = SERVED[name]
    host = made(Right(DATASET))
    ran = check(host, tmp_path, *(["--max-time", "60"] if isinstance(host, Leaving) else []))
    measured(ran, name)
    assert_sound(ran, host)
    if seen:
        assert_said(ran, seen)
    shutil.rmtree(tmp_path)


# Texts that want to be more than texts


def _shouting(asked: Asked) -> Reply:
    return LOUD[asked.number // 4 % len(LOUD)]


def loud(*, shouting: bool) -> Host:
    """A server of payloads; one request in four it answers with something that is wrong in another way."""
    return Host(_shouting, lambda asked: shouting and asked.number % 4 == 3, Injecting(ADMIN, USER))


def commands(report: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each command line of a JSON report, with what it repeats."""
    if isinstance(report, dict):
        if "curl" in report:
            yield report["curl"], report
        for value in report.values():
            yield from commands(value)
    elif isinstance(report, list):
        for value in report:
            yield from commands(value)


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Commands that print their arguments."""
    folder = tmp_path_factory.mktemp("stubs")
    for name in ("curl", "contracts"):
        stub = folder / name
        stub.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\" ---\n")
        stub.chmod(0o755)
    return folder


def arguments(stubs: Path, lines: list[str], folder: Path) -> list[list[str]]:
    """What a shell makes of these lines: the arguments of each."""
    folder.mkdir()
    environ = {"PATH": f"{stubs}:/usr/bin:/bin", "OPENAI_ADMIN_KEY": ADMIN, "OPENAI_USER_KEY": USER}
    script = "\n".join(["set -eu", *lines])
    done = subprocess.run(["sh"], input=script.encode(), env=environ, capture_output=True, check=True, cwd=folder)
    assert done.stderr == b""
    assert list(folder.iterdir()) == [], "something else was run"
    words = done.stdout.decode().split("\0")[:-1]
    return [list(group) for is_end, group in groupby(words, lambda word: word == "---") if not is_end]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("shouting", "github"), [(True, True), (False, False), (True, False), (False, True)][: None if ALL else 1]
)
def test_no_text_of_a_server_becomes_more_than_text(
    shouting: bool,
    github: bool,
    tmp_path: Path,
    stubs: Path,
) -> None:
    host = loud(shouting=shouting)
    folder = tmp_path / "run"
    folder.mkdir()
    more = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")} if github else {}
    ran = check(host, folder, *(["--verbose"] if github else []), **more)
    measured(ran, f"payloads{', shouting' if shouting else ''}")
    assert_sound(ran, host, commands=github)
    assert ran.code == ExitCode.BROKEN
    assert "pwned" in ran.told, "the payloads are shown"
    if github:
        summary = (folder / "summary.md").read_text(encoding="utf-8")
        harmless.lines(summary)
        harmless.markdown(summary)
    told = dict(commands(ran.report))
    assert any("pwned" in line for line in told)
    given = arguments(stubs, list(told), tmp_path / "shell")
    for words, asked in zip(given, told.values(), strict=True):
        assert words[:2] == ["-gsS", "--path-as-is"]
        assert words[-1] == host.base_url + asked["target"]
        if asked["credential"] == "admin":
            assert words[2:4] == ["-H", f"Authorization: Bearer {ADMIN}"]
            assert len(words[4:-1]) in {0, 2}
            assert all(word == "-H" or word.startswith("Accept:") for word in words[4:-1])
    (again,) = arguments(stubs, [ran.report["repeat"]], tmp_path / "again")
    assert again[again.index("--checkpoint") + 1] == Injecting.CHECKPOINT


def test_a_break_out_would_be_noticed(tmp_path: Path, stubs: Path) -> None:
    with pytest.raises(AssertionError):
        arguments(stubs, ["curl x; touch pwned"], tmp_path / "shell")
    for line in ("\x1b[31m", "\u202ex", "  ::error::x", "x ##[group]", "::error title=a:b::x", "\x9b"):
        with pytest.raises(AssertionError):
            harmless.lines(line)
    for page in ("<script>a</script><script>b</script>", "<p>", "<img src=x>"):
        with pytest.raises(AssertionError):
            harmless.page(page)
    for text in ("[x](y:z)", "![x](y)", "<b onclick>x</b><i>", "*a*"):
        with pytest.raises(AssertionError):
            harmless.markdown(text)


# Ids that are hostile and right


ODD_IDS = (
    *("cafe\u0301", "caf\u00e9", "\u212b", "\u00c5", "A\u030a", "\ufb01", "fi", "\u1e9e", "ss", "\u0130", "i\u0307"),
    *("..", ".", "../x", "%2F", "%2f", "%", "+", " ", "a b", "&limit=1", "?a=b", "#x", "=", ";", "a,b", "\\", '"', "'"),
    *("null", "0", "-1", "true", "undefined", "[]", "{}", "\U0001f600", "\u05d0\u202e", "x" * 2000, "\u200b", "\ufeff"),
)
"""Ids that some reader takes for something else, or for each other."""


def odd_ids() -> Dataset:
    return seeded(permission_form=lambda number, _: ODD_IDS[number] if number < len(ODD_IDS) else f"cp_{number}")


class Normalizing(Behaviour):
    """Takes ids that differ only in their Unicode form for the same."""

    def position(self, ordered: Sequence[Permission], asked: AskedOfServer, /) -> int:
        if asked.after is None:
            return super().position(ordered, asked)
        wanted = unicodedata.normalize("NFKC", asked.after)
        places = [place for place, one in enumerate(ordered) if unicodedata.normalize("NFKC", one.id) == wanted]
        return places[0] + 1 if places else self.unknown_after(ordered, asked)


@pytest.mark.parametrize(("behaviour", "code"), [(Behaviour, ExitCode.KEPT), (Normalizing, ExitCode.BROKEN)])
def test_odd_ids_are_no_breach_and_confusing_them_is_one(behaviour: type[Behaviour], code: int) -> None:
    with Server(odd_ids(), behaviour()) as server:
        data = server.dataset
        target = Target(server.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint, user_key=True)
        keys = Keys.of(data.admin_key, data.user_key)
        result = run(Plan(target=target, keys=keys, operation=load_operation(), seed=1))
    assert result.exit_code == code, [one.clause for one in result.judgements if one.verdict is Verdict.BROKEN]
    assert result.items == len(data.permissions)
