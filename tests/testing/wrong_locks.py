"""Wrong locks backends, each with its suite; `test_suites_bite.py` runs them. `TestRight` is what they derive from."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import ClassVar

import pytest

from bharat.cli.templates.locks.leases import Leases
from bharat.contracts.locks import Lease
from bharat.testing.locks import LocksSuite
from bharat.testing.platform import SmallPlatform
from bharat.testing.suite import CutOff, OnShiftedClock
from tests.testing.away import RemoteLeases, RemoteLocks


class TestRight(OnShiftedClock, LocksSuite):
    backend: ClassVar[type[RemoteLocks]] = RemoteLocks

    @pytest.fixture
    def leases(self) -> RemoteLeases:
        return RemoteLeases()

    @pytest.fixture
    def locks(self, platform: SmallPlatform, leases: RemoteLeases) -> RemoteLocks:
        return self.backend(platform, leases)

    @pytest.fixture
    def elsewhere(self, platform: SmallPlatform, leases: RemoteLeases) -> RemoteLocks:
        return self.backend(platform, leases)

    @pytest.fixture
    def cut_off(self, leases: RemoteLeases) -> CutOff:
        return lambda: setattr(leases, "answers", False)


class Wrong(TestRight):
    """What is never going to happen is not waited for as long as what may be slow."""

    patience = timedelta(seconds=0.5)


class TestForgetsTheTtl(Wrong):
    contenders = 2

    class backend(RemoteLocks):  # noqa: N801
        def _holder(self, leases: Leases, name: str) -> str | None:
            return leases.held[name][0] if name in leases.held else None


class TestLetsANonOwnerRelease(Wrong):
    class backend(RemoteLocks):  # noqa: N801
        def release(self, lease: Lease) -> bool:
            return self.leases.held.pop(lease.name, None) is not None


class TestLooksAndThenTakes(Wrong):
    class backend(RemoteLocks):  # noqa: N801
        def _try(self, name: str, ttl: timedelta) -> Lease | None:
            if not self.leases.answers or self._holder(self.leases, name) is not None:
                return None
            time.sleep(0.001)
            with self.leases.lock:
                self.leases.held.pop(name, None)
                return super()._try(name, ttl)


class TestCountsItsOwnFences(Wrong):
    class backend(RemoteLocks):  # noqa: N801
        count = 0

        def _try(self, name: str, ttl: timedelta) -> Lease | None:
            lease = super()._try(name, ttl)
            if lease is None:
                return None
            self.count += 1
            return Lease(name, lease.owner, self.count, ttl)


class TestRenewsALostLease(Wrong):
    class backend(RemoteLocks):  # noqa: N801
        def renew(self, lease: Lease) -> None:
            self.leases.held[lease.name] = (lease.owner, self._clock.now() + lease.ttl)


class TestNeverRenews(Wrong):
    class backend(RemoteLocks):  # noqa: N801
        def renew(self, lease: Lease) -> None:
            held = dict(self.leases.held)
            super().renew(lease)
            self.leases.held.update(held)


class TestDoesNotWait(Wrong):
    class backend(RemoteLocks):  # noqa: N801
        def acquire(self, name: str, *, ttl: timedelta, wait: timedelta = timedelta(0)) -> Lease | None:
            return super().acquire(name, ttl=ttl)


class TestIssuesTheFenceBeforeItHoldsTheLock(Wrong):
    """Two who wait take their tokens in one order and the lock in the other."""

    class backend(RemoteLocks):  # noqa: N801
        def acquire(self, name: str, *, ttl: timedelta, wait: timedelta = timedelta(0)) -> Lease | None:
            lease = None
            if self.leases.answers:
                fence = self._fences.issue(name)
                time.sleep(random.random() / 50)  # others come in between
                lease = super().acquire(name, ttl=ttl, wait=wait)
            return Lease(name, lease.owner, fence, ttl) if lease else None


class TestIsReEntrant(Wrong):
    class backend(RemoteLocks):  # noqa: N801
        last: Lease | None = None

        def _try(self, name: str, ttl: timedelta) -> Lease | None:
            if self.last is not None and self._holder(self.leases, name) == self.last.owner:
                return self.last
            self.last = super()._try(name, ttl)
            return self.last
