"""Faults that only load shows are found by what users judge, right servers are left alone, and keys stay hidden.

Users ask the servers within this process, all at once and without a network, so that neither the machine's speed nor
Locust matters; two tests run all of it with Locust, in processes of its own.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, ClassVar
from urllib.request import urlopen

import jsonschema
import pytest

import contracts as package
from contracts.core.errors import ConfigurationError
from contracts.core.model import Answer, Exchange, Failure, FailureKind, Step
from contracts.core.result import Figures, Finding, Repetition, Result, Round, Verdict
from contracts.evidence.evidence import LOAD as PROBE
from contracts.evidence.reader import Reader
from contracts.mock.app import Behaviour
from contracts.mock.app import Request as Asked
from contracts.mock.load import LOAD_FAULTS, LOAD_VARIANTS, LoadFault
from contracts.mock.server import Server
from contracts.mock.store import seeded
from contracts.reports import as_json, html
from contracts.reports.view import Report
from contracts.runs.live import run
from contracts.runs.load.conductor import Conductor, confirmed, left_open, where_to_look
from contracts.runs.load.figures import STRETCHES, Tables
from contracts.runs.load.judge import MOST_WALKS, Judge
from contracts.runs.load.messages import (
    Begin,
    Done,
    Invitation,
    Learned,
    News,
    accepted,
    invitation,
    packed,
    receive,
    send,
    unpacked,
)
from contracts.runs.load.options import VARIABLE, agreed, handed, refuse_another, refuse_unasked
from contracts.runs.load.options import settings as options_settings
from contracts.runs.load.process import COMMAND as COMMAND_BESIDE
from contracts.runs.load.questions import Question, worth_sending
from contracts.runs.load.route import route
from contracts.runs.load.users import Users
from contracts.runs.load.wording import notes, picture
from contracts.runs.plan import Plan
from contracts.runs.selection import chosen
from contracts.runs.target import Opened, opened
from contracts.settings.choosing import choose
from contracts.traffic.client import Client
from contracts.traffic.origin import Origin
from contracts.verdicts.recurrence import recounted

EACH = 8
"""Questions of each user."""
TURNS = 12
"""Turns that a request takes."""
LEARNED = 400
"""Requests after which a list may begin to change."""


@dataclass(frozen=True)
class Known:
    """What an ordinary run learned of the right server."""

    ready: Opened
    plan: Plan
    exchanges: tuple[Exchange, ...]
    reader: Reader
    result: Result

    def judge(self) -> Judge:
        return Judge(self.plan, self.exchanges, 0.25, self.reader)


@pytest.fixture(scope="module")
def known() -> Known:
    with opened(choose({}, {})) as ready:
        result = run(replace(ready.plan(chosen(["PAG-009", "ORD-006"])), budget=60))
    return Known(ready, ready.plan(), tuple(worth_sending(result.exchanges)), Reader(ready.operation), result)


@pytest.fixture(autouse=True)
def few_suspects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no more pages wait for a look at the list than it takes: judging them together takes its time."""
    monkeypatch.setattr("contracts.runs.load.judge.MOST_SUSPECTS", 12)


