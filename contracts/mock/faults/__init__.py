"""Servers that are wrong in one way each: one module a clause family, or a package of one module a topic.

`EVERY_FAULT` holds them all by name, and `open_fault` makes the server of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import walk_packages
from types import MappingProxyType

from contracts.mock.faults.declare import Fault, registered
from contracts.mock.registry import look_up
from contracts.mock.server import Server

__all__ = ["EVERY_FAULT", "FAULTS", "Fault", "open_fault"]

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)  # where faults are declared

EVERY_FAULT: Mapping[str, Fault] = MappingProxyType(registered())
FAULTS: Mapping[str, Fault] = MappingProxyType({name: each for name, each in EVERY_FAULT.items() if not each.style})
"""Those that show on the published operation."""


def open_fault(name: str, port: int = 0) -> Server:
    """A server with that fault, not started yet.

    Raises:
        LookupError: If there is no such fault; the message names the closest one.
    """
    fault = look_up("fault", name, EVERY_FAULT)
    return Server(dataset=fault.dataset() if fault.dataset else None, behaviour=fault.behaviour(), port=port)
