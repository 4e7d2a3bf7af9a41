"""The client against servers that answer well, oddly, late, endlessly or not at all."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import pytest
from canary import ADMIN, key_like
from hostile import (
    ANSWERS,
    BOMB,
    CHUNKED,
    GZIP,
    ODD_BUT_RIGHT,
    SMALL,
    ClosedError,
    Reply,
    Target,
    dripping,
    ending,
    ok,
    resetting,
    waiting,
    zipped,
)

from contracts.core.errors import ConfigurationError
from contracts.core.model import Exchange, FailureKind, Request, Step
from contracts.mock.server import Server
from contracts.traffic.client import (
    BudgetSpent,
    Client,
    FenceError,
    Limits,
    OutOfRoom,
    OutOfTime,
    RunStopped,
    TargetGone,
)
from contracts.traffic.connecting import Connector
from contracts.traffic.credentials import available
from contracts.traffic.keys import Keys
from contracts.traffic.origin import split_base_url
from contracts.traffic.route import STRAIGHT, Route
from contracts.traffic.wire import Connection

USER = key_like("user", "Qz7Lm2Xw9Kd4Vb6Rt8Np3Hs5Gf1Jc0YaTe")
KEYS = Keys.of(ADMIN, USER)
LIST = Request("/permissions")

HASTY = Limits(connect=2.0, read=0.3, answer=0.8, body=64 * 1024, kept=1024, tries=2, pause=0.0)
PATIENT = Limits(pause=0.0)


@contextmanager
def asking(target: Target, limits: Limits = PATIENT, budget: int = 100) -> Iterator[Client]:
    with target, Client(target.base_url, KEYS, budget=budget, seed=7, limits=limits) as client:
        yield client


class Clock:
    """Time that passes in sleep only."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


@contextmanager
def clocked(
    target: Target,
    *,
    rate: float | None = None,
    limits: Limits = PATIENT,
    clock: Clock | None = None,
    now: float = 1_763_000_000.0,
    budget: int = 100,
) -> Iterator[tuple[Client, Clock]]:
    ticking = clock or Clock()
    with (
        target,
        Client(
            target.base_url,
            KEYS,
            budget=budget,
            seed=7,
            rate=rate,
            limits=limits,
            clock=ticking,
            sleep=ticking.sleep,
            now=lambda: now,
        ) as client,
    ):
        yield client, ticking


# A plain request


def test_an_exchange_holds_what_was_asked_and_answered() -> None:
    with asking(Target(ok(b'{"a": 1}', b"X-Twice: 1", b"x-twice: 2", status=b"200 Fine"))) as client:
        exchange = client.send(Request("/permissions", "limit=1"), probe="walks", step=Step("w", 3), again=(1, 0))
    assert exchange.answer is not None
    assert (exchange.answer.status, exchange.answer.reason, exchange.answer.body) == (200, "Fine", b'{"a": 1}')
    assert exchange.answer.headers == (("Content-Length", "8"), ("X-Twice", "1"), ("x-twice", "2"))
    assert exchange.answer.flaw is None
    assert (exchange.number, exchange.probe, exchange.step, exchange.again) == (0, "walks", Step("w", 3), (1, 0))
    assert exchange.failure is None
    assert exchange.sent < exchange.received
    assert (exchange.waits, exchange.retries, exchange.redirects, exchange.concurrent) == (0, 0, 0, False)


def test_the_request_carries_the_key_and_says_who_asks() -> None:
    with asking(target := Target(ok())) as client:
        client.send(LIST, probe="p")
    lines = target.asked[0].decode().split("\r\n")
    assert lines[0] == "GET /v1/permissions HTTP/1.1"
    assert f"Host: 127.0.0.1:{target.port}" in lines
    assert "Accept: application/json" in lines
    assert "Accept-Encoding: gzip, deflate" in lines
    assert f"Authorization: Bearer {ADMIN}" in lines
    assert any(line.startswith("User-Agent: contracts") for line in lines)


@pytest.mark.parametrize("credential", ["admin", "none", "unknown"])
@pytest.mark.parametrize("fresh", [True, False])
def test_caches_are_asked_where_a_request_says_so(credential: str, *, fresh: bool) -> None:
    with asking(target := Target(ok())) as client:
        client.send(Request(LIST.path, LIST.query, credential, fresh=fresh), probe="p")
    assert (b"Cache-Control: no-cache\r\n" in target.asked[0]) is fresh


@pytest.mark.parametrize("accept", [None, "*/*"])
def test_accept_is_sent_as_asked(accept: str | None) -> None:
    with asking(target := Target(ok())) as client:
        client.send(Request(LIST.path, accept=accept), probe="p")
    sent = [line for line in target.asked[0].decode().split("\r\n") if line.lower().startswith("accept:")]
    assert sent == ([] if accept is None else [f"Accept: {accept}"])


def test_a_request_can_open_a_connection_of_its_own() -> None:
    with asking(Target(ok(), ok(), ok())) as client:
        numbers = [client.send(replace(LIST, reconnect=new), probe="p").connection for new in (False, False, True)]
    assert numbers == [1, 1, 2]


