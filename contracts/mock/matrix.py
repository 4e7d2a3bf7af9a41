"""Which clauses each embedded server breaks, as ``tests/self/kill_matrix.py`` recorded it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any


def matrix() -> Mapping[str, Any]:
    """The contents of the file."""
    text = (resources.files("contracts.mock") / "matrix.json").read_text(encoding="utf-8")
    found: Mapping[str, Any] = json.loads(text)
    return found
