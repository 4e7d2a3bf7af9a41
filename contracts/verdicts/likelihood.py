"""Which kinds of causes fit what broke, by the signatures of faults alone.

The signature of a fault is what the kill matrix says that it breaks. A kind of cause is a mixture of its faults: each
clause that has a verdict is taken to be broken or kept as a fault says it, with a small chance of the opposite.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

MOST = 3
"""The most causes that are named."""
LEAST_FIT = 0.3
"""Of what a fault breaks or is broken, the share that must be both for its kind to be named."""
REST = 0.1
"""The share of broken clauses that one cause may leave unexplained before another is searched for."""
LEAST_LIKELY = 1 / 100
"""A kind that is less likely than the likeliest one by more than this is not named."""

_HIT, _STRAY, _MAY = 0.85, 0.01, 0.5
"""The chance that a clause breaks which a fault breaks; which it does not; which it breaks now and then."""
_OWN, _FOLLOWS = 0.97, 0.3
"""The chance that the clause breaks that is there to catch a fault; by how much a fault is less likely if that breach
follows from another one."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The clauses that one fault breaks each time, and those that it ``may`` break; ``kind`` is its kind of cause."""

    name: str
    kind: str
    sentence: str
    """The sentence that says it."""
    broken: frozenset[str]
    may: frozenset[str] = frozenset()
    clause: str = ""
    """The clause that is there to catch it, if any."""


@dataclass(frozen=True, slots=True)
class Likely:
    """A kind of cause, the broken clauses that it explains, and how well its closest fault fits, from 0 to 1."""

    kind: str
    sentence: str
    explains: frozenset[str]
    fit: float


def likely(
    broken: Mapping[str, float],
    decided: Iterable[str],
    signatures: Iterable[Signature],
    factors: Mapping[str, float] = {},
) -> tuple[Likely, ...]:
    """The kinds of causes that fit best.

    Args:
        broken: The broken clauses, each with its weight.
        decided: The clauses that have a verdict.
        signatures: What faults of known kinds break.
        factors: By how much some kinds are more likely than their signatures say.
    """
    known = frozenset(decided) | frozenset(broken)
    kinds: dict[str, list[Signature]] = defaultdict(list)
    for one in signatures:
        kinds[one.kind].append(replace(one, broken=one.broken & known, may=one.may & known))
    named: list[Likely] = []
    first = 0.0
    whole = rest = dict(broken)
    while kinds and len(named) < MOST:
        more = len(rest) > REST * len(broken)
        looked_at = rest if more else whole
        scores = {kind: score(group, looked_at) + math.log(factors.get(kind, 1.0)) for kind, group in kinds.items()}
        best = max(scores, key=lambda kind: scores[kind])
        if not more and named and scores[best] < first + math.log(LEAST_LIKELY):
            break
        closest = max(kinds.pop(best), key=lambda one: likelihood(one, looked_at))
        found = Likely(
            best, closest.sentence, (closest.broken | closest.may) & frozenset(broken), fit(closest, looked_at)
        )
        if not named:
            first = scores[best]
        if found.fit < LEAST_FIT:
            if more and named:
                rest = {}
                continue
            break
        named.append(found)
        rest = {clause: weight for clause, weight in rest.items() if clause not in found.explains}
    return tuple(named)


def score(group: Sequence[Signature], broken: Mapping[str, float]) -> float:
    """The logarithm of how likely a kind makes what broke; a kind with many faults is a little likelier by itself."""
    logs = [likelihood(one, broken) for one in group]
    most = max(logs)
    return most + math.log(sum(math.exp(log - most) for log in logs)) - math.log(len(logs)) / 2


def likelihood(signature: Signature, broken: Mapping[str, float]) -> float:
    """The logarithm of how likely a fault makes what broke, each clause by its weight."""
    kept = signature.broken - broken.keys()
    total = len(kept) * math.log(1 - _HIT)
    if signature.clause in kept:
        total += math.log((1 - _OWN) / (1 - _HIT))
    elif broken.get(signature.clause, 1.0) < 1.0:
        total += math.log(_FOLLOWS)
    total += len(signature.may - broken.keys()) * math.log(1 - _MAY)
    for clause, weight in broken.items():
        chance = _HIT if clause in signature.broken else _MAY if clause in signature.may else _STRAY
        total += weight * math.log(chance)
    return total


def fit(signature: Signature, broken: Mapping[str, float]) -> float:
    """Of what a fault breaks or is broken, the share by weight that is both, from 0 to 1."""
    both = sum(weight for clause, weight in broken.items() if clause in signature.broken | signature.may)
    return both / (sum(broken.values()) + len(signature.broken - broken.keys()))
