"""The suite as a pytest plugin: its options, its fixture, and the end of a session with contract items.

The plugin is loaded wherever this package is installed, by ``pytest_checkpoint_permissions``. So it imports nothing of
the suite until a contract item is there, says and changes nothing without one, and leaves to the project whatever it
calls its options, its fixtures and its folders.

PYTEST_DONT_REWRITE: it asserts nothing, and pytest can't rewrite what is loaded by its file.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from contracts.plugins.session import Session

SHARED: Final = ("base_url", "checkpoint", "other_checkpoint", "empty_checkpoint")
"""The settings whose options go without the prefix too, where neither the project nor another plugin has them."""
PREFIXED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "base_url": "where the API begins, in place of what a fixture base_url says",
        "checkpoint": "the checkpoint whose permissions are listed",
        "other_checkpoint": "a second checkpoint, with permissions of its own",
        "empty_checkpoint": "a checkpoint without permissions",
        "config": "the configuration file, in place of a contracts.toml or pyproject.toml that is here",
        "target": "the [[target]] of the configuration file to judge",
        "key_file": "a file with the admin key, in place of OPENAI_ADMIN_KEY",
        "key_command": "a command that prints the admin key",
        "key_variable": "the environment variable of the admin key",
        "user_key_file": "a file with a key without admin rights, in place of OPENAI_USER_KEY",
        "user_key_command": "a command that prints such a key",
        "user_key_variable": "the environment variable of such a key",
        "ca_bundle": "certificates (PEM) of the authorities to trust",
        "client_cert": "a certificate (PEM) by which requests say who asks, where TLS wants one",
        "client_key": "the key (PEM) of that certificate, unless it is in the same file",
        "proxy": "the proxy (http, https, socks5, socks5h), in place of HTTPS_PROXY and the like",
        "no_proxy": "use no proxy, whatever the environment says",
        "resolve": "the address of a host, as HOST:PORT:ADDRESS; repeatable",
        "header": "a header of each request that is no secret, as 'Name: value'; repeatable",
        "secret_header": "a header whose value an environment variable holds, as NAME=VARIABLE; repeatable",
        "secret_header_file": "a header whose value a file holds, as NAME=FILE; repeatable",
        "secret_header_command": "a header whose value a command prints, as NAME=COMMAND; repeatable",
        "spec": "an OpenAPI document that holds the operation, in place of the published one",
        "overlay": "what is added to that document",
        "operation": "the list operation: an operationId, or 'GET /path'",
        "at": "a parameter of the operation's path, as NAME=VALUE; repeatable",
        "other_at": "the last of these parameters once more, as NAME=VALUE: a second list with items of its own",
        "empty_at": "the same, of a list without items",
        "query": "a query parameter of every request, as NAME=VALUE; repeatable",
        "requests": "the most requests that are sent",
        "deep": "walk through the whole list in both orders, --contract-requests pages beside the usual requests",
        "rate": "the most requests in a second, as N/s, or in a minute, as N/m",
        "concurrency": "the most requests that are under way at the same time",
        "timeout": "the longest that one answer may take, in seconds",
        "max_time": "the longest that a run may take, in seconds",
        "wait": "wait so long for the target to answer, in seconds",
        "seed": "what every choice of the run is drawn from, or 'random'",
        "gate": "the levels whose breach fails, with commas between them",
        "strict": "a breach of an advisory clause fails as well",
        "allow_incomplete": "clauses that could not be exercised do not end the session with exit code 6",
        "fault": "give the embedded server this fault",
        "variant": "let the embedded server be right in another way",
        "items": "how many permissions the embedded server holds",
        "projects": "how many projects they belong to",
        "record": "write every exchange to this HAR file",
        "html": "write the report as HTML, with the walks drawn",
        "markdown": "write the report as Markdown",
        "json": "write the report as JSON",
        "junit": "write the report as JUnit XML that is the same as that of `contracts check`",
        "issues": "write each root cause to this folder, as an issue for the server's maintainers",
        "issues_as": "what the issues call the target's base URL",
    }
)
"""The settings whose options begin with ``--contract-`` here, and what each is for."""
SWITCHES: Final = frozenset({"deep", "strict", "allow_incomplete", "no_proxy"})
"""Those of them that take no value."""
REPEATED: Final = frozenset(
    {"at", "query", "resolve", "header", "secret_header", "secret_header_file", "secret_header_command"}
)
"""Those of them that may be given several times."""
_GROUP: Final = "contracts"
_SUITE: Final = Path(__file__).resolve().parents[1] / "suite.py"


def pytest_addoption(parser: pytest.Parser) -> None:
    """An option for each setting that a session can have; each has an environment variable as well."""
    group = parser.getgroup(_GROUP, "contract of “List checkpoint permissions”")
    for name, purpose in PREFIXED.items():
        option = "--contract-" + name.replace("_", "-")
        if name in SWITCHES:
            group.addoption(option, action="store_true", default=None, help=purpose)
        else:
            action = "append" if name in REPEATED else "store"
            group.addoption(option, action=action, metavar=_metavar(name), help=purpose)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> Generator[None, object, object]:
    """Once all plugins and the project have their options, add the short ones that are free."""
    result = yield
    for name in SHARED:
        option = "--" + name.replace("_", "-")
        if _is_free(parser, option):
            purpose = f"the same as --contract-{option[2:]}"
            parser.getgroup(_GROUP).addoption(option, dest=f"contract_{name}", metavar=_metavar(name), help=purpose)
    return result


def _metavar(name: str) -> str:
    return "ID" if name.endswith("checkpoint") else name.rpartition("_")[2].upper()


def _is_free(parser: pytest.Parser, option: str) -> bool:
    given = f"{option}=1"
    try:
        _, unknown = parser.parse_known_and_unknown_args([given])
    except (pytest.UsageError, SystemExit):
        return False  # somebody has it, and takes other values
    return given in unknown


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Listen to the reports in the one process that ends the session."""
    if not config.pluginmanager.hasplugin("xdist"):
        config.addinivalue_line("markers", "xdist_group(name): what one worker of pytest-xdist runs.")
    if not hasattr(config, "workerinput"):
        # pytest-base-url makes an empty string of an option that was not given; workers inherit all options.
        config.option.contract_empty_base_url = config.getoption("base_url", None) == ""
        config.pluginmanager.register(_Ending(config), "contracts-ending")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """With --pyargs, items have ids that can be given back to it: pytest calls a module elsewhere by no name at all."""
    if module_path.resolve() != _SUITE or not parent.config.getoption("pyargs"):
        return None
    return pytest.Module.from_parent(parent, path=module_path, nodeid="contracts.suite")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each target of the configuration file items of its own, which one worker of pytest-xdist runs."""
    suite = _suite()
    if suite is None or metafunc.function is not suite.test_clause:
        return
    from contracts.plugins.session import configured

    names = [settings.name for settings in configured(metafunc.config)]
    if any(names):
        params = [pytest.param(name, id=name, marks=pytest.mark.xdist_group(f"contracts-{name}")) for name in names]
        metafunc.parametrize("contract", params, indirect=True, scope="session")


def _suite() -> Any:
    """The module of the contract items if it was imported, and is ours: a project may have one of that name."""
    suite = sys.modules.get("contracts.suite")
    return suite if suite is not None and Path(getattr(suite, "__file__", None) or "").resolve() == _SUITE else None


@pytest.fixture(scope="session")
def contract(request: pytest.FixtureRequest) -> Session:
    """The one run of this session for a target, made when an item first needs it."""
    from contracts.plugins.session import Session

    return Session(request.config, request.session, getattr(request, "param", ""))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send an item's facts along with its report."""
    report = yield
    facts = _facts(item.stash, "FACTS")
    if facts is not None and report.when == "call":
        vars(report)["contracts"] = facts
    return report


