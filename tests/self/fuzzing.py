"""Everything that the suite reads from outside, given unusual inputs: answers, recordings, documents, settings.

``python tests/self/fuzzing.py --minutes 60`` tries as many inputs as it can, guided by what they reach in the code
where atheris is installed, goes on after what it finds, and says how much it has tried. `test_fuzz` does a bounded
part of it.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest import mock

from canary import key_like
from histories import CHECKPOINT, History, operation, permissions, query

from contracts.core.errors import ConfigurationError, ContractsError
from contracts.core.model import Exchange, Failure, FailureKind, Item, Order, Request, Target
from contracts.core.result import Result
from contracts.evidence.reader import Reader
from contracts.openapi.body import parse
from contracts.openapi.document import published
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.probes.asking import Asking
from contracts.probes.generated import NEGATIVE, POSITIVE, Places, drawn
from contracts.reports import as_json, github, html, junit, markdown
from contracts.reports.terminal import Style, report
from contracts.reports.view import Report
from contracts.runs.live import run
from contracts.runs.plan import Plan
from contracts.runs.replay import base_of, replay
from contracts.settings.choosing import choose_all
from contracts.settings.settings import OPTIONS
from contracts.traffic.client import Client, RunStopped
from contracts.traffic.credentials import CREDENTIALS
from contracts.traffic.decoding import Decoder, TooLargeError, UndecodableError
from contracts.traffic.har import read_har, write_har
from contracts.traffic.keys import Keys, read_keys
from contracts.traffic.limits import Limits
from contracts.traffic.origin import split_base_url
from contracts.traffic.redaction import SHORTEST, Redactor
from contracts.verdicts.conclusion import Terms

Choose = Callable[[int], int]
"""Gives a number from 0 up to, and without, the one that it is given."""

NEXT = b"\n%%\n"
"""Stands between the parts of an input."""
HANGS, RESETS = b"%%hangs", b"%%resets"
"""At the end of what a server sends: nothing more comes, or the connection breaks."""
LONGEST_SENTENCE = 2000
"""Characters of an error that is still a sentence; what is not the suite's own in it must be cut."""
SLOW = 1.0
"""Seconds of computing for one input; nothing that is tried is large enough to need them."""
MOST = 200_000
"""Bytes of an input."""
DOCUMENT = "openapi.yaml"


class UnlikeError(AssertionError):
    """What came out is not what must come out."""


@dataclass(frozen=True)
class Reads:
    """One reader of something from outside.

    Args:
        name: What is read.
        read: Reads an input; only an error of the suite's own may come out.
        samples: Inputs that are right, or nearly, to begin with.
        words: What means something there.
        tree: Whether it is JSON, or can be, so that it can be changed value by value.
    """

    name: str
    read: Callable[[bytes], object]
    samples: Callable[[], Sequence[bytes]]
    words: tuple[bytes, ...] = ()
    tree: bool = False


# Changing an input


def _words(text: bytes) -> tuple[bytes, ...]:
    """Words with two blanks between them."""
    return tuple(text.split(b"  "))


def chance(begin: float | str) -> random.Random:
    """Always the same choices from the same beginning."""
    return random.Random(begin)


_TOKENS = re.compile(rb'"(?:[^"\\\n]|\\.){0,400}"|[A-Za-z0-9_$]+|[ \t]+|\r?\n|[^A-Za-z0-9_$ \t\r\n]', re.DOTALL)
_NUMBERS = (b"0", b"-1", b"1e999", b"-0.0", b"9" * 30, b"9" * 5000, b"1" + b"0" * 400 + b".5", b"NaN", b"0x10", b"1_0")
_TEXTS = (
    *_words(
        b"\x00  \xff  \xed\xa0\x80  \xef\xbb\xbf  \xe2\x80\xae  \x1b[31m  \\ud800  %00  %ZZ  null  true  []  {}  "
        b'""  [[[[  {{{{  ::error::  <script>'
    ),
    *(b"", b"a" * 70_000),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 200, 1.5, 1e300, 10**18, 10**30, -(10**400), float("inf"), float("nan")),
    *("", "\0", "\ud800", "\u202e", "\x1b]0;x\x07", "a" * 5000, "cp_001", "https://", "2026-02-30T00:00:00Z"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "#/components/schemas/x", "#", "#/paths", "[(a+)+$"),
    *([], {}, [[]], [None], {"": ""}, {"$ref": "#"}, {"$ref": "#/components/schemas/x"}, {"a" * 300: 1}),
)
_DEEP = (5, 150, 250, 700)


def changed(reads: Reads, data: bytes, choose: Choose) -> bytes:
    """An input with a few things in it changed."""
    for _ in range(1 + choose(4)):
        if reads.tree and choose(3):
            with suppress(ValueError, RecursionError):
                data = _changed_tree(data, choose)
                continue
        data = _changed_text(reads, data, choose)[:MOST]
    return data[:MOST]


