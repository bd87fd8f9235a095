"""Fencing tokens rise, whoever asks for them, and whatever happens to the server that they are noted on."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from bharat.contracts.errors import Unavailable
from bharat.contracts.locks import Lease, LeaseLost
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.clock import OffsetClock
from bharat.data.database import DatabaseUnit
from bharat.data.engine import EngineOptions
from bharat.data.fences import BLOCK, DatabaseFences, fences, newest_fences
from bharat.data.migrations import Migrator
from bharat.data.schema import Schema
from bharat.testing.suite import eventually, together
from bharat_local_servers import Postgres
from bharat_local_servers.pytest_fixtures import required
from tests.data.started import output, start
from tests.fixtures.servers import Databases, Migrated, PostgresqlDatabases

ON_POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"])


def microseconds(database: BharatDatabase) -> int:
    """The database's clock, where blocks begin."""
    with database.write(None, SYSTEM) as unit:
        return int(unit.at.timestamp() * 1e6)


def test_tokens_strictly_rise_whoever_asks(database: BharatDatabase, database_options: EngineOptions) -> None:
    issuer = DatabaseFences(database)
    first = issuer.issue("nightly")
    processes = [start("fences", database_options.url, "25") for _ in range(8)]
    issued = [[int(token) for token in output(process).split()] for process in processes]
    assert all(tokens == sorted(tokens) for tokens in issued)
    assert sorted(token for tokens in issued for token in tokens) == list(range(first + 1, first + 201))
    assert issuer.issue("nightly") == first + 201


