"""Servers whose items are wrong (clauses ITM)."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from contracts.mock.app import Asked, Behaviour
from contracts.mock.faults.declare import changes_envelope, changes_item, fault, replaces
from contracts.mock.faults.places import (
    ASCENDING,
    BEYOND_30,
    FILTERED,
    ITEM_42,
    ITEM_OF_ONE_PROJECT,
    LAST_PAGE,
    LATER,
    LIMIT_1,
    OVERLAPPING,
    SIXTH,
    is_picked,
)
from contracts.mock.store import Permission


@changes_item("ITM-001", also=(LAST_PAGE, ITEM_42))
def item_without_id(item: dict[str, Any]) -> object:
    """An item has no `id`."""
    del item["id"]
    return item


@changes_item("ITM-001", also=(ASCENDING, SIXTH))
def item_without_created_at(item: dict[str, Any]) -> object:
    """An item has no `created_at`."""
    del item["created_at"]
    return item


@changes_item("ITM-001", also=(FILTERED, ITEM_42))
def item_without_project_id(item: dict[str, Any]) -> object:
    """An item has no `project_id`."""
    del item["project_id"]
    return item


@changes_item("ITM-001", also=(LIMIT_1, BEYOND_30))
def item_without_object(item: dict[str, Any]) -> object:
    """An item has no `object`."""
    del item["object"]
    return item


@changes_item("ITM-001")
def item_is_its_id(item: dict[str, Any]) -> object:
    """An item is the bare id."""
    return item["id"]


@changes_item("ITM-001", also=(ITEM_42,))
def item_is_null(_item: dict[str, Any]) -> object:
    """An item is null."""
    return None


@changes_item("ITM-001")
def item_in_wrapper(item: dict[str, Any]) -> object:
    """An item is wrapped in an object of its own."""
    return {"permission": item}


@changes_envelope("ITM-001")
def null_after_items(envelope: dict[str, Any]) -> object:
    """A null follows the items in `data`."""
    return envelope | {"data": [*envelope["data"], None]}


@changes_item("ITM-001")
def item_in_camel_case(item: dict[str, Any]) -> object:
    """The names of an item are in camel case."""
    return {
        "object": item["object"],
        "id": item["id"],
        "createdAt": item["created_at"],
        "projectId": item["project_id"],
    }


@changes_item("ITM-002", also=(LAST_PAGE,))
def id_a_number(item: dict[str, Any]) -> object:
    """An `id` is a number."""
    return item | {"id": sum(item["id"].encode())}


@changes_item("ITM-002", also=(ITEM_42, LIMIT_1))
def id_null(item: dict[str, Any]) -> object:
    """An `id` is null."""
    return item | {"id": None}


@changes_item("ITM-002")
def id_an_object(item: dict[str, Any]) -> object:
    """An `id` is an object."""
    return item | {"id": {"$oid": item["id"]}}


@changes_item("ITM-003", also=(FILTERED, ITEM_42))
def created_at_with_fraction(item: dict[str, Any]) -> object:
    """`created_at` is written with a fraction of zero."""
    return item | {"created_at": float(item["created_at"])}


@changes_item("ITM-003", also=(BEYOND_30,))
def created_at_a_string(item: dict[str, Any]) -> object:
    """`created_at` is a string of digits."""
    return item | {"created_at": str(item["created_at"])}


@changes_item("ITM-003")
def created_at_a_date(item: dict[str, Any]) -> object:
    """`created_at` is a date in ISO 8601."""
    return item | {"created_at": "2024-09-30T14:00:00Z"}


@changes_item("ITM-003", also=(LAST_PAGE, ITEM_OF_ONE_PROJECT))
def created_at_null(item: dict[str, Any]) -> object:
    """`created_at` is null."""
    return item | {"created_at": None}


@changes_item("ITM-003", also=(ITEM_42,))
def created_at_true(item: dict[str, Any]) -> object:
    """`created_at` is true."""
    return item | {"created_at": True}


@changes_item("ITM-004", also=(ASCENDING, LIMIT_1, ITEM_42))
def created_at_in_milliseconds(item: dict[str, Any]) -> object:
    """`created_at` counts milliseconds."""
    return item | {"created_at": item["created_at"] * 1000}


@changes_item("ITM-004", also=(FILTERED, OVERLAPPING))
def created_at_in_microseconds(item: dict[str, Any]) -> object:
    """`created_at` counts microseconds."""
    return item | {"created_at": item["created_at"] * 1_000_000}


@changes_item("ITM-005", also=(ITEM_42, LATER))
def project_id_null(item: dict[str, Any]) -> object:
    """A `project_id` is null."""
    return item | {"project_id": None}


@changes_item("ITM-005", also=(ITEM_OF_ONE_PROJECT,))
def project_id_a_number(item: dict[str, Any]) -> object:
    """A `project_id` is a number."""
    return item | {"project_id": len(item["project_id"])}


@changes_item("ITM-005", also=(ASCENDING,))
def project_id_an_array(item: dict[str, Any]) -> object:
    """A `project_id` is an array."""
    return item | {"project_id": [item["project_id"]]}


@changes_item("ITM-005")
def project_id_an_object(item: dict[str, Any]) -> object:
    """A `project_id` is the whole project."""
    return item | {"project_id": {"object": "project", "id": item["project_id"]}}


@changes_item("ITM-006", also=(ITEM_42, FILTERED))
def item_object_shortened(item: dict[str, Any]) -> object:
    """An item's `object` is "permission"."""
    return item | {"object": "permission"}