@pytest.mark.parametrize(
    ("credential", "header"),
    [
        ("user", f"Bearer {USER}"),
        ("none", None),
        ("empty", "Bearer "),
        ("empty-bare", "Bearer"),
        ("bare", ADMIN),
        ("other-scheme", f"Token {ADMIN}"),
        ("shortened", f"Bearer {ADMIN[:-1]}"),
        ("lengthened", f"Bearer {ADMIN}x"),
        ("other-case", f"Bearer {ADMIN.swapcase()}"),
        ("malformed-quote", 'Bearer "abc'),
    ],
)
def test_credentials_reach_the_wire_as_they_are(credential: str, header: str | None) -> None:
    with asking(target := Target(ok())) as client:
        client.send(Request("/permissions", credential=credential), probe="p")
    sent = [line[15:] for line in target.asked[0].decode().split("\r\n") if line.startswith("Authorization: ")]
    assert sent == ([] if header is None else [header])


@pytest.mark.parametrize(("query", "target"), [("", "?api_key={}"), ("a=1", "?a=1&api_key={}")])
def test_a_key_in_the_query_is_on_the_wire_only(query: str, target: str) -> None:
    with asking(server := Target(ok())) as client:
        exchange = client.send(Request("/permissions", query, "query-api_key"), probe="p")
    assert server.targets == ["/v1/permissions" + target.format(ADMIN)]
    assert b"Authorization" not in server.asked[0]
    assert ADMIN not in repr(exchange)


