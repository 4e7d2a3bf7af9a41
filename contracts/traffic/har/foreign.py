"""Recordings that a browser, a proxy or another tool made: read as far as they tell.

They differ from our own: they hold other traffic, keys, requests that were sent at once, answers that came from a
cache, and they do not say with whose key a request was sent. What is doubtful is left out and counted.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import unquote

import msgspec

from contracts.core.model import KEY_REFUSED, Answer, Exchange, Request
from contracts.traffic.credentials import CREDENTIALS, IN_QUERY
from contracts.traffic.decoding import Decoder, TooLargeError, UndecodableError
from contracts.traffic.har import stream
from contracts.traffic.har.stream import MalformedError
from contracts.traffic.redaction import Redactor

PROBE: Final = "recording"
"""What the exchanges of a foreign recording say as their probe."""

_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_WAIT: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_CLOCK: Final = 0.002
"""Seconds by which the clock of a recorder may err: what overlaps by less was not sent at once."""
_WHOLE_SECONDS: Final = 1.0
_MOST_KEYS: Final = 50
_LEAST_GAP: Final = 1e-9
_QUERY_KEYS: Final = {CREDENTIALS[name].parameter: name for name in IN_QUERY}

_BODILESS: Final = "without its body"
_HIDDEN: Final = re.compile(
    r"[^\w.~+/=\- ]|^\W*$|redact|hidden|removed|masked|filtered|censored|sanitized|secret|x{5}", re.IGNORECASE
)
"""What recorders and people write where a key stood; no key looks like that."""

BaseOf = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry that may be judged.

    ``signed`` is the value of its Authorization header, a key among it; a key that stood alone is a bearer token here.
    """

    url: str
    base: str
    at: float
    seconds: float
    answer: Answer
    signed: str | None
    cookies: bool


class _Asked(msgspec.Struct):
    method: str
    url: str
    headers: list[_Sent] = []
    cookies: list[_Cookie] | None = None


class _Sent(msgspec.Struct):
    name: str
    value: str | int | float | None = None


class _Cookie(msgspec.Struct):
    name: str


class _Body(msgspec.Struct):
    text: str | None = None
    size: float | None = None
    encoding: str | None = None


class _Status(msgspec.Struct):
    status: int
    content: _Body | None = None


class _Cached(msgspec.Struct, rename={"before": "beforeRequest", "after": "afterRequest"}):
    """What a browser's cache held of an answer."""

    before: object = msgspec.UNSET
    after: object = msgspec.UNSET

    @property
    def answered(self) -> bool:
        """Whether it may have answered: Chromium's recorders name what it held before, Firefox what after alone."""
        if self.before is msgspec.UNSET:
            return self.after is not msgspec.UNSET
        return self.before is not None


class _Glance(msgspec.Struct, rename={"from_cache": "_fromCache", "fetched": "_fetchType"}):
    """What tells whether an entry is of interest."""

    request: _Asked
    response: _Status
    cache: _Cached | None = None
    from_cache: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    fetched: str | None = None

    @property
    def cached(self) -> bool:
        """Whether the answer came from a browser's cache, by the words of any recorder."""
        known = self.from_cache is not msgspec.UNSET or "Cache" in (self.fetched or "")
        return known or (self.cache is not None and self.cache.answered)


class _Whole(msgspec.Struct, rename={"started": "startedDateTime"}):
    """The rest of an entry that is."""

    started: str
    response: stream.Response
    time: Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)] | None = None
    timings: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    @property
    def seconds(self) -> float:
        """How long the exchange took at the least: some recorders count the connecting within the waiting as well."""
        connecting = 0.0
        if isinstance(self.timings, msgspec.Raw):
            with suppress(msgspec.DecodeError):
                connecting = msgspec.json.decode(self.timings, type=_Timings).connect or 0.0
        return max(0.0, (self.time or 0.0) - max(0.0, connecting)) / 1000


class _Timings(msgspec.Struct):
    connect: float | None = None


