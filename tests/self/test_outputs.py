"""Outputs that can't be written, or are no ordinary files: each in a whole run, in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from canary import key_like
from click.testing import CliRunner
from jinja2 import Environment

from contracts.cli import main
from contracts.core.errors import ConfigurationError, lack
from contracts.core.files import write
from contracts.reports.templating import template
from contracts.runs.job import Job
from contracts.settings.choosing import choose

JUDGE = "check OBS-002 --requests 60 -q"
CONTRACTS = f"{sys.executable} -W error -m contracts"


@dataclass(frozen=True)
class Broken:
    """A shell line with ``{check}`` in it; what it must say, and with which code it must end."""

    line: str
    says: str = ""
    code: int = 4
    prepare: str = ""
    other: bool = True
    """Whether the other report is written all the same."""


BROKEN = {
    "stdout closed": Broken("{check} --json r.json >&-", "Standard output can't be written: it is closed."),
    "stdout full": Broken("{check} --json r.json >/dev/full", "Standard output can't be written: no space left"),
    "stdout full, several reports": Broken("{check} --json r.json --html r.html >/dev/full", "no space left on device"),
    "stdout without a reader": Broken("{check} --json r.json | (exec <&-)", "its reader went away."),
    "stdout closed, help": Broken("{contracts} --help >&-", "it is closed.", other=False),
    "stdout full, help": Broken("{contracts} check --help >/dev/full", "no space left", other=False),
    "stdout full, list": Broken("{contracts} list >/dev/full", "no space left", other=False),
    "stdout full, schema": Broken("{contracts} schema >/dev/full", "no space left", other=False),
    "stdout full, doctor": Broken("{contracts} doctor >/dev/full", "no space left", other=False),
    "stdout without a reader, version": Broken("{contracts} --version | (exec <&-)", "reader went away", other=False),
    "stderr closed": Broken("{check} --json r.json 2>&-", code=0),
    "stderr full": Broken("{check} --json r.json 2>/dev/full", code=0),
    "stderr full, an error": Broken("{contracts} check --sede 2>/dev/full", "There is no option --sede", other=False),
    "both closed": Broken("{check} --json r.json >&- 2>&-"),
    "an encoding of nothing": Broken("PYTHONIOENCODING=undefined {contracts} list", code=0, other=False),
    "an encoding of names": Broken("PYTHONIOENCODING=idna {contracts} list --sede", "no option --sede", other=False),
    "an unknown way with errors": Broken("PYTHONIOENCODING=ascii:x {contracts} list", code=0, other=False),
    "stdin closed": Broken("{check} --json r.json <&-", code=0),
    "a pipe without a reader": Broken(
        "{check} --html p --json r.json", "p can't be written: nothing has read from it for 1 s.", prepare="mkfifo p"
    ),
    "a recording into a pipe without a reader": Broken(
        "{check} --record p --json r.json", "nothing has read from it for 1 s.", prepare="mkfifo p"
    ),
    # The recording has to be much longer than what a pipe holds, or it is written before the reader goes.
    "a pipe whose reader goes": Broken(
        "(head -c 10 p; sleep 0.1) & {check} PAG-001 --json r.json --record p; code=$?; wait; exit $code",
        "p can't be written: its reader went away.",
        prepare="mkfifo p",
    ),
    "a circle of links": Broken(
        "{check} --html a --json r.json", "--html a can't be written: too many levels", prepare="ln -s a b; ln -s b a"
    ),
    "a circle of links for a folder": Broken(
        "{check} --issues a --json r.json", "--issues a can't be written to: too many levels", prepare="ln -s a a"
    ),
    "a folder": Broken("{check} --html d --json r.json", "it is a folder: name a file in it.", prepare="mkdir d"),
    "a file as a folder": Broken(
        "{check} --html f/r.html --json r.json", "--html f/r.html can't be", prepare="touch f"
    ),
    "a name that is too long": Broken("{check} --html $(printf %0300d 0)", "file name too long.", other=False),
    "a full device": Broken("{check} --html /dev/full --json r.json", "/dev/full can't be written: no space left"),
    "a recording into a full device": Broken("{check} --record /dev/full --json r.json", "no space left on device."),
    "the same file twice": Broken(
        "{check} --html r --json ./r; code=$?; test ! -e r && exit $code", "name the same file: give two.", other=False
    ),
    "a folder by its slash": Broken(
        "{check} --html new/", "--html new/ names a folder: name a file in it.", other=False
    ),
    "an option in the place of a name": Broken(
        "{check} --html --junit", "--html has no value: what stands behind it is the option --junit.", other=False
    ),
    "the file of the key": Broken(
        "{check} --base-url http://127.0.0.1:1 --checkpoint x --key-file k --html ./k",
        "--html k is the file that --key-file reads: name another one.",
        prepare=f"echo {key_like()} >k",
        other=False,
    ),
    "the recording that is judged": Broken(
        "{contracts} replay run.har --json link",
        "--json link is the file that this replay reads",
        prepare="echo {{}} >run.har; ln -s run.har link",
        other=False,
    ),
    "the configuration": Broken(
        "{check} --json contracts.toml",
        "contracts.toml is the file that the configuration reads",
        prepare="echo 'requests = 60' >contracts.toml",
        other=False,
    ),
    "standard output twice": Broken(
        "test -z $({check} --html - --json /dev/stdout; echo $? >code) && exit $(cat code)",
        "name the same file",
        other=False,
    ),
    "a working folder that is gone": Broken(
        "rmdir ../gone; {check} --json {here}/r.json",
        "The current folder can't be read: no such file or directory.",
        prepare="mkdir gone; cd gone",
    ),
    "a configuration that is none": Broken(
        "{check} --json r.json", "contracts.toml is no TOML", prepare="echo '=' >contracts.toml"
    ),
    "few descriptors": Broken(
        "ulimit -n 8; {check} --json r.json", "This process may open 8 files, and a run needs 64: raise `ulimit -n`."
    ),
    "files of no size": Broken("ulimit -f 0; {check} --json r.json", "file too large.", other=False),
}


def ran(folder: Path, line: str, prepare: str = "") -> subprocess.CompletedProcess[str]:
    words = {"contracts": CONTRACTS, "check": f"{CONTRACTS} {JUDGE}", "here": str(folder)}
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTS_", "GITHUB_"))}
    environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    script = f"set -o pipefail\n{prepare}\n{line.format(**words)}"
    return subprocess.run(["bash", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", BROKEN)
def test_an_output_that_fails_is_reported_and_nothing_is_accused(tmp_path: Path, name: str) -> None:
    broken = BROKEN[name]
    done = ran(tmp_path, broken.line, broken.prepare)
    told = done.stdout + done.stderr
    assert done.returncode == broken.code, told
    assert broken.says in told
    sentences = [line for line in told.splitlines() if line.startswith("contracts: ")]
    assert len(sentences) == bool(broken.says), told
    assert "Traceback" not in told
    assert "Exception ignored" not in told
    if broken.other:
        report = json.loads((tmp_path / "r.json").read_text())
        assert report["format"]


def test_a_report_can_be_standard_output(tmp_path: Path) -> None:
    for word in ("-", "/dev/stdout", "/dev/fd/1"):
        done = ran(tmp_path, f"{{check}} --json {word}")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["exit_code"] == 0
        assert done.stderr == "KEPT: questions only  exit 0\n"
    done = ran(tmp_path, "{check} --record - | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))'")
    assert (done.returncode, done.stdout) == (0, "1\n")


def test_links_are_followed_and_modes_are_kept(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    report = tmp_path / "there" / "r.json"
    report.touch(mode=0o600)
    (tmp_path / "link").symlink_to("there/r.json")
    (tmp_path / "dangling").symlink_to("there/new.html")
    done = ran(tmp_path, "{check} --json link --html dangling --record made/of/three/run.har")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "dangling").is_symlink()
    assert json.loads(report.read_text())["exit_code"] == 0
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert (tmp_path / "there" / "new.html").stat().st_size
    assert (tmp_path / "made" / "of" / "three" / "run.har").stat().st_size
    assert sorted(each.name for each in (tmp_path / "there").iterdir()) == ["new.html", "r.json"]


@pytest.mark.parametrize(
    "line", ["check --json {file}", "check --json {file} --sede 1", "check --json {file} --seed x"]
)
@pytest.mark.parametrize("read", ["--spec {file}", "--base-url http://127.0.0.1:1 --checkpoint x --key-file {file}"])
def test_what_is_read_stays_as_it_is(line: str, read: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("openapi: 3.1.0")
    words = f"{line} {read}".replace("{file}", str(tmp_path / "file")).split()
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 4, done.output
    assert (tmp_path / "file").read_text() == "openapi: 3.1.0"


def test_devices_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to("/dev/null")
    done = ran(tmp_path, "mkfifo p; cat p >seen & {check} --json p --html null --record /dev/null && wait")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "seen").read_text())["exit_code"] == 0
    assert stat.S_ISFIFO((tmp_path / "p").stat().st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    done = ran(tmp_path, "{check} --json >(cat >seen-too) --html /dev/fd/3 3>page; sleep 0.5")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "seen-too").read_text())["exit_code"] == 0
    assert (tmp_path / "page").stat().st_size


def test_a_socket_is_reported_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the address of a socket must be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s")
        with pytest.raises(ConfigurationError, match=r"can't be written: it is a socket: name a file\.$"):
            write(Path("s"), "new")


def test_what_stands_in_a_file_stays_until_the_new_text_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "r.json"
    file.write_text("old", encoding="utf-8")

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(ConfigurationError, match=r"can't be written: no space left on device\.$"):
        write(file, "new")
    assert file.read_text(encoding="utf-8") == "old"


@pytest.mark.skipif(os.geteuid() == 0, reason="a superuser may write everywhere")
def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    file.touch(mode=0o400)
    with pytest.raises(ConfigurationError, match="permission denied"):
        write(file, "new")


def test_a_thread_that_can_not_be_started_is_reported_as_that() -> None:
    error = ValueError("no case could be drawn")
    error.__cause__ = RuntimeError("can't start new thread")
    assert lack(error) == "no further thread can be started (see `ulimit -u` and `ulimit -v`)"


@pytest.mark.parametrize("error", [MemoryError(), SystemError("error return without exception set")])
def test_where_memory_runs_out_the_page_is_written_all_the_same(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object) -> object:
        monkeypatch.setattr(Environment, "compile", opened)
        raise error

    template.cache_clear()
    monkeypatch.setattr("contracts.runs.job.opened", opened)
    with pytest.raises(type(error)):
        Job(choose({"html": str(tmp_path / "r.html")}, {})).judge()
    assert "the run ended before there was a verdict" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert lack(error) == "there is not enough memory"
