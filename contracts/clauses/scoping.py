"""SCO: the checkpoint in the path, and what a cursor from another one may show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from contracts.clauses.common import EVERYWHERE, as_asked, describe, shows_nothing, unknown_scopes
from contracts.clauses.passages import CHECKPOINT
from contracts.clauses.registry import Needs, Outcome, clause
from contracts.core.model import Capability, Page, Query
from contracts.core.result import HELD, Finding, Inapplicable, Level
from contracts.core.wording import names, short

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence
    from contracts.openapi.operation import Operation


@clause(
    "SCO-001",
    Level.IMPLIED,
    "Another checkpoint's list shares no permission with this one's",
    quote=CHECKPOINT,
    why="A permission is granted for one checkpoint; shown for two, it is shown for a wrong one.",
    good="checkpoint A: [cp_1, cp_2]; checkpoint B: [cp_3]",
    bad="checkpoint A: [cp_1, cp_2]; checkpoint B: [cp_2, cp_3]",
    probes=(*EVERYWHERE, "scope.others"),
    requires={Capability.ID, Capability.SCOPE},
    decided_by="list",
    needs=Needs(items=1, other_scope=True),
)
def lists_are_apart(evidence: Evidence) -> Iterator[Outcome]:
    own = [page for page in evidence.pages if page.query.after not in evidence.foreign and not evidence.strayed(page)]
    mine = _contents(evidence, own)
    others: dict[str, Page] = {}
    for scope in (evidence.target.other_checkpoint, evidence.target.empty_checkpoint):
        pages = [
            page
            for page in evidence.pages_of_others.get(scope or "", ())
            if page.query.after not in mine and not evidence.strayed(page)
        ]
        theirs = _contents(evidence, pages)
        # Of the empty one its user said that it has no items.
        one = scope == evidence.target.empty_checkpoint or _one_list(evidence, pages)
        shared = _shared(evidence.operation, mine, theirs, one=one)
        for page in pages:
            others |= {id_: others.get(id_, page) for id_ in page.ids if id_ in shared}
            if page.items and mine and not shared.intersection(page.ids):
                yield HELD
    for page in own:
        first = next((id_ for id_ in page.ids if id_ in others), None)
        if first is not None:
            yield Finding(
                f"{short(first)} in one of the two lists",
                "it is in both",
                as_asked(page, others[first]),
                items=(first,),
            )


def _contents(evidence: Evidence, pages: Iterable[Page]) -> dict[str, object]:
    """The items of pages by their ids, each with its content as one of the pages has it."""
    contents: dict[str, object] = {}
    for page in pages:
        body = page.exchange.answer.body if page.exchange.answer is not None else b""
        contents |= zip(page.ids, evidence.operation.items_in(evidence.reader.parsed(body).value) or (), strict=False)
    return contents


def _one_list(evidence: Evidence, pages: Iterable[Page]) -> bool:
    """Whether another checkpoint's list is this one's, as far as its largest first page shows."""
    heads = [page for page in pages if page.query.after is None and page.query.facet is None and page.items]
    largest = max(heads, key=lambda page: len(page.items), default=None)
    if largest is None:
        return False
    mine = evidence.listing.sequence(evidence.asked_order(largest.query))
    return tuple(mine[: len(largest.ids)]) == largest.ids and (largest.has_more or len(mine) == len(largest.ids))


def _shared(
    operation: Operation, mine: Mapping[str, object], theirs: Mapping[str, object], *, one: bool
) -> frozenset[str]:
    """The ids that are in both lists, and must not be.

    A permission is granted for one checkpoint. Of other operations an item may be in several lists (a user in two
    groups, all of one group in another), and lists may number their items each for itself: there only the same list
    is wrong, and an item that names its parent, as the path does.
    """
    same = frozenset(mine.keys() & theirs.keys())
    if operation.is_published:
        return same
    same = frozenset(id_ for id_ in same if mine[id_] == theirs[id_])
    parent = operation.profile.scope[-1]
    bound = frozenset(id_ for id_ in same if isinstance(item := mine[id_], dict) and isinstance(item.get(parent), str))
    if bound:
        return bound
    return same if one else frozenset()


@clause(
    "SCO-002",
    Level.SECURITY,
    "A checkpoint that does not exist shows no permissions",
    quote=CHECKPOINT,
    why="The path does not decide what is shown: any id brings some permissions.",
    good="an unknown checkpoint: 404",
    bad="an unknown checkpoint: 200 and permissions",
    probes=("scope.unknown", "inputs.paths"),
    requires={Capability.SCOPE},
    decided_by="answer",
)
def unknown_scope_is_empty(evidence: Evidence) -> Iterator[Outcome]:
    for exchange, _, page in unknown_scopes(evidence, near=False):
        if page is not None and page.items:
            yield Finding("a 4xx, or an empty page", names(page.ids, 3), (exchange,))
        elif shows_nothing(exchange, page):
            yield HELD
    yield from _below_another(evidence)


def _below_another(evidence: Evidence) -> Iterator[Outcome]:
    """One outcome for each request of the list below a parent that is not its own.

    Where the last parameter alone names a list, nothing is shown that its caller may not see: a reason to look, and
    no breach.
    """
    operation, scope = evidence.operation, evidence.target.checkpoint
    for exchange in evidence.admin:
        if not operation.misplaced(exchange.request, scope):
            continue
        page = evidence.page(exchange, Query(scope))
        own = tuple(id_ for id_ in page.ids if id_ in evidence.listing.items) if page is not None else ()
        if own:
            said = f"{names(own, 3)}, below {exchange.request.path.rpartition('/')[0]}"
            yield Finding("a 4xx, or an empty page", said, (exchange,), warning=True)
        elif shows_nothing(exchange, page):
            yield HELD


@clause(
    "SCO-003",
    Level.SECURITY,
    "The checkpoint id is matched whole",
    quote=CHECKPOINT,
    why="Who knows a part of an id sees the permissions of a checkpoint that was not named.",
    good="ft:gpt:acme (a prefix): 404",
    bad="ft:gpt:acme (a prefix): the permissions of ft:gpt:acme:x:1",
    probes=("scope.near",),
    reference=("walks.heads",),
    requires={Capability.SCOPE},
    decided_by="list",
    needs=Needs(items=1),
)
def scope_is_matched_whole(evidence: Evidence) -> Iterator[Outcome]:
    for exchange, _, page in unknown_scopes(evidence, near=True):
        own = tuple(id_ for id_ in page.ids if id_ in evidence.listing.items) if page else ()
        if own:
            none = evidence.operation.says("no permission of")
            yield Finding(f"{none} {short(evidence.target.checkpoint)}", names(own, 3), (exchange,))
        elif shows_nothing(exchange, page):
            yield HELD


@clause(
    "SCO-004",
    Level.IMPLIED,
    "`:` and `%3A` in the path name the same checkpoint",
    quote=CHECKPOINT,
    why="The official clients send `:` as it is, others encode it (RFC 3986 §2.2 lets both): one of them gets nothing.",
    good="/ft:a:b/ and /ft%3Aa%3Ab/: the same page",
    bad="/ft:a:b/: the page; /ft%3Aa%3Ab/: 404",
    probes=("scope.encoded",),
    requires={Capability.SCOPE},
    caused_by=("HTP-005",),
    decided_by="list",
)
def colon_may_be_encoded(evidence: Evidence) -> Iterator[Outcome]:
    if ":" not in evidence.target.checkpoint:
        yield Inapplicable("the checkpoint's id has no colon")
        return
    plain = {
        query: exchange
        for exchange, query in reversed(evidence.allowed)
        if ":" in exchange.request.path and evidence.comparable(exchange)
    }
    for exchange, query in evidence.allowed:
        if "%3a" not in exchange.request.path.lower() or query not in plain or not evidence.comparable(exchange):
            continue
        other = plain[query]
        if evidence.same(other, exchange):
            if exchange.ok:
                yield HELD
        elif not evidence.differs_by_ties(other, exchange):
            yield Finding(
                describe(evidence, other),
                f"{describe(evidence, exchange)}, with %3A",
                (other, exchange),
                stable_list=evidence.explained(other, exchange),
            )
