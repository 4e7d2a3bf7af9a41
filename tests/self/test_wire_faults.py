"""What a network does is never held against a server, and what a server does still is, through a network that loses.

WEATHER=200, which ``tox -e network`` sets, judges so many servers through networks of all kinds, others each time.
"""

from __future__ import annotations

import os
import random
import socket
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from wire_faults import STEADY, Drawn, Kind, Network, Stage, Weather

from contracts.clauses.registry import find
from contracts.cli import main
from contracts.core.errors import ExitCode
from contracts.core.model import Exchange, FailureKind, Request, Target
from contracts.core.result import Result, Verdict
from contracts.mock.faults import FAULTS, open_fault
from contracts.mock.server import Server
from contracts.mock.variants import VARIANTS, open_variant
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.reports.recording import record
from contracts.runs.live import run
from contracts.runs.plan import Plan
from contracts.runs.replay import Hints, replay
from contracts.traffic.client import Client
from contracts.traffic.keys import Keys
from contracts.traffic.limits import DEFAULT_BUDGET, Limits
from contracts.verdicts.conclusion import Terms

SHARES = (0.01, 0.1, 0.3)
MIXED = tuple(Kind)
LOSING = tuple(kind for kind in Kind if kind.loses)
PATIENT = Limits(connect=60.0, read=60.0, answer=60.0, pause=0.005, back=0.3)
"""However slow the machine is, it times no answer out that comes."""
HASTY = replace(PATIENT, read=0.25, answer=3.0)
"""For networks that fall silent, because each silence lasts as long."""
MANY = int(os.environ.get("WEATHER", "0"))
CONNECTION = "connection broke"


@cache
def operation() -> Operation:
    return load_operation()


def bounds(weather: Weather) -> Limits:
    return HASTY if Kind.SILENCE in weather.kinds else PATIENT


def judged(
    server: Server,
    network: Network,
    *words: str,
    seed: int = 1,
    budget: int = DEFAULT_BUDGET,
    limits: Limits | None = None,
) -> Result:
    """The result of a run for the clauses that these words name, or for all."""
    data = server.dataset
    target = Target(network.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint, user_key=True)
    keys = Keys.of(data.admin_key, data.user_key)
    return run(
        Plan(
            target=target,
            keys=keys,
            operation=operation(),
            seed=seed,
            budget=budget,
            limits=limits or bounds(network.weather),
            selected=find(words) if words else (),
        )
    )


def accused(result: Result, warns: frozenset[str] = frozenset()) -> list[str]:
    """What a result holds against a server, short of the warning that connections broke."""
    return [
        f"{one.clause} {one.verdict}: {one.finding}"
        for one in result.judgements
        if one.verdict is Verdict.BROKEN or (one.verdict is Verdict.WARNED and one.clause not in warns | {"HTP-003"})
    ]


def verdict(result: Result, clause: str) -> Verdict:
    return next(one.verdict for one in result.judgements if one.clause == clause)


def again(result: Result, folder: Path) -> Result:
    """The same run, judged from its recording."""
    path = folder / "run.har"
    record(result, path)

    def terms(target: Target, seed: int) -> Terms:
        selected = find([one.clause for one in result.judgements])
        return Terms(target=target, operation=operation(), seed=seed, selected=selected)

    return replay(path, operation(), terms, Hints())


# The network itself


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def asked(server: Server, weather: Weather, *, limits: Limits | None = None) -> Exchange:
    with (
        Network(server.base_url, weather) as network,
        Client(
            network.base_url,
            Keys.of(server.dataset.admin_key),
            budget=9,
            seed=1,
            limits=limits or replace(bounds(weather), tries=1, back=0.0),
        ) as client,
    ):
        path = f"/fine_tuning/checkpoints/{server.dataset.checkpoint}/permissions"
        return client.send(Request(path, "limit=100"), probe="p")


