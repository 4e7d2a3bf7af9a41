"""The suite as pytest items: named by their clauses, selected as pytest selects, ended as a run ends."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from canary import key_like
from commanding import APART

import contracts.plugins.pytest
import contracts.plugins.session
import contracts.runs.job
import contracts.suite
from contracts.clauses.registry import clauses
from contracts.core.errors import ExitCode
from contracts.core.model import Target
from contracts.mock.faults import open_fault
from contracts.mock.server import Server
from contracts.mock.store import Dataset
from contracts.openapi.loading import load_operation
from contracts.plugins.pytest import SHARED
from contracts.plugins.session import UNPREFIXED, spelled
from contracts.runs.live import run
from contracts.runs.plan import Plan
from contracts.settings.groups import FOR_TERMINALS
from contracts.settings.settings import OPTIONS
from contracts.traffic.keys import Keys

STRICTLY = (*APART, "-W", "error", "--strict-markers", "--strict-config")
FAULT = "has-more-from-full-page"
SLUGS = {clause.id: contracts.suite.slug(clause) for clause in clauses()}
TITLES = {clause.id: clause.title for clause in clauses()}


class Bench:
    """A folder with one test module, and sessions of pytest on it."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self.monkeypatch = monkeypatch
        self.secrets: list[str] = []
        for name in list(os.environ):
            if name.startswith(("CONTRACTS_", "OPENAI_", "PYTEST_")) and name != "PYTEST_CURRENT_TEST":
                monkeypatch.delenv(name)
        pytester.makepyfile(test_it="from contracts.suite import test_clause")

    def keys(self, dataset: Dataset, *, user: bool = True) -> None:
        """Put the keys into the environment."""
        self.monkeypatch.setenv("OPENAI_ADMIN_KEY", dataset.admin_key)
        if user:
            self.monkeypatch.setenv("OPENAI_USER_KEY", dataset.user_key)
        self.secrets = [dataset.admin_key, dataset.user_key]

    def options(self, server: Server) -> list[str]:
        """The options of a whole target."""
        data = server.dataset
        return [
            f"--base-url={server.base_url}",
            f"--checkpoint={data.checkpoint}",
            f"--other-checkpoint={data.other_checkpoint}",
            f"--empty-checkpoint={data.empty_checkpoint}",
        ]

    def run(self, *arguments: str, apart: bool = False) -> pytest.RunResult:
        """One session, in this process or in one of its own; whatever it does, it shows no key."""
        way = self.pytester.runpytest_subprocess if apart else self.pytester.runpytest_inprocess
        result = way(*STRICTLY, *arguments)
        written = [file.read_text() for file in self.pytester.path.glob("*.xml")]
        for text in (result.stdout.str(), result.stderr.str(), *written):
            assert not any(secret in text for secret in self.secrets)
        return result


