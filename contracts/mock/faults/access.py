"""Servers that let in whom they should not, or tell too much at the door (clauses SEC)."""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from contracts.mock.app import Asked, Behaviour, Refused, Request, Response
from contracts.mock.faults.caches import FOR_EVER
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import smallest_project


def _token(request: Request) -> str:
    """The last word of the Authorization header, whatever the scheme."""
    return next(iter(" ".join(request.header("authorization")).split()[-1:]), "")


def _lets_in(self: Behaviour, request: Request, *, when: bool) -> None:
    if not when:
        Behaviour.authenticate(self, request)


def _is_user(self: Behaviour, request: Request) -> bool:
    return Behaviour.credentials(self, request) == self.dataset.user_key


def _is_admin(self: Behaviour, request: Request) -> bool:
    return Behaviour.credentials(self, request) == self.dataset.admin_key


def _anonymous(self: Behaviour, request: Request) -> bool:
    return not self.keys_sent(request)


def _empty_key(self: Behaviour, request: Request) -> bool:
    if self.shape.key_header:
        return self.keys_sent(request) == [""]
    return [value.strip().lower() for value in request.header("authorization")] == ["bearer"]


def _unknown(self: Behaviour, request: Request) -> bool:
    token = Behaviour.credentials(self, request)
    return token is not None and token not in {self.dataset.admin_key, self.dataset.user_key}


_EMPTY = b'{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}'


async def _nothing_to_see(self: Behaviour, request: Request, who: Callable[[Behaviour, Request], bool]) -> Response:
    self.route(request)
    if who(self, request):
        return Response(200, [("Content-Type", "application/json")], _EMPTY)
    return await Behaviour.serve(self, request)


# --- without credentials


@replaces(Behaviour.authenticate, "SEC-001")
def anonymous_let_in(self: Behaviour, request: Request, /) -> None:
    """Without credentials everything is shown."""
    _lets_in(self, request, when=_anonymous(self, request))


@replaces(Behaviour.authenticate, "SEC-001")
def no_key_needed(_self: Behaviour, _request: Request, /) -> None:
    """Keys are not checked at all."""


@replaces(Behaviour.authenticate, "SEC-010")
def anonymous_let_in_with_cursor(self: Behaviour, request: Request, /) -> None:
    """Without credentials the second page and all later ones are shown."""
    _lets_in(self, request, when=_anonymous(self, request) and "after=" in request.query)


@replaces(Behaviour.authenticate, "SEC-010")
def anonymous_let_in_with_filter(self: Behaviour, request: Request, /) -> None:
    """Without credentials a filtered list is shown."""
    _lets_in(self, request, when=_anonymous(self, request) and "project_id=" in request.query)


@replaces(Behaviour.authenticate, "SEC-010", kind=Kind.OPEN_DOOR)
def unknown_project_needs_no_key(self: Behaviour, request: Request, /) -> None:
    """A project without permissions is answered with an empty page before the key is looked at."""
    known = {each.project_id for each in self.dataset.permissions}
    asked = self.fields(request.query).get("project_id", [])
    _lets_in(self, request, when=bool(asked) and known.isdisjoint(asked))


@replaces(Behaviour.authenticate, "SEC-010")
def anonymous_let_in_ascending(self: Behaviour, request: Request, /) -> None:
    """Without credentials the list in ascending order is shown."""
    _lets_in(self, request, when=_anonymous(self, request) and "order=ascending" in request.query)


@replaces(Behaviour.authenticate, "SEC-010")
def anonymous_let_in_at_limit_1(self: Behaviour, request: Request, /) -> None:
    """Without credentials a page of one item is shown."""
    _lets_in(self, request, when=_anonymous(self, request) and "limit=1" in request.query.split("&"))


@replaces(Behaviour.serve, "SEC-001", timed=True, kind=Kind.EMPTY_REFUSAL)
async def anonymous_sees_nothing(self: Behaviour, request: Request, /) -> Response:
    """Without credentials the list is empty, and a 200."""
    return await _nothing_to_see(self, request, lambda _, asked: _anonymous(self, asked))


