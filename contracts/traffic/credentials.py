"""The one owner of secrets: where keys come from, in which forms they are sent, and how people see those forms.

A key is held in a `Secret`, and leaves it in two places only: where bytes are put on the wire, and where
`contracts.traffic.redaction` searches for it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import selectors
import shlex
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import quote

from contracts.core.errors import ConfigurationError

ADMIN_VARIABLE: Final = "OPENAI_ADMIN_KEY"
USER_VARIABLE: Final = "OPENAI_USER_KEY"

_FILE_SIZE = 65536


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
    timeout: float = 30.0,
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
    environ: Mapping[str, str] | None = None,
    timeout: float = 30.0,
) -> Secret:
    """The value of a secret header, from one of a variable, a file and a command.

    Args:
        name: The header.
        variable: The variable of the environment that holds the value.
        file: A file that holds it and nothing else.
        command: A command that prints it; see `read_keys`.
        hidden: The variables that a command does not get.
        environ: The environment; by default the one of this process.
        timeout: How long a command may take, in seconds.

    Raises:
        ConfigurationError: There is no such value, or it can't be read or sent.
    """
    variables = os.environ if environ is None else environ
    bare = {key: value for key, value in variables.items() if key not in hidden}
    found = _given(f"header {name}", file, command, bare, timeout) or _held(variable or "", variables)
    if found is None:
        state = "is empty" if variable in variables else "is not set"
        raise ConfigurationError(f"The header {name} has no value, because {variable} {state}.")
    return _sendable(*found, "value")


def _given(
    which: str, file: Path | None, command: str | None, environ: Mapping[str, str], timeout: float
) -> tuple[str, str] | None:
    """What a file or a command gives, and where it is from as the beginning of a sentence."""
    if file is not None:
        return _from_file(which, file).strip(), f"The file of the {which} ({file.name})"
    if command is not None:
        return _from_command(which, command, environ, timeout).strip(), f"The command of the {which}"
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
        msg = f"The file of the {which} is no text."
        raise ConfigurationError(msg) from None
    if len(content) > _FILE_SIZE:
        msg = f"The file of the {which} is too large to hold a key."
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
        msg = f"The command of the {which} failed with exit code {code}."
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
    ends = time.monotonic() + timeout
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
                if not selector.select(max(0.0, ends - time.monotonic())):
                    raise TimeoutError
                data = os.read(process.stdout.fileno(), _FILE_SIZE + 1)
                if not data:
                    return printed, process.wait(max(0.0, ends - time.monotonic()))
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
)
"""Words that are no key, by how they begin or end, and what to do about them."""


def _checked(value: str, source: str) -> Secret:
    """The key, if a request can carry it. Error messages begin with its source, and never show it."""
    for form, problem in _MISTAKES:
        if value == value.strip() and form.match(value):
            raise ConfigurationError(f"{source} {problem}.")
    return _sendable(value, source, "key")


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


@dataclass(frozen=True, slots=True)
class Credential:
    """One form of the credentials of a request.

    ``sentence`` completes "asked …" for people. ``shown`` is the value of the Authorization header with the
    variable in the place of the key (``None``: no such header). ``parameter`` names the query parameter that
    holds the admin key instead. ``curl`` holds curl's options for it, quoted for a POSIX shell.
    """

    name: str
    sentence: str
    shown: str | None
    curl: str
    parameter: str | None = None
    make: Callable[[Keys, int], str | None] = field(repr=False, default=lambda _keys, _seed: None)
    """The header's value, or that of the parameter; ``None``: it can't be formed, or there is none."""

    def form(self, keys: Keys, seed: int) -> Secret | None:
        """What is sent: the header's value, or the percent-encoded value of `parameter`."""
        value = self.make(keys, seed)
        if value is None:
            return None
        return Secret(quote(value, safe="", encoding="latin-1") if self.parameter else value)

    def available(self, keys: Keys) -> bool:
        """Whether these keys allow this form."""
        return self.name == "none" or self.make(keys, 0) is not None


def unknown_key(seed: int) -> str:
    """A well-formed key that was never issued: the same for the same seed of a run."""
    return "sk-admin-" + hashlib.sha256(b"a key that was never issued %d" % seed).hexdigest()[:48]


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode("latin-1")).decode()


def other_case(key: str) -> str | None:
    """The key with its letters in the other case, if that is another key that a header can carry."""
    swapped = key.swapcase()
    try:
        swapped.encode("latin-1")
    except UnicodeEncodeError:
        return None
    return swapped if swapped != key else None


def other_end(key: str) -> str | None:
    """The key with another last character, if that is another key however it is read.

    In base64 the low bits of the last character may mean nothing, so one is chosen that differs in the high ones.
    """
    if key.endswith("="):
        return None
    return key[:-1] + ("0" if re.match("[A-Pa]", key[-1]) else "A")


def other_beginning(key: str) -> str:
    """The key with another first character."""
    return ("1" if key[0] == "0" else "0") + key[1:]


