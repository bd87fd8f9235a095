"""Holding a lock for longer than one TTL: renewed in the background while the work goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from bharat.contracts.errors import Unavailable
from bharat.contracts.locks import Lease, LeaseLost, LeaseUncertain, Locks


class Held:
    """A lease that is renewed until the block ends, or until it is lost. `lease.fence` is what guards a write."""

    def __init__(self, locks: Locks, lease: Lease) -> None:
        self.lease = lease
        self._locks = locks
        self._ended = threading.Event()
        self._lost: LeaseLost | None = None

    @property
    def lost(self) -> bool:
        """Whether the lease is known to be no longer ours. `False` is no promise: see `Locks`."""
        return self._lost is not None

    def check(self) -> None:
        """Raise `LeaseLost` when the lease is known to be lost: for work in steps, between two of them."""
        if self._lost is not None:
            raise self._lost

    def _renew(self) -> None:
        ttl = self.lease.ttl.total_seconds()
        renewed = time.monotonic()
        while not self._ended.wait(ttl / 3):
            asked = time.monotonic()
            try:
                self._locks.renew(self.lease)
                renewed = asked
            except LeaseUncertain as error:
                # The store may be back in time: until the TTL is over nobody else gets the lock.
                if time.monotonic() - renewed >= ttl:
                    self._lost = error
                    return
            except LeaseLost as error:
                self._lost = error
                return


@contextmanager
def holding(locks: Locks, name: str, *, ttl: timedelta, wait: timedelta = timedelta(0)) -> Iterator[Held]:
    """Hold the lock `name` for the block, renewing it every third of `ttl`, and give it back.

    Raises `Unavailable` when it is not to be had within `wait`, and `LeaseLost` at the block's end when it was lost meanwhile and the
    block ended well: its caller must not take the work for done under the lock. The thread that renews is a greenlet in a server."""
    lease = locks.acquire(name, ttl=ttl, wait=wait)
    if lease is None:
        raise Unavailable(f"The lock {name!r} is held by another, or its store does not answer; try again shortly.")
    held = Held(locks, lease)
    renewing = threading.Thread(target=held._renew, name=f"lease {name}", daemon=True)
    renewing.start()
    try:
        yield held
        held.check()
    finally:
        held._ended.set()
        renewing.join()
        if not held.lost:
            locks.release(lease)
