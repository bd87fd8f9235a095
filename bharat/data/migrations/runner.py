"""Runs migrations: each revision in a transaction of its own, one migrator at a time, giving way to the running site."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util.exc import CommandError

from bharat.contracts.errors import BharatError
from bharat.contracts.migration import Migrations
from bharat.data.beginning import begin_alone
from bharat.data.engine import EngineOptions, create_engine
from bharat.data.role import grant_to_application
from bharat.data.schema import Schema

log = logging.getLogger(__name__)

StepT = TypeVar("StepT")

_MIGRATOR = 0x6268_6172_6174  # "bharat": the key of the advisory lock
_GIVES_WAY = ("55P03", "40P01")
"""PostgreSQL's lock_not_available and deadlock_detected."""


class MigrationError(BharatError):
    """A migration could not be carried out; what was done before it stays done and is recorded."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A revision that a plugin's line has and the database has not."""

    plugin: str
    revision: str
    summary: str


class Migrator:
    """Brings the database to the code's schema and back. Connects as the owner: `database.migration_url`, else `database.url`."""

    def __init__(
        self,
        schema: Schema,
        options: EngineOptions,
        *,
        application_role: str | None = None,
        lock_timeout: timedelta = timedelta(seconds=2),
        patience: timedelta = timedelta(minutes=2),
    ) -> None:
        self._schema = schema
        self._engine = create_engine(options)
        self._role = application_role
        self._lock_timeout = lock_timeout
        self._patience = patience

    def pending(self) -> list[Pending]:
        """What `upgrade` would run, in order. Needs no more than SELECT on the version tables."""
        with self._connection() as connection:
            return [
                Pending(line.plugin, revision.revision, revision.doc)
                for line in self._schema.lines
                for revision in _ahead(line, _current(connection, line))
            ]

    def upgrade(self) -> list[Pending]:
        """Run what is pending, plugins in order, and return it. Raises `MigrationError`."""
        done: list[Pending] = []
        for line in self._schema.lines:
            while (step := self._alone(line, _upgrade_once)) is not None:
                log.info("migrated %s to %s: %s", step.plugin, step.revision, step.summary)
                done.append(step)
        if (role := self._role) is not None and self._engine.dialect.name == "postgresql":
            last = self._schema.lines[-1]
            self._alone(last, lambda connection, _: grant_to_application(connection, self._schema, role))
        return done

    def downgrade(self, plugin: str, to: str | None = None) -> int:
        """Undo the revisions of `plugin` down to `to` (`None`: all, its tables are gone then); how many were undone.

        Raises `MigrationError`, before anything is undone, for a `to` that the database is not above."""
        line = self._schema.line(plugin)
        if to is not None:
            self._check_is_below(line, to)
        undone = 0
        while self._alone(line, lambda connection, line: _downgrade_once(connection, line, to)):
            undone += 1
        return undone

    def _check_is_below(self, line: Migrations, to: str) -> None:
        revisions = [revision.revision for revision in _script(line).walk_revisions()]
        if to not in revisions:
            raise MigrationError(f"plugin {line.plugin!r} has no revision {to!r}; it has {', '.join(revisions[::-1])}")
        with self._connection() as connection:
            ahead = [revision.revision for revision in _ahead(line, _current(connection, line))]
        if to in ahead:
            raise MigrationError(f"plugin {line.plugin!r} is not yet at revision {to!r}: there is nothing to undo")

    def close(self) -> None:
        self._engine.dispose()

    def _connection(self) -> sa.Connection:
        """A connection. Raises `MigrationError` when there is none to be had, in one line."""
        try:
            return self._engine.connect()
        except sa.exc.OperationalError as error:
            if _is_locked(error):
                raise
            reason = (str(error.orig).strip().splitlines() or ["no reason given"])[0].rstrip(":. ")
            raise MigrationError(f"the database can't be reached: {reason}") from error

    def _alone(self, line: Migrations, step: Callable[[sa.Connection, Migrations], StepT]) -> StepT:
        """Run one step in a transaction of its own, as the only migrator.

        A lock that the site holds is not waited for longer than `lock_timeout`, since everybody else would queue behind
        the wait; the step is given up, rolled back and tried again until patience ends."""
        deadline = time.monotonic() + self._patience.total_seconds()
        while True:
            try:
                with self._connection() as connection, self._transaction(connection):
                    return step(connection, line)
            except sa.exc.OperationalError as error:
                if not _is_locked(error) or time.monotonic() > deadline:
                    raise MigrationError(_explain(line, error)) from error
                log.warning("migration of %s gave way to the running site; trying again", line.plugin)
                time.sleep(0.2 + random.random() * 0.3)
            except sa.exc.SQLAlchemyError as error:
                raise MigrationError(f"plugin {line.plugin!r}: the migration failed: {error}") from error
            except CommandError as error:
                raise MigrationError(f"plugin {line.plugin!r}: {error}") from error

    @contextmanager
    def _transaction(self, connection: sa.Connection) -> Iterator[None]:
        if connection.dialect.name == "sqlite":
            # A batch operation replaces a table; with enforcement on, dropping the old one would cascade.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.commit()
            try:
                with connection.begin():
                    begin_alone(connection)
                    yield
                    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                    if broken is not None:
                        raise MigrationError(f"the migration leaves a broken reference in table {broken[0]!r}")
            finally:
                connection.exec_driver_sql("PRAGMA foreign_keys=ON")
            return
        with connection.begin():
            milliseconds = int(self._lock_timeout.total_seconds() * 1000)
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATOR)))
            yield


