"""The benchmarks count and compute rightly; what they measure is not judged here, as it depends on the machine."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from canary import key_like

from benchmarks import bare, cost, figures, stages, starting, versus
from benchmarks.commands import REPORT, Taken, Workshop, found, linked, surroundings, workshop
from benchmarks.cost import Measured, Profile
from benchmarks.serving import Place, Standing
from benchmarks.stages import Clock, hook
from benchmarks.versus import Baseline, Outcome, Subject
from contracts.core.model import Target
from contracts.mock.faults import FAULTS
from contracts.mock.server import Server
from contracts.mock.variants import VARIANTS
from contracts.openapi.loading import load_operation
from contracts.runs.plan import Plan
from contracts.traffic.keys import Keys
from contracts.traffic.limits import LEAST_BUDGET

PLACE = Place(
    "http://127.0.0.1:1/v1", "main", "other", "empty", key_like("admin", "secret"), key_like("proj", "secret")
)
FAULT, VARIANT = Subject("fault", "wrong", "PAG"), Subject("variant", "odd")


def outcome(subject: Subject, exit_code: int | None, *kinds: str, requests: int = 1) -> Outcome:
    return Outcome(subject, exit_code, frozenset(kinds), requests, wall=2.0, cpu=1.0)


def runs(*walls: float, requests: int = 100) -> list[Measured]:
    return [Measured(Taken(wall, wall / 2, 0), requests) for wall in walls]


def rows(text: str) -> Sequence[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


# Figures


def test_a_ratio_is_taken_round_by_round() -> None:
    # The second round is ten times as slow for both: the medians alone (3/10) would say something else.
    assert figures.ratio([1, 30, 3], [2, 60, 10]) == 0.5
    assert figures.ratio([1, 2], [0, 4]) == 0.5
    assert figures.ratio([1], [0]) is None
    with pytest.raises(ValueError, match=r"shorter|longer"):
        figures.ratio([1, 2], [1])


def test_a_share_of_nearly_all_is_not_all() -> None:
    assert figures.share(999, 1000) == "999 of 1000 (99 %)"
    assert figures.share(3, 3) == "3 of 3 (100 %)"
    assert figures.share(0, 0) == figures.NOTHING


def test_a_table_is_markdown() -> None:
    assert figures.table(("tool", "n"), [("a|b", "1"), ("c", "1000")]) == (
        "| tool |    n |\n| ---- | ---: |\n| a\\|b |    1 |\n| c    | 1000 |"
    )
    with pytest.raises(ValueError, match=r"shorter|longer"):
        figures.table(("one", "two"), [("alone",)])


def test_text_is_put_into_its_own_part() -> None:
    page = "head\n<!-- begin a -->\nold\n<!-- end a -->\n<!-- begin b -->\nkept\n<!-- end b -->\n"
    once = figures.put(page, "a", "new")
    assert once == page.replace("\nold\n", "\n\nnew\n\n", 1)
    assert figures.put(once, "a", "new") == once
    with pytest.raises(ValueError, match="'c'"):
        figures.put(page, "c", "new")


def test_the_page_has_a_part_for_each_command() -> None:
    page = figures.PAGE.read_text(encoding="utf-8")
    for name in ("cost", "versus"):
        assert "SENTINEL" in figures.put(page, name, "SENTINEL")


def test_the_readme_shows_the_same_scores() -> None:
    _, begun, rest = figures.README.read_text(encoding="utf-8").partition("<!-- begin scores -->")
    scores, ended, _ = rest.partition("<!-- end scores -->")
    assert begun
    assert ended
    assert scores.strip() in figures.PAGE.read_text(encoding="utf-8")
    assert all(f"| {tool} " in scores for tool in versus.TOOLS)


# Cost


def test_every_goal_is_computed_and_printed() -> None:
    rounds = {
        cost.SUITE: runs(1, 2),
        cost.EMBEDDED: runs(6, 6, requests=401),
        cost.ST: runs(4, 4),
        cost.ST_ALL: runs(6, 6),
    }
    goals = cost.goals(rounds)
    assert [goal.measured for goal in goals] == [401, 6, 3, 0.375, 0.375, 0.25, 0.25]
    assert [goal.met for goal in goals] == [False, False, True, True, True, False, False]
    met = ["missed", "missed", "met", "met", "met", "missed", "missed"]
    assert [row[-1] for row in rows(cost.judged(goals))] == met
    assert not cost.Goal("unknown", 1, None).met


def test_the_comparison_shows_medians_and_ratios() -> None:
    rounds = {cost.SUITE: runs(1, 2, 9), cost.ST: runs(2, 4, 18, requests=140)}
    assert rows(cost.comparison(rounds)) == [
        [cost.SUITE, "100", "2.00", "1.00", "–", "–"],
        [cost.ST, "140", "4.00", "2.00", "0.50", "0.50"],
    ]


def test_the_breakdown_adds_up() -> None:
    profile = Profile({stages.START: (3.0, 1.0), stages.WAITING: (1.0, 1.0)}, 10)
    shown = {name: cells for name, *cells in rows(cost.breakdown([profile, profile]))}
    assert shown[stages.START] == ["3.00", "75%", "1.00", "50%"]
    assert shown[stages.WAITING] == ["1.00", "25%", "1.00", "50%"]
    assert list(shown) == list(stages.STAGES)


def test_the_clock_counts_each_moment_once() -> None:
    wall, cpu = iter([12.0, 15.0, 16.0, 20.0, 21.0, 21.0]), iter([1.0, 2.0, 2.5, 3.0, 3.5, 3.5])
    clock = Clock("start", 10.0, lambda: next(wall), lambda: next(cpu))
    with clock.stage("outer"):
        clock.timed("inner", lambda: None)()
        clock.turn("after")
    assert clock.spent() == {"start": (2.0, 1.0), "outer": (7.0, 1.5), "inner": (1.0, 0.5), "after": (1.0, 0.5)}


def test_every_stage_of_a_run_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from contracts.runs import live as running

    clock, counted = Clock(stages.START, 0.0), list[int]()
    hook(clock, counted.append, monkeypatch.setattr)
    with Server() as server:
        data = server.dataset
        target = Target(server.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint, user_key=True)
        keys = Keys.of(data.admin_key, data.user_key)
        running.run(Plan(target=target, keys=keys, operation=load_operation(), seed=0, budget=LEAST_BUDGET))
        assert counted == [len(server.log)]
    monkeypatch.setattr("contracts.probes.drawing.draw", lambda *_: [])
    importlib.import_module("contracts.probes.generated")._draw(load_operation(), "positive", 1, 0, None)
    assert {*clock.spent(), stages.END} == set(stages.STAGES)


# Commands


def test_a_command_sees_the_keys_and_nothing_that_would_change_it() -> None:
    before = {
        "PATH": "/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CONTRACTS_BASE_URL": "x",
        "SCHEMATHESIS_HOOKS": "x",
        "https_proxy": "x",
        "OPENAI_ADMIN_KEY": "of another user",
    }
    after = surroundings(before, PLACE)
    assert after["PATH"] == "/bin"
    assert after["OPENAI_ADMIN_KEY"] == PLACE.admin_key
    assert not set(after) & {"PYTHONDONTWRITEBYTECODE", "CONTRACTS_BASE_URL", "SCHEMATHESIS_HOOKS", "https_proxy"}


def test_what_a_command_takes_is_its_own(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    taken = shop.run([sys.executable, "-Sc", "print('said'); raise SystemExit(3)"], PLACE)
    assert (taken.exit_code, shop.output()) == (3, "said\n")
    assert taken.cpu > 0
    assert taken.wall > 0


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    waiting = [sys.executable, "-Sc", "import time; time.sleep(600)"]
    assert Workshop(tmp_path).run(waiting, PLACE, longest=0.01).exit_code is None


def test_an_interrupt_leaves_no_command_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = []

    def interrupted(pid: int, _options: int) -> Any:
        pids.append(pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "wait4", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Workshop(tmp_path).run([sys.executable, "-Sc", "import time; time.sleep(600)"], PLACE)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_the_key_stands_in_no_argument_and_no_file() -> None:
    with workshop() as shop:
        words = [*shop.st(PLACE, seed=1, everything=True, linked=True), *shop.st(PLACE, seed=1)]
        texts = [file.read_text(encoding="utf-8") for file in shop.folder.iterdir()]
    assert len(texts) == 3
    assert not any("secret" in text for text in [*words, *texts])
    assert "secret" not in repr(PLACE)


def test_the_link_leads_to_the_next_page() -> None:
    operation = load_operation()
    document: Any = linked(operation)
    (link,) = document["paths"][operation.path_template]["get"]["responses"]["200"]["links"].values()
    assert link["parameters"]["query.after"] == "$response.body#/last_id"
    assert "links" not in operation.document["paths"][operation.path_template]["get"]["responses"]["200"]


def test_failures_and_errors_are_read_from_a_report(tmp_path: Path) -> None:
    report = {"failures": [{"type": "ServerError", "count": 3}], "errors": [{"title": "Network Error"}]}
    assert found(report) == {"ServerError", "Network Error"}
    assert found({}) == frozenset()
    shop, file = Workshop(tmp_path), tmp_path / REPORT
    assert shop.st_found() == frozenset()
    file.touch()
    assert shop.st_found() == frozenset(), "it was ended before it wrote its report"
    file.write_text(json.dumps(report))
    assert shop.st_found() == found(report)
    shop.run(["true"], PLACE)
    assert shop.st_found() == frozenset(), "the report is one of an earlier run"


# The server


def test_plain_requests_are_counted_at_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with Standing() as server:
        for kind, name in (("right", ""), ("fault", "has-more-from-full-page")):
            place = server.open(kind, name)  # type: ignore[arg-type]  # the words are those of Kind
            url = f"{place.base_url}/fine_tuning/checkpoints/{place.checkpoint}/permissions"
            monkeypatch.setattr(sys, "argv", ["bare", url, "2"])
            monkeypatch.setenv("OPENAI_ADMIN_KEY", place.admin_key)
            bare.main()
            assert server.counted() == 2
            assert server.counted() == 0


# Versus


def test_an_alarm_is_one_that_the_conforming_server_does_not_raise() -> None:
    green = Baseline.of([outcome(versus.RIGHT, 0), outcome(versus.RIGHT, 0)])
    assert green.raised_by(outcome(FAULT, 1))
    assert not green.raised_by(outcome(FAULT, 0))
    assert not green.raised_by(outcome(FAULT, None))
    noisy = Baseline.of([outcome(versus.RIGHT, 0), outcome(versus.RIGHT, 1, "A"), outcome(versus.RIGHT, 1, "B")])
    assert not noisy.raised_by(outcome(FAULT, 1, "A", "B"))
    assert noisy.raised_by(outcome(FAULT, 1, "A", "C"))


def test_a_score_counts_what_it_says() -> None:
    outcomes = [
        outcome(FAULT, 1, requests=10),
        outcome(FAULT, 0, requests=20),
        outcome(FAULT, 6, requests=30),
        outcome(FAULT, None, requests=40),
        outcome(VARIANT, 0, requests=50),
        outcome(VARIANT, 1, requests=60),
        outcome(VARIANT, 6, requests=70),
    ]
    assert versus.score(outcomes, Baseline(green=True, found=frozenset()), frozenset({0, 1})) == versus.Score(
        caught=1, faults=4, false_alarms=1, variants=3, without_verdict=3, requests=40, wall=2.0, cpu=1.0
    )


def test_a_sample_is_balanced_from_its_beginning_on() -> None:
    subjects = [Subject("fault", f"{family}{n}", family) for family in ("A", "B", "C") for n in range(30)]
    subjects += [Subject("variant", str(n)) for n in range(30)]
    chosen = versus.sample(subjects, 60, seed=5)
    assert len(set(chosen)) == 60
    for size in (12, 24, 60):
        assert Counter(one.group for one in chosen[:size]) == dict.fromkeys(("A", "B", "C", ""), size // 4)
    assert versus.sample(subjects, 60, seed=5) == chosen
    assert versus.sample(subjects, 60, seed=6) != chosen
    assert set(versus.sample(subjects, 1000, seed=5)) == set(subjects)


def test_all_faults_and_variants_can_be_taken() -> None:
    subjects = versus.all_subjects()
    taken = {one.name for one in subjects if one.kind == "fault"}
    of_other_documents = {fault.name for fault in FAULTS.values() if fault.clause in {"ENV-008", "ITM-011"}}
    assert of_other_documents
    assert taken.isdisjoint(of_other_documents)
    assert FAULTS.keys() - taken - of_other_documents == {"note-cut-in-ascending-order"}
    assert {one.name for one in subjects if one.kind == "variant"} == set(VARIANTS)


class Tools:
    """A bench on which the suite tells right from wrong, and `st` always fails in the same way."""

    def look(self, tool: str, subject: Subject, _seed: int) -> Outcome:
        if subject.name == "interrupt":
            raise KeyboardInterrupt
        if subject.name == "hangs" and tool == versus.ST:
            return outcome(subject, None)
        if tool == versus.SUITE:
            return outcome(subject, int(subject.kind == "fault"))
        return outcome(subject, 1, "Noise", *(["Right"] if subject.name == "seen" else []))


def figured(*subjects: Subject) -> versus.Figures:
    told: list[str] = []
    figures_ = versus.measured(Tools(), subjects, 1, told.append)  # type: ignore[arg-type]  # it has the one method
    assert len(told) == len(subjects)
    return figures_


def test_the_tables_say_what_each_tool_did() -> None:
    seen = Subject("fault", "seen", "ENV")
    figures_ = figured(FAULT, seen, VARIANT)
    assert rows(figures_.scores()) == [
        [versus.SUITE, "2 of 2 (100 %)", "0 of 1 (0 %)", "0", "1", "2.0", "1.0"],
        [versus.ST, "1 of 2 (50 %)", "0 of 1 (0 %)", "0", "1", "2.0", "1.0"],
        [versus.ST_ALL, "1 of 2 (50 %)", "0 of 1 (0 %)", "0", "1", "2.0", "1.0"],
    ]
    assert rows(figures_.families()) == [["PAG", "1", "1", "0", "0"], ["ENV", "1", "1", "1", "1"]]
    page = versus.page(figures_, 7)
    assert page.startswith("3 of ")
    assert "--sample 3 --seed 7`" in page
    assert f"On the conforming server {versus.ST} reports Noise." in page
    assert f"Faults that {versus.SUITE} missed: none." in page


def test_what_a_tool_does_not_finish_counts_for_none() -> None:
    figures_ = figured(Subject("fault", "hangs", "INP"), FAULT)
    assert [[one.subject for one in its] for its in figures_.outcomes.values()] == [[FAULT]] * 3
    page = versus.page(figures_, 1)
    assert " s: `hangs`." in page
    assert "--sample 2 " in page


def test_an_interrupted_comparison_keeps_what_it_has() -> None:
    figures_ = figured(FAULT, Subject("fault", "interrupt", "PAG"))
    assert [one.subject for one in figures_.outcomes[versus.SUITE]] == [FAULT]


def test_a_large_document_holds_the_operation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "SIZE", 200_000)
    file = starting.large(tmp_path)
    assert 150_000 < file.stat().st_size < 250_000
    assert load_operation(file).is_published
