"""Scope: other lists, ids that are almost this one's, and cursors from elsewhere."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace
from itertools import chain, zip_longest
from typing import TypeVar
from urllib.parse import quote

from contracts.core.model import Capability, Item, Order, Query, Request
from contracts.probes.asking import Asking
from contracts.probes.filters import PADDING, accented, unused_id, widened

T = TypeVar("T")


def scope(asking: Asking) -> None:
    """Request other lists, and use their cursors on the judged one."""
    near = almost(asking.target.checkpoint, asking)
    own = asking.listing.items
    _walk_the_other(asking, Order.DESCENDING)
    others = _of_the_other(asking, own)
    with asking.gathered():
        asking.send_all(_wanted(asking, _first(asking, others, near)))
        _walk_the_other(asking, Order.ASCENDING)
    ids = [item.id for item in _of_the_other(asking, own)]
    further = _wanted(asking, _further(asking, ids, near))
    asking.send_all(chain(map(asking.request, further), _wanted(asking, _last(asking))))


def _walk_the_other(asking: Asking, order: Order) -> None:
    if asking.target.other_checkpoint and asking.wants("others"):
        query = Query(asking.target.other_checkpoint, limit=asking.size, order=order)
        asking.walk_all([(query, 1, 2)], name="other")


def _of_the_other(asking: Asking, own: Container[str]) -> list[Item]:
    """The items of the other list that the judged one does not have, in the order in which they were seen."""
    pages = asking.evidence.pages_of_others.get(asking.target.other_checkpoint or "", ())
    found: dict[str, Item] = {}
    for item in (item for page in pages for item in page.items if item.id not in own):
        found.setdefault(item.id, item)
    return list(found.values())


def _wanted(asking: Asking, parts: Iterator[tuple[str, T]]) -> Iterator[T]:
    return (each for part, each in parts if asking.wants(part))


def _first(asking: Asking, others: list[Item], near: list[str]) -> Iterator[tuple[str, Request | None]]:
    """One request of each kind, with several deviations at once, which shows general defects too."""
    write = asking.request
    own = asking.sequence(Order.DESCENDING)
    facet = asking.listing.facets[0] if asking.listing.facets else None
    if others:
        yield "others", write(asking.query(after=others[0].id, facet=others[0].facet))
    cursor = unused_id(asking, own[0] if own else "cp_unknown")
    yield "cursors", write(asking.query(after=cursor, order=Order.ASCENDING, facet=facet))
    oldest = own[-1] if own else None
    unknown = Query(_unknown(asking), after=oldest, limit=1, order=Order.ASCENDING, facet=facet)
    yield "unknown", write(unknown)
    for name, value in asking.operation.outer.items():
        yield "unknown", asking.operation.below(name, unused_id(asking, value), asking.target.checkpoint)
    yield "near", write(Query(near[1], after=own[len(own) // 2] if own else None))
    yield "encoded", write(asking.query(), encode_colon=True)


def _last(asking: Asking) -> Iterator[tuple[str, Request | None]]:
    write = asking.request
    yield "encoded", write(asking.query(limit=3, order=Order.ASCENDING), encode_colon=True)
    yield "encoded", write(asking.query(limit=3, order=Order.ASCENDING))


def _further(asking: Asking, others: list[str], near: list[str]) -> Iterator[tuple[str, Query]]:
    """Requests with names that resemble real ones, mixed with the rest, the most revealing first."""
    target = asking.target
    own = asking.sequence(Order.DESCENDING)
    middle = own[len(own) // 2] if own else None
    facet = asking.listing.facets[0] if asking.listing.facets else None
    single = "unknown", Query(_unknown(asking), limit=1)
    rest: list[tuple[str, Query]] = []
    beside = others and target.other_checkpoint
    if beside:
        rest.append(("others", asking.query(after=others[-1], limit=100, order=Order.ASCENDING)))
    rest.append(("cursors", asking.query(after=unused_id(asking, own[0] if own else "cp_unknown"), limit=3)))
    if beside:
        rest.append(("others", asking.query(after=others[0])))
        if facet is not None:
            rest.append(("others", Query(beside, limit=asking.size, facet=facet)))
    rest.append(("unknown", Query(_unknown(asking))))
    if beside:
        amid = others[len(others) // 2]
        rest.append(("others", asking.query(after=amid, limit=5, order=Order.DESCENDING, facet=facet)))
        rest.append(("others", asking.query(after=others[-1], limit=1, facet=facet)))
        if own:
            rest.append(("others", Query(beside, after=middle)))
    if target.empty_checkpoint:
        empty = Query(target.empty_checkpoint)
        # Where no cursor leads to an empty page, this may be the only one.
        at = 3 if Capability.CURSOR in asking.evidence.operation.capabilities else 0
        rest[at:at] = [("empty", empty), ("empty", replace(empty, limit=100, order=Order.ASCENDING))]
    rest.append(single)
    names = [("near", Query(near[0], limit=100)), *(("near", Query(name)) for name in (*near[2:], near[1]))]
    yield from filter(None, chain.from_iterable(zip_longest(names[::3], names[1::3], names[2::3], rest)))


def _unknown(asking: Asking) -> str:
    head, sign, _ = asking.target.checkpoint.rpartition(":")
    return f"{head}{sign}{unused_id(asking, 'none')}"


def almost(scope: str, asking: Asking) -> list[str]:
    """Checkpoint ids that a careless comparison confuses with the given one."""
    named = {scope, asking.target.other_checkpoint, asking.target.empty_checkpoint}
    parts = scope.rsplit(":", 1)
    made = [
        f"{scope} ",
        scope.swapcase(),
        widened(scope),
        parts[0] if parts[0] != scope else "",
        f"{scope}\0x",
        f"{scope[:-1]}%",
        quote(scope, safe=""),
        "0",
        f"{scope}{PADDING}x",
        accented(scope),
        scope[:-1],
        f"{scope}:ckpt-step-9",
        f"{scope[:-1]}*",
        f" {scope}",
        f"{scope},x",
        scope[1:],
        f"x/{scope}",
    ]
    return [text for text in dict.fromkeys(made) if text and text not in named]
