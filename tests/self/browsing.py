"""What a person does with a browser or a proxy between: a session with a server, recorded in that tool's shape."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3

from contracts.mock.server import Server

BEGAN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Seen:
    """One request, and what came back."""

    url: str
    sent: dict[str, str]
    status: int
    reason: str
    received: list[tuple[str, str]]
    body: bytes
    at: float
    method: str = "GET"


class Session:
    """Asks a server, and keeps what a recorder would see."""

    def __init__(self, server: Server, checkpoint: str | None = None) -> None:
        self.server = server
        self.checkpoint = checkpoint or server.dataset.checkpoint
        self.seen: list[Seen] = []
        self._clock = 0.0
        self._pool = urllib3.PoolManager(retries=False)

    def get(self, checkpoint: str | None = None, key: str | None = "", **parameters: str | int) -> dict[str, Any]:
        """Ask for a page: with the admin key, another one, or (``None``) without any."""
        return self._ask(checkpoint, key, parameters)

    def _ask(self, checkpoint: str | None, key: str | None, parameters: Mapping[str, str | int]) -> dict[str, Any]:
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parameters.items())
        path = f"/fine_tuning/checkpoints/{quote(checkpoint or self.checkpoint, safe=':')}/permissions"
        url = f"{self.server.base_url}{path}{'?' if query else ''}{query}"
        sent = {"Accept": "*/*", "User-Agent": "Mozilla/5.0"}
        if key is not None:
            sent["Authorization"] = f"Bearer {key or self.server.dataset.admin_key}"
        answer = self._pool.request("GET", url, headers=sent)
        self._clock += 0.75
        self.seen.append(
            Seen(url, sent, answer.status, answer.reason or "", list(answer.headers.items()), answer.data, self._clock)
        )
        return json.loads(answer.data) if answer.status == 200 else {}

    def walk(self, **parameters: str | int) -> None:
        """Read page after page, as the official clients do, 100 at most."""
        page = self._ask(None, "", parameters)
        for _ in range(100):
            if not page.get("has_more") or not page.get("data"):
                return
            page = self._ask(None, "", {**parameters, "after": page["data"][-1]["id"]})

    def browse(self) -> None:
        """The requests of a user who opens every view."""
        self.get()
        for size in (100, 10):
            for order in ("descending", "ascending"):
                self.walk(limit=size, order=order)
        projects = {one.project_id for one in self.server.dataset.permissions}
        for project in sorted(projects)[:3]:
            self.walk(limit=20, order="descending", project_id=project)
        self.walk(limit=100, order="descending")


def _pairs(headers: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _archive(creator: str, entries: list[dict[str, Any]], **more: object) -> dict[str, Any]:
    return {"log": {"version": "1.2", "creator": {"name": creator, "version": "1"}, "entries": entries, **more}}


def chrome(seen: Iterable[Seen], *, sanitized: bool = True) -> bytes:
    """Chrome DevTools: pseudo-headers, fields of its own, and by default no Authorization."""
    entries = [
        {
            "_initiator": {"type": "script"},
            "_priority": "High",
            "_resourceType": "fetch",
            "cache": {},
            "connection": "443",
            "pageref": "page_1",
            "request": {
                "method": one.method,
                "url": one.url,
                "httpVersion": "http/2.0",
                "headers": _pairs(
                    [(":authority", "x"), (":method", one.method)]
                    + [pair for pair in one.sent.items() if not (sanitized and pair[0] == "Authorization")]
                ),
                "queryString": [],
                "cookies": [],
                "headersSize": -1,
                "bodySize": 0,
            },
            "response": {
                "status": one.status,
                "statusText": "",
                "httpVersion": "http/2.0",
                "headers": _pairs((name.lower(), value) for name, value in one.received),
                "cookies": [],
                "content": {"size": len(one.body), "mimeType": "application/json", "text": one.body.decode()},
                "redirectURL": "",
                "headersSize": -1,
                "bodySize": -1,
                "_transferSize": len(one.body),
            },
            "serverIPAddress": "127.0.0.1",
            "startedDateTime": (BEGAN + timedelta(seconds=one.at)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "time": 41.20000000111759,
            "timings": {"blocked": 2.1, "dns": -1, "ssl": -1, "connect": -1, "send": 0.2, "wait": 30, "receive": 1},
        }
        for one in seen
    ]
    page = {"startedDateTime": "2026-11-20T09:30:00.000Z", "id": "page_1", "title": "x", "pageTimings": {}}
    return json.dumps(_archive("WebInspector", entries, pages=[page])).encode()


def firefox(seen: Iterable[Seen]) -> bytes:
    """Firefox: local time, whole milliseconds, a base64 body now and then."""
    zone = timezone(timedelta(hours=1))
    entries = [
        {
            "startedDateTime": (BEGAN + timedelta(seconds=one.at)).astimezone(zone).isoformat(timespec="milliseconds"),
            "request": {
                "bodySize": 0,
                "method": one.method,
                "url": one.url,
                "httpVersion": "HTTP/1.1",
                "headers": _pairs(one.sent.items()),
                "cookies": [],
                "queryString": [],
                "headersSize": 300,
            },
            "response": {
                "status": one.status,
                "statusText": one.reason,
                "httpVersion": "HTTP/1.1",
                "headers": _pairs(one.received),
                "cookies": [],
                "content": {
                    "mimeType": "application/json; charset=utf-8",
                    "size": len(one.body),
                    **(
                        {"encoding": "base64", "text": base64.b64encode(one.body).decode()}
                        if number % 3 == 0
                        else {"text": one.body.decode()}
                    ),
                },
                "redirectURL": "",
                "headersSize": 200,
                "bodySize": len(one.body),
            },
            "cache": {},
            "timings": {"blocked": 0, "dns": 0, "connect": 0, "ssl": 0, "send": 0, "wait": 35, "receive": 0},
            "time": 35,
            "_securityState": "secure",
        }
        for number, one in enumerate(seen)
    ]
    return b"\xef\xbb\xbf" + json.dumps(_archive("Firefox", entries)).encode()


def mitmproxy(seen: Iterable[Seen]) -> bytes:
    """mitmproxy: microseconds, the size of the body on the wire, every header."""
    entries = [
        {
            "startedDateTime": (BEGAN + timedelta(seconds=one.at)).isoformat(),
            "time": 12.5,
            "request": {
                "method": one.method,
                "url": one.url,
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": _pairs(one.sent.items()),
                "queryString": [],
                "headersSize": 120,
                "bodySize": 0,
            },
            "response": {
                "status": one.status,
                "statusText": one.reason,
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": _pairs(one.received),
                "content": {"size": 9, "compression": 4, "mimeType": "application/json", "text": one.body.decode()},
                "redirectURL": "",
                "headersSize": 80,
                "bodySize": len(one.body),
            },
            "cache": {},
            "timings": {"connect": 1, "ssl": -1, "send": 0, "receive": 1, "wait": 10},
        }
        for one in seen
    ]
    return json.dumps(_archive("mitmproxy", entries)).encode()


def charles(seen: Iterable[Seen]) -> bytes:
    """Charles: HTTP/2 with pseudo-headers on both sides, base64 bodies, no sizes."""
    archive = json.loads(mitmproxy(seen))
    archive["log"]["creator"] = {"name": "Charles Proxy", "version": "4.6.6"}
    for entry in archive["log"]["entries"]:
        request, response = entry["request"], entry["response"]
        request["httpVersion"] = response["httpVersion"] = "HTTP/2.0"
        request["headers"] = _pairs([(":method", "GET"), (":authority", "x"), (":path", "/x")]) + request["headers"]
        response["headers"] = _pairs([(":status", str(response["status"]))]) + response["headers"]
        text = base64.b64encode(response["content"]["text"].encode()).decode()
        response["content"] = {"mimeType": "application/json", "encoding": "base64", "text": text}
        entry["_charlesStatus"] = response["_charlesStatus"] = "COMPLETE"
    return json.dumps(archive).encode()


def whole_seconds(seen: Iterable[Seen]) -> bytes:
    """A recorder whose clock shows whole seconds, several requests in each; the entries stand in order."""
    archive = json.loads(mitmproxy(seen))
    for entry in archive["log"]["entries"]:
        entry["startedDateTime"] = entry["startedDateTime"][:19] + "Z"
    return json.dumps(archive).encode()


def blotted(seen: Iterable[Seen], word: str = "[REDACTED]") -> bytes:
    """A recording in which each key was overwritten by hand."""
    archive = json.loads(mitmproxy(seen))
    for entry in archive["log"]["entries"]:
        for header in entry["request"]["headers"]:
            header["value"] = word if header["name"] == "Authorization" else header["value"]
    return json.dumps(archive).encode()


def without_content(seen: Iterable[Seen]) -> bytes:
    """An export without content."""
    archive = json.loads(mitmproxy(seen))
    for entry in archive["log"]["entries"]:
        del entry["response"]["content"]["text"]
    return json.dumps(archive).encode()


SHAPES = {"chrome": chrome, "firefox": firefox, "mitmproxy": mitmproxy}


def saved(folder: Path, content: bytes) -> Path:
    """The recording as a file."""
    file = folder / "browsed.har"
    file.write_bytes(content)
    return file


def broken(found: Iterable[Any]) -> Iterator[str]:
    """The clauses that are broken."""
    return (judgement.clause for judgement in found if judgement.verdict.value == "broken")
