"""The clauses as checks of Schemathesis's own command line: ``hooks = "contracts.plugins.schemathesis"``.

What one answer decides is checked at once, as the check ``contract``; what the pages of the whole run say together,
as the check ``contract_list`` when all testing is done.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import schemathesis
from schemathesis.core.failures import Failure, FailureGroup, Severity

from contracts.clauses.registry import Basis, Clause, clauses
from contracts.core.errors import ConfigurationError
from contracts.core.model import GATING, Answer, Exchange, Finding, Level, Request, Target
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.reports.safe import plain
from contracts.runs.replay import base_of, seems_changed, with_steps
from contracts.spec.operation import load_operation
from contracts.traffic.credentials import ADMIN_VARIABLE, Keys
from contracts.traffic.redaction import Redactor
from contracts.verdicts.judging import tally

_MOST: Final = 20_000
"""Answers of one checkpoint that are kept for the judgement at the end."""
_REDIRECTS: Final = range(300, 400)


class ClauseFailure(Failure):
    """A breach of one clause; Schemathesis reports each clause once."""

    code = "ST901"
    __slots__ = ("clause",)

    def __init__(self, clause: Clause, finding: Finding, operation: str | None) -> None:
        self.clause = clause.id
        asked = finding.exchanges[-1].request.target if finding.exchanges else ""
        lines = (
            f"Expected  {plain(finding.expected)}",
            f"Actual    {plain(finding.actual)}",
            *([f"Request   GET {plain(asked)}"] if asked else []),
            f"Why       {clause.why}",
        )
        super().__init__(
            operation=operation,
            title=f"{clause.id} {clause.title}",
            message="\n".join(lines),
            severity=Severity.HIGH if clause.level is Level.SECURITY else Severity.MEDIUM,
        )

    @property
    def _unique_key(self) -> str:
        return self.clause


@lru_cache(maxsize=1)
def _reader() -> Reader:
    spec = os.environ.get("CONTRACTS_SPEC")
    return Reader(load_operation(Path(spec) if spec else None))


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


@lru_cache(maxsize=1)
def _redactor() -> Redactor | None:
    keys = _keys()
    return None if keys is None else Redactor.of(keys, 0, json.dumps(_reader().operation.document))


def _exchange(response: Any) -> tuple[str, Exchange] | None:
    """The base URL and the exchange of a response; ``None`` if it is none of this operation."""
    request = response.request
    url = str(request.url or "").partition("#")[0]
    base = base_of(_reader().operation, url)
    if request.method != "GET" or base is None or response.status_code in _REDIRECTS or response.stream_cut_short:
        return None
    credential = _credential(request.headers)
    waits = response.status_code == 429 or (response.status_code == 503 and "retry-after" in response.headers)  # noqa: PLR2004 - the statuses themselves
    if credential is None or waits:
        return None
    headers = tuple((name, value) for name, values in response.headers.items() for value in values)
    answer = Answer(response.status_code, response.message, headers, response.content or b"")
    if (redactor := _redactor()) is not None:
        answer = replace(answer, echoes=redactor.echoes(answer))
    path, _, query = url.removeprefix(base).partition("?")
    return base, Exchange(
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


def _credential(headers: Any) -> str | None:
    """The form of the credentials of a request; ``None`` if that can't be told."""
    signed = headers.get("Authorization")
    if signed is None:
        return None if headers.get("Cookie") else "none"
    if isinstance(signed, bytes):
        signed = signed.decode("latin-1")
    keys = _keys()
    if keys is None or signed == f"Bearer {keys.admin.reveal()}":
        return "admin"
    token = signed.removeprefix("Bearer ")
    # A wrong key that holds the right one, or a scheme of its own, is a case of other clauses.
    return "unknown" if signed.startswith("Bearer ") and token.strip() and keys.admin.reveal() not in token else None


def _evidence(base: str, exchanges: Sequence[Exchange]) -> Evidence | None:
    operation = _reader().operation
    checkpoint = operation.read(exchanges[0].request).checkpoint
    return None if checkpoint is None else Evidence(_reader(), Target(base, checkpoint), exchanges)


def _breaches(basis: Basis, evidence: Evidence) -> Iterator[tuple[Clause, Finding]]:
    """The least finding of each clause that is broken, short of those that follow from another one."""
    found = tally(judged(basis), evidence)
    broken = {name for name, kept in found.items() if kept.breaches}
    for clause in judged(basis):
        finding = found[clause.id].least
        follows = broken & set(clause.caused_by)
        if clause.id in broken and finding is not None and not finding.warning and not follows:
            redactor = _redactor()
            yield clause, finding if redactor is None else redactor.finding(finding)


def _fail(failures: list[Failure]) -> None:
    if failures:
        raise FailureGroup(failures)


@schemathesis.check
def contract(_ctx: Any, response: Any, case: Any) -> bool | None:
    """Each answer keeps the clauses that one answer decides."""
    told = _exchange(response)
    if told is None:
        return True
    base, exchange = told
    evidence = _evidence(base, [exchange])
    if evidence is None:
        return True
    operation = case.operation.label
    _fail([ClauseFailure(clause, finding, operation) for clause, finding in _breaches("answer", evidence)])
    return None


@schemathesis.check
class contract_list:  # noqa: N801 - its name is that of the check
    """The pages of a run fit together, as the pages of one list."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], list[Exchange]] = {}
        self._lock = threading.Lock()

    def after_response(self, _ctx: Any, response: Any, _case: Any) -> None:
        """Keep what a request to this operation brought, with the admin key as far as that can be told."""
        told = _exchange(response)
        if told is None or told[1].request.credential != "admin":
            return
        base, exchange = told
        with self._lock:
            seen = self._seen.setdefault((base, exchange.request.path), [])
            if len(seen) < _MOST:
                number = len(seen)
                seen.append(replace(exchange, number=number, sent=2 * number + 1, received=2 * number + 2))

    def after_run(self, _ctx: Any) -> None:
        """Judge the pages of each checkpoint together."""
        failures: dict[str, Failure] = {}
        for (base, _), seen in self._seen.items():
            evidence = _evidence(base, with_steps(_reader(), seen))
            if evidence is None or not evidence.pages:
                continue
            changed = seems_changed(evidence) or evidence.listing.moved
            for clause, finding in _breaches("list", evidence):
                if not (changed and finding.still):
                    failures.setdefault(clause.id, ClauseFailure(clause, finding, None))
        _fail(list(failures.values()))
