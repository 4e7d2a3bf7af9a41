"""Keys: where they come from, in which forms they are sent and shown, and that nothing else ever holds them."""

from __future__ import annotations

import base64
import copy
import html
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.core.errors import ConfigurationError
from contracts.core.model import Request
from contracts.traffic.credentials import (
    ALMOST,
    CREDENTIALS,
    IN_QUERY,
    MALFORMED,
    Keys,
    Secret,
    available,
    read_keys,
    unknown_key,
)
from contracts.traffic.curl import curl
from contracts.traffic.redaction import MARKER, Redactor, marker

ADMIN = "sk-admin-CanaryAbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
USER = "sk-user-zYxWvUtSrQpOnMlKjIhGfEdCbA9876543210"
KEYS = Keys.of(ADMIN, USER)


# Secrets


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(ADMIN)
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % secret, repr(KEYS), repr([KEYS])):  # noqa: UP031 - all ways to format
        assert "Canary" not in shown
    assert secret.reveal() == ADMIN


@pytest.mark.parametrize("write", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_a_secret_is_not_written(write: object) -> None:
    assert callable(write)
    with pytest.raises(TypeError):
        write(Secret(ADMIN))


def test_secrets_are_equal_by_what_they_hold() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


# Where keys come from


def test_keys_from_the_environment() -> None:
    assert read_keys(environ={"OPENAI_ADMIN_KEY": f" {ADMIN}\n"}) == Keys(Secret(ADMIN))
    assert read_keys(environ={"OPENAI_ADMIN_KEY": ADMIN, "OPENAI_USER_KEY": USER}) == KEYS


def test_keys_from_files(tmp_path: Path) -> None:
    (tmp_path / "admin").write_bytes(b"\xef\xbb\xbf" + ADMIN.encode() + b"\r\n")
    (tmp_path / "user").write_text(USER)
    keys = read_keys(environ={"OPENAI_ADMIN_KEY": "other"}, admin_file=tmp_path / "admin", user_file=tmp_path / "user")
    assert keys == KEYS


def test_keys_from_commands_that_get_neither_a_shell_nor_the_keys() -> None:
    script = "import os,sys; sys.stderr.write('noise'); print([sys.argv[1:], 'OPENAI_ADMIN_KEY' in os.environ])"
    keys = read_keys(
        environ={**os.environ, "OPENAI_ADMIN_KEY": "other"},
        admin_command=f'{sys.executable} -c "{script}" $HOME ; "a b"',
    )
    assert keys.admin.reveal() == "[['$HOME', ';', 'a b'], False]"


def bad(tmp_path: Path, what: str) -> dict[str, object]:
    file = tmp_path / "key"
    match what:
        case "binary file":
            file.write_bytes(b"\xff\xfe" + ADMIN.encode())
        case "large file":
            file.write_text(ADMIN * 5000)
        case "folder":
            return {"admin_file": tmp_path}
        case "no file":
            return {"admin_file": tmp_path / "none"}
        case "two sources":
            return {"admin_file": file, "admin_command": "true"}
        case _:
            return {"admin_command": what}
    return {"admin_file": file}


@pytest.mark.parametrize(
    "what",
    [
        "binary file",
        "large file",
        "folder",
        "no file",
        "two sources",
        "",
        "'unbalanced",
        "/no/such/command",
        "false",
        "true",
        f"{sys.executable} -c \"print('{ADMIN}'); raise SystemExit('{ADMIN}')\"",
        f"{sys.executable} -c \"import sys; sys.stdout.buffer.write(b'\\xff{ADMIN}')\"",
        f"{sys.executable} -c \"import time; print('{ADMIN}', flush=True); time.sleep(60)\"",
        f"{sys.executable} -c \"print('{ADMIN}\\n{ADMIN}')\"",
    ],
)
def test_a_source_that_fails_is_told_without_the_key(what: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_keys(environ={}, timeout=0.5, **bad(tmp_path, what))  # type: ignore[arg-type]  # the names are checked above
    assert_one_sentence(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        *["", "  \n", f"{ADMIN}\n{ADMIN}", f"{ADMIN}\r{ADMIN}", f"{ADMIN}\0", f"a\x1b{ADMIN}"],
        *[f"{ADMIN}\u20ac", f"a\u2028{ADMIN}", f"\x7f{ADMIN}."],
    ],
)
@pytest.mark.parametrize("which", ["admin", "user"])
def test_a_key_that_no_header_can_carry_is_told_without_the_key(key: str, which: str) -> None:
    environ = {"OPENAI_ADMIN_KEY": ADMIN, f"OPENAI_{which.upper()}_KEY": key}
    with pytest.raises(ConfigurationError, match=which) as caught:
        read_keys(environ=environ)
    assert_one_sentence(caught.value)


def test_a_missing_admin_key_is_told() -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_ADMIN_KEY") as caught:
        read_keys(environ={"OPENAI_USER_KEY": USER})
    assert_one_sentence(caught.value)
    assert caught.value.exit_code == 4


def assert_one_sentence(error: ConfigurationError) -> None:
    text = str(error)
    assert "Canary" not in text
    assert text.endswith(".")
    assert text.isprintable()
    # A cause would be shown with the traceback.
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


# Forms


def test_the_table_is_whole() -> None:
    assert len({credential.sentence for credential in CREDENTIALS.values()}) == len(CREDENTIALS)
    assert all(name == credential.name for name, credential in CREDENTIALS.items())
    assert len(MALFORMED) >= 7
    assert IN_QUERY == ("query-api_key", "query-key", "query-token", "query-access_token")
    assert set(ALMOST) < set(CREDENTIALS)
    assert available(KEYS) == tuple(CREDENTIALS)


def test_forms_that_keys_do_not_allow_are_not_available() -> None:
    missing = set(CREDENTIALS) - set(available(Keys.of("1")))
    assert missing == {"user", "shortened", "other-case", "first-half"}
    assert CREDENTIALS["other-case"].form(Keys.of("ÿ"), 1) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("admin", f"Bearer {ADMIN}"),
        ("basic", "Basic " + base64.b64encode(f"{ADMIN}:".encode()).decode()),
        ("basic-password", "Basic " + base64.b64encode(f":{ADMIN}".encode()).decode()),
        ("first-half", f"Bearer {ADMIN[: len(ADMIN) // 2]}"),
        ("query-token", ADMIN),
        ("malformed-long", "Bearer " + "0" * 4096),
    ],
)
def test_forms_of_the_key(name: str, value: str) -> None:
    form = CREDENTIALS[name].form(KEYS, 1)
    assert form is not None
    assert form.reveal() == value


