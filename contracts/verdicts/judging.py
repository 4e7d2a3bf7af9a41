"""From evidence to verdicts: every breach is collected, the smallest is shown, and nothing uncertain is claimed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from contracts.clauses.registry import Clause, owner
from contracts.core.model import Exchange, Node, Request
from contracts.core.result import Answered, Finding, Held, Inapplicable, Judgement, Level, Unshown, Verdict
from contracts.core.wording import count
from contracts.evidence.evidence import CONTROL, Evidence
from contracts.openapi.operation import Operation

ENOUGH_BREACHES = 3
"""So many breaches are no passing change of the list, even if none recurred when it was repeated."""

MOST_FINDINGS = 20_000
"""Findings of one clause that are kept in memory: a recording may have very many."""

LEAST_TOGETHER = 0.2
"""The least share of a clause's cases that are breaches where requests are mixed up that are under way together."""
A_PAGE = 4096
"""Bytes. Among findings with bodies below this size the first one is shown, and not the one with the shortest body."""

MORE = "more requests (--requests)"
"""What to provide where too few requests were sent."""
NO_CASE = "no answer of this run showed a case that could break it"
CHANCE = 1e-4
"""Below this probability the network is not assumed to have lost every attempt of one request."""

_LEAST_REPEATED = 3
"""Requests that were answered 200 before, and otherwise since, that show that a target changed."""
_LEAST_AFTER = 10
"""Other answers in a row, one of them to such a request, that show the same."""
_STEADY = "a run over a steady connection"


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
        """The number of breaches, including those that are not kept."""
        return len(self.breaches) + self.dropped

    def add(self, other: Tally, most: int | None = None) -> None:
        """Add what the clause found in other evidence; of more than ``most`` findings the smallest are kept."""
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


@dataclass(slots=True)
class Confirmation:
    """How often a finding recurred when it was repeated.

    ``rounds`` counts the repetitions, ``seen`` those in which it recurred; ``sure`` those in which the list certainly
    did not change, and ``sure_seen`` those of them in which it recurred. ``tries`` counts the attempts in these rounds
    that got no complete answer. ``of`` are the numbers of the finding's exchanges.
    """

    of: tuple[int, ...] = ()

    rounds: int = 0
    seen: int = 0
    sure: int = 0
    sure_seen: int = 0
    tries: int = 0
    alone: int = 0
    """Rounds without other requests under way, if it recurred in none; the other counts are then those with."""


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
    found = {}
    changed = first_after_change(evidence)
    steady = evidence if changed is None else _before(evidence, changed.number)
    for clause in clauses:
        kept = found[clause.id] = Tally()
        if (lacking := clause.lacking(evidence.operation)) is not None:
            kept.inapplicable = Inapplicable(lacking)
            continue
        for outcome in clause.judge(evidence if clause.family == "http" else steady):
            match outcome:
                case Held():
                    kept.cases += 1
                case Finding() if not clause.even_once and any(map(evidence.failures.intermittent, outcome.exchanges)):
                    pass
                case Finding() if changed is not None and _across(outcome, changed.number):
                    pass
                case Finding():
                    kept.cases += 1
                    kept.findings.append(outcome)
                    if len(kept.findings) > MOST_FINDINGS:
                        kept.add(Tally(), MOST_FINDINGS // 2)
                case Inapplicable():
                    kept.inapplicable = outcome
                case Unshown():
                    kept.unshown = outcome
                case Answered():
                    kept.answered = outcome
    return found


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
    return tuple(_in_its_words(each, evidence.operation) for each in _explain(clauses, judgements, tallies))


def roots(judgements: Iterable[Judgement]) -> dict[str, str]:
    """For each breach that follows from another one, the clause at its root."""
    return {one.clause: one.because for one in judgements if one.because and one.verdict is Verdict.BROKEN}


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


def _judgement(clause: Clause, evidence: Evidence, kept: Tally, confirmation: Confirmation) -> Judgement:
    finding = kept.least
    if confirmation.of not in {numbers(one) for one in kept.findings}:
        confirmation = Confirmation()
    common = Judgement(
        clause=clause.id,
        level=clause.level,
        title=clause.title,
        verdict=Verdict.KEPT,
        cases=kept.cases,
        breaches=kept.number,
        answer=kept.answered,
    )
    if finding is not None:
        stood = not evidence.unsteady and evidence.listing.watched(finding.exchanges)
        if not finding.warning and any(map(evidence.failures.doubtful, finding.exchanges)):
            settled: Judgement | None = _settle_lost(common, finding, confirmation, evidence.failures.loss)
        else:
            settled = _settle(common, finding, confirmation, moved=evidence.unsteady, stood=stood)
        if settled is not None:
            return settled
    if clause.level is Level.OBSERVED and kept.answered is not None:
        return _but(common, Verdict.ANSWERED)
    return _without_breach(clause, common, evidence, kept)


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


def _without_breach(clause: Clause, common: Judgement, evidence: Evidence, kept: Tally) -> Judgement:
    if kept.inapplicable is not None and not kept.cases:
        return _but(common, Verdict.NOT_APPLICABLE, reason=kept.inapplicable.reason)
    lacking = clause.needs.lacking(evidence)
    # Where a change of the list explains every breach, nothing is left that was right.
    if lacking is None and kept.cases > kept.number:
        return common
    missed = _missed(clause, evidence)
    if missed and _may_hide(clause, evidence, missed):
        number = count(len(missed), "request")
        reason = f"the connection broke: {number} that could have shown a case got no complete answer"
        return _but(common, Verdict.NOT_EXERCISED, reason=reason, provide=_STEADY)
    if not evidence.pages and any(evidence.unread()):
        reason = "no page of the list could be read"
        return _but(common, Verdict.NOT_EXERCISED, reason=reason, because=_unread_because(evidence))
    reason, provide = lacking or _no_case(evidence, kept)
    return _but(common, Verdict.NOT_EXERCISED, reason=reason, provide=provide)


def _no_case(evidence: Evidence, kept: Tally) -> tuple[str, str]:
    """Why the run has no case of a clause, and what the user can provide."""
    if kept.unshown is not None:
        return kept.unshown.reason, kept.unshown.provide
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
    unseen = clause.needs.other_checkpoint and other is not None and not evidence.foreign
    return unseen and any(evidence.reading(exchange).checkpoint == other for exchange in missed)


def _unread_because(evidence: Evidence) -> str:
    for document in evidence.documents:
        if document.defect:
            return owner(Node.BODY)
        for violation in document.violations:
            return owner(violation.node)
    return ""


def _but(judgement: Judgement, verdict: Verdict, **changes: Any) -> Judgement:
    return replace(judgement, verdict=verdict, **changes)


def _explain(
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


def numbers(finding: Finding) -> tuple[int, ...]:
    """The numbers of the exchanges that a finding rests on."""
    return tuple(exchange.number for exchange in finding.exchanges)


def _shares(finding: Finding, findings: Iterable[Finding]) -> bool:
    """Whether a finding rests on an answer of one of the others.

    Without the admin key, the same request counts as the same answer, whatever the form of its credentials.
    """
    mine = {_question(exchange) for exchange in finding.exchanges}
    return any(mine & {_question(exchange) for exchange in other.exchanges} for other in findings)


def _question(exchange: Exchange) -> object:
    return exchange.number if exchange.request.credential == "admin" else exchange.request.target