@pytest.mark.parametrize("size", [1, 3, BLOCK])
def test_none_is_issued_twice_when_many_ask_at_one_time(
    database: BharatDatabase, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("bharat.data.fences.BLOCK", size)
    issuer = DatabaseFences(database)
    for _ in range(10):
        highest = issuer.issue("nightly") if size != BLOCK else 0
        tokens = together(4, lambda number: issuer.issue("nightly"))
        assert len(set(tokens)) == 4
        assert min(tokens) > highest


def test_a_block_begins_at_the_clock_and_the_next_where_it_ends(
    database: BharatDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.data.fences.BLOCK", 10**9)  # more than the microseconds that pass until the next one
    issuer = DatabaseFences(database)
    before = microseconds(database)
    first = issuer.issue("nightly")
    assert before < first <= microseconds(database) + 1
    assert issuer.issue("nightly") == first + 1
    with database.write(None, SYSTEM) as unit:
        unit.execute(newest_fences.delete())
    assert issuer.issue("nightly") == first + 10**9


def tokens_over_a_loss(database: BharatDatabase) -> list[int]:
    """Before and after the last commits are lost: as on a standby that had not got them and is the primary now."""
    issuer = DatabaseFences(database)
    tokens = [issuer.issue("nightly") for _ in range(3)]
    with database.write(None, SYSTEM) as unit:
        unit.execute(newest_fences.delete())
        unit.execute(fences.delete())
    return [*tokens, *(issuer.issue("nightly") for _ in range(3))]


def test_tokens_rise_where_a_reservation_was_lost(database: BharatDatabase) -> None:
    """Protected: `fence_now`, by which a block begins at the clock."""
    tokens = tokens_over_a_loss(database)
    assert tokens == sorted(set(tokens))


@pytest.fixture
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks begin where the counter's last one ended, and nothing else."""
    scalar = DatabaseUnit.scalar

    def without_clock(self: DatabaseUnit, statement: Any, parameters: Any = None) -> Any:
        given = dict(parameters or {})
        return scalar(self, statement, given | ({"fence_now": 0} if "fence_now" in given else {}))

    monkeypatch.setattr(DatabaseUnit, "scalar", without_clock)


def test_mutant_whose_blocks_know_no_clock_issues_tokens_twice(database: BharatDatabase, no_clock: None) -> None:
    tokens = tokens_over_a_loss(database)
    assert len(set(tokens)) == 3


def tokens_over_a_restored_copy(database: BharatDatabase, clock: OffsetClock) -> list[int]:
    """As after `pg_restore` of a copy from two hours ago, which holds the notes too."""
    issuer = DatabaseFences(database)
    tokens = [issuer.issue("nightly")]
    read = database.read(None)
    (counter,), (note,) = read.rows(sa.select(fences)), read.rows(sa.select(newest_fences))
    tokens += [issuer.issue("nightly") for _ in range(3)]
    clock.offset += timedelta(hours=2)
    with database.write(None, SYSTEM) as unit:
        unit.execute(fences.update().values(token=counter.token))
        unit.execute(newest_fences.update().values(**note._asdict()))
    return [*tokens, *(issuer.issue("nightly") for _ in range(3))]


def test_tokens_rise_over_a_restored_copy(database: BharatDatabase, clock: OffsetClock) -> None:
    """Protected: `fences._USED`, after which a block gives out nothing."""
    tokens = tokens_over_a_restored_copy(database, clock)
    assert tokens == sorted(set(tokens))


def test_mutant_whose_blocks_never_end_issues_tokens_twice(
    database: BharatDatabase, clock: OffsetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.data.fences._USED", timedelta(days=1))
    tokens = tokens_over_a_restored_copy(database, clock)
    assert len(set(tokens)) == 4


def test_a_server_of_before_and_a_new_one_take_turns(database: BharatDatabase) -> None:
    """During an upgrade: the version before revision 0012 draws from the counter, and notes what it drew."""
    issuer = DatabaseFences(database)

    def before() -> int:
        with database.write(None, SYSTEM) as unit:
            draw = fences.update().values(token=fences.c.token + 1).returning(fences.c.token)
            token = int(unit.scalar(draw))
            unit.execute(newest_fences.update().values(token=token))
        return token

    def now() -> int:
        return issuer.issue("nightly")

    tokens = [issue() for issue in (now, now, before, before, now, now, before)]
    assert tokens == sorted(set(tokens))


def test_notes_of_before_the_blocks_go_on(
    empty_database: Migrated,
    databases: Databases,
    core_schema: Schema,
    open_database: Callable[[EngineOptions], BharatDatabase],
) -> None:
    """Over revision 0012, down and up again, as an upgrade finds them."""
    migrator = Migrator(core_schema, empty_database.owner, application_role=databases.application_role)
    migrator.upgrade()
    issuer = DatabaseFences(open_database(empty_database.application))
    first = issuer.issue("nightly")
    assert migrator.downgrade("core", "0011") > 0
    migrator.upgrade()
    lease = Lease("nightly", "somebody", first, timedelta(minutes=1))
    database = open_database(empty_database.application)
    with database.write(None, SYSTEM) as unit:
        DatabaseFences(database).guard(unit, lease)
    assert DatabaseFences(database).issue("nightly") > first
    migrator.close()


def few_counters_serve_many_names(database: BharatDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bharat.data.fences.SLOTS", 4)
    issuer = DatabaseFences(database)
    names = [f"record:{number}" for number in range(40)]
    first, second = ([issuer.issue(name) for name in names] for _ in range(2))
    assert all(after > before for before, after in zip(first, second, strict=True))
    assert database.read(None).scalar(sa.select(sa.func.count()).select_from(fences)) <= 4


def test_fences_take_no_more_room_the_more_names_there_are(
    database: BharatDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `slot_of`, by which names share a fixed number of counters."""
    few_counters_serve_many_names(database, monkeypatch)


def test_mutant_with_a_counter_for_every_name_takes_ever_more_room(
    database: BharatDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.data.fences.slot_of", lambda name: int(name.partition(":")[2]))
    with pytest.raises(AssertionError):
        few_counters_serve_many_names(database, monkeypatch)


# A server that crashes: PostgreSQL whose process is killed amid its work ends all others, throws its memory away and recovers from
# what was written down, as after a power cut.


class Harmed(NamedTuple):
    """A database whose server a test may harm."""

    database: BharatDatabase
    owner_url: str
    crash: Callable[[], None]
    restart: Callable[[], None]


@pytest.fixture
def harmed(dialect: str, core_schema: Schema, tmp_path: Path) -> Iterator[Harmed]:
    """Its commits wait for no disk, as somebody may have set who wanted them quicker, and nothing else writes them down soon."""
    lazy = {"synchronous_commit": "off", "wal_writer_delay": "10s"}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(required(lambda: Postgres(durable=False, settings=lazy)))
        databases = stack.enter_context(contextlib.closing(PostgresqlDatabases(server)))
        migrated = stack.enter_context(databases.copy(core_schema, tmp_path))
        database = BharatDatabase(migrated.application)
        stack.callback(database.close)

        def crash() -> None:
            with psycopg.connect(server.url) as witness, psycopg.connect(server.url) as victim:
                os.kill(victim.info.backend_pid, signal.SIGKILL)
                eventually(lambda: not answers(witness), within=timedelta(seconds=30), what="the others are ended")
            eventually(lambda: serves(database), within=timedelta(seconds=30), what="the server recovers")

        yield Harmed(database, migrated.owner.url, crash, server.restart)


def answers(connection: psycopg.Connection) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        connection.execute("SELECT 1")
        return True
    return False


def serves(database: BharatDatabase) -> bool:
    with contextlib.suppress(Unavailable):
        return bool(database.read(None).scalar(sa.select(sa.literal(1))) == 1)
    return False


def tokens_over_two_crashes(harmed: Harmed) -> list[int]:
    issuer = DatabaseFences(harmed.database)
    tokens = [issuer.issue("nightly") for _ in range(3)]
    for _ in range(2):
        harmed.crash()
        tokens += [issuer.issue("nightly") for _ in range(3)]
    return tokens


@ON_POSTGRESQL
def test_tokens_strictly_rise_over_crashes(harmed: Harmed, no_clock: None) -> None:
    """Protected: the block in `fences`, a table with a log; and `fences._ON_THE_DISK`. The clock alone would do here."""
    tokens = tokens_over_two_crashes(harmed)
    assert tokens == sorted(set(tokens))


@ON_POSTGRESQL
def test_mutant_whose_reservations_need_no_disk_issues_tokens_twice(
    harmed: Harmed, no_clock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.data.fences._ON_THE_DISK", sa.select(sa.literal(1)))
    tokens = tokens_over_two_crashes(harmed)
    assert len(set(tokens)) < len(tokens)


@ON_POSTGRESQL
def test_mutant_whose_counters_have_no_log_either_issues_tokens_twice(harmed: Harmed, no_clock: None) -> None:
    with psycopg.connect(harmed.owner_url) as owner:
        owner.execute("ALTER TABLE fences SET UNLOGGED")
    tokens = tokens_over_two_crashes(harmed)
    assert len(set(tokens)) < len(tokens)


@ON_POSTGRESQL
def test_a_lease_from_before_a_crash_writes_nothing(harmed: Harmed) -> None:
    fences = DatabaseFences(harmed.database)
    lease = Lease("nightly", "somebody", fences.issue("nightly"), timedelta(minutes=1))
    harmed.crash()
    with harmed.database.write(None, SYSTEM) as unit, pytest.raises(LeaseLost):
        fences.guard(unit, lease)


@ON_POSTGRESQL
def test_a_lease_outlives_an_orderly_restart(harmed: Harmed) -> None:
    fences = DatabaseFences(harmed.database)
    lease = Lease("nightly", "somebody", fences.issue("nightly"), timedelta(minutes=1))
    harmed.restart()
    with harmed.database.write(None, SYSTEM) as unit:
        fences.guard(unit, lease)
    assert fences.issue("nightly") == lease.fence + 1


@ON_POSTGRESQL
def test_a_token_waits_for_the_disk_only_where_a_block_begins(harmed: Harmed) -> None:
    """What `benchmarks/README.md` says of leases rests on it."""
    with psycopg.connect(harmed.owner_url) as owner:
        setting = sql.SQL("ALTER DATABASE {} SET synchronous_commit = on")
        owner.execute(setting.format(sql.Identifier(owner.info.dbname)))
    issuer = DatabaseFences(harmed.database)
    on_disk = sa.select(sa.func.pg_current_wal_flush_lsn().cast(sa.String))

    def was_flushed(issue: Callable[[], object]) -> bool:
        before = harmed.database.read(None).scalar(on_disk)
        issue()
        return bool(harmed.database.read(None).scalar(on_disk) != before)

    assert was_flushed(lambda: issuer.issue("nightly"))
    assert not was_flushed(lambda: [issuer.issue("nightly") for _ in range(10)])


def step_over_closed_connections(harmed: Harmed) -> int:
    """How far apart the tokens before and after a restart are."""
    issuer, engine = DatabaseFences(harmed.database), harmed.database.engine
    first = issuer.issue("nightly")
    with engine.connect(), engine.connect(), engine.connect():
        pass
    harmed.restart()
    return issuer.issue("nightly") - first


@ON_POSTGRESQL
def test_a_token_is_issued_though_all_kept_connections_were_closed(harmed: Harmed) -> None:
    """Protected: `database._ATTEMPTS`, and `pool_use_lifo`, by which the second is made on a new connection."""
    assert step_over_closed_connections(harmed) == 1


@ON_POSTGRESQL
def test_mutant_without_a_second_attempt_it_is_not(harmed: Harmed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bharat.data.database._ATTEMPTS", 1)
    with pytest.raises(Unavailable):
        step_over_closed_connections(harmed)


@ON_POSTGRESQL
def test_a_database_that_takes_no_changes_is_unavailable(harmed: Harmed) -> None:
    with psycopg.connect(harmed.owner_url, autocommit=True) as owner:
        setting = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on")
        owner.execute(setting.format(sql.Identifier(owner.info.dbname)))
    with pytest.raises(Unavailable):
        DatabaseFences(harmed.database).issue("nightly")
