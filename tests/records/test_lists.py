"""Lists: filters, search, selection, and the parameters that are refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from bharat.contracts import spelling
from bharat.contracts.errors import MAX_FAULTS, Malformed
from bharat.records import Kit
from bharat.records.selection import Grammar
from tests.records.conftest import Api
from tests.records.sample import People

ROWS: dict[str, dict[str, Any]] = {
    "a": {"name": "Alpha One", "stage": "open", "amount": "10", "amount_currency": "USD", "score": 1, "hot": True},
    "b": {"name": "alpha two", "stage": "won", "amount": "10.5", "amount_currency": "EUR", "close_date": "2026-01-01"},
    "c": {"name": "Beta 100%", "stage": "won", "score": 2, "reason": "said ALPHA_x", "email": "C@x.example"},
    "d": {
        "name": "Ärger",
        "stage": "open",
        "score": -1,
        "close_date": "2026-06-30",
        "called_at": "2026-01-01T00:00:00Z",
    },
}

FOUND = {
    "stage=won": "bc",
    "stage.ne=won": "ad",
    "stage.in=won,open": "abcd",
    "score=1": "a",
    "score.ne=1": "bcd",
    "score.gt=-1": "ac",
    "score.gte=-1": "acd",
    "score.lt=2": "ad",
    "score.lte=2": "acd",
    "score.in=2,-1": "cd",
    "score.null=true": "b",
    "score.null=false": "acd",
    "amount.gte=10.0&amount.lt=10.5": "a",
    "amount=10.5": "b",
    "amount_currency=EUR": "b",
    "amount.null=true": "cd",
    "hot=true": "a",
    "hot=false": "bcd",
    "close_date.gte=2026-01-02": "d",
    "called_at.lte=2026-01-01T05:30:00%2B05:30": "d",
    "name.prefix=ALPHA": "ab",
    "name.prefix=%C3%A4": "d",
    "name=Alpha+One": "a",
    "name=alpha one": "",
    "name.in=Alpha One,Beta 100%25": "ac",
    "name.ne=Alpha One": "bcd",
    "email=C@x.example": "c",
    "email.null=true": "abd",
    "reason.null=false": "c",
    "q=alpha": "abc",
    "q=ALPHA two": "b",
    "q=%25": "c",
    "q=alpha_": "c",
    "q=ÄRGER": "d",
    "q=nothing": "",
    "company.null=true": "abcd",
}


@pytest.fixture
def ids(api: Api, people: People) -> dict[str, str]:
    return {key: api(people.agent, "POST", "/deals", body).json["id"] for key, body in ROWS.items()}


def test_each_filter_finds_what_it_says(api: Api, people: People, ids: dict[str, str]) -> None:
    letters = {id: key for key, id in ids.items()}
    found = {}
    for query in FOUND:
        answer = api(people.agent, "GET", f"/deals?sort=id&{query}")
        assert answer.status == 200, (query, answer.text)
        found[query] = "".join(letters[item["id"]] for item in answer.json["items"])
    assert found == FOUND


def test_ids_filter_too(api: Api, people: People, ids: dict[str, str]) -> None:
    def names(query: str) -> list[str]:
        return [item["name"] for item in api(people.agent, "GET", f"/deals?sort=id&fields=name&{query}").json["items"]]

    assert names(f"id.in={ids['a']},{ids['d']}") == ["Alpha One", "Ärger"]
    assert len(names(f"owner_id={people.agent.user_id}")) == 4
    assert names(f"team_id={people.west}") == []
    assert names(f"company={ids['a']}") == []


WRONG = {
    "stgae=won": ("?stgae", "did you mean 'stage'?"),
    "stage.gt=won": ("?stage.gt", "unknown parameter"),
    "stage=wno": ("?stage", ""),
    "stage=": ("?stage", ""),
    "score=x": ("?score", ""),
    "score.null=1": ("?score.null", "true or false"),
    "name.null=true": ("?name.null", "unknown parameter"),
    "amount=1e3": ("?amount", ""),
    "close_date=2026-02-30": ("?close_date", ""),
    "called_at.lt=2026-01-01T00:00:00": ("?called_at.lt", ""),
    "id=1": ("?id", ""),
    "limit=0": ("?limit", "1 to 200"),
    "limit=201": ("?limit", "1 to 200"),
    "limit=x": ("?limit", ""),
    "sort=nmae": ("?sort", "did you mean 'name'?"),
    "sort=reason": ("?sort", "can't sort"),
    "sort=zzz": ("?sort", "can't sort by 'zzz'; what can be sorted by: id, name, "),
    "sort=name,-name": ("?sort", "twice"),
    "sort=name,score,amount,hot": ("?sort", "at most 3"),
    "sort=": ("?sort", ""),
    "fields=name,nope": ("?fields", "no field"),
    "fields=": ("?fields", ""),
    "q=": ("?q", ""),
    "q=" + "a+" * 9: ("?q", ""),
    "total=yes": ("?total", "true or false"),
    "deleted=": ("?deleted", ""),
    "cursor=x": ("?cursor", "not a cursor"),
    "name=%00": ("?", "U+0000"),
    "name=a&name=b": ("?name", "more than once; for any of several values write name.in=one,another"),
    "limit=1&limit=2": ("?limit", "given more than once"),
    "search_text=x": ("?search_text", "unknown"),
    "organisation_id=x": ("?organisation_id", "unknown"),
    "id.in=" + ",".join(["018f0000-0000-7000-8000-000000000000"] * 101): ("?id.in", "at most 100"),
}


def test_a_wrong_parameter_is_refused_and_named(api: Api, people: People) -> None:
    for query, (path, detail) in WRONG.items():
        answer = api(people.agent, "GET", f"/deals?{query}")
        assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json"), query
        assert answer.faults == [path], query
        assert detail in answer.json["errors"][0]["detail"], query
    assert api(people.agent, "GET", "/deals?name=%ff").status == 400
    assert api(people.agent, "GET", "/deals?score=x&limit=0&nope=1").faults == ["?limit", "?nope", "?score"]


def test_countless_wrong_parameters_are_not_all_sought(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    hinted: list[str] = []

    def noted(name: str, known: Iterable[str]) -> None:
        hinted.append(name)

    monkeypatch.setattr(spelling, "nearest", noted)
    with pytest.raises(Malformed) as refused:
        Grammar(kit.records("deal").resource).parse("&".join(f"x{number}=1" for number in range(2000)), dict)
    assert (len(refused.value.faults), len(hinted)) == (MAX_FAULTS, 10)


def test_parameters_stand_where_they_belong(api: Api, people: People, ids: dict[str, str]) -> None:
    path = f"/deals/{ids['a']}"
    assert api(people.agent, "GET", "/deals/totals?limit=1").status == 400
    assert api(people.agent, "GET", "/products?q=x").status == 400
    assert api(people.agent, "GET", f"{path}?nope=1").status == 400
    assert api(people.agent, "PATCH", f"{path}?nope=1", {}, match="*").status == 400
    assert api(people.agent, "DELETE", f"{path}?nope=1", match="*").status == 400
    assert api(people.agent, "POST", "/deals?nope=1", {"name": "x"}).status == 400


def test_the_fields_asked_for_come_in_the_records_order(api: Api, people: People, ids: dict[str, str]) -> None:
    items = api(people.agent, "GET", "/deals?fields=custom,score,id&score=1").json["items"]
    assert [list(item.items()) for item in items] == [[("id", ids["a"]), ("score", 1), ("custom", {})]]


def test_every_filter_is_documented(api: Api) -> None:
    listing = next(route.item for route in api.app.routes() if route.item.operation_id == "list_deals")
    names = {parameter.name for parameter in listing.parameters}
    assert {"stage", "stage.ne", "stage.in", "name.prefix", "amount.gte", "score.null", "q", "sort", "cursor"} <= names
    assert not {"stage.gt", "name.null", "reason", "custom", "version"} & names