@pytest.fixture(autouse=True)
def turns_for_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a request take so many turns of all who are under way, so that none is slower on a slow machine."""

    async def turns(times: float = 1) -> None:
        for _ in range(round(TURNS * times)):
            await asyncio.sleep(0)

    monkeypatch.setattr("contracts.mock.load.work", turns)


class Crowd:
    """Users of one server, and the looks at its list."""

    def __init__(self, known: Known, behaviour: Behaviour) -> None:
        behaviour.bind(seeded())
        self.judge = known.judge()
        self.broken: set[str] = set()
        self._plan = known.plan
        self._route = route(known.plan)
        self._behaviour = behaviour
        self._number = LEARNED

    async def answered(self, question: Question) -> Answer:
        self._number += 1
        request = question.request
        headers = tuple((name.lower(), value) for name, value in self._route.headers(self._plan, request).items())
        asked = Asked(self._number, "GET", f"/v1{request.path}", request.query, headers, self._number)
        response = await self._behaviour.answer(asked)
        return Answer(response.status, "", tuple(response.headers), response.body)

    async def user(self, place: int) -> None:
        rng, onward = random.Random(place), None
        for number in range(EACH):
            if place == 0 and number == EACH // 2:
                await self.look()
            question = onward or self.judge.questions.draw(rng)
            sent = self.judge.tick()
            answer = await self.answered(question)
            onward = None
            waits = answer.header("Retry-After") is not None
            failure = Failure(FailureKind.THROTTLED, "it asked to wait") if waits else None
            broken = self.judge.judge(question, answer, sent=sent, seconds=0.0, failure=failure)
            onward = question.onward if not broken and answer.status == 200 else None

    async def look(self) -> None:
        looks: list[Sequence[Exchange]] = []
        for number in range(MOST_WALKS):
            request, query = self.judge.walk_request(None)
            sent = self.judge.tick()
            answer = await self.answered(Question("look", request, query))
            step = Step(f"control {self._number}-{number}", 0)
            looks.append([self.judge.walk_page(request, query, answer, sent=sent, seconds=0.0, step=step)[0]])
            if self.judge.unchanged(looks[-1]):
                break
        self.judge.settle(looks)

    async def come(self, users: int) -> News:
        await asyncio.gather(*(self.user(place) for place in range(users)))
        await self.look()
        return self.judge.news()


def rngs() -> random.Random:
    return random.Random(5)


def crowd(known: Known, behaviour: Behaviour, users: int) -> News:
    return asyncio.run(Crowd(known, behaviour).come(users))


@pytest.mark.parametrize("fault", LOAD_FAULTS.values(), ids=LOAD_FAULTS)
def test_a_fault_is_found_by_as_many_users_as_it_takes(known: Known, fault: LoadFault) -> None:
    news = crowd(known, fault.behaviour(), fault.concurrency + 6)
    assert set(fault.clauses) & set(news.clauses), news.clauses
    assert news.evidence, "the least that shows it"


@pytest.mark.parametrize("fault", LOAD_FAULTS.values(), ids=LOAD_FAULTS)
def test_fewer_users_do_not_see_it(known: Known, fault: LoadFault) -> None:
    assert not crowd(known, fault.behaviour(), 4).clauses


@pytest.mark.parametrize("variant", LOAD_VARIANTS.values(), ids=LOAD_VARIANTS)
def test_a_right_server_is_left_alone(known: Known, variant: LoadFault) -> None:
    news = crowd(known, variant.behaviour(), 32)
    assert not news.clauses
    assert news.moved is (variant.name == "changes")


def test_a_list_that_changes_is_judged_by_what_one_answer_shows(known: Known) -> None:
    class ChangesAndDoubles(LOAD_VARIANTS["changes"].behaviour, LOAD_FAULTS["rows-twice"].behaviour):  # type: ignore[misc]  # chosen
        """Both at once."""

    assert "PAG-008" in crowd(known, ChangesAndDoubles(), 32).clauses


def test_items_that_come_back_after_a_walk_without_them_were_never_right(
    known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of another tenant: seen once, its items may have come and gone."""
    crowd = Crowd(known, Behaviour())
    judge, ticks, rng = crowd.judge, count(crowd.judge.tick(), 100), rngs()
    monkeypatch.setattr(judge, "tick", lambda: next(ticks))
    asked = iter(lambda: judge.questions.draw(rng), None)
    question = next(one for one in asked if one.name == "first page" and one.query.order is None)
    data = seeded()
    items = [
        {"id": one.id, "object": "checkpoint.permission", "created_at": one.created_at, "project_id": one.project_id}
        for one in sorted(data.checkpoints[data.other_checkpoint], key=lambda one: -one.created_at)[:5]
    ]
    ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]}
    body = json.dumps({"object": "list", "data": items, **ends, "has_more": False}).encode()
    answer = Answer(200, "", (("Content-Type", "application/json"),), body)
    told: list[News] = []
    for _ in range(2):
        assert not judge.judge(question, answer, sent=judge.tick(), seconds=0.0)
        asyncio.run(crowd.look())
        told.append(judge.news())
    assert [news.clauses for news in told] == [{}, {"PAG-012": 1}]
    controls = [each.step for each in told[1].evidence if each.probe == "control"]
    assert len(controls) == len(set(controls)) > 0, "the walk between the two"


# What is asked


