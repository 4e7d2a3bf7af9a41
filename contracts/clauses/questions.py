"""OBS: what the document leaves open, answered from what was seen and never judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from contracts.catalogue import Needs, Outcome, clause
from contracts.clauses.filtering import unknown_projects
from contracts.clauses.inputs import SIBLINGS_WORDS, odd, only
from contracts.clauses.pages import CURSOR, SIZE
from contracts.clauses.scoping import CHECKPOINT, unknown_checkpoints
from contracts.evidence import OK, Evidence
from contracts.model import Answered, Exchange, Level, Order
from contracts.quotes import Quote
from contracts.reading import Oddity
from contracts.validation import parse
from contracts.wording import count, short

WORDS = Quote("enum: - ascending - descending", at="parameters/order/schema")
ERROR_RATE_HEADERS = ("ratelimit", "x-ratelimit", "retry-after")


def said(evidence: Evidence, exchange: Exchange) -> str:
    """An answer as a fact: a status, or how many items a 200 brought."""
    if exchange.answer is None:
        return "no answer"
    if exchange.answer.status != OK:
        return f"{exchange.answer.status}"
    query = evidence.query(exchange)
    value: Any = parse(exchange.answer.body).value
    items = value.get(evidence.operation.roles.items) if isinstance(value, dict) else None
    if not isinstance(items, list):
        return "200 without a list"
    if not items:
        return "200, an empty page"
    del query
    return f"200, {count(len(items), 'item')}"


def tell(evidence: Evidence, exchanges: Iterable[Exchange]) -> Iterator[Outcome]:
    """The different answers to the same question, the most frequent first."""
    asked = [exchange for exchange in exchanges if exchange.answer is not None and not exchange.answer.flaw]
    if asked:
        counted = Counter(said(evidence, exchange) for exchange in asked)
        text = "; ".join(
            answer if len(counted) == 1 else f"{answer} ({number}×)" for answer, number in counted.most_common(4)
        )
        yield Answered(text, (asked[0],))


@clause(
    "OBS-001",
    Level.OBSERVED,
    "The largest `limit` honoured, and what happens above it",
    quote=SIZE,
    why="A client that knows the cap asks for as much at once as it gets.",
    good="100; above it 400",
    bad="(a question has no wrong answer)",
    probes=("walks", "generated", "inputs"),
    needs=Needs(items=1),
)
def largest_limit(evidence: Evidence) -> Iterator[Outcome]:
    accepted = evidence.largest_accepted
    if not accepted:
        return
    refused = sorted(
        (query.limit, exchange.answer.status)
        for exchange, query in evidence.allowed
        if query.limit and exchange.answer is not None and query.limit > accepted
    )
    capped = sorted(
        (page.query.limit, len(page.items))
        for page in evidence.pages
        if page.query.limit and page.has_more and len(page.items) < page.query.limit
    )
    text = f"up to {accepted} accepted"
    if capped:
        text = f"{evidence.cap} items at the most; limit={capped[0][0]} brings {capped[0][1]}"
    elif refused:
        text += f"; {refused[0][0]} brings {refused[0][1]}"
    yield Answered(text)


@clause(
    "OBS-002",
    Level.OBSERVED,
    "limit=0",
    quote=SIZE,
    why="Clients that compute a limit may come to 0.",
    good="400",
    bad="(a question has no wrong answer)",
    probes=("inputs",),
)
def limit_zero(evidence: Evidence) -> Iterator[Outcome]:
    yield from tell(evidence, (exchange for exchange, found in odd(evidence) if only(found, "limit", Oddity.ZERO)))


@clause(
    "OBS-003",
    Level.OBSERVED,
    "A negative limit",
    quote=SIZE,
    why="Clients that compute a limit may come below 0.",
    good="400",
    bad="(a question has no wrong answer)",
    probes=("inputs",),
)
def limit_negative(evidence: Evidence) -> Iterator[Outcome]:
    yield from tell(evidence, (exchange for exchange, found in odd(evidence) if only(found, "limit", Oddity.NEGATIVE)))


@clause(
    "OBS-004",
    Level.OBSERVED,
    "An unknown `after`",
    quote=CURSOR,
    why="The item that a client stopped at may be deleted before it goes on.",
    good="400",
    bad="(a question has no wrong answer)",
    probes=("scope", "generated"),
)
def unknown_after(evidence: Evidence) -> Iterator[Outcome]:
    known = evidence.listing.items
    yield from tell(
        evidence,
        (
            exchange
            for exchange, query in evidence.allowed
            if query.after is not None and query.after not in known and query.after not in evidence.foreign
        ),
    )


@clause(
    "OBS-005",
    Level.OBSERVED,
    "An unknown checkpoint",
    quote=CHECKPOINT,
    why="A client can tell a mistyped id from a checkpoint without permissions, or not.",
    good="404",
    bad="(a question has no wrong answer)",
    probes=("scope",),
)
def unknown_checkpoint(evidence: Evidence) -> Iterator[Outcome]:
    yield from tell(evidence, (exchange for exchange, _, _ in unknown_checkpoints(evidence, near=False)))


@clause(
    "OBS-006",
    Level.OBSERVED,
    "An unknown project",
    quote=Quote("The ID of the project to get permissions for.", at="parameters/project_id/description"),
    why="A client can tell a mistyped id from a project without permissions, or not.",
    good="200, an empty page",
    bad="(a question has no wrong answer)",
    probes=("filters",),
)
def unknown_project(evidence: Evidence) -> Iterator[Outcome]:
    yield from tell(evidence, (exchange for exchange, _, _ in unknown_projects(evidence)))


@clause(
    "OBS-007",
    Level.OBSERVED,
    "order=asc and order=desc, as the sibling operations say",
    quote=WORDS,
    why="Clients that are written for all lists use these words.",
    good="400",
    bad="(a question has no wrong answer)",
    probes=("inputs",),
)
def siblings_words(evidence: Evidence) -> Iterator[Outcome]:
    yield from tell(
        evidence,
        (
            exchange
            for exchange, found in odd(evidence)
            if only(found, "order", Oddity.OUTSIDE) and evidence.reading(exchange).values["order"][0] in SIBLINGS_WORDS
        ),
    )


@clause(
    "OBS-008",
    Level.OBSERVED,
    "The order among ties",
    quote=Quote("The order in which to retrieve permissions.", at="parameters/order/description"),
    why="Permissions that were granted in one request share their second.",
    good="by id, ascending, in both orders",
    bad="(a question has no wrong answer)",
    probes=("walks",),
    needs=Needs(items=2, tie=True),
)
def order_of_ties(evidence: Evidence) -> Iterator[Outcome]:
    texts = []
    for order in (Order.DESCENDING, Order.ASCENDING):
        sequence = evidence.listing.sequence(order)
        pairs = [pair for pair in pairwise(sequence) if evidence.listing.tied(*pair)]
        if not pairs:
            continue
        rising = sum(left < right for left, right in pairs)
        how = "by id, ascending" if rising == len(pairs) else "by id, descending" if not rising else "not by id"
        texts.append(f"{order}: {how}")
    if texts:
        yield Answered("; ".join(texts))


@clause(
    "OBS-009",
    Level.OBSERVED,
    "The ids on an empty page",
    quote=CURSOR,
    why="Typed clients must know whether to expect null.",
    good="null",
    bad="(a question has no wrong answer)",
    probes=("walks", "scope", "filters"),
    needs=Needs(empty_page=True),
)
def ids_of_an_empty_page(evidence: Evidence) -> Iterator[Outcome]:
    roles = evidence.operation.roles
    kinds: Counter[str] = Counter()
    for document in evidence.documents:
        value = document.value
        if isinstance(value, dict) and value.get(roles.items) == []:
            for name in (roles.first_id, roles.last_id):
                given = value.get(name, "absent") if name in value else "absent"
                kinds["null" if given is None else "absent" if name not in value else f"{short(repr(given))}"] += 1
    if kinds:
        yield Answered(" or ".join(kind for kind, _ in kinds.most_common(3)))


@clause(
    "OBS-010",
    Level.OBSERVED,
    "The shape of errors",
    quote=Quote("description: OK", at="responses/200"),
    why="The document describes the success alone.",
    good='{"error": {"message", "type", "param", "code"}}',
    bad="(a question has no wrong answer)",
    probes=("inputs", "access"),
)
def shape_of_errors(evidence: Evidence) -> Iterator[Outcome]:
    shapes: Counter[str] = Counter()
    for exchange in evidence.exchanges:
        answer = exchange.answer
        if answer is None or answer.flaw or answer.status < 400:  # noqa: PLR2004 - below the errors
            continue
        value: Any = parse(answer.body).value
        kind = (answer.header("content-type") or "no media type").partition(";")[0]
        inner = value.get("error") if isinstance(value, dict) else None
        if isinstance(inner, dict):
            shapes[f"{kind}: error object with {', '.join(sorted(map(short, inner)))}"] += 1
        elif isinstance(value, dict):
            shapes[f"{kind}: object with {', '.join(sorted(map(short, value)))}"] += 1
        else:
            shapes[f"{kind}: {'empty' if not answer.body else 'no JSON object'}"] += 1
    if shapes:
        yield Answered("; ".join(shape for shape, _ in shapes.most_common(2)))


@clause(
    "OBS-011",
    Level.OBSERVED,
    "Headers about rate limits",
    quote=Quote("description: OK", at="responses/200"),
    why="A client that reads them need not run into a 429.",
    good="x-ratelimit-remaining-requests",
    bad="(a question has no wrong answer)",
    probes=("walks",),
)
def rate_limit_headers(evidence: Evidence) -> Iterator[Outcome]:
    if not evidence.exchanges:
        return
    found = sorted(
        {
            name.lower()
            for exchange in evidence.exchanges
            if exchange.answer is not None
            for name, _ in exchange.answer.headers
            if name.lower().startswith(ERROR_RATE_HEADERS)
        }
    )
    waits = sum(exchange.waits for exchange in evidence.exchanges)
    text = ", ".join(short(name) for name in found[:6]) or "none"
    yield Answered(f"{text}; {count(waits, 'wait')}" if waits else text)


@clause(
    "OBS-012",
    Level.OBSERVED,
    "The page of the last item",
    quote=CURSOR,
    why="Clients that always ask once more end their walk with it.",
    good="200, an empty page",
    bad="(a question has no wrong answer)",
    probes=("walks",),
    needs=Needs(items=1, end=True),
)
def page_of_the_last_item(evidence: Evidence) -> Iterator[Outcome]:
    tails = {evidence.listing.sequence(order)[-1:]: order for order in Order}
    yield from tell(
        evidence,
        (
            exchange
            for exchange, query in evidence.allowed
            if query.after is not None
            and query.project_id is None
            and tails.get((query.after,)) is (query.order or evidence.operation.default_order)
        ),
    )


@clause(
    "OBS-013",
    Level.OBSERVED,
    "Whether `has_more` looks ahead",
    quote=Quote("type: boolean", at="schemas/ListFineTuningCheckpointPermissionResponse/properties/has_more"),
    why="Without it a client asks once in vain whenever the last page is full.",
    good="yes: a full last page says false",
    bad="(a question has no wrong answer)",
    probes=("walks",),
    needs=Needs(items=2, end=True),
)
def looks_ahead(evidence: Evidence) -> Iterator[Outcome]:
    default = evidence.operation.default_limit
    for page, order in evidence.sound:
        if page.items and len(page.items) == (page.query.limit or default) and evidence.listing.ends_with(page, order):
            yield Answered(
                "yes: a full last page says false" if page.has_more is False else "no: a full last page says true",
                (page.exchange,),
            )
            return
