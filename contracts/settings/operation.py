"""The operation that the settings name."""

from __future__ import annotations

from contracts.core.errors import ConfigurationError
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.settings.settings import Settings


def operation(settings: Settings, *, elsewhere: bool = False) -> Operation:
    """Read the operation from the document that the settings name.

    For the embedded server any value of a path parameter will do, so none need be given. ``elsewhere`` says that the
    operation is that of another server, whatever the settings name.

    Raises:
        ConfigurationError: A file can't be read, does not describe the operation, or says too little of it.
    """
    at = {each.name: each.value for each in settings.at}
    return load_operation(
        settings.spec,
        settings.overlay,
        name=settings.operation,
        at=at if settings.base_url is not None or at or elsewhere else None,
        query=[(each.name, each.value) for each in settings.query],
    )


def list_named(settings: Settings, option: str, operation: Operation) -> str | None:
    """The value that ``at``, ``other_at`` or ``empty_at`` gives to the last parameter of the path, if it does.

    Raises:
        ConfigurationError: The path has no such parameter, or it does not tell lists apart.
    """
    given, last = getattr(settings, option), operation.roles.scope
    named = given if isinstance(given, tuple) else tuple(filter(None, [given]))
    for each in named:
        if each.name not in operation.profile.scope:
            raise ConfigurationError(
                f"{settings.origin(option)} {each.name}: the path {operation.path_template} has no such parameter."
            )
        if each.name != last and option != "at":
            raise ConfigurationError(
                f"{settings.origin(option)} {each.name}: only the last parameter of the path, {last}, tells which"
                " list is meant: name that one."
            )
    return next((str(each.value) for each in named if each.name == last), None)
