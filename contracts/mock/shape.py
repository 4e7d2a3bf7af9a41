"""What is particular to the list operation that the embedded server serves: its names, its defaults, its objects.

The server itself, its faults and its variants speak of the published operation. A shape reads the requests of
another one as such, and writes the pages as another one has them; so whatever is wrong or right with the published
operation can be so with any other.
"""

from __future__ import annotations

import copy
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from urllib.parse import quote
from zlib import crc32

ORDERS = ("ascending", "descending")
PUBLISHED_NAMES: Mapping[str, str] = MappingProxyType(
    {name: name for name in ("after", "limit", "order", "project_id")}
)
ROLES = (*PUBLISHED_NAMES, "before")
"""The parameters that a list operation may have, by the names of the published one, and the cursor backwards."""
BACKWARDS, TOKENS = "a cursor that leads backwards", "tokens as its cursors"
SEVERAL, HIDDEN = "a second filter", "a filter by what its items don't show"
PARENTS = "several parameters in its path"
RANGES = "a filter that bounds the times of its items"
"""What a list may have that the published one does not; the value says it for people."""
_LIST = "list"
_TOKEN, BACK = "page_", "back_"
"""How tokens begin that lead onward, and those that lead backwards."""
_SEAL = 6
"""Bytes of a token by which one that was never given is recognized."""


@dataclass(frozen=True, slots=True)
class Form:
    """How one object of the published operation is written by another one.

    ``names`` gives the name of each property, and leaves out what the other one does not have. ``template`` is what
    the object has beside them. ``constant`` is the value of ``object``; ``write`` changes a value, by its published
    name.
    """

    names: Mapping[str, str]
    template: Mapping[str, Any]
    constant: str | None = None
    write: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    published: str = _LIST
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Further properties by which a list can be filtered, each with its values; an item's id decides which it has."""

    def written(self, value: object) -> object:
        """The object as the other operation has it; any other value unchanged."""
        if not isinstance(value, dict):
            return value
        found = copy.deepcopy(dict(self.template))
        for name, each in value.items():
            if name == "object":
                each = self.constant if each == self.published else each  # noqa: PLW2901 - a wrong one stays wrong
            if name in PROPERTIES and name not in self.names:
                continue
            found[self.names.get(name, name)] = self.write.get(name, _same)(each)
        for name, values in self.facets.items():
            found[name] = self.write.get(name, _same)(facet(name, values, value.get("id")))
        for name, here in self.names.items():
            if name not in value:
                found.pop(here, None)
        return found


def facet(name: str, values: Sequence[str], id_: object) -> str:
    """The value that an item has of those of a property."""
    return values[crc32(f"{name} {id_}".encode("utf-8", "surrogatepass")) % len(values)]


