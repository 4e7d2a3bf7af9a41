"""What judging the systems of others taught: kinds in errors, paths with nothing before them, ids as tokens."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlsplit

import pytest
from listed import ID_CURSOR, TOKEN_ALONE, document, parameter, written

from contracts.clauses.registry import find
from contracts.core.model import Answer, Exchange, Query, Request, Target
from contracts.core.result import Finding
from contracts.evidence.evidence import Evidence
from contracts.evidence.reader import Reader
from contracts.openapi.loading import load_operation
from contracts.openapi.operation import Operation
from contracts.probes.access import _spelled
from contracts.probes.asking import Asking

FILES = Path(__file__).parents[1] / "peers" / "documents" / "openai-form.yaml"


def described(properties: dict[str, object]) -> dict[str, object]:
    schema = {"type": "object", "properties": properties}
    return {"description": "No", "content": {"application/json": {"schema": schema}}}


def answered(number: int, query: str, credential: str, status: int, body: object) -> Exchange:
    answer = Answer(status, "", (("Content-Type", "application/json"),), json.dumps(body).encode())
    return Exchange(number, Request("/files", query, credential), answer, None, 0, 1, 0.0, 0.1, "walks")


@pytest.fixture(scope="module")
def files() -> Operation:
    return load_operation(FILES, name="listFiles")


@pytest.mark.parametrize(
    ("purpose", "shown"), [("assistants", False), ("fine-tune", False), ("proj_7f3a9c", True), ("AcmeSupport", True)]
)
def test_an_error_may_name_the_kinds_that_a_filter_takes(files: Operation, purpose: str, shown: bool) -> None:
    item = {"id": "file-1", "object": "file", "created_at": 1, "filename": "a", "purpose": purpose}
    page = {"object": "list", "data": [item], "first_id": "file-1", "last_id": "file-1", "has_more": False}
    refusal = {"error": {"message": f"purpose must be '{purpose}' or 'batch'"}}
    evidence = Evidence(
        Reader(files),
        Target("http://h/v1", ""),
        [answered(1, "", "admin", 200, page), answered(2, "purpose=none", "none", 400, refusal)],
    )
    found = [one for one in find(["SEC-008"])[0].judge(evidence) if isinstance(one, Finding)]
    assert bool(found) == shown


@pytest.mark.parametrize(("address", "least"), [("http://h", 1), ("http://h/", 1), ("http://h/v1", 2)])
def test_no_spelling_of_the_path_loses_its_first_slash(files: Operation, address: str, least: int) -> None:
    asking = SimpleNamespace(operation=files, query=lambda: Query(""), forms=("none",), target=Target(address, ""))
    found = _spelled(cast(Asking, asking))
    assert len(found) >= least
    assert all(f"{urlsplit(address).path.rstrip('/')}{each.path}".startswith("/") for each in found)


def test_a_token_given_for_another_order_is_not_read_as_the_id_of_an_item(tmp_path: Path) -> None:
    """A token may be the id of the next page's first item: then it leads to another place in the other order."""
    operation = load_operation(written(tmp_path, TOKEN_ALONE), name="listThings")

    def page(number: int, query: str, ids: str, token: str | None) -> Exchange:
        moment = "2026-01-01T00:00:0{}Z"
        things = [{"id": id_, "created_at": moment.format(ord(id_) - ord("a")), "owner_id": "o"} for id_ in ids]
        body = json.dumps({"results": things, "meta": {"next": token}})
        answer = Answer(200, "", (("Content-Type", "application/json"),), body.encode())
        request = Request("/shelves/s/things", f"view=all&{query}", "admin")
        return Exchange(number, request, answer, None, 2 * number, 2 * number + 1, 0.0, 0.1, "walks")

    exchanges = [
        page(1, "order=asc&page_size=2", "ab", "c"),
        page(2, "order=desc&page_size=2", "dc", "b"),
        page(3, "order=desc&page_size=2&cursor=b", "ba", None),
        page(4, "order=desc&page_size=3&cursor=c", "cba", None),
    ]
    evidence = Evidence(Reader(operation), Target("http://h", "s"), exchanges)
    assert [each.query.after for each in evidence.pages] == [None, None, "c", "the unknown token c"]
    (small,) = find(["PAG-023"])
    assert not [one for one in small.judge(evidence) if isinstance(one, Finding)]


