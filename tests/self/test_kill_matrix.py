"""Every fault is caught, and breaks what is written down and nothing else; no conforming server is flagged.

A usual run takes all variants and some faults of each clause. MATRIX=all, which ``tox -e matrix`` sets, takes all.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from click.testing import CliRunner
from kill_matrix import DATA, PAGE, page

import contracts.runs.selftest
from contracts.clauses.registry import clauses
from contracts.cli import main
from contracts.core.result import GATING, Level
from contracts.mock.faults import EVERY_FAULT, FAULTS
from contracts.mock.matrix import matrix
from contracts.mock.server import Server
from contracts.mock.variants import VARIANTS
from contracts.openapi.loading import load_operation
from contracts.runs.selftest import WARNED_ONLY, Kind, Shown, Subject, compare, examine, missed, show, subjects, written

EVERYTHING = os.environ.get("MATRIX") == "all"


@pytest.mark.parametrize(
    "subject", [pytest.param(one, id=f"{one.kind} {one.name}") for one in subjects(everything=EVERYTHING)]
)
def test_a_server_comes_out_as_it_must(subject: Subject) -> None:
    outcome = examine(subject)
    assert not outcome.wrong, f"{'; '.join(outcome.wrong)} (python tests/self/kill_matrix.py {subject.name})"


# What is written down


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(matrix()), "python tests/self/kill_matrix.py writes it"


def test_every_server_is_written_down() -> None:
    assert list(matrix()["faults"]) == list(FAULTS)
    assert list(matrix()["variants"]) == list(VARIANTS)
    assert json.loads(DATA.read_text(encoding="utf-8")) == matrix()


def test_what_is_written_down_is_what_must_be() -> None:
    """A wrong verdict does not become right by being written down."""
    for name, row in matrix()["faults"].items():
        fault = FAULTS[name]
        assert fault.clause in row["broken" if not contracts.runs.selftest.warns(fault) else "warned"], name
        assert not row["may"] or fault.timed, name
    for name, row in matrix()["variants"].items():
        variant = VARIANTS[name]
        assert not row["broken"], name
        assert set(row["warned"]) <= variant.warns, name
        assert variant.moving or set(row["undecided"]) <= variant.unexercised, name


VACUOUS = {
    "after-ignored": {"PAG-009", "PAG-013", "PAG-015", "PAG-018"},
    "limit-ignored": {"PAG-001", "PAG-013", "PAG-023"},
    "filter-ignored": {"FLT-002", "FLT-003", "FLT-004", "FLT-005"},
    "refused-filtered": {"FLT-001", "FLT-002", "FLT-003", "FLT-004", "FLT-005"},
    "everything-at-once": {"PAG-003", "PAG-007", "PAG-009", "PAG-013", "PAG-014", "PAG-017", "ORD-004"},
    "has-more-never": {"PAG-003", "PAG-007", "PAG-009", "PAG-014", "PAG-017", "ORD-004"},
    "redirect-drops-the-query": {"PAG-002", "PAG-013", "PAG-018", "PAG-023", "FLT-002", "FLT-003", "INP-003"},
    "cache-by-path": {"PAG-003", "PAG-009", "PAG-013", "PAG-015", "PAG-017", "ORD-004"},
    "negative-limit-counts-from-the-end": {"INP-003"},
}
"""Servers on which these clauses must not come out as kept: what could break them can't be seen there, or is."""


@pytest.mark.parametrize("name", VACUOUS)
def test_nothing_is_kept_without_a_case(name: str) -> None:
    row = matrix()["faults"][name]
    assert VACUOUS[name] <= {*row["broken"], *row["warned"], *row["unkept"]}


def test_what_is_kept_without_a_case_is_noticed(right: Shown) -> None:
    row = written()["redirect-drops-the-query"]
    shown = replace(right, broken=row.broken, warned=row.warned, undecided=frozenset(), exit_code=1)
    (sentence,) = compare(Subject(Kind.FAULT, "redirect-drops-the-query"), shown)
    assert sentence.startswith("keeps what no case can have shown: ")


def test_nothing_is_declared_that_does_not_show() -> None:
    """A declaration that is wider than the server needs would hide a false alarm."""
    published = load_operation()
    applied = {clause.id for clause in clauses() if clause.lacking(published) is None}
    for name, variant in VARIANTS.items():
        row = matrix()["variants"][name]
        assert variant.warns & applied == set(row["warned"]), name
        if not variant.moving:
            assert variant.unexercised == set(row["undecided"]), name


