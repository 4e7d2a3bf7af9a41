"""What is asked and what comes back: queries, requests, answers, pages, and the target that they are of.

Everything here is frozen data without input or output.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

_OK = 200
_CLIENT_ERROR = 4
_SERVER_ERROR = 5
_UNAVAILABLE = 503
_MOST_DIGITS = 9
"""Digits of an Age that is one."""
JSON_MEDIA_TYPE = "application/json"
KEY_REFUSED = frozenset({401, 403})
"""The statuses by which a server refuses a key."""
REFUSED = KEY_REFUSED | {404}
"""404 as well: a server may hide what exists from callers without the right to it (RFC 9110 §15.5.5)."""


class Capability(StrEnum):
    """What a list operation may have, and a clause may rest on; the value says it for people."""

    ORDER = "a parameter for the order"
    DEFAULT_ORDER = "a default for the order"
    CHRONOLOGICAL = "an order by the times of its items"
    TIME = "a time on its items"
    UNIX_TIME = "a time in Unix seconds on its items"
    FILTER = "a parameter that filters the list"
    OPEN_FILTER = "a filter that takes any text or any integer"
    TEXT_FILTER = "a filter that takes any text"
    FULL_FILTER = "a filter by what every item shows"
    FILTERS = "a second parameter that filters the list"
    HIDDEN_FILTER = "a filter by what its items don't show"
    SCOPE = "a parameter in its path"
    DEFAULT_LIMIT = "a default for the page size"
    FULL_PAGES = "the rule that a page is full while more follows"
    HAS_MORE = "a flag that says whether more follows"
    MORE = "a flag or a token that says whether more follows"
    ENDS = "the first and the last id in its answers"
    CURSOR = "an item's id as its cursor"
    TOKEN = "an opaque token as its cursor"  # noqa: S105 - no password
    BEFORE = "a cursor that leads backwards"
    NEAREST = "a document that puts the page before an item right before it"
    ID = "an identity of its items"
    ADMIN = "access for administrators alone"
    KEY = "a security scheme"
    BEARER = "a bearer token as its key"
    OBJECT = "a property that is the same on every page"
    ITEM_OBJECT = "a property that is the same on every item"
    ENVELOPE_OTHER = "further properties beside its items"
    ITEM_OTHER = "further properties of its items"
    ERROR_OBJECT = "errors in the usual form: its document describes others"


class Node(StrEnum):
    """The parts of the response schema that clauses own. What no clause owns by name belongs to the part around it."""

    BODY = "body"
    OBJECT = "object"
    ITEMS = "items"
    HAS_MORE = "has_more"
    FIRST_ID = "first_id"
    LAST_ID = "last_id"
    ENVELOPE_OTHER = "other properties of the envelope"
    ITEM = "item"
    ITEM_ID = "item id"
    ITEM_TIME = "item time"
    ITEM_FACET = "item facet"
    ITEM_OBJECT = "item object"
    ITEM_OTHER = "other properties of an item"


class Order(StrEnum):
    """The two directions of a list, by their role and not by the word that a document uses."""

    ASCENDING = "ascending"
    DESCENDING = "descending"

    @property
    def opposite(self) -> Order:
        """The other direction."""
        return Order.ASCENDING if self is Order.DESCENDING else Order.DESCENDING

    def precedes(self, left: int, right: int) -> bool:
        """Whether an item that was created at time ``left`` comes before one that was created at time ``right``."""
        return left < right if self is Order.ASCENDING else left > right


@dataclass(frozen=True, slots=True)
class Query:
    """One request that the document allows, in terms of the roles of its parameters.

    ``None`` means that the parameter is not sent. ``scope`` is the path parameter that separates lists. ``facet`` is
    the value of the first filter: the page shows only items that have it. ``after`` is the id of the item after which
    the page begins, and ``before`` that of the item before which it ends. A cursor that stands for no known item is
    kept as it was written.
    """

    scope: str
    after: str | None = None
    limit: int | None = None
    order: Order | None = None
    facet: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, without the secret.

    ``path`` and ``query`` are percent-encoded and sent as they stand; ``path`` begins with ``/`` and is
    appended to the target's base URL; ``query`` has no ``?``. ``credential`` names one of the forms in
    `contracts.traffic.credentials`; the key itself never enters this object. ``accept`` is the value of the
    Accept header, ``None`` for no such header. ``fresh`` asks caches to revalidate what they have stored, as ordinary
    clients don't. ``reconnect`` sends it as the first request of a new connection, which is then kept;
    ``shared`` sends it on the connection that a caller of the other kind (the admin key, or anyone else) used last.
    Otherwise the two never have a connection in common.
    """

    path: str
    query: str = ""
    credential: str = "admin"
    accept: str | None = JSON_MEDIA_TYPE
    fresh: bool = False
    reconnect: bool = False
    shared: bool = False

    @property
    def target(self) -> str:
        """Path and query as one string."""
        return f"{self.path}?{self.query}" if self.query else self.path


