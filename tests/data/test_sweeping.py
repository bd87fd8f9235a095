"""What has ended goes a little at a time, and nothing else goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, new_id, sweeping
from bharat.data.database import DatabaseReader
from bharat.data.sweeping import sweep
from tests.data.conftest import Pair
from tests.data.shop import customers

_ENDED = customers.c.name == "ended"
_NAMES = sa.select(customers.c.name).order_by(customers.c.name)


def add(database: BharatDatabase, organisation_id: UUID, names: Sequence[str]) -> None:
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(customers.insert(), [{"id": new_id(), "name": name} for name in names])


def names(database: BharatDatabase, organisation_id: UUID) -> list[str]:
    return [row.name for row in database.read(organisation_id).rows(_NAMES)]


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch) -> list[UUID | None]:
    """For whom units of work were opened."""
    opened: list[UUID | None] = []
    write = BharatDatabase.write

    def noting(database: BharatDatabase, organisation_id: UUID | None, *more: Any, **named: Any) -> Any:
        opened.append(organisation_id)
        return write(database, organisation_id, *more, **named)

    monkeypatch.setattr(BharatDatabase, "write", noting)
    return opened


def test_rows_go_in_batches_and_those_of_others_stay(
    database: BharatDatabase, pair: Pair, units: list[UUID | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    for organisation_id in (pair.acme, pair.globex):
        add(database, organisation_id, ["ended"] * 5)
    units.clear()
    assert sweep(database, pair.acme, customers, _ENDED) == 5
    assert units == [pair.acme] * 3
    assert names(database, pair.acme) == ["acme"]
    assert names(database, pair.globex) == ["ended"] * 5 + ["globex"]


def test_where_nothing_has_ended_nobody_waits_for_the_writer(
    database: BharatDatabase, pair: Pair, units: list[UUID | None]
) -> None:
    units.clear()
    assert sweep(database, pair.acme, customers, _ENDED) == 0
    assert units == []


def a_row_that_lives_on_stays(database: BharatDatabase, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found, and renewed before the delete."""
    add(database, pair.acme, ["ended"])
    rows = DatabaseReader.rows

    def then_renew(reader: DatabaseReader, *more: Any) -> Sequence[sa.Row[Any]]:
        found = rows(reader, *more)
        with database.write(pair.acme, SYSTEM) as unit:
            unit.execute(customers.update().where(_ENDED).values(name="renewed"))
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(DatabaseReader, "rows", then_renew)
        sweep(database, pair.acme, customers, _ENDED)
    assert names(database, pair.acme) == ["acme", "renewed"]


def test_a_row_that_lives_on_stays(database: BharatDatabase, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protected: `_delete` asks for `ended` again."""
    a_row_that_lives_on_stays(database, pair, monkeypatch)


def test_mutant_that_does_not_ask_again_deletes_it(
    database: BharatDatabase, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = sweeping._delete
    monkeypatch.setattr(sweeping, "_delete", lambda table, ended: delete(table, sa.true()))
    with pytest.raises(AssertionError):
        a_row_that_lives_on_stays(database, pair, monkeypatch)
