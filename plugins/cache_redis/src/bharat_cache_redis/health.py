"""The health check: does Redis answer, and may it forget what is counted?"""

from __future__ import annotations

from bharat.contracts.cache import Cache
from bharat.contracts.check import Finding, Status
from bharat.contracts.limits import Limits, LimitsUnavailable
from bharat_cache_redis.cache import RedisCache
from bharat_cache_redis.limits import RedisLimits
from bharat_redis import RedisUnavailable


def examine(cache: Cache, limits: Limits) -> Finding:
    """What is to be said of the application's cache and limits."""
    cached, counted = isinstance(cache, RedisCache), isinstance(limits, RedisLimits)
    if not (cached or counted):
        return Finding(
            Status.DEGRADED,
            "the plugin cache_redis is enabled, and neither cache nor limits are kept in Redis",
            'set cache.provider or limits.provider to "redis", or disable the plugin',
        )
    try:
        kept = limits.eviction_policy() if isinstance(limits, RedisLimits) else "noeviction"
    except LimitsUnavailable as error:
        return Finding(Status.FAILED, str(error), "see that Redis runs and that limits.redis.url is right")
    try:
        evicting = cache.eviction_policy() if isinstance(cache, RedisCache) else "allkeys-lru"
    except RedisUnavailable as error:
        # Slower, and still right.
        return Finding(
            Status.DEGRADED, f"nothing is cached: {error}", "see that Redis runs and that cache.redis.url is right"
        )
    if kept != "noeviction":
        return Finding(
            Status.DEGRADED,
            f"Redis may forget how often somebody tried to log in when it is full (maxmemory-policy {kept})",
            "set maxmemory-policy to noeviction there, and give the cache another Redis (REDIS_CACHE_URL)",
        )
    if evicting == "noeviction":
        return Finding(
            Status.DEGRADED,
            "a full cache would fill the Redis of sessions and limits, which evicts nothing",
            "give the cache a Redis of its own (REDIS_CACHE_URL) with maxmemory-policy allkeys-lru",
        )
    return Finding(Status.OK, "Redis answers")
