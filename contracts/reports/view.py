"""The model of all reports but the terminal's: computed once from the result, in texts that are safe to show.

The JSON report is this model as it stands; its schema is ``report.schema.json`` beside this file. JUnit, Markdown,
HTML and the annotations are made from it, so they can't disagree with it or with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from contracts.clauses.registry import Clause, clauses
from contracts.core.model import Exchange
from contracts.core.result import Cause, Deviation, Figures, Finding, Judgement, Known, Level, Result, Standing, Verdict
from contracts.core.wording import count
from contracts.reports import repeating, summary
from contracts.reports.safe import brief, plain
from contracts.traffic.credentials import CREDENTIALS

FORMAT: Final = 1
"""The version of the JSON report: it grows with every change that a reader of the version before could stumble on."""

MOST_REQUESTS: Final = 12
"""Requests of one finding that are shown; if there are more, the first and the last ones."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a finding. ``number`` is that of the exchange, also in the recording."""

    number: int
    method: str
    target: str
    """Path and query below the base URL, as they were sent; of very long ones the beginning."""
    credential: str
    sent_as: str
    """How the credentials were sent, in words; empty for the admin key as it should be."""
    at_once: bool
    """Whether it was sent at the same time as others."""
    compared: bool
    """Whether its answer is only compared with the wrong one."""
    status: int | None
    outcome: str
    curl: str


@dataclass(frozen=True, slots=True)
class Breach:
    """What broke a clause. ``left_out`` counts the requests between the first and the last ones that are not shown."""

    expected: str
    actual: str
    requests: tuple[Asked, ...]
    left_out: int
    seen: int
    asked: int
    times: str
    repeat: str
    """Lines for a POSIX shell that repeat the breach."""


@dataclass(frozen=True, slots=True)
class Row:
    """One clause and its verdict.

    ``gating`` says that a breach fails the run, ``failing`` that this one does. ``accepted`` is the reason for
    which the team accepts the deviation, if it does.
    """

    id: str
    level: Level
    title: str
    verdict: Verdict
    gating: bool
    failing: bool
    cases: int
    breaches: int
    quote: str
    place: str
    why: str
    finding: Breach | None
    reason: str
    provide: str
    because: str
    answer: str | None
    accepted: str | None

    @property
    def explanation(self) -> str:
        """Why there is no verdict, with what would bring one, in one sentence."""
        follows = f" (because of {self.because})" if self.because else ""
        return f"{self.reason}{follows}{f'; provide {self.provide}' if self.provide else ''}"


@dataclass(frozen=True, slots=True)
class Family:
    """The clauses of one family, and how many have each verdict."""

    id: str
    name: str
    title: str
    counts: dict[Verdict, int]
    clauses: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Lacking:
    """Clauses that were not exercised for one reason, and what to provide."""

    reason: str
    provide: str
    because: str
    clauses: tuple[str, ...]
    ids: str
    """The clauses in few words: ``PAG-010 to PAG-017``."""


