"""Conforming servers that decide what the document leaves open in another way."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from contracts.mock.app import KNOWN, Asked, Behaviour, Fields, Refused, Request, Response
from contracts.mock.store import Permission, seeded
from contracts.mock.variants.data import emoji, umlauts
from contracts.mock.variants.declare import variant, varies, varies_page

Permissions = Sequence[Permission]
_LOW_CAP = 50
_ACTIVATED_AT = 100


# --- limits


@varies(Behaviour.cut)
def cap_below_the_default(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page holds one item less than the default size at most."""
    return list(rest[: min(asked.limit, max(self.shape.default_limit - 1, 1))])


@varies(Behaviour.cut)
def cap_20(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page holds 20 items at most."""
    return list(rest[: min(asked.limit, 20)])


@varies(Behaviour.cut)
def cap_50(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page holds 50 items at most."""
    return list(rest[: min(asked.limit, 50)])


@varies(Behaviour.cut, dataset=lambda: seeded(size=1300))
def cap_50_of_many(_self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page holds 50 items at most, and the list has 1,300."""
    return list(rest[: min(asked.limit, 50)])


@varies(Behaviour.cut)
def cap_lower_under_filter(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page holds 50 items at most, and 15 in the list of one project (or the default size, if that is more)."""
    cap = max(_LOW_CAP if asked.project_id is None else 15, self.shape.default_limit)
    return list(rest[: min(asked.limit, cap)])


@varies(Behaviour.large_limit, dataset=lambda: seeded(size=130))
def cap_100(_self: Behaviour, _limit: int, /) -> int:
    """A page holds 100 items at most."""
    return 100


@varies(Behaviour.large_limit, dataset=lambda: seeded(size=1100))
def cap_1000(_self: Behaviour, limit: int, /) -> int:
    """A page holds 1,000 items at most."""
    return min(limit, 1000)


@varies(Behaviour.large_limit, dataset=lambda: seeded(size=130))
def no_cap(_self: Behaviour, limit: int, /) -> int:
    """A page holds as many items as were asked for."""
    return limit


@varies(Behaviour.large_limit, dataset=lambda: seeded(size=130))
def above_cap_default(self: Behaviour, _limit: int, /) -> int:
    """A limit above 100 gives a page of the default size."""
    return self.shape.default_limit


@varies(Behaviour.read_limit)
def limit_above_50_refused(self: Behaviour, fields: Fields, /) -> int:
    """A limit above 50 is refused (above the default size, if that is more)."""
    limit = Behaviour.read_limit(self, fields)
    return Behaviour.large_limit(self, limit) if limit > max(_LOW_CAP, self.shape.default_limit) else limit


@varies(Behaviour.read_limit)
def limit_above_10_refused(self: Behaviour, fields: Fields, /) -> int:
    """A limit above the default size is refused."""
    limit = Behaviour.read_limit(self, fields)
    return Behaviour.large_limit(self, limit) if limit > self.shape.default_limit else limit


@varies(Behaviour.small_limit)
def limit_0_is_empty(self: Behaviour, limit: int, /) -> int:
    """limit=0 gives an empty page, and `has_more` says whether there are items."""
    return 0 if limit == 0 else Behaviour.small_limit(self, limit)


@varies(Behaviour.small_limit)
def limit_0_is_default(self: Behaviour, limit: int, /) -> int:
    """limit=0 gives a page of the default size."""
    return self.shape.default_limit if limit == 0 else Behaviour.small_limit(self, limit)


@varies(Behaviour.small_limit)
def small_limit_is_default(self: Behaviour, _limit: int, /) -> int:
    """limit=0 and a negative limit give a page of the default size."""
    return self.shape.default_limit


@varies(Behaviour.small_limit)
def small_limit_is_1(_self: Behaviour, _limit: int, /) -> int:
    """limit=0 and a negative limit give one item."""
    return 1


@varies(Behaviour.small_limit)
def small_limit_is_empty(_self: Behaviour, _limit: int, /) -> int:
    """limit=0 and a negative limit give an empty page."""
    return 0


@variant
class Lenient(Behaviour):
    """Any limit and any cursor is answered: by a page of the default or the largest size, or by an empty one."""

    def small_limit(self, _limit: int, /) -> int:
        """The usual size."""
        return self.shape.default_limit

    def large_limit(self, _limit: int, /) -> int:
        """The largest size."""
        return self.shape.largest_limit

    def unknown_after(self, ordered: Permissions, _asked: Asked, /) -> int:
        """The end of the list."""
        return len(ordered)

    def end(self, ordered: Permissions, asked: Asked, /) -> int:
        """The beginning of the list, where the cursor names nothing of it."""
        return next((at for at, permission in enumerate(ordered) if permission.id == asked.before), 0)

    def credentials(self, request: Request, /) -> str | None:
        """A key may have spaces in it, as those in the tests of client libraries have."""
        given = request.header("authorization")
        spaced = re.fullmatch(r"bearer +([ -~]*[!-~])", given[0], re.IGNORECASE) if len(given) == 1 else None
        return spaced[1] if spaced and not self.shape.key_header else super().credentials(request)


# --- the unknown


@varies(Behaviour.unknown_after)
def unknown_after_404(_self: Behaviour, _ordered: Permissions, _asked: Asked, /) -> int:
    """An unknown `after` is a 404."""
    raise Refused(404, "No such permission.", param="after", code="not_found")


@varies(Behaviour.unknown_after)
def unknown_after_empty(_self: Behaviour, ordered: Permissions, _asked: Asked, /) -> int:
    """After an unknown item the page is empty."""
    return len(ordered)


@varies(Behaviour.unknown_after, warns=frozenset({"PAG-024", "TOK-008"}))
def unknown_after_begins_again(_self: Behaviour, _ordered: Permissions, _asked: Asked, /) -> int:
    """After an unknown item the first page comes again."""
    return 0


@varies(Behaviour.unknown_checkpoint)
def unknown_checkpoint_403(_self: Behaviour, _asked: Asked, /) -> Refused:
    """An unknown checkpoint is a 403."""
    return Refused(403, "You have no access to this checkpoint.", code="forbidden")


@varies(Behaviour.unknown_checkpoint)
def unknown_checkpoint_400(_self: Behaviour, _asked: Asked, /) -> Refused:
    """An unknown checkpoint is a 400."""
    return Refused(400, "This is no checkpoint.", param="fine_tuned_model_checkpoint", code="invalid_value")


@varies(Behaviour.permissions)
def unknown_checkpoint_empty(self: Behaviour, asked: Asked, /) -> Permissions:
    """An unknown checkpoint has an empty list."""
    return self.dataset.checkpoints.get(asked.checkpoint, ())


def _known_project(self: Behaviour, asked: Asked) -> bool:
    return asked.project_id in {None, *(each.project_id for each in self.permissions(asked))}


@varies(Behaviour.rest)
def unknown_project_404(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """An unknown project is a 404."""
    if not _known_project(self, asked):
        raise Refused(404, "No such project.", param="project_id", code="not_found")
    return Behaviour.rest(self, asked)


@varies(Behaviour.rest)
def unknown_project_400(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """An unknown project is a 400."""
    if not _known_project(self, asked):
        raise self.invalid("project_id", "'project_id' names no project.")
    return Behaviour.rest(self, asked)


@varies(Behaviour.rest)
def unknown_project_403(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """An unknown project is a 403."""
    if not _known_project(self, asked):
        raise Refused(403, "You have no access to this project.", code="forbidden")
    return Behaviour.rest(self, asked)


@varies(Behaviour.rest)
def cursor_in_filtered_list(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """Under a filter a cursor of another project is unknown."""
    kept = self.matching(self.sort(self.permissions(asked), asked), asked)
    return kept[self.position(kept, asked) :]


@varies(Behaviour.fields)
def unknown_parameters_refused(self: Behaviour, query: str, /) -> Fields:
    """An unknown parameter is a 400."""
    fields = Behaviour.fields(self, query)
    for name in fields:
        if name not in KNOWN and name not in self.shape.fixed:
            raise self.invalid(name, "Unknown parameter.")
    return fields


@varies(Behaviour.read_text)
def last_of_repeated_counts(_self: Behaviour, name: str, fields: Fields, /) -> str | None:
    """The last value of a repeated parameter counts."""
    values = fields.get(name, [])
    return values[-1] if values else None


# --- order


@varies(Behaviour.arrange)
def ties_by_id_down(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Ties stand by falling id in ascending order, and the reverse in the other."""
    falling = sorted(permissions, key=lambda each: each.id, reverse=True)
    ordered = sorted(falling, key=lambda each: each.created_at)
    return ordered if asked.ascending else ordered[::-1]


@varies(Behaviour.arrange)
def ties_as_stored(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Ties stand as they are stored, in ascending order and reversed in the other."""
    ordered = sorted(permissions, key=lambda each: each.created_at)
    return ordered if asked.ascending else ordered[::-1]


@varies(Behaviour.arrange)
def ties_not_mirrored(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Ties stand by rising id in both directions."""
    rising = sorted(permissions, key=lambda each: each.id)
    return sorted(rising, key=lambda each: each.created_at, reverse=not asked.ascending)


@varies(Behaviour.read_order)
def asc_and_desc_too(self: Behaviour, fields: Fields, /) -> str:
    """`asc` and `desc` are taken as well."""
    words = {"asc": "ascending", "desc": "descending"}
    return Behaviour.read_order(self, {**fields, "order": [words.get(word, word) for word in fields.get("order", [])]})


# --- the page object


@varies_page()
def ids_absent_on_empty_page(envelope: dict[str, Any]) -> object:
    """An empty page has neither `first_id` nor `last_id`."""
    return envelope if envelope["data"] else _without(envelope, "first_id", "last_id")


@varies_page(warns=frozenset({"PAG-006"}))
def ids_blank_on_empty_page(envelope: dict[str, Any]) -> object:
    """On an empty page `first_id` and `last_id` are empty strings."""
    return envelope if envelope["data"] else envelope | {"first_id": "", "last_id": ""}


@varies_page()
def ids_only_with_more(envelope: dict[str, Any]) -> object:
    """`first_id` and `last_id` are given only where `has_more` is true."""
    return envelope if envelope["has_more"] else _without(envelope, "first_id", "last_id")


@varies_page()
def ids_null_without_more(envelope: dict[str, Any]) -> object:
    """`first_id` and `last_id` are null where `has_more` is false."""
    return envelope if envelope["has_more"] else envelope | {"first_id": None, "last_id": None}


@varies_page(unexercised=frozenset({"PAG-004"}))
def no_first_id(envelope: dict[str, Any]) -> object:
    """There is no `first_id`."""
    return _without(envelope, "first_id")


@varies_page(
    envelope={
        "total": {"type": "integer"},
        "usage": {"type": "object", "required": ["cost"], "properties": {"cost": {"type": "integer"}}},
        "next": {"type": "string", "nullable": True},
    },
    item={
        "lapses_at": {"type": "string", "format": "date-time"},
        "role": {"enum": ["reader", "owner"]},
        "granted_by": {
            "oneOf": [
                {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": ["human"]}}},
                {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": ["robot"]}}},
            ],
            "discriminator": {"propertyName": "kind", "mapping": {"user": "#/components/schemas/Nowhere"}},
        },
        "note": {"type": "string", "format": "prose"},
    },
)
def documented_properties(envelope: dict[str, Any]) -> object:
    """The document adds properties to the page and to its items; all are as it says, some are left out."""
    further = {"lapses_at": "2026-11-30T04:28:30.5+01:00", "role": "owner", "granted_by": {"kind": "robot", "x": 1}}
    data = [item | further for item in envelope["data"]]
    return envelope | {"data": data, "total": 57, "usage": {"cost": 1}, "next": None}


@variant
class StateThatChangesOnce(Behaviour):
    """The document adds a `state` to the items; it becomes another one while the list is read."""

    item_schema = MappingProxyType(
        {"state": {"type": "string"}, "lapses_at": {"type": "integer", "format": "unixtime"}}
    )

    def render_item(self, permission: Permission, asked: Asked, /) -> object:
        """An item as it is at this request."""
        right = super().render_item(permission, asked)
        state = "active" if asked.request.number > _ACTIVATED_AT else "pending"
        return {**right, "state": state, "lapses_at": 1_796_012_910} if isinstance(right, dict) else right


@varies_page()
def more_properties(envelope: dict[str, Any]) -> object:
    """The page and its items have further properties, nested ones too."""
    data = [item | {"granted_by": {"id": "user_1", "object": "user"}, "until": None} for item in envelope["data"]]
    return envelope | {"data": data, "total_count": None, "links": {"self": "/v1", "next": None}, "größe": 1.5e3}


@varies_page()
def properties_reversed(envelope: dict[str, Any]) -> object:
    """The properties stand in the opposite order."""
    data = [dict(reversed(item.items())) for item in envelope["data"]]
    return dict(reversed((envelope | {"data": data}).items()))


def _without(envelope: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in envelope.items() if name not in names}


@varies(Behaviour.encode)
def pretty_json(_self: Behaviour, value: object, _asked: Asked, /) -> bytes:
    """The body is indented and ends with a line break."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\r\n"


@varies(Behaviour.encode, dataset=lambda: seeded(permission_form=emoji, project_form=umlauts))
def escaped_json(_self: Behaviour, value: object, _asked: Asked, /) -> bytes:
    """Everything beyond ASCII is escaped, and ids are full of it."""
    return json.dumps(value, ensure_ascii=True).encode().replace(b"/", b"\\/")


# --- errors


@varies(Behaviour.error_body, warns=frozenset({"INP-007"}))
def errors_of_other_shape(_self: Behaviour, _request: Request, refused: Refused, /) -> bytes:
    """An error is a JSON object with a `detail`."""
    return json.dumps({"detail": refused.message}).encode()


@varies(Behaviour.refuse, warns=frozenset({"INP-007"}))
def errors_as_text(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """An error is plain text."""
    return _error_as("text/plain; charset=utf-8", refused.message.encode(), self, request, refused)


@varies(Behaviour.refuse, warns=frozenset({"INP-007"}))
def errors_as_problem(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """An error is application/problem+json."""
    problem = {"type": "about:blank", "title": "Refused", "status": refused.status, "detail": refused.message}
    return _error_as("application/problem+json", json.dumps(problem).encode(), self, request, refused)


@varies(Behaviour.refuse, warns=frozenset({"INP-007"}))
def errors_as_html(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """An error is a short page of HTML."""
    body = f"<!DOCTYPE html><title>{refused.status}</title><p>{refused.message}</p>".encode()
    return _error_as("text/html; charset=utf-8", body, self, request, refused)


@varies(Behaviour.refuse, warns=frozenset({"INP-007"}))
def errors_without_body(self: Behaviour, request: Request, refused: Refused, /) -> Response:
    """An error has no body."""
    response = Behaviour.refuse(self, request, refused)
    response.headers = [(name, value) for name, value in response.headers if name != "Content-Type"]
    response.body = b""
    return response


def _error_as(media_type: str, body: bytes, self: Behaviour, request: Request, refused: Refused) -> Response:
    response = Behaviour.refuse(self, request, refused)
    kept = [(name, value) for name, value in response.headers if name != "Content-Type"]
    response.headers, response.body = [("Content-Type", media_type), *kept], body
    return response


@varies(Behaviour.error_status)
def wrong_parameters_422(_self: Behaviour, _request: Request, refused: Refused, /) -> int:
    """A parameter's wrong value is a 422."""
    return 422 if refused.code == "invalid_value" else refused.status


# --- who may look


@varies(Behaviour.forbidden)
def user_key_401(self: Behaviour, _request: Request, /) -> Refused:
    """A key without admin rights gets a 401."""
    return self.unauthorized("This operation requires an admin API key.")


@varies(Behaviour.forbidden)
def user_key_404(_self: Behaviour, _request: Request, /) -> Refused:
    """A key without admin rights gets a 404."""
    return Refused(404, "Unknown request URL.", code="unknown_url")


@varies(Behaviour.unauthorized, unexercised=frozenset({"SEC-012"}))
def strangers_404(_self: Behaviour, _message: str, /) -> Refused:
    """Whoever has no valid key gets the 404 of an unknown checkpoint."""
    return Refused(404, "No such checkpoint.", param="fine_tuned_model_checkpoint", code="not_found")


@varies(Behaviour.unauthorized, unexercised=frozenset({"SEC-012"}))
def all_refused_403(_self: Behaviour, message: str, /) -> Refused:
    """Whoever may not look gets a 403."""
    return Refused(403, message, code="forbidden")


@varies(Behaviour.unauthorized, unexercised=frozenset({"SEC-012"}))
def strangers_find_nothing(_self: Behaviour, _message: str, /) -> Refused:
    """Who gives no valid key gets a 404, as if there were nothing."""
    return Refused(404, "Not found.", code="not_found")


@varies(Behaviour.authenticate, unexercised=frozenset({"SEC-012"}))
def all_but_admins_find_nothing(self: Behaviour, request: Request, /) -> None:
    """Whoever may not look gets the 404 of an unknown checkpoint."""
    try:
        Behaviour.authenticate(self, request)
    except Refused:
        raise self.unknown_checkpoint(Asked(request, "")) from None


@varies(Behaviour.credentials)
def malformed_credentials_400(self: Behaviour, request: Request, /) -> str | None:
    """An Authorization header of another form than a scheme and a value gets a 400."""
    for value in request.header("authorization"):
        _, *rest = value.split() or [""]
        if len(rest) != 1:
            raise Refused(400, "Malformed Authorization header.", code="invalid_request")
    return Behaviour.credentials(self, request)


@varies(Behaviour.credentials)
def scheme_in_one_case(self: Behaviour, request: Request, /) -> str | None:
    """The scheme is taken as "Bearer" only."""
    exact = all(value.startswith("Bearer ") for value in request.header("authorization"))
    return Behaviour.credentials(self, request) if exact else None


@varies(Behaviour.unauthorized, warns=frozenset({"SEC-012"}))
def no_challenge(_self: Behaviour, message: str, /) -> Refused:
    """A 401 has no WWW-Authenticate."""
    return Refused(401, message, code="invalid_api_key")


@varies(Behaviour.unauthorized)
def key_repeated_in_mask(_self: Behaviour, message: str, /) -> Refused:
    """A 401 repeats the ends of the key, the rest masked."""
    return Refused(
        401, f"{message} (sk-ad*****************)", code="invalid_api_key", headers=[("WWW-Authenticate", "Bearer")]
    )


@varies(Behaviour.serve)
async def parameters_before_credentials(self: Behaviour, request: Request, /) -> Response:
    """Parameters are checked before credentials."""
    self.read(request, self.route(request))
    return await Behaviour.serve(self, request)


@varies(Behaviour.serve)
async def checkpoint_before_credentials(self: Behaviour, request: Request, /) -> Response:
    """An unknown checkpoint is a 404 to everybody."""
    self.permissions(Asked(request, self.route(request)))
    return await Behaviour.serve(self, request)


@varies(Behaviour.serve)
async def slashes_merged(self: Behaviour, request: Request, /) -> Response:
    """Doubled slashes and one at the end are overlooked, by the check of the key as well."""
    return await Behaviour.serve(self, replace(request, path=re.sub("/+", "/", request.path).rstrip("/")))


# --- the writing of a query


@varies(Behaviour.serve)
async def other_orders_redirected(self: Behaviour, request: Request, /) -> Response:
    """A query whose parameters don't stand in alphabetical order is redirected to the one in which they do."""
    ordered = "&".join(sorted(request.query.split("&")))
    if ordered != request.query:
        return Response(308, [("Location", f"{request.path}?{ordered}")])
    return await Behaviour.serve(self, request)
