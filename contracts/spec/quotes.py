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
    """

    text: str
    at: str
