"""The result of a run that ended before anything was judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from contracts.clauses.registry import Clause
from contracts.core.errors import ConfigurationError, ContractsError, ExitCode, lack
from contracts.core.model import Target
from contracts.core.result import Result
from contracts.openapi.loading import load_operation
from contracts.settings.operation import operation as chosen
from contracts.settings.settings import Settings
from contracts.verdicts.conclusion import BEFORE, Cost, InternalError, Terms, failure, without_verdicts


def unfinished(terms: Terms, error: BaseException, redacted: Callable[[str], str]) -> Result:
    """A result without a verdict on any clause, and with the reason as its note.

    Args:
        terms: What was to be judged, as far as that is known.
        error: What ended the run.
        redacted: Takes the keys out of a text.
    """
    if isinstance(error, InternalError) and lack(error) is None:
        return replace(error.result, notes=tuple(map(redacted, error.result.notes)))
    code, note = _reason(error)
    cost = Cost(requests=error.requests if isinstance(error, ConfigurationError) else 0)
    return without_verdicts(terms, cost, reason=BEFORE, exit_code=code, notes=[redacted(note)])


def unopened(settings: Settings, selected: Sequence[Clause] = ()) -> Terms:
    """What was to be judged when the target could not be opened.

    Of the target only its name is shown: as long as no key is known, one may have been pasted anywhere. A document
    that can't be used has the operation of the published one here, and no digest.
    """
    try:
        operation = chosen(settings)
    except ConfigurationError:
        name = settings.spec.name if settings.spec else ""
        operation = replace(load_operation(), name=name, sha256="")
    target = Target("", "", name=settings.name)
    return Terms(target=target, operation=operation, seed=settings.seed, selected=selected, gate=settings.gating)


def _reason(error: BaseException) -> tuple[int, str]:
    if (lacked := lack(error)) is not None:
        return ExitCode.CONFIGURATION, f"This machine did not let the run go on: {lacked}."
    if isinstance(error, ContractsError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED, "The run was interrupted before anything was judged."
    return ExitCode.INTERNAL, f"The suite itself failed: {failure(error)}."
