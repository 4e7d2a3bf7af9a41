"""The probes: the only code that decides what to request. They judge nothing; see `contracts.clauses` for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from contracts.evidence.evidence import CONTROL
from contracts.probes.access import access
from contracts.probes.asking import Asking
from contracts.probes.backwards import backwards
from contracts.probes.filters import filters
from contracts.probes.generated import draw_ahead, generated
from contracts.probes.inputs import inputs
from contracts.probes.repetition import repetition
from contracts.probes.scope import scope
from contracts.probes.tokens import tokens
from contracts.probes.walks import walks
from contracts.traffic.credentials import CREDENTIALS


@dataclass(frozen=True, slots=True)
class Probe:
    """What asks, what that is in a few words, the parts that a clause can need of it, and its share of the budget.

    ``least`` is the number of requests with which it shows every clause at least one case; ``share`` is its part
    of what the budget holds beyond the least of all, from so many requests on as ``begins`` says.
    """

    ask: Callable[[Asking], None]
    words: str
    least: int
    share: float
    parts: tuple[str, ...] = ()
    begins: int = 0


WALKS = ("heads", "facets", "pages", "within", "ends", "singles", "defaults", "full", "twos", "sizes", "cursors")
REPETITION = ("reordered", "accepted", "together", "repeated")
SCOPE = ("others", "cursors", "unknown", "near", "encoded", "empty")
FILTERS = ("unknown", "near", "further")
ACCESS = ("forms", "spellings", "company", "odd", "queries", *CREDENTIALS)
INPUTS = ("orders", "limits", "cursors", "facets", "combined", "paths")

PROBES: Mapping[str, Probe] = MappingProxyType(
    {
        "walks": Probe(walks, "both orders, several page sizes, each filter", 17, 0.222, WALKS),
        "generated": Probe(generated, "cases from Schemathesis, once it is loaded", 0, 0.05, begins=180),
        "repetition": Probe(repetition, "the same rewritten, again, and eight at once", 10, 0.046, REPETITION),
        "scope": Probe(scope, "other lists, similar ids, foreign cursors", 7, 0.11, SCOPE),
        "filters": Probe(filters, "filters that match nothing, or almost", 2, 0.135, FILTERS),
        "backwards": Probe(backwards, "pages before items, and a walk back", 8, 0.14),
        "tokens": Probe(tokens, "tokens again, elsewhere, and tampered with", 14, 0.12),
        "access": Probe(access, "who may not look, alone and beside the admin", 12, 0.21, ACCESS),
        "inputs": Probe(inputs, "what the document does not allow", 6, 0.232, INPUTS),
    }
)
"""The probes, in the order in which they ask."""

__all__ = ["CONTROL", "PROBES", "Asking", "Probe", "draw_ahead"]
