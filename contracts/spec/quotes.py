"""The words that a clause rests on, and the place in the published text where they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from contracts.spec.document import load, published

SDK_PAGE = "sdk-page.txt"
"""The place of what the SDK reference page says."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of the published document, whatever document a run is judged by.

    ``at`` leads to them: names from the operation downwards (``description``,
    ``parameters/limit/schema/default``, ``responses/200``), from the components (``schemas/…``,
    ``securitySchemes/…``) or from the document (``security``, ``info/…``); ``sdk-page.txt`` is the SDK page.
    A parameter is found by its name; a slash within a name is written ``~1``.
    """

    text: str
    at: str

    def stands(self, published_document: Mapping[str, Any], sdk_page: str) -> bool:
        """Whether the words stand at the place; how white space is set does not count.

        A place that is not a text is taken as YAML writes it.
        """
        if self.at == SDK_PAGE:
            place: str | None = sdk_page
        else:
            place = _rendered(_node(published_document, self.at.split("/")))
        words = _normal(self.text)
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
    import yaml

    return yaml.safe_dump(node, sort_keys=False, allow_unicode=True, width=10**6).removesuffix("...\n")


def _normal(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
