"""One list operation as data: which parameter or property has which role, and the source of that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from contracts.core.model import Order
from contracts.core.wording import close, plural
from contracts.openapi.outline import Place

TimeFormat = Literal["unix", "unix-ms", "rfc3339"]
TIME_FORMATS: tuple[TimeFormat, ...] = ("unix", "unix-ms", "rfc3339")
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = 9
"""Digits of the fraction of a second that count."""
_FINEST = 1_000_000_000
_UNITS: dict[TimeFormat, int] = {"unix": 1, "unix-ms": 1000, "rfc3339": _FINEST}
"""How many of its units each form has in a second."""
MOST_SECONDS = 99_999_999_999
"""A larger number counts no seconds since 1970, but a finer unit: in seconds it would be the year 5138."""


class Source(StrEnum):
    """Where a role was read from, the most certain source first."""

    OVERLAY = "overlay"
    DOCUMENT = "document"
    CONVENTION = "convention"
    PROSE = "prose"
    NAMES = "guessed from names"


@dataclass(frozen=True, slots=True)
class Time:
    """The time of an item: the property, and how it is written."""

    at: str
    form: TimeFormat

    @property
    def unit(self) -> int:
        """How many of its numbers are a second."""
        return _UNITS[self.form]

    def read(self, value: object) -> int | None:
        """A time as a number: seconds or milliseconds as given, nanoseconds for RFC 3339; ``None`` if unreadable.

        A text without a zone (ISO 8601 allows one) counts as UTC.
        """
        if self.form != "rfc3339":
            return value if isinstance(value, int) and not isinstance(value, bool) else None
        found = _RFC3339.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return None
        day, clock, fraction, zone = found.groups()
        try:
            moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in {'Z', 'z', None} else zone}")
        except ValueError:
            return None
        seconds = int((moment - _EPOCH).total_seconds())
        return seconds * _FINEST + int((fraction or "").ljust(_DIGITS, "0")[:_DIGITS])

    def written(self, moment: int | None) -> str:
        """A moment (nanoseconds for RFC 3339, else the number itself) as it is shown to people."""
        if moment is None or self.form != "rfc3339":
            return str(moment)
        seconds, fraction = divmod(moment, _FINEST)
        date = _EPOCH + timedelta(seconds=seconds)
        digits = f"{fraction:09}".rstrip("0")
        return f"{date:%Y-%m-%dT%H:%M:%S}{'.' + digits if digits else ''}Z"


@dataclass(frozen=True, slots=True)
class Cursor:
    """How a list is paged in one direction.

    ``param`` is the query parameter, ``None`` where there is none in this direction. ``kind`` is ``item`` where it
    takes the id of an item, ``body`` where it takes an opaque token from the answer. ``at`` is where the answer
    gives the value: the token, or the id of the first or last item.
    """

    param: str | None
    kind: Literal["item", "body"]
    at: Place | None


@dataclass(frozen=True, slots=True)
class Limit:
    """The parameter for the page size; a field is ``None`` if the document does not say."""

    param: str
    default: int | None
    least: int | None
    most: int | None


@dataclass(frozen=True, slots=True)
class Ordering:
    """The order of a list.

    ``param`` is ``None`` for an order that can't be chosen. ``words`` are the values of the parameter. ``default`` is
    the order without the parameter, ``None`` if the document does not say which. ``by_time`` says whether the list is
    sorted by the times of its items.
    """

    param: str | None
    words: tuple[tuple[Order, str], ...]
    default: Order | None
    by_time: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """One list operation.

    Attributes:
        noun: What people call an item.
        plural: What people call several.
        scope: The path parameters, in their order; the last one separates lists.
        items: Where the array of items stands.
        id: The properties that identify an item together; none if it has no identity.
        time: When an item was made, as far as its properties say.
        constants: The properties of an item that always have one value, each with that value.
        envelope_constants: The same for the page.
        next: How the list goes on.
        prev: How it goes back; without a parameter where it can't, and an answer names at most its first item.
        nearest: Whether the document says that a page before an item ends right before it.
        more: The flag that says whether more follows.
        limit: The parameter for the page size.
        order: The order of the list; ``None`` if the document does not say.
        filters: The query parameters that filter, each with the item's property that they compare.
        hidden: The query parameters that filter by what items don't show.
        admin: Whether an ordinary key may not look.
        short_pages: Whether a page may be short though more follows.
        required: Query parameters without a role that must be sent.
    """

    noun: str
    plural: str
    scope: tuple[str, ...]
    items: Place
    id: tuple[str, ...]
    time: Time | None
    constants: tuple[tuple[str, str], ...]
    envelope_constants: tuple[tuple[str, str], ...]
    next: Cursor
    prev: Cursor
    nearest: bool
    more: Place | None
    limit: Limit | None
    order: Ordering | None
    filters: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...]
    admin: bool
    short_pages: bool
    required: tuple[str, ...]

    @property
    def style(self) -> str:
        """How the list is paged, in a few words."""
        words = ["id cursor" if self.next.kind == "item" else "token"]
        if self.prev.param is not None:
            words.append("both ways")
        if self.more is None:
            words.append("no flag")
        if self.order is not None and self.order.param is not None:
            words.append("order")
        elif self.order is not None:
            words.append("fixed order")
        if not self.id:
            words.append("no ids")
        return ", ".join(words)


Statements = dict[str, Any]
"""What one source says: a dotted name of `ROLES` for each role that it knows; ``None`` says that there is none."""

ROLES = (
    "noun",
    "plural",
    "items",
    "item.id",
    "item.time.at",
    "item.time.as",
    "item.const",
    "const",
    "next.param",
    "next.from",
    "next.at",
    "prev.param",
    "prev.at",
    "prev.nearest",
    "more",
    "limit.param",
    "limit.default",
    "limit.least",
    "limit.most",
    "order.param",
    "order.ascending",
    "order.descending",
    "order.default",
    "order.fixed",
    "order.by",
    "filters",
    "access.admin",
    "short_pages",
)
"""The roles as ``x-list`` writes them, each by the names that lead to it, in the order in which they are shown."""
_MAPPINGS = frozenset({"item.const", "const", "filters"})
_GROUPS = frozenset(role.rpartition(".")[0] for role in ROLES) - {""}


class MisstatedError(Exception):
    """Why an ``x-list`` can't be read: what is wrong with it, where, and what to do."""

    def __init__(self, place: str, problem: str, remedy: str) -> None:
        super().__init__(f"x-list/{place.replace('.', '/')} {problem}; {remedy}")
        self.place = place
        self.problem = problem
        self.remedy = remedy


