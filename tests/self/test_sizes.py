"""Nothing is vacuous: what a list of each size leaves undecided, why, and what would decide it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from contracts.clauses.registry import clauses
from contracts.core.errors import ExitCode
from contracts.core.model import Target
from contracts.core.result import GATING, Result, Verdict
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.mock.app import Behaviour
from contracts.mock.faults import FAULTS, open_fault
from contracts.mock.server import Server
from contracts.mock.store import Dataset, seeded
from contracts.mock.variants import VARIANTS
from contracts.openapi.loading import load_operation
from contracts.runs.live import run
from contracts.runs.plan import Plan
from contracts.runs.selftest import SEED, against, show
from contracts.traffic.keys import Keys
from contracts.verdicts.judging import judge
from contracts.verdicts.tallying import Tally

ONE = "1 permission"
TWO = "2 permissions"
ELEVEN = "11 permissions"
MORE = "more than a page"
PROJECTS = "2 projects"
TIE = "a tie"
OTHER = "another checkpoint"
USER = "a key without admin rights"

PROVIDED = {
    ONE: "--checkpoint with a checkpoint that has at least 1 permission",
    TWO: "--checkpoint with a checkpoint that has at least 2 permissions",
    ELEVEN: "--checkpoint with a checkpoint that has at least 11 permissions",
    MORE: "a checkpoint with more permissions than one page holds",
    PROJECTS: "--checkpoint with permissions for at least 2 projects",
    TIE: "--checkpoint with two permissions that were created in the same second (one request can create both)",
    OTHER: "--other-checkpoint with a checkpoint that has permissions of its own",
    USER: "OPENAI_USER_KEY with a key that is not an admin key",
}
"""What would exercise a clause, in the report's words."""


def ids(text: str) -> frozenset[str]:
    """``PAG 1 3 7-15`` and so on, one family a line or after a comma."""
    found = set()
    for family, *numbers in (part.split() for part in text.replace("\n", ",").split(",") if part.strip()):
        for first, _, last in (number.partition("-") for number in numbers):
            found |= {f"{family}-{number:03}" for number in range(int(first), int(last or first) + 1)}
    return frozenset(found)


LACKS_1 = ids(
    """ITM 1-10
    PAG 18-20 22 24
    FLT 1 2 4 5
    SCO 1 3
    HTP 7
    SEC 8 13
    INP 5
    OBS 12 13"""
)
LACKS_2 = ids(
    """PAG 1 3-5 7-15 17 21 23 25
    ORD 1-7
    FLT 3
    OBS 8"""
)
LACKS_11 = ids("PAG 2")
NOT_DESCRIBED = ids("ENV 8, ITM 11, PRV 1-5, TOK 1-8, FLT 6 7, OBS 14-16")

UNDECIDED: dict[int, dict[str, frozenset[str]]] = {
    0: {ONE: LACKS_1, TWO: LACKS_2, ELEVEN: LACKS_11},
    1: {TWO: LACKS_2, ELEVEN: LACKS_11, MORE: ids("OBS 13"), PROJECTS: ids("FLT 1")},
    2: {ELEVEN: LACKS_11, TIE: ids("ORD 7, OBS 8")},
    **{size: {ELEVEN: LACKS_11} for size in range(3, 11)},
    11: {},
    12: {},
}
"""For each size of the list, by what is missing, the clauses that are not exercised."""


@pytest.fixture(scope="module", params=sorted(UNDECIDED))
def sized(request: pytest.FixtureRequest) -> tuple[int, Result]:
    size: int = request.param
    return size, against(Server(seeded(size=size)))


def undecided(result: Result) -> dict[str, frozenset[str]]:
    """The clauses without a verdict, by what would exercise them."""
    found: dict[str, set[str]] = {}
    for one in result.judgements:
        if one.verdict in {Verdict.NOT_EXERCISED, Verdict.INCONCLUSIVE}:
            found.setdefault(one.provide, set()).add(one.clause)
    return {provide: frozenset(clauses) for provide, clauses in found.items()}