@pytest.mark.parametrize(
    "target",
    [
        "/a/../b",
        "/a/./b//c",
        "/%2e%2e/x",
        "/a%2Fb",
        "/a%2fb",
        "/%zz%",
        "/raw[]{}|^`<>\\\"'",
        "/a?b#c",
        "/ft:gpt-4o:org::id:ckpt-step-1/permissions?after=%00&limit=+1&&==&x;y",
        "/" + "a" * 9000,
    ],
)
def test_the_target_is_sent_byte_for_byte(target: str) -> None:
    with asking(server := Target(ok())) as client:
        path, _, query = target.partition("?")
        client.send(Request(path, query), probe="p")
    assert server.targets == ["/v1" + target]


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "/a\nb", "/é", "/a\x00", "/a\x7f", "/a\tb"])
def test_a_target_that_would_change_the_request_is_refused(target: str) -> None:
    with asking(server := Target(ok())) as client, pytest.raises(FenceError):
        client.send(Request(target), probe="p")
    assert server.asked == []


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/permissions HTTP/1.1\r\nHost: x\r\n\r\n",
        b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nbody",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\nb: c\r\n\r\n",
    ],
)
def test_the_wire_sends_nothing_but_one_get(head: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with pytest.raises(FenceError):
            Connection(ours, HASTY).get(head, time.monotonic() + 1)
        theirs.setblocking(False)  # noqa: FBT003 - the socket's own signature
        with pytest.raises(BlockingIOError):
            theirs.recv(1)


def test_connections_are_kept_and_used_again() -> None:
    with asking(target := Target(ok())) as client:
        for _ in range(5):
            client.send(LIST, probe="p")
    assert target.connections == 1


def test_the_numbers_ticks_and_hooks_follow_the_order_of_asking() -> None:
    seen: list[Exchange] = []
    with Target(ok()) as target, Client(target.base_url, KEYS, budget=9, seed=1, on_exchange=seen.append) as client:
        for _ in range(3):
            client.send(LIST, probe="p")
    assert seen == client.exchanges
    assert [exchange.number for exchange in seen] == [0, 1, 2]
    assert [(exchange.sent, exchange.received) for exchange in seen] == [(1, 2), (3, 4), (5, 6)]
    assert client.requests_by_probe == {"p": 3}


@pytest.mark.parametrize(
    ("url", "origin", "prefix"),
    [
        ("http://Example.COM/v1/", "http://example.com", "/v1"),
        ("https://h:443", "https://h", ""),
        ("https://h:8443/a//b/", "https://h:8443", "/a//b"),
        ("http://[::1]:8080/v1", "http://[::1]:8080", "/v1"),
    ],
)
def test_base_urls(url: str, origin: str, prefix: str) -> None:
    where, path = split_base_url(url)
    assert (str(where), path) == (origin, prefix)


@pytest.mark.parametrize(
    "url",
    [
        *["", "x", "ftp://h/", "http://", "http://u:p@h/", "http://h:x/", "http://h:99999/"],
        *["http://h/?a", "http://[::/", "http://é/", "file:///etc/passwd"],
    ],
)
def test_a_base_url_that_can_not_be_used_is_reported_in_one_sentence(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^The base URL can't be used: .*\.$"):
        split_base_url(url)


def test_the_embedded_server_answers_its_own_keys() -> None:
    with Server() as server:
        keys = Keys.of(server.dataset.admin_key, server.dataset.user_key)
        path = f"/fine_tuning/checkpoints/{next(iter(server.dataset.checkpoints))}/permissions"
        with Client(server.base_url, keys, budget=99, seed=1) as client:
            statuses = {name: client.send(Request(path, "", name), probe="p").status for name in available(keys)}
    assert statuses.pop("admin") == 200
    assert set(statuses.values()) <= {401, 403}
    assert {entry.method for entry in server.log} == {"GET"}


def test_equal_bodies_are_kept_once() -> None:
    with asking(Target(ok(b"x" * 999))) as client:
        exchanges = [client.send(LIST, probe="p") for _ in range(3)]
    assert len({id(exchange.answer.body) for exchange in exchanges if exchange.answer}) == 1


# Hostile answers


@pytest.mark.parametrize("name", ANSWERS)
def test_a_hostile_answer_ends_and_says_what_it_was(name: str) -> None:
    reply, expected = ANSWERS[name]
    with asking(Target(reply), HASTY) as client:
        exchange = client.send(LIST, probe="p")
    if isinstance(expected, FailureKind):
        assert exchange.failure is not None
        assert (exchange.failure.kind, exchange.answer) == (expected, None)
        assert exchange.failure.text.isprintable()
        assert 0 < len(exchange.failure.text) <= 201
        assert not re.search(r"bytearray|[Ee]vent|state|expected", exchange.failure.text), "no words of Python"
    else:
        assert exchange.failure is None
        assert exchange.answer is not None
        assert exchange.answer.status == 200
        assert any(each in (exchange.answer.flaw or "") for each in expected.split("|"))
        assert len(exchange.answer.body) <= HASTY.body
        if "larger" in expected or "did not end" in expected:
            assert len(exchange.answer.body) <= HASTY.kept


@pytest.mark.parametrize("name", ODD_BUT_RIGHT)
def test_what_http_allows_is_no_flaw(name: str) -> None:
    reply, status, body = ODD_BUT_RIGHT[name]
    with asking(Target(reply), HASTY) as client:
        for _ in range(2):
            exchange = client.send(LIST, probe="p")
            assert exchange.failure is None
            assert exchange.answer is not None
            assert (exchange.answer.status, exchange.answer.body, exchange.answer.flaw) == (status, body, None)
            assert exchange.retries == 0


@pytest.mark.parametrize(
    "poison",
    [
        ok(b"first") + ok(b"poison"),
        ok(b"first").replace(b": 5", b": 3"),
        b"HTTP/1.1 204 No Content\r\n\r\n" + ok(b"poison"),
        CHUNKED + b"0\r\n\r\n" + ok(b"poison"),
        ok(SMALL[:-9], GZIP),
        ok(BOMB, GZIP),
    ],
    ids=["two answers", "too short", "a body after 204", "bytes after chunks", "cut gzip", "bomb"],
)
def test_one_answer_never_spoils_the_next(poison: bytes) -> None:
    with asking(Target(poison, ok(b"clean")), HASTY) as client:
        client.send(LIST, probe="p")
        exchange = client.send(LIST, probe="p")
    assert exchange.answer is not None
    assert (exchange.answer.body, exchange.answer.flaw) == (b"clean", None)


def test_bytes_that_come_late_do_not_spoil_the_next() -> None:
    def late(sock: socket.socket) -> None:
        sock.sendall(ok(b"first"))
        time.sleep(0.05)
        sock.sendall(ok(b"poison"))

    with asking(target := Target(late, ok(b"clean")), HASTY) as client:
        client.send(LIST, probe="p")
        time.sleep(0.15)
        exchange = client.send(LIST, probe="p")
    assert exchange.answer is not None
    assert exchange.answer.body == b"clean"
    assert target.connections == 2


# Broken connections


def test_a_kept_connection_that_was_closed_is_replaced_silently() -> None:
    def closing(sock: socket.socket) -> None:
        sock.sendall(ok())
        sock.shutdown(socket.SHUT_RDWR)
        raise ClosedError

    with asking(target := Target(closing)) as client:
        for _ in range(3):
            exchange = client.send(LIST, probe="p")
            assert exchange.failure is None
            assert exchange.retries == 0
            time.sleep(0.02)
    assert (target.connections, client.retries) == (3, 0)


def test_a_kept_connection_that_closes_on_the_next_request_is_replaced_silently() -> None:
    with asking(target := Target(ok(), ending(), ok(b"again"))) as client:
        client.send(LIST, probe="p")
        exchange = client.send(LIST, probe="p")
    assert exchange.answer is not None
    assert (exchange.answer.body, exchange.retries, client.retries) == (b"again", 0, 0)
    assert (len(target.asked), client.requests) == (3, 3)


@pytest.mark.parametrize(
    "broken",
    [ending(), resetting(), ending(b"HTTP/1.1 200 OK\r\nCon"), waiting(b""), ending(ok().replace(b": 2", b": 9"))],
)
def test_a_broken_connection_is_tried_again(broken: Reply) -> None:
    limits = Limits(read=0.2, pause=0.0)
    with asking(Target(broken, broken, ok(b"third")), limits) as client:
        exchange = client.send(LIST, probe="p")
    assert exchange.answer is not None
    assert (exchange.answer.body, exchange.answer.flaw) == (b"third", None)
    assert (exchange.retries, client.retries, client.requests) == (2, 2, 3)


def test_an_answer_that_breaks_on_a_kept_connection_counts_as_a_retry() -> None:
    with asking(Target(ok(), ending(b"HTTP/1.1 200 OK\r\nCon"), ok())) as client:
        client.send(LIST, probe="p")
        assert client.send(LIST, probe="p").retries == 1


def test_when_one_kept_connection_was_closed_the_others_are_not_tried() -> None:
    gate = threading.Barrier(2, timeout=60)

    def both(sock: socket.socket) -> None:
        gate.wait()
        sock.sendall(ok())

    with asking(target := Target(both, both, ending(), ok())) as client:
        client.send_together([LIST, LIST], probe="p")
        assert client.send(LIST, probe="p").status == 200
    assert (target.connections, client.retries) == (3, 0)


def test_an_answer_that_comes_before_the_request_was_read_counts() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(ok(b"early", status=b"400 Bad"))
        raw = Connection(ours, HASTY).get(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", time.monotonic() + 1)
    assert (raw.status, raw.body, raw.flaw) == (400, b"early", None)


def test_the_time_for_an_answer_bounds_silence_too() -> None:
    with asking(Target(waiting(b"")), Limits(read=60.0, answer=0.2)) as client:
        exchange = client.send(LIST, probe="p")
    assert exchange.failure is not None
    assert exchange.failure.text == "no answer within 0.2 s"
    assert exchange.seconds < 30


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 131072, 300_000])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_coded_body_of_any_size_is_whole(size: int, coding: str) -> None:
    coded = zipped(bytes(size)) if coding == "gzip" else zlib.compress(bytes(size))
    with asking(Target(ok(coded, b"Content-Encoding: " + coding.encode()))) as client:
        exchange = client.send(LIST, probe="p")
    assert exchange.answer is not None
    assert (exchange.answer.body, exchange.answer.flaw) == (bytes(size), None)


def test_three_tries_are_all() -> None:
    with asking(target := Target(ending(), ending(), ending(), ok())) as client:
        exchange = client.send(LIST, probe="p")
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.retries, len(target.asked)) == (FailureKind.CUT, 2, 3)


