"""What is found about a real database, and that it is found."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import sql

from bharat.contracts import distance
from bharat.contracts.check import Finding, Status
from bharat.data import BharatDatabase
from bharat.data.clock import OffsetClock
from bharat.data.engine import EngineOptions, create_engine, parse_url
from bharat.data.health import Processes, answers, examine_database, free_space, postgresql, space
from bharat.data.schema import CORE, Schema
from bharat_local_servers import Postgres, ServerUnavailable
from bharat_local_servers.pytest_fixtures import missing
from tests.fixtures.servers import Migrated, PostgresqlDatabases

ONE = Processes(pool=5)
ON_POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"])
ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"])


def found(
    options: EngineOptions,
    schema: Schema | None,
    *,
    clock: OffsetClock | None = None,
    processes: Processes = ONE,
) -> dict[str, Finding]:
    """Every finding by what it is about."""
    engine = create_engine(replace(options, pool_size=1), autocommit=True)
    try:
        findings = examine_database(engine, options, schema, clock or OffsetClock(), processes)
        return {finding.about: finding for finding in findings}
    finally:
        engine.dispose()


def status(findings: dict[str, Finding], about: str) -> Status:
    return findings[about].status


def test_a_migrated_database_is_in_order(database_options: EngineOptions, core_schema: Schema, dialect: str) -> None:
    if dialect == "sqlite":
        Path(parse_url(database_options.url).database or "").chmod(0o600)
    findings = found(database_options, core_schema)
    assert [finding for finding in findings.values() if finding.status is not Status.OK] == []
    about = {
        "sqlite": ["version", "journal", "file", "space", "migrations", "integrity"],
        "postgresql": [
            *("round-trip", "clock", "version", "encoding", "role", "row-security"),
            *("connections", "migrations"),
        ],
    }
    assert list(findings) == about[dialect]


def test_an_empty_database_wants_to_be_migrated(empty_database: Migrated, core_schema: Schema) -> None:
    finding = found(empty_database.application, core_schema)["migrations"]
    assert (finding.status, finding.remedy) == (Status.FAILED, "run `bharat migrate`")
    assert f"{CORE} 0001" in finding.detail


def test_a_revision_that_a_newer_version_made_is_told(
    migrated_core: Migrated, core_schema: Schema, databases: object
) -> None:
    engine = create_engine(migrated_core.owner, autocommit=True)
    with engine.connect() as connection:
        connection.exec_driver_sql("UPDATE bharat_version_core SET version_num = '9999'")
    engine.dispose()
    finding = found(migrated_core.application, core_schema)["migrations"]
    assert finding.status is Status.FAILED
    assert "'9999'" in finding.detail
    assert "one version" in finding.remedy


def test_whether_it_answers_is_told(database: BharatDatabase, dialect: str) -> None:
    assert answers(database) == Finding(Status.OK, f"{dialect} answers")


# PostgreSQL.


@ON_POSTGRESQL
@pytest.mark.parametrize(
    ("offset", "expected"), [(0.2, Status.OK), (3, Status.DEGRADED), (-3, Status.DEGRADED), (-90, Status.FAILED)]
)
def test_a_clock_that_is_off_is_told(
    database_options: EngineOptions, core_schema: Schema, offset: float, expected: Status
) -> None:
    clock = OffsetClock(timedelta(seconds=offset))
    finding = found(database_options, core_schema, clock=clock)["clock"]
    assert finding.status is expected
    if expected is not Status.OK:
        assert f"{abs(offset)}.0 s {'behind' if offset < 0 else 'ahead of'} that of PostgreSQL" in finding.detail


@ON_POSTGRESQL
def test_a_server_that_is_far_away_is_told(
    database_options: EngineOptions, core_schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distance, "FAR", timedelta(0))
    finding = found(database_options, core_schema)["round-trip"]
    assert finding.status is Status.DEGRADED
    assert finding.detail.startswith("PostgreSQL answers in ")


@ON_POSTGRESQL
def test_the_owner_of_the_tables_is_no_role_for_the_application(migrated_core: Migrated, core_schema: Schema) -> None:
    finding = found(migrated_core.owner, core_schema)["role"]
    assert finding.status is Status.FAILED
    assert "it owns the tables" in finding.detail
    assert "bharat database role" in finding.remedy


@ON_POSTGRESQL
@pytest.mark.parametrize("trait", ["SUPERUSER", "BYPASSRLS"])
def test_a_role_that_is_above_row_level_security_is_told(
    database_options: EngineOptions, core_schema: Schema, postgresql_databases: PostgresqlDatabases, trait: str
) -> None:
    role = sql.Identifier(str(parse_url(database_options.url).username))
    postgresql_databases.admin.execute(sql.SQL("ALTER ROLE {} " + trait).format(role))
    try:
        finding = found(database_options, core_schema)["role"]
    finally:
        postgresql_databases.admin.execute(sql.SQL("ALTER ROLE {} NO" + trait).format(role))
    assert finding.status is Status.FAILED
    assert "superuser or may bypass" in finding.detail


@ON_POSTGRESQL
@pytest.mark.parametrize(
    "statement", ["ALTER TABLE {} DISABLE ROW LEVEL SECURITY", "DROP POLICY tenancy ON {}"], ids=["off", "no policy"]
)
def test_a_table_without_row_level_security_is_named(
    migrated_core: Migrated, core_schema: Schema, statement: str
) -> None:
    engine = create_engine(migrated_core.owner, autocommit=True)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement.format("events"))
    engine.dispose()
    finding = found(migrated_core.application, core_schema)["row-security"]
    assert (finding.status, finding.detail) == (Status.FAILED, "row-level security is off for events")


@ON_POSTGRESQL
def test_a_server_that_is_too_old_is_told(
    database_options: EngineOptions, core_schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "OLDEST", 99)
    finding = found(database_options, core_schema)["version"]
    assert (finding.status, finding.remedy) == (Status.FAILED, "upgrade the server to version 99 or newer")


@ON_POSTGRESQL
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_texts_that_are_kept_as_no_unicode_are_told(
    database_options: EngineOptions, postgresql_databases: PostgresqlDatabases, encoding: str
) -> None:
    name = f"{parse_url(database_options.url).database}_{encoding.lower()}"
    admin = postgresql_databases.admin
    admin.execute(
        sql.SQL("CREATE DATABASE {} ENCODING {} LOCALE 'C' TEMPLATE template0").format(
            sql.Identifier(name), sql.Literal(encoding)
        )
    )
    try:
        url = parse_url(database_options.url).set(database=name)
        finding = found(EngineOptions(url.render_as_string(hide_password=False)), None)["encoding"]
    finally:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    assert (finding.status, finding.detail) == (Status.FAILED, f"the database keeps its texts as {encoding}")


@ON_POSTGRESQL
@pytest.mark.parametrize(
    ("processes", "sum_of_all"),
    [
        (ONE, "1 server x 1 process x 5 + 1 worker x 5 + 1 migrator = 11"),
        (
            Processes(servers=3, processes=2, workers=2, clocks=1, pool=4),
            "3 servers x 2 processes x 4 + 2 workers x 4 + 1 clock x 4 + 1 migrator = 37",
        ),
    ],
)
def test_the_connection_budget_is_an_arithmetic(
    database_options: EngineOptions, core_schema: Schema, processes: Processes, sum_of_all: str
) -> None:
    finding = found(database_options, core_schema, processes=processes)["connections"]
    assert finding.status is Status.OK
    assert finding.detail == f"{sum_of_all} connections, of 100 - 3 reserved = 97"


@ON_POSTGRESQL
def test_a_budget_that_does_not_fit_is_a_failure(database_options: EngineOptions, core_schema: Schema) -> None:
    processes = Processes(servers=9, processes=2, workers=1, pool=5)
    finding = found(database_options, core_schema, processes=processes)["connections"]
    assert finding.status is Status.OK
    assert processes.connections == 96
    finding = found(database_options, core_schema, processes=replace(processes, clocks=1))["connections"]
    assert finding.status is Status.FAILED
    assert "= 101 connections, of 100 - 3 reserved = 97" in finding.detail
    assert "database.pool_size" in finding.remedy


@ON_POSTGRESQL
def test_the_tightest_limit_counts(
    database_options: EngineOptions, core_schema: Schema, postgresql_databases: PostgresqlDatabases
) -> None:
    role = sql.Identifier(str(parse_url(database_options.url).username))
    admin = postgresql_databases.admin
    admin.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 10").format(role))
    try:
        finding = found(database_options, core_schema)["connections"]
    finally:
        admin.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT -1").format(role))
    assert finding.status is Status.FAILED
    assert finding.detail.endswith("= 11 connections, of 10 that the role may open")


@ON_POSTGRESQL
def test_behind_a_pooler_its_own_limit_is_named(database_options: EngineOptions, core_schema: Schema) -> None:
    finding = found(replace(database_options, prepare=False), core_schema, processes=Processes(servers=99, pool=5))
    assert "max_client_conn" in finding["connections"].detail


@pytest.fixture
def small_postgres() -> Iterator[Postgres]:
    """A server as a managed one with 1 GB is: 25 connections, 3 of them reserved."""
    try:
        server = Postgres(durable=False, max_connections=25)
    except ServerUnavailable as error:
        missing(str(error))
    with server:
        yield server


def test_a_small_managed_server_offers_twenty_two(small_postgres: Postgres) -> None:
    options = EngineOptions(small_postgres.url)
    fits = found(options, None, processes=Processes(servers=3, workers=1, pool=5))["connections"]
    assert (fits.status, fits.detail.rpartition(", of ")[2]) == (Status.OK, "25 - 3 reserved = 22")
    finding = found(options, None, processes=Processes(servers=4, workers=1, pool=5))["connections"]
    assert finding.status is Status.FAILED


def test_a_server_that_is_stopped_is_one_finding_without_the_password(small_postgres: Postgres) -> None:
    options = EngineOptions(small_postgres.url)
    password = str(parse_url(options.url).password)
    small_postgres.stop()
    findings = found(options, None)
    assert [finding.status for finding in findings.values()] == [Status.FAILED]
    assert "can't be reached" in findings[""].detail
    assert password not in findings[""].detail


# SQLite.


@ON_SQLITE
def test_a_damaged_file_is_told(database_options: EngineOptions, core_schema: Schema) -> None:
    file = Path(parse_url(database_options.url).database or "")
    engine = create_engine(database_options)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_jobs_ready'"
        ).scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    engine.dispose()
    with file.open("r+b") as raw:
        raw.seek((page - 1) * size)
        raw.write(os.urandom(size))
    finding = found(database_options, core_schema)["integrity"]
    assert finding.status is Status.FAILED
    assert "restore a backup" in finding.remedy


@ON_SQLITE
def test_a_file_that_everybody_may_read_is_told(database_options: EngineOptions, core_schema: Schema) -> None:
    file = Path(parse_url(database_options.url).database or "")
    file.chmod(0o644)
    finding = found(database_options, core_schema)["file"]
    assert (finding.status, finding.remedy) == (Status.DEGRADED, f"chmod 600 {file}")


@ON_SQLITE
def test_a_full_disk_is_told(
    database_options: EngineOptions, core_schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage("/").free
    monkeypatch.setattr(space, "LITTLE", free * 2)
    assert status(found(database_options, core_schema), "space") is Status.DEGRADED
    monkeypatch.setattr(space, "TOO_LITTLE", free * 2)
    assert status(found(database_options, core_schema), "space") is Status.FAILED


def test_free_space_is_told_in_words(tmp_path: Path) -> None:
    assert f"are free in {tmp_path}" in free_space(tmp_path).detail
