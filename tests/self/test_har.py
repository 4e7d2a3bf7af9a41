"""Recordings: what is written is read again, and nothing that is read breaks anything."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import string
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from canary import key_like
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.core import files
from contracts.core.errors import ConfigurationError
from contracts.core.model import Answer, Exchange, Failure, FailureKind, Request, Step
from contracts.traffic.credentials import CREDENTIALS
from contracts.traffic.har import read_har, stream, write_har

BASE = "https://api.example.com/v1"
ANSWER = Answer(200, "OK", (("Content-Type", "application/json"), ("X", "1"), ("x", "2")), b'{"data": []}')


def exchange(**changes: Any) -> Exchange:
    values: dict[str, Any] = {
        "number": 0,
        "request": Request("/permissions", "limit=1&after=%2F"),
        "answer": ANSWER,
        "failure": None,
        "sent": 1,
        "received": 2,
        "at": 1_763_000_000.25,
        "seconds": 0.125,
        "probe": "walks",
    }
    return Exchange(**{**values, **changes})


counts = st.integers(0, 10**6)
targets = st.text(st.sampled_from(string.ascii_letters + string.digits + "%/.:=&?#[]{}|'\"<>\\~"), max_size=30)
headers = st.text(st.characters(codec="latin-1"), max_size=12)
answers = st.builds(
    Answer,
    status=st.integers(100, 999),
    reason=headers,
    headers=st.lists(st.tuples(headers, headers), max_size=5).map(tuple),
    body=st.binary(max_size=60)
    | st.text(max_size=30).map(str.encode)
    | st.sampled_from([b"", b"\xff", b"\xef\xbb\xbf"]),
    flaw=st.none() | st.text(max_size=20),
)
exchanges = st.builds(
    Exchange,
    number=counts,
    request=st.builds(Request, targets.map("/{}".format), targets, st.sampled_from(list(CREDENTIALS))),
    answer=st.none() | answers,
    failure=st.none() | st.builds(Failure, st.sampled_from(FailureKind), st.text(max_size=20)),
    sent=counts,
    received=counts,
    at=st.floats(0, 4e9),
    seconds=st.floats(0, 1e6),
    probe=st.text(max_size=10),
    step=st.none() | st.builds(Step, st.text(max_size=10), counts),
    concurrent=st.booleans(),
    again=st.none() | st.tuples(counts, counts),
    waits=counts,
    unavailable=st.booleans(),
    retries=counts,
    redirects=counts,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(exchanges, max_size=4, unique_by=lambda one: one.number))
def test_what_is_written_is_read_again(tmp_path: Path, given_exchanges: list[Exchange]) -> None:
    given_exchanges.sort(key=lambda one: one.number)
    file = tmp_path / "run.har"
    about = {"seed": 7, "target": {"checkpoint": "ft:é"}}
    write_har(file, given_exchanges, base_url=BASE, about=about)
    recording = read_har(file)
    assert recording.exchanges == tuple(given_exchanges)
    assert (recording.base_url, recording.about, recording.skipped) == (BASE, about, 0)


def written(tmp_path: Path, *given_exchanges: Exchange) -> dict[str, Any]:
    write_har(tmp_path / "run.har", given_exchanges, base_url=BASE + "/", version="1.2.3")
    parsed = json.loads((tmp_path / "run.har").read_text())
    assert isinstance(parsed, dict)
    return parsed


def test_a_recording_is_har_1_2(tmp_path: Path) -> None:
    log = written(tmp_path, exchange())["log"]
    assert log["version"] == "1.2"
    assert (log["creator"]["name"], log["creator"]["version"]) == ("contracts", "1.2.3")
    entry = log["entries"][0]
    assert entry["startedDateTime"] == "2025-11-13T02:13:20.250000+00:00"
    assert entry["time"] == 125.0
    assert set(entry) == {"startedDateTime", "time", "request", "response", "timings", "cache"}
    assert entry["request"]["url"] == "https://api.example.com/v1/permissions?limit=1&after=%2F"
    assert entry["request"]["queryString"] == [{"name": "limit", "value": "1"}, {"name": "after", "value": "/"}]
    assert entry["response"]["status"] == 200
    assert entry["response"]["content"] == {"size": 12, "mimeType": "application/json", "text": '{"data": []}'}


@pytest.mark.parametrize(
    ("credential", "shown"),
    [
        ("admin", "Bearer $OPENAI_ADMIN_KEY"),
        ("user", "Bearer $OPENAI_USER_KEY"),
        ("shortened", "Bearer ${OPENAI_ADMIN_KEY%?}"),
        ("empty", "Bearer "),
        ("none", None),
        ("query-key", None),
    ],
)
def test_the_key_is_a_variable(tmp_path: Path, credential: str, shown: str | None) -> None:
    log = written(tmp_path, exchange(request=Request("/x", credential=credential)))["log"]
    request = log["entries"][0]["request"]
    sent = [header["value"] for header in request["headers"] if header["name"] == "Authorization"]
    assert sent == ([] if shown is None else [shown])


def test_a_body_that_is_no_text_is_base64(tmp_path: Path) -> None:
    answer = Answer(200, "", (), b"\xff\x00")
    content = written(tmp_path, exchange(answer=answer))["log"]["entries"][0]["response"]["content"]
    assert (content["encoding"], base64.b64decode(content["text"])) == ("base64", b"\xff\x00")


def test_a_request_without_an_answer_has_status_0(tmp_path: Path) -> None:
    failure = Failure(FailureKind.CUT, "the connection was closed")
    response = written(tmp_path, exchange(answer=None, failure=failure))["log"]["entries"][0]["response"]
    assert (response["status"], response["comment"]) == (0, "the connection was closed")


def test_an_interrupt_leaves_the_old_recording(tmp_path: Path) -> None:
    def interrupted() -> Iterator[Exchange]:
        yield exchange()
        raise KeyboardInterrupt

    file = tmp_path / "run.har"
    write_har(file, [exchange(), exchange(number=1)], base_url=BASE)
    with pytest.raises(KeyboardInterrupt):
        write_har(file, interrupted(), base_url=BASE)
    assert len(read_har(file).exchanges) == 2
    assert list(tmp_path.iterdir()) == [file]


def test_a_new_recording_takes_the_place_of_the_old_one_at_once(tmp_path: Path) -> None:
    file, old = tmp_path / "run.har", tmp_path / "old.har"
    write_har(file, [exchange()], base_url=BASE)
    old.hardlink_to(file)
    write_har(file, [], base_url=BASE)
    assert (len(read_har(old).exchanges), len(read_har(file).exchanges)) == (1, 0)


def test_a_place_that_can_not_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"can't be written: (not a directory|file exists)\.$"):
        write_har(tmp_path / "file" / "run.har", [], base_url=BASE)


# Files that are no recordings


def assert_told(file: Path, base_url: str | None = None) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_har(file, base_url)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"log": []}',
        b'{"log": {"entries": {}}}',
        b'{"log": {"entries": [1]}}',
        b'{"log": {"entries": [{}], "comment": "{\\"contracts\\": 1}"}}',
        b'{"log": {"entries": [], "comment": "{\\"contracts\\": 1, \\"base_url\\": 5}"}}',
        b'{"log": ' + b"[" * 100_000,
        b'{"log": ' + b"9" * 10_000 + b"}",
        b'{"log": {"entries": [{"request": {}, "response": {}}]}}',
    ],
)
def test_a_file_that_is_no_recording_is_reported_in_one_sentence(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x.har"
    file.write_bytes(content)
    assert_told(file, BASE)


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    assert_told(tmp_path / "none.har")


def test_what_is_no_file_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_STUCK_SECONDS", 0.05)
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path, "it is a folder"),
        (tmp_path / "pipe", "nothing has been written to it for 0.05 s"),
        (Path("/dev/zero"), "it is no JSON object"),
        (Path("/dev/null"), "it is not JSON"),
    ):
        with pytest.raises(ConfigurationError, match=f"{reason}\\.$"):
            read_har(path)


def test_a_pipe_is_read_as_a_file_is(tmp_path: Path) -> None:
    write_har(tmp_path / "run.har", [exchange(), exchange(number=1)], base_url=BASE)
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes((tmp_path / "run.har").read_bytes()))
    writer.start()
    assert len(read_har(tmp_path / "pipe").exchanges) == 2
    writer.join()


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("response", "status"), "200", r"log\.entries\[1\]\.response\.status: expected int, got str\.$"),
        (("response", "headers"), [{"name": 1}], r"\[1\]\.response\.headers\[0\]\.name: expected str, got int\.$"),
        (
            ("response", "content"),
            {"encoding": "base64", "text": "?"},
            r"\[1\]\.response\.content\.text: it is not base64",
        ),
        (
            ("request", "_contracts"),
            {},
            r"log\.entries\[1\]\.request\._contracts: object missing required field number",
        ),
    ],
)
def test_what_is_wrong_is_reported_with_its_place(
    tmp_path: Path, place: tuple[str, str], value: object, sentence: str
) -> None:
    parsed = written(tmp_path, exchange(), exchange(number=1))
    parsed["log"]["entries"][1][place[0]][place[1]] = value
    (tmp_path / "wrong.har").write_text(json.dumps(parsed))
    with pytest.raises(ConfigurationError, match=sentence):
        read_har(tmp_path / "wrong.har")


# Files of any size


class Slices:
    """A file that gives a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._rest = io.BytesIO(data)
        self._size = size

    def read(self, size: int) -> bytes:
        return self._rest.read(min(size, self._size))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('[]{}"\\,:é a'), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.sampled_from('{"\\]'), max_size=2), inner),
    max_leaves=8,
)


