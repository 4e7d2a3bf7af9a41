"""SEC: who may look. Nothing here speaks of what a key *is*: an exchange names the form that was sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from contracts.clauses.common import LET_IN, TOO_MANY, must_be_answered, named
from contracts.clauses.passages import ADMIN_ONLY
from contracts.clauses.registry import Judge, Needs, Outcome, clause
from contracts.core.model import HELD, Capability, Exchange, FailureKind, Finding, Inapplicable, Level, Query
from contracts.core.wording import names
from contracts.spec.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

BEARER = Quote("type: http scheme: bearer", at="securitySchemes/ApiKeyAuth")

UNAUTHORIZED = 401
KEY_REFUSED = frozenset({401, 403})
REFUSED = KEY_REFUSED | {404}
"""404 as well: that something exists may be hidden from who may not look (RFC 9110 §15.5.5)."""
MALFORMED_TOO = REFUSED | {400}
"""RFC 6750 §3.1 answers a malformed Authorization with 400."""
CLIENT_ERRORS = frozenset(range(400, 500))

UNUSUAL = frozenset({"empty", "empty-bare", "bare", "basic", "basic-password", "other-scheme"})
"""Forms whose acceptance other clauses judge, and that no server may fail over."""

MOST_NAMED = 4
"""Statuses that a finding names one by one."""

_KIND = re.compile(r"[a-z][a-z_-]{0,23}")

PLAIN_FORMS = ("none", "unknown", "user")
EMPTY = ("empty", "empty-bare")
OTHERWISE = ("basic", "basic-password", "bare", "other-scheme")
IN_QUERY = ("query-api_key", "query-key", "query-token", "query-access_token")
ALMOST = ("shortened", "lengthened", "other-case", "other-end", "other-beginning", "first-half")


def refusals(evidence: Evidence) -> Iterator[Exchange]:
    """Everything that was asked without being entitled to it, and answered with a refusal."""
    for exchange in evidence.exchanges:
        if exchange.request.credential != "admin" and exchange.refused:
            yield exchange


def sent(forms: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of the probe that send these forms of credential."""
    return tuple(f"access.{form}" for form in forms)


def credential_clause(*forms: str, allowed: frozenset[int]) -> Judge:
    """The judgement that requests with these forms of credential are refused with one of these statuses."""

    def judge(evidence: Evidence) -> Iterator[Outcome]:
        for exchange in evidence.exchanges:
            if exchange.request.credential in forms and _by_itself(evidence, exchange):
                yield from refused(evidence, exchange, allowed)

    return judge


def _by_itself(evidence: Evidence, exchange: Exchange) -> bool:
    """Whether the path is spelled plainly, and nothing but the caller can be the reason for the answer.

    Other spellings are SEC-013's; whom only the company of the admin's request lets in, SEC-014's.
    """
    if not _plainly_spelled(evidence, exchange):
        return False
    if evidence.company(exchange) is None or exchange.status in REFUSED:
        return True
    return exchange.request.credential not in _refused_alone(evidence)


def _question(exchange: Exchange) -> tuple[str, str]:
    return exchange.request.credential, exchange.request.target


def _refused_alone(evidence: Evidence) -> frozenset[str]:
    """The forms of credentials that are refused by the usual path where no request of the admin's is near."""
    return frozenset(
        exchange.request.credential
        for exchange in refusals(evidence)
        if exchange.status in REFUSED and evidence.company(exchange) is None and _plainly_spelled(evidence, exchange)
    )


def _plainly_spelled(evidence: Evidence, exchange: Exchange) -> bool:
    """Whether the path is the operation's as the document writes it; what else it may lead to is SEC-013's."""
    return evidence.reading(exchange).checkpoint is not None


def _judgeable(exchange: Exchange) -> bool:
    """Whether the target decided on the request: a redirect elsewhere decides; a 429, a 5xx and silence do not."""
    if exchange.answer is None or exchange.failed or exchange.status == TOO_MANY:
        return False
    return exchange.failure is None or exchange.failure.kind is FailureKind.REDIRECT