def plain(server: Server) -> Exchange:
    return asked(server, STEADY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Always(Weather):
    """Does one thing at one stage to all requests from one number to another."""

    stage: Stage = Stage.ASKED
    begin: int = 0
    end: int = 1 << 30

    def at(self, number: int) -> Drawn | None:
        rng = random.Random(number)
        return (self.kinds[0], self.stage, rng) if self.begin <= number < self.end else None


@pytest.mark.parametrize("kind", [kind for kind in Kind if not kind.loses])
def test_a_slow_network_brings_the_same_bytes(server: Server, kind: Kind) -> None:
    exchange = asked(server, Always(kinds=(kind,)))
    assert exchange.answer is not None
    assert exchange.answer == plain(server).answer
    assert exchange.retries == 0


@pytest.mark.parametrize("kind", LOSING)
@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.ANSWERED])
def test_a_network_that_fails_brings_no_whole_answer(server: Server, kind: Kind, stage: Stage) -> None:
    exchange = asked(server, Always(kinds=(kind,), stage=stage))
    if stage is Stage.BODY:
        assert exchange.answer is not None
        assert "cut short" in (exchange.answer.flaw or "")
    else:
        assert exchange.failure is not None
        assert exchange.failure.kind is (FailureKind.TIMEOUT if kind is Kind.SILENCE else FailureKind.CUT)


def test_an_answer_that_breaks_off_in_its_first_letters_is_cut_and_not_garbled(server: Server) -> None:
    """Found by this network: fewer bytes than «HTTP/» were taken for something that is not HTTP."""
    for number in range(40):
        weather = Always(kinds=(Kind.CLOSED,), stage=Stage.HEAD, seed=number)
        exchange = asked(server, weather)
        assert exchange.failure is not None
        assert exchange.failure.kind is FailureKind.CUT


@pytest.mark.parametrize("share", SHARES)
def test_the_share_is_that_of_the_requests(share: float) -> None:
    hit = sum(Weather(share=share, seed=3).at(number) is not None for number in range(10_000))
    assert abs(hit / 10_000 - share) < share / 5 + 0.002
    drawn = [Weather(share=1.0, seed=3).at(number) for number in range(600)]
    assert {(one[0], one[1]) for one in drawn if one} == {(kind, stage) for kind in Kind for stage in Stage}


# A conforming server


@dataclass(frozen=True)
class Trip:
    """A conforming server, the network before it, and the run that judges it."""

    variant: str
    weather: Weather
    budget: int = DEFAULT_BUDGET

    def __str__(self) -> str:
        kinds = "mixed" if self.weather.kinds == MIXED else "+".join(self.weather.kinds)
        return f"{self.variant or 'usual'} {kinds} {self.weather.share:g} seed {self.weather.seed}"


def drawn(number: int, seed: int) -> list[Trip]:
    """Trips of every kind and share, of the usual server half of the time."""
    rng = random.Random(seed)
    kinds: Sequence[tuple[Kind, ...]] = [*((kind,) for kind in Kind), LOSING, MIXED, MIXED]
    return [
        Trip(
            variant=rng.choice(["", *sorted(VARIANTS)]) if place % 2 else "",
            weather=Weather(kinds=rng.choice(kinds), share=rng.choice(SHARES), seed=seed + place),
        )
        for place in range(number)
    ]


BOUNDED = [
    Trip("connection-closed-now-and-then", Weather(kinds=(Kind.CLOSED,), share=0.3, seed=1045)),
    Trip("", Weather(kinds=(Kind.RESET, Kind.CLOSED), share=0.3, seed=1), budget=150),
    Trip("moves-every-10", Weather(kinds=LOSING, share=0.1, seed=2), budget=150),
    Trip("throttled", Weather(kinds=MIXED, share=0.3, seed=5), budget=100),
    Trip("chunked", Weather(kinds=(Kind.SLICING, Kind.JITTER, Kind.BANDWIDTH), share=0.3, seed=7), budget=80),
    Trip("", Weather(kinds=(Kind.SILENCE,), share=0.1, seed=8), budget=80),
    Trip("", Weather(kinds=MIXED, share=0.01, seed=9), budget=80),
]
"""One that was judged wrongly once, and some of all kinds."""


# All workers of pytest-xdist draw the same.
CHANCE = zlib.crc32(os.environ.get("PYTEST_XDIST_TESTRUNUID", str(random.SystemRandom().random())).encode())


@pytest.mark.parametrize("trip", drawn(MANY, CHANCE) if MANY else BOUNDED, ids=str)
def test_a_conforming_server_is_not_called_broken(trip: Trip) -> None:
    server = open_variant(trip.variant) if trip.variant else Server()
    with server, Network(server.base_url, trip.weather) as network:
        result = judged(server, network, seed=trip.weather.seed, budget=trip.budget)
    assert accused(result, VARIANTS[trip.variant].warns if trip.variant else frozenset()) == []
    assert result.exit_code in {ExitCode.KEPT, ExitCode.INCOMPLETE}
    assert result.requests <= trip.budget
    assert result.requests >= network.seen, "what is sent again is counted"
    if sum(one.stage in {Stage.ASKED, Stage.HEAD, Stage.BODY} for one in network.lost) > 9:
        assert result.retries > 0
        assert sum(exchange.retries for exchange in result.exchanges) == result.retries


