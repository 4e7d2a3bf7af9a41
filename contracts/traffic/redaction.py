"""Keeps keys out of everything that a target sends back.

A server may repeat what it was sent, in its own escaping. The client passes every answer through a `Redactor`
before anything else sees it, so neither evidence nor a report, recording or traceback can hold a key.
"""

from __future__ import annotations

import base64
import html
import json
import math
import os
import re
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Final
from urllib.parse import quote

from contracts.traffic.credentials import ADMIN_VARIABLE, USER_VARIABLE, Keys, first_half, other_case, unknown_key

MARKER: Final = re.compile(r"\[credential:([a-z_-]+)( in part)?\]")
"""What stands in an answer where credentials stood: their name, and whether all of them."""

SHORTEST: Final = 8
"""Characters. A shorter key can't be told from ordinary words, so answers are not searched for it."""

_LEAST_PIECE = 12
_LARGEST_SHARE = 0.75
_ESCAPES = (b"%", b"\\", b"&")
_ENCODINGS = ("latin-1", "utf-8")

_Ways = tuple[bytes, ...]
"""The ways in which one character may be written, the plain one first."""


_LOOKS_LIKE_ONE: Final = re.compile(r"\bsk-[A-Za-z0-9_-]{8,}")
"""What looks like a key of the vendor, wherever it was typed."""


def without_keys(text: str, keys: Keys | None = None) -> str:
    """A text of ours without these keys, without those of the usual variables, and without what looks like one."""
    for name in (ADMIN_VARIABLE, USER_VARIABLE):
        value = os.environ.get(name, "").strip()
        if len(value) >= SHORTEST:
            text = text.replace(value, f"${name}")
    if keys is not None:
        text = Redactor(keys, 0).redact_text(text)
    return _LOOKS_LIKE_ONE.sub("sk-…", text)


def marker(name: str, *, part: bool = False) -> str:
    """The text that takes the place of the credentials of this name, or of a large part of them."""
    return f"[credential:{name}{' in part' if part else ''}]"


class Redactor:
    """Replaces every secret of a run, in any usual escaping, whole or by three quarters, with its marker."""

    def __init__(self, keys: Keys, seed: int) -> None:
        admin = keys.admin.reveal()
        secrets = {
            "admin": admin,
            "user": keys.user.reveal() if keys.user else "",
            "unknown": unknown_key(seed),
            "other-case": other_case(admin) or "",
        }
        secrets = {name: secret for name, secret in secrets.items() if len(secret) >= SHORTEST}
        needles: dict[bytes, _Needle] = {}
        for name, secret in secrets.items():
            for writing in _writings(secret):
                needles.setdefault(_plainly(writing), _Needle(name, writing))
        # Some servers change the case of what they repeat.
        for name, secret in secrets.items():
            for changed in (secret.lower(), secret.upper()):
                for writing in _characters(changed):
                    needles.setdefault(_plainly(writing), _Needle(name, writing))
        # The half is a secret of its own only as a whole: a masked form may show some of it.
        half = first_half(admin) or ""
        if len(half) >= _LEAST_PIECE:
            for writing in _characters(half):
                needles.setdefault(_plainly(writing), _Needle("first-half", writing, whole=True))
        self._needles = tuple(needles.values())

    def __repr__(self) -> str:
        return "Redactor(…)"

    def holds(self, data: bytes) -> bool:
        """Whether there may be something to replace: never false when there is."""
        return any(True for _ in self._found(data))

    def redact(self, data: bytes) -> bytes:
        """The data with a marker in the place of each secret; the same object where there is none."""
        try:
            return self._redact(data)
        except BaseException as error:  # noqa: BLE001 - raised again, also when it is an interrupt
            # The frames below hold what was found.
            raise error.with_traceback(None) from None

    def _redact(self, data: bytes) -> bytes:
        found = list(self._found(data))
        # Whole ones first: a part of one secret may be all of another. But for the half, which is part of a whole.
        for needle in found:
            if not needle.whole:
                data = data.replace(needle.plain, marker(needle.name).encode())
        for needle in found:
            data = needle.replaced(data)
        return data

    def redact_text(self, text: str) -> str:
        """The same for text."""
        data = text.encode("utf-8", "surrogatepass")
        clean = self.redact(data)
        return text if clean is data else clean.decode("utf-8", "surrogatepass")

    def _found(self, data: bytes) -> Iterator[_Needle]:
        escaped = any(sign in data for sign in _ESCAPES)
        for needle in self._needles:
            if needle.middle in data or (escaped and needle.loose and needle.pattern.search(data)):
                yield needle