def would_be_answered(evidence: Evidence, exchange: Exchange) -> bool:
    """Whether the admin key would get a page for this request, so that nothing but the credential is in the way."""
    query = evidence.query(exchange)
    if query is None or query.checkpoint != evidence.target.checkpoint:
        return False
    if evidence.above_cap(query) or exchange.request.target in evidence.refused_to_admin:
        return False
    known_project = query.project_id is None or evidence.listing.project_stands(query.project_id, exchange)
    return known_project and (query.after is None or query.after in evidence.listing.items)


def is_plain(evidence: Evidence, exchange: Exchange) -> bool:
    """Whether a request is the bare one: the checkpoint, and no query but perhaps the credential."""
    reading = evidence.reading(exchange)
    plain = evidence.operation.request(Query(evidence.target.checkpoint))
    return reading.checkpoint == evidence.target.checkpoint and exchange.request.query == plain.query


def refused(evidence: Evidence, exchange: Exchange, allowed: frozenset[int]) -> Iterator[Outcome]:
    """Whether one request was refused with one of these statuses, if the target decided on it.

    A request that would be refused to the admin key as well may get any 4xx, which then shows nothing about keys.
    """
    status = exchange.status
    if not _judgeable(exchange):
        return
    alone = would_be_answered(evidence, exchange)
    told = alone or allowed == CLIENT_ERRORS or status in KEY_REFUSED
    allowed = allowed if alone else CLIENT_ERRORS
    if status in allowed:
        if told:
            yield HELD
    else:
        wanted = " or ".join(map(str, sorted(allowed))) if len(allowed) <= MOST_NAMED else "a 4xx"
        yield Finding(wanted, f"status {status}", (exchange,))


clause(
    "SEC-001",
    Level.SECURITY,
    "Without credentials: refused (401, 403 or 404)",
    quote=ADMIN_ONLY,
    why="Whoever finds the address sees who may use the checkpoint.",
    good="no Authorization: 401",
    bad="no Authorization: 200",
    probes=("access.queries",),
    reference=("walks.heads",),
    requires={Capability.KEY},
    decided_by="answer",
)(credential_clause("none", allowed=REFUSED))

clause(
    "SEC-002",
    Level.SECURITY,
    "With an unknown key: refused",
    quote=ADMIN_ONLY,
    why="A made-up key is let in, or its holder is not told that the key is what is wrong.",
    good="a key that was never issued: 401",
    bad="a key that was never issued: 200",
    probes=("access.null", "access.queries"),
    reference=("walks.heads",),
    requires={Capability.KEY},
    caused_by=("SEC-001",),
    decided_by="answer",
)(credential_clause("unknown", "null", allowed=REFUSED))

clause(
    "SEC-003",
    Level.SECURITY,
    "With an empty bearer token: refused",
    quote=BEARER,
    why="An unset variable in a client's configuration opens the door.",
    good="Authorization: Bearer (and nothing): 401",
    bad="Authorization: Bearer (and nothing): 200",
    probes=sent(EMPTY),
    requires={Capability.BEARER},
    caused_by=("SEC-001", "SEC-002"),
    decided_by="answer",
)(credential_clause(*EMPTY, allowed=MALFORMED_TOO))

clause(
    "SEC-004",
    Level.SECURITY,
    "With the key under another scheme, or without a scheme: refused",
    quote=BEARER,
    why="A key that is accepted in forms nobody guards is logged and leaked in those forms.",
    good="Authorization: Basic …: 401",
    bad="Authorization: Basic …: 200",
    probes=sent(OTHERWISE),
    requires={Capability.BEARER},
    caused_by=("SEC-001", "SEC-002"),
    decided_by="answer",
)(credential_clause(*OTHERWISE, allowed=MALFORMED_TOO))

