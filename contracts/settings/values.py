"""How one setting is given: its option, its variable, and how its value is parsed.

A word comes from the command line, the environment or the configuration file. Each function here makes a value of
one; its ValueError completes the sentence "--name WORD …".
"""

from __future__ import annotations

import random
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from contracts.core.errors import ConfigurationError
from contracts.core.files import is_standard_output
from contracts.core.result import Level
from contracts.core.wording import hint
from contracts.traffic.origin import split_base_url
from contracts.traffic.route import Address, Proxy, address_of, check_name, check_value, proxy_of

PREFIX: Final = "CONTRACTS_"
"""The prefix of all environment variables of this suite."""
ANY_SEED: Final = "random"
"""The word for a new seed in each run."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_MOST_SHOWN: Final = 200
_LARGEST_SEED: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Named:
    """The name of a header or a parameter, and its value or where that is from; ``sign`` stands between them."""

    name: str
    value: str
    sign: str

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.value}"


class Option(click.Option):
    """A setting as click knows it: its option, its variable, and what makes the value of a word.

    A command line leaves its words as they are; `contracts.settings.settings.Settings` reads them together with the
    environment, which is the ``obj`` of its context, and the file, which is its default map.

    Args:
        name: The name of its field.
        metavar: What the help shows for its value; empty for a flag, which takes none on the command line.
        words: Its sentence in the help.
        parse: Makes the value from a word.
        more: Other ways to write it.
        several: Whether it may be given several times: its word is then all of them, one a line.
    """

    def __init__(
        self, name: str, metavar: str, words: str, parse: Callable[[str], Any], *, more: str, several: bool
    ) -> None:
        self.flagged = "--" + name.replace("_", "-")
        self.variable = PREFIX + name.upper()
        self.parse = parse
        super().__init__(
            [name, *(self.flagged + more).split()],
            envvar=self.variable,
            help=words,
            metavar=metavar or None,
            is_flag=not metavar,
            multiple=several,
            default=None,
        )

    def value_from_envvar(self, ctx: click.Context) -> str | None:
        """The variable as it is: `parse` takes several values apart.

        An empty one counts as not set, except that of the base URL: there it would silently mean another target.
        """
        word: str | None = ctx.obj.get(self.variable) if isinstance(ctx.obj, Mapping) else None
        return word if word is not None and (word.strip() or self.name == "base_url") else None


OPTION: Final = "option"
"""The key in the metadata of a field for what makes its `Option` of the name of the field."""


def option(metavar: str, words: str, parse: Callable[[str], Any], default: Any = None) -> Any:
    """A field of the settings that takes one value."""
    return _field(metavar, words, parse, default)


def options(metavar: str, words: str, parse: Callable[[str], Any]) -> Any:
    """A field of the settings that takes several values."""
    return _field(metavar, words, parse, (), several=True)


def flag(words: str, *, more: str = "", default: bool | None = False) -> Any:
    """A field of the settings that takes no value on the command line."""
    return _field("", words, boolean, default, more=more)


def _field(
    metavar: str, words: str, parse: Callable[[str], Any], default: Any, *, more: str = "", several: bool = False
) -> Any:
    made = partial(Option, metavar=metavar, words=words, parse=parse, more=more, several=several)
    return field(default=default, metadata={OPTION: made})


def text(word: str) -> str:
    """A text that can be printed."""
    if not word.strip():
        raise ValueError("is empty")
    if _UNREAD.search(word):
        raise ValueError("has bytes that are no text in this locale: write it in UTF-8, and set LC_ALL=C.UTF-8")
    if not word.isprintable():
        raise ValueError("has control characters in it")
    return word


_UNREAD: Final = re.compile("[\ud800-\udfff]")
"""What Python makes of bytes of the command line and of variables that the locale can't read."""
_AROUND: Final = "\"'`<>\u2018\u2019\u201c\u201d"
_UNREPLACED: Final = re.compile(r"^\$|\$\{|\$\(|\{\{|%\w+%")
"""How a variable looks that a shell or a pipeline has left as it is."""


def base_url(word: str) -> str:
    """The base URL of a target, without a slash at its end."""
    url = word.strip()
    if not url:
        raise ValueError("is empty: give the URL, or leave it out to judge the embedded server")
    if url[0] in _AROUND or url[-1] in _AROUND:
        raise ValueError("has quotes or brackets around the URL: take them away")
    if _UNREPLACED.search(url):
        raise ValueError("holds a variable that was not replaced by its value: look at how it is set")
    if "?" in url or "#" in url:
        raise ValueError(
            f"can't be used: it has a {'query' if '?' in url else 'fragment'}; leave that out, and give a parameter of"
            " every request as --query NAME=VALUE"
        )
    try:
        split_base_url(url)
    except ConfigurationError as error:
        reason = str(error).partition(": ")[2]
        raise ValueError(f"can't be used: {reason[:1].lower()}{reason[1:].rstrip('.')}") from None
    return url.rstrip("/")


def pairs(word: str) -> tuple[Named, ...]:
    """Names with values, one ``NAME=VALUE`` a line."""
    found = []
    for line in word.splitlines():
        name, sign, value = line.partition("=")
        if not sign or not name or not value:
            raise ValueError("names no value: write NAME=VALUE")
        found.append(Named(text(name), text(value), "="))
    if len({each.name for each in found}) != len(found):
        raise ValueError("gives one name twice")
    return tuple(found)


def pair(word: str) -> Named:
    """One name with its value, ``NAME=VALUE``."""
    found = pairs(word)
    if len(found) != 1:
        raise ValueError("is no single NAME=VALUE")
    return found[0]


