"""Inputs: what the document does not allow, one thing at a time."""

from __future__ import annotations

from collections.abc import Sequence
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
"""Limits that may make a server fail, combined with an unusual facet."""
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
FACETS = (
    f"{{}}{QUOTES}",
    "*",
    f"{{}}%0A{FIELD}",
    f"x%250D%250A{FIELD}",
    f"{{}}{NOT_UTF8}",
    "a" * 8192,
    "__proto__",
)
"""Some stand behind a facet of the list, as some servers take what they can't read for the end of a text. Line breaks
are among them: as they are, in letters that hold one in their low byte, and encoded twice."""
SCOPES = (
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
TIGHT = 40
"""With fewer requests several oddities share one, where its answer tells as much of each."""
WIDE = f"{3 + 2**64 * 10**30}"
"""A number of 50 digits that is 3 once it is cut down to 32 or to 64 bits."""
FEW_LIMITS = (
    "0",
    "1.5",
    "-4294967236",
    WIDE,
    "2147483647",
    "-1",
    "5.0",
    "013",
    "0xA",
    "4294967299",
    "9223372036854775807",
)
FEW_ORDERS, FEW_PATHS = 3, 5
FEW_FACETS = (
    f"{{}}{QUOTES}",
    "*",
    f"{{}}%0A{FIELD}",
    f"{{}}%26x%250D%250A{FIELD}",
    f"{{}}{NOT_UTF8}",
    "x%2F{}",
    "%22{}%22",
    "{}%E2%80%8B",
    ".*",
)
FEW_CURSORS = CURSORS[:4]
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
"""The Accept header of browsers, which some servers answer with error pages."""


def inputs(asking: Asking) -> None:
    """Send values that the document does not allow in each parameter and in the path, the most revealing first.

    What was sent before is left out, so that a later call goes on.
    """
    roles, tight = asking.operation.roles, asking.left < TIGHT
    write = asking.operation.odd_request
    here = asking.operation.written_scope(asking.target.checkpoint)
    known = quote(next(iter(asking.listing.facets), "x"), safe="")
    limits: Sequence[str] = FEW_LIMITS if tight else LIMITS
    facets: Sequence[str] = FEW_FACETS if tight else FACETS
    cursors: Sequence[str] = FEW_CURSORS if tight else CURSORS
    orders = [f"{roles.order}={value}" for value in ORDERS if roles.order]
    numbers = [f"{roles.limit}={value}" for value in limits]
    if tight:
        orders = [*(f"{order}&{_within(asking)}" for order in orders[:1]), *orders[1:FEW_ORDERS]]
    columns = (
        ("limits", numbers[0 if tight else 1 :: 2]),
        ("orders", orders),
        ("limits", numbers[1 if tight else 0 :: 2]),
        ("combined", _together(asking) if tight else _combined(asking)),
        ("facets", [f"{roles.facet}={value.format(known)}" for value in facets if roles.facet]),
        ("cursors", [f"{roles.after}={value}" for value in cursors]),
    )
    marked = write(scope=here, query=f"{roles.limit}={TAG}")
    broken = write(scope=here, query=f"x=%0D%0A{FIELD}")
    paths = [write(scope=scope) for scope in (TAG, *SCOPES) if roles.scope]
    if roles.scope:
        paths[0] = replace(paths[0], accept=BROWSER)
        if tight:
            joined = f"..%2F..%2F{here}", f"{here}:x%0D%0A{FIELD}"
            paths[1:2] = [write(scope=scope) for scope in joined]
    paths[2:2] = [replace(marked, accept=BROWSER), replace(broken, path=f"{broken.path}/")]
    if tight:
        paths = paths[:FEW_PATHS]
    asked = [(part, [write(scope=here, query=query) for query in column]) for part, column in columns]
    wanted = [column for part, column in (*asked, ("paths", paths)) if asking.wants(part)]
    before = {exchange.request for exchange in asking.client.exchanges}
    asking.send_all(each for each in chain.from_iterable(zip_longest(*wanted)) if each not in before)
    if asking.wants("cursors"):
        _take_apart(asking, [write(scope=here, query=f"{roles.after}={value}") for value in ("".join(PIECES), *PIECES)])


def _take_apart(asking: Asking, requests: list[Request]) -> None:
    """Ask for each piece of the first request alone if that was not answered, or with a 5xx."""
    whole, *pieces = requests
    asked = [each for each in asking.evidence.exchanges if each.request.target == whole.target]
    if any(each.failed or each.failure is not None for each in asked):
        asking.send_all(pieces)


def _within(asking: Asking) -> str:
    """A small page of a facet, as a query."""
    facets = asking.listing.facets
    if not facets:
        return f"{asking.operation.roles.limit}=3"
    return asking.operation.query(asking.query(facet=facets[0], limit=3))


def _together(asking: Asking) -> list[str]:
    """What `_combined` and the other columns ask, in a few requests, of which a 5xx is what matters."""
    roles = asking.operation.roles
    filter_ = roles.facet or "x"
    bytes_, doubled, *_ = _combined(asking)
    odd_names = f"unknown_parameter=%zz&unknown_flag{TAG}&&{roles.after}%5B%5D=%&{roles.limit}=ten&{filter_}"
    return [
        bytes_,
        doubled,
        odd_names,
        f"{roles.limit}=%D9%A3&{roles.after}={'9' * 20}&{filter_}=__proto__",
        f"x=%ED%A0%80&{filter_}={CONDITION}",
    ]


def _combined(asking: Asking) -> list[str]:
    roles = asking.operation.roles
    words = asking.operation.order_words
    down, up = (words.get(order, "") for order in (Order.DESCENDING, Order.ASCENDING))
    known = sorted(asking.listing.items)
    cursor = asking.operation.query(asking.query(after=_cursor(asking, known))) if known else f"{roles.after}=x"
    within = _within(asking)
    order, filter_ = roles.order, roles.facet
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
