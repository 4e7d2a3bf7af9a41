"""Recordings of a run as HTTP Archives (HAR 1.2): written for people and tools, read to be judged again.

What HAR has no field for stands in the field ``_contracts`` of each request, as the format allows. A recording
holds no key: it is given exchanges in which keys are replaced, with the places where they were and what stood there
in the fields ``redacted`` and ``echoes``; and the Authorization header shows the variable in the place of the key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import harfile

from contracts.core.errors import ConfigurationError
from contracts.core.files import writing
from contracts.core.model import JSON_MEDIA_TYPE, Echo, Exchange, Failure, FailureKind, Request, Step
from contracts.traffic import foreign
from contracts.traffic.credentials import CREDENTIALS
from contracts.traffic.decoding import CODINGS
from contracts.traffic.fields import MalformedError, get, mapping, optional
from contracts.traffic.fields import answer as answer_of
from contracts.traffic.redaction import Redactor
from contracts.traffic.wire import REVALIDATE

_FIELD: Final = "_contracts"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Recording:
    """What a HAR file holds.

    ``about`` is what `write_har` was given. ``skipped`` counts entries that say nothing about the target: other
    methods, other places, bodies that were not recorded; ``bodiless`` counts the last of these. ``foreign`` says
    that another tool made it; ``redactor`` then takes the keys that it holds out of what is written of it.
    """

    exchanges: tuple[Exchange, ...]
    base_url: str
    about: Mapping[str, object] = field(default_factory=dict)
    skipped: int = 0
    bodiless: int = 0
    foreign: bool = False
    redactor: Redactor | None = None


def write_har(
    path: Path,
    exchanges: Iterable[Exchange],
    *,
    base_url: str,
    version: str = "",
    about: Mapping[str, object] | None = None,
) -> None:
    """Writes exchanges as a HAR file; see `contracts.core.files.writing`.

    Args:
        path: Where to write.
        exchanges: What to write, in this order.
        base_url: Where the target is.
        version: The version of this suite.
        about: What else the reader must know, as JSON values.

    Raises:
        ConfigurationError: The file can't be written.
    """
    comment = json.dumps({"contracts": _FORMAT, "base_url": base_url, "about": dict(about or {})})
    with writing(path) as stream:
        creator = harfile.Creator(name="contracts", version=version)
        with harfile.HarFile(stream, creator=creator, comment=comment) as archive:
            for exchange in exchanges:
                _add(archive, exchange, base_url)


class _Request(harfile.Request):
    """A HAR request with our field; a plain class, because the fields of its base are all that it shows."""

    ours: dict[str, object]

    def asdict(self) -> dict[str, Any]:
        return {**harfile.Request.asdict(self), _FIELD: self.ours}


def _add(archive: harfile.HarFile, exchange: Exchange, base_url: str) -> None:
    milliseconds = round(exchange.seconds * 1000, 3)
    request = exchange.request
    shown = CREDENTIALS[request.credential].shown
    headers = [
        *([harfile.Record("Accept", request.accept)] if request.accept is not None else []),
        harfile.Record("Accept-Encoding", ", ".join(CODINGS)),
        *([harfile.Record(*REVALIDATE)] if request.fresh else []),
        *([harfile.Record("Authorization", shown)] if shown is not None else []),
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


def read_har(path: Path, base_url: str | None = None, base_of: foreign.BaseOf | None = None) -> Recording:
    """Reads a recording: one of `write_har` exactly, one of a browser or a proxy as far as it tells.

    Such a foreign recording does not say with whose key a request was sent; see `contracts.traffic.foreign`.

    Args:
        path: The HAR file.
        base_url: Where the target was; a foreign recording needs it, or ``base_of``.
        base_of: For the URL of a request that is of interest, the base URL of its target.

    Raises:
        ConfigurationError: It can't be read, or is no HAR file.
    """
    try:
        log = get(_parsed(path), "log", dict, "the file")
        entries = get(log, "entries", list, "log")
        header = _header(log)
        if header is None:
            if base_url is None and base_of is None:
                msg = f"{path} was not recorded by this suite: give the base URL of its target."
                raise ConfigurationError(msg)
            base, taken, bodiless, redactor = foreign.read(entries, base_url, base_of)
            skipped = len(entries) - len(taken)
            return Recording(taken, base, skipped=skipped, bodiless=bodiless, foreign=True, redactor=redactor)
        exchanges = tuple(_own(mapping(entry, n), n) for n, entry in enumerate(entries))
        return Recording(exchanges, get(header, "base_url", str, "log"), get(header, "about", dict, "log"))
    except MalformedError as error:
        msg = f"{path} is no HAR recording: {error}."
        raise ConfigurationError(msg) from None


def _parsed(path: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(path.read_bytes())
    except OSError as error:
        msg = f"The recording {path} can't be read: {error.strerror or 'no reason given'}."
        raise ConfigurationError(msg) from None
    except (ValueError, RecursionError):
        raise MalformedError("it is not JSON") from None
    if not isinstance(parsed, dict):
        raise MalformedError("it is no JSON object")
    return parsed


def _header(log: dict[str, Any]) -> dict[str, Any] | None:
    with suppress(ValueError, RecursionError, TypeError):
        header = json.loads(log.get("comment") or "")
        if isinstance(header, dict) and header.get("contracts") == _FORMAT:
            return header
    return None


def _own(entry: dict[str, Any], number: int) -> Exchange:
    where = f"entry {number}"
    ours = get(get(entry, "request", dict, where), _FIELD, dict, where)
    response = get(entry, "response", dict, where)
    credential = get(ours, "credential", str, where)
    if credential not in CREDENTIALS:
        msg = f"{where} names an unknown credential"
        raise MalformedError(msg)
    failure = optional(ours, "failure", dict, where)
    flaw = optional(ours, "flaw", str, where)
    answer = answer_of(response, flaw, where) if get(ours, "answered", bool, where) else None
    if answer is not None:
        echoes = tuple(_echo(mapping(each, number), where) for each in optional(ours, "echoes", list, where) or ())
        redacted = tuple(str(each) for each in optional(ours, "redacted", list, where) or ())
        answer = replace(answer, echoes=echoes, redacted=redacted)
    return Exchange(
        number=get(ours, "number", int, where),
        request=_request(ours, credential, where),
        answer=answer,
        failure=_failure(failure, where) if failure is not None else None,
        sent=get(ours, "sent", int, where),
        received=get(ours, "received", int, where),
        at=get(ours, "at", float, where),
        seconds=get(ours, "seconds", float, where),
        probe=get(ours, "probe", str, where),
        step=_step(optional(ours, "step", list, where), where),
        concurrent=get(ours, "concurrent", bool, where),
        again=_again(optional(ours, "again", list, where), where),
        waits=get(ours, "waits", int, where),
        unavailable=get(ours, "unavailable", bool, where),
        retries=get(ours, "retries", int, where),
        redirects=get(ours, "redirects", int, where),
        connection=optional(ours, "connection", int, where),
        landed=optional(ours, "landed", str, where),
    )


def _request(ours: dict[str, Any], credential: str, where: str) -> Request:
    return Request(
        get(ours, "path", str, where),
        get(ours, "query", str, where),
        credential,
        # Recordings of the first version say none of these, and the admin key asked caches each time.
        accept=optional(ours, "accept", str, where) if "accept" in ours else JSON_MEDIA_TYPE,
        fresh=get(ours, "fresh", bool, where) if "fresh" in ours else credential == "admin",
        reconnect=bool(optional(ours, "reconnect", bool, where)),
        shared=bool(optional(ours, "shared", bool, where)),
    )


def _echo(echo: dict[str, Any], where: str) -> Echo:
    return Echo(
        credential=get(echo, "credential", str, where),
        places=tuple(str(each) for each in get(echo, "places", list, where)),
        forms=tuple(str(each) for each in get(echo, "forms", list, where)),
        shown=get(echo, "shown", int, where),
        size=get(echo, "size", int, where),
    )


def _failure(failure: dict[str, Any], where: str) -> Failure:
    try:
        kind = FailureKind(get(failure, "kind", str, where))
    except ValueError:
        msg = f"{where} names an unknown failure"
        raise MalformedError(msg) from None
    return Failure(kind, get(failure, "text", str, where))


def _step(step: list[Any] | None, where: str) -> Step | None:
    match step:
        case None:
            return None
        case [str(walk), int(index)]:
            return Step(walk, index)
    msg = f"{where} has a malformed step"
    raise MalformedError(msg)


def _again(again: list[Any] | None, where: str) -> tuple[int, int] | None:
    match again:
        case None:
            return None
        case [int(round_), int(number)]:
            return round_, number
    msg = f"{where} repeats no exchange"
    raise MalformedError(msg)