class FailureKind(StrEnum):
    """Why a request has no usable answer.

    ``FATAL`` is a connection that was cut on a request, where the target refused every further one from then on.
    """

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CUT = "cut"
    FATAL = "fatal"
    GARBLED = "garbled"
    REDIRECT = "redirect"
    THROTTLED = "throttled"


_BROKEN = frozenset({FailureKind.CUT, FailureKind.GARBLED, FailureKind.TIMEOUT, FailureKind.UNREACHABLE})
"""The failures that the network may have caused."""


@dataclass(frozen=True, slots=True)
class Failure:
    """No usable answer came: ``kind`` for programs, ``text`` for people (one sentence, printable)."""

    kind: FailureKind
    text: str


@dataclass(frozen=True, slots=True)
class Echo:
    """An answer repeats credentials. The repeated text itself is kept nowhere but in the answer.

    ``credential`` is the name of the secret: ``admin``, ``user``, ``unknown`` (the key that was never issued), or that
    of another one. ``places`` and ``forms`` say in words where it appears and in which encodings, if any. ``shown`` of
    ``size`` characters appear in the answer, in runs of twelve or more.
    """

    credential: str
    places: tuple[str, ...]
    forms: tuple[str, ...]
    shown: int
    size: int

    @property
    def large(self) -> bool:
        """Whether at least half of the secret is shown; a masked key shows less."""
        return self.shown >= self.size // 2

    def __str__(self) -> str:
        part = "" if self.shown >= self.size else f"{self.shown} of {self.size} characters of "
        form = f", {' and '.join(self.forms)}" if self.forms else ""
        return f"{part}[credential:{self.credential}] in {' and '.join(self.places)}{form}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer as the server sent it, after its content coding was decoded.

    ``flaw`` says what was wrong with the body as HTTP (cut short, undecodable, too large), or is ``None``.
    ``body`` is then the part that could be read. ``echoes`` says which of the run's credentials it repeats.
    ``redacted`` names the parts in which such credentials are replaced by markers: ``body``, ``reason``, ``header X``.
    Answers are redacted before they are written; a recording holds none that is not.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    flaw: str | None = None
    echoes: tuple[Echo, ...] = ()
    redacted: tuple[str, ...] = ()

    def header(self, name: str) -> str | None:
        """The value of a header, several of the same name joined with a comma as RFC 9110 §5.3 allows."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Step:
    """The place of an exchange in a walk: the name of the walk, and the zero-based index of the page in it."""

    walk: str
    index: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came back.

    ``sent`` and ``received`` are ticks of the run's logical clock (each sending and each receiving is one
    tick), so "before" and "after" need no wall clock. ``at`` is the Unix time of sending in seconds,
    ``seconds`` the time until the answer was read. ``waits`` counts the 429 and 503 answers with
    Retry-After that were waited for before this answer came; ``retries`` counts repeated attempts after
    a connection broke; ``unavailable`` says that one of those waits was for a 503. ``connection`` is the number
    of the connection on which the answer came, ``None`` where that is not known.
    """

    number: int
    request: Request
    answer: Answer | None
    failure: Failure | None
    sent: int
    received: int
    at: float
    seconds: float
    probe: str
    step: Step | None = None
    concurrent: bool = False
    again: tuple[int, int] | None = None
    """For a repeated request: (round of the confirmation, number of the exchange that it repeats)."""
    waits: int = 0
    unavailable: bool = False
    retries: int = 0
    redirects: int = 0
    connection: int | None = None
    landed: str | None = None
    """The path and query below the base URL to which redirects led, if they did and it is there."""

    @property
    def status(self) -> int | None:
        """The status of the answer, ``None`` when no answer came."""
        return self.answer.status if self.answer else None

    @property
    def ok(self) -> bool:
        """Whether the answer is a 200."""
        return self.status == _OK

    @property
    def refused(self) -> bool:
        """Whether the answer is a 4xx."""
        return self.answer is not None and self.answer.status // 100 == _CLIENT_ERROR

    @property
    def failed(self) -> bool:
        """Whether the answer is a 5xx."""
        return self.answer is not None and self.answer.status // 100 >= _SERVER_ERROR

    @property
    def postponed(self) -> bool:
        """Whether the answer is a 503 that says when to ask again: it says nothing about what was asked."""
        return (
            self.answer is not None and self.answer.status == _UNAVAILABLE and bool(self.answer.header("Retry-After"))
        )

    @property
    def lost(self) -> bool:
        """Whether its last attempt got no complete answer because of the connection."""
        if self.failure is not None:
            return self.failure.kind in _BROKEN
        return bool(self.retries) and self.answer is not None and self.answer.flaw is not None

    @property
    def age(self) -> int | None:
        """The age in seconds of an answer that came from a cache (RFC 9111 §5.1); ``None`` for any other answer."""
        age = self.answer.header("Age") if self.answer is not None else None
        return int(age) if age is not None and age.isascii() and age.isdigit() and len(age) <= _MOST_DIGITS else None


