"""How a conforming server is declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ParamSpec, TypedDict, TypeVar, Unpack

from contracts.mock.app import Behaviour, Request, Response
from contracts.mock.registry import name_of, sentence_of
from contracts.mock.store import Dataset

P = ParamSpec("P")
R = TypeVar("R")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Variant:
    """A server that keeps the contract in another way than the right one, or with other data.

    ``kind`` is the module that declares it. ``behaviour`` takes no arguments and overrides few steps, so that
    several can be bases of one class.
    ``warns`` names the clauses that may warn, ``unexercised`` those that lack what they need, or
    do not apply.
    """

    name: str
    kind: str
    sentence: str
    behaviour: type[Behaviour] = Behaviour
    dataset: Callable[[], Dataset] | None = None
    warns: frozenset[str] = frozenset()
    unexercised: frozenset[str] = frozenset()
    moving: bool = False
    """Whether the list changes while it is read."""
    style: str = ""
    """What a list must have for it to show; an empty text if it shows on the published one."""


_VARIANTS: dict[str, Variant] = {}


def registered() -> dict[str, Variant]:
    """All variants declared so far, by name."""
    return dict(_VARIANTS)


def add(variant: Variant) -> None:
    """Registers a variant."""
    if variant.name in _VARIANTS:
        raise ValueError(variant.name)
    _VARIANTS[variant.name] = variant


class Options(TypedDict, total=False):
    """What every decorator here takes beside its own arguments; see `Variant`."""

    dataset: Callable[[], Dataset] | None
    warns: frozenset[str]
    unexercised: frozenset[str]
    style: str


def variant(behaviour: type[Behaviour], **options: Unpack[Options]) -> type[Behaviour]:
    """Registers a class as a variant: its name is the variant's, and its docstring the sentence."""
    return _declared(behaviour, behaviour, **options)


def varies(step: Callable[P, R], **options: Unpack[Options]) -> Callable[[Callable[P, R]], type[Behaviour]]:
    """Registers a function that does one step in another allowed way; ``step`` is that method of `Behaviour`.

    The function's name, with hyphens, becomes the variant's, and its docstring the sentence.
    """

    def register(function: Callable[P, R]) -> type[Behaviour]:
        behaviour = type(function.__name__, (Behaviour,), {step.__name__: function})
        return _declared(behaviour, function, **options)

    return register


def varies_page(
    *, envelope: Mapping[str, Any] = _NOTHING, item: Mapping[str, Any] = _NOTHING, **options: Unpack[Options]
) -> Callable[[Callable[[dict[str, Any]], object]], type[Behaviour]]:
    """Registers a function that makes another allowed page object out of the usual one.

    ``envelope`` and ``item`` are properties, each with its schema, that the server documents beyond the published ones.
    """

    def register(change: Callable[[dict[str, Any]], object]) -> type[Behaviour]:
        class Changed(Behaviour):
            envelope_schema, item_schema = envelope, item

            def render(self, *page: Any) -> object:
                usual = super().render(*page)
                return change(dict(usual)) if isinstance(usual, dict) else usual

        return _declared(Changed, change, **options)

    return register


def varies_answer(
    **options: Unpack[Options],
) -> Callable[[Callable[[Request, Response], Response]], type[Behaviour]]:
    """Registers a function that sends every answer in another allowed way."""

    def register(change: Callable[[Request, Response], Response]) -> type[Behaviour]:
        class Changed(Behaviour):
            def finish(self, request: Request, response: Response, /) -> Response:
                return change(request, super().finish(request, response))

        return _declared(Changed, change, **options)

    return register


def _declared(
    behaviour: type[Behaviour], made_from: Callable[..., object], **options: Unpack[Options]
) -> type[Behaviour]:
    """Registers a behaviour under the name and the sentence of the class or the function that it was made from."""
    behaviour.__name__, behaviour.__doc__ = made_from.__name__, made_from.__doc__
    kind = made_from.__module__.rpartition(".")[2]
    add(Variant(name_of(made_from), kind, sentence_of(made_from), behaviour, **options))
    return behaviour
