"""The kill matrix of other lists: faults and variants on one operation of each style.

``python tests/self/style_matrix.py`` runs what `chosen` names and writes it down, as data and as a page;
``--all`` runs every fault and variant, ``--missing`` what is not written down as caught, names of styles those alone.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

from listed import (
    ADDRESSES,
    ARRAY,
    BOUNDS,
    FILTERS,
    FIXED_ORDER,
    FLAGS,
    ID_CURSOR,
    NO_ORDER,
    ONE_PARAMETER,
    TOKEN,
    TOKEN_ALONE,
    TOKENS_BOTH_WAYS,
    written,
)

from contracts.clauses.registry import clauses, find
from contracts.core.model import Capability
from contracts.core.result import Result, Verdict
from contracts.mock.faults import EVERY_FAULT, Fault
from contracts.mock.server import Server
from contracts.mock.variants import EVERY_VARIANT, Variant
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.runs import live
from contracts.runs.serving import shape
from contracts.runs.target import described
from contracts.settings.choosing import choose

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).with_name("styles.json")
PAGE = ROOT / "docs" / "styles.md"
STYLES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "both-ways": ("id cursor with `before`, order and filter, no parent", ID_CURSOR),
    "starting-after": ("id cursor `starting_after`, no order, one parent", NO_ORDER),
    "two-parents": ("`after_id`, `before_id`, two parents, RFC 3339, `x-api-key`, fixed order", FIXED_ORDER),
    "token-flag": ("token and `has_more`, items without ids, a required parameter", TOKEN),
    "token-alone": ("token without `has_more`, order, filter, RFC 3339", TOKEN_ALONE),
    "tokens-both-ways": ("tokens of both directions, order, filter, one parent", TOKENS_BOTH_WAYS),
    "one-parameter": ("tokens of both directions in one parameter, no flag", ONE_PARAMETER),
    "filters": ("id cursor with order, several filters", FILTERS),
    "bounds": ("id cursor, filters that bound times", BOUNDS),
    "array": ("id cursor, the answer is the array itself", ARRAY),
    "addresses": ("token within the address of the next page, one parent", ADDRESSES),
    "flags": ("id cursor with order, a flag and a number as filters", FLAGS),
}
"""Each style by its name: what it is, and a document of one such operation."""
REQUESTS = "150"
_ONE_IN = 10
"""So many styles share the variants that need none."""
_EVERY_OTHER = 2
KINDS = ("caught", "elsewhere", "hidden", "missed")
NEEDS: Mapping[str, Capability] = {
    "created-at-a-date": Capability.UNIX_TIME,
    "has-more-twice": Capability.HAS_MORE,
    "long-value-shows-other-checkpoint": Capability.SCOPE,
    "merged-slashes-need-no-rights": Capability.ADMIN,
    "note-cut-in-ascending-order": Capability.ORDER,
    "order-shared": Capability.ORDER,
    "path-in-a-page": Capability.SCOPE,
    "percent-in-project-shows-all": Capability.OPEN_FILTER,
    "project-shared": Capability.FILTER,
    "quote-in-cursor-shows-all": Capability.SCOPE,
    "quote-in-project-shows-all": Capability.SCOPE,
    "repeated-name-shows-other-checkpoint": Capability.SCOPE,
    "token-keeps-its-filter": Capability.FILTER,
    "token-names-its-list": Capability.SCOPE,
    "token-of-another-filter-crashes": Capability.FILTER,
    "token-without-a-key": Capability.KEY,
    "whole-list-loses-a-project": Capability.ORDER,
}
"""What faults need beside what their clauses require: without it they change answers, and break nothing."""
NOT_WRONG: Mapping[tuple[str, str], str] = {
    ("filters", "second-filter-ignores-case"): "the second filter takes three words alone",
    ("both-ways", "far-item-lost-on-small-pages"): "so few requests do not come to the thousandth item",
    ("filters", "far-item-lost-on-small-pages"): "so few requests do not come to the thousandth item",
    ("flags", "far-item-lost-on-small-pages"): "so few requests do not come to the thousandth item",
    ("token-alone", "quote-in-cursor-shows-all"): "the oldest items come first there, and all of them are of this list",
    ("bounds", "twenty-are-nineteen"): "the document names no size of a page without a limit",
}
"""What is no breach on a style, and why."""
_OF_AN_ID = ("project-id-empty", "project-id-of-first")
"""How faults begin that break the id of something: what filters compare elsewhere may be empty, and may change."""
_IN_SEVERAL_LISTS = frozenset({"newest-shared"})
"""What is right where an item may be in the lists of several parents, and names none."""
_DEFAULT_OF_20 = frozenset({"small-limit-is-20"})
"""What is right where a page without a limit has 20 items or more."""
ALWAYS = frozenset(
    {
        ("both-ways", "created-last-page"),
        ("token-flag", "slash-in-checkpoint-crashes"),
        ("token-flag", "changes-anywhere"),
        ("two-parents", "anonymous-sent-to-login"),
        ("token-alone", "bytes-that-are-no-text-dropped"),
        ("one-parameter", "capped-and-done"),
        ("two-parents", "limit-0-is-everything"),
        ("two-parents", "negative-limit-loses-its-sign"),
        ("two-parents", "above-cap-default"),
        ("array", "huge-limit-is-small"),
        ("array", "limit-read-as-octal"),
        ("array", "creator-with-wrong-tags"),
        ("array", "documented-properties"),
    }
)
"""Faults and variants of a style that are in every selection: each has shown something that no other does."""
_HANGS = frozenset({"nul-hangs"})
"""Faults whose runs last as long as the client waits."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A fault or a variant on the operation of a style."""

    style: str
    kind: str
    name: str


