"""What was chosen wrongly is told as such by a run and by the doctor alike; what a server does wrongly is judged."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from canary import ADMIN
from hostile import ClosedError, Reply, ending, ok, resetting, waiting
from hostile import Target as Socket

from contracts.clauses.registry import find
from contracts.core.errors import ConfigurationError, ExitCode
from contracts.core.model import Target
from contracts.core.result import Judgement, Verdict
from contracts.mock.server import Server as Embedded
from contracts.mock.variants import open_variant
from contracts.openapi.loading import load_operation
from contracts.runs.doctor import State, examine
from contracts.runs.live import run
from contracts.runs.plan import Plan
from contracts.runs.waiting import await_answer
from contracts.traffic.keys import Keys
from contracts.traffic.limits import Limits

LIST = {
    "object": "list",
    "data": [
        {"object": "checkpoint.permission", "id": "cp_1", "created_at": 1700000000, "project_id": "proj_a"},
        {"object": "checkpoint.permission", "id": "cp_0", "created_at": 1600000000, "project_id": "proj_b"},
    ],
    "first_id": "cp_1",
    "last_id": "cp_0",
    "has_more": False,
}
PATH = "/fine_tuning/checkpoints/ft:a:ckpt/permissions"
LIMITS = Limits(read=0.5, answer=0.5, connect=0.5, back=0.1, pause=0.01, run=20.0)
Answer = Callable[[str, str], Reply]
"""What is sent for a target, and for the Authorization that was given with it."""


class Server(Socket):
    """Answers each request by a function of its path and key."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(b"")
        self._answer = answer

    def reply(self, number: int, head: bytes) -> Reply:
        del number
        lines = head.decode("latin-1").split("\r\n")
        given = next((line.partition(": ")[2] for line in lines if line.lower().startswith("authorization:")), "")
        return self._answer(lines[0].split(" ")[1], given)


def answer(status: str, body: object = b"", kind: str = "application/json", *headers: str) -> bytes:
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    fields = [f"Content-Type: {kind}".encode(), *(header.encode() for header in headers)]
    return ok(data, *fields, status=status.encode())


def always(reply: Reply) -> Answer:
    return lambda _target, _key: reply


def html(title: str, status: str = "200 OK") -> bytes:
    return answer(status, f"\n<!doctype html><html><head><title>{title}</title></head></html>", "text/html")


def api(path: str, status: str = "200 OK", body: object = LIST, *, else_: bytes = b"") -> Answer:
    """An API that begins at a path; what stands elsewhere is answered otherwise."""
    inside = answer(status, body)
    outside = else_ or answer("404 Not Found", "404 page not found\n", "text/plain")
    return lambda target, _key: inside if target.partition("?")[0] == path + PATH else outside


NGINX = html("400 The plain HTTP request was sent to HTTPS port", "400 Bad Request")
UNAUTHORIZED = answer("401 Unauthorized", {"error": {"message": "Incorrect API key"}})


OPERATION = load_operation()


def plan(base_url: str, connect: float, *selected: str) -> Plan:
    limits = replace(LIMITS, connect=connect)
    target, keys = Target(base_url, "ft:a:ckpt"), Keys.of(ADMIN)
    chosen = find(selected)
    return Plan(target=target, keys=keys, operation=OPERATION, seed=0, budget=60, limits=limits, selected=chosen)


def refusal(base_url: str, connect: float = LIMITS.connect) -> str:
    """The sentence with which a run ends; the doctor says the same, and ticks neither key nor checkpoint."""
    with pytest.raises(ConfigurationError) as caught:
        run(plan(base_url, connect))
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.isprintable()
    assert sentence.endswith(".")
    assert ADMIN not in sentence
    found = examine(plan(base_url, connect))
    assert not found.usable
    assert found.requests <= 14
    last = found.checks[-1]
    assert last.state is State.BAD
    seen = last.text.removeprefix(base_url).removeprefix("the target").strip()
    assert sentence == f"{base_url} {seen}: {last.remedy}."
    ticked = [check.name for check in found.checks if check.state is State.GOOD]
    assert "Admin key" not in ticked
    assert "Checkpoint" not in ticked
    return sentence


