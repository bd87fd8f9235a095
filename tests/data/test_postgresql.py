"""PostgreSQL: the read that says in its own statement for whom it is, its plans, and connections that break."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from bharat.contracts.errors import Unavailable
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, new_id, tenancy
from bharat.data.beginning import begin
from bharat.data.clock import OffsetClock
from bharat.data.engine import EngineOptions, parse_url
from bharat.data.schema import Schema
from bharat.data.statements import bind, for_reading
from bharat_local_servers import Postgres
from bharat_local_servers.pytest_fixtures import required
from tests.data.conftest import Pair
from tests.data.shop import customers, doors, orders, stock
from tests.fixtures.databases import NewOrganisation, make_organisation
from tests.fixtures.servers import Migrated, PostgresqlDatabases

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"])

OpenDatabase = Callable[[EngineOptions], BharatDatabase]
NAMES = sa.select(customers.c.name)


def with_setting(options: EngineOptions, name: str, value: str) -> EngineOptions:
    """The options with a run-time setting of PostgreSQL's, and one connection."""
    url = parse_url(options.url).update_query_dict({"options": f"-c{name}={value}"})
    return replace(options, url=url.render_as_string(hide_password=False), pool_size=1)


def driver(options: EngineOptions) -> psycopg.Connection[Any]:
    url = parse_url(options.url).set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


@pytest.mark.usefixtures("pair")
def test_with_no_organisation_set_there_are_no_rows(database: BharatDatabase) -> None:
    with database.engine.connect() as connection:
        for table in (customers, orders, doors):
            assert connection.execute(sa.select(table)).all() == []


