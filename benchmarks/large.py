"""What a walk through the whole of a large list costs, and what it catches there.

One command, in a checkout, with the suite installed::

    python -m benchmarks.large

The server is a process of its own. Memory is the most that the suite's process had, as the operating system tells.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import click

from benchmarks.commands import Taken, Workshop, check, workshop
from benchmarks.depths import DEPTHS, PAGE
from benchmarks.figures import NOTHING, shown, table, versions, write
from benchmarks.serving import Standing

SIZES = (1_000, 10_000, 100_000, 1_000_000)
LONGEST = 7200.0
"""Seconds after which a run is given up."""
MOST_BYTES = 250.0
"""Bytes of memory that an item may take, beyond what a run takes on the smallest of the lists."""
_MIB = 1 << 20
_REPORTS = ("html", "json", "junit")


@dataclass(frozen=True, slots=True)
class Row:
    """One run: on how many items, what it took, its requests, and how large its reports are, in bytes."""

    items: int
    taken: Taken
    requests: int
    pages: int
    reports: tuple[int, ...]
    recording: int
    broken: frozenset[str]


def run(shop: Workshop, server: Standing, items: int, fault: str = "", *, record: bool = False) -> Row:
    """Walks through the whole of a list.

    Raises:
        click.ClickException: If it does not end with the right verdict: then its figures say nothing.
    """
    place = server.open("depth" if fault else "right", fault, items)
    files = [shop.folder / f"large.{name}" for name in _REPORTS]
    recording = shop.folder / "large.har"
    words = [*check(place), "--deep", "--requests", str(max(PAGE, 2 * items // PAGE))]
    words += [word for name, file in zip(_REPORTS, files, strict=True) for word in (f"--{name}", str(file))]
    taken = shop.run([*words, *(["--record", str(recording)] if record else [])], place, LONGEST)
    if taken.exit_code != (1 if fault else 0):
        message = f"The run on {items} items ended with {taken.exit_code}:\n{shop.output()[-2000:]}"
        raise click.ClickException(message)
    report = json.loads(files[1].read_text(encoding="utf-8"))
    if report["list"]["permissions"] != items and not fault:
        message = f"The run saw {report['list']['permissions']} of {items} items."
        raise click.ClickException(message)
    row = Row(
        items=items,
        taken=taken,
        requests=report["requests"]["total"],
        pages=report["requests"]["by_probe"]["deep"],
        reports=tuple(file.stat().st_size for file in files),
        recording=recording.stat().st_size if record else 0,
        broken=frozenset(one["id"] for one in report["clauses"] if one["verdict"] == "broken"),
    )
    recording.unlink(missing_ok=True)
    server.counted()
    return row


def per_item(row: Row, base: Row) -> float | None:
    """Bytes of memory for each item beyond those of the smallest list."""
    more = row.items - base.items
    return (row.taken.peak - base.taken.peak) / more if more else None


def per_page(row: Row, base: Row) -> float | None:
    """Milliseconds of CPU for each page of the walk; what all else takes is that of the smallest list."""
    more = row.pages - base.pages
    return 1000 * (row.taken.cpu - base.taken.cpu) / more if more else None


def costs(rows: Sequence[Row]) -> str:
    """What the runs took, as a table."""
    head = (
        *("permissions", "requests", "wall s", "CPU s", "CPU ms a page", "peak MiB", "bytes an item"),
        *(f"{name} kB" for name in _REPORTS),
    )
    base = rows[0]
    lines = [
        [
            f"{row.items:,}",
            f"{row.requests:,}",
            shown(row.taken.wall, 1),
            shown(row.taken.cpu, 1),
            shown(per_page(row, base), 1),
            shown(row.taken.peak / _MIB, 1),
            shown(per_item(row, base)),
            *(shown(size / 1000) for size in row.reports),
        ]
        for row in rows
    ]
    return table(head, lines)


def caught(rows: Sequence[tuple[str, Row]]) -> str:
    """What was caught of faults deep in the list, as a table."""
    lines = []
    for name, row in rows:
        wanted = DEPTHS[name].caught_by
        found = [clause for clause in wanted if clause in row.broken]
        sentence = (DEPTHS[name].__doc__ or "").strip()
        lines.append([sentence, f"{row.items:,}", ", ".join(wanted), ", ".join(found) or NOTHING])
    return table(("fault", "permissions", "expected", "broken"), lines)


@click.command()
@click.option("--size", "sizes", type=int, multiple=True, default=SIZES, help="How many permissions; may be repeated.")
@click.option("--fault", "faults", type=click.Choice(list(DEPTHS)), multiple=True, help="Faults to serve at --at.")
@click.option("--at", type=int, default=SIZES[-1], show_default=True, help="Permissions of a list with a fault.")
@click.option("--record", is_flag=True, help="Record each run as well.")
@click.option("--write", "writes", is_flag=True, help="Put the figures into docs/benchmarks.md as well.")
def main(sizes: tuple[int, ...], faults: tuple[str, ...], at: int, *, record: bool, writes: bool) -> None:
    """Measure what a walk through the whole of a large list costs.

    It exits with 1 when an item takes more memory than it may, or when a fault is not caught.
    """
    rows: list[Row] = []
    wrong: list[tuple[str, Row]] = []
    with workshop() as shop, Standing() as server:
        for size in sorted(sizes):
            rows.append(run(shop, server, size, record=record))
            click.echo(f"{size}: {rows[-1].taken.wall:.0f} s", err=True)
        for name in faults:
            wrong.append((name, run(shop, server, at, name)))
            click.echo(f"{name}: {wrong[-1][1].taken.wall:.0f} s", err=True)
    parts = [f"With {versions()}; seconds are those of one machine.", costs(rows)]
    if record:
        parts.append(f"The recording of the largest run has {rows[-1].recording / _MIB:.0f} MiB.")
    if wrong:
        parts.append(caught(wrong))
    text = "\n\n".join(parts)
    click.echo(f"\n{text}")
    if writes:
        write("large", text)
    largest = per_item(rows[-1], rows[0])
    lost = [name for name, row in wrong if not row.broken & set(DEPTHS[name].caught_by)]
    if lost or (largest is not None and largest > MOST_BYTES):
        raise SystemExit(1)


if __name__ == "__main__":
    main()


__all__ = ["Row", "caught", "costs", "main", "per_item", "per_page", "run"]