@pytest.mark.parametrize(
    ("reply", "path", "told"),
    [
        # A page, a login, another service
        (always(html("Welcome to nginx!")), "/v1", "200 and an HTML page, “Welcome to nginx!”: give the --base-url of"),
        (always(html("")), "/v1", "with 200 and an HTML page: give the --base-url of the API itself"),
        (always(answer("200 OK", "healthy\n", "text/plain")), "/v1", "with 200, “healthy”: give the --base-url"),
        (always(html("\x1b[2J&#x1b;[0m\u202eLog in")), "/v1", "Log in”"),
        (
            always(answer("200 OK", {"status": "ok", "uptime": 7})),
            "/v1",
            'with 200, “{"status": "ok", "uptime": 7}”: give the --base-url of the API itself',
        ),
        (always(answer("200 OK", {"errors": [{"message": "What?"}], "data": None})), "/v1", "with 200, “"),
        (always(answer("200 OK", {"error": {"message": "unauthorized"}})), "/v1", "with 200, “unauthorized”: give"),
        (api("/v1", else_=answer("200 OK", {"message": "Hello"})), "", "begin at http://127.0.0.1:PORT/v1: give"),
        (always(ok(b"", status=b"204 No Content")), "/v1", "every request for the list with 204: give the --base-url"),
        # A redirect
        (
            always(answer("301 Moved", b"", "text/html", f"Location: https://api.example/v1{PATH}?limit=100")),
            "/v1",
            "if that is the API, give --base-url https://api.example/v1.",
        ),
        (
            always(answer("302 Found", b"", "text/html", "Location: https://login.example/?next=%2Fv1")),
            "/v1",
            "redirects: 302 to another origin: 'https://login.example/?next=%2Fv1': give the",
        ),
        (always(answer("308 Moved", b"", "text/html", "Location: /v1/x")), "/v1", "308 in a circle"),
        (always(answer("302 Found")), "/v1", "redirects: 302 with no Location"),
        # The path of the base URL
        (
            api("/v1"),
            "",
            "answers 404, “404 page not found”, and the API seems to begin at http://127.0.0.1:PORT/v1: give",
        ),
        (api("/v1", "401 Unauthorized", {"error": "key"}), "", "begin at http://127.0.0.1:PORT/v1: give"),
        (api("/v1", else_=html("Welcome")), "", "begin at http://127.0.0.1:PORT/v1: give"),
        (api("/v1", else_=answer("200 OK", "<html>", "text/html")), "/docs", "begin at http://127.0.0.1:PORT/v1: give"),
        (api("/api/v1"), "/api", "begin at http://127.0.0.1:PORT/api/v1: give"),
        (api(""), "/v1", "begin at http://127.0.0.1:PORT: give"),
        (api("/v1"), "/v1/v1", "begin at http://127.0.0.1:PORT/v1: give"),
        (api("/v1"), f"/v1{PATH}", "begin at http://127.0.0.1:PORT/v1: give"),
        (api("/v1"), "/v1/fine_tuning", "begin at http://127.0.0.1:PORT/v1: give"),
        (api("/v1"), "/fine_tuning/checkpoints", "begin at http://127.0.0.1:PORT/v1: give"),
        (
            api("/nowhere"),
            "/v1",
            "answers 404, “404 page not found”: check whether the base URL ends where /fine_tuning",
        ),
        # The key, the checkpoint
        (always(UNAUTHORIZED), "/v1", "refuses the admin key with 401, “Incorrect API key”: check OPENAI_ADMIN_KEY"),
        (always(html("Just a moment...", "403 Forbidden")), "/v1", "403 and an HTML page, “Just a moment...”: check"),
        (
            always(answer("404 Not Found", {"error": {"message": "No such checkpoint"}})),
            "/v1",
            "does not know the checkpoint 'ft:a:ckpt' (404, “No such checkpoint”): check --checkpoint, and whether",
        ),
        # Errors only
        (always(answer("500 Error", {"error": "boom"})), "/v1", "with 500, “boom”: look at the target's log, or try"),
        (
            always(html("502 Bad Gateway", "502 Bad Gateway")),
            "/v1",
            "with 502 and an HTML page, “502 Bad Gateway”: look",
        ),
        (always(answer("503 Unavailable")), "/v1", "answers every request for the list with 503: look at the target's"),
        (always(answer("400 Bad", {"detail": "no such host"})), "/v1", "with 400, “no such host”: check --base-url"),
        (always(answer("405 Method Not Allowed")), "/v1", "with 405: check --base-url and --checkpoint"),
        (
            always(answer("429 Slow", b"", "x/y", "Retry-After: 9999")),
            "/v1",
            "lets no request through: 429 that asks to wait for 9999 s, which is too long: give a slower --rate",
        ),
        # What a server behind a proxy says, whose port can't be looked at
        (
            always(html("400 The plain HTTP request was sent to HTTPS port", "400 Bad Request")),
            "/v1",
            "sent to HTTPS port”: try --base-url https://127.0.0.1:PORT/v1.",
        ),
        (
            always(answer("400 Bad Request", "Client sent an HTTP request to an HTTPS server.\n", "text/plain")),
            "/v1",
            "an HTTPS server.”: try --base-url https://127.0.0.1:PORT/v1.",
        ),
        (
            always(answer("400 Bad Request", {"error": "see https://docs.example"})),
            "/v1",
            "docs.example”: check --base-url and --checkpoint.",
        ),
        # No HTTP
        (
            always(ending(b"SSH-2.0-OpenSSH_9.6\r\n")),
            "/v1",
            r"does not speak HTTP; it sends 'SSH-2.0-OpenSSH_9.6\r\n': ",
        ),
        (
            always(ending(b"\0\0\x12\x04\0\0\0\0\0" + bytes(18))),
            "/v1",
            "speaks HTTP/2 only, as gRPC does: give the port that speaks HTTP/1.1.",
        ),
        (always(ending(b'{"object": "list"}')), "/v1", 'does not speak HTTP; it sends \'{"object": "list"}\': check'),
        (
            always(ending(b"\x15\x03\x03\x00\x02\x02\x28")),
            "/v1",
            r"it sends '\x15\x03\x03\x00\x02\x02(': check host and",
        ),
        (
            always(ending()),
            "/v1",
            "answers no request: the connection was closed before an answer came: check host and port",
        ),
        (always(resetting()), "/v1", "answers no request: "),
        (always(waiting(b"")), "/v1", "gives no answer: n"),
    ],
)
def test_a_wrong_configuration_is_reported_by_a_run_and_the_doctor(reply: Answer, path: str, told: str) -> None:
    with Server(reply) as server:
        base_url = f"http://127.0.0.1:{server.port}{path}"
        sentence = refusal(base_url)
        assert sentence.startswith(base_url)
        assert told.replace("PORT", str(server.port)) in sentence
        assert len(server.asked) <= 2 * 20, "nothing is asked for ever"