def _changed_tree(data: bytes, choose: Choose) -> bytes:
    tree = json.loads(data)
    _change_value(tree, choose)
    return json.dumps(tree, ensure_ascii=bool(choose(2))).encode("utf-8", "surrogatepass")


def _change_value(tree: Any, choose: Choose) -> None:
    places = list(_places(tree))
    if not places:
        raise ValueError("nothing in it can be changed")
    holder, key = places[choose(len(places))]
    match choose(8):
        case 0:
            del holder[key]
        case 1:
            other, name = places[choose(len(places))]
            # As it stands, so that nothing comes to hold itself.
            with suppress(LookupError):
                holder[key] = json.loads(json.dumps(other[name]))
        case 2:
            for _ in range(_DEEP[choose(len(_DEEP))]):
                holder[key] = [holder[key]] if choose(2) else {"allOf": [holder[key]], "data": holder[key]}
                if choose(2):
                    break
        case 3 if isinstance(holder, list):
            holder[key:key] = [holder[key]] * (1, 2, 40)[choose(3)]
        case 4 if isinstance(holder, dict):
            holder[str(_VALUES[choose(len(_VALUES))])[:9]] = holder.pop(key)
        case 5 if isinstance(holder[key], str) and holder[key].startswith("{"):
            inner = json.loads(holder[key])
            _change_value(inner, choose)
            holder[key] = json.dumps(inner)
        case 6 if isinstance(holder[key], int):
            holder[key] += (-1, 1, 10**9, -(2**63))[choose(4)]
        case _:
            holder[key] = _VALUES[choose(len(_VALUES))]


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            yield node, key
            waiting.append(node[key])


def _changed_text(reads: Reads, data: bytes, choose: Choose) -> bytes:
    spans = [found.span() for found in _TOKENS.finditer(data)] or [(0, 0)]
    begin, end = spans[choose(len(spans))]
    token = data[begin:end]
    words = (*reads.words, *_NUMBERS, *_TEXTS)
    word = words[choose(len(words))]
    match choose(8):
        case 0:
            token = b""
        case 1:
            token += word
        case 2:
            token *= min((2, 10, 1000, 100_000)[choose(4)], MOST // max(1, len(token)))
        case 3:
            other, until = spans[choose(len(spans))]
            token = data[other:until]
        case 4:
            last = spans[choose(len(spans))][1]
            token = data[begin : max(end, last)] * 2
        case 5:
            return data[:begin]
        case 6:
            place = begin + choose(max(1, len(token)))
            return data[:place] + bytes([choose(256)]) + data[place + 1 :]
        case _:
            token = word
    return data[:begin] + token + data[end:]


def found(reads: Reads, data: bytes) -> str:
    """What is wrong with how an input is read, in one line; nothing where all is well."""
    try:
        reads.read(data)
    except ContractsError as error:
        return (
            "" if len(str(error)) <= LONGEST_SENTENCE else f"a sentence of {len(str(error))} characters: {error!s:.99}"
        )
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "contracts" in Path(frame.filename).parts[:-1]] or frames
        return f"{type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}: {str(error)[:99]!a}"
    return ""


