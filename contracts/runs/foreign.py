"""Recordings of other tools: which pages belong to one walk, and whether the list may have changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from contracts.core.model import Exchange, Page, Query, Step
from contracts.core.result import Judgement, Verdict
from contracts.evidence.evidence import Evidence
from contracts.evidence.movement import came_or_went
from contracts.evidence.reader import Reader

NOT_IN_IT = "a recording that shows such requests and answers"
QUIET = "a recording of a quiet list, in which a page is asked for twice"


def with_steps(reader: Reader, exchanges: Sequence[Exchange]) -> tuple[Exchange, ...]:
    """Say of each page to which walk it belongs: it goes on after the last item of an earlier one."""
    if reader.opaque:
        # By which token a page goes on is known once it is known which page gave each.
        reader = reader.fresh()
        reader.learn(exchanges)
    steps: dict[int, Step] = {}
    ends: dict[Query, list[int]] = defaultdict(list)
    """By the query that would go on behind them, the pages of which no other has gone on."""
    for page in _pages(reader, exchanges):
        before = ends[page.query] if page.query.after is not None else []
        if before:
            number = before.pop()
            place = steps.setdefault(number, Step(f"recorded {number}", 0))
            steps[page.exchange.number] = Step(place.walk, place.index + 1)
        elif page.query.after is None and (page.has_more is False or not page.items):
            steps[page.exchange.number] = Step(f"recorded {page.exchange.number}", 0)
        if page.ids:
            ends[replace(page.query, after=page.ids[-1])].append(page.exchange.number)
    return tuple(replace(exchange, step=steps.get(exchange.number)) for exchange in exchanges)


def _pages(reader: Reader, exchanges: Sequence[Exchange]) -> Iterator[Page]:
    for exchange in exchanges:
        query = reader.query(exchange)
        if query is None or exchange.concurrent or exchange.request.credential != "admin":
            continue
        page = reader.page(exchange, query)
        if page is not None:
            yield page


def may_have_changed(evidence: Evidence) -> str:
    """Why items may have come or gone between the answers; empty where the same requests brought the same items.

    A run looks at the whole list again and again to know that; who browses looks at one page again.
    """
    alike: dict[Query, list[frozenset[str]]] = defaultdict(list)
    for page in evidence.pages:
        alike[page.query].append(frozenset(page.ids))
    for pages in alike.values():
        for id_ in frozenset().union(*pages):
            if came_or_went([id_ in page for page in pages]):
                return "the list seems to have changed while it was recorded"
    repeated = any(len(pages) > 1 for pages in alike.values())
    return "" if repeated else "no page was asked for twice, so the list may have changed while it was recorded"


def of_another_tool(judgement: Judgement, changed: str) -> Judgement:
    """What was not asked again is not claimed where the list may have changed; and options do not help here."""
    if (
        changed
        and judgement.verdict is Verdict.BROKEN
        and judgement.finding is not None
        and judgement.finding.stable_list
    ):
        return replace(judgement, verdict=Verdict.INCONCLUSIVE, reason=changed, provide=QUIET, because="")
    if judgement.verdict is Verdict.NOT_EXERCISED and judgement.provide:
        return replace(judgement, provide=NOT_IN_IT)
    return judgement
