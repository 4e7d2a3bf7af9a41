"""Lists that are too long for memory: all of one is walked through, judged as it comes, and what is wrong is found."""

from __future__ import annotations

import io
import os
import random
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.depths import DEPTHS
from contracts.clauses.registry import clauses
from contracts.cli import progress
from contracts.core.errors import ExitCode
from contracts.core.model import Answer, Exchange, Item, Page, Query, Target
from contracts.core.model import Request as Sent
from contracts.core.result import Result, Verdict
from contracts.evidence.reader import Reader
from contracts.mock.app import Asked, Behaviour
from contracts.mock.server import Server
from contracts.mock.store import Dataset, Permission, seeded
from contracts.mock.variants import VARIANTS, open_variant
from contracts.openapi.loading import load_operation
from contracts.probes.asking import Asking
from contracts.probes.walks import control_walk, read_list
from contracts.reports import html
from contracts.reports.recording import record
from contracts.reports.view import Report
from contracts.runs.deep.census import ORDERS, PIECES, Census
from contracts.runs.deep.walk import DEEP, MOST_FINDINGS, Deep, walk_through
from contracts.runs.live import run
from contracts.runs.plan import Plan, Progress
from contracts.runs.replay import replay
from contracts.traffic.client import Client, DiskFull, OutOfRoom
from contracts.traffic.credentials import available
from contracts.traffic.har import read_har
from contracts.traffic.keys import Keys
from contracts.traffic.limits import CLOSER, DEFAULT_BUDGET
from contracts.traffic.spool import Spool
from contracts.verdicts.conclusion import Terms

SIZE = 400
PAGE = 20
"""Small pages make a short list as long, in pages, as a long one; the largest that the servers below take."""
LONG = 20_000
OPERATION = load_operation()
READER = Reader(OPERATION)


def target_of(server: Server) -> Target:
    data = server.dataset
    return Target(server.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint, user_key=True)


