"""The Repeat lines bring about once more what went wrong, when they are really run."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

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
