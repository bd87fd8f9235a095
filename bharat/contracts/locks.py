"""Capability `locks`: leases with fencing tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bharat.contracts.errors import BharatError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/\-]{0,199}")


class LeaseLost(BharatError):
    """The lease expired or belongs to another owner: stop the work it protected."""


class LeaseUncertain(LeaseLost):
    """The store does not answer, so whether the lease is still held is unknown. It may be renewed later, within its TTL."""


def validate_lock(name: str, ttl: timedelta) -> None:
    """Raise `ValueError` unless `name` is 1 to 200 of `A-Z a-z 0-9 . _ : / -` and `ttl` is 100 ms to 1 day."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is not a lock name: use 1 to 200 letters, digits and . _ : / -")
    if not timedelta(milliseconds=100) <= ttl <= timedelta(days=1):
        raise ValueError(f"a lease of {ttl} is outside 100 ms to 1 day")


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lock. `owner` is a random value known to the holder alone; `fence` rises with every acquisition of `name`."""

    name: str
    owner: str
    fence: int
    ttl: timedelta


class Locks(Protocol):
    """Leases by name.

    **A lease limits contention; it does not guarantee exclusion.** A holder may be paused past its TTL and wake up
    believing it still holds the lock. The guarantee is the fence, checked where the write happens (refuse a token
    lower than the newest: `Fences.guard`), or a unique constraint."""

    def acquire(self, name: str, *, ttl: timedelta, wait: timedelta = timedelta(0)) -> Lease | None:
        """Take the lock for `ttl`, waiting at most `wait`; `None` when it is held by another, or the backend does not
        answer: down means not acquired. Not re-entrant. Raises `ValueError` by `validate_lock`.

        The fencing token comes from `Platform.fences`, never from the backend, which may lose its memory."""
        ...

    def renew(self, lease: Lease) -> None:
        """Extend to a full TTL from now. Raises `LeaseLost` when it is no longer the owner's, `LeaseUncertain` when the store does
        not answer."""
        ...

    def release(self, lease: Lease) -> bool:
        """Give the lock back; `False`, changing nothing, when it is no longer the owner's. `False` too when the store does not answer:
        the lease may be held until it expires."""
        ...

    def close(self) -> None:
        """Give back connections; leases stay until they are released or expire. Idempotent, and fails for no backend."""
        ...
