"""The pages of ``docs/``: every command in them is run, every link leads somewhere, what is generated is current.

In a block of shell, a comment ``# exit N`` tells the exit code, which is 0 without one. Placeholders for a target
stand for the embedded server here. What installs is run where CONTRACT_INSTALL is set, because it asks a package
index for half a minute; what needs Docker is looked at only.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import click
import pytest
from clause_list import page as clause_list
from commanding import APART, choose_nothing, run
from listed import vendors_document
from operation_list import DOCUMENTS
from operation_list import page as operation_list
from settings_list import page as settings_list

from contracts.clauses.registry import clauses
from contracts.cli import main
from contracts.core.result import Level
from contracts.mock.faults import open_fault
from contracts.mock.server import Server
from contracts.openapi.loading import load_operation

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
RUN = ("deviations.md", "first-run.md", "reading-a-failure.md", "replay.md", "reports.md", "staging.md")
"""The pages whose blocks are run from the first to the last line."""
TOLD = {"deviations.md": [1], "replay.md": [1, 1]}
"""The exit codes of pages that tell them in their sentences."""
INSTALLING = ("uvx ", "pipx ", "python3 -m venv ", ".venv/bin/pip ", ". .venv/bin/activate")
ELSEWHERE = ("st ", "tox ", "pytest ", "docker ", *INSTALLING)
"""What commands begin with that install, or are run by a test of their own."""
PROJECT = (".venv/bin/", "python ", "pip ")
"""And those that contributors type."""
TESTED_IN = {
    "tox -e staging": "self/test_docs.py",
    "python tests/self/hunting.py": "self/test_hunt.py",
    "python tests/self/clause_list.py": "self/test_docs.py",
    "python tests/self/kill_matrix.py": "self/test_kill_matrix.py",
    "python tests/self/style_matrix.py": "self/test_style_matrix.py",
    "python -m benchmarks.": "self/test_benchmarks.py",
    "python -m pip wheel": "self/test_docs.py",
    "pytest ": "self/test_docs.py",
    "st run": "self/test_docs.py",
    "steady ": "peers/test_peers.py",
    "contracts check": "self/test_cli.py",
    "contracts doctor": "self/test_cli.py",
    "contracts explain": "self/test_cli.py",
    "contracts list": "self/test_cli.py",
    "contracts operations": "self/test_survey.py",
    "contracts plan": "self/test_cli.py",
    "contracts replay": "self/test_replay.py",
    "contracts schema": "self/test_reports.py",
    "contracts selftest": "self/test_kill_matrix.py",
    "contracts serve": "self/test_cli.py",
    "contracts load": "self/test_load.py",
}
"""Where what a page names in a sentence is run, or shows alone because it takes minutes."""
PROGRAMS = ("contracts", "docker", "npm", "pip", "pipx", "pytest", "python", "st", "steady", "tox", "uvx")
README = ROOT / "README.md"


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
def test_the_commands_of_a_page_do_what_it_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [line for line in lines(name) if not line.startswith(ELSEWHERE)]
    assert shown
    choose_nothing(monkeypatch)
    monkeypatch.chdir(tmp_path)
    codes, output = {}, ""
    with Server() as server:
        for line in shown:
            program, *words = shlex.split(filled(line, server))
            if program == "export":
                (variable,) = words
                monkeypatch.setenv(*variable.split("=", 1))
                continue
            assert program == "contracts"
            done = run(*words)
            codes[line], output = done.exit_code, output + done.output
    told = TOLD.get(name) or [int(code[1]) if (code := re.search(r"# exit (\d)", line)) else 0 for line in codes]
    assert codes == dict(zip(codes, told, strict=True)), output
    for line in codes:
        for _, file in re.findall(r"--(html|json|junit|markdown|record) (\S+)", line):
            assert (tmp_path / file).stat().st_size


def asking(server: Server) -> dict[str, str]:
    """What the placeholders of the pages stand for."""
    data = server.dataset
    return {
        "https://staging.example/v1": server.base_url,
        "OPENAI_ADMIN_KEY=…": f"OPENAI_ADMIN_KEY={data.admin_key}",
        "OPENAI_USER_KEY=…": f"OPENAI_USER_KEY={data.user_key}",
        r"\bID\b": data.checkpoint,
        r"\bOTHER\b": data.other_checkpoint,
        r"\bEMPTY\b": data.empty_checkpoint,
    }


def filled(line: str, server: Server) -> str:
    """A command of a page, for the embedded server."""
    command = line.partition("  #")[0]
    for placeholder, value in asking(server).items():
        command = re.sub(placeholder, value, command)
    return command


def environment(server: Server) -> dict[str, str]:
    """The environment of who types what a page shows."""
    environ = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("CONTRACTS_", "OPENAI_", "GITHUB_", "PYTEST_"))
    }
    environ |= {"PYTHON": sys.executable, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)}
    return environ | {"OPENAI_ADMIN_KEY": server.dataset.admin_key, "OPENAI_USER_KEY": server.dataset.user_key}


def shell(script: str, folder: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environ, capture_output=True, encoding="utf-8", check=False
    )


def shown(page: Path) -> list[str]:
    """Every command that a page names, in blocks and within sentences."""
    content = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", content, re.DOTALL | re.MULTILINE)
    found = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]
    content = re.sub(r"^```.*?^```", "", content, flags=re.DOTALL | re.MULTILINE)
    quoted = [words.replace("\n", " ") for words in re.findall(r"`([^`]+)`", content)]
    return found + [words for words in quoted if words.split(" ")[0] in PROGRAMS and " " in words]


def of_tox(command: str) -> list[str]:
    """The tests and scripts that an environment of tox runs."""
    named = re.match(r"tox -e ([a-z]+)", command)
    tox = configparser.ConfigParser(interpolation=None)
    tox.read_string((ROOT / "tox.ini").read_text(encoding="utf-8"))
    commands = tox[f"testenv:{named[1]}"]["commands"].replace("{/}", "/") if named else ""
    return re.findall(r"\btests/((?:self|peers)\b[\w/.]*)", commands)


@pytest.mark.parametrize("page", [*(DOCS / name for name in PAGES), README], ids=lambda page: page.name)
def test_every_command_is_run_by_a_test(page: Path) -> None:
    told = page.name in RUN
    for command in shown(page):
        begun = [file for begin, file in TESTED_IN.items() if command.startswith(begin)] or of_tox(command)
        here = (told and command.startswith(("contracts ", "export "))) or command.startswith(("docker ", *INSTALLING))
        first = page == README and (" tox" in command or command == "pip install .")
        assert here or first or begun or command.startswith("export "), f"{page.name} shows {command}, which none runs"
        assert all((ROOT / "tests" / file).exists() for file in begun)


SESSIONS = sorted({line for page in (README, *DOCS.glob("*.md")) for line in shown(page) if line.startswith("pytest ")})


@pytest.mark.timeout(180)
@pytest.mark.parametrize("line", SESSIONS)
def test_the_commands_for_pytest(line: str, tmp_path: Path) -> None:
    with Server() as server:
        few = "" if " -k " in line else " -k ENV-001"
        command = filled(line, server).replace("pytest ", f'"$PYTHON" -m pytest {shlex.join(APART)} ', 1)
        done = shell(f"{command}{few} --contract-requests 60", tmp_path, environment(server))
    assert done.returncode in {0, 6} if " -k " in line else done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    for file in re.findall(r"(?:--contract-(?:html|json|junit|markdown|record) |--junitxml=)(\S+)", line):
        assert (tmp_path / file).stat().st_size


@pytest.mark.timeout(180)
def test_the_command_of_schemathesis(tmp_path: Path) -> None:
    (line,) = [line for line in lines("schemathesis.md") if line.startswith("st ")]
    blocks = re.findall(r"^```toml\n(.*?)^```", text("schemathesis.md"), re.DOTALL | re.MULTILINE)
    assert set(blocks[0].splitlines()) <= set(blocks[1].splitlines())
    with open_fault("created-at-in-milliseconds") as server:
        checkpoint = re.sub(r'"ft:[^"]+"', f'"{server.dataset.checkpoint}"', blocks[1])
        (tmp_path / "schemathesis.toml").write_text(checkpoint, encoding="utf-8")
        command = filled(line, server).replace("st ", '"$PYTHON" -m schemathesis.cli ', 1)
        command = command.replace("spec/openapi.yaml", str(ROOT / "spec" / "openapi.yaml"))
        done = shell(f"{command} --max-examples 20", tmp_path, environment(server))
        asked = list(server.log)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ITM-004 `created_at` counts seconds" in done.stdout
    assert {entry.method for entry in asked} == {"GET"}
    assert 200 in {entry.status for entry in asked}, "the key of the environment was sent"
    assert server.dataset.admin_key not in done.stdout


def test_tox_judges_staging_with_the_environment_passed(tmp_path: Path) -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read_string((ROOT / "tox.ini").read_text(encoding="utf-8"))
    section = tox["testenv:staging"]
    with Server() as server:
        data = server.dataset
        given = environment(server) | {
            "CONTRACTS_BASE_URL": server.base_url,
            "CONTRACTS_CHECKPOINT": data.checkpoint,
            "CONTRACTS_OTHER_CHECKPOINT": data.other_checkpoint,
            "CONTRACTS_EMPTY_CHECKPOINT": data.empty_checkpoint,
        }
        passed = section["pass_env"].split()
        kept = {name for name in given if any(fnmatch(name, pattern) for pattern in passed)}
        environ = {name: given[name] for name in {*kept, "PATH", "PYTHON", "PYTHONPATH", "PYTHONIOENCODING"}}
        command = (
            section["commands"].replace("{posargs}", "ENV SCO-001").replace("contracts ", '"$PYTHON" -m contracts ')
        )
        command = command.replace("{env:CONTRACTS_BASE_URL:}", "$CONTRACTS_BASE_URL")
        done = shell(command, tmp_path, environ)
        assert done.returncode == 0, done.stdout + done.stderr
        assert server.log
    refused = shell(command, tmp_path, {name: environ[name] for name in environ if name != "CONTRACTS_BASE_URL"})
    assert (refused.returncode, refused.stderr) == (
        4,
        "contracts: --base-url is empty: give the URL, or leave it out to judge the embedded server.\n",
    )


@pytest.mark.timeout(600)
@pytest.mark.skipif(not os.environ.get("CONTRACT_INSTALL"), reason="CONTRACT_INSTALL=1 asks a package index")
@pytest.mark.parametrize("line", [line for line in lines("first-run.md") if line.startswith(("uvx ", "pipx "))])
def test_the_commands_that_install(line: str, tmp_path: Path) -> None:
    tool = {"uvx": "uv", "pipx": "pipx"}[line.split(maxsplit=1)[0]]
    place = tmp_path / "tool"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    pip: list[str | Path] = [place / "bin" / "python", "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", tool], check=True)
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path / "wheel", ROOT], check=True)
    (wheel,) = (tmp_path / "wheel").iterdir()
    with Server() as server:
        environ = environment(server)
    environ |= {"PATH": f"{place / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    environ = {name: value for name, value in environ.items() if not name.startswith(("PYTHON", "OPENAI_"))}
    for source in (str(ROOT), str(wheel)):
        done = shell(line.replace(" . ", f" {source} "), tmp_path, environ)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1].startswith("KEPT: ")


@pytest.mark.parametrize("name", PAGES)
def test_every_command_can_be_typed(name: str) -> None:
    environments = re.findall(r"^\[testenv:([a-z]+)\]", (ROOT / "tox.ini").read_text(encoding="utf-8"), re.MULTILINE)
    for line in lines(name):
        assert line.startswith(("contracts ", "export ", *ELSEWHERE, *PROJECT)), line
        for wanted in re.findall(r"^tox .*-e ([a-z]+)", line):
            assert wanted in environments
    context = click.Context(main, **main.context_settings)
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


def test_the_list_of_settings_is_current() -> None:
    assert text("settings.md") == settings_list(), "python tests/self/settings_list.py writes it anew"


def test_the_list_of_operations_is_that_of_the_documents() -> None:
    folder = {vendors_document(name).parent for name in DOCUMENTS}.pop()
    assert text("operations.md") == operation_list(folder), "tests/self/operation_list.py writes it anew"


def test_the_first_page_counts_the_clauses_as_a_run_does() -> None:
    operation = load_operation()
    apply = [each for each in clauses() if each.lacking(operation) is None]
    questions = sum(each.level is Level.OBSERVED for each in apply)
    page = " ".join(README.read_text(encoding="utf-8").split())
    assert f"Of {len(clauses())} clauses {len(apply) - questions} get a verdict each" in page
    assert f"and {questions} are questions" in page
    assert f"{len(clauses()) - len(apply)} speak of other lists" in page
