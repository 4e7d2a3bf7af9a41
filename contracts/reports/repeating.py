"""Lines for a POSIX shell that repeat a breach: the request that went wrong, in the situation in which it did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from contracts.core.model import Exchange, Judgement, Result
from contracts.core.wording import count
from contracts.traffic.curl import at_once, curl, on_one_connection

TIMES: Final = 8
"""How often a request is sent by the lines for what goes wrong now and then."""
_KEPT_FOR_OTHERS: Final = frozenset({"CACHE_OF_CALLERS", "REMEMBERED_CALLER"})


def lines(result: Result, judgement: Judgement) -> Iterator[str]:
    """The command that asks what went wrong once more, after a line that says what it brings about, if it does."""
    if judgement.finding is None or not judgement.finding.exchanges:
        return
    wrong, target = judgement.finding.decisive, result.target
    request = wrong.request
    plain = curl(target, request, follow=wrong.redirects > 0)
    kinds = {cause.kind for cause in result.causes if cause.tested and judgement.clause in cause.explains}
    if wrong.concurrent:
        beside = [one.request for one in result.exchanges if _overlaps(one, wrong)]
        if beside:
            yield f"# at the same time as {count(len(beside), 'other request')}; it may take several tries"
            yield at_once(target, request, *beside)
        else:
            yield "# asked at the same time as others, which one command can't show"
            yield plain
    elif request.credential != "admin" and kinds & _KEPT_FOR_OTHERS:
        admin = next((one for one in result.exchanges if _same(one, wrong) and one.request.credential == "admin"), None)
        if admin is not None:
            yield "# behind the admin's request, on the same connection"
            yield on_one_connection(target, admin.request, request)
        else:
            yield plain
    elif "CACHE" in kinds and (filled := _filled(result, wrong)) is not None:
        yield "# behind the request whose answer it gets"
        yield on_one_connection(target, filled.request, request)
    elif judgement.asked > judgement.seen > 0:
        yield f"# not each time: {judgement.seen} of {judgement.asked}"
        yield f"for each in {_numbers()}; do {plain}; done"
    else:
        yield plain


def _numbers() -> str:
    return " ".join(str(number) for number in range(1, TIMES + 1))


def _same(one: Exchange, other: Exchange) -> bool:
    return one.request.target == other.request.target and one.number != other.number


def _overlaps(one: Exchange, other: Exchange) -> bool:
    at_once = one.concurrent and one.sent < other.received and other.sent < one.received
    return at_once and one.number != other.number and one.request.credential == other.request.credential


def _filled(result: Result, wrong: Exchange) -> Exchange | None:
    """The first request that got the answer which this one got, if it asked for something else."""
    if wrong.answer is None:
        return None
    alike = (one for one in result.exchanges if one.answer is not None and one.answer.body == wrong.answer.body)
    first = next(alike, wrong)
    return first if first.number < wrong.number and first.request.target != wrong.request.target else None