def expected(needs: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    return {PROVIDED[need]: clauses for need, clauses in needs.items()}


def test_it_is_written_down_what_each_size_leaves_undecided(sized: tuple[int, Result]) -> None:
    size, result = sized
    assert result.items == size
    assert undecided(result) == expected(UNDECIDED[size])
    assert {one.clause for one in result.judgements if one.verdict is Verdict.NOT_APPLICABLE} == NOT_DESCRIBED
    assert not [one.clause for one in result.judgements if one.verdict in {Verdict.BROKEN, Verdict.WARNED}]


def test_the_report_says_what_there_is_and_what_is_needed(sized: tuple[int, Result]) -> None:
    size, result = sized
    for one in result.judgements:
        if one.verdict is Verdict.NOT_EXERCISED:
            least = next((need for need, text in PROVIDED.items() if text == one.provide), "")
            assert one.reason == {
                MORE: "no page says that more follows",
                TIE: "no two permissions have the same created_at",
                PROJECTS: f"the list has {size} project, and this needs 2",
            }.get(
                least, f"the list has {size} permission{'s' * (size != 1)}, and this needs {least.split(maxsplit=1)[0]}"
            )


def test_a_run_that_leaves_a_gating_clause_undecided_is_incomplete(sized: tuple[int, Result]) -> None:
    size, result = sized
    gating = {clause.id for clause in clauses() if clause.level in GATING}
    lacking = gating & frozenset().union(*UNDECIDED[size].values())
    assert result.exit_code == (ExitCode.INCOMPLETE if lacking else ExitCode.KEPT)
    assert bool(lacking) == (size < 11)


def test_what_is_kept_was_shown_a_case(sized: tuple[int, Result]) -> None:
    _, result = sized
    assert not [one.clause for one in result.judgements if one.verdict is Verdict.KEPT and not one.cases]


# What is not there for other reasons


def small(
    budget: int = 400, dataset: Dataset | None = None, behaviour: Behaviour | None = None, **lacking: Any
) -> Result:
    """A run without some of what a user can give."""
    data = dataset or seeded(size=12)
    with Server(data, behaviour) as server:
        target = Target(server.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint, user_key=True)
        user = None if lacking.get("user_key") is False else data.user_key
        return run(
            Plan(
                target=replace(target, **lacking),
                keys=Keys.of(data.admin_key, user),
                operation=load_operation(),
                seed=SEED,
                budget=budget,
            )
        )


@pytest.mark.parametrize(
    ("result", "needs"),
    [
        pytest.param({"other_checkpoint": None}, {OTHER: ids("PAG 22, SCO 1")}, id="no other checkpoint"),
        pytest.param({"user_key": False}, {USER: ids("SEC 5")}, id="no key without admin rights"),
        pytest.param({"empty_checkpoint": None}, {}, id="no empty checkpoint"),
        pytest.param({"dataset": seeded(size=12, projects=1)}, {PROJECTS: ids("FLT 1 3")}, id="all of one project"),
        pytest.param({"dataset": seeded(size=12, ties=False)}, {TIE: ids("ORD 7, OBS 8")}, id="no ties"),
    ],
)
def test_it_is_written_down_what_a_missing_thing_leaves_undecided(
    result: dict[str, Any], needs: dict[str, frozenset[str]]
) -> None:
    found = small(**result)
    assert undecided(found) == expected(needs)
    assert found.exit_code == (ExitCode.INCOMPLETE if needs else ExitCode.KEPT)


@pytest.mark.parametrize("budget", [60, 80, 120, 200])
def test_a_small_budget_keeps_nothing_without_a_case(budget: int) -> None:
    result = small(budget)
    assert result.requests <= budget
    assert not [one.clause for one in result.judgements if one.verdict is Verdict.KEPT and not one.cases]
    assert not [one.clause for one in result.judgements if one.verdict is Verdict.BROKEN]


@pytest.mark.parametrize(
    "name",
    [
        "has-more-never-limit-1",
        "has-more-from-full-page-limit-1",
        "last-id-null-limit-1",
        "created-at-in-milliseconds-limit-1",
        "id-null-limit-1",
        "cursor-included-limit-1",
        "refused-limit-1",
    ],
)
def test_a_small_budget_asks_for_single_items(name: str) -> None:
    fault = FAULTS[name]
    shown = small(150, seeded(size=57), fault.behaviour())
    assert shown.exit_code is ExitCode.BROKEN
    assert fault.clause in {one.clause for one in shown.judgements if one.verdict is Verdict.BROKEN}


@pytest.mark.parametrize(
    "name",
    ["project-in-any-case", "project-by-longer-id", "checkpoint-in-any-case", "checkpoint-with-suffix"],
)
def test_a_small_budget_asks_for_other_names(name: str) -> None:
    shown = small(150, seeded(size=57), FAULTS[name].behaviour())
    assert FAULTS[name].clause in {one.clause for one in shown.judgements if one.verdict is Verdict.BROKEN}


def test_the_smallest_budget_decides_everything_behind_a_small_cap() -> None:
    """Its pages take more requests than those of a target that gives a hundred at once."""
    found = small(60, seeded(size=57), VARIANTS["cap-20"].behaviour())
    gating = {one.clause: one.verdict for one in found.judgements if one.level in GATING}
    assert set(gating.values()) == {Verdict.KEPT, Verdict.NOT_APPLICABLE}, gating


# The judge


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """A whole run in which nothing is wrong."""
    result = against(Server())
    return Evidence(Reader(load_operation()), result.target, result.exchanges)


def test_no_case_is_no_verdict(evidence: Evidence) -> None:
    """Whatever a clause needs and whatever was asked: without a case nothing is kept."""
    found = judge(clauses(), evidence, {clause.id: Tally() for clause in clauses()}, {})
    assert {one.verdict for one in found} == {Verdict.NOT_EXERCISED}
    assert all(one.reason and one.provide for one in found)


def test_one_case_is_enough(evidence: Evidence) -> None:
    found = judge(clauses(), evidence, {clause.id: Tally(cases=1) for clause in clauses()}, {})
    assert {one.verdict for one in found} == {Verdict.KEPT}
    assert {one.cases for one in found} == {1}


def sizes_of_variants() -> Iterator[tuple[int, frozenset[str]]]:
    for name, variant in VARIANTS.items():
        kind, _, size = name.partition("-")
        if kind == "size" and size.isdecimal() and int(size) in UNDECIDED:
            yield int(size), variant.unexercised


def test_the_variants_declare_the_same() -> None:
    declared = dict(sizes_of_variants())
    assert declared
    for size, unexercised in declared.items():
        assert unexercised == frozenset().union(*UNDECIDED[size].values()), size


@pytest.mark.parametrize("name", ["raw-colon-refused", "whole-list-loses-a-project"])
def test_a_small_budget_suffices_where_a_project_shows_nothing(name: str) -> None:
    assert show(open_fault(name), budget=150).exit_code == ExitCode.BROKEN


class Unlimited(Behaviour):
    """limit=-1 gives the whole list, and any other limit below 1 is refused."""

    def small_limit(self, limit: int, /) -> int:
        return 1 << 20 if limit == -1 else Behaviour.small_limit(self, limit)


@pytest.mark.parametrize(("items", "verdict"), [(7, Verdict.NOT_EXERCISED), (12, Verdict.BROKEN)])
def test_a_refused_limit_proves_nothing_where_another_one_may_bring_the_whole_list(
    items: int, verdict: Verdict
) -> None:
    selected = [clause for clause in clauses() if clause.id == "INP-003"]
    result = against(Server(seeded(size=items), Unlimited()), selected=selected)
    assert [one.verdict for one in result.judgements] == [verdict]
