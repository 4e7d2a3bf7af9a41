"""The report for CI services: JUnit XML as GitLab, GitHub's readers, Jenkins and Azure take it.

One test suite a family, one test case a clause. What fails the run is a failure; what has no verdict, and a breach
that does not fail the run, is skipped, with the reason; a run that did not end as it should is one error more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from contracts.core.errors import ExitCode
from contracts.core.result import Verdict
from contracts.core.wording import count
from contracts.reports.view import KnownDeviation, Report, Row

_UNFINISHED = {ExitCode.INTERRUPTED, ExitCode.INTERNAL, ExitCode.CONFIGURATION}
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 can't hold."""


def render(report: Report) -> str:
    """The report as XML."""
    root = ET.Element("testsuites", name="contracts")
    suites = [_suite(report, family.name, family.clauses) for family in report.families]
    stale = [entry for entry in report.deviations if entry.fails]
    if stale:
        suites.append(_deviations(report, stale))
    if report.exit_code in _UNFINISHED:
        suites.append(_unfinished(report))
    # Once, because some readers take the properties of all suites together.
    suites[0].insert(0, _about(report))
    root.extend(suites)
    # The schema of Jenkins knows no count of what is skipped here.
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    root.set("time", f"{report.seconds:.3f}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(report: Report, name: str, rows: tuple[Row, ...]) -> ET.Element:
    suite = ET.Element("testsuite", name=f"contracts.{name}")
    cases = [_case(report, name, row) for row in rows]
    _count(report, suite, cases)
    suite.extend(cases)
    return suite


def _about(report: Report) -> ET.Element:
    return _properties(
        ("target", f"{report.name} {report.base_url}".strip()),
        ("checkpoint", report.checkpoint),
        ("document", f"{report.document} {report.document_sha256 and 'sha256:'}{report.document_sha256}".strip()),
        ("seed", str(report.seed)),
        ("version", report.version),
        ("verdict", report.verdict),
        *(("likely cause", f"{cause.sentence} {cause.text}") for cause in report.causes),
    )


def _count(report: Report, suite: ET.Element, cases: list[ET.Element]) -> None:
    suite.set("tests", str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", "0.000")
    if report.began:
        suite.set("timestamp", report.began.removesuffix("Z"))


def _case(report: Report, family: str, row: Row) -> ET.Element:
    case = ET.Element("testcase", classname=f"contracts.{family}", name=_clean(f"{row.id} {row.title}"), time="0.000")
    case.append(_properties(*facts(row)))
    finding = row.finding
    if row.failing and finding is not None:
        failure = ET.SubElement(case, "failure", message=_clean(finding.actual), type=row.level.value)
        failure.text = _clean("\n".join(evidence(row)))
    elif row.verdict is Verdict.BROKEN:
        why = f"accepted: {row.accepted}" if row.accepted else f"{row.level} clauses do not fail this run"
        ET.SubElement(case, "skipped", message=_clean(f"broken, but {why}"))
    elif row.verdict in {Verdict.NOT_EXERCISED, Verdict.NOT_APPLICABLE, Verdict.INCONCLUSIVE}:
        ET.SubElement(case, "skipped", message=_clean(f"{row.verdict}: {row.explanation}"))
    if report.failing and row.failing and finding is None:
        ET.SubElement(case, "failure", message=row.verdict.value, type=row.level.value)
    text = row.answer if row.answer is not None else "\n".join(evidence(row)) if finding else ""
    if text:
        ET.SubElement(case, "system-out").text = _clean(text)
    return case


def facts(row: Row) -> Iterator[tuple[str, str]]:
    """What is known of a clause, as the properties of its test case."""
    yield from (("clause", row.id), ("level", row.level.value), ("verdict", row.verdict.value))
    yield from (("cases", str(row.cases)), ("breaches", str(row.breaches)))
    if row.accepted is not None:
        yield ("accepted", row.accepted)
    if row.finding is not None:
        yield from (("expected", row.finding.expected), ("actual", row.finding.actual))
        yield from (("request", asked.target) for asked in row.finding.requests)
        yield ("repeat", row.finding.repeat)
    if row.answer is not None:
        yield ("answer", row.answer)


def evidence(row: Row) -> Iterator[str]:
    """What a breach rests on, in lines of a label and a text."""
    finding = row.finding
    if finding is None:
        return
    if row.because:
        yield f"Follows   from {row.because}"
    if row.quote:
        yield f'Document  "{row.quote}" ({row.place})'
    yield f"Expected  {finding.expected}"
    yield f"Actual    {finding.actual}{f' ({finding.times})' if finding.times else ''}"
    for asked in finding.requests:
        how = f"{f', {asked.sent_as}' if asked.sent_as else ''}{', to compare' if asked.compared else ''}"
        yield f"Request   {asked.method} {asked.target}{how}: {asked.outcome}"
    if finding.left_out:
        yield f"          and {count(finding.left_out, 'request')} between them"
    for number, line in enumerate(finding.repeat.split("\n")):
        yield f"{'' if number else 'Repeat':<10}{line}"
    yield f"Why       {row.why}"


def _unfinished(report: Report) -> ET.Element:
    """A run that was interrupted or broke down must not look as if it had passed."""
    suite = ET.Element("testsuite", name="contracts.runs.live")
    case = ET.Element("testcase", classname="contracts.runs.live", name="The run ends by itself", time="0.000")
    # A reader that shows the message alone must say why.
    why = report.notes[0] if report.notes and report.verdict == "not judged" else report.headline
    error = ET.SubElement(case, "error", message=_clean(why), type=report.verdict)
    error.text = _clean("\n".join((report.headline, *report.notes)))
    _count(report, suite, [case])
    suite.append(case)
    return suite


def _deviations(report: Report, stale: list[KnownDeviation]) -> ET.Element:
    suite = ET.Element("testsuite", name="contracts.verdicts.deviations")
    cases = []
    for entry in stale:
        name = f"{entry.clause} is a deviation that is still to be accepted"
        case = ET.Element("testcase", classname="contracts.verdicts.deviations", name=name, time="0.000")
        ET.SubElement(case, "failure", message=_clean(entry.text), type=entry.standing.value)
        cases.append(case)
    _count(report, suite, cases)
    suite.extend(cases)
    return suite


def _properties(*pairs: tuple[str, str]) -> ET.Element:
    holder = ET.Element("properties")
    for name, value in pairs:
        ET.SubElement(holder, "property", name=name, value=_clean(value))
    return holder


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
