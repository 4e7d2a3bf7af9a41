"""Conforming servers whose list changes while it is read.

What changes, and at which request, depends on the numbers of the requests alone. A permission that was
taken away is no cursor any more, except where a variant says so.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace

from contracts.mock.app import Asked, Behaviour, Response
from contracts.mock.intermediaries import Cache
from contracts.mock.store import NEWEST, SEED, Permission, permission_id, seeded
from contracts.mock.variants.declare import Variant, add

LIFETIME = 60
"""Seconds for which a cache keeps an answer."""
FEWEST = 25
"""Nothing is taken away from a list as short as this."""
_PACES = (40, 10, 3)


class Moving(Behaviour):
    """The main checkpoint's list gains or loses so many items, or both, every few requests.

    With ``anywhere`` it gains them at any moment between its oldest and its newest, and not at its head.
    """

    every = 10
    gains = 1
    loses = 1
    anywhere = False
    fewest = FEWEST

    def permissions(self, asked: Asked, /) -> Sequence[Permission]:
        """What the checkpoint holds at this request."""
        found = super().permissions(asked)
        if asked.checkpoint != self.dataset.checkpoint:
            return found
        step = self.seen(asked.request.number) // self.every
        states: list[tuple[Permission, ...]] = self.memory.setdefault("states", [tuple(found)])
        while len(states) <= step:
            states.append(self.moved(states[-1], len(states)))
        return states[step]

    def seen(self, number: int) -> int:
        """The number of the request whose list a request is answered with."""
        return number

    def moved(self, before: tuple[Permission, ...], step: int) -> tuple[Permission, ...]:
        """The list one change later."""
        rng = random.Random(SEED + step)
        after = list(before)
        for _ in range(self.loses):
            if len(after) > self.fewest:
                after.pop(rng.randrange(len(after)))
        for number in range(self.gains):
            owner = rng.choice(before).project_id if before else self.shape.project
            after.append(Permission(permission_id(number, rng), self.moment(before, step, rng), owner))
        return tuple(after)

    def moment(self, before: Sequence[Permission], step: int, rng: random.Random) -> int:
        """When a new permission was created."""
        if self.anywhere and before:
            return rng.choice(before).created_at + rng.randrange(2)
        # Two in a row share a moment, so that ties come and go at the head as well.
        return NEWEST + 60 * (step // 2 + 1)


class Outliving(Behaviour):
    """The id of a removed permission remains a valid cursor, and continues at its place."""

    def unknown_after(self, ordered: Sequence[Permission], asked: Asked, /) -> int:
        """Where the list goes on after a permission that it had."""
        states: list[tuple[Permission, ...]] = self.memory.get("states", [])
        for state in reversed(states):
            ids = [each.id for each in self.arrange(state, asked)]
            if asked.after in ids:
                before = set(ids[: ids.index(asked.after)])
                return 1 + max((place for place, each in enumerate(ordered) if each.id in before), default=-1)
        return super().unknown_after(ordered, asked)


class Copied(Moving):
    """Every other request is answered by a copy that follows six requests later."""

    def seen(self, number: int) -> int:
        """The number of the request whose list a request is answered with."""
        return max(0, number - 6) if number % 2 else number


class Cached(Behaviour):
    """A cache keeps each answer for a minute, for the same request of the same key, and says how old it is."""

    def page(self, asked: Asked, /) -> Response:
        """The page, or that of an earlier request."""
        now = time.monotonic()
        place = asked.request.path, asked.request.query
        known: tuple[float, Response] | None = self.memory.get(place)
        if known is None or now - known[0] >= LIFETIME:
            fresh = super().page(asked)
            headers = [field for field in fresh.headers if field[0] != "Cache-Control"]
            fresh = replace(fresh, headers=[*headers, ("Cache-Control", f"private, max-age={LIFETIME}")])
            self.memory[place] = now, fresh
            return fresh
        made, kept = known
        return replace(kept, headers=[*kept.headers, ("Age", str(int(now - made)))])


class Silent(Cache):
    """A cache keeps each page for ever, for the same request of the same key, and says nothing about its age."""


_KINDS = {"gains": (1, 0), "loses": (0, 1), "moves": (1, 1)}
_SENTENCES = {
    "gains": "The list gains an item at its head every {} requests.",
    "loses": "The list loses an item, anywhere, every {} requests.",
    "moves": "The list gains an item at its head and loses one anywhere, every {} requests.",
}


def _changes(name: str, sentence: str, *bases: type[Behaviour], size: int = 90, **steps: object) -> None:
    behaviour = type(name.replace("-", "_"), tuple(dict.fromkeys((*bases, Moving))), steps)
    add(Variant(name, "moving", sentence, behaviour, dataset=lambda: seeded(size=size), moving=True))


for _kind, (_gains, _loses) in _KINDS.items():
    for _every in _PACES:
        _changes(f"{_kind}-every-{_every}", _SENTENCES[_kind].format(_every), every=_every, gains=_gains, loses=_loses)
_changes("moves-all-the-time", "The list gains an item at its head and loses one anywhere, every request.", every=1)
_changes("changes-anywhere", "The list gains and loses an item anywhere, every 8 requests.", every=8, anywhere=True)
_changes("changes-in-bursts", "The list gains 6 items and loses 6, every 40 requests.", every=40, gains=6, loses=6)
_changes("grows-from-nothing", "The list begins empty and gains an item every 3 requests.", size=0, every=3, loses=0)
_changes(
    "dwindles-to-nothing", "The list loses an item every 6 requests, until none is left.", every=6, gains=0, fewest=0
)
_changes(
    "cursors-outlive",
    "The list gains an item at its head and loses one anywhere, every 10 requests; removed ids remain valid cursors.",
    Outliving,
)
_changes(
    "moves-behind-a-cache",
    "The list gains an item at its head and loses one anywhere, every 10 requests, and answers are kept for a minute.",
    Cached,
)
_changes(
    "moves-behind-a-silent-cache",
    "The list gains an item at its head and loses one anywhere, every 10 requests; a cache tells no age.",
    Silent,
)
_changes(
    "copies-follow",
    "The list gains an item at its head and loses one anywhere, every 20 requests; a copy follows six requests later.",
    Copied,
    every=20,
)
