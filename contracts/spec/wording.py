"""What is said of the published operation, said of another one: its own names, and what its items are called."""

from __future__ import annotations

import re

from contracts.spec.profile import Profile

_NAMES = r"(?<=`)(?:after|limit|order|id)(?=`)|\b(?:created_at|first_id|last_id|has_more|project_id)\b"


def worded(text: str, profile: Profile) -> str:
    """A sentence about permissions, checkpoints and projects in the words of another list operation.

    What the operation has no name for keeps its own.
    """
    order, limit, filters = profile.order, profile.limit, profile.filters
    names = {
        "after": profile.next.param,
        "limit": limit.param if limit is not None else None,
        "order": order.param if order is not None else None,
        "created_at": profile.time.at if profile.time is not None else None,
        "id": profile.id[0] if len(profile.id) == 1 else None,
        "first_id": profile.prev.at[-1] if profile.prev.at else None,
        "last_id": profile.next.at[-1] if profile.next.kind == "item" and profile.next.at else None,
        "has_more": profile.more[-1] if profile.more else None,
        "project_id": filters[0][1] if filters else None,
    }
    scope = re.sub(r"_?id$", "", profile.scope[-1]).replace("_", " ") if profile.scope else ""
    nouns = {
        "permission": profile.noun,
        "permissions": profile.plural,
        "checkpoint": scope or None,
        "checkpoints": f"{scope}s" if scope else None,
        "project": names["project_id"],
        "projects": f"{names['project_id']} values" if filters else None,
    }

    def name(match: re.Match[str]) -> str:
        return names.get(match[0]) or match[0]

    def noun(match: re.Match[str]) -> str:
        return nouns.get(match[0]) or match[0]

    # Names of parameters stand in backquotes where they are also words, and options keep theirs.
    text = re.sub(
        r"(?<=`)(?:after|limit|order|id)(?=`)|\b(?:created_at|first_id|last_id|has_more|project_id)\b", name, text
    )
    return re.sub(r"(?<![-\w`])(?:permissions?|checkpoints?|projects?)(?![-\w])", noun, text)
