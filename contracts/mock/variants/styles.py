"""Servers of lists with a cursor backwards, or with tokens, that do in another way what is theirs to decide."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from hashlib import sha256

from contracts.mock.app import Asked, Behaviour
from contracts.mock.shape import BACKWARDS, TOKENS, opened, sealed
from contracts.mock.store import Permission
from contracts.mock.variants.declare import variant, varies

Permissions = Sequence[Permission]
_backwards = partial(varies, style=BACKWARDS)
_tokens = partial(varies, style=TOKENS)
_SEPARATOR = "\n"
_CAP = 4
_LONG = 1500


# --- backwards


@_backwards(Behaviour.preceding)
def both_cursors_refused(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """`before` and `after` together are refused."""
    if asked.after is not None:
        raise self.invalid("before", "'before' and 'after' exclude each other.")
    return Behaviour.preceding(self, asked)


@_backwards(Behaviour.position)
def after_ignored_with_before(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """`after` is ignored where `before` is given."""
    return 0 if asked.before is not None else Behaviour.position(self, ordered, asked)


@_backwards(Behaviour.has_more)
def more_follows_backwards(self: Behaviour, items: Permissions, rest: Permissions, asked: Asked, /) -> object:
    """On a page before an item `has_more` says whether anything follows the page."""
    return asked.before is not None or Behaviour.has_more(self, items, rest, asked)


@_backwards(Behaviour.has_more)
def no_more_backwards(self: Behaviour, items: Permissions, rest: Permissions, asked: Asked, /) -> object:
    """On a page before an item `has_more` is false."""
    return asked.before is None and Behaviour.has_more(self, items, rest, asked)


@_backwards(Behaviour.cut_back)
def small_pages_backwards(self: Behaviour, rest: Permissions, asked: Asked, /) -> list[Permission]:
    """A page before an item has four items at the most."""
    return Behaviour.cut_back(self, rest, asked)[-_CAP:]


@_backwards(Behaviour.preceding)
def nothing_before_the_first(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """`before` with the first item of the list is refused."""
    found = Behaviour.preceding(self, asked)
    if not found:
        raise self.invalid("before", "Nothing stands before this item.")
    return found


# --- tokens


@partial(variant, style=TOKENS)
class ChangingTokens(Behaviour):
    """No token is given twice, and each can be used for ever."""

    def seal(self, id_: str, asked: Asked, /) -> str:
        return sealed(f"{id_}{_SEPARATOR}{asked.request.number}")

    def unseal(self, token: str, _asked: Asked, /) -> str | None:
        return opened(token).partition(_SEPARATOR)[0]


@partial(variant, style=TOKENS)
class OddTokens(Behaviour):
    """Tokens hold characters that mean something elsewhere, and letters of many scripts."""

    def seal(self, id_: str, _asked: Asked, /) -> str:
        return f"{sealed(id_)} +/=%26&?#;\"'<>\\é漢🚀"

    def unseal(self, token: str, _asked: Asked, /) -> str | None:
        known, space, _ = token.partition(" ")
        item = opened(known)
        return item if space and token == f"{self.seal(item, _asked)}" else f"?{token}"


@partial(variant, style=TOKENS)
class LongTokens(Behaviour):
    """Tokens have some two thousand characters."""

    def seal(self, id_: str, _asked: Asked, /) -> str:
        return sealed(f"{id_}{_SEPARATOR}{'x' * _LONG}")

    def unseal(self, token: str, _asked: Asked, /) -> str | None:
        return opened(token).partition(_SEPARATOR)[0]


@partial(variant, style=TOKENS)
class OffsetTokens(Behaviour):
    """Tokens are the number of items that were read, in plain digits."""

    def seal(self, id_: str, asked: Asked, /) -> str:
        whole = self.matching(self.sort(self.permissions(asked), asked), asked)
        return str(next((at for at, each in enumerate(whole, 1) if each.id == id_), 0))

    def unseal(self, token: str, asked: Asked, /) -> str | None:
        if not token.isascii() or not token.isdigit() or len(token) > len(str(_LONG)):
            return f"?{token}"
        read = self.matching(self.sort(self.permissions(asked), asked), asked)[: int(token)]
        return read[-1].id if read else None


@partial(variant, style=TOKENS)
class BoundTokens(Behaviour):
    """A token is refused for another list, order or filter than those that it was given for."""

    def _seal_of(self, asked: Asked) -> str:
        bound = _SEPARATOR.join((asked.checkpoint, asked.order, asked.project_id or ""))
        return sha256(bound.encode()).hexdigest()[:8]

    def seal(self, id_: str, asked: Asked, /) -> str:
        return sealed(f"{id_}{_SEPARATOR}{self._seal_of(asked)}")

    def unseal(self, token: str, asked: Asked, /) -> str | None:
        id_, separator, bound = opened(token).partition(_SEPARATOR)
        if separator and bound != self._seal_of(asked):
            raise self.invalid("after", "The token was given for another query.")
        return id_


@partial(variant, style=TOKENS)
class TokensOfMoments(Behaviour):
    """A token says after which moment and id its page begins, and so leads to that place of any list."""

    def seal(self, id_: str, asked: Asked, /) -> str:
        moment = next((each.created_at for each in self.permissions(asked) if each.id == id_), 0)
        return sealed(f"{moment}{_SEPARATOR}{id_}")

    def unseal(self, token: str, _asked: Asked, /) -> str | None:
        return opened(token)

    def position(self, ordered: Permissions, asked: Asked, /) -> int:
        moment, separator, id_ = (asked.after or "").partition(_SEPARATOR)
        if not separator or not moment.isdigit():
            return super().position(ordered, asked)
        place = int(moment), id_
        passed = [
            (each.created_at, each.id) <= place if asked.ascending else (each.created_at, each.id) >= place
            for each in ordered
        ]
        return sum(passed)


@_tokens(Behaviour.next_token)
def empty_token_at_the_end(self: Behaviour, envelope: object, asked: Asked, /) -> object:
    """At the end of the list the token is an empty text."""
    return Behaviour.next_token(self, envelope, asked) or ""


@_tokens(Behaviour.unknown_after)
def unknown_token_404(self: Behaviour, _ordered: Permissions, _asked: Asked, /) -> int:
    """A token that was never given is answered with 404."""
    refused = self.invalid("after", "No such page.")
    refused.status = 404
    raise refused


@_tokens(Behaviour.unknown_after)
def unknown_token_422(self: Behaviour, _ordered: Permissions, _asked: Asked, /) -> int:
    """A token that was never given is answered with 422."""
    refused = self.invalid("after", "The token can't be read.")
    refused.status = 422
    raise refused


@_tokens(Behaviour.unknown_after)
def unknown_token_ends(_self: Behaviour, ordered: Permissions, _asked: Asked, /) -> int:
    """A token that was never given brings an empty page."""
    return len(ordered)


@partial(variant, style=TOKENS)
class TokensOfNextItems(Behaviour):
    """A token is the id of the item with which the next page begins, and leads there in either order."""

    def seal(self, id_: str, asked: Asked, /) -> str:
        ids = self._ids(asked)
        return ids[ids.index(id_) + 1]

    def unseal(self, token: str, asked: Asked, /) -> str | None:
        ids = self._ids(asked)
        if token not in ids:
            return f"?{token}"
        return ids[ids.index(token) - 1] if ids.index(token) else None

    def _ids(self, asked: Asked) -> list[str]:
        return [each.id for each in self.matching(self.sort(self.permissions(asked), asked), asked)]