def test_the_same_seed_asks_the_same(known: Known) -> None:
    def drawn(seed: int) -> list[str]:
        judge = Judge(replace(known.plan, seed=seed), known.exchanges, 0.1, known.reader)
        rng = rngs()
        return [
            f"{one.request.credential} {one.request.target}" for one in (judge.questions.draw(rng) for _ in range(200))
        ]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_strangers_are_as_many_as_was_said(known: Known) -> None:
    for share in (0.0, 0.5, 1.0):
        questions = Judge(known.plan, known.exchanges, share, known.reader).questions
        rng = rngs()
        asked = [questions.draw(rng).request.credential for _ in range(1000)]
        assert abs(sum(one != "admin" for one in asked) / 1000 - share) < 0.06
        assert share == 0 or {"none", "unknown", "user"} <= set(asked)


def test_what_is_remembered_does_not_grow(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contracts.runs.load.judge._MOST_KNOWN", 50)
    judge = known.judge()
    question = judge.questions.draw(rngs())
    for number in range(200):
        answer = Answer(200, "", (("Content-Type", "application/json"),), b"[%d]" % number)
        judge.judge(question, answer, sent=judge.tick(), seconds=0.0)
    assert len(question.kept) + len(question.broken) <= 51
    assert len(judge.news().evidence) <= 5 * 10


def test_a_key_in_an_answer_is_seen_each_time_and_never_told(known: Known) -> None:
    judge, rng = known.judge(), rngs()
    key = known.plan.keys.user.reveal() if known.plan.keys.user else ""
    question = next(one for one in iter(lambda: judge.questions.draw(rng), None) if one.request.credential == "user")
    headers = (("Content-Type", "application/json"), ("WWW-Authenticate", "Bearer"))
    for _ in range(3):
        answer = Answer(403, "", headers, b'{"error":{"message":"not for %s"}}' % key.encode())
        assert "SEC-009" in judge.judge(question, answer, sent=1, seconds=0.0)
    for number in range(3):
        answer = Answer(403, "", (*headers, ("X-Asked", f"{number} {key}")), b'{"error":{"message":"no"}}')
        assert "SEC-009" in judge.judge(question, answer, sent=1, seconds=0.0)
    news = judge.news()
    assert news.clauses["SEC-009"] == 6
    assert key not in repr(news)
    assert key.encode() not in packed(news)


class Undecodable:
    """A session, and its events, whose client can't decode what comes and says what it was."""

    def __init__(self, key: str) -> None:
        self.request_event = self
        self.told: list[dict[str, object]] = []
        self._key = key

    def request(self, *_: object, **__: object) -> None:
        msg = f"Unknown content encoding: {self._key}"
        raise ValueError(msg)

    def fire(self, **told: object) -> None:
        self.told.append(told)


def test_an_answer_that_can_not_be_decoded_is_none_and_tells_no_key(known: Known) -> None:
    """Locust logs what a user raises: the text of the client's error is the server's."""
    users = object.__new__(Users)
    users.judge, users.route, users.plan, users._headers = known.judge(), route(known.plan), known.plan, {}
    question = users.judge.questions.draw(rngs())
    session = Undecodable(known.plan.keys.admin.reveal())
    assert not users.ask(session, question)
    assert [(told["name"], str(told["exception"])) for told in session.told] == [
        (question.name, "no complete answer (ValueError)")
    ]
    assert users.judge.news().unanswered == 1


# What processes tell each other


def test_messages_come_as_they_were_sent(known: Known) -> None:
    stream = io.BytesIO()
    messages = (
        Learned("http://127.0.0.1", known.exchanges),
        Done(known.exchanges[:2], Figures(breaches={"PAG-011": 3})),
    )
    for message in messages:
        send(stream, message)
    stream.seek(0)
    assert receive(stream, Learned) == messages[0]
    assert receive(stream, Done) == messages[1]
    assert receive(stream, Done) is None


def test_a_worker_that_would_ask_otherwise_than_its_master_is_refused(known: Known) -> None:
    begin = Begin(Learned("http://127.0.0.1", known.exchanges, agreed=agreed(known.plan)), 3)
    assert accepted(unpacked(packed(invitation(begin)), Invitation)) == begin
    with pytest.raises(ConfigurationError, match=r"has version .* and its master 0\.0\.9: install the same"):
        accepted(Invitation("0.0.9", b"what no other version reads"))
    refuse_another(agreed(known.plan), begin.learned.agreed)
    for name in ("checkpoint", "document"):
        with pytest.raises(ConfigurationError, match=f"another {name} than its master: .* and not other"):
            refuse_another(agreed(known.plan), {**begin.learned.agreed, name: "other"})


@pytest.mark.parametrize(
    ("page", "refusal"),
    [("the list", ""), ("another list", "finds another list at"), ("no list", "can't read the list of")],
)
def test_a_worker_looks_whether_its_list_is_the_learned_one(page: str, refusal: str, known: Known) -> None:
    users = Users(Begin(Learned("http://127.0.0.1:9/v1", known.exchanges), 1), known.ready, 0.0)
    answer = next(each.answer for each in known.exchanges if each.answer is not None and each.ok)
    body = json.dumps({**json.loads(answer.body), "has_more": False}).encode()
    session = Refusing(body if page == "the list" else body.replace(b'"cp_', b'"of_another_'), 99 * (page == "no list"))
    with pytest.raises(ConfigurationError, match=refusal) if refusal else nullcontext():
        users.compare(session)


def test_a_request_out_of_which_a_key_was_taken_is_not_sent_again(known: Known) -> None:
    right = known.exchanges[0]
    request = replace(right.request, query=f"after=cp_{known.plan.keys.admin.reveal()}")
    without = known.plan.redactor.exchange(replace(right, request=request))
    incoming = io.BytesIO()
    send(incoming, Done((right, without), Figures(), judged=2))
    incoming.seek(0)
    asking: Any = SimpleNamespace(
        client=SimpleNamespace(exchanges=(), redactor=known.plan.redactor), target=known.plan.target
    )
    assert tuple(Conductor(incoming, io.BytesIO())._between(asking)) == (right,)


def test_a_load_of_which_nothing_was_judged_is_not_green(known: Known) -> None:
    incoming = io.BytesIO()
    send(incoming, Done((), Figures(users=3, requests=7, put_off=7)))
    incoming.seek(0)
    asking: Any = SimpleNamespace(
        client=SimpleNamespace(exchanges=(), redactor=known.plan.redactor), target=known.plan.target
    )
    with pytest.raises(ConfigurationError, match=r"No answer under load could be judged\. .* 7 answers"):
        tuple(Conductor(incoming, io.BytesIO())._between(asking))


def test_a_body_that_can_not_be_decoded_is_a_breach_each_time(known: Known) -> None:
    judge, rng = known.judge(), rngs()
    question = next(one for one in iter(lambda: judge.questions.draw(rng), None) if one.name == "first page")
    headers = (("Content-Type", "application/json"),)
    for _ in range(2):
        answer = Answer(200, "", headers, b"", flaw="not gzip, as its Content-Encoding says")
        assert judge.judge(question, answer, sent=judge.tick(), seconds=0.0) == ("HTP-003",)
    assert judge.news().clauses == {"HTP-003": 2}


class OnePage:
    """A session and its one response: a page of a list that ends there."""

    status_code = 200
    error = None
    headers: Mapping[str, str] = MappingProxyType({"Content-Type": "application/json"})
    request_meta: ClassVar[dict[str, Any]] = {"exception": None, "response_time": 1.0}

    def __init__(self, content: bytes) -> None:
        self.content = content

    def request(self, *_: object, **__: object) -> OnePage:
        return self

    def __enter__(self) -> OnePage:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def success(self) -> None:
        pass


def test_looks_of_two_processes_are_two_walks(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    page = next(each.answer for each in known.exchanges if each.answer is not None and each.ok)
    body = json.dumps({**json.loads(page.body), "has_more": False}).encode()
    walks: list[list[Exchange]] = []

    def keep(looks: list[list[Exchange]]) -> tuple[()]:
        walks.extend(looks)
        return ()

    for _ in range(2):  # one object for each process
        users = Users(Begin(Learned("http://127.0.0.1:9/v1", known.exchanges), 1), known.ready, 0.0)
        monkeypatch.setattr(users.judge, "settle", keep)
        users.control_walk(OnePage(body), lambda _name, _error: None)
    names = [{each.step.walk for each in walk if each.step is not None} for walk in walks]
    assert len(names) >= 2
    assert len(set().union(*names)) == len(names), "no two have one name"


class Refusing(OnePage):
    """A session that answers so often with a 503 before it gives the page."""

    def __init__(self, content: bytes, times: int) -> None:
        super().__init__(content)
        self._page, self._times = content, times

    def request(self, *_: object, **__: object) -> OnePage:
        self._times -= 1
        self.status_code = 503 if self._times >= 0 else 200
        self.headers = {"Content-Type": "application/json", **({"Retry-After": "0"} if self._times >= 0 else {})}
        self.content = b"" if self._times >= 0 else self._page
        return self


@pytest.mark.parametrize(("times", "walks"), [(2, 1), (99, 0)])
def test_a_look_that_is_put_off_shows_no_empty_list(
    times: int, walks: int, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = next(each.answer for each in known.exchanges if each.answer is not None and each.ok)
    body = json.dumps({**json.loads(page.body), "has_more": False}).encode()
    users = Users(Begin(Learned("http://127.0.0.1:9/v1", known.exchanges), 1), known.ready, 0.0)
    settled: list[object] = []

    def keep(looks: Sequence[Sequence[Exchange]]) -> tuple[()]:
        settled.extend(looks[:1])
        return ()

    monkeypatch.setattr(users.judge, "settle", keep)
    users.finish(Refusing(body, times), lambda _name, _error: None)
    assert len(settled) == walks
    assert users.judge.news().put_off == min(times, users.plan.limits.attempts)
    assert not users.judge.moved


class Redirecting(OnePage):
    """A session that answers with a redirect until it is asked at another path."""

    def __init__(self, content: bytes, location: str) -> None:
        super().__init__(content)
        self._page, self._location = content, location
        self.urls: list[str] = []
        self.failures: list[str] = []

    def request(self, *words: object, **_: object) -> OnePage:
        url = str(words[1])
        self.urls.append(url)
        there = url.startswith("http://127.0.0.1:9/other")
        self.status_code, self.content = (200, self._page) if there else (307, b"")
        self.headers = {"Content-Type": "application/json"} if there else {"Location": self._location}
        return self

    def failure(self, error: Exception) -> None:
        self.failures.append(str(error))


@pytest.mark.parametrize(
    ("location", "asked", "broken"),
    [
        ("/other?limit=1", 2, set()),
        ("http://127.0.0.1:9/other", 2, set()),
        ("/v1/again", 6, {"HTP-001"}),
        ("https://elsewhere.invalid/other", 1, {"HTP-001"}),
    ],
)
def test_redirects_are_followed_within_the_origin(location: str, asked: int, broken: set[str], known: Known) -> None:
    users = Users(Begin(Learned("http://127.0.0.1:9/v1", known.exchanges), 1), known.ready, 0.0)
    users.route = replace(users.route, base_url="http://127.0.0.1:9/v1", origin=Origin("http", "127.0.0.1", 9))
    shown = next(each for each in known.exchanges if each.probe == "walks" and each.ok)
    query, answer = known.reader.query(shown), shown.answer
    assert query is not None
    assert answer is not None
    question = Question("page", shown.request, query, users.judge.questions.expected(query))
    session = Redirecting(answer.body, location)
    users.ask(session, question)
    assert len(session.urls) == asked
    users.judge.settle([[each for each in known.exchanges if each.probe == "control"][:1]])
    assert set(users.judge.news().clauses) == broken


def test_figures_do_not_grow_with_time() -> None:
    tables = Tables()
    for second in range(5000):
        tables.add(News({"PAG-011": 1}), float(second))
    figures = tables.done(users=1, workers=0, lost=0, seconds=5000.0, requests=9, rate=1.0, percentiles={}).figures
    assert figures.breaches == {"PAG-011": 5000}
    assert sum(figures.series["PAG-011"]) == 5000
    assert len(figures.series["PAG-011"]) <= STRETCHES


def test_figures_are_reported_in_words() -> None:
    figures = Figures(
        users=3,
        workers=2,
        seconds=9.6,
        requests=70,
        rate=7.3,
        percentiles={"50": 8.0},
        unanswered=1,
        put_off=2,
        unjudged=4,
        lost=1,
        breaches={"PAG-011": 5},
        series={"PAG-011": (0, 1, 4)},
    )
    told = " ".join(notes(figures))
    for words in (
        "3 users on 2 workers",
        "50 % within 8 ms",
        "PAG-011 was broken 5 times",
        "·▂█",
        "1 worker went away",
    ):
        assert words in told
    assert picture(()) == ""


def test_reports_show_the_figures(known: Known) -> None:
    figures = Figures(users=3, requests=70, breaches={"PAG-011": 5}, series={"PAG-011": (0, 1, 4)}, stretch=2.0)
    result = replace(known.result, load=figures)
    report = Report.of(result)
    told = json.loads(as_json.render(report))
    jsonschema.validate(told, as_json.schema())
    assert told["load"]["series"] == {"PAG-011": [0, 1, 4]}
    assert "load" not in as_json.document(Report.of(known.result))
    page = html.render(report, result, known.plan.operation)
    assert page.count('<rect x="1" y="7.5" width="0.8" height="2.5"/>') == 1
    assert "the breaches of 2 s" in page


# What only load shows, and what breaks always


def test_no_clause_is_kept_that_users_saw_broken(known: Known) -> None:
    kept = next(each for each in known.result.judgements if each.verdict is Verdict.KEPT)
    green = replace(known.result, exit_code=0)
    assert left_open(green, Figures()) == green
    result = left_open(green, Figures(breaches={kept.clause: 3}))
    (judgement,) = (each for each in result.judgements if each.clause == kept.clause)
    assert (judgement.verdict, result.exit_code) == (Verdict.INCONCLUSIVE, 6)
    assert "broke 3 times under load" in judgement.reason


def test_a_walk_among_the_answers_of_users_keeps_its_distance(known: Known) -> None:
    answers = [replace(known.exchanges[0], step=None), replace(known.exchanges[0], step=None)]
    walk = replace(known.exchanges[0], step=Step("control x", 0))
    with Client("http://127.0.0.1:9/v1", known.plan.keys, budget=1, seed=1) as client:
        first, looked, last = client.take([answers[0], walk, answers[1]], apart=32)
    assert first.received + 32 <= looked.sent
    assert looked.received + 32 <= last.sent


@pytest.mark.parametrize(("seen", "words"), [(0, "under load only"), (3, "always")])
def test_a_verdict_says_whether_it_breaks_always(known: Known, seen: int, words: str) -> None:
    (judgement, *_) = known.result.judgements
    exchange = replace(known.exchanges[0], probe=PROBE)
    finding = Finding("x", "y", (exchange,))
    told = confirmed(replace(judgement, finding=finding, seen=seen, asked=3))
    assert told.finding is not None
    assert words in told.finding.actual
    hints = list(where_to_look([replace(told, verdict=Verdict.BROKEN)]))
    assert bool(hints) is (words == "under load only")
    alone = replace(judgement, finding=replace(finding, exchanges=(known.exchanges[0],)), seen=seen, asked=3)
    assert confirmed(alone) == alone


def test_a_right_answer_with_the_same_list_is_no_recurrence(known: Known) -> None:
    """What the load's answer had wrong may stand beside the list, as the times of its items."""
    right = next(each for each in known.exchanges if each.ok)
    assert right.answer is not None
    body = re.sub(rb'"created_at":(\d+)', rb'"created_at":"\1"', right.answer.body)
    wrong = replace(right, number=1000, probe=PROBE, answer=replace(right.answer, body=body))
    again = replace(right, number=1001, again=(1, 1000))
    clauses = chosen(["ITM-008"])
    repetition = Repetition("ITM-008", (wrong.number,), (Round((again.number,), stable=True),), (), known=2000)
    exchanges = {each.number: each for each in (right, wrong, again)}
    confirmed = recounted([repetition], clauses, known.reader, known.plan.target, exchanges)
    assert (confirmed["ITM-008"].rounds, confirmed["ITM-008"].seen) == (1, 0)


# What may be loaded


def test_what_locust_calls_host_names_the_target_of_a_locustfile_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTRACTS_CHECKPOINT", "c")
    assert options_settings("http://of-a-locustfile:1/v1").base_url == "http://of-a-locustfile:1/v1"
    monkeypatch.delenv("CONTRACTS_CHECKPOINT")
    monkeypatch.setenv(VARIABLE, handed({}, ()))
    assert options_settings("http://of-locust.conf:1/v1").base_url is None


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.1.2.3", "192.168.0.9", "localhost", "api.test", "api"])
def test_a_private_host_may_be_loaded(host: str) -> None:
    settings = choose({"base_url": f"http://{host}:8080/v1", "checkpoint": "x"}, {})
    refuse_unasked(settings, may_load=False)


@pytest.mark.parametrize("host", ["api.openai.com", "8.8.8.8", "test.example.com", "localhost.example.com"])
def test_any_other_host_only_if_the_user_says_so(host: str) -> None:
    settings = choose({"base_url": f"https://{host}/v1", "checkpoint": "x"}, {})
    with pytest.raises(ConfigurationError, match="--i-may-load-this"):
        refuse_unasked(settings, may_load=False)
    refuse_unasked(settings, may_load=True)


# All of it, with Locust


def contracts(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTS_", "OPENAI_"))}
    command = [sys.executable, str(COMMAND), *words]
    return subprocess.run(command, env=clean | environ, capture_output=True, encoding="utf-8", check=False, timeout=120)


COMMAND = Path(package.__file__).parents[1] / "checkpoint_permissions_contracts.py"
with_locust = pytest.mark.skipif(find_spec("locust") is None, reason="tox -e load")
LOAD = ("load", "--users", "40", "--spawn-rate", "40", "--run-time", "1s", "--requests", "60")


@with_locust
def test_one_process_finds_what_only_load_shows(tmp_path: Path) -> None:
    where = tmp_path / "report.json"
    (tmp_path / "contracts.py").write_text("raise RuntimeError('a module of the project')")
    done = contracts(*LOAD, "--fault", "limiter-says200", "--json", str(where), PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads(where.read_text(encoding="utf-8"))
    broken = {one["id"]: one for one in report["clauses"] if one["verdict"] == "broken"}
    assert "ENV-003" in broken
    assert "under load only" in broken["ENV-003"]["finding"]["actual"]
    assert "Breach('ENV-002" in done.stdout + done.stderr, "a failure in Locust under its clause id"
    assert "sk-admin-" not in done.stdout + done.stderr


@with_locust
@pytest.mark.parametrize(("served", "code"), [(LOAD_VARIANTS["puts-off"], 0), (LOAD_FAULTS["rows-twice"], 1)])
def test_a_master_with_two_workers_tells_right_from_wrong(served: LoadFault, code: int) -> None:
    with Server(behaviour=served.behaviour()) as server:
        data = server.dataset
        target = ("--base-url", server.base_url, "--checkpoint", data.checkpoint, "--allow-incomplete")
        # A busy machine needs a second until the users of both workers ask.
        words = (*LOAD, *target, "--processes", "2", "--run-time", "5s")
        done = contracts(*words, OPENAI_ADMIN_KEY=data.admin_key)
    assert done.returncode == code, done.stdout + done.stderr
    assert "on 2 workers" in " ".join(done.stdout.split())
    assert ("under load only" in done.stdout) is bool(code)
    assert data.admin_key not in done.stdout + done.stderr


@with_locust
def test_where_locust_fails_the_exit_code_accuses_no_target() -> None:
    users = Path(package.__file__).parent / "plugins" / "locustfiles" / "contract_users.py"
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ("-f", str(users), "--headless", "--master", "--master-bind-port", port)
        command = [sys.executable, str(users), *words]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=120)
    assert done.returncode == 4, done.stderr
    assert "contracts: Locust failed: Socket bind failure" in done.stderr
    assert "Traceback" not in done.stderr


@with_locust
def test_what_locust_can_not_do_is_no_breach() -> None:
    """Its exit code is 255 there, as for a worker that has looked for its master for five minutes."""
    users = Path(package.__file__).parent / "plugins" / "locustfiles" / "contract_users.py"
    command = [sys.executable, str(users), "-f", str(users), "--headless", "--config-users", '{"user_class_name": "X"}']
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=120)
    assert done.returncode == 4, done.stderr
    assert "Error applying user config" in done.stderr


@with_locust
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_worker_that_waits_for_its_master_is_interrupted(number: signal.Signals) -> None:
    """Locust exits with 1 there, which here says that the target broke the contract."""
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(f"{number.name} is ignored here, and so it is by the worker: nohup does that")
    words = ("load", "--worker", "--checkpoint", "cp", "--base-url", "http://127.0.0.1:9/v1", "--master-port", "9")
    environ = os.environ | {"OPENAI_ADMIN_KEY": "of-a-worker-that-waits"}
    command = [sys.executable, "-m", "contracts", *words]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stderr is not None
        heard = [process.stderr.readline()]
        process.send_signal(number)
        heard += process.stderr.readlines()
    assert process.returncode == 2, heard
    assert heard[-1] == "contracts: interrupted before anything was asked\n"


@with_locust
def test_an_interrupt_ends_a_load_that_the_web_page_began(tmp_path: Path) -> None:
    where, lines = tmp_path / "locustfile.py", ("from contracts.plugins.locust import ContractUser", "")
    where.write_text("\n".join(lines))
    with socket.create_server(("127.0.0.1", 0)) as free:
        page = f"http://127.0.0.1:{free.getsockname()[1]}"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTS_", "OPENAI_"))}
    environ |= {"CONTRACTS_REQUESTS": "60", "CONTRACTS_JSON": str(tmp_path / "report.json")}
    web = ("--web-host", "127.0.0.1", "--web-port", page.rpartition(":")[2])
    with subprocess.Popen(
        [sys.executable, "-m", "locust", "-f", str(where), *web],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        assert any("the list is learned first" in line for line in iter(process.stdout.readline, ""))
        try:
            while process.poll() is None:
                with suppress(OSError), urlopen(f"{page}/swarm", b"user_count=3&spawn_rate=3", timeout=60):
                    break
                time.sleep(0.1)
            assert any("All users spawned" in line for line in iter(process.stdout.readline, ""))
            process.send_signal(signal.SIGINT)
            told, _ = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 2, told
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["exit_code"] == 2


@with_locust
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--run-time", "soon"], "'soon' is no time above 0"),
        (["--run-time", "0s"], "'0s' is no time above 0"),
        (["--processes", "0"], "0 is neither 1 or more nor -1"),
        (["--master", "--worker"], "--master and --worker exclude each other"),
        (["--expect-workers", "3"], "--expect-workers is of use with --master only"),
        (["--master-port", "5999"], "--master-port is of use with --master, --worker or --processes only"),
        (["--worker", "--master-host", "no..where"], "no..where, can't be resolved: it is no name"),
        (["--master", "--master-port", "{taken}"], "can't listen on port {taken}"),
        (["--processes", "2", "--master-port", "{taken}"], "can't listen on port {taken}"),
    ],
)
def test_what_locust_would_stumble_over_is_reported_before(words: list[str], sentence: str) -> None:
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = contracts("load", *(word.replace("{taken}", port) for word in words))
    assert done.returncode == 4, done.stderr
    assert sentence.replace("{taken}", port) in done.stderr
    assert len(done.stderr.splitlines()) == 1


@with_locust
@pytest.mark.parametrize(
    ("when", "more"),
    [
        ("the list is learned first", ()),
        ("Waiting for workers to be ready", ("--master", "--expect-workers", "1")),
        ("All users spawned", ()),
    ],
)
def test_an_interrupt_ends_a_load_with_a_report(when: str, more: tuple[str, ...], tmp_path: Path) -> None:
    where = tmp_path / "report.json"
    words = (*LOAD, "--run-time", "1h", "--rate", "30", "--json", str(where), *more)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTS_", "OPENAI_"))}
    with subprocess.Popen(
        [sys.executable, "-m", "contracts", *words],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        assert any(when in line for line in iter(process.stdout.readline, ""))
        process.send_signal(signal.SIGINT)
        told = process.stdout.read()
    assert process.returncode == 2, told
    assert "Traceback" not in told
    assert "interrupted" in told.lower()
    if when != "the list is learned first":  # it may come before there is anything to report
        assert json.loads(where.read_text(encoding="utf-8"))["exit_code"] == 2


def test_the_command_that_asks_beside_locust_is_there() -> None:
    assert COMMAND_BESIDE == COMMAND
    assert COMMAND.is_file()


def test_without_locust_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['locust'] = None; sys.argv = ['contracts', 'load'];"
        "from contracts.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=False, cwd=tmp_path
    )
    assert done.returncode == 4
    assert "pip install" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_nothing_else_imports_locust() -> None:
    program = "import sys, contracts.cli, contracts.runs.load.users, contracts.runs.job; print('gevent' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "False"
