"""On one operation of each style, each fault is caught by its clause, and no conforming server is flagged."""

from __future__ import annotations

import json

import pytest
from style_matrix import DATA, PAGE, STYLES, Pair, drawn, outcome, page

from contracts.mock.faults import EVERY_FAULT
from contracts.mock.variants import EVERY_VARIANT

ONE_IN = 40


@pytest.mark.parametrize("pair", [pytest.param(each, id=f"{each.style} {each.name}") for each in drawn(ONE_IN)])
def test_a_server_comes_out_as_it_must(pair: Pair) -> None:
    row = json.loads(DATA.read_text(encoding="utf-8"))[pair.style]
    if pair.kind == "variant":
        assert outcome(pair) == ""
    else:
        said = outcome(pair)
        assert said != "missed"
        assert (said == "hidden") is (pair.name in row["hidden"])


def test_every_style_is_written_down() -> None:
    data = json.loads(DATA.read_text(encoding="utf-8"))
    assert list(data) == list(STYLES)
    assert PAGE.read_text(encoding="utf-8") == page(data)
    for row in data.values():
        assert (row["missed"], row["flagged"]) == ([], {})
        assert row["caught"]
        assert {*row["caught"], *row["hidden"]} <= EVERY_FAULT.keys()
        assert {*row["left alone"]} <= EVERY_VARIANT.keys()
