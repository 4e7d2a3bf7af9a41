"""Undoes content codings within bounds, and notices what a lenient decoder lets pass."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

_PIECE = 65536
_GZIP_HEAD = b"\x1f\x8b"
_ZLIB_HEAD_SIZE = 2
_DEFLATED = 8
_MOST_CODINGS = 3

CODINGS: Final = ("gzip", "deflate")
"""What a request offers in Accept-Encoding."""


class UndecodableError(Exception):
    """The bytes are not what Content-Encoding says; the text completes "the body is …"."""


class TooLargeError(Exception):
    """More came out than is allowed."""


class Decoder:
    """Decodes one body piece by piece.

    Args:
        codings: The value of Content-Encoding, empty when there is none.
        most: The most bytes that may come out, of each coding where there are several.

    Raises:
        UndecodableError: A coding was not offered.
    """

    __slots__ = ("_stages",)

    def __init__(self, codings: str, most: int) -> None:
        names = [name for coding in codings.split(",") if (name := coding.strip().lower()) not in {"", "identity"}]
        if len(names) > _MOST_CODINGS:
            msg = f"coded {len(names)} times"
            raise UndecodableError(msg)
        self._stages = [_Stage(name, most) for name in reversed(names)]

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What comes out for these bytes, in pieces.

        Raises:
            UndecodableError: They are not what Content-Encoding says.
            TooLargeError: More came out than is allowed.
        """
        return self._through(0, data)

    def _through(self, stage: int, data: bytes) -> Iterator[bytes]:
        if stage == len(self._stages):
            yield data
            return
        for piece in self._stages[stage].feed(data):
            yield from self._through(stage + 1, piece)

    def end(self) -> None:
        """Tells that no more bytes come.

        Raises:
            UndecodableError: The coded data ended before its end.
        """
        for stage in self._stages:
            stage.end()


class _Stage:
    __slots__ = ("_inflate", "_left", "_name", "_whole", "_window")

    def __init__(self, name: str, most: int) -> None:
        if name in {"gzip", "x-gzip"}:
            self._window = 16 + zlib.MAX_WBITS
        elif name == "deflate":
            self._window = 0
        else:
            msg = f"coded as {name!r}, which was not asked for"
            raise UndecodableError(msg)
        self._name = name
        self._inflate: zlib._Decompress | None = None
        self._left = most
        self._whole = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        data = self._whole + data
        self._whole = b""
        while data:
            if self._inflate is None and not self._begin(data):
                self._whole = data
                return
            yield from self._drain(data)
            if self._inflate is None or not self._inflate.eof:
                return
            data = self._inflate.unused_data
            # A gzip body may have several members, and padding after the last.
            if self._window <= 0 and data.strip(b"\0"):
                msg = f"followed by {len(data)} bytes after the end of its {self._name} data"
                raise UndecodableError(msg)
            data = data.lstrip(b"\0")
            if data:
                self._inflate = None

    def _begin(self, data: bytes) -> bool:
        if len(data) < _ZLIB_HEAD_SIZE:
            return False
        if self._window > 0 and not data.startswith(_GZIP_HEAD):
            raise UndecodableError("not gzip, as its Content-Encoding says")
        if self._window == 0:
            # RFC 9110 means the zlib format; many servers send raw deflate, and every client reads both.
            wrapped = data[0] & 15 == _DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        else:
            self._inflate = zlib.decompressobj(self._window)
        return True

    def _drain(self, data: bytes) -> Iterator[bytes]:
        inflate = self._inflate
        if inflate is None:
            return
        while True:
            try:
                piece = inflate.decompress(data, _PIECE)
            except zlib.error:
                msg = f"not {self._name}, as its Content-Encoding says"
                raise UndecodableError(msg) from None
            self._left -= len(piece)
            if self._left < 0:
                raise TooLargeError
            if piece:
                yield piece
            data = inflate.unconsumed_tail
            if inflate.eof or (not data and len(piece) < _PIECE):
                return

    def end(self) -> None:
        if self._whole or (self._inflate is not None and not self._inflate.eof):
            msg = f"cut short inside its {self._name} data"
            raise UndecodableError(msg)
