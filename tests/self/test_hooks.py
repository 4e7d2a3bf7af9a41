"""The checks for ``st run``: the real command twice, and what it calls on answers of the embedded server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import schemathesis
from listed import FIXED_ORDER, written
from schemathesis.core.failures import FailureGroup

from contracts.clauses.registry import Basis, clauses, find
from contracts.core.result import GATING
from contracts.mock.app import Behaviour
from contracts.mock.faults import FAULTS, open_fault
from contracts.mock.server import Server
from contracts.mock.variants import open_variant
from contracts.plugins import schemathesis as hooks
from contracts.runs.target import embedded
from contracts.settings.choosing import choose
from contracts.settings.operation import operation

SPEC = Path(__file__).parents[2] / "spec" / "openapi.yaml"
WRONG = {
    "created-at-in-milliseconds": "ITM-004",
    "object-missing": "ENV-002",
    "default-ascending": "ORD-001",
    "last-id-of-first-item": "PAG-005",
}


def clauses_in(text: str) -> set[str]:
    return set(re.findall(r"\b([A-Z]{3}-\d{3}) [A-Z`]", text))


# The command


def st_run(server: Server, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a user of Schemathesis runs, with our checks only."""
    with server:
        data = server.dataset
        (folder / "schemathesis.toml").write_text(
            f"""
            hooks = "contracts.plugins.schemathesis"
            [parameters]
            "path.fine_tuned_model_checkpoint" = "{data.checkpoint}"
            [phases.coverage]
            unexpected-methods = []
            """,
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "schemathesis.cli", "run", str(SPEC), "--url", server.base_url]
        command += ["--include-method", "GET", "--max-examples", "20", "--seed", "1", "--no-color"]
        command += ["--checks", "contract,contract_list", "-H", f"Authorization: Bearer {data.admin_key}"]
        environ = {**os.environ, "OPENAI_ADMIN_KEY": data.admin_key}
        environ.pop("PYTHONWARNINGS", None)
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
        assert 200 in {entry.status for entry in server.log}
    assert data.admin_key not in re.sub(r"-H '?Authorization: .*", "", done.stdout)
    return done


def test_a_run_on_a_right_server_has_no_failures(tmp_path: Path) -> None:
    done = st_run(Server(), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert clauses_in(done.stdout) == set()
    assert "1 passed" in done.stdout


def test_a_run_on_a_wrong_server_fails_by_each_clause(tmp_path: Path) -> None:
    wrong: type[Behaviour] = type("Wrong", tuple(FAULTS[name].wrong for name in WRONG), {})
    done = st_run(Server(behaviour=wrong()), tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert set(WRONG.values()) <= clauses_in(done.stdout)
    for clause in find(WRONG.values()):
        assert f"{clause.id} {clause.title}" in done.stdout
    assert "Expected  " in done.stdout
    assert "Actual    " in done.stdout


# What it calls


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """The hooks keep what the environment of their process says."""
    yield
    for remembered in (hooks._only, hooks._described, hooks._keys, hooks._redactor):
        remembered.cache_clear()


class Run:
    """Cases of one operation, and what the hooks say of them as a run of Schemathesis does."""

    def __init__(self, server: Server, spec: Path, path: str, given: Mapping[str, str], headers: Mapping[str, str]):
        self.failed: set[str] = set()
        self._operation = schemathesis.openapi.from_path(spec)[path]["GET"]
        self._server, self._given, self._headers = server, dict(given), dict(headers)
        self._together = hooks.contract_list()

    def ask(self, **query: object) -> Any:
        """One request, whose answer goes to both checks."""
        case = self._operation.Case(path_parameters=self._given, query=query, headers=self._headers)
        response = case.call(base_url=self._server.base_url)
        self._heed(lambda: hooks.contract(None, response, case))
        self._together.after_response(None, response, case)
        return response.json()

    def end(self) -> set[str]:
        """The ids of the clauses that failed."""
        self._heed(lambda: self._together.after_run(None))
        return self.failed

    def _heed(self, check: Any) -> None:
        try:
            check()
        except FailureGroup as failures:
            self.failed |= {
                failure.clause for failure in failures.exceptions if isinstance(failure, hooks.ClauseFailure)
            }


def published(server: Server, monkeypatch: pytest.MonkeyPatch, *, signed: bool = True, twice: bool = True) -> set[str]:
    """What fails when both orders are read, and some pages beside them, the first of them ``twice`` or once."""
    with server:
        data = server.dataset
        monkeypatch.setenv("OPENAI_ADMIN_KEY", data.admin_key)
        headers = {"Authorization": f"Bearer {data.admin_key}"} if signed else {}
        path = "/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions"
        run = Run(server, SPEC, path, {"fine_tuned_model_checkpoint": data.checkpoint}, headers)
        run.ask()
        for order in ("ascending", "descending"):
            after: dict[str, object] = {}
            for _ in range(4):
                page = run.ask(order=order, limit=20, **after)
                after = {"after": page["last_id"]} if page.get("last_id") else {}
            run.ask(order=order, limit=1)
        run.ask(limit=0)
        if twice:
            run.ask()
        assert server.log
    return run.end()


@pytest.mark.parametrize("variant", ["", "moves-every-3", "throttled"])
def test_a_right_server_has_no_failures(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert published(open_variant(variant) if variant else Server(), monkeypatch) == set()


def test_a_list_that_moves_has_no_failures_where_no_page_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert published(open_variant("moves-every-3"), monkeypatch, twice=False) == set()


@pytest.mark.parametrize(("fault", "clause"), WRONG.items())
def test_a_wrong_server_fails_by_the_clause(fault: str, clause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert published(open_fault(fault), monkeypatch) == {clause}


def test_who_may_look_is_judged_where_the_requests_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert published(Server(), monkeypatch, signed=False) == set()
    assert published(open_fault("anonymous-let-in"), monkeypatch, signed=False) == {"SEC-001"}


def test_every_clause_that_fails_a_run_is_judged_once() -> None:
    once, together = ({clause.id for clause in hooks.judged(basis)} for basis in get_args(Basis))
    assert once
    assert together
    assert not once & together
    assert once | together == {clause.id for clause in clauses() if clause.level in GATING}


def test_another_operation_is_judged_where_the_document_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = written(tmp_path, FIXED_ORDER)
    settings = choose({"spec": str(spec), "operation": "listThings", "fault": "created-at-in-milliseconds"}, {})
    monkeypatch.setenv("CONTRACTS_SPEC", str(spec))
    with embedded(settings, operation=operation(settings)) as server:
        data = server.dataset
        monkeypatch.setenv("OPENAI_ADMIN_KEY", data.admin_key)
        given = {"shelf_id": "shelf_id", "rack_id": data.checkpoint}
        run = Run(server, spec, "/shelves/{shelf_id}/racks/{rack_id}/things", given, {"X-Api-Key": data.admin_key})
        assert run.ask(limit=3)["data"]
    assert "ITM-003" in run.end()
