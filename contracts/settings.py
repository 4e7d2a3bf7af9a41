"""What the user can choose, in one place: command line before environment before default.

Every choice is one field of `Settings`. From its declaration come the option of the command line
(``--base-url``), the environment variable (``CONTRACTS_BASE_URL``), the help and the check of the value.
"""

from __future__ import annotations

import difflib
import os
import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, get_type_hints

from contracts.errors import ConfigurationError
from contracts.model import GATING, Level
from contracts.run import DEFAULT_BUDGET, LEAST_BUDGET
from contracts.traffic.origin import split_base_url

PREFIX: Final = "CONTRACTS_"
"""What the names of all environment variables of this suite begin with."""

DEFAULT = "default"
"""The origin of a value that nobody chose."""

ANY_SEED: Final = "random"
_PRIVATE = frozenset({"key_command", "user_key_command"})
_LARGEST_SEED = 2**32 - 1
_MOST_REQUESTS = 1_000_000
_MOST_ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class Option:
    """How one thing is chosen.

    ``parse`` makes the value from a word of the command line or of the environment; its ValueError completes the
    sentence "--name WORD …". An option without ``metavar`` is a flag, which takes no value on the command line;
    ``negative`` is the flag that says the opposite. ``name`` is that of the field of `Settings`.
    """

    metavar: str
    help: str
    parse: Callable[[str], Any]
    negative: str | None = None
    name: str = ""

    @property
    def flag(self) -> bool:
        """Whether it takes no value on the command line."""
        return not self.metavar

    @property
    def flagged(self) -> str:
        """How the command line writes it."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()


def _text(word: str) -> str:
    if not word.strip():
        raise ValueError("is empty")
    if not word.isprintable():
        raise ValueError("has control characters in it")
    return word


def _base_url(word: str) -> str:
    url = word.strip()
    if not url:
        raise ValueError("is empty: give the URL, or leave it out to judge the embedded server")
    try:
        split_base_url(url)
    except ConfigurationError as error:
        reason = str(error).partition(": ")[2]
        raise ValueError(f"can't be used: {reason[:1].lower()}{reason[1:].rstrip('.')}") from None
    if "#" in url or "?" in url:
        raise ValueError(f"can't be used: it has a {'fragment' if '#' in url else 'query'}")
    return url.rstrip("/")


def _path(word: str) -> Path:
    return Path(_text(word)).expanduser()


def _file(word: str) -> Path:
    path = _path(word)
    if not path.exists() or path.is_dir():  # a pipe will do
        raise ValueError("is no file")
    return path


def _destination(word: str) -> Path:
    path = _path(word)
    if not path.parent.is_dir():
        raise ValueError("lies in no folder that exists")
    return path


def _integer(least: int, most: int, below: str = "") -> Callable[[str], int]:
    def parse(word: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,12}", word.strip()):
            raise ValueError(f"is no whole number from {least} to {most}")
        number = int(word)
        if number < least and below:
            raise ValueError(below)
        if not least <= number <= most:
            raise ValueError(f"is not from {least} to {most}")
        return number

    return parse


def _rate(word: str) -> float:
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(?:/(s|m))?", word.strip())
    number = float(match[1]) / (60 if match[2] == "m" else 1) if match else 0.0
    if not number:
        raise ValueError("is no rate: write 5/s, 0.5/s or 30/m")
    return number


def _seed(word: str) -> int:
    if word.strip().lower() == ANY_SEED:
        return random.SystemRandom().randint(0, _LARGEST_SEED)
    return _integer(0, _LARGEST_SEED)(word)


def _gate(word: str) -> frozenset[Level]:
    allowed = [level.value for level in Level if level is not Level.OBSERVED]
    chosen = [name.strip().lower() for name in word.split(",")]
    for name in chosen:
        if name not in allowed:
            hint = f"did you mean {closest(name, allowed)}?" if name else ""
            raise ValueError(f"names no level{f' {name!r}' if name else ''}: {hint or 'write ' + ','.join(allowed)}")
    return frozenset(Level(name) for name in chosen)


def _levels(levels: frozenset[Level]) -> str:
    return ",".join(level.value for level in Level if level in levels)


def _boolean(word: str) -> bool:
    values = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if word.strip().lower() not in values:
        raise ValueError("is neither true nor false")
    return values[word.strip().lower()]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that was chosen. ``origins`` tells for each field who chose it: an option, a variable, or nobody."""

    base_url: Annotated[
        str | None,
        Option(
            "URL", "Where the API begins, as in https://host/v1. Without it the embedded server is judged.", _base_url
        ),
    ] = None
    checkpoint: Annotated[str | None, Option("ID", "The checkpoint whose permissions are listed.", _text)] = None
    other_checkpoint: Annotated[str | None, Option("ID", "A second checkpoint with permissions of its own.", _text)] = (
        None
    )
    empty_checkpoint: Annotated[str | None, Option("ID", "A checkpoint without permissions.", _text)] = None
    key_file: Annotated[
        Path | None, Option("FILE", "A file with the admin key. Without it: OPENAI_ADMIN_KEY.", _file)
    ] = None
    key_command: Annotated[str | None, Option("COMMAND", "A command that prints the admin key.", _text)] = None
    user_key_file: Annotated[
        Path | None,
        Option("FILE", "A file with a key without admin rights. Without it: OPENAI_USER_KEY, if set.", _file),
    ] = None
    user_key_command: Annotated[str | None, Option("COMMAND", "A command that prints such a key.", _text)] = None
    ca_bundle: Annotated[Path | None, Option("FILE", "Certificates (PEM) of the authorities to trust.", _file)] = None
    spec: Annotated[
        Path | None,
        Option("FILE", "An OpenAPI document that holds the operation, instead of the published one.", _file),
    ] = None
    requests: Annotated[
        int,
        Option(
            "N",
            f"The most requests that are sent, at least {LEAST_BUDGET} (default {DEFAULT_BUDGET}).",
            _integer(LEAST_BUDGET, _MOST_REQUESTS, f"is too few for a verdict: give at least {LEAST_BUDGET}"),
        ),
    ] = DEFAULT_BUDGET
    rate: Annotated[float | None, Option("N/s", "The most requests in a second (N/m: in a minute).", _rate)] = None
    seed: Annotated[int, Option("N", "What every choice of the run is drawn from, or 'random' (default 0).", _seed)] = 0
    gate: Annotated[
        frozenset[Level],
        Option("LEVEL,...", f"The levels whose breach fails the run (default {_levels(GATING)}).", _gate),
    ] = GATING
    strict: Annotated[bool, Option("", "A breach of an advisory clause fails the run as well.", _boolean)] = False
    allow_incomplete: Annotated[
        bool, Option("", "Clauses that could not be exercised do not fail the run.", _boolean)
    ] = False
    fault: Annotated[
        str | None, Option("NAME", "Give the embedded server this fault (`contracts list --faults`).", _text)
    ] = None
    variant: Annotated[
        str | None,
        Option("NAME", "Let the embedded server be right in another way (`contracts list --variants`).", _text),
    ] = None
    items: Annotated[
        int | None,
        Option("N", "How many permissions the embedded server holds (default 57).", _integer(0, _MOST_ITEMS)),
    ] = None
    projects: Annotated[
        int | None, Option("N", "How many projects they belong to (default 3).", _integer(1, _MOST_ITEMS))
    ] = None
    record: Annotated[Path | None, Option("FILE.har", "Write every exchange to this HAR file.", _destination)] = None
    quiet: Annotated[bool, Option("", "Show failures and the verdict only.", _boolean)] = False
    verbose: Annotated[
        bool, Option("", "Show every clause, every exchange, and where each setting comes from.", _boolean)
    ] = False
    color: Annotated[bool | None, Option("", "Colour the report (default: at a terminal).", _boolean, "--no-color")] = (
        None
    )

    origins: Mapping[str, str] = field(default_factory=dict)

    def origin(self, name: str) -> str:
        """Who chose a value: ``--option``, ``CONTRACTS_VARIABLE`` or ``default``."""
        return self.origins.get(name, DEFAULT)

    def given(self, *names: str) -> list[str]:
        """Those of these names whose values somebody chose."""
        return [name for name in names if name in self.origins]

    @property
    def gating(self) -> frozenset[Level]:
        """The levels whose breach fails the run, `strict` considered."""
        return self.gate | {Level.ADVISORY} if self.strict else self.gate

    @classmethod
    def of(
        cls,
        given: Mapping[str, str | bool | None] | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        names: Iterable[str] | None = None,
    ) -> Settings:
        """Settings from the words of a command line and the variables of an environment.

        A variable that is empty counts as not set, except that of the base URL: there it would silently mean
        another target.

        Args:
            given: By field name, what the command line says; ``None`` where it says nothing.
            environ: The environment; by default the one of this process.
            names: The fields that matter to the caller; by default all. Others keep their defaults.

        Raises:
            ConfigurationError: A value can't be used, values contradict each other, or a variable of ours is unknown.
        """
        variables = os.environ if environ is None else environ
        _refuse_unknown(variables)
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for name in OPTIONS if names is None else names:
            option = OPTIONS[name]
            word = (given or {}).get(name)
            origin = option.flagged
            if word is None:
                word = variables.get(option.variable) if name == "base_url" else variables.get(option.variable) or None
                origin = option.variable
            if word is None:
                continue
            if isinstance(word, bool) and not word and option.negative:
                origin = option.negative
            values[name] = word if isinstance(word, bool) else _parsed(option, origin, word)
            origins[name] = origin
        settings = cls(**values, origins=MappingProxyType(origins))
        _refuse_contradictions(settings)
        return settings

    def told(self) -> tuple[tuple[str, str, str], ...]:
        """Name, value and origin of every setting that has a value. A command that gives a key is not shown."""
        return tuple(
            (name, "(set)" if name in _PRIVATE else _shown(value), self.origin(name))
            for name in OPTIONS
            if (value := getattr(self, name)) is not None
        )


