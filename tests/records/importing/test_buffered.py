"""A unit that saves up its inserts looks to its users like any other."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.accounts.tables import teams
from bharat.contracts.database import Unit
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, new_id
from bharat.records.importing.buffered import BufferedUnit, Refusal

_NAMES = sa.select(teams.c.name).order_by(teams.c.name)


@pytest.fixture
def unit(database: BharatDatabase, organisation_id: UUID) -> Iterator[Unit]:
    with database.write(organisation_id, SYSTEM) as opened:
        yield opened


@pytest.fixture
def buffered(unit: Unit) -> BufferedUnit:
    return BufferedUnit(unit)


def add(unit: BufferedUnit, *names: str) -> None:
    for name in names:
        row = {"id": new_id(), "name": name, "version": 1, "created_at": unit.at, "updated_at": unit.at}
        unit.append(teams, row)


def test_a_read_sees_the_rows_that_wait(buffered: BufferedUnit) -> None:
    add(buffered, "North", "South")
    assert [row.name for row in buffered.rows(_NAMES)] == ["North", "South"]


def test_a_read_that_was_answered_before_sees_a_later_row(buffered: BufferedUnit) -> None:
    add(buffered, "North")
    assert buffered.scalar(_NAMES) == "North"
    add(buffered, "East")
    assert buffered.scalar(_NAMES) == "East"


def test_a_read_of_other_tables_lets_the_rows_wait(buffered: BufferedUnit, unit: Unit) -> None:
    from bharat.accounts.tables import users

    add(buffered, "North")
    buffered.rows(sa.select(users.c.id))
    assert unit.rows(_NAMES) == []


def test_a_read_inside_another_statement_is_noticed(buffered: BufferedUnit) -> None:
    add(buffered, "North")
    inner = sa.select(sa.func.count()).select_from(teams).scalar_subquery()
    assert buffered.scalar(sa.select(inner)) == 1


def test_a_change_sees_the_rows_that_wait(buffered: BufferedUnit) -> None:
    add(buffered, "North")
    assert buffered.execute(teams.update().values(region="up")).rowcount == 1


def test_rows_that_are_forgotten_are_not_written(buffered: BufferedUnit) -> None:
    add(buffered, "North")
    buffered.begin_row()
    add(buffered, "South")
    buffered.forget_row()
    buffered.flush()
    assert [row.name for row in buffered.rows(_NAMES)] == ["North"]


def test_a_row_can_be_forgotten_though_those_before_it_were_run(buffered: BufferedUnit) -> None:
    add(buffered, "North")
    buffered.begin_row()
    assert [row.name for row in buffered.rows(_NAMES)] == ["North"]
    add(buffered, "South")
    assert not buffered.row_was_run
    buffered.forget_row()
    buffered.flush()
    assert [row.name for row in buffered.rows(_NAMES)] == ["North"]


def test_a_row_that_was_run_itself_is_known(buffered: BufferedUnit) -> None:
    buffered.begin_row()
    add(buffered, "North")
    buffered.rows(_NAMES)
    assert buffered.row_was_run
    buffered.begin_row()
    buffered.execute(teams.update().values(region="up"))
    assert buffered.row_was_run


def test_a_refused_row_shows_when_the_rows_are_run(buffered: BufferedUnit, unit: Unit) -> None:
    add(buffered, "North", "North")
    with pytest.raises(Refusal), unit.savepoint():
        buffered.flush()
    assert unit.rows(_NAMES) == []


def test_a_savepoint_that_goes_back_takes_its_waiting_rows_along(buffered: BufferedUnit) -> None:
    def fail() -> None:
        with buffered.savepoint():
            add(buffered, "South")
            raise LookupError

    add(buffered, "North")
    with pytest.raises(LookupError):
        fail()
    buffered.flush()
    assert [row.name for row in buffered.rows(_NAMES)] == ["North"]


def test_another_insert_is_run_at_once_and_has_a_result(buffered: BufferedUnit, unit: Unit) -> None:
    add(buffered, "North")
    row = {"id": new_id(), "name": "South", "version": 1, "created_at": unit.at, "updated_at": unit.at}
    assert buffered.execute(teams.insert(), row).is_insert
    assert buffered.waiting == 0
    assert [row.name for row in unit.rows(_NAMES)] == ["North", "South"]


def test_it_belongs_to_the_unit_it_stands_before(buffered: BufferedUnit, unit: Unit) -> None:
    assert (buffered.organisation_id, buffered.actor, buffered.at) == (unit.organisation_id, unit.actor, unit.at)
