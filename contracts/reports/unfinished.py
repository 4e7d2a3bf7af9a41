"""What is told of a run that ended before anything was judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from contracts.errors import ContractsError
from contracts.model import Judgement, Level, Result, Verdict
from contracts.run import ExitCode, InternalError, Terms, failure, own_version

_BEFORE = "the run ended before it was judged"


def unfinished(terms: Terms, error: BaseException, redacted: Callable[[str], str]) -> Result:
    """A result without a verdict on any clause, and with the reason as its note.

    Args:
        terms: What was to be judged, as far as that is known.
        error: What ended the run.
        redacted: Takes the keys out of a text.
    """
    if isinstance(error, InternalError):
        return replace(error.result, notes=tuple(map(redacted, error.result.notes)))
    code, note = _reason(error)
    return Result(
        version=own_version(),
        target=terms.target,
        document=terms.operation.name,
        document_sha256=terms.operation.sha256,
        seed=terms.seed,
        judgements=tuple(
            Judgement(clause.id, clause.level, clause.title, Verdict.NOT_EXERCISED, reason=_BEFORE)
            for clause in terms.clauses
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
        gate=frozenset(level for level in Level if level in terms.gate),
        notes=(redacted(note),),
        interrupted=code == ExitCode.INTERRUPTED,
    )


def _reason(error: BaseException) -> tuple[int, str]:
    if isinstance(error, ContractsError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED, "The run was interrupted before anything was judged."
    return ExitCode.INTERNAL, f"The suite itself failed: {failure(error)}."