@dataclass(frozen=True, slots=True)
class KnownDeviation:
    """A known deviation and its standing; ``text`` says all of it in one sentence."""

    clause: str
    standing: Standing
    fails: bool
    reason: str
    link: str
    expires: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Likely:
    """A likely cause, which is not a verdict; ``text`` says how well it fits and how it was tested.

    ``example`` is what was seen of the first breach that it explains.
    """

    kind: str
    """A short name for programs: ``after-ignored``."""
    sentence: str
    explains: tuple[str, ...]
    fit: float
    """From 0 to 1."""
    tested: str
    text: str
    example: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that reports say about a run.

    ``verdict`` is the run's: kept, broken, incomplete, interrupted, target gone, not judged or internal error.
    ``failing`` names the clauses that fail the run, causes before what follows from them.
    """

    version: str
    verdict: str
    headline: str
    exit_code: int
    interrupted: bool
    name: str
    """What the user calls the target, where several are judged."""
    base_url: str
    embedded: str
    checkpoint: str
    other_checkpoint: str | None
    empty_checkpoint: str | None
    user_key: bool
    document: str
    document_sha256: str
    operation: str
    """``GET /path`` in the document, an empty text for "List checkpoint permissions"."""
    noun: str
    """What people call an item."""
    seed: int
    began: str | None
    """When the first request was sent, in UTC as RFC 3339 writes it."""
    items: int
    projects: int
    complete: bool
    """Whether the list was seen to its end."""
    size: str
    """How large the list is, as far as it was seen."""
    gate: tuple[Level, ...]
    requests: int
    requests_by_probe: tuple[tuple[str, int], ...]
    waits: int
    waited: float
    retries: int
    seconds: float
    notes: tuple[str, ...]
    repeat: str
    """The command that runs the same again."""
    families: tuple[Family, ...]
    failing: tuple[str, ...]
    causes: tuple[Likely, ...]
    """The likely causes of what broke, the likeliest first; none where nothing fits."""
    deviations: tuple[KnownDeviation, ...]
    load: Figures | None = None
    """How a load went, if there was one."""

    @classmethod
    def of(cls, result: Result, *, repeat: str = "", embedded: str = "") -> Report:
        """The report of a result; ``repeat`` and ``embedded`` are what only the caller knows."""
        return _Builder(result).report(repeat, embedded)

    @property
    def clauses(self) -> tuple[Row, ...]:
        """All clauses, in the catalogue's order."""
        return tuple(row for family in self.families for row in family.clauses)

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many clauses have each verdict."""
        counted = {verdict: len(self.with_verdict(verdict)) for verdict in Verdict}
        return {verdict: number for verdict, number in counted.items() if number}

    @property
    def failures(self) -> tuple[Row, ...]:
        """The clauses that fail the run, causes first."""
        rows = {row.id: row for row in self.clauses}
        return tuple(rows[id_] for id_ in self.failing)

    @property
    def roots(self) -> tuple[tuple[Row, tuple[Row, ...]], ...]:
        """The clauses that fail the run and follow from no other one that does, each with those that follow from it."""
        failures = self.failures
        known = {row.id for row in failures if not row.because}
        derived: dict[str, list[Row]] = {id_: [] for id_ in known}
        for row in failures:
            if row.because in known:
                derived[row.because].append(row)
        return tuple((row, tuple(derived.get(row.id, ()))) for row in failures if row.because not in known)

    @property
    def ungated(self) -> tuple[Row, ...]:
        """The clauses that are broken or warned of and do not fail the run."""
        return tuple(row for row in self.with_verdict(Verdict.BROKEN, Verdict.WARNED) if not row.failing)

    @property
    def cost(self) -> str:
        """What the run took, in one line."""
        waits = f", {count(self.waits, 'wait')} of {self.waited:.1f} s in all" if self.waits else ""
        retries = f", {self.retries} sent again" if self.retries else ""
        return f"{count(self.requests, 'request')} in {self.seconds:.1f} s{waits}{retries}"

    @property
    def lacking(self) -> tuple[Lacking, ...]:
        """What was not exercised, by what would exercise it."""
        grouped: dict[tuple[str, str, str], list[str]] = {}
        for row in self.with_verdict(Verdict.NOT_EXERCISED):
            grouped.setdefault((row.reason, row.provide, row.because), []).append(row.id)
        return tuple(Lacking(*key, tuple(ids), summary.ranges(ids)) for key, ids in grouped.items())

    def with_verdict(self, *verdicts: Verdict) -> tuple[Row, ...]:
        """The clauses with one of these verdicts."""
        return tuple(row for row in self.clauses if row.verdict in verdicts)


class _Builder:
    def __init__(self, result: Result) -> None:
        self._result = result
        self._catalogue: dict[str, Clause] = {entry.id: entry for entry in clauses()}
        self._failing = tuple(judgement.clause for judgement in summary.failing(result))

    def report(self, repeat: str, embedded: str) -> Report:
        result, target = self._result, self._result.target
        headline = summary.headline(result)
        return Report(
            version=result.version,
            verdict=headline.partition(":")[0].lower(),
            headline=plain(headline),
            exit_code=result.exit_code,
            interrupted=result.interrupted,
            name=plain(target.name),
            base_url=plain(target.base_url),
            embedded=plain(embedded),
            checkpoint=plain(target.checkpoint),
            other_checkpoint=None if target.other_checkpoint is None else plain(target.other_checkpoint),
            empty_checkpoint=None if target.empty_checkpoint is None else plain(target.empty_checkpoint),
            user_key=target.user_key,
            document=plain(result.document),
            document_sha256=result.document_sha256,
            operation=plain(result.operation),
            noun=plain(result.noun),
            seed=result.seed,
            began=_moment(result.exchanges[0].at) if result.exchanges else None,
            items=result.items,
            projects=result.projects,
            complete=result.complete,
            size=summary.size(result),
            gate=tuple(level for level in Level if level in result.gate),
            requests=result.requests,
            requests_by_probe=result.requests_by_probe,
            waits=result.waits,
            waited=result.waited,
            retries=result.retries,
            seconds=result.seconds,
            notes=tuple(brief(note) for note in result.notes),
            repeat=plain(repeat),
            families=tuple(
                Family(
                    family.id,
                    family.name,
                    family.title,
                    family.counts,
                    tuple(self._row(one) for one in family.judgements),
                )
                for family in summary.families(result)
            ),
            failing=self._failing,
            causes=tuple(
                Likely(
                    kind=cause.kind.lower().replace("_", "-"),
                    sentence=result.says(cause.sentence),
                    explains=cause.explains,
                    fit=cause.fit,
                    tested=cause.tested,
                    text=summary.fitting(cause),
                    example=self._example(cause),
                )
                for cause in result.causes
            ),
            deviations=tuple(_known_deviation(known) for known in result.deviations),
            load=result.load,
        )

    def _example(self, cause: Cause) -> str:
        explained = (one for one in summary.failing(self._result) if one.clause in cause.explains)
        first = next(explained, None)
        if first is None or first.finding is None:
            return ""
        often = summary.times(first)
        return brief(f"{summary.example(self._result, first.finding)}{f' ({often})' if often else ''}")

    def _row(self, judgement: Judgement) -> Row:
        entry, says = self._catalogue.get(judgement.clause), self._result.says
        quote, where = says.quoted(entry.quote.text, entry.quote.key, summary.place(entry.quote)) if entry else ("", "")
        return Row(
            id=judgement.clause,
            level=judgement.level,
            title=brief(judgement.title),
            verdict=judgement.verdict,
            gating=judgement.level in self._result.gate,
            failing=judgement.clause in self._failing,
            cases=judgement.cases,
            breaches=judgement.breaches,
            quote=plain(" ".join(quote.split())),
            place=plain(where),
            why=says(entry.why) if entry else "",
            finding=self._breach(judgement, judgement.finding) if judgement.finding else None,
            reason=brief(judgement.reason),
            provide=brief(judgement.provide),
            because=judgement.because,
            answer=brief(judgement.answer.text) if judgement.answer else None,
            accepted=_accepted(judgement.accepted) if judgement.accepted else None,
        )

    def _breach(self, judgement: Judgement, finding: Finding) -> Breach:
        shown = tuple(shown_exchanges(finding))
        return Breach(
            expected=brief(finding.expected),
            actual=brief(finding.actual),
            requests=tuple(self._asked(exchange, compared=exchange is not finding.decisive) for exchange in shown),
            left_out=len(finding.exchanges) - len(shown),
            seen=judgement.seen,
            asked=judgement.asked,
            times=summary.times(judgement),
            repeat="\n".join(map(plain, repeating.lines(self._result, judgement))),
        )

    def _asked(self, exchange: Exchange, *, compared: bool) -> Asked:
        credential = exchange.request.credential
        return Asked(
            number=exchange.number,
            method="GET",
            target=brief(exchange.request.target),
            credential=credential,
            sent_as="" if credential == "admin" else CREDENTIALS[credential].sentence,
            at_once=exchange.concurrent,
            compared=compared,
            status=exchange.status,
            outcome=brief(summary.outcome(exchange)),
            curl=repeating.command(self._result.target, exchange, follow=exchange.redirects > 0),
        )


def shown_exchanges(finding: Finding) -> Iterator[Exchange]:
    """The exchanges of a finding that reports show: all, or the first and the last ones of many."""
    half = MOST_REQUESTS // 2
    many = len(finding.exchanges) > MOST_REQUESTS
    yield from (*finding.exchanges[:half], *finding.exchanges[-half:]) if many else finding.exchanges


def _accepted(deviation: Deviation) -> str:
    link = f" ({deviation.link})" if deviation.link else ""
    until = f", until {deviation.expires.isoformat()}" if deviation.expires else ""
    return plain(f"{deviation.reason}{link}{until}")


_STANDINGS: Final = {
    Standing.ACCEPTED: "accepted",
    Standing.STALE: "no longer broken: take the entry out",
    Standing.EXPIRED: "its last day is over",
    Standing.UNUSED: "no verdict that could tell",
}


def _known_deviation(known: Known) -> KnownDeviation:
    deviation = known.deviation
    return KnownDeviation(
        clause=deviation.clause,
        standing=known.standing,
        fails=known.fails,
        reason=plain(deviation.reason),
        link=plain(deviation.link),
        expires=deviation.expires.isoformat() if deviation.expires else None,
        text=f"{_STANDINGS[known.standing]}: {_accepted(deviation)}",
    )


def _moment(at: float) -> str | None:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return None
