"""The command line in this process and in one of its own, and an environment that chooses nothing for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from contracts.cli import main

ROOT = Path(__file__).parents[2]
APART = ("-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:hypothesispytest")
"""For a session of pytest that leaves nothing behind and loads no plugin that takes longer than its tests."""
CHOOSING = ("CONTRACTS_", "OPENAI_", "GITHUB_")
"""How the variables begin that a run would heed."""
CHOOSING_TOO = frozenset(
    "NO_COLOR FORCE_COLOR HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY REQUESTS_CA_BUNDLE CURL_CA_BUNDLE".split()  # noqa: SIM905 - names alone
)


def run(*words: str, env: dict[str, str] | None = None) -> Result:
    """Call ``contracts`` with these words, and with these variables beside those of this process."""
    return CliRunner().invoke(main, words, env=env)


@contextmanager
def start(
    *words: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Call it in a process of its own, which ends with the block."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **(env or {})}
    command = [sys.executable, "-W", "error", "-m", "contracts", *words]
    with subprocess.Popen(command, text=True, env=environ, stdout=stdout, stderr=stderr) as process:
        try:
            yield process
        finally:
            process.kill()


def choose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out of the environment whatever a run or its report would heed."""
    for name in list(os.environ):
        if name.startswith(CHOOSING) or name.upper() in CHOOSING_TOO:
            monkeypatch.delenv(name)
