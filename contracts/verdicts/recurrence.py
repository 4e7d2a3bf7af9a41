"""How often findings recurred when they were repeated: counted without a request, in a run as in a replay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from contracts.clauses.registry import Clause
from contracts.core.model import Exchange, Target
from contracts.core.result import Repetition, Round
from contracts.evidence.evidence import LOAD, Evidence
from contracts.evidence.reader import Reader
from contracts.verdicts.tallying import Tally, numbers, tally


@dataclass(slots=True)
class Confirmation:
    """How often a finding recurred when it was repeated.

    ``rounds`` counts the repetitions, ``seen`` those in which it recurred; ``sure`` those in which the list certainly
    did not change, and ``sure_seen`` those of them in which it recurred. ``tries`` counts the attempts in these rounds
    that got no complete answer. ``of`` are the numbers of the finding's exchanges.
    """

    of: tuple[int, ...] = ()

    rounds: int = 0
    seen: int = 0
    sure: int = 0
    sure_seen: int = 0
    tries: int = 0
    alone: int = 0
    """Rounds without other requests under way, if it recurred in none; the other counts are then those with."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The exchanges of a finding, repeated once, and whether the list certainly did not change meanwhile."""

    exchanges: tuple[Exchange, ...]
    stable: bool
    enclosed: tuple[Exchange, ...] = ()
    """The exchanges of this round and of the control walks around it, where the list is known to change."""

    def by_number(self) -> Round:
        """The same as a recording holds it."""
        return Round(numbers(self.exchanges), self.stable, numbers(self.enclosed))


def recounted(
    repetitions: Iterable[Repetition],
    clauses: Sequence[Clause],
    reader: Reader,
    target: Target,
    exchanges: Mapping[int, Exchange],
) -> dict[str, Confirmation]:
    """Count how often each finding of a recorded run recurred, from what its recording says was repeated.

    Args:
        repetitions: The rounds of each finding, in their order.
        clauses: The clauses that are judged.
        reader: What reads the answers.
        target: The target that is judged.
        exchanges: What was recorded and can be judged, by number.
    """
    found: dict[str, Confirmation] = {}
    wanted = {clause.id for clause in clauses}
    shown = [each for each in repetitions if each.clause in wanted and all(number in exchanges for number in each.of)]
    for (known, part), group in groupby(shown, lambda each: (each.known, each.part)):
        members = list(group)
        kept = {number for each in members for number in _named(each)} if part else exchanges
        there = [exchanges[number] for number in sorted(kept) if number < known and number in exchanges]
        evidence = [exchange for exchange in there if exchange.probe != LOAD]
        count = partial(counted, clauses, reader, target, evidence, part=part)
        alone = count(_shown([(each, each.rounds) for each in members], exchanges))
        together = count(_shown([(each, each.together) for each in members if each.together], exchanges))
        found |= merged(alone, together)
    return found


def _named(repetition: Repetition) -> Iterator[int]:
    yield from repetition.of
    for one in (*repetition.rounds, *repetition.together):
        yield from one.copies


def _shown(
    repeated: Iterable[tuple[Repetition, Iterable[Round]]], exchanges: Mapping[int, Exchange]
) -> dict[str, tuple[tuple[Exchange, ...], list[Repeat]]]:
    """For each clause the exchanges of its finding, and the rounds that are recorded completely."""
    return {
        each.clause: (
            tuple(exchanges[number] for number in each.of),
            [
                Repeat(
                    tuple(exchanges[number] for number in one.copies),
                    one.stable,
                    tuple(exchanges[number] for number in one.enclosed),
                )
                for one in rounds
                if len(one.copies) == len(each.of)
                and all(number in exchanges for number in (*one.copies, *one.enclosed))
            ],
        )
        for each, rounds in repeated
    }


def merged(alone: dict[str, Confirmation], together: Mapping[str, Confirmation]) -> dict[str, Confirmation]:
    """The counts; those with other requests under way where a finding recurred only then."""
    for name, confirmation in together.items():
        if confirmation.seen and not alone[name].seen:
            alone[name] = replace(confirmation, alone=alone[name].rounds)
    return alone


def counted(
    clauses: Sequence[Clause],
    reader: Reader,
    target: Target,
    exchanges: Sequence[Exchange],
    repeated: Mapping[str, tuple[tuple[Exchange, ...], Sequence[Repeat]]],
    *,
    part: bool,
) -> dict[str, Confirmation]:
    """Count the rounds in which a finding recurs: its clause breaks in them, or all answers are the same again.

    The same list is no recurrence of what one answer shows, or what load shows: the next answer may hold the same list,
    and be right.

    Args:
        clauses: The clauses that are judged.
        reader: What reads the answers.
        target: The target that is judged.
        exchanges: All exchanges until now.
        repeated: For each clause the exchanges of its finding, and the rounds that repeated them.
        part: Whether the findings are about a part of a list that is too long for memory.
    """
    counted: dict[str, Confirmation] = {}
    if not repeated:
        return counted
    evidence = Evidence(reader, target, exchanges, part=part)
    mine = [clause for clause in clauses if clause.id in repeated]
    tallies = tally(mine, evidence)
    single = {clause.id for clause in mine if clause.decided_by == "answer"}
    for name, (of, rounds) in repeated.items():
        by_list = name not in single and all(exchange.probe != LOAD for exchange in of)
        confirmation = counted[name] = Confirmation(of=numbers(of))
        for one in rounds:
            if _silent(of, one):
                continue
            if one.enclosed:
                # By the exchanges between two control walks alone.
                between = Evidence(reader, target, one.enclosed)
                seen = bool(tally([clause for clause in mine if clause.id == name], between)[name].breaches)
            else:
                seen = _breaks(one, tallies[name]) or (by_list and _same(evidence, of, one))
            confirmation.rounds += 1
            confirmation.seen += seen
            confirmation.sure += one.stable
            confirmation.sure_seen += seen and one.stable
            confirmation.tries += sum(1 + exchange.retries for exchange in one.exchanges if exchange.lost)
    return counted


def _silent(of: Sequence[Exchange], one: Repeat) -> bool:
    """Whether a round proves nothing: it brought no answer, or a 5xx, where the finding rests on another answer."""
    return any(
        (after.answer is None or after.failed) and before.answer is not None and not before.failed
        for before, after in zip(of, one.exchanges, strict=True)
    )


def _breaks(one: Repeat, kept: Tally) -> bool:
    """Whether the clause breaks in a round."""
    asked = set(numbers(one.exchanges))
    return any(asked & set(numbers(finding.exchanges)) for finding in kept.findings)


def _same(evidence: Evidence, of: Sequence[Exchange], one: Repeat) -> bool:
    return all(
        evidence.signature(before) == evidence.signature(after) for before, after in zip(of, one.exchanges, strict=True)
    )
