"""The sessions provider `database`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from bharat.contracts.sessions import NewSession
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.local.sessions import DatabaseSessions, sessions
from bharat.testing.platform import ShiftableClock
from bharat.testing.sessions import Dump, SessionsSuite
from bharat.testing.suite import CutOff, OnShiftedClock
from tests.fixtures.busy import busy_writing
from tests.local.cutting_off import exhaustible


@pytest.fixture
def opened(database_options: EngineOptions, clock: ShiftableClock) -> Iterator[tuple[BharatDatabase, CutOff]]:
    with exhaustible(database_options, clock) as opened:
        yield opened


class TestDatabaseSessions(OnShiftedClock, SessionsSuite):
    rounds = 8

    @pytest.fixture
    def sessions(self, opened: tuple[BharatDatabase, CutOff]) -> DatabaseSessions:
        return DatabaseSessions(opened[0])

    @pytest.fixture
    def cut_off(self, opened: tuple[BharatDatabase, CutOff]) -> CutOff:
        return opened[1]

    @pytest.fixture
    def dump(self, database: BharatDatabase) -> Dump:
        return lambda: repr(database.read(None).rows(sa.select(sessions))).encode()


def test_a_load_writes_at_most_once_a_minute(database: BharatDatabase, clock: ShiftableClock) -> None:
    kept = DatabaseSessions(database)
    token, begun = kept.create(NewSession(uuid4(), uuid4(), 1, timedelta(hours=12), timedelta(days=30)))
    clock.advance(timedelta(seconds=50))
    early = kept.load(token)
    clock.advance(timedelta(seconds=20))
    late = kept.load(token)
    assert early is not None
    assert late is not None
    assert early.seen_at == begun.seen_at
    assert late.seen_at > begun.seen_at
    assert late.expires_at > begun.expires_at


def test_no_read_waits_for_a_writer_to_move_the_expiry(database: BharatDatabase, clock: ShiftableClock) -> None:
    kept = DatabaseSessions(database)
    token, first = kept.create(NewSession(uuid4(), uuid4(), 1, timedelta(hours=12), timedelta(days=30)))
    clock.advance(timedelta(minutes=2))
    with busy_writing(database):
        begun = time.monotonic()
        assert kept.load(token) is not None
        # A writer is waited for five seconds.
        assert time.monotonic() - begun < 3
    later = kept.load(token)
    assert later is not None
    assert later.seen_at > first.seen_at


def test_sessions_outlive_the_process_that_made_them(database: BharatDatabase) -> None:
    token, begun = DatabaseSessions(database).create(
        NewSession(uuid4(), uuid4(), 1, timedelta(hours=12), timedelta(days=30))
    )
    again = DatabaseSessions(database).load(token)
    assert again is not None
    assert again.handle == begun.handle
