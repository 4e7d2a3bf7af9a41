"""The clauses that a user names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from contracts.clauses.registry import Clause, find
from contracts.core.errors import ConfigurationError
from contracts.core.wording import excerpt

_NO_CLAUSES: Final = (
    (re.compile(r"^[\u2010-\u2015\u2212]"), "options begin with two hyphens, as --base-url does"),
    (re.compile(r"://"), "give the URL of a target as --base-url"),
    (re.compile(r"\.har$", re.IGNORECASE), "`contracts replay` judges a recording"),
    (re.compile(r"\.toml$", re.IGNORECASE), "give a configuration as --config"),
    (re.compile(r"\.(?:ya?ml|json)$", re.IGNORECASE), "give a document as --spec"),
)
"""Words that people write in the place of clauses, and what is said of them."""


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
            for form, instead in _NO_CLAUSES:
                if form.search(word):
                    raise ConfigurationError(f"{excerpt(word)} is no clause: {instead}.") from None
        raise
