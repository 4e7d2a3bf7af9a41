"""What broke as issues for whoever maintains the server: one Markdown file for each root cause.

A reader of an issue has the server at hand and not this suite, so a file says all by itself. What names the user's
machine (the address of the target, a proxy, certificates) is left out unless the user gives a URL to be named.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from contracts.clauses.registry import clauses
from contracts.core.model import Exchange
from contracts.core.result import Judgement, Result
from contracts.openapi.operation import Operation
from contracts.reports.safe import inert, plain
from contracts.reports.summary import CLOSELY
from contracts.reports.templating import template
from contracts.reports.view import Report, Row
from contracts.traffic.limits import DEFAULT_BUDGET

PLACEHOLDER: Final = "https://server.example/v1"
"""What stands for the base URL unless the user gives another one."""
LONGEST_ANSWER: Final = 1_000
"""Characters of an answer that are shown."""
LONGEST_COMMAND: Final = 8_000
"""Characters of a command; what a server lets be asked may be longer, and then it is not shown."""

_VARIABLE = re.compile(r"\$\{?([A-Z_]+)")
_ADDRESS: Final = "BASE_URL"


@dataclass(frozen=True, slots=True)
class Part:
    """One breach of an issue."""

    row: Row
    answer: str
    """How the answer that went wrong begins; empty where none came."""
    commands: str
    """Lines for a POSIX shell that ask again."""
    variables: tuple[str, ...]
    """What must stand in the environment for that."""
    cursor: bool
    """Whether they ask for what stands behind or before something of the list."""


def mark(operation: Operation) -> str:
    """How every issue on an operation begins: by this a file of an earlier run is known."""
    return f"<!-- An issue of contracts check on GET {plain(operation.path_template).replace('--', '- -')} "


def render(
    result: Result, operation: Operation, url: str | None = None, overlay: str = "", requests: int = DEFAULT_BUDGET
) -> dict[str, str]:
    """An issue for each root cause of what fails the run, by the name of its file.

    Args:
        result: What was found, without keys.
        operation: What was judged.
        url: What is named in the place of the target's base URL.
        overlay: The name of the overlay's file, where the user gave one.
        requests: The most requests that the run might send.
    """
    shown = url or PLACEHOLDER
    mask = _mask(result.target.base_url, shown)
    target = replace(
        result.target, base_url=shown, curl=tuple(each for each in result.target.curl if each.startswith("-H "))
    )
    report = _mapped(Report.of(replace(result, target=target)), mask)
    judged = {judgement.clause: judgement for judgement in result.judgements}
    found = {}
    for cause, roots, derived in _grouped(report):
        text = template("issue.md").render(
            mark=mark(operation),
            report=report,
            operation=f"GET {operation.path_template}",
            published=operation.is_published,
            cause=cause,
            parts=[_part(row, judged[row.id], operation, shown, mask) for row in roots],
            derived=derived,
            url=shlex.quote(shown),
            named=url is not None,
            again=mask(_again(report, operation, overlay, requests, [row.id for row in roots])),
        )
        found[_name(operation, roots[0].id)] = text.rstrip() + "\n"
    return found


def _name(operation: Operation, clause: str) -> str:
    if operation.is_published:
        return f"{clause}.md"
    path = re.sub(r"[^A-Za-z0-9]+", "-", operation.path_template).strip("-")
    return f"{path[:80]}-{clause}.md"


def _grouped(report: Report) -> Iterator[tuple[str, list[Row], list[Row]]]:
    """For each root cause a sentence that says it, if one is known, the breaches at its root, and what follows."""
    left = {row.id: (row, derived) for row, derived in report.roots}
    for likely in report.causes:
        if likely.fit >= CLOSELY:
            ids = [id_ for id_ in left if id_ in likely.explains]
            if ids:
                yield _joined(likely.sentence, [left.pop(id_) for id_ in ids])
    for each in left.values():
        yield _joined("", [each])


def _joined(cause: str, roots: Sequence[tuple[Row, tuple[Row, ...]]]) -> tuple[str, list[Row], list[Row]]:
    return cause, [row for row, _ in roots], [row for _, derived in roots for row in derived]


def _part(row: Row, judgement: Judgement, operation: Operation, url: str, mask: Callable[[str], str]) -> Part:
    if row.finding is None:
        return Part(row, "", "", (), cursor=False)
    commands = row.finding.repeat
    for quoted, instead in (("'" + url, f'"${_ADDRESS}"\''), (url, f'"${_ADDRESS}"')):
        commands = commands.replace(quoted, instead)
    if len(commands) > LONGEST_COMMAND or all(line.startswith("#") for line in commands.split("\n")):
        commands = ""
    variables = dict.fromkeys(name for name in _VARIABLE.findall(commands) if name != _ADDRESS)
    decisive = judgement.finding.decisive if judgement.finding else None
    asked = operation.read(decisive.request).values if decisive is not None else {}
    return Part(
        row, _answer(decisive, mask), commands, tuple(variables), cursor=bool({"after", "before"} & asked.keys())
    )


def _answer(exchange: Exchange | None, mask: Callable[[str], str]) -> str:
    if exchange is None or exchange.answer is None:
        return ""
    body = exchange.answer.body
    # Its lines stay lines, as a reader of JSON has them.
    lines = mask(body[: 4 * LONGEST_ANSWER].decode("utf-8", "replace")).rstrip().split("\n")
    text = "\n".join(inert(plain(line.removesuffix("\r"))) for line in lines)
    if len(text) <= LONGEST_ANSWER:
        return text
    return f"{text[:LONGEST_ANSWER]}… ({len(body):,} bytes in all)"


def _again(report: Report, operation: Operation, overlay: str, requests: int, ids: Sequence[str]) -> str:
    """The command that asks the same requests: what is asked for one clause alone need not show its breach."""
    words = ["contracts", "check", *([] if len(report.clauses) == len(clauses()) else ids)]
    if not operation.is_published:
        words += ["--spec", operation.name, "--operation", f"GET {operation.path_template}"]
        values = {**operation.outer, operation.roles.scope: report.checkpoint}
        words += [word for name, value in values.items() if name for word in ("--at", f"{name}={value}")]
        words += [word for name, value in operation.fixed for word in ("--query", f"{name}={value}")]
        words += ["--overlay", overlay] if overlay else []
    elif report.checkpoint:
        words += ["--checkpoint", report.checkpoint]
    words += ["--requests", str(requests)] if requests != DEFAULT_BUDGET else []
    return f'{shlex.join(words)} --base-url "${_ADDRESS}" --seed {report.seed}'


def _mask(base_url: str, shown: str) -> Callable[[str], str]:
    """What takes the address of a target out of a text, in any form that names its host."""
    old, new = urlsplit(base_url.strip().rstrip("/")), urlsplit(shown)
    instead: Mapping[str, str] = {
        name.lower(): value
        for name, value in (
            (old.hostname or "", new.hostname or ""),
            (old.netloc, new.netloc),
            (f"{old.scheme}://{old.netloc}", f"{new.scheme}://{new.netloc}"),
            (old.geturl(), new.geturl()),
        )
        if name
    }
    if not instead:
        return lambda text: text
    names = "|".join(re.escape(name) for name in sorted(instead, key=len, reverse=True))
    # A name without a dot may be any word; only where an address is written it is that of a host.
    only = "" if {".", ":"} & set(old.hostname or "") else r"(?:(?<=//)|(?<=@)|(?<=%2f)|(?=[a-z]+://)|(?=[\w-]+:\d))"
    found = re.compile(rf"(?:(?<![\w.-])|(?<=%2f)|(?<=%40)){only}(?:{names})(?![\w-])(?!\.\w)", re.IGNORECASE)
    return lambda text: found.sub(lambda match: instead[match[0].lower()], text)


def _mapped(value: Any, mask: Callable[[str], str]) -> Any:
    """The same data with every text masked."""
    if type(value) is str:
        return mask(value)
    if isinstance(value, tuple):
        return tuple(_mapped(each, mask) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _mapped(getattr(value, each.name), mask) for each in fields(value)})
    return value
