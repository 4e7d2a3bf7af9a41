"""The HTML report: one file that needs nothing, runs nothing of the target's, and draws walks where they went."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import harmless
import pytest
from harmless import Page
from results import HOSTILE, exchange, result
from test_reports import RUNS, hostile

from contracts.clauses.registry import find
from contracts.core.model import Answer, Order, Query, Step, Target
from contracts.core.result import Judgement, Result, Verdict
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.mock.faults import open_fault
from contracts.mock.server import Server
from contracts.mock.store import seeded
from contracts.mock.variants import open_variant
from contracts.openapi.loading import load_operation
from contracts.reports import html
from contracts.reports.picture import MOST_CELLS, Picture, Row, picture
from contracts.reports.templating import asset
from contracts.reports.view import Report
from contracts.runs.live import run
from contracts.runs.plan import Plan
from contracts.traffic.keys import Keys

OPERATION = load_operation()
CHECKPOINT = "ft:m:o::ckpt-1"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")


def rendered(made: Result) -> str:
    return html.render(Report.of(made, repeat="contracts check"), made, OPERATION)


def listed(*pages: str, walk: str = "walk 1", order: str = "descending", project: str = "", start: int = 0) -> Result:
    """A run of one walk; an item is a letter, its time falls from a to z, capitals are of a second project."""
    exchanges, after = [], ""
    for index, page in enumerate(pages):
        data = [
            {
                "object": "checkpoint.permission",
                "id": f"cp_{letter}",
                "created_at": 2_000_000_000 - ord(letter.lower()),
                "project_id": "proj_b" if letter.isupper() else "proj_a",
            }
            for letter in page
        ]
        more = index < len(pages) - 1
        body = json.dumps({"object": "list", "data": data, "has_more": more, "first_id": None, "last_id": None})
        query = f"order={order}" + (f"&after={after}" if after else "") + (f"&project_id={project}" if project else "")
        number = start + index
        exchanges.append(
            replace(
                exchange(number, query),
                answer=Answer(200, "OK", (("Content-Type", "application/json"),), body.encode()),
                sent=2 * number,
                received=2 * number + 1,
                step=Step(walk, index),
            )
        )
        after = f"cp_{page[-1]}" if page else after
    return result(exchanges=tuple(exchanges))


def together(*parts: Result) -> Result:
    return result(exchanges=tuple(each for part in parts for each in part.exchanges))


def drawn(made: Result) -> Picture:
    evidence = Evidence(Reader(OPERATION), made.target, made.exchanges)
    return picture(evidence, html.findings(made, evidence))


def rows(made: Result) -> dict[str, Row]:
    return {row.name: row for group in drawn(made).groups for row in (*group.rows, *group.others)}


def judged(server: Server, budget: int = 400) -> Result:
    data = server.dataset
    target = Target(server.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint, user_key=True)
    keys = Keys.of(data.admin_key, data.user_key)
    return run(Plan(target=target, keys=keys, operation=OPERATION, seed=1, budget=budget))


@cache
def of_server(size: int, fault: str = "", budget: int = 400) -> Result:
    server = open_fault(fault, 0) if fault else Server(seeded(size=size, projects=3))
    with server:
        return judged(server, budget)


# The page


PAGES = {**RUNS, "hostile": hostile(HOSTILE + "'\"><script>a()</script>"), "walk": listed("abc", "dEf", "g")}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_leads_nowhere_else(name: str) -> None:
    page = harmless.page(rendered(PAGES[name]))
    ids = [str(attributes["id"]) for _, attributes in page.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", PAGES)
def test_only_our_own_script_and_style_are_allowed(name: str) -> None:
    text = rendered(PAGES[name])
    (policy,) = [
        str(attributes["content"])
        for attributes in Page(text).every("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_a_reader_that_sees_nothing_hears_everything() -> None:
    page = Page(rendered(PAGES["walk"]))
    tags = [tag for tag, _ in page.tags]
    assert [attributes.get("lang") for attributes in page.every("html")] == ["en"]
    for landmark in ("header", "nav", "main", "footer", "aside"):
        assert landmark in tags
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    pictures = [attributes for attributes in page.every("svg") if attributes.get("aria-hidden") != "true"]
    assert pictures
    assert all(attributes.get("aria-label") and attributes.get("role") in {"img", "group"} for attributes in pictures)
    blocks = [attributes for attributes in page.every("a") if attributes.get("class") == "b"]
    assert [attributes["aria-label"] for attributes in blocks] == [
        "Page 1, the beginning: 3 items, has_more true",
        "Page 2, after cp_c: 3 items, has_more true",
        "Page 3, after cp_f: 1 item, has_more false",
    ]
    assert tags.count("tr") >= len(blocks), "each walk is a table as well"


def test_long_bodies_are_cut_and_say_so() -> None:
    made = listed("ab")
    (asked,) = made.exchanges
    assert asked.answer is not None
    long = replace(asked, answer=replace(asked.answer, body=asked.answer.body + b" " * 5000))
    text = rendered(replace(made, exchanges=(long,)))
    assert "The first 4096 of " in text
    assert " " * 4096 not in text


# The picture


def test_what_is_right_has_no_marks() -> None:
    made = together(listed("abc", "de"), listed("edc", "ba", walk="walk 2", order="ascending", start=10))
    picture_ = drawn(made)
    assert (picture_.items, picture_.per_cell, picture_.remark) == (5, 1, "")
    assert [row.marks for row in rows(made).values()] == [(), ()]
    first, second = rows(made)["walk 1"].blocks
    assert (first.hull.x, first.hull.width, second.hull.x, second.hull.width) == ("0%", "60%", "60%", "40%")
    first, second = rows(made)["walk 2"].blocks
    assert (first.hull.x, second.hull.x) == ("40%", "0%"), "ascending runs along the same axis, from the other end"


def broken(made: Result, *ids: str) -> Result:
    """The same result, in which these clauses broke."""
    judged = (Judgement(clause.id, clause.level, clause.title, Verdict.BROKEN) for clause in find(ids))
    return replace(made, judgements=tuple(judged))


def between(walk: Result) -> Result:
    """A walk between two looks that show what the list holds all the time."""
    return together(listed("abcdefghij", walk="look 1"), walk, listed("abcdefghij", walk="look 2", start=100))


@pytest.mark.parametrize(
    ("pages", "clause", "places"),
    [
        (("abc", "ef", "ghij"), "PAG-011", {"30%"}),
        (("ac", "defghij"), "PAG-012", {"10%"}),
        (("abcdefg",), "PAG-015", {"70%"}),
        (("abc", "cdefghij"), "PAG-010", {"20%"}),
        (("abca", "defghij"), "PAG-008", {"0%"}),
        (("abdc", "efghij"), "ORD-002", {"20%"}),
    ],
)
def test_what_breaks_a_clause_is_marked_where_it_is(pages: tuple[str, ...], clause: str, places: set[str]) -> None:
    made = broken(between(listed(*pages, start=50)), clause)
    row = rows(made)["walk 1"]
    assert {mark.text.partition(":")[0] for mark in row.marks} == {clause}
    assert {mark.x for mark in row.marks} == places
    assert [clause] == [found for found, _ in row.broken]
    assert [block.broken for block in row.blocks if block.broken] == [clause]


def test_what_breaks_no_clause_has_no_mark() -> None:
    made = between(listed("abdc", "efghij", start=50))
    assert rows(made)["walk 1"].marks == ()


def test_items_of_a_foreign_project_are_marked() -> None:
    whole = listed("abCDe", walk="control 1", start=100)
    row = rows(broken(together(whole, listed("abCe", walk="walk 1", project="proj_a")), "FLT-001"))["walk 1"]
    assert [(mark.text, mark.x) for mark in row.marks] == [("FLT-001: cp_C", "40%")]


@pytest.mark.parametrize("size", [0, 7, 57, 5000])
def test_a_right_server_has_no_marks_and_a_page_of_bearable_size(size: int) -> None:
    made = of_server(size)
    drawing = drawn(made)
    assert [row for group in drawing.groups for row in (*group.rows, *group.others) if row.marks] == []
    assert all(len({cell.x for cell in group.strip.cells}) <= MOST_CELLS for group in drawing.groups)
    text = rendered(made)
    Page(text)
    assert len(text.encode()) < 2_000_000
    assert ("nothing to draw" in text) == (size == 0)
    assert "a clause breaks here" not in text


def test_a_list_that_moves_has_no_marks() -> None:
    with open_variant("moves-all-the-time", 0) as server:
        made = judged(server)
    assert [row.broken for row in rows(made).values() if row.broken] == []
    assert drawn(made).remark == "The list changed meanwhile."


def test_a_list_that_is_walked_whole_is_bearable_as_well() -> None:
    made = of_server(1500, budget=700)
    assert drawn(made).items == 1500
    assert len(rendered(made).encode()) < 1_000_000


@pytest.mark.parametrize(
    ("fault", "clause"),
    [
        ("gap-on-large-pages", "PAG-012"),
        ("newest-pinned-to-every-page", "PAG-009"),
        ("ascending-by-hour", "ORD-003"),
        ("filter-ignored", "FLT-001"),
    ],
)
def test_a_fault_of_the_embedded_server_is_seen(fault: str, clause: str) -> None:
    assert any(clause in mark.text for row in rows(of_server(57, fault)).values() for mark in row.marks)
    assert "a clause breaks here" in rendered(of_server(57, fault))


# A browser

SCRIPTS = (
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "</style><script>document.title='owned'</script>",
    "</title><svg onload=\"document.title='owned'\">",
    "<img src=x onerror=\"document.title='owned'\">",
    "\"><svg/onload=document.title='owned'>",
    "' onfocus='document.title=1' autofocus='",
    "<iframe srcdoc=\"<script>parent.document.title='owned'</script>\">",
    "<math><mtext></table><mglyph><style><img src onerror=document.title='owned'>",
    "{{ 7 * 7 }}{% raw %}<details open ontoggle=document.title='owned'>",
    "javascript:document.title='owned'",
    "]]><!--><script>document.title='owned'</script><!--",
    "<a href=javascript:document.title='owned' id=x autofocus>x</a>",
    "&#x3C;script&#x3E;document.title='owned'&#x3C;/script&#x3E;",
    "<template shadowrootmode=open><script>document.title='owned'</script></template>",
    "<style>@import 'https://evil.example/x';body{display:none}</style>",
    "<noscript><p title=\"</noscript><img src=x onerror=document.title='owned'>\">",
    "\u2028document.title='owned'//`${document.title='owned'}`\\",
    "<base href='https://evil.example/'><meta http-equiv=refresh content='0;url=https://evil.example/'>",
)


def in_browser(page: Path, folder: Path, *words: str) -> str:
    """What Chromium makes of a file."""
    assert CHROMIUM is not None
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio"),
        *(f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=3000", *words, "--dump-dom", page.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=120)
    return done.stdout


def with_ids(*texts: str) -> Result:
    """A walk over items whose ids and projects are these texts, in a result that quotes them everywhere."""
    made = hostile("".join(texts))
    data = [
        {"object": "checkpoint.permission", "id": text, "created_at": 2_000_000_000 - at, "project_id": text}
        for at, text in enumerate(texts)
    ]
    body = json.dumps({"object": "list", "data": data, "has_more": False}).encode()
    request = OPERATION.request(Query(CHECKPOINT, order=Order.DESCENDING))
    walked = replace(
        made.exchanges[0],
        number=7,
        request=request,
        answer=Answer(200, "OK", tuple((text, text) for text in texts), body),
        step=Step("".join(texts), 0),
    )
    return replace(made, exchanges=(*made.exchanges, walked))


@browser
def test_nothing_of_the_target_runs_in_a_browser(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    made = with_ids(*SCRIPTS)
    file.write_text(rendered(made), encoding="utf-8")
    assert drawn(made).items == len(SCRIPTS), "the ids are in the picture"
    dom = in_browser(file, tmp_path)
    assert "<title>Broken · List checkpoint permissions</title>" in dom
    page = Page(dom)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"iframe", "img", "math", "base", "object", "embed"}
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert len(list(page.every("meta"))) == 5
    assert 'class="js"' in dom, "our own script ran"


@browser
def test_the_browser_would_run_a_script_that_the_policy_lets_in(tmp_path: Path) -> None:
    """The payloads above can do what they try; else their test could not fail."""
    file = tmp_path / "page.html"
    file.write_text(f"<!DOCTYPE html><title>untouched</title>{SCRIPTS[0]}", encoding="utf-8")
    assert "<title>owned</title>" in in_browser(file, tmp_path)
    text = rendered(RUNS["kept"]).replace("</body>", f"{SCRIPTS[0]}</body>")
    file.write_text(text, encoding="utf-8")
    assert "<title>Kept · List checkpoint permissions</title>" in in_browser(file, tmp_path), "the policy keeps it out"


@browser
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("size", [0, 7, 57, 5000])
def test_no_width_makes_the_page_scroll_sideways(size: int, width: int, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    probe = f"""<!DOCTYPE html><iframe id=f width={width} height=800 src=report.html></iframe><script>
        document.getElementById('f').onload=function(){{var d=this.contentDocument.documentElement;
        document.title=d.scrollWidth+' of '+d.clientWidth}}</script>"""
    file.write_text(rendered(of_server(size)), encoding="utf-8")
    outer = tmp_path / "outer.html"
    outer.write_text(probe, encoding="utf-8")
    dom = in_browser(outer, tmp_path, "--allow-file-access-from-files", "--window-size=1600,900")
    (found,) = re.findall(r"<title>(\d+) of (\d+)</title>", dom)
    assert int(found[0]) <= int(found[1])


@browser
def test_a_block_shows_its_exchange(tmp_path: Path) -> None:
    made = broken(between(listed("abc", "ef", "ghij", start=50)), "PAG-011")
    act = """
        var rows=document.querySelectorAll('svg.row'), blocks=rows[1].querySelectorAll('a.b');
        function press(key){document.activeElement.dispatchEvent(new KeyboardEvent('keydown',{key:key,bubbles:true}))}
        function seen(){return document.querySelector('#panel h3').textContent}
        var said=[[].filter.call(rows[1].querySelectorAll('a.b'),function(b){return b.tabIndex===0}).length];
        blocks[0].dispatchEvent(new MouseEvent('click',{bubbles:true,cancelable:true})); said.push(seen());
        press('ArrowRight'); said.push(seen()); press('End'); said.push(seen()); press('ArrowUp'); said.push(seen());
        said.push(document.querySelector('#panel pre.body').textContent.indexOf('cp_a')>0);
        press('Escape'); said.push(document.querySelector('#panel').textContent);
        document.title=JSON.stringify(said);
    """
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", rendered(made))
    file = tmp_path / "report.html"
    file.write_text(text.replace("</body>", f"<script>{act}</script></body>"), encoding="utf-8")
    title = re.findall(r"<title>(.*?)</title>", in_browser(file, tmp_path), re.DOTALL)[0]
    assert json.loads(title) == [
        1,
        "Page 1, the beginning: 3 items, has_more true",
        "Page 2, after cp_c: 2 items, has_more true; breaks PAG-011",
        "Page 3, after cp_f: 4 items, has_more false",
        "Page 1, the beginning: 10 items, has_more false",
        True,
        "",
    ]


# Colours


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_texts_stand_out(scheme: int) -> None:
    style = asset("report.css")
    block = re.findall(r":root\{(.*?)\}", style, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+):(#[0-9a-f]+)", block))
    full = {
        name: "#" + "".join(2 * each for each in value[1:]) if len(value) == 4 else value
        for name, value in colours.items()
    }
    for name in ("ink", "dim", "link", "kept", "broken", "warned", "open", "none"):
        for ground in ("bg", "card", "soft"):
            assert _contrast(full[name], full[ground]) >= 4.5, (name, ground)
    for ground in ("hull", "hull2"):
        assert _contrast(full["ink"], full[ground]) >= 4.5
    for name in ("c0", "c1", "c2", "c3", "c4", "c5", "focus"):
        assert _contrast(full[name], full["card"]) >= 3, name
