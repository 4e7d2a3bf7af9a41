"""Servers that fail at the edges of the machine's numbers, and for other writings of a number (kinds of INP)."""

from __future__ import annotations

import re

from contracts.mock.app import DEFAULT_LIMIT, LARGEST_LIMIT, Behaviour, Fields, Refused
from contracts.mock.faults.declare import fault, replaces

_BITS_32, _BITS_64 = 1 << 32, 1 << 64
_MOST_32, _MOST_64 = (1 << 31) - 1, (1 << 63) - 1
_SQL = "ERROR: {} out of range: SELECT id, created_at, project_id FROM permissions WHERE checkpoint_id = $1 LIMIT {}"


class _AnyLimit(Behaviour):
    """A page holds as many items as were asked for, and a limit may have any number of digits."""

    def integer(self, text: str, /) -> int:
        """Reads an integer of any size."""
        if not re.fullmatch("-?[0-9]{1,400}", text):
            return super().integer(text)
        return int(text)

    def large_limit(self, limit: int, /) -> int:
        """What a limit above the largest means."""
        return limit


class _LooksAhead(_AnyLimit):
    """Asks its database for so many items more than the page holds."""

    most, ahead, kind = _MOST_32, 1, "integer"

    def large_limit(self, limit: int, /) -> int:
        """A limit that fits, whether what is asked of the database does or not."""
        if limit > self.most:
            raise self.invalid("limit", "'limit' is too large.")
        if limit + self.ahead > self.most:
            raise Refused(500, _SQL.format(self.kind, limit + self.ahead))
        return limit


@fault("INP-004")
class LookAheadOverflows(_LooksAhead):
    """The largest limit of 32 bits gets a 500 with the SQL, as one more item is asked of the database."""


@fault("INP-004")
class LookAheadOfTwoOverflows(_LooksAhead):
    """The two largest limits of 32 bits get a 500 with the SQL, as two more items are asked of the database."""

    ahead = 2


@fault("INP-004")
class LongLookAheadOverflows(_LooksAhead):
    """The largest limit of 64 bits gets a 500 with the SQL, as one more item is asked of the database."""

    most, kind = _MOST_64, "bigint"


@fault("INP-004")
class LimitBeyondLongCrashes(_AnyLimit):
    """A limit that does not fit into 64 bits gets a 500."""

    def large_limit(self, limit: int, /) -> int:
        """What the database says to a limit."""
        if limit > _MOST_64:
            raise Refused(500, _SQL.format("bigint", limit))
        return min(limit, LARGEST_LIMIT)


def _capped(limit: int) -> int:
    return min(limit, LARGEST_LIMIT)


@replaces(Behaviour.large_limit, "PAG-003")
def limit_wraps(_self: Behaviour, limit: int, /) -> int:
    """A limit is cut down to 32 bits."""
    return _capped(limit % _BITS_32)


@fault("INP-002")
class LongLimitWraps(_AnyLimit):
    """A limit is cut down to 64 bits."""

    def large_limit(self, limit: int, /) -> int:
        """What is left of it."""
        return _capped(limit % _BITS_64)


@replaces(Behaviour.small_limit, "INP-003")
def negative_limit_unsigned(_self: Behaviour, limit: int, /) -> int:
    """A negative limit is read as a number of 32 bits without a sign."""
    return _capped(limit % _BITS_32)


@replaces(Behaviour.integer, "INP-002")
def other_writings_are_default(self: Behaviour, text: str, /) -> int:
    """A limit with a sign, a space or a zero before it is overlooked: the page has the default size."""
    if re.fullmatch(r"\s*[+0]?[0-9]+(\.0+)?\s*", text) and not re.fullmatch("[1-9][0-9]*|0", text):
        return DEFAULT_LIMIT
    return Behaviour.integer(self, text)


@replaces(Behaviour.read_limit, "INP-004")
def digits_of_other_scripts_crash(self: Behaviour, fields: Fields, /) -> int:
    """A digit that is not ASCII passes the check of `limit`, and gets a 500 from what reads it."""
    text = self.read_text("limit", fields) or ""
    if text.isdigit() and not text.isascii():
        raise Refused(500, "The server had an error while processing your request.")
    return Behaviour.read_limit(self, fields)


@replaces(Behaviour.integer, "INP-002")
def limit_with_fraction_cut_to_a_digit(self: Behaviour, text: str, /) -> int:
    """A limit with a fraction of zero means ten times as many."""
    return Behaviour.integer(self, text.replace(".", "") if re.fullmatch(r"[0-9]\.0", text) else text)


@fault("INP-002")
class HugeLimitIsSmall(_AnyLimit):
    """A limit of more than 64 bits gives as many items as it has digits."""

    def large_limit(self, limit: int, /) -> int:
        """How many items that are."""
        return len(str(limit)) if limit > _MOST_64 else _capped(limit)
