"""What the filters of an operation accept, what of an item they compare, and which moments they bound."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from contracts.openapi.filter_guesses import bounded
from contracts.openapi.outline import Outline, choices, dated, in_a_query, types
from contracts.openapi.profile import Profile, Time

_COMPARISONS = {"gte": operator.ge, "gt": operator.gt, "lte": operator.le, "lt": operator.lt}
_TIMES = frozenset({"integer", "date-time"})
"""What a filter takes that may bound a time."""
_KINDS: Mapping[str, type] = {"boolean": bool, "integer": int}
"""The types of values that a filter compares, where they are no texts."""
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_WRITTEN = Time("", "rfc3339")
"""How a filter takes a time that is no number."""


class Filters:
    """The filters of one operation.

    Args:
        profile: The operation.
        outline: What its document says of it.
        accepted: The values that the first filter accepts; empty if it accepts any.
    """

    def __init__(self, profile: Profile, outline: Outline, accepted: tuple[str, ...]) -> None:
        self.accepted = accepted
        self._profile = profile
        self._outline = outline
        self._items = outline.items(profile.items)
        self._first, self._of_first = next(iter(profile.filters), ("", ""))

    @property
    def full(self) -> bool:
        """Whether there is a filter, and with all values of the first one it finds all items."""
        return bool(self._first) and not self._of_absence[self._first]

    @property
    def lasting(self) -> bool:
        """Whether items keep for ever what the filter compares: the id of something, and not a status."""
        return self._of_first.endswith("id")

    @property
    def facet_words(self) -> tuple[str, ...]:
        """The values of the items' property for the filter; empty if it may have any."""
        return choices(self._items.get(self._of_first, {}))

    @property
    def shared_words(self) -> tuple[str, ...]:
        """The texts that the filter accepts and the items' property may have; empty unless both are named."""
        if self.takes(self._first):
            return ()
        return tuple(word for word in self.accepted if word in self.facet_words)

    def facets(self, entry: Mapping[str, Any]) -> tuple[str | None, ...]:
        """What an item has of the properties that filters compare, as a query writes it; ``None`` for a wrong type."""
        found = ((entry.get(name), kind) for name, kind in self._compared)
        return tuple(in_a_query(value) if type(value) is kind else None for value, kind in found)

    @cached_property
    def _compared(self) -> tuple[tuple[str, type], ...]:
        kinds = ((name, types(self._items.get(name, {}))) for _, name in self._profile.filters)
        return tuple((name, _KINDS.get(next(iter(kind)), str) if len(kind) == 1 else str) for name, kind in kinds)

    def selects(self, parameter: str, text: str) -> bool:
        """Whether a value of a filter surely stands for the items that show it, and for no others."""
        # Between several values of one parameter there may be any of these signs.
        several = self.takes(parameter) == "array" and any(sign in text for sign in ",| ")
        return not several and text not in self._of_absence.get(parameter, ())

    @cached_property
    def _of_absence(self) -> Mapping[str, frozenset[str]]:
        at = self._profile.items
        return {parameter: self._outline.of_absence(at, name) for parameter, name in self._profile.filters}

    def words_of(self, parameter: str) -> tuple[str, ...]:
        """The values that a filter and the property that it compares may have; empty if they may have any."""
        asked = self._outline.query.get(parameter)
        own = self._items.get(dict(self._profile.filters).get(parameter, ""), {})
        return choices(asked.schema if asked is not None else {}) or choices(own)

    def takes(self, parameter: str) -> str:
        """The type of a query parameter: ``boolean``, ``integer``, ``array``, ``date-time``, or empty for any other."""
        asked = self._outline.query.get(parameter)
        if asked is None:
            return ""
        if len(asked.types) == 1 and asked.types <= {"boolean", "integer", "array"}:
            return next(iter(asked.types))
        return "date-time" if dated(asked.schema, asked.description) else ""

    def integers(self, parameter: str) -> range:
        """The integers that a parameter takes, by its schema; those that 32 bits hold where it has no bounds."""
        asked = self._outline.query.get(parameter)
        return asked.integers if asked is not None else range(0)

    @cached_property
    def ranges(self) -> Mapping[str, Callable[[int, int], bool]]:
        """The filters that bound the time of an item, such as ``created_at[gte]``, each with its comparison."""
        time = self._profile.time
        if time is None:
            return {}
        found = ((name, bounded(name)) for name in self._profile.hidden if self.takes(name) in _TIMES)
        return {name: _COMPARISONS[bound[1]] for name, bound in found if bound is not None and bound[0] == time.at}

    def bound(self, parameter: str, text: str) -> int | None:
        """The moment that a value of such a filter means, as the number that an item's time is; see `Time.read`."""
        time = self._profile.time
        if time is None:
            return None
        if self.takes(parameter) == "integer":
            seconds = int(text) if _INTEGER.fullmatch(text) else None
            return seconds if seconds is None or time.form != "rfc3339" else seconds * time.unit
        moment = _WRITTEN.read(text)
        return None if moment is None else moment * time.unit // _WRITTEN.unit

    def as_bound(self, parameter: str, moment: int) -> str:
        """A moment as such a filter takes it, no later, as far as whole seconds say it."""
        time = self._profile.time
        if time is None or (self.takes(parameter) == "integer" and time.form != "rfc3339"):
            return str(moment)
        seconds = moment // time.unit
        return str(seconds) if self.takes(parameter) == "integer" else _WRITTEN.written(seconds * _WRITTEN.unit)
