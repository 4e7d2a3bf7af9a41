"""From evidence to verdicts: every breach is collected, the least is shown, and what can't be told is not claimed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from contracts.clauses.registry import Clause, owner
from contracts.core.model import Exchange, Node, Request
from contracts.core.result import Answered, Finding, Held, Inapplicable, Judgement, Level, Unshown, Verdict
from contracts.core.wording import count
from contracts.evidence.evidence import CONTROL, Evidence
from contracts.spec.operation import Operation

ENOUGH_BREACHES = 3
"""So many separate answers are no passing change of the list, though asking again did not show it."""

MOST_FINDINGS = 20_000
"""Findings of a clause that are kept at the same time: a run has a few thousand answers, a recording may have more."""

A_PAGE = 4096
"""Bytes: among answers of fewer the first one is shown, and not the one that happens to say least."""

MORE = "more requests (--requests)"
"""What is to be provided where too little was asked."""
NO_CASE = "no answer of this run showed a case that could break it"
CHANCE = 1e-4
"""With a smaller probability than this, a network is not taken to have lost each try of one request."""

_LEAST_REPEATED = 3
"""How many requests that were answered 200 must be answered with errors from then on for a target to have changed."""
_LEAST_AFTER = 10
"""How many errors in a row, one of them in answer to such a request, say the same."""
_STEADY = "a run over a steady connection"


@dataclass(slots=True)
class Tally:
    """What a clause made of the evidence. ``dropped`` counts breaches that are not kept among the findings."""

    cases: int = 0
    findings: list[Finding] = field(default_factory=list)
    dropped: int = 0
    inapplicable: Inapplicable | None = None
    unshown: Unshown | None = None
    answered: Answered | None = None

    @property
    def breaches(self) -> list[Finding]:
        """The findings that are no mere warnings."""
        return [finding for finding in self.findings if not finding.warning]

    @property
    def number(self) -> int:
        """How many breaches there are, those that are not kept among them."""
        return len(self.breaches) + self.dropped

    def add(self, other: Tally, most: int | None = None) -> None:
        """Add what the clause made of other evidence; of many findings only the smallest are kept."""
        number = self.number + other.number
        self.cases += other.cases
        self.findings = sorted([*self.findings, *other.findings], key=size)[:most]
        self.dropped = number - len(self.breaches)

    @property
    def least(self) -> Finding | None:
        """The finding to show: a breach before a warning, what is sure before what is not, then the smallest."""
        return min(self.findings, key=size, default=None)


def size(finding: Finding) -> tuple[Any, ...]:
    """What the findings of a clause are ranked by; the smallest one is shown."""
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
class Again:
    """How a finding did when it was asked again.

    ``rounds`` counts the times, ``seen`` those in which it came back; ``sure`` those between two looks at the
    list that were equal, and ``sure_seen`` those of them in which it came back. ``tries`` counts how often a
    request was sent in these rounds without a whole answer. ``of`` are the numbers of the finding's exchanges.
    """

    of: tuple[int, ...] = ()

    rounds: int = 0
    seen: int = 0
    sure: int = 0
    sure_seen: int = 0
    tries: int = 0
    alone: int = 0
    """Rounds without others under way, in none of which it came back; then the other counts are of those with them."""


def first_after_change(evidence: Evidence) -> Exchange | None:
    """The first request from which on a target answers with errors alone, also what it had answered 200 before.

    ``None`` if it did not change so in the middle of the run.
    """
    allowed = [exchange for exchange, _ in evidence.allowed]
    last = max((place for place, exchange in enumerate(allowed) if exchange.ok), default=-1)
    after = [exchange for exchange in allowed[last + 1 :] if exchange.answer is not None]
    known = {_as_asked(exchange) for exchange in allowed[: last + 1] if exchange.ok}
    repeated = sum(_as_asked(exchange) in known for exchange in after)
    enough = repeated >= _LEAST_REPEATED or (repeated and len(after) >= _LEAST_AFTER)
    return after[0] if enough and all(each.refused or each.failed for each in after) else None


def _across(finding: Finding, number: int) -> bool:
    """Whether a finding compares answers from before and after a request."""
    return min(each.number for each in finding.exchanges) < number <= max(each.number for each in finding.exchanges)


def _as_asked(exchange: Exchange) -> Request:
    return replace(exchange.request, fresh=False)


@lru_cache(maxsize=1)
def _before(evidence: Evidence, number: int) -> Evidence:
    earlier = [exchange for exchange in evidence.exchanges if exchange.number < number]
    return Evidence(evidence.reader, evidence.target, earlier, part=evidence.part)


def tally(clauses: Iterable[Clause], evidence: Evidence) -> dict[str, Tally]:
    """Let each clause look at the evidence.

    A 5xx that comes once and not when the same is asked again is a breach of the clauses about that alone. What a
    target answers once it has changed is shown to the clauses about HTTP alone: it says nothing about the list.
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
    clauses: Sequence[Clause], evidence: Evidence, tallies: Mapping[str, Tally], again: Mapping[str, Again]
) -> tuple[Judgement, ...]:
    """The verdict on each clause.

    Args:
        clauses: the clauses to judge.
        evidence: all that was asked, what was asked again among it.
        tallies: what each clause made of it.
        again: how the finding of a clause did when it was asked again.
    """
    judgements = [_judgement(clause, evidence, tallies[clause.id], again.get(clause.id, Again())) for clause in clauses]
    return tuple(_in_its_words(each, evidence.operation) for each in _explain(clauses, judgements, tallies))


