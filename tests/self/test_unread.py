"""A run that read no page of the list has judged nothing, whatever it was told to allow."""

from __future__ import annotations

from contracts.core.errors import ExitCode
from contracts.core.model import Target
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.openapi.loading import load_operation
from contracts.reports.summary import headline
from contracts.verdicts.conclusion import UNREAD, Cost, Terms, conclude


def test_without_a_page_nothing_is_kept() -> None:
    operation, target = load_operation(), Target("http://h/v1", "c")
    terms = Terms(target=target, operation=operation, seed=0, incomplete=True)
    result = conclude(terms, Evidence(Reader(operation), target, []), (), Cost(requests=1), notes=())
    assert result.exit_code == ExitCode.CONFIGURATION
    assert result.notes == (UNREAD,)
    assert headline(result).startswith("NOT JUDGED: no page of the list was ever read")