def test_a_cut_body_is_kept_even_if_the_last_try_brings_nothing() -> None:
    with asking(Target(ending(ok().replace(b": 2", b": 9")), ending())) as client:
        exchange = client.send(LIST, probe="p")
    assert exchange.failure is None
    assert exchange.answer is not None
    assert exchange.answer.flaw == "cut short after 2 bytes (Content-Length 9): the connection was closed"


@pytest.mark.parametrize(
    "reply", [ok(b"\xff", status=b"500 Oops"), ok(b"x", GZIP), b"garbage\r\n\r\n", ok(status=b"503 Busy")]
)
def test_an_odd_answer_is_never_asked_for_again(reply: bytes) -> None:
    with asking(target := Target(reply, ok())) as client:
        client.send(LIST, probe="p")
    assert len(target.asked) == 1


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_no_connection_is_unreachable_and_soon_gone() -> None:
    with Client(f"http://127.0.0.1:{closed_port()}", KEYS, budget=99, seed=1, limits=Limits(pause=0.0)) as client:
        exchange = client.send(LIST, probe="p")
        assert exchange.failure is not None
        assert exchange.failure.kind is FailureKind.UNREACHABLE
        assert "not reachable" in exchange.failure.text
        with pytest.raises(TargetGone, match="not reachable"):
            client.send(LIST, probe="p")
    assert len(client.exchanges) == 2
    assert client.requests == 6


def test_an_answer_in_between_shows_that_the_target_is_there() -> None:
    with asking(target := Target(ok()), Limits(pause=0.0, tries=1, gone=2, back=0.0)) as client:
        right = client._sender._pool._connector
        wrong = Connector(type(client._sender._origin)("http", "127.0.0.1", closed_port()), STRAIGHT)
        for connector in (wrong, right, wrong):
            client._sender._pool.drop()
            client._sender._pool._connector = connector
            client.send(LIST, probe="p")
    assert len(target.asked) == 1


def test_a_name_server_that_is_silent_holds_up_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def late(*_: object, **__: object) -> NoReturn:
        answered.wait()
        raise socket.gaierror

    monkeypatch.setattr("contracts.traffic.connecting.socket.getaddrinfo", late)
    with Client("http://target.invalid", KEYS, budget=9, seed=1, limits=Limits(connect=0.1, tries=1)) as client:
        exchange = client.send(LIST, probe="p")
    answered.set()
    assert exchange.failure is not None
    assert exchange.failure.text == "http://target.invalid is not reachable: no connection within 0.1 s"


@pytest.mark.parametrize("dead", ["100::1", "127.0.0.2"])
def test_a_name_is_reached_at_the_address_that_answers(dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up, connect, tried = socket.getaddrinfo, socket.create_connection, list[str]()

    def found(host: str, *more: Any, **named: Any) -> list[Any]:
        hosts = (dead, "127.0.0.1") if host == "target.invalid" else (host,)
        return [address for each in hosts for address in look_up(each, *more, **named)]

    monkeypatch.setattr("contracts.traffic.connecting.socket.getaddrinfo", found)

    def connection(place: tuple[str, int], timeout: float) -> socket.socket:
        tried.append(place[0])
        if place[0] == dead:
            raise TimeoutError
        return connect(place, timeout)

    monkeypatch.setattr("contracts.traffic.connecting.socket.create_connection", connection)
    with Target(ok()) as target:
        base_url = target.base_url.replace("127.0.0.1", "target.invalid")
        with Client(base_url, KEYS, budget=9, seed=1, limits=Limits(tries=1)) as client:
            assert client.send(LIST, probe="p").status == 200
    assert tried == [dead, "127.0.0.1"]


def test_an_unknown_host_is_unreachable() -> None:
    limits = Limits(tries=1)
    with Client("http://no-such-host.invalid", KEYS, budget=9, seed=1, limits=limits) as client:
        exchange = client.send(LIST, probe="p")
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.UNREACHABLE


# Budget and time


def test_the_budget_ends_before_a_request_too_many() -> None:
    with asking(target := Target(ok()), budget=3) as client:
        for _ in range(3):
            client.send(LIST, probe="p")
        assert client.remaining == 0
        with pytest.raises(BudgetSpent):
            client.send(LIST, probe="p")
    assert len(target.asked) == 3
    assert len(client.exchanges) == 3


@pytest.mark.parametrize(
    "replies",
    [
        [ok(b"", b"Retry-After: 0", status=b"503 Busy")],
        [ok(b"", b"Location: /v1/a", status=b"307 There"), ok(b"", b"Location: /v1/b", status=b"307 There")],
        [ending()],
    ],
    ids=["waits", "redirects", "retries"],
)
def test_everything_on_the_wire_counts(replies: list[Reply]) -> None:
    with asking(target := Target(*replies), budget=2) as client, pytest.raises(BudgetSpent):
        client.send(LIST, probe="p")
    assert len(target.asked) == client.requests == 2
    assert (client.retries, client.exchanges) == (0, []), "what has no exchange has no retries"


def test_requests_together_are_sent_all_or_none() -> None:
    with asking(target := Target(ok()), budget=3) as client, pytest.raises(BudgetSpent):
        client.send_together([LIST] * 4, probe="p")
    assert target.asked == []


def test_stopping_a_run_is_no_ordinary_exception() -> None:
    assert not issubclass(RunStopped, Exception)
    assert all(issubclass(stop, RunStopped) for stop in (BudgetSpent, TargetGone, OutOfTime, OutOfRoom))


def test_the_run_ends_in_time() -> None:
    with clocked(Target(ok()), limits=Limits(run=10.0)) as (client, clock):
        client.send(LIST, probe="p")
        clock.now += 10.0
        with pytest.raises(OutOfTime):
            client.send(LIST, probe="p")
    assert client.requests == 1


def send_many(client: Client, number: int) -> None:
    for _ in range(number):
        client.send(LIST, probe="p")


ENDLESS = dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" ", 0.02)


