"""A cache in the memory of one process: what another process sets or deletes is not seen here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from bharat.contracts.cache import validate_cache_key, validate_cache_ttl
from bharat.contracts.flights import Flights
from bharat.contracts.platform import Platform

from bharat.cli.templates.cache import NewPluginOptions


class NewPluginCache:
    """See `bharat.contracts.cache.Cache`. A backend that can go away is a miss, never an error: catch what its driver raises."""

    def __init__(self, options: NewPluginOptions, platform: Platform) -> None:
        self._most = options.max_entries
        self._clock = platform.clock
        self._entries: dict[str, tuple[bytes, float]] = {}
        self._flights = Flights()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        validate_cache_key(key)
        with self._lock:
            value, expires = self._entries.get(key, (None, 0.0))
        return value if expires > self._clock.monotonic() else None

    def set(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        validate_cache_key(key)
        validate_cache_ttl(ttl)
        with self._flights.changing(key):
            self._keep(key, value, ttl)

    def delete(self, key: str) -> None:
        validate_cache_key(key)
        with self._flights.changing(key), self._lock:
            self._entries.pop(key, None)

    def get_or_compute(self, key: str, compute: Callable[[], bytes], *, ttl: timedelta) -> bytes:
        validate_cache_ttl(ttl)
        # What another process changes needs a mark beside the entry, in the backend: `Flights` knows this process alone.
        return self._flights.get_or_compute(
            key, compute, find=lambda: self.get(key), keep=lambda value: self._keep(key, value, ttl)
        )

    def clear(self) -> None:
        with self._flights.changing_all(), self._lock:
            self._entries.clear()

    def close(self) -> None:
        self.clear()

    def _keep(self, key: str, value: bytes, ttl: timedelta) -> None:
        with self._lock:
            self._entries.pop(key, None)  # so that it goes to the end, where the youngest are
            self._entries[key] = (value, self._clock.monotonic() + ttl.total_seconds())
            while len(self._entries) > self._most:
                del self._entries[next(iter(self._entries))]