class _Needle:
    """One secret in one writing, to be found whole or by three quarters.

    Whatever piece of it is long enough holds its middle, so that is what is searched for.
    """

    def __init__(self, name: str, writing: list[_Ways], *, whole: bool = False) -> None:
        length = len(writing)
        self.name = name
        self.whole = whole
        self.plain = _plainly(writing)
        self.least = length if whole else min(length, max(_LEAST_PIECE, math.ceil(length * _LARGEST_SHARE)))
        self.middle = _plainly(writing[length - self.least : self.least])
        self.loose = any(len(ways) > 1 for ways in writing)
        # Longer ways first: of "%25", which is a percent sign, the first byte alone is one too.
        self._units = [sorted(ways, key=len, reverse=True) for ways in writing]

    def __repr__(self) -> str:
        return f"_Needle({self.name!r})"

    @cached_property
    def pattern(self) -> re.Pattern[bytes]:
        """The middle as it is, or each of its characters written in any way."""
        middle = self._units[len(self._units) - self.least : self.least]
        # The longest way of each is taken for good: many backslashes, each one or two, have too many readings.
        loose = b"".join(b"(?>%s)" % b"|".join(re.escape(way) for way in ways) for ways in middle)
        return re.compile(re.escape(self.middle) + b"|" + loose)

    def replaced(self, data: bytes) -> bytes:
        """The data with a marker in the place of each occurrence."""
        parts: list[bytes] = []
        done = 0
        for match in self.pattern.finditer(data):
            begin, end = match.span()
            if begin < done:
                continue
            left, right = len(self._units) - self.least, self.least
            while left and (size := self._before(data, begin, left - 1, done)):
                left, begin = left - 1, begin - size
            while right < len(self._units) and (size := self._after(data, end, right)):
                right, end = right + 1, end + size
            if right - left >= self.least:
                part = right - left < len(self._units)
                parts += [data[done:begin], marker(self.name, part=part).encode()]
                done = end
        return b"".join([*parts, data[done:]]) if parts else data

    def _before(self, data: bytes, at: int, unit: int, floor: int) -> int:
        return next((len(way) for way in self._units[unit] if data.endswith(way, floor, at)), 0)

    def _after(self, data: bytes, at: int, unit: int) -> int:
        return next((len(way) for way in self._units[unit] if data.startswith(way, at)), 0)


def _plainly(writing: list[_Ways]) -> bytes:
    return b"".join(ways[0] for ways in writing)


def _writings(secret: str) -> Iterator[list[_Ways]]:
    """The secret as it is or escaped, as UTF-16, as hexadecimal digits, and as base64 wherever it stands in it."""
    yield from _characters(secret)
    yield [(character.encode("utf-16-le"),) for character in secret]
    yield [(character.encode("utf-16-be"),) for character in secret]
    for raw in {secret.encode(encoding) for encoding in _ENCODINGS}:
        for digits in (raw.hex(), raw.hex().upper()):
            yield [(digit.encode(),) for digit in digits]
        for lead in range(3):
            # The first and last signs hold bits of their neighbours, so they differ from place to place.
            signs = slice((lead * 8 + 5) // 6, (lead + len(raw)) * 8 // 6)
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                yield [_sign(sign) for sign in encode(b"\0" * lead + raw).decode()[signs]]


def _characters(secret: str) -> Iterator[list[_Ways]]:
    for encoding in _ENCODINGS:
        yield [_ways(character, encoding) for character in secret if character.encode(encoding, "ignore")]


def _sign(sign: str) -> _Ways:
    if sign.isalnum():
        return (sign.encode(),)
    return tuple(way.encode() for way in (sign, f"\\{sign}", f"%{ord(sign):02X}", f"%{ord(sign):02x}"))


@cache
def _ways(character: str, encoding: str) -> _Ways:
    code = ord(character)
    plain = character.encode(encoding)
    encodings = [character.encode(other, "ignore") for other in _ENCODINGS]
    digits = [f"{code:{form}}" for form in ("x", "X", "02x", "02X", "04x", "04X")]
    ways = [
        plain,
        quote(character, safe="").encode(),
        html.escape(character).encode(),
        json.dumps(character)[1:-1].encode(),
        *("".join(f"%{byte:{form}}" for byte in encoded).encode() for encoded in encodings for form in ("02x", "02X")),
        *(
            f"\\{prefix}{number}".encode()
            for prefix, size in (("u", 4), ("x", 2))
            for number in digits
            if len(number) == size
        ),
        *(f"&#{number};".encode() for number in (f"{code}", f"{code:03}", *(f"{x}{n}" for x in "xX" for n in digits))),
    ]
    if not character.isalnum():
        ways.append(b"\\" + plain)
    if character == " ":
        ways.append(b"+")
    return tuple(way for way in dict.fromkeys(ways) if way)
