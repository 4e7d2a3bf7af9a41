"""The likely causes of a broken run: what the kill matrix knows of faults, and the requests that test a cause."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import cache

from contracts.core.errors import ExitCode
from contracts.core.result import Judgement, Result
from contracts.evidence.evidence import ASIDE, Evidence
from contracts.probes.asking import Asking, ShareSpent
from contracts.traffic.pacing import BudgetSpent
from contracts.verdicts.diagnosis import diagnose
from contracts.verdicts.experiments import SURE, experiments
from contracts.verdicts.likelihood import Signature


@cache
def signatures() -> tuple[Signature, ...]:
    """What each fault breaks; read from the kill matrix when it is first wanted, because most runs break nothing."""
    from contracts.mock.faults import FAULTS
    from contracts.mock.matrix import matrix

    rows = matrix()["faults"]
    return tuple(
        Signature(
            name,
            fault.kind.name,
            fault.kind.sentence,
            frozenset(rows[name]["broken"]) | frozenset(rows[name]["warned"]),
            frozenset(rows[name]["may"]),
            fault.clause,
        )
        for name, fault in FAULTS.items()
        if name in rows
    )


def requests(judgements: Iterable[Judgement], evidence: Evidence) -> int:
    """How many requests it takes to tell the likely causes of these breaches apart, if they come back."""
    sure = [replace(one, seen=SURE, asked=SURE) for one in judgements]
    return sum(len(experiment.requests) for experiment in experiments(sure, evidence))


def test_causes(asking: Asking, judgements: Iterable[Judgement]) -> None:
    """Ask what tells likely causes apart, within what is left of the budget."""
    asking.begin(ASIDE, asking.client.remaining)
    with suppress(ShareSpent, BudgetSpent):
        for experiment in experiments(judgements, asking.evidence):
            if len(experiment.requests) <= asking.left:
                for request in experiment.requests:
                    asking.send(request)


def with_causes(result: Result, evidence: Evidence) -> Result:
    """The result with the likely causes of what broke."""
    if result.exit_code != ExitCode.BROKEN:
        return result
    return replace(result, causes=diagnose(result.judgements, evidence, signatures()))
