"""What each probe asks: within its share, of lists of any size, and the part that a clause needs."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import pytest

from contracts.core.model import Exchange, Order, Target
from contracts.evidence.reader import Reader
from contracts.mock.server import Server
from contracts.mock.store import seeded
from contracts.openapi.loading import load_operation
from contracts.probes import CONTROL, PROBES, Asking
from contracts.probes.asking import ShareSpent
from contracts.probes.walks import control_walk
from contracts.traffic.client import Client
from contracts.traffic.credentials import CREDENTIALS, available
from contracts.traffic.keys import Keys

OPERATION = load_operation()
HERE = [name for name in PROBES if name not in {"tokens", "backwards"}]
"""The probes that find something to ask on the published operation's usual list."""
ENOUGH = 60


@contextmanager
def asking(*, size: int = 12, parts: Collection[str] | None = None, seed: int = 1) -> Iterator[Asking]:
    """The access of a probe to a right server whose whole list was looked at."""
    with Server(seeded(size=size, projects=max(1, min(3, size)))) as server:
        data = server.dataset
        keys = Keys.of(data.admin_key, data.user_key)
        target = Target(server.base_url, data.checkpoint, data.other_checkpoint, data.empty_checkpoint, user_key=True)
        with Client(server.base_url, keys, budget=300, seed=1) as client:
            rng = random.Random(seed)
            made = Asking(Reader(OPERATION), target, client, rng, available(keys), parts=parts)
            made.begin(CONTROL, 300)
            control_walk(made)
            yield made


def asked(made: Asking, name: str, share: int = ENOUGH) -> list[Exchange]:
    """What a probe asks with such a share."""
    before = len(made.client.exchanges)
    made.begin(name, share)
    with suppress(ShareSpent):
        PROBES[name].ask(made)
    return list(made.client.exchanges[before:])


def of_part(part: str, share: int = ENOUGH) -> tuple[list[Exchange], Asking]:
    with asking(parts={part}) as made:
        return asked(made, part.partition(".")[0], share), made


@pytest.mark.parametrize("share", [0, 1, 9, 40])
@pytest.mark.parametrize("name", HERE)
def test_no_probe_asks_more_than_its_share(name: str, share: int) -> None:
    with asking() as made:
        before = made.client.requests
        exchanges = asked(made, name, share)
        assert made.client.requests - before <= share
    assert {exchange.probe for exchange in exchanges} <= {name}
    # Cases of Schemathesis are drawn where there is room for some.
    assert bool(exchanges) == (share > 0) or name == "generated"


@pytest.mark.parametrize("size", [0, 1, 2])
@pytest.mark.parametrize("name", PROBES)
def test_every_probe_copes_with_a_list_of_any_size(name: str, size: int) -> None:
    with asking(size=size) as made:
        exchanges = asked(made, name)
    assert {exchange.probe for exchange in exchanges} <= {name}
    assert all(exchange.failure is None and not exchange.failed for exchange in exchanges)


def test_walks_see_the_whole_list_in_both_orders() -> None:
    with asking() as made:
        asked(made, "walks")
        ids = {item.id for item in made.listing.items.values()}
        assert len(ids) == 12
        ascending, descending = (made.listing.sequence(order) for order in (Order.ASCENDING, Order.DESCENDING))
    assert list(ascending) == list(reversed(descending))
    assert set(ascending) == ids


# The parts that a clause needs


@pytest.mark.parametrize(
    ("part", "role"), [("orders", "order"), ("limits", "limit"), ("cursors", "after"), ("facets", "facet")]
)
def test_a_wrong_parameter_is_sent_alone(part: str, role: str) -> None:
    exchanges, made = of_part(f"inputs.{part}")
    odd = [made.operation.read(exchange.request).odd for exchange in exchanges]
    assert {name for found in odd for name in found} == {role}
    assert {exchange.request.credential for exchange in exchanges} == {"admin"}