class Entries:
    """The entries of an archive, of which only those are kept that may be judged.

    Args:
        base_url: Where the target was; by default where most of the requests went that ``base_of`` knows.
        base_of: For the URL of a request that is of interest, the base URL; by default all below ``base_url`` are.
        shared: Where equal parts of answers are kept.
        key_header: The header that carries the key by itself, where it is not Authorization.

    Attributes:
        bodiless: How many were recorded without their bodies.
        sought: Whether it is known where the target was.
    """

    def __init__(
        self, base_url: str | None, base_of: BaseOf | None, shared: stream.Shared, key_header: str = ""
    ) -> None:
        self._base_url = base_url
        self.sought = base_url is not None or base_of is not None
        self._base_of = base_of or _below(_plain(base_url or ""))
        self._shared = shared
        self._key_header = key_header.lower()
        self._entries: list[_Entry] = []
        self.bodiless = 0

    def add(self, raw: bytes, place: int) -> None:
        """Takes the entry at this place, if it may be judged.

        Raises:
            MalformedError: It is not as the format says.
        """
        taken = _taken(raw, f"log.entries[{place}]", self._base_of, self._key_header)
        if isinstance(taken, _Entry):
            self._entries.append(replace(taken, answer=self._shared.answer(taken.answer)))
        elif taken is not None:
            self.bodiless += 1

    def read(self) -> tuple[str, tuple[Exchange, ...], Redactor]:
        """The base URL, the exchanges in the order of time, and what takes their keys out of what is written of them.

        An exchange is left out whose key is not one of the most frequent fifty.
        """
        base_url, bases = self._base_url, Counter(entry.base for entry in self._entries)
        base = _plain(base_url) if base_url is not None else next(iter(bases.most_common(1)), ("", 0))[0]
        found, redactor = _exchanges([entry for entry in self._entries if entry.base == base])
        return base_url.strip() if base_url else base, found, redactor


def _below(base: str) -> BaseOf:
    return lambda url: base if url.startswith(base) and url[len(base) :].startswith("/") else None


def _plain(url: str) -> str:
    return url.strip().rstrip("/")


def _taken(raw: bytes, path: str, base_of: BaseOf, key_header: str) -> _Entry | str | None:
    glance = stream.read(raw, _Glance, path)
    request, status = glance.request, glance.response.status
    url = request.url.partition("#")[0]
    base = base_of(url)
    # No answer: mostly the browser itself gave up. A redirect is followed by what counts, a wait as well.
    nothing = status <= 0 or status in _REDIRECTS or glance.cached
    if request.method.upper() != "GET" or base is None or nothing:
        return None
    if not _whole(glance.response.content, status):
        return _BODILESS
    entry = stream.read(raw, _Whole, path)
    received = _decoded(stream.answer(entry.response, path))
    if received is None:
        return _BODILESS
    if status in _WAIT and (status != HTTPStatus.SERVICE_UNAVAILABLE or received.header("Retry-After")):
        return None
    try:
        at = datetime.fromisoformat(entry.started).timestamp()
    except (ValueError, OverflowError, OSError):
        msg = f"{path}.startedDateTime: it is no time"
        raise MalformedError(msg) from None
    wanted, scheme = (key_header, "Bearer ") if key_header else ("authorization", "")
    signed = [f"{scheme}{each.value or ''}" for each in request.headers if each.name.lower() == wanted]
    return _Entry(
        url=url.removeprefix(base),
        base=base,
        at=at,
        seconds=entry.seconds,
        answer=received,
        signed=signed[0] if signed else None,
        cookies=bool(request.cookies) or any(each.name.lower() == "cookie" for each in request.headers),
    )


def _decoded(received: Answer) -> Answer | None:
    """The answer with its coding undone, which some recorders leave as it was sent; ``None`` if that can't be."""
    coding, body = received.header("Content-Encoding") or "", received.body
    try:
        body.decode()
    except UnicodeDecodeError:
        pass
    else:
        return received
    if not coding:
        return received
    try:
        decoder = Decoder(coding, stream.LARGEST)
        decoded = b"".join(decoder.feed(body))
        decoder.end()
    except (UndecodableError, TooLargeError):
        return None
    return replace(received, body=decoded)


def _whole(content: _Body | None, status: int) -> bool:
    """Whether the body was recorded, and surely all of it."""
    if content is None:
        return False
    text, size = content.text, content.size
    if text is None:
        return status != _OK and not size
    if status != _OK or content.encoding == "base64" or size is None:
        return True
    if size <= len(text.encode("utf-8", "surrogatepass")):
        return True
    # Some recorders cut long bodies, and others give a size that means something else.
    with suppress(ValueError, RecursionError):
        json.loads(text)
        return True
    return False


