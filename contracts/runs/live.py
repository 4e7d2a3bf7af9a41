"""One run: the probes ask, the clauses judge, what they found is asked again, and all of it is one result."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

from contracts.core import interrupts
from contracts.core.errors import ConfigurationError, ExitCode
from contracts.core.model import Exchange, FailureKind
from contracts.core.result import Finding, Judgement, Level, Repetition, Result
from contracts.core.wording import count
from contracts.evidence.evidence import ASIDE, CONTROL, Evidence
from contracts.evidence.movement import LAG
from contracts.evidence.reader import Reader
from contracts.probes import PROBES, draw_ahead
from contracts.probes.asking import Asking, ShareSpent
from contracts.probes.inputs import inputs
from contracts.probes.walks import after_the_ends, control_walk, further
from contracts.runs.answering import AGAIN, DeepAnswers, LiveAnswers
from contracts.runs.causes import requests, test_causes, with_causes
from contracts.runs.deep.walk import DEEP, Deep, walk_through
from contracts.runs.first_look import obstacle
from contracts.runs.plan import Plan, Progress
from contracts.runs.shares import Shares
from contracts.traffic.client import DiskFull, OutOfTime, RunStopped, TargetGone
from contracts.traffic.limits import CLOSER, LEAST_BUDGET
from contracts.verdicts.cascades import roots
from contracts.verdicts.conclusion import (
    Cost,
    InternalError,
    conclude,
    failure,
    without_verdict,
    without_verdicts,
)
from contracts.verdicts.confirmation import Confirming, worth_confirming
from contracts.verdicts.judging import MORE, judge
from contracts.verdicts.recurrence import Confirmation
from contracts.verdicts.tallying import Tally, tally

LEAST_TO_SPARE = 127
SHARE_FOR_CONFIRMING = 0.128
"""The share of the budget beyond `LEAST_TO_SPARE` requests that is reserved for confirmation."""
FOR_CAUSES = 11
"""The most requests that are reserved for testing likely causes."""
LAST_RESERVE = 6
"""Requests that are reserved for confirming what only the last probe found."""
MOST_FAILED = 10
"""Requests with a 5xx answer that are repeated once before anything is confirmed."""
CONTROL_WALKS = 3
"""The control walks after the first one for which requests are reserved; with a small budget it is one request."""
SHARE_FOR_CONTROL_WALKS = 0.05
"""The most of the budget that is reserved for them."""
_STOPS = (ShareSpent, RunStopped, KeyboardInterrupt)
"""The exceptions that end the confirmation early; what was repeated until then counts."""
AFTER_OTHERS = 100
"""Requests beyond the budget for confirming what a load found."""
SMALL_BUDGET = 150
"""With at most this budget, control walks run only before and after everything else."""
BETWEEN_WALKS = 26
"""The least requests between two control walks."""

_MOST_PUT_OFF = 3
_SLOWER = "a slower --rate"
_MORE_TIME = "more time (--max-time)"
_MORE_DISK = "more room where temporary files are (TMPDIR)"
_FAILED = "the suite itself failed when it judged this"


Between = Callable[[Asking], Iterable[Exchange]]
"""Lets other clients send requests for a while; their exchanges are judged and confirmed like the others."""


def run(plan: Plan, on_progress: Callable[[Progress], None] | None = None, between: Between | None = None) -> Result:
    """Send the requests of the probes, judge the answers, confirm the findings, and conclude.

    With ``between`` other clients send requests once the list is known; `AFTER_OTHERS` requests confirm their findings.

    After an interrupt, a spent budget or a target that goes away, the answers until then are judged, and the result
    says how the run ended.

    Raises:
        ConfigurationError: The target can't be reached, refuses the key or does not know the checkpoint.
        InternalError: The suite itself failed; the error holds the result as far as it goes.
    """
    if plan.budget < LEAST_BUDGET:
        raise ConfigurationError(f"--requests {plan.budget} is too few for a verdict: give at least {LEAST_BUDGET}.")
    with interrupts.held():
        return _Run(plan, on_progress, between).result()


class _Run:
    def __init__(
        self, plan: Plan, on_progress: Callable[[Progress], None] | None, between: Between | None = None
    ) -> None:
        self._plan = plan
        self._between = between
        self._began = time.monotonic()
        self._on_progress = on_progress
        self._client = plan.client(plan.budget, on_exchange=self._tell)
        self._reader = Reader(plan.operation)
        self._asking = Asking(
            self._reader,
            plan.target,
            self._client,
            random.Random(plan.seed),
            plan.forms,
            parts=plan.parts,
        )
        self._confirmations: dict[str, Confirmation] = {}
        self._repetitions: list[Repetition] = []
        self._tallied: tuple[Evidence, dict[str, Tally]] | None = None
        self._deep: Deep | None = None
        self._notes: list[str] = list(plan.redactor.remarks())
        if plan.route.proxy is not None:
            self._notes.append(f"Asked through {plan.route.proxy.name}.")
        self._advice = ""
        """What would let the run send more requests, where that is not a larger budget."""
        self._late = False
        """Whether a probe was ended because its part of the time was used up."""
        self._shares = Shares(plan, self._client, self._began)
        self._throttled = self._put_off = 0
        self._exit: int | None = None
        self._failed: Exception | None = None

    def _last_words(self) -> str:
        """A sentence on the request with which the target went away, or on the last one that it answered."""
        exchanges = self._client.exchanges
        answered = max(
            (each for each in exchanges if each.answer is not None), key=lambda each: each.received, default=None
        )
        after = answered.received if answered is not None else 0
        met = [
            each
            for each in exchanges
            if each.received > after and each.failure is not None and each.failure.kind is not FailureKind.UNREACHABLE
        ]
        if len(met) == 1:
            return f" It went away with request {met[0].number + 1} ({met[0].probe}): GET {met[0].request.target}"
        if met:
            numbers = ", ".join(str(each.number + 1) for each in met[:-1]) + f" and {met[-1].number + 1}"
            return (
                f" It went away with one of the requests {numbers} ({met[0].probe}), which were under way together:"
                " --concurrency 1 shows with which."
            )
        return f" The last request that it answered is number {answered.number + 1}." if answered else ""

    def _tell(self, exchange: Exchange) -> None:
        if not exchange.concurrent:  # those that were answered together are all kept first
            interrupts.check()
        self._refuse_to_be_put_off(exchange)
        if self._on_progress is not None:
            pages, of = (self._deep.pages, self._deep.expected(self._plan.deep)) if self._deep is not None else (0, 0)
            self._on_progress(self._progress(exchange.probe, pages, of))

    def _announce(self, probe: str) -> None:
        """Report the beginning of a probe before it loads what it needs, which may take time."""
        if self._on_progress is not None:
            self._on_progress(self._progress(probe))

    def _progress(self, probe: str, pages: int = 0, of: int = 0) -> Progress:
        limit = self._plan.limits.run
        left = None if limit is None else max(0.0, limit - (time.monotonic() - self._began))
        return Progress(probe, self._client.requests, self._shares.expected, pages, of, left)

    def _refuse_to_be_put_off(self, exchange: Exchange) -> None:
        """Stop the run if `_MOST_PUT_OFF` requests in a row were answered 429 until their waits were used up.

        Raises:
            RunStopped: They were.
        """
        if exchange.concurrent or exchange.request.credential != "admin":
            return
        if exchange.failure is None or exchange.failure.kind is not FailureKind.THROTTLED:
            self._put_off = 0
            return
        self._advice = _SLOWER
        self._throttled += 1
        self._put_off += 1
        if self._put_off == _MOST_PUT_OFF:
            raise RunStopped(f"{_MOST_PUT_OFF} requests in a row were answered with {exchange.failure.text}")

    def result(self) -> Result:
        with self._client:
            try:
                with interrupts.allowed():
                    self._ask_all()
                    interrupts.check()
            except KeyboardInterrupt:
                self._end(ExitCode.INTERRUPTED, "The run was interrupted: only what was asked until then is judged.")
            except TargetGone as gone:
                self._end(ExitCode.CONFIGURATION, f"The target went away during the run: {gone}.{self._last_words()}")
            except RunStopped as stopped:
                if isinstance(stopped, OutOfTime):
                    self._advice = _MORE_TIME
                if isinstance(stopped, DiskFull):
                    self._advice = _MORE_DISK
                self._notes.append(f"Not everything was asked: {stopped}. Provide {self._advice or MORE}.")
            except ConfigurationError as error:
                text = self._plan.redactor.text(str(error))
                raise ConfigurationError(text, requests=self._client.requests + error.requests) from None
            except Exception as error:  # noqa: BLE001 - whatever it is, what was asked until then is judged
                self._failed = error
        try:
            result = self._judged()
        except Exception as error:  # noqa: BLE001 - whatever it is, the result has what was sent
            self._failed = self._failed or error
            result = self._unjudged()
        # Until here everything is as the target sent it; from here on it may be written.
        result = self._plan.redactor.result(result)
        if self._failed is not None:
            note = f"{failure(self._failed)}. What was asked until then is judged, as far as that goes."
            result = replace(result, exit_code=ExitCode.INTERNAL, notes=(*result.notes, note), interrupted=False)
            raise InternalError(self._failed, result) from self._failed
        return result

    def _end(self, code: int, note: str) -> None:
        self._exit = code
        self._notes.append(note)

    def _judged(self) -> Result:
        evidence = self._asking.evidence
        try:
            tallies = self._tallies()
        except Exception as error:  # noqa: BLE001 - whatever it is, the clauses that do not fail are judged
            self._failed = self._failed or error
            tallies = self._tallied_one_by_one(evidence)
        judged = [clause for clause in self._plan.clauses if clause.id in tallies]
        if self._deep is not None:
            try:
                self._deep.judge()
            except Exception as error:  # noqa: BLE001 - whatever it is, what was judged before counts
                self._failed = self._failed or error
            self._deep.add_to(tallies)
        verdicts = judge(judged, evidence, tallies, self._confirmations)
        if self._shares.hurried or self._late:
            self._advice = self._advice or _MORE_TIME
        if self._advice:
            verdicts = tuple(replace(one, provide=one.provide.replace(MORE, self._advice)) for one in verdicts)
        known = {one.clause: one for one in verdicts}
        return self._report(
            evidence, tuple(known.get(clause.id) or without_verdict(clause, _FAILED) for clause in self._plan.clauses)
        )

    def _tallied_one_by_one(self, evidence: Evidence) -> dict[str, Tally]:
        tallies: dict[str, Tally] = {}
        for clause in self._plan.clauses:
            with suppress(Exception):
                tallies |= tally([clause], evidence)
        return tallies

    def _unjudged(self) -> Result:
        """All that was asked, without a verdict on any clause."""
        return without_verdicts(
            self._plan,
            self._cost(),
            reason=_FAILED,
            exit_code=ExitCode.INTERNAL,
            notes=self._notes,
            exchanges=self._client.exchanges,
        )

    def _cost(self) -> Cost:
        client = self._client
        return Cost(
            client.requests,
            client.requests_by_probe,
            client.waits,
            client.waited,
            client.retries,
            seconds=time.monotonic() - self._began,
        )

    # Asking

    def _ask_all(self) -> None:
        asking = self._asking
        asking.begin(CONTROL, self._plan.budget)
        control_walk(asking)
        per_walk = self._client.requests
        self._check_target()
        self._run_probes(per_walk)
        self._control_walk()
        self._let_others_ask()
        self._ask_again()
        if self._plan.deep and "walks" in self._plan.probes:
            self._go_deep()
        self._test_causes()

    def _run_probes(self, per_walk: int) -> None:
        """Let each probe ask within its share, with control walks in between, each of ``per_walk`` requests."""
        plan, asking = self._plan, self._asking
        room = self._shares.room()
        reach = min(plan.budget, room)
        for_walks = (
            min(per_walk * CONTROL_WALKS, int(plan.budget * SHARE_FOR_CONTROL_WALKS)) if reach > SMALL_BUDGET else 1
        )
        reserve = max(3, int((reach - LEAST_TO_SPARE) * SHARE_FOR_CONFIRMING))
        self._shares.hurry(room)
        last_walk = self._client.requests
        shares = self._shares.allot(plan.probes, min(self._client.remaining, room) - reserve - for_walks)
        if shares.get("generated"):
            asking.meanwhile = partial(draw_ahead, asking, shares["generated"])
        for place, name in enumerate(plan.probes):
            hurried = self._shares.hurried
            if place and plan.limits.run is not None and (self._shares.hurry(room := self._shares.room()) or hurried):
                # How fast the target answers, several requests together, shows better with each probe.
                shares = self._shares.allot(plan.probes[place:], min(self._client.remaining, room) - reserve - per_walk)
            # What is sent together may cost more than its share: a later probe then has less, not the confirmation.
            left = self._client.remaining - reserve - min(per_walk, for_walks)
            share = min(shares[name], left) if plan.budget > SMALL_BUDGET else shares[name]
            until = self._shares.until(plan.probes[place:], shares)
            asking.begin(name, share, until=until, hurried=self._shares.hurried)
            self._announce(name)
            with suppress(ShareSpent):
                PROBES[name].ask(asking)
            self._late |= asking.late
            due = name in {"walks", "repetition"} and self._client.requests - last_walk >= BETWEEN_WALKS
            if due and min(plan.budget, room) > SMALL_BUDGET:
                self._control_walk()
                last_walk = self._client.requests
        small = plan.budget <= SMALL_BUDGET
        advisory = {clause.id for clause in self._plan.clauses if clause.level is Level.ADVISORY}
        if (
            not (self._shares.hurried or self._late)
            and "walks" in plan.probes
            and all(name in advisory for name, _ in self._found())
        ):
            # With nothing to confirm, the reserved requests look further; without a selection the remaining ones too.
            spare = self._client.remaining - min(LAST_RESERVE, reserve) - per_walk
            # A small budget is short of odd values rather than of walks.
            name, ask = ("inputs", inputs) if small and "inputs" in plan.probes else ("walks", further)
            asking.begin(name, min(spare, reserve) if plan.selected else spare)
            with suppress(ShareSpent):
                ask(asking)

    def _let_others_ask(self) -> None:
        if self._between is None:
            return
        exchanges = self._between(self._asking)
        self._client.extend(AFTER_OTHERS)
        self._client.take(exchanges, apart=2 * LAG)
        self._control_walk()

    def _go_deep(self) -> None:
        """Walk through the whole list in both orders, and read doubtful places again."""
        plan, asking, evidence = self._plan, self._asking, self._asking.evidence
        self._client.extend(plan.deep + CLOSER)
        deep = self._deep = Deep(evidence, plan.clauses, self._client.spool, plan.deep)
        walk_through(asking, deep, plan.deep)
        asking.last_items = deep.last_items
        asking.begin("walks", self._client.remaining)
        with suppress(ShareSpent):
            after_the_ends(asking)
        asking.begin(DEEP, self._client.remaining)
        self._ask_deep_again(deep)

    def _ask_deep_again(self, deep: Deep) -> None:
        """Confirm findings that only the walk through the whole list shows, or shows better."""
        found = deep.worth_confirming(self._found())
        confirming = Confirming(
            self._plan.clauses,
            self._reader,
            self._plan.target,
            DeepAnswers(self._asking, found),
            moved=False,
            stops=_STOPS,
            part=True,
        )
        self._confirmations |= confirming.ask(found)
        self._repetitions += confirming.repetitions
        _go_on(confirming)

    def _found(self) -> list[tuple[str, Finding]]:
        return worth_confirming(self._tallies())

    def _tallies(self) -> dict[str, Tally]:
        """What each clause finds in the exchanges so far."""
        evidence = self._asking.evidence
        if self._tallied is None or self._tallied[0] is not evidence:
            self._tallied = evidence, tally(self._plan.clauses, evidence)
        return self._tallied[1]

    def _control_walk(self) -> None:
        """Make another control walk, so that the requests since the last one lie between two."""
        self._asking.begin(CONTROL, self._client.remaining)
        try:
            control_walk(self._asking)
        except ShareSpent:
            self._notes.append(
                f"The budget of {self._plan.budget} requests was used up before the list could be looked at once more:"
                " each wait, redirect and repeated try is one of them. --requests N gives more."
            )

    def _check_target(self) -> None:
        """End the run if the target can't be judged at all."""
        found = obstacle(self._asking, self._plan)
        if found is not None:
            raise ConfigurationError(found.sentence(self._plan.target.base_url), requests=found.requests)

    # Asking again

    def _ask_failed_again(self) -> None:
        """Repeat requests that were answered 5xx: they break clauses only if the 5xx recurs."""
        evidence = self._asking.evidence
        failed = [exchange for exchange in evidence.exchanges if exchange.failed and not exchange.postponed]
        # First the requests that are the likeliest reason.
        failed.sort(key=lambda exchange: exchange.request.credential == "admin" and not evidence.unusual(exchange))
        self._asking.begin(AGAIN, min(self._client.remaining, MOST_FAILED))
        with suppress(ShareSpent):
            for request in dict.fromkeys(exchange.request for exchange in failed if not exchange.concurrent):
                self._asking.send(request)

    def _ask_again(self) -> None:
        self._ask_failed_again()
        plan, evidence, tallies = self._plan, self._asking.evidence, self._tallies()
        judgements = judge(plan.clauses, evidence, tallies, {})
        derived = roots(judgements)
        found = worth_confirming(tallies, derived)
        if not found:
            return
        self._announce(AGAIN)
        confirming = Confirming(
            plan.clauses,
            self._reader,
            plan.target,
            LiveAnswers(
                self._asking,
                reserve=min(FOR_CAUSES, requests(judgements, evidence)) if plan.budget > SMALL_BUDGET else 0,
            ),
            moved=evidence.unsteady,
            stops=_STOPS,
        )
        self._confirmations = confirming.ask(found, derived)
        self._repetitions += confirming.repetitions
        _go_on(confirming)

    def _test_causes(self) -> None:
        """Test the likely causes if several clauses broke."""
        if len(self._found()) <= 1:  # several
            return
        self._announce(ASIDE)
        evidence = self._asking.evidence
        test_causes(self._asking, judge(self._plan.clauses, evidence, self._tallies(), self._confirmations))

    # Reporting

    def _reach(self, evidence: Evidence) -> Iterator[str]:
        """Notes for the reader on how far the run went, and how much of the list it saw."""
        limit = self._plan.limits.run
        if (self._shares.hurried or self._late) and limit is not None:
            yield (
                f"An answer took {self._shares.seconds:.1f} s on average, so in the {limit:g} s of the run"
                f" {self._client.requests} of {self._plan.budget} requests were sent, the most telling ones of each"
                " probe first. --max-time gives more."
            )
        if self._throttled:
            number = count(self._throttled, "request")
            yield f"{number} got nothing but 429, and what they asked is not judged. Provide {_SLOWER}."
        if evidence.endless:
            yield "The list does not end: a cursor comes back. What was seen until then is judged."
        elif self._deep is not None:
            yield from self._deep.notes()
        elif evidence.listing.complete or not evidence.listing.items:
            return
        elif any(each.probe == CONTROL for each in evidence.failures.lost):
            yield "The list was not seen to its end: the connection broke each time before that."
        elif self._advice:
            yield "The list was not seen to its end: it is judged as far as it was seen."
        else:
            yield (
                f"The list is longer than the budget of {self._plan.budget} requests reaches, or does not end: it is"
                " judged at both ends. --requests N reaches further."
            )

    def _report(self, evidence: Evidence, judgements: tuple[Judgement, ...]) -> Result:
        self._notes += self._reach(evidence)
        result = conclude(self._plan, evidence, judgements, self._cost(), notes=self._notes)
        try:
            result = with_causes(result, evidence)
        except Exception as error:  # noqa: BLE001 - whatever it is, the verdicts are reported
            self._failed = self._failed or error
        if self._deep is not None:
            result = self._deep.with_walks(result, self._client.spool)
        if self._exit is None and interrupts.came():
            self._end(ExitCode.INTERRUPTED, "The run was interrupted when everything was asked: nothing is missing.")
            result = replace(result, notes=(*result.notes, self._notes[-1]))
        code = result.exit_code if self._exit is None else self._exit
        repetitions = tuple(self._repetitions)
        return replace(result, exit_code=code, interrupted=code == ExitCode.INTERRUPTED, repetitions=repetitions)


def _go_on(confirming: Confirming) -> None:
    """Raise what ended the confirmation early, unless it was only the budget."""
    if confirming.ended_by is not None and not isinstance(confirming.ended_by, ShareSpent):
        raise confirming.ended_by
