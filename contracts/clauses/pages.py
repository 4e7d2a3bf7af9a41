"""PAG: pages and cursors. What one page proves by itself comes first; then pages against the list and each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import unquote

from contracts.clauses.common import (
    ONE,
    PAGED,
    TWO,
    anchored,
    as_asked,
    begins_rightly,
    denied,
    describe,
    goes_on,
    missing_from,
    named,
    shows_nothing,
    sure,
    tie_at,
)
from contracts.clauses.passages import ALL_PERMISSIONS, CURSOR, HAS_MORE, ITEM, LAST_ID, LIST, ORDER, SIZE
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import HELD, Capability, Exchange, Finding, Inapplicable, Level, Order, Page, Query
from contracts.core.wording import count, names, place, short
from contracts.spec.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.evidence.listing import Walk

# What one page proves by itself

MOST_COMMON_DEFAULT = 20
"""A list that is longer and comes at once without a limit shows a larger default, however large that is."""


@clause(
    "PAG-001",
    Level.DOCUMENTED,
    "A page holds at most `limit` items",
    quote=SIZE,
    why="Clients size buffers and screens by it; a server that ignores it answers with all it has.",
    good="limit=5: 5 items",
    bad="limit=5: 6 items",
    probes=PAGED,
    caused_by=("TOK-005",),
    decided_by="answer",
    needs=TWO,
)
def page_is_not_larger(evidence: Evidence) -> Iterator[Outcome]:
    for page in evidence.every_page:
        limit = page.query.limit
        if limit is None:
            continue
        if len(page.items) > limit:
            yield Finding(f"at most {count(limit, 'item')}", count(len(page.items), "item"), (page.exchange,))
        elif page.has_more or len(page.items) == limit < len(evidence.listing.items):
            yield HELD


@clause(
    "PAG-002",
    Level.DOCUMENTED,
    "Without `limit` a page holds 10 items, or all that remain",
    quote=Quote("10", at="parameters/limit/schema/default"),
    why="Clients that rely on the default get other pages than they were promised.",
    good="57 permissions, no limit: 10 items, has_more true",
    bad="57 permissions, no limit: 20 items",
    probes=PAGED,
    caused_by=("PAG-014", "TOK-005"),
    decided_by="answer",
    requires={Capability.DEFAULT_LIMIT},
    needs=Needs(items=11),
)
def default_size(evidence: Evidence) -> Iterator[Outcome]:
    default = evidence.operation.usual_limit
    for page in evidence.every_page:
        if page.query.limit is not None:
            continue
        size = len(page.items)
        if size > default:
            yield Finding(f"at most {default} items without limit", count(size, "item"), (page.exchange,))
        elif size < default and page.has_more and size:
            yield Finding(
                f"{default} items without limit, or all that remain",
                f"{count(size, 'item')} and has_more true",
                (page.exchange,),
            )
        elif size == default or (size > MOST_COMMON_DEFAULT and not page.has_more):
            yield HELD


@clause(
    "PAG-003",
    Level.IMPLIED,
    "A page with `has_more` true is full: `limit` items, or the cap",
    quote=SIZE,
    why="Short pages in the middle of a list cost requests, and clients take a short page for the last one.",
    good="limit=5: 5 items, has_more true",
    bad="limit=5: 3 items, has_more true",
    probes=(*PAGED, "walks.sizes", "inputs.limits"),
    requires={Capability.MORE},
    caused_by=("PAG-014", "TOK-005"),
    decided_by="list",
    needs=TWO,
)
def page_is_full(evidence: Evidence) -> Iterator[Outcome]:
    default = evidence.operation.default_limit
    caps: dict[bool, int] = defaultdict(int)
    for page in evidence.pages:
        if page.query.limit:
            caps[page.query.project_id is None] = max(caps[page.query.project_id is None], len(page.items))
    for page in evidence.pages:
        limit, size = page.query.limit, len(page.items)
        if limit is None or not page.has_more or not size:
            continue
        # Above its cap, which may be another one under a filter, a server may give the cap or the default size.
        cap = caps[page.query.project_id is None]
        if size == limit or (limit > cap and size in {cap, default}):
            yield HELD
        elif size < limit:
            wanted = f"{limit} items" if limit <= cap else f"{cap} items (the most that this target gives)"
            yield Finding(
                f"{wanted} when has_more is true", f"{count(size, 'item')} and has_more true", (page.exchange,)
            )


def judge_end_id(evidence: Evidence, *, first: bool) -> Iterator[Outcome]:
    """Whether `first_id` (or `last_id`) of each page with items names its first (last) one."""
    name = evidence.operation.roles.first_id if first else evidence.operation.roles.last_id
    given = False
    for page in (*evidence.every_page, *evidence.pages_back):
        said = page.first_id if first else page.last_id
        if not page.items or said is None:
            continue
        given = True
        right = page.ids[0] if first else page.ids[-1]
        if said == right:
            # Of a single item either end is the other one.
            if page.ids[0] != page.ids[-1]:
                yield HELD
        else:
            end = "first" if first else "last"
            yield Finding(
                f"{name} {short(right)}, the page's {end} item", f"{name} {short(said) or '(empty)'}", (page.exchange,)
            )
    if not given and any(page.items for page in evidence.every_page):
        yield Inapplicable(f"the target never gives {name}, which the document doesn't require")


@clause(
    "PAG-004",
    Level.IMPLIED,
    "`first_id`, when given, is the id of the page's first item",
    quote=Quote("first_id: type: string nullable: true", at=f"{LIST}/properties"),
    why="Clients that page backwards, or compare pages by their ends, go astray.",
    good="first_id cp_1 on a page [cp_1, cp_2]",
    bad="first_id cp_2 on a page [cp_1, cp_2]",
    probes=PAGED,
    requires={Capability.ENDS},
    decided_by="answer",
    needs=TWO,
)
def first_id_is_first(evidence: Evidence) -> Iterator[Outcome]:
    yield from judge_end_id(evidence, first=True)


@clause(
    "PAG-005",
    Level.IMPLIED,
    "`last_id`, when given, is the id of the page's last item",
    quote=LAST_ID,
    why="The official clients continue from it: a wrong one skips or repeats items, silently.",
    good="last_id cp_2 on a page [cp_1, cp_2]",
    bad="last_id cp_1 on a page [cp_1, cp_2]",
    probes=PAGED,
    requires={Capability.ENDS},
    decided_by="answer",
    needs=TWO,
)
def last_id_is_last(evidence: Evidence) -> Iterator[Outcome]:
    yield from judge_end_id(evidence, first=False)


@clause(
    "PAG-006",
    Level.IMPLIED,
    "On an empty page `first_id` and `last_id` name no permission",
    quote=LAST_ID,
    why="A client would continue from an item that the page doesn't hold.",
    good='"data": [], "first_id": null, "last_id": null',
    bad='"data": [], "first_id": "cp_1", "last_id": "cp_9"',
    probes=("walks.ends", "walks.twos", "walks.within", "scope.empty", "filters.unknown"),
    requires={Capability.ENDS},
    decided_by="answer",
    needs=Needs(empty_page=True),
)
def empty_page_has_no_ends(evidence: Evidence) -> Iterator[Outcome]:
    roles = evidence.operation.roles
    for page in evidence.every_page:
        if page.items:
            continue
        given = [
            (name, said)
            for name, said in ((roles.first_id, page.first_id), (roles.last_id, page.last_id))
            if said is not None
        ]
        for name, said in given:
            yield Finding(
                f"{name} null or absent on an empty page",
                f"{name} {short(said)}" if said else f'{name} is an empty string ("")',
                (page.exchange,),
                warning=not said,
            )
        if not given:
            yield HELD


@clause(
    "PAG-007",
    Level.IMPLIED,
    "`last_id` is given whenever `has_more` is true",
    quote=LAST_ID,
    why="The official clients continue from it; without it they stop early and silently lose the rest.",
    good='"has_more": true, "last_id": "cp_9"',
    bad='"has_more": true, "last_id": null',
    probes=PAGED,
    requires={Capability.CURSOR, Capability.ENDS},
    decided_by="answer",
    needs=TWO,
)
def last_id_is_given(evidence: Evidence) -> Iterator[Outcome]:
    name = evidence.operation.roles.last_id
    for page in evidence.every_page:
        if not page.has_more or not page.items:
            continue
        if page.last_id:
            yield HELD
        else:
            yield Finding(f"{name} {short(page.ids[-1])}", f"no {name}, and has_more true", (page.exchange,))


@clause(
    "PAG-008",
    Level.IMPLIED,
    "No id comes twice on one page",
    quote=Quote("The permission identifier", at=f"{ITEM}/properties/id/description"),
    why="A client counts or handles a permission twice.",
    good="[cp_1, cp_2, cp_3]",
    bad="[cp_1, cp_2, cp_2]",
    probes=PAGED,
    requires={Capability.ID},
    decided_by="answer",
    needs=TWO,
)
def no_id_twice_on_a_page(evidence: Evidence) -> Iterator[Outcome]:
    for page in evidence.every_page:
        twice = tuple(id_ for id_, times in Counter(page.ids).items() if times > 1)
        if twice:
            yield Finding("each id once on a page", f"twice: {names(twice)}", (page.exchange,))
        elif len(page.items) > 1:
            yield HELD


@clause(
    "PAG-010",
    Level.IMPLIED,
    "The page after X does not hold X",
    quote=CURSOR,
    why="Each page repeats the last item of the one before; with limit=1 a client loops for ever.",
    good="after=cp_5: [cp_6, cp_7]",
    bad="after=cp_5: [cp_5, cp_6]",
    probes=(*PAGED, "walks.cursors"),
    requires={Capability.CURSOR, Capability.ID},
    decided_by="answer",
    needs=TWO,
)
def cursor_is_excluded(evidence: Evidence) -> Iterator[Outcome]:
    for page in evidence.every_page:
        after = page.query.after
        if after is None or not page.items:
            continue
        if after in page.ids:
            yield Finding(
                f"a page without {short(after)}",
                f"{short(after)} is item {page.ids.index(after) + 1} of the page after it",
                (page.exchange,),
            )
        elif goes_on(evidence, page, evidence.order(page)):
            yield HELD


@clause(
    "PAG-016",
    Level.IMPLIED,
    "An empty page says `has_more` false",
    quote=HAS_MORE,
    why="There is no cursor to go on from: a client loops, or stops and believes that it lost something.",
    good='"data": [], "has_more": false',
    bad='"data": [], "has_more": true',
    probes=("walks.ends", "walks.twos", "walks.within", "scope.empty", "filters.unknown"),
    requires={Capability.MORE},
    decided_by="answer",
    needs=Needs(empty_page=True),
)
def empty_page_ends(evidence: Evidence) -> Iterator[Outcome]:
    ways = {Capability.CURSOR, Capability.FILTER, Capability.SCOPE}
    if evidence.listing.items and not ways & evidence.operation.capabilities:
        yield Inapplicable("a list that has items shows no empty page: no cursor, filter or path leads to one")
        return
    for page in evidence.every_page:
        if page.items:
            continue
        if page.has_more:
            yield Finding("has_more false on an empty page", "has_more true", (page.exchange,))
        elif page.has_more is False:
            yield HELD


# Pages against the list


@clause(
    "PAG-011",
    Level.IMPLIED,
    "The page after X begins with the item that follows X in the list",
    quote=CURSOR,
    why="A walk loses items at each page boundary, or reads some twice.",
    good="list [cp_1 … cp_9], after=cp_5: [cp_6, …]",
    bad="list [cp_1 … cp_9], after=cp_5: [cp_7, …]",
    probes=(*PAGED, "walks.cursors", "walks.sizes"),
    requires={Capability.CURSOR, Capability.ID},
    caused_by=("SCO-001", "PAG-010"),
    decided_by="list",
    needs=TWO,
)
def page_begins_after_its_cursor(evidence: Evidence) -> Iterator[Outcome]:
    for page, order in evidence.sound:
        if page.query.after is not None:
            yield from begins_rightly(evidence, page, order)


@clause(
    "PAG-012",
    Level.IMPLIED,
    "A page is a gapless run of the list",
    quote=ALL_PERMISSIONS,
    why="An item inside a page is lost to every client that walks with this size.",
    good="list [cp_1 … cp_9], limit=3: [cp_1, cp_2, cp_3]",
    bad="list [cp_1 … cp_9], limit=3: [cp_1, cp_3, cp_4]",
    probes=PAGED,
    requires={Capability.ID},
    caused_by=("SCO-001",),
    decided_by="list",
    needs=TWO,
)
def page_has_no_gap(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    for page, order in evidence.sound:
        if not page.items:
            continue
        gap = listing.gap(page, order)
        strange = next((id_ for id_ in page.ids if listing.is_ghost(id_)), None)
        if gap is not None and not tie_at(evidence, order, page.ids[0], gap, page.ids[-1]):
            yield Finding(
                f"{short(gap)} between {short(page.ids[0])} and {short(page.ids[-1])}",
                f"the page lacks it: {names(page.ids)}",
                (page.exchange, listing.shown_in(gap, page.exchange)),
                wrong=0,
            )
        elif strange is not None:
            yield Finding(
                "items of the list",
                f"{short(strange)}, which no walk through the whole list shows",
                (page.exchange,),
                still=not listing.changed,
            )
        elif len(page.items) > 1:
            yield HELD


@clause(
    "PAG-014",
    Level.IMPLIED,
    "`has_more` true is followed by at least one more item",
    quote=HAS_MORE,
    why="A client asks for a page that is not there, or waits for items that never come.",
    good="has_more true after cp_5, and after=cp_5 brings [cp_6]",
    bad="has_more true after cp_9, and after=cp_9 brings []",
    probes=PAGED,
    requires={Capability.MORE},
    caused_by=("PAG-011", "TOK-001", "TOK-002"),
    decided_by="list",
    needs=TWO,
)
def has_more_true_is_true(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    for page, order in evidence.sound:
        if not page.has_more or not page.items:
            continue
        last = page.ids[-1]
        nexts = evidence.by_cursor.get((order, page.query.project_id, last), ())
        empty = [after for after in nexts if not after.items and listing.stands(last, after.exchange)]
        if listing.changed:
            empty = [after for after in empty if after.exchange.number == page.exchange.number + 1]
        if listing.following(page, order) or any(goes_on(evidence, after, order) for after in nexts):
            yield HELD
        elif empty or (listing.ends_with(page, order) and not listing.changed):
            shown = empty[0].exchange if empty else listing.shown_in(last, page.exchange)
            said = f"the page after {short(last)} is empty" if empty else "no walk shows an item after it"
            # Where the list goes on, its next item is what the page after this one lacks.
            lost = listing.following(page, order)
            yield Finding(
                f"has_more false: nothing follows {short(last)}"
                if lost is None
                else f"{short(lost)} on the page after {short(last)}, as has_more says",
                f"has_more true; {said}",
                (page.exchange, shown),
                still=True,
                wrong=0,
            )


@clause(
    "PAG-015",
    Level.IMPLIED,
    "`has_more` false is followed by nothing",
    quote=HAS_MORE,
    why="Every client stops here, and silently loses what follows.",
    good="has_more false after cp_9, and after=cp_9 brings []",
    bad="has_more false after cp_5, and after=cp_5 brings [cp_6]",
    probes=PAGED,
    requires={Capability.MORE},
    caused_by=("SCO-001", "PAG-011", "ORD-007", "TOK-001", "TOK-002"),
    decided_by="list",
    needs=TWO,
)
def has_more_false_is_true(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    for page, order in evidence.sound:
        if page.has_more is not False or not (page.items or page.query.after is None):
            continue
        lost = listing.following(page, order)
        last = page.ids[-1] if page.items else None
        if lost is not None and not (last and tie_at(evidence, order, last, lost)):
            yield Finding(
                f"has_more true: {short(lost)} follows{f' {short(last)}' if last else ''}",
                "has_more false",
                (page.exchange, listing.shown_in(lost, page.exchange)),
                wrong=0,
            )
            continue
        nexts = evidence.by_cursor.get((order, page.query.project_id, last), ()) if last else ()
        more = [after for after in nexts if last not in after.ids and goes_on(evidence, after, order)]
        if more and last and not listing.changed:
            yield Finding(
                f"has_more true: {short(more[0].ids[0])} follows {short(last)}",
                "has_more false",
                (page.exchange, more[0].exchange),
                still=True,
                wrong=0,
            )
        elif (
            any(not after.items for after in nexts)
            or not (last or listing.items)
            # Behind the end there is no token to ask with: other walks must have ended there too.
            or (evidence.reader.opaque and listing.ends_with(page, order))
        ):
            yield HELD


@clause(
    "PAG-018",
    Level.IMPLIED,
    "The page after the last item is empty, and a 200",
    quote=CURSOR,
    why="Some official clients always ask once more after the last item: an error there ends every walk.",
    good="after=cp_9 (the last): 200, []",
    bad="after=cp_9 (the last): 404",
    probes=PAGED,
    requires={Capability.CURSOR},
    caused_by=("SCO-001", "PAG-010", "PAG-011", "ORD-007", "FLT-001"),
    decided_by="list",
    needs=Needs(items=1, end=True),
)
def page_after_the_last_is_empty(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    said = _said_to_be_last(evidence)
    for exchange, query in evidence.allowed:
        order = evidence.asked_order(query)
        if query.after is None or exchange.answer is None or not listing.stands(query.after, exchange):
            continue
        if not _is_last(evidence, query, order, said):
            continue
        page = evidence.page(exchange, query)
        shown = listing.shown_in(query.after, exchange)
        if not exchange.ok:
            if exchange.failure is None and not exchange.failed and not evidence.above_cap(query):
                yield Finding("200 and an empty page", f"{exchange.answer.status}", (shown, exchange))
        elif page is not None and page.items:
            if not listing.changed and listing.last(order, query.project_id) is not None:
                yield Finding(
                    f"an empty page: {short(query.after)} is the last item",
                    names(page.ids),
                    (shown, exchange),
                    still=True,
                )
        elif page is not None:
            yield HELD


def _said_to_be_last(evidence: Evidence) -> frozenset[tuple[Order, str | None, str]]:
    """The last items of pages that the target called the last, with their order and project."""
    return frozenset(
        (order, page.query.project_id, page.ids[-1])
        for page, order in evidence.sound
        if page.items and page.has_more is False
    )


def _is_last(evidence: Evidence, query: Query, order: Order, said: frozenset[tuple[Order, str | None, str]]) -> bool:
    """Whether nothing follows a cursor; where the list moves too much to know, the target's own word counts."""
    listing = evidence.listing
    last = listing.last(order, query.project_id)
    if last is None:
        return (order, query.project_id, query.after) in said
    return last == query.after and not tie_at(evidence, order, *listing.sequence(order, query.project_id)[-2:])


