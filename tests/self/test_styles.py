"""Lists that lead backwards or have tokens, from both sides: each fault is caught, and no conforming server flagged."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from commanding import run as command
from listed import (
    BOOLEAN,
    FIXED_ORDER,
    ID_CURSOR,
    ITEM,
    ONE_PARAMETER,
    TEXT,
    TOKEN,
    TOKEN_ALONE,
    TOKENS_BOTH_WAYS,
    document,
    parameter,
    written,
)

from contracts.clauses.registry import find
from contracts.core.errors import ConfigurationError
from contracts.core.model import Answer
from contracts.core.result import Finding, Result, Verdict
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.mock.faults import EVERY_FAULT
from contracts.mock.shape import BACKWARDS, TOKENS
from contracts.mock.variants import EVERY_VARIANT
from contracts.runs import live
from contracts.runs.target import opened
from contracts.settings.choosing import choose

LISTS = {
    "both ways": ID_CURSOR,
    "fixed order": FIXED_ORDER,
    "token and flag": TOKEN,
    "token alone": TOKEN_ALONE,
    "tokens both ways": TOKENS_BOTH_WAYS,
    "one parameter": ONE_PARAMETER,
}
OF_STYLE = {
    BACKWARDS: ("both ways", "fixed order", "tokens both ways"),
    TOKENS: ("token and flag", "token alone"),
}
OF_ONE_PARAMETER = ("before-ignored", "before-taken-for-after", "gap-backwards", "token-repeats-the-last-item")
FAMILIES = {BACKWARDS: ("PRV", "HTP-001", "OBS-014", "OBS-015", "OBS-016"), TOKENS: ("TOK", "PAG", "HTP-001")}
NOT_THERE = {
    # No order, no filter, and a document that does not say where the page before an item ends.
    ("fixed order", "order-ignored-backwards"),
    ("fixed order", "filter-ignored-backwards"),
    *(("fixed order", name) for name, fault in EVERY_FAULT.items() if fault.clause == "PRV-003"),
    # No token leads to what stands before the first item.
    ("tokens both ways", "wraps-round-backwards"),
    # No filter, no key, and no two items of the same moment.
    ("token and flag", "token-keeps-its-filter"),
    ("token and flag", "token-of-another-filter-crashes"),
    ("token and flag", "token-without-a-key"),
    ("token and flag", "token-by-time"),
}
"""What a list does not have that a fault needs in order to show."""
BACKWARDS_ANSWERS = {
    "both-cursors-refused": ("OBS-015", "400"),
    "after-ignored-with-before": ("OBS-015", "200, 5 items: `after` is ignored"),
    "more-follows-backwards": ("OBS-014", "always true"),
    "no-more-backwards": ("OBS-014", "always false"),
}


def judged(folder: Path, name: str, kind: str, server: str | None, *selected: str) -> Result:
    settings = choose(
        {"spec": str(written(folder, LISTS[name])), "operation": "listThings", "requests": "150", kind: server}, {}
    )
    with opened(settings) as target:
        result = live.run(target.plan(find(selected)))
        assert target.server is not None
        assert not target.server.crashes
        return result


def having(result: Result, *verdicts: Verdict) -> set[str]:
    return {each.clause for each in result.judgements if each.verdict in verdicts}


def wrong_ones() -> Iterator[tuple[str, str]]:
    for fault in EVERY_FAULT.values():
        for name in OF_STYLE.get(fault.style, ()):
            if (name, fault.name) not in NOT_THERE:
                yield name, fault.name
    yield from (("one parameter", name) for name in OF_ONE_PARAMETER)


def right_ones() -> Iterator[tuple[str, str]]:
    for number, variant in enumerate(each for each in EVERY_VARIANT.values() if each.style):
        # One list each: what differs does so on both.
        yield OF_STYLE[variant.style][number % 2], variant.name


@pytest.mark.parametrize(("name", "fault"), tuple(wrong_ones()))
def test_a_fault_is_caught(tmp_path: Path, name: str, fault: str) -> None:
    wrong = EVERY_FAULT[fault]
    result = judged(tmp_path, name, "fault", fault, wrong.clause[:3])
    assert wrong.clause in having(result, Verdict.BROKEN, Verdict.WARNED)


@pytest.mark.parametrize(("name", "variant"), tuple(right_ones()))
def test_a_conforming_server_is_not_flagged(tmp_path: Path, name: str, variant: str) -> None:
    style = EVERY_VARIANT[variant].style
    result = judged(tmp_path, name, "variant", variant, *FAMILIES[style])
    assert having(result, Verdict.BROKEN, Verdict.WARNED, Verdict.INCONCLUSIVE) == set()
    family = {BACKWARDS: "PRV", TOKENS: "TOK"}[style]
    open_ = having(result, Verdict.NOT_EXERCISED, Verdict.NOT_APPLICABLE)
    assert {clause for clause in open_ if clause.startswith(family)} <= {"PRV-003", *EVERY_VARIANT[variant].unexercised}
    if variant in BACKWARDS_ANSWERS:
        clause, text = BACKWARDS_ANSWERS[variant]
        (answer,) = (each.answer for each in result.judgements if each.clause == clause)
        assert answer is not None
        assert answer.text == text


@pytest.mark.parametrize("name", LISTS)
def test_the_right_server_is_judged_whole(tmp_path: Path, name: str) -> None:
    families = {family: None for style, names in OF_STYLE.items() if name in names for family in FAMILIES[style]}
    families = families or dict.fromkeys((*FAMILIES[BACKWARDS], *FAMILIES[TOKENS]))
    result = judged(tmp_path, name, "fault", None, *families)
    assert having(result, Verdict.BROKEN, Verdict.WARNED, Verdict.INCONCLUSIVE) == set()
    open_ = having(result, Verdict.NOT_EXERCISED, Verdict.NOT_APPLICABLE)
    # The document does not say where the page before an item ends; there is neither another list nor a key.
    allowed = {"fixed order": {"PRV-003"}, "one parameter": {"TOK-006"}}.get(name, set())
    assert {clause for clause in open_ if clause[:3] in {"PRV", "TOK"}} == allowed


def test_where_no_document_says_so_the_page_before_an_item_may_be_the_head_of_the_list(tmp_path: Path) -> None:
    result = judged(tmp_path, "fixed order", "fault", "before-gives-the-head", "PRV", "OBS-016")
    assert having(result, Verdict.BROKEN, Verdict.WARNED, Verdict.INCONCLUSIVE) == set()
    known = {each.clause: each for each in result.judgements}
    assert known["PRV-004"].reason.startswith("a page before an item does not end right before it")
    answer = known["OBS-016"].answer
    assert answer is not None
    assert answer.text == "no: it is the head of the list"


@pytest.mark.parametrize(
    ("name", "fault", "root", "explained"),
    [
        ("both ways", "empty-backwards", "PRV-002", "PRV-004"),
        ("token alone", "no-token-given", "TOK-001", "PAG-015"),
        ("token alone", "token-repeats-the-last-item", "TOK-002", "PAG-009"),
        ("token alone", "token-works-once", "TOK-004", "HTP-001"),
        ("token alone", "token-keeps-its-limit", "TOK-005", "PAG-001"),
    ],
)
def test_what_follows_from_another_breach_names_it(
    tmp_path: Path, name: str, fault: str, root: str, explained: str
) -> None:
    result = judged(tmp_path, name, "fault", fault, *FAMILIES[EVERY_FAULT[fault].style])
    because = {each.clause: each.because for each in result.judgements if each.verdict is Verdict.BROKEN}
    assert because[root] == ""
    assert because[explained] == root


@pytest.mark.parametrize(("name", "wrong"), [("next", {"TOK-001"}), ("end_cursor", set())])
def test_a_token_at_the_end_is_wrong_unless_it_is_the_cursor_of_the_end(
    tmp_path: Path, name: str, wrong: set[str]
) -> None:
    info = {"type": "object", "properties": {"more": BOOLEAN, name: {"type": ["string", "null"]}}}
    said = {"next": {"param": "cursor", "from": "body", "at": f"info.{name}"}, "more": "info.more"}
    data = document("/things", [parameter("cursor")], {"info": info}, ITEM, operation={"x-list": said})
    settings = {"spec": str(written(tmp_path, data)), "operation": "listThings", "fault": "token-at-the-end"}
    with opened(choose({**settings, "requests": "100"}, {})) as target:
        result = live.run(target.plan(find(("TOK-001",))))
    assert having(result, Verdict.BROKEN) == wrong


def test_a_long_list_is_walked_back_from_what_is_looked_at_again(tmp_path: Path) -> None:
    spec = str(written(tmp_path, ID_CURSOR))
    named: dict[str, str | bool] = {
        "spec": spec,
        "operation": "listThings",
        "items": "3000",
        "requests": "100",
        "deep": True,
    }
    with opened(choose({**named}, {})) as target:
        result = live.run(target.plan(find(("PRV-004", "PAG-024"))))
    # The cursor of a page that begins a part of the list is unknown in that part, and no unknown one.
    assert {each.verdict for each in result.judgements} == {Verdict.KEPT}


def test_a_server_that_needs_another_list_says_so(tmp_path: Path) -> None:
    for given in ({"fault": "before-ignored"}, {"variant": "odd-tokens"}):
        with (
            pytest.raises(ConfigurationError, match="choose one by --spec and --operation"),
            opened(choose(given, {})),
        ):
            pass
    spec = str(written(tmp_path, TOKEN))
    done = command("check", "--spec", spec, "--operation", "listThings", "--fault", "before-ignored")
    assert done.exit_code == 4
    assert "before-ignored shows on a list that has a cursor that leads backwards" in done.output


def test_tokens_are_asked_the_same_however_many_requests_are_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contracts.traffic.client.FAR_SECONDS", 0.0)
    settings = choose({"spec": str(written(tmp_path, TOKEN)), "operation": "listThings", "requests": "150"}, {})
    asked, most = [], []
    for concurrency in (1, 8):
        with opened(settings) as target:
            result = live.run(replace(target.plan(find(())), concurrency=concurrency))
        asked.append([(each.request, each.probe, each.step) for each in result.exchanges])
        walked = [each for each in result.exchanges if each.probe == "walks"]
        most.append(
            max(sum(other.sent < each.received and each.sent < other.received for other in walked) for each in walked)
        )
    assert asked[0] == asked[1]
    assert most[0] == 1 < most[1]


def test_nothing_but_tokens_that_were_given_is_sent_as_one(tmp_path: Path) -> None:
    """But for what no list has at all, which any parameter is asked for."""
    settings = choose({"spec": str(written(tmp_path, TOKEN_ALONE)), "operation": "listThings"}, {})
    with opened(settings) as target:
        plan = target.plan()
        result = live.run(plan)
    given: set[str] = set()
    assert {"walks", "inputs", "tokens"} <= {exchange.probe for exchange in result.exchanges}
    for exchange in result.exchanges:
        sent = plan.operation.read(exchange.request).values.get("after", ())
        if exchange.probe not in {"inputs", "tokens"}:
            assert set(sent) <= given, exchange.request.target
        elif exchange.probe == "tokens":
            for token in sent:
                assert not token or token == "next" or any(_made_from(token, known) for known in given), token
        if exchange.ok and exchange.answer is not None and b'"next":"' in exchange.answer.body:
            given.add(exchange.answer.body.partition(b'"next":"')[2].partition(b'"')[0].decode())
    assert given


def test_a_last_page_that_is_full_is_asked_for_where_no_walk_comes_to_one(tmp_path: Path) -> None:
    """A list whose number of items no page size divides, and that is longer than the largest page."""
    data = copy.deepcopy(TOKEN)
    asked = data["paths"]["/v1/shelves/{shelf_id}/things"]["get"]["parameters"]
    next(each for each in asked if each["name"] == "limit")["schema"]["maximum"] = 7
    given = {
        "spec": str(written(tmp_path, data)),
        "operation": "listThings",
        "items": "41",
        "fault": "has-more-from-full-page",
    }
    with opened(choose(given, {})) as target:
        result = live.run(target.plan())
    assert "PAG-014" in having(result, Verdict.BROKEN)


def _made_from(token: str, known: str) -> bool:
    alike = sum(left == right for left, right in zip(token.lower(), known.lower(), strict=False))
    return alike >= min(len(token), len(known)) - 1


def test_a_list_below_a_parent_that_is_not_its_own_shows_nothing(tmp_path: Path) -> None:
    ignored = judged(tmp_path, "fixed order", "fault", "outer-parent-ignored", "SCO-002")
    assert having(ignored, Verdict.WARNED) == {"SCO-002"}
    assert ignored.exit_code == 0
    assert having(judged(tmp_path, "fixed order", "fault", None, "SCO-002"), Verdict.KEPT) == {"SCO-002"}


@pytest.mark.parametrize(("seconds", "wrong"), [(1.0, set()), (0.01, {"HTP-001"})])
def test_a_token_that_is_older_than_all_accepted_ones_may_have_expired(
    tmp_path: Path, seconds: float, wrong: set[str]
) -> None:
    settings = choose({"spec": str(written(tmp_path, TOKEN_ALONE)), "operation": "listThings"}, {})
    with opened(settings) as target:
        plan = target.plan(find(("TOK", "HTP-001")))
        exchanges = [replace(each, at=each.number * seconds) for each in live.run(plan).exchanges]
    evidence = Evidence(Reader(plan.operation), plan.target, exchanges)
    ages = {each.number: evidence.token_age(each) or 0.0 for each in evidence.admin if each.ok}
    refused = max(ages, key=ages.__getitem__)
    gone = Answer(410, "Gone", (("Content-Type", "application/json"),), b"{}")
    changed = [replace(each, answer=gone) if each.number == refused else each for each in exchanges]
    evidence = Evidence(Reader(plan.operation), plan.target, changed)
    found = {
        clause.id
        for clause in find(("PAG-019", "PAG-020", "TOK-004", "TOK-005", "HTP-001"))
        if any(isinstance(outcome, Finding) for outcome in clause.judge(evidence))
    }
    assert found == wrong
    assert [evidence.comparable(each) for each in evidence.exchanges if each.number == refused] == [bool(wrong)]


@pytest.mark.parametrize(
    ("fault", "clause", "verdict"),
    [
        (None, "ORD-001", Verdict.KEPT),
        (None, "ORD-005", Verdict.KEPT),
        ("default-ascending", "ORD-001", Verdict.BROKEN),
        ("order-ignored", "ORD-005", Verdict.WARNED),
    ],
)
def test_orders_are_compared_where_items_show_no_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str | None, clause: str, verdict: Verdict
) -> None:
    order = parameter("order", enum=["asc", "desc"], default="desc")
    untimed = document("/things", [parameter("after"), order], {"has_more": BOOLEAN})
    monkeypatch.setitem(LISTS, "untimed", untimed)
    result = judged(tmp_path, "untimed", "fault", fault, clause)
    assert having(result, verdict) == {clause}


@pytest.mark.parametrize("ids", [["id", "version"], None], ids=["by two properties", "by its content"])
@pytest.mark.parametrize(("fault", "verdict"), [(None, Verdict.KEPT), ("refusal-with-whole-page", Verdict.BROKEN)])
def test_a_refusal_shows_no_item_whatever_identifies_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ids: list[str] | None, fault: str | None, verdict: Verdict
) -> None:
    keyed = document(
        "/things",
        [parameter("page_token")],
        {"next_page_token": TEXT},
        {"id": TEXT, "version": TEXT, "created_at": {"type": "integer"}},
        operation={"security": [{"Key": []}], "x-list": {"item": {"id": ids}}},
    )
    keyed["components"]["securitySchemes"] = {"Key": {"type": "http", "scheme": "bearer"}}
    monkeypatch.setitem(LISTS, "keyed", keyed)
    assert having(judged(tmp_path, "keyed", "fault", fault, "SEC-008"), verdict) == {"SEC-008"}


@pytest.mark.parametrize("order", [None, "ascending", "descending"])
def test_a_stranger_asks_with_a_cursor_whatever_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str | None
) -> None:
    said = {"x-list": {"order": {"fixed": order}}} if order else {}
    keyed = document("/things", [parameter("after")], {"has_more": BOOLEAN}, ITEM, operation=said)
    keyed |= {"security": [{"Key": []}]}
    keyed["components"]["securitySchemes"] = {"Key": {"type": "http", "scheme": "bearer"}}
    monkeypatch.setitem(LISTS, "keyed", keyed)
    asked = [each.request for each in judged(tmp_path, "keyed", "fault", None, "SEC").exchanges]
    assert any(each.credential == "none" and "after=" in each.query for each in asked)
