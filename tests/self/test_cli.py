"""The command line: what it prints, what it refuses and in which words, what it exits with."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from canary import key_like
from commanding import choose_nothing, run, start
from snapshotting import snapshot

import contracts.runs.job
import contracts.verdicts.conclusion
from contracts.cli import progress
from contracts.mock.faults import open_fault
from contracts.mock.load import LOAD_VARIANTS
from contracts.mock.server import Server
from contracts.mock.store import seeded
from contracts.mock.variants import EVERY_VARIANT
from contracts.traffic.har import read_har

ROOT = Path(__file__).parents[2]
CANARY = key_like("admin", "CANARY0123456789abcdefCANARY")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    choose_nothing(monkeypatch)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(seeded(size=12)) as running:
        yield running


def target(server: Server, *more: str) -> tuple[str, ...]:
    return ("--base-url", server.base_url, "--checkpoint", server.dataset.checkpoint, *more)


def keys(server: Server) -> dict[str, str]:
    return {"OPENAI_ADMIN_KEY": server.dataset.admin_key, "OPENAI_USER_KEY": server.dataset.user_key}


# Whole command lines


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("help", "--help", 0),
        ("help-check", "check --help", 0),
        ("list", "list SEC OBS-001", 0),
        ("explain", "explain OBS-013", 0),
        ("check-kept", "check", 0),
        ("check-broken", "check SEC --fault user-key-let-in", 1),
        ("check-quiet", "check SEC --fault user-key-let-in --quiet", 1),
        ("check-incomplete", "check FLT --projects 1", 6),
        ("doctor", "doctor", 0),
        ("doctor-empty", "doctor --items 0", 6),
    ],
)
def test_whole_command_lines(name: str, words: str, code: int) -> None:
    done = run(*words.split())
    assert done.exit_code == code, done.output
    snapshot(name, done.stdout)


def test_a_target_of_its_own_is_judged_with_what_it_was_given(server: Server) -> None:
    done = run("check", "SCO", *target(server), env=keys(server))
    assert done.exit_code == 6
    snapshot("check-target", done.stdout.replace(server.base_url, "BASE-URL"))
    done = run("doctor", *target(server), env={"OPENAI_ADMIN_KEY": server.dataset.admin_key})
    assert done.exit_code == 6
    snapshot("doctor-target", done.stdout.replace(server.base_url, "BASE-URL"))


def test_everything_can_come_from_the_environment(server: Server) -> None:
    data = server.dataset
    environ = {
        "CONTRACTS_BASE_URL": server.base_url,
        "CONTRACTS_CHECKPOINT": data.checkpoint,
        "CONTRACTS_OTHER_CHECKPOINT": data.other_checkpoint,
        "CONTRACTS_EMPTY_CHECKPOINT": data.empty_checkpoint,
        "CONTRACTS_SEED": "3",
        **keys(server),
    }
    done = run("check", "SEC", "SCO", env=environ)
    assert done.exit_code == 0, done.output
    assert "Seed        3" in done.stdout
    again = "--seed 3\n" in done.stdout and f"--base-url {server.base_url}" in done.stdout
    assert again, "the line that repeats the run names the target"


def test_verbose_shows_cases_exchanges_and_where_settings_come_from() -> None:
    done = run("check", "SEC-001", "--verbose", "--requests", "60", env={"CONTRACTS_SEED": "5"})
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert any(line.startswith("  seed ") and line.split()[1:] == ["5", "CONTRACTS_SEED"] for line in lines)
    assert any(line.startswith("  requests ") and line.split()[1:] == ["60", "--requests"] for line in lines)
    assert any("✔ SEC-001" in line and line.endswith(" cases") for line in lines)
    asked = [line for line in lines if " access " in line and line.endswith("· without credentials  401")]
    assert asked
    assert lines[-1] == "KEPT: 1 of 1 clause  exit 0"


def test_explaining_names_the_faults_of_a_clause() -> None:
    done = run("explain", "PAG-014")
    assert done.exit_code == 0
    for word in ("implied", "Document", "Why", "Needs     2 permissions", "Probes", "Good", "Bad", "Faults"):
        assert word in done.stdout
    listed = run("list", "--faults", "PAG-014").stdout
    name = listed.splitlines()[1].strip()
    assert f"contracts check PAG-014 --fault {name}" in done.stdout


def test_variants_are_listed_with_what_is_different() -> None:
    lines = run("list", "--variants").stdout.splitlines()
    names = [line.strip() for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert sorted(names) == sorted([*EVERY_VARIANT, *LOAD_VARIANTS])
    said = " ".join(" ".join(lines).split())
    assert all(variant.sentence in said for variant in EVERY_VARIANT.values())
    assert all(variant.sentence in said for variant in LOAD_VARIANTS.values())
    assert run("check", "HTP-001", "--variant", names[0]).exit_code == 0


def test_the_plan_counts_the_requests_of_each_probe() -> None:
    done = run("plan", "SEC", "--items", "12", "--projects", "2", "--rate", "10/s")
    assert done.exit_code == 0
    assert "embedded server with 12 permissions of 2 projects" in done.stdout
    assert " access " in done.stdout
    assert " inputs " not in done.stdout
    assert "of at most 300 requests" in done.stdout
    assert "at 10/s at least" in done.stdout


def test_the_plan_does_not_ask_the_target(server: Server) -> None:
    before = len(server.log)
    environ = {"CONTRACTS_BASE_URL": server.base_url, "CONTRACTS_CHECKPOINT": "x", **keys(server)}
    assert run("plan", "SEC", env=environ).exit_code == 0
    assert len(server.log) == before


def test_the_doctor_asks_at_most_twelve_times(server: Server) -> None:
    before = len(server.log)
    words = target(server, "--other-checkpoint", server.dataset.other_checkpoint, "--empty-checkpoint", "nobody")
    done = run("doctor", *words, env=keys(server))
    assert "it is no empty list (404)" in done.stdout
    assert 0 < len(server.log) - before <= 12


@pytest.mark.parametrize("size", [0, 1, 2, 10, 11, 300])
def test_a_right_server_of_any_size_breaks_nothing(size: int) -> None:
    done = run("check", "PAG-009", "SEC", "SCO", "-q", "--items", str(size), "--projects", "1")
    assert done.exit_code in {0, 6}, done.output


# What is refused


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("chek", "There is no command 'chek'. Did you mean check?"),
        (
            "check -base-url x",
            "There is no option -b for `contracts check`. Did you mean --base-url?",
        ),
        ("check https://h/v1", "https://h/v1 is no clause: give the URL of a target as --base-url."),
        ("check run.har", "run.har is no clause: `contracts replay` judges a recording."),
        ("check openapi.yaml", "openapi.yaml is no clause: give a document as --spec."),
        ("check \u2014seed", "\u2014seed is no clause: options begin with two hyphens, as --base-url does."),
        *(
            (
                f"check --query {name}=x",
                "--query {name} can't be the same in every request: the suite asks with values of its own for {name}."
                " Leave it out.".replace("{name}", name),
            )
            for name in ("limit", "after", "order", "project_id")
        ),
        ("help", "There is no command 'help'. Did you mean --help?"),
        ("version", "There is no command 'version'. Did you mean --version?"),
        (
            "check PAG-001,pag-002",
            "There is no clause 'PAG-001,pag-002'. Name them one by one: PAG-001 PAG-002. `contracts list` shows all.",
        ),
        (
            "check -- PAG --base-url",
            "There is no clause '--base-url'. Options stand before `--`, and behind it clauses. `contracts list` shows"
            " all.",
        ),
        ("check --sede 3", "There is no option --sede for `contracts check`. Did you mean --seed?"),
        (
            "doctor --requests 60",
            "There is no option --requests for `contracts doctor`. `contracts doctor --help` shows all.",
        ),
        *(
            (
                f"check {option} secret",
                "There is no option {option} for `contracts check`. A key is never an argument, which others can read:"
                " set OPENAI_ADMIN_KEY, or give --key-file.".replace("{option}", option),
            )
            for option in ("--key", "--api-key", "--token")
        ),
        ("check --url x", "There is no option --url for `contracts check`. Did you mean --base-url?"),
        (
            "check --html-file x",
            "There is no option --html-file for `contracts check`. `contracts check --help` shows all.",
        ),
        ("check PAG-1", "There is no clause 'PAG-1'. Did you mean PAG-001? `contracts list` shows all."),
        ("check pag14", "There is no clause 'pag14'. Did you mean PAG-014? `contracts list` shows all."),
        (
            "check pagination",
            "There is no clause 'pagination'. Its id is like PAG-014, its family like PAG. `contracts list` shows all.",
        ),
        (
            "check user-key-let-in",
            "user-key-let-in is a fault of the embedded server and no clause: write --fault user-key-let-in.",
        ),
        (
            "check --fault sec-005",
            "SEC-005 is a clause: `contracts list --faults SEC-005` names the faults that break it.",
        ),
        (
            "verify",
            "There is no command 'verify'. "
            "There are check, doctor, load, plan, list, explain, operations, replay, serve, selftest, schema.",
        ),
        ("check --seed", "Option '--seed' requires an argument."),
        ("check PAG-114", "There is no clause 'PAG-114'. Did you mean PAG-014? `contracts list` shows all."),
        ("explain", "Missing argument 'CLAUSE...'."),
        ("explain SECX", "There is no clause 'SECX'. Did you mean SEC? `contracts list` shows all."),
        (
            "check --fault user-key-letin",
            "There is no fault 'user-key-letin'. Did you mean 'user-key-let-in'? `contracts list --faults` shows all.",
        ),
        ("check --gate documentd", "--gate documentd names no level 'documentd': did you mean documented?"),
        ("check --requests 59", "--requests 59 is too few for a verdict: give at least 60."),
        (
            "check --base-url https://h/v1",
            "No checkpoint is named: give --checkpoint ID (or CONTRACTS_CHECKPOINT), one that has permissions.",
        ),
        (
            "check --base-url https://h/v1 --checkpoint x",
            "An admin key is needed, and there is none: set OPENAI_ADMIN_KEY, or give --key-file or --key-command.",
        ),
        ("serve --port 99999", "--port 99999 is no port: give a number from 0 to 65535."),
        ("check --spec {root}/pyproject.toml", None),
    ],
)
def test_what_cannot_be_used_is_one_sentence_and_exit_4(words: str, sentence: str | None) -> None:
    done = run(*words.format(root=ROOT).split())
    assert done.exit_code == 4
    assert done.stdout == ""
    assert done.stderr.startswith("contracts: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert sentence is None or done.stderr == f"contracts: {sentence}\n"


def test_an_unknown_variable_of_ours_is_refused() -> None:
    done = run("check", env={"CONTRACTS_SEDE": "3"})
    assert done.exit_code == 4
    assert done.stderr == "contracts: There is no variable CONTRACTS_SEDE. Did you mean CONTRACTS_SEED?\n"


def test_without_a_command_the_help_is_shown() -> None:
    done = run()
    assert (done.exit_code, done.stdout) == (4, "")
    assert "Usage: contracts" in done.stderr


@pytest.mark.parametrize("command", ["check", "doctor"])
def test_a_target_that_cannot_be_judged_is_exit_4(command: str, server: Server) -> None:
    gone = Server()
    with gone:
        pass
    cases = [
        (("--base-url", gone.base_url, "--checkpoint", "x"), "refused"),
        (("--base-url", server.base_url, "--checkpoint", "nobody"), "404"),
    ]
    for words, word in cases:
        done = run(command, *words, env=keys(server))
        assert done.exit_code == 4
        assert word in done.output
    done = run(command, *target(server), env={"OPENAI_ADMIN_KEY": "another-key-than-that"})
    assert done.exit_code == 4
    assert "401" in done.output


# Exit codes and signals


def test_an_internal_error_is_exit_3_and_asks_for_a_report(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(f"something with {server.dataset.admin_key} in it")

    monkeypatch.setattr(contracts.runs.job, "run", fail)
    done = run("check", *target(server), env=keys(server))
    assert done.exit_code == 3
    assert done.stderr.startswith("contracts: internal error: RuntimeError at test_cli.py:")
    assert "please report it (--verbose shows more)." in done.stderr
    assert "Traceback" not in done.stderr
    done = run("check", "--verbose", *target(server), env=keys(server))
    assert done.exit_code == 3
    assert "Traceback" in done.stderr
    assert "something with" in done.stderr
    assert server.dataset.admin_key not in done.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_embedded_server_runs_until_it_is_interrupted(number: signal.Signals) -> None:
    with start("serve", "--items", "12", "--projects", "2") as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], "it ended"
        environ = dict(line.strip().removeprefix("export ").split("=") for line in lines if line.startswith("export"))
        command = next(line for line in lines if line.startswith("contracts check "))
        done = run(*command.split()[1:], "SEC", "-q", env=environ)
        assert done.stdout == "KEPT: 15 of 15 clauses  exit 0\n", done.output
        process.send_signal(number)
        out, error = process.communicate(timeout=120)
    assert (process.returncode, out, error) == (0, "", "")


def test_a_taken_port_is_a_sentence(server: Server) -> None:
    port = server.base_url.rpartition(":")[2].partition("/")[0]
    done = run("serve", "--port", port)
    assert done.exit_code == 4
    assert done.stderr == f"contracts: --port {port} can't be used: Address already in use.\n"


# Keys


def test_no_key_stands_in_any_output(tmp_path: Path) -> None:
    recording = tmp_path / "run.har"
    wrong = open_fault("refusal-repeats-key")
    with wrong as server:
        words = target(server, "--other-checkpoint", server.dataset.other_checkpoint)
        done = run("check", "SEC", "-v", "--record", str(recording), *words, env=keys(server))
        secrets = (server.dataset.admin_key, server.dataset.user_key)
    assert done.exit_code == 1
    assert "SEC-009" in done.stdout
    for secret in secrets:
        assert secret not in done.output
        assert secret[9:40] not in done.output
        assert secret not in recording.read_text(encoding="utf-8")
    assert len(read_har(recording).exchanges) > 20


@pytest.mark.parametrize(
    "words",
    [
        ("check", CANARY),
        ("check", f"--{CANARY}"),
        (CANARY,),
        ("check", "--seed", CANARY),
        ("check", "--base-url", f"https://{CANARY}@host/v1", "--checkpoint", "x"),
        ("check", "--base-url", f"https://host/{CANARY}", "--checkpoint", "x"),
        ("check", "--base-url", "https://host/v1", "--checkpoint", CANARY),
        ("serve", CANARY),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_key_in_the_wrong_place_is_not_repeated(words: tuple[str, ...], known: bool) -> None:
    done = run(*words, env={"OPENAI_ADMIN_KEY": CANARY} if known else {})
    assert done.exit_code == 4
    assert "CANARY" not in done.output


def test_keys_come_from_files_and_commands(server: Server, tmp_path: Path) -> None:
    (tmp_path / "admin").write_text(server.dataset.admin_key + "\n")
    (tmp_path / "user").write_text(server.dataset.user_key + "\n")
    words = target(
        server, "--key-command", f"cat {tmp_path / 'admin'}", "--user-key-file", str(tmp_path / "user"), "-v"
    )
    done = run("check", "SEC-005", *words)
    assert done.exit_code == 0, done.output
    assert server.dataset.admin_key not in done.output
    assert str(tmp_path / "admin") not in done.output


# What is shown while it runs, and how


def test_a_pipeline_sees_one_line_a_probe_and_nothing_when_quiet(server: Server) -> None:
    done = run("check", "SEC", *target(server), env=keys(server))
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["walks", "access"]
    assert run("check", "SEC", "--quiet", *target(server), env=keys(server)).stderr == ""


def test_a_person_sees_progress_and_colours() -> None:
    leader, follower = pty.openpty()
    with start("check", "SEC", "--rate", "100/s", "--requests", "60", stderr=follower) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                piece = os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
        out, _ = process.communicate(timeout=120)
    os.close(leader)
    assert process.returncode == 0
    assert any(words in shown.decode() for words in progress.WORDS.values())
    assert "/60  \x1b[0m requests" in shown.decode()
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("words", "env", "colored"),
    [(["--color"], {}, True), ([], {}, False), (["--color"], {"NO_COLOR": "1"}, True), (["--no-color"], {}, False)],
)
def test_colours_are_a_choice(words: list[str], env: dict[str, str], colored: bool) -> None:
    assert ("\x1b[1m" in run("list", "SEC", *words, env=env).stdout) is colored


def test_an_output_that_knows_ascii_only_gets_ascii_only() -> None:
    with start("check", "SEC", "--fault", "user-key-let-in", env={"PYTHONIOENCODING": "ascii"}) as process:
        out, error = process.communicate(timeout=120)
    assert process.returncode == 1, error
    assert out.isascii()
    assert "x SEC-005" in out


def test_listing_loads_neither_schemathesis_nor_a_server() -> None:
    program = (
        "import sys, contracts.cli\n"
        "try: contracts.cli.main(['list'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('schemathesis', 'hypothesis', 'uvicorn', 'starlette', 'rich.console', 'urllib3')"
        " if name in sys.modules], file=sys.stderr)"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environ, check=True)
    assert done.stderr == "[]\n"
    assert "PAG-014" in done.stdout


def test_the_version_is_reported() -> None:
    assert run("--version").stdout == f"contracts {contracts.verdicts.conclusion.own_version()}\n"
