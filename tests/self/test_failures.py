"""What was asked before is named where requests are not answered in time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from results import exchange

from contracts.core.model import Exchange, Failure, FailureKind
from contracts.evidence.failures import Failures

TIMEOUT = Failure(FailureKind.TIMEOUT, "no answer within 1 s")


def asked(*statuses: int | None) -> list[Exchange]:
    """Exchanges one after the other; ``None`` is one without an answer in time."""
    return [
        replace(
            exchange(number, f"limit={number}", status=status),
            failure=TIMEOUT if status is None else None,
            sent=2 * number,
            received=2 * number + 1,
        )
        for number, status in enumerate(statuses)
    ]


@pytest.mark.parametrize(
    ("statuses", "before"),
    [
        ((200, 400, None, None, 200), [1]),
        ((200, 400, None, 404, None, 200, None), [1, 3, 5]),
        ((200, None), [0]),
        ((None, 200, 200), []),
        ((200, 400, 200), []),
    ],
    ids=["one series", "three series", "after a 200", "from the first one on", "all answered"],
)
def test_what_was_answered_before_each_series_is_found(statuses: tuple[int | None, ...], before: list[int]) -> None:
    assert [each.number for each in Failures(asked(*statuses)).stalls] == before


def test_of_what_was_answered_meanwhile_an_error_comes_first() -> None:
    refused, right, hung = asked(400, 200, None)
    assert Failures([refused, right, replace(hung, sent=0)]).stalls == (refused,)
