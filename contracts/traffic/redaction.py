"""Keeps keys out of everything that is written.

Evidence holds what a server sent, so that it is judged as it is. Before anything of it reaches a report, a recording
or a terminal, a `Redactor` puts a marker in the place of every run of twelve characters of a key (of a shorter key: of
half of it), in whichever of the forms of `contracts.traffic.views` it is written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from threading import Lock
from typing import Final

from contracts.core.model import Answer, Echo, Exchange, Failure, Request
from contracts.core.result import Finding, Judgement, Result
from contracts.traffic.credentials import unknown_key
from contracts.traffic.keys import ADMIN_VARIABLE, USER_VARIABLE, Keys
from contracts.traffic.views import View, folded, views, without_signs

MARKER: Final = re.compile(r"\[credential:([a-z_-]+)( in part)?\]")
"""What stands in a text where credentials stood: their name, and whether all of them."""

SHORTEST: Final = 8
"""Characters. A shorter key can't be distinguished from ordinary words, so it is not searched for."""

_RUN: Final = 12
"""Characters of a key in a row that are removed."""
_FEWEST_LETTERS: Final = 8
"""How many letters and digits of a run are looked for where any signs may stand between them."""
_KEPT: Final = 4096
_LARGEST_KEPT: Final = 64 * 1024
"""Of how many texts, and up to which size, it is remembered what was found; of larger ones, that nothing was."""

_LOOKS_LIKE_ONE: Final = re.compile(r"\bsk-[A-Za-z0-9_-]{8,}")
"""What looks like a key of the vendor, wherever it was typed."""

_USUAL: Final = (
    "HTTP/1.1 application/json text/html text/plain application/problem+json charset=utf-8 keep-alive no-cache"
    " no-store must-revalidate max-age=0 private public Content-Type Content-Length Content-Encoding"
    " Transfer-Encoding chunked Connection Cache-Control WWW-Authenticate Bearer realm= invalid_request_error"
    " invalid_api_key authentication_error Incorrect API key provided message type param code error"
    " openai-organization openai-processing-ms openai-version x-request-id x-ratelimit-limit-requests"
    " x-ratelimit-remaining-requests strict-transport-security max-age=31536000; includeSubDomains; preload"
    " x-content-type-options nosniff access-control-expose-headers Authorization organization project permission"
    " checkpoint undefined null true false"
)
"""Words of ordinary answers."""

_MADE_UP: Final = (
    "sk key test secret token user admin my api dummy fake mock demo dev local staging example valid invalid"
)
"""Words of which keys of test systems are made."""
_WORD: Final = re.compile(r"[^\W_]+")
_DIGIT: Final = re.compile(rb"[0-9]")


def without_keys(text: str, keys: Keys | None = None) -> str:
    """A text of ours without these keys, without those of the usual variables, and without what looks like one."""
    for name in (ADMIN_VARIABLE, USER_VARIABLE):
        value = os.environ.get(name, "").strip()
        if len(value) >= SHORTEST:
            text = text.replace(value, f"${name}")
    if keys is not None:
        text = Redactor.of(keys, 0).text(text)
    return _LOOKS_LIKE_ONE.sub("sk-…", text)


def marker(name: str, *, part: bool = False) -> str:
    """The text that takes the place of the credentials of this name, or of a part of them."""
    return f"[credential:{name}{' in part' if part else ''}]"


@dataclass(frozen=True, slots=True, repr=False)
class _Needle:
    """A secret as it stands in a folded text, from its begin or backwards; ``secret`` is its place among all."""

    secret: int
    text: bytes
    run: int
    backwards: bool = False
    places: Sequence[int] = ()
    """Where each character stands in the secret, and where that ends, if it is without its signs here."""

    @property
    def size(self) -> int:
        """The characters of the whole secret."""
        return self.places[-1] if self.places else len(self.text)

    def shown(self, begin: int, end: int) -> range:
        """Which characters of the secret some of these stand for, with the signs before and behind them."""
        if not self.places:
            return range(begin, end)
        return range(self.places[begin - 1] + 1 if begin else 0, self.places[end])

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """Pieces of which every run that is long enough holds one, with their places."""
        run = self.run
        if self.places:
            runs = (sum(at <= place < at + run for place in self.places[:-1]) for at in range(self.size - run + 1))
            run = max(_FEWEST_LETTERS, min(runs))
        size = (run + 1) // 2
        for place in range(0, len(self.text) - size + 1, size):
            yield self.text[place : place + size], place


@dataclass(frozen=True, slots=True)
class _Found:
    """Where in a source a run of a secret stands: as which part of it, and how written.

    ``word`` says that it is a short part without a digit, or one with signs between words, as ordinary text may hold
    by itself.
    """

    begin: int
    end: int
    secret: int
    shown: range
    size: int
    form: str
    word: bool


