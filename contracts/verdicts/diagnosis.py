"""The likely cause of the breaches: not a verdict, but the kinds of faults that fit them best.

What the answers show and what a few requests test speaks for a kind or against it, beside what the signatures of its
faults say (`contracts.verdicts.likelihood`). What the kind at the front leaves unexplained is explained by further
ones, as of a server with several defects; else they are the next best. How that does on the matrix stands in
``docs/diagnosis.md``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from contracts.clauses.registry import find
from contracts.core.model import Capability, Exchange, FailureKind, Query, Request
from contracts.core.result import Cause, Judgement, Verdict
from contracts.evidence.evidence import Evidence
from contracts.verdicts.confirmation import ROUNDS
from contracts.verdicts.judging import size, tally
from contracts.verdicts.likelihood import MOST, REST, Likely, Signature, fit, likelihood, likely, score

SURE = 2
"""A finding that recurred in so many repetitions, and in all of them, is not intermittent."""
LEAST_MIXED = 2
"""The least number of answers that were right alone and wrong with others under way, so that it is no chance."""
DERIVED = 0.5
"""The weight of a breach that follows from another one."""

_SEEN, _UNSEEN = 4.0, 0.01
"""By how much a kind becomes more or less likely where its mark is seen in what broke, or is not."""
_CONFIRMED, _CHANGED, _REFUTED = 50.0, 2.0, 0.02
"""The same for a request that tested it: the answer was right; it was another one; it was the same."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """Requests that show whether some kinds of causes are at work; the last one decides.

    ``exchange`` is what went wrong, and broke ``clause``. ``words`` say how it is asked otherwise.
    """

    kinds: frozenset[str]
    clause: str
    exchange: Exchange
    requests: tuple[Request, ...]
    words: str


# What is seen


_Mark = Callable[[Exchange, Evidence], bool]


def _html(exchange: Exchange) -> bool:
    return exchange.answer is not None and "html" in (exchange.answer.header("Content-Type") or "").lower()


def _redirected(exchange: Exchange, _evidence: Evidence) -> bool:
    return exchange.redirects > 0 or (exchange.failure is not None and exchange.failure.kind is FailureKind.REDIRECT)


def _lost_on_the_way(exchange: Exchange, _evidence: Evidence) -> bool:
    if exchange.landed is None:
        return False
    landed = exchange.landed.partition("?")[2].split("&")
    return any(part not in landed for part in exchange.request.query.split("&") if part)


def _led_to_a_page(exchange: Exchange, evidence: Evidence) -> bool:
    return exchange.request.credential != "admin" and (_html(exchange) or _redirected(exchange, evidence))


def _error_as_200(exchange: Exchange, evidence: Evidence) -> bool:
    if not exchange.ok or exchange.answer is None:
        return False
    value = evidence.reader.parsed(exchange.answer.body).value
    return isinstance(value, dict) and bool(value.get("error") or value.get("errors"))


def _empty_for_strangers(exchange: Exchange, evidence: Evidence) -> bool:
    query = evidence.query(exchange)
    page = evidence.page(exchange, query) if query is not None else None
    return exchange.request.credential != "admin" and page is not None and not page.items and query in _full(evidence)


def _full(evidence: Evidence) -> frozenset[Query]:
    """The queries whose page has items for the admin key."""
    return frozenset(page.query for page in evidence.every_page if page.items)


def _at_ties_alone(evidence: Evidence) -> bool:
    """Whether pages begin wrongly only where what is lost or repeated has the same time as the cursor's item."""
    listing, right, at_ties = evidence.listing, False, False
    for page in evidence.pages:
        after, order = page.query.after, evidence.order(page)
        known = listing.sequence(order, page.query.project_id)
        if after is None or after not in known:
            continue
        expected, actual = next(iter(known[known.index(after) + 1 :]), None), next(iter(page.ids), None)
        if expected == actual:
            right = True
        elif any(listing.tied(after, id_) for id_ in (expected, actual) if id_ in listing.items and id_ != after):
            at_ties = True
        else:
            return False
    return right and at_ties


def _alike_in_both_orders(evidence: Evidence) -> bool:
    """Whether both orders begin with the same items, although these have different times."""
    heads: dict[Query, tuple[str, ...]] = {}
    for page in evidence.pages:
        if page.query.after is None and page.query.order is not None and page.items:
            heads.setdefault(page.query, page.ids)
    return any(
        heads.get(replace(query, order=query.order.opposite)) == ids
        and len({evidence.listing.items[id_].created_at for id_ in ids if id_ in evidence.listing.items}) > 1
        for query, ids in heads.items()
        if query.order is not None
    )


def _together(exchange: Exchange, _evidence: Evidence) -> bool:
    return exchange.concurrent


def _failed(exchange: Exchange, _evidence: Evidence) -> bool:
    return exchange.failed or exchange.failure is not None


MARKS: Mapping[str, _Mark] = {
    "REDIRECT": _redirected,
    "LOGIN_PAGE": _led_to_a_page,
    "ERROR_AS_200": _error_as_200,
    "EMPTY_REFUSAL": _empty_for_strangers,
    "SHARED_STATE": _together,
    "COALESCED": _together,
    "CRASH": _failed,
}
"""What must be seen in some answer on which a finding rests, where a kind of cause is at work."""
PROOFS: Mapping[str, _Mark] = {
    "REDIRECT": _lost_on_the_way,
    "LOGIN_PAGE": _led_to_a_page,
    "ERROR_AS_200": _error_as_200,
}
"""The marks that say by themselves what is wrong with an answer, whatever else breaks."""
HINTS: Mapping[str, Callable[[Evidence], bool]] = {
    "AFTER_BY_TIME": _at_ties_alone,
    "ORDER_IGNORED": _alike_in_both_orders,
}
"""What speaks for a kind of cause where all that was asked shows it, and against none where it does not."""
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
TOGETHER = ("SHARED_STATE", "COALESCED")
"""The kinds by which answers are wrong only where other requests are under way."""
PASSING = "NOW_AND_THEN"
"""The kind of which the mark is that a finding did not come back each time that it was asked again."""


