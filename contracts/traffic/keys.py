"""The one owner of secrets: where keys come from, and how they are held.

A key is held in a `Secret`, and leaves it in two places only: where bytes are put on the wire, and where
`contracts.traffic.redaction` searches for it.
"""

from __future__ import annotations

import base64
import json
import os
import re
import selectors
import shlex
import subprocess
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from contracts.core.errors import ConfigurationError

ADMIN_VARIABLE: Final = "OPENAI_ADMIN_KEY"
_OTHER_VARIABLE: Final = "OPENAI_API_KEY"
USER_VARIABLE: Final = "OPENAI_USER_KEY"

_FILE_SIZE = 65536
COMMAND_SECONDS: Final = 30.0
"""How long a command that prints a secret may take."""


class Secret:
    """A string that is never shown: neither repr, str nor a format string holds it, and it can't be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The string itself, for the wire and for the search that keeps it out of everything else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        msg = "a secret is not written anywhere"
        raise TypeError(msg)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one run: the admin key, and perhaps a key of the same vendor without admin rights.

    ``others`` are further secrets of the run by name, such as a proxy's password: they are kept out of all that is
    written like the keys. A name is in lower-case letters, ``_`` and ``-``.

    Raises:
        ConfigurationError: Both are the same key.
    """

    admin: Secret
    user: Secret | None = None
    others: tuple[tuple[str, Secret], ...] = ()

    def __post_init__(self) -> None:
        if self.user == self.admin:
            msg = "The user key is the admin key: give a user key that has no admin rights, or none."
            raise ConfigurationError(msg)

    @classmethod
    def of(cls, admin: str, user: str | None = None) -> Keys:
        """Keys from strings.

        Raises:
            ConfigurationError: A key can't be sent in a header.
        """
        return cls(_checked(admin, "The admin key"), None if user is None else _checked(user, "The user key"))


def read_keys(
    *,
    environ: Mapping[str, str] | None = None,
    admin_file: Path | None = None,
    admin_command: str | None = None,
    user_file: Path | None = None,
    user_command: str | None = None,
    admin_variable: str = ADMIN_VARIABLE,
    user_variable: str = USER_VARIABLE,
    timeout: float = COMMAND_SECONDS,
) -> Keys:
    """The keys of a run, from a file or a command where one is named, else from the environment.

    A variable that is empty counts as not set.

    Args:
        environ: The environment; by default the one of this process.
        admin_file: A file that holds the admin key and nothing else.
        admin_command: A command that prints the admin key. It is split as a shell would, but no shell runs it,
            it does not get the keys of the environment, and what it writes to its standard error is dropped.
        user_file: The same for the key without admin rights.
        user_command: The same for the key without admin rights.
        admin_variable: The variable of the environment that holds the admin key otherwise.
        user_variable: The same for the key without admin rights.
        timeout: How long a command may take, in seconds.

    Raises:
        ConfigurationError: There is no admin key, a key can't be read or sent, or both are the same. The sentence
            begins with the variable, the file or the command that must be fixed.
    """
    variables = os.environ if environ is None else environ
    # A command gets none of the keys, whatever their variables are called.
    bare = {
        name: value
        for name, value in variables.items()
        if name not in {ADMIN_VARIABLE, USER_VARIABLE, admin_variable, user_variable}
    }
    if (admin_file and admin_command) or (user_file and user_command):
        raise ConfigurationError(f"Name a file or a command for the {'admin' if admin_file else 'user'} key, not both.")
    found = (
        _given("admin key", admin_file, admin_command, bare, timeout) or _held(admin_variable, variables),
        _given("user key", user_file, user_command, bare, timeout) or _held(user_variable, variables),
    )
    admin, user = ((_checked(*each), each[1]) if each is not None else None for each in found)
    if admin is None:
        empty = f"{admin_variable} is empty" if admin_variable in variables else "there is none"
        if variables.get(_OTHER_VARIABLE, "").strip():
            empty += f" ({_OTHER_VARIABLE} is not read: an admin key is another one)"
        raise ConfigurationError(
            f"An admin key is needed, and {empty}: set {admin_variable}, or give --key-file or --key-command."
        )
    if user is not None and user[0] == admin[0]:
        other = re.sub("^The ", "the ", admin[1])
        raise ConfigurationError(
            f"{user[1]} gives the same key as {other}: a user key has no admin rights; give another one, or none."
        )
    return Keys(admin[0], user[0] if user is not None else None)


