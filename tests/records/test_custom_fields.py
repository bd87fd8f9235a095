"""Custom fields: defined by administrators, checked and filtered like declared ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.records.conftest import Api
from tests.records.sample import People


def define(api: Api, people: People, name: str, kind: str, **more: Any) -> dict[str, Any]:
    answer = api(people.admin, "POST", "/custom-fields", {"record_type": "deal", "name": name, "kind": kind, **more})
    assert answer.status == 201, answer.text
    found: dict[str, Any] = answer.json
    return found


@pytest.fixture
def fields(api: Api, people: People) -> None:
    for kind in ("text", "integer", "number", "boolean", "date"):
        define(api, people, f"a_{kind}", kind)
    define(api, people, "a_choice", "choice", options=["red", "green"])


@pytest.mark.usefixtures("fields")
def test_values_of_every_kind_are_kept(api: Api, people: People) -> None:
    custom = {
        "a_text": " x ", "a_integer": 5, "a_number": "-0.5", "a_boolean": False, "a_date": "2026-02-28", "a_choice": "red"
    }  # fmt: skip
    made = api(people.agent, "POST", "/deals", {"name": "A", "custom": custom})
    assert made.status == 201
    assert made.json["custom"] == {**custom, "a_text": "x", "a_number": "-0.5000"}
    assert api(people.agent, "GET", f"/deals/{made.json['id']}").json == made.json


@pytest.mark.usefixtures("fields")
def test_wrong_values_are_refused_each_at_its_place(api: Api, people: People) -> None:
    custom = {"a_integer": "5", "a_number": "x", "a_boolean": 1, "a_date": "2026-02-30", "a_choice": "blue", "nope": 1}
    answer = api(people.agent, "POST", "/deals", {"name": "A", "custom": custom})
    assert answer.status == 422
    assert answer.faults == sorted(f"/custom/{name}" for name in custom)


@pytest.mark.usefixtures("fields")
def test_a_patch_merges_into_what_is_there_and_null_removes(api: Api, people: People) -> None:
    deal = api(people.agent, "POST", "/deals", {"name": "A", "custom": {"a_text": "x", "a_integer": 1}}).json
    path = f"/deals/{deal['id']}"
    changed = api(people.agent, "PATCH", path, {"custom": {"a_text": None, "a_boolean": True}}, match="*")
    assert changed.json["custom"] == {"a_integer": 1, "a_boolean": True}
    same = api(people.agent, "PATCH", path, {"custom": {"a_integer": 1, "a_text": None}}, match="*")
    assert same.json["version"] == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a" * 48 + "\n"},
        {"name": "a" * 49},
        {"label": "Colour\n"},
        {"kind": "choice", "options": ["x" * 99 + "\n"]},
        {"record_type": "deal\n"},
    ],
    ids=str,
)
def test_a_definition_with_a_line_break_or_too_long_is_refused(api: Api, people: People, wrong: dict[str, Any]) -> None:
    """Python's `$` lets a final line break pass; PostgreSQL has no room for it."""
    good = {"record_type": "deal", "name": "colour", "kind": "text"}
    assert api(people.admin, "POST", "/custom-fields", {**good, **wrong}).status == 422
    assert api(people.admin, "GET", "/custom-fields").json["items"] == []


FOUND = {
    "custom.a_integer.gte=2": "bc",
    "custom.a_integer.lt=10": "ab",
    "custom.a_number.gt=-1.5": "bc",
    "custom.a_number=2.5": "c",
    "custom.a_number.in=-1.5,2.5": "ac",
    "custom.a_boolean=true": "a",
    "custom.a_boolean=false": "b",
    "custom.a_date.lte=2026-01-02": "ab",
    "custom.a_choice.ne=red": "bcd",
    "custom.a_text=it's": "a",
    "custom.a_text.null=true": "bcd",
    "custom.a_integer.null=false&custom.a_boolean.null=true": "c",
}


@pytest.mark.usefixtures("fields")
def test_lists_and_totals_filter_by_them(api: Api, people: People) -> None:
    rows: dict[str, dict[str, Any]] = {
        "a": {"a_text": "it's", "a_integer": 1, "a_number": "-1.5", "a_boolean": True, "a_date": "2026-01-01", "a_choice": "red"},
        "b": {"a_integer": 2, "a_number": "-0.25", "a_boolean": False, "a_date": "2026-01-02", "a_choice": "green"},
        "c": {"a_integer": 10, "a_number": "2.5", "a_date": "2026-01-03"},
        "d": {},
    }  # fmt: skip
    for name, custom in rows.items():
        assert api(people.agent, "POST", "/deals", {"name": name, "custom": custom}).status == 201
    found, counted = {}, {}
    for query in FOUND:
        items = api(people.agent, "GET", f"/deals?sort=name&fields=name&{query}").json["items"]
        found[query] = "".join(item["name"] for item in items)
        counted[query] = api(people.agent, "GET", f"/deals/totals?{query}").json["count"]
    assert found == FOUND
    assert counted == {query: len(names) for query, names in FOUND.items()}


@pytest.mark.usefixtures("fields")
def test_a_wrong_filter_is_refused(api: Api, people: People) -> None:
    for query in ("custom.a_txt=x", "custom.a_text.gt=x", "custom.a_integer=x", "custom.=1", "custom=x"):
        assert api(people.agent, "GET", f"/deals?{query}").status == 400


