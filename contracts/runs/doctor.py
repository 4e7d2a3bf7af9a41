"""A look at a target before a run: can it be judged, and which clauses will go without a verdict?"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.core.model import KEY_REFUSED, REFUSED, Capability, Exchange, Order
from contracts.core.result import Verdict
from contracts.core.wording import count
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.probes.asking import Asking, ShareSpent
from contracts.probes.filters import unused_facet
from contracts.probes.walks import control_walk
from contracts.runs.first_look import Obstacle, Stage, obstacle
from contracts.runs.plan import Plan
from contracts.traffic.client import RunStopped
from contracts.traffic.credentials import available
from contracts.traffic.keys import USER_VARIABLE
from contracts.verdicts.judging import judge
from contracts.verdicts.tallying import tally

BUDGET = 12
"""Requests that a look takes at the most."""

_FOR_THE_LIST = 6
_NAME = "doctor"
_UNREAD = ("no page of the list could be read", "a target that answers with pages of the list")
_LOCAL = ("http://127.", "http://localhost", "http://[::1]")


class State(StrEnum):
    """How something was found."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what it is, how it was found, in words, and what to do about it."""

    name: str
    state: State
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Clauses that a run could not exercise, for one reason."""

    reason: str
    provide: str
    clauses: tuple[str, ...]
    gating: bool


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a look found. A target is ``usable`` if a run can begin."""

    checks: tuple[Check, ...]
    gaps: tuple[Gap, ...]
    requests: int

    @property
    def usable(self) -> bool:
        """Whether a run against this target gives verdicts."""
        return all(check.state is not State.BAD for check in self.checks)


def examine(plan: Plan) -> Diagnosis:
    """Look at a target with a few requests.

    Raises:
        ConfigurationError: The base URL or the file of authorities can't be used.
    """
    client, says = plan.client(BUDGET), plan.operation.says
    with client:
        rng = random.Random(plan.seed)
        look = _Look(plan, Asking(Reader(plan.operation), plan.target, client, rng, available(plan.keys)))
        checks = tuple(
            replace(check, text=plan.redactor.text(says(check.text)), remedy=plan.redactor.text(says(check.remedy)))
            for check in look.checks()
        )
    gaps = () if any(check.state is State.BAD for check in checks) else _gaps(plan, look.asking.evidence)
    return Diagnosis(checks, gaps, client.requests + look.elsewhere)


