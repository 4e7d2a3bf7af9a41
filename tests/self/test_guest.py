"""Projects that have this package installed and a mind of their own: nothing of theirs is taken or broken."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import pytest
from commanding import APART

import contracts
import contracts.plugins.session
import contracts.suite
from contracts.mock.server import Server

QUIET = (*APART, "-W", "error", "-q")
ALONE = (*QUIET, "-p", "no:base_url")
"""As where pytest-base-url is not installed."""

PROJECTS: dict[str, Mapping[str, str]] = {
    "a package contracts of its own": {
        "contracts/__init__.py": "OURS = True",
        "contracts/suite.py": "def test_clause(): ...",
        "contracts/plugins/__init__.py": "",
        "contracts/plugins/pytest.py": "raise RuntimeError('this is not the plugin')",
        "conftest.py": "",
        "test_it.py": "import contracts.suite\ndef test_it():\n    assert contracts.OURS",
    },
    "a module contracts of its own": {
        "contracts.py": "OURS = True",
        "conftest.py": "",
        "test_it.py": "from contracts import OURS\ndef test_it():\n    assert OURS",
    },
    "a folder contracts without modules": {
        "contracts/lease.txt": "signed",
        "test_it.py": "def test_it(): ...",
    },
    "an option --checkpoint of its own": {
        "conftest.py": "def pytest_addoption(parser): parser.addoption('--checkpoint', type=int, default=7)",
        "test_it.py": "def test_it(request): assert request.config.getoption('checkpoint') == 7",
    },
    "options of all those names": {
        "conftest.py": (
            "def pytest_addoption(parser):\n"
            "    group = parser.getgroup('mine')\n"
            "    group.addoption('--base-url', action='append')\n"
            "    group.addoption('--other-checkpoint', '--checkpoint', choices=['a', 'b'])\n"
            "    group.addoption('--empty-checkpoint', nargs=2)\n"
        ),
        "test_it.py": "def test_it(request): assert request.config.getoption('--base-url') is None",
    },
    "an option --contract-html of its own": {
        "conftest.py": "def pytest_addoption(parser): parser.addoption('--contract-html', type=int, default=7)",
        "test_it.py": "def test_it(request): assert request.config.getoption('contract_html') == 7",
    },
    "a fixture base_url of function scope": {
        "conftest.py": "import pytest\n@pytest.fixture\ndef base_url(tmp_path): return 'http://mine'",
        "test_it.py": "def test_it(base_url): assert base_url == 'http://mine'",
    },
    "a fixture base_url for each test": {
        "conftest.py": (
            "import pytest\n@pytest.fixture(autouse=True, params=[1, 2])\ndef base_url(request): return request.param"
        ),
        "test_it.py": "def test_it(base_url): assert base_url in (1, 2)",
    },
    "a fixture contract": {
        "conftest.py": "import pytest\n@pytest.fixture\ndef contract(): return 'signed'",
        "test_it.py": "def test_it(contract): assert contract == 'signed'",
    },
}


def project(pytester: pytest.Pytester, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_that_does_not_use_it_notices_nothing(pytester: pytest.Pytester, name: str) -> None:
    project(pytester, PROJECTS[name])
    # With -m the project's folder comes first of all, and else after its tests' only.
    result = pytester.run(sys.executable, "-m", "pytest", *ALONE)
    assert result.ret == 0, result.stdout.str()
    assert re.search(r"^[12] passed", result.outlines[-1]), result.stdout.str()
    assert "contract" not in result.stdout.str()
    assert result.errlines == []


@pytest.mark.parametrize("name", ["a package contracts of its own", "a module contracts of its own"])
def test_a_package_of_that_name_is_the_projects_also_with_the_script(pytester: pytest.Pytester, name: str) -> None:
    project(pytester, PROJECTS[name])
    result = pytester.run("pytest", *ALONE)
    assert result.ret == 0, result.stdout.str()


def test_the_command_is_ours_in_a_project_with_a_package_of_that_name(pytester: pytest.Pytester) -> None:
    project(pytester, {"contracts/__init__.py": "raise RuntimeError('not this one')"})
    command = Path(contracts.__file__).parents[1] / "checkpoint_permissions_contracts.py"
    done = subprocess.run(
        [sys.executable, command, "list"],
        env={**os.environ, "PYTHONPATH": str(pytester.path)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "PAG-014" in done.stdout


OPTION = "def pytest_addoption(parser): parser.addoption('--checkpoint', type=int, default=7)\n"
FIXTURE = "import pytest\n@pytest.fixture\ndef base_url(tmp_path): return {url!r}\n"


@pytest.mark.parametrize(
    ("conftest", "words"),
    [
        (OPTION, ("--contract-base-url={url}", "--contract-checkpoint={checkpoint}")),
        ("", ("--base-url={url}", "--checkpoint={checkpoint}")),
        (FIXTURE, ("--checkpoint={checkpoint}",)),
        (
            FIXTURE.replace("{url!r}", "'http://127.0.0.1:9'"),
            ("--contract-base-url={url}", "--checkpoint={checkpoint}"),
        ),
    ],
)
def test_the_items_are_there_for_each_of_them(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, conftest: str, words: tuple[str, ...]
) -> None:
    with Server() as server:
        monkeypatch.setenv("OPENAI_ADMIN_KEY", server.dataset.admin_key)
        pytester.makeconftest(conftest.replace("{url!r}", repr(server.base_url)))
        given = [word.format(url=server.base_url, checkpoint=server.dataset.checkpoint) for word in words]
        item = "contracts.suite::test_clause[ENV-002-object-is-present-and-is-list]"
        result = pytester.runpytest_inprocess(*ALONE, "--junitxml=it.xml", "--pyargs", item, *given)
        result.assert_outcomes(passed=1)
        assert server.log
    (case,) = ET.parse(pytester.path / "it.xml").iter("testcase")
    assert f"{case.get('classname')}::{case.get('name')}" == item


@pytest.mark.parametrize("limited", [True, False])
def test_no_timeout_of_a_project_ends_a_run(pytester: pytest.Pytester, limited: bool) -> None:
    pytester.makeini("[pytest]\naddopts = --strict-markers" + ("\ntimeout = 1" if limited else " -p no:timeout"))
    pytester.makepyfile("from contracts.suite import test_clause\ndef test_mine(): ...")
    items, _ = pytester.inline_genitems(*ALONE)
    marks = {item.name: item.get_closest_marker("timeout") for item in items}
    assert marks.pop("test_mine") is None
    assert all((mark.args == (0,) if mark is not None else False) is limited for mark in marks.values())


def test_a_word_behind_an_option_is_no_folder_of_tests(pytester: pytest.Pytester) -> None:
    project(
        pytester,
        {"tests/conftest.py": OPTION, "tests/test_it.py": PROJECTS["an option --checkpoint of its own"]["test_it.py"]},
    )
    pytester.makeini("[pytest]\ntestpaths = tests")
    result = pytester.runpytest_inprocess(*ALONE, "--contract-seed", "7", "--contract-html", "tests")
    result.assert_outcomes(passed=1)


FORBIDDING = """
import pytest, socket

class SocketBlockedError(RuntimeError): ...

class Guarded(socket.socket):
    def __new__(cls, *_, **__):
        raise SocketBlockedError("A test tried to use socket.socket.")

@pytest.fixture(autouse=True)
def forbidden(monkeypatch):
    monkeypatch.setattr(socket, "socket", Guarded)
"""


def test_a_plugin_that_forbids_sockets_is_reported(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(pytest_forbids=FORBIDDING)
    pytester.syspathinsert()
    words = ("-p", "pytest_forbids", "--pyargs", "contracts.suite", "-k", "ENV-002", "--junitxml=it.xml")
    result = pytester.runpytest_inprocess(*ALONE, *words)
    assert result.ret == 4
    result.stdout.fnmatch_lines(["*the pytest plugin pytest_forbids forbids something (A test tried to use*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_fixture_that_gives_no_text_is_reported(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef base_url(): return 7")
    result = pytester.runpytest_inprocess(*ALONE, "--pyargs", "contracts.suite", "-k", "ENV-002")
    assert result.ret == 4
    result.stdout.fnmatch_lines(["*The fixture base_url gives no text: name the target with --contract-base-url.*"])
