"""Capability `cache`: what can be computed again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol


class Cache(Protocol):
    """Bytes by key for a while. **A failing cache is a miss, never an error**: no method raises for its backend.

    Keys are 1 to 250 printable ASCII characters without spaces (`ValueError` otherwise); callers encode values, JSON by
    preference, never pickle. A TTL is at least 1 ms. An entry may vanish before its TTL and never outlives it."""

    def get(self, key: str) -> bytes | None:
        """The value, or `None`."""
        ...

    def set(self, key: str, value: bytes, *, ttl: timedelta) -> None: ...

    def delete(self, key: str) -> None: ...

    def get_or_compute(self, key: str, compute: Callable[[], bytes], *, ttl: timedelta) -> bytes:
        """The value, computed and kept when absent. Callers that miss together share one computation in this process,
        and across processes where the backend can. An `Exception` from `compute` reaches every caller that waited, and
        nothing is kept; what else ends it (a deadline, a greenlet's end) is its own caller's, and another of them computes."""
        ...

    def clear(self) -> None:
        """Drop every entry of Bharat's, and of nobody else who shares the backend."""
        ...

    def close(self) -> None: ...
