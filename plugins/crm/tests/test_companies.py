"""Companies form groups, never rings."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from bharat.records.lookups import Lookups
from bharat_crm import company_rules
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


def chain(desk: Desk, name: str, levels: int) -> list[dict[str, Any]]:
    found = [desk.create("companies", name=f"{name} 0")]
    for level in range(1, levels):
        found.append(desk.create("companies", name=f"{name} {level}", parent_id=found[-1]["id"]))
    return found


def test_a_group_is_moved_only_where_all_of_it_has_room(desk: Desk) -> None:
    """Those at the bottom of the group get the levels above its new parent too."""
    upper, lower = chain(desk, "Upper", 30), chain(desk, "Lower", DEEPEST + 1 - 30 + 1)
    assert put_under(desk, lower[0], upper[-1]) == (422, ["/parent_id"])
    assert put_under(desk, lower[0], upper[-2]) == (200, [])
    assert put_under(desk, lower[0], upper[-1]) == (422, ["/parent_id"])
    # Its lower part alone has room there.
    assert put_under(desk, lower[1], upper[-1]) == (200, [])


def test_the_levels_above_are_read_at_once(desk: Desk) -> None:
    bottom = chain(desk, "Upper", 20)[-1]
    seen = []
    engine = desk.site.app.database.engine

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        desk.create("companies", name="Last", parent_id=bottom["id"])
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    assert len(seen) < 20


def moves_that_close_a_ring(desk: Desk, version: int | str) -> list[int]:
    """Two companies are each put under the other, the second move begun before the first is committed."""
    one, other = desk.create("companies", name="One"), desk.create("companies", name="Other")
    both_began = threading.Barrier(2, timeout=10)
    find = Lookups.find

    def slowed(self: Lookups, *arguments: Any, **more: Any) -> Any:
        found = find(self, *arguments, **more)
        both_began.wait()
        return found

    def move(company: dict[str, Any], parent: dict[str, Any]) -> int:
        path = f"/api/v1/companies/{company['id']}"
        status: int = desk.admin.patch(path, {"parent_id": parent["id"]}, version).status_code
        return status

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(Lookups, "find", slowed)
        return sorted(pool.map(move, (one, other), (other, one)))


@pytest.mark.parametrize("version", [1, "*"])
@pytest.mark.parametrize("dialect", ["postgresql"])
def test_of_two_moves_that_would_close_a_ring_together_one_is_refused(desk: Desk, version: int | str) -> None:
    assert moves_that_close_a_ring(desk, version) == [200, 422]


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_without_taking_turns_they_close_the_ring(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant of `take_turn(change.unit)` in `refuse_cycles`."""
    monkeypatch.setattr(company_rules, "take_turn", lambda unit: None)
    assert moves_that_close_a_ring(desk, 1) == [200, 200]
