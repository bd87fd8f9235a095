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
        self._computing: dict[str, object] = {}
        self._flights = Flights()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        validate_cache_key(key)
        with self._lock:
            return self._look_up(key)

    def set(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        validate_cache_key(key)
        validate_cache_ttl(ttl)
        with self._lock:
            self._forget(key)
            self._keep(key, value, ttl)

    def delete(self, key: str) -> None:
        validate_cache_key(key)
        with self._lock:
            self._forget(key)
            self._entries.pop(key, None)

    def get_or_compute(self, key: str, compute: Callable[[], bytes], *, ttl: timedelta) -> bytes:
        validate_cache_ttl(ttl)
        found = self.get(key)
        return found if found is not None else self._flights.share(key, lambda: self._computed(key, compute, ttl))

    def clear(self) -> None:
        with self._lock:
            self._flights.forget_all()
            self._computing.clear()
            self._entries.clear()

    def close(self) -> None:
        self.clear()

    def _computed(self, key: str, compute: Callable[[], bytes], ttl: timedelta) -> bytes:
        with self._lock:
            # Somebody may have computed it since this caller looked.
            if (found := self._look_up(key)) is not None:
                return found
            mark = self._computing[key] = object()
        try:
            value = compute()
        except BaseException:
            with self._lock:
                self._wanted(key, mark)
            raise
        with self._lock:
            if self._wanted(key, mark):
                self._keep(key, value, ttl)
        return value

    def _wanted(self, key: str, mark: object) -> bool:
        """Whether a computation that has ended is wanted still: a key that was set or deleted meanwhile stays so."""
        wanted = self._computing.get(key) is mark
        if wanted:
            del self._computing[key]
        return wanted

    def _forget(self, key: str) -> None:
        self._computing.pop(key, None)
        self._flights.forget(key)

    def _look_up(self, key: str) -> bytes | None:
        value, expires = self._entries.get(key, (None, 0.0))
        return value if expires > self._clock.monotonic() else None

    def _keep(self, key: str, value: bytes, ttl: timedelta) -> None:
        self._entries.pop(key, None)  # so that it goes to the end, where the youngest are
        self._entries[key] = (value, self._clock.monotonic() + ttl.total_seconds())
        while len(self._entries) > self._most:
            del self._entries[next(iter(self._entries))]
