"""From what the clauses found to verdicts: the smallest breach is shown, and nothing uncertain is claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from contracts.clauses.registry import Clause, owner
from contracts.core.model import Exchange, Node
from contracts.core.result import Finding, Judgement, Level, Verdict
from contracts.core.wording import count
from contracts.evidence.evidence import CONTROL, Evidence
from contracts.openapi.operation import Operation
from contracts.verdicts.cascades import NO_CASE, explain
from contracts.verdicts.recurrence import Confirmation
from contracts.verdicts.tallying import Tally, numbers

ENOUGH_BREACHES = 3
"""So many breaches are no passing change of the list, even if none recurred when it was repeated."""
LEAST_TOGETHER = 0.2
"""The least share of a clause's cases that are breaches where requests are mixed up that are under way together."""
MORE = "more requests (--requests)"
"""What to provide where too few requests were sent."""
CHANCE = 1e-4
"""Below this probability the network is not assumed to have lost every attempt of one request."""
_STEADY = "a run over a steady connection"


def judge(
    clauses: Sequence[Clause],
    evidence: Evidence,
    tallies: Mapping[str, Tally],
    confirmations: Mapping[str, Confirmation],
) -> tuple[Judgement, ...]:
    """The verdict on each clause.

    Args:
        clauses: The clauses to judge.
        evidence: All exchanges, including repeated ones.
        tallies: What each clause found in them.
        confirmations: How often the finding of a clause recurred.
    """
    judgements = [
        _judgement(clause, evidence, tallies[clause.id], confirmations.get(clause.id, Confirmation()))
        for clause in clauses
    ]
    return tuple(_in_its_words(each, evidence.operation) for each in explain(clauses, judgements, tallies))


def _in_its_words(judgement: Judgement, operation: Operation) -> Judgement:
    """A judgement in the words of the operation."""
    says = operation.says
    if not says.other:
        return judgement
    title, reason, provide = map(says, (judgement.title, judgement.reason, judgement.provide))
    finding = judgement.finding
    if finding is not None:
        finding = replace(finding, expected=says.named(finding.expected), actual=says.named(finding.actual))
    return replace(judgement, title=title, reason=reason, provide=provide, finding=finding)


def _judgement(clause: Clause, evidence: Evidence, found: Tally, confirmation: Confirmation) -> Judgement:
    finding = found.least
    if confirmation.of not in {numbers(one.exchanges) for one in found.findings}:
        confirmation = Confirmation()
    common = Judgement(
        clause=clause.id,
        level=clause.level,
        title=clause.title,
        verdict=Verdict.KEPT,
        cases=found.cases,
        breaches=found.number,
        answer=found.answered,
    )
    if finding is not None:
        stood = not evidence.unsteady and evidence.listing.watched(finding.exchanges)
        if not finding.warning and any(map(evidence.failures.doubtful, finding.exchanges)):
            settled: Judgement | None = _settle_lost(common, finding, confirmation, evidence.failures.loss)
        else:
            settled = _settle(common, finding, confirmation, moved=evidence.unsteady, stood=stood)
        if settled is not None:
            return settled
    if clause.level is Level.OBSERVED and found.answered is not None:
        return _but(common, Verdict.ANSWERED)
    return _without_breach(clause, common, evidence, found)


def _settle(
    common: Judgement, finding: Finding, confirmation: Confirmation, *, moved: bool, stood: bool
) -> Judgement | None:
    """The verdict that follows from a finding; ``None`` if a change of the list explains it.

    ``moved`` says that the list changed, ``stood`` that walks before and after the finding saw no change.
    """
    shown = _shown(common, finding, confirmation)
    if not finding.stable_list:
        return shown
    if moved:
        if confirmation.sure and confirmation.sure_seen == confirmation.sure:
            return shown
        if confirmation.sure and not confirmation.sure_seen:
            return None
        reason = "the list changed each time that this was looked at"
    elif confirmation.seen or (stood and (not confirmation.rounds or common.breaches >= ENOUGH_BREACHES)):
        return shown
    elif not confirmation.rounds:
        reason = "it was not asked again, and the list was not looked at afterwards: it could have changed"
    else:
        reason = "it was seen once, not when asked again, and could be a change of the list"
    return _undecided(common, finding, confirmation, reason, provide="a run while the list is quiet")


