"""Settings from a command line, the environment and a configuration file.

What the command line says beats the environment, and both beat the file.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import click
from click.core import ParameterSource

from contracts.core.errors import ConfigurationError
from contracts.core.wording import close, hint
from contracts.settings import configfile
from contracts.settings import values as words
from contracts.settings.configfile import Choice, TargetTable
from contracts.settings.contradictions import EXCLUSIVE, refuse_contradictions
from contracts.settings.groups import DOCUMENT, EMBEDDED, TARGET
from contracts.settings.settings import OPTIONS, Settings
from contracts.settings.values import PREFIX, Option

Given = str | bool | Sequence[str] | None
"""What a command line says of one option."""
_HIDDEN = frozenset({"base_url", "proxy", "header", "secret_header", "secret_header_file", "secret_header_command"})
_FLAGS: Final = frozenset(option.flagged for option in OPTIONS.values())


def _kinds(hint: Any) -> frozenset[type]:
    inner = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    return frozenset(get_origin(each) or each for each in inner)


_KINDS: Final[Mapping[str, frozenset[type]]] = MappingProxyType(
    {
        name: _kinds(hint)
        for name, hint in get_type_hints(Settings).items()
        if name in OPTIONS and name not in {"config", "target"}
    }
)
"""The types that a value of a file may have, by field name."""


def choose(
    given: Mapping[str, Given] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    names: Iterable[str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """The settings for one target; see `choose_all`.

    Raises:
        ConfigurationError: As `choose_all`, or the file names several targets and none of them was chosen.
    """
    return single(choose_all(given, environ, names=names, folder=folder))


def choose_all(
    given: Mapping[str, Given] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    names: Iterable[str] | None = None,
    folder: Path | None = None,
) -> tuple[Settings, ...]:
    """The settings for each target, from the words of a command line, the environment and a file.

    There is one target unless the file has ``[[target]]`` tables. These are put aside when the command line
    or the environment names another target (a base URL, or something of the embedded server).

    A variable that is empty counts as not set, except that of the base URL: there it would silently mean
    another target.

    Args:
        given: By field name, what the command line says; ``None`` where it says nothing. Several words for an
            option that may be given several times.
        environ: The environment; by default the one of this process.
        names: The fields that matter to the caller; by default all. Others keep their defaults.
        folder: Where a configuration file is looked for; by default the current folder.

    Raises:
        ConfigurationError: A value can't be used, values contradict each other, a key of the file is unknown, or a
            variable is a slip of one of ours.
    """
    variables = os.environ if environ is None else environ
    remarks = _unknown(variables)
    read = partial(_read, given or {}, variables, tuple(OPTIONS if names is None else names))
    said = read({})
    config = _value("config", said["config"]) if "config" in said else None
    file = configfile.load(config, folder, _KINDS, (*TARGET, *DOCUMENT))
    of_target = names is None or "base_url" in names
    tables = _chosen(file.targets, said) if of_target else ()
    found = []
    for table in tables or (TargetTable("", {}),):
        entries = read(_unbeaten({**file.entries, **table.entries}, said))
        settings = Settings(
            **{name: _value(name, entry) for name, entry in entries.items()},
            name=table.name,
            deviations=tuple(one for one in file.deviations if one.target in {"", table.name} or not of_target),
            file=file.path,
            origins=MappingProxyType({name: entry.origin for name, entry in entries.items()}),
            remarks=remarks,
        )
        refuse_contradictions(settings)
        found.append(settings)
    if file.path is None and of_target and found[0].base_url is None and (remark := configfile.unread(folder)):
        return (replace(found[0], remarks=(*remarks, remark)),)
    return tuple(found)


def single(found: tuple[Settings, ...]) -> Settings:
    """The settings of the one target that there is.

    Raises:
        ConfigurationError: there are several.
    """
    if len(found) > 1:
        known = ", ".join(settings.name for settings in found)
        raise ConfigurationError(f"There are {len(found)} targets: choose one with --target ({known}).")
    return found[0]


def _read(
    given: Mapping[str, Given], variables: Mapping[str, str], names: Iterable[str], written: Mapping[str, Choice]
) -> dict[str, Choice]:
    """What was chosen: click looks at the command line, then at the environment, and then at the file."""
    context = click.Context(click.Command("settings"), obj=variables, default_map=dict(written))
    said: dict[str, Any] = {name: word for name, word in given.items() if word or isinstance(word, str | bool)}
    found = {}
    for name in names:
        option = OPTIONS[name]
        word, source = option.consume_value(context, said)
        if source is ParameterSource.DEFAULT_MAP:
            found[name] = word
        elif source is ParameterSource.ENVIRONMENT:
            found[name] = Choice(word, option.variable)
        elif source is ParameterSource.COMMANDLINE:
            flag = option.secondary_opts[0] if word is False and option.secondary_opts else option.flagged
            found[name] = Choice(word if isinstance(word, str | bool) else "\n".join(word), flag)
    return found


def _unbeaten(written: Mapping[str, Choice], said: Collection[str]) -> dict[str, Choice]:
    """What the file says, but for what means another target or excludes what was said elsewhere."""
    beaten = {name for group in EXCLUSIVE if any(each in said for each in group) for name in group}
    if any(name in said for name in EMBEDDED) and "base_url" not in said:
        beaten.update(TARGET)
    if "base_url" in said:
        beaten.update(EMBEDDED)
    return {name: entry for name, entry in written.items() if name not in beaten}


def _chosen(tables: tuple[TargetTable, ...], said: Mapping[str, Choice]) -> tuple[TargetTable, ...]:
    """The tables of the targets that are to be judged."""
    chosen = said.get("target")
    if chosen is None:
        return () if any(name in said for name in ("base_url", *EMBEDDED)) else tables
    names = [table.name for table in tables]
    if chosen.word not in names:
        instead = f"There are {', '.join(names)}." if names else "The configuration file names none."
        meant = hint(str(chosen.word), names, instead)
        raise ConfigurationError(f"{chosen.origin} {words.cut(str(chosen.word))}: there is no such target. {meant}")
    return tuple(table for table in tables if table.name == chosen.word)


def _value(name: str, entry: Choice) -> Any:
    return entry.word if isinstance(entry.word, bool) else _parsed(OPTIONS[name], entry.origin, entry.word)


def _parsed(option: Option, origin: str, word: str) -> Any:
    if origin == option.flagged and word in _FLAGS:
        raise ConfigurationError(f"{origin} has no value: what stands behind it is the option {word}.")
    try:
        return option.parse(word)
    except ValueError as error:
        # What can't be read may hold a password; what is empty shows nothing.
        hidden = option.name in _HIDDEN or option.parse is words.variable
        shown = "" if hidden or not word.strip() else f" {words.cut(word)}"
        raise ConfigurationError(f"{origin}{shown} {error}.".replace("?.", "?")) from None


def _unknown(variables: Mapping[str, str]) -> tuple[str, ...]:
    """A remark on the variables that look like ours and mean nothing here.

    Raises:
        ConfigurationError: One of them is a slip of a variable that means something.
    """
    known = {name.upper(): option.variable for name, option in OPTIONS.items()}
    names = [name for name in sorted(variables) if name.startswith(PREFIX) and name not in known.values()]
    for name in names:
        meant = close(name.removeprefix(PREFIX), known)
        if meant is not None:
            raise ConfigurationError(f"There is no variable {words.cut(name)}. Did you mean {known[meant]}?")
    if not names:
        return ()
    listed = ", ".join(words.cut(name) for name in names)
    return (f"{listed}: no such variable is known here, so it changes nothing.",)
