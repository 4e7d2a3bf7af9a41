"""Inputs: what the document does not allow, one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, zip_longest
from urllib.parse import quote

from contracts.core.model import Order, Request
from contracts.probes.asking import Asking

TAG = "%3Ci%3Econtracts%3C%2Fi%3E"
"""Markup, which an error must not repeat unescaped."""
FIELD = "X-Injected:%201"
"""A header, which must not become one of the answer."""

# Raw and percent-encoded, as they are sent.
ORDERS = (
    f"sideways{TAG}",
    "ASCENDING",
    "descending%27%3B--",
    "asc",
    f"descending%0D%0A{FIELD}",
    "ascending%2Cdescending",
    "desc",
)
LIMITS = (
    "ten",
    "0",
    "-4294967236",
    "1.5",
    "18446744073709551619",
    "2147483647",
    "-1",
    "5.0",
    "9223372036854775807",
    "4294967299",
    "0xA",
    "9" * 400,
    f"5{TAG}",
    "%2B5",
    "1e1",
    "013",
    "5%20",
    "%5B%5D",
    "%00",
)
"""Among them the edges of 32 and 64 bits, and numbers that are small ones once they are cut down to as many."""
EDGES = ("2147483646", "%D9%A3", "9223372036854775808", "2147483648")
"""Limits that may make a server fail, combined with an unusual project."""
QUOTES = "%27%20OR%20%271%27%3D%271"
MARKED = f"%22%27%3B--{TAG}%5C%60%24%7B%7D%28%29"
PATTERN = "%5B%28%2A%2B%3F%5E%7C~%7B%7B7%2A7%7D%7D"
"""What is no regular expression, no pattern and no template: nothing that is opened is closed."""
LETTERS = "%F0%9F%9A%80%E2%80%AE%EF%BB%BF%EF%BF%BF"
NOT_UTF8 = "%FF%FE%ED%A0%80"
"""Bytes that no UTF-8 has, and half of a surrogate pair."""
CONDITION = "%7B%22%24ne%22%3Anull%7D"
STEPS = "..%2F..%2Fetc%2Fpasswd"
TEXTS = (LETTERS, CONDITION, MARKED, STEPS)
PIECES = (QUOTES, MARKED, PATTERN, LETTERS)
"""Asked for one by one where all of them together bring no answer, so that the finding names which of them does."""
CURSORS = (
    f"x%0D%0A{FIELD}",
    "a" * 8192,
    "".join(PIECES),
    f"x%E5%98%8D%E5%98%8A{FIELD}",
    "%00",
    "9" * 20,
    NOT_UTF8,
    CONDITION,
    STEPS,
)
PROJECTS = (
    f"{{}}{QUOTES}",
    "*",
    f"{{}}%0A{FIELD}",
    f"x%250D%250A{FIELD}",
    f"{{}}{NOT_UTF8}",
    "a" * 8192,
    "__proto__",
)
"""Some stand behind a project of the list, as some servers take what they can't read for the end of a text. Line breaks
are among them: as they are, in letters that hold one in their low byte, and encoded twice."""
CHECKPOINTS = (
    "..%2F..%2Fadmin",
    "%00",
    "%FF",
    f"x%0D%0A{FIELD}",
    "a%2Fb",
    "..%2F..%2Fadmin%00",
    "x" * 1024,
    "%2e%2e",
    "%F0%9F%9A%80%C3%BC",
    "%27%20OR%20%271%27%3D%271",
    "%20",
    "%25%3Ci%3Econtracts",
    "a%3Fb%23c",
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
"""The Accept header of browsers, which some servers answer with error pages."""


def inputs(asking: Asking) -> None:
    """Send values that the document does not allow in each parameter and in the path, the most revealing first."""
    roles = asking.operation.roles
    write = asking.operation.odd_request
    here = asking.operation.written_checkpoint(asking.target.checkpoint)
    known = quote(next(iter(asking.listing.projects), "x"), safe="")
    columns = (
        ("limits", [f"{roles.limit}={value}" for value in LIMITS[1::2]]),
        ("orders", [f"{roles.order}={value}" for value in ORDERS if roles.order]),
        ("limits", [f"{roles.limit}={value}" for value in LIMITS[::2]]),
        ("combined", _combined(asking)),
        ("projects", [f"{roles.project_id}={value.format(known)}" for value in PROJECTS if roles.project_id]),
        ("cursors", [f"{roles.after}={value}" for value in CURSORS]),
    )
    marked = write(checkpoint=here, query=f"{roles.limit}={TAG}")
    broken = write(checkpoint=here, query=f"x=%0D%0A{FIELD}")
    paths = [write(checkpoint=checkpoint) for checkpoint in (TAG, *CHECKPOINTS) if roles.checkpoint]
    if roles.checkpoint:
        paths[0] = replace(paths[0], accept=BROWSER)
    paths[2:2] = [replace(marked, accept=BROWSER), replace(broken, path=f"{broken.path}/")]
    asked = [(part, [write(checkpoint=here, query=query) for query in column]) for part, column in columns]
    wanted = [column for part, column in (*asked, ("paths", paths)) if asking.wants(part)]
    asking.send_all(chain.from_iterable(zip_longest(*wanted)))
    if asking.wants("cursors"):
        _take_apart(
            asking, [write(checkpoint=here, query=f"{roles.after}={value}") for value in ("".join(PIECES), *PIECES)]
        )


def _take_apart(asking: Asking, requests: list[Request]) -> None:
    """Ask for each piece of the first request alone if that was not answered, or with a 5xx."""
    whole, *pieces = requests
    asked = [each for each in asking.evidence.exchanges if each.request.target == whole.target]
    if any(each.failed or each.failure is not None for each in asked):
        asking.send_all(pieces)


def _combined(asking: Asking) -> list[str]:
    roles = asking.operation.roles
    words = asking.operation.order_words
    down, up = (words.get(order, "") for order in (Order.DESCENDING, Order.ASCENDING))
    known, projects = sorted(asking.listing.items), asking.listing.projects
    cursor = asking.operation.query(asking.query(after=_cursor(asking, known))) if known else f"{roles.after}=x"
    within = asking.operation.query(asking.query(project_id=projects[0], limit=3)) if projects else f"{roles.limit}=3"
    order, filter_ = roles.order, roles.project_id
    doubled = f"&{order}={down}&{order}={up}" if order else ""
    beside = [(f"{roles.limit}={limit}&{filter_}={text}", filter_) for limit, text in zip(EDGES, TEXTS, strict=True)]
    found = [
        (f"{order}=%00&{roles.limit}=%FF", order),
        (f"{roles.limit}=2&{roles.limit}=3{doubled}", ...),
        *beside[1:2],
        (f"unknown_parameter=1&unknown_flag{TAG}&&{roles.after}%5B%5D=x&{filter_ or 'x'}", ...),
        (f"{order}=sideways&{within}", order),
        *beside[:1],
        *beside[2:],
        (f"{filter_ or 'x'}=%zz&{roles.after}=%", ...),
        (f"{roles.after}=&{filter_ or 'x'}=", ...),
        (f"{cursor}&{cursor}x", ...),
        (f"{roles.limit}=-50&{order}={up}", order),
        (f"{within}&{filter_}=x", filter_),
        (f"{order}=sideways&{cursor}", order),
        (f"{roles.limit}=ten&{order}={up}", order),
        (f"{filter_}%5B%24ne%5D=x", filter_),
        (f"{roles.limit}=", ...),
        (f"{order}=", order),
        (f"{roles.limit}=-1&{cursor}", ...),
        (f"{roles.limit}=0&{order}={up}", order),
        ("%FF=%FF&&=&%00", ...),
    ]
    return [query for query, role in found if role]


def _cursor(asking: Asking, known: list[str]) -> str:
    """A valid cursor: an item of the list, or a token that was given."""
    chosen = asking.rng.choice(known)
    if not asking.reader.opaque:
        return chosen
    return next((page.token for page in asking.evidence.pages if page.token is not None), chosen)