@cache
def _folder() -> Path:
    """Where inputs are put that are read from files."""
    folder = tempfile.TemporaryDirectory(prefix="fuzz-")
    _KEPT.append(folder)
    return Path(folder.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _file(name: str, data: bytes) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


def _must(right: object, what: str) -> None:
    if not right:
        raise UnlikeError(what)


# Answers

TARGET = Target("http://127.0.0.1:8000/v1", CHECKPOINT, other_checkpoint="ft:other", user_key=True)
KEY = key_like("admin", "fuzzing-canary-0123456789")
USER = key_like("proj", "fuzzing-canary-9876543210")


@cache
def _keys() -> Keys:
    return Keys.of(KEY, USER)


@cache
def _redactor() -> Redactor:
    return Redactor.of(_keys(), 0)


class Pretended:
    """A connection whose other end says what it is told to, in uneven pieces; nothing is sent anywhere."""

    def __init__(self, said: bytes) -> None:
        self.end = next((end for end in (HANGS, RESETS) if said.endswith(end)), b"")
        self.said = said.removesuffix(self.end) if self.end else said
        self.piece = 1 + zlib.crc32(said) % 3000

    def recv(self, size: int) -> bytes:
        piece, self.said = self.said[: min(size, self.piece)], self.said[min(size, self.piece) :]
        if not piece and self.end:
            raise TimeoutError if self.end == HANGS else ConnectionResetError(104, "Connection reset by peer")
        return piece

    def sendall(self, data: bytes) -> None:
        self.head = data

    def settimeout(self, seconds: float) -> None:
        pass

    def setsockopt(self, *words: object) -> None:
        pass

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        pass

    def fileno(self) -> int:
        """As of a closed one: it is not kept for the next request."""
        return -1


@contextmanager
def connections(opened: Callable[[], Any]) -> Iterator[None]:
    """Let every connection be one of these."""
    with (
        mock.patch("contracts.traffic.wire.socket.create_connection", side_effect=lambda *_where, **_how: opened()),
        mock.patch("contracts.traffic.client.Redactor.of", return_value=_redactor()),
    ):
        yield


def read_answers(data: bytes) -> None:
    """What a server sends, one part for each connection, all the way into a recording and out of it again."""
    parts = data.split(NEXT)
    said = iter(parts)
    asked = [Request("/fine_tuning/checkpoints/x/permissions", "limit=2", name) for name in ("admin", "query-key")]
    with connections(lambda: Pretended(next(said, parts[-1]))):
        client = Client(TARGET.base_url, _keys(), budget=40, seed=0, sleep=lambda _seconds: None, now=lambda: 1.8e9)
        with client, suppress(RunStopped):
            for request in asked:
                client.send(request, probe="walks")
    clean = tuple(map(client.redactor.exchange, client.exchanges))
    for exchange in clean:
        _must((exchange.answer is None) <= (exchange.failure is not None), "neither an answer nor a failure")
        _must(KEY not in repr(exchange), "the key is in the exchange")
        if exchange.answer is not None:
            read_body(exchange.answer.body)
    file = _folder() / "answers.har"
    write_har(file, clean, base_url=TARGET.base_url)
    _must(read_har(file).exchanges == clean, "a recording holds something else")


def answers() -> tuple[bytes, ...]:
    """Answers of many kinds, each as it goes over the wire."""
    body = _body()
    packed = gzip.compress(body, mtime=0)
    deflated = zlib.compress(body)
    length = b"Content-Length: %d\r\n"
    plain = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    whole = plain + length % len(body) + b"\r\n" + body
    pieces = b"".join(
        b"%x;a=b\r\n%b\r\n" % (len(body[at : at + 99]), body[at : at + 99]) for at in range(0, len(body), 99)
    )
    return (
        whole,
        plain + b"\r\n" + body,
        plain + b"Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n" + pieces + b"0\r\nX: y\r\n\r\n",
        plain + b"Content-Encoding: gzip\r\n" + length % len(packed) + b"\r\n" + packed,
        plain + b"Content-Encoding: deflate, gzip\r\n\r\n" + gzip.compress(deflated, mtime=0),
        b"HTTP/1.1 302 Found\r\nLocation: /v1/other?limit=2\r\nContent-Length: 0\r\n\r\n" + NEXT + whole,
        b"HTTP/1.1 308 x\r\nLocation: https://elsewhere.example/v1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n" + NEXT + whole,
        b"HTTP/1.1 503 x\r\nRetry-After: Fri, 15 Jan 2027 08:00:01 GMT\r\nContent-Length: 0\r\n\r\n" + NEXT + whole,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" + whole,
        whole[:150] + RESETS + NEXT + whole[:99] + HANGS + NEXT + whole,
        b"HTTP/1.0 401 \r\nWWW-Authenticate: Bearer\r\nX: folded\r\n  more\r\n\r\n"
        + _refusal(f"Bearer {KEY} is wrong"),
    )


_HEADERS = (
    *_words(
        b"HTTP/1.1  HTTP/0.9  HTTP/2  \r\n  \r\n\r\n  \n  \r  999  100  204  304  Content-Length  "
        b"Transfer-Encoding: chunked  Content-Encoding: br  identity  gzip, gzip, gzip, gzip  //[::1  //u:p@h/  "
        b"file:///etc  http://[v1.x]/  ?#  ..  http:a  -5  Thu, 99 Jan 99999 99:99:99 -9999  1 Jan 70 0 +2400  "
        b"ffffffffffffffffff  0;"
    ),
    *(b": ", b"Location: ", b"Retry-After: ", KEY.encode(), KEY.encode().hex().encode(), NEXT, HANGS, RESETS),
)


def _body() -> bytes:
    return _history().body()


def _refusal(text: str) -> bytes:
    return json.dumps(
        {"error": {"message": text, "type": "invalid_request_error", "param": None, "code": None}}
    ).encode()


def read_body(data: bytes) -> None:
    """A body as JSON, as a page, and against the schema."""
    parsed = parse(data)
    _must(parsed.defect is None or (parsed.defect.isprintable() and parsed.value is None), "a defect that is none")
    reader = Reader(operation())
    for violation in reader.violations(data):
        told = (violation.path, violation.expected, violation.actual)
        _must(all(text.isprintable() for text in told), "a violation that can't be printed")
    reader.page(replace(_history().exchanges[0], answer=replace(_answer(), body=data)), query(limit=2))


def _answer() -> Any:
    return _history().exchanges[0].answer


def read_coded(data: bytes) -> None:
    """A content coding, and bytes that are said to be in it."""
    coding, _, rest = data.partition(NEXT)
    most = 1 << 20
    came = 0
    with suppress(UndecodableError, TooLargeError):
        decoder = Decoder(coding.decode("latin-1"), most)
        size = 1 + zlib.crc32(data) % 5000
        for at in range(0, len(rest), size):
            for piece in decoder.feed(rest[at : at + size]):
                came += len(piece)
                _must(came <= most or not coding.strip(b", \tidentyIDENTY"), "more than may come out")
        decoder.end()


def coded() -> tuple[bytes, ...]:
    """Bodies in every coding, a bomb among them."""
    body = _body()
    bomb = zlib.compressobj(9, wbits=31)
    large = bomb.compress(bytes(1 << 22)) + bomb.flush()
    raw = zlib.compressobj(wbits=-15)
    return (
        b"gzip" + NEXT + gzip.compress(body, mtime=0) + gzip.compress(body, mtime=0) + bytes(9),
        b"deflate" + NEXT + zlib.compress(body),
        b"deflate" + NEXT + raw.compress(body) + raw.flush(),
        b"gzip, deflate" + NEXT + zlib.compress(gzip.compress(body, mtime=0)),
        b"identity" + NEXT + body,
        b"gzip" + NEXT + large,
        b"gzip, gzip" + NEXT + gzip.compress(large, mtime=0),
    )


# Recordings


@cache
def _history() -> History:
    """What a run asks, in small: walks, filters, odd requests, refusals, what was asked at once and again."""
    history = History(permissions(7), cap=5)
    for order in Order:
        history.walk(query(limit=3, order=order), f"control {order}", probe="control")
    history.walk(query(limit=2), "walk 1")
    history.walk(query(limit=2, order=Order.ASCENDING, facet="proj_1"), "walk 2", probe="filters")
    history.ask(query())
    history.ask(query(after="cp_003", limit=100))
    history.ask(query(after="cp_unknown"))
    odd = (
        "limit=0",
        "limit=-1",
        "limit=ten",
        "after=",
        "order=asc",
        "limit=2&limit=3",
        "x=1",
        "after=%00",
        "limit=1e3",
    )
    for number, text in enumerate(odd):
        _keep(history, text, "admin", 400 if number % 2 else 200, probe="inputs")
    for name in CREDENTIALS:
        if name != "admin":
            _keep(history, "", name, 401, probe="access")
    _keep(history, "limit=2", "admin", 200, concurrent=True)
    _keep(history, "limit=2", "admin", 200, concurrent=True)
    _keep(history, "limit=1", "admin", 503)
    _keep(history, "limit=3", "admin", None)
    _keep(history, "limit=2", "admin", 200, again=(1, 0))
    history.walk(query(limit=3), "control 2", probe="control")
    return history


def _keep(history: History, text: str, credential: str, status: int | None, **more: Any) -> None:
    body = _refusal("No.") if status != 200 else history.body()
    kept = history.keep(query(), status or 0, body, probe=more.pop("probe", "repetition"))
    wire = replace(kept.request, query=text, credential=credential)
    changes: dict[str, Any] = {"request": wire, **more}
    if status is None:
        changes |= {"answer": None, "failure": Failure(FailureKind.CUT, "the connection broke")}
    history.exchanges[-1] = replace(kept, **changes)


def recordings() -> tuple[bytes, ...]:
    """A recording of a small run, whole and in parts."""
    about = {"checkpoint": CHECKPOINT, "other_checkpoint": "ft:other", "seed": 1, "user_key": True, "name": "one"}
    exchanges = _history().exchanges
    file = _folder() / "sample.har"
    made = []
    for part in (exchanges, exchanges[:9], exchanges[::5], exchanges[-6:]):
        write_har(file, part, base_url=TARGET.base_url, about=about)
        made.append(file.read_bytes())
    return tuple(made)


def read_recording(data: bytes) -> None:
    """A recording judged, and every report of it."""
    _judged(_file("given.har", data))


def _judged(file: Path) -> None:
    result = replay(file, operation(), lambda target, seed: Terms(target=target, operation=operation(), seed=seed))
    read_result(result, operation())


def read_result(result: Result, judged: Operation) -> None:
    """Every report of a result, whatever stands in it."""
    _must(result.exit_code in {0, 1, 6}, f"exit code {result.exit_code}")
    view = Report.of(result)
    json.loads(as_json.render(view))
    ET.fromstring(junit.render(view))
    for text in (html.render(view, result, judged), markdown.render(view), *github.commands(github.remarks(view))):
        text.encode()
    for verbose in (False, True):
        str(report(result, Style(verbose=verbose), "ascii"))


def foreign() -> tuple[bytes, ...]:
    """What a browser and a proxy would have recorded of the same."""
    entries = [_entry(exchange, place) for place, exchange in enumerate(_history().exchanges) if exchange.answer]
    made = []
    for part in (entries, entries[:8], entries[::4]):
        archive = {"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": part}}
        made.append(json.dumps(archive).encode())
    return tuple(made)


