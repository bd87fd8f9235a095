"""The REST endpoints, through the application."""

from __future__ import annotations

from tests.records.conftest import Api
from tests.records.sample import People, scoped_to


def test_a_record_lives_its_life(api: Api, people: People) -> None:
    created = api(people.agent, "POST", "/deals", {"name": "Big", "amount": "10", "amount_currency": "EUR"})
    assert created.status == 201
    path = created.headers["location"].removeprefix("/api/v1")
    assert created.etag == '"1"'
    assert created.json["amount"] == "10.0000"
    assert created.json["owner_id"] == str(people.agent.user_id)
    assert created.json["team_id"] == str(people.east)
    read = api(people.agent, "GET", path)
    assert (read.status, read.json, read.etag) == (200, created.json, '"1"')
    assert api(people.agent, "GET", path, If_None_Match='"1"').status == 304
    changed = api(people.agent, "PATCH", path, {"amount": None, "name": "Bigger"}, match='"1"')
    assert (changed.status, changed.json["amount"], changed.json["amount_currency"]) == (200, None, None)
    assert changed.etag == '"2"'
    assert api(people.agent, "DELETE", path, match='"2"').status == 204
    assert api(people.agent, "GET", path).status == 404
    assert api(people.agent, "GET", path + "?deleted=true").json["name"] == "Bigger"
    restored = api(people.agent, "POST", path + "/restore")
    assert (restored.status, restored.json["version"], restored.json["deleted_at"]) == (200, 4, None)
    history = api(people.agent, "GET", path + "/history").json["items"]
    assert [entry["action"] for entry in history] == ["deal.restored", "deal.deleted", "deal.updated", "deal.created"]
    assert history[2]["changes"] == {
        "name": ["Big", "Bigger"], "amount": ["10.0000", None], "amount_currency": ["EUR", None]
    }  # fmt: skip


def test_a_change_must_name_the_version(api: Api, people: People) -> None:
    deal = api(people.agent, "POST", "/deals", {"name": "A"}).json
    path = f"/deals/{deal['id']}"
    assert api(people.agent, "PATCH", path, {"name": "B"}).status == 428
    assert api(people.agent, "DELETE", path).status == 428
    assert api(people.agent, "PATCH", path, {"name": "B"}, match="").status == 428
    for stale in ('"2"', 'W/"1"', '"x"', '"01"'):
        assert api(people.agent, "PATCH", path, {"name": "B"}, match=stale).status == 412
    assert api(people.agent, "PATCH", path, {"name": "B"}, match="1").status == 400
    assert api(people.agent, "PATCH", path, {"name": "B"}, match='"9", "1"').status == 200
    assert api(people.agent, "PATCH", path, {"name": "C"}, match="*").json["version"] == 3
    assert api(people.agent, "DELETE", path, match="*").status == 204


def test_a_key_that_may_only_write_is_shown_no_record_that_is_there(api: Api, people: People) -> None:
    """A change of nothing would read any record that the key's owner reaches."""
    deal = api(people.agent, "POST", "/deals", {"name": "A"}).json
    path, writes, deletes = f"/deals/{deal['id']}", ("deals:write",), ("deals:delete",)
    assert api(scoped_to(people.agent, *writes), "GET", path).status == 403
    assert api(scoped_to(people.agent, *writes), "PATCH", path, {}, match="*").status == 403
    assert api(scoped_to(people.agent, *deletes), "POST", path + "/restore").status == 403
    change = {"update": [{"id": deal["id"], "version": 1, "changes": {"name": "B"}}]}
    changed = api(scoped_to(people.agent, *writes), "POST", "/deals/bulk", change)
    assert (changed.status, changed.json["updated"]) == (200, [{"id": deal["id"], "version": 2}])
    assert api(scoped_to(people.agent, *writes, "deals:read"), "PATCH", path, {}, match="*").status == 200
    assert api(scoped_to(people.agent, *deletes), "DELETE", path, match='"7", "2"').status == 204


