"""Files that describe an API, read as plain data: JSON and YAML, from the user or from this package.

OpenAPI asks for the part of YAML that JSON can express (YAML 1.2, core schema). Reading exactly that part
keeps `on`, `1_0` and `2024-01-01` text, keeps status codes as text when they are keys, and leaves no room
for tags, merge keys or aliases that grow without bound.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Protocol

import yaml

from contracts.core.errors import ConfigurationError

LARGEST_FILE = 32 * 2**20
"""Bytes; the vendor's whole document has two to three million."""
DEEPEST = 200
"""Levels of nesting; published documents have about twenty."""
MOST_NODES = 5_000_000
"""Values in one document, each alias counted with all that it stands for."""

_TOO_DEEP = f"is nested more than {DEEPEST} levels deep"
_TOO_MANY = f"holds more than {MOST_NODES} values, counted with its aliases"
_WIDEST = 80
_CORE = "tag:yaml.org,2002:"
_CORE_TAGS = frozenset(_CORE + name for name in ("null", "bool", "int", "float", "map", "seq"))
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Document:
    """One file as data, with the name that people know it by and the digest of its bytes."""

    name: str
    sha256: str
    data: dict[str, Any]


class _Mark(Protocol):
    """A place in a YAML text; the parsers in C and in Python each have a class of their own for it."""

    @property
    def line(self) -> int: ...


class _UnreadableError(Exception):
    """Why a text is no document, to be completed with the name of its file."""


def unusable(name: str, *, problem: str, remedy: str) -> ConfigurationError:
    """The one sentence about a file: its name, what is wrong with it and where, what to do."""
    return ConfigurationError(f"{name} {problem}; {remedy}.")


def excerpt(text: object) -> str:
    """A text of unknown length and content, cut and escaped for use within a sentence."""
    shown = str(text)
    shown = shown if len(shown) <= _WIDEST else shown[: _WIDEST - 1] + "…"
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in shown)


def _unreadable(mark: _Mark | None, problem: str) -> _UnreadableError:
    return _UnreadableError(f"{problem} (line {mark.line + 1})" if mark else problem)


def published(name: str) -> Traversable:
    """A file of `spec/`, from the installed package or from the checkout around it."""
    installed = resources.files("contracts") / "published" / name
    return installed if installed.is_file() else Path(__file__).parents[2] / "spec" / name


def load(file: Path | Traversable) -> Document:
    """Read a JSON or YAML file.

    Raises:
        ConfigurationError: The file is missing, unreadable or holds no mapping that JSON could express.
    """
    raw = _read(file)
    try:
        data = _parse(raw)
    except _UnreadableError as error:
        raise unusable(file.name, problem=str(error), remedy="give an OpenAPI document in JSON or YAML") from None
    return Document(file.name, hashlib.sha256(raw).hexdigest(), data)


def _read(file: Path | Traversable) -> bytes:
    # A device or a pipe would be read for ever, so only a regular file is opened at all.
    if not file.is_file():
        raise unusable(str(file), problem="is no file", remedy="give the path of an OpenAPI document")
    try:
        with file.open("rb") as stream:
            raw = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise unusable(str(file), problem=f"cannot be read ({reason})", remedy="make it readable") from None
    if len(raw) > LARGEST_FILE:
        problem = f"is larger than {LARGEST_FILE >> 20} MiB"
        raise unusable(str(file), problem=problem, remedy="give an OpenAPI document")
    return raw


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}"
        raise _UnreadableError(problem) from None
    data = _from_json(text) if text.lstrip()[:1] == "{" else _from_yaml(text)
    if not isinstance(data, dict):
        raise _UnreadableError("holds no mapping")
    return data


def _from_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=_integer)
    except json.JSONDecodeError:
        # YAML's flow style begins with a brace too.
        return _from_yaml(text)
    except RecursionError:
        raise _UnreadableError(_TOO_DEEP) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        ((double, _),) = Counter(name for name, _ in pairs).most_common(1)
        problem = f"has the key {excerpt(double)} twice in one mapping"
        raise _UnreadableError(problem)
    return mapping


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        problem = f"holds an integer of {len(text)} digits"
        raise _UnreadableError(problem) from None


