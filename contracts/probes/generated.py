"""Generated queries: cases of the operation from Schemathesis, with values that the walks have learned."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from schemathesis import GenerationMode
from schemathesis.errors import SchemathesisError

from contracts.core.model import Order, Query, Request
from contracts.core.wording import excerpt
from contracts.probes.asking import Asking
from contracts.probes.cursors import risky
from contracts.spec.document import unusable
from contracts.spec.operation import Operation

Case = schemathesis.Case[Any]


class SeedAlone(HypothesisProvider):
    """Draws what the seed says, whatever else is loaded.

    Hypothesis also draws constants that it reads out of the modules of the user's project, so the same seed would ask
    other questions under pytest than on the command line.
    """

    def _maybe_draw_constant(self, *_constraints: object, **_options: object) -> None:
        return None


AVAILABLE_PROVIDERS[SeedAlone.__name__] = SeedAlone

SOMEWHERE = "http://target.invalid"
"""Where a case is written to, so that its path and query can be read off; nothing is sent there."""

SHARE_OF_NEGATIVE = 3
"""One in so many generated queries is one that the document does not allow."""

LEAST = 24
PER_ITEM = 2
"""More generated queries than this times the items of the list ask the same again."""

MOST_RISKY = 16
"""Of the items of each order, so many of the riskiest ones are cursors as often as all others together."""

OVERSUPPLY = 2
"""How many times as many cases are drawn as are asked: many say the same."""


def generated(asking: Asking) -> None:
    """Ask what the document allows, at places that the list really has; and what it does not allow."""
    cases = _Cases(asking)
    asked = {exchange.request.target for exchange in asking.client.exchanges}
    with asking.gathered():
        for mode, number in _numbers(asking, asking.left):
            fresh = dict.fromkeys(each for each in cases.draw(mode, number * OVERSUPPLY) if each.target not in asked)
            chosen = list(fresh)[:number]
            asked.update(request.target for request in chosen)
            asking.send_all(chosen)


def draw_ahead(asking: Asking, share: int) -> None:
    """Draw what `generated` will ask with such a share, if the list is what it seems to be by now."""
    cases = _Cases(asking)
    for mode, number in _numbers(asking, share):
        cases.drawn(mode, number * OVERSUPPLY)


def _numbers(asking: Asking, share: int) -> tuple[tuple[GenerationMode, int], ...]:
    """How many requests of each kind are wanted."""
    wanted = min(share, max(LEAST, PER_ITEM * len(asking.listing.items)))
    negative = wanted // SHARE_OF_NEGATIVE
    return (GenerationMode.POSITIVE, wanted - negative), (GenerationMode.NEGATIVE, negative)


Drawn = tuple[Mapping[str, Any], Mapping[str, Any]]
"""The query of a generated case, and the learned values beside it."""
_KEPT: dict[tuple[object, ...], tuple[Drawn, ...]] = {}
"""What was drawn of late, as drawing takes longer than asking: runs against the same list draw the same."""
MOST_KEPT = 16


class _Cases:
    """Draws cases of the operation, each its own mixture of generated and learned values."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        listing = asking.listing
        self._seed = asking.seed
        self._rng = random.Random(asking.seed)  # noqa: S311 - it chooses what to ask, and hides nothing
        self._ids = sorted(listing.items)
        self._projects = list(listing.projects)
        self._total = len(self._ids)
        self._used = {
            order: {page.query.after for page in asking.evidence.pages if asking.evidence.order(page) is order}
            for order in Order
        }

    @cached_property
    def _operation(self) -> Any:
        operation = self._asking.operation
        # Credentials are a matter of their own; a generated one would only be refused.
        document = {key: value for key, value in operation.document.items() if key not in {"security", "servers"}}
        document["openapi"] = f"{operation.dialect}.0"
        logging.getLogger("schemathesis").setLevel(logging.ERROR)
        config = schemathesis.Config.from_dict({"seed": self._seed})
        # All of Unicode but its surrogates, as by default, without 200 MiB for working out what UTF-8 can hold.
        config.projects.default.generation.codec = None
        with _drawable(operation):
            schema = schemathesis.openapi.from_dict(document, config=config)
            return schema[operation.path_template]["GET"]

    def draw(self, mode: GenerationMode, number: int) -> list[Request]:
        """So many requests, different or not.

        What the positive ones hold is checked against the page that the learned list predicts.
        """
        write = self._positive if mode is GenerationMode.POSITIVE else self._negative
        requests = (write(query, learned) for query, learned in self.drawn(mode, number))
        return [request for request in requests if request is not None]

    def drawn(self, mode: GenerationMode, number: int) -> tuple[Drawn, ...]:
        """So many cases, which are kept for who wants the same of the same list."""
        operation, listing = self._asking.operation, self._asking.listing
        chosen = self._rng.randrange(2**32)
        known = tuple(listing.sequence(order) for order in Order), tuple(self._projects), self._asking.size
        key = (repr(operation.document), operation.path_template, self._seed, mode, number, chosen, *known)
        if key in _KEPT:
            return _KEPT[key]
        drawn: list[Drawn] = []
        with _drawable(operation):
            cases = self._operation.as_strategy(
                generation_mode=mode, path_parameters=dict.fromkeys(operation.profile.scope, "checkpoint")
            )

        @seed(chosen)
        @settings(
            max_examples=max(1, number),
            backend=SeedAlone.__name__,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases, learned=self._learned())
        def collect(case: Case, learned: dict[str, Any]) -> None:
            drawn.append((dict(case.query or {}), learned))

        with _drawable(operation):
            collect()
        while len(_KEPT) >= MOST_KEPT:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[key] = tuple(drawn)
        return _KEPT[key]

    def _learned(self) -> st.SearchStrategy[dict[str, Any]]:
        """Values that matter for this list, for each parameter; a missing one leaves what was generated."""
        total, size = self._total, self._asking.size
        sizes = sorted(
            {
                n
                for n in (1, 2, 3, 5, 7, 9, 10, 11, total // 2, total - 1, total, total + 1, size - 1, size)
                if 0 < n <= size
            }
        )
        roles = self._asking.operation.roles
        optional: dict[str, st.SearchStrategy[Any]] = {roles.limit: st.sampled_from(sizes)}
        if self._ids:
            ranked = [id_ for order in Order for id_ in risky(self._asking.listing, order)[:MOST_RISKY]]
            ids = st.sampled_from(self._ids)
            optional[roles.after] = st.one_of(ids, st.sampled_from(list(dict.fromkeys(ranked)))) if ranked else ids
        if self._projects and roles.project_id:
            optional[roles.project_id] = st.sampled_from(self._projects)
        return st.fixed_dictionaries({}, optional=optional)

    def _positive(self, generated: Mapping[str, Any], learned: Mapping[str, Any]) -> Request | None:
        """The case as a query: learned values before generated ones, as those never meet the list."""
        operation, roles = self._asking.operation, self._asking.operation.roles
        values = {**{name: value for name, value in generated.items() if name in _names(roles)}, **learned}
        if roles.limit in values and (not isinstance(values[roles.limit], int) or values[roles.limit] < 1):
            values.pop(roles.limit)
        words = {word: order for order, word in operation.order_words.items()}
        after, project = values.get(roles.after), values.get(roles.project_id)
        order = words.get(values.get(roles.order, ""))
        if after in self._asking.listing.items:
            after = self._fresh(after, order or operation.default_order)
        query = Query(
            self._asking.target.checkpoint,
            after=after if after in self._asking.listing.items or _generated(after) else None,
            limit=values.get(roles.limit),
            order=order,
            project_id=project if project in self._projects or _generated(project) else None,
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

    def _negative(self, generated: Mapping[str, Any], _learned: Mapping[str, Any]) -> Request | None:
        """The case as it stands, at this checkpoint, and without a token: those are never made up."""
        if self._asking.reader.opaque:
            generated = {name: each for name, each in generated.items() if name != self._asking.operation.roles.after}
        if not generated:
            return None
        try:
            url = requests.Request("GET", SOMEWHERE, params=dict(generated)).prepare().url or ""
        except (ValueError, UnicodeError):
            return None
        _, _, query = url.partition("?")
        operation = self._asking.operation
        here = operation.written_checkpoint(self._asking.target.checkpoint)
        return operation.odd_request(checkpoint=here, query=query) if query and query.isascii() else None


@contextmanager
def _drawable(operation: Operation) -> Iterator[None]:
    """Tell of a document that is well-formed, and that Schemathesis can draw nothing from."""
    try:
        yield
    except SchemathesisError as error:
        problem = f"describes parameters that no query can be drawn from ({excerpt(str(error))})"
        raise unusable(operation.name, problem=problem, remedy="mend them") from None


def _names(roles: Any) -> tuple[str, ...]:
    return tuple(filter(None, (roles.after, roles.limit, roles.order, roles.project_id)))


def _generated(value: object) -> bool:
    return isinstance(value, str) and bool(value)
