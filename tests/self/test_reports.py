"""The reports for programs and pipelines: they say the same, in forms that their readers take."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import harmless
import jsonschema
import pytest
from canary import key_like
from click.testing import Result as Done
from commanding import choose_nothing, run, start
from hypothesis import given
from hypothesis import strategies as st
from results import BROKEN, EVERYTHING, HOSTILE, exchange, judgement, result

import contracts.runs.job
from contracts.clauses.registry import clauses
from contracts.core.errors import ExitCode
from contracts.core.model import Answer, Step, Target
from contracts.core.result import Answered, Finding, Result, Verdict
from contracts.openapi.loading import load_operation
from contracts.reports import as_json, github, html, issues, junit, markdown, terminal
from contracts.reports.safe import plain
from contracts.reports.summary import failing
from contracts.reports.view import MOST_REQUESTS, Report
from contracts.traffic.curl import curl

ROOT = Path(__file__).parents[2]
KEPT = result(*(judgement(clause.id) for clause in clauses() if clause.id[:3] != "OBS"))
INCOMPLETE = result(
    judgement("ENV-001"),
    judgement("PAG-002", Verdict.NOT_EXERCISED, reason="the list has 3 permissions", provide="--checkpoint with 11"),
    exit_code=ExitCode.INCOMPLETE,
)
INTERRUPTED = replace(EVERYTHING, exit_code=ExitCode.INTERRUPTED, interrupted=True, notes=("It was interrupted.",))
GONE = replace(EVERYTHING, exit_code=ExitCode.CONFIGURATION)
RUNS = {
    "kept": KEPT,
    "broken": EVERYTHING,
    "incomplete": INCOMPLETE,
    "interrupted": INTERRUPTED,
    "gone": GONE,
}
PAYLOAD = (
    HOSTILE
    + "</script><img src=x onerror=a()>`b` ``` | [x](javascript:a) *e* @all #1 https://evil.example ]]> &amp; '\""
)
MANY = result(
    *(judgement(clause.id, Verdict.BROKEN, finding=BROKEN.finding) for clause in clauses() if clause.id[:3] == "PAG"),
    exit_code=ExitCode.BROKEN,
)


def hostile(text: str) -> Result:
    """A result in which everything that can come from a target is this text."""
    answer = Answer(200, text, ((text, text), ("Content-Type", text)), text.encode("utf-8", "surrogatepass"), flaw=text)
    asked = replace(exchange(1, text), answer=answer, step=Step(text, 0))
    finding = Finding(text, text, (asked,))
    return replace(
        result(
            judgement("PAG-014", Verdict.BROKEN, finding=finding, title=text),
            judgement("PAG-015", Verdict.WARNED, finding=finding),
            judgement("PAG-016", Verdict.INCONCLUSIVE, finding=finding, reason=text, provide=text),
            judgement("PAG-017", Verdict.NOT_EXERCISED, reason=text, provide=text),
            judgement("INP-007", Verdict.NOT_APPLICABLE, reason=text),
            judgement("OBS-001", Verdict.ANSWERED, answer=Answered(text)),
            exit_code=ExitCode.BROKEN,
        ),
        notes=(text,),
        exchanges=(asked,),
    )


def xml(text: str) -> ET.Element:
    return ET.fromstring(text)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    choose_nothing(monkeypatch)


# One model


class _Rows(HTMLParser):
    """The clauses of the tree in an HTML report, with the verdict that a screen reader hears."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.headline = ""
        self._verdict = ""
        self._classes: list[str] = []
        self.feed(text)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._classes.append(dict(attrs).get("class") or "")

    def handle_data(self, data: str) -> None:
        here = self._classes[-1] if self._classes else ""
        if here == "sr" and data.endswith(": "):
            self._verdict = data.removesuffix(": ")
        elif here == "id" and self._verdict:
            self.found[data], self._verdict = self._verdict, ""
        elif here == "verdict" and not self.headline:
            self.headline = data


