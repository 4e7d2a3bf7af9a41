"""Parsed documents are read again from the user's cache folder; whatever is wrong there costs time alone."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from listed import ID_CURSOR, vendors_document

from contracts.openapi import cache, document
from contracts.openapi.loading import load_operation
from contracts.openapi.survey import survey
from contracts.openapi.texts import parse

DATA: dict[str, Any] = {"openapi": "3.1.0", "paths": {}, "x": [1, 2.5, None, True, "é", "1_0"]}
RAW = yaml.safe_dump(DATA).encode()


class Folder:
    """A cache folder, and how often a document was parsed beside it."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.parsed = 0
        monkeypatch.setenv("XDG_CACHE_HOME", str(path))
        monkeypatch.setattr(cache, "LEAST", 0)
        monkeypatch.setattr(document, "_RECENT", {})
        original = parse

        def counted(raw: bytes) -> dict[str, Any]:
            self.parsed += raw[:1].isalpha()
            return original(raw)

        monkeypatch.setattr(cache, "parse", counted)

    def load(self, raw: bytes = RAW) -> dict[str, Any]:
        return cache.parsed(raw, hashlib.sha256(raw).hexdigest())

    @property
    def entry(self) -> Path:
        (found,) = self.path.rglob("*.json")
        return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(tmp_path / "cache", monkeypatch)


def test_a_document_is_parsed_once(folder: Folder) -> None:
    assert folder.load() == folder.load() == DATA
    assert folder.parsed == 1
    assert folder.entry.stat().st_mode & 0o777 == 0o600
    assert folder.load(RAW + b"# another\n") == DATA
    assert folder.parsed == 2


def _link(entry: Path) -> None:
    entry.rename(entry.with_suffix(".elsewhere"))
    entry.symlink_to(entry.with_suffix(".elsewhere"))


def _pipe(entry: Path) -> None:
    entry.unlink()
    os.mkfifo(entry)


def _signed(content: bytes) -> Callable[[Path], None]:
    def write(entry: Path) -> None:
        entry.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)

    return write


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: entry.write_bytes(entry.read_bytes()[:-3]),
        lambda entry: entry.write_bytes(b""),
        lambda entry: entry.write_bytes(json.dumps(DATA).encode()),
        lambda entry: entry.write_bytes(pickle.dumps(DATA)),
        lambda entry: entry.chmod(0o666),
        _signed(b"[" * 100_000),
        _signed(b"[1, 2]"),
        _signed(pickle.dumps(DATA)),
        _link,
        _pipe,
    ],
)
def test_what_is_wrong_in_the_folder_counts_as_not_there(folder: Folder, damage: Callable[[Path], None]) -> None:
    folder.load()
    damage(folder.entry)
    assert folder.load() == DATA
    assert folder.load() == DATA
    assert folder.parsed == 2


def test_another_version_has_entries_of_its_own(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.load()
    monkeypatch.setattr(cache, "version", lambda _: "9.9")
    folder.load()
    assert folder.parsed == 2
    assert len(list(folder.path.rglob("*.json"))) == 2


def test_without_a_folder_nothing_is_kept(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("/dev/null", str(folder.path / "file" / "below")):
        folder.path.mkdir(exist_ok=True)
        (folder.path / "file").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", place)
        assert folder.load() == DATA

    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    assert folder.load() == DATA


def test_old_entries_are_dropped(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MOST_ENTRIES", 2)
    for number in range(4):
        folder.load(RAW + b"#" * number)
    assert sum(each.is_file() for each in folder.path.rglob("*")) == 2


def test_what_json_can_not_hold_is_not_kept(folder: Folder) -> None:
    assert folder.load(b"x: 1e999\n") == {"x": float("inf")}
    assert list(folder.path.rglob("*.json")) == []


def test_several_operations_parse_their_document_once(folder: Folder, tmp_path: Path) -> None:
    spec = tmp_path / "things.yaml"
    spec.write_text(yaml.safe_dump(ID_CURSOR), encoding="utf-8")
    first, second = (load_operation(spec, name="listThings") for _ in range(2))
    assert first.document == second.document
    assert folder.parsed == 1


def test_an_overlay_changes_no_document_that_is_kept(folder: Folder, tmp_path: Path) -> None:
    del folder
    spec, overlay = tmp_path / "things.yaml", tmp_path / "overlay.yaml"
    spec.write_text(yaml.safe_dump(ID_CURSOR), encoding="utf-8")
    target = "$.paths['/things'].get"
    actions = [{"target": target, "update": {"x-more": [1]}}, {"target": f"{target}['x-more']", "update": [2]}]
    overlay.write_text(json.dumps({"overlay": "1.0.0", "actions": actions}), encoding="utf-8")
    for _ in range(2):
        operation = load_operation(spec, overlay, name="listThings")
        assert operation.document["paths"][operation.path_template]["get"]["x-more"] == [1, 2]


def test_a_vendors_document_is_the_same_from_the_folder(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = vendors_document("openai.yaml")
    first = document.load(path)
    monkeypatch.setattr(document, "_RECENT", {})
    second = document.load(path)
    assert folder.parsed == 1
    assert second.data == first.data
    assert survey(second) == survey(first)
