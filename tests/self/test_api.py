"""What `from contracts import …` gives: its names, its signatures, and that it costs nothing until it is used."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from canary import key_like

import contracts
from contracts import (
    ConfigurationError,
    ContractsError,
    ExitCode,
    InternalError,
    Progress,
    Result,
    Verdict,
    check,
    replay,
)
from contracts.mock.server import Server

NAMES = {
    *("Answer", "ConfigurationError", "ContractsError", "Exchange", "ExitCode", "Finding", "InternalError"),
    *("Judgement", "Level", "Progress", "Request", "Result", "Target", "Verdict", "check", "replay"),
}
CHECK = (
    "(base_url: 'str | None' = None, *, checkpoint: 'str | None' = None, admin_key: 'str | None' = None,"
    " user_key: 'str | None' = None, clauses: 'Sequence[str]' = (),"
    " on_progress: 'Callable[[Progress], None] | None' = None, **options: 'Option') -> 'Result'"
)
REPLAY = (
    "(path: 'str | PathLike[str]', *, base_url: 'str | None' = None, checkpoint: 'str | None' = None,"
    " other_checkpoint: 'str | None' = None, clauses: 'Sequence[str]' = (), **options: 'Option') -> 'Result'"
)
FIELDS = {
    "Result": "version target document document_sha256 seed judgements items projects requests requests_by_probe waits"
    " waited retries seconds exit_code gate notes interrupted deviations exchanges",
    "Judgement": "clause level title verdict cases breaches finding seen asked reason provide because answer accepted",
    "Finding": "expected actual exchanges",
    "Exchange": "number request answer failure sent received at seconds probe",
    "Request": "path query credential",
    "Answer": "status reason headers body flaw",
    "Target": "base_url checkpoint other_checkpoint empty_checkpoint user_key name",
    "Progress": "probe requests budget pages of",
}


def test_the_names_and_signatures_are_those_that_are_promised() -> None:
    assert set(contracts.__all__) == set(dir(contracts)) == NAMES
    assert str(inspect.signature(check)) == CHECK
    assert str(inspect.signature(replay)) == REPLAY
    for name, fields in FIELDS.items():
        there = {field.name for field in dataclasses.fields(getattr(contracts, name))}
        assert there >= set(fields.split()), name
    assert issubclass(ConfigurationError, ContractsError)
    assert issubclass(InternalError, ContractsError)
    with pytest.raises(AttributeError):
        contracts.nothing  # noqa: B018 - that it is not there


@pytest.mark.parametrize(("judging", "first"), [(check, None), (replay, "x.har")])
def test_the_help_names_every_option(judging: Callable[..., Result], first: str | None) -> None:
    _, _, listed = (judging.__doc__ or "").partition("\nOptions:\n")
    with pytest.raises(ConfigurationError) as caught:
        judging(first, **{"nothing-of-this": True})
    known = str(caught.value).partition("There are ")[2].removesuffix(".").split(", ")
    named = re.findall(r"(?m)^    (\w+): \S.*[.]$", listed)
    assert named == [name for name in known if name not in inspect.signature(judging).parameters]


def test_the_page_names_all_of_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    assert all(f"`{name}" in page for name in NAMES)


def test_the_import_costs_nothing() -> None:
    code = "import sys, contracts; print([name for name in sys.modules if name.startswith('contracts.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_server_and_its_recording_are_judged_alike(tmp_path: Path) -> None:
    seen: list[Progress] = []
    with Server() as server:
        data = server.dataset
        result = check(
            server.base_url,
            checkpoint=data.checkpoint,
            admin_key=data.admin_key,
            user_key=data.user_key,
            clauses=["ENV-001", "PAG-001"],
            on_progress=seen.append,
            requests=60,
            rate=500,
            gate=["documented", "implied"],
            record=tmp_path / "run.har",
            json=str(tmp_path / "report.json"),
        )
    assert isinstance(result, Result)
    assert [(one.clause, one.verdict) for one in result.judgements] == [
        ("ENV-001", Verdict.KEPT),
        ("PAG-001", Verdict.KEPT),
    ]
    assert result.exit_code == ExitCode.KEPT
    assert seen[-1].requests == result.requests
    assert (tmp_path / "report.json").stat().st_size
    again = replay(tmp_path / "run.har", clauses=["ENV-001", "PAG-001"])
    assert [one.verdict for one in again.judgements] == [one.verdict for one in result.judgements]


def test_the_embedded_server_is_the_default() -> None:
    result = check(fault="one-skipped", clauses=["PAG-011"], requests=100)
    (one,) = result.judgements
    assert (result.exit_code, one.verdict) == (ExitCode.BROKEN, Verdict.BROKEN)
    assert one.finding is not None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"request": 5}, "There is no option request. Did you mean requests?"),
        ({"quiet": True}, "There is no option quiet."),
        ({"requests": "many"}, "--requests"),
        ({"clauses": ["XXX"]}, "There is no clause"),
        ({"user_key": "sk-1"}, "user_key needs admin_key beside it."),
        ({"admin_key": key_like()}, "admin_key needs base_url beside it"),
        ({"base_url": "http://127.0.0.1:1", "checkpoint": "x", "admin_key": key_like()}, "can't be reached"),
    ],
)
def test_what_can_not_be_used_is_reported_in_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check(**options)
    assert sentence in str(caught.value)
    assert "0123456789abcdef" not in str(caught.value)


def test_a_recording_that_is_none_is_reported(tmp_path: Path) -> None:
    (tmp_path / "x.har").write_text("{}")
    with pytest.raises(ConfigurationError, match="is no HAR recording"):
        replay(tmp_path / "x.har")
    with pytest.raises(ConfigurationError, match="There is no option requests"):
        replay(tmp_path / "x.har", requests=5)
