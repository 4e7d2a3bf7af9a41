"""The whole suite as pytest items, one a clause: ``pytest --pyargs contracts.suite``."""

from __future__ import annotations

import re

import pytest

from contracts.clauses.registry import Clause, clauses
from contracts.plugins.session import Session


def slug(clause: Clause) -> str:
    """Id and title in one word that a shell takes as it stands."""
    return re.sub(r"[^\w.-]+", "-", f"{clause.id} {clause.title}", flags=re.ASCII).strip("-")


# One run answers for all items, so workers of pytest-xdist that can group keep them together.
@pytest.mark.xdist_group("contracts")
@pytest.mark.parametrize("clause", [pytest.param(clause, id=slug(clause)) for clause in clauses()])
def test_clause(clause: Clause, contract: Session, request: pytest.FixtureRequest) -> None:
    """The target keeps the clause."""
    contract.hold(clause, request)
