"""INP: what the document does not allow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from contracts.clauses.common import SIBLINGS_WORDS, denied, odd, only
from contracts.clauses.passages import ALL_PERMISSIONS, CHECKPOINT, JSON, ORDER_WORDS, SUCCESS
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import JSON_MEDIA_TYPE, Capability, Exchange, FailureKind, Order, Query
from contracts.core.result import HELD, Finding, Inapplicable, Level, Unshown
from contracts.core.wording import count, names, short
from contracts.openapi.grammar import Oddity
from contracts.openapi.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

INTEGER = Quote("type: integer default: 10", at="parameters/limit/schema")
ERRORS = range(400, 600)
MOST_DIGITS = 100
HUGE: int = 10**MOST_DIGITS
"""Every number of more digits is taken for this one."""
BROKEN = frozenset({FailureKind.CUT, FailureKind.FATAL, FailureKind.GARBLED, FailureKind.TIMEOUT})


def _answered_as_valid(evidence: Evidence, role: str, kind: Oddity, expected: str) -> Iterator[Outcome]:
    for exchange, found in odd(evidence):
        if not only(found, role, kind) or exchange.answer is None or exchange.failure:
            continue
        if denied(exchange):
            yield HELD
        elif not exchange.failed and not exchange.refused:
            value = evidence.reading(exchange).values[role][0]
            yield Finding(f"a 4xx: {expected}", f"status {exchange.status} for {role}={short(value)}", (exchange,))


@clause(
    "INP-001",
    Level.ROBUSTNESS,
    "`order` outside its two values is not answered as if it were valid",
    quote=ORDER_WORDS,
    why="A client with a typing mistake gets another order than it believes.",
    good="order=sideways: 400",
    bad="order=sideways: 200, as for descending",
    probes=("inputs.orders", "inputs.combined"),
    requires={Capability.ORDER},
    decided_by="answer",
)
def order_is_one_of_two(evidence: Evidence) -> Iterator[Outcome]:
    for outcome in _answered_as_valid(evidence, "order", Oddity.OUTSIDE, "`order` has two values"):
        # Whether the words of the vendor's other lists are accepted too is a question (OBS-007), not a breach.
        if not isinstance(outcome, Finding) or _word(evidence, outcome) not in SIBLINGS_WORDS:
            yield outcome


def _word(evidence: Evidence, finding: Finding) -> str:
    return evidence.reading(finding.exchanges[0]).values["order"][0]


@clause(
    "INP-002",
    Level.ROBUSTNESS,
    "`limit` that is no integer is not answered as if it were valid",
    quote=INTEGER,
    why="A client with a mistake gets a page of a size that it did not ask for.",
    good="limit=ten: 400",
    bad="limit=ten: 200, as without limit",
    probes=("inputs.limits",),
    caused_by=("PAG-015",),
    decided_by="answer",
)
def limit_is_an_integer(evidence: Evidence) -> Iterator[Outcome]:
    yield from _answered_as_valid(
        evidence, "limit", Oddity.NO_INTEGER, f"{evidence.operation.roles.limit} is an integer"
    )
    yield from _answered_rightly(evidence)


def _answered_rightly(evidence: Evidence) -> Iterator[Outcome]:
    """Numbers beyond 64 bits, and other writings of a number: refused, or a page that is right for the number."""
    default = evidence.default_size
    # Where the flag or token is wrong with right limits as well, that is another breach.
    ends = (
        page for page, order in evidence.sound if page.has_more is False and evidence.listing.following(page, order)
    )
    flag_is_wrong = next(ends, None) is not None
    # Without a flag or a token, clients take a page that is not full for the last one.
    has = evidence.operation.capabilities
    short_pages_end = Capability.MORE not in has and Capability.FULL_PAGES in has
    for exchange, found in odd(evidence):
        if not only(found, "limit", Oddity.HUGE, Oddity.AMBIGUOUS) or exchange.answer is None or exchange.failure:
            continue
        value = evidence.reading(exchange).values["limit"][0]
        number = number_of(value)
        if denied(exchange):
            yield HELD
            continue
        query = _without_limit(evidence, exchange)
        page = evidence.page(exchange, query)
        if page is None or number is None or number < 1:
            continue
        size = len(page.items)
        asked = f"limit={short(value)}"
        follows = evidence.listing.following(page, evidence.asked_order(query))
        lost = follows if page.has_more is False else None
        if size > number:
            yield Finding(
                f"a 4xx, or at most {count(number, 'item')}", f"{count(size, 'item')} for {asked}", (exchange,)
            )
        elif page.has_more and size < number and size not in {evidence.cap, default}:
            yield Finding("a 4xx, or a full page", f"{count(size, 'item')} and has_more true for {asked}", (exchange,))
        elif short_pages_end and follows is not None and size < min(number, evidence.cap) and size != default:
            yield Finding(
                "a 4xx, or a full page",
                f"{count(size, 'item')} for {asked}, and {short(follows)} follows",
                (exchange, evidence.listing.shown_in(follows, exchange)),
            )
        elif lost is not None and flag_is_wrong:
            continue
        elif lost is not None:
            yield Finding(
                f"a 4xx, or {short(lost)} on the page or has_more true",
                f"{count(size, 'item')} and has_more false for {asked}",
                (exchange, evidence.listing.shown_in(lost, exchange)),
            )
        else:
            yield HELD


def number_of(text: str) -> int | None:
    """The number that some parser of integers reads from a text; ``None`` if that is not clear."""
    if len(text) > MOST_DIGITS:
        return HUGE
    try:
        return int(re.sub(r"\.0+$", "", text))
    except ValueError:
        return None


@clause(
    "INP-003",
    Level.ROBUSTNESS,
    "limit=0 or below gives a 4xx, or no more than a default first page",
    quote=INTEGER,
    why="-1 means «no limit» to many databases: one request fetches everything.",
    good="limit=-1: 400",
    bad="limit=-1: all 57 permissions",
    probes=("inputs.limits", "inputs.combined"),
    reference=("walks.heads",),
    decided_by="list",
)
def no_limit_below_one(evidence: Evidence) -> Iterator[Outcome]:
    outcomes = list(_below_one(evidence))
    # What is refused proves nothing where another such limit is answered by what may be the whole list.
    shown = all(not isinstance(outcome, Unshown) for outcome in outcomes)
    yield from (outcome for outcome in outcomes if shown or outcome is not HELD)


def _below_one(evidence: Evidence) -> Iterator[Outcome]:
    default, listing = evidence.default_size, evidence.listing
    for exchange, found in odd(evidence):
        if not only(found, "limit", Oddity.ZERO, Oddity.NEGATIVE) or exchange.answer is None or exchange.failure:
            continue
        values = evidence.reading(exchange).values
        asked = f"limit={values['limit'][0]}"
        if not exchange.ok:
            if denied(exchange):
                yield HELD
            elif not exchange.failed and not exchange.refused:
                yield Finding("a 4xx, or a page", f"status {exchange.status} for {asked}", (exchange,))
            continue
        query = _without_limit(evidence, exchange)
        page = evidence.page(exchange, query)
        if page is None:
            continue
        order = evidence.asked_order(query)
        lost = listing.skipped(page, order) if page.items else None
        if default is not None and len(page.items) > default:
            yield Finding(
                f"a 4xx, or at most {default} items", f"{count(len(page.items), 'item')} for {asked}", (exchange,)
            )
        elif lost is not None:
            yield Finding(
                f"a 4xx, or the list's first items: {short(lost)} …",
                f"{names(page.ids, 2)} for {asked}",
                (exchange, listing.shown_in(lost, exchange)),
                wrong=0,
            )
        elif default is None or len(listing.items) > default:
            yield HELD
        else:
            yield Unshown(
                f"the list has no more than {count(default, 'permission')}: all of it is right for {asked} as well",
                f"--checkpoint with a checkpoint that has at least {count(default + 1, 'permission')}",
            )


def _without_limit(evidence: Evidence, exchange: Exchange) -> Query:
    values = evidence.reading(exchange).values
    words = {word: order for order, word in evidence.operation.order_words.items()}
    first = {role: texts[0] for role, texts in values.items()}
    chosen: Order | None = words.get(first.get("order", ""))
    query = Query(
        evidence.target.checkpoint,
        after=first.get("after"),
        order=chosen if evidence.operation.roles.order else evidence.operation.default_order,
        project_id=first.get("project_id"),
    )
    if query.after is None or not evidence.reader.opaque:
        return query
    return replace(query, after=evidence.reader.behind(query, query.after, exchange))


def _stays_up(exchange: Exchange) -> Outcome | None:
    if exchange.postponed:
        return None
    if exchange.answer is not None and exchange.failed:
        return Finding("no 5xx", f"status {exchange.answer.status}", (exchange,))
    if exchange.failure is not None and exchange.failure.kind in BROKEN:
        return Finding("an answer", exchange.failure.text, (exchange,))
    if exchange.answer is not None and exchange.answer.flaw:
        return Finding("a complete answer", exchange.answer.flaw, (exchange,))
    return HELD if exchange.answer is not None and exchange.failure is None else None


@clause(
    "INP-004",
    Level.ROBUSTNESS,
    "Whatever a parameter holds: no 5xx, no hang, no cut connection",
    quote=SUCCESS,
    why="One odd request brings down a worker, and whoever sends many brings down the service.",
    good="after=%00: 400",
    bad="after=%00: 500",
    probes=("inputs", "generated"),
    caused_by=("TOK-007",),
    decided_by="answer",
)
def parameters_do_no_harm(evidence: Evidence) -> Iterator[Outcome]:
    for exchange in evidence.admin:
        reading = evidence.reading(exchange)
        if reading.checkpoint != evidence.target.checkpoint or not evidence.unusual(exchange):
            continue
        outcome = _stays_up(exchange)
        if outcome is not None:
            yield outcome


@clause(
    "INP-005",
    Level.SECURITY,
    "Whatever a parameter holds: no item that is not of this list",
    quote=ALL_PERMISSIONS,
    why="Quotes, patterns and control characters open the tables of others.",
    good="after=' OR '1'='1: 400, or an empty page",
    bad="after=' OR '1'='1: permissions of another checkpoint",
    probes=("scope.others", "inputs"),
    reference=("walks.heads",),
    caused_by=("SCO-001", "TOK-006", "TOK-007"),
    decided_by="list",
    needs=Needs(items=1),
)
def inputs_open_no_other_list(evidence: Evidence) -> Iterator[Outcome]:
    listing = evidence.listing
    for exchange in evidence.admin:
        reading = evidence.reading(exchange)
        if reading.checkpoint != evidence.target.checkpoint or exchange.answer is None:
            continue
        if not evidence.unusual(exchange) or not exchange.ok:
            if denied(exchange) and evidence.unusual(exchange):
                yield HELD
            continue
        page = evidence.page(exchange, _without_limit(evidence, exchange))
        if page is None or (reading.query is not None and reading.query.after in evidence.foreign):
            continue
        strange = tuple(id_ for id_ in page.ids if id_ not in listing.items)
        if listing.changed or not listing.complete:
            strange = tuple(id_ for id_ in strange if id_ in evidence.foreign)
        if strange:
            of_others = bool(evidence.foreign.intersection(strange))
            whose = evidence.operation.says("of another checkpoint") if of_others else "which no walk shows"
            yield Finding(
                "items of this list, or none", f"{names(strange, 3)}, {whose}", (exchange,), stable_list=not of_others
            )
        elif not page.items or evidence.foreign or (listing.complete and not listing.changed):
            yield HELD


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
        if exchange.request.credential != "admin" and evidence.reading(exchange).checkpoint is None:
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


@clause(
    "INP-008",
    Level.ROBUSTNESS,
    "An odd checkpoint id in the path brings no 5xx",
    quote=CHECKPOINT,
    why="One odd address brings down a worker.",
    good="/…/%2e%2e/permissions: 404",
    bad="/…/%2e%2e/permissions: 500",
    probes=("inputs.paths", "scope.near"),
    requires={Capability.SCOPE},
    decided_by="answer",
)
def paths_do_no_harm(evidence: Evidence) -> Iterator[Outcome]:
    for exchange in evidence.admin:
        if evidence.reading(exchange).checkpoint in evidence.named:
            continue
        outcome = _stays_up(exchange)
        if outcome is not None:
            yield outcome


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