def test_a_key_in_the_query_is_percent_encoded() -> None:
    form = CREDENTIALS["query-key"].form(Keys.of("a/b+c=d&e é"), 1)
    assert form is not None
    assert form.reveal() == "a%2Fb%2Bc%3Dd%26e%20%E9"


@pytest.mark.parametrize("name", ["none", "unknown", "null", "empty", "empty-bare", *MALFORMED])
def test_forms_without_a_key_hold_none(name: str) -> None:
    form = CREDENTIALS[name].form(KEYS, 1)
    assert form is None or ADMIN[:4] not in form.reveal() or name == "unknown"
    assert form is None or "Canary" not in form.reveal()


def test_the_unknown_key_follows_the_seed() -> None:
    assert unknown_key(1) == unknown_key(1) != unknown_key(2)
    assert unknown_key(1).startswith("sk-admin-")


def test_no_form_shows_a_key() -> None:
    for credential in CREDENTIALS.values():
        assert "Canary" not in f"{credential!r}{credential.shown}{credential.curl}"


# The command that asks again


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a curl that prints its arguments."""
    folder = tmp_path_factory.mktemp("bin")
    stub = folder / "curl"
    stub.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n")
    stub.chmod(0o755)
    return folder


def arguments(shell: Path, line: str, key: str = ADMIN) -> list[str]:
    environ = {"PATH": f"{shell}:{os.defpath}:/usr/bin:/bin", "OPENAI_ADMIN_KEY": key, "OPENAI_USER_KEY": USER}
    done = subprocess.run(["sh", "-euc", line], env=environ, capture_output=True, check=True, cwd=shell)
    assert done.stderr == b""
    assert sorted(path.name for path in shell.iterdir()) == ["curl"]
    return done.stdout.decode().split("\0")[:-1]


NASTY = [
    "/a';touch stolen;'",
    '/a";touch stolen;"',
    "/$(touch stolen)",
    "/`touch stolen`",
    "/a&touch&stolen",
    "/a|touch${IFS}stolen",
    "/{a,b}[1-3]*?",
    "/a\\",
    "/a#b!c",
    "/-o",
]


@pytest.mark.parametrize("path", NASTY)
def test_no_target_breaks_out_of_the_command(path: str, shell: Path) -> None:
    line = curl("http://h/v1/", Request(path, path[1:]))
    assert "\n" not in line
    header = f"Authorization: Bearer {ADMIN}"
    assert arguments(shell, line) == ["-gsS", "--path-as-is", "-H", header, f"http://h/v1{path}?{path[1:]}"]


@pytest.mark.parametrize("name", [name for name in CREDENTIALS if name != "unknown"])
def test_the_command_sends_the_same_credentials(name: str, shell: Path) -> None:
    line = curl("http://h", Request("/x", credential=name))
    assert "Canary" not in line
    given = arguments(shell, line)
    assert given[:2] == ["-gsS", "--path-as-is"]
    assert given[-1] == "http://h/x"
    form = CREDENTIALS[name].form(KEYS, 1)
    options = given[2:-1]
    if form is None:
        assert options == []
    elif name in IN_QUERY:
        assert options == ["-G", "--data-urlencode", f"{CREDENTIALS[name].parameter}={unquote(form.reveal())}"]
    elif options[0] == "-u":
        assert form.reveal() == "Basic " + base64.b64encode(options[1].encode()).decode()
    else:
        assert options == ["-H", f"Authorization: {form.reveal()}"]


def test_a_key_is_never_a_command(shell: Path) -> None:
    key = "$(touch stolen)`touch stolen`';\"&|*"
    for name in ("admin", "basic", "query-key", "shortened", "first-half", "other-case"):
        line = curl("http://h", Request("/x", credential=name))
        assert any("touch" in word.lower() for word in arguments(shell, line, key))


def test_the_stub_would_notice_a_break_out(shell: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    shutil.copytree(shell, folder)
    with pytest.raises(AssertionError):
        arguments(folder, "curl x; touch stolen")


# What servers repeat

REDACTOR = Redactor(KEYS, 1)

WRITINGS: dict[str, Callable[[str], str | bytes]] = {
    "as it is": str,
    "Latin-1": lambda key: key.encode("latin-1"),
    "URL-encoded": lambda key: quote(key, safe=""),
    "URL-encoded in lower case": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "URL-encoded Latin-1": lambda key: quote(key, safe="", encoding="latin-1"),
    "URL-encoded here and there": lambda key: "".join(
        quote(c, safe="") if n % 3 else "".join(f"%{byte:02X}" for byte in c.encode()) for n, c in enumerate(key)
    ),
    "as a form": quote_plus,
    "JSON": lambda key: json.dumps(key)[1:-1],
    "JSON with every escape": lambda key: "".join(f"\\u{ord(c):04x}" for c in key),
    "JSON with slashes escaped": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "repr": lambda key: "".join(f"\\x{ord(c):02x}" for c in key),
    "HTML": html.escape,
    "HTML with numbers": lambda key: "".join(f"&#{ord(c)};" for c in key),
    "HTML with hexadecimal numbers": lambda key: "".join(f"&#x{ord(c):X};" for c in key),
    "hexadecimal": lambda key: key.encode().hex(),
    "hexadecimal in upper case": lambda key: key.encode().hex().upper(),
    "lower case": str.lower,
    "upper case": str.upper,
    "UTF-16": lambda key: key.encode("utf-16-le"),
}


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("key", [ADMIN, "sk-Admin/with+signs=&<>\"'%\\ and\u00e9 more"])
@pytest.mark.parametrize("around", ["{}", '{{"a": "{}"}}', "x{}y", "Bearer {} {}", "%7B{}%7D", "&quot;{}&quot;"])
def test_a_key_is_found_however_it_is_written(writing: str, key: str, around: str) -> None:
    written = WRITINGS[writing](key)
    raw = written.encode() if isinstance(written, str) else written
    before, *between, after = [piece.encode() for piece in around.format("\0", "\0").split("\0")]
    data = raw.join([before, *between, after])
    assert Redactor(Keys.of(key), 1).redact(data) == b"[credential:admin]".join([before, *between, after])


@given(st.binary(max_size=9), st.binary(max_size=9), st.booleans(), st.sampled_from([ADMIN, "sk-~~~???>>>???~~~"]))
def test_a_key_is_found_in_base64_wherever_it_stands(before: bytes, after: bytes, urlsafe: bool, key: str) -> None:  # noqa: FBT001 - drawn
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    clean = Redactor(Keys.of(key), 1).redact(encode(before + key.encode() + after))
    assert b"[credential:admin]" in clean
    for lead in range(3):
        assert encode(b"0" * lead + key.encode())[8:20] not in clean


@pytest.mark.parametrize(
    ("secret", "name"),
    [
        (USER, "user"),
        (unknown_key(1), "unknown"),
        (ADMIN.swapcase(), "other-case"),
        (ADMIN[:-1], "admin in part"),
        (ADMIN[: len(ADMIN) // 2], "first-half"),
    ],
)
def test_everything_that_may_be_sent_is_found(secret: str, name: str) -> None:
    assert REDACTOR.redact_text(f'{{"token": "{secret}"}}') == f'{{"token": "[credential:{name}]"}}'


@pytest.mark.parametrize(
    "form", [name for name in available(KEYS) if name not in {"none", "null", "empty", "empty-bare", *MALFORMED}]
)
def test_every_form_is_found_when_it_comes_back(form: str) -> None:
    secret = CREDENTIALS[form].form(KEYS, 1)
    assert secret is not None
    clean = REDACTOR.redact_text(f"you sent {secret.reveal()}!")
    assert MARKER.search(clean)
    assert ADMIN[9:20] not in clean


def test_a_large_part_counts_and_a_small_one_does_not() -> None:
    three_quarters = -(-len(ADMIN) * 3 // 4)
    for begin in range(len(ADMIN) - three_quarters + 1):
        part = ADMIN[begin : begin + three_quarters]
        assert REDACTOR.redact_text(f"<{part}>") == f"<{marker('admin', part=True)}>"
    for begin in (1, 5, len(ADMIN) - three_quarters + 1):
        part = ADMIN[begin : begin + three_quarters - 1]
        assert REDACTOR.redact_text(f"<{part}>") == f"<{part}>"


@pytest.mark.parametrize("masked", [f"{ADMIN[:5]}***{ADMIN[-4:]}", f"{ADMIN[:12]}…", "sk-admin-*****", "*" * 51])
def test_a_masked_form_is_left_alone(masked: str) -> None:
    assert REDACTOR.redact_text(masked) == masked


def test_short_keys_need_to_be_whole_and_very_short_ones_are_words() -> None:
    short = Redactor(Keys.of("abcdefgh"), 1)
    assert short.redact(b"abcdefgh abcdefg") == b"[credential:admin] abcdefg"
    assert Redactor(Keys.of("list"), 1).redact(b'{"object": "list"}') == b'{"object": "list"}'


def test_the_same_object_comes_back_when_there_is_nothing_to_replace() -> None:
    data = b'{"object": "list", "url": "%2F\\/&amp;"}' * 9
    assert REDACTOR.redact(data) is data
    assert not REDACTOR.holds(data)
    assert REDACTOR.holds(b"%73" + ADMIN[1:].encode())


def test_a_redactor_shows_no_key() -> None:
    assert "Canary" not in repr(REDACTOR) + repr(REDACTOR._needles)


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
    least = max(12, -(-len(key) * 3 // 4))
    data = b"".join(raw if piece == b"KEY" else piece for piece in pieces)
    clean = Redactor(Keys.of(key), 1).redact(data)
    if len(raw) >= least and b"KEY" in pieces:
        assert raw not in clean
        assert MARKER.search(clean.decode("latin-1"))
    if b"KEY" not in pieces and raw[: least // 2] not in data:
        assert MARKER.search(clean.decode("latin-1")) is None or b"[credential" in data
