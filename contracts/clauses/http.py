"""HTP: the answer as HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from contracts.clauses.common import EVERYWHERE, LET_IN, describe, must_be_answered, refusal
from contracts.clauses.passages import ADMIN_ONLY, JSON, SUCCESS
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.injection import fields, injected
from contracts.core.model import JSON_MEDIA_TYPE, Capability, Exchange, FailureKind
from contracts.core.result import HELD, Finding, Level
from contracts.core.wording import count, short

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

ALL = (*EVERYWHERE, "scope.unknown", "access.forms", "inputs.limits", "inputs.paths")
"""These, and refusals: for what every answer must be."""


@clause(
    "HTP-001",
    Level.DOCUMENTED,
    "A request that the document allows is answered 200",
    quote=SUCCESS,
    why="Clients that keep to the document get errors.",
    good="limit=5&order=ascending: 200",
    bad="limit=5&order=ascending: 400",
    probes=(*EVERYWHERE, "walks.within", "walks.defaults"),
    caused_by=("SEC-015", "PAG-021", "PAG-018", "TOK-004", "TOK-005"),
    decided_by="list",
)
def allowed_is_answered(evidence: Evidence) -> Iterator[Outcome]:
    for exchange, query in (*evidence.allowed, *evidence.backward):
        if exchange.failure is not None and exchange.failure.kind is FailureKind.REDIRECT:
            yield Finding("200", f"status {exchange.status}: {exchange.failure.text}", (exchange,))
        elif exchange.ok:
            yield HELD
        elif (
            exchange.answer is not None
            and exchange.failure is None
            and not exchange.failed
            # What may be refused gives no right to another success.
            and (not exchange.refused or must_be_answered(evidence, exchange, query))
        ):
            yield Finding("200", refusal(evidence, exchange), (exchange,))


@clause(
    "HTP-002",
    Level.DOCUMENTED,
    "The media type of a 200 is application/json",
    quote=JSON,
    why="Clients choose their decoder by it; browsers treat text/html as a page.",
    good="Content-Type: application/json; charset=utf-8",
    bad="Content-Type: text/html",
    probes=EVERYWHERE,
    caused_by=LET_IN,
    decided_by="answer",
)
def media_type_is_json(evidence: Evidence) -> Iterator[Outcome]:
    for document in evidence.documents:
        answer = document.exchange.answer
        said = answer.header("content-type") if answer is not None else None
        if said is not None and said.partition(";")[0].strip().lower() == "application/json":
            yield HELD
        else:
            yield Finding(
                "Content-Type: application/json",
                f"Content-Type: {short(said)}" if said is not None else "no Content-Type",
                (document.exchange,),
            )


@clause(
    "HTP-003",
    Level.ROBUSTNESS,
    "The body arrives whole and decodes as its headers say",
    quote=JSON,
    why="Clients fail at the transport, or take a part for the whole.",
    good="Content-Length: 812, and 812 bytes",
    bad="Content-Length: 812, and the connection ends after 400",
    probes=ALL,
    decided_by="answer",
    even_once=True,
)
def body_is_whole(evidence: Evidence) -> Iterator[Outcome]:
    for exchange in evidence.exchanges:
        failure, answer = exchange.failure, exchange.answer
        if failure is not None and failure.kind in {FailureKind.CUT, FailureKind.GARBLED, FailureKind.TIMEOUT}:
            # Answers to requests that the document forbids are judged by INP.
            if not evidence.unusual(exchange):
                yield Finding("a complete answer", failure.text, (exchange,))
        elif answer is not None and answer.flaw and evidence.unusual(exchange):
            continue
        elif answer is not None and answer.flaw:
            expected = "HTTP/1.1" if answer.flaw.startswith("the status line") else "a whole body that decodes"
            yield Finding(expected, answer.flaw, (exchange,))
        elif answer is not None and (wrong := _charset(answer.header("content-type"))):
            yield Finding("a body in UTF-8, as JSON has it", wrong, (exchange,))
        elif answer is not None and exchange.retries:
            yield Finding(
                "a complete answer",
                f"the connection broke {count(exchange.retries, 'time')}; then the answer was complete",
                (exchange,),
                warning=True,
            )
        elif answer is not None:
            yield HELD


def _charset(content_type: str | None) -> str | None:
    """What is wrong with a declared charset: JSON is UTF-8, and US-ASCII is a subset of that."""
    kind, _, parameters = (content_type or "").partition(";")
    if not kind.strip().lower().endswith(("/json", "+json")):
        return None
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8", "us-ascii"}:
            return f"charset={short(value.strip())}"
    return None


@clause(
    "HTP-004",
    Level.ADVISORY,
    "Answers to an admin key are not cacheable by shared caches",
    quote=ADMIN_ONLY,
    why="A proxy would give one administrator's answer to whoever asks next (RFC 9111 §3.5).",
    good="Cache-Control: no-store",
    bad="Cache-Control: public, max-age=600",
    probes=EVERYWHERE,
    requires={Capability.KEY},
    decided_by="answer",
)
def not_for_shared_caches(evidence: Evidence) -> Iterator[Outcome]:
    for document in evidence.documents:
        answer = document.exchange.answer
        if document.exchange.request.credential != "admin" or answer is None:
            continue
        said = answer.header("cache-control") or ""
        directives = {
            part.strip().lower().partition("=")[0]: part.strip().partition("=")[2] for part in said.split(",")
        }
        shared = "public" in directives or directives.get("s-maxage", "0").strip('"') not in {"0", ""}
        if shared and not {"no-store", "private", "no-cache"} & set(directives):
            yield Finding(
                "Cache-Control without public and s-maxage", f"Cache-Control: {short(said)}", (document.exchange,)
            )
        else:
            yield HELD


@clause(
    "HTP-005",
    Level.ROBUSTNESS,
    "No request of the run is answered 5xx",
    quote=SUCCESS,
    why="The target failed, and a client can't tell whether to try again.",
    good="503 with Retry-After: 1, and then 200",
    bad="500",
    probes=ALL,
    caused_by=("INP-004", "INP-008", "SEC-011", "TOK-007"),
    decided_by="answer",
    even_once=True,
)
def no_server_error(evidence: Evidence) -> Iterator[Outcome]:
    for exchange in evidence.exchanges:
        if exchange.answer is None or (exchange.postponed and exchange.probe == "load"):
            continue
        if exchange.failed:
            yield Finding("no 5xx", f"status {exchange.answer.status}", (exchange,))
        elif exchange.unavailable:
            yield Finding("no 5xx", f"503 with Retry-After, then {exchange.answer.status}", (exchange,), warning=True)
        else:
            yield HELD


@clause(
    "HTP-006",
    Level.SECURITY,
    "Nothing that a request holds becomes a header of its own in the answer",
    quote=SUCCESS,
    why="Who makes up a link sets cookies, or whole answers, in the browser of whoever follows it.",
    good="after=%0D%0AX-Injected:%201: 400",
    bad="after=%0D%0AX-Injected:%201: 400 with the header X-Injected: 1",
    probes=("inputs", "access.odd"),
    decided_by="answer",
)
def headers_are_the_servers(evidence: Evidence) -> Iterator[Outcome]:
    for exchange in evidence.exchanges:
        if exchange.answer is None or not fields(exchange.request.target):
            continue
        found = injected(exchange.request.target, exchange.answer.headers)
        if found:
            yield Finding("no header from the request", f"the header {short(found[0])}", (exchange,))
        else:
            yield HELD


@clause(
    "HTP-007",
    Level.IMPLIED,
    "Whatever `Accept` allows for JSON is answered alike",
    quote=JSON,
    why="The document names one media type: a client that asks for no other gets something that it can't read.",
    good="without Accept, or Accept: */*: the page, as application/json",
    bad="without Accept: the page, as application/xml",
    probes=("repetition.accepted",),
    reference=("walks.heads",),
    caused_by=("HTP-002", "PAG-019", "ORD-007"),
    decided_by="list",
    needs=Needs(items=1),
)
def accept_changes_nothing(evidence: Evidence) -> Iterator[Outcome]:
    asked: dict[str, Exchange] = {}
    for exchange, _ in evidence.allowed:
        if evidence.comparable(exchange) and exchange.ok and exchange.again is None:
            asked.setdefault(exchange.request.target, exchange)
    for exchange in evidence.admin:
        accept = exchange.request.accept
        usual = asked.get(exchange.request.target)
        if accept == JSON_MEDIA_TYPE or not wants_json(accept) or usual is None or exchange.concurrent:
            continue
        answer = exchange.answer
        if answer is None or exchange.failure is not None or exchange.failed or answer.flaw:
            continue
        query = evidence.query(exchange)
        if exchange.refused and (query is None or not must_be_answered(evidence, exchange, query)):
            continue  # its cursor or its facet may be gone by now
        asked_with = "without Accept" if accept is None else f"with Accept: {short(accept)}"
        kind = (answer.header("content-type") or "").partition(";")[0].strip().lower()
        if not exchange.ok:
            actual = f"status {exchange.status}"
        elif kind != JSON_MEDIA_TYPE:
            actual = f"Content-Type: {short(kind)}" if kind else "no Content-Type"
        elif evidence.same(usual, exchange):
            yield HELD
            continue
        elif evidence.differs_by_ties(usual, exchange):
            continue
        else:
            actual = describe(evidence, exchange)
        yield Finding(
            f"{describe(evidence, usual)}, as with Accept: {JSON_MEDIA_TYPE}",
            f"{actual}, {asked_with}",
            (usual, exchange),
            stable_list=exchange.ok and kind == JSON_MEDIA_TYPE and evidence.explained(usual, exchange),
        )


def wants_json(accept: str | None) -> bool:
    """Whether no type is preferred to JSON by the value of an Accept header (RFC 9110 §12.5.1); ``None`` for none."""
    if accept is None:
        return True
    weights: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        given = [each[2:] for each in parameters if each.startswith("q=")]
        try:
            weights[kind] = float(given[0]) if given else 1.0
        except ValueError:
            return False
    ranges = (JSON_MEDIA_TYPE, "application/*", "*/*")
    of_json = next((weights[each] for each in ranges if each in weights), 0.0)
    others = [weight for kind, weight in weights.items() if kind not in ranges]
    return of_json > 0 and all(weight < of_json for weight in others)
