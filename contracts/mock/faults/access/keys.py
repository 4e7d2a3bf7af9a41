"""Servers that let in callers without the right key, or fail on a wrong one (clauses SEC-001 to 007, 010, 011)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace

from contracts.mock.app import Behaviour, Refused, Request, Response
from contracts.mock.faults.access.callers import has_empty_key, is_anonymous, is_unknown, is_user, lets_in, token_of
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import smallest_project

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
    lets_in(self, request, when=is_anonymous(self, request))


@replaces(Behaviour.authenticate, "SEC-001")
def no_key_needed(_self: Behaviour, _request: Request, /) -> None:
    """Keys are not checked at all."""


@replaces(Behaviour.authenticate, "SEC-010")
def anonymous_let_in_with_cursor(self: Behaviour, request: Request, /) -> None:
    """Without credentials the second page and all later ones are shown."""
    lets_in(self, request, when=is_anonymous(self, request) and "after=" in request.query)


@replaces(Behaviour.authenticate, "SEC-010")
def anonymous_let_in_with_filter(self: Behaviour, request: Request, /) -> None:
    """Without credentials a filtered list is shown."""
    lets_in(self, request, when=is_anonymous(self, request) and "project_id=" in request.query)


@replaces(Behaviour.authenticate, "SEC-010", kind=Kind.OPEN_DOOR)
def unknown_project_needs_no_key(self: Behaviour, request: Request, /) -> None:
    """A project without permissions is answered with an empty page before the key is looked at."""
    known = {each.project_id for each in self.dataset.permissions}
    asked = self.fields(request.query).get("project_id", [])
    lets_in(self, request, when=bool(asked) and known.isdisjoint(asked))


@replaces(Behaviour.authenticate, "SEC-010")
def anonymous_let_in_ascending(self: Behaviour, request: Request, /) -> None:
    """Without credentials the list in ascending order is shown."""
    lets_in(self, request, when=is_anonymous(self, request) and "order=ascending" in request.query)


@replaces(Behaviour.authenticate, "SEC-010")
def anonymous_let_in_at_limit_1(self: Behaviour, request: Request, /) -> None:
    """Without credentials a page of one item is shown."""
    lets_in(self, request, when=is_anonymous(self, request) and "limit=1" in request.query.split("&"))


@replaces(Behaviour.serve, "SEC-001", timed=True, kind=Kind.EMPTY_REFUSAL)
async def anonymous_sees_nothing(self: Behaviour, request: Request, /) -> Response:
    """Without credentials the list is empty, and a 200."""
    return await _nothing_to_see(self, request, lambda _, asked: is_anonymous(self, asked))


@replaces(Behaviour.serve, "SEC-001", kind=Kind.LOGIN_PAGE)
async def anonymous_sent_to_login(self: Behaviour, request: Request, /) -> Response:
    """Without credentials the answer is a redirect to a page for signing in."""
    if is_anonymous(self, request):
        return Response(302, [("Location", "/v1/login"), ("Content-Type", "text/html")], b"")
    return await Behaviour.serve(self, request)


# --- with an unknown key


@replaces(Behaviour.authenticate, "SEC-002")
def any_key_let_in(self: Behaviour, request: Request, /) -> None:
    """Any bearer token is let in."""
    lets_in(self, request, when=Behaviour.credentials(self, request) is not None)


@replaces(Behaviour.authenticate, "SEC-002")
def any_key_of_right_form_let_in(self: Behaviour, request: Request, /) -> None:
    """Any unknown token that begins with "sk-" is let in."""
    lets_in(self, request, when=is_unknown(self, request) and token_of(request).startswith("sk-"))


@replaces(Behaviour.authenticate, "SEC-010")
def unknown_key_let_in_with_filter(self: Behaviour, request: Request, /) -> None:
    """An unknown key sees a filtered list."""
    lets_in(self, request, when=is_unknown(self, request) and "project_id=" in request.query)


@replaces(Behaviour.serve, "SEC-002", kind=Kind.EMPTY_REFUSAL)
async def unknown_key_sees_nothing(self: Behaviour, request: Request, /) -> Response:
    """With an unknown key the list is empty, and a 200."""
    return await _nothing_to_see(self, request, is_unknown)


@replaces(Behaviour.authenticate, "SEC-003")
def empty_bearer_let_in(self: Behaviour, request: Request, /) -> None:
    """An empty bearer token is let in."""
    lets_in(self, request, when=has_empty_key(self, request))


@replaces(Behaviour.serve, "SEC-003", kind=Kind.EMPTY_REFUSAL)
async def empty_bearer_sees_nothing(self: Behaviour, request: Request, /) -> Response:
    """With an empty bearer token the list is empty, and a 200."""
    return await _nothing_to_see(self, request, has_empty_key)


@replaces(Behaviour.authenticate, "SEC-011")
def empty_bearer_crashes(self: Behaviour, request: Request, /) -> None:
    """An empty bearer token gets a 500."""
    if has_empty_key(self, request):
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
    lets_in(self, request, when=self.dataset.admin_key in _basic(request).split(":"))


@replaces(Behaviour.authenticate, "SEC-004")
def any_scheme_let_in(self: Behaviour, request: Request, /) -> None:
    """The key is taken under any scheme, or none."""
    lets_in(self, request, when=token_of(request) == self.dataset.admin_key)


@replaces(Behaviour.authenticate, "SEC-004")
def bare_key_let_in(self: Behaviour, request: Request, /) -> None:
    """The key is taken without a scheme."""
    lets_in(self, request, when=request.header("authorization") == [self.dataset.admin_key])


def _key_in_query(name: str) -> Callable[[Behaviour, Request], None]:
    def authenticate(self: Behaviour, request: Request, /) -> None:
        given = self.fields(request.query).get(name)
        lets_in(self, request, when=is_anonymous(self, request) and given == [self.dataset.admin_key])

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
    lets_in(self, request, when=token_of(request) == "null")


@replaces(Behaviour.authenticate, "SEC-001", kind=Kind.SPELLING)
def anonymous_let_in_by_encoded_path(self: Behaviour, request: Request, /) -> None:
    """A request without credentials is let in where the path has a colon as %3A."""
    lets_in(self, request, when=is_anonymous(self, request) and "%3a" in request.path.lower())


# --- a key that may not look


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in_elsewhere(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights sees the lists of all checkpoints but the main one."""
    elsewhere = self.route(request) in {*self.dataset.checkpoints} - {self.dataset.checkpoint}
    lets_in(self, request, when=is_user(self, request) and elsewhere)


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in_where_nothing_is(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights is let in at a checkpoint without permissions."""
    lets_in(self, request, when=is_user(self, request) and self.route(request) == self.dataset.empty_checkpoint)


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights is let in."""
    lets_in(self, request, when=is_user(self, request))


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in_with_filter(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights sees a filtered list."""
    lets_in(self, request, when=is_user(self, request) and "project_id=" in request.query)


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in_with_cursor(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights sees the second page and all later ones."""
    lets_in(self, request, when=is_user(self, request) and "after=" in request.query)


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in_with_cursor_alone(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights sees the pages after a cursor, in the order that is the default."""
    query = request.query
    lets_in(self, request, when=is_user(self, request) and "after=" in query and "order=" not in query)


@replaces(Behaviour.authenticate, "SEC-005")
def user_key_let_in_ascending(self: Behaviour, request: Request, /) -> None:
    """A key without admin rights sees the list in ascending order."""
    lets_in(self, request, when=is_user(self, request) and "order=ascending" in request.query)


@replaces(Behaviour.serve, "SEC-005", kind=Kind.EMPTY_REFUSAL)
async def user_key_sees_nothing(self: Behaviour, request: Request, /) -> Response:
    """With a key without admin rights the list is empty, and a 200."""
    return await _nothing_to_see(self, request, is_user)


@replaces(Behaviour.serve, "SEC-005")
async def user_key_sees_one_project(self: Behaviour, request: Request, /) -> Response:
    """A key without admin rights sees the list of one project."""
    if not is_user(self, request):
        return await Behaviour.serve(self, request)
    asked = self.read(request, self.route(request))
    return self.page(replace(asked, project_id=smallest_project(self.dataset)))


# --- malformed headers


@replaces(Behaviour.credentials, "SEC-011")
def other_scheme_crashes(self: Behaviour, request: Request, /) -> str | None:
    """An Authorization header of another form than "Bearer token" gets a 500."""
    token = Behaviour.credentials(self, request)
    if token is None and not is_anonymous(self, request):
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