def test_every_gating_clause_has_two_faults() -> None:
    for clause in clauses():
        mine = [fault for fault in EVERY_FAULT.values() if fault.clause == clause.id]
        if clause.level in GATING:
            assert len(mine) > 1, clause.id
        elif clause.level is Level.ADVISORY:
            assert mine, clause.id


def test_what_only_warns_is_a_fault_whose_clause_fails_a_run() -> None:
    levels = {clause.id: clause.level for clause in clauses()}
    assert {levels[FAULTS[name].clause] for name in WARNED_ONLY} <= GATING


def test_the_usual_selection_has_every_kind_of_fault() -> None:
    usual, every = set(subjects(everything=False)), set(subjects(everything=True))
    assert usual < every
    assert {Subject(Kind.VARIANT, name) for name in VARIANTS} <= usual
    drawn = [FAULTS[subject.name] for subject in usual if subject.kind is Kind.FAULT]
    assert {fault.clause for fault in drawn} == {fault.clause for fault in FAULTS.values()}
    places = {fault.where.name for fault in FAULTS.values() if fault.where}
    assert places == {fault.where.name for fault in drawn if fault.where}


# What notices


@pytest.fixture(scope="module")
def right() -> Shown:
    return show(Server())


def test_a_fault_that_nothing_notices_is_noticed(right: Shown) -> None:
    for name in ("one-too-many", "errors-as-text", "cut-short-sixth"):
        assert list(missed(FAULTS[name], right)), name
    assert compare(Subject(Kind.FAULT, "one-too-many"), right)[:2] == (
        "PAG-001 is not broken",
        "the exit code is 0",
    )


def test_a_clause_that_breaks_unexpectedly_is_noticed() -> None:
    subject = Subject(Kind.FAULT, "one-too-many")
    shown = show(subject.server())
    assert compare(subject, shown) == ()
    more = replace(shown, broken=shown.broken | {"HTP-002"}, warned=frozenset({"SEC-012"}))
    assert compare(subject, more) == ("unexpectedly breaks: HTP-002", "unexpectedly warns: SEC-012")
    less = replace(shown, broken=frozenset({"PAG-001"}))
    assert [sentence[:18] for sentence in compare(subject, less)] == ["no longer broken: "]
    assert compare(subject, replace(shown, crashes=("KeyError('id')",)))


def test_a_conforming_server_that_is_flagged_is_noticed(right: Shown) -> None:
    subject = Subject(Kind.VARIANT, "cap-20")
    assert compare(subject, right) == ()
    assert compare(subject, replace(right, broken=frozenset({"PAG-003"}))) == ("breaks PAG-003",)
    assert compare(subject, replace(right, warned=frozenset({"PAG-024"}))) == ("warns of PAG-024",)
    assert compare(subject, replace(right, undecided=frozenset({"ORD-007"}))) == ("leaves ORD-007 undecided",)


# The command


def command(*words: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(main, ["selftest", "-j", "1", *words])
    return done.exit_code, (done.stdout or done.stderr).splitlines()


def test_the_command_says_how_many() -> None:
    code, lines = command("--fault", "one-too-many", "--fault", "errors-as-text", "--variant", "cap-20")
    assert lines[-1] == "2 faults caught of 2, 0 conforming servers flagged of 1"
    assert code == 0
    assert [line.split() for line in lines if "caught" in line][:2] == [
        ["PAG", "pages", "1", "fault", "1", "caught"],
        ["INP", "inputs", "1", "fault", "1", "caught"],
    ]


def test_the_command_fails_where_a_fault_is_missed(monkeypatch: pytest.MonkeyPatch, right: Shown) -> None:
    monkeypatch.setattr(
        contracts.runs.selftest, "show", lambda _server, **_: replace(right, warned=frozenset({"PAG-024"}))
    )
    code, lines = command("--quiet", "--fault", "one-too-many", "--variant", "cap-20")
    assert code == 1
    assert lines[-1] == "0 faults caught of 1, 1 conforming servers flagged of 1"
    assert "    PAG-001 is not broken" in lines
    assert "    warns of PAG-024" in lines


def test_the_command_works_in_several_processes() -> None:
    done = CliRunner().invoke(main, ["selftest", "-j", "2", "-q", "--variant", "cap-20", "--variant", "cap-50"])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "0 faults caught of 0, 0 conforming servers flagged of 2"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--fault one-too-meny", "Did you mean 'one-too-many'?"),
        ("--variant cap-21", "Did you mean 'cap-20'?"),
        ("-j 0", "-j 0 is no number of processes"),
    ],
)
def test_the_command_refuses_what_there_is_not(words: str, sentence: str) -> None:
    done = CliRunner().invoke(main, ["selftest", *words.split()])
    assert done.exit_code == 4
    assert sentence in done.stderr