def variable(word: str) -> str:
    """The name of an environment variable."""
    if not _VARIABLE.fullmatch(word):
        # It may be the key itself, so it is not shown.
        raise ValueError("is not the name of a variable: the key itself is never named here")
    return word


def proxy(word: str) -> Proxy:
    """The proxy at a URL."""
    return proxy_of(word, "--proxy")


def headers(word: str) -> tuple[Named, ...]:
    """Headers, each with its value after a colon, one a line."""
    return _headers(word, ": ", "is no header: write 'Name: value'", check_value)


def header_sources(parse: Callable[[str], object]) -> Callable[[str], tuple[Named, ...]]:
    """A parser of headers, each with the source of its value after an equals sign, one a line."""
    wrong = "names no header: write 'Name=VARIABLE', and never the value itself"
    return lambda word: _headers(word, "=", wrong, lambda source: str(parse(source.strip())))


def _headers(word: str, sign: str, wrong: str, parse: Callable[[str], str]) -> tuple[Named, ...]:
    found = []
    for line in word.splitlines():
        name, there, value = line.partition(sign.strip())
        if not there:
            raise ValueError(wrong)
        try:
            found.append(Named(check_name(name.strip()), parse(value), sign))
        except ValueError as error:
            # A value may be a key that was pasted here.
            shown = f"({cut(name.strip())}) " if name.strip().isprintable() and ":" not in name else ""
            raise ValueError(f"{shown}{error}") from None
    names = [each.name.lower() for each in found]
    for each in found:
        if names.count(each.name.lower()) > 1:
            raise ValueError(f"gives {each.name} twice")
    if not found:
        raise ValueError("is empty")
    return tuple(found)


def addresses(word: str) -> tuple[Address, ...]:
    """What ``HOST:PORT:ADDRESS`` says, one a line."""
    return tuple(address_of(line) for line in word.splitlines())


def destination(word: str) -> Path:
    """Where something is to be written; ``-`` is standard output."""
    if word.endswith("/"):
        raise ValueError("names a folder: name a file in it")
    return _place(word)


def _place(word: str) -> Path:
    try:
        path = Path(text(word)).expanduser()
        path.exists()  # raises where there can be no such name, or it may not be read
    except RuntimeError:
        raise ValueError("begins with a home folder that is not known") from None
    except OSError as error:
        raise ValueError(_unseen(error)) from None
    return path


def _unseen(error: OSError) -> str:
    return f"can't be looked at: {(error.strerror or 'no reason given').lower()}"


def file(word: str) -> Path:
    """A file that is there, or a pipe."""
    path = _place(word)
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        found = None
    except OSError as error:  # links may lead in a circle
        raise ValueError(_unseen(error)) from None
    if found is None and "://" in word:
        raise ValueError("is a URL and no file: download it first")
    if found is None or stat.S_ISDIR(found.st_mode):  # a pipe will do
        raise ValueError("is no file")
    return path


def folder(word: str) -> Path:
    """A folder that files are to be written to; it may be missing."""
    path = _place(word)
    if is_standard_output(path):
        raise ValueError("is standard output: name a folder")
    return path


def integer(least: int, most: int, below: str = "") -> Callable[[str], int]:
    """A parser of whole numbers from ``least`` to ``most``; ``below`` is the sentence for a smaller one."""

    def parse(word: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,12}", word.strip()):
            raise ValueError(f"is no whole number from {least} to {most}")
        number = int(word)
        if number < least and below:
            raise ValueError(below)
        if not least <= number <= most:
            raise ValueError(f"is not from {least} to {most}")
        return number

    return parse


def rate(word: str) -> float:
    """Requests a second, from ``5/s`` or ``30/m``."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(?:/(s|m))?", word.strip())
    number = float(match[1]) / (60 if match[2] == "m" else 1) if match else 0.0
    if not number:
        raise ValueError("is no rate: write 5/s, 0.5/s or 30/m")
    return number


def seconds(word: str) -> float:
    """A number of seconds above 0."""
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,3})?", word.strip()) or not float(word):
        raise ValueError("is no number of seconds above 0")
    return float(word)


def seed(word: str) -> int:
    """A seed, drawn anew for `ANY_SEED`."""
    if word.strip().lower() == ANY_SEED:
        return random.SystemRandom().randint(0, _LARGEST_SEED)
    return integer(0, _LARGEST_SEED)(word)


def gate(word: str) -> frozenset[Level]:
    """The levels that are named, with commas between them."""
    allowed = [level.value for level in Level if level is not Level.OBSERVED]
    chosen = [name.strip().lower() for name in word.split(",")]
    for name in chosen:
        if name not in allowed:
            said = f" {cut(name)!r}" if name else ""
            raise ValueError(f"names no level{said}: {hint(name, allowed, 'write ' + ','.join(allowed), 'did')}")
    return frozenset(Level(name) for name in chosen)


def levels(chosen: frozenset[Level]) -> str:
    """Some levels as `gate` reads them."""
    return ",".join(level.value for level in Level if level in chosen)


def boolean(word: str) -> bool:
    """Whether a word says yes."""
    values = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if word.strip().lower() not in values:
        raise ValueError("is neither true nor false")
    return values[word.strip().lower()]


def cut(word: str) -> str:
    """What the user typed, on one line and short enough for a sentence."""
    word = "".join(each if each.isprintable() else repr(each)[1:-1] for each in word)
    return word if len(word) <= _MOST_SHOWN else f"{word[:_MOST_SHOWN]}…"
