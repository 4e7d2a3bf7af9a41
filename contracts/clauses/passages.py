"""Passages of the published document on which several clauses rest."""

from __future__ import annotations

from typing import Final

from contracts.openapi.quotes import Quote

LIST: Final = "schemas/ListFineTuningCheckpointPermissionResponse"
"""The place of the schema of a page."""
ITEM: Final = "schemas/FineTuningCheckpointPermission"
"""The place of the schema of a permission."""

ALL_PERMISSIONS: Final = Quote("view all permissions for a fine-tuned model checkpoint.", at="description")
ADMIN_ONLY: Final = Quote(
    "This endpoint requires an [admin API key](../admin-api-keys).", at="description", topic="key"
)
BEARER: Final = Quote("type: http scheme: bearer", at="securitySchemes/ApiKeyAuth", topic="key")
SUCCESS: Final = Quote("description: OK", at="responses/200")
JSON: Final = Quote("application/json", at="responses/200")

CHECKPOINT: Final = Quote(
    "The ID of the fine-tuned model checkpoint to get permissions for.",
    at="parameters/fine_tuned_model_checkpoint/description",
)
CURSOR: Final = Quote(
    "Identifier for the last permission ID from the previous pagination request.", at="parameters/after/description"
)
BEFORE: Final = Quote(CURSOR.text, at=CURSOR.at, topic="before")
SIZE: Final = Quote("Number of permissions to retrieve.", at="parameters/limit/description")
ORDER: Final = Quote("The order in which to retrieve permissions.", at="parameters/order/description")
ORDER_WORDS: Final = Quote("enum: - ascending - descending", at="parameters/order/schema")
PROJECT: Final = Quote("The ID of the project to get permissions for.", at="parameters/project_id/description")

OBJECT: Final = Quote("type: object", at=LIST)
HAS_MORE: Final = Quote("has_more: type: boolean", at=f"{LIST}/properties", topic="has_more")
LAST_ID: Final = Quote("last_id: type: string nullable: true", at=f"{LIST}/properties", topic="last_id")
ID: Final = Quote(
    "The permission identifier, which can be referenced in the API endpoints.", at=f"{ITEM}/properties/id", topic="id"
)
CREATED_AT: Final = Quote(
    "The Unix timestamp (in seconds) for when the permission was created.",
    at=f"{ITEM}/properties/created_at",
    topic="created_at",
)
