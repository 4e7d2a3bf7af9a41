"""The embedded server is right, each fault is wrong, each variant is consistent."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import re
import socket
import threading
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import urllib3
from openai import OpenAI
from showing import HangError, Probe, answers, expected_list, probes, request_of, yield_at_once

from contracts.mock.app import Behaviour, Request
from contracts.mock.faults import EVERY_FAULT, FAULTS, open_fault
from contracts.mock.faults.declare import Fault
from contracts.mock.server import Server
from contracts.mock.store import Dataset, Permission, seeded
from contracts.mock.variants import EVERY_VARIANT, VARIANTS, Variant, composed, open_variant


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "sleep", yield_at_once)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return seeded()


@pytest.fixture(scope="module")
def asked(dataset: Dataset) -> list[Probe]:
    return [*probes(dataset), *closer(dataset)]


def wide(text: str) -> str:
    """The same in letters of full width, percent-encoded."""
    return quote("".join(chr(ord(each) + 0xFEE0) for each in text))


def near(name: str) -> list[str]:
    """What is almost an id, percent-encoded: it finds nothing, unless it is changed before it is compared."""
    return [
        f"%20{quote(name)}%20",
        f"{quote(name)}%20",
        f"{quote(name)}{'%20' * 255}x",
        f"{quote(name)}%00",
        f"{quote(name)}%00x",
        f"{quote(name)}%09",
        f"{quote(name)}%0D%0A",
        wide(name),
        quote(f"{name[0]}\u0301{name[1:]}"),
        f"{quote(name)},none",
        f"%25{ord(name[0]):02X}{quote(name[1:])}",
        f"{quote(name)}%0A",
        f"{quote(name)}%27%20OR%20%271%27%3D%271",
        f"{quote(name)}%E2%80%8B",
        f"%22{quote(name)}%22",
        f"{quote(name)}:x",
        f"x%2F{quote(name)}",
        quote(name.partition("_")[2] or name[1:]),
        "%25",
        "0",
    ]


def closer(dataset: Dataset) -> list[Probe]:
    """Ids that are nearly right, other writings of numbers, and parameters in other orders."""
    project = dataset.permissions[0].project_id
    queries = [f"project_id={each}" for each in near(project)]
    queries += [f"limit={each}" for each in ("%2B5", "05", "%205", "5%20", "5.0", "%D9%A3", "%EF%BC%95", "%C2%B2")]
    queries += [
        "order=ascending&limit=3",
        "order=descending&limit=3",
        f"project_id={project}&order=ascending&limit=3",
        f"limit=3&project_id={project}&order=ascending",
    ]
    queries += ["after%5B%5D=x", "project_id", "limit=2&&order=descending", "project_id=%zz&after=%"]
    queries += [f"project_id={each}" for each in ("__proto__", f"{project}%FF%FE%ED%A0%80", f"{project}%26x")]
    queries += [
        f"after={each}" for each in ("%5B%28%2A%2B%3F%5E%7C~%7B%7B7%2A7%7D%7D", "9" * 20, "%ED%A0%80", "%EF%BF%BF")
    ]
    without_key = Probe("", authorization=None, suffix="/permissions.json")
    return [
        *map(Probe, queries),
        *(Probe("", checkpoint=each) for each in near(dataset.checkpoint)),
        without_key,
        Probe("project_id=proj_unknown", authorization=None),
    ]


ACCEPTED = (
    "*/*",
    "application/json",
    "application/json, text/plain;q=0.5",
    "text/html;q=0.1, application/json",
    "application/xml;q=0.1, application/json",
    "text/html",
)


def batches(dataset: Dataset) -> Iterator[list[Request]]:
    """What a probe can't say, each list asked at once: what is accepted, and two callers for the same page."""
    for query in ("", "limit=3", "limit=none"):
        plain = request_of(dataset, 1, Probe(query))
        for accepted in ACCEPTED:
            yield [replace(plain, headers=(*plain.headers, ("accept", accepted)))]
        for other in ("user", None, "Bearer sk-unknown"):
            stranger = request_of(dataset, 1, Probe(query, authorization=other))
            yield [plain, replace(stranger, connection=1)]
            yield [replace(stranger, connection=1), plain]