def version_table(plugin: str) -> str:
    return f"bharat_version_{plugin}"


def _script(line: Migrations) -> ScriptDirectory:
    return ScriptDirectory(str(line.folder), version_locations=[str(line.folder)])


def _current(connection: sa.Connection, line: Migrations) -> str | None:
    table = version_table(line.plugin)
    if not sa.inspect(connection).has_table(table):
        return None
    found = connection.execute(sa.select(sa.column("version_num")).select_from(sa.table(table))).scalar()
    return None if found is None else str(found)


def _ahead(line: Migrations, current: str | None) -> list[Script]:
    """The revisions after `current`, oldest first."""
    if not line.folder.is_dir():
        return []
    script = _script(line)
    ahead: list[Script] = []
    for revision in script.walk_revisions():
        if revision.revision == current:
            break
        ahead.append(revision)
    else:
        if current is not None:
            raise MigrationError(
                f"the database is at revision {current!r} of plugin {line.plugin!r}, which this version does not have: "
                "install the version that made it, or a newer one"
            )
    return ahead[::-1]


def _upgrade_once(connection: sa.Connection, line: Migrations) -> Pending | None:
    ahead = _ahead(line, _current(connection, line))
    if not ahead:
        return None
    script, target = _script(line), ahead[0]
    _run(connection, line, lambda current, _: script._upgrade_revs(target.revision, current))
    return Pending(line.plugin, target.revision, target.doc)


def _downgrade_once(connection: sa.Connection, line: Migrations, to: str | None) -> bool:
    current = _current(connection, line)
    if current is None or current == to:
        return False
    _ahead(line, current)  # refuses a revision that this version does not have
    script = _script(line)
    at = script.get_revision(current)
    below = str(at.down_revision) if at.down_revision else "base"
    _run(connection, line, lambda revision, _: script._downgrade_revs(below, revision))
    if below == "base":
        connection.exec_driver_sql(f'DROP TABLE "{version_table(line.plugin)}"')
    return True


def _run(connection: sa.Connection, line: Migrations, steps: Callable[[Any, Any], Any]) -> None:
    context = MigrationContext.configure(
        connection, opts={"version_table": version_table(line.plugin), "render_as_batch": True, "fn": steps}
    )
    with Operations.context(context):
        context.run_migrations()


def _is_locked(error: sa.exc.OperationalError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _GIVES_WAY or "database is locked" in str(error.orig)


def _explain(line: Migrations, error: sa.exc.OperationalError) -> str:
    if _is_locked(error):
        return (
            f"plugin {line.plugin!r}: the migration gave up waiting for a lock that another connection holds; "
            "nothing of this step was changed; run `bharat migrate` again"
        )
    return f"plugin {line.plugin!r}: the database refused the migration ({type(error.orig).__name__}: {error.orig})"
