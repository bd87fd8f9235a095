"""The cache provider `memory`: a bounded least-recently-used table in this process."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from bharat.contracts.platform import Platform
from bharat.local.options import MemoryOptions

_KEY = re.compile(r"[!-~]{1,250}")
_OVERHEAD = 250
"""Bytes that the table itself takes per entry, about, measured on CPython 3.11."""


def validate_cache_key(key: str) -> None:
    """Raise `ValueError` unless `key` is 1 to 250 printable ASCII characters without spaces."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key[:80]!r} is not a cache key: use 1 to 250 printable ASCII characters without spaces")


def validate_ttl(ttl: timedelta) -> None:
    """Raise `ValueError` for a TTL under 1 ms."""
    if ttl < timedelta(milliseconds=1):
        raise ValueError(f"a cache entry can't live for {ttl}: the least is 1 ms")


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    expires: float


@dataclass(slots=True)
class _Flight:
    """A computation that callers wait for. `wanted` turns false when the key is deleted or set meanwhile."""

    owner: int
    landed: threading.Event = field(default_factory=threading.Event)
    value: bytes = b""
    error: Exception | None = None
    wanted: bool = True
    ended: bool = False
    """It has a value or an error. Else who computed was made to stop, and that is nothing to the others."""


class MemoryCache:
    """Entries of one process; other processes don't see them. Safe with threads and, patched by gevent, with greenlets."""

    def __init__(self, options: MemoryOptions, platform: Platform) -> None:
        self._limit = options.max_bytes
        self._clock = platform.clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._size = 0
        self._flights: dict[str, _Flight] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        validate_cache_key(key)
        with self._lock:
            return self._look_up(key)

    def set(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        validate_cache_key(key)
        validate_ttl(ttl)
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
        validate_ttl(ttl)
        while True:
            joined = self._joined(key)
            if isinstance(joined, bytes):
                return joined
            flight, mine = joined
            if mine:
                return self._fly(flight, key, compute, ttl)
            flight.landed.wait()
            if flight.error is not None:
                raise flight.error
            if flight.ended:
                return flight.value

    def _joined(self, key: str) -> bytes | tuple[_Flight, bool]:
        """The entry; where there is none, the computation to wait for, and whether it is this caller's own to do."""
        me = threading.get_ident()
        with self._lock:
            found = self._look_up(key)
            if found is not None:
                return found
            flight = self._flights.get(key)
            if flight is None:
                flight = self._flights[key] = _Flight(me)
                return flight, True
            if flight.owner == me:
                raise RuntimeError(f"the computation of the cache entry {key!r} asks for that very entry")
            return flight, False

    def _fly(self, flight: _Flight, key: str, compute: Callable[[], bytes], ttl: timedelta) -> bytes:
        try:
            flight.value = compute()
            flight.ended = True
        except Exception as error:
            # Anything else, like a deadline that passed, ends the one request it was meant for: another caller computes.
            flight.error = error
            raise
        finally:
            with self._lock:
                # A key deleted during the computation stays deleted: what was computed may predate the change.
                if flight.wanted:
                    del self._flights[key]
                    if flight.ended:
                        self._keep(key, flight.value, ttl)
            flight.landed.set()
        return flight.value

    def clear(self) -> None:
        with self._lock:
            for key in list(self._flights):
                self._ground(key)
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
        flight = self._flights.pop(key, None)
        if flight is not None:
            flight.wanted = False

    @staticmethod
    def _weigh(key: str, value: bytes) -> int:
        return len(key) + len(value) + _OVERHEAD