def roots(judgements: Iterable[Judgement]) -> dict[str, str]:
    """For each breach that follows from another one, the clause at its root."""
    return {one.clause: one.because for one in judgements if one.because and one.verdict is Verdict.BROKEN}


def _in_its_words(judgement: Judgement, operation: Operation) -> Judgement:
    """A judgement that speaks of the operation's own items and names."""
    says = operation.says
    if not says.other:
        return judgement
    title, reason, provide = map(says, (judgement.title, judgement.reason, judgement.provide))
    finding = judgement.finding
    if finding is not None:
        finding = replace(finding, expected=says.named(finding.expected), actual=says.named(finding.actual))
    return replace(judgement, title=title, reason=reason, provide=provide, finding=finding)


def _judgement(clause: Clause, evidence: Evidence, kept: Tally, again: Again) -> Judgement:
    finding = kept.least
    if again.of not in {numbers(one) for one in kept.findings}:
        again = Again()
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
            settled: Judgement | None = _settle_lost(common, finding, again, evidence.failures.loss)
        else:
            settled = _settle(common, finding, again, moved=evidence.unsteady, stood=stood)
        if settled is not None:
            return settled
    if clause.level is Level.OBSERVED and kept.answered is not None:
        return _but(common, Verdict.ANSWERED)
    return _without_breach(clause, common, evidence, kept)


def _settle(common: Judgement, finding: Finding, again: Again, *, moved: bool, stood: bool) -> Judgement | None:
    """The verdict that a finding brings about; ``None`` if it was nothing but the list's own change.

    ``moved`` says that the list was seen to change, ``stood`` that looks before the finding and after it saw none.
    """
    shown = _shown(common, finding, again)
    if not finding.stable_list:
        return shown
    if moved:
        if again.sure and again.sure_seen == again.sure:
            return shown
        if again.sure and not again.sure_seen:
            return None
        reason = "the list changed each time that this was looked at"
    elif again.seen or (stood and (not again.rounds or common.breaches >= ENOUGH_BREACHES)):
        return shown
    elif not again.rounds:
        reason = "it was not asked again, and the list was not looked at afterwards: it could have changed"
    else:
        reason = "it was seen once, not when asked again, and could be a change of the list"
    return _undecided(common, finding, again, reason, provide="a run while the list is quiet")


