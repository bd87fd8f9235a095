"""A deal that names no stage meets somebody who deletes or closes the stage it would begin in. SQLite has one writer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from bharat.contracts.database import Unit
from bharat.contracts.principal import SYSTEM
from bharat_crm import deal_rules
from plugins.crm.tests.desk import Desk

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"])

FIRST, SECOND = "Prospecting", "Engaging"


def delete(desk: Desk) -> int:
    return int(desk.admin.delete(f"/api/v1/stages/{desk.stages[FIRST]}").status_code)


def close(desk: Desk) -> int:
    return int(desk.admin.patch(f"/api/v1/stages/{desk.stages[FIRST]}", {"outcome": "won"}).status_code)


both = pytest.mark.parametrize("change", [delete, close])


def met_after_the_choice(desk: Desk, change: Callable[[Desk], int]) -> int:
    """What `change` of the first stage is answered, begun when a deal has chosen it and is not written yet."""
    chosen = threading.Event()
    statuses: list[int] = []
    choose = deal_rules._first_stage

    def run() -> None:
        chosen.wait(10)
        statuses.append(change(desk))

    other = threading.Thread(target=run)

    def choose_then_wait(*arguments: Any) -> Any:
        stage = choose(*arguments)
        chosen.set()
        # Long enough for the change to run if nothing holds it up; it normally waits for the deal.
        other.join(1)
        return stage

    other.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deal_rules, "_first_stage", choose_then_wait)
        assert desk.deal()["stage_id"] == desk.stages[FIRST]
    other.join(10)
    return statuses[0]


@both
def test_a_stage_stays_as_it_is_while_a_deal_begins_in_it(desk: Desk, change: Callable[[Desk], int]) -> None:
    assert met_after_the_choice(desk, change) == 409


@both
def test_without_the_lock_the_deal_is_in_a_deleted_or_closed_stage(
    desk: Desk, change: Callable[[Desk], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant of `.with_for_update(read=True)` in `_FIRST_STAGE`."""
    monkeypatch.setattr(deal_rules, "_FIRST_STAGE", deal_rules._FIRST_OPEN)
    assert met_after_the_choice(desk, change) in (200, 204)


def wait_until_somebody_waits(desk: Desk) -> None:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with desk.site.app.database.engine.connect() as connection:
        for _ in range(1000):
            if connection.exec_driver_sql(asked).scalar_one():
                return
            time.sleep(0.01)
    pytest.fail("nobody waits for the lock")


@pytest.mark.parametrize("body", [None, {"outcome": "won"}], ids=["deleted", "closed"])
def test_a_deal_passes_over_a_stage_that_is_being_changed(desk: Desk, body: dict[str, str] | None) -> None:
    writer = desk.site.app.records.records("stage").writer
    stage = UUID(desk.stages[FIRST])

    def change(unit: Unit) -> None:
        if body is None:
            writer.delete(unit, None, stage, None)
        else:
            writer.update(unit, None, stage, body, None)

    with ThreadPoolExecutor(1) as pool:
        with desk.site.app.database.write(desk.organisation_id, SYSTEM) as unit:
            change(unit)
            made = pool.submit(desk.deal)
            wait_until_somebody_waits(desk)
        assert made.result(30)["stage_id"] == desk.stages[SECOND]
