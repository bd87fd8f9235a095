"""Import and export over HTTP."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import falcon.testing
import pytest

from bharat.contracts.errors import Unavailable
from bharat.records import transfer
from bharat.records.gate import Gate
from tests.records.conftest import Answer, Api
from tests.records.sample import People, scoped_to

CSV = {"Content_Type": "text/csv"}


def names(api: Api, people: People, plural: str = "companies") -> list[str]:
    return sorted(item["name"] for item in api(people.admin, "GET", f"/{plural}").json["items"])


def send(api: Api, who: Any, path: str, text: str | bytes, **headers: str) -> Answer:
    content = text.encode() if isinstance(text, str) else text
    return api(who, "POST", path, content, **{**CSV, **headers})


def test_a_file_is_imported_and_its_faults_are_told(api: Api, people: People) -> None:
    answer = send(api, people.admin, "/companies/import", "name,employees\nAcme,1\nBad,x\n")
    assert answer.status == 200
    assert answer.json == {
        "rows": 2, "created": 1, "updated": 0, "unchanged": 0, "rejected": 1, "dry_run": False, "skipped_columns": [],
        "errors": [{"line": 3, "column": "employees", "reason": "must be a whole number"}],
    }  # fmt: skip
    assert names(api, people) == ["Acme"]


def test_an_idempotency_key_is_neither_promised_nor_applied(api: Api, people: People) -> None:
    document = falcon.testing.TestClient(api.app.wsgi()).simulate_get("/openapi.json", protocol="http").json
    operation = document["paths"]["/api/v1/companies/import"]["post"]
    assert {parameter["in"] for parameter in operation["parameters"]} == {"query"}
    assert "an `Idempotency-Key` does not apply" in operation["description"]
    for outcome in ("created", "unchanged"):
        answer = send(api, people.admin, "/companies/import?key=name", "name\nAcme\n", Idempotency_Key="once")
        assert (answer.json[outcome], "idempotency-replayed" in answer.headers) == (1, False)


def test_options_are_query_parameters(api: Api, people: People) -> None:
    query = (
        "map=Firm%3Dname&map=Turnover=revenue&ignore=Notes&null=n/a&alias=name:Akme=Acme&currency=EUR"
        "&default=employees=5&delimiter=;&key=name"
    )
    text = "Firm;Turnover;Notes\nAkme;10;x\nZeta;n/a;y\n"
    assert send(api, people.admin, f"/companies/import?{query}", text).json["created"] == 2
    assert send(api, people.admin, f"/companies/import?{query}", text).json["unchanged"] == 2
    items = api(people.admin, "GET", "/companies?sort=name").json["items"]
    assert [(item["name"], item["revenue"], item["employees"]) for item in items] == [
        ("Acme", "10.0000", 5),
        ("Zeta", None, 5),
    ]


def test_a_dry_run_tells_what_would_happen_and_changes_nothing(api: Api, people: People) -> None:
    answer = send(api, people.admin, "/companies/import?dry_run=true", "name,parent\nChild,Parent\nParent,\n")
    assert (answer.json["created"], answer.json["dry_run"]) == (2, True)
    assert names(api, people) == []


def test_there_is_an_end_to_options(api: Api, people: People) -> None:
    answer = send(api, people.admin, f"/companies/import?{'&'.join(['ignore=x'] * 1001)}", "name\nAcme\n")
    assert (answer.status, answer.faults) == (400, ["?"])


def test_the_delimiter_may_be_a_tab(api: Api, people: People) -> None:
    assert send(api, people.admin, "/companies/import?delimiter=%09", "name\temployees\nA,B\t1\n").json["created"] == 1
    assert names(api, people) == ["A,B"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("mapp=a=b", "?mapp"), ("map=a", "?map"), ("dry_run=maybe", "?dry_run"), ("currency=EUR&currency=USD", "?currency"),
        ("alias=name:x", "?alias"), ("key=", "?key"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_a_400(api: Api, people: People, query: str, path: str) -> None:
    answer = send(api, people.admin, f"/companies/import?{query}", "name\nAcme\n")
    assert (answer.status, answer.faults) == (400, [path])
    assert names(api, people) == []


@pytest.mark.parametrize(
    ("text", "status"),
    [(b"", 400), (b'name\n"open', 400), (b"name,colour\nAcme,red\n", 422), (b"name\n" + b"x" * 200_000, 400)],
    ids=["empty", "open quote", "unknown column", "long cell"],
)
def test_a_file_that_can_not_be_read_stores_nothing(api: Api, people: People, text: bytes, status: int) -> None:
    assert send(api, people.admin, "/companies/import", text).status == status
    assert names(api, people) == []


def test_a_file_that_breaks_off_being_csv_stores_nothing(api: Api, people: People) -> None:
    rows = "".join(f"C{number}\n" for number in range(1200))
    assert send(api, people.admin, "/companies/import", f'name\n{rows}"open').status == 400
    assert names(api, people) == []


def answers_during_an_import(api: Api, people: People, monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """What others are answered while an import of three rows has a turn for them: a list, and another import."""
    names(api, people)  # makes the key
    answers: list[Answer] = []

    def ask() -> None:
        answers.append(api(people.admin, "GET", "/companies"))
        answers.append(send(api, people.admin, "/deals/import", "name\nBig\n"))

    def turn() -> None:
        if not answers:
            other = threading.Thread(target=ask)
            other.start()
            other.join(60)

    monkeypatch.setattr(transfer, "give_way", turn)
    assert send(api, people.admin, "/companies/import", "name\nAcme\nBeta\nZeta\n").json["created"] == 3
    return answers


def test_others_are_answered_during_an_import_and_a_second_one_waits(
    api: Api, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, refused = answers_during_an_import(api, people, monkeypatch)
    assert (listed.status, listed.json["items"]) == (200, [])
    assert (refused.status, refused.headers["retry-after"]) == (503, "10")
    assert send(api, people.admin, "/deals/import", "name\nBig\n").json["created"] == 1


def test_others_get_a_turn_for_each_row_read_and_each_row_written(
    api: Api, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[None] = []
    monkeypatch.setattr(transfer, "give_way", lambda: turns.append(None))
    send(api, people.admin, "/companies/import", "name\nAcme\nBeta\nZeta\n")
    assert len(turns) == 6


def test_imports_leave_connections_to_others(api: Api) -> None:
    """The configuration's five connections let two in, and a third organisation's finds no room."""
    gate = api.app.records.imports
    with gate.enter(uuid4()), gate.enter(uuid4()), pytest.raises(Unavailable), gate.enter(uuid4()):
        pass


def test_who_leaves_makes_room() -> None:
    gate, one = Gate(1), uuid4()
    for who in (one, one, uuid4()):
        with gate.enter(who):
            pass


def test_another_content_type_is_a_415(api: Api, people: People) -> None:
    assert send(api, people.admin, "/companies/import", "name\n", Content_Type="text/plain").status == 415


def test_a_large_file_is_a_413(api: Api, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MAX_ROWS", 2)
    assert send(api, people.admin, "/companies/import", "name\nA\nB\nC\n").status == 413
    assert names(api, people) == []
    assert send(api, people.admin, "/companies/import", b"name\n" + b"x\n" * transfer.MAX_BYTES).status == 413


def test_an_import_needs_its_permission(api: Api, people: People) -> None:
    assert send(api, people.viewer, "/deals/import", "name\nA\n").status == 403
    reader = scoped_to(people.admin, "deals:read", "deals:write")
    assert send(api, reader, "/deals/import", "name\nA\n").status == 403
    assert send(api, scoped_to(people.admin, "deals:import"), "/deals/import", "name\nA\n").status == 200


def test_what_an_agent_imports_is_the_agents(api: Api, people: People) -> None:
    assert send(api, people.agent, "/deals/import", "name\nMine\n").status == 200
    (deal,) = api(people.admin, "GET", "/deals").json["items"]
    assert deal["owner_id"] == str(people.agent.user_id)


def test_an_export_is_a_file_to_be_saved(api: Api, people: People) -> None:
    send(api, people.admin, "/companies/import", "name\nAcme\n")
    answer = api(people.admin, "GET", "/companies/export")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="companies.csv"'
    assert answer.text.splitlines()[1].split(",")[2] == "Acme"


def test_an_export_comes_back_unchanged(api: Api, people: People) -> None:
    send(api, people.admin, "/companies/import", "name,parent\n=Child,@Parent\n@Parent,\n")
    text = api(people.admin, "GET", "/companies/export").text
    assert send(api, people.admin, "/companies/import", text).json["unchanged"] == 2


def test_an_export_shows_what_the_list_shows(api: Api, people: People) -> None:
    send(api, people.agent, "/deals/import", "name\nAsha's\n")
    send(api, people.stranger, "/deals/import", "name\nWim's\n")
    for who, seen in ((people.agent, 1), (people.manager, 1), (people.viewer, 2), (people.admin, 2)):
        assert len(api(who, "GET", "/deals/export").text.splitlines()) == 1 + seen
    assert len(api(people.admin, "GET", f"/deals/export?owner_id={people.agent.user_id}").text.splitlines()) == 2


def test_an_export_needs_its_permission(api: Api, people: People) -> None:
    assert api(scoped_to(people.admin, "deals:read"), "GET", "/deals/export").status == 403
    assert api(scoped_to(people.admin, "deals:export"), "GET", "/deals/export").status == 200


def test_an_unknown_filter_of_an_export_is_a_400(api: Api, people: People) -> None:
    assert api(people.admin, "GET", "/deals/export?nmae=x").status == 400
