"""What a person sees at a terminal of 80 columns, whole, however a run ends: each screen is a file of ``snapshots``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from canary import key_like
from commanding import choose_nothing, run
from results import BROKEN, judgement, result
from rich.cells import cell_len
from snapshotting import snapshot

from contracts.core.errors import ExitCode
from contracts.core.result import Finding, Verdict
from contracts.mock.faults import open_fault
from contracts.mock.server import Server
from contracts.reports.terminal import Style, report

COPIED = (
    "    Repeat    curl ",
    "              curl ",
    "              for each in ",
    "Run again   contracts ",
    "contracts: ",
)
"""What is to be copied, or found by a program, stays in one line."""
CHANGED = "The list changed during the run: items that came or went are left out of every claim."
MOVED = "the list changed each time that this was looked at"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    choose_nothing(monkeypatch)
    monkeypatch.chdir(tmp_path)


def seen(name: str, text: str) -> None:
    """Compare a screen, whose lines fit, short of those that are copied."""
    assert [line for line in text.splitlines() if cell_len(line) > 80 and not line.startswith(COPIED)] == []
    snapshot(name, text)


# Results as they can't be had on demand


def test_a_list_that_moved() -> None:
    twice = Finding("a, b", "a, c", BROKEN.finding.exchanges if BROKEN.finding else ())
    made = result(
        judgement("ENV-001"),
        judgement(
            "PAG-019", Verdict.INCONCLUSIVE, reason=MOVED, provide="a run while the list is quiet", finding=twice
        ),
        judgement("ORD-004", Verdict.INCONCLUSIVE, reason=MOVED, provide="a run while the list is quiet"),
        exit_code=ExitCode.INCOMPLETE,
        notes=(CHANGED,),
    )
    seen("screen-moved", report(made, Style(repeat="contracts check --seed 7")).text())


def test_an_interrupted_run() -> None:
    made = result(
        BROKEN,
        judgement("ENV-001"),
        *(
            judgement(name, Verdict.NOT_EXERCISED, reason="x", provide="y")
            for name in ("SEC-001", "SEC-002", "SEC-003")
        ),
        exit_code=ExitCode.INTERRUPTED,
        interrupted=True,
        notes=("The run was interrupted: only what was asked until then is judged.",),
    )
    seen("screen-interrupted", report(made, Style(repeat="contracts check --seed 7")).text())


def test_a_target_that_went_away() -> None:
    made = result(
        BROKEN,
        judgement("ENV-001"),
        judgement("SEC-001", Verdict.NOT_EXERCISED, reason="no answer shows it", provide="a target that answers"),
        exit_code=ExitCode.CONFIGURATION,
        notes=("The target went away during the run: 3 connections in a row were refused.",),
    )
    seen("screen-gone", report(made, Style(repeat="contracts check --seed 7")).text())


# Whole commands


KEY = key_like("admin", "canary-of-a-screen")


def test_what_can_not_be_judged() -> None:
    done = run("check", "--base-url", "http://127.0.0.1:9/v1", "--checkpoint", "c", env={"OPENAI_ADMIN_KEY": KEY})
    assert (done.exit_code, done.stdout) == (ExitCode.CONFIGURATION, "")
    seen("screen-unreachable", done.stderr)


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[Path]:
    """A file with two targets, of which one is wrong."""
    with Server() as right, open_fault("created-at-in-milliseconds") as wrong:
        tables = [
            f'[[target]]\nname = "{name}"\nbase-url = "{server.base_url}"\ncheckpoint = "{server.dataset.checkpoint}"\n'
            for name, server in (("eu", right), ("us", wrong))
        ]
        (tmp_path / "contracts.toml").write_text("allow-incomplete = true\n" + "".join(tables), encoding="utf-8")
        os.environ["OPENAI_ADMIN_KEY"] = right.dataset.admin_key
        yield tmp_path / "contracts.toml"
        del os.environ["OPENAI_ADMIN_KEY"]


def test_several_targets(configured: Path) -> None:
    assert configured.exists()
    done = run("check", "ITM-004", "ITM-005", "--requests", "60")
    assert done.exit_code == ExitCode.BROKEN
    seen("screen-several", done.stdout)


def test_known_deviations(configured: Path) -> None:
    accepted = '[[deviation]]\nclause = "{}"\nreason = "{}"\nlink = "https://tracker.example/GW-123"\nexpires = {}\n'
    with configured.open("a", encoding="utf-8") as stream:
        stream.write(accepted.format("ITM-004", "A gateway rewrites it; it is replaced in spring.", "9999-12-31"))
    done = run("check", "ITM-004", "ITM-005", "--requests", "60", "--target", "us")
    assert done.exit_code == ExitCode.KEPT
    seen("screen-accepted", done.stdout)
    with configured.open("a", encoding="utf-8") as stream:
        stream.write(accepted.format("ITM-005", "Nobody remembers.", "9999-12-31"))
    done = run("check", "ITM-004", "ITM-005", "--requests", "60", "--target", "us")
    assert done.exit_code == ExitCode.BROKEN
    seen("screen-stale", done.stdout)


def test_what_was_written_for_a_person_to_fill_in() -> None:
    done = run(
        "check", "ITM-004", "--fault", "created-at-in-milliseconds", "--requests", "60", "-q", "--accept-current"
    )
    assert done.exit_code == ExitCode.BROKEN
    seen("screen-accept-current", done.stdout)
    snapshot("accepted-entries", Path("contracts.toml").read_text(encoding="utf-8"))


def test_everything_there_is_to_tell() -> None:
    done = run("check", "SEC-001", "--requests", "60", "--verbose", "--variant", "ids-spaces")
    assert done.exit_code == ExitCode.KEPT
    head, tail = done.stdout.split("\nExchanges\n")
    # Which cases Schemathesis makes is not this file's matter.
    head = re.sub(r" +\d+ cases", "  N cases", head)
    seen("screen-verbose", f"{head}\nExchanges\n[{'…' if tail.count('GET') > 10 else tail}]\n")
    assert all(cell_len(line) <= 80 for line in head.splitlines())


def test_colours_where_they_are_forced_and_none_where_they_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("check", "SEC-005", "--fault", "user-key-let-in", "--requests", "60", "--quiet")
    plain = run(*words).stdout
    forced = run(*words, "--color").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in plain + run(*words).stdout
    snapshot("screen-coloured", forced.replace("\x1b[", "␛"))