@pytest.mark.parametrize("form", [form for form in CREDENTIALS if form not in {"admin", "none", "unknown", "user"}])
def test_a_credential_is_sent_in_the_form_that_is_needed(form: str) -> None:
    exchanges, _ = of_part(f"access.{form}")
    assert {exchange.request.credential for exchange in exchanges} - {"none", "unknown", "user"} == {form}


def test_strangers_ask_what_the_admin_key_was_just_shown() -> None:
    exchanges, _ = of_part("access.queries", 40)
    admin = [place for place, exchange in enumerate(exchanges) if exchange.request.credential == "admin"]
    assert admin
    for place in admin:
        after = exchanges[place + 1 : place + 4]
        assert {exchange.request.credential for exchange in after} == {"none", "unknown", "user"}
        assert {one.request.query.count("&") for one in after} == {exchanges[place].request.query.count("&")}
        assert {OPERATION.read(one.request).query for one in after} == {OPERATION.read(exchanges[place].request).query}


def test_an_unknown_project_is_none_of_the_list() -> None:
    exchanges, made = of_part("filters.unknown")
    projects = [query.facet for one in exchanges if (query := made.reader.query(one)) is not None]
    assert projects
    assert not set(projects) & {None, *made.listing.facets}


def test_other_lists_are_asked_for_by_their_own_names() -> None:
    for part, name in (("others", "other_checkpoint"), ("empty", "empty_checkpoint")):
        exchanges, made = of_part(f"scope.{part}")
        scopes = {query.scope for one in exchanges if (query := made.reader.query(one)) is not None}
        assert getattr(made.target, name) in scopes


def test_an_encoded_colon_is_the_same_checkpoint() -> None:
    exchanges, made = of_part("scope.encoded")
    encoded = [one for one in exchanges if "%3A" in one.request.path]
    assert encoded
    assert {query.scope for one in encoded if (query := made.reader.query(one))} == {made.target.checkpoint}


def test_a_query_is_written_in_another_order() -> None:
    exchanges, made = of_part("repetition.reordered")
    for one in exchanges:
        same = [
            other
            for other in made.client.exchanges
            if other is not one and made.reader.query(other) == made.reader.query(one)
        ]
        assert same
        assert one.request.query not in {other.request.query for other in same}
    assert exchanges


def test_eight_are_under_way_at_once() -> None:
    exchanges, _ = of_part("repetition.together")
    assert [exchange.concurrent for exchange in exchanges] == [True] * 8


def test_one_of_a_batch_was_asked_alone_before() -> None:
    exchanges, made = of_part("repetition.together")
    alone = {one.request.target for one in made.client.exchanges if one.probe == CONTROL}
    assert alone & {one.request.target for one in exchanges}


@pytest.mark.parametrize("share", [8, 9, 10, 11])
def test_a_batch_in_a_small_share_shows_a_case(share: int) -> None:
    """What strangers asked in it is no case, and neither is their request alone afterwards."""
    for seed in range(12):
        with asking(parts={"repetition.together", "repetition.repeated"}, seed=seed) as made:
            exchanges = asked(made, "repetition", share)
            alone = {one.request.target for one in made.client.exchanges if not one.concurrent}
        together = [one.request for one in exchanges if one.concurrent and one.request.credential == "admin"]
        assert len(together) == 6
        assert alone & {request.target for request in together}


@pytest.mark.parametrize("hurried", [False, True])
def test_where_time_is_short_a_batch_comes_first(hurried: bool) -> None:
    with asking() as made:
        asked(made, "walks")
        made.begin("repetition", ENOUGH, until=time.monotonic() + 600, hurried=hurried)
        begun = len(made.client.exchanges)
        PROBES["repetition"].ask(made)
        batch = [exchange.concurrent for exchange in made.client.exchanges[begun : begun + 8]]
    assert (batch == [True] * 8) is hurried