@pytest.mark.parametrize("reply", [waiting(b""), ENDLESS])
def test_answers_that_never_end_do_not_hold_a_run_for_ever(reply: Reply) -> None:
    limits = Limits(read=0.2, answer=0.2, stalled=0.5, tries=1)
    with asking(target := Target(reply), limits) as client, pytest.raises(OutOfTime, match="did not come or did not"):
        send_many(client, 9)
    assert 1 <= len(target.asked) <= 3


def test_what_is_waited_for_at_the_same_time_is_counted_once() -> None:
    limits = Limits(read=0.5, answer=0.5, stalled=3.0, tries=1)
    with asking(target := Target(waiting(b"")), limits) as client:
        client.send_together([LIST] * 8, probe="p")
        client.send(LIST, probe="p")
    assert len(target.asked) == 9


def test_what_is_kept_of_large_answers_has_an_end() -> None:
    limits = Limits(stored=200_000, stored_each=0, kept=1024)
    with asking(target := Target(ok(b"x" * 90_000)), limits) as client, pytest.raises(OutOfRoom, match="is kept"):
        send_many(client, 9)
    assert len(target.asked) == len(client.exchanges) == 3
    # Many small values take more room than their text.
    with asking(target := Target(ok(b"{}," * 1500)), limits) as client, pytest.raises(OutOfRoom, match="is kept"):
        send_many(client, 9)
    assert len(target.asked) == 3
    # What is small and says the same is kept once.
    with asking(Target(ok(b"x" * 1000)), limits) as client:
        send_many(client, 99)
    assert len(client.exchanges) == 99


def test_a_wait_beyond_the_end_of_the_run_is_not_begun() -> None:
    target = Target(ok(b"", b"Retry-After: 20", status=b"503 Busy"))
    with clocked(target, limits=Limits(run=10.0)) as (client, clock), pytest.raises(OutOfTime):
        client.send(LIST, probe="p")
    assert clock.slept == []


def test_what_the_end_of_the_run_cuts_is_not_held_against_the_target() -> None:
    with asking(Target(waiting(b"")), Limits(run=0.2)) as client, pytest.raises(OutOfTime):
        client.send(LIST, probe="p")
    assert client.exchanges == []


def test_requests_are_evenly_spaced() -> None:
    with clocked(Target(ok()), rate=4.0) as (client, clock):
        for _ in range(4):
            client.send(LIST, probe="p")
        clock.now += 10.0
        client.send(LIST, probe="p")
        client.send(LIST, probe="p")
    assert clock.slept == [0.25, 0.25, 0.25, 0.25]


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_rate_that_lets_nothing_pass_is_refused(rate: float) -> None:
    with pytest.raises(ConfigurationError):
        Client("http://h", KEYS, budget=1, seed=1, rate=rate)


# Throttling

NOW = 1_763_000_000.0
LATER = b"Thu, 13 Nov 2025 02:13:25 GMT"
BEFORE = b"Thu, 13 Nov 2025 02:13:15 GMT"


@pytest.mark.parametrize("status", [b"429 Slow down", b"503 Busy"])
@pytest.mark.parametrize(
    ("retry_after", "slept"),
    [
        (b"3", [3.0]),
        (b"0", []),
        (b"-5", []),
        (b"2.5", [2.5]),
        (LATER, [5.0]),
        (BEFORE, []),
        (b"Thursday, 13-Nov-25 02:13:25 GMT", [5.0]),
    ],
)
def test_retry_after_is_followed(status: bytes, retry_after: bytes, slept: list[float]) -> None:
    with clocked(Target(ok(b"", b"Retry-After: " + retry_after, status=status), ok(b"at last")), now=NOW) as (
        client,
        clock,
    ):
        exchange = client.send(LIST, probe="p")
    assert exchange.answer is not None
    assert (exchange.answer.body, exchange.failure) == (b"at last", None)
    assert (exchange.waits, exchange.unavailable) == (1, status.startswith(b"503"))
    assert clock.slept == slept
    assert (client.waits, client.waited, client.requests) == (1, sum(slept), 2)


