"""The operation as published, done right, as a pipeline of small steps.

Each step is one method of `Behaviour` with plain arguments. A server that is wrong, or right in another
way, is a subclass that replaces one of them; see `contracts.mock.faults` and `contracts.mock.variants`.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote_to_bytes
from zlib import crc32

from contracts.mock.ordered import Sorted, Tail
from contracts.mock.shape import BACK, Shape, facet, opened, sealed
from contracts.mock.store import Dataset, Permission

BASE_PATH = "/v1"
DEFAULT_LIMIT = 10
LARGEST_LIMIT = 100
LONG = 100_000
"""Permissions of a list that takes noticeable time to sort."""
KNOWN = ("after", "before", "limit", "order", "project_id")
_BEARER = re.compile(r"bearer +([!-~]+)", re.IGNORECASE)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")

Headers = list[tuple[str, str]]
Fields = dict[str, list[str]]
"""The decoded query: each name with all its values."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came over the wire.

    ``number`` counts the requests of one server from 1; ``path`` and ``query`` are percent-encoded;
    header names are in lower case; ``connection`` is the number of the connection.
    """

    number: int
    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    connection: int = 0

    def header(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, read and checked, with the defaults filled in."""

    request: Request
    checkpoint: str
    after: str | None = None
    limit: int = DEFAULT_LIMIT
    order: str = "descending"
    project_id: str | None = None
    before: str | None = None
    selected: tuple[tuple[str, str], ...] = ()
    """The values of the filters behind the first one, and of those by what items don't show."""

    @property
    def ascending(self) -> bool:
        """Whether the oldest come first."""
        return self.order in {"ascending", "asc"}


@dataclass(slots=True)
class Response:
    """An answer to be sent.

    ``cut`` sends only so many bytes of the body and then closes the connection; ``chunks`` sends the body
    in pieces of that many bytes, without a Content-Length unless ``headers`` has one.
    """

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    cut: int | None = None
    chunks: int | None = None


class Refused(Exception):
    """A request that gets an error as its answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = list(headers)


def error_object(refused: Refused) -> dict[str, Any]:
    """What the vendor's errors say of a refusal."""
    return {
        "message": refused.message,
        "type": "invalid_request_error",
        "param": refused.param,
        "code": refused.code,
    }


