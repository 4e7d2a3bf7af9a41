"""What was found on each system, as data and as the tables of `docs/peers.md`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
FOUND = HERE / "found.json"
PAGE = HERE.parents[1] / "docs" / "peers.md"
_TABLE = re.compile(r"<!-- found -->\n(.*?)<!-- end -->\n", re.DOTALL)


@dataclass(frozen=True)
class Verdicts:
    """What became of a list: the clauses that are broken and warned of, and how many are kept."""

    broken: tuple[str, ...]
    warned: tuple[str, ...]
    kept: int


@dataclass(frozen=True)
class Found:
    """What was found on a system, in one version."""

    version: str
    lists: dict[str, Verdicts]


def read() -> dict[str, Found]:
    data = json.loads(FOUND.read_text(encoding="utf-8")) if FOUND.exists() else {}
    return {
        name: Found(
            one["version"],
            {
                key: Verdicts(tuple(each["broken"]), tuple(each["warned"]), each["kept"])
                for key, each in one["lists"].items()
            },
        )
        for name, one in data.items()
    }


def write(name: str, version: str, lists: Mapping[str, Verdicts]) -> None:
    """Write down what was found on a system, also into the page."""
    known = read() | {name: Found(version, dict(lists))}
    text = json.dumps({key: asdict(one) for key, one in sorted(known.items())}, indent=2)
    FOUND.write_text(f"{text}\n", encoding="utf-8")
    if name in sections():
        before = sections()[name]
        after = _TABLE.sub(lambda _: f"<!-- found -->\n{table(known[name])}<!-- end -->\n", before)
        PAGE.write_text(PAGE.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")


def sections() -> dict[str, str]:
    """The sections of the page by their headings."""
    _, *parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {part.partition("\n")[0]: part for part in parts}


def parted(section: str) -> tuple[str, str]:
    """The table of a section, and all else that it says."""
    (found,) = _TABLE.findall(section)
    return found, _TABLE.sub("", section)


def table(found: Found) -> str:
    rows = [
        f"| {name} | {' '.join(each.broken) or '–'} | {' '.join(each.warned) or '–'} | {each.kept} |\n"
        for name, each in found.lists.items()
    ]
    return f"| {found.version} | broken | warned | kept |\n|---|---|---|--:|\n{''.join(rows)}"


def differences(known: Found, version: str, lists: Mapping[str, Verdicts]) -> list[str]:
    """What is not as it was, a line each."""
    lines = []
    for name, each in lists.items():
        before = known.lists[name]
        for what, old, new in (("broken", before.broken, each.broken), ("warned", before.warned, each.warned)):
            lines += [f"{name}: {id_} is {what} in {version}" for id_ in sorted(set(new) - set(old))]
            lines += [f"{name}: {id_} is no longer {what} in {version}" for id_ in sorted(set(old) - set(new))]
    return lines
