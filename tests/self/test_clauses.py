"""Each clause from both sides: it holds on the answers of a right server, and one answer that is wrong breaks it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from listed import FILTERS, ID_CURSOR, TOKEN_ALONE, written
from scenes import (
    Change,
    Scene,
    answer,
    as_for,
    body,
    header,
    item,
    items,
    raw,
    refusal,
    status,
    without,
)
from snapshotting import snapshot

from contracts.clauses.registry import Clause, clauses, find
from contracts.core.model import Echo, Order, Step, Target
from contracts.core.result import Answered, Judgement, Level, Verdict
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.verdicts.judging import judge
from contracts.verdicts.tallying import tally

UP, DOWN = Order.ASCENDING, Order.DESCENDING
MAIN, OTHER, EMPTY = "ft:model:acme:x:1", "ft:model:acme:y:2", "ft:model:acme:z:3"
HTML = (("Content-Type", "text/html"),)
NO = refusal(401, ("WWW-Authenticate", "Bearer"))


def permission(number: int, name: str = "cp") -> dict[str, object]:
    """Two in each second, of two projects in turn."""
    time, project = 1_700_000_000 + number // 2, f"proj_{'ab'[number % 2]}"
    return {"object": "checkpoint.permission", "id": f"{name}_{number:02}", "created_at": time, "project_id": project}


@cache
def published() -> Scene:
    """Thirteen permissions, and four of another checkpoint."""
    lists = {MAIN: [permission(n) for n in range(13)], OTHER: [permission(n, "oth") for n in range(4)], EMPTY: []}
    scene = Scene(load_operation(), Target("http://h/v1", MAIN, OTHER, EMPTY, user_key=True), lists)
    scene.look("first look")
    scene.walk("down", scene.query(limit=100, order=DOWN))
    scene.walk("up", scene.query(limit=100, order=UP))
    scene.walk("down by 5", scene.query(limit=5, order=DOWN))
    scene.walk("up by 4", scene.query(limit=4, order=UP))
    scene.walk("default", scene.query())
    for project in ("proj_a", "proj_b"):
        scene.walk(project, scene.query(limit=100, order=DOWN, facet=project))
    scene.ask("full", scene.query(limit=13, order=DOWN))
    scene.ask("end", scene.query(after="cp_00", limit=5, order=DOWN))
    scene.ask("within proj_b", scene.query(after="cp_08", limit=3, order=DOWN, facet="proj_b"))
    _rewritten(scene)
    _beside_the_list(scene)
    _odd(scene)
    _callers(scene)
    scene.look("last look")
    return scene


def _rewritten(scene: Scene) -> None:
    by_5, by_4 = scene.query(limit=5, order=DOWN), scene.query(limit=4, order=UP)
    request = scene.operation.request(by_5)
    scene.ask("again", by_5)
    turned = "&".join(reversed(request.query.split("&")))
    scene.send("reordered", replace(request, query=turned), scene.page(by_5), query=by_5)
    scene.send("any type", replace(request, accept="*/*"), scene.page(by_5), query=by_5)
    scene.ask("together 1", by_5, concurrent=True)
    scene.ask("together 2", by_4, concurrent=True)
    scene.send("encoded", scene.operation.request(by_5, encode_colon=True), scene.page(by_5), query=by_5)


def _beside_the_list(scene: Scene) -> None:
    scene.ask("other", scene.query(scope=OTHER, limit=100, order=DOWN))
    scene.ask("empty", scene.query(scope=EMPTY))
    scene.ask("unknown checkpoint", scene.query(scope="ft:nothing"))
    scene.ask("near checkpoint", scene.query(scope=MAIN[:-2]))
    scene.ask("foreign cursor", scene.query(after="oth_02"))
    scene.ask("unknown cursor", scene.query(after="cp_unknown"))
    scene.ask("unknown project", scene.query(facet="none"))
    scene.ask("near project", scene.query(facet="PROJ_A"))


def _odd(scene: Scene) -> None:
    for name, query in (
        ("odd order", "order=sideways"),
        ("word of others", "order=asc"),
        ("odd limit", "limit=ten"),
        ("limit 0", "limit=0"),
        ("limit -1", "limit=-1"),
        ("huge limit", "limit=" + "9" * 30),
        ("control", "after=%00"),
        ("markup", "limit=%3Ci%3E"),
        ("injected", "after=%0D%0AX-Injected:%201"),
    ):
        scene.send(name, scene.operation.odd_request(scope=MAIN, query=query), refusal(400))
    scene.send("odd path", scene.operation.odd_request(scope="%2e%2e"), refusal(404))


def _callers(scene: Scene) -> None:
    plain = scene.operation.request(scene.query())
    for form in ("none", "unknown", "empty", "basic", "query-key", "shortened", "malformed-quote"):
        scene.send(form, replace(plain, credential=form), NO)
    scene.send("user", replace(plain, credential="user"), refusal(403))
    filtered = scene.query(facet="proj_a")
    scene.send("none filtered", replace(scene.operation.request(filtered), credential="none"), NO, query=filtered)
    scene.send("none spelled", replace(plain, path=f"/{plain.path}", credential="none"), refusal(404))
    alone = replace(scene.operation.request(scene.query(limit=7)), credential="none")
    scene.send("stranger first", alone, NO, connection=1)
    scene.ask("admin on the connection", scene.query(limit=7), connection=1)
    scene.send("stranger afterwards", alone, NO, connection=1)


def thing(number: int) -> dict[str, object]:
    return {"id": f"t_{number}", "created_at": 1_700_000_000 + number, "status": f"s_{'ab'[number % 2]}"}


def things(data: dict[str, object], **at: str) -> Operation:
    with TemporaryDirectory() as folder:
        return load_operation(written(Path(folder), data), name="listThings", at=at or None)


@cache
def backward() -> Scene:
    """Nine things, with pages before an item."""
    scene = Scene(things(ID_CURSOR), Target("http://h", ""), {"": [thing(n) for n in range(9)]})
    scene.look("first look")
    scene.walk("down", scene.query(limit=100, order=DOWN))
    scene.walk("up", scene.query(limit=100, order=UP))
    scene.ask("before", scene.query(before="t_4", limit=2, order=DOWN))
    scene.ask("before, filtered", scene.query(before="t_4", limit=2, order=DOWN, facet="s_a"))
    scene.ask("before the first", scene.query(before="t_8", limit=2, order=DOWN))
    scene.ask("between", scene.query(after="t_7", before="t_4", limit=9, order=DOWN))
    for index, cursor in enumerate(("t_0", "t_3", "t_6")):
        scene.ask(f"back {index}", scene.query(before=cursor, limit=3, order=DOWN), step=Step("back", index))
    scene.look("last look")
    return scene


@cache
def tokens() -> Scene:
    """Nine things of one shelf and three of another, with tokens as cursors."""
    lists = {
        name: [
            {"id": f"{name}_{n}", "created_at": f"2024-01-01T00:00:{n:02}Z", "owner_id": f"u_{'ab'[n % 2]}"}
            for n in range(number)
        ]
        for name, number in (("one", 9), ("two", 3))
    }
    operation = things(TOKEN_ALONE, shelf_id="one")
    scene = Scene(operation, Target("http://h", "one", "two"), lists)
    scene.look("first look")
    scene.walk("by 2", scene.query(limit=2, order=UP))
    scene.ask("again", scene.query(after="to:one_1", limit=2, order=UP))
    scene.ask("other limit", scene.query(after="to:one_1", limit=3, order=UP))
    scene.ask("other", scene.query(scope="two", limit=2, order=UP))
    scene.ask("other by 1", scene.query(scope="two", limit=1, order=UP))
    scene.ask("token of another", scene.query(after="to:two_0", limit=2, order=UP))
    request = scene.operation.request(scene.query(after="to:one_1", limit=2, order=UP))
    scene.send("no key", replace(request, credential="none"), NO)
    scene.ask("half a token", scene.query(after="to:on", limit=2, order=UP))
    scene.look("last look")
    return scene


@cache
def filters() -> Scene:
    """Eight things, with two filters by what they show and one by what they don't."""
    every = [
        {
            "id": f"t_{n}",
            "created_at": 1_700_000_000 + n,
            "status": f"s_{'ab'[n % 2]}",
            "kind": ("small", "large")[n // 4],
        }
        for n in range(8)
    ]
    scene = Scene(things(FILTERS), Target("http://h", ""), {"": every})
    scene.look("first look")
    scene.ask("two filters", scene.query(limit=20, order=DOWN, facet="s_a"), {"kind": "small"})
    since = scene.query(limit=20, order=DOWN)
    request = scene.operation.request(since, extra=[("start_time", "1700000003")])
    scene.send("hidden filter", request, scene.written(every[:2:-1], more=False), query=since)
    scene.look("last look")
    return scene


def stage(clause: Clause) -> Scene:
    """The scene in which a clause is tested: of the published operation, if that has what the clause needs."""
    for scene in (published(), backward(), tokens(), filters()):
        if clause.lacking(scene.operation) is None:
            return scene
    raise AssertionError(clause.id)


def swapped(*ids: str) -> Change:
    """A page on which neighbours change places."""

    def change(all_: list[dict[str, object]]) -> list[dict[str, object]]:
        there = [each for each in all_ if each["id"] in ids]
        turned = iter(there[::-1])
        return [next(turned) if each["id"] in ids and len(there) == len(ids) else each for each in all_]

    return items(change)


def items_of(project: str) -> Change:
    """A page of two items that no list holds."""
    there = [{**permission(number, "new"), "project_id": project} for number in range(2)]
    return lambda scene, _: scene.written(there, more=False)


REVERSED = items(lambda all_: all_[::-1])
STRANGE = {**permission(10), "id": "cp_strange"}
ECHO = Echo("unknown", ("the body",), (), 48, 48)
TRACE = b'Traceback (most recent call last):\n  File "/app/api.py", line 88'

BROKEN: dict[str, tuple[str | tuple[str, ...], Change]] = {
    "ENV-001": ("down", raw(lambda text: text + b",")),
    "ENV-002": ("down", body(object="page")),
    "ENV-003": ("down", body(data=None)),
    "ENV-004": ("down", body(has_more="false")),
    "ENV-005": ("down", body(first_id=17)),
    "ENV-006": ("down", body(last_id=["cp_00"])),
    "ENV-007": ("down", raw(lambda text: b'{"has_more": true, ' + text[1:])),
    "ENV-008": ("by 2 1", body(meta={"next": 7})),
    "ITM-001": ("down", items(lambda all_: [{"id": "cp_12"}, *all_[1:]])),
    "ITM-002": ("down", item(id=12)),
    "ITM-003": ("down", item(created_at=1_700_000_006.0)),
    "ITM-004": ("down", item(created_at=1_700_000_006_000)),
    "ITM-005": ("down", item(project_id=None)),
    "ITM-006": ("down", item(object="permission")),
    "ITM-007": ("down", item(project_id="")),
    "ITM-008": ("again", item(project_id="proj_b")),
    "ITM-009": ("down", item(created_at=-1)),
    "ITM-010": ("down", item(created_at=0)),
    "ITM-011": ("two filters", item(kind="huge")),
    "PAG-001": ("down by 5 0", as_for(limit=6)),
    "PAG-002": ("default 0", as_for(limit=12)),
    "PAG-003": ("down by 5 0", as_for(limit=3)),
    "PAG-004": ("down by 5 0", body(first_id="cp_11")),
    "PAG-005": ("down by 5 0", body(last_id="cp_09")),
    "PAG-006": ("end", body(last_id="cp_00")),
    "PAG-007": ("down by 5 0", body(last_id=None)),
    "PAG-008": ("down by 5 0", items(lambda all_: [*all_[:-1], all_[-2]])),
    "PAG-009": ("down by 5 1", as_for(after="cp_09")),
    "PAG-010": ("down by 5 1", as_for(after="cp_09")),
    "PAG-011": ("down by 5 1", as_for(after="cp_07")),
    "PAG-012": ("down by 5 0", without("cp_10")),
    "PAG-013": ("up by 4 1", without("cp_05")),
    "PAG-014": ("down by 5 2", body(has_more=True)),
    "PAG-015": ("down by 5 0", body(has_more=False)),
    "PAG-016": ("end", body(has_more=True)),
    "PAG-017": ("up by 4 3", as_for(after="cp_07")),
    "PAG-018": ("end", status(404)),
    "PAG-019": ("again", as_for(after="cp_12")),
    "PAG-020": ("together 1", as_for(after="cp_12")),
    "PAG-021": ("down by 5 1", status(400)),
    "PAG-022": ("foreign cursor", as_for(scope=OTHER)),
    "PAG-023": ("full", as_for(after="cp_12")),
    "PAG-024": ("unknown cursor", as_for(after=None)),
    "PAG-025": ("reordered", as_for(limit=3)),
    "TOK-001": ("by 2 1", body(meta={"next": None})),
    "TOK-002": ("by 2 1", as_for(after="to:one_0")),
    "TOK-003": ("by 2 1", body(meta={"next": "to:one_1"})),
    "TOK-004": ("again", as_for(after="to:one_3")),
    "TOK-005": ("other limit", as_for(limit=2)),
    "TOK-006": ("token of another", as_for(scope="two")),
    "TOK-007": ("half a token", status(500)),
    "TOK-008": ("half a token", as_for(after=None)),
    "ORD-001": ("default 0", as_for(order=UP)),
    "ORD-002": ("down", REVERSED),
    "ORD-003": ("up", REVERSED),
    "ORD-004": ("down by 5 1", as_for(after=None)),
    "ORD-005": (("up", "up by 4"), without("cp_05")),
    "ORD-006": ("up", swapped("cp_01", "cp_02")),
    "ORD-007": ("down by 5 0", swapped("cp_10", "cp_11")),
    "FLT-001": ("proj_a", item(project_id="proj_b")),
    "FLT-002": ("proj_a", without("cp_06")),
    "FLT-003": ("proj_a", without("cp_06")),
    "FLT-004": ("unknown project", as_for(facet=None)),
    "FLT-005": ("near project", as_for(facet=None)),
    "FLT-006": ("two filters", as_for(limit=20)),
    "FLT-007": ("hidden filter", REVERSED),
    "PRV-001": ("before", as_for(before="t_3")),
    "PRV-002": ("before", REVERSED),
    "PRV-003": ("before", as_for(before="t_5")),
    "PRV-004": ("back 1", without("t_4")),
    "PRV-005": ("before", as_for(limit=3)),
    "SCO-001": ("other", as_for(scope=MAIN)),
    "SCO-002": ("unknown checkpoint", as_for(scope=MAIN)),
    "SCO-003": ("near checkpoint", as_for(scope=MAIN)),
    "SCO-004": ("encoded", status(404)),
    "HTP-001": ("again", status(400)),
    "HTP-002": ("down", header("Content-Type", "text/html")),
    "HTP-003": ("down", answer(flaw="the body ended after 400 bytes")),
    "HTP-004": ("down", header("Cache-Control", "public, max-age=600")),
    "HTP-005": ("down", status(500)),
    "HTP-006": ("injected", header("X-Injected", "1")),
    "HTP-007": ("any type", header("Content-Type", "application/xml")),
    "SEC-001": ("none", as_for()),
    "SEC-002": ("unknown", as_for()),
    "SEC-003": ("empty", as_for()),
    "SEC-004": ("basic", as_for()),
    "SEC-005": ("user", as_for()),
    "SEC-006": ("query-key", as_for()),
    "SEC-007": ("shortened", as_for()),
    "SEC-008": ("none", body(data=[permission(3)])),
    "SEC-009": ("unknown", answer(echoes=(ECHO,))),
    "SEC-010": ("none filtered", as_for()),
    "SEC-011": ("malformed-quote", status(500)),
    "SEC-012": ("none", header("WWW-Authenticate", None)),
    "SEC-013": ("none spelled", as_for()),
    "SEC-014": ("stranger afterwards", as_for()),
    "SEC-015": ("admin on the connection", status(401)),
    "INP-001": ("odd order", as_for()),
    "INP-002": ("odd limit", as_for()),
    "INP-003": ("limit -1", as_for(limit=100)),
    "INP-004": ("control", status(500)),
    "INP-005": ("control", as_for(scope=OTHER)),
    "INP-006": ("odd limit", raw(lambda _: TRACE, status=500)),
    "INP-007": ("odd limit", raw(lambda _: b"Bad Request")),
    "INP-008": ("odd path", status(500)),
    "INP-009": ("markup", raw(lambda _: b"<p>no limit is <i></p>", headers=HTML)),
}
"""For each clause that can be broken: which answer is wrong, and how."""

FURTHER: tuple[tuple[str, str, Change], ...] = (
    ("HTP-001", "unknown project", answer(status=204, body=b"")),
    ("PAG-002", "default 0", as_for(limit=4)),
    ("PAG-006", "end", body(first_id="")),
    ("PAG-011", "down by 5 1", as_for(after="cp_10")),
    ("PAG-011", "within proj_b", as_for(after="cp_06")),
    ("PAG-012", "down by 5 0", items(lambda all_: [*all_[:2], STRANGE, *all_[2:4]])),
    ("PAG-014", "down", body(has_more=True)),
    ("PAG-015", "default 0", lambda scene, _: scene.written([], more=False)),
    ("PAG-018", "end", as_for(after=None)),
    ("PAG-021", "down by 5 1", items(lambda _: [])),
    ("TOK-001", "by 2 4", body(meta={"next": "to:one_8"})),
    ("TOK-004", "again", status(404)),
    ("TOK-005", "other limit", status(400)),
    ("TOK-005", "other limit", as_for(after="to:one_2")),
    ("TOK-006", "no key", as_for()),
    ("FLT-003", "unknown project", items_of("none")),
    ("FLT-004", "unknown project", items_of("none")),
    ("FLT-006", "two filters", without("t_0")),
    ("FLT-007", "hidden filter", item(id="t_9")),
    ("PRV-001", "before", as_for(before=None, after="t_4")),
    ("PRV-002", "before", items(lambda all_: [all_[0], all_[0]])),
    ("PRV-002", "before", items(lambda _: [])),
    ("PRV-005", "before, filtered", as_for(facet=None)),
    ("PRV-005", "before the first", as_for(before=None)),
    ("SCO-004", "encoded", as_for(limit=3)),
    ("HTP-003", "down", header("Content-Type", "application/json; charset=utf-16")),
    ("HTP-007", "any type", status(406)),
    ("HTP-007", "any type", as_for(limit=3)),
    ("SEC-008", "none", raw(lambda _: b"ask for ft:model:acme:y:2")),
    ("SEC-011", "malformed-quote", as_for()),
    ("INP-002", "huge limit", as_for(limit=3)),
    ("INP-003", "limit 0", as_for(after="cp_10")),
    ("INP-004", "control", answer(flaw="the body ended after 4 bytes")),
    ("INP-005", "control", items_of("proj_a")),
    ("INP-007", "odd limit", raw(lambda _: b'{"detail": "no"}')),
    ("INP-009", "odd limit", answer(echoes=(replace(ECHO, credential="admin"),))),
)
"""Further ways to break a clause."""

ALLOWED: tuple[tuple[str, str, Change], ...] = (
    # A filtered list need not know the cursor of another project, and may begin again.
    ("PAG-011", "within proj_b", as_for(after=None)),
    ("PAG-018", "end", as_for(limit=2)),
    ("PAG-022", "foreign cursor", as_for(after=None)),
    ("PAG-024", "unknown cursor", as_for(scope=EMPTY, after=None)),
    ("FLT-004", "unknown project", status(404)),
    ("FLT-005", "near project", status(400)),
    ("SCO-002", "unknown checkpoint", as_for(scope=EMPTY)),
    ("SCO-003", "near checkpoint", as_for(scope=EMPTY)),
    ("HTP-002", "down", header("Content-Type", "Application/JSON; charset=UTF-8")),
    ("HTP-003", "down", header("Content-Type", "application/json; charset=us-ascii")),
    ("HTP-004", "down", header("Cache-Control", "private, max-age=60")),
    ("HTP-004", "down", header("Cache-Control", None)),
    ("SEC-001", "none", status(404)),
    ("SEC-003", "empty", status(400)),
    ("SEC-006", "query-key", status(404)),
    ("SEC-008", "none", raw(lambda _: b"ft:model:acme:x:1 is not for you")),
    ("SEC-012", "none", status(403)),
    ("INP-001", "word of others", as_for()),
    ("INP-002", "huge limit", as_for(limit=100)),
    ("INP-003", "limit 0", as_for(limit=1)),
    ("INP-003", "limit -1", as_for()),
    ("INP-005", "control", as_for(limit=5)),
    ("TOK-004", "again", as_for()),
    ("TOK-006", "token of another", as_for(after="to:one_3")),
    ("TOK-008", "half a token", as_for(after="to:one_8")),
    ("PRV-005", "before the first", status(400)),
)
"""Other right answers, by which no clause breaks that judges them."""

WRONG = tuple((id_, where, change) for id_, (where, change) in BROKEN.items()) + FURTHER

ERROR = "application/json: error object with code, message, param, type"
ANSWERED: dict[str, tuple[str, str | tuple[str, ...], Change]] = {
    "OBS-001": ("up to 100 accepted", "down by 5 0", as_for(limit=3)),
    "OBS-002": ("400", "limit 0", as_for(scope=EMPTY)),
    "OBS-003": ("400", "limit -1", as_for(scope=EMPTY)),
    "OBS-004": ("400", "unknown cursor", as_for(scope=EMPTY, after=None)),
    "OBS-005": ("404", "unknown checkpoint", as_for(scope=EMPTY)),
    "OBS-006": ("200, an empty page", "unknown project", status(404)),
    "OBS-007": ("400", "word of others", as_for()),
    "OBS-008": (
        "descending: by id, descending; ascending: by id, ascending",
        ("first look", "down", "down by 5"),
        swapped("cp_10", "cp_11"),
    ),
    "OBS-009": ("null", "end", body(first_id="")),
    "OBS-010": (ERROR, "odd limit", raw(lambda _: b'{"detail": "no"}')),
    "OBS-011": ("none", "down", header("X-RateLimit-Remaining-Requests", "9")),
    "OBS-012": ("200, an empty page", "end", status(404)),
    "OBS-013": ("yes: a full last page says false", "full", body(has_more=True)),
    "OBS-014": ("whether more stands before the page", "back 2", body(has_more=True)),
    "OBS-015": ("200, 2 items: what stands between the two", "between", as_for(before=None)),
    "OBS-016": ("yes", "before", as_for(before="t_6")),
}
"""For each question: the answer of the right server, and which answer is changed so that another one is true."""


def names(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given


def test_every_clause_is_tested() -> None:
    tested = "BROKEN has a wrong answer for each clause, and ANSWERED one for each question"
    assert {clause.id for clause in clauses()} == BROKEN.keys() | ANSWERED.keys(), tested
    assert {clause.id for clause in clauses() if clause.level is Level.OBSERVED} == ANSWERED.keys()


def judged(id_: str, where: str | tuple[str, ...], change: Change) -> dict[str, Judgement]:
    """The judgements on all clauses, with an answer changed."""
    evidence, _ = stage(find([id_])[0]).evidence(names(where), change)
    return {each.clause: each for each in judge(clauses(), evidence, tally(clauses(), evidence), {})}


@pytest.mark.parametrize("id_", BROKEN)
def test_a_right_server_keeps_it(id_: str) -> None:
    (clause,) = find([id_])
    evidence, _ = stage(clause).evidence()
    kept = tally([clause], evidence)
    assert not kept[id_].findings
    assert judge([clause], evidence, kept, {})[0].verdict is Verdict.KEPT


@pytest.mark.parametrize(("id_", "where", "change"), WRONG)
def test_one_wrong_answer_breaks_it(id_: str, where: str | tuple[str, ...], change: Change) -> None:
    (clause,) = find([id_])
    evidence, changed = stage(clause).evidence(names(where), change)
    findings = tally([clause], evidence)[id_].findings
    assert findings
    assert all(changed & {exchange.number for exchange in each.exchanges} for each in findings)


@pytest.mark.parametrize(("id_", "where", "change"), ALLOWED)
def test_another_right_answer_breaks_nothing(id_: str, where: str, change: Change) -> None:
    (clause,) = find([id_])
    evidence, _ = stage(clause).evidence(names(where), change)
    assert not tally([clause], evidence)[id_].findings


def test_what_is_said_of_each_wrong_answer() -> None:
    lines = []
    for id_, where, change in WRONG:
        judgements = judged(id_, where, change)
        judgement = judgements.pop(id_)
        finding = judgement.finding
        assert finding is not None
        others = [
            f"{each.clause} {each.verdict}{f' because of {each.because}' if each.because else ''}"
            for each in judgements.values()
            if each.verdict in {Verdict.BROKEN, Verdict.WARNED, Verdict.INCONCLUSIVE}
        ]
        lines += [
            f"{id_} {judgement.verdict}{f' because of {judgement.because}' if judgement.because else ''}:"
            f" {' and '.join(names(where))}",
            f"  expected: {finding.expected}",
            f"  actual:   {finding.actual}",
            *(["  also:     " + ", ".join(others)] if others else []),
        ]
    snapshot("clauses", "\n".join(lines) + "\n")


@pytest.mark.parametrize("id_", ANSWERED)
def test_a_question_is_answered_by_what_came(id_: str) -> None:
    (clause,), (text, where, change) = find([id_]), ANSWERED[id_]
    scene = stage(clause)

    def answers(*given: Any) -> list[str]:
        evidence, _ = scene.evidence(*given)
        return [each.text for each in clause.judge(evidence) if isinstance(each, Answered)]

    assert answers() == [text]
    assert answers(names(where), change) not in ([], [text])
