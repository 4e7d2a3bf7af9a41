"""The checks for ``st run``, with the real command against the embedded server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from listed import FIXED_ORDER, written

from contracts.clauses.registry import Basis, clauses, find
from contracts.core.model import GATING
from contracts.mock.faults import open_fault
from contracts.mock.server import Server
from contracts.mock.variants import open_variant
from contracts.plugins.schemathesis import judged
from contracts.runs.target import embedded
from contracts.settings.operation import operation
from contracts.settings.settings import Settings

SPEC = Path(__file__).parents[2] / "spec" / "openapi.yaml"


def st_run(server: Server, folder: Path, *, signed: bool = True) -> subprocess.CompletedProcess[str]:
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
        command += ["--include-method", "GET", "--max-examples", "60", "--seed", "1", "--no-color"]
        command += ["--checks", "contract,contract_list"]
        command += ["-H", f"Authorization: Bearer {data.admin_key}"] if signed else []
        environ = {**os.environ, "OPENAI_ADMIN_KEY": data.admin_key}
        environ.pop("PYTHONWARNINGS", None)
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert data.admin_key not in re.sub(r"-H '?Authorization: .*", "", done.stdout)
    return done


def clauses_in(text: str) -> set[str]:
    return set(re.findall(r"\b([A-Z]{3}-\d{3}) [A-Z`]", text))


@pytest.mark.parametrize("variant", ["", "moves-every-3", "throttled"])
def test_a_right_server_has_no_failures(tmp_path: Path, variant: str) -> None:
    done = st_run(open_variant(variant) if variant else Server(), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert clauses_in(done.stdout) == set()
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(
    ("fault", "clause"),
    [
        ("created-at-in-milliseconds", "ITM-004"),
        ("object-missing", "ENV-002"),
        ("default-ascending", "ORD-001"),
        ("last-id-of-first-item", "PAG-005"),
    ],
)
def test_a_wrong_server_fails_by_the_clause(tmp_path: Path, fault: str, clause: str) -> None:
    done = st_run(open_fault(fault), tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert clause in clauses_in(done.stdout)
    (sentence,) = {one.title for one in find([clause])}
    assert f"{clause} {sentence}" in done.stdout
    assert "Expected  " in done.stdout
    assert "Actual    " in done.stdout


def test_who_may_look_is_judged_where_the_requests_show_it(tmp_path: Path) -> None:
    assert clauses_in(st_run(Server(), tmp_path, signed=False).stdout) == set()
    assert "SEC-001" in clauses_in(st_run(open_fault("anonymous-let-in"), tmp_path, signed=False).stdout)


def test_every_clause_that_fails_a_run_is_judged_once() -> None:
    once, together = ({clause.id for clause in judged(basis)} for basis in get_args(Basis))
    assert not once & together
    assert once | together == {clause.id for clause in clauses() if clause.level in GATING}


def test_another_operation_is_judged_where_the_document_is_named(tmp_path: Path) -> None:
    spec = written(tmp_path, FIXED_ORDER)
    settings = Settings.of({"spec": str(spec), "operation": "listThings", "fault": "created-at-in-milliseconds"}, {})
    with embedded(settings, operation=operation(settings)) as server:
        data = server.dataset
        (tmp_path / "schemathesis.toml").write_text(
            f"""
            hooks = "contracts.plugins.schemathesis"
            [parameters]
            "path.shelf_id" = "shelf_id"
            "path.rack_id" = "{data.checkpoint}"
            [phases.coverage]
            unexpected-methods = []
            """,
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "schemathesis.cli", "run", str(spec), "--url", server.base_url, "-n", "10"]
        command += ["--checks", "contract,contract_list", "-H", f"X-Api-Key: {data.admin_key}", "--no-color"]
        environ = {**os.environ, "OPENAI_ADMIN_KEY": data.admin_key, "CONTRACTS_SPEC": str(spec)}
        environ.pop("PYTHONWARNINGS", None)
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ITM-003 `created_at` is a text" in done.stdout
