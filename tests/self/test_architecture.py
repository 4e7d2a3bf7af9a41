"""What holds between the rooms, measured from the code, and what a whole run promises whatever it finds."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import contracts
from contracts.catalogue import FAMILIES, TITLE_LENGTH, Clause, clauses
from contracts.mock.faults import FAULTS
from contracts.mock.server import Entry, Server
from contracts.mock.store import seeded
from contracts.model import Result, Target
from contracts.operation import load_operation
from contracts.probes import PROBES
from contracts.quotes import published_texts
from contracts.run import DEFAULT_BUDGET, Plan, run
from contracts.traffic.credentials import Keys

PACKAGE = Path(contracts.__file__).parent

ROOMS = (
    *("errors", "model", "wording", "interrupts", "mock"),
    *("document", "reading", "reduction", "body", "operation", "quotes", "validation"),
    *("traffic", "listing", "reader", "evidence", "catalogue", "clauses"),
    *("judging", "deviations", "repeating", "conclusion", "census", "deep"),
    *("probes", "run", "configfile", "words", "settings", "target", "replay", "doctor", "reports"),
    *("hooks", "selftest", "pytest", "cli", "__main__"),
)
"""From the bottom to the top: a room imports only from rooms before it."""
PYTEST = {"plugin": "pytest", "session": "pytest", "suite": "pytest"}
"""The modules that are one room, because pytest wants them apart."""

NEVER: Mapping[str, frozenset[str]] = {
    "clauses": frozenset({"traffic", "probes", "mock", "run"}),
    "catalogue": frozenset({"traffic", "probes", "mock"}),
    "judging": frozenset({"traffic", "probes", "clauses"}),
    "reader": frozenset({"traffic"}),
    "evidence": frozenset({"traffic"}),
    "listing": frozenset({"traffic", "operation"}),
    "traffic": frozenset(ROOMS) - {"errors", "model"},
    "mock": frozenset(ROOMS),
    "probes": frozenset({"clauses", "catalogue", "judging", "mock"}),
    "run": frozenset({"mock", "clauses"}),
    "replay": frozenset({"mock", "clauses", "probes", "run"}),
    "reports": frozenset({"probes", "mock", "clauses"}),
}
"""What a room does not import although it stands before it."""

WIRE = {"socket", "ssl", "urllib3", "requests", "httpx", "aiohttp", "ftplib", "telnetlib"}
WIRE_MODULES = {"http.client", "http.server", "urllib.request", "asyncio.streams", "socketserver"}
ON_THE_WIRE = {
    "contracts.traffic": {"socket", "ssl", "urllib3", "http.client"},
    "contracts.mock.server": {"socket"},
    "contracts.probes.generated": {"requests"},  # the form in which Schemathesis hands over a request, unsent
}
"""Who may speak to a network, and through what."""

LEVELS = {
    "ENV": "ddddddr",
    "ITM": "ddddddiiia",
    "PAG": "dd" + "i" * 19 + "sia",
    "ORD": "diiiiii",
    "FLT": "diiii",
    "SCO": "issi",
    "HTP": "ddrar",
    "SEC": "s" * 10 + "ra",
    "INP": "rrrrssar",
    "OBS": "o" * 13,
}
"""Every clause of every family by the first letter of its level. Ids never move, so this table only grows."""


# The rooms


def imports(source: str, module: str) -> Iterator[str]:
    """The modules that a module imports, wherever in it and for whatever purpose."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            name = node.module or ""
            # `from contracts import document` names a module by its last part.
            yield from (f"{name}.{alias.name}" for alias in node.names) if name == "contracts" else (name,)


def room(module: str) -> str:
    name = module.split(".")[1]
    return PYTEST.get(name, name)


