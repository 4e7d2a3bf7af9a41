"""Servers that fail on what the document does not allow (clauses INP)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from contracts.mock.app import (
    BASE_PATH,
    KNOWN,
    LARGEST_LIMIT,
    Asked,
    Behaviour,
    Fields,
    Refused,
    Request,
    Response,
    error_object,
)
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.store import Permission

_LONG = 4096
_LONG_ID = 1000
_FOUR_BYTES = 0xF0
_ASCII = 0x7F
_HANG_SECONDS = 3600.0


# --- order


def _given_order(self: Behaviour, fields: Fields) -> str:
    return self.read_text("order", fields) or ""


@replaces(Behaviour.read_order, "INP-001")
def wrong_order_is_default(self: Behaviour, fields: Fields, /) -> str:
    """Any other `order` means descending."""
    return "ascending" if _given_order(self, fields) == "ascending" else "descending"


@replaces(Behaviour.read_order, "INP-001")
def wrong_order_is_ascending(self: Behaviour, fields: Fields, /) -> str:
    """Any other `order` means ascending."""
    return "descending" if _given_order(self, fields) in {"", "descending"} else "ascending"


@replaces(Behaviour.read_order, "INP-001")
def order_in_any_case(self: Behaviour, fields: Fields, /) -> str:
    """`order` is read in any case."""
    return Behaviour.read_order(self, {name: [value.lower() for value in fields[name]] for name in fields})


@replaces(Behaviour.read_order, "INP-001", kind=Kind.INJECTION)
def order_up_to_a_quote(self: Behaviour, fields: Fields, /) -> str:
    """What follows a quote in `order` is overlooked, as where it ends a statement of SQL."""
    return Behaviour.read_order(
        self, {**fields, "order": [_given_order(self, fields).partition("'")[0] or "descending"]}
    )


@replaces(Behaviour.read_order, "INP-001")
def wrong_order_is_default_under_filter(self: Behaviour, fields: Fields, /) -> str:
    """Under a filter or with a limit any other `order` means descending."""
    if {"project_id", "limit"} & fields.keys():
        return "ascending" if _given_order(self, fields) == "ascending" else "descending"
    return Behaviour.read_order(self, fields)


# --- limit


@replaces(Behaviour.integer, "INP-002")
def limit_text_is_default(self: Behaviour, text: str, /) -> int:
    """A `limit` that is no integer means 10."""
    return Behaviour.integer(self, text if re.fullmatch("-?[0-9]+", text) else "10")


@replaces(Behaviour.integer, "INP-002")
def limit_read_as_far_as_it_goes(self: Behaviour, text: str, /) -> int:
    """`limit` is read up to the first character that is no digit."""
    found = re.match("-?[0-9]+", text)
    return Behaviour.integer(self, found[0] if found else text)


@replaces(Behaviour.integer, "INP-002")
def limit_rounded(self: Behaviour, text: str, /) -> int:
    """A `limit` with a fraction is rounded down."""
    found = re.fullmatch(r"(-?[0-9]+)\.[0-9]+", text)
    return Behaviour.integer(self, found[1] if found else text)


@replaces(Behaviour.integer, "INP-002")
def limit_read_as_any_number(self: Behaviour, text: str, /) -> int:
    """`limit` is read as a number of any notation: 1e1, 0x0A, 5.0."""
    try:
        number = int(text, 16) if text.lower().startswith("0x") else int(float(text))
    except (ValueError, OverflowError):
        return Behaviour.integer(self, text)
    return number


@replaces(Behaviour.integer, "INP-002")
def limit_read_by_its_prefix(self: Behaviour, text: str, /) -> int:
    """`limit` is read in the base that its beginning names."""
    try:
        return Behaviour.integer(self, str(int(text, 0)))
    except ValueError:
        return Behaviour.integer(self, text)


@replaces(Behaviour.integer, "INP-002")
def limit_read_as_octal(self: Behaviour, text: str, /) -> int:
    """A `limit` with a zero before it is an octal number."""
    return int(text, 8) if re.fullmatch("0[1-7]+", text) else Behaviour.integer(self, text)


@replaces(Behaviour.small_limit, "INP-003")
def limit_0_is_everything(self: Behaviour, limit: int, /) -> int:
    """limit=0 gives the whole list."""
    return 1 << 20 if limit == 0 else Behaviour.small_limit(self, limit)


@replaces(Behaviour.small_limit, "INP-003")
def negative_limit_is_everything(self: Behaviour, limit: int, /) -> int:
    """A negative limit gives the whole list."""
    return 1 << 20 if limit < 0 else Behaviour.small_limit(self, limit)


@replaces(Behaviour.small_limit, "INP-003")
def negative_limit_counts_from_the_end(_self: Behaviour, limit: int, /) -> int:
    """A negative limit gives all but so many of the last items."""
    return limit


@replaces(Behaviour.small_limit, "INP-003")
def negative_limit_loses_its_sign(self: Behaviour, limit: int, /) -> int:
    """A negative limit is taken without its sign."""
    return min(-limit, LARGEST_LIMIT) if limit < 0 else Behaviour.small_limit(self, limit)


@replaces(Behaviour.small_limit, "INP-003")
def small_limit_is_20(_self: Behaviour, _limit: int, /) -> int:
    """A limit below 1 gives 20 items."""
    return 20


# --- 5xx, cut connections and hanging for odd values


def _values(request: Request) -> list[bytes]:
    """The values of the query, decoded as far as they can be."""
    parts = [part.partition("=")[2] for part in request.query.split("&") if part]
    return [unquote_to_bytes(value.replace("+", " ")) for value in parts]


def _names(request: Request) -> list[str]:
    return [part.partition("=")[0] for part in request.query.split("&") if part]


def _segment(self: Behaviour, request: Request) -> bytes:
    """The checkpoint of the path, decoded."""
    prefix, suffix = BASE_PATH + self.shape.prefix, self.shape.suffix
    return unquote_to_bytes(request.path.removeprefix(prefix).removesuffix(suffix))


def _not_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return True
    return False


def _of_value(test: Callable[[bytes], bool]) -> Callable[[Request], bool]:
    return lambda request: any(test(value) for value in _values(request))


def _of_name(pattern: str) -> Callable[[Request], bool]:
    return lambda request: any(re.match(pattern, name) for name in _names(request))


_ODD_QUERIES: dict[str, tuple[str, Callable[[Request], bool]]] = {
    "nul": ("a NUL in a parameter", _of_value(lambda value: b"\0" in value)),
    "control_character": ("a control character in a parameter", _of_value(lambda v: any(0 < c < ord(" ") for c in v))),
    "invalid_utf8": ("a parameter that is not UTF-8", _of_value(_not_utf8)),
    "emoji": ("a character of four bytes in a parameter", _of_value(lambda v: any(c >= _FOUR_BYTES for c in v))),
    "long_value": ("a parameter of 4 kB", _of_value(lambda value: len(value) >= _LONG)),
    "quote": ("a single quote in a parameter", _of_value(lambda value: b"'" in value)),
    "double_quote": ("a double quote in a parameter", _of_value(lambda value: b'"' in value)),
    "backslash_or_quote": ("a backslash or quote in a parameter", _of_value(lambda v: any(c in b"\\'\"" for c in v))),
    "empty_value": ("an empty parameter", _of_value(lambda value: not value)),
    "repeated_name": ("a repeated parameter", lambda request: len(set(_names(request))) < len(_names(request))),
    "name_without_value": (
        "a parameter without =",
        lambda r: any("=" not in part for part in r.query.split("&") if part),
    ),
    "nul_in_order": ("a NUL in `order`", lambda request: "order=%00" in request.query),
    "limit_not_utf8": ("a limit that is not UTF-8", lambda request: "limit=%FF" in request.query),
    "unknown_name": ("an unknown parameter", lambda request: bool(set(_names(request)) - set(KNOWN))),
    "huge_limit": ("a limit of more than 64 bits", lambda r: bool(re.search("limit=-?[0-9]{19}", r.query))),
    "limit_of_30_digits": ("a limit of 30 digits", lambda r: bool(re.search("limit=-?[0-9]{30}", r.query))),
    "large_limit": ("a limit of more than 31 bits", lambda r: bool(re.search("limit=-?[0-9]{10}", r.query))),
    "negative_limit": ("a negative limit", lambda request: "limit=-" in request.query),
    "zero_limit": ("a limit of 0", lambda request: "limit=0" in request.query.split("&")),
    "limit_of_letters": ("a limit that is a word", lambda r: bool(re.search("limit=[a-z]", r.query))),
    "name_in_brackets": ("a name with brackets, which some parsers read as a list", _of_name(r"\w+%5B")),
    "lone_percent": ("a percent sign that encodes nothing", lambda r: bool(re.search("%(?![0-9A-Fa-f]{2})", r.query))),
    "empty_pair": ("two & in a row", lambda request: "&&" in request.query),
    "prototype": ("`__proto__` in a parameter", _of_value(lambda value: b"__proto__" in value)),
    "unclosed_pattern": ("an opening bracket in a parameter", _of_value(lambda v: b"[" in v and b"]" not in v)),
    "braces": ("two braces in a parameter", _of_value(lambda value: b"{{" in value)),
    "long_number": ("a cursor of 20 digits", lambda r: bool(re.search("after=[0-9]{20}", r.query))),
    "half_surrogate": ("half of a surrogate pair in a parameter", _of_value(lambda v: b"\xed\xa0" in v)),
    "no_character": ("what is no character of Unicode in a parameter", _of_value(lambda v: b"\xef\xbf\xbf" in v)),
    "wrong_order": ("a wrong order", lambda r: bool(re.search("order=(?!ascending|descending)", r.query))),
}

_ODD_PATHS: dict[str, tuple[str, Callable[[bytes], bool]]] = {
    "slash_in_checkpoint": ("an encoded slash in the checkpoint id", lambda id_: b"/" in id_),
    "dots_as_checkpoint": ("dots as the checkpoint id", lambda id_: b".." in id_),
    "space_in_checkpoint": ("a space in the checkpoint id", lambda id_: b" " in id_),
    "unicode_in_checkpoint": ("a checkpoint id beyond ASCII", lambda id_: any(byte > _ASCII for byte in id_)),
    "long_checkpoint": ("a checkpoint id of 1,000 characters", lambda id_: len(id_) >= _LONG_ID),
}


def _declare_crash(name: str, what: str, is_odd: Callable[[Behaviour, Request], bool], clause: str) -> None:
    async def serve(self: Behaviour, request: Request, /) -> Response:
        if is_odd(self, request):
            self.authenticate(request)
            raise Refused(500, "The server had an error while processing your request.")
        return await Behaviour.serve(self, request)

    serve.__name__, serve.__doc__ = f"{name}_crashes", f"A 500 is the answer to {what}."
    replaces(Behaviour.serve, clause)(serve)


def _is_odd(test: Callable[[Request], bool], _self: Behaviour, request: Request) -> bool:
    return test(request)


def _has_odd_path(test: Callable[[bytes], bool], self: Behaviour, request: Request) -> bool:
    return test(_segment(self, request))


for _name, (_what, _test) in _ODD_QUERIES.items():
    _declare_crash(_name, _what, partial(_is_odd, _test), "INP-004")
for _name, (_what, _of_path) in _ODD_PATHS.items():
    _declare_crash(_name, _what, partial(_has_odd_path, _of_path), "INP-008")


@replaces(Behaviour.unknown_checkpoint, "INP-008")
def unknown_checkpoint_crashes(_self: Behaviour, asked: Asked, /) -> Refused:
    """A 500 is the answer to a checkpoint id without a colon."""
    return Refused(404 if ":" in asked.checkpoint else 500, "No such checkpoint.", code="not_found")


@replaces(Behaviour.finish, "INP-004")
def long_value_cuts_connection(_self: Behaviour, request: Request, response: Response, /) -> Response:
    """A parameter of 4 kB ends the connection in the middle of the answer."""
    if any(len(value) >= _LONG for value in _values(request)):
        response.cut = len(response.body) // 2
    return response


@replaces(Behaviour.finish, "INP-004")
def control_character_cuts_connection(_self: Behaviour, request: Request, response: Response, /) -> Response:
    """A control character in a parameter ends the connection before the body."""
    if any(0 <= character < ord(" ") for value in _values(request) for character in value):
        response.cut = 0
    return response


@replaces(Behaviour.serve, "INP-004")
async def nul_hangs(self: Behaviour, request: Request, /) -> Response:
    """A NUL in a parameter is never answered."""
    if any(b"\0" in value for value in _values(request)):
        await asyncio.sleep(_HANG_SECONDS)
    return await Behaviour.serve(self, request)


# --- injections


def _everything(self: Behaviour, asked: Asked) -> list[Permission]:
    return self.arrange([each for some in self.dataset.checkpoints.values() for each in some], asked)


@replaces(Behaviour.rest, "INP-005")
def quote_in_project_shows_all(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """A single quote in `project_id` shows the permissions of all checkpoints."""
    return _everything(self, asked) if "'" in (asked.project_id or "") else Behaviour.rest(self, asked)


@replaces(Behaviour.rest, "INP-005")
def quote_in_cursor_shows_all(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """A single quote in `after` shows the permissions of all checkpoints."""
    return _everything(self, asked) if "'" in (asked.after or "") else Behaviour.rest(self, asked)


@replaces(Behaviour.rest, "INP-005")
def percent_in_project_shows_all(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """A `%` or `*` in `project_id` shows the permissions of all checkpoints."""
    wild = {"%", "*"} & set(asked.project_id or "")
    return _everything(self, asked) if wild else Behaviour.rest(self, asked)


@replaces(Behaviour.serve, "INP-005")
async def repeated_name_shows_other_checkpoint(self: Behaviour, request: Request, /) -> Response:
    """A repeated parameter shows the list of another checkpoint."""
    if len(set(_names(request))) == len(_names(request)):
        return await Behaviour.serve(self, request)
    self.authenticate(request)
    return self.page(Asked(request, self.dataset.other_checkpoint))


@replaces(Behaviour.serve, "INP-005")
async def long_value_shows_other_checkpoint(self: Behaviour, request: Request, /) -> Response:
    """A parameter of 4 kB shows the list of another checkpoint."""
    if all(len(value) < _LONG for value in _values(request)):
        return await Behaviour.serve(self, request)
    self.authenticate(request)
    return self.page(Asked(request, self.dataset.other_checkpoint))


# --- what errors tell


_TRACES = {
    "python": (
        "a Python stack trace",
        'Traceback (most recent call last):\n  File "/srv/api/views/permissions.py", line 88, in list_permissions\n'
        "    order = Order(query['order'])\nValueError: 'sideways' is not a valid Order",
    ),
    "node": (
        "a Node stack trace",
        "TypeError: Cannot read properties of undefined (reading 'id')\n"
        "    at listPermissions (/srv/api/dist/permissions.js:41:19)\n"
        "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
    ),
    "java": (
        "a Java stack trace",
        "java.lang.NumberFormatException: For input string\n"
        "\tat java.base/java.lang.Integer.parseInt(Integer.java:668)\n"
        "\tat com.example.permissions.ListController.list(ListController.java:57)",
    ),
    "go": (
        "a Go stack trace",
        "panic: runtime error: index out of range [0] with length 0\n\ngoroutine 41 [running]:\n"
        "main.(*server).list(0xc000122000)\n\t/srv/api/list.go:112 +0x1d4",
    ),
    "sql": (
        "the SQL statement that failed",
        "ERROR: invalid input syntax for type uuid\nLINE 1: SELECT id, created_at, project_id FROM permissions "
        "WHERE checkpoint_id = $1 AND id < $2 ORDER BY created_at DESC LIMIT 10",
    ),
    "document_database": ("an error of the database", "MongoServerError: unknown operator: $ne"),
    "connection": (
        "the address of the database",
        "could not connect to postgres://lists:hunter2@db.internal:5432/lists",
    ),
    "php": (
        "a warning of PHP in HTML",
        "<br />\n<b>Warning</b>:  Undefined array key 1 in <b>permissions.php</b> on line <b>12</b><br />",
    ),
    "elixir": (
        "an Elixir stack trace",
        '** (Ecto.Query.CastError) lib/api/permissions.ex:21: value `"abc"` cannot be cast to type :integer',
    ),
    "cast": ("an error of the library for the database", 'CastError: Cast to Number failed for value "abc" at "limit"'),
    "search": ("an error of the search engine", "[search_phase_execution_exception] all shards failed"),
    "network_address": ("an address inside the network", "connect ECONNREFUSED 10.12.0.7:5432"),
    "path": ("a path of the server's source", "Validation failed in /srv/api/app/controllers/permissions.rb:23"),
}
_PAGE = (
    b"<!DOCTYPE html><html><head><title>ValueError // Werkzeug Debugger</title></head><body><h1>ValueError</h1>"
    b'<div class="traceback"><h3>Traceback <em>(most recent call last)</em></h3></div></body></html>'
)


def _declare_trace(name: str, what: str, text: str) -> None:
    def error_body(_self: Behaviour, _request: Request, refused: Refused, /) -> bytes:
        error = error_object(refused) | ({"message": text} if refused.status in {400, 404} else {})
        return json.dumps({"error": error}).encode()

    error_body.__name__, error_body.__doc__ = f"errors_with_{name}", f"A 400 or 404 holds {what}."
    replaces(Behaviour.error_body, "INP-006")(error_body)


for _name, (_what, _text) in _TRACES.items():
    _declare_trace(_name, _what, _text)


@replaces(Behaviour.refuse, "INP-006")
def errors_as_debug_page(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """A 400 is the debug page of a web framework."""
    response = Behaviour.refuse(self, request, refused)
    if refused.status == HTTPStatus.BAD_REQUEST:
        response.headers, response.body = [("Content-Type", "text/html; charset=utf-8")], _PAGE
    return response


# --- the shape of errors


@replaces(Behaviour.error_body, "INP-007")
def errors_without_error_object(_self: Behaviour, _request: Request, refused: Refused, /) -> bytes:
    """An error is a JSON object with a `detail` and nothing else."""
    return json.dumps({"detail": refused.message}).encode()


@replaces(Behaviour.error_body, "INP-007")
def errors_as_text(_self: Behaviour, _request: Request, refused: Refused, /) -> bytes:
    """An error is plain text."""
    return refused.message.encode()


@replaces(Behaviour.error_body, "INP-007")
def errors_without_code(_self: Behaviour, _request: Request, refused: Refused, /) -> bytes:
    """The `error` object has a message only."""
    return json.dumps({"error": {"message": refused.message}}).encode()