def _covers(one: _Found, other: _Found) -> bool:
    return one.begin <= other.begin and other.end <= one.end and set(other.shown) <= set(one.shown)


def _fewer(run: int) -> int:
    """How many whole characters of a run base64 shows at least: those at its ends may be cut off in part, twice too."""
    return run - 2 if run >= _RUN else run


class Redactor:
    """Finds the secrets of a run in what a server sent, and takes them out of what is written.

    Args:
        secrets: The secrets, each with its name; several may have the same.
        ordinary: Text that answers hold by themselves: a secret that is a part of it, or of the words of ordinary
            answers, is taken out where all of it stands, and no answer is said to repeat it.
    """

    def __init__(self, secrets: Iterable[tuple[str, str]], ordinary: str = "") -> None:
        secrets = tuple(secrets)
        usual = f"{_USUAL}\n{_MADE_UP}\n{ordinary}"
        words, vocabulary = folded(usual.encode()), frozenset(_WORD.findall(usual.lower()))
        self._names = tuple(name for name, _ in secrets)
        self._indistinct = frozenset(
            place for place, (_, secret) in enumerate(secrets) if _indistinct(secret, words, vocabulary)
        )
        self._unsearched = frozenset(place for place, (_, secret) in enumerate(secrets) if len(secret) < SHORTEST)
        self._blocks: dict[bytes, list[tuple[_Needle, int]]] = {}
        self._unsigned: dict[bytes, list[tuple[_Needle, int]]] = {}
        """The blocks of what the secrets are without their signs."""
        for place, (_, secret) in enumerate(secrets):
            if place not in self._unsearched:
                for needle in _needles(place, secret, common=place in self._indistinct):
                    blocks = self._unsigned if needle.places else self._blocks
                    for block, at in needle.blocks():
                        blocks.setdefault(block, []).append((needle, at))
        runs = [needle.run for each in self._blocks.values() for needle, _ in each]
        self._least = min(runs, default=_RUN)
        self._known = lru_cache(_KEPT)(self._read)
        self._large = Lock()
        self._without: set[bytes] = set()
        """The digests of large texts in which nothing was found."""
        markers = (marker(name, part=part) for name in dict.fromkeys(self._names) for part in (False, True))
        self._markers = re.compile("|".join(map(re.escape, markers)).encode() or rb"(?!)")

    @classmethod
    def of(cls, keys: Keys, seed: int, ordinary: str = "") -> Redactor:
        """A redactor of these keys, of the other secrets that the user named, and of the key that was never issued."""
        named = (("admin", keys.admin), ("user", keys.user), *keys.others)
        secrets = [(name, secret.reveal()) for name, secret in named if secret is not None]
        return cls([*secrets, ("unknown", unknown_key(seed))], ordinary)

    def __repr__(self) -> str:
        return "Redactor(…)"

    def remarks(self) -> Iterator[str]:
        """Notes for the reader on secrets that can't be distinguished from other words."""
        for place in sorted(self._indistinct):
            removed = (
                "it is not removed from reports and recordings"
                if place in self._unsearched
                else "reports and recordings show a marker wherever all of it stands"
            )
            yield (
                f"The {self._names[place]} key is too short or too common to be distinguished from what answers hold by"
                f" themselves: whether one repeats it is not judged, and {removed}."
            )

    # What a server repeats

    def echoes(self, answer: Answer) -> tuple[Echo, ...]:
        """What an answer repeats of each secret, and where.

        A word of which a short secret is made is no sign of it by itself.
        """
        places = [("the body", answer.body), ("the status line", _encoded(answer.reason))]
        head = b"\xff".join(_encoded(text) for header in answer.headers for text in header)
        if self._search(head):
            for name, value in answer.headers:
                places += [("the name of a header", _encoded(name)), (f"the header {self.text(name)}", _encoded(value))]
        seen: dict[int, list[tuple[str, _Found]]] = {}
        for where, data in places:
            for found in self._search(data):
                if found.secret not in self._indistinct and not found.word:
                    before = seen.setdefault(found.secret, [])
                    # What is seen as it is, is seen without its signs as well.
                    if not any(place == where and _covers(one, found) for place, one in before):
                        before.append((where, found))
        return tuple(
            Echo(
                self._names[secret],
                tuple(dict.fromkeys(where for where, _ in each)),
                tuple(dict.fromkeys(found.form for _, found in each if found.form)),
                len({place for _, found in each for place in found.shown}),
                each[0][1].size,
            )
            for secret, each in seen.items()
        )

    # What is written

    def data(self, data: bytes) -> bytes:
        """The data with a marker in the place of each secret; the same object where there is none."""
        found = self._search(data)
        if not found:
            return data
        ours = [match.span() for match in self._markers.finditer(data)]
        found = tuple(one for one in found if not any(begin < one.begin and one.end < end for begin, end in ours))
        parts: list[bytes] = []
        done = 0
        for begin, end, secret, part in _merged(found):
            parts += [data[done:begin], marker(self._names[secret], part=part).encode()]
            done = end
        return b"".join([*parts, data[done:]]) if parts else data

    def text(self, text: str) -> str:
        """The same for text."""
        data = text.encode("utf-8", "surrogatepass")
        clean = self.data(data)
        return text if clean is data else clean.decode("utf-8", "replace")

    def _header(self, text: str) -> str:
        """The same for text that stands for bytes, as that of headers does."""
        data = _encoded(text)
        clean = self.data(data)
        return text if clean is data else clean.decode("latin-1")

    def result(self, result: Result) -> Result:
        """The result of a run as it may be written."""
        clean = _Exchanges(self)
        return replace(
            result,
            judgements=tuple(self._judgement(one, clean) for one in result.judgements),
            notes=tuple(map(self.text, result.notes)),
            exchanges=tuple(map(clean, result.exchanges)),
            spooled=_Lazily(clean, result.spooled),
            pieces=tuple(
                tuple((None if project is None else self.text(project), size) for project, size in piece)
                for piece in result.pieces
            ),
        )

    def _judgement(self, judgement: Judgement, clean: _Exchanges) -> Judgement:
        finding, answer = judgement.finding, judgement.answer
        return replace(
            judgement,
            finding=None if finding is None else self.finding(finding, clean),
            reason=self.text(judgement.reason),
            answer=None
            if answer is None
            else replace(answer, text=self.text(answer.text), exchanges=tuple(map(clean, answer.exchanges))),
        )

    def finding(self, finding: Finding, clean: _Exchanges | None = None) -> Finding:
        """A finding as it may be written."""
        exchanges = tuple(map(clean or _Exchanges(self), finding.exchanges))
        return replace(
            finding,
            expected=self.text(finding.expected),
            actual=self.text(finding.actual),
            exchanges=exchanges,
            items=tuple(map(self.text, finding.items)),
        )

    def exchange(self, exchange: Exchange) -> Exchange:
        """An exchange as it may be written; its answer says where something was taken out."""
        request, answer, failure = exchange.request, exchange.answer, exchange.failure
        path, query = self.text(request.path), self.text(request.query)
        if (path, query) != (request.path, request.query):
            request = Request(path, query, request.credential)
        if answer is not None:
            answer = self._answer(answer)
        if failure is not None and (text := self.text(failure.text)) != failure.text:
            failure = Failure(failure.kind, text)
        landed = None if exchange.landed is None else self.text(exchange.landed)
        clean = (request, answer, failure, landed)
        if clean == (exchange.request, exchange.answer, exchange.failure, exchange.landed):
            return exchange
        return replace(exchange, request=request, answer=answer, failure=failure, landed=landed)

    def _answer(self, answer: Answer) -> Answer:
        body = self.data(answer.body)
        redacted = [] if body is answer.body else ["body"]
        reason, flaw = self._header(answer.reason), None if answer.flaw is None else self.text(answer.flaw)
        redacted += [] if reason == answer.reason else ["reason"]
        headers = answer.headers
        if self._search(b"\xff".join(_encoded(text) for header in headers for text in header)):
            headers = tuple((self._header(name), self._header(value)) for name, value in headers)
            redacted += [f"header {new[0]}" for new, old in zip(headers, answer.headers, strict=True) if new != old]
        if not redacted and flaw == answer.flaw:
            return answer
        return replace(answer, body=body, reason=reason, flaw=flaw, headers=headers, redacted=tuple(redacted))

    # The search

    def _search(self, data: bytes) -> tuple[_Found, ...]:
        if len(data) <= _LARGEST_KEPT:
            return self._known(data)
        digest = sha256(data).digest()
        # A search takes six times the size of its text in memory: large texts wait for each other.
        with self._large:
            if digest in self._without:
                return ()
            found = self._read(data)
            if not found:
                if len(self._without) >= _KEPT:
                    self._without.clear()
                self._without.add(digest)
            return found

    def _read(self, data: bytes) -> tuple[_Found, ...]:
        try:
            return tuple(one for view in views(data, _fewer(self._least)) for one in self._in(view)) if data else ()
        except BaseException as error:  # noqa: BLE001 - raised again, also when it is an interrupt
            # The frames below hold what was found.
            raise error.with_traceback(None) from None

    def _in(self, view: View) -> Iterator[_Found]:
        text = view.folded
        in_part = "base64" in view.form
        for block, needles in (self._unsigned if view.unsigned else self._blocks).items():
            place = text.find(block)
            while place >= 0:
                after = place + 1
                for needle, at in needles:
                    begin, end = _extended(text, place, needle.text, at, len(block))
                    first = at - (place - begin)
                    shown = needle.shown(first, first + end - begin)
                    if len(shown) >= (_fewer(needle.run) if in_part else needle.run):
                        yield _found(view, begin, end, needle, shown)
                        after = max(after, end - len(block) + 1)
                place = text.find(block, after)


