"""Access: everyone who may not look, with every query, also right after the admin key asked the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from contracts.core.model import Order, Query, Request
from contracts.probes.asking import Asking
from contracts.probes.filters import nobody
from contracts.traffic.credentials import MALFORMED

FIRST = ("none", "unknown", "empty", "basic", "user", "query-api_key", "shortened", MALFORMED[0])
"""One form of each clause, before the others."""

STRANGERS = ("none", "unknown", "user")


SPELLINGS = (
    ("{before}/{last}/", "none"),
    ("{before}/{last};x=y", "none"),
    ("{before}/./{last}", "none"),
    ("{before}/%2e/{last}", "none"),
    ("{before}/{title}", "none"),
    ("{before}/%{code:02x}{rest}", "none"),
    ("{before}/{last}.json", "none"),
    ("{before}%2F{last}", "none"),
    ("{before}/%25{code:02x}{rest}", "none"),
    ("{before}//{last}", "user"),
    ("{before}/{last}/", "user"),
)
"""Other spellings of the path by its last step, and who asks so. A slash is doubled at its beginning before them."""


def access(asking: Asking) -> None:
    """Ask without being entitled to it: plainly in every form, then with every query in the simple ones."""
    plain = asking.query()
    strangers = [form for form in STRANGERS if form in asking.forms]
    asking.send_all(asking.request(plain, credential=form) for form in FIRST if form in asking.forms)
    spelled = _spelled(asking)
    # A small share reaches one case of each clause.
    asking.send(spelled[0])
    for form in strangers:
        _right_after(asking, form)
    asking.send_all(_further(asking, spelled[1:], strangers))


def _further(asking: Asking, spelled: list[Request], strangers: list[str]) -> Iterator[Request | None]:
    yield from spelled
    rest = [form for form in asking.forms if form not in {*FIRST, "admin"}]
    yield from (asking.request(asking.query(), credential=form) for form in rest)
    for request in _requests(asking):
        yield from (replace(request, credential=form) for form in strangers)


def _spelled(asking: Asking) -> list[Request]:
    """The plain request with its path in other spellings, for everyone who may ask so."""
    plain = asking.operation.request(asking.query())
    before, _, last = plain.path.rpartition("/")
    parts = {"before": before, "last": last, "title": last.capitalize(), "code": ord(last[0]), "rest": last[1:]}
    found = [(f"/{plain.path}", "none"), *((form.format(**parts), who) for form, who in SPELLINGS)]
    return [replace(plain, path=path, credential=who) for path, who in found if who in asking.forms]


def _right_after(asking: Asking, form: str) -> None:
    """The same query as the admin key had just before, so that only the credential differs."""
    ids = sorted(asking.listing.items)
    projects = asking.listing.projects
    query = asking.query(
        after=asking.rng.choice(ids) if ids else None,
        limit=asking.rng.randrange(2, 10),
        order=asking.rng.choice(list(Order)),
        project_id=asking.rng.choice(projects) if projects else None,
    )
    if asking.request(query) is None:  # no token is known for that place
        query = replace(query, after=None)
    asking.ask(query)
    asking.ask(query, credential=form)


def _requests(asking: Asking) -> list[Request]:
    """Requests that differ from the plain one in every way there is, several ways in one request."""
    own = asking.listing.sequence(Order.DESCENDING)
    projects = asking.listing.projects
    target, roles = asking.target, asking.operation.roles
    after = own[len(own) // 2] if own else None
    first, last = (projects[0], projects[-1]) if projects else (None, None)
    elsewhere = Query(target.other_checkpoint or target.checkpoint)
    found = [
        asking.request(asking.query(limit=asking.size, order=Order.DESCENDING, project_id=first)),
        asking.request(asking.query(after=after, limit=1, order=Order.ASCENDING)),
        asking.request(elsewhere, encode_colon=True),
        asking.request(asking.query(after=after, limit=3, order=Order.ASCENDING, project_id=last)),
        asking.request(Query(f"{target.checkpoint}-{nobody(asking, 'none')}")),
        asking.request(asking.query(project_id=nobody(asking, first or "proj_unknown"))),
    ]
    if roles.order:
        found.append(asking.request(asking.query(), extra=((roles.order, "sideways"),)))
    if target.empty_checkpoint:
        found.insert(0, asking.request(Query(target.empty_checkpoint)))
    found.append(asking.request(asking.query(), extra=((roles.limit, "ten"),)))
    return [request for request in found if request is not None]
