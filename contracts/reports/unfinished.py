"""What is told of a run that ended before anything was judged."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

from contracts.errors import ContractsError
from contracts.model import Judgement, Level, Result, Verdict
from contracts.run import ExitCode, Plan, own_version


def unfinished(plan: Plan, error: BaseException, redacted: Callable[[str], str]) -> Result:
    """A result without a verdict on any clause, and with the reason as its note.

    Args:
        plan: What was to be judged.
        error: What ended the run.
        redacted: Takes the keys out of a text.
    """
    code, note = _reason(error)
    return Result(
        version=own_version(),
        target=plan.target,
        document=plan.operation.name,
        document_sha256=plan.operation.sha256,
        seed=plan.seed,
        judgements=tuple(
            Judgement(clause.id, clause.level, clause.title, Verdict.NOT_EXERCISED, reason="the run ended before")
            for clause in plan.clauses
        ),
        items=0,
        projects=0,
        requests=0,
        requests_by_probe=(),
        waits=0,
        waited=0.0,
        retries=0,
        seconds=0.0,
        exit_code=code,
        gate=frozenset(level for level in Level if level in plan.gate),
        notes=(redacted(note),),
        interrupted=code == ExitCode.INTERRUPTED,
    )


def _reason(error: BaseException) -> tuple[int, str]:
    if isinstance(error, ContractsError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED, "The run was interrupted before anything was judged."
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return ExitCode.INTERNAL, f"The suite itself failed ({type(error).__name__}{where}); please report it."
