"""Filters: facets that the list does not have, and names that resemble those that it has."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, cycle, zip_longest

from contracts.core.model import Order, Request
from contracts.probes.asking import Asking

TIGHT = 20
"""With fewer requests what another name tells as well is not asked."""

MOST_TELLING = 3
"""The first names to try: a part, another case and a longer form deceive most careless comparisons."""

PADDING = " " * 1000
"""Longer than most database columns: cut off there, the name ends with spaces."""

WIDER = 0xFEE0
"""The distance of a full-width letter from its usual form in Unicode."""

_WIDE = 100
_MOST_VALUES = 2
_MOST_HIDDEN = 4
_DRAWN = 20
"""Integers that are drawn in search of an unused one."""

FIRST_NAMES = 12
"""Further names that are requested before facets of other lists."""

MOST_ELSEWHERE = 2
"""Facets of other lists that are requested."""


def filters(asking: Asking) -> None:
    """Ask for unused facets, and for facets whose names resemble real ones.

    What is wrong in general shows anywhere; what is wrong in one branch only where that is taken, so the
    most telling names are asked for in several ways.
    """
    further = list(_further(asking)) if asking.wants("further") else []
    listing = asking.listing
    facets = listing.facets
    if not facets:
        if asking.operation.roles.facet or not further:
            asking.ask(asking.query(facet=unused_facet(asking, "proj_unknown")))
        asking.send_all(further)
        return
    if asking.operation.filters.takes(asking.operation.roles.facet) in {"boolean", "integer", "array"}:
        # What resembles a boolean or an integer may be read as that one, and one text with a comma as two.
        unused = unused_facet(asking, facets[0])
        if unused is not None:
            asking.ask_all([asking.query(facet=unused), asking.query(facet=unused, limit=1, order=Order.ASCENDING)])
        asking.send_all(further)
        return
    chosen = asking.rng.choice(facets)
    made = almost(chosen, facets)
    if asking.left < TIGHT:  # a space in front tells as much
        made = [name for name in made if name != f"{chosen} "]
    first = listing.sequence(Order.DESCENDING)[:1]
    ways: tuple[dict[str, object], ...] = (
        {},
        {"limit": 1, "order": Order.ASCENDING},
        {"after": first[0] if first else None},
    )
    plain, limited, later = [
        [asking.query(facet=name, **way) for name in (unused_id(asking, facets[0]), *made[:MOST_TELLING])]
        for way in ways
    ]
    rest = [asking.query(facet=name, **way) for name, way in zip(made[MOST_TELLING:], cycle(ways), strict=False)]
    rest[FIRST_NAMES:FIRST_NAMES] = [
        asking.query(facet=facet, limit=asking.size) for facet in _elsewhere(asking)[:MOST_ELSEWHERE]
    ]
    if not asking.wants("near"):
        asking.ask_all([plain[0], limited[0]])
        asking.send_all(further)
        return
    if further:
        asking.ask_all(limited[:2])
        asking.send_all(further)
        limited = limited[2:]
    asking.ask_all([*limited, *rest, *plain, *later])


def _further(asking: Asking) -> Iterator[Request]:
    """Requests with further filters, alone and combined, and with filters by what items don't show."""
    operation, items = asking.operation, list(asking.listing.items.values())
    names, hidden = [name for name, _ in operation.profile.filters[1:]], operation.profile.hidden[:_MOST_HIDDEN]
    if not names and not hidden:
        return
    most = operation.profile.limit.most if operation.profile.limit is not None else None
    query = asking.query(limit=min(most or _WIDE, _WIDE, max(len(items), 1) + 1) if operation.roles.limit else None)

    def chosen(*pairs: tuple[str, str], facet: str | None = None) -> Request:
        # A page that is turned round is told from one in the other order only if the order is asked for.
        order = operation.default_order if any(name in hidden for name, _ in pairs) else query.order
        return operation.request(replace(query, facet=facet, order=order), extra=pairs)

    # First one request of each kind.
    beside = asking.listing.facets
    kinds: list[list[Request]] = [[], [], [], [], []]
    for item in asking.rng.sample(items, min(_MOST_VALUES, len(items))):
        further = zip(names, item.further, strict=True)
        shown = [
            (name, value) for name, value in further if value is not None and operation.filters.selects(name, value)
        ]
        if shown and item.facet and item.facet in beside:
            kinds[0].append(chosen(shown[0], facet=item.facet))
        if len(shown) > 1:
            kinds[2].append(chosen(*shown))
    kinds[1] = [chosen((name, value)) for name in hidden for value in _hidden_values(asking, name)]
    bounds = [(name, value) for name in operation.filters.ranges for value in _hidden_values(asking, name)]
    kinds[4] = [chosen(pair, facet=beside[place % len(beside)]) for place, pair in enumerate(bounds[:2]) if beside]
    for place, name in enumerate(names):
        found = (item.further[place] for item in items)
        values = dict.fromkeys(value for value in found if value is not None and operation.filters.selects(name, value))
        kinds[3] += [chosen((name, value)) for value in list(values)[:_MOST_VALUES]]
        if values and not operation.filters.words_of(name) and not operation.filters.takes(name):
            kinds[3] += [chosen((name, value)) for value in _resembling(asking.rng.choice(list(values)), tuple(values))]
    yield from filter(None, chain.from_iterable(zip_longest(*kinds)))


