"""Servers that are wrong in one way each: one module a clause family.

`FAULTS` holds them all by name, and `open_fault` makes the server of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from contracts.mock.faults import (
    access,
    causes,
    company,
    envelope,
    far,
    filtering,
    fronts,
    http,
    inputs,
    items,
    numbers,
    ordering,
    pages,
    reflections,
    scoping,
    writing,
)
from contracts.mock.faults.declare import Fault, registered
from contracts.mock.registry import look_up
from contracts.mock.server import Server

__all__ = ["FAMILIES", "FAULTS", "Fault", "open_fault"]

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
)
FAULTS: Mapping[str, Fault] = MappingProxyType(registered())


def open_fault(name: str, port: int = 0) -> Server:
    """A server with that fault, not started yet.

    Raises:
        LookupError: If there is no such fault; the message names the closest one.
    """
    fault = look_up("fault", name, FAULTS)
    return Server(dataset=fault.dataset() if fault.dataset else None, behaviour=fault.behaviour(), port=port)