def _exchanges(entries: list[_Entry]) -> tuple[tuple[Exchange, ...], Redactor]:
    entries = sorted(entries, key=lambda entry: entry.at)
    credential = _credentials(entries)
    redactor, known = _redactor(entries, credential)
    entries = [entry for entry in entries if known.issuperset(filter(None, _secrets(entry)))]
    # A recorder that writes whole seconds can't show that two requests were sent at once.
    clock = _CLOCK if any(entry.at % 1 for entry in entries) else _WHOLE_SECONDS
    ends = [entry.at + max(entry.seconds - clock, _LEAST_GAP) for entry in entries]
    moments = sorted(
        [(entry.at, 2 * n) for n, entry in enumerate(entries)] + [(end, 2 * n + 1) for n, end in enumerate(ends)]
    )
    ticks = {event: tick for tick, (_, event) in enumerate(moments, 1)}
    found = []
    for n, entry in enumerate(entries):
        name, sent, received = credential(entry), ticks[2 * n], ticks[2 * n + 1]
        path, _, query = entry.url.partition("?")
        found.append(
            Exchange(
                number=n,
                request=Request(path, _without_key(query), name),
                answer=replace(entry.answer, echoes=redactor.echoes(entry.answer)),
                failure=None,
                sent=sent,
                received=received,
                at=entry.at,
                seconds=entry.seconds,
                probe=PROBE,
                concurrent=received - sent > 1,
            )
        )
    overlapped = _overlapped(found)
    marked = tuple(replace(one, concurrent=one.concurrent or one.number in overlapped) for one in found)
    return marked, redactor


def _overlapped(exchanges: Sequence[Exchange]) -> set[int]:
    """Those that were sent while an earlier one was still open."""
    found, open_until = set(), 0
    for one in sorted(exchanges, key=lambda one: one.sent):
        if one.sent < open_until:
            found.add(one.number)
        open_until = max(open_until, one.received)
    return found


def _credentials(entries: Iterable[_Entry]) -> Callable[[_Entry], str]:
    """Whose key each request seems to have carried.

    A key that opened anything is taken for the admin key. A request without one counts as unsigned only where
    others are signed: browsers leave the header out of what they export. Where keys were blotted out, one that was
    refused is taken for another one than that which was not.
    """
    statuses: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        if entry.signed is not None:
            statuses[entry.signed].add(entry.answer.status)

    def name(entry: _Entry) -> str:
        refused = entry.answer.status in KEY_REFUSED
        if entry.signed is None:
            unsigned = refused or (bool(statuses) and not entry.cookies)
            return (_in_query(entry.url) or "none") if unsigned else "admin"
        if refused and _HIDDEN.search(entry.signed) and not statuses[entry.signed] <= KEY_REFUSED:
            return "unknown"
        if not statuses[entry.signed] <= KEY_REFUSED or len(statuses) == 1:
            return "admin"
        return _form(entry.signed)

    return name


def _form(signed: str) -> str:
    scheme, _, token = signed.strip().partition(" ")
    if scheme.lower() == "bearer":
        return "unknown" if token.strip() else "empty"
    if scheme.lower() == "basic":
        return "basic"
    return "other-scheme" if token else "bare"


def _names_key(part: str) -> str | None:
    return _QUERY_KEYS.get(unquote(part.partition("=")[0]).lower())


def _in_query(url: str) -> str | None:
    return next((name for part in url.partition("?")[2].split("&") if (name := _names_key(part))), None)


def _without_key(query: str) -> str:
    return "&".join(part for part in query.split("&") if not _names_key(part))


def _secrets(entry: _Entry) -> Iterator[str]:
    """The keys that a request carried: what stood last in its Authorization, and in its query."""
    parts = entry.url.partition("?")[2].split("&")
    yield from (unquote(part.partition("=")[2]) for part in parts if _names_key(part))
    words = entry.signed.split() if entry.signed else []
    yield from words[-1:]
    if words and words[0].lower() == "basic":
        with suppress(ValueError):
            yield from base64.b64decode(words[-1]).decode("latin-1").split(":")


def _redactor(entries: Iterable[_Entry], credential: Callable[[_Entry], str]) -> tuple[Redactor, frozenset[str]]:
    """What takes the keys of a recording out of what is written of it, and the keys that it knows."""
    carried: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        for secret in filter(None, _secrets(entry)):
            carried[secret][credential(entry)] += 1
    most = sorted(carried, key=lambda secret: -carried[secret].total())[:_MOST_KEYS]
    named = [("unknown" if set(carried[secret]) == {"unknown"} else "admin", secret) for secret in most]
    return Redactor(named), frozenset(most)
