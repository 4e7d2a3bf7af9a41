"""What comes back of a request: as a header, as markup, as a key; and what the Accept header may change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from histories import JSON, History, operation, permissions, query

from contracts.clauses.http import wants_json
from contracts.clauses.registry import find
from contracts.core.injection import injected
from contracts.core.model import Answer, Echo, Exchange, Request
from contracts.evidence.evidence import Evidence
from contracts.mock.app import Behaviour, Response
from contracts.mock.app import Request as Asked
from contracts.mock.server import Server
from contracts.traffic.client import Client
from contracts.traffic.keys import Keys
from contracts.verdicts.tallying import Tally, tally

PATH = operation().request(query()).path
HTML = (("Content-Type", "text/html; charset=utf-8"),)


def judged(clause: str, evidence: Evidence) -> Tally:
    return tally(find([clause]), evidence)[clause]


def answered(
    asked: Request, status: int, body: bytes = b"", headers: tuple[tuple[str, str], ...] = JSON, **more: Any
) -> History:
    """A list, and one exchange that is odd."""
    history = History(permissions(12))
    usual = history.ask(query(limit=3))
    answer = Answer(status, "", headers, body, **more)
    history.exchanges.append(replace(usual, number=1, request=asked, answer=answer, sent=9, received=10))
    return history


# Headers


@pytest.mark.parametrize(
    "target",
    [
        "/x?after=%0D%0AX-Injected:%201",
        "/x?after=a%0AX-Injected:%201&limit=3",
        "/x?after=%0DX-Injected:1",
        "/x%0d%0aX-Injected:%201/permissions",
        "/x?after=%E5%98%8D%E5%98%8AX-Injected:%201",
        "/x?after=%250D%250AX-Injected:%201",
    ],
)
def test_a_header_behind_a_line_break_is_one_of_the_request(target: str) -> None:
    assert injected(target, [("x-injected", "1")]) == ("x-injected",)
    assert injected(target, [("X-Injected", "2"), ("X-After", "X-Injected: 1")]) == ()


@pytest.mark.parametrize("target", ["/x", "/x?after=X-Injected:%201", "/x?after=Content-Type:%20application/json"])
def test_a_header_that_the_server_would_have_sent_anyway_is_none(target: str) -> None:
    assert injected(target, [("X-Injected", "1"), ("Content-Type", "application/json")]) == ()


@pytest.mark.parametrize("credential", ["admin", "none"])
def test_a_header_from_the_request_breaks_http_006_whoever_asked(credential: str) -> None:
    asked = Request(PATH, "order=%0D%0AX-Injected:%201", credential)
    kept = judged("HTP-006", answered(asked, 401, headers=(*JSON, ("X-Injected", "1"))).evidence())
    assert [one.exchanges[0].number for one in kept.breaches] == [1]
    assert judged("HTP-006", answered(asked, 401).evidence()).cases == 1
    assert judged("HTP-006", answered(Request(PATH, "order=x"), 400).evidence()).cases == 0


class Redirecting(Behaviour):
    """Redirects paths that end with a slash, with a header from the query where it holds one."""

    async def serve(self, request: Asked, /) -> Response:
        """A redirect, or the page."""
        if request.path.endswith("/"):
            more = [("X-Injected", "1")] if "Injected" in request.query else []
            return Response(308, [("Location", f"{request.path.rstrip('/')}?limit=2"), *more])
        return await super().serve(request)


def test_a_redirect_with_a_header_from_its_request_is_what_is_kept() -> None:
    with Server(behaviour=Redirecting()) as server:
        keys = Keys.of(server.dataset.admin_key, server.dataset.user_key)
        with Client(server.base_url, keys, budget=20, seed=1) as client:
            path = f"/fine_tuning/checkpoints/{server.dataset.checkpoint}/permissions/"
            followed = client.send(Request(path, "x=1"), probe="p")
            stopped = client.send(Request(path, "x=%0D%0AX-Injected:%201"), probe="p")
    assert (followed.status, followed.redirects) == (200, 1)
    assert (stopped.status, stopped.redirects) == (308, 0)
    assert stopped.failure is not None


# Markup and keys

MARKED = Request(PATH, "limit=%3Ci%3Econtracts%3C%2Fi%3E")


@pytest.mark.parametrize(
    ("body", "headers", "broken"),
    [
        (b"<p>bad limit <i>contracts</i></p>", HTML, True),
        (b"<p>bad limit &lt;i&gt;contracts&lt;/i&gt;</p>", HTML, False),
        (b"<p>bad <em>limit</em></p>", HTML, False),
        (b"<p>bad limit <i>contracts</i></p>", (), True),
        (b"bad limit <i>contracts</i>", (), False),
        (b"<p>bad limit <i>contracts</i></p>", (("Content-Type", "text/plain"),), False),
        (b'{"detail": "<i>contracts</i>"}', JSON, False),
        (b"<svg><i>contracts</i></svg>", (("Content-Type", "image/svg+xml"),), True),
    ],
)
def test_markup_of_the_request_in_a_page(body: bytes, headers: tuple[tuple[str, str], ...], broken: bool) -> None:
    kept = judged("INP-009", answered(MARKED, 400, body, headers).evidence())
    assert (kept.cases, bool(kept.breaches)) == (1, broken)


def test_an_error_that_nothing_was_put_into_is_no_case() -> None:
    assert judged("INP-009", answered(Request(PATH, "limit=ten"), 400, b"<p>no</p>", HTML).evidence()).cases == 0


@pytest.mark.parametrize(
    ("credential", "status", "shown", "broken"),
    [("admin", 400, 57, True), ("admin", 400, 12, False), ("none", 500, 57, True), ("user", 401, 57, False)],
)
def test_a_key_in_an_error(credential: str, status: int, shown: int, broken: bool) -> None:
    echo = Echo("admin", ("the body",), (), shown, 57)
    kept = judged("INP-009", answered(Request(PATH, "limit=ten", credential), status, echoes=(echo,)).evidence())
    assert bool(kept.breaches) == broken


# Accept


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, True),
        ("*/*", True),
        ("application/json", True),
        ("application/*", True),
        ("text/html;q=0.2, application/xml;q=0.3, application/json;q=0.9", True),
        ("text/html;q=0.9, */*", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("text/html", False),
        ("application/json;q=0.5, text/html", False),
        ("application/json;q=0, */*", False),
        ("text/plain, application/json", False),
        ("application/json;q=high", False),
    ],
)
def test_what_is_preferred_to_json(accept: str | None, wanted: bool) -> None:
    assert wants_json(accept) == wanted


def accepting(accept: str | None, **changes: Any) -> Tally:
    """A page that is asked for again with this Accept, and answered otherwise."""
    history = History(permissions(12))
    usual = history.ask(query(limit=3))
    assert usual.answer is not None
    answer = replace(usual.answer, **changes)
    asked = replace(usual.request, accept=accept)
    history.exchanges.append(replace(usual, number=1, request=asked, answer=answer, sent=9, received=10))
    return judged("HTP-007", history.evidence())


def shown(kept: Tally) -> list[tuple[str, tuple[Exchange, ...]]]:
    return [(one.actual, one.exchanges) for one in kept.findings]


def test_the_same_page_is_a_case() -> None:
    kept = accepting(None)
    assert (kept.cases, kept.findings) == (1, [])
    assert accepting("text/html").cases == 0, "another type was asked for"
    assert accepting("*/*", status=500, body=b"").cases == 0, "which is HTP-005's"


def test_a_cursor_that_may_be_gone_by_now_is_no_case() -> None:
    history = History(permissions(12))
    usual = history.ask(query(after="cp_003", limit=3))
    gone = Answer(400, "", JSON, b"{}")
    asked = replace(usual.request, accept=None)
    history.exchanges.append(replace(usual, number=1, request=asked, answer=gone, sent=9, received=10))
    assert judged("HTP-007", history.evidence()).cases == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": 406, "body": b""}, "status 406"),
        ({"headers": (("Content-Type", "application/xml"),), "body": b"<list/>"}, "Content-Type: application/xml"),
        ({"headers": ()}, "no Content-Type"),
        ({"body": b'{"object":"list","data":[],"has_more":false}'}, "nothing; has_more false"),
    ],
)
def test_another_answer_is_a_breach(changes: dict[str, object], said: str) -> None:
    ((actual, exchanges),) = shown(accepting(None, **changes))
    assert actual == f"{said}, without Accept"
    assert len(exchanges) == 2
