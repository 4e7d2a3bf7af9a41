"""What the embedded server holds: checkpoints, their permissions, and two keys."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from contracts.mock.shape import PUBLISHED, Shape

BASE62 = string.digits + string.ascii_letters
SEED = 20240812
_TIED = 0.3
"""How likely a permission shares its moment with the one before it, away from the boundaries."""
NEWEST = 1_727_704_800
"""The moment of the newest permission: 30 September 2024, 14:00 UTC, in seconds."""

Form = Callable[[int, random.Random], str]
"""Makes an id from a number; different numbers must give different ids."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One grant: a project may use a checkpoint. ``created_at`` counts seconds."""

    id: str
    created_at: int
    project_id: str


Permissions = Sequence[Permission]


@dataclass(frozen=True, slots=True)
class Dataset:
    """All that one server knows.

    The permissions of a checkpoint stand in the order in which the server stores them, which is no order
    that a client could see. ``admin_key`` may list them, ``user_key`` is a valid key that may not.
    """

    checkpoints: Mapping[str, tuple[Permission, ...]]
    checkpoint: str
    other_checkpoint: str
    empty_checkpoint: str
    admin_key: str = field(repr=False)
    user_key: str = field(repr=False)
    shape: Shape = field(default=PUBLISHED, repr=False)

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """What the main checkpoint holds."""
        return self.checkpoints[self.checkpoint]


def token(rng: random.Random, length: int) -> str:
    """Base62 characters, as the vendor's ids have them."""
    return "".join(rng.choices(BASE62, k=length))


def permission_id(_: int, rng: random.Random) -> str:
    """The usual form of a permission's id."""
    return "cp_" + token(rng, 24)


def project_id(_: int, rng: random.Random) -> str:
    """The usual form of a project's id."""
    return "proj_" + token(rng, 24)


def seeded(
    *,
    size: int = 57,
    projects: int = 3,
    seed: int = SEED,
    ties: bool = True,
    one_moment: bool = False,
    permission_form: Form = permission_id,
    project_form: Form = project_id,
    checkpoint: str | None = None,
    other_checkpoint: str | None = None,
) -> Dataset:
    """Makes a dataset that depends on its arguments alone.

    Args:
        size: How many permissions the main checkpoint holds.
        projects: How many projects they belong to, unevenly; fewer when there are fewer permissions.
        seed: Another seed gives other ids, keys and moments.
        ties: Whether several permissions share a ``created_at``. They then straddle the boundaries of
            pages of 7 and of 10, counted from either end.
        one_moment: Whether all permissions share one ``created_at``.
        permission_form: How permission ids look.
        project_form: How project ids look.
        checkpoint: The main checkpoint's id, instead of a usual one.
        other_checkpoint: The other checkpoint's id, instead of a usual one.
    """
    rng = random.Random(seed)
    stem = f"ft:gpt-4o-mini-2024-07-18:acme:support:{token(rng, 8)}"
    main = checkpoint or f"{stem}:ckpt-step-2000"
    other = other_checkpoint or f"{stem}:ckpt-step-1500"
    empty = f"{stem}:ckpt-step-500"
    names = [project_form(number, rng) for number in range(projects + 1)]
    others = 12
    ids = [permission_form(number, rng) for number in range(size + others)]
    ages = _ages(size, ties=ties, one_moment=one_moment, rng=rng)
    owners = _owners(size, names[:projects], rng)
    listed = [Permission(ids[i], NEWEST - ages[i], owners[i]) for i in range(size)]
    rng.shuffle(listed)
    foreign = [
        Permission(ids[size + i], NEWEST - 1800 - 5400 * (i // 2), rng.choice([names[0], names[-2], names[-1]]))
        for i in range(others)
    ]
    rng.shuffle(foreign)
    return Dataset(
        checkpoints=MappingProxyType({main: tuple(listed), other: tuple(foreign), empty: ()}),
        checkpoint=main,
        other_checkpoint=other,
        empty_checkpoint=empty,
        admin_key="sk-admin-" + token(rng, 48),
        user_key="sk-proj-" + token(rng, 48),
    )


def _ages(size: int, *, ties: bool, one_moment: bool, rng: random.Random) -> list[int]:
    """How many seconds each permission is older than the newest one, never falling."""
    ages: list[int] = []
    age = 0
    for position in range(size):
        boundary = any(place % page == 0 for place in (position, size - position) for page in (7, 10))
        together = one_moment or (ties and (boundary or rng.random() < _TIED))
        if position and not together:
            age += rng.randint(1, 7200)
        ages.append(age)
    return ages


def _owners(size: int, projects: Sequence[str], rng: random.Random) -> list[str]:
    """A project for each permission: the first has the most, and each has one if there are enough."""
    weights = [1 / (rank + 1) for rank in range(len(projects))]
    owners = [*projects[:size], *rng.choices(projects, weights, k=max(0, size - len(projects)))]
    rng.shuffle(owners)
    return owners