async def all_answers(behaviour: Behaviour, dataset: Dataset, asked: list[Probe]) -> AsyncIterator[object]:
    """The answers to the probes, and behind them those to the batches."""
    async for each in answers(behaviour, dataset, asked):
        yield each
    number = len(asked)
    for batch in batches(dataset):
        numbered = [replace(request, number=number + place) for place, request in enumerate(batch, 1)]
        number += len(batch)
        for answer in await asyncio.gather(*map(behaviour.answer, numbered), return_exceptions=True):
            if isinstance(answer, BaseException) and not isinstance(answer, HangError):
                raise answer
            yield answer


@pytest.fixture(scope="module")
def right(dataset: Dataset, asked: list[Probe]) -> list[object]:
    async def collect() -> list[object]:
        return [each async for each in all_answers(Behaviour(), dataset, asked)]

    return asyncio.run(collect())


@pytest.mark.usefixtures("no_waiting")
def test_the_right_server_does_not_differ(dataset: Dataset, asked: list[Probe], right: list[object]) -> None:
    """Else every fault would differ, whatever it does."""

    async def collect() -> list[object]:
        return [each async for each in all_answers(Behaviour(), dataset, asked)]

    assert asyncio.run(collect()) == right


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_differs(fault: Fault, dataset: Dataset, asked: list[Probe], right: list[object]) -> None:
    async def first_difference() -> int | None:
        number = 0
        async for each in all_answers(fault.behaviour(), fault.dataset() if fault.dataset else dataset, asked):
            if each != right[number]:
                return number
            number += 1
        return None

    assert asyncio.run(first_difference()) is not None


def test_faults_cover_every_clause_twice() -> None:
    """The last number of each family; of the advisory clauses one fault is enough."""
    last = {"ENV": 8, "ITM": 11, "PAG": 25, "ORD": 7, "FLT": 7, "SCO": 4, "HTP": 7, "SEC": 15, "INP": 9}
    last |= {"PRV": 5, "TOK": 8}
    clauses = {f"{family}-{number:03}" for family, count in last.items() for number in range(1, count + 1)}
    counted = Counter(fault.clause for fault in EVERY_FAULT.values())
    assert set(counted) == clauses
    assert {clause for clause in clauses if counted[clause] < 2} == set()


def test_sentences_are_sentences() -> None:
    sentences = {name: fault.sentence for name, fault in EVERY_FAULT.items()}
    sentences |= {name: variant.sentence for name, variant in EVERY_VARIANT.items()}
    for name, sentence in sentences.items():
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name)
        assert re.fullmatch(r"([A-Z0-9`]|limit=)[^\n]*\.", sentence), name


def test_of_an_unknown_name_the_closest_is_said() -> None:
    with pytest.raises(LookupError, match=r"'has-more-alway'.*'has-more-always'"):
        open_fault("has-more-alway")
    with pytest.raises(LookupError, match=r"'cap20'.*'cap-20'"):
        open_variant("cap20")


def test_fault_on_another_base_keeps_both() -> None:
    """A fault of the pages, on a server that words its errors in another way."""
    dataset = seeded()
    base = VARIANTS["wrong-parameters-422"].behaviour
    for name in ("has-more-always", "has-more-always-one-project"):
        behaviour = FAULTS[name].behaviour(base)
        behaviour.bind(dataset)
        owners = Counter(each.project_id for each in dataset.permissions)
        query = f"limit=100&project_id={owners.most_common()[-1][0]}"
        page = asyncio.run(behaviour.answer(request_of(dataset, 1, Probe(query))))
        error = asyncio.run(behaviour.answer(request_of(dataset, 2, Probe("limit=none"))))
        assert json.loads(page.body)["has_more"] is True
        assert error.status == 422


def test_variants_add_up() -> None:
    dataset = seeded()
    behaviour = composed("no-first-id", "more-properties", "cap-20", "charset-given", "chunked", "size-30")()
    behaviour.bind(dataset)
    answer = asyncio.run(behaviour.answer(request_of(dataset, 1, Probe("limit=50"))))
    page = json.loads(answer.body)
    assert (len(page["data"]), "first_id" in page, "links" in page, answer.chunks) == (20, False, True, 17)
    assert ("Content-Type", "application/json; charset=utf-8") in answer.headers
    with pytest.raises(LookupError, match="cap-20"):
        composed("cap-21")


# --- over the wire


