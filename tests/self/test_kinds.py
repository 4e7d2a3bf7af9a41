"""What judging the systems of others taught about access: kinds in errors, and paths without anything before them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlsplit

import pytest

from contracts.clauses.registry import find
from contracts.core.model import Answer, Exchange, Query, Request, Target
from contracts.core.result import Finding
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.probes.access import _spelled
from contracts.probes.asking import Asking
from contracts.spec.loading import load_operation
from contracts.spec.operation import Operation

FILES = Path(__file__).parents[1] / "peers" / "documents" / "openai-form.yaml"


def answered(number: int, query: str, credential: str, status: int, body: object) -> Exchange:
    answer = Answer(status, "", (("Content-Type", "application/json"),), json.dumps(body).encode())
    return Exchange(number, Request("/files", query, credential), answer, None, 0, 1, 0.0, 0.1, "walks")


@pytest.fixture(scope="module")
def files() -> Operation:
    return load_operation(FILES, name="listFiles")


@pytest.mark.parametrize(
    ("purpose", "shown"), [("assistants", False), ("fine-tune", False), ("proj_7f3a9c", True), ("AcmeSupport", True)]
)
def test_an_error_may_name_the_kinds_that_a_filter_takes(files: Operation, purpose: str, shown: bool) -> None:  # noqa: FBT001 - cases
    item = {"id": "file-1", "object": "file", "created_at": 1, "filename": "a", "purpose": purpose}
    page = {"object": "list", "data": [item], "first_id": "file-1", "last_id": "file-1", "has_more": False}
    refusal = {"error": {"message": f"purpose must be '{purpose}' or 'batch'"}}
    evidence = Evidence(
        Reader(files),
        Target("http://h/v1", ""),
        [answered(1, "", "admin", 200, page), answered(2, "purpose=none", "none", 400, refusal)],
    )
    found = [one for one in find(["SEC-008"])[0].judge(evidence) if isinstance(one, Finding)]
    assert bool(found) == shown


@pytest.mark.parametrize(("address", "least"), [("http://h", 1), ("http://h/", 1), ("http://h/v1", 2)])
def test_no_spelling_of_the_path_loses_its_first_slash(files: Operation, address: str, least: int) -> None:
    asking = SimpleNamespace(operation=files, query=lambda: Query(""), forms=("none",), target=Target(address, ""))
    found = _spelled(cast(Asking, asking))
    assert len(found) >= least
    assert all(f"{urlsplit(address).path.rstrip('/')}{each.path}".startswith("/") for each in found)