def test_what_could_not_be_asked_is_said_to_be_lost_on_the_way(server: Server, tmp_path: Path) -> None:
    weather = Always(kinds=(Kind.CLOSED,), begin=60)
    with Network(server.base_url, weather) as network:
        result = judged(server, network, budget=200)
    assert accused(result) == []
    assert result.exit_code == ExitCode.INCOMPLETE
    open_ = [one for one in result.judgements if one.verdict in {Verdict.NOT_EXERCISED, Verdict.INCONCLUSIVE}]
    assert {one.clause for one in open_} >= {"SEC-001", "INP-002", "HTP-003"}
    for one in open_:
        assert CONNECTION in one.reason, one
        assert one.provide == "a run over a steady connection"
    assert [(one.clause, one.verdict) for one in again(result, tmp_path).judgements] == [
        (one.clause, one.verdict) for one in result.judgements
    ]


def test_a_list_that_was_not_seen_to_its_end_is_not_called_long(server: Server) -> None:
    weather = Always(kinds=(Kind.RESET,), stage=Stage.BODY)
    with Network(server.base_url, weather) as network:
        result = judged(server, network, budget=60)
    assert not any("--requests" in note for note in result.notes), result.notes


# A wrong one


@pytest.mark.parametrize(
    ("fault", "share"),
    [
        ("has-more-from-full-page", 0.01),
        ("long-value-cuts-connection", 0.01),
        ("control-character-cuts-connection", 0.1),
    ],
)
def test_a_fault_is_seen_through_a_network_that_loses(fault: str, share: float) -> None:
    weather = Weather(kinds=LOSING, share=share, seed=4)
    with (wrong := open_fault(fault)), Network(wrong.base_url, weather) as network:
        result = judged(wrong, network, FAULTS[fault].clause, budget=300)
    assert verdict(result, FAULTS[fault].clause) is Verdict.BROKEN
    assert result.exit_code == ExitCode.BROKEN


# A target that goes away


def of_request(result: Result, number: int) -> Exchange:
    return next(exchange for exchange in result.exchanges if exchange.number == number)


@pytest.mark.parametrize("in_flight", [False, True])
@pytest.mark.parametrize("after", [2, 41])
def test_a_target_that_goes_away_ends_the_run_with_exit_4(
    server: Server, after: int, tmp_path: Path, *, in_flight: bool
) -> None:
    with Network(server.base_url, ends_after=after, in_flight=in_flight) as network:
        result = judged(server, network)
    assert network.ended == 1
    assert result.exit_code == ExitCode.CONFIGURATION
    assert accused(result) == []
    assert len(result.exchanges) == after + (not in_flight)
    note = result.notes[-1]
    assert note.startswith("The target went away during the run: ")
    # What was sent before the connection was seen to be closed went down with it.
    told = [f" The last request that it answered is number {after}.", f" It went away with request {after + 1} ("]
    assert (f" It went away with request {after} (" in note) is in_flight
    assert any(each in note for each in told) is not in_flight
    assert [one.verdict for one in again(result, tmp_path).judgements] == [one.verdict for one in result.judgements]


def test_a_target_that_comes_back_is_judged_to_the_end(server: Server) -> None:
    with Network(server.base_url, ends_after=60, in_flight=True, absent=0.3) as network:
        result = judged(server, network, limits=replace(PATIENT, back=20.0), budget=150)
    assert network.ended == 1
    assert accused(result) == []
    # One request was lost each time that it was sent, by the network or by the server.
    assert [one.reason.partition(",")[0] for one in result.judgements if one.verdict is Verdict.INCONCLUSIVE] in (
        [],
        ["the connection broke"],
    )
    assert network.seen > 120


