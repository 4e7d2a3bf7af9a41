"""A bounded part of the fuzzing of all readers; `fuzzing` describes what is read and how inputs are made.

FUZZ=1000, which ``tox -e fuzz`` sets, tries as many inputs of each reader, other ones each time.
"""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fuzzing import BY_NAME, NEXT, READS, Reads, Tally, chance, changed, found
from histories import History, permissions, query
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts.core.errors import ConfigurationError
from contracts.core.model import Order
from contracts.reports.sheet import wrap

EXAMPLES = int(os.environ.get("FUZZ", "0"))
COSTLY = {
    "recordings": 12,
    "recordings of others": 12,
    "documents drawn from": 8,
    "runs": 2,
    "key files": 20,
    "answers": 25,
}
"""Readers that take longer for an input, and how many they are given in every run of the tests."""
USUAL = 50


def apart(reads: Reads, data: bytes) -> str:
    """What is wrong with how an input is read, in a thread of its own: some readers draw from Hypothesis themselves."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(found, reads, data).result()


@pytest.mark.parametrize("reads", READS, ids=lambda reads: reads.name)
def test_samples_are_read(reads: Reads) -> None:
    samples = reads.samples()
    assert samples
    for sample in samples:
        assert apart(reads, sample) == ""


@pytest.mark.parametrize("reads", READS, ids=lambda reads: reads.name)
def test_nothing_but_errors_of_the_suite_comes_out(reads: Reads) -> None:
    samples = reads.samples()

    @settings(
        max_examples=EXAMPLES or COSTLY.get(reads.name, USUAL),
        derandomize=not EXAMPLES,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def one(data: st.DataObject) -> None:
        def choose(below: int) -> int:
            return data.draw(st.integers(0, below - 1))

        given_ = changed(reads, samples[choose(len(samples))], choose)
        assert apart(reads, given_) == "", given_[:2000]

    one()


# What was found once

Input = bytes | Callable[[], bytes]


def _document(change: Callable[[dict[str, Any]], None]) -> bytes:
    document: dict[str, Any] = json.loads(BY_NAME["documents"].samples()[1])
    change(document)
    return json.dumps(document).encode()


def _id(document: dict[str, Any], schema: object) -> None:
    document["components"]["schemas"]["FineTuningCheckpointPermission"]["properties"]["id"] = schema


def _nested(levels: int) -> object:
    schema: object = {"type": "string"}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


def _recording(old: str, new: str, *, of: str = "recordings") -> bytes:
    sample = BY_NAME[of].samples()[0].decode()
    assert old in sample
    return sample.replace(old, new).encode()


@pytest.mark.parametrize(
    ("reads", "data"),
    [
        pytest.param("options and variables", b"key_file=~nobody-of-this-name/key", id="the home of an unknown user"),
        pytest.param("options and variables", b"spec=" + b"a" * 5000, id="a file name that is too long"),
        pytest.param("options and variables", b"seed=" + b"9" * 100_000, id="an option of 100,000 digits"),
        pytest.param("options and variables", b"CONTRACTS_" + b"A" * 100_000 + b"=1", id="a long name of a variable"),
        pytest.param("options and variables", b"gate=" + b"b" * 100_000, id="a long level"),
        pytest.param(
            "configuration files", b"junit = '~nobody-of-this-name/x.xml'", id="the home of an unknown user in a file"
        ),
        pytest.param("configuration files", b"requests = " + b"9" * 4000, id="a number of 4000 digits in a file"),
        pytest.param(
            "recordings",
            lambda: _recording('\\"created_at\\": 1700000000', f'\\"created_at\\": {10**400}'),
            id="a time of creation beyond floats",
        ),
        pytest.param(
            "recordings of others",
            lambda: _recording('"text": "{', '"text": "\\ud800{', of="recordings of others"),
            id="half a character in a body",
        ),
        pytest.param(
            "recordings", lambda: _recording('"at": 1800000000.0', '"at": 1e999'), id="a time of asking without end"
        ),
        pytest.param(
            "documents", lambda: _document(lambda one: _id(one, {"$ref": {"a": 1}})), id="a reference that is no text"
        ),
        pytest.param(
            "documents", lambda: _document(lambda one: _id(one, _nested(185))), id="a schema that is nested deeply"
        ),
        pytest.param(
            "documents drawn from",
            lambda: _document(lambda one: one.update(servers=[5])),
            id="a list of servers that is none",
        ),
        pytest.param(
            "documents drawn from",
            lambda: _document(lambda one: one.update(openapi="3.1.0!")),
            id="a version that Schemathesis does not know",
        ),
        pytest.param(
            "key files",
            b"k" + b"\\" * 398 + b"y" + NEXT + b"\\" * 250,
            id="a key of many backslashes, and an answer with fewer",
        ),
    ],
)
def test_an_input_that_broke_a_reader_once_does_not_any_more(reads: str, data: Input) -> None:
    assert apart(BY_NAME[reads], data if isinstance(data, bytes) else data()) == ""


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("reads", "data"),
    [
        pytest.param("configuration files", b"a" + b".a" * 90_000 + b" = 1", id="a key of 90,000 parts"),
        pytest.param(
            "addresses", NEXT.join([b"/x", b"", b"https://" + b"a" * 190_000]), id="a host of 190,000 letters"
        ),
        pytest.param("addresses", NEXT.join([b"/x", b"limit=1." + b"1" * 190_000 + b"x", b""]), id="a long fraction"),
        pytest.param(
            "answers",
            b"HTTP/1.1 400 x\r\nX: a" + b" " * 90_000 + b"b\r\nContent-Length: 0\r\n\r\n",
            id="a header of blanks",
        ),
        *(
            pytest.param(
                "recordings",
                partial(
                    _recording,
                    '{\\"error\\": {\\"message\\": \\"No.\\"',
                    '{\\"error\\": {\\"message\\": \\"' + word * (60_000 // len(word)) + '\\"',
                ),
                id=f"refusals of {word!r}",
            )
            for word in ("a", "com.", "at a", "[credential:")
        ),
    ],
)
def test_time_does_not_grow_with_the_square_of_an_input(reads: str, data: Input) -> None:
    """Each of these took minutes, or would have."""
    assert apart(BY_NAME[reads], data if isinstance(data, bytes) else data()) == ""


@pytest.mark.timeout(60)
def test_a_long_word_is_broken_in_one_go() -> None:
    lines = wrap("GET …/permissions?after=" + "a" * 1_000_000, 70)
    assert {len(line) for line in lines[2:-1]} == {70}
    assert "".join(lines) == "GET …/permissions?after=" + "a" * 1_000_000


def test_memory_does_not_grow_with_the_square_of_a_page() -> None:
    """Items that are shown between known ones: what stood behind which was noted pair by pair, 10 GB of 20,000."""
    history = History(permissions(11))
    asked = query(limit=100, order=Order.DESCENDING)
    history.walk(asked, "control", probe="control")
    page = json.loads(history.body())
    first, *rest = page["data"]
    fresh = [first | {"id": f"cp_x{number:05}"} for number in range(4000)]
    for data in ([first, *fresh, rest[-1]], [first, *fresh, *rest]):
        history.keep(asked, 200, json.dumps(page | {"data": data}).encode())
    tracemalloc.start()
    assert len(history.evidence().listing.items) == 4011
    assert tracemalloc.get_traced_memory()[1] < 150 * 2**20
    tracemalloc.stop()


# What fuzzes


def test_a_defect_is_found_and_kept(tmp_path: Path) -> None:
    def read(data: bytes) -> None:
        json.loads(data)["log"]["entries"][0]["request"]["url"].upper()

    reads = Reads("broken on purpose", read, BY_NAME["recordings of others"].samples, tree=True)
    tally, rng = Tally(reads, tmp_path), chance(1)
    for _ in range(120):
        tally.give(changed(reads, reads.samples()[1], rng.randrange))
    assert tally.tried == 120
    assert any(kind.startswith(("KeyError", "AttributeError", "TypeError", "IndexError")) for kind in tally.found)
    kept = {file.read_bytes() for file in tmp_path.iterdir()}
    assert kept == set(tally.found.values())
    assert all(found(reads, data) for data in kept)


def test_a_long_tale_is_no_sentence() -> None:
    def read(_data: bytes) -> None:
        raise ConfigurationError("a" * 3000)

    assert found(Reads("wordy", read, tuple), b"").startswith("a sentence of 3000 characters")
