"""Scope: other checkpoints, ids that are almost this one's, and cursors from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TypeVar
from urllib.parse import quote

from contracts.core.model import Order, Query, Request
from contracts.probes.asking import Asking
from contracts.probes.filters import MOST_TELLING, PADDING, accented, nobody, widened

T = TypeVar("T")


def scope(asking: Asking) -> None:
    """Ask for other checkpoints, and bring their cursors here."""
    target, listing = asking.target, asking.listing
    own = listing.sequence(Order.DESCENDING)
    first = own[0] if own else None
    near = almost(target.checkpoint, asking)
    others: list[str] = []
    projects: list[str | None] = []

    def walk_the_other(order: Order) -> None:
        if target.other_checkpoint and asking.wants("others"):
            query = Query(target.other_checkpoint, limit=asking.size, order=order)
            for page in asking.walk(query, most=2, name="other"):
                fresh = [item for item in page.items if item.id not in listing.items and item.id not in others]
                others.extend(item.id for item in fresh)
                projects.extend(item.project_id for item in fresh)

    walk_the_other(Order.DESCENDING)
    asking.send_all(_wanted(asking, _first(asking, others, near, first)))
    walk_the_other(Order.ASCENDING)
    further = _wanted(asking, _further(asking, others, projects, near))
    asking.send_all(chain(map(asking.request, further), _wanted(asking, _last(asking))))


def _wanted(asking: Asking, parts: Iterator[tuple[str, T]]) -> Iterator[T]:
    return (each for part, each in parts if asking.wants(part))


def _first(
    asking: Asking, others: list[str], near: list[str], first: str | None
) -> Iterator[tuple[str, Request | None]]:
    """One request of each kind."""
    write = asking.request
    if others:
        yield "others", write(asking.query(after=others[0]))
    yield "cursors", write(asking.query(after=nobody(asking, first or "cp_unknown"), limit=3))
    yield "unknown", write(Query(_unknown(asking)))
    yield "near", write(Query(near[0], limit=100))
    yield "encoded", write(asking.query(), encode_colon=True)


def _last(asking: Asking) -> Iterator[tuple[str, Request | None]]:
    write = asking.request
    yield "encoded", write(asking.query(limit=3, order=Order.ASCENDING), encode_colon=True)
    yield "encoded", write(asking.query(limit=3, order=Order.ASCENDING))


def _further(
    asking: Asking, others: list[str], projects: list[str | None], near: list[str]
) -> Iterator[tuple[str, Query]]:
    target = asking.target
    own = asking.listing.sequence(Order.DESCENDING)
    first = own[0] if own else None
    middle = own[len(own) // 2] if own else None
    project = asking.listing.projects[0] if asking.listing.projects else None
    yield from (("near", Query(each)) for each in near[1:MOST_TELLING])
    if others and target.other_checkpoint:
        yield "others", asking.query(after=others[-1], limit=100, order=Order.ASCENDING)
        amid = others[len(others) // 2]
        yield "others", asking.query(after=amid, limit=5, order=Order.DESCENDING, project_id=project)
        yield "others", asking.query(after=others[-1], limit=1, project_id=project)
        yield "others", asking.query(after=others[0], project_id=projects[0])
        if own:
            yield "others", Query(target.other_checkpoint, after=middle)
        if project is not None:
            yield "others", Query(target.other_checkpoint, limit=asking.size, project_id=project)
    if target.empty_checkpoint:
        yield "empty", Query(target.empty_checkpoint)
        yield "empty", Query(target.empty_checkpoint, limit=100, order=Order.ASCENDING)
    cursor = nobody(asking, first or "cp_unknown")
    yield "cursors", asking.query(after=cursor, order=Order.ASCENDING, project_id=project)
    yield "unknown", Query(_unknown(asking), limit=1)
    yield "near", Query(near[1], after=middle)
    oldest = own[-1] if own else None
    yield "unknown", Query(_unknown(asking), after=oldest, limit=100, order=Order.ASCENDING, project_id=project)
    yield from (("near", Query(each)) for each in near[MOST_TELLING:])


def _unknown(asking: Asking) -> str:
    head, sign, _ = asking.target.checkpoint.rpartition(":")
    return f"{head}{sign}{nobody(asking, 'none')}"


def almost(checkpoint: str, asking: Asking) -> list[str]:
    """Checkpoint ids that a careless comparison takes for the given one."""
    named = {checkpoint, asking.target.other_checkpoint, asking.target.empty_checkpoint}
    parts = checkpoint.rsplit(":", 1)
    made = [
        checkpoint[:-1],
        checkpoint.swapcase(),
        f"{checkpoint}x",
        f"{checkpoint[:-1]}%",
        parts[0] if parts[0] != checkpoint else "",
        f"{checkpoint}\0x",
        f"{checkpoint} ",
        quote(checkpoint, safe=""),
        widened(checkpoint),
        f"{checkpoint[:-1]}*",
        "0",
        f"{checkpoint}{PADDING}x",
        accented(checkpoint),
        f" {checkpoint}",
        f"{checkpoint},x",
        checkpoint[1:],
        checkpoint.upper(),
    ]
    return [text for text in dict.fromkeys(made) if text and text not in named]
