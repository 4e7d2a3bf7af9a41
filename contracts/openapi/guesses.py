"""Roles that are guessed: from descriptions, and from names that are unmistakable."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from contracts.core.model import Order
from contracts.openapi.filter_guesses import compared, hidden
from contracts.openapi.outline import Outline, Parameter, Place, Schemas, time_form, types, words
from contracts.openapi.profile import Statements, place


def _spelt(*names: str) -> tuple[str, ...]:
    """Names as written with underscores, each also as written with capitals (`next_page`, `nextPage`)."""
    capitals = (re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name) for name in names)
    return tuple(dict.fromkeys(each for pair in zip(names, capitals, strict=True) for each in pair))


_ITEMS = ("data", "items", "results", "value", "records", "entries")
_ANY_ITEMS = _spelt("data", "items", "results", "value")
"""Names of arrays that don't say what they hold."""
_AFTER = _spelt("after", "after_id", "starting_after")
_ONWARD = _spelt(
    *(*_AFTER, "cursor", "page_token", "next_token", "page", "start_cursor", "page_cursor"),
    *("continuation_token", "next_cursor", "next_page_token", "next_page", "next"),
)
_BACKWARD = ("before", "before_id", "ending_before")
_PREVIOUS = _spelt(
    *("prev", "previous", "prev_page", "previous_page", "prev_cursor", "previous_cursor", "prev_page_token"),
    *("previous_page_token", "prev_token", "previous_token"),
)
"""Names of tokens that lead backwards, of properties and of parameters."""
_TOKENS = _spelt(
    *("next_page", "next_cursor", "next_page_token", "next_token", "next_batch", "end_cursor", "continuation_token"),
)
_ADDRESSES = _spelt("next_url", "next_link", "next_page_url", "next_uri")
_MORE = _spelt("has_more", "has_next_page")
_LAST, _FIRST = _spelt("last_id"), _spelt("first_id")
_LIMIT = _spelt("limit", "page_size", "max_results", "per_page", "first", "count", "size")
_ORDER = _spelt("order", "sort", "sort_order", "direction", "sort_direction")
_ORDER_WORDS = ((Order.ASCENDING, ("asc", "ascending")), (Order.DESCENDING, ("desc", "descending")))
_TIMES = _spelt(
    *("created_at", "created", "added_at", "effective_at", "start_time", "created_time", "create_time", "date_created"),
)
_IDENTIFIES = re.compile(r"_id$|[a-z]Id$")
_CONSTANTS = ("object", "type")

_NUMBER = r"`?(\d[\d,]*)`?"
_DEFAULT = re.compile(rf"\bdefaults?(?: is| value is| to|:)? {_NUMBER}", re.IGNORECASE)
_MOST = re.compile(rf"\b(?:max(?:imum)?(?: value)?(?: is|:)?|at most|up to) {_NUMBER}", re.IGNORECASE)
_RANGE = re.compile(rf"\b(?:between|ranges? from|from) {_NUMBER} (?:and|to) {_NUMBER}", re.IGNORECASE)
_DEFAULT_WORD = re.compile(r"\bdefaults?(?: is| to|:)? [`'\"]?(\w+)", re.IGNORECASE)
_BY_TIME = re.compile(
    r"created_at|timestamp|creation (?:time|date)|by time\b|chronolog|newest|oldest|most recent", re.IGNORECASE
)
_NEWEST_FIRST = re.compile(
    r"\b(?:more|most) recent(?:ly)?\b[^.;]*\bfirst\b(?! page)|\bnewest (?:\w+ )?first\b|\breverse chronological",
    re.IGNORECASE,
)
_OLDEST_FIRST = re.compile(r"\boldest (?:\w+ )?first\b|\bin chronological order\b", re.IGNORECASE)
_PAGES_BY = re.compile(r"\b(?:pagination|continuation|page|paging)[ _](?:token|cursor)\b", re.IGNORECASE)
_TOKEN_WORDS = re.compile(r"\bopaque\b|\btoken\b|`next\w*`|\bnext_\w+|\bpage_token\b", re.IGNORECASE)
_ADDRESS = re.compile(r"\b(?:URLs?|URIs?|hyperlink)\b", re.IGNORECASE)
_ADDRESS_FORMATS = frozenset({"uri", "url", "uri-reference", "uri-template"})
_LINKS = frozenset({"links", "_links", "link", *_ADDRESSES})
"""Addresses, and groups of the answer that hold them."""
_NEAREST = re.compile(r"\bprevious page\b|\b(?:immediately|directly|right|just) before\b", re.IGNORECASE)
_ADMIN = re.compile(r"\brequires an? \[?admin API key", re.IGNORECASE)


