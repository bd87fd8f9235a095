"""Creating, changing, deleting and restoring."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bharat.contracts.errors import Conflict, Invalid, NotFound, PreconditionFailed
from bharat.data import new_id
from tests.records.conftest import Actions


def faults_of(problem: pytest.ExceptionInfo[Invalid] | pytest.ExceptionInfo[Conflict]) -> list[str]:
    return sorted(fault.path for fault in problem.value.faults)


def test_what_is_created_is_read_back_alike(do: Actions) -> None:
    company = do.create("company", name="Acme")
    created = do.create(
        "deal", name="  Big deal ", amount="1200.5", amount_currency="USD", probability="0.25", score=7,
        close_date="2026-03-01", called_at="2026-01-01T10:00:00+05:30", reason="one\ntwo", email="a@b.example",
        company=str(company["id"]),
    )  # fmt: skip
    assert created["name"] == "Big deal"
    assert created["amount"] == Decimal("1200.5000")
    assert created["close_date"] == date(2026, 3, 1)
    assert created["stage"] == "open"
    assert created["hot"] is False
    assert created["version"] == 1
    assert created["owner_id"] == do.people.admin.user_id
    assert do.read("deal", created["id"]) == created


def test_a_change_raises_the_version_and_is_read_back(do: Actions) -> None:
    deal = do.create("deal", name="A")
    changed = do.update("deal", deal["id"], version=1, name="B", score=3)
    assert (changed["version"], changed["name"], changed["score"]) == (2, "B", 3)
    assert do.read("deal", deal["id"]) == changed


def test_a_change_based_on_an_old_version_is_refused(do: Actions) -> None:
    deal = do.create("deal", name="A")
    do.update("deal", deal["id"], version=1, name="B")
    with pytest.raises(PreconditionFailed):
        do.update("deal", deal["id"], version=1, name="C")
    with pytest.raises(PreconditionFailed):
        do.delete("deal", deal["id"], version=1)
    found = do.read("deal", deal["id"])
    assert found is not None
    assert found["name"] == "B"


def test_a_deleted_record_is_gone_until_it_is_restored(do: Actions) -> None:
    deal = do.create("deal", name="A")
    do.delete("deal", deal["id"])
    assert do.read("deal", deal["id"]) is None
    with pytest.raises(NotFound):
        do.update("deal", deal["id"], name="B")
    restored = do.restore("deal", deal["id"])
    assert restored["version"] == 3
    assert do.read("deal", deal["id"]) == restored


def test_every_fault_is_named(do: Actions) -> None:
    with pytest.raises(Invalid) as wrong:
        do.create("deal", name=" ", amount="-1", score="x", colour="red", email="nobody", stage="maybe")
    assert faults_of(wrong) == ["/amount", "/colour", "/email", "/name", "/score", "/stage"]


def test_a_reference_to_nothing_is_a_fault(do: Actions) -> None:
    with pytest.raises(Invalid) as wrong:
        do.create("deal", name="A", company=str(new_id()), owner_id=str(new_id()))
    assert faults_of(wrong) == ["/company", "/owner_id"]


def test_a_duplicate_is_a_conflict_whatever_its_case(do: Actions) -> None:
    do.create("company", name="Éclair")
    with pytest.raises(Conflict) as conflict:
        do.create("company", name="éCLAIR")
    assert faults_of(conflict) == ["/name"]
