"""A lock is held for as long as its work takes, by renewing it in the background, and a loss is reported."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from bharat.contracts.errors import Unavailable
from bharat.contracts.holding import Held, holding
from bharat.contracts.locks import Lease, LeaseLost, LeaseUncertain
from bharat.data import BharatDatabase
from bharat.data.fences import DatabaseFences
from bharat.local.locks import DatabaseLocks
from bharat.testing.suite import eventually

TTL = timedelta(seconds=0.6)
PATIENCE = timedelta(seconds=15)


class Interrupted(DatabaseLocks):
    """Its store can be away."""

    away = False

    def renew(self, lease: Lease) -> None:
        if self.away:
            raise LeaseUncertain("away")
        super().renew(lease)


@pytest.fixture
def locks(database: BharatDatabase) -> Interrupted:
    return Interrupted(database, DatabaseFences(database), database.clock)


def kept_out(locks: DatabaseLocks) -> bool:
    """Whether nobody else gets the lock for three times its TTL."""
    until = time.monotonic() + 3 * TTL.total_seconds()
    while time.monotonic() < until:
        if locks.acquire("report", ttl=TTL) is not None:
            return False
        time.sleep(0.05)
    return True


def test_nobody_else_gets_it_however_long_the_work_takes(locks: Interrupted) -> None:
    """Protected by the renewal in `Held._renew`."""
    with holding(locks, "report", ttl=TTL) as held:
        assert kept_out(locks)
        assert not held.lost
    assert locks.acquire("report", ttl=TTL) is not None, "it was not given back"


def test_mutant_that_does_not_renew_loses_it(locks: Interrupted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Held, "_renew", lambda self: None)
    with holding(locks, "report", ttl=TTL):
        assert not kept_out(locks)


def test_who_does_not_get_it_is_told_and_does_nothing(locks: Interrupted) -> None:
    with (
        holding(locks, "report", ttl=PATIENCE),
        pytest.raises(Unavailable, match="'report' is held by another"),
        holding(locks, "report", ttl=PATIENCE),
    ):
        pytest.fail("it was given twice")


def test_an_error_of_the_work_gives_it_back(locks: Interrupted) -> None:
    with pytest.raises(ZeroDivisionError), holding(locks, "report", ttl=PATIENCE):
        raise ZeroDivisionError
    assert locks.acquire("report", ttl=TTL) is not None


def lost_while_working(locks: Interrupted, lose: Callable[[Lease], object]) -> None:
    with holding(locks, "report", ttl=TTL) as held:
        lose(held.lease)
        eventually(lambda: held.lost, within=PATIENCE, what="the loss is noticed")
        with pytest.raises(LeaseLost):
            held.check()


def test_a_loss_is_reported_at_the_latest_at_the_end(locks: Interrupted) -> None:
    with pytest.raises(LeaseLost):
        lost_while_working(locks, locks.release)


def test_a_store_that_stays_away_is_a_loss(locks: Interrupted) -> None:
    def go_away(_: Lease) -> None:
        locks.away = True

    with pytest.raises(LeaseLost):
        lost_while_working(locks, go_away)


def test_a_store_that_is_back_in_time_is_none(locks: Interrupted) -> None:
    with holding(locks, "report", ttl=10 * TTL) as held:
        locks.away = True
        time.sleep(3 * TTL.total_seconds())
        locks.away = False
        time.sleep(4 * TTL.total_seconds())
        assert not held.lost
