"""Engines: how connections to SQLite and PostgreSQL are opened and kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from weakref import WeakSet

import msgspec
import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry

from bharat.contracts.errors import ConfigError
from bharat.data.beginning import run_as_it_is
from bharat.data.cooperative import connection_class


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """`pool_size` connections are kept and never more opened: a managed PostgreSQL with 1 GB has 22 for everyone.

    `prepare=False` switches off server-side prepared statements, for a PgBouncer that pools transactions."""

    url: str = field(repr=False)
    pool_size: int = 5
    pool_timeout: timedelta = timedelta(seconds=10)
    statement_timeout: timedelta = timedelta(seconds=30)
    prepare: bool = True


def parse_url(text: str) -> sa.URL:
    """A database URL as pasted from a provider: `postgres://`, `postgresql://` and `sqlite:///`.

    Raises `ConfigError`; the message never repeats the URL, which may hold a password."""
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigError(
            "database.url is not a database URL: write sqlite:///path/to/file or postgresql://user:password@host/name"
        ) from None
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        if not url.database or url.database == ":memory:":
            raise ConfigError("database.url names no SQLite file: write sqlite:///path/to/bharat.sqlite3")
        return url.set(drivername="sqlite+pysqlite")
    raise ConfigError(f"database.url asks for {url.drivername!r}: Bharat runs on sqlite and postgresql")


def _written(value: Any) -> str:
    return _encoder.encode(value).decode()


def _refused(value: Any) -> Any:
    raise TypeError(f"a document holds JSON values, not {type(value).__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_refused)
_DOCUMENTS: Mapping[str, Any] = {"json_serializer": _written, "json_deserializer": msgspec.json.decode}
"""JSON columns, some six of which a change writes: a fifth of what the standard library takes."""


def create_engine(options: EngineOptions, *, autocommit: bool = False) -> sa.Engine:
    """An engine whose connections are ready for Bharat. Nothing is opened yet.

    With `autocommit` PostgreSQL's connections, too, begin a transaction only where BEGIN is said (`bharat.data.beginning`);
    SQLite's always do so."""
    url = parse_url(options.url)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, options)
    return _postgresql(url, options, autocommit)


def _sqlite(url: sa.URL, options: EngineOptions) -> sa.Engine:
    assert url.database
    folder = Path(url.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the folder {folder} of the SQLite database can't be made: {error.strerror}; set BHARAT_HOME, or the path in "
            "database.url, to one that can"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(
            f"the folder {folder} of the SQLite database can't be written to; make it writable, or set BHARAT_HOME to another"
        )
    engine = sa.create_engine(
        url,
        pool_size=options.pool_size,
        max_overflow=0,
        pool_timeout=options.pool_timeout.total_seconds(),
        # A greenlet may give a connection back on another OS thread than it came from; the pool never shares one.
        connect_args={"check_same_thread": False, "timeout": 5},
        hide_parameters=True,
        **_DOCUMENTS,
    )

    opened_by: list[int] = []

    @sa.event.listens_for(engine, "do_connect")
    def create(dialect: Any, record: Any, arguments: list[Any], keywords: Any) -> None:
        if not opened_by:
            opened_by.append(os.getpid())
        elif opened_by[0] != os.getpid():
            # SQLite's own memory of who holds which lock is inherited too, and wrong (sqlite.org/howtocorrupt.html, 2.6).
            raise ConfigError("a forked child can't use the SQLite file its parent opened: spawn it, or use PostgreSQL")
        # SQLite would make a file that every user of the machine may read.
        Path(arguments[0]).touch(mode=0o600)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: ConnectionPoolEntry) -> None:
        # The driver must not begin transactions by itself: DDL would commit them, and reads would hold locks.
        connection.isolation_level = None
        # Several processes may open a new file at once, so only after WAL is on does a busy file give way at once.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=50"):
            connection.execute(f"PRAGMA {pragma}")

    _engines.add(engine)
    return engine


def _postgresql(url: sa.URL, options: EngineOptions, autocommit: bool) -> sa.Engine:
    settings = [
        "-c timezone=UTC",
        f"-c statement_timeout={int(options.statement_timeout.total_seconds() * 1000)}",
        "-c idle_in_transaction_session_timeout=60000",
    ]
    if given := url.query.get("options"):
        settings.append(given if isinstance(given, str) else " ".join(given))
        url = url.difference_update_query(["options"])
    engine = sa.create_engine(
        url,
        pool_size=options.pool_size,
        max_overflow=0,
        pool_timeout=options.pool_timeout.total_seconds(),
        pool_use_lifo=True,
        hide_parameters=True,
        **_DOCUMENTS,
        **({"isolation_level": "AUTOCOMMIT"} if autocommit else {}),
        connect_args={
            "connect_timeout": 5,
            "application_name": "bharat",
            # A transaction-pooling PgBouncer refuses start-up options: there the role or the pooler sets them.
            **({"options": " ".join(settings)} if options.prepare else {}),
            "prepare_threshold": 5 if options.prepare else None,
            # A silently dead peer is noticed in about 15 s instead of two hours.
            "keepalives_idle": 5,
            "keepalives_interval": 5,
            "keepalives_count": 2,
        },
    )

    @sa.event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, arguments: list[Any], keywords: Any) -> Any:
        return connection_class().connect(*arguments, **keywords)

    sa.event.listen(engine, "do_execute_no_params", run_as_it_is)
    _engines.add(engine)
    return engine


_engines: WeakSet[sa.Engine] = WeakSet()
_inherited: list[sa.Pool] = []


def _forget_connections() -> None:
    """A forked child must not talk on its parent's sockets (measured: six children shared one connection), nor close its
    parent's SQLite files, which are kept from being collected."""
    for engine in list(_engines):
        _inherited.append(engine.pool)
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_connections)
