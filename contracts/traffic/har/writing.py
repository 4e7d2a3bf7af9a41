"""Recordings written; see `contracts.traffic.har`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import harfile

from contracts.core.files import writing
from contracts.core.model import Exchange
from contracts.core.result import Repetition
from contracts.traffic.credentials import CREDENTIALS
from contracts.traffic.decoding import CODINGS
from contracts.traffic.pool import REVALIDATE

FIELD: Final = "_contracts"
"""The field of a request for what HAR has no field for."""
FORMAT: Final = 1
"""The version of what stands in it."""


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
    said = {"contracts": FORMAT, "base_url": base_url, "about": dict(about or {})}
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
        return {**harfile.Request.asdict(self), FIELD: self.ours}


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
