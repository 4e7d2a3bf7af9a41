"""What every fault of the embedded server must show itself on, asked without a wire."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from contracts.mock.app import Behaviour, Request
from contracts.mock.store import Dataset, Permission

REAL_SLEEP = asyncio.sleep
LONG = "x" * 8192


@dataclass(frozen=True)
class Probe:
    query: str = ""
    checkpoint: str | None = None
    """Percent-encoded; ``None`` is the main one."""
    authorization: str | None = "admin"
    together: bool = False
    """Whether it is asked at once with the next one."""
    suffix: str = "/permissions"
    """What stands behind the checkpoint in the path."""


def expected_list(dataset: Dataset, *, ascending: bool = False, project: str | None = None) -> list[Permission]:
    """The list, by another way than the server's."""
    newest_first = sorted(dataset.permissions, key=lambda each: each.id, reverse=True)
    newest_first.sort(key=lambda each: -each.created_at)
    kept = [each for each in newest_first if project in (None, each.project_id)]
    return kept[::-1] if ascending else kept


def pages(dataset: Dataset) -> Iterator[str]:
    """The queries of many walks."""
    projects = [None, *sorted({each.project_id for each in dataset.permissions})]
    for limit in (None, 10, 7, 3, 50, 100, 1):
        for order in (None, "ascending", "descending"):
            for project in projects:
                listed = expected_list(dataset, ascending=order == "ascending", project=project)
                cursors = [None, *(each.id for each in listed[(limit or 10) - 1 :: limit or 10])]
                for after in [*cursors, listed[-1].id]:
                    given = {"limit": limit, "order": order, "project_id": project, "after": after}
                    yield "&".join(f"{name}={value}" for name, value in given.items() if value is not None)


