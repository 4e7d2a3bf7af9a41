"""``contracts serve``: the embedded server by itself."""

from __future__ import annotations

import os
import shlex
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from contracts.cli.shell import Grouped, encoding, options, show
from contracts.core.errors import ConfigurationError
from contracts.core.wording import count
from contracts.settings.groups import DOCUMENT, EMBEDDED
from contracts.settings.settings import OPTIONS, Settings

if TYPE_CHECKING:
    from contracts.mock.server import Server
    from contracts.mock.store import Dataset
    from contracts.openapi.operation import Operation
    from contracts.reports.sheet import Sheet

_LARGEST_PORT = 65535


@click.command(cls=Grouped)
@click.option("--port", metavar="N", default="0", help="Where to listen on 127.0.0.1 (default: a free port).")
@click.option(
    "--checkpoint",
    metavar="ID",
    envvar="CONTRACTS_CHECKPOINT",
    help="The id in the path under which it serves its main list (default: one of its own).",
)
@click.option(
    "--keys-of-environment",
    is_flag=True,
    help="Let in who has the key of OPENAI_ADMIN_KEY, in place of one of its own; OPENAI_USER_KEY likewise.",
)
@options("config", *DOCUMENT, "at", "query", *EMBEDDED, "color")
def serve(settings: Settings, port: str, checkpoint: str | None, *, keys_of_environment: bool) -> int:
    """Run the embedded server until Ctrl-C.

    It prints its base URL, its checkpoints and its keys, which are made for this server and open nothing else; those
    that you give are not printed. --variant lenient answers any limit and any cursor.
    With --operation it serves any list operation of a document (--spec): items made from the response schema.
    """
    from contracts.mock.server import Server
    from contracts.runs.target import embedded
    from contracts.settings.operation import list_named
    from contracts.settings.operation import operation as chosen

    if not port.isdecimal() or int(port) > _LARGEST_PORT:
        raise ConfigurationError(f"--port {port} is no port: give a number from 0 to {_LARGEST_PORT}.")
    operation = chosen(settings)
    made = embedded(settings, int(port), operation)
    at = list_named(settings, "at", operation)
    if checkpoint is not None and at is not None:
        raise ConfigurationError("--checkpoint and --at name the same list: leave one of them out.")
    option = "--checkpoint" if at is None else f"--at {operation.roles.scope}"
    listed = checkpoint if at is None else at
    dataset = _named(made.dataset, listed, option, keys_of_environment=keys_of_environment)
    server = made if dataset is made.dataset else Server(dataset, made.behaviour, int(port))
    try:
        server.start()
    except OSError as error:
        raise ConfigurationError(f"--port {port} can't be used: {error.strerror}.") from None
    try:
        show(_sheet(settings, operation, server, keys=not keys_of_environment), settings)
        sys.stdout.flush()
        threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.stop()
    return 0


def _sheet(settings: Settings, operation: Operation, server: Server, *, keys: bool) -> Sheet:
    """Where the server is, what it serves, the keys that open it, and the command that judges it."""
    from contracts.reports.sheet import Sheet

    data, sheet = server.dataset, Sheet(encoding())
    rows = [("Base URL", server.base_url)]
    if operation.is_published:
        projects = len({permission.project_id for permission in data.permissions})
        held = f"{count(len(data.permissions), 'permission')} of {count(projects, 'project')}"
        rows.append(("Checkpoint", f"{data.checkpoint}  ({held})"))
    else:
        rows.append(("Operation", f"GET {operation.path_template}"))
        named = {**operation.outer, operation.roles.scope: data.checkpoint}
        rows += [(name, value) for name, value in named.items() if name]
    if data.other_checkpoint:
        rows += [("Other", data.other_checkpoint), ("Empty", data.empty_checkpoint)]
    widest = max(len(label) for label, _ in rows)
    for label, text in rows:
        sheet.line((f"{label:<{widest}}  ", "dim"), text)
    sheet.blank()
    if keys:
        sheet.line(f"export OPENAI_ADMIN_KEY={shlex.quote(data.admin_key)}")
        sheet.line(f"export OPENAI_USER_KEY={shlex.quote(data.user_key)}")
    sheet.line(shlex.join(_check(settings, operation, server)))
    sheet.blank()
    sheet.line(("Ctrl-C ends it.", "dim"))
    return sheet


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
    last = operation.roles.scope
    for kind, value in (("", data.checkpoint), ("other-", data.other_checkpoint), ("empty-", data.empty_checkpoint)):
        if operation.is_published:
            words += [f"--{kind}checkpoint", value]
        elif last:
            words += [f"--{kind}at", f"{last}={value}"]
    return words


def _named(data: Dataset, checkpoint: str | None, option: str, *, keys_of_environment: bool) -> Dataset:
    """What is served, under the id and with the keys that the user gave.

    Raises:
        ConfigurationError: One can't be used.
    """
    if keys_of_environment:
        admin = os.environ.get("OPENAI_ADMIN_KEY", "")
        user = os.environ.get("OPENAI_USER_KEY", "") or data.user_key
        if not (admin.strip() and admin.isascii() and admin.isprintable() and user.isascii() and user.isprintable()):
            raise ConfigurationError("--keys-of-environment takes OPENAI_ADMIN_KEY: set it, in printable ASCII.")
        if admin == user:
            raise ConfigurationError("OPENAI_ADMIN_KEY and OPENAI_USER_KEY are the same key: give two.")
        data = replace(data, admin_key=admin, user_key=user)
    if checkpoint is None or checkpoint == data.checkpoint:
        return data
    if not data.checkpoint:
        raise ConfigurationError("--checkpoint names what a list belongs to: this operation has nothing in its path.")
    if not checkpoint.strip() or not checkpoint.isprintable() or checkpoint in data.checkpoints:
        raise ConfigurationError(f"{option} can't be used: give an id that is not empty, and not one of the others.")
    lists = {checkpoint if id_ == data.checkpoint else id_: listed for id_, listed in data.checkpoints.items()}
    return replace(data, checkpoints=lists, checkpoint=checkpoint)
