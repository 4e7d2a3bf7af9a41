"""Inputs: what the document does not allow, one thing at a time."""

from __future__ import annotations

from itertools import zip_longest

from contracts.core.model import Order
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
    write = asking.operation.odd_request
    here = asking.operation.written_checkpoint(asking.target.checkpoint)
    columns = (
        [f"{roles.order}={value}" for value in ORDERS if roles.order],
        [f"{roles.limit}={value}" for value in LIMITS],
        [f"{roles.after}={value}" for value in TEXTS],
        [f"{roles.project_id}={value}" for value in TEXTS if roles.project_id],
        _combined(asking),
    )
    paths = [write(checkpoint=checkpoint) for checkpoint in CHECKPOINTS if roles.checkpoint]
    requests = []
    for queries, odd_path in zip_longest(zip_longest(*columns), paths, fillvalue=None):
        requests += [write(checkpoint=here, query=query) for query in queries or () if query is not None]
        requests += [odd_path] if odd_path is not None else []
    asking.send_all(requests)


def _combined(asking: Asking) -> list[str]:
    roles = asking.operation.roles
    words = asking.operation.order_words
    down, up = (words.get(order, "") for order in (Order.DESCENDING, Order.ASCENDING))
    known, projects = sorted(asking.listing.items), asking.listing.projects
    cursor = asking.operation.query(asking.query(after=asking.rng.choice(known))) if known else f"{roles.after}=x"
    within = asking.operation.query(asking.query(project_id=projects[0], limit=3)) if projects else f"{roles.limit}=3"
    order, filter_ = roles.order, roles.project_id
    found = [
        (f"{roles.limit}=-50&{order}={up}", order),
        (f"{order}=sideways&{within}", order),
        (f"{roles.limit}=ten&{order}={up}", order),
        (f"{order}=sideways&{cursor}", order),
        (f"{roles.limit}=2&{roles.limit}=3", ...),
        (f"{order}={down}&{order}={up}", order),
        (f"{cursor}&{cursor}x", ...),
        ("unknown_parameter=1&unknown_flag", ...),
        (f"{order}=%00&{roles.limit}=%FF", order),
        (f"{filter_}=%zz&{roles.after}=%", filter_),
        (f"{within}&{filter_}=x", filter_),
        (f"{filter_}%5B%24ne%5D=x", filter_),
        (f"{roles.limit}=", ...),
        (f"{order}=", order),
        (f"{roles.limit}=-1&{cursor}", ...),
        (f"{roles.limit}=0&{order}={up}", order),
        ("%FF=%FF&&=&%00", ...),
    ]
    return [query for query, role in found if role]