def statements(node: Any) -> Statements:
    """Read an ``x-list`` as the statements that it makes.

    Raises:
        MisstatedError: It has an unknown name, or a value of a wrong kind.
    """
    found = _flattened(node, "")
    if any(role.startswith("order.") for role in found):
        # A parameter for the order, without more, is taken to order the list by the times of the items.
        found.setdefault("order.by", "time")
    return found


def _flattened(node: Any, prefix: str) -> Statements:
    if not isinstance(node, dict):
        raise MisstatedError(prefix.removesuffix(".") or "", "is no mapping", "give the roles by their names")
    found: Statements = {}
    for key, value in node.items():
        role = f"{prefix}{key}"
        if role in ROLES and (role not in _GROUPS or not isinstance(value, dict)):
            found[role] = _checked(role, value)
        elif role in _GROUPS and isinstance(value, dict):
            found.update(_flattened(value, f"{role}."))
        elif role in _GROUPS and value is None:
            found.update({each: None for each in ROLES if each.startswith(f"{role}.")})
        else:
            meant = close(role, ROLES)
            remedy = f"perhaps {meant.replace('.', '/')} is meant" if meant else f"the roles are {', '.join(ROLES)}"
            raise MisstatedError(role, "is no role", remedy)
    return found


def _checked(role: str, value: Any) -> Any:
    kind: tuple[type, ...] = (str,)
    if role in _MAPPINGS:
        kind = (dict,)
    elif role in ("item.id", "items", "more", "next.at", "prev.at"):
        kind = (str, list)
    elif role.startswith("limit.") and role != "limit.param":
        kind = (int,)
    elif role in ("prev.nearest", "access.admin", "short_pages"):
        kind = (bool,)
    texts = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    if value is not None and (
        not isinstance(value, kind)
        or (isinstance(value, bool) and bool not in kind)
        or not all(isinstance(text, str) or (role == "filters" and text is None) for text in texts)
    ):
        names = {
            str: "a text",
            dict: "a mapping of texts",
            list: "a list of texts",
            int: "an integer",
            bool: "true or false",
        }
        raise MisstatedError(role, f"is not {' or '.join(names[each] for each in kind)}", "change it")
    choices = {
        "item.time.as": TIME_FORMATS,
        "next.from": ("item", "body"),
        "order.default": tuple(Order),
        "order.fixed": tuple(Order),
        "order.by": ("time", "unknown"),
    }.get(role)
    if choices is not None and value is not None and value not in choices:
        raise MisstatedError(role, f"is none of {', '.join(choices)}", "give one of these")
    return value


