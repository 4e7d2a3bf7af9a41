"""Access: callers without the right to the list, with various queries, also right after the same of the admin key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, zip_longest
from urllib.parse import urlsplit

from contracts.core.model import Order, Query, Request
from contracts.probes.asking import Asking
from contracts.probes.cursors import of_another_facet
from contracts.probes.filters import MOST_TELLING, unused_facet
from contracts.traffic.credentials import MALFORMED

FIRST = ("none", "unknown", "empty", "basic", "user", "query-api_key", "shortened", MALFORMED[0])
"""One form for each clause; the others follow."""

NEXT = (
    "other-case",
    "bare",
    "lengthened",
    "query-access_token",
    "other-end",
    "query-token",
    "other-beginning",
    "query-key",
    "null",
    "malformed-letter",
    "basic-password",
    "malformed-basic",
    "malformed-two-tokens",
    "empty-bare",
    "other-scheme",
)
"""Further forms, first those that more servers accept or fail with."""

STRANGERS = ("none", "unknown", "user")

TOGETHER = 8
"""Requests at the same moment, half of them with the admin key."""

TIGHT = range(15, 45)
"""With fewer requests each kind is sent once, and not in several ways."""

MANY = 30
"""Requests that suffice for what takes ten and shows few faults."""


SPELLINGS = (
    ("{before}//{last}{slash}", "user"),
    ("{before}/{last}{other}", "none"),
    ("{before}/{last};x=y{slash}", "none"),
    ("{titled}/{title}{slash}", "none"),
    ("{before}/{last}.json{slash}", "none"),
    ("{before}/./{last}{slash}", "none"),
    ("{before}/%{code:02x}{rest}{slash}", "none"),
    ("{before}/%2e/{last}{slash}", "none"),
    ("{before}/{last}{other}", "user"),
    ("{before}%2F{last}{slash}", "none"),
    ("{before}/%25{code:02x}{rest}{slash}", "none"),
)
"""Other spellings of the path by its last step, and who asks so. That with a slash doubled at its beginning comes among
them. ``slash`` is the one with which the path ends, if it does, and ``other`` what its end is changed to."""


def access(asking: Asking) -> None:
    """Send requests without the right to an answer: the plain one in every form, then every query in simple forms."""
    plain, tight = asking.query(), asking.left in TIGHT
    strangers = [form for form in STRANGERS if form in asking.forms]
    # What these ask further on shows as much, where every request counts.
    first = [form for form in FIRST if not tight or form not in {"none", "unknown"}]
    after = asking.query(after=_middle(asking)) if tight else plain  # who is let in anywhere is let in there
    queries = {"user": after}
    plainly = [asking.request(queries.get(form, plain), credential=form) for form in first if _wanted(asking, form)]
    spelled = _spelled(asking) if asking.wants("spellings") else []
    # A small share suffices for one case of each clause.
    asking.send_all([*plainly, *spelled[:1]])
    if asking.wants("company"):
        _in_company(asking)
    with asking.gathered():
        if asking.wants("odd"):
            roles = asking.operation.roles
            odd = ((roles.order or roles.after, "x\r\nX-Injected: 1"), (roles.limit, "<i>ten</i>"))
            asking.send_all([asking.request(plain, credential="none", extra=odd)])
        if asking.wants("queries"):
            _right_after(asking, strangers)
    if asking.wants("company"):
        _further_in_company(asking)
    asking.send_all(_further(asking, spelled[1:], strangers, tight=tight))


def _wanted(asking: Asking, form: str) -> bool:
    """Whether to send a form of credentials: plain ones always, others if a clause needs them."""
    return form in asking.forms and (form in STRANGERS or asking.wants("forms") or asking.wants(form))


def _further(asking: Asking, spelled: list[Request], strangers: list[str], *, tight: bool) -> Iterator[Request]:
    others = [form for form in asking.forms if form not in {*FIRST, *NEXT, "admin"}]
    rest, more = (
        [asking.request(asking.query(), credential=form) for form in forms if _wanted(asking, form)]
        for forms in (NEXT, others)
    )
    queries = _requests(asking, tight=tight) if asking.wants("queries") else []
    queries = [request for request in queries if request.credential in strangers]
    few = MOST_TELLING
    yield from filter(None, chain.from_iterable(zip_longest(rest[::2], queries[:few], rest[1::2], spelled[:few])))
    yield from filter(None, chain.from_iterable(zip_longest(queries[few:], spelled[few:], more)))


def _spelled(asking: Asking) -> list[Request]:
    """The plain request with other spellings of the path, in all forms of credentials that fit.

    A path without its first slash is left out where nothing stands before the path of the operation.
    """
    plain = asking.operation.request(asking.query())
    steps = plain.path.removesuffix("/")
    before, _, last = steps.rpartition("/")
    if not last:
        return []
    parts = {"before": before, "last": last, "title": last.capitalize(), "code": ord(last[0]), "rest": last[1:]}
    parts |= {"slash": plain.path[len(steps) :], "other": "" if plain.path.endswith("/") else "/"}
    parts["titled"] = before[:1] + before[1:2].upper() + before[2:]
    found = [(form.format(**parts), who) for form, who in SPELLINGS]
    found.insert(MOST_TELLING + 1, (f"/{plain.path}", "none"))
    rooted = not urlsplit(asking.target.base_url).path.strip("/")
    usable = [(path, who) for path, who in found if path.startswith("/") or not rooted]
    return [replace(plain, path=path, credential=who) for path, who in usable if who in asking.forms]


def _right_after(asking: Asking, forms: list[str]) -> None:
    """The same query as the admin key had just before, so that only the credentials differ."""
    ids = asking.sequence(Order.ASCENDING)
    facets = asking.listing.facets
    limit, middle = asking.rng.randrange(2, 10), len(ids) // 2
    facet = asking.rng.choice(facets) if facets else None
    after = (
        of_another_facet(asking.listing, asking.either(Order.ASCENDING), facet, middle) if facet is not None else None
    )
    after = after or next(iter(ids[middle:]), None)
    query = asking.query(after=after, limit=limit, order=Order.ASCENDING, facet=facet)
    if asking.request(query) is None:  # no token is known for that place
        query = replace(query, after=None)
    written = (asking.request(query, credential=form) for form in ("admin", *forms))
    asking.send_in_turn(request for request in written if request is not None)


def _in_company(asking: Asking) -> None:
    """The same request without and with the admin key on one connection, in both orders."""
    request = _unasked(asking)
    asking.send(replace(request, credential="none", reconnect=True))
    asking.send(replace(request, shared=True))
    asking.send(replace(request, credential="none", shared=True))


def _further_in_company(asking: Asking) -> None:
    """The same with the admin key first, and, if many requests are left, at the same moment."""
    strangers = [form for form in STRANGERS if form in asking.forms]
    request = _unasked(asking)
    asking.send(replace(request, reconnect=True))
    asking.send(replace(request, credential=strangers[-1], shared=True))
    if asking.left < MANY:
        return
    request = _unasked(asking)
    batch = [replace(request, credential=strangers[at % len(strangers)]) for at in range(TOGETHER // 2)]
    batch += [request] * (TOGETHER - len(batch))
    asking.rng.shuffle(batch)
    asking.together(batch)


def _unasked(asking: Asking) -> Request:
    """A request that must be answered and was not sent before, so that no cache has an answer to it."""
    asked = {exchange.request.target for exchange in asking.client.exchanges}
    orders = (None, *Order) if asking.operation.roles.order else (None,)
    queries = (asking.query(limit=size, order=order) for order in orders for size in range(2, asking.size))
    written = filter(None, map(asking.request, queries))
    fresh = next((request for request in written if request.target not in asked), None)
    return fresh or asking.operation.request(asking.query())


def _middle(asking: Asking) -> str | None:
    """The item in the middle of the list."""
    own = asking.sequence(Order.DESCENDING)
    return own[len(own) // 2] if own else None


def _requests(asking: Asking, *, tight: bool) -> list[Request]:
    """Requests that differ from the plain one in every known way, in forms that may be let in by the difference.

    In a ``tight`` share the first ones differ in several ways: whichever lets somebody in, it is the same breach.
    """
    facets = asking.listing.facets
    target = asking.target
    after = _middle(asking)
    first, last = (facets[0], facets[-1]) if facets else (None, None)
    elsewhere = Query(target.other_checkpoint or target.checkpoint)
    asked: list[tuple[str, Query]] = [
        ("none", asking.query(limit=1, order=Order.ASCENDING)),
        ("user", elsewhere),
        ("none", asking.query(facet=unused_facet(asking, first or "proj_unknown"))),
        ("user", asking.query(after=after)),
        ("user", asking.query(limit=asking.size, order=Order.ASCENDING, facet=last)),
        ("unknown", asking.query(limit=asking.size, order=Order.DESCENDING, facet=first)),
        ("none", asking.query(limit=asking.size, order=Order.DESCENDING, facet=first)),
    ]
    if target.empty_checkpoint:
        asked[5:5] = [("user", Query(target.empty_checkpoint)), ("none", Query(target.empty_checkpoint))]
    if asking.operation.roles.before and after is not None:
        asked[2:2] = [("none", asking.query(before=after, limit=2))]
    if tight:
        unused = asking.query(limit=1, order=Order.ASCENDING, facet=unused_facet(asking, first or "proj_unknown"))
        asked[:2] = [
            ("none", unused),
            ("user", Query(target.empty_checkpoint) if target.empty_checkpoint else elsewhere),
        ]
    found = [asking.request(query, credential=form) for form, query in asked]
    found.insert(2, asking.request(elsewhere, credential="none", encode_colon=True))
    return [request for request in found if request is not None]