def _marked(bad: Sequence[Judgement], evidence: Evidence) -> Iterator[tuple[str, bool]]:
    """The kinds whose causes leave a mark in the answers, and whether the mark is there."""
    exchanges = [exchange for one in bad if one.finding is not None for exchange in one.finding.exchanges]
    for kind, mark in MARKS.items():
        yield kind, any(mark(exchange, evidence) for exchange in exchanges)
    for kind, hint in HINTS.items():
        if hint(evidence):
            yield kind, True
    if any(one.asked for one in bad):
        yield PASSING, any(one.seen < one.asked for one in bad)


# What can be tested


def experiments(judgements: Iterable[Judgement]) -> tuple[Experiment, ...]:
    """The experiments to make where several clauses broke: a few requests in all."""
    broken = [one for one in judgements if one.verdict is Verdict.BROKEN and one.finding is not None]
    if len(broken) <= 1:  # the title of a single one says it
        return ()
    together = all(one.finding.exchanges[-1].concurrent for one in broken if one.finding)
    sure = {one.clause for one in broken if one.seen == one.asked >= SURE and not one.alone}
    chosen: dict[str, Experiment] = {}
    for judgement in sorted(broken, key=lambda one: size(one.finding) if one.finding else ()):
        for one in _experiments(judgement, together=together, sure=bool({judgement.clause, judgement.because} & sure)):
            chosen.setdefault(one.words, one)
    return tuple(chosen.values())


def _experiments(judgement: Judgement, *, together: bool, sure: bool) -> Iterable[Experiment]:
    exchange = judgement.finding.exchanges[-1] if judgement.finding is not None else None
    if exchange is None or exchange.answer is None:
        return
    request = replace(exchange.request, reconnect=False)
    past = replace(request, fresh=True)

    def test(words: str, requests: tuple[Request, ...], *kinds: str) -> Experiment:
        return Experiment(frozenset(kinds), judgement.clause, exchange, requests, words)

    if exchange.concurrent and together:
        yield test("asked again alone", (request,), *TOGETHER)
    if request.credential != "admin":
        if exchange.ok:
            # What lets it in must be there: an answer to the admin that a cache keeps, or the admin's connection.
            admin = replace(request, credential="admin")
            yield test("asked again without what caches keep", (admin, past), "CACHE_OF_CALLERS")
            alone = replace(request, reconnect=True), request
            yield test("asked again on a connection of its own", alone, "REMEMBERED_CALLER")
    elif exchange.landed is not None and "?" not in exchange.landed and request.query:
        direct = replace(request, path=exchange.landed)
        yield test("asked again where the redirect leads, with its query", (direct,), "REDIRECT")
    elif not request.fresh and sure:
        yield test("asked again without what caches keep", (past, past), "CACHE")
        parts = request.query.split("&")
        if len(parts) > 1:
            turned = replace(past, query="&".join(reversed(parts)))
            yield test("asked again with its parameters the other way round", (turned, turned), "POSITION")


def _outcome(experiment: Experiment, evidence: Evidence) -> tuple[float, str] | None:
    """By how much the kinds of an experiment become more likely by it, and what is said of it; ``None``: not asked."""
    copies = [one for one in evidence.asides if one.request == experiment.requests[-1]]
    before = experiment.exchange
    if not copies or copies[-1].answer is None:
        return None
    copy = copies[-1]
    if len({evidence.signature(one) for one in copies}) > 1:
        # The answers change by themselves, as where two copies of a server take turns.
        return _CHANGED, ""
    if before.request.credential != "admin":
        right = copy.refused
    else:
        asked = replace(copy, number=before.number, request=before.request, probe=before.probe, step=before.step)
        asked = replace(asked, sent=before.sent, received=before.received, concurrent=before.concurrent)
        exchanges = [asked if one.number == before.number else one for one in evidence.exchanges]
        again = Evidence(evidence.reader, evidence.target, exchanges)
        findings = tally(find([experiment.clause]), again)[experiment.clause].findings
        fit = copy.ok or (copy.refused and evidence.query(before) is None)
        right = fit and all(one.number != before.number for each in findings for one in each.exchanges)
    if right:
        return _CONFIRMED, f"{experiment.words}, the answer to the request that breaks {experiment.clause} was right"
    return (_CHANGED, "") if evidence.signature(copy) != evidence.signature(before) else (_REFUTED, "")


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
    tested = {
        kind: outcome
        for one in experiments(judgements)
        if (outcome := _outcome(one, evidence)) is not None
        for kind in one.kinds
    }
    factors = {kind: factor for kind, (factor, _) in tested.items()}
    marked = dict(_marked(bad, evidence))
    for kind, seen in marked.items():
        factors[kind] = factors.get(kind, 1.0) * (_SEEN if seen else _UNSEEN)
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
    first = next((outcome for outcome in tested.values() if outcome[0] == _CONFIRMED), None)
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
