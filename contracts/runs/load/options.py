"""What the user chose for a load: as for a check, handed over to each process by one variable of the environment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from contracts.core.errors import ConfigurationError
from contracts.settings.choosing import Given, choose
from contracts.settings.groups import DOCUMENT, EMBEDDED, FOR_TERMINALS, REPORTS, TARGET
from contracts.settings.settings import Settings
from contracts.traffic.origin import split_base_url

if TYPE_CHECKING:  # the command line reads this module before it knows the command
    from contracts.runs.plan import Plan

VARIABLE: Final = "_CONTRACTS_LOAD"
NAMES: Final = (
    *("config", "target"),
    *TARGET,
    *DOCUMENT,
    *("requests", "rate", "timeout", "wait", "seed", "gate", "strict", "allow_incomplete"),
    *EMBEDDED,
    "record",
    *REPORTS,
    *FOR_TERMINALS,
)
"""The settings that a load knows."""
STRANGERS: Final = 0.05
"""The share of requests without a key or with one that may not look, unless the user says otherwise."""
_PRIVATE: Final = re.compile(r"(?:.*\.)?(?:localhost|test|internal)|[^.]+", re.IGNORECASE)


def handed(given: Mapping[str, Given], words: Sequence[str]) -> str:
    """What the user said of the target and of the load, as the value of `VARIABLE`."""
    said = {name: value for name, value in given.items() if value is not None and value != ()}
    return json.dumps({"given": said, "words": list(words)})


def words() -> tuple[str, ...]:
    """What the user said of the load itself."""
    return tuple(_said().get("words", ()))


def _said() -> dict[str, Any]:
    said: dict[str, Any] = json.loads(os.environ.get(VARIABLE, "{}"))
    return said


def settings(host: str | None = None) -> Settings:
    """The settings of this process; ``host``, Locust's own option, names the target of a locustfile.

    `contracts load` said which target it loads, whatever a configuration file or a variable of Locust's names.

    Raises:
        ConfigurationError: As `choose`.
    """
    given = _said().get("given", {})
    if host and VARIABLE not in os.environ:
        given["base_url"] = host
    return choose(given, names=NAMES)


def agreed(plan: Plan) -> dict[str, str]:
    """What a master and its workers must ask and judge by alike, by its name."""
    operation = plan.operation
    return {"document": f"{operation.name}, sha256 {operation.sha256[:12]}", "checkpoint": plan.target.checkpoint}


def refuse_another(mine: Mapping[str, str], masters: Mapping[str, str]) -> None:
    """Let no worker ask or judge otherwise than its master.

    Raises:
        ConfigurationError: They differ.
    """
    for name, value in mine.items():
        if name in masters and masters[name] != value:
            raise ConfigurationError(
                f"This worker has another {name} than its master: {value} and not {masters[name]}. Give both the same."
            )


def refuse_unasked(settings: Settings, *, may_load: bool) -> None:
    """Load nothing that others may use, unless the user says that it may be.

    Raises:
        ConfigurationError: The target is neither on this machine nor a private test host.
    """
    if settings.base_url is None or may_load:
        return
    host = split_base_url(settings.base_url)[0].host.strip("[]")
    try:
        address = ip_address(host)
        private = address.is_private or address.is_loopback
    except ValueError:
        private = bool(_PRIVATE.fullmatch(host))
    if not private:
        raise ConfigurationError(
            f"{host} is neither on this machine nor a private test host, and a load may keep others from using it:"
            " give --i-may-load-this if you may."
        )
