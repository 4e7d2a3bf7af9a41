"""Strict JSON: bodies are parsed as RFC 8259 says, more strictly than Python does."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Any, NoReturn

DEEPEST = 200
"""The most levels of nesting in an answer or a document; RFC 8259 §9 allows such limits."""
MOST_VALUES = 100_000
"""The most values of a body, counted by commas and opening brackets; a full page of permissions has some 500."""
WIDEST = 60
"""The most characters of an untrusted text that are shown."""

MOST_DOUBLED = 100
"""The most duplicate keys that are named."""

_BRACKETS = re.compile(r"[\[\]{}]")
_STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed body.

    ``defect`` says in a few printable words why it is no JSON that can be read, or is ``None``; ``value`` is
    then ``None``. ``doubled`` names the keys that stand twice in one object, as paths such as
    ``$.data[3].id``, in the order in which they are found.
    """

    value: Any
    defect: str | None = None
    doubled: tuple[str, ...] = ()


class _Doubled(dict[str, Any]):
    """An object with duplicate keys; the last value of each is kept, as nearly every parser does."""

    keys_twice: tuple[str, ...] = ()


class _DefectError(Exception):
    """Why a body is not JSON."""


def parse(body: bytes) -> Parsed:
    """Read a body.

    Never raises: whatever is wrong is the ``defect`` of the result. A number beyond the range of a float
    becomes infinite; an integer of more digits than Python converts, nesting beyond `DEEPEST`, and more than
    `MOST_VALUES` are defects.
    """
    try:
        return _parse(_text(body))
    except _DefectError as defect:
        return Parsed(None, str(defect))


def _text(body: bytes) -> str:
    if not body.strip(b" \t\r\n"):
        raise _DefectError("the body is empty")
    if body.startswith(codecs.BOM_UTF8):
        raise _DefectError("the body begins with a byte order mark")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is not UTF-8"
        raise _DefectError(problem) from None


def _parse(text: str) -> Parsed:
    if _is_wide(text):
        problem = f"more than {MOST_VALUES} values, which is as much as is read"
        raise _DefectError(problem)
    if _depth(text) > DEEPEST:
        problem = f"nested more than {DEEPEST} levels deep"
        raise _DefectError(problem)
    any_doubled = False

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal any_doubled
        mapping = dict(pairs)
        if len(mapping) == len(pairs):
            return mapping
        any_doubled = True
        times = Counter(name for name, _ in pairs)
        doubled = _Doubled(mapping)
        doubled.keys_twice = tuple(name for name in mapping if times[name] > 1)
        return doubled

    try:
        value = json.loads(text, object_pairs_hook=collect, parse_constant=_constant)
    except json.JSONDecodeError as error:
        message = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
        rest = text[error.pos : error.pos + WIDEST]
        problem = f"{message} at character {error.pos}, {f'before {shown(rest)}' if rest else 'the end'}"
        raise _DefectError(problem) from None
    except RecursionError:
        raise _DefectError("nested too deeply") from None
    except ValueError:
        raise _DefectError("an integer has too many digits to be read") from None
    return Parsed(value, None, tuple(islice(_doubled(value, "$"), MOST_DOUBLED)) if any_doubled else ())


def _constant(name: str) -> NoReturn:
    problem = f"{name} is no JSON"
    raise _DefectError(problem)


def _depth(text: str) -> int:
    # The depth at which Python's parser fails depends on the stack of its caller; counting first makes it constant.
    if text.count("[") + text.count("{") <= DEEPEST:
        return 0
    signs = _BRACKETS.findall(_STRINGS.sub("", text))
    return max(accumulate(1 if sign in "[{" else -1 for sign in signs), default=0)


def _is_wide(text: str) -> bool:
    return _signs(text) > MOST_VALUES and _signs(_STRINGS.sub("", text)) > MOST_VALUES


def _signs(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")


def _doubled(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Doubled):
        yield from (step(path, name) for name in value.keys_twice)
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _doubled(part, step(path, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _doubled(part, step(path, index))


def step(path: str, part: str | int) -> str:
    """A path one step further down: ``$.data`` and ``3`` give ``$.data[3]``; odd names are quoted."""
    if isinstance(part, int):
        return f"{path}[{part}]"
    return f"{path}.{part}" if _PLAIN_NAME.fullmatch(part) and len(part) <= WIDEST else f"{path}[{shown(part)}]"


def shown(value: Any) -> str:
    """An untrusted value for people: as JSON writes it, printable, at most `WIDEST` characters."""
    match value:
        case str():
            text = json.dumps(value[:WIDEST], ensure_ascii=False)
        case dict():
            return f"an object of {len(value)} properties" if len(value) != 1 else "an object of 1 property"
        case list():
            return f"an array of {len(value)} values" if len(value) != 1 else "an array of 1 value"
        case float() if value in (float("inf"), float("-inf")):
            return "a number beyond the range of floats"
        case int() if not isinstance(value, bool) and value.bit_length() > WIDEST * 4:
            return f"an integer of {value.bit_length()} bits"
        case _:
            text = json.dumps(value)
    text = "".join(character if character.isprintable() else _escaped(character) for character in text)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1]