def strict(data: dict[str, Any]) -> dict[str, Any]:
    """A document that requires all properties, and lets the ids of an empty page be null."""
    made = copy.deepcopy(data)
    _require(made["components"]["schemas"]["Thing"])
    for path in made["paths"].values():
        _require(path["get"]["responses"]["200"]["content"]["application/json"]["schema"])
    return made


def _require(schema: dict[str, Any]) -> None:
    properties = schema.get("properties", {})
    for name in {"first_id", "last_id"} & properties.keys():
        properties[name] = {"type": ["string", "null"]}
    schema["required"] = [name for name in properties if name not in {"first_id", "last_id"}]


def _file(style: str, folder: str) -> Path:
    return written(Path(folder), strict(STYLES[style][1]))


@cache
def operation(style: str) -> Operation:
    """The operation of a style."""
    with TemporaryDirectory() as folder:
        return load_operation(_file(style, folder), name="listThings")


def faults(style: str) -> list[Fault]:
    """The faults that may show on a style."""
    return possible(operation(style))


def possible(of: Operation) -> list[Fault]:
    """The faults that may show on an operation: their clauses apply, and it has what they need."""
    apply = {clause.id for clause in clauses() if clause.lacking(of) is None}
    has = {"", *shape(of).styles}
    each_of = (each for each in EVERY_FAULT.values() if each.clause in apply and each.style in has)
    return [each for each in each_of if _is_wrong(each.name, of)]


def _is_wrong(name: str, of: Operation) -> bool:
    """Whether what a fault changes breaks something on this operation."""
    if name in _IN_SEVERAL_LISTS or (name.startswith(_OF_AN_ID) and not of.filters.lasting):
        return False
    if name == "unknown-name-crashes" and shape(of).fixed:  # Each request has a name that it does not know.
        return False
    if name in _DEFAULT_OF_20 and shape(of).default_limit >= 20:
        return False
    return all(need in of.capabilities for each, need in NEEDS.items() if name.startswith(each))


def variants(style: str) -> list[Variant]:
    """The variants that a style can have."""
    has = {"", *shape(operation(style)).styles}
    return [each for each in EVERY_VARIANT.values() if each.style in has]


def every(style: str) -> Iterator[Pair]:
    """All that may show on a style."""
    yield from (Pair(style, "fault", each.name) for each in faults(style))
    yield from (Pair(style, "variant", each.name) for each in variants(style))


def chosen(style: str) -> Iterator[Pair]:
    """One fault of every other clause and all that need this style; each variant on one style at least."""
    of_clauses: dict[str, Fault] = {}
    for each in sorted(faults(style), key=lambda fault: crc32(f"{style} {fault.name}".encode())):
        if each.name not in _HANGS and crc32(f"{style} {each.clause}".encode()) % _EVERY_OTHER:
            of_clauses.setdefault(each.clause, each)
    always = {name for of, name in ALWAYS if of == style}
    names = always | {each.name for each in of_clauses.values()} | {each.name for each in faults(style) if each.style}
    yield from (Pair(style, "fault", each.name) for each in faults(style) if each.name in names)
    at = list(STYLES).index(style)
    mine = (each for each in variants(style) if each.style or crc32(each.name.encode()) % _ONE_IN == at)
    names = always | {each.name for each in mine}
    yield from (Pair(style, "variant", each.name) for each in variants(style) if each.name in names)


def drawn(one_in: int) -> Iterator[Pair]:
    """A few of all pairs, the same ones each time."""
    for style in STYLES:
        yield from (each for each in chosen(style) if crc32(repr(each).encode()) % one_in == 0)


def _run(style: str, kind: str, name: str, selected: Sequence[str], *, right: bool = False) -> Result:
    """What a run makes of a server, or of one with the same items that does everything ``right``."""
    with TemporaryDirectory() as folder:
        spec = str(_file(style, folder))
        settings = choose({"spec": spec, "operation": "listThings", "requests": REQUESTS, kind: name}, {})
        ready = described(settings)
        assert ready.server is not None
        with Server(ready.server.dataset) if right else ready.server as server:
            target = replace(ready.target, base_url=server.base_url)
            result = live.run(replace(ready, target=target, server=server).plan(find(selected)))
            assert not server.crashes, server.crashes
    return result


_WITHOUT_ITEMS = next(each.name for each in EVERY_FAULT.values() if each.dataset is None and not each.style)
"""A fault whose server has the usual items."""


@cache
def _right(style: str, clause: str, name: str) -> list[object]:
    return answers_of(_run(style, "fault", name, (clause,), right=True))


