"""ENV: the JSON object around the items, judged on every 200 answer of the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from contracts.clauses.common import EVERYWHERE, LET_IN, schema_clause
from contracts.clauses.passages import LIST, OBJECT
from contracts.clauses.registry import Outcome, clause
from contracts.core.model import Capability, Node
from contracts.core.result import HELD, Finding, Level
from contracts.openapi.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.openapi.operation import Operation


@clause(
    "ENV-001",
    Level.DOCUMENTED,
    "The body is one strict JSON object, with nothing before or after it",
    quote=OBJECT,
    why="Strict parsers (Go, Java, Rust, browsers) refuse the whole answer; lenient ones read something else.",
    good='{"object": "list", "data": [], "has_more": false}',
    bad='{"object": "list", "data": [], "has_more": false,}',
    probes=EVERYWHERE,
    caused_by=LET_IN,
    decided_by="answer",
    owns=Node.BODY,
)
def body_is_one_json_object(evidence: Evidence) -> Iterator[Outcome]:
    for document in evidence.documents:
        answer = document.exchange.answer
        if answer is not None and answer.flaw:
            continue
        if document.defect:
            yield Finding(expected="one JSON object (RFC 8259)", actual=document.defect, exchanges=(document.exchange,))
    yield from schema_clause(Node.BODY)(evidence)


clause(
    "ENV-002",
    Level.DOCUMENTED,
    '`object` is present and is "list"',
    quote=Quote("enum: - list", at=f"{LIST}/properties/object"),
    why="Clients that tell kinds of answers apart by `object` don't recognise the list.",
    good='"object": "list"',
    bad='"object": "page"',
    probes=(*EVERYWHERE, "scope.unknown"),
    requires={Capability.OBJECT},
    caused_by=LET_IN,
    decided_by="answer",
    owns=Node.OBJECT,
)(schema_clause(Node.OBJECT))

clause(
    "ENV-003",
    Level.DOCUMENTED,
    "`data` is present and is an array",
    quote=Quote("type: array", at=f"{LIST}/properties/data"),
    why="A client that iterates over `data` crashes, or takes the list to be empty.",
    good='"data": []',
    bad='"data": null',
    probes=EVERYWHERE,
    caused_by=LET_IN,
    decided_by="answer",
    owns=Node.ITEMS,
)(schema_clause(Node.ITEMS))

clause(
    "ENV-004",
    Level.DOCUMENTED,
    "`has_more` is present and is a boolean",
    quote=Quote("type: boolean", at=f"{LIST}/properties/has_more"),
    why='A client that tests it stops early, or never: the string "false" is true in most languages.',
    good='"has_more": false',
    bad='"has_more": "false"',
    probes=EVERYWHERE,
    requires={Capability.HAS_MORE},
    caused_by=LET_IN,
    decided_by="answer",
    owns=Node.HAS_MORE,
)(schema_clause(Node.HAS_MORE))

clause(
    "ENV-005",
    Level.DOCUMENTED,
    "`first_id`, where present, is a string or null",
    quote=Quote("type: string nullable: true", at=f"{LIST}/properties/first_id"),
    why="Typed clients fail to decode the page.",
    good='"first_id": null',
    bad='"first_id": 17',
    probes=EVERYWHERE,
    requires={Capability.ENDS},
    caused_by=LET_IN,
    decided_by="answer",
    owns=Node.FIRST_ID,
)(schema_clause(Node.FIRST_ID))

clause(
    "ENV-006",
    Level.DOCUMENTED,
    "`last_id`, where present, is a string or null",
    quote=Quote("type: string nullable: true", at=f"{LIST}/properties/last_id"),
    why="Typed clients fail to decode the page; others send the wrong cursor.",
    good='"last_id": "cp_07"',
    bad='"last_id": ["cp_07"]',
    probes=EVERYWHERE,
    requires={Capability.ENDS},
    caused_by=LET_IN,
    decided_by="answer",
    owns=Node.LAST_ID,
)(schema_clause(Node.LAST_ID))


@clause(
    "ENV-007",
    Level.ROBUSTNESS,
    "No object of the body has the same key twice",
    quote=OBJECT,
    why="Parsers disagree on which of the two counts (RFC 8259 §4), so two clients read two answers.",
    good='{"has_more": false}',
    bad='{"has_more": true, "has_more": false}',
    probes=EVERYWHERE,
    caused_by=LET_IN,
    decided_by="answer",
)
def keys_are_unique(evidence: Evidence) -> Iterator[Outcome]:
    for document in evidence.documents:
        if document.doubled:
            yield Finding(
                expected="each key once in an object",
                actual=f"twice: {', '.join(document.doubled[:3])}",
                exchanges=(document.exchange,),
            )
        elif not document.defect:
            yield HELD


def _has_others(operation: Operation, body: object) -> bool:
    # Where the schema does not say that a page is an object, an array is not against it.
    return isinstance(body, dict) and operation.envelope_others.among(body)


clause(
    "ENV-008",
    Level.DOCUMENTED,
    "Every other property of the envelope is as the schema says",
    quote=OBJECT,
    why="Typed clients fail to decode the page, or read something else from it.",
    good='"total": 57, where the document says that it is an integer',
    bad='"total": "57", where the document says that it is an integer',
    probes=EVERYWHERE,
    requires={Capability.ENVELOPE_OTHER},
    decided_by="answer",
    owns=Node.ENVELOPE_OTHER,
)(schema_clause(Node.ENVELOPE_OTHER, _has_others))