def _entry(exchange: Exchange, place: int) -> dict[str, Any]:
    answer, asked = exchange.answer, exchange.request
    credential = CREDENTIALS[asked.credential]
    signed = {"admin": f"Bearer {KEY}", "user": f"Bearer {USER}", "none": None}.get(asked.credential, credential.shown)
    sent = [{"name": "Authorization", "value": signed}] if signed else [{"name": "Cookie", "value": "a=b"}]
    text = answer.body.decode() if answer else ""
    extra = f"?{credential.parameter}={KEY}" if credential.parameter else ""
    return {
        "startedDateTime": f"2026-11-20T09:30:{place % 60:02}.25+01:00",
        "time": 740.5 if place % 7 else 1500,
        "request": {"method": "GET", "url": f"{TARGET.base_url}{asked.target}{extra}", "headers": sent, "cookies": []},
        "response": {
            "status": exchange.status,
            "statusText": "",
            "headers": [{"name": "content-type", "value": "application/json"}],
            "content": {"size": len(text), "mimeType": "application/json", "text": text},
        },
    }


_FIELDS = _words(
    b'"log"  "entries"  "comment"  "_contracts"  "text"  "encoding": "base64"  "status": 200  '
    b'"startedDateTime"  "_fromCache"  "has_more": true  "data"  "first_id"  "last_id"  "created_at"  limit=  '
    b"after=  order=ascending  project_id=proj_1  &  =  +  %2F  https://  #  ?"
)


