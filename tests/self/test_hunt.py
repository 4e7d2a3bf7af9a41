"""A bounded part of the hunt for false alarms and for misses; `hunting` describes what is drawn.

HUNT=1000, which ``tox -e hunt`` sets, tries as many of each, other ones each time.
"""

from __future__ import annotations

import copy
import json
import os
from dataclasses import replace
from typing import Any

import pytest
from hunting import (
    POLICIES,
    Change,
    Data,
    Right,
    Wrong,
    apart,
    differs,
    flagged,
    missed,
    noticed,
    of_any_list,
    rights,
    wrongs,
)
from hypothesis import HealthCheck, Phase, given, settings
from listed import ARRAY, TEXT, document, parameter
from profiles import NULLABLE, Described

from contracts.mock.app import Behaviour
from contracts.mock.faults import FAULTS
from contracts.mock.server import Server
from contracts.runs.selftest import show

EXAMPLES = int(os.environ.get("HUNT", "12"))
BOUNDED = settings(
    max_examples=EXAMPLES,
    derandomize="HUNT" not in os.environ,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@BOUNDED
@given(rights())
def test_no_conforming_server_is_flagged(right: Right) -> None:
    assert apart(flagged, right) == (), repr(right)


@settings(BOUNDED, max_examples=-(-EXAMPLES // 2))
@given(of_any_list())
def test_no_conforming_server_of_any_list_is_flagged(right: Right) -> None:
    assert apart(flagged, right) == (), repr(right)


@BOUNDED
@given(wrongs())
def test_no_fault_is_missed(wrong: Wrong) -> None:
    assert apart(missed, wrong) == (), repr(wrong)


# What was found once


DATED = {"created_at": {"type": "integer"}}
NAMED = {"id": TEXT, "name": TEXT, "status": TEXT, "kind": {"type": "string", "enum": ["small", "middle", "large"]}}
FURTHER = [parameter("status"), parameter("kind", enum=["small", "middle", "large"])]
PARENT = "/shelves/{shelf_id}/things"


def described(data: dict[str, Any]) -> Described:
    """The list of a document."""
    return Described(json.dumps(data))


@pytest.mark.parametrize(
    "right",
    [
        pytest.param(
            Right(
                data=Data(size=15, projects=2, seed=3069, tied=5),
                change=Change(every=15, gains=2, loses=2, anywhere=True, outliving=False, fewest=25),
                seed=17348,
                described=described(
                    document(
                        "/things",
                        [parameter("page"), parameter("order", enum=["asc", "desc"], default="asc")],
                        {"next_page": NULLABLE, "has_more": {"type": "boolean"}},
                        DATED,
                    )
                ),
            ),
            id="items without ids of which one comes that is like another",
        ),
        pytest.param(
            Right(
                data=Data(size=0, projects=1, seed=1),
                change=Change(every=1, gains=1, loses=1, anywhere=False, outliving=False, fewest=0),
                seed=0,
                described=described(copy.deepcopy(ARRAY)),
            ),
            id="a list of one item that is another one each time",
        ),
        pytest.param(
            Right(
                ("above-cap-default",),
                Data(size=96, projects=1, seed=3037, tied=5),
                seed=96,
                described=described(
                    document(PARENT, [parameter("after")], {"has_more": {"type": "boolean"}}, {"id": TEXT})
                ),
            ),
            id="a page of a default size that no document names",
        ),
        pytest.param(
            Right(
                ("above-cap-default",),
                Data(size=7, projects=5, seed=2),
                Change(every=1, gains=2, loses=2, anywhere=True, outliving=True, fewest=25),
                seed=253,
                described=described(
                    document(
                        "/rooms/{room_id}/shelves/{shelf_id}/things",
                        [
                            parameter("page"),
                            parameter("previous_page"),
                            parameter("order", description="Sorted by `created_at`.", enum=["asc", "desc"]),
                            parameter("status"),
                        ],
                        {"next_page": NULLABLE, "previous_page": NULLABLE},
                        {"id": TEXT, "status": TEXT, "created_at": DATED["created_at"]},
                    )
                ),
            ),
            id="a page of a default size on a list that changes with every request",
        ),
        pytest.param(
            Right(
                ("strangers-find-nothing",),
                Data(size=400, projects=5, seed=473, tied=1000),
                Change(every=23, gains=5, loses=1, anywhere=True, outliving=False, fewest=25),
                seed=152,
                described=described(
                    document(
                        PARENT,
                        [
                            parameter("after"),
                            parameter("order", enum=["asc", "desc"], description="The order."),
                            *FURTHER,
                        ],
                        {"has_more": {"type": "boolean"}},
                        NAMED,
                    )
                ),
            ),
            id="the order of a page from which a filter leaves out items",
        ),
        pytest.param(
            Right(("state-that-changes-once", "more-properties")),
            id="properties that the document has already",
        ),
        pytest.param(
            Right(("parameters-before-credentials", "limit-above-50-refused"), Data(size=1, projects=1)),
            id="limits refused before credentials",
        ),
        pytest.param(
            Right(
                ("throttled-when-together",),
                Data(size=15, projects=1, seed=206),
                Change(every=10, gains=0, loses=2, fewest=5),
                seed=32830,
                budget=81,
            ),
            id="a budget that waits have used up on a list that changes",
        ),
        pytest.param(
            Right(
                ("unknown-project-400",),
                Data(size=3, projects=5, seed=1596575),
                Change(every=47, gains=0, loses=5, fewest=0),
                seed=4767,
            ),
            id="a project that goes away where unknown projects are refused",
        ),
        pytest.param(
            Right(
                ("unknown-project-400",),
                Data(size=10, projects=27, seed=3414, tied=11),
                Change(every=80, gains=1, loses=5, anywhere=True, fewest=0),
                seed=4294967296,
                budget=252,
            ),
            id="projects that come and go",
        ),
        pytest.param(
            Right((), Data(size=0, projects=1), Change(every=1, gains=5, loses=5), seed=1),
            id="a list that begins empty and changes all the time",
        ),
        pytest.param(
            Right(
                ("cursor-in-filtered-list", "ties-not-mirrored", "cursor-of-other-list-by-time"),
                Data(79, 4, 79, 5, "hashes", "hashes", "ft:gpt-4o:acme::B7R9:ckpt-step-200"),
                seed=11051205,
            ),
            id="a cursor of another project that is taken for its second",
        ),
        pytest.param(
            Right(
                (),
                Data(99, 26, 117, 0, "quotes", "quotes", "ft:gpt-4o:acme::B7R9:ckpt-step-200"),
                Change(1, gains=5, loses=5, anywhere=True, outliving=True, fewest=0),
                seed=117,
                budget=227,
            ),
            id="projects that change with every request",
        ),
        pytest.param(
            Right(
                ("all-refused-403", "wrong-parameters-422", "unknown-after-422", "cursor-of-other-list-by-time"),
                Data(21, 3, 2048, 5, "percents", "percents", "ft:gpt-4o:acme::B7R9:ckpt-step-200"),
                Change(7, anywhere=True, outliving=True, fewest=0),
                seed=60,
            ),
            id="cursors that outlive their item",
        ),
    ],
)
def test_a_server_that_was_flagged_once_is_not_any_more(right: Right) -> None:
    assert flagged(right) == ()


# What hunts


class Pretended(Right):
    """A server that is taken for a right one and has a fault."""

    def behaviour(self) -> type[Behaviour]:
        return FAULTS["default-of-20"].wrong


def test_a_hunt_finds_what_is_wrong() -> None:
    assert flagged(Pretended(data=Data(size=45))) == ("PAG-002 broken", "exit code 1")
    shown = show(Server())
    assert not noticed(Wrong("default-of-20"), shown)
    assert not noticed(Wrong("errors-as-text"), shown)
    assert noticed(Wrong("default-of-20"), replace(shown, broken=frozenset({"PAG-003"}), exit_code=1))
    assert noticed(Wrong("errors-as-text"), replace(shown, warned=frozenset({"INP-007"})))


def test_a_hunt_finds_an_error_of_the_suite_itself_and_goes_on() -> None:
    def fails(_: object) -> tuple[str, ...]:
        raise KeyError("it")

    (said,) = apart(fails, None)
    assert "KeyError: 'it'" in said


def test_a_hunt_takes_what_is_declared() -> None:
    right = Right(("unknown-after-begins-again", "errors-as-text"), Data(size=12))
    of_tokens = {"TOK-008"}
    assert right.warns == {"PAG-024", "INP-007"} | of_tokens
    assert show(Server(right.data.dataset(), right.behaviour()())).warned == right.warns - of_tokens
    assert flagged(right) == ()


def test_a_fault_without_a_place_is_distinguished_from_a_miss() -> None:
    small = Data(size=45)
    assert differs(Wrong("one-too-many-later", Right(data=small)))
    assert differs(Wrong("everything-at-once-overlapping", Right(data=small)))
    large = next(name for name, fault in FAULTS.items() if fault.where is not None and fault.where.name == "large-page")
    assert differs(Wrong(large, Right(data=small)))
    assert not differs(Wrong(large, Right(("limit-above-10-refused",), small)))


def test_policies_can_be_combined() -> None:
    behaviour = Right(POLICIES[:: len(POLICIES) // 8], change=Change(7)).behaviour()
    assert behaviour.__mro__[1].__name__ == "Moving"