@contextmanager
def walked(server: Server, pages: int = 2 * SIZE // PAGE, size: int = PAGE) -> Iterator[tuple[Deep, Client]]:
    """What a walk through the whole list finds, without all that a run asks beside it."""
    keys = Keys.of(server.dataset.admin_key, server.dataset.user_key)
    target = target_of(server)
    with server, Client(server.base_url, keys, budget=DEFAULT_BUDGET, seed=0) as client:
        asking = Asking(READER, target, client, random.Random(0), available(keys))
        asking.size, asking.short = size, False
        asking.begin("walks", DEFAULT_BUDGET)
        control_walk(asking)
        read_list(asking, ORDERS[1])
        for order in ORDERS:
            asking.walk(Query(server.dataset.other_checkpoint, limit=size, order=order), most=2)
        client.extend(pages + CLOSER)
        deep = Deep(asking.evidence, clauses(), client.spool, pages)
        walk_through(asking, deep, pages)
        yield deep, client
    assert server.crashes == []


def broken(deep: Deep) -> set[str]:
    return {name for name, found in deep.tallies.items() if found.breaches}


# What is wrong deep in a list


AT_SEAMS = ("twice-on-a-page", "gap-descending", "gap-ascending", "wrong-last-id", "cursor-included", "cursor-refused")
WITHIN, SEAM = SIZE * 7 // 10 + 7, SIZE * 7 // 10 - 1


@pytest.mark.parametrize(
    ("name", "place"), [*((name, WITHIN) for name in DEPTHS), *((name, SEAM) for name in AT_SEAMS)]
)
def test_a_fault_deep_in_the_list_is_found(name: str, place: int) -> None:
    behaviour = DEPTHS[name](place)
    with walked(Server(seeded(size=SIZE), behaviour)) as (deep, _):
        found = broken(deep)
    assert found & set(behaviour.caught_by), (found, behaviour.caught_by)
    if name == "four-at-once":
        assert found >= set(behaviour.caught_by)


def test_a_right_list_has_no_doubts() -> None:
    with walked(Server(seeded(size=SIZE))) as (deep, client):
        assert broken(deep) == set()
        assert deep.doubts() == []
        assert len(deep.census) == SIZE
        assert deep.census.facets == 3
        assert list(deep.notes()) == ["All 400 permissions were walked through in both orders, on 40 pages."]
        assert len(client.spool) == 40
        assert deep.tallies["ITM-002"].cases


def test_many_findings_are_counted_and_a_few_are_kept() -> None:
    with walked(Server(seeded(size=SIZE), _FloatTimes())) as (deep, _):
        found = deep.tallies["ITM-003"]
    assert found.number == 2 * SIZE
    assert len(found.findings) == MOST_FINDINGS


class _FloatTimes(Behaviour):
    """Every time is a float."""

    def render_item(self, permission: Permission, asked: Asked, /) -> object:
        return {**_dict(super().render_item(permission, asked)), "created_at": float(permission.created_at)}


def _dict(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


# What is right and looks odd


class _Changing(Behaviour):
    """A right server whose list changes at a certain request."""

    def __init__(self, at: int, change: str) -> None:
        self._at, self._change = at, change

    def bind(self, dataset: Dataset, /) -> None:
        super().bind(dataset)
        newest = sorted(dataset.permissions, key=lambda one: (one.created_at, one.id), reverse=True)
        middle = newest[SIZE // 2]
        match self._change:
            case "gone":
                changed = [one for one in newest if one is not middle]
            case "many gone":
                changed = newest[: SIZE // 2] + newest[SIZE // 2 + 3 * PAGE :]
            case "new":
                changed = [Permission(f"cp_new{n}", newest[0].created_at + n, middle.project_id) for n in range(70)]
                changed += newest
            case _:
                changed = [Permission("cp_between", middle.created_at, middle.project_id), *newest]
        self._changed = tuple(changed)

    def permissions(self, asked: Asked, /) -> tuple[Permission, ...]:
        if asked.checkpoint == self.dataset.checkpoint and asked.request.number >= self._at:
            return self._changed
        return tuple(super().permissions(asked)) if asked.checkpoint != self.dataset.checkpoint else self._before

    @property
    def _before(self) -> tuple[Permission, ...]:
        return self.dataset.permissions


BEFORE = 12
"""Requests of `walked` before the walk through the whole list."""


@pytest.mark.parametrize("change", ["gone", "many gone", "new", "between"])
@pytest.mark.parametrize("page", [1, 10, 19, 20, 30, 39])
def test_a_list_that_changes_meanwhile_is_not_called_wrong(change: str, page: int) -> None:
    with walked(Server(seeded(size=SIZE), _Changing(BEFORE + page, change)), pages=60) as (deep, _):
        assert broken(deep) == set()


@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items() if variant.moving])
def test_a_list_that_never_rests_is_not_called_wrong(name: str) -> None:
    with walked(open_variant(name), pages=60, size=7) as (deep, _):
        assert broken(deep) == set()


def test_what_came_and_went_is_reported() -> None:
    with walked(Server(seeded(size=SIZE), _Changing(BEFORE + 25, "many gone")), pages=60) as (deep, _):
        assert deep.moved
        assert any("came or went while" in note for note in deep.notes())


class _Ties(Behaviour):
    """Right: the ids of ties rise in either order."""

    def arrange(self, permissions: object, asked: Asked, /) -> list[Permission]:
        assert isinstance(permissions, tuple)
        sign = 1 if asked.ascending else -1
        return sorted(permissions, key=lambda one: (sign * one.created_at, one.id))


@pytest.mark.parametrize("one_moment", [True, False])
def test_ties_may_stand_in_any_stable_order(*, one_moment: bool) -> None:
    with walked(Server(seeded(size=SIZE, one_moment=one_moment), _Ties())) as (deep, _):
        assert broken(deep) == set()


# How far it comes


@pytest.mark.parametrize("pages", [2, 10, 20, 30, 39])
def test_a_budget_that_does_not_reach_judges_what_it_saw(pages: int) -> None:
    with walked(Server(seeded(size=SIZE)), pages) as (deep, _):
        assert broken(deep) == set()
        (note,) = deep.notes()
    each = pages // 2 * PAGE
    assert f"the {each} newest and the {each} oldest: what lies beyond is not judged" in note
    assert "--requests N reaches further" in note


@pytest.mark.parametrize("pages", [20, 30])
def test_a_gap_within_reach_is_found_all_the_same(pages: int) -> None:
    """Of half the list from either end, what both walks passed is compared, and nothing else."""
    with walked(Server(seeded(size=SIZE), DEPTHS["gap-ascending"](SIZE // 2 + 30)), pages) as (deep, _):
        assert ("ORD-005" in broken(deep)) is (pages == 30)


# Memory and disk


def test_an_item_takes_no_more_memory_than_it_needs() -> None:
    number = 50_000
    exchange = _exchange(0)
    query = Query("cp", limit=100)
    tracemalloc.start()
    try:
        census = Census()
        for order in (0, 1):
            items = (_item(n if order == 0 else number - 1 - n) for n in range(number))
            for page in range(number // 100):
                census.note(order, page)
                shown = tuple(next(items) for _ in range(100))
                census.add(order, Page(exchange, query, shown, has_more=True, first_id=None, last_id=None))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(census) == number
    assert census.doubts == {}
    assert taken / number < 250


def _item(place: int) -> Item:
    return Item(f"cp_{place:024}", 2_000_000_000 - place, "proj_1")


def _exchange(number: int, body: bytes = b"{}") -> Exchange:
    answer = Answer(200, "OK", (("Content-Type", "application/json"),), body)
    return Exchange(number, Sent("/p"), answer, None, 2 * number, 2 * number + 1, 0.0, 0.0, DEEP)


def test_the_spool_gives_back_what_it_got() -> None:
    spool = Spool(room=1 << 20)
    kept = [_exchange(number, bytes([number]) * 1000) for number in (3, 4, 9)]
    for exchange in kept:
        spool.append(exchange)
    assert list(spool) == kept
    assert len(spool) == 3
    assert [spool[number] for number in (9, 3)] == [kept[2], kept[0]]
    for number in (0, 5, 10):
        with pytest.raises(KeyError):
            spool[number]


def test_the_spool_takes_no_more_room_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(room=4000)
    kept = _exchange(0, os.urandom(2000))
    spool.append(kept)
    with pytest.raises(OutOfRoom, match="as much as is kept on disk"):
        spool.append(_exchange(1, os.urandom(2000)))
    assert list(spool) == [kept]

    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(DiskFull, match="No space left on device"):
        Spool(room=4000).append(_exchange(0))


def test_a_disk_that_is_full_in_the_middle_of_a_page_spoils_none_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Small(io.BytesIO):
        def write(self, data: Any, /) -> int:
            if self.tell() >= 3000:
                raise OSError(28, "No space left on device")
            return super().write(data[:1000])

    file = Small()
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **given: file if given["buffering"] == 0 else None)
    spool = Spool(room=1 << 20)
    kept = _exchange(0, os.urandom(2000))
    spool.append(kept)
    with pytest.raises(DiskFull, match="No space left on device"):
        spool.append(_exchange(1, os.urandom(2000)))
    assert list(spool) == [kept]


class _LongIds(Behaviour):
    """Each id has a thousand characters more."""

    def render_item(self, permission: Permission, asked: Asked, /) -> object:
        return {**_dict(super().render_item(permission, asked)), "id": permission.id + "x" * 20_000}

    def position(self, ordered: Sequence[Permission], asked: Asked, /) -> int:
        return super().position(ordered, replace(asked, after=asked.after and asked.after.rstrip("x")))


def test_ids_that_take_more_memory_than_ids_do_end_the_walk() -> None:
    with walked(Server(seeded(size=SIZE), _LongIds())) as (deep, client):
        assert deep.census.weight < 2_000_000
        assert len(client.spool) < 30
        assert any("what lies beyond is not judged" in note for note in deep.notes())


# A whole run


@pytest.fixture(scope="module")
def long() -> Result:
    """A run on 20,000 permissions that walks through all of them."""
    with Server(seeded(size=LONG), DEPTHS["gap-descending"](LONG * 7 // 10)) as server:
        return run(_plan(server, deep=LONG // 50))


def _plan(server: Server, deep: int) -> Plan:
    keys = Keys.of(server.dataset.admin_key, server.dataset.user_key)
    return Plan(target=target_of(server), operation=OPERATION, seed=0, keys=keys, deep=deep)


def test_a_run_finds_what_is_wrong_in_the_middle(long: Result) -> None:
    found = {one.clause: one for one in long.judgements if one.verdict is Verdict.BROKEN}
    assert set(found) == {"ORD-005"}
    assert found["ORD-005"].seen == found["ORD-005"].asked == 3
    assert long.exit_code == ExitCode.BROKEN
    assert long.items == LONG
    assert long.projects == 3
    assert dict(long.requests_by_probe)[DEEP] >= LONG // 50
    assert long.requests <= DEFAULT_BUDGET + LONG // 50 + CLOSER
    assert any(note.startswith("All 20000 permissions were walked through") for note in long.notes)
    assert next(one for one in long.judgements if one.clause == "PAG-018").verdict is Verdict.KEPT


def test_without_it_the_middle_is_not_looked_at() -> None:
    with Server(seeded(size=LONG), DEPTHS["gap-descending"](LONG * 7 // 10)) as server:
        result = run(_plan(server, deep=0))
    assert not [one.clause for one in result.judgements if one.verdict is Verdict.BROKEN]
    assert any("it is judged at both ends" in note for note in result.notes)


def test_a_recording_of_it_brings_the_same_verdicts(long: Result, tmp_path: Path) -> None:
    path = tmp_path / "long.har"
    record(long, path)
    numbers = [exchange.number for exchange in read_har(path).exchanges]
    assert numbers == list(range(len(numbers)))
    again = replay(path, OPERATION, lambda target, seed: Terms(target=target, operation=OPERATION, seed=seed))
    assert again.judgements == long.judgements
    assert (again.items, again.projects, again.exit_code) == (long.items, long.projects, long.exit_code)
    assert again.requests_by_probe == long.requests_by_probe


def test_its_reports_stay_small(long: Result) -> None:
    text = html.render(Report.of(long), long, OPERATION)
    assert len(text) < 1_500_000
    assert 'aria-label="The whole list"' in text
    assert len(long.pieces) == PIECES
    assert sum(items for piece in long.pieces for _, items in piece) == LONG
    shown = next(one for one in long.judgements if one.clause == "ORD-005").finding
    assert shown is not None
    assert shown.exchanges
    for exchange in shown.exchanges:
        assert f"#{exchange.number}" in text


def test_an_interrupt_keeps_what_was_judged() -> None:
    def stop(now: Progress) -> None:
        if now.pages == 25:
            raise KeyboardInterrupt

    with Server(seeded(size=LONG), DEPTHS["wrong-last-id"](1000)) as server:
        result = run(_plan(server, deep=LONG // 50), stop)
    assert result.interrupted
    assert result.exit_code == ExitCode.INTERRUPTED
    assert 2400 <= result.items <= 2600
    assert next(one for one in result.judgements if one.clause == "PAG-005").verdict is Verdict.BROKEN
    assert any("what lies beyond is not judged" in note for note in result.notes)
    assert len(list(result.spooled)) >= 25


# What a person sees


def test_the_words_of_the_progress_leave_room_for_its_numbers_in_80_columns() -> None:
    for probe, words in progress.WORDS.items():
        assert len(words) <= 44, words
        assert len(f"{probe}: {words} (1000/1000)") <= 80


def test_a_pipeline_hears_now_and_then_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    moments = iter(float(second) for second in range(0, 4000, 2))
    tell = progress.plain(lambda: next(moments))
    for page in range(1, 201):
        tell(Progress(DEEP, 400 + page, 700, page, 200))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("deep: the whole list")
    assert lines[1] == "deep: 15 of about 200 pages, about 6 min left"
    assert len(lines) == 1 + 13


def test_a_pipeline_hears_how_much_longer_a_slow_run_takes(capsys: pytest.CaptureFixture[str]) -> None:
    moments = iter((0.0, 6.0, 30.0, 40.0))
    tell = progress.plain(lambda: next(moments))
    for probe, requests, left in (("walks", 1, None), ("scope", 25, None), ("access", 40, 20.0)):
        tell(Progress(probe, requests, 100, left=left))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"walks: {progress.WORDS['walks']} (1/100)",
        f"scope: {progress.WORDS['scope']} (25/100), about 90 s left",
        f"access: {progress.WORDS['access']} (40/100), about 20 s left",
    ]


def test_how_many_pages_there_are_is_estimated_from_the_times() -> None:
    told: list[Progress] = []
    with Server(seeded(size=5_000)) as server:
        run(_plan(server, deep=1000), told.append)
    deep = [now for now in told if now.pages]
    assert all(70 < now.of < 140 for now in deep[4:])
    assert (deep[-1].pages, deep[-1].of) == (100, 100)
