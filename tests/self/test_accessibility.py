"""The HTML report has no barrier that axe-core knows of, narrow or wide, light or dark, and is not too long.

``AXE=path/to/axe.min.js`` names it (``npm install axe-core``). Beside that Chromium must be there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from canary import key_like
from commanding import run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(os.environ.get("AXE", "axe.min.js"))
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"),
    pytest.mark.skipif(not AXE.is_file(), reason="AXE names no axe.min.js (npm install axe-core)"),
]

WIDTHS = (360, 1440)
LONGEST = 16_000
"""Pixels that a report may be long on a phone."""
REPORTS = {
    "kept": ("PAG", "ORD"),
    "broken": ("--fault", "cache-by-path"),
    "broken in walks": ("--fault", "list-is-a-ring"),
    "accepted and warned": ("PAG", "SEC-012", "--fault", "no-challenge"),
    "deep": ("PAG", "--deep"),
    "not judged": ("--base-url", "http://127.0.0.1:9/v1", "--checkpoint", "c"),
}
_CHECK = """
axe.run(document, {resultTypes: ["violations"]}).then(function (found) {
  var click = new MouseEvent("click", {bubbles: true, cancelable: true});
  document.querySelector("svg.row a.b")?.dispatchEvent(click);
  var panel = document.querySelector(".panel.full"), link = document.querySelector("a.b[aria-current]");
  var a = panel && panel.getBoundingClientRect(), b = link && link.getBoundingClientRect();
  parent.postMessage({
    violations: found.violations.map(function (each) { return each.id + ": " + each.nodes[0].failureSummary; }),
    height: document.documentElement.scrollHeight,
    beyond: document.documentElement.scrollWidth - innerWidth,
    covered: Boolean(a && b && a.top < b.bottom && b.top < a.bottom && a.left < b.right && b.left < a.right),
  }, "*");
});
"""
_FRAMES = """<!DOCTYPE html><title>frames</title>
<script>addEventListener("message", function (event) {
  var line = document.createElement("pre"); line.className = "seen";
  line.textContent = JSON.stringify(event.data); document.body.appendChild(line);
});</script>"""


def seen(report: str, folder: Path, *, dark: bool) -> list[dict[str, Any]]:
    """What the browser says of a report, in each width."""
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", report)
    axe = AXE.read_text(encoding="utf-8").replace("</script", "<\\/script")
    page = page.replace("</body>", f"<script>{axe}</script><script>{_CHECK}</script></body>")
    (folder / "report.html").write_text(page, encoding="utf-8")
    frames = "".join(f'<iframe src="report.html" width="{width}" height="900"></iframe>' for width in WIDTHS)
    (folder / "frames.html").write_text(f"{_FRAMES}<body>{frames}</body>", encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=2000,1000"]
    command += ["--allow-file-access-from-files", "--virtual-time-budget=60000", "--dump-dom"]
    command += ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = subprocess.run(
        [*command, (folder / "frames.html").as_uri()], capture_output=True, text=True, timeout=240, check=True
    )
    return [json.loads(unescape(each)) for each in re.findall(r'<pre class="seen">(.*?)</pre>', done.stdout, re.DOTALL)]


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_stands_in_the_way(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", key_like("admin", "of-no-server-0123456789"))
    embedded = {} if "--base-url" in REPORTS[name] else {"OPENAI_ADMIN_KEY": ""}
    path = tmp_path / "made.html"
    run("check", *REPORTS[name], "--quiet", "--html", str(path), env=embedded)
    for dark in (False, True):
        found = seen(path.read_text(encoding="utf-8"), tmp_path, dark=dark)
        assert len(found) == len(WIDTHS)
        for one in found:
            assert one["violations"] == []
            assert one["height"] <= LONGEST
            assert one["beyond"] <= 0
            assert not one["covered"]
