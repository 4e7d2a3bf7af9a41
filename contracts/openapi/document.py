"""Files that describe an API, from the user or from this package."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from contracts.core.errors import ConfigurationError
from contracts.openapi.body import DEEPEST

LARGEST_FILE = 32 * 2**20
"""Bytes; the vendor's whole document has two to three million."""


_MOST_RECENT = 4
_RECENT: dict[str, dict[str, Any]] = {}
"""The latest parsed documents by digest: a run that judges several operations parses their document once."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file as data, with the name that people know it by and the digest of its bytes; ``data`` is never changed."""

    name: str
    sha256: str
    data: dict[str, Any]


def unusable(name: str, *, problem: str, remedy: str) -> ConfigurationError:
    """The one sentence about a file: its name, what is wrong with it and where, what to do."""
    return ConfigurationError(f"{name} {problem}; {remedy}.")


def published(name: str) -> Traversable:
    """A file of `spec/`, from the installed package or from the checkout around it."""
    installed = resources.files("contracts") / "published" / name
    return installed if installed.is_file() else Path(__file__).parents[2] / "spec" / name


def load(file: Path | Traversable) -> Document:
    """Read a JSON or YAML file.

    Raises:
        ConfigurationError: The file is missing, unreadable or holds no mapping that JSON could express.
    """
    from contracts.openapi.cache import parsed
    from contracts.openapi.texts import UnreadableError

    raw = _read(file)
    sha256 = hashlib.sha256(raw).hexdigest()
    data = _RECENT.pop(sha256, None)
    try:
        data = data or parsed(raw, sha256)
    except UnreadableError as error:
        raise unusable(file.name, problem=str(error), remedy="give an OpenAPI document in JSON or YAML") from None
    _RECENT[sha256] = data
    for each in list(_RECENT)[:-_MOST_RECENT]:
        del _RECENT[each]
    return Document(file.name, sha256, data)


def tree(node: Any, name: str, depth: int = 0) -> Any:
    """A copy in which no two places share a mapping or a sequence.

    Raises:
        ConfigurationError: It is nested more than `DEEPEST` levels deep, perhaps because it contains itself.
    """
    if depth > DEEPEST:
        raise unusable(name, problem=f"is nested more than {DEEPEST} levels deep", remedy="flatten it")
    if isinstance(node, dict):
        return {key: tree(value, name, depth + 1) for key, value in node.items()}
    if isinstance(node, list):
        return [tree(value, name, depth + 1) for value in node]
    return node


def _read(file: Path | Traversable) -> bytes:
    # Only regular files are opened: a device or a pipe may never end.
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