def _is_hidden(pair: Pair, result: Result) -> bool:
    """Whether no answer differs from that of the right server with the same items, or it is no breach there."""
    fault = EVERY_FAULT[pair.name]
    with_items = fault.name if fault.dataset is not None else _WITHOUT_ITEMS
    return (pair.style, pair.name) in NOT_WRONG or answers_of(result) == _right(pair.style, fault.clause, with_items)


def answers_of(result: Result) -> list[object]:
    """What a run asked, and what came back."""
    return [
        (each.request, each.answer and (each.answer.status, each.answer.body, each.answer.flaw), each.failure)
        for each in result.exchanges
    ]


def outcome(pair: Pair) -> str:
    """What comes out: of a variant the clauses that flag it, of a fault one of four.

    ``caught`` by its clause, ``elsewhere`` by another one, ``hidden`` because no answer differs from the right server's
    or because it is no breach there (`NOT_WRONG`), or ``missed``.
    """
    if pair.kind == "variant":
        result = _run(pair.style, "variant", pair.name, ())
        warns = EVERY_VARIANT[pair.name].warns
        flagged = [
            each.clause
            for each in result.judgements
            if each.verdict is Verdict.BROKEN or (each.verdict is Verdict.WARNED and each.clause not in warns)
        ]
        return " ".join(flagged)
    clause = EVERY_FAULT[pair.name].clause
    result = _run(pair.style, "fault", pair.name, (clause,))
    verdicts = {each.clause: each.verdict for each in result.judgements}
    if verdicts[clause] in {Verdict.BROKEN, Verdict.WARNED}:
        return "caught"
    if _is_hidden(pair, result):
        return "hidden"
    whole = _run(pair.style, "fault", pair.name, ())
    return "elsewhere" if any(each.verdict is Verdict.BROKEN for each in whole.judgements) else "missed"


def row(known: Mapping[Pair, str]) -> dict[str, Any]:
    """What is written down of a style."""
    of_faults = {pair.name: said for pair, said in known.items() if pair.kind == "fault"}
    of_variants = {pair.name: said for pair, said in known.items() if pair.kind == "variant"}
    return {
        **{kind: sorted(name for name, said in of_faults.items() if said == kind) for kind in KINDS},
        "left alone": sorted(name for name, said in of_variants.items() if not said),
        "flagged": {name: said for name, said in sorted(of_variants.items()) if said},
    }


def outcomes(style: str, written_down: Mapping[str, Any]) -> dict[Pair, str]:
    """What is written down of a style, by its pairs."""
    of_faults = {Pair(style, "fault", name): kind for kind in KINDS for name in written_down.get(kind, ())}
    of_variants = {Pair(style, "variant", name): "" for name in written_down.get("left alone", ())}
    flagged = {Pair(style, "variant", name): said for name, said in written_down.get("flagged", {}).items()}
    return {**of_faults, **of_variants, **flagged}


def page(data: Mapping[str, Mapping[str, Any]]) -> str:
    """What came out, for people."""
    lines = [
        "# The kill matrix of other lists",
        "",
        "Faults and conforming variants of the embedded server on one operation of each style, judged by its document",
        "alone: of every other clause that applies one fault, all faults and variants that need the style, and each",
        "other variant on one style. Generated by `python tests/self/style_matrix.py` (`--all` for every one, or names",
        "of styles); a few are run anew by `tests/self/test_style_matrix.py`. The operations are described by small",
        "documents, in `tests/self/listed.py`. A fault does not show on a list where no answer differs from the right",
        "server's: what it needs, such as a filter or ties, is not there.",
        "",
        "| style | what it is | faults that show | caught | by another clause | don't show | conforming | flagged |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for style, each in data.items():
        shows = sum(len(each[kind]) for kind in ("caught", "elsewhere", "missed"))
        servers = len(each["left alone"]) + len(each["flagged"])
        lines.append(
            f"| {style} | {STYLES[style][0]} | {shows} | {len(each['caught'])} | {len(each['elsewhere'])} |"
            f" {len(each['hidden'])} |"
            f" {servers} | {len(each['flagged'])} |"
        )
    return "\n".join(lines) + "\n"


def main(words: Sequence[str]) -> int:
    """Run the pairs of the styles that are named, or of all, and write down what came out."""
    styles = [word for word in words if word in STYLES] or list(STYLES)
    take = every if "--all" in words else chosen
    data: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
    for style in styles:
        pairs = list(take(style))
        known = outcomes(style, data.get(style, {})) if "--missing" in words else {}
        wanted = [pair for pair in pairs if known.get(pair, "missed") == "missed"]
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            known |= zip(wanted, pool.map(outcome, wanted, chunksize=4), strict=True)
        data[style] = row({pair: known[pair] for pair in pairs})
        told = {name: data[style][name] for name in ("missed", "elsewhere", "flagged", "hidden")}
        sys.stdout.write(f"{style} {json.dumps(told)}\n")
        sys.stdout.flush()
        written_down = {name: data[name] for name in STYLES if name in data}
        DATA.write_text(json.dumps(written_down, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page(written_down), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
