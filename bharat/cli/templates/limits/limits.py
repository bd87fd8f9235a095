"""Counters and token buckets in the memory of one process. They begin anew with it, and each process has its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from bharat.contracts.limits import LimitsUnavailable, Verdict, validate_hits, validate_limit_key, validate_take
from bharat.contracts.platform import Platform

from bharat.cli.templates.limits import NewPluginOptions

_NOTHING = timedelta(0)


@dataclass(slots=True)
class Counts:
    """What is kept. Times are seconds of `Clock.monotonic`."""

    windows: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Hits, and when the window ends."""
    buckets: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """Tokens, when they were counted, and when the bucket is full again."""


class NewPluginLimits:
    """See `bharat.contracts.limits.Limits`. `_counted` is where your store is asked: what it raises when it does not answer becomes
    `LimitsUnavailable` there, once for all methods."""

    def __init__(self, options: NewPluginOptions, platform: Platform) -> None:
        self._most = options.max_keys
        self._clock = platform.clock
        self._counts = Counts()
        self._lock = threading.RLock()

    def hit(self, key: str, *, limit: int, window: timedelta) -> Verdict:
        validate_limit_key(key)
        validate_hits(limit, window)
        with self._counted() as (counts, now):
            hits, ends = counts.windows.get(key, (0, 0.0))
            if ends <= now:
                self._make_room(counts, key)
                hits, ends = 0, now + window.total_seconds()
            if hits >= limit:
                return Verdict(False, 0, timedelta(seconds=ends - now))
            counts.windows[key] = (hits + 1, ends)
            return Verdict(True, limit - hits - 1, _NOTHING)

    def peek(self, key: str, *, limit: int) -> Verdict:
        validate_limit_key(key)
        validate_hits(limit)
        with self._counted() as (counts, now):
            hits, ends = counts.windows.get(key, (0, 0.0))
            left = limit if ends <= now else limit - hits
            return Verdict(True, left, _NOTHING) if left > 0 else Verdict(False, 0, timedelta(seconds=ends - now))

    def take(self, key: str, *, capacity: int, per_second: float, amount: int = 1) -> Verdict:
        validate_limit_key(key)
        validate_take(capacity, per_second, amount)
        with self._counted() as (counts, now):
            self._make_room(counts, key)
            tokens, seen, _ = counts.buckets.get(key, (float(capacity), now, 0.0))
            tokens = min(float(capacity), tokens + (now - seen) * per_second)
            allowed = tokens >= amount
            if allowed:
                tokens -= amount
            counts.buckets[key] = (tokens, now, now + (capacity - tokens) / per_second)
            wait = _NOTHING if allowed else timedelta(seconds=(amount - tokens) / per_second)
            return Verdict(allowed, int(tokens), wait)

    def give_back(self, key: str) -> None:
        validate_limit_key(key)
        with self._counted() as (counts, now):
            hits, ends = counts.windows.get(key, (0, 0.0))
            if hits and ends > now:
                counts.windows[key] = (hits - 1, ends)

    def reset(self, key: str) -> None:
        validate_limit_key(key)
        with self._counted() as (counts, _):
            counts.windows.pop(key, None)
            counts.buckets.pop(key, None)

    def sweep(self) -> int:
        with self._counted() as (counts, now):
            windows = [key for key, (_, ends) in counts.windows.items() if ends <= now]
            buckets = [key for key, (_, _, full) in counts.buckets.items() if full <= now]
            for key in windows:
                del counts.windows[key]
            for key in buckets:
                del counts.buckets[key]
            return len(windows) + len(buckets)

    def close(self) -> None:
        return None

    @contextmanager
    def _counted(self) -> Iterator[tuple[Counts, float]]:
        """What is kept, for one caller at a time, and the time. Two who count at once must not lose a hit."""
        with self._lock:
            yield self._counts, self._clock.monotonic()

    def _make_room(self, counts: Counts, key: str) -> None:
        """For one key more. Forgetting a counter that still runs would let somebody in: full is as good as away."""
        if key in counts.windows or key in counts.buckets or len(counts.windows) + len(counts.buckets) < self._most:
            return
        if not self.sweep():
            raise LimitsUnavailable(f"{self._most} counters are kept, and none has ended.")
