"""How sentences about "List checkpoint permissions" are said of another list operation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_QUOTED = re.compile(r"(“[^”]*”)")
"""What a target or a document said: it stays as it was said."""
# Names of parameters stand in backquotes, or before a value, where they are also words.
_NAMES = re.compile(
    r"(?<=`)(?:after|limit|order|id)(?=`)|(?<![\w\-.&?])(?:after|before|limit|order)(?==)|\b(?:created_at|first_id|last_id|has_more|project_id)\b|\bcheckpoint\.permission\b"
)
_OPTIONS = re.compile(r"--(other-|empty-)?checkpoint\b( with )?")
# Neither in options nor in paths, addresses and names with hyphens.
_NOUNS = re.compile(r"(?<![-\w`/.:])(?:(an?) )?([Pp]ermissions?|[Cc]heckpoints?|[Pp]rojects?)(?![-\w/:])")
_FLAG = re.compile(r"(`?)\bhas_more\b`?(?:( is)? (true|false)\b)?")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words for one operation; an empty one leaves every sentence as it is.

    Attributes:
        names: Its raw names, each by that of the published operation.
        nouns: What people call its parts, each by the word for those of the published operation.
        phrases: Other words that are not true of it, each with what is said instead.
        last: The last parameter of its path, an empty text where it has none.
        passages: What its own document says: for what a quote is about (`Quote.key`), the words and where they stand.
        token_alone: Whether a token says that more follows, and no flag does.
        other: Whether it is another operation at all.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    nouns: Mapping[str, str] = field(default_factory=dict)
    phrases: Mapping[str, str] = field(default_factory=dict)
    last: str = ""
    passages: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    token_alone: bool = False
    other: bool = False

    def __call__(self, text: str) -> str:
        """A sentence of ours in the words of this operation; what it quotes stays."""
        if not self.other:
            return text
        parts = _QUOTED.split(text)
        return "".join(part if number % 2 else self._said(part) for number, part in enumerate(parts))

    def named(self, text: str) -> str:
        """A sentence that may hold values of the target: only names that no value has by chance are replaced."""
        return _NAMES.sub(self._name, self._without_flag(text)) if self.other else text

    def quoted(self, text: str, key: str, place: str) -> tuple[str, str]:
        """The words on which a clause rests and where they stand, given those of the published document.

        Of another operation they are those of its own document on what ``key`` names; empty where it has none.
        """
        return self.passages.get(key, ("", "")) if self.other else (text, place)

    def _said(self, text: str) -> str:
        for phrase, instead in self.phrases.items():
            text = text.replace(phrase, instead)
        text = self._without_flag(text)
        return _NOUNS.sub(self._noun, _OPTIONS.sub(self._option, _NAMES.sub(self._name, text)))

    def _without_flag(self, text: str) -> str:
        """Where a token alone says whether more follows, that is said of it."""
        return _FLAG.sub(self._token, text) if self.token_alone else text

    def _token(self, match: re.Match[str]) -> str:
        said = {"true": "a token", "false": "no token", None: "the token"}[match[3]]
        said = f"there is {said}" if match[2] else said
        return said.capitalize() if match[1] and not match.start() else said

    def _name(self, match: re.Match[str]) -> str:
        return self.names.get(match[0], match[0])

    def _option(self, match: re.Match[str]) -> str:
        if not self.last:
            # There is one list alone.
            return "" if match[2] else match[0]
        return f"--{match[1] or ''}at {self.last}=VALUE{match[2] or ''}"

    def _noun(self, match: re.Match[str]) -> str:
        known = match[2].lower()
        noun = self.nouns.get(known, known)
        if match[2] != known:
            return noun[0].upper() + noun[1:]
        article = f"{'an' if noun[0] in 'aeiou' else 'a'} " if match[1] else ""
        return article + noun
