"""The configuration file, and the breaches that a team accepts in it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from canary import key_like
from hypothesis import given
from hypothesis import strategies as st

from contracts.clauses.registry import Clause, clauses
from contracts.core.errors import ConfigurationError, ExitCode
from contracts.core.result import GATING, Deviation, Judgement, Level, Result, Standing, Verdict
from contracts.settings.choosing import choose, choose_all
from contracts.settings.configfile import load
from contracts.settings.settings import OPTIONS, Settings
from contracts.verdicts.conclusion import exit_code, worst
from contracts.verdicts.deviations import accept, ending, propose, sentence, terms

DAY = date(2026, 11, 20)


def judged(clause: str, verdict: Verdict, level: Level = Level.IMPLIED) -> Judgement:
    return Judgement(clause, level, "a title", verdict)


def accepted(clause: str = "PAG-014", expires: date | None = None, target: str = "") -> Deviation:
    return Deviation(clause, "the gateway is replaced in spring", expires=expires, target=target, origin="deviation 1")


def written(folder: Path, text: str, name: str = "contracts.toml") -> Settings:
    (folder / name).write_text(text, encoding="utf-8")
    return choose({}, {}, folder=folder)


def refused(folder: Path, text: str | bytes, name: str = "contracts.toml") -> str:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as caught:
        choose_all({}, {}, folder=folder)
    told = str(caught.value)
    assert caught.value.exit_code == 4
    assert "\n" not in told
    assert told.endswith((".", "?"))
    return told


# What an entry does


@pytest.mark.parametrize(
    ("verdict", "expires", "standing", "code"),
    [
        (Verdict.BROKEN, None, Standing.ACCEPTED, ExitCode.KEPT),
        (Verdict.BROKEN, date(2026, 11, 20), Standing.ACCEPTED, ExitCode.KEPT),
        (Verdict.BROKEN, date(2026, 11, 19), Standing.EXPIRED, ExitCode.BROKEN),
        (Verdict.KEPT, None, Standing.STALE, ExitCode.BROKEN),
        (Verdict.KEPT, date(2026, 11, 19), Standing.STALE, ExitCode.BROKEN),
        (Verdict.NOT_EXERCISED, None, Standing.UNUSED, ExitCode.INCOMPLETE),
        (Verdict.INCONCLUSIVE, None, Standing.UNUSED, ExitCode.INCOMPLETE),
        (Verdict.NOT_APPLICABLE, None, Standing.UNUSED, ExitCode.INCOMPLETE),
        (Verdict.WARNED, None, Standing.UNUSED, ExitCode.KEPT),
    ],
)
def test_what_becomes_of_an_entry(verdict: Verdict, expires: date | None, standing: Standing, code: int) -> None:
    judgements, known = accept([judged("PAG-014", verdict)], [accepted(expires=expires)], DAY)
    assert [one.standing for one in known] == [standing]
    assert judgements[0].verdict is verdict, "an accepted breach stays one"
    assert (judgements[0].accepted is not None) == (standing is Standing.ACCEPTED)
    assert exit_code(judgements, known, GATING, incomplete=False) == code
    assert "PAG-014" in sentence(known[0])


def test_an_entry_accepts_its_own_clause_only() -> None:
    both = [judged("PAG-014", Verdict.BROKEN), judged("PAG-015", Verdict.BROKEN)]
    judgements, known = accept(both, [accepted()], DAY)
    assert [one.accepted is not None for one in judgements] == [True, False]
    assert exit_code(judgements, known, GATING, incomplete=False) == ExitCode.BROKEN


def test_of_a_clause_that_was_not_judged_nothing_is_said() -> None:
    judgements, known = accept([judged("PAG-015", Verdict.KEPT)], [accepted(expires=date(2000, 1, 1))], DAY)
    assert known == ()
    assert exit_code(judgements, known, GATING, incomplete=False) == ExitCode.KEPT


def test_a_warning_of_an_advisory_clause_can_be_accepted_as_well() -> None:
    judgements, known = accept([judged("ITM-010", Verdict.WARNED, Level.ADVISORY)], [accepted("ITM-010")], DAY)
    assert known[0].standing is Standing.ACCEPTED
    assert exit_code(judgements, known, GATING | {Level.ADVISORY}, incomplete=False) == ExitCode.KEPT


def test_the_worst_exit_code_is_that_of_the_whole() -> None:
    assert worst([]) == worst([0, 0]) == 0
    assert worst([0, 6, 0]) == 6
    assert worst([6, 1, 0]) == 1
    assert worst([1, 4, 6]) == 4
    assert worst([4, 2, 3]) == 2


# The file


def test_every_option_has_its_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 20)
    settings = written(
        tmp_path,
        """
        base-url = "https://api.example/v1/"
        checkpoint = "ft:a:ckpt-1"
        other-checkpoint = "ft:b"
        key-file = "key"
        requests = 90
        rate = 0.5
        seed = 3
        gate = ["documented", "security"]
        strict = true
        color = false
        """,
    )
    assert (settings.base_url, settings.checkpoint, settings.other_checkpoint) == (
        "https://api.example/v1",
        "ft:a:ckpt-1",
        "ft:b",
    )
    assert settings.key_file == tmp_path / "key", "seen from the folder of the file"
    assert (settings.requests, settings.rate, settings.seed, settings.strict) == (90, 0.5, 3, True)
    assert settings.gate == {Level.DOCUMENTED, Level.SECURITY}
    assert settings.color is False
    assert settings.origin("seed") == "contracts.toml: seed"
    assert settings.file == tmp_path / "contracts.toml"


def test_every_option_can_stand_in_the_file(tmp_path: Path) -> None:
    for name, option in OPTIONS.items():
        if name in {"config", "target"}:
            continue
        key = name.replace("_", "-")
        told = refused(tmp_path, f"{key} = 1979-05-27")
        assert told.startswith(f"contracts.toml: {key} is of the wrong kind: write"), option


def test_the_file_is_beaten_by_the_environment_and_that_by_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "contracts.toml").write_text("seed = 1\nrequests = 70\nrate = 2", encoding="utf-8")
    settings = choose({"seed": "3"}, {"CONTRACTS_SEED": "2", "CONTRACTS_REQUESTS": "80"}, folder=tmp_path)
    assert (settings.seed, settings.requests, settings.rate) == (3, 80, 2.0)
    assert [settings.origin(name) for name in ("seed", "requests", "rate")] == [
        "--seed",
        "CONTRACTS_REQUESTS",
        "contracts.toml: rate",
    ]


def test_a_word_of_the_command_line_takes_the_place_of_what_it_excludes(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k")
    (tmp_path / "contracts.toml").write_text(
        'base-url = "https://a.example"\ncheckpoint = "c"\nkey-file = "key"\nquiet = true', encoding="utf-8"
    )
    assert choose({"key_command": "cat key"}, {}, folder=tmp_path).key_file is None
    assert choose({"verbose": True}, {}, folder=tmp_path).quiet is False
    embedded = choose({"fault": "any"}, {}, folder=tmp_path)
    assert (embedded.base_url, embedded.checkpoint, embedded.key_file) == (None, None, None)


def test_a_pyproject_has_a_table_of_ours(tmp_path: Path) -> None:
    settings = written(
        tmp_path,
        "[project]\nname = 'x'\n[tool.contracts]\nseed = 5\n"
        "[[tool.contracts.deviation]]\nclause = 'pag-014'\nreason = 'r'",
        "pyproject.toml",
    )
    assert (settings.seed, settings.origin("seed")) == (5, "pyproject.toml: tool.contracts.seed")
    assert settings.deviations[0].clause == "PAG-014"
    assert settings.deviations[0].origin == "tool.contracts.deviation 1 in pyproject.toml"
    assert refused(tmp_path, "seed = 1") == (
        "contracts.toml and [tool.contracts] in pyproject.toml both say something: keep one of them."
    )


def test_a_pyproject_without_a_table_of_ours_says_nothing(tmp_path: Path) -> None:
    assert written(tmp_path, "[tool.other]\nx = 1", "pyproject.toml").file is None
    assert written(tmp_path, "seed = 8").seed == 8


def test_the_file_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text("seed = 4", encoding="utf-8")
    assert choose({"config": str(file)}, {}).seed == 4
    assert choose({}, {"CONTRACTS_CONFIG": str(file)}).seed == 4
    with pytest.raises(ConfigurationError, match=r"--config .* is no file\."):
        choose({"config": str(tmp_path / "none.toml")}, {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sed = 1", "contracts.toml: sed is unknown: did you mean seed?"),
        ("base_url = 'x'", "contracts.toml: base_url is unknown: did you mean base-url?"),
        ("deviations = []", "contracts.toml: deviations is unknown: did you mean deviation?"),
        ("seed = 'x'", "contracts.toml: seed x is no whole number from 0 to 4294967295."),
        ("seed = true", "contracts.toml: seed is of the wrong kind: write a number."),
        ("strict = 'yes'", "contracts.toml: strict is of the wrong kind: write true or false."),
        ("requests = 5", "contracts.toml: requests 5 is too few for a verdict: give at least 60."),
        (
            "key = 'abc'",
            "contracts.toml: key looks like a secret: name its variable (key-variable), file or command instead.",
        ),
        (
            "admin-key = 'abc'",
            "contracts.toml: admin-key looks like a secret: name its variable (key-variable), file or command instead.",
        ),
        (
            f"checkpoint = '{key_like()}'",
            "contracts.toml: checkpoint holds a key: keys come from the environment, a file or a command.",
        ),
        (
            "key-variable = 'not a name'\nbase-url='https://a.example'\ncheckpoint='c'",
            "contracts.toml: key-variable is not the name of a variable: the key itself is never named here.",
        ),
        ("target = 1", "contracts.toml: target is no list of tables: write [[target]]."),
        ("deviation = ['PAG-014']", "contracts.toml: deviation is no list of tables: write [[deviation]]."),
        (
            "[[target]]\nbase-url = 'x'",
            "contracts.toml: target 1 has no name of letters, digits, dots, hyphens and underscores.",
        ),
        (
            "[[target]]\nname = '../x'",
            "contracts.toml: target 1 has no name of letters, digits, dots, hyphens and underscores.",
        ),
        (
            "[[target]]\nname = 'a'\n[[target]]\nname = 'a'",
            "contracts.toml: target 2 has the name a, which another one has.",
        ),
        (
            "[[target]]\nname = 'a'\nseed = 1",
            "contracts.toml: target a: seed is no key of this table: write it above all tables.",
        ),
        *(
            (
                f"[{table}]\nseed = 1",
                f"contracts.toml: [{table.split('.')[0]}] is no table here: write its keys above all tables.",
            )
            for table in ("contracts", "tool.contracts", "check")
        ),
        ("a = [", "contracts.toml is no TOML (at end of document)."),
        ("seed = 1\nseed = 2\n", "contracts.toml says the same thing twice (at line 2, column 9)."),
        ("[a]\n[a]\n", "contracts.toml says the same thing twice (at line 2, column 3)."),
        (b"\xef\xbb\xbfa = [", "contracts.toml is no TOML (at end of document)."),
        (b"\xff\xfe", "contracts.toml is not UTF-8: save it as such."),
        (b"#" * 1_000_001, "contracts.toml is too large for a configuration."),
        ("x = " + "[" * 5000, "contracts.toml is no TOML."),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str | bytes, told: str) -> None:
    assert refused(tmp_path, text) == told


@pytest.mark.parametrize(
    ("table", "ours"),
    [
        *(("contracts", True), ("tool.contract", True), ("tool.Contracts", True), ("tool.openai-contracts", True)),
        *(("tool.contractor", False), ("tool.other", False)),
    ],
)
def test_a_table_that_is_meant_as_ours_is_not_passed_over(table: str, ours: bool, tmp_path: Path) -> None:
    text = f"[{table}]\nbase-url = 'http://h/v1'\ncheckpoint = 'c'"
    if ours:
        assert refused(tmp_path, text, "pyproject.toml") == (
            f"pyproject.toml: [{table}] is not read: write [tool.contracts]."
        )
        text = f"[{table}]\nowner = 'of another tool'"
    assert written(tmp_path, text, "pyproject.toml").file is None


@pytest.mark.parametrize("name", ["contracts.yaml", ".contracts.toml"])
def test_a_file_of_another_name_is_reported_where_nothing_names_a_target(name: str, tmp_path: Path) -> None:
    assert written(tmp_path, "seed: 1", name).remarks == (
        f"{name} is not read: a configuration is contracts.toml, or [tool.contracts] in pyproject.toml.",
    )
    named = {"base_url": "http://h/v1", "checkpoint": "c"}
    assert choose(named, {}, folder=tmp_path).remarks == ()
    assert written(tmp_path, "seed = 1").remarks == ()


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("", "deviation 1 has no clause: name one, as in PAG-014."),
        (
            "clause = 'PAG-099'\nreason = 'r'",
            "deviation 1: There is no clause 'PAG-099'. Did you mean PAG-009? `contracts list` shows all.",
        ),
        ("clause = 'PAG'\nreason = 'r'", "deviation 1 names the family PAG: name its clauses one by one."),
        ("clause = 'OBS-001'\nreason = 'r'", "deviation 1 names OBS-001, a question: nothing can break it."),
        ("clause = 'PAG-014'", "deviation 1 (PAG-014) has no reason: say why it is accepted."),
        ("clause = 'PAG-014'\nreason = ' '", "deviation 1 (PAG-014) has no reason: say why it is accepted."),
        ("clause = 'PAG-014'\nreason = 3", "deviation 1 (PAG-014) has a reason that is no text in quotes."),
        (
            "clause = 'PAG-014'\nreason = 'r'\nlink = 'JIRA-1'",
            "deviation 1 (PAG-014) has a link that is no URL: write https://…, or leave it out.",
        ),
        (
            "clause = 'PAG-014'\nreason = 'r'\nexpires = ''",
            "deviation 1 (PAG-014) has an expiry that is no day: write expires = 2027-01-31, or leave it out.",
        ),
        (
            "clause = 'PAG-014'\nreason = 'r'\nexpires = 2027-01-31T10:00:00",
            "deviation 1 (PAG-014) has an expiry that is no day: write expires = 2027-01-31, or leave it out.",
        ),
        ("clause = 'PAG-014'\nreasons = 'r'", "deviation 1: reasons is unknown: did you mean reason?"),
        (
            "clause = 'PAG-014'\nreason = 'r'\ntarget = 'eu'",
            "deviation 1 names no target 'eu': there is no [[target]] at all.",
        ),
        (
            "clause = 'PAG-014'\nreason = 'r'\n[[deviation]]\nclause = 'pag-014'\nreason = 'r'",
            "deviation 2 names PAG-014 once more: keep one entry.",
        ),
    ],
)
def test_entries_that_are_refused(tmp_path: Path, entry: str, told: str) -> None:
    assert refused(tmp_path, f"[[deviation]]\n{entry}") == f"contracts.toml: {told}"


@pytest.mark.parametrize("expires", ["2027-01-31", '"2027-01-31"'])
def test_an_entry_is_read_whole(tmp_path: Path, expires: str) -> None:
    settings = written(
        tmp_path,
        f'[[deviation]]\nclause = "PAG-014"\nreason = "the gateway"\nlink = "https://t.example/1"\nexpires = {expires}',
    )
    (entry,) = settings.deviations
    assert entry == Deviation(
        "PAG-014", "the gateway", "https://t.example/1", date(2027, 1, 31), "", "deviation 1 in contracts.toml"
    )
    assert terms(entry) == "the gateway (until 2027-01-31) · https://t.example/1"


def test_a_key_of_the_environment_does_not_stand_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "a-key-of-no-usual-form")
    told = refused(tmp_path, "checkpoint = 'x-a-key-of-no-usual-form'")
    assert "a-key-of" not in told
    assert "holds a key" in told


KINDS = {name: frozenset({str}) for name in ("base_url", "checkpoint")}


@given(st.binary(max_size=200) | st.text(alphabet="[]={}\"'.\n abcdeviotnrg#-_0", max_size=200).map(str.encode))
def test_whatever_the_file_holds_it_is_read_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(content)
    told = ""
    try:
        load(file, file.parent, KINDS, ("base_url",))
    except ConfigurationError as error:
        told = str(error)
    assert told.isprintable()


# Writing entries


def test_entries_are_appended_and_nothing_else_is_touched(tmp_path: Path) -> None:
    file = tmp_path / "contracts.toml"
    before = '# ours\nseed = 7  # lucky\n\n[[deviation]]\nclause="PAG-001"\nreason="r"'
    file.write_text(before, encoding="utf-8")
    assert (
        propose(file, [judged("PAG-014", Verdict.BROKEN), judged("ITM-003", Verdict.BROKEN)], target="eu", day=DAY) == 2
    )
    after = file.read_text(encoding="utf-8")
    assert after.startswith(before)
    entries = tomllib.loads(after)["deviation"]
    assert [entry["clause"] for entry in entries] == ["PAG-001", "PAG-014", "ITM-003"]
    assert entries[1] == {"clause": "PAG-014", "target": "eu", "reason": "", "link": "", "expires": date(2027, 2, 18)}


def test_what_follows_from_a_breach_gets_no_entry_and_is_accepted_with_it(tmp_path: Path) -> None:
    root, other = judged("PAG-014", Verdict.BROKEN), judged("ITM-003", Verdict.BROKEN)
    follower = replace(judged("PAG-021", Verdict.BROKEN), because="PAG-014")
    orphan = replace(judged("HTP-001", Verdict.BROKEN), because="PAG-018")
    file = tmp_path / "contracts.toml"
    assert propose(file, [root, other, follower, orphan]) == 3
    text = file.read_text(encoding="utf-8")
    assert [entry["clause"] for entry in tomllib.loads(text)["deviation"]] == ["PAG-014", "ITM-003", "HTP-001"]
    assert text.count("# With it is accepted what follows from it: PAG-021.\n") == 1
    judgements, _ = accept([root, other, follower], [accepted("PAG-014")], DAY)
    assert [one.accepted is not None for one in judgements] == [True, False, True]
    held = replace(follower, verdict=Verdict.KEPT)
    judgements, _ = accept([root, held], [accepted("PAG-014")], DAY)
    assert judgements[1].accepted is None
    judgements, _ = accept([root, follower], [accepted("PAG-014"), accepted("PAG-021", expires=date(2001, 1, 1))], DAY)
    assert judgements[1].accepted is None, "an entry of its own counts for more"


@pytest.mark.parametrize(("left", "said"), [(15, ""), (14, "in 14 days"), (1, "tomorrow"), (0, "today"), (-1, "")])
def test_the_end_of_an_entry_is_reported_some_days_before(left: int, said: str) -> None:
    expires = DAY + timedelta(days=left)
    _, known = accept([judged("PAG-014", Verdict.BROKEN)], [accepted(expires=expires)], DAY)
    told = " ".join(ending(known, DAY))
    assert bool(told) == bool(said)
    assert not said or f"PAG-014 is accepted until {expires}, which is {said}: fix it, or renew " in told


def test_all_that_is_wrong_with_a_file_is_reported_at_once(tmp_path: Path) -> None:
    text = """
    sead = 7
    rate = true
    [[target]]
    name = "eu"
    base-uri = "https://eu.example/v1"
    [[deviation]]
    clause = "PAG-014"
    reason = ""
    expires = "soon"
    [[deviation]]
    clause = "PAG-999"
    reason = "r"
    [[deviation]]
    clause = "ITM-003"
    reason = ""
    """
    told = refused(tmp_path, text)
    assert told.startswith(
        "contracts.toml has 7 errors: (1) sead is unknown: did you mean seed? (2) rate is of the wrong"
    )
    assert (
        "(3) target eu: base-uri is unknown: did you mean base-url? (4) deviation 1 (PAG-014) has no reason: " in told
    )
    assert "(5) deviation 1 (PAG-014) has an expiry that is no day: " in told
    assert "(6) deviation 2: There is no clause 'PAG-999'. " in told
    assert told.endswith("(7) deviation 3 (ITM-003) has no reason: say why it is accepted.")


def test_entries_go_into_the_table_of_a_pyproject(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.contracts]\nseed = 1\n[tool.other]\nx = 1\n", encoding="utf-8")
    propose(file, [judged("PAG-014", Verdict.BROKEN)])
    assert tomllib.loads(file.read_text())["tool"]["contracts"]["deviation"][0]["clause"] == "PAG-014"


def test_a_file_that_can_not_be_appended_to_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "contracts.toml"
    file.write_text("deviation = []", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"write them as \[\[deviation\]\] tables"):
        propose(file, [judged("PAG-014", Verdict.BROKEN)])
    assert file.read_text() == "deviation = []"


@pytest.mark.parametrize(
    "clause", [clause for clause in clauses() if not clause.id.startswith("OBS")], ids=lambda c: c.id
)
def test_every_entry_that_is_written_can_be_read_once_it_has_a_reason(tmp_path: Path, clause: Clause) -> None:
    file = tmp_path / "contracts.toml"
    judgement = judged("PAG-014", Verdict.BROKEN)
    propose(file, [replace(judgement, clause=clause.id, title=clause.title)], day=DAY)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('reason = ""', 'reason = "r"'))
    assert choose({}, {}, folder=tmp_path).deviations[0].expires == DAY + timedelta(days=90)


# The commands


def check(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "contracts", "check", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_breach_is_proposed_filled_in_accepted_and_at_last_stale(tmp_path: Path) -> None:
    broken = ("ITM", "--allow-incomplete", "--fault", "created-at-in-milliseconds")
    done = check(tmp_path, *broken, "--accept-current")
    assert done.returncode == 1, done.stderr
    assert "written to contracts.toml: write the reason of each, and run again." in done.stdout
    file = tmp_path / "contracts.toml"
    done = check(tmp_path, *broken)
    assert done.returncode == 4
    assert "has no reason: say why it is accepted." in done.stderr
    text = file.read_text(encoding="utf-8").replace('reason = ""', 'reason = "a gateway rewrites it"')
    file.write_text(re.sub("expires = [0-9-]+", "expires = 9999-12-31", text), encoding="utf-8")
    done = check(tmp_path, *broken)
    assert done.returncode == 0, done.stdout
    assert "accepted (ITM-004" in done.stdout.splitlines()[-1]
    assert "Accepted  a gateway rewrites it (until 9999-12-31)" in done.stdout
    done = check(tmp_path, "ITM", "--allow-incomplete")
    assert done.returncode == 1
    assert "ITM-004 is kept now: remove deviation 1 in contracts.toml." in done.stdout
    assert "BROKEN: stale: ITM-004" in done.stdout
    file.write_text(re.sub("expires = [0-9-]+", "expires = 2001-01-31", text), encoding="utf-8")
    done = check(tmp_path, *broken)
    assert done.returncode == 1
    assert "accepted until 2001-01-31" in done.stdout


def test_accepted_breaches_stand_in_the_result(tmp_path: Path) -> None:
    from contracts.runs.target import opened

    settings = written(tmp_path, '[[deviation]]\nclause = "ITM-004"\nreason = "r"')
    with opened(replace(settings, fault="created-at-in-milliseconds")) as ready:
        from contracts.clauses.registry import find
        from contracts.runs.live import run

        result: Result = run(ready.plan(find(["ITM-004"])))
    assert result.exit_code == 0
    assert result.judgements[0].verdict is Verdict.BROKEN
    assert result.judgements[0].accepted is not None
