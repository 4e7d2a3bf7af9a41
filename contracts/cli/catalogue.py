"""``contracts list`` and ``contracts explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from contracts.cli.shell import encoding, options, show
from contracts.core.result import Level
from contracts.core.wording import count
from contracts.reports.sheet import Sheet
from contracts.settings.groups import DOCUMENT
from contracts.settings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.clauses.registry import Clause, Needs
    from contracts.mock.load import LoadFault, LoadVariant
    from contracts.openapi.operation import Operation

MOST_FAULTS = 12
"""Faults that are named in the explanation of a clause."""


@click.command("list")
@click.argument("names", nargs=-1, metavar="[CLAUSE|FAMILY]...")
@click.option("--faults", is_flag=True, help="The faults that the embedded server can be given instead.")
@click.option("--variants", is_flag=True, help="The ways in which the embedded server can be right instead.")
@options("color")
def list_(settings: Settings, names: tuple[str, ...], *, faults: bool, variants: bool) -> int:
    """List the clauses: id, level and title.

    With --faults, the faults (of the clauses that are named, or all) that `contracts check --fault NAME` can show.
    """
    from contracts.clauses.registry import FAMILIES, clauses
    from contracts.runs.selection import chosen

    sheet = Sheet(encoding())
    wanted = chosen(names) or clauses()
    if faults:
        _faults(sheet, wanted)
    elif variants:
        _variants(sheet)
    else:
        for clause in wanted:
            sheet.heading(f"{clause.id[:3]}  {FAMILIES[clause.id[:3]]}")
            sheet.block(f"  {clause.id}  {clause.level:<10}  ", clause.title)
    show(sheet, settings)
    return 0


def _faults(sheet: Sheet, wanted: tuple[Clause, ...]) -> None:
    from contracts.mock.faults import EVERY_FAULT
    from contracts.mock.load import LOAD_FAULTS

    for clause in wanted:
        mine = [fault for fault in EVERY_FAULT.values() if fault.clause == clause.id]
        if mine:
            sheet.blank()
            sheet.block((f"{clause.id}  ", "bold"), clause.title, style="bold")
        for fault in mine:
            sheet.line(f"  {fault.name}")
            sheet.block("      ", fault.sentence, style="dim")
    _under_load(sheet, [each for each in LOAD_FAULTS.values() if {one.id for one in wanted} & set(each.clauses)])


def _under_load(sheet: Sheet, servers: Sequence[LoadFault | LoadVariant]) -> None:
    if servers:
        sheet.blank()
        sheet.line(("What only load shows: contracts load", "bold"))
    for each in servers:
        sheet.line(f"  {each.name}")
        sheet.block("      ", each.sentence, style="dim")


def _variants(sheet: Sheet) -> None:
    from contracts.mock.load import LOAD_VARIANTS
    from contracts.mock.variants import EVERY_VARIANT

    for variant in EVERY_VARIANT.values():
        sheet.line((f"  {variant.name}", "bold"))
        sheet.block("      ", variant.sentence, style="dim")
    _under_load(sheet, list(LOAD_VARIANTS.values()))


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="CLAUSE...")
@options("config", *DOCUMENT, "color")
def explain(settings: Settings, names: tuple[str, ...]) -> int:
    """Explain clauses: level, quote, reason, needs, examples.

    With --operation, in the words of that operation, and whether they apply to it.
    """
    from contracts.runs.selection import chosen

    described = _described(settings)
    sheet = Sheet(encoding())
    for clause in chosen(names):
        _explain(sheet, clause, described)
    show(sheet, settings)
    return 0


def _described(settings: Settings) -> Operation | None:
    """The operation that was named, if one was."""
    if not settings.given(*DOCUMENT):
        return None
    from contracts.settings.operation import operation

    return operation(settings)


def _explain(sheet: Sheet, clause: Clause, described: Operation | None) -> None:
    from contracts.core.vocabulary import Vocabulary
    from contracts.mock.faults import EVERY_FAULT
    from contracts.openapi.quotes import SDK_PAGE

    says = described.says if described is not None else Vocabulary()
    lacking = clause.lacking(described) if described is not None else None
    sheet.blank()
    sheet.block((f"{clause.id}  ", "bold"), says(clause.title), clause.level, style="bold")
    at = clause.quote.at
    words, where = says.quoted(clause.quote.text, clause.quote.key, at if at == SDK_PAGE else f"openapi.yaml, {at}")
    rows = [
        *([("Applies", f"not here: {lacking}")] if lacking is not None else []),
        *([("Document", f'"{" ".join(words.split())}"'), ("", where)] if words else []),
        ("Why", says(clause.why)),
        ("Needs", says(needs(clause.needs))),
        ("Probes", ", ".join(sorted(clause.asked_by))),
        ("Since", f"version {clause.since}"),
        ("Good", clause.good),
        ("Bad", clause.bad),
    ]
    if clause.level is Level.OBSERVED:
        rows = [row for row in rows if row[0] not in {"Good", "Bad"}] + [("Answer", f"for example: {clause.good}")]
    known = [fault for fault in EVERY_FAULT.values() if fault.clause == clause.id]
    faults = [fault.name for fault in known]
    if faults:
        more = f" and {len(faults) - MOST_FAULTS} more (contracts list --faults {clause.id})"
        rows.append(("Faults", ", ".join(faults[:MOST_FAULTS]) + (more if len(faults) > MOST_FAULTS else "")))
    for label, text in rows:
        sheet.block((f"    {label:<10}", "dim"), text)
    if faults and described is None:
        list_ = f" --spec FILE --operation ID, a list that has {known[0].style}" if known[0].style else ""
        sheet.block(("    Try       ", "dim"), f"contracts check {clause.id} --fault {faults[0]}{list_}")


def needs(wanted: Needs) -> str:
    """In words, the data without which a clause can't be shown a case."""
    parts = [
        count(wanted.items, "permission") if wanted.items else "",
        f"permissions of {count(wanted.facets, 'project')}" if wanted.facets else "",
        "two permissions with the same created_at" if wanted.tie else "",
        "--other-checkpoint, a second checkpoint with permissions of its own" if wanted.other_scope else "",
        "OPENAI_USER_KEY, a key without admin rights" if wanted.user_key else "",
    ]
    return "; ".join(part for part in parts if part) or "nothing"
