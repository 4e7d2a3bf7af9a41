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
    """The verdict on one clause in one run."""

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

    ``exchanges`` are the fewest that show it, in the order in which they were sent. ``stable_list`` marks one that
    holds only if the list did not change meanwhile (the expected answer rests on something being absent); ``warning``
    marks one that fails nothing. ``wrong`` is the index in ``exchanges`` of the answer that is wrong; the others are
    what it is compared with. ``items`` are the ids of the items that are wrong, missing or misplaced, where the
    breach is about single ones.
    """

    expected: str
    actual: str
    exchanges: tuple[Exchange, ...]
    stable_list: bool = False
    warning: bool = False
    wrong: int = -1
    items: tuple[str, ...] = ()

    @property
    def decisive(self) -> Exchange:
        """The exchange whose answer is wrong."""
        return self.exchanges[self.wrong]


class Held:
    """A case that could have broken the clause, and did not."""


HELD = Held()
"""What a clause yields for each case that it examined and found right."""


@dataclass(frozen=True, slots=True)
class Inapplicable:
    """Why a clause has nothing to say about this target although no data is missing: one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unshown:
    """Why the answers can't distinguish a server that breaks the clause, and what could: one sentence each."""

    reason: str
    provide: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to an open question of the document: one sentence, and the exchanges that show it."""

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
    """The state of a known deviation after one run."""

    ACCEPTED = "accepted"
    STALE = "stale"
    """Its clause is kept now: the entry says something that is no longer true, and fails the run."""
    EXPIRED = "expired"
    """Its last day is over: it accepts nothing, and fails the run."""
    UNUSED = "unused"
    """Its clause has no verdict that shows whether it still holds."""


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
    one shown: fewest exchanges, then fewest parameters, then smallest values. It was confirmed in ``seen`` of ``asked``
    repetitions (0 of 0: it was not repeated). ``reason`` says why a
    clause was not exercised, does not apply or is inconclusive, and ``provide`` says what the user can provide.
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
class Round:
    """A finding that was repeated once, by the numbers of the exchanges.

    ``copies`` repeat its exchanges, in their order; ``stable`` says whether the list certainly did not change then.
    ``enclosed`` are the exchanges of the round and of the control walks around it, where the list is known to change.
    """

    copies: tuple[int, ...]
    stable: bool
    enclosed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Repetition:
    """How the finding of a clause was repeated, for a recording: a replay counts again without requests.

    ``of`` are the numbers of the finding's exchanges; ``together`` are the rounds with other requests under way. It was
    counted when the exchanges with numbers below ``known`` were there. ``part`` says that a walk through a list that is
    too long for memory found it.
    """

    clause: str
    of: tuple[int, ...]
    rounds: tuple[Round, ...]
    together: tuple[Round, ...]
    known: int
    part: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """A likely cause of the breaches; it is not a verdict.

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
    """What many users saw who sent requests at the same time.

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
    """Requests without a complete answer: the connection broke, or the deadline passed."""
    put_off: int = 0
    """Answers that asked the user to wait: 429, and 503 with Retry-After."""
    unjudged: int = 0
    """Redirects, and unpredicted pages that were too many to be judged one by one."""
    lost: int = 0
    """Workers that were lost during the load."""
    moved: bool = False
    breaches: Mapping[str, int] = field(default_factory=dict)
    stretch: float = 1.0
    series: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one run: what every report is made of."""

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
    """What the reader must know to understand the verdicts: windows, changes of the list, a budget that was used up."""
    changed: bool = False
    """Whether the first of the notes names a request after which the target answered with errors only, or stalled."""
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
    """The noun for an item."""
    says: Vocabulary = field(default_factory=Vocabulary, repr=False)
    """The words for its operation, and the passages of its document."""
    load: Figures | None = None
    """The figures of a load, if there was one."""
    exchanges: tuple[Exchange, ...] = field(default=(), repr=False)
    repetitions: tuple[Repetition, ...] = field(default=(), repr=False)
    """How each finding was repeated."""
    pieces: tuple[tuple[tuple[str | None, int], ...], ...] = field(default=(), repr=False)
    """A list that `--deep` walked through, in equal pieces from the newest item on: the projects of each piece, and how
    many items each project has there."""
    spooled: Iterable[Exchange] = field(default=(), repr=False, compare=False)
    """The exchanges of a walk through a list that is too long for memory, by number, read from disk."""
