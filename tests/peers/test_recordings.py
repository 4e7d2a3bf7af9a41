"""Recordings that real tools make of the embedded server, judged by `contracts replay`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import firefox
import pytest
import requests
from keeping import Served
from systems import Missing, System
from test_clients import FORM

from contracts.mock.server import Server
from contracts.openapi.loading import load_operation
from contracts.runs.target import embedded
from contracts.settings.settings import Settings

PLACE = os.environ.get("CONTRACT_PEERS", "")
HERE = Path(__file__).parent
OPERATIONS = ("", "listFiles")
MITMPROXY = System("mitmproxy", ("mitmproxy==12.3.1",), (), lambda *_: (), python=(3, 12))
PLAYWRIGHT = System("Playwright", ("playwright==1.65.2",), (), lambda *_: ())
Recorder = Callable[[str, list[str], Path], Path]
"""Asks addresses with a key, and leaves a recording in a folder."""


def programs(system: System) -> Path:
    if not PLACE:
        pytest.skip("installs what records, which `tox -e peers` does")
    try:
        return system.installed(Path(PLACE))
    except Missing as missing:
        pytest.skip(str(missing))


@contextmanager
def recording_proxy(file: Path) -> Iterator[str]:
    """The address of mitmdump, which writes the recording when it ends."""
    home = programs(MITMPROXY)
    words = ("--listen-host=127.0.0.1", "--quiet", f"--set=hardump={file}", f"--set=confdir={file.parent}")
    served = Served(lambda port: (f"{home}/mitmdump", *words, f"--listen-port={port}"), file.parent / "log")
    with served:
        yield served.base_url
        served.ask_to_end(signal.SIGINT)


def with_mitmproxy(key: str, addresses: list[str], folder: Path) -> Path:
    file = folder / "run.har"
    with recording_proxy(file) as proxy, requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": proxy}
        for address in addresses:
            session.get(address, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        for address in addresses[:2]:
            session.get(address, timeout=30)
    return file


def with_curl_through_mitmproxy(key: str, addresses: list[str], folder: Path) -> Path:
    file = folder / "run.har"
    with recording_proxy(file) as proxy:
        curl = ["curl", "-gsS", "--noproxy", "", "-x", proxy, "-o", "/dev/null"]
        for address in addresses:
            # From a file, so that the key is in no list of processes.
            config = f'header = "Authorization: Bearer {key}"\nurl = "{address}"\n'
            subprocess.run([*curl, "-K", "-"], input=config, text=True, check=True)
        for address in addresses[:2]:
            subprocess.run([*curl, address], check=True)
    return file


def with_playwright(key: str, addresses: list[str], folder: Path) -> Path:
    return _with_chromium(key, addresses, folder, "browse.py")


def with_chromium(key: str, addresses: list[str], folder: Path) -> Path:
    return _with_chromium(key, addresses, folder, "devtools.py", "sensitive")


def with_chromium_sanitized(key: str, addresses: list[str], folder: Path) -> Path:
    """What it exports by default: without the header of the key."""
    return _with_chromium(key, addresses, folder, "devtools.py", "sanitized")


def _with_chromium(key: str, addresses: list[str], folder: Path, script: str, *mode: str) -> Path:
    chromium = _installed("Chromium", "chromium", "google-chrome")
    python = programs(PLAYWRIGHT) / "python"
    file = folder / "run.har"
    asked = json.dumps({"key": key, "addresses": addresses})
    words = [str(python), str(HERE / script), chromium, str(file), *mode]
    done = subprocess.run(words, input=asked, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return file


def with_firefox(key: str, addresses: list[str], folder: Path) -> Path:
    walks = [*((address, key) for address in addresses), *((address, "") for address in addresses[:2])]
    return firefox.record(_installed("Firefox", "firefox", "firefox-esr"), folder, walks)


def _installed(name: str, *commands: str) -> str:
    for command in commands:
        if found := shutil.which(command):
            return found
    pytest.skip(f"{name} is not installed")


def with_curl_alone(key: str, addresses: list[str], folder: Path) -> Path:
    """What a script makes of the answers of curl and its ``-w '%{json}'``: no times but the whole, no sizes."""
    entries = []
    for number, (address, who) in enumerate([(each, key) for each in addresses] + [(addresses[0], "")]):
        body = folder / "body"
        header = f'header = "Authorization: Bearer {who}"\n' if who else ""
        line = ["curl", "-gsS", "-o", str(body), "-w", "%{json}\n%{header_json}", "-K", "-"]
        done = subprocess.run(line, input=f'{header}url = "{address}"\n', text=True, check=True, capture_output=True)
        told, headers = (json.loads(each) for each in _two(done.stdout))
        sent = [{"name": "Authorization", "value": f"Bearer {who}"}] if who else []
        entries.append(
            {
                "startedDateTime": f"2026-01-01T00:00:{number:02}.000Z",
                "time": told["time_total"] * 1000,
                "request": _message(method="GET", url=told["url"], headers=sent, queryString=[]),
                "response": _message(
                    status=told["response_code"],
                    statusText="",
                    headers=[{"name": name, "value": value} for name, all_ in headers.items() for value in all_],
                    content={"size": -1, "mimeType": told["content_type"], "text": body.read_text(encoding="utf-8")},
                    redirectURL="",
                ),
                "cache": {},
                "timings": {"send": 0, "wait": told["time_total"] * 1000, "receive": 0},
            }
        )
    file = folder / "run.har"
    log = {"version": "1.2", "creator": {"name": "curl", "version": "8"}, "entries": entries}
    file.write_text(json.dumps({"log": log}), encoding="utf-8")
    return file


def _two(text: str) -> list[str]:
    first, _, rest = text.partition("\n")
    return [first, rest]


def _message(**parts: Any) -> dict[str, Any]:
    return {"httpVersion": "HTTP/1.1", "cookies": [], "headersSize": -1, "bodySize": -1, **parts}


RECORDERS: dict[str, Recorder] = {
    "mitmproxy": with_mitmproxy,
    "curl through mitmproxy": with_curl_through_mitmproxy,
    "Playwright": with_playwright,
    "Chromium": with_chromium,
    "Chromium, sanitized": with_chromium_sanitized,
    "Firefox": with_firefox,
    "curl": with_curl_alone,
}


def addresses(server: Server, path: str, orders: tuple[str, ...]) -> Iterator[str]:
    """A walk in each order, page by page."""
    for order in orders:
        after = ""
        while True:
            address = f"{server.base_url}{path}?limit=20&order={order}{after}"
            yield address
            headers = {"Authorization": f"Bearer {server.dataset.admin_key}"}
            page = requests.get(address, headers=headers, timeout=30).json()
            if not page["has_more"]:
                break
            after = f"&after={page['data'][-1]['id']}"


def replayed(recording: Path, name: str) -> tuple[int, dict[str, Any]]:
    report = recording.parent / "report.json"
    words = [f"--spec={FORM}", f"--operation={name}"] if name else []
    done = subprocess.run(
        [sys.executable, "-m", "contracts", "replay", str(recording), "-q", f"--json={report}", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert report.exists(), done.stderr
    return done.returncode, json.loads(report.read_text(encoding="utf-8"))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", OPERATIONS, ids=["permissions", "files"])
@pytest.mark.parametrize("recorder", RECORDERS)
def test_what_a_tool_recorded_is_judged(recorder: str, name: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    if not PLACE:
        pytest.skip("runs tools of others, which `tox -e peers` does")
    operation = load_operation(FORM, name=name) if name else load_operation()
    before, behind = operation.around_scope
    orders = tuple(operation.order_words.values())
    for fault, broken in (("", set()), ("has-more-never", {"PAG-015"}), ("last-item-twice", {"PAG-008"})):
        with embedded(Settings(fault=fault or None), operation=operation) as server:
            path = f"{before}{server.dataset.checkpoint if operation.roles.scope else ''}{behind}"
            with embedded(Settings(), operation=operation) as right:
                asked = [each.replace(right.base_url, server.base_url) for each in addresses(right, path, orders)]
            folder = tmp_path / (fault or "right")
            folder.mkdir()
            recording = RECORDERS[recorder](server.dataset.admin_key, asked, folder)
            code, report = replayed(recording, name)
        assert urlsplit(report["target"]["base_url"]).netloc == urlsplit(server.base_url).netloc
        found = {each["id"] for each in report["clauses"] if each["verdict"] == "broken"}
        assert broken <= found if fault else found == set()
        assert code == (1 if fault else 6)
        assert fault or report["list"]["permissions"] == len(server.dataset.permissions)
