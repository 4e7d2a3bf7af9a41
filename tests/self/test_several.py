"""Several targets in one run: each has its own verdicts, and the worst exit code is that of the whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commanding import APART

from contracts.core.errors import ConfigurationError
from contracts.mock.faults import open_fault
from contracts.mock.server import Server
from contracts.settings.choosing import choose, choose_all
from contracts.settings.settings import Settings

TWO = """
checkpoint = "c"
seed = 4
[[target]]
name = "eu"
base-url = "https://eu.example/v1"
key-variable = "EU_KEY"
[[target]]
name = "us"
base-url = "https://us.example/v1"
checkpoint = "d"
[[deviation]]
clause = "PAG-014"
reason = "r"
target = "us"
[[deviation]]
clause = "PAG-015"
reason = "r"
"""


def settings(folder: Path, given: dict[str, str | bool | None], environ: dict[str, str]) -> tuple[Settings, ...]:
    (folder / "contracts.toml").write_text(TWO, encoding="utf-8")
    return choose_all(given, environ, folder=folder)


def test_each_table_is_a_target(tmp_path: Path) -> None:
    eu, us = settings(tmp_path, {}, {})
    assert [(one.name, one.base_url, one.checkpoint, one.seed) for one in (eu, us)] == [
        ("eu", "https://eu.example/v1", "c", 4),
        ("us", "https://us.example/v1", "d", 4),
    ]
    assert (eu.key_variable, us.key_variable) == ("EU_KEY", None)
    assert us.origin("checkpoint") == "contracts.toml: target us: checkpoint"
    assert [[one.clause for one in each.deviations] for each in (eu, us)] == [["PAG-015"], ["PAG-014", "PAG-015"]]


def test_one_can_be_chosen_and_its_values_be_beaten(tmp_path: Path) -> None:
    (us,) = settings(tmp_path, {"target": "us", "checkpoint": "e"}, {})
    assert (us.name, us.base_url, us.checkpoint) == ("us", "https://us.example/v1", "e")
    (eu,) = settings(tmp_path, {}, {"CONTRACTS_TARGET": "eu"})
    assert eu.name == "eu"
    with pytest.raises(ConfigurationError, match=r"--target US: there is no such target\. Did you mean us\?"):
        settings(tmp_path, {"target": "US"}, {})
    with pytest.raises(ConfigurationError, match=r"--target uk: there is no such target\. There are eu, us\."):
        settings(tmp_path, {"target": "uk"}, {})
    with pytest.raises(ConfigurationError, match=r"There are 2 targets: choose one with --target \(eu, us\)\."):
        choose({}, {}, folder=tmp_path)


def test_another_target_puts_the_tables_aside(tmp_path: Path) -> None:
    (other,) = settings(tmp_path, {"base_url": "https://new.example"}, {})
    assert (other.name, other.base_url, other.checkpoint) == ("", "https://new.example", "c")
    assert [one.clause for one in other.deviations] == ["PAG-015"]
    (embedded,) = settings(tmp_path, {"fault": "x"}, {})
    assert (embedded.name, embedded.base_url, embedded.checkpoint) == ("", None, None)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A configuration with a right target, a wrong one, and one that is not there."""
    with Server() as right, open_fault("created-at-in-milliseconds") as wrong:
        tables = [
            f'[[target]]\nname = "{name}"\nbase-url = "{url}"\ncheckpoint = "{right.dataset.checkpoint}"\n'
            f'key-variable = "{name.upper()}_KEY"\n'
            for name, url in (("right", right.base_url), ("wrong", wrong.base_url))
        ]
        (tmp_path / "contracts.toml").write_text("allow-incomplete = true\n" + "".join(tables), encoding="utf-8")
        key = right.dataset.admin_key
        os.environ.update(RIGHT_KEY=key, WRONG_KEY=key)
        yield tmp_path
        del os.environ["RIGHT_KEY"], os.environ["WRONG_KEY"]


def ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False)


def test_check_judges_each_target(folder: Path) -> None:
    done = ran(folder, "contracts", "check", "ITM", "--json", "report.json")
    assert done.returncode == 1, done.stderr
    first, second = done.stdout.split("Target wrong\n")
    assert first.startswith("Target right\n")
    assert "KEPT: " in first.splitlines()[-2]
    assert "BROKEN: 1 of 10 clauses (ITM-004)" in second
    right, wrong = (json.loads((folder / f"report-{name}.json").read_text()) for name in ("right", "wrong"))
    assert (right["exit_code"], wrong["exit_code"]) == (0, 1)
    assert ran(folder, "contracts", "check", "ITM", "--target", "right").returncode == 0


def test_a_target_that_is_not_there_keeps_no_other_from_being_judged(folder: Path) -> None:
    with (folder / "contracts.toml").open("a", encoding="utf-8") as stream:
        stream.write(
            '[[target]]\nname = "gone"\nbase-url = "http://127.0.0.1:9"\ncheckpoint = "c"\nkey-variable = "RIGHT_KEY"'
        )
    done = ran(folder, "contracts", "check", "ITM-004", "--quiet")
    assert done.returncode == 4
    assert "BROKEN: 1 of 1 clause (ITM-004)" in done.stdout
    assert "contracts: gone: http://127.0.0.1:9 can't be reached" in done.stderr


@pytest.mark.parametrize("workers", [[], ["-n", "2", "--dist", "loadgroup"]])
def test_pytest_has_items_for_each_target(folder: Path, workers: list[str]) -> None:
    if workers:
        pytest.importorskip("xdist")
    words = ["pytest", *APART, "-v", "--pyargs", "contracts.suite", "-k", "ITM", *workers]
    done = ran(folder, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 19 passed" in done.stdout or "1 failed, 17 passed" in done.stdout
    assert "contracts: right" in done.stdout
    assert "contracts: wrong" in done.stdout
    assert "BROKEN: 1 of 10 clauses (ITM-004)" in done.stdout


def test_each_target_has_a_group_of_its_own_for_workers(folder: Path) -> None:
    (folder / "conftest.py").write_text(
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        "        groups = sorted(mark.args[0] for mark in item.iter_markers('xdist_group'))\n"
        "        print(item.callspec.params['contract'], *groups)\n",
        encoding="utf-8",
    )
    words = (
        "pytest",
        "-p",
        "no:cacheprovider",
        "-qs",
        "--collect-only",
        "--pyargs",
        "contracts.suite",
        "-k",
        "ITM-004",
    )
    done = ran(folder, *words, "-c", "/dev/null", "--rootdir", str(folder), "--confcutdir", str(folder), str(folder))
    lines = {line for line in done.stdout.splitlines() if "contracts-" in line and "::" not in line}
    assert lines == {"right contracts contracts-right", "wrong contracts contracts-wrong"}, done.stdout + done.stderr
