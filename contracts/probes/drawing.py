"""Cases of the operation, drawn by Schemathesis: what takes longest of a run is to import it, and to draw."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from schemathesis import GenerationMode
from schemathesis.errors import SchemathesisError

from contracts.core.wording import excerpt
from contracts.openapi.document import unusable
from contracts.openapi.operation import Operation

Case = schemathesis.Case[Any]


class SeedAlone(HypothesisProvider):
    """Draws what the seed says, whatever else is loaded.

    Hypothesis also draws constants that it reads out of the modules of the user's project, so the same seed would ask
    other questions under pytest than on the command line.
    """

    def _maybe_draw_constant(self, *_constraints: object, **_options: object) -> None:
        return None


AVAILABLE_PROVIDERS[SeedAlone.__name__] = SeedAlone

SOMEWHERE = "http://target.invalid"
"""Where a case is written to, so that its query can be read off; nothing is sent there."""


def draw(operation: Operation, mode: str, number: int, chosen: int) -> list[Mapping[str, Any]]:
    """The parameters of so many queries that a document allows (``positive``) or does not (``negative``).

    Raises:
        ConfigurationError: Nothing can be drawn from the document.
    """
    # Credentials are a matter of their own; a generated one would only be refused.
    document = {key: value for key, value in operation.document.items() if key not in {"security", "servers"}}
    document["openapi"] = f"{operation.dialect}.0"
    logging.getLogger("schemathesis").setLevel(logging.ERROR)
    config = schemathesis.Config.from_dict({"seed": chosen})
    # All of Unicode but its surrogates, as by default, without 200 MiB for working out what UTF-8 can hold.
    config.projects.default.generation.codec = None
    drawn: list[Mapping[str, Any]] = []
    with _drawable(operation):
        schema = schemathesis.openapi.from_dict(document, config=config)
        cases = schema[operation.path_template]["GET"].as_strategy(
            generation_mode=GenerationMode(mode), path_parameters=dict.fromkeys(operation.profile.scope, "checkpoint")
        )

        @seed(chosen)
        @settings(
            max_examples=max(1, number),
            backend=SeedAlone.__name__,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def collect(case: Case) -> None:
            drawn.append(dict(case.query or {}))

        collect()
    return drawn


def written(parameters: Mapping[str, Any]) -> str:
    """Parameters as a query, ``""`` if they can't be written as one."""
    try:
        url = requests.Request("GET", SOMEWHERE, params=dict(parameters)).prepare().url or ""
    except (ValueError, UnicodeError):
        return ""
    _, _, query = url.partition("?")
    return query if query.isascii() else ""


@contextmanager
def _drawable(operation: Operation) -> Iterator[None]:
    """Tell of a document that is well-formed, and that Schemathesis can draw nothing from."""
    try:
        yield
    except SchemathesisError as error:
        problem = f"describes parameters that no query can be drawn from ({excerpt(str(error))})"
        raise unusable(operation.name, problem=problem, remedy="fix them") from None
