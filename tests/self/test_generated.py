"""What is drawn from a seed, and kept for later runs."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from contracts.openapi.loading import load_operation
from contracts.probes import drawing
from contracts.probes.drawing import SeedAlone
from contracts.probes.generated import NEGATIVE, POSITIVE, Drawn
from contracts.probes.generated import drawn as cases

MODULE = importlib.import_module("contracts.probes.generated")


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


class Drawing:
    """Counts how often cases are drawn, with a cache folder of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.times = 0
        self._kept: dict[str, Sequence[Drawn]] = {}
        self._operation = load_operation()
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
        monkeypatch.setattr(MODULE, "_KEPT", self._kept)
        monkeypatch.setattr(drawing, "draw", self._draw)

    def _draw(self, _operation: object, mode: str, number: int, chosen: int) -> list[dict[str, object]]:
        self.times += 1
        return [{"limit": at if mode == POSITIVE else "x", "order": str(chosen), "other": 1} for at in range(number)]

    def again(self, mode: str = POSITIVE, number: int = 2, seed: int = 0) -> Sequence[Drawn]:
        """The cases of a later run."""
        self._kept.clear()
        asking = mock.Mock(operation=self._operation, seed=seed)
        asking.reader.opaque = False
        return cases(asking, mode, number)


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drawing:
    return Drawing(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (POSITIVE, [{"limit": 0, "order": "0"}, {"limit": 1, "order": "0"}]),
        (NEGATIVE, ["limit=x&order=0&other=1"] * 2),
    ],
)
def test_cases_are_drawn_once(later: Drawing, mode: str, expected: Sequence[Drawn]) -> None:
    assert later.again(mode) == later.again(mode) == expected
    assert later.times == 1


def test_another_seed_number_or_kind_is_drawn_by_itself(later: Drawing) -> None:
    for arguments in ((POSITIVE, 2, 0), (NEGATIVE, 2, 0), (POSITIVE, 3, 0), (POSITIVE, 2, 1)):
        later.again(*arguments)
    assert later.times == 4


@pytest.mark.parametrize(
    "damaged",
    [
        lambda content: content[:-9],
        lambda _: b"",
        lambda _: _entry(json.dumps(["limit=1"])),
        lambda _: _entry("{}"),
        lambda _: _entry("[" * 100_000),
    ],
    ids=["cut", "empty", "of another kind", "no list", "deep"],
)
def test_what_is_kept_and_can_not_be_used_is_drawn_anew(later: Drawing, damaged: Callable[[bytes], bytes]) -> None:
    expected = later.again()
    (entry,) = later.folder.rglob("*.json")
    entry.write_bytes(damaged(entry.read_bytes()))
    assert later.again() == expected
    assert later.times == 2


def _entry(content: str) -> bytes:
    return hashlib.sha256(content.encode()).hexdigest().encode() + b"\n" + content.encode()
