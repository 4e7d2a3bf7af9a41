"""The report at a terminal: everything at a glance, each failure with its evidence, one last line."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.clauses.registry import Clause, clauses
from contracts.core.errors import ExitCode
from contracts.core.result import Finding, Judgement, Result, Standing, Verdict
from contracts.core.wording import count
from contracts.reports import repeating, summary
from contracts.reports.sheet import WIDTH, Sheet
from contracts.verdicts import deviations

MOST_ROOTS = 3
"""Broken clauses that are named at the top where no likely cause is."""
MOST_REQUESTS = 4
"""Requests that are shown of one finding."""
_QUESTION = 31
_ACCEPTED = "dim yellow"
"""The style of what is broken and accepted."""
_LEAVES = {Verdict.BROKEN, Verdict.WARNED, Verdict.INCONCLUSIVE}


@dataclass(frozen=True, slots=True)
class Style:
    """How much is shown, and what only the caller knows: the command that repeats the run, and hints."""

    quiet: bool = False
    verbose: bool = False
    width: int = WIDTH
    """Columns of a line."""
    failures: bool = True
    """Whether what fails the run is shown with its evidence; pytest shows that with its items."""
    causes: bool = True
    """Whether the likely cause is shown; with one finding alone it would be of others."""
    embedded: str = ""
    """What the embedded server is, if it is the target."""
    repeat: str = ""
    hints: tuple[str, ...] = ()
    settings: tuple[tuple[str, str, str], ...] = ()
    """Name, value and origin of each setting, for the verbose report."""


def report(result: Result, style: Style = Style(), encoding: str = "utf-8") -> Sheet:
    """The whole report of a run."""
    writer = _Report(result, style, Sheet(encoding, style.width))
    writer.write()
    return writer.sheet


def glyph(verdict: Verdict) -> tuple[str, str]:
    """The sign of a verdict with a space behind it, in its style."""
    sign, style = summary.GLYPHS[verdict]
    return f"{sign} ", style


class _Report:
    def __init__(self, result: Result, style: Style, sheet: Sheet) -> None:
        self.result = result
        self.style = style
        self.sheet = sheet
        self._clauses: dict[str, Clause] = {clause.id: clause for clause in clauses()}
        self._failing = {judgement.clause for judgement in summary.failing(result)}

    def write(self) -> None:
        quiet = self.style.quiet
        if not quiet:
            about = self.result.operation or "List checkpoint permissions"
            self.sheet.line((f"contracts {self.result.version}", "bold"), f" · {about}")
        for note in self.result.notes[: self.result.changed]:
            self.sheet.blank()
            self.sheet.block("", note, style="yellow")
        self._causes()
        if not quiet:
            self._header()
            self._tree()
        self._failures()
        if not quiet:
            self._warnings()
            self._inconclusive()
            self._not_exercised()
            self._not_applicable()
            self._questions()
            if self.style.verbose:
                self._exchanges()
            self._costs()
        self._deviations()
        self._last_line()

    # What was judged

    def _causes(self) -> None:
        causes = self.result.causes if self.style.causes else ()
        if not causes:
            self._roots()
            return
        self.sheet.heading(f"Likely cause{'s' if len(causes) > 1 else ''} (no verdict: what fits best)")
        for number, cause in enumerate(causes, 1):
            lead = f"  {number}. " if len(causes) > 1 else "  "
            self.sheet.block(lead, self.result.says(cause.sentence))
            self.sheet.block((" " * len(lead), "dim"), summary.fitting(cause), style="dim")
            if number == 1:
                explained = (one for one in summary.failing(self.result) if one.clause in cause.explains)
                self._example(next(explained, None), " " * len(lead))

    def _roots(self) -> None:
        """Begin with what failed the run, where no cause says it."""
        roots = [one for one in summary.failing(self.result) if not one.because]
        if not roots or self.style.quiet or not self.style.failures:
            return
        self.sheet.heading("What broke")
        for judgement in roots[:MOST_ROOTS]:
            self._leaf(judgement, stem="")
            self._example(judgement, " " * 4)
        if roots[MOST_ROOTS:]:
            self.sheet.line((f"  and {len(roots) - MOST_ROOTS} more", "dim"))

    def _example(self, judgement: Judgement | None, indent: str) -> None:
        """What was seen of a breach, in a line or two: the request, and the answer beside the right one."""
        if judgement is None or judgement.finding is None or not self.style.failures:
            return
        self.sheet.block(indent, summary.example(self.result, judgement.finding), summary.times(judgement), style="dim")

    def _header(self) -> None:
        result, sheet = self.result, self.sheet
        sheet.blank()
        target = result.target
        rows = [
            ("Target", f"{self.style.embedded} · {target.base_url}" if self.style.embedded else target.base_url),
            ("In" if result.operation else "Checkpoint", target.checkpoint),
            ("Other", target.other_checkpoint or ""),
            ("Empty", target.empty_checkpoint or ""),
            ("Document", f"{result.document} · sha256 {result.document_sha256[:12]}"),
            ("List", summary.size(result)),
            ("Seed", str(result.seed)),
        ]
        for label, text in rows:
            if text and (label not in {"Other", "Empty"} or self.style.verbose):
                sheet.block((f"{label:<12}", "dim"), text)
        if self.style.verbose and self.style.settings:
            sheet.heading("Settings")
            for name, value, origin in self.style.settings:
                sheet.block((f"  {name:<18}", "dim"), value, origin)

    def _tree(self) -> None:
        sheet, result = self.sheet, self.result
        sheet.blank()
        sheet.line((count(len(result.judgements), "clause"), "bold"))
        families = summary.families(result)
        for family in families:
            last = family is families[-1]
            segments: list[tuple[str, str]] = [
                ("└─ " if last else "├─ ", "dim"),
                (f"{family.id}  ", "bold"),
                (f"{family.title:<10}", ""),
            ]
            for verdict, number in family.counts.items():
                sign, style = summary.GLYPHS[verdict]
                shown = f"  {number} answered" if verdict is Verdict.ANSWERED else f"  {sign} {number}"
                segments.append((shown, style))
            sheet.line(*segments)
            for judgement in family.judgements:
                if self.style.verbose or judgement.verdict in _LEAVES:
                    self._leaf(judgement, stem="   " if last else "│  ")
        present = [verdict for verdict in summary.GLYPHS if summary.with_verdict(result, verdict)]
        legend = [
            segment for verdict in present if verdict is not Verdict.ANSWERED for segment in self._legend(verdict)
        ]
        if legend:
            sheet.line(*legend)

    def _legend(self, verdict: Verdict) -> list[tuple[str, str]]:
        sign, style = summary.GLYPHS[verdict]
        return [("  ", ""), (sign, style), (f" {verdict.value}", "dim")]

    def _leaf(self, judgement: Judgement, stem: str) -> None:
        sign, style = summary.GLYPHS[judgement.verdict]
        style = _ACCEPTED if judgement.accepted else style
        lead = f"{stem}  {sign} {judgement.clause}  "
        cases = count(judgement.cases, "case") if self.style.verbose and judgement.cases else ""
        right = ", ".join(word for word in (cases, "accepted" if judgement.accepted else "") if word)
        self.sheet.block((lead, style), judgement.title, right, hang=stem)

    # What was found

    def _failures(self) -> None:
        broken = self._shown(Verdict.BROKEN)
        advisory = [one for one in self._shown(Verdict.WARNED) if one.clause in self._failing]
        for judgement in (*(one for one in broken if not one.because), *advisory):
            self._failure(judgement)
        folded = [one for one in broken if one.because]
        if folded:
            self.sheet.blank()
        for judgement in folded:
            lead = "".join((glyph(Verdict.BROKEN)[0], judgement.clause, "  "))
            accepted = ", accepted" if judgement.accepted else ""
            lead_style = _ACCEPTED if judgement.accepted else "red"
            self.sheet.block((lead, lead_style), judgement.title, f"follows from {judgement.because}{accepted}")

    def _shown(self, verdict: Verdict) -> list[Judgement]:
        found = summary.with_verdict(self.result, verdict)
        return [one for one in found if self.style.failures or one.clause not in self._failing]

    def _failure(self, judgement: Judgement) -> None:
        sheet, clause, finding = self.sheet, self._clauses.get(judgement.clause), judgement.finding
        sheet.blank()
        sign, style = glyph(judgement.verdict)
        style = _ACCEPTED if judgement.accepted else style
        gated = "" if judgement.clause in self._failing else ", accepted" if judgement.accepted else ", not gated"
        sheet.block((f"{sign}{judgement.clause}  ", style), judgement.title, f"{judgement.level}{gated}", style="bold")
        if clause is not None:
            words, where = self.result.says.quoted(clause.quote.text, clause.quote.key, summary.place(clause.quote))
            if words:
                self._label("Document", f'"{" ".join(words.split())}"', where)
        if finding is not None:
            self._label("Expected", finding.expected)
            self._label("Actual", finding.actual, summary.times(judgement))
            self._requests(finding)
            self._repeat(judgement)
        if clause is not None:
            self._label("Why", self.result.says(clause.why))
        if judgement.accepted is not None:
            self._label("Accepted", deviations.terms(judgement.accepted))

    def _label(self, label: str, text: str, right: str = "") -> None:
        self.sheet.block((f"    {label:<10}", "dim"), text, right)

    def _requests(self, finding: Finding) -> None:
        shown = list(finding.exchanges)
        half = MOST_REQUESTS // 2
        left_out = len(shown) - MOST_REQUESTS
        for number, exchange in enumerate(shown):
            if left_out > 0 and half <= number < len(shown) - half:
                if number == half:
                    self._label("", f"… {count(left_out, 'more request')} …")
                continue
            compared = " · to compare" if exchange is not finding.decisive else ""
            self._label(
                "Request" if number == 0 else "",
                f"{summary.requested(self.result.target, exchange)}{compared}",
                summary.outcome(exchange),
            )

    def _repeat(self, judgement: Judgement) -> None:
        label = "Repeat"
        for line in repeating.lines(self.result, judgement):
            self.sheet.line((f"    {label:<10}", "dim"), line)
            label = ""

    def _warnings(self) -> None:
        warned = [one for one in summary.with_verdict(self.result, Verdict.WARNED) if one.clause not in self._failing]
        for judgement in warned:
            self.sheet.blank()
            sign, style = glyph(Verdict.WARNED)
            self.sheet.block((f"{sign}{judgement.clause}  ", style), judgement.title, judgement.level)
            if judgement.finding is not None:
                self._label("Expected", judgement.finding.expected)
                self._label("Actual", judgement.finding.actual, summary.times(judgement))
                last = judgement.finding.decisive
                self._label("Request", summary.requested(self.result.target, last), summary.outcome(last))
            if judgement.accepted is not None:
                self._label("Accepted", deviations.terms(judgement.accepted))

    def _inconclusive(self) -> None:
        for judgement in summary.with_verdict(self.result, Verdict.INCONCLUSIVE):
            self.sheet.blank()
            sign, style = glyph(Verdict.INCONCLUSIVE)
            self.sheet.block((f"{sign}{judgement.clause}  ", style), judgement.title, judgement.level)
            self._label("Because", judgement.reason)
            if judgement.finding is not None:
                self._label("Seen once", judgement.finding.actual, summary.times(judgement))
            if judgement.provide:
                self._label("Provide", judgement.provide)

    # What has no verdict

    def _not_exercised(self) -> None:
        grouped: dict[tuple[str, str, str], list[Judgement]] = {}
        for judgement in summary.with_verdict(self.result, Verdict.NOT_EXERCISED):
            grouped.setdefault((judgement.provide, judgement.reason, judgement.because), []).append(judgement)
        if not grouped:
            return
        self.sheet.heading("Not exercised")
        if self.result.interrupted:
            self.sheet.block(("  – ", "cyan"), "the run was interrupted before they could be judged:")
            self.sheet.block(
                "    ", summary.ranges(one.clause for members in grouped.values() for one in members), style="bold"
            )
            return
        for (provide, reason, because), members in grouped.items():
            follows = f" (because of {because})" if because else ""
            self.sheet.block(("  – ", "cyan"), f"{reason}{follows}:")
            self.sheet.block("    ", summary.ranges(member.clause for member in members), style="bold")
            if provide:
                self.sheet.block(("    Provide   ", "dim"), provide)

    def _not_applicable(self) -> None:
        found = summary.with_verdict(self.result, Verdict.NOT_APPLICABLE)
        if not found:
            return
        self.sheet.heading("Not applicable")
        for reason in dict.fromkeys(judgement.reason for judgement in found):
            ids = summary.ranges(judgement.clause for judgement in found if judgement.reason == reason)
            self.sheet.block((f"  ∅ {ids}  ", "dim"), reason)

    def _questions(self) -> None:
        answered = summary.with_verdict(self.result, Verdict.ANSWERED)
        if not answered:
            return
        self.sheet.heading("Questions that the document leaves open")
        for judgement in answered:
            text = judgement.answer.text if judgement.answer else ""
            self.sheet.row(judgement.title.replace("`", ""), text, indent=2, left_width=_QUESTION)

    # What it took

    def _exchanges(self) -> None:
        self.sheet.heading("Exchanges")
        for exchange in self.result.exchanges:
            request = f"{exchange.number:>5}  {exchange.probe:<10}  {summary.requested(self.result.target, exchange)}"
            self.sheet.line(f"{request}  {summary.outcome(exchange)}")

    def _costs(self) -> None:
        result, sheet = self.result, self.sheet
        sheet.blank()
        probes = ", ".join(f"{name} {number}" for name, number in result.requests_by_probe)
        asked = count(result.requests, "request")
        sheet.block(("Asked       ", "dim"), f"{asked}{f': {probes}' if probes else ''}")
        waits = f"{count(result.waits, 'wait')} of {result.waited:.1f} s in all" if result.waits else "no waits"
        retries = f"{result.retries} sent again" if result.retries else "none sent again"
        sheet.block(("Took        ", "dim"), f"{result.seconds:.1f} s; {waits}, {retries}")
        for note in result.notes[result.changed :]:
            sheet.block(("Note        ", "yellow"), note)
        if self.style.repeat:
            sheet.line(("Run again   ", "dim"), self.style.repeat)
        for hint in self.style.hints if self._failing else ():
            sheet.block(("            ", "dim"), hint, style="dim")

    def _deviations(self) -> None:
        """What became of the known deviations that accept nothing; those that do stand with their breaches."""
        listed = [one for one in self.result.deviations if one.standing is not Standing.ACCEPTED]
        listed = [one for one in listed if one.fails or not self.style.quiet]
        if listed:
            self.sheet.heading("Known deviations")
        for one in listed:
            style = "red" if one.fails else "dim"
            self.sheet.block(
                (f"  {'×' if one.fails else '–'} {one.standing.value:<8} ", style), deviations.sentence(one)
            )

    def _last_line(self) -> None:
        self.sheet.blank()
        code = self.result.exit_code
        style = {ExitCode.KEPT: "bold green", ExitCode.BROKEN: "bold red"}.get(code, "bold yellow")
        self.sheet.block("", summary.headline(self.result, self.style.width), style=style)
