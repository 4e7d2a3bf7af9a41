"""Recordings of a run as HTTP Archives (HAR 1.2): written for people and tools, read to be judged again.

What HAR has no field for stands in the field ``_contracts`` of each request, as the format allows. A recording
holds no key: the exchanges hold none, and the Authorization header shows the variable in its place.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import harfile

from contracts.errors import ConfigurationError
from contracts.model import Answer, Exchange, Failure, FailureKind, Request, Step
from contracts.traffic.credentials import CREDENTIALS
from contracts.traffic.decoding import CODINGS

_FIELD: Final = "_contracts"
_FORMAT: Final = 1
_REFUSED = frozenset({401, 403})
_LEAST_GAP = 1e-9

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Recording:
    """What a HAR file holds.

    ``about`` is what `write_har` was given. ``skipped`` counts entries that say nothing about the target: other
    methods, other places, bodies that were not recorded.
    """

    exchanges: tuple[Exchange, ...]
    base_url: str
    about: Mapping[str, object] = field(default_factory=dict)
    skipped: int = 0


def write_har(
    path: Path,
    exchanges: Iterable[Exchange],
    *,
    base_url: str,
    version: str = "",
    about: Mapping[str, object] | None = None,
) -> None:
    """Writes exchanges as a HAR file, whole or not at all.

    Args:
        path: Where to write. A file that is there stays untouched until the new one is complete.
        exchanges: What to write, in this order.
        base_url: Where the target is.
        version: The version of this suite.
        about: What else the reader must know, as JSON values.

    Raises:
        ConfigurationError: The file can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    comment = json.dumps({"contracts": _FORMAT, "base_url": base_url, "about": dict(about or {})})
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            creator = harfile.Creator(name="contracts", version=version)
            with harfile.HarFile(stream, creator=creator, comment=comment) as archive:
                for exchange in exchanges:
                    _add(archive, exchange, base_url)
        temporary.replace(path)
    except OSError as error:
        msg = f"The recording can't be written to {path}: {error.strerror or 'no reason given'}."
        raise ConfigurationError(msg) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


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
        harfile.Record("Accept", "application/json"),
        harfile.Record("Accept-Encoding", ", ".join(CODINGS)),
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
        "answered": answer is not None,
        "flaw": answer.flaw if answer else None,
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


class _MalformedError(Exception):
    """Something in the file is not as the format says; the text completes "… is no HAR recording: "."""


def read_har(path: Path, base_url: str | None = None) -> Recording:
    """Reads a recording: one of `write_har` exactly, one of a browser or a proxy as far as it tells.

    Such a foreign recording does not say with whose key a request was sent. The admin key is assumed, but for
    a request without an Authorization header that was refused.

    Args:
        path: The HAR file.
        base_url: Where the target was; needed for a foreign recording.

    Raises:
        ConfigurationError: It can't be read, or is no HAR file.
    """
    try:
        log = _get(_parsed(path), "log", dict, "the file")
        entries = _get(log, "entries", list, "log")
        header = _header(log)
        if header is None:
            if base_url is None:
                msg = f"{path} was not recorded by this suite: give the base URL of its target."
                raise ConfigurationError(msg)
            return _foreign(entries, base_url)
        exchanges = tuple(_own(_mapping(entry, n), n) for n, entry in enumerate(entries))
        return Recording(exchanges, _get(header, "base_url", str, "log"), _get(header, "about", dict, "log"))
    except _MalformedError as error:
        msg = f"{path} is no HAR recording: {error}."
        raise ConfigurationError(msg) from None