def test_a_required_field_must_be_filled_from_then_on(api: Api, people: People) -> None:
    old = api(people.agent, "POST", "/deals", {"name": "old"}).json
    define(api, people, "region", "text", required=True)
    assert api(people.agent, "POST", "/deals", {"name": "A"}).faults == ["/custom/region"]
    assert api(people.agent, "POST", "/deals", {"name": "A", "custom": {"region": " "}}).faults == ["/custom/region"]
    assert api(people.agent, "POST", "/deals", {"name": "A", "custom": {"region": "north"}}).status == 201
    assert api(people.agent, "PATCH", f"/deals/{old['id']}", {"name": "B"}, match="*").status == 200
    wrong = api(people.agent, "PATCH", f"/deals/{old['id']}", {"custom": {"region": None}}, match="*")
    assert wrong.faults == ["/custom/region"]


def test_only_administrators_define_them(api: Api, people: People) -> None:
    body = {"record_type": "deal", "name": "x", "kind": "text"}
    for who in (people.manager, people.agent, people.viewer):
        assert api(who, "POST", "/custom-fields", body).status == 403
        assert api(who, "GET", "/custom-fields").status == 200


def test_a_definition_lives_its_life(api: Api, people: People) -> None:
    field = define(api, people, "size", "choice", options=["s", "m"])
    path = f"/custom-fields/{field['id']}"
    assert api(people.admin, "GET", "/custom-fields?record_type=deal").json["items"] == [field]
    assert api(people.admin, "GET", "/custom-fields?record_type=company").json["items"] == []
    assert api(people.admin, "PATCH", path, {"options": []}, match='"1"').faults == ["/options"]
    changed = api(people.admin, "PATCH", path, {"options": ["s", "m", "l"], "label": "Size"}, match='"1"')
    assert (changed.json["options"], changed.etag) == (["s", "m", "l"], '"2"')
    assert api(people.admin, "PATCH", path, {"label": "Size"}, match='"2"').etag == '"2"'
    assert api(people.admin, "PATCH", path, {"label": "S"}, match='"1"').status == 412
    deal = api(people.agent, "POST", "/deals", {"name": "A", "custom": {"size": "l"}}).json
    assert api(people.admin, "DELETE", path, match='"2"').status == 204
    assert api(people.admin, "GET", path).status == 404
    assert api(people.agent, "PATCH", f"/deals/{deal['id']}", {"custom": {"size": "m"}}, match="*").status == 422
    assert api(people.agent, "GET", f"/deals/{deal['id']}").json["custom"] == {"size": "l"}
    other = {"record_type": "deal", "name": "size", "kind": "integer"}
    assert api(people.admin, "POST", "/custom-fields", other).status == 409
    again = define(api, people, "size", "choice", options=["xl"])
    assert (again["id"], again["options"]) == (field["id"], ["xl"])
    assert (
        api(people.agent, "PATCH", f"/deals/{deal['id']}", {"custom": {"size": None}}, match="*").json["custom"] == {}
    )


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"record_type": "nope", "name": "x", "kind": "text"}, "/record_type"),
    ({"record_type": "deal", "name": "X", "kind": "text"}, "/name"),
    ({"record_type": "deal", "name": "x", "kind": "colour"}, "/kind"),
    ({"record_type": "deal", "name": "x", "kind": "text", "options": ["a"]}, "/options"),
    ({"record_type": "deal", "name": "x", "kind": "choice"}, "/options"),
    ({"record_type": "deal", "name": "x", "kind": "choice", "options": ["a,b"]}, "/options/0"),
]


def test_a_wrong_definition_is_refused(api: Api, people: People) -> None:
    for body, fault in WRONG:
        answer = api(people.admin, "POST", "/custom-fields", body)
        assert (answer.status, answer.faults) == (422, [fault])


def test_a_name_is_taken_once(api: Api, people: People) -> None:
    define(api, people, "size", "text")
    again = api(people.admin, "POST", "/custom-fields", {"record_type": "deal", "name": "size", "kind": "text"})
    assert (again.status, again.faults) == (409, ["/name"])


@pytest.mark.usefixtures("fields")
def test_a_misspelt_name_or_type_gets_the_one_that_was_probably_meant(api: Api, people: People) -> None:
    deal = api(people.agent, "POST", "/deals", {"name": "A", "custom": {"a_txt": "x"}})
    assert deal.json["errors"][0]["detail"] == "there is no such custom field; did you mean 'a_text'?"
    body = {"record_type": "deals", "name": "x", "kind": "text"}
    made = api(people.admin, "POST", "/custom-fields", body)
    assert made.json["errors"][0]["detail"] == "there is no record type 'deals'; did you mean 'deal'?"
    named = api(
        people.admin, "POST", "/custom-fields", {**body, "record_type": "deal", "name": "Favourite Colour", "id": 1}
    )
    assert {fault["path"]: fault["detail"] for fault in named.json["errors"]} == {
        "/id": "is set by Bharat; leave it out",
        "/name": "must be lower-case letters, digits and '_', a letter first, at most 48 of them",
    }
