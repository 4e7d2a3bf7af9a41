"""``contracts operations``: the list operations of a document, and what is known of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from contracts.cli.shell import encoding, options, show
from contracts.core.errors import ExitCode
from contracts.core.wording import close, count, excerpt
from contracts.reports.sheet import Sheet
from contracts.settings.settings import Settings

if TYPE_CHECKING:
    from contracts.openapi.document import Document
    from contracts.openapi.survey import Role, Surveyed


@click.command()
@click.argument("names", nargs=-1, metavar="[OPERATION]...")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@options("config", "spec", "overlay", "color")
def operations(settings: Settings, names: tuple[str, ...], *, as_json: bool) -> int:
    """Show the list operations of a document: how each goes on, who says so, what is missing.

    An OPERATION is an operationId, or a path as in 'GET /files'; without one all are shown. What is "guessed" comes
    from names alone: an overlay (--overlay) with x-list says otherwise where a guess is wrong.
    """
    from contracts.openapi.survey import survey_files

    document, found = survey_files(settings.spec, settings.overlay)
    chosen = _chosen(document, found, names)
    if as_json:
        click.echo(json.dumps([_as_data(each) for each in chosen], indent=2, ensure_ascii=False))
        return ExitCode.KEPT
    sheet = Sheet(encoding())
    for each in chosen:
        _show(sheet, each)
    ready = sum(each.profile is not None for each in chosen)
    sheet.blank()
    sheet.block("", f"{document.name}: {count(len(chosen), 'list operation')}, {ready} with all that a run needs.")
    show(sheet, settings)
    return ExitCode.KEPT


def _chosen(document: Document, found: tuple[Surveyed, ...], names: tuple[str, ...]) -> list[Surveyed]:
    from contracts.openapi.document import unusable

    known = {name: each for each in found for name in (each.path, f"GET {each.path}", each.name)}
    for name in names:
        if name not in known:
            meant = close(name, known)
            remedy = f"perhaps {meant} is meant" if meant else "`contracts operations` without a name shows all"
            raise unusable(document.name, problem=f"has no list operation {excerpt(name)}", remedy=remedy)
    return [known[name] for name in names] if names else list(found)


_LONGEST_NAME = 40
"""Characters of a name beside which there is room for a path; frameworks that make up names make longer ones."""


def _show(sheet: Sheet, surveyed: Surveyed) -> None:
    from contracts.openapi.profile import Source

    labels = {Source.NAMES: "guessed"}
    sheet.blank()
    where = f"GET {surveyed.path}" if surveyed.id else ""
    beside = len(surveyed.name) <= _LONGEST_NAME
    sheet.block((f"{surveyed.name}  ", "bold"), where if beside else "", style="bold")
    if not beside:
        sheet.block("    ", where, style="bold")
    if surveyed.profile is not None:
        sheet.block(("    Style      ", "dim"), surveyed.profile.style)
    for source in Source:
        label = labels.get(source, source.value)
        roles = [f"{role.name} {_written(role)}" for role in surveyed.roles if role.source is source]
        if roles:
            sheet.block((f"    {label.capitalize():<11}", "dim"), ", ".join(roles))
    for remark in surveyed.remarks:
        sheet.block(("    Note       ", "dim"), remark)
    for lack in surveyed.lacks:
        sheet.block(("    Missing    ", "bold"), f"{lack.role}: the document {lack.reason}.")
    if surveyed.lacks:
        sheet.block(("    Say it     ", "dim"), "in a file for --overlay; put right what is guessed wrongly:")
        for line in surveyed.overlay().splitlines():
            sheet.line(f"      {line}")


def _written(role: Role) -> str:
    value = role.value
    if isinstance(value, list):
        # A list names several properties that identify an item together; elsewhere it is one place, step by step.
        return (" with " if role.name == "item.id" else ".").join(map(str, value))
    if isinstance(value, dict):
        return " ".join(f"{key}={each}" if each is not None else str(key) for key, each in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'


def _as_data(surveyed: Surveyed) -> dict[str, object]:
    return {
        "operation": surveyed.name,
        "path": surveyed.path,
        "style": surveyed.profile.style if surveyed.profile is not None else None,
        "roles": [
            {"role": role.name, "value": role.value, "source": str(role.source), "at": role.at}
            for role in surveyed.roles
        ],
        "remarks": list(surveyed.remarks),
        "missing": [{"role": lack.role, "reason": lack.reason} for lack in surveyed.lacks],
        "overlay": surveyed.overlay() if surveyed.lacks else None,
    }
