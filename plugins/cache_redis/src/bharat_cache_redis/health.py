"""The checks of both providers: is the server fit for what is kept, and may its user do what that needs?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

from bharat.contracts.check import Finding, Status
from bharat.contracts.distance import examine_distance
from bharat.contracts.limits import LimitsUnavailable
from bharat.contracts.platform import Platform
from bharat_cache_redis.cache import RedisCache
from bharat_cache_redis.limits import RedisLimits
from bharat_redis import Keeps, RedisUnavailable, examine

_SHORTLY = timedelta(seconds=30)


def examine_cache(cache: RedisCache, platform: Platform) -> Iterator[Finding]:
    """What is to be said of the cache. Nothing is a failure: without it everything is slower, and still right."""
    for remark in examine(cache.clients, Keeps.CACHE, "cached values", "cache.redis.url", cache.try_out):
        status = Status.OK if remark.severity == "ok" else Status.DEGRADED
        yield Finding(status, remark.detail, remark.remedy, remark.about)


def examine_limits(limits: RedisLimits, platform: Platform) -> Iterator[Finding]:
    """What is to be said of the store of limits."""
    serves = False
    for remark in examine(limits.clients, Keeps.STATE, "limits", "limits.redis.url", lambda: _try_out(limits)):
        serves = (remark.about, remark.severity) == ("commands", "ok")
        yield Finding(Status(remark.severity), remark.detail, remark.remedy, remark.about)
    if serves:
        yield from examine_distance(limits.clients.now, platform.clock, "Redis")


def _try_out(limits: RedisLimits) -> None:
    """Every method once, on a key of nobody's. Raises `RedisUnavailable`."""
    key = f"probe:{uuid4()}"
    try:
        limits.hit(key, limit=2, window=_SHORTLY)
        limits.peek(key, limit=2)
        limits.give_back(key)
        limits.take(key, capacity=2, per_second=1)
        limits.reset(key)
        limits.sweep()
    except LimitsUnavailable as error:
        cause = error.__cause__
        if isinstance(cause, RedisUnavailable):
            raise cause from cause.__cause__  # the driver's own words, which name the command
        raise
