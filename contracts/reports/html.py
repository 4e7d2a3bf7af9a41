"""The report in one HTML file that needs no network: verdicts, evidence, and the walks as a picture.

Nothing in it runs but our own script, which its Content-Security-Policy names by its hash; without a script it
shows the same, less comfortably.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.clauses.registry import clauses
from contracts.core.model import Exchange
from contracts.core.result import Finding, Result, Verdict
from contracts.core.wording import count
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.openapi.operation import Operation
from contracts.reports import repeating
from contracts.reports.picture import Picture, picture
from contracts.reports.safe import brief, plain
from contracts.reports.summary import GLYPHS, outcome
from contracts.reports.templating import asset, template
from contracts.reports.view import Report, shown_exchanges
from contracts.traffic.credentials import CREDENTIALS
from contracts.verdicts.tallying import tally

LONGEST_BODY: Final = 4096
"""Bytes of a body that are shown at most."""
BODIES: Final = 500_000
"""Bytes of all bodies that are shown together."""
_HEADERS: Final = 40
_LONGEST_HEADER: Final = 400


@dataclass(frozen=True, slots=True)
class Shown:
    """One exchange as it is shown, every text safe."""

    number: int
    request: str
    outcome: str
    status: int | None
    about: str
    headers: tuple[tuple[str, str], ...]
    more_headers: int
    body: str
    cut: str
    curl: str
    flaw: str


def render(report: Report, result: Result, operation: Operation) -> str:
    """The report as HTML."""
    evidence = Evidence(Reader(operation), result.target, result.exchanges)
    drawn = picture(evidence, findings(result, evidence), result.pieces)
    style, script = asset("report.css"), asset("report.js")
    return template("report.html").render(
        report=report,
        known={row.id for row in report.clauses},
        picture=drawn,
        exchanges=_exchanges(result, drawn),
        glyphs={verdict.value: sign for verdict, (sign, _) in GLYPHS.items()},
        count=count,
        style=style,
        script=script,
        policy="; ".join(
            (
                "default-src 'none'",
                f"style-src {_hash(style)}",
                f"script-src {_hash(script)}",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
    )


def findings(result: Result, evidence: Evidence) -> Mapping[str, Sequence[Finding]]:
    """All findings of the clauses that broke, by clause: a judgement shows only the smallest."""
    broken = {one.clause for one in result.judgements if one.verdict in {Verdict.BROKEN, Verdict.WARNED}}
    tallies = tally([clause for clause in clauses() if clause.id in broken], evidence)
    return {id_: kept.findings for id_, kept in tallies.items()}


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _exchanges(result: Result, drawn: Picture) -> tuple[Shown, ...]:
    """The exchanges that the report leads to: those of findings, and those of the pages that are drawn."""
    findings = (judgement.finding for judgement in result.judgements)
    wanted = {exchange.number: exchange for finding in findings if finding for exchange in shown_exchanges(finding)}
    walked = {block.number for block in drawn.blocks}
    wanted |= {exchange.number: exchange for exchange in result.exchanges if exchange.number in walked}
    longest = min(LONGEST_BODY, BODIES // max(1, len(wanted)))
    return tuple(_shown(result, wanted[number], longest) for number in sorted(wanted))


def _shown(result: Result, exchange: Exchange, longest: int) -> Shown:
    answer, request = exchange.answer, exchange.request
    body = answer.body if answer else b""
    headers = answer.headers if answer else ()
    text = body[:longest].decode("utf-8", "backslashreplace")
    parts = [
        f"probe {exchange.probe}",
        f"walk page {exchange.step.index + 1}" if exchange.step else "",
        f"{1000 * exchange.seconds:.0f} ms",
        CREDENTIALS[request.credential].sentence if request.credential != "admin" else "",
        "at once with others" if exchange.concurrent else "",
        f"repeats #{exchange.again[1]}" if exchange.again else "",
    ]
    return Shown(
        number=exchange.number,
        request=brief(f"GET {request.target}"),
        outcome=plain(outcome(exchange)),
        status=exchange.status,
        about=plain(" · ".join(part for part in parts if part)),
        headers=tuple(
            (plain(name[:_LONGEST_HEADER]), plain(value[:_LONGEST_HEADER])) for name, value in headers[:_HEADERS]
        ),
        more_headers=max(0, len(headers) - _HEADERS),
        body=_lines(text.replace("},{", "},\n{").split("\n")),
        cut=f"The first {longest} of {len(body)} bytes." if len(body) > longest else "",
        curl=repeating.command(result.target, exchange),
        flaw=brief(_flaw(exchange)),
    )


def _flaw(exchange: Exchange) -> str:
    if exchange.failure is not None:
        return exchange.failure.text
    return exchange.answer.flaw or "" if exchange.answer else ""


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(plain(line) for line in lines)
