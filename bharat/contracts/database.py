"""The database as plugins and rooms see it: scoped units of work and scoped reads, on SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.principal import Actor

Refused = Callable[[sa.exc.IntegrityError], Exception | None]
StatementT = TypeVar("StatementT", bound=sa.Executable)
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Reader(Protocol):
    """Reads for one organisation, each statement in its own autocommit."""

    @property
    def organisation_id(self) -> UUID | None: ...

    def rows(self, statement: sa.Executable, parameters: Parameters | None = None) -> Sequence[sa.Row[Any]]:
        """All rows of a SELECT. Every table of organisations' data in it is limited to this organisation's rows.

        Raises `TenancyError` when the statement names such a table and the reader has no organisation, `Unavailable`
        when the database does not answer."""
        ...

    def row(self, statement: sa.Executable, parameters: Parameters | None = None) -> sa.Row[Any] | None:
        """The first row, or `None`."""
        ...

    def scalar(self, statement: sa.Executable, parameters: Parameters | None = None) -> Any:
        """The first column of the first row, or `None`."""
        ...


class Unit(Reader, Protocol):
    """A unit of work: one write transaction for one organisation. All of it becomes visible, or none."""

    @property
    def actor(self) -> Actor:
        """Who causes the change: stamped on rows, audit entries, events and jobs."""
        ...

    @property
    def at(self) -> datetime:
        """When the unit began, by the database's clock: the one instant that its rows, events and jobs carry."""
        ...

    def execute(self, statement: sa.Executable, parameters: Parameters | None = None) -> sa.CursorResult[Any]:
        """Run any statement, limited to the organisation; an INSERT into organisations' data is given its id.

        A violated constraint raises SQLAlchemy's `IntegrityError`; inside `savepoint` the unit can go on after it."""
        ...

    def append(self, table: sa.Table, row: Mapping[str, Any], *, refused: Refused | None = None) -> None:
        """Insert a row, given by column names, without waiting for it: an entry of a log, or whatever else nothing has to happen
        to now. It is written before the unit's next statement, at the latest before the commit, together with others that wait:
        on PostgreSQL in one round trip. A violated constraint raises `IntegrityError` then, or what `refused` makes of it;
        `refused` may be asked about a constraint that another of the rows violates, and returns `None` for that.

        A row of organisations' data is given its id; one of a table that this unit may not name raises `TenancyError` then."""
        ...

    def flush(self) -> None:
        """Write the appended rows now, for whoever wants to know whether a constraint is violated."""
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """A nested transaction: an error that leaves the block undoes only what was done inside it."""
        ...

    def wake(self, job_id: UUID, queue: str, at: datetime | None) -> None:
        """Say that a job row was written: after the commit the `jobs` provider is told. Called by `bharat.work.enqueue`."""
        ...

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` after the commit; never when it is rolled back. Its errors are logged, not raised:
        it may only hasten what would happen anyway (wake a worker, drop a cache entry)."""
        ...


class Database(Protocol):
    """The primary database."""

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]: ...

    def write(
        self, organisation_id: UUID | None, actor: Actor, *, wait: bool | timedelta = True
    ) -> AbstractContextManager[Unit]:
        """Open a unit of work. With `None` only platform tables can be named.

        Leaving the block commits; an exception rolls back. Raises `Unavailable` when the database does not answer
        or stays busy past its time-out: nothing has been changed then, except that a connection lost during the commit
        itself leaves open whether it took place. An idempotency key tells the caller who asks again.

        `wait=False` is for notes that can as well be made later: where another unit holds SQLite's one writer, or on PostgreSQL a
        row that this one comes to, it is `Unavailable` at once. A duration is the longest that such a wait may take.

        Units do not nest: a second one in the same thread or greenlet raises `RuntimeError`."""
        ...

    def read(self, organisation_id: UUID | None) -> Reader:
        """Reads for one organisation, or of platform tables with `None`."""
        ...

    def prepare(self, statement: StatementT) -> StatementT:
        """Make a SELECT ready once, so that each run of it by a `Reader` with an organisation skips the rewriting."""
        ...

    def now(self) -> sa.ColumnElement[datetime]:
        """The database's clock as an expression, shifted by the offset that tests inject. Leases, expiries and ticks
        use it, so that nodes whose clocks differ agree."""
        ...

    def after(self, delay: timedelta) -> sa.ColumnElement[datetime]:
        """`now()` plus a delay, as an expression."""
        ...
