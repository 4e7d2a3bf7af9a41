"""The registry of clauses: what each asserts, rests on and needs, and how to look one up."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from contracts.core.errors import ConfigurationError
from contracts.core.model import Capability, Node, Order, Target
from contracts.core.result import Answered, Finding, Held, Inapplicable, Level, Unshown
from contracts.core.wording import count, hint
from contracts.openapi.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.evidence.listing import Listing
    from contracts.openapi.operation import Operation

Outcome = Finding | Held | Inapplicable | Answered | Unshown
Judge = Callable[["Evidence"], Iterator[Outcome]]
Basis = Literal["answer", "list"]

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "ENV": "envelope",
        "ITM": "items",
        "PAG": "pages",
        "PRV": "backwards",
        "TOK": "tokens",
        "ORD": "ordering",
        "FLT": "filtering",
        "SCO": "scoping",
        "HTP": "http",
        "SEC": "access",
        "INP": "inputs",
        "OBS": "questions",
    }
)
"""The families in the order of every report, with the module or package of `contracts.clauses` that holds each."""

TITLE_LENGTH = 70
FIRST = "0.1.0"
"""The version that introduced the clauses that name no other."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The data that the target must hold for a clause to have a case."""

    items: int = 0
    facets: int = 0
    times: int = 0
    timed: bool = False
    """An item that has a time, which a document may leave optional."""
    tie: bool = False
    empty_page: bool = False
    end: bool = False
    other_scope: bool = False
    """A second one, where the path has one."""
    user_key: bool = False

    def lacking(self, evidence: Evidence) -> tuple[str, str] | None:
        """What is missing and what the user can provide, a sentence each; ``None`` if nothing is missing."""
        return self._in_the_list(evidence.listing) or self._in_the_pages(evidence) or self._beside_it(evidence)

    def given(self, target: Target) -> bool:
        """Whether the user gave the scope and the key that only the user can give."""
        return (target.other_checkpoint is not None or not self.other_scope) and (target.user_key or not self.user_key)

    def _in_the_pages(self, evidence: Evidence) -> tuple[str, str] | None:
        if self.empty_page and all(page.items for page in evidence.every_page):
            return "no answer was an empty page", "--empty-checkpoint with a checkpoint that has no permissions"
        ended = any(page.has_more is False and page.items for page in evidence.pages)
        if self.end and evidence.listing.items and not (ended or any(map(evidence.listing.last, Order))):
            return "no walk came to the end of the list", "a checkpoint whose list ends (see PAG-017)"
        return None

    def _in_the_list(self, listing: Listing) -> tuple[str, str] | None:
        if len(listing.items) < self.items:
            return (
                f"the list has {count(len(listing.items), 'permission')}, and this needs {self.items}",
                f"--checkpoint with a checkpoint that has at least {count(self.items, 'permission')}",
            )
        if self.facets and (not listing.facets or listing.groups < self.facets):
            return (
                f"the list has {count(len(listing.facets), 'project')}, and this needs {self.facets}",
                f"--checkpoint with permissions for at least {self.facets} projects",
            )
        if self.timed and all(item.time is None for item in listing.items.values()):
            return "no permission has a created_at that can be read", "--checkpoint with a permission that has one"
        if listing.by_time and len({item.time for item in listing.items.values()}) < self.times:
            return (
                "all permissions were created in the same second",
                "--checkpoint with permissions that were created at different times",
            )
        if self.tie and not listing.has_tie:
            return (
                "no two permissions have the same created_at",
                "--checkpoint with two permissions that were created in the same second (one request can create both)",
            )
        return None

    def _beside_it(self, evidence: Evidence) -> tuple[str, str] | None:
        several = Capability.SCOPE in evidence.operation.capabilities
        if self.other_scope and several and not evidence.target.other_checkpoint:
            return (
                "no second checkpoint was given",
                "--other-checkpoint with a checkpoint that has permissions of its own",
            )
        if self.other_scope and several and not evidence.foreign:
            return (
                "no permission of the other checkpoint could be read",
                "--other-checkpoint with a checkpoint that has permissions of its own",
            )
        if self.user_key and not evidence.target.user_key:
            return "no key without admin rights was given", "OPENAI_USER_KEY with a key that is not an admin key"
        return None


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise that a server keeps or breaks, with all that is said of it.

    Attributes:
        id: Its name, such as ``PAG-014``, which never changes.
        level: Where the duty comes from.
        title: What it asserts: a plain fact in the present tense.
        quote: The words of the document on which it rests.
        why: What happens to a client of a server that breaks it.
        needs: The data that the target must hold.
        requires: What an operation must have; for any other the clause is not applicable.
        probes: The probes whose exchanges it judges; ``walks.ends`` is one part of a probe.
        reference: Further probes, whose exchanges it compares these with.
        good: An example of what keeps it.
        bad: An example of what breaks it.
        caused_by: The clauses whose breach explains a breach of this one in the same answers, the likeliest first.
        even_once: Whether an intermittent 5xx breaks it.
        decided_by: Whether one answer shows a breach by itself (``answer``), or only together with others (``list``).
        owns: The part of the response schema whose violations are breaches of it.
        since: The version of this package that introduced it.
        judge: Yields one outcome for each case that it finds in the evidence.
    """

    id: str
    level: Level
    title: str
    quote: Quote
    why: str
    needs: Needs
    requires: frozenset[Capability]
    probes: frozenset[str]
    reference: frozenset[str]
    good: str
    bad: str
    caused_by: tuple[str, ...]
    even_once: bool
    decided_by: Basis
    owns: Node | None
    since: str
    judge: Judge

    @property
    def asked_by(self) -> frozenset[str]:
        """The names of the probes whose exchanges it judges, completely or in part."""
        return frozenset(name.partition(".")[0] for name in self.probes)

    @property
    def family(self) -> str:
        """The module of `contracts.clauses` that holds this clause."""
        return FAMILIES[self.id[:3]]

    def lacking(self, operation: Operation) -> str | None:
        """Why this clause does not apply to an operation: one sentence; ``None`` if it does."""
        missing = self.requires - operation.capabilities
        first = next((each for each in Capability if each in missing), None) if missing else None
        return None if first is None else f"the operation does not have {first}"


_REGISTRY: dict[str, Clause] = {}


def clause(
    id: str,  # noqa: A002 - "id" is what the field calls it
    level: Level,
    title: str,
    *,
    quote: Quote,
    why: str,
    good: str,
    bad: str,
    probes: Iterable[str],
    decided_by: Basis,
    reference: Iterable[str] = (),
    needs: Needs = Needs(),
    requires: Iterable[Capability] = (),
    caused_by: tuple[str, ...] = (),
    even_once: bool = False,
    owns: Node | None = None,
    since: str = FIRST,
) -> Callable[[Judge], Judge]:
    """Register the decorated function as the judge of a clause.

    The judge yields one outcome for each case; a clause whose judge yields nothing was not exercised. The arguments are
    the attributes of `Clause`.

    Raises:
        ValueError: the id is malformed or taken, or the title is too long.
    """
    if not re.fullmatch(r"[A-Z]{3}-\d{3}", id) or id[:3] not in FAMILIES or id in _REGISTRY:
        msg = f"{id}: malformed, of no family, or registered twice"
        raise ValueError(msg)
    if len(title) > TITLE_LENGTH:
        msg = f"{id}: the title has more than {TITLE_LENGTH} characters"
        raise ValueError(msg)

    def register(judge: Judge) -> Judge:
        _REGISTRY[id] = Clause(
            id=id,
            level=level,
            title=title,
            quote=quote,
            why=why,
            needs=needs,
            requires=frozenset(requires),
            probes=frozenset(probes),
            reference=frozenset(reference),
            good=good,
            bad=bad,
            caused_by=caused_by,
            even_once=even_once,
            decided_by=decided_by,
            owns=owns,
            since=since,
            judge=judge,
        )
        return judge

    return register


def clauses() -> tuple[Clause, ...]:
    """All clauses, by family and number."""
    for module in FAMILIES.values():
        importlib.import_module(f"contracts.clauses.{module}")
    rank = {family: position for position, family in enumerate(FAMILIES)}
    return tuple(sorted(_REGISTRY.values(), key=lambda item: (rank[item.id[:3]], item.id)))


def owner(node: Node) -> str:
    """The id of the clause that a violation of this part of the response schema breaks."""
    return next(item.id for item in clauses() if item.owns is node)


def _meant(wanted: str, known: Collection[str]) -> str:
    several = re.findall(r"[^\s,;|]+", wanted)
    if len(several) > 1 and all(each in known for each in several):
        return f"Name them one by one: {' '.join(several)}."
    if wanted.startswith("-"):
        return "Options stand before `--`, and behind it clauses."
    return hint(wanted, known, "Its id is like PAG-014, its family like PAG.")


def find(names: Iterable[str]) -> tuple[Clause, ...]:
    """The clauses of these ids or families (``PAG-014``, ``pag``), in the catalogue's order.

    Raises:
        ConfigurationError: A name is neither; the sentence suggests the closest one.
    """
    known = {item.id: item for item in clauses()}
    chosen: set[str] = set()
    for name in names:
        wanted = name.strip().upper()
        if wanted in known:
            chosen.add(wanted)
        elif wanted in FAMILIES:
            chosen |= {identifier for identifier in known if identifier.startswith(wanted)}
        else:
            raise ConfigurationError(
                f"There is no clause {name!r}. {_meant(wanted, [*known, *FAMILIES])} `contracts list` shows all."
            )
    return tuple(item for item in known.values() if item.id in chosen)
