"""The cache in the user's cache folder: parsed YAML documents, and the cases that were drawn for them.

Nothing depends on it: what can't be read, is not ours or is damaged counts as not there, and what can't be written is
not written. A document is JSON and read as strictly as any, so a foreign one can't do more than a document can.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from contracts.openapi.texts import UnreadableError, parse

LEAST: Final = 64 * 2**10
"""Bytes. Smaller documents are not cached, because they are parsed fast."""
_LARGEST: Final = 64 * 2**20
_MOST_ENTRIES: Final = 32
_DOCUMENTS: Final = "documents"
_PACKAGE: Final = "checkpoint-permissions-contracts"


def parsed(raw: bytes, sha256: str) -> dict[str, Any]:
    """What a document holds, given its bytes and their digest.

    Raises:
        UnreadableError: It can't be parsed.
    """
    # Parsing JSON is faster than a look into the cache.
    if len(raw) < LEAST or raw.lstrip()[:1] == b"{":
        return parse(raw)
    content = kept(_DOCUMENTS, sha256)
    if content is not None:
        with suppress(UnreadableError):
            return parse(content)
    found = parse(raw)
    with suppress(ValueError, RecursionError):
        keep(_DOCUMENTS, sha256, json.dumps(found, allow_nan=False, separators=(",", ":")).encode())
    return found


def kept(kind: str, name: str) -> bytes | None:
    """The content of an entry; ``None`` if there is none that can be trusted."""
    entry = _entry(kind, name)
    if entry is None:
        return None
    try:
        with os.fdopen(os.open(entry, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            about = os.fstat(stream.fileno())
            mine = about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if not (mine and stat.S_ISREG(about.st_mode) and about.st_size <= _LARGEST):
                return None
            digest, _, content = stream.read(_LARGEST).partition(b"\n")
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest().encode() == digest else None


def keep(kind: str, name: str, content: bytes) -> None:
    """Write an entry, and delete the oldest ones of its kind."""
    entry = _entry(kind, name)
    if entry is None or len(content) >= _LARGEST // 2:
        return
    beside = entry.with_name(f".{entry.name}.{secrets.token_hex(8)}")
    try:
        entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as stream:
            stream.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        beside.replace(entry)
        _drop_oldest(entry.parent)
    except OSError:
        with suppress(OSError):
            beside.unlink()


def _entry(kind: str, name: str) -> Path | None:
    """The file of an entry; each version of this package has its own. ``None`` where there is no home folder."""
    try:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return caches / "contracts" / kind / f"{name}-{version(_PACKAGE)}.json"
    except (RuntimeError, PackageNotFoundError):
        return None


def _drop_oldest(folder: Path) -> None:
    entries = sorted(folder.glob("*.json"), key=lambda each: each.lstat().st_mtime, reverse=True)
    for entry in entries[_MOST_ENTRIES:]:
        entry.unlink()