def _from_yaml(text: str) -> Any:
    try:
        return _Builder().build(_events(text))
    except yaml.MarkedYAMLError as error:
        if "nesting depth" in (error.problem or ""):  # libyaml has a limit of its own
            raise _UnreadableError(_TOO_DEEP) from None
        mark = error.problem_mark or error.context_mark
        raise _unreadable(mark, f"is neither JSON nor YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        problem = f"is neither JSON nor YAML: {str(error).splitlines()[0]}"
        raise _UnreadableError(problem) from None


def _events(text: str) -> Iterator[yaml.Event]:
    # The parser in C is some ten times faster, and not in every build of PyYAML.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return iter(yaml.parse(text, Loader=loader))


class _Builder:
    """Plain data from the parser's events.

    Neither PyYAML's composer nor its constructor is used: the composer in C overflows the stack on deep
    nesting, and the constructor obeys tags and merge keys.
    """

    def __init__(self) -> None:
        self._open: list[tuple[dict[str, Any] | list[Any], str | None, int]] = []
        self._keys: list[str | None] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._root: Any = None
        self._documents = 0

    def build(self, events: Iterator[yaml.Event]) -> Any:
        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.MappingStartEvent():
                    self._start({}, event)
                case yaml.SequenceStartEvent():
                    self._start([], event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._end()
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.DocumentStartEvent():
                    self._documents += 1
                    if self._documents > 1:
                        raise _UnreadableError("holds more than one YAML document")
        return self._root

    def _start(self, container: dict[str, Any] | list[Any], event: yaml.CollectionStartEvent) -> None:
        if event.tag not in (None, "!") and event.tag not in _CORE_TAGS:
            raise _unreadable(event.start_mark, f"uses the YAML tag {excerpt(event.tag)}")
        if len(self._open) >= DEEPEST:
            raise _UnreadableError(_TOO_DEEP)
        if self._expects_key():
            raise _unreadable(event.start_mark, "has a key that is no text")
        self._open.append((container, event.anchor, self._nodes))
        self._keys.append(None)

    def _end(self) -> None:
        container, anchor, before = self._open.pop()
        self._keys.pop()
        if anchor is not None:
            self._anchors[anchor] = (container, self._nodes - before + 1)
        self._place(container)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.tag is not None and event.tag not in ("!", _CORE + "str") and event.tag not in _CORE_TAGS:
            raise _unreadable(event.start_mark, f"uses the YAML tag {excerpt(event.tag)}")
        if self._expects_key():
            self._key(event.value, event.start_mark)
            return
        plain = event.implicit[0] if event.tag is None else event.tag in _CORE_TAGS
        value = _resolve(event.value) if plain else event.value
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._place(value)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self._anchors:
            raise _unreadable(event.start_mark, f"has an alias *{excerpt(event.anchor)} to nothing, or to itself")
        value, nodes = self._anchors[event.anchor]
        if self._expects_key():
            self._key(value, event.start_mark)
            return
        self._nodes += nodes - 1
        self._place(value)

    def _expects_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][0], dict) and self._keys[-1] is None

    def _key(self, key: object, mark: _Mark | None) -> None:
        container = self._open[-1][0]
        if not isinstance(key, str):
            raise _unreadable(mark, "has a key that is no text")
        if key in container:
            raise _unreadable(mark, f"has the key {excerpt(key)} twice in one mapping")
        self._keys[-1] = key

    def _place(self, value: Any) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise _UnreadableError(_TOO_MANY)
        if not self._open:
            self._root = value
            return
        container = self._open[-1][0]
        if isinstance(container, list):
            container.append(value)
            return
        key = self._keys[-1]
        if key is not None:
            container[key] = value
            self._keys[-1] = None


def _resolve(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    # Almost every plain scalar is a word; one look at its first character spares two patterns.
    if text[0] not in "0123456789+-.":
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
