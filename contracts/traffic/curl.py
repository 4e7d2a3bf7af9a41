"""Commands that ask a request again by hand, with the variable in the place of the key."""

from __future__ import annotations

import shlex

from contracts.core.model import JSON_MEDIA_TYPE, Request, Target
from contracts.traffic.credentials import CREDENTIALS
from contracts.traffic.wire import REVALIDATE


def curl(target: Target, request: Request) -> str:
    """One line for a POSIX shell that sends the request as it was sent.

    The target is quoted whole, and curl neither normalises the path (``--path-as-is``) nor expands brackets
    and braces (``-g``).
    """
    options = CREDENTIALS[request.credential].curl
    words = ["curl", "-gsS", "--path-as-is", *target.curl, *([options] if options else [])]
    if request.accept != JSON_MEDIA_TYPE:
        words.append(f"-H {shlex.quote(f'Accept: {request.accept}' if request.accept is not None else 'Accept:')}")
    if request.fresh:
        words.append(f"-H {shlex.quote(': '.join(REVALIDATE))}")
    return f"{' '.join(words)} {shlex.quote(target.base_url.strip().rstrip('/') + request.target)}"
