"""Lets Firefox ask addresses, with its network panel open, which saves what it recorded as a HAR file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_SECONDS = 600.0
"""How long the recording may take."""
_AGAIN_SECONDS = 20
"""After which the page is loaded once more: the panel records only loads that began after it was open."""
_PAGE = """<!doctype html><title>Asks</title><script>
for (const [address, key] of ASKED) {
  // One behind the other, and all before the page counts as loaded, which is when Firefox saves.
  const request = new XMLHttpRequest();
  request.open("GET", address, false);
  if (key) request.setRequestHeader("Authorization", "Bearer " + key);
  request.send();
}
setTimeout(() => location.reload(), AGAIN);
</script>"""


def record(program: str, folder: Path, walks: Sequence[tuple[str, str]]) -> Path:
    """The recording of a page that asks these addresses with these keys.

    Raises:
        AssertionError: Firefox did not save it in time.
    """
    start = f"{urlsplit(walks[0][0]).scheme}://{urlsplit(walks[0][0]).netloc}/page"
    page = _PAGE.replace("ASKED", json.dumps(walks)).replace("AGAIN", str(_AGAIN_SECONDS * 1000))
    saved, profile = folder / "saved", folder / "profile"
    saved.mkdir()
    profile.mkdir()
    with _proxy(start, page) as port, (folder / "firefox.log").open("wb") as log:
        preferences = _preferences(port, saved)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
        (profile / "user.js").write_text("".join(lines), encoding="utf-8")
        firefox = subprocess.Popen(
            [program, "--headless", "--no-remote", "--profile", str(profile), "--devtools", start],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | {"HOME": str(folder)},
        )
        try:
            return _saved(saved, len(walks))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(firefox.pid, signal.SIGKILL)
            firefox.wait()


def _saved(folder: Path, count: int) -> Path:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        for file in folder.iterdir():
            with suppress(ValueError):
                entries = json.loads(file.read_text(encoding="utf-8"))["log"]["entries"]
                if len(entries) >= count:
                    return file
        time.sleep(0.2)
    raise AssertionError("Firefox saved no recording")


def _preferences(port: int, saved: Path) -> dict[str, str | int | bool]:
    return {
        "devtools.toolbox.selectedTool": "netmonitor",
        "devtools.netmonitor.har.enableAutoExportToFile": True,
        "devtools.netmonitor.har.defaultLogDir": str(saved),
        # All goes to our proxy, so nothing leaves the machine.
        "network.proxy.type": 1,
        "network.proxy.http": "127.0.0.1",
        "network.proxy.http_port": port,
        "network.proxy.ssl": "127.0.0.1",
        "network.proxy.ssl_port": port,
        "network.proxy.allow_hijacking_localhost": True,
        "network.proxy.no_proxies_on": "",
        "network.captive-portal-service.enabled": False,
        "browser.aboutwelcome.enabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
    }


@contextmanager
def _proxy(start: str, page: str) -> Iterator[int]:
    """The port of a proxy that answers the address of the page itself, and reaches no other host than its."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == start:
                self._answer(200, [("Content-Type", "text/html; charset=utf-8")], page.encode())
            elif urlsplit(self.path).netloc == urlsplit(start).netloc:
                self._answer(*_passed(self.path, self.headers.get("Authorization")))
            else:
                self._answer(404, [], b"")

        def _answer(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _passed(address: str, authorization: str | None) -> tuple[int, list[tuple[str, str]], bytes]:
    request = urllib.request.Request(address)
    if authorization:
        request.add_header("Authorization", authorization)
    try:
        answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP]
        return answer.status, headers, answer.read()


_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding"}