@pytest.mark.parametrize("name", RUNS)
def test_all_reports_say_the_same(name: str) -> None:
    made = RUNS[name]
    told = Report.of(made)
    expected = {one.clause: one.verdict.value for one in made.judgements}
    fails = {one.clause for one in failing(made)}

    parsed = json.loads(as_json.render(told))
    assert {row["id"]: row["verdict"] for row in parsed["clauses"]} == expected
    assert set(parsed["failing"]) == fails == {row["id"] for row in parsed["clauses"] if row["failing"]}
    assert (parsed["exit_code"], parsed["headline"]) == (made.exit_code, told.headline)

    root = xml(junit.render(told))
    cases = {case.get("name", "")[:7]: case for case in root.iter("testcase") if case.find("properties") is not None}
    verdicts = {id_: case.find(".//property[@name='verdict']") for id_, case in cases.items()}
    assert {id_: one.get("value") for id_, one in verdicts.items() if one is not None} == expected
    assert {id_ for id_, case in cases.items() if case.find("failure") is not None} == fails

    page = _Rows(html.render(told, made, load_operation()))
    assert page.found == expected
    assert page.headline == told.verdict == parsed["verdict"]

    text = markdown.render(told)
    assert markdown.render(told).splitlines()[0].endswith(told.headline.split(":")[1].split("(")[0].strip()) or (
        told.headline.split(":")[0] in text.splitlines()[0]
    )
    assert set(re.findall(r"<summary><b>([A-Z]{3}-\d{3})</b>", text)) == fails | {
        one.clause for one in made.judgements if one.verdict in {Verdict.BROKEN, Verdict.WARNED}
    }
    rows = re.findall(r"^\| ([A-Z]{3}) \w+ \|(.*)\|$", text, re.MULTILINE)
    counted = Counter((one.clause[:3], one.verdict) for one in made.judgements)
    assert sum(int(cell) for _, cells in rows for cell in cells.split("|") if cell.strip()) == sum(counted.values())

    assert terminal.report(made).text().splitlines()[-1] == told.headline
    lines = github.commands(github.remarks(told))
    errors = {line.split("title=")[1][:7] for line in lines if line.startswith("::error title=")}
    assert fails <= errors | {"contrac"}


def test_a_finding_of_many_requests_is_reported_by_its_ends() -> None:
    finding = Finding("a", "b", tuple(exchange(number) for number in range(40)))
    made = result(judgement("PAG-009", Verdict.BROKEN, finding=finding), exit_code=ExitCode.BROKEN)
    breach = Report.of(made).clauses[0].finding
    assert breach is not None
    assert [asked.number for asked in breach.requests] == [*range(6), *range(34, 40)]
    assert len(breach.requests) + breach.left_out == 40
    assert len(breach.requests) == MOST_REQUESTS


# JSON


def test_of_a_very_long_value_the_beginning_is_written() -> None:
    made = hostile("x" * (1 << 20))
    told, operation = Report.of(made), load_operation()
    texts = [as_json.render(told), junit.render(told), markdown.render(told), html.render(told, made, operation)]
    texts += [*issues.render(made, operation).values(), "\n".join(github.commands(github.remarks(told)))]
    assert all(len(text) < 200_000 for text in texts), [len(text) for text in texts]
    assert all("(1,048," in text for text in texts[:4])
    assert all("# a command of 1,048," in text for text in texts[:4])


@pytest.mark.parametrize("made", [*RUNS.values(), hostile(PAYLOAD)])
def test_the_json_report_is_what_its_schema_says(made: Result) -> None:
    schema = as_json.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    text = as_json.render(Report.of(made))
    assert text.isascii()
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(json.loads(text))


def test_the_schema_notices_what_is_missing_and_what_is_new() -> None:
    validator = jsonschema.Draft202012Validator(as_json.schema())
    whole = as_json.document(Report.of(EVERYTHING))
    whole = json.loads(json.dumps(whole))
    for name in list(whole):
        assert not validator.is_valid({key: value for key, value in whole.items() if key != name}), name
    assert not validator.is_valid({**whole, "new": 1})
    assert not validator.is_valid({**whole, "verdict": "fine"})


def test_the_schema_is_printed() -> None:
    assert json.loads(run("schema").stdout) == as_json.schema()


# JUnit


