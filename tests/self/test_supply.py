"""What the suite is made of, and made into: dependencies, wheel and sdist, and what pipelines take from others."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NAME = "checkpoint_permissions_contracts"
KEPT = (
    *("contracts", "spec", "tests", "benchmarks", "docs", "pipelines", ".ci"),
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"),
    *("pyproject.toml", "tox.ini", "conftest.py", "action.yml", "Dockerfile", ".dockerignore", ".gitignore"),
    "checkpoint_permissions_contracts.py",
    "pytest_checkpoint_permissions.py",
)
"""What the repository holds."""
CACHES = shutil.ignore_patterns("__pycache__", ".hypothesis", ".*_cache", "node_modules", "*.pyc")
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)>=([0-9][0-9.]*)(?:,<[0-9.]+)?(?: *;.*)?")


def bounds(*groups: str) -> dict[str, str]:
    """The lowest version of everything that a run needs, or one of these groups."""
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    for group in groups:
        wanted += [each for each in PROJECT["dependency-groups"][group] if isinstance(each, str)]
    found = {}
    for each in wanted:
        match = REQUIREMENT.fullmatch(each)
        assert match, f"{each} has no lower bound"
        found[match[1].lower()] = match[2]
    return found


def lowest() -> dict[str, str]:
    lines = (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


# Dependencies


def test_everything_has_a_lower_bound() -> None:
    assert bounds(*PROJECT["dependency-groups"])


def test_the_lowest_versions_are_those_of_the_bounds() -> None:
    assert {name: _whole(bound) for name, bound in bounds("test").items()} == {
        name: _whole(bound) for name, bound in lowest().items()
    }
    tests = [each for each in (ROOT / "tox.ini").read_text(encoding="utf-8").splitlines() if "lowest.txt" in each]
    assert tests, "tox -e lowest takes them"


def _whole(bound: str) -> str:
    """A version in three parts: 9.0 is 9.0.0."""
    return ".".join([*bound.split("."), "0", "0"][:3])


@pytest.mark.skipif("PIP_CONSTRAINT" not in os.environ, reason="tox -e lowest")
def test_the_lowest_versions_are_installed() -> None:
    assert {name: _whole(version(name)) for name in lowest()} == {name: _whole(one) for name, one in lowest().items()}


def _audited(service: str, *words: str) -> list[dict[str, object]]:
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--format=json",
        "--progress-spinner=off",
        f"--vulnerability-service={service}",
    ]
    done = subprocess.run([*command, *words], capture_output=True, encoding="utf-8", check=False)
    try:
        found: list[dict[str, object]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"the service {service} can't be asked: {reason[:300]}")
    return [each for each in found if "skip_reason" not in each or each["name"] != NAME.replace("_", "-")]


@pytest.mark.skipif(importlib.util.find_spec("pip_audit") is None, reason="tox -e audit, which needs the network")
@pytest.mark.parametrize("service", ["pypi", "osv"])
@pytest.mark.parametrize("which", ["latest", "lowest"])
def test_no_vulnerability_is_known(service: str, which: str) -> None:
    words = ("--local",) if which == "latest" else ("--requirement=tests/lowest.txt", "--no-deps", "--disable-pip")
    found = _audited(service, *words)
    # A service that knows no package at all says nothing of them, and pip-audit ends with 0 then.
    unknown = [each for each in found if "skip_reason" in each]
    if len(unknown) == len(found):
        pytest.skip(
            f"the service {service} knows none of {len(found)} packages: {unknown[0]['skip_reason'] if unknown else ''}"
        )
    assert not unknown
    assert not [each for each in found if each["vulns"]]


HEAVY = {"asyncio", "hypothesis", "jinja2", "pytest", "requests", "schemathesis", "uvicorn", "werkzeug"}
"""What takes long to import, and only some commands need."""


@pytest.mark.parametrize("words", [["--version"], ["list"], ["check", "--help"]], ids=" ".join)
def test_a_command_imports_nothing_heavy_that_it_does_not_need(words: list[str]) -> None:
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: sys.stderr.write(' '.join(sys.modules)))\n"
        f"sys.argv = ['contracts', *{words!r}]\n"
        "from contracts.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    loaded = set(done.stderr.split())
    assert "contracts.cli" in loaded
    assert not loaded & HEAVY


# Wheel and sdist


def _copied(place: Path, *, late: bool) -> Path:
    """The repository at another place: also with other rights, other times, and written in another order."""
    place.mkdir(parents=True)
    for name in sorted(KEPT, reverse=late):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=CACHES)
        else:
            shutil.copy(source, place / name)
    if late:
        for number, path in enumerate(sorted(place.rglob("*"))):
            if path.is_file():
                path.chmod(0o700 if path.stat().st_mode & 0o100 else 0o600)
            os.utime(path, (1_000_000_000 + number, 1_000_000_000 + 7 * number))
    return place


def _built(tree: Path, into: Path, kind: str, **environ: str) -> Path:
    clean = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(into)],
        cwd=tree,
        env=clean | environ,
        umask=0o077 if environ else 0o022,
        check=True,
        capture_output=True,
    )
    (made,) = into.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


class Twice:
    """The repository at two places, and what was built from each."""

    def __init__(self, folder: Path) -> None:
        self.here = _copied(folder / "a", late=False)
        self.there = _copied(folder / "another place" / "ü", late=True)
        elsewhere = {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONHASHSEED": "77", "HOME": str(folder)}
        self.sdists = (_built(self.here, folder / "1", "sdist"), _built(self.there, folder / "2", "sdist", **elsewhere))
        self.wheels = (_built(self.here, folder / "3", "wheel"), _built(self.there, folder / "4", "wheel", **elsewhere))
        command = [sys.executable, "-m", "tarfile", "--extract", str(self.sdists[1]), str(folder / "5")]
        subprocess.run(command, check=True, capture_output=True)
        (unpacked,) = (folder / "5").iterdir()
        self.unpacked = unpacked
        self.again = _built(unpacked, folder / "6", "wheel")


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Twice:
    return Twice(tmp_path_factory.mktemp("built"))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_sdist_and_the_wheel_can_be_reproduced(twice: Twice) -> None:
    for one, other in (twice.sdists, twice.wheels):
        assert one.name == other.name
        assert _digest(one) == _digest(other), one.name


def test_the_wheel_of_the_sdist_is_that_of_the_repository(twice: Twice) -> None:
    assert twice.again.name == twice.wheels[0].name
    assert _digest(twice.again) == _digest(twice.wheels[0])


def _files(tree: Path) -> set[str]:
    return {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}


def test_the_sdist_holds_the_repository_and_nothing_else(twice: Twice) -> None:
    assert _files(twice.unpacked) == _files(twice.here) | {"PKG-INFO"}


def test_what_is_left_lying_about_is_in_neither(twice: Twice, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(twice.here, tree)
    for stray in (
        *("contracts/__pycache__/x.pyc", "tests/self/.hypothesis/x", ".mypy_cache/x", "run.har", "tests/run.har"),
        *(
            "node_modules/x/README.md",
            "tests/node_modules/x.md",
            "build/x.py",
            "dist/x.md",
            "secrets/notes.md",
            "notes.txt",
        ),
    ):
        (tree / stray).parent.mkdir(parents=True, exist_ok=True)
        (tree / stray).write_text("left", encoding="utf-8")
    assert _digest(_built(tree, tmp_path / "sdist", "sdist")) == _digest(twice.sdists[0])
    assert _digest(_built(tree, tmp_path / "wheel", "wheel")) == _digest(twice.wheels[0])


def test_what_the_repository_holds_is_known() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no repository, but what was made of it")
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert {name.partition("/")[0] for name in done.stdout.splitlines()} == set(KEPT)


def test_the_moments_within_are_fixed(twice: Twice) -> None:
    with tarfile.open(twice.sdists[0]) as archive:
        members = archive.getmembers()
    assert len({member.mtime for member in members}) == 1
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "", "")}
    with zipfile.ZipFile(twice.wheels[0]) as wheel:
        assert {info.date_time for info in wheel.infolist()} == {(2020, 2, 2, 0, 0, 0)}


# What pipelines take from others

PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*")
OWN = "YOUR-ORG/checkpoint-permissions-contracts@" + "0" * 40
"""Where the reader's own commit stands."""


