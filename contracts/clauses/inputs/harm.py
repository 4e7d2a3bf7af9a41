"""INP: whatever a request holds, it brings down nothing and opens no other list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from contracts.clauses.common import denied
from contracts.clauses.inputs.reading import without_limit
from contracts.clauses.passages import ALL_PERMISSIONS, CHECKPOINT, SUCCESS
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import Capability, Exchange, FailureKind
from contracts.core.result import HELD, Finding, Level
from contracts.core.wording import names

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

BROKEN = frozenset({FailureKind.CUT, FailureKind.FATAL, FailureKind.GARBLED, FailureKind.TIMEOUT})


def _stays_up(exchange: Exchange) -> Outcome | None:
    if exchange.postponed:
        return None
    if exchange.answer is not None and exchange.failed:
        return Finding("no 5xx", f"status {exchange.answer.status}", (exchange,))
    if exchange.failure is not None and exchange.failure.kind in BROKEN:
        return Finding("an answer", exchange.failure.text, (exchange,))
    if exchange.answer is not None and exchange.answer.flaw:
        return Finding("a complete answer", exchange.answer.flaw, (exchange,))
    return HELD if exchange.answer is not None and exchange.failure is None else None


@clause(
    "INP-004",
    Level.ROBUSTNESS,
    "Whatever a parameter holds: no 5xx, no hang, no cut connection",
    quote=SUCCESS,
    why="One odd request brings down a worker, and whoever sends many brings down the service.",
    good="after=%00: 400",
    bad="after=%00: 500",
    probes=("inputs", "generated"),
    caused_by=("TOK-007",),
    decided_by="answer",
)
def parameters_do_no_harm(evidence: Evidence) -> Iterator[Outcome]:
    for exchange in evidence.admin:
        reading = evidence.reading(exchange)
        if reading.scope != evidence.target.checkpoint or not evidence.unusual(exchange):
            continue
        outcome = _stays_up(exchange)
        if outcome is not None:
            yield outcome


@clause(
    "INP-005",
    Level.SECURITY,
    "Whatever a parameter holds: no item that is not of this list",
    quote=ALL_PERMISSIONS,
    why="Quotes, patterns and control characters open the tables of others.",
    good="after=' OR '1'='1: 400, or an empty page",
    bad="after=' OR '1'='1: permissions of another checkpoint",
    probes=("scope.others", "inputs"),
    reference=("walks.heads",),
    caused_by=("SCO-001", "TOK-006", "TOK-007"),
    decided_by="list",
    needs=Needs(items=1),
)
def inputs_open_no_other_list(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    for exchange in evidence.admin:
        reading = evidence.reading(exchange)
        if reading.scope != evidence.target.checkpoint or exchange.answer is None:
            continue
        if not evidence.unusual(exchange) or not exchange.ok:
            if denied(exchange) and evidence.unusual(exchange):
                yield HELD
            continue
        page = evidence.page(exchange, without_limit(evidence, exchange))
        if page is None or (reading.query is not None and reading.query.after in evidence.foreign):
            continue
        strange = tuple(id_ for id_ in page.ids if id_ not in listing.items)
        if listing.changed or not listing.complete:
            strange = tuple(id_ for id_ in strange if id_ in evidence.foreign)
        if strange:
            of_others = bool(evidence.foreign.intersection(strange))
            whose = evidence.operation.says("of another checkpoint") if of_others else "which no walk shows"
            yield Finding(
                "items of this list, or none", f"{names(strange, 3)}, {whose}", (exchange,), stable_list=not of_others
            )
        elif not page.items or evidence.foreign or (listing.complete and not listing.changed):
            yield HELD


@clause(
    "INP-008",
    Level.ROBUSTNESS,
    "An odd checkpoint id in the path brings no 5xx",
    quote=CHECKPOINT,
    why="One odd address brings down a worker.",
    good="/…/%2e%2e/permissions: 404",
    bad="/…/%2e%2e/permissions: 500",
    probes=("inputs.paths", "scope.near"),
    requires={Capability.SCOPE},
    decided_by="answer",
)
def paths_do_no_harm(evidence: Evidence) -> Iterator[Outcome]:
    for exchange in evidence.admin:
        if evidence.reading(exchange).scope in evidence.named:
            continue
        outcome = _stays_up(exchange)
        if outcome is not None:
            yield outcome
