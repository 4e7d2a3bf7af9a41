"""What we add to a document: an OpenAPI Overlay 1.0, laid over the data of the document."""

from __future__ import annotations

import copy
from typing import Any

from contracts.core.wording import excerpt
from contracts.openapi.document import Document, unusable


def apply_overlay(document: dict[str, Any], overlay: Document) -> dict[str, Any]:
    """Apply an OpenAPI Overlay 1.0 to a document, in place, and return it.

    ``update`` is merged: mappings key by key, sequences by appending, anything else by replacing.
    ``remove`` is refused: what a document says about a list is never too much.

    Raises:
        ConfigurationError: An action is malformed or selects nothing.
    """
    actions = overlay.data.get("actions")
    if not isinstance(actions, list) or not str(overlay.data.get("overlay", "")).startswith("1."):
        raise unusable(overlay.name, problem="is no OpenAPI Overlay 1.0", remedy="give one with a list of actions")
    for number, action in enumerate(actions, 1):
        problem = _apply(document, action)
        if problem:
            name = f"{overlay.name}, action {number},"
            raise unusable(name, problem=problem, remedy="fix the action")
    return document


def _apply(document: dict[str, Any], action: Any) -> str | None:
    """Apply one action; what is wrong with it, if anything."""
    if not isinstance(action, dict) or not isinstance(action.get("target"), str):
        return "has no target"
    # Its tables take a tenth of the time in which a small command starts.
    from jsonpath_rfc9535 import JSONPathError, find

    try:
        nodes = list(find(action["target"], document))
    except JSONPathError as error:
        return f"has a target that is no JSONPath ({excerpt(error)})"
    if not nodes:
        return f"selects nothing with {excerpt(action['target'])}"
    for node in nodes:
        if "update" not in action or not _merge(node.value, copy.deepcopy(action["update"])):
            return "updates no mapping and no sequence (`update` is the only change that is made)"
    return None


def _merge(target: Any, update: Any) -> bool:
    if isinstance(target, dict) and isinstance(update, dict):
        for key, value in update.items():
            if not (key in target and _merge(target[key], value)):
                target[key] = value
        return True
    if isinstance(target, list):
        target.extend(update if isinstance(update, list) else [update])
        return True
    return False
