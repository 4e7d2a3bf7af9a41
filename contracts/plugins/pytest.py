"""The suite as a pytest plugin: its options, its fixture, and the end of a session with contract items.

The plugin is loaded wherever this package is installed. So it imports nothing of the suite until a contract
item is there, and says and changes nothing without one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from contracts.clauses.registry import Clause
    from contracts.plugins.session import Session
    from contracts.settings.settings import Settings

SHARED: Final = ("checkpoint", "other_checkpoint", "empty_checkpoint")
"""The settings whose options pytest spells as the command line does."""
PREFIXED: Final[Mapping[str, str]] = MappingProxyType(
    {
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
        "requests": "the most requests that are sent",
        "deep": "walk through the whole list in both orders, --contract-requests pages beside the usual requests",
        "rate": "the most requests in a second, as N/s, or in a minute, as N/m",
        "concurrency": "the most requests that are under way at the same time",
        "timeout": "the longest that one answer may take, in seconds",
        "max_time": "the longest that a run may take, in seconds",
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
    }
)
"""The settings whose options begin with ``--contract-`` here, and what each is for."""
SWITCHES: Final = frozenset({"deep", "strict", "allow_incomplete", "no_proxy"})
"""Those of them that take no value."""
REPEATED: Final = frozenset({"resolve", "header", "secret_header", "secret_header_file", "secret_header_command"})
"""Those of them that may be given several times."""
_ONLY_OURS: Final = re.compile(rf"(?<![\w-])--(?=(?:{'|'.join(PREFIXED).replace('_', '-')})(?![\w-]))")


FACTS: Final = pytest.StashKey[dict[str, Any]]()
"""What an item tells the process that ends the session: with pytest-xdist, all that this process learns."""

INTERRUPTED: Final = pytest.StashKey[dict[str, Any]]()
"""The same of a run that was interrupted: its item has no report."""

_SETTINGS: Final = pytest.StashKey[tuple[str | None, "tuple[Settings, ...]"]]()
_EMPTY: Final = "contract_empty_base_url"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the target that pytest-base-url lacks; each has an environment variable as well."""
    group = parser.getgroup("contracts", "contract of “List checkpoint permissions”")
    group.addoption("--checkpoint", metavar="ID", help="the checkpoint whose permissions are listed")
    group.addoption("--other-checkpoint", metavar="ID", help="a second checkpoint, with permissions of its own")
    group.addoption("--empty-checkpoint", metavar="ID", help="a checkpoint without permissions")
    for name, purpose in PREFIXED.items():
        option = "--contract-" + name.replace("_", "-")
        if name in SWITCHES:
            group.addoption(option, action="store_true", default=None, help=purpose)
        else:
            action = "append" if name in REPEATED else "store"
            group.addoption(option, action=action, metavar=name.rpartition("_")[2].upper(), help=purpose)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Listen to the reports in the one process that ends the session."""
    if not config.pluginmanager.hasplugin("xdist"):
        config.addinivalue_line("markers", "xdist_group(name): what one worker of pytest-xdist runs.")
    if not hasattr(config, "workerinput"):
        # pytest-base-url makes an empty string of an option that was not given; workers inherit all options.
        setattr(config.option, _EMPTY, config.getoption("base_url") == "")
        config.pluginmanager.register(_Ending(config), "contracts-ending")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each target of the configuration file items of its own, which one worker of pytest-xdist runs."""
    suite = sys.modules.get("contracts.suite")
    if suite is None or metafunc.function is not suite.test_clause:
        return
    names = [settings.name for settings in _configured(metafunc.config)]
    if any(names):
        params = [pytest.param(name, id=name, marks=pytest.mark.xdist_group(f"contracts-{name}")) for name in names]
        metafunc.parametrize("contract", params, indirect=True, scope="session")


def _configured(config: pytest.Config) -> tuple[Settings, ...]:
    """The settings of each target, as far as that is known before a fixture could name one."""
    from contracts.core.errors import ConfigurationError

    try:
        return all_settings(config, config.getoption("base_url"))
    except ConfigurationError:
        return ()  # the first item says what is wrong


@pytest.fixture(scope="session")
def contract(request: pytest.FixtureRequest) -> Session:
    """The one run of this session for a target, made when an item first needs it."""
    from contracts.plugins.session import Session

    return Session(request, getattr(request, "param", ""))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send an item's facts along with its report."""
    report = yield
    facts = item.stash.get(FACTS, None)
    if facts is not None and report.when == "call":
        vars(report)["contracts"] = facts
    return report


class _Ending:
    """Ends a session of contract items as a run ends."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._facts: dict[str, dict[str, Any]] = {}

    def pytest_report_collectionfinish(self, config: pytest.Config, items: Sequence[pytest.Item]) -> str | list[str]:
        if config.option.collectonly or config.get_verbosity() < 0 or not any(clause_of(item) for item in items):
            return []
        from contracts.plugins.session import header

        return header(config)

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
        from contracts.verdicts.conclusion import worst

        codes = [facts["exit"] for facts in self._facts.values() if exitstatus in facts["replaces"]]
        if codes:
            session.exitstatus = worst([exitstatus, *codes])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        interrupted = self._config.stash.get(INTERRUPTED, None)
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


def clause_of(item: pytest.Item) -> Clause | None:
    """The clause that an item holds the target to; ``None`` for items that are not of this suite."""
    suite = sys.modules.get("contracts.suite")
    if suite is None or not isinstance(item, pytest.Function) or item.obj is not suite.test_clause:
        return None
    clause: Clause = item.callspec.params["clause"]  # type: ignore[assignment]  # typed as object by pytest
    return clause


def target_of(item: pytest.Item) -> str:
    """The name of the target that an item is of, an empty string where there is only one."""
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return str(parameters.get("contract", ""))


def settings_of(config: pytest.Config, base_url: str | None, target: str = "") -> Settings:
    """The settings of this session for a target; ``None`` or an empty URL: none was named.

    Raises:
        ConfigurationError: a value can't be used.
    """
    from contracts.settings.settings import single

    found = all_settings(config, base_url)
    one = single(tuple(settings for settings in found if settings.name == target) or found)
    return one if len(found) == 1 else one.apart()


def all_settings(config: pytest.Config, base_url: str | None) -> tuple[Settings, ...]:
    """The settings of this session for each target; see `settings_of`.

    Raises:
        ConfigurationError: a value can't be used.
    """
    from contracts.settings.settings import Settings

    given = given_to(config, base_url)
    # The same seed, though it be random, in all that one session says and does.
    if _SETTINGS not in config.stash or config.stash[_SETTINGS][0] != given["base_url"]:
        config.stash[_SETTINGS] = given["base_url"], Settings.all_of(given, names=given)
    return config.stash[_SETTINGS][1]


def given_to(config: pytest.Config, base_url: str | None) -> dict[str, Any]:
    """What the options of this session say, by the names of the settings."""
    given: dict[str, Any] = {"base_url": base_url or ("" if config.getoption(_EMPTY, default=False) else None)}
    given |= {name: config.getoption(name) for name in SHARED}
    return given | {name: config.getoption(f"contract_{name}") for name in PREFIXED}


def spelled(text: str) -> str:
    """A sentence that names options of the command line, with the names that they have here."""
    return _ONLY_OURS.sub("--contract-", text)
