"""Tokens: reused, with another page size, for another query or list, without a key, and changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice, zip_longest

from contracts.core.model import Order, Page, Query
from contracts.probes.asking import Asking

SIZES = (2, 3, 5)
"""Page sizes whose tokens are then used with another one."""
STRANGERS = ("none", "unknown", "user")
WORD = "next"
"""A text that never was a token."""


def tokens(asking: Asking) -> None:
    """Use tokens in all allowed ways, and in ways that are not allowed."""
    size = SIZES[0] if len(asking.listing.items) > SIZES[0] else 1
    first = _first(asking, asking.query(limit=size))
    if first is None or first.token is None:
        return
    _again(asking, first)
    _just_the_rest(asking)
    # A small share reaches one case of each clause.
    orders = asking.operation.orders
    limits = [(order, *sizes) for sizes in zip((size, *SIZES[1:]), (5, 1, None), strict=True) for order in orders]
    _with_another_limit(asking, *limits[0])
    _elsewhere(asking, first)
    _without_a_key(asking, first)
    columns = _tampered(asking, first), _of_another_query(asking, first)
    wrong = filter(None, chain.from_iterable(zip_longest(*columns)))
    for query, token in islice(wrong, 4):
        _ask(asking, query, token)
    for each in limits[1:]:
        _with_another_limit(asking, *each)
    for query, token in wrong:
        _ask(asking, query, token)


def _first(asking: Asking, query: Query) -> Page | None:
    return asking.reader.page(asking.ask(query), query)


def _ask(asking: Asking, query: Query, token: str, *, credential: str = "admin") -> Page | None:
    """Send a query with a raw token."""
    written = replace(query, after=token)
    request = asking.operation.request(written, credential=credential, seed=asking.seed)
    return asking.reader.page(asking.send(request), written)


def _again(asking: Asking, first: Page) -> None:
    """Use a token, the next one, and the first one again."""
    token = first.token or ""
    second = _ask(asking, first.query, token)
    if second is not None and second.token is not None:
        _ask(asking, first.query, second.token)
    _ask(asking, first.query, token)


def _just_the_rest(asking: Asking) -> None:
    """Ask for a last page that is full, where no walk came to one: servers that go by that say that more follows."""
    ended = [
        walk.pages for walk in asking.evidence.walks if walk.ended and len(walk.pages) > 1 and walk.pages[-1].items
    ]
    if any(pages[-1].query.limit == len(pages[-1].items) for pages in ended):
        return
    for *_, before, last in ended[:1]:
        if before.token is not None:
            _ask(asking, replace(before.query, limit=len(last.items)), before.token)


def _with_another_limit(asking: Asking, order: Order, size: int, other: int | None) -> None:
    """Use a token that was not used before with another page size than that of the page that gave it."""
    page = _first(asking, asking.query(limit=size, order=order))
    if page is not None and page.token is not None:
        _ask(asking, replace(page.query, limit=other), page.token)


def _elsewhere(asking: Asking, first: Page) -> None:
    """Use a token of another parent's list here, and one of this list there."""
    other = asking.target.other_checkpoint
    if not other:
        return
    theirs = _first(asking, asking.settled(Query(other, limit=1)))
    if theirs is not None and theirs.token is not None:
        _ask(asking, asking.query(limit=asking.size), theirs.token)
        _ask(asking, asking.query(limit=1), theirs.token)
    _ask(asking, asking.settled(Query(other, limit=asking.size)), first.token or "")


def _without_a_key(asking: Asking, first: Page) -> None:
    for form in STRANGERS:
        if form in asking.forms:
            _ask(asking, first.query, first.token or "", credential=form)


def _of_another_query(asking: Asking, first: Page) -> Iterator[tuple[Query, str]]:
    """Tokens with another filter than the one that they were given for, and with another order."""
    facets = asking.listing.facets
    token = first.token or ""
    for facet, other in ((facets[0], facets[-1]), (facets[-1], None)) if len(facets) > 1 else ():
        page = _first(asking, asking.query(limit=1, facet=facet))
        if page is not None and page.token is not None:
            yield asking.query(limit=asking.size, facet=other), page.token
    for facet in facets[:2]:
        yield asking.query(limit=asking.size, facet=facet), token
    if asking.operation.roles.order:
        yield asking.query(limit=3, order=asking.operation.default_order.opposite), token


def _tampered(asking: Asking, first: Page) -> Iterator[tuple[Query, str]]:
    """A token that was changed, cut, lengthened or replaced by a word, and none at all."""
    token, query = first.token or "", first.query
    middle = len(token) // 2
    made = (
        token[:middle],
        f"{token[:middle]}{_other(token[middle])}{token[middle + 1 :]}",
        f"{token[:-1]}{_other(token[-1])}",
        WORD,
        "",
        token[:-1],
        f"{token}{token[-1]}",
        f"{_other(token[0])}{token[1:]}",
        token.swapcase(),
    )
    known = {page.token for page in asking.evidence.pages}
    for text in dict.fromkeys(made):
        if text not in known:
            yield query, text
    facet = next(iter(asking.listing.facets), None)
    if facet is not None:
        yield asking.query(limit=3, facet=facet), token[:middle]


def _other(character: str) -> str:
    """Another character of the same kind, so that the token keeps its form."""
    return "A" if character != "A" else "B"