@pytest.mark.parametrize("header", [[], [b"Retry-After: soon"], [b"Retry-After: Thu, 99 Nov 2025 99:99:99 GMT"]])
def test_429_without_a_time_is_waited_for_longer_and_longer(header: list[bytes]) -> None:
    with clocked(Target(ok(b"", *header, status=b"429 Slow down"))) as (client, clock):
        exchange = client.send(LIST, probe="p")
    assert clock.slept == [1.0, 2.0, 4.0, 8.0]
    assert exchange.status == 429
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.THROTTLED
    assert client.requests == 5


def test_what_was_put_off_together_does_not_come_together_again() -> None:
    gate = threading.Barrier(3, timeout=60)

    def busy(sock: socket.socket) -> None:
        gate.wait()
        sock.sendall(ok(b"", b"Retry-After: 1", status=b"503 Busy"))

    with clocked(Target(busy, busy, busy, ok())) as (client, clock):
        exchanges = client.send_together([Request(f"/{n}") for n in range(3)], probe="p")
    assert [(exchange.status, exchange.waits) for exchange in exchanges] == [(200, 1)] * 3
    assert len(set(clock.slept)) == 3
    assert all(1 < pause < 2 for pause in clock.slept)


def test_503_without_retry_after_stays() -> None:
    with clocked(Target(ok(status=b"503 Busy"), ok())) as (client, clock):
        exchange = client.send(LIST, probe="p")
    assert (exchange.status, exchange.waits, exchange.failure, clock.slept) == (503, 0, None, [])


@pytest.mark.parametrize(
    "retry_after", [b"61", b"31536000", b"9" * 4000, b"9" * 5000, b"Wed, 13 Nov 2999 02:13:25 GMT"]
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_is_too_long_is_not_begun(retry_after: bytes, status: int) -> None:
    reply = ok(b"", b"Retry-After: " + retry_after, status=b"%d No" % status)
    with clocked(target := Target(reply), now=NOW) as (client, clock):
        exchange = client.send(LIST, probe="p")
    assert (exchange.status, exchange.waits, clock.slept, len(target.asked)) == (status, 0, [], 1)
    assert (exchange.failure is not None and exchange.failure.kind is FailureKind.THROTTLED) == (status == 429)


@pytest.mark.parametrize(("seconds", "waits"), [(b"1", 4), (b"50", 2)])
def test_waiting_has_an_end(seconds: bytes, waits: int) -> None:
    reply = ok(b"", b"Retry-After: " + seconds, status=b"503 Busy")
    with clocked(target := Target(reply)) as (client, _):
        exchange = client.send(LIST, probe="p")
    assert (exchange.status, exchange.waits, exchange.unavailable, exchange.failure) == (503, waits, True, None)
    assert len(target.asked) == waits + 1


# Redirects


def to(location: bytes, status: bytes = b"307 There") -> bytes:
    return ok(b"", b"Location: " + location, status=status)


@pytest.mark.parametrize("status", [b"301 A", b"302 B", b"303 C", b"307 D", b"308 E"])
@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/v1/there?x=%2F", "/v1/there?x=%2F"),
        ("there", "/v1/there"),
        ("?page=2", "/v1/permissions?page=2"),
        ("//127.0.0.1:{port}/x", "/x"),
        ("http://127.0.0.1:{port}/v1/x#part", "/v1/x"),
        ("HTTP://127.0.0.1:{port}", "/"),
    ],
)
def test_redirects_within_the_origin_are_followed_with_the_key(status: bytes, location: str, target: str) -> None:
    server = Target(ok())
    server.replies = (to(location.format(port=server.port).encode(), status), ok(b"there"))
    with asking(server) as client:
        exchange = client.send(LIST, probe="p")
    assert exchange.answer is not None
    assert (exchange.answer.body, exchange.redirects, exchange.failure) == (b"there", 1, None)
    assert server.targets[1] == target
    assert server.asked[1].startswith(b"GET ")
    assert f"Bearer {ADMIN}".encode() in server.asked[1]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{other}/v1/permissions",
        "//127.0.0.1:{other}/",
        "https://127.0.0.1:{port}/v1/permissions",
        "http://localhost:{port}/v1/permissions",
        "http://127.0.0.1:{port}@localhost:{other}/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "http://[::1",
        "http://127.0.0.1:{port}1234567/",
        "/caf\xe9",
        "",
    ],
)
def test_a_redirect_elsewhere_is_not_followed(location: str) -> None:
    with Target(ok()) as other:
        server = Target(ok())
        place = location.format(port=server.port, other=other.port)
        server.replies = (to(place.encode("latin-1")),)
        with asking(server) as client:
            exchange = client.send(LIST, probe="p")
        assert other.connections == 0
    assert exchange.status == 307
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.REDIRECT
    assert exchange.failure.text.isprintable()
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("replies", "redirects"),
    [
        ([ok(status=b"302 Nowhere")], 0),
        ([ok(b"", b"Location: /a", b"Location: /b", status=b"302 Both")], 0),
        ([to(b"/v1/permissions")], 0),
        ([to(b"/v1/a"), to(b"/v1/b"), to(b"/v1/a")], 2),
        ([to(b"/%d" % n) for n in range(9)], 5),
    ],
    ids=["no Location", "two Locations", "to itself", "in a circle", "too many"],
)
def test_a_redirect_that_leads_nowhere_is_kept(replies: list[Reply], redirects: int) -> None:
    with asking(server := Target(*replies)) as client:
        exchange = client.send(LIST, probe="p")
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.redirects) == (FailureKind.REDIRECT, redirects)
    assert exchange.answer is not None
    assert 300 <= exchange.answer.status < 400
    assert len(server.asked) == redirects + 1


