"""Requests, written from queries and read back from their raw text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.core.model import Order, Query, Request
from contracts.openapi.grammar import UNKNOWN_PARAMETERS, Oddity
from contracts.openapi.loading import load_operation

OPERATION = load_operation()
PERMISSIONS = OPERATION.path_template
IDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1)
QUERIES = st.builds(
    Query,
    scope=IDS.filter(lambda text: text not in (".", "..")),
    after=st.none() | IDS,
    limit=st.none() | st.integers(1, 10**18 - 1),
    order=st.none() | st.sampled_from(Order),
    facet=st.none() | IDS,
)


@given(QUERIES, st.booleans())
def test_every_query_is_read_back(query: Query, encode_colon: bool) -> None:
    request = OPERATION.request(query, encode_colon=encode_colon)
    assert re.fullmatch(r"[!-~]*", request.target)
    assert OPERATION.read(request).query == query


@given(QUERIES, st.integers(0, 99))
def test_the_order_of_parameters_is_drawn_and_says_the_same(query: Query, seed: int) -> None:
    request, plain = OPERATION.request(query, seed=seed), OPERATION.request(query)
    assert request == OPERATION.request(query, seed=seed)
    assert sorted(request.query.split("&")) == sorted(plain.query.split("&"))
    assert OPERATION.read(request).query == query


def test_several_orders_of_parameters_are_drawn() -> None:
    queries = [Query("x", after="a", limit=limit, order=Order.ASCENDING, facet="p") for limit in range(1, 100)]
    drawn = {tuple(part[:2] for part in OPERATION.request(each, seed=1).query.split("&")) for each in queries}
    assert len(drawn) == 24


@given(st.text(), st.text())
def test_no_request_breaks_the_reader(path: str, query: str) -> None:
    checkpoint = path.replace("/", "")
    reading = OPERATION.read(Request(OPERATION.request(Query("x")).path.replace("x", checkpoint, 1), query))
    assert reading.query is None or not reading.odd
    assert OPERATION.read(Request(path, query)).query is None


def test_request_is_encoded_as_the_official_clients_do() -> None:
    query = Query("ft:a/b c", after="a&b +é", limit=5, order=Order.ASCENDING, facet="p")
    request = OPERATION.request(query, extra=[("x y", "1&2")], credential="none")
    assert request.path == "/fine_tuning/checkpoints/ft:a%2Fb%20c/permissions"
    assert request.query == "after=a%26b%20%2B%C3%A9&limit=5&order=ascending&project_id=p&x%20y=1%262"
    assert request.credential == "none"
    assert "ft%3Aa" in OPERATION.request(query, encode_colon=True).path
    assert OPERATION.request(Query("x", after="\ud800")).query == "after=%ED%A0%80"


@pytest.mark.parametrize(
    ("query", "odd"),
    [
        *((f"limit={text}", {"limit": {Oddity.NO_INTEGER}}) for text in (
            "1.5", "abc", "[]", "true", "null", "0x10", "1e3", "10abc", "-1.5", "NaN", "%5B5%5D", "%225%22",
        )),
        *((f"limit={text}", {"limit": {Oddity.AMBIGUOUS}}) for text in (
            "%2B5", "%205", "5%20", "5.0", "05", "5_0", "%D9%A5", "-05", "00", "-0", "5,000", "+5",
        )),
        ("limit=0", {"limit": {Oddity.ZERO}}),
        ("limit=-7", {"limit": {Oddity.NEGATIVE}}),
        ("limit=" + "9" * 18, {}),
        ("limit=" + "9" * 19, {"limit": {Oddity.HUGE}}),
        ("limit=", {"limit": {Oddity.EMPTY}}),
        ("limit=5%00", {"limit": {Oddity.CONTROL}}),
        ("limit=5&limit=6", {"limit": {Oddity.REPEATED}}),
        ("order=asc", {"order": {Oddity.OUTSIDE}}),
        ("order=Ascending", {"order": {Oddity.OUTSIDE}}),
        ("order=%20ascending", {"order": {Oddity.AMBIGUOUS}}),
        ("after", {"after": {Oddity.EMPTY}}),
        ("after=a&after=a", {"after": {Oddity.REPEATED}}),
        ("after=%FF", {"after": {Oddity.NOT_UTF8}}),
        ("after=%0D%0A", {"after": {Oddity.CONTROL}}),
        ("after=a+b", {"after": {Oddity.AMBIGUOUS}}),
        ("after=100%", {"after": {Oddity.AMBIGUOUS}}),
        ("project_id=%C2%80", {"facet": {Oddity.CONTROL}}),
        ("Limit=5", {UNKNOWN_PARAMETERS: {Oddity.UNKNOWN}}),
        ("after[]=5&", {UNKNOWN_PARAMETERS: {Oddity.UNKNOWN}}),
        ("%61fter=x&&limit=5&", {}),
    ],
)  # fmt: skip
def test_oddities(query: str, odd: dict[str, set[Oddity]]) -> None:
    reading = OPERATION.read(Request(OPERATION.request(Query("x")).path, query))
    assert dict(reading.odd) == odd
    assert (reading.query is None) == bool(odd)
    assert reading.scope == "x"


@pytest.mark.parametrize(
    ("checkpoint", "decoded", "odd"),
    [
        ("a%3Ab", "a:b", set()),
        ("a+b", "a+b", set()),
        ("", "", {Oddity.EMPTY}),
        ("%2e%2E", "..", {Oddity.AMBIGUOUS}),
        ("%FF", None, {Oddity.NOT_UTF8}),
        ("%00", "\0", {Oddity.CONTROL}),
        ("a/b", None, None),
    ],
)
def test_checkpoint_is_one_segment_of_the_path(checkpoint: str, decoded: str | None, odd: set[Oddity] | None) -> None:
    reading = OPERATION.read(Request(f"/fine_tuning/checkpoints/{checkpoint}/permissions"))
    assert reading.scope == decoded
    assert dict(reading.odd) == ({"scope": odd} if odd else {})
    assert (reading.query is not None) == (odd == set())


@pytest.mark.parametrize(
    "path", ["", "/", "/fine_tuning/checkpoints/permissions", PERMISSIONS + "/", "/x" + PERMISSIONS]
)
def test_another_path_is_not_the_operation(path: str) -> None:
    reading = OPERATION.read(Request(path, "limit=0"))
    assert (reading.query, reading.scope) == (None, None)
    assert reading.values == {"limit": ("0",)}
