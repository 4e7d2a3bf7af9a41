"""The repository says what is true: its commands work, what it names is there, and it tells no secrets."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from contracts.clauses.registry import clauses
from contracts.cli import main
from contracts.plugins.pytest import PREFIXED, SHARED

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
BUILT = {".git", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".venv", "build", "dist"}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def files() -> Iterator[Path]:
    """Everything that is ours, as far as it is text."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in BUILT and not name.endswith(("__pycache__", ".egg-info"))]
        for name in set(names) - {".git"}:  # a file in a linked work tree
            file = Path(folder, name)
            if file.suffix in {".py", ".md", ".toml", ".ini", ".yaml", ".txt", ""} or file.parent.name == ".ci":
                yield file


def commands(page: str) -> list[str]:
    """The lines of a page's shell blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def command_lines() -> list[str]:
    """Every call of ``contracts`` that a page shows, in blocks and within sentences."""
    found = []
    for page in PAGES:
        quoted = re.findall(r"`(contracts [a-z][^`]*)`", text(page))
        found += [line for line in (*commands(page), *quoted) if line.startswith("contracts ")]
    return sorted(set(found))


# The two commands


def test_the_two_commands_come_first() -> None:
    begin = "python3 -m venv .venv && .venv/bin/pip install -q tox && .venv/bin/tox -q"
    assert commands("README.md")[:2] == [f"{begin} -e mock", f"{begin} -p auto"]
    assert text("README.md").index(begin) < text("README.md").index("\n## ")


def test_ci_runs_the_second_command() -> None:
    _, second = commands("README.md")[:2]
    script = text(".ci/run")
    assert "set -euo pipefail" in script
    steps = [line for line in script.splitlines() if "venv" in line]
    said = " && ".join(steps).replace('"$place/venv', ".venv").replace('"', "").replace(" --workdir $place/tox", "")
    assert said == second
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_tox_has_the_environments_that_are_named() -> None:
    tox = configparser.ConfigParser()
    tox.read_string(text("tox.ini"))
    sections = {name.removeprefix("testenv:") for name in tox.sections()}
    assert {"mock", "self", "lint", "type", "staging", "wheel"} <= sections
    for page in PAGES:
        assert set(re.findall(r"tox (?:-q )?-e ([a-z]+)", text(page))) <= sections
    assert tox["tox"]["venv_redirect"] == "false", "a file .venv would be in the way of the two commands"
    assert "CONTRACTS_*" in tox["testenv:staging"]["pass_env"]
    assert "pass_env" not in tox["testenv:mock"], "the embedded server is judged whatever the environment names"


# What the pages say


@pytest.mark.parametrize("line", command_lines())
def test_a_command_that_is_shown_can_be_typed(line: str) -> None:
    name, *words = shlex.split(line)[1:]
    context = click.Context(main, **main.context_settings)
    command = main.get_command(context, name)
    assert command is not None
    words = ["5/s" if word == "N/s" else "100" if word == "N" else word for word in words]
    command.make_context(name, words, parent=context, resilient_parsing=True)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


def test_every_option_that_is_named_is_one() -> None:
    tools = {"--junitxml", "--pyargs", "--dist", "--check", "--group"}
    context = click.Context(main, **main.context_settings)
    known = set(tools) | {"--base-url", "--contract-"}
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        known |= {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--" + name.replace("_", "-") for name in SHARED}
    known |= {"--contract-" + name.replace("_", "-") for name in PREFIXED}
    named = {page: set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", re.sub(r"curl .*", "", text(page)))) for page in PAGES}
    assert {"--base-url", "--pyargs"} <= named["README.md"]
    for page, options in named.items():
        assert options <= known, page


def test_every_file_that_is_named_is_there() -> None:
    for page in PAGES:
        named = re.findall(r"\]\(([^)#]+)\)", text(page))
        named += re.findall(r"`((?:\.ci|contracts|spec|tests)/[\w./-]*)`", text(page))
        assert named or page == "CHANGELOG.md"
        for name in named:
            assert (ROOT / name).exists(), f"{page} names {name}"


def test_every_module_that_is_named_is_there() -> None:
    table = text("ARCHITECTURE.md")
    rooms = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    named = {name.rstrip("/") for row in rooms for name in re.findall(r"`([a-z]+/?)`", row)}
    there = {
        path.stem for path in (ROOT / "contracts").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert named == there - {"__init__", "__main__"}


def test_the_number_of_clauses_is_right() -> None:
    for page in ("README.md", "CHANGELOG.md"):
        assert set(re.findall(r"(\d+) clauses", text(page))) == {str(len(clauses()))}


def test_the_failure_that_is_shown_is_a_real_one() -> None:
    (shown,) = re.findall(r"^```\n(× PAG-014.*?)^```", text("README.md"), re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-m", "contracts", "check", "--fault", "has-more-from-full-page"],
        env={name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTS_", "OPENAI_"))}
        | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1
    # Which request shows it is a matter of the seed, and may change with any probe.
    told = [line for line in shown.splitlines() if not re.search(r"cp_|Request|GET |Repeat|=ascending", line)]
    assert [line.split()[0] for line in told if not line.startswith("     ")] == ["×", "Document", "Actual", "Why"]
    for line in told:
        assert line in done.stdout


# What the repository is


def test_what_is_imported_is_declared() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    needed = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    declared = {re.split(r"[<>=~!;\[ ]", each)[0].replace("-", "_").lower() for each in needed}
    imported = set()
    for file in (ROOT / "contracts").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported |= {name.split(".")[0] for name in names}
    outside = imported - sys.stdlib_module_names - {"contracts"}
    assert {"pyyaml" if name == "yaml" else name for name in outside} == declared


def test_no_page_is_about_the_place_where_it_was_written() -> None:
    paths = re.compile(r"(?<![\w.…}>])/(?:root|home|Users|work|workspace|tmp|mnt)/\w")
    # Scanners for secrets look for this form; tests make theirs with `canary.key_like`.
    keys = re.compile(r"\bsk-[A-Za-z0-9_-]{8,}")
    assert paths.search("see /" + "root/x")
    assert keys.search("sk-" + "admin-01")
    ours = list(files())
    assert {Path(__file__), ROOT / ".ci" / "run", ROOT / "README.md"} <= set(ours)
    for file in ours:
        content = file.read_text(encoding="utf-8", errors="replace")
        for pattern in (paths, keys):
            assert not (found := pattern.search(content)), f"{file.relative_to(ROOT)}: {found}"


def test_files_are_of_a_readable_length() -> None:
    published = {"openapi.yaml", "sdk-page.txt"}
    for file in (ROOT / "contracts").rglob("*.py"):
        assert file.name in published or len(file.read_text(encoding="utf-8").splitlines()) <= 750, file.name
    assert len(text("ARCHITECTURE.md").splitlines()) <= 90, "one page"
