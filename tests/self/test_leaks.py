"""The key: sought in everything that a command leaves behind, in every form in which it could be written down."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from canary import ADMIN, KEYS, RUN, USER, forms, leaking, leaks
from hostile import JSON, WHEN, Asked, Host, Reply, Right, ending, ok, page
from test_hostile import DATASET, DECLARED, Ran, check, child, environment

from contracts.core.errors import ExitCode
from contracts.mock.faults import FAULTS
from contracts.mock.server import Server

ALL = os.environ.get("HOSTILE") == "all"
"""Whether each fault of the embedded server is looked at, and not only some."""


QUICK = () if ALL else ("SEC", "SCO")
"""The families that are judged: those that send keys in every form take a second, all of them four."""


FORMS = forms()


# The search itself


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("form", FORMS)
def test_a_piece_that_is_planted_is_found(key: str, form: str) -> None:
    write, half = FORMS[form], len(KEYS[key]) // 2
    for piece in (KEYS[key], KEYS[key][:half], KEYS[key][half:], KEYS[key][9 : 9 + RUN]):
        assert leaks(b"\0\xff before " + write(piece).encode() + b" after")
        assert leaks(json.dumps({"a": write(piece)}).encode())
    assert leaks(b"\0\xff before " + write(KEYS[key][::2]).encode() + b" after") == []


def test_every_file_of_a_folder_is_looked_at(tmp_path: Path) -> None:
    for place in ("report.json", ".hidden/deep/cache", "binary"):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\0\xff before " + ADMIN.encode() + b" after")
        assert set(leaking(tmp_path)) == {place}
        file.write_bytes(b"nothing")
        assert leaking(tmp_path) == {}


def test_a_key_in_the_name_of_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / f"run-{ADMIN}").touch()
    assert leaking(tmp_path)


def test_an_innocent_text_holds_no_key() -> None:
    assert leaks(b"an innocent text about sk-admin- keys") == []


# Servers that tell the key to everybody


def _telling(asked: Asked) -> Reply:
    """A key goes back whole, in halves or in thirds, in each form and in many places."""
    sent = asked.key.removeprefix("Bearer ") or next(iter(asked.query.values()), "")
    if asked.number % 2:
        sent = ADMIN
    write = list(FORMS.values())[asked.number % len(FORMS)]
    size = -(-len(sent) // (1 + asked.number // 3 % 3)) or 1
    ways = [write(sent[begin : begin + size]) for begin in range(0, len(sent), size)] or [""]
    lines = [way.encode().replace(b"\n", b" ") for way in ways]
    raw, last = lines[0], lines[-1]
    items = [
        {"object": "checkpoint.permission", "id": f"cp_{way}", "created_at": 1_700_000_000, "project_id": way}
        for way in ways
    ]
    loud = (JSON, b"X-Key: " + raw, b"X-Rest: " + last, b'WWW-Authenticate: Bearer error="' + b", ".join(lines) + b'"')
    told = dict(zip("abc", ways, strict=False))
    replies: tuple[Reply, ...] = (
        ok(page(items, has_more=True, **{ways[0]: ways[-1]}), *loud, status=b"200 " + raw),
        ok(json.dumps({"error": {"message": "Incorrect API key provided.", **told}}).encode(), *loud, status=b"401 No"),
        ok(b"<html>" + b"<br>".join(lines) + b"</html>", b"Content-Type: text/html; charset=" + raw[:200]),
        ok(
            b"", b"Location: http://127.0.0.1:{other}/?a=" + b"&b=".join(lines).replace(b" ", b"+"), status=b"302 There"
        ),
        ok(b"", b"Location: /v1/" + last, status=b"307 There"),
        ending(b"HTTP/1.1 " + raw + b"\r\n\r\n"),
        ending(last + b"\r\n\r\n"),
        ending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=" + raw + b"\r\n{}\r\nz;" + last + b"\r\n"),
        ok(raw, b"Content-Encoding: " + raw[:200]),
        ok(gzip.compress(b"\n".join(lines) * 9), JSON, b"Content-Encoding: gzip"),
        ok(b"{}", b"Content-Length: " + last),
        ok(b'{"a": ' + raw + b"}", JSON, status=b"500 " + last),
        ok(b"x", b"X-" + raw.replace(b" ", b"") + b": y", b"Retry-After: " + raw, status=b"429 " + last),
    )
    return replies[asked.number // 2 % len(replies)]


def telling(when: str = "in mid-run") -> Host:
    return Host(_telling, WHEN[when], Right(DATASET))


def assert_silent(ran: Ran) -> None:
    assert ran.code in DECLARED, ran.told
    assert leaking(ran.folder) == {}
    # One that a server sends stands within a line of the report.
    assert not re.search("^Traceback", ran.told, re.MULTILINE)


@pytest.mark.timeout(240)
def test_no_report_repeats_what_a_server_tells(tmp_path: Path) -> None:
    host = telling()
    words = (*QUICK, "--verbose", "--requests", "150")
    ran = check(host, tmp_path, *words, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY="summary")
    assert_silent(ran)
    assert host.other.connections == 0
    assert "[credential:admin]" in (tmp_path / "run.har").read_text(encoding="utf-8"), "it was told, and redacted"
    # What was recorded is judged again, and as little is told of it.
    again = child(tmp_path, "replay", "run.har", "--verbose", "--json=again.json", "--html=again.html")
    assert_silent(again)
    assert again.code == ExitCode.BROKEN


@pytest.mark.timeout(240)
@pytest.mark.parametrize("when", ["now and then", "always"][: None if ALL else 1])
def test_no_other_command_repeats_it(when: str, tmp_path: Path) -> None:
    named = ["--checkpoint", DATASET.checkpoint, "--other-checkpoint", DATASET.other_checkpoint]
    with telling(when) as host:
        ran = child(tmp_path, "doctor", "--base-url", host.base_url, *named, "--verbose")
    assert_silent(ran)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("workers", [[], ["-n", "2"]][: None if ALL else 1])
def test_no_session_of_pytest_repeats_it(workers: list[str], tmp_path: Path) -> None:
    keys = {"OPENAI_ADMIN_KEY": ADMIN, "OPENAI_USER_KEY": USER}
    with telling() as host, (tmp_path / "out").open("wb") as out:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "--pyargs", "contracts.suite", "-vv", "--showlocals", "--full-trace"),
                *("--base-url", host.base_url, "--checkpoint", DATASET.checkpoint, "--contract-requests", "60"),
                *("--contract-timeout", "2", "--contract-record", "run.har", "--junitxml", "junit.xml", *workers),
                *(
                    "-k",
                    " or ".join(QUICK),
                    "--basetemp",
                    str(tmp_path / "temporary"),
                    "-o",
                    f"cache_dir={tmp_path / 'cache'}",
                ),
            ],
            cwd=tmp_path,
            env=environment(**keys, PYTEST_ADDOPTS=""),
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    assert done.returncode in DECLARED, (tmp_path / "out").read_text(encoding="utf-8")
    assert (tmp_path / "cache").exists()
    assert leaking(tmp_path) == {}


SOME = ("refusal-repeats-header",)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", FAULTS if ALL else SOME)
def test_no_fault_of_the_embedded_server_brings_it_out(name: str, tmp_path: Path) -> None:
    fault = FAULTS[name]
    given = fault.dataset() if fault.dataset else DATASET
    data = replace(given, admin_key=ADMIN, user_key=USER)
    files = [f"--{form}=report.{form}" for form in ("json", "html", "markdown", "junit")]
    named = ["--checkpoint", data.checkpoint, "--other-checkpoint", data.other_checkpoint]
    with Server(data, fault.behaviour()) as server:
        words = [
            "check",
            *QUICK,
            "--base-url",
            server.base_url,
            *named,
            *files,
            "--record=run.har",
            "-v",
            "--timeout=3",
        ]
        ran = child(tmp_path, *words)
    assert_silent(ran)


# Crashes

CRASH = """
import contracts.{module} as module

