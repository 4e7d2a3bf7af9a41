"""Settings: who chose what, which words are refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.core.errors import ConfigurationError
from contracts.core.result import GATING, Level
from contracts.settings.choosing import choose, choose_all
from contracts.settings.groups import GROUPS
from contracts.settings.settings import OPTIONS, SECONDS_EACH, Settings
from contracts.traffic.limits import DEFAULT_BUDGET, Limits

TARGET = {"base_url": "https://api.example/v1", "checkpoint": "ft:a:ckpt-1"}


def refused(given: dict[str, str | bool | None], environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        choose(given, environ or {})
    assert caught.value.exit_code == 4
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    return sentence


def test_the_command_line_beats_the_environment_and_that_the_default() -> None:
    environ = {"CONTRACTS_SEED": "7", "CONTRACTS_REQUESTS": "80", "CONTRACTS_STRICT": "yes"}
    settings = choose({"seed": "9"}, environ)
    assert (settings.seed, settings.origin("seed")) == (9, "--seed")
    assert (settings.requests, settings.origin("requests")) == (80, "CONTRACTS_REQUESTS")
    assert (settings.strict, settings.origin("strict")) == (True, "CONTRACTS_STRICT")
    assert (settings.rate, settings.origin("rate")) == (None, "default")


@pytest.mark.parametrize("name", OPTIONS)
def test_every_setting_has_an_option_a_variable_and_a_help(name: str) -> None:
    option = OPTIONS[name]
    assert option.flagged == "--" + name.replace("_", "-")
    assert option.variable == "CONTRACTS_" + name.upper()
    assert (option.help or "").endswith((".", ")."))
    assert Settings().origin(name) == "default"


def test_every_setting_stands_in_one_group_of_the_help() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped))
    assert set(OPTIONS) <= set(grouped)


def test_an_empty_variable_is_none_except_where_it_would_mean_another_target() -> None:
    assert choose({}, {"CONTRACTS_OTHER_CHECKPOINT": "", "CONTRACTS_RATE": " "}).origins == {}
    assert refused({}, {"CONTRACTS_BASE_URL": ""}).startswith("CONTRACTS_BASE_URL is empty")
    assert refused({"base_url": " "}).startswith("--base-url is empty")


def test_unknown_variables_of_ours_are_refused_with_the_closest_one() -> None:
    assert refused({}, {"CONTRACTS_BASEURL": "x"}) == (
        "There is no variable CONTRACTS_BASEURL. Did you mean CONTRACTS_BASE_URL?"
    )
    assert choose({}, {"CONTRACT_BASEURL": "not ours"}).base_url is None


@pytest.mark.parametrize("name", ["DIR", "TEAM", "REPO", "DATABASE_DSN", "VERSION", "ENV", "REGION", "TOKEN"])
def test_a_variable_that_resembles_none_of_ours_is_remarked_on_and_ends_nothing(name: str) -> None:
    found = choose_all({}, {f"CONTRACTS_{name}": "x", "CONTRACTS_ZZZ": "y"})
    (remark,) = found[0].remarks
    assert f"CONTRACTS_{name}" in remark
    assert "CONTRACTS_ZZZ" in remark
    assert choose({}, {}).remarks == ()


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *[("BASEURL", "BASE_URL"), ("BASE_ULR", "BASE_URL"), ("URL", "BASE_URL"), ("base_url", "BASE_URL")],
        *[("SEDE", "SEED"), ("CHECKPOINTS", "CHECKPOINT"), ("CHECKPOINT_ID", "CHECKPOINT"), ("COLOUR", "COLOR")],
        *[("MAXTIME", "MAX_TIME"), ("USER_KEY", "USER_KEY_FILE"), ("REQUEST", "REQUESTS"), ("STRIKT", "STRICT")],
    ],
)
def test_a_slip_of_one_of_our_variables_ends_the_run(word: str, meant: str) -> None:
    assert refused({}, {f"CONTRACTS_{word}": "1"}).endswith(f"Did you mean CONTRACTS_{meant}?")


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("rate", "5", 5.0),
        ("rate", "5/s", 5.0),
        ("rate", "0.5/s", 0.5),
        ("rate", "30/m", 0.5),
        ("seed", "0", 0),
        ("seed", "4294967295", 2**32 - 1),
        ("requests", "60", 60),
        ("items", "0", 0),
        ("gate", "documented, Security", frozenset({Level.DOCUMENTED, Level.SECURITY})),
    ],
)
def test_words_that_are_understood(name: str, word: str, value: object) -> None:
    assert getattr(choose({name: word}, {}), name) == value


@pytest.mark.parametrize(
    ("name", "word", "sentence"),
    [
        ("requests", "59", "--requests 59 is too few for a verdict: give at least 60."),
        ("requests", "many", "--requests many is no whole number from 60 to 1000000."),
        ("rate", "0/s", "--rate 0/s is no rate: write 5/s, 0.5/s or 30/m."),
        ("rate", "fast", "--rate fast is no rate: write 5/s, 0.5/s or 30/m."),
        ("rate", "-1/s", "--rate -1/s is no rate: write 5/s, 0.5/s or 30/m."),
        ("seed", "-1", "--seed -1 is not from 0 to 4294967295."),
        ("seed", "١", "--seed ١ is no whole number from 0 to 4294967295."),
        ("gate", "documentd", "--gate documentd names no level 'documentd': did you mean documented?"),
        (
            *("gate", "observed"),
            "--gate observed names no level 'observed': write documented,implied,security,robustness,advisory.",
        ),
        ("spec", "no-such-file.yaml", "--spec no-such-file.yaml is no file."),
        ("spec", "https://h/a.yaml", "--spec https://h/a.yaml is a URL and no file: download it first."),
        ("projects", "0", "--projects 0 is not from 1 to 100000."),
    ],
)
def test_words_that_are_refused(name: str, word: str, sentence: str) -> None:
    assert refused({name: word}) == sentence


_NO_URL = "it is no http:// or https:// URL with a host, as in https://host/v1"
_NO_PORT = "its port is no number from 1 to 65535"
_LEFT_OUT = "leave that out, and give a parameter of every request as --query NAME=VALUE"
_AROUND = "quotes or brackets around the URL: take them away"
_UNREPLACED = "a variable that was not replaced by its value: look at how it is set"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        *((f"{url}host/v1", f"can't be used: {_NO_URL}") for url in ("ftp://", "wss://", "", "//", "localhost:80/")),
        ("https://host/v1?x=1", f"can't be used: it has a query; {_LEFT_OUT}"),
        ("https://host/v1#top", f"can't be used: it has a fragment; {_LEFT_OUT}"),
        ("https://host/v1#", f"can't be used: it has a fragment; {_LEFT_OUT}"),
        (
            "https://me:s3cret-word@host/v1",
            "can't be used: a URL with a user in it is not used: give what a gateway asks for as --secret-header",
        ),
        ("https://host/v 1", "can't be used: a URL has printable ASCII characters only"),
        *((f"http://host:{port}/v1", f"can't be used: {_NO_PORT}") for port in ("0", "65536", "-1", "http")),
        *((f"{sign}http://host/v1{sign}", f"has {_AROUND}") for sign in "'\"`"),
        ("<http://host/v1>", f"has {_AROUND}"),
        *((word, f"holds {_UNREPLACED}") for word in ("$URL", "${URL}/v1", "http://$(HOST)/v1", "{{ url }}", "%URL%")),
    ],
)
def test_base_urls_that_are_refused(url: str, reason: str) -> None:
    sentence = refused({**TARGET, "base_url": url})
    assert sentence == f"--base-url {reason}."
    assert "s3cret" not in sentence


def test_a_file_that_links_lead_to_in_a_circle_is_reported_as_that(tmp_path: Path) -> None:
    (tmp_path / "key").symlink_to("key")
    sentence = refused({**TARGET, "key_file": str(tmp_path / "key")})
    assert sentence.endswith("key can't be looked at: too many levels of symbolic links.")


def test_the_word_of_a_refused_variable_names_the_variable() -> None:
    assert refused({}, {"CONTRACTS_STRICT": "maybe"}) == "CONTRACTS_STRICT maybe is neither true nor false."


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"base_url": "https://h/v1"},
            "No checkpoint is named: give --checkpoint ID (or CONTRACTS_CHECKPOINT), one that has permissions.",
        ),
        (
            {"checkpoint": "a"},
            "--checkpoint without a target: give --base-url as well, or leave it out to judge the embedded server.",
        ),
        (
            {**TARGET, "fault": "x", "items": "3"},
            "--fault, --items is for the embedded server: leave it out, or leave out --base-url.",
        ),
        ({"fault": "a", "variant": "b"}, "--fault and --variant exclude each other: give one of them."),
        ({"quiet": True, "verbose": True}, "--quiet and --verbose exclude each other: give one of them."),
        (
            {**TARGET, "other_checkpoint": "ft:a:ckpt-1"},
            "--checkpoint and --other-checkpoint name the same checkpoint: give two.",
        ),
        ({**TARGET, "checkpoint": " "}, "--checkpoint is empty."),
        (
            {**TARGET, "checkpoint": "a\udcff"},
            "--checkpoint a\\udcff has bytes that are no text in this locale: write it in UTF-8, and set"
            " LC_ALL=C.UTF-8.",
        ),
        ({**TARGET, "checkpoint": "a\r"}, "--checkpoint a\\r has control characters in it."),
        ({**TARGET, "checkpoint": "a\nb"}, "--checkpoint a\\nb has control characters in it."),
        ({**TARGET, "checkpoint": "a\x1b[2J"}, "--checkpoint a\\x1b[2J has control characters in it."),
    ],
)
def test_contradictions_are_refused(given: dict[str, str | bool | None], sentence: str) -> None:
    assert refused(given) == sentence


def test_a_lonely_checkpoint_of_the_environment_is_no_reason_to_judge_another_server() -> None:
    assert refused({}, {"CONTRACTS_CHECKPOINT": "a"}).startswith("CONTRACTS_CHECKPOINT without a target")


def test_strict_gates_what_is_advisory() -> None:
    assert choose({}, {}).gating == GATING
    assert choose({"strict": True}, {}).gating == GATING | {Level.ADVISORY}


def test_what_is_reported_has_origins_and_no_command_that_gives_a_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch()
    given = {**TARGET, "key_file": str(key), "user_key_command": "show s3cret-word"}
    told = {name: (value, origin) for name, value, origin in choose(given, {"CONTRACTS_RATE": "2/s"}).listed()}
    assert told["base_url"] == ("https://api.example/v1", "--base-url")
    assert told["rate"] == ("2.0", "CONTRACTS_RATE")
    assert told["gate"] == ("documented,implied,security,robustness", "default")
    assert told["user_key_command"] == ("(set)", "--user-key-command")
    assert told["strict"] == ("no", "default")
    assert "other_checkpoint" not in told


def test_a_command_is_not_disturbed_by_what_it_has_no_use_for() -> None:
    environ = {"CONTRACTS_BASE_URL": "nonsense", "CONTRACTS_CHECKPOINT": "x", "CONTRACTS_SEED": "3"}
    settings = choose({"items": "5"}, environ, names=("seed", "items"))
    assert (settings.base_url, settings.seed, settings.items) == (None, 3, 5)
    with pytest.raises(ConfigurationError):
        choose({}, {"CONTRACTS_SEEDS": "1"}, names=("seed",))


def test_random_is_another_seed_each_time() -> None:
    seeds = {choose({"seed": "random"}, {}).seed for _ in range(8)}
    assert len(seeds) > 1


def test_the_time_of_a_run_grows_with_what_it_may_ask() -> None:
    assert choose({}, {}).limits.run == DEFAULT_BUDGET * SECONDS_EACH
    assert choose({"requests": "100", "rate": "2/s"}, {}).limits.run == 100 * (SECONDS_EACH + 0.5)
    chosen = choose({"timeout": "3", "max_time": "60.5"}, {}).limits
    assert (chosen.connect, chosen.read, chosen.answer, chosen.run) == (3.0, 3.0, 3.0, 60.5)
    assert chosen.stalled == Limits().stalled / 10


@pytest.mark.parametrize("word", ["0", "-1", "1e9", "nan", "", "ten", "9999999"])
def test_a_time_that_is_none_is_refused(word: str) -> None:
    assert refused({"max_time": word}).startswith("--max-time ")
    assert refused({"timeout": word}).startswith("--timeout ")