@replaces(Behaviour.serve, "SEC-001", kind=Kind.LOGIN_PAGE)
async def anonymous_sent_to_login(self: Behaviour, request: Request, /) -> Response:
    """Without credentials the answer is a redirect to a page for signing in."""
    if _anonymous(self, request):
        return Response(302, [("Location", "/v1/login"), ("Content-Type", "text/html")], b"")
    return await Behaviour.serve(self, request)


# --- with an unknown key


@replaces(Behaviour.authenticate, "SEC-002")
def any_key_let_in(self: Behaviour, request: Request, /) -> None:
    """Any bearer token is let in."""
    _lets_in(self, request, when=Behaviour.credentials(self, request) is not None)


@replaces(Behaviour.authenticate, "SEC-002")
def any_key_of_right_form_let_in(self: Behaviour, request: Request, /) -> None:
    """Any unknown token that begins with "sk-" is let in."""
    _lets_in(self, request, when=_unknown(self, request) and _token(request).startswith("sk-"))


@replaces(Behaviour.authenticate, "SEC-010")
def unknown_key_let_in_with_filter(self: Behaviour, request: Request, /) -> None:
    """An unknown key sees a filtered list."""
    _lets_in(self, request, when=_unknown(self, request) and "project_id=" in request.query)


@replaces(Behaviour.serve, "SEC-002", kind=Kind.EMPTY_REFUSAL)
async def unknown_key_sees_nothing(self: Behaviour, request: Request, /) -> Response:
    """With an unknown key the list is empty, and a 200."""
    return await _nothing_to_see(self, request, _unknown)


@replaces(Behaviour.authenticate, "SEC-003")
def empty_bearer_let_in(self: Behaviour, request: Request, /) -> None:
    """An empty bearer token is let in."""
    _lets_in(self, request, when=_empty_key(self, request))


@replaces(Behaviour.serve, "SEC-003", kind=Kind.EMPTY_REFUSAL)
async def empty_bearer_sees_nothing(self: Behaviour, request: Request, /) -> Response:
    """With an empty bearer token the list is empty, and a 200."""
    return await _nothing_to_see(self, request, _empty_key)


@replaces(Behaviour.authenticate, "SEC-011")
def empty_bearer_crashes(self: Behaviour, request: Request, /) -> None:
    """An empty bearer token gets a 500."""
    if _empty_key(self, request):
        raise Refused(500, "Internal server error.")
    Behaviour.authenticate(self, request)


# --- the right key in the wrong place


def _basic(request: Request) -> str:
    scheme, _, value = " ".join(request.header("authorization")).partition(" ")
    try:
        return b64decode(value, validate=True).decode("latin-1") if scheme.lower() == "basic" else ""
    except binascii.Error:
        return ""


@replaces(Behaviour.authenticate, "SEC-004")
def basic_let_in(self: Behaviour, request: Request, /) -> None:
    """The key is taken as user or password of the Basic scheme too."""
    _lets_in(self, request, when=self.dataset.admin_key in _basic(request).split(":"))


@replaces(Behaviour.authenticate, "SEC-004")
def any_scheme_let_in(self: Behaviour, request: Request, /) -> None:
    """The key is taken under any scheme, or none."""
    _lets_in(self, request, when=_token(request) == self.dataset.admin_key)


@replaces(Behaviour.authenticate, "SEC-004")
def bare_key_let_in(self: Behaviour, request: Request, /) -> None:
    """The key is taken without a scheme."""
    _lets_in(self, request, when=request.header("authorization") == [self.dataset.admin_key])


def _key_in_query(name: str) -> Callable[[Behaviour, Request], None]:
    def authenticate(self: Behaviour, request: Request, /) -> None:
        given = self.fields(request.query).get(name)
        _lets_in(self, request, when=_anonymous(self, request) and given == [self.dataset.admin_key])

    return authenticate


