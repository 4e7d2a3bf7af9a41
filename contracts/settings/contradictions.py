"""What settings may not be given together, or not without each other."""

from __future__ import annotations

from typing import Final

from contracts.core.errors import ConfigurationError
from contracts.settings.groups import EMBEDDED, KEYS, SECRET_HEADERS, TARGET
from contracts.settings.settings import Settings

_OF_THE_OPERATION: Final = frozenset({"at", "query"})
"""What describes the operation rather than its target: the embedded server has it as well."""
EXCLUSIVE: Final = (
    ("fault", "variant"),
    *(KEYS[:3], KEYS[3:]),
    ("proxy", "no_proxy"),
    ("other_checkpoint", "other_at"),
    ("empty_checkpoint", "empty_at"),
    ("quiet", "verbose"),
)
"""Options of which one at most can be chosen."""
_DEPENDENT: Final = (("client_key", "client_cert", "certificate"), ("issues_as", "issues", "folder"))
"""Options that mean nothing without another one, and what that one gives."""


def refuse_contradictions(settings: Settings) -> None:
    """Refuse settings of which one excludes another, or means nothing without it.

    Raises:
        ConfigurationError: There are such; the sentence names them.
    """
    _refuse_half_a_target(settings)
    for name, lacking, noun in _DEPENDENT:
        if getattr(settings, name) is not None and getattr(settings, lacking) is None:
            flag = f"--{lacking.replace('_', '-')}"
            raise ConfigurationError(f"{settings.origin(name)} without a {noun}: give {flag} as well.")
    if settings.proxy is not None and settings.proxy.login is not None and settings.written("proxy"):
        raise ConfigurationError(f"{settings.origin('proxy')} holds a password: leave it out, and set CONTRACTS_PROXY.")
    for group in EXCLUSIVE:
        chosen = [settings.origin(name) for name in group if getattr(settings, name)]
        if len(chosen) > 1:
            raise ConfigurationError(f"{' and '.join(chosen)} exclude each other: give one of them.")
    _refuse_same_headers(settings)
    _refuse_same_lists(settings)


def _refuse_half_a_target(settings: Settings) -> None:
    """Refuse what describes a target without one, or the embedded server beside one."""

    def names(*fields_: str) -> str:
        return ", ".join(settings.origin(name) for name in settings.given(*fields_))

    if settings.base_url is None:
        if lonely := names(*(name for name in TARGET[1:] if name not in _OF_THE_OPERATION)):
            raise ConfigurationError(
                f"{lonely} without a target: give --base-url as well, or leave it out to judge the embedded server."
            )
    elif embedded := names(*EMBEDDED):
        raise ConfigurationError(
            f"{embedded} is for the embedded server: leave it out, or leave out {settings.origin('base_url')}."
        )
    elif settings.checkpoint is None and settings.operation is None and not settings.at:
        raise ConfigurationError(
            "No checkpoint is named: give --checkpoint ID (or CONTRACTS_CHECKPOINT), one that has permissions."
        )


def _refuse_same_headers(settings: Settings) -> None:
    headers = [(each.name, name) for name in ("header", *SECRET_HEADERS) for each in getattr(settings, name)]
    for header, name in headers:
        if sum(header.lower() == other.lower() for other, _ in headers) > 1:
            raise ConfigurationError(f"{settings.origin(name)} gives {header}, which another one gives as well.")


def _refuse_same_lists(settings: Settings) -> None:
    last = next((each for each in (settings.other_at, settings.empty_at) if each is not None), None)
    at = [each.value for each in settings.at if last is not None and each.name == last.name]
    seen: dict[str, str] = {}
    for name, value in (
        *((name, getattr(settings, name)) for name in ("checkpoint", "other_checkpoint", "empty_checkpoint")),
        *(("at", value) for value in at),
        *((name, each.value) for name in ("other_at", "empty_at") if (each := getattr(settings, name)) is not None),
    ):
        if value in seen:
            what = "list" if "at" in name else "checkpoint"
            raise ConfigurationError(
                f"{settings.origin(seen[value])} and {settings.origin(name)} name the same {what}: give two."
            )
        if value is not None:
            seen[value] = name