# Together


def test_requests_together_are_under_way_at_once() -> None:
    gate = threading.Barrier(8, timeout=60)

    def reply(sock: socket.socket) -> None:
        gate.wait()
        sock.sendall(ok())

    with asking(target := Target(reply)) as client:
        exchanges = client.send_together([Request(f"/{n}") for n in range(8)], probe="p")
    assert [exchange.request.path for exchange in exchanges] == [f"/{n}" for n in range(8)]
    assert all(exchange.status == 200 and exchange.concurrent for exchange in exchanges)
    assert target.connections == 8
    assert max(exchange.sent for exchange in exchanges) < min(exchange.received for exchange in exchanges)


def test_garbage_on_a_kept_connection_is_not_hidden_by_asking_again() -> None:
    with asking(target := Target(ok(), b"garbage\r\n\r\n", ok())) as client:
        client.send(LIST, probe="p")
        exchange = client.send(LIST, probe="p")
    assert exchange.failure is not None
    assert (exchange.failure.kind, len(target.asked)) == (FailureKind.GARBLED, 2)


def test_many_requests_together_go_by_eights_in_their_order() -> None:
    with asking(target := Target(ok())) as client:
        exchanges = client.send_together([Request(f"/{n}") for n in range(20)], probe="p", again=(2, 5))
        assert client.send_together([], probe="p") == []
    assert [exchange.request.path for exchange in exchanges] == [f"/{n}" for n in range(20)]
    assert [exchange.number for exchange in exchanges] == list(range(20))
    assert exchanges == client.exchanges
    assert {exchange.again for exchange in exchanges} == {(2, 5)}
    assert target.connections <= 8


def test_what_was_answered_is_kept_when_one_of_many_can_not_be_asked() -> None:
    with asking(Target(ok())) as client, pytest.raises(FenceError):
        client.send_together([LIST, Request("/a b"), LIST], probe="p")
    assert [exchange.status for exchange in client.exchanges] == [200, 200]


def test_closing_ends_what_is_under_way() -> None:
    with Target(waiting(b"")) as target:
        client = Client(target.base_url, KEYS, budget=9, seed=1, limits=Limits(read=60.0, answer=60.0))
        ended: list[BaseException] = []

        def ask() -> None:
            try:
                client.send_together([LIST] * 3, probe="p")
            except RunStopped as error:
                ended.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        while len(target.asked) < 3:
            time.sleep(0.005)
        begun = time.monotonic()
        client.close()
        thread.join(5)
        assert time.monotonic() - begun < 30
        assert not thread.is_alive()
    assert len(ended) == 1
    assert client.exchanges == []


def test_an_interrupt_while_threads_begin_leaves_none_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = ThreadPoolExecutor.submit

    def interrupted(pool: ThreadPoolExecutor, /, *arguments: Any) -> Future[Any]:
        if pool._work_queue.qsize() or pool._threads:
            raise KeyboardInterrupt
        return begin(pool, *arguments)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    begun = time.monotonic()
    with asking(target := Target(ok())) as client, pytest.raises(KeyboardInterrupt):
        client.send_together([LIST] * 3, probe="p")
    assert time.monotonic() - begun < 8
    assert (target.asked, client.exchanges) == ([], [])


# Keys in answers


def echo(sock: socket.socket) -> None:
    key = ADMIN.encode()
    head = b"\r\n".join(
        [
            b"HTTP/1.1 401 Not " + key,
            b"X-" + key + b": " + key,
            b"WWW-Authenticate: Bearer token=" + key[3:],
            b"Location: /" + key,
            b"Connection: close",
        ]
    )
    sock.sendall(head + b"\r\n\r\n" + b'{"error": "' + key + b'", "user": "' + USER.encode() + b'"}')
    sock.shutdown(socket.SHUT_RDWR)
    raise ClosedError


def test_what_a_server_repeats_is_kept_as_it_came_and_told() -> None:
    with asking(Target(echo)) as client:
        exchange = client.send(LIST, probe="p")
    assert exchange.answer is not None
    assert exchange.answer.body == f'{{"error": "{ADMIN}", "user": "{USER}"}}'.encode()
    told = {echo.credential: echo.places for echo in exchange.answer.echoes}
    assert told["user"] == ("the body",)
    assert {"the body", "the status line", "the name of a header", "the header Location"} <= set(told["admin"])
    assert ADMIN[8:20] not in repr(exchange.answer.echoes)


def test_what_a_server_repeats_is_replaced_before_it_is_written() -> None:
    with asking(Target(echo)) as client:
        exchange = client.redactor.exchange(client.send(LIST, probe="p"))
    assert ADMIN[3:-3] not in repr(exchange)
    assert USER not in repr(exchange)
    assert exchange.answer is not None
    assert exchange.answer.reason == "Not [credential:admin]"
    assert exchange.answer.body == b'{"error": "[credential:admin]", "user": "[credential:user]"}'
    assert exchange.answer.header("WWW-Authenticate") == "Bearer token=[credential:admin in part]"
    assert {"body", "reason", "header Location"} <= set(exchange.answer.redacted)


