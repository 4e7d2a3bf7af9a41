"""``contracts schema``."""

from __future__ import annotations

import json

import click


@click.command()
def schema() -> int:
    """Print the JSON Schema of the JSON report."""
    from contracts.reports.as_json import schema as published

    click.echo(json.dumps(published(), indent=2))
    return 0