# Documents


@cache
def _samples() -> tuple[bytes, bytes, bytes]:
    vendor = Path(__file__).parent / "documents" / "vendor-like-3.1.yaml"
    return published(DOCUMENT).read_bytes(), published("overlay.yaml").read_bytes(), vendor.read_bytes()


def documents() -> tuple[bytes, ...]:
    """The published document and one like the vendor's whole one, in YAML and in JSON."""
    own, _, vendor = _samples()
    whole = load_operation().document
    return own, json.dumps(whole).encode(), vendor, b"openapi: 3.0.0\npaths: &p {/a: *p, /b: {<<: *p}}\n"


def overlays() -> tuple[bytes, ...]:
    """The suite's own overlay, in YAML and in JSON."""
    _, own, _ = _samples()
    yaml = importlib.import_module("yaml")
    return own, json.dumps(yaml.safe_load(own)).encode()


def read_document(data: bytes) -> None:
    """A document, and if it describes the operation all that a run needs of it."""
    _read_operation(load_operation(_file("given.yaml", data)))


def read_overlay(data: bytes) -> None:
    """An overlay, and the published document under it."""
    _read_operation(load_operation(None, _file("overlay.yaml", data)))


def _read_operation(read: Operation) -> None:
    reader = Reader(read)
    for number in range(3):
        reader.violations(_history().body(number))
    for asked in (query(), query(limit=3, after="cp_1", order=Order.ASCENDING, facet="ä")):
        again = read.read(read.request(asked))
        _must(again.query == asked or _clash(read), "a request is read back as another one")


def _clash(read: Operation) -> bool:
    """Whether two parts of a request have the same name, or one that says nothing."""
    roles = read.roles
    names = (roles.after, roles.limit, roles.order, roles.facet)
    return len(set(names)) < len(names) or len(set(read.order_words.values())) < len(Order)


def read_generated(data: bytes) -> None:
    """A document from which Schemathesis draws what is asked."""
    read = load_operation(_file("given.yaml", data))
    _read_operation(read)
    asking = mock.Mock(operation=read, seed=0, size=100)
    asking.listing.items = {"cp_1": Item("cp_1", 1_700_000_000, "proj_1")}
    asking.listing.facets = ("proj_1",)
    asking.listing.sequence.return_value = ("cp_1",)
    asking.target, asking.query.side_effect, asking.evidence.pages = TARGET, query, []
    asking.settled.side_effect = partial(Asking.settled, asking)
    asking.request.side_effect = read.request
    places = Places(asking)  # what is drawn, without a run around it
    for mode, write in ((POSITIVE, places.positive), (NEGATIVE, places.negative)):
        for request in filter(None, map(write, drawn(asking, mode, 2))):
            read.read(request)


_SCHEMA = (
    *_words(
        b"$ref: '#'  $ref: '#/components/schemas/x'  allOf  anyOf  oneOf  not  nullable: true  3.1.0  enum  "
        b"pattern: '[('  pattern: '^(a+)+$'  format: regex  type: [string, 'null']  type: 5  3.0.0  &a  *a  "
        b"<<: *a  !!python/object:os.system  !!int  !!float  !!null  !!set  |-  >  ---\n  ...\n  %YAML 1.2\n  \t  "
        b"#  '  {  [  default  parameters  paths  $.paths[*].get  $..*  $  $[?@.a==@.b]  $[?match(@,'(a+)+')]  "
        b"remove: true  update  x-list  $dynamicRef  $id  $schema  unevaluatedProperties  if  discriminator  "
        b"minLength: -1  x-operation"
    ),
    *(b"? ", b"- ", b": "),
)

# The configuration


def read_config(data: bytes) -> None:
    """A contracts.toml; with a first line of its own it is a pyproject.toml."""
    name = "pyproject.toml" if data.startswith(b"[tool") else "contracts.toml"
    choose_all({"config": str(_file(name, data))}, {}, folder=_folder())


