"""What is drawn from a seed."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from contracts.probes.generated import SeedAlone


def drawn(backend: str) -> list[str]:
    found: list[str] = []

    @seed(1)
    @settings(backend=backend, max_examples=300, database=None, deadline=None, phases=[Phase.generate])
    @given(st.text())
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return found


def test_the_modules_of_a_project_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {backend: drawn(backend) for backend in (SeedAlone.__name__, "hypothesis")}
    known = Constants(strings={"a word of the project"})
    monkeypatch.setattr(providers, "_get_local_constants", lambda: known)
    providers.CONSTANTS_CACHE.cache.clear()
    try:
        assert drawn(SeedAlone.__name__) == before[SeedAlone.__name__]
        assert "a word of the project" in drawn("hypothesis")
        assert "a word of the project" not in before["hypothesis"]
    finally:
        providers.CONSTANTS_CACHE.cache.clear()
