"""Servers that can be got into past the check of the key: by a cache, or by another path (clauses SEC-010, 013)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from contracts.mock.app import Behaviour, Request, Response
from contracts.mock.faults.access.callers import is_admin, is_anonymous, is_unknown, is_user, lets_in
from contracts.mock.faults.caches import FOR_EVER
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind

# --- after the admin key


async def _cached(self: Behaviour, request: Request, who: Callable[[Request], bool], requests: int) -> Response:
    """Gives the answer that the admin key got for the same path and query, to those of whom ``who`` is true."""
    place = (request.path, request.query)
    number, body = self.memory.get(place, (0, None))
    if body is not None and who(request) and request.number - number <= requests:
        return Response(200, [("Content-Type", "application/json"), ("Age", "1")], body)
    response = await Behaviour.serve(self, request)
    if is_admin(self, request):
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
    return await _cached(self, request, lambda asked: is_anonymous(self, asked), FOR_EVER)


@replaces(Behaviour.serve, "SEC-010", kind=Kind.CACHE_OF_CALLERS)
async def cache_ignores_unknown_key(self: Behaviour, request: Request, /) -> Response:
    """A cache gives those with an unknown key what the admin key was given for the same URL."""
    return await _cached(self, request, lambda asked: is_unknown(self, asked), FOR_EVER)


@replaces(Behaviour.serve, "SEC-010", kind=Kind.CACHE_OF_CALLERS)
async def cache_ignores_rights(self: Behaviour, request: Request, /) -> Response:
    """A cache gives those with a key without admin rights what the admin key was given for the same URL."""
    return await _cached(self, request, lambda asked: is_user(self, asked), FOR_EVER)


@replaces(Behaviour.authenticate, "SEC-010", timed=True, kind=Kind.REMEMBERED_CALLER)
def door_opens_after_admin(self: Behaviour, request: Request, /) -> None:
    """The request after one with the admin key is let in whoever sends it."""
    opened, self.memory["open"] = self.memory.get("open", False), is_admin(self, request)
    lets_in(self, request, when=opened)


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
    return await _spelled(self, request, re.sub("/+", "/", request.path), is_user)
