"""How a fault is declared: which step it replaces, what is wrong, which clause must catch it, where it shows.

A fault is one function whose docstring is the sentence that says what is wrong, and whose name, with
hyphens, is the fault's name. `replaces` takes it as a step of `contracts.mock.app.Behaviour`; the
``changes_*`` decorators take it as a change to what the right step made. A fault that needs memory is a
subclass of `Behaviour` under `fault`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ParamSpec, TypedDict, TypeVar, Unpack

from contracts.mock.app import Asked, Behaviour, Response
from contracts.mock.faults.kinds import Kind
from contracts.mock.registry import name_of, sentence_of
from contracts.mock.store import Dataset, Permission

P = ParamSpec("P")
R = TypeVar("R")
Wrong = type[Behaviour]
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Fault:
    """A server that is wrong in one way.

    ``clause`` is the id of the clause that must catch it; ``sentence`` says what is wrong; ``where`` says
    in which place only, if not everywhere; ``dataset`` makes the data that it needs, or is ``None`` when
    the usual ones will do. ``timed`` says that the order in which overlapping requests arrive decides which
    of them it hits, which no seed settles. ``by_order`` says why it does so only where the run lets requests overlap:
    one after the other they arrive as they are asked. ``kind`` is the kind of cause of which it is an example.
    ``style`` is what a list must have for it to show, an empty text if it shows on the published one.
    """

    name: str
    clause: str
    sentence: str
    wrong: type[Behaviour] = field(repr=False)
    kind: Kind = field(repr=False)
    where: Where | None = field(default=None, repr=False)
    timed: bool = field(default=False, repr=False)
    dataset: Callable[[], Dataset] | None = field(default=None, repr=False)
    style: str = ""
    by_order: str = field(default="", repr=False)

    def behaviour(self, base: type[Behaviour] = Behaviour) -> Behaviour:
        """The wrong behaviour, new for each server.

        Args:
            base: What it does rightly, or in another allowed way. A step that the fault replaces is lost
                to ``base``; one that it only changes is not.
        """
        wrong: type[Behaviour] = self.wrong
        narrowed: type[_Narrowed] = _Narrowed
        if base is not Behaviour:
            wrong = type(wrong.__name__, (wrong, base), {})
            narrowed = type(base.__name__, (_Narrowed, base), {})
        return wrong() if self.where is None else narrowed(wrong(), self.where)


@dataclass(frozen=True, slots=True)
class Where:
    """A place in which a fault shows, where it is easily missed.

    ``name`` is appended to the fault's name and ``words`` to its sentence. ``page`` decides for a whole
    page, ``item`` for one item of a page. ``pause`` is the time in seconds that each request then takes,
    so that requests overlap. ``timed`` is as of a `Fault`.
    """

    name: str
    words: str
    page: Callable[[Behaviour, Asked], bool] = lambda _behaviour, _asked: True
    item: Callable[[Behaviour, Permission, Asked], bool] | None = None
    pause: float = 0.0
    timed: bool = False
    kind: Kind | None = None
    """The kind of whatever is wrong in this place alone, if it is not that of the fault."""


Also = tuple["Where | tuple[Where, str]", ...]
"""Places in which a fault exists a second time; with the id of another clause if that one must catch it there."""


def registered() -> dict[str, Fault]:
    """All faults declared so far, by name."""
    return dict(_FAULTS)


_FAULTS: dict[str, Fault] = {}


def fault(
    clause: str,
    *,
    also: Also = (),
    everywhere: bool = True,
    timed: bool = False,
    dataset: Callable[[], Dataset] | None = None,
    kind: Kind | None = None,
    style: str = "",
    by_order: str = "",
) -> Callable[[type[Behaviour]], Wrong]:
    """Registers a behaviour as a fault, and once more for each place in ``also``.

    With ``everywhere=False`` only the places count: a server that does it everywhere is not wrong.
    """

    def register(wrong: type[Behaviour]) -> Wrong:
        name, sentence = name_of(wrong), sentence_of(wrong)
        if everywhere:
            mine = kind or Kind.of(clause)
            why = by_order or mine.by_order
            _add(Fault(name, clause, sentence, wrong, mine, None, timed, dataset, style, why))
        for place in also:
            where, other = place if isinstance(place, tuple) else (place, clause)
            words = f"{sentence.removesuffix('.')}: {where.words}."
            mine = where.kind or kind or Kind.of(clause)
            why = by_order or mine.by_order
            _add(
                Fault(f"{name}-{where.name}", other, words, wrong, mine, where, timed or where.timed, dataset, "", why)
            )
        return wrong

    return register


class Options(TypedDict, total=False):
    """What every decorator here takes beside its own arguments; see `fault`."""

    also: Also
    everywhere: bool
    timed: bool
    dataset: Callable[[], Dataset] | None
    kind: Kind | None
    style: str
    by_order: str


def replaces(step: Callable[P, R], clause: str, **options: Unpack[Options]) -> Callable[[Callable[P, R]], Wrong]:
    """Registers a function as a fault that replaces one step; ``step`` is that method of `Behaviour`."""

    def register(function: Callable[P, R]) -> Wrong:
        wrong = type(function.__name__, (Behaviour,), {step.__name__: function, "__doc__": function.__doc__})
        return fault(clause, **options)(wrong)

    return register


def changes_envelope(
    clause: str, *, documented: Mapping[str, Any] = _NOTHING, **options: Unpack[Options]
) -> Callable[[Callable[[dict[str, Any]], object]], Wrong]:
    """Registers a function that makes the wrong page object out of the right one.

    ``documented`` are properties, each with its schema, that the server documents beyond the published ones.
    """

    def register(change: Callable[[dict[str, Any]], object]) -> Wrong:
        class Changed(Behaviour):
            envelope_schema = documented

            def render(self, *page: Any) -> object:
                right = super().render(*page)
                return change(dict(right)) if isinstance(right, dict) else right

        return fault(clause, **options)(_named(Changed, change))

    return register


def changes_item(
    clause: str, *, documented: Mapping[str, Any] = _NOTHING, **options: Unpack[Options]
) -> Callable[[Callable[[dict[str, Any]], object]], Wrong]:
    """Registers a function that makes the wrong item out of the right one.

    ``documented`` are properties, each with its schema, that the server documents beyond the published ones.
    """

    def register(change: Callable[[dict[str, Any]], object]) -> Wrong:
        class Changed(Behaviour):
            item_schema = documented

            def render_item(self, permission: Permission, asked: Asked, /) -> object:
                right = super().render_item(permission, asked)
                return change(dict(right)) if isinstance(right, dict) else right

        return fault(clause, **options)(_named(Changed, change))

    return register


def changes_body(clause: str, **options: Unpack[Options]) -> Callable[[Callable[[bytes], bytes]], Wrong]:
    """Registers a function that makes the wrong body out of the right one."""

    def register(change: Callable[[bytes], bytes]) -> Wrong:
        class Changed(Behaviour):
            def encode(self, value: object, asked: Asked, /) -> bytes:
                return change(super().encode(value, asked))

        return fault(clause, **options)(_named(Changed, change))

    return register


def changes_answer(clause: str, **options: Unpack[Options]) -> Callable[[Callable[[Response], Response]], Wrong]:
    """Registers a function that makes the wrong 200 answer out of the right one."""

    def register(change: Callable[[Response], Response]) -> Wrong:
        class Changed(Behaviour):
            def page(self, asked: Asked, /) -> Response:
                return change(super().page(asked))

        return fault(clause, **options)(_named(Changed, change))

    return register


def _named(behaviour: type[Behaviour], function: Callable[..., object]) -> type[Behaviour]:
    behaviour.__name__, behaviour.__doc__ = function.__name__, function.__doc__
    return behaviour


def _add(new: Fault) -> None:
    if new.name in _FAULTS:
        raise ValueError(new.name)
    _FAULTS[new.name] = new


class _Narrowed(Behaviour):
    """Right, except in one place."""

    def __init__(self, wrong: Behaviour, where: Where) -> None:
        self.wrong = wrong
        self.where = where
        self.envelope_schema, self.item_schema = wrong.envelope_schema, wrong.item_schema

    def bind(self, dataset: Dataset, /) -> None:
        super().bind(dataset)
        self.wrong.bind(dataset)

    async def pause(self, asked: Asked, /) -> None:
        if self.where.pause:
            await asyncio.sleep(self.where.pause)
        await self.wrong.pause(asked)

    def page(self, asked: Asked, /) -> Response:
        if self.where.item is None and self.where.page(self, asked):
            return self.wrong.page(asked)
        return super().page(asked)

    def render_item(self, permission: Permission, asked: Asked, /) -> object:
        if self.where.item is not None and self.where.item(self, permission, asked):
            return self.wrong.render_item(permission, asked)
        return super().render_item(permission, asked)