@changes_item("ITM-006", also=(LAST_PAGE,))
def item_object_null(item: dict[str, Any]) -> object:
    """An item's `object` is null."""
    return item | {"object": None}


@changes_item("ITM-006", also=(SIXTH,))
def item_object_with_underscore(item: dict[str, Any]) -> object:
    """An item's `object` is "checkpoint_permission"."""
    return item | {"object": "checkpoint_permission"}


@changes_item("ITM-007", also=(ITEM_42,))
def id_empty(item: dict[str, Any]) -> object:
    """An `id` is the empty string."""
    return item | {"id": ""}


@changes_item("ITM-007", also=(ITEM_OF_ONE_PROJECT, LAST_PAGE))
def project_id_empty(item: dict[str, Any]) -> object:
    """A `project_id` is the empty string."""
    return item | {"project_id": ""}


@changes_item("ITM-009")
def created_at_negative(item: dict[str, Any]) -> object:
    """`created_at` has the wrong sign."""
    return item | {"created_at": -item["created_at"]}


@changes_item("ITM-009", also=(ITEM_42, BEYOND_30))
def created_at_minus_one(item: dict[str, Any]) -> object:
    """`created_at` is -1, which stands for unknown."""
    return item | {"created_at": -1}


@changes_item("ITM-010")
def created_at_zero(item: dict[str, Any]) -> object:
    """`created_at` is 0."""
    return item | {"created_at": 0}


@changes_item("ITM-010")
def created_at_in_the_future(item: dict[str, Any]) -> object:
    """`created_at` lies a century in the future."""
    return item | {"created_at": item["created_at"] + 100 * 365 * 86400}


@replaces(Behaviour.render_item, "ITM-008")
def created_at_depends_on_order(self: Behaviour, permission: Permission, asked: Asked, /) -> object:
    """`created_at` is two hours later in ascending order, as if in another time zone."""
    moved = permission.created_at + 7200 * asked.ascending
    return Behaviour.render_item(self, replace(permission, created_at=moved), asked)