class _Exchanges:
    """Exchanges as they may be written: the same one for the same one."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._clean: dict[int, tuple[Exchange, Exchange]] = {}

    def __call__(self, exchange: Exchange) -> Exchange:
        known = self._clean.get(id(exchange))
        if known is None:
            known = self._clean[id(exchange)] = exchange, self._redactor.exchange(exchange)
        return known[1]


class _Lazily:
    """Exchanges on disk, each made fit to be written when it is read."""

    def __init__(self, clean: _Exchanges, exchanges: Iterable[Exchange]) -> None:
        self._redactor = clean._redactor
        self._exchanges = exchanges

    def __iter__(self) -> Iterator[Exchange]:
        return map(self._redactor.exchange, self._exchanges)


def _indistinct(secret: str, words: bytes, vocabulary: frozenset[str]) -> bool:
    """Whether a secret is too short or too common to be distinguished from what answers hold by themselves.

    So is one that is made of ordinary words alone, unless its runs are long enough to hold more than one of them.
    """
    text = folded(secret.encode())
    if len(text) < SHORTEST or text.isdigit() or len(set(text)) < SHORTEST // 2 or text in words:
        return True
    parts = _WORD.findall(secret.lower())
    short = len(text) < 2 * _RUN
    return short and bool(parts) and all(part in vocabulary and not part.isdigit() for part in parts)


def _needles(place: int, secret: str, *, common: bool) -> Iterator[_Needle]:
    """A secret in the encodings of text, with the plus sign that forms have for a space, in both directions.

    A common one is looked for as a whole and forwards only.
    """
    writings = [secret.encode("latin-1", "ignore"), *(case(secret).encode() for case in (str, str.lower, str.upper))]
    writings += [writing.replace(b" ", b"+") for writing in writings if b" " in writing]
    for text in dict.fromkeys(map(folded, writings)):
        run = max(1, min(_RUN, len(text) // 2))
        yield _Needle(place, text, len(text) if common else run)
        if not common:
            yield _Needle(place, text[::-1], run, backwards=True)
        places = tuple(at for at in range(len(text)) if without_signs(text[at : at + 1]))
        if not common and len(places) >= 2 * SHORTEST:
            yield _Needle(place, without_signs(text), run, places=(*places, len(text)))


def _extended(text: bytes, place: int, needle: bytes, at: int, size: int) -> tuple[int, int]:
    """How far a text that holds a piece of a needle goes on like it, in both directions."""
    begin, first = place, at
    while begin and first and text[begin - 1] == needle[first - 1]:
        begin, first = begin - 1, first - 1
    end, last = place + size, at + size
    while end < len(text) and last < len(needle) and text[end] == needle[last]:
        end, last = end + 1, last + 1
    return begin, end


def _found(view: View, begin: int, end: int, needle: _Needle, shown: range) -> _Found:
    if needle.backwards:
        shown = range(needle.size - shown.stop, needle.size - shown.start)
    form = "backwards" if needle.backwards else view.form
    span = view.span(begin, end)
    # Signs between words are usual, those between letters are not.
    words = view.unsigned and 2 * (span[1] - span[0]) < 3 * (end - begin)
    word = (words or len(shown) < min(_RUN, needle.size)) and not _DIGIT.search(view.folded, begin, end)
    return _Found(*span, needle.secret, shown, needle.size, form, word)


def _merged(found: Iterable[_Found]) -> Iterator[tuple[int, int, int, bool]]:
    """What is to be replaced: begin, end, the secret, and whether it is only a part of it."""
    span: tuple[int, int, int, int, int] | None = None
    for one in sorted(found, key=lambda one: (one.begin, -one.end)):
        size = len(one.shown)
        if span is None or one.begin >= span[1]:
            if span is not None:
                yield (*span[:3], span[3] < span[4])
            span = one.begin, one.end, one.secret, size, one.size
            continue
        end = max(span[1], one.end)
        # Of several that overlap, the one of which most is shown gives its name.
        span = (span[0], end, *((one.secret, size, one.size) if size > span[3] else span[2:]))
    if span is not None:
        yield (*span[:3], span[3] < span[4])


def _encoded(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
