"""Servers whose tokens are wrong (clauses TOK). They show on lists whose cursors are tokens."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from contracts.mock.app import Asked, Behaviour, Refused, Request, Response
from contracts.mock.faults.declare import fault, replaces
from contracts.mock.shape import TOKENS, opened, sealed
from contracts.mock.store import Permission, Permissions

_of_tokens = partial(replaces, style=TOKENS)
_wrong = partial(fault, style=TOKENS)
_FAR = 30
_SEPARATOR = "\n"
_BEGINNING = 5


def _read(token: str) -> tuple[str, str | None]:
    """The item behind which a token stands, and what it says beside that; ``None`` for what is no token."""
    item = opened(token)
    if _unknown(item):
        return item, None
    id_, _, mark = item.partition(_SEPARATOR)
    return id_, mark


def _unknown(item: str | None) -> bool:
    return item is not None and item.startswith("?")


# --- whether there is one


@_of_tokens(Behaviour.next_token, "TOK-001")
def no_token_given(_self: Behaviour, _envelope: object, _asked: Asked, /) -> object:
    """No page gives a token, whatever follows."""
    return None


@_of_tokens(Behaviour.next_token, "TOK-001")
def token_missing_far_in(self: Behaviour, envelope: object, asked: Asked, /) -> object:
    """From the thirtieth item on no page gives a token, whatever follows."""
    token = Behaviour.next_token(self, envelope, asked)
    whole = self.sort(self.permissions(asked), asked)
    at = next((at for at, each in enumerate(whole) if each.id == opened(str(token))), 0)
    return None if at >= _FAR else token


@_of_tokens(Behaviour.next_token, "TOK-001")
def token_at_the_end(self: Behaviour, envelope: object, asked: Asked, /) -> object:
    """The last page gives a token too."""
    last = envelope.get("last_id") if isinstance(envelope, dict) else None
    return self.seal(last, asked) if isinstance(last, str) else None


# --- where it leads


@_of_tokens(Behaviour.page, "TOK-002")
def token_ignored(self: Behaviour, asked: Asked, /) -> Response:
    """A token is ignored: its page is the first one of the list."""
    return Behaviour.page(self, replace(asked, after=None))


@_of_tokens(Behaviour.position, "TOK-002")
def token_repeats_the_last_item(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The page of a token begins with the last item of the page that gave it."""
    return max(0, Behaviour.position(self, ordered, asked) - 1)


@_of_tokens(Behaviour.position, "TOK-002")
def token_skips_an_item(self: Behaviour, ordered: Permissions, asked: Asked, /) -> int:
    """The page of a token lacks the item that follows the page that gave it."""
    at = Behaviour.position(self, ordered, asked)
    return at + 1 if at else 0


@_of_tokens(Behaviour.rest, "TOK-002")
def token_by_time(self: Behaviour, asked: Asked, /) -> list[Permission]:
    """The page of a token lacks what has the same second as the last item of the page that gave it."""
    moment = next((each.created_at for each in self.permissions(asked) if each.id == asked.after), None)
    return [each for each in Behaviour.rest(self, asked) if each.created_at != moment]


@_of_tokens(Behaviour.seal, "TOK-003")
def token_of_the_first_page(self: Behaviour, id_: str, asked: Asked, /) -> str:
    """Every page gives the token of the first one."""
    whole = self.matching(self.sort(self.permissions(asked), asked), asked)
    return Behaviour.seal(self, whole[: asked.limit][-1].id if whole else id_, asked)


@_of_tokens(Behaviour.next_token, "TOK-003")
def token_of_its_own_page(self: Behaviour, envelope: object, asked: Asked, /) -> object:
    """A page that a token brings gives that token again."""
    token = Behaviour.next_token(self, envelope, asked)
    return self.seal(asked.after, asked) if token is not None and asked.after is not None else token


@_wrong("TOK-003")
class OneTokenForAllPages(Behaviour):
    """All pages give one token, and the server remembers how far it was read."""

    def seal(self, id_: str, asked: Asked, /) -> str:
        self.memory[asked.checkpoint, asked.order, asked.project_id] = id_
        return sealed("scroll")

    def unseal(self, token: str, asked: Asked, /) -> str | None:
        if opened(token) != "scroll":
            return f"?{token}"
        return str(self.memory.get((asked.checkpoint, asked.order, asked.project_id), "?"))


@_wrong("TOK-004")
class TokenBringsTheNextPage(Behaviour):
    """A token that is used again brings the page after the one that it brought before."""

    def position(self, ordered: Permissions, asked: Asked, /) -> int:
        at = super().position(ordered, asked)
        if asked.after is None:
            return at
        place = asked.checkpoint, asked.order, asked.project_id, asked.after
        times: int = self.memory.get(place, -1) + 1
        self.memory[place] = times
        return at + times * asked.limit


@_wrong("TOK-004")
class TokenWorksOnce(Behaviour):
    """A token is refused when it is used again."""

    def seal(self, id_: str, asked: Asked, /) -> str:
        return sealed(f"{id_}{_SEPARATOR}{asked.request.number}")

    def unseal(self, token: str, _asked: Asked, /) -> str | None:
        if token in self.memory:
            raise self.invalid("after", "The token was used before.")
        self.memory[token] = True
        return _read(token)[0]