def configs() -> tuple[bytes, ...]:
    """Configuration files with all that can stand in them."""
    own = b"""\
base-url = "https://staging.example/v1"
checkpoint = "ft:gpt-4o:acme::B7R9"
rate = "5/s"
requests = 400
gate = ["documented", "implied"]
strict = true
junit = "out.xml"
"""
    target = b"""
[[target]]
name = "one"
base-url = "https://one.example/v1"
checkpoint = "a"
key-variable = "KEY_OF_ONE"
[[target]]
name = "two"
base-url = "http://[::1]:8000"
checkpoint = "b"
key-file = "~/key"
"""
    accepted = b"""
[[deviation]]
clause = "PAG-014"
reason = "The gateway counts, see below."
link = "https://tracker.example/1"
expires = 2027-01-31
target = "one"
[[deviation]]
clause = "HTP-004"
reason = "x"
expires = "2027-01-31"
"""
    named = re.sub(rb"\[\[", b"[[tool.contracts.", b"[tool.contracts]\nseed = 3\n" + target + accepted)
    return own, target + accepted, own + target, named


_TOML = (
    *_words(
        b"[[target]]\n  [[deviation]]\n  [tool.contracts]\n  [a.b]\n  \"\"\"  '''  \\u0000  \\UFFFFFFFF  inf  nan  "
        b"0xff  1979-05-27T07:32:00Z  0000-00-00  9999-12-31  07:32:00  [1, [2]]  {a=1}  a.  "
        b"sk-admin-" + b"a" * 12 + b"  ~nobody/x  \\n  '~x'"
    ),
    *(b"= ", b"clause = ", b"spec = ", b"key-command = ", b"api_key = "),
)


def read_words(data: bytes) -> None:
    """Words of a command line and of the environment, one a line."""
    given: dict[str, str | bool | None] = {}
    environ: dict[str, str] = {}
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        name, _, word = line.partition("=")
        if name in OPTIONS:
            given[name] = word if not OPTIONS[name].is_flag else bool(word)
        elif name.startswith("CONTRACTS_"):
            environ[name] = word
    for settings in choose_all(given, environ, folder=_folder() / "nowhere"):
        settings.listed()


def words() -> tuple[bytes, ...]:
    """What people type."""
    return (
        b"base_url=https://h.example:8443/v1/\ncheckpoint=ft:a\nrate=30/m\nrequests=500\nseed=random\ngate=implied",
        b"items=57\nprojects=3\nfault=default-of-20\nverbose=1\njson=report.json\nspec=doc.yaml",
        b"CONTRACTS_BASE_URL=http://[::1]:1/\nCONTRACTS_CHECKPOINT=a b\nCONTRACTS_STRICT=1\nCONTRACTS_CA_BUNDLE=a.pem",
        b"base_url=http://localhost\ncheckpoint=x\nother_checkpoint=y\nkey_file=~/key\nuser_key_command=pass show k",
    )


_OPTIONS = tuple(f"\n{name}=".encode() for name in OPTIONS if name != "config")

# Addresses and keys


def read_address(data: bytes) -> None:
    """A path and a query as they were recorded, the URL around them, and a base URL."""
    path, text, url = (part.decode("utf-8", "surrogatepass") for part in [*_decodable(data).split(NEXT), b"", b""][:3])
    reading = operation().read(Request(path, text))
    if reading.query is not None:
        again = operation().request(reading.query)
        _must(operation().read(again).query == reading.query, "it is read back as another one")
    base_of(operation(), url)
    with suppress(ConfigurationError):
        origin, _ = split_base_url(url)
        _must(str(origin).isascii() and origin.port in range(65536), "an origin that can't be connected to")


def _decodable(data: bytes) -> bytes:
    return data.decode("utf-8", "replace").encode()


def addresses() -> tuple[bytes, ...]:
    """Requests of the operation, and where they went."""
    made = []
    for exchange in _history().exchanges[::4]:
        path, text = exchange.request.path.encode(), exchange.request.query.encode()
        made.append(NEXT.join([path, text, b"https://host.example:8443/v1" + path + b"?" + text]))
    return tuple(made)


_URL = (
    *_words(
        b"/permissions  /fine_tuning/checkpoints/  limit  after  order  project_id  ascending  ?  #  %  %2F  "
        b"%ED%A0%80  ..  +  &  =  @  //  http://  [::1]  [fe80::1%25eth0]  :99999  \xd9\xa3  \xe2\x81\xb5  "
        b"\xe2\x88\x925  +5  5.0  1e3  99999999999999999999"
    ),
    *(b"0" * 5000, b" ", NEXT),
)


def read_key(data: bytes) -> None:
    """The file of a key, and an answer that may repeat it."""
    key, _, body = data.partition(NEXT)
    keys = read_keys(environ={}, admin_file=_file("key", key[:400]))
    clean = Redactor.of(keys, 0).data(body)
    secret = keys.admin.reveal()
    _must(len(secret) < SHORTEST or secret.encode("latin-1") not in clean, "the key is still there")
    for name in CREDENTIALS:
        CREDENTIALS[name].form(keys, 0)