class Behaviour:
    """The right implementation. One instance serves one server.

    ``in_flight`` counts the requests that are being answered. The right server remembers nothing from one
    request to the next; ``memory`` is for those that do. ``envelope_schema`` and ``item_schema`` describe
    properties, each with its schema, that the server documents beyond the published ones.
    """

    dataset: Dataset
    envelope_schema: Mapping[str, Any] = MappingProxyType({})
    item_schema: Mapping[str, Any] = MappingProxyType({})

    @property
    def shape(self) -> Shape:
        """What is particular to the operation that is served."""
        return self.dataset.shape

    def bind(self, dataset: Dataset, /) -> None:
        """Takes the data to serve; called once, before the first request."""
        self.dataset = dataset
        self.in_flight = 0
        self.memory: dict[Any, Any] = {}
        self._sorted: dict[tuple[str, str], Sorted] = {}

    def prepare(self) -> None:
        """Sorts a long list before the first request, which would have to wait for it."""
        if len(self.dataset.permissions) >= LONG and type(self).arrange is Behaviour.arrange:
            self._sort_all()

    def _sort_all(self) -> None:
        checkpoint = self.dataset.checkpoint
        for order in ("descending", "ascending"):
            asked = Asked(Request(0, "GET", ""), checkpoint, order=order)
            known = self._known(self.sort(self.dataset.permissions, asked), asked)
            if known is not None:
                known.index()

    async def answer(self, request: Request, /) -> Response:
        """Runs all steps for one request."""
        self.in_flight += 1
        try:
            response = await self.serve(request)
        except Refused as refused:
            response = self.refuse(request, refused)
        finally:
            self.in_flight -= 1
        return self.finish(request, response)

    async def serve(self, request: Request, /) -> Response:
        """Runs the steps of a request that gets a page.

        Raises:
            Refused: When something is.
        """
        checkpoint = self.route(request)
        self.authenticate(request)
        asked = self.read(request, checkpoint)
        await self.pause(asked)
        return self.page(asked)

    def route(self, request: Request, /) -> str:
        """The checkpoint id from the path, decoded once."""
        shape = self.shape
        scope = "([^/]+)" if shape.scoped else "()"
        found = re.fullmatch(re.escape(BASE_PATH + shape.prefix) + scope + re.escape(shape.suffix), request.path)
        if not found:
            raise Refused(404, "Unknown request URL.", code="unknown_url")
        if request.method != "GET":
            raise Refused(405, "Only GET is allowed here.", code="method_not_allowed", headers=[("Allow", "GET")])
        return self.decode(found[1])

    def decode(self, raw: str, /) -> str:
        """Percent-decodes one path segment, query name or query value."""
        try:
            text = unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise Refused(400, "The request is not valid UTF-8.", code="invalid_encoding") from None
        if "\0" in text:
            raise Refused(400, "The request holds a NUL character.", code="invalid_encoding")
        return text

    def authenticate(self, request: Request, /) -> None:
        """Lets the admin key pass and nothing else."""
        key = self.credentials(request)
        if key is None:
            raise self.unauthorized("Missing or malformed bearer authentication in the Authorization header.")
        if self.is_key(key, self.dataset.admin_key):
            return
        if self.is_key(key, self.dataset.user_key):
            if not self.shape.admin:
                return
            raise self.forbidden(request)
        raise self.unauthorized("Incorrect API key provided.")

    def credentials(self, request: Request, /) -> str | None:
        """The bearer token, if there is exactly one and it is well formed."""
        if self.shape.key_header:
            values = request.header(self.shape.key_header)
            return values[0] if len(values) == 1 else None
        values = request.header("authorization")
        found = _BEARER.fullmatch(values[0]) if len(values) == 1 else None
        return found[1] if found else None

    def keys_sent(self, request: Request, /) -> list[str]:
        """The values of the header that carries the key."""
        return request.header(self.shape.key_header or "authorization")

    def is_key(self, given: str, known: str, /) -> bool:
        """Whether a token is a known key."""
        return hmac.compare_digest(given.encode(), known.encode())

    def unauthorized(self, message: str, /) -> Refused:
        """The refusal of a request without a valid key."""
        return Refused(401, message, code="invalid_api_key", headers=[("WWW-Authenticate", "Bearer")])

    def forbidden(self, _request: Request, /) -> Refused:
        """The refusal of a valid key that may not look."""
        return Refused(403, "This operation requires an admin API key.", code="insufficient_permissions")

    def read(self, request: Request, checkpoint: str, /) -> Asked:
        """All parameters, read and checked."""
        fields = self.fields(request.query)
        asked = Asked(
            request=request,
            checkpoint=checkpoint,
            after=self.read_text("after", fields),
            limit=self.read_limit(fields),
            order=self.read_order(fields),
            project_id=self.read_text("project_id", fields),
            before=self.read_text("before", fields),
            selected=self.read_selected(fields),
        )
        if self.shape.token is None:
            return asked
        if self.shape.back is not None and (asked.before or (asked.after or "").startswith(BACK)):
            return replace(asked, after=None, before=opened(asked.before or asked.after or "", BACK))
        return asked if asked.after is None else replace(asked, after=self.unseal(asked.after, asked))

    def fields(self, query: str, /) -> Fields:
        """Takes the query apart; unknown names are kept, and ignored by all later steps."""
        fields: Fields = {}
        for part in filter(None, query.split("&")):
            name, _, value = part.replace("+", " ").partition("=")
            known, meant = self.shape.published(self.decode(name), self.decode(value))
            fields.setdefault(known, []).append(meant)
        return fields

    def read_text(self, name: str, fields: Fields, /) -> str | None:
        """The one value of a parameter, or ``None`` when it is not given."""
        values = fields.get(name, [])
        if len(values) > 1:
            raise self.invalid(name, f"'{name}' was given more than once.")
        return values[0] if values else None

    def read_selected(self, fields: Fields, /) -> tuple[tuple[str, str], ...]:
        """The further filters that are asked for."""
        found = ((name, self.read_text(name, fields)) for name in (*self.shape.filters, *self.shape.hidden))
        return tuple((name, value) for name, value in found if value is not None)

    def read_limit(self, fields: Fields, /) -> int:
        """The page size that is asked for."""
        text = self.read_text("limit", fields)
        if text is None:
            return self.shape.default_limit
        limit = self.integer(text)
        if limit < 1:
            return self.small_limit(limit)
        if limit > self.shape.largest_limit:
            return self.large_limit(limit)
        return limit

    def integer(self, text: str, /) -> int:
        """Reads an integer as JSON writes one."""
        if not _INTEGER.fullmatch(text):
            raise self.invalid("limit", "'limit' is not an integer.")
        return int(text)

    def small_limit(self, _limit: int, /) -> int:
        """What a limit below 1 means."""
        raise self.invalid("limit", "'limit' is below the minimum of 1.")

    def large_limit(self, _limit: int, /) -> int:
        """What a limit above the largest means."""
        raise self.invalid("limit", f"'limit' is above the maximum of {self.shape.largest_limit}.")

    def read_order(self, fields: Fields, /) -> str:
        """The direction that is asked for."""
        text = self.read_text("order", fields)
        if text is None:
            return self.shape.default_order
        if text not in {"ascending", "descending"}:
            raise self.invalid("order", "'order' is neither 'ascending' nor 'descending'.")
        return text

    def invalid(self, param: str, message: str, /) -> Refused:
        """The refusal of a parameter's value."""
        return Refused(400, message, param=param, code="invalid_value")

    async def pause(self, _asked: Asked, /) -> None:
        """Where other requests may overtake this one; the right server needs no time."""

    def page(self, asked: Asked, /) -> Response:
        """The answer to a request that was read."""
        rest = self._tail(asked) if asked.before is None else self.preceding(asked)
        items = self.cut(rest, asked) if asked.before is None else self.cut_back(rest, asked)
        return self.page_of(items, self.has_more(items, rest, asked), asked)

    def page_of(self, items: list[Permission], has_more: object, asked: Asked, /) -> Response:
        """The page of these items, as the operation writes it."""
        first, last = self.first_id(items, asked), self.last_id(items, asked)
        envelope = self.render(items, has_more, first, last, asked)
        token = self.next_token(envelope, asked) if self.shape.token is not None else None
        back = self.back_token(items, asked) if self.shape.back is not None else None
        body = self.encode(self.shape.written(envelope, token, back), asked)
        return Response(200, self.headers(body, asked), body)

    def rest(self, asked: Asked, /) -> list[Permission]:
        """The items after the cursor: those of the page and of all pages that follow."""
        ordered = self.sort(self.permissions(asked), asked)
        return self.matching(ordered[self.position(ordered, asked) :], asked)

    def preceding(self, asked: Asked, /) -> list[Permission]:
        """The items before the cursor `before`, and after the cursor `after` if that is given too."""
        ordered = self.sort(self.permissions(asked), asked)
        ends = self.end(ordered, asked)
        return self.matching(ordered[self.position(ordered, asked) : ends], asked)

    def end(self, ordered: Sequence[Permission], asked: Asked, /) -> int:
        """The index in the unfiltered list at which a page before an item ends."""
        place = next((at for at, permission in enumerate(ordered) if permission.id == asked.before), None)
        if place is None:
            raise self.invalid("before", "'before' names no permission of this checkpoint.")
        return place

    def cut_back(self, rest: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        """The page out of the items before the cursor: those nearest to it, in the order of the list."""
        return list(rest[max(0, len(rest) - asked.limit) :])

    def next_token(self, envelope: object, asked: Asked, /) -> object:
        """The token of the page that follows; ``None`` at the end of the list."""
        if not isinstance(envelope, dict) or envelope.get("has_more") is not True:
            return None
        last = envelope.get("last_id")
        return self.seal(last, asked) if isinstance(last, str) else None

    def back_token(self, items: Sequence[Permission], asked: Asked, /) -> object:
        """The token of the page before; ``None`` at the head of the list."""
        whole = self.matching(self.sort(self.permissions(asked), asked), asked)
        return sealed(items[0].id, BACK) if items and items[:1] != whole[:1] else None

    def seal(self, id_: str, _asked: Asked, /) -> str:
        """The token that continues after an item."""
        return sealed(id_)

    def unseal(self, token: str, _asked: Asked, /) -> str | None:
        """The id of the item after which a token continues; of no item for a text that was never a token."""
        return opened(token)

    def _tail(self, asked: Asked) -> Sequence[Permission]:
        """The same as `rest`, without a copy of the list where no subclass replaces a step of it."""
        if type(self).rest is not Behaviour.rest or type(self).filter is not Behaviour.filter or asked.selected:
            return self.rest(asked)
        ordered = self.sort(self.permissions(asked), asked)
        begin = self.position(ordered, asked)
        if asked.project_id is None:
            return Tail(ordered, begin)
        known = self._known(ordered, asked)
        return self.rest(asked) if known is None else known.of_project(asked.project_id, begin)

    def permissions(self, asked: Asked, /) -> Sequence[Permission]:
        """What the checkpoint holds, as stored."""
        found = self.dataset.checkpoints.get(asked.checkpoint)
        if found is None:
            raise self.unknown_checkpoint(asked)
        return found

    def unknown_checkpoint(self, _asked: Asked, /) -> Refused:
        """The refusal of a checkpoint that does not exist."""
        return Refused(404, "No such checkpoint.", param="fine_tuned_model_checkpoint", code="not_found")

    def sort(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        """All permissions in the order of the list."""
        place = (asked.checkpoint, asked.order)
        known = self._sorted.get(place)
        if known is None or known.source is not permissions:
            known = self._sorted[place] = Sorted(permissions, self.arrange(permissions, asked))
        return known.ordered

    def _known(self, ordered: Sequence[Permission], asked: Asked) -> Sorted | None:
        """The indexes of a list that `sort` returned; ``None`` for any other list."""
        known = self._sorted.get((asked.checkpoint, asked.order))
        return known if known is not None and known.ordered is ordered else None

    def arrange(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        """Sorts by time; ties are sorted by id. `sort` remembers the result as long as the data stay."""
        ordered = sorted(permissions, key=lambda permission: (permission.created_at, permission.id))
        return ordered if asked.ascending else ordered[::-1]

    def position(self, ordered: Sequence[Permission], asked: Asked, /) -> int:
        """The index in the unfiltered list at which the page begins."""
        if asked.after is None:
            return 0
        known = self._known(ordered, asked)
        if known is not None:
            place = known.place(asked.after)
        else:
            place = next((at for at, permission in enumerate(ordered) if permission.id == asked.after), None)
        return self.unknown_after(ordered, asked) if place is None else place + 1

    def unknown_after(self, _ordered: Sequence[Permission], _asked: Asked, /) -> int:
        """What a cursor that the list does not have means."""
        raise self.invalid("after", "'after' names no permission of this checkpoint.")

    def matching(self, permissions: Sequence[Permission], asked: Asked) -> list[Permission]:
        """Those that match every filter."""
        return self.select(self.filter(permissions, asked), asked)

    def filter(self, permissions: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        """Those of the project that is asked for."""
        if asked.project_id is None:
            return list(permissions)
        return [permission for permission in permissions if permission.project_id == asked.project_id]

    def select(self, permissions: list[Permission], asked: Asked, /) -> list[Permission]:
        """Those that match all further filters."""
        chosen = permissions
        for name, value in asked.selected:
            chosen = [each for each in chosen if self.is_selected(each, name, value)]
        return chosen

    def is_selected(self, permission: Permission, name: str, value: str, /) -> bool:
        """Whether one matches a further filter."""
        shown = self.shape.filters.get(name)
        if shown is not None and self.shape.item is not None:
            return facet(shown, self.shape.item.facets[shown], permission.id) == value
        if name in self.shape.ranges:
            return self.shape.ranges[name](permission.created_at, value)
        return crc32(f"{name}={value} {permission.id}".encode("utf-8", "surrogatepass")) % 3 > 0

    def cut(self, rest: Sequence[Permission], asked: Asked, /) -> list[Permission]:
        """The page out of the items after the cursor."""
        return list(rest[: asked.limit])

    def has_more(self, items: Sequence[Permission], rest: Sequence[Permission], _asked: Asked, /) -> object:
        """Whether anything follows the page."""
        return len(rest) > len(items)

    def first_id(self, items: Sequence[Permission], _asked: Asked, /) -> object:
        """The id of the page's first item."""
        return items[0].id if items else None

    def last_id(self, items: Sequence[Permission], _asked: Asked, /) -> object:
        """The id of the page's last item."""
        return items[-1].id if items else None

    def render_item(self, permission: Permission, _asked: Asked, /) -> object:
        """One permission as JSON."""
        return {
            "object": "checkpoint.permission",
            "id": permission.id,
            "created_at": permission.created_at,
            "project_id": permission.project_id,
        }

    def render(
        self, items: Sequence[Permission], has_more: object, first_id: object, last_id: object, asked: Asked, /
    ) -> object:
        """The page as JSON."""
        return {
            "object": "list",
            "data": [self.render_item(permission, asked) for permission in items],
            "first_id": first_id,
            "last_id": last_id,
            "has_more": has_more,
        }

    def encode(self, value: object, _asked: Asked, /) -> bytes:
        """The page as bytes."""
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    def headers(self, _body: bytes, _asked: Asked, /) -> Headers:
        """The headers of a page, short of its length."""
        return [("Content-Type", "application/json"), ("Cache-Control", "no-store")]

    def refuse(self, request: Request, refused: Refused, /) -> Response:
        """The answer to a request that was refused."""
        body = self.error_body(request, refused)
        headers = [("Content-Type", self.error_type(refused)), ("Cache-Control", "no-store"), *refused.headers]
        return Response(self.error_status(request, refused), headers, body)

    def error_status(self, _request: Request, refused: Refused, /) -> int:
        """The status of a refusal."""
        return refused.status

    def error_type(self, _refused: Refused, /) -> str:
        """The media type of a refusal."""
        return "application/json"

    def error_body(self, _request: Request, refused: Refused, /) -> bytes:
        """A refusal in the vendor's shape."""
        return json.dumps({"error": error_object(refused)}).encode()

    def finish(self, _request: Request, response: Response, /) -> Response:
        """The last step of every answer, right or refused: transfer and content coding."""
        return response