OPTIONS: Final[Mapping[str, Option]] = MappingProxyType(
    {
        name: replace(extra, name=name)
        for name, hint in get_type_hints(Settings, include_extras=True).items()
        for extra in getattr(hint, "__metadata__", ())
    }
)
"""Everything that can be chosen, by field name."""

TARGET: Final = ("base_url", "checkpoint", "other_checkpoint", "empty_checkpoint", "key_file", "key_command")
"""The options that describe a target, with those below."""
TARGET_MORE: Final = ("user_key_file", "user_key_command", "ca_bundle")
EMBEDDED: Final = ("fault", "variant", "items", "projects")
"""The options of the embedded server."""


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that is most like this one; there must be one."""
    return difflib.get_close_matches(word, list(known), n=1, cutoff=0.0)[0]


def _parsed(option: Option, origin: str, word: str) -> Any:
    try:
        return option.parse(word)
    except ValueError as error:
        # What is no base URL may hold a password; what is empty shows nothing.
        shown = "" if option.name == "base_url" or not word.strip() else f" {word}"
        raise ConfigurationError(f"{origin}{shown} {error}.".replace("?.", "?")) from None


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return _levels(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _refuse_unknown(variables: Mapping[str, str]) -> None:
    known = [option.variable for option in OPTIONS.values()]
    for name in sorted(variables):
        if name.startswith(PREFIX) and name not in known:
            raise ConfigurationError(f"There is no variable {name}. Did you mean {closest(name, known)}?")


def _refuse_contradictions(settings: Settings) -> None:
    def names(*fields_: str) -> str:
        return ", ".join(settings.origin(name) for name in settings.given(*fields_))

    if settings.base_url is None:
        if lonely := names(*TARGET[1:], *TARGET_MORE):
            raise ConfigurationError(
                f"{lonely} without a target: give --base-url as well, or leave it out to judge the embedded server."
            )
    elif embedded := names(*EMBEDDED):
        raise ConfigurationError(
            f"{embedded} is for the embedded server: leave it out, or leave out {settings.origin('base_url')}."
        )
    elif settings.checkpoint is None:
        raise ConfigurationError(
            "No checkpoint is named: give --checkpoint ID (or CONTRACTS_CHECKPOINT), one that has permissions."
        )
    for one, other in (
        ("fault", "variant"),
        ("key_file", "key_command"),
        ("user_key_file", "user_key_command"),
        ("quiet", "verbose"),
    ):
        if getattr(settings, one) and getattr(settings, other):
            raise ConfigurationError(
                f"{settings.origin(one)} and {settings.origin(other)} exclude each other: give one of them."
            )
    _refuse_same_checkpoints(settings)


def _refuse_same_checkpoints(settings: Settings) -> None:
    seen: dict[str, str] = {}
    for name in ("checkpoint", "other_checkpoint", "empty_checkpoint"):
        value = getattr(settings, name)
        if value in seen:
            raise ConfigurationError(
                f"{settings.origin(seen[value])} and {settings.origin(name)} name the same checkpoint: give two."
            )
        if value is not None:
            seen[value] = name
