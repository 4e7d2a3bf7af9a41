"""What each clause finds in the evidence: its cases, its breaches, and the smallest of these, which is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from contracts.clauses.registry import Clause
from contracts.core.model import Exchange, Request
from contracts.core.result import Answered, Finding, Held, Inapplicable, Unshown
from contracts.evidence.evidence import Evidence

MOST_FINDINGS = 20_000
"""Findings of one clause that are kept in memory: a recording may have very many."""
A_PAGE = 4096
"""Bytes. Among findings with bodies below this size the first one is shown, and not the one with the shortest body."""
_LEAST_REPEATED = 3
"""Requests that were answered 200 before, and otherwise since, that show that a target changed."""
_LEAST_AFTER = 10
"""Other answers in a row, one of them to such a request, that show the same."""


@dataclass(slots=True)
class Tally:
    """What a clause found in the evidence. ``dropped`` counts the breaches that are not kept among the findings."""

    cases: int = 0
    findings: list[Finding] = field(default_factory=list)
    dropped: int = 0
    inapplicable: Inapplicable | None = None
    unshown: Unshown | None = None
    answered: Answered | None = None

    @property
    def breaches(self) -> list[Finding]:
        """The findings that are not just warnings."""
        return [finding for finding in self.findings if not finding.warning]

    @property
    def number(self) -> int:
        """The number of breaches, including those that are not found."""
        return len(self.breaches) + self.dropped

    def add(self, other: Tally, most: int | None = None) -> None:
        """Add what the clause found in other evidence; of more than ``most`` findings the smallest are found."""
        number = self.number + other.number
        self.cases += other.cases
        self.findings = sorted([*self.findings, *other.findings], key=size)[:most]
        self.dropped = number - len(self.breaches)

    @property
    def least(self) -> Finding | None:
        """The finding to show: a breach before a warning, what is sure before what is not, then the smallest."""
        return min(self.findings, key=size, default=None)


def size(finding: Finding) -> tuple[Any, ...]:
    """The sort key of the findings of a clause; the smallest one is shown."""
    last = finding.exchanges[-1]
    return (
        finding.warning,
        any(exchange.lost for exchange in finding.exchanges),
        finding.stable_list,
        last.request.credential != "admin",
        len(finding.exchanges),
        last.concurrent,
        last.request.query.count("=") + last.request.query.count("&"),
        len(last.answer.body) // A_PAGE if last.answer is not None else 0,
        len(last.request.query),
        last.number,
    )


def first_after_change(evidence: Evidence) -> Exchange | None:
    """The first request from which on no answer is a 200, also to what had been answered 200 before.

    ``None`` if the target did not change this way during the run. A 304 counts as a 200: it says that the page is the
    one that was given before.
    """
    allowed = [exchange for exchange, _ in evidence.allowed]
    last = max((place for place, exchange in enumerate(allowed) if exchange.ok), default=-1)
    after = [exchange for exchange in allowed[last + 1 :] if exchange.answer is not None]
    if any(exchange.status == HTTPStatus.NOT_MODIFIED for exchange in after):
        return None
    known = {_as_asked(exchange) for exchange in allowed[: last + 1] if exchange.ok}
    repeated = sum(_as_asked(exchange) in known for exchange in after)
    enough = repeated >= _LEAST_REPEATED or (repeated and len(after) >= _LEAST_AFTER)
    return after[0] if enough else None


def _across(finding: Finding, number: int) -> bool:
    """Whether a finding compares answers from before a request with later ones."""
    return min(each.number for each in finding.exchanges) < number <= max(each.number for each in finding.exchanges)


def _as_asked(exchange: Exchange) -> Request:
    return replace(exchange.request, fresh=False)


@lru_cache(maxsize=1)
def _before(evidence: Evidence, number: int) -> Evidence:
    earlier = [exchange for exchange in evidence.exchanges if exchange.number < number]
    return Evidence(evidence.reader, evidence.target, earlier, part=evidence.part)


def tally(clauses: Iterable[Clause], evidence: Evidence) -> dict[str, Tally]:
    """Let each clause judge the evidence.

    An intermittent 5xx breaks only clauses that say so (``even_once``). Answers from after a change of the target are
    judged only by the clauses about HTTP: they say nothing about the list.
    """
    tallies: dict[str, Tally] = {}
    changed = first_after_change(evidence)
    steady = evidence if changed is None else _before(evidence, changed.number)
    for clause in clauses:
        found = tallies[clause.id] = Tally()
        if (lacking := clause.lacking(evidence.operation)) is not None:
            found.inapplicable = Inapplicable(lacking)
            continue
        for outcome in clause.judge(evidence if clause.family == "http" else steady):
            match outcome:
                case Held():
                    found.cases += 1
                case Finding() if not clause.even_once and any(map(evidence.failures.intermittent, outcome.exchanges)):
                    pass
                case Finding() if changed is not None and _across(outcome, changed.number):
                    pass
                case Finding():
                    found.cases += 1
                    found.findings.append(outcome)
                    if len(found.findings) > MOST_FINDINGS:
                        found.add(Tally(), MOST_FINDINGS // 2)
                case Inapplicable():
                    found.inapplicable = outcome
                case Unshown():
                    found.unshown = outcome
                case Answered():
                    found.answered = outcome
    return tallies


def numbers(exchanges: Iterable[Exchange]) -> tuple[int, ...]:
    """The numbers of some exchanges, in their order."""
    return tuple(exchange.number for exchange in exchanges)
