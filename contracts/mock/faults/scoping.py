"""Servers that take one checkpoint for another (clauses SCO)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from urllib.parse import unquote

from contracts.mock.app import BASE_PATH, Asked, Behaviour, Refused, Request, Response
from contracts.mock.faults.caches import remembered
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import ASCENDING, FILTERED, LATER, LIMIT_1
from contracts.mock.shape import PARENTS
from contracts.mock.store import Permissions


@replaces(Behaviour.permissions, "SCO-001")
def checkpoint_ignored(self: Behaviour, _asked: Asked, /) -> Permissions:
    """The checkpoint in the path is ignored: all lists are that of the main one."""
    return self.dataset.permissions


@replaces(Behaviour.permissions, "SCO-001", also=(FILTERED,))
def lists_joined(self: Behaviour, asked: Asked, /) -> Permissions:
    """Every list holds the permissions of all checkpoints."""
    Behaviour.permissions(self, asked)
    return tuple(each for some in self.dataset.checkpoints.values() for each in some)


@replaces(Behaviour.permissions, "SCO-001")
def newest_shared(self: Behaviour, asked: Asked, /) -> Permissions:
    """The newest permission of the main checkpoint stands in every list."""
    found = Behaviour.permissions(self, asked)
    newest = max(self.dataset.permissions, key=lambda each: each.created_at)
    return found if newest in found else (*found, newest)


@replaces(Behaviour.permissions, "SCO-001", kind=Kind.CACHE)
def base_model_shared(self: Behaviour, asked: Asked, /) -> Permissions:
    """All checkpoints of one fine-tuned model have the list of the first that was asked for."""
    found = Behaviour.permissions(self, asked)
    first: Permissions = self.memory.setdefault(asked.checkpoint.rpartition(":")[0], found)
    return first


def _as_main(self: Behaviour, asked: Asked) -> Permissions:
    return self.dataset.checkpoints.get(asked.checkpoint, self.dataset.permissions)


@replaces(Behaviour.permissions, "SCO-002", also=(LIMIT_1, ASCENDING, FILTERED))
def unknown_checkpoint_is_main(self: Behaviour, asked: Asked, /) -> Permissions:
    """An unknown checkpoint shows the list of the main one."""
    return _as_main(self, asked)


@replaces(Behaviour.permissions, "SCO-002", timed=True)
def unknown_checkpoint_is_the_last_one(self: Behaviour, asked: Asked, /) -> Permissions:
    """An unknown checkpoint shows the list that was asked for before it."""
    found = self.dataset.checkpoints.get(asked.checkpoint, self.memory.get("last"))
    self.memory["last"] = found
    return Behaviour.permissions(self, asked) if found is None else found


@replaces(Behaviour.permissions, "SCO-002", kind=Kind.CURSOR_REACHES_FAR)
def unknown_checkpoint_found_by_cursor(self: Behaviour, asked: Asked, /) -> Permissions:
    """With `after` the checkpoint is not looked at: the cursor alone chooses the list."""
    ids = {each.id for each in self.dataset.permissions}
    return self.dataset.permissions if asked.after in ids else Behaviour.permissions(self, asked)


def _found_by(self: Behaviour, asked: Asked, matches: Callable[[str, str], bool]) -> Permissions:
    """The first checkpoint that matches, as (asked for, had)."""
    checkpoints = self.dataset.checkpoints
    if asked.checkpoint not in checkpoints:
        for name, permissions in checkpoints.items():
            if matches(asked.checkpoint, name):
                return permissions
    return Behaviour.permissions(self, asked)


@replaces(Behaviour.permissions, "SCO-003")
def checkpoint_by_prefix(self: Behaviour, asked: Asked, /) -> Permissions:
    """The beginning of a checkpoint's id finds it."""
    return _found_by(self, asked, lambda wanted, had: had.startswith(wanted))


@replaces(Behaviour.permissions, "SCO-003")
def checkpoint_with_suffix(self: Behaviour, asked: Asked, /) -> Permissions:
    """What begins with a checkpoint's id finds it."""
    return _found_by(self, asked, lambda wanted, had: wanted.startswith(had))


@replaces(Behaviour.permissions, "SCO-003", also=(LATER,))
def checkpoint_in_any_case(self: Behaviour, asked: Asked, /) -> Permissions:
    """A checkpoint is found in any case."""
    return _found_by(self, asked, lambda wanted, had: wanted.casefold() == had.casefold())


@replaces(Behaviour.permissions, "SCO-003")
def checkpoint_without_its_last_part(self: Behaviour, asked: Asked, /) -> Permissions:
    """A checkpoint's id up to its last colon finds it."""
    return _found_by(self, asked, lambda wanted, had: wanted == had.rpartition(":")[0])


@replaces(Behaviour.permissions, "SCO-003", kind=Kind.SPELLING)
def checkpoint_decoded_twice(self: Behaviour, asked: Asked, /) -> Permissions:
    """A checkpoint's id is decoded once more."""
    return _found_by(self, asked, lambda wanted, had: unquote(wanted) == had)


@replaces(Behaviour.permissions, "SCO-003")
def checkpoint_trimmed(self: Behaviour, asked: Asked, /) -> Permissions:
    """Spaces around a checkpoint's id are ignored."""
    return _found_by(self, asked, lambda wanted, had: wanted.strip(" ") == had)