@pytest.mark.parametrize("quiet", [False, True])
def test_the_reports_hold_what_was_judged_until_then(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, quiet: bool
) -> None:
    monkeypatch.setattr("contracts.settings.settings.Limits", partial(Limits, back=0.3))
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("CONTRACTS_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    names = {"record": "run.har", "json": "r.json", "html": "r.html", "markdown": "r.md", "junit": "r.xml"}
    words = [word for option, name in names.items() for word in (f"--{option}", name)]
    keys = {"OPENAI_ADMIN_KEY": server.dataset.admin_key, "OPENAI_USER_KEY": server.dataset.user_key}
    with Network(server.base_url, ends_after=90) as network:
        place = ("--base-url", network.base_url, "--checkpoint", server.dataset.checkpoint)
        done = CliRunner().invoke(main, ["check", *place, *words, *(["--quiet"] if quiet else [])], env=keys)
    assert done.exit_code == 4, done.output
    assert done.stdout.splitlines()[-1] == "TARGET GONE: nothing broken by then  exit 4"
    for name in names.values():
        assert (tmp_path / name).stat().st_size > 1000
    for name in ("r.json", "r.html", "r.md", "r.xml"):
        assert "The target went away during the run" in (tmp_path / name).read_text(encoding="utf-8")


# One request that brings the target down


def test_a_request_that_ends_the_target_for_good_breaks_its_clause(server: Server, tmp_path: Path) -> None:
    with Network(server.base_url, fatal="/%00/") as network:
        result = judged(server, network, "INP", "HTP", "SEC-001")
    assert result.exit_code == ExitCode.CONFIGURATION
    assert [one.clause for one in result.judgements if one.verdict is Verdict.BROKEN] == ["INP-008"]
    last = result.exchanges[-1]
    assert last.failure is not None
    assert last.failure.kind is FailureKind.FATAL
    assert last.request.path in result.notes[-1]
    assert [one.verdict for one in again(result, tmp_path).judgements] == [one.verdict for one in result.judgements]


def test_a_request_that_ends_a_target_which_is_started_again_breaks_its_clause_each_time(server: Server) -> None:
    with Network(server.base_url, fatal="/%00/", absent=0.1) as network:
        result = judged(server, network, "INP", "HTP", limits=replace(PATIENT, back=20.0))
    assert result.exit_code == ExitCode.BROKEN
    assert [one.clause for one in result.judgements if one.verdict is Verdict.BROKEN] == ["INP-008"]
    judgement = next(one for one in result.judgements if one.clause == "INP-008")
    assert (judgement.seen, judgement.asked) == (3, 3)
    assert network.ended > 3


def test_it_is_not_claimed_where_connections_broke_before(server: Server) -> None:
    with Network(server.base_url, Weather(kinds=(Kind.CLOSED,), share=0.1, seed=2), fatal="/%00/") as network:
        result = judged(server, network, "INP", "HTP")
    assert result.exit_code == ExitCode.CONFIGURATION
    assert accused(result) == []
    assert verdict(result, "INP-008") is Verdict.INCONCLUSIVE


def test_it_is_not_claimed_of_a_request_that_any_client_sends(server: Server) -> None:
    with Network(server.base_url, ends_after=20, in_flight=True) as network:
        result = judged(server, network, "HTP", "PAG", "INP")
    last = result.exchanges[-1]
    assert last.failure is not None
    assert last.failure.kind is FailureKind.FATAL
    assert last.probe == "walks"
    assert accused(result) == []


def test_it_is_not_claimed_where_nothing_says_that_the_host_is_there(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that is down refuses nothing: connections are never established, without a reason."""
    connect = socket.create_connection

    def nowhere(*place: Any, **named: Any) -> socket.socket:
        if network.ended:
            raise TimeoutError
        return connect(*place, **named)

    monkeypatch.setattr("contracts.traffic.wire.socket.create_connection", nowhere)
    with Network(server.base_url, fatal="/%00/") as network:
        result = judged(server, network, "INP", "HTP")
    last = result.exchanges[-1]
    assert last.failure is not None
    assert last.failure.kind is FailureKind.CUT
    assert result.exit_code == ExitCode.CONFIGURATION
    assert accused(result) == []
    assert verdict(result, "INP-008") is Verdict.INCONCLUSIVE


def test_waiting_for_a_target_ends_in_time(server: Server) -> None:
    with Network(server.base_url, ends_after=3) as network:
        began = time.monotonic()
        result = judged(server, network, limits=replace(PATIENT, back=1.0, run=2.0))
        assert time.monotonic() - began < 30
    assert result.exit_code in {ExitCode.CONFIGURATION, ExitCode.INCOMPLETE}
