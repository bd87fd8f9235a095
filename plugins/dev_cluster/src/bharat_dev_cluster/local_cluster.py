"""`LocalCluster`: nginx, application servers, a worker, PostgreSQL and Redis as local processes, from one folder."""

from __future__ import annotations

import shutil
import string
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from bharat.contracts.errors import BharatError
from bharat_dev_cluster.configuration import ClusterSettings, write_private
from bharat_dev_cluster.edge import nginx_configuration
from bharat_dev_cluster.owner import DATABASE, owner_url
from bharat_dev_cluster.programs import Node, WorkerProcess, run_bharat
from bharat_dev_cluster.record import Record
from bharat_local_servers import LocalServer, Nginx, Postgres, ServerFailed, ServerUnavailable, Valkey

MOST_SERVERS = len(string.ascii_lowercase)


class LocalCluster:
    """A cluster that lives in `folder`; without one in a temporary folder, which goes when the cluster is closed.

    `app_servers` are named `a`, `b`, …; `port` is nginx's. `plugins` are enabled in this order: by default those of `crm`
    and `session_redis` that are installed. What a cluster began with it keeps: a later one on the same folder reads its
    number of servers, port, plugins and secret from `cluster.json`. With `die_with_parent` all processes end when this one
    does; without it they go on, and a later `LocalCluster` on the folder takes them over with `adopt()`. `more` is given Redis' URL and
    returns further sections of the configuration, for stores of one's own.

    Raises `BharatError` when a part is missing on this machine or does not start; the message says which and what to do.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        app_servers: int | None = None,
        port: int | None = None,
        plugins: Sequence[str] | None = None,
        die_with_parent: bool = True,
        durable: bool = False,
        more: Callable[[str], Mapping[str, Mapping[str, object]]] = lambda redis_url: {},
    ) -> None:
        self._is_scratch = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="bharat-cluster-")) if folder is None else folder.absolute()
        record = Record.read(self.folder, app_servers=app_servers, port=port, plugins=plugins)
        count = record.app_servers
        if not 1 <= count <= MOST_SERVERS:
            raise BharatError(f"a local cluster has 1 to {MOST_SERVERS} application servers, not {count}")
        self.record = record
        self.port = record.port
        self.plugins = record.plugins
        self.config = self.folder / "bharat.toml"
        self._more = more
        self._edge = self.folder / "nginx.conf"
        with _told():
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise BharatError(
                    f"the cluster's folder {self.folder} can't be made: {error.strerror}; name another with --folder"
                ) from error
            self.postgres = Postgres(self._place("postgres"), durable=durable, die_with_parent=die_with_parent)
            self.valkey = Valkey(self._place("valkey"), appendonly=True, die_with_parent=die_with_parent)
            self.nodes = tuple(
                Node(self.config, self._place(f"node-{name}"), die_with_parent=die_with_parent)
                for name in string.ascii_lowercase[:count]
            )
            self.worker = WorkerProcess(self.config, self._place("worker"), die_with_parent=die_with_parent)
            self.nginx = Nginx(self._edge, self._place("nginx"), port=self.port, die_with_parent=die_with_parent)

    @property
    def url(self) -> str:
        """Where clients reach the cluster: nginx."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def parts(self) -> dict[str, LocalServer]:
        """Every process by its name, in the order in which they start."""
        nodes = {node.folder.name: node for node in self.nodes}
        return {"postgres": self.postgres, "valkey": self.valkey, **nodes, "worker": self.worker, "nginx": self.nginx}

    def node(self, name: str) -> Node:
        """The application server `a`, `b`, …"""
        for node in self.nodes:
            if node.folder.name == f"node-{name}":
                return node
        names = ", ".join(node.folder.name.removeprefix("node-") for node in self.nodes)
        raise BharatError(f"this cluster has no application server {name!r}; it has {names}")

    def part(self, name: str) -> LocalServer:
        """The process of this name, as `parts` has it; a server by its letter too. Raises `BharatError` that names the choices."""
        parts = self.parts
        found = parts.get(name) or parts.get(f"node-{name}")
        if found is None:
            raise BharatError(f"this cluster has no process {name!r}; it has {', '.join(parts)}")
        return found

    def restart(self, name: str) -> None:
        """Stop a process if it runs, and start it again. It then outlives who restarted it. Raises `BharatError`."""
        with _told():
            self.part(name).restart()

    def start(self, say: Callable[[str], None] = lambda line: None) -> None:
        """Start everything, migrate, and return when every server is ready. What runs already is left alone.

        When a part fails, the others are stopped."""
        try:
            with _told():
                say("starting PostgreSQL and Redis")
                self._together([self.postgres.start, self.valkey.start])
                owner = owner_url(self.postgres)
                say("making the application's role and migrating as the owner")
                self.record.write(self.folder)
                self._configure(owner)
                self.bharat("migrate", owner=owner)
                say(f"starting {len(self.nodes)} application servers and a worker")
                self._together([*(node.start for node in self.nodes), self.worker.start])
                say("starting nginx")
                self.nginx.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything in order: first who asks, then who is asked. Nothing happens when nothing runs."""
        self.nginx.stop()
        self._together([*(node.stop for node in self.nodes), self.worker.stop])
        self._together([self.valkey.stop, self.postgres.stop])

    def close(self) -> None:
        """Stop, and remove the folder if it was a temporary one."""
        self.stop()
        for part in self.parts.values():
            part.close()
        if self._is_scratch:
            shutil.rmtree(self.folder, ignore_errors=True)

    def adopt(self) -> bool:
        """Take over what another process started in this folder; whether anything runs."""
        found = [part.adopt() for part in self.parts.values()]
        return any(found)

    def bharat(self, *arguments: str, owner: str | None = None) -> str:
        """Run a command of `bharat` against the cluster and return what it prints; with `owner`, a database URL, as the
        owner of the tables. Raises `BharatError` when it fails."""
        return run_bharat(self.config, *arguments, home=self._commands(), extra=_as_owner(owner) if owner else {})

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _place(self, name: str) -> Path:
        return self.folder / name

    def _configure(self, owner: str) -> None:
        files = self._place("files")
        files.mkdir(mode=0o700, exist_ok=True)
        role = ("database", "role", "--name", f"{DATABASE}_app")
        printed = run_bharat(None, *role, home=self._commands(), extra=_as_owner(owner))
        settings = ClusterSettings(
            public_url=self.url,
            secret_key=self.record.secret_key,
            database_url=printed.strip().removeprefix("DATABASE_URL="),
            redis_url=self.valkey.url,
            files=files,
            home=self._commands(),
            plugins=self.plugins,
            more=self._more(self.valkey.url),
        )
        write_private(self.config, settings.toml())
        write_private(self._edge, nginx_configuration(self.port, [f"127.0.0.1:{node.port}" for node in self.nodes]))

    def _commands(self) -> Path:
        home = self._place("commands")
        home.mkdir(exist_ok=True)
        return home

    @staticmethod
    def _together(acts: Sequence[Callable[[], object]]) -> None:
        """Carry out all at once; when all have ended, the first error is raised."""
        with ThreadPoolExecutor(max_workers=len(acts)) as pool:
            futures = [pool.submit(act) for act in acts]
        for future in futures:
            future.result()


def _as_owner(url: str) -> dict[str, str]:
    return {"BHARAT_DATABASE__MIGRATION_URL": url}


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (ServerUnavailable, ServerFailed) as error:
        raise BharatError(str(error)) from error
