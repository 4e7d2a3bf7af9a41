"""The words that a clause rests on, and the place in the published text where they stand."""

from __future__ import annotations

from dataclasses import dataclass

SDK_PAGE = "sdk-page.txt"
"""The place of what the SDK reference page says."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of the published document, whatever document a run is judged by.

    ``at`` leads to them: names from the operation downwards (``description``,
    ``parameters/limit/schema/default``, ``responses/200``), from the components (``schemas/…``,
    ``securitySchemes/…``) or from the document (``security``, ``info/…``); ``sdk-page.txt`` is the SDK page.
    A parameter is found by its name; a slash within a name is written ``~1``.

    The document of another operation is quoted where it speaks of the same: by default at the same place, and where
    that says nothing of it, by ``topic`` (``key``, ``before``, and the names of properties).
    """

    text: str
    at: str
    topic: str = ""

    @property
    def key(self) -> str:
        """What the document of another operation must speak of to be quoted instead."""
        return self.topic or "/".join(self.at.split("/")[:2])