Query = dict[str, str | int | None]
RETRY = urllib3.Retry(total=20, redirect=5, status_forcelist=[429, 503], respect_retry_after_header=True)


class CursorGoneError(Exception):
    """The item that a walk stood at was taken away."""


class Client:
    """Asks one server, with its admin key unless told otherwise."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.pool = urllib3.PoolManager(retries=RETRY, maxsize=8, timeout=60.0)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.clear()

    def get(
        self,
        query: Query | None = None,
        *,
        checkpoint: str | None = None,
        headers: dict[str, str] | None = None,
        method: str = "GET",
    ) -> urllib3.BaseHTTPResponse:
        dataset = self.server.dataset
        name = quote(dataset.checkpoint if checkpoint is None else checkpoint, safe="")
        given = {key: str(value) for key, value in (query or {}).items() if value is not None}
        url = f"{self.server.base_url}/fine_tuning/checkpoints/{name}/permissions?{urlencode(given)}"
        headers = {"Authorization": f"Bearer {dataset.admin_key}"} if headers is None else headers
        return self.pool.request(method, url, headers={"Accept-Encoding": "gzip, deflate", **headers})

    def walk(self, query: Query | None = None, *, checkpoint: str | None = None) -> list[dict[str, Any]]:
        """All items, read as a client reads them."""
        query = query or {}
        items: list[dict[str, Any]] = []
        after = None
        while True:
            answer = self.get({**query, "after": after}, checkpoint=checkpoint)
            if after and answer.status == 400:
                raise CursorGoneError(after)
            assert answer.status == 200, answer.data
            page = answer.json()
            items += page["data"]
            assert len(page["data"]) <= int(str(query.get("limit") or 10))
            if not page["has_more"]:
                return items
            after = page["data"][-1]["id"]
            assert page.get("last_id", after) == after


@pytest.fixture(scope="module")
def running() -> Iterator[Client]:
    with Server() as server, Client(server) as client:
        yield client
        assert server.crashes == []


def as_items(permissions: list[Permission]) -> list[dict[str, Any]]:
    return [{"object": "checkpoint.permission", **asdict(each)} for each in permissions]


@pytest.mark.parametrize("order", [None, "ascending", "descending"])
@pytest.mark.parametrize("limit", [None, 1, 2, 3, 7, 9, 10, 11, 19, 56, 57, 58, 99, 100])
def test_right_server_walks(running: Client, limit: int | None, order: str | None) -> None:
    dataset = running.server.dataset
    for project in (None, *sorted({each.project_id for each in dataset.permissions})):
        expected = as_items(expected_list(dataset, ascending=order == "ascending", project=project))
        assert running.walk({"limit": limit, "order": order, "project_id": project}) == expected


def test_right_server_pages_follow_every_item(running: Client) -> None:
    dataset = running.server.dataset
    project = dataset.permissions[0].project_id
    for ascending in (False, True):
        listed = expected_list(dataset, ascending=ascending)
        for place, each in enumerate(listed, 1):
            for owner in (None, project):
                follows = [other for other in listed[place:] if owner in (None, other.project_id)]
                order = "ascending" if ascending else "descending"
                page = running.get({"after": each.id, "order": order, "project_id": owner, "limit": 7}).json()
                assert page == {
                    "object": "list",
                    "data": as_items(follows[:7]),
                    "first_id": follows[0].id if follows else None,
                    "last_id": follows[:7][-1].id if follows else None,
                    "has_more": len(follows) > 7,
                }


def test_right_server_at_once(running: Client) -> None:
    queries: list[Query] = [
        {"limit": limit, "order": order} for limit in range(1, 21) for order in ("ascending", "descending")
    ]
    one_by_one = [running.get(query).data for query in queries]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda query: running.get(query).data, queries)) == one_by_one


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "9" * 400}, "limit"),
        ({"limit": "1_0"}, "limit"),
        ({"limit": "٣"}, "limit"),
        ({"limit": " 3"}, "limit"),
        ({"limit": "3.0"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"order": "asc"}, "order"),
        ({"order": "Ascending"}, "order"),
        ({"order": ""}, "order"),
        ({"after": ""}, "after"),
        ({"after": "cp_none"}, "after"),
        ({"after": "\0"}, None),
    ],
)
def test_right_server_refuses(running: Client, query: Query, param: str | None) -> None:
    answer = running.get(query)
    assert answer.status == 400
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param


def test_right_server_refuses_what_cannot_be_encoded(running: Client) -> None:
    base = f"{running.server.base_url}/fine_tuning/checkpoints"
    headers = {"Authorization": f"Bearer {running.server.dataset.admin_key}"}
    main = quote(running.server.dataset.checkpoint)
    for target, status in {
        f"{main}/permissions?after=%FF": 400,
        f"{main}/permissions?limit=1&limit=2": 400,
        f"{main}/permissions?unknown=%F0%9F%98%80&other": 200,
        "%FF/permissions": 400,
        "%00/permissions": 400,
        "a%2Fb/permissions": 404,
        f"{main}%2Fpermissions": 404,
        f"{main}/permissions/": 404,
        "": 404,
    }.items():
        answer = running.pool.request("GET", f"{base}/{target}", headers=headers)
        assert (target, answer.status) == (target, status)
        assert status == 200 or "message" in answer.json()["error"]


def test_right_server_knows_its_checkpoints(running: Client) -> None:
    dataset = running.server.dataset
    other = running.walk(checkpoint=dataset.other_checkpoint)
    assert len(other) == 12
    assert {each["id"] for each in other}.isdisjoint(each.id for each in dataset.permissions)
    owners = {each["project_id"] for each in other}
    assert owners & {each.project_id for each in dataset.permissions}
    assert running.get(checkpoint=dataset.empty_checkpoint).json() == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }
    for unknown in ("ft:none", dataset.checkpoint[:-1], dataset.checkpoint.upper(), dataset.checkpoint + "x"):
        assert running.get(checkpoint=unknown).status == 404
    assert running.get({"project_id": "proj_none"}).json()["data"] == []


def test_right_server_lets_in_the_admin_key_only(running: Client) -> None:
    admin, user = running.server.dataset.admin_key, running.server.dataset.user_key
    basic = base64.b64encode(f"{admin}:".encode()).decode()
    for value in ("Bearer", f"Bearer {admin[:-1]}", f"Bearer {admin}x", f"Bearer {admin.swapcase()}", admin):
        assert running.get(headers={"Authorization": value}).status == 401
    for value in (f"Basic {basic}", f"Token {admin}", f"Bearer {admin} x", f"Bearer x {admin}", ""):
        answer = running.get(headers={"Authorization": value})
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert running.get(headers={}).status == 401
    assert running.get({"api_key": admin}, headers={}).status == 401
    assert running.get(headers={"Authorization": f"Bearer {user}"}).status == 403
    assert running.get(headers={"Authorization": f"bearer {admin}"}).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "HEAD"])
def test_right_server_answers_get_only(running: Client, method: str) -> None:
    answer = running.get(method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")


def test_right_answers_are_not_stored(running: Client) -> None:
    answer = running.get()
    assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("application/json", "no-store")


def test_log_shows_the_wire_and_no_key() -> None:
    with Server() as server, Client(server) as client:
        client.get({"limit": 3, "api_key": server.dataset.admin_key})
        client.get(headers={"X-Other": "1"})
    first, second = server.log
    assert (first.method, first.query, first.status) == ("GET", "limit=3&api_key=[key]", 200)
    assert (second.status, "x-other" in second.header_names) == (401, True)
    assert ["authorization" in each.header_names for each in server.log] == [True, False]
    for text in (repr(server.log), repr(server.dataset), str(vars(server))):
        assert server.dataset.admin_key not in text
        assert server.dataset.user_key not in text


def test_official_client_reads_everything(running: Client) -> None:
    dataset = running.server.dataset
    with OpenAI(api_key=dataset.admin_key, base_url=running.server.base_url) as client:
        permissions = client.fine_tuning.checkpoints.permissions
        for limit in (1, 10, 100):
            listed = permissions.list(dataset.checkpoint, limit=limit, order="ascending")
            assert [each.id for each in listed] == [each.id for each in expected_list(dataset, ascending=True)]


def test_server_ends_and_frees_its_port() -> None:
    before = set(threading.enumerate())
    server = Server().start()
    port = int(server.base_url.rsplit(":", 1)[1].removesuffix("/v1"))
    with Client(server) as client:
        assert client.get().status == 200
        with pytest.raises(RuntimeError, match="running"):
            server.start()
        server.stop()
        server.stop()
    assert set(threading.enumerate()) == before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))
    with Server(port=port) as again, pytest.raises(OSError, match="in use"):
        Server(port=int(again.base_url.rsplit(":", 1)[1].removesuffix("/v1"))).start()


def test_no_connection_stays_open_that_comes_while_the_server_ends() -> None:
    ended = threading.Event()
    opened: list[socket.socket] = []

    def connect() -> None:
        while not ended.is_set():
            with suppress(OSError):
                opened.append(socket.create_connection(("127.0.0.1", port), timeout=1))

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(20):
            ended.clear()
            with Server(seeded(size=1)) as server:
                port = int(server.base_url.split(":")[2].partition("/")[0])
                client = threading.Thread(target=connect)
                client.start()
                while len(opened) < 5:
                    ended.wait(0.001)
            ended.set()
            client.join()
            while opened:
                opened.pop().close()
            gc.collect()
    assert [str(one.message) for one in told if "unclosed transport" in str(one.message)] == []


def test_server_ends_while_it_answers() -> None:
    """A request that hangs does not keep the server."""
    with open_fault("nul-hangs") as server, ThreadPoolExecutor(1) as threads, Client(server) as client:
        asked = threads.submit(lambda: client.get({"after": "\0"}))
        while not server.behaviour.in_flight:
            pass
        server.stop()
        with pytest.raises(urllib3.exceptions.HTTPError):
            raise_for_failure(asked.result())


def raise_for_failure(answer: urllib3.BaseHTTPResponse) -> None:
    if answer.status >= 500:
        raise urllib3.exceptions.HTTPError(answer.status)


@pytest.mark.parametrize("name", ["cut-short", "cut-by-one", "chunks-without-end", "gzip-announced"])
def test_broken_bodies_break_on_the_wire(name: str) -> None:
    with open_fault(name) as server, Client(server) as client:
        client.pool.connection_pool_kw["retries"] = False
        with pytest.raises(urllib3.exceptions.HTTPError):
            client.get()


# --- data and variants


def test_data_are_the_same_every_time() -> None:
    assert seeded() == seeded()
    assert seeded(seed=1) != seeded(seed=2)
    assert seeded(seed=1).admin_key != seeded(seed=2).admin_key


@pytest.mark.parametrize("size", [11, 57, 100])
def test_ties_straddle_pages(size: int) -> None:
    dataset = seeded(size=size)
    for ascending in (False, True):
        moments = [each.created_at for each in expected_list(dataset, ascending=ascending)]
        for page in (7, 10):
            assert all(moments[place - 1] == moments[place] for place in range(page, size, page))
        assert len(set(moments)) > size // 5
        assert max(moments) < 1_735_689_600


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_variant_walks(variant: Variant) -> None:
    with open_variant(variant.name) as server, Client(server) as client:
        if variant.moving:
            check_moving(client)
        else:
            check_standing(client)
        assert server.crashes == []


def check_standing(client: Client) -> None:
    dataset = client.server.dataset
    owners = sorted({each.project_id for each in dataset.permissions})
    queries: list[Query] = [{}, {"order": "ascending"}]
    queries += [{"project_id": owner, "limit": 7} for owner in owners[:3]]
    for query in queries:
        walked = client.walk(query)
        times = [each["created_at"] for each in walked]
        assert times == sorted(times, reverse="order" not in query)
        wanted = [each.id for each in dataset.permissions if query.get("project_id") in (None, each.project_id)]
        assert sorted(each["id"] for each in walked) == sorted(wanted)
    assert len(client.walk(checkpoint=dataset.other_checkpoint)) == 12
    assert client.get(headers={}).status in {400, 401, 403, 404}


def check_moving(client: Client) -> None:
    """What stands in the list from the first page to the last is in the walk, once."""
    states = client.server.behaviour.memory.setdefault("states", [client.server.dataset.permissions])
    for limit in (2, 9, 30):
        first = len(states) - 1
        try:
            ids = [each["id"] for each in client.walk({"order": "ascending", "limit": limit})]
        except CursorGoneError:
            continue
        stable = set.intersection(*({each.id for each in state} for state in states[first:]))
        assert len(ids) == len(set(ids))
        assert stable <= set(ids)
    assert len(states) > 1
