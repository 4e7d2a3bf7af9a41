"""A HAR file read as a stream, entry by entry, in memory that does not grow with the file, each field of its kind."""

from __future__ import annotations

import base64
import binascii
import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, Protocol, TypeVar

import msgspec

from contracts.core.model import Answer

LARGEST: Final = 32 * 1024 * 1024
"""Bytes of one value of a file; the largest body that a run keeps is a quarter of it."""
_MOST_SKIPPED: Final = 8 * LARGEST
_MOST_READ: Final = 2 * 1024 * 1024 * 1024
_DEEPEST: Final = 1000
_PIECE: Final = 256 * 1024
_SMALL: Final = 50
"""Bytes of a small part, as it counts; a hundred thousand of them take as much memory as five MiB of bodies."""
_LARGEST_REPAIRED: Final = 4 * 1024 * 1024
"""Bytes of a value that is read by a parser that takes more memory."""
MOST_ANSWERED: Final = 20 * 1024 * 1024
"""Bytes of the different answers of a recording that are judged together. In memory they take ten times as much."""

_KINDS: Final = (
    (b"\x1f\x8b", "it is compressed with gzip: decompress it first"),
    (b"PK\x03\x04", "it is a ZIP archive: unpack it first"),
    (codecs.BOM_UTF16_LE, "it is UTF-16, and JSON is UTF-8"),
    (codecs.BOM_UTF16_BE, "it is UTF-16, and JSON is UTF-8"),
)
"""What files are instead, by how they begin."""

# Before Python 3.11.5 a possessive group forgets where it was if it fails after a repeat in it: none here can.
_LETTERS: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRING: Final = rb'"%s"' % _LETTERS
_TOKEN: Final = re.compile(rb'[^"\[\]{}]++|%s|([\[{])|([\]}])|(")' % _STRING, re.DOTALL)
_OPEN_QUOTE: Final = 3
"""The group of `_TOKEN` that is a string whose end was not read yet."""
_PLAIN: Final = re.compile(rb'%s|[^" \t\r\n,\[\]{}:]++' % _STRING, re.DOTALL)
_NO_SPACE: Final = re.compile(rb"[^ \t\r\n]")
_INSIDE: Final = re.compile(_LETTERS, re.DOTALL)

_T = TypeVar("_T")


class MalformedError(Exception):
    """Something in the file is not as the format says; the text completes "… is no HAR recording: "."""


class TooLargeError(Exception):
    """The file holds more than is read; the text completes "… is too large: "."""


class Header(msgspec.Struct):
    """A header of an answer; some recorders write numbers, or leave an empty value out."""

    name: str
    value: str | int | float | None = None


class Content(msgspec.Struct):
    """The body of an answer: as text, or in base64."""

    text: str | None = None
    encoding: str | None = None


class Response(msgspec.Struct, rename={"reason": "statusText"}):
    """An answer."""

    status: int
    headers: list[Header]
    content: Content
    reason: str | None = ""


