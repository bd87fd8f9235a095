"""A real Valkey for the tests of a file, empty at the start of each; missing, it is a loud skip, and a failure when CI is set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis

from bharat_cache_redis import RedisCacheOptions, RedisLimitOptions
from bharat_cache_redis.cache import RedisCache
from bharat_cache_redis.limits import RedisLimits
from bharat_local_servers import ServerUnavailable, Valkey

BuildCache = Callable[..., RedisCache]
BuildLimits = Callable[[], RedisLimits]


@pytest.fixture(scope="module")
def running_valkey() -> Iterator[Valkey]:
    try:
        server = Valkey()
    except ServerUnavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))
    with server:
        yield server


@pytest.fixture
def valkey(running_valkey: Valkey) -> Valkey:
    running_valkey.start()  # a test before may have stopped it
    with redis.Redis.from_url(running_valkey.url) as client:
        client.flushall()
    return running_valkey


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


@pytest.fixture
def raw(valkey: Valkey) -> Iterator[Any]:
    """A plain client, to look at what is stored."""
    with redis.Redis.from_url(valkey.url) as client:
        yield client
