"""``contracts replay``: a recording judged again."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from contracts.cli.check import annotate
from contracts.cli.shell import encoding, options, printed, show
from contracts.core import interrupts
from contracts.core.errors import ConfigurationError
from contracts.core.model import Target
from contracts.settings.settings import DOCUMENT, OPTIONS, REPORTS, Settings
from contracts.verdicts.conclusion import Terms

_HINTS = ("base_url", "checkpoint", "other_checkpoint")


@click.command()
@click.argument("file", metavar="FILE.har")
@click.argument("clauses", nargs=-1, metavar="[CLAUSE]...")
@click.option("--base-url", metavar="URL", help="Where its target began (default: where most of the requests went).")
@click.option("--checkpoint", metavar="ID", help="The checkpoint to judge (default: that of most of the answers).")
@click.option("--other-checkpoint", metavar="ID", help="A second checkpoint, with permissions of its own.")
@options(
    "config", *DOCUMENT, "at", "query", "gate", "strict", "allow_incomplete", *REPORTS, "quiet", "verbose", "color"
)
def replay(settings: Settings, file: str, clauses: tuple[str, ...], **words: str | None) -> int:
    """Judge a recording, without a request.

    FILE.har is what `contracts check --record` wrote, or what a browser, a proxy or another tool recorded: that
    is judged for all that it can show. CLAUSE is as in `contracts check`.

    Exit codes: as of `contracts check`; 4 if it is no recording of this operation.
    """
    from contracts.clauses.registry import find
    from contracts.cli.progress import replaying
    from contracts.reports import output
    from contracts.reports.terminal import Style, report
    from contracts.reports.view import Report
    from contracts.runs.replay import Hints
    from contracts.runs.replay import replay as judged
    from contracts.settings.operation import operation as load_operation

    output.refuse_unwritable(settings, Path(file))
    selected = find(clauses) if clauses else ()
    operation = load_operation(settings)

    def terms(target: Target, seed: int) -> Terms:
        return Terms(
            target=target,
            operation=operation,
            seed=seed,
            selected=selected,
            gate=settings.gating,
            incomplete=settings.allow_incomplete,
            deviations=tuple(one for one in settings.deviations if one.target in {"", target.name}),
        )

    hints = {name: _parsed(name, word) for name, word in words.items() if word is not None}
    with replaying(quiet=settings.quiet) as tell:
        result = judged(Path(file), operation, terms, Hints(**hints), tell)
    again = shlex.join(["contracts", "replay", file, *clauses, *_again(hints)])
    told = Report.of(result, repeat=again)
    with interrupts.held():
        try:
            output.write(settings, told, result, operation)
        finally:
            style = Style(quiet=settings.quiet, verbose=settings.verbose, repeat=again, settings=settings.told())
            show(report(result, style, encoding()), settings)
            annotate(output.announce(told), printed(settings))
    interrupts.check()
    return result.exit_code


def _parsed(name: str, word: str) -> str:
    option = OPTIONS[name]
    try:
        return str(option.parse(word))
    except ValueError as error:
        raise ConfigurationError(f"{option.flagged} {error}.") from None


def _again(hints: dict[str, str]) -> list[str]:
    return [word for name in _HINTS if name in hints for word in (OPTIONS[name].flagged, hints[name])]
