"""The command ``contracts``: one module a group of commands, and `shell` for what they have in common.

The commands import what they need when they run: ``contracts list`` does without an HTTP client and a server.
"""

from __future__ import annotations

import click

from contracts.cli.catalogue import explain, list_
from contracts.cli.check import check, plan
from contracts.cli.doctor import doctor
from contracts.cli.load import load, load_conductor
from contracts.cli.operations import operations
from contracts.cli.replay import replay
from contracts.cli.schema import schema
from contracts.cli.selftest import selftest
from contracts.cli.serve import serve
from contracts.cli.shell import Commands, show_version


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version, help="Show the version."
)
def main() -> None:
    """Tells whether a server keeps the published contract of "List checkpoint permissions".

    `contracts check` judges the embedded server; name another one with --base-url and --checkpoint.
    """


for command in (check, doctor, load, plan, list_, explain, operations, replay, serve, selftest, schema, load_conductor):
    main.add_command(command)

__all__ = ["main"]
