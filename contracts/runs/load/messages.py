"""The messages between the processes of a load. None contains a key."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import msgspec

from contracts.core.errors import ConfigurationError
from contracts.core.model import Exchange
from contracts.core.result import Figures
from contracts.verdicts.conclusion import own_version

T = TypeVar("T")
_HEAD = struct.Struct(">Q")


class Reading(Protocol):
    """What messages are read from."""

    def read(self, size: int, /) -> bytes:
        """Some bytes, at most so many; none at the end."""


class Writing(Protocol):
    """What messages are written to."""

    def write(self, data: bytes, /) -> object:
        """Write all of it."""

    def flush(self) -> object:
        """Let the other side have it."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a run learned: the target, and the exchanges that show its list."""

    base_url: str
    exchanges: tuple[Exchange, ...]
    shareable: bool = True
    """Whether no answer contains a key, so that the exchanges may be sent to other machines."""
    agreed: Mapping[str, str] = field(default_factory=dict)
    """What each worker must ask and judge by as its master does, by its name: document and checkpoint."""


@dataclass(frozen=True, slots=True)
class Begin:
    """What users need to begin: what was learned, and the number of users on all machines."""

    learned: Learned
    users: int


@dataclass(frozen=True, slots=True)
class Invitation:
    """``Begin`` as a master sends it: packed, because only the same version of this suite can read it."""

    version: str
    begin: bytes


@dataclass(slots=True)
class News:
    """The report of one process since its last one: the exchanges that show breaches, and numbers."""

    clauses: dict[str, int] = field(default_factory=dict)
    """The number of breaches of each clause."""
    evidence: list[Exchange] = field(default_factory=list)
    judged: int = 0
    unanswered: int = 0
    put_off: int = 0
    unjudged: int = 0
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The breaches that the users found, and the figures of the load."""

    evidence: tuple[Exchange, ...]
    figures: Figures
    judged: int = 0
    """The number of answers that were judged."""
    interrupted: bool = False
    """Whether an interrupt ended the load early."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of the run, sent before its report is shown."""

    exit_code: int


def packed(value: object) -> bytes:
    """A message as bytes."""
    return msgspec.msgpack.encode(value)


def unpacked(data: bytes, kind: type[T]) -> T:
    """The message that bytes hold."""
    return msgspec.msgpack.decode(data, type=kind)


def invitation(begin: Begin) -> Invitation:
    """What a master sends to its workers."""
    return Invitation(own_version(), packed(begin))


def accepted(invitation: Invitation) -> Begin:
    """What a master sent.

    Raises:
        ConfigurationError: Its version is another one.
    """
    if invitation.version != own_version():
        raise ConfigurationError(
            f"This worker has version {own_version()} of this suite, and its master {invitation.version}: install the"
            " same on both."
        )
    return unpacked(invitation.begin, Begin)


def send(stream: Writing, value: object) -> None:
    """Write a message to a pipe."""
    data = packed(value)
    stream.write(_HEAD.pack(len(data)) + data)
    stream.flush()


def receive(stream: Reading, kind: type[T]) -> T | None:
    """The next message of a pipe; ``None`` if the other process has ended."""
    head = _read(stream, _HEAD.size)
    if head is None:
        return None
    data = _read(stream, _HEAD.unpack(head)[0])
    return None if data is None else unpacked(data, kind)


def _read(stream: Reading, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = stream.read(size)
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
