"""INP: an `order` or a `limit` that the document does not allow is not answered as if it were valid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from contracts.clauses.common import SIBLINGS_WORDS, denied, odd, only
from contracts.clauses.inputs.reading import without_limit
from contracts.clauses.passages import ORDER_WORDS
from contracts.clauses.registry import Outcome, clause
from contracts.core.model import Capability
from contracts.core.result import HELD, Finding, Level, Unshown
from contracts.core.wording import count, names, short
from contracts.openapi.grammar import Oddity
from contracts.openapi.quotes import Quote

if TYPE_CHECKING:
    from contracts.evidence.evidence import Evidence

INTEGER = Quote("type: integer default: 10", at="parameters/limit/schema")
MOST_DIGITS = 100
HUGE: int = 10**MOST_DIGITS
"""Every number of more digits is taken for this one."""


def _answered_as_valid(evidence: Evidence, role: str, kind: Oddity, expected: str) -> Iterator[Outcome]:
    for exchange, found in odd(evidence):
        if not only(found, role, kind) or exchange.answer is None or exchange.failure:
            continue
        if denied(exchange):
            yield HELD
        elif not exchange.failed and not exchange.refused:
            value = evidence.reading(exchange).values[role][0]
            yield Finding(f"a 4xx: {expected}", f"status {exchange.status} for {role}={short(value)}", (exchange,))


@clause(
    "INP-001",
    Level.ROBUSTNESS,
    "`order` outside its two values is not answered as if it were valid",
    quote=ORDER_WORDS,
    why="A client with a typing mistake gets another order than it believes.",
    good="order=sideways: 400",
    bad="order=sideways: 200, as for descending",
    probes=("inputs.orders", "inputs.combined"),
    requires={Capability.ORDER},
    decided_by="answer",
)
def order_is_one_of_two(evidence: Evidence) -> Iterator[Outcome]:
    for outcome in _answered_as_valid(evidence, "order", Oddity.OUTSIDE, "`order` has two values"):
        # Whether the words of the vendor's other lists are accepted too is a question (OBS-007), not a breach.
        if not isinstance(outcome, Finding) or _word(evidence, outcome) not in SIBLINGS_WORDS:
            yield outcome


def _word(evidence: Evidence, finding: Finding) -> str:
    return evidence.reading(finding.exchanges[0]).values["order"][0]


@clause(
    "INP-002",
    Level.ROBUSTNESS,
    "`limit` that is no integer is not answered as if it were valid",
    quote=INTEGER,
    why="A client with a mistake gets a page of a size that it did not ask for.",
    good="limit=ten: 400",
    bad="limit=ten: 200, as without limit",
    probes=("inputs.limits",),
    caused_by=("PAG-015",),
    decided_by="answer",
)
def limit_is_an_integer(evidence: Evidence) -> Iterator[Outcome]:
    yield from _answered_as_valid(
        evidence, "limit", Oddity.NO_INTEGER, f"{evidence.operation.roles.limit} is an integer"
    )
    yield from _answered_rightly(evidence)


def _answered_rightly(evidence: Evidence) -> Iterator[Outcome]:
    """Numbers beyond 64 bits, and other writings of a number: refused, or a page that is right for the number."""
    default = evidence.default_size
    # Where the flag or token is wrong with right limits as well, that is another breach.
    ends = (
        page for page, order in evidence.sound if page.has_more is False and evidence.listing.following(page, order)
    )
    flag_is_wrong = next(ends, None) is not None
    # Without a flag or a token, clients take a page that is not full for the last one.
    has = evidence.operation.capabilities
    short_pages_end = Capability.MORE not in has and Capability.FULL_PAGES in has
    for exchange, found in odd(evidence):
        if not only(found, "limit", Oddity.HUGE, Oddity.AMBIGUOUS) or exchange.answer is None or exchange.failure:
            continue
        value = evidence.reading(exchange).values["limit"][0]
        number = number_of(value)
        if denied(exchange):
            yield HELD
            continue
        query = without_limit(evidence, exchange)
        page = evidence.page(exchange, query)
        if page is None or number is None or number < 1:
            continue
        size = len(page.items)
        asked = f"limit={short(value)}"
        follows = evidence.listing.following(page, evidence.asked_order(query))
        lost = follows if page.has_more is False else None
        if size > number:
            yield Finding(
                f"a 4xx, or at most {count(number, 'item')}", f"{count(size, 'item')} for {asked}", (exchange,)
            )
        elif page.has_more and size < number and size not in {evidence.cap, default}:
            yield Finding("a 4xx, or a full page", f"{count(size, 'item')} and has_more true for {asked}", (exchange,))
        elif short_pages_end and follows is not None and size < min(number, evidence.cap) and size != default:
            yield Finding(
                "a 4xx, or a full page",
                f"{count(size, 'item')} for {asked}, and {short(follows)} follows",
                (exchange, evidence.listing.shown_in(follows, exchange)),
            )
        elif lost is not None and flag_is_wrong:
            continue
        elif lost is not None:
            yield Finding(
                f"a 4xx, or {short(lost)} on the page or has_more true",
                f"{count(size, 'item')} and has_more false for {asked}",
                (exchange, evidence.listing.shown_in(lost, exchange)),
            )
        else:
            yield HELD


def number_of(text: str) -> int | None:
    """The number that some parser of integers reads from a text; ``None`` if that is not clear."""
    if len(text) > MOST_DIGITS:
        return HUGE
    try:
        return int(re.sub(r"\.0+$", "", text))
    except ValueError:
        return None


@clause(
    "INP-003",
    Level.ROBUSTNESS,
    "limit=0 or below gives a 4xx, or no more than a default first page",
    quote=INTEGER,
    why="-1 means «no limit» to many databases: one request fetches everything.",
    good="limit=-1: 400",
    bad="limit=-1: all 57 permissions",
    probes=("inputs.limits", "inputs.combined"),
    reference=("walks.heads",),
    decided_by="list",
)
def no_limit_below_one(evidence: Evidence) -> Iterator[Outcome]:
    outcomes = list(_below_one(evidence))
    # What is refused proves nothing where another such limit is answered by what may be the whole list.
    shown = all(not isinstance(outcome, Unshown) for outcome in outcomes)
    yield from (outcome for outcome in outcomes if shown or outcome is not HELD)


def _below_one(evidence: Evidence) -> Iterator[Outcome]:
    default, listing = evidence.default_size, evidence.listing
    for exchange, found in odd(evidence):
        if not only(found, "limit", Oddity.ZERO, Oddity.NEGATIVE) or exchange.answer is None or exchange.failure:
            continue
        values = evidence.reading(exchange).values
        asked = f"limit={values['limit'][0]}"
        if not exchange.ok:
            if denied(exchange):
                yield HELD
            elif not exchange.failed and not exchange.refused:
                yield Finding("a 4xx, or a page", f"status {exchange.status} for {asked}", (exchange,))
            continue
        query = without_limit(evidence, exchange)
        page = evidence.page(exchange, query)
        if page is None:
            continue
        order = evidence.asked_order(query)
        lost = listing.skipped(page, order) if page.items else None
        if default is not None and len(page.items) > default:
            yield Finding(
                f"a 4xx, or at most {default} items", f"{count(len(page.items), 'item')} for {asked}", (exchange,)
            )
        elif lost is not None:
            yield Finding(
                f"a 4xx, or the list's first items: {short(lost)} …",
                f"{names(page.ids, 2)} for {asked}",
                (exchange, listing.shown_in(lost, exchange)),
                wrong=0,
            )
        elif default is None or len(listing.items) > default:
            yield HELD
        else:
            yield Unshown(
                f"the list has no more than {count(default, 'permission')}: all of it is right for {asked} as well",
                f"--checkpoint with a checkpoint that has at least {count(default + 1, 'permission')}",
            )
