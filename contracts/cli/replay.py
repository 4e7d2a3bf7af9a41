"""``contracts replay``: a recording judged again."""

from __future__ import annotations

from pathlib import Path

import click

from contracts.cli.check import annotate
from contracts.cli.shell import Grouped, options, present, printed
from contracts.core import interrupts
from contracts.core.errors import ConfigurationError
from contracts.settings.groups import DOCUMENT, ISSUES, REPORTS
from contracts.settings.settings import OPTIONS, Settings


@click.command(cls=Grouped)
@click.argument("file", metavar="FILE.har")
@click.argument("clauses", nargs=-1, metavar="[CLAUSE]...")
@click.option("--base-url", metavar="URL", help="Where its target began (default: where most of the requests went).")
@click.option("--checkpoint", metavar="ID", help="The checkpoint to judge (default: that of most of the answers).")
@click.option("--other-checkpoint", metavar="ID", help="A second checkpoint, with permissions of its own.")
@options(
    "config",
    *DOCUMENT,
    *("at", "other_at", "query", "gate", "strict", "allow_incomplete"),
    *REPORTS,
    *ISSUES,
    "quiet",
    "verbose",
    "color",
)
def replay(settings: Settings, file: str, clauses: tuple[str, ...], **words: str | None) -> int:
    """Judge a recording, without a request.

    FILE.har is what `contracts check --record` wrote, or what a browser, a proxy or another tool recorded: that
    is judged for all that it can show. CLAUSE is as in `contracts check`.

    Exit codes: as of `contracts check`; 4 if it is no recording of this operation.
    """
    from contracts.cli.progress import replaying
    from contracts.runs.job import Job
    from contracts.runs.replay import Hints

    hints = Hints(**{name: _parsed(name, word) for name, word in words.items() if word is not None})
    job = Job(settings, clauses)
    try:
        with replaying(quiet=settings.quiet) as tell:
            judged = job.replay(Path("/dev/stdin" if file == "-" else file), hints, tell)
        with interrupts.held():
            present(settings, judged, job.write)
    finally:
        annotate(job.remarks, printed(settings))
    interrupts.check()
    return judged.result.exit_code


def _parsed(name: str, word: str) -> str:
    option = OPTIONS[name]
    try:
        return str(option.parse(word))
    except ValueError as error:
        raise ConfigurationError(f"{option.flagged} {error}.") from None
