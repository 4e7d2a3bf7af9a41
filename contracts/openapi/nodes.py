"""Nodes of a document, which may be of any type whatever the specification asks for."""

from __future__ import annotations

from typing import Any


def mapping(node: Any) -> dict[str, Any]:
    """A node if it is a mapping, else an empty one."""
    return node if isinstance(node, dict) else {}


def sequence(node: Any) -> list[Any]:
    """A node if it is a sequence, else an empty one."""
    return node if isinstance(node, list) else []
