"""The walks as a picture: the list as a strip, and the pages of each walk as blocks along it.

The axis is the list, newest first, one unit an item. What runs oldest first runs along it from right to left, so
the two orders mirror each other. All places are percentages of the axis, for SVG that stretches with the window.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from contracts.core.model import Order, Page
from contracts.core.result import Finding
from contracts.core.wording import count, names, short, yes
from contracts.evidence.evidence import Evidence
from contracts.evidence.listing import Listing
from contracts.evidence.movement import Walk
from contracts.reports.safe import plain

MOST_CELLS: Final = 400
"""Cells of the strip; longer lists get several items a cell."""
MOST_BLOCKS: Final = 500
"""Pages that are drawn in all; the walks that are left out are counted."""
PATTERNS: Final = 6
"""Projects that have a look of their own; all others share one."""
_LEAST_WIDTH: Final = 0.3
_NUMBERED: Final = 2.4
_PLAIN_WALKS: Final = 6
_LANE: Final = 22

Findings = Mapping[str, Sequence[Finding]]
"""Breaches, by the ids of their clauses."""
Pieces = Sequence[Sequence[tuple[str | None, int]]]
"""The pieces of a list: the facets of each, with how many items they have there."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the axis, in percent; ``look`` names how it is filled, ``y`` and ``height`` are in pixels."""

    x: str
    width: str
    look: str = ""
    y: str = "14"
    height: str = "22"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a walk breaks clauses: at the items that findings are about, or at the end of the page."""

    x: str
    width: str
    middle: str
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """One page of a walk. ``hull`` is where its items lie, ``ticks`` are they themselves where others lie between."""

    number: int
    page: int
    hull: Span
    middle: str
    numbered: bool
    ticks: tuple[Span, ...]
    asked: str
    items: int
    first: str
    last: str
    has_more: str
    broken: str
    """The clauses that it breaks, by their ids."""
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """One walk."""

    name: str
    title: str
    ascending: bool
    facet: int | None
    blocks: tuple[Block, ...]
    marks: tuple[Mark, ...]
    broken: tuple[tuple[str, int], ...]
    """The clauses that it breaks, each with the number of its breaches there."""


@dataclass(frozen=True, slots=True)
class Strip:
    """The list as one order shows it."""

    cells: tuple[Span, ...]
    ties: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """One order: its strip, the walks that are worth a look, and the others."""

    ascending: bool
    strip: Strip
    rows: tuple[Row, ...]
    others: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Legend:
    """A facet: its look, its name and how many items it has."""

    look: str
    name: str
    items: int


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it. ``per_cell`` items make one cell; ``width`` is a class that keeps cells from being too narrow."""

    items: int
    per_cell: int
    tied: int
    width: str
    complete: bool
    legend: tuple[Legend, ...]
    groups: tuple[Group, ...]
    left_out: int
    remark: str
    whole: tuple[Span, ...] = ()
    """The cells of a list that was walked through as a whole, of which the rest shows the ends alone."""

    @property
    def marked(self) -> bool:
        """Whether any walk breaks a clause."""
        return any(row.marks for group in self.groups for row in (*group.rows, *group.others))

    @property
    def blocks(self) -> Iterator[Block]:
        """Every page that is drawn."""
        for group in self.groups:
            for row in (*group.rows, *group.others):
                yield from row.blocks


def picture(evidence: Evidence, findings: Findings, pieces: Pieces = ()) -> Picture:
    """Draw what a run walked through.

    Args:
        evidence: What the run knows.
        findings: The breaches to mark, by clause: the picture itself judges nothing.
        pieces: Those of `contracts.core.result.Result`.
    """
    return _Drawing(evidence, findings).picture(pieces)


