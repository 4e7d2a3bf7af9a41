"""The list operation as data: how it is asked for, how its requests are read back, what it answers with.

Everything that is particular to one operation comes from its document and the overlay; the rest of the
suite speaks of roles (`contracts.core.model.Query`), never of raw names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from contracts.core.errors import ConfigurationError
from contracts.core.model import Capability, Order, Query, Request
from contracts.core.wording import excerpt
from contracts.spec import document as documents
from contracts.spec.overlay import apply_overlay
from contracts.spec.reduction import Reduced, reduce
from contracts.spec.references import References
from contracts.spec.requests import Grammar, Reading

Dialect = Literal["3.0", "3.1"]


@dataclass(frozen=True, slots=True)
class Roles:
    """The raw name of each part of the list: the overlay's ``x-list``, and the path parameter."""

    object: str
    items: str
    has_more: str
    first_id: str
    last_id: str
    item_id: str
    item_created_at: str
    item_project_id: str
    item_object: str
    checkpoint: str
    after: str
    limit: str
    order: str
    project_id: str


@dataclass(frozen=True, eq=False)
class Operation:
    """One list operation of one document.

    ``document`` is reduced to the operation and has the overlay applied: it is what Schemathesis loads.
    ``response_schema`` is the schema of the 200 answer; its references are resolved against ``document``.
    ``sha256`` is the digest of the file as it was read, ``name`` the file's name without folders.
    """

    name: str
    sha256: str
    document: dict[str, Any] = field(repr=False)
    path_template: str
    dialect: Dialect
    response_schema: dict[str, Any] = field(repr=False)
    roles: Roles
    default_limit: int
    order_words: Mapping[Order, str]
    default_order: Order
    _grammar: Grammar = field(repr=False)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this operation has of all that a list operation may have."""
        return frozenset(Capability) - {Capability.TOKEN, Capability.BEFORE}

    @property
    def definition(self) -> dict[str, Any]:
        """The operation's own node of the document."""
        node: dict[str, Any] = self.document["paths"][self.path_template]["get"]
        return node

    def request(
        self,
        query: Query,
        *,
        extra: Sequence[tuple[str, str]] = (),
        credential: str = "admin",
        encode_colon: bool = False,
    ) -> Request:
        """Write a query as a request, percent-encoded as RFC 3986 says (a space is ``%20``).

        Args:
            query: What to ask; its values need not be sensible, only sendable.
            extra: Further parameters, names and values not yet encoded, after those of the query.
            credential: The form in which a key is sent; see `contracts.core.model.Request`.
            encode_colon: Send ``:`` in the path as ``%3A``; the official clients send it raw.
        """
        checkpoint = _encode(query.checkpoint, safe="" if encode_colon else ":")
        path = self.path_template.replace("{" + self.roles.checkpoint + "}", checkpoint)
        pairs = [
            (self.roles.after, query.after),
            (self.roles.limit, None if query.limit is None else str(query.limit)),
            (self.roles.order, None if query.order is None else self.order_words[query.order]),
            (self.roles.project_id, query.project_id),
        ]
        sent = [(name, value) for name, value in pairs if value is not None]
        text = "&".join(f"{_encode(name)}={_encode(value)}" for name, value in (*sent, *extra))
        return Request(path, text, credential)

    def read(self, request: Request) -> Reading:
        """Read a recorded request back: the inverse of `request`, and more for what the document forbids."""
        return self._grammar.read(request.path, request.query)


def load_operation(path: Path | None = None, overlay: Path | None = None) -> Operation:
    """Read the operation from a document.

    Args:
        path: An OpenAPI 3.0 or 3.1 document in JSON or YAML that describes the operation, among others or
            alone; by default the published one.
        overlay: What is added to it; by default the suite's own overlay.

    Raises:
        ConfigurationError: A file cannot be read, or does not describe the operation.
    """
    source = documents.load(path or documents.published("openapi.yaml"))
    addition = documents.load(overlay or documents.published("overlay.yaml"))
    dialect = _dialect(source)
    wanted = addition.data.get("x-operation")
    if not isinstance(wanted, dict) or not all(isinstance(wanted.get(key), str) for key in ("path", "operationId")):
        remedy = "add x-operation with path and operationId"
        raise documents.unusable(addition.name, problem="names no operation", remedy=remedy)
    reduced = reduce(source, path=wanted["path"], operation_id=wanted["operationId"])
    apply_overlay(reduced.data, addition)
    return _Interpreter(source, addition, reduced).operation(dialect)


