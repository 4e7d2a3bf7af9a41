"""What the decorators say of the clauses is complete, and fits together."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from contracts.clauses.registry import FAMILIES, Clause, clauses, owner
from contracts.core.model import Capability, Node, Target
from contracts.core.result import Verdict
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.verdicts.judging import judge
from contracts.verdicts.tallying import tally

KNOWN = {clause.id: clause for clause in clauses()}


def test_a_cause_is_another_clause_and_no_clause_explains_itself() -> None:
    def causes(name: str, seen: tuple[str, ...] = ()) -> None:
        assert name not in seen, f"a circle of causes: {seen}"
        for cause in KNOWN[name].caused_by:
            causes(cause, (*seen, name))

    for name in KNOWN:
        causes(name)


def test_each_part_of_the_schema_has_one_owner() -> None:
    assert sorted(clause.owns for clause in KNOWN.values() if clause.owns) == sorted(Node)
    assert owner(Node.BODY) == "ENV-001"


@pytest.mark.parametrize("capability", Capability)
def test_what_an_operation_does_not_have_is_not_judged(capability: Capability, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = frozenset(Capability) - {capability}
    monkeypatch.setattr(Operation, "capabilities", property(lambda _self: lacking))
    evidence = Evidence(Reader(load_operation()), Target("http://host", "ft:a"), ())
    every = tuple(replace(clause, judge=_fails) if capability in clause.requires else clause for clause in clauses())
    assert any(capability in clause.requires for clause in every), "what no clause requires need not be told"
    for clause, judgement in zip(every, judge(every, evidence, tally(every, evidence), {}), strict=True):
        if capability in clause.requires:
            assert judgement.verdict is Verdict.NOT_APPLICABLE
            assert judgement.reason == f"the operation does not have {capability}"


def _fails(_evidence: Evidence) -> NoReturn:
    pytest.fail("a clause that does not apply was judged")


def test_a_clause_of_today_applies_to_the_published_operation() -> None:
    operation = load_operation()
    lacking = {
        Capability.FILTERS,
        Capability.HIDDEN_FILTER,
        Capability.TOKEN,
        Capability.BEFORE,
        Capability.NEAREST,
        Capability.ENVELOPE_OTHER,
        Capability.ITEM_OTHER,
    }
    assert operation.capabilities == frozenset(Capability) - lacking
    applying: list[Clause] = [clause for clause in clauses() if clause.lacking(operation) is None]
    assert {clause.id for clause in clauses()} - {clause.id for clause in applying} == {
        clause.id for clause in clauses() if clause.requires & lacking
    }


def test_every_family_is_held_apart() -> None:
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    (apart,) = (one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "independence")
    assert set(apart["modules"]) == {f"contracts.clauses.{module}" for module in FAMILIES.values()}
