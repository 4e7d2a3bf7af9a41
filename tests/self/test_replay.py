"""Recordings judged again: our own bring the same verdicts, others show what they can."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import (
    SHAPES,
    Seen,
    Session,
    blotted,
    broken,
    charles,
    chrome,
    mitmproxy,
    saved,
    whole_seconds,
    without_content,
)
from canary import key_like
from listed import ITEM, document, parameter, written
from results import exchange

from contracts.core.errors import ConfigurationError
from contracts.core.model import Answer, Exchange, Step, Target
from contracts.core.result import Judgement, Result, Verdict
from contracts.evidence.reader import Reader
from contracts.mock.faults import FAULTS, open_fault
from contracts.mock.server import Server
from contracts.mock.variants import open_variant
from contracts.openapi.loading import load_operation
from contracts.reports.recording import record
from contracts.runs.foreign import with_steps
from contracts.runs.live import run
from contracts.runs.plan import Plan
from contracts.runs.replay import Hints, replay
from contracts.traffic.keys import Keys
from contracts.traffic.limits import DEFAULT_BUDGET
from contracts.verdicts.conclusion import Terms

OPERATION = load_operation()


NO_HINTS = Hints()


def again(path: Path, hints: Hints = NO_HINTS) -> Result:
    return replay(path, OPERATION, lambda target, seed: Terms(target=target, operation=OPERATION, seed=seed), hints)


def refused(path: Path, hints: Hints = NO_HINTS) -> str:
    with pytest.raises(ConfigurationError) as caught:
        again(path, hints)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def judged(server: Server, budget: int = DEFAULT_BUDGET) -> Result:
    data = server.dataset
    target = Target(server.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint, user_key=True)
    keys = Keys.of(data.admin_key, data.user_key)
    return run(Plan(target=target, keys=keys, operation=OPERATION, seed=1, budget=budget))


def told(judgement: Judgement) -> tuple[object, ...]:
    """All that a report says of a judgement."""
    finding = judgement.finding
    return (
        (judgement.clause, judgement.verdict, judgement.cases, judgement.breaches, judgement.reason, judgement.because),
        (judgement.seen, judgement.asked, judgement.provide, judgement.answer and judgement.answer.text),
        finding and (finding.expected, finding.actual, [one.number for one in finding.exchanges]),
    )


# Our own recordings


def compare(server: Server, folder: Path) -> None:
    with server:
        result = judged(server)
    file = folder / "run.har"
    record(result, file)
    replayed = again(file)
    assert [told(one) for one in replayed.judgements] == [told(one) for one in result.judgements]
    assert (replayed.exit_code, replayed.target, replayed.items) == (result.exit_code, result.target, result.items)


@pytest.mark.parametrize("name", sorted(FAULTS)[::60])
def test_a_recording_of_a_wrong_server_brings_the_same_verdicts(tmp_path: Path, name: str) -> None:
    compare(open_fault(name), tmp_path)


@pytest.mark.parametrize("name", ["sent-in-circles", "moves-every-10", "gains-every-3"])
def test_the_same_of_lists_that_change_and_of_no_answers(tmp_path: Path, name: str) -> None:
    compare(open_fault(name) if name in FAULTS else open_variant(name), tmp_path)


def test_three_of_three_times(tmp_path: Path) -> None:
    with open_fault("one-skipped") as server:
        record(judged(server), tmp_path / "run.har")
    found = {one.clause: one for one in again(tmp_path / "run.har").judgements}
    assert (found["PAG-011"].seen, found["PAG-011"].asked) == (3, 3)


def test_a_recording_that_lacks_what_it_says_was_repeated_is_judged_by_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "run.har"
    with open_fault("one-skipped") as server:
        record(judged(server, budget=150), file)
    content = json.loads(file.read_text())
    about = json.loads(content["log"]["comment"])
    whole = next(each for each in about["repetitions"] if each["clause"] == "PAG-011")
    first, second, third = whole["rounds"]

    def asked(*rounds: object, of: object = whole["of"]) -> int:
        changed = about | {"repetitions": [whole | {"of": of, "rounds": rounds}]}
        file.write_text(json.dumps({"log": content["log"] | {"comment": json.dumps(changed)}}))
        return next(one for one in again(file).judgements if one.clause == "PAG-011").asked

    assert asked(first, second, third) == 3
    assert asked(first, second | {"copies": [99_999] * len(whole["of"])}, third | {"copies": [1]}) == 1
    assert asked(first, second, third, of=[99_999]) == 0
    with pytest.raises(ConfigurationError, match=r"is no HAR recording: log\.comment"):
        asked(first | {"copies": "all"})


# Recordings of other tools


@pytest.mark.parametrize("shape", SHAPES)
def test_what_was_browsed_on_a_right_server_breaks_nothing(tmp_path: Path, shape: str) -> None:
    with Server() as server:
        session = Session(server)
        session.browse()
    result = again(saved(tmp_path, SHAPES[shape](session.seen)))
    assert list(broken(result.judgements)) == []
    assert result.exit_code == 6, "a browser does not ask for everything"
    kept = {one.clause for one in result.judgements if one.verdict is Verdict.KEPT}
    assert kept >= {"ENV-001", "ITM-004", "PAG-001", "PAG-005", "PAG-009", "PAG-011", "PAG-013", "PAG-014"}
    assert "PAG-015" not in kept, "what follows the end was not asked for"
    assert kept >= {"ORD-002", "ORD-003", "ORD-005", "ORD-006", "FLT-001", "FLT-002", "FLT-003", "HTP-002"}
    assert (result.target.base_url, result.target.checkpoint) == (server.base_url, server.dataset.checkpoint)


@pytest.mark.parametrize(
    ("fault", "clause"),
    [
        ("created-at-in-milliseconds", "ITM-004"),
        ("one-skipped", "PAG-011"),
        ("has-more-always", "PAG-014"),
        ("has-more-never", "PAG-015"),
        ("newest-pinned-to-every-page", "PAG-009"),
        ("ties-lost", "PAG-011"),
        ("filter-ignored", "FLT-001"),
    ],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_was_browsed_on_a_wrong_server_shows_it(tmp_path: Path, shape: str, fault: str, clause: str) -> None:
    with open_fault(fault) as server:
        session = Session(server)
        session.browse()
    result = again(saved(tmp_path, SHAPES[shape](session.seen)))
    assert clause in broken(result.judgements)
    assert result.exit_code == 1


@pytest.mark.parametrize("shape", [charles, whole_seconds, blotted])
@pytest.mark.parametrize("fault", ["", "one-skipped"])
def test_other_recorders_have_other_ways(tmp_path: Path, fault: str, shape: Callable[[list[Seen]], bytes]) -> None:
    with open_fault(fault) if fault else Server() as server:
        session = Session(server)
        session.browse()
        session.get(limit=5, key=key_like("other"))
        session.get(limit=5)
    result = again(saved(tmp_path, shape(session.seen)))
    assert len(result.exchanges) == len(session.seen)
    assert set(broken(result.judgements)) <= (
        {"PAG-011", "PAG-013", "PAG-021", "FLT-002", "FLT-003"} if fault else set()
    )
    assert ("PAG-011" in broken(result.judgements)) is bool(fault)
    assert [one.request.credential for one in result.exchanges][-2:] == ["unknown", "admin"]


@pytest.mark.parametrize("word", ["", "***", "Bearer [FILTERED]", "Bearer xxxxxxxxxxxx", "REDACTED"])
def test_a_key_that_is_blotted_out_is_not_one_that_is_refused_now_and_then(tmp_path: Path, word: str) -> None:
    with Server() as server:
        session = Session(server)
        session.get(limit=5)
        session.get(limit=5, key=key_like("other"))
    result = again(saved(tmp_path, blotted(session.seen, word)))
    assert list(broken(result.judgements)) == []
    assert [one.request.credential for one in result.exchanges] == ["admin", "unknown"]


def test_pages_that_go_on_by_tokens_are_walks(tmp_path: Path) -> None:
    data = document("/things", [parameter("cursor")], {"next": {"type": ["string", "null"]}}, ITEM)
    operation = load_operation(written(tmp_path, data), name="listThings")

    def page(number: int, query: str, next_: str | None, *ids: str) -> Exchange:
        body = {"next": next_, "data": [{"id": id_, "created_at": 1, "status": "new"} for id_ in ids]}
        answer = Answer(200, "", (), json.dumps(body).encode())
        return exchange(number, query, path="/things", answer=answer, sent=2 * number + 1, received=2 * number + 2)

    walked = page(0, "limit=2", "p", "a", "b"), page(1, "cursor=p&limit=2", "q", "c"), page(2, "cursor=q&limit=2", None)
    other = page(3, "cursor=never&limit=2", None, "z")
    steps = [each.step for each in with_steps(Reader(operation), (*walked, other))]
    assert steps == [Step("recorded 0", 0), Step("recorded 0", 1), Step("recorded 0", 2), None]


def test_a_recording_without_content_is_reported_as_such(tmp_path: Path) -> None:
    with Server() as server:
        session = Session(server)
        session.get(limit=5)
        session.get(limit=6)
    assert refused(saved(tmp_path, without_content(session.seen))).endswith(
        "holds 2 answers to GET /fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions, and the body of"
        " none: let its recorder keep the content, in the same file."
    )


@pytest.mark.parametrize("variant", ["gains-every-3", "gains-every-40", "loses-every-10", "moves-every-10"])
def test_one_page_looked_at_again_and_again_while_the_list_changes_breaks_nothing(tmp_path: Path, variant: str) -> None:
    with open_variant(variant) as server:
        session = Session(server)
        for _ in range(45):
            session.get(limit=10)
    result = again(saved(tmp_path, chrome(session.seen)))
    assert list(broken(result.judgements)) == []


def test_other_traffic_is_left_out_and_counted(tmp_path: Path) -> None:
    with Server() as server:
        session = Session(server)
        session.walk(limit=20)
        own = len(session.seen)
        session.get(checkpoint=server.dataset.other_checkpoint, limit=5)
        one = session.seen[0]
    more = [
        type(one)(**{**vars_of(one), "method": "OPTIONS", "body": b""}),
        type(one)(**{**vars_of(one), "method": "POST"}),
        type(one)(**{**vars_of(one), "url": "https://cdn.example/app.js"}),
        type(one)(**{**vars_of(one), "url": f"{one.url.partition('?')[0]}/cp_1"}),
    ]
    result = again(saved(tmp_path, chrome([*more, *session.seen])))
    assert len(result.exchanges) == own
    assert "Left out: 5 requests of other things, or without an answer of the target." in result.notes
    other = again(saved(tmp_path, chrome(session.seen)), Hints(other_checkpoint=server.dataset.other_checkpoint))
    assert {one.clause: one.verdict for one in other.judgements}["SCO-001"] is Verdict.KEPT
    chosen = again(saved(tmp_path, chrome(session.seen)), Hints(checkpoint=server.dataset.other_checkpoint))
    assert chosen.target.checkpoint == server.dataset.other_checkpoint


def vars_of(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def test_whose_key_it_was(tmp_path: Path) -> None:
    with open_fault("anonymous-let-in") as server:
        session = Session(server)
        session.get(limit=5)
        session.get(limit=5, key=key_like("other"))
        session.get(limit=5, key=None)
    result = again(saved(tmp_path, mitmproxy(session.seen)))
    assert [one.request.credential for one in result.exchanges] == ["admin", "unknown", "none"]
    assert "SEC-001" in broken(result.judgements)
    sanitized = again(saved(tmp_path, chrome(session.seen)))
    assert "SEC-001" not in broken(sanitized.judgements), "the browser left every Authorization header out"


def test_keys_in_a_recording_go_nowhere(tmp_path: Path) -> None:
    with Server() as server:
        session = Session(server)
        session.get(limit=5)
        session.get(limit=5, key=None, api_key=server.dataset.admin_key)
        echo = session.seen[0].body.replace(b'"list"', json.dumps(server.dataset.admin_key).encode())
        session.seen.append(type(session.seen[0])(**{**vars_of(session.seen[0]), "body": echo, "at": 9.0}))
    result = again(saved(tmp_path, mitmproxy(session.seen)))
    assert server.dataset.admin_key not in repr(result.exchanges) + repr(result)
    assert [one.request.credential for one in result.exchanges] == ["admin", "query-api_key", "admin"]


@pytest.mark.parametrize("prefix", ["", "/v1", "/proxy/openai/v1", "/fine_tuning/checkpoints/x/v1"])
def test_the_path_is_found_below_any_prefix(tmp_path: Path, prefix: str) -> None:
    body = {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}
    with Server() as server:
        session = Session(server)
        session.get(limit=5)
    one = session.seen[0]
    url = f"https://api.example{prefix}/fine_tuning/checkpoints/ft%3Aa/permissions"
    entry = type(one)(**{**vars_of(one), "url": url, "body": json.dumps(body).encode()})
    target = again(saved(tmp_path, chrome([entry]))).target
    assert (target.base_url, target.checkpoint) == (f"https://api.example{prefix}", "ft:a")
    assert refused(tmp_path / "browsed.har", Hints(base_url="https://other.example/v1")).endswith(
        "below https://other.example/v1."
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is no HAR recording: it is not JSON."),
        (b"[]", "is no HAR recording: it is no JSON object."),
        (b'{"log": {}}', "is no HAR recording: log.entries: it is missing or no array."),
        (b'{"log": {"entries": [1]}}', "is no HAR recording: log.entries[0]: expected object, got int."),
        (
            b'{"log": {"entries": []}}',
            "holds no answer to GET /fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions.",
        ),
    ],
)
def test_what_is_no_recording_of_this_operation_is_reported(tmp_path: Path, content: bytes, sentence: str) -> None:
    assert refused(saved(tmp_path, content)).endswith(f"browsed.har {sentence}")


# The command


def command(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "contracts", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_command(tmp_path: Path) -> None:
    checked = command("check", "PAG", "--fault", "one-skipped", "--record", "run.har", folder=tmp_path)
    done = command("replay", "run.har", "PAG", folder=tmp_path)
    assert (checked.returncode, done.returncode) == (1, 1), done.stderr
    assert checked.stdout.splitlines()[-1] == done.stdout.splitlines()[-1]
    assert "3 of 3 times" in done.stdout
    assert "Judged from run.har: nothing was asked." in done.stdout
    assert "Run again   contracts replay run.har PAG" in done.stdout
    (tmp_path / "contracts.toml").write_text('[[deviation]]\nclause = "PAG-011"\nreason = "r"', encoding="utf-8")
    assert "PAG-011  The page after X begins" in command("replay", "run.har", "PAG-011", folder=tmp_path).stdout
    assert command("replay", "run.har", "PAG-011", folder=tmp_path).returncode == 0
    (tmp_path / "broken.har").write_text("{", encoding="utf-8")
    done = command("replay", "broken.har", folder=tmp_path)
    assert (done.returncode, done.stderr) == (4, "contracts: broken.har is no HAR recording: it is not JSON.\n")
    assert command("replay", "none.har", folder=tmp_path).returncode == 4


@pytest.mark.parametrize(
    ("time", "timings"),
    [(100_000.0, {"connect": 99_995.0}), (5.0, {"connect": -1}), (5.0, {"connect": "long"}), (5.0, []), (5.0, None)],
)
def test_connecting_that_is_counted_twice_makes_no_requests_at_once(
    tmp_path: Path, time: float, timings: object
) -> None:
    """As by mitmproxy, to which waiting is connecting too: a request seems to end long after the next ones began."""
    with open_fault("has-more-never") as server:
        session = Session(server)
        session.browse()
    recording = json.loads(mitmproxy(session.seen))
    for entry in recording["log"]["entries"]:
        entry |= {"time": time, "timings": timings}
    result = again(saved(tmp_path, json.dumps(recording).encode()))
    assert "PAG-015" in broken(result.judgements)
