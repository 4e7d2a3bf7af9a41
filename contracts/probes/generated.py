"""Generated queries: cases of the operation from Schemathesis, with values that the walks have learned."""

from __future__ import annotations

import hashlib
import json
import platform
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from contracts.core.model import Order, Query, Request
from contracts.openapi import cache
from contracts.openapi.operation import Operation
from contracts.probes.asking import Asking
from contracts.probes.cursors import of_another_facet, risky

POSITIVE, NEGATIVE = "positive", "negative"
"""What the document allows, and what it does not."""

SHARE_OF_NEGATIVE = 3
"""One in so many generated queries is one that the document does not allow."""

LEAST = 24
PER_ITEM = 2
"""More generated queries than this times the items of the list ask the same again."""

MOST_RISKY = 16
"""Of the items of each order, so many of the riskiest ones are cursors as often as all others together."""

OVERSUPPLY = 2
"""How many times as many cases are drawn as are asked: many say the same."""

Drawn = Mapping[str, Any] | str
"""A case: the parameters that an allowed query holds, or a query that is not allowed, as it is written."""
_CASES = "cases"
_KEPT: dict[str, Sequence[Drawn]] = {}
"""What was drawn of late: it depends on the document and the seed, and not on the list."""
MOST_KEPT = 16


def generated(asking: Asking) -> None:
    """Ask what the document allows, at places that the list really has; and what it does not allow."""
    places = Places(asking)
    asked = {exchange.request.target for exchange in asking.client.exchanges}
    with asking.gathered():
        for mode, number in _numbers(asking, asking.left):
            cases = drawn(asking, mode, number * OVERSUPPLY)
            written = filter(None, map(places.positive if mode == POSITIVE else places.negative, cases))
            fresh = dict.fromkeys(request for request in written if request.target not in asked)
            chosen = list(fresh)[:number]
            asked.update(request.target for request in chosen)
            asking.send_all(chosen)


def draw_ahead(asking: Asking, share: int) -> None:
    """Draw what `generated` will ask with such a share, if the list is as long as it seems to be by now."""
    for mode, number in _numbers(asking, share):
        drawn(asking, mode, number * OVERSUPPLY)


def _numbers(asking: Asking, share: int) -> tuple[tuple[str, int], ...]:
    """How many requests of each kind are wanted."""
    wanted = min(share, max(LEAST, PER_ITEM * len(asking.listing.items)))
    negative = wanted // SHARE_OF_NEGATIVE
    return (POSITIVE, wanted - negative), (NEGATIVE, negative)


def drawn(asking: Asking, mode: str, number: int) -> Sequence[Drawn]:
    """So many cases, which are kept for later runs: those of the same document and seed draw the same."""
    if number <= 0:
        return ()
    operation = asking.operation
    # Tokens are never made up.
    without = operation.roles.after if mode == NEGATIVE and asking.reader.opaque else None
    versions = [platform.python_version(), *map(version, ("schemathesis", "hypothesis"))]
    about = operation.document, operation.dialect, operation.path_template, operation.profile.scope
    drawn = json.dumps([about, mode, without, number, asking.seed, versions], default=repr)
    key = hashlib.sha256(drawn.encode()).hexdigest()
    if key not in _KEPT:
        while len(_KEPT) >= MOST_KEPT:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[key] = _kept(key, mode) or _draw(operation, mode, number, asking.seed, without)
        with suppress(TypeError, ValueError, RecursionError):
            cache.keep(_CASES, key, json.dumps(_KEPT[key], allow_nan=False).encode())
    return _KEPT[key]


def _kept(key: str, mode: str) -> Sequence[Drawn]:
    """What an earlier run drew; nothing if that is not known."""
    try:
        found = json.loads(cache.kept(_CASES, key) or b"[]")
    except (ValueError, RecursionError):
        return ()
    kind = dict if mode == POSITIVE else str
    return found if isinstance(found, list) and all(isinstance(each, kind) for each in found) else ()