def prose(outline: Outline, known: Mapping[str, Any]) -> Statements:
    """What descriptions say about roles that are known so far, where schemas say nothing."""
    found: Statements = {}
    limit = outline.query.get(str(known.get("limit.param")))
    if limit is not None:
        found |= _limits(limit.description)
    order = outline.query.get(str(known.get("order.param")))
    if order is not None:
        chosen = set(_DEFAULT_WORD.findall(order.description))
        found |= _default_order(known, chosen)
        found["order.by"] = "time" if _BY_TIME.search(order.description) else "unknown"
    elif "order.param" not in known:
        said = f"{outline.prose}\n{outline.answer_prose}"
        newest, oldest = _NEWEST_FIRST.search(said), _OLDEST_FIRST.search(said)
        if bool(newest) != bool(oldest):
            found |= {"order.fixed": str(Order.DESCENDING if newest else Order.ASCENDING), "order.by": "time"}
    backward = outline.query.get(str(known.get("prev.param")))
    if backward is not None and _NEAREST.search(backward.description):
        found["prev.nearest"] = True
    if _ADMIN.search(outline.prose):
        found["access.admin"] = True
    return found


def _limits(text: str) -> Statements:
    """Bounds and default of a page size; a bound with several values depends on something, and is left out."""
    text = " ".join(text.split())
    ranges = [(_integer(least), _integer(most)) for least, most in _RANGE.findall(text)]
    said = {
        "limit.default": {_integer(number) for number in _DEFAULT.findall(text)},
        "limit.least": {least for least, _ in ranges},
        "limit.most": {most for _, most in ranges} or {_integer(number) for number in _MOST.findall(text)},
    }
    return {role: values.pop() for role, values in said.items() if len(values) == 1}


def _integer(text: str) -> int:
    return int(text.replace(",", ""))


def schemas(outline: Outline, known: Mapping[str, Any]) -> Statements:
    """What the schemas of parameters say about roles that are known so far."""
    found: Statements = {}
    limit = outline.query.get(str(known.get("limit.param")))
    if limit is not None:
        for role, keyword in (("default", "default"), ("least", "minimum"), ("most", "maximum")):
            value = limit.schema.get(keyword)
            if isinstance(value, int) and not isinstance(value, bool):
                found[f"limit.{role}"] = value
    order = outline.query.get(str(known.get("order.param")))
    if order is not None:
        default = order.schema.get("default")
        found |= _default_order(known, {default})
    if _admin_scheme(outline):
        found["access.admin"] = True
    if known.get("items") is not None:
        found |= _constants(outline, place(known["items"]))
    return found


def _default_order(known: Mapping[str, Any], chosen: Container[Any]) -> Statements:
    named = [
        str(order) for order in Order if known.get(f"order.{order}") is not None and known[f"order.{order}"] in chosen
    ]
    return {"order.default": named[0]} if len(named) == 1 else {}


def _admin_scheme(outline: Outline) -> bool:
    required = outline.node.get("security", outline.document.get("security"))
    names = [name for each in required or [] if isinstance(each, dict) for name in each]
    return bool(names) and all("admin" in name.lower() for name in names)


def _constants(outline: Outline, items: Place) -> Statements:
    found: Statements = {}
    for role, properties in (("const", outline.envelope), ("item.const", outline.items(items))):
        constant = {
            name: words(properties[name])[0] for name in _CONSTANTS if len(words(properties.get(name, {}))) == 1
        }
        if constant:
            found[role] = constant
    return found


