"""Real clients on the embedded server: what they page through where it is right, and make of it where it is wrong.

The table of `docs/clients.md` is from these runs: `CONTRACT_PEERS_UPDATE=1` writes it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from paging import NODE, PYTHON, PYTHON_ASYNC, Walk, Walked, made_of, with_node, with_python, with_python_async

from contracts.mock.faults import open_fault
from contracts.mock.server import Server
from contracts.mock.store import Dataset
from contracts.openapi.loading import load_operation
from contracts.runs.target import embedded
from contracts.settings.settings import Settings

Options = dict[str, str | int]

PLACE = os.environ.get("CONTRACT_PEERS", "")
UPDATE = bool(os.environ.get("CONTRACT_PEERS_UPDATE"))
FORM = Path(__file__).parent / "documents" / "openai-form.yaml"
PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
NODE_VERSION = "7.59.0"
CLIENT_TESTS = ("pytest", "pytest-asyncio", "rich", "inline-snapshot", "respx")
"""What the tests of openai for Python take."""
CLIENTS = (PYTHON, PYTHON_ASYNC, NODE)
LISTS = {
    "fine_tuning.checkpoints.permissions": ("", "ascending", "descending"),
    "files": ("listFiles", "asc", "desc"),
    "batches": ("listBatches",),
    "vector_stores": ("listVectorStores", "asc", "desc"),
    "conversations.items": ("listConversationItems", "asc", "desc"),
}
"""Each list that the embedded server serves and the clients have a method for, with its operation and its orders."""
FAULTS = (
    *("after-ignored", "cursor-included", "one-skipped", "after-last-item-is-first-page"),
    *("after-last-item-not-found", "item-42-no-cursor", "list-is-a-ring", "offset-one-short", "ties-lost"),
    *("last-id-null", "last-id-missing", "last-id-of-first-item", "last-id-of-list", "last-id-anumber"),
    *("has-more-missing", "has-more-astring", "has-more-null", "has-more-never", "has-more-always"),
    *("has-more-from-full-page", "has-more-inverted", "limit-ignored", "half-a-page", "everything-at-once"),
    *("data-missing", "data-null", "data-an-object", "body-is-array", "body-without-end", "body-with-byte-order-mark"),
    *("item-without-id", "item-is-null", "id-a-number", "created-at-a-date", "item-stored-twice"),
    *("order-ignored", "what-is-not-found-as-200"),
)
"""What matters to a client."""
OPTIONS: dict[str, Options] = {"order-ignored": {"order": "ascending"}, "item-42-no-cursor": {"limit": 7}}
"""What must be asked for to meet a fault."""
MOST = 200
"""Items after which a walk through 57 counts as one without an end."""


@pytest.fixture(scope="session")
def modules() -> Path:
    """Where openai for Node is installed."""
    if not PLACE:
        pytest.skip("installs openai for Node, which `tox -e peers` does")
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node is not installed")
    home = Path(PLACE) / "node-client"
    if not (home / "node_modules" / "openai").exists():
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text('{"private": true}', encoding="utf-8")
        options = ["--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([npm, "install", *options, f"openai@{NODE_VERSION}"], cwd=home, check=True)
    return home / "node_modules"


def walked(client: str, walks: Sequence[Walk], key: str, modules: Path) -> list[Walked]:
    if client == NODE:
        return with_node(walks, key, modules)
    return (with_python if client == PYTHON else with_python_async)(walks, key)


@contextmanager
def serving(name: str) -> Iterator[tuple[Server, str, str]]:
    """The embedded server for a list, what the list belongs to, and its path."""
    operation = load_operation(FORM, name=LISTS[name][0]) if LISTS[name][0] else load_operation()
    with embedded(Settings(), operation=operation) as server:
        within = server.dataset.checkpoint if operation.roles.scope else ""
        before, after = operation.around_scope
        yield server, within, f"{before}{within}{after}"


def held(server: Server, path: str, options: Mapping[str, str | int]) -> list[str]:
    """What the list holds, read without a client: in one page, or by its cursor."""
    found: list[str] = []
    while True:
        query = {**options, "limit": 100} | ({"after": found[-1]} if found else {})
        page = _get(server, f"{path}?{'&'.join(f'{name}={value}' for name, value in query.items())}")
        found += [item["id"] for item in page["data"]]
        if not page["has_more"]:
            return found


def _get(server: Server, target: str) -> Any:
    headers = {"Authorization": f"Bearer {server.dataset.admin_key}"}
    with urllib.request.urlopen(urllib.request.Request(server.base_url + target, None, headers)) as answer:
        return json.load(answer)


def asked(name: str, server: Server) -> Iterator[Options]:
    """In each order, at each size, and filtered where the list can be."""
    orders: list[Options] = [{}]
    orders += [Options(order=order) for order in LISTS[name][1:]]
    largest = 100
    sizes: list[Options] = [{}, {"limit": 1}, {"limit": 2}, {"limit": largest}]
    yield from (Options(**order, **size) for order in orders for size in sizes)
    project = next(iter(server.dataset.permissions)).project_id
    if name.endswith("permissions"):
        yield from (Options(project_id=project, **size) for size in sizes)
    if name == "files":
        yield from (Options(purpose=project, **size) for size in sizes)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", LISTS)
def test_clients_page_through_a_right_list(name: str, modules: Path) -> None:
    with serving(name) as (server, within, path):
        options = list(asked(name, server))
        walks = [Walk(server.base_url, name, within, each) for each in options]
        wanted = [held(server, path, {k: v for k, v in each.items() if k != "limit"}) for each in options]
        assert all(wanted)
        for client in CLIENTS:
            found = walked(client, walks, server.dataset.admin_key, modules)
            assert [list(each.ids) for each in found] == wanted, client
            assert not any(each.error for each in found)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_clients_read_the_page_before_an_item(order: str, modules: Path) -> None:
    with serving("vector_stores") as (server, within, path):
        ids = held(server, path, {"order": order})
        walk = Walk(
            server.base_url, "vector_stores", within, {"order": order, "before": ids[20], "limit": 5}, once=True
        )
        for client in CLIENTS:
            (found,) = walked(client, [walk], server.dataset.admin_key, modules)
            assert set(found.ids) == set(ids[15:20])


def test_clients_make_of_faults_what_the_page_says(modules: Path) -> None:
    rows = []
    for fault in FAULTS:
        with open_fault(fault) as server:
            data = server.dataset
            ascending = fault == "order-ignored"
            options = OPTIONS.get(fault, {})
            walk = Walk(server.base_url, "fine_tuning.checkpoints.permissions", data.checkpoint, options, MOST)
            listed = _listed(data, ascending=ascending)
            found = [walked(client, [walk], data.admin_key, modules)[0] for client in CLIENTS]
        told = [made_of(each, listed, MOST) for each in found]
        assert told[0] == told[1], f"{fault}: sync and async differ"
        rows.append(f"| `{fault}` | {told[0]} | {told[2]} |\n")
    heads = ["fault", f"openai for Python {openai.__version__}", f"openai for Node {NODE_VERSION}"]
    table = f"| {' | '.join(heads)} |\n|---|---|---|\n{''.join(rows)}"
    marked = re.compile(r"<!-- found -->\n(.*?)<!-- end -->\n", re.DOTALL)
    text = PAGE.read_text(encoding="utf-8")
    if UPDATE:
        text = marked.sub(lambda _: f"<!-- found -->\n{table}<!-- end -->\n", text)
        PAGE.write_text(text, encoding="utf-8")
    (shown,) = marked.findall(text)
    assert shown.splitlines()[2:] == table.splitlines()[2:]


def _listed(data: Dataset, *, ascending: bool) -> list[str]:
    path = f"/fine_tuning/checkpoints/{data.checkpoint}/permissions"
    with Server(data) as server:
        return held(server, path, {"order": "ascending" if ascending else "descending"})


@pytest.mark.timeout(1800)
def test_the_tests_of_the_client_for_python_pass() -> None:
    if not PLACE:
        pytest.skip("installs the tests of openai for Python, which `tox -e peers` does")
    home = Path(PLACE) / f"python-client-{openai.__version__}"
    python = home / "bin" / "python"
    if not (home / "made").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        package = f"openai=={openai.__version__}"
        subprocess.run([*pip, "install", f"openai[aiohttp]=={openai.__version__}", *CLIENT_TESTS], check=True)
        subprocess.run([*pip, "download", "--no-deps", "--no-binary=openai", f"--dest={home}", package], check=True)
        (archive,) = home.glob("openai-*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(home / "source", filter="data")
        (home / "made").write_text("", encoding="utf-8")
    (source,) = (home / "source").iterdir()
    words = ["serve", "--variant=lenient", "--keys-of-environment", "--checkpoint=ft-AF1WoRqd3aJAHsqc9NY7iL8F"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONTRACTS_", "OPENAI_"))}
    with subprocess.Popen(
        [sys.executable, "-m", "contracts", *words],
        env=environ | {"OPENAI_ADMIN_KEY": "My API Key", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        base_url = server.stdout.readline().split()[-1]
        tests = ["tests/api_resources/fine_tuning/checkpoints", "-k", "list or retrieve"]
        done = subprocess.run(
            [str(python), "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider", *tests],
            cwd=source,
            env=environ | {"TEST_API_BASE_URL": base_url},
            capture_output=True,
            text=True,
            check=False,
        )
        server.terminate()
        server.communicate()
    assert done.returncode == 0, done.stdout[-4000:]
    (passed,) = re.findall(r"(\d+) passed", done.stdout)
    assert f"its {passed} tests of listing and retrieving permissions pass" in PAGE.read_text(encoding="utf-8")
