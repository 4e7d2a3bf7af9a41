"""Several requests under way at the same time: the same questions, the same order, the same verdicts."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from canary import ADMIN
from hostile import ClosedError, Reply, Target, ok

from contracts.core.model import Answer, Exchange, Failure, FailureKind, Request, Step
from contracts.core.model import Target as Judged
from contracts.core.result import Verdict
from contracts.mock.app import Behaviour, Response
from contracts.mock.app import Request as Asked
from contracts.mock.faults import FAULTS
from contracts.mock.server import Server
from contracts.mock.store import seeded
from contracts.mock.variants import open_variant
from contracts.openapi.loading import load_operation
from contracts.reports.recording import record
from contracts.runs.live import _Run, run
from contracts.runs.plan import Plan, Progress
from contracts.runs.replay import replay
from contracts.runs.selftest import Kind, Shown, Subject, against, compare, examine, written
from contracts.settings.choosing import choose
from contracts.traffic.client import BudgetSpent, Client
from contracts.traffic.concurrency import Chain, Lanes, Steps, Together, asked_in_turn
from contracts.traffic.keys import Keys
from contracts.traffic.limits import Limits
from contracts.verdicts.conclusion import Terms

KEYS = Keys.of(ADMIN)
LIMITS = Limits(tries=1, pause=0.0)
AT = Judged("http://127.0.0.1:9/v1", "c")
SEEN = Exchange(0, Request("/p"), None, None, sent=1, received=2, at=0.0, seconds=0.0, probe="p")


class Counting(Target):
    """Answers after a moment, and counts how many wait for it."""

    def __init__(self, *replies: Reply, seconds: float = 0.02) -> None:
        super().__init__(*replies or (ok(),))
        self.most = self.waiting = 0
        self._seconds = seconds
        self._count = threading.Lock()

    def reply(self, number: int, head: bytes) -> Reply:
        reply = super().reply(number, head)

        def slow(sock: socket.socket) -> None:
            with self._count:
                self.waiting += 1
                self.most = max(self.most, self.waiting)
            time.sleep(self._seconds)
            with self._count:
                self.waiting -= 1
            assert isinstance(reply, bytes)
            sock.sendall(reply)

        return slow


def client(target: Target, concurrency: int, budget: int = 99, limits: Limits = LIMITS) -> Client:
    return Client(target.base_url, KEYS, budget=budget, seed=1, limits=limits, concurrency=concurrency)


def places(exchanges: list[Exchange]) -> list[str]:
    return [exchange.request.path for exchange in exchanges]


def chain(name: str, length: int) -> Chain:
    def steps() -> Steps:
        for place in range(length):
            answered = yield Request(f"/{name}{place}"), None
            assert answered.status == 200

    return Chain(steps(), length, length)


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_exchanges_are_kept_in_the_order_of_the_jobs(concurrency: int) -> None:
    with Counting() as target, client(target, concurrency) as asking:
        chains = [chain("a", 2), chain("b", 9), Chain.of(Request("/c")), chain("d", 1)]
        done, sufficed = asking.send_chains(chains, probe="p", most=13)
    expected = ["/a0", "/a1", *(f"/b{place}" for place in range(9)), "/c", "/d0"]
    assert (places(done), sufficed) == (expected, True)
    assert places(asking.exchanges) == expected
    assert [exchange.number for exchange in done] == list(range(13))
    assert target.most <= concurrency
    assert (target.most > 1) is (concurrency > 1)
    for before, after in pairwise(done[2:11]):
        assert before.received < after.sent, "a chain asks one by one"


def test_no_more_is_asked_than_is_allowed() -> None:
    for concurrency in (1, 4):
        with Counting() as target, client(target, concurrency) as asking:
            done, sufficed = asking.send_chains([Chain.of(Request(f"/{n}")) for n in range(9)], probe="p", most=5)
        assert (places(done), sufficed) == ([f"/{n}" for n in range(5)], False)


def test_what_was_answered_is_kept_when_the_budget_ends() -> None:
    with Counting() as target, client(target, 4, budget=6) as asking:
        with pytest.raises(BudgetSpent):
            asking.send_chains([Chain.of(Request(f"/{n}")) for n in range(9)], probe="p", most=9)
        assert sorted(places(asking.exchanges)) == sorted(f"/{n}" for n in range(6))


@pytest.mark.parametrize("seed", range(40))
def test_what_is_asked_together_is_what_would_be_asked_in_turn(seed: int) -> None:
    def chains() -> list[Chain]:
        rng = random.Random(seed)
        found = []
        for name in "abcdefg"[: rng.randrange(1, 8)]:
            most = rng.randrange(1, 7)
            found.append(replace(chain(name, rng.randrange(most + 1)), length=rng.randrange(1, 7), most=most))
        return found

    def ask(_chain: Chain, request: Request, step: Step | None) -> Exchange:
        time.sleep(zlib.crc32(request.path.encode()) % 3 / 1000)
        return replace(SEEN, request=request, step=step, answer=Answer(200, "", (), b""), redirects=redirects)

    redirects, most = seed % 2, 1 + seed // 2
    expected = [exchange for exchange in asked_in_turn(chains(), ask, most) if exchange is not None]
    with ThreadPoolExecutor(4) as threads:
        together = Together(chains(), ask, most, threads, 4, each=1 + redirects)
        together.begin()
        assert list(together.exchanges()) == expected
    assert together.sufficed is (None not in asked_in_turn(chains(), ask, most))


class Crashing(Counting):
    """Cuts every connection when it is asked for one path, and listens on."""

    def reply(self, number: int, head: bytes) -> Reply:
        if b"/v1/4 " not in head:
            return super().reply(number, head)

        def crash(_: socket.socket) -> None:
            for sock in tuple(self._open):  # those that come while this goes on are not cut
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            raise ClosedError

        return crash


def test_what_a_crash_cut_is_asked_alone_so_that_it_shows_who_crashes_it() -> None:
    limits = Limits(tries=3, pause=0.0, back=0.0)
    with Crashing(seconds=0.05) as target, client(target, 4, limits=limits) as asking:
        done, _ = asking.send_chains([Chain.of(Request(f"/{n}")) for n in range(12)], probe="p", most=99)
    assert [exchange.request.path for exchange in done if exchange.failure] == ["/4"]


def test_of_requests_under_way_together_none_is_said_to_have_crashed_the_target() -> None:
    plan = Plan(target=AT, keys=KEYS, operation=load_operation(), seed=0)
    cut = Failure(FailureKind.CUT, "the connection broke")
    answered = replace(SEEN, answer=Answer(200, "", (), b""))
    going = _Run(plan, None)
    for received, words in (
        (
            (6, 7, 3),
            "one of the requests 1 and 2 (p), which were under way together: --concurrency 1 shows with which.",
        ),
        ((2, 7, 3), "request 2 (p): GET /p"),
    ):
        lost = [replace(SEEN, number=at, received=tick, failure=cut) for at, tick in enumerate(received[:2])]
        going._client.exchanges = [*lost, replace(answered, number=2, received=received[2])]
        assert going._last_words().endswith(words)


def test_what_takes_long_is_done_while_a_target_that_is_far_is_waited_for() -> None:
    done: list[int] = []
    for concurrency in (1, 4):
        with Counting() as target, client(target, concurrency) as asking:
            chains = [Chain.of(Request(f"/{n}")) for n in range(9)]
            asking.send_chains(chains, probe="p", most=9, meanwhile=lambda: done.append(len(target.asked)))
    assert len(done) == 1
    assert done[0] < 9


def test_an_interrupt_keeps_what_was_answered() -> None:
    told: list[Exchange] = []

    def tell(exchange: Exchange) -> None:
        told.append(exchange)
        if len(told) == 3:
            raise KeyboardInterrupt

    with Counting() as target:
        asking = Client(target.base_url, KEYS, budget=99, seed=1, limits=LIMITS, concurrency=4, on_exchange=tell)
        with asking, pytest.raises(KeyboardInterrupt):
            asking.send_chains([Chain.of(Request(f"/{n}")) for n in range(60)], probe="p", most=60)
    assert 3 <= len(asking.exchanges) < 60
    assert [exchange.number for exchange in asking.exchanges] == list(range(len(asking.exchanges)))


def test_too_many_requests_narrow_the_lanes_and_hold_all() -> None:
    later = ok(b"", b"Retry-After: 0.3", status=b"429 Too Many Requests")
    with Counting(later, ok()) as target, client(target, 4) as asking:
        done, _ = asking.send_chains([Chain.of(Request(f"/{n}")) for n in range(12)], probe="p", most=40)
        assert asking._sender.lanes.most == 2
    assert all(exchange.status == 200 for exchange in done)
    begun = sorted(exchange.at for exchange in done)
    assert any(after - before > 0.2 for before, after in pairwise(begun)), "nothing goes meanwhile"


class _Mixing(Behaviour):
    """Answers with the page of another request where two are under way."""

    async def serve(self, request: Asked, /) -> Response:
        response = await super().serve(request)
        self.memory["last"], other = response, self.memory.get("last", response)
        await asyncio.sleep(0.002)
        return other if self.in_flight > 1 and response.status == other.status == 200 else response


@pytest.mark.parametrize("name", ["unavailable-when-together", "throttled", "latency-reverses"])
def test_company_is_held_against_no_right_server(name: str) -> None:
    result = against(open_variant(name), concurrency=8)
    assert [one.clause for one in result.judgements if one.verdict is Verdict.BROKEN] == []


@pytest.mark.parametrize(
    "name",
    [
        *("has-more-never", "cut-short-last-page", "cache-ignores-limit", "cap-20", "gains-every-10"),
    ],
)
def test_a_server_comes_out_as_one_by_one(name: str) -> None:
    """``python tests/self/kill_matrix.py --concurrency 16`` shows it of all."""
    outcome = examine(Subject(Kind.FAULT if name in FAULTS else Kind.VARIANT, name), 16)
    assert not outcome.wrong


def test_where_the_order_of_requests_has_a_say_the_clause_of_a_fault_counts() -> None:
    settled, by_order = "one-too-many", "cache-ignores-limit"
    assert {FAULTS[name].by_order for name in (settled, "has-more-never")} == {""}
    for name in (settled, by_order):
        row = written()[name]
        shown = Shown(row.broken | {"ORD-006"}, row.warned, frozenset(), 300, exit_code=1)
        assert compare(Subject(Kind.FAULT, name), shown)
        assert bool(compare(Subject(Kind.FAULT, name), shown, overlapping=True)) is (name == settled)
        missed = replace(shown, broken=shown.broken - {FAULTS[name].clause})
        assert compare(Subject(Kind.FAULT, name), missed, overlapping=True)


def test_who_wants_all_lanes_is_alone_and_gets_there_before_those_that_come_later() -> None:
    lanes = Lanes(3)
    under_way: list[str] = []
    most_beside: list[int] = []

    def ask(name: str, *, alone: bool) -> None:
        with lanes.one():
            under_way.append(name)
            time.sleep(0.01)
            under_way.remove(name)
            with lanes.all() if alone else nullcontext():
                most_beside.append(len(under_way) if alone else 0)

    with ThreadPoolExecutor(8) as threads:
        done = [threads.submit(ask, str(at), alone=at % 2 == 0) for at in range(16)]
        for each in done:
            each.result(timeout=30)
    assert most_beside == [0] * 16


def test_a_fault_of_concurrency_is_reported_as_that(tmp_path: Path) -> None:
    result = against(Server(seeded(size=30), _Mixing()), budget=400, concurrency=8)
    broken = [one for one in result.judgements if one.verdict is Verdict.BROKEN and one.finding is not None]
    told = [
        one.clause
        for one in broken
        if one.finding and "with other requests under way it came back" in one.finding.actual
    ]
    assert told
    record(result, tmp_path / "run.har")

    def terms(target: object, seed: int) -> Terms:
        assert target == result.target
        return Terms(target=result.target, operation=load_operation(), seed=seed)

    again = replay(tmp_path / "run.har", load_operation(), terms)
    assert {(one.clause, one.verdict, one.seen, one.asked) for one in again.judgements} == {
        (one.clause, one.verdict, one.seen, one.asked) for one in result.judgements
    }


def test_the_same_is_asked_however_many_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contracts.traffic.client.FAR_SECONDS", 0.0)
    asked = []
    for concurrency in (1, 16):
        result = against(Server(seeded(size=30)), budget=250, concurrency=concurrency)
        asked.append([(exchange.request, exchange.probe, exchange.step) for exchange in result.exchanges])
        assert not any(one.verdict is Verdict.BROKEN for one in result.judgements)
    assert asked[0] == asked[1]


def test_the_same_is_asked_where_there_is_time_enough() -> None:
    asked = []
    for limit in (None, 6000.0):
        with Server(seeded(size=30)) as server:
            data = server.dataset
            at = Judged(server.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint)
            keys, limits = Keys.of(data.admin_key), Limits(run=limit)
            plan = Plan(target=at, keys=keys, operation=load_operation(), limits=limits, budget=150, seed=0)
            asked.append([(exchange.request, exchange.concurrent) for exchange in run(plan).exchanges])
    assert asked[0] == asked[1]


def test_a_slow_target_is_asked_no_more_than_the_time_has_room_for() -> None:
    settings = choose({"max_time": "100"}, {})
    plan = Plan(target=AT, keys=KEYS, operation=load_operation(), limits=settings.limits, concurrency=8, seed=0)
    for seconds, hurried in ((2.0, True), (0.01, False)):
        going = _Run(plan, None)
        # The first answer took a connection as well.
        going._client.exchanges = [replace(SEEN, seconds=9.0), *[replace(SEEN, seconds=seconds)] * 2]
        assert going._shares.hurry(going._shares.room()) is hurried
        sentence = "An answer took 2.0 s on average, so in the 100 s of the run 0 of 300 requests were sent"
        assert any(sentence in note for note in going._reach(going._asking.evidence)) is hurried
        assert (going._shares.expected < plan.budget) is hurried


def test_one_slow_order_leaves_less_room_than_its_median_says() -> None:
    plan = Plan(target=AT, keys=KEYS, operation=load_operation(), limits=Limits(run=60.0), seed=0)
    going = _Run(plan, None)
    going._client.exchanges = [replace(SEEN, seconds=seconds) for seconds in (9.0, *[0.1] * 6, *[4.1] * 4)]
    assert going._shares.hurry(going._shares.room())


@pytest.mark.parametrize("concurrency", [1, 4])
def test_no_request_is_begun_when_the_time_of_its_probe_is_over(concurrency: int) -> None:
    with Counting() as target, client(target, concurrency) as asking:
        chains = [Chain.of(Request(f"/{n}")) for n in range(9)]
        assert asking.send_chains(chains, probe="p", most=9, until=time.monotonic()) == ([], False)
        assert asking.send_chains(chains[:1], probe="p", most=9, until=time.monotonic() + 600)[1]


def test_each_probe_has_its_part_of_the_time_of_a_run() -> None:
    plan = Plan(target=AT, keys=KEYS, operation=load_operation(), limits=Limits(run=1000.0), seed=0)
    going = _Run(plan, None)
    shares = {"walks": 20, "access": 40, "inputs": 40}
    ends = [going._shares.until(probes, shares) or 0.0 for probes in (["walks", "access", "inputs"], ["inputs"])]
    assert [end - going._began for end in ends] == pytest.approx([320.0, 800.0], abs=60.0)
    assert going._shares.until(["generated", "inputs"], {"generated": 0, "inputs": 40}) is None
    asking = going._asking
    asking.begin("walks", 60, until=time.monotonic())
    assert (asking.left, asking.late) == (0, True)
    asking.begin("access", 60)
    assert (asking.left, asking.late) == (60, False)


def test_a_rate_leaves_room_for_as_many_requests() -> None:
    settings = choose({"max_time": "100", "rate": "1/s"}, {})
    plan = Plan(target=AT, keys=KEYS, operation=load_operation(), limits=settings.limits, rate=settings.rate, seed=0)
    going = _Run(plan, None)
    going._client.exchanges = [SEEN]
    assert 70 <= going._shares.room() <= 80


class Slow(Behaviour):
    """Takes long at first, and less later."""

    async def serve(self, request: Asked, /) -> Response:
        await asyncio.sleep(0.2 if self.memory.setdefault("first", request) is request else 0.0)
        return await super().serve(request)


def test_a_run_in_a_hurry_asks_more_once_answers_come_faster() -> None:
    told: list[Progress] = []
    with Server(seeded(size=30), Slow()) as server:
        data = server.dataset
        at = Judged(server.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint)
        plan = Plan(
            target=at,
            keys=Keys.of(data.admin_key),
            operation=load_operation(),
            limits=Limits(run=40.0),
            seed=0,
        )
        result = run(plan, told.append)
    planned = {now.probe: now.budget for now in reversed(told)}
    assert planned["walks"] < plan.budget
    assert planned["inputs"] == plan.budget
    assert result.requests > planned["walks"]
