"""Options that are about the same, by the names of their fields in `contracts.settings.settings.Settings`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

LISTS: Final = ("checkpoint", "other_checkpoint", "empty_checkpoint", "at", "other_at", "empty_at")
"""The options that say whose list is asked for."""
SECRET_HEADERS: Final = ("secret_header", "secret_header_file", "secret_header_command")
"""The options that say where the values of secret headers are from."""
KEYS: Final = tuple(f"{whose}key_{way}" for whose in ("", "user_") for way in ("file", "command", "variable"))
"""The options that say where the keys are from."""
_WAY: Final = ("ca_bundle", "client_cert", "client_key", "proxy", "no_proxy", "resolve", "header", *SECRET_HEADERS)
TARGET: Final = ("base_url", *LISTS, "query", *KEYS, *_WAY)
"""The options that describe a target."""
FOR_TERMINALS: Final = ("quiet", "verbose", "color")
"""The options that change only what is shown in a terminal."""
REPORTS: Final = ("html", "markdown", "json", "junit")
"""The options that write a report to a file."""
ISSUES: Final = ("issues", "issues_as")
"""The options of the folder of issues."""
DOCUMENT: Final = ("spec", "overlay", "operation")
"""The options that say which operation of which document it is about."""
EMBEDDED: Final = ("fault", "variant", "items", "projects")
"""The options of the embedded server."""
GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Target": ("base_url", *LISTS, "query", "config", "target", "wait"),
        "Keys": KEYS,
        "Way to the target": _WAY,
        "Budget": ("requests", "deep", "rate", "concurrency", "timeout", "max_time", "seed"),
        "Document and verdict": (*DOCUMENT, "gate", "strict", "allow_incomplete", "accept_current"),
        "Reports": (*REPORTS, *ISSUES, "record", *FOR_TERMINALS),
        "Embedded server": (*EMBEDDED, "port"),
    }
)
"""By field name, what is about the same, in the order of the help."""