def misplaced(module: str, source: str) -> list[str]:
    """The imports of a module that its room may not have."""
    here = room(module)
    found = []
    for imported in imports(source, module):
        if imported.split(".")[0] == "contracts":
            there = room(imported)
            if there != here and (there in NEVER.get(here, ()) or ROOMS.index(there) > ROOMS.index(here)):
                found.append(imported)
        elif imported.split(".")[0] in WIRE or imported in WIRE_MODULES:
            allowed = {name for place, names in ON_THE_WIRE.items() if module.startswith(place) for name in names}
            if not {imported, imported.split(".")[0]} & allowed:
                found.append(imported)
    return found


def modules() -> dict[str, Path]:
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = ("contracts", *file.relative_to(PACKAGE).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)] = file
    del found["contracts.__init__"]
    return found


@pytest.mark.parametrize("module", modules())
def test_imports_go_one_way(module: str) -> None:
    assert misplaced(module, modules()[module].read_text(encoding="utf-8")) == []


def test_every_room_has_its_place() -> None:
    assert {room(module) for module in modules()} == set(ROOMS)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("contracts.clauses.pages", "from contracts.traffic.client import Client"),
        ("contracts.clauses.pages", "def f():\n    from contracts.probes import walks"),
        ("contracts.clauses.pages", "import contracts.mock.server"),
        ("contracts.clauses.pages", "from contracts import mock"),
        ("contracts.mock.faults.pages", "from contracts.clauses import pages"),
        ("contracts.mock.app", "from contracts.model import Query"),
        ("contracts.model", "from contracts.evidence import Evidence"),
        ("contracts.run", "from contracts.reports import terminal"),
        ("contracts.probes.walks", "import urllib3"),
        ("contracts.probes.walks", "from http.client import HTTPConnection"),
        ("contracts.cli.doctor", "import socket"),
    ],
)
def test_an_import_against_the_arrows_is_noticed(module: str, source: str) -> None:
    assert misplaced(module, source)


# The catalogue


def test_the_families_are_complete() -> None:
    found: dict[str, str] = dict.fromkeys(LEVELS, "")
    for clause in clauses():
        family = clause.id[:3]
        assert clause.id == f"{family}-{len(found[family]) + 1:03}"
        found[family] += clause.level[0]
    assert found == LEVELS
    assert list(FAMILIES) == list(LEVELS)


@pytest.mark.parametrize("clause", [pytest.param(clause, id=clause.id) for clause in clauses()])
def test_a_clause_is_told_whole(clause: Clause) -> None:
    assert clause.quote.stands(*published_texts()), clause.quote
    assert 0 < len(clause.title) <= TITLE_LENGTH
    assert not clause.title.endswith(".")
    assert clause.title.isprintable()
    assert "::" not in clause.title
    assert clause.why.endswith(".")
    assert clause.good
    assert clause.bad
    assert clause.good != clause.bad
    assert clause.probes
    assert clause.probes <= PROBES.keys()
    assert f'"{clause.id}"' in (PACKAGE / "clauses" / f"{clause.family}.py").read_text(encoding="utf-8")


def test_every_clause_that_judges_has_a_fault_that_breaks_it() -> None:
    judging = {clause.id for clause in clauses() if not clause.id.startswith("OBS")}
    assert judging <= {fault.clause for fault in FAULTS.values()} <= judging


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
def watched() -> tuple[Result, list[Entry]]:
    """A run of everything, and what the server got to see of it."""
    with Server(seeded(size=57, projects=3)) as server:
        result = whole(server, seed=11)
        return result, list(server.log)


def test_only_get_leaves(watched: tuple[Result, list[Entry]]) -> None:
    result, log = watched
    assert {entry.method for entry in log} == {"GET"}
    assert len(log) == result.requests, "no request passes by the count"
    assert set(dict(result.requests_by_probe)) >= set(PROBES), "everything was asked"


def test_a_usual_run_is_cheap(watched: tuple[Result, list[Entry]]) -> None:
    result, log = watched
    assert (result.items, result.projects) == (57, 3)
    assert len(log) <= DEFAULT_BUDGET == 400


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
