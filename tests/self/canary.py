"""A canary key, every way in which it could be written down, and the search for it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import quote

ADMIN = "sk-admin-CanaryAbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
USER = "sk-user-CanaryzYxWvUtSrQpOnMlKjIhGfEdCbA9876543210"
KEYS = {"admin": ADMIN, "user": USER}


def _texts(key: str) -> Iterator[tuple[str, str]]:
    yield "as it is", key
    yield "in lower case", key.lower()
    yield "in upper case", key.upper()
    yield "in the other case", key.swapcase()
    yield "the first half", key[: len(key) // 2]
    yield "the second half", key[len(key) // 2 :]
    escaped = "".join(f"%{byte:02X}" for byte in key.encode())
    yield "URL-encoded", escaped
    yield "URL-encoded in lower case", escaped.lower()
    yield "URL-encoded twice", quote(escaped)
    yield "URL-encoded twice in lower case", quote(escaped).lower()
    yield "URL-encoded where it must be", quote(key, safe="").replace("-", "%2D")
    yield "URL-encoded twice where it must be", quote(quote(key, safe="").replace("-", "%2D"))
    yield "JSON", json.dumps(key)[1:-1].replace("-", "\\u002d")
    yield "JSON with every escape", "".join(f"\\u{ord(each):04x}" for each in key)
    yield "JSON with every escape in upper case", "".join(f"\\u{ord(each):04X}" for each in key)
    yield "repr with every escape", "".join(f"\\x{ord(each):02x}" for each in key)
    yield "HTML", html.escape(key).replace("-", "&#45;")
    yield "HTML with numbers", "".join(f"&#{ord(each)};" for each in key)
    yield "hexadecimal", key.encode().hex()
    yield "hexadecimal in upper case", key.encode().hex().upper()
    yield "backwards", key[::-1]


def _in_base64(key: str) -> Iterator[tuple[str, str]]:
    """The signs that are the same wherever in a text the key stands, at each of the three places."""
    for name, encode in (("base64", base64.b64encode), ("base64 for URLs", base64.urlsafe_b64encode)):
        for lead in range(3):
            signs = encode(b"\0" * lead + key.encode()).decode()
            yield f"{name}, moved by {lead}", signs[(lead * 8 + 5) // 6 : (lead + len(key)) * 8 // 6]


@cache
def forms() -> dict[str, bytes]:
    """Every form of every key that is searched for, by its name."""
    found: dict[str, bytes] = {}
    for name, key in KEYS.items():
        for form, text in (*_texts(key), *_in_base64(key)):
            found[f"{name} key, {form}"] = text.encode()
        found[f"{name} key, UTF-16"] = key.encode("utf-16-le")
    return found


def leaks(data: bytes) -> list[str]:
    """The forms in which a key stands in these bytes."""
    return [form for form, needle in forms().items() if needle in data]


def leaking(folder: Path) -> dict[str, list[str]]:
    """The files below a folder that hold a key, in their names too, and in which forms."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        forms_ = leaks(inside + str(path.relative_to(folder)).encode("utf-8", "surrogateescape"))
        if forms_:
            found[str(path.relative_to(folder))] = forms_
    return found
