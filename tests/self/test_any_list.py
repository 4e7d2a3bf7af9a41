"""Runs against lists of other operations: each style is judged and served, and what is wrong with one is caught."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from canary import key_like
from commanding import choose_nothing, run
from listed import (
    ADDRESSES,
    ARRAY,
    FIXED_ORDER,
    ID_CURSOR,
    NESTED,
    NO_ORDER,
    TOKEN,
    TOKEN_ALONE,
    vendors_document,
    written,
)

from contracts.clauses.registry import clauses, find
from contracts.core.model import Query
from contracts.core.result import Result, Verdict
from contracts.core.wording import count
from contracts.openapi.document import load
from contracts.openapi.loading import load_operation
from contracts.openapi.survey import survey
from contracts.runs import live
from contracts.runs.target import embedded, opened
from contracts.settings.choosing import choose, choose_all
from contracts.settings.operation import operation

STYLES: dict[str, dict[str, Any]] = {
    "both ways": ID_CURSOR,
    "no order": NO_ORDER,
    "fixed order": FIXED_ORDER,
    "token and flag": TOKEN,
    "token alone": TOKEN_ALONE,
    "addresses": ADDRESSES,
    "array": ARRAY,
    "nested": NESTED,
}
FAULTS = {
    "both ways": ("limit-ignored", "order-ignored", "filter-ignored"),
    "no order": ("cursor-included", "last-item-twice"),
    "fixed order": ("one-skipped", "item-out-of-order", "anonymous-let-in"),
    "token and flag": ("limit-ignored", "one-too-few"),
    "token alone": ("one-skipped", "order-ignored", "filter-ignored"),
    "addresses": ("one-skipped",),
    "array": ("created-at-in-milliseconds", "one-skipped"),
    "nested": ("last-item-twice", "has-more-always"),
}


def judged(spec: Path, fault: str | None = None, requests_: int = 120) -> Result:
    given = {"spec": str(spec), "operation": "listThings", "requests": str(requests_), "fault": fault}
    with opened(choose(given, {})) as target:
        result = live.run(target.plan())
        assert target.server is not None
        assert not target.server.crashes
        return result


def broken(result: Result) -> dict[str, str]:
    return {
        each.clause: f"{each.finding.expected} / {each.finding.actual}"
        for each in result.judgements
        if each.verdict is Verdict.BROKEN and each.finding is not None
    }


@pytest.mark.parametrize("style", STYLES)
def test_a_right_server_of_each_style_breaks_nothing(tmp_path: Path, style: str) -> None:
    result = judged(written(tmp_path, STYLES[style]))
    assert broken(result) == {}
    assert result.exit_code == 0
    assert result.items == 57


@pytest.mark.parametrize(("style", "fault"), [(style, fault) for style, faults in FAULTS.items() for fault in faults])
def test_a_wrong_server_of_each_style_is_caught(tmp_path: Path, style: str, fault: str) -> None:
    from contracts.mock.faults import FAULTS as KNOWN

    wanted = KNOWN[fault].clause
    if style.startswith("token") or style == "addresses":
        # Where a page begins is judged by its token there.
        wanted = {"PAG-010": "TOK-002", "PAG-011": "TOK-002"}.get(wanted, wanted)
    assert wanted in broken(judged(written(tmp_path, STYLES[style]), fault))


def test_a_schema_may_describe_properties_of_what_is_an_array(tmp_path: Path) -> None:
    data = copy.deepcopy(ARRAY)
    (operation,) = data["paths"].values()
    schema = operation["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["type"] == "array"
    schema["properties"] = {"total": {"type": "integer"}}
    result = judged(written(tmp_path, data))
    assert broken(result) == {}
    assert next(each.verdict for each in result.judgements if each.clause == "ENV-008") is Verdict.NOT_EXERCISED


def test_what_an_operation_lacks_is_not_applicable(tmp_path: Path) -> None:
    result = judged(written(tmp_path, NO_ORDER), requests_=60)
    verdicts = {each.clause: (each.verdict, each.reason) for each in result.judgements}
    assert verdicts["ORD-001"] == (Verdict.NOT_APPLICABLE, "the operation does not have a parameter for the order")
    assert verdicts["FLT-001"][0] is Verdict.NOT_APPLICABLE
    assert verdicts["SEC-001"] == (Verdict.NOT_APPLICABLE, "the operation does not have a security scheme")


def test_the_embedded_server_has_what_the_document_describes(tmp_path: Path) -> None:
    settings = choose({"spec": str(written(tmp_path, ID_CURSOR)), "operation": "listThings"}, {})
    with embedded(settings, operation=operation(settings)) as server:
        headers = {"Authorization": f"Bearer {server.dataset.admin_key}"}
        page = requests.get(f"{server.base_url}/things?limit=2&order=asc", headers=headers, timeout=30).json()
        status = page["data"][0]["status"]
        filtered = requests.get(f"{server.base_url}/things?status={status}", headers=headers, timeout=30).json()
        refused = requests.get(f"{server.base_url}/things?order=ascending", headers=headers, timeout=30)
    assert page["object"] == "list"
    assert [sorted(item) for item in page["data"]] == [["created_at", "id", "status"]] * 2
    assert page["data"][0]["created_at"] <= page["data"][1]["created_at"]
    assert {item["status"] for item in filtered["data"]} == {status}
    assert refused.status_code == 400


@pytest.mark.parametrize("style", ["both ways", "fixed order"])
def test_the_embedded_server_goes_back(tmp_path: Path, style: str) -> None:
    settings = choose({"spec": str(written(tmp_path, STYLES[style])), "operation": "listThings"}, {})
    chosen = operation(settings)
    with embedded(settings, operation=chosen) as server:

        def ids(query: Query) -> list[str]:
            asked = chosen.request(replace(query, scope=server.dataset.checkpoint)).target
            headers = {"Authorization": f"Bearer {server.dataset.admin_key}", "X-Api-Key": server.dataset.admin_key}
            answer = requests.get(f"{server.base_url}{asked}", headers=headers, timeout=30).json()
            return [each["id"] for each in answer["data"]]

        known = ids(Query("", limit=100))
        assert len(known) == 57
        for at, limit in ((0, 3), (2, 5), (10, 4), (56, 100)):
            assert ids(Query("", limit=limit, before=known[at])) == known[max(0, at - limit) : at]
        assert ids(Query("", limit=2, after=known[3], before=known[9])) == known[7:9]


def test_the_commands_take_an_operation(tmp_path: Path) -> None:
    spec = str(written(tmp_path, FIXED_ORDER))
    done = run("check", "PAG", "--spec", spec, "--operation", "listThings", "--requests", "60", "--json", "-")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["verdict"]
    done = run("check", "--spec", spec, "--operation", "listThing")
    assert done.exit_code == 4
    assert "has no operation listThing; perhaps listThings is meant" in done.output


def test_a_small_budget_compares_what_overlaps_with_what_was_asked_alone(tmp_path: Path) -> None:
    """Which requests of walks were alone by chance differs from run to run, so several runs would show it."""
    spec = str(written(tmp_path, FIXED_ORDER))
    words = ("check", "PAG", "--spec", spec, "--operation", "listThings", "--requests", "60", "--quiet")
    assert [run(*words).exit_code for _ in range(5)] == [0] * 5


def test_path_parameters_are_named(tmp_path: Path) -> None:
    spec = str(written(tmp_path, FIXED_ORDER))
    words = ("check", "--spec", spec, "--operation", "listThings", "--base-url", "http://127.0.0.1:9")
    env = {"OPENAI_ADMIN_KEY": key_like()}
    assert "give --at shelf_id=VALUE" in run(*words, env=env).output
    assert "give --at rack_id=VALUE" in run(*words, "--at", "shelf_id=1", env=env).output
    far = run(*words, "--at", "shelf_id=1", "--at", "rack_id=2", "--at", "room=3", env=env).output
    assert "--at room: the path /shelves/{shelf_id}/racks/{rack_id}/things has no such parameter." in far


def test_a_recording_of_any_list_is_judged_again(tmp_path: Path) -> None:
    spec, recording = str(written(tmp_path, ID_CURSOR)), str(tmp_path / "run.har")
    words = ("--spec", spec, "--operation", "listThings")
    done = run("check", "PAG", *words, "--requests", "60", "--fault", "one-skipped", "--record", recording)
    assert done.exit_code == 1, done.output
    again = run("replay", recording, "PAG", *words)
    assert again.exit_code == 1, again.output
    assert "PAG-011" in again.stdout


def test_a_report_speaks_of_the_operation(tmp_path: Path) -> None:
    words = ("--spec", str(written(tmp_path, ID_CURSOR)), "--operation", "listThings", "--requests", "60")
    told = run("check", "FLT-001", "FLT-003", "SCO-001", *words, "--fault", "filter-ignored").stdout
    assert "· GET /things" in told
    assert "57 things" in told
    assert "Every item has the status that was asked for" in told
    assert "permission" not in told.partition("FLT-003")[0].partition("Document")[0]


@pytest.mark.parametrize("document", ["openai.json", "anthropic.json"])
def test_every_list_of_vendors_is_served_and_kept(document: str) -> None:
    path = vendors_document(document)
    found = {}
    for each in survey(load(path)):
        if each.profile is not None:
            settings = choose({"spec": str(path), "operation": each.name, "requests": "100"}, {})
            with opened(settings) as target:
                found[each.name] = broken(live.run(target.plan()))
    assert {name: clauses for name, clauses in found.items() if clauses} == {}


def test_a_key_goes_into_the_header_that_the_document_names(tmp_path: Path) -> None:
    settings = choose({"spec": str(written(tmp_path, FIXED_ORDER)), "operation": "listThings"}, {})
    with opened(settings) as target:
        assert target.server is not None
        live.run(replace(target.plan(), budget=60))
        names = {name for entry in target.server.log for name in entry.header_names}
    assert "x-api-key" in names
    assert "authorization" not in names


def targets_of_two_documents(folder: Path) -> None:
    written(folder, ID_CURSOR, "id.json")
    written(folder, FIXED_ORDER, "fixed.json")
    (folder / "contracts.toml").write_text(
        'spec = "id.json"\noperation = "listThings"\n[[target]]\nname = "things"\n'
        '[[target]]\nname = "racks"\nspec = "fixed.json"\nat = ["shelf_id=1", "rack_id=2"]\n',
        encoding="utf-8",
    )


def test_targets_of_several_operations(tmp_path: Path) -> None:
    targets_of_two_documents(tmp_path)
    things, racks = choose_all({}, {}, folder=tmp_path)
    assert operation(things).path_template == "/things"
    assert operation(racks).outer == {"shelf_id": "1"}


def test_pytest_has_items_of_several_operations(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    targets_of_two_documents(pytester.path)
    choose_nothing(monkeypatch)
    done = pytester.runpytest_inprocess("--pyargs", "contracts.suite", "-k", "FLT-001 or SCO-001", "-rs", "-v")
    done.assert_outcomes(passed=2, skipped=2)
    done.stdout.fnmatch_lines(
        [
            "*contracts.suite::test_clause[[]things-FLT-001-*PASSED*",
            "*contracts.suite::test_clause[[]racks-SCO-001-*PASSED*",
            "*not applicable: the operation does not have a parameter that filters the list",
        ]
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--other-at", "shelf_id=2"), "only the last parameter of the path, rack_id, tells which list is meant"),
        (("--empty-at", "room=2"), "--empty-at room: the path /shelves/{shelf_id}/racks/{rack_id}/things has no such"),
        (("--empty-at", "rack_id=2"), "--at and --empty-at name the same list: give two."),
    ],
)
def test_a_second_list_is_named(tmp_path: Path, words: tuple[str, ...], problem: str) -> None:
    given = ("--spec", str(written(tmp_path, FIXED_ORDER)), "--operation", "listThings", "--at", "shelf_id=1")
    env = {"OPENAI_ADMIN_KEY": key_like()}
    done = run("check", *given, "--at", "rack_id=2", "--base-url", "http://127.0.0.1:9", *words, env=env)
    assert problem in " ".join(done.output.split())


def test_a_recording_names_the_header_of_the_key_and_needs_the_path(tmp_path: Path) -> None:
    words = ("--spec", str(written(tmp_path, FIXED_ORDER)), "--operation", "listThings")
    recording = tmp_path / "run.har"
    at = ("--at", "shelf_id=1")
    run("check", "PAG-001", *words, *at, "--at", "rack_id=2", "--requests", "60", "--record", str(recording))
    names = {each["name"] for entry in json.loads(recording.read_text())["log"]["entries"] for each in headers(entry)}
    assert "X-Api-Key" in names
    assert "Authorization" not in names
    assert "give --at shelf_id=VALUE" in run("replay", str(recording), *words).output
    assert "with --at shelf_id=2." in run("replay", str(recording), *words, "--at", "shelf_id=2").output
    assert run("replay", str(recording), "PAG-001", *words, *at).exit_code == 0


def headers(entry: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = entry["request"]["headers"]
    return found


def test_every_text_speaks_of_the_operation(tmp_path: Path) -> None:
    words = ("--spec", str(written(tmp_path, NO_ORDER)), "--operation", "listThings")
    reports = [tmp_path / name for name in ("run.html", "run.md", "run.xml")]
    files = ("--html", str(reports[0]), "--markdown", str(reports[1]), "--junit", str(reports[2]))
    issues = ("--issues", str(tmp_path / "issues"))
    told = [
        run("check", "PAG", "SCO", *words, "--fault", "cursor-included", "--requests", "80", *files, *issues).output,
        run("doctor", *words).output,
        run("plan", *words).output,
    ]
    told += [issue.read_text(encoding="utf-8") for issue in (tmp_path / "issues").iterdir()]
    told += [report.read_text(encoding="utf-8").partition('<h2 id="requests">')[0] for report in reports]
    for text in told:
        assert re.findall(r'(?<![\w"-])(?:permission|checkpoint|project)s?(?![\w:-])', text) == []
    assert "openapi.yaml" not in "".join(told)


def test_a_clause_is_explained_in_the_words_of_an_operation(tmp_path: Path) -> None:
    words = ("--spec", str(written(tmp_path, ID_CURSOR)), "--operation", "listThings")
    told = " ".join(run("explain", "FLT-001", "SCO-001", "PAG-002", *words).output.split())
    assert "Every item has the status that was asked for" in told
    assert "Applies not here: the operation does not have a parameter in its path" in told
    assert '"Limit can range between 1 and 10,000, and the default is 20." things.json · limit' in told


def test_a_required_parameter_is_asked_for(tmp_path: Path) -> None:
    spec = str(written(tmp_path, TOKEN))
    words = ("check", "--spec", spec, "--operation", "listThings", "--base-url", "http://127.0.0.1:9")
    told = run(*words, "--at", "shelf_id=1", env={"OPENAI_ADMIN_KEY": key_like()}).output
    assert "things.json requires start_time of each request" in told
    assert "give --query start_time=VALUE." in " ".join(told.split())


@pytest.mark.parametrize(
    ("noun", "several"), [("batch", "batches"), ("entry", "entries"), ("key", "keys"), ("file", "files")]
)
def test_several_of_a_noun_are_called_as_people_do(noun: str, several: str) -> None:
    assert count(2, noun) == f"2 {several}"


def test_short_pages_are_right_where_the_profile_says_so(tmp_path: Path) -> None:
    plain = load_operation(written(tmp_path, TOKEN_ALONE), name="listThings")
    data = copy.deepcopy(TOKEN_ALONE)
    for path in data["paths"].values():
        path["get"]["x-list"] = {"short_pages": True}
    short = load_operation(written(tmp_path, data), name="listThings")
    differing = [clause.id for clause in clauses() if clause.lacking(short) != clause.lacking(plain)]
    assert set(differing) <= {"PAG-002", "PAG-003", "PAG-016"}
    assert all(find([name])[0].lacking(short) for name in ("PAG-002", "PAG-003", "PAG-016"))
    assert not find(["PAG-003"])[0].lacking(plain)


def test_what_judges_times_has_no_case_where_no_item_has_the_optional_time(tmp_path: Path) -> None:
    """It is said which property is missing: more requests would change nothing."""
    with opened(
        choose(
            {"spec": str(written(tmp_path, ID_CURSOR)), "operation": "listThings", "fault": "item-without-created-at"},
            {},
        )
    ) as target:
        found = {each.clause: each for each in live.run(target.plan()).judgements}
    for name in ("ITM-004", "ITM-009", "ITM-010"):
        assert found[name].verdict is Verdict.NOT_EXERCISED
        assert found[name].reason == "no thing has a created_at that can be read"
    assert found["ITM-003"].verdict is not Verdict.BROKEN