def test_junit_counts_what_it_holds() -> None:
    root = xml(junit.render(Report.of(INTERRUPTED)))
    for suite in root.findall("testsuite"):
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(name) == str(sum(case.find(tag) is not None for case in cases))
    assert [suite.find("properties") is not None for suite in root.findall("testsuite")].count(True) == 1
    about = {one.get("name"): one.get("value") for one in root.findall("testsuite/properties/property")}
    assert about["target"] == "https://staging.example/v1"
    assert {"checkpoint", "document", "seed", "version", "verdict"} < about.keys()
    assert root.get("errors") == "1", "an interrupted run must not look like a whole one"
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("text", [PAYLOAD, "\ufffe\uffff\x00\x0b]]>", "\ud800"])
def test_junit_is_well_formed_whatever_it_holds(text: str) -> None:
    root = xml(junit.render(Report.of(hostile(text))))
    assert {child.tag for case in root.iter("testcase") for child in case} <= {
        "properties",
        "failure",
        "skipped",
        "system-out",
    }
    found = root.find(".//failure")
    assert found is not None
    assert found.get("message")


@given(st.text(st.characters(), max_size=40))
def test_no_text_breaks_a_report(text: str) -> None:
    told = Report.of(hostile(text))
    xml(junit.render(told))
    json.loads(as_json.render(told))
    for line in [*github.commands(github.remarks(told)), *markdown.render(told).splitlines()]:
        assert plain(line) == line


# Markdown


