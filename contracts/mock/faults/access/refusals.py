"""Servers that tell too much, or too little, where they refuse a caller (clauses SEC-008, 009, 012)."""

from __future__ import annotations

import json
from http import HTTPStatus

from contracts.mock.app import Asked, Behaviour, Refused, Request, Response, error_object
from contracts.mock.faults.access.callers import is_anonymous, token_of
from contracts.mock.faults.declare import replaces

# --- what a refusal tells


def _named(refused: Refused, **more: object) -> bytes:
    return json.dumps({"error": error_object(refused), **more}).encode()


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
    if refused.status == HTTPStatus.UNAUTHORIZED and token_of(request):
        refused.message = f"Incorrect API key provided: {token_of(request)}."
    return _named(refused)


@replaces(Behaviour.error_body, "SEC-009")
def refusal_repeats_user_key(_self: Behaviour, request: Request, refused: Refused, /) -> bytes:
    """The refusal of a key without admin rights repeats it."""
    if refused.status == HTTPStatus.FORBIDDEN:
        refused.message = f"The key {token_of(request)} is not an admin key."
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


# --- WWW-Authenticate


@replaces(Behaviour.unauthorized, "SEC-012")
def no_challenge(_self: Behaviour, message: str, /) -> Refused:
    """A 401 has no WWW-Authenticate."""
    return Refused(401, message, code="invalid_api_key")


@replaces(Behaviour.refuse, "SEC-012")
def no_challenge_without_credentials(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """A 401 to a request without credentials has no WWW-Authenticate."""
    if is_anonymous(self, request):
        refused.headers = []
    return Behaviour.refuse(self, request, refused)
