"""The configuration file: ``contracts.toml``, or the table ``[tool.contracts]`` of a ``pyproject.toml``.

It is read strictly: what is not understood is refused with one sentence, and nothing is guessed. It holds no keys.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from contracts.core.errors import ConfigurationError
from contracts.core.result import Deviation, Level
from contracts.core.wording import hint

NAME: Final = "contracts.toml"
PYPROJECT: Final = "pyproject.toml"

_LARGEST: Final = 1_000_000
"""Bytes; more is no configuration."""
_MOST_DOTS: Final = 1000
"""In a line: the time for reading a dotted key grows with the square of its dots."""
_SECRET: Final = re.compile(r"(?i)\bsk-[a-z0-9_-]{8,}|\bbearer\s+\S{8,}")
_SECRET_NAME: Final = re.compile(r"(?i)(^|[-_])(key|keys|token|tokens|secret|secrets|password|passwd|credential)s?$")
_NAME_OF_TARGET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHORTEST_KEY: Final = 12
"""Characters; a shorter key, of a mock server perhaps, may well be a part of a name."""
_MOST_TEXT: Final = 2000
_SHOWN: Final = 40
_OTHER_NAMES: Final = ("contracts.yaml", "contracts.yml", "contract.toml", ".contracts.toml")
_TELLING: Final = frozenset({"base-url", "checkpoint", "target", "deviation", "seed", "gate", "spec", "requests"})
"""Keys of which the configuration of this suite has at least one."""
_DEVIATION: Final = ("clause", "reason", "link", "expires", "target")


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of the file: as a word of the command line would say it, and where it stands."""

    word: str | bool
    origin: str


