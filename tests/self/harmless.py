"""What a report must be for whoever reads it, whatever a target sent: well formed, and nothing but text of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
from markdown_it import MarkdownIt

from contracts.reports import as_json
from contracts.traffic.har import read_har

VOID = {"meta", "br", "hr", "input", "link", "img"}
_OURS_IN_MARKDOWN = {"details", "/details", "summary", "/summary", "b", "/b", "code", "/code", "!--"}
_COMMAND = re.compile(r"::(error|warning|notice) title=[^:,\r\n]*::[^\r\n]*")


class Page(HTMLParser):
    """What a page consists of; it fails where tags are not closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def every(self, name: str) -> Iterator[dict[str, str | None]]:
        return (attributes for tag, attributes in self.tags if tag == name)


def page(text: str) -> Page:
    """A page of HTML in which only our own script can run, and which leads nowhere else."""
    read = Page(text)
    ids = {str(attributes["id"]) for _, attributes in read.tags if "id" in attributes}
    for tag, attributes in read.tags:
        assert tag not in {"img", "iframe", "object", "embed", "link", "form", "base", "math"}
        assert not [key for key in attributes if key.startswith("on") or key in {"src", "style", "srcset", "action"}]
        if "href" in attributes:
            link = str(attributes["href"])
            assert link.startswith("#")
            assert link[1:] in ids, f"{link} leads nowhere"
    assert len(list(read.every("script"))) == 1
    policies = [one for one in read.every("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    return read


def markdown(text: str) -> Counter[str]:
    """What an independent reader of Markdown finds in a text: no markup but ours."""
    renderer = MarkdownIt("commonmark", {"html": True}).enable("table")
    found = [each for token in renderer.parse(text) for each in (token, *(token.children or ()))]
    assert not {"link_open", "image", "em_open", "s_open"} & {each.type for each in found}
    for each in found:
        if each.type in {"html_inline", "html_block"}:
            assert set(re.findall(r"<(/?[a-z!-]+)", each.content)) <= _OURS_IN_MARKDOWN
    quiet = {"text", "html_inline", "softbreak", "text_special"}
    return Counter(each.type for each in found if each.type not in quiet)


def junit(text: str) -> ET.Element:
    """Well-formed XML of no other elements than those of JUnit."""
    root = ET.fromstring(text)
    tags = {
        "testsuites",
        "testsuite",
        "testcase",
        "properties",
        "property",
        "failure",
        "error",
        "skipped",
        "system-out",
    }
    assert {each.tag for each in root.iter()} <= tags
    return root


def report(text: str) -> dict[str, Any]:
    """JSON as its schema says."""
    loaded: dict[str, Any] = json.loads(text)
    jsonschema.Draft202012Validator(as_json.schema()).validate(loaded)
    return loaded


def lines(text: str, *, commands: bool = False) -> None:
    """Lines that a terminal shows and does not act on; commands to GitHub Actions, if at all, are our own."""
    for line in text.split("\n"):
        assert line.isprintable(), line
        assert "##[" not in line
        assert "##vso[" not in line
        if line.lstrip().startswith("::"):
            assert commands, line
            assert _COMMAND.fullmatch(line), line


def files(folder: Path) -> None:
    """Every report and the recording that a run left in a folder."""
    report((folder / "report.json").read_text(encoding="utf-8"))
    junit((folder / "report.junit").read_text(encoding="utf-8"))
    page((folder / "report.html").read_text(encoding="utf-8"))
    text = (folder / "report.markdown").read_text(encoding="utf-8")
    markdown(text)
    lines(text)
    if (folder / "run.har").exists():
        read_har(folder / "run.har")
