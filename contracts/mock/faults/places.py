"""The places in which a fault is easily missed."""

from __future__ import annotations

from contracts.mock.app import Asked, Behaviour
from contracts.mock.faults.declare import Where
from contracts.mock.faults.kinds import Kind
from contracts.mock.store import Dataset, Permission

OVERLAP_SECONDS = 0.004
"""How long a request takes where the fault shows only when two overlap."""
FEW, MANY, FAR = 4, 20, 30
"""What the sentences of faults count as a small page, a large page, and deep in the list."""
CHOSEN = 42
"""The item, counted from 1 in the whole list, at which a fault of a single item shows."""


def smallest_project(dataset: Dataset) -> str:
    """The project with the fewest permissions on the main checkpoint; "" if there is none."""
    owners = [permission.project_id for permission in dataset.permissions]
    return min(sorted(set(owners)), key=owners.count, default="")


def owner_of_cursor(behaviour: Behaviour, asked: Asked) -> str | None:
    """The project of the permission that ``after`` names."""
    return next((each.project_id for each in behaviour.permissions(asked) if each.id == asked.after), None)


def start_of(behaviour: Behaviour, asked: Asked) -> int:
    """How many items of the whole list stand before the page."""
    return behaviour.position(behaviour.sort(behaviour.permissions(asked), asked), asked)


def is_picked(behaviour: Behaviour, permission: Permission, asked: Asked) -> bool:
    """Whether this is the 42nd item of the whole list, newest first (the last one of a shorter list)."""
    newest_first = sorted(behaviour.permissions(asked), key=lambda each: (each.created_at, each.id), reverse=True)
    return permission.id == newest_first[:CHOSEN][-1].id


def _cursor_elsewhere(behaviour: Behaviour, asked: Asked) -> bool:
    owner = owner_of_cursor(behaviour, asked)
    return asked.project_id is not None and owner not in {None, asked.project_id}


ASCENDING = Where("ascending", "only in ascending order", lambda _, asked: asked.ascending)
DESCENDING = Where("descending", "only in descending order", lambda _, asked: not asked.ascending)
FILTERED = Where("filtered", "only under a filter", lambda _, asked: asked.project_id is not None)
ASCENDING_FILTERED = Where(
    "ascending-filtered",
    "only in ascending order under a filter",
    lambda _, asked: asked.ascending and asked.project_id is not None,
)
LATER = Where("later", "only from the second page on", lambda _, asked: asked.after is not None)
LAST_PAGE = Where("last-page", "only on the last page", lambda b, asked: len(b.rest(asked)) <= asked.limit)
EMPTY = Where("empty-page", "only on an empty page", lambda b, asked: not b.rest(asked))
LIMIT_1 = Where("limit-1", "only at limit=1", lambda _, asked: asked.limit == 1)
LARGE = Where("large-page", f"only for limits above {MANY}", lambda _, asked: asked.limit > MANY)
BEYOND_30 = Where("beyond-30", "only beyond the 30th item", lambda b, asked: start_of(b, asked) >= FAR)
ONE_PROJECT = Where(
    "one-project",
    "only for the project with the fewest items",
    lambda b, asked: asked.project_id == smallest_project(b.dataset),
)
CURSOR_ELSEWHERE = Where("cursor-elsewhere", "only after an item of another project", _cursor_elsewhere)
SIXTH = Where(
    "sixth", "in one request of six", lambda _, asked: asked.request.number % 6 == 0, timed=True, kind=Kind.NOW_AND_THEN
)
OVERLAPPING = Where(
    "overlapping",
    "only at once with another request",
    lambda b, _: b.in_flight > 1,
    pause=OVERLAP_SECONDS,
    timed=True,
    kind=Kind.SHARED_STATE,
)
ITEM_42 = Where("item-42", "only in the 42nd item", item=is_picked)
ITEM_OF_ONE_PROJECT = Where(
    "item-of-one-project",
    "only in the items of the project with the fewest",
    item=lambda b, permission, _: permission.project_id == smallest_project(b.dataset),
)
