"""`RedisLimits`: each use of a counter or bucket is one script, one round trip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from bharat.contracts.limits import LimitsUnavailable, Verdict, validate_hits, validate_limit_key, validate_take
from bharat_cache_redis import scripts
from bharat_redis import RedisUnavailable, open_redis

if TYPE_CHECKING:
    from bharat_cache_redis import RedisLimitOptions
    from bharat_redis.clients import RedisClients

_NOTHING = timedelta(0)
_MILLISECOND = timedelta(milliseconds=1)
_ROUNDING = 1e-6
"""Tokens that a sum of doubles may fall short by; who waited `retry_after` must not be refused for it."""


class RedisLimits:
    """See `bharat.contracts.limits.Limits`. Redis may be down while this is made."""

    def __init__(self, options: RedisLimitOptions) -> None:
        self._redis = open_redis(options.connection("bharat-limits"))
        self._counters = self._redis.key("limit", "hits", "")
        self._buckets = self._redis.key("limit", "tokens", "")
        self._hit = self._redis.script(scripts.HIT)
        self._peek = self._redis.script(scripts.PEEK)
        self._give_back = self._redis.script(scripts.GIVE_BACK)
        self._take = self._redis.script(scripts.TAKE)

    def hit(self, key: str, *, limit: int, window: timedelta) -> Verdict:
        validate_limit_key(key)
        validate_hits(limit, window)
        # Redis counts whole milliseconds, and none would end at once.
        milliseconds = max(1, window // _MILLISECOND)
        with self._translated():
            allowed, hits, left = self._hit([self._counters + key], [limit, milliseconds])
        return Verdict(True, limit - hits, _NOTHING) if allowed else Verdict(False, 0, _until_over(left))

    def peek(self, key: str, *, limit: int) -> Verdict:
        validate_limit_key(key)
        validate_hits(limit)
        with self._translated():
            hits, left = self._peek([self._counters + key])
        return Verdict(True, limit - hits, _NOTHING) if hits < limit else Verdict(False, 0, _until_over(left))

    def take(self, key: str, *, capacity: int, per_second: float, amount: int = 1) -> Verdict:
        validate_limit_key(key)
        validate_take(capacity, per_second, amount)
        with self._translated():
            allowed, text = self._take([self._buckets + key], [capacity, repr(float(per_second)), amount, _ROUNDING])
        tokens = max(0.0, float(text))
        if allowed:
            return Verdict(True, int(tokens + _ROUNDING), _NOTHING)
        # Rounded up: who waits this long is not refused for a microsecond.
        missing = timedelta(seconds=max(0.0, amount - tokens) / per_second) + timedelta(microseconds=1)
        return Verdict(False, int(tokens + _ROUNDING), missing)

    def give_back(self, key: str) -> None:
        validate_limit_key(key)
        with self._translated():
            self._give_back([self._counters + key])

    def reset(self, key: str) -> None:
        validate_limit_key(key)
        with self._translated():
            self._redis.commands.delete(self._counters + key, self._buckets + key)

    def sweep(self) -> int:
        """Always 0: Redis drops what expires by itself. Raises `LimitsUnavailable` all the same."""
        with self._translated():
            self._redis.commands.ping()
        return 0

    @property
    def clients(self) -> RedisClients:
        """Its connections, for the health check."""
        return self._redis

    def close(self) -> None:
        self._redis.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with self._redis.translated():
                yield
        except RedisUnavailable as error:
            # The cause names the server, for the log; this may reach anybody.
            raise LimitsUnavailable("The store of limits, Redis, does not answer.") from error


def _until_over(milliseconds: int) -> timedelta:
    """What is left of a window. It may have ended since it was asked: then the next hit is allowed at once."""
    return max(milliseconds, 1) * _MILLISECOND