def _dialect(source: documents.Document) -> Dialect:
    version = source.data.get("openapi")
    # A version without quotes (3.1) is a number in YAML.
    match = re.match(r"3\.[01](?=\.|$)", str(version))
    if match is None:
        found = f"is OpenAPI {version}" if version is not None else "names no OpenAPI version"
        raise documents.unusable(source.name, problem=excerpt(found), remedy="give one in OpenAPI 3.0 or 3.1")
    return "3.0" if match.group() == "3.0" else "3.1"


class _Interpreter:
    """Reads out of a reduced document what it says about the list."""

    def __init__(self, source: documents.Document, overlay: documents.Document, reduced: Reduced) -> None:
        self._source = source
        self._overlay = overlay
        self._reduced = reduced
        self._node: dict[str, Any] = reduced.data["paths"][reduced.path]["get"]
        self._list = self._node.get("x-list")
        self._references = References(source.name, reduced.data)

    def operation(self, dialect: Dialect) -> Operation:
        roles = self._roles()
        words = {order: self._word("order", order.value) for order in Order}
        for role in ("after", "project_id"):
            self._parameter(getattr(roles, role))
        template = self._reduced.path
        prefix, _, suffix = template.partition("{" + roles.checkpoint + "}")
        return Operation(
            name=self._source.name,
            sha256=self._source.sha256,
            document=self._reduced.data,
            path_template=template,
            dialect=dialect,
            response_schema=self._node["responses"]["200"]["content"][self._reduced.media_type]["schema"],
            roles=roles,
            default_limit=self._default_limit(roles.limit),
            order_words=words,
            default_order=self._default_order(roles.order, words),
            _grammar=Grammar(
                prefix=prefix,
                suffix=suffix,
                parameters=tuple((getattr(roles, role), role) for role in ("after", "limit", "order", "project_id")),
                orders=tuple((word, order) for order, word in words.items()),
            ),
        )

    def _error(self, *, problem: str, remedy: str) -> ConfigurationError:
        return documents.unusable(self._source.name, problem=problem, remedy=remedy)

    def _word(self, *place: str) -> str:
        node: Any = self._list
        for part in place:
            node = node.get(part) if isinstance(node, dict) else None
        if not isinstance(node, str) or not node:
            problem = f"has no text at x-list/{'/'.join(place)}"
            raise documents.unusable(self._overlay.name, problem=problem, remedy="add it")
        return node

    def _roles(self) -> Roles:
        placeholders = re.findall(r"\{([^{}]*)\}", self._reduced.path)
        if len(placeholders) != 1:
            raise self._error(
                problem=f"has {len(placeholders)} parameters in the path {self._reduced.path}", remedy="one is needed"
            )
        groups = {"checkpoint": placeholders[0]}
        for role in fields(Roles):
            name = role.name
            if name.startswith("item_"):
                groups[name] = self._word("item", name.removeprefix("item_"))
            elif name in ("after", "limit", "order", "project_id"):
                groups[name] = self._word("query", name)
            elif name != "checkpoint":
                groups[name] = self._word("envelope", name)
        return Roles(**groups)

    def _parameter(self, name: str) -> dict[str, Any]:
        """The schema of a query parameter."""
        for parameter in self._node["parameters"]:
            if parameter.get("in") == "query" and parameter.get("name") == name:
                schema = parameter.get("schema")
                if isinstance(schema, dict):
                    return self._references.keywords(schema)
        raise self._error(
            problem=f"describes no query parameter {name} with a schema",
            remedy=f"add it, or change x-list in {self._overlay.name}",
        )

    def _default_limit(self, name: str) -> int:
        default = self._parameter(name).get("default")
        if not isinstance(default, int) or isinstance(default, bool) or default < 1:
            raise self._error(
                problem=f"gives the parameter {name} no default that is a positive integer", remedy="add one"
            )
        return default

    def _default_order(self, name: str, words: Mapping[Order, str]) -> Order:
        schema = self._parameter(name)
        allowed = schema.get("enum")
        default = schema.get("default")
        for order, word in words.items():
            if isinstance(allowed, list) and word not in allowed:
                raise self._error(
                    problem=f"does not allow {name}={word} ({order})",
                    remedy=f"change x-list/order in {self._overlay.name}",
                )
        for order, word in words.items():
            if word == default:
                return order
        raise self._error(problem=f"gives the parameter {name} no default that x-list/order names", remedy="add one")


def _encode(text: str, safe: str = "") -> str:
    # An id from an answer may hold half a surrogate pair; it must be sendable all the same.
    return quote(text, safe=safe, errors="surrogatepass")
