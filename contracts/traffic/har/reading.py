"""Recordings read: those of this suite exactly, those of other tools as far as they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from contracts.core.errors import ConfigurationError
from contracts.core.files import reading
from contracts.core.model import JSON_MEDIA_TYPE, Echo, Exchange, Failure, Request, Step
from contracts.core.result import Repetition
from contracts.traffic.credentials import CREDENTIALS
from contracts.traffic.har import foreign, stream
from contracts.traffic.har.stream import MalformedError, Shared, TooLargeError
from contracts.traffic.har.writing import FIELD, FORMAT
from contracts.traffic.pacing import OutOfRoom
from contracts.traffic.redaction import Redactor
from contracts.traffic.spool import Spool

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


class _OwnRequest(msgspec.Struct, rename={"ours": FIELD}):
    ours: _Ours


class _OwnEntry(msgspec.Struct):
    request: _OwnRequest
    response: stream.Response


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

    Such a foreign recording does not say with whose key a request was sent; see `contracts.traffic.har.foreign`. The
    file is read as a stream, until what is kept of it fills the memory that there is for it.

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
            return _read(path, stream.log(source), own, others, on_entry)
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
        said = stream.read(comment, str, "").encode("utf-8", "surrogatepass")
        if stream.read(said, _Version, "").contracts != FORMAT:
            return None
    return stream.read(said, _About, "log.comment") if said else None


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
        entry = stream.read(raw, _OwnEntry, path)
        ours, shared = entry.request.ours, self.shared
        if ours.credential not in CREDENTIALS:
            msg = f"{path}.request.{FIELD}.credential: it is unknown"
            raise MalformedError(msg)
        if ours.number + self._number <= self._last:
            self._part, self._number, self._tick = self._part + 1, self._last + 1, self._latest
        answer = stream.answer(entry.response, path) if ours.answered else None
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