def first_half(key: str) -> str | None:
    """The first half of the key, if there is one."""
    return key[: len(key) // 2] or None


def _admin(change: Callable[[str], str | None]) -> Callable[[Keys, int], str | None]:
    return lambda keys, _seed: change(keys.admin.reveal())


def _bearer(change: Callable[[str], str | None]) -> Callable[[Keys, int], str | None]:
    return _admin(lambda key: None if (changed := change(key)) is None else f"Bearer {changed}")


def _header(name: str, sentence: str, shown: str, make: Callable[[Keys, int], str | None]) -> Credential:
    return Credential(name, sentence, shown, f'-H "Authorization: {shown}"', make=make)


def _in_query(parameter: str) -> Credential:
    return Credential(
        f"query-{parameter}",
        f"with the admin key in the query parameter {parameter} only",
        None,
        f'-G --data-urlencode "{parameter}=${ADMIN_VARIABLE}"',
        parameter=parameter,
        make=_admin(lambda key: key),
    )


def _malformed(name: str, sentence: str, value: str, *, curl: str | None = None) -> Credential:
    shown = value if curl is None else curl
    option = f"-H {shlex.quote(f'Authorization: {value}')}" if curl is None else f'-H "Authorization: {curl}"'
    return Credential(f"malformed-{name}", f"with {sentence}", shown, option, make=lambda _keys, _seed: value)


_ADMIN = f"${ADMIN_VARIABLE}"
_PRINTED = f'printf %s "{_ADMIN}"'

_TABLE: Final = (
    _header("admin", "with the admin key", f"Bearer {_ADMIN}", _bearer(lambda key: key)),
    _header(
        "user",
        "with a key that has no admin rights",
        f"Bearer ${USER_VARIABLE}",
        lambda keys, _seed: None if keys.user is None else f"Bearer {keys.user.reveal()}",
    ),
    Credential("none", "without credentials", None, ""),
    _header(
        "unknown",
        "with a key that was never issued",
        "Bearer sk-admin-$(printf %048d 0)",
        lambda _keys, seed: f"Bearer {unknown_key(seed)}",
    ),
    _header("null", "with the word null as its key", "Bearer null", lambda _keys, _seed: "Bearer null"),
    _header("empty", "with an empty bearer token", "Bearer ", lambda _keys, _seed: "Bearer "),
    _header("empty-bare", "with the word Bearer and nothing after it", "Bearer", lambda _keys, _seed: "Bearer"),
    Credential(
        "basic",
        "with the admin key as the user of HTTP Basic",
        f'Basic $({_PRINTED}: | base64 | tr -d "\\n")',
        f'-u "{_ADMIN}:"',
        make=_admin(lambda key: _basic(key, "")),
    ),
    Credential(
        "basic-password",
        "with the admin key as the password of HTTP Basic",
        f'Basic $(printf :%s "{_ADMIN}" | base64 | tr -d "\\n")',
        f'-u ":{_ADMIN}"',
        make=_admin(lambda key: _basic("", key)),
    ),
    _header("bare", "with the admin key and no scheme before it", _ADMIN, _admin(lambda key: key)),
    _header("other-scheme", "with the admin key under the scheme Token", f"Token {_ADMIN}", _admin("Token {}".format)),
    _in_query("api_key"),
    _in_query("key"),
    _in_query("token"),
    _in_query("access_token"),
    _header(
        "shortened",
        "with the admin key less its last character",
        f"Bearer ${{{ADMIN_VARIABLE}%?}}",
        _bearer(lambda key: key[:-1] or None),
    ),
    _header(
        "lengthened",
        "with the admin key and one more character",
        f"Bearer ${{{ADMIN_VARIABLE}}}x",
        _bearer(lambda key: key + "x"),
    ),
    _header(
        "other-case",
        "with the admin key in the other case",
        f"Bearer $({_PRINTED} | tr a-zA-Z A-Za-z)",
        _bearer(other_case),
    ),
    _header(
        "other-end",
        "with the admin key but for its last character",
        f"Bearer $({_PRINTED} | sed -e 's/[A-Pa]$/0/' -e t -e 's/.$/A/')",
        _bearer(other_end),
    ),
    _header(
        "other-beginning",
        "with the admin key but for its first character",
        f"Bearer $({_PRINTED} | sed -e 's/^0/1/' -e t -e 's/^./0/')",
        _bearer(other_beginning),
    ),
    _header(
        "first-half",
        "with the first half of the admin key",
        f"Bearer $({_PRINTED} | awk '{{print substr($0, 1, length($0) / 2)}}')",
        _bearer(first_half),
    ),
    _malformed("condition", "an SQL condition as the bearer token", "Bearer ' OR '1'='1"),
    _malformed("two-tokens", "two bearer tokens", "Bearer one two"),
    _malformed("commas", "an Authorization header of commas only", ",,,,"),
    _malformed("equals", "an Authorization header of one equals sign", "="),
    _malformed("scheme", "a scheme that no standard knows", "Nonsense abc"),
    _malformed("quote", "an unbalanced quote in the bearer token", 'Bearer "abc'),
    _malformed("basic", "HTTP Basic that is no base64", "Basic !!!"),
    _malformed("letter", "a bearer token with a letter that is not ASCII", "Bearer cl\u00e9"),
    _malformed("long", "a bearer token of 4096 zeros", "Bearer " + "0" * 4096, curl="Bearer $(printf %04096d 0)"),
)

CREDENTIALS: Final[Mapping[str, Credential]] = {credential.name: credential for credential in _TABLE}
"""Every form of credentials, by its name."""

MALFORMED: Final = tuple(name for name in CREDENTIALS if name.startswith("malformed-"))
"""The forms that are no credentials at all by the syntax of their header; none holds a key."""

IN_QUERY: Final = tuple(name for name in CREDENTIALS if name.startswith("query-"))
"""The forms that hold the admin key in the query string only."""

ALMOST: Final = ("shortened", "lengthened", "other-case", "other-end", "other-beginning", "first-half")
"""The forms with a key that is almost the admin key."""


def available(keys: Keys) -> tuple[str, ...]:
    """The names of the forms that these keys allow, in the order of the table."""
    return tuple(name for name, credential in CREDENTIALS.items() if credential.available(keys))
