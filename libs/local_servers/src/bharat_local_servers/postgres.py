"""PostgreSQL as a local process."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO, ClassVar, Self

from bharat_local_servers import reach, spawning
from bharat_local_servers.errors import ServerFailed
from bharat_local_servers.postgres_binary import PostgresBinary, find_postgres
from bharat_local_servers.postgres_databases import Databases
from bharat_local_servers.server import LocalServer
from bharat_local_servers.shared_memory import lock_file, remove_leftovers

POSTGRES_VARIABLE = "BHARAT_TEST_POSTGRES_URL"
"""Names a server to use instead of a local one: the URL of a role that may create databases and roles."""


class Postgres(Databases, LocalServer):
    """PostgreSQL 15 or newer on loopback TCP, without a Unix socket, UTF-8 and C.UTF-8, time zone UTC.

    The superuser `postgres` has a random password. As root, everything runs as the user `nobody`. With
    `durable=False` nothing is synced to disk: fast, safe against killed processes, unsafe against a power cut.
    `settings` are further configuration parameters.
    """

    name: ClassVar[str] = "postgres"
    _stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # fast shutdown; SIGTERM would wait for clients to leave
    _death_signal: ClassVar[signal.Signals] = signal.SIGQUIT  # immediate shutdown, which also ends the children

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        durable: bool = True,
        max_connections: int = 100,
        settings: Mapping[str, str] | None = None,
        binary: PostgresBinary | None = None,
        die_with_parent: bool = True,
        seconds: float = 60,
    ) -> None:
        self.binary = binary or find_postgres()
        super().__init__(folder, port=port, die_with_parent=die_with_parent, seconds=seconds)
        self._data = self.folder / "data"
        self._durable = durable
        self._settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": str(max_connections),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            # As files in the data folder: /dev/shm is small in containers, and a killed server would leave it filled.
            "dynamic_shared_memory_type": "mmap",
            # Commits still reach the kernel at once (synchronous_commit stays on), so that SIGKILL loses none.
            **({} if durable else {"fsync": "off", "full_page_writes": "off"}),
            **(settings or {}),
        }

    @property
    def url(self) -> str:
        """The superuser's URL of the database `postgres`. Raises ServerFailed before the first start."""
        password = self.folder / "superuser.password"
        if not password.exists():
            raise ServerFailed("the superuser's password is made by the first start of PostgreSQL; start() it first")
        return f"postgresql://postgres:{password.read_text()}@127.0.0.1:{self.port}/postgres"

    def _prepare(self) -> None:
        if self._data.exists():
            self._check_version()
            reach.make_data_folder(self._data)
            return
        # Made elsewhere and renamed, so that an interrupted initdb is not taken for a database.
        workshop = self.folder / "initdb"
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir(mode=0o700)
        self._write_private(workshop / "password", self._secret("superuser.password"))
        reach.make_data_folder(workshop)
        with reach.open_folder(workshop) as (path, descriptors), self.log_path.open("ab") as log:
            argv = [
                *(str(self.binary.folder / "initdb"), f"--pgdata={path / 'data'}", "--username=postgres"),
                *(f"--pwfile={path / 'password'}", "--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"),
                *([] if self._durable else ["--no-sync"]),
            ]
            process = spawning.spawn(
                argv, cwd=Path("/"), log=log, pass_fds=descriptors, death_signal=self._death_signal, drop=True
            )
            try:
                code = process.wait(self.seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise self._failure(f"initdb did not end within {self.seconds:g} s") from None
        if code != 0:
            raise self._failure(f"initdb ended with {code}")
        (workshop / "data").rename(self._data)
        shutil.rmtree(workshop)

    def _check_version(self) -> None:
        made_by = (self._data / "PG_VERSION").read_text().strip()
        if made_by != str(self.binary.major):
            raise ServerFailed(
                f"the data in {self._data} was made by PostgreSQL {made_by}, but {self.binary.folder} holds version "
                f"{self.binary.major}: remove the folder, or install PostgreSQL {made_by} and pass it as binary=…"
            )

    def _launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        with reach.open_folder(self._data) as (path, descriptors):
            argv = [str(self.binary.folder / "postgres"), "-D", str(path)]
            for key, value in self._settings.items():
                argv += ["-c", f"{key}={value}"]
            return spawning.spawn(
                argv, cwd=Path("/"), log=log, pass_fds=descriptors, death_signal=self._death, drop=True
            )

    def _ready(self) -> bool:
        lines = lock_file(self._data)
        return len(lines) >= 8 and lines[0] == str(self._pid) and lines[7].strip() == "ready"

    def _after_kill(self) -> None:
        remove_leftovers(self._data)


class ExternalPostgres(Databases):
    """A PostgreSQL that somebody else runs: databases can be made in it, but it can't be stopped or killed."""

    controllable: ClassVar[bool] = False

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        return self._url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end: the server is not ours."""


def open_postgres(*, durable: bool = False, max_connections: int = 100) -> Postgres | ExternalPostgres:
    """For tests: the server in BHARAT_TEST_POSTGRES_URL, else a local one in a temporary folder, to be entered by `with`.

    Raises ServerUnavailable when there is neither.
    """
    if url := os.environ.get(POSTGRES_VARIABLE):
        return ExternalPostgres(url)
    return Postgres(durable=durable, max_connections=max_connections)
