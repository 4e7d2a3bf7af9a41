"""Issues for the maintainers of a server: one file a root cause, which names neither key nor host of the user."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import harmless
import pytest
from commanding import choose_nothing, run
from results import BROKEN, exchange, judgement, result
from test_reports import PAYLOAD, hostile

from contracts.clauses.registry import clauses
from contracts.core.errors import ConfigurationError, ExitCode
from contracts.core.files import refuse_unwritable_folder, write_folder
from contracts.core.model import Answer, Target
from contracts.core.result import Cause, Finding, Judgement, Result, Verdict
from contracts.openapi.loading import load_operation
from contracts.reports import issues
from contracts.reports.templating import span
from contracts.settings.choosing import choose

DOCUMENTS = Path(__file__).parents[1] / "peers" / "documents"
OPERATION = load_operation()
ADDRESS = "https://gateway.internal.example:8443/tenants/acme/v1"


def broken(id_: str, *, because: str = "", actual: str = "seen", **more: Any) -> Judgement:
    finding = Finding("expected", actual, (replace(exchange(3, "limit=5&after=cp_02"), **more),))
    return judgement(id_, Verdict.BROKEN, finding=finding, because=because, seen=3, asked=3)


def failed(*judgements: Judgement, **more: Any) -> Result:
    return result(*judgements, exit_code=ExitCode.BROKEN, **more)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    choose_nothing(monkeypatch)


def test_an_issue_says_what_was_asked_expected_and_seen() -> None:
    (text,) = issues.render(failed(BROKEN), OPERATION).values()
    first, title, *_ = text.splitlines()
    assert first.startswith(issues.mark(OPERATION))
    assert title.startswith("# Not kept: ")
    for words in (
        "**Expected** has\\_more false: nothing follows cp\\_07",
        "**Seen** has\\_more true; the page after cp\\_07 is empty (3 of 3 times)",
        "**Why it matters** ",
        "$OPENAI_ADMIN_KEY",
        "with OPENAI_ADMIN_KEY in the environment; where it names an item or a token, take one of your own list:",
        "checkpoint-permissions-contracts 1.2.3: PAG-014",
        'contracts check PAG-014 --checkpoint ft:m:o::ckpt-1 --base-url "$BASE_URL" --seed 7',
    ):
        assert words in text
    assert text.count("\n1. ") == text.count("\n2. ") == 1


def test_there_is_one_issue_for_each_root_cause() -> None:
    found = failed(broken("PAG-010"), broken("PAG-009", because="PAG-010"), broken("FLT-004"), broken("SCO-002"))
    assert set(issues.render(found, OPERATION)) == {"PAG-010.md", "FLT-004.md", "SCO-002.md"}
    assert "(PAG-009)" in issues.render(found, OPERATION)["PAG-010.md"]


@pytest.mark.parametrize(
    ("fit", "names"), [(0.9, {"PAG-010.md", "SCO-002.md"}), (0.6, {"PAG-010.md", "FLT-004.md", "SCO-002.md"})]
)
def test_breaches_that_a_cause_explains_closely_are_one_issue(fit: float, names: set[str]) -> None:
    cause = Cause("PARAMETERS_IGNORED", "`after` and filters are ignored.", ("PAG-010", "FLT-004"), 3, fit)
    found = failed(broken("PAG-010"), broken("FLT-004"), broken("SCO-002"), causes=(cause,))
    texts = issues.render(found, OPERATION)
    assert set(texts) == names
    assert ("# `after` and filters are ignored." in texts["PAG-010.md"]) == (fit > 0.85)


def test_what_does_not_fail_the_run_is_no_issue() -> None:
    warned = judgement("PAG-024", Verdict.WARNED, finding=BROKEN.finding)
    accepted = replace(BROKEN, verdict=Verdict.KEPT)
    assert issues.render(result(warned, accepted), OPERATION) == {}


@pytest.mark.parametrize("text", [PAYLOAD, "x" * 200_000])
def test_what_a_target_sent_is_inert_and_bounded(text: str) -> None:
    (issue,) = issues.render(hostile(text), OPERATION).values()
    harmless.markdown(issue)
    assert all(line.isprintable() for line in issue.split("\n"))
    assert len(issue) < 40_000


@pytest.mark.parametrize(
    "address",
    [
        ADDRESS,
        "http://127.0.0.1:8321/v1",
        "http://gateway:8321/v1",
        "http://[fd00::1]:8321/v1",
        "https://GATEWAY.internal.example",
    ],
)
@pytest.mark.parametrize("url", [None, "https://api.example.com/v2"])
def test_the_host_of_the_user_is_named_nowhere(address: str, url: str | None) -> None:
    way = ("--resolve gateway.internal.example:8443:10.0.0.7", "-x http://proxy.internal.example:3128", "-H 'X-A: b'")
    origin = address.removesuffix("/v1").removesuffix("/tenants/acme")
    answer = Answer(302, "", (), f'{{"next": "{address}/x", "see": "{origin}/y", "{origin.upper()}": 1}}'.encode())
    one = broken("PAG-010", actual=f"a redirect to {origin}/other, not to {address}/x", answer=answer)
    found = failed(one, target=Target(address, "ft:m:o::ckpt-1", curl=way))
    (text,) = issues.render(found, OPERATION, url).values()
    for name in ("gateway", "127.0.0.1", "fd00", "proxy", "10.0.0.7", "8321", "8443"):
        assert name not in text.lower()
    assert "-H 'X-A: b'" in text
    assert f"BASE_URL={url or issues.PLACEHOLDER}\n" in text
    assert f'"{url or issues.PLACEHOLDER}/x' in text


def test_a_host_without_a_dot_is_a_word_elsewhere() -> None:
    one = broken("PAG-010", actual="the api answers /api/x at http://api/y and api:8080")
    (text,) = issues.render(failed(one, target=Target("http://api/v1", "c")), OPERATION).values()
    assert "the api answers /api/x at https:<!-- -->//server.example/y and server.example:<!-- -->8080" in text


@pytest.mark.skipif(shutil.which("sh") is None, reason="a POSIX shell is needed to see what it makes of a line")
@pytest.mark.parametrize("query", ["after=cp_02", "a=';id;'", "a=$(id)`id`", 'a="&b=\\', "a=b"])
def test_the_commands_run_as_they_stand(query: str) -> None:
    one = judgement("PAG-010", Verdict.BROKEN, finding=Finding("e", "a", (exchange(1, query),)))
    (text,) = issues.render(failed(one), OPERATION, "https://api.example.com/v2").values()
    commands = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0]
    shown = f'curl() {{ for each in "$@"; do printf "%s\\n" "$each"; done; }}\n{commands}'
    done = subprocess.run(
        ["sh", "-c", shown], capture_output=True, text=True, check=True, env={"OPENAI_ADMIN_KEY": "k"}
    )
    assert done.stdout.splitlines()[-1] == f"https://api.example.com/v2{exchange(1, query).request.target}"


def test_only_the_issues_of_earlier_runs_on_the_operation_are_removed(tmp_path: Path) -> None:
    mark = issues.mark(OPERATION)
    for name, text in {
        "old.md": f"{mark}-->",
        "mine.md": "# Mine",
        "other.md": "<!-- An issue of contracts check on GET /x -->",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    write_folder(tmp_path, {"PAG-010.md": f"{mark}-->\n"})
    assert {file.name for file in tmp_path.iterdir()} == {"old.md", "mine.md", "other.md", "PAG-010.md"}
    write_folder(tmp_path, {"PAG-011.md": f"{mark}-->\n"}, mark)
    assert {file.name for file in tmp_path.iterdir()} == {"mine.md", "other.md", "PAG-011.md"}


def test_a_folder_that_can_not_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for path, words in ((tmp_path / "file", "is no folder: name one."), (Path("/dev/null/d"), "not a directory.")):
        with pytest.raises(ConfigurationError, match=words):
            refuse_unwritable_folder("--issues", path)
    refuse_unwritable_folder("--issues", tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    for given, words in ({"issues": "-"}, "name a folder"), ({"issues_as": ADDRESS}, "give --issues as well"):
        with pytest.raises(ConfigurationError, match=words):
            choose(given, {}, folder=tmp_path)


def test_a_run_writes_the_issues_that_were_asked_for(tmp_path: Path) -> None:
    words = ("check", "PAG-014", "--quiet", "--requests=60", "--issues", str(tmp_path / "i"))
    assert run(*words, "--fault", "has-more-from-full-page").exit_code == 1
    assert [file.name for file in (tmp_path / "i").iterdir()] == ["PAG-014.md"]
    text = (tmp_path / "i" / "PAG-014.md").read_text(encoding="utf-8")
    assert "127.0.0.1" not in text
    assert run(*words).exit_code == 0
    assert list((tmp_path / "i").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b@c", "`a_b@c`"),
        ("a `b` c", "``a `b` c``"),
        ("``x", "``` ``x ```"),
        ("one\ntwo", "`one two`"),
        ("", ""),
    ],
)
def test_a_span_of_code_can_not_be_ended_by_what_it_holds(text: str, expected: str) -> None:
    assert span(text) == expected


def test_the_same_check_of_another_list_names_all_that_it_takes() -> None:
    things = DOCUMENTS / "things.yaml", DOCUMENTS / "things-overlay.yaml"
    operation = load_operation(things[0], overlay=things[1], name="listThings", query=[("_shape", "objects")])
    found = failed(broken("PAG-009"), target=Target("http://h", ""))
    (text,) = issues.render(found, operation, overlay="things-overlay.yaml").values()
    assert (
        "The same check, with the files that it names:\n\n```sh\n"
        "contracts check PAG-009 --spec things.yaml --operation 'GET /things/things.json' "
        "--query _shape=objects --overlay things-overlay.yaml --base-url"
    ) in text


def test_the_same_check_of_a_full_run_asks_all_that_it_asked() -> None:
    each = [broken("PAG-009"), *(judgement(one.id, Verdict.KEPT) for one in clauses() if one.id != "PAG-009")]
    (text,) = issues.render(failed(*each), OPERATION, requests=400).values()
    assert 'contracts check --checkpoint ft:m:o::ckpt-1 --requests 400 --base-url "$BASE_URL" --seed 7' in text


def test_an_answer_keeps_its_lines() -> None:
    answer = Answer(200, "", (), b'{\r\n  "data": [\n\x1b[1m::x\n##[y]\n```')
    (text,) = issues.render(failed(broken("PAG-010", answer=answer)), OPERATION).values()
    assert '````\n{\n  "data": [\n\\x1b[1m::x\n#\\x23[y]\n```\n````' in text
