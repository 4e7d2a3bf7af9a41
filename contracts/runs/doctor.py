"""A look at a target before a run: can it be judged, and which clauses will go without a verdict?"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.core.model import Exchange, FailureKind
from contracts.core.wording import count
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.probes.asking import Asking, ShareSpent
from contracts.probes.filters import nobody
from contracts.probes.walks import control
from contracts.runs.live import Plan
from contracts.traffic.client import Client, RunStopped
from contracts.traffic.credentials import ADMIN_VARIABLE, USER_VARIABLE, available

BUDGET = 12
"""Requests that a look takes at the most."""

_FOR_THE_LIST = 6
_NAME = "doctor"
_OK, _NOT_FOUND = 200, 404
_REFUSED = frozenset({401, 403})
_REFUSED_OR_HIDDEN = _REFUSED | {_NOT_FOUND}
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
    client = Client(
        plan.target.base_url,
        plan.keys,
        budget=BUDGET,
        seed=plan.seed,
        rate=plan.rate,
        limits=plan.limits,
        verify=plan.verify,
        redactor=plan.redactor,
    )
    with client:
        rng = random.Random(plan.seed)  # noqa: S311 - to choose, not to hide
        look = _Look(plan, Asking(Reader(plan.operation), plan.target, client, rng, available(plan.keys)))
        checks = tuple(replace(check, text=plan.redactor.text(check.text)) for check in look.checks())
    gaps = () if any(check.state is State.BAD for check in checks) else _gaps(plan, look.asking.evidence)
    return Diagnosis(checks, gaps, client.requests)


class _Look:
    def __init__(self, plan: Plan, asking: Asking) -> None:
        self.plan = plan
        self.asking = asking

    def checks(self) -> Iterator[Check]:
        """Everything that is looked at, until something makes the rest pointless."""
        self.asking.begin(_NAME, _FOR_THE_LIST)
        with suppress(ShareSpent, RunStopped):
            control(self.asking)
        self.asking.begin(_NAME, BUDGET)
        first = next(iter(self.asking.client.exchanges), None)
        reached = _reached(self.plan.target.base_url, first)
        yield reached
        if first is None or first.answer is None or reached.state is State.BAD:
            return
        yield self._tls()
        answered = next((one for one in self.asking.client.exchanges if one.status == _OK), first)
        state = _key(answered)
        yield state
        if state.state is State.BAD:
            return
        checkpoint = self._checkpoint(answered)
        yield checkpoint
        if checkpoint.state is not State.BAD:
            yield from self._others()

    def _tls(self) -> Check:
        url = self.plan.target.base_url
        if not url.startswith("http:"):
            authorities = "the authorities of --ca-bundle" if self.plan.verify is not True else "the usual authorities"
            return Check("TLS", State.GOOD, f"the certificate is accepted, with {authorities}")
        if url.startswith(_LOCAL):
            return Check("TLS", State.GOOD, "none, and none is needed on this machine")
        return Check("TLS", State.DOUBTFUL, "none: the admin key travels readable", "an https:// base URL")

    def _checkpoint(self, answered: Exchange) -> Check:
        name = self.plan.target.checkpoint
        if answered.status == _NOT_FOUND:
            return Check(
                "Checkpoint",
                State.BAD,
                f"{name} is not known (404)",
                "--checkpoint with one that exists, or a --base-url that ends where the path of the operation begins",
            )
        if answered.status != _OK:
            return Check(
                "Checkpoint", State.BAD, f"it is answered with {answered.status}", "a look at the log of the target"
            )
        listing = self.asking.listing
        if not listing.items:
            return Check(
                "Checkpoint", State.DOUBTFUL, f"{name} shows no permissions", "--checkpoint with one that has some"
            )
        least = "" if listing.complete else "at least "
        size = f"{count(len(listing.items), 'permission')} of {count(len(listing.projects), 'project')}"
        return Check("Checkpoint", State.GOOD, f"it has {least}{size}")

    def _others(self) -> Iterator[Check]:
        target = self.plan.target
        yield self._other(target.other_checkpoint)
        yield self._empty(target.empty_checkpoint)
        yield self._refused("none", "Without key", "")
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
        exchange = self.asking.ask(self.asking.query(checkpoint=name, limit=10))
        if exchange.status == _OK and self.asking.evidence.foreign:
            return Check("Other", State.GOOD, "it has permissions of its own")
        return Check("Other", State.DOUBTFUL, f"it shows no permissions ({_status(exchange)})", remedy)

    def _empty(self, name: str | None) -> Check:
        if name is None:
            query = self.asking.query(project_id=nobody(self.asking, "proj_unknown"))
            page = self.asking.reader.page(self.asking.ask(query), query)
            if page is not None and not page.items:
                return Check("Empty", State.MISSING, "no empty checkpoint was given; an unknown project serves")
            return Check(
                "Empty",
                State.MISSING,
                "no empty checkpoint was given, and an unknown project brings no empty page",
                "--empty-checkpoint with a checkpoint that has no permissions",
            )
        query = self.asking.query(checkpoint=name)
        exchange = self.asking.ask(query)
        page = self.asking.reader.page(exchange, query)
        if page is not None and not page.items:
            return Check("Empty", State.GOOD, "it is empty")
        said = "it has permissions" if page is not None else f"it is no empty list ({_status(exchange)})"
        return Check("Empty", State.DOUBTFUL, said, "--empty-checkpoint with one that has no permissions")

    def _refused(self, credential: str, name: str, remedy: str) -> Check:
        exchange = self.asking.ask(self.asking.query(), credential=credential)
        allowed = _REFUSED_OR_HIDDEN if credential == "user" else _REFUSED
        if exchange.status in allowed:
            return Check(name, State.GOOD, f"refused with {exchange.status}")
        return Check(name, State.DOUBTFUL, f"not refused ({_status(exchange)}): a run will say more", remedy)


def _status(exchange: Exchange) -> str:
    if exchange.answer is not None:
        return str(exchange.answer.status)
    return f"no answer: {exchange.failure.kind}" if exchange.failure else "no answer"


def _reached(base_url: str, first: Exchange | None) -> Check:
    if first is None:
        return Check("Target", State.BAD, f"{base_url} was not asked", "")
    failure = first.failure
    if failure is None:
        return Check("Target", State.GOOD, f"{base_url} answers")
    if failure.kind is FailureKind.REDIRECT:
        return Check("Target", State.BAD, f"{base_url} redirects: {failure.text}", "the --base-url that it leads to")
    remedy = {
        FailureKind.UNREACHABLE: "a --base-url that is reachable from here (for a private authority: --ca-bundle)",
        FailureKind.THROTTLED: "a lower --rate, or a later time",
    }.get(failure.kind, "a look at the log of the target")
    return Check("Target", State.BAD, f"{base_url} gives no answer ({failure.text})", remedy)


def _key(answered: Exchange) -> Check:
    if answered.status in _REFUSED:
        return Check(
            "Admin key",
            State.BAD,
            f"refused with {answered.status}",
            f"{ADMIN_VARIABLE} (or --key-file, --key-command) with a key that has admin rights",
        )
    return Check("Admin key", State.GOOD, "accepted")


def _gaps(plan: Plan, evidence: Evidence) -> tuple[Gap, ...]:
    grouped: dict[tuple[str, str], list[str]] = {}
    gating: set[tuple[str, str]] = set()
    for clause in plan.clauses:
        lacking = clause.needs.lacking(evidence)
        if lacking is not None:
            grouped.setdefault(lacking, []).append(clause.id)
            if clause.level in plan.gate:
                gating.add(lacking)
    return tuple(Gap(*lacking, tuple(members), lacking in gating) for lacking, members in grouped.items())