def read(raw: bytes, kind: type[_T], path: str) -> _T:
    """A JSON value as this kind of thing; ``path`` is its place in the file, as ``log.entries[3]``.

    Raises:
        MalformedError: It is no JSON, or a field is missing or of another type; the text says which.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _misfit(error, path) from None
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        # Some recorders write half a surrogate pair, or numbers that JSON does not have.
        return msgspec.convert(json.loads(raw[:_LARGEST_REPAIRED]), kind)
    except msgspec.ValidationError as error:
        raise _misfit(error, path) from None
    except (ValueError, RecursionError):
        msg = f"{path} is not JSON"
        raise MalformedError(msg) from None


def _misfit(error: msgspec.ValidationError, path: str) -> MalformedError:
    what, _, where = str(error).replace("`", "").partition(" - at ")
    return MalformedError(f"{path}{where.removeprefix('$')}: {what[:1].lower()}{what[1:]}")


def answer(response: Response, path: str) -> Answer:
    """The answer that a ``response`` holds.

    Raises:
        MalformedError: Its body is said to be base64 and is not.
    """
    text = response.content.text or ""
    if response.content.encoding == "base64":
        try:
            body = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            msg = f"{path}.response.content.text: it is not base64"
            raise MalformedError(msg) from None
    else:
        body = text.encode("utf-8", "surrogatepass")
    headers = tuple((each.name, "" if each.value is None else str(each.value)) for each in response.headers)
    return Answer(response.status, response.reason or "", headers, body)


class Shared:
    """Equal parts of many answers, each kept once, as long as there is room."""

    def __init__(self) -> None:
        self._known: dict[object, Any] = {}
        self._size = 0

    @property
    def full(self) -> bool:
        """Whether so much is kept that nothing more should be."""
        return self._size > MOST_ANSWERED

    def __call__(self, part: _T) -> _T:
        """The one of these that came first."""
        known: _T = self._known.setdefault(part, part)
        if known is part:
            self._size += len(part) if isinstance(part, bytes) else _SMALL
        return known

    def answer(self, answer: Answer) -> Answer:
        """The answer, made of shared parts."""
        headers = self(tuple(self(header) for header in answer.headers))
        echoes, redacted = self(answer.echoes), self(answer.redacted)
        return replace(answer, headers=headers, body=self(answer.body), echoes=echoes, redacted=redacted)


class Source(Protocol):
    """What a file is read from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes, none at the end."""


def log(source: Source) -> Iterator[tuple[str, bytes | None]]:
    """What the log of a HAR file holds, in its order: its ``comment``, and each ``entry``, as the JSON that it is.

    In the place of an entry that is larger than `LARGEST` comes ``None``.

    Raises:
        MalformedError: It is no HAR file.
        TooLargeError: Something else in it is larger, or all of it is.
    """
    text = _Text(source)
    found = False
    text.peek()
    for name in _names(text, next((kind for head, kind in _KINDS if text.begins(head)), "it is no JSON object")):
        if name != "log":
            text.value()
            continue
        for field in _names(text, "log: it is missing or no object"):
            if field == "entries":
                found = True
                for entry in _elements(text):
                    yield "entry", entry
            else:
                value = text.value()
                if field == "comment":
                    yield field, value
    if text.peek():
        raise MalformedError("something follows its JSON")
    if not found:
        raise MalformedError("log.entries: it is missing or no array")


def _names(text: _Text, otherwise: str) -> Iterator[str]:
    """The names of the fields of an object, whose values are read by whoever asks for the next name."""
    if not text.takes(b"{"):
        raise MalformedError(otherwise if text.peek() else "it is not JSON")
    if text.takes(b"}"):
        return
    while True:
        name = text.value() if text.peek() == b'"' else None
        if name is None or not text.takes(b":"):
            raise MalformedError("it is not JSON")
        yield read(name, str, "a name")
        if text.takes(b"}"):
            return
        if not text.takes(b","):
            raise MalformedError("it is not JSON")


def _elements(text: _Text) -> Iterator[bytes | None]:
    if not text.takes(b"["):
        raise MalformedError("log.entries: it is missing or no array")
    if text.takes(b"]"):
        return
    while True:
        yield text.value()
        if text.takes(b"]"):
            return
        if not text.takes(b","):
            raise MalformedError("it is not JSON")


class _Text:
    """JSON text of which only the value that is read is kept."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._data = bytearray()
        self._at = 0
        self._read = 0
        self._large, self._skipped = False, 0

    def peek(self) -> bytes:
        """The next byte that is no space, which is not taken; none at the end."""
        while True:
            if (found := _NO_SPACE.search(self._data, self._at)) is not None:
                self._at = found.start()
                return found[0]
            del self._data[:]
            self._at = 0
            if not self._more():
                return b""

    def begins(self, head: bytes) -> bool:
        """Whether what comes next, as far as it was read, begins with these bytes."""
        return self._data.startswith(head, self._at)

    def takes(self, sign: bytes) -> bool:
        """Take this sign if it is the next."""
        if self.peek() != sign:
            return False
        self._at += 1
        return True

    def value(self) -> bytes | None:
        """Take the next value; ``None`` if it is larger than `LARGEST`.

        Raises:
            MalformedError: There is none, or the file ends in it.
            TooLargeError: It is a string or a number, and larger than that.
        """
        return self._container() if self.peek() in {b"{", b"["} else self._plain()

    def _plain(self) -> bytes:
        while True:
            found = _PLAIN.match(self._data, self._at)
            if found is not None and found.end() < len(self._data):
                break
            if len(self._data) - self._at > LARGEST:
                msg = f"one of its texts has more than {LARGEST >> 20} MiB"
                raise TooLargeError(msg)
            if not self._more():
                break
        if found is None:
            raise MalformedError("it is not JSON")
        self._at = found.end()
        return found[0]

    def _container(self) -> bytes | None:
        depth, place = 0, self._at
        self._large, self._skipped = False, 0
        while True:
            for found in _TOKEN.finditer(self._data, place):
                if found.lastindex == _OPEN_QUOTE:
                    place = found.start()
                    break
                place = found.end()
                if found.lastindex is None:
                    continue
                depth += 1 if found.lastindex == 1 else -1
                if not depth:
                    begin, self._at = self._at, place
                    return None if self._large else bytes(self._data[begin:place])
            if depth > _DEEPEST:
                raise MalformedError(f"its values are nested more than {_DEEPEST} levels")
            place = self._behind(place + 1) if place < len(self._data) else self._grown(place)

    def _behind(self, place: int) -> int:
        """The place behind the string in which a place is."""
        while True:
            place = _INSIDE.match(self._data, place).end()  # type: ignore[union-attr]  # it matches nothing as well
            if self._data[place : place + 1] == b'"':
                return place + 1
            place = self._grown(place)

    def _grown(self, place: int) -> int:
        """Read on in a container, of which a large one is not kept; the place that this place has then."""
        self._large = self._large or len(self._data) - self._at > LARGEST
        if self._large:
            self._skipped += place
        if self._skipped > _MOST_SKIPPED:
            msg = f"one of its entries has more than {_MOST_SKIPPED >> 20} MiB"
            raise TooLargeError(msg)
        dropped = place if self._large else self._at
        del self._data[:dropped]
        self._at = 0
        if not self._more():
            raise MalformedError("it is cut short")
        return place - dropped

    def _more(self) -> bool:
        """Read on; whether there was anything."""
        data = self._source.read(max(_PIECE, min(len(self._data), 16 * _PIECE)))
        if not self._read:
            while len(data) <= len(codecs.BOM_UTF8) and (more := self._source.read(1)):
                data += more
            data = data.removeprefix(codecs.BOM_UTF8)
        self._read += len(data)
        if self._read > _MOST_READ:
            msg = f"it has more than {_MOST_READ >> 30} GiB"
            raise TooLargeError(msg)
        self._data += data
        return bool(data)