@pytest.mark.parametrize(
    ("name", "amiss"),
    [
        ("'ft:a'", "quotes or brackets are a part of it"),
        ("ft%3Aa", "it is given as it is, and not URL-encoded"),
        ("https://host/ft:a", "it is an id, and no URL"),
    ],
)
def test_a_checkpoint_that_was_hardly_meant_so_is_reported_as_that(name: str, amiss: str) -> None:
    reply = answer("404 Not Found", {"error": {"message": "No such checkpoint"}})
    with Server(always(reply)) as server:
        chosen = plan(f"http://127.0.0.1:{server.port}/v1", LIMITS.connect)
        with pytest.raises(ConfigurationError, match=rf"check --checkpoint \({amiss}\)"):
            run(replace(chosen, target=replace(chosen.target, checkpoint=name)))


def test_a_look_at_what_a_port_speaks_counts_as_a_request() -> None:
    with Server(always(ending(b"SSH-2.0-OpenSSH_9.6\r\n"))) as server:
        with pytest.raises(ConfigurationError) as caught:
            run(plan(f"http://127.0.0.1:{server.port}/v1", LIMITS.connect))
        assert caught.value.requests == len(server.asked)


def test_one_that_accepts_no_connection_can_not_be_reached() -> None:
    with Server(always(b"")) as server:
        pass
    sentence = refusal(f"http://127.0.0.1:{server.port}/v1")
    assert sentence.endswith(
        "can't be reached: Connection refused: check host and port, and whether the target is running."
    )


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that no authority has signed, with its key."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    more = ["-days", "9", "-subj", "/CN=localhost", "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run([*words, *more], check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


class Port(Server):
    """Takes TLS where it has a certificate; all else it answers with the same bytes."""

    def __init__(self, certificate: Path | None, plain: bytes) -> None:
        super().__init__(always(b""))
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._plain = plain

    def _serve(self, sock: Any) -> None:
        try:
            start = sock.recv(5, 2)  # MSG_PEEK
            if start[:1] == b"\x16" and self._context is not None:
                self._context.wrap_socket(sock, server_side=True).close()
            elif self._plain:
                sock.recv(65536)
                sock.sendall(self._plain)
        except (OSError, ClosedError):
            pass
        finally:
            sock.close()


@pytest.mark.parametrize(
    "plain",
    [
        NGINX.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"",
    ],
    ids=["nginx", "Go", "an alert", "closed"],
)
def test_http_on_a_port_that_speaks_tls(certificate: Path, plain: bytes) -> None:
    with Port(certificate, plain) as server:
        sentence = refusal(f"http://127.0.0.1:{server.port}/v1", connect=10.0)
    assert sentence == (
        f"http://127.0.0.1:{server.port}/v1 begins with http://, and that port speaks TLS:"
        f" give --base-url https://127.0.0.1:{server.port}/v1."
    )


def test_https_on_a_port_that_speaks_plain_http() -> None:
    with Port(None, b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") as server:
        sentence = refusal(f"https://127.0.0.1:{server.port}/v1", connect=10.0)
    assert "can't be reached: no TLS (" in sentence
    assert f"it speaks plain HTTP there, so give --base-url http://127.0.0.1:{server.port}/v1." in sentence


def test_a_certificate_that_is_not_trusted(certificate: Path) -> None:
    with Port(certificate, b"") as server:
        sentence = refusal(f"https://127.0.0.1:{server.port}/v1", connect=10.0)
    assert "its certificate is refused (self-signed certificate)" in sentence
    assert sentence.endswith("trust a private authority with --ca-bundle.")


# A target that is being started


@pytest.mark.parametrize(
    "before",
    [
        *[answer("503 Unavailable"), html("502", "502 Bad Gateway"), answer("500 Error"), ending(), None],
        *[answer("404 Not Found", "404 page not found", "text/plain"), html("404", "404 Not Found")],
    ],
)
def test_a_target_that_is_being_started_is_waited_for(before: Reply | None) -> None:
    asked: list[str] = []
    slept: list[float] = []
    told: list[str] = []

    def reply(target: str, key: str) -> Reply:
        asked.append(target)
        return before if before is not None and len(asked) <= 3 else entitled(answer("200 OK", LIST))(target, key)

    with Server(reply) as server:
        await_answer(plan(server.base_url, LIMITS.connect), 60.0, sleep=slept.append, say=told.append)
    assert len(asked) == (4 if before is not None else 1)
    assert len(slept) == len(asked) - 1
    assert len(told) == (before is not None), "the same outcome is said once"
    assert all(each.startswith(f"waiting 60 s at the most for {server.base_url}: ") for each in told)


def test_a_target_that_never_answers_is_waited_for_so_long_and_no_longer() -> None:
    with Server(always(b"")) as server:
        pass
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    await_answer(plan(f"http://127.0.0.1:{server.port}/v1", LIMITS.connect), 7.0, lambda: now, sleep)
    assert now == 7.0


@pytest.mark.parametrize("other", [UNAUTHORIZED, html("Welcome"), answer("404 Not Found"), answer("400 Bad")])
def test_whatever_else_is_answered_is_not_waited_for(other: Reply) -> None:
    with Server(always(other)) as server:
        await_answer(plan(server.base_url, LIMITS.connect), 60.0)
    assert len(server.asked) == 1


# What is judged


def judged(reply: Answer, clause: str) -> Judgement:
    with Server(reply) as server:
        (judgement,) = run(plan(server.base_url, LIMITS.connect, clause)).judgements
        return judgement


KEYED = answer("401 Unauthorized", {"error": {"message": "no key"}})


def entitled(reply: Reply) -> Answer:
    """What the admin key gets; all others are refused."""
    return lambda _target, key: reply if key == f"Bearer {ADMIN}" else KEYED


@pytest.mark.parametrize(
    ("reply", "broken"),
    [
        (answer("200 OK", b'{"object": "list", "data": ['), "ENV-001"),
        (answer("200 OK", {"object": "list"}), "ENV-003"),
        (answer("200 OK", {"error": {"message": "boom"}}), "ENV-003"),
        (answer("200 OK", [1, 2]), "ENV-001"),
        (answer("200 OK", b""), "ENV-001"),
        (answer("200 OK", b"[]", "text/html"), "ENV-001"),
        (answer("200 OK", "data: " + json.dumps(LIST), "text/event-stream"), "ENV-001"),
        (answer("200 OK", "<html>", "application/json"), "ENV-001"),
        (answer("206 Partial Content", LIST), "HTP-001"),
        (answer("200 OK", LIST, "text/html"), "HTP-002"),
        (answer("302 Found", b"", "text/html", "Location: https://elsewhere.example/"), "HTP-001"),
        (ending(answer("200 OK", LIST).replace(b"Content-Length: ", b"Content-Length: 9")), "HTP-003"),
        (ending(b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}"), "HTP-003"),
    ],
)
def test_an_attempt_at_the_list_is_judged(reply: Reply, broken: str) -> None:
    assert judged(entitled(reply), broken).verdict is Verdict.BROKEN


def test_one_failure_before_a_right_answer_is_no_obstacle() -> None:
    asked: list[str] = []

    def reply(target: str, key: str) -> Reply:
        asked.append(target)
        return answer("500 Error") if len(asked) <= 2 else entitled(answer("200 OK", LIST))(target, key)

    assert judged(reply, "ENV-001").verdict is Verdict.KEPT


# What the doctor foretells


@pytest.mark.parametrize("variant", ["size-0", "size-1", "unknown-project-404", "unknown-project-403", None])
@pytest.mark.parametrize("full", [True, False])
def test_the_doctor_foretells_what_a_run_does_not_exercise(variant: str | None, full: bool) -> None:
    with open_variant(variant) if variant else Embedded() as server:
        data = server.dataset
        other, empty = (data.other_checkpoint, data.empty_checkpoint) if full else (None, None)
        target = Target(server.base_url, data.checkpoint, other, empty, user_key=full)
        keys = Keys.of(data.admin_key, data.user_key if full else None)
        chosen = find(["PAG-006", "PAG-016", "OBS-009", "PAG-005", "SCO-001", "SEC-005", "ITM-001"])
        asked = Plan(target=target, keys=keys, operation=OPERATION, seed=0, selected=chosen)
        foretold = {clause for gap in examine(asked).gaps for clause in gap.clauses}
        judgements = run(asked).judgements
    assert foretold == {one.clause for one in judgements if one.verdict is Verdict.NOT_EXERCISED}


@pytest.mark.parametrize("body", [{"error": {"message": "boom"}}, {"object": "list"}])
def test_the_doctor_ticks_no_key_before_a_page_was_read(body: object) -> None:
    with Server(entitled(answer("200 OK", body))) as server:
        found = examine(plan(server.base_url, LIMITS.connect))
    assert found.usable, "a run judges it"
    states = {check.name: check.state for check in found.checks}
    assert (states["Admin key"], states["Checkpoint"]) == (State.DOUBTFUL, State.DOUBTFUL)
    assert {gap.reason for gap in found.gaps} & {"no page of the list could be read"}
    assert not any("permission" in gap.reason for gap in found.gaps), "the size of an unread list is not known"


def test_a_run_that_is_not_judged_counts_the_requests_to_other_paths_too() -> None:
    with Server(always(html("Welcome"))) as server:
        base_url = f"http://127.0.0.1:{server.port}/v1"
        with pytest.raises(ConfigurationError) as caught:
            run(plan(base_url, LIMITS.connect))
        assert caught.value.requests == len(server.asked)
