"""What several families share: the probes whose exchanges they judge, and questions to the evidence."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from contracts.clauses.registry import Judge, Needs, Outcome
from contracts.core.model import Answer, Exchange, Node, Order, Page, Query
from contracts.core.result import HELD, Finding
from contracts.core.wording import count, names, place, short, yes
from contracts.openapi.grammar import Oddity
from contracts.openapi.validation import MOST_VIOLATIONS

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.evidence.movement import Walk
    from contracts.openapi.operation import Operation

EVERYWHERE = ("walks.singles", "walks.facets", "walks.ends", "repetition.together", "filters.unknown")
"""The probes that bring every kind of 200: both orders, one item and all, filtered, last, empty, concurrent."""
EMPTY = ("walks.ends", "walks.twos", "walks.within", "scope.empty", "filters.unknown")
"""The probes that may bring an empty page."""
PAGED = (*EVERYWHERE, "walks.pages", "walks.twos", "walks.within", "walks.defaults", "walks.full")
"""These, and walks with several page sizes."""
LET_IN = ("SEC-001", "SEC-002", "SEC-003", "SEC-004", "SEC-005", "SEC-006", "SEC-007", "SEC-010")
"""The clauses whose breach lets a caller get an answer without the right to it."""
SIBLINGS_WORDS = frozenset({"asc", "desc"})
"""The words for the two orders in the vendor's other lists."""
WORD = re.compile(r"[\w-]+")
LEAST_ID = 8
"""Characters. The occurrence of a shorter id in a text may be a coincidence."""
TOO_MANY = 429
ONE, TWO = Needs(items=1), Needs(items=2)
TIMES = Needs(items=2, times=2)
"""Two items with different times, so that their order can be seen."""


def schema_clause(node: Node, exercised: Callable[[Operation, Any], bool] = lambda _operation, _value: True) -> Judge:
    """The judge of a clause that owns a part of the response schema: no answer violates it.

    Args:
        node: The part.
        exercised: Whether an answer without a violation contains the part, so that it counts as a case.
    """

    def judge(evidence: Evidence) -> Iterator[Outcome]:
        for document in evidence.documents:
            if document.defect:
                continue
            broken = [violation for violation in document.violations if violation.node is node]
            for violation in broken:
                yield Finding(
                    expected=f"{violation.path} {violation.expected}",
                    actual=f"{violation.path} {violation.actual}",
                    exchanges=(document.exchange,),
                )
            looked_through = len(document.violations) < MOST_VIOLATIONS
            unread = any(one.node is Node.BODY for one in document.violations)
            if looked_through and not broken and not unread and exercised(evidence.operation, document.value):
                yield HELD

    return judge


# Answers


def describe(evidence: Evidence, exchange: Exchange) -> str:
    """An answer in a few words: the ids of a page, or else the status."""
    page = evidence.page_of(exchange)
    if page is not None:
        return f"{names(page.ids, 3)}; has_more {yes(page.has_more)}"
    if exchange.answer is None:
        return exchange.failure.text if exchange.failure else "no answer"
    return f"status {exchange.answer.status}"


def as_asked(*pages: Page) -> tuple[Exchange, ...]:
    """The exchanges of some pages, in the order in which they were sent."""
    return tuple(sorted((page.exchange for page in pages), key=lambda exchange: exchange.number))


def text_of(answer: Answer) -> str:
    """The text of an answer: its body and the values of its headers."""
    return "\n".join([answer.body.decode("utf-8", "replace"), *(value for _, value in answer.headers)])


