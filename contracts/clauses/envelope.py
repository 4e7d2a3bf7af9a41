"""ENV: the JSON object around the items, judged on every 200 answer of the run."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.clauses.common import EVERYWHERE, schema_clause
from contracts.clauses.passages import LIST, OBJECT
from contracts.clauses.registry import Outcome, clause
from contracts.core.model import HELD, Capability, Finding, Level, Node
from contracts.evidence.evidence import Evidence
from contracts.spec.quotes import Quote


@clause(
    "ENV-001",
    Level.DOCUMENTED,
    "The body is one strict JSON object, with nothing before or after it",
    quote=OBJECT,
    why="Strict parsers (Go, Java, Rust, browsers) refuse the whole answer; lenient ones read something else.",
    good='{"object": "list", "data": [], "has_more": false}',
    bad='{"object": "list", "data": [], "has_more": false,}',
    probes=EVERYWHERE,
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
    yield from schema_clause("ENV-001")(evidence)


clause(
    "ENV-002",
    Level.DOCUMENTED,
    '`object` is present and is "list"',
    quote=Quote("enum: - list", at=f"{LIST}/properties/object"),
    why="Clients that tell kinds of answers apart by `object` don't recognise the list.",
    good='"object": "list"',
    bad='"object": "page"',
    probes=EVERYWHERE,
    requires={Capability.OBJECT},
    decided_by="answer",
    owns=Node.OBJECT,
)(schema_clause("ENV-002"))

clause(
    "ENV-003",
    Level.DOCUMENTED,
    "`data` is present and is an array",
    quote=Quote("type: array", at=f"{LIST}/properties/data"),
    why="A client that iterates over `data` crashes, or takes the list to be empty.",
    good='"data": []',
    bad='"data": null',
    probes=EVERYWHERE,
    decided_by="answer",
    owns=Node.ITEMS,
)(schema_clause("ENV-003"))

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
    decided_by="answer",
    owns=Node.HAS_MORE,
)(schema_clause("ENV-004"))

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
    decided_by="answer",
    owns=Node.FIRST_ID,
)(schema_clause("ENV-005"))

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
    decided_by="answer",
    owns=Node.LAST_ID,
)(schema_clause("ENV-006"))


@clause(
    "ENV-007",
    Level.ROBUSTNESS,
    "No object of the body has the same key twice",
    quote=OBJECT,
    why="Parsers disagree on which of the two counts (RFC 8259 §4), so two clients read two answers.",
    good='{"has_more": false}',
    bad='{"has_more": true, "has_more": false}',
    probes=EVERYWHERE,
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
