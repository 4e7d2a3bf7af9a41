"""Servers that are wrong in one way each: one module a clause family.

`EVERY_FAULT` holds them all by name, and `open_fault` makes the server of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from contracts.mock.faults import (
    access,
    backwards,
    causes,
    company,
    envelope,
    far,
    filtering,
    fronts,
    http,
    inputs,
    items,
    leftovers,
    numbers,
    ordering,
    pages,
    queries,
    reflections,
    scoping,
    selecting,
    tokens,
    writing,
)
from contracts.mock.faults.declare import Fault, registered
from contracts.mock.registry import look_up
from contracts.mock.server import Server

__all__ = ["EVERY_FAULT", "FAMILIES", "FAULTS", "Fault", "open_fault"]

FAMILIES = (
    envelope,
    items,
    pages,
    writing,
    ordering,
    filtering,
    scoping,
    http,
    access,
    inputs,
    fronts,
    causes,
    company,
    reflections,
    numbers,
    far,
    queries,
    leftovers,
    backwards,
    tokens,
    selecting,
)
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
