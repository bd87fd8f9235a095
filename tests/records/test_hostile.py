"""Bodies that mean harm or are merely wrong: a clear 4xx, and nothing is stored."""

from __future__ import annotations

from typing import Any

import pytest

from bharat.data import new_id
from tests.records.conftest import Api
from tests.records.sample import People

BODIES: dict[bytes, int] = {
    b"": 400,
    b"{": 400,
    b"[]": 422,
    b"null": 422,
    b'"x"': 422,
    b'{"name": "\xff"}': 400,
    b'{"name": "\\ud800"}': 400,
    b'{"name": "\\ud800x"}': 400,
    b'{"name": "a\\u0000b"}': 422,
    b'{"name": "a\\nb"}': 422,
    b'{"name": null}': 422,
    b'{"name": ""}': 422,
    b'{"name": " \\t "}': 422,
    b"{}": 422,
    b'{"name": "x", "Name": "y"}': 422,
    b'{"name": "x", "id": "018f0000-0000-7000-8000-000000000000"}': 422,
    b'{"name": "x", "organisation_id": "018f0000-0000-7000-8000-000000000000"}': 422,
    b'{"name": "x", "version": 3}': 422,
    b'{"name": "x", "closed_on": "2026-01-01"}': 422,
    b'{"name": "x", "name_key": "y"}': 422,
    b'{"name": "x", "search_text": "y"}': 422,
    b'{"name": "x", "score": 1e999}': 400,
    b'{"name": "x", "score": 9007199254740993}': 422,
    b'{"name": "x", "amount": "1"}': 422,
    b'{"name": "x", "amount_currency": "USD"}': 422,
    b'{"name": "x", "amount": "1", "amount_currency": "usd"}': 422,
    b'{"name": "x", "amount": "1", "amount_currency": "XXX"}': 422,
    b'{"name": "x", "amount": 1, "amount_currency": "USD"}': 422,
    b'{"name": "x", "custom": {"a": {"b": 1}}}': 422,
    b'{"name": "x", "custom": {"A": 1}}': 422,
    b'{"name": "x", "custom": {"a\'b": 1}}': 422,
    b'{"name": "x", "custom": null}': 422,
    b'{"name": "x", "company": "1"}': 422,
    b'{"name": ' + b'"' + b"x" * 201 + b'"}': 422,
    b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}": 400,
}


def test_a_wrong_body_is_refused_and_stores_nothing(api: Api, people: People) -> None:
    wrong = {}
    for body, status in BODIES.items():
        answer = api(people.agent, "POST", "/deals", body)
        if answer.status != status or answer.headers["content-type"] != "application/problem+json":
            wrong[body[:80]] = (answer.status, answer.text)
    assert wrong == {}
    assert api(people.agent, "GET", "/deals?total=true").json["total"] == 0


def test_a_text_of_10_mb_is_refused(api: Api, people: People) -> None:
    answer = api(people.agent, "POST", "/deals", {"name": "x" * 10_000_000})
    assert answer.status == 413


def test_the_same_holds_for_a_patch(api: Api, people: People) -> None:
    deal = api(people.agent, "POST", "/deals", {"name": "A"}).json
    bodies: list[Any] = [
        {"name": None},
        {"name": " "},
        {"stage": None},
        {"nope": 1},
        {"version": 2},
        {"amount": "1"},
        [],
    ]
    for body in bodies:
        answer = api(people.agent, "PATCH", f"/deals/{deal['id']}", body, match="*")
        assert answer.status == 422, body
    assert api(people.agent, "PATCH", f"/deals/{deal['id']}", {}, match="*").json == deal


def test_a_bulk_request_has_its_limit(api: Api, people: People) -> None:
    one: dict[str, Any] = {"name": "x"}
    assert api(people.agent, "POST", "/deals/bulk", {"create": [one] * 201}).faults == ["/create"]
    gone = {"id": str(new_id()), "version": 1}
    answer = api(people.agent, "POST", "/deals/bulk", {"create": [one] * 150, "delete": [gone] * 150})
    assert (answer.status, answer.faults) == (422, [""])
    wrong = {"create": [{"name": "x", "score": "1"}, {}], "update": [{"id": "x", "version": 0, "changes": {"nope": 1}}]}
    assert api(people.agent, "POST", "/deals/bulk", wrong).faults == [
        "/create/0/score", "/create/1/name", "/update/0/changes/nope", "/update/0/id", "/update/0/version"
    ]  # fmt: skip
    assert api(people.agent, "POST", "/deals/bulk", {}).status == 200


def test_a_bulk_of_stale_versions_is_a_conflict(api: Api, people: People) -> None:
    deal = api(people.agent, "POST", "/deals", {"name": "A"}).json
    stale = {"update": [{"id": deal["id"], "version": 9, "changes": {"name": "B"}}]}
    answer = api(people.agent, "POST", "/deals/bulk", stale)
    assert (answer.status, answer.faults) == (409, ["/update/0/version"])


@pytest.mark.parametrize("path", ["/deals/x", "/deals/018f", "/deals/00000000-0000-0000-0000-00000000000g"])
def test_a_path_that_is_no_id_leads_nowhere(api: Api, people: People, path: str) -> None:
    assert api(people.agent, "GET", path).status == 404
