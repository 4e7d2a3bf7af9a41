"""What decides what a run asks and how it is judged, and how far it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from contracts.core.model import Capability, Exchange
from contracts.probes import PROBES
from contracts.traffic.client import Client, Limits
from contracts.traffic.credentials import ALMOST, IN_QUERY, available
from contracts.traffic.keys import Keys
from contracts.traffic.limits import CLOSER, DEFAULT_BUDGET
from contracts.traffic.redaction import Redactor
from contracts.traffic.route import STRAIGHT, Route
from contracts.verdicts.conclusion import Terms

_KEY_ALONE = frozenset({"admin", "user", "none", "unknown", "empty", "null", *ALMOST, *IN_QUERY})
"""The forms in which a header that holds nothing but the key can send one: it has no schemes."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: what is being asked, how many requests were sent, and how many there are to be.

    ``pages`` are those of a walk through the whole list until now, ``of`` how many there seem to be; ``left`` is the
    seconds that the run may take yet.
    """

    probe: str
    requests: int
    budget: int
    pages: int = 0
    of: int = 0
    left: float | None = None


@dataclass(frozen=True, kw_only=True)
class Plan(Terms):
    """Everything that decides what a run asks and how it is judged.

    ``deep`` is how many pages a walk through the whole list may have, beside the ``budget`` of all else; 0 for no
    such walk. ``rate`` is in requests a second. ``concurrency`` is how many requests that do not depend on each other
    may be under way at the same time.
    """

    keys: Keys = field(repr=False)
    budget: int = DEFAULT_BUDGET
    deep: int = 0
    rate: float | None = None
    limits: Limits = field(default_factory=Limits)
    route: Route = STRAIGHT
    concurrency: int = 1

    @cached_property
    def redactor(self) -> Redactor:
        """What takes the keys out of everything that is written of this run."""
        target = self.target
        named = (target.base_url, target.checkpoint, target.other_checkpoint, target.empty_checkpoint)
        ordinary = f"{json.dumps(self.operation.document)}\n{' '.join(filter(None, named))}"
        return Redactor.of(self.keys, self.seed, ordinary)

    @property
    def probes(self) -> tuple[str, ...]:
        """The probes that these clauses need, in the order in which they ask."""
        applying = [clause for clause in self.clauses if clause.lacking(self.operation) is None]
        needed = {part.partition(".")[0] for clause in applying for part in clause.probes | clause.reference}
        return tuple(name for name in PROBES if name in needed)

    @property
    def parts(self) -> frozenset[str]:
        """What these clauses need of the probes: each as a whole, or a part of it such as ``walks.ends``."""
        return frozenset().union(*(clause.probes | clause.reference for clause in self.clauses))

    @property
    def forms(self) -> tuple[str, ...]:
        """The forms of credentials that can be sent; ``user`` only where that key has no right to an answer."""
        admin_only = Capability.ADMIN in self.operation.capabilities
        found = (form for form in available(self.keys) if admin_only or form != "user")
        return tuple(form for form in found if form in _KEY_ALONE or not self.operation.key_header)

    @property
    def most(self) -> int:
        """How many requests are sent at the most."""
        return self.budget + (self.deep + CLOSER if self.deep else 0)

    def client(
        self, budget: int, *, base_url: str = "", on_exchange: Callable[[Exchange], None] | None = None
    ) -> Client:
        """A client of the target, or of another place of its origin, that sends so many requests at the most.

        Raises:
            ConfigurationError: The base URL or the route can't be used.
        """
        return Client(
            base_url or self.target.base_url,
            self.keys,
            budget=budget,
            seed=self.seed,
            rate=self.rate,
            limits=self.limits,
            route=self.route,
            concurrency=self.concurrency,
            redactor=self.redactor,
            on_exchange=on_exchange,
            key_header=self.operation.key_header,
        )
