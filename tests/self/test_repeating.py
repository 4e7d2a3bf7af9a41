"""The Repeat lines bring about once more what went wrong, when they are really run."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace

import pytest
from results import exchange, judgement, result

from contracts.core.result import Cause, Finding, Verdict
from contracts.mock.faults import FAULTS, open_fault
from contracts.reports.repeating import lines
from contracts.runs.selftest import against

CURL = shutil.which("curl")


@pytest.mark.skipif(CURL is None, reason="there is no curl on this machine")
@pytest.mark.parametrize(
    "fault", ["redirect-drops-the-query", "key-asked-for-once-a-connection", "cache-without-order"]
)
def test_the_lines_bring_the_wrong_answer_again(fault: str) -> None:
    server = open_fault(fault)
    result = against(server)
    port = int(result.target.base_url.rpartition(":")[2].partition("/")[0])
    judgement = next(one for one in result.judgements if one.clause == FAULTS[fault].clause)
    assert judgement.finding is not None
    wrong = judgement.finding.decisive.answer
    assert wrong is not None
    with open_fault(fault, port) as anew:
        keys = {"OPENAI_ADMIN_KEY": anew.dataset.admin_key, "OPENAI_USER_KEY": anew.dataset.user_key}
        script = "\n".join(lines(result, judgement))
        assert anew.dataset.admin_key not in script
        done = subprocess.run(["sh", "-c", script], capture_output=True, env={**os.environ, **keys}, check=False)
    assert done.stdout == wrong.body
    assert done.stderr == b""


WRONG = exchange(2, "limit=2", sent=4, received=9)
BESIDE = exchange(3, "limit=3", sent=5, received=8)
BROKEN = judgement("PAG-001", Verdict.BROKEN, finding=Finding("2 items", "3 items", (WRONG,)), asked=1)


def test_what_was_wrong_only_with_others_under_way_is_asked_with_them() -> None:
    came_back = replace(BROKEN, seen=1, alone=1)
    shared = Cause("SHARED_STATE", "They share a variable.", ("PAG-001",), 2, 0.9)
    for one, causes in ((came_back, ()), (BROKEN, (shared,))):
        note, command = lines(result(one, causes=causes, exchanges=(WRONG, BESIDE)), one)
        assert note == "# with 1 other request under way; it may take several tries"
        assert command.index("limit=2") < command.index("limit=3")
        assert "--parallel" in command


def test_what_did_not_come_back_is_asked_several_times() -> None:
    note, command = lines(result(BROKEN, exchanges=(WRONG, BESIDE)), BROKEN)
    assert note == "# not each time: 0 of 1"
    assert command.startswith("for each in 1 2 3 ")
