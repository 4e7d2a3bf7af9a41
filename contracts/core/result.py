"""What one run finds out: findings, verdicts, accepted breaches, likely causes, figures of a load.

Everything here is frozen data without input or output.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from contracts.core.model import Exchange, Target
from contracts.core.vocabulary import Vocabulary


class Level(StrEnum):
    """Where a clause's duty comes from."""

    DOCUMENTED = "documented"
    IMPLIED = "implied"
    SECURITY = "security"
    ROBUSTNESS = "robustness"
    ADVISORY = "advisory"
    OBSERVED = "observed"


GATING = frozenset({Level.DOCUMENTED, Level.IMPLIED, Level.SECURITY, Level.ROBUSTNESS})
"""The levels whose breach fails a run unless the user chooses others."""


class Verdict(StrEnum):
    """What became of a clause in one run."""

    KEPT = "kept"
    BROKEN = "broken"
    WARNED = "warned"
    NOT_EXERCISED = "not exercised"
    NOT_APPLICABLE = "not applicable"
    INCONCLUSIVE = "inconclusive"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of a clause.

    ``exchanges`` is the least evidence that shows it, in the order in which it was asked. ``still`` marks a
    claim that holds only if the list did not change meanwhile (something *absent* was expected); ``warning``
    one that is worth a word and fails nothing. ``wrong`` is the place in ``exchanges`` of what went wrong; the others
    are what it is compared with. ``items`` are the ids of the items that are wrong, missing or misplaced, where the
    breach is about single ones.
    """

    expected: str
    actual: str
    exchanges: tuple[Exchange, ...]
    still: bool = False
    warning: bool = False
    wrong: int = -1
    items: tuple[str, ...] = ()

    @property
    def decisive(self) -> Exchange:
        """The exchange that went wrong."""
        return self.exchanges[self.wrong]


class Held:
    """One case in which a clause could have been broken and was not."""


HELD = Held()
"""What a judgement yields for each case that it looked at and found right."""


@dataclass(frozen=True, slots=True)
class Inapplicable:
    """Why a clause says nothing about this target, though nothing is missing: one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unshown:
    """Why what was seen is right for a server that breaks the clause as well, and what would tell: a sentence each."""

    reason: str
    provide: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What an observed clause found out: one sentence, and the exchanges that show it."""

    text: str
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Deviation:
    """A breach that a team knows of and accepts until a day.

    ``expires`` is the last day on which it is accepted, ``None`` for no end. ``target`` is the name of the one
    target that it is accepted of, an empty string if of every one. ``origin`` says where it is written.
    """

    clause: str
    reason: str
    link: str = ""
    expires: date | None = None
    target: str = ""
    origin: str = ""


class Standing(StrEnum):
    """What became of a known deviation in one run."""

    ACCEPTED = "accepted"
    STALE = "stale"
    """Its clause is kept now: the entry says something that is no longer true, and fails the run."""
    EXPIRED = "expired"
    """Its last day is over: it accepts nothing, and fails the run."""
    UNUSED = "unused"
    """Its clause has no verdict that could tell."""


@dataclass(frozen=True, slots=True)
class Known:
    """A known deviation, and what became of it."""

    deviation: Deviation
    standing: Standing

    @property
    def fails(self) -> bool:
        """Whether it fails the run by itself."""
        return self.standing in {Standing.STALE, Standing.EXPIRED}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one clause.

    ``cases`` counts the cases that could have broken it; ``breaches`` those that did. ``finding`` is the
    one shown: fewest exchanges, then fewest parameters, then smallest values. ``seen`` of ``asked`` tells
    how often it came back when it was asked again (0 of 0: it was not asked again). ``reason`` says why a
    clause was not exercised, does not apply or is inconclusive, and ``provide`` what would exercise it.
    """

    clause: str
    level: Level
    title: str
    verdict: Verdict
    cases: int = 0
    breaches: int = 0
    finding: Finding | None = None
    seen: int = 0
    asked: int = 0
    alone: int = 0
    """How often it was right when it was asked again alone; then ``asked`` counts the times with others under way."""
    reason: str = ""
    provide: str = ""
    because: str = ""
    """The id of the clause whose breach explains this verdict (a cascade), or an empty string."""
    answer: Answered | None = None
    accepted: Deviation | None = None
    """The known deviation because of which this breach does not fail the run."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A likely cause of what broke, which is no verdict.

    ``kind`` names the kind of cause and ``sentence`` says it. ``explains`` are those of the ``of`` broken clauses that
    a fault of this kind breaks; ``fit`` says from 0 to 1 how well that agrees with all that broke and was kept.
    ``tested`` says what came out when it was tested, or is an empty string.
    """

    kind: str
    sentence: str
    explains: tuple[str, ...]
    of: int
    fit: float
    tested: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """How a load went: what many users saw who asked at once.

    ``percentiles`` are milliseconds by the share of requests that took no longer. ``series`` counts, for each broken
    clause, its breaches in equal stretches of the time from the beginning to the end; ``stretch`` is the length of
    one in seconds.
    """

    users: int = 0
    workers: int = 0
    seconds: float = 0.0
    requests: int = 0
    rate: float = 0.0
    percentiles: Mapping[str, float] = field(default_factory=dict)
    unanswered: int = 0
    """Requests without a whole answer: the connection broke, or took too long."""
    put_off: int = 0
    """Answers that asked to wait: 429, and 503 with Retry-After."""
    unjudged: int = 0
    """Redirects, and pages other than predicted that were too many to be judged one by one."""
    lost: int = 0
    """Workers that went away in the middle."""
    moved: bool = False
    breaches: Mapping[str, int] = field(default_factory=dict)
    stretch: float = 1.0
    series: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """All that one run found out, for every report."""

    version: str
    target: Target
    document: str
    document_sha256: str
    seed: int
    judgements: tuple[Judgement, ...]
    items: int
    """Distinct permissions of the checkpoint that were seen."""
    projects: int
    requests: int
    requests_by_probe: tuple[tuple[str, int], ...]
    waits: int
    waited: float
    """Seconds spent in waiting for Retry-After."""
    retries: int
    seconds: float
    exit_code: int
    gate: frozenset[Level]
    notes: tuple[str, ...] = ()
    """What the reader must know about how the verdicts came about (windows, movement, spent budget)."""
    changed: bool = False
    """Whether the target answered with errors alone from some request on; the first of the notes says which."""
    interrupted: bool = False
    complete: bool = True
    """Whether the list was seen to its end."""
    deviations: tuple[Known, ...] = ()
    """The known deviations of this target, and what became of each."""
    causes: tuple[Cause, ...] = ()
    """The likely causes of what broke, the likeliest first."""
    operation: str = ""
    """``GET /path``, if it is another operation than "List checkpoint permissions"."""
    noun: str = "permission"
    """What people call an item."""
    says: Vocabulary = field(default_factory=Vocabulary, repr=False)
    """The words for its operation, and the passages of its document."""
    load: Figures | None = None
    """How a load went, if there was one."""
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False)
    pieces: tuple[tuple[tuple[str | None, int], ...], ...] = field(default=(), repr=False)
    """A list that was walked through as a whole, cut into equal pieces from the newest item on: the projects of each
    piece, with how many items they have there."""
    spooled: Iterable[Exchange] = field(default=(), repr=False, compare=False)
    """What was asked in a walk through a list that is too long for memory, by number, from disk."""