@given(st.lists(values, max_size=3), values, st.sampled_from([None, 1]), st.booleans(), st.integers(1, 9))
def test_a_stream_has_the_entries_that_the_file_has(
    entries: list[object],
    other: object,
    indent: int | None,
    ascii_only: bool,
    size: int,
) -> None:
    log = {"comment": "c", "other": other, "entries": entries, "more": other}
    text = json.dumps({"other": other, "log": log, "more": other}, indent=indent, ensure_ascii=ascii_only)
    found = list(stream.log(Slices(b"\xef\xbb\xbf" + text.encode(), size)))
    assert [(kind, json.loads(raw or b"")) for kind, raw in found] == [
        ("comment", "c"),
        *(("entry", entry) for entry in entries),
    ]


def test_an_entry_that_is_too_large_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LARGEST", 5000)
    monkeypatch.setattr(stream, "_PIECE", 100)
    large = replace(ANSWER, body=b'"\\' * 5000)
    write_har(tmp_path / "run.har", [exchange(), exchange(number=1, answer=large), exchange(number=2)], base_url=BASE)
    recording = read_har(tmp_path / "run.har")
    assert [one.number for one in recording.exchanges] == [0, 2]
    assert (recording.skipped, recording.entries) == (1, 3)
    monkeypatch.setattr(stream, "_MOST_SKIPPED", 6000)
    assert_told(tmp_path / "run.har")


