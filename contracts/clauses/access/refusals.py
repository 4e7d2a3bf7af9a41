"""SEC: what a refusal says, and what it must not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from contracts.clauses.access.reading import (
    ids_of_items,
    private_ids,
    refusals,
    would_be_answered,
)
from contracts.clauses.common import named
from contracts.clauses.passages import ADMIN_ONLY, BEARER
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import REFUSED, Capability
from contracts.core.result import HELD, Finding, Inapplicable, Level
from contracts.core.wording import names

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

UNAUTHORIZED = 401


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
    ids = private_ids(evidence) | evidence.named
    for exchange in found_refusals:
        answer = exchange.answer
        if answer is None:
            continue
        asked = unquote(exchange.request.target)
        found = named(answer, ids, asked)
        found |= {id_ for id_ in ids_of_items(evidence, answer.body) if id_ in ids and id_ not in asked}
        if found:
            yield Finding("nothing of the list", f"it names {names(tuple(sorted(found)), 2)}", (exchange,))
        elif exchange.status in REFUSED:
            yield HELD


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
