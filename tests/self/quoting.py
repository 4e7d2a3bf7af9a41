"""Whether the words of a quote stand at their place in the published texts; how white space is set does not count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from contracts.openapi.document import load, published
from contracts.openapi.quotes import SDK_PAGE, Quote


def stands(quote: Quote) -> bool:
    document, sdk_page = published_texts()
    if quote.at == SDK_PAGE:
        place: str | None = sdk_page
    else:
        place = _rendered(_node(document, quote.at.split("/")))
    words = _normal(quote.text)
    if place is None or not words:
        return False
    # Whole words: "10" does not stand in "100".
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", _normal(place)) is not None


@cache
def published_texts() -> tuple[dict[str, Any], str]:
    """What is quoted from: the published document as data, and the text of the SDK page."""
    return load(published("openapi.yaml")).data, published(SDK_PAGE).read_text(encoding="utf-8")


def _node(document: Mapping[str, Any], places: list[str]) -> Any:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in places]
    (path_item,) = document["paths"].values()
    for root in (path_item["get"], document.get("components", {}), document):
        if parts[0] in root:
            node: Any = root
            break
    else:
        return None
    for part in parts:
        if isinstance(node, list):
            named = [entry for entry in node if isinstance(entry, dict) and entry.get("name") == part]
            node = named[0] if named else None
        else:
            node = node.get(part) if isinstance(node, dict) else None
    return node


def _rendered(node: Any) -> str | None:
    if node is None or isinstance(node, str):
        return node
    return yaml.safe_dump(node, sort_keys=False, allow_unicode=True, width=10**6).removesuffix("...\n")


def _normal(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