clause(
    "SEC-005",
    Level.SECURITY,
    "With a key that is not an admin key: refused",
    quote=ADMIN_ONLY,
    why="Every holder of a project key sees the organization's grants.",
    good="a project key: 403",
    bad="a project key: 200",
    probes=("access.queries",),
    reference=("walks.heads",),
    requires={Capability.ADMIN, Capability.KEY},
    caused_by=("SEC-001", "SEC-002"),
    decided_by="answer",
    needs=Needs(user_key=True),
)(credential_clause("user", allowed=REFUSED))

clause(
    "SEC-006",
    Level.SECURITY,
    "With the key in the query string only: refused",
    quote=BEARER,
    why="Addresses are logged everywhere; a key that works in one leaks with it.",
    good="?api_key=…: 401",
    bad="?api_key=…: 200",
    probes=sent(IN_QUERY),
    requires={Capability.KEY},
    caused_by=("SEC-001", "SEC-002"),
    decided_by="answer",
)(credential_clause(*IN_QUERY, allowed=CLIENT_ERRORS))

clause(
    "SEC-007",
    Level.SECURITY,
    "With a key that is almost the admin key: refused",
    quote=ADMIN_ONLY,
    why="A key that is compared in part, or without its case, can be guessed.",
    good="the key without its last character: 401",
    bad="the key without its last character: 200",
    probes=sent(ALMOST),
    requires={Capability.KEY},
    caused_by=("SEC-001", "SEC-002"),
    decided_by="answer",
)(credential_clause(*ALMOST, allowed=REFUSED))


@clause(
    "SEC-008",
    Level.SECURITY,
    "A refusal shows no permission, project or checkpoint data of the list",
    quote=ADMIN_ONLY,
    why="The status says no, and the body tells it all the same.",
    good='401 {"error": {"message": "Incorrect API key provided."}}',
    bad='401 {"error": {…}, "data": [{"id": "cp_1", …}]}',
    probes=("access.queries",),
    reference=("walks.heads",),
    requires={Capability.KEY},
    caused_by=("SEC-001", "SEC-002"),
    decided_by="list",
    needs=Needs(items=1),
)
def refusal_shows_nothing(evidence: Evidence) -> Iterator[Outcome]:
    found_refusals = tuple(refusals(evidence))
    if not found_refusals:
        return
    ids = _ids(evidence) | evidence.named
    for exchange in found_refusals:
        answer = exchange.answer
        if answer is None:
            continue
        asked = unquote(exchange.request.target)
        found = named(answer, ids, asked)
        found |= {id_ for id_ in _item_ids(evidence, answer.body) if id_ in ids and id_ not in asked}
        if found:
            yield Finding("nothing of the list", f"it names {names(tuple(sorted(found)), 2)}", (exchange,))
        elif exchange.status in REFUSED:
            yield HELD


def _ids(evidence: Evidence) -> frozenset[str]:
    """What must not be shown: the ids of items, and the values by which the list can be filtered.

    Of these a short word in small letters is no id but one of a kind or state, which an error may name that says what a
    filter takes.
    """
    values = (value for value in evidence.listing.projects if not _KIND.fullmatch(value))
    return frozenset({*evidence.listing.items, *values, *evidence.foreign})


def _item_ids(evidence: Evidence, body: bytes) -> set[str]:
    """The ids of objects in a refusal that look like permissions, however short they are."""
    operation = evidence.operation
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return set()
    entries = [entry for entry in operation.items_in(value) or () if isinstance(entry, dict)]
    ids = (operation.as_id(entry.get(operation.roles.item_id)) for entry in entries)
    return {id_ for id_ in ids if id_ is not None}


