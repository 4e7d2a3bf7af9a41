"""The report as Markdown: for a pull request, and for the summary of a job on GitHub."""

from __future__ import annotations

from contracts.core.wording import count
from contracts.reports.templating import template
from contracts.reports.view import Report

SUMMARY_LIMIT = 1024 * 1024
"""Bytes that GitHub takes as the summary of one step."""

_BREAK = "\f"
"""Stands in the template where the text may be cut. No text of a report holds a form feed."""


def render(report: Report, limit: int | None = None) -> str:
    """The report as Markdown, of at most so many bytes; what is cut is said in its last sentence."""
    blocks = [block.strip("\n") for block in template("summary.md").render(report=report).split(_BREAK)]
    blocks = [block for block in blocks if block]
    text = _joined(blocks)
    if limit is None or len(text.encode()) <= limit:
        return text
    if limit <= 0:
        return ""
    for kept in range(len(blocks) - 1, 0, -1):
        left_out = count(len(blocks) - kept, "section")
        text = _joined(
            [*blocks[:kept], f"*The report is cut here: {left_out} did not fit; the other reports have all.*"]
        )
        if len(text.encode()) <= limit:
            return text
    return ""


def _joined(blocks: list[str]) -> str:
    return "\n\n".join(blocks) + "\n"
