"""Goes to addresses with Chromium and saves what its DevTools recorded, as "Export HAR" of their network panel does.

Arguments: PROGRAM, HAR FILE, and "sanitized" or "sensitive"; on standard input the key and the addresses.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from playwright.sync_api import sync_playwright  # type: ignore[import-not-found]  # it is installed elsewhere

REQUESTS = """async ([without, least]) => {
  const { NetworkLog } = (await import("devtools://devtools/bundled/models/logs/logs.js")).NetworkLog;
  globalThis.recorded = () => NetworkLog.instance().requests().filter((one) => one.finished && one.url() !== without);
  while (recorded().length < least) await new Promise((resolve) => setTimeout(resolve, 50));
  return NetworkLog.instance().requests().length;
}"""
EXPORT = """async (sanitize) => {
  const { Progress } = (await import("devtools://devtools/bundled/core/common/common.js")).Progress;
  const { Writer } = (await import("devtools://devtools/bundled/models/har/har.js")).Writer;
  const pieces = [];
  const stream = { write: async (piece) => pieces.push(piece), close() {} };
  await Writer.write(stream, recorded(), { sanitize }, new Progress());
  return pieces.join("");
}"""
FETCH = """async ([address, key]) => {
  await (await fetch(address, { headers: key ? { Authorization: `Bearer ${key}` } : {} })).text();
}"""


def main(program: str, recording: str, mode: str) -> None:
    asked = json.load(sys.stdin)
    walks = [(address, asked["key"]) for address in asked["addresses"]]
    walks += [(address, "") for address in asked["addresses"][:2]]
    options = ["--no-sandbox", "--remote-debugging-port=0", "--remote-allow-origins=devtools://devtools"]
    with sync_playwright() as playwright:
        # A profile of its own, where it writes on which port it listens.
        profile = Path(recording).parent / f"profile-{mode}"
        context = playwright.chromium.launch_persistent_context(str(profile), executable_path=program, args=options)
        port = (profile / "DevToolsActivePort").read_text(encoding="utf-8").splitlines()[0]
        page, tools = context.new_page(), context.new_page()
        start = "{0.scheme}://{0.netloc}/start".format(urlsplit(walks[0][0]))
        page.goto(start)
        with urlopen(f"http://127.0.0.1:{port}/json") as answer:
            (target,) = (each["id"] for each in json.load(answer) if each["url"] == page.url)
        frontend = "devtools://devtools/bundled/devtools_app.html"
        tools.goto(f"{frontend}?ws=127.0.0.1:{port}/devtools/page/{target}")
        tools.wait_for_selector(".root-view", state="attached")
        # It records nothing of what was asked before it was ready.
        while not tools.evaluate(REQUESTS, [start, 0]):
            page.evaluate(FETCH, (start, ""))
        for walk in walks:
            page.evaluate(FETCH, walk)
        tools.evaluate(REQUESTS, [start, len(walks)])
        text = tools.evaluate(EXPORT, mode == "sanitized")
        Path(recording).write_text(text, encoding="utf-8")
        context.close()


main(*sys.argv[1:])
