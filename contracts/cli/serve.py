"""``contracts serve``: the embedded server by itself."""

from __future__ import annotations

import shlex
import sys
import threading
from typing import TYPE_CHECKING

import click

from contracts.cli.shell import Grouped, encoding, options, show
from contracts.core.errors import ConfigurationError
from contracts.core.wording import count
from contracts.settings.settings import DOCUMENT, EMBEDDED, OPTIONS, Settings

if TYPE_CHECKING:
    from contracts.mock.server import Server
    from contracts.spec.operation import Operation

_LARGEST_PORT = 65535


@click.command(cls=Grouped)
@click.option("--port", metavar="N", default="0", help="Where to listen on 127.0.0.1 (default: a free port).")
@options("config", *DOCUMENT, "at", "query", *EMBEDDED, "color")
def serve(settings: Settings, port: str) -> int:
    """Run the embedded server until Ctrl-C.

    It prints its base URL, its checkpoints and its keys, which are made for this server and open nothing else.
    With --operation it serves any list operation of a document (--spec): items made from the response schema.
    """
    from contracts.reports.sheet import Sheet
    from contracts.runs.target import embedded
    from contracts.settings.operation import operation as chosen

    if not port.isdecimal() or int(port) > _LARGEST_PORT:
        raise ConfigurationError(f"--port {port} is no port: give a number from 0 to {_LARGEST_PORT}.")
    operation = chosen(settings)
    server = embedded(settings, int(port), operation)
    try:
        server.start()
    except OSError as error:
        raise ConfigurationError(f"--port {port} can't be used: {error.strerror}.") from None
    try:
        data = server.dataset
        sheet = Sheet(encoding())
        projects = len({permission.project_id for permission in data.permissions})
        held = f"{count(len(data.permissions), 'permission')} of {count(projects, 'project')}"
        rows = [("Base URL", server.base_url)]
        if operation.is_published:
            rows.append(("Checkpoint", f"{data.checkpoint}  ({held})"))
        else:
            rows.append(("Operation", f"GET {operation.path_template}"))
            named = {**operation.outer, operation.roles.checkpoint: data.checkpoint}
            rows += [(name, value) for name, value in named.items() if name]
        if data.other_checkpoint:
            rows += [("Other", data.other_checkpoint), ("Empty", data.empty_checkpoint)]
        for label, text in rows:
            sheet.line((f"{label:<10}  ", "dim"), text)
        sheet.blank()
        sheet.line(f"export OPENAI_ADMIN_KEY={shlex.quote(data.admin_key)}")
        sheet.line(f"export OPENAI_USER_KEY={shlex.quote(data.user_key)}")
        sheet.line(shlex.join(_check(settings, operation, server)))
        sheet.blank()
        sheet.line(("Ctrl-C ends it.", "dim"))
        show(sheet, settings)
        sys.stdout.flush()
        threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.stop()
    return 0


def _check(settings: Settings, operation: Operation, server: Server) -> list[str]:
    """The command that judges the server."""
    data = server.dataset
    words = ["contracts", "check", "--base-url", server.base_url]
    for name in settings.given(*DOCUMENT):
        words += [OPTIONS[name].flagged, str(getattr(settings, name))]
    words += [word for name, value in operation.outer.items() for word in ("--at", f"{name}={value}")]
    given = [str(each) for each in settings.query]
    named = {name for name, _ in operation.fixed}
    given += [f"{name}=1" for name in operation.profile.required if name not in named]
    words += [word for each in given for word in ("--query", each)]
    last = operation.roles.checkpoint
    for kind, value in (("", data.checkpoint), ("other-", data.other_checkpoint), ("empty-", data.empty_checkpoint)):
        if operation.is_published:
            words += [f"--{kind}checkpoint", value]
        elif last:
            words += [f"--{kind}at", f"{last}={value}"]
    return words
