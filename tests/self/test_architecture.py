"""What holds between the packages, what is said of each clause, and what a whole run promises whatever it finds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from quoting import stands

from contracts.clauses.registry import FAMILIES, TITLE_LENGTH, Clause, clauses
from contracts.core.model import Target
from contracts.core.result import Result
from contracts.mock.faults import EVERY_FAULT
from contracts.mock.server import Logged, Server
from contracts.mock.store import seeded
from contracts.openapi.loading import load_operation
from contracts.probes import PROBES
from contracts.runs.live import run
from contracts.runs.plan import Plan
from contracts.traffic.keys import Keys
from contracts.traffic.limits import DEFAULT_BUDGET

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "contracts"

LEVELS = {
    "ENV": "ddddddrd",
    "ITM": "ddddddiiiad",
    "PAG": "dd" + "i" * 19 + "siad",
    "PRV": "didii",
    "TOK": "iiiiisra",
    "ORD": "diiiiii",
    "FLT": "diiiiii",
    "SCO": "issi",
    "HTP": "ddrarsi",
    "SEC": "s" * 10 + "rassi",
    "INP": "rrrrssars",
    "OBS": "o" * 16,
}
"""Every clause of every family by the first letter of its level. Ids never move, so this table only grows."""


# The catalogue


def test_the_families_are_complete() -> None:
    found: dict[str, str] = dict.fromkeys(LEVELS, "")
    for clause in clauses():
        family = clause.id[:3]
        assert clause.id == f"{family}-{len(found[family]) + 1:03}"
        found[family] += clause.level[0]
    assert found == LEVELS, "LEVELS has the level of each clause by its first letter"
    assert list(FAMILIES) == list(LEVELS)


@pytest.mark.parametrize("clause", [pytest.param(clause, id=clause.id) for clause in clauses()])
def test_a_clause_has_all_that_is_said_of_clauses(clause: Clause) -> None:
    assert stands(clause.quote), clause.quote
    assert 0 < len(clause.title) <= TITLE_LENGTH
    assert not clause.title.endswith(".")
    assert clause.title.isprintable()
    assert "::" not in clause.title
    assert clause.why.endswith(".")
    assert clause.good
    assert clause.bad
    assert clause.good != clause.bad
    assert clause.probes
    assert clause.asked_by <= PROBES.keys()
    assert len(_declared_in(clause)) == 1


def _declared_in(clause: Clause) -> list[str]:
    """The modules of its family that declare a clause; where a family is a package, its docstring must say which."""
    rooms = [PACKAGE / "clauses" / f"{clause.family}.py", *(PACKAGE / "clauses" / clause.family).glob("*.py")]
    texts = {room.stem: room.read_text(encoding="utf-8") for room in rooms if room.is_file()}
    found = [name for name, text in texts.items() if re.search(rf'\w\(\s*"{clause.id}"', text)]
    if "__init__" in texts:
        rows = [row for row in texts["__init__"].splitlines() if clause.id in row]
        table = f"the table in contracts/clauses/{clause.family}/__init__.py names each clause beside its module"
        assert [row.split("`")[1] for row in rows] == found, table
    return found


def test_every_clause_that_judges_has_a_fault_that_breaks_it() -> None:
    judging = {clause.id for clause in clauses() if not clause.id.startswith("OBS")}
    assert judging <= {fault.clause for fault in EVERY_FAULT.values()} <= judging


# A whole run


def whole(server: Server, *, seed: int) -> Result:
    data = server.dataset
    return run(
        Plan(
            target=Target(
                server.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint, user_key=True
            ),
            keys=Keys.of(data.admin_key, data.user_key),
            operation=load_operation(),
            seed=seed,
        )
    )


@pytest.fixture(scope="module")
def watched() -> tuple[Result, list[Logged]]:
    """A run of everything, and what the server got to see of it."""
    with Server(seeded(size=57, projects=3)) as server:
        result = whole(server, seed=11)
        return result, list(server.log)


def test_only_get_leaves(watched: tuple[Result, list[Logged]]) -> None:
    result, log = watched
    assert {entry.method for entry in log} == {"GET"}
    assert len(log) == result.requests, "no request passes by the count"
    unasked = {"backwards", "tokens"}
    assert set(dict(result.requests_by_probe)) >= set(PROBES) - unasked, "everything was asked"
    assert not set(dict(result.requests_by_probe)) & unasked, "there is no such cursor"


def test_a_usual_run_is_cheap(watched: tuple[Result, list[Logged]]) -> None:
    result, log = watched
    assert (result.items, result.projects) == (57, 3)
    assert len(log) <= DEFAULT_BUDGET == 300


def test_what_is_asked_depends_on_the_seed_alone(tmp_path: Path) -> None:
    asked = {}
    # What a set or a hash decides differs from process to process.
    for number, (seed, hashes) in enumerate([(5, 1), (5, 2), (6, 1)]):
        file = tmp_path / f"{number}.har"
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("CONTRACTS_", "OPENAI_"))}
        subprocess.run(
            [sys.executable, "-m", "contracts", "check", "--quiet", "--seed", str(seed), "--record", str(file)],
            env={**environment, "PYTHONHASHSEED": str(hashes)},
            check=True,
            capture_output=True,
        )
        entries = json.loads(file.read_text(encoding="utf-8"))["log"]["entries"]
        asked[number] = [entry["request"]["url"].split("/v1/", 1)[1] for entry in entries]
    assert asked[0] == asked[1]
    assert asked[0] != asked[2]


@pytest.mark.parametrize(
    ("word", "unused"),
    [
        ("--help", ("contracts.clauses", "contracts.evidence", "contracts.verdicts", "contracts.mock")),
        ("list", ("contracts.evidence", "contracts.verdicts", "contracts.mock", "contracts.openapi.operation")),
    ],
)
def test_a_command_loads_what_it_uses(word: str, unused: tuple[str, ...]) -> None:
    foreign = ("yaml", "jsonschema", "referencing", "requests", "schemathesis", "hypothesis", "pytest", "jinja2", "h11")
    code = f"""
import sys
from contracts.cli import main
try:
    main([{word!r}])
finally:
    print([name for name in sys.modules if name.startswith({(*unused, *foreign)!r})], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
