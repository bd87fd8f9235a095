"""Units of work and reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.contracts.database import Reader
from bharat.contracts.errors import Unavailable
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, new_id
from bharat.data.clock import OffsetClock
from bharat.data.engine import EngineOptions
from bharat.data.tenancy import TenancyError
from tests.data.conftest import Pair
from tests.data.shop import customers, doors, orders

NAMES = sa.select(customers.c.name).order_by(customers.c.name)


def names(database: BharatDatabase, organisation: UUID) -> list[str]:
    return [row.name for row in database.read(organisation).rows(NAMES)]


def test_what_a_unit_writes_is_read_after_its_commit(database: BharatDatabase, organisation_id: UUID) -> None:
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": "Ada"})
        assert unit.scalar(NAMES) == "Ada"
        assert names(database, organisation_id) == []
    assert names(database, organisation_id) == ["Ada"]


def test_an_exception_rolls_everything_back(database: BharatDatabase, organisation_id: UUID) -> None:
    with pytest.raises(KeyError), database.write(organisation_id, SYSTEM) as unit:  # noqa: PT012
        unit.execute(customers.insert(), {"id": new_id(), "name": "Ada"})
        unit.on_commit(lambda: pytest.fail("called although nothing was committed"))
        raise KeyError
    assert names(database, organisation_id) == []
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": "Bob"})
    assert names(database, organisation_id) == ["Bob"]


def test_a_unit_goes_on_after_a_violated_constraint_in_a_savepoint(
    database: BharatDatabase, organisation_id: UUID
) -> None:
    row = {"id": new_id(), "name": "Ada"}
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(customers.insert(), row)
        with pytest.raises(sa.exc.IntegrityError), unit.savepoint():  # noqa: PT012
            unit.execute(customers.insert(), {"id": new_id(), "name": "undone"})
            unit.execute(customers.insert(), row)
        unit.execute(customers.insert(), {"id": new_id(), "name": "Bob"})
    assert names(database, organisation_id) == ["Ada", "Bob"]


def appended(*rows: tuple[sa.Table, str]) -> list[tuple[sa.Table, dict[str, object]]]:
    return [(table, {"id": new_id(), "code" if table is orders else "name": value}) for table, value in rows]


@pytest.mark.parametrize(
    "rows",
    [
        appended((customers, "Ada")),
        appended((customers, "Ada"), (orders, "A")),
        appended((customers, "Ada"), (orders, "A"), (doors, "1")),
        appended((customers, "Ada"), (orders, "A"), (customers, "Bob")),
    ],
)
def test_appended_rows_are_there_for_the_next_statement_and_after_the_commit(
    database: BharatDatabase, pair: Pair, rows: list[tuple[sa.Table, dict[str, object]]]
) -> None:
    def stored(reader: Reader) -> list[str]:
        tables = ((customers, customers.c.name), (orders, orders.c.code), (doors, doors.c.name))
        return [
            row[0]
            for table, shown in tables
            for row in reader.rows(sa.select(shown).where(table.c.id.in_([given["id"] for _, given in rows])))
        ]

    expected = sorted(str(row.get("name") or row["code"]) for _, row in rows)
    with pytest.raises(KeyError), database.write(pair.acme, SYSTEM) as unit:  # noqa: PT012
        for table, row in rows:
            unit.append(table, row)
        assert sorted(stored(unit)) == expected
        raise KeyError
    assert stored(database.read(pair.acme)) == []
    with database.write(pair.acme, SYSTEM) as unit:
        for table, row in rows:
            unit.append(table, row)
    assert sorted(stored(database.read(pair.acme))) == expected
    assert stored(database.read(pair.globex)) == []


def test_a_savepoint_that_is_undone_takes_what_was_appended_in_it_along(
    database: BharatDatabase, organisation_id: UUID
) -> None:
    with database.write(organisation_id, SYSTEM) as unit:
        unit.append(customers, {"id": new_id(), "name": "before"})
        with pytest.raises(KeyError), unit.savepoint():  # noqa: PT012
            unit.append(customers, {"id": new_id(), "name": "undone"})
            raise KeyError
        with unit.savepoint():
            unit.append(customers, {"id": new_id(), "name": "kept"})
        unit.append(customers, {"id": new_id(), "name": "last"})
    assert names(database, organisation_id) == ["before", "kept", "last"]


def test_a_row_can_not_be_appended_for_another_organisation_or_for_none(database: BharatDatabase, pair: Pair) -> None:
    with database.write(pair.acme, SYSTEM) as unit:
        unit.append(customers, {"id": new_id(), "name": "mine", "organisation_id": pair.globex})
        unit.append(orders, {"id": new_id(), "code": "mine", "organisation_id": pair.globex})
    assert "mine" not in names(database, pair.globex)
    with pytest.raises(TenancyError), database.write(None, SYSTEM) as unit:
        unit.append(customers, {"id": new_id(), "name": "nobody's"})


def test_a_constraint_violated_by_an_appended_row_undoes_the_unit(database: BharatDatabase, pair: Pair) -> None:
    row = {"id": new_id(), "name": "Ada"}
    with pytest.raises(sa.exc.IntegrityError), database.write(pair.acme, SYSTEM) as unit:  # noqa: PT012
        unit.execute(customers.insert(), row)
        unit.append(orders, {"id": new_id(), "code": "A"})
        unit.append(customers, row)
    assert "Ada" not in names(database, pair.acme)


def test_an_error_does_not_repeat_the_values(database: BharatDatabase, organisation_id: UUID) -> None:
    row = {"id": new_id(), "name": "a secret"}
    with pytest.raises(sa.exc.IntegrityError) as caught, database.write(organisation_id, SYSTEM) as unit:  # noqa: PT012
        unit.execute(customers.insert(), row)
        unit.execute(customers.insert(), row)
    assert "a secret" not in str(caught.value)


def test_callbacks_run_after_the_commit_in_order_and_one_that_fails_stops_no_other(
    database: BharatDatabase, organisation_id: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[list[str]] = []
    woken: list[tuple[UUID, str, datetime | None]] = []

    def wake(job: UUID, queue: str, at: datetime | None) -> None:
        woken.append((job, queue, at))
        raise OSError("the waker is down")

    database.wake = wake
    job = new_id()
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": "Ada"})
        unit.wake(job, "mail", None)
        unit.on_commit(lambda: seen.append(names(database, organisation_id)))
        unit.on_commit(lambda: 1 / 0)  # type: ignore[arg-type]
        unit.on_commit(lambda: seen.append(["last"]))
        assert not seen
        assert not woken
    assert seen == [["Ada"], ["last"]]
    assert woken == [(job, "mail", None)]
    assert caplog.text.count("callback after commit failed") == 2


def test_nothing_stays_on_a_connection_that_others_use_next(
    database_options: EngineOptions, open_database: Callable[[EngineOptions], BharatDatabase], pair: Pair
) -> None:
    database = open_database(replace(database_options, pool_size=1))
    for _ in range(10):
        assert names(database, pair.acme) == ["acme"]
        assert names(database, pair.globex) == ["globex"]
        with database.write(pair.acme, SYSTEM) as unit:
            assert unit.scalar(NAMES) == "acme"
        with pytest.raises(KeyError), database.write(pair.globex, SYSTEM) as unit:  # noqa: PT012
            assert unit.scalar(NAMES) == "globex"
            raise KeyError
    if database.dialect == "postgresql":
        with database.engine.connect() as connection:
            assert connection.execute(NAMES).all() == []


def test_rows_row_and_scalar(database: BharatDatabase, pair: Pair) -> None:
    none = sa.select(customers.c.name).where(customers.c.name == sa.bindparam("wanted"))
    by_name = database.prepare(none)
    reader = database.read(pair.acme)
    assert reader.rows(none, {"wanted": "nobody"}) == []
    assert reader.row(none, {"wanted": "nobody"}) is None
    assert reader.scalar(none, {"wanted": "nobody"}) is None
    found = reader.row(by_name, {"wanted": "acme"})
    assert found is not None
    assert found.name == "acme"
    with database.write(pair.acme, SYSTEM) as unit:
        assert unit.scalar(by_name, {"wanted": "acme"}) == "acme"
        assert unit.scalar(by_name, {"wanted": "globex"}) is None
        assert unit.row(none, {"wanted": "acme"}) == found


def test_a_statement_is_rewritten_once(database: BharatDatabase) -> None:
    statement = sa.select(customers)
    assert database.prepare(statement) is database.prepare(statement)
    assert database.prepare(database.prepare(statement)) is database.prepare(statement)


def test_the_databases_clock_goes_on_and_is_shifted_in_statements_made_before(
    database: BharatDatabase, clock: OffsetClock, organisation_id: UUID
) -> None:
    prepared = database.prepare(sa.select(database.now(), database.after(timedelta(hours=1))))
    first, first_later = tuple(database.read(None).rows(prepared)[0])
    assert abs(first - datetime.now(UTC)) < timedelta(seconds=60)
    assert timedelta(minutes=59) < first_later - first < timedelta(minutes=61)
    clock.offset = timedelta(days=2)
    second = database.read(None).scalar(prepared)
    assert timedelta(days=2) <= second - first < timedelta(days=2, seconds=60)
    with database.write(organisation_id, SYSTEM) as unit:
        assert timedelta(0) <= unit.at - second < timedelta(seconds=60)


def test_a_wrong_statement_is_not_reported_as_an_outage(owner_database: BharatDatabase, pair: Pair) -> None:
    with owner_database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE shop_orders")
    with pytest.raises(sa.exc.DBAPIError, match="shop_orders"):
        owner_database.read(pair.acme).rows(sa.select(orders))
    with pytest.raises(sa.exc.DBAPIError, match="shop_orders"), owner_database.write(pair.acme, SYSTEM) as unit:
        unit.rows(sa.select(orders))


def test_an_exhausted_pool_is_unavailable_and_recovers(
    database_options: EngineOptions, open_database: Callable[[EngineOptions], BharatDatabase], pair: Pair
) -> None:
    database = open_database(replace(database_options, pool_size=1, pool_timeout=timedelta(milliseconds=50)))
    with database.engine.connect():
        with pytest.raises(Unavailable, match="in use"):
            names(database, pair.acme)
        with pytest.raises(Unavailable, match="in use"), database.write(pair.acme, SYSTEM):
            pass
    assert names(database, pair.acme) == ["acme"]


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(EngineOptions("postgresql://me:secret@host/name"))
