"""What the user can choose, in one place: command line before environment before file before default.

Every choice is one field of `Settings`. From its declaration come the option of the command line
(``--base-url``), the environment variable (``CONTRACTS_BASE_URL``), the key of `contracts.settings.configfile`
(``base-url``), the help and the check of the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from contracts.core.errors import ConfigurationError
from contracts.core.files import is_standard_output
from contracts.core.result import GATING, Deviation, Level
from contracts.settings import values as words
from contracts.settings.groups import REPORTS
from contracts.settings.values import OPTION, Named, Option
from contracts.traffic.limits import CLOSER, DEFAULT_BUDGET, LEAST_BUDGET, Limits
from contracts.traffic.route import Address, Proxy

DEFAULT = "default"
"""The origin of a value that was not chosen."""

_PRIVATE = frozenset({"key_command", "user_key_command", "secret_header_command"})
_MOST_REQUESTS = 1_000_000
_MOST_ITEMS = 1_000_000
_MOST_PROJECTS = 100_000
DEFAULT_CONCURRENCY: Final = 8
MOST_CONCURRENCY: Final = 16
SECONDS_EACH: Final = 5.0
"""Seconds that a run may take for each request of its budget, unless the user says how long it may take."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that was chosen for one target.

    ``origins`` says for each field where it is from: an option, a variable, a key of a file, or nowhere (a default).
    ``name`` is that of the ``[[target]]`` table, ``deviations`` are the breaches of this target that are accepted, and
    ``file`` is where they stand. ``remarks`` are sentences on what was given and means nothing.
    """

    config: Path | None = words.option(
        "FILE", "The configuration file. Without it: contracts.toml or pyproject.toml, if here.", words.file
    )
    target: str | None = words.option("NAME", "Judge this [[target]] of the configuration file only.", words.text)
    base_url: str | None = words.option(
        "URL", "Where the API begins, as in https://host/v1. Without it the embedded server is judged.", words.base_url
    )
    checkpoint: str | None = words.option("ID", "The checkpoint whose permissions are listed.", words.text)
    other_checkpoint: str | None = words.option("ID", "A second checkpoint with permissions of its own.", words.text)
    empty_checkpoint: str | None = words.option("ID", "A checkpoint without permissions.", words.text)
    at: tuple[Named, ...] = words.options("NAME=VALUE", "A parameter of the operation's path; repeatable.", words.pairs)
    other_at: Named | None = words.option(
        "NAME=VALUE", "The last of them once more: a second list with items of its own.", words.pair
    )
    empty_at: Named | None = words.option("NAME=VALUE", "The last of them once more: a list without items.", words.pair)
    query: tuple[Named, ...] = words.options(
        "NAME=VALUE", "A query parameter of every request; repeatable.", words.pairs
    )
    key_file: Path | None = words.option("FILE", "A file with the admin key. Without it: OPENAI_ADMIN_KEY.", words.file)
    key_command: str | None = words.option("COMMAND", "A command that prints the admin key.", words.text)
    key_variable: str | None = words.option(
        "NAME", "The environment variable of the admin key (default OPENAI_ADMIN_KEY).", words.variable
    )
    user_key_file: Path | None = words.option(
        "FILE", "A file with a key without admin rights. Without it: OPENAI_USER_KEY, if set.", words.file
    )
    user_key_command: str | None = words.option("COMMAND", "A command that prints such a key.", words.text)
    user_key_variable: str | None = words.option(
        "NAME", "The environment variable of such a key (default OPENAI_USER_KEY).", words.variable
    )
    ca_bundle: Path | None = words.option("FILE", "Certificates (PEM) of the authorities to trust.", words.file)
    client_cert: Path | None = words.option(
        "FILE", "A certificate (PEM) by which requests say who asks, where TLS wants one.", words.file
    )
    client_key: Path | None = words.option(
        "FILE", "The key (PEM) of that certificate, unless it is in the same file.", words.file
    )
    proxy: Proxy | None = words.option(
        "URL", "The proxy (http, https, socks5, socks5h). Without it: HTTPS_PROXY and the like.", words.proxy
    )
    no_proxy: bool = words.flag("Use no proxy, whatever the environment says.")
    resolve: tuple[Address, ...] = words.options(
        "HOST:PORT:ADDRESS", "The address of a host, as for curl; repeatable.", words.addresses
    )
    header: tuple[Named, ...] = words.options(
        "'NAME: VALUE'", "A header of each request that is no secret; repeatable.", words.headers
    )
    secret_header: tuple[Named, ...] = words.options(
        "NAME=VARIABLE",
        "A header whose value an environment variable holds; repeatable.",
        words.header_sources(words.variable),
    )
    secret_header_file: tuple[Named, ...] = words.options(
        "NAME=FILE", "A header whose value a file holds; repeatable.", words.header_sources(words.file)
    )
    secret_header_command: tuple[Named, ...] = words.options(
        "NAME=COMMAND", "A header whose value a command prints; repeatable.", words.header_sources(words.text)
    )
    spec: Path | None = words.option(
        "FILE", "An OpenAPI document that holds the operation, instead of the published one.", words.file
    )
    overlay: Path | None = words.option(
        "FILE", "An OpenAPI Overlay 1.0 that adds to the document, x-list above all.", words.file
    )
    operation: str | None = words.option(
        "NAME",
        "The list operation: an operationId, or 'GET /path' (`contracts operations` shows all); by default that"
        " of checkpoint permissions.",
        words.text,
    )
    requests: int = words.option(
        "N",
        f"The most requests that are sent, at least {LEAST_BUDGET} (default {DEFAULT_BUDGET}).",
        words.integer(LEAST_BUDGET, _MOST_REQUESTS, f"is too few for a verdict: give at least {LEAST_BUDGET}"),
        default=DEFAULT_BUDGET,
    )
    deep: bool = words.flag(
        "Walk through the whole list in both orders: --requests pages at the most, beside the usual requests."
    )
    rate: float | None = words.option("N/s", "The most requests in a second (N/m: in a minute).", words.rate)
    concurrency: int = words.option(
        "N",
        f"The most requests that are under way at the same time, 1 to 16 (default {DEFAULT_CONCURRENCY}).",
        words.integer(1, MOST_CONCURRENCY),
        default=DEFAULT_CONCURRENCY,
    )
    timeout: float = words.option(
        "SECONDS",
        f"The longest that one answer may take (default {Limits().answer:g}, of which {Limits().read:g} without a"
        " byte).",
        words.seconds,
        default=Limits().answer,
    )
    max_time: float | None = words.option(
        "SECONDS",
        f"The longest that a run may take (default {SECONDS_EACH:g} for each request, and what --rate needs).",
        words.seconds,
    )
    wait: float | None = words.option(
        "SECONDS", "Wait so long for the target to answer: a pipeline may have started it a moment ago.", words.seconds
    )
    seed: int = words.option(
        "N", "What every choice of the run is drawn from, or 'random' (default 0).", words.seed, default=0
    )
    gate: frozenset[Level] = words.option(
        "LEVEL,...",
        f"The levels whose breach fails the run (default {words.levels(GATING)}).",
        words.gate,
        default=GATING,
    )
    strict: bool = words.flag("A breach of an advisory clause fails the run as well.")
    allow_incomplete: bool = words.flag("Clauses that could not be exercised do not fail the run.")
    fault: str | None = words.option(
        "NAME", "Give the embedded server this fault (`contracts list --faults`).", words.text
    )
    variant: str | None = words.option(
        "NAME", "Let the embedded server be right in another way (`contracts list --variants`).", words.text
    )
    items: int | None = words.option(
        "N", "How many permissions the embedded server holds (default 57).", words.integer(0, _MOST_ITEMS)
    )
    projects: int | None = words.option(
        "N", "How many projects they belong to (default 3).", words.integer(1, _MOST_PROJECTS)
    )
    record: Path | None = words.option("FILE.har", "Write every exchange to this HAR file.", words.destination)
    html: Path | None = words.option("FILE", "Write the report as HTML, with the walks drawn.", words.destination)
    markdown: Path | None = words.option("FILE", "Write the report as Markdown.", words.destination)
    json: Path | None = words.option(
        "FILE", "Write the report as JSON (`contracts schema` prints its schema).", words.destination
    )
    junit: Path | None = words.option("FILE", "Write the report as JUnit XML.", words.destination)
    issues: Path | None = words.option(
        "DIR", "Write each root cause as an issue for the server's maintainers.", words.folder
    )
    issues_as: str | None = words.option(
        "URL", "The base URL that the issues name in place of the target's (default: a placeholder).", words.base_url
    )
    quiet: bool = words.flag("Show failures and the verdict only.", more=" -q")
    verbose: bool = words.flag("Show every clause, every exchange, and where each setting comes from.", more=" -v")
    color: bool | None = words.flag("Colour the report (default: at a terminal).", more="/--no-color", default=None)

    name: str = ""
    deviations: tuple[Deviation, ...] = ()
    file: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def origin(self, name: str) -> str:
        """Who chose a value: ``--option``, ``CONTRACTS_VARIABLE`` or ``default``."""
        return self.origins.get(name, DEFAULT)

    def given(self, *names: str) -> list[str]:
        """Those of these names whose values were chosen."""
        return [name for name in names if name in self.origins]

    def written(self, name: str) -> bool:
        """Whether a value comes from the configuration file."""
        return ": " in self.origin(name)

    def apart(self) -> Settings:
        """The settings of one of several targets, with files of its own to write to.

        Raises:
            ConfigurationError: Something is to be written to standard output, which is one file for all.
        """
        for name in self.given("record", *REPORTS):
            if is_standard_output(getattr(self, name)):
                raise ConfigurationError(
                    f"{self.origin(name)} can't be standard output for several targets: name a file, or choose one"
                    " with --target."
                )
        written = self.given("record", *REPORTS, "issues")
        paths: dict[str, Any] = {name: apart(getattr(self, name), self.name) for name in written}
        return replace(self, **paths)

    @property
    def most(self) -> int:
        """How many requests are sent at the most."""
        return self.requests + (DEFAULT_BUDGET + CLOSER if self.deep else 0)

    @property
    def limits(self) -> Limits:
        """What one answer and the run may take, of the time that the user grants."""
        usual = Limits()
        share = self.timeout / usual.answer
        return replace(
            usual,
            connect=min(usual.connect, self.timeout),
            read=self.timeout if "timeout" in self.origins else usual.read,
            answer=self.timeout,
            stalled=usual.stalled * share,
            run=self.max_time or self.most * (SECONDS_EACH + (1 / self.rate if self.rate else 0.0)),
        )

    @property
    def gating(self) -> frozenset[Level]:
        """The levels whose breach fails the run, `strict` considered."""
        return self.gate | {Level.ADVISORY} if self.strict else self.gate

    def listed(self) -> tuple[tuple[str, str, str], ...]:
        """Name, value and origin of every setting that has a value. A command that gives a key is not shown."""
        return tuple(
            (name, "(set)" if name in _PRIVATE else _shown(value), self.origin(name))
            for name in OPTIONS
            if (value := getattr(self, name)) not in (None, ())
        )


OPTIONS: Final[Mapping[str, Option]] = MappingProxyType(
    {each.name: each.metadata[OPTION](each.name) for each in fields(Settings) if OPTION in each.metadata}
)
"""Everything that can be chosen, by field name."""


def apart(path: Path, target: str) -> Path:
    """The path for one of several targets: with its name before the suffix."""
    return path.with_name(f"{path.stem}-{target}{path.suffix}") if target else path


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return words.levels(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
