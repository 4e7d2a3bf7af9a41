"""The likely cause of the breaches: not a verdict, but the kinds of faults that fit them best.

What the answers show and what a few requests test speaks for a kind or against it, beside what the signatures of its
faults say (`contracts.verdicts.likelihood`). What the kind at the front leaves unexplained is explained by further
ones, as of a server with several defects; else they are the next best. How that does on the matrix stands in
``docs/diagnosis.md``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from contracts.core.model import Capability, Request
from contracts.core.result import Cause, Judgement, Verdict
from contracts.evidence.evidence import Evidence
from contracts.verdicts.confirmation import ROUNDS
from contracts.verdicts.experiments import CONFIRMED, TOGETHER, experiments, outcome
from contracts.verdicts.likelihood import MOST, REST, Likely, Signature, fit, likelihood, likely, score
from contracts.verdicts.marks import HINTS, MARKS, PROOFS

LEAST_MIXED = 2
"""The least number of answers that were right alone and wrong with others under way, so that it is no chance."""
DERIVED = 0.5
"""The weight of a breach that follows from another one."""

_SEEN, _UNSEEN, _UNLIKE = 4.0, 0.01, 0.05
"""By how much a kind becomes more or less likely where its mark is seen in what broke, or is not, or is another one."""


REQUIRED: Mapping[str, Capability] = {
    "TIME": Capability.TIME,
    "AFTER_BY_TIME": Capability.TIME,
    "SORT_KEY": Capability.TIME,
    "TIES": Capability.TIME,
    "ORDER_IGNORED": Capability.ORDER,
    "FILTER_IGNORED": Capability.FILTER,
    "FILTER_IN_PART": Capability.FILTER,
    "CHECKPOINT": Capability.SCOPE,
    "CURSOR_REACHES_FAR": Capability.SCOPE,
    "ENDS": Capability.ENDS,
    "BACKWARDS": Capability.BEFORE,
    "TOKENS": Capability.TOKEN,
}
"""What an operation must have for a kind of cause to be possible."""
PASSING = "NOW_AND_THEN"
"""The kind of which the mark is that a finding did not come back each time that it was asked again."""


def _marked(bad: Sequence[Judgement], evidence: Evidence) -> Iterator[tuple[str, bool]]:
    """The kinds whose causes leave a mark in the answers, and whether the mark is there."""
    exchanges = [exchange for one in bad if one.finding is not None for exchange in one.finding.exchanges]
    for kind, mark in MARKS.items():
        yield kind, any(mark(exchange, evidence) for exchange in exchanges)
    if any(one.asked for one in bad):
        yield PASSING, any(one.seen < one.asked for one in bad)


# What fits


def diagnose(judgements: Sequence[Judgement], evidence: Evidence, signatures: Sequence[Signature]) -> tuple[Cause, ...]:
    """The likely causes, the most likely first; none if nothing fits, or if the title of a clause says as much.

    Args:
        judgements: The verdicts.
        evidence: What they rest on, with what was asked to test the causes.
        signatures: What faults of known kinds break.
    """
    bad = [one for one in judgements if one.verdict in {Verdict.BROKEN, Verdict.WARNED} and one.finding is not None]
    decided = {one.clause for one in judgements if one.verdict is Verdict.KEPT} | {one.clause for one in bad}
    tested: dict[str, tuple[float, str]] = {}
    for one in experiments(judgements, evidence):
        found_out = outcome(one, evidence)
        if found_out is not None:
            tested |= {kind: max(tested.get(kind, (0.0, "")), found_out) for kind in one.kinds}
    factors = {kind: factor for kind, (factor, _) in tested.items()}
    marked = dict(_marked(bad, evidence))
    for kind, seen in marked.items():
        factors[kind] = factors.get(kind, 1.0) * (_SEEN if seen else _UNSEEN)
    last = [one.finding.exchanges[-1] for one in bad if one.finding is not None]
    for kind, fits in (each for hint in HINTS for each in hint(last, evidence).items()):
        factors[kind] = factors.get(kind, 1.0) * (_SEEN if fits else _UNLIKE)
    asked = [one for one in bad if one.asked]
    if sum(one.seen < one.asked for one in asked) > len(asked) / 2:
        factors[PASSING] = factors.get(PASSING, 1.0) * CONFIRMED
    if len(bad) <= 1:  # the title of a single one says it
        return ()
    has = evidence.operation.capabilities
    hidden = {kind for kind in PROOFS if not marked.get(kind, True)}  # what they do can't be overlooked
    hidden |= {kind for kind, needed in REQUIRED.items() if needed not in has}
    signatures = [one for one in signatures if one.kind not in hidden]
    sentences = {one.kind: one.sentence for one in signatures}
    found = list(_proven(bad, evidence, sentences)) or list(_tested(bad, evidence, tested, signatures))
    rest = [one for one in bad if all(one.clause not in each.explains for each in found)]
    if len(rest) > REST * len(bad):
        weights = {one.clause: DERIVED if one.because else 1.0 for one in rest}
        known = {each.kind for each in found}
        further = likely(weights, decided, [one for one in signatures if one.kind not in known], factors)
        # What explains nothing but what follows from another breach is no cause of that one.
        followed = {one.clause for one in bad if one.because}
        found += [one for one in further if not one.explains & weights.keys() <= followed]
    return tuple(
        Cause(
            kind=one.kind,
            sentence=one.sentence,
            explains=tuple(judgement.clause for judgement in bad if judgement.clause in one.explains),
            of=len(bad),
            fit=round(one.fit, 2),
            tested=tested[one.kind][1] if one.kind in tested else "",
        )
        for one in found[:MOST]
    )


def _proven(bad: Sequence[Judgement], evidence: Evidence, sentences: Mapping[str, str]) -> Iterator[Likely]:
    """The kinds of causes that several findings show by themselves; each finding counts for one kind."""
    rest = list(bad)
    for kind, mark in PROOFS.items():
        shown = [one for one in rest if one.finding and any(mark(each, evidence) for each in one.finding.exchanges)]
        if len(shown) > 1 and kind in sentences:
            rest = [one for one in rest if one not in shown]
            explains = frozenset(one.clause for one in shown)
            yield Likely(kind, sentences[kind], explains, len(shown) / len(bad))


def mixed_up(evidence: Evidence) -> bool:
    """Whether most of what was asked again alone was answered otherwise with others under way."""
    if not evidence.listing.changed and _change_by_themselves(evidence):
        return False
    alone: dict[int, set[object]] = defaultdict(set)
    beside: list[tuple[int, object]] = []
    for exchange in evidence.exchanges:
        number, original = exchange.again or (0, 0)
        if 0 < number <= ROUNDS:
            alone[original].add(evidence.signature(exchange))
        elif number:
            beside.append((original, evidence.signature(exchange)))
    if any(len(answers) > 1 for answers in alone.values()):
        return False  # they change by themselves
    compared = [seen not in alone[original] for original, seen in beside if original in alone]
    return sum(compared) >= max(LEAST_MIXED, len(compared) / 2)


def _change_by_themselves(evidence: Evidence) -> bool:
    """Whether some request of the admin key was answered differently when nothing else was under way."""
    found: dict[Request, object] = {}
    return any(
        found.setdefault(one.request, seen := evidence.signature(one)) != seen
        for one in evidence.admin
        if one.ok and not one.concurrent
    )


def _tested(
    bad: Sequence[Judgement],
    evidence: Evidence,
    tested: Mapping[str, tuple[float, str]],
    signatures: Sequence[Signature],
) -> Iterator[Likely]:
    """The kind that a test bore out, however unlike its known faults this one is."""
    first = next((outcome for outcome in tested.values() if outcome[0] == CONFIRMED), None)
    kinds = {kind for kind, outcome in tested.items() if outcome == first}
    if mixed_up(evidence):
        kinds = set(TOGETHER)
    elif any(one.seen < one.asked for one in bad):
        return
    broken = {one.clause: DERIVED if one.because else 1.0 for one in bad}
    groups = {kind: group for kind in kinds if (group := [one for one in signatures if one.kind == kind])}
    if groups:
        kind, group = max(groups.items(), key=lambda each: score(each[1], broken))
        closest = max(group, key=lambda one: likelihood(one, broken))
        explains = (closest.broken | closest.may) & frozenset(broken)
        passed = {one.clause for one in bad if kind in TOGETHER and (one.alone or one.seen < one.asked)}
        yield Likely(kind, closest.sentence, explains | passed, fit(closest, broken))