def test_what_a_token_leads_to_that_was_made_from_another_one_may_be_short(tmp_path: Path) -> None:
    """It may lead backwards, to the page before a place near the begin of the list."""
    operation = load_operation(written(tmp_path, TOKEN_ALONE), name="listThings")

    def page(number: int, query: str, ids: str, token: str) -> Exchange:
        things = [{"id": id_, "created_at": "2026-01-01T00:00:00Z", "owner_id": "o"} for id_ in ids]
        answer = Answer(200, "", (), json.dumps({"results": things, "meta": {"next": token}}).encode())
        request = Request("/shelves/s/things", f"view=all&page_size=2{query}", "admin")
        return Exchange(number, request, answer, None, 2 * number, 2 * number + 1, 0.0, 0.1, "walks")

    for token, broken in (("b1", True), ("b0", False)):
        exchanges = [page(1, "", "ab", "b1"), page(2, f"&cursor={token}", "c", "d1")]
        evidence = Evidence(Reader(operation), Target("http://h", "s"), exchanges)
        assert any(isinstance(one, Finding) for one in find(["PAG-003"])[0].judge(evidence)) == broken


def test_a_list_is_known_by_what_is_said_of_its_token(tmp_path: Path) -> None:
    said = "A pagination token from a previous request, to get the next batch of rooms."
    rooms = document(
        "/rooms", [parameter("since", description=said)], {"next_batch": {"type": "string"}}, items="chunk"
    )
    operation = load_operation(written(tmp_path, rooms), name="listThings")
    assert (operation.roles.after, operation.profile.next.at) == ("since", ("next_batch",))


@pytest.mark.parametrize(
    ("errors", "applies"),
    [
        ({}, True),
        ({"default": {"description": "Oops"}}, True),
        ({"4XX": described({"detail": {"type": "string"}})}, False),
        ({"422": described({"detail": {"type": "string"}}), "400": described({"error": {"type": "object"}})}, True),
        ({"403": {"description": "No", "content": {"text/plain": {"schema": {"type": "string"}}}}}, False),
    ],
)
def test_where_a_document_describes_other_errors_the_usual_form_is_not_asked_for(
    tmp_path: Path,
    errors: dict[str, object],
    applies: bool,
) -> None:
    document = copy.deepcopy(ID_CURSOR)
    document["paths"]["/things"]["get"]["responses"] |= errors
    operation = load_operation(written(tmp_path, document), name="listThings")
    assert (find(["INP-007"])[0].lacking(operation) is None) == applies


@pytest.mark.parametrize(
    ("body", "tells"),
    [
        ('{"error_code": "INVALID", "message": "no", "sqlstate": "KAM00"}', False),
        ("SQLSTATE[42S02]: Base table or view not found", True),
        ("ERROR: relation (SQLSTATE 42P01)", True),
    ],
)
def test_a_class_of_errors_named_after_sql_is_no_sql_error(files: Operation, body: str, tells: bool) -> None:
    answer = Answer(400, "", (("Content-Type", "application/json"),), body.encode())
    asked = Exchange(1, Request("/files", "limit=", "admin"), answer, None, 0, 1, 0.0, 0.1, "inputs")
    evidence = Evidence(Reader(files), Target("http://h/v1", ""), [asked])
    assert any(isinstance(one, Finding) for one in find(["INP-006"])[0].judge(evidence)) == tells


def test_a_quote_is_about_what_its_clause_is_about() -> None:
    def quoted(document: str, operation: str, clause: str, overlay: str | None = None) -> str:
        folder = FILES.parent
        loaded = load_operation(folder / document, overlay=folder / overlay if overlay else None, name=operation)
        quote = find([clause])[0].quote
        return loaded.says.quoted(quote.text, quote.key, "")[0]

    batches = ("message-batches.yaml", "listMessageBatches")
    assert quoted(*batches, "SEC-001") == "type: apiKey in: header name: x-api-key"
    assert quoted(*batches, "PRV-001") == "The id of the first batch of the page behind."
    customers = ("customers.yaml", "listCustomers")
    assert quoted(*customers, "ORD-002", "customers-overlay.yaml") == "Lists the customers, the newest first."
    assert quoted(*customers, "PAG-002", "customers-overlay.yaml") == "default: 10 minimum: 1 maximum: 100"
    assert quoted("openai-form.yaml", "listFiles", "ITM-004") == "When it was made in Unix seconds."
