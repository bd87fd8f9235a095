"""Leases in the memory of one process: they keep its threads apart, and no other process."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from bharat.contracts.errors import Unavailable
from bharat.contracts.locks import Lease, LeaseLost, LeaseUncertain, validate_lock
from bharat.contracts.platform import Platform

from bharat.cli.templates.locks import NewPluginOptions
from bharat.cli.templates.locks.leases import Away, Leases


class NewPluginLocks:
    """See `bharat.contracts.locks.Locks`. Instances that are given the same `leases` see each other's locks."""

    def __init__(
        self,
        options: NewPluginOptions,
        platform: Platform,
        leases: Leases | None = None,
    ) -> None:
        self._poll = options.poll
        self._clock = platform.clock
        self._fences = platform.fences
        self._leases = leases or Leases()

    def acquire(self, name: str, *, ttl: timedelta, wait: timedelta = timedelta(0)) -> Lease | None:
        validate_lock(name, ttl)
        deadline = time.monotonic() + wait.total_seconds()
        while True:
            lease = self._try(name, ttl)
            if lease is not None or time.monotonic() >= deadline:
                return lease
            time.sleep(self._poll)

    def renew(self, lease: Lease) -> None:
        try:
            with self._asked() as leases:
                if self._holder(leases, lease.name) != lease.owner:
                    raise LeaseLost(f"The lease on {lease.name} is lost.")
                leases.held[lease.name] = (lease.owner, self._clock.now() + lease.ttl)
        except Away as error:
            raise LeaseUncertain(f"Whether the lease on {lease.name} is lost is unknown.") from error

    def release(self, lease: Lease) -> bool:
        try:
            with self._asked() as leases:
                if self._holder(leases, lease.name) != lease.owner:
                    return False
                del leases.held[lease.name]
                return True
        except Away:
            return False

    def close(self) -> None:
        return None

    def _try(self, name: str, ttl: timedelta) -> Lease | None:
        """Look and take in one step. The fence is issued while the lock is held, so that it rises in the order of holding."""
        try:
            with self._asked() as leases:
                if self._holder(leases, name) is not None:
                    return None
                lease = Lease(name, secrets.token_hex(16), self._fences.issue(name), ttl)
                leases.held[name] = (lease.owner, self._clock.now() + ttl)
                return lease
        except (Away, Unavailable):  # down, the store or the issuer, means not acquired
            return None

    def _holder(self, leases: Leases, name: str) -> str | None:
        owner, ends = leases.held.get(name, (None, self._clock.now()))
        return owner if ends > self._clock.now() else None

    @contextmanager
    def _asked(self) -> Iterator[Leases]:
        """What is kept, for one caller at a time."""
        with self._leases.lock:
            yield self._leases
