"""Recordings of a run as HTTP Archives (HAR 1.2): written for people and tools, read to be judged again.

What HAR has no field for stands in the field ``_contracts`` of each request, as the format allows. A recording
holds no key: it is given exchanges in which keys are replaced, with the places where they were and what stood there
in the fields ``redacted`` and ``echoes``; and the header of the key shows its variable instead.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

import harfile
import msgspec

from contracts.core.errors import ConfigurationError
from contracts.core.files import reading, writing
from contracts.core.model import JSON_MEDIA_TYPE, Echo, Exchange, Failure, Request, Step
from contracts.core.result import Repetition
from contracts.traffic import fields, foreign
from contracts.traffic.credentials import CREDENTIALS
from contracts.traffic.decoding import CODINGS
from contracts.traffic.fields import MalformedError, Shared, TooLargeError
from contracts.traffic.pacing import OutOfRoom
from contracts.traffic.redaction import Redactor
from contracts.traffic.spool import Spool
from contracts.traffic.wire import REVALIDATE

_FIELD: Final = "_contracts"
_FORMAT: Final = 1
_MOST_ENTRIES: Final = 65_000
_MOST_SPOOLED: Final = 2 * 1024 * 1024 * 1024
_Seconds = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]
OnEntry = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Recording:
    """What a HAR file holds.

    ``about`` and ``repetitions`` are what `write_har` was given. ``skipped`` counts entries that say nothing about
    the target: other methods, other places, bodies that were not recorded; ``bodiless`` counts the last of these.
    ``foreign`` says that another tool made it; ``redactor`` then takes the keys that it holds out of what is written
    of it. ``entries`` were read, and ``rest`` says whether there are more; ``spool`` has the exchanges that are kept
    on disk.
    """

    exchanges: tuple[Exchange, ...]
    base_url: str
    about: Mapping[str, object] = field(default_factory=dict)
    repetitions: tuple[Repetition, ...] = ()
    skipped: int = 0
    bodiless: int = 0
    foreign: bool = False
    redactor: Redactor | None = None
    entries: int = 0
    rest: bool = False
    spool: Spool = field(default_factory=Spool)


def write_har(
    path: Path,
    exchanges: Iterable[Exchange],
    *,
    base_url: str,
    version: str = "",
    about: Mapping[str, object] | None = None,
    repetitions: Iterable[Repetition] = (),
    key_header: str = "",
) -> None:
    """Writes exchanges as a HAR file; see `contracts.core.files.writing`.

    Args:
        path: Where to write.
        exchanges: What to write, in this order.
        base_url: Where the target is.
        version: The version of this suite.
        about: What else the reader must know, as JSON values.
        repetitions: How each finding was repeated.
        key_header: The header that carried the key by itself, where it was not Authorization.

    Raises:
        ConfigurationError: The file can't be written.
    """
    said = {"contracts": _FORMAT, "base_url": base_url, "about": dict(about or {})}
    comment = json.dumps(said | {"repetitions": [asdict(each) for each in repetitions]})
    with writing(path) as stream:
        creator = harfile.Creator(name="contracts", version=version)
        with harfile.HarFile(stream, creator=creator, comment=comment) as archive:
            for exchange in exchanges:
                _add(archive, exchange, base_url, key_header)


class _Request(harfile.Request):
    """A HAR request with our field; a plain class, because the fields of its base are all that it shows."""

    ours: dict[str, object]

    def asdict(self) -> dict[str, Any]:
        return {**harfile.Request.asdict(self), _FIELD: self.ours}


def _add(archive: harfile.HarFile, exchange: Exchange, base_url: str, key_header: str) -> None:
    milliseconds = round(exchange.seconds * 1000, 3)
    request = exchange.request
    shown = CREDENTIALS[request.credential].shown
    headers = [
        *([harfile.Record("Accept", request.accept)] if request.accept is not None else []),
        harfile.Record("Accept-Encoding", ", ".join(CODINGS)),
        *([harfile.Record(*REVALIDATE)] if request.fresh else []),
        *([harfile.Record(*_signed(shown, key_header))] if shown is not None else []),
    ]
    sent = _Request(
        method="GET",
        url=base_url.rstrip("/") + request.target,
        httpVersion="HTTP/1.1",
        headers=headers,
        queryString=[harfile.Record(name, value) for name, value in parse_qsl(request.query, keep_blank_values=True)],
        bodySize=0,
    )
    sent.ours = _ours(exchange)
    archive.add_entry(
        startedDateTime=datetime.fromtimestamp(exchange.at, UTC),
        time=milliseconds,
        request=sent,
        response=_response(exchange),
        timings=harfile.Timings(send=0, wait=milliseconds, receive=0),
    )


def _signed(shown: str, key_header: str) -> tuple[str, str]:
    return (key_header, shown.removeprefix("Bearer ")) if key_header else ("Authorization", shown)


def _ours(exchange: Exchange) -> dict[str, object]:
    answer, failure, step = exchange.answer, exchange.failure, exchange.step
    return {
        "number": exchange.number,
        "path": exchange.request.path,
        "query": exchange.request.query,
        "credential": exchange.request.credential,
        "accept": exchange.request.accept,
        "fresh": exchange.request.fresh,
        "reconnect": exchange.request.reconnect,
        "shared": exchange.request.shared,
        "answered": answer is not None,
        "flaw": answer.flaw if answer else None,
        "echoes": [asdict(echo) for echo in answer.echoes] if answer else [],
        "redacted": list(answer.redacted) if answer else [],
        "failure": {"kind": failure.kind.value, "text": failure.text} if failure else None,
        "sent": exchange.sent,
        "received": exchange.received,
        "at": exchange.at,
        "seconds": exchange.seconds,
        "probe": exchange.probe,
        "step": [step.walk, step.index] if step else None,
        "concurrent": exchange.concurrent,
        "again": list(exchange.again) if exchange.again else None,
        "waits": exchange.waits,
        "unavailable": exchange.unavailable,
        "retries": exchange.retries,
        "redirects": exchange.redirects,
        "connection": exchange.connection,
        "landed": exchange.landed,
    }


def _response(exchange: Exchange) -> harfile.Response:
    answer = exchange.answer
    if answer is None:
        return harfile.Response(
            status=0, statusText="", httpVersion="", comment=exchange.failure.text if exchange.failure else None
        )
    try:
        text, encoding = answer.body.decode(), None
    except UnicodeDecodeError:
        text, encoding = base64.b64encode(answer.body).decode(), "base64"
    return harfile.Response(
        status=answer.status,
        statusText=answer.reason,
        httpVersion="HTTP/1.1",
        headers=[harfile.Record(name, value) for name, value in answer.headers],
        content=harfile.Content(
            size=len(answer.body), mimeType=answer.header("Content-Type") or "", text=text, encoding=encoding
        ),
        redirectURL=answer.header("Location") or "",
    )


class _Ours(msgspec.Struct):
    """What HAR has no field for. Recordings of the first version lack those that have a default."""

    number: int
    path: str
    query: str
    credential: str
    answered: bool
    sent: int
    received: int
    at: _Seconds
    seconds: _Seconds
    probe: str
    concurrent: bool
    waits: int
    unavailable: bool
    retries: int
    redirects: int
    accept: str | msgspec.UnsetType | None = msgspec.UNSET
    fresh: bool | None = None
    reconnect: bool = False
    shared: bool = False
    flaw: str | None = None
    echoes: tuple[Echo, ...] = ()
    redacted: tuple[str, ...] = ()
    failure: Failure | None = None
    step: tuple[str, int] | None = None
    again: tuple[int, int] | None = None
    connection: int | None = None
    landed: str | None = None

    def request(self) -> Request:
        """What was asked."""
        return Request(
            self.path,
            self.query,
            self.credential,
            accept=JSON_MEDIA_TYPE if self.accept is msgspec.UNSET else self.accept,
            fresh=self.credential == "admin" if self.fresh is None else self.fresh,
            reconnect=self.reconnect,
            shared=self.shared,
        )


class _OwnRequest(msgspec.Struct, rename={"ours": _FIELD}):
    ours: _Ours


class _OwnEntry(msgspec.Struct):
    request: _OwnRequest
    response: fields.Response


class _About(msgspec.Struct):
    base_url: str
    about: dict[str, Any]
    repetitions: tuple[Repetition, ...] = ()


class _Version(msgspec.Struct):
    contracts: int


def read_har(
    path: Path,
    base_url: str | None = None,
    base_of: foreign.BaseOf | None = None,
    *,
    spooled: str | None = None,
    key_header: str = "",
    on_entry: OnEntry = lambda _: None,
) -> Recording:
    """Reads a recording: one of `write_har` exactly, one of a browser or a proxy as far as it tells.

    Such a foreign recording does not say with whose key a request was sent; see `contracts.traffic.foreign`. The file
    is read as a stream, until what is kept of it fills the memory that there is for it.

    Args:
        path: The HAR file.
        base_url: Where the target was; a foreign recording needs it, or ``base_of``.
        base_of: For the URL of a request that is of interest, the base URL of its target.
        spooled: The probe whose exchanges are kept on disk.
        key_header: The header that carries the key by itself, where it is not Authorization.
        on_entry: Called with the number of entries that were read until now.

    Raises:
        ConfigurationError: It can't be read, is no HAR file, or is too large.
    """
    try:
        shared = Shared()
        with reading(path) as source:
            own, others = _Own(shared, spooled), foreign.Entries(base_url, base_of, shared, key_header)
            return _read(path, fields.log(source), own, others, on_entry)
    except OSError as error:
        msg = f"The recording {path} can't be read: {error.strerror or 'no reason given'}."
    except MalformedError as error:
        msg = f"{path} is no HAR recording: {error}."
    except (TooLargeError, OutOfRoom) as error:
        msg = f"The recording {path} is too large: {error}."
    raise ConfigurationError(msg) from None


def _read(
    path: Path, log: Iterator[tuple[str, bytes | None]], own: _Own, others: foreign.Entries, on_entry: OnEntry
) -> Recording:
    about: _About | None = None
    number = oversized = 0
    rest = False
    for kind, raw in log:
        if kind == "comment":
            about = about or _about(raw or b"null")
            if about is not None and number:
                raise MalformedError("log.comment: it must stand before the entries")
            continue
        rest = number == _MOST_ENTRIES or own.shared.full
        if rest:
            break
        if raw is None:
            oversized += 1
        elif about is not None:
            own.add(raw, number)
        else:
            others.add(raw, number)
        number += 1
        on_entry(number)
    if about is not None:
        exchanges = tuple(own.exchanges)
        return Recording(
            exchanges,
            about.base_url,
            about.about,
            about.repetitions,
            skipped=oversized,
            entries=number,
            rest=rest,
            spool=own.spool,
        )
    if not others.sought:
        msg = f"{path} was not recorded by this suite: give the base URL of its target."
        raise ConfigurationError(msg)
    base, taken, redactor = others.read()
    return Recording(
        taken,
        base,
        skipped=number - len(taken),
        bodiless=others.bodiless,
        foreign=True,
        redactor=redactor,
        entries=number,
        rest=rest,
    )


def _about(comment: bytes) -> _About | None:
    """What `write_har` wrote of a recording; ``None`` if another tool made it."""
    said = b""
    with suppress(MalformedError):
        said = fields.read(comment, str, "").encode("utf-8", "surrogatepass")
        if fields.read(said, _Version, "").contracts != _FORMAT:
            return None
    return fields.read(said, _About, "log.comment") if said else None


class _Own:
    """The exchanges of a recording of this suite.

    Where several were put one behind the other, numbers and ticks go on, and their walks get different names.
    """

    def __init__(self, shared: Shared, spooled: str | None) -> None:
        self.shared = shared
        self._spooled = spooled
        self.exchanges: list[Exchange] = []
        self.spool = Spool(_MOST_SPOOLED)
        self._part = 0
        self._number, self._tick = 0, 0
        """What is added to the numbers and to the ticks of the part that is read."""
        self._last, self._latest = -1, 0

    def add(self, raw: bytes, place: int) -> None:
        """Takes the entry at this place.

        Raises:
            MalformedError: It is not as `write_har` writes it.
            OutOfRoom: The disk takes no more.
        """
        path = f"log.entries[{place}]"
        entry = fields.read(raw, _OwnEntry, path)
        ours, shared = entry.request.ours, self.shared
        if ours.credential not in CREDENTIALS:
            msg = f"{path}.request.{_FIELD}.credential: it is unknown"
            raise MalformedError(msg)
        if ours.number + self._number <= self._last:
            self._part, self._number, self._tick = self._part + 1, self._last + 1, self._latest
        answer = fields.answer(entry.response, path) if ours.answered else None
        if answer is not None:
            answer = replace(answer, flaw=ours.flaw, echoes=ours.echoes, redacted=ours.redacted)
        on_disk = ours.probe == self._spooled
        if answer is not None and not on_disk:
            answer = shared.answer(answer)
        part = f", part {self._part + 1}" if self._part else ""
        exchange = Exchange(
            number=ours.number + self._number,
            request=shared(ours.request()),
            answer=answer,
            failure=ours.failure,
            sent=ours.sent + self._tick,
            received=ours.received + self._tick,
            at=ours.at,
            seconds=ours.seconds,
            probe=shared(ours.probe),
            step=None if ours.step is None else Step(shared(ours.step[0] + part), ours.step[1]),
            concurrent=ours.concurrent,
            again=None if ours.again is None else (ours.again[0], ours.again[1] + self._number),
            waits=ours.waits,
            unavailable=ours.unavailable,
            retries=ours.retries,
            redirects=ours.redirects,
            connection=ours.connection,
            landed=ours.landed,
        )
        self._last, self._latest = exchange.number, max(self._latest, exchange.received)
        if on_disk:
            self.spool.append(exchange)
        else:
            self.exchanges.append(exchange)
