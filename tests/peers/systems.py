"""The systems of others that the suite is tried on: how each is installed, started and filled, and its lists.

Everything listens on 127.0.0.1 and is filled by its own API, as its users would fill it. Versions are pinned;
`CONTRACT_PEERS_NEWEST=1` takes the newest instead.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keeping import free_port

HERE = Path(__file__).parent
DOCUMENTS = HERE / "documents"
PUBLISHED = HERE.parents[1] / "spec" / "openapi.yaml"
KEY = "sk_test_admin_of_the_peers_0123456789"
"""What each system is asked with: localstripe wants a key to begin like this."""
ITEMS = 25
"""What each list holds: more than a page of the usual size."""
_NEWEST = bool(os.environ.get("CONTRACT_PEERS_NEWEST"))


class Missing(Exception):
    """A tool that a system needs is not here."""


@dataclass(frozen=True)
class Listed:
    """One list of a system.

    Without a ``document`` it is judged by the one that the system serves, known once it is filled under the name
    ``served``. ``at`` holds values of its path; those of ``filled`` are known once the system is filled.
    """

    name: str
    operation: str
    document: Path | None = None
    overlay: Path | None = None
    path: str = "/v1"
    at: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    served: str = "document"
    more: tuple[str, ...] = ()
    """Further options of `contracts check`."""

    def options(self, known: Mapping[str, str]) -> list[str]:
        document = self.document or known[self.served]
        words = [f"--spec={document}", f"--operation={self.operation}"] if self.operation else []
        words += [f"--overlay={self.overlay}"] if self.overlay else []
        words += [f"--at={each}" for each in (*self.at, *(f"{name}={known[name]}" for name in self.filled))]
        return [*words, *self.more]


def _fill_nothing(_base_url: str, _place: Path) -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class System:
    """One system.

    ``python`` is the least version that it runs on, or nothing where it is a package of npm. ``command`` and
    ``environ`` get the folder of its programs, a folder for its data, its port, and where the system that it stands
    in front of listens. ``fill`` gets where it listens and the folder for its data.
    """

    name: str
    packages: tuple[str, ...]
    lists: tuple[Listed, ...]
    command: Callable[[Path, Path, int, str], Sequence[str]]
    python: tuple[int, int] | None = (3, 11)
    environ: Callable[[Path, Path, str], Mapping[str, str]] = lambda _programs, _data, _behind: {}
    prepare: Callable[[Path], None] = lambda _data: None
    fill: Callable[[str, Path], dict[str, str]] = _fill_nothing
    behind: str = ""
    """The name of the system that it stands in front of."""
    now_and_then: frozenset[str] = frozenset()
    """Clauses of which it is warned in some runs only."""
    home: str = ""
    """The folder of its programs, where it shares them with another one."""

    @property
    def slug(self) -> str:
        return self.home or self.name.lower()

    def installed(self, place: Path) -> Path:
        """The folder of its programs, in an environment of its own that is made if it is not there.

        Raises:
            Missing: A tool is missing that it takes.
        """
        wanted = "\n".join(_name(each) if _NEWEST else each for each in self.packages)
        home = place / self.slug
        made = home / "made"
        if not made.exists() or made.read_text(encoding="utf-8") != wanted:
            shutil.rmtree(home, ignore_errors=True)
            (self._install_npm if self.python is None else self._install_python)(home, wanted.split("\n"))
            made.write_text(wanted, encoding="utf-8")
        return home / ("node_modules/.bin" if self.python is None else "bin")

    def _install_npm(self, home: Path, wanted: Sequence[str]) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise Missing("npm is not installed")
        home.mkdir(parents=True)
        options = ["--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
        (home / "package.json").write_text('{"private": true}', encoding="utf-8")
        subprocess.run([npm, "install", *options, *(each.replace("==", "@") for each in wanted)], cwd=home, check=True)

    def _install_python(self, home: Path, wanted: Sequence[str]) -> None:
        assert self.python is not None
        python = _interpreter(self.python)
        subprocess.run([python, "-m", "venv", str(home)], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *wanted], check=True)

    def version(self, programs: Path) -> str:
        """The version that is installed."""
        name = _name(self.packages[0]).partition("[")[0]
        if self.python is None:
            package = programs.parent / name / "package.json"
            return str(json.loads(package.read_text(encoding="utf-8"))["version"])
        line = f"import importlib.metadata as m; print(m.version({name!r}))"
        return subprocess.run(
            [programs / "python", "-c", line], check=True, capture_output=True, text=True
        ).stdout.strip()


def _name(package: str) -> str:
    return package.rpartition("==")[0]


def _interpreter(least: tuple[int, int]) -> str:
    if sys.version_info >= least:
        return sys.executable
    for minor in range(14, least[1] - 1, -1):
        name = f"python{least[0]}.{minor}"
        # Where pyenv manages them, the one on the path may not run, though that version is installed.
        managed = sorted(_PYENV.glob(f"versions/{least[0]}.{minor}.*/bin/{name}"))
        for found in (shutil.which(name), *managed):
            if found and subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
                return str(found)
    raise Missing(f"Python {least[0]}.{least[1]} or newer is not installed")


_PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))


def post(url: str, body: object = None, *, form: bytes = b"", kind: str = "application/json") -> Any:
    """What a POST is answered, as data."""
    data = form or json.dumps(body or {}).encode()
    headers = {"Content-Type": kind, "Authorization": f"Bearer {KEY}"}
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def upload(url: str, name: str, purpose: str = "", content: bytes = b"{}") -> Any:
    """A file, sent as a form sends it."""
    parts = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="{field}"{more}\r\n\r\n'.encode() + value + b"\r\n"
        for field, more, value in (("purpose", "", purpose.encode()), ("file", f'; filename="{name}"', content))
        if value
    )
    return post(url, form=parts + b"--x--\r\n", kind="multipart/form-data; boundary=x")


def spread(make: Callable[[int], object]) -> None:
    """Make the items of a list, some in the same second and some not."""
    for number in range(ITEMS):
        if number % 5 == 0:
            time.sleep(1.01)
        make(number)


# llmock


def _fill_llmock(base_url: str, _data: Path) -> dict[str, str]:
    file = upload(f"{base_url}/v1/files", "a.jsonl", "batch")["id"]

    def make(_number: int) -> None:
        post(f"{base_url}/v1/batches", {"input_file_id": file, "endpoint": "/v1/chat/completions"})
        post(f"{base_url}/anthropic/v1/messages/batches", {"requests": [{"custom_id": "a", "params": {}}]})

    spread(make)
    # A batch is worked on for a second, and changes no more after that.
    time.sleep(2)
    return {}


LLMOCK = System(
    "llmock",
    ("llmock==0.2.2",),
    (
        Listed("Batches", "listBatches", DOCUMENTS / "openai-form.yaml"),
        Listed("Message batches", "listMessageBatches", DOCUMENTS / "message-batches.yaml", path="/anthropic/v1"),
    ),
    lambda programs, _data, port, _behind: (f"{programs}/llmock", "serve", "--host=127.0.0.1", f"--port={port}"),
    fill=_fill_llmock,
)

# localstripe

_LOCALSTRIPE = """
import sys
from aiohttp import web
from localstripe.server import app
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]))
"""
"""Its own command listens everywhere."""


def _fill_localstripe(base_url: str, _data: Path) -> dict[str, str]:
    spread(lambda number: post(f"{base_url}/v1/customers", {"name": f"Customer {number}"}))
    return {}


LOCALSTRIPE = System(
    "localstripe",
    ("localstripe==1.15.10",),
    (Listed("Customers", "listCustomers", DOCUMENTS / "customers.yaml", overlay=DOCUMENTS / "customers-overlay.yaml"),),
    lambda programs, _data, port, _behind: (f"{programs}/python", "-c", _LOCALSTRIPE, str(port)),
    fill=_fill_localstripe,
)

# stripe-stateful-mock

_STATEFUL = """
const [modules, port] = process.argv.slice(1);
const { createExpressApp } = require(`${modules}/stripe-stateful-mock`);
require("http").createServer(createExpressApp()).listen(Number(port), "127.0.0.1");
"""
"""Its own command listens everywhere, too."""


def _fill_stateful(base_url: str, _data: Path) -> dict[str, str]:
    kind = "application/x-www-form-urlencoded"
    spread(lambda number: post(f"{base_url}/v1/customers", form=f"name={number}".encode(), kind=kind))
    return {}


STATEFUL = System(
    "stripe-stateful-mock",
    ("stripe-stateful-mock==0.0.16",),
    LOCALSTRIPE.lists,
    lambda programs, _data, port, _behind: ("node", "-e", _STATEFUL, str(programs.parent), str(port)),
    python=None,
    fill=_fill_stateful,
)

# ogx


def _fill_ogx(base_url: str, _data: Path) -> dict[str, str]:
    conversation = post(f"{base_url}/v1/conversations")["id"]
    store = post(f"{base_url}/v1/vector_stores", {"name": "with files"})["id"]

    def make(number: int) -> None:
        file = upload(f"{base_url}/v1/files", f"{number}.txt", ("assistants", "batch")[number % 2])["id"]
        post(f"{base_url}/v1/vector_stores", {"name": f"store {number}"})
        post(f"{base_url}/v1/vector_stores/{store}/files", {"file_id": file})
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"{number}"}]}
        post(f"{base_url}/v1/conversations/{conversation}/items", {"items": [item]})
        said = [{"role": "user", "content": f"{number}"}]
        post(f"{base_url}/v1/chat/completions", {"model": "mock/gpt-4o", "messages": said})
        upload(f"{base_url}/v1alpha/skills", "skill.zip", content=_skill(f"skill-{number}"))

    spread(make)
    return {"conversation_id": conversation, "vector_store_id": store}


def _skill(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("SKILL.md", f"---\nname: {name}\ndescription: None\n---\nNothing.\n")
    return packed.getvalue()


def _tokens(programs: Path) -> str:
    """The folder in which litellm brings the encoding that ogx would fetch from the network."""
    (found,) = programs.parent.glob("lib/python*/site-packages/litellm/litellm_core_utils/tokenizers")
    return str(found)


OGX = System(
    "ogx",
    ("ogx==1.5.0", "faiss-cpu==1.15.1", "chardet==7.7.0", "pypdf==7.1.1", "litellm==1.108.7"),
    (
        Listed("Files", "listFiles", DOCUMENTS / "openai-form.yaml"),
        Listed("Vector stores", "listVectorStores", DOCUMENTS / "openai-form.yaml"),
        Listed(
            "Conversation items",
            "listConversationItems",
            DOCUMENTS / "openai-form.yaml",
            filled=("conversation_id",),
        ),
        Listed(
            "Files of a vector store",
            "listVectorStoreFiles",
            DOCUMENTS / "openai-form.yaml",
            filled=("vector_store_id",),
        ),
        Listed("Stored completions", "listChatCompletions", DOCUMENTS / "openai-form.yaml"),
        Listed("Skills", "listSkills", DOCUMENTS / "openai-form.yaml", path="/v1alpha"),
    ),
    lambda programs, _data, port, _behind: (
        *(f"{programs}/ogx", "run", str(HERE / "ogx.yaml"), "--insecure", f"--port={port}"),
    ),
    python=(3, 12),
    environ=lambda programs, data, behind: {
        "MODELS_URL": f"{behind}/v1",
        "FILES_STORAGE_DIR": str(data / "files"),
        "SQLITE_STORE_DIR": str(data),
        # With its usual log it stalls after errors.
        "OGX_LOG_FORMAT": "json",
        "TIKTOKEN_CACHE_DIR": _tokens(programs),
    },
    fill=_fill_ogx,
    behind="llmock",
)

# LiteLLM, in front of ogx


def _litellm(programs: Path, data: Path, port: int, _behind: str) -> Sequence[str]:
    config = data / "litellm.yaml"
    config.write_text(f"model_list: []\ngeneral_settings: {{master_key: {KEY}}}\n", encoding="utf-8")
    return (f"{programs}/litellm", f"--config={config}", "--host=127.0.0.1", f"--port={port}")


LITELLM = System(
    "LiteLLM",
    ("litellm[proxy]==1.108.7",),
    (Listed("Files", "listFiles", DOCUMENTS / "openai-form.yaml"),),
    _litellm,
    environ=lambda _programs, _data, behind: {
        "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": f"{behind}/v1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the network for it
    },
    behind="ogx",
)

# Datasette


def _rows(data: Path) -> None:
    with sqlite3.connect(data / "things.db") as base:
        base.execute("create table things (id text primary key, kind text, created integer)")
        rows = [(f"thing-{n:02}", ("round", "square", "flat")[n % 3], 1_700_000_000 + n // 2) for n in range(ITEMS)]
        base.executemany("insert into things values (?, ?, ?)", rows)


# Phoenix, judged by the document that it serves itself


def _document(address: str, file: Path) -> str:
    """The document that a system serves, as a file."""
    with urllib.request.urlopen(address, timeout=60) as answer:
        file.write_bytes(answer.read())
    return str(file)


def _fill_phoenix(base_url: str, data: Path) -> dict[str, str]:
    document = _document(f"{base_url}/openapi.json", data / "phoenix.json")
    spans = []
    for number in range(ITEMS):
        post(f"{base_url}/v1/projects", {"name": f"project-{number:02}"})
        dataset = {"action": "create", "name": f"dataset-{number:02}", "inputs": [{"question": "?"}]}
        post(f"{base_url}/v1/datasets/upload?sync=true", dataset)
        moments = (f"2026-01-01T00:00:{number // 2 + more:02}+00:00" for more in (0, 1))
        spans.append(
            {
                "name": f"span {number}",
                "context": {"trace_id": f"{number + 1:032x}", "span_id": f"{number + 1:016x}"},
                "span_kind": "CHAIN",
                "status_code": "OK",
                "attributes": {"session.id": f"session-{number:02}"},
                **dict(zip(("start_time", "end_time"), moments, strict=True)),
            }
        )
    post(f"{base_url}/v1/projects/project-00/spans", {"data": spans})
    # They are written one behind the other after the answer.
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        address = f"{base_url}/v1/projects/project-00/sessions?limit=100"
        with urllib.request.urlopen(address, timeout=300) as answer:
            if len(json.load(answer)["data"]) == ITEMS:
                break
        time.sleep(0.2)
    return {"document": document, "project_identifier": "project-00"}


def _phoenix(programs: Path, data: Path, port: int, _behind: str) -> Sequence[str]:
    variables = {"PORT": port, "GRPC_PORT": free_port(), "HOST": "127.0.0.1", "WORKING_DIR": data}
    words = [f"PHOENIX_{name}={value}" for name, value in variables.items()]
    return ("env", *words, "PHOENIX_TELEMETRY_ENABLED=false", f"{programs}/phoenix", "serve")


_OF_PROJECT = ("project_identifier",)
PHOENIX = System(
    "Phoenix",
    ("arize-phoenix==20.26.1",),
    (
        Listed("Projects", "getProjects", path=""),
        Listed("Datasets", "listDatasets", path=""),
        Listed("Traces", "listProjectTraces", path="", filled=_OF_PROJECT),
        Listed("Sessions", "listProjectSessions", path="", filled=_OF_PROJECT),
    ),
    _phoenix,
    fill=_fill_phoenix,
)

DATASETTE = System(
    "Datasette",
    ("datasette==0.65.5",),
    (
        Listed(
            "Rows",
            "listThings",
            DOCUMENTS / "things.yaml",
            overlay=DOCUMENTS / "things-overlay.yaml",
            path="",
            more=("--query=_shape=objects",),
        ),
    ),
    lambda programs, data, port, _behind: (
        *(f"{programs}/datasette", "serve", str(data / "things.db"), "-h", "127.0.0.1", "-p", str(port)),
    ),
    prepare=_rows,
)

# Frameworks that lists are built with, each with a list of its own pagination, judged by the document that it makes

FRAMEWORKS = HERE / "frameworks"
DJANGO = System(
    "Django",
    (
        *("Django==6.1.3", "djangorestframework==3.18.3", "drf-spectacular==0.30.0", "django-ninja==1.7.1"),
        "waitress==3.0.2",
    ),
    (
        Listed("REST framework", "GET /rest/things/", path="", served="rest"),
        Listed("Ninja", "listThings", path="", served="ninja"),
    ),
    lambda programs, _data, port, _behind: (f"{programs}/python", str(FRAMEWORKS / "django_lists.py"), str(port)),
    python=(3, 12),
    environ=lambda _programs, _data, _behind: {"KEY": KEY},
    fill=lambda base_url, data: {
        name: _document(f"{base_url}/{name}/openapi.json", data / f"{name}.json") for name in ("rest", "ninja")
    },
)
FASTAPI = System(
    "fastapi-pagination",
    (
        *("fastapi-pagination==0.16.1", "fastapi==0.165.0", "sqlalchemy==2.1.9", "sqlakeyset==2.0.1787969905"),
        "uvicorn==0.54.0",
    ),
    (Listed("Things", "listThings", path=""),),
    lambda programs, _data, port, _behind: (f"{programs}/python", str(FRAMEWORKS / "fastapi_list.py"), str(port)),
    environ=lambda _programs, _data, _behind: {"KEY": KEY},
    fill=lambda base_url, data: {"document": _document(f"{base_url}/openapi.json", data / "fastapi.json")},
)

# Prism and Steady, which hold no list and make examples of a document

_PERMISSIONS = (Listed("Permissions", "", PUBLISHED, path="", more=("--checkpoint=ft-mock",)),)
_MOCKED = (
    Listed("Files", "listFiles", DOCUMENTS / "openai-form.yaml", path=""),
    Listed("Batches", "listBatches", DOCUMENTS / "openai-form.yaml", path=""),
    Listed("Vector stores", "listVectorStores", DOCUMENTS / "openai-form.yaml", path=""),
    Listed("Audit logs", "listAuditLogs", DOCUMENTS / "openai-form.yaml", path=""),
)


def _prism(document: Path) -> Callable[[Path, Path, int, str], Sequence[str]]:
    return lambda programs, _data, port, _behind: (
        *(f"{programs}/prism", "mock", "--verboseLevel=error", f"--port={port}", str(document)),
    )


def _steady(document: Path) -> Callable[[Path, Path, int, str], Sequence[str]]:
    return lambda programs, _data, port, _behind: (
        *(f"{programs}/steady", "--host=127.0.0.1", f"--port={port}", "--quiet", str(document)),
    )


_NPM_PRISM = ("@stoplight/prism-cli==5.16.0",)
_NPM_STEADY = ("@stdy/cli==0.22.2",)
_OURS = DOCUMENTS / "openai-form.yaml"
# What is asked right after it died may be cut.
_DYING = frozenset({"HTP-003"})
PRISM = System("Prism", _NPM_PRISM, _PERMISSIONS, _prism(PUBLISHED), python=None, now_and_then=_DYING)
STEADY = System("Steady", _NPM_STEADY, _PERMISSIONS, _steady(PUBLISHED), python=None)
PRISM_LISTS = System(
    "Prism on other lists", _NPM_PRISM, _MOCKED, _prism(_OURS), python=None, home="prism", now_and_then=_DYING
)
STEADY_LISTS = System("Steady on other lists", _NPM_STEADY, _MOCKED, _steady(_OURS), python=None, home="steady")

SYSTEMS = {
    each.name: each
    for each in (
        LLMOCK,
        LOCALSTRIPE,
        STATEFUL,
        OGX,
        LITELLM,
        DATASETTE,
        PHOENIX,
        DJANGO,
        FASTAPI,
        PRISM,
        STEADY,
        PRISM_LISTS,
        STEADY_LISTS,
    )
}
