"""From settings to something that can be asked: the target that they name, or the embedded server."""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from contracts.clauses.registry import Clause, clauses
from contracts.core.errors import ConfigurationError
from contracts.core.model import Target
from contracts.openapi.operation import Operation
from contracts.runs.plan import Plan
from contracts.settings.groups import LISTS, SECRET_HEADERS
from contracts.settings.operation import list_named
from contracts.settings.operation import operation as load_operation
from contracts.settings.settings import Settings
from contracts.traffic.keys import ADMIN_VARIABLE, USER_VARIABLE, Keys, Secret, read_header_value, read_keys
from contracts.traffic.limits import DEFAULT_BUDGET
from contracts.traffic.route import STRAIGHT, Header, Route, authorities_of_environment, proxy_of_environment

if TYPE_CHECKING:  # a run against another target needs no server of its own
    from contracts.mock.server import Server
    from contracts.mock.store import Dataset

DEFAULT_ITEMS = 57
DEFAULT_PROJECTS = 3
_LEAST_FILES = 64
"""Files and sockets that a run has open at the most, with those of the embedded server."""
_SHORTEST_KEY = 12
"""Characters; a shorter key, of a mock server perhaps, may well be a part of a name."""


@dataclass(frozen=True)
class Opened:
    """A target that is ready to be asked. ``server`` is the embedded one, if that is the target."""

    target: Target
    keys: Keys = field(repr=False)
    operation: Operation = field(repr=False)
    settings: Settings = field(repr=False)
    server: Server | None = field(default=None, repr=False)
    route: Route = STRAIGHT

    def plan(self, selected: Sequence[Clause] = ()) -> Plan:
        """The run that the settings describe, for these clauses or all."""
        settings = self.settings
        return Plan(
            target=self.target,
            keys=self.keys,
            operation=self.operation,
            seed=settings.seed,
            budget=DEFAULT_BUDGET if settings.deep else settings.requests,
            deep=settings.requests if settings.deep else 0,
            rate=settings.rate,
            limits=settings.limits,
            route=self.route,
            concurrency=settings.concurrency,
            selected=selected,
            gate=settings.gating,
            incomplete=settings.allow_incomplete,
            deviations=settings.deviations,
        )


@contextmanager
def opened(settings: Settings, keys: Keys | None = None) -> Iterator[Opened]:
    """Read the document and the keys of the target, or start the embedded server and end it afterwards.

    Args:
        settings: What names the target.
        keys: Its keys; by default those that the settings name.

    Raises:
        ConfigurationError: The document or a key can't be used, there is no such fault or variant, or this process
            may open too few files.
    """
    ready = described(settings, keys)
    if ready.server is None:
        yield ready
        return
    with ready.server as server:
        yield replace(ready, target=replace(ready.target, base_url=server.base_url))


def described(settings: Settings, keys: Keys | None = None) -> Opened:
    """The same, with the embedded server not started: its base URL is not known yet.

    Raises:
        ConfigurationError: As `opened`.
    """
    _refuse_few_files()
    operation = load_operation(settings)
    if settings.base_url is None:
        server = embedded(settings, operation=operation)
        operation, target, keys = embedded_target(server, operation)
        return Opened(target, keys, operation, settings, server)
    _refuse_missing_parameters(operation)
    keys = keys or read_keys(
        admin_file=settings.key_file,
        admin_command=settings.key_command,
        user_file=settings.user_key_file,
        user_command=settings.user_key_command,
        admin_variable=settings.key_variable or ADMIN_VARIABLE,
        user_variable=settings.user_key_variable or USER_VARIABLE,
    )
    route = _route(settings)
    if any(header.name.lower() == operation.key_header.lower() for header in route.headers):
        # The key goes with every request, also with those that ask who may not look.
        operation = replace(operation, keyed=False)
    keys = replace(keys, others=route.secrets)
    _refuse_misplaced_key(settings, keys)
    target = Target(
        settings.base_url,
        _checkpoint(settings, operation),
        settings.other_checkpoint or list_named(settings, "other_at", operation),
        settings.empty_checkpoint or list_named(settings, "empty_at", operation),
        user_key=keys.user is not None and operation.profile.admin,
        name=settings.name,
        curl=route.curl(settings.base_url),
        key_header=operation.key_header,
    )
    return Opened(target, keys, operation, settings, route=route)


def _route(settings: Settings) -> Route:
    """What stands between this machine and the target, from the settings and the usual variables.

    Raises:
        ConfigurationError: Something of it can't be used.
    """
    proxy = settings.proxy
    if proxy is None and not settings.no_proxy:
        proxy = proxy_of_environment(settings.base_url or "")
    elif proxy is not None:
        proxy = replace(proxy, source=settings.origin("proxy"))
    authorities = (settings.ca_bundle, settings.origin("ca_bundle")) if settings.ca_bundle else None
    path, source = authorities or authorities_of_environment() or (None, "")
    return Route(
        proxy=proxy,
        authorities=path,
        authorities_source=source,
        certificate=settings.client_cert,
        certificate_key=settings.client_key,
        headers=tuple(_headers(settings)),
        addresses=settings.resolve,
        direct=settings.no_proxy,
    )