def probes(dataset: Dataset) -> list[Probe]:
    """What every fault must show itself on."""
    ids = [each.id for each in expected_list(dataset)]
    project = dataset.permissions[0].project_id
    foreign = dataset.checkpoints[dataset.other_checkpoint][0].id
    elsewhere = next(each.id for each in expected_list(dataset) if each.project_id != project)
    main = quote(dataset.checkpoint, safe=":")
    admin = dataset.admin_key
    found = [Probe(query) for query in pages(dataset)]
    found += [Probe(f"limit=1&after={cursor}") for cursor in ids] + [Probe(f"limit=1&after={cursor}") for cursor in ids]
    found += [Probe(f"project_id={project}&after={elsewhere}"), Probe("limit=20"), Probe("limit=20"), Probe("limit=57")]
    found += [
        Probe(f"after={foreign}"),
        Probe(f"after={foreign}&project_id={project}"),
        Probe(f"after={foreign}&order=ascending"),
    ]
    queries = [
        "after=cp_none",
        "after=cp_none&order=ascending",
        f"after=cp_none&project_id={project}",
        "project_id=none",
    ]
    queries += [
        "project_id=none&order=ascending",
        "project_id=none&limit=1",
        f"project_id={project[:-1]}",
        "project_id=proj_",
    ]
    queries += [
        f"project_id={project}x",
        f"project_id={project[1:]}",
        f"project_id={project.swapcase()}",
        "project_id=%25",
    ]
    queries += [
        f"project_id={project.swapcase()}&limit=1",
        f"project_id={project[:-1]}&order=ascending",
        "project_id=*",
    ]
    queries += [
        f"project_id=%20{project}",
        "order=sideways",
        "order=ASCENDING",
        "order=",
        f"order=up&project_id={project}",
    ]
    queries += ["limit=ten", "limit=5x", "limit=5.5", "limit=1e1", "limit=0", "limit=-3", "limit=", f"limit=-{10**19}"]
    queries += [
        f"limit={10**10}",
        f"limit={10**30}",
        "after=%00",
        "project_id=%01",
        "after=%FF",
        f"project_id={quote('😀')}",
        f"after={LONG}",
    ]
    queries += ["after='", "project_id='", 'project_id="', "project_id=", "limit=3&limit=4", "unknown=1", "after=%5C"]
    queries += ["project_id=%20", "project_id=.*", "unknown", "order=%00", "limit=%FF"]
    for query in queries:
        found.append(Probe(query))
    unknown = [
        "ft:none",
        "none",
        main[:-1],
        main + "x",
        main.swapcase(),
        main.replace(":", "%3A"),
        main.replace(":", "%3a"),
    ]
    unknown += [
        quote(dataset.other_checkpoint),
        quote(dataset.empty_checkpoint),
        "a%2Fb",
        "%2E%2E",
        "a%20b",
        "%C3%BC",
        "x" * 1024,
    ]
    found += [Probe("", checkpoint=checkpoint) for checkpoint in unknown]
    found += [
        Probe(query, checkpoint="ft:none")
        for query in ("limit=1", "order=ascending", f"project_id={project}", f"after={ids[0]}")
    ]
    found += [
        Probe("", checkpoint=main.rpartition(":")[0]),
        Probe("", checkpoint=quote(quote(main, safe=""))),
        Probe("", checkpoint=quote(main, safe=""), authorization=None),
        Probe("", checkpoint=quote(dataset.other_checkpoint), authorization="user"),
        Probe("", checkpoint=quote(dataset.empty_checkpoint), authorization="user"),
        Probe(f"project_id={project}", checkpoint=quote(dataset.other_checkpoint)),
        Probe("project_id=null"),
    ]
    found += [Probe(f"after={ids[0]}", checkpoint=main.swapcase()), Probe("", checkpoint=main[:-1])]
    basic = base64.b64encode(f"{admin}:".encode()).decode()
    headers = [
        None,
        "Bearer",
        "Bearer unknown",
        "Bearer sk-unknown",
        f"Basic {basic}",
        "Basic !",
        f"Token {admin}",
        admin,
    ]
    headers += [
        f"Bearer {admin[:-1]}",
        f"Bearer {admin}x",
        f"Bearer {admin.swapcase()}",
        f"Bearer {admin[:-4]}zzzz",
        f"Bearer {admin[:-1]}~",
        f"Bearer ~{admin[1:]}",
        "Bearer null",
        "user",
    ]
    headers += ["Bearer two words", "Bearer \u00fc"]
    queries = ["", f"project_id={project}", f"after={ids[3]}", "order=ascending", "limit=1"]
    for header in headers:
        for query in queries:
            found += [Probe(query), Probe(query, authorization=header), Probe(query, authorization=header)]
    for suffix in ("//permissions", "/permissions/", "/permissions;x=y", "/Permissions"):
        found += [Probe("", suffix=suffix, authorization=None), Probe("", suffix=suffix, authorization="user")]
    found += [Probe(f"{name}={admin}", authorization=None) for name in ("api_key", "key", "token", "access_token")]
    for query in (
        f"project_id={project}",
        "order=ascending",
        f"limit=3&after={ids[4]}",
        "limit=1",
        f"after={ids[-1]}",
        f"after={ids[33]}",
    ):
        found += [Probe(query, together=True), Probe("limit=12")] * 6
    return found


def request_of(dataset: Dataset, number: int, probe: Probe) -> Request:
    known = {"admin": f"Bearer {dataset.admin_key}", "user": f"Bearer {dataset.user_key}"}
    checkpoint = probe.checkpoint or quote(dataset.checkpoint, safe=":")
    value = known.get(probe.authorization or "", probe.authorization)
    headers = (("host", "127.0.0.1"), *(() if value is None else (("authorization", value),)))
    path = f"/v1/fine_tuning/checkpoints/{checkpoint}{probe.suffix}"
    return Request(number, "GET", path, probe.query, headers)


async def answers(behaviour: Behaviour, dataset: Dataset, asked: list[Probe]) -> Any:
    behaviour.bind(dataset)
    waiting: list[Any] = []
    for number, probe in enumerate(asked, 1):
        waiting.append(behaviour.answer(request_of(dataset, number, probe)))
        if not probe.together:
            for each in await asyncio.gather(*waiting, return_exceptions=True):
                if isinstance(each, BaseException) and not isinstance(each, HangError):
                    raise each
                yield each
            waiting.clear()


class HangError(Exception):
    """Stands for an answer that never comes."""


async def yield_at_once(seconds: float) -> None:
    if seconds > 60:
        raise HangError
    await REAL_SLEEP(0)
