"""What judging costs under load: requests a second of users who judge, beside users who look at the status alone.

``python -m benchmarks.load`` asks one embedded server in turn by both, and by ``contracts check`` with sixteen requests
at once, and prints the ratios; and how the memory of the users' process grows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from contracts.mock.store import seeded
from contracts.runs.live import run
from contracts.runs.load.judge import Judge
from contracts.runs.load.questions import Question, worth_sending
from contracts.runs.selection import chosen
from contracts.runs.target import opened
from contracts.settings.choosing import choose

USERS = 20
PLAIN = """
import os, random
from locust import FastHttpUser, task

URLS = open(os.environ["BENCHMARK_URLS"]).read().split()
HEADERS = {"Authorization": "Bearer " + os.environ["OPENAI_ADMIN_KEY"], "Accept": "application/json"}

class Plain(FastHttpUser):
    @task
    def ask(self):
        self.client.get(random.choice(URLS), name="page", headers=HEADERS)
"""
"""A locustfile that looks at the status, and at nothing else."""


def locust(file: Path, seconds: int, environ: dict[str, str], *words: str) -> tuple[float, float, list[int]]:
    """Requests a second, processor seconds for a thousand requests, and the memory in KiB, second by second."""
    command = [sys.executable, "-m", "locust", "-f", str(file), "--headless", "--only-summary", "--json"]
    command += ["--users", str(USERS), "--spawn-rate", str(USERS), "--run-time", f"{seconds}s", *words]
    memory = []
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        used = 0.0
        while process.poll() is None:
            time.sleep(1)
            memory.append(_resident(process.pid))
            used = max(used, _processor(process.pid))
        told = process.stdout.read() if process.stdout is not None else ""
    figures: list[dict[str, Any]] = json.JSONDecoder().raw_decode(told, told.index("[\n"))[0]
    number = sum(each["num_requests"] for each in figures)
    first = min(each["start_time"] for each in figures)
    last = max(each["last_request_timestamp"] or 0 for each in figures)
    return number / (last - first), used / number * 1000, [each for each in memory if each]


def _resident(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)


def _processor(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def asked() -> Iterator[str]:
    """What users who judge ask: paths and queries, as often as they do."""
    with opened(choose({}, {})) as ready:
        plan = ready.plan(chosen(["PAG-009", "ORD-006"]))
        judge = Judge(plan, worth_sending(run(plan).exchanges), 0.0)
    rng = random.Random(0)
    for _ in range(1000):
        question: Question | None = judge.questions.draw(rng)
        while question is not None:
            yield question.request.target
            question = question.onward


def check(environ: dict[str, str]) -> float:
    """Requests a second of an ordinary run with sixteen requests at once."""
    command = [sys.executable, "-m", "contracts", "check", "--concurrency", "16", "--json", "-", "--quiet"]
    done = subprocess.run(command, env=environ, capture_output=True, encoding="utf-8", check=False)
    report = json.loads(done.stdout)
    return float(report["requests"]["total"]) / float(report["seconds"])


def measure(rounds: int, seconds: int) -> None:
    """Measure in turn, and print the ratios."""
    data = seeded()
    with TemporaryDirectory() as folder, _served(Path(folder)) as port:
        base = f"http://127.0.0.1:{port}/v1"
        (Path(folder) / "urls").write_text("\n".join(f"{base}{each}" for each in asked()), encoding="utf-8")
        plain = Path(folder) / "plain.py"
        plain.write_text(PLAIN, encoding="utf-8")
        judging = Path(__file__).parents[1] / "contracts" / "plugins" / "locustfiles" / "contract_users.py"
        environ = os.environ | {
            "OPENAI_ADMIN_KEY": data.admin_key,
            "BENCHMARK_URLS": str(Path(folder) / "urls"),
            "CONTRACTS_BASE_URL": base,
            "CONTRACTS_CHECKPOINT": data.checkpoint,
            "CONTRACTS_ALLOW_INCOMPLETE": "1",
        }
        rows: list[tuple[float, float, float, float, float]] = []
        memory: Sequence[int] = ()
        for _ in range(rounds):
            alone, cost, _ = locust(plain, seconds, environ, "--host", base)
            judged, judged_cost, memory = locust(judging, seconds, environ)
            ordinary = check(environ)
            rows.append((judged / alone, judged / ordinary, cost / judged_cost, alone, judged))
            print(f"status only {alone:.0f}/s, judged {judged:.0f}/s, check {ordinary:.0f}/s", flush=True)
    print(f"judged : status only            {median(row[0] for row in rows):.2f}   (wanted: 0.7)")
    print(f"the same by processor time      {median(row[2] for row in rows):.2f}")
    print(f"judged : check --concurrency 16 {median(row[1] for row in rows):.2f}   (wanted: 2)")
    late = memory[len(memory) // 3 :]
    print(f"memory of the users' process    {late[0] >> 10} MiB, at the end {late[-1] >> 10} MiB")


class _served:  # noqa: N801 - it is used like a function
    """An embedded server in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> int:
        program = (
            "import sys, time\n"
            "from contracts.mock.server import Server\n"
            "with Server() as server:\n"
            "    print(server.base_url, flush=True)\n"
            "    sys.stdin.read()\n"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self._folder
        )
        told = self._process.stdout.readline() if self._process.stdout is not None else ""
        return int(told.rpartition(":")[2].partition("/")[0])

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=15)
    given = parser.parse_args()
    measure(given.rounds, given.seconds)


if __name__ == "__main__":
    main()