def read_header_value(
    name: str,
    *,
    variable: str | None = None,
    file: Path | None = None,
    command: str | None = None,
    hidden: Collection[str] = (),
) -> Secret:
    """The value of a secret header, from one of a variable, a file and a command.

    Args:
        name: The header.
        variable: The variable of the environment that holds the value.
        file: A file that holds it and nothing else.
        command: A command that prints it; see `read_keys`.
        hidden: The variables that a command does not get.

    Raises:
        ConfigurationError: There is no such value, or it can't be read or sent.
    """
    bare = {key: value for key, value in os.environ.items() if key not in hidden}
    found = _given(f"header {name}", file, command, bare, COMMAND_SECONDS) or _held(variable or "", os.environ)
    if found is None:
        state = "is empty" if variable in os.environ else "is not set"
        raise ConfigurationError(f"The header {name} has no value, because {variable} {state}.")
    return _sendable(*found, "value")


def _given(
    which: str, file: Path | None, command: str | None, environ: Mapping[str, str], timeout: float
) -> tuple[str, str] | None:
    """What a file or a command gives, and where it is from as the beginning of a sentence."""
    if file is not None:
        return _from_file(which, file).strip(), f"The file of the {which} ({file.name})"
    if command is not None:
        printed = _from_command(which, command, environ, timeout).strip()
        if not printed:
            raise ConfigurationError(f"The command of the {which} prints nothing: run it by itself to see why.")
        return printed, f"The command of the {which}"
    return None


def _held(variable: str, variables: Mapping[str, str]) -> tuple[str, str] | None:
    """What a variable holds: a pipeline sets that of a secret which it does not have to an empty string."""
    value = variables.get(variable, "")
    return (value, variable) if value.strip() else None


