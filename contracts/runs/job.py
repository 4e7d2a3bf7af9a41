"""The judging of one target, from its settings to what is written of it: the same for the command line and pytest."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from contracts.clauses.registry import Clause
from contracts.core import interrupts
from contracts.core.model import Target
from contracts.core.result import Result
from contracts.openapi.operation import Operation
from contracts.reports import output
from contracts.reports.github import Annotation
from contracts.reports.unfinished import unopened
from contracts.reports.view import Report
from contracts.runs.live import run
from contracts.runs.plan import Plan, Progress
from contracts.runs.replay import Hints, OnStep, replay
from contracts.runs.selection import chosen
from contracts.runs.target import opened
from contracts.runs.waiting import await_answer
from contracts.settings.groups import DOCUMENT
from contracts.settings.operation import list_named, operation
from contracts.settings.settings import OPTIONS, Settings
from contracts.traffic.keys import Keys
from contracts.traffic.redaction import without_keys
from contracts.verdicts.conclusion import Terms

Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Judged:
    """A result, and the report of it."""

    result: Result
    report: Report
    operation: Operation


class Job:
    """The judging of one target.

    Args:
        settings: What the user chose for this target.
        words: The clauses to judge as the user writes them, by id or family; none for all.
        keys: The keys of the target; by default those that the settings name.

    Attributes:
        keys: The keys of the target, once they are known; whatever is said of an error must not show them.
        remarks: What is to be remarked in the log of a job on GitHub, however the job ended.
    """

    def __init__(self, settings: Settings, words: Sequence[str] = (), keys: Keys | None = None) -> None:
        self._settings = settings
        self._words = tuple(words)
        self._given = keys
        self.keys: Keys | None = None
        self.remarks: tuple[Annotation, ...] = ()

    def judge(
        self,
        progress: AbstractContextManager[Tell | None] | None = None,
        say: Callable[[str], None] = lambda _: None,
        carry_out: Callable[[Plan, Tell | None], Result] | None = None,
    ) -> Judged:
        """Open the target, ask and judge. An error is written to the reports before it is raised.

        Args:
            progress: Entered when the asking begins and left before the reports are written; gets each step.
            say: Gets what is to be known before anything is asked, a sentence each time.
            carry_out: The run itself, from its plan to its result; an ordinary one where that is not given.

        Raises:
            ConfigurationError: Nothing can be judged with these settings.
            InternalError: The suite itself failed.
            KeyboardInterrupt: An interrupt came before anything could be judged.
        """
        settings = self._settings
        selected: tuple[Clause, ...] = ()
        terms: Terms | None = None
        output.refuse_overwriting(settings)
        try:
            output.refuse_unwritable(settings)
            with ExitStack() as until_asked:
                with interrupts.allowed():
                    selected = chosen(self._words)
                    target = until_asked.enter_context(opened(settings, self._given))
                    self.keys = target.keys
                    terms = plan = target.plan(selected)
                    for remark in plan.redactor.remarks():
                        say(remark)
                    if settings.wait:
                        await_answer(plan, settings.wait, say=say)
                    tell = until_asked.enter_context(progress or nullcontext())
                result = (carry_out or run)(plan, tell)
        except BaseException as error:
            self._tell(terms or unopened(settings, selected), error)
            raise
        report = output.report_of(settings, self._words, result)
        return Judged(result, report, plan.operation)

    def replay(self, path: Path, hints: Hints, on_step: OnStep = lambda _stage, _entries: None) -> Judged:
        """Judge a recording. An error is written to the reports before it is raised.

        Args:
            path: A HAR file.
            hints: What is known of its target.
            on_step: Called with the number of entries that were read until now, or are judged.

        Raises:
            ConfigurationError: It is no recording of the operation.
        """
        settings = self._settings
        selected: tuple[Clause, ...] = ()
        output.refuse_overwriting(settings, path)
        try:
            output.refuse_unwritable(settings)
            selected = chosen(self._words)
            described = operation(settings, elsewhere=True)
            hints = replace(
                hints,
                checkpoint=hints.checkpoint or list_named(settings, "at", described),
                other_checkpoint=hints.other_checkpoint or list_named(settings, "other_at", described),
            )
            result = replay(path, described, partial(_terms, settings, described, selected), hints, on_step)
        except BaseException as error:
            self._tell(unopened(settings, selected), error)
            raise
        known = [(OPTIONS[name].flagged, value) for name, value in asdict(hints).items() if value is not None]
        known += [(OPTIONS[name].flagged, str(getattr(settings, name))) for name in settings.given(*DOCUMENT)]
        known += [(OPTIONS["at"].flagged, f"{name}={value}") for name, value in described.outer.items()]
        known += [(OPTIONS["query"].flagged, str(each)) for each in settings.query]
        words = (str(path), *self._words, *(word for pair in known for word in pair))
        again = shlex.join(["contracts", "replay", *words])
        return Judged(result, Report.of(result, repeat=again), described)

    def write(self, judged: Judged) -> None:
        """Write the recording and the reports, all that can be written.

        Raises:
            ConfigurationError: One of them can't be written.
        """
        try:
            output.write(self._settings, judged.report, judged.result, judged.operation)
        finally:
            self.remarks = output.announce(judged.report)

    def _tell(self, terms: Terms, error: BaseException) -> None:
        """Let the reports say why nothing was judged."""
        self.remarks = output.write_unfinished(
            self._settings, self._words, terms, error, lambda text: without_keys(text, self.keys)
        )


def _terms(settings: Settings, described: Operation, selected: tuple[Clause, ...], target: Target, seed: int) -> Terms:
    """How a recording of a target is judged."""
    return Terms(
        target=target,
        operation=described,
        seed=seed,
        selected=selected,
        gate=settings.gating,
        incomplete=settings.allow_incomplete,
        deviations=tuple(one for one in settings.deviations if one.target in {"", target.name}),
    )
