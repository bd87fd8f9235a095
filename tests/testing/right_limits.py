"""A right limits backend in memory: what the wrong ones derive from."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

from bharat.contracts.limits import LimitsUnavailable, Verdict
from bharat.contracts.platform import Clock


class MemoryLimits:
    def __init__(self, clock: Clock) -> None:
        self.counters: dict[str, tuple[int, float]] = {}
        self.buckets: dict[str, tuple[float, float, float]] = {}
        self.answers = True
        self.clock = clock
        self.lock = threading.RLock()

    def hit(self, key: str, *, limit: int, window: timedelta) -> Verdict:
        self._check(key)
        with self.lock:
            now = self.clock.monotonic()
            count, ends = self.counters.get(key, (0, 0.0))
            if ends <= now:
                count, ends = 0, now + window.total_seconds()
            if count >= limit:
                return Verdict(False, 0, timedelta(seconds=ends - now))
            self.counters[key] = (count + 1, ends)
            return Verdict(True, limit - count - 1, timedelta(0))

    def peek(self, key: str, *, limit: int) -> Verdict:
        self._check(key)
        with self.lock:
            now = self.clock.monotonic()
            count, ends = self.counters.get(key, (0, 0.0))
            if ends <= now:
                count = 0
            if count >= limit:
                return Verdict(False, 0, timedelta(seconds=ends - now))
            return Verdict(True, limit - count, timedelta(0))

    def take(self, key: str, *, capacity: int, per_second: float, amount: int = 1) -> Verdict:
        self._check(key)
        if amount > capacity:
            raise ValueError(f"{amount} can never be taken from a bucket of {capacity}")
        with self.lock:
            now = self.clock.monotonic()
            tokens, seen, _ = self.buckets.get(key, (float(capacity), now, 0.0))
            tokens = min(float(capacity), tokens + (now - seen) * per_second)
            allowed = tokens >= amount
            if allowed:
                tokens -= amount
            self.buckets[key] = (tokens, now, now + (capacity - tokens) / per_second)
            wait = timedelta(0) if allowed else timedelta(seconds=(amount - tokens) / per_second)
            return Verdict(allowed, int(tokens), wait)

    def give_back(self, key: str) -> None:
        self._check(key)
        with self.lock:
            count, ends = self.counters.get(key, (0, 0.0))
            if count:
                self.counters[key] = (count - 1, ends)

    def reset(self, key: str) -> None:
        self._check(key)
        with self.lock:
            self.counters.pop(key, None)
            self.buckets.pop(key, None)

    def sweep(self) -> int:
        if not self.answers:
            raise LimitsUnavailable("the counters do not answer")
        with self.lock:
            now = self.clock.monotonic()
            counters = [key for key, (_, ends) in self.counters.items() if ends <= now]
            buckets = [key for key, (_, _, full) in self.buckets.items() if full <= now]
            for key in counters:
                del self.counters[key]
            for key in buckets:
                del self.buckets[key]
            return len(counters) + len(buckets)

    def close(self) -> None:
        return None

    def _check(self, key: str) -> None:
        if not re.fullmatch(r"[!-~]{1,250}", key):
            raise ValueError(f"{key[:80]!r} is not a key")
        if not self.answers:
            raise LimitsUnavailable("the counters do not answer")