def _settle_lost(common: Judgement, finding: Finding, again: Again, loss: float) -> Judgement:
    """The verdict where no whole answer came, which a network can be to blame for as well.

    It is the server's fault if the request was lost each time that it was asked again, more often than a
    network that loses ``loss`` of all tries would do it by chance.
    """
    if not again.rounds:
        reason = "the connection broke, and it was not asked again whose fault that is"
    elif again.seen < again.rounds:
        reason = "the connection broke, but not each time: the network may be to blame"
    elif loss**again.tries > CHANCE:
        reason = f"the connection broke, and the network lost {loss:.0%} of what was asked elsewhere as well"
    else:
        return _shown(common, finding, again)
    return _undecided(common, finding, again, reason, provide=_STEADY)


def _shown(common: Judgement, finding: Finding, again: Again) -> Judgement:
    verdict = Verdict.WARNED if finding.warning or common.level is Level.ADVISORY else Verdict.BROKEN
    if again.alone:
        text = f"asked again alone it was right {again.alone} of {again.alone} times; with other requests under way it"
        finding = replace(finding, actual=f"{finding.actual} ({text} came back {again.seen} of {again.rounds} times)")
    return _but(common, verdict, finding=finding, seen=again.seen, asked=again.rounds, alone=again.alone)


def _undecided(common: Judgement, finding: Finding, again: Again, reason: str, *, provide: str) -> Judgement:
    return _but(
        common,
        Verdict.INCONCLUSIVE,
        finding=finding,
        seen=again.seen,
        asked=again.rounds,
        reason=reason,
        provide=provide,
    )


def _without_breach(clause: Clause, common: Judgement, evidence: Evidence, kept: Tally) -> Judgement:
    if kept.inapplicable is not None and not kept.cases:
        return _but(common, Verdict.NOT_APPLICABLE, reason=kept.inapplicable.reason)
    lacking = clause.needs.lacking(evidence)
    if lacking is None and kept.cases:
        return common
    missed = _missed(clause, evidence)
    if missed and _may_hide(clause, evidence, missed):
        number = count(len(missed), "request")
        reason = f"the connection broke: {number} that could have shown a case brought no whole answer"
        return _but(common, Verdict.NOT_EXERCISED, reason=reason, provide=_STEADY)
    if not evidence.pages and any(evidence.unread()):
        reason = "no page of the list could be read"
        return _but(common, Verdict.NOT_EXERCISED, reason=reason, because=_unread_because(evidence))
    reason, provide = lacking or _no_case(evidence, kept)
    return _but(common, Verdict.NOT_EXERCISED, reason=reason, provide=provide)


def _no_case(evidence: Evidence, kept: Tally) -> tuple[str, str]:
    """Why nothing that was seen is a case of a clause, and what may bring one."""
    if kept.unshown is not None:
        return kept.unshown.reason, kept.unshown.provide
    reason, provide = NO_CASE, MORE
    if evidence.unsteady:
        return f"the list changed, and {reason}", f"a run while the list is quiet, or {provide}"
    return reason, provide


def _missed(clause: Clause, evidence: Evidence) -> list[Exchange]:
    """What was asked for this clause, and has no whole answer because of its connection."""
    return [exchange for exchange in evidence.failures.lost if exchange.probe in clause.asked_by | {CONTROL}]


def _may_hide(clause: Clause, evidence: Evidence, missed: list[Exchange]) -> bool:
    """Whether that can be why a clause has no case, or not the data that it needs."""
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


def _but(judgement: Judgement, verdict: Verdict, **changes: object) -> Judgement:
    return replace(judgement, verdict=verdict, **changes)  # type: ignore[arg-type]  # fields of Judgement


def _explain(
    clauses: Sequence[Clause], judgements: Sequence[Judgement], tallies: Mapping[str, Tally]
) -> tuple[Judgement, ...]:
    """Name, for breaches that follow from another one, the clause at the root: its breach explains them."""
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

    What is asked without being entitled to it is the same question in every form of credential.
    """
    mine = {_question(exchange) for exchange in finding.exchanges}
    return any(mine & {_question(exchange) for exchange in other.exchanges} for other in findings)


def _question(exchange: Exchange) -> object:
    return exchange.number if exchange.request.credential == "admin" else exchange.request.target
