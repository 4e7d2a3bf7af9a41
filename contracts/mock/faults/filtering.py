"""Servers that filter by project wrongly (clauses FLT)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from urllib.parse import unquote, unquote_to_bytes

from contracts.mock.app import Asked, Behaviour, Fields, Response
from contracts.mock.faults.caches import remembered
from contracts.mock.faults.declare import replaces
from contracts.mock.faults.kinds import Kind
from contracts.mock.faults.places import (
    ASCENDING,
    BEYOND_30,
    CURSOR_ELSEWHERE,
    LAST_PAGE,
    LATER,
    LIMIT_1,
    ONE_PROJECT,
    OVERLAPPING,
    SIXTH,
    smallest_project,
)
from contracts.mock.store import Permission, Permissions


def _matching(permissions: Permissions, asked: Asked, matches: Callable[[str, str], bool]) -> list[Permission]:
    """Those whose project matches the one that is asked for, as (asked for, had)."""
    if asked.project_id is None:
        return list(permissions)
    return [each for each in permissions if matches(asked.project_id, each.project_id)]


@replaces(
    Behaviour.filter,
    "FLT-001",
    also=(
        ASCENDING,
        BEYOND_30,
        CURSOR_ELSEWHERE,
        LATER,
        LIMIT_1,
        ONE_PROJECT,
        SIXTH,
        (OVERLAPPING, "PAG-020"),
    ),
)
def filter_ignored(_self: Behaviour, permissions: Permissions, _asked: Asked, /) -> list[Permission]:
    """`project_id` is ignored."""
    return list(permissions)


@replaces(Behaviour.filter, "FLT-001", also=(LAST_PAGE,))
def one_of_another_project(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """A filtered list holds the 42nd item of the list too, whatever its project."""
    chosen = self.sort(self.permissions(asked), asked)[41:42]
    return [each for each in permissions if asked.project_id in {None, each.project_id} or each in chosen]


@replaces(Behaviour.filter, "FLT-001")
def filter_is_the_others(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """The filter keeps all other projects."""
    return _matching(permissions, asked, str.__ne__)


@replaces(Behaviour.render_item, "FLT-001", kind=Kind.ITEM_CHANGES)
def project_shown_is_another(self: Behaviour, permission: Permission, asked: Asked, /) -> object:
    """Under a filter the items show the project of the list's first item."""
    first = self.sort(self.permissions(asked), asked)[0]
    shown = permission.project_id if asked.project_id is None else first.project_id
    return Behaviour.render_item(self, replace(permission, project_id=shown), asked)


@replaces(Behaviour.page, "FLT-002", also=(ASCENDING, LIMIT_1), kind=Kind.FILTER_IN_PART)
def filter_after_limit(self: Behaviour, asked: Asked, /) -> Response:
    """The page is cut first and filtered afterwards."""
    whole = replace(asked, project_id=None)
    rest = self.rest(whole)
    page = self.cut(rest, whole)
    return self.page_of(self.matching(page, asked), self.has_more(page, rest, asked), asked)


