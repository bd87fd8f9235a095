"""SQLite: one file, many threads and processes."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.contracts.errors import ConfigError, Unavailable
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, new_id
from bharat.data.engine import EngineOptions, create_engine, parse_url
from tests.data.conftest import Pair
from tests.data.shop import customers

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"])

WRITER = """
import sys, sqlalchemy as sa
from uuid import UUID
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase, new_id
from bharat.data.engine import EngineOptions
from tests.data.shop import customers
database = BharatDatabase(EngineOptions(sys.argv[1]))
for _ in range(int(sys.argv[3])):
    with database.write(UUID(sys.argv[2]), SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": "other process"})
    sys.stdout.write(".")
    sys.stdout.flush()
"""


COUNT = sa.select(sa.func.count()).select_from(customers)


def write_from_everywhere(database: BharatDatabase, options: EngineOptions, organisation: UUID) -> None:
    """Eight threads here and one other process write 300 rows, and read in between."""

    def work(_: int) -> None:
        for _ in range(25):
            with database.write(organisation, SYSTEM) as unit:
                unit.execute(customers.insert(), {"id": new_id(), "name": "thread"})
            assert database.read(organisation).scalar(COUNT) > 0

    arguments = [options.url, str(organisation), "100"]
    with subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.read(1)  # it has begun
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
    assert other.returncode == 0


def test_threads_and_a_second_process_write_without_an_error(
    database: BharatDatabase, database_options: EngineOptions, organisation_id: UUID
) -> None:
    write_from_everywhere(database, database_options, organisation_id)
    assert database.read(organisation_id).scalar(COUNT) == 300


def test_without_waiting_for_the_other_process_writing_fails(
    database: BharatDatabase, database_options: EngineOptions, organisation_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutant of the one above: `database._is_busy` never says so, and SQLite itself does not wait either."""
    monkeypatch.setattr("bharat.data.database._is_busy", lambda error: False)
    sa.event.listen(database.engine, "checkout", lambda raw, *_: raw.execute("PRAGMA busy_timeout=0"))
    with pytest.raises(Unavailable):
        write_from_everywhere(database, database_options, organisation_id)


def test_a_file_that_stays_busy_is_unavailable_and_changes_nothing(
    database_options: EngineOptions, organisation_id: UUID
) -> None:
    database = BharatDatabase(database_options, busy_timeout=timedelta(milliseconds=200))
    blocker = sqlite3.connect(str(parse_url(database_options.url).database), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable), database.write(organisation_id, SYSTEM):
        pytest.fail("a unit was opened while another process wrote")
    assert database.read(organisation_id).rows(sa.select(customers)) == []
    blocker.execute("ROLLBACK")
    blocker.close()
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": "Ada"})
    database.close()


def test_a_unit_that_does_not_end_makes_others_unavailable(
    database_options: EngineOptions, organisation_id: UUID
) -> None:
    database = BharatDatabase(database_options, busy_timeout=timedelta(milliseconds=100))
    refused: list[BaseException] = []

    def second() -> None:
        try:
            with database.write(organisation_id, SYSTEM):
                pass
        except Unavailable as error:
            refused.append(error)

    with database.write(organisation_id, SYSTEM):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "busy writing" in str(refused[0])
    with database.write(organisation_id, SYSTEM):
        pass
    database.close()


def test_foreign_keys_are_enforced(database: BharatDatabase, pair: Pair) -> None:
    with pytest.raises(sa.exc.IntegrityError), database.write(new_id(), SYSTEM) as unit:
        unit.execute(customers.insert(), {"id": new_id(), "name": "of nobody"})


def test_a_new_file_is_readable_by_its_owner_alone(dialect: str, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "new.sqlite3"
    engine = create_engine(EngineOptions(f"sqlite:///{path}"))
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        modes = {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    engine.dispose()
    assert modes == {0o600}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite://", "names no SQLite file"),
        ("sqlite:///:memory:", "names no SQLite file"),
        ("mysql://me:hunter2@host/name", "runs on sqlite and postgresql"),
        ("hunter2", "is not a database URL"),
        ("postgresql://me:hunter2@host:port/name", "is not a database URL"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(dialect: str, url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        parse_url(url)
    assert "hunter2" not in str(caught.value)


def test_many_new_connections_to_a_new_file_at_once(dialect: str, tmp_path: Path) -> None:
    """Each turns on WAL, which only one can do at a time."""
    options = EngineOptions(f"sqlite:///{tmp_path / 'new.sqlite3'}", pool_size=16)
    engine = create_engine(options)
    gate = threading.Barrier(16)

    def connect(_: int) -> str:
        gate.wait()
        with engine.connect() as connection:
            return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())

    opened: Callable[[int], str] = connect
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(opened, range(16))) == {"wal"}
    engine.dispose()
