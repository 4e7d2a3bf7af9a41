"""The suite on the mock servers that the vendor's SDK repositories use or used: `docs/peers.md` tells what it finds.

They serve examples made from the document, so their answers have the right form and hold no list. Each breach
is true of them, and each clause that is kept is so for a reason; a change of either is looked into.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from keeping import Kept, Served

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENT = ROOT / "spec" / "openapi.yaml"
CHECK = (sys.executable, "-m", "contracts", "check", "--checkpoint=ft-mock")
PLACE = os.environ.get("CONTRACT_PEERS", "")
"""Where the packages of npm are installed; `tox -e peers` names a folder of its own."""


@dataclass(frozen=True)
class Peer:
    name: str
    command: Callable[[str, int], Sequence[str]]
    broken: Mapping[str, Sequence[int]]
    warned: Mapping[str, Sequence[int]]
    may_warn: frozenset[str] = frozenset()
    """What the next request meets now and then when the mock dies of the one before."""


def ids(families: Mapping[str, Sequence[int]]) -> set[str]:
    return {f"{family}-{number:03}" for family, numbers in families.items() for number in numbers}


PRISM = Peer(
    "Prism",
    lambda programs, port: (f"{programs}/prism", "mock", "--verboseLevel=error", f"--port={port}", str(DOCUMENT)),
    {"PAG": [2, 10, 17], "FLT": [4, 5], "SCO": [2, 3], "SEC": [2, 7, 10, 11], "INP": [2, 8]},
    {"ITM": [10], "PAG": [24], "INP": [7]},
    may_warn=frozenset({"HTP-003"}),
)
STEADY = Peer(
    "Steady",
    lambda programs, port: (f"{programs}/steady", "--host=127.0.0.1", f"--port={port}", "--quiet", str(DOCUMENT)),
    {
        "PAG": [2, 7, 10, 17],
        "FLT": [4, 5],
        "SCO": [2, 3],
        "HTP": [5],
        "SEC": [1, 2, 3, 4, 6, 7, 10, 11],
        "INP": [2, 4],
    },
    {"PAG": [24], "INP": [7]},
)
PEERS = (PRISM, STEADY)


@pytest.fixture(scope="session")
def programs() -> str:
    """The folder of the two programs."""
    if not PLACE:
        pytest.skip("installs packages of npm, which `tox -e peers` does")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    place = Path(PLACE)
    shutil.copy(HERE / "package.json", place)
    options = ["--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([npm, "install", *options], cwd=place, check=True)
    return str(place / "node_modules" / ".bin")


def check(base_url: str, report: Path) -> tuple[int, dict[str, Any], str]:
    """What `contracts check` says of a mock: exit code, JSON report, and what it prints."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTS_", "GITHUB_"))}
    done = subprocess.run(
        [*CHECK, f"--base-url={base_url}", f"--json={report}"],
        env=environ | {"OPENAI_ADMIN_KEY": "sk-admin-of-the-mock", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=240,
    )
    assert report.exists(), done.stderr
    return done.returncode, json.loads(report.read_text(encoding="utf-8")), done.stdout


def having(report: dict[str, Any], verdict: str) -> set[str]:
    return {clause["id"] for clause in report["clauses"] if clause["verdict"] == verdict}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_the_suite_runs_to_the_end_and_finds_what_is_known(programs: str, peer: Peer, tmp_path: Path) -> None:
    served = Served(lambda port: peer.command(programs, port), tmp_path / "log")
    with served, Kept(served) as kept:
        code, report, _ = check(kept.base_url, tmp_path / "report.json")
    assert (code, report["verdict"]) == (1, "broken")
    assert having(report, "broken") == ids(peer.broken)
    assert having(report, "warned") - peer.may_warn == ids(peer.warned)
    # A list whose every page goes on has no end, and a run has one all the same.
    assert report["requests"]["total"] < 400
    assert {clause["verdict"] for clause in report["clauses"] if clause["id"].startswith("ENV")} == {"kept"}
    findings = [clause["finding"] for clause in report["clauses"] if clause["verdict"] == "broken"]
    assert all(finding["seen"] == finding["asked"] for finding in findings)


@pytest.mark.timeout(300)
def test_prism_dies_of_one_request_and_the_run_says_so(programs: str, tmp_path: Path) -> None:
    with Served(lambda port: PRISM.command(programs, port), tmp_path / "log") as served:
        code, report, said = check(served.base_url, tmp_path / "report.json")
        assert not served.alive
    assert (code, report["verdict"]) == (4, "target gone")
    assert having(report, "broken") < ids(PRISM.broken)
    assert "INP-008" in having(report, "broken")
    assert "went away" in said
    assert "/checkpoints/%FF/permissions" in said


def test_what_is_found_is_explained() -> None:
    page = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
    _, *sections = re.split(r"^## ", page, flags=re.MULTILINE)
    versions = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for peer in PEERS:
        (section,) = (text for text in sections if text.startswith(peer.name))
        (package,) = re.findall(r"`(@[\w-]+/[\w-]+)` ([\d.]+)", section)
        assert versions[package[0]] == package[1]
        rows = re.findall(r"^\| (.+?) \| (broken|warned) \|", section, re.MULTILINE)
        for verdict, expected in (("broken", ids(peer.broken)), ("warned", ids(peer.warned))):
            named = [name for row, what in rows if what == verdict for name in re.findall(r"[A-Z]{3}-\d{3}", row)]
            assert sorted(named) == sorted(expected), f"{peer.name}: {verdict}"
