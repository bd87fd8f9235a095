"""Cache and limits in Redis: the providers `redis` of the capabilities `cache` and `limits`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from bharat import hookimpl
from bharat.contracts.cache import Cache
from bharat.contracts.check import Finding
from bharat.contracts.limits import Limits
from bharat.contracts.platform import Platform
from bharat.contracts.provider import Provider
from bharat_redis import RedisSettings
from bharat_redis.settings import Seconds

if TYPE_CHECKING:
    from bharat_cache_redis.cache import RedisCache
    from bharat_cache_redis.limits import RedisLimits


class RedisCacheOptions(RedisSettings, frozen=True, forbid_unknown_fields=True):
    """Options of the cache provider `redis`. It gives up sooner than others: what does not answer is a miss."""

    url: Annotated[
        str,
        msgspec.Meta(
            description="the Redis server of the cache, best one of its own that evicts: redis://user:password@host:6379/0, or "
            "rediss:// for TLS",
            examples=["rediss://bharat:password@cache.example.com:6379/0"],
            extra={"env": ("REDIS_CACHE_URL", "REDIS_URL"), "secret": True},
        ),
    ]
    connect_timeout: Annotated[Seconds, msgspec.Meta(description="seconds to wait for a connection")] = 0.5
    read_timeout: Annotated[Seconds, msgspec.Meta(description="seconds to wait for an answer")] = 0.5
    pool_timeout: Annotated[Seconds, msgspec.Meta(description="seconds to wait for a free connection")] = 0.5
    rest: Annotated[
        Seconds, msgspec.Meta(description="seconds for which a server that did not answer is not asked again")
    ] = 1.0
    compute_timeout: Annotated[
        Seconds, msgspec.Meta(description="seconds for which one computation of a value keeps other processes waiting")
    ] = 30.0


class RedisLimitOptions(RedisSettings, frozen=True, forbid_unknown_fields=True):
    """Options of the limits provider `redis`. Counters are state: they belong where nothing is evicted."""


@hookimpl
def bharat_cache() -> Sequence[Provider[Cache, Any]]:
    return [
        Provider(
            "redis",
            RedisCacheOptions,
            _build_cache,
            shared=True,
            summary="A cache in Redis or Valkey",
            check=_check_cache,
        )
    ]


@hookimpl
def bharat_limits() -> Sequence[Provider[Limits, Any]]:
    return [
        Provider(
            "redis",
            RedisLimitOptions,
            _build_limits,
            shared=True,
            summary="Counters in Redis or Valkey",
            check=_check_limits,
        )
    ]


def _build_cache(options: RedisCacheOptions, platform: Platform) -> Cache:
    from bharat_cache_redis.cache import RedisCache

    return RedisCache(options)


def _build_limits(options: RedisLimitOptions, platform: Platform) -> Limits:
    from bharat_cache_redis.limits import RedisLimits

    return RedisLimits(options)


def _check_cache(cache: RedisCache, platform: Platform) -> Iterable[Finding]:
    from bharat_cache_redis.health import examine_cache

    return examine_cache(cache, platform)


def _check_limits(limits: RedisLimits, platform: Platform) -> Iterable[Finding]:
    from bharat_cache_redis.health import examine_limits

    return examine_limits(limits, platform)
