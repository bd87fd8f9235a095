"""The database, looked at."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from bharat.contracts.check import Finding, Status
from bharat.contracts.database import Database
from bharat.contracts.errors import BharatError, Unavailable
from bharat.contracts.platform import Clock
from bharat.data.engine import EngineOptions
from bharat.data.health.budget import Processes, connection_budget
from bharat.data.health.postgresql import examine_postgresql, no_unicode
from bharat.data.health.sqlite import examine_sqlite, sqlite_integrity
from bharat.data.migrations import Migrator
from bharat.data.schema import Schema

UNREACHABLE = "check that it runs and that DATABASE_URL is right"


def answers(database: Database) -> Finding:
    """Whether it does, in one round trip. Anybody may read this."""
    try:
        database.read(None).scalar(sa.select(sa.literal(1)))
    except Unavailable:
        return Finding(Status.FAILED, "the database does not answer", UNREACHABLE)
    return Finding(Status.OK, f"{database.dialect} answers")


def examine_database(
    engine: sa.Engine, options: EngineOptions, schema: Schema | None, clock: Clock, processes: Processes
) -> Iterator[Finding]:
    """Everything, one after the other. The first finding is the only one when the database can't be reached.

    `schema` is `None` where the plugins, and so the tables, aren't known. The engine commits by itself."""
    try:
        connection = engine.connect()
    except sa.exc.SQLAlchemyError as error:
        yield Finding(Status.FAILED, f"it can't be reached: {_reason(error)}", UNREACHABLE)
        return
    except TypeError:  # SQLAlchemy stumbles over the bytes that psycopg gives for texts in no encoding
        yield no_unicode("SQL_ASCII")
        return
    with connection:
        if engine.dialect.name == "sqlite":
            yield from examine_sqlite(connection)
        else:
            yield from examine_postgresql(connection, schema, clock)
            yield connection_budget(connection, processes, pooled=not options.prepare)
        if schema is not None:
            yield _migrations(schema, options)
        if engine.dialect.name == "sqlite":
            yield sqlite_integrity(connection)  # last, because it may take long


def _migrations(schema: Schema, options: EngineOptions) -> Finding:
    migrator = Migrator(schema, options)
    try:
        pending = migrator.pending()
    except BharatError as error:  # a revision that a newer version made
        return Finding(
            Status.FAILED, str(error), "run one version of Bharat and its plugins on every node", "migrations"
        )
    finally:
        migrator.close()
    if pending:
        names = ", ".join(f"{item.plugin} {item.revision}" for item in pending)
        return Finding(Status.FAILED, f"pending: {names}", "run `bharat migrate`", "migrations")
    return Finding(Status.OK, "the database is up to date", about="migrations")


def _reason(error: sa.exc.SQLAlchemyError) -> str:
    """The driver's first line; it names the host and the user, never the password."""
    told = str(getattr(error, "orig", None) or type(error).__name__)
    return (told.strip().splitlines() or ["no reason given"])[0].rstrip(":. ")
