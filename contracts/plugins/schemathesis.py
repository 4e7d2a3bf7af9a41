"""The clauses as checks of Schemathesis's own command line: ``hooks = "contracts.plugins.schemathesis"``.

Judged is every list operation of the document that ``CONTRACTS_SPEC`` names, or the one that ``CONTRACTS_OPERATION``
names; by default "List checkpoint permissions". What one answer decides is checked at once, as the check ``contract``;
what the pages of the whole run say together, as the check ``contract_list`` when all testing is done.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import schemathesis
from schemathesis.core.failures import Failure, FailureGroup, Severity

from contracts.clauses.registry import Basis, Clause, clauses
from contracts.core.errors import ConfigurationError
from contracts.core.model import Answer, Exchange, Request, Target
from contracts.core.result import GATING, Finding, Level
from contracts.core.vocabulary import Vocabulary
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.openapi.document import load
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.reports.safe import plain
from contracts.runs.foreign import may_have_changed, with_steps
from contracts.runs.replay import base_of
from contracts.traffic.keys import ADMIN_VARIABLE, Keys
from contracts.traffic.redaction import Redactor
from contracts.verdicts.tallying import tally

_MOST: Final = 20_000
"""Answers of one checkpoint that are kept for the judgement at the end."""
_REDIRECTS: Final = range(300, 400)


class ClauseFailure(Failure):
    """A breach of one clause; Schemathesis reports each clause once."""

    code = "ST901"
    __slots__ = ("clause",)

    def __init__(self, clause: Clause, finding: Finding, operation: str | None, says: Vocabulary) -> None:
        self.clause = clause.id
        asked = finding.exchanges[-1].request.target if finding.exchanges else ""
        lines = (
            f"Expected  {plain(says.named(finding.expected))}",
            f"Actual    {plain(says.named(finding.actual))}",
            *([f"Request   GET {plain(asked)}"] if asked else []),
            f"Why       {says(clause.why)}",
        )
        super().__init__(
            operation=operation,
            title=plain(f"{clause.id} {says(clause.title)}"),
            message="\n".join(lines),
            severity=Severity.HIGH if clause.level is Level.SECURITY else Severity.MEDIUM,
        )

    @property
    def _unique_key(self) -> str:
        return f"{self.clause} {self.operation or ''}".strip()


def _file(variable: str) -> Path | None:
    named = os.environ.get(variable)
    return Path(named) if named else None


@lru_cache(maxsize=1)
def _only() -> str | None:
    """The path of the one operation that is judged; ``None`` where every list of a document is.

    Raises:
        ConfigurationError: The document can't be read, or has no such operation.
    """
    spec, name = _file("CONTRACTS_SPEC"), os.environ.get("CONTRACTS_OPERATION")
    if spec is not None and not name:
        load(spec)
        return None
    return load_operation(spec, _file("CONTRACTS_OVERLAY"), name=name).path_template


@lru_cache(maxsize=1024)
def _described(label: str, at: tuple[tuple[str, str], ...], query: tuple[tuple[str, str], ...]) -> Operation | None:
    """The operation of a label, ``GET /path``, if it is a list."""
    with suppress(ConfigurationError):
        spec, overlay = _file("CONTRACTS_SPEC"), _file("CONTRACTS_OVERLAY")
        return load_operation(spec, overlay, name=label, at=dict(at) or None, query=query)
    return None


def _reader(label: str, url: str) -> Reader | None:
    """What reads the answer to a request, if it is one of a list that is to be judged.

    Those that differ in nothing but the roles of the list, and in the last parameter of the path, have the same one.
    """
    only = _only()
    # The document that Schemathesis tests may call the parameters of the path otherwise.
    described = _described(f"GET {only}" if only else label, (), ())
    if described is None:
        return None
    path, _, query = url.partition("?")
    template = described.path_template.partition("?")[0]
    pattern = "".join("([^/?#]+)" if number % 2 else re.escape(part) for number, part in enumerate(_steps(template)))
    found = re.search(f"{pattern}$", path)
    if found is None:
        return None
    at = tuple(zip(described.profile.scope, map(unquote, found.groups()), strict=True))[:-1]
    required = described.profile.required
    sent = tuple(pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] in required)
    operation = _described(f"GET {described.path_template}", at, sent) if at or sent else described
    return _reader_of(operation) if operation is not None else None


def _steps(template: str) -> list[str]:
    return re.split(r"\{([^{}]+)\}", template)


@cache
def _reader_of(operation: Operation) -> Reader:
    return Reader(operation)


@lru_cache(maxsize=2)
def judged(basis: Basis) -> tuple[Clause, ...]:
    """The clauses whose breach one answer shows, or the pages of a run together; no advice and no questions."""
    return tuple(clause for clause in clauses() if clause.decided_by == basis and clause.level in GATING)


@lru_cache(maxsize=1)
def _keys() -> Keys | None:
    try:
        return Keys.of(os.environ[ADMIN_VARIABLE])
    except (KeyError, ConfigurationError):
        return None


@cache
def _redactor(operation: Operation) -> Redactor | None:
    keys = _keys()
    return None if keys is None else Redactor.of(keys, 0, json.dumps(operation.document))


@dataclass(frozen=True, slots=True)
class _Seen:
    """One exchange: below which base URL, and what reads it."""

    base: str
    reader: Reader
    exchange: Exchange


def _seen(response: Any, case: Any) -> _Seen | None:
    """A response as an exchange of a list; ``None`` if its request is for something else."""
    request = response.request
    url = str(request.url or "").partition("#")[0]
    reader = _reader(case.operation.label, url)
    if reader is None:
        return None
    base = base_of(reader.operation, url)
    if request.method != "GET" or base is None or response.status_code in _REDIRECTS or response.stream_cut_short:
        return None
    credential = _credential(request.headers, reader.operation.key_header)
    unavailable = response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in response.headers
    if credential is None or unavailable or response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return None
    headers = tuple((name, value) for name, values in response.headers.items() for value in values)
    answer = Answer(response.status_code, response.message, headers, response.content or b"")
    if (redactor := _redactor(reader.operation)) is not None:
        answer = replace(answer, echoes=redactor.echoes(answer))
    path, _, query = url.removeprefix(base).partition("?")
    exchange = Exchange(
        number=0,
        request=Request(path, query, credential),
        answer=answer,
        failure=None,
        sent=1,
        received=2,
        at=0.0,
        seconds=response.elapsed,
        probe="schemathesis",
    )
    return _Seen(base, reader, exchange)


def _credential(headers: Any, key_header: str) -> str | None:
    """The form of the credentials of a request; ``None`` if it is unknown."""
    signed = headers.get(key_header or "Authorization")
    if signed is None:
        return None if headers.get("Cookie") else "none"
    if isinstance(signed, bytes):
        signed = signed.decode("latin-1")
    keys = _keys()
    if keys is None or signed == f"{'' if key_header else 'Bearer '}{keys.admin.reveal()}":
        return "admin"
    if key_header:
        return "unknown" if signed.strip() and keys.admin.reveal() not in signed else None
    token = signed.removeprefix("Bearer ")
    # A wrong key that holds the right one, or a scheme of its own, is a case of other clauses.
    return "unknown" if signed.startswith("Bearer ") and token.strip() and keys.admin.reveal() not in token else None


def _evidence(base: str, reader: Reader, exchanges: Sequence[Exchange]) -> Evidence | None:
    checkpoint = reader.operation.read(exchanges[0].request).scope
    return None if checkpoint is None else Evidence(reader, Target(base, checkpoint), exchanges)


def _breaches(basis: Basis, evidence: Evidence) -> Iterator[tuple[Clause, Finding]]:
    """The smallest finding of each broken clause, without those that follow from another one."""
    found = tally(judged(basis), evidence)
    broken = {name for name, kept in found.items() if kept.breaches}
    redactor = _redactor(evidence.operation)
    for clause in judged(basis):
        if clause.lacking(evidence.operation) is not None:
            continue
        finding = found[clause.id].least
        follows = broken & set(clause.caused_by)
        if clause.id in broken and finding is not None and not finding.warning and not follows:
            yield clause, finding if redactor is None else redactor.finding(finding)


def _fail(failures: list[Failure]) -> None:
    if failures:
        raise FailureGroup(failures)


@schemathesis.check
def contract(_ctx: Any, response: Any, case: Any) -> bool | None:
    """Each answer keeps the clauses that one answer decides."""
    seen = _seen(response, case)
    evidence = _evidence(seen.base, seen.reader, [seen.exchange]) if seen is not None else None
    if evidence is None:
        return True
    label, says = case.operation.label, evidence.operation.says
    _fail([ClauseFailure(clause, finding, label, says) for clause, finding in _breaches("answer", evidence)])
    return None


@schemathesis.check
class contract_list:  # noqa: N801 - its name is that of the check
    """The pages of a run fit together, as the pages of one list."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Reader, str], list[Exchange]] = {}
        self._lock = threading.Lock()

    def after_response(self, _ctx: Any, response: Any, case: Any) -> None:
        """Keep the response to a request to a list, if it was sent with the admin key, as far as that is known."""
        answered = _seen(response, case)
        if answered is None or answered.exchange.request.credential != "admin":
            return
        exchange = answered.exchange
        with self._lock:
            seen = self._seen.setdefault((answered.base, answered.reader, exchange.request.path), [])
            if len(seen) < _MOST:
                number = len(seen)
                seen.append(replace(exchange, number=number, sent=2 * number + 1, received=2 * number + 2))

    def after_run(self, _ctx: Any) -> None:
        """Judge the pages of each list together."""
        failures: dict[tuple[str, str], Failure] = {}
        for (base, reader, _), seen in self._seen.items():
            evidence = _evidence(base, reader, with_steps(reader, seen))
            if evidence is None or not evidence.pages:
                continue
            changed = bool(may_have_changed(evidence)) or evidence.listing.moved
            for clause, finding in _breaches("list", evidence):
                if not (changed and finding.stable_list):
                    path, says = evidence.operation.path_template, evidence.operation.says
                    failures.setdefault((path, clause.id), ClauseFailure(clause, finding, f"GET {path}", says))
        _fail(list(failures.values()))