def _from_file(which: str, file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_FILE_SIZE + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or "no reason given"
        msg = f"The file of the {which} can't be read: {reason}."
        raise ConfigurationError(msg) from None
    except UnicodeDecodeError:
        msg = f"The file of the {which} ({file.name}) is no text in UTF-8: save it as such."
        raise ConfigurationError(msg) from None
    if len(content) > _FILE_SIZE:
        msg = f"The file of the {which} ({file.name}) is too large to hold a key: name one that holds the key alone."
        raise ConfigurationError(msg)
    return text


def _from_command(which: str, command: str, environ: Mapping[str, str], timeout: float) -> str:
    try:
        words = shlex.split(command)
    except ValueError as error:
        msg = f"The command of the {which} can't be split into words: {error}."
        raise ConfigurationError(msg) from None
    if not words:
        msg = f"The command of the {which} is empty."
        raise ConfigurationError(msg)
    try:
        printed, code = _printed(words, environ, timeout)
    except TimeoutError:
        msg = f"The command of the {which} did not end within {timeout:g} s."
        raise ConfigurationError(msg) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no command"
        msg = f"The command of the {which} can't be run: {reason}."
        raise ConfigurationError(msg) from None
    if len(printed) > _FILE_SIZE:
        msg = f"The command of the {which} prints more than a key can be."
        raise ConfigurationError(msg)
    if code:
        msg = f"The command of the {which} failed with exit code {code}: run it by itself to see why."
        raise ConfigurationError(msg)
    try:
        return printed.decode()
    except UnicodeDecodeError:
        msg = f"The command of the {which} printed no text."
        raise ConfigurationError(msg) from None


def _printed(words: list[str], environ: Mapping[str, str], timeout: float) -> tuple[bytes, int]:
    """What a command prints, as far as a key may go and a byte more, and its exit code.

    Raises:
        TimeoutError: It did not end within so many seconds.
        OSError: It can't be run.
        ValueError: It is no command.
    """
    deadline = time.monotonic() + timeout
    quiet = subprocess.DEVNULL
    with (
        subprocess.Popen(words, env=dict(environ), stdin=quiet, stdout=subprocess.PIPE, stderr=quiet) as process,  # noqa: S603 - the user's own command, named to be run
        selectors.DefaultSelector() as selector,
    ):
        if process.stdout is None:
            raise OSError
        selector.register(process.stdout, selectors.EVENT_READ)
        printed = b""
        try:
            while len(printed) <= _FILE_SIZE:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                data = os.read(process.stdout.fileno(), _FILE_SIZE + 1)
                if not data:
                    return printed, process.wait(max(0.0, deadline - time.monotonic()))
                printed += data
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            process.kill()
    return printed, 0


_MISTAKES: Final = (
    (
        re.compile(r"[\"'`\u2018-\u201f\u00ab\u00bb]|.*[\"'`\u2018-\u201f\u00ab\u00bb]$", re.DOTALL),
        "has quotes around the key: take them away",
    ),
    (
        re.compile(r"(?:authorization\s*:|bearer\b)", re.IGNORECASE),
        'begins with "Bearer" or a header\'s name: give the key alone',
    ),
    (
        re.compile(r"(?:export\s+)?[A-Z][A-Z0-9_]*_KEY="),
        "begins with the name of a variable: give only what follows the equals sign",
    ),
    (re.compile(r"\$"), "begins with a $ sign, so a variable was not replaced by its value: look at how it is set"),
    (
        re.compile(r"\{\{.*\}\}$|%\w+%$|<.*>$", re.DOTALL),
        "is a placeholder that was not replaced by a key: look at how it is set",
    ),
    (re.compile(r"https?://", re.IGNORECASE), "is a URL: give the key"),
    (re.compile(r"\*+$|.{0,24}(?:\*{3}|\.{3}|\u2026|\u2022{2})"), "is masked: copy the key itself"),
)
"""Words that are no key, by how they begin or end, and what to do about them."""


def _checked(value: str, source: str) -> Secret:
    """The key, if a request can carry it. Error messages begin with its source, and never show it."""
    for form, problem in _MISTAKES:
        if value == value.strip() and form.match(value):
            raise ConfigurationError(f"{source} {problem}.")
    if problem := _wrapped(value.strip()):
        raise ConfigurationError(f"{source} {problem}.")
    if _is_file(value):
        raise ConfigurationError(f"{source} is the path of a file: give it as a file of the key (--key-file).")
    return _sendable(value, source, "key")


def _wrapped(value: str) -> str:
    """What a key stands in, as stores of secrets give it, and what to do about it; "" if it stands alone."""
    with suppress(ValueError, RecursionError):
        if value.startswith(("{", "[")) and json.loads(value):
            return "is JSON: give only the key that is in it"
    with suppress(ValueError):
        if base64.b64decode(value, validate=True).startswith(b"sk-"):
            return "is a key in base64: decode it"
    return ""


def _is_file(value: str) -> bool:
    """Whether a key is the path of a file instead."""
    with suppress(OSError, ValueError):
        return value.startswith(("/", "./", "../")) and Path(value).is_file()
    return False


def _sendable(value: str, source: str, what: str) -> Secret:
    if not value.strip():
        raise ConfigurationError(f"{source} is empty: give a {what}, or none.")
    if len(value.strip().splitlines()) > 1:
        raise ConfigurationError(f"{source} has line breaks in the {what}: give one {what} on one line.")
    if value != value.strip():
        raise ConfigurationError(f"{source} has a space or a line break around the {what}: take it away.")
    if not value.isprintable():
        raise ConfigurationError(f"{source} has control characters in the {what}: copy it again.")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"{source} has characters in the {what} that an HTTP header can't carry: copy it again."
        ) from None
    return Secret(value)
