"""SEC: refusals hold for every query and path, and no caller gets the answer of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from contracts.clauses.access.reading import (
    PLAIN_FORMS,
    by_itself,
    ids_of_items,
    plainly_spelled,
    private_ids,
    refused,
    refused_alone,
)
from contracts.clauses.common import LET_IN, TOO_MANY, must_be_answered, named
from contracts.clauses.passages import ADMIN_ONLY
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import KEY_REFUSED, REFUSED, Capability, Exchange, Query
from contracts.core.result import HELD, Finding, Level
from contracts.core.wording import names

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence


def is_plain(evidence: Evidence, exchange: Exchange) -> bool:
    """Whether a request names only the scope, without a query (but perhaps with the credential in it)."""
    reading = evidence.reading(exchange)
    plain = evidence.operation.request(Query(evidence.target.checkpoint))
    return reading.scope == evidence.target.checkpoint and exchange.request.query == plain.query


@clause(
    "SEC-010",
    Level.SECURITY,
    "Refusals hold for every query, also for one that was just answered",
    quote=ADMIN_ONLY,
    why="A cache, or a branch of its own for a parameter, opens what the plain request keeps shut.",
    good="no key, project_id=proj_1, right after the admin key asked the same: 401",
    bad="no key, project_id=proj_1, right after the admin key asked the same: 200",
    probes=("access.queries",),
    reference=("walks.heads",),
    requires={Capability.KEY},
    caused_by=("SEC-001", "SEC-002", "SEC-005", "TOK-006"),
    decided_by="list",
)
def refusals_hold_for_every_query(evidence: Evidence) -> Iterator[Outcome]:
    for exchange in evidence.exchanges:
        form = exchange.request.credential
        if form in PLAIN_FORMS and not is_plain(evidence, exchange) and by_itself(evidence, exchange):
            yield from refused(evidence, exchange, REFUSED)


@clause(
    "SEC-013",
    Level.SECURITY,
    "The path in another spelling shows nothing to who may not look",
    quote=ADMIN_ONLY,
    why="What asks for a key and what finds the handler read the same path differently, and one of them lets it pass.",
    good="no key, /v1//fine_tuning/…: 401, 404, or a redirect to the usual path",
    bad="no key, /v1//fine_tuning/…: the list",
    probes=("access.spellings",),
    requires={Capability.KEY},
    caused_by=LET_IN,
    decided_by="list",
    needs=Needs(items=1),
)
def other_spellings_show_nothing(evidence: Evidence) -> Iterator[Outcome]:
    ids = private_ids(evidence)
    alone = refused_alone(evidence)
    for exchange in evidence.exchanges:
        answer = exchange.answer
        if exchange.request.credential not in PLAIN_FORMS or plainly_spelled(evidence, exchange) or answer is None:
            continue
        # A caller that is also let in on the usual path breaks another clause.
        if exchange.request.credential not in alone:
            continue
        found = {id_ for id_ in ids_of_items(evidence, answer.body) if id_ in ids}
        found |= named(answer, ids, unquote(exchange.request.target))
        # What a refusal shows is judged by SEC-008.
        if found and not exchange.refused:
            yield Finding("nothing of the list", f"it shows {names(tuple(sorted(found)), 2)}", (exchange,))
        elif not exchange.failed and exchange.status != TOO_MANY:
            yield HELD


@clause(
    "SEC-014",
    Level.SECURITY,
    "A refusal holds beside the admin's request, on a shared connection too",
    quote=ADMIN_ONLY,
    why="Behind a proxy strangers share connections, and moments, with administrators: they get what is theirs.",
    good="no key, on the connection on which the admin key was let in: 401",
    bad="no key, on the connection on which the admin key was let in: 200",
    probes=("access.company",),
    requires={Capability.KEY},
    caused_by=LET_IN,
    decided_by="list",
)
def refusals_hold_in_company(evidence: Evidence) -> Iterator[Outcome]:
    alone = refused_alone(evidence)
    let_in = {_question(each) for each in evidence.exchanges if each.ok and evidence.company(each) is None}
    for exchange in evidence.exchanges:
        other = evidence.company(exchange)
        if exchange.request.credential not in PLAIN_FORMS or other is None or not plainly_spelled(evidence, exchange):
            continue
        # A caller that is also let in alone breaks another clause.
        if exchange.request.credential not in alone or _question(exchange) in let_in:
            continue
        for outcome in refused(evidence, exchange, REFUSED):
            if not isinstance(outcome, Finding):
                yield outcome
            elif exchange.concurrent:
                yield replace(outcome, actual=f"{outcome.actual}, at the same moment as the admin key")
            else:
                yield replace(
                    outcome,
                    actual=f"{outcome.actual}, on the connection on which the admin key had asked",
                    exchanges=(other, exchange),
                )


def _question(exchange: Exchange) -> tuple[str, str]:
    return exchange.request.credential, exchange.request.target


@clause(
    "SEC-015",
    Level.IMPLIED,
    "A refusal of one caller is not given to another",
    quote=ADMIN_ONLY,
    why="Anyone without a key can shut administrators out.",
    good="no key: 401; then the admin key, on the same connection: 200",
    bad="no key: 401; then the admin key, on the same connection: 401",
    probes=("access.company", "access.queries"),
    reference=("walks.heads",),
    requires={Capability.KEY},
    decided_by="list",
)
def refusals_are_of_one_caller(evidence: Evidence) -> Iterator[Outcome]:
    first: dict[str, Exchange] = {}
    """The refusals of requests that the admin key had not sent before, so that no cache holds its answer."""
    of_admin: set[str] = set()
    for exchange in evidence.exchanges:
        target = exchange.request.target
        if exchange.request.credential != "admin":
            if exchange.status in REFUSED and target not in of_admin:
                first.setdefault(target, exchange)
            continue
        of_admin.add(target)
        query, other = evidence.query(exchange), evidence.company(exchange) or first.get(target)
        if query is None or other is None or not must_be_answered(evidence, exchange, query):
            continue
        if exchange.ok:
            if exchange.concurrent or other.status in REFUSED:
                yield HELD
        elif exchange.status in KEY_REFUSED or exchange.status == other.status in REFUSED:
            if exchange.concurrent:
                yield Finding("200", f"status {exchange.status}, at the same moment as others", (exchange,))
            else:
                how = "on the same connection" if other.connection == exchange.connection else "before"
                yield Finding(
                    "200, whatever others got",
                    f"status {exchange.status}; {other.status} was given {how} to who may not look",
                    (other, exchange),
                )