def key_files() -> tuple[bytes, ...]:
    """Keys, and answers that repeat them in several writings."""
    made = []
    for key in (KEY, "p\u00e4ss w\u00f6rd+/=&%<>\"'\\", "aaaaaaaaaaaaaaaaaaaaaaaa"):
        raw = key.encode()
        repeated = [
            raw,
            raw.hex().encode(),
            json.dumps(key).encode(),
            raw[3:],
            raw.upper(),
            b"%61" * 30,
            raw.decode().encode("utf-16-le"),
        ]
        made.append(raw + b"\n" + NEXT + b" ".join(repeated))
    return tuple(made)


# Whole runs


def read_run(data: bytes) -> None:
    """A run against a server of which some answers are changed; the input says which and how."""
    seed = zlib.crc32(data)
    history = History(permissions(9), cap=5)
    budget = 60 + seed % 30

    class Server(Pretended):
        def __init__(self) -> None:
            super().__init__(b"")

        def sendall(self, data: bytes) -> None:
            super().__init__(_answered(history, data, seed))

    with connections(Server), mock.patch("contracts.traffic.client._GATE_SECONDS", 60.0):
        limits = Limits(pause=0.0, wait=0.0)
        with suppress(ConfigurationError):
            done = run(
                Plan(target=TARGET, keys=_keys(), operation=operation(), seed=seed, budget=budget, limits=limits)
            )
            if done.exit_code != 4:
                read_result(done, operation())


def _answered(history: History, head: bytes, seed: int) -> bytes:
    target = head.split(b" ", 2)[1].decode()
    path, _, text = target.removeprefix("/v1").partition("?")
    rng = chance(f"{seed} {head!r}")
    reading = operation().read(Request(path, text))
    status, body = 400, _refusal("This is not allowed.")
    if f"Bearer {KEY}".encode() not in head:
        status = 401
    elif reading.query is not None and reading.query.scope == CHECKPOINT:
        status, page = history.page_of(reading.query)
        body = json.dumps(page).encode()
    elif reading.scope != CHECKPOINT:
        status = 404
    if rng.random() < (0.02, 0.2, 0.6)[seed % 3]:
        body = changed(BY_NAME["bodies"], body, rng.randrange)
    whole = (
        b"HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body
    )
    return changed(BY_NAME["answers"], whole, rng.randrange) if rng.random() < (0.1, 0.01, 0.05)[seed % 3] else whole


def bodies() -> tuple[bytes, ...]:
    """Bodies of pages and refusals."""
    kept = {exchange.answer.body for exchange in _history().exchanges if exchange.answer is not None}
    return tuple(sorted(kept, key=lambda body: (-len(body), body)))[:12]


READS = (
    Reads("answers", read_answers, answers, _HEADERS),
    Reads("bodies", read_body, bodies, _FIELDS, tree=True),
    Reads("content codings", read_coded, coded, (b"gzip", b"deflate", b"x-gzip", b",", NEXT)),
    Reads("recordings", read_recording, recordings, _FIELDS, tree=True),
    Reads("recordings of others", read_recording, foreign, _FIELDS, tree=True),
    Reads("documents", read_document, documents, _SCHEMA, tree=True),
    Reads("documents drawn from", read_generated, documents, _SCHEMA, tree=True),
    Reads("overlays", read_overlay, overlays, _SCHEMA, tree=True),
    Reads("configuration files", read_config, configs, _TOML),
    Reads("options and variables", read_words, words, (*_OPTIONS, *_TOML, *_URL)),
    Reads("addresses", read_address, addresses, _URL),
    Reads("key files", read_key, key_files, (KEY.encode(), b"\r\n", NEXT)),
    Reads("runs", read_run, lambda: (b"1", b"2", b"3")),
)
"""All that is read from outside."""
BY_NAME = {reads.name: reads for reads in READS}

# The long run

ATHERIS = (
    "contracts",
    "h11",
    "yaml",
    "tomllib",
    "email",
    "jsonschema",
    "jsonpath_rfc9535",
    "referencing",
    "shlex",
    "json",
)
"""The packages whose branches guide the choice of inputs."""
_STEERED = f"""\
import sys, atheris
sys.path.insert(0, sys.argv[1])
with atheris.instrument_imports(include={list(ATHERIS)!r}):
    import fuzzing
fuzzing.steer(*sys.argv[2:])
"""


