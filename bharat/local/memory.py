"""The cache provider `memory`: a bounded least-recently-used table in this process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bharat.contracts.cache import validate_cache_key, validate_cache_ttl
from bharat.contracts.flights import Flights
from bharat.contracts.platform import Platform
from bharat.local.options import MemoryOptions

_OVERHEAD = 250
"""Bytes that the table itself takes per entry, about, measured on CPython 3.11."""


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    expires: float


class MemoryCache:
    """Entries of one process; other processes don't see them. Safe with threads and, patched by gevent, with greenlets."""

    def __init__(self, options: MemoryOptions, platform: Platform) -> None:
        self._limit = options.max_bytes
        self._clock = platform.clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._size = 0
        self._flights = Flights()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        validate_cache_key(key)
        with self._lock:
            return self._look_up(key)

    def set(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        validate_cache_key(key)
        validate_cache_ttl(ttl)
        with self._flights.changing(key), self._lock:
            self._keep(key, value, ttl)

    def delete(self, key: str) -> None:
        validate_cache_key(key)
        with self._flights.changing(key), self._lock:
            self._drop(key)

    def get_or_compute(self, key: str, compute: Callable[[], bytes], *, ttl: timedelta) -> bytes:
        """As the contract says. A `compute` that asks for its own key raises `RuntimeError`: it would wait for itself."""
        validate_cache_ttl(ttl)

        def keep(value: bytes) -> None:
            with self._lock:
                self._keep(key, value, ttl)

        return self._flights.get_or_compute(key, compute, find=lambda: self.get(key), keep=keep)

    def clear(self) -> None:
        with self._flights.changing_all(), self._lock:
            self._entries.clear()
            self._size = 0

    def close(self) -> None:
        self.clear()

    def _look_up(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= self._clock.monotonic():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    def _keep(self, key: str, value: bytes, ttl: timedelta) -> None:
        self._drop(key)
        size = self._weigh(key, value)
        if size > self._limit:
            return
        self._entries[key] = _Entry(value, self._clock.monotonic() + ttl.total_seconds())
        self._size += size
        while self._size > self._limit:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= self._weigh(key, entry.value)

    @staticmethod
    def _weigh(key: str, value: bytes) -> int:
        return len(key) + len(value) + _OVERHEAD
