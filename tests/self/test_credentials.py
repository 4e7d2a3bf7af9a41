"""Keys: where they come from, in which forms they are sent and shown, and that nothing else ever holds them."""

from __future__ import annotations

import base64
import copy
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from canary import ADMIN, key_like

from contracts.core.errors import ConfigurationError
from contracts.core.model import Request, Target
from contracts.traffic.credentials import ALMOST, CREDENTIALS, IN_QUERY, MALFORMED, available, unknown_key
from contracts.traffic.curl import curl
from contracts.traffic.keys import Keys, Secret, read_keys

USER = key_like("user", "zYxWvUtSrQpOnMlKjIhGfEdCbA9876543210")
KEYS = Keys.of(ADMIN, USER)


# Secrets


def test_a_secret_is_never_shown() -> None:
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


def test_the_path_of_a_file_in_the_place_of_a_key_is_reported(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(ADMIN)
    with pytest.raises(
        ConfigurationError, match=r"^OPENAI_ADMIN_KEY is the path of a file: give it as .* \(--key-file\)"
    ):
        read_keys(environ={"OPENAI_ADMIN_KEY": str(tmp_path / "key")})
    assert read_keys(environ={"OPENAI_ADMIN_KEY": str(tmp_path / "none")}).admin.reveal() == str(tmp_path / "none")


def test_keys_from_the_environment() -> None:
    assert read_keys(environ={"OPENAI_ADMIN_KEY": ADMIN}) == Keys(Secret(ADMIN))
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


def bad(tmp_path: Path, what: str) -> dict[str, Any]:
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
        "yes",
        "sh -c 'exec >&-; sleep 60'",
    ],
)
def test_a_source_that_fails_is_reported_without_the_key(what: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_keys(environ={}, timeout=0.5, **bad(tmp_path, what))
    assert_one_sentence(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        *[f"{ADMIN}\n{ADMIN}", f"{ADMIN}\r{ADMIN}", f"{ADMIN}\0", f"a\x1b{ADMIN}"],
        *[f"{ADMIN}\u20ac", f"a\u2028{ADMIN}", f"\x7f{ADMIN}."],
    ],
)
@pytest.mark.parametrize("which", ["admin", "user"])
def test_a_key_that_no_header_can_carry_is_reported_without_the_key(key: str, which: str) -> None:
    environ = {"OPENAI_ADMIN_KEY": ADMIN, f"OPENAI_{which.upper()}_KEY": key}
    with pytest.raises(ConfigurationError, match=f"^OPENAI_{which.upper()}_KEY ") as caught:
        read_keys(environ=environ)
    assert_one_sentence(caught.value)


@pytest.mark.parametrize(
    ("form", "remedy"),
    [
        ('"{}"', "has quotes around the key: take them away."),
        ("'{}'", "has quotes around the key: take them away."),
        ("\u201c{}\u201d", "has quotes around the key: take them away."),
        ('{}"', "has quotes around the key: take them away."),
        ("Bearer {}", "give the key alone."),
        ("bearer\t{}", "give the key alone."),
        ("Authorization: Bearer {}", "give the key alone."),
        (" {}", "has a space or a line break around the key: take it away."),
        ("{}\n", "has a space or a line break around the key: take it away."),
        ("{}\r\n", "has a space or a line break around the key: take it away."),
        ("\ufeff{}", "has control characters"),
        ("OPENAI_ADMIN_KEY={}", "give only what follows the equals sign."),
        ("{{{{ {} }}}}", "is a placeholder that was not replaced by a key: look at how it is set."),
        ("<{}>", "is a placeholder that was not replaced by a key: look at how it is set."),
        ("export STAGING_KEY={}", "give only what follows the equals sign."),
        ("${{ secrets.KEY }}", "a variable was not replaced by its value"),
        ('{"key": "{}"}', "is JSON: give only the key that is in it."),
        ('["{}"]', "is JSON: give only the key that is in it."),
        ("https://host/{}", "is a URL: give the key."),
        ("sk-admin-***wxyz", "is masked: copy the key itself."),
        ("***", "is masked: copy the key itself."),
        ("sk-admin-********", "is masked: copy the key itself."),
        ("sk-\u2022\u2022\u2022wxyz", "is masked: copy the key itself."),
        ("sk-...wxyz", "is masked: copy the key itself."),
        (base64.b64encode(f"{USER}\n".encode()).decode(), "is a key in base64: decode it."),
    ],
)
@pytest.mark.parametrize("variable", ["OPENAI_ADMIN_KEY", "OPENAI_USER_KEY", "STAGING_KEY"])
def test_a_key_with_something_around_it_is_reported_by_its_variable(form: str, remedy: str, variable: str) -> None:
    admin = variable if variable == "STAGING_KEY" else "OPENAI_ADMIN_KEY"
    with pytest.raises(ConfigurationError) as caught:
        read_keys(environ={"OPENAI_ADMIN_KEY": ADMIN, variable: form.replace("{}", USER)}, admin_variable=admin)
    assert str(caught.value).startswith(f"{variable} ")
    assert remedy in str(caught.value)
    assert USER not in str(caught.value)
    assert_one_sentence(caught.value)


