"""Judges each answer under load, fast enough not to limit the load.

An answer that says what a right one said before is right, and so is a page that holds what was predicted. Anything else
is judged by the clauses: at once by those that one answer decides, and by all others once a walk through the whole list
shows whether it changes.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import unquote

from contracts.clauses.access.reading import private_ids
from contracts.clauses.common import named
from contracts.core.model import Answer, Exchange, Failure, FailureKind, Order, Page, Query, Request, Step
from contracts.core.result import Level
from contracts.evidence.evidence import CONTROL, LOAD, Evidence
from contracts.evidence.reader import Reader
from contracts.runs.load.messages import News
from contracts.runs.load.questions import Question, Questions
from contracts.runs.plan import Plan
from contracts.verdicts.tallying import Tally, tally

MOST_EVIDENCE: Final = 5
"""The most answers that are kept for each broken clause."""
MOST_SUSPECTS: Final = 48
"""The most unpredicted pages that are kept until the list is read again; further ones are only counted."""
_MOST_DOUBTFUL: Final = 8
"""The most pages that are kept because of items that may have come and gone between two walks."""
MOST_WALKS: Final = 3
"""The most successive walks through the list while it changes."""
_MOST_KNOWN: Final = 4000
"""The most different answers in memory."""
_MOST_BYTES: Final = 32 * 1024 * 1024
_TICKS: Final = 50
"""Ticks in a second. They make `LAG` a third of a second, after which all replicas know of a change."""
_PINNED: Final = frozenset(
    {
        *("content-type", "content-encoding", "content-language", "content-disposition", "cache-control", "vary"),
        *("www-authenticate", "location", "set-cookie", "retry-after", "transfer-encoding", "server"),
    }
)
"""Headers that are always compared; any other one may differ from answer to answer."""


class Judge:
    """Judges the answers to users under load.

    Args:
        plan: What is judged, and how.
        learned: What shows the list before the load.
        strangers: The share of requests from those who may not look.
        reader: What reads the answers.
    """

    def __init__(self, plan: Plan, learned: Sequence[Exchange], strangers: float, reader: Reader | None = None) -> None:
        self.plan = plan
        self._reader = reader or Reader(plan.operation)
        self._learned = tuple(replace(each, number=place) for place, each in enumerate(learned))
        self._before: tuple[Exchange, ...] = ()
        """The last walk, if it showed a change."""
        self._doubtful: tuple[Exchange, ...] = ()
        """Pages whose items may have come and gone, and the walks after them: what comes back was never right."""
        evidence = Evidence(self._reader, plan.target, self._learned)
        self.questions = Questions(plan, evidence, strangers)
        self.size = max(evidence.largest_accepted, plan.operation.usual_limit)
        self._known = self._ids(self._last_walk(evidence))
        self._learn(evidence)
        # Users ask what the document allows: what odd values bring is not asked, but any error may tell too much.
        judged = [one for one in plan.clauses if one.family != "inputs" or one.level is Level.SECURITY]
        self._gating = [one for one in judged if one.level in plan.gate and one.level is not Level.OBSERVED]
        self._single = [one for one in self._gating if one.decided_by == "answer"]
        self._of_any_answer = [one for one in self._single if one.level is Level.SECURITY]
        self._causes = {one.id: frozenset(one.caused_by) for one in self._gating}
        self._secrets = [secret.reveal() for secret in (plan.keys.admin, plan.keys.user) if secret is not None]
        self._varying = _varying(self._learned)
        self._suspects: dict[tuple[Question, bytes], Exchange] = {}
        self._news = News()
        self._shown: Counter[str] = Counter()
        self._remembered = self._bytes = 0
        self._first = max((each.received for each in learned), default=0) + 2 * _TICKS
        self._began = time.monotonic()
        self._steady = True
        self.moved = False

    # Answers

    def tick(self) -> int:
        """The moment, on the clock of the evidence."""
        return self._first + int((time.monotonic() - self._began) * _TICKS)

    def judge(
        self,
        question: Question,
        answer: Answer,
        *,
        sent: int,
        seconds: float,
        redirects: int = 0,
        failure: Failure | None = None,
    ) -> tuple[str, ...]:
        """The ids of the clauses that an answer breaks by itself.

        Args:
            question: What was asked.
            answer: What came.
            sent: When it was asked, as `tick`.
            seconds: How long the answer took.
            redirects: How many redirects led to the answer.
            failure: Why it answers nothing: it asks to wait, or leads to another place.
        """
        exchange = partial(
            self._exchange, question.request, answer, sent=sent, seconds=seconds, redirects=redirects, failure=failure
        )
        if failure is not None and failure.kind is FailureKind.THROTTLED:
            return self._put_off(question, exchange())
        self._news.judged += 1
        rest = self._rest(answer)
        if rest is not None:
            if question.kept.get(answer.body) == rest:
                return ()
            known = question.broken.get(answer.body)
            if known is not None and known[0] == rest:
                self._tell(known[1])
                if self._wanted(known[1]):
                    self._show(known[1], exchange())
                return known[1]
        return self._by_clauses(question, exchange(), rest)

    def _put_off(self, question: Question, exchange: Exchange) -> tuple[str, ...]:
        """The ids of the clauses that an answer breaks which asked to wait: it may say too much all the same."""
        self._news.put_off += 1
        evidence = Evidence(self._reader, self.plan.target, [exchange])
        found = self._least(tally(self._of_any_answer, evidence))
        self._tell(found)
        self._show(found, exchange)
        if not found and question.request.credential != "admin" and self._named(exchange):
            self._suspect(question, exchange)
        return found

    def _rest(self, answer: Answer) -> object:
        """All of an answer but its body and the varying headers; ``None`` if no other answer is judged as it is.

        That holds for one that may contain a key, and for one whose body could not be read to its end.
        """
        text = "\n".join(value for _, value in answer.headers)
        if answer.flaw is not None or any(secret in text for secret in self._secrets):
            return None
        return answer.status, tuple(pair for pair in answer.headers if pair[0].lower() not in self._varying)

    def _by_clauses(self, question: Question, exchange: Exchange, rest: object) -> tuple[str, ...]:
        body = exchange.answer.body if exchange.answer is not None else b""
        evidence = Evidence(self._reader, self.plan.target, [exchange])
        found = self._least(tally(self._single, evidence))
        if found:
            self._remember(question, body, rest, found)
            self._tell(found)
            self._show(found, exchange)
        elif self._as_expected(question, exchange):
            self._remember(question, body, rest)
        else:
            self._suspect(question, exchange)
        return found

    def _suspect(self, question: Question, exchange: Exchange) -> None:
        """Keep an answer until the list is read again, which decides about it."""
        place = question, exchange.answer.body if exchange.answer is not None else b""
        if len(self._suspects) < MOST_SUSPECTS:
            self._suspects.setdefault(place, exchange)
        elif place not in self._suspects:
            self._news.unjudged += 1

    def _named(self, exchange: Exchange) -> bool:
        """Whether an answer names what only the admin may see."""
        answer, asked = exchange.answer, unquote(exchange.request.target)
        return answer is not None and bool(named(answer, self._private, asked))

    def _as_expected(self, question: Question, exchange: Exchange) -> bool:
        """Whether an answer that breaks no clause by itself is the predicted page, or a refusal that names no item."""
        if question.request.credential != "admin":
            return not self._named(exchange)
        if question.page is None:
            return False
        page = self._reader.page(exchange, question.query)
        return (
            page is not None
            and (page.ids, page.has_more) == question.page
            and (not page.items or _ends(page) in self._ends)
            and all(self._items.get(item.id, item) == item for item in page.items)
        )

    def _exchange(
        self,
        request: Request,
        answer: Answer,
        *,
        sent: int,
        seconds: float,
        redirects: int = 0,
        failure: Failure | None = None,
    ) -> Exchange:
        echoes = self.plan.redactor.echoes(answer)
        received = max(sent, self.tick())
        at = time.time() - seconds
        answer = replace(answer, echoes=echoes)
        return Exchange(0, request, answer, failure, sent, received, at, seconds, LOAD, redirects=redirects)

    def _least(self, tallies: Mapping[str, Tally], among: Iterable[Exchange] = ()) -> tuple[str, ...]:
        """The broken clauses, without those whose breach follows from another one."""
        numbers = {each.number for each in among}
        broken = {
            name
            for name, kept in tallies.items()
            if kept.findings
            and any(not numbers or numbers & {each.number for each in one.exchanges} for one in kept.breaches)
        }
        return tuple(sorted(name for name in broken if not broken & self._causes[name]))

    def _tell(self, clauses: Iterable[str]) -> None:
        for name in clauses:
            self._news.clauses[name] = self._news.clauses.get(name, 0) + 1

    def _wanted(self, clauses: Iterable[str]) -> bool:
        return any(self._shown[name] < MOST_EVIDENCE for name in clauses)

    def _show(self, clauses: Sequence[str], exchange: Exchange) -> None:
        if self._wanted(clauses):
            self._shown.update(clauses)
            self._news.evidence.append(self.plan.redactor.exchange(exchange))

    def _remember(self, question: Question, body: bytes, rest: object, broken: tuple[str, ...] = ()) -> None:
        if rest is None:
            return
        self._remembered += 1
        self._bytes += len(body)
        if self._remembered > _MOST_KNOWN or self._bytes > _MOST_BYTES:
            self._forget()
        if broken:
            question.broken[body] = rest, broken
            return
        if body in question.kept:
            self._learn_header(question.kept[body], rest)
        question.kept[body] = rest

    def _forget(self) -> None:
        self._remembered = self._bytes = 0
        self._reader = self._reader.fresh()
        evidence = Evidence(self._reader, self.plan.target, (*self._learned, *self._before))
        self._learn(evidence)
        self.questions.renew(evidence)

    def _learn(self, evidence: Evidence) -> None:
        """Remember what pages of the list say of its items and of their own ends."""
        self._private = private_ids(evidence)
        self._items = dict(evidence.listing.items)
        self._ends = {_ends(page) for page in evidence.pages if page.items}

    def _learn_header(self, before: object, after: object) -> None:
        """Record the header that differs between two right answers with the same content."""
        match before, after:
            case ((first, tuple(left)), (second, tuple(right))) if first == second:
                names = {str(pair[0]).lower() for pair in {*left} ^ {*right}}
                self._varying |= names - _PINNED

    # The list

    @property
    def suspicious(self) -> bool:
        """Whether unpredicted pages wait for a walk through the list."""
        return bool(self._suspects)

    def walk_request(self, after: str | None, token: str | None = None) -> tuple[Request, Query]:
        """The next request of a walk through the list: the page after an item, or the first one.

        Where cursors are tokens, ``token`` is the one that the page before it gave.
        """
        operation = self.plan.operation
        order = Order.DESCENDING if operation.roles.order else operation.default_order
        query = Query(self.plan.target.checkpoint, after, self.size, order)
        asked = query if token is None else replace(query, after=token)
        return replace(operation.request(asked, seed=self.plan.seed), fresh=True), query

    def walk_page(
        self, request: Request, query: Query, answer: Answer, *, sent: int, seconds: float, step: Step
    ) -> tuple[Exchange, Page | None]:
        """Add one page of a walk through the whole list."""
        exchange = replace(self._exchange(request, answer, sent=sent, seconds=seconds), probe=CONTROL, step=step)
        return exchange, self._reader.page(exchange, query)

    @property
    def steady(self) -> bool:
        """Whether the last two walks showed the same list."""
        return self._steady

    @property
    def walked(self) -> int:
        """The number of pages of the walk before the load."""
        return max(1, -(-len(self._known) // max(1, self.size)))

    def resembles(self, walk: Sequence[Exchange]) -> bool:
        """Whether a walk through the list shows any item of the list that was learned."""
        seen = self._ids(walk)
        return seen == self._known or not {*self._known}.isdisjoint(seen)

    def unchanged(self, walk: Sequence[Exchange]) -> bool:
        """Whether a walk through the list shows what the last one showed."""
        return self._ids(walk) == self._known

    def settle(self, walks: Sequence[Sequence[Exchange]]) -> list[tuple[Question, tuple[str, ...]]]:
        """Judge the unpredicted pages, after the list was read again.

        Args:
            walks: The walks through the whole list, one after the other.

        Returns:
            What broke clauses, and which.
        """
        flat = tuple(each for walk in walks for each in walk)
        suspects, self._suspects = self._suspects, {}
        found: list[tuple[Question, tuple[str, ...]]] = []
        before = [*self._learned, *self._before, *self._doubtful]
        if suspects:
            numbered = [
                replace(each, number=len(before) + place) for place, each in enumerate((*suspects.values(), *flat))
            ]
            base = [replace(each, number=place) for place, each in enumerate(before)]
            evidence = Evidence(self._reader, self.plan.target, [*base, *numbered])
            unsteady = evidence.unsteady
            tallies = tally(self._gating, evidence)
            if unsteady:
                tallies = {
                    name: Tally(findings=[one for one in kept.findings if not one.stable_list])
                    for name, kept in tallies.items()
                }
            for ((question, body), suspect), exchange in zip(suspects.items(), numbered, strict=False):
                broken = self._least(tallies, [exchange])
                rest = self._rest(suspect.answer) if suspect.answer is not None else None
                if broken:
                    self._tell(broken)
                    if self._wanted(broken):  # once, since a walk that came twice would break other clauses
                        self._news.evidence += map(self.plan.redactor.exchange, self._doubtful)
                        self._doubtful = ()
                    self._show(broken, suspect)
                    found.append((question, broken))
                if broken or not unsteady:
                    self._remember(question, body, rest, broken)
            passing = [each for each in suspects.values() if evidence.listing.passing & {*self._ids([each])}]
            self._doubtful = (*passing[:_MOST_DOUBTFUL], *flat) if passing else ()
        self._follow(walks)
        return found

    def _follow(self, walks: Sequence[Sequence[Exchange]]) -> None:
        """Expect pages of the current list, if two walks agree on it."""
        if not walks:
            return
        last = self._ids(walks[-1])
        self._steady = last == self._known
        if len(walks) > 1 and last != self._known and last == self._ids(walks[-2]):
            self.moved = True
            self._known = last
            self._before = tuple(
                replace(each, number=len(self._learned) + place) for place, each in enumerate(walks[-1])
            )
            self._forget()
            if self._shown["moved"] < MOST_EVIDENCE:
                self._shown["moved"] += 1
                self._news.evidence += [self.plan.redactor.exchange(each) for each in walks[-1]]

    def _last_walk(self, evidence: Evidence) -> list[Exchange]:
        walks = [walk for walk in evidence.walks if walk.control]
        return [page.exchange for page in walks[-1].pages] if walks else []

    def _ids(self, walk: Iterable[Exchange]) -> tuple[str, ...]:
        ids: list[str] = []
        for exchange in walk:
            query = self._reader.query(exchange)
            page = self._reader.page(exchange, query) if query is not None else None
            ids += page.ids if page is not None else ()
        return tuple(ids)

    # Reports

    def news(self) -> News:
        """The report of what was seen since the last call."""
        news, self._news = self._news, News()
        news.moved = self.moved
        return news

    def give_up(self) -> None:
        """Count the pages that wait for a walk through the list, which does not come."""
        self._news.unjudged += len(self._suspects)
        self._suspects.clear()

    def unanswered(self) -> None:
        """Count a request without a complete answer."""
        self._news.unanswered += 1


def _ends(page: Page) -> tuple[bool, bool]:
    """Whether a page names its first and its last item."""
    return page.first_id is not None, page.last_id is not None


def _varying(learned: Iterable[Exchange]) -> set[str]:
    """The names of headers whose values vary from answer to answer."""
    values: dict[str, set[str]] = defaultdict(set)
    for exchange in learned:
        for name, value in exchange.answer.headers if exchange.answer is not None else ():
            values[name.lower()].add(value)
    return {"date", "age", "content-length"} | {name for name, seen in values.items() if len(seen) > 1} - _PINNED