def _resembling(name: str, known: tuple[str, ...]) -> list[str]:
    """The most telling of the names that `almost` makes, which a filter behind the first one is asked for."""
    made = (name[:-1], name.swapcase(), f"{name} ", ",".join(known[:2]), f"{name[:-1]}%", "*")
    return [text for text in dict.fromkeys(made) if text and text not in known]


def _hidden_values(asking: Asking, name: str) -> list[str]:
    """Values for a filter by what items don't show: a word that it accepts, or a time in the middle of the list."""
    operation = asking.operation
    if operation.filters.takes(name) in {"integer", "date-time"}:
        times = sorted(item.time for item in asking.listing.items.values() if item.time is not None)
        return [operation.filters.as_bound(name, times[len(times) // 2] if times else 1)]
    return list(operation.filters.words_of(name)[:_MOST_VALUES]) or [unused_id(asking, "contracts")]


def _elsewhere(asking: Asking) -> list[str]:
    """Facets that other lists have, and this one does not."""
    known = set(asking.listing.facets)
    pages = [page for pages in asking.evidence.pages_of_others.values() for page in pages]
    found = (item.facet for page in pages for item in page.items)
    return [facet for facet in dict.fromkeys(found) if facet and facet not in known]


def unused_facet(asking: Asking, like: str) -> str | None:
    """A facet that no item shows: an integer, or a text of the same form as ``like``; ``None`` where there is none."""
    operation = asking.operation
    kind = operation.filters.takes(operation.roles.facet)
    if kind != "integer" or operation.filters.accepted:
        return None if kind in {"boolean", "integer"} else unused_id(asking, like)
    span, shown = (
        operation.filters.integers(operation.roles.facet),
        {item.facet for item in asking.listing.items.values()},
    )
    drawn = (str(asking.rng.choice(span)) for _ in range(_DRAWN if span else 0))
    return next(
        (each for each in drawn if each not in shown and operation.filters.selects(operation.roles.facet, each)), None
    )


def unused_id(asking: Asking, like: str) -> str:
    """An unused id or name of the same form as ``like``."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    head, sign, _ = like.partition("_")
    stem = f"{head}_" if sign and head.isascii() and head.isalnum() else ""
    return stem + "".join(asking.rng.choice(letters) for _ in range(24))


def almost(name: str, known: tuple[str, ...]) -> list[str]:
    """Names that a careless comparison confuses with the given one, the most revealing first."""
    made = [
        name[:-1],
        name.swapcase(),
        f"{name} ",
        "0",
        f"{name}\0",
        widened(name),
        ",".join(known[:2]) if len(known) > 1 else f"{name},x",
        f" {name}",
        " ",
        "null",
        f"{name}\n",
        f"%{ord(name[0]):02X}{name[1:]}" if name[0].isascii() else "",
        accented(name),
        ".*",
        f"{name}{PADDING}x",
        name + name[-1],
        f"{name[:-1]}%",
        "*",
        f"_{name[1:]}",
        name.partition("_")[2] or name[1:],
        f"{name}&x",
        f"x/{name}",
        "all",
        f"{name}\u200b",
        f"0{name}" if name.isdecimal() else f'"{name}"',
        name.upper(),
    ]
    return [text for text in dict.fromkeys(made) if text and text not in known]


def widened(name: str) -> str:
    """A name in full-width letters, which the compatibility forms of Unicode make equal."""
    return "".join(chr(ord(each) + WIDER) if "!" <= each <= "~" else each for each in name)


def accented(name: str) -> str:
    """A name with one accent more or less, which databases with linguistic collation ignore."""
    bare = "".join(each for each in unicodedata.normalize("NFD", name) if not unicodedata.combining(each))
    if bare != name:
        return bare
    at = next((at for at, each in enumerate(name) if each in "aeiou"), 0)
    return unicodedata.normalize("NFC", f"{name[: at + 1]}\u0301{name[at + 1 :]}")
