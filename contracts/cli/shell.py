"""What all commands have in common: options from `contracts.settings.settings`, errors as one sentence, exit codes."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

import click

from contracts.cli.streams import OutputError, guarded, tell
from contracts.core import interrupts
from contracts.core.errors import ConfigurationError, ContractsError, ExitCode, lack
from contracts.core.files import is_standard_output
from contracts.core.wording import hint
from contracts.reports.safe import inert, printable
from contracts.reports.sheet import WIDTH
from contracts.settings.choosing import choose_all, single
from contracts.settings.groups import GROUPS, REPORTS
from contracts.settings.settings import OPTIONS, Settings

if TYPE_CHECKING:  # what writes a report is imported by the commands that write one
    from contracts.reports.sheet import Sheet
    from contracts.runs.job import Judged
    from contracts.traffic.keys import Keys

BEFORE = "interrupted before there was anything to report"


@dataclass
class Shell:
    """What the handling of errors must know of the command that runs."""

    verbose: bool = False
    keys: Keys | None = None
    words: Sequence[str] = ()
    """The command line."""

    def redacted(self, text: str) -> str:
        """The text without any key that is known, and without what looks like one."""
        from contracts.traffic.redaction import without_keys

        return without_keys(text, self.keys)

    def say(self, text: str) -> None:
        """Tell something on standard error: safe lines, without keys."""
        for line in self.redacted(text).splitlines():
            tell(inert(printable(line, sys.stderr.encoding)))


class Commands(click.Group):
    """A group of commands whose errors are one sentence each, with the exit codes of this suite."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the closest one."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            shown = [each for each, command in self.commands.items() if not command.hidden]
            instead = f"There are {', '.join(shown)}."
            raise ConfigurationError(
                f"There is no command {name!r}. {hint(name, [*shown, '--help', '--version'], instead)}"
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an interrupt that it does not see to ends it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None

    def main(  # type: ignore[override]  # it always ends, whatever standalone_mode says
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run a command and exit."""
        del prog_name
        extra.pop("standalone_mode", None)
        words = list(sys.argv[1:] if args is None else args)
        shell = Shell(verbose=bool({"-v", "--verbose"} & set(words)), words=words)
        code: int | None = None
        with interrupts.held(), guarded():
            try:
                with interrupts.allowed():
                    code = self._guarded(words, shell, extra)
            except KeyboardInterrupt:
                if code is None:
                    shell.say("contracts: interrupted")
                    code = ExitCode.INTERRUPTED
        sys.exit(code)

    def _guarded(self, words: list[str], shell: Shell, extra: dict[str, Any]) -> int:
        try:
            done = super().main(words, prog_name="contracts", standalone_mode=False, obj=shell, **extra)
            sys.stdout.flush()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the last resort: its sentence, and exit 3
            code, text = _end(error, verbose=shell.verbose)
            if interrupts.came() and code == ExitCode.CONFIGURATION:
                code = ExitCode.INTERRUPTED  # what could not be written is reported, and does not hide why
            with suppress(OutputError):  # neither stream takes a word: the exit code alone is left
                shell.say(text)
            return code
        return done if isinstance(done, int) else ExitCode.KEPT


_LOAD: Final = (
    *("users", "spawn_rate", "run_time", "strangers", "i_may_load_this"),
    *("processes", "master", "worker", "master_host", "master_port", "expect_workers"),
)


class Grouped(click.Command):
    """A command whose help shows its options by what they are about."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of each group that has some, and then those of none."""
        left = {param.name: param for param in self.get_params(ctx) if isinstance(param, click.Option)}
        for heading, names in {"Load": _LOAD, **GROUPS, "Other options": tuple(filter(None, left))}.items():
            mine = [left.pop(name) for name in names if name in left]
            rows = [row for row in (param.get_help_record(ctx) for param in mine) if row is not None]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def show(sheet: Sheet, settings: Settings) -> None:
    """Write a sheet for people, coloured where that is wanted."""
    stream, color = printed(settings), settings.color
    if color is None:
        dumb = os.environ.get("TERM") == "dumb"
        color = not os.environ.get("NO_COLOR") and (stream.isatty() and not dumb)
    sheet.write(stream, color=color)


def present(settings: Settings, judged: Judged, write: Callable[[Judged], None], hints: Sequence[str] = ()) -> None:
    """Write the reports of what was judged, and show it, whether they could be written or not."""
    from contracts.reports.terminal import Style, report

    style = Style(
        quiet=settings.quiet,
        width=width(),
        verbose=settings.verbose,
        embedded=judged.report.embedded,
        repeat=judged.report.repeat,
        hints=tuple(hints),
        settings=settings.listed(),
    )
    try:
        write(judged)
    finally:
        show(report(judged.result, style, encoding()), settings)


def printed(settings: Settings) -> TextIO:
    """Where a command prints what is for people: standard error where a report or recording has standard output."""
    paths = (getattr(settings, name) for name in settings.given("record", *REPORTS))
    return sys.stderr if any(map(is_standard_output, paths)) else sys.stdout


NARROWEST, WIDEST = 60, 120
"""Between so many columns a report is written as wide as the terminal is."""


def width() -> int:
    """Columns of a line: those of the terminal or of ``COLUMNS``, within reason; as many as usual in a pipeline."""
    return min(max(shutil.get_terminal_size((WIDTH, 24)).columns, NARROWEST), WIDEST)


def encoding() -> str:
    """What standard output can show."""
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def options(
    *names: str,
    several: bool = False,
    refused: Callable[[Mapping[str, Any], ConfigurationError], None] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command these options of `contracts.settings.settings`; it gets the `Settings` as its first argument.

    With ``several`` it gets a tuple of them, one for each target. ``refused`` gets what was given when that
    can't be used.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(**words: Any) -> Any:
            given = {name: words.pop(name) for name in names}
            try:
                found = choose_all(given, names=names)
            except ConfigurationError as error:
                if refused is not None:
                    refused(given, error)
                raise
            shell = click.get_current_context().find_object(Shell)
            if shell is not None:
                shell.verbose |= found[0].verbose
                for remark in found[0].remarks:
                    shell.say(f"contracts: {remark}")
            return function(found if several else single(found), **words)

        decorated: Callable[..., Any] = command
        vars(decorated).setdefault("__click_params__", []).extend(OPTIONS[name] for name in reversed(names))
        return decorated

    return decorate


def show_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's form
    """Print the version and end."""
    if value and not context.resilient_parsing:
        from contracts.verdicts.conclusion import own_version

        click.echo(f"contracts {own_version()}")
        context.exit()


def _end(error: BaseException, *, verbose: bool) -> tuple[int, str]:
    """What an exception ends the command with: the exit code, and its message."""
    from contracts.verdicts.conclusion import InternalError

    lacked = lack(error)
    if lacked is not None:
        return ExitCode.CONFIGURATION, f"contracts: this machine does not let the run go on: {lacked}."
    match error:
        case InternalError():
            return error.exit_code, _internal(error.__cause__ or error, verbose=verbose)
        case ContractsError():
            return error.exit_code, f"contracts: {error}"
        case click.Abort():
            return ExitCode.INTERRUPTED, f"contracts: {BEFORE}"
        case click.ClickException():
            return ExitCode.CONFIGURATION, _refusal(error)
    return ExitCode.INTERNAL, _internal(error, verbose=verbose)


_KEYS: Final = frozenset({"--key", "--api-key", "--admin-key", "--token", "--bearer", "--authorization"})
"""How people try to give a key."""


def _refusal(error: click.ClickException) -> str:
    """What click refuses, as a sentence; the help where no command was given."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    return f"contracts: {_sentence(error)}"


def _sentence(error: click.ClickException) -> str:
    command = error.ctx.command if isinstance(error, click.UsageError) and error.ctx else None
    if isinstance(error, click.NoSuchOption) and command is not None:
        known = [word for one in command.params for word in (*one.opts, *one.secondary_opts) if word.startswith("--")]
        path = command_path(error)
        meant = hint(_typed(error), [*known, "--help"], f"`{path} --help` shows all.")
        if error.option_name in _KEYS and "--key-file" in known:
            meant = "A key is never an argument, which others can read: set OPENAI_ADMIN_KEY, or give --key-file."
        return f"There is no option {error.option_name} for `{path}`. {meant}"
    text = error.format_message().strip().replace("\n", " ")
    return text if text.endswith((".", "?")) else f"{text}."


def _typed(error: click.NoSuchOption) -> str:
    """The option as it was typed: after a single hyphen click takes each letter for one."""
    shell = error.ctx.find_object(Shell) if error.ctx else None
    words_ = shell.words if shell is not None else ()
    begin = error.option_name[:2]
    alike = (word.partition("=")[0] for word in words_ if word.startswith(begin) and len(word) > len(begin))
    return error.option_name if begin == "--" else next(alike, error.option_name)


def command_path(error: click.UsageError) -> str:
    """The command in which an error occurred, as the user writes it."""
    return error.ctx.command_path if error.ctx else "contracts"


def _internal(error: BaseException, *, verbose: bool) -> str:
    from contracts.verdicts.conclusion import failure

    sentence = f"contracts: {failure(error)}"
    if not verbose:
        return f"{sentence} (--verbose shows more)."
    return f"{''.join(traceback.format_exception(error))}{sentence}."
