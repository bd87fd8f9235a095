"""The fault tests of the sessions in the database, with the protection taken away: each must fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from bharat.contracts.database import Database
from bharat.contracts.principal import SYSTEM
from bharat.contracts.sessions import NewSession, SessionGone, token_hash
from bharat.data import BharatDatabase
from bharat.local.sessions import DatabaseSessions, sessions
from tests.local import test_sessions

Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@pytest.fixture
def new() -> NewSession:
    return NewSession(uuid4(), uuid4(), 0, timedelta(hours=1), timedelta(hours=24))


def row_of(database: Database, token: str) -> sa.Row[Any]:
    """The row as it is before the unit begins: what the protected code never looks at."""
    row = database.read(None).row(sa.select(sessions).where(sessions.c.token_hash == token_hash(token)))
    if row is None:
        raise SessionGone
    time.sleep(0.002)
    return row


class ReadsBeforeItsUnit(DatabaseSessions):
    def _change(self, token: str, change: Change) -> None:
        row = row_of(self._database, token)
        with self._database.write(None, SYSTEM) as unit:
            changed = sessions.update().where(self._mine).values(data=dict(change(row.data)))
            unit.execute(changed, {"token": row.token_hash})


def test_a_change_that_reads_without_the_rows_lock_loses_another(database: BharatDatabase, new: NewSession) -> None:
    """Protected: that `DatabaseSessions._change` reads in its unit, `.with_for_update()`."""
    with pytest.raises(AssertionError):
        test_sessions.TestDatabaseSessions().test_concurrent_changes_of_different_fields_are_all_kept(
            ReadsBeforeItsUnit(database), new
        )


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_without_the_lock_alone_a_change_is_lost(
    database: BharatDatabase, new: NewSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `.with_for_update()` in `DatabaseSessions._change`. SQLite has one writer."""
    monkeypatch.setattr(sa.Select, "with_for_update", lambda self: self)
    with pytest.raises(AssertionError):
        test_sessions.TestDatabaseSessions().test_concurrent_changes_of_different_fields_are_all_kept(
            DatabaseSessions(database), new
        )


class WritesTheRowBack(DatabaseSessions):
    """As a store of blobs would."""

    def _change(self, token: str, change: Change) -> None:
        row = row_of(self._database, token)
        with suppress(sa.exc.IntegrityError), self._database.write(None, SYSTEM) as unit:
            unit.execute(sessions.delete().where(sessions.c.token_hash == row.token_hash))
            unit.execute(sessions.insert().values(**{**row._mapping, "data": dict(change(row.data))}))


def test_a_change_that_writes_the_whole_row_brings_a_deleted_session_back(
    database: BharatDatabase, new: NewSession
) -> None:
    """Protected: the UPDATE `.where(self._mine)` in `DatabaseSessions._change`, which makes no row."""
    kept, users = WritesTheRowBack(database), (new.organisation_id, new.user_id)
    with pytest.raises(AssertionError):
        test_sessions.TestDatabaseSessions().test_no_request_in_flight_brings_a_deleted_session_back(kept, *users, new)
