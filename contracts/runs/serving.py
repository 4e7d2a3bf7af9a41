"""The embedded server for any operation: how its pages look, and the data that it then serves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from contracts.core.model import Order
from contracts.mock.shape import Form, Shape, milliseconds, rfc3339
from contracts.mock.store import Dataset, Permission
from contracts.openapi.grammar import PARAMETERS
from contracts.openapi.operation import Operation
from contracts.openapi.profile import Cursor
from contracts.openapi.references import References
from contracts.openapi.samples import sample

_LARGEST_LIMIT = 100
"""The largest page where the document names none."""
_FACETS = ("first", "second", "third")
"""The values of a further filter where the document names none."""
_LITERAL = re.compile("true|false|-?(?:0|[1-9][0-9]*)", re.ASCII)
_TIMES: Mapping[str, Callable[[object], object]] = {"unix-ms": milliseconds, "rfc3339": rfc3339}


def serving(dataset: Dataset, operation: Operation) -> Dataset:
    """The data as a server of an operation holds them."""
    if operation.is_published:
        return dataset
    checkpoints = dict(dataset.checkpoints)
    named = {"checkpoint": dataset.checkpoint}
    if not operation.roles.scope:
        checkpoints = {"": dataset.permissions}
        named = {"checkpoint": "", "other_checkpoint": "", "empty_checkpoint": ""}
    words = operation.filters.accepted or operation.filters.facet_words
    known = {each.project_id for listed in checkpoints.values() for each in listed}
    if not words and operation.filters.takes(operation.roles.facet) == "integer":
        words = tuple(map(str, range(1, len(known) + 1)))
    if words:
        meant = {name: words[number % len(words)] for number, name in enumerate(sorted(known))}
        checkpoints = {
            name: tuple(replace(each, project_id=meant[each.project_id]) for each in listed)
            for name, listed in checkpoints.items()
        }
    if not operation.profile.id:
        # Without an id only its content distinguishes an item from another one: its time.
        checkpoints = {name: _apart(listed) for name, listed in checkpoints.items()}
    return replace(dataset, checkpoints=checkpoints, shape=shape(operation), **named)


def _apart(listed: tuple[Permission, ...]) -> tuple[Permission, ...]:
    ordered = sorted(listed, key=lambda each: (each.created_at, each.id))
    moment = {each.id: each.created_at - number for number, each in enumerate(reversed(ordered))}
    return tuple(replace(each, created_at=moment[each.id]) for each in listed)


def shape(operation: Operation) -> Shape:
    """How the embedded server serves an operation."""
    profile, roles = operation.profile, operation.roles
    page, item = _samples(operation)
    default = operation.usual_limit
    most = profile.limit.most if profile.limit is not None and profile.limit.most else max(_LARGEST_LIMIT, default)
    prefix, suffix = operation.around_scope
    named = {role: getattr(roles, role) for role in PARAMETERS}
    return Shape(
        prefix=prefix,
        suffix=suffix,
        scoped=bool(roles.scope),
        loose=_loose(operation),
        # The embedded server calls the parameters as the published operation does.
        names={"project_id" if role == "facet" else role: name for role, name in named.items() if name},
        words={str(order): operation.order_words[order] for order in Order if order in operation.order_words},
        default_order=str(operation.default_order),
        default_limit=default,
        largest_limit=most,
        admin=profile.admin,
        key_header=operation.key_header.lower(),
        places={
            name: place
            for name, place in (("data", profile.items), ("has_more", profile.more))
            if place is not None and len(place) != 1
        },
        fixed=frozenset(name for name, _ in operation.fixed),
        filters=dict(profile.filters[1:]),
        project=_values(operation, roles.facet)[0],
        hidden=profile.hidden,
        ranges={name: partial(_inside, operation, name) for name in operation.filters.ranges},
        token=profile.next.at if profile.next.kind == "body" else None,
        back=profile.prev.at if profile.next.kind == "body" and roles.before else None,
        link=_link(operation, profile.next),
        back_link=_link(operation, profile.prev),
        page=Form(
            names=_named(
                object=roles.object,
                data=roles.items,
                has_more=roles.has_more,
                first_id=roles.first_id,
                last_id=roles.last_id,
            ),
            template=page,
            constant=profile.envelope_constants[0][1] if profile.envelope_constants else None,
            published="list",
        ),
        item=Form(
            names=_named(
                object=roles.item_object,
                id=roles.item_id or ("id" if isinstance(item.get("id"), str) else ""),
                created_at=roles.item_time,
                project_id=roles.item_facet,
            ),
            template=item,
            constant=profile.constants[0][1] if profile.constants else None,
            facets={name: _values(operation, param) for param, name in profile.filters[1:]},
            write=dict(_writers(operation)),
            published="checkpoint.permission",
        ),
    )


def _values(operation: Operation, parameter: str) -> tuple[str, ...]:
    """Values that items have of what a filter compares."""
    return operation.filters.words_of(parameter) or (
        ("1", "2", "3") if operation.filters.takes(parameter) == "integer" else _FACETS
    )


def _writers(operation: Operation) -> Iterator[tuple[str, Callable[[Any], object]]]:
    """How values are written that the published operation has as texts or as Unix seconds."""
    profile = operation.profile
    if profile.time is not None and profile.time.form != "unix":
        yield "created_at", _TIMES[profile.time.form]
    for place, (param, name) in enumerate(profile.filters):
        if operation.filters.takes(param) in {"boolean", "integer"}:
            yield name if place else "project_id", _as_json


def _as_json(value: Any) -> object:
    """A boolean or an integer for the text that stands for it; any other value as it is."""
    return json.loads(value) if isinstance(value, str) and _LITERAL.fullmatch(value) else value


def _link(operation: Operation, cursor: Cursor) -> str:
    return f"https://api.example/page?{cursor.param}=" if operation.gives_address(cursor) else ""


def _inside(operation: Operation, name: str, second: int, value: str) -> bool:
    bound, time = operation.filters.bound(name, value), operation.profile.time
    return bound is not None and time is not None and operation.filters.ranges[name](second * time.unit, bound)


def _loose(operation: Operation) -> str:
    head = operation.path_template.partition("{" + operation.roles.scope + "}")[0]
    steps = ("[^/]+" if step in operation.outer_steps else re.escape(step) for step in head.split("/"))
    return "/".join(steps) if operation.outer else ""


def _named(**names: str) -> dict[str, str]:
    return {role: name for role, name in names.items() if name}


def _samples(operation: Operation) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a page and an item have, by the response schema."""
    references = References(operation.name, operation.document)
    page = sample(references, operation.response_schema)
    page = page if isinstance(page, dict) else {}
    items = operation.item_schema
    item = sample(references, items)
    return page, item if isinstance(item, dict) else {}