class _Look:
    def __init__(self, plan: Plan, asking: Asking) -> None:
        self.plan = plan
        self.asking = asking
        self.elsewhere = 0

    def checks(self) -> Iterator[Check]:
        """Everything that is looked at, until something makes the rest pointless."""
        url = self.plan.target.base_url
        try:
            found = self._obstacle()
        except (ShareSpent, RunStopped) as error:
            found = Obstacle(
                Stage.TARGET, f"was not asked to the end ({str(error) or 'too many requests'})", "try again later"
            )
        self.elsewhere = found.requests if found is not None else 0
        if found is not None and found.stage is Stage.TARGET:
            yield Check("Target", State.BAD, f"{url} {found.seen}", found.remedy)
            return
        yield Check("Target", State.GOOD, f"{url} answers")
        yield self._tls()
        if found is not None:
            yield Check(
                self._key_name if found.stage is Stage.KEY else self._list_name,
                State.BAD,
                f"the target {found.seen}",
                found.remedy,
            )
            return
        if Capability.KEY in self._has:
            yield self._key()
        yield self._checkpoint()
        yield from self._others()

    @property
    def _has(self) -> frozenset[Capability]:
        return self.plan.operation.capabilities

    @property
    def _key_name(self) -> str:
        return "Admin key" if Capability.ADMIN in self._has else "Key"

    @property
    def _list_name(self) -> str:
        return "Checkpoint" if self.plan.operation.is_published else "List"

    def _obstacle(self) -> Obstacle | None:
        self.asking.begin(_NAME, _FOR_THE_LIST)
        with suppress(ShareSpent):
            control_walk(self.asking)
        self.asking.begin(_NAME, self.asking.client.remaining)
        return obstacle(self.asking, self.plan)

    def _key(self) -> Check:
        if self.asking.evidence.every_page:
            return Check(self._key_name, State.GOOD, "accepted")
        return Check(self._key_name, State.DOUBTFUL, "not refused, but no page of the list was read")

    def _tls(self) -> Check:
        url = self.plan.target.base_url
        if not url.startswith("http:"):
            authorities = "the usual authorities"
            if self.plan.route.authorities is not None:
                authorities = f"the authorities of {self.plan.route.authorities_source}"
            return Check("TLS", State.GOOD, f"the certificate is accepted, with {authorities}")
        if url.startswith(_LOCAL):
            return Check("TLS", State.GOOD, "none, and none is needed on this machine")
        return Check("TLS", State.DOUBTFUL, "none: the admin key travels readable", "an https:// base URL")

    def _checkpoint(self) -> Check:
        name = self.plan.target.checkpoint
        if not self.asking.evidence.every_page:
            said = _status(self.asking.client.exchanges[-1])
            text = f"what is answered is no page of a list ({said}): a run judges it"
            return Check(self._list_name, State.DOUBTFUL, text)
        listing = self.asking.listing
        if not listing.items:
            text = f"{name or 'it'} shows no permissions"
            return Check(self._list_name, State.DOUBTFUL, text, "--checkpoint with a checkpoint that has some")
        least = "" if listing.complete else "at least "
        size = count(len(listing.items), "permission")
        if Capability.FILTER in self._has:
            size += f" of {count(len(listing.facets), 'project')}"
        return Check(self._list_name, State.GOOD, f"it has {least}{size}")

    def _others(self) -> Iterator[Check]:
        target = self.plan.target
        if Capability.SCOPE in self._has:
            yield self._other(target.other_checkpoint)
        yield self._empty(target.empty_checkpoint)
        if Capability.KEY in self._has:
            yield self._refused("none", "Without key", "")
        if Capability.ADMIN not in self._has:
            return
        if target.user_key:
            yield self._refused("user", "User key", f"{USER_VARIABLE} with a key that is not an admin key")
        else:
            yield Check(
                "User key", State.MISSING, "none was given", f"{USER_VARIABLE} with a key that is not an admin key"
            )

    def _other(self, name: str | None) -> Check:
        remedy = "--other-checkpoint with a checkpoint that has permissions of its own"
        if name is None:
            return Check("Other", State.MISSING, "no second checkpoint was given", remedy)
        exchange = self.asking.ask(self.asking.query(scope=name, limit=10))
        if exchange.ok and self.asking.evidence.foreign:
            return Check("Other", State.GOOD, "it has permissions of its own")
        return Check("Other", State.DOUBTFUL, f"it shows no permissions ({_status(exchange)})", remedy)

    def _empty(self, name: str | None) -> Check:
        if name is None:
            return self._empty_otherwise()
        query = self.asking.query(scope=name)
        exchange = self.asking.ask(query)
        page = self.asking.reader.page(exchange, query)
        if page is not None and not page.items:
            return Check("Empty", State.GOOD, "it is empty")
        said = "it has permissions" if page is not None else f"it is no empty list ({_status(exchange)})"
        return Check("Empty", State.DOUBTFUL, said, "--empty-checkpoint with one that has no permissions")

    def _empty_otherwise(self) -> Check:
        """Whether a run will see an empty page of the checkpoint itself."""
        none = "no empty checkpoint was given"
        if not self.asking.listing.items and self.asking.evidence.every_page:
            return Check("Empty", State.MISSING, f"{none}; the one that is judged serves")
        last = self.asking.listing.last(Order.DESCENDING)
        ways = {}
        if Capability.OPEN_FILTER in self._has:
            ways["an unknown project"] = self.asking.query(facet=unused_facet(self.asking, "proj_unknown"))
        if last is not None:
            ways["the page after the last permission"] = self.asking.query(after=last, order=Order.DESCENDING)
        for name, query in ways.items():
            page = self.asking.reader.page(self.asking.ask(query), query)
            if page is not None and not page.items:
                return Check("Empty", State.MISSING, f"{none}; {name} serves")
        return Check(
            "Empty",
            State.MISSING,
            f"{none}, and {' nor '.join(ways) or 'nothing else'} brings no empty page",
            "--empty-checkpoint with a checkpoint that has no permissions",
        )

    def _refused(self, credential: str, name: str, remedy: str) -> Check:
        exchange = self.asking.ask(self.asking.query(), credential=credential)
        allowed = REFUSED if credential == "user" else KEY_REFUSED
        if exchange.status in allowed:
            return Check(name, State.GOOD, f"refused with {exchange.status}")
        return Check(name, State.DOUBTFUL, f"not refused ({_status(exchange)}): a run will say more", remedy)


def _status(exchange: Exchange) -> str:
    if exchange.answer is not None:
        return str(exchange.answer.status)
    return f"no answer: {exchange.failure.kind}" if exchange.failure else "no answer"


def _gaps(plan: Plan, evidence: Evidence) -> tuple[Gap, ...]:
    """What the clauses say of this evidence that they lack, and not only because so little was asked."""
    grouped: dict[tuple[str, str], list[str]] = {}
    gating: set[tuple[str, str]] = set()
    for clause, judgement in zip(
        plan.clauses, judge(plan.clauses, evidence, tally(plan.clauses, evidence), {}), strict=True
    ):
        lacking = clause.needs.lacking(evidence)
        if lacking is not None and judgement.verdict is Verdict.NOT_EXERCISED:
            lacking = lacking if evidence.every_page else _UNREAD
            grouped.setdefault(lacking, []).append(clause.id)
            if clause.level in plan.gate:
                gating.add(lacking)
    says = plan.operation.says
    return tuple(
        Gap(says(reason), says(provide), tuple(members), (reason, provide) in gating)
        for (reason, provide), members in grouped.items()
    )
