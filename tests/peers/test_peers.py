"""The suite on systems of others, as people run them: `docs/peers.md` tells what it finds and why.

Each breach is true of them, or the suite is mended; each clause that is kept is so for a reason. A change of either is
looked into. `CONTRACT_PEERS_UPDATE=1` writes down what was found, and with `CONTRACT_PEERS_NEWEST=1` that of the newest
versions is compared.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import tables
from keeping import Kept, Served
from systems import KEY, PRISM, SYSTEMS, Listed, Missing, System

CHECK = (sys.executable, "-m", "contracts", "check", "--requests=400")
PLACE = os.environ.get("CONTRACT_PEERS", "")
"""Where the systems are installed; `tox -e peers` names a folder of its own."""
ISSUES = os.environ.get("CONTRACT_PEERS_ISSUES", "")
UPDATE = bool(os.environ.get("CONTRACT_PEERS_UPDATE"))
KNOWN = {
    ("llmock", "Message batches"): {"PAG-010", "PAG-017"},  # after_id is ignored, so that the list never ends
    ("LiteLLM", "Files"): {"PAG-001", "PAG-010", "ORD-003"},  # limit, after and order are ignored
    ("ogx", "Vector stores"): {"PRV-003"},  # before gives the head of the list
    ("localstripe", "Customers"): {"PAG-024", "ORD-002"},  # an unknown cursor begins again; the oldest come first
}
"""What must be found, whatever else is."""


@dataclass(frozen=True)
class Running:
    """A system that listens and is filled."""

    system: System
    served: Served
    base_url: str
    at: dict[str, str]


@pytest.fixture(scope="module", params=SYSTEMS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    if not PLACE:
        pytest.skip("installs systems of others, which `tox -e peers` does")
    with ExitStack() as stack:
        try:
            yield started(SYSTEMS[request.param], tmp_path_factory.mktemp("peers"), stack)
        except Missing as missing:
            pytest.skip(str(missing))


def started(system: System, folder: Path, stack: ExitStack) -> Running:
    """A system, and the one that it stands in front of, each with a folder of its own."""
    behind = started(SYSTEMS[system.behind], folder, stack) if system.behind else None
    programs = system.installed(Path(PLACE))
    data = folder / system.slug
    data.mkdir()
    system.prepare(data)
    where = behind.base_url if behind else ""
    served = Served(
        lambda port: system.command(programs, data, port, where), data / "log", system.environ(programs, data, where)
    )
    stack.enter_context(served)
    at = system.fill(served.base_url, data)
    kept = stack.enter_context(Kept(served))
    return Running(system, served, kept.base_url, (behind.at if behind else {}) | at)


def check(base_url: str, listed: Listed, at: dict[str, str], report: Path) -> tuple[int, dict[str, Any], str]:
    """What `contracts check` says of a list: exit code, JSON report, and what it prints."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTS_", "GITHUB_"))}
    issues = f"--issues={report.parent / 'issues'}"
    done = subprocess.run(
        [*CHECK, f"--base-url={base_url}{listed.path}", f"--json={report}", *listed.options(at), issues],
        env=environ | {"OPENAI_ADMIN_KEY": KEY, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=1500,
    )
    assert report.exists(), done.stderr
    return done.returncode, json.loads(report.read_text(encoding="utf-8")), done.stdout


def asked_again(issue: str, base_url: str) -> tuple[str, str]:
    """The status that an issue names, and the one that its command gets from the system: 000 where no answer came.

    A system that dies of one command may take the next one with it, which is given again where an answer is named.
    """
    outcome = re.findall(r"^\d+\. .* → (.*)$", issue, re.MULTILINE)[-1]
    # One that was sent again tells so behind the status.
    status = re.match(r"\d{3}\b", outcome)
    named = status[0] if status is not None else "000"
    commands = re.findall(r"^```sh\n(.*?)^```", issue, re.MULTILINE | re.DOTALL)[0]
    _, first, rest = commands.partition("BASE_URL=https://server.example/v1\n")
    assert first, "the address of the target is named"
    shown = """curl() { command curl --noproxy '*' -o /dev/null -w '%{http_code}\\n' "$@"; }"""
    lines = f"BASE_URL={base_url}\n{shown}\n{rest}"
    environ = os.environ | {"OPENAI_ADMIN_KEY": KEY}
    got = ""
    for _ in range(2):
        done = subprocess.run(["sh", "-c", lines], env=environ, capture_output=True, text=True, check=False)
        got = done.stdout.split()[-1] if done.stdout.split() else done.stderr
        if got == named:
            break
        time.sleep(1)
    return named, got


def having(report: dict[str, Any], verdict: str) -> set[str]:
    return {clause["id"] for clause in report["clauses"] if clause["verdict"] == verdict}


@pytest.mark.timeout(5400)
def test_the_suite_finds_what_is_known_and_nothing_else(running: Running, tmp_path: Path) -> None:
    name = running.system.name
    found, unsure = {}, []
    for listed in running.system.lists:
        _, report, said = check(running.base_url, listed, running.at, tmp_path / "report.json")
        assert report["requests"]["total"] <= 400
        assert report["verdict"] in {"broken", "incomplete", "kept"}, said
        broken, warned = having(report, "broken"), having(report, "warned") - running.system.now_and_then
        assert KNOWN.get((name, listed.name), set()) <= broken | warned
        for file in sorted((tmp_path / "issues").iterdir()):
            issue = file.read_text(encoding="utf-8")
            assert KEY not in issue
            assert "127.0.0.1" not in issue
            if shutil.which("curl") is not None:
                named, got = asked_again(issue, running.base_url + listed.path)
                assert got == named, f"{name}, {listed.name}: {issue}"
            if ISSUES:
                Path(ISSUES).mkdir(parents=True, exist_ok=True)
                (Path(ISSUES) / f"{running.system.slug}-{file.name}").write_text(issue, encoding="utf-8")
        shutil.rmtree(tmp_path / "issues")
        found[listed.name] = tables.Verdicts(tuple(sorted(broken)), tuple(sorted(warned)), len(having(report, "kept")))
        unsure += [
            clause["id"]
            for clause in report["clauses"]
            if clause["verdict"] == "broken" and clause["finding"]["seen"] != clause["finding"]["asked"]
        ]
    version = running.system.version(running.system.installed(Path(PLACE)))
    if UPDATE:
        tables.write(name, version, found)
    known = tables.read()[name]
    differences = tables.differences(known, version, found)
    assert not differences, "\n".join(differences)
    assert not unsure


@pytest.mark.timeout(1800)
def test_prism_dies_of_one_request_and_the_run_says_so(tmp_path: Path) -> None:
    if not PLACE:
        pytest.skip("installs systems of others, which `tox -e peers` does")
    with ExitStack() as stack:
        try:
            prism = started(PRISM, tmp_path, stack)
        except Missing as missing:
            pytest.skip(str(missing))
        # With several requests under way the report can name no more than those: on a slow machine they are.
        alone = replace(PRISM.lists[0], more=(*PRISM.lists[0].more, "--concurrency=1"))
        code, report, said = check(prism.served.base_url, alone, {}, tmp_path / "report.json")
        assert not prism.served.alive
    assert (code, report["verdict"]) == (4, "target gone")
    assert "INP-008" in having(report, "broken")
    assert "went away" in said
    assert "/checkpoints/%FF/permissions" in said


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_is_found_is_explained(name: str) -> None:
    known = tables.read()[name]
    table, words = tables.parted(tables.sections()[name])
    assert table == tables.table(known), "the table is not that of the last run: CONTRACT_PEERS_UPDATE=1 writes it"
    explained = set(re.findall(r"[A-Z]{3}-\d{3}", words))
    found = {id_ for each in known.lists.values() for id_ in (*each.broken, *each.warned)}
    assert found == explained & (found | explained), (
        f"not explained: {found - explained}; not found: {explained - found}"
    )


def test_the_versions_are_pinned_and_named() -> None:
    known = tables.read()
    assert set(known) == set(SYSTEMS)
    for name, system in SYSTEMS.items():
        assert all("==" in each for each in system.packages)
        assert known[name].version == system.packages[0].rpartition("==")[2]
