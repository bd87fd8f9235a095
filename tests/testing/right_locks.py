"""A right locks backend in memory: what the wrong ones derive from."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import datetime, timedelta

from bharat.contracts.errors import Unavailable
from bharat.contracts.locks import Lease, LeaseLost, LeaseUncertain, validate_lock
from bharat.contracts.platform import Platform


class Table:
    """The leases that all instances share: owner and end by name."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[str, datetime]] = {}
        self.answers = True
        self.lock = threading.RLock()


class MemoryLocks:
    pause = 0.005
    """Seconds between two looks of a waiting `acquire`."""

    def __init__(self, table: Table, platform: Platform) -> None:
        self.table = table
        self.clock = platform.clock
        self.fences = platform.fences

    def acquire(self, name: str, *, ttl: timedelta, wait: timedelta = timedelta(0)) -> Lease | None:
        validate_lock(name, ttl)
        deadline = time.monotonic() + wait.total_seconds()
        while True:
            lease = self.try_once(name, ttl)
            if lease is not None or time.monotonic() >= deadline:
                return lease
            time.sleep(self.pause)

    def try_once(self, name: str, ttl: timedelta) -> Lease | None:
        with self.table.lock:
            if not self.table.answers or self.holder(name) is not None:
                return None
            try:
                fence = self.fences.issue(name)
            except Unavailable:
                return None
            owner = secrets.token_hex(16)
            self.table.held[name] = (owner, self.clock.now() + ttl)
            return Lease(name, owner, fence, ttl)

    def renew(self, lease: Lease) -> None:
        with self.table.lock:
            if not self.table.answers:
                raise LeaseUncertain(f"whether the lease on {lease.name} is lost is unknown")
            if self.holder(lease.name) != lease.owner:
                raise LeaseLost(f"the lease on {lease.name} is lost")
            self.table.held[lease.name] = (lease.owner, self.clock.now() + lease.ttl)

    def release(self, lease: Lease) -> bool:
        with self.table.lock:
            if not self.table.answers or self.holder(lease.name) != lease.owner:
                return False
            del self.table.held[lease.name]
            return True

    def close(self) -> None:
        return None

    def holder(self, name: str) -> str | None:
        owner, ends = self.table.held.get(name, (None, None))
        return owner if ends is not None and ends > self.clock.now() else None
