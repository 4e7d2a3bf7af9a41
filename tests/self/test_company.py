"""Callers who share a connection or a moment: how they are judged, on evidence made by hand, and how they are asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from histories import JSON, History, permissions, query

from contracts.clauses.registry import find
from contracts.core.model import Answer, Exchange, Order, Query, Request
from contracts.core.result import Verdict
from contracts.evidence.evidence import Evidence
from contracts.mock.app import Behaviour, Response
from contracts.mock.app import Request as Asked
from contracts.mock.server import Server
from contracts.runs.selftest import against
from contracts.traffic.client import Client
from contracts.traffic.keys import Keys
from contracts.verdicts.tallying import tally

ERROR = b'{"error":{"message":"No.","type":"x","param":null,"code":null}}'


class Company(History):
    """A right list, and exchanges of several callers on numbered connections."""

    def say(
        self, asked: Query, credential: str, status: int, connection: int | None = None, *, at: int | None = None
    ) -> Exchange:
        """One exchange; those with the same ``at`` were under way at the same moment."""
        body = self.page_of(asked)[1]
        exchange = self.ask(asked, probe="access")
        answer = exchange.answer if status == 200 else Answer(status, "", JSON, ERROR)
        assert body
        self.exchanges[-1] = replace(
            exchange,
            request=replace(exchange.request, credential=credential),
            answer=answer,
            connection=connection,
            concurrent=at is not None,
            sent=exchange.sent if at is None else at,
            received=exchange.received if at is None else at + 1,
        )
        return self.exchanges[-1]


@pytest.fixture
def company() -> Company:
    history = Company(permissions(12))
    history.walk(query(limit=100, order=Order.DESCENDING), "control 1", probe="control")
    return history


def breaches(evidence: Evidence) -> dict[str, list[tuple[int, ...]]]:
    """For each SEC clause that has a breach, the numbers of the exchanges of each."""
    found = tally(find(["SEC"]), evidence)
    return {
        name: [tuple(exchange.number for exchange in one.exchanges) for one in kept.breaches]
        for name, kept in found.items()
        if kept.breaches and name != "SEC-012"
    }


def cases(evidence: Evidence, clause: str) -> int:
    return tally(find([clause]), evidence)[clause].cases


PLAIN = query(limit=3)


def test_who_is_let_in_on_the_connection_of_the_admin_breaks_nothing_but_that(company: Company) -> None:
    company.say(query(), "none", 401, 1)
    admin = company.say(PLAIN, "admin", 200, 2)
    stranger = company.say(PLAIN, "none", 200, 2)
    assert breaches(company.evidence()) == {"SEC-014": [(admin.number, stranger.number)]}


def test_who_is_let_in_anyway_breaks_the_clause_of_his_credentials(company: Company) -> None:
    company.say(query(), "admin", 200, 2)
    company.say(query(), "none", 200, 2)
    assert set(breaches(company.evidence())) == {"SEC-001"}


def test_who_is_let_in_with_this_query_anyway_breaks_the_clause_of_queries(company: Company) -> None:
    company.say(query(), "none", 401, 1)
    company.say(PLAIN, "admin", 200, 2)
    company.say(PLAIN, "none", 200, 2)
    company.say(PLAIN, "none", 200, 1)
    assert set(breaches(company.evidence())) == {"SEC-001", "SEC-010"}


def test_one_exchange_shows_what_a_moment_brought_about(company: Company) -> None:
    company.say(query(), "none", 401, 1)
    company.say(PLAIN, "admin", 200, 2, at=900)
    stranger = company.say(PLAIN, "none", 200, 1, at=900)
    assert breaches(company.evidence()) == {"SEC-014": [(stranger.number,)]}


def test_a_refusal_that_the_admin_gets_on_the_connection_of_another(company: Company) -> None:
    stranger = company.say(PLAIN, "none", 401, 1)
    admin = company.say(PLAIN, "admin", 401, 1)
    assert breaches(company.evidence()) == {"SEC-015": [(stranger.number, admin.number)]}


def test_a_refusal_that_was_kept_for_the_admin(company: Company) -> None:
    stranger = company.say(PLAIN, "user", 404, 1)
    admin = company.say(PLAIN, "admin", 404, 2)
    assert breaches(company.evidence()) == {"SEC-015": [(stranger.number, admin.number)]}


def test_a_refusal_at_the_same_moment(company: Company) -> None:
    company.say(PLAIN, "none", 401, 1, at=900)
    admin = company.say(PLAIN, "admin", 401, 2, at=900)
    assert breaches(company.evidence()) == {"SEC-015": [(admin.number,)]}


def test_right_answers_are_cases_of_both(company: Company) -> None:
    company.say(PLAIN, "none", 401, 1)
    company.say(PLAIN, "admin", 200, 1)
    company.say(PLAIN, "none", 401, 1)
    evidence = company.evidence()
    assert breaches(evidence) == {}
    assert (cases(evidence, "SEC-014"), cases(evidence, "SEC-015")) == (1, 1)


def test_an_answer_that_was_cut_and_sent_again_is_beside_none(company: Company) -> None:
    company.say(PLAIN, "none", 401)
    admin = company.say(PLAIN, "admin", 200, 1, at=900)
    stranger = company.say(PLAIN, "none", 401, 2, at=900)
    assert company.evidence().company(stranger) == admin
    assert admin.answer is not None
    cut = replace(admin, retries=2, answer=replace(admin.answer, flaw="cut short"))
    company.exchanges[admin.number] = cut
    assert cut.lost
    assert company.evidence().company(stranger) is None


def test_callers_apart_are_no_case(company: Company) -> None:
    company.say(PLAIN, "admin", 200, 1)
    company.say(PLAIN, "none", 401, 2)
    company.say(PLAIN, "admin", 200, 1)
    company.say(query(limit=4), "admin", 200, 1, at=900)
    company.say(query(limit=5), "none", 401, 2, at=900)
    evidence = company.evidence()
    assert (cases(evidence, "SEC-014"), cases(evidence, "SEC-015")) == (0, 0)


@pytest.mark.parametrize("asked", [query(after="cp_unknown"), query(limit=1000), query(facet="proj_unknown")])
def test_what_the_admin_need_not_be_given_is_no_case(company: Company, asked: Query) -> None:
    company.say(asked, "none", 404, 1)
    company.say(asked, "admin", 404, 1)
    evidence = company.evidence()
    assert breaches(evidence) == {}
    assert cases(evidence, "SEC-015") == 0


# How it is asked


def test_callers_share_a_connection_only_where_that_is_asked_for() -> None:
    with Server() as server:
        keys = Keys.of(server.dataset.admin_key, server.dataset.user_key)
        with Client(server.base_url, keys, budget=20, seed=1) as client:
            path = f"/fine_tuning/checkpoints/{server.dataset.checkpoint}/permissions"
            admin, none, user = (Request(path, credential=name) for name in ("admin", "none", "user"))

            def on(request: Request) -> int | None:
                return client.send(request, probe="p").connection

            first, second = on(admin), on(none)
            assert first != second
            assert [on(user), on(admin), on(none)] == [second, first, second]
            mixed = on(replace(none, reconnect=True))
            assert [on(replace(admin, shared=True)), on(replace(user, shared=True))] == [mixed, mixed]
            assert mixed not in {on(admin), on(none)}, "on which both asked, neither asks by itself any more"


class Joined(Behaviour):
    """Requests for the same URL at the same moment get one answer, whoever asks."""

    async def answer(self, request: Asked, /) -> Response:
        """The answer that is under way for the same URL, or an own one."""
        place = request.path, request.query
        if place not in self.memory:
            self.memory[place] = asyncio.ensure_future(self._later(request))
            try:
                response: Response = await self.memory[place]
            finally:
                del self.memory[place]
        else:
            response = await asyncio.shield(self.memory[place])
        return replace(response, headers=list(response.headers))

    async def _later(self, request: Asked) -> Response:
        await asyncio.sleep(0.02)
        return await super().answer(request)


def test_requests_that_are_joined_are_found_whoever_comes_first() -> None:
    result = against(Server(behaviour=Joined()))
    broken = {one.clause for one in result.judgements if one.verdict is Verdict.BROKEN}
    # Who comes first is given the page of the other, or the other its refusal.
    assert broken & {"SEC-014", "SEC-015"}
    assert broken <= {"SEC-014", "SEC-015"}


def test_only_an_answer_to_a_request_that_was_alone_shows_that_those_beside_others_are_right() -> None:
    history = History(permissions(12))
    history.walk(query(limit=100, order=Order.DESCENDING), "control 1", probe="control")
    one, other = history.ask(PLAIN), history.ask(query(limit=4))
    together = history.ask(PLAIN)
    history.exchanges[-1] = replace(together, concurrent=True)
    assert cases(history.evidence(), "PAG-020") == 1
    history.exchanges[one.number] = replace(one, received=other.received)
    evidence = history.evidence()
    assert evidence.alone.isdisjoint({one.number, other.number})
    assert together.number in evidence.alone
    assert cases(evidence, "PAG-020") == 0
