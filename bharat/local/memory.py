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
        self._marks: dict[str, object] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        validate_cache_key(key)
        with self._lock:
            return self._look_up(key)

    def set(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        validate_cache_key(key)
        validate_cache_ttl(ttl)
        with self._lock:
            self._ground(key)
            self._keep(key, value, ttl)

    def delete(self, key: str) -> None:
        validate_cache_key(key)
        with self._lock:
            self._ground(key)
            self._drop(key)

    def get_or_compute(self, key: str, compute: Callable[[], bytes], *, ttl: timedelta) -> bytes:
        """As the contract says. A `compute` that asks for its own key raises `RuntimeError`: it would wait for itself."""
        validate_cache_key(key)
        validate_cache_ttl(ttl)
        found = self.get(key)
        return found if found is not None else self._flights.share(key, lambda: self._computed(key, compute, ttl))

    def _computed(self, key: str, compute: Callable[[], bytes], ttl: timedelta) -> bytes:
        mark = object()
        with self._lock:
            # Whoever computed it before may have landed since this caller looked.
            found = self._look_up(key)
            if found is not None:
                return found
            self._marks[key] = mark
        value: bytes | None = None
        try:
            value = compute()
            return value
        finally:
            with self._lock:
                # A key deleted during the computation stays deleted: what was computed may predate the change.
                if self._marks.get(key) is mark:
                    del self._marks[key]
                    if value is not None:
                        self._keep(key, value, ttl)

    def clear(self) -> None:
        with self._lock:
            self._marks.clear()
            self._flights.forget_all()
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

    def _ground(self, key: str) -> None:
        """What is being computed for the key is wanted no more."""
        self._marks.pop(key, None)
        self._flights.forget(key)

    @staticmethod
    def _weigh(key: str, value: bytes) -> int:
        return len(key) + len(value) + _OVERHEAD
