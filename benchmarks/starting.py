"""What the start of a command costs, with the published document and with one of 3 MB, the first time and later.

One command, in a checkout, with the suite installed::

    python -m benchmarks.starting

The contestants take turns, round after round.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import yaml

from benchmarks.figures import ROOT, middle, shown, table, versions, write
from contracts.openapi.document import load, published

SIZE = 3_000_000
"""Bytes of the large document: the vendor's whole one has as many."""
_JUDGED = ("check", "ENV-001", "--requests", "60", "--quiet")


def large(folder: Path) -> Path:
    """The published operation in a document of `SIZE` bytes, among copies of it at other paths."""
    data = load(published("openapi.yaml")).data
    ((path, item),) = data["paths"].items()
    each = len(yaml.safe_dump({path: item}, sort_keys=False)) + len("/others/0000")
    paths = {path: item} | {f"/others/{number:04}{path}/all": item for number in range(SIZE // each)}
    file = folder / "large.yaml"
    # Without anchors, as people write documents.
    dumper = type("_Dumper", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})
    file.write_text(yaml.dump({**data, "paths": paths}, Dumper=dumper, sort_keys=False), encoding="utf-8")
    return file


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="How many rounds.")
@click.option("--write", "writes", is_flag=True, help="Put the figures into docs/benchmarks.md as well.")
def main(*, rounds: int, writes: bool) -> None:
    """Measure how commands start."""
    with TemporaryDirectory(prefix="benchmarks-") as name:
        folder = Path(name)
        caches, spec = folder / "caches", str(large(folder))
        contestants = {
            "the help": ("--help",),
            "the list of clauses": ("list",),
            "a check by the published document": _JUDGED,
            "a check by 3 MB, the first time": (*_JUDGED, "--spec", spec),
            "a check by 3 MB, later": (*_JUDGED, "--spec", spec),
        }
        taken: dict[str, list[float]] = {contestant: [] for contestant in contestants}
        for _ in range(rounds):
            for contestant, words in contestants.items():
                if contestant.endswith("first time"):
                    shutil.rmtree(caches, ignore_errors=True)
                taken[contestant].append(_wall(words, caches))
    small = middle(taken["a check by the published document"]) or 0.0
    rows = []
    for contestant, walls in taken.items():
        wall = middle(walls) or 0.0
        rows.append((contestant, shown(wall, 2), shown(wall - small, 2) if "MB" in contestant else ""))
    text = f"Medians of {rounds} rounds with {versions()}.\n\n{table(('command', 'wall s', 'more s'), rows)}"
    click.echo(text)
    if writes:
        write("starting", text)


def _wall(words: tuple[str, ...], caches: Path) -> float:
    environ: Mapping[str, str] = {**os.environ, "XDG_CACHE_HOME": str(caches), "PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    command = [str(Path(sys.executable).with_name("contracts")), *words]
    done = subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=False)
    if done.returncode not in {0, 6}:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}")
    return time.monotonic() - began


if __name__ == "__main__":
    main()
