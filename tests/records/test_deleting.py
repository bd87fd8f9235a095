"""Deletes and restores beside what else is stored: references and unique values."""

from __future__ import annotations

import pytest

from bharat.contracts.errors import Conflict, Invalid
from tests.records.conftest import Actions


def test_what_live_records_refer_to_stays(do: Actions) -> None:
    company = do.create("company", name="Acme")
    deal = do.create("deal", name="A", company=str(company["id"]))
    with pytest.raises(Conflict, match="deal"):
        do.delete("company", company["id"])
    do.delete("deal", deal["id"])
    do.delete("company", company["id"])
    with pytest.raises(Conflict) as conflict:
        do.restore("deal", deal["id"])
    assert [fault.path for fault in conflict.value.faults] == ["/company"]
    do.restore("company", company["id"])
    do.restore("deal", deal["id"])


def test_a_reference_that_keeps_lets_its_target_go(do: Actions) -> None:
    first = do.create("deal", name="A")
    second = do.create("deal", name="B", deal_before=str(first["id"]))
    do.delete("deal", first["id"])
    found = do.read("deal", second["id"])
    assert found is not None
    assert found["deal_before"] == first["id"]
    do.update("deal", second["id"], name="C")
    with pytest.raises(Invalid):
        do.create("deal", name="D", deal_before=str(first["id"]))


def test_a_deleted_record_frees_its_unique_values_and_may_not_take_them_back(do: Actions) -> None:
    old = do.create("company", name="Acme")
    do.delete("company", old["id"])
    new = do.create("company", name="acme")
    with pytest.raises(Conflict) as conflict:
        do.restore("company", old["id"])
    assert [fault.path for fault in conflict.value.faults] == ["/name"]
    do.update("company", new["id"], name="Other")
    assert do.restore("company", old["id"])["name"] == "Acme"


def test_fields_unique_together_name_each_other(do: Actions) -> None:
    do.create("product", name="Pro", series="GTX")
    do.create("product", name="Pro", series="MG")
    do.create("product", name="Pro")
    do.create("product", name="Pro")
    with pytest.raises(Conflict) as conflict:
        do.create("product", name="pro", series="gtx")
    assert sorted(fault.path for fault in conflict.value.faults) == ["/name", "/series"]