@pytest.mark.parametrize("left", ["another", "none", "platform"])
def test_what_somebody_left_on_the_connection_does_not_matter(
    database_options: EngineOptions,
    open_database: OpenDatabase,
    pair: Pair,
    left: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By row-level security alone: the code's rule is taken away."""
    name, value = {
        "another": ("bharat.organisation", str(pair.globex)),
        "none": ("bharat.organisation", ""),
        "platform": ("bharat.platform", "on"),
    }[left]
    database = open_database(with_setting(database_options, name, value))
    monkeypatch.setattr(tenancy, "_criteria", lambda limits: ())
    for _ in range(8):
        assert [row.name for row in database.read(pair.acme).rows(NAMES)] == ["acme"]
        with database.write(pair.acme, SYSTEM) as unit:
            assert [row.name for row in unit.rows(NAMES)] == ["acme"]
            assert [row.name for row in unit.rows(sa.select(doors.c.name))] == ["acme"]


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan", "force_custom_plan"])
def test_the_guard_holds_when_the_server_reuses_a_prepared_statement(
    database_options: EngineOptions,
    open_database: OpenDatabase,
    pair: Pair,
    mode: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """psycopg prepares at the fifth run, PostgreSQL may then plan once for all. By row-level security alone."""
    database = open_database(with_setting(database_options, "plan_cache_mode", mode))
    monkeypatch.setattr(tenancy, "_criteria", lambda limits: ())
    joined = sa.select(orders.c.note, customers.c.name).join(customers, customers.c.id == orders.c.customer_id)
    for statement in (database.prepare(NAMES), database.prepare(joined)):
        for _ in range(15):
            for organisation, name in ((pair.acme, "acme"), (pair.globex, "globex")):
                found = {value for row in database.read(organisation).rows(statement) for value in row}
                assert found == {name}
    with database.engine.connect() as connection:
        prepared = connection.exec_driver_sql(
            "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE '%%guard%%'"
        ).one()
    assert sum(prepared) > 30
    assert (prepared[0] > 0) == (mode != "force_custom_plan")


def test_without_the_guard_the_policies_show_nothing(
    database: BharatDatabase, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant: the statement no longer sets the organisation (`statements._RAN`). It fails closed."""
    monkeypatch.setattr("bharat.data.statements._RAN", {"organisation": sa.true()})
    reader = database.read(pair.acme)
    assert reader.rows(sa.select(customers.c.name)) == []


@pytest.fixture
def many_orders(migrated_core: Migrated, pair: Pair, new_organisation: NewOrganisation) -> UUID:
    """An organisation with 20,000 of 100,000 orders, the statistics fresh."""
    organisation = new_organisation("initech")
    with driver(migrated_core.owner) as connection:
        for owner, count in ((organisation, 20_000), (pair.globex, 80_000)):
            connection.execute(
                "INSERT INTO shop_orders (organisation_id, id, code, note) "
                "SELECT %s, gen_random_uuid(), 'M', 'n' FROM generate_series(1, %s)",
                (owner, count),
            )
        connection.execute("ANALYZE shop_orders")
    return organisation


def plan(options: EngineOptions, statement: sa.Select[Any], organisation: UUID, parameters: dict[str, Any]) -> str:
    """The plan of a read as the application's role gets it, as JSON text, after running it."""
    ready = for_reading(statement, "postgresql", platform=False)
    compiled = ready.compile(dialect=sa.create_engine("postgresql+psycopg://").dialect)
    values = compiled.construct_params(bind(ready, organisation, parameters))
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        names.append(match[1])
        return f"${len(names)}"

    text = re.sub(r"%\((\w+)\)s", number, str(compiled))
    arguments = sql.SQL(", ").join(sql.Literal(values[name]) for name in names)
    with driver(options) as connection:
        connection.execute(sql.SQL("PREPARE read AS {}").format(sql.SQL(text)))
        row = connection.execute(
            sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE read({})").format(arguments)
        ).fetchone()
    assert row is not None
    return json.dumps(row[0])


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
def test_a_keyset_page_of_many_rows_walks_the_index_in_order(
    database_options: EngineOptions, many_orders: UUID, mode: str
) -> None:
    """The guard and the policy must not keep the planner from (organisation_id, id): no sort, no scan of the table."""
    page = (
        sa.select(orders)
        .where(orders.c.id > sa.bindparam("after", type_=sa.Uuid), orders.c.code == "M")
        .order_by(orders.c.id)
        .limit(50)
    )
    options = with_setting(database_options, "plan_cache_mode", mode)
    for after in (UUID(int=0), UUID("80000000-0000-4000-8000-000000000000")):
        text = plan(options, page, many_orders, {"after": after})
        assert "ix_shop_orders_organisation_id_id" in text
        assert '"Sort"' not in text
        assert '"Seq Scan"' not in text
        assert max(map(int, re.findall(r'"Actual Rows": (\d+)', text))) <= 50


def test_a_row_by_its_id_is_found_by_an_index(database_options: EngineOptions, many_orders: UUID) -> None:
    one = sa.select(orders).where(orders.c.id == sa.bindparam("wanted", type_=sa.Uuid))
    text = plan(database_options, one, many_orders, {"wanted": new_id()})
    assert '"Seq Scan"' not in text


def close_all(options: EngineOptions) -> None:
    """End the application's connections on the server, as a restart or a failover does."""
    with driver(options) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )


def check_outliving(database: BharatDatabase, options: EngineOptions, pair: Pair) -> None:
    assert database.read(pair.acme).scalar(NAMES) == "acme"
    close_all(options)
    assert database.read(pair.acme).scalar(NAMES) == "acme"
    close_all(options)
    with database.write(pair.acme, SYSTEM) as unit:
        assert unit.scalar(NAMES) == "acme"


def test_a_read_and_a_unit_outlive_connections_that_were_closed(
    database: BharatDatabase, database_options: EngineOptions, pair: Pair
) -> None:
    check_outliving(database, database_options, pair)


def test_without_a_second_attempt_a_closed_connection_is_seen(
    database: BharatDatabase, database_options: EngineOptions, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant of the one above: `database._ATTEMPTS` is 1."""
    monkeypatch.setattr("bharat.data.database._ATTEMPTS", 1)
    with pytest.raises(Unavailable):
        check_outliving(database, database_options, pair)


def test_a_unit_whose_connection_is_closed_is_unavailable_and_leaves_nothing(
    database: BharatDatabase, database_options: EngineOptions, pair: Pair
) -> None:
    with pytest.raises(Unavailable), database.write(pair.acme, SYSTEM) as unit:  # noqa: PT012
        unit.execute(customers.insert(), {"id": new_id(), "name": "lost"})
        close_all(database_options)
        unit.execute(customers.insert(), {"id": new_id(), "name": "lost"})
    assert [row.name for row in database.read(pair.acme).rows(NAMES)] == ["acme"]


def test_of_two_units_that_wait_for_each_other_one_is_told_to_try_again(database: BharatDatabase, pair: Pair) -> None:
    ids = [pair.acme_customer, new_id()]
    with database.write(pair.acme, SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": ids[1], "name": "second"})
    both_began = threading.Barrier(2, timeout=10)
    rename = customers.update().where(customers.c.id == sa.bindparam("ID", type_=sa.Uuid)).values(name="renamed")

    def rename_both(in_order: list[UUID]) -> str:
        try:
            with database.write(pair.acme, SYSTEM) as unit:
                unit.execute(rename, {"ID": in_order[0]})
                both_began.wait()
                unit.execute(rename, {"ID": in_order[1]})
        except Unavailable as problem:
            return problem.detail
        return "renamed"

    with ThreadPoolExecutor(2) as pool:
        told = sorted(pool.map(rename_both, (ids, ids[::-1])))
    assert told == [
        "Others were changing the same records at the same time; nothing was changed, try again.",
        "renamed",
    ]


def a_note_beside_a_unit_that_holds_the_row(database: BharatDatabase, pair: Pair) -> str:
    """What becomes of a unit that doesn't wait, while another that has changed the same row goes on for three seconds."""
    changed, over = threading.Event(), threading.Event()
    rename = customers.update().where(customers.c.id == pair.acme_customer).values(name="renamed")

    def hold() -> None:
        with database.write(pair.acme, SYSTEM) as unit:
            unit.execute(rename)
            changed.set()
            over.wait(3)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert changed.wait(10)
        with database.write(pair.acme, SYSTEM, wait=False) as unit:
            unit.execute(rename)
    except Unavailable as problem:
        return problem.detail
    finally:
        over.set()
        thread.join()
    return "waited"


def test_a_unit_that_does_not_wait_gives_way_at_a_locked_row(database: BharatDatabase, pair: Pair) -> None:
    """Protected: `SET LOCAL lock_timeout` in `begin`."""
    assert "busy writing" in a_note_beside_a_unit_that_holds_the_row(database, pair)
    with database.write(pair.acme, SYSTEM) as unit:
        assert unit.scalar(sa.select(sa.func.current_setting("lock_timeout"))) == "0"


def test_mutant_without_the_limit_it_waits(
    database: BharatDatabase, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.data.database.begin", lambda connection, whose, patience: begin(connection, whose))
    assert a_note_beside_a_unit_that_holds_the_row(database, pair) == "waited"


def test_a_statement_that_takes_too_long_is_ended(database_options: EngineOptions, open_database: OpenDatabase) -> None:
    database = open_database(with_setting(database_options, "statement_timeout", "50"))
    with pytest.raises(Unavailable):
        database.read(None).rows(sa.select(sa.func.pg_sleep(30)))


@pytest.fixture
def own_server(dialect: str) -> Iterator[Postgres]:
    """A server that this test may stop."""
    with required(lambda: Postgres(durable=False)) as server:
        yield server


def test_a_stopped_server_is_unavailable_and_all_goes_on_after_its_start(
    own_server: Postgres, shop_schema: Schema, tmp_path: Path, clock: OffsetClock
) -> None:
    databases = PostgresqlDatabases(own_server)
    with closing(databases), databases.copy(shop_schema, tmp_path) as migrated:
        database = BharatDatabase(migrated.application, clock)
        organisation = make_organisation(database, "acme")
        with database.write(organisation, SYSTEM) as unit:
            stock(unit, "acme")
        own_server.stop()
        with pytest.raises(Unavailable) as caught:
            database.read(organisation).rows(NAMES)
        assert str(own_server.port) not in str(caught.value)
        with pytest.raises(Unavailable), database.write(organisation, SYSTEM):
            pass
        own_server.start()
        assert database.read(organisation).scalar(NAMES) == "acme"
        with database.write(organisation, SYSTEM) as unit:
            assert unit.scalar(NAMES) == "acme"
        own_server.restart()
        with database.write(organisation, SYSTEM) as unit:
            assert unit.scalar(NAMES) == "acme"
        database.close()


def test_what_is_no_id_gets_into_no_message(database: BharatDatabase) -> None:
    """The protected line writes `organisation_id.hex` into the message that begins a unit."""
    anything: Any = "'; SELECT pg_sleep(60); --"
    with pytest.raises(AttributeError, match="hex"), database.write(anything, SYSTEM):
        pass
