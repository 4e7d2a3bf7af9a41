"""``contracts load``, and the process beside it that asks alone."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import click

from contracts.cli.shell import Grouped, Shell, options, present
from contracts.core.errors import ConfigurationError
from contracts.runs.load.options import NAMES, STRANGERS, VARIABLE, handed, refuse_unasked, words
from contracts.runs.load.options import settings as chosen_settings
from contracts.settings.settings import Settings
from contracts.traffic.load_master import check_host, free_port

_HERE = "127.0.0.1"
_MASTER_PORT = 5557
"""Where a master of Locust's listens, unless it is said otherwise."""


def _time(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """Let a load end: for Locust 0 is no limit.

    Raises:
        BadParameter: It is no time.
    """
    if not (re.fullmatch(r"(\d+h)?(\d+m)?(\d+s)?|\d+", value, re.ASCII) and re.search("[1-9]", value)):
        raise click.BadParameter(f"{value!r} is no time above 0, such as 30s, 10m or 1h30m.")
    return value


def _processes(_context: click.Context, _option: click.Parameter, value: int | None) -> int | None:
    if value is not None and value < 1 and value != -1:
        raise click.BadParameter(f"{value} is neither 1 or more nor -1 for one a core.")
    return value


@click.command(cls=Grouped)
@click.option("--users", type=click.IntRange(1), default=10, metavar="N", help="Users that ask at once (default 10).")
@click.option(
    "--spawn-rate", type=click.FloatRange(0, min_open=True), default=10, metavar="N", help="New users a second (10)."
)
@click.option(
    "--run-time",
    default="1m",
    metavar="TIME",
    callback=_time,
    help="How long the load lasts: 30s, 10m, 1h30m (default 1m).",
)
@click.option(
    "--processes",
    type=int,
    default=None,
    metavar="N",
    callback=_processes,
    help="Processes on this machine; -1: one a core.",
)
@click.option("--master", is_flag=True, help="Let workers on other machines ask.")
@click.option("--worker", is_flag=True, help="Ask what a master says.")
@click.option("--master-host", default=None, metavar="HOST", help="Where a worker's master is (default 127.0.0.1).")
@click.option(
    "--master-port", type=click.IntRange(1, 65535), default=None, metavar="PORT", help="Its port (default 5557)."
)
@click.option(
    "--expect-workers",
    type=click.IntRange(1),
    default=None,
    metavar="N",
    help="Begin when so many workers are there.",
)
@click.option(
    "--strangers",
    type=click.FloatRange(0, 1),
    default=STRANGERS,
    metavar="SHARE",
    help=f"Share of requests without a key or with a wrong one (default {STRANGERS:g}).",
)
@click.option("--i-may-load-this", is_flag=True, help="Load a target that is not on this machine or a private host.")
@options(*NAMES)
@click.pass_context
def load(context: click.Context, /, settings: Settings, **chosen: object) -> int:
    """Judge a server while many clients ask at once.

    Locust asks (`pip install 'checkpoint-permissions-contracts[load]'`). First the list is learned by an ordinary run;
    then users walk through it, ask for single pages, and judge each answer; then what broke is asked again alone.
    Only GET is ever sent. The exit codes are those of `contracts check`.
    """
    if importlib.util.find_spec("locust") is None:
        raise ConfigurationError(
            "A load needs Locust, which is not installed: pip install 'checkpoint-permissions-contracts[load]'."
        )
    shell = context.find_object(Shell) or Shell()
    port = list(_master(chosen))
    if not chosen["worker"]:
        refuse_unasked(settings, may_load=bool(chosen["i_may_load_this"]))
        where = settings.base_url or "the embedded server"
        pace = f"{settings.rate:g} requests a second at the most" if settings.rate else "as fast as it answers"
        shell.say(
            f"contracts: {chosen['users']} users, {chosen['spawn_rate']:g} new ones a second, will ask {where} for"
            f" {chosen['run_time']}, {pace}"
        )
    given = {name: value for name, value in context.params.items() if name in NAMES}
    users = str(Path(__file__).parents[1] / "plugins" / "locustfiles" / "contract_users.py")
    # -P: a folder here may have the name of a package.
    locust = [sys.executable, "-P", users, "--locustfile", users]
    said = list(_said(chosen))
    sys.stdout.flush()
    sys.stderr.flush()
    environ = os.environ | {VARIABLE: handed(given, said)}
    os.execve(sys.executable, [*locust, "--headless", "--only-summary", *said, *port], environ)  # noqa: S606 - Locust takes over


def _master(chosen: Mapping[str, object]) -> Iterator[str]:
    """Where the processes of a load meet, as Locust understands it.

    Processes of one machine meet at a port that is free, so that two loads do not get each other's workers.

    Raises:
        ConfigurationError: They can't meet there, or there is only one.
    """
    master, worker, several, port = (chosen[name] for name in ("master", "worker", "processes", "master_port"))
    if master and worker:
        raise ConfigurationError(
            "--master and --worker exclude each other: one process is the master, others its workers."
        )
    for option, given, needed, wanted in (
        ("--master-host", chosen["master_host"], worker, "--worker"),
        ("--expect-workers", chosen["expect_workers"], master, "--master"),
        ("--master-port", port, master or worker or several, "--master, --worker or --processes"),
    ):
        if given and not needed:
            raise ConfigurationError(f"{option} is of use with {wanted} only.")
    if worker:
        check_host(str(chosen["master_host"] or _HERE))
    elif master or several:
        here = not master and not port
        number = free_port(_HERE if here else "", 0 if here else int(str(port or _MASTER_PORT)))
        if here:
            yield from ("--master-bind-host", _HERE, "--master-port", str(number))
        yield from ("--master-bind-port", str(number))


def _said(chosen: Mapping[str, object]) -> Iterator[str]:
    """What is said of the load itself, as Locust understands it."""
    for name, value in chosen.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            yield flag
        elif value is not None and value is not False:
            yield from (flag, f"{value:g}" if isinstance(value, float) else str(value))


@click.command(hidden=True)
@click.argument("descriptor", type=int)
@click.argument("host", required=False)
@click.pass_obj
def load_conductor(shell: Shell, descriptor: int, host: str | None) -> int:
    """Ask alone before a load and after it; the process of the load begins this one."""
    from contracts.runs.job import Job, Judged
    from contracts.runs.load.conductor import Conductor
    from contracts.runs.load.messages import Outcome, send

    settings = chosen_settings(host)
    incoming: BinaryIO = sys.stdin.buffer
    with os.fdopen(descriptor, "wb") as outgoing:
        conductor = Conductor(incoming, outgoing)
        job = Job(settings)
        shell.say("contracts: the list is learned first")
        try:
            judged = job.judge(None, lambda text: shell.say(f"contracts: {text}"), conductor.run)
        finally:
            shell.keys = job.keys
        again = judged.report.repeat.removeprefix("contracts check")
        if words():
            again = f"contracts load {shlex.join(words())}{again}"
            judged = replace(judged, report=replace(judged.report, repeat=again))

        def write(judged: Judged) -> None:
            try:
                job.write(judged)
            finally:
                if conductor.loaded:
                    send(outgoing, Outcome(judged.result.exit_code))
                outgoing.close()
                incoming.read()  # Locust's own words come first

        present(settings, judged, write)
    return judged.result.exit_code
