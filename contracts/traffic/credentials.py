"""The forms in which a request carries a key, or none: the admin key, another one, one that is almost the admin key.

Each form has a name. Exchanges, recordings and clauses know this name alone; how people see a form holds the name of a
variable in the place of the key.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from contracts.traffic.keys import ADMIN_VARIABLE, USER_VARIABLE, Keys, Secret


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