@replaces(Behaviour.authenticate, "SEC-006")
def key_in_query_as_api_key(self: Behaviour, request: Request, /) -> None:
    """The key is taken from `api_key` in the query."""
    _key_in_query("api_key")(self, request)


@replaces(Behaviour.authenticate, "SEC-006")
def key_in_query_as_key(self: Behaviour, request: Request, /) -> None:
    """The key is taken from `key` in the query."""
    _key_in_query("key")(self, request)


@replaces(Behaviour.authenticate, "SEC-006")
def key_in_query_as_token(self: Behaviour, request: Request, /) -> None:
    """The key is taken from `token` in the query."""
    _key_in_query("token")(self, request)


@replaces(Behaviour.authenticate, "SEC-006")
def key_in_query_as_access_token(self: Behaviour, request: Request, /) -> None:
    """The key is taken from `access_token` in the query."""
    _key_in_query("access_token")(self, request)


# --- almost the right key


@replaces(Behaviour.is_key, "SEC-007")
def key_by_prefix(_self: Behaviour, given: str, known: str, /) -> bool:
    """The beginning of a key is taken for it."""
    return known.startswith(given)


@replaces(Behaviour.is_key, "SEC-007")
def key_with_tail(_self: Behaviour, given: str, known: str, /) -> bool:
    """What begins with a key is taken for it."""
    return given.startswith(known)


@replaces(Behaviour.is_key, "SEC-007")
def key_in_any_case(_self: Behaviour, given: str, known: str, /) -> bool:
    """A key is taken in any case."""
    return given.casefold() == known.casefold()


@replaces(Behaviour.is_key, "SEC-007")
def key_compared_in_part(_self: Behaviour, given: str, known: str, /) -> bool:
    """Only the first 40 characters of a key are compared."""
    return given[:40] == known[:40]


@replaces(Behaviour.is_key, "SEC-007")
def key_shortened_by_one(_self: Behaviour, given: str, known: str, /) -> bool:
    """A key without its last character is taken for it."""
    return given in {known, known[:-1]}


@replaces(Behaviour.is_key, "SEC-007")
def key_compared_without_its_last(_self: Behaviour, given: str, known: str, /) -> bool:
    """The last character of a key may be any."""
    return len(given) == len(known) and given[:-1] == known[:-1]


@replaces(Behaviour.is_key, "SEC-007")
def key_compared_without_its_first(_self: Behaviour, given: str, known: str, /) -> bool:
    """The first character of a key may be any."""
    return len(given) == len(known) and given[1:] == known[1:]


@replaces(Behaviour.authenticate, "SEC-002")
def null_is_a_key(self: Behaviour, request: Request, /) -> None:
    """The word null is taken for a key."""
    _lets_in(self, request, when=_token(request) == "null")


@replaces(Behaviour.authenticate, "SEC-001", kind=Kind.SPELLING)
def anonymous_let_in_by_encoded_path(self: Behaviour, request: Request, /) -> None:
    """A request without credentials is let in where the path has a colon as %3A."""
    _lets_in(self, request, when=_anonymous(self, request) and "%3a" in request.path.lower())


