"""Conforming servers whose list changes while it is read.

What changes, and at which request, depends on the numbers of the requests alone. A permission that was
taken away is no cursor any more.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from contracts.mock.app import Asked, Behaviour
from contracts.mock.store import NEWEST, SEED, Permission, permission_id, seeded
from contracts.mock.variants.declare import Variant, add

FEWEST = 25
"""Nothing is taken away from a list as short as this."""
_PACES = (40, 10, 3)


class Moving(Behaviour):
    """The main checkpoint's list gains or loses an item, or both, every few requests."""

    every = 10
    gains = True
    loses = True

    def permissions(self, asked: Asked, /) -> Sequence[Permission]:
        """What the checkpoint holds at this request."""
        found = super().permissions(asked)
        if asked.checkpoint != self.dataset.checkpoint:
            return found
        step = asked.request.number // self.every
        states: list[tuple[Permission, ...]] = self.memory.setdefault("states", [tuple(found)])
        while len(states) <= step:
            states.append(self.moved(states[-1], len(states)))
        return states[step]

    def moved(self, before: tuple[Permission, ...], step: int) -> tuple[Permission, ...]:
        """The list one change later."""
        rng = random.Random(SEED + step)  # noqa: S311 - wanted: the same changes every time
        after = list(before)
        if self.loses and len(after) > FEWEST:
            after.pop(rng.randrange(len(after)))
        if self.gains:
            # Two in a row share a moment, so that ties come and go at the head as well.
            owner = rng.choice(before).project_id if before else "proj_new"
            after.append(Permission(permission_id(step, rng), NEWEST + 60 * (step // 2 + 1), owner))
        return tuple(after)


_KINDS = {"gains": (True, False), "loses": (False, True), "moves": (True, True)}
_SENTENCES = {
    "gains": "The list gains an item at its head every {} requests.",
    "loses": "The list loses an item, anywhere, every {} requests.",
    "moves": "The list gains an item at its head and loses one anywhere, every {} requests.",
}

for _kind, (_gains, _loses) in _KINDS.items():
    for _every in _PACES:
        _steps = {"every": _every, "gains": _gains, "loses": _loses}
        add(
            Variant(
                f"{_kind}-every-{_every}",
                _SENTENCES[_kind].format(_every),
                type(f"{_kind}_every_{_every}", (Moving,), _steps),
                dataset=lambda: seeded(size=90),
                moving=True,
            )
        )