def test_a_list_is_filtered_sorted_and_paged(api: Api, people: People) -> None:
    for number in range(7):
        body = {"name": f"D{number}", "score": number % 3 if number else None, "stage": "won" if number > 4 else "open"}
        assert api(people.agent, "POST", "/deals", body).status == 201
    first = api(people.agent, "GET", "/deals?sort=-score,name&limit=3&fields=name,score&total=true").json
    assert first["total"] == 7
    assert first["items"] == [
        {"name": "D2", "score": 2}, {"name": "D5", "score": 2}, {"name": "D1", "score": 1}
    ]  # fmt: skip
    path = f"/deals?sort=-score,name&limit=3&cursor={first['next_cursor']}"
    second = api(people.agent, "GET", path).json
    assert [item["name"] for item in second["items"]] == ["D4", "D3", "D6"]
    third = api(people.agent, "GET", f"/deals?sort=-score,name&limit=3&cursor={second['next_cursor']}").json
    assert ([item["name"] for item in third["items"]], third["next_cursor"]) == (["D0"], None)
    found = api(people.agent, "GET", "/deals?stage=won&score.gte=1&sort=name&fields=name").json
    assert found["items"] == [{"name": "D5"}]


def test_totals_add_up_by_currency(api: Api, people: People) -> None:
    for amount, currency in (("0.1", "USD"), ("0.2", "USD"), ("5", "EUR")):
        api(people.agent, "POST", "/deals", {"name": "A", "amount": amount, "amount_currency": currency})
    totals = api(people.agent, "GET", "/deals/totals").json
    assert totals["count"] == 3
    assert totals["sums"]["amount"] == [
        {"currency": "EUR", "sum": "5.0000"}, {"currency": "USD", "sum": "0.3000"}
    ]  # fmt: skip
    assert totals["sums"]["probability"] is None


def test_bulk_does_all_or_nothing(api: Api, people: People) -> None:
    one = api(people.agent, "POST", "/deals", {"name": "one", "email": "one@x.example"}).json
    two = api(people.agent, "POST", "/deals", {"name": "two"}).json
    wrong = api(
        people.agent, "POST", "/deals/bulk",
        {
            "create": [{"name": "ok"}, {"name": "dup", "email": "ONE@x.example"}, {"name": "lost", "stage": "lost"}],
            "update": [{"id": two["id"], "version": 9, "changes": {"name": "x"}}],
            "delete": [],
        },
    )  # fmt: skip
    assert wrong.status == 422
    assert wrong.faults == ["/create/1/email", "/create/2/reason", "/update/0/version"]
    assert api(people.agent, "GET", "/deals?total=true").json["total"] == 2
    done = api(
        people.agent, "POST", "/deals/bulk",
        {
            "create": [{"name": "three", "email": "one@x.example"}],
            "update": [{"id": two["id"], "version": 1, "changes": {"name": "2"}}],
            "delete": [{"id": one["id"], "version": 1}],
        },
    )  # fmt: skip
    assert done.status == 200
    assert [len(done.json[part]) for part in ("created", "updated", "deleted")] == [1, 1, 1]
    assert done.json["updated"] == [{"id": two["id"], "version": 2}]


def test_a_weak_tag_is_not_taken_for_a_change_by_somebody_else(api: Api, people: People) -> None:
    deal = api(people.agent, "POST", "/deals", {"name": "A"}).json
    refused = api(people.agent, "PATCH", f"/deals/{deal['id']}", {"name": "B"}, match='W/"1"')
    assert refused.status == 412
    assert 'weak tags are not accepted: send "1" without W/' in refused.json["detail"]


def test_a_body_that_can_not_be_accepted_says_why(api: Api, people: People) -> None:
    deal = api(people.agent, "POST", "/deals", {"name": "A"}).json
    body = {"id": deal["id"], "version": 3, "created_at": None, "nmae": "B", "amount": 1000, "custom": {"x": 1}}
    refused = api(people.agent, "PATCH", f"/deals/{deal['id']}", body, match="*")
    assert {fault["path"]: fault["detail"] for fault in refused.json["errors"]} == {
        "/id": "is set by Bharat; leave it out",
        "/version": "is set by Bharat; leave it out",
        "/created_at": "is set by Bharat; leave it out",
        "/nmae": "unknown field; did you mean 'name'?",
        "/amount": 'must be a string like "1234.50", not a number',
    }
