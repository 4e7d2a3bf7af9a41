"""The templates of the reports, with what comes from outside escaped as each form needs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template, select_autoescape

LONGEST = 2_000
"""Characters of what is cut."""
_MARKUP = frozenset("\\`*_{}[]~$")
_ENTITIES = frozenset("<>&|")
_LIVELY = re.compile(r"[@#](?=\S)|:(?=[^\s:])|(?<=www)(?=\.)", re.IGNORECASE)
"""Where a mention, a reference, an emoji or a link begins that GitHub makes of text, be it code or not."""
_BEGIN = re.compile(r"^(\d*)(?=[-+=#.)](?:\s|$))")
_STOP, _NOTHING = "\f", "<!-- -->"
_BACKTICKS = re.compile(r"`+")


def markdown(text: object) -> str:
    """A text as Markdown that shows it and does nothing: no link, mention, code, table cell, markup or HTML."""
    return _BEGIN.sub(r"\1\\", _shown(text, _ENTITIES, _MARKUP))


def code(text: object) -> str:
    """A text as a span of code that it can't end, also in a cell of a table."""
    return f"<code>{_shown(text, _ENTITIES | _MARKUP, frozenset())}</code>"


def span(text: object) -> str:
    """A text as a span of code that it can't end and that stays readable as it is written; not for cells of tables."""
    one_line = " ".join(str(text).split())
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(one_line)), default=0))
    padding = " " if one_line.startswith("`") or one_line.endswith("`") else ""
    return f"{fence}{padding}{one_line}{padding}{fence}" if one_line else ""


def headed(text: object) -> str:
    """A clause's title for a heading in Markdown, the names in it as code."""
    return "".join(
        span(each)
        if name
        else f"{' ' * each.startswith(' ')}{markdown(each)}{' ' * (each.endswith(' ') and bool(each.strip()))}"
        for name, each in _named(str(text))
    )


def _shown(text: object, entities: frozenset[str], escaped: frozenset[str]) -> str:
    one_line = _LIVELY.sub(lambda found: found[0] + _STOP, " ".join(str(text).split()))
    return "".join(
        _NOTHING
        if each == _STOP
        else f"&#{ord(each)};"
        if each in entities
        else f"\\{each}"
        if each in escaped
        else each
        for each in one_line
    )


def titled(text: object) -> str:
    """A clause's title, the names in it as code: for Markdown, and for HTML in it, where no backslash escapes."""
    return "".join(code(each) if name else _spaced(each) for name, each in _named(str(text)))


def parts(text: object) -> list[tuple[bool, str]]:
    """A clause's title in pieces: whether each is a name (which backticks enclose), and what it says."""
    return list(_named(str(text)))


def _spaced(text: str) -> str:
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    escaped = _shown(text, _ENTITIES | _MARKUP, frozenset())
    return f"{before and ' '}{escaped}{after and text.strip() and ' '}"


def _named(text: str) -> Iterator[tuple[bool, str]]:
    for number, piece in enumerate(text.split("`")):
        if piece:
            yield number % 2 == 1, piece


def fenced(text: object, language: str = "sh") -> str:
    """A text as a block of code that it can't end."""
    lines = str(text)
    longest = max((len(run) for run in _BACKTICKS.findall(lines)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{lines}\n{fence}"


def cut(text: object) -> str:
    """The text, or as much of it as one reads."""
    shown = str(text)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def raw(text: object) -> str:
    """A text as HTML between tags, where quotes need no escape: for ``| raw | safe``."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@cache
def template(name: str) -> Template:
    """A template of this package; those of HTML escape everything by themselves."""
    environment = Environment(
        loader=FunctionLoader(asset),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        markdown=markdown,
        code=code,
        span=span,
        fenced=fenced,
        titled=titled,
        headed=headed,
        parts=parts,
        raw=raw,
        cut=cut,
    )
    return environment.get_template(name)


def asset(name: str) -> str:
    """A file of the templates' folder."""
    return resources.files("contracts.reports").joinpath("templates", name).read_text(encoding="utf-8")