class Tally:
    """What became of the inputs of one reader: how many there were, what was wrong and what was slow."""

    def __init__(self, reads: Reads, folder: Path) -> None:
        self.reads = reads
        self.tried = 0
        self.slowest = 0.0
        self.found: dict[str, bytes] = {}
        self._folder = folder
        self._began = time.process_time()

    def give(self, data: bytes) -> None:
        """Try one input, and keep it if something is wrong."""
        began = time.process_time()
        said = found(self.reads, data)
        took = time.process_time() - began
        self.tried += 1
        self.slowest = max(self.slowest, took)
        if took > SLOW:
            self._keep(f"slow by {took / SLOW:.0f}", data, f"{took:.1f} s for {len(data)} bytes")
        if said:
            self._keep(said.partition(": ")[0], data, said)

    def _keep(self, kind: str, data: bytes, said: str) -> None:
        if len(data) >= len(self.found.get(kind, data + b"x")):
            return
        self.found[kind] = data
        name = f"{self.reads.name} {zlib.crc32(kind.encode()):08x}".replace(" ", "-")
        (self._folder / name).write_bytes(data)
        _say(f"  {self.reads.name}: {said} [{name}]")

    def told(self) -> dict[str, object]:
        """It as JSON."""
        spent = {"slowest": self.slowest, "computed": time.process_time() - self._began}
        return {"name": self.reads.name, "tried": self.tried, **spent, "found": sorted(self.found)}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def steer(name: str, seconds: str, seed: str, folder: str) -> None:
    """Let atheris choose the inputs of one reader; ends the process."""
    atheris = importlib.import_module("atheris")
    reads, place = BY_NAME[name], Path(folder)
    tally = Tally(reads, place)
    until = time.monotonic() + float(seconds)

    def mutate(data: bytes, most: int, begin: int) -> bytes:
        rng = chance(begin)
        if reads.samples() and rng.random() < 0.02:  # now and then from the beginning
            data = reads.samples()[rng.randrange(len(reads.samples()))]
        if rng.random() < 0.3:  # what it does by itself finds other things
            return bytes(atheris.Mutate(data, most))
        return changed(reads, bytes(data), rng.randrange)[:most]

    def try_one(data: bytes) -> None:
        tally.give(data)
        if time.monotonic() > until:
            (place / "tally.json").write_text(json.dumps(tally.told()), encoding="utf-8")
            os._exit(0)

    corpus = place / "corpus"
    corpus.mkdir()
    for number, sample in enumerate(reads.samples()):
        (corpus / str(number)).write_bytes(sample)
    options = [
        f"-seed={seed}",
        f"-max_len={MOST}",
        "-rss_limit_mb=1500",
        "-timeout=60",
        "-len_control=0",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], try_one, custom_mutator=mutate)
    atheris.Fuzz()


def wander(reads: Reads, seconds: float, seed: int, folder: Path) -> dict[str, object]:
    """Change samples by chance alone, where atheris is not at hand."""
    tally, rng, until = Tally(reads, folder), chance(seed), time.monotonic() + seconds
    samples = reads.samples()
    while time.monotonic() < until:
        tally.give(changed(reads, samples[rng.randrange(len(samples))], rng.randrange))
    return tally.told()


def long_run(reads: Reads, seconds: float, seed: int, folder: Path) -> dict[str, object]:
    """Try inputs of one reader for so long, in a process of its own if atheris chooses them."""
    place = Path(tempfile.mkdtemp(prefix=f"{reads.name.replace(' ', '-')}-", dir=folder))
    if importlib.util.find_spec("atheris") is None:
        return wander(reads, seconds, seed, place)
    words = [str(Path(__file__).parent), reads.name, str(seconds), str(seed), str(place)]
    done = subprocess.run([sys.executable, "-c", _STEERED, *words], cwd=place, check=False, stderr=subprocess.PIPE)
    told = place / "tally.json"
    if told.is_file():
        result: dict[str, object] = json.loads(told.read_text(encoding="utf-8"))
        return result
    _say(done.stderr.decode("utf-8", "replace")[-2000:])
    return {
        "name": reads.name,
        "tried": 0,
        "slowest": 0.0,
        "computed": 0.0,
        "found": [f"it ended early, exit code {done.returncode}"],
    }


def main(words: Sequence[str]) -> int:
    """Fuzz every reader, each for its share of the time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10.0, help="how long in all")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 1 << 31))
    parser.add_argument("--only", choices=sorted(BY_NAME), action="append", help="this reader; may be repeated")
    parser.add_argument("--keep", type=Path, help="a folder for the inputs that brought something up")
    told = parser.parse_args(words)
    folder = told.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [BY_NAME[name] for name in told.only] if told.only else list(READS)
    _say(f"--seed {told.seed}, what is found goes to {folder}")
    failed, tried = False, 0
    for reads in chosen:
        share = 60 * told.minutes / len(chosen)
        done = long_run(reads, share, told.seed, folder)
        failed |= bool(done["found"])
        tried += int(str(done["tried"]))
        slowest, computed = float(str(done["slowest"])), float(str(done["computed"]))
        rate = f"{done['tried']} inputs in {share:.0f} s, {computed:.0f} s of computing"
        _say(f"{reads.name}: {rate}, the slowest {slowest:.2f} s, {done['found'] or 'nothing'}")
    _say(f"{tried} inputs in all")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
