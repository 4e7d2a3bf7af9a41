"""INP: what the bodies of errors tell, and what they repeat."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from contracts.clauses.passages import JSON, SUCCESS
from contracts.clauses.registry import Outcome, clause
from contracts.core.model import JSON_MEDIA_TYPE, Capability, Exchange
from contracts.core.result import HELD, Finding, Inapplicable, Level
from contracts.core.wording import short

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

ERRORS = range(400, 600)
INTERNALS = tuple(
    (re.compile(pattern, re.IGNORECASE if any_case else 0), kind)
    for pattern, any_case, kind in (
        (r"Traceback \(most recent call last\)", False, "a Python stack trace"),
        (r"File \"[^\"\n]+\.py\", line \d+", False, "a Python stack trace"),
        (r"\bat [\w$.<>\[\] ]{1,300}\([\w./\\:-]+\.(?:java|kt|scala|[mc]?js|ts|cs)(?::\d+)+\)", False, "a stack trace"),
        (r"\bat [\w$.]+\((?:Native Method|Unknown Source|[\w]+\.(?:java|kt|scala):\d+)\)", False, "a Java stack trace"),
        (r"\bat (?:async )?(?:file://)?/[\w./-]+\.(?:m|c)?[jt]s:\d+:\d+", False, "a JavaScript stack trace"),
        (r"\bin [\w./\\:]+\.(?:cs|vb):line \d+", False, "a .NET stack trace"),
        (r"goroutine \d+ \[|panic: runtime error|(?<![\w/.-])[\w/.-]+\.go:\d+ \+0x", False, "a Go stack trace"),
        (r"(?<![\w./-])[\w./-]+\.rb:\d+:in [`']", False, "a Ruby stack trace"),
        (r"(?<![\w./-])[\w./-]+\.php(?:</b>)?(?: on line (?:<b>)?|:)\d+|Stack trace:\s*#0", True, "a PHP stack trace"),
        (r"thread '[^']*' panicked at|(?<![\w/.-])[\w/.-]+\.rs:\d+:\d+", False, "a Rust stack trace"),
        (r"\b(?:java|javax|org|com)\.[\w.]{1,200}(?:Exception|Error)\b", False, "the name of an internal exception"),
        (
            r"\b(?:sqlalchemy|psycopg2?|asyncpg|sqlite3|pymysql|MySQLdb|django\.db|mysql\.connector)\.\w+",
            False,
            "a database error",
        ),
        (r"\bMongo(?:Server|Network|Bulk\w*)?Error\b|\bRedis\w*Error\b|\bE11000\b", False, "a database error"),
        (r"\b[a-z][a-z0-9+]{2,20}://[^\s:/@\"']{0,80}:[^\s/@\"']{1,80}@[\w.-]", True, "an address with its password"),
        (
            r"SQLSTATE[\[ :=]+\w{5}\b|ORA-\d{5}|syntax error at or near|You have an error in your SQL syntax",
            True,
            "an SQL error",
        ),
        (r"\b(?:SELECT|select) .{1,200}? (?:FROM|from) \w|\bINSERT INTO \w|\bWHERE \w+ ?(?:=|LIKE|IN)", False, "SQL"),
        (r"\*\* \((?:\w+\.)*\w*(?:Error|Exit)\)|(?<![\w./-])[\w./-]+\.exs?:\d+", False, "an Elixir stack trace"),
        (
            r"\bSQLITE_[A-Z]+\b|\bCastError: Cast to|\bWRONGTYPE Operation|\b[a-z]+_phase_execution_exception\b",
            False,
            "a database error",
        ),
        (
            r"\bE(?:CONN[A-Z]+|HOSTUNREACH|TIMEDOUT) [\w.-]+:\d+|\bdial tcp \S+:\d+|\bgetaddrinfo E[A-Z_]+ \S",
            False,
            "an address inside its network",
        ),
        (r"\b(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|rediss?|amqps?)://[\w.-]", True, "the address of a database"),
        (r"near \"[^\"]*\": syntax error|no such (?:table|column):|unrecognized token:", True, "an SQL error"),
        (r"Werkzeug Debugger|__debugger__|You're seeing this error because you have <code>DEBUG", True, "a debug page"),
        (r"Whoops, looks like something went wrong|Whitelabel Error Page|Symfony\\Component", True, "a debug page"),
        (
            r"(?:^|[\s\"'(=:])/(?:usr|home|opt|srv|var|app|root|etc|src|workspace|code)/[\w.-]+(?:/[\w.-]+)*",
            False,
            "a path of its disk",
        ),
        (r"\b[A-Z]:\\\\?(?:[\w .-]+\\\\?)+", False, "a path of its disk"),
    )
)


@clause(
    "INP-006",
    Level.SECURITY,
    "Error bodies tell no internals",
    quote=SUCCESS,
    why="Stack traces, paths and SQL tell an attacker where to push.",
    good='400 {"error": {"message": "Invalid value for limit."}}',
    bad='500 Traceback (most recent call last): File "/app/api.py", line 88',
    probes=("inputs", "access.odd", "scope.unknown", "scope.near"),
    decided_by="answer",
    even_once=True,
)
def errors_tell_no_internals(evidence: Evidence) -> Iterator[Outcome]:
    for exchange, body in _error_bodies(evidence):
        asked = unquote(exchange.request.target)
        internal = next((each for each in _internals(body) if each[1].strip(" \"'(=:") not in asked), None)
        if internal:
            yield Finding("an error in the caller's words", f"{internal[0]}: {short(internal[1].strip())}", (exchange,))
        else:
            yield HELD


@lru_cache(maxsize=256)
def _internals(body: str) -> tuple[tuple[str, str], ...]:
    """The kinds of internals that a body shows, each with the words that show it.

    Kept, because a run looks at the same bodies again and again.
    """
    return tuple((kind, match.group()) for pattern, kind in INTERNALS if (match := pattern.search(body)))


def _error_bodies(evidence: Evidence) -> Iterator[tuple[Exchange, str]]:
    for exchange in evidence.exchanges:
        if exchange.answer is not None and exchange.answer.status in ERRORS and not exchange.answer.flaw:
            yield exchange, exchange.answer.body[:65_536].decode("utf-8", "replace")


@clause(
    "INP-007",
    Level.ADVISORY,
    "Error bodies are JSON with an `error` object",
    quote=JSON,
    why="The official clients read message, type, param and code from it; other bodies become nameless errors.",
    good='{"error": {"message": "…", "type": "invalid_request_error", "param": "limit", "code": null}}',
    bad="Bad Request",
    probes=("inputs", "access.forms", "scope.unknown", "filters.unknown"),
    requires={Capability.ERROR_OBJECT},
    decided_by="answer",
    even_once=True,
)
def errors_have_the_usual_shape(evidence: Evidence) -> Iterator[Outcome]:
    for exchange, body in _error_bodies(evidence):
        if exchange.request.accept != JSON_MEDIA_TYPE:
            continue  # who asks for a page may get one
        if exchange.request.credential != "admin" and evidence.reading(exchange).scope is None:
            continue  # a path that is not the operation's is answered by whatever stands before it
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            yield Finding("JSON with an error object", short(body) if body else "an empty body", (exchange,))
            continue
        error = value.get("error") if isinstance(value, dict) else None
        lacking = [
            name for name in ("message", "type", "param", "code") if not isinstance(error, dict) or name not in error
        ]
        if lacking:
            yield Finding(
                "an error object with message, type, param and code", f"without {', '.join(lacking)}", (exchange,)
            )
        else:
            yield HELD
    if not any(True for _ in _error_bodies(evidence)):
        yield Inapplicable("nothing of the run was answered with an error")


TAG = re.compile(r"<[a-z][a-z0-9]*(?:\s[^<>]*)?>", re.IGNORECASE)
MARKUP = frozenset({"text/html", "application/xhtml+xml", "image/svg+xml"})
"""The media types that a browser shows as a page, with its scripts."""


@clause(
    "INP-009",
    Level.SECURITY,
    "An error repeats no markup of the request, and no credentials",
    quote=SUCCESS,
    why="Who makes up a link has his script run under the address of the API; and errors end up in logs.",
    good="limit=<i>: 400, application/json",
    bad="limit=<i>: 400, text/html, with <i> as it was sent",
    probes=("inputs", "access.odd"),
    decided_by="answer",
)
def errors_repeat_no_markup(evidence: Evidence) -> Iterator[Outcome]:
    for exchange, body in _error_bodies(evidence):
        answer = exchange.answer
        # Repeated credentials are judged by SEC-009.
        own = exchange.request.credential == "admin" or exchange.failed
        echoes = [echo for echo in answer.echoes if echo.large] if answer is not None and own else []
        if echoes:
            repeated = "; ".join(map(str, echoes))
            yield Finding("no credential in an error", f"it repeats the credential: {repeated}", (exchange,))
        sent = set(TAG.findall(unquote(unquote(exchange.request.target).replace("+", " "))))
        if not sent or answer is None:
            continue
        kind = answer.header("content-type")
        shown = kind.partition(";")[0].strip().lower() in MARKUP if kind is not None else body.lstrip()[:1] == "<"
        found = next((tag for tag in sorted(sent) if tag in body), None) if shown else None
        if found is not None:
            yield Finding(
                f"no {found} as markup",
                f"{found} as it was sent, in {kind or 'a body without a media type'}",
                (exchange,),
            )
        elif not echoes:
            yield HELD
