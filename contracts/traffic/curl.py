"""Commands that ask a request again by hand, with the variable in the place of the key."""

from __future__ import annotations

import re
import shlex

from contracts.core.model import JSON_MEDIA_TYPE, Request, Target
from contracts.traffic.credentials import CREDENTIALS
from contracts.traffic.pool import REVALIDATE


def curl(target: Target, request: Request, *, follow: bool = False) -> str:
    """One line for a POSIX shell that sends the request as it was sent.

    The target is quoted whole, and curl neither normalises the path (``--path-as-is``) nor expands brackets
    and braces (``-g``). ``follow`` lets it follow redirects.
    """
    return f"curl {_arguments(target, request, follow=follow)}"


def on_one_connection(target: Target, *requests: Request) -> str:
    """One line that sends requests one after another on the same connection, and shows the last answer."""
    *first, last = (_arguments(target, request) for request in requests)
    return f"curl {''.join(f'{each} -o /dev/null --next ' for each in first)}{last}"


def at_once(target: Target, shown: Request, *others: Request) -> str:
    """One line that sends requests with the same credentials at the same time, and shows the answer to the first."""
    base = target.base_url.strip().rstrip("/")
    beside = "".join(f" -o /dev/null {shlex.quote(base + each.target)}" for each in others)
    return f"curl -Z --parallel-immediate --no-progress-meter -o - {_arguments(target, shown)}{beside}"


def _arguments(target: Target, request: Request, *, follow: bool = False) -> str:
    options = CREDENTIALS[request.credential].curl
    if target.key_header:
        options = re.sub("Authorization: (Bearer )?", f"{target.key_header}: ", options)
        # How curl writes a header without a value.
        options = options.replace(f'"{target.key_header}: "', f'"{target.key_header};"')
    words = ["-gsSL" if follow else "-gsS", "--path-as-is", *target.curl, *([options] if options else [])]
    if request.accept != JSON_MEDIA_TYPE:
        words.append(f"-H {shlex.quote(f'Accept: {request.accept}' if request.accept is not None else 'Accept:')}")
    if request.fresh:
        words.append(f"-H {shlex.quote(': '.join(REVALIDATE))}")
    return f"{' '.join(words)} {shlex.quote(target.base_url.strip().rstrip('/') + request.target)}"
