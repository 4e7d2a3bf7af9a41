"""The pages of ``docs/``: every command in them is run, every link leads somewhere, what is generated is current.

In a block of shell, a comment ``# exit N`` tells the exit code, which is 0 without one. Placeholders for a target
stand for the embedded server here. What installs, builds, or needs a service is looked at and not run.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from clause_list import page as clause_list

from contracts.catalogue import clauses
from contracts.cli import main
from contracts.mock.server import Server

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
RUN = ("deviations.md", "first-run.md", "reading-a-failure.md", "replay.md", "staging.md")
"""The pages whose blocks are run from the first to the last line."""
TOLD = {"deviations.md": [1], "replay.md": [1, 1]}
"""The exit codes of pages that tell them in their sentences."""
ELSEWHERE = ("st ", "tox ", "uvx ", "pipx ", "docker ", "python3 -m venv ", ".venv/bin/pip ", ". .venv/bin/activate")
"""What commands begin with that install, build, or are the subject of a test of their own."""
PROJECT = (".venv/bin/", "python ", "pytest ", "pip ")
"""And those that contributors type."""


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def lines(name: str) -> list[str]:
    """The lines of a page's shell blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text(name), re.DOTALL | re.MULTILINE)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def calls(name: str) -> Iterator[str]:
    """Every call of ``contracts`` that a page shows, in blocks and within sentences."""
    shown = [line.partition("  #")[0] for line in lines(name)]
    shown += re.findall(r"`(contracts [a-z][^`]*)`", text(name))
    yield from (line.strip() for line in shown if line.startswith("contracts "))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", RUN)
def test_the_commands_of_a_page_do_what_it_says(name: str, tmp_path: Path) -> None:
    run = [line for line in lines(name) if not line.startswith(ELSEWHERE)]
    assert run
    assert all(line.startswith(("contracts ", "export ")) for line in run)
    with Server() as server:
        data = server.dataset
        target = {
            "https://staging.example/v1": server.base_url,
            "OPENAI_ADMIN_KEY=…": f"OPENAI_ADMIN_KEY={data.admin_key}",
            "OPENAI_USER_KEY=…": f"OPENAI_USER_KEY={data.user_key}",
            r"\bID\b": data.checkpoint,
            r"\bOTHER\b": data.other_checkpoint,
            r"\bEMPTY\b": data.empty_checkpoint,
        }
        script = ['contracts() { "$PYTHON" -W error -m contracts "$@"; }']
        for line in run:
            command = line.partition("  #")[0]
            for placeholder, value in target.items():
                command = re.sub(placeholder, value, command)
            script += [f"{command} >>output 2>&1", "echo $? >>codes"]
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("CONTRACTS_", "OPENAI_"))}
        environ |= {"PYTHON": sys.executable, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)}
        environ.pop("GITHUB_STEP_SUMMARY", None)
        subprocess.run(["bash", "-c", "\n".join(script)], cwd=tmp_path, env=environ, check=True)
    told = TOLD.get(name) or [int(code[1]) if (code := re.search(r"# exit (\d)", line)) else 0 for line in run]
    codes = [int(code) for code in (tmp_path / "codes").read_text(encoding="utf-8").split()]
    assert dict(zip(run, codes, strict=True)) == dict(zip(run, told, strict=True)), (tmp_path / "output").read_text()
    for line in run:
        for _, file in re.findall(r"--(html|json|junit|markdown|record) (\S+)", line):
            assert (tmp_path / file).stat().st_size


@pytest.mark.parametrize("name", PAGES)
def test_every_command_can_be_typed(name: str) -> None:
    environments = re.findall(r"^\[testenv:([a-z]+)\]", (ROOT / "tox.ini").read_text(encoding="utf-8"), re.MULTILINE)
    for line in lines(name):
        assert line.startswith(("contracts ", "export ", *ELSEWHERE, *PROJECT)), line
        for wanted in re.findall(r"^tox .*-e ([a-z]+)", line):
            assert wanted in environments
    context = click.Context(main)
    for call in calls(name):
        command_name, *words = shlex.split(call)[1:]
        command = main.get_command(context, command_name)
        assert command is not None, call
        command.make_context(
            command_name,
            [{"N": "100", "N/s": "5/s"}.get(word, word) for word in words],
            parent=context,
            resilient_parsing=True,
        )
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known | {"--help"}, call


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text(name)):
        if link.startswith(("https://", "http://")):
            continue
        file, _, anchor = link.partition("#")
        target = (DOCS / file).resolve() if file else DOCS / name
        assert target.is_relative_to(ROOT)
        assert target.exists(), f"{name} links {link}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{name} links {link}"


@pytest.mark.parametrize("name", PAGES)
def test_every_clause_that_is_named_is_one(name: str) -> None:
    known = {clause.id for clause in clauses()}
    assert set(re.findall(r"\b(?:ENV|ITM|PAG|ORD|FLT|SCO|HTP|SEC|INP|OBS)-\d{3}\b", text(name))) <= known


def test_the_index_names_every_page() -> None:
    assert {f"({name})" for name in PAGES if name != "README.md"} <= set(
        re.findall(r"\([\w-]+\.md\)", text("README.md"))
    )


def test_the_list_of_clauses_is_current() -> None:
    assert text("clauses.md") == clause_list(), "python tests/self/clause_list.py writes it anew"
