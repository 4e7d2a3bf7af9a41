"""The whole suite as pytest items, one a clause: ``pytest --pyargs contracts.suite``."""

from __future__ import annotations

import pytest

from contracts.clauses.registry import Clause, clauses
from contracts.plugins.session import Session


# One run answers for all items, so workers of pytest-xdist that can group keep them together.
@pytest.mark.xdist_group("contracts")
@pytest.mark.parametrize("clause", [pytest.param(clause, id=f"{clause.id} {clause.title}") for clause in clauses()])
def test_clause(clause: Clause, contract: Session, request: pytest.FixtureRequest) -> None:
    """The target keeps the clause."""
    contract.hold(clause, request.node)
