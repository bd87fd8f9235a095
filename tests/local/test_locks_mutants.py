"""The fault tests of the locks in the database, with the protection taken away: each must fail."""

from __future__ import annotations

import secrets
import threading
from datetime import timedelta

import pytest

from bharat.contracts.locks import Lease
from bharat.data import BharatDatabase
from bharat.local.locks import DatabaseLocks
from bharat.testing.platform import CountingFences, ShiftableClock
from bharat.testing.suite import eventually
from tests.local import test_locks

MINUTE = timedelta(minutes=1)


def test_without_the_confirmation_a_lock_is_given_that_was_lost(
    database: BharatDatabase, clock: ShiftableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: the condition `_own` and the row count in `DatabaseLocks._confirm`."""
    monkeypatch.setattr(DatabaseLocks, "_confirm", lambda self, lease, wait: True)
    with pytest.raises(AssertionError):
        test_locks.test_who_lost_the_lock_before_its_fence_came_does_not_get_it(database, clock)


class HastyLocks(DatabaseLocks):
    """Gets its token first, and then the row. Who has the first token is slow: another is faster."""

    overtaken = threading.Event()

    def _try(self, name: str, ttl: timedelta, wait: timedelta) -> Lease | None:
        lease = Lease(name, secrets.token_hex(16), self._fences.issue(name), ttl)
        if lease.fence == 1:
            self.overtaken.wait(10)
            eventually(lambda: self._take(name, lease.owner, ttl, wait), within=MINUTE, what="the others release it")
        elif not self._take(name, lease.owner, ttl, wait):
            return None
        self.overtaken.set()
        return lease if self._confirm(lease, wait) else None


def test_with_the_token_before_the_row_a_later_holder_has_a_lower_one(
    database: BharatDatabase, clock: ShiftableClock
) -> None:
    """Protected: `self._take` before `self._fences.issue` in `DatabaseLocks._try`."""
    fences = CountingFences()
    HastyLocks.overtaken.clear()
    locks, elsewhere = (HastyLocks(database, fences, clock) for _ in range(2))
    with pytest.raises(AssertionError, match="a later holder has a lower fence"):
        test_locks.TestDatabaseLocks().test_fences_rise_in_the_order_of_holding(locks, elsewhere, "report")
