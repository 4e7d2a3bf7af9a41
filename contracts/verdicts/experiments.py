"""The requests that test a likely cause, and what their answers say of it: they only read, and judge no clause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from contracts.clauses.registry import find
from contracts.core.model import Exchange, Order, Query, Request
from contracts.core.result import Judgement, Verdict
from contracts.evidence.evidence import Evidence
from contracts.verdicts.tallying import size, tally

SURE = 2
"""A finding that recurred in so many repetitions, and in all of them, is not intermittent."""
TOGETHER = ("SHARED_STATE", "COALESCED")
"""The kinds by which answers are wrong only where other requests are under way."""
CONFIRMED, CHANGED, REFUTED = 50.0, 2.0, 0.02
"""By how much a kind becomes more or less likely: the answer was right; it was another one; it was the same."""

Outcome = tuple[float, str] | None
"""The factor, and what is said of it; ``None`` if nothing was found out."""
_Read = Callable[["Experiment", Sequence[Exchange], Evidence], Outcome]


@dataclass(frozen=True, slots=True)
class Experiment:
    """Requests that show whether some kinds of causes are at work, and how their answers are read.

    ``exchange`` is what went wrong, and broke ``clause``. ``words`` say how it is asked otherwise.
    """

    kinds: frozenset[str]
    clause: str
    exchange: Exchange
    requests: tuple[Request, ...]
    words: str
    read: _Read


def experiments(judgements: Iterable[Judgement], evidence: Evidence) -> tuple[Experiment, ...]:
    """The experiments to make where several clauses broke: a few requests in all."""
    broken = [one for one in judgements if one.verdict is Verdict.BROKEN and one.finding is not None]
    if len(broken) <= 1:  # the title of a single one says it
        return ()
    together = all(one.finding.exchanges[-1].concurrent for one in broken if one.finding)
    sure = {one.clause for one in broken if one.seen == one.asked >= SURE and not one.alone}
    chosen: dict[str, Experiment] = {}
    for judgement in sorted(broken, key=lambda one: size(one.finding) if one.finding else ()):
        recurs = bool({judgement.clause, judgement.because} & sure)
        for one in _experiments(judgement, evidence, together=together, sure=recurs):
            chosen.setdefault(one.words, one)
    return tuple(chosen.values())


def outcome(experiment: Experiment, evidence: Evidence) -> Outcome:
    """By how much the kinds of an experiment become more likely by it, and what is said of it; ``None``: not asked."""
    found: list[Exchange] = []
    for request in experiment.requests:
        after = found[-1].number if found else -1
        copy = next((one for one in evidence.asides if one.number > after and one.request == request), None)
        if copy is None or copy.answer is None:
            return None
        found.append(copy)
    return experiment.read(experiment, found, evidence)


def _experiments(judgement: Judgement, evidence: Evidence, *, together: bool, sure: bool) -> Iterator[Experiment]:
    exchange = judgement.finding.exchanges[-1] if judgement.finding is not None else None
    if exchange is None or exchange.answer is None:
        return
    request = replace(exchange.request, reconnect=False)
    past = replace(request, fresh=True)

    def test(words: str, requests: tuple[Request, ...], *kinds: str, read: _Read = _is_right) -> Experiment:
        return Experiment(frozenset(kinds), judgement.clause, exchange, requests, words, read)

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
        pair = _never_asked(judgement.clause, exchange, evidence)
        if pair:
            words = "asked for two pages in turn that were never asked for before"
            yield test(words, pair, "CACHE", read=_second_is_first)
        full = _with_all_parameters(exchange, evidence)
        if full is not None:
            situation = replace(request, reconnect=True), full, request
            yield test("asked on a new connection", situation, "LEFT_OVER", read=_first_alone_is_right)


# What is asked


def _never_asked(clause: str, exchange: Exchange, evidence: Evidence) -> tuple[Request, ...]:
    """Two requests with different answers, neither of which a cache can have: they differ in what a clause is about.

    What they have in common was never asked for. So a cache that overlooks the difference gives the second one the
    answer to the first, which is right; a server that overlooks it gives none that is right.
    """
    query, listing = evidence.query(exchange), evidence.listing
    roles, ids = evidence.operation.roles, evidence.listing.sequence(Order.DESCENDING)
    if query is None or not roles.limit or evidence.reader.opaque:
        return ()
    asked = [found for one in evidence.admin if (found := evidence.query(one)) is not None]
    limits, cursors = {one.limit for one in asked}, {one.after for one in asked}
    limit = next((number for number in range(2, len(ids)) if number not in limits), None)
    cursor = next((id_ for id_ in ids[: len(ids) // 2] if id_ not in cursors), None)
    plain = Query(query.scope, limit=limit, order=query.order)
    family = clause.partition("-")[0]
    if family == "FLT" and len(listing.facets) > 1 and limit:
        pair = [replace(plain, facet=facet) for facet in listing.facets[:2]]
    elif family == "ORD" and roles.order and limit:
        wrong = evidence.asked_order(query)  # whatever the order, a page in the other one may be right
        pair = [replace(plain, order=order) for order in (wrong, wrong.opposite)]
    elif clause in _ABOUT_LIMITS and cursor:
        pair = [replace(plain, after=cursor, limit=number) for number in _FAR_APART]
    elif family == "PAG" and clause not in _ABOUT_LIMITS and limit:
        pair = [replace(plain, after=id_) for id_ in (ids[0], ids[len(ids) // 2])]
    else:
        return ()
    return tuple(evidence.operation.request(each) for each in pair)


_ABOUT_LIMITS = frozenset({"PAG-001", "PAG-002", "PAG-003", "PAG-023"})
_FAR_APART = (2, 9)
"""Page sizes that differ by so much that a page which is a little too short is not taken for one of the other size."""


def _with_all_parameters(exchange: Exchange, evidence: Evidence) -> Request | None:
    """A request with each parameter that this one lacks; ``None`` if it lacks none, or is none of the document."""
    query, listing, roles = evidence.query(exchange), evidence.listing, evidence.operation.roles
    if query is None:
        return None
    limit = 3 if query.limit is None and roles.limit else query.limit
    facet = query.facet or next(iter(listing.facets if roles.facet else ()), None)
    full = replace(query, limit=limit, facet=facet)
    return evidence.operation.request(full) if full != query and not evidence.reader.opaque else None


# What the answers say


def _is_right(experiment: Experiment, copies: Sequence[Exchange], evidence: Evidence) -> Outcome:
    before, copy = experiment.exchange, copies[-1]
    alike = [one for one in copies if one.request == copy.request]
    if len({evidence.signature(one) for one in alike}) > 1:
        # The answers change by themselves, as where two copies of a server take turns.
        return CHANGED, ""
    if _right(experiment, copy, evidence):
        return CONFIRMED, f"{experiment.words}, the answer to the request that breaks {experiment.clause} was right"
    return (CHANGED, "") if evidence.signature(copy) != evidence.signature(before) else (REFUTED, "")


def _right(experiment: Experiment, copy: Exchange, evidence: Evidence) -> bool:
    """Whether the clause holds where this answer stands in the place of the wrong one."""
    before = experiment.exchange
    if before.request.credential != "admin":
        return copy.refused
    asked = replace(copy, number=before.number, request=before.request, probe=before.probe, step=before.step)
    asked = replace(asked, sent=before.sent, received=before.received, concurrent=before.concurrent)
    exchanges = [asked if one.number == before.number else one for one in evidence.exchanges]
    again = Evidence(evidence.reader, evidence.target, exchanges)
    findings = tally(find([experiment.clause]), again)[experiment.clause].findings
    fit = copy.ok or (copy.refused and evidence.query(before) is None)
    return fit and all(one.number != before.number for each in findings for one in each.exchanges)


def _second_is_first(experiment: Experiment, copies: Sequence[Exchange], evidence: Evidence) -> Outcome:
    expected = [_predicted(copy, evidence) for copy in copies]
    seen = [_ids(copy, evidence) for copy in copies]
    if seen[0] is not None and seen == [expected[0], expected[0]] and expected[0] != expected[1]:
        return CONFIRMED, f"{experiment.words}, the target gave the first page twice"
    return None


def _predicted(exchange: Exchange, evidence: Evidence) -> tuple[str, ...] | None:
    query = evidence.query(exchange)
    if query is None:
        return None
    known = evidence.listing.sequence(evidence.asked_order(query), query.facet)
    whole = evidence.listing.sequence(evidence.asked_order(query))
    if query.after is not None:
        later = set(whole[whole.index(query.after) + 1 :]) if query.after in whole else set()
        known = tuple(id_ for id_ in known if id_ in later)
    return known[: query.limit]


def _ids(exchange: Exchange, evidence: Evidence) -> tuple[str, ...] | None:
    query = evidence.query(exchange)
    page = evidence.page(exchange, query) if query is not None else None
    return page.ids if page is not None else None


def _first_alone_is_right(experiment: Experiment, copies: Sequence[Exchange], evidence: Evidence) -> Outcome:
    if _right(experiment, copies[0], evidence) and not _right(experiment, copies[-1], evidence):
        words = f"{experiment.words}, the answer to the request that breaks {experiment.clause} was right"
        return CONFIRMED, f"{words}, and after another request wrong"
    return None