@pytest.mark.parametrize(
    "reply",
    [
        ending(ADMIN.encode() + b"\r\n\r\n"),
        ending(b"HTTP/1.1 " + ADMIN.encode() + b"\r\n\r\n"),
        ok(b"{}", b"Content-Length: " + ADMIN.encode()),
        to(f"http://elsewhere.invalid/{ADMIN}".encode()),
        ending(ok(b"", b"Transfer-Encoding: " + ADMIN.encode())),
        ok(b"x", b"Content-Encoding: " + ADMIN.encode()),
        CHUNKED + ADMIN.encode() + b"\r\n",
        ok(zipped(ADMIN.encode()), GZIP),
        ok(ADMIN.encode() * 9999),
    ],
    ids=range(9),
)
def test_a_key_in_a_failure_is_replaced(reply: Reply) -> None:
    with asking(Target(reply), HASTY) as client:
        exchange = client.redactor.exchange(client.send(LIST, probe="p"))
    shown = repr(exchange) + repr(client)
    assert ADMIN[8:-8].lower() not in shown.lower()


@pytest.mark.parametrize("spare", [5, 20, 40])
def test_no_run_of_a_key_is_left_where_we_cut(spare: int) -> None:
    body = b"x" * (HASTY.kept - spare) + ADMIN.encode() + b"x" * HASTY.body
    coding = b"Content-Encoding: " + b"x" * (200 - spare) + ADMIN.encode()
    for reply in (ok(body), ok(b"x", coding)):
        with asking(Target(reply), HASTY) as client:
            shown = repr(client.redactor.exchange(client.send(LIST, probe="p")))
        assert "[cred" in shown or spare < 20
        assert not any(ADMIN[begin : begin + 12] in shown for begin in range(len(ADMIN) - 11))


def test_the_search_for_keys_would_find_one() -> None:
    body = ADMIN[:20].encode() + b"..." + ADMIN[-20:].encode()
    with asking(Target(ok(body))) as client:
        exchange = client.send(LIST, probe="p")
    assert ADMIN[:20] in repr(exchange)


def test_an_interrupt_shows_no_frame_that_holds_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Connection, "_receive", interrupted)
    with asking(Target(ok())) as client, pytest.raises(KeyboardInterrupt) as caught:
        client.send(LIST, probe="p")
    frames = []
    traceback: TracebackType | None = caught.tb
    while traceback is not None:
        frames.append(
            repr(traceback.tb_frame.f_locals.items()) if "wire" in traceback.tb_frame.f_code.co_filename else ""
        )
        traceback = traceback.tb_next
    assert not any(ADMIN in frame for frame in frames)
    assert client.exchanges == []


def test_an_unknown_credential_is_a_mistake_of_the_caller() -> None:
    with Target(ok()) as target, Client(target.base_url, Keys.of(ADMIN), budget=1, seed=1) as client:
        for credential in ("user", "nonsense"):
            with pytest.raises(ValueError, match="can't be formed"):
                client.send(Request("/x", credential=credential), probe="p")
    assert target.asked == []


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with asking(Target(ok())) as client:
        assert client.send(LIST, probe="p").status == 200


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    file = folder / "both.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        capture_output=True,
        check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl can't make a certificate here")
    file.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return file


class SecureTarget(Target):
    def __init__(self, certificate: Path, *replies: Reply) -> None:
        super().__init__(*replies)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)

    @property
    def base_url(self) -> str:
        return super().base_url.replace("http:", "https:")

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            super()._serve(self._context.wrap_socket(sock, server_side=True))


def test_tls_with_an_authority_of_ones_own(certificate: Path) -> None:
    with (
        SecureTarget(certificate, ok(b"secure")) as target,
        Client(target.base_url, KEYS, budget=9, seed=1, route=Route(authorities=certificate)) as client,
    ):
        for _ in range(2):
            exchange = client.send(LIST, probe="p")
            assert exchange.answer is not None
            assert exchange.answer.body == b"secure"


def test_a_certificate_of_no_authority_is_refused_before_the_key_is_sent(certificate: Path) -> None:
    with SecureTarget(certificate, ok()) as target, Client(target.base_url, KEYS, budget=9, seed=1) as client:
        exchange = client.send(LIST, probe="p")
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.UNREACHABLE
    assert "certificate is refused" in exchange.failure.text
    assert (target.asked, client.requests) == ([], 1)


@pytest.mark.parametrize("reply", [b"\x16\x03\x03\x00\x50\x02", b"HTTP/1.1 400 Bad\r\n\r\n", b""])
def test_half_a_handshake_ends(reply: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        taken: list[socket.socket] = []

        def half() -> None:
            with suppress(OSError):
                sock, _ = listener.accept()
                taken.append(sock)
                sock.sendall(reply)

        thread = threading.Thread(target=half)
        thread.start()
        limits = Limits(connect=0.3, tries=1)
        with Client(f"https://127.0.0.1:{port}", KEYS, budget=9, seed=1, limits=limits) as client:
            exchange = client.send(LIST, probe="p")
        thread.join(5)
        for sock in taken:
            sock.close()
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.UNREACHABLE


def test_a_missing_file_of_authorities_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="certificate authorities"):
        Client("https://h", KEYS, budget=1, seed=1, route=Route(authorities=tmp_path / "none.pem"))
