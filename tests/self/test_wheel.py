"""The wheel alone is the whole suite. ``tox -e wheel`` runs this where the checkout can't be imported."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import resources
from importlib.metadata import distribution
from pathlib import Path

import pytest

import contracts
from contracts.openapi.document import published
from contracts.openapi.loading import load_operation

CHECKOUT = Path(__file__).parents[2]

if Path(contracts.__file__).parent == CHECKOUT / "contracts":
    pytest.skip("the checkout is installed, and not its wheel: tox -e wheel", allow_module_level=True)

WHEEL = distribution("checkpoint-permissions-contracts")


def test_the_published_files_are_those_of_the_checkout() -> None:
    for file in (CHECKOUT / "spec").iterdir():
        assert published(file.name).read_bytes() == file.read_bytes()
        assert (resources.files("contracts") / "published" / file.name).is_file()
    assert load_operation().name == "openapi.yaml"


def test_it_holds_what_is_installed_and_nothing_else() -> None:
    files = WHEEL.files or []
    # pip compiles what it installs.
    assert {file.parts[0] for file in files if ".." not in file.parts and file.suffix != ".pyc"} == {
        "contracts",
        "checkpoint_permissions_contracts.py",
        "pytest_checkpoint_permissions.py",
        f"checkpoint_permissions_contracts-{WHEEL.version}.dist-info",
    }
    named = {str(file) for file in files}
    there = [path for path in (CHECKOUT / "contracts").rglob("*") if "__pycache__" not in path.parts]
    modules = {str(path.relative_to(CHECKOUT)) for path in there if path.is_file()}
    assert "contracts/suite.py" in modules
    assert modules <= named
    assert "contracts/py.typed" in named


def test_its_entry_points_are_there() -> None:
    assert {(entry.group, entry.name, entry.value) for entry in WHEEL.entry_points} == {
        ("console_scripts", "contracts", "checkpoint_permissions_contracts:main"),
        ("pytest11", "pytest_checkpoint_permissions", "pytest_checkpoint_permissions"),
    }


def test_its_licence_is_known() -> None:
    assert WHEEL.metadata["License-Expression"] == "MIT"
    assert any(str(file).endswith("licenses/LICENSE") for file in WHEEL.files or [])


def test_an_index_shows_its_readme_with_no_link_to_a_file() -> None:
    metadata = WHEEL.metadata
    text = str(metadata.json["description"])
    links = re.findall(r"\]\(([^)]*)\)", (CHECKOUT / "README.md").read_text(encoding="utf-8"))
    files = {link.partition("#")[0] for link in links if not link.startswith(("http", "#"))}
    assert "docs/any-list.md" in files
    assert all(f"(`{file}`)" in text and f"]({file}" not in text for file in files)
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Author"]
    assert metadata["Project-URL"].endswith("https://platform.openai.com/docs/api-reference")


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "contracts", "list"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True
    )
    assert "PAG-014" in done.stdout