@pytest.fixture
def bench(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(pytester, monkeypatch)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def wrong() -> Iterator[Server]:
    with open_fault(FAULT) as running:
        yield running


def verdicts(junit: Path) -> Mapping[str, str]:
    """The verdict of each clause in a JUnit file."""
    found = {}
    for case in ET.parse(junit).iter("testcase"):
        properties = {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
        found[properties["clause"]] = properties["verdict"]
    return found


# Naming and selecting


def test_there_is_one_item_a_clause_named_by_id_and_title(bench: Bench, server: Server) -> None:
    bench.keys(server.dataset)
    result = bench.run("--collect-only", "-q", *bench.options(server))
    shown = [line for line in result.outlines if "::" in line]
    assert shown == [f"test_it.py::test_clause[{SLUGS[clause.id]}]" for clause in clauses()]
    assert result.ret == pytest.ExitCode.OK
    assert all(re.fullmatch(r"[A-Z]{3}-\d{3}-[A-Za-z0-9_.-]+", slug) for slug in SLUGS.values())
    assert not server.log, "collecting asks nothing"


def test_collecting_needs_no_configuration(bench: Bench) -> None:
    bench.monkeypatch.setenv("CONTRACTS_CHECKPOINT", "ft:a")
    assert bench.run("--collect-only", "-q").ret == pytest.ExitCode.OK


def test_a_selection_runs_only_the_probes_that_it_needs(bench: Bench, server: Server) -> None:
    bench.keys(server.dataset)
    result = bench.run("-k", "SEC-001", *bench.options(server))
    result.assert_outcomes(passed=1, deselected=len(clauses()) - 1)
    assert {entry.status for entry in server.log} >= {200, 401}
    probes = re.search(r"Asked +(.*?)Took", result.stdout.str(), re.DOTALL)
    assert probes is not None
    assert set(re.findall(r"([a-z]+) \d+", probes[1])) - {"control", "again"} == {"walks", "access"}


def test_an_item_can_be_named_whole(bench: Bench, server: Server) -> None:
    bench.keys(server.dataset)
    result = bench.run(*bench.options(server), "test_it.py::test_clause[ENV-002-object-is-present-and-is-list]")
    result.assert_outcomes(passed=1)


def test_a_family_is_selected_by_its_prefix(bench: Bench) -> None:
    result = bench.run("--collect-only", "-q", "-k", "PAG- or SEC-001")
    shown = [line.partition("[")[2][:7] for line in result.outlines if "::" in line]
    assert shown == [clause.id for clause in clauses() if clause.id.startswith("PAG") or clause.id == "SEC-001"]


def test_nothing_selected_has_its_own_exit_code(bench: Bench) -> None:
    assert bench.run("-k", "XYZ-999").ret == ExitCode.NOTHING_SELECTED


def test_the_same_clause_in_two_modules_is_one_run(bench: Bench, server: Server) -> None:
    bench.keys(server.dataset)
    bench.pytester.makepyfile(test_again="from contracts.suite import test_clause")
    result = bench.run("-k", "ENV", *bench.options(server))
    result.assert_outcomes(passed=14, skipped=2, deselected=2 * (len(clauses()) - 8))
    assert max(entry.number for entry in server.log) <= 400


# Verdicts


def test_without_a_target_the_embedded_server_is_judged(bench: Bench) -> None:
    result = bench.run("-k", "ENV or OBS-001")
    result.assert_outcomes(passed=8, skipped=1, deselected=len(clauses()) - 9)
    result.stdout.fnmatch_lines(
        ["contracts: the embedded server · seed 0 · document openapi.yaml", "Target      http://127.0.0.1:*", "KEPT: *"]
    )
    assert result.ret == ExitCode.KEPT


def test_the_verdicts_are_those_of_the_engine(bench: Bench, wrong: Server) -> None:
    data = wrong.dataset
    bench.keys(data)
    result = bench.run("--junitxml=junit.xml", "--contract-seed=7", *bench.options(wrong))
    target = Target(wrong.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint, user_key=True)
    keys = Keys.of(data.admin_key, data.user_key)
    expected = run(Plan(target=target, keys=keys, operation=load_operation(), seed=7))
    assert verdicts(bench.pytester.path / "junit.xml") == {
        judgement.clause: judgement.verdict.value for judgement in expected.judgements
    }
    assert result.ret == expected.exit_code == ExitCode.BROKEN


def test_a_breach_fails_its_item_with_the_evidence_and_no_traceback(bench: Bench, wrong: Server) -> None:
    bench.keys(wrong.dataset)
    result = bench.run("-k", "PAG-014", *bench.options(wrong))
    result.assert_outcomes(failed=1, deselected=len(clauses()) - 1)
    result.stdout.fnmatch_lines(
        [
            f"* PAG-014  {TITLES['PAG-014']} *",
            "*Expected*",
            "*Actual*",
            "*Request*permissions*",
            '*curl*"Authorization: Bearer $OPENAI_ADMIN_KEY"*',
            "FAILED test_it.py::test_clause[[]PAG-014-*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*session.py*")
    assert result.stdout.str().count("BROKEN: ") == 1, "the last word on the run is for its end"
    assert result.ret == ExitCode.BROKEN


def test_the_first_breach_can_end_the_session(bench: Bench, wrong: Server) -> None:
    bench.keys(wrong.dataset)
    result = bench.run("-x", "-k", "PAG", *bench.options(wrong))
    assert result.parseoutcomes()["failed"] == 1
    assert result.ret == ExitCode.BROKEN


def test_what_could_not_be_exercised_is_skipped_and_ends_with_its_own_code(bench: Bench, server: Server) -> None:
    bench.keys(server.dataset, user=False)
    options = bench.options(server)[:2]
    selection = ("-rs", "-k", "SCO-001 or SEC-005 or ENV-001", "--contract-requests=60")
    result = bench.run(*selection, *options)
    result.assert_outcomes(passed=1, skipped=2, deselected=len(clauses()) - 3)
    result.stdout.fnmatch_lines(["SKIPPED * not exercised: *; provide --other-checkpoint with *"])
    result.stdout.fnmatch_lines(["SKIPPED * not exercised: *; provide OPENAI_USER_KEY with *"])
    result.stdout.fnmatch_lines(["INCOMPLETE: *"])
    assert result.ret == ExitCode.INCOMPLETE
    assert bench.run(*selection, *options, "--contract-allow-incomplete").ret == ExitCode.KEPT


def test_a_level_outside_of_the_gate_fails_nothing(bench: Bench, wrong: Server) -> None:
    bench.keys(wrong.dataset)
    result = bench.run("-k", "PAG-014", "--contract-gate=security", *bench.options(wrong))
    result.assert_outcomes(xfailed=1, deselected=len(clauses()) - 1)
    assert result.ret == ExitCode.KEPT


def test_a_warning_passes_unless_it_is_strict(bench: Bench) -> None:
    with open_fault("cacheable-by-shared") as server:
        bench.keys(server.dataset)
        selection = ("-k", "HTP-004", *bench.options(server))
        result = bench.run(*selection, "--junitxml=junit.xml")
        result.assert_outcomes(passed=1, deselected=len(clauses()) - 1)
        assert verdicts(bench.pytester.path / "junit.xml") == {"HTP-004": "warned"}
        result.stdout.fnmatch_lines(["! HTP-004 *"])
        strict = bench.run(*selection, "--contract-strict")
        strict.assert_outcomes(failed=1, deselected=len(clauses()) - 1)


@pytest.mark.parametrize("family", ["xunit1", "xunit2"])
def test_a_junit_file_holds_the_evidence(bench: Bench, wrong: Server, family: str) -> None:
    bench.keys(wrong.dataset)
    bench.run("-k", "PAG-014", "--junitxml=junit.xml", "-o", f"junit_family={family}", *bench.options(wrong))
    (case,) = ET.parse(bench.pytester.path / "junit.xml").iter("testcase")
    names = [each.get("name") for each in case.iter("property")]
    assert names == [
        *("clause", "level", "verdict", "cases", "breaches"),
        *("expected", "actual", "request", "request", "repeat"),
    ]


# The target


def test_the_environment_names_the_target_as_for_the_command_line(bench: Bench, server: Server) -> None:
    bench.keys(server.dataset)
    bench.monkeypatch.setenv("CONTRACTS_BASE_URL", server.base_url)
    bench.monkeypatch.setenv("CONTRACTS_CHECKPOINT", server.dataset.checkpoint)
    result = bench.run("-k", "ENV-001")
    result.assert_outcomes(passed=1, deselected=len(clauses()) - 1)
    assert server.log


def test_a_fixture_of_the_users_names_the_target(bench: Bench, server: Server) -> None:
    bench.keys(server.dataset)
    bench.pytester.makeconftest(
        f"import pytest\n@pytest.fixture(scope='session')\ndef base_url():\n    return {server.base_url!r}\n"
    )
    result = bench.run("-k", "ENV-001", f"--checkpoint={server.dataset.checkpoint}")
    result.assert_outcomes(passed=1, deselected=len(clauses()) - 1)
    assert server.log


@pytest.mark.parametrize(
    ("arguments", "variables", "sentence"),
    [
        (["--checkpoint=ft:a"], {}, "--checkpoint without a target*"),
        (["--base-url=http://127.0.0.1:9/v1"], {}, "No checkpoint is named*"),
        (
            ["--base-url=http://127.0.0.1:9/v1", "--checkpoint=ft:a"],
            {},
            "An admin key is needed, and there is none: *--contract-key-file*",
        ),
        (
            ["--base-url=http://127.0.0.1:9/v1", "--checkpoint=ft:a"],
            {"OPENAI_ADMIN_KEY": key_like("admin", "x")},
            "http://127.0.0.1:9/v1 can't be reached*",
        ),
        (["--contract-requests=5"], {}, "--contract-requests 5 is too few for a verdict*"),
        (["--contract-fault=nonsense"], {}, "*nonsense*"),
        ([], {"CONTRACTS_BASE_ULR": "http://127.0.0.1:9/v1"}, "*CONTRACTS_BASE_ULR*CONTRACTS_BASE_URL*"),
        (["--base-url="], {}, "--base-url *"),
        (["--junitxml=j.xml", "--contract-junit=./j.xml"], {}, "--junitxml and --contract-junit name the same file: *"),
        ([], {"PYTEST_BASE_URL": ""}, "--base-url *"),
    ],
)
def test_a_configuration_error_is_one_sentence(
    bench: Bench, arguments: list[str], variables: dict[str, str], sentence: str
) -> None:
    for name, value in variables.items():
        bench.monkeypatch.setenv(name, value)
    # PYTEST_BASE_URL is read where the plugin that owns it is imported.
    result = bench.run(*arguments, apart="PYTEST_BASE_URL" in variables)
    assert result.ret == ExitCode.CONFIGURATION
    result.stdout.fnmatch_lines([f"!*Exit: {sentence}"])
    assert not result.parseoutcomes().keys() & {"failed", "errors", "passed"}


def test_the_wrong_key_is_a_configuration_error(bench: Bench, server: Server) -> None:
    bench.keys(replace(server.dataset, admin_key=key_like("admin", "of-another-organization")))
    result = bench.run("-k", "ENV", *bench.options(server))
    assert result.ret == ExitCode.CONFIGURATION
    result.stdout.fnmatch_lines(["!*refuses the admin key with 40*"])


def test_a_failure_of_the_suite_itself_says_so(bench: Bench) -> None:
    def broken(*_: object, **__: object) -> None:
        raise LookupError("lost")

    bench.monkeypatch.setattr(contracts.runs.job, "run", broken)
    result = bench.run("-k", "ENV")
    assert result.ret == ExitCode.INTERNAL
    result.stdout.fnmatch_lines(["*The suite itself failed; please report it.*"])
    result.stdout.fnmatch_lines(["*LookupError: lost*"])


def test_an_interrupt_ends_the_session(bench: Bench) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    bench.monkeypatch.setattr(contracts.runs.job, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.run("-k", "ENV")


# With other plugins


@pytest.mark.parametrize("distribution", ["load", "loadgroup", "worksteal"])
def test_workers_of_xdist_share_one_run(bench: Bench, server: Server, distribution: str) -> None:
    bench.keys(server.dataset, user=False)
    options = [*bench.options(server), "-n2", f"--dist={distribution}", "--junitxml=junit.xml"]
    result = bench.run("-k", "ENV or SEC-005", *options, apart=True)
    result.assert_outcomes(passed=7, skipped=2)
    assert result.ret == ExitCode.INCOMPLETE
    assert result.stdout.str().count("INCOMPLETE: ") == 1
    asked = re.search(r"Asked +(\d+) requests", result.stdout.str())
    assert asked is not None
    assert len(server.log) == int(asked[1]), "one worker asked"
    assert len(verdicts(bench.pytester.path / "junit.xml")) == 9


def test_a_worker_of_xdist_reports_a_configuration_error(bench: Bench) -> None:
    result = bench.run("--checkpoint=ft:a", "-n2", apart=True)
    assert result.ret == ExitCode.CONFIGURATION
    result.stdout.fnmatch_lines(["!*Exit: --checkpoint without a target*"])


def test_a_worker_that_died_is_not_waited_for(tmp_path: Path) -> None:
    os.utime(tmp_path, (0, 0))
    found = contracts.plugins.session._awaited(tmp_path, tmp_path / "done")
    assert isinstance(found, contracts.plugins.session.NoVerdict)
    assert found.exit_code == ExitCode.INTERNAL


def test_a_breach_fails_a_session_of_xdist(bench: Bench, wrong: Server) -> None:
    bench.keys(wrong.dataset)
    result = bench.run("-k", "PAG-014 or ENV", "-n2", *bench.options(wrong), apart=True)
    result.assert_outcomes(passed=7, failed=1, skipped=1)
    assert result.ret == ExitCode.BROKEN


def test_other_tests_notice_nothing(bench: Bench) -> None:
    bench.pytester.makepyfile(
        test_it="""
        import sys

        def test_of_something_else(request):
            ours = {name for name in sys.modules if name.split(".")[0] == "contracts"}
            assert not ours, "the name is the project's"
        """
    )
    bench.monkeypatch.setenv("CONTRACTS_NONSENSE", "1")
    result = bench.run(apart=True)
    result.assert_outcomes(passed=1)
    said = [line for line in result.outlines if "contract" in line and not line.startswith("plugins:")]
    assert not said
    assert result.ret == pytest.ExitCode.OK


def test_without_xdist_its_marker_is_known(bench: Bench) -> None:
    bench.run("-p", "no:xdist", "-k", "ENV-001").assert_outcomes(passed=1, deselected=len(clauses()) - 1)


# Options


def test_every_setting_has_an_option() -> None:
    assert SHARED == UNPREFIXED
    declared: dict[str, dict[str, str]] = {}
    for name, option in OPTIONS.items():
        if name in FOR_TERMINALS:  # pytest has its own
            continue
        kind = {"action": "store_true"} if option.is_flag else {"metavar": str(option.metavar)}
        more = {"action": "append"} if option.multiple else {}
        declared[name] = {"help": spelled(str(option.help)), **kind, **more}
    path = Path(contracts.plugins.pytest.__file__).with_name("options.json")
    if "UPDATE_SNAPSHOTS" in os.environ:
        lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in declared.items())
        path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == declared, "UPDATE_SNAPSHOTS=1 writes it anew"


def test_sentences_name_the_options_of_pytest() -> None:
    assert spelled("--requests N reaches further") == "--contract-requests N reaches further"
    assert spelled("give --base-url or --color") == "give --base-url or --color"
    assert spelled("--record-mode, x--seed and --contract-seed") == "--record-mode, x--seed and --contract-seed"
