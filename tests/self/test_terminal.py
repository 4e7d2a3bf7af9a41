"""The report at a terminal: what stands in it, in 80 columns, whatever the target sends."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results import BROKEN, EVERYTHING, HOSTILE, exchange, judgement, result
from rich.cells import cell_len
from snapshotting import snapshot

from contracts.core.errors import ExitCode
from contracts.core.model import Target
from contracts.core.result import GATING, Answered, Finding, Level, Result, Verdict
from contracts.reports.safe import inert, plain, printable
from contracts.reports.sheet import Sheet, wrap
from contracts.reports.summary import headline, ranges
from contracts.reports.terminal import Style, report


def test_a_failure_reads_as_designed() -> None:
    text = report(result(BROKEN, exit_code=ExitCode.BROKEN), Style(quiet=True)).text()
    assert text.splitlines() == [
        "× PAG-014  `has_more` true is followed by at least one more item         implied",
        '    Document  "has_more: type: boolean"',
        "                       openapi.yaml · ListFineTuningCheckpointPermissionResponse",
        "    Expected  has_more false: nothing follows cp_07",
        "    Actual    has_more true; the page after cp_07 is empty          3 of 3 times",
        "    Request   GET …/permissions?limit=5&after=cp_02 · to compare             200",
        "              GET …/permissions?limit=5&after=cp_07    200 after 2 waits for 429",
        '    Repeat    curl -gsS --path-as-is -H "Authorization: Bearer $OPENAI_ADMIN_KEY"'
        " 'https://staging.example/v1/fine_tuning/checkpoints/ft:m:o::ckpt-1/permissions?limit=5&after=cp_07'",
        "    Why       A client asks for a page that is not there, or waits for items",
        "              that never come.",
        "",
        "BROKEN: 1 of 1 clause (PAG-014)  exit 1",
    ]


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("report", Style(repeat="contracts check --seed 7", hints=("A hint.",))),
        ("report-quiet", Style(quiet=True)),
        (
            "report-verbose",
            Style(
                verbose=True, repeat="contracts check", settings=(("seed", "7", "--seed"), ("rate", "2.0", "default"))
            ),
        ),
    ],
)
def test_everything_that_can_stand_in_a_report(name: str, style: Style) -> None:
    snapshot(name, report(EVERYTHING, style).text())


def test_no_line_is_longer_than_80_columns_but_those_that_are_copied() -> None:
    lines = report(EVERYTHING, Style()).text().splitlines()
    assert [line for line in lines if cell_len(line) > 80 and " curl -" not in line] == []


@pytest.mark.parametrize("verbose", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp437"])
def test_whatever_the_target_sends_is_shown_and_not_acted_on(encoding: str, verbose: bool) -> None:
    evil = (exchange(1, HOSTILE), exchange(2, "::" + HOSTILE, path=HOSTILE))
    finding = Finding(HOSTILE, "::" + HOSTILE, evil)
    hostile = result(
        judgement("PAG-014", Verdict.BROKEN, finding=finding, title=HOSTILE),
        judgement("PAG-015", Verdict.WARNED, finding=finding),
        judgement("PAG-016", Verdict.INCONCLUSIVE, finding=finding, reason=HOSTILE, provide=HOSTILE),
        judgement("PAG-017", Verdict.NOT_EXERCISED, reason=HOSTILE, provide=HOSTILE),
        judgement("PAG-018", Verdict.NOT_APPLICABLE, reason=HOSTILE),
        judgement("OBS-001", Verdict.ANSWERED, answer=Answered("::" + HOSTILE)),
        target=Target("https://staging.example/v1", HOSTILE, HOSTILE, HOSTILE),
        document=HOSTILE,
        notes=("::" + HOSTILE,),
        exchanges=evil,
        exit_code=ExitCode.BROKEN,
    )
    sheet = report(hostile, Style(verbose=verbose, repeat=HOSTILE), encoding)
    text = sheet.text()
    text.encode(encoding)
    for line in text.split("\n"):
        assert line.isprintable(), ascii(line)
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        assert "##vso[" not in line
    assert "[bold]markup[/bold]" in text
    painted = io.StringIO()
    sheet.write(painted, color=True)
    shown = painted.getvalue().replace("\x1b[", "").replace("\n", "")
    assert shown.isprintable()
    assert "title\x07" not in shown


@given(st.text())
def test_safe_text_is_printable_and_harmless_text_stays(text: str) -> None:
    assert plain(text).isprintable()
    assert plain(plain(text)) == plain(text)
    assert printable(text, "ascii").isascii()
    if text.isprintable():
        assert plain(text) == text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("::error::x", r"\x3a:error::x"),
        ("   ::error::x", r"   \x3a:error::x"),
        ("http://[::1]/", "http://[::1]/"),
        ("a ##[group]", r"a #\x23[group]"),
        ("##vso[x]", r"#\x23vso[x]"),
        ("## heading", "## heading"),
    ],
)
def test_no_line_is_a_command_of_a_ci_service(line: str, shown: str) -> None:
    assert inert(line) == shown


@given(st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" ")), st.integers(8, 80))
def test_wrapping_keeps_the_width_and_every_letter(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_long_query_is_broken_where_it_joins() -> None:
    assert wrap("GET …/permissions?after=cp_0123456789&limit=5&order=ascending", 40) == [
        "GET …/permissions?after=cp_0123456789&",
        "limit=5&order=ascending",
    ]


def test_wide_letters_take_two_columns() -> None:
    sheet = Sheet(width=20)
    sheet.block("lead  ", "汉" * 12, "right")
    assert [cell_len(line) for line in sheet.text().splitlines()] == [20, 16, 20]


def test_what_does_not_fit_at_the_right_end_stands_below() -> None:
    sheet = Sheet(width=20)
    sheet.block("lead  ", "text", "openapi.yaml \N{MIDDLE DOT} Response")
    assert sheet.text().splitlines() == ["lead  text", "      openapi.yaml \N{MIDDLE DOT}", "      Response"]


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        ("✔ × – ? ∅ … ·", "ascii", "+ x - ? o ... -"),
        ("ü 汉", "ascii", r"\xfc \u6c49"),
        ("ü ✔", "latin-1", "ü +"),
        ("ü ✔ 汉", "utf-8", "ü ✔ 汉"),
    ],
)
def test_what_an_output_cannot_show_is_written_otherwise(text: str, encoding: str, shown: str) -> None:
    assert printable(text, encoding) == shown


def test_clauses_that_follow_each_other_are_a_range() -> None:
    assert ranges(["ITM-001", "ITM-002", "ITM-003", "PAG-003", "PAG-005", "PAG-006"]) == (
        "ITM-001 to ITM-003, PAG-003, PAG-005, PAG-006"
    )


KEPT = judgement("ENV-001")
OPEN = judgement("PAG-022", Verdict.NOT_EXERCISED, reason="none", provide="one")
WARNED = judgement("SEC-012", Verdict.WARNED, finding=BROKEN.finding)
QUESTION = judgement("OBS-001", Verdict.ANSWERED, answer=Answered("yes"))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (result(KEPT, QUESTION), "KEPT: 1 of 1 clause  exit 0"),
        (result(QUESTION), "KEPT: questions only  exit 0"),
        (
            result(replace(QUESTION, verdict=Verdict.NOT_APPLICABLE), exit_code=6),
            "INCOMPLETE: no clause applies  exit 6",
        ),
        (result(KEPT, WARNED), "KEPT: 1 of 2 clauses; 1 warning  exit 0"),
        (
            result(KEPT, OPEN, exit_code=ExitCode.KEPT),
            "KEPT: 1 of 2 clauses; 1 without a verdict (allowed)  exit 0",
        ),
        (
            result(KEPT, BROKEN, gate=frozenset({Level.DOCUMENTED})),
            "KEPT: 1 of 2 clauses; 1 broken outside of the gate (PAG-014)  exit 0",
        ),
        (result(KEPT, BROKEN, exit_code=1), "BROKEN: 1 of 2 clauses (PAG-014)  exit 1"),
        (
            result(KEPT, WARNED, gate=GATING | {Level.ADVISORY}, exit_code=1),
            "BROKEN: 1 of 2 clauses (SEC-012)  exit 1",
        ),
        (result(KEPT, exit_code=2, interrupted=True), "INTERRUPTED: nothing broken by then  exit 2"),
        (
            result(BROKEN, exit_code=2, interrupted=True),
            "INTERRUPTED: broken by then: 1 of 1 clause (PAG-014)  exit 2",
        ),
        (result(KEPT, exit_code=4), "TARGET GONE: nothing broken by then  exit 4"),
        (
            result(KEPT, OPEN, exit_code=6),
            "INCOMPLETE: 1 of 2 clauses without a verdict (PAG-022)  exit 6",
        ),
    ],
)
def test_the_last_line_says_verdict_and_exit_code(made: Result, words: str) -> None:
    assert headline(made) == words
    assert " ".join(report(made).text().rpartition("\n\n")[2].split("\n")).strip() == words


def test_what_explains_others_is_named_first_and_many_are_counted() -> None:
    follows = [replace(BROKEN, clause=f"PAG-{n:03}", because="PAG-014") for n in range(1, 9)]
    assert headline(result(*follows, BROKEN, exit_code=1)) == (
        "BROKEN: 9 of 9 clauses (PAG-014, PAG-001, PAG-002, PAG-003 and 5 more)  exit 1"
    )


@pytest.mark.parametrize("number", [1, 2, 6, 7, 24])
@pytest.mark.parametrize("code", [ExitCode.BROKEN, ExitCode.INTERRUPTED, ExitCode.CONFIGURATION, ExitCode.INCOMPLETE])
def test_the_last_line_is_one_line(number: int, code: int) -> None:
    one = OPEN if code == ExitCode.INCOMPLETE else BROKEN
    words = headline(result(*[replace(one, clause=f"PAG-{n:03}") for n in range(number)], exit_code=code))
    assert len(words) <= 80
    assert "PAG-000" in words


def test_an_advisory_breach_is_shown_whole_when_it_fails_the_run() -> None:
    strict = result(WARNED, gate=GATING | {Level.ADVISORY}, exit_code=1)
    assert "Repeat" in report(strict).text()
    assert "Repeat" not in report(result(WARNED)).text()


@pytest.mark.parametrize(
    ("waits", "waited", "retries", "words"),
    [
        (0, 0.0, 0, "2.3 s; no waits, none sent again"),
        (1, 7.0, 1, "2.3 s; 1 wait of 7.0 s in all, 1 sent again"),
        (12, 31.25, 3, "2.3 s; 12 waits of 31.2 s in all, 3 sent again"),
    ],
)
def test_the_cost_of_a_run_is_reported(waits: int, waited: float, retries: int, words: str) -> None:
    lines = report(result(KEPT, waits=waits, waited=waited, retries=retries)).text().splitlines()
    assert f"Took        {words}" in lines
    assert "Asked       361 requests: control 4, walks 148, access 47" in lines


def test_colours_change_nothing_but_colours() -> None:
    sheet, painted = report(EVERYTHING), io.StringIO()
    sheet.write(painted, color=True)
    bare, escaped = "", painted.getvalue()
    while escaped:
        head, _, tail = escaped.partition("\x1b[")
        bare += head
        escaped = tail.partition("m")[2]
    assert "\x1b[" in painted.getvalue()
    assert [line.rstrip() for line in bare.splitlines()] == sheet.text().splitlines()