@clause(
    "SEC-009",
    Level.SECURITY,
    "A refusal does not repeat the credentials that it was sent",
    quote=ADMIN_ONLY,
    why="Error bodies end up in logs and tickets, and the key with them.",
    good='"Incorrect API key provided: sk-ad***9Q4A."',
    bad='"Incorrect API key provided: " and the whole key',
    probes=("access.forms", "access.queries"),
    requires={Capability.KEY},
    decided_by="answer",
)
def refusal_repeats_no_key(evidence: Evidence) -> Iterator[Outcome]:
    for exchange in refusals(evidence):
        answer = exchange.answer
        if answer is None or exchange.request.credential == "none":
            continue
        echoes = [echo for echo in answer.echoes if echo.large]
        if echoes:
            repeated = "; ".join(map(str, echoes))
            yield Finding("no credential in the answer", f"it repeats the credential: {repeated}", (exchange,))
        else:
            yield HELD


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
        if form in PLAIN_FORMS and not is_plain(evidence, exchange) and _by_itself(evidence, exchange):
            yield from refused(evidence, exchange, REFUSED)


@clause(
    "SEC-011",
    Level.ROBUSTNESS,
    "A malformed Authorization header gets a 4xx",
    quote=BEARER,
    why="What can't be read is no key: a server that fails over it can be brought down by anyone.",
    good="Authorization: Bearer two tokens: 401",
    bad="Authorization: Bearer two tokens: 500",
    probes=("access.forms",),
    requires={Capability.BEARER},
    caused_by=("SEC-001", "SEC-002"),
    decided_by="answer",
)
def malformed_is_refused(evidence: Evidence) -> Iterator[Outcome]:
    for exchange in evidence.exchanges:
        if exchange.answer is None or exchange.postponed:
            continue
        form = exchange.request.credential
        if not form.startswith("malformed") and not (form in UNUSUAL and exchange.failed):
            continue
        if exchange.status in CLIENT_ERRORS - {TOO_MANY}:
            yield HELD
        elif exchange.status != TOO_MANY:
            yield Finding("a 4xx", f"status {exchange.status}", (exchange,))


@clause(
    "SEC-012",
    Level.ADVISORY,
    "A 401 carries WWW-Authenticate",
    quote=BEARER,
    why="RFC 9110 §11.6.1 asks for it, and generic clients learn from it how to log in.",
    good="401, WWW-Authenticate: Bearer",
    bad="401 without it",
    probes=("access.forms", "access.queries"),
    requires={Capability.BEARER},
    decided_by="answer",
)
def unauthorized_says_how(evidence: Evidence) -> Iterator[Outcome]:
    others = set()
    for exchange in refusals(evidence):
        if exchange.answer is None or exchange.status != UNAUTHORIZED:
            if exchange.status in REFUSED and would_be_answered(evidence, exchange):
                others.add(exchange.status)
        elif exchange.answer.header("www-authenticate"):
            yield HELD
        else:
            yield Finding("a WWW-Authenticate header", "none", (exchange,))
    if others:
        yield Inapplicable(f"the target refuses a key with {' or '.join(map(str, sorted(others)))}, and not with 401")


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
    ids = _ids(evidence)
    alone = _refused_alone(evidence)
    for exchange in evidence.exchanges:
        answer = exchange.answer
        if exchange.request.credential not in PLAIN_FORMS or _plainly_spelled(evidence, exchange) or answer is None:
            continue
        # Who is let in by the usual path as well is another clause's.
        if exchange.request.credential not in alone:
            continue
        found = {id_ for id_ in _item_ids(evidence, answer.body) if id_ in ids}
        found |= named(answer, ids, unquote(exchange.request.target))
        # What a refusal tells is SEC-008's.
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
    alone = _refused_alone(evidence)
    let_in = {_question(each) for each in evidence.exchanges if each.ok and evidence.company(each) is None}
    for exchange in evidence.exchanges:
        other = evidence.company(exchange)
        if exchange.request.credential not in PLAIN_FORMS or other is None or not _plainly_spelled(evidence, exchange):
            continue
        # Who is let in without company as well is another clause's.
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
    """The refusals of requests that the admin key had not made before: nothing else could be kept of them."""
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
