"""The process beside Locust: it learns the list before the load, and judges and confirms after it.

It is an ordinary run with the load in its middle, in a process beside Locust, which patches its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeGuard

from contracts.core.errors import ConfigurationError, ExitCode
from contracts.core.model import Exchange
from contracts.core.result import Figures, Finding, Judgement, Result, Verdict
from contracts.core.wording import count
from contracts.evidence.evidence import LOAD
from contracts.probes.asking import Asking
from contracts.runs.live import run
from contracts.runs.load.messages import Done, Learned, Reading, Writing, receive, send
from contracts.runs.load.options import agreed
from contracts.runs.load.questions import worth_sending
from contracts.runs.load.wording import notes
from contracts.runs.plan import Plan, Progress
from contracts.traffic.redaction import MARKER


class Conductor:
    """Learns the list, waits for the load, and reports the result.

    Args:
        incoming: Where messages come from.
        outgoing: Where messages go to.
    """

    def __init__(self, incoming: Reading, outgoing: Writing) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._done: Done | None = None
        self._agreed: dict[str, str] = {}

    @property
    def loaded(self) -> bool:
        """Whether the load began, so that the other process waits for the result."""
        return self._done is not None

    def run(self, plan: Plan, on_progress: Callable[[Progress], None] | None) -> Result:
        """An ordinary run with a load in the middle; see `contracts.runs.live.run`."""
        self._agreed = agreed(plan)
        # The load has a time of its own, and only so many requests of this run are asked around it.
        result = run(replace(plan, limits=replace(plan.limits, run=None)), on_progress, self._between)
        if self._done is None:
            return result
        figures = self._done.figures
        result = left_open(result, figures)
        judgements = tuple(confirmed(each) for each in result.judgements)
        return replace(
            result,
            judgements=judgements,
            load=figures,
            notes=(
                *result.notes[: result.changed],
                *where_to_look(judgements),
                *notes(figures),
                *result.notes[result.changed :],
            ),
            # What causes are known by is what breaks always.
            causes=() if any(map(_under_load_only, result.judgements)) else result.causes,
        )

    def _between(self, asking: Asking) -> Iterator[Exchange]:
        """Send what is known of the list to the load, wait for its end, and return its exchanges.

        Raises:
            KeyboardInterrupt: after the last exchange, if an interrupt ended the load.
        """
        exchanges = tuple(worth_sending(asking.client.exchanges))
        redactor = asking.client.redactor
        shareable = all(redactor.exchange(each) is each for each in exchanges)
        send(self._outgoing, Learned(asking.target.base_url, exchanges, shareable, self._agreed))
        self._done = receive(self._incoming, Done)
        if self._done is None:  # the other process ended before the load did
            raise KeyboardInterrupt
        # A request out of which a key was taken can't be sent again.
        yield from (each for each in self._done.evidence if not MARKER.search(each.request.target))
        if self._done.interrupted:
            raise KeyboardInterrupt
        if not self._done.judged:
            raise ConfigurationError(f"No answer under load could be judged. {' '.join(notes(self._done.figures))}")


def _shown_by_load(finding: Finding | None) -> TypeGuard[Finding]:
    return finding is not None and any(each.probe == LOAD for each in finding.exchanges)


def _under_load_only(judgement: Judgement) -> bool:
    return _shown_by_load(judgement.finding) and judgement.asked > 0 and not judgement.seen


def where_to_look(judgements: Iterable[Judgement]) -> Iterator[str]:
    """A hint for the server's maintainers, if nothing that broke under load breaks without it."""
    asked = [each for each in judgements if each.verdict is Verdict.BROKEN and each.asked]
    if asked and all(map(_under_load_only, asked)):
        yield (
            "All that broke is right when it is asked alone: look at what requests share (buffers, caches, pools,"
            " global state) and at what the target does when it has too much to do, rather than at single queries."
        )


def left_open(result: Result, figures: Figures) -> Result:
    """A result in which no clause is kept that users saw broken, where what was sent of that does not show it again."""
    judgements = tuple(
        replace(
            each,
            verdict=Verdict.INCONCLUSIVE,
            reason=f"it broke {count(figures.breaches[each.clause], 'time')} under load, and the answers that were kept"
            " do not show it again",
        )
        if each.clause in figures.breaches and each.verdict in {Verdict.KEPT, Verdict.NOT_EXERCISED}
        else each
        for each in result.judgements
    )
    some = judgements != result.judgements and result.exit_code == ExitCode.KEPT
    return replace(result, judgements=judgements, exit_code=ExitCode.INCOMPLETE if some else result.exit_code)


def confirmed(judgement: Judgement) -> Judgement:
    """A judgement whose text says whether what broke under load breaks without load too."""
    finding = judgement.finding
    if not _shown_by_load(finding) or not judgement.asked:
        return judgement
    only = _under_load_only(judgement)
    said = "under load only: asked alone it was right" if only else "always: asked alone it came back"
    number = judgement.asked if only else judgement.seen
    actual = f"{finding.actual} ({said} {number} of {judgement.asked} times)"
    return replace(judgement, finding=replace(finding, actual=actual))
