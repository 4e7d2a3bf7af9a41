"""Conforming servers that differ in what they hold."""

from __future__ import annotations

import random
from collections.abc import Callable

from contracts.mock.app import DEFAULT_LIMIT
from contracts.mock.store import Dataset, Form, seeded, token
from contracts.mock.variants.declare import Variant, add

SIZES = (0, 1, 2, 3, 5, 9, 10, 11, 12, 30, 57, 100, 101, 300, 1000, 5000)


def _ids(family: str, *numbers: int) -> frozenset[str]:
    return frozenset(f"{family}-{number:03}" for number in numbers)


_NEEDS_11_ITEMS = _ids("PAG", 2)
_NEEDS_A_TIE = _ids("ORD", 7) | _ids("OBS", 8)
_NEEDS_2_PROJECTS = _ids("FLT", 1, 3)
_NEEDS_2_ITEMS = (
    _NEEDS_11_ITEMS
    | _NEEDS_A_TIE
    | _NEEDS_2_PROJECTS
    | _ids("PAG", 1, 3, 4, 5, *range(7, 16), 17, 21, 23, 25)
    | _ids("ORD", *range(1, 7))
    | _ids("OBS", 13)
)
_NEEDS_AN_ITEM = (
    _NEEDS_2_ITEMS
    | _ids("ITM", *range(1, 11))
    | _ids("PAG", *range(18, 25))
    | _ids("FLT", *range(1, 6))
    | _ids("SCO", 1, 3)
    | _ids("SEC", 8, 13)
    | _ids("HTP", 7)
    | _ids("INP", 5)
    | _ids("OBS", 12)
)


def _lacking(size: int) -> frozenset[str]:
    """What a list of so many items can't exercise."""
    for most, lacking in ((0, _NEEDS_AN_ITEM), (1, _NEEDS_2_ITEMS), (2, _NEEDS_11_ITEMS | _NEEDS_A_TIE)):
        if size <= most:
            return lacking
    return _NEEDS_11_ITEMS if size <= DEFAULT_LIMIT else frozenset()


def _holds(name: str, sentence: str, dataset: Callable[[], Dataset], unexercised: frozenset[str] = frozenset()) -> None:
    add(Variant(name, "data", sentence, dataset=dataset, unexercised=unexercised))


def _of_size(size: int) -> Callable[[], Dataset]:
    return lambda: seeded(size=size)


def _of_permission_form(form: Form) -> Callable[[], Dataset]:
    return lambda: seeded(permission_form=form)


def _of_project_form(form: Form) -> Callable[[], Dataset]:
    return lambda: seeded(projects=5, project_form=form)


def _cased(letters: str, number: int) -> str:
    """The letters, in upper case where ``number`` has a bit."""
    return "".join(letter.upper() if number >> place & 1 else letter for place, letter in enumerate(letters))


def _numbers(number: int, _: random.Random) -> str:
    return str(100_000 + number * 37)


def _spaces(number: int, rng: random.Random) -> str:
    return f"grant {number} {token(rng, 8)}"


def _ampersands(number: int, _: random.Random) -> str:
    return f"cp&id={number}&limit=2"


def _percents(number: int, _: random.Random) -> str:
    return f"100%cp%2F{number}%"


def _pluses(number: int, _: random.Random) -> str:
    return f"cp+{number}+1=2"


def _hashes(number: int, _: random.Random) -> str:
    return f"cp#{number}#"


def _slashes(number: int, _: random.Random) -> str:
    return f"cp/{number}/../?{number}"


def umlauts(number: int, _: random.Random) -> str:
    """An id beyond ASCII."""
    return f"Prüfgröße-{number}-ß"


def emoji(number: int, _: random.Random) -> str:
    """An id beyond the basic plane."""
    return f"🔑{number}👩‍🔬"


def _quotes(number: int, _: random.Random) -> str:
    return f"cp'{number}\"\\"


def _long(number: int, rng: random.Random) -> str:
    return f"cp_{number:03}{token(rng, 194)}"


def _case(number: int, _: random.Random) -> str:
    return "cp_" + _cased("permission", number)


def _prefixes(number: int, _: random.Random) -> str:
    return "cp_" + "a" * (number + 1)


FORMS = {
    "numbers": ("integers", _numbers),
    "spaces": ("words with spaces", _spaces),
    "ampersands": ("text with & and =", _ampersands),
    "percents": ("text with %", _percents),
    "pluses": ("text with +", _pluses),
    "hashes": ("text with #", _hashes),
    "slashes": ("text with / and ?", _slashes),
    "umlauts": ("text beyond ASCII", umlauts),
    "emoji": ("text beyond the basic plane", emoji),
    "quotes": ("text with quotes and backslashes", _quotes),
    "length-200": ("200 characters long", _long),
    "case": ("different in case only", _case),
    "prefixes": ("prefixes of one another", _prefixes),
}

for _size in SIZES:
    _holds(f"size-{_size}", f"The list holds {_size} permissions.", _of_size(_size), _lacking(_size))
for _name, (_words, _form) in FORMS.items():
    _holds(f"ids-{_name}", f"Permission ids are {_words}.", _of_permission_form(_form))
    _holds(f"projects-{_name}", f"Project ids are {_words}.", _of_project_form(_form))

_holds("one-project", "All permissions belong to one project.", lambda: seeded(projects=1), _NEEDS_2_PROJECTS)
_holds("two-projects", "The permissions belong to two projects.", lambda: seeded(projects=2, size=23))
_holds("twenty-projects", "The permissions belong to twenty projects.", lambda: seeded(projects=20))
_holds("project-each", "Every permission belongs to a project of its own.", lambda: seeded(size=30, projects=30))
_holds(
    "one-moment",
    "All permissions have the same `created_at`.",
    lambda: seeded(one_moment=True),
    _ids("ORD", 1, 2, 3, 4, 6),
)
_holds("no-ties", "No two permissions have the same `created_at`.", lambda: seeded(ties=False), _NEEDS_A_TIE)
_holds(
    "checkpoint-plain",
    "The checkpoint id has no colon.",
    lambda: seeded(checkpoint="ft-AF1WoRqd3aJAHsqc9NY7iL8F"),
    _ids("SCO", 4),
)
_holds(
    "checkpoint-odd",
    "The checkpoint id has a slash, a space, a percent sign and an umlaut.",
    lambda: seeded(checkpoint="ft:org/größe 100%:v2", other_checkpoint="ft:org/größe 100%:v1"),
)
_holds(
    "checkpoint-prefixes",
    "The other checkpoint's id is a prefix of the main one's.",
    lambda: seeded(checkpoint="ft:gpt:acme::B7R9:ckpt-step-200", other_checkpoint="ft:gpt:acme::B7R9:ckpt-step-20"),
)
