"""What pipelines use: the action does what it says, and takes nothing of its inputs for a part of a script.

`tox -e lint` lets check-jsonschema, zizmor and hadolint read the same files.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from canary import key_like

from contracts.mock.server import Server
from contracts.mock.store import seeded
from contracts.settings.settings import Settings
from contracts.settings.values import PREFIX

ROOT = Path(__file__).parents[2]
INPUT = re.compile(r"\$\{\{\s*inputs\.([\w-]+)\s*\}\}")


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


ACTION = load("action.yml")
INSTALL, CHECK = ACTION["runs"]["steps"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(seeded(size=12)) as running:
        yield running


@dataclass(frozen=True)
class Done:
    code: int
    said: str
    outputs: dict[str, str]


def act(step: dict[str, Any], folder: Path, inputs: dict[str, str], env: dict[str, str]) -> Done:
    """One step of the action as a runner would run it: its inputs are put into ``env`` and nowhere else."""
    values = {name: str(about.get("default", "")) for name, about in ACTION["inputs"].items()} | inputs
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTS_", "OPENAI_"))}
    environ |= env
    environ |= {name: INPUT.sub(lambda found: values[found[1]], value) for name, value in step["env"].items()}
    environ |= {"RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(folder / "output"), "PYTHONPATH": str(ROOT)}
    environ |= {"GITHUB_STEP_SUMMARY": str(folder / "summary.md"), "PYTHONIOENCODING": "utf-8"}
    programs = folder / "contracts" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    installed = programs / "contracts"
    installed.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error -m contracts "$@"\n', encoding="utf-8")
    installed.chmod(0o755)
    script = folder / "step.sh"
    script.write_text(step["run"], encoding="utf-8")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
        cwd=folder,
        env=environ,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    output = folder / "output"
    lines = output.read_text(encoding="utf-8").splitlines() if output.exists() else []
    return Done(done.returncode, done.stdout + done.stderr, dict(line.split("=", 1) for line in lines))


def keys(server: Server) -> dict[str, str]:
    return {"OPENAI_ADMIN_KEY": server.dataset.admin_key, "OPENAI_USER_KEY": server.dataset.user_key}


def target(server: Server, **more: str) -> dict[str, str]:
    data = server.dataset
    return {
        "base-url": server.base_url,
        "checkpoint": data.checkpoint,
        "other-checkpoint": data.other_checkpoint,
        "empty-checkpoint": data.empty_checkpoint,
        **more,
    }


# The action


def test_the_action_judges_and_reports(server: Server, tmp_path: Path) -> None:
    files = {"junit": "contracts.xml", "html": "contracts.html", "json": "contracts.json", "record": "run.har"}
    done = act(CHECK, tmp_path, target(server, clauses="ENV\nSEC-001", rate="500/s", **files), keys(server))
    assert (done.code, done.outputs) == (0, {"exit-code": "0", "verdict": "kept"}), done.said
    assert len(list(ET.parse(tmp_path / "contracts.xml").iter("testcase"))) == 9
    assert json.loads((tmp_path / "contracts.json").read_text(encoding="utf-8"))["exit_code"] == 0
    assert "ENV-001" in (tmp_path / "contracts.html").read_text(encoding="utf-8")
    assert (tmp_path / "summary.md").stat().st_size
    everything = done.said + "".join(file.read_text(encoding="utf-8") for file in tmp_path.iterdir() if file.is_file())
    for key in keys(server).values():
        assert key not in everything


def test_what_is_not_kept_fails_the_step(server: Server, tmp_path: Path) -> None:
    lacking = target(server, clauses="ENV-001\nSCO-001") | {"other-checkpoint": ""}
    done = act(CHECK, tmp_path, lacking, keys(server))
    assert (done.code, done.outputs["verdict"]) == (6, "incomplete"), done.said
    accepted = act(CHECK, tmp_path, lacking | {"allow-incomplete": "true"}, keys(server))
    assert (accepted.code, accepted.outputs["verdict"]) == (0, "kept"), accepted.said
    refused = act(CHECK, tmp_path, target(server, clauses="ENV"), {"OPENAI_ADMIN_KEY": key_like("admin", "wrong")})
    assert (refused.code, refused.outputs["verdict"]) == (4, "not-judged"), refused.said


def test_an_empty_base_url_does_not_judge_the_embedded_server(tmp_path: Path) -> None:
    done = act(CHECK, tmp_path, {"base-url": "", "clauses": "ENV"}, {})
    assert (done.code, done.outputs["exit-code"]) == (4, "4")
    assert "CONTRACTS_BASE_URL is empty" in done.said


def test_the_targets_of_a_file_are_asked_for_by_name(server: Server, tmp_path: Path) -> None:
    table = f'[[target]]\nname = "one"\nbase-url = "{server.base_url}"\ncheckpoint = "{server.dataset.checkpoint}"\n'
    (tmp_path / "contracts.toml").write_text(table, encoding="utf-8")
    done = act(CHECK, tmp_path, {"base-url": "config", "clauses": "ENV", "target": "one"}, keys(server))
    assert done.code == 0, done.said
    assert server.base_url in done.said


@pytest.mark.parametrize(
    "attack", ["$(touch pwned)", "`touch pwned`", "; touch pwned", '"; touch pwned; "', "'; touch pwned; '"]
)
def test_an_input_is_never_a_part_of_a_script(server: Server, tmp_path: Path, attack: str) -> None:
    everything = dict.fromkeys(ACTION["inputs"], attack)
    for inputs in (everything, target(server, clauses=f"ENV-001 {attack}")):
        done = act(CHECK, tmp_path, inputs, keys(server))
        assert done.code == 4, done.said
    assert act(INSTALL, tmp_path, everything, {}).code == 4
    assert not [file for file in tmp_path.rglob("*") if file.name == "pwned"]


def test_a_clause_is_never_an_option(server: Server, tmp_path: Path) -> None:
    done = act(CHECK, tmp_path, target(server, clauses="--help"), keys(server))
    assert done.code == 4
    assert "'--help'" in done.said


def test_no_script_holds_an_expression_and_no_key_is_an_input() -> None:
    for step in (INSTALL, CHECK):
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]
        used = {name for value in step["env"].values() for name in INPUT.findall(value)}
        assert used <= set(ACTION["inputs"])
    assert not [name for name in ACTION["inputs"] if re.search("key|token|secret", name)]
    assert "uses" not in INSTALL.keys() | CHECK.keys(), "the action runs nothing but this checkout"


def test_every_input_is_a_setting() -> None:
    settings = {PREFIX + field.name.upper() for field in fields(Settings)}
    given = {name: value for name, value in CHECK["env"].items() if name.startswith(PREFIX)}
    assert given.keys() <= settings
    for name, value in given.items():
        assert INPUT.findall(value) == [name.removeprefix(PREFIX).lower().replace("_", "-")]
    elsewhere = {name for step in (INSTALL, CHECK) for value in step["env"].values() for name in INPUT.findall(value)}
    assert elsewhere == set(ACTION["inputs"])


def test_an_old_python_is_refused_by_a_sentence(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    done = act(INSTALL, tmp_path, {"python": str(old)}, {"OPENAI_ADMIN_KEY": key_like("admin", "unused")})
    assert done.code == 4
    assert "Python 3.11 or newer" in done.said


# The examples


def test_the_example_for_github_gives_what_the_action_takes() -> None:
    (step, keep) = load("pipelines/github-example.yml")["jobs"]["staging"]["steps"]
    assert set(step["with"]) <= set(ACTION["inputs"])
    assert {name for name, about in ACTION["inputs"].items() if about.get("required")} <= set(step["with"])
    assert set(step["env"]) == {"OPENAI_ADMIN_KEY", "OPENAI_USER_KEY"}
    assert all(value.startswith("${{ secrets.") for value in step["env"].values())
    assert keep["if"] == "always()"


def test_the_template_for_gitlab_runs(server: Server, tmp_path: Path) -> None:
    job = load("pipelines/gitlab.yml")[".contracts"]
    use = load("pipelines/gitlab-example.yml")["contracts-staging"]
    assert use["extends"] == ".contracts"
    asked = job["variables"] | use["variables"]
    settings = {PREFIX + field.name.upper() for field in fields(Settings)}
    assert {name for name in asked if name.startswith(PREFIX)} <= settings
    assert job["artifacts"]["reports"]["junit"] == asked["CONTRACTS_JUNIT"]
    (command,) = job["script"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTS_", "OPENAI_"))}
    environ |= asked | keys(server) | {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.defpath}"}
    environ |= {"CONTRACTS_CHECKPOINT": server.dataset.checkpoint, "CONTRACTS_RATE": "500/s"}
    environ |= {"CONTRACTS_OTHER_CHECKPOINT": server.dataset.other_checkpoint}

    def run(base_url: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", f"{command} ENV"],
            cwd=tmp_path,
            env=environ | {"CONTRACTS_BASE_URL": base_url},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    done = run(server.base_url)
    assert done.returncode == 0, done.stdout + done.stderr
    for file in job["artifacts"]["paths"]:
        assert (tmp_path / file).stat().st_size
    assert run("").returncode == 4


def test_the_image_holds_what_the_wheel_needs() -> None:
    copied = {
        word
        for line in re.findall(r"^COPY (.+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
        for word in line.split()[:-1]
    }
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split() if line[0] == "!"}
    assert copied == let_in
    assert {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "checkpoint_permissions_contracts.py",
        "pytest_checkpoint_permissions.py",
        "contracts",
        "spec",
        "pipelines/image.txt",
    } == copied
    assert re.search(r"^USER (?!0|root)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
