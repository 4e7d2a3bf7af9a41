"""OBS: what the document leaves open, answered from what was seen and never judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from contracts.clauses.common import SIBLINGS_WORDS, odd, only, unknown_facets, unknown_scopes
from contracts.clauses.passages import CHECKPOINT, CURSOR, LIST, ORDER, ORDER_WORDS, PROJECT, SIZE, SUCCESS
from contracts.clauses.registry import Judge, Needs, Outcome, clause
from contracts.core.model import Capability, Exchange, Order, Page, Query
from contracts.core.result import Answered, Level, Unshown
from contracts.core.wording import count, short, written
from contracts.openapi.body import parse
from contracts.openapi.grammar import Oddity
from contracts.openapi.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

RATE_LIMIT_HEADERS = ("ratelimit", "x-ratelimit", "retry-after")
NOTHING = Needs()


def question(
    id: str,  # noqa: A002 - as in `contracts.clauses.registry.clause`
    title: str,
    *,
    quote: Quote,
    why: str,
    answer: str,
    probes: Iterable[str],
    needs: Needs = NOTHING,
    requires: Iterable[Capability] = (),
) -> Callable[[Judge], Judge]:
    """Register the decorated function as a question; ``answer`` is an example of one."""
    bad = "(a question has no wrong answer)"
    return clause(
        id,
        Level.OBSERVED,
        title,
        quote=quote,
        why=why,
        good=answer,
        bad=bad,
        probes=probes,
        needs=needs,
        requires=requires,
        decided_by="list",
    )


def fact(evidence: Evidence, exchange: Exchange) -> str:
    """An answer in words: its status, or the number of items of a 200, and the ``has_more`` of an empty page."""
    if exchange.answer is None:
        return "no answer"
    if not exchange.ok:
        return f"{exchange.answer.status}"
    value: Any = parse(exchange.answer.body).value
    items = evidence.operation.items_in(value)
    if items is None:
        return "200 without a list"
    if not items:
        more = isinstance(value, dict) and value.get(evidence.operation.roles.has_more) is True
        return f"200, an empty page{'; has_more true' if more else ''}"
    return f"200, {count(len(items), 'item')}"


def tell(evidence: Evidence, exchanges: Iterable[Exchange]) -> Iterator[Outcome]:
    """The different answers to the same question, the most frequent first."""
    asked = [exchange for exchange in exchanges if exchange.answer is not None and not exchange.answer.flaw]
    if asked:
        counted = Counter(fact(evidence, exchange) for exchange in asked)
        text = "; ".join(
            answer if len(counted) == 1 else f"{answer} ({number}×)" for answer, number in counted.most_common(4)
        )
        yield Answered(text, (asked[0],))


@question(
    "OBS-001",
    "The largest `limit` honoured, and what happens above it",
    quote=SIZE,
    why="A client that knows the cap asks for as much at once as it gets.",
    answer="100; above it 400",
    probes=("walks.heads", "inputs.limits"),
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


@question(
    "OBS-002",
    "limit=0",
    quote=SIZE,
    why="Clients that compute a limit may come to 0.",
    answer="400",
    probes=("inputs.limits",),
)
def limit_zero(evidence: Evidence) -> Iterator[Outcome]:
    yield from tell(evidence, (exchange for exchange, found in odd(evidence) if only(found, "limit", Oddity.ZERO)))


@question(
    "OBS-003",
    "A negative limit",
    quote=SIZE,
    why="Clients that compute a limit may come below 0.",
    answer="400",
    probes=("inputs.limits",),
)
def limit_negative(evidence: Evidence) -> Iterator[Outcome]:
    yield from tell(evidence, (exchange for exchange, found in odd(evidence) if only(found, "limit", Oddity.NEGATIVE)))


@question(
    "OBS-004",
    "An unknown `after`",
    quote=CURSOR,
    why="The item that a client stopped at may be deleted before it goes on.",
    answer="400",
    probes=("scope.cursors",),
    requires={Capability.CURSOR},
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


@question(
    "OBS-005",
    "An unknown checkpoint",
    quote=CHECKPOINT,
    why="A client can tell a mistyped id from a checkpoint without permissions, or not.",
    answer="404",
    probes=("scope.unknown",),
    requires={Capability.SCOPE},
)
def unknown_scope(evidence: Evidence) -> Iterator[Outcome]:
    yield from tell(evidence, (exchange for exchange, _, _ in unknown_scopes(evidence, near=False)))


@question(
    "OBS-006",
    "An unknown project",
    quote=PROJECT,
    why="A client can tell a mistyped id from a project without permissions, or not.",
    answer="200, an empty page",
    probes=("filters.unknown",),
    requires={Capability.FILTER},
)
def unknown_facet(evidence: Evidence) -> Iterator[Outcome]:
    yield from tell(evidence, (exchange for exchange, _, _ in unknown_facets(evidence)))


@question(
    "OBS-007",
    "order=asc and order=desc, as the sibling operations say",
    quote=ORDER_WORDS,
    why="Clients that are written for all lists use these words.",
    answer="400",
    probes=("inputs.orders",),
    requires={Capability.ORDER},
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


@question(
    "OBS-008",
    "The order among ties",
    quote=ORDER,
    why="Permissions that were granted in one request share their second.",
    answer="by id, ascending, in both orders",
    probes=("walks.heads",),
    requires={Capability.TIME},
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


@question(
    "OBS-009",
    "The ids on an empty page",
    quote=CURSOR,
    why="Typed clients must know whether to expect null.",
    answer="null",
    probes=("walks.ends", "scope.empty", "filters.unknown"),
    requires={Capability.ENDS},
    needs=Needs(empty_page=True),
)
def ids_of_an_empty_page(evidence: Evidence) -> Iterator[Outcome]:
    roles = evidence.operation.roles
    kinds: Counter[str] = Counter()
    for document in evidence.documents:
        value = document.value
        if isinstance(value, dict) and evidence.operation.items_in(value) == []:
            for name in (roles.first_id, roles.last_id):
                given = value.get(name)
                kinds["absent" if name not in value else short(written(given))] += 1
    if kinds:
        yield Answered(" or ".join(kind for kind, _ in kinds.most_common(3)))


@question(
    "OBS-010",
    "The shape of errors",
    quote=SUCCESS,
    why="The document describes the success alone.",
    answer='{"error": {"message", "type", "param", "code"}}',
    probes=("inputs.orders", "inputs.limits", "access.forms"),
)
def shape_of_errors(evidence: Evidence) -> Iterator[Outcome]:
    shapes: Counter[str] = Counter()
    for exchange in evidence.exchanges:
        answer = exchange.answer
        if answer is None or answer.flaw or not (exchange.refused or exchange.failed):
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


@question(
    "OBS-011",
    "Headers about rate limits",
    quote=SUCCESS,
    why="A client that reads them need not run into a 429.",
    answer="x-ratelimit-remaining-requests",
    probes=("walks.heads",),
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
            if name.lower().startswith(RATE_LIMIT_HEADERS)
        }
    )
    waits = sum(exchange.waits for exchange in evidence.exchanges)
    text = ", ".join(short(name) for name in found[:6]) or "none"
    yield Answered(f"{text}; {count(waits, 'wait')}" if waits else text)


@question(
    "OBS-012",
    "The page of the last item",
    quote=CURSOR,
    why="Clients that always ask once more end their walk with it.",
    answer="200, an empty page",
    probes=("walks.pages", "walks.ends"),
    requires={Capability.CURSOR},
    needs=Needs(items=1, end=True),
)
def page_of_the_last_item(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    tails = {order: listing.sequence(order)[-1:] for order in Order}

    def after_the_last(exchange: Exchange, query: Query) -> bool:
        order = evidence.asked_order(query)
        if query.after is None or query.facet is not None or tails[order] != (query.after,):
            return False
        page = evidence.page(exchange, query)
        # If it shows an item that was not seen in this order, the item of the cursor is not the last one.
        return page is None or all(listing.rank(order, id_) is not None for id_ in page.ids)

    yield from tell(evidence, (exchange for exchange, query in evidence.allowed if after_the_last(exchange, query)))


@question(
    "OBS-013",
    "Whether `has_more` looks ahead",
    quote=Quote("type: boolean", at=f"{LIST}/properties/has_more"),
    why="Without it a client asks once in vain whenever the last page is full.",
    answer="yes: a full last page says false",
    probes=("walks.pages", "walks.full"),
    requires={Capability.HAS_MORE},
    needs=Needs(items=1, end=True),
)
def looks_ahead(evidence: Evidence) -> Iterator[Outcome]:
    default = evidence.operation.default_limit
    if not any(page.has_more for page in evidence.pages):
        yield Unshown("no page says that more follows", "a checkpoint with more permissions than one page holds")
        return
    for page, order in evidence.sound:
        if page.items and len(page.items) == (page.query.limit or default) and evidence.listing.ends_with(page, order):
            if page.has_more is not False:
                text = "no: a full last page says true"
            elif any(each.has_more is False and evidence.listing.following(each, way) for each, way in evidence.sound):
                text = "unknown: pages that are followed by others say false as well"
            else:
                text = "yes: a full last page says false"
            yield Answered(text, (page.exchange,))
            return


@question(
    "OBS-014",
    "What `has_more` says on the page before an item",
    quote=Quote("type: boolean", at=f"{LIST}/properties/has_more"),
    why="A client that pages backwards learns from it whether to go on, or nothing.",
    answer="whether more stands before the page",
    probes=("backwards",),
    requires={Capability.BEFORE, Capability.HAS_MORE},
)
def has_more_backwards(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    said: dict[tuple[bool, bool], Page] = {}
    for page in evidence.pages_back:
        order = evidence.asked_order(page.query)
        rank = listing.rank(order, page.ids[0]) if page.items else None
        if rank is not None and page.has_more is not None and listing.belongs(page.ids[0], page.query.facet):
            before = listing.sequence(order, page.query.facet)[:1] != page.ids[:1]
            said.setdefault((before, page.has_more), page)
    meanings = {
        frozenset({(True, True), (False, False)}): "whether more stands before the page",
        frozenset({(True, True), (False, True)}): "always true",
        frozenset({(True, False), (False, False)}): "always false",
    }
    if len({before for before, _ in said}) > 1:
        text = meanings.get(frozenset(said), "it does not depend on what stands before the page alone")
        yield Answered(text, tuple(page.exchange for page in list(said.values())[:2]))


@question(
    "OBS-015",
    "What `before` and `after` together bring",
    quote=CURSOR,
    why="A client that keeps both ends of what it has seen may send both.",
    answer="200, 4 items: what stands between the two",
    probes=("backwards",),
    requires={Capability.BEFORE},
)
def both_cursors(evidence: Evidence) -> Iterator[Outcome]:
    for exchange, query in evidence.backward:
        page, order = evidence.page(exchange, query), evidence.asked_order(query)
        known = evidence.listing.sequence(order, query.facet)
        if exchange.answer is None or query.after not in known or query.before not in known:
            continue
        text = fact(evidence, exchange)
        if page is not None and page.items:
            first, last = known.index(query.after), known.index(query.before)
            between = set(known[first + 1 : last])
            onward, back = set(known[first + 1 :]), set(known[:last])
            for meant, what in (
                (between, "what stands between the two"),
                (onward, "`before` is ignored"),
                (back, "`after` is ignored"),
            ):
                if set(page.ids) <= meant:
                    text = f"{text}: {what}"
                    break
        yield Answered(text, (exchange,))
        return


@question(
    "OBS-016",
    "Whether the page before an item ends right before it",
    quote=CURSOR,
    why="Only then a client can page backwards.",
    answer="yes",
    probes=("backwards",),
    requires={Capability.BEFORE, Capability.ID},
)
def nearest_before(evidence: Evidence) -> Iterator[Outcome]:
    shown: dict[str, Page] = {}
    for page in evidence.pages_back:
        order, before = evidence.asked_order(page.query), page.query.before
        known = evidence.listing.sequence(order, page.query.facet)
        if page.items and before in known and page.ids[0] in known and known.index(before) > len(page.items):
            head, nearest = known[: len(page.items)], known[known.index(before) - 1]
            how = "yes" if nearest in page.ids else "no: it is the head of the list" if page.ids == head else "no"
            shown.setdefault(how, page)
    if shown:
        text = next(iter(shown)) if len(shown) == 1 else "not always"
        yield Answered(text, tuple(each.exchange for each in shown.values()))