def _parsed(path: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(path.read_bytes())
    except OSError as error:
        msg = f"The recording {path} can't be read: {error.strerror or 'no reason given'}."
        raise ConfigurationError(msg) from None
    except (ValueError, RecursionError):
        raise _MalformedError("it is not JSON") from None
    if not isinstance(parsed, dict):
        raise _MalformedError("it is no JSON object")
    return parsed


def _header(log: dict[str, Any]) -> dict[str, Any] | None:
    with suppress(ValueError, RecursionError, TypeError):
        header = json.loads(log.get("comment") or "")
        if isinstance(header, dict) and header.get("contracts") == _FORMAT:
            return header
    return None


def _get(holder: dict[str, Any], name: str, kind: type[_T], where: str) -> _T:
    value = holder.get(name)
    # JSON's 1 is a fine float, and its true is no integer.
    if kind is float and type(value) is int:
        with suppress(OverflowError):
            value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        msg = f"{where} has no {name} of the right kind"
        raise _MalformedError(msg)
    return value


def _optional(holder: dict[str, Any], name: str, kind: type[_T], where: str) -> _T | None:
    return None if holder.get(name) is None else _get(holder, name, kind, where)


def _mapping(value: object, number: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        msg = f"entry {number} is no object"
        raise _MalformedError(msg)
    return value


def _own(entry: dict[str, Any], number: int) -> Exchange:
    where = f"entry {number}"
    ours = _get(_get(entry, "request", dict, where), _FIELD, dict, where)
    response = _get(entry, "response", dict, where)
    credential = _get(ours, "credential", str, where)
    if credential not in CREDENTIALS:
        msg = f"{where} names an unknown credential"
        raise _MalformedError(msg)
    failure = _optional(ours, "failure", dict, where)
    flaw = _optional(ours, "flaw", str, where)
    answered = _get(ours, "answered", bool, where)
    return Exchange(
        number=_get(ours, "number", int, where),
        request=Request(_get(ours, "path", str, where), _get(ours, "query", str, where), credential),
        answer=_answer(response, flaw, where) if answered else None,
        failure=_failure(failure, where) if failure is not None else None,
        sent=_get(ours, "sent", int, where),
        received=_get(ours, "received", int, where),
        at=_get(ours, "at", float, where),
        seconds=_get(ours, "seconds", float, where),
        probe=_get(ours, "probe", str, where),
        step=_step(_optional(ours, "step", list, where), where),
        concurrent=_get(ours, "concurrent", bool, where),
        again=_again(_optional(ours, "again", list, where), where),
        waits=_get(ours, "waits", int, where),
        unavailable=_get(ours, "unavailable", bool, where),
        retries=_get(ours, "retries", int, where),
        redirects=_get(ours, "redirects", int, where),
    )


def _failure(failure: dict[str, Any], where: str) -> Failure:
    try:
        kind = FailureKind(_get(failure, "kind", str, where))
    except ValueError:
        msg = f"{where} names an unknown failure"
        raise _MalformedError(msg) from None
    return Failure(kind, _get(failure, "text", str, where))


def _step(step: list[Any] | None, where: str) -> Step | None:
    match step:
        case None:
            return None
        case [str(walk), int(index)]:
            return Step(walk, index)
    msg = f"{where} has a malformed step"
    raise _MalformedError(msg)


def _again(again: list[Any] | None, where: str) -> tuple[int, int] | None:
    match again:
        case None:
            return None
        case [int(round_), int(number)]:
            return round_, number
    msg = f"{where} repeats no exchange"
    raise _MalformedError(msg)


def _answer(response: dict[str, Any], flaw: str | None, where: str) -> Answer:
    content = _get(response, "content", dict, where)
    body = _body(content, where)
    headers = []
    for header in _get(response, "headers", list, where):
        if not isinstance(header, dict):
            msg = f"{where} has a malformed header"
            raise _MalformedError(msg)
        headers.append((_get(header, "name", str, where), _get(header, "value", str, where)))
    return Answer(
        status=_get(response, "status", int, where),
        reason=_get(response, "statusText", str, where),
        headers=tuple(headers),
        body=body,
        flaw=flaw,
    )


def _body(content: dict[str, Any], where: str) -> bytes:
    text = _optional(content, "text", str, where) or ""
    if _optional(content, "encoding", str, where) != "base64":
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        msg = f"{where} has a body that is not base64"
        raise _MalformedError(msg) from None


def _foreign(entries: list[Any], base_url: str) -> Recording:
    base = base_url.strip().rstrip("/")
    taken = [
        exchange
        for number, entry in enumerate(entries)
        if (exchange := _taken(_mapping(entry, number), base, f"entry {number}")) is not None
    ]
    taken.sort(key=lambda exchange: exchange.at)
    moments = sorted(
        [(exchange.at, 2 * n) for n, exchange in enumerate(taken)]
        + [(exchange.at + max(exchange.seconds, _LEAST_GAP), 2 * n + 1) for n, exchange in enumerate(taken)],
    )
    ticks = {event: tick for tick, (_, event) in enumerate(moments, 1)}
    exchanges = tuple(
        replace(
            exchange,
            number=n,
            sent=ticks[2 * n],
            received=ticks[2 * n + 1],
            concurrent=ticks[2 * n + 1] - ticks[2 * n] > 1,
        )
        for n, exchange in enumerate(taken)
    )
    return Recording(exchanges, base_url, skipped=len(entries) - len(exchanges))


def _taken(entry: dict[str, Any], base: str, where: str) -> Exchange | None:
    request = _get(entry, "request", dict, where)
    response = _get(entry, "response", dict, where)
    target = _get(request, "url", str, where).partition("#")[0].removeprefix(base)
    text = response.get("content", {}).get("text") if isinstance(response.get("content"), dict) else None
    answered = _get(response, "status", int, where) > 0
    if _get(request, "method", str, where) != "GET" or not target.startswith("/") or (answered and text is None):
        return None
    answer = _answer(response, None, where) if answered else None
    path, _, query = target.partition("?")
    signed = any(
        isinstance(header, dict) and str(header.get("name")).lower() == "authorization"
        for header in _get(request, "headers", list, where)
    )
    refused = answer is not None and answer.status in _REFUSED and not signed
    try:
        at = datetime.fromisoformat(_get(entry, "startedDateTime", str, where)).timestamp()
    except (ValueError, OverflowError, OSError):
        msg = f"{where} has no time"
        raise _MalformedError(msg) from None
    return Exchange(
        number=0,
        request=Request(path, query, "none" if refused else "admin"),
        answer=answer,
        failure=None if answer else Failure(FailureKind.CUT, "the recording holds no answer"),
        sent=0,
        received=0,
        at=at,
        seconds=_get(entry, "time", float, where) / 1000,
        probe="recording",
    )