def names(outline: Outline, known: Mapping[str, Any]) -> Statements:
    """Roles that follow from plain names, where no other source knows them."""
    found: Statements = {**known}
    if "items" not in found:
        found["items"] = _items(outline, found.get("next.param"))
    if found["items"] is None:
        return {}
    items = outline.items(place(found["items"]))
    query, envelope = outline.query, outline.envelope
    found.setdefault("noun", _noun(outline.path, place(found["items"])))
    if "item.id" not in found:
        found["item.id"] = _identity(outline, items, str(found["noun"]))
    if "item.time.at" not in found:
        found |= _time(items, outline.required_of_items(place(found["items"])))
    elif found["item.time.at"] is not None:
        found.setdefault("item.time.as", time_form(items.get(found["item.time.at"], {})))
    found.setdefault("next.param", _onward(query, items.get(str(found["item.id"]), {})))
    token = _token(outline, found["next.param"])
    found.setdefault("next.from", _kind(query.get(str(found["next.param"])), found.get("next.at") or token))
    found.setdefault("next.at", token if found["next.from"] == "body" else _first(_LAST, envelope))
    if found["next.from"] == "body":
        found = {**_back(outline, found), **found}
    else:
        found.setdefault("prev.param", next((name for name in _BACKWARD if _is_text(query.get(name))), None))
        found.setdefault("prev.at", _first(_FIRST, envelope))
    found.setdefault("more", _named(outline, "boolean", _MORE))
    found.setdefault("limit.param", next((name for name in _LIMIT if "integer" in _types(query.get(name))), None))
    if "order.param" not in found:
        found |= _order(query)
    elif found["order.param"] is not None and "order.ascending" not in found:
        found |= _order({name: each for name, each in query.items() if name == found["order.param"]})
    if "filters" not in found:
        taken = {found[role] for role in ("next.param", "prev.param", "limit.param", "order.param") if found.get(role)}
        others = [each for name, each in query.items() if name not in taken]
        shown = dict(compared(others, items))
        found["filters"] = {**shown, **{name: None for name in hidden(others, (*_TOKENS, "next")) if name not in shown}}
    return {role: value for role, value in found.items() if role not in known and value not in (None, {})}


def _back(outline: Outline, found: Statements) -> Statements:
    """The token of the page before, which stands beside that of the next page, and the parameter that takes it."""
    at = found.get("prev.at")
    if at is None and found.get("next.at") is not None:
        *group, _ = place(found["next.at"])
        beside = outline.properties(outline.at(tuple(group)))
        named = next((name for name in _PREVIOUS if "string" in types(beside.get(name, {}))), None)
        at = [*group, named] if group and named is not None else named
    if at is None:
        return {}
    # Without a parameter of its own, the one for the next page takes it. What such a token leads to is the page before.
    known = (name for name in (*_BACKWARD, *_PREVIOUS) if _is_text(outline.query.get(name)))
    return {"prev.param": next(known, found["next.param"]), "prev.at": at, "prev.nearest": True}


def _token(outline: Outline, onward: str | None) -> Any:
    """Where the token of the next page stands: by a name that says so, by that of its parameter, or `next`.

    Where an answer gives the address of the next page alone, the token is in there.
    """
    same = (onward,) if onward is not None else ()
    tries = [_named(outline, "string", names) for names in (_TOKENS, same, ("next",))]
    if onward in _ONWARD and onward not in _AFTER:
        tries.append(_named(outline, "string", (*_ADDRESSES, *_TOKENS, "next"), addresses=True))
    return next((found for found in tries if found is not None), None)


def _named(outline: Outline, kind: str, candidates: tuple[str, ...], *, addresses: bool = False) -> Any:
    """The place of a property with one of these names that is an address or none, the outermost first."""
    places = (at for at, schema in outline.places() if kind in types(schema) and is_address(at, schema) == addresses)
    named = [at for at in places if at[-1] in candidates]
    best = min(named, key=lambda at: (len(at), candidates.index(at[-1])), default=None)
    return best if best is None else list(best) if len(best) > 1 else best[0]


