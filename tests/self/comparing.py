"""Keeps what the suite makes of every server whose verdict is known, and tells what another version makes of it.

``python tests/self/comparing.py keep FOLDER --contracts OLD/bin/contracts`` checks every fault and every variant,
writes ``FOLDER/verdicts.json``, and keeps recordings of an evenly chosen hundred, with what a replay makes of each.
``python tests/self/comparing.py compare FOLDER --contracts NEW/bin/contracts`` does the same with another
installation, but replays the kept recordings. It prints a line for each difference, and exits 1 if there is any.

Without ``--contracts`` it is the command beside this Python. Faults and variants that are named stand for themselves;
without a name, all are checked. ``--only verdicts`` compares exit codes and verdicts; ``--ignore PAG-014,cases``
leaves out a clause, a field or a server. What is new is no difference, and what is gone is one. A server that differs
is checked once more before it is told. Where timing has a say in what is broken, only the clause that must catch it
is compared, and where it has one in the number of cases, all but that. Nothing is used but the command line and its
JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

T = TypeVar("T")
Outcome = Mapping[str, Any]
"""What one run said, as it is kept."""
RECORDINGS = 100
PATIENCE = 600
"""Seconds after which a command hangs."""
WIDEST = 120
"""Characters of a value that are printed; of long ones that begin alike, those from where they part."""
TIMED = re.compile(
    r".*-(sixth|overlapping|now-and-then)|(cursor|limit|order|project)-shared|cache-ignores-.*-for-a-while"
    r"|created-at-touched-by-reading|door-opens-after-admin|gateway-gives-up|newest-not-on-each-replica"
    r"|unknown-checkpoint-is-the-last-one"
)
"""The faults of which the order of overlapping requests decides what they break: the command line does not say it."""
UNCOUNTED = re.compile(
    r"(gains|loses|moves)-.*|changes-.*|grows-from-nothing|dwindles-to-nothing|cursors-outlive|copies-follow"
    r"|cache-ignores-.*|redirected-307-sometimes"
)
"""The servers of which that order decides how many cases a clause has, and nothing else."""
OF_RUN = ("exit", "requests", "said")
OF_CLAUSE = ("verdict", "cases", "breaches", "because", "reason", "provide", "answer")
OF_FINDING = ("expected", "actual", "left_out", "seen", "asked")
VERDICTS = frozenset({"exit", "verdict"})
COUNTS = frozenset({"cases", "breaches"})


# What the command line tells


@dataclass(frozen=True, slots=True)
class Server:
    """A server whose verdict is known, and the clause that must catch it if it is wrong."""

    kind: str
    name: str
    clause: str = ""

    def __str__(self) -> str:
        """A fault and a variant may have the same name."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Contracts:
    """The command of one installation, and where recordings are kept."""

    command: Path
    recordings: Path

    def call(self, *words: str, place: str | None = None) -> subprocess.CompletedProcess[str]:
        """Call it in an environment that chooses nothing for it."""
        choosing = ("CONTRACTS_", "OPENAI_", "GITHUB_", "PYTHON")
        env = {name: value for name, value in os.environ.items() if not name.startswith(choosing)}
        env |= {"NO_COLOR": "1", "COLUMNS": "200", "PYTHONUTF8": "1"}
        return subprocess.run(
            [str(self.command), *words],
            env=env,
            cwd=place,
            timeout=PATIENCE,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    def listed(self, *words: str) -> Iterator[tuple[str, str]]:
        """The names that it lists, each with the clause that it stands under."""
        clause = ""
        for line in self.call("list", *words).stdout.splitlines():
            if heading := re.match(r"([A-Z]{3}-\d{3})  ", line):
                clause = heading[1]
            elif name := re.match(r"  (\S+)(?:  |$)", line):
                yield name[1], clause

    def clauses(self) -> list[str]:
        """The ids of all clauses."""
        return [clause for clause, _ in self.listed()]

    def servers(self) -> dict[str, Server]:
        """All faults and variants."""
        found = [Server("fault", name, clause) for name, clause in self.listed("--faults")]
        found += [Server("variant", name) for name, _ in self.listed("--variants")]
        return {str(one): one for one in found}

    def check(self, server: Server, *, record: bool = False) -> Outcome:
        """What it makes of a server."""
        more = ("--record", str(self.recording(str(server)))) if record else ()
        return self._outcome("check", f"--{server.kind}", server.name, "--seed", "0", *more)

    def replay(self, server: str) -> Outcome:
        """What it makes of the recording of a server."""
        return self._outcome("replay", str(self.recording(server)))

    def recording(self, server: str) -> Path:
        """Where the recording of a server is kept."""
        return self.recordings / f"{server.replace(' ', '-')}.har"

    def _outcome(self, *words: str) -> Outcome:
        with TemporaryDirectory() as place:
            file = Path(place, "report.json")
            try:
                done = self.call(*words, "--json", str(file), place=place)
            except subprocess.TimeoutExpired:
                return {"exit": "it hangs"}
            if not file.exists():
                return {"exit": done.returncode, "said": settled(done.stderr.strip().rpartition("\n")[2])}
            report = json.loads(file.read_text(encoding="utf-8"))
        clauses = {row["id"]: _of_clause(row) for row in report["clauses"]}
        return {"exit": done.returncode, "requests": report["requests"]["total"], "clauses": clauses}


def _of_clause(row: Mapping[str, Any]) -> Mapping[str, object]:
    finding = row["finding"] or {"requests": ()}
    values = {field: row[field] for field in OF_CLAUSE} | {field: finding.get(field) for field in OF_FINDING}
    for number, one in enumerate(finding["requests"], 1):
        sent = f" as {one['sent_as']}" if one["sent_as"] else ""
        values[f"request {number}"] = f"{one['target']} by {one['credential']}{sent}: {one['outcome']}"
    return {field: settled(value) for field, value in values.items() if value}


def settled(value: object) -> object:
    """A value without ports and seconds."""
    if not isinstance(value, str):
        return value
    return re.sub(r"\b\d+\.\d+ s\b", "T s", re.sub(r"\b(127\.0\.0\.1|localhost):\d+", r"\1:PORT", value))


# Keep


def keep(contracts: Contracts, file: Path, names: list[str], jobs: int) -> int:
    """Write down what is made of these servers, or of all, and of the recordings of some."""
    contracts.recordings.mkdir(parents=True, exist_ok=True)
    known = contracts.servers()
    wanted = _chosen(known, names)
    number = min(RECORDINGS, len(wanted))
    chosen = [wanted[place * len(wanted) // number] for place in range(number)]

    def check(name: str) -> Outcome:
        server = known[name]
        timed = server.kind == "fault" and TIMED.fullmatch(server.name) is not None
        marks = {"caught_by": server.clause, "timed": timed, "counted": UNCOUNTED.fullmatch(server.name) is None}
        return {**marks, **contracts.check(server, record=name in chosen)}

    with ThreadPoolExecutor(jobs) as pool:
        servers = dict(zip(wanted, progress(pool.map(check, wanted)), strict=True))
        replays = dict(zip(chosen, pool.map(contracts.replay, chosen), strict=True))
    kept = {"clauses": contracts.clauses(), "known": list(known), "servers": servers, "replays": replays}
    file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _say(f"{len(servers)} servers and {len(replays)} recordings kept")
    return 0


def _chosen(servers: Iterable[str], names: Collection[str], ignored: Collection[str] = ()) -> list[str]:
    """The servers that are asked for, which are all if none is named."""
    named = {server: server.partition(" ")[2] for server in servers}
    return [server for server, name in named.items() if name not in ignored and (not names or name in names)]


def progress(results: Iterable[T]) -> Iterator[T]:
    """The same results, and a word now and then."""
    for number, one in enumerate(results, 1):
        yield one
        if number % 50 == 0:
            sys.stderr.write(f"{number} servers checked\n")


# Compare


@dataclass(frozen=True, slots=True)
class Terms:
    """What is compared: those fields of the clauses that are known on both sides."""

    before: frozenset[str]
    after: frozenset[str]
    only: frozenset[str]
    ignored: frozenset[str]

    def differences(self, name: str, before: Outcome, after: Outcome) -> list[str]:
        """A line for each value that is another now, as far as ``before`` is marked to be the same each time."""
        if not before.get("timed") and ("clauses" in before) != ("clauses" in after):
            # One side could not judge at all: that is told of the run, and not of each clause.
            before, after = ({**one, "clauses": {}} for one in (before, after))
        old, new = self._values(before), self._values(after)
        lines = []
        for clause, field in dict.fromkeys([*old, *new]):
            if {clause, field} & self.ignored or (self.only and field not in self.only):
                continue
            if before.get("timed") and (clause, field) != (before["caught_by"], "verdict"):
                continue
            if field in COUNTS and not before.get("counted", True):
                continue
            values = (side.get((clause, field), "nothing") for side in (old, new))
            if old.get((clause, field)) != new.get((clause, field)):
                lines.append(f"{name}  {clause or 'run'} {field}: {_side_by_side(*map(str, values))}")
        return lines

    def _values(self, one: Outcome) -> dict[tuple[str, str], object]:
        rows = {"": {field: one[field] for field in OF_RUN if field in one}}
        rows |= {clause: row for clause, row in one.get("clauses", {}).items() if clause in self.before & self.after}
        return {(clause, field): value for clause, row in rows.items() for field, value in row.items()}


def _side_by_side(before: str, after: str) -> str:
    before, after = (value.replace("\n", "\\n") for value in (before, after))
    pairs = enumerate(zip(before, after, strict=False))
    parting = next((place for place, (old, new) in pairs if old != new), min(len(before), len(after)))
    start = max(0, parting - 20) if max(len(before), len(after)) > WIDEST else 0
    return " → ".join(("…" if start else "") + value[start : start + WIDEST] for value in (before, after))


def compare(contracts: Contracts, kept: Mapping[str, Any], names: list[str], jobs: int, terms: Terms) -> int:
    """Print what is made otherwise of these servers, or of all, and of their kept recordings."""
    before, now = kept["servers"], contracts.servers()
    both = [server for server in _chosen(now, names, terms.ignored) if server in before]
    recorded = [server for server in both if server in kept["replays"]]
    passing = []

    def check(server: str) -> list[str]:
        first = terms.differences(server, before[server], contracts.check(now[server]))
        again = first and terms.differences(server, before[server], contracts.check(now[server]))
        if first and not again:
            passing.append(server)
        return again

    def replay(server: str) -> list[str]:
        lines = terms.differences(server, kept["replays"][server], contracts.replay(server))
        return [f"replay of {line}" for line in lines]

    with ThreadPoolExecutor(jobs) as pool:
        servers = list(_printed(progress(pool.map(check, both))))
        replays = list(_printed(pool.map(replay, recorded)))
    lines = sum(map(len, servers + replays))
    differing = f"in {sum(map(bool, servers))} servers and {sum(map(bool, replays))} recordings"
    _say(f"{len(both)} servers and {len(recorded)} recordings compared: {lines} differences {differing}")
    asked_before, asked_now = (set(_chosen(side, names, terms.ignored)) for side in (kept["known"], now))
    gone = False
    for what, those in (
        ("differed once and not again", passing),
        ("new clauses", terms.after - terms.before),
        ("new servers", asked_now - asked_before),
        ("gone clauses", terms.before - terms.after),
        ("gone servers", asked_before - asked_now),
    ):
        if those:
            _say(f"{what}: {', '.join(sorted(those))}")
            gone |= what.startswith("gone")
    return int(gone or lines > 0)


def _printed(results: Iterable[list[str]]) -> Iterator[list[str]]:
    for lines in results:
        for line in lines:
            _say(line)
        yield lines


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Keep, or compare."""
    parser = argparse.ArgumentParser(description="Keeps and compares what is made of every fault and variant.")
    parser.add_argument("what", choices=["keep", "compare"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--contracts", type=Path, default=Path(sys.executable).with_name("contracts"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=["verdicts"], help="compare nothing else")
    parser.add_argument("--ignore", default="", metavar="CLAUSE,...", help="clauses, fields or servers to leave out")
    given = parser.parse_intermixed_args()
    folder = given.folder.absolute()
    contracts, file = Contracts(given.contracts.absolute(), folder / "recordings"), folder / "verdicts.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if given.what == "compare" else {}
    known = {server.partition(" ")[2] for server in (*contracts.servers(), *kept.get("known", ()))}
    if unknown := set(given.names) - known:
        parser.error(f"no fault or variant: {', '.join(sorted(unknown))}")
    if given.what == "keep":
        return keep(contracts, file, given.names, given.jobs)
    ignored = frozenset(given.ignore.split(","))
    before, after = ({*clauses} - ignored for clauses in (kept["clauses"], contracts.clauses()))
    terms = Terms(frozenset(before), frozenset(after), VERDICTS if given.only else frozenset(), ignored)
    return compare(contracts, kept, given.names, given.jobs, terms)


if __name__ == "__main__":
    sys.exit(main())
