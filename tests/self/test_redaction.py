"""Keys in what servers send: found in every form and in every piece, and nothing else is taken for one."""

from __future__ import annotations

import base64
import json
import random
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from canary import ADMIN, RUN, USER, forms, leaking, leaks
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.core.model import Answer, Exchange, Failure, FailureKind, Request, Target
from contracts.core.result import Verdict
from contracts.mock.server import Server
from contracts.mock.store import seeded
from contracts.openapi.loading import load_operation
from contracts.reports.recording import record
from contracts.runs.live import run
from contracts.runs.plan import Plan
from contracts.runs.replay import replay
from contracts.traffic.credentials import CREDENTIALS, MALFORMED, available, unknown_key
from contracts.traffic.har import write_har
from contracts.traffic.keys import Keys, Secret
from contracts.traffic.redaction import MARKER, Redactor, _Found, marker
from contracts.traffic.views import View, views
from contracts.verdicts.conclusion import Terms

KEYS = Keys.of(ADMIN, USER)
REDACTOR = Redactor.of(KEYS, 1)
THIRD = len(ADMIN) // 3
PIECES = {
    "all": [ADMIN],
    "halves": [ADMIN[: len(ADMIN) // 2], ADMIN[len(ADMIN) // 2 :]],
    "thirds": [ADMIN[:THIRD], ADMIN[THIRD : 2 * THIRD], ADMIN[2 * THIRD :]],
    "a run in the middle": [ADMIN[20 : 20 + RUN]],
    "a run at the end": [ADMIN[-RUN:]],
    "of another key": [USER[9:]],
}
FORMS = forms()


def exchange(answer: Answer | None, failure: Failure | None = None, query: str = "") -> Exchange:
    return Exchange(0, Request("/x", query), answer, failure, 1, 2, 0.0, 0.0, "walks")


@pytest.mark.parametrize("pieces", PIECES)
@pytest.mark.parametrize("form", FORMS)
def test_every_piece_is_taken_out_in_every_form(form: str, pieces: str, tmp_path: Path) -> None:
    written = [FORMS[form](piece) for piece in PIECES[pieces]]
    raw = [piece.encode() for piece in written]
    latin = [piece.decode("latin-1") for piece in raw]
    answer = Answer(
        401,
        f"No {latin[0]}",
        (*((f"X-{number}", piece) for number, piece in enumerate(latin)), (f"X-{latin[-1]}", "y")),
        b'{"error": {' + b", ".join(b'"%d": "%s"' % (number, piece) for number, piece in enumerate(raw)) + b"}}",
        flaw=f"coded as {written[0]!r}",
    )
    failure = Failure(FailureKind.REDIRECT, f"302 to another origin: 'http://h/?{'&'.join(written)}'")
    planted = exchange(answer, failure, query="&".join(written))
    write_har(tmp_path / "planted.har", [planted], base_url="http://h")
    assert leaking(tmp_path), "the search finds what is planted"
    write_har(tmp_path / "planted.har", [REDACTOR.exchange(planted)], base_url="http://h")
    assert leaking(tmp_path) == {}
    assert "redacted" in (tmp_path / "planted.har").read_text(encoding="utf-8")
    (echo,) = REDACTOR.echoes(answer)
    assert (echo.credential, echo.size) == (("user", len(USER)) if "other" in pieces else ("admin", len(ADMIN)))
    assert echo.shown >= min(RUN, sum(map(len, PIECES[pieces])))
    assert {"the body", "the status line", "the header X-0", "the name of a header"} <= set(echo.places)
    assert leaks(str(echo).encode()) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_piece_that_is_too_short_is_left_alone(form: str) -> None:
    # What base64 holds at its ends may be there in part, so it is taken out from two characters less on.
    short = RUN - 3 if "base64" in form else RUN - 1
    text = f"<{FORMS[form](ADMIN[20 : 20 + short])}>"
    assert REDACTOR.text(text) == text
    # In base64 the search takes what may be of ten characters for twelve.
    assert leaks(FORMS[form](ADMIN[20 : 20 + RUN - 2]).encode()) == []


@pytest.mark.parametrize(
    ("around", "left"),
    [
        ("{}", "{}"),
        ('{{"a": "{}"}}', '{{"a": "{}"}}'),
        ("x{}y", "x{}y"),
        ("Bearer {}", "Bearer {}"),
        ("%7B{}%7D", "%7B{}%7D"),
        ("&quot;{}&quot;", "&quot;{}&quot;"),
    ],
)
@pytest.mark.parametrize("key", [ADMIN, "sk-Admin/with+signs=&<>\"'%\\ and\u00e9 more"])
@pytest.mark.parametrize("write", [str, lambda key: json.dumps(key)[1:-1], str.upper])
def test_nothing_but_the_key_is_replaced(around: str, left: str, key: str, write: Callable[[str], str]) -> None:
    redactor = Redactor.of(Keys.of(key), 1)
    assert redactor.text(around.format(write(key))) == left.format("[credential:admin]")


@pytest.mark.parametrize("after", ["", ",2024", "115,107", ", 65536]", "\n57115,107", "x"])
def test_a_longer_number_behind_a_row_of_them_hides_none(after: str) -> None:
    row = ",".join(map(str, ADMIN.encode()))
    assert leaks(REDACTOR.text(f"[{row}{after}").encode()) == []


def test_latin_1_is_found_as_well() -> None:
    key = "sk-p\u00e4ssw\u00f6rd-\u00e9\u00e8\u00ea-0123456789"
    assert Redactor.of(Keys.of(key), 1).data(b"<" + key.encode("latin-1") + b">") == b"<[credential:admin]>"


@given(st.binary(max_size=9), st.binary(max_size=9), st.booleans(), st.sampled_from([ADMIN, "sk-~~~???>>>???~~~"]))
def test_a_key_is_found_in_base64_wherever_it_stands(before: bytes, after: bytes, urlsafe: bool, key: str) -> None:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    clean = Redactor.of(Keys.of(key), 1).data(encode(before + key.encode() + after))
    assert b"[credential:admin]" in clean
    for lead in range(3):
        assert encode(b"0" * lead + key.encode())[8:20] not in clean


@pytest.mark.parametrize(
    ("secret", "name"),
    [(USER, "user"), (unknown_key(1), "unknown"), (ADMIN.swapcase(), "admin"), (ADMIN[:-1], "admin in part")],
)
def test_everything_that_may_be_sent_is_found(secret: str, name: str) -> None:
    assert REDACTOR.text(f'{{"token": "{secret}"}}') == f'{{"token": "[credential:{name}]"}}'


@pytest.mark.parametrize(
    "form", [name for name in available(KEYS) if name not in {"none", "null", "empty", "empty-bare", *MALFORMED}]
)
def test_every_form_of_credentials_is_found_when_it_comes_back(form: str) -> None:
    secret = CREDENTIALS[form].form(KEYS, 1)
    assert secret is not None
    body = f"you sent {secret.reveal()}!"
    assert MARKER.search(REDACTOR.text(body))
    assert leaks(REDACTOR.text(body).encode()) == []
    (echo,) = REDACTOR.echoes(Answer(401, "", (), body.encode()))
    assert echo.large


def test_other_secrets_are_treated_alike() -> None:
    password = "correct horse battery staple"
    redactor = Redactor.of(replace(KEYS, others=(("proxy", Secret(password)),)), 1)
    assert redactor.text(f"Basic {base64.b64encode(f'me:{password}'.encode()).decode()}") == (
        "Basic bWU6[credential:proxy]=="
    )
    assert redactor.text(password[3:18]) == marker("proxy", part=True)


@pytest.mark.parametrize("masked", [f"{ADMIN[:5]}***{ADMIN[-4:]}", f"{ADMIN[:11]}…", "sk-admin-*****", "*" * 51])
def test_a_masked_form_is_left_alone(masked: str) -> None:
    assert REDACTOR.text(masked) == masked


@pytest.mark.parametrize(("shown", "large"), [(RUN, False), (24, False), (25, True), (51, True)])
def test_a_masked_form_that_shows_more_is_no_large_echo(shown: int, large: bool) -> None:
    (echo,) = REDACTOR.echoes(Answer(401, "", (), f"{ADMIN[:shown]}…".encode()))
    assert (echo.shown, echo.large) == (shown, large)


@pytest.mark.parametrize(
    ("write", "form"),
    [(str, ""), (lambda key: f"Bearer {key}, please", ""), (".".join, ", with signs between"), (str.upper, "")],
)
def test_an_echo_names_the_form_in_which_it_is_seen_most_simply(write: Callable[[str], str], form: str) -> None:
    (echo,) = REDACTOR.echoes(Answer(401, "", (("Set-Cookie", f"k={write(ADMIN)}"),), b""))
    assert str(echo) == f"[credential:admin] in the header Set-Cookie{form}"


def test_pieces_of_a_key_in_several_places_are_counted_together() -> None:
    answer = Answer(401, ADMIN[:20], (("X-Rest", ADMIN[20:]),), b"")
    (echo,) = REDACTOR.echoes(answer)
    assert (echo.shown, str(echo)) == (len(ADMIN), "[credential:admin] in the status line and the header X-Rest")


def test_of_a_short_key_half_is_enough() -> None:
    short = Redactor.of(Keys.of("aq8Zk2pW"), 1)
    assert short.data(b"<aq8Zk2pW> <aq8Z> <k2pW> <q8Z>") == (
        b"<[credential:admin]> <[credential:admin in part]> <[credential:admin in part]> <q8Z>"
    )


# Keys that are words

COMMON = ["has_more", "1700000000", "application/json", "checkpoint.permission", "invalid_request_error", "aaaaaaaaaa"]


@pytest.mark.parametrize("key", COMMON)
def test_of_a_common_key_no_echo_is_reported(key: str) -> None:
    redactor = Redactor.of(Keys.of(key), 1, '{"has_more": true, "object": "checkpoint.permission"}')
    (remark,) = redactor.remarks()
    assert remark.startswith("The admin key is too short or too common")
    assert key not in remark
    assert redactor.echoes(Answer(401, key, (("X", key),), key.encode())) == ()
    assert redactor.text(f"<{key}> {key[:-1]}") == f"<[credential:admin]> {key[:-1]}"


REFUSED = (
    "This endpoint requires an admin API key; test keys and keys of projects are refused. The key is missing, or the"
    " token is invalid. You may not list permissions."
)


@pytest.mark.parametrize(
    "key", ["admin-key", "test-key", "secret-token", "project-key", "permission-admin", "admin-key-1", "tester.admin.4"]
)
def test_words_of_which_a_key_is_made_are_no_echo_of_it(key: str) -> None:
    redactor = Redactor.of(Keys.of(key), 1, '{"required": ["permission", "project"]}')
    assert redactor.echoes(Answer(401, "No admin key", (("X-Why", REFUSED),), REFUSED.encode())) == ()
    assert key not in redactor.text(f"<{key}>")
    if any(char.isdigit() for char in key):
        (echo,) = redactor.echoes(Answer(401, "", (), f"{REFUSED} {key}".encode()))
        assert echo.shown == len(key)


@pytest.mark.parametrize("between", "\u2060\u202d\u00a0\u00ad\u200b")
def test_characters_of_no_width_are_seen_through_in_urls(between: str) -> None:
    for url in (quote(between.join(ADMIN)), quote(quote(between.join(ADMIN)))):
        assert REDACTOR.text(f"/v1?after={url}&limit=1") == "/v1?after=[credential:admin]&limit=1"


def test_a_marker_stays_as_it_is() -> None:
    redactor = Redactor.of(Keys.of("admin-key-1"), 1)
    assert redactor.text("<admin-key-1>") == "<[credential:admin]>"
    assert redactor.text("<[credential:admin]> [credential:admin-key-1]") == (
        "<[credential:admin]> [credential:[credential:admin]]"
    )


@pytest.mark.parametrize("key", [*COMMON[:4], "an id", "a project", "a time"])
def test_no_key_makes_a_right_server_break_anything(key: str, tmp_path: Path) -> None:
    data = seeded()
    one = data.permissions[5]
    key = {"an id": one.id, "a project": one.project_id, "a time": str(one.created_at)}.get(key, key)
    operation = load_operation()
    with Server(replace(data, admin_key=key)) as server:
        target = Target(server.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint)
        result = run(Plan(target=target, keys=Keys.of(key), operation=operation, seed=1, budget=60))
    claimed = {Verdict.BROKEN, Verdict.WARNED}
    assert not [each.clause for each in result.judgements if each.verdict in claimed]
    record(result, tmp_path / "run.har")
    again = replay(
        tmp_path / "run.har", operation, lambda target, seed: Terms(target=target, operation=operation, seed=seed)
    )
    assert not [each.clause for each in again.judgements if each.verdict in claimed]
    hidden = MARKER.search((tmp_path / "run.har").read_text(encoding="utf-8")) is not None
    assert any("can't be judged: a key was replaced" in note for note in again.notes) == hidden
    assert not any("The list changed" in note for note in again.notes)


def test_a_very_short_key_is_not_searched_for() -> None:
    redactor = Redactor.of(Keys.of("list"), 1)
    assert redactor.text('{"object": "list"}') == '{"object": "list"}'
    assert "is not removed" in next(redactor.remarks())


def test_of_usual_keys_nothing_is_remarked() -> None:
    assert list(REDACTOR.remarks()) == []


# False alarms, cost, and what holds a key


def test_lists_hold_no_key_by_chance() -> None:
    rng = random.Random(7)
    signs = string.ascii_letters + string.digits

    def token(size: int) -> str:
        return "".join(rng.choices(signs, k=size))

    redactors = [Redactor.of(Keys.of(f"sk-admin-{token(48)}", f"sk-{token(20)}"), seed) for seed in range(5)]
    for _ in range(40):
        data = [
            {"id": f"cp_{token(24)}", "created_at": rng.randrange(2 * 10**9), "project_id": f"proj_{token(24)}"}
            for _ in range(100)
        ]
        body = json.dumps({"object": "list", "data": data}).encode()
        assert all(redactor.data(body) is body for redactor in redactors)


def test_the_same_object_comes_back_when_there_is_nothing_to_replace() -> None:
    data = b'{"object": "list", "url": "%2F\\/&amp;"}' * 9
    assert REDACTOR.data(data) is data
    clean = exchange(Answer(200, "OK", (("A", "b"),), data), Failure(FailureKind.CUT, "cut"))
    assert REDACTOR.exchange(clean) is clean


@pytest.mark.parametrize(
    "piece",
    [
        b"AbCdEf-",
        b"AbCdEf%41",
        b"AbCdEf\\u0041",
        b"73",
        b"%25",
        b"A",
        b"&#",
        b"&amp;",
        b"\\",
        b"%",
        b"0:",
        b" \xe2\x80",
    ],
)
def test_the_cost_grows_with_the_text_and_not_faster(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted are the bytes that are looked at: the readings of a text, and the steps within them."""
    seen: list[int] = []
    real = Redactor._in

    def counting(self: Redactor, view: View) -> list[_Found]:
        found = list(real(self, view))
        seen.append(len(view.folded) + len(found))
        return found

    monkeypatch.setattr(Redactor, "_in", counting)
    costs = []
    for size in (2_000, 20_000):
        seen.clear()
        REDACTOR._known.cache_clear()
        REDACTOR.data(piece * (size // len(piece)))
        costs.append(sum(seen))
    assert costs[1] <= 11 * costs[0]
    assert costs[1] <= 20 * 20_000


def test_a_redactor_shows_no_key() -> None:
    assert "Canary" not in repr(REDACTOR) + repr(REDACTOR._blocks.values())


@pytest.mark.parametrize("name", CREDENTIALS)
def test_markers_are_recognized(name: str) -> None:
    match = MARKER.search(f"x{marker(name)}y")
    assert match is not None
    assert match.groups() == (name, None)
    part = MARKER.search(marker("admin", part=True))
    assert part is not None
    assert part[2] == " in part"


@settings(max_examples=150)
@given(
    key=st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "S"]), min_size=12, max_size=80),
    pieces=st.lists(st.binary(max_size=20) | st.sampled_from([b"KEY", b"%", b"&#", b"\\u00", b"\\"]), max_size=12),
    cut=st.integers(0, 3),
)
def test_no_key_survives(key: str, pieces: list[bytes], cut: int) -> None:
    raw = key.encode("latin-1")[cut:]
    data = b"".join(raw if piece == b"KEY" else piece for piece in pieces)
    redactor = Redactor([("admin", key)])
    clean = redactor.data(data)
    common = any(redactor.remarks())  # such a key is replaced where all of it stands, and that is said up front
    if len(set(key.lower())) > 4 and b"KEY" in pieces and not key.isdigit() and not common:
        assert raw not in clean
        assert MARKER.search(clean.decode("latin-1"))


@pytest.mark.parametrize("sign", ["0", "x", "%", "\\"])
def test_what_is_all_the_same_takes_little_memory(sign: str) -> None:
    """Beyond Python's own memory, which patterns take."""
    size = 2 << 20
    code = (
        "import resource, sys\nfrom contracts.traffic.redaction import Redactor\n"
        f"redactor = Redactor([('admin', {ADMIN!r})])\nbody = {sign!r} * {size}\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nredactor.text(body)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert int(done.stdout) < 15 * size >> 20, f"{done.stdout.strip()} MiB for {size >> 20}"


def test_large_texts_are_searched_one_at_a_time_and_clean_ones_once(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    under_way: list[int] = []

    def slowly(data: bytes, least: int) -> Iterator[View]:
        begun.append(len(under_way))
        under_way.append(1)
        time.sleep(0.01)
        yield from views(data, least)
        under_way.pop()

    monkeypatch.setattr("contracts.traffic.redaction.views", slowly)
    redactor = Redactor([("admin", ADMIN)])
    clean, leaky = [b"%d" % number * 99_999 for number in range(3)], b" " * 99_999 + ADMIN.encode()
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(redactor.data, [*clean, *clean, leaky, leaky]))
    assert done == [*clean, *clean, *[b" " * 99_999 + marker("admin").encode()] * 2]
    assert begun == [0] * 5
