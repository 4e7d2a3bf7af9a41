"""Who asks: what the faults of access tell callers apart by."""

from __future__ import annotations

from contracts.mock.app import Behaviour, Request


def token_of(request: Request) -> str:
    """The last word of the Authorization header, whatever the scheme."""
    return next(iter(" ".join(request.header("authorization")).split()[-1:]), "")


def lets_in(self: Behaviour, request: Request, *, when: bool) -> None:
    """Let a request pass ``when`` that is so, and check its key otherwise."""
    if not when:
        Behaviour.authenticate(self, request)


def is_user(self: Behaviour, request: Request) -> bool:
    """Whether it has the key without admin rights."""
    return Behaviour.credentials(self, request) == self.dataset.user_key


def is_admin(self: Behaviour, request: Request) -> bool:
    """Whether it has the admin key."""
    return Behaviour.credentials(self, request) == self.dataset.admin_key


def is_anonymous(self: Behaviour, request: Request) -> bool:
    """Whether it has no credentials at all."""
    return not self.keys_sent(request)


def has_empty_key(self: Behaviour, request: Request) -> bool:
    """Whether it has credentials without a key in them."""
    if self.shape.key_header:
        return self.keys_sent(request) == [""]
    return [value.strip().lower() for value in request.header("authorization")] == ["bearer"]


def is_unknown(self: Behaviour, request: Request) -> bool:
    """Whether it has a well-formed key that is none of the two."""
    token = Behaviour.credentials(self, request)
    return token is not None and token not in {self.dataset.admin_key, self.dataset.user_key}
