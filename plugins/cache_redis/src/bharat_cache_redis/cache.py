"""`RedisCache`: every method is one round trip, and a Redis that does not answer is a miss."""

from __future__ import annotations

import logging
import random
import re
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from bharat.contracts.cache import validate_cache_key, validate_cache_ttl
from bharat.contracts.flights import Flights
from bharat_cache_redis import scripts
from bharat_redis import RedisUnavailable, open_redis

if TYPE_CHECKING:
    from bharat_cache_redis import RedisCacheOptions
    from bharat_redis.clients import RedisClients

log = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")

_POLL = 0.02
"""Seconds between two looks for what another process computes, about."""
_SCAN = 500
"""Keys that one step of `clear` looks at; other clients are served between the steps."""
_MILLISECOND = timedelta(milliseconds=1)


class RedisCache:
    """See `bharat.contracts.cache.Cache`. Redis may be down while this is made.

    Redis that did not answer is not asked again for a while, so that it costs one request its time-out and not all of them. What was
    to be deleted meanwhile lives on in it until its TTL is over."""

    def __init__(self, options: RedisCacheOptions) -> None:
        self._redis = open_redis(options.connection("bharat-cache"))
        self._values = self._redis.key("cache", "value", "")
        self._marks = self._redis.key("cache", "computing", "")
        self._rest = options.rest
        self._resting_until = 0.0
        self._patience = options.compute_timeout
        self._flights = Flights()
        self._set = self._redis.script(scripts.SET)
        self._begin = self._redis.script(scripts.BEGIN)
        self._finish = self._redis.script(scripts.FINISH)

    def get(self, key: str) -> bytes | None:
        validate_cache_key(key)
        found: Any = self._asked(lambda: self._redis.call("GET", self._values + key), None)
        return None if found is None else bytes(found)

    def set(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        validate_cache_key(key)
        validate_cache_ttl(ttl)
        self._flights.forget(key)
        self._asked(lambda: self._set(self._keys(key), [value, ttl // _MILLISECOND]), None)

    def delete(self, key: str) -> None:
        validate_cache_key(key)
        self._flights.forget(key)
        self._asked(lambda: self._redis.call("DEL", *self._keys(key)), None)

    def get_or_compute(self, key: str, compute: Callable[[], bytes], *, ttl: timedelta) -> bytes:
        """As the contract says. A `compute` that asks for its own key raises `RuntimeError`: it would wait for itself."""
        validate_cache_ttl(ttl)
        found = self.get(key)
        return found if found is not None else self._flights.share(key, lambda: self._computed(key, compute, ttl))

    def clear(self) -> None:
        self._flights.forget_all()
        # The names after the prefix are ours; what is special in a pattern is not, where it stands in the prefix.
        pattern = re.sub(r"([\[\]?*\\])", r"\\\1", self._redis.key("cache", "")) + "*"
        cursor: int | None = None
        while cursor != 0:
            step: Any = self._asked(lambda at=cursor: self._redis.commands.scan(at or 0, pattern, _SCAN), (0, []))  # type: ignore[misc] # mypy reads no defaults
            cursor, keys = step
            if keys:
                self._asked(lambda gone=keys: self._redis.commands.unlink(*gone), None)  # type: ignore[misc] # mypy reads no defaults

    @property
    def clients(self) -> RedisClients:
        """Its connections, for the health check."""
        return self._redis

    def try_out(self) -> None:
        """Each command once, on keys of nobody's; unlike those of the contract it raises `RedisUnavailable`."""
        mark = secrets.token_hex(16)
        keys = self._keys(f"probe:{mark}")
        with self._redis.translated():
            self._begin(keys, [mark, 1000])
            self._finish(keys, [mark, b"1", 1000])
            self._set(keys, [b"1", 1000])
            self._redis.commands.get(keys[0])
            self._redis.commands.scan(0, keys[0], 1)
            self._redis.commands.unlink(*keys)
            self._redis.commands.delete(*keys)

    def close(self) -> None:
        self._redis.close()

    def _computed(self, key: str, compute: Callable[[], bytes], ttl: timedelta) -> bytes:
        """Wait for the process that computes the value, or compute it."""
        mark = secrets.token_hex(16)
        until = time.monotonic() + self._patience
        while True:
            begun = self._asked(lambda: self._begin(self._keys(key), [mark, int(self._patience * 1000)]), 1)
            if isinstance(begun, list):
                return bytes(begun[0])
            if begun == 1 or time.monotonic() > until:
                break
            time.sleep(_POLL * (0.5 + random.random()))
        found: list[bytes | int] = []
        try:
            value = compute()
            found = [value, ttl // _MILLISECOND]
            return value
        finally:
            self._asked(lambda: self._finish(self._keys(key), [mark, *found]), None)

    def _keys(self, key: str) -> list[str]:
        return [self._values + key, self._marks + key]

    def _asked(self, ask: Callable[[], ResultT], otherwise: Any) -> ResultT | Any:
        """What Redis answers; `otherwise` when it does not, or did not just now."""
        if time.monotonic() < self._resting_until:
            return otherwise
        try:
            with self._redis.translated():
                return ask()
        except RedisUnavailable as error:
            self._resting_until = time.monotonic() + self._rest
            log.warning("the cache does without Redis for %s s: %s", self._rest, error)
            return otherwise
