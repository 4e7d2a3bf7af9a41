"""What distance costs a run: the same server behind a relay that delays each request, by concurrency.

One command, in a checkout, with the suite installed::

    python -m benchmarks.far

The contestants take turns, round after round. The ratio is that of the wall time to the one without concurrency. It
exits with 1 when a goal is missed.
"""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

import click

from benchmarks.commands import check, workshop
from benchmarks.figures import middle, ratio, shown, table, versions, write
from benchmarks.serving import Place, Standing
from contracts.settings.settings import DEFAULT_CONCURRENCY

DELAYS = (5, 50, 200)
"""Milliseconds that are added to each round trip."""
LANES = (1, 4, 8, 16)
FAR = 50
MOST_SECONDS = {50: 6.0}
"""For a delay in milliseconds, the most wall seconds of a run by default."""
MOST_OF_ONE = 0.35
"""The most of the wall time without concurrency, by default and from 50 ms on."""


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="How many rounds.")
@click.option("--delay", "delays", type=click.IntRange(0), multiple=True, default=DELAYS, help="Milliseconds.")
@click.option("--write", "writes", is_flag=True, help="Put the figures into docs/benchmarks.md as well.")
def main(*, rounds: int, delays: tuple[int, ...], writes: bool) -> None:
    """Measure runs through a relay."""
    rows, missed = [], False
    with workshop() as shop, Standing() as standing:
        for delay in delays:
            taken: dict[int, list[float]] = {lanes: [] for lanes in LANES}
            for _ in range(rounds):
                for lanes in LANES:
                    place = standing.open()
                    with relay(place, delay) as far:
                        wall = shop.run([*check(far), "--concurrency", str(lanes)], far).wall
                    taken[lanes].append(wall)
            for lanes in LANES:
                share = ratio(taken[lanes], taken[1]) if lanes > 1 else None
                rows.append((f"{delay} ms", str(lanes), shown(middle(taken[lanes]), 1), shown(share, 2)))
            usual = taken[DEFAULT_CONCURRENCY]
            late = (middle(usual) or 0.0) > MOST_SECONDS.get(delay, math.inf)
            missed |= late or (delay >= FAR and (ratio(usual, taken[1]) or 0.0) > MOST_OF_ONE)
    head = ("added to a round trip", "`--concurrency`", "wall s", "of that with 1")
    text = f"Medians of {rounds} rounds with {versions()}.\n\n{table(head, rows)}"
    click.echo(text)
    if writes:
        write("far", text)
    if missed:
        raise SystemExit(1)


@contextmanager
def relay(place: Place, delay: int) -> Iterator[Place]:
    """The same place, so many milliseconds farther away."""
    port = urlsplit(place.base_url).port
    command = [sys.executable, "-m", "benchmarks.far", "--relay", str(port), str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            own = process.stdout.readline().strip()
            yield replace(place, base_url=place.base_url.replace(f":{port}", f":{own}"))
        finally:
            process.kill()


async def serve(target: int, seconds: float) -> None:
    """Pass on what comes to a port of its own, which is printed; what goes to the target is delayed."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wait: float) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await asyncio.sleep(wait)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)  # a connection takes a round trip as well
        theirs, ours = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(pump(reader, ours, seconds), pump(theirs, writer, 0.0))

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--relay"]:
        asyncio.run(serve(int(sys.argv[2]), int(sys.argv[3]) / 1000))
    main()
