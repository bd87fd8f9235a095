"""Capability `cache`: what can be computed again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

_KEY = re.compile(r"[!-~]{1,250}")
_SHORTEST = timedelta(milliseconds=1)


def validate_cache_key(key: str) -> None:
    """Raise `ValueError` unless `key` is 1 to 250 printable ASCII characters without spaces."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key[:80]!r} is not a cache key: use 1 to 250 printable ASCII characters without spaces")


def validate_cache_ttl(ttl: timedelta) -> None:
    """Raise `ValueError` for a TTL under 1 ms."""
    if ttl < _SHORTEST:
        raise ValueError(f"a cache entry can't live for {ttl}: the least is 1 ms")


class Cache(Protocol):
    """Bytes by key for a while. **A failing cache is a miss, never an error**: no method raises for its backend.

    Keys are 1 to 250 printable ASCII characters without spaces (`ValueError` otherwise); callers encode values, JSON by
    preference, never pickle. A TTL is at least 1 ms. An entry may vanish before its TTL and never outlives it.

    For whoever writes one: `validate_cache_key` and `validate_cache_ttl` say what is no key and no TTL, and
    `bharat.contracts.flights.Flights` lets callers of one process share a computation, and keeps none that a change overtook."""

    def get(self, key: str) -> bytes | None:
        """The value, or `None`."""
        ...

    def set(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        """Keep the value in place of what there was, and of what is being computed."""
        ...

    def delete(self, key: str) -> None:
        """Drop the entry; a key without one is a no-op."""
        ...

    def get_or_compute(self, key: str, compute: Callable[[], bytes], *, ttl: timedelta) -> bytes:
        """The value, computed and kept when absent. Callers that miss together share one computation in this process,
        and across processes where the backend can. An `Exception` from `compute` reaches every caller that waited, and
        nothing is kept; what else ends it (a deadline, a greenlet's end) is its own caller's, and another of them computes.

        What is set, deleted or cleared meanwhile stays so: what was computed may be older than that change. It goes to those who
        wait for it and is not kept, and who asks after the change does not wait for it."""
        ...

    def clear(self) -> None:
        """Drop every entry of Bharat's, and of nobody else who shares the backend."""
        ...

    def close(self) -> None:
        """Give back memory and connections. Idempotent, and fails for no backend."""
        ...