def test_of_a_recording_that_is_too_large_the_beginning_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_ANSWERED", 1000)
    answers_ = [replace(ANSWER, body=b"%d" % number * 400) for number in range(9)]
    write_har(
        tmp_path / "run.har",
        [exchange(number=number, answer=answer) for number, answer in enumerate(answers_)],
        base_url=BASE,
    )
    recording = read_har(tmp_path / "run.har")
    assert [one.answer for one in recording.exchanges] == answers_[:2]
    assert (recording.rest, recording.entries) == (True, 2)


def test_equal_parts_of_answers_are_kept_once(tmp_path: Path) -> None:
    write_har(tmp_path / "run.har", [exchange(), exchange(number=1)], base_url=BASE)
    first, second = (one.answer for one in read_har(tmp_path / "run.har").exchanges)
    assert first is not None
    assert second is not None
    assert first.body is second.body
    assert first.headers is second.headers


def test_what_is_spooled_is_kept_on_disk(tmp_path: Path) -> None:
    write_har(tmp_path / "run.har", [exchange(), exchange(number=1, probe="deep")], base_url=BASE)
    recording = read_har(tmp_path / "run.har", spooled="deep")
    assert [one.number for one in recording.exchanges] == [0]
    assert recording.spool[1].answer == ANSWER


def test_recordings_one_behind_the_other_are_read_as_one(tmp_path: Path) -> None:
    parsed = written(tmp_path, exchange(step=Step("w", 0)), exchange(number=1, sent=3, received=4, again=(0, 0)))
    parsed["log"]["entries"] *= 2
    (tmp_path / "both.har").write_text(json.dumps(parsed))
    read = read_har(tmp_path / "both.har").exchanges
    assert [(one.number, one.sent, one.received) for one in read] == [(0, 1, 2), (1, 3, 4), (2, 5, 6), (3, 7, 8)]
    assert [one.step for one in read] == [Step("w", 0), None, Step("w, part 2", 0), None]
    assert [one.again for one in read] == [None, (0, 0), None, (0, 2)]


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


