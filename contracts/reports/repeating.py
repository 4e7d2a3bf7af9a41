"""Lines for a POSIX shell that repeat a breach: the request that went wrong, in the situation in which it did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from contracts.core.model import Exchange, Request, Target
from contracts.core.result import Finding, Judgement, Result
from contracts.core.wording import count
from contracts.reports.safe import plain
from contracts.traffic.curl import at_once, curl, on_one_connection

LONGEST: Final = 16_000
"""Characters of a command that are written: what a server lets be asked may be longer than a shell takes."""
TIMES: Final = 8
"""How often a request is sent by the lines for what goes wrong now and then."""
_KEPT_FOR_OTHERS: Final = frozenset({"CACHE_OF_CALLERS", "REMEMBERED_CALLER"})


def command(target: Target, exchange: Exchange, *, follow: bool = False) -> str:
    """The command that sends a request as it was sent, safe to show; of a very long one how long it is."""
    return plain(_bounded(curl(target, exchange.request, follow=follow)))


def lines(result: Result, judgement: Judgement) -> Iterator[str]:
    """The command that asks what went wrong once more, after a line that says what it brings about, if it does."""
    return map(_bounded, _lines(result, judgement))


def _bounded(line: str) -> str:
    if len(line) <= LONGEST:
        return line
    return f"# a command of {len(line):,} characters, too long to be shown: --record keeps the request"


def _lines(result: Result, judgement: Judgement) -> Iterator[str]:
    if judgement.finding is None or not judgement.finding.exchanges:
        return
    wrong, target = judgement.finding.decisive, result.target
    request = wrong.request
    once = curl(target, request, follow=wrong.redirects > 0)
    kinds = {cause.kind for cause in result.causes if cause.tested and judgement.clause in cause.explains}
    beside = [one.request for one in result.exchanges if _overlaps(one, wrong)]
    alike = [each for each in beside if each.credential == request.credential]
    company = _company(judgement.finding)
    if company is not None:
        yield "# after another caller's request, on the same connection"
        yield on_one_connection(target, company, request)
    elif "CACHE" in kinds and (filled := _filled(result, wrong)) is not None:
        yield "# after the request whose answer it gets"
        yield on_one_connection(target, filled.request, request)
    elif wrong.concurrent and request.credential == "admin" and not alike:
        yield "# asked at the same time as others, which one command can't show"
        yield once
    elif wrong.concurrent and request.credential == "admin":
        yield f"# at the same time as {count(len(alike), 'other request')}; it may take several tries"
        yield at_once(target, request, *alike)
    elif admin := next((each for each in beside if _of_admin(each, request)), None):
        yield "# at the same time as the admin's request; it may take several tries"
        yield f"{curl(target, admin)} >/dev/null & {once}; wait"
    elif request.credential != "admin" and kinds & _KEPT_FOR_OTHERS:
        before = next((one.request for one in result.exchanges if _of_admin(one.request, request)), None)
        if before is not None:
            yield "# after the admin's request, on the same connection"
            yield on_one_connection(target, before, request)
        else:
            yield once
    elif judgement.asked > judgement.seen > 0:
        yield f"# not each time: {judgement.seen} of {judgement.asked}"
        yield f"for each in {_numbers()}; do {once}; done"
    else:
        yield once


def _numbers() -> str:
    return " ".join(str(number) for number in range(1, TIMES + 1))


def _overlaps(one: Exchange, other: Exchange) -> bool:
    both = one.concurrent and other.concurrent and one.number != other.number
    return both and one.sent < other.received and other.sent < one.received


def _of_admin(one: Request, other: Request) -> bool:
    return one.credential == "admin" and other.credential != "admin" and one.target == other.target


def _company(finding: Finding) -> Request | None:
    """What another caller asked on the same connection before the request that went wrong, where that matters."""
    wrong = finding.decisive
    others = (one for one in finding.exchanges if one.request.credential != wrong.request.credential)
    shared = (one.request for one in others if one.connection is not None and one.connection == wrong.connection)
    return None if wrong.concurrent else next(shared, None)


def _filled(result: Result, wrong: Exchange) -> Exchange | None:
    """The first request that got the answer which this one got, if it asked for something else."""
    if wrong.answer is None:
        return None
    alike = (one for one in result.exchanges if one.answer is not None and one.answer.body == wrong.answer.body)
    first = next(alike, wrong)
    return first if first.number < wrong.number and first.request.target != wrong.request.target else None