_LAST_SECOND = 253_402_300_799
"""The last second of the year 9999, in Unix time."""
PROPERTIES = frozenset({"object", "data", "has_more", "first_id", "last_id", "id", "created_at", "project_id"})
"""The properties of the published page and its items."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One list operation, as a server of it must know it.

    Attributes:
        prefix: The path in front of the checkpoint; the whole path without one.
        suffix: The path behind it.
        scoped: Whether the path has a checkpoint.
        names: The raw name of each published query parameter that the operation has.
        words: What the parameter for the order takes, for each published word.
        default_order: The published word for the order without the parameter.
        default_limit: The size of a page without a limit.
        largest_limit: The largest page that is given.
        admin: Whether the user's key is refused.
        page: How a page is written, ``None`` as published.
        item: How an item is written.
        key_header: The header that holds the key by itself, where it is not Authorization.
        project: What the first filter compares, of the first item of a list that had none.
        filters: The filters behind the first one, each with the item's property that it compares.
        loose: The prefix as a pattern that takes any value of the parameters in front of the checkpoint; empty without.
        hidden: The filters by what items don't show, and by more than equality.
        ranges: Those of them that bound times: whether a second is inside, given the value of the filter.
        places: Where a part of a page stands that is no property of its own, by the published name of the part.
        fixed: The parameters without a role that every request has.
        token: Where a page has the token of the next one, if the cursors are tokens; the items may have no id then.
        back: Where it has the token of the page before, if it has one.
        link: The address of the next page up to its token, if a page has the token in such; empty for a token alone.
        back_link: The same of the page before.
    """

    prefix: str = "/fine_tuning/checkpoints/"
    suffix: str = "/permissions"
    scoped: bool = True
    loose: str = ""
    names: Mapping[str, str] = field(default_factory=lambda: PUBLISHED_NAMES)
    words: Mapping[str, str] = field(default_factory=lambda: {word: word for word in ORDERS})
    default_order: str = "descending"
    default_limit: int = 10
    largest_limit: int = 100
    admin: bool = True
    page: Form | None = None
    item: Form | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    ranges: Mapping[str, Callable[[int, str], bool]] = field(default_factory=dict)
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    token: tuple[str, ...] | None = None
    back: tuple[str, ...] | None = None
    link: str = ""
    back_link: str = ""
    fixed: frozenset[str] = frozenset()
    key_header: str = ""
    project: str = "proj_new"

    @property
    def styles(self) -> frozenset[str]:
        """What the operation has that the published one does not."""
        has = {BACKWARDS: "before" in self.names, TOKENS: self.token is not None}
        has |= {SEVERAL: bool(self.filters), HIDDEN: bool(self.hidden), RANGES: bool(self.ranges)}
        has |= {PARENTS: bool(self.loose)}
        return frozenset(style for style, there in has.items() if there)

    def published(self, name: str, value: str) -> tuple[str, str]:
        """A query parameter as the published operation names it; an unknown one stays unknown."""
        role = next((role for role, raw in self.names.items() if raw == name), None)
        if role is None:
            return (f"?{name}" if name in ROLES else name), value
        if role == "order":
            meant = {raw: word for word, raw in self.words.items()}
            return role, meant.get(value, f"?{value}" if value in ORDERS else value)
        return role, value

    def written(self, page: object, token: object = None, back: object = None) -> object:
        """A page as this operation has it, with the tokens of the next one and of the one before where it has such."""
        if self.page is None or self.item is None or not isinstance(page, dict):
            return page
        data = page.get("data")
        items = [self.item.written(each) for each in data] if isinstance(data, list) else data
        if self.places.get("data") == () and "data" in page:
            return items
        written = self.page.written({**page, "data": items} if "data" in page else page)
        for name, place in self.places.items() if isinstance(written, dict) else ():
            holder: Any = written
            for step in place[:-1]:
                holder = holder.setdefault(step, {})
            for last in place[-1:]:
                holder.pop(last, None)
                if name in page:
                    holder[last] = items if name == "data" else page[name]
        tokens = ((self.token, token, self.link), (self.back, back, self.back_link))
        for at, each, link in tokens if isinstance(written, dict) else ():
            if at is not None:
                holder = written
                for name in at[:-1]:
                    holder = holder.setdefault(name, {})
                holder[at[-1]] = link + quote(each, safe="") if link and isinstance(each, str) else each
        return written


def sealed(id_: str, kind: str = _TOKEN) -> str:
    """The token for the place behind an item, or, as `BACK`, for the one in front of it."""
    raw = id_.encode("utf-8", "surrogatepass")
    return kind + urlsafe_b64encode(raw + sha256(raw).digest()[:_SEAL]).decode().rstrip("=")


def opened(token: str, kind: str = _TOKEN) -> str:
    """The item at which a token of this kind stands; of what was never given as one, something that is no item."""
    text = token.removeprefix(kind)
    try:
        raw = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        id_ = raw[:-_SEAL].decode("utf-8", "surrogatepass")
    except ValueError:
        return f"?{token}"
    return id_ if sealed(id_, kind) == token else f"?{token}"


def rfc3339(value: object) -> object:
    """A time in seconds as a text; any other value unchanged."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LAST_SECOND:
        return value
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds(value: object) -> object:
    """A time in seconds in milliseconds; any other value unchanged."""
    return value * 1000 if isinstance(value, int) and not isinstance(value, bool) else value


def _same(value: Any) -> Any:
    return value


PUBLISHED = Shape()