class _Drawing:
    def __init__(self, evidence: Evidence, findings: Findings) -> None:
        self.evidence = evidence
        self.listing: Listing = evidence.listing
        self.axis = _axis(self.listing)
        self.at = {id_: position for position, id_ in enumerate(self.axis)}
        self.per_cell = max(1, -(-len(self.axis) // MOST_CELLS))
        self.breaches: dict[int, list[tuple[str, Finding]]] = defaultdict(list)
        """The breaches by the number of the exchange that went wrong."""
        for clause, breaches in findings.items():
            for finding in breaches:
                self.breaches[finding.decisive.number].append((clause, finding))
        self.facets = {facet: number for number, facet in enumerate(self.listing.facets)}

    def picture(self, pieces: Pieces) -> Picture:
        walks, left_out = self._chosen()
        groups = []
        for order in (Order.DESCENDING, Order.ASCENDING):
            rows = [self._row(walk) for walk in walks if walk.order is order]
            different = {(row.title, row.broken, row.marks): row for row in reversed(rows)}.values()
            plainly = [row for row in sorted(different, key=rows.index) if not row.marks]
            kept = {row.name for row in plainly[:_PLAIN_WALKS]} | {row.name for row in different if row.marks}
            groups.append(
                Group(
                    ascending=order is Order.ASCENDING,
                    strip=Strip(tuple(self._cells(set(self.listing.sequence(order)))), self._beneath()),
                    rows=tuple(row for row in rows if row.name in kept),
                    others=tuple(row for row in rows if row.name not in kept),
                )
            )
        return Picture(
            items=len(self.axis),
            per_cell=self.per_cell,
            tied=sum(stop - start for start, stop in self._ties()),
            width=f"w{min(3, len(self.axis) // 120)}",
            complete=self.listing.complete,
            legend=self._legend(),
            groups=tuple(groups),
            left_out=left_out,
            remark=self._remark(),
            whole=tuple(self._whole(pieces)),
        )

    def _whole(self, pieces: Pieces) -> Iterator[Span]:
        """One cell a piece, divided by its facets' shares."""
        for number, owners in enumerate(pieces):
            shares: Counter[str] = Counter()
            for facet, items in owners:
                shares[self._known(facet)] += items
            x, width = f"{100 * number / len(pieces):.4g}%", f"{100 / len(pieces):.4g}%"
            yield from self._shared(shares, Span(x, width))

    def _chosen(self) -> tuple[list[Walk], int]:
        chosen, blocks = [], 0
        walks = self.evidence.walks
        for walk in walks:
            if blocks + len(walk.pages) <= MOST_BLOCKS:
                chosen.append(walk)
                blocks += len(walk.pages)
        return chosen, len(walks) - len(chosen)

    # The strip

    def _legend(self) -> tuple[Legend, ...]:
        numbers: dict[str, int] = {}
        for item in self.listing.items.values():
            if item.facet:
                numbers[item.facet] = numbers.get(item.facet, 0) + 1
        named = [
            Legend(f"p{number}", plain(short(facet)), numbers[facet])
            for facet, number in self.facets.items()
            if number < PATTERNS
        ]
        others = [facet for facet, number in self.facets.items() if number >= PATTERNS]
        if others:
            items = sum(numbers[facet] for facet in others)
            named.append(Legend("pz", self.evidence.operation.says(count(len(others), "other project")), items))
        return tuple(named)

    def _known(self, facet: str | None) -> str:
        number = self.facets.get(facet or "")
        return "pz" if number is None or number >= PATTERNS else f"p{number}"

    def _cells(self, seen: set[str]) -> Iterator[Span]:
        """The cells that hold items of an order; one of several items is divided by its facets' shares."""
        looks = {id_: self._known(self.listing.items[id_].facet) for id_ in seen}
        for start in range(0, len(self.axis), self.per_cell):
            stop = min(start + self.per_cell, len(self.axis))
            shares = Counter(looks[id_] for id_ in self.axis[start:stop] if id_ in seen)
            yield from self._shared(shares, self._span(start, stop))

    def _shared(self, shares: Counter[str], place: Span) -> Iterator[Span]:
        """One place of a strip, divided by the shares of facets."""
        taken, whole = 0, shares.total()
        for look in sorted(shares):
            y, height = _LANE * taken / whole, _LANE * shares[look] / whole
            yield Span(place.x, place.width, look, f"{14 + y:.3g}", f"{height:.3g}")
            taken += shares[look]

    def _beneath(self) -> tuple[Span, ...]:
        """The lines beneath ties: one each, or where there are too many, one for all that touch."""
        if self.per_cell == 1:
            return tuple(self._span(start, stop) for start, stop in self._ties())
        return tuple(self._span(*run) for run in self._runs(at for run in self._ties() for at in range(*run)))

    def _ties(self) -> list[tuple[int, int]]:
        """Where neighbours share their second, as (start, stop)."""
        times = [self.listing.items[id_].time for id_ in self.axis]
        groups = groupby(range(len(times)), key=lambda position: times[position])
        runs = [(time, list(positions)) for time, positions in groups]
        return [(run[0], run[-1] + 1) for time, run in runs if time is not None and len(run) > 1]

    def _remark(self) -> str:
        if self.listing.moved:
            return "The list changed meanwhile."
        if self.listing.complete or not all(map(self.listing.sequence, Order)):
            return ""
        return "Both ends were looked at in both orders; where a strip is empty, nothing was asked."

    # The walks

    def _row(self, walk: Walk) -> Row:
        numbers = Counter(clause for page in walk.pages for clause, _ in self.breaches[page.exchange.number])
        facet = self.facets.get(walk.facet) if walk.facet is not None else None
        return Row(
            name=walk.name,
            title=self._title(walk),
            ascending=walk.order is Order.ASCENDING,
            facet=min(facet, PATTERNS) if facet is not None else None,
            blocks=tuple(self._block(walk, page) for page in walk.pages),
            marks=tuple(self._marks(walk)),
            broken=tuple(sorted(numbers.items())),
        )

    def _title(self, walk: Walk) -> str:
        parts = [
            f"limit {walk.limit}" if walk.limit is not None else "no limit given",
            count(len(walk.pages), "page"),
            f"only {short(walk.facet)}" if walk.facet is not None else "",
            "" if walk.pages[0].query.after is None else "from within the list",
            "" if walk.ended else "not to its end",
        ]
        return plain(" · ".join(part for part in parts if part))

    def _block(self, walk: Walk, page: Page) -> Block:
        breaches = self.breaches[page.exchange.number]
        odd = {id_ for _, finding in breaches for id_ in finding.items}
        places = sorted(self.at[id_] for id_ in page.ids if id_ in self.at and id_ not in odd)
        places = places or sorted(self.at[id_] for id_ in page.ids if id_ in self.at)
        if places:
            start, stop = places[0], places[-1] + 1
        else:
            start = stop = self._after(page, walk.order)
        whole = len(set(places)) == stop - start
        look = "whole" if walk.facet is None else self._known(walk.facet)
        index = page.exchange.step.index if page.exchange.step else 0
        hull = self._span(start, stop)
        first, last = (plain(short(page.ids[end])) if page.ids else "–" for end in (0, -1))
        asked = "the beginning" if page.query.after is None else f"after {plain(short(page.query.after))}"
        more = yes(page.has_more)
        broken = ", ".join(sorted({clause for clause, _ in breaches}))
        label = f"Page {index + 1}, {asked}: {count(len(page.items), 'item')}, has_more {more}"
        return Block(
            number=page.exchange.number,
            page=index + 1,
            hull=hull,
            middle=_percent(start + (stop - start) / 2, len(self.axis)),
            numbered=walk.facet is None and float(hull.width.rstrip("%")) > _NUMBERED,
            ticks=() if whole and look == "whole" else tuple(self._span(*run, look) for run in self._runs(places)),
            asked=asked,
            items=len(page.items),
            first=first,
            last=last,
            has_more=more,
            broken=broken,
            label=f"{label}{f'; breaks {broken}' if broken else ''}",
        )

    def _after(self, page: Page, order: Order) -> int:
        """Where an empty page stands: behind its cursor."""
        place = self.at.get(page.query.after or "")
        if order is Order.ASCENDING:
            return len(self.axis) if place is None else place
        return 0 if place is None else place + 1

    def _marks(self, walk: Walk) -> Iterator[Mark]:
        """Where a walk breaks clauses; where items are too close to distinguish, one mark for all."""
        marked: dict[int, dict[str, None]] = defaultdict(dict)
        for page in walk.pages:
            for clause, finding in self.breaches[page.exchange.number]:
                places = [self.at[id_] for id_ in finding.items if id_ in self.at]
                for place in places or [self.at[id_] for id_ in page.ids if id_ in self.at][-1:]:
                    marked[place].setdefault(clause)
        for start, stop in self._runs(sorted(marked)):
            places = [place for place in range(start, stop) if place in marked]
            clauses = sorted({clause for place in places for clause in marked[place]})
            span = self._span(start, stop)
            yield Mark(
                x=span.x,
                width=span.width,
                middle=_percent(start + (stop - start) / 2, len(self.axis)),
                text=f"{', '.join(clauses)}: {plain(names(tuple(self.axis[place] for place in places), 3))}",
            )

    def _runs(self, places: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Places that touch each other, or are too close to distinguish, as (start, stop)."""
        begun: list[int] | None = None
        for place in places:
            if begun is not None and place - begun[1] < self.per_cell:
                begun[1] = max(begun[1], place + 1)
                continue
            if begun is not None:
                yield begun[0], begun[1]
            begun = [place, place + 1]
        if begun is not None:
            yield begun[0], begun[1]

    def _span(self, start: int, stop: int, look: str = "") -> Span:
        whole = len(self.axis)
        width = max(100 * (stop - start) / whole if whole else 0.0, _LEAST_WIDTH)
        x = min(100 * start / whole if whole else 0.0, 100 - width)
        return Span(f"{x:.4g}%", f"{width:.4g}%", look)


def _axis(listing: Listing) -> list[str]:
    """All items that were seen, newest first: as the descending order has them, as far as it tells."""
    known = listing.sequence(Order.DESCENDING)
    rest = [id_ for id_ in reversed(listing.sequence(Order.ASCENDING)) if id_ not in set(known)]
    placed = {*known, *rest}
    rest += [id_ for id_ in listing.items if id_ not in placed]
    times = [listing.items[id_].time for id_ in (*known, *rest)]
    sane = [time for time in times if time is not None]
    sorted_ = listing.moved or [*known] == _by_time(listing, known)
    if len(sane) < len(times) or not sorted_:
        return [*known, *rest]
    return _by_time(listing, (*known, *rest)) if rest else [*known]


def _by_time(listing: Listing, ids: Iterable[str]) -> list[str]:
    return sorted(ids, key=lambda id_: -(listing.items[id_].time or 0))


def _percent(place: float, whole: int) -> str:
    return f"{100 * place / whole if whole else 50:.4g}%"
