"""Cache and limits on the real Valkey of `bharat_local_servers.pytest_fixtures`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from bharat_cache_redis import RedisCacheOptions, RedisLimitOptions
from bharat_cache_redis.cache import RedisCache
from bharat_cache_redis.limits import RedisLimits
from bharat_local_servers import Valkey

BuildCache = Callable[..., RedisCache]
BuildLimits = Callable[[], RedisLimits]


@pytest.fixture
def build_cache(valkey: Valkey) -> Iterator[BuildCache]:
    """Builds the cache as one more process does, with the scripts as they are now."""
    with ExitStack() as stack:

        def builder(**more: Any) -> RedisCache:
            built = RedisCache(RedisCacheOptions(url=valkey.url, connect_timeout=0.5, read_timeout=0.5, **more))
            stack.callback(built.close)
            return built

        yield builder


@pytest.fixture
def build_limits(valkey: Valkey) -> Iterator[BuildLimits]:
    """Builds the limits as one more process does, with the scripts as they are now."""
    with ExitStack() as stack:

        def builder() -> RedisLimits:
            built = RedisLimits(RedisLimitOptions(url=valkey.url, connect_timeout=0.5, read_timeout=0.5))
            stack.callback(built.close)
            return built

        yield builder
