"""A canary key, every form in which a server could write it or a piece of it, and the search for all of them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import quote


def key_like(kind: str = "admin", rest: str = "0123456789abcdef") -> str:
    """A text of the shape of a key; put together here, so that no file holds what looks like one."""
    return f"sk-{kind}-{rest}"


ADMIN = key_like("admin", "CanaryAbCdEfGhIjKlMnOpQrStUvWxYz0123456789")
USER = key_like("user", "CanaryQz7Lm2Xw9Kd4Vb6Rt8Np3Hs5Gf1Jc0YaTe")
KEYS = {"admin": ADMIN, "user": USER}
RUN = 12
"""Characters of a key in a row that nothing may show."""

LETTERS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in lower case": str.lower,
    "in upper case": str.upper,
    "in the other case": str.swapcase,
    "URL-encoded": lambda key: _each(key, "%{:02X}"),
    "URL-encoded in lower case": lambda key: _each(key, "%{:02x}"),
    "URL-encoded twice": lambda key: quote(_each(key, "%{:02X}")),
    "URL-encoded twice in lower case": lambda key: quote(_each(key, "%{:02x}")).lower(),
    "URL-encoded three times": lambda key: _each(key, "%2525{:02X}"),
    "URL-encoded where it must be": lambda key: key.replace("-", "%2D"),
    "URL-encoded twice where it must be": lambda key: key.replace("-", "%252D"),
    "JSON": lambda key: key.replace("-", "\\u002d"),
    "JSON with every escape": lambda key: _each(key, "\\u{:04x}"),
    "JSON with every escape in upper case": lambda key: _each(key, "\\u{:04X}"),
    "JSON in JSON": lambda key: json.dumps(_each(key, "\\u{:04x}"))[1:-1],
    "JavaScript with braces": lambda key: _each(key, "\\u{{{:x}}}"),
    "JavaScript with braces and zeros": lambda key: _each(key, "\\u{{{:06X}}}"),
    "repr with every escape": lambda key: _each(key, "\\x{:02x}"),
    "octal": lambda key: _each(key, "\\{:03o}"),
    "HTML": lambda key: key.replace("-", "&#45;"),
    "HTML with numbers": lambda key: _each(key, "&#{};"),
    "HTML with numbers and zeros": lambda key: _each(key, "&#{:07};"),
    "HTML with hexadecimal numbers": lambda key: _each(key, "&#x{:x};"),
    "HTML with hexadecimal numbers and zeros": lambda key: _each(key, "&#X{:06X};"),
    "HTML in HTML": lambda key: html.escape(_each(key, "&#{};")),
    "fullwidth": lambda key: "".join(chr(ord(each) + 0xFEE0) for each in key),
    "fullwidth in JSON": lambda key: "".join(f"\\u{ord(each) + 0xFEE0:04x}" for each in key),
    "with spaces between": " ".join,
    "with line ends between": "\n".join,
    "with line ends in JSON between": "\\n".join,
    "with zero-width spaces between": "\u200b".join,
    "with joiners between": "\u2060".join,
    "with zero-width spaces in JSON between": "\\u200b".join,
    "with zero-width spaces in HTML between": "&#8203;".join,
    "with soft hyphens between": "\u00ad".join,
    "with combining marks between": "\u0332".join,
    "with dots between": ".".join,
    "in an array of JSON": '","'.join,
    "in an array of JSON with spaces": '", "'.join,
    "in an object of JSON": lambda key: ",".join(f'"{at}":"{each}"' for at, each in enumerate(key)),
    "in pieces of an expression": "' + '".join,
    "in tags": lambda key: "".join(f"<i>{each}</i>" for each in key),
    "with tags between in JSON": "\\u003cwbr\\u003e".join,
    "in colours, in JSON": lambda key: "".join(f"\\u001b[31m{each}\\u001b[0m" for each in key),
    "as decimal numbers": lambda key: ",".join(map(str, key.encode())),
    "as decimal numbers with spaces": lambda key: " ".join(map(str, key.encode())),
    "as numbers with 0x": lambda key: ", ".join(map(hex, key.encode())),
    "as code points": lambda key: " ".join(f"U+{ord(each):04X}" for each in key),
    "hexadecimal": lambda key: key.encode().hex(),
    "hexadecimal in upper case": lambda key: key.encode().hex().upper(),
    "hexadecimal with colons": lambda key: key.encode().hex(":"),
    "hexadecimal with spaces": lambda key: key.encode().hex(" ").upper(),
    "hexadecimal in an array of JSON": lambda key: '","'.join(f"{each:02x}" for each in key.encode()),
}
"""The forms that write one character behind the other: a piece of the key looks like a piece of its form."""
BACKWARDS = {"backwards": lambda key: key[::-1], "backwards in lower case": lambda key: key[::-1].lower()}


def _each(key: str, form: str) -> str:
    return "".join(form.format(ord(each)) for each in key)


def _percent(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % ord(match[0])


def _json(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match[0])


def _lines(data: bytes) -> bytes:
    return base64.encodebytes(data).strip()


CODED: dict[str, Callable[[bytes], bytes]] = {
    "base64 in hexadecimal": lambda data: base64.b64encode(data).hex().encode(),
    "hexadecimal in base64": lambda data: base64.b64encode(data.hex().encode()),
    "base64": base64.b64encode,
    "base64 for URLs": base64.urlsafe_b64encode,
    "base64 with line ends": _lines,
    "base64 of what is URL-encoded": lambda data: base64.b64encode(re.sub(rb"(?s).", _percent, data)),
    "base64 of JSON with every escape": lambda data: base64.b64encode(re.sub(rb"(?s).", _json, data)),
    "base64 twice": lambda data: base64.b64encode(base64.b64encode(data)),
    "base64 twice with line ends": lambda data: _lines(_lines(data)),
    "base64 three times": lambda data: base64.b64encode(base64.b64encode(base64.b64encode(data))),
}
"""The forms in which a piece of the key depends on what stands before it."""
BEFORE = ("", "x", "xy", "Bearer ", "user:", '{"authorization": "Bearer ' + "x" * 60)
"""What is coded together with a key: it moves the key by none, one or two bytes, and over the end of a line."""


@cache
def forms() -> dict[str, Callable[[str], str]]:
    """Every form in which a server may write a key or a piece of it, by name."""
    found = {**LETTERS, **BACKWARDS}
    for name, code in CODED.items():
        for number, before in enumerate(BEFORE):
            found[f"{name}, after {number}"] = _after(before, code)
    return found


def _after(before: str, code: Callable[[bytes], bytes]) -> Callable[[str], str]:
    return lambda key: code(before.encode() + key.encode() + b", and more").decode()


_GRAM = 8
_STRIDE = RUN - _GRAM + 1
"""Of every text of RUN bytes, one of so many pieces of _GRAM bytes stands at a multiple of it, wherever the text is."""


@cache
def _needles() -> dict[bytes, dict[bytes, str]]:
    """What of each run of a key can't be missing where the run stands, with its form, by the pieces that show it."""
    grams: dict[bytes, dict[bytes, str]] = {}
    for name, key in KEYS.items():
        for begin in range(len(key) - RUN + 1):
            run = key[begin : begin + RUN]
            written = [(form, write(run).encode()) for form, write in (*LETTERS.items(), *BACKWARDS.items())]
            written += [("UTF-16", run.encode("utf-16-le")), *_in_base64(run)]
            for form, needle in written:
                for at in range(_STRIDE):
                    grams.setdefault(needle[at : at + _GRAM], {}).setdefault(needle, f"{name} key, {form}")
    return grams