def _settle_lost(common: Judgement, finding: Finding, confirmation: Confirmation, loss: float) -> Judgement:
    """The verdict where no complete answer came, which may be the fault of the network.

    It is the server's fault if every repetition failed, and a network that loses the share ``loss`` of all attempts is
    unlikely to do that by chance.
    """
    if not confirmation.rounds:
        reason = "the connection broke, and it was not asked again whose fault that is"
    elif confirmation.seen < confirmation.rounds:
        reason = "the connection broke, but not each time: the network, or what was asked before, may be to blame"
    elif loss**confirmation.tries > CHANCE:
        reason = f"the connection broke, and the network lost {loss:.0%} of what was asked elsewhere as well"
    else:
        return _shown(common, finding, confirmation)
    return _undecided(common, finding, confirmation, reason, provide=_STEADY)


def _shown(common: Judgement, finding: Finding, confirmation: Confirmation) -> Judgement:
    verdict = Verdict.WARNED if finding.warning or common.level is Level.ADVISORY else Verdict.BROKEN
    if confirmation.alone and common.breaches < common.cases * LEAST_TOGETHER:
        # So rare a breach recurs beside other requests by chance as well.
        confirmation = replace(confirmation, rounds=confirmation.alone, seen=0, alone=0)
    if confirmation.alone:
        right = f"{confirmation.alone} of {confirmation.alone}"
        text = f"asked again alone it was right {right} times; with other requests under way it"
        finding = replace(
            finding, actual=f"{finding.actual} ({text} came back {confirmation.seen} of {confirmation.rounds} times)"
        )
    return _but(
        common, verdict, finding=finding, seen=confirmation.seen, asked=confirmation.rounds, alone=confirmation.alone
    )


def _undecided(
    common: Judgement, finding: Finding, confirmation: Confirmation, reason: str, *, provide: str
) -> Judgement:
    return _but(
        common,
        Verdict.INCONCLUSIVE,
        finding=finding,
        seen=confirmation.seen,
        asked=confirmation.rounds,
        reason=reason,
        provide=provide,
    )


def _without_breach(clause: Clause, common: Judgement, evidence: Evidence, found: Tally) -> Judgement:
    if found.inapplicable is not None and not found.cases:
        return _but(common, Verdict.NOT_APPLICABLE, reason=found.inapplicable.reason)
    lacking = clause.needs.lacking(evidence)
    # Where a change of the list explains every breach, nothing is left that was right.
    if lacking is None and found.cases > found.number:
        return common
    missed = _missed(clause, evidence)
    if missed and _may_hide(clause, evidence, missed):
        number = count(len(missed), "request")
        reason = f"the connection broke: {number} that could have shown a case got no complete answer"
        return _but(common, Verdict.NOT_EXERCISED, reason=reason, provide=_STEADY)
    if not evidence.pages and any(evidence.unread()):
        reason = "no page of the list could be read"
        return _but(common, Verdict.NOT_EXERCISED, reason=reason, because=_unread_because(evidence))
    reason, provide = lacking or _no_case(evidence, found)
    return _but(common, Verdict.NOT_EXERCISED, reason=reason, provide=provide)


def _no_case(evidence: Evidence, found: Tally) -> tuple[str, str]:
    """Why the run has no case of a clause, and what the user can provide."""
    if found.unshown is not None:
        return found.unshown.reason, found.unshown.provide
    reason, provide = NO_CASE, MORE
    if evidence.unsteady:
        return f"the list changed, and {reason}", f"a run while the list is quiet, or {provide}"
    return reason, provide


def _missed(clause: Clause, evidence: Evidence) -> list[Exchange]:
    """The exchanges of this clause's probes that got no complete answer because of their connection."""
    return [exchange for exchange in evidence.failures.lost if exchange.probe in clause.asked_by | {CONTROL}]


def _may_hide(clause: Clause, evidence: Evidence, missed: list[Exchange]) -> bool:
    """Whether these may be the reason why a clause has no case, or lacks data."""
    if clause.needs.lacking(evidence) is None or not evidence.listing.complete:
        return clause.needs.given(evidence.target)
    other = evidence.target.other_checkpoint
    unseen = clause.needs.other_scope and other is not None and not evidence.foreign
    return unseen and any(evidence.reading(exchange).scope == other for exchange in missed)


def _unread_because(evidence: Evidence) -> str:
    for document in evidence.documents:
        if document.defect:
            return owner(Node.BODY)
        for violation in document.violations:
            return owner(violation.node)
    return ""


def _but(judgement: Judgement, verdict: Verdict, **changes: Any) -> Judgement:
    return replace(judgement, verdict=verdict, **changes)
