"""Servers that keep the contract, each in another way.

`EVERY_VARIANT` holds them all by name, and `open_variant` makes the server of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import walk_packages
from types import MappingProxyType

from contracts.mock.app import Behaviour
from contracts.mock.registry import look_up
from contracts.mock.server import Server
from contracts.mock.variants.declare import Variant, registered

__all__ = ["EVERY_VARIANT", "VARIANTS", "Variant", "composed", "open_variant"]

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)  # where variants are declared

EVERY_VARIANT: Mapping[str, Variant] = MappingProxyType(registered())
VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {name: each for name, each in EVERY_VARIANT.items() if not each.style}
)
"""Those of the published operation."""


def composed(*names: str) -> type[Behaviour]:
    """The behaviours of several variants as one, without their data.

    Where two replace the same step the first one's counts; changes to the page object and to the way in
    which answers are sent add up.

    Raises:
        LookupError: If there is no such variant.
        TypeError: If two of them can't be combined.
    """
    behaviours = dict.fromkeys(look_up("variant", name, VARIANTS).behaviour for name in names)
    return type("-".join(names), tuple(each for each in behaviours if each is not Behaviour) or (Behaviour,), {})


def open_variant(name: str, port: int = 0) -> Server:
    """A server of that variant, not started yet.

    Raises:
        LookupError: If there is no such variant; the message names the closest one.
    """
    variant = look_up("variant", name, EVERY_VARIANT)
    return Server(dataset=variant.dataset() if variant.dataset else None, behaviour=variant.behaviour(), port=port)