@dataclass(frozen=True, slots=True)
class Item:
    """One item, as far as it could be read; a field of a wrong type is ``None``.

    ``time`` is when it was made, in the unit of the profile, and ``facet`` the value that the first filter compares.
    """

    id: str
    time: int | None
    facet: str | None
    further: tuple[str | None, ...] = field(default=(), compare=False)
    """The values that the second and all further filters compare, in the order of the filters."""


@dataclass(frozen=True)
class Page:
    """One 200 answer to an allowed query whose items could all be read.

    ``has_more`` is ``None`` when it is no boolean. ``first_id`` and ``last_id`` are ``None`` when null,
    absent or no string.
    """

    exchange: Exchange
    query: Query
    items: tuple[Item, ...]
    has_more: bool | None
    first_id: str | None
    last_id: str | None
    token: str | None = None
    """The opaque cursor of the next page, where the operation has such cursors; ``None`` at the end of the list."""
    back: str | None = None
    """The opaque cursor of the page before, where the operation has such cursors; ``None`` at the head of the list."""

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids of the items, in their order."""
        return tuple(item.id for item in self.items)


@dataclass(frozen=True, slots=True)
class Target:
    """What is judged: its base URL and the checkpoints that it holds. The keys are not part of it."""

    base_url: str
    checkpoint: str
    other_checkpoint: str | None = None
    empty_checkpoint: str | None = None
    user_key: bool = False
    """Whether the user gave a key without admin rights."""
    name: str = ""
    """The name of its ``[[target]]`` table, where several targets are judged."""
    curl: tuple[str, ...] = ()
    """Curl's options that get there as the run did, quoted for a POSIX shell; secrets by the names of variables."""
    key_header: str = ""
    """The header that carries the key by itself, where that is not Authorization."""
