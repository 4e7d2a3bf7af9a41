"""ITM: one item, judged on every item of every 200 answer of the run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from contracts.clauses.common import EVERYWHERE, LET_IN, ONE, schema_clause
from contracts.clauses.passages import CREATED_AT, ID, ITEM
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import Capability, Exchange, Node
from contracts.core.result import HELD, Finding, Level
from contracts.core.wording import short
from contracts.openapi.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.openapi.operation import Operation

SANE_SECONDS = range(1_000_000_000, 4_102_444_800)
"""2001 to 2099, the plausible times of creation in seconds; in finer units the same range means other times."""

FINER_UNITS = {1_000: "milliseconds", 1_000_000: "microseconds", 1_000_000_000: "nanoseconds"}

DAY = 86_400

TIMED = Needs(items=1, timed=True)


def entries(evidence: Evidence) -> Iterator[tuple[Exchange, str, dict[str, Any]]]:
    """Every item that is an object: its exchange, its place in the body and its content."""
    place = ".".join(("$", *evidence.operation.profile.items))
    for document in evidence.documents:
        for position, entry in enumerate(evidence.operation.items_in(document.value) or ()):
            if isinstance(entry, dict):
                yield document.exchange, f"{place}[{position}]", entry


def integer(value: object) -> int | None:
    """The value if it is a JSON integer; else ``None``."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


clause(
    "ITM-001",
    Level.DOCUMENTED,
    "An item is an object that has its four required properties",
    quote=Quote("- created_at - id - object - project_id", at=f"{ITEM}/required"),
    why="Typed clients fail to decode the page.",
    good='{"id": "cp_1", "created_at": 1721764867, "project_id": "proj_1", "object": "checkpoint.permission"}',
    bad='{"id": "cp_1", "created_at": 1721764867, "object": "checkpoint.permission"}',
    probes=EVERYWHERE,
    caused_by=LET_IN,
    decided_by="answer",
    owns=Node.ITEM,
    needs=ONE,
)(schema_clause(Node.ITEM))

clause(
    "ITM-002",
    Level.DOCUMENTED,
    "`id` is a string",
    quote=ID,
    why="The id is the cursor, and what a permission is deleted by.",
    good='"id": "cp_1"',
    bad='"id": 1',
    probes=EVERYWHERE,
    requires={Capability.ID},
    caused_by=LET_IN,
    decided_by="answer",
    owns=Node.ITEM_ID,
    needs=ONE,
)(schema_clause(Node.ITEM_ID))

clause(
    "ITM-003",
    Level.DOCUMENTED,
    "`created_at` is an integer",
    quote=Quote("type: integer", at=f"{ITEM}/properties/created_at"),
    why="Typed clients refuse 1721764867.0, true and strings.",
    good='"created_at": 1721764867',
    bad='"created_at": 1721764867.0',
    probes=EVERYWHERE,
    requires={Capability.TIME},
    caused_by=LET_IN,
    decided_by="answer",
    owns=Node.ITEM_TIME,
    needs=ONE,
)(schema_clause(Node.ITEM_TIME))


def judge_time(wrong: Callable[[int, Exchange], str | None], expected: str) -> Callable[[Evidence], Iterator[Outcome]]:
    """The judgement of a clause about the value of a time of creation."""

    def judge(evidence: Evidence) -> Iterator[Outcome]:
        name = evidence.operation.roles.item_time
        for exchange, path, entry in entries(evidence):
            created = integer(entry.get(name))
            if created is None:
                continue
            if said := wrong(created, exchange):
                yield Finding(expected=expected, actual=f"{path}.{name} is {said}", exchanges=(exchange,))
            else:
                yield HELD

    return judge


