"""The suite as a pytest plugin: its options, its fixture, and the end of a session with contract items.

The plugin is loaded wherever this package is installed, by ``pytest_checkpoint_permissions``. So it imports nothing of
the suite until a contract item is there, says and changes nothing without one, and leaves to the project whatever it
calls its options, its fixtures and its folders.

PYTEST_DONT_REWRITE: it asserts nothing, and pytest can't rewrite what is loaded by its file.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentError, ArgumentParser
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from contracts.plugins.session import Session

SHARED: Final = ("base_url", "checkpoint", "other_checkpoint", "empty_checkpoint")
"""The settings whose options go without the prefix too, where neither the project nor another plugin has them."""
PREFIXED: Final[Mapping[str, Mapping[str, str]]] = json.loads(
    Path(__file__).with_name("options.json").read_text(encoding="utf-8")
)
"""The settings whose options begin with ``--contract-`` here: how each is declared to pytest.

The file is made from `contracts.settings.settings`, which is not to be imported here.
"""
_GROUP: Final = "contracts"
_SUITE: Final = Path(__file__).resolve().parents[1] / "suite.py"


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Where a conftest.py of the project loads this plugin, add the options that are free."""
    if any((getattr(plugin, "__file__", None) or "").endswith("conftest.py") for plugin in pluginmanager.get_plugins()):
        _add_options(parser)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, object, object]:
    """Once all plugins and the project have their options, add those that are free."""
    # The words behind ours would pass for folders of tests by then, in place of what the project says of these.
    ours = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for option, declared in _options():
        ours.add_argument(option, **declared)
    with suppress(ArgumentError):
        _, others = ours.parse_known_args(args)
        early_config.known_args_namespace.file_or_dir = parser.parse_known_args(others).file_or_dir
    result = yield
    _add_options(parser)
    return result


def dest(name: str) -> str:
    """Where pytest keeps what an option of ours says: a name that no option of a project has."""
    return f"_contracts_{name}"


def _options() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each option, for each setting and for some without the prefix, and how it is declared."""
    for prefix, names in (("--contract-", tuple(PREFIXED)), ("--", SHARED)):
        for name in names:
            purpose = PREFIXED[name]["help"] if prefix != "--" else f"the same as --contract-{_spelled(name)}"
            yield prefix + _spelled(name), {**PREFIXED[name], "help": purpose, "dest": dest(name)}


def _spelled(name: str) -> str:
    return name.replace("_", "-")


def _add_options(parser: pytest.Parser) -> None:
    """Add the options that neither the project nor another plugin has."""
    group = parser.getgroup(_GROUP, "contract of “List checkpoint permissions”")
    every = dict(_options())
    free = every if _are_free(parser, every) else {option for option in every if _are_free(parser, [option])}
    for option, declared in every.items():
        if option in free:
            group.addoption(option, default=None, **declared)


def _are_free(parser: pytest.Parser, options: Iterable[str]) -> bool:
    given = [f"{option}=1" for option in options]
    try:
        _, unknown = parser.parse_known_and_unknown_args(given)
    except (pytest.UsageError, SystemExit):
        return False  # one of them exists, and takes other values
    return given == unknown


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Listen to the reports in the one process that ends the session."""
    if not config.pluginmanager.hasplugin("xdist"):
        config.addinivalue_line("markers", "xdist_group(name): what one worker of pytest-xdist runs.")
    # It may be loaded a second time, as ``-p contracts.plugins.pytest``.
    if not hasattr(config, "workerinput") and not config.pluginmanager.hasplugin("contracts-ending"):
        # pytest-base-url makes an empty string of an option that was not given; workers inherit all options.
        config.option.contracts_empty_base_url = config.getoption("base_url", None) == ""
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


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep pytest-timeout from ending a run that the first of all items makes: it has limits of its own."""
    suite = _suite()
    ours = suite is not None and getattr(item, "function", None) is suite.test_clause
    if ours and item.config.pluginmanager.hasplugin("timeout"):
        item.add_marker(pytest.mark.timeout(0))


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
