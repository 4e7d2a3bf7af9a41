"""The ways in which a text may be read: as it is, without the signs in it, without escapes, as base64, as numbers.

All work is done on bytes, in time that grows with their number: the patterns start at most once at each byte, and what
is decoded is never longer than what it was decoded from. Which bytes of the source a byte of a reading came from is
worked out only where something was found.
"""

from __future__ import annotations

import html
import re
from array import array
from binascii import a2b_base64, a2b_hex
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Final

_PASSES: Final = 5
"""How often escapes are undone: JSON in HTML in a URL, and two more for what this suite writes of it."""
_NESTED: Final = 3
"""How often what is coded is decoded: base64 in base64, or in hexadecimal digits."""

_ESCAPE: Final = re.compile(
    rb"%u([0-9a-f]{4})|%([0-9a-f]{2})|\\[ux]\{0*([0-9a-f]{1,6})\}|(?-i:\\U)([0-9a-f]{8})|\\u([0-9a-f]{4})"
    rb"|\\x([0-9a-f]{2})|\b0x([0-9a-f]{2})\b|\bu\+([0-9a-f]{4,6})\b|\\([0-7]{3})|\\([^0-9a-z])|\\([nrtvfb0])"
    rb"|(&(?:#0*[0-9]{1,7};?|#x0*[0-9a-f]{1,6};?|[a-z][a-z0-9]{1,31};))",
    re.IGNORECASE | re.DOTALL,
)
_PERCENT = 2
_OCTAL, _SIGN, _BLANK, _ENTITY = 9, 10, 11, 12
"""Groups of `_ESCAPE`; the last four are no hexadecimal number."""
_SURE_ESCAPE: Final = re.compile(rb"%u?[0-9a-f]{2}|\\[ux][0-9a-f{]{2}|&#x?[0-9a-f]", re.IGNORECASE)
"""What decoded bytes hold by chance only rarely."""
_HIGH: Final = re.compile(rb"%[89a-f][0-9a-f]", re.IGNORECASE)

_BLANKS: Final = bytes(range(33)) + b"\x7f"
_INVISIBLE: Final = (
    rb"\xc2[\xa0\xad]|\xcc[\x80-\xbf]|\xcd[\x80-\xaf]|\xd8\x9c|\xe1\x85[\x9f\xa0]|\xe1\xa0[\x8b-\x8f]|\xe2\x80[\x80-\x8f\xa8-\xaf]"
    rb"|\xe2\x81[\x9f-\xaf]|\xe2\xa0\x80|\xe3\x80\x80|\xe3\x85\xa4|\xef\xb8[\x80-\x8f]|\xef\xbb\xbf|\xef\xbe\xa0"
    rb"|\xef\xbf[\xb9-\xbb]|\xf3\xa0[\x80-\x87][\x80-\xbf]"
)
"""What UTF-8 makes of spaces and of characters without width."""
_FULLWIDTH: Final = rb"\xef[\xbc\xbd][\x80-\xbf]"
_UNUSUAL: Final = re.compile(rb"(%s)|(%s)" % (_INVISIBLE, _FULLWIDTH))
_SQUEEZED: Final = re.compile(rb"([\x00-\x20\x7f]+|%s)|(%s)" % (_INVISIBLE, _FULLWIDTH))
_BLANK_BYTES: Final = re.compile(rb"[\x00-\x20\x7f]+")
_MARKUP: Final = re.compile(rb"<[/!a-z][^<>]{0,120}>|\x1b\[[0-9;]{0,20}[a-z]|\"[0-9]{1,3}\"[\s]{0,40}:", re.IGNORECASE)
"""What pages, terminals, and objects that were made of a text put between its characters."""
_SIGNS: Final = bytes(code for code in range(33, 127) if not chr(code).isalnum())
_EACH_SIGN: Final = tuple(_SIGNS[at : at + 1] for at in range(len(_SIGNS)))
_SIGNS_IN_A_ROW: Final = re.compile(rb"[%s]+" % re.escape(_SIGNS))
_LOWER: Final = bytes(
    code + 32 if 65 <= code <= 90 or (192 <= code <= 222 and code != 215) else code for code in range(256)
)
_TO_USUAL: Final = bytes.maketrans(b"-_", b"+/")
"""The signs of base64 for URLs, and the usual ones."""
_BETWEEN_DIGITS: Final = b":.,_=/|;\"'-"
_NUMBER: Final = rb"[0-9]{2,3}"
_BETWEEN_NUMBERS: Final = rb"[\s,;:]{1,40}"
_DIGITS: Final = bytes(48 if code in b"0123456789abcdef" else 32 for code in range(256))
_BASE64: Final = bytes(65 if (chr(code).isalnum() and code < 128) or code in b"+/-_" else 32 for code in range(256))
"""The signs of a coding all made the same one: a long run of them is then found at once."""

