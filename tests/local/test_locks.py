"""The locks provider `database`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bharat.contracts.locks import Lease
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.data.fences import DatabaseFences
from bharat.local.locks import DatabaseLocks, leases
from bharat.testing.locks import LocksSuite
from bharat.testing.platform import CountingFences, ShiftableClock
from bharat.testing.suite import CutOff, OnShiftedClock
from tests.local.cutting_off import exhaustible

MINUTE = timedelta(minutes=1)


@pytest.fixture
def opened(database_options: EngineOptions, clock: ShiftableClock) -> Iterator[tuple[BharatDatabase, CutOff]]:
    with exhaustible(database_options, clock) as opened:
        yield opened


class TestDatabaseLocks(OnShiftedClock, LocksSuite):
    contenders = 8

    @pytest.fixture
    def locks(
        self, opened: tuple[BharatDatabase, CutOff], fences: CountingFences, clock: ShiftableClock
    ) -> DatabaseLocks:
        return DatabaseLocks(opened[0], fences, clock)

    @pytest.fixture
    def elsewhere(self, database: BharatDatabase, fences: CountingFences, clock: ShiftableClock) -> DatabaseLocks:
        return DatabaseLocks(database, fences, clock)

    @pytest.fixture
    def cut_off(self, opened: tuple[BharatDatabase, CutOff]) -> CutOff:
        return opened[1]


class SlowFences(CountingFences):
    """Issues a token only after `meanwhile` has happened: its caller was paused between taking the lock and its fence."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Lease | None] = []
        self.locks: DatabaseLocks | None = None
        self.clock: ShiftableClock | None = None

    def issue(self, name: str, *, wait: timedelta | None = None) -> int:
        locks, self.locks = self.locks, None
        if locks is not None and self.clock is not None:
            self.clock.advance(MINUTE * 2)
            self.meanwhile.append(locks.acquire(name, ttl=MINUTE))
        return super().issue(name, wait=wait)


def test_who_lost_the_lock_before_its_fence_came_does_not_get_it(
    database: BharatDatabase, clock: ShiftableClock
) -> None:
    fences = SlowFences()
    locks = DatabaseLocks(database, fences, clock)
    fences.locks, fences.clock = locks, clock
    assert locks.acquire("report", ttl=MINUTE) is None
    (winner,) = fences.meanwhile
    assert winner is not None
    locks.renew(winner)


def test_fences_come_from_the_database_in_the_product(database: BharatDatabase, clock: ShiftableClock) -> None:
    locks = DatabaseLocks(database, DatabaseFences(database), clock)
    first = locks.acquire("report", ttl=MINUTE)
    assert first is not None
    locks.release(first)
    second = locks.acquire("report", ttl=MINUTE)
    assert second is not None
    assert second.fence > first.fence


def a_lock_that_is_not_waited_for(database_options: EngineOptions, clock: ShiftableClock) -> None:
    """Somebody writes the lock's row, and on SQLite so the one file there is, for longer than anybody waits here."""
    database = BharatDatabase(database_options, busy_timeout=timedelta(seconds=4))
    begun, over = threading.Event(), threading.Event()
    row = {"name": "free", "owner": "x", "expires_at": clock.now() - MINUTE}

    def write() -> None:
        with database.write(None, SYSTEM) as unit:
            unit.execute(leases.insert(), row)
            begun.set()
            over.wait(8)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert begun.wait(10)
        before = time.monotonic()
        found = DatabaseLocks(database, DatabaseFences(database), clock).acquire("free", ttl=MINUTE)
        took = time.monotonic() - before
    finally:
        over.set()
        thread.join()
        database.close()
    assert took < 3, f"who did not want to wait waited {took:.1f} s"
    assert found is None


def test_a_busy_database_is_waited_for_no_longer_than_the_lock(
    database_options: EngineOptions, clock: ShiftableClock
) -> None:
    """Protected: `DatabaseLocks.acquire` hands what is left of `wait` to the database."""
    a_lock_that_is_not_waited_for(database_options, clock)


def test_mutant_that_hands_down_no_limit_waits_for_the_database(
    database_options: EngineOptions, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bharat.local.locks._TURN", MINUTE)
    with pytest.raises(AssertionError, match="waited"):
        a_lock_that_is_not_waited_for(database_options, clock)
