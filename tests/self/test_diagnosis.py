"""The likely cause: it names the right kind, says nothing where nothing fits, and tests what can be tested."""

from __future__ import annotations

from dataclasses import replace

import pytest
from diagnosing import alone, in_pairs
from results import exchange, judgement, result

from contracts.core.model import Target
from contracts.core.result import Cause, Finding, Verdict
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.mock.faults import FAULTS, open_fault
from contracts.mock.faults.kinds import Kind
from contracts.openapi.loading import load_operation
from contracts.reports import as_json, github, html, junit, markdown
from contracts.reports.terminal import Style, report
from contracts.reports.view import Report
from contracts.runs.causes import signatures
from contracts.runs.live import FOR_CAUSES
from contracts.runs.selftest import against
from contracts.verdicts.diagnosis import PASSING, REQUIRED, diagnose, mixed_up
from contracts.verdicts.likelihood import Signature, likely
from contracts.verdicts.marks import MARKS

LEAST = 0.85
"""The share of faults whose kind must be among the first three, each diagnosed by all others."""

FINDING = Finding("an empty page", "the first page", (exchange(1),))


def signature(kind: str, *broken: str) -> Signature:
    return Signature(kind.lower(), kind, f"{kind}.", frozenset(broken))


def test_every_kind_has_a_sentence_of_its_own() -> None:
    sentences = [kind.sentence for kind in Kind]
    assert len(set(sentences)) == len(sentences)
    assert all(sentence.endswith(".") and sentence.count(".") == 1 for sentence in sentences)
    defaults = [clause for kind in Kind for clause in kind.clauses]
    assert len(set(defaults)) == len(defaults)


def test_the_kinds_that_are_marked_are_kinds() -> None:
    assert {*MARKS, *REQUIRED, PASSING} <= {kind.name for kind in Kind}


def test_each_fault_has_a_signature() -> None:
    assert {one.name for one in signatures()} == set(FAULTS)


def test_the_right_kind_is_among_the_first_three() -> None:
    figure = alone()
    assert figure.share >= LEAST, figure.missed
    assert in_pairs(60).share >= LEAST


def test_of_two_causes_each_explains_its_part() -> None:
    known = [signature("ONE", "PAG-001", "PAG-002"), signature("TWO", "SEC-001", "SEC-002", "SEC-003")]
    broken = dict.fromkeys(("PAG-001", "PAG-002", "SEC-001", "SEC-002", "SEC-003"), 1.0)
    named = likely(broken, broken, known)
    assert [one.kind for one in named] == ["TWO", "ONE"]
    assert [one.explains for one in named] == [known[1].broken, known[0].broken]


def test_nothing_is_said_where_nothing_fits() -> None:
    known = [signature("ONE", "PAG-001", "PAG-002", "PAG-003"), signature("TWO", "SEC-001")]
    assert likely(dict.fromkeys(("ORD-001", "FLT-001", "PAG-001"), 1.0), ("PAG-002", "PAG-003"), known) == ()


def test_what_has_no_verdict_speaks_for_nothing_and_against_nothing() -> None:
    known = [signature("ONE", "PAG-001", "PAG-002", "SEC-005"), signature("TWO", "PAG-001", "PAG-003")]
    (first, *_) = likely(dict.fromkeys(("PAG-001", "PAG-002"), 1.0), ("PAG-003",), known)
    assert (first.kind, first.fit) == ("ONE", 1.0)


@pytest.mark.parametrize(
    ("fault", "kind", "tested"),
    [
        ("cache-without-order", Kind.CACHE, "without what caches keep"),
        ("door-opens-after-admin", Kind.REMEMBERED_CALLER, "on a connection of its own"),
        ("three-parameters-read", Kind.POSITION, "the other way round"),
        ("cache-ignores-project", Kind.CACHE, "never asked for before"),
        ("limit-left-over", Kind.LEFT_OVER, "on a new connection"),
    ],
)
def test_a_cause_is_tested_where_a_request_can_tell(fault: str, kind: Kind, tested: str) -> None:
    result = against(open_fault(fault))
    first = result.causes[0]
    assert first.kind == kind.name
    assert tested in first.tested
    assert "was right" in first.tested or "the first page twice" in first.tested
    asked = [exchange for exchange in result.exchanges if exchange.probe == "cause"]
    assert 0 < len(asked) <= FOR_CAUSES
    assert {one.clause for one in result.judgements if one.verdict == "broken"} >= set(first.explains)