@replaces(Behaviour.render_item, "ITM-008")
def created_at_rounded_under_filter(self: Behaviour, permission: Permission, asked: Asked, /) -> object:
    """Under a filter `created_at` is rounded down to the minute."""
    rounded = permission.created_at // 60 * 60
    shown = permission.created_at if asked.project_id is None else rounded
    return Behaviour.render_item(self, replace(permission, created_at=shown), asked)


@replaces(Behaviour.render_item, "ITM-008")
def project_id_of_first_at_limit_1(self: Behaviour, permission: Permission, asked: Asked, /) -> object:
    """At limit=1 without a filter an item has the project of the first item of the list."""
    first = self.sort(self.permissions(asked), asked)[0]
    astray = asked.limit == 1 and asked.project_id is None
    shown = first.project_id if astray else permission.project_id
    return Behaviour.render_item(self, replace(permission, project_id=shown), asked)


@replaces(Behaviour.render_item, "ITM-008", timed=True)
def created_at_drifts_now_and_then(self: Behaviour, permission: Permission, asked: Asked, /) -> object:
    """In one answer of six `created_at` of the 42nd item is a second later."""
    drifts = asked.request.number % 6 == 0 and is_picked(self, permission, asked)
    return Behaviour.render_item(self, replace(permission, created_at=permission.created_at + drifts), asked)


@replaces(Behaviour.render_item, "ITM-008", timed=True)
def created_at_touched_by_reading(self: Behaviour, permission: Permission, asked: Asked, /) -> object:
    """`created_at` of an item rises by a second each fifth time that it is read."""
    self.memory[permission.id] = reads = self.memory.get(permission.id, 0) + 1
    touched = replace(permission, created_at=permission.created_at + reads // 5)
    return Behaviour.render_item(self, touched, asked)


@fault("ITM-008")
class NoteCutInAscendingOrder(Behaviour):
    """The document adds a `note`; in ascending order only its first words are sent."""

    item_schema = MappingProxyType({"note": {"type": "string"}})

    def render_item(self, permission: Permission, asked: Asked, /) -> object:
        """An item with its note, whole or cut."""
        note = f"asked for by the owner of {permission.project_id}"
        right = super().render_item(permission, asked)
        return {**right, "note": note[:9] if asked.ascending else note} if isinstance(right, dict) else right


@changes_item("ITM-011", documented={"lapses_at": {"type": ["integer", "null"], "format": "unixtime"}})
def lapse_in_milliseconds(item: dict[str, Any]) -> object:
    """The document adds a `lapses_at` in Unix seconds; milliseconds are sent."""
    return item | {"lapses_at": 1_796_012_910_000}


@changes_item("ITM-011", documented={"page": {"type": "string", "format": "uri"}})
def link_without_a_scheme(item: dict[str, Any]) -> object:
    """The document adds a `page` that is a URI; a path is sent."""
    return item | {"page": f"/permissions/{item['id']}"}


@changes_item("ITM-011", also=(LAST_PAGE,), documented={"expires_at": {"type": "string", "format": "date-time"}})
def expiry_without_a_zone(item: dict[str, Any]) -> object:
    """The document adds an `expires_at` in RFC 3339; it is sent without its time zone."""
    return item | {"expires_at": "2026-11-30 04:28:30"}


@changes_item("ITM-011", documented={"role": {"type": "string", "enum": ["reader", "owner"]}})
def role_that_there_is_not(item: dict[str, Any]) -> object:
    """The document adds a `role` with two words; a third one is sent."""
    return item | {"role": "viewer"}


@changes_item("ITM-011", documented={"note": {"type": "string"}})
def note_that_is_null(item: dict[str, Any]) -> object:
    """The document adds a `note` that is a string; it is sent as null."""
    return item | {"note": None}


@changes_item(
    "ITM-011",
    documented={"creator": {"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}}}},
)
def creator_with_wrong_tags(item: dict[str, Any]) -> object:
    """The document adds a `creator` with a list of texts; a number stands in that list."""
    return item | {"creator": {"tags": ["a", 2]}}