Origins = tuple["array[int]", "array[int]"]
"""For each byte, where in the source it begins and ends."""


def folded(data: bytes) -> bytes:
    """Data without blanks and characters of no width, with usual letters for wide ones, in lower case."""
    return _squeezed(data).translate(_LOWER)


def without_signs(data: bytes) -> bytes:
    """Data without the signs of ASCII that are neither letters nor digits."""
    return data.translate(None, _SIGNS)


def _squeezed(data: bytes) -> bytes:
    squeezed = data.translate(None, _BLANKS)
    return squeezed if squeezed.isascii() else _UNUSUAL.sub(_narrow, squeezed)


def _narrow(match: re.Match[bytes]) -> bytes:
    wide = match[2] if match.re.groups else None
    if wide is None:
        return b""
    code = int.from_bytes(wide.decode("utf-8").encode("utf-16-be")) - 0xFEE0
    return bytes([code]) if 0x20 < code < 0x7F else wide


def _unescape(match: re.Match[bytes]) -> bytes:
    which = match.lastindex or 0
    token = match[which]
    if which == _BLANK:
        return b" "
    if which == _SIGN:
        return token
    if which == _ENTITY:
        text = html.unescape(token.decode("ascii"))
        return b"".join(map(_byte, map(ord, text))) if not text.startswith("&") or text == "&" else match[0]
    code = int(token, 8 if which == _OCTAL else 16)
    if which == _PERCENT and _HIGH.fullmatch(match.string, max(0, match.start() - 3), match.start()):
        return bytes([code])  # a byte of a character of several
    return _byte(code) if code <= 0x10FFFF else match[0]


def _byte(code: int) -> bytes:
    """A character in Latin-1, where the data may be in it; else, and if it takes no room, in UTF-8."""
    if code <= 0xFF and code not in {0xA0, 0xAD}:
        return bytes([code])
    return chr(code).encode("utf-8", "surrogatepass")


