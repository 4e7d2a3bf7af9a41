"""SEC: no key, a wrong one, or the right one in a wrong place: refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from contracts.clauses.access.reading import (
    CLIENT_ERRORS,
    by_itself,
    refused,
)
from contracts.clauses.common import TOO_MANY
from contracts.clauses.passages import ADMIN_ONLY, BEARER
from contracts.clauses.registry import Judge, Needs, Outcome, clause
from contracts.core.model import REFUSED, Capability
from contracts.core.result import HELD, Finding, Level

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

MALFORMED_TOO = REFUSED | {400}
"""RFC 6750 §3.1 answers a malformed Authorization with 400."""
UNUSUAL = frozenset({"empty", "empty-bare", "bare", "basic", "basic-password", "other-scheme"})
"""Forms that other clauses judge if they are accepted; here only a 5xx counts."""
EMPTY = ("empty", "empty-bare")
OTHERWISE = ("basic", "basic-password", "bare", "other-scheme")
IN_QUERY = ("query-api_key", "query-key", "query-token", "query-access_token")
ALMOST = ("shortened", "lengthened", "other-case", "other-end", "other-beginning", "first-half")


def sent(forms: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of the probe that send these forms of credential."""
    return tuple(f"access.{form}" for form in forms)


def credential_clause(*forms: str, allowed: frozenset[int]) -> Judge:
    """The judge of a clause: requests with these forms of credentials are refused with one of these statuses."""

    def judge(evidence: Evidence) -> Iterator[Outcome]:
        for exchange in evidence.exchanges:
            if exchange.request.credential in forms and by_itself(evidence, exchange):
                yield from refused(evidence, exchange, allowed)

    return judge


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
    requires={Capability.KEY},
    caused_by=("SEC-001", "SEC-002"),
    decided_by="answer",
)(credential_clause(*EMPTY, allowed=MALFORMED_TOO))
clause(
    "SEC-004",
    Level.SECURITY,
    "With the key under another scheme, or without a scheme: refused",
    quote=BEARER,
    why="A key that is also accepted in unguarded forms is logged and leaked in those forms.",
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
