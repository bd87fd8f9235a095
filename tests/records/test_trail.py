"""What a change leaves behind: an audit entry and an event, in its own transaction, and nothing where nothing changed."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from bharat.contracts.errors import Conflict, Invalid
from bharat.data.audit import audit_entries
from bharat.work.tables import events
from tests.records.conftest import Actions


def told(do: Actions) -> list[tuple[str, Any]]:
    rows = do.database.read(do.people.organisation_id).rows(
        sa.select(audit_entries.c.action, audit_entries.c.changes).order_by(audit_entries.c.id)
    )
    return [(row.action, row.changes) for row in rows]


def emitted(do: Actions) -> list[tuple[str, Any]]:
    rows = do.database.read(do.people.organisation_id).rows(
        sa.select(events.c.type, events.c.data).order_by(events.c.id)
    )
    return [(row.type, row.data) for row in rows]


def test_each_field_is_told_before_and_after(do: Actions) -> None:
    deal = do.create("deal", do.people.agent, name="A", close_date="2026-01-02", amount="1", amount_currency="USD")
    do.update("deal", deal["id"], amount="2.5", close_date=None)
    do.delete("deal", deal["id"])
    do.restore("deal", deal["id"])
    created, updated, deleted, restored = told(do)
    owner, team = str(do.people.agent.user_id), str(do.people.east)
    assert created == (
        "deal.created",
        {
            "name": [None, "A"], "stage": [None, "open"], "hot": [None, False], "close_date": [None, "2026-01-02"],
            "amount": [None, "1.0000"], "amount_currency": [None, "USD"], "owner_id": [None, owner], "team_id": [None, team],
        },
    )  # fmt: skip
    assert updated == ("deal.updated", {"amount": ["1.0000", "2.5000"], "close_date": ["2026-01-02", None]})
    assert deleted[0] == "deal.deleted"
    assert deleted[1]["deleted_at"][0] is None
    assert restored == ("deal.restored", {"deleted_at": [deleted[1]["deleted_at"][1], None]})
    assert [type for type, _ in emitted(do)] == ["deal.created", "deal.updated", "deal.deleted", "deal.restored"]
    assert emitted(do)[1][1] == {
        "version": 2, "changed": ["amount", "close_date"], "owner_id": owner, "team_id": team
    }  # fmt: skip


def test_an_entry_names_who_did_it(do: Actions) -> None:
    do.create("deal", do.people.agent, name="A")
    row = do.database.read(do.people.organisation_id).rows(sa.select(audit_entries))[0]
    assert (row.actor_kind, row.actor_id) == ("user", do.people.agent.user_id)


def test_a_change_of_nothing_leaves_nothing(do: Actions) -> None:
    deal = do.create("deal", name="A", amount="1", amount_currency="USD", called_at="2026-01-01T00:00:00Z")
    same = do.update(
        "deal", deal["id"], version=1, name=" A ", amount="1.00", called_at="2026-01-01T01:00:00+01:00", custom={}
    )
    assert same == deal
    assert do.restore("deal", deal["id"]) == deal
    assert len(told(do)) == len(emitted(do)) == 1


def test_what_fails_leaves_nothing(do: Actions) -> None:
    do.create("company", name="Acme")
    with pytest.raises(Conflict):
        do.create("company", name="ACME")
    with pytest.raises(Invalid):
        do.create("deal", name="A", stage="lost")
    assert len(told(do)) == len(emitted(do)) == 1


def test_what_a_rule_adds_is_told_too(do: Actions) -> None:
    deal = do.create("deal", name="A")
    won = do.update("deal", deal["id"], stage="won")
    assert won["closed_on"] is not None
    assert told(do)[1][1] == {"stage": ["open", "won"], "closed_on": [None, won["closed_on"].isoformat()]}