WRONG: tuple[object, ...] = (None, True, 0, -1, 1.5, 1e308, "", "x", "\ud800", [], [1], {}, {"a": None}, 10**400)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_recording_with_anything_wrong_in_it_is_read_or_told(tmp_path: Path, data: st.DataObject) -> None:
    failure = Failure(FailureKind.CUT, "x")
    parsed = written(tmp_path, exchange(step=Step("w", 1), again=(1, 0)), exchange(answer=None, failure=failure))
    path = data.draw(st.sampled_from(list(places(parsed))[1:]))
    holder: Any = parsed
    for key in path[:-1]:
        holder = holder[key]
    if data.draw(st.booleans()):
        holder[path[-1]] = data.draw(st.sampled_from(WRONG))
    else:
        del holder[path[-1]]
    file = tmp_path / "wrong.har"
    file.write_text(json.dumps(parsed))
    for base_url in (None, BASE):
        with suppress(ConfigurationError):
            assert len(read_har(file, base_url).exchanges) <= 2


# Recordings of browsers and proxies


def foreign(url: str, **changes: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "startedDateTime": "2025-11-13T02:13:20.000Z",
        "time": 50,
        "cache": {},
        "request": {"method": "GET", "url": url, "headers": [{"name": "authorization", "value": "Bearer sk-1"}]},
        "response": {
            "status": 200,
            "statusText": "OK",
            "headers": [{"name": "content-type", "value": "application/json"}],
            "content": {"size": 2, "text": "{}"},
        },
    }
    for key, value in changes.items():
        entry[key] = {**entry[key], **value} if isinstance(value, dict) else value
    return entry


