"""A clause that is selected alone is asked for as little as shows its faults, and comes out as among all others."""

from __future__ import annotations

import pytest

from contracts.clauses.registry import Clause, clauses, find
from contracts.core.result import Level, Verdict
from contracts.mock.faults import FAULTS, open_fault
from contracts.mock.server import Server
from contracts.probes import PROBES
from contracts.runs.selftest import WARNED_ONLY, against
from contracts.traffic.credentials import CREDENTIALS

MOST: dict[str, int] = {"ENV-001": 30, "PAG-014": 120, "PAG": 200, "ENV": 60, "SEC-006": 10, "SCO-004": 10, "OBS": 120}
"""What may be asked of a right server at most."""


def faults_of(clause: Clause) -> list[str]:
    """Two faults of a clause, of those that need no waiting, as far from each other as they are declared."""
    mine = [fault.name for fault in FAULTS.values() if fault.clause == clause.id and not fault.timed]
    return list(dict.fromkeys([*mine[:1], *mine[-1:]]))


@pytest.mark.parametrize("clause", [pytest.param(each, id=each.id) for each in clauses() if faults_of(each)])
def test_a_clause_alone_catches_its_faults(clause: Clause) -> None:
    for name in faults_of(clause):
        (judgement,) = against(open_fault(name), selected=[clause]).judgements
        warns = clause.level is Level.ADVISORY or name in WARNED_ONLY
        assert judgement.verdict is (Verdict.WARNED if warns else Verdict.BROKEN), name


@pytest.mark.parametrize("name", MOST)
def test_little_is_asked_for_little(name: str) -> None:
    result = against(Server(), selected=find([name]))
    assert result.requests <= MOST[name]
    assert {one.verdict for one in result.judgements} <= {Verdict.KEPT, Verdict.ANSWERED, Verdict.NOT_APPLICABLE}


def test_each_part_of_a_probe_is_there_and_needed() -> None:
    known = {f"{name}.{part}" for name, probe in PROBES.items() for part in probe.parts}
    needed = frozenset().union(*(clause.probes for clause in clauses()))
    assert needed <= known | PROBES.keys()
    as_a_whole = {part for part in known if part.partition(".")[0] in needed}
    of_all_forms = {f"access.{form}" for form in CREDENTIALS}
    assert known - as_a_whole - of_all_forms <= needed