# --- with another page size


@_wrong("TOK-005")
class PageNumbersAsTokens(Behaviour):
    """Tokens are page numbers, which mean another place with another page size."""

    def _whole(self, asked: Asked) -> list[Permission]:
        return self.matching(self.sort(self.permissions(asked), asked), asked)

    def seal(self, id_: str, asked: Asked, /) -> str:
        at = next((at for at, each in enumerate(self._whole(asked)) if each.id == id_), 0)
        return sealed(f"page {-(-(at + 1) // asked.limit)}")

    def unseal(self, token: str, asked: Asked, /) -> str | None:
        word, _, number = opened(token).partition(" ")
        if word != "page":
            return f"?{token}"
        read = self._whole(asked)[: int(number) * asked.limit]
        return read[-1].id if read else "?"


@_wrong("TOK-005")
class TokenKeepsItsLimit(Behaviour):
    """The page of a token has the size of the page that gave it, whatever was asked for."""

    def seal(self, id_: str, asked: Asked, /) -> str:
        return sealed(f"{id_}{_SEPARATOR}{asked.limit}")

    def unseal(self, token: str, asked: Asked, /) -> str | None:
        id_, limit = _read(token)
        if limit:
            self.memory[asked.request.number] = int(limit)
        return id_

    def page(self, asked: Asked, /) -> Response:
        return super().page(replace(asked, limit=self.memory.pop(asked.request.number, asked.limit)))


@_wrong("TOK-005")
class TokenRefusesAnotherLimit(Behaviour):
    """A token is refused with another page size than that of the page that gave it."""

    def seal(self, id_: str, asked: Asked, /) -> str:
        return sealed(f"{id_}{_SEPARATOR}{asked.limit}")

    def unseal(self, token: str, asked: Asked, /) -> str | None:
        id_, limit = _read(token)
        if limit and int(limit) != asked.limit:
            raise self.invalid("limit", "The token was given for another limit.")
        return id_


# --- what it opens


@_wrong("TOK-006")
class TokenNamesItsList(Behaviour):
    """A token says which list it is of, whatever the path says."""

    def seal(self, id_: str, asked: Asked, /) -> str:
        return sealed(f"{id_}{_SEPARATOR}{asked.checkpoint}")

    def unseal(self, token: str, asked: Asked, /) -> str | None:
        id_, checkpoint = _read(token)
        self.memory[asked.request.number] = checkpoint
        return id_

    def page(self, asked: Asked, /) -> Response:
        return super().page(replace(asked, checkpoint=self.memory.pop(asked.request.number, None) or asked.checkpoint))


@_of_tokens(Behaviour.authenticate, "TOK-006")
def token_without_a_key(self: Behaviour, request: Request, /) -> None:
    """Who has a token needs no key."""
    if f"{self.shape.names['after']}=" not in request.query:
        Behaviour.authenticate(self, request)


@_of_tokens(Behaviour.unseal, "TOK-007")
def tampered_token_crashes(_self: Behaviour, token: str, _asked: Asked, /) -> str | None:
    """A token that can't be read is answered with 500."""
    item = opened(token)
    if _unknown(item):
        raise Refused(500, "The server had an error.", code="server_error")
    return item


@_wrong("TOK-007")
class TokenKeepsItsFilter(Behaviour):
    """The page of a token is filtered as the page that gave it, whatever is asked for."""

    def seal(self, id_: str, asked: Asked, /) -> str:
        return sealed(f"{id_}{_SEPARATOR}{asked.project_id or ''}")

    def unseal(self, token: str, asked: Asked, /) -> str | None:
        id_, project = _read(token)
        if project is not None:
            self.memory[asked.request.number] = project or None
        return id_

    def page(self, asked: Asked, /) -> Response:
        return super().page(replace(asked, project_id=self.memory.pop(asked.request.number, asked.project_id)))


@_wrong("TOK-007")
class TokenOfAnotherFilterCrashes(Behaviour):
    """A token is answered with 500 under another filter than that of the page that gave it."""

    def seal(self, id_: str, asked: Asked, /) -> str:
        return sealed(f"{id_}{_SEPARATOR}{asked.project_id or ''}")

    def unseal(self, token: str, asked: Asked, /) -> str | None:
        id_, project = _read(token)
        if project is not None and project != (asked.project_id or ""):
            raise Refused(500, "The server had an error.", code="server_error")
        return id_


@_of_tokens(Behaviour.unseal, "TOK-008")
def tampered_token_restarts(_self: Behaviour, token: str, _asked: Asked, /) -> str | None:
    """A token that can't be read is answered with the first page."""
    item = opened(token)
    return None if _unknown(item) else item


@_of_tokens(Behaviour.unseal, "TOK-008")
def cut_token_restarts(_self: Behaviour, token: str, _asked: Asked, /) -> str | None:
    """What only begins as a token does is answered with the first page."""
    item = opened(token)
    return None if _unknown(item) and token.startswith(sealed("")[:_BEGINNING]) else item
