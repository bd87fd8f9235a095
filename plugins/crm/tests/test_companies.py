"""Companies form groups, never rings."""

from __future__ import annotations

from typing import Any

from bharat_crm.company_rules import DEEPEST
from plugins.crm.tests.desk import Desk


def put_under(desk: Desk, company: dict[str, Any], parent: dict[str, Any]) -> tuple[int, list[str]]:
    answer = desk.admin.patch(f"/api/v1/companies/{company['id']}", {"parent_id": parent["id"]})
    return answer.status_code, [fault["path"] for fault in answer.json.get("errors", [])]


def test_a_company_may_belong_to_another(desk: Desk) -> None:
    parent = desk.create("companies", name="Parent")
    child = desk.create("companies", name="Child", parent_id=parent["id"])
    assert child["parent_id"] == parent["id"]


def test_a_company_can_not_belong_to_itself(desk: Desk) -> None:
    company = desk.create("companies", name="Alone")
    assert put_under(desk, company, company) == (422, ["/parent_id"])


def test_a_company_can_not_belong_to_one_below_it(desk: Desk) -> None:
    top = desk.create("companies", name="Top")
    middle = desk.create("companies", name="Middle", parent_id=top["id"])
    bottom = desk.create("companies", name="Bottom", parent_id=middle["id"])
    assert put_under(desk, top, bottom) == (422, ["/parent_id"])
    assert desk.admin.get(f"/api/v1/companies/{top['id']}").json["parent_id"] is None


def test_a_group_has_a_deepest_level(desk: Desk) -> None:
    above = desk.create("companies", name="Top")
    for level in range(1, DEEPEST + 1):
        above = desk.create("companies", name=f"Level {level}", parent_id=above["id"])
    answer = desk.admin.post("/api/v1/companies", {"name": "One too deep", "parent_id": above["id"]})
    assert answer.status_code == 422
