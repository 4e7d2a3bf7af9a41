"""Results that no run brought about, for what reports make of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from contracts.clauses.registry import clauses
from contracts.core.errors import ExitCode
from contracts.core.model import Answer, Exchange, Failure, FailureKind, Request, Target
from contracts.core.result import GATING, Answered, Finding, Judgement, Result, Verdict

CATALOGUE = {clause.id: clause for clause in clauses()}
PATH = "/fine_tuning/checkpoints/ft:m:o::ckpt-1/permissions"
HOSTILE = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J [bold]markup[/bold] \u202eesrever\u202c \u2066x\u2069 a\u200bb"
    " line\nbreak\r\u2028\u2029\x85 ::error::no ##[command]x ##vso[task.x] \ud800 \x00"
)


def exchange(number: int, query: str = "", *, status: int | None = 200, path: str = PATH, **more: Any) -> Exchange:
    answer = None if status is None else Answer(status, "", (), b"")
    failure = None if answer else Failure(FailureKind.TIMEOUT, "nothing came")
    credential = str(more.pop("credential", "admin"))
    made = Exchange(number, Request(path, query, credential), answer, failure, 0, 1, 0.0, 0.1, "walks")
    return replace(made, **more)


def judgement(id_: str, verdict: Verdict = Verdict.KEPT, **more: Any) -> Judgement:
    clause = CATALOGUE[id_]
    made = Judgement(clause.id, clause.level, clause.title, verdict, cases=3)
    return replace(made, **more)


def result(*judgements: Judgement, exit_code: int = ExitCode.KEPT, **more: Any) -> Result:
    made = Result(
        version="1.2.3",
        target=Target("https://staging.example/v1", "ft:m:o::ckpt-1", "ft:m:o::ckpt-2", None, user_key=True),
        document="openapi.yaml",
        document_sha256="0123456789abcdef" * 4,
        seed=7,
        judgements=judgements,
        items=57,
        projects=3,
        requests=361,
        requests_by_probe=(("control", 4), ("walks", 148), ("access", 47)),
        waits=0,
        waited=0.0,
        retries=0,
        seconds=2.34,
        exit_code=exit_code,
        gate=GATING,
    )
    return replace(made, **more)


BROKEN = judgement(
    "PAG-014",
    Verdict.BROKEN,
    finding=Finding(
        "has_more false: nothing follows cp_07",
        "has_more true; the page after cp_07 is empty",
        (exchange(3, "limit=5&after=cp_02"), exchange(4, "limit=5&after=cp_07", waits=2)),
    ),
    seen=3,
    asked=3,
)
"""A finding as most are."""

EVERYTHING = result(
    judgement("ENV-001"),
    BROKEN,
    judgement("PAG-015", Verdict.BROKEN, finding=BROKEN.finding, because="PAG-014"),
    judgement(
        "SEC-001",
        Verdict.BROKEN,
        finding=Finding(
            "401 or 403", "status 200", (exchange(9, credential="none"), exchange(10, status=None, concurrent=True))
        ),
        seen=1,
        asked=3,
    ),
    judgement(
        "PAG-013",
        Verdict.BROKEN,
        finding=Finding("the same list", "two lists", tuple(exchange(n, f"limit={n}") for n in range(1, 8))),
    ),
    judgement(
        "SCO-003",
        Verdict.BROKEN,
        finding=Finding(
            "nothing",
            "something",
            (exchange(11, "after=" + "x" * 300, path="/fine_tuning/checkpoints/FT:M:O::CKPT-1/permissions"),),
        ),
    ),
    judgement(
        "SEC-012",
        Verdict.WARNED,
        finding=Finding("WWW-Authenticate", "none", (exchange(5, status=401, retries=1),)),
        seen=3,
        asked=3,
    ),
    judgement(
        "PAG-019",
        Verdict.INCONCLUSIVE,
        reason="the list changed each time that this was looked at",
        provide="a run while the list is quiet",
        finding=Finding("a, b", "a, c", (exchange(5), exchange(6))),
    ),
    judgement("PAG-022", Verdict.NOT_EXERCISED, reason="no second checkpoint was given", provide="--other-checkpoint"),
    judgement("SCO-001", Verdict.NOT_EXERCISED, reason="no second checkpoint was given", provide="--other-checkpoint"),
    judgement("ITM-001", Verdict.NOT_EXERCISED, reason="no page could be read", because="ENV-001"),
    judgement("ITM-002", Verdict.NOT_EXERCISED, reason="no page could be read", because="ENV-001"),
    judgement("ITM-003", Verdict.NOT_EXERCISED, reason="no page could be read", because="ENV-001"),
    judgement("INP-007", Verdict.NOT_APPLICABLE, reason="nothing was answered with an error"),
    judgement("OBS-001", Verdict.ANSWERED, answer=Answered("up to 100 accepted; 101 brings 400")),
    judgement("OBS-008", Verdict.ANSWERED, answer=Answered("descending: by id, descending; ascending: by id")),
    exit_code=ExitCode.BROKEN,
    waits=3,
    waited=6.0,
    retries=2,
    notes=("The list changed during the run: items that came or went are left out of every claim.",),
    exchanges=(exchange(0), exchange(1, "limit=5", status=404)),
)