def test_what_a_test_bears_out_leads_however_unlike_the_known_faults_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    others = tuple(one for one in signatures() if one.kind != Kind.CACHE.name)
    unlike = replace(signature(Kind.CACHE.name, "ENV-001", "INP-001"), sentence=Kind.CACHE.sentence)
    monkeypatch.setattr("contracts.runs.causes.signatures", lambda: (*others, unlike))
    assert against(open_fault("cache-by-path")).causes[0].kind == Kind.CACHE.name


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("ties-lost", Kind.AFTER_BY_TIME),
        ("one-skipped", Kind.AFTER_BY_ONE),
        ("refusal-locks-the-address-out-for-awhile", Kind.LOCKED_OUT),
        ("no-cursor-with-lower-case-end", Kind.AFTER_NOT_FOUND),
    ],
)
def test_where_pages_begin_and_who_is_refused_tells_kinds_apart_that_break_the_same(
    monkeypatch: pytest.MonkeyPatch, fault: str, kind: Kind
) -> None:
    others = tuple(one for one in signatures() if one.name != fault)
    monkeypatch.setattr("contracts.runs.causes.signatures", lambda: others)
    assert against(open_fault(fault)).causes[0].kind == kind.name


@pytest.mark.parametrize("fault", ["order-ignored", "filter-ignored", "limit-ignored", "cursor-included"])
def test_what_is_ignored_is_no_cache(fault: str) -> None:
    assert Kind.CACHE.name not in [cause.kind for cause in against(open_fault(fault)).causes]


@pytest.mark.parametrize(
    ("beside", "is_so"),
    [((500, 500), True), ((500, 500, 200), True), ((500, 200), False), ((200, 200), False), ((), False)],
)
def test_requests_are_mixed_up_where_most_are_wrong_beside_others_alone(
    beside: tuple[int, ...], *, is_so: bool
) -> None:
    copies = [exchange(9, again=(1, 3)), *(exchange(10 + at, status=it, again=(4, 3)) for at, it in enumerate(beside))]
    operation = load_operation()
    evidence = Evidence(Reader(operation), Target("http://127.0.0.1:1/v1", "ft:m"), [exchange(3), *copies])
    assert mixed_up(evidence) is is_so


def test_what_explains_only_what_follows_from_another_breach_is_no_cause() -> None:
    evidence = Evidence(Reader(load_operation()), Target("http://127.0.0.1:1/v1", "ft:m"), [exchange(1)])
    first = judgement("PAG-021", Verdict.BROKEN, finding=FINDING)
    known = [signature("ONE", "HTP-001"), signature("TWO", "HTP-001", "PAG-021")]
    second = judgement("HTP-001", Verdict.BROKEN, finding=FINDING)
    follows = replace(second, because="PAG-021")
    assert [one.kind for one in diagnose((first, second), evidence, known[:1])] == ["ONE"]
    assert diagnose((first, follows), evidence, known[:1]) == ()
    assert [one.kind for one in diagnose((first, follows), evidence, known[1:])] == ["TWO"]


def test_a_clause_that_breaks_alone_says_it_itself() -> None:
    assert against(open_fault("has-more-from-full-page")).causes == ()


# What is told of it


def test_every_report_begins_with_it() -> None:
    sentence, text = "The cursor is ignored.", "Fits closely: explains all 2 findings. Asked again alone, it was right."
    cause = Cause("AFTER_IGNORED", sentence, ("PAG-014", "PAG-015"), 2, 1.0, "asked again alone, it was right")
    broken = [judgement(id_, Verdict.BROKEN, finding=FINDING) for id_ in ("PAG-014", "PAG-015")]
    made = replace(result(*broken, exit_code=1), causes=(cause,))
    told = Report.of(made)
    seen = f"{FINDING.actual}; expected {FINDING.expected}"
    for first in (report(made).text(), report(made, Style(quiet=True)).text(), markdown.render(told)):
        begin = " ".join(" ".join(first.splitlines()[:12]).replace("<!-- -->", "").replace("\\", "").split())
        assert sentence in begin
        assert text in begin
        assert seen in begin
    page = html.render(told, made, load_operation())
    assert page.index(sentence) < page.index(seen) < page.index('id="broken"') < page.index('id="clauses"')
    assert f"{sentence} {text}" in junit.render(told)
    assert [one["kind"] for one in as_json.document(told)["causes"]] == ["after-ignored"]
    remark = next(github.commands(github.remarks(told)))
    assert remark.startswith("::notice title=contracts%3A likely cause::")
    assert seen in remark
