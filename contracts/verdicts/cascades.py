"""Which breach follows from which: a breach of one clause explains those of others in the same answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from contracts.clauses.registry import Clause
from contracts.core.model import Exchange
from contracts.core.result import Finding, Judgement, Verdict
from contracts.verdicts.tallying import Tally

NO_CASE = "no answer of this run showed a case that could break it"
"""The reason why a clause has no verdict where nothing else is missing: a breach of another one may hide its cases."""


def roots(judgements: Iterable[Judgement]) -> dict[str, str]:
    """For each breach that follows from another one, the clause at its root."""
    return {one.clause: one.because for one in judgements if one.because and one.verdict is Verdict.BROKEN}


def explain(
    clauses: Sequence[Clause], judgements: Sequence[Judgement], tallies: Mapping[str, Tally]
) -> tuple[Judgement, ...]:
    """Name the cause of each breach that follows from another one: the clause at the root of the chain."""
    broken = {judgement.clause for judgement in judgements if judgement.verdict is Verdict.BROKEN}
    causes: dict[str, str] = {}
    hidden: dict[str, str] = {}
    for clause, judgement in zip(clauses, judgements, strict=True):
        if judgement.clause in broken and judgement.finding is not None:
            for cause in clause.caused_by:
                if cause in broken and _shares(judgement.finding, tallies[cause].breaches):
                    causes[clause.id] = cause
                    break
        elif judgement.reason == NO_CASE:
            hidden[clause.id] = next((cause for cause in clause.caused_by if cause in broken), "")
    return tuple(_explained(judgement, causes, hidden.get(judgement.clause, "")) for judgement in judgements)


def _explained(judgement: Judgement, causes: Mapping[str, str], hides: str) -> Judgement:
    if judgement.clause in causes:
        return replace(judgement, because=_root(causes, judgement.clause))
    if hides:
        reason = f"what could show a case breaks {hides}"
        return replace(judgement, because=_root(causes, hides), reason=reason, provide="")
    return judgement


def _root(causes: Mapping[str, str], clause: str) -> str:
    """The end of a chain of causes."""
    while clause in causes:
        clause = causes[clause]
    return clause


def _shares(finding: Finding, findings: Iterable[Finding]) -> bool:
    """Whether a finding rests on an answer of one of the others.

    Without the admin key, the same request counts as the same answer, whatever the form of its credentials.
    """
    mine = {_question(exchange) for exchange in finding.exchanges}
    return any(mine & {_question(exchange) for exchange in other.exchanges} for other in findings)


def _question(exchange: Exchange) -> object:
    return exchange.number if exchange.request.credential == "admin" else exchange.request.target
