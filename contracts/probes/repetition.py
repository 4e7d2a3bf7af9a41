"""Repetition: the same query written in another order, the same again, and eight at once."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from contracts.core.model import Order, Page, Request
from contracts.evidence.evidence import CONTROL
from contracts.probes.asking import Asking

ACCEPTED = (None, "*/*", "text/html;q=0.2, application/xml;q=0.3, application/json;q=0.9")
"""Accept headers of other clients that want JSON."""

TOGETHER = 8
TIGHT = 16
"""With fewer requests there is one batch, and none in which strangers take part."""
STRANGERS = ("none", "user")
SPARE = 1
"""Requests that are reserved for one more batch."""
MOST_ALONE = 3
"""Requests of a batch that are repeated afterwards, one by one."""

REORDERED = (
    ("after", "limit", "order", "facet"),
    ("limit", "order"),
    ("limit", "order", "facet"),
    ("after", "limit", "order"),
    ("order", "facet"),
)
"""The parameters of the queries that are also sent in the opposite order."""


def repetition(asking: Asking) -> None:
    """Send queries with their parameters in the opposite order, with other Accept headers, and eight together."""
    tight = asking.left < TIGHT
    reserved = TOGETHER
    if asking.hurried and asking.wants("together") and asking.left >= TOGETHER:
        # All eight take the time of one answer, and nothing else shows what they show.
        asking.together(_mixed(asking, _different(asking)))
        reserved = 0
    with asking.gathered():
        if asking.wants("reordered"):
            _reorder(asking, reserved)
        if asking.wants("accepted"):
            _accept(asking, reserved)
    if asking.wants("together"):
        _together(asking, tight=tight)


def _together(asking: Asking, *, tight: bool) -> None:
    """Send eight requests at the same time; if a clause judges them, as often as affordable, and some alone too.

    In a ``tight`` share two of them are sent by strangers, for whom there would be no batch of their own.
    """
    requests = _different(asking)
    while asking.left >= TOGETHER:
        chosen = _mixed(asking, requests)
        if tight:
            # Beside what can be compared, so that this is not what strangers' requests take the place of.
            known = _asked_alone(asking)
            place = next((at for at, request in enumerate(chosen) if request.target in known), 1)
            chosen[1], chosen[place] = chosen[place], chosen[1]
            # One before the admin's request for the same, and one after it.
            before, after = (form if form in asking.forms else "admin" for form in STRANGERS)
            chosen[0], chosen[2] = replace(chosen[1], credential=before), replace(chosen[1], credential=after)
        asking.together(chosen)
        if not asking.wants("repeated"):
            return
        for request in chosen[: min(MOST_ALONE, asking.left)]:
            asking.send(request)


def _reorder(asking: Asking, reserved: int) -> None:
    """Of pages with the same parameters, the one that changes most if a parameter is ignored."""
    here, always = asking.operation.roles, {name for name, _ in asking.operation.fixed}
    sets = dict.fromkeys(frozenset(filter(None, (getattr(here, role) for role in roles))) for roles in REORDERED)
    asked = False
    for names in [each for each in sets if len(each) > 1]:
        pages = [page for page in asking.evidence.pages if set(_names(page.exchange.request)) - always == names]
        # A small share reaches some of each.
        needed = (reserved + len(ACCEPTED) + 1 + SPARE) * asking.each if asked else reserved + 2 * asking.each
        if pages and asking.left >= needed:
            asked = True
            request = max(pages, key=lambda page: _telling(asking, page)).exchange.request
            asking.send_all([replace(request, query="&".join(reversed(request.query.split("&"))))])


def _accept(asking: Asking, reserved: int) -> None:
    """A small page with the Accept headers of clients other than the official ones."""
    pages = [page for page in asking.evidence.pages if page.items]
    if pages:
        # A page without a cursor stays the same when items are removed.
        simple = min(pages, key=lambda page: (page.query.after is not None, len(page.items) == 1, len(page.items)))
        request = simple.exchange.request
        accepted = ACCEPTED if asking.left >= (reserved + len(ACCEPTED) + SPARE) * asking.each else ACCEPTED[:1]
        asking.send_all(replace(request, accept=accept) for accept in accepted)


def _names(request: Request) -> list[str]:
    return [part.partition("=")[0] for part in request.query.split("&")]


def _telling(asking: Asking, page: Page) -> tuple[bool, bool, bool, bool, int]:
    names = _names(page.exchange.request)
    # In reverse order the middle parameter keeps its place, so a filter at an end is better: it shows most if ignored.
    moved = quote(asking.operation.roles.facet, safe="") in (names[0], names[-1])
    other_order = page.query.order is asking.operation.default_order.opposite
    return bool(page.items), moved, bool(page.has_more), other_order, page.exchange.number


def _mixed(asking: Asking, requests: list[Request]) -> list[Request]:
    """Requests for one facet's list and for the unfiltered one, equally many if there are enough, in random order."""
    name = asking.operation.roles.facet
    written = f"{quote(name, safe='')}="
    filtered = [request for request in requests if name and written in request.query]
    whole = [request for request in requests if request not in filtered]
    half = min(len(filtered), TOGETHER // 2)
    chosen = asking.rng.sample(filtered, half)
    rest = TOGETHER - half
    chosen += asking.rng.sample(whole, rest) if len(whole) >= rest else asking.rng.choices(requests, k=rest)
    if asking.left < TOGETHER + 2 or asking.hurried or not asking.wants("repeated"):
        # None is asked alone afterwards, or only a stranger's, so one answer has to be comparable.
        known = _asked_alone(asking)
        comparable = [request for request in requests if request.target in known]
        if comparable and not any(request in comparable for request in chosen):
            chosen[-1] = comparable[0]
    asking.rng.shuffle(chosen)
    return chosen


def _asked_alone(asking: Asking) -> set[str]:
    """What control walks asked for, which are alone whatever the concurrency."""
    return {page.exchange.request.target for page in asking.evidence.pages if page.exchange.probe == CONTROL}


def _different(asking: Asking) -> list[Request]:
    """Queries with known answers that all differ."""
    evidence = asking.evidence
    by_answer: dict[object, Request] = {}
    for page in evidence.pages:
        if page.query.after is None or page.query.after in evidence.listing.items:
            by_answer.setdefault(page.ids, replace(page.exchange.request, fresh=False))
    requests = list(by_answer.values())
    return requests or [asking.operation.request(asking.query(order=order, limit=2)) for order in Order]
