"""Identifiers: UUIDv7 (RFC 9562, 5.7), so that ids ascend with time and indexes stay dense."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


# A thread that held the lock at the moment of a fork does not exist in the child.
os.register_at_fork(after_in_child=_renew_lock)


def new_id() -> UUID:
    """A UUIDv7. Within a process ids strictly ascend: the 12 bits after the millisecond count its fractions
    (RFC 9562, 6.2, method 3) and a tie or a clock set back moves on by one fraction."""
    global _last
    with _lock:
        ticks = time.time_ns() * 4096 // 1_000_000
        if ticks <= _last:
            ticks = _last + 1
        _last = ticks
    milliseconds, fraction = ticks >> 12, ticks & 0xFFF
    tail = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | tail)