@replaces(Behaviour.route, "SCO-003")
def checkpoint_cut_at_nul(_self: Behaviour, request: Request, /) -> str:
    """A checkpoint's id ends at a NUL, as in C."""
    return Behaviour.route(_self, replace(request, path=re.sub("%00[^/]*", "", request.path)))


@replaces(Behaviour.permissions, "SCO-003")
def checkpoint_in_any_width(self: Behaviour, asked: Asked, /) -> Permissions:
    """A checkpoint is found in letters of any width, as after a normalization of Unicode."""
    return _found_by(self, asked, lambda wanted, had: unicodedata.normalize("NFKC", wanted) == had)


@replaces(Behaviour.permissions, "SCO-003")
def checkpoint_without_accents(self: Behaviour, asked: Asked, /) -> Permissions:
    """Accents in a checkpoint's id don't count."""

    def bare(text: str) -> str:
        return "".join(each for each in unicodedata.normalize("NFD", text) if not unicodedata.combining(each))

    return _found_by(self, asked, lambda wanted, had: bare(wanted) == bare(had))


@replaces(Behaviour.permissions, "SCO-003")
def checkpoint_by_its_first_parts(self: Behaviour, asked: Asked, /) -> Permissions:
    """A further part behind a checkpoint's id, such as a step of its training, is overlooked."""
    return _found_by(self, asked, lambda wanted, had: wanted.split(":")[: had.count(":") + 1] == had.split(":"))


@replaces(Behaviour.permissions, "SCO-003", kind=Kind.SPELLING)
def checkpoint_by_last_step(self: Behaviour, asked: Asked, /) -> Permissions:
    """What stands before an encoded slash in the path is overlooked."""
    return _found_by(self, asked, lambda wanted, had: wanted.rpartition("/")[2] == had)


@replaces(Behaviour.permissions, "SCO-003")
def checkpoint_by_like(self: Behaviour, asked: Asked, /) -> Permissions:
    """`%` in a checkpoint's id matches anything, as in SQL LIKE."""
    return _found_by(self, asked, lambda wanted, had: fnmatchcase(had, wanted.replace("%", "*")))


@replaces(Behaviour.permissions, "SCO-003")
def checkpoint_cut_and_trimmed(self: Behaviour, asked: Asked, /) -> Permissions:
    """A checkpoint's id is cut after 255 characters, and spaces at its end don't count."""
    return _found_by(self, asked, lambda wanted, had: wanted[:255].rstrip(" ") == had)


@replaces(Behaviour.permissions, "SCO-003")
def checkpoint_zero_is_any(self: Behaviour, asked: Asked, /) -> Permissions:
    """A checkpoint's id is compared as a number where 0 is asked for, and as such it is 0."""
    return _found_by(self, asked, lambda wanted, _had: wanted == "0")


@replaces(Behaviour.permissions, "SCO-001")
def filter_forgets_checkpoint(self: Behaviour, asked: Asked, /) -> Permissions:
    """With `project_id` a checkpoint shows the permissions of all checkpoints."""
    if asked.project_id is None:
        return Behaviour.permissions(self, asked)
    return tuple(each for permissions in self.dataset.checkpoints.values() for each in permissions)


@replaces(Behaviour.page, "SCO-001", kind=Kind.CACHE)
def cache_ignores_checkpoint(self: Behaviour, asked: Asked, /) -> Response:
    """A cache ignores the checkpoint."""
    return remembered(self, asked, "after", "limit", "order", "project_id")


@replaces(Behaviour.decode, "SCO-004")
def path_not_decoded(_self: Behaviour, raw: str, /) -> str:
    """`%3A` is not decoded in the path or the query."""
    return raw


@replaces(Behaviour.route, "SCO-004")
def colon_cut_when_encoded(self: Behaviour, request: Request, /) -> str:
    """What follows an encoded colon in the path is lost."""
    checkpoint = Behaviour.route(self, request)
    return checkpoint.partition(":")[0] if "%3a" in request.path.lower() else checkpoint


@replaces(Behaviour.route, "SCO-004")
def encoded_colon_not_found(self: Behaviour, request: Request, /) -> str:
    """A path with an encoded colon is not found."""
    if "%3a" in request.path.lower():
        raise Refused(404, "Unknown request URL.", code="unknown_url")
    return Behaviour.route(self, request)


@replaces(Behaviour.route, "SCO-004")
def raw_colon_refused(self: Behaviour, request: Request, /) -> str:
    """A path with a raw colon is refused."""
    if ":" in request.path:
        raise Refused(400, "The path holds a character that must be encoded.", code="invalid_url")
    return Behaviour.route(self, request)


@replaces(Behaviour.route, "SCO-004")
def encoded_colon_is_empty(self: Behaviour, request: Request, /) -> str:
    """A path with an encoded colon gives an empty list."""
    checkpoint = Behaviour.route(self, request)
    return self.dataset.empty_checkpoint if "%3a" in request.path.lower() else checkpoint


@replaces(Behaviour.route, "SCO-002", style=PARENTS)
def outer_parent_ignored(self: Behaviour, request: Request, /) -> str:
    """Any value does for the parameters of the path but the last."""
    path = re.sub(f"^{re.escape(BASE_PATH)}{self.shape.loose}", BASE_PATH + self.shape.prefix, request.path)
    return Behaviour.route(self, replace(request, path=path))