def record(tmp_path: Path, *entries: dict[str, Any]) -> Path:
    file = tmp_path / "foreign.har"
    file.write_text(json.dumps({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": list(entries)}}))
    return file


def test_a_foreign_recording_needs_a_base_url(tmp_path: Path) -> None:
    file = record(tmp_path, foreign(BASE + "/x"))
    with pytest.raises(ConfigurationError, match="give the base URL"):
        read_har(file)
    assert len(read_har(file, BASE).exchanges) == 1


def test_a_foreign_recording_is_read_as_far_as_it_tells(tmp_path: Path) -> None:
    file = record(tmp_path, foreign(BASE + "/permissions?limit=1#x"))
    recording = read_har(file, BASE + "/")
    assert "sk-1" not in repr(recording)
    (one,) = recording.exchanges
    assert one.request == Request("/permissions", "limit=1")
    assert one.answer == Answer(200, "OK", (("content-type", "application/json"),), b"{}")
    assert (one.seconds, one.probe, one.concurrent) == (0.05, "recording", False)


def test_what_a_foreign_recording_does_not_tell_is_skipped(tmp_path: Path) -> None:
    file = record(
        tmp_path,
        foreign(BASE + "/x", request={"method": "POST"}),
        foreign("https://elsewhere.example/v1/x"),
        foreign(BASE + "x/y"),
        foreign(BASE + "/x", response={"content": {"size": 9}}),
        foreign(BASE + "/y"),
    )
    recording = read_har(file, BASE)
    assert [one.request.path for one in recording.exchanges] == ["/y"]
    assert recording.skipped == 4


def test_requests_of_a_foreign_recording_stand_in_the_order_of_time(tmp_path: Path) -> None:
    file = record(
        tmp_path,
        foreign(BASE + "/third", startedDateTime="2025-11-13T02:13:22.250+00:00"),
        foreign(BASE + "/first", startedDateTime="2025-11-13T02:13:20.250Z", time=1500),
        foreign(BASE + "/second", startedDateTime="2025-11-13T03:13:21.250+01:00", time=1000),
    )
    read = read_har(file, BASE).exchanges
    assert [one.request.path for one in read] == ["/first", "/second", "/third"]
    assert [(one.sent, one.received) for one in read] == [(1, 3), (2, 4), (5, 6)]
    assert [one.concurrent for one in read] == [True, True, False]
    assert [one.number for one in read] == [0, 1, 2]


@pytest.mark.parametrize(
    ("status", "signed", "credential"),
    [(200, True, "admin"), (200, False, "admin"), (401, False, "none"), (403, False, "none"), (401, True, "admin")],
)
def test_whose_key_a_foreign_request_carried_is_guessed_with_care(
    tmp_path: Path,
    status: int,
    signed: bool,
    credential: str,
) -> None:
    entry = foreign(BASE + "/x", response={"status": status})
    if not signed:
        entry["request"]["headers"] = []
    (one,) = read_har(record(tmp_path, entry), BASE).exchanges
    assert one.request.credential == credential


@pytest.mark.parametrize(
    "changes",
    [
        {"response": {"status": 0}},
        {"response": {"status": 304}},
        {"response": {"status": 429}},
        {"response": {"content": {"size": 900, "text": '{"data": ['}}},
        {"_fromCache": "disk"},
        {"_fetchType": "Memory Cache"},
        {"cache": {"beforeRequest": {"lastAccess": "", "eTag": "", "hitCount": 0}}},
        {"cache": {"afterRequest": None}},
    ],
)
def test_a_foreign_answer_that_the_target_did_not_give_is_skipped(tmp_path: Path, changes: dict[str, Any]) -> None:
    recording = read_har(record(tmp_path, foreign(BASE + "/x", **changes)), BASE)
    assert (recording.exchanges, recording.skipped) == ((), 1)


@pytest.mark.parametrize(
    ("changes", "left_out"),
    [
        ({"time": None, "timings": None, "comment": "[#1]"}, ("time",)),
        ({"time": -1, "_fetchType": "Network Load"}, ()),
        ({"request": {"method": "get"}}, ()),
        ({"response": {"statusText": None, "headers": [{"name": ":status", "value": "200"}]}}, ()),
        ({"response": {"headers": [{"name": "age", "value": 0}, {"name": "x"}]}, "cache": {"beforeRequest": None}}, ()),
        ({"startedDateTime": "2025-11-13T03:13:20.0000000+01:00"}, ("statusText",)),
    ],
)
def test_what_a_recorder_leaves_out_or_writes_otherwise_is_no_hindrance(
    changes: dict[str, Any], left_out: tuple[str, ...], tmp_path: Path
) -> None:
    entry = foreign(f"{BASE}/x", **changes)
    for name in left_out:
        entry.pop(name, None)
        entry["response"].pop(name, None)
    (read,) = read_har(record(tmp_path, entry), BASE).exchanges
    assert (read.at, read.answer and read.answer.status) == (1_763_000_000.0, 200)


def test_a_key_in_a_header_of_its_own_is_known(tmp_path: Path) -> None:
    def signed(key: str, status: int) -> dict[str, Any]:
        headers = [{"name": "x-api-key", "value": key}, {"name": "authorization", "value": "Basic eDp5"}]
        return foreign(f"{BASE}/x", request={"headers": headers}, response={"status": status})

    keys = key_like("first"), key_like("other")
    file = record(tmp_path, signed(keys[0], 200), signed(keys[1], 401))
    recording = read_har(file, BASE, key_header="X-Api-Key")
    assert [each.request.credential for each in recording.exchanges] == ["admin", "unknown"]
    assert recording.redactor is not None
    assert not any(key in recording.redactor.text(" ".join(keys)) for key in keys)


def test_a_body_that_a_recorder_kept_as_it_was_sent_is_decoded(tmp_path: Path) -> None:
    def kept(coding: str, body: bytes) -> dict[str, Any]:
        content = {"size": 2, "text": base64.b64encode(body).decode(), "encoding": "base64"}
        headers = [{"name": "Content-Encoding", "value": coding}]
        return foreign(f"{BASE}/x", response={"content": content, "headers": headers})

    entries = [kept("gzip", gzip.compress(b"{}")), kept("gzip", b"{}"), kept("br", b"\x8b\x01\x80{}\x03")]
    recording = read_har(record(tmp_path, *entries, kept("gzip", gzip.compress(b"{}")[:-9])), BASE)
    assert [read.answer and read.answer.body for read in recording.exchanges] == [b"{}", b"{}"]
    assert recording.bodiless == 2


@pytest.mark.parametrize(
    ("pack", "sentence"),
    [
        (gzip.compress, "it is compressed with gzip: decompress it first"),
        (lambda text: b"PK\x03\x04" + text, "it is a ZIP archive: unpack it first"),
        (lambda text: text.decode().encode("utf-16"), "it is UTF-16, and JSON is UTF-8"),
    ],
)
def test_what_a_file_is_instead_is_said(pack: Callable[[bytes], bytes], sentence: str, tmp_path: Path) -> None:
    file = record(tmp_path, foreign(f"{BASE}/x"))
    file.write_bytes(pack(file.read_bytes()))
    with pytest.raises(ConfigurationError, match=f"is no HAR recording: {sentence}\\.$"):
        read_har(file, BASE)
