"""Access: everyone who may not look, with every query, also right after the admin key asked the same."""

from __future__ import annotations

from contracts.model import Order, Query
from contracts.probes.asking import Asking
from contracts.probes.filters import nobody
from contracts.traffic.credentials import MALFORMED

FIRST = ("none", "unknown", "empty", "basic", "user", "query-api_key", "shortened", MALFORMED[0])
"""One form of each clause, before the others."""

STRANGERS = ("none", "unknown", "user")


def access(asking: Asking) -> None:
    """Ask without being entitled to it: plainly in every form, then with every query in the simple ones."""
    plain = asking.query()
    strangers = [form for form in STRANGERS if form in asking.forms]
    for form in [form for form in FIRST if form in asking.forms]:
        asking.ask(plain, credential=form)
    for form in strangers:
        _right_after(asking, form)
    rest = [form for form in asking.forms if form not in {*FIRST, "admin"}]
    for form in rest:
        asking.ask(plain, credential=form)
    for query, extra in _queries(asking):
        for form in strangers:
            asking.ask(query, credential=form, extra=extra)


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
    asking.ask(query)
    asking.ask(query, credential=form)


def _queries(asking: Asking) -> list[tuple[Query, tuple[tuple[str, str], ...]]]:
    own = asking.listing.sequence(Order.DESCENDING)
    projects = asking.listing.projects
    target = asking.target
    after = own[len(own) // 2] if own else None
    name = asking.operation.roles
    found: list[tuple[Query, tuple[tuple[str, str], ...]]] = []
    if projects:
        found.append((asking.query(project_id=projects[0]), ()))
    if after:
        found.append((asking.query(after=after), ()))
    found += [
        (asking.query(order=Order.ASCENDING), ()),
        (asking.query(limit=1), ()),
        (asking.query(limit=100, order=Order.DESCENDING), ()),
        (asking.query(), ((name.limit, "ten"),)),
        (asking.query(), ((name.order, "sideways"),)),
        (Query(f"{target.checkpoint}-{nobody(asking, 'none')}"), ()),
    ]
    if projects and after:
        found.append((asking.query(project_id=projects[-1], after=after, order=Order.ASCENDING, limit=3), ()))
    if target.other_checkpoint:
        found.append((Query(target.other_checkpoint), ()))
    return found
