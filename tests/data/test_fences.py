"""Fencing tokens rise, whoever asks for them, and whatever happens to the server that they are noted on."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from bharat.contracts.errors import Unavailable
from bharat.contracts.locks import Lease, LeaseLost
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.data.fences import BLOCK, DatabaseFences, fences, newest_fences
from bharat.data.schema import Schema
from bharat.testing.suite import eventually
from bharat_local_servers import Postgres
from bharat_local_servers.pytest_fixtures import required
from tests.data.started import output, start
from tests.fixtures.servers import PostgresqlDatabases

ON_POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"])


def test_tokens_strictly_rise_whoever_asks(database: BharatDatabase, database_options: EngineOptions) -> None:
    issuer = DatabaseFences(database)
    assert issuer.issue("nightly") == 1
    processes = [start("fences", database_options.url, "25") for _ in range(8)]
    issued = [[int(token) for token in output(process).split()] for process in processes]
    assert all(tokens == sorted(tokens) for tokens in issued)
    assert sorted(token for tokens in issued for token in tokens) == list(range(2, 202))
    assert issuer.issue("nightly") == 202
    assert issuer.issue("another") == 1


def test_none_is_issued_twice_when_many_ask_for_the_first(
    database: BharatDatabase, database_options: EngineOptions
) -> None:
    processes = [start("fences", database_options.url, "5") for _ in range(8)]
    issued = [int(token) for process in processes for token in output(process).split()]
    assert len(set(issued)) == len(issued) == 40
    assert DatabaseFences(database).issue("nightly") > max(issued)


def test_the_next_block_goes_on_where_the_last_one_ended(
    database: BharatDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.data.fences.BLOCK", 3)
    issuer = DatabaseFences(database)
    assert [issuer.issue("nightly") for _ in range(8)] == list(range(1, 9))
    assert database.read(None).scalar(sa.select(fences.c.token)) == 9


def test_a_forgotten_name_goes_on_above_all_that_it_was_given(database: BharatDatabase) -> None:
    issuer = DatabaseFences(database)
    assert issuer.issue("nightly") == 1
    with database.write(None, SYSTEM) as unit:
        unit.execute(newest_fences.delete())
    assert issuer.issue("nightly") == BLOCK + 1


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
def test_tokens_strictly_rise_over_crashes(harmed: Harmed) -> None:
    """Protected: the block in `fences`, a table with a log; and `fences._ON_THE_DISK`."""
    tokens = tokens_over_two_crashes(harmed)
    assert tokens == sorted(set(tokens))


@ON_POSTGRESQL
def test_mutant_whose_reservations_need_no_disk_issues_tokens_twice(
    harmed: Harmed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.data.fences._ON_THE_DISK", sa.select(sa.literal(1)))
    tokens = tokens_over_two_crashes(harmed)
    assert len(set(tokens)) < len(tokens)


@ON_POSTGRESQL
def test_mutant_whose_counters_have_no_log_either_issues_tokens_twice(harmed: Harmed) -> None:
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