# --- a key that may not look


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in_elsewhere(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights sees the lists of all checkpoints but the main one."""
    elsewhere = self.route(request) in {*self.dataset.checkpoints} - {self.dataset.checkpoint}
    _lets_in(self, request, when=_is_user(self, request) and elsewhere)


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in_where_nothing_is(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights is let in at a checkpoint without permissions."""
    _lets_in(self, request, when=_is_user(self, request) and self.route(request) == self.dataset.empty_checkpoint)


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights is let in."""
    _lets_in(self, request, when=_is_user(self, request))


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in_with_filter(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights sees a filtered list."""
    _lets_in(self, request, when=_is_user(self, request) and "project_id=" in request.query)


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in_with_cursor(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights sees the second page and all later ones."""
    _lets_in(self, request, when=_is_user(self, request) and "after=" in request.query)


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in_with_cursor_alone(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights sees the pages after a cursor, in the order that is the default."""
    query = request.query
    _lets_in(self, request, when=_is_user(self, request) and "after=" in query and "order=" not in query)


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in_ascending(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights sees the list in ascending order."""
    _lets_in(self, request, when=_is_user(self, request) and "order=ascending" in request.query)


@replaces(Behaviour.serve, "SEC-005", kind=Kind.EMPTY_REFUSAL)
async def user_key_sees_nothing(self: Behaviour, request: Request, /) -> Response:
    """With a key without admin rights the list is empty, and a 200."""
    return await _nothing_to_see(self, request, _is_user)


@replaces(Behaviour.serve, "SEC-005")
async def user_key_sees_one_project(self: Behaviour, request: Request, /) -> Response:
    """A key without admin rights sees the list of one project."""
    if not _is_user(self, request):
        return await Behaviour.serve(self, request)
    asked = self.read(request, self.route(request))
    return self.page(replace(asked, project_id=smallest_project(self.dataset)))


# --- what a refusal tells


def _named(refused: Refused, **more: object) -> bytes:
    error = {"message": refused.message, "type": "invalid_request_error", "param": refused.param, "code": refused.code}
    return json.dumps({"error": error, **more}).encode()


def _is_refusal_at_the_door(refused: Refused) -> bool:
    return refused.status in {401, 403}


@replaces(Behaviour.refuse, "SEC-008")
def refusal_with_whole_page(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """A 401 or 403 has the page as its body."""
    response = Behaviour.refuse(self, request, refused)
    if _is_refusal_at_the_door(refused):
        response.body = self.page(Asked(request, self.dataset.checkpoint)).body
    return response


@replaces(Behaviour.error_body, "SEC-008")
def refusal_names_projects(self: Behaviour, _request: Request, refused: Refused, /) -> bytes:
    """The refusal of a key without admin rights names the projects that have permissions."""
    projects = sorted({permission.project_id for permission in self.dataset.permissions})
    return _named(refused, projects=projects) if refused.status == HTTPStatus.FORBIDDEN else _named(refused)


@replaces(Behaviour.error_body, "SEC-008")
def refusal_names_a_permission(self: Behaviour, _request: Request, refused: Refused, /) -> bytes:
    """A 401 or 403 names the id of a permission in its message."""
    if _is_refusal_at_the_door(refused):
        refused.message += f" Required: {self.dataset.permissions[0].id}."
    return _named(refused)


@replaces(Behaviour.error_body, "SEC-008")
def refusal_names_another_checkpoint(self: Behaviour, _request: Request, refused: Refused, /) -> bytes:
    """A 401 or 403 names another checkpoint that there is."""
    if _is_refusal_at_the_door(refused):
        refused.message += f" Did you mean {self.dataset.other_checkpoint}?"
    return _named(refused)


@replaces(Behaviour.refuse, "SEC-008")
def refusal_names_project_in_header(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """A 401 or 403 names a project in a header."""
    response = Behaviour.refuse(self, request, refused)
    if _is_refusal_at_the_door(refused):
        response.headers.append(("OpenAI-Project", self.dataset.permissions[0].project_id))
    return response


@replaces(Behaviour.error_body, "SEC-009")
def refusal_repeats_key(_self: Behaviour, request: Request, refused: Refused, /) -> bytes:
    """A 401 repeats the token that it was sent."""
    if refused.status == HTTPStatus.UNAUTHORIZED and _token(request):
        refused.message = f"Incorrect API key provided: {_token(request)}."
    return _named(refused)


@replaces(Behaviour.error_body, "SEC-009")
def refusal_repeats_user_key(_self: Behaviour, request: Request, refused: Refused, /) -> bytes:
    """The refusal of a key without admin rights repeats it."""
    if refused.status == HTTPStatus.FORBIDDEN:
        refused.message = f"The key {_token(request)} is not an admin key."
    return _named(refused)


@replaces(Behaviour.refuse, "SEC-009")
def refusal_repeats_header(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """A 401 repeats the Authorization header in a header."""
    response = Behaviour.refuse(self, request, refused)
    if _is_refusal_at_the_door(refused):
        response.headers += [("X-Debug-Authorization", value) for value in request.header("authorization")]
    return response


@replaces(Behaviour.error_body, "SEC-009")
def refusal_repeats_query(_self: Behaviour, request: Request, refused: Refused, /) -> bytes:
    """A 401 repeats the whole query, and so a key that was sent there."""
    if refused.status == HTTPStatus.UNAUTHORIZED and request.query:
        refused.message = f"No access to ?{request.query}"
    return _named(refused)


# --- after the admin key


async def _cached(self: Behaviour, request: Request, who: Callable[[Request], bool], requests: int) -> Response:
    """Gives the answer that the admin key got for the same path and query, to those of whom ``who`` is true."""
    place = (request.path, request.query)
    number, body = self.memory.get(place, (0, None))
    if body is not None and who(request) and request.number - number <= requests:
        return Response(200, [("Content-Type", "application/json"), ("Age", "1")], body)
    response = await Behaviour.serve(self, request)
    if _is_admin(self, request):
        self.memory[place] = (request.number, response.body)
    return response


@replaces(Behaviour.serve, "SEC-010", kind=Kind.CACHE_OF_CALLERS)
async def cache_ignores_credentials(self: Behaviour, request: Request, /) -> Response:
    """A cache gives everybody what the admin key was given for the same URL."""
    return await _cached(self, request, lambda _: True, FOR_EVER)


@replaces(Behaviour.serve, "SEC-010", timed=True, kind=Kind.CACHE_OF_CALLERS)
async def cache_ignores_credentials_for_a_while(self: Behaviour, request: Request, /) -> Response:
    """A cache gives everybody what the admin key was given for the same URL in the last three requests."""
    return await _cached(self, request, lambda _: True, 3)


@replaces(Behaviour.serve, "SEC-010", kind=Kind.CACHE_OF_CALLERS)
async def cache_ignores_missing_credentials(self: Behaviour, request: Request, /) -> Response:
    """A cache gives those without credentials what the admin key was given for the same URL."""
    return await _cached(self, request, lambda asked: _anonymous(self, asked), FOR_EVER)


@replaces(Behaviour.serve, "SEC-010", kind=Kind.CACHE_OF_CALLERS)
async def cache_ignores_unknown_key(self: Behaviour, request: Request, /) -> Response:
    """A cache gives those with an unknown key what the admin key was given for the same URL."""
    return await _cached(self, request, lambda asked: _unknown(self, asked), FOR_EVER)


@replaces(Behaviour.serve, "SEC-010", kind=Kind.CACHE_OF_CALLERS)
async def cache_ignores_rights(self: Behaviour, request: Request, /) -> Response:
    """A cache gives those with a key without admin rights what the admin key was given for the same URL."""
    return await _cached(self, request, lambda asked: _is_user(self, asked), FOR_EVER)


@replaces(Behaviour.authenticate, "SEC-010", timed=True, kind=Kind.REMEMBERED_CALLER)
def door_opens_after_admin(self: Behaviour, request: Request, /) -> None:
    """The request after one with the admin key is let in whoever sends it."""
    opened, self.memory["open"] = self.memory.get("open", False), _is_admin(self, request)
    _lets_in(self, request, when=opened)


# --- malformed headers


@replaces(Behaviour.credentials, "SEC-011")
def other_scheme_crashes(self: Behaviour, request: Request, /) -> str | None:
    """An Authorization header of another form than "Bearer token" gets a 500."""
    token = Behaviour.credentials(self, request)
    if token is None and not _anonymous(self, request):
        raise Refused(500, "list index out of range")
    return token


@replaces(Behaviour.credentials, "SEC-011")
def three_words_crash(self: Behaviour, request: Request, /) -> str | None:
    """An Authorization header of three words gets a 500."""
    if any(value.split()[2:] for value in request.header("authorization")):
        raise Refused(500, "too many values to unpack")
    return Behaviour.credentials(self, request)


@replaces(Behaviour.credentials, "SEC-011")
def non_ascii_token_crashes(self: Behaviour, request: Request, /) -> str | None:
    """An Authorization header with a character beyond ASCII gets a 500."""
    if not all(value.isascii() for value in request.header("authorization")):
        raise Refused(500, "ordinal not in range(128)")
    return Behaviour.credentials(self, request)


@replaces(Behaviour.credentials, "SEC-011")
def broken_basic_crashes(self: Behaviour, request: Request, /) -> str | None:
    """A Basic header that is no Base64 gets a 500."""
    for value in request.header("authorization"):
        if value.lower().startswith("basic") and ":" not in _basic(request):
            raise Refused(500, "Incorrect padding")
    return Behaviour.credentials(self, request)


# --- WWW-Authenticate


@replaces(Behaviour.unauthorized, "SEC-012")
def no_challenge(_self: Behaviour, message: str, /) -> Refused:
    """A 401 has no WWW-Authenticate."""
    return Refused(401, message, code="invalid_api_key")


@replaces(Behaviour.refuse, "SEC-012")
def no_challenge_without_credentials(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """A 401 to a request without credentials has no WWW-Authenticate."""
    if _anonymous(self, request):
        refused.headers = []
    return Behaviour.refuse(self, request, refused)


# --- other spellings of the path


async def _spelled(
    self: Behaviour, request: Request, usual: str, who: Callable[[Behaviour, Request], bool]
) -> Response:
    """Finds the handler by the usual spelling of a path, and asks for a key by the spelling that came."""
    other = usual != request.path
    plain = replace(request, path=usual)
    if not other or not who(self, request):
        return await Behaviour.serve(self, plain)
    return self.page(self.read(plain, self.route(plain)))


def _everybody(_self: Behaviour, _request: Request) -> bool:
    return True


@replaces(Behaviour.serve, "SEC-013")
async def merged_slashes_let_in(self: Behaviour, request: Request, /) -> Response:
    """A path with doubled slashes finds the list, and needs no key."""
    return await _spelled(self, request, re.sub("/+", "/", request.path), _everybody)


@replaces(Behaviour.serve, "SEC-013")
async def slash_at_end_lets_in(self: Behaviour, request: Request, /) -> Response:
    """A path with a slash at its end finds the list, and needs no key."""
    return await _spelled(self, request, request.path.rstrip("/"), _everybody)


@replaces(Behaviour.serve, "SEC-013")
async def path_parameters_let_in(self: Behaviour, request: Request, /) -> Response:
    """A path with parameters behind a semicolon finds the list, and needs no key."""
    return await _spelled(self, request, re.sub(";[^/]*", "", request.path), _everybody)


@replaces(Behaviour.serve, "SEC-013")
async def path_in_any_case_lets_in(self: Behaviour, request: Request, /) -> Response:
    """A path in another case finds the list, and needs no key."""
    path = re.sub("/fine_tuning/|/permissions$", lambda found: found[0].lower(), request.path, flags=re.IGNORECASE)
    return await _spelled(self, request, path, _everybody)


@replaces(Behaviour.serve, "SEC-013")
async def extension_lets_in(self: Behaviour, request: Request, /) -> Response:
    """A path with the extension of its format finds the list, and needs no key."""
    return await _spelled(self, request, re.sub(r"\.json$", "", request.path), _everybody)


@replaces(Behaviour.serve, "SEC-013")
async def merged_slashes_need_no_rights(self: Behaviour, request: Request, /) -> Response:
    """A path with doubled slashes finds the list for a key without admin rights."""
    return await _spelled(self, request, re.sub("/+", "/", request.path), _is_user)
