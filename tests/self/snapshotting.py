"""Texts that are compared with files of ``snapshots``; UPDATE_SNAPSHOTS=1 writes the files instead."""

from __future__ import annotations

import os
import re
from pathlib import Path

FOLDER = Path(__file__).parent / "snapshots"
_CHANGING = (
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"--port \d{4,}", "--port PORT"),
    (r"\b\d+\.\d s\b", "T s"),
    (r"^contracts (?:\d[\w.+-]*|unreleased)\b", "contracts VERSION"),
    (r"^Asked  .*?(?=^Took)", "Asked       N requests: …\n"),
    # How many requests a question takes, and what Schemathesis asks first, is not this file's matter.
    (r"\(\d+×\)", "(N×)"),
    (r"; \d+ brings", "; N brings"),
    (r"\b\d+ cases?\b", "N cases"),
    # Where the machine stands still for ten seconds, a request is sent again.
    (r"\b(?:none|\d+) sent again\b", "R sent again"),
    (r"sha256 [0-9a-f]{12}", "sha256 SHA256"),
    (r"^expires = \d{4}-\d\d-\d\d", "expires = DAY"),
)


def settled(text: str) -> str:
    """The text without what another run, port, machine or release changes."""
    for pattern, word in _CHANGING:
        text = re.sub(pattern, word, text, flags=re.MULTILINE | re.DOTALL)
    return text


def snapshot(name: str, text: str) -> None:
    """Compare a text with the file of that name."""
    file = FOLDER / f"{name}.txt"
    text = settled(text)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{name}.txt differs; UPDATE_SNAPSHOTS=1 writes it anew"
