"""How a transaction begins. On PostgreSQL one message begins it, says for whom, and asks the time; on SQLite there is one writer,
and it begins as that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.data.statements import ORGANISATION_SETTING, PLATFORM_SETTING

# What is written into it is an id and a number, or nothing: several commands in one message take no parameters (PostgreSQL manual,
# "Multiple Statements in a Simple Query").
_MESSAGE = (
    f"BEGIN; {{patience}}SELECT set_config('{ORGANISATION_SETTING}', '{{organisation}}', true), "
    f"set_config('{PLATFORM_SETTING}', '{{platform}}', true), statement_timestamp()"
)
_MILLISECOND = timedelta(milliseconds=1)
_AS_IT_IS = {"no_parameters": True}


def begin(connection: sa.Connection, organisation_id: UUID | None, patience: timedelta | None = None) -> datetime:
    """Begin for an organisation, or for the platform (`None`), on a connection in autocommit; the time on the database's
    clock. No statement waits for a lock longer than `patience`; by default only the statement's own time-out ends it."""
    message = _MESSAGE.format(
        # Its digits alone: what is no UUID has none, and must not get into the message.
        organisation="" if organisation_id is None else organisation_id.hex,
        platform="on" if organisation_id is None else "",
        patience="" if patience is None else f"SET LOCAL lock_timeout = '{patience_of(patience)}'; ",
    )
    at: datetime = connection.exec_driver_sql(message, execution_options=_AS_IT_IS).one()[2]
    return at.astimezone(UTC)


def patience_of(patience: timedelta) -> str:
    """A duration as PostgreSQL's `lock_timeout` takes it."""
    # Zero would be no limit.
    return f"{max(1, int(patience / _MILLISECOND))}ms"


def begin_alone(connection: sa.Connection) -> None:
    """Begin as SQLite's only writer, or fail because another is. A transaction that began by reading could not write later, when
    somebody else did meanwhile (sqlite.org/isolation.html)."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def run_as_it_is(cursor: Any, message: str, context: Any) -> bool:
    """Run several commands in one message, for SQLAlchemy's event `do_execute_no_params`. The answer is that of the last one.
    They can't be prepared together."""
    cursor.execute(message, prepare=False)
    while cursor.nextset():
        pass
    return True
