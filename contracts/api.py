"""What a notebook or another test runner needs: judge a server or a recording, and look at the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from inspect import cleandoc
from os import PathLike
from pathlib import Path
from typing import Final, TypeVar

from contracts.core import interrupts
from contracts.core.errors import ConfigurationError
from contracts.core.result import Result
from contracts.core.wording import hint
from contracts.runs.job import Job
from contracts.runs.plan import Progress
from contracts.runs.replay import Hints
from contracts.settings.choosing import choose
from contracts.settings.groups import DOCUMENT, FOR_TERMINALS, ISSUES, REPORTS
from contracts.settings.settings import OPTIONS, Settings
from contracts.traffic.keys import Keys

Option = str | float | bool | PathLike[str] | Sequence[str] | None
Judging = TypeVar("Judging", bound=Callable[..., Result])
_OF_CHECK: Final = tuple(name for name in OPTIONS if name not in FOR_TERMINALS)
_OF_REPLAY: Final = (
    "config",
    *DOCUMENT,
    *("at", "other_at", "query", "gate", "strict", "allow_incomplete"),
    *REPORTS,
    *ISSUES,
)


def _listing(names: Sequence[str]) -> Callable[[Judging], Judging]:
    """Let the help on a function end with these options, each with its sentence on the command line."""

    def listed(function: Judging) -> Judging:
        known = [name for name in names if name not in function.__annotations__]
        lines = (f"    {name}: {OPTIONS[name].help}" for name in known)
        function.__doc__ = "\n".join([cleandoc(function.__doc__ or ""), "", "Options:", *lines])
        return function

    return listed


@_listing(_OF_CHECK)
def check(
    base_url: str | None = None,
    *,
    checkpoint: str | None = None,
    admin_key: str | None = None,
    user_key: str | None = None,
    clauses: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
    **options: Option,
) -> Result:
    """Judge a server, as ``contracts check`` does.

    What is not given here comes from the environment, and from ``contracts.toml`` in the current folder.

    Args:
        base_url: Where the API begins, as in ``https://host/v1``; by default the embedded server is judged.
        checkpoint: The checkpoint whose permissions are listed.
        admin_key: The admin key; by default that of the environment, a file or a command, as on the command line.
        user_key: A key without admin rights, beside an ``admin_key``.
        clauses: The clauses to judge, by id or family; by default all.
        on_progress: Called after each exchange.
        options: Every other option of the command, with ``_`` for ``-``: ``other_checkpoint="ft:x"``,
            ``requests=200``, ``strict=True``, ``gate=["documented"]``, ``html="report.html"``. All are listed below;
            what is repeatable takes a list.

    Returns:
        The verdicts, with `Result.exit_code` as of the command. An interrupt ends the asking, and gives a result of
        what was asked until then.

    Raises:
        ConfigurationError: An option can't be used, or the target can't be judged.
        InternalError: The suite itself failed; the error holds what was judged all the same.
    """
    if admin_key is None and user_key is not None:
        raise ConfigurationError("user_key needs admin_key beside it.")
    keys = None if admin_key is None else Keys.of(admin_key, user_key)
    named: dict[str, Option] = {"base_url": base_url, "checkpoint": checkpoint}
    settings = _settings({**named, **options}, _OF_CHECK)
    if keys is not None and settings.base_url is None:
        raise ConfigurationError("admin_key needs base_url beside it: the embedded server has a key of its own.")
    with interrupts.held():
        job = Job(settings, clauses, keys)
        judged = job.judge(nullcontext(on_progress))
        job.write(judged)
    return judged.result


@_listing(_OF_REPLAY)
def replay(
    path: str | PathLike[str],
    *,
    base_url: str | None = None,
    checkpoint: str | None = None,
    other_checkpoint: str | None = None,
    clauses: Sequence[str] = (),
    **options: Option,
) -> Result:
    """Judge a recording, as ``contracts replay`` does, without a request.

    Args:
        path: A HAR file: one of ``record``, or what a browser, a proxy or another tool recorded.
        base_url: Where its target began; by default where most of the requests went.
        checkpoint: The checkpoint to judge; by default that of most of the answers.
        other_checkpoint: A second checkpoint, with permissions of its own.
        clauses: The clauses to judge, by id or family; by default all.
        options: Every other option of the command, with ``_`` for ``-``. All are listed below; what is repeatable
            takes a list.

    Returns:
        The verdicts, as of `check`; one of this suite's own recordings brings those of its run.

    Raises:
        ConfigurationError: An option can't be used, or it is no recording of the operation.
    """
    settings = _settings(options, _OF_REPLAY)
    job = Job(settings, clauses)
    judged = job.replay(Path(path), Hints(base_url, checkpoint, other_checkpoint))
    job.write(judged)
    return judged.result


def _settings(options: Mapping[str, Option], names: Sequence[str]) -> Settings:
    for name in options:
        if name not in names:
            known = f"There are {', '.join(names)}."
            raise ConfigurationError(f"There is no option {name}. {hint(name, names, known)}")
    return choose({name: _said(name, value) for name, value in options.items()}, names=names)


def _said(name: str, value: Option) -> str | bool | Sequence[str] | None:
    """A value as the command line would say it."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Sequence):
        return value if OPTIONS[name].multiple else ",".join(value)
    if name == "rate":
        return f"{value}/s"
    return str(value)