@dataclass(frozen=True, slots=True)
class TargetTable:
    """One ``[[target]]``: its name, and its own values by field name of the settings."""

    name: str
    entries: Mapping[str, Choice]


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a configuration file says; ``path`` is ``None`` if there is none."""

    path: Path | None = None
    entries: Mapping[str, Choice] = field(default_factory=dict)
    targets: tuple[TargetTable, ...] = ()
    deviations: tuple[Deviation, ...] = ()


def load(
    path: Path | None, folder: Path | None, kinds: Mapping[str, frozenset[type]], of_target: Collection[str]
) -> ConfigFile:
    """Read the file that is named, or the one of a folder.

    Args:
        path: The file; ``None`` for the ``contracts.toml`` of the folder, or its ``pyproject.toml`` if that has a
            table ``[tool.contracts]``.
        folder: Where to look for it; ``None`` for the current one.
        kinds: For each setting, by field name, the types that its value may have in Python.
        of_target: The settings that a target can have of its own.

    Raises:
        ConfigurationError: The file can't be used.
    """
    if path is not None:
        found: tuple[Path, dict[str, Any]] | None = path, _table(path) or {}
    else:
        found = _found(folder)
    return ConfigFile() if found is None else _File(*found, kinds, of_target).read()


def _found(folder: Path | None) -> tuple[Path, dict[str, Any]] | None:
    try:
        folder = Path.cwd() if folder is None else folder
        own, shared = folder / NAME, folder / PYPROJECT
        own_there, shared_there = _there(own), _there(shared) and shared.is_file()
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise ConfigurationError(f"The current folder can't be read: {reason}. Change into another one.") from None
    table = _table(shared) if shared_there else None
    if not own_there:
        return None if table is None else (shared, table)
    if table is not None:
        raise ConfigurationError(f"{NAME} and [tool.contracts] in {PYPROJECT} both say something: keep one of them.")
    return own, _table(own) or {}


def _there(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def _table(path: Path) -> dict[str, Any] | None:
    """The table of ours in a file; ``None`` if a ``pyproject.toml`` has none."""
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{path.name} can't be read: {error.strerror or 'no reason given'}.") from None
    if len(content) > _LARGEST:
        raise ConfigurationError(f"{path.name} is too large for a configuration.")
    try:
        text = content.decode("utf-8-sig")
        if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
            raise ConfigurationError(f"{path.name} has a line with more than {_MOST_DOTS} dots: break it.")
        document = tomllib.loads(text)
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path.name} is not UTF-8: save it as such.") from None
    except (ValueError, RecursionError) as error:
        # The file may contain secrets, so only the place is named.
        place = re.search(r"\(at [a-z0-9, ]+\)", str(error))
        twice = re.match("Cannot (?:overwrite|declare)", str(error))
        problem = "says the same thing twice" if twice else "is no TOML"
        raise ConfigurationError(f"{path.name} {problem}{f' {place[0]}' if place else ''}.") from None
    if path.name != PYPROJECT:
        return document
    tool = document.get("tool")
    table = tool.get("contracts") if isinstance(tool, dict) else None
    if table is None:
        _refuse_another_name(document, tool if isinstance(tool, dict) else {})
    if table is not None and not isinstance(table, dict):
        raise ConfigurationError(f"{path.name}: tool.contracts is no table.")
    return table


def _refuse_another_name(document: Mapping[str, Any], tool: Mapping[str, Any]) -> None:
    """Refuse a table in a ``pyproject.toml`` that is meant as ours and would be read by nothing."""
    for place, table in [("contracts", document.get("contracts")), *((f"tool.{name}", tool[name]) for name in tool)]:
        named = place == "contracts" or re.fullmatch(r"(?:.*[-_])?contracts?", place[5:], re.IGNORECASE)
        if named and isinstance(table, dict) and not _TELLING.isdisjoint(key.replace("_", "-") for key in table):
            raise ConfigurationError(f"{PYPROJECT}: [{_short(place)}] is not read: write [tool.contracts].")


def unread(folder: Path | None) -> str:
    """A sentence on a file that seems meant as the configuration and has another name; "" if there is none."""
    with suppress(OSError):
        folder = Path.cwd() if folder is None else folder
        for name in _OTHER_NAMES:
            if (folder / name).is_file():
                return f"{name} is not read: a configuration is {NAME}, or [tool.contracts] in {PYPROJECT}."
    return ""


class _File:
    def __init__(
        self, path: Path, table: dict[str, Any], kinds: Mapping[str, frozenset[type]], of_target: Collection[str]
    ) -> None:
        self._path = path
        self._table = table
        self._kinds = kinds
        self._of_target = of_target
        self._prefix = "tool.contracts." if path.name == PYPROJECT else ""
        self._problems: list[str] = []

    def read(self) -> ConfigFile:
        for name, text in _texts(self._table):
            if _secret(text):
                raise self._refusal(name, "holds a key: keys come from the environment, a file or a command")
        settings = {name: value for name, value in self._table.items() if name not in {"target", "deviation"}}
        entries = self._entries(settings, self._kinds, "", ["target", "deviation"])
        targets = tuple(self._targets())
        deviations = tuple(self._deviations(targets))
        if self._problems:
            first, *more = self._problems
            if not more:
                raise ConfigurationError(first)
            begin = f"{self._path.name}: "
            listed = " ".join(f"({number}) {each.removeprefix(begin)}" for number, each in enumerate(self._problems, 1))
            raise ConfigurationError(f"{self._path.name} has {len(self._problems)} errors: {listed}")
        return ConfigFile(self._path, entries, targets, deviations)

    @contextmanager
    def _collecting(self) -> Iterator[None]:
        """Collect an error, so that all errors are shown together."""
        try:
            yield
        except ConfigurationError as error:
            self._problems.append(str(error))

    def _refusal(self, place: str, problem: str) -> ConfigurationError:
        end = "" if problem.endswith("?") else "."
        return ConfigurationError(f"{self._path.name}: {self._prefix}{place} {problem}{end}")

    def _entries(
        self, table: Mapping[str, Any], known: Collection[str], place: str, more: Iterable[str] = ()
    ) -> Mapping[str, Choice]:
        spelled = {name.replace("_", "-"): name for name in known}
        found = {}
        for key, value in table.items():
            with self._collecting():
                if key not in spelled and isinstance(value, dict) and not place and not _SECRET_NAME.search(key):
                    raise self._refusal(f"[{_short(key)}]", "is no table here: write its keys above all tables")
                if key not in spelled:
                    self._refuse_key(key, place, [*spelled, *more])
                where = f"{self._path.name}: {self._prefix}{place}{key}"
                found[spelled[key]] = Choice(self._word(spelled[key], value, f"{place}{key}"), where)
        return MappingProxyType(found)

    def _refuse_key(self, key: str, place: str, known: Iterable[str]) -> None:
        if _SECRET_NAME.search(key):
            raise self._refusal(
                f"{place}{_short(key)}",
                "looks like a secret: name its variable (key-variable), file or command instead",
            )
        if key.replace("-", "_") in self._kinds and "_" not in key:
            raise self._refusal(f"{place}{key}", "is no key of this table: write it above all tables")
        meant = hint(key, known, f"here stand {', '.join(sorted(set(known) - {key}))}", "did")
        raise self._refusal(f"{place}{_short(key)}", f"is unknown: {meant}")

    def _word(self, name: str, value: object, place: str) -> str | bool:
        kinds = self._kinds[name]
        if isinstance(value, bool):
            if bool in kinds:
                return value
        elif isinstance(value, str):
            if bool not in kinds:
                return self._resolved(value) if Path in kinds else value
        elif isinstance(value, int) and (int in kinds or float in kinds):
            return str(value)
        elif isinstance(value, float) and float in kinds:
            return repr(value)
        elif isinstance(value, list) and kinds & {frozenset, tuple} and all(isinstance(each, str) for each in value):
            if name.endswith("_file"):
                value = [f"{header}{sign}{self._resolved(path)}" for header, sign, path in map(_parted, value)]
            return ",".join(value) if frozenset in kinds else "\n".join(value)
        wanted = "true or false" if bool in kinds else "a number" if kinds & {int, float} else "a text in quotes"
        if tuple in kinds:
            wanted = "a list of texts in quotes"
        raise self._refusal(place, f"is of the wrong kind: write {wanted}")

    def _resolved(self, value: str) -> str:
        """A path as seen from the folder of the file."""
        if not value.strip() or not value.isprintable() or value == "-":
            return value
        path = Path(value)
        with suppress(RuntimeError):  # of a home that is not known there is no file, and that is reported later
            path = path.expanduser()
        return str(self._path.parent / path)

    def _tables(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        tables = self._table.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self._refusal(name, f"is no list of tables: write [[{self._prefix}{name}]]")
        for number, table in enumerate(tables, 1):
            yield f"{name} {number}", table

    def _targets(self) -> Iterator[TargetTable]:
        names: set[str] = set()
        for place, table in self._tables("target"):
            with self._collecting():
                name = table.get("name")
                if not isinstance(name, str) or not _NAME_OF_TARGET.fullmatch(name):
                    raise self._refusal(place, "has no name of letters, digits, dots, hyphens and underscores")
                if name in names:
                    raise self._refusal(place, f"has the name {name}, which another one has")
                names.add(name)
                own = {key: value for key, value in table.items() if key != "name"}
                yield TargetTable(name, self._entries(own, self._of_target, f"target {name}: ", ["name"]))

    def _deviations(self, targets: tuple[TargetTable, ...]) -> Iterator[Deviation]:
        taken: list[tuple[str, str]] = []
        for place, table in self._tables("deviation"):
            with self._collecting():
                clause, target = self._accepted(table, place, targets, taken)
                taken.append((clause, target))
                where = f"{place} ({clause})"
                parts: dict[str, Any] = {"reason": ""}  # an entry with an error is not used: `read` refuses the file
                for name, read in (("reason", self._text), ("link", self._link), ("expires", self._day)):
                    with self._collecting():
                        parts[name] = read(table, name, where)
                origin = f"{self._prefix}{place} in {self._path.name}"
                yield Deviation(clause=clause, target=target, origin=origin, **parts)

    def _accepted(
        self, table: Mapping[str, Any], place: str, targets: tuple[TargetTable, ...], taken: Iterable[tuple[str, str]]
    ) -> tuple[str, str]:
        """The clause that an entry names, and the target of which it is accepted."""
        from contracts.clauses.registry import find

        for key in table:
            if key not in _DEVIATION:
                self._refuse_key(key, f"{place}: ", _DEVIATION)
        clause = self._text(table, "clause", place)
        try:
            found, *more = find([clause])
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._path.name}: {self._prefix}{place}: {error}") from None
        if more:
            raise self._refusal(place, f"names the family {_short(clause)}: name its clauses one by one")
        if found.level is Level.OBSERVED:
            raise self._refusal(place, f"names {found.id}, a question: nothing can break it")
        target = self._text(table, "target", place, needed=False)
        self._check_target(target, targets, place)
        if any(id_ == found.id and (not (one and target) or one == target) for id_, one in taken):
            raise self._refusal(place, f"names {found.id} once more: keep one entry")
        return found.id, target

    def _check_target(self, target: str, targets: tuple[TargetTable, ...], place: str) -> None:
        names = [table.name for table in targets]
        if target and target not in names:
            instead = f"there are {', '.join(names)}" if names else "there is no [[target]] at all"
            raise self._refusal(place, f"names no target {target!r}: {hint(target, names, instead, 'did')}")

    def _text(self, table: Mapping[str, Any], name: str, place: str, *, needed: bool = True) -> str:
        value = table.get(name, "")
        if not isinstance(value, str):
            raise self._refusal(place, f"has a {name} that is no text in quotes")
        text = " ".join(value.split())
        if not text and needed:
            remedy = {"reason": "say why it is accepted", "clause": "name one, as in PAG-014"}[name]
            raise self._refusal(place, f"has no {name}: {remedy}")
        if not text.isprintable() or len(text) > _MOST_TEXT:
            raise self._refusal(place, f"has a {name} that can't be printed")
        return text

    def _link(self, table: Mapping[str, Any], name: str, place: str) -> str:
        link = self._text(table, name, place, needed=False)
        if link and (not re.match(r"https?://[^\s/]", link) or " " in link):
            raise self._refusal(place, "has a link that is no URL: write https://…, or leave it out")
        return link

    def _day(self, table: Mapping[str, Any], name: str, place: str) -> date | None:
        value = table.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            with suppress(ValueError):
                value = date.fromisoformat(value) if re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII) else value
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self._refusal(place, "has an expiry that is no day: write expires = 2027-01-31, or leave it out")
        return value


def _texts(value: object) -> Iterator[tuple[str, str]]:
    """Every text of the file, and its key."""
    waiting: list[tuple[str, object]] = [("", value)]
    while waiting:
        name, node = waiting.pop()
        if isinstance(node, str):
            yield name or "a value", node
        elif isinstance(node, dict):
            for key, inner in node.items():
                yield "a key of a table", key
                waiting.append((_short(key), inner))
        elif isinstance(node, list):
            waiting += [(name, inner) for inner in node]


def _secret(text: str) -> bool:
    known = (os.environ.get(name, "").strip() for name in ("OPENAI_ADMIN_KEY", "OPENAI_USER_KEY"))
    return bool(_SECRET.search(text)) or any(len(key) >= _SHORTEST_KEY and key in text for key in known)


def _parted(text: str) -> tuple[str, str, str]:
    return text.partition("=")


def _short(key: str) -> str:
    shown = key if key.isprintable() and key else ascii(key)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
