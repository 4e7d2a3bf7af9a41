"""What a session of pytest writes: the reports of ``contracts check``, once, whoever ran it and however it ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from canary import key_like
from commanding import APART
from test_plugin import FAULT, Bench

import contracts.runs.job
from contracts.clauses.registry import clauses, find
from contracts.core.errors import ExitCode
from contracts.mock.faults import open_fault
from contracts.mock.server import Server
from contracts.plugins.session import named
from contracts.reports import as_json
from contracts.traffic.har import read_har

FILES = {"html": "r.html", "markdown": "r.md", "json": "r.json", "junit": "r.xml", "record": "r.har"}
WRITING = [f"--contract-{name}={file}" for name, file in FILES.items()]
DEVIATION = '[[deviation]]\nclause = "PAG-014"\nreason = "the gateway"\nlink = "https://t.example/1"\n'


@pytest.fixture
def bench(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return Bench(pytester, monkeypatch)


@pytest.fixture
def wrong() -> Iterator[Server]:
    with open_fault(FAULT) as running:
        yield running


def written(folder: Path, name: str = "r.json") -> Any:
    """A JSON report, which is what its schema says."""
    parsed = json.loads((folder / name).read_text(encoding="utf-8"))
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(as_json.schema(), format_checker=checker).validate(parsed)
    return parsed


def errors(junit: Path) -> list[str]:
    """The messages of what a JUnit file calls an error."""
    return [one.get("message", "") for one in ET.parse(junit).iter("error")]


def about(recording: Path) -> dict[str, Any]:
    """What a recording says of its run."""
    return dict(read_har(recording).about)


# The same as the command line


def test_a_session_writes_what_the_command_writes(bench: Bench, wrong: Server) -> None:
    data, folder = wrong.dataset, bench.pytester.path
    bench.keys(data)
    bench.monkeypatch.setenv("GITHUB_ACTIONS", "true")
    bench.monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    (folder / "summary.md").write_text("before\n", encoding="utf-8")
    done = bench.run(
        "-k", "PAG- or SEC-001", "--contract-requests=60", *WRITING, *bench.options(wrong), "-n2", apart=True
    )
    assert done.ret == ExitCode.BROKEN
    assert sorted(file.name for file in folder.glob("r.*")) == sorted(FILES.values())
    ours = written(folder)
    lines = done.stdout.str().splitlines()
    assert [line for line in lines if line.startswith("::")] == [
        line for line in lines if line.startswith("::error title=PAG-014 ")
    ]
    assert len([line for line in lines if line.startswith("::")]) == 1, "annotated once"
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert summary == "before\n\n" + (folder / "r.md").read_text(encoding="utf-8")

    # The line that runs it again is that of the command, so it must say the same.
    words = ours["repeat"].split()
    assert words[:4] == ["contracts", "check", "PAG", "SEC-001"]
    (folder / "again").mkdir()
    options = [word.replace("--contract-", "--") for word in WRITING]
    command = [sys.executable, "-m", "contracts", *words[1:], *options, "--quiet"]
    again = subprocess.run(command, cwd=folder / "again", capture_output=True, text=True, check=False)
    assert again.returncode == done.ret, again.stderr
    theirs = written(folder / "again")
    for report in (ours, theirs):
        report["seconds"] = report["began"] = None
    assert ours == theirs
    assert about(folder / "r.har") == about(folder / "again" / "r.har")
    assert about(folder / "r.har")["checkpoint"] == data.checkpoint
    for secret in bench.secrets:
        assert not any(secret in file.read_text(encoding="utf-8") for file in folder.glob("r.*"))


def test_where_to_can_stand_in_the_file_and_in_the_environment(bench: Bench) -> None:
    folder = bench.pytester.path
    (folder / "contracts.toml").write_text('json = "file.json"\nallow-incomplete = true\n', encoding="utf-8")
    bench.monkeypatch.setenv("CONTRACTS_JUNIT", "variable.xml")
    assert bench.run("-k", "ENV").ret == ExitCode.KEPT
    assert written(folder, "file.json")["verdict"] == "kept"
    assert len(list(ET.parse(folder / "variable.xml").iter("testcase"))) == 8


def test_without_an_option_nothing_is_written(bench: Bench) -> None:
    before = set(bench.pytester.path.iterdir())
    assert bench.run("-k", "ENV-001").ret == ExitCode.KEPT
    assert {file.name for file in set(bench.pytester.path.iterdir()) - before} <= {".hypothesis", "__pycache__"}


def test_each_of_several_targets_has_files_of_its_own(bench: Bench, wrong: Server) -> None:
    folder = bench.pytester.path
    with Server() as right:
        bench.keys(right.dataset)
        tables = [
            f'[[target]]\nname = "{name}"\nbase-url = "{server.base_url}"\ncheckpoint = "{server.dataset.checkpoint}"\n'
            for name, server in (("right", right), ("wrong", wrong))
        ]
        (folder / "contracts.toml").write_text("allow-incomplete = true\n" + "".join(tables), encoding="utf-8")
        bench.monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
        bench.monkeypatch.setenv("GITHUB_ACTIONS", "true")
        done = bench.run("-k", "PAG-014", "--contract-requests=60", *WRITING, "-n2", "--dist=loadgroup", apart=True)
        assert done.ret == ExitCode.BROKEN
        found = {name: written(folder, f"r-{name}.json") for name in ("right", "wrong")}
        alone = bench.run("-k", "PAG-014", "--contract-target=right", "--contract-requests=60", *WRITING)
    assert {name: (one["verdict"], one["target"]["name"]) for name, one in found.items()} == {
        "right": ("kept", "right"),
        "wrong": ("broken", "wrong"),
    }
    for name in found:
        assert all((folder / file.replace("r.", f"r-{name}.")).stat().st_size for file in FILES.values())
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert summary.count("| Target | right · ") == 2
    assert summary.count("| Target | wrong · ") == 1
    assert done.stdout.str().count("::error title=wrong%3A PAG-014 ") == 1
    assert (alone.ret, written(folder)["target"]["name"]) == (ExitCode.KEPT, "right"), "alone it needs no other name"


def test_a_selection_is_named_in_few_words() -> None:
    assert named(clauses()) == []
    assert named(find(["PAG", "SEC-001", "SEC-003"])) == ["PAG", "SEC-001", "SEC-003"]


# However it ends


@pytest.mark.parametrize(
    ("arguments", "sentence", "workers"),
    [
        (["--contract-fault=nonsense"], "There is no fault 'nonsense'.", ()),
        (["--contract-requests=5"], "--requests 5 is too few for a verdict", ()),
        (["--base-url=http://127.0.0.1:9/v1", "--checkpoint=ft:a"], "http://127.0.0.1:9/v1 can't be reached", ("-n2",)),
    ],
)
def test_what_can_not_be_judged_is_reported_in_the_reports(
    bench: Bench, arguments: list[str], sentence: str, workers: tuple[str, ...]
) -> None:
    bench.monkeypatch.setenv("OPENAI_ADMIN_KEY", key_like("admin", "never-issued-here"))
    bench.monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = bench.run(*arguments, *WRITING, *workers, apart=bool(workers))
    assert done.ret == ExitCode.CONFIGURATION
    folder = bench.pytester.path
    parsed = written(folder)
    assert (parsed["verdict"], parsed["exit_code"]) == ("not judged", ExitCode.CONFIGURATION)
    assert parsed["notes"][0].startswith(sentence)
    assert [message.startswith(sentence) for message in errors(folder / "r.xml")] == [True]
    assert sentence.split("'", maxsplit=1)[0] in (folder / "r.html").read_text(encoding="utf-8").replace("&#39;", "'")
    assert not (folder / "r.har").exists(), "nothing was asked"
    assert done.stdout.str().count("::error title=contracts::NOT JUDGED") == 1


def test_a_report_that_can_not_be_written_is_refused_before_anything_is_asked(bench: Bench, wrong: Server) -> None:
    bench.keys(wrong.dataset)
    done = bench.run("-k", "ENV", "--contract-json=.", *bench.options(wrong))
    assert done.ret == ExitCode.CONFIGURATION
    done.stdout.fnmatch_lines(["!*Exit: --contract-json . can't be written: it is a folder: name a file in it.*"])
    assert not wrong.log


def test_a_failure_of_the_suite_itself_is_reported_without_keys(bench: Bench, wrong: Server) -> None:
    bench.keys(wrong.dataset)

    def broken(*_: object, **__: object) -> None:
        raise LookupError(f"lost \x1b[1m {wrong.dataset.admin_key}")

    bench.monkeypatch.setattr(contracts.runs.job, "run", broken)
    done = bench.run("-k", "ENV", *WRITING, *bench.options(wrong))
    assert done.ret == ExitCode.INTERNAL
    assert r"LookupError: lost \x1b[1m $OPENAI_ADMIN_KEY" in done.stdout.str()
    parsed = written(bench.pytester.path)
    assert parsed["exit_code"] == ExitCode.INTERNAL
    assert parsed["target"]["base_url"] == wrong.base_url
    assert len(errors(bench.pytester.path / "r.xml")) == 1


def test_an_interrupted_session_leaves_its_reports(bench: Bench, wrong: Server) -> None:
    bench.keys(wrong.dataset)
    command = [sys.executable, "-m", "pytest", *APART, *WRITING, *bench.options(wrong)]
    with subprocess.Popen(
        [*command, "--contract-rate=30/s"],
        cwd=bench.pytester.path,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while len(wrong.log) < 30:
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == ExitCode.INTERRUPTED, out
    parsed = written(bench.pytester.path)
    assert (parsed["verdict"], parsed["interrupted"]) == ("interrupted", True)
    assert parsed["requests"]["total"] >= 30
    assert errors(bench.pytester.path / "r.xml")[0].startswith("INTERRUPTED: ")
    assert (bench.pytester.path / "r.har").stat().st_size
    assert parsed["headline"] in out
    assert "The run was interrupted: only what was asked until then is judged." in out


# Known deviations


def test_an_accepted_breach_is_an_expected_failure(bench: Bench, wrong: Server) -> None:
    bench.keys(wrong.dataset)
    (bench.pytester.path / "contracts.toml").write_text(DEVIATION + "expires = 9999-12-31\n", encoding="utf-8")
    done = bench.run(
        "-rx", "-k", "PAG-014", "--contract-requests=60", "--junitxml=junit.xml", *WRITING, *bench.options(wrong)
    )
    done.assert_outcomes(xfailed=1, deselected=len(clauses()) - 1)
    assert done.ret == ExitCode.KEPT
    done.stdout.fnmatch_lines(["XFAIL * - accepted: the gateway (until 9999-12-31)*"])
    done.stdout.fnmatch_lines(["*Accepted  the gateway (until 9999-12-31) · https://t.example/1"])
    done.stdout.fnmatch_lines(["KEPT: *1 accepted (PAG-014)*"])
    (entry,) = written(bench.pytester.path)["deviations"]
    assert (entry["clause"], entry["standing"], entry["fails"]) == ("PAG-014", "accepted", False)
    (case,) = ET.parse(bench.pytester.path / "junit.xml").iter("testcase")
    properties = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert properties["accepted"] == "the gateway (https://t.example/1), until 9999-12-31"
    assert properties["verdict"] == "broken"


def test_an_entry_that_is_no_longer_true_fails_the_session(bench: Bench) -> None:
    (bench.pytester.path / "contracts.toml").write_text(DEVIATION, encoding="utf-8")
    done = bench.run("-k", "PAG-014 or ENV", "--contract-requests=60", *WRITING)
    assert (done.ret, done.parseoutcomes()["passed"]) == (ExitCode.BROKEN, 8)
    done.stdout.fnmatch_lines(["*PAG-014 is kept now: remove deviation 1 in contracts.toml.*"])
    done.stdout.fnmatch_lines(["BROKEN: stale: PAG-014 *"])
    assert written(bench.pytester.path)["deviations"][0]["standing"] == "stale"
    assert bench.run("-k", "ENV").ret == ExitCode.KEPT, "of what is not judged nothing is said"


def test_an_entry_whose_last_day_is_over_fails_its_item(bench: Bench, wrong: Server) -> None:
    bench.keys(wrong.dataset)
    (bench.pytester.path / "contracts.toml").write_text(DEVIATION + "expires = 2001-01-31\n", encoding="utf-8")
    done = bench.run("-k", "PAG-014", "--contract-requests=60", *bench.options(wrong))
    done.assert_outcomes(failed=1, deselected=len(clauses()) - 1)
    assert done.ret == ExitCode.BROKEN
    done.stdout.fnmatch_lines(["*PAG-014 was accepted until 2001-01-31: fix it, or renew deviation*"])


def test_an_entry_that_names_no_clause_is_a_configuration_error(bench: Bench) -> None:
    (bench.pytester.path / "contracts.toml").write_text(DEVIATION.replace("014", "114"), encoding="utf-8")
    done = bench.run("-k", "ENV")
    assert done.ret == ExitCode.CONFIGURATION
    done.stdout.fnmatch_lines(["!*contracts.toml: deviation 1: There is no clause 'PAG-114'. Did you mean PAG-014?*"])