@pytest.mark.parametrize("form", ["{}", "{}\n", " {}\r\n\n", "\ufeff{}\n"])
def test_what_stands_around_a_key_in_a_file_is_no_part_of_it(form: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(form.format(ADMIN), encoding="utf-8", newline="")
    assert read_keys(environ={}, admin_file=tmp_path / "key") == Keys(Secret(ADMIN))


def test_a_file_with_quotes_around_its_key_is_reported_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f'"{ADMIN}"\n')
    with pytest.raises(ConfigurationError, match=r"^The file of the admin key \(key\) has quotes around the key"):
        read_keys(environ={}, admin_file=tmp_path / "key")


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_an_empty_variable_counts_as_not_set(value: str) -> None:
    assert read_keys(environ={"OPENAI_ADMIN_KEY": ADMIN, "OPENAI_USER_KEY": value}) == Keys(Secret(ADMIN))
    with pytest.raises(ConfigurationError, match=r"and there is none \(OPENAI_API_KEY is not read: "):
        read_keys(environ={"OPENAI_API_KEY": USER})
    with pytest.raises(ConfigurationError, match="An admin key is needed, and OPENAI_ADMIN_KEY is empty: "):
        read_keys(environ={"OPENAI_ADMIN_KEY": value, "OPENAI_USER_KEY": USER})


def test_the_same_key_twice_is_reported_by_both_variables(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="OTHER_KEY gives the same key as OPENAI_ADMIN_KEY: ") as caught:
        read_keys(environ={"OPENAI_ADMIN_KEY": ADMIN, "OTHER_KEY": ADMIN}, user_variable="OTHER_KEY")
    assert_one_sentence(caught.value)
    (tmp_path / "key").write_text(f"{ADMIN}\n")
    with pytest.raises(ConfigurationError, match="OPENAI_USER_KEY gives the same key as the file of the admin key"):
        read_keys(environ={"OPENAI_USER_KEY": ADMIN}, admin_file=tmp_path / "key")


def test_a_missing_admin_key_is_reported() -> None:
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
    assert set(MALFORMED) < set(CREDENTIALS)
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
    line = curl(Target("http://h/v1/", "c"), Request(path, path[1:]))
    assert "\n" not in line
    header = f"Authorization: Bearer {ADMIN}"
    assert arguments(shell, line) == ["-gsS", "--path-as-is", "-H", header, f"http://h/v1{path}?{path[1:]}"]


@pytest.mark.parametrize("name", [name for name in CREDENTIALS if name != "unknown"])
def test_the_command_sends_the_same_credentials(name: str, shell: Path) -> None:
    line = curl(Target("http://h", "c"), Request("/x", credential=name))
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


def test_the_command_for_a_key_that_was_never_issued_sends_one_of_the_same_form(shell: Path) -> None:
    *_, option, header, _url = arguments(shell, curl(Target("http://h", "c"), Request("/x", credential="unknown")))
    assert option == "-H"
    sent = header.removeprefix("Authorization: Bearer ")
    assert sent != unknown_key(0)
    assert re.fullmatch("sk-admin-[0-9a-f]{48}", sent)
    assert re.fullmatch("sk-admin-[0-9a-f]{48}", unknown_key(0))


def test_a_key_is_never_a_command(shell: Path) -> None:
    key = "$(touch stolen)`touch stolen`';\"&|*"
    for name in ("admin", "basic", "query-key", "shortened", "first-half", "other-case"):
        line = curl(Target("http://h", "c"), Request("/x", credential=name))
        assert any("touch" in word.lower() for word in arguments(shell, line, key))


def test_the_stub_would_notice_a_break_out(shell: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    shutil.copytree(shell, folder)
    with pytest.raises(AssertionError):
        arguments(folder, "curl x; touch stolen")


def test_curl_sends_an_empty_header() -> None:
    target = Target("http://h", "c", key_header="X-Api-Key")
    assert ' -H "X-Api-Key;" ' in curl(target, Request("/things", credential="empty"))
    assert ' -H "X-Api-Key: $OPENAI_ADMIN_KEY" ' in curl(target, Request("/things"))
