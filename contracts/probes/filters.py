"""Filters: projects that the list does not have, and names that are almost those that it has."""

from __future__ import annotations

from itertools import chain, cycle, zip_longest

from contracts.core.model import Order
from contracts.probes.asking import Asking

MOST_TELLING = 3
"""Names that most careless comparisons fall for: a part, another case, a pattern."""

MOST_ELSEWHERE = 2
"""Projects of other checkpoints that are asked for here."""


def filters(asking: Asking) -> None:
    """Ask for projects that nobody has, and for those whose names were made from real ones.

    What is wrong in general shows anywhere; what is wrong in one branch only where that is taken, so the
    most telling names are asked for in several ways.
    """
    listing = asking.listing
    projects = listing.projects
    if not projects:
        asking.ask(asking.query(project_id=nobody(asking, "proj_unknown")))
        return
    made = almost(asking.rng.choice(projects), projects)
    first = listing.sequence(Order.DESCENDING)[:1]
    ways: tuple[dict[str, object], ...] = (
        {},
        {"limit": 1},
        {"order": Order.ASCENDING, "limit": asking.size},
        {"after": first[0] if first else None},
    )
    plain, *others = [
        [asking.query(project_id=name, **way) for name in (nobody(asking, projects[0]), *made[:MOST_TELLING])]
        for way in ways
    ]
    rest = [asking.query(project_id=name, **way) for name, way in zip(made[MOST_TELLING:], cycle(ways), strict=False)]
    rest[MOST_ELSEWHERE:MOST_ELSEWHERE] = [
        asking.query(project_id=project, limit=asking.size) for project in _elsewhere(asking)[:MOST_ELSEWHERE]
    ]
    # A small share reaches some of both: the telling names in other ways, and other names.
    asking.ask_all([*plain, *filter(None, chain.from_iterable(zip_longest(chain.from_iterable(others), rest)))])


def _elsewhere(asking: Asking) -> list[str]:
    """Projects that other checkpoints have, and this one does not."""
    known = set(asking.listing.projects)
    pages = [page for pages in asking.evidence.pages_of_others.values() for page in pages]
    found = (item.project_id for page in pages for item in page.items)
    return [project for project in dict.fromkeys(found) if project and project not in known]


def nobody(asking: Asking, like: str) -> str:
    """A name of the same form that nobody has."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    head, sign, _ = like.partition("_")
    stem = f"{head}_" if sign and head.isascii() and head.isalnum() else ""
    return stem + "".join(asking.rng.choice(letters) for _ in range(24))


def almost(name: str, known: tuple[str, ...]) -> list[str]:
    """Names that a careless comparison takes for the given one, the most telling first."""
    made = [
        name[:-1],
        name.swapcase(),
        f"{name[:-1]}%",
        name + name[-1],
        ".*",
        f"{name} ",
        "*",
        " ",
        "%",
        name[1:],
        name.upper(),
        name[: max(1, len(name) // 2)],
        f"_{name[1:]}",
        '" OR "1"="1',
        "null",
        "all",
        ",".join(known[:2]) if len(known) > 1 else f"{name},{name}",
        f"%{ord(name[0]):02X}{name[1:]}" if name[0].isascii() else "",
        name.lower(),
        f"{name[:3]}*",
        f"{name[:-1]}?",
        "undefined",
    ]
    return [text for text in dict.fromkeys(made) if text and text not in known]
