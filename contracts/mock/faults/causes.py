"""Defects of gateways, sessions and copies that break many clauses at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus

from contracts.mock.app import Asked, Behaviour, Request, Response
from contracts.mock.faults.declare import fault, replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.store import Permission

_LOGIN = b"<!DOCTYPE html><title>Sign in</title><form method=post><input name=user><input name=password></form>"
_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class _Redirecting(Behaviour):
    """Adds a slash to the path by a redirect."""

    def kept(self, query: str, /) -> str:
        """What of the query the redirect keeps."""
        return query

    async def answer(self, request: Request, /) -> Response:
        path, query = request.path, self.kept(request.query)
        if path.endswith("/"):
            return await super().answer(replace(request, path=path.removesuffix("/")))
        location = f"{path}/?{query}" if query else f"{path}/"
        return Response(308, [("Location", location), ("Content-Type", "text/plain")], b"")


@fault("PAG-001", kind=Kind.REDIRECT)
class RedirectDropsTheQuery(_Redirecting):
    """A redirect that adds a slash to the path drops the query."""

    def kept(self, _query: str, /) -> str:
        """Nothing."""
        return ""


@fault("FLT-001", kind=Kind.REDIRECT)
class RedirectKeepsTheFirstParameter(_Redirecting):
    """A redirect that adds a slash to the path keeps the first parameter of the query alone."""

    def kept(self, query: str, /) -> str:
        """The first parameter."""
        return query.partition("&")[0]


@replaces(Behaviour.finish, "SEC-001", kind=Kind.ERROR_AS_200)
def errors_as_200(_self: Behaviour, _request: Request, response: Response, /) -> Response:
    """Each error is a 200 with the error in its body."""
    return replace(response, status=HTTPStatus.OK) if response.status >= HTTPStatus.BAD_REQUEST else response


@replaces(Behaviour.finish, "ENV-002", kind=Kind.ERROR_AS_200)
def what_is_not_found_as_200(_self: Behaviour, _request: Request, response: Response, /) -> Response:
    """What is not found or not valid is a 200 with the error in its body; refusals are what they should be."""
    wrong = response.status >= HTTPStatus.BAD_REQUEST and response.status not in _REFUSALS
    return replace(response, status=HTTPStatus.OK) if wrong else response


@replaces(Behaviour.finish, "SEC-001", kind=Kind.LOGIN_PAGE)
def login_page_as_200(_self: Behaviour, _request: Request, response: Response, /) -> Response:
    """Who is refused gets a page for signing in, as a 200."""
    refused = response.status in _REFUSALS
    return Response(200, [("Content-Type", "text/html; charset=utf-8")], _LOGIN) if refused else response


@replaces(Behaviour.authenticate, "SEC-014", kind=Kind.REMEMBERED_CALLER)
def key_asked_for_once_a_connection(self: Behaviour, request: Request, /) -> None:
    """A connection on which the admin key came once is let in from then on, whatever else comes on it."""
    known = self.memory.setdefault("connections", set())
    if request.connection not in known:
        Behaviour.authenticate(self, request)
        known.add(request.connection)


@replaces(Behaviour.sort, "ORD-007", kind=Kind.TIES, timed=True)
def two_copies_order_ties(self: Behaviour, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
    """Two copies of the list answer in turn, and order the items of one moment differently."""
    ordered = Behaviour.sort(self, permissions, asked)
    if asked.request.number % 2:
        return ordered
    turned = sorted(ordered, key=lambda each: each.id)
    return sorted(turned, key=lambda each: each.created_at, reverse=not asked.ascending)