def test_markdown_of_a_hostile_target_shows_it_and_does_nothing() -> None:
    text = markdown.render(Report.of(hostile(PAYLOAD)))
    outside = re.sub(r"^(`{3,})sh\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "<img" not in outside
    assert "</script" not in outside
    assert not re.search(r"(?<!\\)\[x(?<!\\)\]", outside)
    assert "https://evil" not in outside
    assert "@all" not in re.sub(r"<code>.*?</code>", "", outside)
    assert set(re.findall(r"<(/?[a-z!-]+)", outside)) <= {
        *("details", "/details", "summary", "/summary", "b", "/b", "code", "/code", "!--")
    }
    tables = [line for line in outside.splitlines() if line.startswith("| ")]
    assert {line.count("|") for line in tables} <= {3, 9}, "no cell is split"
    for block in re.findall(r"^(`{3,})sh\n(.*?)\n\1$", text, re.DOTALL | re.MULTILINE):
        assert block[0] not in block[1]


@pytest.mark.parametrize(
    "text", [PAYLOAD, "# x", "1. x", "- x", "> x", "    x", "[a]: b", "***", "<!-- x", "$$x$$", "www.x.example"]
)
def test_a_renderer_makes_nothing_of_what_a_target_sends(text: str) -> None:
    """An independent reader of Markdown finds no markup but ours."""

    def forms(of: str) -> Counter[str]:
        return harmless.markdown(markdown.render(Report.of(hostile(of))))

    assert forms(text) == forms("harmless")


def test_markdown_is_cut_where_it_must_be() -> None:
    told = Report.of(MANY)
    whole = markdown.render(told)
    assert markdown.render(told, len(whole.encode())) == whole
    for limit in (len(whole.encode()) - 1, 9000, 5000):
        cut = markdown.render(told, limit)
        assert len(cut.encode()) <= limit
        assert "The report is cut here" in cut.splitlines()[-1]
        assert cut.count("<details") == cut.count("</details>")
    assert markdown.render(told, 10) == ""


# GitHub


def test_at_most_ten_annotations_and_the_rest_counted() -> None:
    lines = list(github.commands(github.remarks(Report.of(MANY))))
    assert [line.split(" ")[0] for line in lines] == ["::error"] * 10 + ["::notice"]
    assert f"{len(Report.of(MANY).failing) - 10} more clauses broken: PAG-011, " in lines[-1]
    assert all("\n" not in line for line in lines)


def test_ten_annotations_of_all_targets_together() -> None:
    reports = [Report.of(replace(MANY, target=replace(MANY.target, name=name))) for name in ("eu", "us")]
    lines = list(github.commands(remark for told in reports for remark in github.remarks(told)))
    assert [line.split(" ")[0] for line in lines] == ["::error"] * 10 + ["::notice"]
    assert lines[0].startswith("::error title=eu%3A PAG-001 ")
    assert f"{2 * len(reports[0].failing) - 10} more clauses broken: eu: PAG-011, " in lines[-1]
    assert lines[-1].endswith(f"us: {reports[1].failing[-1]}")


def test_annotations_can_not_be_broken_out_of() -> None:
    lines = list(github.commands(github.remarks(Report.of(hostile("100%\r\n::error::x ##[error]y, a:b")))))
    for line in lines:
        assert re.fullmatch(r"::(error|warning|notice) title=[^:,\r\n]*::[^\r\n]*", line)
        assert "##[" not in line
    assert "100%25" in lines[0]


def test_an_incomplete_run_is_a_warning() -> None:
    (line,) = github.commands(github.remarks(Report.of(INCOMPLETE)))
    assert line.startswith("::warning title=contracts::INCOMPLETE")
    assert "%0APAG-002: the list has 3 permissions. Provide --checkpoint with 11" in line


def test_the_summary_is_appended_within_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n", encoding="utf-8")
    told = Report.of(MANY)
    github.append_summary(told, {"GITHUB_STEP_SUMMARY": str(file)})
    assert file.read_text(encoding="utf-8") == "before\n\n" + markdown.render(told)
    monkeypatch.setattr(markdown, "SUMMARY_LIMIT", 6000)
    file.write_text("x" * 1000, encoding="utf-8")
    github.append_summary(told, {"GITHUB_STEP_SUMMARY": str(file)})
    assert 1000 < file.stat().st_size <= 6000
    github.append_summary(told, {"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "folder")})
    github.append_summary(told, {})


def test_the_summaries_of_several_targets_stay_within_the_limit_of_github(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    long = Finding("*" * 20_000, "_" * 20_000, (exchange(1),))
    broken = tuple(judgement(clause.id, Verdict.BROKEN, finding=long) for clause in clauses() if clause.id[:3] != "OBS")
    for number in range(1, 8):
        made = result(*broken, exit_code=ExitCode.BROKEN)
        told = Report.of(replace(made, target=replace(made.target, name=f"target{number}")))
        github.append_summary(told, {"GITHUB_STEP_SUMMARY": str(file)})
    text = file.read_text(encoding="utf-8")
    assert 900_000 < len(text.encode()) <= 1024 * 1024
    assert [f"| Target | target{number} · " in text for number in range(1, 8)] == [True] * 7
    assert text.count("*The report is cut here: ") == 7
    assert text.count("<details") == text.count("</details>")


# curl


@pytest.mark.skipif(shutil.which("sh") is None, reason="a POSIX shell is needed to see what it makes of a line")
@pytest.mark.parametrize("query", ["a=';id;'", "a=$(id)`id`", 'a="&b=\\', "a=!x&b=*?[z]{1,2}", "a=%0Aid"])
def test_a_shell_takes_the_repeat_line_for_one_request(query: str) -> None:
    line = curl(Target("https://staging.example/v1", "c"), exchange(1, query).request)
    shown = f'curl() {{ for each in "$@"; do printf "%s\\n" "$each"; done; }}\n{line}'
    done = subprocess.run(
        ["sh", "-c", shown], capture_output=True, text=True, check=True, env={"OPENAI_ADMIN_KEY": "k"}
    )
    assert done.stdout.splitlines()[-1] == f"https://staging.example/v1{exchange(1, query).request.target}"
    assert len(done.stdout.splitlines()) == 5


# The command line


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    folder = tmp_path_factory.mktemp("reports")
    words = [f"--{name}={folder / f'report.{name}'}" for name in ("json", "html", "markdown", "junit")]
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    return folder, run("check", "PAG", "--quiet", "--fault", "has-more-from-full-page", *words, env=env)


def test_a_run_writes_the_reports_that_were_asked_for(written: tuple[Path, Done]) -> None:
    folder, done = written
    assert done.exit_code == 1, done.output
    assert {file.name for file in folder.iterdir()} == {
        *("report.json", "report.html", "report.markdown", "report.junit", "summary.md")
    }
    parsed = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(as_json.schema()).validate(parsed)
    assert parsed["failing"] == ["PAG-014"]
    assert "PAG-014" in (folder / "report.html").read_text(encoding="utf-8")
    assert (folder / "summary.md").read_bytes() == (folder / "report.markdown").read_bytes()
    assert xml((folder / "report.junit").read_text(encoding="utf-8")).get("failures") == "1"
    assert done.stdout.splitlines()[-1].startswith("::error title=PAG-014 ")
    assert parsed["repeat"] == "contracts check PAG --fault has-more-from-full-page --seed 0"


@pytest.mark.parametrize("name", ["json", "html", "markdown", "junit"])
def test_a_report_that_can_not_be_written_is_refused_before_the_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contracts.runs.job, "run", lambda *_: pytest.fail("the run started"))
    for path, words in (
        (tmp_path, "can't be written: it is a folder: name a file in it."),
        (Path("/dev/null/r"), "can't be written: not a directory."),
    ):
        done = run("check", f"--{name}", str(path))
        assert done.exit_code == 4
        assert done.stderr.splitlines()[-1].endswith(words)


@pytest.mark.parametrize("home", ["home", "~"], ids=["a home", "no home"])
def test_nothing_is_left_behind_but_what_was_asked_for(home: str, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    for each in (tmp_path / "home", folder):
        each.mkdir()
    environ = {name: value for name, value in os.environ.items() if name != "HYPOTHESIS_STORAGE_DIRECTORY"}
    # A home that begins with a tilde is what an account without one has.
    environ |= {"HOME": home if home == "~" else str(tmp_path / home), "PYTHONPATH": str(ROOT)}
    environ.pop("XDG_CACHE_HOME", None)
    command = [sys.executable, "-m", "contracts", "check", "PAG-001", "--requests", "60", "-q", "--json", "r.json"]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in folder.iterdir()] == ["r.json"]


def test_two_reports_in_one_file_are_refused(tmp_path: Path) -> None:
    done = run("check", "--json", str(tmp_path / "r"), "--junit", str(tmp_path / "r"))
    assert done.exit_code == 4
    assert done.stderr == "contracts: --json and --junit name the same file: give two.\n"


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 2, "interrupted"),
        (ZeroDivisionError(key_like("admin", "CANARY0123456789")), 3, "ZeroDivisionError"),
    ],
)
def test_reports_are_written_whatever_ends_the_run(
    error: BaseException, code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Result:
        raise error

    monkeypatch.setattr(contracts.runs.job, "run", broken)
    files = [tmp_path / name for name in ("json", "html", "markdown", "junit")]
    done = run("check", *(f"--{file.name}={file}" for file in files))
    assert done.exit_code == code, done.output
    parsed = json.loads(files[0].read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(as_json.schema()).validate(parsed)
    assert (parsed["exit_code"], parsed["verdict"]) == (code, "not judged")
    assert words in parsed["notes"][0]
    assert xml(files[3].read_text(encoding="utf-8")).get("errors") == "1"
    for file in files:
        assert "CANARY" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_brings_its_reports(number: signal.Signals, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("json", "html", "markdown", "junit")]
    with start("check", "--rate", "20/s", *(f"--{file.name}={file}" for file in files)) as process:
        assert process.stderr is not None
        while "walks" not in (line := process.stderr.readline()):
            assert line, "it ended before it was interrupted"
        process.send_signal(number)
        out, error = process.communicate(timeout=120)
    assert process.returncode == 2, error
    assert "Traceback" not in error
    assert out.startswith("contracts ")
    assert "The run was interrupted: only what was asked until then is judged." in out
    assert out.endswith("exit 2\n")
    parsed = json.loads(files[0].read_text(encoding="utf-8"))
    assert (parsed["verdict"], parsed["interrupted"], parsed["exit_code"]) == ("interrupted", True, 2)
    assert parsed["requests"]["total"] > 0
    assert out.splitlines()[-1] == parsed["headline"]
    assert parsed["notes"][0] in files[2].read_text(encoding="utf-8")
    assert parsed["notes"][0] in files[1].read_text(encoding="utf-8")
    assert xml(files[3].read_text(encoding="utf-8")).get("errors") == "1"