def _used() -> Iterator[tuple[str, str]]:
    for file in (ROOT / "action.yml", *sorted((ROOT / "pipelines").glob("*.yml"))):
        for line in file.read_text(encoding="utf-8").splitlines():
            if match := re.match(r"\s*-? *uses: *(.+)", line):
                yield file.name, match[1].strip()


def test_every_step_of_others_is_pinned_by_its_digest() -> None:
    used = list(_used())
    assert used, "there is something to look at"
    for file, what in used:
        assert what == OWN or PINNED.fullmatch(what), f"{file}: {what}"


@pytest.mark.parametrize(
    "loose", ["actions/checkout@v4", "actions/checkout@main", "a/b@ea165f8d65b6e75b540449e92b4886f43607fa02"]
)
def test_a_tag_is_no_digest(loose: str) -> None:
    assert not PINNED.fullmatch(loose)


def test_the_image_is_made_of_what_is_pinned() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim@sha256:[0-9a-f]{64}", bases[0])
    installs = re.findall(r"pip (?:install|wheel) [^&\n\\]*(?:\\\n[^&\n\\]*)*", text)
    assert installs
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install, install


def test_the_image_has_what_is_depended_on() -> None:
    text = (ROOT / "pipelines" / "image.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([a-z0-9._-]+)==([0-9][0-9a-z.]*)", text, re.MULTILINE))
    for name, bound in bounds().items():
        assert name in pinned, f"{name} is missing: tox -e lock"
        assert _numbers(pinned[name]) >= _numbers(bound), name
    blocks = re.split(r"\n(?=[a-z])", text)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)


def _numbers(bound: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", bound)]
