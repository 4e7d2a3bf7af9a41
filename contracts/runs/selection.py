"""The clauses that a user names."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.clauses.registry import Clause, find
from contracts.core.errors import ConfigurationError


def chosen(words: Sequence[str]) -> tuple[Clause, ...]:
    """The clauses of these ids or families, none where no word is given.

    Raises:
        ConfigurationError: A word is neither; one that names a fault or a variant is said to do so.
    """
    if not words:
        return ()
    try:
        return find(words)
    except ConfigurationError:
        from contracts.mock.faults import EVERY_FAULT
        from contracts.mock.variants import EVERY_VARIANT

        for word in words:
            for kind, names in (("fault", EVERY_FAULT), ("variant", EVERY_VARIANT)):
                if word in names:
                    raise ConfigurationError(
                        f"{word} is a {kind} of the embedded server and no clause: write --{kind} {word}."
                    ) from None
        raise
