"""The operation that the settings name."""

from __future__ import annotations

from contracts.settings.settings import Settings
from contracts.spec.operation import Operation, load_operation


def operation(settings: Settings) -> Operation:
    """Read the operation from the document that the settings name.

    Of the embedded server the path parameters are what serves as well as any, unless they are given.

    Raises:
        ConfigurationError: A file can't be read, does not describe the operation, or says too little of it.
    """
    at = {each.name: each.value for each in settings.at}
    return load_operation(
        settings.spec,
        settings.overlay,
        name=settings.operation,
        at=at if settings.base_url is not None or at else None,
        query=[(each.name, each.value) for each in settings.query],
    )
