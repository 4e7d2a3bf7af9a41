"""Servers to which it matters how a query is written, or that read none (clauses PAG-001, PAG-025)."""

from __future__ import annotations

import re
from dataclasses import replace

from contracts.mock.app import Asked, Behaviour, Fields, Refused, Request
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind


def _names(query: str) -> list[str]:
    return [part.partition("=")[0] for part in query.split("&") if part]


def _without(self: Behaviour, query: str, name: str) -> Fields:
    return {key: values for key, values in Behaviour.fields(self, query).items() if key != name}


def _stands_before(query: str, left: str, right: str) -> bool:
    names = _names(query)
    return left in names and right in names and names.index(left) < names.index(right)


@replaces(Behaviour.fields, "PAG-025")
def limit_behind_order_lost(self: Behaviour, query: str, /) -> Fields:
    """A `limit` that stands behind `order` is not read."""
    return _without(self, query, "limit") if _stands_before(query, "order", "limit") else Behaviour.fields(self, query)


@replaces(Behaviour.fields, "PAG-025")
def order_before_limit_lost(self: Behaviour, query: str, /) -> Fields:
    """An `order` that stands before `limit` is overwritten by the default."""
    return _without(self, query, "order") if _stands_before(query, "order", "limit") else Behaviour.fields(self, query)


@replaces(Behaviour.fields, "PAG-025")
def project_read_first_only(self: Behaviour, query: str, /) -> Fields:
    """`project_id` is read only where it comes first."""
    first = _names(query)[:1] == ["project_id"]
    return Behaviour.fields(self, query) if first else _without(self, query, "project_id")


@replaces(Behaviour.fields, "PAG-025")
def after_behind_project_lost(self: Behaviour, query: str, /) -> Fields:
    """An `after` that stands behind `project_id` is not read."""
    lost = _stands_before(query, "project_id", "after")
    return _without(self, query, "after") if lost else Behaviour.fields(self, query)


@replaces(Behaviour.fields, "PAG-025")
def three_parameters_read(self: Behaviour, query: str, /) -> Fields:
    """No more than the first three parameters are read."""
    return Behaviour.fields(self, "&".join(query.split("&")[:3]))


@replaces(Behaviour.fields, "PAG-025")
def last_of_several_cut_off(self: Behaviour, query: str, /) -> Fields:
    """A rewriting rule takes all but the last of three or more parameters."""
    parts = query.split("&")
    return Behaviour.fields(self, "&".join(parts[: max(2, len(parts) - 1)]))


@replaces(Behaviour.read, "PAG-025")
def parameters_by_a_pattern(self: Behaviour, request: Request, checkpoint: str, /) -> Asked:
    """A pattern reads `limit` and `order` in this order only, and refuses others."""
    if re.search(r"order=.*&limit=", request.query):
        raise Refused(400, "The query is not understood.", code="invalid_query")
    return Behaviour.read(self, request, checkpoint)


@replaces(Behaviour.read, "PAG-025")
def limit_counts_once_the_project_is_known(self: Behaviour, request: Request, checkpoint: str, /) -> Asked:
    """A `limit` before `project_id` is that of the whole list, and the project has the default size."""
    query = request.query
    if _stands_before(query, "limit", "project_id"):
        query = "&".join(part for part in query.split("&") if not part.startswith("limit="))
    return Behaviour.read(self, replace(request, query=query), checkpoint)


@replaces(Behaviour.fields, "PAG-001", kind=Kind.QUERY_NOT_READ)
def query_not_read(self: Behaviour, _query: str, /) -> Fields:
    """No parameter of the query is read."""
    return Behaviour.fields(self, "")