def _in_base64(run: str) -> Iterator[tuple[str, bytes]]:
    """The signs that are the same wherever in a text the run stands, at each of the three places."""
    for lead in range(3):
        once = base64.b64encode(b"\0" * lead + run.encode())
        inner = once[(lead * 8 + 5) // 6 : (lead + RUN) * 8 // 6]
        yield "base64", inner
        yield "base64 in hexadecimal", inner.hex().encode()
        for pattern in ("%{:02X}", "\\u{:04x}"):
            escaped = _each(run, pattern).encode()
            coded = base64.b64encode(b"\0" * lead + escaped)
            yield "base64 of escapes", coded[(lead * 8 + 5) // 6 : (lead + len(escaped)) * 8 // 6]
        digits = run.encode().hex().encode()
        coded = base64.b64encode(b"\0" * lead + digits)
        yield "hexadecimal in base64", coded[(lead * 8 + 5) // 6 : (lead + len(digits)) * 8 // 6]
        yield "base64 for URLs", inner.translate(bytes.maketrans(b"+/", b"-_"))
        for second in range(3):
            twice = base64.b64encode(b"\0" * second + inner)
            twice = twice[(second * 8 + 5) // 6 : (second + len(inner)) * 8 // 6]
            yield "base64 twice", twice
            for third in range(3):
                thrice = base64.b64encode(b"\0" * third + twice)
                yield "base64 three times", thrice[(third * 8 + 5) // 6 : (third + len(twice)) * 8 // 6]


_QUOTED = re.compile(rb"""(\\"|&#34;|&quot;)|&#39;|&#x27;|&apos;""")
_UNSEEN = re.compile(rb"\\n|[\n\r]|\\u(?:200b|2060|00ad|0332)|\xe2\x80\x8b|\xe2\x81\xa0|\xc2\xad|\xcc\xb2")


def leaks(data: bytes) -> list[str]:
    """The forms in which a run of a key stands in these bytes."""
    # Reports in JSON double the backslashes, others write quotes as entities; what is not seen may stand in escapes.
    texts = [data, data.replace(b"\\\\", b"\\"), _QUOTED.sub(lambda match: b"\"'"[match[1] is None :][:1], data)]
    texts += [_UNSEEN.sub(b"", text) for text in texts]
    found = set()
    for text in dict.fromkeys(texts):
        shown = _needles().keys() & (text[at : at + _GRAM] for at in range(0, len(text), _STRIDE))
        found |= {form for gram in shown for needle, form in _needles()[gram].items() if needle in text}
    return sorted(found)


def leaking(folder: Path) -> dict[str, list[str]]:
    """The files below a folder that hold a run of a key, in their names too, and in which forms."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        forms_ = leaks(inside + str(path.relative_to(folder)).encode("utf-8", "surrogateescape"))
        if forms_:
            found[str(path.relative_to(folder))] = forms_
    return found
