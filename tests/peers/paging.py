"""What clients make of a list: openai for Python, sync and async, and openai for Node, page after page to the end."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import openai

SCRIPT = Path(__file__).parent / "paging.mjs"
PYTHON, PYTHON_ASYNC, NODE = "openai for Python", "openai for Python, async", "openai for Node"


@dataclass(frozen=True)
class Walk:
    """One walk through a list: ``within`` names what the list belongs to, ``most`` is after how many items it is left.

    ``once`` asks for one page alone.
    """

    base_url: str
    list: str
    within: str = ""
    options: Mapping[str, str | int] = field(default_factory=dict)
    most: int = 1_000
    once: bool = False


@dataclass(frozen=True)
class Walked:
    """The ids that a client gave to its user, and the name of the error that it raised, if it did."""

    ids: tuple[str | None, ...]
    error: str = ""


def _arguments(walk: Walk) -> tuple[list[str], dict[str, Any]]:
    return [walk.within] if walk.within else [], dict(walk.options)


def _method(client: Any, walk: Walk) -> Callable[..., Any]:
    for name in walk.list.split("."):
        client = getattr(client, name)
    method: Callable[..., Any] = client.list
    return method


def _settings(walk: Walk, key: str) -> dict[str, Any]:
    return {"base_url": walk.base_url, "api_key": key, "admin_api_key": key, "max_retries": 0, "timeout": 20.0}


def with_python(walks: Sequence[Walk], key: str) -> list[Walked]:
    return [_walked(walk, key) for walk in walks]


def _walked(walk: Walk, key: str) -> Walked:
    ids: list[str | None] = []
    words, options = _arguments(walk)
    with openai.OpenAI(**_settings(walk, key)) as client:
        try:
            page = _method(client, walk)(*words, **options)
            for item in page.data if walk.once else page:
                ids.append(getattr(item, "id", None))
                if len(ids) >= walk.most:
                    break
        except Exception as error:  # noqa: BLE001 - which one is what is asked
            return Walked(tuple(ids), type(error).__name__)
    return Walked(tuple(ids))


def with_python_async(walks: Sequence[Walk], key: str) -> list[Walked]:
    async def every() -> list[Walked]:
        return [await _walked_async(walk, key) for walk in walks]

    return asyncio.run(every())


async def _walked_async(walk: Walk, key: str) -> Walked:
    ids: list[str | None] = []
    words, options = _arguments(walk)
    async with openai.AsyncOpenAI(**_settings(walk, key)) as client:
        try:
            page = await _method(client, walk)(*words, **options)
            if walk.once:
                return Walked(tuple(getattr(item, "id", None) for item in page.data))
            async for item in page:
                ids.append(getattr(item, "id", None))
                if len(ids) >= walk.most:
                    break
        except Exception as error:  # noqa: BLE001 - whatever a peer does, it is reported
            return Walked(tuple(ids), type(error).__name__)
    return Walked(tuple(ids))


def with_node(walks: Sequence[Walk], key: str, modules: Path) -> list[Walked]:
    """The same with openai for Node, which is installed there."""
    script = modules.parent / SCRIPT.name
    script.write_bytes(SCRIPT.read_bytes())
    asked = json.dumps({"key": key, "walks": [asdict(walk) for walk in walks]})
    done = subprocess.run(["node", str(script)], input=asked, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return [Walked(tuple(each["ids"]), each["error"]) for each in json.loads(done.stdout)]


def made_of(walked: Walked, listed: Sequence[str], most: int) -> str:
    """What a client made of a list that holds these items, in few words."""
    ids = [id_ for id_ in walked.ids if id_ in set(listed)]
    distinct = len(set(ids))
    parts = []
    if len(walked.ids) >= most:
        parts.append("never ends")
    elif distinct < len(listed):
        parts.append(f"stops after {distinct}")
    if len(ids) > distinct and len(walked.ids) < most:
        parts.append(f"gives {len({id_ for id_ in ids if ids.count(id_) > 1})} twice")
    if len(ids) < len(walked.ids):
        parts.append(f"{len(walked.ids) - len(ids)} without a right id")
    if walked.error:
        parts.append(f"raises {walked.error}")
    if not parts and list(walked.ids) != list(listed):
        parts.append("all, in another order")
    return ", ".join(parts) or "all, in order"
