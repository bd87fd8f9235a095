"""Wrong locks backends, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import ClassVar

import pytest

from bharat.contracts.locks import Lease
from bharat.testing.locks import LocksSuite
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import CutOff, OnShiftedClock
from tests.testing.right_locks import MemoryLocks, Table


class TestRight(OnShiftedClock, LocksSuite):
    backend: ClassVar[type[MemoryLocks]] = MemoryLocks

    @pytest.fixture
    def table(self) -> Table:
        return Table()

    @pytest.fixture
    def locks(self, table: Table, platform: SmallPlatform) -> MemoryLocks:
        return self.backend(table, platform)

    @pytest.fixture
    def elsewhere(self, table: Table, platform: SmallPlatform) -> MemoryLocks:
        return self.backend(table, platform)

    @pytest.fixture
    def cut_off(self, table: Table) -> CutOff:
        def fall_silent() -> None:
            table.answers = False

        return fall_silent


class Wrong(TestRight):
    """What is never going to happen is not waited for as long as what may be slow."""

    patience = timedelta(seconds=0.5)


class TestForgetsTheTtl(Wrong):
    contenders = 2

    class backend(MemoryLocks):  # noqa: N801
        def holder(self, name: str) -> str | None:
            return self.table.held.get(name, (None, None))[0]


class TestLetsANonOwnerRelease(Wrong):
    class backend(MemoryLocks):  # noqa: N801
        def release(self, lease: Lease) -> bool:
            return self.table.held.pop(lease.name, None) is not None


class TestLooksAndThenTakes(Wrong):
    class backend(MemoryLocks):  # noqa: N801
        def try_once(self, name: str, ttl: timedelta) -> Lease | None:
            if not self.table.answers or self.holder(name) is not None:
                return None
            time.sleep(0.001)
            with self.table.lock:
                self.table.held.pop(name, None)
                return super().try_once(name, ttl)


class TestCountsItsOwnFences(Wrong):
    class backend(MemoryLocks):  # noqa: N801
        count = 0

        def try_once(self, name: str, ttl: timedelta) -> Lease | None:
            lease = super().try_once(name, ttl)
            if lease is None:
                return None
            self.count += 1
            return Lease(name, lease.owner, self.count, ttl)


class TestRenewsALostLease(Wrong):
    class backend(MemoryLocks):  # noqa: N801
        def renew(self, lease: Lease) -> None:
            self.table.held[lease.name] = (lease.owner, self.clock.now() + lease.ttl)


class TestNeverRenews(Wrong):
    class backend(MemoryLocks):  # noqa: N801
        def renew(self, lease: Lease) -> None:
            held = dict(self.table.held)
            super().renew(lease)
            self.table.held.update(held)


class TestDoesNotWait(Wrong):
    class backend(MemoryLocks):  # noqa: N801
        def acquire(self, name: str, *, ttl: timedelta, wait: timedelta = timedelta(0)) -> Lease | None:
            return super().acquire(name, ttl=ttl)


class TestIssuesTheFenceBeforeItHoldsTheLock(Wrong):
    """Two who wait take their tokens in one order and the lock in the other."""

    class backend(MemoryLocks):  # noqa: N801
        def acquire(self, name: str, *, ttl: timedelta, wait: timedelta = timedelta(0)) -> Lease | None:
            lease = None
            if self.table.answers:
                fence = self.fences.issue(name)
                time.sleep(random.random() / 50)  # others come in between
                lease = super().acquire(name, ttl=ttl, wait=wait)
            return Lease(name, lease.owner, fence, ttl) if lease else None


class TestIsReEntrant(Wrong):
    class backend(MemoryLocks):  # noqa: N801
        last: Lease | None = None

        def try_once(self, name: str, ttl: timedelta) -> Lease | None:
            if self.last is not None and self.holder(name) == self.last.owner:
                return self.last
            self.last = super().try_once(name, ttl)
            return self.last