def is_address(at: Place, schema: Mapping[str, Any]) -> bool:
    """Whether a property holds the address of something, by its format, its group or its description."""
    described = str(schema.get("description", ""))
    return (
        schema.get("format") in _ADDRESS_FORMATS or not _LINKS.isdisjoint(at) or _ADDRESS.search(described) is not None
    )


def _kind(parameter: Parameter | None, at: Any) -> str:
    """Whether a cursor is the id of an item, or a token that stands at a place of the answer."""
    if at is not None:
        # Where answers give a token, clients continue with it, whatever else the parameter accepts.
        return "item" if place(at)[-1] in _LAST else "body"
    return "body" if parameter is not None and _TOKEN_WORDS.search(parameter.description) else "item"


def _onward(query: Mapping[str, Parameter], identity: Mapping[str, Any]) -> str | None:
    """The parameter that takes the cursor: one with a usual name, or else the only one that is described as such."""
    kinds = ({"string"}, types(identity))
    usual = next((name for name in _ONWARD if name in query and query[name].types in kinds), None)
    described = [name for name, each in query.items() if _is_text(each) and _PAGES_BY.search(each.description)]
    return described[0] if usual is None and len(described) == 1 else usual


def _items(outline: Outline, onward: str | None) -> Any:
    if "array" in types(outline.keywords(outline.body)):
        return ""
    arrays = [name for name, schema in outline.envelope.items() if "array" in types(schema)]
    usual = next((name for name in _ITEMS if name in arrays), None)
    if usual is None and (onward is not None or _onward(outline.query, {}) is not None):
        of_objects = [name for name in arrays if outline.items((name,))]
        return of_objects[0] if len(of_objects) == 1 else None
    return usual


def _noun(path: str, items: Place) -> str:
    """What people call an item: by the array that holds it, or else by the path."""
    steps = [step for step in path.partition("?")[0].split("/") if step and not step.startswith("{")]
    named = items[-1] if items and items[-1] not in _ANY_ITEMS else steps[-1] if steps else "items"
    last = re.sub(r"[_\-.]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", named)).lower()
    for ending, singular in (("ies", "y"), ("ches", "ch"), ("sses", "ss"), ("xes", "x"), ("s", "")):
        if last.endswith(ending) and len(last) > len(ending):
            return last.removesuffix(ending) + singular
    return last


def _identity(outline: Outline, items: Schemas, noun: str) -> str | list[str] | None:
    if "id" in items:
        # Versions of one thing may share its id.
        if outline.path.partition("?")[0].endswith("/versions") and "version" in items and "after" not in outline.query:
            return ["id", "version"]
        return "id"
    own = noun.replace(" ", "_")
    usual = next((name for name in items if name.lower() in {f"{own}_id", f"{own}id".replace("_", ""), "uuid"}), None)
    scope = {each.name for each in outline.parameters if each.where == "path"}
    ids = [name for name in items if _IDENTIFIES.search(name) and name not in scope]
    return usual or (ids[0] if len(ids) == 1 else None)


def _time(items: Schemas, required: frozenset[str]) -> Statements:
    """The time of an item: one that each item has, if there is such a property."""
    for name in sorted(_TIMES, key=lambda name: name not in required):
        form = time_form(items[name]) if name in items else None
        if form is not None:
            return {"item.time.at": name, "item.time.as": form}
    return {}


def _order(query: Mapping[str, Parameter]) -> Statements:
    for name, parameter in query.items():
        if name not in _ORDER:
            continue
        allowed = words(parameter.schema)
        chosen = {order: next((word for word in known if word in allowed), None) for order, known in _ORDER_WORDS}
        if all(chosen.values()) and len(allowed) == len(chosen):
            return {"order.param": name, **{f"order.{order}": word for order, word in chosen.items()}}
    return {}


def _is_text(parameter: Parameter | None) -> bool:
    return parameter is not None and parameter.types == {"string"}


def _types(parameter: Parameter | None) -> frozenset[str]:
    return parameter.types if parameter is not None else frozenset()


def _first(candidates: tuple[str, ...], properties: Schemas) -> str | None:
    return next((name for name in candidates if name in properties), None)
