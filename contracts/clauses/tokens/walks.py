"""TOK: a token is given when more follows, and leads to what follows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from contracts.clauses.common import (
    PAGED,
    TWO,
    begins_rightly,
    denied,
    describe,
    must_be_answered,
    refusal,
    tie_at,
)
from contracts.clauses.passages import ALL_PERMISSIONS, CURSOR, SIZE
from contracts.clauses.registry import Outcome, clause
from contracts.clauses.tokens.reading import REQUIRES, TOKENS, sent_with_a_token
from contracts.core.model import Exchange, Order, Page, Query
from contracts.core.result import HELD, Finding, Inapplicable, Level
from contracts.core.wording import count, place, short, yes

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.evidence.reader import Given

WALKED = (*PAGED, "walks.cursors", "repetition.repeated", *TOKENS)
_OF_THE_END = re.compile("end_?cursor", re.IGNORECASE)


def _distinguishable(evidence: Evidence) -> bool:
    """Whether items can be distinguished: by an identity, or because no page holds two with the same content."""
    if evidence.operation.profile.id:
        return True
    return all(len(set(page.ids)) == len(page.ids) for page in evidence.pages)


@clause(
    "TOK-001",
    Level.IMPLIED,
    "A token is given exactly when more follows",
    quote=ALL_PERMISSIONS,
    why="A client stops early and silently loses the rest, or asks for a page that is not there.",
    good="57 permissions, limit=50: a token; then 7 items and none",
    bad="57 permissions, limit=50: no token",
    probes=WALKED,
    requires=REQUIRES,
    caused_by=("SCO-001", "ORD-007"),
    decided_by="list",
    needs=TWO,
)
def token_when_more_follows(evidence: Evidence) -> Iterator[Outcome]:
    profile = evidence.operation.profile
    flag = profile.more[-1] if profile.more is not None else ""
    # The cursor of a page's end may be given on the last page as well: there the flag says that nothing follows.
    of_the_end = bool(flag and profile.next.at and _OF_THE_END.fullmatch(profile.next.at[-1]))
    following: dict[str, list[Page]] = {}
    for page in evidence.pages:
        token = evidence.reading(page.exchange).values.get("after", ("",))[0]
        following.setdefault(token, []).append(page)
    for page, order in evidence.sound:
        if not page.items:
            continue
        given = "a token" if page.token is not None else "no token"
        if flag:
            unneeded = of_the_end and page.has_more is False
            if page.has_more is not None and page.has_more is not (page.token is not None) and not unneeded:
                wanted = "a token" if page.has_more else "no token"
                yield Finding(f"{wanted}, as {flag} is {yes(page.has_more)}", given, (page.exchange,))
            elif page.has_more is not None:
                yield HELD
        elif page.token is None:
            yield from _ends_rightly(evidence, page, order)
        else:
            yield from _goes_on_rightly(evidence, page, order, following.get(page.token, []))


def _ends_rightly(evidence: Evidence, page: Page, order: Order) -> Iterator[Outcome]:
    """One outcome for a page without a token if it is known whether more items follow."""
    listing, last = evidence.listing, page.ids[-1]
    lost = listing.following(page, order)
    if lost is not None and not tie_at(evidence, order, last, lost):
        shown = listing.shown_in(lost, page.exchange)
        yield Finding(f"a token: {short(lost)} follows {short(last)}", "no token", (page.exchange, shown), wrong=0)
    elif lost is None and listing.ends_with(page, order):
        yield HELD


def _goes_on_rightly(evidence: Evidence, page: Page, order: Order, nexts: list[Page]) -> Iterator[Outcome]:
    """One outcome for a page with a token if it is known whether more items follow."""
    listing, last = evidence.listing, page.ids[-1]
    empty = next((after for after in nexts if not after.items), None)
    if listing.following(page, order) or any(after.items for after in nexts):
        yield HELD
    elif empty is not None and not listing.changed:
        said = f"a token; its page is empty, and nothing follows {short(last)}"
        yield Finding(
            "no token at the end of the list", said, (page.exchange, empty.exchange), stable_list=True, wrong=0
        )
    elif listing.ends_with(page, order) and not listing.changed:
        said = f"a token; no walk shows an item after {short(last)}"
        yield Finding("no token at the end of the list", said, (page.exchange,), stable_list=True)


def _of_its_size(query: Query, given: Given) -> bool:
    return given.query.limit == query.limit


@clause(
    "TOK-002",
    Level.IMPLIED,
    "The page of a token begins where the page that gave it ended",
    quote=CURSOR,
    why="A walk loses items at each page boundary, or reads some twice.",
    good="[cp_1, cp_2] and a token; its page: [cp_3, cp_4]",
    bad="[cp_1, cp_2] and a token; its page: [cp_2, cp_3]",
    probes=WALKED,
    requires=REQUIRES,
    caused_by=("SCO-001", "TOK-004", "PRV-001", "PRV-002"),
    decided_by="list",
    needs=TWO,
)
def page_begins_where_its_token_stands(evidence: Evidence) -> Iterator[Outcome]:
    if not _distinguishable(evidence):
        yield Inapplicable("items with the same content can't be distinguished, and they have no identity")
        return
    sound = {page.exchange.number: (page, order) for page, order in evidence.sound}
    for exchange, query, _, given in sent_with_a_token(evidence):
        if given is None or not _of_its_size(query, given) or exchange.number not in sound:
            continue
        page, order = sound[exchange.number]
        outcomes = tuple(begins_rightly(evidence, page, order))
        if query.after in page.ids and HELD in outcomes:
            at = page.ids.index(query.after or "") + 1
            ended = f"{short(query.after or '')}, with which the page that gave the token ended"
            yield Finding("a page without what was read", f"{ended}, is item {at}", (given.exchange, page.exchange))
            continue
        for outcome in outcomes:
            yield _with_giver(outcome, given) if isinstance(outcome, Finding) else outcome


def _with_giver(finding: Finding, given: Given) -> Finding:
    """A finding on the page of a token, with the page that gave the token."""
    decisive = finding.decisive
    return replace(finding, exchanges=(given.exchange, decisive), wrong=1)


@clause(
    "TOK-003",
    Level.IMPLIED,
    "No token comes back within a walk",
    quote=CURSOR,
    why="The client loops for ever.",
    good="tokens a, b, c, and then none",
    bad="tokens a, b, a, b, …",
    probes=WALKED,
    requires=REQUIRES,
    caused_by=("TOK-001", "TOK-002", "SCO-001"),
    decided_by="list",
    needs=TWO,
)
def no_token_twice_in_a_walk(evidence: Evidence) -> Iterator[Outcome]:
    in_walks = set()
    for walk in evidence.walks:
        in_walks |= {page.exchange.number for page in walk.pages}
        yield from _comes_back(evidence, walk.pages)
    for exchange, query, _, _ in sent_with_a_token(evidence):
        page = evidence.page(exchange, query)
        if page is not None and exchange.number not in in_walks:
            yield from _comes_back(evidence, (page,))


def _comes_back(evidence: Evidence, pages: tuple[Page, ...]) -> Iterator[Outcome]:
    """One outcome if some pages that follow each other could give a token that came before."""
    seen: dict[str, Page] = {}
    for page in pages:
        asked = evidence.reading(page.exchange).values.get("after", ("",))[0]
        if asked:
            seen.setdefault(asked, page)
        if page.token is None or not page.items or page.has_more is False:
            continue
        earlier = seen.get(page.token)
        if earlier is not None:
            which = "its own token" if earlier is page else f"the token of the page {place(earlier)}"
            exchanges = tuple(dict.fromkeys((earlier.exchange, page.exchange)))
            yield Finding("another token for the page that follows", f"{which} once more", exchanges)
            return
        seen[page.token] = page
    if seen and any(evidence.reading(page.exchange).values.get("after") for page in pages):
        yield HELD


@clause(
    "TOK-004",
    Level.IMPLIED,
    "A token brings the same page again",
    quote=CURSOR,
    why="A client whose connection broke can't ask again: it loses a page, or has to begin anew.",
    good="the same token twice: [cp_3, cp_4] twice",
    bad="the same token twice: [cp_3, cp_4], then [cp_5, cp_6]",
    probes=WALKED,
    requires=REQUIRES,
    caused_by=("SEC-015", "ORD-007"),
    decided_by="list",
    needs=TWO,
)
def token_can_be_used_again(evidence: Evidence) -> Iterator[Outcome]:
    before: dict[Query | None, Exchange] = {}
    taken: dict[str, Exchange] = {}
    refused: list[Finding] = []
    broken = False
    for exchange, query, token, given in sent_with_a_token(evidence):
        if given is None or exchange.failed or not evidence.comparable(exchange):
            continue
        question = evidence.reading(exchange).query
        earlier = before.get(question)
        before[question] = exchange
        used = taken.get(token)
        if exchange.ok:
            taken[token] = exchange
        if earlier is not None and evidence.same(earlier, exchange):
            yield HELD
        elif earlier is not None and earlier.ok:
            broken = True
            yield Finding(
                describe(evidence, earlier),
                f"{describe(evidence, exchange)}, with the same token",
                (earlier, exchange),
                stable_list=evidence.explained(earlier, exchange),
            )
        elif used is not None and denied(exchange) and must_be_answered(evidence, exchange, query):
            said = f"{refusal(evidence, exchange)}; it was answered before"
            refused.append(Finding("200 for a token that was given", said, (used, exchange)))
    # If a token is refused only with another limit, the limit is the reason.
    yield from refused if broken else ()
    for exchange in evidence.admin if broken else ():
        earlier = before.get(evidence.reading(exchange).query)
        comparable = exchange.concurrent and earlier is not None and evidence.comparable(exchange)
        if comparable and earlier is not None and not evidence.same(earlier, exchange):
            said = f"{describe(evidence, exchange)}, with the same token"
            yield Finding(describe(evidence, earlier), said, (earlier, exchange))


@clause(
    "TOK-005",
    Level.IMPLIED,
    "Another `limit` in mid-walk is honoured, and nothing is lost",
    quote=SIZE,
    why="A client that asks for less once, or for more, loses items or reads some twice.",
    good="limit=2: [cp_1, cp_2] and a token; with it and limit=3: [cp_3 … cp_5]",
    bad="limit=2: [cp_1, cp_2] and a token; with it and limit=3: [cp_4 … cp_6]",
    probes=WALKED,
    requires=REQUIRES,
    caused_by=("TOK-002", "TOK-004", "SCO-001", "PAG-014", "PRV-001", "PRV-003"),
    decided_by="list",
    needs=TWO,
)
def limit_may_change(evidence: Evidence) -> Iterator[Outcome]:
    if any(isinstance(each, Finding) for each in page_begins_where_its_token_stands(evidence)):
        return
    yield from _two_places(evidence)
    sound = {page.exchange.number: (page, order) for page, order in evidence.sound}
    used: set[str] = set()
    works_again = not any(isinstance(each, Finding) for each in token_can_be_used_again(evidence))
    apart = _distinguishable(evidence)
    # A page size that is also wrong without a token is another breach.
    sized = not any(_wrong_size(evidence, page) for page in evidence.pages if page.query.after is None)
    sent = list(sent_with_a_token(evidence))
    own = [exchange for exchange, query, _, given in sent if given is not None and _of_its_size(query, given)]
    # If no token is accepted at all, the limit is not the reason.
    answered = not own or any(not denied(exchange) for exchange in own)
    for exchange, query, token, given in sent:
        first = answered and (works_again or token not in used)
        used.add(token)
        if given is None or _of_its_size(query, given):
            continue
        if denied(exchange) and first and must_be_answered(evidence, exchange, query):
            was = f"limit={given.query.limit}" if given.query.limit is not None else "no limit"
            said = f"{refusal(evidence, exchange)}; the token was given with {was}"
            yield Finding("200, and what follows", said, (given.exchange, exchange))
        elif exchange.number in sound:
            page, order = sound[exchange.number]
            wrong = _wrong_size(evidence, page) if sized else ""
            if wrong:
                limit = query.limit or evidence.operation.default_limit or 0
                expected = f"{count(limit, 'item')}, or all that remain"
                yield Finding(expected, wrong, (given.exchange, exchange))
                continue
            for outcome in begins_rightly(evidence, page, order) if apart else ():
                yield _with_giver(outcome, given) if isinstance(outcome, Finding) else outcome


def _wrong_size(evidence: Evidence, page: Page) -> str:
    """The number of items of a page in words if it is not that of its limit; else an empty string."""
    limit, size = page.query.limit or evidence.operation.default_limit, len(page.items)
    if limit is None:
        return ""
    if size > limit:
        return count(size, "item")
    short_ = page.has_more and 0 < size < limit <= evidence.cap and page.query.facet is None
    return f"{count(size, 'item')}, and more follows" if short_ else ""


def _two_places(evidence: Evidence) -> Iterator[Outcome]:
    """Findings for tokens whose position in the list depends on the limit that they are used with."""
    if evidence.listing.moved:
        return
    tokens = {page.token for page in evidence.pages if page.token is not None}
    for token in sorted(tokens):
        places: dict[object, Given] = {}
        for given in evidence.reader.given(token):
            query = given.query
            other = places.setdefault((query.scope, query.order, query.facet), given)
            if other.query.after != query.after and other.query.limit != query.limit:
                ends = [f"{short(each.query.after or '')} ({_size(each.query)})" for each in (other, given)]
                yield Finding(
                    f"a token that stands for one place, behind {ends[0]}",
                    f"the same token was given behind {ends[1]}",
                    (other.exchange, given.exchange),
                    stable_list=True,
                )
                break


def _size(query: Query) -> str:
    return f"limit={query.limit}" if query.limit is not None else "no limit"