def _draw(operation: Operation, mode: str, number: int, seed: int, without: str | None) -> Sequence[Drawn]:
    # It takes longer to import than a small run takes to ask.
    from contracts.probes.drawing import draw, written

    names = _names(operation.roles)
    cases = draw(operation, mode, number, seed)
    if mode == POSITIVE:
        return [{name: value for name, value in case.items() if name in names} for case in cases]
    return [written({name: value for name, value in case.items() if name != without}) for case in cases]


class Places:
    """Writes cases as requests, each its own mixture of generated and learned values."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._rng = random.Random(asking.seed)
        self._learned = dict(self._values())
        self._used = {
            order: {page.query.after for page in asking.evidence.pages if asking.evidence.order(page) is order}
            for order in Order
        }

    def _values(self) -> Iterator[tuple[str, Sequence[Sequence[Any]]]]:
        """Values that matter for this list, for each parameter: some groups, each as likely as the others."""
        roles, listing, size = self._asking.operation.roles, self._asking.listing, self._asking.size
        ids = sorted(listing.items)
        total = len(ids)
        sizes = {1, 2, 3, 5, 7, 9, 10, 11, total // 2, total - 1, total, total + 1, size - 1, size}
        yield roles.limit, [sorted(each for each in sizes if 0 < each <= size)]
        ranked = dict.fromkeys(id_ for order in Order for id_ in risky(listing, order)[:MOST_RISKY])
        yield roles.after, [group for group in (ids, list(ranked)) if group]
        yield roles.facet, [list(listing.facets)] if listing.facets else []

    def _chosen(self) -> dict[str, Any]:
        """Learned values for about half of the parameters; the others keep what was generated."""
        rng = self._rng
        wanted = [(name, groups) for name, groups in self._learned.items() if name and groups and rng.random() < 0.5]  # noqa: PLR2004 - half
        return {name: rng.choice(rng.choice(groups)) for name, groups in wanted}

    def positive(self, case: Drawn) -> Request | None:
        """The case as a query: learned values before generated ones, as those never meet the list.

        What it brings is checked against the page that the learned list predicts.
        """
        assert isinstance(case, Mapping)  # noqa: S101 - what is allowed is drawn so
        operation, roles, listing = self._asking.operation, self._asking.operation.roles, self._asking.listing
        values = {**case, **self._chosen()}
        limit, after, facet = values.get(roles.limit), values.get(roles.after), values.get(roles.facet)
        words = {word: order for order, word in operation.order_words.items()}
        order = words.get(values.get(roles.order, ""))
        if after in listing.items:
            after = self._fresh(after, order or operation.default_order)
            if facet in listing.facets and not listing.belongs(after, facet):
                after = self._of_another_facet(after, order or operation.default_order, facet)
        query = Query(
            self._asking.target.checkpoint,
            after=after if after in listing.items or _generated(after) else None,
            limit=limit if isinstance(limit, int) and limit > 0 else None,
            order=order,
            facet=facet if facet in listing.facets or _generated(facet) else None,
        )
        return self._asking.request(self._asking.settled(query))

    def _fresh(self, after: str, order: Order) -> str:
        """A cursor that was not asked for in this order before, where there is one; else this one."""
        used = self._used[order]
        found = after
        sequence = self._asking.listing.sequence(order)
        if after in used and after in sequence:
            start = sequence.index(after)
            found = next((id_ for id_ in (*sequence[start:], *sequence[:start]) if id_ not in used), after)
        used.add(found)
        return found

    def _of_another_facet(self, after: str, order: Order, facet: str) -> str:
        """This cursor or a later one, which proves something under the filter, or else this one."""
        sequence = self._asking.listing.sequence(order)
        begin = sequence.index(after) if after in sequence else 0
        return of_another_facet(self._asking.listing, order, facet, begin) or after

    def negative(self, case: Drawn) -> Request | None:
        """The case as it stands, at this scope."""
        operation = self._asking.operation
        here = operation.written_scope(self._asking.target.checkpoint)
        return operation.odd_request(scope=here, query=case) if case and isinstance(case, str) else None


def _names(roles: Any) -> tuple[str, ...]:
    return tuple(filter(None, (roles.after, roles.limit, roles.order, roles.facet)))


def _generated(value: object) -> bool:
    return isinstance(value, str) and bool(value)
