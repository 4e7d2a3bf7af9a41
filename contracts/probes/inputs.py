"""Inputs: what the document does not allow, one thing at a time."""

from __future__ import annotations

from itertools import zip_longest

from contracts.core.model import Order, Request
from contracts.probes.asking import Asking

# Raw and percent-encoded, as they are put on the wire.
ORDERS = (
    "sideways",
    "asc",
    "desc",
    "ASCENDING",
    "ascendingx",
    "Descending",
    "ascending%2Cdescending",
    "1",
    "descending%27%3B--",
)
LIMITS = (
    "ten",
    "0",
    "-1",
    "10abc",
    "1.5",
    "9" * 400,
    "2147483648",
    "%00",
    "99999999999999999999",
    "null",
    "0x10",
    "%5B%5D",
)
TEXTS = (
    "%00",
    "%27%20OR%20%271%27%3D%271",
    "%FF%FE",
    "%22%27%3B--%3C%3E%5C%60%24%7B%7D%28%29",
    "%F0%9F%9A%80%E2%80%AE%EF%BB%BF",
    "a" * 8192,
    "",
    "%0D%0AX-Injected%3A%201",
    "..%2F..%2Fetc%2Fpasswd",
    "%7B%22%24ne%22%3Anull%7D",
    "*",
)
CHECKPOINTS = (
    "a%2Fb",
    "%00",
    "x" * 1024,
    "%2e%2e",
    "%F0%9F%9A%80%C3%BC",
    "%27%20OR%20%271%27%3D%271",
    "%FF",
    "%20",
    "%25",
    "..%2F..%2Fadmin",
    "a%3Fb%23c",
)


def inputs(asking: Asking) -> None:
    """Ask each parameter, and the path, for what no list has; the most telling first."""
    roles = asking.operation.roles
    path = asking.operation.request(asking.query()).path
    columns = (
        [f"{roles.order}={value}" for value in ORDERS],
        [f"{roles.limit}={value}" for value in LIMITS],
        [f"{roles.after}={value}" for value in TEXTS],
        [f"{roles.project_id}={value}" for value in TEXTS],
        _combined(asking),
    )
    paths = [_path(asking, checkpoint) for checkpoint in CHECKPOINTS]
    for row in zip_longest(*columns, paths):
        *queries, odd_path = row
        for query in queries:
            if query is not None:
                asking.send(Request(path, query))
        if odd_path is not None:
            asking.send(Request(odd_path))


def _combined(asking: Asking) -> list[str]:
    roles = asking.operation.roles
    down, up = (asking.operation.order_words[order] for order in (Order.DESCENDING, Order.ASCENDING))
    known, projects = sorted(asking.listing.items), asking.listing.projects
    cursor = (
        asking.operation.request(asking.query(after=asking.rng.choice(known))).query if known else f"{roles.after}=x"
    )
    within = (
        asking.operation.request(asking.query(project_id=projects[0], limit=3)).query
        if projects
        else f"{roles.limit}=3"
    )
    return [
        f"{roles.limit}=-50&{roles.order}={up}",
        f"{roles.order}=sideways&{within}",
        f"{roles.limit}=ten&{roles.order}={up}",
        f"{roles.order}=sideways&{cursor}",
        f"{roles.limit}=2&{roles.limit}=3",
        f"{roles.order}={down}&{roles.order}={up}",
        f"{cursor}&{cursor}x",
        "unknown_parameter=1&unknown_flag",
        f"{roles.order}=%00&{roles.limit}=%FF",
        f"{roles.project_id}=%zz&{roles.after}=%",
        f"{within}&{roles.project_id}=x",
        f"{roles.project_id}%5B%24ne%5D=x",
        f"{roles.limit}=",
        f"{roles.order}=",
        f"{roles.limit}=-1&{cursor}",
        f"{roles.limit}=0&{roles.order}={up}",
        "%FF=%FF&&=&%00",
    ]


def _path(asking: Asking, checkpoint: str) -> str:
    template = asking.operation.path_template
    return template.replace("{" + asking.operation.roles.checkpoint + "}", checkpoint)