@lru_cache(maxsize=8)
def _by_word(ids: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
    """The ids that are long enough to be searched for, by their longest word; most are a single word."""
    found: dict[str, list[str]] = defaultdict(list)
    for id_ in ids:
        if len(id_) >= LEAST_ID:
            found[max(WORD.findall(id_), key=len, default="")].append(id_)
    return {word: tuple(each) for word, each in found.items()}


def named(answer: Answer, ids: frozenset[str], asked: str) -> set[str]:
    """The ids that appear in an answer and not in its request. The time does not grow with the number of ids."""
    by_word = _by_word(ids)
    text = text_of(answer)
    return {
        id_
        for word in {"", *WORD.findall(text)} & by_word.keys()
        for id_ in by_word[word]
        if id_ not in asked and (id_ == word or re.search(rf"(?<![\w-]){re.escape(id_)}(?![\w-])", text))
    }


# What was refused


def denied(exchange: Exchange) -> bool:
    """Whether the target refused a request: a 4xx other than 429."""
    return exchange.refused and exchange.failure is None and exchange.status != TOO_MANY


def refusal(evidence: Evidence, exchange: Exchange) -> str:
    """The status of a refusal; where its token is at least a second old, also that age: it may have expired."""
    age = evidence.token_age(exchange)
    late = f", {count(round(age), 'second')} after its token was given" if age is not None and age >= 1 else ""
    return f"status {exchange.status}{late}"


def shows_nothing(exchange: Exchange, page: Page | None) -> bool:
    """Whether the answer certainly shows no item: a refusal, or an empty page."""
    return denied(exchange) or (page is not None and not page.items)


def must_be_answered(evidence: Evidence, exchange: Exchange, query: Query) -> bool:
    """Whether a refusal would be wrong: the cursor and the facet exist, and the limit is not above the cap."""
    if evidence.above_cap(query) or evidence.not_there_yet(exchange) or evidence.may_have_expired(exchange):
        return False
    if query.facet is not None and not evidence.listing.facet_existed(query.facet, exchange):
        return False
    if query.before is not None and (query.after is not None or _is_first(evidence, query)):
        return False
    cursor = query.after or query.before
    return cursor is None or (
        evidence.listing.existed(cursor, exchange) and evidence.listing.belongs(cursor, query.facet)
    )


def _is_first(evidence: Evidence, query: Query) -> bool:
    """Whether the ``before`` of a query is the first item in its order, as far as is known."""
    orders = [query.order] if query.order is not None else list(Order)
    return any(evidence.listing.sequence(order, query.facet)[:1] == (query.before,) for order in orders)


# Requests that the document does not allow, or whose subject is unknown


def odd(evidence: Evidence) -> Iterator[tuple[Exchange, dict[str, frozenset[Oddity]]]]:
    """The requests for the list, with the admin key, that the document does not allow, and why it doesn't."""
    for exchange in evidence.admin:
        reading = evidence.reading(exchange)
        if reading.query is None and reading.scope == evidence.target.checkpoint:
            yield exchange, dict(reading.odd)


def only(found: dict[str, frozenset[Oddity]], role: str, *kinds: Oddity) -> bool:
    """Whether one parameter, in one of these ways, is all that is wrong with a request."""
    return set(found) == {role} and found[role] <= set(kinds) and bool(found[role])


def resembles(asked: str, known: frozenset[str] | set[str]) -> bool:
    """Whether a name is like a known one (part of it, longer, another case or script), or a pattern or a number."""
    if any(sign in asked for sign in "%*?,") or asked.isdecimal():
        return True
    folded, stem = _folded(asked), asked.lstrip("_")
    return any(folded == _folded(name) or stem in name or name in asked for name in known)


@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    """A text without case, accents and the width of letters, which careless comparisons ignore."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(each for each in plain if not unicodedata.combining(each)).casefold()


def unknown_facets(evidence: Evidence) -> Iterator[tuple[Exchange, str, Page | None]]:
    """The queries for facets that the list does not have."""
    known = set(evidence.listing.facets)
    for exchange, query in evidence.allowed:
        if query.facet is not None and query.facet not in known and exchange.answer is not None:
            yield exchange, query.facet, evidence.page(exchange, query)


def cut_facets(evidence: Evidence) -> Iterator[tuple[Exchange, str, Page | None]]:
    """The queries for a facet whose name has what some parsers drop, or take for its end: controls, or no UTF-8."""
    for exchange, found in odd(evidence):
        if only(found, "facet", Oddity.CONTROL, Oddity.NOT_UTF8) and exchange.answer is not None:
            facet = evidence.reading(exchange).values["facet"][0]
            yield exchange, facet, evidence.page(exchange, Query(evidence.target.checkpoint, facet=facet))


def unknown_scopes(evidence: Evidence, *, near: bool) -> Iterator[tuple[Exchange, Query, Page | None]]:
    """The queries for scopes that the user did not name; with ``near`` those with an id like the judged one's."""
    for exchange in evidence.admin:
        scope = evidence.reading(exchange).scope
        if scope is None or scope in evidence.named or exchange.answer is None:
            continue
        alike = resembles(scope, {evidence.target.checkpoint})
        if alike is near:
            query = evidence.query(exchange) or Query(scope)
            yield exchange, query, evidence.page(exchange, query)


# Where a page begins


def begins_rightly(evidence: Evidence, page: Page, order: Order) -> Iterator[Outcome]:
    """One outcome if it is known where this page after a cursor must begin."""
    listing, after = evidence.listing, page.query.after
    if after is None or listing.start(page, order) is None:
        return
    of_another_facet = not listing.belongs(after, page.query.facet)
    if not page.items:
        lost = None if of_another_facet else listing.following(page, order)
        if lost is not None and not tie_at(evidence, order, after, lost):
            yield Finding(
                f"{short(lost)} and what follows it",
                "an empty page",
                (page.exchange, listing.shown_in(lost, page.exchange)),
                wrong=0,
                items=(lost,),
            )
        elif lost is None:
            yield HELD
        return
    first = page.ids[0]
    if listing.rank(order, first) is None:
        return
    if first == after:
        yield Finding(
            f"what follows {short(after)}",
            f"the page begins with {short(after)} itself",
            (page.exchange,),
            items=(after,),
        )
        return
    back, skipped = listing.goes_back(page, order), listing.skipped(page, order)
    if of_another_facet and (back or skipped is not None):
        # A filtered list without this cursor may begin again, or continue from the same second; anything else is wrong.
        head = listing.sequence(order, page.query.facet)[:1]
        if head == (first,) or listing.tied(after, first if back or skipped is None else skipped):
            yield HELD
            return
    if back and not tie_at(evidence, order, after, first):
        yield Finding(
            f"what follows {short(after)}",
            f"the page begins with {short(first)}, which comes before it",
            (page.exchange, listing.shown_in(after, page.exchange)),
            wrong=0,
            items=(first,),
        )
    elif skipped is not None and not tie_at(evidence, order, after, skipped, first):
        yield Finding(
            f"{short(skipped)} next after {short(after)}",
            f"the page begins with {short(first)}",
            (page.exchange, listing.shown_in(skipped, page.exchange)),
            wrong=0,
            items=(skipped,),
        )
    else:
        yield HELD


def tie_at(evidence: Evidence, order: Order, *ids: str) -> bool:
    """Whether these items are tied in an order in which ties change places, so that their positions prove nothing."""
    return order in evidence.unstable_ties and any(evidence.listing.tied(left, right) for left, right in pairwise(ids))


def goes_on(evidence: Evidence, page: Page, order: Order) -> bool:
    """Whether a page has items, the first of which certainly comes after the cursor."""
    listing = evidence.listing
    known = bool(page.items) and listing.start(page, order) is not None and listing.rank(order, page.ids[0]) is not None
    return known and not listing.goes_back(page, order)


# Walks


def anchored(evidence: Evidence, page: Page) -> bool:
    """Whether the cursor of a page certainly existed when it was used."""
    return page.query.after is None or evidence.listing.existed(page.query.after, page.exchange)


def all_anchored(evidence: Evidence, walk: Walk) -> bool:
    """Whether each cursor of a walk certainly existed when it was used, so that no change of the list misled it."""
    return all(anchored(evidence, page) for page in walk.pages)


def missing_from(evidence: Evidence, walk: Walk, order: Order) -> Finding | None:
    """A finding if a walk from the head lacks an item that certainly existed during the walk; else ``None``."""
    listing, ids = evidence.listing, set(walk.ids)
    ends = walk.pages[0].exchange, walk.pages[-1].exchange
    for id_ in within(evidence, walk, order):
        if id_ not in ids and listing.existed(id_, *ends):
            page = _where(evidence, walk, order, id_)
            return Finding(
                f"{short(id_)} in the walk with {size(walk)}",
                f"it is missing; the page {place(page)} is the one that should hold it",
                (page.exchange, listing.shown_in(id_, page.exchange)),
                wrong=0,
                items=(id_,),
            )
    return None


def within(evidence: Evidence, walk: Walk, order: Order) -> tuple[str, ...]:
    """The known ids in the part of the list that a walk from the head covered."""
    known = evidence.listing.sequence(order, walk.facet)
    if walk.complete:
        return known
    end = walk.ids[-1] if walk.ids else None
    return tuple(id_ for id_ in known if end is not None and evidence.listing.precedes(order, id_, end))


def size(walk: Walk) -> str:
    """The page size of a walk in words: ``limit=5`` or ``no limit``."""
    return f"limit={walk.limit}" if walk.limit is not None else "no limit"


def _where(evidence: Evidence, walk: Walk, order: Order, id_: str) -> Page:
    rank = evidence.listing.rank
    mine = rank(order, id_) or 0
    return next((page for page in walk.pages if page.items and (rank(order, page.ids[-1]) or 0) > mine), walk.pages[-1])
