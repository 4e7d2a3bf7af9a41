"""The embedded server in the place of another mock: under a given id, with given keys, and lenient."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import requests
from commanding import choose_nothing, run, start
from listed import TOKENS_BOTH_WAYS

from contracts.cli.serve import _named
from contracts.core.errors import ConfigurationError
from contracts.mock.server import Server
from contracts.mock.store import Dataset, seeded
from contracts.mock.variants import open_variant

ID = "ft-AF1WoRqd3aJAHsqc9NY7iL8F"
SPACED = "My Admin API Key"
"""A key such as the tests of client libraries have."""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    choose_nothing(monkeypatch)


@pytest.fixture(scope="module")
def lenient() -> Iterator[tuple[str, Dataset]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_ADMIN_KEY", SPACED)
        made = open_variant("lenient")
        with Server(_named(made.dataset, ID, "--checkpoint", keys_of_environment=True), made.behaviour) as server:
            yield server.base_url, server.dataset


@pytest.mark.parametrize("more", [{}, {"after": "after", "limit": 0, "order": "ascending", "project_id": "project_id"}])
def test_what_client_libraries_try_a_mock_with_is_answered(lenient: tuple[str, Dataset], more: dict[str, Any]) -> None:
    with openai.OpenAI(base_url=lenient[0], api_key=SPACED, admin_api_key=SPACED, max_retries=0) as client:
        page = client.fine_tuning.checkpoints.permissions.list(ID, **more)
    assert len(page.data) == (0 if more else 10)


@pytest.mark.parametrize(("query", "size"), [("limit=-1", 10), ("limit=1000", 57), ("after=x", 0)])
def test_a_lenient_server_answers_any_limit_and_cursor(lenient: tuple[str, Dataset], query: str, size: int) -> None:
    address = f"{lenient[0]}/fine_tuning/checkpoints/{ID}/permissions?{query}"
    page = requests.get(address, headers={"Authorization": f"Bearer {SPACED}"}, timeout=60).json()
    assert len(page["data"]) == size


@pytest.mark.parametrize("key", ["My Admin API", "My Admin API Key Key", "", "x"])
def test_a_lenient_server_lets_in_its_key_alone(lenient: tuple[str, Dataset], key: str) -> None:
    address = f"{lenient[0]}/fine_tuning/checkpoints/{ID}/permissions"
    assert requests.get(address, headers={"Authorization": f"Bearer {key}"}, timeout=60).status_code == 401


@pytest.mark.parametrize(
    ("environ", "checkpoint", "keys", "words"),
    [
        ({}, None, True, "set it"),
        ({"OPENAI_ADMIN_KEY": " "}, None, True, "set it"),
        ({"OPENAI_ADMIN_KEY": "kä"}, None, True, "printable ASCII"),
        ({"OPENAI_ADMIN_KEY": "k", "OPENAI_USER_KEY": "k"}, None, True, "give two"),
        ({}, " ", False, "give an id"),
        ({}, seeded().other_checkpoint, False, "not one of the others"),
    ],
)
def test_what_can_not_be_used_is_refused(
    environ: dict[str, str],
    checkpoint: str | None,
    keys: bool,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_ADMIN_KEY", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=words):
        _named(seeded(), checkpoint, "--checkpoint", keys_of_environment=keys)


def test_keys_that_are_given_are_not_printed() -> None:
    environ = {"OPENAI_ADMIN_KEY": SPACED, "CONTRACTS_CHECKPOINT": ID}
    with start("serve", "--keys-of-environment", "--variant", "lenient", env=environ) as process:
        assert process.stdout is not None
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, "it ended"
            printed += line
        process.terminate()
        process.communicate(timeout=120)
    assert ID in printed
    assert SPACED not in printed
    assert "export" not in printed


def test_an_operation_without_a_path_has_no_id() -> None:
    data = Dataset({"": ()}, "", "", "", "a", "b")
    with pytest.raises(ConfigurationError, match="nothing in its path"):
        _named(data, "x", "--checkpoint", keys_of_environment=False)
    assert run("serve", "--checkpoint", " ").exit_code == 4


@pytest.fixture
def shop(tmp_path: Path) -> tuple[str, ...]:
    """The words that choose the list of a shop's things."""
    path = tmp_path / "shop.json"
    path.write_text(json.dumps(TOKENS_BOTH_WAYS), "utf-8")
    return "serve", "--spec", str(path), "--operation", "listThings"


@pytest.mark.parametrize("named", [("--at", f"shop_id={ID}"), ("--checkpoint", ID)])
def test_a_list_is_served_under_the_id_that_was_given(shop: tuple[str, ...], named: tuple[str, str]) -> None:
    with start(*shop, *named) as process:
        assert process.stdout is not None
        printed: list[str] = []
        while not printed or "Ctrl-C" not in printed[-1]:
            printed.append(process.stdout.readline())
            assert printed[-1], "it ended"
        key = next(line for line in printed if "OPENAI_ADMIN_KEY" in line).partition("=")[2].strip()
        address = f"{printed[0].split()[-1]}/shops/{ID}/things"
        answer = requests.get(address, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        process.terminate()
        process.communicate(timeout=120)
    assert answer.status_code == 200
    assert f"--at shop_id={ID} " in next(line for line in printed if line.startswith("contracts check"))


def test_the_id_of_a_list_is_given_once(shop: tuple[str, ...]) -> None:
    twice = run(*shop, "--at", "shop_id=a", "--checkpoint", "b")
    assert (twice.exit_code, "leave one of them out" in twice.output) == (4, True)
    taken = run(*shop, "--at", f"shop_id={seeded().other_checkpoint}")
    assert (taken.exit_code, "--at shop_id can't be used" in taken.output) == (4, True)