@clause(
    "PAG-021",
    Level.IMPLIED,
    "`after` at every item of the list is accepted and continues there",
    quote=CURSOR,
    why="A client that stored a cursor, or pages with another size, can't go on.",
    good="after=cp_7: 200, [cp_8, …]",
    bad="after=cp_7: 400",
    probes=PAGED,
    requires={Capability.CURSOR},
    caused_by=("SCO-001", "PAG-010", "PAG-011"),
    decided_by="list",
    needs=TWO,
)
def every_item_is_a_cursor(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    sound = {page.exchange.number: (page, order) for page, order in evidence.sound}
    said = _said_to_be_last(evidence)
    for exchange, query in evidence.allowed:
        order = evidence.asked_order(query)
        after = query.after
        if after is None or after not in listing.items or exchange.answer is None:
            continue
        if not listing.stands(after, exchange) or not listing.belongs(after, query.project_id):
            continue
        if exchange.ok:
            if exchange.number in sound:
                yield from begins_rightly(evidence, *sound[exchange.number])
        elif (
            exchange.failure is not None
            or exchange.failed
            or evidence.above_cap(query)
            or _is_last(evidence, query, order, said)
        ):
            continue
        else:
            yield Finding(
                f"200 and what follows {short(after)}",
                f"{exchange.answer.status}",
                (listing.shown_in(after, exchange), exchange),
            )


@clause(
    "PAG-024",
    Level.ADVISORY,
    "An unknown `after` does not begin again at the first page",
    quote=CURSOR,
    why="A client whose cursor was deleted meanwhile begins again, and loops if that happens each time.",
    good="after=cp_unknown: 400, or an empty page",
    bad="after=cp_unknown: [cp_1, …], the first page",
    probes=("scope.cursors", "scope.others", "generated"),
    reference=("walks.ends",),
    requires={Capability.CURSOR},
    decided_by="list",
    needs=ONE,
)
def unknown_cursor_does_not_restart(evidence: Evidence) -> Iterator[Outcome]:
    if evidence.part:
        # A cursor that is unknown there may be one of another part.
        return
    listing = evidence.listing
    for exchange, query in evidence.allowed:
        after = query.after
        if after is None or after in evidence.foreign:
            continue
        order = evidence.asked_order(query)
        if after in listing.items and (
            listing.changed or listing.belongs(after, query.project_id) or _leads(evidence, after, query)
        ):
            continue
        page = evidence.page(exchange, query)
        if page is not None and page.items:
            if listing.sequence(order, query.project_id)[:1] == page.ids[:1]:
                yield Finding(
                    "a 4xx, or an empty page",
                    f"the first page again: {names(page.ids, 2)}",
                    (page.exchange,),
                )
        elif shows_nothing(exchange, page) and _accepted(evidence):
            yield HELD


def _accepted(evidence: Evidence) -> bool:
    """Whether an item of the list was taken as a cursor: where each one is refused, a refusal shows nothing."""
    return any(page.query.after in evidence.listing.items for page in evidence.pages)


def _leads(evidence: Evidence, after: str, query: Query) -> bool:
    """Whether a cursor may stand before all items of the asked project, so that it may well begin with the first."""
    order = evidence.asked_order(query)
    head = evidence.listing.sequence(order, query.project_id)[:1]
    return not head or not evidence.listing.precedes(order, head[0], after)


# Pages against each other


@clause(
    "PAG-019",
    Level.IMPLIED,
    "The same request gives the same page",
    quote=ORDER,
    why="No walk can be trusted, and no failure repeated.",
    good="limit=5 twice: [cp_1 … cp_5] twice",
    bad="limit=5 twice: [cp_1 … cp_5], then [cp_2 … cp_6]",
    probes=("walks.heads", "repetition.accepted", "repetition.together", "repetition.repeated"),
    caused_by=("SEC-015", "ORD-007", "HTP-005", "TOK-004"),
    decided_by="list",
    needs=ONE,
)
def same_request_same_page(evidence: Evidence) -> Iterator[Outcome]:
    before: dict[str, Exchange] = {}
    for exchange, _ in evidence.allowed:
        if exchange.failed or not evidence.comparable(exchange):
            continue
        earlier = before.get(exchange.request.target)
        before[exchange.request.target] = exchange
        if earlier is None:
            continue
        if evidence.same(earlier, exchange):
            yield HELD
        else:
            yield Finding(
                describe(evidence, earlier),
                f"{describe(evidence, exchange)}, asked again",
                (earlier, exchange),
                still=evidence.explained(earlier, exchange),
            )


@clause(
    "PAG-020",
    Level.IMPLIED,
    "Requests at the same time give the pages that they give one by one",
    quote=ALL_PERMISSIONS,
    why="Clients that work side by side get each other's pages, or lose items.",
    good="eight requests at once: eight right pages",
    bad="eight requests at once: two of them bring the same page",
    probes=("repetition.together", "repetition.repeated"),
    reference=("walks.pages", "walks.within", "walks.projects", "walks.defaults"),
    caused_by=("SEC-015", "ORD-007", "PAG-019", "HTP-005", "TOK-004"),
    decided_by="list",
    needs=ONE,
)
def together_as_alone(evidence: Evidence) -> Iterator[Outcome]:
    alone: dict[str, list[Exchange]] = defaultdict(list)
    for exchange, _ in evidence.allowed:
        if evidence.comparable(exchange):
            alone[exchange.request.target].append(exchange)
    for exchange in evidence.admin:
        if not exchange.concurrent or exchange.request.target not in alone or not evidence.comparable(exchange):
            continue
        peers = alone[exchange.request.target]
        if any(evidence.same(peer, exchange) for peer in peers):
            yield HELD
        else:
            # What was asked again does not stand for what was asked first: it would be another finding.
            peer = min(
                peers, key=lambda other: (_round(other) != _round(exchange), abs(other.number - exchange.number))
            )
            yield Finding(
                f"{describe(evidence, peer)}, as when asked alone",
                f"{describe(evidence, exchange)}, when eight were asked at once",
                (peer, exchange),
                still=any(evidence.explained(other, exchange) for other in peers),
            )


def _round(exchange: Exchange) -> int:
    return exchange.again[0] if exchange.again else 0


@clause(
    "PAG-023",
    Level.IMPLIED,
    "A small page is the beginning of a larger page of the same query",
    quote=SIZE,
    why="What a client sees depends on the size of its pages, and not on the list.",
    good="limit=2: [cp_1, cp_2]; limit=5: [cp_1, cp_2, cp_3, …]",
    bad="limit=2: [cp_2, cp_3]; limit=5: [cp_1, cp_2, cp_3, …]",
    probes=PAGED,
    requires={Capability.ID},
    caused_by=("SCO-001", "PAG-011", "PAG-012", "ORD-007", "TOK-002", "TOK-005"),
    decided_by="list",
    needs=TWO,
)
def small_page_begins_large_page(evidence: Evidence) -> Iterator[Outcome]:
    default = evidence.operation.usual_limit
    for pages in evidence.by_cursor.values():
        # What was asked again does not stand for what was asked first: it would be another finding.
        once = [page for page in pages if page.exchange.again is None]
        ranked = sorted(once, key=lambda page: (page.query.limit or default, page.exchange.number))
        for small, large in pairwise(ranked):
            if (small.query.limit or default) == (large.query.limit or default):
                continue
            shared = min(len(small.items), len(large.items))
            alike = small.ids[:shared] == large.ids[:shared]
            if alike or (evidence.listing.changed and evidence.listing.agree(small, large)):
                # Equally long pages show nothing: the limit made no difference.
                if shared and len(small.items) != len(large.items):
                    yield HELD
                continue
            order = evidence.order(small)
            if order in evidence.unstable_ties:
                continue
            yield Finding(
                f"{names(large.ids[: len(small.items)] or large.ids, 3)} {place(small)}, as on the larger page",
                names(small.ids, 3),
                as_asked(small, large),
                still=evidence.listing.agree(small, large),
            )


@clause(
    "PAG-025",
    Level.DOCUMENTED,
    "The order in which the parameters stand in the query changes nothing",
    quote=Quote("name: limit in: query", at="parameters/limit"),
    why="Each client library writes them in another order, and some change it from call to call.",
    good="?limit=3&order=ascending and ?order=ascending&limit=3: the same page",
    bad="?limit=3&order=ascending: 3 items; ?order=ascending&limit=3: 10 items",
    probes=("repetition.reordered",),
    reference=("walks.pages", "walks.within", "walks.defaults"),
    caused_by=("SEC-015", "PAG-019", "ORD-007", "TOK-004"),
    decided_by="list",
    needs=TWO,
)
def parameters_in_any_order(evidence: Evidence) -> Iterator[Outcome]:
    before: dict[tuple[str, Query | None], list[Exchange]] = defaultdict(list)
    for exchange, _ in evidence.allowed:
        if exchange.failed or not evidence.comparable(exchange):
            continue
        asked = before[exchange.request.path, evidence.reading(exchange).query]
        other = next((each for each in reversed(asked) if each.request.query != exchange.request.query), None)
        asked.append(exchange)
        if other is None:
            continue
        if evidence.same(other, exchange):
            yield HELD
        else:
            yield Finding(
                f"{describe(evidence, other)}, as with {_written(other)}",
                f"{describe(evidence, exchange)}, with {_written(exchange)}",
                (other, exchange),
                still=evidence.explained(other, exchange),
            )


def _written(exchange: Exchange) -> str:
    """The names of the parameters of a request, in the order in which they were sent."""
    return ", ".join(unquote(part.partition("=")[0]) for part in exchange.request.query.split("&"))


# Another list


@clause(
    "PAG-022",
    Level.SECURITY,
    "`after` from another checkpoint's list shows nothing of that list",
    quote=CURSOR,
    why="A cursor carries its holder into a list that was not asked for.",
    good="after=(a permission of B) on A: 400, an empty page, or items of A",
    bad="after=(a permission of B) on A: items of B",
    probes=("scope.others",),
    reference=("walks.projects", "walks.ends"),
    requires={Capability.CURSOR, Capability.SCOPE},
    decided_by="list",
    needs=Needs(items=1, other_checkpoint=True),
)
def cursor_stays_in_its_list(evidence: Evidence) -> Iterator[Outcome]:
    elsewhere = evidence.elsewhere
    for exchange in evidence.admin:
        query = evidence.query(exchange)
        if query is None or query.after is None or exchange.answer is None:
            continue
        forbidden = elsewhere.get(query.checkpoint, frozenset())
        if query.after not in forbidden:
            continue
        page = evidence.page(exchange, query)
        shown = tuple(id_ for id_ in page.ids if id_ in forbidden) if page else ()
        if exchange.refused:
            shown = tuple(sorted(named(exchange.answer, forbidden, unquote(exchange.request.target))))
        if shown:
            yield Finding(
                evidence.operation.says("no permission of the other checkpoint"), names(shown, 3), (exchange,)
            )
        elif page is not None or (denied(exchange) and _accepted(evidence)):
            yield HELD


# Whole walks


@clause(
    "PAG-009",
    Level.IMPLIED,
    "No id comes twice in one walk",
    quote=CURSOR,
    why="A client counts or handles a permission twice.",
    good="[cp_1, cp_2] [cp_3, cp_4]",
    bad="[cp_1, cp_2] [cp_3, cp_1]",
    probes=("walks",),
    requires={Capability.ID},
    caused_by=("SCO-001", "PAG-010", "PAG-011", "ORD-007", "TOK-002"),
    decided_by="list",
    needs=TWO,
)
def no_id_twice_in_a_walk(evidence: Evidence) -> Iterator[Outcome]:
    for walk in evidence.walks:
        if len(walk.pages) < 2:  # noqa: PLR2004 - one page can't repeat another
            continue
        seen: dict[str, Page] = {}
        twice: tuple[str, Page] | None = None
        for page in walk.pages if sure(evidence, walk) else _before_it_may_begin_again(evidence, walk):
            twice = next(((id_, page) for id_ in page.ids if id_ in seen and _passed(evidence, id_, page)), None)
            if twice is not None:
                break
            seen |= {id_: seen.get(id_, page) for id_ in page.ids}
        if twice is None:
            yield HELD
        else:
            id_, page = twice
            yield Finding(
                f"{short(id_)} once in the walk",
                f"it comes {place(seen[id_])}, and again {place(page)}",
                (seen[id_].exchange, page.exchange),
            )


def _before_it_may_begin_again(evidence: Evidence, walk: Walk) -> Iterator[Page]:
    """The pages of a walk up to one that a server may have given that begins again after a cursor that is gone."""
    for page in walk.pages:
        cursor = evidence.listing.items.get(page.query.after or "")
        first = page.items[0].created_at if page.items else None
        moment = cursor.created_at if cursor is not None else None
        if first is not None and moment is not None and evidence.order(page).precedes(first, moment):
            return
        yield page


def _passed(evidence: Evidence, id_: str, page: Page) -> bool:
    """Whether an item surely stood before the cursor of a page: no cursor leads back, whatever came and went."""
    after = page.query.after
    if after is None or anchored(evidence, page):
        return True
    return after in evidence.listing.items and not evidence.listing.tied(id_, after)


@clause(
    "PAG-013",
    Level.IMPLIED,
    "Walks with any two page sizes give the same list",
    quote=SIZE,
    why="What a client finds depends on the size of its pages.",
    good="limit=1, limit=7 and limit=100 all find 57 permissions",
    bad="limit=100 finds 57 permissions, limit=7 finds 56",
    probes=("walks",),
    requires={Capability.ID},
    caused_by=("SCO-001", "PAG-011", "PAG-012", "PAG-015", "ORD-007", "TOK-001", "TOK-002", "TOK-005"),
    decided_by="list",
    needs=TWO,
)
def any_size_same_list(evidence: Evidence) -> Iterator[Outcome]:
    by_order: dict[Order, list[Walk]] = defaultdict(list)
    for walk in evidence.walks:
        if walk.project_id is None and walk.pages[0].query.after is None and sure(evidence, walk):
            by_order[evidence.order(walk.pages[0])].append(walk)
    for order, walks in by_order.items():
        seen = {max(len(page.items) for page in walk.pages) for walk in walks}
        if min(len(seen), len({walk.limit for walk in walks})) < 2:  # noqa: PLR2004 - one size can't differ from another
            continue
        moves_on = [len(walk.pages) > 1 and len(set(walk.ids)) == len(walk.ids) for walk in walks]
        for walk, moves in zip(walks, moves_on, strict=True):
            lost = missing_from(evidence, walk, order)
            if lost is not None:
                yield lost
            elif any(moves_on) and (moves or walk.complete):
                yield HELD


@clause(
    "PAG-017",
    Level.IMPLIED,
    "A walk ends: no cursor comes back, no page repeats",
    quote=CURSOR,
    why="The official clients loop for ever.",
    good="[cp_1, cp_2] [cp_3] end",
    bad="[cp_1, cp_2] [cp_1, cp_2] [cp_1, cp_2] …",
    probes=("walks",),
    caused_by=("PAG-010", "PAG-011", "PAG-009", "TOK-003", "TOK-002"),
    decided_by="list",
    needs=TWO,
)
def walk_ends(evidence: Evidence) -> Iterator[Outcome]:
    for walk in evidence.walks:
        if len(walk.pages) < 2:  # noqa: PLR2004 - one page can't come back
            continue
        last = walk.pages[-1]
        onward = evidence.onward(last)
        earlier = next((page for page in walk.pages[:-1] if page.items and evidence.onward(page) == onward), None)
        earlier = earlier if last.items and onward is not None else None
        if earlier is not None and sure(evidence, walk):
            yield Finding(
                f"a page that ends behind {short(last.ids[-1])}",
                f"the page {place(last)} ends with it once more: the walk would go on for ever",
                (earlier.exchange, last.exchange),
            )
        elif walk.ended:
            yield HELD