def place(value: Any) -> Place:
    """A place as ``x-list`` writes it: names with a dot between them, or a list of names; empty for the body."""
    if isinstance(value, str):
        return tuple(value.split(".")) if value else ()
    return tuple(value)


def profile(known: Mapping[str, Any], *, scope: tuple[str, ...], required: tuple[str, ...]) -> Profile:
    """What the statements of all sources make together; those of `lacking` must be there."""

    def cursor(name: str) -> Cursor:
        at = known.get(f"{name}.at")
        return Cursor(known.get(f"{name}.param"), known.get("next.from") or "item", None if at is None else place(at))

    def optional(name: str) -> Place | None:
        return None if known.get(name) is None else place(known[name])

    noun = known.get("noun") or "item"
    id_ = known.get("item.id") or ()
    time = known.get("item.time.at")
    filters: Mapping[str, str | None] = known.get("filters") or {}
    return Profile(
        noun=noun,
        plural=known.get("plural") or plural(noun),
        scope=scope,
        items=place(known["items"]),
        id=(id_,) if isinstance(id_, str) else tuple(id_),
        time=Time(time, known.get("item.time.as") or "unix") if time else None,
        constants=tuple((known.get("item.const") or {}).items()),
        envelope_constants=tuple((known.get("const") or {}).items()),
        next=cursor("next"),
        prev=cursor("prev"),
        nearest=bool(known.get("prev.nearest")),
        more=optional("more"),
        limit=_limit(known),
        order=_ordering(known),
        filters=tuple((param, at) for param, at in filters.items() if at is not None),
        hidden=tuple(param for param, at in filters.items() if at is None),
        admin=bool(known.get("access.admin")),
        short_pages=bool(known.get("short_pages")),
        required=required,
    )


def _limit(known: Mapping[str, Any]) -> Limit | None:
    param = known.get("limit.param")
    if param is None:
        return None
    return Limit(param, known.get("limit.default"), known.get("limit.least"), known.get("limit.most"))


def _ordering(known: Mapping[str, Any]) -> Ordering | None:
    fixed, default = known.get("order.fixed"), known.get("order.default")
    by_time = known.get("item.time.at") is not None and known.get("order.by") == "time"
    if fixed is not None:
        return Ordering(None, (), Order(fixed), by_time)
    words = tuple((order, known[f"order.{order}"]) for order in Order if known.get(f"order.{order}"))
    if known.get("order.param") is None or len(words) != len(Order):
        return None
    return Ordering(known["order.param"], words, Order(default) if default else None, by_time)