class View:
    """One reading of a source: its bytes, squeezed as they are and folded, and where each of them came from."""

    def __init__(
        self,
        form: str,
        data: bytes,
        origins: Callable[[], Origins],
        *,
        decoded: bool = False,
        unsigned: bool = False,
    ) -> None:
        self.form = form
        self.unsigned = unsigned
        # What was decoded holds any byte by chance: in it only blanks are looked for.
        self._decoded = decoded
        self._dropped = _SIGNS_IN_A_ROW if unsigned else _BLANK_BYTES if decoded else _SQUEEZED
        self.squeezed = (
            without_signs(data) if unsigned else data.translate(None, _BLANKS) if decoded else _squeezed(data)
        )
        self.folded = self.squeezed if unsigned else self.squeezed.translate(_LOWER)
        self.data = data
        self.data_origins = origins

    @cached_property
    def origins(self) -> Origins:
        """Where each byte of `squeezed` and `folded` came from."""
        if len(self.squeezed) == len(self.data):
            return self.data_origins()
        return _replaced(self._dropped, _narrow, self.data, self.data_origins())

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Where in the source some bytes of this reading stand."""
        begins, ends = self.origins
        return begins[begin], ends[end - 1]

    def without_signs(self) -> Iterator[View]:
        """The reading without the signs between its letters, if it has any."""
        if not self._decoded and any(sign in self.folded for sign in _EACH_SIGN):
            yield View(self.form or "with signs between", self.folded, lambda: self.origins, unsigned=True)

    def without_markup(self) -> View | None:
        """The reading without the markup between its characters, if it has any."""
        if self._decoded or _MARKUP.search(self.data) is None:
            return None

        def origins() -> Origins:
            return _replaced(_MARKUP, lambda _: b"", self.data, self.data_origins())

        return View(self.form or "with markup between", _MARKUP.sub(b"", self.data), origins)

    def undone(self) -> View | None:
        """The reading with one layer of escapes less, if it has any."""
        if self._decoded:
            escaped = _SURE_ESCAPE.search(self.data) is not None
        else:
            escaped = any(sign in self.data for sign in (b"%", b"\\", b"&", b"0x", b"0X", b"U+", b"u+"))
        undone = _ESCAPE.sub(_unescape, self.data) if escaped else self.data
        if undone == self.data:
            return None
        return View(self.form or "escaped", undone, _undone(self.data, self.data_origins), decoded=self._decoded)


def views(data: bytes, least: int) -> Iterator[View]:
    """Every reading of some data in which so many characters in a row could be found."""
    yield from _readings(View("", data, _themselves(len(data))), least, 0)


def _readings(view: View, least: int, depth: int) -> Iterator[View]:
    for _ in range(_PASSES + 1):
        yield view
        if depth == 0:
            yield from view.without_signs()
            if (bare := view.without_markup()) is not None:
                yield bare
                yield from bare.without_signs()
        if depth < _NESTED:
            for decoded in _decoded(view, least):
                yield from _readings(decoded, least, depth + 1)
        undone = view.undone()
        if undone is None:
            return
        view = undone


def _themselves(size: int) -> Callable[[], Origins]:
    return lambda: (array("l", range(size)), array("l", range(1, size + 1)))


def _undone(data: bytes, origins: Callable[[], Origins]) -> Callable[[], Origins]:
    return lambda: _replaced(_ESCAPE, _unescape, data, origins())


def _replaced(
    pattern: re.Pattern[bytes], replace: Callable[[re.Match[bytes]], bytes], data: bytes, origins: Origins
) -> Origins:
    """The origins of what a substitution makes of some data."""
    begins, ends = array("l"), array("l")
    done = 0
    for match in pattern.finditer(data):
        begin, end = match.span()
        size = len(replace(match))
        begins += origins[0][done:begin]
        ends += origins[1][done:begin]
        begins.extend([origins[0][begin]] * size)
        ends.extend([origins[1][end - 1]] * size)
        done = end
    return begins + origins[0][done:], ends + origins[1][done:]


def _decoded(view: View, least: int) -> Iterator[View]:
    """What the runs of coded signs in a reading say."""
    if b"0" * 2 * least in view.folded.translate(_DIGITS, _BETWEEN_DIGITS):
        # A class of characters alone: each repetition of a group would take memory.
        pattern = rb"[0-9a-f%s]{%d,}" % (_BETWEEN_DIGITS, 2 * least)
        yield from _Signs(view, view.folded, pattern, 2, b"f").decoded("hexadecimal", a2b_hex)
    fewest = -(-least * 4 // 3)
    if b"A" * fewest in view.squeezed.translate(_BASE64):
        pattern = rb"[A-Za-z0-9+/_-]{%d,}" % fewest
        yield from _Signs(view, view.squeezed, pattern, 4, b"/").decoded("base64", _from_base64)

    # Each number ends by itself: a longer one behind a row must not spoil all of it.
    pattern = rb"\b%s\b(?>(?:%s%s\b){%d,})" % (_NUMBER, _BETWEEN_NUMBERS, _NUMBER, least - 1)
    for numbers in re.finditer(pattern, view.data):
        yield _from_numbers(view, numbers)


def _from_numbers(view: View, numbers: re.Match[bytes]) -> View:
    """What a row of decimal numbers says if each is a byte."""
    each = [number for number in re.finditer(_NUMBER, numbers[0]) if int(number[0]) < 256]

    def origins() -> Origins:
        begins, ends = view.data_origins()
        first = numbers.start()
        return (
            array("l", (begins[first + number.start()] for number in each)),
            array("l", (ends[first + number.end() - 1] for number in each)),
        )

    return View("decimal", bytes(int(number[0]) for number in each), origins, decoded=True)


def _from_base64(signs: bytes) -> bytes:
    return a2b_base64(signs.translate(_TO_USUAL))


class _Signs:
    """The runs of coded signs in a reading, one behind the other, each from a place on where a byte may begin.

    Args:
        view: The reading.
        text: Its bytes, in which the runs stand.
        pattern: What a run is.
        group: How many signs make a whole number of bytes.
        filling: The sign of ones that stands between runs.
    """

    def __init__(self, view: View, text: bytes, pattern: bytes, group: int, filling: bytes) -> None:
        self._view = view
        self._text = text
        self._group = group
        self._runs: list[tuple[int, int, int]] = []
        """Where each run begins and ends, and how many signs are filled in behind it."""
        between = _BETWEEN_DIGITS if group == 2 else b""
        signs = bytearray()
        for run in re.finditer(pattern, text):
            each = run[0].translate(None, between)
            more = -len(each) % group + group
            self._runs.append((*run.span(), more))
            signs += each
            signs += filling * more
        self._signs = bytes(signs)

    def decoded(self, form: str, decode: Callable[[bytes], bytes]) -> Iterator[View]:
        """The runs decoded, from each of the signs at which a byte of theirs may begin."""
        for shift in range(self._group) if self._signs else ():
            size = (len(self._signs) - shift) // self._group * self._group
            name = f"{form} twice" if self._view.form == form else form
            yield View(name, decode(self._signs[shift : shift + size]), self._origins(shift), decoded=True)

    def _origins(self, shift: int) -> Callable[[], Origins]:
        def origins() -> Origins:
            places = array("l")
            digits = self._group == 2
            for begin, end, more in self._runs:
                run = range(begin, end)
                places.extend(at for at in run if not digits or self._text[at] not in _BETWEEN_DIGITS)
                places.extend([end - 1] * more)
            bits = 8 // self._group if self._group == 2 else 6
            count = (len(places) - shift) // self._group * self._group * bits // 8
            begins, ends = self._view.origins
            return (
                array("l", (begins[places[shift + place * 8 // bits]] for place in range(count))),
                array("l", (ends[places[shift + (place * 8 + 7) // bits]] for place in range(count))),
            )

        return origins