def crash(*_, **__):
    error = RuntimeError("the request was GET /x?api_key={key} with Authorization: Bearer {key}")
    error.add_note("as the note says: {key}, {coded}")
    raise error from ValueError({key!r})

module.{name} = crash
"""


PLACES = (("verdicts.judging", "judge"), ("traffic.pool", "Pool.get"), ("reports.html", "render"))


@pytest.mark.parametrize(("module", "name"), PLACES[: None if ALL else 2])
@pytest.mark.parametrize("source", ["file", "environment"][: None if ALL else 1])
def test_no_crash_shows_it(module: str, name: str, source: str, tmp_path: Path) -> None:
    """An exception may hold anything; it is told on standard error, with --verbose in all its length."""
    run = tmp_path / "run"
    run.mkdir()
    patch = tmp_path / "patch"
    patch.mkdir()
    coded = base64.b64encode(f"Bearer {ADMIN}".encode()).decode()
    crash = CRASH.format(module=module, name=name, key=ADMIN, coded=coded)
    # The interpreter imports it before everything else; the modules of the suite come when they are asked for.
    (patch / "crashing.py").write_text(crash + "from contracts.cli import main\nmain()\n", encoding="utf-8")
    keys = {"OPENAI_ADMIN_KEY": ADMIN, "OPENAI_USER_KEY": USER}
    words: list[str] = []
    if source == "file":
        (patch / "key").write_text(ADMIN, encoding="utf-8")
        keys, words = {}, [f"--key-file={patch / 'key'}"]
    with Host(lambda _asked: b"", lambda _asked: False, Right(DATASET)) as host, (run / "out").open("wb") as out:
        done = subprocess.run(
            [
                *(sys.executable, str(patch / "crashing.py"), "check", "SEC", "--base-url", host.base_url, "--verbose"),
                *("--checkpoint", DATASET.checkpoint, "--json=report.json", "--html=report.html", *words),
            ],
            cwd=run,
            env=environment(**keys),
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    told = (run / "out").read_text(encoding="utf-8")
    assert done.returncode == ExitCode.INTERNAL, told
    assert "RuntimeError" in told
    assert "as the note says: " in told, "the traceback is shown, without the key"
    assert leaking(run) == {}


# What other processes get to see


def test_a_command_for_the_key_gets_no_key_and_no_one_else_sees_it(tmp_path: Path) -> None:
    """Neither the command that gives a key nor whoever looks at the list of processes."""
    run = tmp_path / "run"
    run.mkdir()
    giving = tmp_path / "give.py"
    giving.write_text(
        "import os\nfrom pathlib import Path\n"
        f"run = Path({str(run)!r})\n"
        "(run / 'environment').write_bytes(Path('/proc/self/environ').read_bytes())\n"
        "(run / 'parent').write_bytes(Path(f'/proc/{os.getppid()}/cmdline').read_bytes())\n"
        f"print({ADMIN!r})\n",
        encoding="utf-8",
    )
    with telling("now and then") as host:
        ran = child(
            run,
            *("doctor", "--base-url", host.base_url, "--checkpoint", DATASET.checkpoint, "-v"),
            *("--key-command", f"{sys.executable} {giving}"),
        )
    assert ran.code in DECLARED
    assert (run / "environment").stat().st_size
    assert b"doctor" in (run / "parent").read_bytes()
    assert leaking(run) == {}


def test_schema_and_plan_say_nothing_of_it(tmp_path: Path) -> None:
    for words in (["schema"], ["plan", *QUICK]):
        assert_silent(child(tmp_path, *words))
