"""JSON and YAML texts as plain data.

OpenAPI asks for the part of YAML that JSON can express (YAML 1.2, core schema). Reading exactly that part
keeps `on`, `1_0` and `2024-01-01` text, keeps status codes as text when they are keys, and leaves no room
for tags, merge keys or aliases that grow without bound.
"""

from __future__ import annotations

import gc
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import yaml

from contracts.core.wording import excerpt
from contracts.openapi.body import DEEPEST

# The parser in C is some ten times faster, and not in every build of PyYAML.
LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_NODES = 5_000_000
"""Values in one document, each alias counted with all that it stands for."""

TOO_DEEP = f"is nested more than {DEEPEST} levels deep"
_CORE = "tag:yaml.org,2002:"
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

_PAGE: Final = re.compile(r"\s*<(?:!doctype\s+html|html|head)\b", re.IGNORECASE)
_COMPRESSED: Final = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
"""How files of gzip, ZIP, bzip2, xz and Zstandard begin."""


class UnreadableError(Exception):
    """Why a text is no document, to be completed with the name of its file."""


def parse(raw: bytes) -> dict[str, Any]:
    """Read a JSON or YAML text that holds one mapping.

    Raises:
        UnreadableError: It is not UTF-8, neither JSON nor YAML, or holds what JSON could not express.
    """
    if raw.startswith(_COMPRESSED):
        raise UnreadableError("is compressed")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"is not UTF-8 at byte {error.start}") from None
    if not text.strip():
        raise UnreadableError("is empty")
    if _PAGE.match(text):
        raise UnreadableError("is a page of HTML")
    with _without_garbage_collection():
        data = _from_json(text) if text.lstrip()[:1] == "{" else _from_yaml(text)
    if not isinstance(data, dict):
        raise UnreadableError("holds no mapping")
    return data


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    # Hundreds of thousands of nodes that all stay: searching them for garbage takes most of the time.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _from_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_int=_integer)
    except json.JSONDecodeError:
        # YAML's flow style begins with a brace too.
        return _from_yaml(text)
    except RecursionError:
        raise UnreadableError(TOO_DEEP) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        ((double, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise UnreadableError(f"has the key {excerpt(double)} twice in one mapping")
    return mapping


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UnreadableError(f"holds an integer of {len(text)} digits") from None


def _from_yaml(text: str) -> Any:
    try:
        _check_structure(text)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader, and stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f" (line {mark.line + 1})" if mark else ""
        raise UnreadableError(f"is neither JSON nor YAML: {error.problem or error.context}{line}") from None
    except yaml.YAMLError as error:
        raise UnreadableError(f"is neither JSON nor YAML: {str(error).splitlines()[0]}") from None
    if _size(data, {}) > MOST_NODES:
        raise UnreadableError(f"holds more than {MOST_NODES} values, counted with its aliases")
    return data


def _check_structure(text: str) -> None:
    # Before nodes are composed: on deep nesting older composers in C overflow the stack.
    depth = documents = 0
    for event in yaml.parse(text, Loader=LOADER):
        match event:
            case yaml.CollectionStartEvent():
                depth += 1
            case yaml.CollectionEndEvent():
                depth -= 1
            case yaml.DocumentStartEvent():
                documents += 1
        if depth > DEEPEST:
            raise UnreadableError(TOO_DEEP)
        if documents > 1:
            raise UnreadableError("holds more than one YAML document")


def _size(value: Any, sizes: dict[int, int]) -> int:
    """How many values a value holds, itself counted and each alias with all that it stands for."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in sizes:
        sizes[id(value)] = 1 + sum(
            _size(part, sizes) for part in (value.values() if isinstance(value, dict) else value)
        )
    return sizes[id(value)]


def _mapping(loader: yaml.SafeLoader, node: yaml.Node) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise _unreadable(node, f"uses the YAML tag {excerpt(node.tag)} for something else")
    mapping: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _unreadable(key, "has a key that is no text")
        _check_tag(key)
        if key.value in mapping:
            raise _unreadable(key, f"has the key {excerpt(key.value)} twice in one mapping")
        mapping[key.value] = loader.construct_object(value, deep=True)
    return mapping


def _check_tag(node: yaml.Node) -> None:
    if node.tag not in _Loader.yaml_constructors:
        raise _unreadable(node, f"uses the YAML tag {excerpt(node.tag)}")


def _refuse_tag(_loader: yaml.SafeLoader, node: yaml.Node) -> None:
    _check_tag(node)


def _unreadable(node: yaml.Node, problem: str) -> UnreadableError:
    return UnreadableError(f"{problem} (line {node.start_mark.line + 1})")


def _scalar(pattern: str, convert: Callable[[str], Any]) -> Callable[[yaml.SafeLoader, yaml.Node], Any]:
    def construct(_loader: yaml.SafeLoader, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode) or not re.fullmatch(pattern, node.value):
            raise _unreadable(node, f"uses the YAML tag {excerpt(node.tag)} for something else")
        return convert(node.value)

    return construct


def _sequence(loader: yaml.SafeLoader, node: yaml.Node) -> list[Any]:
    if not isinstance(node, yaml.SequenceNode):
        raise _unreadable(node, f"uses the YAML tag {excerpt(node.tag)} for something else")
    return [loader.construct_object(part, deep=True) for part in node.value]


_Loader: type[yaml.SafeLoader] = type("_Loader", (LOADER,), {"yaml_implicit_resolvers": {}, "yaml_constructors": {}})
for _name, _pattern, _first, _convert in (
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""], _WORDS.__getitem__),
    ("bool", "true|True|TRUE|false|False|FALSE", list("tTfF"), _WORDS.__getitem__),
    ("int", "[-+]?[0-9]+", list("-+0123456789"), _integer),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789"), float),
):
    _Loader.add_implicit_resolver(_CORE + _name, re.compile(rf"(?:{_pattern})\Z"), _first)
    _Loader.add_constructor(_CORE + _name, _scalar(_pattern, _convert))
_Loader.add_constructor(_CORE + "str", _scalar("(?s:.*)", str))
_Loader.add_constructor(_CORE + "seq", _sequence)
_Loader.add_constructor(_CORE + "map", _mapping)
_Loader.add_constructor(None, _refuse_tag)