def _headers(settings: Settings) -> Iterator[Header]:
    for each in settings.header:
        yield Header(each.name, Secret(each.value))
    hidden = {each.value for each in settings.secret_header} | {
        settings.key_variable or ADMIN_VARIABLE,
        settings.user_key_variable or USER_VARIABLE,
    }
    for name in SECRET_HEADERS:
        for each in getattr(settings, name):
            value = read_header_value(
                each.name,
                variable=each.value if name == "secret_header" else None,
                file=Path(each.value) if name == "secret_header_file" else None,
                command=each.value if name == "secret_header_command" else None,
                hidden=hidden,
            )
            shown = each.value if name == "secret_header" else re.sub(r"\W", "_", each.name.upper(), flags=re.ASCII)
            yield Header(each.name, value, f"${shown}")


def documented_by(server: Server, operation: Operation) -> Operation:
    """The operation as the document of an embedded server would describe it."""
    behaviour = server.behaviour
    if not behaviour.envelope_schema and not behaviour.item_schema:
        return operation
    return operation.describing(envelope=behaviour.envelope_schema, item=behaviour.item_schema)


def embedded_target(server: Server, operation: Operation) -> tuple[Operation, Target, Keys]:
    """An embedded server as a target, its keys, and the operation as its document would describe it."""
    operation = documented_by(server, operation)
    data = server.dataset
    target = Target(
        server.base_url,
        data.checkpoint,
        data.other_checkpoint or None,
        data.empty_checkpoint or None,
        user_key=operation.profile.admin,
        key_header=operation.key_header,
    )
    return operation, target, Keys.of(data.admin_key, data.user_key)


def _refuse_missing_parameters(operation: Operation) -> None:
    given = {name for name, _ in operation.fixed}
    missing = [name for name in operation.profile.required if name not in given]
    if missing:
        raise ConfigurationError(
            f"{operation.name} requires {missing[0]} of each request to {operation.path_template}: give --query"
            f" {missing[0]}=VALUE."
        )


def _checkpoint(settings: Settings, operation: Operation) -> str:
    """The value of the path's last parameter, an empty text where it has none."""
    name = operation.roles.scope
    value = settings.checkpoint or list_named(settings, "at", operation)
    if name and not value:
        raise ConfigurationError(f"No {name} is named: give --at {name}=VALUE, one whose list has items.")
    return value or ""


def embedded(settings: Settings, port: int = 0, operation: Operation | None = None) -> Server:
    """The embedded server that the settings describe, not started yet.

    Raises:
        ConfigurationError: There is no such fault or variant.
    """
    from contracts.mock.server import Server
    from contracts.mock.store import seeded

    dataset: Dataset | None = None
    if settings.items is not None or settings.projects is not None:
        size = DEFAULT_ITEMS if settings.items is None else settings.items
        dataset = seeded(size=size, projects=settings.projects or DEFAULT_PROJECTS)
    if settings.fault is None and settings.variant is None:
        return Server(_served(dataset or seeded(), operation), port=port)
    from contracts.mock.load import LOAD_FAULTS, LOAD_VARIANTS

    under_load = LOAD_FAULTS.get(settings.fault or "") or LOAD_VARIANTS.get(settings.variant or "")
    try:
        if under_load is not None:
            made, style = Server(behaviour=under_load.behaviour(), port=port), ""
        elif settings.fault is not None:
            from contracts.mock.faults import EVERY_FAULT, open_fault

            made = open_fault(settings.fault, port)
            style = EVERY_FAULT[settings.fault].style if settings.fault in EVERY_FAULT else ""
        else:
            from contracts.mock.variants import EVERY_VARIANT, open_variant

            made = open_variant(settings.variant or "", port)
            style = EVERY_VARIANT[settings.variant or ""].style
    except LookupError as error:
        named = [clause for clause in clauses() if clause.id == (settings.fault or settings.variant or "").upper()]
        if named:
            raise ConfigurationError(
                f"{named[0].id} is a clause: `contracts list --faults {named[0].id}` names the faults that break it."
            ) from None
        listing = "faults" if settings.fault is not None else "variants"
        raise ConfigurationError(f"{error.args[0]} `contracts list --{listing}` shows all.") from None
    if dataset is not None or not (operation is None or operation.is_published):
        made = Server(_served(dataset or made.dataset, operation), made.behaviour, port)
    if style and style not in made.dataset.shape.styles:
        name = settings.fault or settings.variant
        raise ConfigurationError(f"{name} shows on a list that has {style}: choose one by --spec and --operation.")
    return made


def _served(dataset: Dataset, operation: Operation | None) -> Dataset:
    from contracts.runs.serving import serving

    return dataset if operation is None else serving(dataset, operation)


def _refuse_few_files() -> None:
    """A connection that this machine refuses would be taken for one that the target refuses."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= allowed < _LEAST_FILES:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (_LEAST_FILES, most))
            return
        raise ConfigurationError(
            f"This process may open {allowed} files, and a run needs {_LEAST_FILES}: raise `ulimit -n`."
        )


def _refuse_misplaced_key(settings: Settings, keys: Keys) -> None:
    """A key that was pasted into another option would stand in every report."""
    others = [secret for _, secret in keys.others]
    every = [key.reveal() for key in (keys.admin, keys.user, *others) if key is not None]
    known = {key for key in every if len(key) >= _SHORTEST_KEY}
    secrets = known | {quote(key, safe="") for key in known}
    for name in ("base_url", *LISTS, "query"):
        value = getattr(settings, name) or ""
        value = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        if any(secret in value or secret in unquote(value) for secret in secrets):
            raise ConfigurationError(f"{settings.origin(name)} holds a key: give the key as OPENAI_ADMIN_KEY only.")
    if any(secret in each.value for each in settings.header for secret in secrets):
        raise ConfigurationError(f"{settings.origin('header')} holds a key: give it by --secret-header.")