def _finer(created: int, _: Exchange) -> str | None:
    unit = next((unit for factor, unit in FINER_UNITS.items() if created // factor in SANE_SECONDS), None)
    return f"{short(str(created))}: a sane date in {unit}" if unit else None


clause(
    "ITM-004",
    Level.DOCUMENTED,
    "`created_at` counts seconds",
    quote=CREATED_AT,
    why="Clients show a date some 50,000 years from now.",
    good='"created_at": 1721764867',
    bad='"created_at": 1721764867000',
    probes=EVERYWHERE,
    requires={Capability.UNIX_TIME},
    caused_by=LET_IN,
    decided_by="answer",
    needs=TIMED,
)(judge_time(_finer, "seconds since 1970"))

clause(
    "ITM-005",
    Level.DOCUMENTED,
    "`project_id` is a string",
    quote=Quote("The project identifier that the permission is for.", at=f"{ITEM}/properties/project_id"),
    why="An audit of who may use the checkpoint can't tell whom the permission is for.",
    good='"project_id": "proj_1"',
    bad='"project_id": null',
    probes=EVERYWHERE,
    requires={Capability.FILTER},
    caused_by=LET_IN,
    decided_by="answer",
    owns=Node.ITEM_FACET,
    needs=ONE,
)(schema_clause(Node.ITEM_FACET))

clause(
    "ITM-006",
    Level.DOCUMENTED,
    '`object` is "checkpoint.permission"',
    quote=Quote('The object type, which is always "checkpoint.permission".', at=f"{ITEM}/properties/object"),
    why="Clients that tell kinds of objects apart by `object` don't recognise it.",
    good='"object": "checkpoint.permission"',
    bad='"object": "permission"',
    probes=EVERYWHERE,
    requires={Capability.ITEM_OBJECT},
    caused_by=LET_IN,
    decided_by="answer",
    owns=Node.ITEM_OBJECT,
    needs=ONE,
)(schema_clause(Node.ITEM_OBJECT))


@clause(
    "ITM-007",
    Level.IMPLIED,
    "`id` and `project_id` are not empty",
    quote=ID,
    why="An empty identifier identifies nothing; an empty cursor begins the list again.",
    good='"id": "cp_1", "project_id": "proj_1"',
    bad='"id": "", "project_id": "proj_1"',
    probes=EVERYWHERE,
    requires={Capability.ID},
    caused_by=LET_IN,
    decided_by="answer",
    needs=ONE,
)
def identifiers_are_not_empty(evidence: Evidence) -> Iterator[Outcome]:
    roles = evidence.operation.roles
    for exchange, path, entry in entries(evidence):
        # A property that filters compare need not identify: only one that is called an id must not be empty.
        facet = roles.item_facet if evidence.operation.filters.lasting else roles.item_id
        empty = [name for name in (roles.item_id, facet) if entry.get(name) == ""]
        if empty:
            yield Finding(
                expected="an identifier", actual=f'{path}.{empty[0]} is an empty string ("")', exchanges=(exchange,)
            )
        else:
            yield HELD


@clause(
    "ITM-008",
    Level.IMPLIED,
    "An id has the same content in every answer",
    quote=ID,
    why="Two clients, or one that asks twice, disagree about the same permission.",
    good="cp_1 is for proj_1 on every page",
    bad="cp_1 is for proj_1 unfiltered, and for proj_2 under project_id=proj_2",
    probes=EVERYWHERE,
    requires={Capability.ID},
    caused_by=LET_IN,
    decided_by="list",
    needs=ONE,
)
def content_is_the_same(evidence: Evidence) -> Iterator[Outcome]:
    roles = evidence.operation.roles
    facet = roles.item_facet if evidence.operation.filters.lasting else ""
    fields = tuple(filter(None, (roles.item_time, facet, roles.item_object)))
    known: dict[tuple[str, str], tuple[Exchange, tuple[str, ...]]] = {}
    for exchange, path, entry in entries(evidence):
        id_ = evidence.operation.identity(entry)
        if not id_:
            continue
        content = tuple(_plain(entry.get(field)) for field in fields)
        before, expected = known.setdefault((_list(evidence, exchange), id_), (exchange, content))
        if before.number == exchange.number:
            continue
        if content == expected:
            yield HELD
            continue
        at = next(index for index, pair in enumerate(zip(content, expected, strict=True)) if pair[0] != pair[1])
        yield Finding(
            expected=f"{fields[at]} of {short(id_)} is {short(_shown(expected[at]))}, as in an earlier answer",
            actual=f"{path}.{fields[at]} is {short(_shown(content[at]))}",
            exchanges=(before, exchange),
        )
    yield from _switched(evidence)


def _switched(evidence: Evidence) -> Iterator[Outcome]:
    """Further properties that changed and then changed back, which real changes rarely do.

    Only answers that do not overlap in time tell which value came first.
    """
    others = evidence.operation.item_others
    if not others:
        return
    known: dict[tuple[str, str, str], list[tuple[Exchange, object]]] = defaultdict(list)
    for exchange, path, entry in sorted(entries(evidence), key=lambda each: each[0].received):
        id_ = evidence.operation.identity(entry)
        if not id_:
            continue
        for name in others.described:
            value = entry.get(name)
            values = known[_list(evidence, exchange), id_, name]
            if values and (values[-1][1] == value or values[-1][0] is exchange):
                continue
            first = next((before for before, earlier in values if earlier == value), None)
            if first is None:
                values.append((exchange, value))
                continue
            other, between = values[-1]
            if not first.received < other.sent < other.received < exchange.sent:
                continue
            yield Finding(
                expected=f"{name} of {short(id_)} is the same whatever is asked",
                actual=(
                    f"{path}.{name} is {short(_shown(_plain(value)))}, as before; in between it was"
                    f" {short(_shown(_plain(between)))}"
                ),
                exchanges=(first, other, exchange),
                stable_list=True,
                wrong=1,
            )


def _list(evidence: Evidence, exchange: Exchange) -> str:
    """The list within which an id names one thing: lists of other operations may number their items each for itself."""
    return "" if evidence.operation.is_published else evidence.reading(exchange).scope or ""


def _plain(value: object) -> str:
    """A value as text that is equal where JSON's values are: true is not 1, 1 is not 1.0, null is not "null"."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _shown(plain: str) -> str:
    """The same in a sentence: a string without its quotes."""
    return plain[1:-1] if plain.startswith('"') else plain


clause(
    "ITM-009",
    Level.IMPLIED,
    "`created_at` is not negative",
    quote=CREATED_AT,
    why="No permission was created before 1970; unsigned clients fail to decode it.",
    good='"created_at": 1721764867',
    bad='"created_at": -1',
    probes=EVERYWHERE,
    requires={Capability.UNIX_TIME},
    caused_by=LET_IN,
    decided_by="answer",
    needs=TIMED,
)(judge_time(lambda created, _: short(str(created)) if created < 0 else None, "0 or more"))


def _odd(created: int, exchange: Exchange) -> str | None:
    if created == 0:
        return "0: the first second of 1970"
    # Integer arithmetic only: a server's integer may be beyond the range of floats.
    ahead = created - int(exchange.at)
    if ahead <= DAY or _finer(created, exchange):
        return None
    return f"{short(str(created))}: {short(str((ahead + DAY // 2) // DAY))} days ahead"


clause(
    "ITM-010",
    Level.ADVISORY,
    "`created_at` is neither 0 nor more than a day ahead",
    quote=Quote("for when the permission was created.", at=f"{ITEM}/properties/created_at"),
    why="A default that was never filled in, or a clock that is wrong.",
    good='"created_at": 1721764867',
    bad='"created_at": 0',
    probes=EVERYWHERE,
    requires={Capability.UNIX_TIME},
    caused_by=LET_IN,
    decided_by="answer",
    needs=TIMED,
)(judge_time(_odd, "a time in the past"))


def _has_others(operation: Operation, value: dict[str, Any]) -> bool:
    items = operation.items_in(value) or ()
    return any(operation.item_others.among(entry) for entry in items if isinstance(entry, dict))


clause(
    "ITM-011",
    Level.DOCUMENTED,
    "Every other property of an item is as the schema says",
    quote=Quote("type: object", at=ITEM),
    why="Typed clients fail to decode the page, or read something else from it.",
    good='"expires_at": "2024-07-24T00:00:00Z", where the document says that it is a date-time',
    bad='"expires_at": "tomorrow", where the document says that it is a date-time',
    probes=EVERYWHERE,
    requires={Capability.ITEM_OTHER},
    decided_by="answer",
    owns=Node.ITEM_OTHER,
    needs=ONE,
)(schema_clause(Node.ITEM_OTHER, _has_others))