@replaces(Behaviour.rest, "FLT-002", kind=Kind.FILTER_IN_PART)
def filter_within_the_newest_30(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """The filter looks at the first 30 items of the list only."""
    ordered = self.sort(self.permissions(asked), asked)
    seen = ordered if asked.project_id is None else ordered[:30]
    return self.matching(seen[self.position(ordered, asked) :], asked)


@replaces(Behaviour.filter, "FLT-002", also=(ASCENDING, ONE_PROJECT), kind=Kind.LOST)
def filter_keeps_one_per_moment(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """A filtered list holds one item of each moment only."""
    kept = Behaviour.filter(self, permissions, asked)
    return kept if asked.project_id is None else list({each.created_at: each for each in kept[::-1]}.values())[::-1]


@replaces(Behaviour.filter, "FLT-002", kind=Kind.LOST)
def filtered_list_ends_at_11(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """A filtered list ends after its eleventh item."""
    kept = Behaviour.filter(self, self.sort(self.permissions(asked), asked), asked)
    allowed = kept if asked.project_id is None else kept[:11]
    return [each for each in permissions if each in allowed]


@replaces(Behaviour.filter, "FLT-002", kind=Kind.SORT_KEY)
def filtered_list_in_other_order(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """A filtered list without a cursor begins with its last item."""
    kept = Behaviour.filter(self, permissions, asked)
    return kept if asked.project_id is None or asked.after else kept[-1:] + kept[:-1]


@replaces(Behaviour.filter, "FLT-003")
def smallest_project_not_found(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """The project with the fewest items has none when it is asked for."""
    if asked.project_id == smallest_project(self.dataset):
        return []
    return Behaviour.filter(self, permissions, asked)


@replaces(Behaviour.filter, "FLT-003", also=(ASCENDING,))
def filter_loses_item_42(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """The 42nd item of the list is in no filtered list."""
    lost = self.sort(self.permissions(asked), asked)[41:42]
    kept = Behaviour.filter(self, permissions, asked)
    return kept if asked.project_id is None else [each for each in kept if each not in lost]


@replaces(Behaviour.filter, "FLT-003", kind=Kind.LOST)
def whole_list_loses_a_project(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """In descending order without a filter the items of the smallest project are left out."""
    if asked.project_id is None and not asked.ascending:
        hidden = smallest_project(self.dataset)
        return [each for each in permissions if each.project_id != hidden]
    return Behaviour.filter(self, permissions, asked)


@replaces(Behaviour.filter, "FLT-004", also=((ASCENDING, "FLT-005"), (LIMIT_1, "FLT-005")))
def unknown_project_is_no_filter(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """An unknown project gives the whole list."""
    known = {each.project_id for each in self.permissions(asked)}
    return Behaviour.filter(self, permissions, asked) if asked.project_id in known else list(permissions)


@replaces(Behaviour.filter, "FLT-004")
def blank_project_is_no_filter(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """A `project_id` of spaces only gives the whole list."""
    if asked.project_id and not asked.project_id.strip():
        return list(permissions)
    return Behaviour.filter(self, permissions, asked)


@replaces(Behaviour.filter, "FLT-004")
def project_null_is_no_filter(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """The word null as `project_id` is no filter."""
    return list(permissions) if asked.project_id == "null" else Behaviour.filter(self, permissions, asked)


@replaces(Behaviour.filter, "FLT-004")
def unknown_project_is_the_first(self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """An unknown project gives the list of the project with the fewest items."""
    known = {each.project_id for each in self.permissions(asked)} | {None}
    asked = asked if asked.project_id in known else replace(asked, project_id=smallest_project(self.dataset))
    return Behaviour.filter(self, permissions, asked)


@replaces(Behaviour.filter, "FLT-005", also=(ASCENDING,))
def project_by_prefix(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """The beginning of a project's id matches."""
    return _matching(permissions, asked, lambda wanted, had: had.startswith(wanted))


@replaces(Behaviour.filter, "FLT-005")
def project_by_longer_id(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """A project matches what begins with its id."""
    return _matching(permissions, asked, lambda wanted, had: wanted.startswith(had))


@replaces(Behaviour.filter, "FLT-005")
def project_by_part(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Any part of a project's id matches."""
    return _matching(permissions, asked, lambda wanted, had: wanted in had)


@replaces(Behaviour.filter, "FLT-005", also=(LIMIT_1,))
def project_in_any_case(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Project ids match in any case."""
    return _matching(permissions, asked, lambda wanted, had: had.casefold() == wanted.casefold())


@replaces(Behaviour.filter, "FLT-005")
def project_by_like(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """`%` in `project_id` matches anything, as in SQL LIKE."""
    return _matching(permissions, asked, lambda wanted, had: fnmatchcase(had, wanted.replace("%", "*")))


@replaces(Behaviour.filter, "FLT-005")
def project_by_glob(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """`*` in `project_id` matches anything."""
    return _matching(permissions, asked, lambda wanted, had: fnmatchcase(had, wanted))


@replaces(Behaviour.filter, "FLT-005")
def project_by_expression(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """`project_id` is matched as a regular expression, as document databases can."""

    def matches(wanted: str, had: str) -> bool:
        try:
            return re.fullmatch(wanted, had) is not None
        except re.error:
            return False

    return _matching(permissions, asked, matches)


@replaces(Behaviour.filter, "FLT-005")
def project_trimmed(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Spaces around `project_id` are ignored."""
    return _matching(permissions, asked, lambda wanted, had: had == wanted.strip())


@replaces(Behaviour.filter, "FLT-005")
def project_as_number(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """A project that is asked for as a number matches all that begin with that number, or with none where it is 0."""

    def matches(wanted: str, had: str) -> bool:
        found = re.match("[0-9]+", had)
        return int(found[0] if found else 0) == int(wanted) if wanted.isdecimal() else had == wanted

    return _matching(permissions, asked, matches)


@replaces(Behaviour.filter, "FLT-005")
def project_cut_and_trimmed(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """`project_id` is cut after 255 characters, and spaces at its end don't count."""
    return _matching(permissions, asked, lambda wanted, had: wanted[:255].rstrip(" ") == had)


@replaces(Behaviour.filter, "FLT-005")
def project_cut_to_its_column(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """`project_id` is cut to the length that ids have."""
    return _matching(permissions, asked, lambda wanted, had: wanted[: len(had)] == had)


@replaces(Behaviour.filter, "FLT-005")
def project_trimmed_in_front(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Spaces before `project_id` are ignored."""
    return _matching(permissions, asked, lambda wanted, had: wanted.lstrip(" ") == had)


@replaces(Behaviour.filter, "FLT-005")
def project_without_control_characters(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Tabs and line breaks around `project_id` are ignored."""
    return _matching(permissions, asked, lambda wanted, had: wanted.strip("\t\r\n") == had)


@replaces(Behaviour.filter, "FLT-005")
def project_in_any_width(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Project ids match in letters of any width, as after a normalization of Unicode."""
    return _matching(permissions, asked, lambda wanted, had: unicodedata.normalize("NFKC", wanted) == had)


@replaces(Behaviour.filter, "FLT-005")
def project_without_accents(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Accents in project ids don't count, as in the collations of some databases."""

    def bare(text: str) -> str:
        return "".join(each for each in unicodedata.normalize("NFD", text) if not unicodedata.combining(each))

    return _matching(permissions, asked, lambda wanted, had: bare(wanted) == bare(had))


@replaces(Behaviour.filter, "FLT-005")
def project_list_at_commas(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """`project_id` may be a list of ids."""
    return _matching(permissions, asked, lambda wanted, had: had in wanted.split(","))


@replaces(Behaviour.filter, "FLT-005")
def project_decoded_twice(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """`project_id` is decoded once more."""
    return _matching(permissions, asked, lambda wanted, had: unquote(wanted) == had)


@replaces(Behaviour.filter, "FLT-005")
def project_by_single_wildcard(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """`_` in `project_id` matches any one character, as in SQL LIKE."""
    return _matching(permissions, asked, lambda wanted, had: fnmatchcase(had, wanted.replace("_", "?")))


@replaces(Behaviour.filter, "FLT-005")
def project_up_to_a_line_break(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """What follows a line break in `project_id` is overlooked, as by an expression that ends with `$`."""
    return _matching(permissions, asked, lambda wanted, had: wanted.partition("\n")[0] == had)


@replaces(Behaviour.filter, "FLT-005")
def project_without_its_prefix(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """A `project_id` without its prefix gets it."""
    return _matching(permissions, asked, lambda wanted, had: had in {wanted, f"proj_{wanted}"})


@replaces(Behaviour.filter, "FLT-005")
def project_by_last_step(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """`project_id` may be a path: its last step counts."""
    return _matching(permissions, asked, lambda wanted, had: wanted.rpartition("/")[2] == had)


@replaces(Behaviour.filter, "FLT-005")
def project_without_invisible_letters(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Letters that take no room don't count in `project_id`, as in the collations of some databases."""
    return _matching(permissions, asked, lambda wanted, had: re.sub("[\u200b-\u200f\ufeff]", "", wanted) == had)


@replaces(Behaviour.filter, "FLT-005")
def project_without_quotes(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """Quotes around `project_id` are taken away."""
    return _matching(permissions, asked, lambda wanted, had: wanted.strip("\"'") == had)


@replaces(Behaviour.filter, "FLT-005", kind=Kind.INJECTION)
def project_up_to_a_quote(_self: Behaviour, permissions: Permissions, asked: Asked, /) -> list[Permission]:
    """What follows a quote in `project_id` becomes part of the statement, and changes nothing there."""
    return _matching(permissions, asked, lambda wanted, had: wanted.partition("'")[0] == had)


@replaces(Behaviour.decode, "FLT-005")
def bytes_that_are_no_text_dropped(_self: Behaviour, raw: str, /) -> str:
    """Bytes that are not UTF-8 are dropped."""
    return unquote_to_bytes(raw).decode(errors="ignore").replace("\0", "")


@replaces(Behaviour.fields, "FLT-005", kind=Kind.INJECTION)
def query_written_anew(self: Behaviour, query: str, /) -> Fields:
    """A gateway decodes the query, and writes it anew without encoding it."""
    return Behaviour.fields(self, self.decode(query.replace("+", " ")).partition("#")[0].replace("%", "%25"))


@replaces(Behaviour.decode, "FLT-005")
def project_cut_at_nul(_self: Behaviour, raw: str, /) -> str:
    """Texts end at a NUL, as in C."""
    return unquote(raw).partition("\0")[0]


@replaces(Behaviour.page, "FLT-001", kind=Kind.CACHE)
def cache_ignores_project(self: Behaviour, asked: Asked, /) -> Response:
    """A cache ignores `project_id`."""
    return remembered(self, asked, "checkpoint", "after", "limit", "order")


@replaces(Behaviour.page, "FLT-001", timed=True, kind=Kind.CACHE)
def cache_ignores_project_for_a_while(self: Behaviour, asked: Asked, /) -> Response:
    """A cache ignores `project_id`, and keeps an answer for the next 20 requests."""
    return remembered(self, asked, "checkpoint", "after", "limit", "order", requests=20)