def _facts(stash: pytest.Stash, name: str) -> dict[str, Any] | None:
    """What the session of contract items keeps in a stash under one of its keys; ``None`` without contract items."""
    if _suite() is None:
        return None
    from contracts.plugins import session

    found: dict[str, Any] | None = stash.get(getattr(session, name), None)
    return found


class _Ending:
    """Ends a session of contract items as a run ends."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._facts: dict[str, dict[str, Any]] = {}

    def pytest_report_collectionfinish(self, config: pytest.Config, items: Sequence[pytest.Item]) -> str | list[str]:
        if config.option.collectonly or config.get_verbosity() < 0 or _suite() is None:
            return []
        from contracts.plugins.session import clause_of, header

        return header(config) if any(map(clause_of, items)) else []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        facts: dict[str, Any] | None = getattr(report, "contracts", None)
        if facts is None:
            return
        if "stop" in facts:
            self._annotate([facts])
            pytest.exit(facts["stop"], returncode=facts["exit"])
        self._facts[facts["target"]] = facts

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if not self._facts:
            return
        from contracts.verdicts.conclusion import worst

        codes = [facts["exit"] for facts in self._facts.values() if exitstatus in facts["replaces"]]
        if codes:
            session.exitstatus = worst([exitstatus, *codes])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        interrupted = _facts(self._config.stash, "INTERRUPTED")
        if interrupted is not None:
            self._facts[interrupted["target"]] = interrupted
        for target, facts in sorted(self._facts.items()):
            terminalreporter.section(f"contracts: {target}" if target else "contracts")
            if terminalreporter.verbosity >= 0 and facts["summary"]:
                terminalreporter.write_line(facts["summary"] + "\n")
            terminalreporter.write_line(facts["headline"])
        self._annotate(self._facts.values())

    def _annotate(self, facts: Iterable[dict[str, Any]]) -> None:
        """Tell GitHub Actions, where that is what runs this."""
        remarks = [remark for each in facts for remark in each["remarks"]]
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if not remarks or terminal is None:
            return
        from contracts.reports.github import Annotation, commands

        for line in commands(Annotation(*remark) for remark in remarks):
            terminal.write_line(line)
