"""``contracts serve``: the embedded server by itself."""

from __future__ import annotations

import shlex
import sys
import threading

import click

from contracts.cli.shell import encoding, options, show
from contracts.core.errors import ConfigurationError
from contracts.core.wording import count
from contracts.settings.settings import EMBEDDED, Settings

_LARGEST_PORT = 65535


@click.command()
@click.option("--port", metavar="N", default="0", help="Where to listen on 127.0.0.1 (default: a free port).")
@options("config", *EMBEDDED, "color")
def serve(settings: Settings, port: str) -> int:
    """Run the embedded server until Ctrl-C.

    It prints its base URL, its checkpoints and its keys, which are made for this server and open nothing else.
    """
    from contracts.reports.sheet import Sheet
    from contracts.runs.target import embedded

    if not port.isdecimal() or int(port) > _LARGEST_PORT:
        raise ConfigurationError(f"--port {port} is no port: give a number from 0 to {_LARGEST_PORT}.")
    server = embedded(settings, int(port))
    try:
        server.start()
    except OSError as error:
        raise ConfigurationError(f"--port {port} can't be used: {error.strerror}.") from None
    try:
        data = server.dataset
        sheet = Sheet(encoding())
        projects = len({permission.project_id for permission in data.permissions})
        rows = [
            ("Base URL", server.base_url),
            (
                "Checkpoint",
                f"{data.checkpoint}  ({count(len(data.permissions), 'permission')} of {count(projects, 'project')})",
            ),
            ("Other", data.other_checkpoint),
            ("Empty", data.empty_checkpoint),
        ]
        for label, text in rows:
            sheet.line((f"{label:<12}", "dim"), text)
        sheet.blank()
        sheet.line(f"export OPENAI_ADMIN_KEY={shlex.quote(data.admin_key)}")
        sheet.line(f"export OPENAI_USER_KEY={shlex.quote(data.user_key)}")
        words = ["contracts", "check", "--base-url", server.base_url, "--checkpoint", data.checkpoint]
        words += ["--other-checkpoint", data.other_checkpoint, "--empty-checkpoint", data.empty_checkpoint]
        sheet.line(shlex.join(words))
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
