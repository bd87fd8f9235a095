"""`BharatDatabase`: the contract `Database` on SQLAlchemy Core."""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Parameters, Refused
from bharat.contracts.errors import Unavailable
from bharat.contracts.principal import Actor
from bharat.data.appending import Appended, reason, statements
from bharat.data.beginning import begin, begin_alone
from bharat.data.clock import OffsetClock
from bharat.data.engine import EngineOptions, create_engine
from bharat.data.statements import bind, for_reading
from bharat.data.tenancy import scoped
from bharat.data.types import Instant

log = logging.getLogger(__name__)
StatementT = TypeVar("StatementT", bound=sa.Executable)
ResultT = TypeVar("ResultT")

_SQLITE_ERROR = 1
_ENTANGLED = ("40001", "40P01")
"""PostgreSQL's serialization_failure and deadlock_detected."""
_READ_ONLY = "25006"
"""PostgreSQL's read_only_sql_transaction: a standby, or a primary that was demoted."""
_LOCKED = "55P03"
"""PostgreSQL's lock_not_available: the wait for a lock was bounded, and over."""
_BUSY = "The database is busy writing; try again shortly."
_ATTEMPTS = 2
"""How often a connection is tried before anything was written: a kept one may have been closed by the server."""


class BharatDatabase:
    """Opens readers and units of work. One per process, made after fork and monkey-patching."""

    def __init__(
        self,
        options: EngineOptions,
        clock: OffsetClock | None = None,
        *,
        busy_timeout: timedelta = timedelta(seconds=5),
    ) -> None:
        self.engine = create_engine(options, autocommit=True)
        self.clock = clock or OffsetClock()
        self.dialect: Literal["sqlite", "postgresql"] = (
            "sqlite" if self.engine.dialect.name == "sqlite" else "postgresql"
        )
        self._busy_timeout = busy_timeout
        self.wake: Callable[[UUID, str, datetime | None], None] | None = None
        """How workers are woken after a commit that wrote jobs; set by the application once its `jobs` provider is built."""
        # SQLite has one writer. Within the process they queue here: a greenlet that yields inside a write would
        # otherwise meet the others' BEGIN and hold the whole process until the busy time-out.
        self._writer = threading.Lock()
        # Threads and greenlets that have a unit open. A second one inside would wait for a lock or a connection that
        # only they can give back.
        self._writing: set[int] = set()

    def read(self, organisation_id: UUID | None) -> DatabaseReader:
        return DatabaseReader(self, organisation_id)

    @contextmanager
    def write(
        self, organisation_id: UUID | None, actor: Actor, *, wait: bool | timedelta = True
    ) -> Iterator[DatabaseUnit]:
        here = self._free_to_write()
        patience = wait if isinstance(wait, timedelta) else None if wait else timedelta(0)
        if self.dialect == "sqlite":
            opened = self._sqlite_write(self._busy_timeout if patience is None else min(patience, self._busy_timeout))
        else:
            opened = self._postgresql_write(organisation_id, patience)
        self._writing.add(here)
        try:
            with opened as (connection, at):
                unit = DatabaseUnit(connection, organisation_id, actor, at)
                yield unit
                unit.flush()
        finally:
            self._writing.discard(here)
        callbacks = unit.callbacks
        if self.wake is not None:
            callbacks = [*(partial(self.wake, *job) for job in unit.woken), *callbacks]
        for callback in callbacks:
            try:
                callback()
            except Exception:  # it is committed: no callback may make a failure of that
                log.exception("a callback after commit failed; what it would have hastened happens later")

    def _free_to_write(self) -> int:
        """This thread or greenlet. Raises `RuntimeError` when a unit is open in it."""
        here = threading.get_ident()
        if here in self._writing:
            raise RuntimeError(
                "a unit of work is open here already, and a second one would wait for it for ever: use the open one, or call "
                "sessions, locks and limits before the first use of it (`Route.before`)"
            )
        return here

    def now(self) -> sa.ColumnElement[datetime]:
        return self.after(timedelta(0))

    def after(self, delay: timedelta) -> sa.ColumnElement[datetime]:
        # The parameter is evaluated at each execution, so that a statement prepared once does not stand still in time. It holds
        # the clock alone: what is remembered of a statement would otherwise keep this database, and all that uses it, for ever.
        clock = self.clock
        if self.dialect == "sqlite":
            # One machine, one clock: the process's clock is the database's.
            return sa.bindparam(None, callable_=lambda: clock.now() + delay, type_=Instant, unique=True)
        shift = sa.bindparam(None, callable_=lambda: clock.offset + delay, type_=sa.Interval, unique=True)
        return sa.type_coerce(sa.func.statement_timestamp(type_=Instant) + shift, Instant)

    def close(self) -> None:
        self.engine.dispose()

    def prepare(self, statement: StatementT) -> StatementT:
        """Make a statement ready once, so that each run of it skips the rewriting. Only for organisations' data."""
        return cast(StatementT, for_reading(statement, self.dialect, platform=False))

    def run_read(
        self, organisation_id: UUID | None, statement: sa.Executable, parameters: Parameters | None
    ) -> Sequence[sa.Row[Any]]:
        """The rows of one read in autocommit. A read that found its connection closed is asked again, once."""
        prepared = for_reading(statement, self.dialect, platform=organisation_id is None)
        bound = bind(prepared, organisation_id, parameters)
        return self._in_autocommit(lambda connection: connection.execute(prepared, bound).all())

    def run_alone(self, text: str, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """The rows of one statement that writes platform tables on PostgreSQL and is a transaction by itself: one round trip. For the
        core's own use: nothing limits it to an organisation. It is given to the driver in its words, past SQLAlchemy (measured: half
        of the processor's time for a fencing token). One that found its connection closed is run again, once, and may have been
        carried out before: it must be harmless twice."""
        self._free_to_write()

        def run(connection: sa.Connection) -> Sequence[tuple[Any, ...]]:
            driver: Any = connection.connection.driver_connection
            failure = connection.dialect.loaded_dbapi.Error
            try:
                return cast(Sequence[tuple[Any, ...]], driver.execute(text, parameters).fetchall())
            except connection.dialect.loaded_dbapi.NotSupportedError as error:
                # The statement is known to be right: tables without a log can't be used while a standby is one.
                raise Unavailable("The database does not take changes now; try again shortly.") from error
            except failure as error:
                # What takes the place of this one is the next that is asked for: the pool is a stack.
                if closed := bool(driver.closed):
                    connection.invalidate(error)
                raise sa.exc.DBAPIError.instance(
                    text, None, error, failure, hide_parameters=True, connection_invalidated=closed
                ) from error
            except BaseException:
                # A greenlet that was ended amid the statement, whose answer is still to come.
                connection.invalidate()
                raise

        return self._in_autocommit(run)

    def _in_autocommit(self, run: Callable[[sa.Connection], ResultT]) -> ResultT:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.engine.connect() as connection:
                    return run(connection)
            except sa.exc.DBAPIError as error:
                if error.connection_invalidated and attempt < _ATTEMPTS:
                    continue
                if (unavailable := _unavailable(error)) is None:
                    raise
                raise unavailable from error
            except sa.exc.TimeoutError as error:
                raise Unavailable("All database connections are in use; try again shortly.") from error
        raise AssertionError("unreachable")

    @contextmanager
    def _sqlite_write(self, patience: timedelta) -> Iterator[tuple[sa.Connection, datetime]]:
        seconds = max(0.0, patience.total_seconds())
        deadline = time.monotonic() + seconds
        if not self._writer.acquire(timeout=seconds):
            raise Unavailable(_BUSY)
        try:
            with _translated(), self.engine.connect() as connection, connection.begin():
                # Workers are other processes: wait for their commit with short sleeps, which let the loop run on.
                while True:
                    try:
                        begin_alone(connection)
                        break
                    except sa.exc.OperationalError as error:
                        if not _is_busy(error) or time.monotonic() > deadline:
                            raise
                        time.sleep(0.005 + random.random() * 0.02)  # until the other process has committed
                yield connection, self.clock.now()
        finally:
            self._writer.release()

    @contextmanager
    def _postgresql_write(
        self, organisation_id: UUID | None, patience: timedelta | None
    ) -> Iterator[tuple[sa.Connection, datetime]]:
        with _translated():
            connection, transaction, at = self._begin(organisation_id, patience)
            with connection, transaction:
                yield connection, at

    def _begin(
        self, organisation_id: UUID | None, patience: timedelta | None
    ) -> tuple[sa.Connection, sa.RootTransaction, datetime]:
        """The first message also finds a dead connection, before anything was written."""
        for attempt in range(1, _ATTEMPTS + 1):
            connection = self.engine.connect()
            try:
                transaction = connection.begin()
                return connection, transaction, begin(connection, organisation_id, patience) + self.clock.offset
            except sa.exc.DBAPIError as error:
                connection.close()
                if error.connection_invalidated and attempt < _ATTEMPTS:
                    continue
                raise
            except BaseException:
                connection.close()
                raise
        raise AssertionError("unreachable")


class DatabaseReader:
    """See `bharat.contracts.database.Reader`."""

    __slots__ = ("_database", "organisation_id")

    def __init__(self, database: BharatDatabase, organisation_id: UUID | None) -> None:
        self._database = database
        self.organisation_id = organisation_id

    def rows(self, statement: sa.Executable, parameters: Parameters | None = None) -> Sequence[sa.Row[Any]]:
        return self._database.run_read(self.organisation_id, statement, parameters)

    def row(self, statement: sa.Executable, parameters: Parameters | None = None) -> sa.Row[Any] | None:
        found = self._database.run_read(self.organisation_id, statement, parameters)
        return found[0] if found else None

    def scalar(self, statement: sa.Executable, parameters: Parameters | None = None) -> Any:
        found = self._database.run_read(self.organisation_id, statement, parameters)
        return found[0][0] if found else None


class DatabaseUnit:
    """See `bharat.contracts.database.Unit`."""

    __slots__ = ("_appended", "_connection", "actor", "at", "callbacks", "organisation_id", "woken")

    def __init__(self, connection: sa.Connection, organisation_id: UUID | None, actor: Actor, at: datetime) -> None:
        self._connection = connection
        self._appended: list[Appended] = []
        self.at = at
        self.organisation_id = organisation_id
        self.actor = actor
        self.callbacks: list[Callable[[], None]] = []
        self.woken: list[tuple[UUID, str, datetime | None]] = []

    def execute(self, statement: sa.Executable, parameters: Parameters | None = None) -> sa.CursorResult[Any]:
        if self._appended:
            self.flush()
        return self._run(statement, parameters)

    def append(self, table: sa.Table, row: Mapping[str, Any], *, refused: Refused | None = None) -> None:
        self._appended.append(Appended(table, row, refused))

    def flush(self) -> None:
        """Write the appended rows that wait."""
        rows, self._appended = self._appended, []
        together = self.organisation_id is not None and self._connection.dialect.name == "postgresql"
        try:
            for statement, parameters in statements(rows, together=together):
                self._run(statement, parameters)
        except sa.exc.IntegrityError as error:
            raise reason(rows, error) or error from None

    def rows(self, statement: sa.Executable, parameters: Parameters | None = None) -> Sequence[sa.Row[Any]]:
        return self.execute(statement, parameters).all()

    def row(self, statement: sa.Executable, parameters: Parameters | None = None) -> sa.Row[Any] | None:
        return self.execute(statement, parameters).first()

    def scalar(self, statement: sa.Executable, parameters: Parameters | None = None) -> Any:
        return self.execute(statement, parameters).scalar()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A nested transaction: an error inside it undoes only what was done inside it."""
        self.flush()
        with self._connection.begin_nested():
            try:
                yield
                self.flush()
            except BaseException:
                self._appended.clear()
                raise

    def _run(self, statement: sa.Executable, parameters: Parameters | None) -> sa.CursorResult[Any]:
        prepared = scoped(statement, platform=self.organisation_id is None)
        return self._connection.execute(prepared, bind(prepared, self.organisation_id, parameters))

    def wake(self, job_id: UUID, queue: str, at: datetime | None) -> None:
        self.woken.append((job_id, queue, at))

    def on_commit(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        if (unavailable := _unavailable(error)) is None:
            raise
        raise unavailable from error
    except sa.exc.TimeoutError as error:
        raise Unavailable("All database connections are in use; try again shortly.") from error


def _is_busy(error: sa.exc.OperationalError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _unavailable(error: sa.exc.DBAPIError) -> Unavailable | None:
    """What the caller is told when the database, rather than the statement, is at fault; `None` when it is not."""
    if not (
        isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError))
        or error.connection_invalidated
        or getattr(error.orig, "sqlstate", None) == _READ_ONLY
    ):
        return None
    if getattr(error.orig, "sqlite_errorcode", None) == _SQLITE_ERROR:
        return None  # SQLite's word for a wrong statement: an unknown table or column
    if getattr(error.orig, "sqlstate", None) == _LOCKED:
        return Unavailable(_BUSY)
    if getattr(error.orig, "sqlstate", None) in _ENTANGLED:
        log.info("a unit of work was ended so that others could go on: %s", type(error.orig).__name__)
        return Unavailable(
            "Others were changing the same records at the same time; nothing was changed, try again.", retry_after=1
        )
    # The driver's text may hold host names and parameters: it goes to the log, not to the caller.
    log.warning("the database refused a statement: %s", type(error.orig).__name__, exc_info=error.orig)
    return Unavailable("The database does not answer; try again shortly.")
